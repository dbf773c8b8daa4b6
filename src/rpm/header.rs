//! A package's header: how many entries, how many bytes of data, the entries (tag, type, offset, count), the data. All
//! numbers have their highest byte first. In a database the eight bytes of magic that `.rpm` files have are left out.

use super::package::{MAX_HEADER, RpmPackage, big};
use std::collections::BTreeSet;

/// Entries of one header; there are some hundred tags.
const MAX_ENTRIES: usize = 10_000;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const SIZE: u32 = 1009;
const VENDOR: u32 = 1011;
const GROUP: u32 = 1016;
const ARCH: u32 = 1022;
const OLD_FILE_NAMES: u32 = 1027;
const FILE_STATES: u32 = 1029;
const PROVIDES: u32 = 1047;
const REQUIRE_FLAGS: u32 = 1048;
const REQUIRES: u32 = 1049;
const DIR_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIR_NAMES: u32 = 1118;
const LONG_SIZE: u32 = 5009;
const RECOMMENDS: u32 = 5046;

/// Of a requirement: scripts need it while they run, rpm itself needs it, or its own configuration stands for it
/// (`RPMSENSE_SCRIPT_PRE` to `RPMSENSE_SCRIPT_POSTUN`, `RPMSENSE_RPMLIB`, `RPMSENSE_CONFIG`).
const SCRIPTS: u32 = 0b1111 << 9;
const LIBRARY_OF_RPM: u32 = 1 << 24;
const CONFIGURATION: u32 = 1 << 28;

/// A header's entries.
struct Header<'h> {
    entries: &'h [u8],
    data: &'h [u8],
}

impl<'h> Header<'h> {
    fn new(blob: &'h [u8]) -> Option<Self> {
        // As in a file: the magic stands before it.
        let blob = blob.strip_prefix(&[0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0]).unwrap_or(blob);
        let (count, bytes) = (big(blob, 0)? as usize, big(blob, 4)? as usize);
        if count > MAX_ENTRIES || bytes > MAX_HEADER {
            return None;
        }
        let entries = blob.get(8..8 + 16 * count)?;
        let data = blob.get(8 + 16 * count..)?.get(..bytes)?;
        Some(Self { entries, data })
    }

    /// Type, data from its beginning, and how many of an entry.
    fn entry(&self, tag: u32) -> Option<(u32, &'h [u8], usize)> {
        let entry = self.entries.chunks_exact(16).find(|entry| big(entry, 0) == Some(tag))?;
        let data = self.data.get(big(entry, 8)? as usize..)?;
        Some((big(entry, 4)?, data, big(entry, 12)? as usize))
    }

    /// Strings: one, several, or one in several languages, of which the first is taken.
    fn strings(&self, tag: u32) -> Vec<String> {
        let Some((kind, data, count)) = self.entry(tag).filter(|(kind, ..)| matches!(kind, 6 | 8 | 9)) else {
            return Vec::new();
        };
        let count = if kind == 8 { count } else { 1 };
        // A text without an end is none.
        let mut texts = data.split_inclusive(|&byte| byte == 0).filter_map(|text| text.strip_suffix(&[0]));
        texts.by_ref().take(count).map(|text| String::from_utf8_lossy(text).into_owned()).collect()
    }

    fn string(&self, tag: u32) -> String {
        self.strings(tag).into_iter().next().unwrap_or_default()
    }

    /// Numbers of one, two, four or eight bytes.
    fn numbers(&self, tag: u32) -> Vec<u64> {
        let Some((kind, data, count)) = self.entry(tag) else { return Vec::new() };
        let width = match kind {
            1 | 2 => 1,
            3 => 2,
            4 => 4,
            5 => 8,
            _ => return Vec::new(),
        };
        let number = |bytes: &[u8]| bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        data.chunks_exact(width).take(count).map(number).collect()
    }
}

/// What a header says; nothing where it is damaged.
pub(super) fn parse(blob: &[u8]) -> Option<RpmPackage> {
    let header = Header::new(blob)?;
    let epoch = header.numbers(EPOCH).first().copied().filter(|epoch| *epoch > 0);
    let (version, release) = (header.string(VERSION), header.string(RELEASE));
    let version = if release.is_empty() { version } else { format!("{version}-{release}") };
    let size = header.numbers(LONG_SIZE).first().or(header.numbers(SIZE).first()).copied();
    Some(RpmPackage {
        name: header.string(NAME),
        version: epoch.map_or_else(|| version.clone(), |epoch| format!("{epoch}:{version}")),
        architecture: header.string(ARCH),
        vendor: header.string(VENDOR),
        group: Some(header.string(GROUP)).filter(|group| group != "Unspecified").unwrap_or_default(),
        size: size.unwrap_or(0),
        requires: requires(&header),
        provides: once(header.strings(PROVIDES)),
        recommends: once(header.strings(RECOMMENDS)),
        files: files(&header),
    })
}

fn once(names: Vec<String>) -> Vec<String> {
    names.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

/// What is needed when the package is used.
fn requires(header: &Header<'_>) -> Vec<String> {
    let flags = header.numbers(REQUIRE_FLAGS);
    let is_of_use = |(position, name): &(usize, String)| {
        let flags = flags.get(*position).copied().unwrap_or(0) as u32;
        let is_rpms = flags & (SCRIPTS | LIBRARY_OF_RPM | CONFIGURATION) != 0 || name.starts_with("rpmlib(");
        !is_rpms && !name.starts_with("config(")
    };
    let names = header.strings(REQUIRES).into_iter().enumerate().filter(is_of_use).map(|(_, name)| name);
    once(names.collect())
}

/// The files that are installed, by folder: those that were left out (documentation, other languages) are none.
fn files(header: &Header<'_>) -> Vec<(String, Vec<String>)> {
    let states = header.numbers(FILE_STATES);
    let is_there = |position: usize| states.get(position).is_none_or(|state| matches!(state, 0 | 3));
    let mut out: Vec<(String, Vec<String>)> = Vec::new();
    let names = header.strings(BASE_NAMES);
    if names.is_empty() {
        for (_, path) in header.strings(OLD_FILE_NAMES).into_iter().enumerate().filter(|(at, _)| is_there(*at)) {
            let cut = path.rfind('/').map_or(0, |slash| slash + 1);
            add(&mut out, &path[..cut], path[cut..].to_owned());
        }
        return out;
    }
    let (dirs, indexes) = (header.strings(DIR_NAMES), header.numbers(DIR_INDEXES));
    for (position, name) in names.into_iter().enumerate().filter(|(at, _)| is_there(*at)) {
        let dir = indexes.get(position).and_then(|index| dirs.get(usize::try_from(*index).ok()?));
        if let Some(dir) = dir {
            add(&mut out, dir, name);
        }
    }
    out
}

fn add(files: &mut Vec<(String, Vec<String>)>, dir: &str, name: String) {
    match files.last_mut().filter(|(last, _)| last == dir) {
        Some((_, names)) => names.push(name),
        None => files.push((dir.to_owned(), vec![name])),
    }
}
