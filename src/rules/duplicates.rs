//! Families of distributions that install the same packages over each other.
//!
//! A member that a later layer uninstalled counts: its bytes are still in the image, and its uninstallation took
//! files that the others share.

use super::context::{Context, title};
use super::distributions::{contest_row, removed_by};
use super::signs::{in_order, kept_member, needed, places, rows};
use super::{Evidence, Finding, Subject};
use super::{Rule, Signs};
use crate::base::{ByteSize, DistId, LayerIdx, Location, Text, count, names as join};
use crate::python::{Distribution, RemovedDistribution};
use std::collections::{BTreeMap, BTreeSet};

/// Shared paths that are listed.
const PATHS_SHOWN: usize = 5;

/// One finding for each environment with two members or more.
pub(super) fn family(
    context: &Context<'_>,
    rule: &Rule,
    members: &[String],
    keep: &[String],
    needs: &BTreeMap<String, Vec<String>>,
) -> Vec<Finding> {
    let needed = needed(context.facts.uses.in_application(), needs);
    let stays = kept_member(keep, needs, &needed).map(|(name, _)| name.as_str());
    let served = kept_member(keep, needs, &needed).is_some_and(|(_, serves)| serves);
    let uses = in_order(needed.into_values().flatten());
    let doubt = (!served).then(|| format!("no member has all that the application uses: {}", places(&uses)));
    let mut environments: BTreeMap<usize, Vec<DistId>> = BTreeMap::new();
    for (id, dist) in context.distributions().filter(|(_, dist)| members.contains(&dist.normalized)) {
        if has_files(dist) {
            environments.entry(dist.environment).or_default().push(id);
        }
    }
    let several = environments.len() > 1;
    let families = environments.into_iter().filter_map(|(environment, present)| {
        let removed = removed_members(context, members, &present);
        let family = Family { present, removed };
        (family.size() > 1).then(|| {
            let mut finding = family.finding(context, rule, keep, several.then_some(environment));
            let goes = |id: &&DistId| stays.is_some_and(|name| context.distribution(**id).normalized != name);
            finding.goes = family.present.iter().filter(goes).copied().collect();
            let asks = family.asks_for_gpu(context, keep);
            finding.led_by(rows(&uses)).doubted(doubt.clone()).doubted(asks)
        })
    });
    families.collect()
}

/// Metadata without files is a mere name (conda packages that stand for others ship such).
fn has_files(dist: &Distribution) -> bool {
    dist.recorded > 0 || !dist.files.is_empty() || dist.bytes > 0
}

/// Members that a later layer uninstalled, and that are not there in another version.
fn removed_members<'a>(context: &Context<'a>, members: &[String], present: &[DistId]) -> Vec<&'a RemovedDistribution> {
    let there = |name: &str| present.iter().any(|&id| context.distribution(id).normalized == name);
    let mut removed: Vec<&RemovedDistribution> = context
        .facts
        .python
        .removed
        .iter()
        .filter(|gone| members.contains(&gone.normalized) && !there(&gone.normalized))
        .collect();
    removed.sort_by_key(|gone| (&gone.normalized, gone.layer));
    removed.dedup_by_key(|gone| &gone.normalized);
    removed
}

struct Family<'a> {
    present: Vec<DistId>,
    removed: Vec<&'a RemovedDistribution>,
}

impl Family<'_> {
    fn size(&self) -> usize {
        let names: BTreeSet<&str> = self.removed.iter().map(|gone| gone.normalized.as_str()).collect();
        self.present.len() + names.len()
    }

    fn finding(&self, context: &Context<'_>, rule: &Rule, keep: &[String], environment: Option<usize>) -> Finding {
        let kept = self.kept(context, keep);
        let superfluous = self.present.iter().filter(|id| Some(**id) != kept);
        let bytes = superfluous.map(|&id| context.distribution(id).bytes);
        let bytes = bytes.chain(self.removed.iter().map(|gone| gone.bytes)).fold(0, u64::saturating_add);
        let environment = environment.and_then(|environment| context.prefix(environment));
        let subject = Subject::Set { names: self.names(context), environment };
        let message = self.message(context, bytes);
        let mut finding = Finding::new(rule, subject, message, bytes).with_evidence(self.rows(context, kept));
        finding.distributions = self.present.clone();
        finding
    }

    /// The best member that is there.
    fn kept(&self, context: &Context<'_>, keep: &[String]) -> Option<DistId> {
        let of = |name: &String| self.present.iter().copied().find(|&id| context.distribution(id).normalized == *name);
        keep.iter().find_map(of)
    }

    /// What in the application speaks for a member with a GPU build that is not kept.
    fn asks_for_gpu(&self, context: &Context<'_>, keep: &[String]) -> Option<String> {
        let first = keep.first()?;
        let gone = self.present.iter().map(|&id| context.distribution(id).normalized.as_str());
        let gone: Vec<&str> = gone.filter(|name| name != first).collect();
        let signs = context.gpu.iter().filter(|(name, _)| gone.contains(name));
        let signs: Vec<&Signs> = signs.map(|(_, signs)| *signs).collect();
        let uses = context.facts.uses.in_application();
        let uses = in_order(uses.filter(|used| signs.iter().any(|signs| signs.has(used))));
        (!uses.is_empty()).then(|| format!("the application asks for a GPU: {}", places(&uses)))
    }

    /// Normalized, sorted: those that are there and those that were.
    fn names(&self, context: &Context<'_>) -> Vec<String> {
        let present = self.present.iter().map(|&id| context.distribution(id).normalized.as_str());
        let names: BTreeSet<&str> = present.chain(self.removed.iter().map(|gone| gone.normalized.as_str())).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    fn message(&self, context: &Context<'_>, bytes: u64) -> String {
        let present = self.present.iter().map(|&id| context.title(id));
        let titles: Vec<String> = present.chain(self.removed.iter().map(|gone| gone_title(gone))).collect();
        let mut message = format!("{} install over each other, {} too many", join(&titles, 8), ByteSize(bytes));
        let shared = self.shared(context).len();
        if shared > 0 {
            let verb = if shared == 1 { "collides" } else { "collide" };
            message.push_str(&format!("; {} {verb}", count(shared, "path")));
        }
        message.push_str(&self.uninstalled(context));
        message.push_str(&self.broken(context));
        message
    }

    /// `; opencv-python and opencv-contrib-python were uninstalled in layer 6 (…), which freed nothing`.
    fn uninstalled(&self, context: &Context<'_>) -> String {
        let mut layers: BTreeMap<LayerIdx, Vec<String>> = BTreeMap::new();
        for gone in &self.removed {
            layers.entry(gone.removed_by).or_default().push(Text::from(&gone.name).into());
        }
        let one = |(layer, who): (&LayerIdx, &Vec<String>)| {
            let verb = if who.len() == 1 { "was" } else { "were" };
            format!("; {} {verb} uninstalled in {}, which freed nothing", join(who, 4), context.layer(*layer))
        };
        layers.iter().map(one).collect()
    }

    /// ` and broke opencv-python-headless (52 of 96 files are gone)`.
    fn broken(&self, context: &Context<'_>) -> String {
        let broken = self.present.iter().filter(|&&id| context.distribution(id).is_broken());
        let shown: Vec<String> = broken
            .map(|&id| {
                let dist = context.distribution(id);
                let gone = count(dist.missing.len(), "file");
                let verb = if dist.missing.len() == 1 { "is" } else { "are" };
                format!("{} ({gone} {verb} missing)", Text::from(&dist.name))
            })
            .collect();
        match (shown.is_empty(), self.removed.is_empty()) {
            (true, _) => String::new(),
            (false, false) => format!(" and broke {}", join(&shown, 3)),
            (false, true) => format!("; broken: {}", join(&shown, 3)),
        }
    }

    /// Paths that members contest among each other.
    fn shared<'c>(&self, context: &Context<'c>) -> BTreeMap<&'c [u8], &'c crate::python::Contest> {
        let contests = self.present.iter().flat_map(|&id| &context.distribution(id).contested);
        contests.map(|contest| (contest.path.as_bytes(), contest)).collect()
    }

    fn rows(&self, context: &Context<'_>, kept: Option<DistId>) -> Vec<Evidence> {
        let mut rows: Vec<Evidence> =
            self.present.iter().map(|&id| present_row(context, id, kept == Some(id))).collect();
        rows.extend(self.removed.iter().map(|gone| removed_row(context, gone)));
        rows.extend(self.shared(context).values().take(PATHS_SHOWN).map(|contest| contest_row(context, contest)));
        rows
    }
}

fn gone_title(gone: &RemovedDistribution) -> String {
    title(&gone.name, &gone.version)
}

fn present_row(context: &Context<'_>, id: DistId, kept: bool) -> Evidence {
    let dist = context.distribution(id);
    let edges: Vec<_> = context.required_by(id).collect();
    let best = if kept { ", the first choice to keep" } else { "" };
    let state = match dist.missing.len() {
        0 => String::new(),
        _ => format!("; {} gone{}", count(dist.missing.len(), "file"), removed_by(context, dist)),
    };
    let note = format!("{}{best}{}{state}", context.title(id), context.required_by_note(&edges));
    Evidence { location: context.place(id), bytes: dist.bytes, note }
}

fn removed_row(context: &Context<'_>, gone: &RemovedDistribution) -> Evidence {
    let edges: Vec<_> = context.requirements_of(&gone.normalized).collect();
    let note = format!(
        "{}, installed in {}, uninstalled by {}{}",
        gone_title(gone),
        context.layer(gone.layer),
        context.layer(gone.removed_by),
        context.required_by_note(&edges)
    );
    let location = Some(Location { layer: gone.layer, path: gone.metadata.clone() });
    Evidence { location, bytes: gone.bytes, note }
}
