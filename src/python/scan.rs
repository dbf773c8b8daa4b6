//! One walk over the merged tree that notes everything that belongs to Python's packaging.

use crate::base::{FastMap, ancestors, file_name, is_in_cache, parent};
use crate::fs::View;
use crate::layer::EntryKind;
use std::collections::BTreeSet;

/// Directories whose distributions are copies that nothing imports: caches, and what packages carry inside.
const NOT_INSTALLED: [&[u8]; 4] = [b"archive-v0", b"_vendor", b"_vendored", b"vendored"];

/// How the metadata of a distribution stands on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `NAME-VERSION.dist-info/METADATA`.
    DistInfo,
    /// `NAME-VERSION.egg-info/PKG-INFO`.
    EggInfo,
    /// `NAME-VERSION.egg-info`, a file.
    EggInfoFile,
}

/// Metadata of a distribution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    /// The directory, or the file.
    pub metadata: &'a [u8],
    /// Its form.
    pub form: Form,
}

impl<'a> Found<'a> {
    /// Which distribution a file is the metadata of.
    pub(super) fn by_path(path: &'a [u8]) -> Option<Self> {
        let (dir, name) = (parent(path), file_name(path));
        match name {
            b"METADATA" if dir.ends_with(b".dist-info") => Some(Self { metadata: dir, form: Form::DistInfo }),
            b"PKG-INFO" if dir.ends_with(b".egg-info") => Some(Self { metadata: dir, form: Form::EggInfo }),
            _ if name.ends_with(b".egg-info") => Some(Self { metadata: path, form: Form::EggInfoFile }),
            _ => None,
        }
    }

    /// The file with the headers.
    pub(super) fn headers_path(&self) -> Vec<u8> {
        match self.form {
            Form::DistInfo => [self.metadata, b"/METADATA"].concat(),
            Form::EggInfo => [self.metadata, b"/PKG-INFO"].concat(),
            Form::EggInfoFile => self.metadata.to_vec(),
        }
    }

    /// The directory that it is installed into.
    pub(super) fn site_dir(&self) -> &'a [u8] {
        parent(self.metadata)
    }
}

/// What the walk found.
#[derive(Default)]
pub(super) struct Scan<'a> {
    /// Metadata in site directories.
    pub installed: Vec<Found<'a>>,
    /// `.egg-info` elsewhere: source trees that an `.egg-link` may lead to.
    pub source_trees: FastMap<&'a [u8], Found<'a>>,
    /// `.dist-info` directories in site directories that have RECORD and no METADATA.
    pub headless: Vec<&'a [u8]>,
    /// `.egg-link` files in site directories.
    pub egg_links: Vec<&'a [u8]>,
    /// Prefixes with a `pyvenv.cfg`.
    pub virtual_prefixes: BTreeSet<&'a [u8]>,
    /// Prefixes with a `conda-meta`.
    pub conda_prefixes: BTreeSet<&'a [u8]>,
    /// Directories named `site-packages` or `dist-packages`.
    pub site_dirs: BTreeSet<&'a [u8]>,
    /// Positions of bytecode by what its paths start with: `a/__pycache__/X` for that of `a/X.py`.
    bytecode: FastMap<&'a [u8], Vec<usize>>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(view: &View<'a>) -> Self {
        let mut scan = Self::default();
        let mut loose = Vec::new();
        for (place, (path, node)) in view.iter().enumerate() {
            let kind = view.entry(node.entry).kind;
            let name = file_name(path);
            if kind == EntryKind::Directory {
                scan.note_directory(path, name);
            } else if name.ends_with(b".pyc") {
                if let Some(start) = start_of_bytecode(path) {
                    scan.bytecode.entry(start).or_default().push(place);
                }
            } else {
                scan.note_file(view, path, name, &mut loose);
            }
        }
        scan.add_other_directories(loose);
        scan.installed.sort_by_key(|found| found.metadata);
        scan
    }

    fn note_directory(&mut self, path: &'a [u8], name: &[u8]) {
        if is_site_name(name) && is_site_dir(path) {
            self.site_dirs.insert(path);
        }
        if name == b"conda-meta" {
            self.conda_prefixes.insert(parent(path));
        }
    }

    fn note_file(&mut self, view: &View<'a>, path: &'a [u8], name: &'a [u8], loose: &mut Vec<Found<'a>>) {
        if let Some(found) = Found::by_path(path) {
            match found {
                _ if is_site_dir(found.site_dir()) => {
                    self.site_dirs.insert(found.site_dir());
                    self.installed.push(found);
                }
                Found { form: Form::DistInfo, .. } => loose.push(found),
                _ => {
                    self.source_trees.insert(found.site_dir(), found);
                }
            }
        } else if name == b"RECORD" && parent(path).ends_with(b".dist-info") {
            let dir = parent(path);
            if is_site_dir(parent(dir)) && view.get(&[dir, b"/METADATA"].concat()).is_none() {
                self.headless.push(dir);
            }
        } else if name.ends_with(b".egg-link") && is_site_dir(parent(path)) {
            self.site_dirs.insert(parent(path));
            self.egg_links.push(path);
        } else if name == b"pyvenv.cfg" {
            self.virtual_prefixes.insert(parent(path));
        } else if file_name(parent(path)) == b"conda-meta" {
            self.conda_prefixes.insert(parent(parent(path)));
        }
    }

    /// The positions of what a source was compiled to.
    pub(super) fn bytecode_of(&self, source: &[u8]) -> &[usize] {
        let Some(stem) = file_name(source).strip_suffix(b".py") else { return &[] };
        let dir = &source[..source.len() - file_name(source).len()];
        self.bytecode.get(&[dir, b"__pycache__/", stem].concat()[..]).map_or(&[], Vec::as_slice)
    }

    /// `pip install --target DIR`: distributions in a directory of any name, which is not inside another
    /// directory of distributions and not a cache or a package's own copies.
    fn add_other_directories(&mut self, mut loose: Vec<Found<'a>>) {
        loose.retain(|found| is_target_dir(found.site_dir()) && !self.is_conda_cache(found.site_dir()));
        loose.sort_by_key(|found| found.metadata);
        let dirs: BTreeSet<&[u8]> = loose.iter().map(Found::site_dir).collect();
        let is_nested = |dir: &[u8]| !dir.is_empty() && ancestors(dir).any(|above| dirs.contains(above));
        loose.retain(|found| !is_nested(found.site_dir()));
        self.site_dirs.extend(loose.iter().map(Found::site_dir));
        self.installed.extend(loose);
        let conda: Vec<Vec<u8>> = self.conda_prefixes.iter().map(|prefix| [prefix, &b"/pkgs/"[..]].concat()).collect();
        let in_cache = |dir: &[u8]| conda.iter().any(|cache| dir.starts_with(cache));
        self.installed.retain(|found| !in_cache(found.metadata));
        self.site_dirs.retain(|dir| !in_cache(dir));
    }

    /// conda keeps every package that it installed unpacked in `pkgs`.
    fn is_conda_cache(&self, dir: &[u8]) -> bool {
        self.conda_prefixes
            .iter()
            .any(|prefix| dir.strip_prefix(*prefix).is_some_and(|rest| rest.starts_with(b"/pkgs/")))
    }
}

fn is_site_name(name: &[u8]) -> bool {
    name == b"site-packages" || name == b"dist-packages"
}

/// A directory named as site directories are, and not inside another one or a cache.
pub(super) fn is_site_dir(dir: &[u8]) -> bool {
    let mut parts = dir.rsplit(|&b| b == b'/');
    let is_other = |part: &[u8]| is_site_name(part) || NOT_INSTALLED.contains(&part);
    parts.next().is_some_and(is_site_name) && !parts.any(is_other) && !is_in_cache(dir)
}

/// A directory that may be the target of `pip install --target`.
pub(super) fn is_target_dir(dir: &[u8]) -> bool {
    !is_in_cache(dir) && dir.split(|&b| b == b'/').all(|part| !is_site_name(part) && !NOT_INSTALLED.contains(&part))
}

/// `a/__pycache__/X` of `a/__pycache__/X.cpython-311.pyc` and `a/__pycache__/X.cpython-311.opt-1.pyc` (PEP 3147,
/// PEP 488).
fn start_of_bytecode(path: &[u8]) -> Option<&[u8]> {
    if file_name(parent(path)) != b"__pycache__" {
        return None;
    }
    let before_dot = |name: &'_ [u8]| name.iter().rposition(|&b| b == b'.');
    let mut name = file_name(path).strip_suffix(b".pyc")?;
    let tag = before_dot(name)?;
    if name[tag + 1..].starts_with(b"opt-") {
        name = &name[..tag];
    }
    Some(&path[..path.len() - file_name(path).len() + before_dot(name)?])
}
