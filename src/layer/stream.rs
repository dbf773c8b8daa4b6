//! Indexing a blob by reading all of it, once, from its start to its end: the way for whatever is compressed or
//! comes over a wire. Three threads share the work, because decompressing one stream cannot be shared: one reads and
//! digests the blob, one decompresses, one digests the tar and indexes it. Between them are a few buffers, which go
//! round.

use super::blob::layer_index;
use super::{
    BlobError, Compression, Contents, Expected, IndexError, LayerIndex, Limits, TarInput, Verified, Visitor, detect,
    index_tar, reader, visit_tar,
};
use crate::base::{Digest, Sha256Writer};
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

const CHUNK_BYTES: usize = 512 << 10;
/// Enough for the threads to wait for each other rarely; 3 MB between two of them.
const CHUNKS: usize = 6;

/// The digests of a blob that was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of the blob as it came.
    pub blob: Digest,
    /// Of the tar in it: the diff ID.
    pub diff_id: Digest,
}

impl Digests {
    /// Compares them with what was promised.
    pub fn check(&self, expected: Expected) -> Result<(), BlobError> {
        check("the digest of the blob", expected.blob, self.blob)?;
        check("the diff ID (digest of the uncompressed layer)", expected.diff_id, self.diff_id)
    }
}

fn check(what: &'static str, expected: Option<Digest>, found: Digest) -> Result<(), BlobError> {
    match expected {
        Some(expected) if expected != found => Err(BlobError::Digest { what, expected, found }),
        _ => Ok(()),
    }
}

/// Indexes a blob by reading all of it; every digest that is expected is verified. `advance` is told of the
/// blob's bytes as they are read.
pub fn index_stream(
    blob: &mut dyn Read,
    expected: Expected,
    limits: &Limits,
    advance: &dyn Fn(u64),
) -> Result<(LayerIndex, Digests), BlobError> {
    let first = Chunk::default().fill(blob)?;
    let compression = detect(first.bytes());
    let (contents, found, length) = std::thread::scope(|scope| {
        let (blocks, chunks) = unpacking(scope, compression);
        let indexing = scope.spawn(move || index(chunks, limits));
        let read = feed(first, blob, blocks, compression != Compression::None, advance);
        let failed = || IndexError::Read { at: 0, source: io::Error::other("a thread of the indexer failed") };
        // What the indexer found says more than that nobody read on.
        let (contents, diff_id) = indexing.join().unwrap_or_else(|_| Err(failed()))?;
        let (blob, length) = read?;
        Ok::<_, BlobError>((contents, Digests { blob: blob.unwrap_or(diff_id), diff_id }, length))
    })?;
    found.check(expected)?;
    let verified = Verified { blob: expected.blob.is_some(), diff_id: expected.diff_id.is_some() };
    let wire = (compression != Compression::None).then_some(length);
    let layer = layer_index(contents, expected, compression, wire, verified);
    Ok((LayerIndex { sources: true, ..layer }, found))
}

/// Shows the body of each regular file of a layer as it passes, and verifies every digest that is expected. Decompressing
/// has a thread of its own.
pub fn visit_stream(
    blob: &mut (dyn Read + Send),
    expected: Expected,
    limits: &Limits,
    visit: &mut Visitor<'_>,
) -> Result<Digests, BlobError> {
    let first = Chunk::default().fill(blob)?;
    let compression = detect(first.bytes());
    let found = std::thread::scope(|scope| {
        let (blocks, mut chunks) = unpacking(scope, compression);
        let feeding = scope.spawn(move || feed(first, blob, blocks, compression != Compression::None, &|_| {}));
        chunks.digest = Some(Sha256Writer::default());
        visit_tar(&mut chunks, limits, visit)?;
        let diff_id = chunks.digest.take().unwrap_or_default().finish();
        // The other end sees that nobody reads on.
        drop(chunks);
        let (blob, _) = feeding.join().unwrap_or_else(|_| Err(io::Error::other("a thread of the reader failed")))?;
        Ok::<_, BlobError>(Digests { blob: blob.unwrap_or(diff_id), diff_id })
    })?;
    found.check(expected)?;
    Ok(found)
}

/// A way for a blob's blocks, and where its tar comes out. Decompressing has a thread of its own.
fn unpacking<'s>(scope: &'s Scope<'s, '_>, compression: Compression) -> (Sender, Chunks) {
    let (tar, chunks) = pipe();
    if compression == Compression::None {
        return (tar, chunks);
    }
    let (blocks, packed) = pipe();
    scope.spawn(move || decompress(compression, packed, &tar));
    (blocks, chunks)
}

/// Reads the blob to its end, or until nobody wants more of it. Returns its digest, if wanted, and its length.
fn feed(
    first: Chunk,
    blob: &mut dyn Read,
    blocks: Sender,
    digests: bool,
    advance: &dyn Fn(u64),
) -> io::Result<(Option<Digest>, u64)> {
    let mut digest = digests.then(Sha256Writer::default);
    let mut length = 0;
    let mut block = Arc::new(first);
    while block.filled > 0 && blocks.send(Ok(block.clone())) {
        length += block.filled as u64;
        advance(block.filled as u64);
        if let Some(digest) = &mut digest {
            digest.update(block.bytes());
        }
        drop(block);
        match blocks.spare().fill(blob) {
            Ok(next) => block = Arc::new(next),
            Err(error) => {
                let told = io::Error::new(error.kind(), error.to_string());
                blocks.send(Err(told));
                return Err(error);
            }
        }
    }
    Ok((digest.map(Sha256Writer::finish), length))
}

/// Decompresses, and reads what a decompressor leaves behind its last frame: it belongs to the blob's digest too.
fn decompress(compression: Compression, mut packed: Chunks, tar: &Sender) {
    let done = reader(compression, &mut packed).and_then(|mut unpacked| {
        loop {
            let chunk = tar.spare().fill(&mut unpacked)?;
            if chunk.filled == 0 {
                return Ok(true);
            }
            if !tar.send(Ok(Arc::new(chunk))) {
                return Ok(false);
            }
        }
    });
    match done {
        Ok(true) => _ = io::copy(&mut packed, &mut io::sink()),
        Ok(false) => {}
        Err(error) => _ = tar.send(Err(error)),
    }
}

fn index(mut chunks: Chunks, limits: &Limits) -> Result<(Contents, Digest), IndexError> {
    chunks.digest = Some(Sha256Writer::default());
    let contents = index_tar(&mut chunks, true, &Limits { sources: true, ..*limits })?;
    Ok((contents, chunks.digest.take().unwrap_or_default().finish()))
}

/// A buffer, and how many of its bytes are filled. It keeps its length when it is used again.
#[derive(Default)]
struct Chunk {
    buffer: Vec<u8>,
    filled: usize,
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Fills the buffer, or the start of it where there is less to read.
    fn fill(mut self, from: &mut dyn Read) -> io::Result<Self> {
        self.buffer.resize(CHUNK_BYTES, 0);
        self.filled = 0;
        while self.filled < CHUNK_BYTES {
            match from.read(&mut self.buffer[self.filled..]) {
                Ok(0) => break,
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self)
    }
}

/// Two ends between two threads.
fn pipe() -> (Sender, Chunks) {
    let (sender, receiver) = sync_channel(CHUNKS);
    let (back, spare) = sync_channel(CHUNKS);
    let chunks = Chunks { receiver, back, chunk: Arc::default(), used: 0, digest: None };
    (Sender { chunks: sender, spare }, chunks)
}

/// Where chunks go, and where those that were read come back from.
struct Sender {
    chunks: SyncSender<io::Result<Arc<Chunk>>>,
    spare: Receiver<Arc<Chunk>>,
}

impl Sender {
    /// False when nobody reads on.
    fn send(&self, chunk: io::Result<Arc<Chunk>>) -> bool {
        self.chunks.send(chunk).is_ok()
    }

    /// A chunk to fill: one that was read, if nobody else has it still.
    fn spare(&self) -> Chunk {
        self.spare.try_recv().ok().and_then(|chunk| Arc::try_unwrap(chunk).ok()).unwrap_or_default()
    }
}

/// The other end: reads the chunks as they come, and digests them where that is wanted.
struct Chunks {
    receiver: Receiver<io::Result<Arc<Chunk>>>,
    back: SyncSender<Arc<Chunk>>,
    chunk: Arc<Chunk>,
    used: usize,
    digest: Option<Sha256Writer>,
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.chunk.filled {
            // Where there are enough to be used again, one more is let go.
            let _ = self.back.try_send(std::mem::take(&mut self.chunk));
            self.used = 0;
            if let Ok(chunk) = self.receiver.recv() {
                self.chunk = chunk?;
            }
            if let Some(digest) = &mut self.digest {
                digest.update(self.chunk.bytes());
            }
        }
        Ok(&self.chunk.bytes()[self.used..])
    }

    fn consume(&mut self, count: usize) {
        self.used += count;
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.fill_buf()?;
        let count = Read::read(&mut rest, buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl TarInput for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buffer)
    }

    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let count = count.min((self.chunk.filled - self.used) as u64);
        self.consume(count as usize);
        Ok(count)
    }

    fn lend(&mut self, most: u64, use_bytes: &mut dyn FnMut(&[u8])) -> io::Result<Option<u64>> {
        let rest = self.fill_buf()?;
        let count = most.min(rest.len() as u64);
        use_bytes(&rest[..count as usize]);
        self.consume(count as usize);
        Ok(Some(count))
    }
}
