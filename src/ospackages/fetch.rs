//! Indexes on servers, and in the cache.
//!
//! What a suite says of itself is asked for again when it was not for a while ([`super::Options::trusted`]), with the
//! server's own words for its version (`ETag`, `Last-Modified`). An index is kept under its digest, for good.
//!
//! Source: RFC 9110, section 13 (conditional requests); Debian's page on the format of repositories (where indexes
//! are, `by-hash`).

use super::index::{Index, parse_apkindex, parse_packages};
use super::release::{ListedFile, Release, parse_release};
use super::{Options, Source};
use crate::base::{Digest, Text, masked};
use crate::http::{Failed, Reach, Retries, causes, client, is_loopback, is_passing};
use crate::layer::{Limits, Streamed, visit_tar};
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use reqwest::Url;
use reqwest::blocking::{Client, Response};
use reqwest::header::{ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How often a request is tried.
const TRIES: u32 = 3;
/// Largest `InRelease`.
const MAX_RELEASE: u64 = 16 << 20;
/// Largest index, as it is sent.
const MAX_WIRE: u64 = 64 << 20;
/// Largest index, unpacked.
const MAX_UNPACKED: u64 = 256 << 20;
/// Memory of all indexes together, in bytes. Debian's and Ubuntu's largest take about 40 MB each.
const MAX_KEPT: usize = 192 << 20;
/// Memory that an xz file may ask for, in KiB: `xz -9` takes 65 MiB.
const MAX_XZ_MEMORY: u32 = 96 << 10;

/// The compressions that are read, the one that sends least first.
const COMPRESSIONS: [&str; 4] = [".xz", ".zst", ".gz", ""];

/// Asks servers. Shared by threads.
pub(super) struct Fetcher<'a> {
    http: Client,
    /// For servers on this machine.
    local: Client,
    options: &'a Options,
    deadline: Instant,
    /// Held by who unpacks an index.
    reading: Mutex<()>,
    /// Memory of the indexes so far, in bytes.
    kept: AtomicUsize,
    pub downloaded: AtomicU64,
    pub requests: AtomicU64,
}

/// What a server calls the version that it sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    etag: Option<String>,
    modified: Option<String>,
}

enum Answer {
    Body(Vec<u8>, Version),
    Unchanged,
    Missing,
}

/// What was read before of something that changes, and when it was asked for last, in seconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known<T> {
    checked: u64,
    version: Version,
    value: T,
}

/// A suite that was read.
pub(super) struct Suite {
    pub release: Release,
    pub indexes: Vec<Index>,
    pub lists: Lists,
    /// Why it may be out of date.
    pub stale: Option<String>,
}

/// What apt's lists of a suite take, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lists {
    /// `InRelease`.
    pub release: u64,
    /// Indexes of packages, unpacked.
    pub packages: u64,
    /// Translated descriptions, unpacked.
    pub translations: u64,
}

impl Lists {
    pub(super) fn add(&mut self, other: Self) {
        self.release = self.release.saturating_add(other.release);
        self.packages = self.packages.saturating_add(other.packages);
        self.translations = self.translations.saturating_add(other.translations);
    }
}

impl<'a> Fetcher<'a> {
    pub(super) fn new(options: &'a Options) -> Result<Self, String> {
        let client = |local| client(options.idle, local, Reach::Any).build().map_err(causes);
        let counter = AtomicU64::default;
        Ok(Self {
            http: client(false)?,
            local: client(true)?,
            options,
            deadline: Instant::now() + options.wait,
            reading: Mutex::default(),
            kept: AtomicUsize::default(),
            downloaded: counter(),
            requests: counter(),
        })
    }

    /// Reads a suite of Debian's kind: its `InRelease`, and the indexes of its components.
    pub(super) fn suite(&self, source: &Source, architecture: &str) -> Result<Suite, String> {
        let folder = match source.suite.strip_suffix('/') {
            Some(_) => format!("{}/{}", source.uri.trim_end_matches('/'), source.suite),
            None => format!("{}/dists/{}/", source.uri.trim_end_matches('/'), source.suite),
        };
        let folder = Url::parse(&folder.replace("$(ARCH)", architecture)).map_err(|_| "it is no URL".to_owned())?;
        let (mut suite, size) = self.release(&folder)?;
        let release = &suite.release;
        let mut lists = Lists { release: size, ..Lists::default() };
        let mut indexes = Vec::new();
        for path in places(source, architecture, release)? {
            let listed = release.file(&path);
            lists.packages += listed.map_or(0, |file| file.size);
            indexes.push(self.index(&folder, release, &path)?);
        }
        for component in &source.components {
            lists.translations += release.file(&format!("{component}/i18n/Translation-en")).map_or(0, |file| file.size);
        }
        (suite.indexes, suite.lists) = (indexes, lists);
        Ok(suite)
    }

    /// What a suite says of itself, and how long that is.
    fn release(&self, folder: &Url) -> Result<(Suite, u64), String> {
        let key = format!("release {folder}");
        let known = self.known::<(Release, u64)>(&key);
        let suite = |release, stale| Suite { release, indexes: Vec::new(), lists: Lists::default(), stale };
        if let Some(known) = known.as_ref().filter(|known| self.is_fresh(known)) {
            return Ok((suite(known.value.0.clone(), None), known.value.1));
        }
        let version = known.as_ref().map(|known| &known.version);
        let read = || {
            let in_release = join(folder, "InRelease")?;
            let answer = match self.get(&in_release, MAX_RELEASE, version)? {
                Answer::Missing => self.get(&join(folder, "Release")?, MAX_RELEASE, version)?,
                other => other,
            };
            match answer {
                Answer::Missing => Err("neither `InRelease` nor `Release` is there (HTTP 404)".to_owned()),
                Answer::Unchanged => Ok(None),
                Answer::Body(bytes, version) => {
                    let release = parse_release(&bytes).map_err(|why| format!("InRelease: {why}"))?;
                    Ok(Some(((release, bytes.len() as u64), version)))
                }
            }
        };
        let (value, stale) = self.renewed(&key, known.clone(), read())?;
        Ok((suite(value.0, stale), value.1))
    }

    /// What came of asking again: the new value, or the known one, and why it may be out of date.
    fn renewed<T: Clone + Serialize>(
        &self,
        key: &str,
        known: Option<Known<T>>,
        read: Result<Option<(T, Version)>, String>,
    ) -> Result<(T, Option<String>), String> {
        let (value, version) = match (read, known) {
            (Ok(Some(new)), _) => new,
            (Ok(None), Some(known)) => (known.value, known.version),
            (Ok(None), None) => return Err("the server says that nothing changed, and nothing was known".into()),
            (Err(why), Some(known)) => {
                return Ok((known.value, Some(format!("what was read before is used, because {why}"))));
            }
            (Err(why), None) => return Err(why),
        };
        if let Some(cache) = &self.options.cache {
            cache.put(key, &Known { checked: now(), version, value: value.clone() });
        }
        Ok((value, None))
    }

    fn known<T: serde::de::DeserializeOwned>(&self, key: &str) -> Option<Known<T>> {
        self.options.cache.as_ref()?.get(key)
    }

    /// A clock that was set back makes nothing fresh.
    fn is_fresh<T>(&self, known: &Known<T>) -> bool {
        now().checked_sub(known.checked).is_some_and(|age| age < self.options.trusted.as_secs())
    }

    /// An index of packages: from the cache, or in the compression that sends least.
    fn index(&self, folder: &Url, release: &Release, path: &str) -> Result<Index, String> {
        let files =
            || COMPRESSIONS.iter().filter_map(|ending| Some((release.file(&format!("{path}{ending}"))?, *ending)));
        let plain = release.file(path);
        let Some((file, ending)) = files().next() else {
            return Err(format!("{path}: expected it compressed with xz, zstd or gzip, found none of them"));
        };
        // With where it is from: what a suite says of a file that is not read is a claim, and no other suite's to believe.
        let key = format!("packages {folder}{path} {}", file.digest);
        let kept = self.options.cache.as_ref().and_then(|cache| cache.get::<Index>(&key));
        if let Some(index) = kept {
            return self.count(index);
        }
        let bytes = self.listed(folder, release, file)?;
        let most = plain.map_or(MAX_UNPACKED, |plain| plain.size.min(MAX_UNPACKED));
        // One after another: what is read takes more memory than what is kept.
        let alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let index = unpack(&bytes, ending, most).and_then(parse_packages);
        drop((alone, bytes));
        let index = index.map_err(|why| format!("{}: {why}", file.path))?;
        if let Some(cache) = &self.options.cache {
            cache.put(&key, &index);
        }
        self.count(index)
    }

    /// Counts what an index takes. Too many are refused together, though each of them may be as large.
    fn count(&self, index: Index) -> Result<Index, String> {
        let all = self.kept.fetch_add(index.memory(), Ordering::Relaxed).saturating_add(index.memory());
        match all {
            0..=MAX_KEPT => Ok(index),
            _ => Err(format!("the indexes of all sources take more than {MAX_KEPT} bytes of memory")),
        }
    }

    /// A file that a suite lists, verified.
    fn listed(&self, folder: &Url, release: &Release, file: &ListedFile) -> Result<Vec<u8>, String> {
        let wrong = |why: String| format!("{}: {why}", file.path);
        if file.size > MAX_WIRE {
            return Err(wrong(format!("expected at most {MAX_WIRE} bytes, found {}", file.size)));
        }
        let by_hash = release.by_hash.then(|| {
            let at = file.path.rfind('/').map_or(0, |slash| slash + 1);
            format!("{}by-hash/SHA256/{}", &file.path[..at], file.digest.hex())
        });
        for path in by_hash.iter().chain([&file.path]) {
            let Answer::Body(bytes, _) = self.get(&join(folder, path)?, file.size, None).map_err(wrong)? else {
                continue;
            };
            let found = Digest::of(&bytes);
            if found == file.digest {
                return Ok(bytes);
            }
            if by_hash.as_ref() != Some(path) {
                return Err(wrong(format!(
                    "expected {}, found {found}: the mirror is being renewed, or damaged",
                    file.digest
                )));
            }
        }
        Err(wrong("it is not there (HTTP 404)".into()))
    }

    /// Reads a repository of Alpine's; the architecture is as apk names it (`x86_64`).
    pub(super) fn alpine(&self, source: &Source, architecture: &str) -> Result<Suite, String> {
        let place = format!("{}/{architecture}/APKINDEX.tar.gz", source.uri.trim_end_matches('/'));
        let url = Url::parse(&place).map_err(|_| "it is no URL".to_owned())?;
        let key = format!("apkindex {url}");
        let known = self.known::<(Index, u64)>(&key);
        let suite = |(index, size): (Index, u64), stale| {
            let lists = Lists { packages: size, ..Lists::default() };
            Ok(Suite { release: Release::default(), indexes: vec![self.count(index)?], lists, stale })
        };
        let known = match known {
            Some(known) if self.is_fresh(&known) => return suite(known.value, None),
            known => known,
        };
        let version = known.as_ref().map(|known| known.version.clone());
        let read = || match self.get(&url, MAX_WIRE, version.as_ref())? {
            Answer::Missing => Err("`APKINDEX.tar.gz` is not there (HTTP 404)".to_owned()),
            Answer::Unchanged => Ok(None),
            Answer::Body(bytes, version) => {
                // One after another: what is read takes more memory than what is kept.
                let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(Some(((apkindex(&bytes)?, bytes.len() as u64), version)))
            }
        };
        let read = read();
        let (value, stale) = self.renewed(&key, known, read)?;
        suite(value, stale)
    }

    /// Asks until there is an answer.
    fn get(&self, url: &Url, most: u64, known: Option<&Version>) -> Result<Answer, String> {
        let retries = Retries { tries: TRIES, first_wait: self.options.first_wait, deadline: Some(self.deadline) };
        let failed = |(why, passing)| if passing { Failed::ForNow(why, None) } else { Failed::Finally(why) };
        retries.run(|| self.once(url, most, known).map_err(failed)).map_err(|(why, _)| why)
    }

    /// The error says whether trying again may help.
    fn once(&self, url: &Url, most: u64, known: Option<&Version>) -> Result<Answer, (String, bool)> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(("there was no time left for it".into(), false));
        }
        let client = if is_loopback(url) { &self.local } else { &self.http };
        let mut request = client.get(url.clone());
        if let Some(known) = known {
            let headers = [(IF_NONE_MATCH, &known.etag), (IF_MODIFIED_SINCE, &known.modified)];
            for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
                request = request.header(name, value);
            }
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let lost = |error: reqwest::Error| {
            let lasting = error.is_redirect() || error.is_builder();
            let why = if error.is_timeout() { "the server did not answer in time".into() } else { causes(error) };
            (masked(&why), !lasting)
        };
        let response = request.send().map_err(lost)?;
        match response.status().as_u16() {
            200 => self.body(response, most),
            304 if known.is_some() => Ok(Answer::Unchanged),
            404 | 410 => Ok(Answer::Missing),
            status @ (401 | 403) => Err((format!("HTTP {status}: passwords of apt and apk are not read"), false)),
            status => Err((format!("expected HTTP 200, found {status}"), is_passing(status))),
        }
    }

    fn body(&self, response: Response, most: u64) -> Result<Answer, (String, bool)> {
        let version =
            Version { etag: header(response.headers(), ETAG), modified: header(response.headers(), LAST_MODIFIED) };
        let stated = response.content_length();
        let too_long = |found: u64| (format!("expected at most {most} bytes, found {found} or more"), false);
        if let Some(stated) = stated.filter(|stated| *stated > most) {
            return Err(too_long(stated));
        }
        let mut bytes = Vec::new();
        let mut reader = response.take(most.saturating_add(1));
        let mut piece = vec![0; 64 << 10];
        loop {
            let count = match reader.read(&mut piece) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err((format!("the connection was cut: {}", Text::of(&error)), true));
                }
                Ok(count) => count,
            };
            self.downloaded.fetch_add(count as u64, Ordering::Relaxed);
            if count == 0 {
                break;
            }
            bytes.extend_from_slice(&piece[..count]);
            if Instant::now() >= self.deadline {
                return Err(("there was no time left for it".into(), false));
            }
        }
        match bytes.len() as u64 {
            length if length > most => Err(too_long(length)),
            length if stated.is_some_and(|stated| stated != length) => Err(("the connection was cut".into(), true)),
            _ => Ok(Answer::Body(bytes, version)),
        }
    }
}

/// Where the indexes of a source are, relative to the suite's folder.
fn places(source: &Source, architecture: &str, release: &Release) -> Result<Vec<String>, String> {
    if source.suite.ends_with('/') {
        return Ok(vec!["Packages".to_owned()]);
    }
    let mut out = Vec::new();
    for component in &source.components {
        let at = |architecture: &str| format!("{component}/binary-{architecture}/Packages");
        let is_listed =
            |path: &String| COMPRESSIONS.iter().any(|ending| release.file(&format!("{path}{ending}")).is_some());
        let own = at(architecture);
        if !is_listed(&own) {
            return Err(format!("expected the component `{}` for {architecture}, found none", Text::from(component)));
        }
        out.push(own);
        out.extend(Some(at("all")).filter(|all| !release.all_in_each && is_listed(all)));
    }
    Ok(out)
}

fn join(folder: &Url, path: &str) -> Result<Url, String> {
    folder.join(path).map_err(|_| "it is no URL".to_owned())
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// The bytes of a compressed file, and an error behind so many of them.
pub(super) fn unpack<'b>(bytes: &'b [u8], ending: &str, most: u64) -> Result<impl BufRead + use<'b>, String> {
    let reader: Box<dyn Read> = match ending {
        ".xz" => Box::new(XzReader::new_mem_limit(bytes, true, MAX_XZ_MEMORY)),
        ".gz" => Box::new(MultiGzDecoder::new(bytes)),
        ".zst" => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(|error| error.to_string())?;
            // 64 MiB; RFC 8878, 3.1.1.1.2, has 8 MiB as what every decoder takes.
            decoder.window_log_max(26).map_err(|error| error.to_string())?;
            Box::new(decoder)
        }
        _ => Box::new(bytes),
    };
    Ok(BufReader::with_capacity(64 << 10, Bounded { reader, left: most }))
}

/// A reader that does not end before its time, but fails when there is too much.
struct Bounded<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| std::io::Error::other("it unpacks to more than it should"))?;
        Ok(count)
    }
}

/// The index in an `APKINDEX.tar.gz`: gzip of several members, a signature before the tar.
pub fn apkindex(bytes: &[u8]) -> Result<Index, String> {
    let reader = Bounded { reader: MultiGzDecoder::new(bytes), left: MAX_UNPACKED };
    let mut found = None;
    let mut visit = |entry: &crate::layer::Entry, body: &mut dyn Read| {
        if entry.path.as_bytes() == b"APKINDEX" {
            found = Some(parse_apkindex(BufReader::new(body)));
        }
    };
    let limits = Limits { unpacked: MAX_UNPACKED, entries: 1_000, ..Limits::default() };
    visit_tar(&mut Streamed(reader), &limits, &mut visit).map_err(|error| format!("APKINDEX.tar.gz: {error}"))?;
    found
        .unwrap_or_else(|| Err("expected a file `APKINDEX`, found none".into()))
        .map_err(|why| format!("APKINDEX.tar.gz: {why}"))
}
