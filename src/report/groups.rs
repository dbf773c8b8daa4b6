//! Where the bytes are: each byte of each layer in exactly one group.
//!
//! The order of the questions decides: bytes that no container sees; then the base image's, whoever owns
//! them, because nobody takes them out; then the libraries that came with GPU builds; then by owner.

use super::audit::Group;
use crate::base::{DistId, Numbered, Text};
use crate::facts::{Facts, LayerSummary, Part, nobodys};
use crate::fs::Owner;
use crate::rules::Finding;
use crate::rules::{Detect, GlobSet, Rule};
use std::collections::{BTreeMap, BTreeSet};

/// At most so many groups are told apart.
const GROUPS: usize = 9;

/// Bytes by what they are, before they get words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Hidden,
    BaseImage,
    Gpu,
    Distribution(DistId),
    OsPackages,
    CondaPackages,
    Interpreters,
    PackageManager,
    Application,
}

/// The groups, largest first.
pub(super) fn groups(
    facts: &Facts<'_>,
    findings: &[Finding],
    rules: &[Rule],
    names: &Numbered<DistId, Vec<Text>>,
) -> Vec<Group> {
    let gpu = gpu_libraries(facts, findings, rules);
    let base = facts.summary.base_layers;
    let mut sums: BTreeMap<Kind, u64> = BTreeMap::new();
    for (part, bytes) in &facts.summary.parts {
        let sum = sums.entry(kind(*part, &gpu)).or_default();
        *sum = sum.saturating_add(*bytes);
    }
    let (distributions, others): (Vec<_>, Vec<_>) =
        sums.into_iter().partition(|(kind, _)| matches!(kind, Kind::Distribution(_)));
    let mut out: Vec<Group> =
        others.into_iter().map(|(kind, bytes)| fixed_group(facts, kind, bytes, &gpu, base)).collect();
    let room = GROUPS.saturating_sub(out.len() + 1).clamp(2, 5);
    out.extend(distribution_groups(facts, distributions, room, &gpu_builds(facts, findings, rules), names));
    out.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.label.cmp(&b.label)));
    out
}

fn kind(part: Part, gpu: &BTreeSet<DistId>) -> Kind {
    match part {
        Part::Hidden(_) => Kind::Hidden,
        Part::Base(_) | Part::Own(Owner::Base) => Kind::BaseImage,
        Part::Own(Owner::Distribution(id)) if gpu.contains(&id) => Kind::Gpu,
        Part::Own(Owner::Distribution(id)) => Kind::Distribution(id),
        Part::Own(Owner::OsPackage(_)) => Kind::OsPackages,
        Part::Own(Owner::CondaPackage(_)) => Kind::CondaPackages,
        Part::Own(Owner::Interpreter(_)) => Kind::Interpreters,
        Part::Own(Owner::PackageManager) => Kind::PackageManager,
        Part::Own(Owner::Application) => Kind::Application,
    }
}

fn fixed_group(facts: &Facts<'_>, kind: Kind, bytes: u64, gpu: &BTreeSet<DistId>, base: usize) -> Group {
    let (id, label, note) = match kind {
        Kind::Hidden => ("hidden", "hidden in lower layers".to_owned(), hidden_note(facts)),
        Kind::BaseImage => ("base-image", base_label(base), release(facts)),
        Kind::Gpu => ("gpu-libraries", format!("GPU libraries ({})", gpu.len()), gpu_note(facts, gpu)),
        Kind::OsPackages => ("os-packages", os_label(base).to_owned(), os_note(facts)),
        Kind::CondaPackages => ("conda-packages", conda_label(facts), conda_note(facts)),
        Kind::Interpreters => ("interpreters", interpreter_label(facts), interpreter_note(facts)),
        Kind::PackageManager => ("package-manager", nobodys(Owner::PackageManager).to_owned(), String::new()),
        _ => ("application", nobodys(Owner::Application).to_owned(), "owned by no package".to_owned()),
    };
    Group { id, label: label.into(), bytes, note: note.into() }
}

fn base_label(base: usize) -> String {
    match base {
        0 => nobodys(Owner::Base).to_owned(),
        1 => "base image (layer 1)".to_owned(),
        _ => format!("base image (layers 1–{base})"),
    }
}

fn os_label(base: usize) -> &'static str {
    if base > 0 { "OS packages above base" } else { "OS packages" }
}

fn release(facts: &Facts<'_>) -> String {
    let name = facts.os.release.get("PRETTY_NAME").map(Text::from).unwrap_or_default();
    // The code name says nothing that the number does not.
    name.split(" (").next().unwrap_or_default().to_owned()
}

/// What became of the hidden bytes, most of them first.
fn hidden_note(facts: &Facts<'_>) -> String {
    let sum = |of: fn(&LayerSummary) -> u64| facts.summary.layers.iter().map(of).fold(0, u64::saturating_add);
    let mut sums = [
        ("deleted", sum(|layer| layer.deleted)),
        ("rewritten", sum(|layer| layer.rewritten)),
        ("replaced", sum(|layer| layer.replaced)),
        ("shadowed", sum(|layer| layer.shadowed)),
    ];
    sums.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let names: Vec<&str> = sums.iter().filter(|(_, bytes)| *bytes > 0).map(|(name, _)| *name).collect();
    names.join(", ")
}

/// Who required the GPU libraries from outside their own circle.
fn gpu_note(facts: &Facts<'_>, gpu: &BTreeSet<DistId>) -> String {
    let inside = |id: DistId| gpu.contains(&id);
    let edges = facts.graph.edges.iter().filter(|edge| edge.to.is_some_and(inside) && !inside(edge.from));
    let names: BTreeSet<&str> =
        edges.filter_map(|edge| facts.python.distributions.get(edge.from)).map(|dist| dist.name.as_str()).collect();
    let what = families(facts, gpu);
    if names.is_empty() { what } else { format!("{what}, for {}", some(names.into_iter(), 3)) }
}

/// `nvidia-*, triton`: distributions whose names start alike are named together.
fn families(facts: &Facts<'_>, gpu: &BTreeSet<DistId>) -> String {
    let names: Vec<&str> =
        gpu.iter().filter_map(|id| facts.python.distributions.get(*id)).map(|d| d.normalized.as_str()).collect();
    let start = |name: &str| name.split('-').next().unwrap_or_default().to_owned();
    let family = |name: &&str| {
        let alike = names.iter().filter(|other| start(other) == start(name)).count();
        if alike > 1 { format!("{}-*", start(name)) } else { (*name).to_owned() }
    };
    let families: BTreeSet<String> = names.iter().map(family).collect();
    some(families.iter().map(String::as_str), 3)
}

fn os_note(facts: &Facts<'_>) -> String {
    let largest = facts.summary.largest(Owner::os_package);
    some(largest.iter().filter_map(|(id, _)| facts.os.packages.get(*id)).map(|package| package.name.as_str()), 2)
}

fn conda_label(facts: &Facts<'_>) -> String {
    format!("conda packages ({})", facts.summary.largest(Owner::conda_package).len())
}

fn conda_note(facts: &Facts<'_>) -> String {
    let largest = facts.summary.largest(Owner::conda_package).into_iter();
    let titles: Vec<String> = largest.filter_map(|(id, _)| facts.title(Owner::CondaPackage(id))).collect();
    some(titles.iter().map(String::as_str), 2)
}

fn interpreter_label(facts: &Facts<'_>) -> String {
    let largest = facts.summary.largest(Owner::interpreter);
    let titles: Vec<String> = largest.iter().filter_map(|(id, _)| facts.title(Owner::Interpreter(*id))).collect();
    format!("{} itself", some(titles.iter().map(String::as_str), 2))
}

/// The largest parts of the largest one.
fn interpreter_note(facts: &Facts<'_>) -> String {
    let largest = facts.summary.largest(Owner::interpreter);
    let first = largest.first().and_then(|(id, _)| facts.python.interpreters.list.get(*id));
    let mut parts: Vec<(&str, u64)> =
        first.iter().flat_map(|it| &it.parts).map(|(part, &bytes)| (part.as_str(), bytes)).collect();
    parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    some(parts.into_iter().map(|(name, _)| name), 2)
}

/// The first names, and how many more there are.
pub(super) fn some<'n>(names: impl Iterator<Item = &'n str>, limit: usize) -> String {
    let names: Vec<&str> = names.collect();
    let shown = names.iter().take(limit).copied().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(limit);
    Text::from(&if more > 0 { format!("{shown} +{more}") } else { shown }).into()
}

fn distribution_groups(
    facts: &Facts<'_>,
    mut sums: Vec<(Kind, u64)>,
    room: usize,
    gpu_builds: &BTreeSet<DistId>,
    required_by: &Numbered<DistId, Vec<Text>>,
) -> Vec<Group> {
    sums.sort_by_key(|(kind, bytes)| (std::cmp::Reverse(*bytes), *kind));
    let total = facts.summary.total();
    // One alone needs no "others"; a crumb needs no line of its own.
    let large = sums.iter().take_while(|(_, bytes)| bytes.saturating_mul(100) >= total).count();
    let shown = if sums.len() == large.min(room) + 1 { sums.len() } else { large.min(room) };
    let rest = sums.split_off(shown);
    let mut out: Vec<Group> = sums
        .into_iter()
        .filter_map(|(kind, bytes)| match kind {
            Kind::Distribution(id) => Some(one_distribution(facts, id, bytes, gpu_builds, required_by)),
            _ => None,
        })
        .collect();
    if !rest.is_empty() {
        let other = if out.is_empty() { "" } else { "other " };
        let bytes = rest.iter().fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
        let label = format!("{} {other}distributions", rest.len());
        out.push(Group { id: "distributions", label: label.into(), bytes, note: String::new().into() });
    }
    out
}

fn one_distribution(
    facts: &Facts<'_>,
    id: DistId,
    bytes: u64,
    gpu_builds: &BTreeSet<DistId>,
    required_by: &Numbered<DistId, Vec<Text>>,
) -> Group {
    let dist = &facts.python.distributions[id];
    let who = match &required_by[id][..] {
        [] => "asked for".to_owned(),
        names if dist.requested => format!("asked for, {} too", some(names.iter().map(Text::as_str), 1)),
        names => format!("for {}", some(names.iter().map(Text::as_str), 2)),
    };
    let note = if gpu_builds.contains(&id) { format!("GPU, {who}") } else { who };
    Group {
        id: "distribution",
        label: Text::from(&format!("{} {}", dist.name, dist.version)),
        bytes,
        note: note.into(),
    }
}

/// The rules that found a GPU build, with the findings.
fn gpu_rules<'r>(findings: &[Finding], rules: &'r [Rule]) -> Vec<(&'r str, &'r GlobSet)> {
    let fired: BTreeSet<&str> = findings.iter().map(|finding| finding.rule.as_str()).collect();
    let of_gpu = rules.iter().filter(|rule| fired.contains(rule.id.as_str())).filter_map(|rule| match &rule.detect {
        Detect::GpuBuild { distribution, replace, .. } => Some((distribution.as_str(), &replace.company)),
        _ => None,
    });
    of_gpu.collect()
}

fn gpu_libraries(facts: &Facts<'_>, findings: &[Finding], rules: &[Rule]) -> BTreeSet<DistId> {
    let rules = gpu_rules(findings, rules);
    let belongs = |name: &str| {
        rules.iter().any(|(_, company)| company.matches(name.as_bytes()))
            && !rules.iter().any(|(build, _)| *build == name)
    };
    let all = facts.python.distributions.pairs();
    all.filter(|(_, dist)| belongs(&dist.normalized)).map(|(id, _)| id).collect()
}

fn gpu_builds(facts: &Facts<'_>, findings: &[Finding], rules: &[Rule]) -> BTreeSet<DistId> {
    let rules = gpu_rules(findings, rules);
    let all = facts.python.distributions.pairs();
    all.filter(|(_, dist)| rules.iter().any(|(build, _)| *build == dist.normalized)).map(|(id, _)| id).collect()
}
