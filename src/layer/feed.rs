//! The bytes of a tar as they are needed: a window for headers, chunks for bodies, and skips where the input can.

use super::IndexError;
use super::head::Head;
use crate::base::ImagePath;
use std::io;

/// Bytes of an uncompressed tar, from wherever they are.
pub trait TarInput {
    /// As [`io::Read::read`].
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Passes over up to `count` bytes without reading them and returns how many it passed; 0 if it cannot.
    fn skip(&mut self, count: u64) -> io::Result<u64>;

    /// Hands up to `most` bytes to `use_bytes` without copying them and returns how many (0 at the end); `None`
    /// if it cannot.
    fn lend(&mut self, most: u64, use_bytes: &mut dyn FnMut(&[u8])) -> io::Result<Option<u64>> {
        let _ = (most, use_bytes);
        Ok(None)
    }
}

/// Any reader; nothing is skipped.
pub struct Streamed<R>(pub R);

impl<R: io::Read> TarInput for Streamed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn skip(&mut self, _: u64) -> io::Result<u64> {
        Ok(0)
    }
}

/// Large enough for a run of small files in one read.
const FEED_BYTES: usize = 64 << 10;
/// What is read behind a body that was passed over: often only a header before the next one. Doubled with each
/// read that is not followed by passing over.
const SHORT_FEED: usize = 4 << 10;

/// A window on the input.
pub(super) struct Feed<'a> {
    input: &'a mut dyn TarInput,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes to read at once.
    ahead: usize,
    /// Position of `start` in the tar.
    pub(super) at: u64,
    ended: bool,
}

pub(super) enum BodyError {
    Read(u64, io::Error),
    Ended(u64, u64),
}

impl BodyError {
    pub(super) fn inside(self, head: &Head) -> IndexError {
        match self {
            Self::Read(at, source) => IndexError::Read { at, source },
            Self::Ended(at, missing) => {
                IndexError::Truncated { at, path: ImagePath::new(&head.raw_path).to_string(), missing }
            }
        }
    }
}

impl<'a> Feed<'a> {
    /// From the input's start.
    pub(super) fn new(input: &'a mut dyn TarInput) -> Self {
        Self { input, buffer: vec![0; FEED_BYTES], start: 0, end: 0, ahead: FEED_BYTES, at: 0, ended: false }
    }

    /// What is there.
    pub(super) fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(super) fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.at += bytes as u64;
    }

    /// Makes at least `bytes` available; false at the end of the input.
    pub(super) fn fill(&mut self, bytes: usize) -> Result<bool, IndexError> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.start + bytes > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if bytes > self.buffer.len() {
                self.buffer.resize(bytes.next_multiple_of(FEED_BYTES), 0);
            }
        }
        while self.end - self.start < bytes {
            if self.ended {
                return Ok(false);
            }
            let count = self.read_more().map_err(|source| IndexError::Read { at: self.at, source })?;
            self.ended = count == 0;
        }
        Ok(true)
    }

    fn read_more(&mut self) -> io::Result<usize> {
        let most = self.buffer.len().min(self.end + self.ahead);
        self.ahead = FEED_BYTES.min(self.ahead * 2);
        let count = loop {
            match self.input.read(&mut self.buffer[self.end..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += count;
        Ok(count)
    }

    /// Hands `bytes` of body to `use_chunk`.
    pub(super) fn body(&mut self, mut bytes: u64, mut use_chunk: impl FnMut(&[u8])) -> Result<(), BodyError> {
        while bytes > 0 {
            if self.start == self.end {
                (self.start, self.end) = (0, 0);
                let lent = self.input.lend(bytes, &mut use_chunk).map_err(|error| BodyError::Read(self.at, error))?;
                if let Some(count) = lent.filter(|&count| count > 0) {
                    self.at += count;
                    bytes -= count;
                    self.ahead = SHORT_FEED;
                    continue;
                }
                if self.ended || self.read_more().map_err(|error| BodyError::Read(self.at, error))? == 0 {
                    self.ended = true;
                    return Err(BodyError::Ended(self.at, bytes));
                }
            }
            let count = bytes.min((self.end - self.start) as u64) as usize;
            use_chunk(&self.buffer[self.start..self.start + count]);
            self.consume(count);
            bytes -= count as u64;
        }
        Ok(())
    }

    /// Reads some of a body into `buffer`; 0 at the end of the input.
    pub(super) fn read_body(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && !self.ended {
            (self.start, self.end) = (0, 0);
            self.ended = self.read_more()? == 0;
        }
        let count = buffer.len().min(self.end - self.start);
        buffer[..count].copy_from_slice(&self.buffer[self.start..self.start + count]);
        self.consume(count);
        Ok(count)
    }

    /// Passes over `bytes`, by seeking where the input can.
    pub(super) fn pass(&mut self, bytes: u64) -> Result<(), BodyError> {
        let buffered = bytes.min((self.end - self.start) as u64);
        self.consume(buffered as usize);
        let mut rest = bytes - buffered;
        if rest > 0 && !self.ended {
            let skipped = self.input.skip(rest).map_err(|error| BodyError::Read(self.at, error))?;
            self.at += skipped;
            rest -= skipped;
            if skipped > 0 {
                self.ahead = SHORT_FEED;
            }
        }
        self.body(rest, |_| {})
    }
}
