//! Packages that conda, mamba or pixi installed: what each one's record in `conda-meta` says, and which files are its.
//!
//! Source: conda's `PrefixRecord` (conda/models/records.py): `conda-meta/NAME-VERSION-BUILD.json` with `name`, `version`,
//! `build`, `channel`, `subdir`, `depends`, `requested_spec` (rattler and pixi: `requested_specs`) and `files`, which are
//! relative to the environment's prefix; `conda-meta/history`, whose lines `# update specs: […]` say what was asked for
//! (conda/history.py).

use crate::base::{
    CondaId, FastMap, FastSet, ImagePath, Numbered, Problem, clean_path, file_name, parent, source_of_bytecode,
};
use crate::fs::{Lookup, View};
use crate::layer::EntryKind;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The conda packages of all environments of an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CondaInventory {
    /// Sorted by prefix, name and version.
    pub packages: Numbered<CondaId, CondaPackage>,
    /// Which package lists a path of a file or link. Python distributions among them own their
    /// files themselves.
    pub owners: FastMap<ImagePath, CondaId>,
    /// Paths that a second package lists, and which: what is there is the first one's.
    pub contested: Vec<(ImagePath, CondaId)>,
    /// Paths that a package lists and that are not there, and which package.
    pub missing: Vec<(ImagePath, CondaId)>,
    /// Bytecode of packages that no record lists: an installer compiled it and does not say so, or a program that ran.
    pub unlisted: FastSet<ImagePath>,
    /// The prefixes of the environments, sorted.
    pub prefixes: Vec<ImagePath>,
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
    /// What it needs, by name: none of what the machine has to have (`__cuda`).
    pub depends: Vec<String>,
    /// The same as its record writes it, with versions and builds: `python >=3.11,<3.12.0a0`.
    pub specs: Vec<String>,
    /// What others may be if they are there, as its record writes it.
    pub constrains: Vec<String>,
    /// The platform that it was built for: `linux-64`, `noarch`.
    pub subdir: String,
    /// Whether it was asked for, as its record, the history, or if neither says anything, the other packages tell.
    pub requested: bool,
    /// Where its archive is, without a user, password or token, where the record says.
    pub url: String,
    /// The archive's MD5 sum, which explicit lists of packages name.
    pub md5: String,
}

impl CondaPackage {
    /// Whether it was built for a GPU, as its build says.
    pub fn is_gpu_build(&self) -> bool {
        is_gpu_build(&self.build)
    }

    /// The channel's own place, `https://conda.anaconda.org/conda-forge`, where the record says where the archive is.
    pub fn channel_url(&self) -> Option<&str> {
        let (folder, _) = self.url.rsplit_once('/')?;
        let (channel, _) = folder.rsplit_once('/')?;
        channel.contains("://").then_some(channel)
    }
}

/// Whether a build is one for a GPU: `cuda120_py311h…`, `py3.11_cuda12.1_cudnn8_0`, `gpu_py311…`.
pub fn is_gpu_build(build: &str) -> bool {
    let parts = build.split(['_', '-']);
    let is_version = |rest: &str| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit());
    parts.into_iter().any(|part| part == "gpu" || part.strip_prefix("cuda").is_some_and(is_version) || is_short(part))
}

/// `cu118`
fn is_short(part: &str) -> bool {
    let digits = part.strip_prefix("cu").unwrap_or_default();
    digits.len() >= 2 && digits.len() <= 3 && digits.chars().all(|c| c.is_ascii_digit())
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
    url: Option<String>,
    #[serde(default)]
    md5: Option<String>,
    #[serde(default)]
    depends: Option<Vec<String>>,
    #[serde(default)]
    constrains: Option<Vec<String>>,
    #[serde(default)]
    requested_spec: Option<String>,
    #[serde(default)]
    requested_specs: Option<Vec<String>>,
    #[serde(default)]
    files: Option<Vec<String>>,
}

impl CondaInventory {
    /// Reads the records of a merged image; what cannot be read is a problem.
    pub(super) fn new(view: &View<'_>, problems: &mut Vec<Problem>) -> Self {
        let mut found: Vec<(CondaPackage, Vec<Vec<u8>>)> = Vec::new();
        let mut asked: BTreeMap<ImagePath, BTreeSet<String>> = BTreeMap::new();
        let is_noted = |path: &[u8]| file_name(parent(path)) == b"conda-meta";
        for (path, node) in view.iter().filter(|(path, _)| is_noted(path)) {
            let Some(content) = view.contents_of(node) else { continue };
            if file_name(path) == b"history" {
                asked.insert(ImagePath::new(parent(parent(path))), specs(content));
            }
            if !path.ends_with(b".json") {
                continue;
            }
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
        for (package, files) in found {
            out.prefixes.push(package.prefix.clone());
            let id = out.packages.push(package);
            for file in files {
                let Some(place) = lookup.place(&file) else {
                    out.missing.push((ImagePath::new(&file), id));
                    continue;
                };
                let (_, node) = view.at(place);
                if view.entry(node.entry).kind == EntryKind::Directory {
                    continue;
                }
                match out.owners.entry(view.path(node).clone()) {
                    std::collections::hash_map::Entry::Vacant(slot) => _ = slot.insert(id),
                    std::collections::hash_map::Entry::Occupied(slot) => {
                        out.contested.push((slot.key().clone(), id));
                    }
                }
                // Packages are linked from `pkgs`: bytes are counted where the first link is.
                if let Some(holder) = view.holder(place).filter(|holder| *holder != place) {
                    out.owners.entry(view.path(view.at(holder).1).clone()).or_insert(id);
                }
            }
        }
        out.prefixes.dedup();
        out.note_requested(&asked);
        out.own_bytecode(view);
        out
    }

    /// Who was asked for: by the records, else by the history, else who is needed by no other.
    fn note_requested(&mut self, asked: &BTreeMap<ImagePath, BTreeSet<String>>) {
        for here in self.packages.chunk_by_mut(|one, other| one.prefix == other.prefix) {
            if here.iter().any(|package| package.requested) {
                continue;
            }
            let specs = here.first().and_then(|first| asked.get(&first.prefix)).filter(|specs| !specs.is_empty());
            let needed: BTreeSet<String> = match specs {
                Some(_) => BTreeSet::new(),
                None => here.iter().flat_map(|package| package.depends.iter().cloned()).collect(),
            };
            for package in here {
                package.requested =
                    specs.map_or(!needed.contains(&package.name), |specs| specs.contains(&package.name));
            }
        }
    }

    /// Of each package those of the same environment that need it.
    pub fn required_by(&self) -> Numbered<CondaId, Vec<CondaId>> {
        let mut places: FastMap<(&ImagePath, &str), Vec<CondaId>> = FastMap::default();
        for (at, package) in self.packages.pairs() {
            places.entry((&package.prefix, &package.name)).or_default().push(at);
        }
        let mut out = self.packages.beside(|_| Vec::new());
        for (at, package) in self.packages.pairs() {
            for name in &package.depends {
                let needed = places.get(&(&package.prefix, name.as_str())).into_iter().flatten();
                needed.filter(|other| **other != at).for_each(|other| out[*other].push(at));
            }
        }
        out
    }

    /// Whether a path is in the folder where conda keeps archives of packages, and packages unpacked.
    pub fn is_cache(&self, path: &[u8]) -> bool {
        memchr::memmem::find_iter(path, b"/pkgs/")
            .any(|at| self.prefixes.binary_search_by(|prefix| prefix.as_bytes().cmp(&path[..at])).is_ok())
    }

    /// Bytecode of packages for every Python is compiled when they are installed, and not always listed.
    fn own_bytecode(&mut self, view: &View<'_>) {
        if self.packages.is_empty() {
            return;
        }
        for (path, node) in view.iter().filter(|(path, _)| path.ends_with(b".pyc")) {
            let owner = source_of_bytecode(path).and_then(|source| self.owners.get(&source[..]).copied());
            if let Some(owner) = owner {
                let path = view.path(node).clone();
                if let std::collections::hash_map::Entry::Vacant(slot) = self.owners.entry(path.clone()) {
                    slot.insert(owner);
                    self.unlisted.insert(path);
                }
            }
        }
    }

    /// Whether an installer brings what a package has at a path: of bytecode that no record lists, it makes that of packages
    /// for every Python.
    pub fn is_installed(&self, package: CondaId, path: &[u8]) -> bool {
        self.packages[package].subdir == "noarch" || !self.unlisted.contains(path)
    }
}

/// What a record says, and the paths that it lists, its own among them.
fn package(path: &[u8], record: Record) -> (CondaPackage, Vec<Vec<u8>>) {
    let prefix = parent(parent(path));
    let inside = |file: &String| clean_path(&[prefix, b"/", file.as_bytes()].concat()).into_owned();
    let mut files: Vec<Vec<u8>> = record.files.unwrap_or_default().iter().map(inside).collect();
    files.push(path.to_vec());
    let requested = record.requested_spec.is_some_and(|spec| !spec.is_empty() && spec != "None")
        || record.requested_specs.is_some_and(|specs| specs.iter().any(|spec| !spec.is_empty()));
    let own = CondaPackage {
        prefix: ImagePath::new(prefix),
        name: record.name,
        version: record.version,
        build: record.build.unwrap_or_default(),
        channel: channel(record.channel.as_deref().unwrap_or_default(), record.subdir.as_deref().unwrap_or_default()),
        depends: names(record.depends.as_deref().unwrap_or_default()).collect::<BTreeSet<_>>().into_iter().collect(),
        specs: record.depends.unwrap_or_default(),
        constrains: record.constrains.unwrap_or_default(),
        subdir: record.subdir.unwrap_or_default(),
        requested,
        url: record.url.unwrap_or_default(),
        md5: record.md5.unwrap_or_default(),
    };
    (own, files)
}

/// The names of `python >=3.11,<3.12.0a0` and `conda-forge::numpy=1.26`, without what the machine has to have.
fn names(specs: &[String]) -> impl Iterator<Item = String> + '_ {
    let name = |spec: &String| {
        let spec = spec.rsplit("::").next().unwrap_or_default().trim();
        let end = spec.find(|c: char| c.is_whitespace() || "=<>!~[;,".contains(c)).unwrap_or(spec.len());
        spec[..end].to_ascii_lowercase()
    };
    specs.iter().map(name).filter(|name| !name.is_empty() && !name.starts_with("__"))
}

/// What a history asks for in the end: `# update specs: ['numpy', "python=3.11"]` adds, `# remove specs: […]` takes away.
fn specs(history: &[u8]) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for line in String::from_utf8_lossy(history).lines() {
        let Some((what, list)) = line.strip_prefix("# ").and_then(|line| line.split_once(" specs:")) else { continue };
        let words = list.trim().trim_start_matches('[').trim_end_matches(']').split(['\'', '"']);
        let quoted: Vec<String> = words.skip(1).step_by(2).map(str::to_owned).collect();
        match what {
            "update" | "install" => out.extend(names(&quoted)),
            "remove" | "uninstall" => names(&quoted).for_each(|name| _ = out.remove(&name)),
            _ => {}
        }
    }
    out
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
