//! Layers with a table of contents (TOC): indexed by reading the table and the few files whose contents are kept,
//! not the blob.
//!
//! Two formats have one. *eStargz* is gzip: a member for each file or chunk, the table in the tar's last entry, and
//! its place in the blob's last 51 bytes. *zstd:chunked* is the same thought in zstd frames, the table in a skippable
//! frame. In both, what proves the table is a digest that the manifest has, and what proves contents are digests in
//! the table. Neither proves that the table says what the tar says: who made the layer could have it list other files
//! than an engine that reads the tar would unpack, and only reading the blob whole shows that. What is annotated but
//! cannot be used is [`TocError::Unusable`]: then the blob is to be read whole, as a layer without a table is.
//!
//! The index is what reading the blob whole would give, but for this:
//! - The digests of contents are the table's, SHA-256 whatever their size: above [`super::SHA256_UP_TO`] they compare
//!   with those of other layers with a table only. Sparse files, which the table does not tell from others, may have
//!   one here.
//! - eStargz rounds a time to the nearest second, where a tar's fraction is cut off: such a file's time may be one
//!   second later here.
//! - Of attributes that a PAX header states twice, the table has one.
//!
//! `stargz.index.json` is an entry of an eStargz's tar, so engines unpack it and it is in the index; except where
//! the tar's end marker stands before it (as `BuildKit` writes it). Which of the two holds is read off the tar's
//! end. The landmark files are entries of tar and table both, and nothing special.
//!
//! Source: stargz-snapshotter, docs/estargz.md ("The structure", "TOC, TOCEntries and Chunks", "Footer", "Content
//! Verification"); containers/storage, docs/containers-storage-zstd-chunked.md and the comments of the types in
//! pkg/chunked/internal/minimal; RFC 1952; RFC 8878, 3.1.2 (skippable frames).

mod chunked;
mod entries;
mod estargz;
mod fetch;

use super::blob::layer_index;
use super::{Blob, Compression, Contents, Expected, IndexError, LayerIndex, Limits, Verified};
use crate::base::Digest;
use entries::Table;
use std::collections::HashMap;
use std::io;

/// Bytes that can be had by ranges: a blob in a file, or one in a registry. Each call is a request.
pub trait RangeRead {
    /// Exactly `length` bytes from `offset` on; an error where there are fewer.
    fn range(&self, offset: u64, length: u64) -> io::Result<Vec<u8>>;
}

impl RangeRead for Blob {
    fn range(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let bytes = self.slice(offset, length).read_all(length)?;
        if bytes.len() as u64 != length {
            return Err(too_few(offset, length, bytes.len()));
        }
        Ok(bytes)
    }
}

/// Where a layer's table of contents is, and the digest that proves it: from the annotations of the layer's
/// descriptor in the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TocPlace {
    /// eStargz: the blob's footer says where.
    EStargz {
        /// Of the table's JSON, uncompressed.
        digest: Digest,
    },
    /// zstd:chunked.
    Chunked {
        /// Of the table as it is stored, compressed.
        checksum: Digest,
        /// Where it begins in the blob, behind the skippable frame's header.
        offset: u64,
        /// Its bytes in the blob.
        compressed: u64,
        /// Its bytes, uncompressed.
        uncompressed: u64,
    },
}

/// Why a layer was not indexed by its table of contents.
#[derive(Debug, thiserror::Error)]
pub enum TocError {
    /// The table is not there, is not what the manifest promises, or says what cannot be. The blob is to be read
    /// whole.
    #[error("no usable table of contents: {0}")]
    Unusable(String),
    /// The contents to fetch are so many that reading the blob whole is no more work.
    #[error("{bytes} of the blob's {length} bytes are needed, in {requests} requests: as well read whole")]
    TooMuch {
        /// Bytes to fetch.
        bytes: u64,
        /// Ranges to ask for.
        requests: u64,
        /// Length of the blob.
        length: u64,
    },
    /// A bound was passed, which the blob read whole would pass too.
    #[error(transparent)]
    Limit(#[from] IndexError),
    /// A range could not be read.
    #[error("cannot read the blob: {0}")]
    Read(#[from] io::Error),
}

/// The largest table that is read, in bytes, compressed and uncompressed.
const MAX_TOC: u64 = 256 << 20;
/// Bytes of one request.
const REQUEST: u64 = 4 << 20;

const ESTARGZ: &str = "containerd.io/snapshot/stargz/toc.digest";
/// The second is that of containers/storage before 1.44; what follows means the same in both.
const CHUNKED: [&str; 2] = ["io.github.containers.zstd-chunked", "io.containers.zstd-chunked"];

impl TocPlace {
    /// From a layer descriptor's annotations: `None` where there is no table of contents, an error where what is
    /// annotated cannot be read. zstd:chunked goes first, as its blobs may be annotated as eStargz too.
    pub fn from_annotations(annotations: &HashMap<String, String>) -> Result<Option<Self>, TocError> {
        for prefix in CHUNKED {
            let value = |name: &str| annotations.get(&format!("{prefix}.{name}"));
            if let (Some(checksum), Some(position)) = (value("manifest-checksum"), value("manifest-position")) {
                return chunked::place(checksum, position).map(Some);
            }
        }
        let Some(digest) = annotations.get(ESTARGZ) else { return Ok(None) };
        let digest = digest.parse().map_err(|error| unusable(format!("{ESTARGZ}: {error}")))?;
        Ok(Some(Self::EStargz { digest }))
    }

    /// The compression of a blob with such a table.
    fn compression(&self) -> Compression {
        match self {
            Self::EStargz { .. } => Compression::Gzip,
            Self::Chunked { .. } => Compression::Zstd,
        }
    }
}

/// Indexes a layer by its table of contents, reading little of the blob, which has `length` bytes. No digest of the
/// blob or of its tar is verified, because neither was read; the table and all contents that were read are, by way
/// of the digest in `place`.
pub fn index_toc(
    source: &dyn RangeRead,
    length: u64,
    place: &TocPlace,
    expected: Expected,
    limits: &Limits,
) -> Result<LayerIndex, TocError> {
    let source = Ranges { source, length };
    let (mut contents, compression) = (Contents::default(), place.compression());
    match *place {
        TocPlace::EStargz { digest } => {
            let toc = estargz::read(&source, digest, limits)?;
            let table = Table::parse(toc.json(), toc.at, limits, &mut contents)?;
            let tail = toc.tail(&table);
            let tail = fetch::kept(&source, table, compression, Some(tail), limits, &mut contents)?;
            toc.entry(&tail.unwrap_or_default(), limits, &mut contents)?;
        }
        TocPlace::Chunked { .. } => {
            let (json, at) = chunked::read(&source, place)?;
            let table = Table::parse(&json, at, limits, &mut contents)?;
            fetch::kept(&source, table, compression, None, limits, &mut contents)?;
        }
    }
    let layer = layer_index(contents, expected, compression, Some(length), Verified::default());
    Ok(LayerIndex { sources: limits.sources, ..layer })
}

/// An error that sends the caller to read the blob whole.
fn unusable(why: impl Into<String>) -> TocError {
    TocError::Unusable(crate::base::Text::from(&why.into()).into())
}

fn too_few(offset: u64, length: u64, found: usize) -> io::Error {
    let what = format!("asked for {length} bytes from {offset} on, got {found}");
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}

/// Compares a digest.
fn check(what: &str, expected: Digest, bytes: &[u8]) -> Result<(), TocError> {
    let found = Digest::of(bytes);
    if found == expected {
        return Ok(());
    }
    Err(unusable(format!("{what} does not match: expected {expected}, found {found}")))
}

/// A blob's ranges, none of which leaves the blob.
struct Ranges<'a> {
    source: &'a dyn RangeRead,
    length: u64,
}

impl Ranges<'_> {
    /// The bytes from `start` to `end`, in requests of at most [`REQUEST`] bytes.
    fn get(&self, start: u64, end: u64) -> Result<Vec<u8>, TocError> {
        if start > end || end > self.length {
            return Err(unusable(format!("bytes {start} to {end} of a blob of {}", self.length)));
        }
        let (mut bytes, mut at) = (Vec::new(), start);
        while at < end {
            let count = (end - at).min(REQUEST);
            let part = self.source.range(at, count)?;
            if part.len() as u64 != count {
                return Err(too_few(at, count, part.len()).into());
            }
            bytes.extend_from_slice(&part);
            at += count;
        }
        Ok(bytes)
    }
}
