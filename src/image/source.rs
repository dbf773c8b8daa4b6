//! What a source knows of an image before its layers are read, and the ways in which a layer's bytes can be had.

use super::ImageError;
use super::manifest::Descriptor;
use super::strange::Strange;
use crate::base::Digest;
use crate::layer::{Blob, Digests, LayerIndex, RangeRead, TocPlace};
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest manifest or configuration that is read.
pub(super) const MAX_JSON: u64 = 16 << 20;

/// An image whose layers are still to be read.
pub(super) struct SourceImage {
    /// The chosen name.
    pub name: Option<String>,
    /// The others.
    pub other_names: Vec<String>,
    /// The configuration's place and bytes.
    pub config: (PathBuf, Vec<u8>),
    /// Notes of who wrote the manifest, where there is one.
    pub annotations: HashMap<String, String>,
    /// The layers, lowest first.
    pub layers: Vec<LayerSource>,
}

/// A layer that is still to be read.
pub(super) struct LayerSource {
    /// What to call it in an error.
    pub name: String,
    /// Its digest, where the source has one.
    pub digest: Option<Digest>,
    /// Length of its blob in bytes.
    pub length: u64,
    /// Its bytes.
    pub bytes: LayerBytes,
    /// Its table of contents, where its manifest promises one.
    pub toc: Option<TocPlace>,
}

impl LayerSource {
    /// A layer that can be read from anywhere in it.
    pub fn seekable(name: String, digest: Option<Digest>, blob: Blob) -> Self {
        Self::new(name, digest, blob.len(), LayerBytes::Seekable(blob))
    }

    /// A layer without a table of contents.
    pub fn new(name: String, digest: Option<Digest>, length: u64, bytes: LayerBytes) -> Self {
        Self { name, digest, length, bytes, toc: None }
    }

    /// What can read parts of its blob.
    pub fn parts(&self) -> Option<&dyn RangeRead> {
        match &self.bytes {
            LayerBytes::Seekable(blob) => Some(blob),
            LayerBytes::Remote(remote) => Some(remote.as_ref()),
            _ => None,
        }
    }
}

/// Where the documents and layers of an image are, by the names that layouts and archives have for them
/// (`blobs/sha256/…`). Errors say why something cannot be had.
pub(super) trait Files {
    /// Whether there is a file of this name.
    fn has(&self, name: &str) -> bool;
    /// What it is, where it holds no image.
    fn strange(&self) -> Option<Strange> {
        None
    }
    /// Reads a small file; its descriptor, where it has one, is not checked.
    fn document(&self, name: &str, descriptor: Option<&Descriptor>) -> Result<Vec<u8>, ImageError>;
    /// A layer of this name, and of this length where its descriptor says.
    fn layer(&self, name: &str, digest: Option<Digest>, length: Option<u64>) -> Result<LayerSource, ImageError>;
    /// What to call a file in an error.
    fn place(&self, name: &str) -> PathBuf;
}

/// How a layer's bytes can be had.
#[derive(Clone)]
pub(super) enum LayerBytes {
    /// From anywhere.
    Seekable(Blob),
    /// From anywhere, once it is opened.
    Lazy(Arc<dyn OpenBlob>),
    /// From the start, as often as is wanted.
    Remote(Arc<dyn OpenStream>),
    /// They are not to be had, and need not be: the cache knows the layer.
    Cached,
    /// They came along once, and this was read of them.
    Passed(Arc<Passed>),
}

/// A plain tar that it takes some work to open.
pub(super) trait OpenBlob: Send + Sync {
    /// Opens it.
    fn open(&self) -> io::Result<Blob>;
    /// A text that changes when its bytes change, where there is one.
    fn identity(&self) -> Option<String>;
}

/// A blob that is somewhere else.
pub(super) trait OpenStream: RangeRead + Send + Sync {
    /// Begins to read it.
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>>;
}

/// A layer that was read while it came along.
#[derive(Debug)]
pub(super) struct Passed {
    /// What was read of it.
    pub layer: LayerIndex,
    /// The digests of its bytes.
    pub digests: Digests,
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
