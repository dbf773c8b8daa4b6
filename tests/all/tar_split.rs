//! The classic store: tars that are put together from tar-split's lines and unpacked files, compared with the tars
//! that they were made of. The split is made here, from what the `tar` crate says of where bodies begin.

use crate::tarballs::{Parts, Store, Tar, gzip, small};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;
use slimwright::base::{Digest, EntryIdx, Hint as _, clean_path};
use slimwright::daemon::{self, DaemonError, Folder, TarSplit, VirtualTar, chain_ids};
use slimwright::layer::{Blob, Expected, ReadAt, digest_bodies, index_seeking};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

struct Bytes(Vec<u8>);

impl ReadAt for Bytes {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.0.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

fn segment(bytes: &[u8]) -> String {
    json!({"type": 2, "payload": STANDARD.encode(bytes), "position": 0}).to_string() + "\n"
}

fn file_line(name: &[u8], size: u64) -> String {
    let mut line = json!({"type": 1, "payload": if size > 0 { json!("AAAAAAAAAAA=") } else { json!(null) }});
    match std::str::from_utf8(name) {
        Ok(name) => line["name"] = json!(name),
        Err(_) => line["name_raw"] = json!(STANDARD.encode(name)),
    }
    if size > 0 {
        line["size"] = json!(size);
    }
    line.to_string() + "\n"
}

/// tar-split's lines of a tar. Bodies are unpacked into the folder.
pub fn split(tar: &[u8], folder: &Path) -> String {
    let (mut lines, mut at) = (String::new(), 0);
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let entry = entry.unwrap();
        let body = entry.raw_file_position() as usize;
        let size = if entry.header().entry_type().is_file() { entry.size() as usize } else { 0 };
        // Padding is a segment of its own now and then.
        let middle = at + (body - at) / 3;
        lines += &segment(&tar[at..middle]);
        lines += &segment(&tar[middle..body]);
        lines += &file_line(&entry.path_bytes(), size as u64);
        at = body + size;
        if size > 0 {
            let path = folder.join(std::ffi::OsStr::from_bytes(&clean_path(&entry.path_bytes())));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &tar[body..at]).unwrap();
        }
    }
    lines + &segment(&tar[at..]) + &segment(b"")
}

fn put_together(lines: &str, folder: &Path) -> (VirtualTar, u64) {
    let split = TarSplit::parse(lines.as_bytes()).unwrap();
    let length = split.len();
    (VirtualTar::new(split, Folder::open(folder).unwrap()), length)
}

/// The error of reading what the lines say.
fn reading_fails(lines: &str, folder: &Path) -> String {
    let (tar, length) = put_together(lines, folder);
    let blob = Blob::new(Arc::new(tar), 0, length);
    blob.read_all(1 << 20).unwrap_err().to_string()
}

/// Names of every length and form, all different.
fn name(number: usize, form: u8) -> Vec<u8> {
    let text = match form % 6 {
        0 => format!("f{number}"),
        1 => format!("./usr/lib/<a> & b/f{number}"),
        2 => format!("{}/f{number}", "long-directory".repeat(12)),
        3 => format!("usr/lib/\u{e9}\u{4e2d}\u{2028}\"\\/f{number}"),
        4 => return [format!("usr/f{number}").as_bytes(), b"\xff\xfe"].concat(),
        _ => format!("a/../b/{number}"),
    };
    text.into_bytes()
}

fn body(length: usize, seed: u8) -> Vec<u8> {
    // With long runs of zeros.
    (0..length).map(|n| if n / 100 % 2 == 0 { 0 } else { (n as u8).wrapping_mul(seed) }).collect()
}

fn build(entries: &[(u8, usize, u8)]) -> Vec<u8> {
    let mut tar = Tar::new();
    for (number, &(form, length, kind)) in entries.iter().enumerate() {
        let path = name(number, form);
        if path.len() > 100 {
            tar = tar.pax(b'x', &[("path", &path)]);
        }
        tar = match kind % 4 {
            0 => tar.dir(&format!("d{number}/")),
            1 => tar.link(&format!("l{number}"), b'2', "/etc"),
            _ => tar.entry(&path, b'0', &body(length, form | 1)),
        };
    }
    tar.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_put_together_is_the_tar(
        entries in prop::collection::vec(
            (any::<u8>(), prop::sample::select(vec![0, 1, 31, 32, 33, 511, 512, 513, 5_000, 70_000]), any::<u8>()), 0..12),
        reads in prop::collection::vec((any::<prop::sample::Index>(), 1usize..9_000), 0..60),
    ) {
        let (tar, folder) = (build(&entries), Store::new());
        let (found, length) = put_together(&split(&tar, folder.0.path()), folder.0.path());
        prop_assert_eq!(length, tar.len() as u64);
        for (at, most) in reads {
            let at = at.index(tar.len() + 10);
            let mut buffer = vec![1; most];
            let count = found.read_at(&mut buffer, at as u64).unwrap();
            prop_assert_eq!(count == 0, at >= tar.len());
            prop_assert_eq!(&buffer[..count], tar.get(at..at + count).unwrap_or_default());
        }
        let blob = Blob::new(Arc::new(found), 0, length);
        prop_assert!(blob.read_all(1 << 24).unwrap() == tar);
        let plain = Blob::new(Arc::new(Bytes(tar)), 0, length);
        let index = |blob: &Blob| index_seeking(blob, Expected::default(), &small()).unwrap();
        let (expected, bodies) = index(&plain);
        prop_assert_eq!(&index(&blob), &(expected.clone(), bodies.clone()));
        let todo: Vec<(EntryIdx, u64, u64)> =
            expected.entries.iter().zip(&bodies).enumerate().map(|(n, (entry, at))| (n as u32, *at, entry.size)).collect();
        prop_assert_eq!(digest_bodies(&blob, &todo).unwrap(), digest_bodies(&plain, &todo).unwrap());
    }

    #[test]
    fn lines_of_any_kind_are_an_error_or_a_tar(text in "[\\{\\}\"typesizname_rawpayload:,0-9A= \\n-]{0,200}", bytes: Vec<u8>) {
        let _ = TarSplit::parse(text.as_bytes());
        let _ = TarSplit::parse(&bytes[..]);
        let line = format!("{{\"type\":2,\"payload\":\"{text}\"}}");
        let _ = TarSplit::parse(line.as_bytes());
    }
}

#[test]
fn a_read_ahead_of_a_body_opens_nothing() {
    let folder = Store::new();
    // The files are not there, and the index is made all the same.
    let tar = Tar::new().file("a", [1; 10]).dir("d/").file("d/b", [2; 600]).finish();
    let lines = split(&tar, folder.0.path());
    let empty = Store::new();
    let (found, length) = put_together(&lines, empty.0.path());
    let mut buffer = [0; 4096];
    assert_eq!(found.read_at(&mut buffer, 0).unwrap(), 512);
    assert_eq!(found.read_at(&mut buffer, 522).unwrap(), 502 + 1024);
    let blob = Blob::new(Arc::new(found), 0, length);
    assert_eq!(index_seeking(&blob, Expected::default(), &small()).unwrap().0.entries.len(), 3);
}

#[test]
fn nothing_outside_the_folder_is_read() {
    let outside = Store::new();
    let secret = outside.write("secret", "secret");
    let folder = Store::new();
    symlink(outside.0.path(), folder.path("a")).unwrap();
    folder.write("in/file", "123456");
    symlink(&secret, folder.path("in/link")).unwrap();
    symlink("file", folder.path("in/beside")).unwrap();
    for name in ["a/secret", "in/link", "in/beside", "in/file/x"] {
        let text = reading_fails(&file_line(name.as_bytes(), 6), folder.0.path());
        assert!(text.contains(name) && (text.contains("symbolic link") || text.contains("regular file")), "{text}");
    }
    let up = format!("../../../../../../../../..{}", secret.display());
    let text = reading_fails(&file_line(up.as_bytes(), 6), folder.0.path());
    assert!(text.contains("found none"), "{text}");
    // The directory that stays open is that of the last file, whatever was refused in between.
    let lines = [("in/file", 6), ("a/secret", 6), ("in/file", 6)].map(|(name, size)| file_line(name.as_bytes(), size));
    let (tar, _) = put_together(&lines.concat(), folder.0.path());
    let mut buffer = [0; 100];
    assert_eq!((tar.read_at(&mut buffer, 0).unwrap(), &buffer[..6]), (6, &b"123456"[..]));
    tar.read_at(&mut buffer, 6).unwrap_err();
    assert_eq!((tar.read_at(&mut buffer, 14).unwrap(), &buffer[..4]), (4, &b"3456"[..]));
    symlink(outside.0.path(), folder.path("folder")).unwrap();
    assert!(Folder::open(&folder.path("folder")).is_err());
}

#[test]
fn files_that_are_not_as_recorded_are_errors() {
    let folder = Store::new();
    folder.write("short", "12345");
    std::fs::create_dir(folder.path("directory")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap().success());
    for (name, expected) in [
        ("gone", "/gone: expected a file in the engine's store, found none"),
        ("no/where", "/no/where: expected a file in the engine's store, found none"),
        ("short", "/short: expected 6 bytes, found 5"),
        ("directory", "/directory: expected a regular file, found something else"),
        ("pipe", "/pipe: expected a regular file, found something else"),
    ] {
        assert_eq!(reading_fails(&file_line(name.as_bytes(), 6), folder.0.path()), expected);
    }
}

/// Only root may set the attribute, and not in every file system.
#[test]
fn a_file_without_its_content_is_an_error() {
    let folder = Store::new();
    let file = folder.write("file", "123456");
    let file = std::fs::File::open(file).unwrap();
    let set = rustix::fs::fsetxattr(&file, "trusted.overlay.metacopy", b"", rustix::fs::XattrFlags::empty());
    if set.is_ok() {
        let text = reading_fails(&file_line(b"file", 6), folder.0.path());
        assert!(text.contains("metacopy"), "{text}");
    }
}

#[test]
fn lines_that_make_no_sense_are_errors() {
    let huge = file_line(b"a", i64::MAX as u64);
    let padded = format!("{{\"type\":2,\"payload\":\"{}\"}}", STANDARD.encode([7; 47]).repeat(2));
    let long = segment(&vec![0; 13 << 20]);
    for (lines, expected) in [
        ("{}", "line 1: expected an entry: missing field `type`"),
        ("\n", "line 1: expected an entry"),
        (r#"{"type":3}"#, "line 1: expected an entry of type 1 or 2, found 3"),
        (r#"{"type":1,"name":"a","size":-1}"#, "line 1: expected a size, found -1"),
        (r#"{"type":1,"name":"a","size":1e30}"#, "line 1: expected an entry"),
        (r#"{"type":1,"size":1}"#, "line 1: expected a file's name"),
        (r#"{"type":1,"name":"a/..","size":1}"#, "line 1: expected a file's name"),
        (r#"{"type":1,"name":"a\u0000b","size":1}"#, "line 1: expected a file's name"),
        (r#"{"type":1,"name_raw":"?","size":1}"#, "line 1: expected base64"),
        (r#"{"type":2,"payload":"A"}"#, "line 1: expected base64"),
        (&padded, "line 1: expected base64: it ends early"),
        ("{\"type\":2,\"payload\":\"\"}\n{\"type\":2", "line 2: expected an entry"),
        (&format!("{huge}{huge}"), "line 2: the sizes have no sum"),
        (&long, "line 1: more than 16777216 bytes"),
    ] {
        let text = TarSplit::parse(lines.as_bytes()).map(|_| ()).unwrap_err().to_string();
        assert!(text.starts_with(expected), "{text}");
    }
    // One huge file is none of ours to judge.
    assert_eq!(TarSplit::parse(huge.as_bytes()).unwrap().len(), i64::MAX as u64);
    assert!(TarSplit::parse(&b""[..]).unwrap().is_empty());
}

/// A store with an image, and the image's ID.
fn stored(parts: &Parts) -> (Store, PathBuf, Digest) {
    let store = Store::new();
    let diff_ids: Vec<Digest> = parts.layers.iter().map(|tar| Digest::of(tar)).collect();
    for (number, (tar, chain)) in parts.layers.iter().zip(chain_ids(&diff_ids)).enumerate() {
        let folder = store.path(&format!("overlay2/cache{number}/diff"));
        std::fs::create_dir_all(&folder).unwrap();
        let layer = format!("image/overlay2/layerdb/sha256/{}", &chain.to_string()[7..]);
        store.write(&format!("{layer}/tar-split.json.gz"), gzip(split(tar, &folder).as_bytes(), 5_000));
        store.write(&format!("{layer}/diff"), diff_ids[number].to_string());
        store.write(&format!("{layer}/cache-id"), format!("cache{number}"));
    }
    let (config, id) = (parts.config_bytes(), Digest::of(&parts.config_bytes()));
    store.write(&format!("image/overlay2/imagedb/content/sha256/{}", &id.to_string()[7..]), config);
    let root = store.0.path().to_owned();
    (store, root, id)
}

fn opened(root: &Path, id: &Digest) -> Result<daemon::StoredImage, DaemonError> {
    daemon::Store::open(root, "overlay2").unwrap().image(id)
}

#[test]
fn an_image_is_read_from_a_store() {
    let mut parts = crate::tarballs::sample();
    parts.layers.push(Tar::new().finish());
    let parts = Parts::new(parts.layers);
    let (_store, root, id) = stored(&parts);
    let image = opened(&root, &id).unwrap();
    assert_eq!(image.config, parts.config_bytes());
    assert_eq!(image.layers.len(), 3);
    for (layer, tar) in image.layers.iter().zip(&parts.layers) {
        assert_eq!(layer.diff_id, Digest::of(tar));
        assert!(layer.open().unwrap().read_all(1 << 20).unwrap() == *tar);
    }
}

/// Expected values by `sha256sum`.
#[test]
fn chain_ids_are_as_the_specification_has_them() {
    let layers = [Digest::of(b"a"), Digest::of(b"b"), Digest::of(b"c")];
    let second = "sha256:51c0c8ace48498d6f5fee6b0592cc06f2da0f3cbe09c5a34a97dce85c3889676";
    let third = "sha256:2fce7f8ce91bcf0a1428b36e1024639fdbd9469eea762dba98aa749631885106";
    let found: Vec<String> = chain_ids(&layers).iter().map(ToString::to_string).collect();
    assert_eq!(found, [&layers[0].to_string()[..], second, third]);
    assert!(chain_ids(&[]).is_empty());
}

#[test]
fn a_store_that_is_not_as_expected_is_an_error() {
    let parts = crate::tarballs::sample();
    let (store, root, id) = stored(&parts);
    let layer = format!("image/overlay2/layerdb/sha256/{}", &Digest::of(&parts.layers[0]).to_string()[7..]);
    let fails = || opened(&root, &id).map(|_| ()).unwrap_err().to_string();
    let error = opened(&root, &Digest::of(b"other")).map(|_| ()).unwrap_err();
    assert!(matches!(error, DaemonError::Open { .. }), "{error}");
    for cache in ["../../etc", "", "a/b", "."] {
        store.write(&format!("{layer}/cache-id"), cache);
        assert!(fails().contains("cache-id: expected a folder's name"), "{}", fails());
    }
    store.write(&format!("{layer}/cache-id"), "cache0");
    let split = format!("{layer}/tar-split.json.gz");
    let whole = std::fs::read(store.path(&split)).unwrap();
    let nothing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()).finish().unwrap();
    let opening = || opened(&root, &id).unwrap().layers[0].open().map(|_| ()).unwrap_err().to_string();
    for (bytes, expected) in [
        (&whole[..whole.len() - 9], "tar-split.json.gz: "),
        (&gzip(b"{\"type\":2}\n?", 99), "tar-split.json.gz: line 2: expected an entry"),
        (b"", "tar-split.json.gz: unexpected end of file"),
        (&nothing, "tar-split.json.gz: expected the headers of a tar, found nothing"),
    ] {
        store.write(&split, bytes);
        assert!(opening().contains(expected), "{}", opening());
    }
    std::fs::remove_file(store.path(&split)).unwrap();
    assert!(fails().contains("tar-split.json.gz: "), "{}", fails());
    store.write(&format!("{layer}/diff"), Digest::of(b"x").to_string());
    assert!(fails().contains("the diff ID does not match: expected sha256:"), "{}", fails());
    store.write(&format!("{layer}/diff"), "x".repeat(5_000));
    assert!(fails().contains("expected at most 1024 bytes"), "{}", fails());
    store.write(&format!("image/overlay2/imagedb/content/sha256/{}", &id.to_string()[7..]), "{}");
    assert!(fails().contains("the digest of the configuration does not match"), "{}", fails());
}

#[test]
fn why_a_store_cannot_be_read_is_said() {
    let store = Store::new();
    for (driver, expected) in [
        ("overlayfs", "expected the storage driver overlay2, found overlayfs"),
        ("overlay", "found overlay (Podman's)"),
        ("zfs\u{1b}", "expected the storage driver overlay2, found zfs\\x1b"),
        ("overlay2", "it is not there"),
    ] {
        let error = daemon::Store::open(store.0.path(), driver).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint().unwrap().contains("streamed"));
    }
}
