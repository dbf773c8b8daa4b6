//! The file system of a stage while its instructions are carried out in thought: layers that are done, and the one that an
//! instruction is making. Removing what the same instruction made leaves nothing; removing what is in a layer below
//! leaves a whiteout, and the bytes stay where they are.

use super::ignore::pattern;
use super::names::{Names, Place, place};
use super::work::{Work, own};
use crate::base::{ImagePath, file_name, parent};
use crate::image::{Image, Writes};
use crate::layer::{Entry, EntryKind, LayerIndex};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

/// Steps that each path of a walk takes.
const BELOW: usize = 5;
/// How many links of a path are followed.
const MAX_LINKS: usize = 20;

/// A tree and its layers.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// The layers that are done, which stages share.
    pub(super) layers: Vec<Arc<LayerIndex>>,
    /// What a container would see, as an instruction begins or goes on.
    visible: Names,
    /// The layer that is being made; entries that were removed again are `None`.
    draft: Vec<Option<Entry>>,
    contents: BTreeMap<u32, Vec<u8>>,
    /// Paths of lower layers that the draft has put something else in the place of.
    covered: BTreeSet<ImagePath>,
    /// Files and links that instructions brought, and no package of the system's and no installer: what runs by such a name
    /// is not known by it.
    foreign: Rc<BTreeSet<ImagePath>>,
    /// Whether an installer is at work.
    pub(super) by_installer: bool,
    /// What commands that are not known may have changed.
    doubt: Rc<Doubt>,
    /// Where commands that are not known may have put something of their own.
    taint: Rc<Doubt>,
    /// The names of the base's shared libraries, once they were asked for.
    libraries: Rc<OnceCell<BTreeSet<Box<[u8]>>>>,
    /// How many of the lowest layers are the base image's.
    base_layers: usize,
    /// The paths that were changed since somebody asked for them.
    touched: Option<Vec<ImagePath>>,
    /// What all stages have done so far.
    pub(super) work: Rc<Work>,
}

/// What commands that are not known may have changed since.
#[derive(Clone, Debug, Default)]
struct Doubt {
    anywhere: bool,
    within: BTreeSet<ImagePath>,
    /// What was written after that.
    fresh: BTreeSet<ImagePath>,
}

impl Doubt {
    fn add(&mut self, paths: &[ImagePath], writes: &Writes) {
        self.fresh.retain(|path| !writes.may_touch(path.as_bytes()));
        self.within.extend(paths.iter().cloned());
    }

    fn has(&self, path: &[u8]) -> bool {
        let mut above = Some(path).filter(|_| !self.within.is_empty());
        let mut is_in = self.anywhere;
        while let Some(folder) = above.filter(|_| !is_in) {
            is_in = self.within.contains(folder);
            above = (!folder.is_empty()).then(|| parent(folder));
        }
        is_in && !self.fresh.contains(path)
    }

    /// Something that is known is there now, or nothing.
    fn settle(&mut self, path: &ImagePath) {
        if self.anywhere || !self.within.is_empty() {
            self.fresh.insert(path.clone());
        }
    }
}

/// Folders of the loader's, beside those that are named for a platform in them.
pub(super) const LIBRARIES: [&[u8]; 8] =
    [b"lib", b"lib32", b"lib64", b"usr/lib", b"usr/lib32", b"usr/lib64", b"usr/local/lib", b"usr/local/lib64"];

/// Folders of programs.
pub(super) const PROGRAMS: [&[u8]; 6] = [b"bin", b"sbin", b"usr/bin", b"usr/sbin", b"usr/local/bin", b"usr/local/sbin"];

/// Whether the loader looks for libraries in a folder.
pub(super) fn is_of_loader(folder: &[u8]) -> bool {
    let is_for_platform =
        || file_name(folder).windows(7).any(|part| part == b"-linux-") && LIBRARIES.contains(&parent(folder));
    LIBRARIES.contains(&folder) || is_for_platform()
}

fn is_library(path: &[u8]) -> bool {
    file_name(path).windows(3).any(|part| part == b".so") && is_of_loader(parent(path))
}

fn is_program(path: &[u8]) -> bool {
    PROGRAMS.contains(&parent(path))
}

impl Tree {
    /// The tree of an image.
    pub(super) fn of(image: Image, work: Rc<Work>) -> Self {
        let base_layers = image.layers.len();
        let mut tree = Self { layers: image.layers, base_layers, work, ..Self::default() };
        for layer in 0..tree.layers.len() {
            // What hides lower layers does so wherever it stands.
            let hidden: Vec<(ImagePath, EntryKind)> = tree.layers[layer]
                .entries
                .iter()
                .filter(|entry| matches!(entry.kind, EntryKind::Whiteout | EntryKind::Opaque))
                .map(|entry| (entry.path.clone(), entry.kind))
                .collect();
            for (path, kind) in hidden {
                tree.forget_below(path.as_bytes());
                if kind == EntryKind::Whiteout {
                    tree.hide(&path);
                }
            }
            for position in 0..tree.layers[layer].entries.len() {
                let entry = &tree.layers[layer].entries[position];
                if !matches!(entry.kind, EntryKind::Whiteout | EntryKind::Opaque) {
                    let path = entry.path.clone();
                    if entry.kind != EntryKind::Directory {
                        tree.forget_below(path.as_bytes());
                    }
                    tree.show(path, place(layer, position));
                }
            }
        }
        tree
    }

    fn forget_below(&mut self, directory: &[u8]) {
        let below: Vec<ImagePath> = self.below(directory).map(|(path, _)| path.clone()).collect();
        below.iter().for_each(|path| self.hide(path));
    }

    fn show(&mut self, path: ImagePath, place: Place) {
        self.visible.insert(path, place, &self.work);
    }

    fn hide(&mut self, path: &ImagePath) {
        self.visible.remove(path, &self.work);
    }

    fn at(&self, (layer, position): Place) -> Option<&Entry> {
        match self.layers.get(layer as usize) {
            Some(layer) => layer.entries.get(position as usize),
            None => self.draft.get(position as usize)?.as_ref(),
        }
    }

    /// What is at a path, links not followed.
    pub(super) fn get(&self, path: &[u8]) -> Option<&Entry> {
        self.at(self.visible.get(path)?)
    }

    /// The bytes of a file of the layer that is being made.
    pub(super) fn new_bytes(&self, path: &[u8]) -> Option<u64> {
        let (layer, position) = self.visible.get(path)?;
        let entry = self.draft.get(position as usize).filter(|_| layer as usize == self.layers.len())?.as_ref()?;
        (entry.kind == EntryKind::File).then_some(entry.size)
    }

    /// The kept content of a file.
    pub(super) fn content(&self, path: &[u8]) -> Option<&[u8]> {
        let (layer, position) = self.visible.get(path)?;
        let content = match self.layers.get(layer as usize) {
            Some(layer) => layer.contents.get(&position)?,
            None => self.contents.get(&position)?,
        };
        Some(content)
    }

    /// How many of the lowest layers are the base image's.
    pub(super) fn base_layers(&self) -> usize {
        self.base_layers
    }

    /// Everything below a directory that has an entry, in order.
    pub(super) fn below(&self, directory: &[u8]) -> impl Iterator<Item = (&ImagePath, &Entry)> {
        let all = self.visible.below(directory).take_while(|_| {
            self.work.steps(BELOW);
            !self.work.is_spent()
        });
        all.filter_map(|(path, place)| Some((path, self.at(place?)?)))
    }

    /// The names in a directory, in order.
    pub(super) fn names(&self, directory: &[u8]) -> BTreeSet<Vec<u8>> {
        self.visible.within(directory).map(<[u8]>::to_vec).collect()
    }

    /// Whether there is a directory.
    pub(super) fn is_directory(&self, path: &[u8]) -> bool {
        path.is_empty()
            || self.get(path).is_some_and(|entry| entry.kind == EntryKind::Directory)
            || self.visible.is_folder(path)
    }

    /// Whether there is anything.
    pub(super) fn exists(&self, path: &[u8]) -> bool {
        self.visible.get(path).is_some() || self.is_directory(path)
    }

    /// The path with all links on the way followed, whether or not there is something in the end.
    pub(super) fn resolve(&self, path: &[u8]) -> Vec<u8> {
        let mut whole = ImagePath::new(path);
        for _ in 0..MAX_LINKS {
            let Some((link, target)) = self.first_link(whole.as_bytes()) else { break };
            let rest = whole.as_bytes()[link.len()..].to_vec();
            let target = if target.starts_with(b"/") { target } else { [parent(&link), b"/", &target].concat() };
            whole = ImagePath::new(&[&target[..], &rest].concat());
        }
        whole.as_bytes().to_vec()
    }

    fn first_link(&self, path: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let ends = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at).chain([path.len()]);
        ends.map(|end| &path[..end]).find_map(|path| {
            let entry = self.get(path).filter(|entry| entry.kind == EntryKind::Symlink)?;
            Some((path.to_vec(), entry.link.as_ref()?.to_vec()))
        })
    }

    /// A command that is not known may have changed what is there.
    pub(super) fn doubt(&mut self, writes: &Writes) {
        match writes {
            Writes::Anywhere => {
                self.doubt = Rc::new(Doubt { anywhere: true, ..Doubt::default() });
            }
            Writes::Within(paths) => {
                self.work.steps(self.doubt.fresh.len().saturating_mul(paths.len()));
                own_doubt(&mut self.doubt, &self.work).add(paths, writes);
            }
        }
    }

    /// A command that is not known may have put something of its own there: a program, a library, settings.
    pub(super) fn taint(&mut self, paths: &[ImagePath]) {
        self.work.steps(self.taint.fresh.len().saturating_mul(paths.len()));
        own_doubt(&mut self.taint, &self.work).add(paths, &Writes::Within(paths.to_vec()));
    }

    /// Whether what is at a path may be something that a command which is not known has put there.
    pub(super) fn is_tainted(&self, path: &[u8]) -> bool {
        self.taint.has(path)
    }

    /// The paths below a folder that may be such.
    pub(super) fn tainted_below<'s>(&'s self, folder: &'s [u8]) -> impl Iterator<Item = &'s ImagePath> {
        let from = self.taint.within.range(ImagePath::new(folder)..);
        let below = from.take_while(move |path| path.as_bytes().starts_with(folder));
        let is_in = move |path: &&ImagePath| crate::base::is_within(path.as_bytes(), folder);
        below.filter(is_in).filter(|path| !self.taint.fresh.contains(*path))
    }

    /// Whether the base has a shared library of this name where the loader looks.
    pub(super) fn has_library(&self, name: &[u8]) -> bool {
        let names = self.libraries.get_or_init(|| {
            let entries = self.layers.iter().take(self.base_layers).flat_map(|layer| &layer.entries);
            let found = entries.map(|entry| entry.path.as_bytes()).filter(|path| is_library(path));
            found.map(|path| file_name(path).into()).collect()
        });
        names.contains(name)
    }

    /// Whether the base has a program of this name in one of its usual folders.
    pub(super) fn has_program(&self, name: &[u8]) -> bool {
        let entries = self.layers.iter().take(self.base_layers).flat_map(|layer| &layer.entries);
        entries.map(|entry| entry.path.as_bytes()).any(|path| file_name(path) == name && is_program(path))
    }

    /// Whether a command that is not known may have changed what is at a path.
    pub(super) fn is_doubtful(&self, path: &[u8]) -> bool {
        self.doubt.has(path)
    }

    /// Whether an instruction has put something at a path.
    pub(super) fn is_new_since_base(&self, path: &[u8]) -> bool {
        self.visible.get(path).is_some_and(|(layer, _)| layer as usize >= self.base_layers)
    }

    /// Files and links that instructions brought.
    pub(super) fn foreign(&self) -> &BTreeSet<ImagePath> {
        &self.foreign
    }

    /// A file or link is one that the image came with, or one that it did not.
    pub(super) fn set_foreign(&mut self, path: &ImagePath, foreign: bool) {
        if foreign == self.foreign.contains(path) {
            return;
        }
        let count = self.foreign.len();
        let all = own(&mut self.foreign, count, &self.work);
        match foreign {
            true => all.insert(path.clone()),
            false => all.remove(path),
        };
    }

    /// Notes from now on which paths are changed.
    pub(super) fn watch(&mut self) {
        self.touched = Some(Vec::new());
    }

    /// The paths that were changed since.
    pub(super) fn watched(&mut self) -> Vec<ImagePath> {
        let mut touched = self.touched.take().unwrap_or_default();
        touched.sort();
        touched.dedup();
        touched
    }

    /// Notes which paths are changed from now on, for [`Self::resume`].
    pub(super) fn pause(&mut self) -> Option<Vec<ImagePath>> {
        self.touched.replace(Vec::new())
    }

    /// Goes on with what was noted before. The paths that were changed since then.
    pub(super) fn resume(&mut self, before: Option<Vec<ImagePath>>) -> Vec<ImagePath> {
        let since = self.watched();
        self.touched = before.map(|before| [before, since.clone()].concat());
        since
    }

    fn touch(&mut self, path: &ImagePath) {
        self.touched.iter_mut().for_each(|touched| touched.push(path.clone()));
    }

    /// Adds an entry, with its kept content; what was at its path goes. Beyond what may be done, it is left out.
    pub(super) fn put(&mut self, entry: Entry, content: Option<Vec<u8>>) {
        self.work.entries(1);
        self.work.bytes(content.as_ref().map_or(0, Vec::len));
        if !self.work.is_spent() {
            self.put_known(entry, content);
        }
    }

    /// Adds an entry of an image that was read, which has bounds of its own.
    pub(super) fn put_known(&mut self, entry: Entry, content: Option<Vec<u8>>) {
        let path = entry.path.clone();
        self.touch(&path);
        if entry.kind != EntryKind::Directory {
            self.set_foreign(&path, !self.by_installer);
            settle(&mut self.doubt, &path, &self.work);
            settle(&mut self.taint, &path, &self.work);
        }
        let same = entry.kind == EntryKind::Directory && self.is_directory(path.as_bytes());
        if !same && self.exists(path.as_bytes()) {
            self.take_back(path.as_bytes());
        } else if same && self.visible.get(path.as_bytes()).is_some() {
            // A directory that is there: its attributes are no bytes.
            return;
        }
        let new = place(self.layers.len(), self.draft.len());
        self.draft.push(Some(entry));
        self.contents.extend(content.map(|content| (new.1, content)));
        self.show(path, new);
    }

    /// Takes what is at a path, and below it, out of sight, without a whiteout.
    fn take_back(&mut self, path: &[u8]) {
        for (path, (layer, position)) in self.visible_from(path) {
            self.hide(&path);
            if (layer as usize) < self.layers.len() {
                self.covered.insert(path);
            } else {
                self.undraft(position);
            }
        }
    }

    fn undraft(&mut self, position: u32) {
        if let Some(slot) = self.draft.get_mut(position as usize) {
            *slot = None;
        }
        self.contents.remove(&position);
    }

    /// What is at a path and below it.
    fn visible_from(&self, path: &[u8]) -> Vec<(ImagePath, Place)> {
        let own = self.get(path).and_then(|entry| Some((entry.path.clone(), self.visible.get(path)?)));
        let below = self.below(path).filter_map(|(path, _)| Some((path.clone(), self.visible.get(path.as_bytes())?)));
        own.into_iter().chain(below).collect()
    }

    /// Removes a path and all below it, as `rm -rf` does. Whether there was anything.
    pub(super) fn remove(&mut self, path: &[u8]) -> bool {
        if path.is_empty() || !self.exists(path) {
            return false;
        }
        let whole = ImagePath::new(path);
        self.touch(&whole);
        settle(&mut self.doubt, &whole, &self.work);
        settle(&mut self.taint, &whole, &self.work);
        let is_in = |path: &ImagePath| crate::base::is_within(path.as_bytes(), whole.as_bytes());
        if self.taint.within.iter().any(is_in) {
            own_doubt(&mut self.taint, &self.work).within.retain(|path| !is_in(path));
        }
        self.take_back(path);
        let below = [path, b"/"].concat();
        let after = self.covered.range(ImagePath::new(path)..);
        let hidden: Vec<ImagePath> = after
            .take_while(|covered| covered.as_bytes().starts_with(path))
            .filter(|covered| covered.as_bytes() == path || covered.as_bytes().starts_with(&below))
            .cloned()
            .collect();
        if !hidden.is_empty() {
            hidden.iter().for_each(|covered| _ = self.covered.remove(covered));
            self.draft.push(Some(Entry { kind: EntryKind::Whiteout, ..Entry::file(whole, 0) }));
        }
        true
    }

    /// Takes what the layer that is being made has at a path and below it out of it: it is no part of the image.
    pub(super) fn forget(&mut self, path: &[u8]) {
        let here = self.layers.len();
        for (path, (layer, position)) in self.visible_from(path) {
            if layer as usize == here {
                self.hide(&path);
                self.undraft(position);
            }
        }
    }

    /// Ends the layer that is being made.
    pub(super) fn commit(&mut self) {
        let draft = std::mem::take(&mut self.draft);
        let mut contents = BTreeMap::new();
        for (new, (old, entry)) in
            draft.iter().enumerate().filter_map(|(at, entry)| Some((at, entry.as_ref()?))).enumerate()
        {
            let (old, new) = (place(self.layers.len(), old), place(self.layers.len(), new));
            if old != new && self.visible.get(entry.path.as_bytes()) == Some(old) {
                self.visible.insert(entry.path.clone(), new, &self.work);
            }
            contents.extend(self.contents.remove(&old.1).map(|content| (new.1, content)));
        }
        self.contents.clear();
        let mut entries: Vec<Entry> = draft.into_iter().flatten().collect();
        entries.shrink_to_fit();
        let layer = LayerIndex { sources: false, entries, contents, ..LayerIndex::default() };
        self.covered.clear();
        self.layers.push(Arc::new(layer));
    }

    /// The paths that a pattern of a shell names: `*`, `?` and `[…]` within a name.
    pub(super) fn glob(&self, pattern_text: &[u8]) -> Vec<Vec<u8>> {
        let path = ImagePath::new(pattern_text);
        let mut found: Vec<Vec<u8>> = vec![Vec::new()];
        for part in path.as_bytes().split(|&b| b == b'/') {
            let has_sign = part.iter().any(|b| b"*?[".contains(b));
            let text = String::from_utf8_lossy(part);
            let Some(expression) = pattern(&text) else { return Vec::new() };
            let joined = |folder: &[u8], name: &[u8]| {
                if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
            };
            found = found
                .into_iter()
                .flat_map(|folder| match has_sign {
                    false => vec![joined(&folder, part)],
                    true => {
                        let names = self.names(&self.resolve(&folder));
                        self.work.steps(names.len().saturating_mul(20));
                        let is_seen = |name: &[u8]| part.first() == Some(&b'.') || name.first() != Some(&b'.');
                        let fits =
                            |name: &Vec<u8>| expression.is_match(&String::from_utf8_lossy(name)) && is_seen(name);
                        names.into_iter().filter(fits).map(|name| joined(&folder, &name)).collect()
                    }
                })
                .collect();
        }
        self.work.bytes(found.iter().map(|path| path.len() + 64).sum());
        found.retain(|path| self.exists(path) || self.exists(&self.resolve(path)));
        found
    }
}

fn own_doubt<'d>(doubt: &'d mut Rc<Doubt>, work: &Work) -> &'d mut Doubt {
    let count = doubt.fresh.len() + doubt.within.len();
    own(doubt, count, work)
}

fn settle(doubt: &mut Rc<Doubt>, path: &ImagePath, work: &Work) {
    if doubt.anywhere || !doubt.within.is_empty() {
        own_doubt(doubt, work).settle(path);
    }
}

/// A directory of root's.
pub(super) fn directory(path: ImagePath) -> Entry {
    Entry { kind: EntryKind::Directory, mode: 0o755, ..Entry::file(path, 0) }
}
