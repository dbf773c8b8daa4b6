//! OS packages that go, without their manager: their files, its notes of them, what it made for them by rule. No script of a
//! package is run: one that does more than is done here by rule keeps its package.

mod alpine;
mod alternatives;
mod debian;
mod loader;
mod removal;
mod scripts;
mod stanzas;

pub use removal::Removal;

use super::contents::Texts;
use crate::base::{FastMap, FastSet, ImagePath, PackageId};
use crate::facts::Facts;
use crate::fs::View;
use crate::layer::EntryKind;
use crate::os::PackageManager;
use std::collections::{BTreeMap, BTreeSet};

/// The cache of the dynamic loader.
const LOADER_CACHE: &[u8] = b"etc/ld.so.cache";

/// What is asked.
pub struct Question<'q, 'f> {
    /// The original.
    pub facts: &'q Facts<'f>,
    /// Its base alone; none where no layer is known to be the base's.
    pub base: Option<&'q View<'q>>,
    /// What the plan has no use for.
    pub wanted: BTreeSet<PackageId>,
}

impl Question<'_, '_> {
    /// The files that have to be read for an answer.
    pub fn texts(&self) -> Vec<Vec<u8>> {
        if self.wanted.is_empty() {
            return Vec::new();
        }
        let view = self.facts.view;
        let below = |folder: &'static [u8]| view.below(folder).map(|(path, _)| path.to_vec()).collect::<Vec<_>>();
        let is_script =
            |path: &Vec<u8>| [&b".prerm"[..], b".postrm", b".triggers"].iter().any(|end| path.ends_with(end));
        let mut out = below(b"var/lib/dpkg/alternatives");
        out.extend(below(b"var/lib/dpkg/info").into_iter().filter(is_script));
        out.extend([debian::STATUS, debian::STATES, debian::DIVERSIONS, LOADER_CACHE].map(<[u8]>::to_vec));
        for folder in alpine::FOLDERS {
            out.extend(["installed", "triggers", "scripts.tar"].map(|name| [folder, b"/", name.as_bytes()].concat()));
        }
        out.push(alpine::WORLD.to_vec());
        out
    }

    /// Answers.
    pub fn answer(&self, texts: &Texts) -> Removal {
        let mut held = BTreeMap::new();
        if let Some(why) = self.why_none() {
            held.extend(self.wanted.iter().map(|id| (*id, why.to_owned())));
            return Removal { held, ..Removal::default() };
        }
        let is_debian = self.facts.os.manager == Some(PackageManager::Dpkg);
        let debian = debian::Debian::new(self.facts, texts);
        let alpine = alpine::Alpine::new(self.facts, texts);
        for &id in &self.wanted {
            let own = if is_debian { debian.why_not(id) } else { alpine.why_not(id) };
            if let Some(why) = own.or_else(|| self.over_the_base(id)) {
                held.insert(id, why);
            }
        }
        let mut gone: BTreeSet<PackageId> = self.wanted.iter().copied().filter(|id| !held.contains_key(id)).collect();
        let needs = Needs::new(self.facts);
        loop {
            let mut more = needs.of_what_stays(self.facts, &gone);
            if is_debian && more.is_empty() {
                more = debian.alternatives.shared(self.facts, &gone);
            }
            if more.is_empty() {
                break;
            }
            for (id, why) in more {
                gone.remove(&id);
                held.insert(id, why);
            }
        }
        let mut out = Removal { gone, held, ..Removal::default() };
        if out.gone.is_empty() {
            return out;
        }
        out.listed = if is_debian { debian.listed(&out.gone) } else { FastSet::default() };
        self.take_files(&mut out);
        let done = if is_debian { debian.take_notes(&mut out) } else { alpine.take_notes(&mut out) };
        if let Err(why) = done {
            let held = self.wanted.iter().map(|id| (*id, why.clone())).collect();
            return Removal { held, ..Removal::default() };
        }
        if let Some(cache) = texts.get(LOADER_CACHE) {
            // Folders may be links (`/lib`); that the last name is one to what stays does not keep it.
            let is_gone = |path: &[u8]| out.paths.contains_key(&alternatives::real_place(self.facts, path));
            if let Some(new) = loader::without(cache, is_gone) {
                out.changed.insert(ImagePath::new(LOADER_CACHE), new);
            }
        }
        out
    }

    /// Why nothing can be done for any of them.
    fn why_none(&self) -> Option<&'static str> {
        match self.facts.os.manager {
            _ if self.base.is_none() => Some("no layer is known to be the base's, and packages may be its own"),
            None => Some("the database of their manager is not written here"),
            Some(_) => None,
        }
    }

    /// A package that has a file in the place of one of the base: without it the base's would be there again, or neither.
    fn over_the_base(&self, id: PackageId) -> Option<String> {
        let base = self.base?;
        let view = self.facts.view;
        let mut own = self.facts.os.owners.iter().filter(|(_, owner)| **owner == id).map(|(path, _)| path);
        let is_there = |path: &&ImagePath| {
            let node = base.get(path.as_bytes());
            node.is_some_and(|node| base.entry(node.entry).kind != EntryKind::Directory)
                && view.get(path.as_bytes()).is_some()
        };
        own.find(is_there).map(|path| format!("it replaced {path} of the base"))
    }

    fn take_files(&self, out: &mut Removal) {
        let view = self.facts.view;
        let is_listed = |path: &[u8]| {
            out.listed.contains(path) || path.strip_prefix(b"usr/").is_some_and(|short| out.listed.contains(short))
        };
        let owned = self.facts.os.owners.iter().filter(|(_, id)| out.gone.contains(id));
        let paths: Vec<(ImagePath, PackageId)> = owned
            .filter(|(path, _)| view.get(path.as_bytes()).is_some() && !is_listed(path.as_bytes()))
            .map(|(path, id)| (path.clone(), *id))
            .collect();
        out.paths.extend(paths);
    }
}

/// Who provides what.
struct Needs {
    providers: FastMap<String, Vec<PackageId>>,
}

impl Needs {
    fn new(facts: &Facts<'_>) -> Self {
        let mut providers: FastMap<String, Vec<PackageId>> = FastMap::default();
        for (id, package) in facts.os.packages.pairs() {
            for name in std::iter::once(&package.name).chain(&package.provides) {
                providers.entry(name.clone()).or_default().push(id);
            }
        }
        Self { providers }
    }

    /// What goes and is the last that fulfils what a package which stays depends on.
    fn of_what_stays(&self, facts: &Facts<'_>, gone: &BTreeSet<PackageId>) -> BTreeMap<PackageId, String> {
        let mut out = BTreeMap::new();
        for (_, package) in facts.os.packages.pairs().filter(|(id, _)| !gone.contains(id)) {
            for names in &package.depends {
                let mut able = names.iter().filter_map(|name| self.providers.get(name)).flatten().peekable();
                let first = able.peek().copied().copied();
                if let Some(first) = first.filter(|_| able.all(|id| gone.contains(id))) {
                    out.entry(first).or_insert_with(|| format!("{} stays and needs it", package.name));
                }
            }
        }
        out
    }
}
