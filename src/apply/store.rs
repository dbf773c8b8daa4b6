//! Where blobs stand until the output is whole: a folder beside the output, on the same file system, which goes away with
//! whatever ends the run.

use super::error::ApplyError;
use super::pack::Blob;
use crate::base::Digest;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder in the form of an OCI image layout.
pub struct Store {
    folder: tempfile::TempDir,
    count: AtomicUsize,
}

impl Store {
    /// A new one in this folder.
    ///
    /// # Errors
    ///
    /// It cannot be made there.
    pub fn new(parent: &Path) -> Result<Self, ApplyError> {
        let failed = |error| ApplyError::Write { place: crate::base::Text::of_path(parent), source: error };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".slimwright-");
        {
            use std::os::unix::fs::PermissionsExt as _;
            // The user's mask decides, as of any other folder.
            builder.permissions(fs::Permissions::from_mode(0o777));
        }
        let folder = builder.tempdir_in(parent).map_err(failed)?;
        fs::create_dir_all(folder.path().join("blobs/sha256")).map_err(failed)?;
        Ok(Self { folder, count: AtomicUsize::new(0) })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The error of what could not be written.
    pub fn failed(&self, source: io::Error) -> ApplyError {
        ApplyError::Write { place: crate::base::Text::of_path(self.path()), source }
    }

    /// A name for a blob whose digest is not known yet.
    pub fn name(&self) -> String {
        format!("blobs/sha256/new-{}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// A new file.
    pub fn create(&self, name: &str) -> Result<File, ApplyError> {
        File::create_new(self.path().join(name)).map_err(|error| self.failed(error))
    }

    /// Gives a finished blob its name.
    pub fn keep(&self, name: &str, blob: &Blob) -> Result<(), ApplyError> {
        fs::rename(self.path().join(name), self.blob(&blob.digest)).map_err(|error| self.failed(error))
    }

    /// Where a blob is.
    pub fn blob(&self, digest: &Digest) -> PathBuf {
        self.path().join("blobs/sha256").join(digest.hex())
    }

    /// Writes a document as a blob.
    pub fn document(&self, bytes: &[u8]) -> Result<Digest, ApplyError> {
        let digest = Digest::of(bytes);
        fs::write(self.blob(&digest), bytes).map_err(|error| self.failed(error))?;
        Ok(digest)
    }

    /// Writes a file.
    pub fn file(&self, name: &str, bytes: &[u8]) -> Result<(), ApplyError> {
        fs::write(self.path().join(name), bytes).map_err(|error| self.failed(error))
    }

    /// All files and folders, by name, folders first where they are above files.
    pub fn names(&self) -> Result<Vec<PathBuf>, ApplyError> {
        let walk = walkdir::WalkDir::new(self.path()).min_depth(1).sort_by_file_name();
        let names = walk.into_iter().map(|found| {
            let found = found.map_err(|error| self.failed(error.into()))?;
            Ok(found.path().strip_prefix(self.path()).unwrap_or(found.path()).to_owned())
        });
        names.collect()
    }

    /// Takes the folder out of its care.
    pub fn into_path(self) -> PathBuf {
        self.folder.keep()
    }
}
