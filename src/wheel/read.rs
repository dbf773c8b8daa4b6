//! What many wheels have, read together: from the cache, from their servers, or from a folder.

use super::remote::{Listed, Remote, read_file};
use super::zip::ZipEntry;
use super::{Contents, Credentials, Options};
use crate::base::{Basis, FastMap, FastSet, Text, file_name, parent};
use crate::manifest::Artifact;
use crate::python::parse_record;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// How many wheels are looked at together.
const AT_ONCE: usize = 16;

/// A script of a wheel that is longer is a program, whose first line is nobody's to replace, in bytes.
const LONGEST_SCRIPT: u64 = 64 << 10;

/// The files about a wheel that are read.
const ABOUT: [&[u8]; 4] = [b"METADATA", b"WHEEL", b"entry_points.txt", b"top_level.txt"];

/// Larger ones are not read, in bytes.
const LONGEST_ABOUT: u64 = 8 << 20;

/// What a wheel has: its list, and the small files that say what it is. Read from its end, without the wheel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WheelInfo {
    /// Its files.
    pub contents: Contents,
    /// `METADATA`.
    pub metadata: Vec<u8>,
    /// `WHEEL`.
    pub wheel: Vec<u8>,
    /// `entry_points.txt`; empty where there is none.
    pub entry_points: Vec<u8>,
    /// `top_level.txt`; empty where there is none.
    pub top_level: Vec<u8>,
    /// The scripts of its `.data/scripts` that begin with `#!python`, which is replaced on installation, with the length
    /// of that line, its end included: `(position in the contents, bytes)`.
    pub shebangs: Vec<(u32, u32)>,
    /// Whether its server lets pip keep it in its cache.
    pub keepable: bool,
}

/// What each of the wheels has, in their order, or why that is not known; and the requests and bytes that it took.
pub(crate) fn read(
    wheels: &[&Artifact],
    access: &dyn Credentials,
    options: &Options,
    deadline: Instant,
) -> (Vec<Result<WheelInfo, String>>, (u64, u64)) {
    let remote = match Remote::new(access, options, deadline) {
        Ok(remote) => remote,
        Err(error) => return (wheels.iter().map(|_| Err(error.to_string())).collect(), (0, 0)),
    };
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(wheels.len())));
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(wheel) = wheels.get(at) else { return };
            let listed = info_of(wheel, &remote, options);
            // Others' results are whole, whatever became of them.
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, listed));
        }
    };
    std::thread::scope(|scope| {
        (0..AT_ONCE.min(wheels.len())).for_each(|_| drop(scope.spawn(work)));
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    (done.into_iter().map(|(_, listed)| listed).collect(), remote.traffic())
}

/// What a wheel has, from the cache or from its server. Only what has a digest is kept, under where it came from.
fn info_of(wheel: &Artifact, remote: &Remote<'_>, options: &Options) -> Result<WheelInfo, String> {
    let cache = options.cache.as_ref();
    let key = key_of(wheel);
    if let Some(known) = key.as_ref().zip(cache).and_then(|(key, cache)| cache.get::<WheelInfo>(key)) {
        return Ok(known);
    }
    let url = wheel.url.as_deref().ok_or("it is in a local folder")?;
    let listed = remote.read(url, wheel.size, &is_wanted).map_err(|error| error.to_string())?;
    let info = checked(listed, wheel.sha256())?;
    if let Some((key, cache)) = key.zip(cache) {
        cache.put(&key, &info);
    }
    Ok(info)
}

/// What a list is kept under. An index can claim any digest for its own files, so the digest alone would let one index
/// speak for another's.
fn key_of(wheel: &Artifact) -> Option<String> {
    let (url, digest) = (wheel.url.as_deref()?, wheel.sha256()?);
    let size = wheel.size.map_or_else(|| "?".to_owned(), |size| size.to_string());
    Some(format!("wheel {url} {} {size} sha256:{}", wheel.file, digest.to_ascii_lowercase()))
}

/// What a wheel on disk has.
pub(crate) fn read_local(path: &Path) -> Result<WheelInfo, String> {
    checked(read_file(path, &is_wanted).map_err(|error| error.to_string())?, None)
}

/// What was read, if it can be true; `sha256` is the wheel's digest in hexadecimal digits.
fn checked(listed: Listed, sha256: Option<&str>) -> Result<WheelInfo, String> {
    let verified = match listed.whole.zip(sha256) {
        Some((found, expected)) if !found.hex().eq_ignore_ascii_case(expected) => {
            return Err(format!("expected a file with the digest sha256:{expected}, found {found}"));
        }
        found => found.is_some(),
    };
    check_record(&listed)?;
    let basis = if verified { Basis::Measured } else { Basis::Predicted };
    WheelInfo::of(listed, basis).ok_or_else(|| "a path in it leads out of it".into())
}

/// A wheel says twice what it has: in the archive's list and in RECORD. Installers go by the one and check the other.
pub(super) fn check_record(listed: &Listed) -> Result<(), String> {
    let place = |at: &usize| &listed.files[*at].name;
    let Some((at, record)) = listed.contents.iter().find(|(at, _)| is_record(place(at))) else { return Ok(()) };
    let mut files: FastMap<&[u8], u64> = FastMap::default();
    files.extend(listed.files.iter().map(|file| (file.name.as_slice(), file.size)));
    let mut rows: FastSet<Vec<u8>> = FastSet::default();
    // A row has two bytes or more; of one file there is one.
    if memchr::memchr_iter(b'\n', record).count() > listed.files.len().saturating_mul(2) + 16 {
        return Err("its RECORD has more rows than it has files".into());
    }
    for row in parse_record(record).0 {
        let found = files.get(row.path.as_slice());
        if row.size.zip(found).is_some_and(|(size, found)| size != *found) {
            return Err(format!("its list and its RECORD differ on {}", Text::of_bytes(&row.path)));
        }
        rows.insert(row.path);
    }
    let info = parent(place(at));
    let signs =
        |name: &[u8]| parent(name) == info && matches!(file_name(name), b"RECORD" | b"RECORD.jws" | b"RECORD.p7s");
    let missing = listed
        .files
        .iter()
        .find(|file| !file.name.ends_with(b"/") && !signs(&file.name) && !rows.contains(file.name.as_slice()));
    match missing {
        Some(file) => Err(format!("its RECORD does not list {}", Text::of_bytes(&file.name))),
        None => Ok(()),
    }
}

pub(super) fn is_record(path: &[u8]) -> bool {
    let folder = parent(path);
    file_name(path) == b"RECORD" && folder.ends_with(b".dist-info") && !folder.contains(&b'/')
}

/// Whether a file is read itself.
pub(super) fn is_wanted(entry: &ZipEntry) -> bool {
    let folder = parent(&entry.name);
    let is_about =
        folder.ends_with(b".dist-info") && !folder.contains(&b'/') && ABOUT.contains(&file_name(&entry.name));
    ((is_about || is_record(&entry.name)) && entry.size <= LONGEST_ABOUT)
        || (is_script(&entry.name) && entry.size <= LONGEST_SCRIPT)
}

/// Whether a file goes where programs are.
pub(super) fn is_script(path: &[u8]) -> bool {
    let mut parts = path.splitn(3, |&byte| byte == b'/');
    let (first, scheme, rest) = (parts.next(), parts.next(), parts.next());
    first.is_some_and(|first| first.ends_with(b".data"))
        && scheme == Some(b"scripts")
        && rest.is_some_and(|rest| !rest.is_empty())
}

impl WheelInfo {
    /// From what was read. `None` where a path leads out of the archive.
    pub(super) fn of(listed: Listed, basis: Basis) -> Option<Self> {
        let about = |name: &[u8]| {
            let found = listed.contents.iter().find(|(at, _)| {
                let path = &listed.files[**at].name;
                file_name(path) == name && !is_script(path)
            });
            found.map(|(_, content)| content.clone()).unwrap_or_default()
        };
        let [metadata, wheel, entry_points, top_level] = ABOUT.map(about);
        // Directories have no place in the contents.
        let is_file = |entry: &&ZipEntry| !entry.name.ends_with(b"/");
        let mut shebangs = Vec::new();
        for (at, content) in listed.contents.iter().filter(|(at, _)| is_script(&listed.files[**at].name)) {
            let position = listed.files[..*at].iter().filter(is_file).count();
            let line = content.iter().position(|&byte| byte == b'\n').map_or(content.len(), |end| end + 1);
            if content.starts_with(b"#!python") {
                shebangs.push((u32::try_from(position).ok()?, u32::try_from(line).ok()?));
            }
        }
        let keepable = listed.keepable;
        let contents = Contents::new(listed.files, listed.length, basis)?;
        Some(Self { contents, metadata, wheel, entry_points, top_level, shebangs, keepable })
    }
}
