//! Where everything stands until the output is whole: one folder beside the output, on the same file system, which goes away
//! with the run. What a run left that was killed, the next one takes away: its folder's lock is nobody's any more.

use super::error::ApplyError;
use super::pack::Blob;
use crate::base::Digest;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How the folders of runs begin.
const PREFIX: &str = ".slimwright-";
/// The file by which a folder is known as a run's; a run that lives has it locked.
const LOCK: &str = "lock";

/// A folder in the form of an OCI image layout, in the folder of this run.
pub struct Store {
    folder: tempfile::TempDir,
    layout: PathBuf,
    _lock: File,
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
        sweep(parent);
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        {
            use std::os::unix::fs::PermissionsExt as _;
            // The user's mask decides, as of any other folder.
            builder.permissions(fs::Permissions::from_mode(0o777));
        }
        let folder = builder.tempdir_in(parent).map_err(failed)?;
        // It is not seen by this name before it is locked.
        let (new, name) = (folder.path().join("lock.new"), folder.path().join(LOCK));
        let lock = File::create_new(&new).map_err(failed)?;
        // Where a file system has no locks, nothing of it is swept either.
        if lock.try_lock().is_ok() {
            fs::rename(&new, &name).map_err(failed)?;
        }
        let layout = folder.path().join("layout");
        fs::create_dir_all(layout.join("blobs/sha256")).map_err(failed)?;
        Ok(Self { folder, layout, _lock: lock, count: AtomicUsize::new(0) })
    }

    /// The layout.
    pub fn path(&self) -> &Path {
        &self.layout
    }

    /// Where an archive of it is put together.
    pub fn archive(&self) -> PathBuf {
        self.folder.path().join("archive")
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
}

/// Takes away the folders of runs that were killed: those that have a lock which nobody holds. What cannot be looked at stays.
fn sweep(parent: &Path) {
    for found in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = found.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes());
        if !is_ours || !found.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let place = found.path().join(LOCK);
        if !fs::symlink_metadata(&place).is_ok_and(|found| found.is_file() && found.len() == 0) {
            continue;
        }
        // Held until the folder is gone.
        let Ok(lock) = File::options().read(true).write(true).open(&place) else { continue };
        match lock.try_lock() {
            Ok(()) => _ = fs::remove_dir_all(found.path()),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
}
