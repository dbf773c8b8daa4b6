//! The cache: indexes of layers in the user's cache folder, so that no layer is read twice.
//!
//! A layer whose diff ID was recomputed from its bytes is kept under that ID, with the digests of the blobs that
//! were found to hold it: it serves every image that has the layer, wherever that is. A plain tar that was only
//! sought through is kept under the identity of its file (device, inode, length, times), because nothing proves
//! that it is the layer that its image claims; it serves only while that file is unchanged. A daemon's image is
//! kept under its ID, which is a digest. The list of a wheel's files is kept under where it came from: its URL, its
//! length and its digest, as its index tells them, so that no index has a say in what another one's wheels hold. Which distributions a set of requirements comes to is kept for ten minutes, under the digest of all that it
//! depends on.
//!
//! Each entry is one file in the form of a recorded index: magic, version, SHA-256, and postcard in zstd. It is
//! written aside and renamed, so that several processes can use the cache at once. One that is damaged, of another
//! version, or of another key (which stands in it), is no entry. No link is followed to one, and a folder that somebody
//! else owns or may write to is not used at all.

use super::recorded::{check_layer, pack, unpack};
use crate::base::{Digest, Text};
use crate::layer::{Compression, LayerIndex};
use rustix::fs::{Mode, OFlags};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// The folder's bound, in bytes, unless the user sets another.
pub const CACHE_BYTES: u64 = 1_000_000_000;
/// Another program version may read another thing out of the same layer.
const VERSION: &str = concat!("v9-", env!("CARGO_PKG_VERSION"));
/// Largest entry that is read, in bytes.
const MAX_ENTRY: u64 = 64 << 20;
/// How often an entry is written that another process removes.
const MAX_WRITES: u32 = 8;
/// Speed matters more than size.
const LEVEL: i32 = 1;
/// What was begun and not renamed for this long belongs to a process that is gone.
const STALE: Duration = Duration::from_secs(3600);

/// The cache's folder, and what is on its way into it.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    most_bytes: u64,
    writer: Arc<Mutex<Option<Writer>>>,
    /// Why the folder is not used, once that was asked.
    refused: Arc<OnceLock<Option<String>>>,
}

/// A thread that compresses and writes, while the image is looked at.
#[derive(Debug)]
struct Writer {
    entries: SyncSender<(PathBuf, Vec<u8>)>,
    thread: JoinHandle<io::Result<()>>,
}

/// What is in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheInfo {
    /// Its folder.
    pub folder: PathBuf,
    /// Entries.
    pub entries: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The bound.
    pub most_bytes: u64,
}

/// A layer in the cache. Written as a tuple of the same fields, which postcard does not tell apart.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct KnownLayer {
    /// Its index. What it says of a blob is that of the one that was read.
    pub layer: LayerIndex,
    /// Where the bodies begin, of a tar that was sought through.
    pub bodies: Option<Vec<u64>>,
    /// The blobs whose digest was recomputed and which hold this layer.
    pub blobs: Vec<KnownBlob>,
}

/// A blob that holds a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its compression.
    pub compression: Compression,
    /// Its length in bytes, if compressed.
    pub wire: Option<u64>,
}

/// A daemon's image in the cache.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KnownImage {
    /// The configuration, as it is.
    pub config: Vec<u8>,
    /// Its layers, lowest first.
    pub layers: Vec<KnownLayerSource>,
}

/// What is known of a layer besides its index.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct KnownLayerSource {
    /// Its diff ID.
    pub diff_id: Digest,
    /// Its blob's digest, where the engine has one.
    pub blob: Option<Digest>,
    /// Its blob's length.
    pub length: u64,
}

impl Cache {
    /// The cache in a folder, which is made when something is put into it.
    pub fn new(folder: PathBuf, most_bytes: u64) -> Self {
        Self { folder, most_bytes, writer: Arc::default(), refused: Arc::default() }
    }

    /// The user's: `SLIMWRIGHT_CACHE_DIR`, or `slimwright` in `XDG_CACHE_HOME` or `~/.cache` (XDG Base Directory
    /// Specification); `None` where none of these says.
    pub fn of_user() -> Option<PathBuf> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = || set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
        let home = || set("HOME").map(|home| home.join(".cache"));
        set("SLIMWRIGHT_CACHE_DIR").or_else(|| Some(base().or_else(home)?.join("slimwright")))
    }

    /// The layer of a diff ID.
    pub(super) fn layer(&self, diff_id: Digest) -> Option<KnownLayer> {
        self.get_layer(&format!("layer {diff_id}"))
    }

    /// Whether there seems to be one.
    pub(super) fn has_layer(&self, diff_id: Digest) -> bool {
        self.path(&format!("layer {diff_id}")).is_file()
    }

    /// Keeps a layer whose diff ID was verified, and its blob, if that was.
    pub(super) fn put_layer(&self, diff_id: Digest, layer: &LayerIndex) {
        let blob = layer.blob.filter(|_| layer.verified.blob).map(|digest| KnownBlob {
            digest,
            compression: layer.compression,
            wire: layer.wire,
        });
        let mut blobs = self.layer(diff_id).map_or_else(Vec::new, |known| known.blobs);
        blobs.retain(|known| Some(known.digest) != blob.map(|blob| blob.digest));
        blobs.extend(blob);
        self.put(&format!("layer {diff_id}"), &(layer, None::<&[u64]>, blobs));
    }

    /// The layer that was sought through at a place.
    pub(super) fn sought(&self, identity: &str) -> Option<KnownLayer> {
        self.get_layer(&format!("sought {identity}"))
    }

    /// Keeps a layer that was sought through.
    pub(super) fn put_sought(&self, identity: &str, layer: &LayerIndex, bodies: Option<&[u64]>) {
        self.put(&format!("sought {identity}"), &(layer, bodies, Vec::<KnownBlob>::new()));
    }

    /// The image of a daemon's ID.
    pub(super) fn image(&self, id: &str) -> Option<KnownImage> {
        self.get(&format!("image {id}"))
    }

    /// Keeps it.
    pub(super) fn put_image(&self, id: &str, image: &KnownImage) {
        self.put(&format!("image {id}"), image);
    }

    fn get_layer(&self, key: &str) -> Option<KnownLayer> {
        let known: KnownLayer = self.get(key)?;
        let count = known.layer.entries.len();
        let fits = known.bodies.as_ref().is_none_or(|bodies| bodies.len() == count);
        (fits && check_layer(&known.layer).is_ok()).then_some(known)
    }

    /// What was put under a key. Keys begin with a word for their kind.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        if self.refused().is_some() {
            return None;
        }
        let path = self.path(key);
        let file = open_own(&path).ok()?;
        let mut bytes = Vec::new();
        (&file).take(MAX_ENTRY + 1).read_to_end(&mut bytes).ok()?;
        let found = unpack::<(String, T)>(&bytes).ok().filter(|(found, _)| found == key);
        let Some((_, value)) = found else {
            // Nothing that is damaged stays to be found again.
            let _ = fs::remove_file(&path);
            return None;
        };
        // What is used stays: the oldest go first.
        let _ = file.set_modified(SystemTime::now());
        Some(value)
    }

    /// Why the cache is not used: its folder is somebody else's, or somebody else may write to it. Whoever can may put
    /// into it what we would believe.
    fn refused(&self) -> Option<&str> {
        let folders = [self.folder.clone(), self.folder.join(VERSION)];
        self.refused.get_or_init(|| folders.iter().find_map(|folder| refusal(folder))).as_deref()
    }

    /// Keeps a value under a key: hands it to the writer. What becomes of it [`Cache::flush`] says.
    pub(crate) fn put<T: Serialize>(&self, key: &str, value: &T) {
        if self.refused().is_some() {
            return;
        }
        let Ok(bytes) = postcard::to_stdvec(&(key, value)) else { return };
        let Ok(mut writer) = self.writer.lock() else { return };
        // One that has failed takes nothing more.
        let _ = writer.get_or_insert_with(Writer::start).entries.send((self.path(key), bytes));
    }

    /// Waits until everything is written, and keeps the cache within its bound. The error is the first one.
    pub fn flush(&self) -> io::Result<()> {
        if let Some(why) = self.refused() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why.to_owned()));
        }
        let Some(writer) = self.writer.lock().ok().and_then(|mut writer| writer.take()) else { return Ok(()) };
        drop(writer.entries);
        let written = writer.thread.join().unwrap_or_else(|_| Err(io::Error::other("the writer failed")));
        self.trim();
        written
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(VERSION).join(&Digest::of(key.as_bytes()).hex()[..40])
    }

    /// Removes the entries that were used longest ago while there are too many bytes, and what other versions and
    /// broken runs left.
    fn trim(&self) {
        let mut files = self.files();
        files.sort_by_key(|file| std::cmp::Reverse(file.used));
        let now = SystemTime::now();
        let mut bytes = 0;
        for file in files {
            let is_stale = file.is_aside && now.duration_since(file.used).is_ok_and(|age| age > STALE);
            bytes += file.bytes;
            if is_stale || bytes > self.most_bytes {
                // Another process may have done it.
                let _ = fs::remove_file(&file.path);
            }
        }
    }

    /// What is in it.
    pub fn info(&self) -> CacheInfo {
        let files = self.files();
        CacheInfo {
            folder: self.folder.clone(),
            entries: files.iter().filter(|file| !file.is_aside).count(),
            bytes: files.iter().map(|file| file.bytes).sum(),
            most_bytes: self.most_bytes,
        }
    }

    /// Removes every entry, and nothing else. Returns what was there.
    pub fn clear(&self) -> io::Result<CacheInfo> {
        let info = self.info();
        for file in self.files() {
            match fs::remove_file(&file.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        for folder in self.version_folders().iter().filter(|folder| !folder.ends_with(VERSION)) {
            let _ = fs::remove_dir(folder);
        }
        Ok(info)
    }

    /// Our files, of any version, by what they are called: nobody else's are touched.
    fn files(&self) -> Vec<CacheFile> {
        let entries = self.version_folders().into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
        entries.filter_map(|entry| CacheFile::new(&entry.ok()?)).collect()
    }

    fn version_folders(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let folders = entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders
            .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"v"))
            .map(|entry| entry.path())
            .collect()
    }
}

impl Writer {
    fn start() -> Self {
        let (entries, received) = sync_channel::<(PathBuf, Vec<u8>)>(2);
        let thread =
            std::thread::spawn(move || received.iter().try_for_each(|(path, bytes)| write_again(&path, &bytes)));
        Self { entries, thread }
    }
}

/// An entry, opened to be read and to be marked as used, if it is a file of ours and no link to one.
fn open_own(path: &Path) -> io::Result<fs::File> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    if metadata.is_file() && is_ours(&metadata) { Ok(file) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// Whether nobody else owns it, and nobody else may write to it.
fn is_ours(metadata: &fs::Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

/// Why a folder cannot be trusted. One that is not there can: it will be made.
fn refusal(folder: &Path) -> Option<String> {
    let place = Text::of_path(folder);
    match fs::metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Ok(metadata) if !metadata.is_dir() || is_ours(&metadata) => None,
        Ok(metadata) if metadata.uid() == rustix::process::geteuid().as_raw() => {
            let mode = metadata.mode() & 0o777;
            Some(format!("{place} is not used: others may write to it (mode {mode:o}; `chmod go-w` mends that)"))
        }
        Ok(metadata) => Some(format!("{place} is not used: it belongs to another user (uid {})", metadata.uid())),
        // Whoever writes to it is told why that fails.
        Err(_) => None,
    }
}

/// [`write`], again where another process has cleared the cache in the middle of it.
fn write_again(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let is_gone = |result: &io::Result<()>| matches!(result, Err(error) if error.kind() == io::ErrorKind::NotFound);
    (1..MAX_WRITES).map(|_| write(path, bytes)).find(|result| !is_gone(result)).unwrap_or_else(|| write(path, bytes))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    make_private(folder)?;
    let mut aside = tempfile::NamedTempFile::new_in(folder)?;
    pack(bytes, LEVEL, aside.as_file_mut())?;
    aside.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The folder tells what its user looks at: it is nobody else's to read, or to write.
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

struct CacheFile {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
    /// Not renamed yet.
    is_aside: bool,
}

impl CacheFile {
    fn new(entry: &fs::DirEntry) -> Option<Self> {
        let name = entry.file_name();
        let name = name.to_str()?;
        let is_entry = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_aside = name.starts_with(".tmp");
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        (is_entry || is_aside).then(|| Self {
            path: entry.path(),
            bytes: metadata.len(),
            used: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            is_aside,
        })
    }
}
