//! One tar header with its extensions, as `tar-core` parsed it and as it is meant.

use super::Attribute;
use tar_core::parse::ParsedEntry;
use tar_core::{EntryType, PaxExtensions};

/// A header, free of the buffer it was parsed from.
pub(super) struct Head {
    pub(super) raw_path: Vec<u8>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) kind: EntryType,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) mtime: i64,
    /// Nanoseconds behind `mtime`.
    pub(super) nanos: u32,
    pub(super) device: (u32, u32),
    /// Bytes of body in the tar.
    pub(super) body: u64,
    /// Bytes of content: differs from `body` for sparse files.
    pub(super) logical: u64,
    /// Of a sparse file: which parts of its content the body has, as offset and length.
    pub(super) sparse: Option<Vec<(u64, u64)>>,
    pub(super) xattrs: Vec<Attribute>,
}

#[derive(PartialEq)]
pub(super) enum Body {
    Allowed,
    Forbidden,
}

impl Head {
    /// The error says what is wrong.
    pub(super) fn new(entry: &ParsedEntry<'_>, sparse: Option<(u64, Vec<(u64, u64)>)>) -> Result<Self, String> {
        let boxed = |bytes: &[u8]| bytes.to_vec().into_boxed_slice();
        let mut xattrs: Vec<_> = entry.xattrs.iter().map(|(name, value)| (boxed(name), boxed(value))).collect();
        xattrs.sort();
        // An empty PAX path takes the override back.
        let raw_path = if entry.path.is_empty() { entry.header.path_bytes() } else { &entry.path };
        let oldest_form = entry.header.as_ustar().typeflag == [0];
        let kind = if oldest_form && raw_path.ends_with(b"/") { EntryType::Directory } else { entry.entry_type };
        let (mtime, nanos) = pax_values(entry)?.unwrap_or_else(|| (header_time(entry), 0));
        let logical = sparse.as_ref().map_or(entry.size, |(size, _)| *size);
        Ok(Self {
            raw_path: raw_path.to_vec(),
            link: entry.link_target.as_deref().map(<[u8]>::to_vec),
            kind,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            mtime,
            nanos,
            device: (entry.dev_major.unwrap_or(0), entry.dev_minor.unwrap_or(0)),
            body: entry.size,
            logical,
            sparse: sparse.map(|(_, map)| map),
            xattrs,
        })
    }

    pub(super) fn has_body(&self) -> Body {
        use EntryType::{Block, Char, Directory, Fifo, Link, Symlink};
        if matches!(self.kind, Link | Symlink | Char | Block | Directory | Fifo) {
            Body::Forbidden
        } else {
            Body::Allowed
        }
    }

    /// Bytes to pass over from the header to the next one.
    pub(super) fn body_in_tar(&self) -> u64 {
        match self.has_body() {
            Body::Forbidden => 0,
            Body::Allowed => self.body.saturating_add(padding(self.body)),
        }
    }
}

/// The time of a header; before 1970 in base 256, where it is a two's complement number.
fn header_time(entry: &ParsedEntry<'_>) -> i64 {
    if entry.header.as_ustar().mtime[0] == 0xff {
        return entry.mtime.cast_signed();
    }
    i64::try_from(entry.mtime).unwrap_or(i64::MAX)
}

/// The time that a PAX header states, in whole seconds and nanoseconds. A size that is no number is an error: where the next
/// header is would be a guess, and two readers might guess differently.
fn pax_values(entry: &ParsedEntry<'_>) -> Result<Option<(i64, u32)>, String> {
    let mut time = None;
    for record in PaxExtensions::new(entry.pax.unwrap_or_default()) {
        let Ok(record) = record else { break };
        let value = std::str::from_utf8(record.value_bytes()).unwrap_or("?");
        match record.key_bytes() {
            b"mtime" => time = seconds(value).or(time),
            b"size" | b"GNU.sparse.realsize" | b"GNU.sparse.size" if !value.is_empty() => {
                value.parse::<u64>().map_err(|_| format!("one whose size is `{}`", crate::base::Text::from(value)))?;
            }
            _ => {}
        }
    }
    Ok(time)
}

fn seconds(value: &str) -> Option<(i64, u32)> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let whole: i64 = whole.parse().ok()?;
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).chain(std::iter::repeat(b'0')).take(9);
    let nanos = digits.fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let rounds_down = value.starts_with('-') && fraction.bytes().any(|digit| digit != b'0');
    match rounds_down {
        true => Some((whole.saturating_sub(1), (1_000_000_000 - nanos) % 1_000_000_000)),
        false => Some((whole, nanos)),
    }
}

/// Bytes from the end of a body to the next 512-byte block.
pub(super) fn padding(body: u64) -> u64 {
    (512 - body % 512) % 512
}
