//! Files that locks and indexes name.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A file to install from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its name: `six-1.17.0-py2.py3-none-any.whl`.
    pub file: String,
    /// Where it is, without credentials and query; none for a file of a local folder.
    pub url: Option<String>,
    /// Its size (`wire`) as the index says, in bytes.
    pub size: Option<u64>,
    /// Its digests in hexadecimal digits, by algorithm (`sha256`).
    pub hashes: BTreeMap<String, String>,
}

impl Artifact {
    /// Its digests as requirements and locks write them: `sha256:…`, in small letters.
    pub(crate) fn digests(&self) -> impl Iterator<Item = String> {
        self.hashes.iter().map(|(name, digest)| format!("{name}:{}", digest.to_ascii_lowercase()))
    }

    /// Its SHA-256, if it is one: 64 hexadecimal digits.
    pub fn sha256(&self) -> Option<&str> {
        let digest = self.hashes.get("sha256")?;
        (digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digest)
    }
}
