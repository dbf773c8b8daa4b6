//! Images in a registry: manifests and configuration are read at once, layers as they are indexed.

use super::layout::{from_index, from_manifest};
use super::manifest::Descriptor;
use super::source::{Files, LayerBytes, LayerSource, OpenStream, SourceImage};
use super::{ImageError, OpenOptions};
use crate::base::{Digest, Text};
use crate::layer::RangeRead;
use crate::registry::{Client, Options, Reference};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Chooses the image of a name; `path` is what to call it in an error.
pub(super) fn registry(name: &str, path: &Path, options: &OpenOptions) -> Result<SourceImage, ImageError> {
    registry_with(name, path, options, Options::default())
}

/// [`registry`] with less patience, or more.
pub(super) fn registry_with(
    name: &str,
    path: &Path,
    options: &OpenOptions,
    patience: Options,
) -> Result<SourceImage, ImageError> {
    let reference: Reference = name.parse()?;
    let client = Client::new(&reference, Options { insecure: options.insecure, ..patience })?;
    let manifest = client.manifest()?;
    let files = InRegistry { client, path };
    let place = files.place(&manifest.digest.to_string());
    let is_index = manifest.media_type.contains("image.index") || manifest.media_type.contains("manifest.list");
    let mut source = if is_index {
        from_index(path, &files, (&manifest.digest.to_string(), &manifest.bytes), None, options)?
    } else {
        from_manifest(&files, &place, &manifest.bytes, None, Vec::new())?
    };
    source.name = Some(reference.to_string());
    Ok(source)
}

struct InRegistry<'p> {
    client: Client,
    path: &'p Path,
}

impl Files for InRegistry<'_> {
    fn has(&self, _: &str) -> bool {
        false
    }

    fn document(&self, name: &str, descriptor: Option<&Descriptor>) -> Result<Vec<u8>, ImageError> {
        let digest = digest_of(name).map_err(|error| ImageError::shape(&self.place(name), error))?;
        let kind = descriptor.map(|descriptor| descriptor.media_type.as_str()).unwrap_or_default();
        if kind.contains("manifest") || kind.contains("image.index") {
            return Ok(self.client.manifest_by_digest(&digest)?.bytes);
        }
        Ok(self.client.small_blob(&digest, descriptor.map_or(0, |descriptor| descriptor.size))?)
    }

    fn layer(&self, name: &str, digest: Option<Digest>, length: Option<u64>) -> Result<LayerSource, ImageError> {
        let found = digest_of(name).map_err(|error| ImageError::shape(&self.place(name), error))?;
        let length = length.unwrap_or_default();
        let blob = RemoteBlob { client: self.client.clone(), digest: found, length };
        Ok(LayerSource::new(found.to_string(), digest, length, LayerBytes::Remote(Arc::new(blob))))
    }

    fn place(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("{}@{}", self.path.display(), name.replace("blobs/sha256/", "sha256:")))
    }
}

/// Layouts name blobs `blobs/sha256/<hex>`.
fn digest_of(name: &str) -> Result<Digest, String> {
    let hex = name.strip_prefix("blobs/sha256/").unwrap_or(name);
    format!("sha256:{hex}").parse().map_err(|_| format!("expected a SHA-256 digest, found `{}`", Text::from(name)))
}

/// A layer's blob in a registry.
struct RemoteBlob {
    client: Client,
    digest: Digest,
    length: u64,
}

impl OpenStream for RemoteBlob {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(self.client.blob(&self.digest, self.length)))
    }
}

impl RangeRead for RemoteBlob {
    fn range(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        self.client.range(&self.digest, offset, length).map_err(io::Error::other)
    }
}
