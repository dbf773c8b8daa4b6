//! From facts to an [`AuditReport`]. Pure: every text is escaped here, and nothing is read or printed.

use super::audit::*;
use super::groups;
use crate::base::{CondaId, DistId, LayerIdx, Numbered, PackageId, Problem, Text};
use crate::facts::{Facts, LayerSummary, nobodys};
use crate::fs::{Owner, View};
use crate::image::{GapText, HistoryRow, Image};
use crate::layer::LayerIndex;
use crate::plan::Plan;
use crate::python::{Distribution, Environment, Interpreter, Inventory};
use crate::rules::Finding;
use crate::rules::Rule;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// At most so many rows of files in one list.
const FILES: usize = 20;

impl AuditReport {
    /// Writes down what was found. `rules` are those that made the findings.
    pub fn new(
        image: &Image,
        view: &View<'_>,
        facts: &Facts<'_>,
        findings: &[Finding],
        rules: &[Rule],
        plan: Option<&Plan>,
    ) -> Self {
        let names = Names::new(facts);
        Self {
            schema_version: SCHEMA_VERSION,
            image: image_summary(image, facts),
            sizes: sizes(image, facts),
            unknown_base: image.unknown_base().map(Text::from),
            base_estimate: image.unknown_base().and_then(|name| BaseEstimate::of(name, &image.platform)),
            groups: groups::groups(facts, findings, rules, &names.required_by),
            layers: layers(image, facts, &names),
            visible: visible(image, facts),
            environments: environments(facts.python),
            distributions: distributions(facts.python, &names),
            removed_distributions: removed(facts.python),
            os_packages: os_packages(facts),
            conda_packages: conda_packages(facts),
            interpreters: interpreters(facts),
            findings: findings.iter().map(|finding| finding_report(image, finding, rules, &names)).collect(),
            problems: problems(image, view, facts),
            gaps: image.gaps.iter().map(GapText::from).collect(),
            plan: plan.map(|plan| plan_summary(image, plan)),
            no_plan: None,
            map: None,
            offers: None,
        }
    }
}

impl AuditReport {
    /// Adds the map.
    #[must_use]
    pub fn with_map(self, facts: &Facts<'_>, findings: &[Finding], plan: Option<&Plan>) -> Self {
        Self { map: Some(super::map::map(facts, findings, plan, instructions(facts.view.image()))), ..self }
    }
}

impl ActionSummary {
    /// What a plan does, without its proof.
    pub(super) fn new(action: &crate::plan::Action) -> Self {
        let (rule, title) = (Text::from(&action.rule), Text::from(&action.title));
        Self { rule, tier: action.tier, title, removed: action.removed, added: action.added }
    }
}

impl Offered {
    /// Of a plan that was made.
    pub fn new(accepted: Vec<usize>, plan: &Plan) -> Self {
        let (predicted, unknown) = (&plan.predicted, plan.unknown());
        Self { accepted, predicted: predicted.unpacked(), gaps: predicted.gaps.len(), unknown }
    }
}

impl Offers {
    /// The rules that a plan leaves to the user, with what they are about.
    pub fn waiting(plan: &Plan) -> Vec<(Text, Text)> {
        let mut rules: BTreeMap<Text, Vec<String>> = BTreeMap::new();
        for skipped in plan.skipped.iter().filter(|skipped| skipped.tier == crate::rules::Tier::Confirm) {
            rules.entry(Text::from(&skipped.rule)).or_default().push(skipped.subject.to_string());
        }
        rules
            .into_iter()
            .map(|(rule, about)| (rule, groups::some(about.iter().map(String::as_str), 3).into()))
            .collect()
    }
}

/// The names of distributions, and who requires whom by name, escaped; found once.
struct Names {
    distributions: Numbered<DistId, Text>,
    required_by: Numbered<DistId, Vec<Text>>,
    requires: Numbered<DistId, Vec<Text>>,
    packages: Numbered<PackageId, Text>,
    conda: Numbered<CondaId, Text>,
    interpreters: Vec<Text>,
}

impl Names {
    fn new(facts: &Facts<'_>) -> Self {
        let dists = &facts.python.distributions;
        let distributions = dists.beside(|id| Text::from(&dists[id].name));
        let mut required_by = dists.beside(|_| BTreeSet::new());
        let mut requires = required_by.clone();
        for edge in &facts.graph.edges {
            if let Some(to) = edge.to.filter(|to| *to != edge.from) {
                required_by[to].insert(distributions[edge.from].clone());
                requires[edge.from].insert(distributions[to].clone());
            } else if edge.to.is_none() {
                requires[edge.from].insert(Text::from(&edge.name));
            }
        }
        let sorted = |sets: &Numbered<DistId, BTreeSet<Text>>| sets.beside(|id| sets[id].iter().cloned().collect());
        let packages = facts.os.packages.iter().map(|package| Text::from(&package.name)).collect();
        let conda = facts.os.conda.packages.iter().map(|package| Text::from(&package.name)).collect();
        let interpreters = facts.python.interpreters.list.iter().map(|it| Text::from(&it.title())).collect();
        let (required_by, requires) = (sorted(&required_by), sorted(&requires));
        Self { required_by, requires, distributions, packages, conda, interpreters }
    }

    fn owner(&self, owner: Owner) -> Text {
        let known = |name: Option<&Text>| name.cloned().unwrap_or_else(|| "unknown".into());
        match owner {
            Owner::Distribution(id) => known(self.distributions.get(id)),
            Owner::OsPackage(id) => known(self.packages.get(id)),
            Owner::CondaPackage(id) => known(self.conda.get(id)),
            Owner::Interpreter(id) => known(self.interpreters.get(id)),
            Owner::Base | Owner::PackageManager | Owner::Application => nobodys(owner).into(),
        }
    }
}

fn image_summary(image: &Image, facts: &Facts<'_>) -> ImageSummary {
    let python: BTreeSet<Text> = facts.python.environments.iter().filter_map(python_version).collect();
    ImageSummary {
        name: Text::from(&image.name),
        other_names: image.other_names.iter().map(Text::from).collect(),
        platform: Text::from(&image.platform),
        basis: image.basis,
        base_layers: image.base_layers(),
        operating_system: facts.os.release.get("PRETTY_NAME").map(Text::from),
        python: python.into_iter().collect(),
    }
}

fn python_version(environment: &Environment) -> Option<Text> {
    let minor = || environment.python.map(|(major, minor)| format!("{major}.{minor}").into());
    environment.python_full.as_deref().map(Text::from).or_else(minor)
}

fn sizes(image: &Image, facts: &Facts<'_>) -> Sizes {
    let (total, dead) = (facts.summary.total(), facts.summary.dead());
    Sizes {
        unpacked: unpacked(total, image.basis),
        wire: image.wire().map(|bytes| wire(bytes, image.basis)),
        visible: unpacked(facts.summary.visible(), image.basis),
        dead: unpacked(dead, image.basis),
    }
}

fn layers(image: &Image, facts: &Facts<'_>, names: &Names) -> Vec<LayerReport> {
    let base = image.base_layers();
    let mut instructions = instructions(image).into_iter();
    let report = |(position, (index, sums)): (usize, (&Arc<LayerIndex>, &LayerSummary))| {
        let mut owners: Vec<(Owner, u64)> = sums.owners.iter().map(|(owner, bytes)| (*owner, *bytes)).collect();
        owners.sort_by_key(|(owner, bytes)| (Reverse(*bytes), *owner));
        let named = |(owner, bytes)| NamedBytes { name: names.owner(owner), bytes };
        let hidden =
            |(&(by, fate), &bytes): (&(LayerIdx, &'static str), &u64)| HiddenBytes { by: by as usize + 1, fate, bytes };
        LayerReport {
            position: position + 1,
            instruction: instructions.next().flatten(),
            base: position < base,
            diff_id: index.diff_id.map(|digest| digest.to_string().into()),
            blob: index.blob.map(|digest| digest.to_string().into()),
            blob_verified: index.verified.blob,
            diff_id_verified: index.verified.diff_id,
            compression: index.compression,
            unpacked: unpacked(sums.total, image.basis),
            wire: index.wire.map(|bytes| wire(bytes, image.basis)),
            bytes: LayerBytes {
                visible: sums.visible,
                replaced: sums.replaced,
                rewritten: sums.rewritten,
                deleted: sums.deleted,
                shadowed: sums.shadowed,
                dead: sums.dead(),
            },
            hidden_by: sums.hidden_by.iter().map(hidden).collect(),
            largest_owners: owners.into_iter().take(5).map(named).collect(),
        }
    };
    image.layers.iter().zip(&facts.summary.layers).enumerate().map(report).collect()
}

/// The layers' instructions; none at all when the history does not account for exactly these layers.
pub(crate) fn instructions(image: &Image) -> Vec<Option<Text>> {
    let rows: Vec<&HistoryRow> = image.config.history.iter().filter(|row| !row.empty_layer).collect();
    if rows.len() != image.layers.len() {
        return vec![None; image.layers.len()];
    }
    let text = |row: &HistoryRow| row.instruction().split_whitespace().collect::<Vec<_>>().join(" ");
    rows.iter().map(|row| Some(Text::from(text(row))).filter(|text| !text.is_empty())).collect()
}

fn visible(image: &Image, facts: &Facts<'_>) -> VisibleBytes {
    let mut owners: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (owner, (bytes, _)) in &facts.summary.owners {
        let name = match owner {
            Owner::Distribution(_) => "distributions",
            Owner::OsPackage(_) => "os-packages",
            Owner::CondaPackage(_) => "conda-packages",
            Owner::Interpreter(_) => "interpreters",
            Owner::Base => "base",
            Owner::PackageManager => "package-manager",
            Owner::Application => "application",
        };
        let sum = owners.entry(name).or_default();
        *sum = sum.saturating_add(*bytes);
    }
    let mut by_owner: Vec<NamedBytes> =
        owners.into_iter().map(|(name, bytes)| NamedBytes { name: name.into(), bytes }).collect();
    let categories = facts.summary.categories.iter();
    let mut by_category: Vec<NamedBytes> =
        categories.map(|(category, bytes)| NamedBytes { name: category.as_str().into(), bytes: *bytes }).collect();
    for list in [&mut by_owner, &mut by_category] {
        list.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    }
    VisibleBytes { total: unpacked(facts.summary.visible(), image.basis), by_owner, by_category }
}

fn environments(python: &Inventory) -> Vec<EnvironmentReport> {
    let report = |(position, environment): (usize, &Environment)| {
        let of_it = || python.distributions.iter().filter(move |dist| dist.environment == position);
        EnvironmentReport {
            prefix: environment.prefix.to_string().into(),
            kind: environment.kind,
            site_dirs: environment.site_dirs.iter().map(|path| path.to_string().into()).collect(),
            python: python_version(environment),
            distributions: of_it().count(),
            bytes: of_it().fold(0, |sum, dist| sum.saturating_add(dist.bytes)),
        }
    };
    python.environments.iter().enumerate().map(report).collect()
}

fn distributions(python: &Inventory, names: &Names) -> Vec<DistributionReport> {
    let all = python.distributions.pairs();
    let mut out: Vec<_> = all.map(|(id, dist)| distribution(python, id, dist, names)).collect();
    out.sort_by(|a, b| (b.bytes.cmp(&a.bytes)).then_with(|| (&a.name, &a.environment).cmp(&(&b.name, &b.environment))));
    out
}

fn distribution(python: &Inventory, id: DistId, dist: &Distribution, names: &Names) -> DistributionReport {
    let contest = |contest: &crate::python::Contest| ContestReport {
        path: contest.path.to_string().into(),
        others: contest.others.iter().map(Text::from).collect(),
        survivor: contest.survivor.as_deref().map(Text::from),
    };
    let environment = python.environments.get(dist.environment);
    DistributionReport {
        name: names.distributions[id].clone(),
        version: Text::from(&dist.version),
        environment: environment.map(|environment| environment.prefix.to_string()).unwrap_or_default().into(),
        bytes: dist.bytes,
        bytecode: dist.bytecode,
        by_layer: dist
            .bytes_by_layer
            .iter()
            .map(|(layer, bytes)| LayerShare { layer: *layer as usize + 1, bytes: *bytes })
            .collect(),
        dead_bytes: dist.dead_bytes,
        required_by: names.required_by[id].clone(),
        requires: names.requires[id].clone(),
        requested: dist.requested,
        installer: dist.installer.as_deref().map(Text::from),
        direct_url: dist.direct_url.as_deref().map(Text::from),
        broken: dist.is_broken().then(|| broken(dist)),
        contested: dist.contested.iter().take(FILES).map(contest).collect(),
        more_contested: dist.contested.len().saturating_sub(FILES),
    }
}

fn broken(dist: &Distribution) -> BrokenReport {
    let removers = dist.missing.iter().filter_map(|file| file.removed).map(|(_, by)| by as usize + 1);
    BrokenReport {
        missing: dist.missing.len(),
        recorded: dist.recorded,
        removed_by: removers.collect::<BTreeSet<_>>().into_iter().collect(),
        files: dist.missing.iter().take(FILES).map(|file| file.path.to_string().into()).collect(),
    }
}

/// What higher layers removed. The inventory does not list them yet.
fn removed(python: &Inventory) -> Vec<RemovedReport> {
    let report = |removed: &crate::python::RemovedDistribution| RemovedReport {
        name: Text::from(&*removed.name),
        version: Text::from(&*removed.version),
        layer: removed.layer as usize + 1,
        removed_by: removed.removed_by as usize + 1,
        bytes: removed.bytes,
    };
    python.removed.iter().map(report).collect()
}

/// Files that a Python distribution owns are that distribution's.
fn conda_packages(facts: &Facts<'_>) -> Vec<CondaPackageReport> {
    let conda = &facts.os.conda;
    let mut contested = conda.packages.beside(|_| 0);
    conda.contested.iter().for_each(|(_, position)| contested[*position] += 1);
    for (path, position) in &conda.owners {
        let owner = facts.python.owner(path.as_bytes()).map(|id| &facts.python.distributions[id]);
        let by_pip = owner.is_some_and(|dist| dist.installer.as_deref().is_some_and(|name| name != "conda"));
        contested[*position] += usize::from(by_pip);
    }
    let required_by = conda.required_by();
    let report = |(id, package): (CondaId, &crate::os::CondaPackage)| {
        let (bytes, files) = facts.summary.owners.get(&Owner::CondaPackage(id)).copied().unwrap_or_default();
        CondaPackageReport {
            name: Text::from(&package.name),
            version: Text::from(&package.version),
            build: Text::from(&package.build),
            channel: Text::from(&package.channel),
            environment: package.prefix.to_string().into(),
            files,
            bytes,
            requested: package.requested,
            required_by: required_by[id].iter().map(|other| Text::from(&conda.packages[*other].name)).collect(),
            contested: contested[id],
        }
    };
    let mut out: Vec<_> = facts.os.conda.packages.pairs().map(report).collect();
    out.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| (&a.name, &a.environment).cmp(&(&b.name, &b.environment))));
    out
}

fn interpreters(facts: &Facts<'_>) -> Vec<InterpreterReport> {
    let report = |interpreter: &Interpreter| {
        let mut parts: Vec<NamedBytes> =
            interpreter.parts.iter().map(|(part, &bytes)| NamedBytes { name: part.as_str().into(), bytes }).collect();
        parts.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        InterpreterReport {
            name: Text::from(&interpreter.title()),
            prefix: interpreter.prefix.to_string().into(),
            layer: interpreter.layer as usize + 1,
            bytes: interpreter.bytes(),
            parts,
        }
    };
    facts.python.interpreters.list.iter().map(report).collect()
}

fn os_packages(facts: &Facts<'_>) -> Vec<OsPackageReport> {
    let report = |package: &crate::os::OsPackage| OsPackageReport {
        name: Text::from(&package.name),
        version: Text::from(&package.version),
        bytes: package.bytes,
        manual: package.manual,
    };
    let mut out: Vec<_> = facts.os.packages.iter().map(report).collect();
    out.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    out
}

fn finding_report(image: &Image, finding: &Finding, rules: &[Rule], names: &Names) -> FindingReport {
    let rule = rules.iter().find(|rule| rule.id == finding.rule);
    let evidence = |row: &crate::rules::Evidence| EvidenceReport {
        place: row.location.as_ref().map(|location| Text::of(&location)),
        bytes: row.bytes,
        note: Text::from(&row.note),
    };
    FindingReport {
        rule: Text::from(&finding.rule),
        label: rule.map_or("other", Rule::label).into(),
        severity: finding.severity,
        tier: finding.tier,
        subject: finding.subject.to_string().into(),
        message: Text::from(&finding.message),
        size: unpacked(finding.bytes, image.basis),
        layer: finding.layer.map(|layer| layer as usize + 1),
        distributions: finding.distributions.iter().filter_map(|id| names.distributions.get(*id).cloned()).collect(),
        evidence: finding.evidence.iter().map(evidence).collect(),
        more_evidence: finding.more_evidence,
        doubts: finding.doubts.iter().map(Text::from).collect(),
    }
}

fn problems(image: &Image, view: &View<'_>, facts: &Facts<'_>) -> Vec<ProblemReport> {
    // What was odd about a layer is among the image's problems already.
    let all = image.problems.iter().chain(&image.unread).chain(view.problems());
    let all = all.chain(&facts.python.problems).chain(&facts.os.problems);
    let report = |problem: &Problem| ProblemReport { place: problem.place.clone(), message: problem.message.clone() };
    all.map(report).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What `plan` takes off `image`: the difference of the two ledgers, whose totals are the layers' bytes.
pub(super) fn saving(image: &Image, plan: &Plan) -> i64 {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    signed(image.unpacked()).saturating_sub(signed(plan.predicted.unpacked()))
}

fn plan_summary(image: &Image, plan: &Plan) -> PlanSummary {
    PlanSummary {
        base: Text::from(&plan.base.name),
        predicted: unpacked(plan.predicted.unpacked(), plan.predicted.basis),
        saving: saving(image, plan),
        actions: plan.actions.iter().map(ActionSummary::new).collect(),
        skipped: plan.skipped.iter().map(skipped_summary).collect(),
        notes: plan.notes.iter().map(Text::from).collect(),
        gaps: plan.predicted.gaps.iter().map(GapText::from).collect(),
    }
}

pub(super) fn skipped_summary(skipped: &crate::plan::Skipped) -> SkippedSummary {
    SkippedSummary {
        rule: Text::from(&skipped.rule),
        tier: Some(skipped.tier),
        subject: skipped.subject.to_string().into(),
        bytes: skipped.bytes,
        reason: Text::from(&skipped.reason),
    }
}
