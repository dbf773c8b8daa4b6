//! Images from a one-line-an-entry text. Sizes may be made up, so a 2 GB torch costs nothing.
//!
//! ```text
//! layer RUN pip install x        starts a layer; the rest of the line is its history row
//! empty CMD ["python3"]          a history row without a layer
//! d opt                          a directory
//! d opt uid=33 mode=700          its attributes, as for a file
//! f opt/a 1200                   a file of 1200 bytes whose content is told by path and size
//! f opt/a 1200 hash=x            a file whose content is told by `x`
//! f opt/a 1200 uid=33 mode=755   attributes: uid, gid, mode (octal), mtime
//! f opt/a 1200 undigested        a file of which the size alone is known
//! f opt/b = Name: x\nVersion: 1  a file with this content (\n and \t are unescaped); of source its signs are kept
//! unread                         the sources of distributions in this layer were not read
//! l opt/c -> a                   a symbolic link
//! h opt/d -> opt/a               a hard link
//! w opt/a                        a whiteout of opt/a
//! o opt                          an opaque marker in opt
//! env A=b                        adds to the environment
//! ```

use slimwright::base::{Basis, Digest, ImagePath};
use slimwright::image::{Config, HistoryRow, Image, write_recorded};
use slimwright::layer::{Entry, EntryKind, LayerIndex};
use std::sync::Arc;

/// How many random cases a test tries: as many as CI has time for, or as `SLIMWRIGHT_TEST_CASES` says, for a search by hand.
pub fn cases(usual: u32) -> u32 {
    std::env::var("SLIMWRIGHT_TEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Builds the image that a text describes.
pub fn image(spec: &str) -> Image {
    let mut config = Config { architecture: "amd64".into(), os: "linux".into(), ..Config::default() };
    let mut layers: Vec<LayerIndex> = Vec::new();
    for line in spec.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let row = |empty_layer| HistoryRow { created_by: rest.to_owned(), comment: String::new(), empty_layer };
        match word {
            "layer" => {
                config.history.push(row(false));
                layers.push(LayerIndex { sources: true, ..LayerIndex::default() });
            }
            "empty" => config.history.push(row(true)),
            "unread" => layers.last_mut().expect("a `layer` line first").sources = false,
            "env" => config.env.push(rest.to_owned()),
            "label" => {
                let (key, value) = rest.split_once('=').expect("a label and its value");
                config.labels.insert(key.to_owned(), value.to_owned());
            }
            _ => add(layers.last_mut().expect("a `layer` line first"), word, rest),
        }
    }
    Image {
        name: "test".into(),
        platform: "linux/amd64".into(),
        config,
        layers: layers.into_iter().map(Arc::new).collect(),
        ..Image::new(Basis::Measured)
    }
}

/// A file that has this image, recorded: a target that costs next to nothing.
pub fn recorded(image: &Image) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".index").tempfile().unwrap();
    write_recorded(image, file.as_file_mut()).unwrap();
    file
}

fn add(layer: &mut LayerIndex, word: &str, rest: &str) {
    let (path, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let kind = match word {
        "d" => EntryKind::Directory,
        "f" => EntryKind::File,
        "l" => EntryKind::Symlink,
        "h" => EntryKind::Hardlink,
        "w" => EntryKind::Whiteout,
        "o" => EntryKind::Opaque,
        other => panic!("no such entry: {other}"),
    };
    let mode = if kind == EntryKind::Directory { 0o755 } else { 0o644 };
    let mut entry = Entry { kind, mode, ..Entry::file(ImagePath::from(path), 0) };
    if let Some(target) = rest.strip_prefix("-> ") {
        let target = target.trim().as_bytes();
        entry.link =
            Some(if kind == EntryKind::Hardlink { ImagePath::new(target).as_bytes().into() } else { target.into() });
    } else if let Some(text) = rest.strip_prefix("= ").or_else(|| (rest == "=").then_some("")) {
        let text = text.replace("\\n", "\n").replace("\\t", "\t");
        entry.size = text.len() as u64;
        entry.content = Some(Digest::of(text.as_bytes()));
        let text = text.into_bytes();
        let kept = if path.ends_with(".py") { slimwright::layer::distil(path.as_bytes(), text) } else { text };
        layer.contents.insert(layer.entries.len() as u32, kept);
    } else if matches!(kind, EntryKind::File | EntryKind::Directory) {
        let mut identity = format!("{path} {}", rest.split(' ').next().unwrap_or_default());
        for (n, word) in rest.split_whitespace().enumerate() {
            match word.split_once('=') {
                None if n == 0 && kind == EntryKind::File => entry.size = word.parse().expect("a size"),
                Some(("hash", hash)) => identity = hash.to_owned(),
                Some(("uid", uid)) => entry.uid = uid.parse().expect("a uid"),
                Some(("gid", gid)) => entry.gid = gid.parse().expect("a gid"),
                Some(("mtime", mtime)) => entry.mtime = mtime.parse().expect("a time"),
                Some(("mode", mode)) => entry.mode = u32::from_str_radix(mode, 8).expect("an octal mode"),
                None if word == "undigested" => {}
                _ => panic!("no such attribute: {word}"),
            }
        }
        if kind == EntryKind::File && !rest.contains("undigested") {
            entry.content = Some(Digest::of(identity.as_bytes()));
        }
    }
    layer.entries.push(entry);
}

/// Something of a virtual image that is not predicted, of line 4.
pub fn gap(what: &str) -> slimwright::image::Gap {
    slimwright::image::Gap {
        place: "Dockerfile, line 4".into(),
        command: what.into(),
        why: slimwright::image::GapReason::Distribution {
            why: "there is no wheel of it".into(),
            site: ImagePath::from("usr/local/lib/python3.11/site-packages"),
        },
        writes: slimwright::image::Writes::Anywhere,
        copied: false,
    }
}
