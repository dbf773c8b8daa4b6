//! Two proofs. Before anything is written: the outcome, merged as any image, has what is to stay, each path with its
//! attributes and with the very bytes of the original, and nothing else. After it was written: what the reading half finds in
//! it is the outcome, entry by entry, with digests. A difference is an error.

use super::error::ApplyError;
use super::outcome::{Body, Item, OutLayer, Outcome};
use crate::base::ImagePath;
use crate::fs::{Node, View};
use crate::image::Image;
use crate::layer::{Entry, EntryKind};
use std::collections::BTreeMap;

/// What is to be seen of the outcome.
pub struct Expected<'e> {
    /// Of each visible path of the original, whether it stays.
    pub stays: &'e [bool],
    /// What is made, and takes the place of what stays at its path.
    pub made: &'e BTreeMap<ImagePath, Item>,
}

/// Compares what the outcome shows with what is to stay of the original, and with what is made.
///
/// # Errors
///
/// [`ApplyError::Differs`] with the first path that is another one.
pub fn before_writing(view: &View<'_>, wanted: &Expected<'_>, outcome: &Outcome) -> Result<(), ApplyError> {
    let after = View::new(&outcome.predicted);
    let is_made = |path: &[u8]| wanted.made.get(&ImagePath::new(path));
    let stays = view.iter().enumerate().filter(|(place, _)| wanted.stays[*place]).map(|(_, found)| found);
    let expected = stays.filter(|(path, _)| is_made(path).is_none());
    let mut found = after.iter().filter(|(path, _)| is_made(path).is_none());
    for (path, node) in expected {
        let Some((other, new)) = found.next() else { return Err(differs(path, "it is not there")) };
        match other.cmp(path) {
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Less => return Err(differs(other, "it is there and should not be")),
            std::cmp::Ordering::Greater => return Err(differs(path, "it is not there")),
        }
        if let Some(what) = difference(&Side { view, node }, &Side { view: &after, node: new }) {
            return Err(differs(path, what));
        }
        if has_bytes(view.entry(node.entry).kind) && original_of(outcome, new) != Some(node.data) {
            return Err(differs(path, "it has other bytes"));
        }
    }
    if let Some((path, _)) = found.next() {
        return Err(differs(path, "it is there and should not be"));
    }
    for (path, item) in wanted.made {
        let Some(node) = after.get(path.as_bytes()) else {
            return Err(differs(path.as_bytes(), "it is to be made, and is not there"));
        };
        if item_of(outcome, node) != Some(item) {
            return Err(differs(path.as_bytes(), "it is to be made, and something else is there"));
        }
    }
    Ok(())
}

/// The item of a new layer that is seen at a path.
fn item_of(outcome: &Outcome, node: Node) -> Option<&Item> {
    let (layer, entry) = node.entry;
    match outcome.layers.get(layer as usize)? {
        OutLayer::Kept(_) => None,
        OutLayer::New(_, items) => items.get(entry as usize),
    }
}

fn differs(path: &[u8], what: &str) -> ApplyError {
    ApplyError::Differs { place: ImagePath::new(path).to_string().into(), what: what.to_owned() }
}

fn has_bytes(kind: EntryKind) -> bool {
    matches!(kind, EntryKind::File | EntryKind::Hardlink)
}

/// Which file of the original a path of the outcome has its bytes from.
fn original_of(outcome: &Outcome, node: Node) -> Option<crate::fs::DataRef> {
    let (layer, entry) = node.data;
    match outcome.layers.get(layer as usize)? {
        OutLayer::Kept(layer) => Some((*layer as crate::base::LayerIdx, entry)),
        OutLayer::New(_, items) => match items.get(entry as usize)?.body {
            Body::Original(data) => Some(data),
            Body::None | Body::Bytes(_) | Body::Member(..) => None,
        },
    }
}

struct Side<'s, 'a> {
    view: &'s View<'a>,
    node: Node,
}

impl<'a> Side<'_, 'a> {
    fn entry(&self) -> &'a Entry {
        self.view.entry(self.node.entry)
    }

    fn nanos(&self) -> u32 {
        let (layer, entry) = self.node.entry;
        self.view.image().layers[layer as usize].fractions.get(&entry).copied().unwrap_or_default()
    }
}

/// In what two paths differ. A hard link and a file are told apart by their bytes alone: which of several names is the file is
/// nothing that a container sees.
fn difference(a: &Side<'_, '_>, b: &Side<'_, '_>) -> Option<&'static str> {
    let (old, new) = (a.entry(), b.entry());
    let is_promoted = old.kind == EntryKind::Hardlink && new.kind == EntryKind::File;
    let same_kind = old.kind == new.kind || has_bytes(old.kind) && has_bytes(new.kind);
    let same_link = has_bytes(old.kind) || old.link == new.link;
    let same_xattrs = old.xattrs == new.xattrs || is_promoted && old.xattrs.is_empty();
    let checks = [
        (same_kind, "it is of another kind"),
        (old.mode == new.mode, "it has another mode"),
        ((old.uid, old.gid) == (new.uid, new.gid), "it has another owner"),
        ((old.mtime, a.nanos()) == (new.mtime, b.nanos()), "it has another time"),
        (same_link, "it leads somewhere else"),
        (same_xattrs, "it has other extended attributes"),
        (a.view.size(a.node) == b.view.size(b.node), "it has another size"),
    ];
    checks.iter().find(|(is_same, _)| !is_same).map(|(_, what)| *what)
}

/// Compares what was read back with the outcome.
///
/// # Errors
///
/// [`ApplyError::Differs`] with the first entry that is another one.
pub fn after_writing(outcome: &Outcome, written: &Image) -> Result<(), ApplyError> {
    let (expected, found) = (outcome.predicted.layers.len(), written.layers.len());
    if expected != found {
        let what = format!("expected {expected} layers, found {found}");
        return Err(ApplyError::Differs { place: "the image".into(), what });
    }
    let pairs = outcome.predicted.layers.iter().zip(&written.layers).zip(&outcome.layers);
    for (position, ((expected, found), layer)) in pairs.enumerate() {
        let differs = |place: &dyn std::fmt::Display, what: &str| ApplyError::Differs {
            place: format!("layer {}, {place}", position + 1).into(),
            what: what.to_owned(),
        };
        if !found.verified.diff_id {
            return Err(differs(&"its digest", "it was not verified"));
        }
        let is_new = matches!(layer, OutLayer::New(..));
        for (old, new) in expected.entries.iter().zip(&found.entries) {
            let same = Entry { content: None, ..old.clone() } == Entry { content: None, ..new.clone() };
            let same_content = match (old.content, new.content) {
                (Some(old), Some(new)) => old == new,
                (None, _) => !is_new || old.kind != EntryKind::File,
                (Some(_), None) => old.size == 0 || !is_new,
            };
            if !same || !same_content {
                return Err(differs(&old.path, "what was read back is not what was to be written"));
            }
        }
        if expected.entries.len() != found.entries.len() || expected.fractions != found.fractions {
            return Err(differs(&"its entries", "there are others than were to be written"));
        }
    }
    Ok(())
}
