//! Tables of contents as skopeo writes them (zstd:chunked): by them every layer has the index that reading the
//! whole blob gives.

use crate::engine::{run, skip, subjects, try_run};
use serde_json::{Value, json};
use slimwright::base::Digest;
use slimwright::layer::{
    Blob, EntryKind, Expected, Limits, Linkage, RangeRead, SHA256_UP_TO, TocError, TocPlace, index_stream, index_toc,
    is_kept, is_library_source,
};
use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Counts what is asked of a blob.
struct Counting {
    blob: Blob,
    requests: Cell<u64>,
    bytes: Cell<u64>,
}

impl RangeRead for Counting {
    fn range(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        self.requests.set(self.requests.get() + 1);
        self.bytes.set(self.bytes.get() + length);
        self.blob.range(offset, length)
    }
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn blob_path(layout: &Path, digest: &str) -> PathBuf {
    layout.join("blobs").join(digest.replace(':', "/"))
}

/// The layers' descriptors in a layout's only manifest.
fn layers(layout: &Path) -> Vec<Value> {
    let index = json_of(&layout.join("index.json"));
    let manifest = json_of(&blob_path(layout, index["manifests"][0]["digest"].as_str().unwrap()));
    manifest["layers"].as_array().unwrap().clone()
}

/// Has skopeo write a layout with zstd:chunked layers.
fn chunked(from: &str, to: &Path) -> Vec<Value> {
    let to_name = format!("oci:{}:lab", to.display());
    run("skopeo", &["copy", "-q", "--insecure-policy", "--dest-compress-format", "zstd:chunked", from, &to_name]);
    layers(to)
}

/// Compares a layer both ways: false where the blob is to be read whole, because most of it is needed, or because
/// it has names that are not UTF-8, which JSON cannot hold.
fn assert_same(layout: &Path, descriptor: &Value) -> bool {
    let path = blob_path(layout, descriptor["digest"].as_str().unwrap());
    let length = descriptor["size"].as_u64().unwrap();
    let blob = Blob::new(Arc::new(File::open(path).unwrap()), 0, length);
    let annotations: HashMap<String, String> = serde_json::from_value(descriptor["annotations"].clone()).unwrap();
    let place = TocPlace::from_annotations(&annotations).unwrap().unwrap();
    let (limits, expected) = (Limits::default(), Expected::default());
    let (mut whole, _) = index_stream(&mut blob.open(), expected, &limits, &|_| {}).unwrap();
    // A table does not say what a file is linked with, and nobody asks for the sources of distributions here.
    whole.sources = false;
    // Tables have whole seconds.
    whole.fractions.clear();
    let entries = &whole.entries;
    let said = |at: &u32, text: &mut Vec<u8>| {
        Linkage::decode(text).is_none() && !is_library_source(entries[*at as usize].path.as_bytes())
    };
    whole.contents.retain(said);
    let source = Counting { blob, requests: Cell::new(0), bytes: Cell::new(0) };
    let mut found = match index_toc(&source, length, &place, expected, &limits) {
        Err(TocError::TooMuch { bytes, requests, .. }) => {
            println!("{length} bytes: as well read whole ({requests} requests for {bytes} bytes)");
            return false;
        }
        Err(TocError::Unusable(why)) => {
            let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\u{fffd}'));
            let names = || whole.entries.iter().flat_map(|entry| [Some(entry.path.as_bytes()), entry.link.as_deref()]);
            assert!(names().flatten().any(|name| !is_text(name)), "{why}");
            println!("{length} bytes: {why}");
            return false;
        }
        other => other.unwrap(),
    };
    let (requests, bytes, entries) = (source.requests.get(), source.bytes.get(), whole.entries.len());
    println!("{length} bytes: {requests} requests for {bytes} bytes; {entries} entries, {} kept", whole.contents.len());
    for (entry, whole) in found.entries.iter_mut().zip(&whole.entries) {
        if entry.kind == EntryKind::File && entry.size > SHA256_UP_TO && !is_kept(entry.path.as_bytes()) {
            // The table has SHA-256 of it, and the whole blob BLAKE3.
            assert!(entry.content.is_some() && entry.sha256().is_none());
            entry.content = whole.content;
        }
        assert_eq!(entry, whole);
    }
    assert!(found == whole, "entries {} and {}, {:?}", found.entries.len(), entries, found.oddities);
    true
}

/// A tar with every kind of entry, by the `tar` crate.
fn every_kind() -> Vec<u8> {
    use tar::{Builder, EntryType, Header};
    let mut tar = Builder::new(Vec::new());
    let header = |kind: EntryType, size: usize| {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(size as u64);
        header.set_mode(0o4755);
        header.set_uid(1_000);
        header.set_gid(70_000);
        header.set_mtime(1_566_297_043);
        header
    };
    let mut state = 1u64;
    let mut noise = |length: usize| -> Vec<u8> {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    };
    let long = format!("usr/share/{}/x.py", "d".repeat(150));
    let holes = [noise(3_000), vec![0; 300_000], noise(3_000)].concat();
    let code = "import demo\nprint(1)\n".repeat(9_000);
    let files: [(&str, Vec<u8>); 9] = [
        ("./app/main.py", b"import x\n".to_vec()),
        ("app/holes.py", holes),
        ("app/code.py", code.into_bytes()),
        ("app/empty.py", Vec::new()),
        ("usr/bin/large", noise(3_000_000)),
        ("usr/lib/.wh.gone", Vec::new()),
        ("usr/lib/d/.wh..wh..opq", Vec::new()),
        ("x-1.dist-info/RECORD", b"a,,\n".repeat(400)),
        (&long, b"y".to_vec()),
    ];
    tar.append_data(&mut header(EntryType::Directory, 0), "./app/", &[][..]).unwrap();
    for (name, body) in &files {
        tar.append_pax_extensions([("SCHILY.xattr.user.a", &b"\0\xffz"[..]), ("mtime", b"1566297043.75")]).unwrap();
        tar.append_data(&mut header(EntryType::Regular, body.len()), name, &body[..]).unwrap();
    }
    tar.append_link(&mut header(EntryType::Symlink, 0), "app/sym", "../x/./y").unwrap();
    tar.append_link(&mut header(EntryType::Link, 0), "app/hard", "app/main.py").unwrap();
    for (kind, name) in [(EntryType::Char, "dev/c"), (EntryType::Block, "dev/b"), (EntryType::Fifo, "dev/f")] {
        let mut header = header(kind, 0);
        header.set_device_major(8).unwrap();
        header.set_device_minor(300).unwrap();
        tar.append_data(&mut header, name, &[][..]).unwrap();
    }
    tar.into_inner().unwrap()
}

/// A layout of one plain layer.
fn write_layout(folder: &Path, tar: &[u8]) {
    std::fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    let put = |bytes: &[u8], kind: &str| {
        let digest = Digest::of(bytes).to_string();
        std::fs::write(blob_path(folder, &digest), bytes).unwrap();
        json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": bytes.len()})
    };
    let layer = put(tar, "layer.v1.tar");
    let rootfs = json!({"type": "layers", "diff_ids": [layer["digest"]]});
    let config = json!({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs});
    let config = put(&serde_json::to_vec(&config).unwrap(), "config.v1+json");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]});
    let mut manifest = put(&serde_json::to_vec(&manifest).unwrap(), "manifest.v1+json");
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "lab"});
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    std::fs::write(folder.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

#[test]
fn every_kind_of_entry_is_in_skopeos_table_as_in_the_tar() {
    if try_run("skopeo", &["--version"]).is_err() {
        return skip("no skopeo");
    }
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    write_layout(&plain, &every_kind());
    let to = folder.path().join("chunked");
    let found = chunked(&format!("oci:{}:lab", plain.display()), &to);
    assert!(found.len() == 1 && assert_same(&to, &found[0]));
}

#[test]
fn the_layers_of_real_images_have_the_same_index_by_skopeos_tables() {
    for subject in subjects().unwrap_or_default() {
        let folder = tempfile::tempdir().unwrap();
        let found = chunked(&format!("oci:{}:lab", subject.layout.display()), folder.path());
        let by_table = found.iter().filter(|layer| assert_same(folder.path(), layer)).count();
        println!("{}: {by_table} of {} layers by their tables", subject.name, found.len());
        assert!(by_table > 0);
    }
}
