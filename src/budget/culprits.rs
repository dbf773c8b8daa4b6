//! Who is to blame: what weighs most, or what grew most, each with its bytes and the requirements that brought it.

use super::lock::Baseline;
use super::snapshot::{DistributionSize, FindingSize, LayerSize, PackageSize, Snapshot};
use super::verdict::{Culprit, CulpritKind};
use crate::base::{ByteSize, Size, Text, Unit, names};
use crate::facts::Part;
use crate::fs::Owner;
use std::collections::BTreeMap;

/// Single things that a group names as examples.
const EXAMPLES: usize = 3;

/// Makes culprits of one image.
pub(super) struct Culprits<'a> {
    snapshot: &'a Snapshot,
    /// What it weighed before.
    pub(super) baseline: Option<&'a Baseline>,
    /// Of each name, the first distribution's environment, and the bytes of all of that name: a baseline has one number
    /// for them.
    same_name: BTreeMap<&'a str, (&'a str, u64)>,
}

impl<'a> Culprits<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, baseline: Option<&'a Baseline>) -> Self {
        let mut same_name: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
        for dist in &snapshot.distributions {
            let (_, bytes) = same_name.entry(&dist.normalized).or_insert((&dist.environment, 0));
            *bytes = bytes.saturating_add(dist.bytes);
        }
        Self { snapshot, baseline, same_name }
    }
    fn size(&self, bytes: u64) -> Size {
        Size { bytes: ByteSize(bytes), unit: Unit::Unpacked, basis: self.snapshot.basis }
    }

    fn plain(&self, kind: CulpritKind, name: &str, what: String, bytes: u64) -> Culprit {
        Culprit {
            kind,
            name: name.into(),
            what: what.into(),
            size: self.size(bytes),
            growth: None,
            chain: Vec::new(),
            asked_for: None,
            place: None,
        }
    }

    /// What of the image weighs most: each byte in one of them. `base`: whether the base image's are among them.
    pub(super) fn weights(&self, base: bool) -> Vec<Culprit> {
        let mut out = self.with_variants(self.families(self.own_distributions()));
        out.extend(self.dead_rest());
        out.extend(self.groups(base));
        out.retain(|culprit| culprit.size.bytes.0 > 0);
        largest_first(out)
    }

    /// Distributions with bytes above the base image, by those bytes.
    fn own_distributions(&self) -> Vec<(&DistributionSize, u64)> {
        self.snapshot.own(&self.snapshot.distributions, Owner::distribution)
    }

    pub(super) fn distribution(&self, dist: &DistributionSize, bytes: u64) -> Culprit {
        let title = format!("{} {}", dist.name, dist.version);
        let before = self.baseline.map(|baseline| baseline.unpacked.distributions.get(&dist.normalized));
        let what = match before {
            Some(None) => format!("{title} (new)"),
            Some(Some((version, _))) if dist.version != *version => format!("{title} (was {version})"),
            _ => title,
        };
        let growth = |before: u64| match self.same_name.get(dist.normalized.as_str()) {
            Some((first, _)) if dist.environment != *first => 0,
            Some((_, all)) if *all > dist.bytes => change(before, *all),
            _ => change(before, bytes),
        };
        Culprit {
            growth: before.map(|before| growth(before.map_or(0, |(_, bytes)| *bytes))),
            // A root's chain is itself.
            chain: if dist.chain.len() > 1 { dist.chain.clone() } else { Vec::new() },
            asked_for: dist.asked_for.clone(),
            place: Some(dist.place.clone()),
            ..self.plain(CulpritKind::Distribution, &dist.normalized, what, bytes)
        }
    }

    /// Distributions, where those that one root brought and whose names start alike are one: `nvidia-*`.
    fn families(&self, distributions: Vec<(&DistributionSize, u64)>) -> Vec<Culprit> {
        let mut families: BTreeMap<(&str, &str), Vec<Culprit>> = BTreeMap::new();
        let mut out = Vec::new();
        for (dist, bytes) in distributions {
            let culprit = self.distribution(dist, bytes);
            match (dist.normalized.split_once('-'), dist.chain.as_slice()) {
                (Some((start, _)), [root, _, ..]) => families.entry((start, root)).or_default().push(culprit),
                _ => out.push(culprit),
            }
        }
        for ((start, _), members) in families {
            match members.len() {
                1 => out.extend(members),
                _ => out.extend(self.family(start, largest_first(members))),
            }
        }
        out
    }

    /// With the uninstalled distributions: one whose name starts like that of a distribution which is there, or of
    /// another uninstalled one, is a variant of it, whoever asked for either (`opencv-*`).
    fn with_variants(&self, mut culprits: Vec<Culprit>) -> Vec<Culprit> {
        let mut variants: BTreeMap<String, Vec<Culprit>> = BTreeMap::new();
        for hidden in self.hidden() {
            match hidden.name.split_once('-') {
                Some((start, _)) => variants.entry(start.to_owned()).or_default().push(hidden),
                None => culprits.push(hidden),
            }
        }
        for (start, mut members) in variants {
            let is_variant = |culprit: &Culprit| {
                culprit.kind == CulpritKind::Distribution && culprit.name.split('-').next() == Some(&start)
            };
            members.extend(culprits.iter().filter(|culprit| is_variant(culprit)).cloned());
            if members.len() > 1 {
                culprits.retain(|culprit| !is_variant(culprit));
                culprits.extend(self.family(&start, largest_first(members)));
            } else {
                culprits.extend(members);
            }
        }
        culprits
    }

    /// One for several, with the chain of the largest.
    fn family(&self, start: &str, members: Vec<Culprit>) -> Option<Culprit> {
        let first = members.first()?;
        let name = format!("{start}-*");
        let bytes = members.iter().fold(0u64, |sum, member| sum.saturating_add(member.size.bytes.0));
        let growth = members.iter().map(|member| member.growth).sum::<Option<i64>>();
        let new = self.baseline.is_some() && members.iter().all(|member| member.what.ends_with("(new)"));
        let new = if new { ", new" } else { "" };
        let mut chain = first.chain.clone();
        if let Some(last) = chain.last_mut() {
            *last = Text::from(&name);
        }
        let hidden = members.iter().filter(|member| member.kind == CulpritKind::HiddenDistribution).count();
        let hidden = if hidden > 0 { format!(", {hidden} of them hidden") } else { String::new() };
        // Who asked for each is told where it is not the same.
        let alike = members.iter().all(|member| member.asked_for == first.asked_for);
        let member = |member: &Culprit| {
            let asked = member.asked_for.as_ref().filter(|_| !alike);
            let asked = asked.map(|asked| format!(" ({asked})")).unwrap_or_default();
            format!("{} {}{asked}", member.what, member.size.bytes)
        };
        let examples = names(&members.iter().map(member).collect::<Vec<String>>(), EXAMPLES);
        Some(Culprit {
            growth,
            chain,
            asked_for: first.asked_for.clone().filter(|_| alike),
            place: Some(examples.into()),
            ..self.plain(
                CulpritKind::Family,
                &name,
                format!("{name} ({} distributions{new}{hidden})", members.len()),
                bytes,
            )
        })
    }

    /// Uninstalled distributions whose bytes are still there.
    pub(super) fn hidden(&self) -> Vec<Culprit> {
        let culprit = |hidden: &super::HiddenSize| Culprit {
            chain: if hidden.chain.len() > 1 { hidden.chain.clone() } else { Vec::new() },
            asked_for: hidden.asked_for.clone(),
            place: Some(
                (format!(
                    "hidden in layer {}: layer {} uninstalled or replaced it",
                    hidden.layer + 1,
                    hidden.removed_by + 1
                ))
                .into(),
            ),
            ..self.plain(
                CulpritKind::HiddenDistribution,
                &hidden.normalized,
                format!("{} (hidden)", hidden.title),
                hidden.bytes,
            )
        };
        self.snapshot.hidden.iter().map(culprit).collect()
    }

    /// Hidden bytes of no uninstalled distribution, by the layer that hid them.
    fn dead_rest(&self) -> Vec<Culprit> {
        let of = |(part, bytes): (&Part, &u64)| {
            let Part::Hidden(by) = part else { return None };
            let named = self.snapshot.hidden.iter().filter(|hidden| hidden.removed_by == *by);
            let rest = bytes.saturating_sub(named.fold(0, |sum, hidden| sum.saturating_add(hidden.bytes)));
            let name = format!("layer {}", by + 1);
            let what = format!("bytes that {} hides", self.layer_title(*by as usize));
            Some(self.plain(CulpritKind::DeadBytes, &name, what, rest))
        };
        self.snapshot.summary.parts.iter().filter_map(of).collect()
    }

    /// Bytes that no container sees.
    pub(super) fn dead(&self) -> Vec<Culprit> {
        let mut out = self.hidden();
        out.extend(self.dead_rest());
        out.retain(|culprit| culprit.size.bytes.0 > 0);
        largest_first(out)
    }

    /// What is neither of a distribution nor hidden.
    fn groups(&self, base: bool) -> Vec<Culprit> {
        let summary = &self.snapshot.summary;
        let before = self.baseline.map(|baseline| &baseline.unpacked);
        let with = |culprit: Culprit, before: Option<u64>| Culprit {
            growth: before.map(|before| change(before, culprit.size.bytes.0)),
            ..culprit
        };
        let (caches, application) = (summary.own(Owner::PackageManager), summary.application());
        let os = self.snapshot.own(&self.snapshot.os_packages, Owner::os_package);
        let conda = self.snapshot.own(&self.snapshot.conda_packages, Owner::conda_package);
        let mut out = vec![
            with(
                self.packages(CulpritKind::OsPackages, "OS packages", os),
                before.map(|before| before.os_packages.values().sum()),
            ),
            with(
                self.packages(CulpritKind::CondaPackages, "conda packages", conda),
                before.map(|before| before.conda_packages),
            ),
            with(
                self.plain(CulpritKind::Caches, "caches", "caches and lists of package managers".to_owned(), caches),
                before.map(|before| before.caches),
            ),
            with(
                self.plain(
                    CulpritKind::Application,
                    "application",
                    crate::facts::nobodys(Owner::Application).to_owned(),
                    application,
                ),
                before.map(|before| before.application),
            ),
        ];
        if base {
            let culprit = self.plain(CulpritKind::Base, "base", "the base image".to_owned(), summary.base());
            out.push(with(culprit, before.map(|before| before.base)));
        }
        out
    }

    /// Packages above the base image as one, with the largest as examples.
    fn packages(&self, kind: CulpritKind, what: &str, mut packages: Vec<(&PackageSize, u64)>) -> Culprit {
        packages.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.name.cmp(&b.0.name)));
        let sum = packages.iter().fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
        let what = format!("{what} above the base image ({})", packages.len());
        Culprit {
            place: Some(examples(packages.iter().map(|(package, bytes)| (package.name.as_str(), *bytes))).into()),
            ..self.plain(kind, kind.as_str(), what, sum)
        }
    }

    /// What grew, most first. Nothing without a baseline.
    pub(super) fn grown(&self, base: bool) -> Vec<Culprit> {
        let Some(before) = self.baseline.map(|baseline| &baseline.unpacked) else { return Vec::new() };
        let grew = |(dist, bytes): &(&DistributionSize, u64)| {
            before.distributions.get(&dist.normalized).is_none_or(|(_, before)| bytes > before)
        };
        let mut out = self.families(self.own_distributions().into_iter().filter(grew).collect());
        let dead = self.snapshot.dead();
        if dead > before.dead_bytes {
            let what = "bytes that no container sees".to_owned();
            let largest = self.dead();
            let place = examples(largest.iter().map(|culprit| (culprit.what.as_str(), culprit.size.bytes.0)));
            out.push(Culprit {
                growth: Some(change(before.dead_bytes, dead)),
                place: Some(place.into()),
                ..self.plain(CulpritKind::DeadBytes, "dead-bytes", what, dead)
            });
        }
        out.extend(self.groups(base).into_iter().filter(|culprit| culprit.kind != CulpritKind::OsPackages));
        out.extend(self.grown_packages(&before.os_packages));
        out.retain(|culprit| culprit.growth.is_some_and(|growth| growth > 0));
        out.sort_by(|a, b| b.growth.cmp(&a.growth).then_with(|| a.name.cmp(&b.name)));
        out
    }

    fn grown_packages(&self, before: &BTreeMap<Text, u64>) -> Vec<Culprit> {
        let of = |(package, bytes): (&PackageSize, u64)| {
            let old = before.get(&package.name);
            let new = if old.is_none() { " (new)" } else { "" };
            Culprit {
                growth: Some(change(old.copied().unwrap_or(0), bytes)),
                what: format!("{} {}{new}", package.name, package.version).into(),
                ..self.package(package, bytes)
            }
        };
        self.snapshot.own(&self.snapshot.os_packages, Owner::os_package).into_iter().map(of).collect()
    }

    pub(super) fn package(&self, package: &PackageSize, bytes: u64) -> Culprit {
        let asked = if package.manual { "asked for by hand" } else { "installed for another package" };
        let what = format!("{} {}", package.name, package.version);
        Culprit { place: Some(asked.into()), ..self.plain(CulpritKind::OsPackage, &package.name, what, bytes) }
    }

    /// `layer 6 (RUN pip install x)`.
    pub(super) fn layer_title(&self, position: usize) -> String {
        let instruction = self.snapshot.layers.get(position).and_then(|layer| layer.instruction.as_deref());
        match instruction {
            Some(instruction) => format!("layer {} ({instruction})", position + 1),
            None => format!("layer {}", position + 1),
        }
    }

    /// Layers by a size of theirs, largest first.
    pub(super) fn layers(&self, unit: Unit, size: impl Fn(&LayerSize) -> Option<u64>) -> Vec<Culprit> {
        let culprit = |(position, layer): (usize, &LayerSize)| {
            let bytes = size(layer)?;
            let culprit = Culprit {
                place: (!layer.largest.is_empty()).then(|| {
                    let largest = layer.largest.iter().map(|(what, bytes)| (what.as_str(), *bytes));
                    format!("most of it: {} unpacked", examples(largest)).into()
                }),
                ..self.plain(CulpritKind::Layer, &format!("layer {}", position + 1), self.layer_title(position), bytes)
            };
            Some(Culprit { size: Size { unit, ..culprit.size }, ..culprit })
        };
        let layers = self.snapshot.layers.iter().enumerate().filter_map(culprit);
        largest_first(layers.filter(|culprit| culprit.size.bytes.0 > 0).collect())
    }

    pub(super) fn finding(&self, finding: &FindingSize) -> Culprit {
        let culprit = self.plain(
            CulpritKind::Finding,
            &format!("{}: {}", finding.rule, finding.subject),
            format!("{}: {}", finding.rule, finding.message),
            finding.bytes,
        );
        Culprit { place: finding.place.clone(), ..culprit }
    }
}

/// After minus before.
pub(super) fn change(before: u64, after: u64) -> i64 {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    signed(after).saturating_sub(signed(before))
}

pub(super) fn largest_first(mut culprits: Vec<Culprit>) -> Vec<Culprit> {
    culprits.sort_by(|a, b| b.size.bytes.cmp(&a.size.bytes).then_with(|| a.name.cmp(&b.name)));
    culprits
}

/// `a 3.0 MB, b 2.0 MB and 4 more`.
fn examples<'n>(named: impl Iterator<Item = (&'n str, u64)>) -> String {
    let all: Vec<String> = named.map(|(name, bytes)| format!("{name} {}", ByteSize(bytes))).collect();
    names(&all, EXAMPLES)
}
