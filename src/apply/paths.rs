//! The visible paths of the original, and why those go that do.

use super::outcome::Item;
use super::packages::Removal;
use crate::base::{DistId, FastMap, FastSet, ImagePath, ancestors, file_name, parent};
use crate::facts::Facts;
use crate::fs::View;
use crate::layer::EntryKind;
use crate::plan::{Anew, Decided};
use std::collections::BTreeMap;

pub fn nanos(view: &View<'_>, at: crate::fs::DataRef) -> u32 {
    view.image().layers[at.0 as usize].fractions.get(&at.1).copied().unwrap_or_default()
}

/// Whose a path is that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owned {
    /// A package manager's.
    System,
    /// A distribution's.
    Distribution(DistId),
}

/// Why a path goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The rule, or the plan's own reason.
    pub reason: std::rc::Rc<str>,
    /// Whether the folders go that it was alone in.
    with_folders: bool,
}

/// The visible paths and what becomes of them.
pub struct Paths<'p, 'f> {
    /// The original.
    pub facts: &'p Facts<'f>,
    base_layers: usize,
    base: Option<&'p View<'p>>,
    /// Of each path, by its place in the view.
    pub why: Vec<Option<Why>>,
    /// What would go and is the base's: by reason, files and bytes.
    pub of_base: BTreeMap<String, (u64, u64)>,
}

impl<'p, 'f> Paths<'p, 'f> {
    pub fn new(facts: &'p Facts<'f>, base_layers: usize, base: Option<&'p View<'p>>) -> Self {
        let why = std::iter::repeat_with(|| None).take(facts.view.len()).collect();
        Self { facts, base_layers, base, why, of_base: BTreeMap::new() }
    }

    /// Whether a path of the original is there in the end as it was.
    pub fn stays(&self, path: &[u8]) -> bool {
        self.facts.view.place(path).is_some_and(|place| self.why[place].is_none())
    }

    fn drop(&mut self, place: usize, reason: &std::rc::Rc<str>, with_folders: bool) {
        let (_, node) = self.facts.view.at(place);
        let kind = self.facts.view.entry(node.entry).kind;
        if kind == EntryKind::Directory || self.why[place].is_some() {
            return;
        }
        if (node.entry.0 as usize) < self.base_layers {
            let bytes = if self.facts.view.holds_bytes(node) { self.facts.view.size(node) } else { 0 };
            let sum = self.of_base.entry(reason.to_string()).or_default();
            (sum.0, sum.1) = (sum.0 + 1, sum.1.saturating_add(bytes));
            return;
        }
        self.why[place] = Some(Why { reason: reason.clone(), with_folders });
    }

    /// Files of distributions that go or come anew, but for what others have that stay.
    pub fn drop_distributions(&mut self, decided: &Decided) {
        let facts = self.facts;
        let dists = &facts.python.distributions;
        let mut reasons: BTreeMap<DistId, std::rc::Rc<str>> = BTreeMap::new();
        for (id, reason) in &decided.gone {
            reasons.insert(*id, reason.as_str().into());
        }
        for anew in &decided.anew {
            reasons.insert(anew.id, reason_of(anew).into());
        }
        if reasons.is_empty() {
            return;
        }
        let others = dists.pairs().filter(|(id, _)| !reasons.contains_key(id));
        let kept: FastSet<&[u8]> = others.flat_map(|(_, dist)| dist.files.iter().map(ImagePath::as_bytes)).collect();
        let mut places: FastMap<usize, DistId> = FastMap::default();
        for &id in reasons.keys() {
            for path in &dists[id].files {
                places.extend(facts.view.place(path.as_bytes()).map(|place| (place, id)));
            }
        }
        // What is in a `.dist-info` folder is its distribution's, whether RECORD lists it or not.
        for &id in reasons.keys() {
            let below = facts.view.places_below(dists[id].metadata.as_bytes());
            places.extend(below.map(|place| (place, id)));
        }
        for (place, (path, _)) in facts.view.iter().enumerate() {
            let id = facts.python.owner(path).or_else(|| places.get(&place).copied());
            let Some(reason) = id.and_then(|id| reasons.get(&id)) else { continue };
            if !kept.contains(path) && !facts.os.owners.contains_key(path) && !facts.os.conda.owners.contains_key(path)
            {
                self.drop(place, reason, true);
            }
        }
    }

    pub fn drop_packages(&mut self, removal: &Removal, decided: &Decided) {
        for (path, id) in &removal.paths {
            let reason = decided.packages.get(id).map_or("unused-packages", String::as_str).into();
            if let Some(place) = self.facts.view.place(path.as_bytes()) {
                self.drop(place, &reason, true);
            }
        }
    }

    pub fn drop_files(&mut self, decided: &Decided) {
        let mut reasons: FastMap<&str, std::rc::Rc<str>> = FastMap::default();
        for (path, rule) in &decided.files {
            let reason = reasons.entry(rule).or_insert_with(|| rule.as_str().into()).clone();
            if let Some(place) = self.facts.view.place(path.as_bytes()) {
                self.drop(place, &reason, false);
            }
        }
    }

    /// Bytecode goes with its source.
    pub fn drop_bytecode(&mut self) {
        let view = self.facts.view;
        for (place, (path, _)) in view.iter().enumerate() {
            let Some(stem) = file_name(path).strip_suffix(b".pyc") else { continue };
            let folder = parent(path);
            if file_name(folder) != b"__pycache__" || self.why[place].is_some() {
                continue;
            }
            let module = stem.split(|&byte| byte == b'.').next().unwrap_or_default();
            let source = [parent(folder), b"/", module, b".py"].concat();
            let gone = view.place(&source).and_then(|place| self.why[place].clone());
            if let Some(why) = gone.filter(|why| why.with_folders) {
                self.drop(place, &why.reason, true);
            }
        }
    }

    /// Folders of which all that was in them went with a distribution or package.
    pub fn drop_folders(&mut self, made: &BTreeMap<ImagePath, Item>, removal: &Removal) {
        #[derive(Default, Clone)]
        struct Inside {
            stays: bool,
            why: Option<Why>,
        }
        let view = self.facts.view;
        let needed: FastSet<&[u8]> = made.keys().flat_map(|path| ancestors(path.as_bytes())).collect();
        let mut inside: FastMap<&[u8], Inside> = FastMap::default();
        for place in (0..view.len()).rev() {
            let (path, node) = view.at(place);
            if view.entry(node.entry).kind == EntryKind::Directory {
                let found = inside.get(path).cloned().unwrap_or_default();
                let is_listed = removal.listed.contains(path)
                    || path.strip_prefix(b"usr/").is_some_and(|short| removal.listed.contains(short));
                let is_base = (node.entry.0 as usize) < self.base_layers
                    || self.base.is_some_and(|base| base.get(path).is_some());
                if !found.stays && !needed.contains(path) && !is_listed && !is_base {
                    self.why[place] = found.why;
                }
            }
            let folder = inside.entry(parent(path)).or_default();
            match self.why[place].clone().filter(|why| why.with_folders) {
                None => folder.stays = true,
                Some(why) => folder.why = Some(why),
            }
        }
    }
}

/// By what a distribution comes anew.
pub fn reason_of(anew: &Anew) -> &str {
    anew.rule.as_deref().unwrap_or(crate::rules::actions::BROKEN)
}
