//! The difference of two images by cause.
//!
//! Every byte of every layer of either image has one cause: it is hidden, it is of the base image's layers, or it is
//! visible above them and has one owner. So the causes sum to the difference of the totals, always: [`Diff::new`] asserts
//! it. The layers are told besides: they are another cut through the same bytes.

use crate::base::{Basis, Size};
use serde::Serialize;

/// The answer of `slimwright diff`. Every text is escaped.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Diff {
    /// Version of this form: [`super::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The first image's name.
    pub before: String,
    /// The second image's name.
    pub after: String,
    /// Their platforms: one where they are equal, `a → b` where not.
    pub platform: String,
    /// Bytes of all layers.
    pub unpacked: SizeChange,
    /// Compressed bytes of all layers, where both are known.
    pub wire: Option<SizeChange>,
    /// By cause, those with the largest difference first; sums to `unpacked`. Those without any difference are left out.
    pub causes: Vec<Cause>,
    /// Layers that are not the same in both, in order. Not a part of the sum.
    pub layers: Vec<LayerChange>,
    /// Layers that are the same in both.
    pub same_layers: usize,
}

/// A size before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SizeChange {
    /// Before.
    pub before: Size,
    /// After.
    pub after: Size,
    /// After minus before.
    pub difference: i64,
}

/// Kinds of cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    /// Python distributions that only the second image has.
    DistributionsAdded,
    /// Python distributions that only the first image has.
    DistributionsRemoved,
    /// Python distributions in another version.
    DistributionsChanged,
    /// Python distributions in the same version with other bytes.
    DistributionsResized,
    /// OS packages above the base image.
    OsPackages,
    /// The layers of the base image: it moved, or it is another one.
    Base,
    /// Files of no package: the application's.
    Application,
    /// Caches and lists of package managers.
    Caches,
    /// Bytes that no container sees.
    DeadBytes,
}

impl CauseKind {
    /// The public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DistributionsAdded => "distributions-added",
            Self::DistributionsRemoved => "distributions-removed",
            Self::DistributionsChanged => "distributions-changed",
            Self::DistributionsResized => "distributions-resized",
            Self::OsPackages => "os-packages",
            Self::Base => "base",
            Self::Application => "application",
            Self::Caches => "caches",
            Self::DeadBytes => "dead-bytes",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::DistributionsAdded => "distributions added",
            Self::DistributionsRemoved => "distributions removed",
            Self::DistributionsChanged => "distributions in another version",
            Self::DistributionsResized => "distributions with other bytes",
            Self::OsPackages => "OS packages above the base",
            Self::Base => "base image",
            Self::Application => "application, other files",
            Self::Caches => "caches, package lists",
            Self::DeadBytes => "hidden in lower layers",
        }
    }
}

/// One cause and its rows, which sum to its difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cause {
    /// What kind.
    pub kind: CauseKind,
    /// Bytes (`unpacked`) before.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
    /// After minus before.
    pub difference: i64,
    /// The single things, those with the largest difference first.
    pub rows: Vec<DiffRow>,
}

/// One thing that is different.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DiffRow {
    /// Name: a distribution, a package, a folder, a layer.
    pub name: String,
    /// Version before, where it has one.
    pub version_before: Option<String>,
    /// Version after.
    pub version_after: Option<String>,
    /// Bytes (`unpacked`) before.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
    /// After minus before.
    pub difference: i64,
    /// The requirements that brought it, from the root to it, each `name version`; of the image that has it, the second
    /// where both have.
    pub chain: Vec<String>,
    /// Why the root of the chain is one.
    pub asked_for: Option<String>,
}

/// What became of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerFate {
    /// Only the second image has it.
    Added,
    /// Only the first image has it.
    Removed,
    /// The same instruction with other bytes.
    Rebuilt,
}

/// A layer that is not the same in both.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayerChange {
    /// What became of it.
    pub fate: LayerFate,
    /// Its position in the first image, counted from 1.
    pub position_before: Option<usize>,
    /// Its position in the second image, counted from 1.
    pub position_after: Option<usize>,
    /// What created it, in one line.
    pub instruction: Option<String>,
    /// Whether it is of the base image, of the image that has it.
    pub base: bool,
    /// Bytes (`unpacked`) before.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
    /// After minus before.
    pub difference: i64,
    /// How they are known.
    pub basis: Basis,
}
