//! Which packages go when some are removed, and which nothing asks for any more.
//!
//! Source: apt-get(8) (`remove`, `autoremove`), apt.conf(5) (`APT::AutoRemove`: what is recommended or suggested stays);
//! apk-del(8).

use super::index::Record;
use super::relation::{Provided, Relation, parse_alpine, parse_debian};
use super::universe::{depends, provides, record_of};
use crate::os::{OsPackage, PackageManager};
use std::collections::{BTreeMap, BTreeSet};

/// Installed packages, and what each stands for.
struct Installed {
    manager: PackageManager,
    records: Vec<Record>,
    provided: Vec<Vec<Provided>>,
    /// Positions by name, own or provided.
    by_name: BTreeMap<String, Vec<usize>>,
}

impl Installed {
    fn new(manager: PackageManager, packages: &[OsPackage]) -> Self {
        let records: Vec<Record> = packages.iter().map(record_of).collect();
        let provided: Vec<Vec<Provided>> = records.iter().map(|record| provides(manager, record)).collect();
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, (record, provided)) in records.iter().zip(&provided).enumerate() {
            for name in std::iter::once(&record.name).chain(provided.iter().map(|one| &one.name)) {
                by_name.entry(name.clone()).or_default().push(at);
            }
        }
        Self { manager, records, provided, by_name }
    }

    /// The packages that are, or provide, what is asked for.
    fn all_for<'a>(&'a self, relation: &'a Relation) -> impl Iterator<Item = usize> + 'a {
        let fits = move |&at: &usize| {
            let record = &self.records[at];
            let own = record.name == relation.name && relation.is_met_by(self.manager, &record.version);
            own || self.provided[at].iter().any(|one| relation.is_met_by_provided(self.manager, one))
        };
        self.by_name.get(&relation.name).into_iter().flatten().copied().filter(fits)
    }
}

/// Which packages go with those that are removed: who requires them, and who requires those. Positions, sorted.
pub fn removed_with(manager: PackageManager, packages: &[OsPackage], names: &[&str]) -> Vec<usize> {
    let installed = Installed::new(manager, packages);
    let named = |at: &usize| names.contains(&packages[*at].name.as_str());
    let mut todo: Vec<usize> = (0..packages.len()).filter(named).collect();
    let mut gone: BTreeSet<usize> = todo.iter().copied().collect();
    let groups: Vec<Vec<Vec<Relation>>> = installed.records.iter().map(|record| depends(manager, record)).collect();
    // Who requires a package, by its position, with the requirement.
    let mut requiring: BTreeMap<usize, Vec<(usize, &Vec<Relation>)>> = BTreeMap::new();
    for (owner, groups) in groups.iter().enumerate() {
        for group in groups {
            for at in group.iter().flat_map(|relation| installed.all_for(relation)) {
                requiring.entry(at).or_default().push((owner, group));
            }
        }
    }
    while let Some(at) = todo.pop() {
        for &(owner, group) in requiring.get(&at).into_iter().flatten() {
            let met = group.iter().flat_map(|relation| installed.all_for(relation)).any(|at| !gone.contains(&at));
            if !met && gone.insert(owner) {
                todo.push(owner);
            }
        }
    }
    gone.into_iter().collect()
}

/// Which packages nothing asks for any more, as `apt-get autoremove` and `apk del` see it: those that neither are asked
/// for by hand ([`OsPackage::manual`]) nor essential, nor required, recommended or suggested by one that stays. Positions,
/// sorted.
pub fn autoremove(manager: PackageManager, packages: &[OsPackage]) -> Vec<usize> {
    let installed = Installed::new(manager, packages);
    let mut kept: BTreeSet<usize> = BTreeSet::new();
    let root = |at: &usize| packages[*at].manual || packages[*at].essential;
    let mut todo: Vec<usize> = (0..packages.len()).filter(root).collect();
    loop {
        while let Some(at) = todo.pop() {
            if kept.insert(at) {
                let wanted = wanted(manager, &installed.records[at]);
                todo.extend(wanted.iter().flat_map(|relation| installed.all_for(relation)));
            }
        }
        // What came by itself stays with what it came for.
        let conditional = |at: &usize| !kept.contains(at) && !installed.records[*at].declared.install_if.is_empty();
        let holds = |at: &usize| {
            let (needed, _) = parse_alpine(&installed.records[*at].declared.install_if);
            needed.iter().all(|relation| installed.all_for(relation).any(|at| kept.contains(&at)))
        };
        todo.extend((0..packages.len()).filter(conditional).filter(holds));
        if todo.is_empty() {
            return (0..packages.len()).filter(|at| !kept.contains(at)).collect();
        }
    }
}

/// What keeps other packages there.
fn wanted(manager: PackageManager, record: &Record) -> Vec<Relation> {
    let mut out: Vec<Relation> = depends(manager, record).into_iter().flatten().collect();
    if manager == PackageManager::Dpkg {
        for field in [&record.declared.recommends, &record.declared.suggests] {
            out.extend(parse_debian(field).into_iter().flatten());
        }
    }
    out
}
