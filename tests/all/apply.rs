//! The image that `apply` writes, read by a reader that is not ours: the `tar` crate, and a merge of a few lines.

use crate::tarballs::{Header, Packing as Stored, Parts, Store, Tar, archive, docker_new, docker_old, oci};
use serde_json::{Value, json};
use slimwright::apply::{
    Applied, ApplyError, Asking, DecideError, Fetched, Form, Left, Options, Original, OutLayer, Output, Packing,
    Reviewed, Wheels, Wish,
};
use slimwright::base::Digest;
use slimwright::fs::View;
use slimwright::image::{OpenOptions, Target, open_with_layers};
use slimwright::index::Wanted;
use slimwright::layer::{Compression, Limits};
use slimwright::wheel::{Archive, Platform};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

/// What a path is, as far as a container sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    kind: tar::EntryType,
    mode: u32,
    owner: (u64, u64),
    time: String,
    link: Option<Vec<u8>>,
    records: BTreeMap<String, Vec<u8>>,
    content: Vec<u8>,
}

pub type Tree = BTreeMap<Vec<u8>, Seen>;

fn clean(raw: &[u8]) -> Vec<u8> {
    let text = raw.strip_prefix(b"./").unwrap_or(raw);
    text.strip_suffix(b"/").unwrap_or(text).to_vec()
}

/// Puts one layer over what is there. A hard link has what it leads to.
fn put(tree: &mut Tree, layer: &[u8]) {
    let mut new = Tree::new();
    for entry in tar::Archive::new(layer).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = clean(&entry.path_bytes());
        let (folder, name) = match path.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => (path[..slash].to_vec(), path[slash + 1..].to_vec()),
            None => (Vec::new(), path.clone()),
        };
        if name == b".wh..wh..opq" {
            tree.retain(|other, _| !other.starts_with(&[&folder[..], b"/"].concat()));
            continue;
        }
        if let Some(hidden) = name.strip_prefix(b".wh.") {
            let hidden = if folder.is_empty() { hidden.to_vec() } else { [&folder[..], b"/", hidden].concat() };
            tree.retain(|other, _| *other != hidden && !other.starts_with(&[&hidden[..], b"/"].concat()));
            assert!(!new.contains_key(&hidden), "a whiteout comes before what has its name");
            continue;
        }
        let mut records = BTreeMap::new();
        for record in entry.pax_extensions().unwrap().into_iter().flatten() {
            let record = record.unwrap();
            records.insert(record.key().unwrap().to_owned(), record.value_bytes().to_vec());
        }
        let header = entry.header().clone();
        let time = records.remove("mtime").map(|value| String::from_utf8(value).unwrap());
        let number = |key: &str, of_header: u64| {
            records.get(key).map_or(of_header, |value| std::str::from_utf8(value).unwrap().parse().unwrap())
        };
        let owner = (number("uid", header.uid().unwrap()), number("gid", header.gid().unwrap()));
        records.retain(|key, _| key.starts_with("SCHILY.xattr."));
        let mut seen = Seen {
            kind: header.entry_type(),
            mode: header.mode().unwrap() & 0o7777,
            owner,
            time: time.unwrap_or_else(|| header.mtime().unwrap().to_string()),
            link: entry.link_name_bytes().map(|link| link.to_vec()),
            records,
            content: Vec::new(),
        };
        entry.read_to_end(&mut seen.content).unwrap();
        if seen.kind.is_hard_link() {
            let target = clean(&seen.link.take().unwrap());
            let file = new.get(&target).or_else(|| tree.get(&target)).expect("a hard link leads to what came before");
            (seen.kind, seen.content) = (tar::EntryType::Regular, file.content.clone());
        }
        if !seen.kind.is_dir() {
            tree.retain(|other, _| !other.starts_with(&[&path[..], b"/"].concat()));
        }
        new.insert(path, seen);
    }
    tree.extend(new);
}

fn merged(layers: &[Vec<u8>]) -> Tree {
    let mut tree = Tree::new();
    layers.iter().for_each(|layer| put(&mut tree, layer));
    tree.remove(&b""[..]);
    tree
}

pub fn options(output: &str, compression: Compression) -> Options {
    Options {
        output: output.parse().unwrap(),
        force: false,
        packing: Packing::usual(compression),
        created: None,
        registry: slimwright::registry::Options::default(),
        mount_from: None,
        limits: Limits::default(),
    }
}

/// Drops hidden bytes above so many layers.
fn without_hidden(path: &Path, base_layers: usize, options: &Options) -> Result<(Applied, Vec<OutLayer>), ApplyError> {
    let (image, layers) = open_with_layers(&Target::at(path), &OpenOptions::default(), &())?;
    let view = View::new(&image);
    let original = Original { image: &image, layers: &layers, base_layers };
    original.check()?;
    let outcome = original.outcome(&view, Wish::without_hidden(&view, base_layers))?;
    let out = outcome.layers.clone();
    Ok((original.write(outcome, options, &())?, out))
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn blob(layout: &Path, digest: &str) -> Vec<u8> {
    let bytes = std::fs::read(layout.join("blobs/sha256").join(&digest[7..])).unwrap();
    assert_eq!(Digest::of(&bytes).to_string(), digest);
    bytes
}

/// A layout's configuration, and the tars of its layers.
fn read(layout: &Path) -> (Value, Vec<Vec<u8>>) {
    let index = json_of(&layout.join("index.json"));
    let manifest = blob(layout, index["manifests"][0]["digest"].as_str().unwrap());
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let config = blob(layout, manifest["config"]["digest"].as_str().unwrap());
    let unpack = |layer: &Value| {
        let bytes = blob(layout, layer["digest"].as_str().unwrap());
        assert_eq!(layer["size"], bytes.len());
        let mut tar = Vec::new();
        match layer["mediaType"].as_str().unwrap().rsplit(['+', '.']).next().unwrap() {
            // The program's own reader takes several members: this one does not.
            "gzip" if bytes.starts_with(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]) => {
                _ = flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut tar).unwrap();
            }
            "gzip" => _ = flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut tar).unwrap(),
            "zstd" => tar = zstd::stream::decode_all(&bytes[..]).unwrap(),
            _ => tar = bytes,
        }
        tar
    };
    let tars: Vec<Vec<u8>> = manifest["layers"].as_array().unwrap().iter().map(unpack).collect();
    let config: Value = serde_json::from_slice(&config).unwrap();
    let diff_ids: Vec<String> = tars.iter().map(|tar| Digest::of(tar).to_string()).collect();
    assert_eq!(config["rootfs"]["diff_ids"], json!(diff_ids));
    (config, tars)
}

/// A path in a layer, with how often it stands there.
fn names(tar: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map(|entry| entry.unwrap().path_bytes().into_owned());
    entries.map(|name| String::from_utf8(name).unwrap()).collect()
}

fn owned(name: &str, kind: u8, (mode, uid, time): (&str, u32, u64), body: &[u8]) -> Tar {
    let mut header = Header::new(name.as_bytes(), kind, body.len() as u64);
    header.set(100, format!("{mode:0>7}\0").as_bytes());
    header.set(108, format!("{uid:07o}\0").as_bytes());
    header.set(136, format!("{time:011o}\0").as_bytes());
    Tar::new().header(&header).body(body)
}

fn joined(parts: impl IntoIterator<Item = Tar>) -> Vec<u8> {
    parts.into_iter().fold(Tar::new(), |tar, part| tar.raw(&part.open_ended())).finish()
}

/// An image whose upper layers hide what lower ones have, in every way.
fn hiding() -> Parts {
    let long = format!("opt/{}/file", "long-name-".repeat(14));
    let base = joined([
        owned("./", b'5', ("755", 0, 1), b""),
        owned("etc/", b'5', ("755", 0, 100), b""),
        owned("etc/passwd", b'0', ("644", 0, 100), b"root"),
        owned("etc/gone", b'0', ("644", 0, 100), b"of the base"),
        owned("usr/", b'5', ("755", 0, 100), b""),
        owned("usr/old/", b'5', ("755", 0, 100), b""),
        owned("usr/old/a", b'0', ("644", 0, 100), b"a"),
    ]);
    let middle = joined([
        owned("srv/", b'5', ("700", 5, 200), b""),
        owned("srv/data", b'0', ("640", 5, 200), &[b'x'; 3000]),
        owned("srv/deleted", b'0', ("640", 5, 200), &[b'y'; 2000]),
        owned("srv/first", b'0', ("755", 5, 200), b"linked"),
        Tar::new().link("srv/second", b'1', "srv/first"),
        Tar::new().link("srv/third", b'1', "srv/second"),
        Tar::new().link("srv/absolute", b'2', "/etc/passwd"),
        Tar::new().pax(
            b'x',
            &[
                ("path", long.as_bytes()),
                ("mtime", b"1700000000.25"),
                ("uid", b"3000000"),
                ("SCHILY.xattr.security.capability", &[1, 0, 0, 2, 0, 0xff]),
            ],
        ),
        Tar::new().file("short", "capable"),
        Tar::new().pax(b'x', &[("mtime", b"-1.5")]),
        owned("srv/ancient", b'0', ("4755", 0, 0), b"setuid"),
        owned("etc/.wh.gone", b'0', ("644", 0, 0), b""),
        Tar::new().dir("usr/old").file("usr/old/.wh..wh..opq", "").file("usr/old/b", "b"),
    ]);
    let kept =
        joined([owned("app/", b'5', ("755", 7, 300), b""), owned("app/main.py", b'0', ("644", 7, 300), b"x=1\n")]);
    let top = joined([
        owned("srv/", b'5', ("750", 6, 400), b""),
        owned("srv/data", b'0', ("640", 6, 400), &[b'x'; 3000]),
        owned("srv/.wh.deleted", b'0', ("644", 0, 0), b""),
        owned("srv/.wh.first", b'0', ("644", 0, 0), b""),
    ]);
    Parts::new(vec![base, middle, kept, top])
}

#[test]
fn what_a_container_sees_stays_and_what_no_one_sees_goes() {
    let (store, parts) = (Store::new(), hiding());
    let before = merged(&parts.layers);
    let sources = [
        store.write("old.tar", docker_old(&parts)),
        store.write("new.tar", archive(&docker_new(&parts))),
        store.folder("gzip", &oci(&parts, Stored::Gzip)),
        store.folder("zstd", &oci(&parts, Stored::Zstd)),
    ];
    let mut ids = BTreeSet::new();
    for (position, source) in sources.iter().enumerate() {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let out = store.path(&format!("out-{position}-{compression:?}"));
            let (applied, _) =
                without_hidden(source, 1, &options(&format!("oci:{}", out.display()), compression)).unwrap();
            let (_, layers) = read(&out);
            assert_eq!(merged(&layers), before, "{}", source.display());
            assert_eq!(layers.len(), 4);
            assert_eq!(layers[0], parts.layers[0], "the base is as it was");
            assert_eq!(layers[2], parts.layers[2], "nothing goes from it");
            ids.insert(applied.blobs.iter().map(|blob| blob.diff_id).collect::<Vec<_>>());
            let thin = names(&layers[1]);
            assert!(!thin.iter().any(|name| name.ends_with("deleted") || name.ends_with("srv/data")), "{thin:?}");
            assert_eq!(thin.iter().collect::<BTreeSet<_>>().len(), thin.len(), "no path twice: {thin:?}");
            // The base has them still.
            assert!(
                thin.contains(&"etc/.wh.gone".to_owned()) && thin.contains(&"usr/old/.wh.a".to_owned()),
                "{thin:?}"
            );
            assert_eq!(layers[3], parts.layers[3], "nor from it, and what its whiteouts hid is gone");
        }
    }
    assert_eq!(ids.len(), 1, "however it is stored, the layers are the same");
}

#[test]
fn the_content_of_a_removed_name_moves_to_the_next_one() {
    let (store, parts) = (Store::new(), hiding());
    let source = store.write("old.tar", docker_old(&parts));
    let out = store.path("out");
    without_hidden(&source, 1, &options(&format!("oci:{}", out.display()), Compression::None)).unwrap();
    let (_, layers) = read(&out);
    let kinds: BTreeMap<String, (tar::EntryType, Option<String>)> = tar::Archive::new(&layers[1][..])
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let link = entry.link_name_bytes().map(|link| String::from_utf8(link.into_owned()).unwrap());
            (String::from_utf8(entry.path_bytes().into_owned()).unwrap(), (entry.header().entry_type(), link))
        })
        .collect();
    assert_eq!(kinds["srv/second"], (tar::EntryType::Regular, None));
    assert_eq!(kinds["srv/third"], (tar::EntryType::Link, Some("srv/second".into())));
}

#[test]
fn directories_above_what_stays_have_the_attributes_that_are_in_force() {
    let (store, parts) = (Store::new(), hiding());
    let source = store.write("old.tar", docker_old(&parts));
    let out = store.path("out");
    without_hidden(&source, 1, &options(&format!("oci:{}", out.display()), Compression::None)).unwrap();
    let (_, layers) = read(&out);
    let mut tree = Tree::new();
    put(&mut tree, &layers[1]);
    assert_eq!((tree[&b"srv"[..]].mode, tree[&b"srv"[..]].owner.0), (0o750, 6));
    assert_eq!(tree[&b"etc"[..]].time, "100");
}

#[test]
fn blobs_of_layers_from_which_nothing_goes_are_not_touched() {
    let (store, parts) = (Store::new(), hiding());
    let files = oci(&parts, Stored::Gzip);
    let source = store.folder("gzip", &files);
    let out = store.path("out");
    without_hidden(&source, 1, &options(&format!("oci:{}", out.display()), Compression::Zstd)).unwrap();
    let index = json_of(&out.join("index.json"));
    let manifest: Value =
        serde_json::from_slice(&blob(&out, index["manifests"][0]["digest"].as_str().unwrap())).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    for kept in [0, 2] {
        let digest = layers[kept]["digest"].as_str().unwrap();
        assert_eq!(digest, Digest::of(&Stored::Gzip.pack(&parts.layers[kept])).to_string());
        assert_eq!(layers[kept]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    }
    assert_eq!(layers[1]["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd");
}

#[test]
fn a_layer_of_which_nothing_is_left_goes_and_its_row_tells_so() {
    let lower = joined([owned("a", b'0', ("644", 0, 1), b"first")]);
    let upper = joined([owned("a", b'0', ("644", 9, 1), b"first")]);
    let mut parts = Parts::new(vec![lower, upper.clone()]);
    parts.config["unknown"] = json!({"Kept": [1, 2.5, null]});
    parts.config["created"] = json!("2024-01-02T03:04:05Z");
    let store = Store::new();
    let source = store.write("old.tar", docker_old(&parts));
    let out = store.path("out");
    let options = Options {
        created: Some("2020-01-01T00:00:00Z".into()),
        ..options(&format!("oci:{}:slim", out.display()), Compression::None)
    };
    without_hidden(&source, 0, &options).unwrap();
    let (config, layers) = read(&out);
    assert_eq!(layers, [upper], "nothing goes from it");
    let history = config["history"].as_array().unwrap();
    assert_eq!(history[0]["empty_layer"], true);
    assert_eq!((history[0]["created_by"].as_str(), history.len()), (Some("RUN step 0 # buildkit"), 2));
    assert_eq!(history[1], parts.config["history"][1]);
    let mut expected = parts.config.clone();
    for changed in ["history", "rootfs", "created"] {
        expected[changed] = config[changed].clone();
    }
    assert_eq!(config, expected, "all the rest is as it was");
    assert_eq!(config["created"], "2020-01-01T00:00:00Z");
    let index = json_of(&out.join("index.json"));
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "slim");
}

#[test]
fn archives_are_read_by_both_of_their_documents() {
    let (store, parts) = (Store::new(), hiding());
    let source = store.write("old.tar", docker_old(&parts));
    for kind in ["docker-archive", "oci-archive"] {
        let file = store.path(&format!("{kind}.tar"));
        let name = if kind == "docker-archive" { ":example/app:slim" } else { ":slim" };
        let (applied, _) =
            without_hidden(&source, 1, &options(&format!("{kind}:{}{name}", file.display()), Compression::None))
                .unwrap();
        for form in ["docker-archive", "oci-archive"] {
            let target: Target = format!("{form}:{}", file.display()).parse().unwrap();
            let options = OpenOptions { verify: true, ..OpenOptions::default() };
            let (image, _) = open_with_layers(&target, &options, &()).unwrap();
            let diff_ids: Vec<_> = image.layers.iter().map(|layer| layer.diff_id.unwrap()).collect();
            assert_eq!(diff_ids, applied.blobs.iter().map(|blob| blob.diff_id).collect::<Vec<_>>());
            if kind == "docker-archive" {
                assert!(image.name.ends_with("slim"), "{}", image.name);
            }
        }
        let first = tar::Archive::new(std::fs::File::open(&file).unwrap())
            .entries()
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path_bytes()
            .into_owned();
        assert!(!first.starts_with(b"blobs"), "documents come first, for who reads a stream");
    }
}

#[test]
fn twice_gives_the_same_bytes() {
    let (store, parts) = (Store::new(), hiding());
    let source = store.write("old.tar", docker_old(&parts));
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let once = |name: &str| {
            let file = store.path(&format!("{name}-{compression:?}.tar"));
            without_hidden(&source, 1, &options(&format!("oci-archive:{}", file.display()), compression)).unwrap();
            std::fs::read(file).unwrap()
        };
        assert!(once("first") == once("second"), "{compression:?}");
    }
}

#[test]
fn nothing_is_overwritten_unasked_and_no_folder_of_somebody_else_at_all() {
    let (store, parts) = (Store::new(), hiding());
    let source = store.write("old.tar", docker_old(&parts));
    let write = |output: String, force| {
        let options = Options { force, ..options(&output, Compression::None) };
        without_hidden(&source, 1, &options).map(|_| ()).map_err(|error| error.to_string())
    };
    let layout = format!("oci:{}", store.path("out").display());
    write(layout.clone(), false).unwrap();
    assert!(write(layout.clone(), false).unwrap_err().contains("exists already"));
    write(layout, true).unwrap();
    store.write("mine/notes", "mine");
    let mine = format!("oci:{}", store.path("mine").display());
    assert!(write(mine, true).unwrap_err().contains("other things in it"));
    let file = store.write("file.tar", "mine");
    let archive = format!("oci-archive:{}", file.display());
    assert!(write(archive.clone(), false).unwrap_err().contains("exists already"));
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    write(archive, true).unwrap();
    assert!(std::fs::read(&file).unwrap().len() > 4);
    let left: BTreeSet<String> = std::fs::read_dir(store.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, ["file.tar", "mine", "old.tar", "out"].map(str::to_owned).into());
}

#[test]
fn an_original_that_is_not_what_it_says_leaves_nothing() {
    let (store, mut parts) = (Store::new(), hiding());
    let last = parts.layers.len() - 1;
    for damaged in [0, 1, last] {
        let before = parts.layers[damaged].clone();
        let at = parts.layers[damaged].windows(3).position(|bytes| bytes == b"xxx" || bytes == b"roo");
        let at = at.unwrap_or(700);
        parts.layers[damaged][at] ^= 1;
        let source = store.write("old.tar", docker_old(&parts));
        let out = format!("oci:{}", store.path("out").display());
        let error = without_hidden(&source, 1, &options(&out, Compression::None)).unwrap_err().to_string();
        assert!(error.contains("diff ID"), "{error}");
        assert_eq!(std::fs::read_dir(store.0.path()).unwrap().count(), 1, "nothing but the original");
        parts.layers[damaged] = before;
    }
}

#[test]
fn a_sparse_file_is_written_with_its_zeros() {
    // GNU 1.0: the map stands before the content, and both are in the size.
    let map = b"2\n0\n3\n1000\n2\n";
    let mut body = map.to_vec();
    body.resize(512, 0);
    body.extend_from_slice(b"abcde");
    let records: [(&str, &[u8]); 4] = [
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"holes"),
        ("GNU.sparse.realsize", b"1500"),
    ];
    let lower = Tar::new().pax(b'x', &records).file("GNUSparseFile.0/holes", &body).file("old", "hidden").finish();
    let upper = Tar::new().file("old", "seen").finish();
    let store = Store::new();
    let source = store.write("old.tar", docker_old(&Parts::new(vec![lower, upper])));
    let out = store.path("out");
    without_hidden(&source, 0, &options(&format!("oci:{}", out.display()), Compression::None)).unwrap();
    let tree = merged(&read(&out).1);
    let mut expected = vec![0; 1500];
    expected[..3].copy_from_slice(b"abc");
    expected[1000..1002].copy_from_slice(b"de");
    assert_eq!(tree[&b"holes"[..]].content, expected);
}

#[test]
fn a_link_to_nothing_is_refused_and_one_that_leaves_the_root_is_only_copied() {
    let store = Store::new();
    let hidden = |tar: Tar| vec![tar.file("old", "hidden").finish(), Tar::new().file("old", "seen").finish()];
    let source = store.write("a.tar", docker_old(&Parts::new(hidden(Tar::new().link("usr/broken", b'1', "usr/none")))));
    let out = options(&format!("oci:{}", store.path("out").display()), Compression::None);
    let error = without_hidden(&source, 0, &out).unwrap_err().to_string();
    assert!(error.contains("/usr/broken") && error.contains("usr/none"), "{error}");
    let tar = Tar::new().link("up", b'2', "../../../../etc").file("up/../../escape", "x").file("/rooted", "y");
    let source = store.write("b.tar", docker_old(&Parts::new(hidden(tar))));
    without_hidden(&source, 0, &out).unwrap();
    let tree = merged(&read(&store.path("out")).1);
    assert_eq!(tree[&b"up"[..]].link.as_deref(), Some(&b"../../../../etc"[..]));
    assert!(tree.keys().all(|path| !path.starts_with(b"/") && !path.starts_with(b"..")), "{:?}", tree.keys());
}

#[test]
fn what_goes_of_what_a_container_sees_is_what_was_named_and_is_not_in_the_base() {
    let base =
        joined([owned("cache/", b'5', ("700", 3, 1), b""), owned("cache/of-base", b'0', ("644", 0, 1), b"base")]);
    let above = joined([
        owned("cache/a", b'0', ("644", 0, 1), b"shared"),
        Tar::new().link("kept", b'1', "cache/a"),
        owned("cache/b", b'0', ("644", 0, 1), b"alone"),
        Tar::new().link("cache/c", b'2', "b"),
    ]);
    let parts = Parts::new(vec![base, above]);
    let store = Store::new();
    let source = store.write("old.tar", docker_old(&parts));
    let (image, layers) = open_with_layers(&Target::at(&source), &OpenOptions::default(), &()).unwrap();
    let view = View::new(&image);
    let original = Original { image: &image, layers: &layers, base_layers: 1 };
    let mut wish = Wish::everything(&view);
    let went: Vec<bool> = ["cache/a", "cache/b", "cache/c", "cache/of-base", "cache", "none"]
        .map(|path| wish.drop(&view, 1, path.as_bytes()))
        .into();
    assert_eq!(went, [true, true, true, false, false, false]);
    let out = store.path("out");
    let outcome = original.outcome(&view, wish).unwrap();
    original.write(outcome, &options(&format!("oci:{}", out.display()), Compression::None), &()).unwrap();
    let mut expected = merged(&parts.layers);
    expected.retain(|path, _| ![&b"cache/a"[..], b"cache/b", b"cache/c"].contains(&&path[..]));
    assert_eq!(merged(&read(&out).1), expected, "the content of a file that goes stays under its other name");
}

#[test]
fn the_command_says_what_becomes_of_each_layer_and_refuses_what_it_cannot_follow() {
    let cache = |name: &str| Tar::new().file(&format!("root/.cache/pip/http/{name}"), vec![b'c'; 200_000]);
    let lower = cache("a").file("app.py", "x = 1\n").file("old", "hidden").finish();
    let upper = Tar::new().file("old", "seen").finish();
    let store = Store::new();
    let source = store.write("old.tar", docker_old(&Parts::new(vec![lower, upper])));
    let out = store.path("out");
    let run = |arguments: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("slimwright").unwrap();
        command.arg("apply").arg(&source).arg("-o").arg(format!("oci:{}", out.display())).args(arguments);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    for (rule, says) in [
        ("pip-cash", "pip-cache"),
        ("bundled-openblas", "it is for you to judge"),
        ("torch-cuda", "no matter of files alone"),
        ("compilers", "no matter of files alone"),
    ] {
        let (code, _, stderr) = run(&["--only", rule]);
        assert!(code == 2 && stderr.contains(says), "{rule}: {stderr}");
    }
    assert_eq!(run(&["--only", "pip-cache", "--accept", "documentation"]).0, 2, "one rule alone, or the plan");
    let (code, dry, stderr) = run(&["--only", "pip-cache", "--dry-run"]);
    assert_eq!((code, out.exists()), (0, false), "{stderr}");
    assert!(dry.contains("pip-cache: 200 kB in 1 file go.") && dry.contains("Nothing was written"), "{dry}");
    let (code, stdout, stderr) = run(&["--only", "pip-cache", "--only", "deleted-bytes"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("Read back and as predicted") && !stdout.contains("no container sees"), "{stdout}");
    let (_, layers) = read(&out);
    assert_eq!(names(&layers[0]), ["app.py"]);
    assert_eq!(run(&["--only", "deleted-bytes"]).0, 2, "it is there already");
}

#[test]
fn outputs_are_typed_as_other_tools_type_them() {
    let parsed =
        |text: &str| text.parse::<Output>().map(|output| (output.form, output.path.display().to_string(), output.name));
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(parsed("oci:slim/"), Ok((Form::Layout, "slim/".into(), None)));
    assert_eq!(parsed("oci:slim:1.4"), Ok((Form::Layout, "slim".into(), named("1.4"))));
    assert_eq!(
        parsed("docker-archive:a.tar:reg.example:5000/team/app"),
        Ok((Form::DockerArchive, "a.tar".into(), named("reg.example:5000/team/app:latest")))
    );
    for wrong in
        ["slim.tar", "oci:", "oci:a:", "oci:a:b/c", "docker-archive:a.tar:UPPER:1", "docker-archive:a.tar:x@sha256:1"]
    {
        assert!(parsed(wrong).is_err(), "{wrong}");
    }
}

/// Wheels that a test made, in a folder of its own.
struct Made {
    wheels: BTreeMap<&'static str, std::path::PathBuf>,
}

impl Wheels for Made {
    fn fetch(&self, wanted: &[Wanted], _: &Platform) -> Vec<Result<Fetched, String>> {
        let one = |wanted: &Wanted| {
            let path = self.wheels.get(&*wanted.name).ok_or_else(|| "its index has it no more".to_owned())?;
            let sha256 = Digest::of(&std::fs::read(path).unwrap()).hex();
            Ok(Fetched { version: wanted.version.clone(), archive: Archive::open(path)?, sha256 })
        };
        wanted.iter().map(one).collect()
    }
}

fn sha256_of_row(content: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Digest::of(content).0)
}

/// A wheel with RECORD's digests: modules, a script, data, an entry point.
pub fn whole_wheel(name: &str, version: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let info = format!("{name}-{version}.dist-info");
    let own = [
        (format!("{info}/METADATA"), format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")),
        (format!("{info}/WHEEL"), "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned()),
        (format!("{info}/entry_points.txt"), format!("[console_scripts]\n{name}-run = {name}.cli:App.run\n")),
    ];
    let (mut zip, mut record) = (crate::wheels::Zip::new(false), String::new());
    for (path, content) in files
        .iter()
        .map(|(path, content)| (*path, *content))
        .chain(own.iter().map(|(path, text)| (path.as_str(), text.as_bytes())))
    {
        zip = zip.deflated(path, content);
        record += &format!("{path},sha256={},{}\n", sha256_of_row(content), content.len());
    }
    let path = format!("{info}/RECORD");
    record += &format!("{path},,\n");
    zip.file(&path, record.as_bytes()).finish(b"")
}

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// An installed distribution of an image, with some files.
fn distribution(name: &str, version: &str, files: &[(&str, &str)]) -> Tar {
    let info = format!("{name}-{version}.dist-info");
    let mut record: String = files.iter().map(|(path, text)| format!("{path},,{}\n", text.len())).collect();
    record += &format!("{info}/METADATA,,\n{info}/RECORD,,\n");
    // Not every installer lists its own notes.
    if name != "opencv_python" {
        record += &format!("{info}/INSTALLER,,\n");
    }
    let at = |path: &str| match path.strip_prefix("../../../") {
        Some(rest) => format!("usr/local/{rest}"),
        None => format!("{SITE}/{path}"),
    };
    let parts = files.iter().map(|(path, text)| owned(&at(path), b'0', ("644", 9, 500), text.as_bytes()));
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    let own = [
        owned(&at(&format!("{info}/METADATA")), b'0', ("644", 9, 600), metadata.as_bytes()),
        owned(&at(&format!("{info}/INSTALLER")), b'0', ("644", 9, 600), b"pip\n"),
        owned(&at(&format!("{info}/RECORD")), b'0', ("644", 9, 600), record.as_bytes()),
    ];
    parts.chain(own).fold(Tar::new(), |tar, part| tar.raw(&part.open_ended()))
}

/// Adds a distribution to a layer.
pub fn put_distribution(parts: &mut Parts, layer: usize, name: &str, files: &[(&str, &str)]) {
    let more = distribution(name, "1", files);
    let old = Tar::new().raw(&parts.layers[layer][..parts.layers[layer].len() - 1024]);
    parts.layers[layer] = old.raw(&more.open_ended()).finish();
    parts.config["rootfs"]["diff_ids"][layer] = json!(Digest::of(&parts.layers[layer]).to_string());
}

/// A base with dpkg's notes, then packages of the system and distributions of Python above it.
pub fn service(prerm: &str) -> Parts {
    let stanza = |name: &str, depends: &str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nPriority: optional\nSection: devel\nArchitecture: amd64\nVersion: 1\n{depends}Description: x\n more\n\n"
        )
    };
    let release = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n";
    let folders = [
        "usr",
        "usr/local",
        "usr/local/bin",
        "usr/local/lib",
        "usr/local/lib/python3.11",
        SITE,
        "var",
        "var/lib",
        "var/lib/dpkg",
        "var/lib/dpkg/info",
        "etc",
    ];
    let dirs = || folders.iter().map(|path| owned(&format!("{path}/"), b'5', ("755", 0, 100), b""));
    let base = joined(dirs().chain([
        owned("etc/os-release", b'0', ("644", 0, 100), release.as_bytes()),
        owned("usr/local/bin/python3.11", b'0', ("755", 0, 100), b"python"),
        owned("var/lib/dpkg/status", b'0', ("644", 0, 100), stanza("base-files", "").as_bytes()),
        owned("var/lib/dpkg/info/base-files.list", b'0', ("644", 0, 100), b"/.\n/etc\n/etc/os-release\n"),
    ]));
    let status =
        [stanza("base-files", ""), stanza("gcc", "Depends: cpp\n"), stanza("cpp", ""), stanza("libkept", "")].concat();
    let alternative = "auto\n/usr/bin/cc\n\n/usr/bin/gcc\n20\n\n";
    let system = joined([
        owned("usr/bin/", b'5', ("755", 0, 200), b""),
        owned("usr/bin/gcc", b'0', ("755", 0, 200), &[b'g'; 5000]),
        owned("usr/bin/cpp", b'0', ("755", 0, 200), &[b'c'; 4000]),
        owned("usr/lib/", b'5', ("755", 0, 200), b""),
        owned("usr/lib/gcc/", b'5', ("755", 0, 200), b""),
        owned("usr/lib/gcc/cc1", b'0', ("755", 0, 200), &[b'1'; 6000]),
        owned("usr/lib/libkept.so", b'0', ("644", 0, 200), b"kept"),
        Tar::new().link("usr/bin/cc", b'2', "/etc/alternatives/cc"),
        owned("etc/alternatives/", b'5', ("755", 0, 200), b""),
        Tar::new().link("etc/alternatives/cc", b'2', "/usr/bin/gcc"),
        owned("var/lib/dpkg/alternatives/", b'5', ("755", 0, 200), b""),
        owned("var/lib/dpkg/alternatives/cc", b'0', ("644", 0, 200), alternative.as_bytes()),
        owned("var/lib/dpkg/status", b'0', ("644", 0, 200), status.as_bytes()),
        owned(
            "var/lib/dpkg/info/gcc.list",
            b'0',
            ("644", 0, 200),
            b"/.\n/usr\n/usr/bin\n/usr/bin/gcc\n/usr/lib\n/usr/lib/gcc\n/usr/lib/gcc/cc1\n",
        ),
        owned("var/lib/dpkg/info/gcc.prerm", b'0', ("755", 0, 200), prerm.as_bytes()),
        owned("var/lib/dpkg/info/cpp.list", b'0', ("644", 0, 200), b"/.\n/usr\n/usr/bin\n/usr/bin/cpp\n"),
        owned("var/lib/dpkg/info/libkept.list", b'0', ("644", 0, 200), b"/.\n/usr\n/usr/lib\n/usr/lib/libkept.so\n"),
    ]);
    // Of the family, the second one wrote over files of the first.
    let ours = "__version__ = 'headless'\n";
    let theirs = "__version__ = 'whole'\n";
    let python = joined([
        distribution("opencv_python_headless", "4.9", &[("cv2/__init__.py", ours)]),
        distribution(
            "opencv_python",
            "4.9",
            &[
                ("cv2/__init__.py", theirs),
                ("cv2/gui.py", "gui"),
                ("../../../bin/cv-tool", "#!/usr/local/bin/python3.11\n"),
            ],
        ),
        distribution("kept", "1", &[("kept/__init__.py", "x = 1\n")]),
    ]);
    let app = joined([
        owned("app/", b'5', ("755", 7, 700), b""),
        owned("app/main.py", b'0', ("644", 7, 700), b"import cv2\nimport kept\n"),
    ]);
    let mut parts = Parts::new(vec![base, system, python, app]);
    let row = |text: &str| json!({ "created_by": text, "created": "2024-01-01T00:00:00Z" });
    let empty = |text: &str| json!({ "created_by": text, "empty_layer": true });
    parts.config["history"] = json!([
        row("/bin/sh -c #(nop) ADD file:1 in /"),
        empty("CMD [\"bash\"]"),
        row("RUN apt-get install -y gcc libkept"),
        row("RUN pip install opencv-python-headless opencv-python kept"),
        row("COPY . /app"),
        empty("CMD [\"python3\", \"/app/main.py\"]"),
    ]);
    parts
}

pub struct Whole {
    pub layout: tempfile::TempDir,
    pub tree: Tree,
    tars: Vec<Vec<u8>>,
    pub config: Value,
    pub left: Vec<Left>,
    manifest: String,
}

/// Applies the whole plan of an image, with these wheels at hand.
fn whole(parts: &Parts, wheels: BTreeMap<&'static str, std::path::PathBuf>) -> Whole {
    keeping_to(parts, wheels, None).unwrap()
}

/// The same, by a plan that was reviewed.
pub fn keeping_to(
    parts: &Parts,
    wheels: BTreeMap<&'static str, std::path::PathBuf>,
    reviewed: Option<&Reviewed>,
) -> Result<Whole, DecideError> {
    decided(parts, wheels, reviewed, &[])
}

/// The same, with rules that the user accepts.
pub fn choosing(
    parts: &Parts,
    wheels: BTreeMap<&'static str, std::path::PathBuf>,
    accept: &[&str],
) -> Result<Whole, DecideError> {
    decided(parts, wheels, None, accept)
}

fn decided(
    parts: &Parts,
    wheels: BTreeMap<&'static str, std::path::PathBuf>,
    reviewed: Option<&Reviewed>,
    accept: &[&str],
) -> Result<Whole, DecideError> {
    let store = Store::new();
    let original = store.write("original.tar", archive(&docker_new(parts)));
    let (image, layers) = open_with_layers(&Target::at(&original), &OpenOptions::default(), &()).unwrap();
    let view = View::new(&image);
    let original = Original { image: &image, layers: &layers, base_layers: image.base_layers() };
    let survey = slimwright::facts::Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = slimwright::rules::load(None).unwrap();
    let findings = slimwright::rules::evaluate(&facts, &rules);
    let accept = accept.iter().map(|id| (*id).to_owned()).collect();
    let options = slimwright::plan::PlanOptions { accept, ..slimwright::plan::PlanOptions::default() };
    let (limits, wheels) = (Limits::default(), Made { wheels });
    let asking = Asking {
        layers: &layers,
        base_layers: original.base_layers,
        facts: &facts,
        findings: &findings,
        rules: &rules,
        options: &options,
        reviewed,
        wheels: &wheels,
        limits: &limits,
    };
    let mut decision = asking.decide()?;
    let original = Original { base_layers: decision.base_layers, ..original };
    let outcome = original.outcome(&view, std::mem::take(&mut decision.wish)).unwrap();
    let layout = tempfile::tempdir().unwrap();
    let place = layout.path().join("out");
    let options = crate::apply::options(&format!("oci:{}", place.display()), Compression::Zstd);
    let applied = original.write(outcome, &options, &()).unwrap();
    let (config, tars) = read(&place);
    let (left, manifest) = (decision.left, applied.manifest.to_string());
    Ok(Whole { layout, tree: merged(&tars), tars, config, left, manifest })
}

pub fn headless_wheel(folder: &Path) -> BTreeMap<&'static str, std::path::PathBuf> {
    let path = folder.join("opencv_python_headless-4.9-py3-none-any.whl");
    let files: [(&str, &[u8]); 3] = [
        ("cv2/__init__.py", b"__version__ = 'headless'\n"),
        ("cv2/data/table.bin", &[7; 100_000]),
        ("opencv_python_headless-4.9.data/scripts/cv-old", b"#!python\nprint(1)\n"),
    ];
    std::fs::write(&path, whole_wheel("opencv_python_headless", "4.9", &files)).unwrap();
    BTreeMap::from([("opencv_python_headless", path.clone()), ("opencv-python-headless", path)])
}

pub fn text<'t>(whole: &'t Whole, path: &str) -> Option<&'t str> {
    whole.tree.get(path.as_bytes()).map(|seen| std::str::from_utf8(&seen.content).unwrap())
}

pub const QUIET_PRERM: &str =
    "#!/bin/sh\nset -e\nif [ \"$1\" = remove ]; then\n  update-alternatives --quiet --remove cc /usr/bin/gcc\nfi\n";

#[test]
fn the_whole_plan_takes_packages_out_and_puts_a_wheel_in() {
    let folder = tempfile::tempdir().unwrap();
    let parts = service(QUIET_PRERM);
    let out = whole(&parts, headless_wheel(folder.path()));
    assert_eq!(out.left, []);
    // Packages: files, notes, and the alternative that only they had.
    for path in [
        "usr/bin/gcc",
        "usr/bin/cpp",
        "usr/lib/gcc",
        "usr/lib/gcc/cc1",
        "usr/bin/cc",
        "etc/alternatives/cc",
        "var/lib/dpkg/alternatives/cc",
        "var/lib/dpkg/info/gcc.list",
        "var/lib/dpkg/info/gcc.prerm",
        "var/lib/dpkg/info/cpp.list",
    ] {
        assert!(!out.tree.contains_key(path.as_bytes()), "{path}");
    }
    let status = text(&out, "var/lib/dpkg/status").unwrap();
    let names: Vec<&str> = status.lines().filter_map(|line| line.strip_prefix("Package: ")).collect();
    assert_eq!(names, ["base-files", "libkept"]);
    assert!(status.contains("Description: x\n more\n"), "what stays is as it was");
    assert_eq!(text(&out, "usr/lib/libkept.so"), Some("kept"));
    // Distributions: the twin is gone, the other one is whole again.
    assert_eq!(text(&out, &format!("{SITE}/cv2/__init__.py")), Some("__version__ = 'headless'\n"));
    assert!(!out.tree.contains_key(format!("{SITE}/cv2/gui.py").as_bytes()));
    assert!(!out.tree.contains_key(format!("{SITE}/opencv_python-4.9.dist-info").as_bytes()));
    let table = &out.tree[format!("{SITE}/cv2/data/table.bin").as_bytes()];
    assert_eq!((table.content.len(), table.owner, table.mode, table.time.as_str()), (100_000, (9, 0), 0o644, "600"));
    let script = &out.tree[&b"usr/local/bin/cv-old"[..]];
    assert_eq!((script.content.as_slice(), script.mode), (&b"#!/usr/local/bin/python3.11\nprint(1)\n"[..], 0o755));
    let entry = text(&out, "usr/local/bin/opencv_python_headless-run").unwrap();
    assert!(entry.starts_with("#!/usr/local/bin/python3.11\n") && entry.contains("sys.exit(App.run())"), "{entry}");
    let info = format!("{SITE}/opencv_python_headless-4.9.dist-info");
    assert_eq!(text(&out, &format!("{info}/INSTALLER")), Some("slimwright\n"));
    // Every row of RECORD is true.
    for row in text(&out, &format!("{info}/RECORD")).unwrap().lines() {
        let fields: Vec<&str> = row.split(',').collect();
        let path = match fields[0].strip_prefix("../../../") {
            Some(rest) => format!("usr/local/{rest}"),
            None => format!("{SITE}/{}", fields[0]),
        };
        let content = &out.tree[path.as_bytes()].content;
        if !fields[1].is_empty() {
            assert_eq!(fields[1..], [format!("sha256={}", sha256_of_row(content)), content.len().to_string()]);
        }
    }
    // What stays is as it was, with its attributes.
    assert_eq!(out.tree[&b"app/main.py"[..]], merged(&parts.layers)[&b"app/main.py"[..]]);
    assert_eq!(out.tree[&b"app"[..]], merged(&parts.layers)[&b"app"[..]]);
}

#[test]
fn layers_are_the_base_the_system_the_distributions_and_the_application() {
    let folder = tempfile::tempdir().unwrap();
    let parts = service(QUIET_PRERM);
    let out = whole(&parts, headless_wheel(folder.path()));
    assert_eq!(out.tars[0], parts.layers[0], "the base's layer is the same");
    let rows = out.config["history"].as_array().unwrap();
    let made: Vec<&str> =
        rows.iter().filter(|row| row["empty_layer"] != true).map(|row| row["created_by"].as_str().unwrap()).collect();
    assert_eq!(
        made[1..],
        [
            "slimwright apply: OS packages and interpreters",
            "slimwright apply: Python distributions",
            "slimwright apply: application"
        ]
    );
    assert!(names(&out.tars[1]).contains(&"usr/lib/libkept.so".to_owned()));
    assert!(names(&out.tars[2]).contains(&format!("{SITE}/kept/__init__.py")));
    assert_eq!(names(&out.tars[3]), ["app/", "app/main.py"]);
    assert_eq!(out.config["config"], parts.config["config"]);
    // Another service of the same beginning has the same layers, but for its own.
    let mut sister = service(QUIET_PRERM);
    sister.layers[3] = joined([
        owned("app/", b'5', ("755", 7, 900), b""),
        owned("app/worker.py", b'0', ("644", 7, 900), b"import cv2\nimport kept\n"),
        owned(&format!("{SITE}/"), b'5', ("755", 0, 950), b""),
    ]);
    sister.config["rootfs"]["diff_ids"][3] = json!(Digest::of(&sister.layers[3]).to_string());
    let other = whole(&sister, headless_wheel(folder.path()));
    assert_eq!(other.tars[..3], out.tars[..3]);
    assert_eq!(other.tree[SITE.as_bytes()].time, "950", "folders are in the end as they were");
}

#[test]
fn the_same_original_and_plan_have_the_same_digests() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (
        whole(&service(QUIET_PRERM), headless_wheel(folder.path())),
        whole(&service(QUIET_PRERM), headless_wheel(folder.path())),
    );
    assert_eq!(a.manifest, b.manifest);
    assert!(a.layout.path() != b.layout.path());
}

#[test]
fn a_package_whose_script_does_more_stays_with_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let out = whole(&service("#!/bin/sh\ndeluser --system compiler\n"), headless_wheel(folder.path()));
    for path in ["usr/bin/gcc", "usr/bin/cpp", "usr/bin/cc", "var/lib/dpkg/info/gcc.prerm"] {
        assert!(out.tree.contains_key(path.as_bytes()), "{path}");
    }
    let status = text(&out, "var/lib/dpkg/status").unwrap();
    assert!(status.contains("Package: gcc\n") && status.contains("Package: cpp\n"));
    let why: Vec<(&str, &str)> = out.left.iter().map(|left| (left.what.as_str(), left.why.as_str())).collect();
    assert_eq!(
        why,
        [
            ("OS package cpp", "gcc stays and needs it"),
            ("OS package gcc", "its prerm runs `deluser --system compiler`")
        ]
    );
    assert_eq!(out.left.iter().map(|left| left.bytes).collect::<Vec<_>>(), [4000, 11_000]);
}

#[test]
fn without_its_wheel_a_rule_is_left_as_a_whole() {
    let out = whole(&service(QUIET_PRERM), BTreeMap::new());
    let left: Vec<(&str, &str)> = out.left.iter().map(|left| (left.what.as_str(), left.why.as_str())).collect();
    assert_eq!(left, [("opencv-duplicates", "opencv_python_headless 4.9: its index has it no more")]);
    assert!(out.tree.contains_key(format!("{SITE}/cv2/gui.py").as_bytes()), "the twin is there, as before");
    assert_eq!(text(&out, &format!("{SITE}/cv2/__init__.py")), Some("__version__ = 'whole'\n"));
}

#[test]
fn a_wheel_that_is_not_what_its_record_says_is_an_error_or_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let wheels = headless_wheel(folder.path());
    let path = &wheels["opencv_python_headless"];
    let bad: [(&str, &[u8]); 1] = [("../../etc/passwd", b"root")];
    for (name, files) in [("opencv_python_headless", &bad[..]), ("another_name", &[])] {
        std::fs::write(path, whole_wheel(name, "4.9", files)).unwrap();
        let out = whole(&service(QUIET_PRERM), wheels.clone());
        assert_eq!(out.left.len(), 1, "{name}: {:?}", out.left);
        assert_eq!(text(&out, &format!("{SITE}/cv2/__init__.py")), Some("__version__ = 'whole'\n"));
    }
}

#[test]
fn record_has_no_digest_of_a_wheels_file_in_whose_place_something_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = service(QUIET_PRERM);
    parts.layers[3] = joined([
        owned("app/", b'5', ("755", 7, 700), b""),
        owned("app/main.py", b'0', ("644", 7, 700), b"import cv2\nimport kept\n"),
        owned(&format!("{SITE}/cv2/data/table.bin"), b'0', ("644", 7, 700), b"ours"),
    ]);
    parts.config["rootfs"]["diff_ids"][3] = json!(Digest::of(&parts.layers[3]).to_string());
    let out = whole(&parts, headless_wheel(folder.path()));
    assert_eq!(text(&out, &format!("{SITE}/cv2/data/table.bin")), Some("ours"));
    let record = text(&out, &format!("{SITE}/opencv_python_headless-4.9.dist-info/RECORD")).unwrap();
    let row = record.lines().find(|row| row.starts_with("cv2/data/table.bin,")).unwrap();
    assert_eq!(row, "cv2/data/table.bin,,", "the wheel's digest would be that of another file");
}

#[test]
fn a_script_that_only_reads_keeps_no_package() {
    let folder = tempfile::tempdir().unwrap();
    let goes = |line: &str| {
        let out = whole(&service(&format!("#!/bin/sh\n{line}\n")), headless_wheel(folder.path()));
        !out.tree.contains_key(&b"usr/bin/gcc"[..])
    };
    for line in
        ["readlink -f /usr/bin/cc", "sed -n 's/^ID=//p' /etc/os-release", "test -e \"$(dirname /etc/x)\" || exit 0"]
    {
        assert!(goes(line), "{line}");
    }
    for line in [
        "sed -i 's/a/b/' /etc/os-release",
        "sed 's/a/b/w /etc/x' /etc/os-release",
        "sed 's/a/id/e' /etc/x",
        "sed 1d /etc/x",
    ] {
        assert!(!goes(line), "{line}");
    }
}
