//! What becomes of each distribution.
//!
//! Roots are never guessed away: what nothing requires is a root too, so only what a rule drops, and what then
//! nobody needs, goes.

use super::fit::{Fit, Fits, Swap};
use super::{OverriddenEdge, TargetEnvironment, Why};
use crate::base::{DistId, ImagePath, is_within};
use crate::facts::Facts;
use crate::facts::Root;
use crate::os::{Need, Provider};
use crate::python::{Distribution, Edge, EnvironmentKind, normalize_name};
use crate::rules::{Detect, Finding, Replacement, Rule, Tier, actions, in_order, kept_member, needed, places};
use std::collections::{BTreeMap, BTreeSet};

/// Why a distribution goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gone {
    /// The rule, or `unused-closure`.
    pub rule: String,
    /// Why.
    pub why: Why,
}

/// The decisions.
#[derive(Default)]
pub(super) struct Decisions {
    /// The distributions that the plan may touch.
    pub subject: BTreeSet<DistId>,
    /// Stay, replaced ones included.
    pub kept: BTreeSet<DistId>,
    /// Go.
    pub gone: BTreeMap<DistId, Gone>,
    /// Stay as something else.
    pub swaps: BTreeMap<DistId, Swap>,
    /// The roots.
    pub roots: Vec<(DistId, Root)>,
    /// Names that the plan does not install on purpose: requirements on them are overridden. With the reason.
    pub overridden_names: BTreeMap<String, Why>,
    /// The member that is kept, by the rule of its family.
    pub families: Vec<(String, String)>,
    /// Things that the user should know before building.
    pub notes: Vec<String>,
    /// Rules that are not followed, with the reason.
    pub held: BTreeMap<String, String>,
    /// Stay as they are, because they were compiled and nothing in the image tells with what.
    pub compiled_elsewhere: BTreeSet<DistId>,
}

impl Decisions {
    /// Whether a kept distribution's files are new: it is swapped, or was broken and is made whole, or files of its own
    /// were overwritten by one that goes.
    pub fn is_new(&self, facts: &Facts<'_>, id: DistId) -> bool {
        let dist = &facts.python.distributions[id];
        self.swaps.contains_key(&id) || dist.is_broken() || self.has_files_of_the_gone(facts, dist)
    }

    /// A choice with the version that the index has.
    fn fitted(&mut self, swap: Swap, fits: &Fits) -> Swap {
        let Some(Fit::Version { version, why }) = fits.get(&normalize_name(&swap.name)) else { return swap };
        self.notes.push(format!("{why}: {version} takes its place"));
        Swap { version: version.clone(), ..swap }
    }

    /// Whether the content of one of its paths is that of a distribution that goes.
    fn has_files_of_the_gone(&self, facts: &Facts<'_>, dist: &Distribution) -> bool {
        let dists = &facts.python.distributions;
        let goes = |name: &str| {
            let of_name = |id: &DistId| dists[*id].environment == dist.environment && dists[*id].normalized == name;
            self.gone.keys().any(of_name)
        };
        let survivors = dist.contested.iter().filter_map(|contest| contest.survivor.as_deref());
        survivors.filter(|name| *name != dist.normalized).collect::<BTreeSet<_>>().into_iter().any(goes)
    }

    /// Whether a distribution stays as it was put into the original, from a folder or a file: what it installed is
    /// copied, and no package index is asked for its name, which may be somebody else's there.
    pub fn is_copied(&self, facts: &Facts<'_>, id: DistId) -> bool {
        let is_one = facts.python.distributions[id].is_local() || self.compiled_elsewhere.contains(&id);
        self.kept.contains(&id) && !self.swaps.contains_key(&id) && is_one
    }
}

/// Distributions that were built from source, in an image without a compiler: in another stage, or the compiler was removed
/// again. What a build stage would have to install nobody knows, so their files are to be copied.
pub(super) fn compiled_elsewhere(facts: &Facts<'_>, decisions: &Decisions) -> BTreeSet<DistId> {
    let is_compiler = |name: &str| {
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
        ["gcc", "g++", "clang", "build-base", "tcc"].contains(&name)
    };
    if facts.os.packages.iter().any(|package| is_compiler(&package.name)) {
        return BTreeSet::new();
    }
    let is_one = |id: &DistId| {
        let dist = &facts.python.distributions[*id];
        dist.built_here && dist.installer.as_deref() != Some("conda") && !decisions.is_new(facts, *id)
    };
    decisions.kept.iter().copied().filter(is_one).collect()
}

/// Files of distributions that are installed again, which somebody changed after they were installed: an installer would
/// undo that. What another distribution wrote at the same path is no change.
pub(super) fn patched<'a>(facts: &'a Facts<'_>, decisions: &Decisions) -> Vec<(DistId, &'a ImagePath)> {
    let again = |id: &DistId| !decisions.swaps.contains_key(id) && !decisions.is_copied(facts, *id);
    let mut out = Vec::new();
    for &id in decisions.kept.iter().filter(|id| again(id)) {
        let dist = &facts.python.distributions[id];
        let contested: BTreeSet<&ImagePath> = dist.contested.iter().map(|contest| &contest.path).collect();
        let site = crate::base::parent(dist.metadata.as_bytes());
        let is_patched = |path: &ImagePath| {
            let bytes = path.as_bytes();
            let is_module = is_within(bytes, site) && !is_within(bytes, dist.metadata.as_bytes());
            is_module && !contested.contains(path) && facts.python.owner(bytes) == Some(id)
        };
        out.extend(dist.changed.iter().map(|(path, _)| path).filter(|path| is_patched(path)).map(|path| (id, path)));
    }
    out
}

/// The environment to rebuild: of those with distributions above the base, the one with the most bytes.
pub(super) fn target_environment(facts: &Facts<'_>, base_layers: usize) -> Option<(usize, TargetEnvironment)> {
    let mut bytes: BTreeMap<usize, u64> = BTreeMap::new();
    for dist in above_base(facts, base_layers).map(|(_, dist)| dist) {
        *bytes.entry(dist.environment).or_default() += dist.bytes + 1;
    }
    let (position, _) = bytes.into_iter().max_by_key(|(position, bytes)| (*bytes, std::cmp::Reverse(*position)))?;
    let environment = &facts.python.environments[position];
    let first = above_base(facts, base_layers).map(|(_, dist)| dist).find(|dist| dist.environment == position)?;
    let site_dir =
        environment.site_dirs.iter().find(|dir| crate::base::is_within(first.metadata.as_bytes(), dir.as_bytes()));
    let site_dir = site_dir.or(environment.site_dirs.first())?.clone();
    let own = || above_base(facts, base_layers).map(|(_, dist)| dist).filter(|dist| dist.environment == position);
    let bytecode = is_compiled(facts, own());
    let is_module = |path: &ImagePath| crate::base::is_within(path.as_bytes(), site_dir.as_bytes());
    let folder = facts.view.get(site_dir.as_bytes()).map(|node| facts.view.entry(node.entry));
    let folder = folder.map_or((0, 0), |entry| (entry.uid, entry.gid));
    let modules = most_common_owner(facts, own(), is_module).unwrap_or(folder);
    let others = most_common_owner(facts, own(), |path| !is_module(path)).unwrap_or(modules);
    Some((
        position,
        TargetEnvironment {
            prefix: environment.prefix.clone(),
            kind: environment.kind,
            interpreter: environment.interpreter.clone(),
            python: environment.python.map_or_else(|| "3".into(), |(major, minor)| format!("{major}.{minor}")),
            uid: modules.0,
            gid: modules.1,
            others,
            site_dir,
            bytecode,
        },
    ))
}

/// Owner and group of most files of distributions that a test likes.
fn most_common_owner<'a>(
    facts: &Facts<'_>,
    dists: impl Iterator<Item = &'a Distribution>,
    test: impl Fn(&ImagePath) -> bool,
) -> Option<(u32, u32)> {
    let mut count: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for path in dists.flat_map(|dist| dist.files.iter()).filter(|path| test(path)) {
        let Some(node) = facts.view.get(path.as_bytes()) else { continue };
        let entry = facts.view.entry(node.entry);
        *count.entry((entry.uid, entry.gid)).or_default() += 1;
    }
    count.into_iter().max_by_key(|(owner, files)| (*files, std::cmp::Reverse(*owner))).map(|(owner, _)| owner)
}

/// Whether an installer compiled: most modules are those of distributions with bytecode. What was imported while the image
/// was built has some, too.
fn is_compiled<'a>(facts: &Facts<'_>, dists: impl Iterator<Item = &'a Distribution>) -> bool {
    let (mut compiled, mut all) = (0, 0);
    for dist in dists {
        let modules = dist.files.iter().filter(|path| path.as_bytes().ends_with(b".py"));
        let sizes = modules.map(|path| facts.view.get(path.as_bytes()).map_or(0, |node| facts.view.size(node)));
        let (count, source) = sizes.fold((0, 0u64), |(count, sum), size| (count + 1, sum.saturating_add(size)));
        all += count;
        // A file or two is what an import left, or what the wheel has.
        let is_whole = dist.bytecode > 0 && dist.bytecode.saturating_mul(4) >= source;
        compiled += if is_whole { count } else { 0usize };
    }
    all > 0 && compiled.saturating_mul(2) >= all
}

/// Distributions that pip or uv put above the base: not the base image's, not the operating system's.
pub(super) fn above_base<'a>(
    facts: &'a Facts<'_>,
    base_layers: usize,
) -> impl Iterator<Item = (DistId, &'a Distribution)> {
    // Debian's installers keep out of the distribution's own folder; Alpine's and others put what they install there.
    let is_packaged = |dist: &Distribution| {
        let owned = |path: &ImagePath| facts.os.owners.contains_key(path);
        dist.system_owned
            || owned(&dist.metadata.join(b"METADATA"))
            || facts.python.environments[dist.environment].kind == EnvironmentKind::Vendor
                && (owned(&dist.metadata) || owned(&dist.metadata.join(b"PKG-INFO")) || is_debians(facts, dist))
    };
    facts.python.distributions.pairs().filter(move |(_, dist)| dist.layer as usize >= base_layers && !is_packaged(dist))
}

/// Whether a distribution is in the folder that only Debian's packages write to.
fn is_debians(facts: &Facts<'_>, dist: &Distribution) -> bool {
    let name = crate::base::file_name(crate::base::parent(dist.metadata.as_bytes()));
    name == b"dist-packages" && facts.python.environments[dist.environment].prefix.as_bytes() == b"usr"
}

/// Decides.
pub(super) fn decide(
    facts: &Facts<'_>,
    findings: &[Finding],
    rules: &[Rule],
    follows: &dyn Fn(&Rule, Tier) -> bool,
    (environment, base_layers): (Option<usize>, usize),
    fits: &Fits,
) -> Decisions {
    let mut out = Decisions::default();
    let Some(environment) = environment else { return out };
    // What conda installed comes and goes with its package.
    let of_conda = |dist: &Distribution| {
        dist.installer.as_deref() == Some("conda")
            && facts.os.conda.owners.contains_key(&dist.metadata.join(b"METADATA"))
            && facts.python.environments[environment].kind == EnvironmentKind::Conda
    };
    let ours = above_base(facts, base_layers).filter(|(_, dist)| dist.environment == environment && !of_conda(dist));
    out.subject = ours.map(|(id, _)| id).collect();
    out.roots = crate::facts::roots(facts, &out.subject);
    for finding in findings {
        let Some(rule) = rules.iter().find(|rule| rule.id == finding.rule).filter(|rule| follows(rule, finding.tier))
        else {
            continue;
        };
        match &rule.detect {
            Detect::DuplicateFamily { members, keep, needs } => {
                family(&mut out, facts, rule, &Family { members, keep, needs }, fits)
            }
            Detect::GpuBuild { replace, .. } => gpu(&mut out, facts, rule, replace, finding, fits),
            Detect::Distributions { .. } => {
                drop_each(&mut out, rule, finding, &Why::Development);
            }
            Detect::UnusedDistributions { .. } => drop_each(&mut out, rule, finding, &Why::Unimported),
            _ => {}
        }
        let doubts = finding.doubts.iter().map(|doubt| format!("{} is followed although {doubt}", rule.id));
        out.notes.extend(doubts);
    }
    close(&mut out, facts);
    super::libraries::remark(&mut out, facts, rules);
    out
}

fn gone(rule: &Rule, why: Why) -> Gone {
    Gone { rule: rule.id.clone(), why }
}

/// A rule's family.
struct Family<'r> {
    members: &'r [String],
    keep: &'r [String],
    needs: &'r BTreeMap<String, Vec<String>>,
}

/// One member of a family stays.
fn family(out: &mut Decisions, facts: &Facts<'_>, rule: &Rule, family: &Family<'_>, fits: &Fits) {
    let &Family { members, keep, needs } = family;
    let dists = &facts.python.distributions;
    let present: Vec<DistId> =
        out.subject.iter().copied().filter(|&id| members.contains(&dists[id].normalized)).collect();
    let Some(&newest) = present.iter().max_by_key(|&&id| (dists[id].bytes, id)) else { return };
    let needed = needed(facts.uses.in_application(), needs);
    let is_present = |name: &str| present.iter().any(|&id| dists[id].normalized == name);
    let nothing = |name: &str| matches!(fits.get(name), Some(Fit::Nothing(_))) && !is_present(name);
    let keep: Vec<String> = keep.iter().filter(|name| !nothing(name)).cloned().collect();
    let Some((kept_name, _)) = kept_member(&keep, needs, &needed) else { return };
    let refused = members.iter().filter(|name| nothing(name)).filter_map(|name| fits.get(name));
    out.notes.extend(refused.filter_map(Fit::nothing).map(|why| format!("{why}: {kept_name} stays")));
    let kept = present.iter().copied().find(|&id| dists[id].normalized == *kept_name);
    let survivor = kept.unwrap_or(newest);
    if kept.is_none() {
        let mut version = dists[newest].version.clone();
        if let Some(Fit::Version { version: other, why }) = fits.get(kept_name) {
            out.notes.push(format!("{why}: {other} takes its place"));
            version.clone_from(other);
        }
        let of_family = |root: &&(DistId, Root)| present.contains(&root.0);
        let asked = out.roots.iter().filter(of_family).map(|(_, root)| root.specifiers.clone()).collect();
        let swap = Swap {
            rule: rule.id.clone(),
            name: kept_name.clone(),
            version,
            index: None,
            replacement: None,
            family: members.to_vec(),
            asked,
        };
        out.swaps.insert(newest, swap);
    }
    for &id in present.iter().filter(|&&id| id != survivor) {
        out.gone.insert(id, gone(rule, Why::ReplacedBy(kept_name.clone())));
    }
    for member in members.iter().filter(|member| *member != kept_name) {
        out.overridden_names.insert(member.clone(), Why::ReplacedBy(kept_name.clone()));
    }
    if out.roots.iter().all(|(id, _)| *id != survivor) {
        let dist = &dists[survivor];
        let how = format!("kept for all of its family (rule {})", rule.id);
        let root = Root {
            name: dist.name.clone(),
            extras: Vec::new(),
            specifiers: String::new(),
            version: dist.version.clone(),
            how,
        };
        out.roots.push((survivor, root));
    }
    let uses = in_order(needed.into_values().flatten());
    if !uses.is_empty() {
        out.notes.push(format!("{kept_name} is kept for what the application uses: {}", places(&uses)));
    } else if !needs.is_empty() {
        out.notes.push(format!(
            "{kept_name} is kept because the application's source shows no use of what only the other members have; \
             names that are made at run time are not seen: the smoke test and your own tests decide"
        ));
    }
    out.families.push((rule.id.clone(), kept_name.clone()));
}

/// A GPU build becomes a CPU build, and its company goes with it.
fn gpu(out: &mut Decisions, facts: &Facts<'_>, rule: &Rule, replace: &Replacement, finding: &Finding, fits: &Fits) {
    let dists = &facts.python.distributions;
    let subject = |id: &DistId| out.subject.contains(id);
    let Some(id) = finding.distributions.iter().copied().filter(subject).find(|&id| {
        let environment = &facts.python.environments[dists[id].environment];
        finding.subject.is_distribution(&dists[id].normalized, &environment.prefix)
    }) else {
        return;
    };
    let name = normalize_name(&replace.name);
    let together: BTreeSet<String> = replace.together.iter().map(|name| normalize_name(name)).collect();
    let is_together = |other: &DistId| together.contains(&dists[*other].normalized);
    let company = out.subject.iter().copied().filter(is_together).collect::<Vec<_>>();
    let replaced = company.iter().map(|&other| dists[other].normalized.as_str()).chain([name.as_str()]);
    if let Some(why) = replaced.filter_map(|name| fits.get(name)).find_map(Fit::nothing) {
        out.held.insert(rule.id.clone(), format!("left to you: {why}"));
        return;
    }
    let already = out.subject.iter().copied().find(|&other| other != id && dists[other].normalized == name);
    if let Some(twin) = already {
        out.gone.insert(id, gone(rule, Why::ReplacedBy(replace.name.clone())));
        out.swaps.remove(&id);
        let root = out.roots.iter().find(|(root, _)| *root == id).map(|(_, root)| root.clone());
        if let Some(root) = root.filter(|_| out.roots.iter().all(|(root, _)| *root != twin)) {
            out.roots.push((
                twin,
                Root {
                    name: dists[twin].name.clone(),
                    version: dists[twin].version.clone(),
                    specifiers: String::new(),
                    ..root
                },
            ));
        }
    } else {
        let swap = out.fitted(swap(rule, replace, &replace.name, &dists[id]), fits);
        out.swaps.insert(id, swap);
    }
    if name != dists[id].normalized {
        out.overridden_names.insert(dists[id].normalized.clone(), Why::ReplacedBy(replace.name.clone()));
    }
    for other in company {
        let same = Replacement { sizes: BTreeMap::new(), without: replace.without.clone(), ..replace.clone() };
        if !out.swaps.contains_key(&other) {
            let swap = out.fitted(swap(rule, &same, &dists[other].name, &dists[other]), fits);
            out.swaps.insert(other, swap);
        }
    }
    for other in out.subject.iter().copied().filter(|&other| other != id).collect::<Vec<_>>() {
        if replace.company.matches(dists[other].normalized.as_bytes()) && !serves_others(facts, other) {
            let why = Why::CompanyOf(dists[id].name.clone());
            out.gone.entry(other).or_insert_with(|| gone(rule, why));
        }
    }
}

/// Whether it is more than the company of one GPU build: the application imports it, a file of the application is linked
/// with a library of it, or it only asks the driver, which tells a service that there is no GPU (`nvidia-ml-py`).
fn serves_others(facts: &Facts<'_>, id: DistId) -> bool {
    const ASKS_THE_DRIVER: [&str; 3] = ["nvidia-ml-py", "nvidia-ml-py3", "nvidia-smi"];
    let dist = &facts.python.distributions[id];
    let imported = |module: &String| facts.uses.importers(module).any(|file| file.is_application);
    let linked = |need: &Need| {
        let Provider::File(path) = &need.provider else { return false };
        facts.python.owner(path.as_bytes()) == Some(id) && facts.python.owner(need.file.as_bytes()).is_none()
    };
    ASKS_THE_DRIVER.contains(&dist.normalized.as_str())
        || dist.modules.iter().filter(|module| *module != "nvidia").any(imported)
        || facts.libraries.needs.iter().any(linked)
}

fn swap(rule: &Rule, replace: &Replacement, name: &str, dist: &Distribution) -> Swap {
    let public = dist.version.split('+').next().unwrap_or_default().to_owned();
    let version = match replace.version.as_deref() {
        None | Some("same") => public,
        Some(version) => version.to_owned(),
    };
    Swap {
        rule: rule.id.clone(),
        name: name.to_owned(),
        version,
        index: replace.index.clone(),
        replacement: Some(replace.clone()),
        family: Vec::new(),
        asked: Vec::new(),
    }
}

fn drop_each(out: &mut Decisions, rule: &Rule, finding: &Finding, why: &Why) {
    for &id in finding.distributions.iter().filter(|id| out.subject.contains(id)) {
        out.gone.entry(id).or_insert_with(|| gone(rule, why.clone()));
    }
}

/// Takes back what a kept distribution still needs, and lets go of what nobody needs any more.
fn close(out: &mut Decisions, facts: &Facts<'_>) {
    let dists = &facts.python.distributions;
    loop {
        let families: BTreeSet<String> = out.overridden_names.keys().cloned().collect();
        let roots: Vec<DistId> = out.roots.iter().map(|(id, _)| *id).filter(|id| !out.gone.contains_key(id)).collect();
        let swapped = &out.swaps;
        let skip = |edge: &Edge| {
            let company = swapped.get(&edge.from).and_then(|swap| swap.replacement.as_ref());
            let is_company = company.is_some_and(|replacement| replacement.company.matches(edge.name.as_bytes()));
            is_company || families.contains(&edge.name)
        };
        out.kept = facts.graph.closure(&roots, skip).into_iter().filter(|id| out.subject.contains(id)).collect();
        // Something that stays requires it after all: it stays, whatever the rule says of it.
        let back: Vec<DistId> = out.gone.keys().copied().filter(|id| out.kept.contains(id)).collect();
        for &id in &back {
            let gone = out.gone.remove(&id);
            let rule = gone.map(|gone| gone.rule).unwrap_or_default();
            out.notes.push(format!(
                "{} stays although {rule} would drop it: something that stays requires it",
                dists[id].name
            ));
        }
        if back.is_empty() && !take_back_unserved(out, facts) {
            break;
        }
    }
    for &id in &out.subject {
        if out.kept.contains(&id) || out.gone.contains_key(&id) {
            continue;
        }
        let by: Vec<DistId> = facts.graph.required_by(id).map(|edge| edge.from).filter(|from| *from != id).collect();
        let names: BTreeSet<&str> = by.iter().map(|&from| dists[from].name.as_str()).collect();
        let rule = by.iter().find_map(|from| out.gone.get(from).map(|gone| gone.rule.clone()));
        let rule = rule.or_else(|| by.iter().find_map(|from| out.swaps.get(from).map(|swap| swap.rule.clone())));
        let why = Why::OnlyNeededBy(names.into_iter().map(str::to_owned).collect());
        out.gone.insert(id, Gone { rule: rule.unwrap_or_else(|| actions::UNUSED_CLOSURE.into()), why });
    }
    out.swaps.retain(|id, _| out.kept.contains(id));
    out.roots.retain(|(id, _)| out.kept.contains(id));
}

/// Takes back what goes because another one serves in its place, where that one goes too; whether there was one.
fn take_back_unserved(out: &mut Decisions, facts: &Facts<'_>) -> bool {
    let dists = &facts.python.distributions;
    let name_of = |id: &DistId| {
        out.swaps.get(id).map_or_else(|| dists[*id].normalized.clone(), |swap| normalize_name(&swap.name))
    };
    let served: BTreeSet<String> = out.kept.iter().map(name_of).collect();
    let unserved = out.gone.iter().find_map(|(&id, gone)| match &gone.why {
        Why::ReplacedBy(name) if !served.contains(&normalize_name(name)) => Some((id, name.clone())),
        _ => None,
    });
    let Some((id, name)) = unserved else { return false };
    out.gone.remove(&id);
    out.overridden_names.remove(&dists[id].normalized);
    if out.roots.iter().all(|(root, _)| *root != id) {
        out.roots.push((id, crate::facts::named(&dists[id], "what would serve in its place goes too")));
    }
    out.notes.push(format!("{} stays: {name}, which would serve in its place, goes", dists[id].name));
    true
}

/// Requirements of what stays that the plan does not meet, on purpose; and those that are unmet already.
pub(super) fn overridden(facts: &Facts<'_>, decisions: &Decisions) -> (Vec<OverriddenEdge>, Vec<OverriddenEdge>) {
    let dists = &facts.python.distributions;
    let edge = |edge: &Edge, why: Why| OverriddenEdge {
        distribution: dists[edge.from].normalized.clone(),
        version: dists[edge.from].version.clone(),
        requirement: edge.requirement.clone(),
        name: edge.name.clone(),
        why,
    };
    let (mut on_purpose, mut before) = (Vec::new(), Vec::new());
    for requirement in &facts.graph.edges {
        let stays = decisions.kept.contains(&requirement.from) && !decisions.swaps.contains_key(&requirement.from);
        if let Some(why) = decisions.overridden_names.get(&requirement.name).filter(|_| stays) {
            on_purpose.push(edge(requirement, why.clone()));
        } else if !requirement.satisfied {
            let found = requirement.to.map(|to| dists[to].version.clone());
            before.push(edge(requirement, Why::UnmetBefore(found)));
        } else if let Some(gone) = requirement.to.and_then(|to| decisions.gone.get(&to)).filter(|_| stays) {
            on_purpose.push(edge(requirement, gone.why.clone()));
        }
    }
    on_purpose.sort();
    on_purpose.dedup();
    before.sort();
    before.dedup();
    (on_purpose, before)
}

/// Whether the plan follows a rule for a finding of this tier: a finding may be more cautious than its rule.
pub(crate) fn follows(rule: &Rule, tier: Tier, options: &super::PlanOptions) -> bool {
    let accepted = tier == Tier::Auto || (tier == Tier::Confirm && options.accept.contains(&rule.id));
    accepted && !options.skip.contains(&rule.id)
}
