//! The files that an installation may read: those of the image at that point, and no others.
//!
//! Requirements files, locks and projects name one another, and a stranger wrote them. What they name is asked for here, and
//! whoever answers knows what there is: the file system of a stage, or one folder.

use crate::base::{Found, Root, Text};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Where the files of a request are. Paths are absolute and clean.
pub trait Files {
    /// What is at a path, links followed; `None` where there is nothing that can be told.
    fn find(&self, path: &Path) -> Option<Found>;

    /// A file's content, of at most so many bytes.
    ///
    /// # Errors
    ///
    /// It is not there, is no regular file or is larger; or what it has is not known.
    fn read(&self, path: &Path, most: u64) -> Result<Vec<u8>, Unread>;

    /// The paths of the files in a folder, sorted.
    fn list(&self, folder: &Path) -> Vec<PathBuf>;

    /// A place on this machine from which uv may read a file: no link, and nothing but this file.
    ///
    /// # Errors
    ///
    /// As [`Files::read`].
    fn on_disk(&self, path: &Path) -> Result<PathBuf, Unread>;

    /// What to call a path, for people: escaped.
    fn shown(&self, path: &Path) -> String;
}

/// Why a file is not read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unread {
    /// There is no such file: the installer would fail, too.
    #[error("no such file")]
    Missing,
    /// It is something else, or too large, or may not be read.
    #[error("{0}")]
    Refused(String),
    /// It is a wheel that the index has under this name, and is looked up there.
    #[error("it is a wheel of the package index")]
    Indexed,
    /// Whether it is there, or what it has, is not known before the build.
    #[error("{0}")]
    Unknown(String),
}

impl Unread {
    /// From an error of the file system.
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Missing,
            _ => Self::Refused(error.to_string()),
        }
    }
}

/// A folder on this machine, and nothing outside of it.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    root: Root,
}

impl Disk {
    /// Opens a folder, named by an absolute path.
    ///
    /// # Errors
    ///
    /// It is no folder that can be read.
    pub fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), root: Root::open(path)? })
    }

    fn inside<'p>(&self, path: &'p Path) -> Option<&'p [u8]> {
        Some(path.strip_prefix(&self.path).ok()?.as_os_str().as_bytes())
    }
}

impl Files for Disk {
    fn find(&self, path: &Path) -> Option<Found> {
        self.root.find(self.inside(path)?)
    }

    fn read(&self, path: &Path, most: u64) -> Result<Vec<u8>, Unread> {
        let inside = self.inside(path).ok_or(Unread::Missing)?;
        self.root.read(inside, most).map_err(|error| Unread::of(&error))
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let Some(Found::Directory) = self.find(folder) else { return Vec::new() };
        let rows = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut out: Vec<PathBuf> = rows.map(|row| row.path()).collect();
        out.sort();
        out
    }

    fn on_disk(&self, path: &Path) -> Result<PathBuf, Unread> {
        let inside = self.inside(path).ok_or(Unread::Missing)?;
        // A link would lead uv elsewhere than it leads here.
        self.root.file(inside).map_err(|error| Unread::of(&error))?;
        let real = |path: &Path| path.canonicalize().map_err(|error| Unread::of(&error));
        let (real, expected) = (real(path)?, real(&self.path)?.join(std::ffi::OsStr::from_bytes(inside)));
        if real == expected { Ok(real) } else { Err(Unread::Refused("expected a file, found a link".into())) }
    }

    fn shown(&self, path: &Path) -> String {
        Text::of_path(path.strip_prefix(&self.path).unwrap_or(path)).into()
    }
}
