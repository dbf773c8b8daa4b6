//! A layer's blob in a file, and the two ways to index it: seeking over bodies, or reading everything in two
//! threads (one reads, decompresses and digests the blob; the other digests the tar and indexes it).

use super::{
    Compression, Contents, IndexError, LayerIndex, Limits, Streamed, TarInput, Verified, detect, index_tar, reader,
};
use crate::base::{Digest, EntryIdx, Sha256Writer};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes that can be read from anywhere in them: a file, or what is put together from several.
pub trait ReadAt: Send + Sync {
    /// Reads some bytes at a position; 0 at the end. As [`FileExt::read_at`].
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
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
    pub fn open(&self) -> BlobReader<'_> {
        BlobReader { blob: self, at: 0 }
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
pub struct BlobReader<'a> {
    blob: &'a Blob,
    at: u64,
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = (buffer.len() as u64).min(self.blob.length - self.at) as usize;
        let count = self.blob.source.read_at(&mut buffer[..most], self.blob.offset + self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl TarInput for BlobReader<'_> {
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
    let contents = index_tar(&mut blob.open(), false, limits)?;
    let bodies = contents.bodies.clone();
    Ok((layer_index(contents, expected, Compression::None, None, Verified::default()), bodies))
}

/// Indexes a blob by reading all of it; every digest that is expected is verified. `advance` is told of the
/// blob's bytes as they are read.
pub fn index_blob(
    blob: &Blob,
    expected: Expected,
    limits: &Limits,
    advance: &(dyn Fn(u64) + Sync),
) -> Result<LayerIndex, BlobError> {
    let compression = blob.compression()?;
    let wire = (compression != Compression::None).then_some(blob.len());
    let (sender, receiver) = sync_channel::<io::Result<Vec<u8>>>(CHUNKS);
    let (contents, diff_id, found_blob) = std::thread::scope(|scope| {
        let digests = expected.blob.is_some();
        let digesting = scope.spawn(move || decompress_into(blob, compression, digests, &sender, advance));
        let mut chunks = Chunks { receiver, chunk: Vec::new(), used: 0, digest: Sha256Writer::default() };
        let contents = index_tar(&mut Streamed(&mut chunks), true, limits);
        let contents = contents.map(|contents| (contents, std::mem::take(&mut chunks.digest).finish()));
        drop(chunks);
        let found = digesting.join().unwrap_or_else(|_| Err(io::Error::other("the decompressor failed")));
        contents.map(|(contents, diff_id)| (contents, diff_id, found))
    })?;
    let found_blob = found_blob?;
    check("the digest of the blob", expected.blob, found_blob)?;
    check("the diff ID (digest of the uncompressed layer)", expected.diff_id, Some(diff_id))?;
    let verified =
        Verified { blob: expected.blob.is_some() && found_blob.is_some(), diff_id: expected.diff_id.is_some() };
    Ok(layer_index(contents, expected, compression, wire, verified))
}

fn layer_index(
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
        entries: contents.entries,
        contents: contents.kept,
        oddities: contents.oddities,
    }
}

fn check(what: &'static str, expected: Option<Digest>, found: Option<Digest>) -> Result<(), BlobError> {
    match (expected, found) {
        (Some(expected), Some(found)) if expected != found => Err(BlobError::Digest { what, expected, found }),
        _ => Ok(()),
    }
}

/// Reads the bodies of some entries and digests them: `(position, start, length)`, by rising start.
pub fn digest_bodies(blob: &Blob, bodies: &[(EntryIdx, u64, u64)]) -> io::Result<Vec<(EntryIdx, Digest)>> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let digest = |&(entry, start, length): &(EntryIdx, u64, u64)| {
        let part = blob.slice(start, length);
        let mut reader = part.open();
        let mut digest = Sha256Writer::default();
        loop {
            match Read::read(&mut reader, &mut buffer)? {
                0 => return Ok((entry, digest.finish())),
                count => digest.update(&buffer[..count]),
            }
        }
    };
    bodies.iter().map(digest).collect()
}

const CHUNK_BYTES: usize = 512 << 10;
const CHUNKS: usize = 6;

type ChunkSender = SyncSender<io::Result<Vec<u8>>>;

/// The first thread: reads and digests the blob, decompresses, sends chunks. Returns the blob's digest.
fn decompress_into(
    blob: &Blob,
    compression: Compression,
    digests: bool,
    sender: &ChunkSender,
    advance: &(dyn Fn(u64) + Sync),
) -> io::Result<Option<Digest>> {
    let mut tee = Tee { inner: blob.open(), digest: digests.then(Sha256Writer::default), advance };
    if !send_chunks(compression, &mut tee, sender) {
        return Ok(None);
    }
    // What a decompressor leaves behind its last frame belongs to the blob's digest too.
    io::copy(&mut tee, &mut io::sink())?;
    Ok(tee.digest.map(Sha256Writer::finish))
}

/// False when the receiver has gone or was told of an error.
fn send_chunks(compression: Compression, blob: &mut Tee<'_>, sender: &ChunkSender) -> bool {
    let mut decompressed = match reader(compression, BufReader::with_capacity(CHUNK_BYTES, blob)) {
        Ok(decompressed) => decompressed,
        Err(error) => return give_up(sender, error),
    };
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        match (&mut decompressed).take(CHUNK_BYTES as u64).read_to_end(&mut chunk) {
            Ok(0) => return true,
            Ok(_) => {
                if sender.send(Ok(chunk)).is_err() {
                    return false;
                }
            }
            Err(error) => return give_up(sender, error),
        }
    }
}

/// Tells the receiver, unless it has gone.
fn give_up(sender: &ChunkSender, error: io::Error) -> bool {
    let _ = sender.send(Err(error));
    false
}

struct Tee<'a> {
    inner: BlobReader<'a>,
    digest: Option<Sha256Writer>,
    advance: &'a (dyn Fn(u64) + Sync),
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = Read::read(&mut self.inner, buffer)?;
        if let Some(digest) = &mut self.digest {
            digest.update(&buffer[..count]);
        }
        (self.advance)(count as u64);
        Ok(count)
    }
}

/// The second thread's end: digests the chunks as they come.
struct Chunks {
    receiver: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    used: usize,
    digest: Sha256Writer,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used == self.chunk.len() {
            match self.receiver.recv() {
                Ok(chunk) => (self.chunk, self.used) = (chunk?, 0),
                Err(_) => return Ok(0),
            }
            self.digest.update(&self.chunk);
        }
        let count = buffer.len().min(self.chunk.len() - self.used);
        buffer[..count].copy_from_slice(&self.chunk[self.used..self.used + count]);
        self.used += count;
        Ok(count)
    }
}
