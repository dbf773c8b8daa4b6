//! Which packages the package manager takes by itself for the names that a plan gives it.
//!
//! Of alternatives, and of packages that provide one name, it takes what is met already, and that depends on the order in
//! which it looks at them: python3-numpy needs `libblas3 | libblas.so.3`, and gets the one where it is asked for first, the
//! other where something else has brought OpenBLAS before. What a plan counts on is what the original has. So the names
//! are tried, with the original's own packages for a repository, and what would not come so is named, too; so is what
//! comes by a choice that a repository, which has more packages, might make otherwise.

use super::reason::Why;
use crate::base::PackageId;
use crate::facts::Facts;
use crate::os::{OsInventory, PackageManager};
use crate::ospackages::{Installation, PackageRequest, Repositories, Sources};
use std::collections::{BTreeMap, BTreeSet};

/// An OS package to install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemPackage {
    /// Name.
    pub name: String,
    /// Why it stays.
    pub why: Why,
    /// Whether it was asked for by hand in the original; otherwise it came with something else.
    pub asked_for: bool,
    /// Predicted bytes, with those of its dependencies that nothing before it in the list brought.
    pub bytes: u64,
}

/// An image's packages as a repository.
pub(super) struct Choice {
    repository: Repositories,
    manager: PackageManager,
    architecture: String,
}

impl Choice {
    /// Of an image whose package manager is known that well.
    pub fn new(facts: &Facts<'_>) -> Option<Self> {
        let manager = facts.os.manager?;
        let architecture = facts.view.image().config.architecture.clone();
        let settings = Sources::new(facts.view).settings;
        let repository = Repositories::of_image(facts.os, &architecture, settings);
        Some(Self { repository, manager, architecture })
    }

    /// What a command brings to packages that are there.
    pub fn asked(&self, request: &PackageRequest, present: &OsInventory) -> Installation {
        self.repository.install(request, present)
    }

    /// What these names bring to a base, with nothing that is only recommended.
    fn named(&self, names: Vec<String>, base: &OsInventory) -> Installation {
        let (release, virtual_name) = Default::default();
        let (manager, architecture, recommends) = (self.manager, self.architecture.clone(), Some(false));
        self.asked(&PackageRequest { manager, names, recommends, architecture, release, virtual_name }, base)
    }
}

/// What a plan decided of OS packages.
pub(super) struct Decided<'d> {
    pub os: &'d OsInventory,
    pub base: &'d OsInventory,
    pub above: &'d BTreeSet<PackageId>,
    /// What stays by itself, and why.
    pub roots: &'d BTreeMap<PackageId, Why>,
    pub kept: &'d mut BTreeSet<PackageId>,
    pub install: &'d mut Vec<SystemPackage>,
}

impl Decided<'_> {
    /// Names what does not come by itself and is counted on, and keeps what comes in any case.
    pub fn settle(&mut self, choice: &Choice) {
        // Each round names one more, or it is the last.
        for _ in 0..=self.above.len() {
            self.install.sort_by(|a, b| a.name.cmp(&b.name));
            let names = self.install.iter().map(|package| package.name.clone()).collect();
            let found = choice.named(names, self.base);
            let brought: BTreeSet<PackageId> =
                found.packages.iter().filter_map(|new| self.position(&new.name)).collect();
            let missing = self.kept.iter().filter(|position| !brought.contains(position)).copied();
            let missing: Vec<(PackageId, Option<Why>)> =
                missing.map(|position| (position, self.why(position))).collect();
            // apk takes by names like `so:libz.so.1`, which one package has.
            let may_choose = choice.manager == PackageManager::Dpkg;
            let by_choice = if may_choose { self.by_choice(&found, &brought) } else { Vec::new() };
            self.kept.extend(brought.iter().filter(|position| self.above.contains(position)));
            let mut any = false;
            for (position, why) in missing.into_iter().chain(by_choice) {
                match why {
                    Some(why) => any |= self.name(position, why),
                    // What needs it is met by the base.
                    None if self.is_native(position, choice) => _ = self.kept.remove(&position),
                    None => {}
                }
            }
            if !any {
                return;
            }
        }
    }

    fn position(&self, name: &str) -> Option<PackageId> {
        self.os.find(name).filter(|&position| self.os.packages[position].name == name)
    }

    fn is_native(&self, position: PackageId, choice: &Choice) -> bool {
        choice.repository.has(choice.manager, &self.os.packages[position].name)
    }

    fn name(&mut self, position: PackageId, why: Why) -> bool {
        let name = &self.os.packages[position].name;
        if self.install.iter().any(|package| package.name == *name) {
            return false;
        }
        self.install.push(SystemPackage { name: name.clone(), asked_for: why == Why::ByHand, why, bytes: 0 });
        true
    }

    /// Why something that would not come has to: for itself, or because a package that stays needs it.
    fn why(&self, position: PackageId) -> Option<Why> {
        let met = |group: &&Vec<String>| !group.iter().any(|name| self.base.find(name).is_some());
        let needs = |other: &PackageId| {
            let mut groups = self.os.packages[*other].depends.iter().filter(met);
            groups.any(|group| group.iter().any(|name| self.os.find(name) == Some(position)))
        };
        let by = || self.kept.iter().find(|other| **other != position && needs(other));
        let chosen = || Some(Why::Chosen { by: self.os.packages[*by()?].name.clone() });
        self.roots.get(&position).cloned().or_else(chosen)
    }

    /// What comes by a choice, unless another package names it first of all.
    fn by_choice(&self, found: &Installation, brought: &BTreeSet<PackageId>) -> Vec<(PackageId, Option<Why>)> {
        let named_first = |name: &str| {
            let mut groups = brought.iter().flat_map(|&other| &self.os.packages[other].depends);
            groups.any(|group| group.first().is_some_and(|first| first == name))
        };
        let chosen = found.packages.iter().filter(|new| new.by_choice && !named_first(&new.name));
        let chosen = chosen.map(|new| (self.position(&new.name), Why::Chosen { by: new.because.clone() }));
        chosen.filter_map(|(position, why)| Some((position?, Some(why)))).collect()
    }
}
