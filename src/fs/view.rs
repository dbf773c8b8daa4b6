//! The merge. Source: OCI image-spec, layer.md ("Applying Changesets", "Whiteouts"); the kernel's overlayfs
//! document for directories over directories.
//!
//! Whiteouts hide *lower* layers only, wherever they stand in their tar: a layer's whiteouts are applied to
//! the view below, then its entries are added. Parents that are symbolic links are not followed: an entry
//! `lib/new` over a link `lib` makes a real directory, as an engine's snapshot does.

use super::{Deletion, Fate};
use crate::base::{EntryIdx, LayerIdx, Location, Problem, is_within, parent};
use crate::image::Image;
use crate::layer::{Entry, EntryKind};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

/// How often a hard link is tried before it leads to nothing.
const MOST_TRIES: usize = 16;

/// Which entry holds the bytes.
pub type DataRef = (LayerIdx, EntryIdx);

/// One path of the merged tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The layer and entry whose metadata a container sees.
    pub entry: DataRef,
    /// The layer and entry that holds the bytes: another one for a hard link. Regular files and links only.
    pub data: DataRef,
}

/// The merged tree of an image, and the fate of every entry of every layer.
pub struct View<'a> {
    image: &'a Image,
    nodes: BTreeMap<&'a [u8], Node>,
    fates: Vec<Vec<Fate>>,
    problems: Vec<Problem>,
    /// Paths of bytes that only a hard link with another name still leads to.
    linked: HashMap<DataRef, &'a [u8]>,
}

impl<'a> View<'a> {
    /// Merges all layers.
    pub fn new(image: &'a Image) -> Self {
        Self::of_lowest(image, image.layers.len())
    }

    /// Merges the lowest `count` layers: what an engine had before the next instruction ran.
    pub fn of_lowest(image: &'a Image, count: usize) -> Self {
        let fates = image.layers.iter().map(|layer| vec![Fate::Visible; layer.entries.len()]).collect();
        let mut view = Self { image, nodes: BTreeMap::new(), fates, problems: Vec::new(), linked: HashMap::new() };
        for layer in 0..count.min(image.layers.len()) {
            view.apply(layer as LayerIdx);
        }
        view.keep_linked_bytes();
        view
    }

    /// The image.
    pub fn image(&self) -> &'a Image {
        self.image
    }

    /// The entry behind a reference.
    pub fn entry(&self, (layer, entry): DataRef) -> &'a Entry {
        &self.image.layers[layer as usize].entries[entry as usize]
    }

    /// The visible paths, sorted by their bytes, without the root.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], Node)> + '_ {
        self.nodes.iter().map(|(path, node)| (*path, *node))
    }

    /// The visible paths below a directory, sorted, without the directory itself.
    pub fn below<'s>(&'s self, dir: &'s [u8]) -> impl Iterator<Item = (&'a [u8], Node)> + 's {
        let start = if dir.is_empty() { Vec::new() } else { [dir, b"/"].concat() };
        let range = self.nodes.range::<[u8], _>((std::ops::Bound::Included(&start[..]), std::ops::Bound::Unbounded));
        range.map(|(path, node)| (*path, *node)).take_while(move |(path, _)| is_within(path, dir))
    }

    /// The node at a cleaned path. Symbolic links are not followed; see [`View::resolve`].
    pub fn get(&self, path: &[u8]) -> Option<Node> {
        self.nodes.get(path).copied()
    }

    /// Follows symbolic links in every component, inside the root, at most 40 of them (as the kernel's
    /// `MAXSYMLINKS`). Returns the final path, which exists and is no link.
    pub fn resolve(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut todo: Vec<Vec<u8>> = path.split(|&b| b == b'/').rev().map(<[u8]>::to_vec).collect();
        let mut at: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            match &part[..] {
                b"" | b"." => continue,
                b".." => {
                    at.truncate(parent(&at).len());
                    continue;
                }
                _ => {}
            }
            let next = if at.is_empty() { part } else { [&at[..], &part].join(&b'/') };
            let target = self.get(&next).map(|node| self.entry(node.entry)).filter(|e| e.kind == EntryKind::Symlink);
            let Some(target) = target.and_then(|entry| entry.link.as_deref()) else {
                at = next;
                continue;
            };
            links += 1;
            if links > 40 {
                return None;
            }
            if target.starts_with(b"/") {
                at.clear();
            }
            todo.extend(target.split(|&b| b == b'/').rev().map(<[u8]>::to_vec));
        }
        (at.is_empty() || self.nodes.contains_key(&at[..])).then_some(at)
    }

    /// Bytes of content that a path leads to; 0 for what is no file.
    pub fn size(&self, node: Node) -> u64 {
        match self.entry(node.entry).kind {
            EntryKind::File | EntryKind::Hardlink => self.entry(node.data).size,
            _ => 0,
        }
    }

    /// Whether this path is where the bytes are counted: false for the further links of a hard-linked file.
    pub fn holds_bytes(&self, node: Node) -> bool {
        node.entry == node.data && self.entry(node.entry).kind == EntryKind::File
    }

    /// The kept contents of the file at a cleaned path, if its kind is kept (see `layer::is_kept`).
    pub fn contents(&self, path: &[u8]) -> Option<&'a [u8]> {
        self.contents_of(self.get(path)?)
    }

    /// [`View::contents`] for who has the node.
    pub fn contents_of(&self, node: Node) -> Option<&'a [u8]> {
        let (layer, entry) = node.data;
        self.image.layers[layer as usize].contents.get(&entry).map(Vec::as_slice)
    }

    /// Where a visible path comes from.
    pub fn location(&self, path: &[u8]) -> Option<Location> {
        self.get(path).map(|node| Location { layer: node.entry.0, path: crate::base::ImagePath::new(path) })
    }

    /// What became of an entry's bytes.
    pub fn fate(&self, (layer, entry): DataRef) -> Fate {
        self.fates[layer as usize][entry as usize]
    }

    /// What was wrong while merging: hard links to nothing.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    fn apply(&mut self, layer: LayerIdx) {
        let image = self.image;
        let entries = &image.layers[layer as usize].entries;
        for entry in entries {
            match entry.kind {
                EntryKind::Whiteout => self.hide(entry.path.as_bytes(), layer),
                EntryKind::Opaque => self.remove_below(entry.path.as_bytes(), |fates, at| {
                    bury(fates, at, Fate::Deleted { by: layer, how: Deletion::Opaque });
                }),
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
        let mut waiting: HashMap<&'a [u8], Vec<DataRef>> = HashMap::new();
        let mut tries: HashMap<DataRef, usize> = HashMap::new();
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
        let path = entry.path.as_bytes();
        self.make_parents_directories(path, at.0);
        let old = self.nodes.insert(path, Node { entry: at, data });
        let below = old.map(|old| self.entry(old.entry));
        if let Some((old, below)) = old.zip(below) {
            let fate = match () {
                () if old.entry.0 == at.0 => Fate::Shadowed,
                () if same_content(below, entry) => Fate::Rewritten { by: at.0 },
                () => Fate::Replaced { by: at.0 },
            };
            bury(&mut self.fates, old.entry, fate);
        }
        // A directory need not have an entry of its own: what has none before may still have something below it.
        let had_children = below.is_none_or(|below| below.kind == EntryKind::Directory);
        if had_children && entry.kind != EntryKind::Directory {
            self.remove_below(path, |fates, gone| {
                let fate = if gone.0 == at.0 { Fate::Shadowed } else { Fate::Replaced { by: at.0 } };
                bury(fates, gone, fate);
            });
        }
    }

    /// A parent that is no directory gives way: nothing can stand below it.
    fn make_parents_directories(&mut self, path: &'a [u8], layer: LayerIdx) {
        let mut dir = parent(path);
        while !dir.is_empty() {
            if let Some(node) = self.nodes.get(dir).copied() {
                if self.entry(node.entry).kind == EntryKind::Directory {
                    return;
                }
                self.nodes.remove(dir);
                let fate = if node.entry.0 == layer { Fate::Shadowed } else { Fate::Replaced { by: layer } };
                bury(&mut self.fates, node.entry, fate);
            }
            dir = parent(dir);
        }
    }

    fn hide(&mut self, path: &[u8], layer: LayerIdx) {
        if let Some(node) = self.nodes.remove(path) {
            bury(&mut self.fates, node.entry, Fate::Deleted { by: layer, how: Deletion::File });
        }
        self.remove_below(path, |fates, at| {
            bury(fates, at, Fate::Deleted { by: layer, how: Deletion::Directory });
        });
    }

    fn remove_below(&mut self, dir: &[u8], mut bury: impl FnMut(&mut [Vec<Fate>], DataRef)) {
        let gone: Vec<&'a [u8]> = self.below(dir).map(|(path, _)| path).collect();
        for path in gone {
            if let Some(node) = self.nodes.remove(path) {
                bury(&mut self.fates, node.entry);
            }
        }
    }

    /// Bytes whose own name is gone but which another visible name still leads to are visible.
    fn keep_linked_bytes(&mut self) {
        let mut linked: HashMap<DataRef, &'a [u8]> = HashMap::new();
        for (path, node) in &self.nodes {
            if node.entry != node.data {
                linked.entry(node.data).or_insert(path);
            }
        }
        linked.retain(|data, _| self.fate(*data) != Fate::Visible);
        for &(layer, entry) in linked.keys() {
            self.fates[layer as usize][entry as usize] = Fate::Visible;
        }
        self.linked = linked;
    }

    /// The path under which a container sees an entry's bytes: its own, or that of a hard link that outlived it.
    pub fn visible_path(&self, at: DataRef) -> Option<&'a [u8]> {
        if self.fate(at) != Fate::Visible {
            return None;
        }
        Some(self.linked.get(&at).copied().unwrap_or_else(|| self.entry(at).path.as_bytes()))
    }
}

fn bury(fates: &mut [Vec<Fate>], (layer, entry): DataRef, fate: Fate) {
    fates[layer as usize][entry as usize] = fate;
}

/// Whether two files are known to hold the same bytes. Without both digests they are not known to.
fn same_content(below: &Entry, above: &Entry) -> bool {
    below.kind == EntryKind::File
        && above.kind == EntryKind::File
        && below.size == above.size
        && (below.size == 0 || (below.content.is_some() && below.content == above.content))
}
