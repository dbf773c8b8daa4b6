//! The list of files of a wheel on a server, without the wheel: the end of it by a range request, and the rest of the
//! list by a second one where it is long. The few small files that say what it is stand before the list in most wheels,
//! and come along; where they do not, one more request fetches them.
//!
//! How much of the end is asked for first is a choice between requests and bytes. Of 188 wheels of an application with
//! machine learning in it, 32 KiB suffice for three quarters; all took 237 requests and 8 MB, against 225 and 12 MB with
//! 64 KiB, and 307 and 6 MB with 8 KiB.
//!
//! A server may ignore ranges, send less than it says, or something else altogether. Whatever it does, a bounded
//! number of bytes is read in a bounded number of tries. The bytes cannot be verified, because a digest is of the whole:
//! what comes of them is a predicted figure, and one that cannot be true is refused ([`check_list`]). An archive that
//! came whole is compared with its digest.
//!
//! Source: RFC 9110, section 14 (range requests).

use super::Options;
use super::zip::{
    Directory, MAX_DIRECTORY, TAIL, ZipEntry, ZipError, check_list, find_directory, parse_directory, read_entry,
};
use crate::base::{Digest, Sha256Writer};
use crate::http::{Failed, Reach, Retries, causes, client, is_loopback, is_passing};
use reqwest::Url;
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_RANGE, RANGE};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek as _, SeekFrom, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often a request is tried.
const TRIES: u32 = 3;

/// How much of the end is asked for first, in bytes.
const FIRST: u64 = 32 << 10;

/// What stands between two files that are fetched together, in bytes at most.
const GAP: u64 = 64 << 10;

/// What is read of files themselves, of one archive, in bytes at most.
const MAX_READ: u64 = 32 << 20;

/// A wheel of a server without ranges is read whole up to this, in bytes.
const MAX_WHOLE: u64 = 8 << 20;

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
    #[error("the server sends no parts of files, and this one is larger than {} MiB", MAX_WHOLE >> 20)]
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

/// Who is sent which name and password.
pub trait Credentials: Sync {
    /// Name and password for a URL.
    fn of(&self, url: &Url) -> Option<&(String, String)>;
}

/// Reads lists of files. Shared by threads.
pub struct Remote<'a> {
    http: Client,
    /// For servers on this machine.
    local: Client,
    access: &'a dyn Credentials,
    first_wait: Duration,
    deadline: Instant,
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// What is read of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its files.
    pub files: Vec<ZipEntry>,
    /// Its length in bytes.
    pub length: u64,
    /// What those of them have that were wanted, by position.
    pub contents: BTreeMap<usize, Vec<u8>>,
    /// Whether its server lets an HTTP cache keep it, as pip has one (RFC 9111): it has an ETag, an age or a date of expiry,
    /// and does not say `no-store`.
    pub keepable: bool,
    /// The digest of the archive, where all of it was read.
    pub whole: Option<Digest>,
}

/// Which part of a file to fetch.
#[derive(Clone, Copy)]
enum Part {
    /// So many bytes of its end.
    Last(u64),
    /// From a byte to before another.
    Between(u64, u64),
}

/// A piece of a file.
struct Piece {
    bytes: Vec<u8>,
    /// Where it begins.
    start: u64,
    /// The length of the whole file.
    length: u64,
    /// Whether who asked may keep it.
    keepable: bool,
}

impl<'a> Remote<'a> {
    /// Sets the clients up. They use the proxies and certificates of the environment.
    pub fn new(access: &'a dyn Credentials, options: &Options, deadline: Instant) -> Result<Self, RemoteError> {
        let client = |local| {
            client(options.idle, local, Reach::Any).build().map_err(|error| RemoteError::Connection(causes(error)))
        };
        let (http, local) = (client(false)?, client(true)?);
        let (requests, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { http, local, access, first_wait: options.first_wait, deadline, requests, bytes })
    }

    /// How many requests were made so far, and what came of them in bytes (`wire`, heads apart).
    pub fn traffic(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// The files of the archive at a URL, and its length. `claimed` is the length that the index tells; another one is
    /// an error.
    pub fn list(&self, url: &str, claimed: Option<u64>) -> Result<(Vec<ZipEntry>, u64), RemoteError> {
        self.read(url, claimed, &|_| false).map(|listed| (listed.files, listed.length))
    }

    /// As [`Remote::list`], and the contents of those files that are `wanted`.
    pub fn read(
        &self,
        url: &str,
        claimed: Option<u64>,
        wanted: &dyn Fn(&ZipEntry) -> bool,
    ) -> Result<Listed, RemoteError> {
        let no_url = |_| RemoteError::Shape("its place is no URL".into());
        let url = Url::parse(url).map_err(no_url)?;
        let fetch = |part: Part| match part {
            Part::Between(start, end) => self.piece(&url, &range(start, end)?),
            Part::Last(count) => match self.piece(&url, &format!("bytes=-{count}")) {
                // Some servers know only ranges from a beginning.
                Err(RemoteError::NoRanges | RemoteError::Status(416)) if claimed.is_some() => {
                    let length = claimed.unwrap_or_default();
                    self.piece(&url, &range(length.saturating_sub(count), length)?)
                }
                other => other,
            },
        };
        read_archive(&fetch, claimed, wanted)
    }

    /// Fetches a whole archive into a file that is empty, goes on where it was cut, and compares it with its digest.
    pub fn download(&self, url: &str, sha256: &str, to: &mut File, most: u64) -> Result<(), RemoteError> {
        let no_url = |_| RemoteError::Shape("its place is no URL".into());
        let url = Url::parse(url).map_err(no_url)?;
        let mut digest = Sha256Writer::default();
        let mut length = 0u64;
        let retries = Retries { tries: TRIES, first_wait: self.first_wait, deadline: Some(self.deadline) };
        let failed = |error| match &error {
            RemoteError::Connection(_) => Failed::ForNow(error, None),
            RemoteError::Status(status) if is_passing(*status) => Failed::ForNow(error, None),
            _ => Failed::Finally(error),
        };
        let got = retries.run(|| self.rest_of(&url, (&mut digest, &mut length), to, most).map_err(failed));
        got.map_err(|(error, _)| error)?;
        let found = digest.finish().hex();
        match found.eq_ignore_ascii_case(sha256) {
            true => Ok(()),
            false => Err(RemoteError::Shape(format!(
                "expected a file with the digest sha256:{sha256}, found sha256:{found}"
            ))),
        }
    }

    /// What is missing of a file, behind what is there.
    fn rest_of(
        &self,
        url: &Url,
        (digest, length): (&mut Sha256Writer, &mut u64),
        to: &mut File,
        most: u64,
    ) -> Result<(), RemoteError> {
        let client = if is_loopback(url) { &self.local } else { &self.http };
        let mut request = client.get(url.clone());
        if *length > 0 {
            request = request.header(RANGE, format!("bytes={length}-"));
        }
        if let Some((user, password)) = self.access.of(url) {
            request = request.basic_auth(user, Some(password));
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let lost = |error| RemoteError::Connection(causes(error));
        let mut response = request.send().map_err(lost)?;
        let from = match response.status().as_u16() {
            200 => 0,
            206 => {
                let header = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
                header
                    .and_then(content_range)
                    .map(|(start, ..)| start)
                    .filter(|start| start == length)
                    .ok_or_else(|| RemoteError::Shape("the server sent another part than was asked for".into()))?
            }
            status => return Err(RemoteError::Status(status)),
        };
        let cut = |error: std::io::Error| RemoteError::Connection(format!("the connection was cut: {error}"));
        let disk = |error: std::io::Error| RemoteError::Shape(format!("it cannot be kept: {error}"));
        let (mut skip, mut piece) = (*length - from, vec![0; 256 << 10]);
        let expected = response.content_length().map(|rest| from.saturating_add(rest));
        loop {
            let count = match response.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(cut(error)),
            };
            let known = skip.min(count as u64) as usize;
            skip -= known as u64;
            let new = &piece[known..count];
            *length += new.len() as u64;
            if *length > most {
                return Err(RemoteError::Shape(format!("it is longer than {most} bytes")));
            }
            digest.update(new);
            to.write_all(new).map_err(disk)?;
            self.bytes.fetch_add(count as u64, Ordering::Relaxed);
            if Instant::now() >= self.deadline {
                return Err(RemoteError::Late);
            }
        }
        match expected.is_none_or(|expected| expected == *length) {
            true => Ok(()),
            false => Err(RemoteError::Connection("the connection was cut".into())),
        }
    }

    /// Asks for a range until there is an answer.
    fn piece(&self, url: &Url, range: &str) -> Result<Piece, RemoteError> {
        let retries = Retries { tries: TRIES, first_wait: self.first_wait, deadline: Some(self.deadline) };
        let failed = |error| match &error {
            RemoteError::Connection(_) => Failed::ForNow(error, None),
            RemoteError::Status(status) if is_passing(*status) => Failed::ForNow(error, None),
            _ => Failed::Finally(error),
        };
        retries.run(|| self.once(url, range).map_err(failed)).map_err(|(error, _)| error)
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
        self.requests.fetch_add(1, Ordering::Relaxed);
        let response = request.send().map_err(lost)?;
        let piece = match response.status().as_u16() {
            206 => part(response, self.deadline),
            200 => whole(response, self.deadline),
            status => Err(RemoteError::Status(status)),
        }?;
        self.bytes.fetch_add(piece.bytes.len() as u64, Ordering::Relaxed);
        Ok(piece)
    }
}

/// The files of an archive on this machine's disk, as [`Remote::read`].
pub(crate) fn read_file(path: &std::path::Path, wanted: &dyn Fn(&ZipEntry) -> bool) -> Result<Listed, RemoteError> {
    let failed = |error: std::io::Error| RemoteError::Connection(error.to_string());
    let open = || -> Result<(std::fs::File, u64), RemoteError> {
        let file = std::fs::File::open(path).map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        if found.is_file() { Ok((file, found.len())) } else { Err(RemoteError::Shape("it is no file".into())) }
    };
    let fetch = |part: Part| {
        let (mut file, length) = open()?;
        let (start, end) = match part {
            Part::Last(count) => (length.saturating_sub(count), length),
            Part::Between(start, end) => (start, end.min(length)),
        };
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(end.saturating_sub(start)).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Piece { bytes, start, length, keepable: false })
    };
    read_archive(&fetch, None, wanted)
}

type Fetch<'f> = dyn Fn(Part) -> Result<Piece, RemoteError> + 'f;

fn read_archive(
    fetch: &Fetch<'_>,
    claimed: Option<u64>,
    wanted: &dyn Fn(&ZipEntry) -> bool,
) -> Result<Listed, RemoteError> {
    let mut tail = fetch(Part::Last(FIRST))?;
    if let Some(claimed) = claimed.filter(|claimed| *claimed != tail.length) {
        let found = tail.length;
        return Err(RemoteError::Shape(format!("the index says {claimed} bytes, the server {found}")));
    }
    let directory = match find_directory(&tail.bytes, tail.length) {
        // Its end may stand before a long comment.
        Err(ZipError::NoEnd | ZipError::Far) if tail.start > 0 => {
            tail = fetch(Part::Last(TAIL))?;
            find_directory(&tail.bytes, tail.length)?
        }
        found => found?,
    };
    if directory.offset < tail.start {
        tail = with_more(fetch, tail, directory)?;
    }
    let bytes = tail.within(directory.offset, directory.offset + directory.size).unwrap_or_default();
    let files = parse_directory(bytes, directory.entries)?;
    check_list(&files, directory.offset)?;
    let whole = (tail.start == 0 && tail.bytes.len() as u64 == tail.length).then(|| Digest::of(&tail.bytes));
    let chosen: Vec<usize> = (0..files.len()).filter(|at| wanted(&files[*at])).collect();
    let (length, keepable) = (tail.length, tail.keepable);
    let contents = contents(fetch, tail, &files, chosen, directory.offset)?;
    Ok(Listed { files, length, contents, keepable, whole })
}

/// What was fetched of the end, with the rest of the list before it, and with what stands before the list, of which a
/// list as long as that of the files themselves is the most.
fn with_more(fetch: &Fetch<'_>, tail: Piece, directory: Directory) -> Result<Piece, RemoteError> {
    let before = directory.size / 5 * 2 + (12 << 10);
    let start = directory.offset.saturating_sub(before);
    let mut more = fetch(Part::Between(start, tail.start))?;
    if more.start > start || more.start + (more.bytes.len() as u64) < tail.start || more.length != tail.length {
        return Err(RemoteError::Shape("the server sent another part than was asked for".into()));
    }
    more.bytes.truncate((tail.start - more.start) as usize);
    more.bytes.extend(tail.bytes);
    Ok(more)
}

/// The contents of the `chosen` files: from what is there, and where it is not, from as few parts as are sensible.
fn contents(
    fetch: &Fetch<'_>,
    tail: Piece,
    files: &[ZipEntry],
    mut chosen: Vec<usize>,
    end: u64,
) -> Result<BTreeMap<usize, Vec<u8>>, RemoteError> {
    chosen.sort_by_key(|at| files[*at].offset);
    let mut out = BTreeMap::new();
    let mut pieces = vec![tail];
    let mut read = 0u64;
    for (position, &at) in chosen.iter().enumerate() {
        let file = &files[at];
        let reach = (file.offset.saturating_add(file.reach())).min(end);
        if !pieces.iter().any(|piece| piece.within(file.offset, reach).is_some()) {
            // With those that follow soon.
            let mut last = reach;
            for next in chosen[position + 1..].iter().map(|at| &files[*at]) {
                let reach = next.offset.saturating_add(next.reach()).min(end);
                if next.offset > last + GAP {
                    break;
                }
                last = last.max(reach);
            }
            read += last.saturating_sub(file.offset);
            if read > MAX_READ || last <= file.offset {
                return Err(ZipError::TooMuch("files about itself of more than 32 MiB").into());
            }
            pieces.push(fetch(Part::Between(file.offset, last))?);
        }
        let bytes = pieces
            .iter()
            .find_map(|piece| piece.within(file.offset, reach))
            .ok_or_else(|| RemoteError::Shape("the server sent another part than was asked for".into()))?;
        out.insert(at, read_entry(bytes, file)?);
    }
    Ok(out)
}

impl Piece {
    /// The bytes of the file from a place to before another, if it has them.
    fn within(&self, start: u64, end: u64) -> Option<&[u8]> {
        let at = |place: u64| usize::try_from(place.checked_sub(self.start)?).ok();
        self.bytes.get(at(start)?..at(end)?)
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
fn part(response: Response, deadline: Instant) -> Result<Piece, RemoteError> {
    let header = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let (start, end, length) = header
        .and_then(content_range)
        .ok_or_else(|| RemoteError::Shape("expected a part with its place in the file (Content-Range)".into()))?;
    if end - start > MAX_DIRECTORY {
        return Err(RemoteError::Shape("the server sends a larger part than was asked for".into()));
    }
    let keepable = is_keepable(response.headers());
    let bytes = body(response, end - start, deadline)?;
    match bytes.len() as u64 == end - start {
        true => Ok(Piece { bytes, start, length, keepable }),
        false => Err(RemoteError::Shape(format!("expected a part of {} bytes, found {}", end - start, bytes.len()))),
    }
}

/// 200: all of it, if it is small.
fn whole(response: Response, deadline: Instant) -> Result<Piece, RemoteError> {
    if response.content_length().is_some_and(|length| length > MAX_WHOLE) {
        return Err(RemoteError::NoRanges);
    }
    let keepable = is_keepable(response.headers());
    let bytes = body(response, MAX_WHOLE, deadline)?;
    let length = bytes.len() as u64;
    if length > MAX_WHOLE { Err(RemoteError::NoRanges) } else { Ok(Piece { bytes, start: 0, length, keepable }) }
}

/// Whether a cache may keep an answer.
fn is_keepable(headers: &reqwest::header::HeaderMap) -> bool {
    let control = headers.get("cache-control").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let words: Vec<&str> = control.split(',').map(str::trim).collect();
    let age = words.iter().find_map(|word| word.strip_prefix("max-age=")?.parse::<u64>().ok());
    let has = |name: &str| headers.contains_key(name);
    !words.contains(&"no-store") && (has("etag") || age.is_some_and(|age| age > 0) || has("expires"))
}

/// A body, and no more than a byte too much of it. A server that sends it bit by bit has no more time than all others.
fn body(response: impl Read, most: u64, deadline: Instant) -> Result<Vec<u8>, RemoteError> {
    let mut bytes = Vec::new();
    let mut body = response.take(most + 1);
    let mut piece = vec![0; 16 << 10];
    loop {
        match body.read(&mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(RemoteError::Connection(format!("the connection was cut: {error}"))),
        }
        if Instant::now() >= deadline {
            return Err(RemoteError::Late);
        }
    }
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
