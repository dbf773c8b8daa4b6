//! The table's rows: entries of the layer, and where the contents of those that are kept are in the blob.

use super::fetch::{KeptFile, Piece};
use super::{TocError, unusable};
use crate::base::{Digest, EntryIdx};
use crate::layer::head::{Head, padding};
use crate::layer::interpret::{Held, interpret};
use crate::layer::tar::too_large;
use crate::layer::{Attribute, Contents, Entry, EntryKind, IndexError, Limits};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::date;
use jiff::fmt::temporal::Pieces;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use tar_core::EntryType;

/// What a table says besides the entries.
pub(super) struct Table {
    /// Files to fetch, in the order of their contents in the blob.
    pub(super) files: Vec<KeptFile>,
    /// The content that is the last in the blob.
    pub(super) last: LastContent,
    /// What the entries take of the bounds.
    pub(super) held: Held,
}

/// Where the blob's last content is; all zero where there is none.
#[derive(Clone, Copy, Default)]
pub(super) struct LastContent {
    /// Where its member begins in the blob.
    pub(super) offset: u64,
    inner: u64,
    /// Bytes of the member, uncompressed, up to the header behind the content.
    pub(super) behind: u64,
}

/// A row, as both formats have it (docs/estargz.md, "TOCEntry"; containers/storage's `FileMetadata`). What is a
/// negative number, though it counts bytes, is an error.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Row {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    size: u64,
    modtime: Option<String>,
    link_name: String,
    mode: i64,
    uid: i64,
    gid: i64,
    dev_major: u32,
    dev_minor: u32,
    xattrs: Option<BTreeMap<String, String>>,
    digest: String,
    offset: u64,
    end_offset: u64,
    inner_offset: u64,
    chunk_offset: u64,
    chunk_size: u64,
    chunk_digest: String,
}

/// The regular file that `chunk` rows may follow.
struct Current {
    name: String,
    size: u64,
    /// Where in the file the last chunk began.
    at: u64,
    kept: Option<usize>,
}

struct Builder<'a> {
    out: &'a mut Contents,
    limits: &'a Limits,
    /// Where contents end in the blob.
    end: u64,
    rows: usize,
    unpacked: u64,
    held: Held,
    current: Option<Current>,
    files: Vec<KeptFile>,
    /// Where members begin.
    starts: Vec<u64>,
    last: LastContent,
    /// Why reading stopped.
    error: Option<TocError>,
}

impl Table {
    /// Reads a table whose digest is right. The contents of files end at `end` in the blob. Entries and oddities
    /// go to `out`, in the order of the table.
    pub(super) fn parse(json: &[u8], end: u64, limits: &Limits, out: &mut Contents) -> Result<Self, TocError> {
        let mut builder = Builder {
            out,
            limits,
            end,
            rows: 0,
            unpacked: 0,
            held: Held::default(),
            current: None,
            files: Vec::new(),
            starts: Vec::new(),
            last: LastContent::default(),
            error: None,
        };
        let mut parser = serde_json::Deserializer::from_slice(json);
        let parsed = parser.deserialize_map(&mut builder).and_then(|()| parser.end());
        match (builder.error.take(), parsed) {
            (Some(error), _) => Err(error),
            (None, Err(error)) => Err(unusable(format!("its JSON: {error}"))),
            (None, Ok(())) => builder.finish(),
        }
    }
}

/// The table itself.
impl<'de> Visitor<'de> for &mut Builder<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of contents")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut version, mut entries) = (None, 0);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "version" => version = Some(map.next_value::<u64>()?),
                "entries" => {
                    entries += 1;
                    map.next_value_seed(Rows(self))?;
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        match (version, entries) {
            (Some(1), 1) => Ok(()),
            _ => Err(A::Error::custom("not one list of entries of version 1")),
        }
    }
}

/// Its entries, one at a time: what a row makes is less than the row.
struct Rows<'b, 'a>(&'b mut Builder<'a>);

impl<'de> DeserializeSeed<'de> for Rows<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }

    /// `null`, as an empty list may be written.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while let Some(row) = rows.next_element::<Row>()? {
            if let Err(error) = self.0.add(row) {
                self.0.error = Some(error);
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

impl Builder<'_> {
    fn add(&mut self, row: Row) -> Result<(), TocError> {
        self.rows += 1;
        if self.rows > self.limits.entries {
            let what = "the layer has more entries than any should have";
            return Err(TocError::Limit(IndexError::Bound { what, limit: self.limits.entries as u64 }));
        }
        // Names that are not UTF-8 were replaced when the table was written.
        if [&row.name, &row.link_name].iter().any(|name| name.contains('\u{fffd}')) {
            return Err(unusable(format!("the name of {} may not be the one in the tar", row.name)));
        }
        if row.kind == "chunk" { self.chunk(&row) } else { self.entry(row) }
    }

    fn entry(&mut self, row: Row) -> Result<(), TocError> {
        let head = row.head()?;
        let interpreted = interpret(&head, &mut self.out.oddities);
        let bytes = interpreted.as_ref().map_or(head.body_in_tar(), |entry| entry.size);
        self.unpacked = self.unpacked.saturating_add(bytes);
        if self.unpacked > self.limits.unpacked {
            return Err(TocError::Limit(too_large(self.unpacked, self.limits)));
        }
        let kept = interpreted.map(|entry| self.put(entry, &row)).transpose()?.flatten();
        self.current = None;
        if head.kind == EntryType::Regular && row.size > 0 {
            self.content(&row, row.size, kept)?;
            self.current = Some(Current { name: row.name, size: row.size, at: 0, kept });
        }
        Ok(())
    }

    /// Adds an entry; the position in `files` of one that is to be fetched.
    fn put(&mut self, mut entry: Entry, row: &Row) -> Result<Option<usize>, TocError> {
        self.held.follow(&mut entry);
        self.held.count_names(&entry)?;
        let position = self.out.entries.len() as EntryIdx;
        let digest = row.digest.parse().ok();
        let mut to_fetch = None;
        if entry.kind == EntryKind::File {
            let keeps =
                self.limits.keeps(entry.path.as_bytes()) && entry.size <= self.limits.most_of(entry.path.as_bytes());
            match entry.size {
                0 if keeps => {
                    let to = (&mut self.out.kept, &mut self.out.oddities);
                    self.held.keep(&mut entry, position, Vec::new(), to, self.limits);
                }
                0 => entry.content = Some(Digest::of(b"")),
                size if keeps => {
                    to_fetch = Some(self.files.len());
                    self.files.push(KeptFile { position, size, digest, end: row.end_offset, pieces: Vec::new() });
                }
                _ => entry.content = digest,
            }
        }
        self.out.entries.push(entry);
        Ok(to_fetch)
    }

    /// A `chunk` row: a further part of the file before it.
    fn chunk(&mut self, row: &Row) -> Result<(), TocError> {
        let of = self.current.as_mut().filter(|of| row.name.is_empty() || row.name == of.name);
        let of = of.filter(|of| of.at < row.chunk_offset && row.chunk_offset < of.size);
        let Some(of) = of else {
            return Err(unusable(format!("a chunk of {} that belongs to no file", row.name)));
        };
        of.at = row.chunk_offset;
        let (size, kept) = (of.size, of.kept);
        self.content(row, size, kept)
    }

    /// Notes where a file's content, or a further chunk of it, is; `size` is the file's.
    fn content(&mut self, row: &Row, size: u64, kept: Option<usize>) -> Result<(), TocError> {
        let nowhere = || unusable(format!("{} is not where the blob's contents are", row.name));
        // The blob begins with a header, so a content may be in its first member, but not where that begins.
        if (row.offset, row.inner_offset) == (0, 0) || row.offset >= self.end {
            return Err(nowhere());
        }
        let rest = size - row.chunk_offset.min(size);
        let behind = row.inner_offset.checked_add(rest).and_then(|at| at.checked_add(padding(size)));
        let behind = behind.ok_or_else(nowhere)?;
        if (row.offset, row.inner_offset) >= (self.last.offset, self.last.inner) {
            self.last = LastContent { offset: row.offset, inner: row.inner_offset, behind };
        }
        self.starts.push(row.offset);
        if let Some(file) = kept.and_then(|kept| self.files.get_mut(kept)) {
            let (offset, inner) = (row.offset, row.inner_offset);
            let digest = row.chunk_digest.parse().ok();
            file.pieces.push(Piece { offset, end: 0, inner, at: row.chunk_offset, size: row.chunk_size, digest });
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Table, TocError> {
        self.starts.sort_unstable();
        self.starts.dedup();
        for file in &mut self.files {
            file.bound_pieces(&self.starts, self.end)?;
        }
        self.files.sort_by_key(KeptFile::place);
        Ok(Table { files: self.files, last: self.last, held: self.held })
    }
}

impl Row {
    /// The header that the row was made of.
    fn head(&self) -> Result<Head, TocError> {
        let kind = match self.kind.as_str() {
            "dir" => EntryType::Directory,
            "reg" => EntryType::Regular,
            "symlink" => EntryType::Symlink,
            "hardlink" => EntryType::Link,
            "char" => EntryType::Char,
            "block" => EntryType::Block,
            "fifo" => EntryType::Fifo,
            other => return Err(unusable(format!("{} is of type `{other}`", self.name))),
        };
        let time = self.modtime.as_deref().unwrap_or_default();
        let body = if kind == EntryType::Regular { self.size } else { 0 };
        if kind == EntryType::Regular && self.chunk_offset != 0 {
            return Err(unusable(format!("{} does not begin at its beginning", self.name)));
        }
        Ok(Head {
            raw_path: self.name.clone().into_bytes(),
            link: Some(self.link_name.clone().into_bytes()).filter(|link| !link.is_empty()),
            kind,
            mode: (self.mode & 0o7777) as u32,
            // What is negative or too large becomes the largest, as of a tar's header.
            uid: u64::try_from(self.uid).unwrap_or(u64::MAX),
            gid: u64::try_from(self.gid).unwrap_or(u64::MAX),
            mtime: seconds(time).ok_or_else(|| unusable(format!("{} is of the time `{time}`", self.name)))?,
            nanos: 0,
            device: (self.dev_major, self.dev_minor),
            body,
            logical: body,
            sparse: None,
            xattrs: self.attributes()?,
        })
    }

    /// The extended attributes; their values are in base 64.
    fn attributes(&self) -> Result<Vec<Attribute>, TocError> {
        let decode = |(name, value): (&String, &String)| {
            let value = STANDARD.decode(value).ok().filter(|_| !name.contains('\u{fffd}'))?;
            Some((name.as_bytes().into(), value.into_boxed_slice()))
        };
        let all: Option<Vec<_>> = self.xattrs.iter().flatten().map(decode).collect();
        all.ok_or_else(|| unusable(format!("an attribute of {} cannot be read", self.name)))
    }
}

/// Seconds since 1970 of a time as RFC 3339 has it, fractions cut off; 0 of an empty text, which both formats may
/// have for it.
fn seconds(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let pieces = Pieces::parse(text).ok()?;
    let offset = pieces.to_numeric_offset()?;
    // Fractions are cut off, also before 1970. The last year of all has no `Timestamp` for each of its seconds.
    let time = pieces.time()?.with().subsec_nanosecond(0).build().ok()?;
    let since = pieces.date().to_datetime(time).duration_since(date(1970, 1, 1).at(0, 0, 0, 0));
    Some(since.as_secs() - i64::from(offset.seconds()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        for (text, expected) in [
            ("", 0),
            ("1970-01-01T00:00:00Z", 0),
            ("2019-08-20T10:30:43Z", 1_566_297_043),
            ("2000-02-29T23:59:59.999999999Z", 951_868_799),
            ("1969-01-01T00:00:00.5Z", -31_536_000),
            ("2024-03-01T01:00:00+02:00", 1_709_247_600),
            ("2024-02-29T18:00:00.25-05:00", 1_709_247_600),
            ("0001-01-01T00:00:00Z", -62_135_596_800),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(seconds(text).unwrap(), expected, "{text}");
        }
        let odd =
            ["2019", "2019-13-01T00:00:00Z", "+019-08-20T10:30:43Z", "2019-08-20T10:30:43", "10000-01-01T00:00:00Z"];
        for text in odd.into_iter().chain(["2019-08-20T10:30:43+2", "2019-08-20T10:30:43Zx", "é019-08-20T10:30:43Z"]) {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
