//! Indexing a blob by reading all of it, once, from its start to its end: the way for whatever is compressed or
//! comes over a wire. Three threads share the work: one reads and decompresses, one digests the blob, one digests
//! the tar and indexes it. Between them are a few buffers, which go round.

use super::blob::layer_index;
use super::{
    BlobError, Compression, Expected, IndexError, LayerIndex, Limits, TarInput, Verified, detect, index_tar, reader,
};
use crate::base::{Digest, Sha256Writer};
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

const CHUNK_BYTES: usize = 512 << 10;
/// Enough for the threads to wait for each other rarely; 3 MB a layer.
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

/// Indexes a blob by reading all of it; every digest that is expected is verified. `advance` is told of the
/// blob's bytes as they are read.
pub fn index_stream(
    blob: &mut dyn Read,
    expected: Expected,
    limits: &Limits,
    advance: &dyn Fn(u64),
) -> Result<(LayerIndex, Digests), BlobError> {
    let mut blocks = Blocks { blob, block: Arc::default(), used: 0, length: 0, to_digest: None, advance };
    let compression = detect(blocks.fill_buf()?);
    let (sender, receiver) = sync_channel(CHUNKS);
    let (used, recycled) = sync_channel(CHUNKS);
    let out = Out { chunks: sender, recycled };
    let (contents, found) = std::thread::scope(|scope| {
        let indexing = scope.spawn(move || {
            let mut chunks =
                Chunks { receiver, used, chunk: Chunk::default(), read: 0, digest: Sha256Writer::default() };
            let contents = index_tar(&mut chunks, true, limits)?;
            Ok::<_, IndexError>((contents, chunks.digest.finish()))
        });
        let digesting = (compression != Compression::None).then(|| {
            let (to_digest, received) = sync_channel::<Arc<Chunk>>(CHUNKS);
            blocks.digest_with(to_digest);
            scope.spawn(move || {
                let mut digest = Sha256Writer::default();
                received.iter().for_each(|block| digest.update(block.bytes()));
                digest.finish()
            })
        });
        let read = read_all(compression, &mut blocks, out);
        blocks.to_digest = None;
        let contents = indexing.join().unwrap_or_else(|_| Err(thread_failed()));
        let digest = digesting.map(|thread| thread.join().map_err(|_| thread_failed())).transpose();
        // What the indexer found says more than that it stopped reading.
        let (contents, diff_id) = contents?;
        read?;
        let blob = digest?.unwrap_or(diff_id);
        Ok::<_, BlobError>((contents, Digests { blob, diff_id }))
    })?;
    found.check(expected)?;
    let verified = Verified { blob: expected.blob.is_some(), diff_id: expected.diff_id.is_some() };
    let wire = (compression != Compression::None).then_some(blocks.length);
    Ok((layer_index(contents, expected, compression, wire, verified), found))
}

fn thread_failed() -> IndexError {
    IndexError::Read { at: 0, source: io::Error::other("a thread of the indexer failed") }
}

fn check(what: &'static str, expected: Option<Digest>, found: Digest) -> Result<(), BlobError> {
    match expected {
        Some(expected) if expected != found => Err(BlobError::Digest { what, expected, found }),
        _ => Ok(()),
    }
}

/// Decompresses into chunks, and reads what a decompressor leaves behind its last frame: it belongs to the blob's
/// digest too.
fn read_all(compression: Compression, blocks: &mut Blocks<'_>, out: Out) -> io::Result<()> {
    let reading = match reader(compression, &mut *blocks) {
        Ok(mut decompressed) => out.send_all(&mut decompressed),
        Err(error) => out.give_up(error),
    };
    if reading {
        io::copy(blocks, &mut io::sink())?;
    }
    Ok(())
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

/// Where chunks of the tar go, and where those that were read come back from.
struct Out {
    chunks: SyncSender<io::Result<Chunk>>,
    recycled: Receiver<Chunk>,
}

impl Out {
    /// False when the receiver has gone or was told of an error.
    fn send_all(&self, from: &mut dyn Read) -> bool {
        loop {
            let chunk = self.recycled.try_recv().unwrap_or_default();
            match chunk.fill(from) {
                Ok(chunk) if chunk.filled == 0 => return true,
                Ok(chunk) => {
                    if self.chunks.send(Ok(chunk)).is_err() {
                        return false;
                    }
                }
                Err(error) => return self.give_up(error),
            }
        }
    }

    /// Tells the receiver, unless it has gone.
    fn give_up(&self, error: io::Error) -> bool {
        let _ = self.chunks.send(Err(error));
        false
    }
}

/// Reads a blob in blocks, and shares each with the thread that digests them.
struct Blocks<'a> {
    blob: &'a mut dyn Read,
    block: Arc<Chunk>,
    used: usize,
    /// Bytes read so far.
    length: u64,
    to_digest: Option<SyncSender<Arc<Chunk>>>,
    advance: &'a dyn Fn(u64),
}

impl Blocks<'_> {
    /// From the first block on, which is there already.
    fn digest_with(&mut self, to_digest: SyncSender<Arc<Chunk>>) {
        let _ = to_digest.send(self.block.clone());
        self.to_digest = Some(to_digest);
    }

    fn next_block(&mut self) -> io::Result<()> {
        // The last block's memory serves again, unless it is being digested still.
        let mut block = std::mem::take(&mut self.block);
        let block = Arc::get_mut(&mut block).map(std::mem::take).unwrap_or_default();
        let block = block.fill(self.blob)?;
        let count = block.filled;
        (self.block, self.used) = (Arc::new(block), 0);
        self.length += count as u64;
        (self.advance)(count as u64);
        if let Some(to_digest) = self.to_digest.as_ref().filter(|_| count > 0) {
            to_digest.send(self.block.clone()).map_err(|_| io::Error::other("nobody digests the blob"))?;
        }
        Ok(())
    }
}

impl BufRead for Blocks<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.block.filled {
            self.next_block()?;
        }
        Ok(&self.block.bytes()[self.used..])
    }

    fn consume(&mut self, count: usize) {
        self.used += count;
    }
}

impl Read for Blocks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.fill_buf()?;
        let count = Read::read(&mut rest, buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// The indexer's end: digests the chunks as they come.
struct Chunks {
    receiver: Receiver<io::Result<Chunk>>,
    used: SyncSender<Chunk>,
    chunk: Chunk,
    read: usize,
    digest: Sha256Writer,
}

impl Chunks {
    /// What is left of this chunk, or the next one; empty at the end.
    fn rest(&mut self) -> io::Result<&[u8]> {
        if self.read == self.chunk.filled {
            // Where there are enough to be used again, one more is let go.
            let _ = self.used.try_send(std::mem::take(&mut self.chunk));
            self.read = 0;
            if let Ok(chunk) = self.receiver.recv() {
                self.chunk = chunk?;
                self.digest.update(self.chunk.bytes());
            }
        }
        Ok(&self.chunk.bytes()[self.read..])
    }
}

impl TarInput for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.rest()?;
        let count = buffer.len().min(rest.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        Ok(count)
    }

    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let count = count.min((self.chunk.filled - self.read) as u64);
        self.read += count as usize;
        Ok(count)
    }

    fn lend(&mut self, most: u64, use_bytes: &mut dyn FnMut(&[u8])) -> io::Result<Option<u64>> {
        let rest = self.rest()?;
        let count = most.min(rest.len() as u64);
        use_bytes(&rest[..count as usize]);
        self.read += count as usize;
        Ok(Some(count))
    }
}
