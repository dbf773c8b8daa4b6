//! `dir:` of skopeo, podman and buildah: a folder that holds an image, its manifest as `manifest.json` and each blob
//! under the hexadecimal digits of its digest.
//!
//! Source: containers/image, docs/containers-transports.5.md and directory/directory_transport.go (`manifestPath`,
//! `layerPath`, the file `version`; blobs ended in `.tar` before version 1.1).

use super::layout::{from_index, from_manifest};
use super::manifest::{Descriptor, looks_like_index, parse_manifest};
use super::source::{Files, LayerSource, SourceImage};
use super::source::{Folder, MAX_JSON};
use super::{ImageError, OpenOptions};
use crate::base::Digest;
use crate::layer::Blob;
use std::io;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "manifest.json";
const VERSION: &str = "Directory Transport Version";

/// Whether a folder is one: it says so, or has a manifest and the configuration that it names.
pub(super) fn is_transport(path: &Path) -> bool {
    let folder = InTransport(Folder(path));
    let Ok(manifest) = folder.document(MANIFEST, None) else { return false };
    if let Ok(version) = folder.0.blob("version") {
        return version.slice(0, VERSION.len() as u64).read_all(64).is_ok_and(|says| says == VERSION.as_bytes());
    }
    let config = parse_manifest(&manifest).ok().and_then(|manifest| manifest.config.digest.parse::<Digest>().ok());
    config.is_some_and(|digest| folder.has(&digest.hex()))
}

/// Chooses its image.
pub(super) fn transport(
    path: &Path,
    reference: Option<&str>,
    options: &OpenOptions,
) -> Result<SourceImage, ImageError> {
    let files = InTransport(Folder(path));
    let bytes = files.document(MANIFEST, None)?;
    if looks_like_index(&bytes) {
        return from_index(path, &files, (MANIFEST, &bytes), reference, options);
    }
    from_manifest(&files, &files.place(MANIFEST), &bytes, None, Vec::new())
}

struct InTransport<'p>(Folder<'p>);

impl InTransport<'_> {
    /// The file of a blob, which layouts call `blobs/sha256/HEX`.
    fn name(&self, name: &str) -> String {
        let name = name.strip_prefix("blobs/sha256/").unwrap_or(name);
        let names = [name.to_owned(), format!("{name}.manifest.json"), format!("{name}.tar")];
        names.iter().find(|name| self.0.has(name)).cloned().unwrap_or_else(|| name.to_owned())
    }

    fn get(&self, name: &str) -> io::Result<Blob> {
        self.0.blob(&self.name(name))
    }
}

impl Files for InTransport<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.has(&self.name(name))
    }

    fn document(&self, name: &str, _: Option<&Descriptor>) -> Result<Vec<u8>, ImageError> {
        let read = |name: &str| self.get(name)?.read_all(MAX_JSON);
        read(name).map_err(|source| ImageError::open(&self.place(name), source))
    }

    fn layer(&self, name: &str, digest: Option<Digest>, _: Option<u64>) -> Result<LayerSource, ImageError> {
        let blob = self.get(name).map_err(|source| ImageError::open(&self.place(name), source))?;
        Ok(LayerSource::seekable(self.name(name), digest, blob))
    }

    fn place(&self, name: &str) -> PathBuf {
        self.0.place(&self.name(name))
    }
}
