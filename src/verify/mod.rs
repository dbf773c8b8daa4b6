//! Whether a rebuilt image kept what the original had: pure comparison of the facts of two images.
//!
//! A distribution *survives* when both images have one of its name. Of those it is asked that none lost a file that its
//! RECORD lists, a requirement that was met, a library that was there, or a module that could be found. What the original
//! lacked already is no loss. Distributions that are gone are listed: whether that was meant, a plan says, if there is
//! one ([`Promise`]); then its predicted sizes are compared with the measured ones too.

mod promise;

pub use promise::{Promise, PromiseError};

use crate::base::escape_str;
use crate::image::Config;
use crate::os::Provider;
use crate::python::{Distribution, Edge};
use crate::rules::Facts;
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
    /// The checks, in a fixed order.
    pub checks: Vec<Check>,
    /// Distributions that only the original has, by name.
    pub gone: Vec<String>,
    /// Distributions that only the rebuilt image has, by name.
    pub new: Vec<String>,
    /// Predicted and measured bytes of each distribution of the plan, the largest error first.
    pub sizes: Vec<SizeRow>,
}

/// One question, and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `files`, `requirements`, `libraries`, `modules`, `configuration`, `distributions` or `imports`.
    pub id: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// In one line.
    pub summary: String,
    /// What failed, one line each.
    pub losses: Vec<String>,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing was lost.
    Passed,
    /// Something was.
    Failed,
    /// It could not be asked; the summary says why.
    Skipped,
}

/// What was predicted of a distribution, and what was found. Bytes are unpacked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SizeRow {
    /// Name and version.
    pub title: String,
    /// Predicted or from the catalogue.
    pub predicted: u64,
    /// Measured; `None` when it is not there.
    pub measured: Option<u64>,
}

impl Check {
    /// A check that found these losses among `asked` things.
    pub fn of(id: &'static str, what: &str, asked: usize, mut losses: Vec<String>) -> Self {
        losses.sort();
        losses.dedup();
        let (outcome, summary) = match losses.len() {
            0 => (Outcome::Passed, format!("{asked} {what}, none lost")),
            lost => (Outcome::Failed, format!("{asked} {what}, {lost} lost")),
        };
        Self { id, outcome, summary, losses }
    }

    /// A check that could not be made.
    pub fn skipped(id: &'static str, why: impl Into<String>) -> Self {
        Self { id, outcome: Outcome::Skipped, summary: why.into(), losses: Vec::new() }
    }
}

impl Verification {
    /// Whether any check failed.
    pub fn failed(&self) -> bool {
        self.checks.iter().any(|check| check.outcome == Outcome::Failed)
    }
}

/// Compares two images.
pub fn verify(before: &Facts<'_>, after: &Facts<'_>, promise: Option<&Promise>) -> Verification {
    let pair = Pair::new(before, after);
    let mut checks = vec![
        pair.files(),
        pair.requirements(promise),
        pair.libraries(),
        pair.modules(),
        configuration(&before.view.image().config, &after.view.image().config),
    ];
    checks.extend(promise.map(|promise| pair.distributions(promise)));
    Verification {
        before: before.view.image().unpacked(),
        after: after.view.image().unpacked(),
        predicted: promise.map(|promise| promise.unpacked),
        checks,
        gone: pair.only(&pair.before_names, &pair.after_names),
        new: pair.only(&pair.after_names, &pair.before_names),
        sizes: promise.map(|promise| pair.sizes(promise)).unwrap_or_default(),
    }
}

struct Pair<'a> {
    before: &'a Facts<'a>,
    after: &'a Facts<'a>,
    before_names: BTreeMap<&'a str, &'a Distribution>,
    after_names: BTreeMap<&'a str, &'a Distribution>,
}

fn by_name<'a>(facts: &'a Facts<'_>) -> BTreeMap<&'a str, &'a Distribution> {
    // Of several environments the first that has it counts: the order of environments is that of the interpreter's path.
    facts.python.distributions.iter().rev().map(|dist| (dist.normalized.as_str(), dist)).collect()
}

fn title(dist: &Distribution) -> String {
    escape_str(&format!("{} {}", dist.name, dist.version))
}

impl<'a> Pair<'a> {
    fn new(before: &'a Facts<'a>, after: &'a Facts<'a>) -> Self {
        Self { before, after, before_names: by_name(before), after_names: by_name(after) }
    }

    fn survivors(&self) -> impl Iterator<Item = (&'a Distribution, &'a Distribution)> + '_ {
        self.after_names.iter().filter_map(|(name, after)| Some((*self.before_names.get(name)?, *after)))
    }

    fn only(&self, these: &BTreeMap<&str, &Distribution>, those: &BTreeMap<&str, &Distribution>) -> Vec<String> {
        these.iter().filter(|(name, _)| !those.contains_key(*name)).map(|(_, dist)| title(dist)).collect()
    }

    /// Every distribution of the rebuilt image is whole, or was not whole before.
    fn files(&self) -> Check {
        let broken =
            |dist: &Distribution| dist.missing.iter().map(|missing| missing.path.to_string()).collect::<Vec<_>>();
        let mut losses = Vec::new();
        for dist in self.after_names.values().filter(|dist| !dist.missing.is_empty()) {
            let known: BTreeSet<String> = self
                .before_names
                .get(dist.normalized.as_str())
                .map(|dist| broken(dist))
                .unwrap_or_default()
                .into_iter()
                .collect();
            let lost: Vec<String> = broken(dist).into_iter().filter(|path| !known.contains(path)).collect();
            if let Some(first) = lost.first() {
                losses.push(format!("{} lacks {} of its files: {first} and so on", title(dist), lost.len()));
            }
        }
        Check::of("files", "distributions are as their RECORDs say", self.after_names.len(), losses)
    }

    fn requirements(&self, promise: Option<&Promise>) -> Check {
        let key = |facts: &Facts<'_>, edge: &Edge| {
            (facts.python.distributions[edge.from].normalized.clone(), edge.name.clone())
        };
        let unmet = |edge: &&Edge| !edge.satisfied;
        let known: BTreeSet<_> =
            self.before.graph.edges.iter().filter(unmet).map(|edge| key(self.before, edge)).collect();
        let mut losses = Vec::new();
        for edge in self.after.graph.edges.iter().filter(unmet) {
            let key = key(self.after, edge);
            if known.contains(&key) || promise.is_some_and(|promise| promise.overridden.contains(&key)) {
                continue;
            }
            let from = title(&self.after.python.distributions[edge.from]);
            let found = edge.to.map_or("nothing".to_owned(), |to| title(&self.after.python.distributions[to]));
            losses.push(format!("{from} requires {}, found {found}", escape_str(&edge.requirement)));
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
    fn modules(&self) -> Check {
        let there: BTreeSet<&str> =
            self.after_names.values().flat_map(|dist| dist.modules.iter().map(String::as_str)).collect();
        let (mut asked, mut losses) = (0, Vec::new());
        for (before, _) in self.survivors() {
            asked += before.modules.len();
            let gone = before.modules.iter().filter(|module| !there.contains(module.as_str()));
            losses.extend(gone.map(|module| format!("{} had the module {}", title(before), escape_str(module))));
        }
        Check::of("modules", "modules", asked, losses)
    }

    /// What the plan pins is there in that version, and what it drops is not.
    fn distributions(&self, promise: &Promise) -> Check {
        let mut losses = Vec::new();
        for (name, pin) in &promise.pins {
            match self.after_names.get(name.as_str()) {
                None => losses.push(format!("{name} {} is not installed", pin.version)),
                Some(dist) if !same_version(&dist.version, &pin.version) => {
                    losses.push(format!("{name}: expected {}, found {}", pin.version, escape_str(&dist.version)));
                }
                Some(_) => {}
            }
        }
        let back = promise.dropped.iter().filter(|name| self.after_names.contains_key(name.as_str()));
        losses.extend(back.map(|name| format!("{name} is installed, although the plan drops it")));
        Check::of("distributions", "distributions of the plan", promise.pins.len(), losses)
    }

    fn sizes(&self, promise: &Promise) -> Vec<SizeRow> {
        let row = |(name, pin): (&String, &promise::PromisedPin)| {
            let dist = self.after_names.get(name.as_str());
            let measured = dist.map(|dist| dist.bytes);
            SizeRow { title: format!("{name} {}", pin.version), predicted: pin.bytes, measured }
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

/// How the container is started.
fn configuration(before: &Config, after: &Config) -> Check {
    let shown = |words: &Option<Vec<String>>| words.as_ref().map_or("nothing".to_owned(), |words| format!("{words:?}"));
    let rows = [
        ("user", before.user.clone(), after.user.clone()),
        ("working directory", before.working_dir.clone(), after.working_dir.clone()),
        ("entry point", shown(&before.entrypoint), shown(&after.entrypoint)),
        ("command", shown(&before.cmd), shown(&after.cmd)),
        ("ports", before.exposed_ports.join(" "), after.exposed_ports.join(" ")),
        ("volumes", before.volumes.join(" "), after.volumes.join(" ")),
        ("stop signal", before.stop_signal.clone().unwrap_or_default(), after.stop_signal.clone().unwrap_or_default()),
        ("platform", platform(before), platform(after)),
    ];
    let asked = rows.len();
    let changed = rows.into_iter().filter(|(_, before, after)| before != after);
    let losses = changed.map(|(what, before, after)| {
        escape_str(&format!("{what}: was {}, is {}", or_nothing(&before), or_nothing(&after)))
    });
    Check::of("configuration", "settings", asked, losses.collect())
}

fn platform(config: &Config) -> String {
    format!("{}/{}", config.os, config.architecture)
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}
