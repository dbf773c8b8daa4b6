//! Asking a registry.

use super::manifest::{MAX_WHOLE, Manifest};
use super::wire::Wire;
use super::{AuthFiles, BlobStream, Reference, RegistryError};
use crate::base::Digest;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Largest part of a blob that is kept: tables of contents of large layers.
const MAX_PART: u64 = 64 << 20;

/// What the user, or a test, may choose.
#[derive(Clone, Debug)]
pub struct Options {
    /// Allow plain HTTP, and certificates that cannot be verified, for a registry on this machine. Nothing but
    /// this machine is spoken to then.
    pub insecure: bool,
    /// The files with credentials.
    pub auth_files: AuthFiles,
    /// A folder where credential helpers are looked for before `PATH`.
    pub helper_folder: Option<PathBuf>,
    /// How long a credential helper may take.
    pub helper_wait: Duration,
    /// The wait before the second try; each further one is twice as long.
    pub first_wait: Duration,
    /// How long a server may send nothing before the connection counts as cut.
    pub idle: Duration,
}

impl Default for Options {
    /// As the program uses it, with the files that its environment names.
    fn default() -> Self {
        Self {
            insecure: false,
            auth_files: AuthFiles::from_env(|name| std::env::var_os(name)),
            helper_folder: None,
            helper_wait: Duration::from_secs(30),
            first_wait: Duration::from_millis(500),
            idle: Duration::from_secs(60),
        }
    }
}

/// Speaks to one repository of a registry. Cheap to clone; clones share connections and tokens.
#[derive(Clone)]
pub struct Client(Arc<Wire>);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Client").field(&self.0.place).finish()
    }
}

impl Client {
    /// A client for the repository of a reference. Asks nothing yet, except whether a registry that may be
    /// insecure speaks TLS.
    pub fn new(reference: &Reference, options: Options) -> Result<Self, RegistryError> {
        Wire::new(reference, options).map(|wire| Self(Arc::new(wire)))
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.0
    }

    /// The manifest or index that the reference names, at most 16 MiB: by its digest if it has one, else by its
    /// tag (distribution-spec, "Pulling manifests"). The bytes are verified against the digest that was asked
    /// for or that the registry states.
    pub fn manifest(&self) -> Result<Manifest, RegistryError> {
        match (self.0.reference.digest(), self.0.reference.tag()) {
            (Some(digest), _) => self.manifest_by_digest(digest),
            (None, tag) => {
                let tag = tag.unwrap_or("latest");
                self.0.manifest(tag, &format!("the manifest of tag `{tag}`"), None)
            }
        }
    }

    /// The manifest of a digest, which an index names, verified. At most 16 MiB.
    pub fn manifest_by_digest(&self, digest: &Digest) -> Result<Manifest, RegistryError> {
        self.0.manifest(&digest.to_string(), &format!("manifest {digest}"), Some(digest))
    }

    /// A whole blob of exactly `size` bytes, at most 16 MiB, verified: an image's configuration.
    pub fn small_blob(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, RegistryError> {
        self.0.at_most(size, MAX_WHOLE, &format!("blob {digest}"))?;
        let bytes = self.blob(digest, size).whole()?;
        self.0.verify("the blob's digest", digest, &bytes)?;
        Ok(bytes)
    }

    /// A blob of `size` bytes as a stream that goes on where a connection was cut. Asks when it is first read.
    /// Its digest is for the reader to verify.
    pub fn blob(&self, digest: &Digest, size: u64) -> BlobStream {
        BlobStream::whole_of(self.0.clone(), *digest, size)
    }

    /// `length` bytes (at most 64 MiB) of a blob from `offset` on. From a server that ignores `Range` only near
    /// the beginning of the blob (8 MiB), else [`RegistryError::Unsupported`]. They cannot be verified here.
    pub fn range(&self, digest: &Digest, offset: u64, length: u64) -> Result<Vec<u8>, RegistryError> {
        self.0.at_most(length, MAX_PART, &format!("part of blob {digest}"))?;
        // Nothing is that long, and sums must not overflow.
        self.0.at_most(offset, u64::MAX / 2, &format!("offset in blob {digest}"))?;
        BlobStream::part_of(self.0.clone(), *digest, offset, length).whole()
    }
}
