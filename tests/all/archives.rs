//! Opening images in every form that they are stored in: the same image comes out.

use crate::tarballs::{
    CONFIG, Files, INDEX, LAYER, MANIFEST, Packing, Parts, Store, Tar, add_blob, add_image, archive, blob_name,
    docker_new, docker_old, gzip, layout, oci, opened, refused, sample, try_open, verified, zstandard,
};
use serde_json::{Value, json};
use slimwright::base::{Digest, Hint as _};
use slimwright::fs::{Fate, Ledger, Owner, View};
use slimwright::image::{
    Form, Image, OpenOptions, Target, open, read_recorded, write_recorded, write_with_environment,
};
use slimwright::layer::{Compression, EntryKind};
use std::path::Path;
use std::sync::Arc;

/// The entries and kept contents of all layers: what must not depend on how an image is stored.
fn essence(image: &Image) -> impl PartialEq + std::fmt::Debug + use<> {
    image.layers.iter().map(|layer| (layer.entries.clone(), layer.contents.clone())).collect::<Vec<_>>()
}

/// Visible paths with the sizes that they lead to, and the ledger.
fn merged(image: &Image) -> (Vec<(String, u64)>, Ledger) {
    let view = View::new(image);
    let paths = view.iter().map(|(path, node)| (String::from_utf8_lossy(path).into_owned(), view.size(node)));
    (paths.collect(), Ledger::new(&view, |_, _| Owner::Application))
}

#[test]
fn every_form_of_storage_gives_the_same_image() {
    let (store, parts) = (Store::new(), sample());
    let plain = oci(&parts, Packing::Plain);
    let old = docker_old(&parts);
    let new = archive(&docker_new(&parts));
    let paths = [
        store.write("old.tar", &old),
        store.write("old.tar.gz", gzip(&old, 5_000)),
        store.write("old.tar.zst", zstandard(&old, 5_000)),
        store.write("new.tar", &new),
        store.write("new.tar.gz", gzip(&new, usize::MAX)),
        store.write("oci.tar", archive(&plain)),
        store.write("oci.tar.zst", zstandard(&archive(&plain), usize::MAX)),
        store.folder("plain", &plain),
        store.folder("gzip", &oci(&parts, Packing::Gzip)),
        store.folder("zstd", &oci(&parts, Packing::Zstd)),
        store.write("gzip.tar", archive(&oci(&parts, Packing::Gzip))),
        store.folder("docker", &docker_new(&parts)),
    ];
    let first = opened(&paths[0]);
    assert_eq!(first.name, "example/app:1");
    assert_eq!(first.platform, "linux/amd64");
    assert!(first.config.health_check.is_some());
    for path in &paths {
        let image = opened(path);
        assert_eq!(essence(&image), essence(&first), "{}", path.display());
        assert_eq!(essence(&verified(path).unwrap()), essence(&first), "{}", path.display());
        assert_eq!((&image.name, &image.config), (&first.name, &first.config), "{}", path.display());
        assert_eq!(merged(&image), merged(&first));
    }
}

#[test]
fn contents_are_digested_where_equality_decides() {
    let store = Store::new();
    let image = opened(&store.folder("zstd", &oci(&sample(), Packing::Zstd)));
    let digested: Vec<String> = image.layers[0]
        .entries
        .iter()
        .filter(|entry| entry.content.is_some() && !entry.path.to_string().contains("dist-info"))
        .map(|entry| entry.path.to_string())
        .collect();
    let site = "/usr/lib/python3.11/site-packages";
    assert_eq!(digested, ["/usr/lib/a", "/usr/lib/changed", &format!("{site}/shared.py")]);
    let view = View::new(&image);
    let fate = |path: &str| {
        let at = image.layers[0].entries.iter().position(|entry| entry.path.to_string() == path).unwrap();
        view.fate((0, at as u32))
    };
    assert_eq!(fate("/usr/lib/changed"), Fate::Replaced { by: 1 });
    assert_eq!(fate("/usr/lib/a"), Fate::Visible, "the hard link still leads to it");
}

#[test]
fn what_was_read_is_verified_and_says_so() {
    let (store, parts) = (Store::new(), sample());
    let flags = |image: &Image| -> Vec<(bool, bool)> {
        image.layers.iter().map(|layer| (layer.verified.blob, layer.verified.diff_id)).collect()
    };
    for packing in [Packing::Gzip, Packing::Zstd] {
        let image = opened(&store.folder(&format!("{packing:?}"), &oci(&parts, packing)));
        assert_eq!(flags(&image), [(true, true); 2]);
        let length = packing.pack(&parts.layers[0]).len() as u64;
        assert_eq!((image.layers[0].wire, image.wire().is_some()), (Some(length), true));
    }
    let plain = store.folder("plain", &oci(&parts, Packing::Plain));
    assert_eq!(flags(&opened(&plain)), [(false, false); 2]);
    assert_eq!(flags(&verified(&plain).unwrap()), [(true, true); 2]);
    assert_eq!((opened(&plain).wire(), opened(&plain).layers[0].compression), (None, Compression::None));
    let old = store.write("old.tar", docker_old(&parts));
    assert_eq!(flags(&verified(&old).unwrap()), [(false, true); 2], "the old form states no digest of the blob");
}

#[test]
fn a_named_kind_reads_its_kind_only() {
    use Form::{Directory, DockerArchive, OciArchive, OciLayout, Recorded};
    let (store, parts) = (Store::new(), sample());
    let docker = store.write("docker.tar", archive(&docker_new(&parts)));
    let old = store.write("old.tar", docker_old(&parts));
    let folder = store.folder("layout", &oci(&parts, Packing::Gzip));
    for (kind, path) in [(DockerArchive, &docker), (OciArchive, &docker), (DockerArchive, &old), (OciLayout, &folder)] {
        try_open(Some(kind), path, None).unwrap();
    }
    for (kind, path, part) in [
        (OciArchive, &old, "found neither"),
        (OciLayout, &docker, "expected a folder"),
        (Directory, &docker, "expected a folder"),
        (DockerArchive, &folder, "expected a file"),
        (Recorded, &docker, "expected an index"),
        (OciLayout, &store.0.path().to_owned(), "expected an OCI layout"),
    ] {
        let error = try_open(Some(kind), path, None).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains(&*path.to_string_lossy()), "{error}");
    }
}

#[test]
fn a_root_file_system_is_one_layer() {
    let store = Store::new();
    store.write("root/etc/os-release", "ID=debian\n");
    store.write("root/usr/bin/a", "12345");
    std::fs::hard_link(store.path("root/usr/bin/a"), store.path("root/usr/bin/b")).unwrap();
    std::os::unix::fs::symlink("../../..", store.path("root/usr/out")).unwrap();
    let image = opened(&store.path("root"));
    let entries: Vec<(String, EntryKind, u64)> =
        image.layers[0].entries.iter().map(|e| (e.path.to_string(), e.kind, e.size)).collect();
    let expected = [
        ("/etc", EntryKind::Directory, 0),
        ("/etc/os-release", EntryKind::File, 10),
        ("/usr", EntryKind::Directory, 0),
        ("/usr/bin", EntryKind::Directory, 0),
        ("/usr/bin/a", EntryKind::File, 5),
        ("/usr/bin/b", EntryKind::Hardlink, 0),
        ("/usr/out", EntryKind::Symlink, 0),
    ];
    assert_eq!(entries, expected.map(|(path, kind, size)| (path.to_owned(), kind, size)));
    assert_eq!(View::new(&image).contents(b"etc/os-release"), Some(&b"ID=debian\n"[..]));
    // A folder that looks like nothing is read only when it is named.
    store.write("other/file", "x");
    assert!(refused(&store.path("other")).contains("dir:"));
    let target: Target = format!("dir:{}", store.path("other").display()).parse().unwrap();
    assert_eq!(open(&target, &OpenOptions::default(), &()).unwrap().layers[0].entries.len(), 1);
}

#[test]
fn a_recorded_index_is_the_image_again() {
    let store = Store::new();
    let image = opened(&store.folder("zstd", &oci(&sample(), Packing::Zstd)));
    let mut bytes = Vec::new();
    write_with_environment(&image, &mut bytes).unwrap();
    let again = opened(&store.write("image.index", &bytes));
    assert_eq!(merged(&again), merged(&image));
    assert_eq!(
        (&again.name, &again.config, &again.platform, again.layers.len()),
        (&image.name, &image.config, &image.platform, 2)
    );
    let mut twice = Vec::new();
    write_with_environment(&again, &mut twice).unwrap();
    assert!(twice == bytes, "recording what was recorded changes nothing");
    let target: Target = format!("index:{}", store.path("image.index").display()).parse().unwrap();
    assert_eq!(open(&target, &OpenOptions::default(), &()).unwrap(), again);
}

#[test]
fn a_recorded_index_that_is_damaged_is_an_error() {
    let store = Store::new();
    let image = opened(&store.write("old.tar", docker_old(&sample())));
    let mut bytes = Vec::new();
    write_recorded(&image, &mut bytes).unwrap();
    let read = |bytes: &[u8]| read_recorded(Path::new("some.index"), bytes).map_err(|error| error.to_string());
    assert!(read(&bytes).is_ok());
    for length in 0..bytes.len() {
        let error = read(&bytes[..length]).unwrap_err();
        assert!(error.starts_with("some.index: "), "{error}");
    }
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        read(&changed).unwrap_err();
    }
    let mut newer = bytes.clone();
    newer[8] = 99;
    assert!(read(&newer).unwrap_err().contains("version 99"));
    assert!(read(b"SLIMIDX\n").unwrap_err().contains("another file"));
}

/// A recorded index of an image that no reader would make, with a right checksum.
fn forged(change: impl FnOnce(&mut Image)) -> Result<Image, String> {
    let mut image = crate::fixture::image("layer\nd a\nf a/b = text");
    change(&mut image);
    let mut bytes = Vec::new();
    write_recorded(&image, &mut bytes).unwrap();
    read_recorded(Path::new("forged.index"), &bytes).map_err(|error| error.to_string())
}

#[test]
fn a_recorded_index_may_not_claim_what_no_image_has() {
    assert!(forged(|_| {}).is_ok());
    let changes: [fn(&mut Image); 3] = [
        |image| Arc::make_mut(&mut image.layers[0]).entries[0].size = 5,
        |image| Arc::make_mut(&mut image.layers[0]).entries[1].size = u64::MAX,
        |image| drop(Arc::make_mut(&mut image.layers[0]).contents.insert(99, Vec::new())),
    ];
    for change in changes {
        assert!(forged(change).unwrap_err().contains("damaged"));
    }
}

#[test]
fn a_recording_tells_what_could_not_be_read() {
    use slimwright::base::Problem;
    let mut image = crate::fixture::image("layer\nf a 1");
    image.unread.push(Problem::new("/app/secret", "cannot read: permission denied"));
    image.problems.push(Problem::new("/app\u{1b}[2J", "passed over: a socket is no part of an image"));
    let mut bytes = Vec::new();
    write_recorded(&image, &mut bytes).unwrap();
    let read = read_recorded(Path::new("image.index"), &bytes).unwrap();
    assert_eq!((&read.unread, &read.problems), (&image.unread, &image.problems));
    assert_eq!(read.problems[0].place, "/app\\x1b[2J");
}

#[test]
fn of_several_images_a_reference_chooses() {
    let store = Store::new();
    let mut files = Files::new();
    let mut rows = Vec::new();
    let mut descriptors = Vec::new();
    for (content, names) in [("one", ["app:1", "example.org/app:stable"]), ("two", ["app:2", "other:latest"])] {
        let parts = Parts::new(vec![Tar::new().file(content, content).finish()]);
        let mut descriptor = add_image(&mut files, &parts, Packing::Plain);
        rows.push(json!({
            "Config": blob_name(&parts.config_bytes()),
            "RepoTags": names,
            "Layers": [blob_name(&parts.layers[0])],
        }));
        for name in names {
            descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
            descriptors.push(descriptor.clone());
        }
    }
    let layout = layout(files.clone(), &descriptors);
    let mut docker = layout.clone();
    docker.insert("manifest.json".into(), serde_json::to_vec(&rows).unwrap());
    let docker = store.write("docker.tar", archive(&docker));
    let folder = store.folder("layout", &layout);
    for path in [&docker, &folder] {
        for (reference, name, file) in [
            (Some("app:1"), "app:1", "one"),
            (Some("app:2"), "app:2", "two"),
            (Some("2"), "app:2", "two"),
            (Some("other"), "other:latest", "two"),
            (Some("stable"), "example.org/app:stable", "one"),
            (Some("app:stable"), "example.org/app:stable", "one"),
        ] {
            let image = try_open(None, path, reference).unwrap();
            assert_eq!(image.name, name, "{reference:?}");
            assert_eq!(image.layers[0].entries[0].path.as_bytes(), file.as_bytes());
            let mut all = image.other_names;
            assert!(!all.contains(&image.name));
            all.push(image.name);
            all.sort();
            assert_eq!(all, ["app:1", "app:2", "example.org/app:stable", "other:latest"]);
        }
        let error = try_open(None, path, Some("missing:3")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("missing:3") && text.contains("@0 app:1"), "{text}");
        assert!(error.hint().is_some());
    }
}

fn with_platform(mut descriptor: Value, platform: &str) -> Value {
    let mut parts = platform.split('/');
    descriptor["platform"] = json!({"os": parts.next(), "architecture": parts.next()});
    if let Some(variant) = parts.next() {
        descriptor["platform"]["variant"] = json!(variant);
    }
    descriptor
}

/// An image of one file that is named for its platform.
fn image_for(files: &mut Files, platform: &str) -> Value {
    let mut parts = Parts::new(vec![Tar::new().file(platform, "x").finish()]);
    parts.config["architecture"] = json!(platform.split('/').nth(1));
    with_platform(add_image(files, &parts, Packing::Gzip), platform)
}

fn open_for(path: &Path, platform: &str) -> Result<Image, String> {
    let target = Target::at(path);
    let options = OpenOptions { platform: Some(platform.into()), ..OpenOptions::default() };
    open(&target, &options, &()).map_err(|error| error.to_string())
}

#[test]
fn an_index_of_platforms_is_looked_through() {
    let store = Store::new();
    let mut files = Files::new();
    let mut manifests: Vec<Value> = ["linux/arm64/v8", "linux/arm/v7", "linux/amd64", "linux/386"]
        .map(|platform| image_for(&mut files, platform))
        .into();
    let attestation = add_image(&mut files, &Parts::new(vec![Tar::new().finish()]), Packing::Plain);
    let mut attestation = with_platform(attestation, "unknown/unknown");
    attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    manifests.insert(0, attestation);
    let nested = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    let mut nested = add_blob(&mut files, &serde_json::to_vec(&nested).unwrap(), INDEX);
    nested["annotations"] = json!({"org.opencontainers.image.ref.name": "app:1"});
    let files = layout(files, &[nested]);
    let folder = store.folder("layout", &files);
    let archive = store.write("layout.tar", archive(&files));
    for path in [&folder, &archive] {
        for (wanted, found) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/arm64", "linux/arm64/v8"),
            ("linux/arm64/v8", "linux/arm64/v8"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/386", "linux/386"),
        ] {
            let image = open_for(path, wanted).unwrap();
            assert_eq!(image.layers[0].entries[0].path.as_bytes(), found.as_bytes(), "{wanted}");
            assert_eq!((image.name.as_str(), image.other_names.len()), ("app:1", 0));
        }
        let error = open_for(path, "linux/s390x").unwrap_err();
        assert!(error.contains("linux/s390x") && error.contains("linux/arm/v7, linux/amd64"), "{error}");
        assert!(!error.contains("unknown"), "attestations are no platforms: {error}");
        assert!(open_for(path, "linux/arm/v6").is_err());
        opened(path);
    }
}

#[test]
fn a_platform_is_not_its_prefix() {
    let store = Store::new();
    let mut parts = sample();
    parts.config["architecture"] = json!("arm64");
    let path = store.write("old.tar", docker_old(&parts));
    assert!(open_for(&path, "linux/arm").unwrap_err().contains("found linux/arm64"));
    open_for(&path, "linux/arm64").unwrap();
    open_for(&path, "linux/arm64/v8").unwrap();
}

#[test]
fn history_rows_without_a_layer_and_layers_that_recur() {
    let store = Store::new();
    let layer = Tar::new().file("a", "same").finish();
    let mut parts = Parts::new(vec![layer.clone(), Tar::new().file(".wh.a", "").finish(), layer]);
    parts.config["history"] = json!([
        {"created_by": "/bin/sh -c #(nop) ADD file:1 in / "},
        {"created_by": "/bin/sh -c #(nop)  CMD [\"sh\"]", "empty_layer": true},
        {"created_by": "RUN rm a"},
        {"created_by": "ENV A=b", "empty_layer": true},
        {"created_by": "RUN make a"},
    ]);
    for (name, bytes) in [("old.tar", docker_old(&parts)), ("new.tar", archive(&docker_new(&parts)))] {
        let image = opened(&store.write(name, bytes));
        assert_eq!(image.layers.len(), 3);
        assert_eq!(image.layers[0].diff_id, image.layers[2].diff_id);
        assert_eq!(image.created_by()[1..], [Some("RUN rm a"), Some("RUN make a")]);
        assert_eq!(image.base_layers(), 1);
        let view = View::new(&image);
        assert!(matches!(view.fate((0, 0)), Fate::Deleted { by: 1, .. }));
        assert_eq!(view.fate((2, 0)), Fate::Visible);
    }
}

#[test]
fn a_layout_without_names_takes_the_names_of_its_file() {
    let store = Store::new();
    let mut parts = sample();
    parts.names.clear();
    for path in [store.write("nameless.tar", docker_old(&parts)), store.folder("nameless", &oci(&parts, Packing::Gzip))]
    {
        assert!(opened(&path).name.starts_with("nameless"));
    }
}

/// The text of the error, which must name both digests.
fn mismatch(path: &Path, bytes_expected: &Digest, bytes_found: &Digest) {
    let error = verified(path).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&bytes_expected.to_string()), "{text}");
    assert!(text.contains(&bytes_found.to_string()), "{text}");
    assert!(error.hint().is_some());
}

#[test]
fn a_blob_that_is_not_what_its_digest_says() {
    let store = Store::new();
    for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
        let parts = sample();
        let mut files = oci(&parts, packing);
        let blob = packing.pack(&parts.layers[1]);
        let mut other = blob.clone();
        // Other bytes of the same length that unpack all the same: a letter of a file, the byte of a gzip header
        // that names an operating system, the inside of a skippable frame.
        let letter = parts.layers[1].windows(5).position(|w| w == b"print").unwrap();
        let at = if packing == Packing::Plain { letter } else { 9 };
        other[at] ^= 1;
        files.insert(blob_name(&blob), other.clone());
        let path = store.folder(&format!("{packing:?}"), &files);
        mismatch(&path, &Digest::of(&blob), &Digest::of(&other));
    }
}

#[test]
fn a_layer_that_is_not_what_its_diff_id_says() {
    let store = Store::new();
    for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
        let mut parts = sample();
        let wrong = Digest::of(b"another layer");
        parts.config["rootfs"]["diff_ids"][0] = json!(wrong.to_string());
        let path = store.folder(&format!("{packing:?}"), &oci(&parts, packing));
        mismatch(&path, &wrong, &Digest::of(&parts.layers[0]));
        assert!(refused_layer(&path).contains("layer 1 of 2"));
    }
    let mut parts = sample();
    parts.config["rootfs"]["diff_ids"][1] = json!(Digest::of(b"another layer").to_string());
    mismatch(&store.write("old.tar", docker_old(&parts)), &Digest::of(b"another layer"), &Digest::of(&parts.layers[1]));
}

fn refused_layer(path: &Path) -> String {
    verified(path).unwrap_err().to_string()
}

#[test]
fn a_manifest_or_configuration_that_is_not_what_its_digest_says() {
    let store = Store::new();
    let parts = sample();
    let files = oci(&parts, Packing::Gzip);
    let jsons: Vec<String> = files
        .iter()
        .filter(|(name, v)| name.starts_with("blobs") && v[0] == b'{')
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(jsons.len(), 2);
    for (number, name) in jsons.iter().enumerate() {
        let mut files = files.clone();
        let mut bytes = files[name].clone();
        let before = Digest::of(&bytes);
        bytes.push(b' ');
        files.insert(name.clone(), bytes.clone());
        let path = store.folder(&number.to_string(), &files);
        mismatch(&path, &before, &Digest::of(&bytes));
        assert!(refused(&path).contains(name));
    }
    let old = docker_old(&parts);
    let at = old.windows(7).position(|w| w == b"python3").unwrap();
    let mut changed = old.clone();
    changed[at] = b'q';
    let config = parts.config_bytes();
    let other = String::from_utf8(config.clone()).unwrap().replace("python3", "qython3");
    mismatch(&store.write("old.tar", changed), &Digest::of(&config), &Digest::of(other.as_bytes()));
}

#[test]
fn a_blob_that_is_longer_or_shorter_than_its_descriptor_says() {
    let store = Store::new();
    let parts = sample();
    let mut files = Files::new();
    let config = add_blob(&mut files, &parts.config_bytes(), CONFIG);
    let mut layers: Vec<Value> =
        parts.layers.iter().map(|tar| add_blob(&mut files, &Packing::Gzip.pack(tar), LAYER)).collect();
    layers[1]["size"] = json!(7);
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
    let manifest = add_blob(&mut files, &serde_json::to_vec(&manifest).unwrap(), MANIFEST);
    let error = refused(&store.folder("layout", &layout(files, &[manifest])));
    let length = Packing::Gzip.pack(&parts.layers[1]).len();
    assert!(error.contains("expected 7 bytes") && error.contains(&format!("found {length}")), "{error}");
}

#[test]
fn layers_and_diff_ids_must_be_as_many() {
    let store = Store::new();
    let mut parts = sample();
    parts.config["rootfs"]["diff_ids"].as_array_mut().unwrap().pop();
    let error = refused(&store.write("old.tar", docker_old(&parts)));
    assert!(error.contains("2 layers, found 1"), "{error}");
}

#[test]
fn a_file_that_a_manifest_names_and_that_is_not_there() {
    let store = Store::new();
    let parts = sample();
    let lost = blob_name(&parts.layers[0]);
    let mut files = docker_new(&parts);
    files.remove(&lost);
    for path in [store.write("new.tar", archive(&files)), store.folder("layout", &files)] {
        assert!(refused(&path).contains(&lost), "{}", refused(&path));
    }
    let mut files = docker_new(&parts);
    files.remove(&blob_name(&parts.config_bytes()));
    assert!(refused(&store.write("new.tar", archive(&files))).contains("expected this file"));
}

#[test]
fn an_artifact_is_no_image() {
    let store = Store::new();
    let mut files = Files::new();
    let config = add_blob(&mut files, b"{}", "application/vnd.example.chart+json");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": []});
    let manifest = add_blob(&mut files, &serde_json::to_vec(&manifest).unwrap(), MANIFEST);
    let error = refused(&store.folder("layout", &layout(files, &[manifest])));
    assert!(error.contains("artifact"), "{error}");
}

#[test]
fn media_types_that_lie_change_nothing() {
    let store = Store::new();
    let parts = sample();
    let mut files = Files::new();
    let config = add_blob(&mut files, &parts.config_bytes(), CONFIG);
    let packings = [Packing::Zstd, Packing::Plain];
    let layers: Vec<Value> = parts
        .layers
        .iter()
        .zip(packings)
        .map(|(tar, packing)| add_blob(&mut files, &packing.pack(tar), "application/vnd.oci.image.layer.v1.tar+gzip"))
        .collect();
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
    let manifest = add_blob(&mut files, &serde_json::to_vec(&manifest).unwrap(), MANIFEST);
    let image = opened(&store.folder("lies", &layout(files, &[manifest])));
    assert_eq!(image.layers[0].compression, Compression::Zstd);
    assert_eq!(essence(&image), essence(&opened(&store.folder("plain", &oci(&parts, Packing::Plain)))));
}
