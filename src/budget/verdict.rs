//! The verdict: one [`Check`] for each limit, each with what was measured, where the limit is written, and who is to
//! blame when it does not hold.
//!
//! Ids are kebab-case, name the thing that is limited, and never change. Fingerprints hold no sizes: the same limit on
//! the same image has the same one, whatever it weighs today.

use crate::base::{Basis, ByteSize, Digest, Size, Text, Unit};
use crate::image::GapText;
use serde::Serialize;
use std::fmt;

/// The answer of `slimwright check`. Every text is escaped.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    /// Version of this form: [`super::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The image's name as it was read, with its tag.
    pub image: Text,
    /// The name that the baseline and the fingerprints go by: without tag and digest.
    pub repository: Text,
    /// `os/architecture[/variant]`.
    pub platform: Text,
    /// `measured` for a real image, `predicted` for a virtual one or a plan's.
    pub basis: Basis,
    /// The worst of all checks.
    pub outcome: Outcome,
    /// Bytes of all layers.
    pub unpacked: Size,
    /// Compressed bytes of all layers, where they are known.
    pub wire: Option<Size>,
    /// The files and options that it rests on.
    pub rests_on: RestsOn,
    /// One for each limit that applies, in the order of [`CheckId`], then by subject.
    pub checks: Vec<Check>,
    /// The acceptances of the configuration, in its order.
    pub accepted: Vec<Accepted>,
    /// What the user should know besides. None of them makes a verdict better.
    pub warnings: Vec<Warning>,
    /// What a virtual image could not predict.
    pub gaps: Vec<GapText>,
    /// What the image would be if the plan were followed, and whether that would pass.
    pub planned: Option<Planned>,
}

/// The files and options that a verdict rests on, so that nobody has to guess who has set the limits. Escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RestsOn {
    /// The configuration's file; none where the command line alone has limits.
    pub configuration: Option<Text>,
    /// Configurations that were found and are not read, because that one is.
    pub passed_over: Vec<Text>,
    /// Limits of the command line, as typed.
    pub limits: Vec<Text>,
    /// The file with the baseline; none where no baseline is held against the image.
    pub baseline: Option<Text>,
}

impl RestsOn {
    /// In one line; empty where nothing is known.
    pub fn line(&self) -> String {
        let mut out: Vec<String> = self.configuration.iter().map(Text::to_string).collect();
        out.extend(self.limits.iter().map(|limit| format!("--limit '{limit}'")));
        out.extend(self.baseline.iter().map(|file| format!("baseline {file}")));
        out.extend(self.passed_over.iter().map(|file| format!("not {file} (--config names another one)")));
        out.join("; ")
    }
}

/// How a check ended, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Within its limits.
    Pass,
    /// Over a soft limit.
    Warn,
    /// Nobody can tell: never a pass.
    CouldNotMeasure,
    /// Over a hard limit.
    Fail,
}

impl Outcome {
    /// The exit code of `slimwright check`.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass | Self::Warn => 0,
            Self::Fail => 1,
            Self::CouldNotMeasure => 3,
        }
    }
}

/// One limit and how it was kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    /// What is limited: one of a fixed set.
    pub id: CheckId,
    /// What kind of limit.
    pub kind: CheckKind,
    /// Which one of several of the same id: a glob, a category, a severity; empty where there is only one.
    pub subject: Text,
    /// Where the configuration says it, as a dotted key: `limits.unpacked`.
    pub key: Text,
    /// Whether breaking `limit` is a failure or a warning.
    pub severity: Severity,
    /// How it ended.
    pub outcome: Outcome,
    /// The limit that was broken; the hard one where none was (the soft one where that is the only one).
    pub limit: Option<Amount>,
    /// What was measured; for growth, by how much it grew. None where it could not be.
    pub measured: Option<Amount>,
    /// For growth: what it was before.
    pub baseline: Option<Amount>,
    /// One sentence without a full stop, with the numbers.
    pub message: Text,
    /// What weighs most, or with a baseline what grew most: the largest first. Empty where the check passed.
    pub culprits: Vec<Culprit>,
    /// Culprits that were left out.
    pub more_culprits: usize,
    /// Where the limit is written. None for one of the command line.
    pub location: Option<Place>,
    /// Hexadecimal; from the image's repository and platform, `id` and `subject`, and no sizes.
    pub fingerprint: String,
}

impl Check {
    /// A title for a list: `unpacked`, `distributions nvidia-*`.
    pub fn title(&self) -> String {
        format!("{} {}", self.id.as_str(), self.subject).trim().to_owned()
    }

    /// A fingerprint for one culprit of this check, by its name without version and sizes.
    pub fn fingerprint_of(&self, culprit: &Culprit) -> String {
        fingerprint(&[&self.fingerprint, culprit.kind.as_str(), &culprit.name])
    }
}

/// Hexadecimal, 32 digits; the parts stay apart.
pub(super) fn fingerprint(parts: &[&str]) -> String {
    let text = Digest::of(parts.join("\n").as_bytes()).to_string();
    text.trim_start_matches("sha256:").chars().take(32).collect()
}

macro_rules! check_ids {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $kind:ident, $title:literal;)*) => {
        /// What is limited. The set is fixed, the names never change; what each limits is told by [`CheckId::title`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum CheckId {
            $($(#[$doc])* #[serde(rename = $id)] $name,)*
        }

        impl CheckId {
            /// All of them, in the order in which a verdict lists them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The public name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $id),* }
            }

            /// One line, without a full stop: what breaking it means.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }

            /// What kind of limit it is.
            pub fn kind(self) -> CheckKind {
                match self { $(Self::$name => CheckKind::$kind),* }
            }
        }
    };
}

check_ids! {
    /// Python was promised.
    Python = "python", Promise, "The image has no Python, though the configuration promises one";
    /// Bytes of all layers.
    Unpacked = "unpacked", Limit, "The image unpacks to more than its limit";
    /// Compressed bytes of all layers.
    Wire = "wire", Limit, "The image's compressed layers are larger than their limit";
    /// Bytes of the layers above the base image.
    OwnLayers = "own-layers", Limit, "The layers above the base image unpack to more than their limit";
    /// Compressed bytes of the layers above the base image.
    OwnLayersWire = "own-layers-wire", Limit, "The compressed layers above the base image are larger than their limit";
    /// Bytes of any one layer.
    AnyLayer = "any-layer", Limit, "A layer unpacks to more than the limit of any one";
    /// Compressed bytes of any one layer.
    AnyLayerWire = "any-layer-wire", Limit, "A compressed layer is larger than the limit of any one";
    /// Bytes that no container sees.
    DeadBytes = "dead-bytes", Limit, "Layers carry more bytes that no container sees than their limit";
    /// Bytes of any one distribution.
    AnyDistribution = "any-distribution", Limit, "A Python distribution is larger than the limit of any one";
    /// Bytes of the distributions that a glob names, together.
    Distributions = "distributions", Limit, "Python distributions are larger than their limit";
    /// Bytes of the OS packages that a glob names, together.
    OsPackages = "os-packages", Limit, "OS packages are larger than their limit";
    /// Visible bytes of a category.
    Categories = "categories", Limit, "Files of a category are larger than their limit";
    /// Findings at or over a severity or tier.
    Findings = "findings", Limit, "More findings than their limit";
    /// Growth of all layers.
    GrowthUnpacked = "growth-unpacked", Growth, "The image grew by more than it may";
    /// Growth of the compressed layers.
    GrowthWire = "growth-wire", Growth, "The image's compressed layers grew by more than they may";
    /// Growth of the layers above the base image.
    GrowthOwnLayers = "growth-own-layers", Growth, "The layers above the base image grew by more than they may";
    /// Growth of bytes that no container sees.
    GrowthDeadBytes = "growth-dead-bytes", Growth, "Bytes that no container sees grew by more than they may";
    /// Growth of any one distribution.
    GrowthAnyDistribution = "growth-any-distribution", Growth, "A Python distribution grew by more than any one may";
    /// Growth of the distributions that a glob names, together.
    GrowthDistributions = "growth-distributions", Growth, "Python distributions grew by more than they may";
    /// A distribution that must not be there.
    ForbiddenDistribution = "forbidden-distribution", Forbidden, "The image has a forbidden Python distribution";
    /// An OS package that must not be there.
    ForbiddenOsPackage = "forbidden-os-package", Forbidden, "The image has a forbidden OS package";
    /// A rule that must find nothing.
    ForbiddenRule = "forbidden-rule", Forbidden, "A rule that must find nothing found something";
}

/// Kinds of limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    /// On what the image is.
    Limit,
    /// On how much it grew against the baseline.
    Growth,
    /// Something that must not be there.
    Forbidden,
    /// Something that must be there.
    Promise,
}

/// What breaking a limit means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// A warning (`warn`).
    Soft,
    /// A failure (`max`).
    Hard,
}

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Amount {
    /// Bytes. Of a limit the basis is that of what it limits.
    Bytes(Size),
    /// A difference of bytes: what is larger now is positive.
    Change {
        /// The difference.
        bytes: i64,
        /// Which bytes.
        unit: Unit,
        /// How the later number is known.
        basis: Basis,
    },
    /// A difference in per cent of what it was.
    Percent {
        /// Per cent.
        percent: f64,
    },
    /// A number of things.
    Count {
        /// How many.
        count: u64,
    },
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(size) => write!(f, "{}", size.bytes),
            Self::Change { bytes, .. } if *bytes < 0 => write!(f, "−{}", ByteSize(bytes.unsigned_abs())),
            Self::Change { bytes, .. } => write!(f, "+{}", ByteSize(bytes.unsigned_abs())),
            Self::Percent { percent } if *percent < 0.0 => write!(f, "−{} %", shown(-percent)),
            Self::Percent { percent } => write!(f, "+{} %", shown(*percent)),
            Self::Count { count } => write!(f, "{count}"),
        }
    }
}

/// With a digit behind the point where that says more.
pub(super) fn shown(percent: f64) -> String {
    let text = format!("{percent:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Something that weighs, or that grew.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Culprit {
    /// What kind of thing.
    pub kind: CulpritKind,
    /// Its name without version and sizes, the same from run to run: `torch`, `nvidia-*`.
    pub name: Text,
    /// For people: `torch 2.1.1`, `nvidia-* (11 distributions)`, `layer 6 (RUN pip install …)`.
    pub what: Text,
    /// Its bytes in this image.
    pub size: Size,
    /// By how many bytes it is larger than in the baseline, where there is one.
    pub growth: Option<i64>,
    /// The requirements that brought it, from the root to it, each `name version`; empty where that is not asked of its
    /// kind, or where it is a root itself.
    pub chain: Vec<Text>,
    /// Why the root of the chain is one: `/app/requirements.txt, line 3`.
    pub asked_for: Option<Text>,
    /// Where it is in the image, or what about it.
    pub place: Option<Text>,
}

/// Kinds of culprit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CulpritKind {
    /// A Python distribution.
    Distribution,
    /// Several whose names start alike, or that install over each other.
    Family,
    /// An uninstalled distribution whose bytes a lower layer still has.
    HiddenDistribution,
    /// A layer.
    Layer,
    /// Bytes that no container sees.
    DeadBytes,
    /// An OS package.
    OsPackage,
    /// Several of them.
    OsPackages,
    /// What conda installed and is no distribution.
    CondaPackages,
    /// The layers of the base image.
    Base,
    /// Caches and lists of package managers.
    Caches,
    /// Files of no package.
    Application,
    /// A finding.
    Finding,
}

impl CulpritKind {
    /// The public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Distribution => "distribution",
            Self::Family => "family",
            Self::HiddenDistribution => "hidden-distribution",
            Self::Layer => "layer",
            Self::DeadBytes => "dead-bytes",
            Self::OsPackage => "os-package",
            Self::OsPackages => "os-packages",
            Self::CondaPackages => "conda-packages",
            Self::Base => "base",
            Self::Caches => "caches",
            Self::Application => "application",
            Self::Finding => "finding",
        }
    }
}

/// A place in a file of the user's. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Place {
    /// The file as it was named or found.
    pub file: Text,
    /// Line.
    pub line: usize,
    /// Column in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// An acceptance (`[[accept]]`) and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Accepted {
    /// The rule.
    pub rule: Text,
    /// The glob over subjects.
    pub subject: Text,
    /// Why, in the user's words.
    pub reason: Text,
    /// Until when, as `2026-12-31`; that day included.
    pub expires: Option<Text>,
    /// What became of it.
    pub state: AcceptedState,
    /// Subjects of the findings that it covers.
    pub findings: Vec<Text>,
    /// Where it is written.
    pub location: Place,
}

/// What became of an acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcceptedState {
    /// It covers findings, which do not count.
    Active,
    /// Its date is over: the findings count again.
    Expired,
    /// No finding is like that.
    Unused,
}

/// Something to know besides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Warning {
    /// What kind of thing.
    pub id: WarningId,
    /// One sentence without a full stop.
    pub message: Text,
    /// Where in a file of the user's.
    pub location: Option<Place>,
}

/// Kinds of warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningId {
    /// An acceptance is over.
    AcceptExpired,
    /// An acceptance matches nothing.
    AcceptUnused,
    /// Gaps of a virtual image that the configuration allows.
    GapsAllowed,
    /// Something was wrong with the image's form.
    ImageProblem,
}

impl WarningId {
    /// The public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AcceptExpired => "accept-expired",
            Self::AcceptUnused => "accept-unused",
            Self::GapsAllowed => "gaps-allowed",
            Self::ImageProblem => "image-problem",
        }
    }
}

/// What following the plan would lead to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Planned {
    /// Bytes of all layers of the predicted image.
    pub unpacked: Size,
    /// The verdict on it.
    pub outcome: Outcome,
    /// Messages of the checks that would not pass.
    pub broken: Vec<Text>,
    /// Rules that wait for the user's word, with what each would take off or prevent, largest first: `--accept RULE`.
    pub waiting: Vec<Text>,
}
