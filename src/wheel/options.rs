//! How long to wait, and where to keep what was read.

use crate::image::Cache;
use std::time::Duration;

/// How to look up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where lists of wheels' files are kept.
    pub cache: Option<Cache>,
    /// When to give up, for all look-ups together.
    pub wait: Duration,
    /// How long a server may send nothing.
    pub idle: Duration,
    /// The wait before the second try of a request; each further one is twice as long.
    pub first_wait: Duration,
}

impl Options {
    /// The usual ones; lists are kept there.
    pub fn keeping(cache: Option<Cache>) -> Self {
        Self { cache, ..Self::default() }
    }
}

impl Default for Options {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { cache: None, wait: seconds(90), idle: seconds(20), first_wait: Duration::from_millis(300) }
    }
}
