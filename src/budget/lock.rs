//! `slimwright.lock`: what images weighed when somebody last agreed to it.
//!
//! TOML with one line for each thing that has a size, everything sorted and no time in it, so that a review sees what
//! grew and two branches merge where they can. Entries are kept by image, platform and basis (what was predicted is
//! never compared with what was measured), and each has its sizes by unit. A version that is not known, a file that was
//! not merged to its end, sums that are none: errors, never an empty baseline.

use super::snapshot::{Snapshot, total};
use crate::base::{Basis, Excerpt, Hint, Text};
use crate::facts::Part;
use crate::fs::Owner;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use toml::Spanned;

/// The version that is written and read.
const VERSION: i64 = 1;

/// Baselines by image, platform and basis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    entries: BTreeMap<Key, Baseline>,
}

/// Name without tag, platform, and whether the sizes were measured or predicted.
type Key = (String, String, Basis);

/// What one image weighed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    /// In unpacked bytes.
    pub unpacked: Unpacked,
    /// In compressed bytes, where they were known.
    pub wire: Option<Wire>,
}

/// Unpacked bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unpacked {
    /// All layers.
    pub total: u64,
    /// The layers above the base image.
    pub own_layers: u64,
    /// What no container sees.
    pub dead_bytes: u64,
    /// What is visible of the base image's layers.
    pub base: u64,
    /// Caches and lists of package managers above the base.
    pub caches: u64,
    /// Files of no package above the base.
    pub application: u64,
    /// What conda installed above the base and is no distribution.
    pub conda_packages: u64,
    /// The layers, lowest first.
    pub layers: Vec<Layer>,
    /// Distributions by normalized name: the versions, and the bytes of all of that name.
    pub distributions: BTreeMap<Text, (Text, u64)>,
    /// OS packages above the base, by name.
    pub os_packages: BTreeMap<Text, u64>,
}

/// Compressed bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wire {
    /// All layers.
    pub total: u64,
    /// The layers above the base image.
    pub own_layers: u64,
    /// The layers, lowest first.
    pub layers: Vec<Layer>,
}

/// One layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Layer {
    /// Its bytes.
    pub bytes: u64,
    /// What created it.
    #[serde(default)]
    pub instruction: Text,
    /// Its digest.
    #[serde(default)]
    pub digest: Text,
}

/// Why a lock cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Not of the form that is written.
    #[error("{file}:{line}:{column}: damaged: {message}")]
    Damaged {
        /// The file as it was named.
        file: Text,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What was expected and found, and the line with a mark.
        message: String,
    },
    /// Of a version that is not known.
    #[error("{file}: expected a lock of version {VERSION}, found version {found}")]
    Version {
        /// The file.
        file: Text,
        /// Its version.
        found: i64,
    },
}

impl Hint for LockError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Damaged { .. } => {
                "restore it from version control, or delete it and write it anew with `check --update`"
            }
            Self::Version { .. } => {
                "use the slimwright that wrote it, or delete it and write it anew with `check --update`"
            }
        };
        Some(text.to_owned())
    }
}

#[derive(Deserialize)]
struct RawVersion {
    version: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLock {
    #[expect(dead_code, reason = "it was looked at before the rest was read")]
    version: i64,
    #[serde(default)]
    image: Vec<Spanned<RawImage>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawImage {
    name: Text,
    platform: Text,
    basis: Basis,
    unpacked: Spanned<RawUnpacked>,
    wire: Option<Spanned<RawWire>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawUnpacked {
    total: u64,
    own_layers: u64,
    dead_bytes: u64,
    base: u64,
    caches: u64,
    application: u64,
    #[serde(default)]
    conda_packages: u64,
    layers: Vec<Layer>,
    #[serde(default)]
    distributions: BTreeMap<Text, RawDistribution>,
    #[serde(default)]
    os_packages: BTreeMap<Text, u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDistribution {
    bytes: u64,
    version: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawWire {
    total: u64,
    own_layers: u64,
    layers: Vec<Layer>,
}

impl Lock {
    /// Parses a lock; `file` is what it is called in messages.
    pub fn parse(text: &str, file: &str) -> Result<Self, LockError> {
        let damaged = |span: Range<usize>, message: &str| {
            let excerpt = Excerpt::new(text, span);
            let message = format!("{}\n{}", Text::from(message), excerpt.shown);
            LockError::Damaged { file: Text::from(file), line: excerpt.line, column: excerpt.column, message }
        };
        let of_toml =
            |error: toml::de::Error| damaged(error.span().unwrap_or(0..0), &error.message().trim().replace('\n', ", "));
        let version = toml::from_str::<RawVersion>(text).map_err(of_toml)?.version;
        let version = version.ok_or_else(|| damaged(0..0, "expected `version`, found none"))?;
        if *version.get_ref() != VERSION {
            return Err(LockError::Version { file: Text::from(file), found: version.into_inner() });
        }
        let raw: RawLock = toml::from_str(text).map_err(of_toml)?;
        let mut out = Self::default();
        for image in raw.image {
            let span = image.span();
            let (key, baseline) = read_image(image.into_inner()).map_err(|(span, message)| damaged(span, message))?;
            match out.entries.entry(key) {
                Entry::Vacant(slot) => slot.insert(baseline),
                Entry::Occupied(_) => return Err(damaged(span, "this image, platform and basis is there already")),
            };
        }
        Ok(out)
    }

    /// What an image weighed.
    pub fn get(&self, snapshot: &Snapshot) -> Option<&Baseline> {
        self.entries.get(&key(snapshot))
    }

    /// With this image's sizes; all other entries stay as they are.
    pub fn set(&mut self, snapshot: &Snapshot) {
        self.entries.insert(key(snapshot), Baseline::of(snapshot));
    }

    /// Lowers this image's sizes to what they are now, where they are smaller. Nothing becomes larger, and nothing is
    /// added. Whether anything changed.
    pub fn tighten(&mut self, snapshot: &Snapshot) -> bool {
        let now = Baseline::of(snapshot);
        let Some(before) = self.entries.get_mut(&key(snapshot)) else { return false };
        let tightened = before.tightened(&now);
        let changed = tightened != *before;
        *before = tightened;
        changed
    }

    /// The lock as text.
    pub fn render(&self) -> String {
        let mut out = format!(
            "# What images weigh, for `slimwright check`. Written by `check --update` and `check --tighten`.\n\
             version = {VERSION}\n"
        );
        for ((name, platform, basis), baseline) in &self.entries {
            let basis = if *basis == Basis::Measured { "measured" } else { "predicted" };
            let names = [("name", name.as_str()), ("platform", platform), ("basis", basis)];
            out.push_str("\n[[image]]\n");
            names.iter().for_each(|(key, text)| out.push_str(&format!("{key} = {}\n", quoted(text))));
            baseline.unpacked.render(&mut out);
            if let Some(wire) = &baseline.wire {
                out.push_str("\n[image.wire]\n");
                rows(&mut out, &[("total", wire.total), ("own-layers", wire.own_layers)]);
                layers_text(&mut out, &wire.layers);
            }
        }
        out
    }
}

fn key(snapshot: &Snapshot) -> Key {
    // What stands in a catalogue is no measurement either.
    let basis = if snapshot.basis == Basis::Measured { Basis::Measured } else { Basis::Predicted };
    (snapshot.repository.clone().into(), snapshot.platform.clone().into(), basis)
}

fn read_image(raw: RawImage) -> Result<(Key, Baseline), (Range<usize>, &'static str)> {
    const NO_SUM: &str = "the layers do not sum to the total";
    let sums = |layers: &[Layer], total: u64, own: u64| {
        layers.iter().try_fold(0u64, |sum, layer| sum.checked_add(layer.bytes)) == Some(total) && own <= total
    };
    if raw.basis == Basis::Catalogue {
        return Err((raw.unpacked.span(), "expected the basis `measured` or `predicted`"));
    }
    let span = raw.unpacked.span();
    let sizes = raw.unpacked.into_inner();
    if !sums(&sizes.layers, sizes.total, sizes.own_layers) {
        return Err((span, NO_SUM));
    }
    let wire = match raw.wire.map(|wire| (wire.span(), wire.into_inner())) {
        Some((span, wire)) if !sums(&wire.layers, wire.total, wire.own_layers) => return Err((span, NO_SUM)),
        Some((_, wire)) => Some(Wire { total: wire.total, own_layers: wire.own_layers, layers: wire.layers }),
        None => None,
    };
    let distributions = sizes.distributions.into_iter().map(|(name, found)| (name, (found.version, found.bytes)));
    let unpacked = Unpacked {
        total: sizes.total,
        own_layers: sizes.own_layers,
        dead_bytes: sizes.dead_bytes,
        base: sizes.base,
        caches: sizes.caches,
        application: sizes.application,
        conda_packages: sizes.conda_packages,
        layers: sizes.layers,
        distributions: distributions.collect(),
        os_packages: sizes.os_packages,
    };
    Ok(((raw.name.into(), raw.platform.into(), raw.basis), Baseline { unpacked, wire }))
}

impl Baseline {
    /// An image's sizes as a baseline.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self { unpacked: Unpacked::of(snapshot), wire: Wire::of(snapshot) }
    }

    fn tightened(&self, now: &Self) -> Self {
        let wire = match (&self.wire, &now.wire) {
            (Some(before), Some(now)) => Some(before.tightened(now)),
            (before, _) => before.clone(),
        };
        Self { unpacked: self.unpacked.tightened(&now.unpacked), wire }
    }
}

impl Unpacked {
    fn of(snapshot: &Snapshot) -> Self {
        let mut out = Self {
            total: snapshot.unpacked(),
            own_layers: total(snapshot.own_layers()),
            dead_bytes: snapshot.dead(),
            base: snapshot.summary.base(),
            caches: snapshot.summary.own(Owner::PackageManager),
            application: snapshot.summary.application(),
            conda_packages: snapshot.summary.bytes_of(|part| matches!(part, Part::Own(Owner::CondaPackage(_)))),
            layers: layers(snapshot, |layer| Some(layer.unpacked)).unwrap_or_default(),
            ..Self::default()
        };
        for (package, bytes) in snapshot.own(&snapshot.os_packages, Owner::os_package) {
            let sum = out.os_packages.entry(package.name.clone()).or_default();
            *sum = sum.saturating_add(bytes);
        }
        for dist in &snapshot.distributions {
            let (versions, bytes) = out.distributions.entry(dist.normalized.clone()).or_default();
            if !versions.split(", ").any(|version| dist.version == version) {
                let comma = if versions.is_empty() { "" } else { ", " };
                *versions = format!("{versions}{comma}{}", dist.version).into();
            }
            *bytes = bytes.saturating_add(dist.bytes);
        }
        out
    }

    fn tightened(&self, now: &Self) -> Self {
        let smaller = now.total <= self.total;
        let distributions = self.distributions.iter().filter_map(|(name, before)| {
            let now = now.distributions.get(name)?;
            Some((name.clone(), if now.1 <= before.1 { now.clone() } else { before.clone() }))
        });
        let packages = self
            .os_packages
            .iter()
            .filter_map(|(name, before)| Some((name.clone(), *before.min(now.os_packages.get(name)?))));
        Self {
            total: self.total.min(now.total),
            own_layers: self.own_layers.min(now.own_layers),
            dead_bytes: self.dead_bytes.min(now.dead_bytes),
            base: self.base.min(now.base),
            caches: self.caches.min(now.caches),
            application: self.application.min(now.application),
            conda_packages: self.conda_packages.min(now.conda_packages),
            // Only whole lists of layers sum to a total.
            layers: if smaller { now.layers.clone() } else { self.layers.clone() },
            distributions: distributions.collect(),
            os_packages: packages.collect(),
        }
    }

    fn render(&self, out: &mut String) {
        out.push_str("\n[image.unpacked]\n");
        rows(
            out,
            &[
                ("total", self.total),
                ("own-layers", self.own_layers),
                ("dead-bytes", self.dead_bytes),
                ("base", self.base),
                ("caches", self.caches),
                ("application", self.application),
            ],
        );
        if self.conda_packages > 0 {
            rows(out, &[("conda-packages", self.conda_packages)]);
        }
        layers_text(out, &self.layers);
        if !self.distributions.is_empty() {
            out.push_str("\n[image.unpacked.distributions]\n");
        }
        for (name, (version, bytes)) in &self.distributions {
            let (name, version) = (quoted(name), quoted(version));
            out.push_str(&format!("{name} = {{ bytes = {}, version = {version} }}\n", *bytes));
        }
        if !self.os_packages.is_empty() {
            out.push_str("\n[image.unpacked.os-packages]\n");
        }
        for (name, bytes) in &self.os_packages {
            out.push_str(&format!("{} = {}\n", quoted(name), *bytes));
        }
    }
}

impl Wire {
    fn of(snapshot: &Snapshot) -> Option<Self> {
        let own = super::snapshot::wire(snapshot.own_layers())?;
        Some(Self { total: snapshot.wire()?, own_layers: own, layers: layers(snapshot, |layer| layer.wire)? })
    }

    fn tightened(&self, now: &Self) -> Self {
        Self {
            total: self.total.min(now.total),
            own_layers: self.own_layers.min(now.own_layers),
            layers: if now.total <= self.total { now.layers.clone() } else { self.layers.clone() },
        }
    }
}

fn layers(snapshot: &Snapshot, size: impl Fn(&super::LayerSize) -> Option<u64>) -> Option<Vec<Layer>> {
    let layer = |layer: &super::LayerSize| {
        Some(Layer {
            bytes: size(layer)?,
            instruction: layer.instruction.clone().unwrap_or_default(),
            digest: layer.digest.clone().unwrap_or_default(),
        })
    };
    snapshot.layers.iter().map(layer).collect()
}

fn rows(out: &mut String, rows: &[(&str, u64)]) {
    rows.iter().for_each(|(key, bytes)| out.push_str(&format!("{key} = {}\n", *bytes)));
}

fn layers_text(out: &mut String, layers: &[Layer]) {
    out.push_str("layers = [\n");
    for layer in layers {
        let mut line = format!("    {{ bytes = {}", layer.bytes);
        for (key, text) in [("instruction", &layer.instruction), ("digest", &layer.digest)] {
            if !text.is_empty() {
                line.push_str(&format!(", {key} = {}", quoted(text)));
            }
        }
        out.push_str(&format!("{line} }},\n"));
    }
    out.push_str("]\n");
}

/// A TOML string on one line.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            _ if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}
