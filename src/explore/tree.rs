//! The tree of files: folders with the sums of what is in them, of which those that are open show it.

use super::contents::{Contents, Item};
use crate::base::{FastSet, is_within};
use crate::fs::Fate;
use crate::layer::EntryKind;
use std::cmp::Reverse;

/// Folders within folders that are told apart; what is deeper stands below the last one with the rest of its path.
const MAX_DEPTH: usize = 64;

/// A folder or file.
#[derive(Clone, Debug)]
pub struct Node {
    /// An item at or below it, whose path it is a part of.
    source: u32,
    /// Where its name starts and ends in that path.
    name: (u32, u32),
    /// How many folders it is in.
    pub depth: usize,
    /// The item, if it is one, and not only a folder above some.
    pub item: Option<u32>,
    /// Bytes (`unpacked`) of it and of all below it.
    pub bytes: u64,
    /// Of these, what no container sees.
    pub hidden: u64,
    /// Of these, what goes by the plan.
    pub goes: u64,
    /// How many files these are.
    pub files: u64,
    /// Whose all of it is, if it is one's.
    pub whose: Option<u32>,
    is_folder: bool,
    children: Vec<u32>,
}

/// The tree, and where in it one is.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    tops: Vec<u32>,
    shown: Vec<u32>,
    open: FastSet<Vec<u8>>,
    /// Whether all folders are open, because few rows were asked for by name.
    all_open: bool,
    /// The row that one is at.
    pub cursor: usize,
    /// The first row that is shown.
    pub top: usize,
    /// Whether rows are sorted by name and not by size.
    pub by_name: bool,
}

impl Tree {
    /// Shows other items, given as positions in the contents' items; folders that were open stay so.
    pub fn fill(
        &mut self,
        contents: &Contents,
        goes: &dyn Fn(u32) -> bool,
        items: impl Iterator<Item = u32>,
        all_open: bool,
    ) {
        let here = self.path_here(contents);
        (self.nodes, self.tops, self.all_open) = (Vec::new(), Vec::new(), all_open);
        let mut above: Vec<u32> = Vec::new();
        for place in items {
            self.add(contents, goes, place, &mut above);
        }
        self.show(contents);
        let found = self.shown.iter().position(|&id| self.path(contents, id) == here);
        self.cursor = found.filter(|_| !here.is_empty()).unwrap_or(0);
    }

    fn add(&mut self, contents: &Contents, goes: &dyn Fn(u32) -> bool, place: u32, above: &mut Vec<u32>) {
        let item = &contents.items[place as usize];
        let (path, entry) = (contents.path(item), contents.entry(item));
        let is_above = |nodes: &[Node], id: u32| {
            let node = &nodes[id as usize];
            is_within(path, &contents.path(&contents.items[node.source as usize])[..node.name.1 as usize])
        };
        while above.last().is_some_and(|&id| !is_above(&self.nodes, id)) {
            above.pop();
        }
        let is_folder = entry.kind == EntryKind::Directory;
        let mut start = above.last().map_or(0, |&id| self.nodes[id as usize].name.1 as usize + 1);
        while start < path.len() {
            let end = path[start..].iter().position(|&byte| byte == b'/').map_or(path.len(), |at| start + at);
            let end = if above.len() + 1 >= MAX_DEPTH { path.len() } else { end };
            let folder = end < path.len() || is_folder;
            let id = self.push(above.last().copied(), place, (start as u32, end as u32), above.len(), folder);
            if folder {
                above.push(id);
            } else {
                self.nodes[id as usize].item = Some(place);
                self.count(&[id], contents, goes, place);
            }
            start = end + 1;
        }
        if let Some(&id) = above.last().filter(|_| is_folder) {
            // A directory that several layers have: the highest one is what a container sees.
            self.nodes[id as usize].item = Some(place);
        }
        self.count(above, contents, goes, place);
    }

    fn push(&mut self, parent: Option<u32>, source: u32, name: (u32, u32), depth: usize, is_folder: bool) -> u32 {
        let id = self.nodes.len() as u32;
        self.nodes.push(Node {
            source,
            name,
            depth,
            item: None,
            bytes: 0,
            hidden: 0,
            goes: 0,
            files: 0,
            whose: None,
            is_folder,
            children: Vec::new(),
        });
        match parent {
            Some(parent) => self.nodes[parent as usize].children.push(id),
            None => self.tops.push(id),
        }
        id
    }

    fn count(&mut self, nodes: &[u32], contents: &Contents, goes: &dyn Fn(u32) -> bool, place: u32) {
        let item: &Item = &contents.items[place as usize];
        let entry = contents.entry(item);
        if entry.kind == EntryKind::Directory {
            return;
        }
        let goes = goes(place);
        for &id in nodes {
            let node = &mut self.nodes[id as usize];
            node.whose = if node.files == 0 || node.whose == Some(item.whose) { Some(item.whose) } else { None };
            node.bytes = node.bytes.saturating_add(entry.size);
            node.hidden = node.hidden.saturating_add(if item.fate == Fate::Visible { 0 } else { entry.size });
            node.goes = node.goes.saturating_add(if goes { entry.size } else { 0 });
            node.files += 1;
        }
    }

    /// Puts the rows in order again.
    pub fn show(&mut self, contents: &Contents) {
        self.shown.clear();
        let mut todo = self.sorted(contents, &self.tops);
        while let Some(id) = todo.pop() {
            self.shown.push(id);
            if self.is_open(contents, id) {
                todo.extend(self.sorted(contents, &self.nodes[id as usize].children));
            }
        }
        self.cursor = self.cursor.min(self.shown.len().saturating_sub(1));
    }

    /// The last one first.
    fn sorted(&self, contents: &Contents, ids: &[u32]) -> Vec<u32> {
        let mut out = ids.to_vec();
        let size = |id: u32| if self.by_name { 0 } else { self.nodes[id as usize].bytes };
        out.sort_by(|&a, &b| {
            let names = || self.path(contents, a).cmp(self.path(contents, b)).then(a.cmp(&b));
            Reverse(size(a)).cmp(&Reverse(size(b))).then_with(names).reverse()
        });
        out
    }

    /// The rows, as many as are shown.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = (u32, &Node)> {
        self.shown.iter().map(|&id| (id, &self.nodes[id as usize]))
    }

    /// The row that one is at.
    pub fn here(&self) -> Option<(u32, &Node)> {
        self.rows().nth(self.cursor)
    }

    /// The path of a row, without a slash before it.
    pub fn path<'c>(&self, contents: &'c Contents, id: u32) -> &'c [u8] {
        let node = &self.nodes[id as usize];
        &contents.path(&contents.items[node.source as usize])[..node.name.1 as usize]
    }

    fn path_here(&self, contents: &Contents) -> Vec<u8> {
        self.here().map(|(id, _)| self.path(contents, id).to_vec()).unwrap_or_default()
    }

    /// The name of a row.
    pub fn name<'c>(&self, contents: &'c Contents, id: u32) -> &'c [u8] {
        &self.path(contents, id)[self.nodes[id as usize].name.0 as usize..]
    }

    /// Whether a row is a folder with something in it.
    pub fn is_folder(&self, id: u32) -> bool {
        self.nodes[id as usize].is_folder
    }

    /// Whether it is one that is open.
    pub fn is_open(&self, contents: &Contents, id: u32) -> bool {
        self.is_folder(id) && (self.all_open || self.open.contains(self.path(contents, id)))
    }

    /// Opens or closes the folder that one is at.
    pub fn set_open(&mut self, contents: &Contents, open: bool) {
        let path = self.path_here(contents);
        if path.is_empty() {
            return;
        }
        if self.all_open {
            let folders = self.nodes.iter().enumerate().filter(|(_, node)| node.is_folder);
            let paths: Vec<Vec<u8>> = folders.map(|(id, _)| self.path(contents, id as u32).to_vec()).collect();
            self.open.extend(paths);
            self.all_open = false;
        }
        match open {
            true => self.open.insert(path),
            false => self.open.remove(&path),
        };
        self.show(contents);
    }

    /// Closes all folders.
    pub fn close_all(&mut self, contents: &Contents) {
        self.open.clear();
        self.all_open = false;
        self.cursor = 0;
        self.show(contents);
    }

    /// Goes to the folder that the row is in.
    pub fn go_up(&mut self) {
        let depth = self.here().map_or(0, |(_, node)| node.depth);
        let above = self.shown[..self.cursor].iter().rposition(|&id| self.nodes[id as usize].depth < depth);
        self.cursor = above.unwrap_or(self.cursor);
    }
}
