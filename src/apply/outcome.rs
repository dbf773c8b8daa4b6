//! What the new image has, before a byte of it is written: which layers stay as they are, and the entries of each new one in
//! the order in which they will be written.
//!
//! A layer from which something goes is *thinned in its place*: what stays of it is written again, at the same position, so
//! that the layers around it keep their digests. The order in a new layer: directories, parents first, with the attributes
//! that are in force, and among them the whiteouts, each behind its directory; then files, in the order in which the original's
//! layers have their bytes; then links and devices. So every hard link comes behind its file, and files are copied in one pass.

use super::error::ApplyError;
use crate::base::{Basis, EntryIdx, FastMap, FastSet, ImagePath, LayerIdx, ancestors};
use crate::fs::{DataRef, Fate, Node, View};
use crate::image::{Account, Image};
use crate::layer::{Entry, EntryKind, LayerIndex};
use crate::wheel::Archive;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the outcome is to be.
#[derive(Default)]
pub struct Wish {
    /// Of each visible path of the original, by its place in the view, whether it stays.
    pub stays: Vec<bool>,
    /// Which layers it has.
    pub arrangement: Arrangement,
    /// What comes, or takes the place of what is at its path; the folders that it needs beside those that stay are among it.
    pub made: BTreeMap<ImagePath, Item>,
    /// Where the bytes of it are.
    pub archives: Vec<Archive>,
    /// What the outcome is to tell of itself.
    pub account: Account,
}

/// How paths are sorted into layers.
pub enum Arrangement {
    /// Layers stay where they are; those of which it is said here are written anew.
    InPlace(Vec<bool>),
    /// The lowest layers stay; what is above them is sorted into groups, each of which becomes a layer.
    Grouped(Groups),
}

impl Default for Arrangement {
    fn default() -> Self {
        Self::InPlace(Vec::new())
    }
}

/// The groups of an outcome.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    /// How many of the lowest layers stay as they are.
    pub base: usize,
    /// What each group is called, lowest first.
    pub names: Vec<String>,
    /// The group of each visible path of the original, by its place in the view.
    pub of: Vec<usize>,
    /// The group of each path that is made.
    pub of_made: BTreeMap<ImagePath, usize>,
}

impl Wish {
    /// All that a container sees stays; layers above the base that hold anything else are written anew.
    pub fn without_hidden(view: &View<'_>, base_layers: usize) -> Self {
        let hidden = hidden_bytes(view);
        let rewritten = hidden.iter().enumerate().map(|(layer, bytes)| layer >= base_layers && *bytes > 0).collect();
        Self { stays: vec![true; view.len()], arrangement: Arrangement::InPlace(rewritten), ..Self::default() }
    }

    /// All that a container sees stays, and every layer.
    pub fn everything(view: &View<'_>) -> Self {
        let rewritten = vec![false; view.image().layers.len()];
        Self { stays: vec![true; view.len()], arrangement: Arrangement::InPlace(rewritten), ..Self::default() }
    }

    /// Lets a file or link go, unless a layer of the base has it; true if it does.
    pub fn drop(&mut self, view: &View<'_>, base_layers: usize, path: &[u8]) -> bool {
        let Some(place) = view.place(path) else { return false };
        let (_, node) = view.at(place);
        let layer = node.entry.0 as usize;
        if layer < base_layers || view.entry(node.entry).kind == EntryKind::Directory || !self.stays[place] {
            return false;
        }
        self.stays[place] = false;
        if let Arrangement::InPlace(rewritten) = &mut self.arrangement {
            rewritten[layer] = true;
        }
        true
    }

    /// A hard link in a layer that is kept must find its file where it was.
    fn settle(&mut self, view: &View<'_>) {
        let Arrangement::InPlace(rewritten) = &mut self.arrangement else { return };
        loop {
            let mut changed = false;
            for (place, (_, node)) in view.iter().enumerate() {
                let (at, data) = (node.entry.0 as usize, node.data.0 as usize);
                if self.stays[place] && at != data && rewritten[data] && !rewritten[at] {
                    (rewritten[at], changed) = (true, true);
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// Whether a path is the original's own, and is to be there.
    fn keeps(&self, place: usize, path: &[u8]) -> bool {
        self.stays[place] && (self.made.is_empty() || !self.made.contains_key(&ImagePath::new(path)))
    }
}

/// Bytes (`unpacked`) of each layer that no container sees.
pub fn hidden_bytes(view: &View<'_>) -> Vec<u64> {
    let of_layer = |(layer, index): (usize, &Arc<LayerIndex>)| {
        let is_hidden = |position: &usize| view.fate((layer as LayerIdx, *position as EntryIdx)) != Fate::Visible;
        let hidden = (0..index.entries.len()).filter(is_hidden).map(|position| index.entries[position].size);
        hidden.fold(0, u64::saturating_add)
    };
    view.image().layers.iter().enumerate().map(of_layer).collect()
}

/// Where the bytes of an entry are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// It has none.
    None,
    /// In this file of the original.
    Original(DataRef),
    /// Here.
    Bytes(Arc<[u8]>),
    /// In an archive of the wish: which one, and which of its files.
    Member(usize, usize),
}

/// One entry of a new layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// As it will be.
    pub entry: Entry,
    /// Nanoseconds behind its time.
    pub nanos: u32,
    /// Its bytes.
    pub body: Body,
}

/// Where a new layer is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// What stays of the original's layer of this position.
    Layer(usize),
    /// A group of paths, by its name.
    Group(String),
    /// It hides something in layers that are kept.
    Hides,
}

/// One layer of the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutLayer {
    /// The original's of this position, as it is.
    Kept(usize),
    /// A new one.
    New(Origin, Vec<Item>),
}

impl OutLayer {
    /// Where it is from, if it is new.
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Kept(_) => None,
            Self::New(origin, _) => Some(origin),
        }
    }
}

/// The outcome.
pub struct Outcome {
    /// Its layers, lowest first.
    pub layers: Vec<OutLayer>,
    /// The same as an image, with the original's configuration. Digests of files are known when they were copied.
    pub predicted: Image,
    /// Where bodies are that neither the original nor the item has.
    pub archives: Vec<Archive>,
    /// What it tells of itself.
    pub account: Account,
}

impl Outcome {
    /// Puts it together.
    ///
    /// # Errors
    ///
    /// What stays cannot be written: a hard link to nothing.
    pub fn new(view: &View<'_>, mut wish: Wish) -> Result<Self, ApplyError> {
        wish.settle(view);
        let mut layers = match &wish.arrangement {
            Arrangement::InPlace(rewritten) => in_place(view, &wish, rewritten)?,
            Arrangement::Grouped(groups) => grouped(view, &wish, groups)?,
        };
        let staying = || view.iter().enumerate().filter(|(place, _)| wish.stays[*place]).map(|(_, (path, _))| path);
        let there = existing(staying().chain(wish.made.keys().map(ImagePath::as_bytes)));
        let folders = matches!(wish.arrangement, Arrangement::Grouped(_)).then(|| Folders::new(view));
        hide(view, &mut layers, &there, folders.as_ref());
        if let Some(folders) = &folders {
            folders.restore(view, &wish, &mut layers);
        }
        let layers: Vec<OutLayer> = layers.into_iter().map(Draft::finish).collect();
        let predicted = image_of(view.image(), &layers);
        let mut account = wish.account;
        account.unpacked = Some(predicted.unpacked());
        Ok(Self { layers, predicted, archives: wish.archives, account })
    }
}

/// Layers thinned in their places.
fn in_place<'v>(view: &View<'v>, wish: &Wish, rewritten: &[bool]) -> Result<Vec<Draft<'v>>, ApplyError> {
    let mut slots: BTreeMap<usize, Slot<'v>> = BTreeMap::new();
    for layer in (0..rewritten.len()).filter(|layer| rewritten[*layer]) {
        slots.insert(layer, Slot::default());
    }
    for (place, (path, node)) in view.iter().enumerate() {
        if wish.keeps(place, path)
            && let Some(slot) = slots.get_mut(&(node.entry.0 as usize))
        {
            slot.add(view, path, node)?;
        }
    }
    let roots = root_entries(view.image());
    let mut layers = Vec::new();
    for layer in 0..view.image().layers.len() {
        let Some(mut slot) = slots.remove(&layer) else {
            layers.push(Draft::Kept(layer));
            continue;
        };
        slot.link_hard(view)?;
        if let Some(root) = roots.last().filter(|_| roots.iter().any(|(at, _)| *at == layer as LayerIdx)) {
            slot.folders.insert(Vec::new(), item(view, *root, Body::None));
        }
        if !slot.is_empty() {
            slot.add_parents(view, None);
            layers.push(Draft::New(Origin::Layer(layer), slot));
        }
    }
    Ok(layers)
}

/// The base, and a layer for each group that has something. Folders come with what is in them, and are set right in the
/// topmost layer ([`Folders::restore`]).
fn grouped<'v>(view: &View<'v>, wish: &Wish, groups: &Groups) -> Result<Vec<Draft<'v>>, ApplyError> {
    let mut slots: Vec<Slot<'v>> = groups.names.iter().map(|_| Slot::default()).collect();
    // All names of a file are in one layer.
    let mut of_data: FastMap<DataRef, usize> = FastMap::default();
    for (place, (path, node)) in view.iter().enumerate() {
        let is_above = node.entry.0 as usize >= groups.base;
        if !is_above || view.entry(node.entry).kind == EntryKind::Directory || !wish.keeps(place, path) {
            continue;
        }
        let group = match view.entry(node.entry).kind {
            EntryKind::File | EntryKind::Hardlink => *of_data.entry(node.data).or_insert(groups.of[place]),
            _ => groups.of[place],
        };
        slots[group].add(view, path, node)?;
    }
    for (path, item) in &wish.made {
        let slot = &mut slots[groups.of_made.get(path).copied().unwrap_or_default()];
        match item.entry.kind {
            EntryKind::Directory => slot.folders.insert(path.as_bytes().to_vec(), item.clone()),
            _ => slot.made.insert(path.as_bytes().to_vec(), item.clone()),
        };
    }
    let folders = Folders::new(view);
    let mut layers: Vec<Draft<'v>> = (0..groups.base).map(Draft::Kept).collect();
    for (mut slot, name) in slots.into_iter().zip(&groups.names) {
        slot.link_hard(view)?;
        if !slot.is_empty() {
            slot.add_parents(view, Some(&folders));
            layers.push(Draft::New(Origin::Group(name.clone()), slot));
        }
    }
    Ok(layers)
}

/// The entries of directories in all layers, by path, lowest first.
struct Folders<'v> {
    entries: FastMap<&'v [u8], Vec<DataRef>>,
}

impl<'v> Folders<'v> {
    fn new(view: &View<'v>) -> Self {
        let mut entries: FastMap<&'v [u8], Vec<DataRef>> = FastMap::default();
        for (layer, index) in view.image().layers.iter().enumerate() {
            for (position, entry) in index.entries.iter().enumerate() {
                if entry.kind == EntryKind::Directory {
                    entries.entry(entry.path.as_bytes()).or_default().push((layer as LayerIdx, position as EntryIdx));
                }
            }
        }
        Self { entries }
    }

    /// The entry that a directory had when this layer was the topmost one. So what later layers do to it does not change the
    /// layer of who came before: two images with one beginning share it.
    fn at(&self, path: &[u8], layer: LayerIdx) -> Option<DataRef> {
        let entries = self.entries.get(path)?;
        entries.iter().rev().find(|(at, _)| *at <= layer).copied()
    }

    /// Sees to it that every directory that stays is there in the end as it was: in the topmost layer.
    fn restore(&self, view: &View<'v>, wish: &Wish, layers: &mut Vec<Draft<'v>>) {
        let base = layers.iter().filter(|layer| matches!(layer, Draft::Kept(_))).count();
        let same = |a: &Item, b: &Item| a.entry == b.entry && a.nanos == b.nanos;
        let mut right: BTreeMap<Vec<u8>, Item> = BTreeMap::new();
        let all = view.iter().enumerate().filter(|(place, (path, _))| wish.keeps(*place, path)).map(|(_, found)| found);
        let roots = root_entries(view.image()).last().map(|root| (&b""[..], *root)).into_iter();
        let folders = all.filter(|(_, node)| view.entry(node.entry).kind == EntryKind::Directory);
        for (path, at) in folders.map(|(path, node)| (path, node.entry)).chain(roots) {
            let written = layers.iter().rev().find_map(|layer| match layer {
                Draft::New(_, slot) => slot.folders.get(path).cloned(),
                Draft::Kept(_) => None,
            });
            let of_base = || {
                let last = base.checked_sub(1)?;
                self.at(path, last as LayerIdx).map(|at| item(view, at, Body::None))
            };
            let wanted = item(view, at, Body::None);
            if !written.or_else(of_base).is_some_and(|written| same(&written, &wanted)) {
                right.insert(path.to_vec(), wanted);
            }
        }
        if right.is_empty() {
            return;
        }
        if !matches!(layers.last(), Some(Draft::New(..))) {
            layers.push(Draft::New(Origin::Group("folders".to_owned()), Slot::default()));
        }
        if let Some(Draft::New(_, slot)) = layers.last_mut() {
            slot.folders.extend(right);
            slot.add_parents(view, None);
        }
    }
}

/// A layer while it is put together.
enum Draft<'v> {
    Kept(usize),
    New(Origin, Slot<'v>),
}

impl Draft<'_> {
    fn finish(self) -> OutLayer {
        match self {
            Self::Kept(layer) => OutLayer::Kept(layer),
            Self::New(origin, slot) => OutLayer::New(origin, slot.finish()),
        }
    }
}

#[derive(Default)]
struct Slot<'v> {
    /// Directories and whiteouts, by path.
    folders: BTreeMap<Vec<u8>, Item>,
    /// Files, by where their bytes are.
    files: BTreeMap<DataRef, Item>,
    /// Where each content of `files` is.
    names: FastMap<DataRef, ImagePath>,
    /// What the original has not, by path.
    made: BTreeMap<Vec<u8>, Item>,
    rest: Vec<Item>,
    /// Hard links, whose file may come later.
    links: Vec<(&'v [u8], Node)>,
}

impl<'v> Slot<'v> {
    fn add(&mut self, view: &View<'v>, path: &'v [u8], node: Node) -> Result<(), ApplyError> {
        let entry = view.entry(node.entry);
        match entry.kind {
            EntryKind::Directory => _ = self.folders.insert(path.to_vec(), item(view, node.entry, Body::None)),
            EntryKind::File => {
                self.names.insert(node.data, entry.path.clone());
                self.files.insert(node.data, item(view, node.entry, Body::Original(node.data)));
            }
            EntryKind::Hardlink if view.entry(node.data).kind != EntryKind::File => {
                let link = crate::base::Text::of_bytes(entry.link.as_deref().unwrap_or_default());
                let why = format!("it is a hard link to `{link}`, which is not there");
                return Err(ApplyError::Unwritable { path: entry.path.to_string().into(), why });
            }
            EntryKind::Hardlink => self.links.push((path, node)),
            _ => self.rest.push(item(view, node.entry, Body::None)),
        }
        Ok(())
    }

    /// Hard links lead to the file of this layer; without one the first of them becomes it.
    fn link_hard(&mut self, view: &View<'v>) -> Result<(), ApplyError> {
        for (path, node) in std::mem::take(&mut self.links) {
            let mut new = item(view, node.entry, Body::None);
            if let Some(name) = self.names.get(&node.data) {
                new.entry.link = Some(name.as_bytes().into());
                self.rest.push(new);
                continue;
            }
            let data = view.entry(node.data);
            new.entry.kind = EntryKind::File;
            new.entry.link = None;
            new.entry.size = data.size;
            new.entry.content = data.content;
            if new.entry.xattrs.is_empty() {
                new.entry.xattrs.clone_from(&data.xattrs);
            }
            new.body = Body::Original(node.data);
            self.names.insert(node.data, ImagePath::new(path));
            self.files.insert(node.data, new);
        }
        Ok(())
    }

    fn items(&self) -> impl Iterator<Item = &Item> {
        self.folders.values().chain(self.files.values()).chain(self.made.values()).chain(&self.rest)
    }

    /// The directories above all of it, with the attributes that are in force, or with those of the time of the files. One that
    /// no layer has an entry for gets none.
    fn add_parents(&mut self, view: &View<'v>, folders: Option<&Folders<'v>>) {
        let missing: FastSet<Vec<u8>> = self
            .items()
            .flat_map(|item| ancestors(item.entry.path.as_bytes()))
            .filter(|folder| !folder.is_empty() && !self.folders.contains_key(*folder))
            .map(<[u8]>::to_vec)
            .collect();
        let newest = self.files.keys().map(|(layer, _)| *layer).max();
        for folder in missing {
            let Some(node) = view.get(&folder).filter(|node| view.entry(node.entry).kind == EntryKind::Directory)
            else {
                continue;
            };
            let then = folders.zip(newest).and_then(|(folders, newest)| folders.at(&folder, newest));
            self.folders.insert(folder, item(view, then.unwrap_or(node.entry), Body::None));
        }
    }

    fn is_empty(&self) -> bool {
        self.items().next().is_none()
    }

    fn finish(mut self) -> Vec<Item> {
        self.rest.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
        let made = self.made.into_values();
        self.folders.into_values().chain(self.files.into_values()).chain(made).chain(self.rest).collect()
    }
}

/// An entry of the original, to be written again.
fn item(view: &View<'_>, at: DataRef, body: Body) -> Item {
    let nanos = view.image().layers[at.0 as usize].fractions.get(&at.1).copied().unwrap_or_default();
    Item { entry: view.entry(at).clone(), nanos, body }
}

/// The entries of the root directory, which a view leaves out; lowest first.
fn root_entries(image: &Image) -> Vec<DataRef> {
    let is_root = |entry: &Entry| entry.path.is_root() && entry.kind == EntryKind::Directory;
    let layers = image.layers.iter().enumerate();
    let of_layer = |(layer, index): (usize, &Arc<LayerIndex>)| {
        index.entries.iter().rposition(is_root).map(|at| (layer as LayerIdx, at as EntryIdx))
    };
    layers.filter_map(of_layer).collect()
}

/// Some paths and all directories above them.
fn existing<'p>(paths: impl Iterator<Item = &'p [u8]>) -> FastSet<&'p [u8]> {
    let mut out = FastSet::default();
    for path in paths {
        // What is above a directory that is there already is there, too.
        out.insert(path);
        for folder in ancestors(path) {
            if !out.insert(folder) {
                break;
            }
        }
    }
    out
}

/// Whiteouts for what kept layers have and nobody is to see: each in the lowest new layer above. Where there is none, one is
/// added on top.
fn hide<'v>(view: &View<'v>, layers: &mut Vec<Draft<'v>>, there: &FastSet<&[u8]>, folders: Option<&Folders<'v>>) {
    for (path, above) in to_hide(view, layers, there) {
        let slot = layers.iter_mut().skip(above + 1).find_map(|layer| match layer {
            Draft::New(_, slot) => Some(slot),
            Draft::Kept(_) => None,
        });
        let entry = Entry { kind: EntryKind::Whiteout, mode: 0, ..Entry::file(ImagePath::new(&path), 0) };
        let whiteout = Item { entry, nanos: 0, body: Body::None };
        match slot {
            Some(slot) => _ = slot.folders.insert(path, whiteout),
            None => {
                let mut slot = Slot::default();
                slot.folders.insert(path, whiteout);
                layers.push(Draft::New(Origin::Hides, slot));
            }
        }
    }
    for layer in layers {
        if let Draft::New(_, slot) = layer {
            slot.add_parents(view, folders);
        }
    }
}

/// The topmost paths that would be seen and must not be, and the highest layer of the outcome that has them or what is below.
fn to_hide(view: &View<'_>, layers: &[Draft<'_>], there: &FastSet<&[u8]>) -> BTreeMap<Vec<u8>, usize> {
    let original = view.image();
    let index = |layer: &Draft<'_>| match layer {
        Draft::Kept(layer) => original.layers[*layer].clone(),
        Draft::New(_, slot) => {
            let entries = slot.items().map(|item| item.entry.clone()).collect();
            Arc::new(LayerIndex { entries, ..LayerIndex::default() })
        }
    };
    let image = Image { layers: layers.iter().map(index).collect(), ..original.shell(Basis::Predicted) };
    let seen = View::new(&image);
    let mut out: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for (path, node) in seen.iter().filter(|(path, _)| !there.contains(path)) {
        let top = ancestors(path).filter(|folder| !there.contains(folder)).last().unwrap_or(path);
        let above = out.entry(top.to_vec()).or_default();
        *above = (*above).max(node.entry.0 as usize);
    }
    out
}

fn image_of(original: &Image, layers: &[OutLayer]) -> Image {
    let index = |layer: &OutLayer| match layer {
        OutLayer::Kept(layer) => original.layers[*layer].clone(),
        OutLayer::New(_, items) => {
            let entries = items.iter().map(|item| item.entry.clone()).collect();
            let nanos = items.iter().enumerate().filter(|(_, item)| item.nanos > 0);
            let fractions = nanos.map(|(position, item)| (position as EntryIdx, item.nanos)).collect();
            Arc::new(LayerIndex { entries, fractions, ..LayerIndex::default() })
        }
    };
    Image { layers: layers.iter().map(index).collect(), ..original.shell(Basis::Predicted) }
}
