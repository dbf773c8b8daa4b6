//! A root file system directory as an image of one layer. Read where it stands: links are not followed, other
//! file systems below it (`/proc` of a running container) are not entered, nothing is written.

use super::{Config, Image, ImageError, OpenOptions, Progress};
use crate::base::{Basis, ImagePath, Problem};
use crate::layer::{Entry, EntryKind, LayerIndex, content_digest, distil, is_library_source, linkage, may_be_linked};
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use walkdir::WalkDir;

/// Reads a directory.
pub(super) fn directory(path: &Path, options: &OpenOptions, progress: &dyn Progress) -> Result<Image, ImageError> {
    progress.start("reading the directory", None);
    let mut reading = Reading {
        root: path,
        layer: LayerIndex { sources: options.limits.sources, ..LayerIndex::default() },
        problems: Vec::new(),
        unread: Vec::new(),
        kept_bytes: 0,
        inodes: HashMap::new(),
    };
    let walk = WalkDir::new(path).same_file_system(true).sort_by_file_name().min_depth(1);
    for item in walk.into_iter().take(options.limits.entries.saturating_add(1)) {
        match item {
            Ok(item) => reading.add(&item, options),
            Err(error) => {
                let place = error.path().unwrap_or(path).display().to_string();
                reading.unread.push(Problem::new(place, format!("cannot read: {error}")));
            }
        }
    }
    progress.finish();
    let limits = &options.limits;
    if reading.layer.entries.len() > limits.entries {
        let message = format!("the folder has more than {} entries; no more are read", limits.entries);
        return Err(ImageError::shape(path, message));
    }
    if reading.layer.unpacked() > limits.unpacked {
        let message = format!("the folder has more than {} bytes; allow it with --max-unpacked", limits.unpacked);
        return Err(ImageError::shape(path, message));
    }
    let platform = options.platform.clone().unwrap_or_else(super::choice::host_platform);
    let mut parts = platform.split('/').map(str::to_owned);
    let (os, architecture) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let config = Config { os, architecture, variant: parts.next(), ..Config::default() };
    let name = path.file_name().map_or_else(|| "/".into(), |name| name.to_string_lossy().into_owned());
    Ok(Image {
        name,
        platform,
        config,
        layers: vec![Arc::new(reading.layer)],
        problems: reading.problems,
        unread: reading.unread,
        ..Image::new(Basis::Measured)
    })
}

struct Reading<'p> {
    root: &'p Path,
    layer: LayerIndex,
    problems: Vec<Problem>,
    unread: Vec<Problem>,
    kept_bytes: usize,
    /// Where each file with several links was first seen.
    inodes: HashMap<(u64, u64), ImagePath>,
}

impl Reading<'_> {
    fn add(&mut self, item: &walkdir::DirEntry, options: &OpenOptions) {
        let relative = item.path().strip_prefix(self.root).unwrap_or(item.path());
        let path = ImagePath::new(relative.as_os_str().as_bytes());
        let metadata = match item.metadata() {
            Ok(metadata) => metadata,
            Err(error) => return self.unread.push(Problem::new(&path, format!("cannot read: {error}"))),
        };
        let kind = metadata.file_type();
        let (mut kind, mut link) = match () {
            () if kind.is_dir() => (EntryKind::Directory, None),
            () if kind.is_symlink() => {
                let target = std::fs::read_link(item.path()).unwrap_or_default();
                (EntryKind::Symlink, Some(target.as_os_str().as_bytes().into()))
            }
            () if kind.is_char_device() => (EntryKind::CharDevice, None),
            () if kind.is_block_device() => (EntryKind::BlockDevice, None),
            () if kind.is_fifo() => (EntryKind::Fifo, None),
            () if kind.is_file() => (EntryKind::File, None),
            () => return self.problems.push(Problem::new(&path, "passed over: a socket is no part of an image")),
        };
        if kind == EntryKind::File && metadata.nlink() > 1 {
            let first = self.inodes.entry((metadata.dev(), metadata.ino())).or_insert_with(|| path.clone());
            if *first != path {
                (kind, link) = (EntryKind::Hardlink, Some(first.as_bytes().into()));
            }
        }
        let position = self.layer.entries.len() as u32;
        let mut entry = Entry {
            path,
            kind,
            size: if kind == EntryKind::File { metadata.len() } else { 0 },
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            mtime: metadata.mtime(),
            link,
            xattrs: Vec::new(),
            content: None,
        };
        if kind == EntryKind::File
            && options.limits.keeps(entry.path.as_bytes())
            && entry.size <= options.limits.most_of(entry.path.as_bytes())
        {
            match std::fs::read(item.path()) {
                Ok(content) => {
                    entry.content = Some(content_digest(&content));
                    let content = distil(entry.path.as_bytes(), content);
                    self.kept_bytes += content.len();
                    if content.is_empty() && is_library_source(entry.path.as_bytes()) {
                        // Nothing to say.
                    } else if self.kept_bytes <= options.limits.kept_layer {
                        self.layer.contents.insert(position, content);
                    } else {
                        let message = "not kept: the folder has too many bytes of package metadata";
                        self.problems.push(Problem::new(&entry.path, message));
                    }
                }
                Err(error) => self.unread.push(Problem::new(&entry.path, format!("cannot read: {error}"))),
            }
        }
        if !self.layer.contents.contains_key(&position)
            && may_be_linked(&entry)
            && let Ok(file) = std::fs::File::open(item.path())
            && let Some(linkage) = linkage(&file, entry.size)
        {
            let text = linkage.encode();
            self.kept_bytes += text.len();
            if self.kept_bytes <= options.limits.kept_layer {
                self.layer.contents.insert(position, text);
            }
        }
        self.layer.entries.push(entry);
    }
}
