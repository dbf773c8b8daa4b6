//! The files of the kernel: `/proc` and `/sys/fs/cgroup`, of this machine or as they were recorded.

use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// Bytes of a file that are read. `maps` of a large process has some hundred kilobytes.
const MAX_FILE: u64 = 8 << 20;

/// Where `/proc` and `/sys` are.
#[derive(Clone, Debug)]
pub struct Tree(PathBuf);

/// Why a file of the kernel has not been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It is not there.
    Absent,
    /// It takes the rights of root, or of the process's user.
    Denied,
    /// It has something else than is expected.
    Odd,
}

/// What could not be read. It is not zero.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unread {
    /// Which figure.
    pub what: String,
    /// Why.
    pub why: Why,
}

impl Why {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "the kernel has no such file",
            Self::Denied => "it takes the rights of root",
            Self::Odd => "the file has something else than is expected",
        }
    }
}

impl Tree {
    /// The machine's own.
    pub fn live() -> Self {
        Self(PathBuf::from("/"))
    }

    /// Below a folder with `proc` and `sys` in it.
    pub fn recorded(root: &Path) -> Self {
        Self(root.to_owned())
    }

    /// A path, which begins with `/`, as it is here.
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// A file's text.
    pub fn read(&self, path: &str) -> Result<String, Why> {
        let read = || {
            let mut bytes = Vec::new();
            File::open(self.path(path))?.take(MAX_FILE).read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
        };
        read().map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => Why::Denied,
            // A process that is gone says ESRCH.
            _ if error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(3) => Why::Absent,
            _ => Why::Odd,
        })
    }

    /// A file that has one number.
    pub fn number(&self, path: &str) -> Result<u64, Why> {
        self.read(path)?.trim().parse().map_err(|_| Why::Odd)
    }

    /// The names in a folder.
    pub fn names(&self, path: &str) -> Vec<String> {
        let rows = std::fs::read_dir(self.path(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> = rows.filter_map(|row| row.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Whether there is such a folder.
    pub fn is_folder(&self, path: &str) -> bool {
        self.path(path).is_dir()
    }
}

/// The value of a line `key value`, or `key: value kB`, of a text.
pub fn field(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix(key)?;
        let rest = rest.strip_prefix(':').or_else(|| rest.starts_with(' ').then_some(rest))?;
        let mut words = rest.split_whitespace();
        let value: u64 = words.next()?.parse().ok()?;
        Some(if words.next() == Some("kB") { value.saturating_mul(1024) } else { value })
    })
}
