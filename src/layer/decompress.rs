//! From a blob's bytes to the bytes of its tar.

use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read};
use zstd::stream::read::Decoder;

/// The compression of a blob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// A plain tar.
    #[default]
    None,
    /// gzip, any number of members.
    Gzip,
    /// zstd, any number of frames.
    Zstd,
}

/// Tells the compression by the first bytes, never by a media type, which may lie. A zstd blob may begin with a
/// skippable frame (RFC 8878, 3.1.2).
pub fn detect(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        [first, 0x2a, 0x4d, 0x18, ..] if first & 0xf0 == 0x50 => Compression::Zstd,
        _ => Compression::None,
    }
}

/// Decompresses a whole blob: every gzip member, every zstd frame.
pub fn reader<R: BufRead>(compression: Compression, blob: R) -> io::Result<Decompressed<R>> {
    Ok(match compression {
        Compression::None => Decompressed::Plain(blob),
        Compression::Gzip => Decompressed::Gzip(Box::new(MultiGzDecoder::new(blob))),
        Compression::Zstd => Decompressed::Zstd(Box::new(Decoder::with_buffer(blob)?)),
    })
}

/// The bytes in a blob.
pub enum Decompressed<R: BufRead> {
    /// As they are.
    Plain(R),
    /// From gzip.
    Gzip(Box<MultiGzDecoder<R>>),
    /// From zstd.
    Zstd(Box<Decoder<'static, R>>),
}

impl<R: BufRead> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(buffer),
            Self::Gzip(reader) => reader.read(buffer),
            Self::Zstd(reader) => reader.read(buffer),
        }
    }
}
