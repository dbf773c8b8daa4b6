//! What an image weighs, by everything that a limit or a comparison asks for.
//!
//! Every byte is in exactly one part of the image's [`Summary`]; the rest gives the parts their names.

use crate::base::{Basis, CondaId, DistId, Id, ImagePath, LayerIdx, Location, Numbered, PackageId, Text, parent};
use crate::facts::{Chain, Facts, LayerSummary, Owners, Part, Summary, chains};
use crate::fs::Owner;
use crate::image::{Gap, HistoryRow, Image, repository};
use crate::layer::LayerIndex;
use crate::os::{CondaPackage, OsPackage};
use crate::python::{Distribution, RemovedDistribution};
use crate::rules::Finding;
use crate::rules::{Severity, Tier};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Characters of an instruction that is shown.
const INSTRUCTION_WIDTH: usize = 72;
/// Distributions that a layer names.
const LARGEST: usize = 3;

/// The sizes of one image. Bytes are unpacked where nothing else is said; texts are escaped.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The image's name, with its tag.
    pub name: Text,
    /// Its name without tag and digest, by which its baseline is kept.
    pub repository: Text,
    /// All names by which sections of a configuration may mean it.
    pub names: Vec<Text>,
    /// `os/architecture[/variant]`.
    pub platform: Text,
    /// How its numbers are known.
    pub basis: Basis,
    /// Every byte, by what it is.
    pub summary: Summary,
    /// All layers, lowest first.
    pub layers: Vec<LayerSize>,
    /// Distributions, sorted by environment and name.
    pub distributions: Numbered<DistId, DistributionSize>,
    /// Distributions that a layer uninstalled and whose bytes are in the layers below.
    pub hidden: Vec<HiddenSize>,
    /// OS packages, sorted by name.
    pub os_packages: Numbered<PackageId, PackageSize>,
    /// conda packages, with what no distribution owns of them.
    pub conda_packages: Numbered<CondaId, PackageSize>,
    /// Of the application's, bytes by folder: only after [`Snapshot::with_folders`].
    pub folders: BTreeMap<Text, u64>,
    /// What the rules found.
    pub findings: Vec<FindingSize>,
    /// Whether there is an environment of Python's, or a distribution.
    pub has_python: bool,
    /// What a virtual image could not predict.
    pub gaps: Vec<Gap>,
    /// What could not be read, a line each.
    pub unread: Vec<Text>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSize {
    /// Its digest: of the uncompressed tar, or of the blob where that is not known.
    pub digest: Option<Text>,
    /// What created it, in one line.
    pub instruction: Option<Text>,
    /// Bytes.
    pub unpacked: u64,
    /// Compressed bytes.
    pub wire: Option<u64>,
    /// The distributions that have most bytes in it, with these bytes.
    pub largest: Vec<(Text, u64)>,
}

/// One installed distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct DistributionSize {
    /// Name as METADATA writes it.
    pub name: Text,
    /// Name normalized.
    pub normalized: Text,
    /// Version.
    pub version: Text,
    /// Prefix of its environment.
    pub environment: Text,
    /// Its bytes.
    pub bytes: u64,
    /// A shortest way from a root to it, `name version` each; itself alone where it is a root.
    pub chain: Vec<Text>,
    /// Why the first of the chain is a root.
    pub asked_for: Option<Text>,
    /// Where its metadata is.
    pub place: Text,
}

/// A distribution that a layer uninstalled.
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenSize {
    /// Name normalized.
    pub normalized: Text,
    /// Name and version.
    pub title: Text,
    /// Bytes that are still there.
    pub bytes: u64,
    /// The layer that has them, from 0.
    pub layer: LayerIdx,
    /// The layer that took it away, from 0.
    pub removed_by: LayerIdx,
    /// The way to what requires it, and itself, where something does.
    pub chain: Vec<Text>,
    /// Why the first of the chain is a root, or who asked for it.
    pub asked_for: Option<Text>,
}

/// One OS package.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageSize {
    /// Name.
    pub name: Text,
    /// Version.
    pub version: Text,
    /// Its bytes in all layers.
    pub bytes: u64,
    /// Whether it was asked for by hand.
    pub manual: bool,
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingSize {
    /// The rule.
    pub rule: Text,
    /// What it is about.
    pub subject: Text,
    /// In words, with numbers.
    pub message: Text,
    /// How bad.
    pub severity: Severity,
    /// Who may act on it.
    pub tier: Tier,
    /// Bytes it concerns. Findings overlap.
    pub bytes: u64,
    /// The first place of its proof.
    pub place: Option<Text>,
}

impl Snapshot {
    /// Takes the sizes from what was measured.
    pub fn new(facts: &Facts<'_>, findings: &[Finding]) -> Self {
        let image = facts.view.image();
        let distributions = distributions(facts);
        Self {
            name: Text::from(&image.name),
            repository: Text::from(repository(&image.name)),
            names: names(image),
            platform: Text::from(&image.platform),
            basis: image.basis,
            summary: facts.summary.clone(),
            layers: layers(image, facts),
            hidden: hidden(facts, &distributions),
            distributions,
            os_packages: os_packages(facts),
            conda_packages: conda_packages(facts),
            folders: BTreeMap::new(),
            findings: findings.iter().map(finding).collect(),
            has_python: !facts.python.environments.is_empty() || !facts.python.distributions.is_empty(),
            gaps: image.gaps.clone(),
            unread: image
                .unread
                .iter()
                .map(|problem| format!("{}: {}", problem.place, problem.message).into())
                .collect(),
        }
    }

    /// With another name: that of its baseline and of its section in a configuration.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.repository = Text::from(name);
        self.names.insert(0, Text::from(name));
        self
    }

    /// With the application's bytes by folder, which only a comparison asks for.
    #[must_use]
    pub fn with_folders(mut self, facts: &Facts<'_>) -> Self {
        let owners = Owners::new(facts.view, facts.python, facts.os);
        for (path, node) in facts.view.iter().filter(|(_, node)| facts.view.holds_bytes(*node)) {
            let layer = node.data.0;
            let part = Part::visible(owners.of(path, layer), layer, self.summary.base_layers);
            if part.is_application() {
                let sum = self.folders.entry(ImagePath::new(folder(path)).to_string().into()).or_default();
                *sum = sum.saturating_add(facts.view.size(node));
            }
        }
        self.folders.retain(|_, bytes| *bytes > 0);
        self
    }

    /// As another snapshot is called: a predicted image by the name of its original.
    #[must_use]
    pub fn called_as(mut self, other: &Self) -> Self {
        self.name.clone_from(&other.name);
        self.repository.clone_from(&other.repository);
        self.names.clone_from(&other.names);
        self.platform.clone_from(&other.platform);
        self
    }

    /// Bytes of all layers.
    pub fn unpacked(&self) -> u64 {
        self.summary.total()
    }

    /// Compressed bytes of all layers, where all are known.
    pub fn wire(&self) -> Option<u64> {
        wire(&self.layers)
    }

    /// The layers above the base image.
    pub fn own_layers(&self) -> &[LayerSize] {
        self.layers.get(self.summary.base_layers..).unwrap_or_default()
    }

    /// Bytes that no container sees.
    pub fn dead(&self) -> u64 {
        self.summary.dead()
    }

    /// Those of a list of things that have bytes above the base image, with these: the most first.
    pub(super) fn own<'s, I: Id, T>(&self, list: &'s Numbered<I, T>, id: fn(Owner) -> Option<I>) -> Vec<(&'s T, u64)> {
        self.summary.largest(id).into_iter().filter_map(|(at, bytes)| Some((list.get(at)?, bytes))).collect()
    }
}

/// Compressed bytes of some layers, where all are known.
pub(super) fn wire(layers: &[LayerSize]) -> Option<u64> {
    layers.iter().try_fold(0u64, |sum, layer| Some(sum.saturating_add(layer.wire?)))
}

/// The first two components of a path's directory.
fn folder(path: &[u8]) -> &[u8] {
    let dir = parent(path);
    let second = dir.iter().enumerate().filter(|(_, byte)| **byte == b'/').nth(1);
    second.map_or(dir, |(at, _)| &dir[..at])
}

/// Bytes of some layers.
pub(super) fn total(layers: &[LayerSize]) -> u64 {
    layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.unpacked))
}

/// The name whole and without its tag, and the other names so.
fn names(image: &Image) -> Vec<Text> {
    let mut out: Vec<Text> = Vec::new();
    for name in [&image.name].into_iter().chain(&image.other_names) {
        for text in [name.as_str(), repository(name)] {
            let text = Text::from(text);
            if !out.contains(&text) {
                out.push(text);
            }
        }
    }
    out
}

fn layers(image: &Image, facts: &Facts<'_>) -> Vec<LayerSize> {
    let created_by = image.created_by();
    let layer = |(position, (index, sums)): (usize, (&Arc<LayerIndex>, &LayerSummary))| LayerSize {
        digest: index.diff_id.or(index.blob).map(|digest| digest.to_string().into()),
        instruction: created_by.get(position).copied().flatten().and_then(instruction),
        unpacked: sums.total,
        wire: index.wire,
        largest: largest(facts, sums),
    };
    image.layers.iter().zip(&facts.summary.layers).enumerate().map(layer).collect()
}

/// The distributions that have most bytes in a layer.
fn largest(facts: &Facts<'_>, layer: &LayerSummary) -> Vec<(Text, u64)> {
    let distributions = layer.owners.iter().filter(|(owner, _)| owner.distribution().is_some());
    let mut out: Vec<(Text, u64)> =
        distributions.filter_map(|(owner, bytes)| Some((facts.title(*owner)?.into(), *bytes))).collect();
    out.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    out.truncate(LARGEST);
    out
}

/// In one line, escaped and cut.
fn instruction(created_by: &str) -> Option<Text> {
    let row = HistoryRow { created_by: created_by.to_owned(), ..HistoryRow::default() };
    let words: Vec<String> = row.instruction().split_whitespace().take(INSTRUCTION_WIDTH).map(str::to_owned).collect();
    let text = Text::from(&words.join(" ").chars().take(4 * INSTRUCTION_WIDTH).collect::<String>());
    let cut = if text.chars().count() > INSTRUCTION_WIDTH {
        format!("{}…", text.chars().take(INSTRUCTION_WIDTH - 1).collect::<String>().trim_end()).into()
    } else {
        text
    };
    (!cut.is_empty()).then_some(cut)
}

fn distributions(facts: &Facts<'_>) -> Numbered<DistId, DistributionSize> {
    let chains = chains(facts);
    let distribution = |(dist, chain): (&Distribution, Option<Chain>)| {
        let environment = facts.python.environments.get(dist.environment);
        let (chain, asked_for) = chain.map_or((Vec::new(), None), |chain| (chain.steps, Some(chain.how)));
        DistributionSize {
            name: Text::from(&dist.name),
            normalized: Text::from(&dist.normalized),
            version: Text::from(&dist.version),
            environment: environment.map(|environment| environment.prefix.to_string()).unwrap_or_default().into(),
            bytes: dist.bytes,
            chain,
            asked_for,
            place: Location { layer: dist.layer, path: dist.metadata.clone() }.to_string().into(),
        }
    };
    facts.python.distributions.iter().zip(chains).map(distribution).collect()
}

/// Uninstalled distributions. What required one names it still, so that its chain can be told.
fn hidden(facts: &Facts<'_>, installed: &Numbered<DistId, DistributionSize>) -> Vec<HiddenSize> {
    let size = |removed: &RemovedDistribution| {
        let title = Text::from(&format!("{} {}", removed.name, removed.version));
        let asked = facts.asked.iter().find(|asked| asked.name == removed.normalized);
        let requirers = facts.graph.edges.iter().filter(|edge| edge.name == removed.normalized);
        let above = requirers.filter_map(|edge| installed.get(edge.from)).filter(|dist| !dist.chain.is_empty());
        let above = above.min_by_key(|dist| (dist.chain.len(), &dist.chain));
        let (mut chain, asked_for) = match (asked, above) {
            (Some(asked), _) => (Vec::new(), Some(Text::from(&asked.source))),
            (None, Some(dist)) => (dist.chain.clone(), dist.asked_for.clone()),
            (None, None) => (Vec::new(), None),
        };
        chain.push(title.clone());
        HiddenSize {
            normalized: Text::from(&removed.normalized),
            title,
            bytes: removed.bytes,
            layer: removed.layer,
            removed_by: removed.removed_by,
            chain,
            asked_for,
        }
    };
    facts.python.removed.iter().filter(|removed| removed.bytes > 0).map(size).collect()
}

fn os_packages(facts: &Facts<'_>) -> Numbered<PackageId, PackageSize> {
    let size = |package: &OsPackage| PackageSize {
        name: Text::from(&package.name),
        version: Text::from(&package.version),
        bytes: package.bytes,
        manual: package.manual,
    };
    facts.os.packages.iter().map(size).collect()
}

fn conda_packages(facts: &Facts<'_>) -> Numbered<CondaId, PackageSize> {
    let size = |(id, package): (CondaId, &CondaPackage)| PackageSize {
        name: Text::from(&package.name),
        version: Text::from(&package.version),
        bytes: facts.summary.owners.get(&Owner::CondaPackage(id)).map_or(0, |(bytes, _)| *bytes),
        manual: false,
    };
    facts.os.conda.packages.pairs().map(size).collect()
}

fn finding(finding: &Finding) -> FindingSize {
    FindingSize {
        rule: Text::from(&finding.rule),
        subject: finding.subject.to_string().into(),
        message: Text::from(&finding.message),
        severity: finding.severity,
        tier: finding.tier,
        bytes: finding.bytes,
        place: finding.evidence.iter().find_map(|row| Some(Text::from(&row.location.as_ref()?.to_string()))),
    }
}
