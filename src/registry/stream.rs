//! A blob as it comes in, over as many connections as it takes.

use super::RegistryError;
use super::retry::TRIES;
use super::wire::{Ask, Wire};
use crate::base::{Digest, Text};
use crate::http::backoff;
use reqwest::blocking::Response;
use reqwest::header::CONTENT_RANGE;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most connections that one stream is read from. Each failure without a byte in between counts towards
/// [`TRIES`]; this bounds a server that sends a byte each time.
const MAX_RESUMED: u32 = 1_000;

/// Most bytes that are passed over to reach a part of a blob.
const MAX_PASSED: u64 = 8 << 20;

/// A blob, or a part of one, as a stream. A connection that is cut, or that is silent for [`super::Options::idle`],
/// is followed by another that goes on at the same byte. An error is an [`io::Error`] with a [`RegistryError`]
/// inside; its kind is `UnexpectedEof` where the blob is shorter than promised.
pub struct BlobStream {
    wire: Arc<Wire>,
    digest: Digest,
    /// The next byte to deliver.
    position: u64,
    /// The first byte.
    start: u64,
    /// Behind the last one.
    end: u64,
    /// The size of the blob, where it is known.
    size: Option<u64>,
    body: Option<Response>,
    /// Failures since the last byte.
    failures: u32,
    /// Failures at all.
    resumed: u32,
    /// How long the server was waited for so far.
    pace: Pace,
}

/// How long a server may take for what it sends: some time for each connection to come about, and the time that a slow line takes
/// for the bytes. A byte a second is no line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    waited: Duration,
}

/// The slowest line on which a layer is still waited for, in bytes a second.
const MIN_RATE: u64 = 8 << 10;
/// What is waited in any case.
const PATIENCE: Duration = Duration::from_secs(120);

impl Pace {
    /// Notes a wait. `received` are all bytes so far; false where they are too few for the time.
    pub(super) fn keeps_up(&mut self, wait: Duration, received: u64) -> bool {
        self.waited = self.waited.saturating_add(wait);
        self.waited <= PATIENCE.saturating_add(Duration::from_secs(received / MIN_RATE))
    }
}

/// How a connection ended.
enum Ended {
    /// By itself, as if that were all.
    Early,
    /// With an error.
    Cut(String),
}

impl BlobStream {
    pub(super) fn whole_of(wire: Arc<Wire>, digest: Digest, size: u64) -> Self {
        Self {
            wire,
            digest,
            position: 0,
            end: size,
            size: Some(size),
            body: None,
            failures: 0,
            resumed: 0,
            pace: Pace::default(),
            start: 0,
        }
    }

    pub(super) fn part_of(wire: Arc<Wire>, digest: Digest, offset: u64, length: u64) -> Self {
        let end = offset + length;
        Self {
            wire,
            digest,
            position: offset,
            end,
            size: None,
            body: None,
            failures: 0,
            resumed: 0,
            pace: Pace::default(),
            start: offset,
        }
    }

    /// All that is left of it.
    pub(super) fn whole(mut self) -> Result<Vec<u8>, RegistryError> {
        let mut out = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match self.next(&mut buffer)? {
                0 => return Ok(out),
                count => out.extend_from_slice(&buffer[..count]),
            }
        }
    }

    fn what(&self) -> String {
        match self.size {
            Some(_) => format!("blob {}", self.digest),
            None => format!("bytes up to {} of blob {}", self.end, self.digest),
        }
    }

    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, RegistryError> {
        loop {
            if self.position >= self.end {
                self.check_end()?;
                return Ok(0);
            }
            let room = usize::try_from(self.end - self.position).unwrap_or(usize::MAX).min(buffer.len());
            let asked = Instant::now();
            let ended = match self.connected()? {
                Err(ended) => ended,
                Ok(body) => match body.read(&mut buffer[..room]) {
                    Ok(count) if count > 0 => {
                        self.position += count as u64;
                        self.failures = 0;
                        self.check_pace(asked)?;
                        return Ok(count);
                    }
                    Ok(_) => Ended::Early,
                    Err(error) => Ended::Cut(error.to_string()),
                },
            };
            self.fail(ended)?;
        }
    }

    fn check_pace(&mut self, asked: Instant) -> Result<(), RegistryError> {
        let received = self.position - self.start;
        if self.pace.keeps_up(asked.elapsed(), received) {
            return Ok(());
        }
        let message = format!(
            "{}: the server is too slow: {received} bytes in {} seconds",
            self.what(),
            self.pace.waited.as_secs()
        );
        Err(RegistryError::Connection { place: self.wire.place.clone(), message })
    }

    /// Counts a failure and waits, or says that it was one too many.
    fn fail(&mut self, ended: Ended) -> Result<(), RegistryError> {
        self.body = None;
        self.failures += 1;
        self.resumed += 1;
        if self.failures < TRIES && self.resumed < MAX_RESUMED {
            std::thread::sleep(backoff(self.wire.options.first_wait, self.failures));
            return Ok(());
        }
        let last = match ended {
            Ended::Early => self.wrong_length(self.position),
            Ended::Cut(why) => {
                let (what, why) = (self.what(), Text::from(&why));
                let message =
                    format!("{what}: the connection was cut at byte {} of {}: {why}", self.position, self.end);
                RegistryError::Connection { place: self.wire.place.clone(), message }
            }
        };
        Err(RegistryError::GaveUp { tries: self.failures, last: Box::new(last) })
    }

    fn wrong_length(&self, found: u64) -> RegistryError {
        let expected = self.size.unwrap_or(self.end);
        RegistryError::Length { place: self.wire.place.clone(), what: self.what(), expected, found }
    }

    /// A body that stands at `position`.
    fn connected(&mut self) -> Result<Result<&mut Response, Ended>, RegistryError> {
        if self.body.is_none() {
            match self.connect()? {
                Ok(body) => self.body = Some(body),
                Err(ended) => return Ok(Err(ended)),
            }
        }
        Ok(self.body.as_mut().ok_or(Ended::Early))
    }

    fn connect(&self) -> Result<Result<Response, Ended>, RegistryError> {
        let (path, what) = (format!("blobs/{}", self.digest), self.what());
        let range = match self.size {
            Some(_) if self.position == 0 => None,
            Some(_) => Some(format!("bytes={}-", self.position)),
            None => Some(format!("bytes={}-{}", self.position, self.end - 1)),
        };
        let response = self.wire.get(&Ask { path: &path, what: &what, range: range.as_deref() })?;
        match (response.status().as_u16(), &range) {
            (200, _) => self.pass_over(response),
            (206, Some(_)) => self.check_range(&response).map(|()| Ok(response)),
            (206, None) => {
                Err(RegistryError::shape(&self.wire.place, format!("{what}: expected the whole, found a part")))
            }
            _ => {
                let stated = content_range(&response).and_then(|(_, total)| total);
                Err(self.wrong_length(stated.filter(|&total| total < self.end).unwrap_or(self.position)))
            }
        }
    }

    /// The whole blob where a part was wanted: reads up to the part, if that is not too far.
    fn pass_over(&self, mut response: Response) -> Result<Result<Response, Ended>, RegistryError> {
        if let Some(length) = response.content_length() {
            self.check_size(length)?;
        }
        if self.size.is_none() && self.position > MAX_PASSED {
            return Err(RegistryError::Unsupported { place: self.wire.place.clone(), what: self.what() });
        }
        let passed = io::copy(&mut response.by_ref().take(self.position), &mut io::sink());
        Ok(match passed {
            Ok(count) if count == self.position => Ok(response),
            Ok(_) => Err(Ended::Early),
            Err(error) => Err(Ended::Cut(error.to_string())),
        })
    }

    /// The size that the server states must be the one that was promised, or at least reach the end of the part.
    fn check_size(&self, stated: u64) -> Result<(), RegistryError> {
        let fits = self.size.map_or(stated >= self.end, |size| stated == size);
        if fits { Ok(()) } else { Err(self.wrong_length(stated)) }
    }

    /// `Content-Range` (RFC 9110, 14.4) must be of the part that was asked for.
    fn check_range(&self, response: &Response) -> Result<(), RegistryError> {
        match content_range(response) {
            Some((Some(first), total)) if first == self.position => {
                total.map_or(Ok(()), |total| self.check_size(total))
            }
            _ => {
                let found = response.headers().get(CONTENT_RANGE).map(|value| value.as_bytes()).unwrap_or_default();
                let found = super::error::quoted(&String::from_utf8_lossy(found));
                let message = format!("{}: expected a range from byte {}, found {found}", self.what(), self.position);
                Err(RegistryError::shape(&self.wire.place, message))
            }
        }
    }

    /// Behind the last byte of a whole blob there must not be another one.
    fn check_end(&mut self) -> Result<(), RegistryError> {
        let Some(mut body) = self.body.take().filter(|_| self.size.is_some()) else { return Ok(()) };
        // A connection that is cut here was cut where it no longer matters.
        match body.read(&mut [0]) {
            Ok(1) => Err(self.wrong_length(self.end + 1)),
            _ => Ok(()),
        }
    }
}

/// The first byte and the size of the blob that a `Content-Range` states.
fn content_range(response: &Response) -> Option<(Option<u64>, Option<u64>)> {
    let value = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let (part, total) = value.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    let first = part.split_once('-').and_then(|(first, _)| first.trim().parse().ok());
    Some((first, total.trim().parse().ok()))
}

impl Read for BlobStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.next(buffer).map_err(|error| {
            let kind = match error.last() {
                RegistryError::Length { expected, found, .. } if found < expected => io::ErrorKind::UnexpectedEof,
                RegistryError::NotFound { .. } => io::ErrorKind::NotFound,
                RegistryError::Denied { .. } => io::ErrorKind::PermissionDenied,
                _ => io::ErrorKind::Other,
            };
            io::Error::new(kind, error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_a_second_is_too_slow_and_a_slow_line_is_not() {
        let seconds_held = |bytes_a_second: u64| {
            let mut pace = Pace::default();
            (1..100_000u64).find(|second| !pace.keeps_up(Duration::from_secs(1), second * bytes_a_second))
        };
        assert_eq!(seconds_held(1), Some(121));
        assert_eq!(seconds_held(MIN_RATE / 2), Some(241));
        assert_eq!(seconds_held(MIN_RATE), None);
    }
}
