//! Layers over layers: what [`super::View`] is made of.
//!
//! All paths are sorted once. From then on a path is its place in that order: what stands below a directory has
//! the places after one that is known, and directories are found without comparing paths.

use super::view::{DataRef, Node};
use super::{Deletion, Fate};
use crate::base::{EntryIdx, FastMap, LayerIdx, Location, Problem, is_within};
use crate::image::Image;
use crate::layer::{Entry, EntryKind};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// How often a hard link is tried before it leads to nothing.
const MAX_TRIES: usize = 16;

/// No place.
const NONE: u32 = u32::MAX;

/// The paths of some layers, sorted, each once.
#[derive(Default)]
struct Paths<'a> {
    sorted: Vec<&'a [u8]>,
    /// The nearest directory above each that is a path of a layer, too.
    above: Vec<u32>,
    /// The first path below each.
    first_below: Vec<u32>,
    /// The path of each layer's entries.
    of_entries: Vec<Vec<u32>>,
}

impl<'a> Paths<'a> {
    fn of_lowest(image: &'a Image, count: usize) -> Self {
        let mut out = Self::default();
        let mut all: Vec<(&[u8], DataRef)> = Vec::new();
        for (layer, index) in image.layers.iter().take(count).enumerate() {
            let entries = index.entries.iter().enumerate();
            all.extend(entries.map(|(at, entry)| (entry.path.as_bytes(), (layer as LayerIdx, at as EntryIdx))));
            out.of_entries.push(vec![NONE; index.entries.len()]);
        }
        all.sort_by_key(|(path, _)| *path);
        for (path, (layer, entry)) in all {
            if out.sorted.last() != Some(&path) {
                out.sorted.push(path);
            }
            out.of_entries[layer as usize][entry as usize] = out.sorted.len() as u32 - 1;
        }
        out.note_directories();
        out
    }

    fn note_directories(&mut self) {
        self.above = vec![NONE; self.sorted.len()];
        self.first_below = self.above.clone();
        // What the paths so far have in common with the next one: `a` and `a-b` before `a-b/c`, `a` before `a/b`.
        let mut prefixes: Vec<usize> = Vec::new();
        for (place, path) in self.sorted.iter().enumerate() {
            while prefixes.last().is_some_and(|&last| !path.starts_with(self.sorted[last])) {
                prefixes.pop();
            }
            let ends_component = |length: usize| length == 0 || path.get(length) == Some(&b'/');
            let is_above = |prefix: &&usize| ends_component(self.sorted[**prefix].len());
            if let Some(&above) = prefixes.iter().rev().find(is_above) {
                self.above[place] = above as u32;
                let first = &mut self.first_below[above];
                *first = (*first).min(place as u32);
            }
            prefixes.push(place);
        }
    }
}

/// The visible paths in order, where each is, every entry's fate, and what was wrong.
pub(super) type Merged<'a> = (Vec<(&'a [u8], Node)>, FastMap<&'a [u8], u32>, Vec<Vec<Fate>>, Vec<Problem>);

/// The lowest layers, one over the other.
pub(super) struct Merge<'a> {
    image: &'a Image,
    paths: Paths<'a>,
    /// What is visible, by the path's place.
    nodes: BTreeMap<u32, Node>,
    fates: Vec<Vec<Fate>>,
    problems: Vec<Problem>,
}

impl<'a> Merge<'a> {
    pub(super) fn of_lowest(image: &'a Image, count: usize) -> Self {
        let fates = image.layers.iter().map(|layer| vec![Fate::Visible; layer.entries.len()]).collect();
        let paths = Paths::of_lowest(image, count);
        let mut merge = Self { image, paths, nodes: BTreeMap::new(), fates, problems: Vec::new() };
        for layer in 0..count.min(image.layers.len()) {
            merge.apply(layer as LayerIdx);
        }
        merge
    }

    pub(super) fn finish(self) -> Merged<'a> {
        let Self { paths, nodes, fates, problems, .. } = self;
        let visible: Vec<(&[u8], Node)> =
            nodes.into_iter().map(|(place, node)| (paths.sorted[place as usize], node)).collect();
        let mut places = FastMap::default();
        places.reserve(visible.len());
        places.extend(visible.iter().enumerate().map(|(place, (path, _))| (*path, place as u32)));
        (visible, places, fates, problems)
    }

    fn entry(&self, (layer, entry): DataRef) -> &'a Entry {
        &self.image.layers[layer as usize].entries[entry as usize]
    }

    fn get(&self, path: &[u8]) -> Option<Node> {
        let place = self.paths.sorted.binary_search(&path).ok()?;
        self.nodes.get(&(place as u32)).copied()
    }

    fn bury(&mut self, (layer, entry): DataRef, fate: Fate) {
        self.fates[layer as usize][entry as usize] = fate;
    }

    fn apply(&mut self, layer: LayerIdx) {
        let image = self.image;
        let entries = &image.layers[layer as usize].entries;
        for (position, entry) in entries.iter().enumerate() {
            let place = self.paths.of_entries[layer as usize][position];
            match entry.kind {
                EntryKind::Whiteout => self.hide(place, layer),
                EntryKind::Opaque => self.hide_below(place, layer, Deletion::Opaque),
                _ => {}
            }
        }
        let mut links = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            let at = (layer, position as EntryIdx);
            match entry.kind {
                EntryKind::Whiteout | EntryKind::Opaque => {}
                _ if entry.path.is_root() => {}
                EntryKind::Hardlink => match self.linked(entry) {
                    // What the link leads to now, whatever comes to stand there later in the tar.
                    Some(node) => self.put(entry, at, node.data),
                    None => links.push(at),
                },
                _ => self.put(entry, at, at),
            }
        }
        self.link(links);
    }

    /// The file that a hard link leads to.
    fn linked(&self, entry: &Entry) -> Option<Node> {
        let node = self.get(entry.link.as_deref().unwrap_or_default())?;
        (self.entry(node.data).kind == EntryKind::File).then_some(node)
    }

    /// Hard links whose target was not there when they came, in their order; each waits for it, because a link may lead
    /// to a later link.
    fn link(&mut self, links: Vec<DataRef>) {
        let mut ready: BinaryHeap<Reverse<DataRef>> = links.into_iter().map(Reverse).collect();
        let mut waiting: FastMap<&'a [u8], Vec<DataRef>> = FastMap::default();
        let mut tries: FastMap<DataRef, usize> = FastMap::default();
        while let Some(Reverse(at)) = ready.pop() {
            let entry = self.entry(at);
            let target = entry.link.as_deref().unwrap_or_default();
            if let Some(node) = self.linked(entry) {
                self.put(entry, at, node.data);
                let woken = waiting.remove(entry.path.as_bytes()).unwrap_or_default();
                ready.extend(woken.into_iter().map(Reverse));
                tries.remove(&at);
            } else {
                let count = tries.entry(at).or_default();
                *count += 1;
                // A bound for tars whose links are made to remove each other's targets.
                let waits_at = if *count > MAX_TRIES { &b""[..] } else { target };
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
                let target = crate::base::Text::of_bytes(target);
                self.problems
                    .push(Problem::new(&place, format!("a hard link to `{target}`, which does not exist here")));
            }
        }
        for at in left {
            self.put(self.entry(at), at, at);
        }
    }

    fn put(&mut self, entry: &'a Entry, at: DataRef, data: DataRef) {
        let place = self.paths.of_entries[at.0 as usize][at.1 as usize];
        self.make_parents_directories(place, at.0);
        let old = self.nodes.insert(place, Node { entry: at, data });
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
            self.remove_below(place, |gone| gives_way(gone, at.0));
        }
    }

    /// A parent that is no directory gives way: nothing can stand below it.
    fn make_parents_directories(&mut self, place: u32, layer: LayerIdx) {
        let mut above = self.paths.above[place as usize];
        while above != NONE {
            if let Some(node) = self.nodes.get(&above).copied() {
                if self.entry(node.entry).kind == EntryKind::Directory {
                    return;
                }
                self.nodes.remove(&above);
                self.bury(node.entry, gives_way(node.entry, layer));
            }
            above = self.paths.above[above as usize];
        }
    }

    fn hide(&mut self, place: u32, layer: LayerIdx) {
        if let Some(node) = self.nodes.remove(&place) {
            self.bury(node.entry, Fate::Deleted { by: layer, how: Deletion::File });
        }
        self.hide_below(place, layer, Deletion::Directory);
    }

    fn hide_below(&mut self, place: u32, layer: LayerIdx, how: Deletion) {
        self.remove_below(place, |_| Fate::Deleted { by: layer, how });
    }

    fn remove_below(&mut self, place: u32, fate: impl Fn(DataRef) -> Fate) {
        let first = self.paths.first_below[place as usize];
        if first == NONE {
            return;
        }
        let sorted = &self.paths.sorted;
        let is_below = |at: &u32| is_within(sorted[*at as usize], sorted[place as usize]);
        let gone: Vec<u32> = self.nodes.range(first..).map(|(at, _)| *at).take_while(is_below).collect();
        for at in gone {
            if let Some(node) = self.nodes.remove(&at) {
                self.bury(node.entry, fate(node.entry));
            }
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
