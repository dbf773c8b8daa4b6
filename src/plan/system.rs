//! What becomes of each OS package above the base.

use super::choice::{Choice, Decided};
use super::closure::Decisions;
use super::{Dropped, SystemPackage, Why};
use crate::base::{PackageId, count};
use crate::facts::Facts;
use crate::image::Gap;
use crate::os::{OsInventory, Provider, relations};
use crate::rules::{Detect, GlobSet, Rule, Tier, actions};
use std::collections::{BTreeMap, BTreeSet};

/// The decisions, by position in the OS inventory.
#[derive(Default)]
pub(super) struct SystemDecisions {
    /// Above the base and kept, asked for or pulled in.
    pub kept: BTreeSet<PackageId>,
    /// Above the base and gone, with the rule.
    pub gone: BTreeMap<PackageId, String>,
    /// To install by name.
    pub install: Vec<SystemPackage>,
    /// For the report.
    pub dropped: Vec<Dropped>,
    /// Asked for in the original, and gone because they serve building; sorted.
    pub build: Vec<String>,
    /// Rules about packages that are not followed here, and why.
    pub held: BTreeMap<String, String>,
    /// For the user.
    pub notes: Vec<String>,
}

/// What the packages of the system are decided by.
pub(super) struct Question<'q, 'f> {
    pub facts: &'q Facts<'f>,
    /// The OS inventory of the base image alone.
    pub base: &'q OsInventory,
    pub rules: &'q [Rule],
    pub follows: &'q dyn Fn(&Rule, Tier) -> bool,
    pub distributions: &'q Decisions,
    /// The names of packages of the base that goes, where another image takes its place: nobody asks for them any more.
    pub left: &'q BTreeSet<String>,
    /// How many of the lowest layers were that base's.
    pub old_layers: Option<usize>,
    /// Packages that go with the base image, which is another one, by position; with the rule.
    pub gpu: &'q BTreeMap<PackageId, String>,
    /// Libraries that only what goes is linked with, by position; with the rule.
    pub idle: &'q BTreeMap<PackageId, String>,
    /// What of the image is not known.
    pub open: Open,
}

/// What of a virtual image is not known, in words.
#[derive(Default)]
pub(super) struct Open {
    /// What runs in its last stage: it may need a compiler, and headers of any library.
    pub build: Option<String>,
    /// That, or what was copied from another stage: it may load any library.
    pub libraries: Option<String>,
}

impl Open {
    pub(super) fn new(facts: &Facts<'_>) -> Self {
        let gaps = &facts.view.image().gaps;
        let title = |gap: &Gap| format!("{}: {}", gap.place, gap.command);
        let runs = gaps.iter().find(|gap| !gap.copied);
        Self {
            build: runs.map(|gap| format!("{} is not predicted, and may use them", title(gap))),
            libraries: gaps.first().map(|gap| format!("{} is not predicted, and may load them", title(gap))),
        }
    }
}

/// Decides.
pub(super) fn decide(question: &Question<'_, '_>) -> SystemDecisions {
    let (facts, os) = (question.facts, question.facts.os);
    let in_base: BTreeSet<&str> = question.base.packages.iter().map(|package| package.name.as_str()).collect();
    let is_above = |position: &PackageId| !in_base.contains(os.packages[*position].name.as_str());
    let all: BTreeSet<PackageId> = os.packages.ids().filter(is_above).collect();
    let above: BTreeSet<PackageId> =
        all.iter().copied().filter(|position| !question.gpu.contains_key(position)).collect();
    let mut out = SystemDecisions::default();
    let build = unwanted(os, &above, question);
    // Who needs whom is said of rpm's packages by what they provide, and nobody notes what belongs to the base: all stay.
    let of_rpm = || os.is_rpm.then(|| "packages of rpm stay as they are".to_owned());
    let unwanted = match &question.open.build.clone().or_else(of_rpm) {
        Some(open) => {
            out.held.extend(build.values().map(|rule| (rule.clone(), open.clone())));
            BTreeMap::new()
        }
        None => build.clone(),
    };
    let idle = match &question.open.libraries.clone().or_else(of_rpm) {
        Some(open) => {
            out.held.extend(question.idle.values().map(|rule| (rule.clone(), open.clone())));
            BTreeMap::new()
        }
        None => question.idle.clone(),
    };
    let mut roots: BTreeMap<PackageId, Why> = BTreeMap::new();
    let ours: BTreeSet<PackageId> =
        above.iter().copied().filter(|position| !question.left.contains(&os.packages[*position].name)).collect();
    for &position in &ours {
        let goes = unwanted.contains_key(&position) || idle.contains_key(&position);
        if os.packages[position].manual && !goes {
            roots.insert(position, Why::ByHand);
        }
    }
    for (position, why) in linked(question, &above) {
        roots.entry(position).or_insert(why);
    }
    for &position in ours.iter().filter(|_| os.is_rpm) {
        roots.entry(position).or_insert(Why::Kept);
    }
    if let Some(position) = interpreter(facts, question.distributions, &above) {
        roots.entry(position).or_insert(Why::Interpreter);
    }
    let stays = |position: &PackageId| !idle.contains_key(position);
    for (position, why) in left_behind(&ours, &unwanted, question).into_iter().filter(|(position, _)| stays(position)) {
        roots.entry(position).or_insert(why);
    }
    roots.keys().for_each(|&position| _ = close(os, &above, position, &mut out.kept));
    for (position, why) in recommended(os, &above, &roots, &build, question.open.build.is_some(), &mut out.kept) {
        roots.insert(position, why);
    }
    out.install = install(os, &above, &roots);
    if let Some(choice) = Choice::new(facts) {
        let (kept, install) = (&mut out.kept, &mut out.install);
        Decided { os, base: question.base, above: &above, roots: &roots, kept, install }.settle(&choice);
    }
    credit(os, &above, &mut out.install);
    for &position in all.difference(&out.kept) {
        let package = &os.packages[position];
        let (rule, why) = match unwanted.get(&position).or(question.gpu.get(&position)) {
            Some(rule) if question.gpu.contains_key(&position) => (rule.clone(), Why::GpuOnly),
            Some(rule) => (rule.clone(), Why::BuildOnly),
            None if idle.contains_key(&position) => (idle[&position].clone(), Why::LinkedByWhatGoes),
            None if question.left.contains(&package.name) => (actions::OTHER_BASE.to_owned(), Why::NothingNeeds),
            None => (actions::UNUSED_PACKAGES.to_owned(), Why::NothingNeeds),
        };
        if why.is_build_only() && package.manual {
            out.build.push(package.name.clone());
        }
        let (name, version) = (package.name.clone(), package.version.clone());
        out.dropped.push(Dropped { name, version, bytes: package.bytes, why, rule: rule.clone() });
        out.gone.insert(position, rule);
    }
    out.dropped.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    out.notes = notes(facts, &out);
    let asked: Vec<&str> = (all.difference(&out.kept).map(|&position| &os.packages[position]))
        .filter(|package| package.manual && question.left.contains(&package.name))
        .map(|package| package.name.as_str())
        .collect();
    if !asked.is_empty() {
        out.notes.push(format!(
            "the base that goes has {} that the new one has not and that nothing kept is linked with: {}; what calls or loads \
             one of them fails, and the smoke test does not tell",
            count(asked.len(), "OS package"),
            crate::base::Text::from(&asked.join(", "))
        ));
    }
    out
}

/// The package above the base that brings the interpreter of what stays: of Debian's `python3.11-minimal` the one that the
/// system calls `python3`, where it is that.
fn interpreter(facts: &Facts<'_>, decisions: &Decisions, above: &BTreeSet<PackageId>) -> Option<PackageId> {
    let dists = &facts.python.distributions;
    let environment = decisions.kept.first().map(|&id| &facts.python.environments[dists[id].environment])?;
    let (major, minor) = environment.python?;
    // Its own Python is no package's.
    if environment.interpreter.as_ref().is_some_and(|program| !facts.os.owners.contains_key(program)) {
        return None;
    }
    let owner = |path: &str| {
        let real = facts.view.resolve(path.as_bytes())?;
        facts.os.owners.get(&real[..]).or_else(|| facts.os.owners.get(path.as_bytes())).copied()
    };
    let exact = owner(&format!("usr/bin/python{major}.{minor}"))?;
    let generic = owner("usr/bin/python3").filter(|_| {
        let real = facts.view.resolve(b"usr/bin/python3");
        real.is_some_and(|real| real.ends_with(format!("python{major}.{minor}").as_bytes()))
    });
    let by_name = facts.os.find("python3").filter(|_| generic.is_some());
    [by_name, Some(exact)].into_iter().flatten().find(|position| above.contains(position))
}

fn notes(facts: &Facts<'_>, decided: &SystemDecisions) -> Vec<String> {
    let mut notes = Vec::new();
    if facts.libraries.unread > 0 {
        notes.push(format!(
            "{} could not be read, so that the libraries they need are not known: the smoke test tells",
            count(facts.libraries.unread, "shared object")
        ));
    }
    let unneeded = decided.dropped.iter().filter(|gone| gone.why == Why::NothingNeeds).count();
    if unneeded > 0 {
        notes.push(format!(
            "without {}: nothing that stays depends on them (build tools pulled them in, or they are recommended and of no \
             use to a service)",
            count(unneeded, "OS package")
        ));
    }
    notes
}

/// The packages to name: what another one in the list brings anyway is not named again, unless somebody asked for it.
fn install(os: &OsInventory, above: &BTreeSet<PackageId>, roots: &BTreeMap<PackageId, Why>) -> Vec<SystemPackage> {
    let by_hand = |why: &Why| *why == Why::ByHand;
    let mut brought = BTreeSet::new();
    roots.iter().filter(|(_, why)| by_hand(why)).for_each(|(&root, _)| _ = close(os, above, root, &mut brought));
    // Those that bring most come first, so that two that need each other are not both left out.
    let mut rest: Vec<(PackageId, BTreeSet<PackageId>)> = Vec::new();
    for (&root, _) in roots.iter().filter(|(_, why)| !by_hand(why)) {
        let mut own = BTreeSet::new();
        close(os, above, root, &mut own);
        rest.push((root, own));
    }
    // What is recommended comes last: it is not installed everywhere, and what is needed must not depend on it.
    let is_recommended = |root: &PackageId| matches!(roots[root], Why::RecommendedBy { .. });
    rest.sort_by_key(|(root, own)| (is_recommended(root), std::cmp::Reverse(own.len()), *root));
    let mut named: BTreeSet<PackageId> = roots.iter().filter(|(_, why)| by_hand(why)).map(|(&root, _)| root).collect();
    for (root, own) in rest {
        if !brought.contains(&root) {
            brought.extend(own);
            named.insert(root);
        }
    }
    let package = |&position: &PackageId| {
        let (name, why) = (os.packages[position].name.clone(), roots[&position].clone());
        SystemPackage { name, asked_for: by_hand(&why), why, bytes: 0 }
    };
    named.iter().map(package).collect()
}

/// What serves nobody in a container although it is recommended: documentation, and what surrounds a desktop, a
/// mailbox or a build. Everything else that a package recommends may be what makes it work: certificates beside
/// wget, fonts beside a converter, modules that are loaded by name.
const IDLE: [&str; 36] = [
    "*-doc",
    "*-docs",
    "*-examples",
    "manpages*",
    "info",
    "install-info",
    "man-db",
    "libjs-*",
    "javascript-common",
    "libc-devtools",
    "fakeroot",
    "libfakeroot",
    "libalgorithm-*-perl",
    "libfile-fcntllock-perl",
    "libarchive-cpio-perl",
    "libmail-sendmail-perl",
    "libltdl-dev",
    "xdg-user-dirs",
    "xdg-utils",
    "bash-completion",
    "krb5-locales",
    "default-mta",
    "exim4*",
    "postfix",
    "less",
    "libgpm2",
    "nano",
    "publicsuffix",
    "vim*",
    "systemd*",
    "libpam-systemd",
    "policykit-1",
    "polkitd",
    "packagekit*",
    "unattended-upgrades",
    "apt-listchanges",
];

/// Adds what packages that stay recommend and may work with, until nothing is added any more.
fn recommended(
    os: &OsInventory,
    above: &BTreeSet<PackageId>,
    roots: &BTreeMap<PackageId, Why>,
    build: &BTreeMap<PackageId, String>,
    compiles: bool,
    kept: &mut BTreeSet<PackageId>,
) -> Vec<(PackageId, Why)> {
    let idle = GlobSet::of(&IDLE);
    let is_idle = |position: &PackageId| {
        idle.matches(os.packages[*position].name.as_bytes()) || (build.contains_key(position) && !compiles)
    };
    let mut out: Vec<(PackageId, Why)> = Vec::new();
    // Each root with what it brings, and then with what that recommends.
    for &root in roots.keys() {
        let mut todo = vec![root];
        let mut seen = BTreeSet::new();
        while let Some(position) = todo.pop() {
            if !above.contains(&position) || !seen.insert(position) {
                continue;
            }
            let package = &os.packages[position];
            todo.extend(package.depends.iter().filter_map(|names| names.iter().find_map(|name| os.find(name))));
            for names in relations(&package.declared.recommends) {
                let Some(other) = names.iter().find_map(|name| os.find(name)) else { continue };
                if !above.contains(&other) || is_idle(&other) {
                    continue;
                }
                if !kept.contains(&other) {
                    close(os, above, other, kept);
                    let (by, root) = (package.name.clone(), os.packages[root].name.clone());
                    out.push((other, Why::RecommendedBy { by, root }));
                }
                todo.push(other);
            }
        }
    }
    out
}

/// Packages that an accepted rule names.
fn unwanted(os: &OsInventory, above: &BTreeSet<PackageId>, question: &Question<'_, '_>) -> BTreeMap<PackageId, String> {
    let mut out = BTreeMap::new();
    for rule in question.rules.iter().filter(|rule| (question.follows)(rule, rule.tier)) {
        let Detect::OsPackages { names, of_base: false, .. } = &rule.detect else { continue };
        for &position in above {
            let name = os.packages[position].name.as_bytes();
            if names.matches(name) {
                out.entry(position).or_insert_with(|| rule.id.clone());
            }
        }
    }
    out
}

/// Packages above the base that have a library which a file that stays is linked with, and the file that says so.
/// What is linked in a distribution that is replaced goes with it.
fn linked(question: &Question<'_, '_>, above: &BTreeSet<PackageId>) -> BTreeMap<PackageId, Why> {
    let (facts, distributions) = (question.facts, question.distributions);
    let mut out = BTreeMap::new();
    // What came with a base that goes, goes, but for its packages that something needs.
    let goes = |file: &[u8]| {
        let is_old = |layers: usize| facts.view.get(file).is_none_or(|node| (node.entry.0 as usize) < layers);
        question.old_layers.is_some_and(|layers| is_old(layers) || facts.os.owners.contains_key(file))
    };
    for need in &facts.libraries.needs {
        let Provider::Package(position) = need.provider else { continue };
        let stays = match facts.python.owner(need.file.as_bytes()) {
            Some(id) => {
                let unchanged = distributions.kept.contains(&id) && !distributions.swaps.contains_key(&id);
                unchanged || !distributions.subject.contains(&id)
            }
            None => !goes(need.file.as_bytes()),
        };
        if stays && above.contains(&position) {
            let library = need.library.to_string().trim_start_matches('/').to_owned();
            out.entry(position).or_insert_with(|| Why::Linked { library, file: need.file.to_string() });
        }
    }
    out
}

/// What wheels of manylinux may be linked with and do not bring (PEP 513, 571, 599, 600), as Debian, Ubuntu and Alpine
/// package it.
const WHEELS_EXPECT: [&str; 22] = [
    "libgl1",
    "libx11-6",
    "libxext6",
    "libxrender1",
    "libice6",
    "libsm6",
    "libglib2.0-0",
    "libglib2.0-0t64",
    "zlib1g",
    "libexpat1",
    "libstdc++6",
    "libgcc-s1",
    "libnsl2",
    "libx11",
    "libxext",
    "libxrender",
    "libice",
    "libsm",
    "glib",
    "mesa-gl",
    "zlib",
    "libexpat",
];

/// Runtime libraries that came in with what goes: those that the rule leaves, those that wheels expect where not all of
/// them were read, and the libraries that a dropped development package stands beside.
fn left_behind(
    above: &BTreeSet<PackageId>,
    unwanted: &BTreeMap<PackageId, String>,
    question: &Question<'_, '_>,
) -> Vec<(PackageId, Why)> {
    let os = question.facts.os;
    let mut out = Vec::new();
    let stay = |out: &mut Vec<(PackageId, Why)>, is_one: &dyn Fn(&str) -> bool| {
        let ours = above.iter().filter(|position| !unwanted.contains_key(position));
        out.extend(ours.filter(|&&position| is_one(&os.packages[position].name)).map(|&p| (p, Why::MayBeLoaded)));
    };
    for rule in question.rules.iter().filter(|rule| (question.follows)(rule, rule.tier)) {
        let Detect::OsPackages { leave, of_base: false, .. } = &rule.detect else { continue };
        stay(&mut out, &|name| leave.matches(name.as_bytes()));
    }
    if question.facts.libraries.unread > 0 {
        stay(&mut out, &|name| WHEELS_EXPECT.contains(&name));
    }
    // Development packages that came in with others (the compiler's own) leave nothing behind.
    let is_asked = |position: &&PackageId| {
        let package = &os.packages[**position];
        package.manual && is_development(&package.name) && !is_of_python(&package.name)
    };
    for &asked in unwanted.keys().filter(is_asked) {
        for library in libraries_of(os, asked) {
            if above.contains(&library) && !unwanted.contains_key(&library) {
                out.push((library, Why::RuntimeOf(os.packages[asked].name.clone())));
            }
        }
    }
    out
}

/// The libraries that a development package depends on, itself or through others of its kind: `libgl1-mesa-dev` depends
/// on `libgl-dev`, and that on `libgl1`.
fn libraries_of(os: &OsInventory, development: PackageId) -> BTreeSet<PackageId> {
    let (mut out, mut seen, mut todo) = (BTreeSet::new(), BTreeSet::new(), vec![development]);
    while let Some(position) = todo.pop() {
        if !seen.insert(position) {
            continue;
        }
        for needed in
            os.packages[position].depends.iter().filter_map(|names| names.iter().find_map(|name| os.find(name)))
        {
            let name = &os.packages[needed].name;
            if is_development(name) && !is_of_python(name) {
                todo.push(needed);
            } else if is_library(name) {
                out.insert(needed);
            }
        }
    }
    out
}

/// The headers of Python itself: what they are linked with Python's own packages depend on.
fn is_of_python(name: &str) -> bool {
    name.trim_start_matches("lib").starts_with("python")
}

/// Whether a package is a library by its name: its programs, scripts, data and documentation are other packages.
fn is_library(name: &str) -> bool {
    const NO_LIBRARY: [&str; 7] = ["-bin", "-tools", "-utils", "-doc", "-data", "-common", "-perl"];
    name.starts_with("lib") && !name.starts_with("libjs-") && !NO_LIBRARY.iter().any(|end| name.ends_with(end))
}

fn is_development(name: &str) -> bool {
    name.ends_with("-dev") || name.ends_with("-dev-compat")
}

/// Adds a package above the base and all it depends on. Returns the bytes of what was not there before.
fn close(os: &OsInventory, above: &BTreeSet<PackageId>, root: PackageId, kept: &mut BTreeSet<PackageId>) -> u64 {
    let mut bytes = 0u64;
    let mut todo = vec![root];
    while let Some(position) = todo.pop() {
        if !above.contains(&position) || !kept.insert(position) {
            continue;
        }
        bytes = bytes.saturating_add(os.packages[position].bytes);
        for alternatives in &os.packages[position].depends {
            todo.extend(alternatives.iter().find_map(|name| os.find(name)));
        }
    }
    bytes
}

/// Bytes of each package to install, with what it brings that none before it brought.
fn credit(os: &OsInventory, above: &BTreeSet<PackageId>, install: &mut [SystemPackage]) {
    install.sort_by(|a, b| a.name.cmp(&b.name));
    let mut first: BTreeMap<&str, PackageId> = BTreeMap::new();
    os.packages.pairs().for_each(|(position, package)| _ = first.entry(&package.name).or_insert(position));
    let mut kept = BTreeSet::new();
    for package in install {
        let position = first.get(package.name.as_str());
        package.bytes = position.map_or(0, |&position| close(os, above, position, &mut kept));
    }
}
