//! Docker's classic store with the driver `overlay2`, read in place.
//!
//! ```text
//! image/overlay2/imagedb/content/sha256/IMAGE     the configuration; its digest is the image's ID
//! image/overlay2/layerdb/sha256/CHAIN/diff        the diff ID
//! image/overlay2/layerdb/sha256/CHAIN/cache-id    the name of the layer's folder
//! image/overlay2/layerdb/sha256/CHAIN/tar-split.json.gz
//! overlay2/CACHE/diff                             the layer's files
//! ```
//!
//! A layer is known by its chain ID, the digest of all layers up to it, because what is unpacked depends on them.
//! The folder may be that of an engine with another user namespace (`/var/lib/docker/100000.100000`): owners on
//! disk differ then, but owners are read from the tar's headers.
//!
//! The layout is Docker's own affair, so whatever is not as expected is an error after which the image can still be
//! streamed. Source: OCI image-spec, config.md ("Layer ChainID"); what Docker 20.10 to 28 write.

use super::{DaemonError, Folder, TarSplit, VirtualTar};
use crate::base::{Digest, Text};
use crate::layer::{Blob, Compression, ReadAt as _, reader};
use serde::Deserialize;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

const MAX_CONFIG: u64 = 16 << 20;
const MAX_TEXT: u64 = 1024;
const BUFFER: usize = 128 << 10;
const CHUNKS: usize = 4;

/// The store of an engine on this machine.
pub struct Store {
    root: PathBuf,
}

/// An image in a store.
pub struct StoredImage {
    /// Its configuration; the digest is the image's ID.
    pub config: Vec<u8>,
    /// Its layers, lowest first.
    pub layers: Vec<StoredLayer>,
}

/// A layer in a store.
pub struct StoredLayer {
    /// The digest of its tar, as the configuration and the store have it.
    pub diff_id: Digest,
    /// Bytes of what tar-split kept, compressed: the work of opening the layer grows with them.
    pub split_bytes: u64,
    split: PathBuf,
    folder: PathBuf,
}

#[derive(Deserialize)]
struct RawConfig {
    rootfs: RawRootFs,
}

#[derive(Deserialize)]
struct RawRootFs {
    diff_ids: Vec<String>,
}

impl Store {
    /// Opens the store of an engine that says of itself where it is and which driver it uses. An error says why the
    /// image must be streamed.
    ///
    /// The engine may run on another machine, where its folder has the same name as that of an engine here. That
    /// does no harm: images and layers are looked for by their digests.
    pub fn open(root_dir: &Path, driver: &str) -> Result<Self, DaemonError> {
        if driver != "overlay2" {
            let kind = if driver == "overlay" { " (Podman's)" } else { "" };
            let why = format!("expected the storage driver overlay2, found {driver}{kind}");
            return Err(DaemonError::NoStore { why: why.into() });
        }
        let store = Self { root: root_dir.to_owned() };
        for folder in [store.images(), store.layers(), store.folders()] {
            std::fs::read_dir(&folder).map_err(|error| no_store(&folder, &error))?;
        }
        Ok(store)
    }

    fn images(&self) -> PathBuf {
        self.root.join("image/overlay2/imagedb/content/sha256")
    }

    fn layers(&self) -> PathBuf {
        self.root.join("image/overlay2/layerdb/sha256")
    }

    fn folders(&self) -> PathBuf {
        self.root.join("overlay2")
    }

    /// An image, by the digest of its configuration. No layer is read yet.
    pub fn image(&self, id: &Digest) -> Result<StoredImage, DaemonError> {
        let path = self.images().join(id.hex());
        let config = read_small(&path, MAX_CONFIG).map_err(|source| DaemonError::open(&path, source))?;
        check(&path, "the digest of the configuration", *id, Digest::of(&config))?;
        let wrong = |message: String| DaemonError::shape(path.as_path(), message);
        let raw: RawConfig =
            serde_json::from_slice(&config).map_err(|error| wrong(format!("expected an image: {error}")))?;
        let parse = |text: &String| text.parse::<Digest>().map_err(|error| wrong(error.to_string()));
        let diff_ids: Vec<Digest> = raw.rootfs.diff_ids.iter().map(parse).collect::<Result<_, _>>()?;
        let chains = chain_ids(&diff_ids);
        let layers = diff_ids.iter().zip(&chains).map(|(diff_id, chain)| self.layer(*diff_id, chain));
        Ok(StoredImage { config, layers: layers.collect::<Result<_, _>>()? })
    }

    fn layer(&self, diff_id: Digest, chain: &Digest) -> Result<StoredLayer, DaemonError> {
        let entry = self.layers().join(chain.hex());
        let path = entry.join("diff");
        let found = read_text(&path)?;
        let found: Digest = found.parse().map_err(|error| DaemonError::shape(path.as_path(), error))?;
        check(&path, "the diff ID", diff_id, found)?;
        let path = entry.join("cache-id");
        let cache = read_text(&path)?;
        // It becomes part of a path.
        if cache.is_empty() || !cache.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(DaemonError::shape(path.as_path(), format!("expected a folder's name, found `{cache}`")));
        }
        let split = entry.join("tar-split.json.gz");
        StoredLayer::new(diff_id, split, self.folders().join(cache).join("diff"))
    }
}

impl StoredLayer {
    /// A layer of this digest, from what tar-split kept and the folder of its files.
    pub(super) fn new(diff_id: Digest, split: PathBuf, folder: PathBuf) -> Result<Self, DaemonError> {
        let split_bytes = std::fs::metadata(&split).map_err(|source| DaemonError::open(&split, source))?.len();
        Ok(Self { diff_id, split_bytes, split, folder })
    }

    /// A text that changes when what tar-split kept of the layer changes.
    pub fn identity(&self) -> Option<String> {
        File::open(&self.split).ok()?.identity()
    }

    /// The layer's tar, uncompressed. Reads what tar-split kept; files are opened as they are asked for, and not
    /// verified but by their size.
    pub fn open(&self) -> Result<Blob, DaemonError> {
        let wrong = |source| DaemonError::open(&self.split, source);
        let file = File::open(&self.split).map_err(wrong)?;
        let lines = reader(Compression::Gzip, BufReader::with_capacity(BUFFER, file)).map_err(wrong)?;
        let split = read_ahead(lines, TarSplit::parse).map_err(wrong)?;
        let folder = Folder::open(&self.folder).map_err(|source| DaemonError::open(&self.folder, source))?;
        let length = split.len();
        // As a machine that lost power leaves it.
        if split.is_empty() && self.diff_id != Digest::of(b"") {
            return Err(DaemonError::shape(self.split.as_path(), "expected the headers of a tar, found nothing"));
        }
        Ok(Blob::new(Arc::new(VirtualTar::new(split, folder)), 0, length))
    }
}

/// Decompresses in a thread of its own, which is half of the work.
fn read_ahead<T>(mut from: impl Read + Send, parse: impl FnOnce(Ahead) -> io::Result<T>) -> io::Result<T> {
    let (sender, chunks) = sync_channel(CHUNKS);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            loop {
                let mut chunk = Vec::with_capacity(BUFFER);
                let read = (&mut from).take(BUFFER as u64).read_to_end(&mut chunk);
                let ended = !matches!(read, Ok(count) if count > 0);
                // Who parses may have heard enough.
                if sender.send(read.map(|_| chunk)).is_err() || ended {
                    return;
                }
            }
        });
        parse(Ahead { chunks, chunk: Vec::new(), used: 0, ended: false })
    })
}

/// What was decompressed in the other thread.
struct Ahead {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    used: usize,
    /// An empty chunk is the end.
    ended: bool,
}

impl BufRead for Ahead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.chunk.len() && !self.ended {
            // A thread that panicked leaves no empty chunk.
            let gone = || Err(io::Error::other("the decompressor failed"));
            (self.chunk, self.used) = (self.chunks.recv().unwrap_or_else(|_| gone())?, 0);
            self.ended = self.chunk.is_empty();
        }
        Ok(&self.chunk[self.used..])
    }

    fn consume(&mut self, count: usize) {
        self.used += count;
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// The chain ID of each layer: the first is the diff ID, each other the digest of the one below, a space, and the
/// diff ID.
pub fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let next = |below: &mut Option<Digest>, diff_id: &Digest| {
        *below = Some(below.map_or(*diff_id, |below| Digest::of(format!("{below} {diff_id}").as_bytes())));
        *below
    };
    diff_ids.iter().scan(None, next).collect()
}

pub(super) fn no_store(folder: &Path, error: &io::Error) -> DaemonError {
    let why = match error.kind() {
        io::ErrorKind::PermissionDenied => "only root may read it".to_owned(),
        io::ErrorKind::NotFound => {
            "it is not there; the engine runs on another machine or in a virtual one, or has another store".to_owned()
        }
        _ => error.to_string(),
    };
    DaemonError::NoStore { why: format!("{}: {why}", Text::from(folder)).into() }
}

pub(super) fn check(path: &Path, what: &'static str, expected: Digest, found: Digest) -> Result<(), DaemonError> {
    if expected == found {
        return Ok(());
    }
    Err(DaemonError::Digest { path: path.into(), what, expected, found })
}

fn read_text(path: &Path) -> Result<String, DaemonError> {
    let bytes = read_small(path, MAX_TEXT).map_err(|source| DaemonError::open(path, source))?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Reads a file of at most `most` bytes.
pub(super) fn read_small(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("expected at most {most} bytes, found more")));
    }
    Ok(bytes)
}
