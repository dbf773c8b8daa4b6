//! What the text of a plan comes to: the original and the image that the text makes, compared file by file.
//!
//! Every entry of the original that the predicted image does not have is owed to one action, every entry that only the
//! predicted image has is that action's new bytes, so that the actions sum up to the difference of the two images. What the
//! plan wants to go and the text leaves is no action: it stands under what is left to the user.

use super::closure::Decisions;
use super::predict::{Owing, Prediction, Sums, Taken, actions, rule_of_new};
use super::system::SystemDecisions;
use super::{Action, Intent, Plan, Skipped};
use crate::base::{ByteSize, DistId, FastMap, FastSet, ImagePath, LayerIdx, PackageId, file_name, parent};
use crate::facts::Facts;
use crate::fs::DataRef;
use crate::image::Image;
use crate::layer::{Entry, EntryKind, LayerIndex};
use crate::python::EnvironmentKind;
use crate::rules::{Detect, Finding, Rule, Subject, Tier, actions};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many paths a note names.
const SHOWN: usize = 4;

impl Intent<'_> {
    /// The plan, with the image that its text makes.
    ///
    /// # Panics
    ///
    /// Where debug assertions are checked, if the actions do not sum up to the difference of the images.
    pub fn settle(self, predicted: Image) -> Plan {
        let comparison = Comparison::new(&self, &predicted);
        let before = self.draft.facts.view.image().unpacked();
        let sum: i128 =
            comparison.sums.values().map(|(removed, added, _)| i128::from(*removed) - i128::from(*added)).sum();
        debug_assert_eq!(sum, i128::from(before) - i128::from(predicted.unpacked()), "actions sum up");
        let Comparison { sums, left, lost } = comparison;
        let prediction = self.prediction();
        let actions: Vec<Action> = actions(&prediction, self.draft.rules, sums);
        let mut skipped = self.left_to_the_user(left);
        skipped.extend(self.left_alone(&prediction));
        let wanted = self.draft.options.ledger;
        let ledger = wanted.then(|| super::fates::ledger(&self, &prediction, &predicted));
        drop(prediction);
        let mut plan = self.plan;
        plan.notes.extend(note_of(&lost));
        Plan { predicted, actions, skipped, ledger, ..plan }
    }

    /// What findings want and the text does not do.
    fn left_to_the_user(&self, left: BTreeMap<&str, u64>) -> Vec<Skipped> {
        let title = |rule: &str| {
            let wished = self.plan.actions.iter().find(|action| action.rule == rule);
            wished.map_or_else(|| rule.to_owned(), |action| action.title.clone())
        };
        let row = |(rule, bytes): (&str, u64)| Skipped {
            rule: rule.to_owned(),
            tier: self.draft.rules.iter().find(|known| known.id == rule).map_or(Tier::Auto, |known| known.tier),
            subject: Subject::Undone(title(rule)),
            bytes,
            reason: match self.draft.options.own_dockerfile {
                true => "left to you: no edit of the Dockerfile does it".into(),
                false => "left to you: the plan's Dockerfile brings it again".into(),
            },
        };
        // What a rebuild leaves behind of its own is no finding.
        let mut rows: Vec<Skipped> = left
            .into_iter()
            .filter(|(rule, _)| ![actions::REBUILD, actions::OTHER_BASE, actions::UNKNOWN].contains(rule))
            .map(row)
            .collect();
        rows.sort_by_key(|skipped| std::cmp::Reverse(skipped.bytes));
        rows
    }

    /// Findings that the plan leaves alone.
    fn left_alone(&self, prediction: &Prediction<'_>) -> Vec<Skipped> {
        let draft = &self.draft;
        let touched = Touched { facts: draft.facts, decisions: prediction.distributions, system: prediction.system };
        let row = |finding: &Finding| {
            let rule = draft.rules.iter().find(|rule| rule.id == finding.rule)?;
            let follows = super::closure::follows(rule, finding.tier, draft.options);
            let held = prediction.system.held.get(&rule.id).filter(|_| follows);
            if held.is_none() && touched.all(finding) {
                return None;
            }
            let reason = match finding.tier {
                _ if held.is_some() => held.cloned().unwrap_or_default(),
                _ if follows && !finding.paths.is_empty() => return self.kept_files(finding, rule),
                _ if follows => touched.why_not(finding, rule)?,
                Tier::Confirm => format!("opt in with --accept {}", rule.id),
                Tier::ReportOnly => format!("left to you: slimwright explain {}", rule.id),
                Tier::Auto => "skipped with --skip".into(),
            };
            let because = finding.doubts.iter().map(|doubt| format!("; {doubt}")).collect::<String>();
            Some(Skipped {
                rule: rule.id.clone(),
                tier: finding.tier,
                subject: finding.subject.clone(),
                bytes: finding.bytes,
                reason: reason + &because,
            })
        };
        draft.findings.iter().filter_map(row).collect()
    }

    /// Of files that a rule is to drop, those that the plan keeps all the same.
    fn kept_files(&self, finding: &Finding, rule: &Rule) -> Option<Skipped> {
        let view = self.draft.facts.view;
        // What the base has nobody who builds on it takes away.
        let base_layers = self.draft.base_layers();
        let is_kept =
            |(layer, at): &DataRef| *layer as usize >= base_layers && self.taken[*layer as usize][*at as usize];
        let nodes = finding.paths.iter().filter_map(|path| view.get(path.as_bytes()));
        let kept: BTreeSet<DataRef> = nodes.map(|node| node.data).filter(is_kept).collect();
        let bytes = kept.iter().fold(0u64, |sum, at| sum.saturating_add(view.entry(*at).size));
        let reason = match self.draft.options.own_dockerfile {
            true => "left to you: no edit of the Dockerfile does it",
            false => {
                "left to you: what the plan's Dockerfile installs brings them again; `slimwright apply` takes them out"
            }
        };
        (bytes > 0).then(|| Skipped {
            rule: rule.id.clone(),
            tier: finding.tier,
            subject: finding.subject.clone(),
            bytes,
            reason: reason.into(),
        })
    }
}

/// What the decisions touch.
struct Touched<'t> {
    facts: &'t Facts<'t>,
    decisions: &'t Decisions,
    system: &'t SystemDecisions,
}

impl Touched<'_> {
    fn distribution(&self, id: DistId) -> bool {
        let goes = self.decisions.gone.contains_key(&id) || self.decisions.swaps.contains_key(&id);
        goes || self.decisions.kept.contains(&id) && self.decisions.is_new(self.facts, id)
    }

    /// Whether everything that a finding is about goes or is replaced, for whatever reason. Of files this is not known here.
    fn all(&self, finding: &Finding) -> bool {
        let (dists, packages) = (&finding.distributions, &finding.os_packages);
        let any = !dists.is_empty() || !packages.is_empty();
        any && dists.iter().all(|&id| self.distribution(id))
            && packages.iter().all(|position| self.system.gone.contains_key(position))
    }

    /// Why nothing follows a finding whose rule is followed; none where something does, or where files tell.
    fn why_not(&self, finding: &Finding, rule: &Rule) -> Option<String> {
        let is_about = matches!(
            rule.detect,
            Detect::DuplicateFamily { .. }
                | Detect::GpuBuild { .. }
                | Detect::Distributions { .. }
                | Detect::UnusedDistributions { .. }
        );
        let (dists, packages) = (&finding.distributions, &finding.os_packages);
        let untouched = is_about && !dists.is_empty() && dists.iter().all(|&id| !self.distribution(id));
        if untouched {
            let elsewhere = dists.iter().all(|id| !self.decisions.subject.contains(id));
            let environment = dists.first().map(|&id| self.facts.python.distributions[id].environment);
            let prefix = environment.and_then(|position| self.facts.python.environments.get(position));
            return Some(match prefix.filter(|_| elsewhere) {
                Some(environment) if environment.kind == EnvironmentKind::Conda => {
                    format!("left to you: conda's environment {} is copied as it is", environment.prefix)
                }
                Some(environment) => {
                    format!("left to you: it is in {}, and a plan rebuilds one environment", environment.prefix)
                }
                None => {
                    "left to you: nothing that the plan does touches it; something that stays may require it".into()
                }
            });
        }
        let kept = |position: &PackageId| !self.system.gone.contains_key(position);
        let stays = !packages.is_empty() && packages.iter().all(kept);
        (stays && matches!(rule.detect, Detect::OsPackages { .. } | Detect::GpuSystem { .. }))
            .then(|| "left to you: they are the base image's, or something that stays needs them".into())
    }
}

/// A note on what no instruction brings.
fn note_of(lost: &[(ImagePath, u64)]) -> Option<String> {
    let bytes = lost.iter().fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
    let first: Vec<String> = lost.iter().take(SHOWN).map(|(path, _)| path.to_string()).collect();
    let more = match lost.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!lost.is_empty()).then(|| {
        format!("lost: no instruction brings {}{more} ({}), which the original has", first.join(", "), ByteSize(bytes))
    })
}

/// The two images, compared.
struct Comparison<'c> {
    /// By rule: what goes, and what comes.
    sums: Sums,
    /// By rule: what should go, and is still there.
    left: BTreeMap<&'c str, u64>,
    /// What should stay, and is not there.
    lost: Vec<(ImagePath, u64)>,
}

/// Entries with bytes, by path and size.
type Counts<'c> = FastMap<(&'c [u8], u64), u32>;

fn has_bytes(entry: &Entry) -> bool {
    entry.kind == EntryKind::File && entry.size > 0
}

fn take<'c>(counts: &mut Counts<'c>, entry: &'c Entry) -> bool {
    match counts.get_mut(&(entry.path.as_bytes(), entry.size)) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    }
}

/// How many of the lowest layers two images share.
fn shared(before: &Image, after: &Image) -> usize {
    let same = |(a, b): &(&Arc<LayerIndex>, &Arc<LayerIndex>)| Arc::ptr_eq(a, b) || a.entries == b.entries;
    before.layers.iter().zip(&after.layers).take_while(same).count()
}

impl<'c> Comparison<'c> {
    fn new<'i: 'c>(intent: &'i Intent<'_>, predicted: &Image) -> Comparison<'c> {
        let prediction = intent.prediction();
        let original = prediction.facts.view.image();
        let shared = shared(original, predicted).min(prediction.base.layers);
        let mut counts: Counts<'_> = FastMap::default();
        let new = || {
            let layers = predicted.layers.iter().enumerate().skip(shared);
            let entries = layers.flat_map(|(layer, index)| index.entries.iter().map(move |entry| (layer, entry)));
            entries.filter(|(_, entry)| has_bytes(entry))
        };
        for (_, entry) in new() {
            *counts.entry((entry.path.as_bytes(), entry.size)).or_default() += 1;
        }
        let anew = anew(intent, &prediction, new().map(|(_, entry)| entry));
        let mut out = Found { sums: Sums::new(), left: BTreeMap::new(), missing: Vec::new(), anew };
        // What is to stay finds itself first.
        for stays in [true, false] {
            out.match_entries(&prediction, intent, shared, stays, &mut counts);
        }
        let lost = out.missing(&prediction, predicted);
        let tops = std::cell::OnceCell::new();
        for (layer, entry) in new().filter(|(_, entry)| take(&mut counts, entry)) {
            if let Some(rule) = prediction.conda.rule_of_new(&entry.path) {
                out.sums.entry(rule.to_owned()).or_default().1 += entry.size;
            } else if prediction.other.is_some() && layer < prediction.base.image_layers() {
                out.sums.entry(actions::OTHER_BASE.to_owned()).or_default().1 += entry.size;
            } else {
                let rule = owner_of_new(&prediction, &intent.added, &tops, &entry.path);
                let rule = rule
                    .filter(|&id| prediction.is_new(id))
                    .map_or(actions::REBUILD, |id| rule_of_new(&prediction, id));
                out.sums.entry(rule.to_owned()).or_default().1 += entry.size;
            }
        }
        let rules = &intent.draft.rules;
        let own = [actions::UNUSED_PACKAGES, actions::UNUSED_CLOSURE, actions::BROKEN, actions::OTHER_BASE];
        let known = |rule: &str| -> Option<&'c str> {
            rules.iter().map(|known| known.id.as_str()).chain(own).find(|known| *known == rule)
        };
        let left = out.left.into_iter().filter_map(|(rule, bytes)| Some((known(&rule)?, bytes))).collect();
        Comparison { sums: out.sums, left, lost }
    }
}

/// What was found so far.
struct Found {
    sums: Sums,
    left: BTreeMap<String, u64>,
    /// Entries that were to stay.
    missing: Vec<DataRef>,
    /// Paths of distributions that the text installs anew.
    anew: FastSet<ImagePath>,
}

/// The paths of distributions of which the predicted image has files that the original has not: they are installed anew, and
/// what they have as before came with the rest.
fn anew<'x>(
    intent: &Intent<'_>,
    prediction: &Prediction<'_>,
    new: impl Iterator<Item = &'x Entry>,
) -> FastSet<ImagePath> {
    let (view, dists) = (prediction.facts.view, &prediction.facts.python.distributions);
    let mut paths: FastMap<&ImagePath, DistId> = FastMap::default();
    for &id in prediction.distributions.kept.iter().filter(|&&id| prediction.is_new(id)) {
        let missing = dists[id].missing.iter().map(|file| &file.path);
        paths.extend(dists[id].files.iter().chain(missing).map(|path| (path, id)));
    }
    paths.extend(intent.added.iter().map(|(path, id)| (path, *id)));
    let differs = |entry: &&Entry| view.get(entry.path.as_bytes()).is_none_or(|node| view.size(node) != entry.size);
    let found: BTreeSet<DistId> = new.filter(differs).filter_map(|entry| paths.get(&entry.path).copied()).collect();
    paths.into_iter().filter(|(_, id)| found.contains(id)).map(|(path, _)| path.clone()).collect()
}

impl Found {
    fn match_entries<'x>(
        &mut self,
        prediction: &Prediction<'x>,
        intent: &Intent<'_>,
        shared: usize,
        stays: bool,
        counts: &mut Counts<'x>,
    ) {
        let owing = Owing::new(prediction, intent.draft.findings);
        let (facts, taken): (_, &Taken) = (prediction.facts, &intent.taken);
        for (layer, index) in facts.view.image().layers.iter().enumerate().skip(shared) {
            for (position, entry) in index.entries.iter().enumerate().filter(|(_, entry)| has_bytes(entry)) {
                if taken[layer][position] != stays {
                    continue;
                }
                let at = (layer as LayerIdx, position as u32);
                match (take(counts, entry), stays) {
                    (true, true) => {}
                    (false, true) => self.missing.push(at),
                    // Another build of a package has the same file.
                    (true, false) if prediction.conda.rule_of_new(&entry.path).is_some() => {}
                    (true, false) if self.anew.contains(&entry.path) => {}
                    (true, false) => *self.left.entry(owing.owed(at, entry).0.to_owned()).or_default() += entry.size,
                    (false, false) => {
                        let (rule, subject) = owing.owed(at, entry);
                        self.goes(rule, subject.title(facts), entry.size);
                    }
                }
            }
        }
    }

    fn goes(&mut self, rule: &str, subject: String, bytes: u64) {
        let sum = self.sums.entry(rule.to_owned()).or_default();
        sum.0 += bytes;
        *sum.2.entry(subject).or_default() += bytes;
    }

    /// What was to stay: there is something else at its path, a gap may bring it, or it is lost.
    fn missing(&mut self, prediction: &Prediction<'_>, predicted: &Image) -> Vec<(ImagePath, u64)> {
        let missing = std::mem::take(&mut self.missing);
        if missing.is_empty() {
            return Vec::new();
        }
        let facts = prediction.facts;
        let there: FastSet<&[u8]> =
            predicted.layers.iter().flat_map(|layer| &layer.entries).map(|entry| entry.path.as_bytes()).collect();
        let owing = Owing::new(prediction, &[]);
        // Bytes that came by another of their names are there.
        let linked: FastSet<DataRef> = (facts.view.iter())
            .filter(|(path, node)| node.entry != node.data && there.contains(path))
            .map(|(_, node)| node.data)
            .collect();
        let mut lost = Vec::new();
        for at in missing {
            let entry = facts.view.entry(at);
            let path = entry.path.as_bytes();
            let bytecode = path.ends_with(b".pyc") && file_name(parent(path)) == b"__pycache__";
            let is_lost =
                !there.contains(path) && !linked.contains(&at) && !bytecode && facts.view.visible_path(at).is_some();
            let may_come = is_lost && predicted.gaps.iter().any(|gap| gap.writes.may_touch(path));
            if is_lost && !may_come {
                lost.push((entry.path.clone(), entry.size));
            }
            let subject = owing.owed(at, entry).1.title(facts);
            self.goes(if may_come { actions::UNKNOWN } else { actions::REBUILD }, subject, entry.size);
        }
        lost
    }
}

/// The distribution that a new file belongs to.
fn owner_of_new(
    prediction: &Prediction<'_>,
    added: &FastMap<ImagePath, DistId>,
    tops: &std::cell::OnceCell<BTreeMap<Vec<u8>, DistId>>,
    path: &ImagePath,
) -> Option<DistId> {
    if let Some(id) = added.get(path).copied().or_else(|| prediction.facts.python.owner(path.as_bytes())) {
        return Some(id);
    }
    let site = prediction.environment?.site_dir.as_bytes();
    let rest = path.as_bytes().strip_prefix(site)?.strip_prefix(b"/")?;
    let top = rest.split(|&b| b == b'/').next()?;
    let new: BTreeSet<DistId> =
        prediction.distributions.kept.iter().copied().filter(|&id| prediction.is_new(id)).collect();
    let names = tops.get_or_init(|| {
        let names = new.iter().flat_map(|&id| top_names(prediction, id).into_iter().map(move |name| (name, id)));
        names.collect()
    });
    names.get(top).copied().or_else(|| {
        // `NAME-1.0.dist-info`, and `NAME.libs` for libraries that a wheel brings.
        let stem = top.strip_suffix(b".libs").unwrap_or(top).split(|&b| b == b'-').next()?;
        let name = crate::python::normalize_name(std::str::from_utf8(stem).ok()?);
        let is_it = |id: &DistId| {
            let swap = prediction.distributions.swaps.get(id).map(|swap| crate::python::normalize_name(&swap.name));
            swap.as_deref() == Some(&name) || prediction.facts.python.distributions[*id].normalized == name
        };
        new.iter().copied().find(is_it)
    })
}

/// The names that a distribution has directly in its site directory.
fn top_names(prediction: &Prediction<'_>, id: DistId) -> BTreeSet<Vec<u8>> {
    let site = prediction.environment.map(|environment| environment.site_dir.as_bytes()).unwrap_or_default();
    let files = prediction.facts.python.distributions[id].files.iter();
    let rest = files.filter_map(|path| path.as_bytes().strip_prefix(site)?.strip_prefix(b"/"));
    rest.filter_map(|rest| rest.split(|&b| b == b'/').next()).map(<[u8]>::to_vec).collect()
}
