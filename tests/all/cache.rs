//! The cache: the same image comes out of it, it is never trusted where it must not be, and it stays in its bounds.

use crate::tarballs::{Packing, Parts, Store, Tar, archive, blob_name, docker_new, docker_old, oci, sample};
use slimwright::image::{Cache, Image, ImageError, OpenOptions, Target, open};
use std::path::{Path, PathBuf};

fn cache(store: &Store) -> Cache {
    Cache::new(store.path("cache"), 1_000_000_000)
}

fn try_with(cache: &Cache, path: &Path, verify: bool) -> Result<Image, ImageError> {
    let target = Target::at(path);
    let options = OpenOptions { verify, cache: Some(cache.clone()), ..OpenOptions::default() };
    let image = open(&target, &options, &());
    cache.flush().unwrap();
    image
}

fn with(cache: &Cache, path: &Path) -> Image {
    try_with(cache, path, false).unwrap()
}

fn entries_of(store: &Store) -> Vec<PathBuf> {
    let versions = std::fs::read_dir(store.path("cache")).unwrap().map(|entry| entry.unwrap().path());
    let files = versions.flat_map(|folder| std::fs::read_dir(folder).unwrap());
    files.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_second_audit_reads_no_layer_and_finds_the_same() {
    let (store, parts) = (Store::new(), sample());
    for packing in [Packing::Gzip, Packing::Zstd] {
        let name = format!("{packing:?}");
        let folder = store.folder(&name, &oci(&parts, packing));
        let cache = Cache::new(store.path(&format!("cache of {name}")), 1_000_000_000);
        let first = with(&cache, &folder);
        // Nobody reads these bytes again: they are garbage of the same length now.
        for layer in &parts.layers {
            let blob = packing.pack(layer);
            let mut garbage = blob.clone();
            garbage[10..].fill(7);
            store.write(&format!("{name}/{}", blob_name(&blob)), garbage);
        }
        assert_eq!(with(&cache, &folder), first);
        try_with(&cache, &folder, true).unwrap_err();
    }
}

#[test]
fn an_image_that_shares_a_layer_is_served_wherever_it_is() {
    let (store, parts) = (Store::new(), sample());
    let cache = cache(&store);
    let first = with(&cache, &store.folder("gzip", &oci(&parts, Packing::Gzip)));
    let mut other = Parts::new(vec![parts.layers[0].clone(), Tar::new().file("new", "1").finish()]);
    other.names = vec!["example/other:2".into()];
    let folder = store.folder("other", &oci(&other, Packing::Zstd));
    let packed = Packing::Zstd.pack(&other.layers[0]);
    let mut garbage = packed.clone();
    garbage[20..].fill(7);
    store.write(&format!("other/{}", blob_name(&packed)), garbage);
    let image = with(&cache, &folder);
    let paths = |image: &Image| image.layers[0].entries.iter().map(|entry| entry.path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&image), paths(&first));
    let layer = &image.layers[0];
    assert_eq!((layer.verified.blob, layer.verified.diff_id), (false, false), "this blob was never read");
    assert_eq!(layer.wire, Some(packed.len() as u64));
}

#[test]
fn a_plain_archive_is_known_while_its_file_is_unchanged() {
    let (store, parts) = (Store::new(), sample());
    let cache = cache(&store);
    let path = store.write("old.tar", docker_old(&parts));
    let first = with(&cache, &path);
    assert_eq!(with(&cache, &path), first);
    // Another content of the same length under the same diff IDs.
    let mut bytes = docker_old(&parts);
    let at = bytes.windows(6).position(|window| window == b"after!").unwrap();
    let name = bytes.windows(15).rposition(|window| window == b"usr/lib/changed").unwrap();
    bytes[at..at + 6].copy_from_slice(b"other!");
    bytes[name..name + 15].copy_from_slice(b"usr/lib/chanceD");
    fix_checksum(&mut bytes, name);
    std::fs::write(&path, &bytes).unwrap();
    let changed = with(&cache, &path);
    assert!(changed.layers[1].entries.iter().any(|entry| entry.path.to_string() == "/usr/lib/chanceD"));
}

/// Of the header that begins at `at`.
fn fix_checksum(tar: &mut [u8], at: usize) {
    let header = &mut tar[at..at + 512];
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn an_image_that_lies_about_its_layers_leaves_nothing_behind_for_others() {
    let (store, parts) = (Store::new(), sample());
    let cache = cache(&store);
    let mut lying = parts.clone();
    lying.layers[1] = Tar::new().file("not/what/it/says", "x").finish();
    for (name, bytes) in [("old.tar", docker_old(&lying)), ("new.tar", archive(&docker_new(&lying)))] {
        let image = with(&cache, &store.write(name, bytes));
        assert!(!image.layers[1].verified.diff_id);
    }
    try_with(&cache, &store.folder("lying", &oci(&lying, Packing::Gzip)), false).unwrap_err();
    let honest = with(&cache, &store.folder("honest", &oci(&parts, Packing::Gzip)));
    assert!(honest.layers[1].entries.iter().all(|entry| entry.path.to_string() != "/not/what/it/says"));
}

#[test]
fn what_is_damaged_is_read_anew_and_mended() {
    let (store, parts) = (Store::new(), sample());
    let cache = cache(&store);
    let folder = store.folder("gzip", &oci(&parts, Packing::Gzip));
    let first = with(&cache, &folder);
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damages: [Damage; 5] = [
        |mut bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bytes
        },
        |bytes| bytes[..bytes.len() - 3].to_vec(),
        |_| Vec::new(),
        |_| b"SLIMIDX\n".to_vec(),
        |mut bytes| {
            bytes[8] += 1;
            bytes
        },
    ];
    for damage in damages {
        for entry in entries_of(&store) {
            std::fs::write(&entry, damage(std::fs::read(&entry).unwrap())).unwrap();
        }
        assert_eq!(with(&cache, &folder), first);
        assert_eq!(with(&cache, &folder), first);
        assert_eq!(entries_of(&store).len(), 2);
    }
}

#[test]
fn several_processes_may_use_it_at_once() {
    let (store, parts) = (Store::new(), sample());
    let folder = store.folder("gzip", &oci(&parts, Packing::Gzip));
    let expected = with(&cache(&store), &folder);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..20 {
                    let cache = cache(&store);
                    assert_eq!(with(&cache, &folder), expected);
                    if round % 5 == 4 {
                        cache.clear().unwrap();
                    }
                }
            });
        }
    });
}

#[test]
fn it_stays_in_its_bounds_and_what_was_used_last_stays() {
    let store = Store::new();
    let image = |n: u32| {
        let text: String = (0..2_000).map(|k| format!("{:x}", (k * 7919 + n).wrapping_mul(2_654_435_761))).collect();
        let names = (0..200).fold(Tar::new(), |tar, k| tar.file(&format!("dir/{}", &text[k * 8..k * 8 + 40]), "x"));
        store.folder(&format!("image {n}"), &oci(&Parts::new(vec![names.finish()]), Packing::Gzip))
    };
    let one = {
        let cache = cache(&store);
        with(&cache, &image(0));
        cache.info().bytes
    };
    let small = Cache::new(store.path("cache"), one * 3);
    let first = image(1);
    for n in 1..8 {
        with(&small, &image(n));
        with(&small, &first);
        assert!(small.info().bytes <= one * 3, "{} > 3 × {one}", small.info().bytes);
    }
    assert!(small.info().entries >= 1);
    // The first image was used all the time: its layer is still known although its bytes are gone.
    let blobs = std::fs::read_dir(first.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    for path in blobs.filter(|path| std::fs::read(path).unwrap().starts_with(&[0x1f, 0x8b])) {
        let length = std::fs::metadata(&path).unwrap().len() as usize;
        std::fs::write(&path, [&[0x1f, 0x8b, 8][..], &vec![7; length - 3]].concat()).unwrap();
    }
    with(&small, &first);
}

#[test]
fn clearing_removes_the_entries_and_nothing_else() {
    let (store, parts) = (Store::new(), sample());
    let cache = cache(&store);
    with(&cache, &store.folder("gzip", &oci(&parts, Packing::Gzip)));
    let theirs = [store.write("cache/notes.txt", "mine"), store.write("cache/vacation/photo.jpg", "mine")];
    assert_eq!((cache.info().entries, cache.clear().unwrap().entries, cache.info().entries), (2, 2, 0));
    assert!(theirs.iter().all(|path| path.exists()));
}

#[test]
fn a_folder_that_cannot_be_written_costs_the_cache_and_not_the_audit() {
    let (store, parts) = (Store::new(), sample());
    let cache = Cache::new(store.write("a file", "").join("cache"), 1_000_000);
    let target = Target::at(store.folder("gzip", &oci(&parts, Packing::Gzip)));
    open(&target, &OpenOptions { cache: Some(cache.clone()), ..OpenOptions::default() }, &()).unwrap();
    cache.flush().unwrap_err();
}
