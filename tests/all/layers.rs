//! After an image was read its layers' bytes can be had again.

use crate::tarballs::{Packing, Store, archive, docker_new, docker_old, gzip, indexed, oci, sample, zstandard};
use slimwright::base::{Digest, Hint as _};
use slimwright::image::{Image, ImageError, Layers, OpenOptions, Target, open_with_layers, write_recorded};
use slimwright::layer::Limits;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

fn opened(path: &Path) -> (Image, Layers) {
    open_with_layers(&Target::at(path), &OpenOptions::default(), &()).unwrap()
}

/// The files of a layer, with their bytes.
fn files(layers: &Layers, position: usize) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    let mut visit = |entry: &slimwright::layer::Entry, body: &mut dyn std::io::Read| {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).unwrap();
        out.insert(entry.path.to_string(), bytes);
    };
    layers.visit(position, &Limits::default(), &mut visit).unwrap();
    out
}

#[test]
fn every_blob_is_the_one_that_was_read_and_every_file_has_its_bytes() {
    let (store, parts) = (Store::new(), sample());
    let paths = [
        store.write("old.tar", docker_old(&parts)),
        store.write("new.tar", archive(&docker_new(&parts))),
        store.write("oci.tar", archive(&oci(&parts, Packing::Gzip))),
        store.folder("plain", &oci(&parts, Packing::Plain)),
        store.folder("gzip", &oci(&parts, Packing::Gzip)),
        store.folder("zstd", &oci(&parts, Packing::Zstd)),
        store.folder("unpacked", &docker_new(&parts)),
    ];
    for path in &paths {
        let (image, layers) = opened(path);
        for (position, (layer, tar)) in image.layers.iter().zip(&parts.layers).enumerate() {
            let mut blob = Vec::new();
            layers.blob(position).unwrap().read_to_end(&mut blob).unwrap();
            let expected = layer.blob.unwrap_or_else(|| Digest::of(tar));
            assert_eq!(Digest::of(&blob), expected, "{}, layer {position}", path.display());
            // Read once more: nothing is used up.
            let (first, second) = (files(&layers, position), files(&layers, position));
            assert_eq!(first, second);
            let sizes: BTreeMap<String, u64> = indexed(tar)
                .entries
                .iter()
                .filter(|entry| entry.kind == slimwright::layer::EntryKind::File)
                .map(|entry| (entry.path.to_string(), entry.size))
                .collect();
            let found = first.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64));
            assert_eq!(found.collect::<BTreeMap<_, _>>(), sizes, "{}", path.display());
        }
        assert!(matches!(layers.blob(parts.layers.len()), Err(ImageError::Gone { .. })));
    }
}

#[test]
fn a_root_file_system_has_files_and_no_blob() {
    let store = Store::new();
    store.write("root/etc/os-release", "ID=debian\n");
    store.write("root/usr/bin/a", "12345");
    std::fs::hard_link(store.path("root/usr/bin/a"), store.path("root/usr/bin/b")).unwrap();
    let (_, layers) = opened(&store.path("root"));
    let files = files(&layers, 0);
    assert_eq!(files["/usr/bin/a"], b"12345");
    assert_eq!(files.len(), 2, "a hard link has no bytes of its own: {files:?}");
    let error = layers.blob(0).err().unwrap();
    assert!(error.to_string().contains("a root file system has files and no blob"), "{error}");
    // What has changed since is told, not handed out.
    store.write("root/usr/bin/a", "123456");
    let error = layers.visit(0, &Limits::default(), &mut |_, _| {}).unwrap_err().to_string();
    assert!(error.contains("usr/bin/a") && error.contains("expected 5 bytes, as when it was read, found 6"), "{error}");
}

#[test]
fn bytes_that_came_along_once_are_gone() {
    let (store, parts) = (Store::new(), sample());
    let (image, _) = opened(&store.write("old.tar", docker_old(&parts)));
    let mut recorded = Vec::new();
    write_recorded(&image, &mut recorded).unwrap();
    for (path, why) in [
        (store.write("old.tar.gz", gzip(&docker_old(&parts), 5_000)), "came along once"),
        (store.write("old.tar.zst", zstandard(&docker_old(&parts), 5_000)), "came along once"),
        (store.write("image.index", recorded), "a recorded index has entries and no bytes"),
    ] {
        let (_, layers) = opened(&path);
        let error = layers.blob(1).err().unwrap();
        let text = error.to_string();
        assert!(text.contains(why) && text.contains("layer 2") && text.contains(&*path.to_string_lossy()), "{text}");
        assert!(error.hint().is_some());
        assert!(layers.visit(1, &Limits::default(), &mut |_, _| {}).is_err());
    }
}
