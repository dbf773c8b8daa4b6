//! Digests of contents. SHA-256 is what RECORD has, so small files, about which several distributions may quarrel,
//! have that; the bytes of an image are in its large files, whose contents only ever need to be compared with one
//! another, and BLAKE3 does that in a third of the time. Which of the two an entry has follows from its size.

use super::Entry;
use crate::base::{Digest, Sha256Writer};

/// The largest content that is digested with SHA-256, in bytes.
pub const SHA256_UP_TO: u64 = 64 << 10;

/// Digests one content.
pub enum ContentDigest {
    /// Of a small one.
    Sha256(Sha256Writer),
    /// Of a large one.
    Blake3(Box<blake3::Hasher>),
}

impl ContentDigest {
    /// For a content of this many bytes.
    pub fn for_size(bytes: u64) -> Self {
        if bytes <= SHA256_UP_TO { Self::Sha256(Sha256Writer::default()) } else { Self::Blake3(Box::default()) }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(digest) => digest.update(bytes),
            Self::Blake3(digest) => _ = digest.update(bytes),
        }
    }

    /// The digest of all that was added.
    pub fn finish(self) -> Digest {
        match self {
            Self::Sha256(digest) => digest.finish(),
            Self::Blake3(digest) => Digest(*digest.finalize().as_bytes()),
        }
    }
}

/// The digest of a content that is in memory.
pub fn content_digest(content: &[u8]) -> Digest {
    let mut digest = ContentDigest::for_size(content.len() as u64);
    digest.update(content);
    digest.finish()
}

impl Entry {
    /// The content's SHA-256, where that is the digest that it has.
    pub fn sha256(&self) -> Option<Digest> {
        self.content.filter(|_| self.size <= SHA256_UP_TO)
    }
}
