//! The files of a project: those that the user names, and those that a Compose file names, which are read below one folder and
//! nowhere else.

use super::error::ComposeError;
use crate::base::{Found, Root, read_named};
use crate::yaml::Place;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// Bytes of a file.
pub const MAX_FILE: u64 = 4 << 20;

/// The folder that may be read.
#[derive(Debug)]
pub struct Folder {
    root: Root,
    /// Its absolute path.
    path: PathBuf,
}

impl Folder {
    /// The named folder, else the repository (`.git`) that a project's folder is in, else that folder.
    ///
    /// # Errors
    ///
    /// It is no folder that can be read.
    pub fn open(named: Option<&Path>, project: &Path) -> Result<Self, ComposeError> {
        let absolute = std::path::absolute(project).unwrap_or_else(|_| project.to_owned());
        let repository = || absolute.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok());
        let path = match named {
            Some(named) => std::path::absolute(named).unwrap_or_else(|_| named.to_owned()),
            None => repository().unwrap_or(&absolute).to_owned(),
        };
        let path = clean(&path).unwrap_or(path);
        let root = Root::open(&path).map_err(|error| ComposeError::File {
            name: path.display().to_string(),
            place: None,
            message: format!("cannot be opened as a folder: {error}"),
            outside: false,
        })?;
        Ok(Self { root, path })
    }

    /// A path of a project's folder, as it is below this folder; nothing where it is outside.
    pub fn inside(&self, folder: &Path, path: &str) -> Option<PathBuf> {
        let absolute = std::path::absolute(folder.join(path)).ok()?;
        clean(&absolute)?.strip_prefix(&self.path).ok().map(Path::to_owned)
    }

    /// The text of a file that another file names.
    ///
    /// # Errors
    ///
    /// It is outside, not there, no file of text, or too large.
    pub fn read(&self, folder: &Path, path: &str, place: Option<Place>) -> Result<String, ComposeError> {
        let error = |message: String, outside| ComposeError::File { name: path.to_owned(), place, message, outside };
        let inside = self
            .inside(folder, path)
            .ok_or_else(|| error(format!("is outside of {}, below which files are read", self.path.display()), true))?;
        let bytes = self.root.read(inside.as_os_str().as_encoded_bytes(), MAX_FILE);
        let bytes = bytes.map_err(|found| error(because(&found), false))?;
        text(bytes).map_err(|message| error(message, false))
    }

    /// What is at an absolute path, where it is below this folder: nothing where it is not.
    pub fn find(&self, path: &Path) -> Option<Option<Found>> {
        let inside = self.inside(Path::new("/"), path.to_str()?)?;
        Some(self.root.find(inside.as_os_str().as_encoded_bytes()))
    }

    /// Whether a file that another file may name is there.
    pub fn has(&self, folder: &Path, path: &str) -> bool {
        let inside = self.inside(folder, path);
        inside.is_some_and(|path| self.root.find(path.as_os_str().as_encoded_bytes()) == Some(Found::File))
    }
}

/// The text of a file that the user names.
///
/// # Errors
///
/// As for [`Folder::read`].
pub fn read_users(path: &Path) -> Result<String, ComposeError> {
    let error = |message| ComposeError::File { name: path.display().to_string(), place: None, message, outside: false };
    text(read_named(path, MAX_FILE).map_err(|found| error(because(&found)))?).map_err(error)
}

fn because(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "is not there".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        format!("expected text in UTF-8, found other bytes at byte {}", error.utf8_error().valid_up_to())
    })
}

/// A path without `.` and `..`; nothing where these lead above `/`.
pub fn clean(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => out.pop().then_some(())?,
            part => out.push(part),
        }
    }
    Some(out)
}

/// Whether a context is no folder of this machine.
pub(super) fn is_remote(context: &str) -> bool {
    context.contains("://") || context.starts_with("git@") || context.starts_with("github.com/")
}
