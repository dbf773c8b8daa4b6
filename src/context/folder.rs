//! The folder that is built from: what a builder would see of it, and the small files in it that are read.
//!
//! Links are not followed out of it, nothing is written, and files are read up to a bound.

use super::ContextError;
use super::ignore::Ignore;
use crate::base::{ImagePath, escape_path};
use crate::layer::{Entry, EntryKind, content_digest, distil, is_kept};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Files that are read whole are not larger, in bytes.
const MOST_READ: u64 = 16 << 20;
/// A folder with more files is no build context.
const MOST_ENTRIES: usize = 2_000_000;

/// A build context.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Files that are not on disk.
    written: BTreeMap<ImagePath, Vec<u8>>,
    /// What a builder sees, by path relative to the root.
    entries: BTreeMap<ImagePath, Entry>,
    /// Lines of the ignore file that are no patterns: `(place, why)`.
    pub(super) bad_patterns: Vec<(String, String)>,
}

impl Folder {
    /// Lists a folder, without what its ignore file hides. `dockerfile` is the path of the Dockerfile, beside which an
    /// ignore file of its own may stand.
    pub(super) fn read(root: &Path, dockerfile: Option<&Path>) -> Result<Self, ContextError> {
        let metadata = std::fs::metadata(root).map_err(|source| ContextError::read(root, source))?;
        if !metadata.is_dir() {
            return Err(ContextError::NoFolder { path: escape_path(root) });
        }
        let (ignore, name) = ignore_file(root, dockerfile)?;
        let place = |(line, why): &(usize, String)| (format!("{name}, line {line}"), why.clone());
        let bad_patterns = ignore.bad.iter().map(place).collect();
        let mut out = Self { root: root.to_owned(), written: BTreeMap::new(), entries: BTreeMap::new(), bad_patterns };
        let relative = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        let hidden = |path: &Path| ignore.hides(&relative(path));
        let walk = WalkDir::new(root).min_depth(1).sort_by_file_name().into_iter();
        let walk = walk.filter_entry(|item| !(ignore.is_final() && item.file_type().is_dir() && hidden(item.path())));
        for item in walk {
            // What cannot be looked into fails the build as well, if it is asked for.
            let Ok(item) = item else { continue };
            if hidden(item.path()) {
                continue;
            }
            let path = ImagePath::new(item.path().strip_prefix(root).unwrap_or(item.path()).as_os_str().as_bytes());
            if let Some(entry) = entry(&item, path.clone()) {
                out.entries.insert(path, entry);
            }
            if out.entries.len() > MOST_ENTRIES {
                return Err(ContextError::TooMany { path: escape_path(root), most: MOST_ENTRIES });
            }
        }
        Ok(out)
    }

    /// A folder, or none, with texts put into it. What its ignore file hides no builder sees.
    pub(super) fn with(
        root: Option<&Path>,
        dockerfile: Option<&Path>,
        files: &[(String, String)],
    ) -> Result<Self, ContextError> {
        let nothing = || Self {
            root: PathBuf::new(),
            written: BTreeMap::new(),
            entries: BTreeMap::new(),
            bad_patterns: Vec::new(),
        };
        let mut out = root.map_or_else(|| Ok(nothing()), |root| Self::read(root, dockerfile))?;
        let ignore = root.map(|root| ignore_file(root, dockerfile)).transpose()?.map(|(ignore, _)| ignore);
        for (name, text) in files {
            if ignore.as_ref().is_some_and(|ignore| ignore.hides(name)) {
                continue;
            }
            let path = ImagePath::from(name.as_str());
            let old = out.entries.get(&path).cloned();
            let entry = old.unwrap_or_else(|| Entry::file(path.clone(), 0));
            out.entries.insert(path.clone(), Entry { size: text.len() as u64, ..entry });
            out.written.insert(path, text.clone().into_bytes());
        }
        Ok(out)
    }

    /// What is at a path.
    pub(super) fn get(&self, path: &[u8]) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Everything below a directory; of the root everything.
    pub(super) fn below<'f>(&'f self, directory: &'f [u8]) -> impl Iterator<Item = (&'f ImagePath, &'f Entry)> {
        let is_below =
            move |path: &ImagePath| path.as_bytes() != directory && crate::base::is_within(path.as_bytes(), directory);
        let from = self.entries.range(ImagePath::new(directory)..);
        let near = from.take_while(move |(path, _)| directory.is_empty() || path.as_bytes().starts_with(directory));
        near.filter(move |(path, _)| is_below(path))
    }

    /// Whether there is a directory.
    pub(super) fn is_directory(&self, path: &[u8]) -> bool {
        path.is_empty()
            || self.get(path).is_some_and(|entry| entry.kind == EntryKind::Directory)
            || self.below(path).next().is_some()
    }

    /// The paths that a pattern names.
    pub(super) fn glob(&self, text: &str) -> Vec<ImagePath> {
        let clean = ImagePath::from(text);
        if !text.contains(['*', '?', '[']) {
            let path = clean.as_bytes();
            return (self.get(path).is_some() || self.is_directory(path)).then_some(clean).into_iter().collect();
        }
        let text = String::from_utf8_lossy(clean.as_bytes()).into_owned();
        let Some(expression) = super::ignore::pattern(&text) else { return Vec::new() };
        let depth = text.matches('/').count();
        let fits = |path: &&ImagePath| {
            let path = String::from_utf8_lossy(path.as_bytes());
            path.matches('/').count() == depth && expression.is_match(&path)
        };
        self.entries.keys().filter(fits).cloned().collect()
    }

    /// Where a file of the context is on disk.
    pub(super) fn on_disk(&self, path: &[u8]) -> PathBuf {
        if self.root == Path::new(".") && !path.is_empty() {
            return PathBuf::from(std::ffi::OsStr::from_bytes(path));
        }
        self.root.join(std::ffi::OsStr::from_bytes(path))
    }

    /// The content of a file, if it is not too large.
    pub(super) fn content(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.get(path).filter(|entry| entry.kind == EntryKind::File && entry.size <= MOST_READ)?;
        if let Some(text) = self.written.get(path) {
            return Some(text.clone());
        }
        let mut out = Vec::new();
        std::fs::File::open(self.on_disk(path)).ok()?.take(MOST_READ + 1).read_to_end(&mut out).ok()?;
        Some(out)
    }

    /// What the index of a layer keeps of a file that is copied to `target`, and the digest of its content.
    pub(super) fn kept(&self, path: &[u8], target: &[u8]) -> Option<(crate::base::Digest, Vec<u8>)> {
        if !is_kept(target) {
            return None;
        }
        let content = self.content(path)?;
        Some((content_digest(&content), distil(target, content)))
    }
}

/// The ignore file, and what to call it.
fn ignore_file(root: &Path, dockerfile: Option<&Path>) -> Result<(Ignore, String), ContextError> {
    let beside = dockerfile.map(|file| {
        let mut name = file.as_os_str().to_owned();
        name.push(".dockerignore");
        PathBuf::from(name)
    });
    for file in beside.into_iter().chain([root.join(".dockerignore")]) {
        if !file.is_file() {
            continue;
        }
        let text = super::read_text(&file)?;
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        return Ok((Ignore::parse(&text), crate::base::escape_str(&name)));
    }
    Ok((Ignore::default(), String::new()))
}

fn entry(item: &walkdir::DirEntry, path: ImagePath) -> Option<Entry> {
    let metadata = item.metadata().ok()?;
    let kind = match metadata.file_type() {
        kind if kind.is_dir() => EntryKind::Directory,
        kind if kind.is_symlink() => EntryKind::Symlink,
        kind if kind.is_file() => EntryKind::File,
        // Builders leave sockets out, and refuse the rest.
        _ => return None,
    };
    let link = (kind == EntryKind::Symlink).then(|| std::fs::read_link(item.path()).unwrap_or_default());
    Some(Entry {
        path,
        kind,
        size: if kind == EntryKind::File { metadata.len() } else { 0 },
        mode: metadata.mode() & 0o7777,
        uid: 0,
        gid: 0,
        mtime: 0,
        link: link.map(|link| link.as_os_str().as_bytes().into()),
        xattrs: Vec::new(),
        content: None,
    })
}
