//! zstd:chunked: the table's place is annotated, and the table is a skippable frame of the blob.

use super::{MAX_TOC, Ranges, TocError, TocPlace, check, unusable};
use crate::layer::{Compression, reader};
use std::io::Read;

/// Magic number and length of a skippable frame (RFC 8878, 3.1.2).
const FRAME_HEADER: u64 = 8;

/// From the annotations `manifest-checksum` and `manifest-position`
/// (`<offset>:<length>:<uncompressed length>:<type>`, the type being 1).
pub(super) fn place(checksum: &str, position: &str) -> Result<TocPlace, TocError> {
    let checksum = checksum.parse().map_err(|error| unusable(format!("manifest-checksum: {error}")))?;
    let numbers: Result<Vec<u64>, _> = position.split(':').map(str::parse).collect();
    match numbers.as_deref() {
        Ok(&[offset, compressed, uncompressed, 1]) => {
            Ok(TocPlace::Chunked { checksum, offset, compressed, uncompressed })
        }
        _ => Err(unusable(format!("manifest-position: `{position}`"))),
    }
}

/// The table's JSON, and where the frame that it is in begins.
pub(super) fn read(source: &Ranges<'_>, place: &TocPlace) -> Result<(Vec<u8>, u64), TocError> {
    let TocPlace::Chunked { checksum, offset, compressed, uncompressed } = *place else {
        return Err(unusable("it is no zstd:chunked"));
    };
    if compressed > MAX_TOC || uncompressed > MAX_TOC {
        return Err(unusable(format!("{compressed} bytes, {uncompressed} uncompressed: too many")));
    }
    let frame = offset.checked_sub(FRAME_HEADER).ok_or_else(|| unusable("its position is in no frame"))?;
    let end = offset.checked_add(compressed).ok_or_else(|| unusable("its position is in no blob"))?;
    let bytes = source.get(frame, end)?;
    let (header, table) = bytes.split_at(FRAME_HEADER as usize);
    let length = header[4..].iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
    if header[0] & 0xf0 != 0x50 || header[1..4] != [0x2a, 0x4d, 0x18] || length != compressed {
        return Err(unusable("its position is in no skippable frame"));
    }
    check("its digest", checksum, table)?;
    Ok((decompress(table, uncompressed)?, frame))
}

fn decompress(table: &[u8], uncompressed: u64) -> Result<Vec<u8>, TocError> {
    let mut json = Vec::new();
    reader(Compression::Zstd, table)
        .and_then(|reader| reader.take(uncompressed + 1).read_to_end(&mut json))
        .map_err(|error| unusable(format!("it does not decompress: {error}")))?;
    if json.len() as u64 != uncompressed {
        return Err(unusable(format!("it has not the {uncompressed} bytes that are annotated")));
    }
    Ok(json)
}
