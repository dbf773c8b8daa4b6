//! Layers with a table of contents: the index by the table is that of the whole blob. The blobs are written here as
//! docs/estargz.md and containers/storage's pkg/chunked describe them.

use crate::fixture::cases;
use crate::tarballs::{Header, Tar, index_blob, sample, small};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};
use slimwright::base::Digest;
use slimwright::layer::{
    Blob, Compression, EntryKind, Expected, LayerIndex, Limits, RangeRead, SHA256_UP_TO, TocError, TocPlace, index_toc,
    is_kept,
};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;

const SITE: &str = "usr/lib/python3.11/site-packages";

/// An entry of a layer, before it is in a tar and in a table.
#[derive(Clone, Debug, Default)]
struct Item {
    name: String,
    /// As in the table.
    kind: &'static str,
    body: Vec<u8>,
    link: String,
    mode: u32,
    owner: (u32, u32),
    /// Seconds as PAX has them, and as the table has them.
    time: (&'static str, &'static str),
    device: (u32, u32),
    attributes: Vec<(&'static str, &'static [u8])>,
}

fn item(kind: &'static str, name: &str) -> Item {
    Item { name: name.into(), kind, mode: 0o755, ..Item::default() }
}

fn file(name: &str, body: impl Into<Vec<u8>>) -> Item {
    Item { body: body.into(), mode: 0o4644, owner: (7, 70_000), ..item("reg", name) }
}

fn link(kind: &'static str, name: &str, target: &str) -> Item {
    Item { link: target.into(), ..item(kind, name) }
}

/// Bytes that do not compress: without them a layer is so small that it is as well read whole.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn filler() -> Item {
    file("usr/bin/filler", noise(700_000))
}

impl Item {
    /// Its headers in the tar.
    fn headers(&self) -> Vec<u8> {
        let typeflag = match self.kind {
            "reg" => b'0',
            "hardlink" => b'1',
            "symlink" => b'2',
            "char" => b'3',
            "block" => b'4',
            "dir" => b'5',
            _ => b'6',
        };
        let mut records: Vec<(String, &[u8])> = Vec::new();
        if self.name.len() > 100 {
            records.push(("path".into(), self.name.as_bytes()));
        }
        if self.link.len() > 100 {
            records.push(("linkpath".into(), self.link.as_bytes()));
        }
        if !self.time.0.is_empty() {
            records.push(("mtime".into(), self.time.0.as_bytes()));
        }
        records.extend(self.attributes.iter().map(|(name, value)| (format!("SCHILY.xattr.{name}"), *value)));
        let records: Vec<(&str, &[u8])> = records.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        let tar = if records.is_empty() { Tar::new() } else { Tar::new().pax(b'x', &records) };
        let mut header = Header::new(self.name.as_bytes(), typeflag, self.body.len() as u64);
        header.set(100, format!("{:07o}\0", self.mode).as_bytes());
        header.set(108, format!("{:07o}\0", self.owner.0).as_bytes());
        header.set(116, format!("{:07o}\0", self.owner.1).as_bytes());
        header.set(157, &self.link.as_bytes()[..self.link.len().min(100)]);
        header.set(329, format!("{:07o}\0{:07o}\0", self.device.0, self.device.1).as_bytes());
        tar.header(&header).open_ended()
    }

    /// Its row in the table; what is empty is left out.
    fn row(&self) -> Value {
        let mut row = json!({"name": self.name, "type": self.kind, "mode": self.mode});
        let mut put = |key: &str, value: Value| {
            if value != json!(0) && value != json!("") && value != json!({}) {
                row[key] = value;
            }
        };
        put("linkName", json!(self.link));
        put("uid", json!(self.owner.0));
        put("gid", json!(self.owner.1));
        put("size", json!(self.body.len()));
        put("modtime", json!(self.time.1));
        put("devMajor", json!(self.device.0));
        put("devMinor", json!(self.device.1));
        put("xattrs", self.attributes.iter().map(|(name, value)| (*name, STANDARD.encode(value))).collect());
        row
    }
}

/// How a layer is written.
#[derive(Clone, Copy, Debug)]
struct Form {
    compression: Compression,
    /// Contents have frames of their own, as containers/storage writes them; else headers follow in them.
    separate: bool,
    /// Bytes of a chunk.
    chunk: usize,
    /// Uncompressed bytes that a member has before another begins; 0 for one member for each chunk.
    least: usize,
    /// The tar has its end where it had it before there was a table.
    lossless: bool,
    legacy: bool,
}

const ESTARGZ: Form =
    Form { compression: Compression::Gzip, separate: false, chunk: 4 << 20, least: 0, lossless: false, legacy: false };
const CHUNKED: Form = Form { compression: Compression::Zstd, separate: true, ..ESTARGZ };

/// Every way that a layer is written: eStargz whole, in chunks, with inner offsets, lossless, as of old; and
/// zstd:chunked by containers/storage and by stargz-snapshotter.
fn forms() -> [Form; 9] {
    [
        ESTARGZ,
        Form { chunk: 1_000, ..ESTARGZ },
        Form { chunk: 4_096, least: 20_000, ..ESTARGZ },
        Form { lossless: true, ..ESTARGZ },
        Form { chunk: 512, lossless: true, ..ESTARGZ },
        Form { legacy: true, ..ESTARGZ },
        CHUNKED,
        Form { chunk: 700, ..CHUNKED },
        Form { chunk: 4_096, separate: false, lossless: true, ..CHUNKED },
    ]
}

/// A layer with a table.
struct Layer {
    blob: Vec<u8>,
    annotations: HashMap<String, String>,
}

struct Writer {
    form: Form,
    blob: Vec<u8>,
    /// Of the member being written, uncompressed.
    member: Vec<u8>,
    rows: Vec<Value>,
}

impl Form {
    fn compress(self, bytes: &[u8]) -> Vec<u8> {
        if self.compression == Compression::Zstd {
            return zstd::bulk::compress(bytes, 1).unwrap();
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }
}

impl Writer {
    fn close(&mut self) {
        if !self.member.is_empty() {
            let compressed = self.form.compress(&std::mem::take(&mut self.member));
            self.blob.extend(compressed);
        }
    }

    fn add(&mut self, item: &Item) {
        self.member.extend(item.headers());
        let mut row = item.row();
        if item.kind == "reg" && !(item.body.is_empty() && self.form.separate) {
            row["digest"] = json!(Digest::of(&item.body).to_string());
        }
        let first = self.rows.len();
        let chunks: Vec<&[u8]> = item.body.chunks(self.form.chunk).collect();
        for (number, chunk) in chunks.iter().enumerate() {
            if self.form.least == 0 || self.member.len() >= self.form.least {
                self.close();
            }
            let last = number + 1 == chunks.len();
            row["offset"] = json!(self.blob.len());
            row["innerOffset"] = json!(self.member.len());
            row["chunkOffset"] = json!(number * self.form.chunk);
            row["chunkSize"] = json!(if last && !self.form.separate { 0 } else { chunk.len() });
            if !(self.form.separate && chunks.len() == 1) {
                row["chunkDigest"] = json!(Digest::of(chunk).to_string());
            }
            self.member.extend_from_slice(chunk);
            if self.form.separate {
                self.close();
            }
            self.rows.push(std::mem::replace(&mut row, json!({"name": item.name, "type": "chunk"})));
        }
        if chunks.is_empty() {
            self.rows.push(row);
        } else if self.form.separate {
            self.rows[first]["endOffset"] = json!(self.blob.len());
        }
        let padding = item.body.len().next_multiple_of(512) - item.body.len();
        self.member.resize(self.member.len() + padding, 0);
    }

    /// The table goes through `change` first.
    fn finish(mut self, change: &dyn Fn(&mut Value) -> Option<Vec<u8>>) -> Layer {
        if self.form.lossless || self.form.compression == Compression::Zstd {
            self.member.extend([0; 1024]);
        }
        self.close();
        let mut table = json!({"version": 1, "entries": self.rows});
        let json = change(&mut table).unwrap_or_else(|| serde_json::to_vec(&table).unwrap());
        if self.form.compression == Compression::Zstd { self.chunked(&json) } else { self.estargz(&json) }
    }

    fn estargz(mut self, json: &[u8]) -> Layer {
        let at = self.blob.len();
        let tar = Tar::new().file("stargz.index.json", json).finish();
        let table = self.form.compress(&tar);
        self.blob.extend(table);
        let extra = format!("{at:016x}STARGZ");
        self.blob.extend([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255]);
        self.blob.extend(if self.form.legacy { &b"\x16\0"[..] } else { b"\x1a\0SG\x16\0" });
        self.blob.extend(extra.as_bytes());
        self.blob.extend([1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
        let digest = Digest::of(json).to_string();
        Layer { blob: self.blob, annotations: [("containerd.io/snapshot/stargz/toc.digest".into(), digest)].into() }
    }

    fn chunked(mut self, json: &[u8]) -> Layer {
        let mut skippable = |content: &[u8]| {
            self.blob.extend([0x50, 0x2a, 0x4d, 0x18]);
            self.blob.extend((content.len() as u32).to_le_bytes());
            self.blob.extend(content);
            self.blob.len() - content.len()
        };
        let table = self.form.compress(json);
        let at = skippable(&table);
        skippable(b"tar-split, and a footer that nobody reads");
        let position = format!("{at}:{}:{}:1", table.len(), json.len());
        let key = |name: &str| format!("io.github.containers.zstd-chunked.{name}");
        let annotations = [
            (key("manifest-checksum"), Digest::of(&table).to_string()),
            (key("manifest-position"), position),
            ("containerd.io/snapshot/stargz/toc.digest".into(), Digest::of(json).to_string()),
        ];
        Layer { blob: self.blob, annotations: annotations.into() }
    }
}

fn changed(items: &[Item], form: Form, change: &dyn Fn(&mut Value) -> Option<Vec<u8>>) -> Layer {
    let mut writer = Writer { form, blob: Vec::new(), member: Vec::new(), rows: Vec::new() };
    items.iter().for_each(|item| writer.add(item));
    writer.finish(change)
}

fn written(items: &[Item], form: Form) -> Layer {
    changed(items, form, &|_| None)
}

/// Counts what is asked of a blob.
struct Counting<'a> {
    blob: &'a [u8],
    asked: RefCell<Vec<(u64, u64)>>,
}

impl RangeRead for Counting<'_> {
    fn range(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        self.asked.borrow_mut().push((offset, length));
        assert!(length <= 4 << 20, "{length} bytes in one request");
        let range = offset as usize..(offset + length) as usize;
        self.blob.get(range).map(<[u8]>::to_vec).ok_or_else(|| io::Error::other("outside of the blob"))
    }
}

impl Layer {
    fn place(&self) -> TocPlace {
        TocPlace::from_annotations(&self.annotations).unwrap().unwrap()
    }

    fn by_table(&self, limits: &Limits) -> Result<(LayerIndex, Vec<(u64, u64)>), TocError> {
        let source = Counting { blob: &self.blob, asked: RefCell::default() };
        let index = index_toc(&source, self.blob.len() as u64, &self.place(), self.expected(), limits)?;
        Ok((index, source.asked.into_inner()))
    }

    fn expected(&self) -> Expected {
        Expected { blob: Some(Digest::of(&self.blob)), diff_id: None }
    }

    fn whole(&self, limits: &Limits) -> LayerIndex {
        let blob = Blob::new(Arc::new(self.blob.clone()), 0, self.blob.len() as u64);
        index_blob(&blob, self.expected(), limits).unwrap()
    }

    /// Why its table is not used.
    fn refused(&self) -> String {
        match self.by_table(&small()) {
            Err(TocError::Unusable(why)) => why,
            other => panic!("{:?}", other.map(|(index, _)| index)),
        }
    }
}

/// Compares both ways; what was asked of the blob by the table.
fn assert_same(layer: &Layer, limits: &Limits) -> Vec<(u64, u64)> {
    let (mut found, asked) = layer.by_table(limits).unwrap();
    let mut whole = layer.whole(limits);
    // Who asks for fractions of seconds reads layers whole.
    whole.fractions.clear();
    assert!(!found.verified.blob && !found.verified.diff_id && whole.verified.blob);
    found.verified = whole.verified;
    found.sources = whole.sources;
    assert_eq!(found.entries.len(), whole.entries.len());
    for (entry, whole) in found.entries.iter_mut().zip(&whole.entries) {
        if entry.kind == EntryKind::File && entry.size > SHA256_UP_TO && !is_kept(entry.path.as_bytes()) {
            // The table has SHA-256 of it, and the whole blob BLAKE3.
            assert!(entry.content.is_some() && entry.sha256().is_none());
            entry.content = whole.content;
        }
        assert_eq!(entry, whole);
    }
    assert_eq!(found, whole);
    asked
}

/// Every kind of entry, and files of every size that matters.
fn every_kind() -> Vec<Item> {
    let metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\nlong text\n";
    let long = format!("usr/share/{}/{}", "d".repeat(90), "ü".repeat(60));
    vec![
        item("dir", "./"),
        Item { time: ("1566297043", "2019-08-20T10:30:43Z"), ..item("dir", "./usr/") },
        Item { mode: 0o1777, ..item("dir", "tmp/") },
        file(".no.prefetch.landmark", [0xf]),
        file("usr/lib/empty", ""),
        Item {
            attributes: vec![("user.a", b"\0\xff"), ("security.capability", b"x=y\n")],
            ..file("usr/bin/cap", "#!")
        },
        file(&format!("{SITE}/demo-1.0.dist-info/METADATA"), metadata),
        file(&format!("{SITE}/demo-1.0.dist-info/REQUESTED"), ""),
        file(&format!("{SITE}/demo-1.0.dist-info/RECORD"), "demo.py,,3\n".repeat(800)),
        file(&format!("{SITE}/demo.py"), "x = 1\n"),
        link("hardlink", "usr/lib/hard", "./usr/lib/empty"),
        link("symlink", "usr/lib/sym", "../../etc/./x"),
        link("symlink", "usr/lib/longlink", &"t/".repeat(80)),
        Item { device: (1, 3), ..item("char", "dev/null") },
        Item { device: (8, 1 << 18), ..item("block", "dev/sda") },
        item("fifo", "run/pipe"),
        filler(),
        Item { time: ("-31536000", "1969-01-01T00:00:00Z"), ..file("usr/lib/.wh.gone", "") },
        file("usr/lib/d/.wh..wh..opq", ""),
        file("usr/lib/.wh..wh.plnk", ""),
        file("/abs/../../up", "up"),
        file(&long, "long"),
        file("app/main.py", "import demo\nprint(1)\n".repeat(100)),
        file("app/large.py", [&b"import x\n"[..], &[b'#'; 70_000]].concat()),
        file("usr/lib/a", vec![b'a'; 65_536]),
        file("usr/lib/b", vec![b'b'; 65_537]),
        file("var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\nMaintainer: x\n\n"),
        item("dir", "last/"),
        link("symlink", "last/link", "x"),
    ]
}

#[test]
fn the_table_gives_the_index_of_the_whole_blob() {
    for form in forms() {
        let layer = written(&every_kind(), form);
        let asked = assert_same(&layer, &small());
        let bytes: u64 = asked.iter().map(|(_, length)| length).sum();
        println!("{} requests, {bytes} of {} bytes: {form:?}", asked.len(), layer.blob.len());
        assert!(asked.len() <= 5 && bytes < layer.blob.len() as u64 / 3);
    }
}

#[test]
fn the_sample_layers_are_read_by_their_tables() {
    for tar in sample().layers {
        let mut items = vec![filler()];
        for entry in tar::Archive::new(&tar[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            let target = entry.link_name_bytes().map(|link| String::from_utf8(link.into_owned()).unwrap());
            let mut body = Vec::new();
            entry.read_to_end(&mut body).unwrap();
            items.push(match (entry.header().entry_type(), target) {
                (tar::EntryType::Directory, _) => item("dir", &name),
                (tar::EntryType::Symlink, Some(target)) => link("symlink", &name, &target),
                (tar::EntryType::Link, Some(target)) => link("hardlink", &name, &target),
                _ => file(&name, body),
            });
        }
        for form in forms() {
            assert_same(&written(&items, form), &small());
        }
    }
}

#[test]
fn the_tables_own_entry_is_there_where_the_tar_goes_on_to_it() {
    let items = [filler(), file("usr/lib/a", "a")];
    for (form, expected) in [(ESTARGZ, true), (Form { lossless: true, ..ESTARGZ }, false), (CHUNKED, false)] {
        let (index, _) = written(&items, form).by_table(&small()).unwrap();
        let last = &index.entries.last().unwrap();
        assert_eq!(last.path.as_bytes() == b"stargz.index.json", expected);
        // Where BuildKit has the table behind the tar's end, that is no fault of the layer.
        assert!(index.oddities.is_empty(), "{:?}", index.oddities);
    }
}

#[test]
fn fractions_of_seconds_are_cut_off_in_zstd_chunked() {
    let times = [
        ("1566297043.999999999", "2019-08-20T10:30:43.999999999Z"),
        ("1566297043.5", "2019-08-20T12:30:43.5+02:00"),
        ("-31535999.5", "1969-01-01T00:00:00.5Z"),
    ];
    let mut items = vec![filler()];
    items.extend(times.map(|time| Item { time, ..file("usr/lib/a", "a") }));
    assert_same(&written(&items, CHUNKED), &small());
}

#[test]
fn a_layer_without_contents_has_an_index() {
    for form in [ESTARGZ, CHUNKED] {
        let limits = small();
        let items = [item("dir", "a/"), file("a/.wh.b", "")];
        let layer = written(&items, form);
        match layer.by_table(&limits) {
            Ok(_) => _ = assert_same(&layer, &limits),
            Err(error) => assert!(matches!(error, TocError::TooMuch { .. }), "{error}"),
        }
        let nothing = changed(&[], form, &|table| {
            table["entries"] = Value::Null;
            None
        });
        let error = nothing.by_table(&limits).map(|(index, _)| assert!(index.entries.len() < 2));
        assert!(error.is_ok() || form.compression == Compression::Gzip, "{error:?}");
    }
}

#[test]
fn bounds_of_kept_files_are_those_of_a_tar() {
    let sizes = |number: usize, bytes: usize| {
        let body = format!("x=={number} # text\n").repeat(bytes / 13);
        file(&format!("app/{number}/requirements.txt"), body)
    };
    let mut items = vec![filler(), file("app/big.py", vec![b'#'; 60_000])];
    items.extend((0..5).map(|number| sizes(number, 2_000)));
    let limits = Limits { kept_file: 50_000, kept_layer: 7_000, ..small() };
    for form in forms() {
        let layer = written(&items, form);
        assert_same(&layer, &limits);
        let (index, _) = layer.by_table(&limits).unwrap();
        assert!(index.oddities.iter().any(|oddity| oddity.message.starts_with("not kept")));
        assert!(!index.contents.is_empty() && index.contents.len() < 5);
    }
}

#[test]
fn ranges_are_coalesced_and_large_ones_divided() {
    let mut items = Vec::new();
    for group in 0..3 {
        items.extend((0..40).map(|n| file(&format!("app/{group}/{n}.py"), format!("import m{n}\n"))));
        items.push(file("usr/bin/filler", noise(1 << 20)));
    }
    items.push(file("usr/lib/last", "z"));
    for form in [ESTARGZ, CHUNKED] {
        let asked = assert_same(&written(&items, form), &small());
        assert!(asked.len() <= 6, "{asked:?}");
    }
    let large = [file("app/a.py", noise(6 << 20)), file("usr/bin/filler", noise(27 << 20)), file("usr/lib/z", "z")];
    let limits = Limits { kept_file: 16 << 20, kept_layer: 32 << 20, ..small() };
    for form in [Form { chunk: 32 << 20, ..ESTARGZ }, Form { chunk: 32 << 20, ..CHUNKED }] {
        let asked = assert_same(&written(&large, form), &limits);
        assert!(asked.iter().filter(|(_, length)| *length > 1 << 20).count() >= 2, "{asked:?}");
    }
}

#[test]
fn what_is_as_well_read_whole_is_said_to_be() {
    for form in [ESTARGZ, CHUNKED] {
        let layer = written(&[file("app/a.py", noise(100_000)), file("usr/lib/a", noise(100_000))], form);
        let error = layer.by_table(&small()).unwrap_err();
        assert!(matches!(error, TocError::TooMuch { .. }), "{error}");
        // Far apart: a request for each.
        let mut items = Vec::new();
        for number in 0..260 {
            items.push(file(&format!("app/{number}.py"), "import x\n"));
            items.push(file("usr/bin/filler", noise(70_000)));
        }
        let error = written(&items, form).by_table(&small()).unwrap_err();
        assert!(matches!(error, TocError::TooMuch { requests: 257.., .. }), "{error}");
    }
}

#[test]
fn annotations_say_where_the_table_is() {
    let place = |pairs: &[(&str, &str)]| {
        let annotations = pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        TocPlace::from_annotations(&annotations)
    };
    let digest = Digest::of(b"x");
    let text = digest.to_string();
    assert!(place(&[("org.opencontainers.image.ref.name", "x")]).unwrap().is_none());
    let estargz = ("containerd.io/snapshot/stargz/toc.digest", &*text);
    assert_eq!(place(&[estargz]).unwrap(), Some(TocPlace::EStargz { digest }));
    let chunked = TocPlace::Chunked { checksum: digest, offset: 10, compressed: 20, uncompressed: 30 };
    for prefix in ["io.github.containers.zstd-chunked", "io.containers.zstd-chunked"] {
        let (checksum, position) = (format!("{prefix}.manifest-checksum"), format!("{prefix}.manifest-position"));
        let pair = [(&*checksum, &*text), (&*position, "10:20:30:1"), estargz];
        assert_eq!(place(&pair).unwrap(), Some(chunked));
        assert!(place(&pair[..1]).unwrap().is_none());
        for odd in ["", "1:2:3", "1:2:3:2", "1:2:3:1:1", "-1:2:3:1", "1: 2:3:1", "99999999999999999999:2:3:1"] {
            assert!(matches!(place(&[pair[0], (&position, odd)]), Err(TocError::Unusable(_))), "{odd}");
        }
        assert!(place(&[(&*checksum, "sha512:00"), pair[1]]).is_err());
    }
    assert!(place(&[(estargz.0, "sha256:zz")]).is_err());
}

/// Everything that a table with the right digest can say that is not so.
#[test]
fn a_table_that_lies_is_not_used() {
    type Change = (&'static str, &'static dyn Fn(&mut Value));
    let changes: &[Change] = &[
        ("another digest", &|row| {
            row["digest"] = json!(Digest::of(b"").to_string());
            row["chunkDigest"] = json!(Digest::of(b"").to_string());
        }),
        ("another chunk's digest", &|row| row["chunkDigest"] = json!(Digest::of(b"").to_string())),
        ("no digest", &|row| {
            row["digest"] = json!("");
            row["chunkDigest"] = json!("md5:00");
        }),
        ("no place", &|row| row["offset"] = json!(0)),
        ("outside", &|row| row["offset"] = json!(1u64 << 40)),
        ("the largest place", &|row| row["offset"] = json!(u64::MAX)),
        ("inside a member", &|row| row["offset"] = json!(row["offset"].as_u64().unwrap() + 1)),
        ("behind a member's end", &|row| row["innerOffset"] = json!(60_000_000)),
        ("far behind a member's end", &|row| row["innerOffset"] = json!(u64::MAX)),
        ("a larger file", &|row| row["size"] = json!(20_000)),
        ("the largest file", &|row| row["size"] = json!(i64::MAX)),
        ("a negative size", &|row| row["size"] = json!(-1)),
        ("a size that is none", &|row| row["size"] = json!(1e30)),
        ("a negative place", &|row| row["offset"] = json!(-5)),
        ("a chunk that is longer", &|row| row["chunkSize"] = json!(5_000)),
        ("a file that begins late", &|row| row["chunkOffset"] = json!(5)),
        ("a type that nobody knows", &|row| row["type"] = json!("door")),
        ("a chunk of nothing", &|row| row["type"] = json!("chunk")),
        ("no type", &|row| row["type"] = json!(null)),
        ("a name that was replaced", &|row| row["name"] = json!("app/\u{fffd}.py")),
        ("a time that is none", &|row| row["modtime"] = json!("yesterday")),
        ("attributes that are no base 64", &|row| row["xattrs"] = json!({"user.a": "***"})),
        ("a device that is none", &|row| row["devMajor"] = json!(1u64 << 40)),
        ("frames that end before they begin", &|row| row["endOffset"] = json!(1)),
    ];
    let items = [file("usr/lib/a", "a"), filler(), file("app/main.py", "import x\n"), file("usr/lib/z", "z")];
    let mut refused = 0;
    for form in [ESTARGZ, CHUNKED] {
        for (what, change) in changes {
            let layer = changed(&items, form, &|table| {
                change(&mut table["entries"][2]);
                None
            });
            match layer.by_table(&small()) {
                Err(TocError::Unusable(why)) => assert!(!why.is_empty() && !why.contains(char::is_control)),
                Err(TocError::Limit(_)) => assert_eq!(*what, "the largest file"),
                other => panic!("{what}: {:?}", other.map(|(index, _)| index.entries)),
            }
            refused += 1;
        }
    }
    println!("{refused} lies refused");
}

#[test]
fn contents_that_overlap_or_chunks_out_of_place_are_not_used() {
    let code = "import x\n".repeat(300);
    let items = [filler(), file("app/a.py", &*code), file("app/b.py", &*code), file("usr/lib/z", "z")];
    for form in [Form { chunk: 1_000, ..ESTARGZ }, Form { chunk: 1_000, ..CHUNKED }] {
        let one = Form { chunk: 1 << 20, ..form };
        let overlap = changed(&items, one, &|table| {
            let first = table["entries"][1].clone();
            for key in ["offset", "endOffset"].into_iter().filter(|key| first.get(key).is_some()) {
                table["entries"][2][key] = first[key].clone();
            }
            None
        });
        assert!(overlap.refused().contains("overlap"), "{}", overlap.refused());
        type Change = &'static dyn Fn(&mut Vec<Value>, usize);
        let changes: [Change; 6] = [
            &|rows, at| rows.swap(at, at + 1),
            &|rows, at| rows[at]["name"] = json!("app/b.py"),
            &|rows, at| rows[at]["chunkOffset"] = json!(999_999),
            &|rows, at| rows[at]["chunkOffset"] = json!(0),
            &|rows, at| rows[at]["chunkOffset"] = json!(u64::MAX),
            &|rows, at| _ = rows.remove(at),
        ];
        for change in changes {
            let layer = changed(&items, form, &|table| {
                let rows = table["entries"].as_array_mut().unwrap();
                let at = rows.iter().position(|row| row["name"] == "app/a.py" && row["type"] == "chunk").unwrap();
                change(rows, at);
                None
            });
            assert!(!layer.refused().is_empty());
        }
    }
}

#[test]
fn json_that_is_no_table_is_not_used() {
    let row = |text: &str| format!(r#"{{"version":1,"entries":[{text}]}}"#).into_bytes();
    let deep = [&b"{\"version\":1,\"entries\":[],\"x\":"[..], &b"[".repeat(100_000)].concat();
    let cases: Vec<Vec<u8>> = vec![
        b"".into(),
        b"null".into(),
        b"[]".into(),
        br#"{"entries":[]}"#.into(),
        br#"{"version":1}"#.into(),
        br#"{"version":2,"entries":[]}"#.into(),
        br#"{"version":1,"entries":[],"entries":[]}"#.into(),
        br#"{"version":1,"entries":[]} x"#.into(),
        br#"{"version":1,"entries":["#.into(),
        br#"{"version":1,"entries":{}}"#.into(),
        deep,
        row(r#"{"name":"a","name":"b","type":"dir"}"#),
        row(r#"{"name":"\ud800","type":"dir"}"#),
        row(r#"{"name":5,"type":"dir"}"#),
        row(r#""a""#),
        [&br#"{"version":1,"entries":[{"type":"dir","name":""#[..], b"\xff\"}]}"].concat(),
    ];
    for form in [ESTARGZ, CHUNKED] {
        for json in &cases {
            let layer = changed(&[filler()], form, &|_| Some(json.clone()));
            assert!(!layer.refused().is_empty(), "{}", String::from_utf8_lossy(&json[..json.len().min(60)]));
        }
    }
}

#[test]
fn a_table_of_too_many_entries_or_bytes_is_a_limit() {
    let many = format!(
        r#"{{"version":1,"entries":[{}{{"name":"a","type":"dir"}}]}}"#,
        r#"{"name":"a","type":"dir"},"#.repeat(1_000_000)
    );
    for form in [ESTARGZ, CHUNKED] {
        let layer = changed(&[filler()], form, &|_| Some(many.clone().into_bytes()));
        assert!(matches!(layer.by_table(&small()), Err(TocError::Limit(_))));
        let layer = changed(&[filler()], form, &|table| {
            table["entries"][0]["size"] = json!(1u64 << 40);
            None
        });
        assert!(matches!(layer.by_table(&small()), Err(TocError::Limit(_))));
    }
}

#[test]
fn a_bomb_in_a_chunk_is_read_no_further_than_the_file_is_long() {
    let bomb = vec![0; 200 << 20];
    for form in [ESTARGZ, CHUNKED] {
        let items = [filler(), file("app/a.py", bomb.clone()), file("usr/lib/z", "z")];
        let limits = Limits { kept_file: 1 << 30, ..small() };
        let form = Form { chunk: 1 << 30, ..form };
        let small_claim = changed(&items, form, &|table| {
            table["entries"][1]["size"] = json!(1_000);
            table["entries"][1]["chunkSize"] = json!(0);
            table["entries"][1]["chunkDigest"] = json!("");
            table["entries"][1]["digest"] = json!(Digest::of(&[0; 1_000]).to_string());
            None
        });
        let (index, _) = small_claim.by_table(&limits).unwrap();
        assert_eq!(index.entries[1].size, 1_000);
        // What it says it is, it may be; but not more than a kept file has.
        let honest = written(&items, form);
        let (index, _) = honest.by_table(&small()).unwrap();
        assert!(index.contents.is_empty());
    }
    // A table that is one.
    let zeros = changed(&[filler()], CHUNKED, &|_| Some(vec![b' '; 300 << 20]));
    assert!(zeros.refused().contains("too many"));
}

#[test]
fn what_is_cut_off_or_flipped_is_not_used() {
    let items = [file("usr/lib/a", "a"), filler(), file("app/main.py", "import x\n"), file("usr/lib/z", "z")];
    let (mut tried, mut used) = (0, 0);
    for form in [ESTARGZ, CHUNKED] {
        let layer = written(&items, form);
        let whole = layer.whole(&small());
        let place = layer.place();
        let run = |blob: &[u8], length: usize| {
            let source = Counting { blob, asked: RefCell::default() };
            index_toc(&source, length as u64, &place, layer.expected(), &small())
        };
        let length = layer.blob.len();
        // Every byte of the footer and the end of the table; of the rest a step that takes every bit in turn.
        for cut in (0..400).chain((400..3_000).step_by(9)).chain([length - 1, length]) {
            let short = &layer.blob[..length - cut];
            assert!(run(short, length).is_err() || cut < 60, "{cut}");
            _ = run(short, short.len());
            tried += 2;
        }
        let rest = (0..2_000).chain(length - 2_500..length - 400).step_by(9);
        for at in (length - 400..length).chain(rest) {
            let mut blob = layer.blob.clone();
            blob[at] ^= 1 << (at % 8);
            tried += 1;
            if let Ok(index) = run(&blob, length) {
                used += 1;
                assert_eq!(index.contents, whole.contents, "byte {at}");
            }
        }
    }
    println!("{tried} broken blobs; {used} were broken where nothing is read");
}

/// A source that has fewer bytes than it was asked for.
struct Short;

impl RangeRead for Short {
    fn range(&self, _: u64, length: u64) -> io::Result<Vec<u8>> {
        Ok(vec![0; length as usize / 2])
    }
}

#[test]
fn a_range_that_is_not_had_is_an_error() {
    for form in [ESTARGZ, CHUNKED] {
        let layer = written(&[filler()], form);
        let length = layer.blob.len() as u64;
        let error = index_toc(&Short, length, &layer.place(), Expected::default(), &small());
        assert!(matches!(error, Err(TocError::Read(_))));
        let cut = Blob::new(Arc::new(layer.blob[..1_000].to_vec()), 0, length);
        assert!(matches!(
            index_toc(&cut, length, &layer.place(), Expected::default(), &small()),
            Err(TocError::Read(_))
        ));
        let far = TocPlace::Chunked { checksum: Digest::of(b""), offset: u64::MAX, compressed: 5, uncompressed: 5 };
        assert!(matches!(index_toc(&cut, length, &far, Expected::default(), &small()), Err(TocError::Unusable(_))));
    }
}

const NAMES: [&str; 16] = [
    "usr/lib/a",
    "./usr/lib/b",
    "/usr/lib/c",
    "app/main.py",
    "app/../../main.py",
    "usr/lib/.wh.x",
    "a/.wh..wh..opq",
    ".wh.",
    "x-1.dist-info/METADATA",
    "x-1.dist-info/RECORD",
    "etc/os-release",
    "requirements.txt",
    "é/ü",
    "d//e/./f",
    ".prefetch.landmark",
    "lib/apk/db/installed",
];

fn any_item() -> impl Strategy<Value = Item> {
    let kinds = ["reg", "reg", "reg", "dir", "symlink", "hardlink", "char", "block", "fifo"];
    let times = [("", ""), ("1566297043", "2019-08-20T10:30:43Z"), ("951868799", "2000-02-29T23:59:59Z")];
    let sizes = prop_oneof![Just(0usize), 1..20usize, 500..530usize, 990..1_010usize, 4_000..9_000usize];
    let names = (0..NAMES.len(), prop_oneof![9 => Just(0usize), 1 => 100..200usize]);
    let body = (sizes, prop::sample::select(vec!["import x\n", "Name: x\n\n", "a,,\n", "\0"]));
    let attributes = prop::bool::weighted(0.1);
    (prop::sample::select(kinds.to_vec()), names, body, 0..0o10000u32, 0..70_000u32, 0..3usize, attributes).prop_map(
        move |(kind, (name, more), (size, text), mode, owner, time, attributes)| {
            let name = format!("{}{}", "long/".repeat(more / 5), NAMES[name]);
            let body = if kind == "reg" { text.bytes().cycle().take(size).collect() } else { Vec::new() };
            let device = if matches!(kind, "char" | "block") { (owner % 300, mode) } else { (0, 0) };
            let link =
                if kind.ends_with("link") { format!("./t/{}", name.replace("lib", "..")) } else { String::new() };
            let attributes = if attributes { vec![("user.z", &b"\0z"[..]), ("user.a", b"")] } else { Vec::new() };
            Item { name, kind, body, link, mode, owner: (owner, mode), time: times[time], device, attributes }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(96), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_table_of_any_layer_gives_the_index_of_the_whole_blob(
        before in prop::collection::vec(any_item(), 0..12),
        after in prop::collection::vec(any_item(), 0..12),
        form in prop::sample::select(forms().to_vec()),
        chunk in 200..6_000usize,
    ) {
        let items: Vec<Item> = before.into_iter().chain([filler()]).chain(after).collect();
        let form = Form { chunk: form.chunk.min(chunk * 5), ..form };
        assert_same(&written(&items, form), &small());
    }

    #[test]
    fn a_table_with_a_flipped_byte_and_the_right_digest_never_panics(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        form in prop::sample::select(forms().to_vec()),
    ) {
        let items = [file("app/main.py", "import x\n".repeat(200)), filler(), file("x-1.dist-info/RECORD", "a,,\n")];
        let form = Form { chunk: form.chunk.max(100_000), ..form };
        let layer = changed(&items, form, &|table| {
            let mut json = serde_json::to_vec(table).unwrap();
            flips.iter().for_each(|(at, byte)| *at.get_mut(&mut json) = *byte % 0x60 + 0x20);
            Some(json)
        });
        if let Ok((index, _)) = layer.by_table(&small()) {
            prop_assert!(index.entries.len() <= 4);
        }
    }
}
