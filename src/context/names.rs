//! What a container would see: the names in each folder, and where their entries are.
//!
//! Stages share it until one of them writes: then the list of the folders is copied, and each folder that it writes into.
//! That is paid for, as everything else that a Dockerfile may ask for.

use super::work::{Work, own};
use crate::base::{FastMap, ImagePath, file_name, parent};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Where an entry is: its layer, and its position in it.
pub(super) type Place = (u32, u32);

/// A place by numbers of the machine's. Neither layers nor entries are so many: they are counted before.
pub(super) fn place(layer: usize, position: usize) -> Place {
    let short = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    (short(layer), short(position))
}

/// A path that is ordered by its last name.
#[derive(Clone, Debug)]
struct Name(ImagePath);

/// The names in a folder. Without a place what has no entry of its own and something below it.
type Folder = BTreeMap<Name, Option<Place>>;

/// All folders, by their paths.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    root: Option<Place>,
    /// None of them is empty.
    folders: Rc<FastMap<ImagePath, Rc<Folder>>>,
}

impl Names {
    /// Where the entry of a path is.
    pub(super) fn get(&self, path: &[u8]) -> Option<Place> {
        match path {
            [] => self.root,
            path => *self.folders.get(parent(path))?.get(file_name(path))?,
        }
    }

    /// Whether there is something below a path.
    pub(super) fn is_folder(&self, path: &[u8]) -> bool {
        self.folders.contains_key(path)
    }

    /// The names in a folder, in order.
    pub(super) fn within(&self, folder: &[u8]) -> impl Iterator<Item = &[u8]> {
        self.folders.get(folder).into_iter().flat_map(|folder| folder.keys().map(Borrow::borrow))
    }

    /// Everything below a folder, in order: a folder comes before what is in it.
    pub(super) fn below(&self, folder: &[u8]) -> impl Iterator<Item = (&ImagePath, Option<Place>)> {
        let mut open: Vec<_> = self.folders.get(folder).map(|folder| folder.iter()).into_iter().collect();
        std::iter::from_fn(move || {
            loop {
                if let Some((name, place)) = open.last_mut()?.next() {
                    open.extend(self.folders.get(&name.0).map(|folder| folder.iter()));
                    return Some((&name.0, *place));
                }
                open.pop();
            }
        })
    }

    /// Puts a path where its entry is, and the folders above it, which need none.
    pub(super) fn insert(&mut self, path: ImagePath, place: Place, work: &Work) {
        let (mut child, mut place) = (path, Some(place));
        while !child.is_root() {
            let folder = parent(child.as_bytes());
            if let Some(names) = self.own(folder, work) {
                match names.get_mut(file_name(child.as_bytes())) {
                    Some(old) => *old = place.or(*old),
                    None => _ = names.insert(Name(child), place),
                }
                return;
            }
            let folder = ImagePath::new(folder);
            work.bytes(folder.as_bytes().len());
            let names = Rc::new(Folder::from([(Name(child), place)]));
            self.all(work).insert(folder.clone(), names);
            (child, place) = (folder, None);
        }
        self.root = place.or(self.root);
    }

    /// Takes one path out, and the folders above it that have nothing left and no entry of their own.
    pub(super) fn remove(&mut self, path: &ImagePath, work: &Work) {
        if path.is_root() {
            self.root = None;
            return;
        }
        if self.is_folder(path.as_bytes()) {
            let names = self.own(parent(path.as_bytes()), work);
            names
                .and_then(|names| names.get_mut(file_name(path.as_bytes())))
                .into_iter()
                .for_each(|place| *place = None);
            return;
        }
        let mut child = path.clone();
        loop {
            let folder = ImagePath::new(parent(child.as_bytes()));
            let Some(names) = self.own(folder.as_bytes(), work) else { return };
            names.remove(file_name(child.as_bytes()));
            if !names.is_empty() {
                return;
            }
            self.all(work).remove(&folder);
            if folder.is_root() || self.get(folder.as_bytes()).is_some() {
                return;
            }
            child = folder;
        }
    }

    fn all(&mut self, work: &Work) -> &mut FastMap<ImagePath, Rc<Folder>> {
        let count = self.folders.len();
        own(&mut self.folders, count, work)
    }

    fn own(&mut self, folder: &[u8], work: &Work) -> Option<&mut Folder> {
        let count = self.folders.get(folder)?.len();
        Some(own(self.all(work).get_mut(folder)?, count, work))
    }
}

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        file_name(self.0.as_bytes())
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        file_name(self.0.as_bytes()).cmp(file_name(other.0.as_bytes()))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Name {}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
