//! What the user may choose about reading an image, and who is told of long work.

use super::Cache;
use crate::layer::Limits;

/// What the user may choose about reading.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// `os/architecture[/variant]` to choose from an index.
    pub platform: Option<String>,
    /// Read and verify what would be passed over.
    pub verify: bool,
    /// Bounds on what the image may make us do.
    pub limits: Limits,
    /// Where indexes of layers are kept.
    pub cache: Option<Cache>,
    /// Whether a registry on this machine may be spoken to without TLS.
    pub insecure: bool,
    /// Read layers that have a table of contents as all others.
    pub whole: bool,
    /// Digest the content of every file, not only where equality decides something within the image.
    pub digests: bool,
}

/// Told of long work.
pub trait Progress: Sync {
    /// A step begins, on this many bytes where that is known.
    fn start(&self, what: &str, bytes: Option<u64>);
    /// So many bytes more are done.
    fn advance(&self, bytes: u64);
    /// The step is done.
    fn finish(&self);
    /// Something that the user should know, and that is no problem of the image.
    fn note(&self, text: &str);
}

/// Tells nobody.
impl Progress for () {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
    fn note(&self, _: &str) {}
}
