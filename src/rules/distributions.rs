//! Distributions that are broken, contested or not needed.

use super::context::Context;
use super::signs::{places, rows};
use super::{Evidence, Finding, Subject};
use super::{GlobSet, Rule};
use crate::base::{ByteSize, DistId, LayerIdx, Location, Text, count, names as join};
use crate::python::{Contest, Distribution, UsedAt, Uses};
use crate::source::{Kind, Sign};
use std::collections::{BTreeMap, BTreeSet};

/// Missing files or contested paths that are listed.
const PATHS_SHOWN: usize = 6;

/// One finding for each named distribution above the base image that nothing that stays requires.
pub(super) fn not_needed(context: &Context<'_>, rule: &Rule, names: &GlobSet) -> Vec<Finding> {
    let named: BTreeSet<DistId> = context
        .distributions()
        .filter(|(_, dist)| names.matches(dist.normalized.as_bytes()))
        .map(|(id, _)| id)
        .collect();
    if named.is_empty() {
        return Vec::new();
    }
    let stays = staying(context, &named);
    let goes = named.difference(&stays).filter(|&&id| context.distribution(id).layer >= context.base_layers);
    goes.map(|&id| not_needed_finding(context, rule, id, &named)).collect()
}

/// Where the application, or a distribution that is not named, imports it all the same, and no `try` is around.
fn importers<'a>(context: &Context<'a>, id: DistId, named: &BTreeSet<DistId>) -> Vec<UsedAt<'a>> {
    let modules = &context.distribution(id).modules;
    let uses: &'a Uses = context.facts.uses;
    let files = modules.iter().flat_map(|module| uses.importers(module));
    let foreign = files.filter(|file| file.owner.is_none_or(|owner| owner != id && !named.contains(&owner)));
    let foreign = foreign.filter(|file| context.may_import(file, id));
    let mut out: Vec<UsedAt<'a>> = Vec::new();
    for file in foreign {
        let is_import = |sign: &&Sign| sign.kind == Kind::Import && !sign.guarded;
        let of_it = |name: &str| modules.iter().any(|module| top(module) == top(name));
        out.extend(
            file.signs.iter().filter(is_import).find(|sign| of_it(&sign.name)).map(|sign| UsedAt { file, sign }),
        );
    }
    // The application's first.
    out.sort_by_key(|used| (!used.file.is_application, &used.file.location.path));
    out.dedup_by_key(|used| &used.file.location.path);
    out
}

fn top(module: &str) -> &str {
    module.split('.').next().unwrap_or_default()
}

/// What stays: all that is not named, and named ones that something that stays requires.
fn staying(context: &Context<'_>, named: &BTreeSet<DistId>) -> BTreeSet<DistId> {
    let mut stays = BTreeSet::new();
    let mut todo: Vec<DistId> = context.distributions().map(|(id, _)| id).filter(|id| !named.contains(id)).collect();
    while let Some(id) = todo.pop() {
        for edge in context.requires(id) {
            if let Some(to) = edge.to.filter(|to| named.contains(to) && stays.insert(*to)) {
                todo.push(to);
            }
        }
    }
    stays
}

fn not_needed_finding(context: &Context<'_>, rule: &Rule, id: DistId, named: &BTreeSet<DistId>) -> Finding {
    let dist = context.distribution(id);
    let requirers: Vec<_> = context.required_by(id).collect();
    let by = match requirers.as_slice() {
        [] => "no distribution requires it".to_owned(),
        _ => {
            let who: BTreeSet<String> = requirers.iter().map(|edge| context.title(edge.from)).collect();
            format!("only {} of the same kind requires it", join(&who.into_iter().collect::<Vec<_>>(), 3))
        }
    };
    let asked = if dist.requested { "; it was asked for by name" } else { "" };
    let imported = importers(context, id, named);
    let split = imported.partition_point(|used| used.file.is_application);
    let (by_application, by_others) = imported.split_at(split);
    let doubt =
        |used: &[UsedAt<'_>], who: &str| (!used.is_empty()).then(|| format!("{who} imports it: {}", places(used)));
    // Of a library one part may do without: its tests, its build, an old interface.
    let (doubt, remark) = (doubt(by_application, "the application"), doubt(by_others, "another distribution's source"));
    let but: String = doubt.iter().chain(&remark).map(|text| format!("; but {text}")).collect();
    let message = format!("{} is installed ({}), and {by}{asked}{but}", context.title(id), ByteSize(dist.bytes));
    let note = format!("installed by {}", context.layer(dist.layer));
    let row = Evidence { location: context.place(id), bytes: dist.bytes, note };
    let mut finding = Finding::new(rule, context.subject(id), message, dist.bytes).with_evidence(vec![row]);
    finding.distributions = vec![id];
    finding.led_by(rows(&imported)).doubted(doubt)
}

/// One finding for each distribution that cannot work as installed.
pub(super) fn broken(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let broken = context.distributions().filter(|(_, dist)| dist.is_broken());
    broken.map(|(id, dist)| broken_finding(context, rule, id, dist)).collect()
}

fn broken_finding(context: &Context<'_>, rule: &Rule, id: DistId, dist: &Distribution) -> Finding {
    let missing = dist.missing.len();
    let of = if dist.recorded > 0 { format!(" of {}", dist.recorded) } else { String::new() };
    let message = format!(
        "{} is broken: {missing}{of} files that its RECORD lists {} gone{}",
        context.title(id),
        if missing == 1 { "is" } else { "are" },
        removed_by(context, dist)
    );
    let mut rows: Vec<Evidence> =
        dist.missing.iter().take(PATHS_SHOWN).map(|file| missing_row(context, file)).collect();
    let left = missing.saturating_sub(rows.len());
    if left > 0 {
        rows.push(Evidence { location: None, bytes: 0, note: format!("and {left} more missing") });
    }
    let mut finding = Finding::new(rule, context.subject(id), message, dist.bytes).with_evidence(rows);
    finding.distributions = vec![id];
    finding
}

fn missing_row(context: &Context<'_>, file: &crate::python::MissingFile) -> Evidence {
    let (layer, note) = match file.removed {
        Some((had, by)) => (had, format!("in RECORD, removed by {}", context.layer(by))),
        None => {
            return Evidence { location: None, bytes: 0, note: format!("{} is in RECORD and in no layer", file.path) };
        }
    };
    Evidence { location: Some(Location { layer, path: file.path.clone() }), bytes: 0, note }
}

/// `, removed by layer 6 (pip uninstall -y x)`: the layer that took the most.
pub(super) fn removed_by(context: &Context<'_>, dist: &Distribution) -> String {
    let mut layers: BTreeMap<LayerIdx, usize> = BTreeMap::new();
    for (_, by) in dist.missing.iter().filter_map(|file| file.removed) {
        *layers.entry(by).or_default() += 1;
    }
    let most = layers.into_iter().max_by_key(|(layer, files)| (*files, std::cmp::Reverse(*layer)));
    most.map(|(layer, _)| format!(", removed by {}", context.layer(layer))).unwrap_or_default()
}

/// One finding for each set of distributions that claim the same paths with different contents, unless they
/// are members of one known family.
pub(super) fn contested(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut groups: BTreeMap<(usize, Vec<String>), Contested<'_>> = BTreeMap::new();
    for (id, dist) in context.distributions() {
        for contest in &dist.contested {
            let mut claimants: Vec<String> = contest.others.clone();
            claimants.push(dist.normalized.clone());
            claimants.sort();
            claimants.dedup();
            let group = groups.entry((dist.environment, claimants)).or_default();
            group.distributions.insert(id);
            group.paths.insert(contest.path.as_bytes(), contest);
        }
    }
    let known = |claimants: &[String]| {
        context.families.iter().any(|members| claimants.iter().all(|claimant| members.contains(claimant)))
    };
    let groups = groups.into_iter().filter(|((_, claimants), _)| !known(claimants));
    groups.map(|((place, claimants), group)| contested_finding(context, rule, place, &claimants, &group)).collect()
}

#[derive(Default)]
struct Contested<'a> {
    distributions: BTreeSet<DistId>,
    paths: BTreeMap<&'a [u8], &'a Contest>,
}

fn contested_finding(
    context: &Context<'_>,
    rule: &Rule,
    environment: usize,
    claimants: &[String],
    group: &Contested<'_>,
) -> Finding {
    let shown: Vec<Text> = claimants.iter().map(Text::from).collect();
    let rows: Vec<Evidence> = group.paths.values().map(|contest| contest_row(context, contest)).collect();
    let bytes = rows.iter().fold(0u64, |sum, row| sum.saturating_add(row.bytes));
    let message = format!(
        "{} claimed by {} with different contents: which one works depends on the order of installation{}",
        if group.paths.len() == 1 {
            "1 file is".to_owned()
        } else {
            format!("{} are", count(group.paths.len(), "file"))
        },
        join(&shown, 5),
        survivors(group),
    );
    let several = context.facts.python.environments.len() > 1;
    let environment = several.then(|| context.prefix(environment)).flatten();
    let subject = Subject::Set { names: claimants.to_vec(), environment };
    let mut finding = Finding::new(rule, subject, message, bytes).with_evidence(rows);
    finding.distributions = group.distributions.iter().copied().collect();
    finding
}

/// `; on disk are those of a (3) and b (1)`.
fn survivors(group: &Contested<'_>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for survivor in group.paths.values().filter_map(|contest| contest.survivor.as_deref()) {
        *counts.entry(survivor).or_default() += 1;
    }
    let shown: Vec<String> = counts.iter().map(|(name, files)| format!("{} ({files})", Text::from(*name))).collect();
    if shown.is_empty() { String::new() } else { format!("; on disk are those of {}", join(&shown, 5)) }
}

/// A contested path, and whose content is on disk.
pub(super) fn contest_row(context: &Context<'_>, contest: &Contest) -> Evidence {
    let view = context.facts.view;
    let node = view.get(contest.path.as_bytes());
    let note = match &contest.survivor {
        Some(name) => format!("claimed by several; the content on disk is that of {}", Text::from(name)),
        None => "claimed by several; whose content is on disk is not known".to_owned(),
    };
    let location = view.location(contest.path.as_bytes());
    Evidence { location, bytes: node.map_or(0, |node| view.size(node)), note }
}
