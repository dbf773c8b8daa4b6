//! What becomes of each OS package above the base.

use super::closure::Decisions;
use super::{Dropped, SystemPackage};
use crate::base::escape_str;
use crate::os::{OsInventory, Provider};
use crate::profile::{Detect, Rule, Tier};
use crate::rules::{Facts, matches};
use std::collections::{BTreeMap, BTreeSet};

/// The decisions, by position in the OS inventory.
#[derive(Default)]
pub(super) struct SystemDecisions {
    /// Above the base and kept, asked for or pulled in.
    pub kept: BTreeSet<usize>,
    /// Above the base and gone, with the rule.
    pub gone: BTreeMap<usize, String>,
    /// To install by name.
    pub install: Vec<SystemPackage>,
    /// For the report.
    pub dropped: Vec<Dropped>,
    /// Asked for in the original, and gone because they serve building; sorted.
    pub build: Vec<String>,
    /// For the user.
    pub notes: Vec<String>,
}

/// Decides. `base` is the OS inventory of the base image alone.
pub(super) fn decide(
    facts: &Facts<'_>,
    base: &OsInventory,
    rules: &[Rule],
    follows: &dyn Fn(&Rule, Tier) -> bool,
    distributions: &Decisions,
) -> SystemDecisions {
    let os = facts.os;
    let in_base: BTreeSet<&str> = base.packages.iter().map(|package| package.name.as_str()).collect();
    let above: BTreeSet<usize> =
        (0..os.packages.len()).filter(|&position| !in_base.contains(os.packages[position].name.as_str())).collect();
    let unwanted = unwanted(os, &above, rules, follows);
    let mut roots: BTreeMap<usize, String> = BTreeMap::new();
    for &position in &above {
        if os.packages[position].manual && !unwanted.contains_key(&position) {
            roots.insert(position, "asked for in the original".into());
        }
    }
    for (position, why) in linked(facts, &above, distributions) {
        roots.entry(position).or_insert(why);
    }
    for (position, why) in left_behind(os, &above, &unwanted, rules, follows) {
        roots.entry(position).or_insert(why);
    }
    let mut out = SystemDecisions::default();
    for (&position, why) in &roots {
        close(os, &above, position, &mut out.kept);
        let package = &os.packages[position];
        let asked_for = package.manual && !unwanted.contains_key(&position);
        out.install.push(SystemPackage { name: package.name.clone(), why: why.clone(), asked_for, bytes: 0 });
    }
    credit(os, &above, &mut out.install);
    let mut recommended = Vec::new();
    for &position in above.difference(&out.kept) {
        let package = &os.packages[position];
        let (rule, why) = match unwanted.get(&position) {
            Some(rule) => (rule.clone(), "serves building, not running".to_owned()),
            None => ("unused-packages".to_owned(), "nothing that stays depends on it".to_owned()),
        };
        if !unwanted.contains_key(&position) {
            recommended.push(package.name.as_str());
        } else if package.manual {
            out.build.push(package.name.clone());
        }
        out.dropped.push(Dropped {
            name: package.name.clone(),
            version: package.version.clone(),
            bytes: package.bytes,
            why,
        });
        out.gone.insert(position, rule);
    }
    out.dropped.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    if facts.libraries.unread > 0 {
        out.notes.push(format!(
            "of {} shared objects it is not known which libraries they need (they were not read, or are damaged): the smoke \
             test tells",
            facts.libraries.unread
        ));
    }
    if !recommended.is_empty() {
        out.notes.push(format!(
            "{} OS packages go because nothing that stays depends on them (recommended only, or pulled in by build tools)",
            recommended.len()
        ));
    }
    out
}

/// Packages that an accepted rule names.
fn unwanted(
    os: &OsInventory,
    above: &BTreeSet<usize>,
    rules: &[Rule],
    follows: &dyn Fn(&Rule, Tier) -> bool,
) -> BTreeMap<usize, String> {
    let mut out = BTreeMap::new();
    for rule in rules.iter().filter(|rule| follows(rule, rule.tier)) {
        let Detect::OsPackages { names, .. } = &rule.detect else { continue };
        for &position in above {
            let name = os.packages[position].name.as_bytes();
            if names.iter().any(|glob| matches(glob.as_bytes(), name)) {
                out.entry(position).or_insert_with(|| rule.id.clone());
            }
        }
    }
    out
}

/// Packages above the base that have a library which a file that stays is linked with, and the file that says so.
/// What is linked in a distribution that is replaced goes with it.
fn linked(facts: &Facts<'_>, above: &BTreeSet<usize>, distributions: &Decisions) -> BTreeMap<usize, String> {
    let mut out = BTreeMap::new();
    for need in &facts.libraries.needs {
        let Provider::Package(position) = need.provider else { continue };
        let stays = match facts.python.owner(need.file.as_bytes()) {
            Some(id) => {
                let unchanged = distributions.kept.contains(&id) && !distributions.swaps.contains_key(&id);
                unchanged || !distributions.subject.contains(&id)
            }
            None => true,
        };
        if stays && above.contains(&position) {
            let library = need.library.to_string();
            let why = format!("{} of {}", escape_str(library.trim_start_matches('/')), need.file);
            out.entry(position).or_insert_with(|| format!("has {why}"));
        }
    }
    out
}

/// Runtime libraries that came in with what goes: those that the rule leaves, and the libraries that a dropped
/// development package stands beside.
fn left_behind(
    os: &OsInventory,
    above: &BTreeSet<usize>,
    unwanted: &BTreeMap<usize, String>,
    rules: &[Rule],
    follows: &dyn Fn(&Rule, Tier) -> bool,
) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for rule in rules.iter().filter(|rule| follows(rule, rule.tier)) {
        let Detect::OsPackages { leave, .. } = &rule.detect else { continue };
        let stays = |position: &&usize| {
            leave.iter().any(|glob| matches(glob.as_bytes(), os.packages[**position].name.as_bytes()))
        };
        let why = "a runtime library that wheels may load";
        out.extend(
            above
                .iter()
                .filter(|position| !unwanted.contains_key(position))
                .filter(stays)
                .map(|&p| (p, why.to_owned())),
        );
    }
    for &position in unwanted.keys() {
        let package = &os.packages[position];
        // Development packages that came in with others (the compiler's own) leave nothing behind.
        if !package.manual || !is_development(&package.name) {
            continue;
        }
        let real = &os.packages[stood_for(os, position)];
        for needed in real.depends.iter().flatten().filter_map(|name| os.find(name)) {
            let name = &os.packages[needed].name;
            let library = name.starts_with("lib") && !name.starts_with("libjs-") && !unwanted.contains_key(&needed);
            if library && above.contains(&needed) {
                out.push((needed, format!("the runtime library of {}", package.name)));
            }
        }
    }
    out
}

fn is_development(name: &str) -> bool {
    name.ends_with("-dev") || name.ends_with("-dev-compat")
}

/// The development package that one without files of its own only stands for: of `default-libmysqlclient-dev`, which
/// depends on nothing but `libmariadb-dev-compat`, and that on nothing but `libmariadb-dev`, the last one.
fn stood_for(os: &OsInventory, package: usize) -> usize {
    let next = |&position: &usize| match os.packages[position].depends.as_slice() {
        [only] => only.iter().find_map(|name| os.find(name)).filter(|&other| is_development(&os.packages[other].name)),
        _ => None,
    };
    std::iter::successors(Some(package), next).take(4).last().unwrap_or(package)
}

/// Adds a package above the base and all it depends on.
fn close(os: &OsInventory, above: &BTreeSet<usize>, root: usize, kept: &mut BTreeSet<usize>) {
    let mut todo = vec![root];
    while let Some(position) = todo.pop() {
        if !above.contains(&position) || !kept.insert(position) {
            continue;
        }
        for alternatives in &os.packages[position].depends {
            todo.extend(alternatives.iter().find_map(|name| os.find(name)));
        }
    }
}

/// Bytes of each package to install, with what it brings that none before it brought.
fn credit(os: &OsInventory, above: &BTreeSet<usize>, install: &mut [SystemPackage]) {
    install.sort_by(|a, b| a.name.cmp(&b.name));
    let mut kept = BTreeSet::new();
    for package in install {
        let before = kept.clone();
        if let Some(position) = os.packages.iter().position(|other| other.name == package.name) {
            close(os, above, position, &mut kept);
        }
        package.bytes = kept.difference(&before).map(|&position| os.packages[position].bytes).sum();
    }
}
