//! Bytes of packages, from what packages say of themselves.
//!
//! `Installed-Size` is the sum of a package's files, each rounded up to KiB, and of one KiB for everything else that it
//! has (dpkg-gencontrol(1)), so the files take less, and the more of them there are the less. How many there are no index
//! tells, but they grow about as the root of the size: [`less`] was fitted to packages of Debian 12. Some sections
//! are of another kind ([`SECTIONS`]). What the image below shows of its own packages of a section counts beside it,
//! by weight. Python's modules are compiled when they are installed, so they take more than they say. apk's sizes are
//! bytes, and are taken as they are.

use super::fetch::Lists;
use super::index::Record;
use super::{Ratio, Settings};
use crate::os::{OsPackage, PackageManager};
use std::collections::BTreeMap;

/// Bytes that are taken for each that should be by [`less`], by section: all of them, and without the documentation and
/// translations that `path-exclude` leaves out in Docker's own images. Measured on 635 packages of Debian 12, 2.2 GB.
const SECTIONS: [(&str, f64, f64); 16] = [
    ("libs", 1.0, 0.948),
    ("libdevel", 0.984, 0.963),
    ("devel", 0.989, 0.877),
    ("database", 1.0, 1.0),
    ("python", 1.55, 1.5),
    ("utils", 0.983, 0.46),
    ("misc", 0.972, 0.35),
    ("vcs", 0.991, 0.7),
    ("admin", 0.937, 0.52),
    ("localization", 0.9, 0.6),
    ("doc", 0.7, 0.01),
    ("shells", 0.99, 0.2),
    ("x11", 0.96, 0.61),
    ("perl", 0.96, 0.94),
    ("web", 1.0, 0.99),
    ("java", 1.0, 1.0),
];

/// The same of others.
const OTHERS: (f64, f64) = (0.98, 0.94);

/// As many bytes of an image's packages of a section count as much as the table.
const WEIGHT: f64 = 60e6;

/// By how much files take less than is said: for each package, and for the root of its bytes.
const ROUNDING: (f64, f64) = (10_000.0, 32.0);

/// Nothing takes less than this part of what is said.
const LEAST: f64 = 0.4;

/// What packages take, for what they say.
pub(super) struct Ratios {
    excludes_documentation: bool,
    /// What the image's packages should take, and do, by section.
    by_section: BTreeMap<String, (f64, f64)>,
    packages: usize,
}

impl Ratios {
    /// Those of an image with these packages.
    pub(super) fn new(packages: &[OsPackage], settings: &Settings) -> Self {
        let excludes_documentation = settings.excludes_documentation;
        let mut out = Self { excludes_documentation, by_section: BTreeMap::new(), packages: 0 };
        for package in packages.iter().filter(|package| package.bytes > 0) {
            let Some(said) = package.declared.installed_size.filter(|said| *said > 0) else { continue };
            let (expected, taken) = out.by_section.entry(package.section.clone()).or_default();
            *expected += less(said);
            *taken += package.bytes as f64;
            out.packages += 1;
        }
        out
    }

    /// Bytes that a package's files take.
    fn apply(&self, section: &str, said: u64) -> u64 {
        let section = section.rsplit('/').next().unwrap_or_default();
        let row = SECTIONS.iter().find(|(name, ..)| *name == section);
        let (all, without) = row.map_or(OTHERS, |(_, all, without)| (*all, *without));
        let known = if self.excludes_documentation { without } else { all };
        let (expected, taken) = self.by_section.get(section).copied().unwrap_or_default();
        let ratio = (taken + known * WEIGHT) / (expected + WEIGHT);
        (less(said) * ratio).round() as u64
    }

    /// What came of it for some packages.
    pub(super) fn over(&self, said: u64, taken: u64) -> Ratio {
        let value = if said == 0 { 1.0 } else { taken as f64 / said as f64 };
        Ratio { value, packages: self.packages }
    }
}

/// What files should take for which a package says so many bytes.
fn less(said: u64) -> f64 {
    let said = said as f64;
    (said - ROUNDING.0 - ROUNDING.1 * said.sqrt()).max(said * LEAST)
}

/// Bytes of a package's files.
pub(super) fn files(manager: PackageManager, record: &Record, ratios: &Ratios) -> u64 {
    let said = record.declared.installed_size.unwrap_or(0);
    match manager {
        PackageManager::Dpkg => ratios.apply(&record.section, said),
        PackageManager::Apk => said,
    }
}

/// What a list takes where it stays compressed (lz4), for each byte of it.
const COMPRESSED: f64 = 0.376;

/// What `apt-get update` leaves in `var/lib/apt/lists`.
pub(super) fn lists(lists: &Lists, settings: &Settings) -> u64 {
    let translations = if settings.translations { lists.translations } else { 0 };
    let text = lists.packages.saturating_add(translations);
    let text = if settings.compresses_lists { (text as f64 * COMPRESSED) as u64 } else { text };
    text.saturating_add(lists.release)
}

/// What each of `pkgcache.bin` and `srcpkgcache.bin` takes for each byte of the indexes.
const BINARY_CACHE: f64 = 0.781;

/// What apt leaves in `var/cache/apt`.
pub(super) fn caches(lists: &Lists, settings: &Settings) -> u64 {
    if settings.keeps_caches { (lists.packages as f64 * BINARY_CACHE) as u64 * 2 } else { 0 }
}

/// What each of the two takes where there are no lists: hash tables of names and of groups, 4 bytes for each of 196,613 rows.
const EMPTY_CACHE: u64 = 1_594_200;

/// What `pkgcache.bin` takes for each installed package.
const CACHE_ROW: u64 = 1_650;

/// What apt leaves in `var/cache/apt` where it has no lists to read, of so many installed packages. Measured with apt 2.6.
pub fn empty_caches(installed: usize) -> u64 {
    2 * EMPTY_CACHE + CACHE_ROW * installed as u64
}

/// What dpkg and apt write about a package besides its fields: the files of `var/lib/dpkg/info` (lists, checksums,
/// scripts), rows of logs. Lists are as long as there are files: for each package, and for the root of its bytes.
const BESIDES: (f64, f64) = (7_500.0, 8.0);

/// The long description is no part of the index, but of the status.
const LONG_DESCRIPTION: u64 = 350;

/// Bytes that the package manager writes about a package.
pub(super) fn database(manager: PackageManager, record: &Record) -> u64 {
    match manager {
        // The status has a copy.
        PackageManager::Dpkg => {
            let said = record.declared.installed_size.unwrap_or(0) as f64;
            2 * (record.stanza + LONG_DESCRIPTION) + (BESIDES.0 + BESIDES.1 * said.sqrt()) as u64
        }
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
