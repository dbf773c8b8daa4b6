//! All packages that can be had, and which version of one is taken.
//!
//! Source: apt_preferences(5) (priorities of versions, `NotAutomatic`); apk-world(5) (tagged repositories).

use super::index::{Index, Record};
use super::relation::{Provided, Relation, parse_alpine, parse_alpine_provides, parse_debian, parse_debian_provides};
use super::version::compare;
use crate::os::{OsPackage, PackageManager};
use std::cmp::Ordering;

/// An index of one repository.
#[derive(Debug)]
pub(super) struct Part {
    pub manager: PackageManager,
    pub index: Index,
    /// apk's tag.
    pub tag: Option<String>,
    pub suite: String,
    pub codename: String,
    /// apt's priority of its packages.
    pub priority: i32,
    /// The packages of an image, which may have come from any suite.
    pub of_image: bool,
}

/// A priority of packages of the suite that the command names.
const OF_TARGET: i32 = 990;

/// What can be had by one command.
pub(super) struct Universe<'a> {
    pub manager: PackageManager,
    pub parts: Vec<&'a Part>,
    /// `--target-release`.
    pub release: Option<&'a str>,
    /// apk: the tags that the command names.
    pub tags: Vec<&'a str>,
}

impl Part {
    /// Whether it is that of a suite.
    pub(super) fn is_of(&self, release: &str) -> bool {
        self.of_image || self.suite == release || self.codename == release
    }
}

impl Universe<'_> {
    /// The versions of a package, the one that would be taken first, with their priorities.
    pub(super) fn versions(&self, name: &str) -> Vec<(i32, Record)> {
        let with_priority = |part: &&Part, records: Vec<Record>| {
            let priority = self.priority(part);
            records.into_iter().map(move |record| (priority, record)).collect::<Vec<_>>()
        };
        let of_part = |part: &&Part| with_priority(part, part.index.packages(name));
        let mut found: Vec<(i32, Record)> = self.parts.iter().flat_map(of_part).collect();
        found.sort_by(|(a_priority, a), (b_priority, b)| {
            b_priority.cmp(a_priority).then_with(|| compare(self.manager, &b.version, &a.version))
        });
        found
    }

    fn priority(&self, part: &Part) -> i32 {
        match (&part.tag, self.release) {
            (Some(tag), _) if self.tags.contains(&tag.as_str()) => 100,
            (Some(_), _) => -1,
            (None, Some(release)) if part.is_of(release) => OF_TARGET,
            _ => part.priority,
        }
    }

    /// The version that would be taken.
    pub(super) fn best(&self, name: &str) -> Option<Record> {
        self.versions(name).into_iter().find(|(priority, _)| *priority >= 0).map(|(_, record)| record)
    }

    /// The version that would be taken where this one is asked for. apt looks at no other than the one that it would
    /// take anyway, apk at all.
    pub(super) fn best_for(&self, relation: &Relation) -> Option<Record> {
        let fits = |record: &Record| relation.is_met_by(self.manager, &record.version);
        match self.manager {
            PackageManager::Dpkg => self.best(&relation.name).filter(fits),
            PackageManager::Apk => {
                let versions = self.versions(&relation.name).into_iter().filter(|(priority, _)| *priority >= 0);
                versions.map(|(_, record)| record).find(fits)
            }
        }
    }

    /// Packages that provide what is asked for, in the version that would be taken, the best one first.
    pub(super) fn providers(&self, relation: &Relation) -> Vec<Record> {
        let parts = self.parts.iter().filter(|part| self.priority(part) >= 0);
        let mut names: Vec<String> =
            parts.flat_map(|part| part.index.providers(&relation.name)).map(|record| record.name).collect();
        names.sort();
        names.dedup();
        let provides = |record: &Record| {
            let all = provides(self.manager, record);
            all.into_iter().find(|one| relation.is_met_by_provided(self.manager, one))
        };
        let best = names.iter().filter_map(|name| self.best(name));
        let mut found: Vec<(Provided, Record)> = best.filter_map(|record| Some((provides(&record)?, record))).collect();
        found.sort_by(|a, b| self.rank(b, a));
        found.into_iter().map(|(_, record)| record).collect()
    }

    /// Where apt first read a package's name: the index, and the place in it.
    fn mentioned(&self, name: &str) -> Option<(usize, u64)> {
        let first = |(at, part): (usize, &&Part)| Some((at, part.index.packages(name).first()?.mentioned));
        self.parts.iter().enumerate().find_map(first)
    }

    /// The better provider is the greater one. Of equal ones apt takes that whose name it read last (`CompareProviders`
    /// of apt 2.6: by the number that a name gets when it is read).
    fn rank(&self, (provided, record): &(Provided, Record), (other_provided, other): &(Provided, Record)) -> Ordering {
        let by_name = || other.name.cmp(&record.name);
        match self.manager {
            PackageManager::Dpkg => {
                let key = |record: &Record| (record.essential, std::cmp::Reverse(importance(&record.priority)));
                let by_order = || self.mentioned(&record.name).cmp(&self.mentioned(&other.name));
                key(record).cmp(&key(other)).then_with(by_order).then_with(by_name)
            }
            PackageManager::Apk => {
                let version = |provided: &Provided| provided.version.clone().unwrap_or_default();
                let by_version = || compare(self.manager, &version(provided), &version(other_provided));
                let told = provided.version.is_some().cmp(&other_provided.version.is_some());
                told.then_with(by_version)
                    .then_with(|| record.provider_priority.cmp(&other.provider_priority))
                    .then_with(by_name)
            }
        }
    }
}

/// dpkg's priorities, the most important first.
fn importance(priority: &str) -> usize {
    let known = ["required", "important", "standard", "optional", "extra"];
    known.iter().position(|known| *known == priority).unwrap_or(known.len())
}

/// What a package must have, alternatives side by side.
pub(super) fn depends(manager: PackageManager, record: &Record) -> Vec<Vec<Relation>> {
    match manager {
        PackageManager::Dpkg => parse_debian(&record.declared.depends),
        PackageManager::Apk => parse_alpine(&record.declared.depends).0.into_iter().map(|one| vec![one]).collect(),
    }
}

/// What must not be there with a package.
pub(super) fn conflicts(manager: PackageManager, record: &Record) -> Vec<Relation> {
    match manager {
        PackageManager::Dpkg => parse_debian(&record.declared.conflicts).into_iter().flatten().collect(),
        PackageManager::Apk => parse_alpine(&record.declared.depends).1,
    }
}

/// What a package stands for.
pub(super) fn provides(manager: PackageManager, record: &Record) -> Vec<Provided> {
    match manager {
        PackageManager::Dpkg => parse_debian_provides(&record.declared.provides),
        PackageManager::Apk => parse_alpine_provides(&record.declared.provides),
    }
}

/// A package of the image as indexes tell them.
pub(super) fn record_of(package: &OsPackage) -> Record {
    Record {
        name: package.name.clone(),
        version: package.version.clone(),
        architecture: package.architecture.clone(),
        section: package.section.clone(),
        essential: package.essential,
        declared: package.declared.clone(),
        ..Record::default()
    }
}
