//! A layer by its table of contents: the bytes are the table's JSON, whose digest is made right, in a blob of either
//! format; or a blob as they are. An index within the bounds or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::base::Digest;
use slimwright::layer::{Blob, Expected, LayerIndex, Limits, TocError, TocPlace, index_toc};
use std::sync::Arc;

/// Contents for a table to speak of: members of three kinds of bytes, and some that do not compress.
fn contents() -> Vec<u8> {
    let mut blob = Vec::new();
    for text in [&b"import x\n"[..], &[0; 5_000], b"a,,\n"] {
        blob.extend(zstd::bulk::compress(text, 1).expect("a few bytes compress"));
    }
    blob.extend((0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    blob
}

fn index(blob: Vec<u8>, place: &TocPlace) -> Result<LayerIndex, TocError> {
    let limits = Limits { unpacked: 1 << 24, entries: 5_000, kept_file: 1 << 16, kept_layer: 1 << 20, sources: false };
    let length = blob.len() as u64;
    let found = index_toc(&Blob::new(Arc::new(blob), 0, length), length, place, Expected::default(), &limits);
    if let Ok(index) = &found {
        assert!(index.entries.len() <= limits.entries + 1 && index.unpacked() <= 2 * limits.unpacked);
        assert!(index.contents.values().map(Vec::len).sum::<usize>() <= limits.kept_layer);
    }
    found
}

fn chunked(json: &[u8]) {
    let mut blob = contents();
    let table = zstd::bulk::compress(json, 1).expect("a few bytes compress");
    blob.extend([0x50, 0x2a, 0x4d, 0x18]);
    blob.extend((table.len() as u32).to_le_bytes());
    let (offset, checksum) = (blob.len() as u64, Digest::of(&table));
    blob.extend(&table);
    let (compressed, uncompressed) = (table.len() as u64, json.len() as u64);
    let _ = index(blob, &TocPlace::Chunked { checksum, offset, compressed, uncompressed });
}

fuzz_target!(|bytes: &[u8]| {
    chunked(bytes);
    // The footer and what it leads to; the digest seldom fits, what is parsed before it is.
    let _ = index(bytes.to_vec(), &TocPlace::EStargz { digest: Digest::of(b"{}") });
});
