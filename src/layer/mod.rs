//! One layer: from its blob's bytes to an index of its entries.
//!
//! A layer blob is a tar, plain or compressed with gzip (RFC 1952, any number of members) or zstd (RFC 8878).
//! The index keeps what an audit needs of every entry and the contents of the few small files that say who
//! owns what, so that nothing is ever read twice. Nothing is unpacked to disk.
//!
//! Source: OCI image-spec, layer.md (whiteouts, hardlinks, attributes); POSIX pax; GNU tar's sparse formats.

mod blob;
mod content;
mod decompress;
mod elf;
mod feed;
mod head;
mod interpret;
mod keep;
mod stream;
mod tar;
mod toc;

pub use blob::{Blob, BlobError, BlobReader, Expected, ReadAt, digest_bodies, index_seeking};
pub use content::{ContentDigest, SHA256_UP_TO, content_digest};
pub use decompress::{Compression, Decompressed, detect, reader};
pub use elf::{Linkage, is_library_name, linkage, may_be_linked};
pub use feed::{Streamed, TarInput};
pub(crate) use keep::recorded_paths;
pub use keep::{distil, is_dnf_history, is_kept, is_library_source, is_rpm_database};
pub use stream::{Digests, index_stream, visit_stream};
pub use tar::{Contents, IndexError, Limits, Visitor, index_tar, visit_tar};
pub use toc::{RangeRead, TocError, TocPlace, index_toc};

use crate::base::{Digest, EntryIdx, ImagePath};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The index of one layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerIndex {
    /// Digest of the uncompressed tar, as the image's configuration states it.
    pub diff_id: Option<Digest>,
    /// Digest of the blob, as the manifest states it. `None` for a docker-archive of the old form.
    pub blob: Option<Digest>,
    /// Length of the blob in bytes, if it is compressed (`wire`). `None` where no compressed form exists.
    pub wire: Option<u64>,
    /// Which of the digests were recomputed from the bytes and found equal.
    pub verified: Verified,
    /// The compression of the blob that was read.
    pub compression: Compression,
    /// Whether the sources of installed distributions were read, too ([`is_library_source`]).
    pub sources: bool,
    /// The entries, in the order of the tar. Of a path that occurs twice, the last counts.
    pub entries: Vec<Entry>,
    /// Nanoseconds of the entries whose time is no whole second, by their positions. Nothing but a copy of the layer asks for
    /// them: the cache and recorded indexes have them not.
    #[serde(skip)]
    pub fractions: BTreeMap<EntryIdx, u32>,
    /// The contents of the kept files (see [`is_kept`]), distilled, by the position of their entry.
    pub contents: BTreeMap<EntryIdx, Vec<u8>>,
    /// What was odd about the tar: names that were cleaned, sizes on entries without a body, and so on.
    pub oddities: Vec<crate::base::Problem>,
}

/// Which digests were recomputed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// The blob's digest.
    pub blob: bool,
    /// The uncompressed tar's digest.
    pub diff_id: bool,
}

/// One entry of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The path, cleaned. For a whiteout the path that it hides; for an opaque marker the directory.
    pub path: ImagePath,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of content (`unpacked`): not 0 for regular files only. For a sparse file its logical size.
    pub size: u64,
    /// Permission bits with setuid, setgid and sticky (07777).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time, seconds since 1970.
    pub mtime: i64,
    /// Symbolic link: the target as written. Hard link: the cleaned path. Devices: `major:minor`.
    pub link: Option<Box<[u8]>>,
    /// Extended attributes' names and values, sorted; empty for nearly all.
    pub xattrs: Vec<Attribute>,
    /// Digest of the content, where it was computed: SHA-256 up to [`SHA256_UP_TO`] bytes, BLAKE3 above.
    pub content: Option<Digest>,
}

/// Name and value of an extended attribute.
pub type Attribute = (Box<[u8]>, Box<[u8]>);

/// The kinds of entry that the image specification knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A regular file (also contiguous and sparse ones).
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A hard link; its bytes belong to the entry it leads to.
    Hardlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// `.wh.NAME`: hides the path in the layers below.
    Whiteout,
    /// `.wh..wh..opq`: hides everything in the directory in the layers below.
    Opaque,
}

impl Entry {
    /// A regular file of root's that no tar has: of a virtual or predicted image.
    pub fn file(path: ImagePath, size: u64) -> Self {
        Self {
            path,
            kind: EntryKind::File,
            size,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 0,
            link: None,
            xattrs: Vec::new(),
            content: None,
        }
    }
}

impl LayerIndex {
    /// Bytes of all entries (`unpacked`): what an engine shows as the layer's size.
    pub fn unpacked(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }
}
