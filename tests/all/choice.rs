//! Which image is meant, where there are several, and what is no image at all.

use crate::fixture::{image, recorded};
use crate::tarballs::{
    CONFIG, Files, INDEX, LAYER, MANIFEST, Packing, Parts, Store, Tar, add_blob, add_image, archive, blob_name, layout,
    oci, opened, sample, try_open,
};
use assert_cmd::Command;
use serde_json::{Value, json};
use slimwright::base::{Digest, Hint as _};
use slimwright::image::{
    Form, Image, ImageError, Local, OpenOptions, Target, open, parse_config, parse_docker_manifest,
};
use std::path::Path;

const REF: &str = "org.opencontainers.image.ref.name";

/// An image of one file of this name.
fn parts(file: &str) -> Parts {
    Parts::new(vec![Tar::new().file(file, file).finish()])
}

fn row(parts: &Parts, names: &Value) -> Value {
    json!({"Config": blob_name(&parts.config_bytes()), "RepoTags": names, "Layers": [blob_name(&parts.layers[0])]})
}

/// An archive as `docker save` and `podman save -m` write it.
fn saved(rows: &[(&str, Value)]) -> Vec<u8> {
    let (mut files, mut list) = (Files::new(), Vec::new());
    for (file, names) in rows {
        let parts = parts(file);
        add_image(&mut files, &parts, Packing::Plain);
        list.push(row(&parts, names));
    }
    files.insert("manifest.json".into(), serde_json::to_vec(&list).unwrap());
    archive(&files)
}

fn named(mut descriptor: Value, name: &str) -> Value {
    descriptor["annotations"][REF] = json!(name);
    descriptor
}

fn first_file(image: &Image) -> String {
    image.layers[0].entries[0].path.to_string()
}

/// The list of a refusal, which is the user's to end.
fn list(result: Result<Image, ImageError>) -> String {
    let error = result.unwrap_err();
    assert!(error.is_usage() && error.hint().is_some(), "{error}");
    error.to_string()
}

fn at(text: &str) -> Result<Image, ImageError> {
    open(&text.parse().unwrap(), &OpenOptions::default(), &())
}

#[test]
fn several_images_without_a_choice_are_listed() {
    let store = Store::new();
    let tagged = store.write("tagged.tar", saved(&[("a", json!(["one:1"])), ("b", json!(["two:1", "two:latest"]))]));
    let untagged = store.write("untagged.tar", saved(&[("a", json!(null)), ("b", json!([]))]));
    let text = list(try_open(None, &tagged, None));
    assert!(text.contains("found 2 in it: @0 one:1 (linux/amd64), @1 two:1 (linux/amd64)"), "{text}");
    let text = list(try_open(None, &untagged, None));
    assert!(text.contains("@0 sha256:") && text.contains("@1 sha256:"), "{text}");
    // A tag that two images have chooses none of them.
    let text = list(try_open(None, &tagged, Some("1")));
    assert!(text.contains("2 of `1` in it"), "{text}");

    for (path, reference, file) in
        [(&tagged, "two:1", "/b"), (&tagged, "latest", "/b"), (&tagged, "@0", "/a"), (&untagged, "@1", "/b")]
    {
        assert_eq!(first_file(&try_open(None, path, Some(reference)).unwrap()), file, "{reference}");
        let text = format!("docker-archive:{}:{reference}", path.display());
        assert_eq!(first_file(&at(&text).unwrap()), file);
    }
    let id = Digest::of(&parts("b").config_bytes());
    for text in [format!("{}@{id}", untagged.display()), format!("{}:{id}", untagged.display())] {
        assert_eq!(first_file(&at(&text).unwrap()), "/b");
    }
    let text = list(try_open(None, &untagged, Some("@2")));
    assert!(text.contains("named `@2`, found @0 sha256:"), "{text}");
    // One image that is listed twice is one.
    let twice = store.write("twice.tar", saved(&[("a", json!(["one:1"])), ("a", json!(["one:2"]))]));
    assert_eq!(first_file(&opened(&twice)), "/a");
}

#[test]
fn a_layout_is_chosen_from_by_name_position_and_digest() {
    let store = Store::new();
    let mut files = Files::new();
    let descriptors: Vec<Value> = ["a", "b", "c"].map(|file| add_image(&mut files, &parts(file), Packing::Gzip)).into();
    let digest = descriptors[2]["digest"].as_str().unwrap().to_owned();
    let manifests = [
        named(descriptors[0].clone(), "app:1"),
        named(descriptors[1].clone(), "odd tag/é:x@y"),
        descriptors[2].clone(),
    ];
    let files = layout(files, &manifests);
    for path in [store.folder("layout", &files), store.write("layout.tar", archive(&files))] {
        assert!(list(try_open(None, &path, None)).contains("found 3 in it"));
        for (reference, file) in [("app:1", "/a"), ("1", "/a"), ("odd tag/é:x@y", "/b"), ("@2", "/c"), (&digest, "/c")]
        {
            assert_eq!(first_file(&try_open(None, &path, Some(reference)).unwrap()), file, "{reference}");
        }
        assert_eq!(first_file(&at(&format!("{}@{digest}", path.display())).unwrap()), "/c");
    }
}

/// A signature as cosign wrote it first: it claims to have an image's configuration.
fn signature(files: &mut Files) -> Value {
    let config =
        add_blob(files, br#"{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#, CONFIG);
    let payload = add_blob(files, b"{}", "application/vnd.dev.cosign.simplesigning.v1+json");
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [payload]});
    add_blob(files, &serde_json::to_vec(&manifest).unwrap(), MANIFEST)
}

/// An artifact as ORAS pushes it.
fn artifact(files: &mut Files) -> Value {
    let config = add_blob(files, b"{}", "application/vnd.oci.empty.v1+json");
    let content = add_blob(files, b"text", "text/plain");
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "text/x", "config": config, "layers": [content]});
    add_blob(files, &serde_json::to_vec(&manifest).unwrap(), MANIFEST)
}

#[test]
fn what_stands_first_and_is_no_image_is_not_taken_for_one() {
    let store = Store::new();
    let mut files = Files::new();
    let image = add_image(&mut files, &parts("a"), Packing::Gzip);
    let (signature, artifact) = (signature(&mut files), artifact(&mut files));
    let companion = format!("sha256-{}.sig", "0".repeat(64));
    let mut referrer = signature.clone();
    referrer["artifactType"] = json!("application/vnd.dev.sigstore.bundle.v0.3+json");
    let mut attestation = add_image(&mut files, &parts("attested"), Packing::Plain);
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    let firsts = [
        signature.clone(),
        named(signature, &companion),
        artifact.clone(),
        referrer,
        attestation,
        named(artifact, "app:docs"),
    ];
    for (number, first) in firsts.into_iter().enumerate() {
        for image in [image.clone(), named(image.clone(), "app:1")] {
            let path = store.folder(&format!("layout{number}"), &layout(files.clone(), &[first.clone(), image]));
            assert_eq!(first_file(&opened(&path)), "/a", "{number}");
        }
    }
    // Who asks for it is told what it is.
    let only = artifact_layout(&mut files.clone());
    let text = try_open(None, &store.folder("only", &only), None).unwrap_err().to_string();
    assert!(text.contains("expected an image, found an artifact"), "{text}");
}

fn artifact_layout(files: &mut Files) -> Files {
    let artifact = artifact(files);
    layout(files.clone(), &[artifact])
}

/// A descriptor for a platform, of an image whose only file is named for it.
fn for_platform(files: &mut Files, platform: &str) -> Value {
    let words: Vec<&str> = platform.split('/').collect();
    let mut parts = parts(platform);
    (parts.config["os"], parts.config["architecture"]) = (json!(words[0]), json!(words[1]));
    let mut descriptor = add_image(files, &parts, Packing::Gzip);
    descriptor["platform"] = json!({"os": words[0], "architecture": words[1]});
    if let Some(variant) = words.get(2) {
        descriptor["platform"]["variant"] = json!(variant);
    }
    descriptor
}

fn open_for(path: &Path, platform: Option<&str>, reference: Option<&str>) -> Result<Image, ImageError> {
    let target = Target::Local(Local { form: None, path: path.to_owned(), choice: reference.map(str::to_owned) });
    open(&target, &OpenOptions { platform: platform.map(str::to_owned), ..OpenOptions::default() }, &())
}

#[test]
fn a_platform_is_chosen_where_one_fits_and_listed_where_none_does() {
    let store = Store::new();
    let mut files = Files::new();
    let foreign: Vec<Value> =
        ["linux/s390x", "linux/ppc64le"].map(|platform| for_platform(&mut files, platform)).into();
    let path = store.folder("foreign", &layout(files.clone(), &foreign));
    let error = open_for(&path, None, None).unwrap_err();
    assert!(error.is_usage() && error.hint().unwrap().contains("--platform"), "{error}");
    assert!(error.to_string().contains("(linux/s390x), @1 sha256:"), "{error}");
    assert_eq!(first_file(&open_for(&path, Some("linux/s390x"), None).unwrap()), "/linux/s390x");
    // One foreign image is plainly meant.
    let path = store.folder("one", &layout(files.clone(), &foreign[..1]));
    assert_eq!(opened(&path).platform, "linux/s390x");

    // Variants: the one without is meant first, and arm64 is v8.
    let variants: Vec<Value> = ["linux/amd64/v3", "linux/amd64", "linux/arm64/v8", "linux/arm64/v9", "linux/arm/v6"]
        .map(|platform| for_platform(&mut files, platform))
        .into();
    let path = store.folder("variants", &layout(files.clone(), &variants));
    for (wanted, found) in [
        ("linux/amd64", "/linux/amd64"),
        ("linux/amd64/v3", "/linux/amd64/v3"),
        ("linux/arm64", "/linux/arm64/v8"),
        ("linux/arm64/v9", "/linux/arm64/v9"),
        ("linux/arm", "/linux/arm/v6"),
    ] {
        assert_eq!(first_file(&open_for(&path, Some(wanted), None).unwrap()), found, "{wanted}");
    }
    assert!(open_for(&path, Some("linux/riscv64"), None).unwrap_err().is_usage());

    // An index of indexes: the digest of the inner one chooses it, and then the platform.
    let inner = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": variants});
    let inner = add_blob(&mut files, &serde_json::to_vec(&inner).unwrap(), INDEX);
    let mut unnamed = inner.clone();
    unnamed.as_object_mut().unwrap().remove("mediaType");
    let digest = inner["digest"].as_str().unwrap().to_owned();
    for inner in [named(inner, "app:1"), unnamed] {
        let other = named(add_image(&mut files, &parts("z"), Packing::Gzip), "other:1");
        let path = store.folder("nested", &layout(files.clone(), &[other, inner]));
        for reference in ["@1", digest.as_str()] {
            let image = open_for(&path, Some("linux/arm64"), Some(reference)).unwrap();
            assert_eq!(first_file(&image), "/linux/arm64/v8");
        }
    }
}

/// A folder of `skopeo copy … dir:`.
fn transport(parts: &Parts, packing: Packing) -> Files {
    let (mut blobs, mut files) = (Files::new(), Files::new());
    let manifest = add_image(&mut blobs, parts, packing);
    let hex = |name: &str| name.trim_start_matches("blobs/sha256/").to_owned();
    let manifest = hex(&manifest["digest"].as_str().unwrap().replace("sha256:", ""));
    for (name, bytes) in blobs {
        let name = if hex(&name) == manifest { "manifest.json".to_owned() } else { hex(&name) };
        files.insert(name, bytes);
    }
    files.insert("version".into(), b"Directory Transport Version: 1.1\n".to_vec());
    files
}

#[test]
fn a_folder_that_holds_an_image_is_not_read_as_a_root_file_system() {
    let (store, parts) = (Store::new(), sample());
    let expected = opened(&store.folder("expected", &oci(&parts, Packing::Gzip)));
    let files = transport(&parts, Packing::Gzip);
    let mut without_version = files.clone();
    without_version.remove("version");
    let mut unpacked = Files::new();
    for (position, layer) in parts.layers.iter().enumerate() {
        unpacked.insert(format!("{position}/layer.tar"), layer.clone());
    }
    unpacked.insert("config.json".into(), parts.config_bytes());
    let row = json!([{"Config": "config.json", "RepoTags": null, "Layers": ["0/layer.tar", "1/layer.tar"]}]);
    unpacked.insert("manifest.json".into(), serde_json::to_vec(&row).unwrap());
    for (name, files) in [
        ("skopeo", &files),
        ("old-skopeo", &without_version),
        ("layout", &oci(&parts, Packing::Gzip)),
        ("unpacked", &unpacked),
    ] {
        let path = store.folder(name, files);
        for text in [format!("dir:{}", path.display()), path.display().to_string()] {
            let image = at(&text).unwrap();
            assert_eq!((image.layers.len(), image.unpacked()), (2, expected.unpacked()), "{text}");
        }
    }
    // With several platforms its manifest is an index.
    let mut blobs = Files::new();
    let manifests: Vec<Value> =
        ["linux/amd64", "linux/arm64"].map(|platform| for_platform(&mut blobs, platform)).into();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests.clone()});
    let mut several = Files::from([("manifest.json".to_owned(), serde_json::to_vec(&index).unwrap())]);
    for (name, bytes) in blobs {
        let hex = name.trim_start_matches("blobs/sha256/");
        let is_manifest = manifests.iter().any(|one| one["digest"].as_str().unwrap().ends_with(hex));
        several.insert(if is_manifest { format!("{hex}.manifest.json") } else { hex.to_owned() }, bytes);
    }
    several.insert("version".into(), b"Directory Transport Version: 1.1\n".to_vec());
    let path = store.folder("several", &several);
    assert_eq!(first_file(&open_for(&path, Some("linux/arm64"), None).unwrap()), "/linux/arm64");
    // A root file system with files of these names is one all the same.
    let root = store.folder(
        "root",
        &Files::from([("etc/os-release".into(), b"ID=x".to_vec()), ("manifest.json".into(), b"[]".to_vec())]),
    );
    let image = at(&format!("dir:{}", root.display())).unwrap();
    assert_eq!((image.layers.len(), image.layers[0].entries.len()), (1, 3));
}

#[test]
fn json_is_read_as_engines_read_it() {
    let rows =
        parse_docker_manifest(br#"[{"config":"c","repoTags":["a:1"],"LAYERS":["x"],"layers":["l"],"Other":null}]"#)
            .unwrap();
    assert_eq!((&*rows[0].config, rows[0].repo_tags.len(), &rows[0].layers[..]), ("c", 1, &["l".to_owned()][..]));
    let rows = parse_docker_manifest(br#"[{"Config":"a","Config":"b","RepoTags":null,"Layers":null}]"#).unwrap();
    assert_eq!((&*rows[0].config, rows[0].layers.len()), ("b", 0));
    let config = parse_config(
        br#"{"Architecture":"amd64","OS":"linux","config":{"env":null,"CMD":"run","entrypoint":null,
            "Labels":{"Case":"Kept","none":null},"ExposedPorts":{"80/tcp":{}}},"rootfs":{"diff_ids":null},"history":null}"#,
    )
    .unwrap();
    assert_eq!((&*config.architecture, config.cmd), ("amd64", Some(vec!["run".to_owned()])));
    assert_eq!((config.labels["Case"].as_str(), config.exposed_ports), ("Kept", vec!["80/tcp".to_owned()]));

    let store = Store::new();
    // Docker 25.0 wrote an index without images beside a good `manifest.json`.
    let mut parts = sample();
    parts.names = vec!["app:1".into()];
    let mut files = crate::tarballs::docker_new(&parts);
    files.insert("index.json".into(), br#"{"schemaVersion":2,"manifests":null}"#.to_vec());
    let path = store.write("null.tar", archive(&files));
    assert_eq!(open_for(&path, Some("linux/amd64"), None).unwrap().name, "app:1");
    assert!(open_for(&path, Some("linux/s390x"), None).unwrap_err().is_usage());

    // A configuration that came along in its descriptor, and fields in other letters.
    let parts = sample();
    let mut files = Files::new();
    let config = parts.config_bytes();
    let layers: Vec<Value> = parts.layers.iter().map(|tar| add_blob(&mut files, tar, LAYER)).collect();
    let layers: Vec<Value> = layers
        .into_iter()
        .map(|layer| json!({"MediaType": layer["mediaType"], "Digest": layer["digest"], "SIZE": layer["size"], "annotations": null}))
        .collect();
    let config = json!({"mediaType": CONFIG, "digest": Digest::of(&config).to_string(), "size": config.len(), "data": base64(&config)});
    let manifest = json!({"SchemaVersion": 2, "Config": config, "LAYERS": layers, "annotations": null});
    let descriptor = add_blob(&mut files, &serde_json::to_vec(&manifest).unwrap(), MANIFEST);
    assert_eq!(opened(&store.folder("inline", &layout(files, &[descriptor]))).layers.len(), 2);
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let sign = SIGNS[(word >> (18 - 6 * place)) as usize & 63] as char;
            out.push(if place > chunk.len() { '=' } else { sign });
        }
    }
    out
}

/// Exit code and stderr.
fn ran(args: &[&str]) -> (i32, String) {
    let mut command = Command::cargo_bin("slimwright").unwrap();
    let output = command.args(args).args(["--no-cache", "-q"]).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn an_option_that_a_target_cannot_follow_is_an_error_that_says_so() {
    let store = Store::new();
    let file = recorded(&image("layer\nf a 1"));
    let index = format!("index:{}", file.path().display());
    let bare = index.trim_start_matches("index:").to_owned();
    store.write("root/etc/os-release", "ID=x");
    let root = format!("dir:{}", store.path("root").display());
    let tar = store.write("a.tar", saved(&[("a", json!(["one:1"]))])).display().to_string();
    for (target, option) in [
        (&index, &["--platform", "linux/amd64"][..]),
        (&bare, &["--platform", "linux/arm64"]),
        (&index, &["--verify"]),
        (&root, &["--platform", "linux/amd64"]),
        (&root, &["--verify"]),
        (&tar, &["--insecure"]),
        (&index, &["--insecure"]),
        (&tar, &["--file", "Dockerfile"]),
        (&tar, &["--build-arg", "A=b"]),
        (&tar, &["--python", "3.11"]),
        (&tar, &["--target-stage", "x"]),
    ] {
        let (code, stderr) = ran(&[&["audit", target.as_str()], option].concat());
        assert!(code == 2 && stderr.contains(option[0]), "{target} {option:?}: {code} {stderr}");
    }
    for option in [&["--platform", "linux/amd64"][..], &["--verify"]] {
        assert_eq!(ran(&[&["audit", tar.as_str()], option].concat()).0, 0);
        // Of two images it is for the one that can follow it.
        assert_ne!(ran(&[&["diff", tar.as_str(), index.as_str()], option].concat()).0, 2);
        assert_eq!(ran(&[&["diff", root.as_str(), index.as_str()], option].concat()).0, 2);
    }
    let several =
        store.write("b.tar", saved(&[("a", json!(["one:1"])), ("b", json!(["two:1"]))])).display().to_string();
    let (code, stderr) = ran(&["check", &several, "--limit", "unpacked=1 GB"]);
    assert!(code == 2 && stderr.contains("one:1") && stderr.contains("hint: choose one"), "{code} {stderr}");
    assert_eq!(ran(&["check", &format!("{several}:two:1"), "--limit", "unpacked=1 GB"]).0, 0);
    assert_eq!(try_open(Some(Form::DockerArchive), Path::new(&several), Some("@1")).unwrap().name, "two:1");
}
