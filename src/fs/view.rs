//! The merge. Source: OCI image-spec, layer.md ("Applying Changesets", "Whiteouts"); the kernel's overlayfs
//! document for directories over directories.
//!
//! Whiteouts hide *lower* layers only, wherever they stand in their tar: a layer's whiteouts are applied to
//! the view below, then its entries are added. Parents that are symbolic links are not followed: an entry
//! `lib/new` over a link `lib` makes a real directory, as an engine's snapshot does.

use super::Fate;
use super::merge::Merge;
use crate::base::{EntryIdx, FastMap, ImagePath, LayerIdx, Location, Problem, parent};
use crate::image::Image;
use crate::layer::{Entry, EntryKind};
use std::ops::Range;

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
    /// Sorted by path.
    nodes: Vec<(&'a [u8], Node)>,
    /// Where in `nodes` a path is.
    places: FastMap<&'a [u8], u32>,
    fates: Vec<Vec<Fate>>,
    problems: Vec<Problem>,
    /// Paths of bytes that only a hard link with another name still leads to.
    linked: FastMap<DataRef, &'a [u8]>,
}

impl<'a> View<'a> {
    /// Merges all layers.
    pub fn new(image: &'a Image) -> Self {
        Self::of_lowest(image, image.layers.len())
    }

    /// Merges the lowest `count` layers: what an engine had before the next instruction ran.
    pub fn of_lowest(image: &'a Image, count: usize) -> Self {
        let (nodes, places, fates, problems) = Merge::of_lowest(image, count).finish();
        let mut view = Self { image, nodes, places, fates, problems, linked: FastMap::default() };
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
        self.nodes.iter().copied()
    }

    /// The visible paths below a directory, sorted, without the directory itself.
    pub fn below<'s>(&'s self, dir: &'s [u8]) -> impl Iterator<Item = (&'a [u8], Node)> + 's {
        self.nodes[self.places_below(dir)].iter().copied()
    }

    /// The positions of the visible paths below a directory.
    pub fn places_below(&self, dir: &[u8]) -> Range<usize> {
        if dir.is_empty() {
            return 0..self.nodes.len();
        }
        let first = |start: &[u8]| self.nodes.partition_point(|(path, _)| *path < start);
        first(&[dir, b"/"].concat())..first(&[dir, &[b'/' + 1]].concat())
    }

    /// The node at a cleaned path. Symbolic links are not followed; see [`View::resolve`].
    pub fn get(&self, path: &[u8]) -> Option<Node> {
        self.place(path).map(|place| self.nodes[place].1)
    }

    /// How many visible paths there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The position of a cleaned path among the visible ones, in their order.
    pub fn place(&self, path: &[u8]) -> Option<usize> {
        self.places.get(path).map(|&place| place as usize)
    }

    /// The visible path at a position.
    pub fn at(&self, place: usize) -> (&'a [u8], Node) {
        self.nodes[place]
    }

    /// What is known of some visible paths, by their positions, by the paths themselves.
    pub fn by_path<T: Copy>(&self, by_place: &[Option<T>]) -> FastMap<ImagePath, T> {
        let mut out = FastMap::default();
        out.reserve(by_place.iter().flatten().count());
        out.extend(
            self.iter().zip(by_place).filter_map(|((_, node), known)| Some((self.path(node).clone(), (*known)?))),
        );
        out
    }

    /// The path of a node.
    pub fn path(&self, node: Node) -> &'a ImagePath {
        &self.entry(node.entry).path
    }

    /// Follows symbolic links in every component, inside the root, at most 40 of them (as the kernel's
    /// `MAXSYMLINKS`). Returns the final path, which exists and is no link; a directory need not have an entry of its own.
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
        (at.is_empty() || self.places.contains_key(&at[..]) || !self.places_below(&at).is_empty()).then_some(at)
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
        self.get(path).map(|node| Location { layer: node.entry.0, path: self.path(node).clone() })
    }

    /// What became of an entry's bytes.
    pub fn fate(&self, (layer, entry): DataRef) -> Fate {
        self.fates[layer as usize][entry as usize]
    }

    /// What was wrong while merging: hard links to nothing.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Bytes whose own name is gone but which another visible name still leads to are visible.
    fn keep_linked_bytes(&mut self) {
        let mut linked: FastMap<DataRef, &'a [u8]> = FastMap::default();
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

    /// Where the bytes are counted that a visible path leads to: mostly there.
    pub fn holder(&self, place: usize) -> Option<usize> {
        let (path, node) = self.at(place);
        let holder = self.visible_path(node.data)?;
        if holder == path { Some(place) } else { self.place(holder) }
    }

    /// The path under which a container sees an entry's bytes: its own, or that of a hard link that outlived it.
    pub fn visible_path(&self, at: DataRef) -> Option<&'a [u8]> {
        if self.fate(at) != Fate::Visible {
            return None;
        }
        Some(self.linked.get(&at).copied().unwrap_or_else(|| self.entry(at).path.as_bytes()))
    }
}
