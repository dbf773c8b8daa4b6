//! Packages that conda, mamba or pixi installed: what each one's record in `conda-meta` says, and which files are its.
//!
//! Source: conda's `PrefixRecord` (conda/models/records.py): `conda-meta/NAME-VERSION-BUILD.json` with `name`, `version`,
//! `build`, `channel`, `subdir` and `files`, which are relative to the environment's prefix.

use crate::base::{FastMap, ImagePath, Problem, clean_path, file_name, parent};
use crate::fs::{Lookup, View};
use crate::layer::EntryKind;
use serde::Deserialize;

/// The conda packages of all environments of an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CondaInventory {
    /// Sorted by prefix, name and version.
    pub packages: Vec<CondaPackage>,
    /// Which package lists a path of a file or link, as a position in `packages`. Python distributions among them own their
    /// files themselves.
    pub owners: FastMap<ImagePath, usize>,
}

/// One package.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CondaPackage {
    /// The environment that it is in: `/opt/conda`.
    pub prefix: ImagePath,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Build: `py311h64a7726_0`. The only place that tells a CUDA build.
    pub build: String,
    /// Channel, without its host and any token: `conda-forge`.
    pub channel: String,
}

#[derive(Deserialize)]
struct Record {
    name: String,
    version: String,
    #[serde(default)]
    build: Option<String>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    subdir: Option<String>,
    #[serde(default)]
    files: Option<Vec<String>>,
}

impl CondaInventory {
    /// Reads the records of a merged image; what cannot be read is a problem.
    pub(super) fn new(view: &View<'_>, problems: &mut Vec<Problem>) -> Self {
        let mut found: Vec<(CondaPackage, Vec<Vec<u8>>)> = Vec::new();
        let is_record = |path: &[u8]| file_name(parent(path)) == b"conda-meta" && path.ends_with(b".json");
        for (path, node) in view.iter().filter(|(path, _)| is_record(path)) {
            let Some(content) = view.contents_of(node) else { continue };
            match serde_json::from_slice::<Record>(content) {
                Ok(record) => found.push(package(path, record)),
                Err(error) => {
                    let message = format!("expected the record of a conda package: {error}");
                    problems.push(Problem::new(ImagePath::new(path), message));
                }
            }
        }
        found.sort();
        let mut out = Self::default();
        let mut lookup = Lookup::new(view);
        for (position, (package, files)) in found.into_iter().enumerate() {
            out.packages.push(package);
            for file in files {
                let Some((_, node)) = lookup.find(&file) else { continue };
                if view.entry(node.entry).kind != EntryKind::Directory {
                    out.owners.entry(view.path(node).clone()).or_insert(position);
                }
            }
        }
        out.own_bytecode(view);
        out
    }

    /// Bytecode of packages for every Python is compiled when they are installed, and not always listed.
    fn own_bytecode(&mut self, view: &View<'_>) {
        if self.packages.is_empty() {
            return;
        }
        for (path, node) in view.iter().filter(|(path, _)| path.ends_with(b".pyc")) {
            let owner = super::source_of(path).and_then(|source| self.owners.get(&source[..]).copied());
            if let Some(owner) = owner {
                self.owners.entry(view.path(node).clone()).or_insert(owner);
            }
        }
    }
}

/// What a record says, and the paths that it lists, its own among them.
fn package(path: &[u8], record: Record) -> (CondaPackage, Vec<Vec<u8>>) {
    let prefix = parent(parent(path));
    let inside = |file: &String| clean_path(&[prefix, b"/", file.as_bytes()].concat()).into_owned();
    let mut files: Vec<Vec<u8>> = record.files.unwrap_or_default().iter().map(inside).collect();
    files.push(path.to_vec());
    let channel = channel(&record.channel.unwrap_or_default(), record.subdir.as_deref().unwrap_or_default());
    let build = record.build.unwrap_or_default();
    (CondaPackage { prefix: ImagePath::new(prefix), name: record.name, version: record.version, build, channel }, files)
}

/// `https://user:password@host/t/TOKEN/conda-forge/linux-64` is `conda-forge`.
fn channel(text: &str, subdir: &str) -> String {
    let Some((_, rest)) = text.split_once("://") else { return text.to_owned() };
    let mut parts: Vec<&str> = rest.split('/').skip(1).filter(|part| !part.is_empty()).collect();
    if parts.first() == Some(&"t") {
        parts.drain(..parts.len().min(2));
    }
    let is_subdir = |part: &&str| *part == subdir || *part == "noarch" || part.starts_with("linux-");
    if parts.last().is_some_and(is_subdir) {
        parts.pop();
    }
    parts.join("/")
}
