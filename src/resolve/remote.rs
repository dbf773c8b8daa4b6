//! The list of files of a wheel on a server, without the wheel: the end of it by a range request, and the rest of the
//! list by a second one where it is long.
//!
//! A server may ignore ranges, send less than it says, or something else altogether. Whatever it does, a bounded
//! number of bytes is read in a bounded number of tries. The bytes are not verified, because a digest is of the whole:
//! what comes of them is a figure, and installers check the digest of what they install.
//!
//! Source: RFC 9110, section 14 (range requests).

use super::zip::{MOST_DIRECTORY, TAIL, ZipEntry, ZipError, find_directory, parse_directory};
use super::{Access, Options};
use crate::registry::{backoff, causes, http, is_loopback, is_passing};
use reqwest::Url;
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_RANGE, RANGE};
use std::io::Read as _;
use std::time::{Duration, Instant};

/// How often a request is tried.
const TRIES: u32 = 3;

/// A wheel of a server without ranges is read whole up to this, in bytes.
const MOST_WHOLE: u64 = 8 << 20;

/// Why a list could not be read. For a person; no URL in it, for those may have secrets.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No connection, or one that broke.
    #[error("{0}")]
    Connection(String),
    /// Another status than was expected.
    #[error("expected a part of the file, found HTTP {0}")]
    Status(u16),
    /// The server sends the whole file, which is large.
    #[error("the server sends no parts of files, and this one is larger than {} MiB", MOST_WHOLE >> 20)]
    NoRanges,
    /// What was sent is not what was said.
    #[error("{0}")]
    Shape(String),
    /// It is no archive that can be read.
    #[error("{0}")]
    Zip(#[from] ZipError),
    /// The time is over.
    #[error("there was no time left for it")]
    Late,
}

/// Reads lists of files. Shared by threads.
pub struct Remote<'a> {
    http: Client,
    /// For servers on this machine.
    local: Client,
    access: &'a Access,
    first_wait: Duration,
    deadline: Instant,
}

/// A piece of a file.
struct Piece {
    bytes: Vec<u8>,
    /// Where it begins.
    start: u64,
    /// The length of the whole file.
    length: u64,
}

impl<'a> Remote<'a> {
    /// Sets the clients up. They use the proxies and certificates of the environment.
    pub fn new(access: &'a Access, options: &Options, deadline: Instant) -> Result<Self, RemoteError> {
        let client = |local| http(options.idle, local).build().map_err(|error| RemoteError::Connection(causes(error)));
        Ok(Self { http: client(false)?, local: client(true)?, access, first_wait: options.first_wait, deadline })
    }

    /// The files of the archive at a URL, and its length. `claimed` is the length that the index tells; another one is
    /// an error.
    pub fn list(&self, url: &str, claimed: Option<u64>) -> Result<(Vec<ZipEntry>, u64), RemoteError> {
        let no_url = |_| RemoteError::Shape("its place is no URL".into());
        let url = Url::parse(url).map_err(no_url)?;
        let piece = match self.piece(&url, &format!("bytes=-{TAIL}")) {
            // Some servers know only ranges from a beginning.
            Err(RemoteError::NoRanges | RemoteError::Status(416)) if claimed.is_some() => {
                let length = claimed.unwrap_or_default();
                self.piece(&url, &range(length.saturating_sub(TAIL), length)?)?
            }
            other => other?,
        };
        if let Some(claimed) = claimed.filter(|claimed| *claimed != piece.length) {
            let found = piece.length;
            return Err(RemoteError::Shape(format!("the index says {claimed} bytes, the server {found}")));
        }
        let directory = find_directory(&piece.bytes, piece.length)?;
        let (start, end) = (directory.offset, directory.offset + directory.size);
        let files = if start >= piece.start {
            let at = |place: u64| usize::try_from(place - piece.start).unwrap_or(usize::MAX);
            let bytes = piece.bytes.get(at(start)..at(end)).unwrap_or_default();
            parse_directory(bytes, directory.entries)?
        } else {
            let rest = self.piece(&url, &range(start, end)?)?;
            let bytes = rest.bytes.get(..(end - start) as usize).filter(|_| rest.start == start);
            let bytes =
                bytes.ok_or_else(|| RemoteError::Shape("the server sent another part than was asked for".into()))?;
            parse_directory(bytes, directory.entries)?
        };
        Ok((files, piece.length))
    }

    /// Asks for a range until there is an answer.
    fn piece(&self, url: &Url, range: &str) -> Result<Piece, RemoteError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.once(url, range) {
                Ok(piece) => return Ok(piece),
                Err(error) => error,
            };
            let passing = match &error {
                RemoteError::Connection(_) => true,
                RemoteError::Status(status) => is_passing(*status),
                _ => false,
            };
            let wait = backoff(self.first_wait, tries);
            if !passing || tries >= TRIES || Instant::now() + wait >= self.deadline {
                return Err(error);
            }
            std::thread::sleep(wait);
        }
    }

    fn once(&self, url: &Url, range: &str) -> Result<Piece, RemoteError> {
        if Instant::now() >= self.deadline {
            return Err(RemoteError::Late);
        }
        let client = if is_loopback(url) { &self.local } else { &self.http };
        let mut request = client.get(url.clone()).header(RANGE, range);
        if let Some((user, password)) = self.access.of(url) {
            request = request.basic_auth(user, Some(password));
        }
        let lost = |error| RemoteError::Connection(causes(error));
        let response = request.send().map_err(lost)?;
        match response.status().as_u16() {
            206 => part(response),
            200 => whole(response),
            status => Err(RemoteError::Status(status)),
        }
    }
}

/// The `Range` header for `start..end`.
fn range(start: u64, end: u64) -> Result<String, RemoteError> {
    match end.checked_sub(start + 1) {
        None => Err(RemoteError::Shape("the file is empty".into())),
        Some(_) => Ok(format!("bytes={start}-{}", end - 1)),
    }
}

/// 206: a part, whose place its `Content-Range` tells.
fn part(response: Response) -> Result<Piece, RemoteError> {
    let header = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let (start, end, length) = header
        .and_then(content_range)
        .ok_or_else(|| RemoteError::Shape("expected a part with its place in the file (Content-Range)".into()))?;
    if end - start > MOST_DIRECTORY {
        return Err(RemoteError::Shape("the server sends a larger part than was asked for".into()));
    }
    let bytes = body(response, end - start)?;
    match bytes.len() as u64 == end - start {
        true => Ok(Piece { bytes, start, length }),
        false => Err(RemoteError::Shape(format!("expected a part of {} bytes, found {}", end - start, bytes.len()))),
    }
}

/// 200: all of it, if it is small.
fn whole(response: Response) -> Result<Piece, RemoteError> {
    if response.content_length().is_some_and(|length| length > MOST_WHOLE) {
        return Err(RemoteError::NoRanges);
    }
    let bytes = body(response, MOST_WHOLE)?;
    let length = bytes.len() as u64;
    if length > MOST_WHOLE { Err(RemoteError::NoRanges) } else { Ok(Piece { bytes, start: 0, length }) }
}

/// A body, and no more than a byte too much of it.
fn body(response: Response, most: u64) -> Result<Vec<u8>, RemoteError> {
    let mut bytes = Vec::new();
    let read = response.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| RemoteError::Connection(format!("the connection was cut: {error}")))?;
    Ok(bytes)
}

/// `bytes 10-19/100` as `(10, 20, 100)`.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, length) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, last) = range.split_once('-')?;
    let (start, last, length) = (start.parse().ok()?, last.parse::<u64>().ok()?, length.parse().ok()?);
    (start <= last && last < length).then(|| (start, last + 1, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_a_first_a_last_and_a_length() {
        assert_eq!(content_range("bytes 10-19/100"), Some((10, 20, 100)));
        for odd in [
            "bytes 10-9/100",
            "bytes 0-100/100",
            "bytes 0-9/*",
            "bytes */100",
            "items 0-9/100",
            "bytes 0-18446744073709551615/18446744073709551615",
        ] {
            assert_eq!(content_range(odd), None, "{odd}");
        }
    }
}
