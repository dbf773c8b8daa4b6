//! What a wheel becomes when it is installed: which of its files go where, and what the installer adds.
//!
//! Source: the binary distribution format
//! (<https://packaging.python.org/en/latest/specifications/binary-distribution-format/>) for the schemes below
//! `NAME.data`, PEP 627 for RECORD's rows, PEP 376 for INSTALLER and REQUESTED.

use super::remote::Remote;
use super::zip::ZipEntry;
use super::{Access, Artifact, Availability, Options, Wanted};
use crate::base::{ImagePath, file_name, parent};
use serde::{Deserialize, Serialize};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// How many wheels are looked at together.
const AT_ONCE: usize = 16;

/// A row that an installer adds to RECORD has this besides its path: digest and size of INSTALLER, or nothing.
const DIGEST_AND_SIZE: u64 = ",sha256=".len() as u64 + 43 + ",4\n".len() as u64;

/// What an installer writes about itself (`pip` or `uv` and a line break), in bytes at most.
const INSTALLER: u64 = 4;

/// What a wheel has, from its own list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Its files as `(path, unpacked bytes)`, in its order, directories left out.
    pub files: Vec<(Vec<u8>, u64)>,
    /// Its own size in bytes (`wire`, measured).
    pub wire: u64,
}

/// Where a distribution is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// `/usr/local`.
    pub prefix: ImagePath,
    /// `/usr/local/lib/python3.11/site-packages`.
    pub site_dir: ImagePath,
    /// `3.11`.
    pub python: String,
}

/// A file that an installation makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledFile {
    /// Where.
    pub path: ImagePath,
    /// Its bytes (`unpacked`).
    pub size: u64,
}

impl Contents {
    /// From an archive's list. `None` where a path leads out of the archive: no installer takes such a wheel.
    pub fn new(entries: Vec<ZipEntry>, wire: u64) -> Option<Self> {
        let files: Vec<_> = entries.into_iter().filter(|entry| !entry.name.ends_with(b"/")).collect();
        let leads_out = |name: &[u8]| {
            name.is_empty()
                || name.starts_with(b"/")
                || name.contains(&0)
                || name.split(|&b| b == b'/').any(|p| p == b"..")
        };
        let all_fine = files.iter().all(|entry| !leads_out(&entry.name));
        all_fine.then(|| Self { files: files.into_iter().map(|entry| (entry.name, entry.size)).collect(), wire })
    }

    /// What the files unpack to, in bytes (`unpacked`, measured).
    pub fn unpacked(&self) -> u64 {
        self.files.iter().fold(0, |sum, (_, size)| sum.saturating_add(*size))
    }

    /// Of these, Python source.
    pub fn source(&self) -> u64 {
        let source = self.files.iter().filter(|(path, _)| path.ends_with(b".py"));
        source.fold(0, |sum, (_, size)| sum.saturating_add(*size))
    }

    /// What is installed, bytecode apart: the wheel's files in their places, INSTALLER and REQUESTED, and RECORD with
    /// the rows that the installer adds. `bytecode` says whether there will be any, which RECORD lists. Scripts that are
    /// made from entry points are not in it: the list does not tell of them.
    pub fn installed(&self, name: &str, layout: &Layout, bytecode: bool) -> Vec<InstalledFile> {
        let mut out = Vec::new();
        let mut metadata: Option<ImagePath> = None;
        let mut added = 0u64;
        for (path, size) in &self.files {
            let place = place_of(path, name, layout);
            if bytecode && path.ends_with(b".py") {
                // `__pycache__/`, and `.cpython-311.pyc` for `.py`, with two commas.
                let tag = ".cpython-.pyc".len() - ".py".len() + layout.python.len() - 1;
                added += path.len() as u64 + "__pycache__/".len() as u64 + tag as u64 + ",,\n".len() as u64;
            }
            if parent(path).ends_with(b".dist-info") && !parent(path).contains(&b'/') {
                if matches!(file_name(path), b"RECORD.jws" | b"RECORD.p7s") {
                    continue;
                }
                metadata = Some(layout.site_dir.join(parent(path)));
            }
            out.push(InstalledFile { path: place, size: *size });
        }
        let Some(metadata) = metadata else { return out };
        for (file, size) in [("INSTALLER", INSTALLER), ("REQUESTED", 0)] {
            added += (file_name(metadata.as_bytes()).len() + 1 + file.len()) as u64 + DIGEST_AND_SIZE;
            out.push(InstalledFile { path: metadata.join(file.as_bytes()), size });
        }
        let record = metadata.join(b"RECORD");
        if let Some(record) = out.iter_mut().find(|file| file.path == record) {
            record.size = record.size.saturating_add(added);
        }
        out
    }
}

/// Where a wheel's file goes.
fn place_of(path: &[u8], name: &str, layout: &Layout) -> ImagePath {
    let mut parts = path.splitn(3, |&b| b == b'/');
    let (first, scheme, rest) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let (Some(scheme), Some(rest), true) = (scheme, rest, first.ends_with(b".data")) else {
        return layout.site_dir.join(path);
    };
    match scheme {
        b"scripts" => layout.prefix.join(b"bin").join(rest),
        b"data" => layout.prefix.join(rest),
        b"headers" => {
            let folder = format!("include/site/python{}/{name}", layout.python);
            layout.prefix.join(folder.as_bytes()).join(rest)
        }
        _ => layout.site_dir.join(rest),
    }
}

/// Reads what the wheels of those have of which it is wanted.
pub(super) fn measure(
    wanted: &[Wanted],
    found: &mut [Availability],
    access: &Access,
    options: &Options,
    deadline: Instant,
) {
    let jobs: Vec<(usize, Artifact)> = (wanted.iter().zip(&*found).enumerate())
        .filter(|(_, (wanted, _))| wanted.measure)
        .filter_map(|(at, (_, answer))| Some((at, answer.wheel.clone()?)))
        .collect();
    let remote = match Remote::new(access, options, deadline) {
        Ok(remote) => remote,
        Err(error) => {
            let reason = format!("its files could not be listed: {error}");
            return jobs.into_iter().for_each(|(at, _)| found[at].reason = reason.clone());
        }
    };
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((at, wheel)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let listed = contents_of(wheel, &remote, options);
            // Others' results are whole, whatever became of them.
            done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((*at, listed));
        }
    };
    std::thread::scope(|scope| {
        (0..AT_ONCE.min(jobs.len())).for_each(|_| drop(scope.spawn(work)));
    });
    for (at, listed) in done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        match listed {
            Ok(contents) => found[at].contents = Some(contents),
            Err(reason) => found[at].reason = format!("its files could not be listed: {reason}"),
        }
    }
}

/// What a wheel has, from the cache or from its server. Only what has a digest is kept, and found again by it.
fn contents_of(wheel: &Artifact, remote: &Remote<'_>, options: &Options) -> Result<Contents, String> {
    let cache = options.cache.as_ref();
    let key = wheel.sha256().map(|digest| format!("wheel sha256:{}", digest.to_ascii_lowercase()));
    if let Some(known) = key.as_ref().zip(cache).and_then(|(key, cache)| cache.get::<Contents>(key)) {
        return Ok(known);
    }
    let url = wheel.url.as_deref().ok_or("it is in a local folder")?;
    let (entries, length) = remote.list(url, wheel.size).map_err(|error| error.to_string())?;
    let contents = Contents::new(entries, length).ok_or("a path in it leads out of it")?;
    if let Some((key, cache)) = key.zip(cache) {
        cache.put(&key, &contents);
    }
    Ok(contents)
}
