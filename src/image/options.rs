//! What the user may choose about reading an image, who is told of long work, how names and platforms are compared, and the files of a folder.

use super::manifest::Descriptor;
use super::source::{Files, LayerSource};
use super::{Cache, ImageError};
use crate::base::Digest;
use crate::layer::{Blob, Limits};
use std::io;
use std::path::{Path, PathBuf};

/// Largest manifest or configuration that is read.
pub(super) const MAX_JSON: u64 = 16 << 20;

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

/// `linux/` and the architecture of this machine, as Go names it.
pub fn host_platform() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        other => other,
    };
    format!("linux/{architecture}")
}

/// Whether a platform is the one that is wanted. A variant decides only where both have one: configurations
/// often leave out what an index states (`linux/arm64/v8`).
pub(super) fn platform_fits(platform: &str, wanted: &str) -> bool {
    let (platform, wanted): (Vec<&str>, Vec<&str>) = (platform.split('/').collect(), wanted.split('/').collect());
    match (&platform[..], &wanted[..]) {
        ([a, b, v, ..], [c, d, w, ..]) => (a, b, v) == (c, d, w),
        ([a, b, ..], [c, d, ..]) => (a, b) == (c, d),
        ([a, ..], [c]) => a == c,
        _ => false,
    }
}

/// Whether a user's reference means a name: the whole of it, or its tag, or its last part.
pub(super) fn names_match(name: &str, wanted: &str) -> bool {
    name == wanted
        || name.ends_with(&format!(":{wanted}"))
        || name.ends_with(&format!("/{wanted}"))
        || (!wanted.contains(':') && name.rsplit('/').next() == Some(&format!("{wanted}:latest")))
        || (!wanted.contains(':') && name == format!("{wanted}:latest"))
}

/// The files of a folder.
pub(super) struct Folder<'p>(pub &'p Path);

impl Folder<'_> {
    /// A file's bytes.
    pub(super) fn blob(&self, name: &str) -> io::Result<Blob> {
        let path = self.place(name);
        // Before it is opened: opening a FIFO waits for a writer.
        if !std::fs::metadata(&path)?.is_file() {
            return Err(io::Error::other("expected a file, found something else"));
        }
        let file = std::fs::File::open(&path)?;
        let metadata = file.metadata()?;
        Ok(Blob::new(std::sync::Arc::new(file), 0, metadata.len()))
    }

    fn get(&self, name: &str) -> Result<Blob, ImageError> {
        self.blob(name).map_err(|source| ImageError::open(&self.place(name), source))
    }
}

impl Files for Folder<'_> {
    fn has(&self, name: &str) -> bool {
        self.place(name).is_file()
    }

    fn document(&self, name: &str, _: Option<&Descriptor>) -> Result<Vec<u8>, ImageError> {
        self.get(name)?.read_all(MAX_JSON).map_err(|source| ImageError::open(&self.place(name), source))
    }

    fn layer(&self, name: &str, digest: Option<Digest>, _: Option<u64>) -> Result<LayerSource, ImageError> {
        Ok(LayerSource::seekable(name.to_owned(), digest, self.get(name)?))
    }

    fn place(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}
