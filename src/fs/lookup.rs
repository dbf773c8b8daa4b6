//! Finding the files that package databases name. A database spells a path as its package was built
//! (`/lib/x`, `lib64/python3.11/…`), the merged tree as the image has it (`/usr/lib/x`), because a directory
//! above it is a symbolic link. [`Lookup`] remembers the directories that it has resolved already.

use super::{Node, View};
use crate::base::{FastMap, file_name, join, parent};
use crate::layer::EntryKind;

/// Paths with more components than this are taken as they are.
const MAX_COMPONENTS: usize = 128;

/// Spells paths as the merged tree does.
pub struct Lookup<'v, 'a> {
    view: &'v View<'a>,
    directories: FastMap<Vec<u8>, Vec<u8>>,
}

impl<'v, 'a> Lookup<'v, 'a> {
    /// Looks up paths in this tree.
    pub fn new(view: &'v View<'a>) -> Self {
        Self { view, directories: FastMap::default() }
    }

    /// The node that a cleaned path leads to, and its path as the tree spells it. Links among the directories
    /// are followed; a link at the end is not.
    pub fn find(&mut self, path: &[u8]) -> Option<(&'a [u8], Node)> {
        self.place(path).map(|place| self.view.at(place))
    }

    /// The position in the tree of what [`Lookup::find`] finds.
    pub fn place(&mut self, path: &[u8]) -> Option<usize> {
        self.view.place(path).or_else(|| {
            let spelled = self.spell(path);
            self.view.place(&spelled)
        })
    }

    /// A cleaned path with the links among its directories followed, whether it exists or not.
    pub fn spell(&mut self, path: &[u8]) -> Vec<u8> {
        let dir = parent(path);
        if dir.is_empty() || path.iter().filter(|&&b| b == b'/').count() > MAX_COMPONENTS {
            return path.to_vec();
        }
        if !self.directories.contains_key(dir) {
            let resolved = self.resolve_directory(dir);
            self.directories.insert(dir.to_vec(), resolved);
        }
        join(&self.directories[dir], file_name(path))
    }

    fn resolve_directory(&self, dir: &[u8]) -> Vec<u8> {
        let mut at: Vec<u8> = Vec::new();
        for part in dir.split(|&b| b == b'/') {
            let next = join(&at, part);
            let is_link =
                self.view.get(&next).is_some_and(|node| self.view.entry(node.entry).kind == EntryKind::Symlink);
            at = if is_link { self.view.resolve(&next).unwrap_or(next) } else { next };
        }
        at
    }
}
