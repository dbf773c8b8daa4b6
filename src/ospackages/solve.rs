//! Which packages an installation brings: a closure over what packages require, in the order in which apt and apk go.
//!
//! It is no solver that weighs possibilities against each other: it takes the version that would be taken anyway, of
//! alternatives the first that can be had, and goes on. For what Dockerfiles ask of a distribution's own repositories that is
//! what apt does. Where it would have to go back on a choice it says so ([`Solution::unmet`]).
//!
//! Source: apt-get(8) (`install`), apt.conf(5) (`APT::Install-Recommends`), Debian Policy 7; apk-add(8), apk-package(5)
//! (`install_if`, `provider_priority`).

use super::index::Record;
use super::relation::{Relation, parse_alpine, parse_debian};
use super::universe::{Universe, conflicts, depends, provides};
use super::version::compare;
use crate::os::PackageManager;
use std::collections::{BTreeMap, BTreeSet};

/// Most packages that one installation may bring.
const MAX_PACKAGES: usize = 20_000;

/// A package of the image as it will be.
#[derive(Clone, Debug)]
pub(super) struct Present {
    pub record: Record,
    /// None for one that is installed already.
    pub new: Option<New>,
}

/// Why a package is new.
#[derive(Clone, Debug, Default)]
pub(super) struct New {
    pub because: String,
    pub manual: bool,
    pub replaces: Option<String>,
    /// It is not the package that is named first where it is needed: others would do as well.
    pub by_choice: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Solution {
    pub present: BTreeMap<String, Present>,
    pub removed: BTreeSet<String>,
    /// What nothing meets, and who requires it.
    pub unmet: Vec<(String, String)>,
}

/// What is still to be looked at. A list and no recursion: nobody bounds how deep a chain of packages is.
enum Task {
    /// A requirement.
    Group {
        group: Vec<Relation>,
        owner: String,
        /// Not only recommended.
        must: bool,
    },
    /// A package that does not go with a new one.
    MakeRoom { opponent: String, name: String },
    /// Who requires a package that is gone, or another version now.
    LookAgain { name: String },
}

pub(super) struct Solver<'a> {
    universe: &'a Universe<'a>,
    manager: PackageManager,
    recommends: bool,
    out: Solution,
    /// Present packages by the names that they provide.
    providing: BTreeMap<String, BTreeSet<String>>,
    /// Present packages by the names that they require.
    requiring: BTreeMap<String, BTreeSet<String>>,
    /// Present packages by the names that they conflict with.
    opposing: BTreeMap<String, BTreeSet<String>>,
    /// What must not come.
    refused: BTreeSet<String>,
    /// The next one is the last.
    todo: Vec<Task>,
}

impl<'a> Solver<'a> {
    pub(super) fn new(universe: &'a Universe<'a>, installed: Vec<Record>, recommends: bool) -> Self {
        let mut out = Self {
            universe,
            manager: universe.manager,
            recommends,
            out: Solution::default(),
            providing: BTreeMap::new(),
            requiring: BTreeMap::new(),
            opposing: BTreeMap::new(),
            refused: BTreeSet::new(),
            todo: Vec::new(),
        };
        for record in installed {
            out.register(&record);
            out.out.present.insert(record.name.clone(), Present { record, new: None });
        }
        out
    }

    /// The package of a name that will be there.
    pub(super) fn present(&self, name: &str) -> Option<&Present> {
        self.out.present.get(name)
    }

    /// Keeps a package from coming, and removes it where it is.
    pub(super) fn refuse(&mut self, name: &str) {
        self.refused.insert(name.to_owned());
        self.remove(name);
    }

    /// Adds what is asked for, by hand (`manual`) or by a virtual package; what it requires is looked at by [`Solver::finish`]. So alternatives that another
    /// request meets are met by it.
    pub(super) fn request(&mut self, record: Record, manual: bool) {
        let earlier = self.todo.len();
        self.add(record, New { manual, ..New::default() });
        // The first request is looked at first.
        let count = self.todo.len() - earlier;
        self.todo.rotate_right(count);
    }

    /// Looks at everything that is required.
    pub(super) fn finish(mut self) -> Solution {
        loop {
            while let Some(task) = self.todo.pop() {
                self.look_at(task);
            }
            if self.manager == PackageManager::Dpkg || !self.add_conditional() {
                break;
            }
        }
        self.out.unmet.sort();
        self.out.unmet.dedup();
        self.out
    }

    fn look_at(&mut self, task: Task) {
        match task {
            Task::Group { group, owner, must } => self.meet(&group, owner, must),
            Task::MakeRoom { opponent, name } => self.make_room(&opponent, &name),
            Task::LookAgain { name } => self.look_again(&name),
        }
    }

    fn meet(&mut self, group: &[Relation], owner: String, must: bool) {
        if self.is_met(group) || !self.out.present.contains_key(&owner) {
            return;
        }
        match self.choose_one(group) {
            Some(record) => {
                let by_choice = group.first().is_none_or(|first| first.name != record.name);
                self.add(record, New { because: owner, by_choice, ..New::default() });
            }
            None if must => {
                let names: Vec<String> = group.iter().map(Relation::to_string).collect();
                self.out.unmet.push((names.join(" | "), owner));
            }
            None => {}
        }
    }

    fn is_met(&self, group: &[Relation]) -> bool {
        group.iter().any(|relation| self.is_one_met(relation))
    }

    fn is_one_met(&self, relation: &Relation) -> bool {
        let own = self.out.present.get(&relation.name);
        if own.is_some_and(|own| relation.is_met_by(self.manager, &own.record.version)) {
            return true;
        }
        let providing = self.providing.get(&relation.name).into_iter().flatten();
        let fits = |record: &Record| {
            let all = provides(self.manager, record);
            all.iter().any(|one| relation.is_met_by_provided(self.manager, one))
        };
        providing.filter_map(|name| self.out.present.get(name)).any(|present| fits(&present.record))
    }

    /// The package to install for one of several alternatives: of one that is there in another version that it takes a
    /// later one, before anything new.
    fn choose_one(&self, group: &[Relation]) -> Option<Record> {
        let is_there = |record: &Record| self.out.present.contains_key(&record.name);
        let upgrade = || group.iter().find_map(|relation| self.choose(relation).filter(is_there));
        let several = self.manager == PackageManager::Dpkg && group.len() > 1;
        several.then(upgrade).flatten().or_else(|| group.iter().find_map(|relation| self.choose(relation)))
    }

    /// The package to install for a requirement.
    fn choose(&self, relation: &Relation) -> Option<Record> {
        let own = self.universe.best_for(relation).filter(|record| self.may_come(record));
        own.or_else(|| {
            let providers = self.universe.providers(relation);
            // apk takes none of several that only stand for a name, unless it is told how they rank.
            let told = |record: &Record| {
                record.provider_priority > 0
                    || provides(self.manager, record)
                        .iter()
                        .any(|one| one.name == relation.name && one.version.is_some())
            };
            let alpine = self.manager == PackageManager::Apk;
            providers.into_iter().find(|record| self.may_come(record) && (!alpine || told(record)))
        })
    }

    /// Whether a package goes with those that are new.
    fn may_come(&self, record: &Record) -> bool {
        if self.refused.contains(&record.name) || self.out.present.len() >= MAX_PACKAGES {
            return false;
        }
        let is_new = |name: &String| self.out.present.get(name).is_some_and(|present| present.new.is_some());
        // One that is new is there in the version that would be taken.
        !is_new(&record.name) && !self.opponents(record).iter().any(is_new)
    }

    /// Present packages that cannot be there with another one.
    fn opponents(&self, record: &Record) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        for relation in conflicts(self.manager, record) {
            let named = self.out.present.get_key_value(&relation.name);
            let named = named.filter(|(_, present)| relation.is_met_by(self.manager, &present.record.version));
            out.extend(named.map(|(name, _)| name.clone()));
            for name in self.providing.get(&relation.name).into_iter().flatten() {
                let Some(present) = self.out.present.get(name) else { continue };
                let all = provides(self.manager, &present.record);
                if all.iter().any(|one| relation.is_met_by_provided(self.manager, one)) {
                    out.insert(name.clone());
                }
            }
        }
        let own = provides(self.manager, record);
        let names = own.iter().map(|one| &one.name).chain([&record.name]);
        for name in names.filter_map(|name| self.opposing.get(name)).flatten() {
            let Some(present) = self.out.present.get(name) else { continue };
            let opposes = |relation: &Relation| {
                let itself = relation.name == record.name && relation.is_met_by(self.manager, &record.version);
                itself || own.iter().any(|one| relation.is_met_by_provided(self.manager, one))
            };
            if conflicts(self.manager, &present.record).iter().any(opposes) {
                out.insert(name.clone());
            }
        }
        out.remove(&record.name);
        out
    }

    /// Adds a package, makes room for it, and notes what it requires.
    fn add(&mut self, record: Record, new: New) {
        let name = record.name.clone();
        let before = self.out.present.remove(&name);
        let replaces = before.and_then(|before| match before.new {
            None => Some(before.record.version),
            Some(new) => new.replaces,
        });
        let was_there = replaces.is_some();
        let opponents = self.opponents(&record);
        self.register(&record);
        let mut tasks: Vec<Task> = Vec::new();
        let task = |must: bool| {
            let owner = name.clone();
            move |group: Vec<Relation>| Task::Group { group, owner: owner.clone(), must }
        };
        tasks.extend(depends(self.manager, &record).into_iter().map(task(true)));
        if self.recommends && !was_there {
            tasks.extend(parse_debian(&record.declared.recommends).into_iter().map(task(false)));
        }
        let new = New { replaces, ..new };
        self.out.present.insert(name.clone(), Present { record, new: Some(new) });
        self.todo.extend(tasks.into_iter().rev());
        if was_there {
            self.todo.push(Task::LookAgain { name: name.clone() });
        }
        self.todo.extend(opponents.into_iter().map(|opponent| Task::MakeRoom { opponent, name: name.clone() }));
    }

    /// Lets a newer version of a package take its place, or removes it, because another one does not go with it.
    fn make_room(&mut self, opponent: &str, name: &str) {
        let Some(present) = self.out.present.get(opponent) else { return };
        if present.new.is_some() || present.record.essential {
            let why = format!("{name}, which conflicts with it");
            return self.out.unmet.push((crate::base::Text::from(opponent).into(), why));
        }
        let newer = self.newer(opponent).filter(|newer| !self.opponents(newer).contains(name));
        match newer {
            Some(newer) => self.add(newer, New { because: name.to_owned(), ..New::default() }),
            None => self.remove(opponent),
        }
    }

    /// A later version of a package that is there.
    fn newer(&self, name: &str) -> Option<Record> {
        let present = self.out.present.get(name)?;
        let is_later = |best: &Record| compare(self.manager, &best.version, &present.record.version).is_gt();
        self.universe.best(name).filter(|best| present.new.is_none() && is_later(best))
    }

    fn remove(&mut self, name: &str) {
        if self.out.present.remove(name).is_some() {
            self.out.removed.insert(name.to_owned());
            self.todo.push(Task::LookAgain { name: name.to_owned() });
        }
    }

    /// Looks at those again that require a package which is another one now: some are to be of the same version.
    fn look_again(&mut self, name: &str) {
        let dependents = self.requiring.get(name).cloned().unwrap_or_default();
        for dependent in dependents {
            let Some(present) = self.out.present.get(&dependent).filter(|present| present.new.is_none()) else {
                continue;
            };
            let groups = depends(self.manager, &present.record);
            let unmet: Vec<Vec<Relation>> = groups.into_iter().filter(|group| !self.is_met(group)).collect();
            if unmet.is_empty() {
                continue;
            }
            match self.newer(&dependent) {
                Some(newer) => self.add(newer, New { because: name.to_owned(), ..New::default() }),
                None => {
                    let task = |group| Task::Group { group, owner: dependent.clone(), must: true };
                    self.todo.extend(unmet.into_iter().map(task));
                }
            }
        }
    }

    fn register(&mut self, record: &Record) {
        let note = |map: &mut BTreeMap<String, BTreeSet<String>>, name: String| {
            map.entry(name).or_default().insert(record.name.clone());
        };
        provides(self.manager, record).into_iter().for_each(|one| note(&mut self.providing, one.name));
        depends(self.manager, record).into_iter().flatten().for_each(|one| note(&mut self.requiring, one.name));
        conflicts(self.manager, record).into_iter().for_each(|one| note(&mut self.opposing, one.name));
    }

    /// apk: adds what comes by itself, and says whether there was any.
    fn add_conditional(&mut self) -> bool {
        let parts = self.universe.parts.iter().filter(|part| part.tag.is_none());
        let conditional: Vec<Record> = parts.flat_map(|part| part.index.conditional()).collect();
        let mut any = false;
        for record in conditional {
            let (needed, unwanted) = parse_alpine(&record.declared.install_if);
            let is_there = |name: &str| self.out.present.contains_key(name);
            let holds =
                needed.iter().all(|one| self.is_one_met(one)) && !unwanted.iter().any(|one| self.is_one_met(one));
            // Something new must have brought it: what is installed without it stays so.
            let news = needed.iter().any(|one| self.is_new(&one.name));
            if holds && news && !is_there(&record.name) && self.may_come(&record) {
                let because = needed.first().map(|one| one.name.clone()).unwrap_or_default();
                self.add(record, New { because, ..New::default() });
                any = true;
            }
        }
        any
    }

    fn is_new(&self, name: &str) -> bool {
        let new = |name: &str| self.out.present.get(name).is_some_and(|present| present.new.is_some());
        new(name) || self.providing.get(name).into_iter().flatten().any(|name| new(name))
    }
}
