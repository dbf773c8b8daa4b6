//! What an audit says: the types that every renderer gets, and that are the JSON format's fields.

use super::layout::{and_gaps, relative_to_plan};
use super::map::Part;
use crate::base::{Basis, ByteSize, Size, Text, Unit, count};
use crate::image::GapText;
use crate::image::catalogue::{self, CatalogueImage};
use crate::layer::Compression;
use crate::python::EnvironmentKind;
use crate::rules::{Severity, Tier};
use serde::Serialize;

/// The version of the JSON formats. Grows when a field changes its meaning or goes, not when one is added.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that was found in one image.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AuditReport {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Which image.
    pub image: ImageSummary,
    /// How large it is.
    pub sizes: Sizes,
    /// The base image that nothing is known of: the sizes are those above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_base: Option<Text>,
    /// About how large that base is, by the catalogue. It is in none of the sums.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_estimate: Option<BaseEstimate>,
    /// All bytes of all layers, each in exactly one group, largest first.
    pub groups: Vec<Group>,
    /// The layers, lowest first.
    pub layers: Vec<LayerReport>,
    /// The bytes that a container sees, by owner and by category.
    pub visible: VisibleBytes,
    /// The Python environments.
    pub environments: Vec<EnvironmentReport>,
    /// The Python distributions, largest first.
    pub distributions: Vec<DistributionReport>,
    /// Distributions that a higher layer removed.
    pub removed_distributions: Vec<RemovedReport>,
    /// The OS packages, largest first.
    pub os_packages: Vec<OsPackageReport>,
    /// What conda installed and is no Python distribution, the largest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conda_packages: Vec<CondaPackageReport>,
    /// The Pythons that no package manager brought: the official images' in `/usr/local`, pyenv's, uv's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interpreters: Vec<InterpreterReport>,
    /// What the rules found, worst first.
    pub findings: Vec<FindingReport>,
    /// What could not be read as it should be.
    pub problems: Vec<ProblemReport>,
    /// What a virtual image could not predict: its sizes are too small by an unknown amount.
    pub gaps: Vec<GapText>,
    /// What a plan would do.
    pub plan: Option<PlanSummary>,
    /// Why there is no plan.
    pub no_plan: Option<Text>,
    /// Every byte by layer, owner, folder and file: for a picture, where one was asked for.
    #[serde(skip)]
    pub map: Option<Part>,
    /// What the plan comes to with rules that wait for the user's word, where that was asked for.
    #[serde(skip)]
    pub offers: Option<Offers>,
}

/// About how large a base image is that nobody could be asked of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BaseEstimate {
    /// The image that the catalogue has: the base itself, or one of its kind.
    pub image: Text,
    /// Whether it is the base itself by its name.
    pub is_same: bool,
    /// How many layers it has.
    pub layers: usize,
    /// Its compressed layers.
    pub wire: Size,
    /// What they unpack to, where that was published.
    pub unpacked: Option<Size>,
    /// The day of its newest figure.
    pub date: Text,
    /// Where the figures were published.
    pub sources: Vec<Text>,
}

impl BaseEstimate {
    /// What the catalogue says of an image of this name.
    pub(super) fn of(name: &str, platform: &str) -> Option<Self> {
        let found = catalogue::estimate(name, platform)?;
        Some(Self::new(found.image, found.is_same))
    }

    /// What the catalogue has beside an image of this name; nothing where that is the image alone.
    pub(super) fn beside(name: &str, platform: &str) -> Vec<Self> {
        let found = catalogue::beside(name, platform);
        let is_same = |image: &CatalogueImage| {
            catalogue::estimate(name, platform).is_some_and(|it| it.is_same && it.image == image)
        };
        let rows: Vec<Self> = found.into_iter().map(|image| Self::new(image, is_same(image))).collect();
        if rows.len() > 1 { rows } else { Vec::new() }
    }

    fn new(image: &CatalogueImage, is_same: bool) -> Self {
        let size = |bytes, unit| Size { bytes: ByteSize(bytes), unit, basis: Basis::Catalogue };
        Self {
            image: image.name.clone().into(),
            is_same,
            layers: image.wire.len(),
            wire: size(image.pulled(), Unit::Wire),
            unpacked: image.unpacked.map(|bytes| size(bytes, Unit::Unpacked)),
            date: image.date.clone().into(),
            sources: image.sources.iter().map(Text::from).collect(),
        }
    }

    /// In one line, with what is above the base.
    pub(super) fn sentence(&self, above: ByteSize) -> String {
        let what = if self.is_same { String::new() } else { format!(" (the catalogue has {})", self.image) };
        let sum = self.unpacked.map(|size| {
            let all = ByteSize(size.bytes.0.saturating_add(above.0));
            format!("about {} unpacked, so that all of it is about {all}", size.bytes)
        });
        let pulled = format!("{} wire in {}", self.wire.bytes, count(self.layers, "layer"));
        let known: Vec<String> = sum.into_iter().chain([pulled]).collect();
        format!("by the catalogue of {} the base{what} is {}: an estimate, in no sum", self.date, known.join("; "))
    }
}

/// Which image was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageSummary {
    /// The name to show.
    pub name: Text,
    /// Other names in the same source.
    pub other_names: Vec<Text>,
    /// `linux/amd64`.
    pub platform: Text,
    /// Whether it was measured or predicted.
    pub basis: Basis,
    /// How many of the lowest layers are the base image's; 0 when the history does not tell.
    pub base_layers: usize,
    /// What os-release calls the system.
    pub operating_system: Option<Text>,
    /// The Python versions of its environments.
    pub python: Vec<Text>,
}

/// The sizes of the image.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sizes {
    /// All bytes of all layers.
    pub unpacked: Size,
    /// What a pull transfers, where the compressed sizes are known.
    pub wire: Option<Size>,
    /// Of the unpacked bytes, those that a container sees.
    pub visible: Size,
    /// Of the unpacked bytes, those that no container sees.
    pub dead: Size,
}

/// Some of the image's bytes, told apart for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Group {
    /// `hidden`, `gpu-libraries`, `distribution`, `distributions`, `os-packages`, `conda-packages`, `interpreters`,
    /// `base-image`, `package-manager` or `application`.
    pub id: &'static str,
    /// What to call it.
    pub label: Text,
    /// Its bytes (`unpacked`).
    pub bytes: u64,
    /// Who asked for it, or what became of it. May be empty.
    pub note: Text,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayerReport {
    /// Its position, 1 for the lowest.
    pub position: usize,
    /// The instruction that made it, white space as single blanks, where the history tells.
    pub instruction: Option<Text>,
    /// Whether it is the base image's.
    pub base: bool,
    /// Digest of the uncompressed tar.
    pub diff_id: Option<Text>,
    /// Digest of the blob.
    pub blob: Option<Text>,
    /// Whether the blob's digest was recomputed and found equal.
    pub blob_verified: bool,
    /// Whether the tar's digest was recomputed and found equal.
    pub diff_id_verified: bool,
    /// How the blob that was read is compressed.
    pub compression: Compression,
    /// Its bytes.
    pub unpacked: Size,
    /// Its compressed bytes, where known.
    pub wire: Option<Size>,
    /// Its bytes (`unpacked`) by fate.
    pub bytes: LayerBytes,
    /// Which layers hid its bytes.
    pub hidden_by: Vec<HiddenBytes>,
    /// Who owns most of its visible bytes, at most five.
    pub largest_owners: Vec<NamedBytes>,
}

impl LayerReport {
    /// Whether what is in it was told by something else than its bytes: a table of contents, or the cache of another blob.
    pub fn is_told(&self) -> bool {
        self.compression != Compression::None && !self.blob_verified && !self.diff_id_verified
    }
}

/// A layer's bytes (`unpacked`) by what became of them. The first five sum to the layer's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayerBytes {
    /// A container sees them.
    pub visible: u64,
    /// Other bytes took their place.
    pub replaced: u64,
    /// The same bytes are in a higher layer again.
    pub rewritten: u64,
    /// A higher layer removed them.
    pub deleted: u64,
    /// The same tar has the path again.
    pub shadowed: u64,
    /// All that no container sees.
    pub dead: u64,
}

/// Bytes that one layer hid in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HiddenBytes {
    /// Position of the layer that hid them, from 1.
    pub by: usize,
    /// `replaced`, `rewritten` or `deleted`.
    pub fate: &'static str,
    /// How many (`unpacked`).
    pub bytes: u64,
}

/// Bytes with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NamedBytes {
    /// The name.
    pub name: Text,
    /// The bytes (`unpacked`).
    pub bytes: u64,
}

/// The visible bytes, sorted twice. Both lists sum to the total.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VisibleBytes {
    /// All of them.
    pub total: Size,
    /// By kind of owner: `distributions`, `os-packages`, `conda-packages`, `interpreters`, `base`, `package-manager`,
    /// `application`.
    pub by_owner: Vec<NamedBytes>,
    /// By kind of file.
    pub by_category: Vec<NamedBytes>,
}

/// A Python environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EnvironmentReport {
    /// Its prefix.
    pub prefix: Text,
    /// What kind.
    pub kind: EnvironmentKind,
    /// Its directories with distributions.
    pub site_dirs: Vec<Text>,
    /// The interpreter's version, as far as it is known.
    pub python: Option<Text>,
    /// How many distributions it has.
    pub distributions: usize,
    /// Their bytes (`unpacked`).
    pub bytes: u64,
}

/// A Python distribution.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DistributionReport {
    /// The name, as its METADATA has it.
    pub name: Text,
    /// The version, as its METADATA has it.
    pub version: Text,
    /// The prefix of its environment.
    pub environment: Text,
    /// Installed bytes (`unpacked`).
    pub bytes: u64,
    /// Of these, bytecode.
    pub bytecode: u64,
    /// `bytes` by the layer that holds them; layers by position from 1.
    pub by_layer: Vec<LayerShare>,
    /// Bytes of its files in lower layers that no container sees.
    pub dead_bytes: u64,
    /// Names of those that require it.
    pub required_by: Vec<Text>,
    /// Names that it requires here.
    pub requires: Vec<Text>,
    /// Whether it has a REQUESTED file.
    pub requested: bool,
    /// Who installed it.
    pub installer: Option<Text>,
    /// Where it was installed from, if from a URL.
    pub direct_url: Option<Text>,
    /// What is wrong with its files.
    pub broken: Option<BrokenReport>,
    /// Paths that others claim too, at most 20.
    pub contested: Vec<ContestReport>,
    /// How many such paths were left out.
    pub more_contested: usize,
}

/// Bytes in a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayerShare {
    /// Its position, from 1.
    pub layer: usize,
    /// The bytes (`unpacked`).
    pub bytes: u64,
}

/// A distribution that cannot work as installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BrokenReport {
    /// How many of its recorded files are gone.
    pub missing: usize,
    /// How many it recorded.
    pub recorded: usize,
    /// Positions, from 1, of the layers that removed them.
    pub removed_by: Vec<usize>,
    /// The first of the missing files, at most 20.
    pub files: Vec<Text>,
}

/// A path that several distributions claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ContestReport {
    /// The path.
    pub path: Text,
    /// Who else claims it.
    pub others: Vec<Text>,
    /// Whose file it is, where that can be told.
    pub survivor: Option<Text>,
}

/// A distribution that a layer has and no container sees, because a higher layer removed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RemovedReport {
    /// Name.
    pub name: Text,
    /// Version.
    pub version: Text,
    /// Position of the layer that has it, from 1.
    pub layer: usize,
    /// Position of the layer that removed it, from 1.
    pub removed_by: usize,
    /// Bytes that stayed behind (`unpacked`).
    pub bytes: u64,
}

/// An OS package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct OsPackageReport {
    /// Name.
    pub name: Text,
    /// Version.
    pub version: Text,
    /// Installed bytes (`unpacked`).
    pub bytes: u64,
    /// Whether it was asked for by hand.
    pub manual: bool,
}

/// A conda package. Its files are those that no Python distribution owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CondaPackageReport {
    /// Name.
    pub name: Text,
    /// Version.
    pub version: Text,
    /// Build.
    pub build: Text,
    /// Channel.
    pub channel: Text,
    /// The environment's prefix.
    pub environment: Text,
    /// How many files with bytes of their own.
    pub files: u64,
    /// Installed bytes (`unpacked`).
    pub bytes: u64,
    /// Whether it was asked for.
    pub requested: bool,
    /// Names of the conda packages that need it.
    pub required_by: Vec<Text>,
    /// How many of the paths that it lists are another conda package's, or were written over by pip.
    pub contested: usize,
}

/// A Python that no package manager brought: its own files, without the distributions in its site directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InterpreterReport {
    /// `Python 3.11`.
    pub name: Text,
    /// `/usr/local`.
    pub prefix: Text,
    /// Position of the layer that has its standard library, from 1.
    pub layer: usize,
    /// Its bytes (`unpacked`).
    pub bytes: u64,
    /// What they are: they sum to `bytes`. The largest first.
    pub parts: Vec<NamedBytes>,
}

/// Something that a rule found. Findings may overlap: their bytes do not add up.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FindingReport {
    /// The rule's id.
    pub rule: Text,
    /// One word for it.
    pub label: Text,
    /// How bad.
    pub severity: Severity,
    /// Who may act on it.
    pub tier: Tier,
    /// What it is about.
    pub subject: Text,
    /// What was found.
    pub message: Text,
    /// Bytes that it concerns.
    pub size: Size,
    /// Position of the layer that it is about, from 1.
    pub layer: Option<usize>,
    /// The distributions that it is about.
    pub distributions: Vec<Text>,
    /// The proof.
    pub evidence: Vec<EvidenceReport>,
    /// How many rows of proof were left out.
    pub more_evidence: usize,
    /// What speaks against following the rule in this image, with places: why the tier is lower than the rule's.
    pub doubts: Vec<Text>,
}

/// A row of proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EvidenceReport {
    /// Where.
    pub place: Option<Text>,
    /// Bytes there (`unpacked`).
    pub bytes: u64,
    /// What about it.
    pub note: Text,
}

/// Something that could not be read as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProblemReport {
    /// Where.
    pub place: Text,
    /// What was expected and found.
    pub message: Text,
}

/// What a plan would do, in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlanSummary {
    /// What it would build on.
    pub base: Text,
    /// All bytes of the predicted image's layers.
    pub predicted: Size,
    /// The difference of the two ledgers: bytes (`unpacked`) that would go. Negative when it would grow.
    pub saving: i64,
    /// What it does, as it sorts it.
    pub actions: Vec<ActionSummary>,
    /// What it leaves alone.
    pub skipped: Vec<SkippedSummary>,
    /// What to know before building.
    pub notes: Vec<Text>,
    /// What its text does and nobody can know: the predicted image is larger by an unknown amount.
    pub gaps: Vec<GapText>,
}

/// Something that a plan does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ActionSummary {
    /// The rule, or a reason of the plan's own.
    pub rule: Text,
    /// Its tier.
    pub tier: Tier,
    /// What is done to what.
    pub title: Text,
    /// Bytes (`unpacked`, measured) that go.
    pub removed: u64,
    /// Bytes (`unpacked`, predicted) that come instead.
    pub added: u64,
}

impl PlanSummary {
    /// Bytes of the original of which nobody knows whether the plan's text brings them again.
    pub(super) fn unknown(&self) -> u64 {
        ActionSummary::unknown(&self.actions)
    }
}

impl ActionSummary {
    /// Of all that a plan does, the bytes of which nobody knows whether they come again.
    pub(super) fn unknown<'a>(actions: impl IntoIterator<Item = &'a Self>) -> u64 {
        let own = actions.into_iter().filter(|action| *action.rule == *crate::rules::actions::UNKNOWN);
        own.map(|action| action.removed).sum()
    }
}

/// Rules that wait for the user's word, and what the plan comes to with some of them: a plan each, for what they free overlaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offers {
    /// The rules, by id, and what they are about.
    pub rules: Vec<(Text, Text)>,
    /// The plans that were made, as positions of the rules that they accept, in order; the first accepts none.
    pub plans: Vec<Offered>,
}

/// The plan with some of the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Positions of the rules in [`Offers::rules`], in order.
    pub accepted: Vec<usize>,
    /// What it comes to in bytes (`unpacked`), without what its gaps bring.
    pub predicted: u64,
    /// How much of it cannot be predicted.
    pub gaps: usize,
    /// Bytes of the original that may come again.
    pub unknown: u64,
}

impl Offered {
    /// What it comes to, in words; `without` is the plan that accepts none of the rules.
    pub fn outcome(&self, before: u64, without: u64) -> String {
        let gaps = and_gaps(self.gaps);
        let relative = relative_to_plan(before, self.predicted, self.unknown);
        let less = match without.abs_diff(self.predicted) {
            0 if self.accepted.is_empty() => String::new(),
            0 => ", as much as without".to_owned(),
            bytes if self.predicted < without => format!(", {} less than without", ByteSize(bytes)),
            bytes => format!(", {} more than without", ByteSize(bytes)),
        };
        format!("{}{gaps} predicted ({relative}){less}", ByteSize(self.predicted))
    }
}

/// Plans that are made for a page, at most.
pub const MAX_OFFERED: usize = 16;

/// Which choices of so many rules are computed: none first, then each alone, then all, then more and more of them, as long as
/// there are no more than [`MAX_OFFERED`].
pub fn offered_choices(rules: usize) -> Vec<Vec<usize>> {
    let rules = rules.min(MAX_OFFERED - 2);
    let mut out: Vec<Vec<usize>> = vec![Vec::new()];
    let mut last = out.clone();
    for size in 1..=rules {
        let more = |chosen: &Vec<usize>| {
            let from = chosen.last().map_or(0, |last| last + 1);
            (from..rules).map(|next| [chosen.as_slice(), &[next]].concat()).collect::<Vec<_>>()
        };
        last = last.iter().flat_map(more).take(MAX_OFFERED).collect();
        out.extend(last.iter().cloned());
        if size == 1 && rules > 1 {
            out.push((0..rules).collect());
        }
        if out.len() > MAX_OFFERED {
            break;
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    out.retain(|chosen| seen.insert(chosen.clone()));
    out.truncate(MAX_OFFERED);
    out
}

/// Something that a plan leaves alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SkippedSummary {
    /// The rule.
    pub rule: Text,
    /// Its tier, where the rule is known.
    pub tier: Option<Tier>,
    /// What it is about.
    pub subject: Text,
    /// Bytes that it concerns.
    pub bytes: u64,
    /// Why, and how to have it done.
    pub reason: Text,
}

impl AuditReport {
    /// Says why there is no plan.
    #[must_use]
    pub fn without_plan(mut self, why: impl std::fmt::Display) -> Self {
        self.plan = None;
        self.no_plan = Some(Text::of(&why));
        self
    }
}

/// Unpacked bytes, known in some way.
pub(super) fn unpacked(bytes: u64, basis: Basis) -> Size {
    Size { bytes: ByteSize(bytes), unit: Unit::Unpacked, basis }
}

/// Compressed bytes, known in some way.
pub(super) fn wire(bytes: u64, basis: Basis) -> Size {
    Size { bytes: ByteSize(bytes), unit: Unit::Wire, basis }
}
