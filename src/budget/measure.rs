//! What a limit is held against: one number, the sentence that says it, and who makes it up.

use super::accept::Acceptances;
use super::config::{Bound, Measure};
use super::culprits::{Culprits, change, largest_first};
use super::snapshot::{DistributionSize, LayerSize, PackageSize, Snapshot, total, wire};
use super::verdict::{Amount, CheckId, Culprit, Severity, shown};
use crate::base::{Basis, ByteSize, Size, Unit};
use crate::fs::Category;
use crate::rules::{Severity as RuleSeverity, Tier};

/// One number.
pub(super) struct Measured {
    /// Bytes, or how many.
    pub(super) value: u64,
    /// Which bytes.
    pub(super) unit: Unit,
    basis: Basis,
    is_count: bool,
    /// What it was before, where that is the question.
    pub(super) before: Option<u64>,
    /// The beginning of a sentence, with the number.
    pub(super) text: String,
    /// Who makes it up, the largest first.
    all: Vec<Culprit>,
    /// Whether only those count that are over the limit themselves.
    single: bool,
}

impl Measured {
    /// Whether it is more than a limit; where each of several may grow by so much, whether one of them is.
    pub(super) fn is_over(&self, limit: &Measure) -> bool {
        match self.before {
            Some(_) if self.single => self.all.iter().any(|culprit| is_over(culprit, limit)),
            before => exceeds(self.value, before, limit),
        }
    }

    /// Where each of several is limited: about the first that is over the limit.
    pub(super) fn focused(mut self, limit: Option<&Measure>) -> Self {
        let first = limit.and_then(|limit| self.all.iter().find(|culprit| is_over(culprit, limit)));
        if let (true, Some(_), Some(first)) = (self.single, self.before, first) {
            let (bytes, before) = now_and_before(first);
            self.text = format!("{} has {}", first.what, first.size.bytes);
            (self.value, self.before) = (bytes, Some(before));
        }
        self
    }

    /// By how much it grew, in per cent. More than can be said where there was nothing.
    fn percent(&self, before: u64) -> Option<f64> {
        (before > 0).then(|| change(before, self.value) as f64 * 100.0 / before as f64)
    }

    /// The number in the limit's unit.
    pub(super) fn amount(&self, limit: Option<&Measure>) -> Amount {
        let Some(before) = self.before else {
            return match self.is_count {
                true => Amount::Count { count: self.value },
                false => Amount::Bytes(Size { bytes: ByteSize(self.value), unit: self.unit, basis: self.basis }),
            };
        };
        match (limit, self.percent(before)) {
            (Some(Measure::Percent(_)), Some(percent)) => Amount::Percent { percent },
            _ => Amount::Change { bytes: change(before, self.value), unit: self.unit, basis: self.basis },
        }
    }

    /// Those to blame.
    pub(super) fn culprits(self, limit: Option<&Measure>) -> Vec<Culprit> {
        let Some(limit) = limit.filter(|_| self.single) else { return self.all };
        let over = |culprit: &Culprit| match self.before {
            Some(_) => is_over(culprit, limit),
            None => exceeds(culprit.size.bytes.0, None, limit),
        };
        self.all.into_iter().filter(|culprit| over(culprit)).collect()
    }

    /// The whole sentence.
    pub(super) fn against(&self, limit: Option<&Measure>, is_over: bool, severity: Severity) -> String {
        let soft = if severity == Severity::Soft { "soft " } else { "" };
        let Some(limit) = limit else { return self.text.clone() };
        let limit_text = match limit {
            Measure::Bytes(bytes) => ByteSize(*bytes).to_string(),
            Measure::Count(count) => count.to_string(),
            Measure::Percent(percent) => format!("{} %", shown(*percent)),
        };
        if let Some(before) = self.before {
            let grown = match (change(before, self.value), self.percent(before)) {
                (0, _) => "as much as before".to_owned(),
                (less, _) if less < 0 => format!("{} less than before", ByteSize(less.unsigned_abs())),
                (more, Some(percent)) => {
                    format!("{} ({} %) more than before", ByteSize(more.unsigned_abs()), shown(percent))
                }
                (more, None) => format!("{} more than before, when it was nothing", ByteSize(more.unsigned_abs())),
            };
            let may = if is_over { "over" } else { "within" };
            return format!("{}, {grown}: {may} the {soft}limit of {limit_text}", self.text);
        }
        let (Measure::Bytes(most) | Measure::Count(most)) = *limit else { return self.text.clone() };
        let over = self.value.saturating_sub(most);
        match (is_over, self.is_count) {
            (false, _) => format!("{}, within the {soft}limit of {limit_text}", self.text),
            (true, true) => format!("{}, {over} over the {soft}limit of {limit_text}", self.text),
            (true, false) => format!("{}, {} over the {soft}limit of {limit_text}", self.text, ByteSize(over)),
        }
    }
}

/// Whether a number is over a limit, or grew by more than it.
fn exceeds(value: u64, before: Option<u64>, limit: &Measure) -> bool {
    let before = before.unwrap_or(0);
    match *limit {
        Measure::Bytes(limit) | Measure::Count(limit) => value > before.saturating_add(limit),
        Measure::Percent(percent) => value > before && (value - before) as f64 * 100.0 > percent * before as f64,
    }
}

/// Whether one thing grew by more than a limit.
fn is_over(culprit: &Culprit, limit: &Measure) -> bool {
    let (now, before) = now_and_before(culprit);
    exceeds(now, Some(before), limit)
}

fn now_and_before(culprit: &Culprit) -> (u64, u64) {
    let now = culprit.size.bytes.0;
    let growth = culprit.growth.unwrap_or(0);
    let size = growth.unsigned_abs();
    (now, if growth < 0 { now.saturating_add(size) } else { now.saturating_sub(size) })
}

/// Measures what a limit is about; a sentence where that is not known.
pub(super) fn measure(
    snapshot: &Snapshot,
    culprits: &Culprits<'_>,
    acceptances: &Acceptances,
    bound: &Bound,
) -> Result<Measured, String> {
    let gauge = Gauge { snapshot, culprits, acceptances };
    match bound.id {
        CheckId::Unpacked => Ok(gauge.unpacked(culprits.weights(true))),
        CheckId::Wire => gauge.wire(&snapshot.layers, "the compressed layers have"),
        CheckId::OwnLayers => Ok(gauge.own_layers(culprits.weights(false))),
        CheckId::OwnLayersWire => gauge.wire(snapshot.own_layers(), &gauge.own("compressed layers", "have")),
        CheckId::AnyLayer => gauge.any_layer(Unit::Unpacked, |layer| Some(layer.unpacked)),
        CheckId::AnyLayerWire => gauge.any_layer(Unit::Wire, |layer| layer.wire),
        CheckId::DeadBytes => Ok(gauge.dead_bytes(culprits.dead())),
        CheckId::AnyDistribution => Ok(gauge.any_distribution()),
        CheckId::Distributions => Ok(gauge.distributions(bound)),
        CheckId::OsPackages => Ok(gauge.os_packages(bound)),
        CheckId::Categories => Ok(gauge.category(bound)),
        CheckId::Findings => Ok(gauge.findings(bound)),
        _ => gauge.growth(bound),
    }
}

struct Gauge<'a> {
    snapshot: &'a Snapshot,
    culprits: &'a Culprits<'a>,
    acceptances: &'a Acceptances,
}

impl Gauge<'_> {
    fn bytes(&self, value: u64, text: String, all: Vec<Culprit>) -> Measured {
        let basis = self.snapshot.basis;
        let unit = Unit::Unpacked;
        Measured { value, unit, basis, is_count: false, before: None, text, all, single: false }
    }

    /// `the layers above the base image unpack to`.
    fn own(&self, layers: &str, verb: &str) -> String {
        match self.snapshot.summary.base_layers {
            0 => format!("all {layers}, as no base image is known, {verb}"),
            _ => format!("the {layers} above the base image {verb}"),
        }
    }

    fn unpacked(&self, all: Vec<Culprit>) -> Measured {
        let bytes = self.snapshot.unpacked();
        self.bytes(bytes, format!("the image unpacks to {}", ByteSize(bytes)), all)
    }

    fn own_layers(&self, all: Vec<Culprit>) -> Measured {
        let bytes = total(self.snapshot.own_layers());
        self.bytes(bytes, format!("{} {}", self.own("layers", "unpack to"), ByteSize(bytes)), all)
    }

    fn dead_bytes(&self, all: Vec<Culprit>) -> Measured {
        let bytes = self.snapshot.dead();
        self.bytes(bytes, format!("the layers carry {} that no container sees", ByteSize(bytes)), all)
    }

    fn wire(&self, layers: &[LayerSize], text: &str) -> Result<Measured, String> {
        let bytes = wire(layers).ok_or_else(|| self.no_wire())?;
        let all = self.culprits.layers(Unit::Wire, |layer| layer.wire);
        let measured = self.bytes(bytes, format!("{text} {}", ByteSize(bytes)), all);
        Ok(Measured { unit: Unit::Wire, ..measured })
    }

    fn no_wire(&self) -> String {
        let unknown = self.snapshot.layers.iter().position(|layer| layer.wire.is_none()).map_or(0, |at| at + 1);
        format!(
            "the compressed size of layer {unknown} is not known: this source of the image has none (a registry or an OCI layout has)"
        )
    }

    fn any_layer(&self, unit: Unit, size: impl Fn(&LayerSize) -> Option<u64>) -> Result<Measured, String> {
        if self.snapshot.layers.iter().any(|layer| size(layer).is_none()) {
            return Err(self.no_wire());
        }
        let all = self.culprits.layers(unit, size);
        let (value, what) =
            all.first().map_or((0, "a layer".to_owned()), |first| (first.size.bytes.0, first.what.clone().into()));
        let text = format!("the largest layer, {what}, has {}", ByteSize(value));
        Ok(Measured { unit, single: true, ..self.bytes(value, text, all) })
    }

    fn any_distribution(&self) -> Measured {
        let of = |dist: &DistributionSize| self.culprits.distribution(dist, dist.bytes);
        let all = largest_first(self.snapshot.distributions.iter().map(of).collect());
        let (value, text) = match all.first() {
            Some(first) => {
                (first.size.bytes.0, format!("the largest distribution, {}, has {}", first.what, first.size.bytes))
            }
            None => (0, "there is no distribution".to_owned()),
        };
        Measured { single: true, ..self.bytes(value, text, all) }
    }

    fn named(&self, bound: &Bound) -> Vec<&DistributionSize> {
        let matches =
            |dist: &&DistributionSize| bound.pattern.as_ref().is_some_and(|pattern| pattern.matches(&dist.normalized));
        self.snapshot.distributions.iter().filter(matches).collect()
    }

    fn distributions(&self, bound: &Bound) -> Measured {
        let named = self.named(bound);
        let bytes = named.iter().fold(0u64, |sum, dist| sum.saturating_add(dist.bytes));
        let all = largest_first(named.iter().map(|dist| self.culprits.distribution(dist, dist.bytes)).collect());
        let text = of_names(bound, "distribution", named.len(), all.first(), bytes);
        self.bytes(bytes, text, all)
    }

    fn os_packages(&self, bound: &Bound) -> Measured {
        let matches =
            |package: &&PackageSize| bound.pattern.as_ref().is_some_and(|pattern| pattern.matches(&package.name));
        let named: Vec<&PackageSize> = self.snapshot.os_packages.iter().filter(matches).collect();
        let bytes = named.iter().fold(0u64, |sum, package| sum.saturating_add(package.bytes));
        let all = largest_first(named.iter().map(|package| self.culprits.package(package, package.bytes)).collect());
        let text = of_names(bound, "OS package", named.len(), all.first(), bytes);
        self.bytes(bytes, text, all)
    }

    fn category(&self, bound: &Bound) -> Measured {
        let category = Category::ALL.into_iter().find(|category| category.as_str() == bound.subject);
        let bytes = category.and_then(|category| self.snapshot.summary.categories.get(&category)).copied().unwrap_or(0);
        self.bytes(bytes, format!("files of the category {} have {}", bound.subject, ByteSize(bytes)), Vec::new())
    }

    fn findings(&self, bound: &Bound) -> Measured {
        // Each of the other kind is at least the least.
        let (severity, tier, what) = match bound.subject.as_str() {
            "error" => (RuleSeverity::Error, Tier::ReportOnly, "of severity error"),
            "warning" => (RuleSeverity::Warning, Tier::ReportOnly, "of severity warning or error"),
            "info" => (RuleSeverity::Info, Tier::ReportOnly, "of any severity"),
            "auto" => (RuleSeverity::Info, Tier::Auto, "of tier auto"),
            "confirm" => (RuleSeverity::Info, Tier::Confirm, "of tier confirm or auto"),
            _ => (RuleSeverity::Info, Tier::ReportOnly, "of any tier"),
        };
        let counted = self.acceptances.counted(self.snapshot);
        let found = counted.filter(|finding| finding.severity >= severity && finding.tier >= tier);
        let all = largest_first(found.map(|finding| self.culprits.finding(finding)).collect());
        let count = all.len() as u64;
        let (plural, have) = if count == 1 { ("", "is") } else { ("s", "are") };
        let text = format!("there {have} {count} finding{plural} {what}");
        Measured { is_count: true, ..self.bytes(count, text, all) }
    }

    fn growth(&self, bound: &Bound) -> Result<Measured, String> {
        let Some(before) = self.culprits.baseline else {
            return Err("there is no baseline".to_owned());
        };
        let with = |measured: Measured, before: u64| Ok(Measured { before: Some(before), ..measured });
        match bound.id {
            CheckId::GrowthUnpacked => with(self.unpacked(self.culprits.grown(true)), before.unpacked.total),
            CheckId::GrowthOwnLayers => with(self.own_layers(self.culprits.grown(false)), before.unpacked.own_layers),
            CheckId::GrowthDeadBytes => with(self.dead_bytes(self.culprits.dead()), before.unpacked.dead_bytes),
            CheckId::GrowthWire => {
                let measured = self.wire(&self.snapshot.layers, "the compressed layers have")?;
                let known = before
                    .wire
                    .as_ref()
                    .ok_or("the baseline has no compressed sizes: write it anew with `check --update`")?;
                let grown = self.culprits.grown(true);
                with(Measured { all: grown, ..measured }, known.total)
            }
            CheckId::GrowthAnyDistribution => Ok(self.most_grown()),
            _ => {
                let named = before
                    .unpacked
                    .distributions
                    .iter()
                    .filter(|(name, _)| bound.pattern.as_ref().is_some_and(|pattern| pattern.matches(name)));
                let before = named.fold(0u64, |sum, (_, (_, bytes))| sum.saturating_add(*bytes));
                let mut measured = self.distributions(bound);
                measured.all.retain(|culprit| culprit.growth.is_some_and(|growth| growth > 0));
                measured.all.sort_by(|a, b| b.growth.cmp(&a.growth).then_with(|| a.name.cmp(&b.name)));
                with(measured, before)
            }
        }
    }

    /// The distribution that grew most.
    fn most_grown(&self) -> Measured {
        let of = |dist: &DistributionSize| self.culprits.distribution(dist, dist.bytes);
        let mut all: Vec<Culprit> = self.snapshot.distributions.iter().map(of).collect();
        all.sort_by(|a, b| b.growth.cmp(&a.growth).then_with(|| a.name.cmp(&b.name)));
        let grown = all.first().filter(|first| first.growth.is_some_and(|growth| growth > 0));
        let ((value, before), text) = match grown {
            Some(first) => {
                let text = format!("the distribution that grew most, {}, has {}", first.what, first.size.bytes);
                (now_and_before(first), text)
            }
            None => ((0, 0), "no distribution is larger than it was".to_owned()),
        };
        Measured { single: true, before: Some(before), ..self.bytes(value, text, all) }
    }
}

/// `torch 2.1.1 has 1.43 GB`, `11 distributions named nvidia-* have 2.90 GB`.
fn of_names(bound: &Bound, what: &str, count: usize, first: Option<&Culprit>, bytes: u64) -> String {
    let name = crate::base::Text::from(&bound.subject);
    match (count, first) {
        (0, _) | (_, None) => format!("no {what} is named {name}"),
        (1, Some(first)) => format!("{} has {}", first.what, ByteSize(bytes)),
        _ => format!("{count} {what}s named {name} have {}", ByteSize(bytes)),
    }
}
