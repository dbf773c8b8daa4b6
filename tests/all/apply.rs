//! The image that `apply` writes, read by a reader that is not ours: the `tar` crate, and a merge of a few lines.

use crate::tarballs::{Header, Packing as Stored, Parts, Store, Tar, archive, docker_new, docker_old, oci};
use serde_json::{Value, json};
use slimwright::apply::{Applied, ApplyError, Form, Options, Original, OutLayer, Output, Packing, Wish};
use slimwright::base::Digest;
use slimwright::fs::View;
use slimwright::image::{OpenOptions, Target, open_with_layers};
use slimwright::layer::{Compression, Limits};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

/// What a path is, as far as a container sees it.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    kind: tar::EntryType,
    mode: u32,
    owner: (u64, u64),
    time: String,
    link: Option<Vec<u8>>,
    records: BTreeMap<String, Vec<u8>>,
    content: Vec<u8>,
}

type Tree = BTreeMap<Vec<u8>, Seen>;

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

fn options(output: &str, compression: Compression) -> Options {
    Options {
        output: output.parse().unwrap(),
        force: false,
        packing: Packing::usual(compression),
        created: None,
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
        ("bundled-tests", "it is for you to judge"),
        ("torch-cuda", "no matter of files alone"),
        ("compilers", "no matter of files alone"),
    ] {
        let (code, _, stderr) = run(&["--only", rule]);
        assert!(code == 2 && stderr.contains(says), "{rule}: {stderr}");
    }
    assert_eq!(run(&[]).0, 2, "what to do is named");
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
