//! From the bytes of a tar to a blob in a file, with both digests. A thread of its own for each blob; zstd and gzip
//! compress on all cores.
//!
//! What comes out depends on the bytes and on the level, never on the number of cores: zstd with workers makes the same
//! frame with one and with many, and gzip is one member of blocks that are cut by their length alone (RFC 1951, 3.2.4: each
//! ends at a byte's end), each with the 32 kB before it as its dictionary. The header of gzip has no time and no name.

use crate::base::{Digest, Sha256Writer};
use crate::layer::Compression;
use flate2::{Compress, Crc, FlushCompress, Status};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Bytes that are handed on at once.
const CHUNK: usize = 256 << 10;
/// Chunks that may wait.
const WAITING: usize = 8;
/// Bytes that are compressed at once in gzip.
const BLOCK: usize = 1 << 20;
/// How far back deflate looks.
const WINDOW: usize = 32 << 10;

/// How blobs are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// With what.
    pub compression: Compression,
    /// How hard: 1 to 9 of gzip, 1 to 22 of zstd.
    pub level: i32,
}

impl Packing {
    /// The level that is taken where none is named.
    pub fn usual(compression: Compression) -> Self {
        let level = match compression {
            Compression::None => 0,
            Compression::Gzip => 6,
            Compression::Zstd => 3,
        };
        Self { compression, level }
    }
}

/// A finished blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Of its bytes.
    pub digest: Digest,
    /// How many there are.
    pub size: u64,
    /// Digest of the tar in it.
    pub diff_id: Digest,
    /// How it is compressed.
    pub compression: Compression,
}

/// Takes the bytes of a tar.
pub struct BlobWriter {
    chunks: Option<SyncSender<Vec<u8>>>,
    buffer: Vec<u8>,
    worker: Option<JoinHandle<io::Result<Blob>>>,
}

impl BlobWriter {
    /// Writes into a new file.
    pub fn new(file: File, packing: Packing) -> io::Result<Self> {
        let (chunks, receiver) = sync_channel(WAITING);
        let worker = std::thread::Builder::new().name("blob".into()).spawn(move || pack(&receiver, file, packing))?;
        Ok(Self { chunks: Some(chunks), buffer: Vec::with_capacity(CHUNK), worker: Some(worker) })
    }

    /// Ends the blob.
    pub fn finish(mut self) -> io::Result<Blob> {
        self.flush()?;
        drop(self.chunks.take());
        self.join()
    }

    fn join(&mut self) -> io::Result<Blob> {
        let failed = || io::Error::other("a thread of the writer failed");
        self.worker.take().ok_or_else(failed)?.join().unwrap_or_else(|_| Err(failed()))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..count]);
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        match self.chunks.as_ref().map(|chunks| chunks.send(chunk)) {
            Some(Ok(())) => Ok(()),
            // The worker ended early: it knows why.
            _ => Err(self.join().err().unwrap_or_else(|| io::Error::other("the writer ended early"))),
        }
    }
}

fn pack(chunks: &Receiver<Vec<u8>>, file: File, packing: Packing) -> io::Result<Blob> {
    let mut diff_id = Sha256Writer::default();
    let mut packer = Packer::new(Sink::new(file), packing)?;
    for chunk in chunks {
        diff_id.update(&chunk);
        packer.write_all(&chunk)?;
    }
    let (digest, size) = packer.finish()?.finish()?;
    Ok(Blob { digest, size, diff_id: diff_id.finish(), compression: packing.compression })
}

/// A file whose bytes are digested.
struct Sink {
    file: BufWriter<File>,
    digest: Sha256Writer,
    size: u64,
}

impl Sink {
    fn new(file: File) -> Self {
        Self { file: BufWriter::with_capacity(CHUNK, file), digest: Sha256Writer::default(), size: 0 }
    }

    fn finish(mut self) -> io::Result<(Digest, u64)> {
        self.file.flush()?;
        Ok((self.digest.finish(), self.size))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

enum Packer {
    Plain(Sink),
    Gzip(Box<Gzip>),
    Zstd(zstd::stream::write::Encoder<'static, Sink>),
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(1, 16))
}

impl Packer {
    fn new(sink: Sink, packing: Packing) -> io::Result<Self> {
        Ok(match packing.compression {
            Compression::None => Self::Plain(sink),
            Compression::Gzip => Self::Gzip(Box::new(Gzip::new(sink, packing.level)?)),
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(sink, packing.level)?;
                encoder.include_checksum(true)?;
                encoder.multithread(u32::try_from(cores()).unwrap_or(1))?;
                Self::Zstd(encoder)
            }
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(sink) => sink.write_all(bytes),
            Self::Gzip(gzip) => gzip.push(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<Sink> {
        match self {
            Self::Plain(sink) => Ok(sink),
            Self::Gzip(gzip) => gzip.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

/// A compressed block, and the checksum of what is in it.
type Packed = io::Result<(Vec<u8>, Crc)>;

/// A block to compress, what stands before it, and where it goes when it is done.
struct Job {
    block: Vec<u8>,
    before: Vec<u8>,
    done: SyncSender<Packed>,
}

/// gzip of one member on all cores.
struct Gzip {
    sink: Sink,
    jobs: Option<SyncSender<Job>>,
    workers: Vec<JoinHandle<()>>,
    /// Blocks that are being compressed, in their order.
    waiting: VecDeque<Receiver<Packed>>,
    block: Vec<u8>,
    before: Vec<u8>,
    check: Crc,
}

impl Gzip {
    fn new(mut sink: Sink, level: i32) -> io::Result<Self> {
        // Deflate, no flags, no time, no remark on the level, made by no known system.
        sink.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])?;
        let level = flate2::Compression::new(u32::try_from(level).unwrap_or(6).min(9));
        let (jobs, queue) = sync_channel::<Job>(cores());
        let queue = std::sync::Arc::new(std::sync::Mutex::new(queue));
        let work = |_| {
            let queue = queue.clone();
            std::thread::Builder::new().name("gzip".into()).spawn(move || {
                loop {
                    let Some(job) = queue.lock().ok().and_then(|queue| queue.recv().ok()) else { return };
                    // Nobody waits any more where the writer has failed.
                    let _ = job.done.send(deflate(&job, level));
                }
            })
        };
        let workers = (0..cores()).map(work).collect::<io::Result<_>>()?;
        let block = Vec::with_capacity(BLOCK);
        let (waiting, before) = (VecDeque::new(), Vec::new());
        Ok(Self { sink, jobs: Some(jobs), workers, waiting, block, before, check: Crc::new() })
    }

    fn push(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = bytes.len().min(BLOCK - self.block.len());
            self.block.extend_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            if self.block.len() == BLOCK {
                self.hand_on()?;
            }
        }
        Ok(())
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        let before = block[block.len().saturating_sub(WINDOW)..].to_vec();
        let before = std::mem::replace(&mut self.before, before);
        let (done, result) = sync_channel(1);
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(Job { block, before, done }));
        if !matches!(sent, Some(Ok(()))) {
            return Err(io::Error::other("the threads of gzip ended early"));
        }
        self.waiting.push_back(result);
        if self.waiting.len() > 2 * cores() { self.take() } else { Ok(()) }
    }

    /// Writes the block that has waited longest.
    fn take(&mut self) -> io::Result<()> {
        let Some(first) = self.waiting.pop_front() else { return Ok(()) };
        let (bytes, check) = first.recv().map_err(|_| io::Error::other("a thread of gzip failed"))??;
        self.check.combine(&check);
        self.sink.write_all(&bytes)
    }

    fn finish(mut self) -> io::Result<Sink> {
        if !self.block.is_empty() {
            self.hand_on()?;
        }
        while !self.waiting.is_empty() {
            self.take()?;
        }
        drop(self.jobs.take());
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
        // A last block with nothing in it.
        self.sink.write_all(&[3, 0])?;
        self.sink.write_all(&self.check.sum().to_le_bytes())?;
        self.sink.write_all(&self.check.amount().to_le_bytes())?;
        Ok(self.sink)
    }
}

/// One block, ended so that another one can follow.
fn deflate(job: &Job, level: flate2::Compression) -> Packed {
    let mut compress = Compress::new(level, false);
    if !job.before.is_empty() {
        compress.set_dictionary(&job.before)?;
    }
    let mut out = Vec::with_capacity(job.block.len() / 2 + 1024);
    loop {
        let done = usize::try_from(compress.total_in()).unwrap_or(usize::MAX).min(job.block.len());
        let status = compress.compress_vec(&job.block[done..], &mut out, FlushCompress::Sync)?;
        let is_read = compress.total_in() == job.block.len() as u64;
        // A flush is over when there is room left.
        if is_read && (out.len() < out.capacity() || status == Status::BufError) {
            break;
        }
        out.reserve(64 << 10);
    }
    let mut check = Crc::new();
    check.update(&job.block);
    Ok((out, check))
}
