//! What is read of a package, and what the readers of the three formats share.

use serde::{Deserialize, Serialize};

/// Packages of one database; the largest systems have some thousands.
pub(super) const MAX_PACKAGES: usize = 50_000;
/// The bytes of one package's header.
pub(super) const MAX_HEADER: usize = 64 << 20;

/// An installed package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RpmPackage {
    /// Name.
    pub name: String,
    /// `epoch:version-release`, without an epoch of 0.
    pub version: String,
    /// Architecture.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub architecture: String,
    /// Who built it: `NVIDIA`, `Red Hat, Inc.`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vendor: String,
    /// Its group, which few packages still have.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// What its files take, in bytes, as the database says.
    pub size: u64,
    /// What must be there at run time: names, paths and library versions, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// What it stands for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<String>,
    /// What it recommends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recommends: Vec<String>,
    /// Its files by folder: those that are installed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<(String, Vec<String>)>,
}

impl RpmPackage {
    /// The paths of its files, as the database spells them.
    pub fn paths(&self) -> impl Iterator<Item = String> + '_ {
        self.files.iter().flat_map(|(dir, names)| names.iter().map(move |name| format!("{dir}{name}")))
    }
}

/// Why a file is no database that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a database of rpm's (SQLite, ndb or Berkeley DB), found {0}")]
pub struct RpmError(pub(super) String);

impl RpmError {
    pub(super) fn new(found: impl Into<String>) -> Self {
        Self(found.into())
    }
}

/// A number of so many bytes at an offset, lowest byte first.
pub(super) fn little(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(word.try_into().ok()?))
}

/// The same, highest byte first.
pub(super) fn big(bytes: &[u8], at: usize) -> Option<u32> {
    little(bytes, at).map(u32::swap_bytes)
}
