//! What engines make of an entry's header, wherever the header came from: a tar or a table of contents. Names are
//! cleaned, whiteouts found, what no engine would unpack is passed over.

use super::head::{self, Head};
use super::tar::{IndexError, Limits};
use super::{Entry, EntryKind, content_digest, keep};
use crate::base::{EntryIdx, FastMap, ImagePath, Problem, Text, clean_path, file_name, parent};
use std::collections::BTreeMap;
use tar_core::EntryType;

const MAX_ODDITIES: usize = 50;
/// The kernel's `PATH_MAX`: no engine can make what has a longer name, or a link to one.
const LONGEST_PATH: usize = 4096;
/// Bytes of names, link targets and extended attributes of one layer.
const MAX_NAMED: usize = 128 << 20;

/// Where an oddity is that stands behind the last entry.
pub(super) const END_OF_TAR: &str = "end of tar";

/// Notes an oddity, unless there are many already.
pub(super) fn odd(oddities: &mut Vec<Problem>, place: impl std::fmt::Display, message: impl std::fmt::Display) {
    if oddities.len() < MAX_ODDITIES {
        oddities.push(Problem::new(place, message));
    }
}

/// Kept contents by position, and what was odd.
type Kept<'k> = (&'k mut BTreeMap<EntryIdx, Vec<u8>>, &'k mut Vec<Problem>);

/// What of a layer is held in memory, counted against its bounds.
#[derive(Default)]
pub(super) struct Held {
    named: usize,
    kept: usize,
    /// Where each symbolic link so far leads.
    links: FastMap<Vec<u8>, Vec<u8>>,
}

/// Links that are followed one after the other, and directories of a path that may be links: no honest layer comes near.
const MAX_LINKS: usize = 8;
const MAX_DIRECTORIES: usize = 32;

impl Held {
    /// Puts an entry where an engine that unpacks the tar puts it: what stands below a link of the same tar, behind the link,
    /// goes to where that leads.
    pub(super) fn follow(&mut self, entry: &mut Entry) {
        if !self.links.is_empty() {
            if let Some(path) = self.followed(entry.path.as_bytes()) {
                entry.path = ImagePath::new(&path);
            }
            let target = entry.link.as_deref().filter(|_| entry.kind == EntryKind::Hardlink);
            if let Some(target) = target.and_then(|target| self.followed(target)) {
                entry.link = Some(target.into());
            }
        }
        let path = entry.path.as_bytes();
        match (entry.kind, entry.link.as_deref()) {
            (EntryKind::Symlink, Some(target)) => {
                let from = if target.starts_with(b"/") { &b""[..] } else { parent(path) };
                let leads_to = clean_path(&[from, target].join(&b'/')).into_owned();
                self.named += path.len() + leads_to.len();
                self.links.insert(path.to_vec(), leads_to);
            }
            (EntryKind::Whiteout | EntryKind::Opaque, _) => {}
            _ => _ = self.links.remove(path),
        }
    }

    /// A path whose directories are links, where there are such.
    fn followed(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut followed: Option<Vec<u8>> = None;
        for _ in 0..MAX_LINKS {
            let at = followed.as_deref().unwrap_or(path);
            let ends = at.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| end);
            let link = ends
                .take(MAX_DIRECTORIES)
                .map(|end| (end, self.links.get(&at[..end])))
                .find_map(|(end, link)| Some((end, link?)));
            let Some((end, target)) = link else { return followed };
            let next = clean_path(&[target, &at[end..]].concat()).into_owned();
            followed = Some(next);
        }
        None
    }

    /// Counts an entry's name, link target and attributes.
    pub(super) fn count_names(&mut self, entry: &Entry) -> Result<(), IndexError> {
        let link = entry.link.as_deref().map_or(0, <[u8]>::len);
        let attributes: usize = entry.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.named += entry.path.as_bytes().len() + link + attributes;
        if self.named > MAX_NAMED {
            let what = "the layer's names and attributes have more bytes than any should have";
            return Err(IndexError::Bound { what, limit: MAX_NAMED as u64 });
        }
        Ok(())
    }

    /// Digests and distils the content of a kept file, and puts it to the others where there is room.
    pub(super) fn keep(
        &mut self,
        entry: &mut Entry,
        position: EntryIdx,
        content: Vec<u8>,
        to: Kept<'_>,
        limits: &Limits,
    ) {
        entry.content = Some(content_digest(&content));
        let content = keep::distil(entry.path.as_bytes(), content);
        if content.is_empty() && keep::is_library_source(entry.path.as_bytes()) {
            return;
        }
        self.put(entry, position, content, to, limits);
    }

    /// Puts what is kept of a file to the others, where there is room.
    pub(super) fn put(
        &mut self,
        entry: &Entry,
        position: EntryIdx,
        content: Vec<u8>,
        (kept, oddities): Kept<'_>,
        limits: &Limits,
    ) {
        if self.kept + content.len() > limits.kept_layer {
            odd(oddities, &entry.path, "not kept: the layer has too many bytes of package metadata");
            return;
        }
        self.kept += content.len();
        kept.insert(position, content);
    }
}

/// What an engine would make of a header; `None` for what it would not put into the file system.
pub(super) fn interpret(head: &Head, oddities: &mut Vec<Problem>) -> Option<Entry> {
    let clean = clean_path(&head.raw_path);
    let longest = clean.len().max(head.link.as_ref().map_or(0, Vec::len));
    if longest > LONGEST_PATH {
        let start = Text::of_bytes(&clean[..clean.len().min(64)]);
        odd(oddities, start, format!("passed over: a name or link of {longest} bytes, more than a path can have"));
        return None;
    }
    if leaves_root(&head.raw_path) {
        odd(
            oddities,
            Text::of_bytes(&head.raw_path),
            format!("a name that leaves the root is read as {}", ImagePath::new(&clean)),
        );
    }
    let (kind, path) = match whiteout(&clean) {
        Some(Ok((kind, path))) => (kind, path),
        Some(Err(why)) => {
            odd(oddities, Text::of_bytes(&clean), why);
            return None;
        }
        None => (kind(head, oddities)?, ImagePath::new(&clean)),
    };
    let link = match kind {
        EntryKind::Hardlink => head.link.as_deref().map(|link| clean_path(link).into_owned()),
        EntryKind::Symlink => head.link.clone(),
        EntryKind::CharDevice | EntryKind::BlockDevice => {
            Some(format!("{}:{}", head.device.0, head.device.1).into_bytes())
        }
        _ => None,
    };
    if kind != EntryKind::File && head.has_body() == head::Body::Forbidden && head.body > 0 {
        odd(oddities, &path, format!("claims {} bytes, but what is no file has none", head.body));
    }
    Some(Entry {
        path,
        kind,
        size: if kind == EntryKind::File { head.logical } else { 0 },
        mode: head.mode & 0o7777,
        uid: u32::try_from(head.uid).unwrap_or(u32::MAX),
        gid: u32::try_from(head.gid).unwrap_or(u32::MAX),
        mtime: head.mtime,
        link: link.map(Vec::into_boxed_slice),
        xattrs: head.xattrs.clone(),
        content: None,
    })
}

/// Whether `..` leads above the root. Engines put what has an absolute name below it (Kaniko writes `/` itself).
fn leaves_root(path: &[u8]) -> bool {
    let mut depth = 0usize;
    path.split(|&byte| byte == b'/').any(|part| match part {
        b"" | b"." => false,
        b".." => match depth.checked_sub(1) {
            Some(above) => {
                depth = above;
                false
            }
            None => true,
        },
        _ => {
            depth += 1;
            false
        }
    })
}

fn kind(head: &Head, oddities: &mut Vec<Problem>) -> Option<EntryKind> {
    Some(match head.kind {
        EntryType::Regular | EntryType::Continuous | EntryType::GnuSparse => EntryKind::File,
        EntryType::Link => EntryKind::Hardlink,
        EntryType::Symlink => EntryKind::Symlink,
        EntryType::Char => EntryKind::CharDevice,
        EntryType::Block => EntryKind::BlockDevice,
        EntryType::Directory => EntryKind::Directory,
        EntryType::Fifo => EntryKind::Fifo,
        other => {
            odd(
                oddities,
                Text::of_bytes(&head.raw_path),
                format!("passed over: no engine knows entries of type {other:?}"),
            );
            return None;
        }
    })
}

/// Whether a cleaned path is a whiteout: which kind and of what, or why it is none (layer.md, "Whiteouts").
fn whiteout(path: &[u8]) -> Option<Result<(EntryKind, ImagePath), &'static str>> {
    let hidden = file_name(path).strip_prefix(b".wh.")?;
    Some(match hidden {
        b".wh..opq" => Ok((EntryKind::Opaque, ImagePath::new(parent(path)))),
        _ if hidden.starts_with(b".wh.") => Err("passed over: the name is reserved (`.wh..wh.`)"),
        b"" | b"." | b".." => Err("passed over: a whiteout without a name"),
        _ => Ok((EntryKind::Whiteout, ImagePath::new(parent(path)).join(hidden))),
    })
}
