//! From the words of an install command to what it does, in packages and bytes.

use super::index::Record;
use super::relation::{Relation, alpine_relation};
use super::size::{self, Ratios};
use super::solve::{Present, Solution, Solver};
use super::universe::{Universe, depends, provides, record_of};
use super::{Installation, NewPackage, PackageRequest, Repositories, is_native};
use crate::base::Text;
use crate::os::{OsInventory, OsPackage, PackageManager};
use crate::rules::matches;

impl Repositories {
    /// What an install command would do to an image with these packages.
    pub fn install(&self, request: &PackageRequest, installed: &OsInventory) -> Installation {
        let tags = request.names.iter().filter_map(|name| Some(name.split_once('@')?.1)).collect();
        let universe = Universe {
            manager: request.manager,
            parts: self.parts.iter().filter(|part| part.manager == request.manager).collect(),
            release: request.release.as_deref(),
            tags,
        };
        let native = |package: &&OsPackage| is_native(package, &request.architecture);
        let records: Vec<Record> = installed.packages.iter().filter(native).map(record_of).collect();
        let recommends = request.manager == PackageManager::Dpkg;
        let recommends = recommends && request.recommends.unwrap_or(self.settings.recommends);
        let mut asked = Asked {
            solver: Solver::new(&universe, records, recommends),
            universe: &universe,
            request,
            out: Installation::default(),
        };
        for name in &request.names {
            match request.manager {
                PackageManager::Dpkg => asked.debian(name),
                PackageManager::Apk => asked.alpine(name),
            }
        }
        asked.add_virtual();
        let Asked { solver, mut out, .. } = asked;
        let solution = solver.finish();
        let ratios = Ratios::new(&installed.packages, &self.settings);
        self.tell(request.manager, &solution, &ratios, &mut out);
        out
    }

    fn tell(&self, manager: PackageManager, solution: &Solution, ratios: &Ratios, out: &mut Installation) {
        let mut said = 0u64;
        for (what, owner) in &solution.unmet {
            let reason = format!("needed by {}, and nothing that will do is in the indexes", Text::from(owner));
            out.unmet.push((what.clone(), reason));
        }
        out.removed = solution.removed.iter().filter(|name| !solution.present.contains_key(*name)).cloned().collect();
        for present in solution.present.values() {
            let Some(package) = new_package(manager, present, ratios) else { continue };
            said = said.saturating_add(present.record.declared.installed_size.unwrap_or(0));
            out.packages.push(package);
            out.database = out.database.saturating_add(size::database(manager, &present.record));
        }
        let taken = out.packages.iter().fold(0u64, |sum, package| sum.saturating_add(package.bytes));
        out.ratio = ratios.over(said, taken);
        if manager == PackageManager::Dpkg {
            let wire = out.packages.iter().fold(0u64, |sum, package| sum.saturating_add(package.wire));
            out.archives = if self.settings.keeps_archives { wire } else { 0 };
        }
        (out.lists, out.caches) = (self.lists(), self.caches());
        out.unknown.sort();
        out.unknown.dedup();
    }
}

/// The words of a command, one after the other.
struct Asked<'a> {
    solver: Solver<'a>,
    universe: &'a Universe<'a>,
    request: &'a PackageRequest,
    out: Installation,
}

impl Asked<'_> {
    fn unknown(&mut self, name: &str, reason: impl Into<String>) {
        self.out.unknown.push((Text::from(name).into(), reason.into()));
    }

    /// A word of `apt-get install`.
    fn debian(&mut self, word: &str) {
        if word.starts_with(['.', '/']) || word.ends_with(".deb") {
            return self.unknown(word, "it is a file, and what is in it is not known");
        }
        if word.contains('$') {
            return self.unknown(word, "what stands for the variable is not known");
        }
        if word.ends_with('^') {
            return self.unknown(word, "it is a task, whose packages the indexes do not tell");
        }
        let (rest, version) = match word.split_once('=') {
            Some((name, version)) => (name, Some(version)),
            None => (word, None),
        };
        let (rest, suite) = match rest.split_once('/') {
            Some((name, suite)) => (name, Some(suite)),
            None => (rest, None),
        };
        let (name, architecture) = match rest.split_once(':') {
            Some((name, architecture)) => (name, Some(architecture)),
            None => (rest, None),
        };
        let native = [self.request.architecture.as_str(), "any", "native", "all"];
        if architecture.is_some_and(|architecture| !native.contains(&architecture)) {
            return self.unknown(word, "it is of another architecture than the image");
        }
        // A name may end with a plus (`g++`) or be a command to remove (`nano-`).
        let known = |name: &str| self.solver.present(name).is_some() || !self.universe.versions(name).is_empty();
        let name = match (known(name), name.strip_suffix('-'), name.strip_suffix('+')) {
            (false, Some(stem), _) if known(stem) => return self.solver.refuse(stem),
            (false, _, Some(stem)) if known(stem) => stem,
            _ => name,
        };
        if name.contains(['*', '?', '[']) {
            return self.unknown(word, "it is a pattern: apt installs whatever it fits, and that changes");
        }
        match self.chosen_debian(name, version, suite) {
            Ok(Some(record)) => self.want(record),
            Ok(None) => self.out.marked_manual.push(name.to_owned()),
            Err(reason) => self.unknown(word, reason),
        }
    }

    /// The version to install; none where what is installed is as good.
    fn chosen_debian(&self, name: &str, version: Option<&str>, suite: Option<&str>) -> Result<Option<Record>, String> {
        let mut versions = self.universe.versions(name);
        let there = self.solver.present(name).filter(|present| present.new.is_none());
        if let Some(suite) = suite {
            let parts = self.universe.parts.iter().filter(|part| part.is_of(suite));
            let of_suite: Vec<Record> = parts.flat_map(|part| part.index.packages(name)).collect();
            versions.retain(|(_, record)| of_suite.contains(record));
        }
        if let Some(wanted) = version {
            let is_wanted = |record: &Record| matches(wanted.as_bytes(), record.version.as_bytes());
            versions.retain(|(_, record)| is_wanted(record));
            let fits = |present: &&Present| is_wanted(&present.record);
            if versions.is_empty() && there.filter(fits).is_some() {
                return Ok(None);
            }
        }
        let best = versions.into_iter().map(|(_, record)| record).next();
        match (best, there) {
            (Some(best), Some(there)) => {
                let order = super::compare(PackageManager::Dpkg, &best.version, &there.record.version);
                Ok(Some(best).filter(|_| order.is_gt() || (version.is_some() && order.is_ne())))
            }
            (Some(best), None) => Ok(Some(best)),
            (None, Some(_)) if version.is_none() && suite.is_none() => Ok(None),
            (None, _) if version.is_some() || suite.is_some() => Err(self.no_such_version(name)),
            (None, _) => self.only_provider(name).map(Some),
        }
    }

    fn no_such_version(&self, name: &str) -> String {
        let versions = self.universe.versions(name);
        let shown: Vec<Text> = versions.iter().take(3).map(|(_, record)| Text::from(&record.version)).collect();
        match shown.is_empty() {
            true => "no index has it".into(),
            false => format!("no index has that version; found {}", shown.join(", ")),
        }
    }

    /// apt takes a package for a name that it provides only where there is no other.
    fn only_provider(&self, name: &str) -> Result<Record, String> {
        let relation = Relation { name: name.to_owned(), architecture: None, version: None };
        let mut providers = self.universe.providers(&relation);
        match providers.len() {
            0 => Err("no index has it".into()),
            1 => Ok(providers.remove(0)),
            _ => {
                let names: Vec<Text> = providers.iter().take(4).map(|record| Text::from(&record.name)).collect();
                Err(format!("it is no package, and {} and others provide it: apt takes none", names.join(", ")))
            }
        }
    }

    /// A word of `apk add`.
    fn alpine(&mut self, word: &str) {
        if word.ends_with(".apk") || word.starts_with(['.', '/']) {
            return self.unknown(word, "it is a file, and what is in it is not known");
        }
        if word.contains('$') {
            return self.unknown(word, "what stands for the variable is not known");
        }
        if let Some(name) = word.strip_prefix('!') {
            return self.solver.refuse(name);
        }
        let Some(relation) = alpine_relation(word) else { return self.unknown(word, "it is no name") };
        let there = self.solver.present(&relation.name);
        if there.is_some_and(|there| relation.is_met_by(PackageManager::Apk, &there.record.version)) {
            if self.request.virtual_name.is_none() {
                self.out.marked_manual.push(relation.name);
            }
            return;
        }
        // A tag lets its repository's version compete with the others; without one it only fills gaps.
        let latest = || {
            let versions = self.universe.versions(&relation.name).into_iter().filter(|(priority, _)| *priority >= 0);
            let fits =
                versions.map(|(_, record)| record).filter(|one| relation.is_met_by(PackageManager::Apk, &one.version));
            fits.max_by(|a, b| super::compare(PackageManager::Apk, &a.version, &b.version))
        };
        let own = if word.contains('@') { latest() } else { self.universe.best_for(&relation) };
        let found = own.or_else(|| self.universe.providers(&relation).into_iter().next());
        match found {
            Some(record) => self.want(record),
            None => {
                let reason = self.no_such_version(&relation.name);
                self.unknown(word, reason);
            }
        }
    }

    fn want(&mut self, record: Record) {
        self.solver.request(record, self.request.virtual_name.is_none());
    }

    /// apk: the package that stands for all that was asked for.
    fn add_virtual(&mut self) {
        let (Some(name), PackageManager::Apk) = (&self.request.virtual_name, self.request.manager) else { return };
        let mut record = Record { name: name.clone(), version: "0".into(), ..Record::default() };
        record.architecture = "noarch".into();
        record.declared.depends = self.request.names.join(" ");
        record.declared.installed_size = Some(0);
        self.solver.request(record, true);
    }
}

fn new_package(manager: PackageManager, present: &Present, ratios: &Ratios) -> Option<NewPackage> {
    let (record, new) = (&present.record, present.new.as_ref()?);
    let names = |group: Vec<Relation>| group.into_iter().map(|relation| relation.name).collect::<Vec<_>>();
    Some(NewPackage {
        name: record.name.clone(),
        version: record.version.clone(),
        architecture: record.architecture.clone(),
        section: record.section.rsplit('/').next().unwrap_or_default().to_owned(),
        priority: record.priority.clone(),
        essential: record.essential,
        manual: new.manual,
        replaces: new.replaces.clone(),
        depends: depends(manager, record).into_iter().map(names).collect(),
        provides: provides(manager, record).into_iter().map(|one| one.name).collect(),
        because: new.because.clone(),
        by_choice: new.by_choice,
        bytes: size::files(manager, record, ratios),
        wire: record.wire,
        stanza: size::stanza(manager, record),
    })
}
