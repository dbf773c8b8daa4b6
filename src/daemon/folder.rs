//! Files below a layer's folder, and nowhere else.
//!
//! A layer is somebody else's: it may have a link `a` to `/etc`, and then a file `a/shadow`. So a path is walked
//! one component at a time from an open directory, and none may be a symbolic link. `openat2` would do that in one
//! call, but older kernels do not have it and sandboxes refuse it, so the walk would be needed all the same. As the
//! entries of a directory mostly stand together in a tar, the last directory stays open, and most files cost no
//! walk at all.
//!
//! What is no regular file is not opened: opening a pipe waits, and opening a device may do something.

use crate::base::{Text, file_name, parent};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fgetxattr, openat, statat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A folder whose files are read by their path in a layer.
pub struct Folder {
    root: Arc<OwnedFd>,
    last: Mutex<Last>,
}

/// What was opened last.
#[derive(Default)]
struct Last {
    directory: Option<(Box<[u8]>, Arc<OwnedFd>)>,
    file: Option<(u32, Arc<File>)>,
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Were it a pipe after all, opening it would not wait.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// On a file of the right size whose content was left in the layer below.
const METACOPY: &str = "trusted.overlay.metacopy";

impl Folder {
    /// Opens it; it must not be a symbolic link itself.
    pub fn open(path: &Path) -> io::Result<Self> {
        let root = openat(CWD, path, DIRECTORY, Mode::empty())?;
        Ok(Self { root: Arc::new(root), last: Mutex::default() })
    }

    /// Opens the file at a cleaned path, which must have `size` bytes. `key` is the caller's number for the path;
    /// the last file stays open.
    pub(super) fn file(&self, key: u32, path: &[u8], size: u64) -> io::Result<Arc<File>> {
        // A thread that panicked left what it had opened.
        let lock = || self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, file)) = lock().file.as_ref().filter(|(last, _)| *last == key) {
            return Ok(file.clone());
        }
        let known = lock().directory.as_ref().filter(|(last, _)| **last == *parent(path)).map(|(_, fd)| fd.clone());
        let directory = match known {
            Some(directory) => directory,
            None => self.directory(path)?,
        };
        let file = Arc::new(open_regular(&directory, path, size)?);
        *lock() = Last { directory: Some((parent(path).into(), directory)), file: Some((key, file.clone())) };
        Ok(file)
    }

    /// Walks to the directory of a path.
    fn directory(&self, path: &[u8]) -> io::Result<Arc<OwnedFd>> {
        let parts = parent(path).split(|&byte| byte == b'/').filter(|part| !part.is_empty());
        let mut directory = self.root.clone();
        for part in parts {
            let next = openat(&directory, part, DIRECTORY, Mode::empty()).map_err(|error| refused(path, error))?;
            directory = Arc::new(next);
        }
        Ok(directory)
    }
}

fn open_regular(directory: &OwnedFd, path: &[u8], size: u64) -> io::Result<File> {
    let name = file_name(path);
    let status = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| refused(path, error))?;
    if !FileType::from_raw_mode(status.st_mode as _).is_file() {
        return Err(wrong(path, "expected a regular file, found something else"));
    }
    let file = openat(directory, name, FILE, Mode::empty()).map_err(|error| refused(path, error))?;
    let file = File::from(file);
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() != size {
        return Err(wrong(path, &format!("expected {size} bytes, found {}", metadata.len())));
    }
    if fgetxattr(&file, METACOPY, &mut [0; 0]).is_ok() {
        return Err(wrong(path, "expected the file, found its attributes only (overlayfs's metacopy)"));
    }
    Ok(file)
}

fn refused(path: &[u8], error: Errno) -> io::Error {
    let why = match error {
        Errno::NOENT => "expected a file in the engine's store, found none".to_owned(),
        Errno::LOOP | Errno::NOTDIR => "a part of the path is a symbolic link or no directory".to_owned(),
        other => io::Error::from(other).to_string(),
    };
    io::Error::new(io::Error::from(error).kind(), format!("/{}: {why}", Text::of_bytes(path)))
}

pub(super) fn wrong(path: &[u8], message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("/{}: {message}", Text::of_bytes(path)))
}
