//! eStargz: the footer says where the table is, which is a file of a small tar: the end of the layer's tar.

use super::entries::Table;
use super::fetch::Tail;
use super::{MAX_TOC, Ranges, TocError, check, unusable};
use crate::base::Digest;
use crate::layer::{Compression, Contents, EntryKind, Limits, Streamed, index_tar, interpret, reader};
use std::io::Read;
use std::ops::Range;

/// A gzip member without content, but with an extra field (docs/estargz.md, "Footer").
const FOOTER: usize = 51;
/// Of stargz, the older format: the extra field has no subfield's header.
const LEGACY_FOOTER: usize = 47;
/// Read at the blob's end at once: most tables are no longer, and then that was the only request.
const END: u64 = 64 << 10;
const NAME: &[u8] = b"stargz.index.json";

/// A table, and the tar that it is in.
pub(super) struct Toc {
    tar: Vec<u8>,
    json: Range<usize>,
    /// Where its member begins: there the blob's other members end.
    pub(super) at: u64,
}

/// Reads the footer and the table and verifies the table.
pub(super) fn read(source: &Ranges<'_>, digest: Digest, limits: &Limits) -> Result<Toc, TocError> {
    let from = source.length.saturating_sub(END);
    let end = source.get(from, source.length)?;
    let (at, footer) = toc_offset(&end).ok_or_else(|| unusable("the blob has no footer of an eStargz"))?;
    let until = source.length - footer as u64;
    if at >= until || until - at > MAX_TOC {
        return Err(unusable(format!("bytes {at} to {until} of a blob of {}", source.length)));
    }
    let member = match at.checked_sub(from) {
        Some(start) => end[start as usize..end.len() - footer].to_vec(),
        None => {
            let mut bytes = source.get(at, from)?;
            bytes.extend_from_slice(&end[..end.len() - footer]);
            bytes
        }
    };
    let tar = decompress(&member)?;
    let json = find_json(&tar, limits)?;
    check("its digest", digest, &tar[json.clone()])?;
    Ok(Toc { tar, json, at })
}

/// Where the table's member begins, and the footer's length.
fn toc_offset(end: &[u8]) -> Option<(u64, usize)> {
    let footer = |length: usize| end.len().checked_sub(length).map(|start| &end[start..]);
    let subfield = |footer: &[u8], head: &[u8]| {
        let gzip = footer.starts_with(&[0x1f, 0x8b, 8, 4]);
        footer.get(10..).and_then(|rest| rest.strip_prefix(head)).filter(|_| gzip).and_then(parse_offset)
    };
    let new = footer(FOOTER).and_then(|bytes| subfield(bytes, b"\x1a\0SG\x16\0"));
    let legacy = || footer(LEGACY_FOOTER).and_then(|bytes| subfield(bytes, b"\x16\0"));
    new.map(|at| (at, FOOTER)).or_else(|| legacy().map(|at| (at, LEGACY_FOOTER)))
}

/// 16 hexadecimal digits and `STARGZ`.
fn parse_offset(subfield: &[u8]) -> Option<u64> {
    let (digits, rest) = subfield.split_at_checked(16)?;
    if !rest.starts_with(b"STARGZ") || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn decompress(member: &[u8]) -> Result<Vec<u8>, TocError> {
    // With the tar's header, padding and end.
    const MOST: u64 = MAX_TOC + (1 << 20);
    let mut tar = Vec::new();
    reader(Compression::Gzip, member)
        .and_then(|reader| reader.take(MOST + 1).read_to_end(&mut tar))
        .map_err(|error| unusable(format!("it does not decompress: {error}")))?;
    if tar.len() as u64 > MOST {
        return Err(unusable(format!("it has more than {MAX_TOC} bytes")));
    }
    Ok(tar)
}

/// Where in its tar the table is.
fn find_json(tar: &[u8], limits: &Limits) -> Result<Range<usize>, TocError> {
    let contents =
        index_tar(&mut Streamed(tar), false, limits).map_err(|error| unusable(format!("it is in no tar: {error}")))?;
    let found = contents.entries.first().zip(contents.bodies.first());
    let found = found.filter(|(entry, body)| {
        entry.path.as_bytes() == NAME && entry.kind == EntryKind::File && **body != Contents::SCATTERED
    });
    let (entry, &body) = found.ok_or_else(|| unusable("its tar does not begin with stargz.index.json"))?;
    // The tar was read to its end, so both fit.
    Ok(body as usize..(body + entry.size) as usize)
}

impl Toc {
    /// The table.
    pub(super) fn json(&self) -> &[u8] {
        &self.tar[self.json.clone()]
    }

    /// What of the layer's tar is to be read to know how it goes on behind its last content.
    pub(super) fn tail(&self, table: &Table) -> Tail {
        Tail { start: table.last.offset, end: self.at, skip: table.last.behind }
    }

    /// Adds the table's own entry where the layer's tar goes on to it: `tail` is what stands between the last
    /// content and the table's tar. Entries in it are in the table, so only what the table has not is taken.
    pub(super) fn entry(&self, tail: &[u8], limits: &Limits, out: &mut Contents) -> Result<(), TocError> {
        let both = index_tar(&mut Streamed(tail.chain(&self.tar[..])), true, limits)
            .map_err(|error| unusable(format!("the tar's end: {error}")))?;
        let own = both.entries.into_iter().find(|entry| entry.path.as_bytes() == NAME);
        out.entries.extend(own);
        for oddity in both.oddities.into_iter().filter(|oddity| oddity.place == interpret::END_OF_TAR) {
            interpret::odd(&mut out.oddities, oddity.place, oddity.message);
        }
        Ok(())
    }
}
