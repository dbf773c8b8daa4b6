//! The way back to the bytes of an image's layers, after the image was read: to copy a blob as it is stored, or to take files
//! out of it. Nothing is held in memory or on disk; every call reads anew.

use super::ImageError;
use super::source::{LayerBytes, LayerSource};
use crate::base::Root;
use crate::layer::{
    Digests, EntryKind, Expected, IndexError, LayerIndex, Limits, Streamed, Visitor, detect, reader, visit_stream,
    visit_tar,
};
use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that are read of a blob at once.
const BUFFER: usize = 1 << 18;

/// The layers of an image that was read, lowest first.
pub struct Layers {
    path: PathBuf,
    documents: Documents,
    bytes: Bytes,
}

/// What an image has beside its layers, as it was written.
#[derive(Default)]
pub(super) struct Documents {
    /// The configuration.
    pub config: Vec<u8>,
    /// Of the manifest.
    pub annotations: HashMap<String, String>,
}

enum Bytes {
    /// Each in a blob.
    Blobs(Vec<LayerSource>),
    /// One, of a root file system.
    Folder(Arc<LayerIndex>),
    /// None: a recorded index has entries alone.
    Recorded,
}

impl Layers {
    pub(super) fn of_blobs(path: &Path, documents: Documents, layers: Vec<LayerSource>) -> Self {
        Self { path: path.to_owned(), documents, bytes: Bytes::Blobs(layers) }
    }

    pub(super) fn of_folder(path: &Path, layer: Arc<LayerIndex>) -> Self {
        Self { path: path.to_owned(), documents: Documents::default(), bytes: Bytes::Folder(layer) }
    }

    pub(super) fn of_recorded(path: &Path) -> Self {
        Self { path: path.to_owned(), documents: Documents::default(), bytes: Bytes::Recorded }
    }

    /// The image's configuration, byte for byte; `None` where there is none.
    pub fn config(&self) -> Option<&[u8]> {
        (!self.documents.config.is_empty()).then_some(&self.documents.config[..])
    }

    /// The annotations of its manifest.
    pub fn annotations(&self) -> &HashMap<String, String> {
        &self.documents.annotations
    }

    /// [`Layers::visit`] with threads of its own for reading, and the digests of what was read: those that are expected are
    /// verified.
    ///
    /// # Errors
    ///
    /// Those of [`Layers::blob`]; the layer cannot be read to its end, or is another one.
    pub fn visit_verified(
        &self,
        position: usize,
        expected: Expected,
        limits: &Limits,
        visit: &mut Visitor<'_>,
    ) -> Result<Digests, ImageError> {
        let message = |error| ImageError::shape(&self.path, format!("layer {}: {error}", position + 1));
        visit_stream(&mut *self.blob(position)?, expected, limits, visit).map_err(message)
    }

    /// A layer's blob from its start, as it is stored: compressed or not. `position` is 0 for the lowest layer.
    ///
    /// # Errors
    ///
    /// [`ImageError::Gone`] where there are no such bytes: of a root file system, of a recorded index, of what came along
    /// once, and of what only the cache knows. Otherwise the source cannot be read any more.
    pub fn blob(&self, position: usize) -> Result<Box<dyn Read + Send + '_>, ImageError> {
        let layers = match &self.bytes {
            Bytes::Blobs(layers) => layers,
            Bytes::Folder(_) => return Err(self.gone(position, "a root file system has files and no blob")),
            Bytes::Recorded => return Err(self.gone(position, "a recorded index has entries and no bytes")),
        };
        let Some(layer) = layers.get(position) else {
            return Err(self.gone(position, "the image has no such layer"));
        };
        let open = |source| ImageError::open(&self.path, source);
        Ok(match &layer.bytes {
            LayerBytes::Seekable(blob) => Box::new(blob.open()),
            LayerBytes::Lazy(lazy) => Box::new(lazy.open().map_err(open)?.open()),
            LayerBytes::Remote(remote) => remote.open().map_err(open)?,
            LayerBytes::Passed(_) => return Err(self.gone(position, "its bytes came along once, in a stream")),
            LayerBytes::Cached => return Err(self.gone(position, "it was not read: the cache knows it")),
        })
    }

    /// Shows each regular file of a layer, and its bytes from their start, in the order of the layer's entries.
    ///
    /// # Errors
    ///
    /// Those of [`Layers::blob`], and where the layer cannot be read to its end.
    pub fn visit(&self, position: usize, limits: &Limits, visit: &mut Visitor<'_>) -> Result<(), ImageError> {
        if let (Bytes::Folder(layer), 0) = (&self.bytes, position) {
            return self.visit_folder(layer, visit);
        }
        let open = |source| ImageError::open(&self.path, source);
        let mut blob = BufReader::with_capacity(BUFFER, self.blob(position)?);
        let compression = detect(blob.fill_buf().map_err(open)?);
        let mut tar = reader(compression, blob).map_err(open)?;
        let read = visit_tar(&mut Streamed(&mut tar), limits, visit);
        let message = |error: IndexError| ImageError::shape(&self.path, format!("layer {}: {error}", position + 1));
        read.map(|_| ()).map_err(message)
    }

    fn visit_folder(&self, layer: &LayerIndex, visit: &mut Visitor<'_>) -> Result<(), ImageError> {
        let root = Root::open(&self.path).map_err(|source| ImageError::open(&self.path, source))?;
        for entry in layer.entries.iter().filter(|entry| entry.kind == EntryKind::File) {
            let path = entry.path.as_bytes();
            let place = || self.path.join(std::ffi::OsStr::from_bytes(path));
            let file = root.file(path).map_err(|source| ImageError::open(&place(), source))?;
            let length = file.metadata().map_err(|source| ImageError::open(&place(), source))?.len();
            if length != entry.size {
                let changed =
                    io::Error::other(format!("expected {} bytes, as when it was read, found {length}", entry.size));
                return Err(ImageError::open(&place(), changed));
            }
            visit(entry, &mut file.take(length));
        }
        Ok(())
    }

    fn gone(&self, position: usize, why: &'static str) -> ImageError {
        ImageError::Gone { path: self.path.as_path().into(), number: position + 1, why }
    }
}
