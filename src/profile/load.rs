//! Reading profiles.

use super::Rule;
use std::path::{Path, PathBuf};

/// Why a profile could not be used. The text names file, line and column and shows the line.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file or folder could not be read.
    #[error("{path}: cannot read: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no rule.
    #[error("{path}:{line}:{column}: {message}")]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What was expected and found.
        message: String,
    },
}

/// The embedded rules, sorted by id.
pub fn embedded() -> Vec<Rule> {
    Vec::new()
}

/// The embedded rules and those of `dir/*.toml`, which override by id. Sorted by id.
pub fn load(dir: Option<&Path>) -> Result<Vec<Rule>, ProfileError> {
    let _ = dir;
    Ok(embedded())
}
