//! As much of SQLite's file format as reading whole tables takes: pages of a table's tree, records, chains of overflow pages.
//! Indexes, views and the write-ahead log are not read.

use super::package::{RpmError, big};
use std::collections::BTreeSet;

/// Rows of one table.
const MAX_ROWS: usize = 1_000_000;
/// Levels of a tree; four bytes name a page, and an inner page names two at least.
const MAX_DEPTH: usize = 40;
/// The bytes of one row.
const MAX_ROW: usize = 64 << 20;
const MAGIC: &[u8] = b"SQLite format 3\0";

/// A database file.
pub(super) struct Sqlite<'s> {
    bytes: &'s [u8],
    page_size: usize,
    /// Bytes of a page that are used: some are reserved for extensions.
    usable: usize,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    pub(super) fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

fn damaged() -> RpmError {
    RpmError::new("a damaged SQLite file")
}

/// A number of one to nine bytes, seven bits in each but the last one, and how many bytes it took.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut out = 0u64;
    for (position, &byte) in bytes.iter().take(9).enumerate() {
        if position == 8 {
            return Some((out << 8 | u64::from(byte), 9));
        }
        out = out << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((out, position + 1));
        }
    }
    None
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_be_bytes([pair[0], pair[1]])))
}

impl<'s> Sqlite<'s> {
    pub(super) fn new(bytes: &'s [u8]) -> Result<Self, RpmError> {
        let size = word(bytes, 16).map(|size| if size == 1 { 65_536 } else { size });
        let page_size = size.filter(|size| size.is_power_of_two() && *size >= 512).ok_or_else(damaged)?;
        let reserved = usize::from(*bytes.get(20).ok_or_else(damaged)?);
        let usable = page_size.checked_sub(reserved).filter(|usable| *usable >= 480).ok_or_else(damaged)?;
        Ok(Self { bytes, page_size, usable })
    }

    /// A page, by its number from 1.
    fn page(&self, number: usize) -> Option<&'s [u8]> {
        let start = number.checked_sub(1)?.checked_mul(self.page_size)?;
        self.bytes.get(start..start.checked_add(self.page_size)?)
    }

    /// The first page of a table, and the names of its columns.
    fn table(&self, name: &str) -> Option<(usize, Vec<String>)> {
        let mut found = None;
        let mut each = |_: i64, row: Vec<Value>| {
            let is_it =
                row.first().and_then(Value::text) == Some("table") && row.get(1).and_then(Value::text) == Some(name);
            if is_it && found.is_none() {
                let root = row.get(3).and_then(Value::integer).and_then(|root| usize::try_from(root).ok());
                let columns = row.get(4).and_then(Value::text).map(columns).unwrap_or_default();
                found = root.map(|root| (root, columns));
            }
        };
        self.each_row(1, &mut each).ok()?;
        found
    }

    /// Every blob of a table's rows.
    pub(super) fn blobs(&self, table: &str, each: &mut dyn FnMut(&[u8])) -> Result<(), RpmError> {
        let (root, _) = self.table(table).ok_or_else(|| RpmError::new("an SQLite file without a table Packages"))?;
        self.each_row(root, &mut |_, row| {
            for value in row {
                if let Value::Blob(blob) = value {
                    each(&blob);
                }
            }
        })
    }

    /// Every row of a table, as the values of the columns of these names; `None` of a column that is not there. The column that
    /// stands for the row's number has it.
    pub(super) fn rows<const N: usize>(
        &self,
        table: &str,
        names: [&str; N],
        each: &mut dyn FnMut([Value; N]),
    ) -> Option<()> {
        let (root, columns) = self.table(table)?;
        let places = names.map(|name| columns.iter().position(|column| column == name));
        self.each_row(root, &mut |number, row| {
            each(places.map(|place| match place.and_then(|place| row.get(place)) {
                Some(Value::Null) if place == Some(0) => Value::Integer(number),
                Some(value) => value.clone(),
                None => Value::Null,
            }));
        })
        .ok()
    }

    fn each_row(&self, root: usize, each: &mut dyn FnMut(i64, Vec<Value>)) -> Result<(), RpmError> {
        let mut seen = BTreeSet::new();
        let mut todo = vec![(root, 0)];
        let mut rows = 0;
        while let Some((number, depth)) = todo.pop() {
            if depth > MAX_DEPTH || !seen.insert(number) {
                return Err(damaged());
            }
            let page = self.page(number).ok_or_else(damaged)?;
            let start = if number == 1 { 100 } else { 0 };
            let cells = word(page, start + 3).ok_or_else(damaged)?;
            let (is_leaf, first) = match page.get(start) {
                Some(0x0d) => (true, start + 8),
                Some(0x05) => (false, start + 12),
                _ => return Err(damaged()),
            };
            let mut children = Vec::new();
            for cell in 0..cells {
                let at = word(page, first + 2 * cell).ok_or_else(damaged)?;
                let cell = page.get(at..self.usable.max(at)).ok_or_else(damaged)?;
                if !is_leaf {
                    children.push(big(cell, 0).ok_or_else(damaged)? as usize);
                    continue;
                }
                rows += 1;
                if rows > MAX_ROWS {
                    return Err(damaged());
                }
                // A row that is damaged is left out, and the rest is read.
                if let Some((number, payload)) = self.payload(cell)
                    && let Some(row) = record(&payload)
                {
                    each(number, row);
                }
            }
            if !is_leaf {
                children.push(big(page, start + 8).ok_or_else(damaged)? as usize);
            }
            // In the order of the rows.
            todo.extend(children.into_iter().rev().map(|child| (child, depth + 1)));
        }
        Ok(())
    }

    /// The number and the bytes of a row: in its cell, and what does not fit there in a chain of pages.
    fn payload(&self, cell: &[u8]) -> Option<(i64, Vec<u8>)> {
        let (length, one) = varint(cell)?;
        let (number, two) = varint(&cell[one..])?;
        let length = usize::try_from(length).ok().filter(|length| *length <= MAX_ROW.min(self.bytes.len()))?;
        let rest = &cell[one + two..];
        let most = self.usable - 35;
        if length <= most {
            return Some((number as i64, rest.get(..length)?.to_vec()));
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let local = least + (length - least) % (self.usable - 4);
        let local = if local <= most { local } else { least };
        let mut out = rest.get(..local)?.to_vec();
        let mut next = big(rest, local)? as usize;
        // Every page of the chain brings something, so it ends.
        while out.len() < length {
            let page = self.page(next)?;
            let part = (length - out.len()).min(self.usable - 4);
            out.extend(page.get(4..4 + part)?);
            next = big(page, 0)? as usize;
        }
        Some((number as i64, out))
    }
}

/// The values of a row: the kinds of all, then the bytes of all.
fn record(payload: &[u8]) -> Option<Vec<Value>> {
    let (length, mut at) = varint(payload)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= payload.len())?;
    let mut body = &payload[length..];
    let mut out = Vec::new();
    while at < length {
        let (kind, taken) = varint(&payload[at..length])?;
        at += taken;
        let width = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            kind => (kind - 12) / 2,
        };
        let width = usize::try_from(width).ok()?;
        let value = body.get(..width)?;
        body = &body[width..];
        out.push(match kind {
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            1..=6 => Value::Integer(signed(value)),
            0 | 7 => Value::Null,
            kind if kind % 2 == 0 => Value::Blob(value.to_vec()),
            _ => Value::Text(String::from_utf8_lossy(value).into_owned()),
        });
    }
    Some(out)
}

fn signed(bytes: &[u8]) -> i64 {
    let first = bytes.first().map_or(0, |byte| i64::from(*byte as i8));
    bytes.iter().skip(1).fold(first, |sum, byte| sum << 8 | i64::from(*byte))
}

/// The names of a table's columns, of the statement that makes it: what stands before the first blank of each part. Parts
/// that are no columns stand last.
fn columns(statement: &str) -> Vec<String> {
    let inside = statement.split_once('(').map_or("", |(_, inside)| inside);
    let mut plain = String::new();
    let mut rest = inside;
    while let Some((before, comment)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    let mut out = Vec::new();
    let (mut depth, mut part) = (0usize, String::new());
    for letter in plain.chars().chain([',']) {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let name = part.split_whitespace().next().unwrap_or_default();
                out.push(name.trim_matches(['"', '`', '[', ']', '\'']).to_owned());
                part.clear();
                continue;
            }
            _ => {}
        }
        part.push(letter);
    }
    out
}
