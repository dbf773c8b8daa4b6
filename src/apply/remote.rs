//! Outputs that are no files: an engine on this machine, and a registry. The image is put together as a file or folder in the
//! place for temporary files, read back there, and then given away; a name that is there is not overwritten unasked.

use super::document::MANIFEST;
use super::error::ApplyError;
use super::store::Store;
use crate::base::{Digest, Text};
use crate::daemon::Engine;
use crate::image::{Progress, parse_manifest};
use crate::registry::{Client, Options, Outgoing, Pushed, Reference};
use std::fs::{self, File};
use std::io::{Read, Seek as _, SeekFrom};

/// How who takes the outcome is spoken to.
pub struct Remote<'r> {
    /// Whether what is there may be replaced.
    pub force: bool,
    /// Of a registry.
    pub options: Options,
    /// The repository of the same registry that has the original's blobs, if there is one.
    pub mount_from: Option<String>,
    /// Who waits.
    pub progress: &'r dyn Progress,
}

/// How the blobs came to a registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// How many were there.
    pub there: usize,
    /// How many were mounted from another repository.
    pub mounted: usize,
    /// How many were sent.
    pub sent: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Whether the engine has an image of this name.
pub fn engine_has(name: &str) -> Result<bool, ApplyError> {
    Ok(Engine::connect()?.has(name)?)
}

/// Gives the engine an archive, in which the image has this name.
pub fn load(name: &str, store: &Store) -> Result<(), ApplyError> {
    let failed = |error| store.failed(error);
    let file = File::open(store.archive()).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let engine = Engine::connect()?;
    engine.load(file, size)?;
    // An engine that took an archive and has no image of its name has not done what was asked.
    match engine.has(name)? {
        true => Ok(()),
        false => Err(ApplyError::Differs {
            place: engine.place().into(),
            what: format!("the engine took the archive, and has no image {}", Text::from(name)),
        }),
    }
}

fn client(name: &str, remote: &Remote<'_>) -> Result<(Client, String), ApplyError> {
    let reference: Reference = name.parse()?;
    let tag = reference.tag().unwrap_or("latest").to_owned();
    Ok((Client::new(&reference, remote.options.clone())?, tag))
}

/// Whether a registry has an image of this name.
pub fn registry_has(name: &str, remote: &Remote<'_>) -> Result<bool, ApplyError> {
    let (client, tag) = client(name, remote)?;
    Ok(client.has_manifest(&tag)?.is_some())
}

/// Pushes a layout: what is there is not sent, and the tag comes last.
pub fn push(name: &str, store: &Store, remote: &Remote<'_>) -> Result<Delivered, ApplyError> {
    let (client, tag) = client(name, remote)?;
    let Documents { manifest, blobs } = documents(store)?;
    remote.progress.start("pushing", Some(blobs.iter().map(|(_, size)| size).sum()));
    let mut out = Delivered::default();
    for (digest, size) in blobs {
        let path = store.blob(&digest);
        let open = |at: u64| -> std::io::Result<Box<dyn Read>> {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(at))?;
            Ok(Box::new(file))
        };
        let sent = |bytes: u64| remote.progress.advance(bytes);
        let blob = Outgoing { digest, size, open: &open, sent: &sent };
        match client.push_blob(&blob, remote.mount_from.as_deref())? {
            Pushed::There => out.there += 1,
            Pushed::Mounted => out.mounted += 1,
            Pushed::Sent => (out.sent, out.bytes) = (out.sent + 1, out.bytes + size),
        }
    }
    client.push_manifest(&tag, MANIFEST, &manifest)?;
    remote.progress.finish();
    Ok(out)
}

/// What is pushed.
struct Documents {
    manifest: Vec<u8>,
    /// Digest and size of each blob that it names, each once: layers, then the configuration.
    blobs: Vec<(Digest, u64)>,
}

fn documents(store: &Store) -> Result<Documents, ApplyError> {
    let failed = |error| store.failed(error);
    let wrong = |what: String| ApplyError::Differs { place: Text::of_path(store.path()), what };
    let index = fs::read(store.path().join("index.json")).map_err(failed)?;
    let index = crate::image::parse_index(&index).map_err(|error| wrong(error.to_string()))?;
    let digest = index.manifests.first().map(|row| row.digest.clone()).unwrap_or_default();
    let digest: Digest = digest.parse().map_err(|_| wrong("its index names no manifest".to_owned()))?;
    let bytes = fs::read(store.blob(&digest)).map_err(failed)?;
    let manifest = parse_manifest(&bytes).map_err(|error| wrong(error.to_string()))?;
    let mut blobs: Vec<(Digest, u64)> = Vec::new();
    for row in manifest.layers.iter().chain([&manifest.config]) {
        let digest: Digest = row.digest.parse().map_err(|_| wrong("its manifest names no digest".to_owned()))?;
        if !blobs.iter().any(|(known, _)| *known == digest) {
            blobs.push((digest, row.size));
        }
    }
    Ok(Documents { manifest: bytes, blobs })
}
