//! Whether a rebuilt image kept what the original had: pure comparison of the facts of two images.
//!
//! Every visible path of the original is looked for in the rebuilt image ([`Tree`]): what is gone or changed is a loss, unless
//! the plan accounts for it, another version came in its place, or every rebuild makes it anew.
//!
//! A distribution *survives* when both images have one of its name. Of those it is asked that none lost a file that its
//! RECORD lists, a requirement that was met, a library that was there, or a module that could be found. What the original
//! lacked already is no loss. Distributions that are gone are listed: whether that was meant, a plan says, if there is
//! one ([`Promise`]); then its predicted sizes are compared with the measured ones too.

mod check;
mod class;
mod configuration;
mod promise;
mod tree;

pub use check::{Check, Outcome};
pub use class::Class;
pub use promise::{Promise, PromiseError};
pub use tree::{Difference, Group, Kind, Tree, What};

use crate::base::{ByteSize, ImagePath, Text};
use crate::facts::{Facts, nobodys};
use crate::fs::Owner;
use crate::imports::Compared;
use crate::os::Provider;
use crate::python::{Distribution, Edge, SourceFile};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The result of one comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verification {
    /// Bytes of the original (`unpacked`, measured).
    pub before: u64,
    /// Bytes of the rebuilt image (`unpacked`, measured).
    pub after: u64,
    /// What the plan predicted (`unpacked`), if there is a plan.
    pub predicted: Option<u64>,
    /// Whether what goes is accounted for by the rebuilt image's own word, and by no plan.
    pub by_own_account: bool,
    /// The paths of the original, compared.
    pub tree: Tree,
    /// The checks, in a fixed order.
    pub checks: Vec<Check>,
    /// Distributions that only the original has, by name.
    pub gone: Vec<Text>,
    /// Distributions that only the rebuilt image has, by name.
    pub new: Vec<Text>,
    /// Predicted and measured bytes of each distribution of the plan, the largest error first.
    pub sizes: Vec<SizeRow>,
    /// What the modules that both can import cost in each: processor time and memory; null where they were not run.
    pub import_cost: Option<Compared>,
}

/// What was predicted of a distribution, and what was found. Bytes are unpacked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SizeRow {
    /// Name and version.
    pub title: Text,
    /// Predicted or from the catalogue.
    pub predicted: u64,
    /// Measured; `None` when it is not there.
    pub measured: Option<u64>,
}

impl Verification {
    /// Whether any check failed.
    pub fn failed(&self) -> bool {
        self.checks.iter().any(|check| check.outcome == Outcome::Failed)
    }

    /// Whether more failed than the prediction of the size.
    pub fn lost(&self) -> bool {
        self.checks.iter().any(|check| check.outcome == Outcome::Failed && check.id != SIZE)
    }
}

/// The name of the check of the predicted size.
const SIZE: &str = "size";

/// By how many per cent a measured image may differ from the predicted one, unless the user says otherwise.
pub const TOLERANCE: f64 = 2.0;

/// Compares two images. A prediction holds within `tolerance` per cent.
pub fn verify(before: &Facts<'_>, after: &Facts<'_>, promise: Option<&Promise>, tolerance: f64) -> Verification {
    let pair = Pair::new(before, after);
    let tree = tree::compare(before, after, promise);
    let kinds = [
        ("application", Kind::Application, nobodys(Owner::Application)),
        ("distribution-files", Kind::Distribution, "distributions"),
        ("conda-files", Kind::CondaPackage, "conda packages"),
        ("os-files", Kind::OsPackage, "OS packages"),
        ("base-files", Kind::Base, nobodys(Owner::Base)),
    ];
    let is_there = |kind: Kind| kind != Kind::CondaPackage || !before.os.conda.packages.is_empty();
    let kinds = kinds.iter().filter(|(_, kind, _)| is_there(*kind));
    let mut checks: Vec<Check> = kinds.map(|(id, kind, what)| kept(id, *kind, what, &tree)).collect();
    checks.extend([
        pair.files(promise),
        pair.requirements(promise),
        pair.libraries(),
        pair.modules(promise),
        configuration::configuration(&before.view.image().config, &after.view.image().config, promise),
    ]);
    checks.extend(promise.map(|promise| pair.distributions(promise)));
    let predicted = promise.and_then(|promise| promise.unpacked);
    checks.extend(predicted.map(|predicted| size(predicted, after.view.image().unpacked(), tolerance)));
    Verification {
        by_own_account: false,
        tree,
        before: before.view.image().unpacked(),
        after: after.view.image().unpacked(),
        predicted,
        checks,
        gone: pair.only(&pair.before_names, &pair.after_names),
        new: pair.only(&pair.after_names, &pair.before_names),
        sizes: promise.map(|promise| pair.sizes(promise)).unwrap_or_default(),
        import_cost: None,
    }
}

/// Whether what one kind of owner had is there.
fn kept(id: &'static str, kind: Kind, what: &str, tree: &Tree) -> Check {
    let of = |groups: &[Group]| groups.iter().filter(|group| group.kind == kind).cloned().collect::<Vec<_>>();
    let (lost, differing) = (of(&tree.lost), of(&tree.differing));
    let sum = |groups: &[Group]| {
        let count: usize = groups.iter().map(|group| group.differences.len()).sum();
        let bytes = groups.iter().fold(0u64, |sum, group| sum.saturating_add(group.bytes));
        format!("{} ({})", if count == 1 { "1 path".to_owned() } else { format!("{count} paths") }, ByteSize(bytes))
    };
    let (outcome, summary) = match (lost.is_empty(), differing.is_empty()) {
        (true, true) => (Outcome::Passed, format!("{what}: all there")),
        (true, false) => (Outcome::Differs, format!("{what}: {} differ, none is lost", sum(&differing))),
        (false, _) => (Outcome::Failed, format!("{what}: {} gone or changed", sum(&lost))),
    };
    let shown = lost.iter().chain(&differing);
    let lines = shown.flat_map(|group| if kind == Kind::Application { paths(group) } else { owner(group) });
    Check { id, outcome, summary: summary.into(), losses: lines.collect() }
}

/// A line for each path.
fn paths(group: &Group) -> Vec<Text> {
    let size = |bytes: u64| if bytes > 0 { format!(" ({})", ByteSize(bytes)) } else { String::new() };
    group.differences.iter().map(|one| format!("{}{} {}", one.path, size(one.bytes), one.what).into()).collect()
}

/// One line for an owner, with its largest paths.
fn owner(group: &Group) -> Vec<Text> {
    const LARGEST: usize = 3;
    let (count, bytes) = (group.differences.len(), ByteSize(group.bytes));
    let paths = if count == 1 { "1 path".to_owned() } else { format!("{count} paths") };
    let note = if group.note.is_empty() { String::new() } else { format!(" {}", group.note) };
    if group.is_gone {
        return vec![format!("{} is gone: {paths}, {bytes}", group.owner).into()];
    }
    let shown: Vec<String> =
        group.differences.iter().take(LARGEST).map(|one| format!("{} {}", one.path, one.what)).collect();
    let more = if count > LARGEST { format!(" and {} more", count - LARGEST) } else { String::new() };
    vec![format!("{}{note}: {paths}, {bytes}: {}{more}", group.owner, shown.join("; ")).into()]
}

/// Whether the prediction holds.
fn size(predicted: u64, measured: u64, tolerance: f64) -> Check {
    let error = (measured as f64 - predicted as f64) * 100.0 / predicted.max(1) as f64;
    let outcome = if error.abs() <= tolerance { Outcome::Passed } else { Outcome::Failed };
    let summary = format!("measured differs from predicted by {error:+.2} % (at most {tolerance} %)");
    Check { id: SIZE, outcome, summary: summary.into(), losses: Vec::new() }
}

struct Pair<'a> {
    before: &'a Facts<'a>,
    after: &'a Facts<'a>,
    before_names: BTreeMap<&'a str, &'a Distribution>,
    after_names: BTreeMap<&'a str, &'a Distribution>,
}

fn by_name<'a>(facts: &'a Facts<'_>) -> BTreeMap<&'a str, &'a Distribution> {
    // Of several environments that counts which an interpreter looks at first: another one that sees it comes before it.
    let environments = &facts.python.environments;
    let seen_by = |at: usize| environments.iter().filter(|other| other.sees.contains(&at)).count();
    let ranks: Vec<usize> = (0..environments.len()).map(seen_by).collect();
    let mut all: Vec<&Distribution> = facts.python.distributions.iter().collect();
    all.sort_by_key(|dist| std::cmp::Reverse((ranks.get(dist.environment).copied(), dist.environment)));
    all.into_iter().map(|dist| (dist.normalized.as_str(), dist)).collect()
}

fn title(dist: &Distribution) -> Text {
    format!("{} {}", dist.name, dist.version).into()
}

impl<'a> Pair<'a> {
    fn new(before: &'a Facts<'a>, after: &'a Facts<'a>) -> Self {
        Self { before, after, before_names: by_name(before), after_names: by_name(after) }
    }

    fn survivors(&self) -> impl Iterator<Item = (&'a Distribution, &'a Distribution)> + '_ {
        self.after_names.iter().filter_map(|(name, after)| Some((*self.before_names.get(name)?, *after)))
    }

    fn only(&self, these: &BTreeMap<&str, &Distribution>, those: &BTreeMap<&str, &Distribution>) -> Vec<Text> {
        these.iter().filter(|(name, _)| !those.contains_key(*name)).map(|(_, dist)| title(dist)).collect()
    }

    /// Every distribution of the rebuilt image is whole but for what was promised, or was not whole before.
    fn files(&self, promise: Option<&Promise>) -> Check {
        let broken = |dist: &Distribution| {
            let missing = dist.missing.iter().map(|missing| &missing.path);
            let lost = missing.filter(|path| !promise.is_some_and(|promise| promise.leaves_out(path)));
            lost.map(ImagePath::to_string).collect::<Vec<_>>()
        };
        let mut losses = Vec::new();
        let all = &self.after.python.distributions;
        for dist in all.iter().filter(|dist| !dist.missing.is_empty()) {
            let before = self.before.python.distributions.iter().filter(|before| before.normalized == dist.normalized);
            let known: BTreeSet<String> = before.flat_map(broken).collect();
            let lost: Vec<String> = broken(dist).into_iter().filter(|path| !known.contains(path)).collect();
            if let Some(first) = lost.first() {
                losses.push(format!("{} lacks {} of its files: {first} and so on", title(dist), lost.len()));
            }
        }
        Check::of("files", "distributions are as their RECORDs say", all.len(), losses)
    }

    fn requirements(&self, promise: Option<&Promise>) -> Check {
        let key = |facts: &Facts<'_>, edge: &Edge| {
            (facts.python.distributions[edge.from].normalized.clone(), edge.name.clone())
        };
        let unmet = |edge: &&Edge| !edge.satisfied;
        let known: BTreeSet<_> =
            self.before.graph.edges.iter().filter(unmet).map(|edge| key(self.before, edge)).collect();
        // What only the rebuilt image asks for (an extra) and the original had not either was not met there.
        let was_unmet = |(from, name): &(String, String), edge: &Edge| {
            let same = self
                .before_names
                .get(from.as_str())
                .is_some_and(|dist| dist.version == self.after.python.distributions[edge.from].version);
            same && !self.before_names.contains_key(name.as_str())
        };
        let mut losses = Vec::new();
        for edge in self.after.graph.edges.iter().filter(unmet) {
            let key = key(self.after, edge);
            if known.contains(&key)
                || was_unmet(&key, edge)
                || promise.is_some_and(|promise| promise.overridden.contains(&key))
            {
                continue;
            }
            let from = title(&self.after.python.distributions[edge.from]);
            let found = edge.to.map_or("nothing".to_owned(), |to| title(&self.after.python.distributions[to]).into());
            losses.push(format!("{from} requires {}, found {found}", Text::from(&edge.requirement)));
        }
        Check::of("requirements", "requirements", self.after.graph.edges.len(), losses)
    }

    fn libraries(&self) -> Check {
        let missing = |facts: &Facts<'_>| -> BTreeSet<(String, String)> {
            let needs = facts.libraries.needs.iter().filter(|need| need.provider == Provider::Nobody);
            needs.map(|need| (need.file.to_string(), need.library.to_string())).collect()
        };
        let known = missing(self.before);
        let lost = missing(self.after).into_iter().filter(|need| !known.contains(need));
        let losses = lost.map(|(file, library)| format!("{file} needs {}", library.trim_start_matches('/'))).collect();
        Check::of("libraries", "needs of shared objects", self.after.libraries.needs.len(), losses)
    }

    /// Modules of the distributions that survive, found in any distribution of the rebuilt image.
    fn modules(&self, promise: Option<&Promise>) -> Check {
        let there: BTreeSet<&str> =
            self.after_names.values().flat_map(|dist| dist.modules.iter().map(String::as_str)).collect();
        let (mut asked, mut losses, mut of_builds) = (0, Vec::new(), Vec::new());
        for (before, _) in self.survivors() {
            asked += before.modules.len();
            let is_rebuilt = promise.is_some_and(|promise| promise.rebuilt.contains(&before.normalized));
            for module in before.modules.iter().filter(|module| !there.contains(module.as_str())) {
                let line = format!("{} had the module {}", title(before), Text::from(module));
                // Only its own build imports it.
                match is_rebuilt && !self.is_imported_beside(before, module) {
                    true => {
                        of_builds.push(Text::from(line + ", which the other build has not and nothing else imports"))
                    }
                    false => losses.push(Text::from(line)),
                }
            }
        }
        let mut check = Check::of("modules", "modules", asked, losses);
        if check.outcome == Outcome::Passed && !of_builds.is_empty() {
            check.outcome = Outcome::Differs;
            check.summary = format!("{asked} modules, {} of another build, none lost", of_builds.len()).into();
        }
        check.losses.extend(of_builds);
        check
    }

    /// Whether a file that belongs to another distribution, or to none, imports or names a module.
    fn is_imported_beside(&self, dist: &Distribution, module: &str) -> bool {
        let (uses, dists) = (self.before.uses, &self.before.python.distributions);
        let is_beside = |file: &SourceFile| file.owner.is_none_or(|id| dists[id].normalized != dist.normalized);
        let is_read = self.before.view.image().layers.iter().all(|layer| layer.sources);
        !is_read || uses.importers(module).any(is_beside) || uses.is_named(module)
    }

    /// What the plan pins is there in that version, and what it drops is not.
    fn distributions(&self, promise: &Promise) -> Check {
        let mut losses = Vec::new();
        for (name, pin) in &promise.pins {
            match self.after_of(name, pin) {
                None => losses.push(format!("{name} {} is not installed", pin.version)),
                Some(dist) if !same_version(&dist.version, &pin.version) => {
                    losses.push(format!("{name}: expected {}, found {}", pin.version, Text::from(&dist.version)));
                }
                Some(_) => {}
            }
        }
        let back = promise.dropped.iter().filter(|name| self.after_names.contains_key(name.as_str()));
        losses.extend(back.map(|name| format!("{name} is installed, although the plan drops it")));
        Check::of("distributions", "distributions of the plan", promise.pins.len(), losses)
    }

    /// The distribution of a pin in the rebuilt image: that of the expected version, where several environments have one.
    fn after_of(&self, name: &str, pin: &promise::PromisedPin) -> Option<&'a Distribution> {
        let all = self.after.python.distributions.iter().filter(|dist| dist.normalized == name);
        all.into_iter()
            .find(|dist| same_version(&dist.version, &pin.version))
            .or_else(|| self.after_names.get(name).copied())
    }

    fn sizes(&self, promise: &Promise) -> Vec<SizeRow> {
        let row = |(name, pin): (&String, &promise::PromisedPin)| {
            let dist = self.after_of(name, pin);
            let measured = dist.map(|dist| dist.bytes);
            SizeRow { title: format!("{name} {}", pin.version).into(), predicted: pin.bytes, measured }
        };
        let mut rows: Vec<SizeRow> = promise.pins.iter().map(row).collect();
        let error = |row: &SizeRow| row.measured.unwrap_or(0).abs_diff(row.predicted);
        rows.sort_by(|a, b| error(b).cmp(&error(a)).then_with(|| a.title.cmp(&b.title)));
        rows
    }
}

/// `2.1.1+cpu` is the 2.1.1 that a plan asks a CPU index for.
fn same_version(found: &str, expected: &str) -> bool {
    found == expected || (!expected.contains('+') && found.split('+').next() == Some(expected))
}
