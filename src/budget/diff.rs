//! The difference of two images by cause.
//!
//! Every byte of every layer of either image is in one part of its [`crate::facts::Summary`], and each part has one cause. So the causes sum to the difference of the totals, always: [`Diff::new`] asserts
//! it. The layers are told besides: they are another cut through the same bytes.

use super::SCHEMA_VERSION;
use super::culprits::change;
use super::snapshot::{LayerSize, PackageSize, Snapshot};
use crate::base::{Basis, ByteSize, Size, Text, Unit};
use crate::fs::Owner;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The answer of `slimwright diff`. Every text is escaped.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Diff {
    /// Version of this form: [`super::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The first image's name.
    pub before: Text,
    /// The second image's name.
    pub after: Text,
    /// Their platforms: one where they are equal, `a → b` where not.
    pub platform: Text,
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
    /// conda packages above the base image.
    CondaPackages,
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
            Self::CondaPackages => "conda-packages",
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
            Self::CondaPackages => "conda packages above the base",
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
    pub name: Text,
    /// Version before, where it has one.
    pub version_before: Option<Text>,
    /// Version after.
    pub version_after: Option<Text>,
    /// Bytes (`unpacked`) before.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
    /// After minus before.
    pub difference: i64,
    /// The requirements that brought it, from the root to it, each `name version`; of the image that has it, the second
    /// where both have.
    pub chain: Vec<Text>,
    /// Why the root of the chain is one.
    pub asked_for: Option<Text>,
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
    pub instruction: Option<Text>,
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

/// Something of one image by its name: the versions, its bytes, and who brought it.
#[derive(Clone, Default)]
struct Thing {
    versions: Vec<Text>,
    bytes: u64,
    chain: Vec<Text>,
    asked_for: Option<Text>,
}

impl Thing {
    fn version(&self) -> Option<Text> {
        (!self.versions.is_empty()).then(|| self.versions.join(", ").into())
    }
}

type Things = BTreeMap<Text, Thing>;

impl Diff {
    /// The difference of two images.
    pub fn new(before: &Snapshot, after: &Snapshot) -> Self {
        let mut causes = of_distributions(&distributions(before), &distributions(after));
        for (kind, things) in OTHERS {
            causes.extend(cause(kind, &things(before), &things(after)));
        }
        causes.sort_by_key(|cause| (Reverse(cause.difference.unsigned_abs()), cause.kind));
        let unpacked = size_change(before, before.unpacked(), after, after.unpacked(), Unit::Unpacked);
        // Made-up sizes may be more than a difference can say.
        if before.unpacked().max(after.unpacked()) < i64::MAX as u64 {
            let sum: i64 = causes.iter().map(|cause| cause.difference).sum();
            assert_eq!(sum, unpacked.difference, "the causes must sum to the difference");
        }
        let (layers, same_layers) = layers(before, after);
        let wire = before.wire().zip(after.wire());
        Self {
            schema_version: SCHEMA_VERSION,
            before: before.name.clone(),
            after: after.name.clone(),
            platform: match before.platform == after.platform {
                true => after.platform.clone(),
                false => format!("{} → {}", before.platform, after.platform).into(),
            },
            unpacked,
            wire: wire.map(|(first, second)| size_change(before, first, after, second, Unit::Wire)),
            causes,
            layers,
            same_layers,
        }
    }

    /// Whether nothing at all is different.
    pub fn is_empty(&self) -> bool {
        self.causes.is_empty() && self.layers.is_empty() && self.unpacked.difference == 0
    }
}

fn size_change(before: &Snapshot, first: u64, after: &Snapshot, second: u64, unit: Unit) -> SizeChange {
    SizeChange {
        before: Size { bytes: ByteSize(first), unit, basis: before.basis },
        after: Size { bytes: ByteSize(second), unit, basis: after.basis },
        difference: change(first, second),
    }
}

/// All distributions, with their bytes above the base image.
fn distributions(snapshot: &Snapshot) -> Things {
    let mut out = Things::new();
    for (id, dist) in snapshot.distributions.pairs() {
        let bytes = snapshot.summary.own(Owner::Distribution(id));
        let thing = out.entry(dist.normalized.clone()).or_default();
        if !thing.versions.contains(&dist.version) {
            thing.versions.push(dist.version.clone());
        }
        if bytes > thing.bytes || thing.asked_for.is_none() {
            thing.chain = if dist.chain.len() > 1 { dist.chain.clone() } else { Vec::new() };
            thing.asked_for.clone_from(&dist.asked_for);
        }
        thing.bytes = thing.bytes.saturating_add(bytes);
    }
    out
}

fn of_distributions(before: &Things, after: &Things) -> Vec<Cause> {
    let mut rows: BTreeMap<CauseKind, Vec<DiffRow>> = BTreeMap::new();
    for name in names(before, after) {
        let (old, new) = (before.get(name), after.get(name));
        let kind = match (old, new) {
            (None, _) => CauseKind::DistributionsAdded,
            (_, None) => CauseKind::DistributionsRemoved,
            (Some(old), Some(new)) if old.versions != new.versions => CauseKind::DistributionsChanged,
            _ => CauseKind::DistributionsResized,
        };
        rows.entry(kind).or_default().extend(row(name, old, new));
    }
    let of_rows = |(kind, rows): (CauseKind, Vec<DiffRow>)| {
        let before = rows.iter().map(|row| row.before).fold(0, u64::saturating_add);
        let after = rows.iter().map(|row| row.after).fold(0, u64::saturating_add);
        (!rows.is_empty()).then(|| finished(kind, before, after, rows))
    };
    rows.into_iter().filter_map(of_rows).collect()
}

fn names<'t>(before: &'t Things, after: &'t Things) -> Vec<&'t str> {
    let mut out: Vec<&str> = before.keys().chain(after.keys()).map(Text::as_str).collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// Nothing where nothing is different.
fn row(name: &str, old: Option<&Thing>, new: Option<&Thing>) -> Option<DiffRow> {
    let bytes = |thing: Option<&Thing>| thing.map_or(0, |thing| thing.bytes);
    let version = |thing: Option<&Thing>| thing.and_then(Thing::version);
    let (before, after) = (bytes(old), bytes(new));
    let same = before == after && version(old) == version(new);
    let from = new.or(old)?;
    (!same).then(|| DiffRow {
        name: name.into(),
        version_before: version(old),
        version_after: version(new),
        before,
        after,
        difference: change(before, after),
        chain: from.chain.clone(),
        asked_for: from.asked_for.clone(),
    })
}

fn finished(kind: CauseKind, before: u64, after: u64, mut rows: Vec<DiffRow>) -> Cause {
    rows.sort_by(|a, b| {
        let size = |row: &DiffRow| Reverse(row.difference.unsigned_abs());
        size(a).cmp(&size(b)).then_with(|| a.name.cmp(&b.name))
    });
    Cause { kind, before, after, difference: change(before, after), rows }
}

/// A cause, and what it has of an image.
type Other = (CauseKind, fn(&Snapshot) -> Things);

/// The other causes.
const OTHERS: [Other; 6] = [
    (CauseKind::OsPackages, |image| packages(&image.own(&image.os_packages, Owner::os_package))),
    (CauseKind::CondaPackages, |image| packages(&image.own(&image.conda_packages, Owner::conda_package))),
    (CauseKind::Base, |image| one("what is visible of the base image's layers", image.summary.base())),
    (CauseKind::Application, application),
    (CauseKind::Caches, |image| one("caches and lists of package managers", image.summary.own(Owner::PackageManager))),
    (CauseKind::DeadBytes, dead),
];

fn cause(kind: CauseKind, before: &Things, after: &Things) -> Option<Cause> {
    let rows: Vec<DiffRow> =
        names(before, after).into_iter().filter_map(|name| row(name, before.get(name), after.get(name))).collect();
    let sum = |things: &Things| things.values().fold(0u64, |sum, thing| sum.saturating_add(thing.bytes));
    (!rows.is_empty()).then(|| finished(kind, sum(before), sum(after), rows))
}

fn plain(bytes: u64) -> Thing {
    Thing { bytes, ..Thing::default() }
}

fn packages(packages: &[(&PackageSize, u64)]) -> Things {
    let mut out = Things::new();
    for (package, bytes) in packages {
        let thing = out.entry(package.name.clone()).or_default();
        thing.versions.push(package.version.clone());
        thing.bytes = thing.bytes.saturating_add(*bytes);
    }
    out.values_mut().for_each(|thing| thing.versions.sort());
    out
}

fn one(name: &str, bytes: u64) -> Things {
    if bytes > 0 { Things::from([(name.into(), plain(bytes))]) } else { Things::new() }
}

/// By folder, where the folders were told.
fn application(snapshot: &Snapshot) -> Things {
    let all = snapshot.summary.application();
    let told = snapshot.folders.values().fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
    let mut out = Things::new();
    if told <= all {
        out.extend(snapshot.folders.iter().map(|(folder, bytes)| (folder.clone(), plain(*bytes))));
    }
    let rest = if told <= all { all - told } else { all };
    if rest > 0 {
        out.insert("other files".into(), plain(rest));
    }
    out
}

/// Uninstalled distributions by name, and the rest.
fn dead(snapshot: &Snapshot) -> Things {
    let mut out = Things::new();
    let mut told = 0u64;
    for hidden in &snapshot.hidden {
        let bytes = hidden.bytes.min(snapshot.dead().saturating_sub(told));
        told += bytes;
        let thing = out.entry(hidden.normalized.clone()).or_default();
        thing.bytes = thing.bytes.saturating_add(bytes);
        thing.chain = if hidden.chain.len() > 1 { hidden.chain.clone() } else { Vec::new() };
        thing.asked_for.clone_from(&hidden.asked_for);
    }
    let rest = snapshot.dead().saturating_sub(told);
    if rest > 0 {
        out.insert("other hidden bytes".into(), plain(rest));
    }
    out
}

/// Layers that are not in both, and how many are.
fn layers(before: &Snapshot, after: &Snapshot) -> (Vec<LayerChange>, usize) {
    let mut olds: Vec<Option<(usize, &LayerSize)>> = before.layers.iter().enumerate().map(Some).collect();
    let mut news: Vec<Option<(usize, &LayerSize)>> = after.layers.iter().enumerate().map(Some).collect();
    let is_known = |layer: &LayerSize| layer.digest.is_some();
    let same = pairs(&mut olds, &mut news, |old, new| is_known(old) && old.digest == new.digest).len();
    // Without digests nobody knows better than by instruction and bytes.
    let blind = |old: &LayerSize, new: &LayerSize| {
        !(is_known(old) && is_known(new)) && old.instruction == new.instruction && old.unpacked == new.unpacked
    };
    let same = same + pairs(&mut olds, &mut news, blind).len();
    let rebuilt =
        pairs(&mut olds, &mut news, |old, new| old.instruction.is_some() && old.instruction == new.instruction);
    let mut out: Vec<LayerChange> =
        rebuilt.into_iter().map(|(old, new)| layer_change(before, after, Some(old), Some(new))).collect();
    out.extend(olds.into_iter().flatten().map(|old| layer_change(before, after, Some(old), None)));
    out.extend(news.into_iter().flatten().map(|new| layer_change(before, after, None, Some(new))));
    out.sort_by_key(|layer| (layer.position_after.or(layer.position_before), layer.position_after, layer.fate));
    (out, same)
}

type Place<'l> = (usize, &'l LayerSize);

/// Takes out the first pairs that are alike.
fn pairs<'l>(
    olds: &mut [Option<Place<'l>>],
    news: &mut [Option<Place<'l>>],
    alike: impl Fn(&LayerSize, &LayerSize) -> bool,
) -> Vec<(Place<'l>, Place<'l>)> {
    let mut out = Vec::new();
    for old in olds {
        let Some(found) = *old else { continue };
        let partner = news.iter_mut().find(|new| new.is_some_and(|(_, new)| alike(found.1, new)));
        if let Some(partner) = partner.and_then(Option::take) {
            *old = None;
            out.push((found, partner));
        }
    }
    out
}

fn layer_change(before: &Snapshot, after: &Snapshot, old: Option<Place<'_>>, new: Option<Place<'_>>) -> LayerChange {
    let bytes = |place: Option<Place<'_>>| place.map_or(0, |(_, layer)| layer.unpacked);
    let (fate, base) = match (old, new) {
        (Some((at, _)), None) => (LayerFate::Removed, at < before.summary.base_layers),
        (None, Some((at, _))) => (LayerFate::Added, at < after.summary.base_layers),
        (_, at) => (LayerFate::Rebuilt, at.is_some_and(|(at, _)| at < after.summary.base_layers)),
    };
    LayerChange {
        fate,
        position_before: old.map(|(at, _)| at + 1),
        position_after: new.map(|(at, _)| at + 1),
        instruction: new.or(old).and_then(|(_, layer)| layer.instruction.clone()),
        base,
        before: bytes(old),
        after: bytes(new),
        difference: change(bytes(old), bytes(new)),
        basis: if before.basis == Basis::Measured { after.basis } else { before.basis },
    }
}
