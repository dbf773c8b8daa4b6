//! What a wheel becomes when it is installed: which of its files go where, and what the installer adds.
//!
//! Source: the binary distribution format
//! (<https://packaging.python.org/en/latest/specifications/binary-distribution-format/>) for the schemes below
//! `NAME.data`, PEP 627 for RECORD's rows, PEP 376 for INSTALLER and REQUESTED.

use super::zip::ZipEntry;
use crate::base::{Basis, ImagePath, file_name, parent};
use serde::{Deserialize, Serialize};

/// A row that an installer adds to RECORD has this besides its path: digest and size of INSTALLER, or nothing.
const DIGEST_AND_SIZE: u64 = ",sha256=".len() as u64 + 43 + ",4\n".len() as u64;

/// What an installer writes about itself (`pip` or `uv` and a line break), in bytes at most.
const INSTALLER: u64 = 4;

/// A file of a wheel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WheelFile {
    /// Its path in the wheel.
    pub path: Vec<u8>,
    /// Its bytes (`unpacked`).
    pub size: u64,
    /// The CRC-32 of its content: with another size or another CRC it is another file; with the same it is presumably
    /// the same.
    pub crc32: u32,
}

/// What a wheel has, from its own list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Its files, in its order, directories left out.
    pub files: Vec<WheelFile>,
    /// Its own size in bytes (`wire`).
    pub wire: u64,
    /// Measured where the whole wheel was compared with its digest; else its server's word, which nobody can verify by the
    /// list alone.
    pub basis: Basis,
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
    /// The CRC-32 of its content, where it comes from a wheel as it is.
    pub crc32: Option<u32>,
}

impl Contents {
    /// From an archive's list. `None` where a path leads out of the archive: no installer takes such a wheel.
    pub fn new(entries: Vec<ZipEntry>, wire: u64, basis: Basis) -> Option<Self> {
        let files: Vec<_> = entries.into_iter().filter(|entry| !entry.name.ends_with(b"/")).collect();
        let leads_out = |name: &[u8]| {
            name.is_empty()
                || name.starts_with(b"/")
                || name.contains(&0)
                || name.split(|&b| b == b'/').any(|p| p == b"..")
        };
        let all_fine = files.iter().all(|entry| !leads_out(&entry.name));
        let file = |entry: ZipEntry| WheelFile { path: entry.name, size: entry.size, crc32: entry.crc32 };
        all_fine.then(|| Self { files: files.into_iter().map(file).collect(), wire, basis })
    }

    /// What the files unpack to, in bytes (`unpacked`, on the list's basis).
    pub fn unpacked(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// Of these, Python source.
    pub fn source(&self) -> u64 {
        let source = self.files.iter().filter(|file| file.path.ends_with(b".py"));
        source.fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// What is installed, bytecode apart: the wheel's files in their places, INSTALLER and REQUESTED, and RECORD with
    /// the rows that the installer adds. `bytecode` says whether there will be any, which RECORD lists. Scripts that are
    /// made from entry points are not in it: the list does not tell of them, but [`super::WheelInfo::installed`] does.
    pub fn installed(&self, name: &str, layout: &Layout, bytecode: bool) -> Vec<InstalledFile> {
        let mut out = Vec::new();
        let mut metadata: Option<ImagePath> = None;
        let mut added = 0u64;
        for WheelFile { path, size, crc32 } in &self.files {
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
            out.push(InstalledFile { path: place, size: *size, crc32: Some(*crc32) });
        }
        let Some(metadata) = metadata else { return out };
        for (file, size) in [("INSTALLER", INSTALLER), ("REQUESTED", 0)] {
            added += (file_name(metadata.as_bytes()).len() + 1 + file.len()) as u64 + DIGEST_AND_SIZE;
            out.push(InstalledFile { path: metadata.join(file.as_bytes()), size, crc32: None });
        }
        let record = metadata.join(b"RECORD");
        if let Some(record) = out.iter_mut().find(|file| file.path == record) {
            record.size = record.size.saturating_add(added);
            record.crc32 = None;
        }
        out
    }
}

/// Where a wheel's file goes.
pub(super) fn place_of(path: &[u8], name: &str, layout: &Layout) -> ImagePath {
    let mut parts = path.splitn(3, |&b| b == b'/');
    let (first, scheme, rest) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let (Some(scheme), Some(rest), true) = (scheme, rest, first.ends_with(b".data")) else {
        return layout.site_dir.join(path);
    };
    match scheme {
        b"scripts" => layout.prefix.join(b"bin").join(rest),
        b"data" => layout.prefix.join(rest),
        b"headers" => {
            // A virtual environment has a folder of its own for them. Debian's own Python has them beside its own headers,
            // wherever modules go.
            let is_system = matches!(layout.prefix.as_bytes(), b"usr" | b"usr/local");
            let is_debian = is_system && file_name(layout.site_dir.as_bytes()) == b"dist-packages";
            let site = if is_system { "" } else { "site/" };
            let folder = format!("include/{site}python{}/{name}", layout.python);
            let prefix = if is_debian { &ImagePath::from("usr") } else { &layout.prefix };
            prefix.join(folder.as_bytes()).join(rest)
        }
        _ => layout.site_dir.join(rest),
    }
}
