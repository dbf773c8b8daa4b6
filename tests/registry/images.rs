//! Whole images from a registry: the same as from a layout, whatever the network does, and once only.

use crate::server::{Reply, Request, Server, ok, reply, rest};
use crate::tarballs::{
    Files, INDEX, MANIFEST, Packing, Parts, Store, add_blob, add_image, blob_name, layout, oci, opened, sample,
};
use serde_json::{Value, json};
use slimwright::base::{Digest, Hint as _};
use slimwright::image::{Cache, Image, ImageError, OpenOptions, Target, open, open_manifest, open_with_layers};
use std::io::Read as _;

/// What a registry holds: blobs and manifests by digest, and what the tag means.
#[derive(Clone)]
struct Held {
    files: Files,
    tagged: Vec<u8>,
    kind: &'static str,
}

impl Held {
    /// The bytes of a request's target and their media type; `None` for what is not there.
    fn find(&self, target: &str) -> Option<(Vec<u8>, &'static str)> {
        let name = target.strip_prefix("/v2/lab/app/")?;
        if name == "manifests/1" {
            return Some((self.tagged.clone(), self.kind));
        }
        let (_, digest) = name.split_once('/')?;
        let bytes = self.files.get(&format!("blobs/sha256/{}", digest.strip_prefix("sha256:")?))?;
        Some((bytes.clone(), MANIFEST))
    }

    fn answer(&self, request: &Request) -> Reply {
        match (self.find(&request.target), request.from()) {
            (Some((bytes, _)), Some(from)) if from < bytes.len() => rest(&bytes, from),
            (Some((bytes, kind)), _) => ok(bytes).header("Content-Type", kind),
            _ => reply(404),
        }
    }
}

/// An image of one platform, under its tag.
fn single(parts: &Parts, packing: Packing) -> Held {
    let mut files = Files::new();
    let descriptor = add_image(&mut files, parts, packing);
    let digest = descriptor["digest"].as_str().unwrap().to_owned();
    let tagged = files[&format!("blobs/sha256/{}", &digest[7..])].clone();
    Held { files, tagged, kind: MANIFEST }
}

fn try_pull(server: &Server, options: OpenOptions) -> Result<Image, ImageError> {
    let target: Target = format!("docker://{}/lab/app:1", server.host()).parse().unwrap();
    let image = open(&target, &OpenOptions { insecure: true, ..options.clone() }, &());
    if let Some(cache) = &options.cache {
        cache.flush().unwrap();
    }
    image
}

fn serving(held: &Held) -> Server {
    let held = held.clone();
    Server::new(move |request, _| held.answer(request))
}

fn assert_same(found: &Image, expected: &Image) {
    assert_eq!(found.layers, expected.layers);
    assert_eq!((&found.config, &found.platform), (&expected.config, &expected.platform));
}

#[test]
fn an_image_is_the_same_as_from_a_layout() {
    let (store, parts) = (Store::new(), sample());
    for packing in [Packing::Gzip, Packing::Zstd, Packing::Plain] {
        let server = serving(&single(&parts, packing));
        let found = try_pull(&server, OpenOptions::default()).unwrap();
        assert_eq!(found.name, format!("{}/lab/app:1", server.host()));
        assert!(found.layers.iter().all(|layer| layer.verified.blob && layer.verified.diff_id));
        if packing != Packing::Plain {
            assert_same(&found, &opened(&store.folder(&format!("{packing:?}"), &oci(&parts, packing))));
        }
    }
}

#[test]
fn blobs_can_be_had_again_even_of_layers_that_the_cache_knows() {
    let parts = sample();
    let server = serving(&single(&parts, Packing::Gzip));
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path().to_owned(), 1 << 30);
    let options = OpenOptions { insecure: true, cache: Some(cache), ..OpenOptions::default() };
    try_pull(&server, options.clone()).unwrap();
    let target: Target = format!("docker://{}/lab/app:1", server.host()).parse().unwrap();
    let (image, layers) = open_with_layers(&target, &options, &()).unwrap();
    for (position, layer) in image.layers.iter().enumerate() {
        let mut blob = Vec::new();
        layers.blob(position).unwrap().read_to_end(&mut blob).unwrap();
        assert_eq!(Some(Digest::of(&blob)), layer.blob, "layer {position}");
    }
}

#[test]
fn before_anything_is_pulled_a_manifest_tells_the_compressed_sizes() {
    let held = single(&sample(), Packing::Gzip);
    let server = serving(&held);
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions {
        insecure: true,
        cache: Some(Cache::new(folder.path().to_owned(), 1 << 30)),
        ..OpenOptions::default()
    };
    let name = format!("{}/lab/app:1", server.host());
    let (image, whole) = open_manifest(&name, &options, &()).unwrap();
    let manifest: Value = serde_json::from_slice(&held.tagged).unwrap();
    let sizes = manifest["layers"].as_array().unwrap().iter().map(|layer| layer["size"].as_u64());
    assert_eq!(image.layers.iter().map(|layer| layer.wire).collect::<Vec<_>>(), sizes.collect::<Vec<_>>());
    assert!(!whole && image.layers.iter().all(|layer| layer.entries.is_empty()));
    // Once the cache has its layers it is whole, and nothing is pulled for it.
    let pulled = try_pull(&server, options.clone()).unwrap();
    let (image, whole) = open_manifest(&name, &options, &()).unwrap();
    assert!(whole);
    assert_same(&image, &pulled);
    let nowhere = format!("{}/lab/none:1", server.host());
    let error = open_manifest(&nowhere, &options, &()).unwrap_err();
    assert!(error.to_string().contains("found no such image"), "{error}");
}

#[test]
fn an_index_has_an_image_for_each_platform() {
    let mut files = Files::new();
    let mut platforms = Vec::new();
    for (architecture, name) in [("arm64", "arm"), ("amd64", "intel")] {
        let mut parts = sample();
        parts.config["architecture"] = json!(architecture);
        parts.config["config"]["Env"] = json!([format!("NAME={name}")]);
        let mut descriptor = add_image(&mut files, &parts, Packing::Gzip);
        descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
        platforms.push(descriptor);
    }
    // What BuildKit adds, and a referrer that is not there at all.
    let mut attestation = add_blob(&mut files, b"{}", MANIFEST);
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    let mut referrer = attestation.clone();
    referrer["digest"] = json!(Digest::of(b"never pushed").to_string());
    let all: Vec<Value> = [vec![attestation, referrer], platforms].concat();
    let tagged = layout(files.clone(), &all)["index.json"].clone();
    let server = serving(&Held { files, tagged, kind: INDEX });
    for (platform, variable) in [("linux/arm64", "NAME=arm"), ("linux/amd64", "NAME=intel")] {
        let options = OpenOptions { platform: Some(platform.into()), ..OpenOptions::default() };
        let image = try_pull(&server, options).unwrap();
        assert_eq!((image.platform.as_str(), image.config.env.as_slice()), (platform, &[variable.to_owned()][..]));
    }
    let options = OpenOptions { platform: Some("linux/s390x".into()), ..OpenOptions::default() };
    let error = try_pull(&server, options).unwrap_err();
    assert!(error.to_string().contains("linux/arm64, linux/amd64"), "{error}");
    assert!(error.hint().unwrap().contains("--platform"));
}

#[test]
fn a_second_pull_asks_for_no_layer() {
    let (store, parts) = (Store::new(), sample());
    let held = single(&parts, Packing::Gzip);
    let server = serving(&held);
    let options =
        || OpenOptions { cache: Some(Cache::new(store.path("cache"), 1_000_000_000)), ..OpenOptions::default() };
    let first = try_pull(&server, options()).unwrap();
    let is_layer = |request: &Request| {
        parts.layers.iter().any(|tar| request.target.ends_with(&Digest::of(&Packing::Gzip.pack(tar)).to_string()))
    };
    let asked = |server: &Server| server.requests().iter().filter(|request| is_layer(request)).count();
    assert_eq!(asked(&server), 2);
    assert_eq!(try_pull(&server, options()).unwrap(), first);
    assert_eq!(asked(&server), 2);
    try_pull(&server, OpenOptions { verify: true, ..options() }).unwrap();
    assert_eq!(asked(&server), 4);
}

#[test]
fn layers_that_are_cut_go_on_and_the_image_is_whole() {
    let (store, parts) = (Store::new(), sample());
    let held = single(&parts, Packing::Gzip);
    let server = Server::new(move |request, _| match (held.find(&request.target), request.from()) {
        (Some((bytes, _)), None) if request.target.contains("/blobs/") && bytes.len() > 400 => ok(bytes).cut(150),
        (Some((bytes, _)), Some(from)) => rest(&bytes, from).cut((bytes.len() - from).min(400)),
        _ => held.answer(request),
    });
    let found = try_pull(&server, OpenOptions::default()).unwrap();
    assert_same(&found, &opened(&store.folder("gzip", &oci(&parts, Packing::Gzip))));
    assert!(server.requests().iter().any(|request| request.from().is_some()));
}

#[test]
fn another_layer_than_was_promised_is_an_error_and_is_not_kept() {
    let (store, parts) = (Store::new(), sample());
    let mut held = single(&parts, Packing::Gzip);
    let honest = serving(&held);
    let name = blob_name(&Packing::Gzip.pack(&parts.layers[1]));
    // A letter of a file, stored under gzip's weakest compression; the length stays.
    let other = {
        let mut bytes = held.files[&name].clone();
        bytes[4] ^= 1; // the time in the gzip header
        bytes
    };
    held.files.insert(name, other);
    let cache = Cache::new(store.path("cache"), 1_000_000_000);
    let options = || OpenOptions { cache: Some(cache.clone()), ..OpenOptions::default() };
    let error = try_pull(&serving(&held), options()).unwrap_err();
    assert!(error.to_string().contains("layer 2 of 2") && error.to_string().contains("digest of the blob"), "{error}");
    let found = try_pull(&honest, options()).unwrap();
    assert!(found.layers[1].verified.blob);
}

#[test]
fn what_is_no_image_says_what_it_is() {
    let not_there = Server::new(|_, _| reply(404));
    let error = try_pull(&not_there, OpenOptions::default()).unwrap_err();
    assert!(error.to_string().contains("lab/app") && error.hint().is_some(), "{error}");
    let mut files = Files::new();
    let config = add_blob(&mut files, b"{}", "application/vnd.cncf.helm.config.v1+json");
    let chart = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []});
    let tagged = serde_json::to_vec(&chart).unwrap();
    let error = try_pull(&serving(&Held { files, tagged, kind: MANIFEST }), OpenOptions::default()).unwrap_err();
    assert!(error.to_string().contains("helm"), "{error}");
    for name in ["docker://", "docker://a//b", "docker://a:b:c"] {
        let opened = name.parse::<Target>().map(|target| open(&target, &OpenOptions::default(), &()).unwrap_err());
        let text = opened.map_or_else(|error| error, |error| error.to_string());
        assert!(text.contains("expected") || text.contains("names nothing"), "{name}: {text}");
    }
}
