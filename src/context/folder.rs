//! The folder that is built from: what a builder would see of it, and the small files in it that are read.
//!
//! Nothing outside of it is read, whatever its links say ([`Root`]); nothing is written, and files are read up to a bound.

use super::ContextError;
use super::error::Result;
use super::ignore::{Ignore, Walk};
use crate::base::{Found, ImagePath, Root, Text, nearest_path, parent};
use crate::index::Unread;
use crate::layer::{Entry, EntryKind, content_digest, distil, is_kept};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Files that are read whole are not larger, in bytes.
const MAX_READ: u64 = 16 << 20;
/// A folder with more files is no build context.
const MAX_ENTRIES: usize = 2_000_000;
/// How many links of a path are followed.
const MAX_LINKS: usize = 40;

/// A build context.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Files that are not on disk.
    written: BTreeMap<ImagePath, Vec<u8>>,
    /// None where there is no folder.
    disk: Option<Root>,
    /// What a builder sees, by path relative to the root.
    entries: BTreeMap<ImagePath, Entry>,
    /// Lines of the ignore file that are no patterns: `(place, why)`.
    pub(super) bad_patterns: Vec<(String, String)>,
}

impl Folder {
    /// Lists a folder, without what its ignore file hides. `dockerfile` is the path of the Dockerfile, beside which an
    /// ignore file of its own may stand.
    pub(super) fn read(root: &Path, dockerfile: Option<&Path>) -> Result<Self> {
        let no_folder = |found| {
            let near = nearest_path(root).map(|near| Text::of_path(&near));
            ContextError::NoFolder { path: Text::of_path(root), found, near }
        };
        match std::fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(no_folder("a file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_folder("nothing")),
            Err(error) => return Err(ContextError::read(root, error)),
        }
        let disk = Root::open(root).map_err(|source| ContextError::read(root, source))?;
        let (ignore, name) = ignore_file(&disk, root, dockerfile)?;
        let disk = Some(disk);
        let place = |(line, why): &(usize, String)| (format!("{name}, line {line}"), why.clone());
        let bad_patterns = ignore.bad.iter().map(place).collect();
        let (written, entries) = (BTreeMap::new(), BTreeMap::new());
        let mut out = Self { root: root.to_owned(), disk, written, entries, bad_patterns };
        let relative = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        let mut hidden = Walk::new(&ignore);
        let mut walk = WalkDir::new(root).min_depth(1).sort_by_file_name().into_iter();
        while let Some(item) = walk.next() {
            // What cannot be looked into fails the build as well, if it is asked for.
            let Ok(item) = item else { continue };
            let is_folder = item.file_type().is_dir();
            let is_hidden = hidden.hides(&relative(item.path()), is_folder).map_err(|many| {
                ContextError::TooManyPatterns { path: name.clone().into(), patterns: many.patterns, files: many.paths }
            })?;
            if is_hidden {
                if is_folder && ignore.is_final() {
                    walk.skip_current_dir();
                }
                continue;
            }
            let path = ImagePath::new(item.path().strip_prefix(root).unwrap_or(item.path()).as_os_str().as_bytes());
            if let Some(entry) = entry(&item, path.clone()) {
                out.entries.insert(path, entry);
            }
            if out.entries.len() > MAX_ENTRIES {
                return Err(ContextError::TooMany { path: Text::of_path(root), most: MAX_ENTRIES });
            }
        }
        Ok(out)
    }

    /// A folder, or none, with texts put into it. What its ignore file hides no builder sees.
    pub(super) fn with(root: Option<&Path>, dockerfile: Option<&Path>, files: &[(String, String)]) -> Result<Self> {
        let nothing = || Self {
            root: PathBuf::new(),
            disk: None,
            written: BTreeMap::new(),
            entries: BTreeMap::new(),
            bad_patterns: Vec::new(),
        };
        let mut out = root.map_or_else(|| Ok(nothing()), |root| Self::read(root, dockerfile))?;
        let ignore = match (&out.disk, root) {
            (Some(disk), Some(root)) => Some(ignore_file(disk, root, dockerfile)?.0),
            _ => None,
        };
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

    /// The paths that a pattern names, each with where it leads: links are followed within the context, as builders do.
    pub(super) fn glob(&self, text: &str) -> Vec<(ImagePath, ImagePath)> {
        let clean = ImagePath::from(text);
        if !text.contains(['*', '?', '[']) {
            return self.followed(&clean).map(|real| (clean, real)).into_iter().collect();
        }
        let text = String::from_utf8_lossy(clean.as_bytes()).into_owned();
        let Some(expression) = super::ignore::pattern(&text) else { return Vec::new() };
        let depth = text.matches('/').count();
        let fits = |path: &&ImagePath| {
            let path = String::from_utf8_lossy(path.as_bytes());
            path.matches('/').count() == depth && expression.is_match(&path)
        };
        self.entries.keys().filter(fits).filter_map(|path| Some((path.clone(), self.followed(path)?))).collect()
    }

    /// Where a path leads, if there is something that a builder sees.
    fn followed(&self, path: &ImagePath) -> Option<ImagePath> {
        let mut whole = path.clone();
        for _ in 0..MAX_LINKS {
            let ends = whole.as_bytes().iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
            let ends = ends.chain([whole.as_bytes().len()]).collect::<Vec<_>>();
            let link = ends.into_iter().find_map(|end| {
                let entry = self.get(&whole.as_bytes()[..end]).filter(|entry| entry.kind == EntryKind::Symlink)?;
                Some((end, entry.link.clone()?))
            });
            let Some((end, target)) = link else {
                let there = self.get(whole.as_bytes()).is_some() || self.is_directory(whole.as_bytes());
                return there.then_some(whole);
            };
            let (before, rest) = whole.as_bytes().split_at(end);
            let folder = if target.starts_with(b"/") { &b""[..] } else { parent(before) };
            whole = ImagePath::new(&[folder, b"/", &target, rest].concat());
        }
        None
    }

    /// Whether there is something on disk, seen by a builder or not.
    pub(super) fn is_on_disk(&self, path: &str) -> bool {
        self.find(path.as_bytes()).is_some()
    }

    fn find(&self, path: &[u8]) -> Option<Found> {
        self.disk.as_ref()?.find(path)
    }

    /// Opens a file that is on disk.
    pub(super) fn open(&self, path: &ImagePath) -> io::Result<File> {
        self.disk.as_ref().ok_or(io::ErrorKind::NotFound)?.file(path.as_bytes())
    }

    /// The text of a file that is not on disk.
    pub(super) fn written(&self, path: &ImagePath) -> Option<&[u8]> {
        self.written.get(path).map(Vec::as_slice)
    }

    /// Reads a file, up to a bound.
    pub(super) fn read_file(&self, path: &ImagePath, most: u64) -> Result<Vec<u8>, Unread> {
        if let Some(text) = self.written(path) {
            return Ok(text.to_vec());
        }
        let disk = self.disk.as_ref().ok_or(Unread::Missing)?;
        disk.read(path.as_bytes(), most).map_err(|error| Unread::of(&error))
    }

    /// Where a file is on this machine, for uv: a regular file, no part of whose path below the root is a link.
    pub(super) fn place_of(&self, path: &ImagePath) -> Result<PathBuf, Unread> {
        let is_plain = self.get(path.as_bytes()).is_some_and(|entry| entry.kind == EntryKind::File);
        if !is_plain || self.find(path.as_bytes()) != Some(Found::File) {
            return Err(Unread::Refused("expected a file, found something else".into()));
        }
        let root = std::fs::canonicalize(&self.root).map_err(|error| Unread::of(&error))?;
        Ok(root.join(std::ffi::OsStr::from_bytes(path.as_bytes())))
    }

    /// The content of a file, if it is not too large.
    pub(super) fn content(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.get(path).filter(|entry| entry.kind == EntryKind::File && entry.size <= MAX_READ)?;
        self.read_file(&ImagePath::new(path), MAX_READ).ok()
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
fn ignore_file(disk: &Root, root: &Path, dockerfile: Option<&Path>) -> Result<(Ignore, String)> {
    let beside = dockerfile.map(|file| {
        let mut name = file.as_os_str().to_owned();
        name.push(".dockerignore");
        PathBuf::from(name)
    });
    for file in beside.into_iter().chain([root.join(".dockerignore")]) {
        let text = match file.strip_prefix(root) {
            Ok(inside) if disk.find(inside.as_os_str().as_bytes()) == Some(Found::File) => {
                super::text_in(disk, inside)?
            }
            // Beside a Dockerfile that the user names.
            Err(_) if file.is_file() => super::read_text(&file)?,
            _ => continue,
        };
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        return Ok((Ignore::parse(&text), crate::base::Text::from(&name).into()));
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
