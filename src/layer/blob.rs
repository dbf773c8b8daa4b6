//! A layer's blob that can be read from anywhere in it, and how it is indexed by seeking over the bodies.

use super::content::ContentDigest;
use super::elf::{linkage, may_be_linked};
use super::{Compression, Contents, IndexError, LayerIndex, Limits, TarInput, Verified, detect, index_tar};
use crate::base::{Digest, EntryIdx};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

/// Bytes that can be read from anywhere in them: a file, or what is put together from several.
pub trait ReadAt: Send + Sync {
    /// Reads some bytes at a position; 0 at the end. As [`FileExt::read_at`].
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// A text that changes when the bytes change, where there is one.
    fn identity(&self) -> Option<String> {
        None
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn identity(&self) -> Option<String> {
        let of = self.metadata().ok()?;
        let (changed, inode) = ((of.ctime(), of.ctime_nsec()), (of.dev(), of.ino()));
        Some(format!("{inode:?} {} {:?} {changed:?}", of.size(), (of.mtime(), of.mtime_nsec())))
    }
}

/// A range of what can be read from anywhere.
#[derive(Clone)]
pub struct Blob {
    source: Arc<dyn ReadAt>,
    offset: u64,
    length: u64,
}

impl Blob {
    /// A range. Reading past the source's end ends early, as a truncated blob.
    pub fn new(source: Arc<dyn ReadAt>, offset: u64, length: u64) -> Self {
        Self { source, offset, length }
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// A text that changes when its bytes change, where there is one.
    pub fn identity(&self) -> Option<String> {
        Some(format!("{} {} {}", self.source.identity()?, self.offset, self.length))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// A part of it.
    pub fn slice(&self, offset: u64, length: u64) -> Self {
        let offset = offset.min(self.length);
        Self { source: self.source.clone(), offset: self.offset + offset, length: length.min(self.length - offset) }
    }

    /// Reads it from its start.
    pub fn open(&self) -> BlobReader {
        BlobReader { blob: self.clone(), at: 0 }
    }

    /// Reads all of it, if it has at most `limit` bytes.
    pub fn read_all(&self, limit: u64) -> io::Result<Vec<u8>> {
        if self.length > limit {
            let message = format!("{} bytes are too many for what is read whole (limit: {limit})", self.length);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        let mut bytes = Vec::with_capacity(self.length as usize);
        self.open().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The compression, by its first bytes.
    pub fn compression(&self) -> io::Result<Compression> {
        let mut head = [0; 4];
        let mut filled = 0;
        let mut reader = self.open();
        while filled < head.len() {
            match Read::read(&mut reader, &mut head[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(detect(&head[..filled]))
    }
}

/// Reads a [`Blob`].
pub struct BlobReader {
    blob: Blob,
    at: u64,
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = (buffer.len() as u64).min(self.blob.length - self.at) as usize;
        let count = self.blob.source.read_at(&mut buffer[..most], self.blob.offset + self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl TarInput for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buffer)
    }

    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let count = count.min(self.blob.length - self.at);
        self.at += count;
        Ok(count)
    }
}

/// What a manifest and a configuration say of a layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected {
    /// Digest of the blob.
    pub blob: Option<Digest>,
    /// Digest of the uncompressed tar.
    pub diff_id: Option<Digest>,
}

/// Why a blob could not be indexed.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The tar.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The blob could not be read.
    #[error("cannot read the blob: {0}")]
    Read(#[from] io::Error),
    /// A digest is not what was promised.
    #[error("{what} does not match: expected {expected}, found {found}")]
    Digest {
        /// `the digest of the blob`, `the diff ID`.
        what: &'static str,
        /// As the manifest or configuration has it.
        expected: Digest,
        /// Of the bytes.
        found: Digest,
    },
}

/// Indexes a plain tar by seeking over the bodies; nothing is verified. Returns where each body begins.
pub fn index_seeking(blob: &Blob, expected: Expected, limits: &Limits) -> Result<(LayerIndex, Vec<u64>), BlobError> {
    let mut contents = index_tar(&mut blob.open(), false, limits)?;
    let bodies = std::mem::take(&mut contents.bodies);
    keep_linkage(blob, &mut contents, &bodies, limits);
    let layer = layer_index(contents, expected, Compression::None, None, Verified::default());
    Ok((LayerIndex { sources: limits.sources, ..layer }, bodies))
}

/// Looks what each shared object and program is linked with. What cannot be read is left out: whoever reads the body says
/// so.
fn keep_linkage(blob: &Blob, contents: &mut Contents, bodies: &[u64], limits: &Limits) {
    let mut held: usize = contents.kept.values().map(Vec::len).sum();
    for (position, (entry, &start)) in contents.entries.iter().zip(bodies).enumerate() {
        let position = position as EntryIdx;
        if start == Contents::SCATTERED || !may_be_linked(entry) || contents.kept.contains_key(&position) {
            continue;
        }
        let Some(linkage) = linkage(&blob.slice(start, entry.size), entry.size) else { continue };
        let text = linkage.encode();
        held += text.len();
        if held > limits.kept_layer {
            return;
        }
        contents.kept.insert(position, text);
    }
}

impl ReadAt for Blob {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let most = (buffer.len() as u64).min(self.length.saturating_sub(offset)) as usize;
        if most == 0 { Ok(0) } else { self.source.read_at(&mut buffer[..most], self.offset + offset) }
    }
}

pub(super) fn layer_index(
    contents: Contents,
    expected: Expected,
    compression: Compression,
    wire: Option<u64>,
    verified: Verified,
) -> LayerIndex {
    LayerIndex {
        diff_id: expected.diff_id,
        blob: expected.blob,
        wire,
        verified,
        compression,
        sources: false,
        entries: contents.entries,
        fractions: contents.fractions,
        contents: contents.kept,
        oddities: contents.oddities,
    }
}

/// Reads the bodies of some entries and digests them: `(position, start, length)`, by rising start.
pub fn digest_bodies(blob: &Blob, bodies: &[(EntryIdx, u64, u64)]) -> io::Result<Vec<(EntryIdx, Digest)>> {
    let mut buffer = vec![0; 512 << 10];
    let digest = |&(entry, start, length): &(EntryIdx, u64, u64)| {
        let part = blob.slice(start, length);
        let mut reader = part.open();
        let mut digest = ContentDigest::for_size(length);
        loop {
            match Read::read(&mut reader, &mut buffer)? {
                0 => return Ok((entry, digest.finish())),
                count => digest.update(&buffer[..count]),
            }
        }
    };
    bodies.iter().map(digest).collect()
}
