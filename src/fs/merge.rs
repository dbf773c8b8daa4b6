//! Layers over layers: what [`super::View`] is made of.
//!
//! Every path and every directory above it has a slot that hangs below its directory's, so that what stands below a
//! path is found without looking at anything else.

use super::view::{DataRef, Node};
use super::{Deletion, Fate};
use crate::base::{EntryIdx, FastMap, LayerIdx, Location, Problem, parent};
use crate::image::Image;
use crate::layer::{Entry, EntryKind};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How often a hard link is tried before it leads to nothing.
const MOST_TRIES: usize = 16;

/// The slot of the root directory, which is never visible and nobody's child: as a link between slots it is none.
const ROOT: u32 = 0;

/// A path that a layer has, or a directory above one.
#[derive(Default)]
struct Slot<'a> {
    path: &'a [u8],
    node: Option<Node>,
    directory: u32,
    first_child: u32,
    sibling: u32,
    /// Whether it is among its directory's children.
    hangs: bool,
}

/// The visible paths in order, where each is, every entry's fate, and what was wrong.
pub(super) type Merged<'a> = (Vec<(&'a [u8], Node)>, FastMap<&'a [u8], u32>, Vec<Vec<Fate>>, Vec<Problem>);

/// The lowest layers, one over the other.
pub(super) struct Merge<'a> {
    image: &'a Image,
    slots: Vec<Slot<'a>>,
    by_path: FastMap<&'a [u8], u32>,
    fates: Vec<Vec<Fate>>,
    problems: Vec<Problem>,
}

impl<'a> Merge<'a> {
    pub(super) fn of_lowest(image: &'a Image, count: usize) -> Self {
        let fates = image.layers.iter().map(|layer| vec![Fate::Visible; layer.entries.len()]).collect();
        let entries = image.layers.iter().take(count).map(|layer| layer.entries.len()).sum();
        let (mut slots, mut by_path) = (Vec::with_capacity(entries), FastMap::default());
        by_path.reserve(entries);
        by_path.insert(&b""[..], ROOT);
        slots.push(Slot { hangs: true, ..Slot::default() });
        let mut merge = Self { image, slots, by_path, fates, problems: Vec::new() };
        for layer in 0..count.min(image.layers.len()) {
            merge.apply(layer as LayerIdx);
        }
        merge
    }

    pub(super) fn finish(self) -> Merged<'a> {
        let Self { slots, by_path: mut places, fates, problems, .. } = self;
        let visible = slots.iter().enumerate().filter_map(|(slot, at)| Some((at.path, at.node?, slot)));
        let mut visible: Vec<(&[u8], Node, usize)> = visible.collect();
        visible.sort_by_key(|(path, ..)| *path);
        let mut place_of: Vec<Option<u32>> = vec![None; slots.len()];
        for (place, (_, _, slot)) in visible.iter().enumerate() {
            place_of[*slot] = Some(place as u32);
        }
        places.retain(|_, at| place_of[*at as usize].inspect(|place| *at = *place).is_some());
        (visible.into_iter().map(|(path, node, _)| (path, node)).collect(), places, fates, problems)
    }

    fn entry(&self, (layer, entry): DataRef) -> &'a Entry {
        &self.image.layers[layer as usize].entries[entry as usize]
    }

    fn get(&self, path: &[u8]) -> Option<Node> {
        self.by_path.get(path).and_then(|&slot| self.slots[slot as usize].node)
    }

    /// The slot of a path, hung below its directory's.
    fn slot(&mut self, path: &'a [u8]) -> usize {
        let slot = self.known_slot(path);
        let (mut child, mut path) = (slot, path);
        while !std::mem::replace(&mut self.slots[child].hangs, true) {
            path = parent(path);
            let directory = self.known_slot(path);
            self.slots[child].directory = directory as u32;
            self.slots[child].sibling = std::mem::replace(&mut self.slots[directory].first_child, child as u32);
            child = directory;
        }
        slot
    }

    fn known_slot(&mut self, path: &'a [u8]) -> usize {
        let next = self.slots.len() as u32;
        let slot = *self.by_path.entry(path).or_insert(next);
        if slot == next {
            self.slots.push(Slot { path, ..Slot::default() });
        }
        slot as usize
    }

    fn bury(&mut self, (layer, entry): DataRef, fate: Fate) {
        self.fates[layer as usize][entry as usize] = fate;
    }

    fn apply(&mut self, layer: LayerIdx) {
        let image = self.image;
        let entries = &image.layers[layer as usize].entries;
        for entry in entries {
            match entry.kind {
                EntryKind::Whiteout => self.hide(entry.path.as_bytes(), layer),
                EntryKind::Opaque => self.hide_below(entry.path.as_bytes(), layer, Deletion::Opaque),
                _ => {}
            }
        }
        let mut links = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            let at = (layer, position as EntryIdx);
            match entry.kind {
                EntryKind::Whiteout | EntryKind::Opaque => {}
                _ if entry.path.is_root() => {}
                EntryKind::Hardlink => links.push(at),
                _ => self.put(entry, at, at),
            }
        }
        self.link(links);
    }

    /// Hard links last, in their order; one whose target is not there yet waits for it, because a link may lead
    /// to a later link.
    fn link(&mut self, links: Vec<DataRef>) {
        let mut ready: BinaryHeap<Reverse<DataRef>> = links.into_iter().map(Reverse).collect();
        let mut waiting: FastMap<&'a [u8], Vec<DataRef>> = FastMap::default();
        let mut tries: FastMap<DataRef, usize> = FastMap::default();
        while let Some(Reverse(at)) = ready.pop() {
            let entry = self.entry(at);
            let target = entry.link.as_deref().unwrap_or_default();
            let known = self.get(target).filter(|node| self.entry(node.data).kind == EntryKind::File);
            if let Some(node) = known {
                self.put(entry, at, node.data);
                let woken = waiting.remove(entry.path.as_bytes()).unwrap_or_default();
                ready.extend(woken.into_iter().map(Reverse));
                tries.remove(&at);
            } else {
                let count = tries.entry(at).or_default();
                *count += 1;
                // A bound for tars whose links are made to remove each other's targets.
                let waits_at = if *count > MOST_TRIES { &b""[..] } else { target };
                waiting.entry(waits_at).or_default().push(at);
            }
        }
        let mut left: Vec<DataRef> = waiting.into_values().flatten().collect();
        left.sort_unstable();
        for &at in &left {
            let entry = self.entry(at);
            let target = entry.link.as_deref().unwrap_or_default();
            if self.get(target).is_none() {
                let place = Location { layer: at.0, path: entry.path.clone() };
                let target = crate::base::escape_bytes(target);
                self.problems
                    .push(Problem::new(&place, format!("a hard link to `{target}`, which does not exist here")));
            }
        }
        for at in left {
            self.put(self.entry(at), at, at);
        }
    }

    fn put(&mut self, entry: &'a Entry, at: DataRef, data: DataRef) {
        let slot = self.slot(entry.path.as_bytes());
        self.make_parents_directories(slot, at.0);
        let old = self.slots[slot].node.replace(Node { entry: at, data });
        let below = old.map(|old| self.entry(old.entry));
        if let Some((old, below)) = old.zip(below) {
            let fate = match () {
                () if old.entry.0 == at.0 => Fate::Shadowed,
                () if same_content(below, entry) => Fate::Rewritten { by: at.0 },
                () => Fate::Replaced { by: at.0 },
            };
            self.bury(old.entry, fate);
        }
        // A directory need not have an entry of its own: what has none before may still have something below it.
        let had_children = below.is_none_or(|below| below.kind == EntryKind::Directory);
        if had_children && entry.kind != EntryKind::Directory {
            self.remove_below(slot, |gone| gives_way(gone, at.0));
        }
    }

    /// A parent that is no directory gives way: nothing can stand below it.
    fn make_parents_directories(&mut self, slot: usize, layer: LayerIdx) {
        let mut at = self.slots[slot].directory;
        while at != ROOT {
            let directory = &mut self.slots[at as usize];
            at = directory.directory;
            let Some(node) = directory.node else { continue };
            if self.image.layers[node.entry.0 as usize].entries[node.entry.1 as usize].kind == EntryKind::Directory {
                return;
            }
            directory.node = None;
            self.bury(node.entry, gives_way(node.entry, layer));
        }
    }

    fn hide(&mut self, path: &[u8], layer: LayerIdx) {
        let Some(&slot) = self.by_path.get(path) else { return };
        if let Some(node) = self.slots[slot as usize].node.take() {
            self.bury(node.entry, Fate::Deleted { by: layer, how: Deletion::File });
        }
        self.hide_below(path, layer, Deletion::Directory);
    }

    fn hide_below(&mut self, dir: &[u8], layer: LayerIdx, how: Deletion) {
        if let Some(&slot) = self.by_path.get(dir) {
            self.remove_below(slot as usize, |_| Fate::Deleted { by: layer, how });
        }
    }

    fn remove_below(&mut self, slot: usize, fate: impl Fn(DataRef) -> Fate) {
        let mut at = std::mem::take(&mut self.slots[slot].first_child);
        let mut todo = Vec::new();
        while at != ROOT {
            let slot = &mut self.slots[at as usize];
            slot.hangs = false;
            todo.extend([std::mem::take(&mut slot.first_child), std::mem::take(&mut slot.sibling)]);
            if let Some(node) = slot.node.take() {
                self.bury(node.entry, fate(node.entry));
            }
            at = std::iter::from_fn(|| todo.pop()).find(|next| *next != ROOT).unwrap_or(ROOT);
        }
    }
}

/// The fate of what something in `layer` cannot stand beside.
fn gives_way(gone: DataRef, layer: LayerIdx) -> Fate {
    if gone.0 == layer { Fate::Shadowed } else { Fate::Replaced { by: layer } }
}

/// Whether two files are known to hold the same bytes. Without both digests they are not known to.
fn same_content(below: &Entry, above: &Entry) -> bool {
    below.kind == EntryKind::File
        && above.kind == EntryKind::File
        && below.size == above.size
        && (below.size == 0 || (below.content.is_some() && below.content == above.content))
}
