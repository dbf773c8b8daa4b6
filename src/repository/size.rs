//! Bytes of packages, from what packages say of themselves.
//!
//! `Installed-Size` is the sum of a package's files, each rounded up to KiB, and of one KiB for everything else that it
//! has (dpkg-gencontrol(1)), so the files take less, and the more of them there are the less. How much less the image below shows: it
//! has packages of the same making, and their files. apk's sizes are bytes, and need no ratio.

use super::fetch::Lists;
use super::index::Record;
use super::{Ratio, Settings};
use crate::os::{OsPackage, PackageManager};

impl Default for Ratio {
    /// That of Debian 12 with some hundred packages.
    fn default() -> Self {
        Self { value: 0.95, packages: 0 }
    }
}

impl Ratio {
    /// That of an image's packages whose files are there.
    pub fn of(packages: &[OsPackage]) -> Self {
        let mut out = Self { value: 0.0, packages: 0 };
        let (mut said, mut taken) = (0u64, 0u64);
        for package in packages.iter().filter(|package| package.bytes > 0) {
            let Some(size) = package.declared.installed_size.filter(|size| *size > 0) else { continue };
            said = said.saturating_add(size);
            taken = taken.saturating_add(package.bytes);
            out.packages += 1;
        }
        if out.packages == 0 {
            return Self::default();
        }
        out.value = taken as f64 / said as f64;
        out
    }

    /// Bytes for what is said.
    fn apply(self, bytes: u64) -> u64 {
        (bytes as f64 * self.value).round() as u64
    }
}

/// Bytes of a package's files.
pub(super) fn files(manager: PackageManager, record: &Record, ratio: Ratio) -> u64 {
    let said = record.declared.installed_size.unwrap_or(0);
    match manager {
        PackageManager::Dpkg => ratio.apply(said),
        PackageManager::Apk => said,
    }
}

/// What a list takes where it stays compressed (lz4), for each byte of it.
const COMPRESSED: f64 = 0.4;

/// What `apt-get update` leaves in `var/lib/apt/lists`.
pub(super) fn lists(lists: &Lists, settings: &Settings) -> u64 {
    let translations = if settings.translations { lists.translations } else { 0 };
    let text = lists.packages.saturating_add(translations);
    let text = if settings.compresses_lists { (text as f64 * COMPRESSED) as u64 } else { text };
    text.saturating_add(lists.release)
}

/// What apt leaves in `var/cache/apt`.
pub(super) fn caches(lists: &Lists, settings: &Settings) -> u64 {
    if settings.keeps_caches { lists.packages } else { 0 }
}

/// Bytes that the package manager writes about a package.
pub(super) fn database(manager: PackageManager, record: &Record) -> u64 {
    match manager {
        PackageManager::Dpkg => record.stanza,
        PackageManager::Apk => record.stanza,
    }
}

/// A stanza of the package manager's database.
pub(super) fn stanza(manager: PackageManager, record: &Record) -> Vec<u8> {
    let declared = &record.declared;
    let size = declared.installed_size;
    let kib = size.map(|size| (size / 1024).to_string()).unwrap_or_default();
    let bytes = size.map(|size| size.to_string()).unwrap_or_default();
    let essential = if record.essential { "yes" } else { "" };
    let of_dpkg = [
        ("Package", record.name.as_str()),
        ("Essential", essential),
        ("Status", "install ok installed"),
        ("Priority", &record.priority),
        ("Section", &record.section),
        ("Installed-Size", &kib),
        ("Architecture", &record.architecture),
        ("Multi-Arch", &declared.multi_arch),
        ("Version", &record.version),
        ("Provides", &declared.provides),
        ("Depends", &declared.depends),
        ("Recommends", &declared.recommends),
        ("Suggests", &declared.suggests),
        ("Conflicts", &declared.conflicts),
    ];
    let of_apk = [
        ("P", record.name.as_str()),
        ("V", &record.version),
        ("A", &record.architecture),
        ("I", &bytes),
        ("D", &declared.depends),
        ("p", &declared.provides),
        ("i", &declared.install_if),
    ];
    let (fields, between) = match manager {
        PackageManager::Dpkg => (&of_dpkg[..], ": "),
        PackageManager::Apk => (&of_apk[..], ":"),
    };
    let lines = fields.iter().filter(|(_, value)| !value.is_empty());
    let text: String = lines.map(|(name, value)| format!("{name}{between}{value}\n")).collect();
    (text + "\n").into_bytes()
}
