//! The list of files at the end of a zip archive, which is what a wheel is.
//!
//! ```text
//! file contents …  central directory  [zip64 end record  zip64 locator]  end record  comment
//! ```
//!
//! Read from the end: the end record says where the central directory is, and the central directory has a header
//! for each file with its name and its unpacked size. A file that is wanted itself stands behind a header of its own
//! ([`read_entry`]).
//!
//! The bytes come from a server that may send anything: all places are checked, all counts are bounded.
//!
//! Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16 (end records) and
//! 4.5.3 (zip64 extra field).

use std::io::Read as _;

/// The longest end of an archive in which its end record has to stand: the record and the longest comment, with
/// zip64's record and locator before it.
pub const TAIL: u64 = 22 + 65_535 + 20 + 56;

/// Longest central directory that is read, in bytes. The largest wheels have about 1 MB.
pub const MAX_DIRECTORY: u64 = 64 << 20;

/// What all files of an archive may unpack to, in bytes.
const MAX_UNPACKED: u64 = 1 << 40;

/// Longest name of a file (the kernel's `PATH_MAX`).
const LONGEST_NAME: usize = 4096;

/// Largest file that is read itself, in bytes unpacked.
pub const MAX_ENTRY: u64 = 16 << 20;

/// The longest local header that is expected before a file: itself, a name and extra fields.
pub(super) const LOCAL_HEADER: u64 = 30;

/// What stands between two files besides their headers and names: extra fields and a descriptor, in bytes at most. Writers
/// of wheels have some tens.
const MAX_SLACK: u64 = 512;

/// Bytes that one packed byte can become at most (RFC 1951: a match of 258 bytes in two bits).
const MAX_DEFLATED: u64 = 1032;

const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const HEADER: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";

/// Why a list of files cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ZipError {
    /// There is no end record where one has to be.
    #[error("expected a zip archive, found no end record")]
    NoEnd,
    /// The zip64 end record stands before what was read of the archive.
    #[error("expected the zip64 end record within the last {TAIL} bytes")]
    Far,
    /// Places or counts that contradict one another.
    #[error("the archive contradicts itself: {0}")]
    Contradiction(&'static str),
    /// More than is read.
    #[error("the archive has more than is read: {0}")]
    TooMuch(&'static str),
}

/// Where an archive's central directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Its first byte, from the archive's beginning.
    pub offset: u64,
    /// Its bytes.
    pub size: u64,
    /// How many files it lists.
    pub entries: u64,
}

/// One file of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZipEntry {
    /// Its name as written: components with slashes between. Ends in a slash for a directory.
    pub name: Vec<u8>,
    /// Its unpacked size in bytes, as the directory says.
    pub size: u64,
    /// The CRC-32 of its content, as the directory says.
    pub crc32: u32,
    /// Its packed size in bytes.
    pub packed: u64,
    /// How it is packed: 0 not at all, 8 deflated.
    pub method: u16,
    /// Where its own header begins, from the archive's beginning.
    pub offset: u64,
    /// Its mode as Unix has it, with its kind; 0 where the archive was not made there.
    pub mode: u32,
}

/// Finds the central directory. `tail` is the end of an archive of `length` bytes, at least its last [`TAIL`] ones
/// or all of it.
pub fn find_directory(tail: &[u8], length: u64) -> Result<Directory, ZipError> {
    let start = length.checked_sub(tail.len() as u64).ok_or(ZipError::Contradiction("it is shorter than its end"))?;
    let at = end_record(tail)?.ok_or(ZipError::NoEnd)?;
    let record = &tail[at..];
    let mut found = Directory {
        offset: u32_at(record, 16).unwrap_or_default().into(),
        size: u32_at(record, 12).unwrap_or_default().into(),
        entries: u16_at(record, 10).unwrap_or_default().into(),
    };
    let mut end = at;
    if let Some(locator) =
        at.checked_sub(20).map(|locator| &tail[locator..]).filter(|bytes| bytes.starts_with(&LOCATOR_64))
    {
        let place = u64_at(locator, 8).unwrap_or_default();
        let place = place.checked_sub(start).ok_or(ZipError::Far)?;
        let place = usize::try_from(place).ok().filter(|place| place.saturating_add(56) <= at - 20);
        let place = place.ok_or(ZipError::Contradiction("its zip64 end record is not before its locator"))?;
        let record = tail[place..].strip_prefix(&END_64).ok_or(ZipError::NoEnd)?;
        let field = |at: usize| u64_at(record, at - 4).unwrap_or_default();
        found = Directory { offset: field(48), size: field(40), entries: field(32) };
        end = place;
    }
    if u16_at(record, 4) != Some(0) || u16_at(record, 6) != Some(0) || u16_at(record, 8) != u16_at(record, 10) {
        return Err(ZipError::Contradiction("its end counts its files in two ways"));
    }
    if end != at {
        let short = [(found.offset, u32_at(record, 16)), (found.size, u32_at(record, 12))];
        let fits =
            |(long, short): &(u64, Option<u32>)| matches!(short, Some(u32::MAX)) || short.map(u64::from) == Some(*long);
        let count = u16_at(record, 10);
        if !short.iter().all(fits) || !(count == Some(u16::MAX) || count.map(u64::from) == Some(found.entries)) {
            return Err(ZipError::Contradiction("its two ends do not say the same"));
        }
    }
    check(found, start + end as u64)
}

fn check(found: Directory, end: u64) -> Result<Directory, ZipError> {
    if found.offset.checked_add(found.size).is_none_or(|last| last > end) {
        return Err(ZipError::Contradiction("its directory reaches beyond its end"));
    }
    if found.size > MAX_DIRECTORY {
        return Err(ZipError::TooMuch("a directory of more than 64 MiB"));
    }
    if found.entries.saturating_mul(46) > found.size {
        return Err(ZipError::Contradiction("its directory is too short for its files"));
    }
    if found.offset + found.size != end {
        return Err(ZipError::Contradiction("its directory does not end where its end begins"));
    }
    Ok(found)
}

/// The place that can be an end record: its comment ends with the archive. Where there are two, readers differ.
fn end_record(tail: &[u8]) -> Result<Option<usize>, ZipError> {
    let Some(last) = tail.len().checked_sub(22) else { return Ok(None) };
    let fits = |at: &usize| {
        let record = &tail[*at..];
        record.starts_with(&END) && u16_at(record, 20).is_some_and(|comment| 22 + usize::from(comment) == record.len())
    };
    let mut places = (last.saturating_sub(65_535)..=last).rev().filter(fits);
    match (places.next(), places.next()) {
        (_, Some(_)) => Err(ZipError::Contradiction("it has two ends")),
        (found, None) => Ok(found),
    }
}

/// Reads a central directory: `bytes` are those that [`find_directory`] told.
pub fn parse_directory(bytes: &[u8], entries: u64) -> Result<Vec<ZipEntry>, ZipError> {
    let mut rest = bytes;
    let mut out = Vec::new();
    let mut unpacked = 0u64;
    for _ in 0..entries {
        let (entry, after) = header(rest)?;
        unpacked = unpacked.saturating_add(entry.size);
        if unpacked > MAX_UNPACKED {
            return Err(ZipError::TooMuch("files of more than 1 TiB"));
        }
        out.push(entry);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(ZipError::Contradiction("its directory has more than its end counts"));
    }
    Ok(out)
}

/// Whether a list of files can be that of an archive whose directory begins at `end`: the files stand behind one
/// another, fill the place before the directory, and unpack to what can be packed so. Who sends a list without the archive
/// can claim any sizes; they have to add up to the length that is known.
///
/// # Errors
///
/// What does not fit.
pub fn check_list(entries: &[ZipEntry], end: u64) -> Result<(), ZipError> {
    let wrong = ZipError::Contradiction;
    let mut names: Vec<&[u8]> = entries.iter().map(|entry| entry.name.as_slice()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(wrong("it lists a file twice"));
    }
    if !entries.iter().all(ZipEntry::may_be_packed_so) {
        return Err(wrong("a file cannot be packed to the size that it lists"));
    }
    let mut places: Vec<(u64, u64)> = entries.iter().map(|entry| (entry.offset, entry.least_end())).collect();
    places.sort_unstable();
    let starts = places.iter().map(|(start, _)| *start).skip(1).chain([end]);
    let mut free = 0;
    for ((start, least_end), next) in places.iter().zip(starts) {
        if *start < free || *least_end > next {
            return Err(wrong("its files overlap, or reach into its directory"));
        }
        if next - least_end > MAX_SLACK {
            return Err(wrong("its files do not add up to where its directory begins"));
        }
        free = *least_end;
    }
    match places.first().map_or(end, |(start, _)| *start) {
        0 => Ok(()),
        _ => Err(wrong("it does not begin with a file")),
    }
}

/// One header, and what follows it.
fn header(bytes: &[u8]) -> Result<(ZipEntry, &[u8]), ZipError> {
    let cut = || ZipError::Contradiction("its directory ends within a header");
    if !bytes.starts_with(&HEADER) {
        return Err(ZipError::Contradiction("its directory has something else than headers"));
    }
    let length = |at: usize| u16_at(bytes, at).map(usize::from).ok_or_else(cut);
    let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
    if name > LONGEST_NAME {
        return Err(ZipError::TooMuch("a name of more than 4096 bytes"));
    }
    let field = |at: usize| u32_at(bytes, at).ok_or_else(cut);
    let extras = bytes.get(46 + name..46 + name + extra).ok_or_else(cut)?;
    let mut long = Long::find(extras);
    let entry = ZipEntry {
        name: bytes[46..46 + name].to_vec(),
        size: long.or_short(field(24)?)?,
        packed: long.or_short(field(20)?)?,
        offset: long.or_short(field(42)?)?,
        crc32: field(16)?,
        method: u16_at(bytes, 10).ok_or_else(cut)?,
        // "Version made by": the upper byte is the system, 3 is Unix.
        mode: if bytes.get(5) == Some(&3) { field(38)? >> 16 } else { 0 },
    };
    let after = bytes.get(46 + name + extra + comment..).ok_or_else(cut)?;
    Ok((entry, after))
}

/// The zip64 extra field: those of the sizes and the place that have no room in the header, in its order.
struct Long<'a>(&'a [u8]);

impl<'a> Long<'a> {
    fn find(mut extras: &'a [u8]) -> Self {
        while let (Some(kind), Some(length)) = (u16_at(extras, 0), u16_at(extras, 2)) {
            let end = 4 + usize::from(length);
            if kind == 1 {
                return Self(extras.get(4..end).unwrap_or_default());
            }
            extras = extras.get(end..).unwrap_or_default();
        }
        Self(&[])
    }

    /// A field of the header, or the next one here where that is full.
    fn or_short(&mut self, field: u32) -> Result<u64, ZipError> {
        if field != u32::MAX {
            return Ok(field.into());
        }
        let value = u64_at(self.0, 0).ok_or(ZipError::Contradiction("a size is missing"))?;
        self.0 = self.0.get(8..).unwrap_or_default();
        Ok(value)
    }
}

/// How far behind its header the bytes of a file begin.
pub(super) fn data_start(header: &[u8]) -> Option<u64> {
    let length = |at: usize| u16_at(header, at).map(u64::from);
    header.starts_with(&LOCAL).then_some(())?;
    Some(LOCAL_HEADER + length(26)? + length(28)?)
}

impl ZipEntry {
    /// Whether it is a regular file that somebody may run.
    pub(super) fn is_executable(&self) -> bool {
        let kind = self.mode & 0o170_000;
        (kind == 0o100_000 || kind == 0) && self.mode & 0o111 != 0
    }

    /// Where it ends at the earliest.
    fn least_end(&self) -> u64 {
        self.offset.saturating_add(LOCAL_HEADER + self.name.len() as u64).saturating_add(self.packed)
    }

    /// Whether a file of its size can have its packed size. What does not compress grows by some bytes in 16 KiB.
    fn may_be_packed_so(&self) -> bool {
        match self.method {
            0 => self.size == self.packed,
            8 => {
                self.size <= self.packed.saturating_mul(MAX_DEFLATED)
                    && self.packed <= self.size.saturating_add(self.size / 64).saturating_add(64)
            }
            _ => false,
        }
    }

    /// How many bytes from [`ZipEntry::offset`] on are surely enough to read it. Its own header repeats its name and has
    /// extra fields of its own, whose length only it tells: some more room is left for them.
    pub fn reach(&self) -> u64 {
        let header = LOCAL_HEADER + self.name.len() as u64 + 128;
        self.packed.saturating_add(header)
    }
}

/// Reads one file of an archive: `bytes` begin at its [`ZipEntry::offset`].
///
/// # Errors
///
/// It does not stand there, is packed in another way, is larger than [`MAX_ENTRY`], or is not what the directory says.
pub fn read_entry(bytes: &[u8], entry: &ZipEntry) -> Result<Vec<u8>, ZipError> {
    let wrong = ZipError::Contradiction;
    if entry.size > MAX_ENTRY || entry.packed > MAX_ENTRY {
        return Err(ZipError::TooMuch("a file of more than 16 MiB"));
    }
    let cut = || wrong("a file ends before its end");
    if !bytes.starts_with(&LOCAL) {
        return Err(wrong("a file does not stand where its directory says"));
    }
    let length = |at: usize| u16_at(bytes, at).map(usize::from).ok_or_else(cut);
    let start = 30 + length(26)? + length(28)?;
    let packed = bytes.get(start..start + entry.packed as usize).ok_or_else(cut)?;
    let content = match entry.method {
        0 => packed.to_vec(),
        8 => {
            let mut out = Vec::new();
            // One byte more than it should have, so that what is too long is noticed and not unpacked.
            let inflated = flate2::read::DeflateDecoder::new(packed).take(entry.size + 1).read_to_end(&mut out);
            inflated.map_err(|_| wrong("a file does not unpack"))?;
            out
        }
        _ => return Err(ZipError::TooMuch("a file that is neither stored nor deflated")),
    };
    let mut crc = flate2::Crc::new();
    crc.update(&content);
    match content.len() as u64 == entry.size && crc.sum() == entry.crc32 {
        true => Ok(content),
        false => Err(wrong("a file is not what its directory says")),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
