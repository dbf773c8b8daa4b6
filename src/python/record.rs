//! RECORD: CSV rows of path, hash and size (PEP 376, PEP 627), quoted as RFC 4180 has it.
//!
//! What a row claims is a claim: sizes and digests are compared with the tree and never added up.

use crate::base::Digest;
use std::borrow::Cow;

/// Longer paths than the kernel's `PATH_MAX` name no file.
const LONGEST_PATH: usize = 4096;

/// Rows that are read; the largest distributions have some tens of thousands.
const MAX_ROWS: usize = 200_000;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// The path as written, relative to the site directory (may start with `../`) or absolute.
    pub path: Vec<u8>,
    /// The SHA-256, where the row has one.
    pub digest: Option<Digest>,
    /// The size in bytes, where the row has one.
    pub size: Option<u64>,
}

/// Parses RECORD. Rows that are no rows are returned as their line numbers (from 1), and so is the first one of more than are
/// read.
pub fn parse_record(bytes: &[u8]) -> (Vec<RecordRow>, Vec<usize>) {
    let mut reader = CsvReader { rest: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes), line: 1 };
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    while !reader.rest.is_empty() {
        let line = reader.line;
        if rows.len() + bad.len() >= MAX_ROWS {
            bad.push(line);
            break;
        }
        match reader.record() {
            Some(fields) if fields.len() == 1 && fields[0].is_empty() => {}
            Some(fields) => match row(fields) {
                Some(row) => rows.push(row),
                None => bad.push(line),
            },
            None => bad.push(line),
        }
    }
    (rows, bad)
}

fn row(fields: Vec<Cow<'_, [u8]>>) -> Option<RecordRow> {
    if fields.len() > 3 {
        return None;
    }
    let mut fields = fields.into_iter();
    let path = fields.next().filter(|path| !path.is_empty() && path.len() <= LONGEST_PATH && !path.contains(&0))?;
    let digest = fields.next().and_then(|hash| decode_digest(&hash));
    let size = fields.next().and_then(|size| std::str::from_utf8(&size).ok()?.trim().parse().ok());
    Some(RecordRow { path: path.into_owned(), digest, size })
}

/// `sha256=` and the digest in URL-safe base 64 (RFC 4648, section 5) without padding. Other algorithms are
/// no use to us.
fn decode_digest(text: &[u8]) -> Option<Digest> {
    let encoded = text.trim_ascii().strip_prefix(b"sha256=")?;
    let encoded = encoded.strip_suffix(b"=").unwrap_or(encoded);
    if encoded.len() != 43 {
        return None;
    }
    let mut out = [0u8; 32];
    let (mut bits, mut held, mut at) = (0u32, 0u32, 0);
    for &c in encoded {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            *out.get_mut(at)? = (bits >> held) as u8;
            at += 1;
        }
    }
    (at == 32).then_some(Digest(out))
}

struct CsvReader<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> CsvReader<'a> {
    /// The fields up to the end of the line, or `None` for a quote that is never closed (the line is skipped).
    fn record(&mut self) -> Option<Vec<Cow<'a, [u8]>>> {
        let start = (self.rest, self.line);
        let mut fields = Vec::new();
        loop {
            let is_quoted = self.rest.first() == Some(&b'"');
            let field = if is_quoted { self.quoted().map(Cow::Owned) } else { Some(Cow::Borrowed(self.plain())) };
            let Some(field) = field else {
                (self.rest, self.line) = start;
                self.plain_line();
                return None;
            };
            fields.push(field);
            match self.rest.split_first() {
                Some((b',', rest)) => self.rest = rest,
                Some((_, rest)) => {
                    self.rest = rest;
                    self.line += 1;
                    return Some(fields);
                }
                None => return Some(fields),
            }
        }
    }

    /// Up to a comma or the end of the line; a carriage return before that end is no part of the field.
    fn plain(&mut self) -> &'a [u8] {
        let end = self.rest.iter().position(|&b| b == b',' || b == b'\n').unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(end);
        self.rest = rest;
        let at_line_end = rest.first() != Some(&b',');
        field.strip_suffix(b"\r").filter(|_| at_line_end).unwrap_or(field)
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut at = 1;
        loop {
            match self.rest.get(at)? {
                b'"' if self.rest.get(at + 1) == Some(&b'"') => {
                    out.push(b'"');
                    at += 2;
                }
                b'"' => break,
                // No path needs this; without a bound one open quote would make reading quadratic.
                _ if out.len() > LONGEST_PATH => return None,
                byte => {
                    self.line += usize::from(*byte == b'\n');
                    out.push(*byte);
                    at += 1;
                }
            }
        }
        self.rest = &self.rest[at + 1..];
        // What follows the closing quote up to the comma belongs to the field, as Python's csv module has it.
        out.extend(self.plain());
        Some(out)
    }

    fn plain_line(&mut self) {
        let end = self.rest.iter().position(|&b| b == b'\n').map_or(self.rest.len(), |end| end + 1);
        self.rest = &self.rest[end..];
        self.line += 1;
    }
}
