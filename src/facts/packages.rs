//! Who brought an OS package or a conda package in.

use super::Facts;
use crate::base::{CondaId, FastMap, Id, Numbered, Text};
use crate::fs::Owner;
use serde::Serialize;
use std::collections::{BTreeSet, VecDeque};

/// Names that are told of one list.
const MAX_NAMES: usize = 1_000;

/// Why a package is there that is no Python distribution. Texts are escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExplainedPackage {
    /// Name.
    pub name: Text,
    /// Version; of conda's with the build.
    pub version: Text,
    /// `os` or `conda`.
    pub kind: &'static str,
    /// The prefix of conda's environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Text>,
    /// Its bytes (`unpacked`, measured).
    pub bytes: u64,
    /// Whether it was asked for by hand.
    pub asked_for: bool,
    /// Name and version of each from one that was asked for to this one, the shortest way; none where none leads here.
    pub chain: Vec<Text>,
    /// Who requires it, by name and version.
    pub required_by: Vec<Text>,
    /// What it requires and is there.
    pub requires: Vec<Text>,
}

/// Packages, and whom each needs.
struct Packages<I> {
    titles: Numbered<I, Text>,
    asked: Numbered<I, bool>,
    next: Numbered<I, BTreeSet<I>>,
    before: Numbered<I, BTreeSet<I>>,
}

impl<I: Id> Packages<I> {
    fn new(titles: Numbered<I, Text>, asked: Numbered<I, bool>, next: Numbered<I, BTreeSet<I>>) -> Self {
        let mut before = next.beside(|_| BTreeSet::new());
        for (from, all) in next.pairs() {
            all.iter().for_each(|&to| _ = before[to].insert(from));
        }
        Self { titles, asked, next, before }
    }

    fn named(&self, all: &BTreeSet<I>) -> Vec<Text> {
        all.iter().take(MAX_NAMES).map(|&at| self.titles[at].clone()).collect()
    }

    /// What the graph tells of one.
    fn explained(&self, at: I) -> ExplainedPackage {
        ExplainedPackage {
            asked_for: self.asked[at],
            chain: self.chain(at),
            required_by: self.named(&self.before[at]),
            requires: self.named(&self.next[at]),
            ..ExplainedPackage::default()
        }
    }

    /// The shortest way from one that was asked for.
    fn chain(&self, to: I) -> Vec<Text> {
        let mut towards: FastMap<I, I> = FastMap::default();
        towards.insert(to, to);
        let mut todo = VecDeque::from([to]);
        while let Some(at) = todo.pop_front() {
            if self.asked[at] {
                let mut steps = vec![at];
                let mut step = at;
                while step != to {
                    step = towards[&step];
                    steps.push(step);
                }
                return steps.into_iter().map(|at| self.titles[at].clone()).collect();
            }
            for &from in &self.before[at] {
                if let std::collections::hash_map::Entry::Vacant(slot) = towards.entry(from) {
                    slot.insert(at);
                    todo.push_back(from);
                }
            }
        }
        Vec::new()
    }
}

/// Explains the OS packages and conda packages of a name.
pub fn why_package(facts: &Facts<'_>, name: &str) -> Vec<ExplainedPackage> {
    let (os, conda) = (facts.os, &facts.os.conda);
    let is_it = |other: &str| other.eq_ignore_ascii_case(name);
    let mut out = Vec::new();
    if os.packages.iter().any(|package| is_it(&package.name)) {
        let titles = os.packages.iter().map(|package| title(&package.name, &package.version)).collect();
        let needs = os.packages.pairs().map(|(at, package)| {
            let found = package.depends.iter().filter_map(|names| names.iter().find_map(|name| os.find(name)));
            found.filter(|other| *other != at).collect()
        });
        let graph = Packages::new(titles, os.packages.iter().map(|package| package.manual).collect(), needs.collect());
        for (at, package) in os.packages.pairs().filter(|(_, package)| is_it(&package.name)) {
            out.push(ExplainedPackage {
                name: Text::from(&package.name),
                version: Text::from(&package.version),
                kind: "os",
                bytes: package.bytes,
                ..graph.explained(at)
            });
        }
    }
    if conda.packages.iter().any(|package| is_it(&package.name)) {
        let version = |at: CondaId| {
            let package = &conda.packages[at];
            Text::from(format!("{} {}", package.version, package.build).trim_end())
        };
        let titles = conda.packages.ids().map(|at| title(&conda.packages[at].name, &version(at)));
        let mut next = conda.packages.beside(|_| BTreeSet::new());
        for (to, all) in conda.required_by().pairs() {
            all.iter().for_each(|from| _ = next[*from].insert(to));
        }
        let asked = conda.packages.iter().map(|package| package.requested).collect();
        let graph = Packages::new(titles.collect(), asked, next);
        for (at, package) in conda.packages.pairs().filter(|(_, package)| is_it(&package.name)) {
            out.push(ExplainedPackage {
                name: Text::from(&package.name),
                version: version(at),
                kind: "conda",
                environment: Some(package.prefix.to_string().into()),
                bytes: facts.summary.owners.get(&Owner::CondaPackage(at)).map_or(0, |(bytes, _)| *bytes),
                ..graph.explained(at)
            });
        }
    }
    out
}

fn title(name: &str, version: &str) -> Text {
    format!("{name} {version}").into()
}
