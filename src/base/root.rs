//! A folder whose files are read and nothing else: what a stranger's repository names is opened below its root, and never
//! anywhere else, whatever its links say.
//!
//! A path is walked name by name from an open descriptor, and no step is left to the kernel's own following of links. A
//! link leads where a builder sees it lead: `/` and what is above the root mean the root. What is read is a regular file,
//! which is known before it is opened, so that no pipe is waited for and no device is touched; and it is read up to a
//! bound, since what a file says of its own size may be a lie (`/proc` has files of size 0).

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Error, ErrorKind, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};

/// How many links of a path are followed.
const MAX_LINKS: usize = 40;
/// How deep a folder may be.
const DEEPEST: usize = 256;

/// An open folder.
#[derive(Debug)]
pub struct Root(OwnedFd);

/// What is at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A pipe, a socket, a device.
    Other,
}

/// Where a walk has come to: the folders down to there, and the name in the last.
struct End {
    folders: Vec<OwnedFd>,
    name: Vec<u8>,
}

impl Root {
    /// Opens a folder. Links to it are followed: its name is the user's own.
    ///
    /// # Errors
    ///
    /// It is not there, is no folder, or may not be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// What is at a path below the folder; `None` where there is nothing that can be looked at.
    pub fn find(&self, path: &[u8]) -> Option<Found> {
        let end = self.walk(path).ok()?;
        if end.name.is_empty() {
            return Some(Found::Directory);
        }
        let found = statat(self.last(&end), OsStr::from_bytes(&end.name), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => Found::File,
            FileType::Directory => Found::Directory,
            _ => Found::Other,
        })
    }

    /// Opens a regular file below the folder.
    ///
    /// # Errors
    ///
    /// It is not there ([`ErrorKind::NotFound`]), is no regular file ([`ErrorKind::InvalidInput`]), or may not be read.
    pub fn file(&self, path: &[u8]) -> io::Result<File> {
        let end = self.walk(path)?;
        if end.name.is_empty() {
            return Err(no_file());
        }
        let (folder, name) = (self.last(&end), OsStr::from_bytes(&end.name));
        if !is_regular(statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode) {
            return Err(no_file());
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(folder, name, flags, Mode::empty())?;
        // Another one may have taken its place.
        if is_regular(fstat(&file)?.st_mode) { Ok(file.into()) } else { Err(no_file()) }
    }

    /// A file's content, of at most so many bytes.
    ///
    /// # Errors
    ///
    /// As [`Root::file`]; it has more bytes ([`ErrorKind::FileTooLarge`]).
    pub fn read(&self, path: &[u8], most: u64) -> io::Result<Vec<u8>> {
        read_up_to(self.file(path)?, most)
    }

    fn last<'f>(&'f self, end: &'f End) -> &'f OwnedFd {
        end.folders.last().unwrap_or(&self.0)
    }

    /// Walks to the folder that a path ends in, with the name in it, which is no link; no name for the root, or for a folder
    /// that `..` ends in.
    fn walk(&self, path: &[u8]) -> io::Result<End> {
        let parts = |path: &[u8]| path.split(|&b| b == b'/').rev().map(<[u8]>::to_vec).collect::<Vec<_>>();
        let mut todo = parts(path);
        let mut end = End { folders: Vec::new(), name: Vec::new() };
        let mut links = 0;
        while let Some(part) = todo.pop() {
            // What came before was a folder, then.
            match &part[..] {
                b"" | b"." => continue,
                b".." => {
                    if std::mem::take(&mut end.name).is_empty() {
                        end.folders.pop();
                    }
                    continue;
                }
                _ => {}
            }
            self.enter(&mut end)?;
            match readlinkat(self.last(&end), OsStr::from_bytes(&part), Vec::new()) {
                Ok(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Error::new(ErrorKind::InvalidInput, "too many links lead to one another"));
                    }
                    if target.as_bytes().starts_with(b"/") {
                        end.folders.clear();
                    }
                    todo.extend(parts(target.as_bytes()));
                }
                Err(rustix::io::Errno::INVAL) => end.name = part,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(end)
    }

    /// Goes into the folder that a walk has come to.
    fn enter(&self, end: &mut End) -> io::Result<()> {
        if end.name.is_empty() {
            return Ok(());
        }
        if end.folders.len() >= DEEPEST {
            return Err(Error::new(ErrorKind::InvalidInput, "it is too deep"));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = std::mem::take(&mut end.name);
        let folder = openat(self.last(end), OsStr::from_bytes(&name), flags, Mode::empty())?;
        end.folders.push(folder);
        Ok(())
    }
}

/// The content of a file that the user has named: a regular file of at most so many bytes. A path from here is one of the
/// folder that the program runs in, which in CI is a stranger's, and no link of it leads out; any other is the user's word.
///
/// # Errors
///
/// It is not there, is no regular file, has more bytes, or may not be read.
pub fn read_named(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if path.components().all(is_plain) {
        return Root::open(Path::new("."))?.read(path.as_os_str().as_bytes(), most);
    }
    if !std::fs::metadata(path)?.is_file() {
        return Err(no_file());
    }
    let file: File = rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?.into();
    if !file.metadata()?.is_file() {
        return Err(no_file());
    }
    read_up_to(file, most)
}

fn read_up_to(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("expected at most {most} bytes, found more")));
    }
    Ok(bytes)
}

fn is_regular(mode: rustix::fs::RawMode) -> bool {
    FileType::from_raw_mode(mode) == FileType::RegularFile
}

fn no_file() -> Error {
    Error::new(ErrorKind::InvalidInput, "expected a file, found something else")
}
