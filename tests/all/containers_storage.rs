//! The store of Podman, Buildah and CRI-O: the same image comes out as of an archive, by every name that it has.

use crate::tar_split::split;
use crate::tarballs::{Parts, Store, archive, docker_new, gzip, sample};
use assert_cmd::Command;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use slimwright::base::Digest;

/// A layer's ID in a store of ours: any digits.
fn layer_id(number: usize) -> String {
    format!("{number:064x}")
}

/// Writes an image into a store below a folder, and answers its ID.
fn add(store: &Store, root: &str, driver: &str, parts: &Parts) -> String {
    let config = parts.config_bytes();
    let digest = Digest::of(&config);
    let id = digest.hex();
    let images = json!([{"id": id, "names": ["localhost/team/app:1", "localhost/team/app:latest"], "layer": layer_id(parts.layers.len() - 1),
        "digest": Digest::of(b"manifest").to_string()}]);
    store.write(&format!("{root}/{driver}-images/images.json"), images.to_string());
    let manifest =
        json!({"schemaVersion": 2, "config": {"digest": digest.to_string(), "size": config.len()}, "layers": []});
    store.write(&format!("{root}/{driver}-images/{id}/manifest"), manifest.to_string());
    let name = STANDARD.encode(digest.to_string());
    store.write(&format!("{root}/{driver}-images/{id}/={name}"), config);
    let mut layers = Vec::new();
    for (number, tar) in parts.layers.iter().enumerate() {
        let own = layer_id(number);
        let folder = match driver {
            "vfs" => format!("{root}/vfs/dir/{own}"),
            _ => format!("{root}/overlay/{own}/diff"),
        };
        std::fs::create_dir_all(store.path(&folder)).unwrap();
        let lines = split(tar, &store.path(&folder));
        store.write(&format!("{root}/{driver}-layers/{own}.tar-split.gz"), gzip(lines.as_bytes(), usize::MAX));
        layers.push(json!({"id": own, "parent": number.checked_sub(1).map(layer_id), "diff-digest": Digest::of(tar).to_string()}));
    }
    // Lists are in no order.
    layers.reverse();
    store.write(&format!("{root}/{driver}-layers/layers.json"), Value::from(layers).to_string());
    id
}

/// Exit code, stdout and stderr, without an engine, with a `storage.conf`.
fn run(store: &Store, args: &[&str]) -> (i32, String, String) {
    let config = format!(
        "[storage]\ndriver = \"overlay\"\ngraphroot = \"{0}/own\"\nrootless_storage_path = \"{0}/own\"\n[storage.options]\nadditionalimagestores = [\"{0}/more\"]\n",
        store.0.path().display()
    );
    let config = store.write("storage.conf", config);
    let mut command = Command::cargo_bin("slimwright").unwrap();
    command.env("DOCKER_HOST", "unix:///nowhere/engine.sock").env("SLIMWRIGHT_CACHE_DIR", store.path("cache"));
    let output = command.env("CONTAINERS_STORAGE_CONF", config).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What an audit in JSON says of the layers, but for their blobs, which a store has no more.
fn layers(store: &Store, target: &str) -> Value {
    let (code, stdout, stderr) = run(store, &["audit", target, "--format", "json", "--verify"]);
    assert_eq!(code, 0, "{target}: {stderr}");
    let mut layers = serde_json::from_str::<Value>(&stdout).unwrap()["layers"].clone();
    for layer in layers.as_array_mut().unwrap() {
        assert_eq!(layer["diff-id-verified"], true);
        layer.as_object_mut().unwrap().retain(|key, _| !key.starts_with("blob"));
    }
    layers
}

#[test]
fn an_image_of_the_store_is_the_image_of_an_archive() {
    let (store, parts) = (Store::new(), sample());
    let file = store.write("app.tar", archive(&docker_new(&parts)));
    let expected = layers(&store, &format!("docker-archive:{}", file.display()));
    let id = add(&store, "own", "overlay", &parts);
    add(&store, "plain", "vfs", &parts);
    let plain = store.path("plain").display().to_string();
    for name in ["localhost/team/app:1", "team/app:1", "app", &id, &id[..12], &format!("sha256:{id}"), "@0"] {
        assert_eq!(layers(&store, &format!("containers-storage:{name}")), expected, "{name}");
        assert_eq!(layers(&store, &format!("containers-storage:[vfs@{plain}+/run]{name}")), expected, "{name}");
    }
    // A name without its kind, where no engine answers.
    let (code, _, stderr) = run(&store, &["audit", "team/app:1"]);
    assert!(
        code == 0 && stderr.contains("from the store of Podman and Buildah (containers-storage:team/app:1)"),
        "{stderr}"
    );
}

#[test]
fn a_store_adds_others_that_it_does_not_write() {
    let (store, parts) = (Store::new(), sample());
    store.write("own/overlay-images/images.json", "[]");
    store.write("own/overlay-layers/layers.json", "[]");
    add(&store, "more", "overlay", &parts);
    assert_eq!(layers(&store, "containers-storage:team/app:1").as_array().unwrap().len(), parts.layers.len());
}

#[test]
fn what_is_not_there_or_not_as_expected_is_an_error() {
    let parts = sample();
    let broken = |change: &dyn Fn(&Store, &str)| {
        let store = Store::new();
        let id = add(&store, "own", "overlay", &parts);
        change(&store, &id);
        let (code, stdout, stderr) = run(&store, &["audit", "containers-storage:team/app:1"]);
        assert!(code != 0 && stdout.is_empty(), "{code} {stdout}");
        stderr
    };
    let rewritten = |path: &'static str, from: String, to: &'static str| {
        broken(&move |store, _| {
            let text = std::fs::read_to_string(store.path(path)).unwrap();
            assert!(text.contains(&from), "{text}");
            store.write(path, text.replacen(&from, to, 1));
        })
    };
    let (images, of_layers) = ("own/overlay-images/images.json", "own/overlay-layers/layers.json");
    for (stderr, words) in [
        (
            rewritten(images, "team/app:1".into(), "team/other:1"),
            "expected an image named `team/app:1`, found @0 localhost/team/other:1",
        ),
        (rewritten(images, layer_id(1), "none"), "expected the layer none, found none of that ID"),
        (
            rewritten(of_layers, "diff-digest".into(), "toc-digest"),
            "expected the digest of its tar (diff-digest), found none",
        ),
        (
            rewritten(
                of_layers,
                "\"parent\":null".to_owned(),
                "\"parent\":\"0000000000000000000000000000000000000000000000000000000000000001\"",
            ),
            "in a circle",
        ),
        (
            rewritten(of_layers, format!("\"id\":\"{}\"", layer_id(0)), "\"id\":\"../../../etc\""),
            "found none of that ID",
        ),
        (rewritten(images, "\"id\":\"".into(), "\"id\":\"../"), "expected an ID, found `../"),
        (
            broken(&|store, id| _ = store.write(&format!("own/overlay-images/{id}/manifest"), "{\"manifests\": []}")),
            "a list of images?",
        ),
        (broken(&|store, _| _ = store.write("own/overlay-images/images.json", "[{")), "images.json: "),
        (
            broken(&|store, id| {
                let name = STANDARD.encode(format!("sha256:{id}"));
                store.write(&format!("own/overlay-images/{id}/={name}"), "{}");
            }),
            "the digest of the configuration does not match",
        ),
        (
            broken(&|store, _| std::fs::remove_dir_all(store.path("own")).unwrap()),
            "expected a store of Podman, Buildah or CRI-O",
        ),
    ] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
}
