//! What is scattered over an image comes in one layer. A `COPY` is a layer, an image has 125 of them at most, and a copy
//! follows links: where the application is in many places, all but its largest folders is picked by a list in a stage of its
//! own and copied from there at once, with owners, modes and links as they are.
//!
//! Source: `maxLayerDepth` of the engine's layer store; what `COPY --from` keeps was measured with the classic builder and
//! with buildah.

use super::application::Application;
use super::{CopyItem, Picked};
use crate::base::{FastSet, ImagePath, ancestors, is_hidden, parent};
use crate::fs::View;
use crate::layer::EntryKind;
use std::collections::BTreeSet;

/// Instructions that copy of the application, before a list does it.
const MAX_COPIES: usize = 16;
/// Folders that are copied by instructions of their own beside such a list: the largest.
const MAX_FOLDERS: usize = 8;
/// What a folder takes at least for an instruction of its own, in bytes: a long list is not read by people either.
const LARGE: u64 = 1_000_000;

/// How many instructions copy these.
fn instructions(application: &Application) -> usize {
    let folders = application.copies.iter().filter(|item| item.directory).count();
    let files = application.copies.iter().filter(|item| !item.directory);
    let places: BTreeSet<(&[u8], u32, u32)> =
        files.map(|item| (parent(item.path.as_bytes()), item.uid, item.gid)).collect();
    folders + places.len() + usize::from(!application.links.is_empty())
}

/// Takes what is scattered into a list, where there is much of it and something can pick it.
pub(super) fn gather(application: &mut Application, view: &View<'_>, base: &View<'_>) {
    if instructions(application) <= MAX_COPIES {
        return;
    }
    let Some(tar) = tar_of(view).map(Tar::Original).or_else(|| tar_of(base).map(Tar::Base)) else { return };
    let mut folders: Vec<&CopyItem> =
        application.copies.iter().filter(|item| item.directory && item.bytes >= LARGE).collect();
    folders.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
    let whole: FastSet<ImagePath> = folders.into_iter().take(MAX_FOLDERS).map(|item| item.path.clone()).collect();
    let mut listed: BTreeSet<ImagePath> = BTreeSet::new();
    let mut whole_listed: Vec<ImagePath> = Vec::new();
    let add_above = |listed: &mut BTreeSet<ImagePath>, path: &[u8]| {
        ancestors(path).filter(|above| !above.is_empty()).for_each(|above| _ = listed.insert(ImagePath::new(above)));
    };
    let mut copies = Vec::new();
    for item in std::mem::take(&mut application.copies) {
        let path = item.path.as_bytes();
        if whole.contains(&item.path) || !is_listable(path) {
            copies.push(item);
            continue;
        }
        add_above(&mut listed, path);
        match item.directory {
            true => whole_listed.push(item.path),
            false => _ = listed.insert(item.path),
        }
    }
    application.copies = copies;
    application.links.retain(|link| {
        let is_one = is_listable(link.path.as_bytes());
        if is_one {
            add_above(&mut listed, link.path.as_bytes());
            listed.insert(link.path.clone());
        }
        !is_one
    });
    // What is listed has its owner and mode from the original.
    let is_listed = |path: &ImagePath| listed.contains(path) || whole_listed.contains(path);
    application.folders.retain(|folder| !is_listed(&folder.path));
    whole_listed.sort();
    let (in_original, program) = match tar {
        Tar::Original(program) => (true, program),
        Tar::Base(program) => (false, program),
    };
    application.picked =
        Some(Picked { paths: listed.into_iter().collect(), folders: whole_listed, in_original, program });
}

enum Tar {
    Original(String),
    Base(String),
}

/// The `tar` of an image that has a shell, too.
fn tar_of(view: &View<'_>) -> Option<String> {
    let is_program = |path: &str| {
        let real = view.resolve(path.as_bytes());
        let entry = real.and_then(|real| view.get(&real)).map(|node| view.entry(node.entry));
        entry
            .is_some_and(|entry| matches!(entry.kind, EntryKind::File | EntryKind::Hardlink) && entry.mode & 0o111 != 0)
    };
    is_program("bin/sh").then_some(())?;
    ["bin/tar", "usr/bin/tar"].into_iter().find(|path| is_program(path)).map(|path| format!("/{path}"))
}

/// Whether a line of a list can name a path: GNU tar takes backslashes for escapes, and leaves white space out.
fn is_listable(path: &[u8]) -> bool {
    let text = std::str::from_utf8(path);
    text.is_ok_and(|text| !text.chars().any(|c| c == '\\' || is_hidden(c)) && text.trim_end() == text)
}
