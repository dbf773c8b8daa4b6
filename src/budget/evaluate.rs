//! From limits and sizes to a verdict.

use super::accept::Acceptances;
use super::config::{Bound, Config, Limits, Measure, Pattern, Unpredicted};
use super::culprits::{Culprits, change};
use super::lock::Baseline;
use super::measure::{Measured, measure};
use super::snapshot::Snapshot;
use super::verdict::{
    Amount, Check, CheckId, CheckKind, Culprit, Outcome, Place, Severity, Verdict, Warning, WarningId, fingerprint,
};
use super::{Date, SCHEMA_VERSION};
use crate::base::{ByteSize, Hint, Size, Text, Unit, names};

/// Culprits of a check that are shown.
const CULPRITS: usize = 10;
/// What is so many times smaller than the largest is not worth a line.
const CRUMB: u64 = 1_000;
/// Gaps that a message names.
const GAPS: usize = 2;

/// Why there is no verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// Nothing is limited.
    #[error("{file}: nothing in it limits {image} ({platform})")]
    NoLimits {
        /// The configuration.
        file: String,
        /// The image, without its tag.
        image: String,
        /// Its platform.
        platform: String,
    },
    /// A growth limit without a baseline.
    #[error("{place}: `{key}` limits growth, and there is no baseline for {image} ({platform}, {basis})")]
    NoBaseline {
        /// Where the limit is written.
        place: String,
        /// Its key.
        key: String,
        /// The image, without its tag.
        image: String,
        /// Its platform.
        platform: String,
        /// How its sizes are known.
        basis: &'static str,
    },
}

impl Hint for BudgetError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoLimits { .. } => {
                "write limits under [limits], or a [[image]] whose name and platform are the image's; docs/budget.md has examples"
            }
            Self::NoBaseline { .. } => {
                "`slimwright check TARGET --update` writes it into slimwright.lock, which belongs into version control"
            }
        };
        Some(text.to_owned())
    }
}

/// The verdict on an image. `baseline` is what it weighed before; acceptances that ended before `today` do not count.
pub fn evaluate(
    snapshot: &Snapshot,
    config: &Config,
    baseline: Option<&Baseline>,
    today: Date,
) -> Result<Verdict, BudgetError> {
    let names: Vec<&str> = snapshot.names.iter().map(Text::as_str).collect();
    let limits = config.limits(&names, &snapshot.platform);
    applicable(snapshot, config, &limits, baseline)?;
    let acceptances = Acceptances::new(snapshot, config.accept(), today);
    let judge =
        Judge { snapshot, limits: &limits, culprits: Culprits::new(snapshot, baseline), acceptances: &acceptances };
    let checks = judge.checks();
    let size = |bytes, unit| Size { bytes: ByteSize(bytes), unit, basis: snapshot.basis };
    let warnings = judge.warnings();
    Ok(Verdict {
        schema_version: SCHEMA_VERSION,
        image: snapshot.name.clone(),
        repository: snapshot.repository.clone(),
        platform: snapshot.platform.clone(),
        basis: snapshot.basis,
        outcome: checks.iter().map(|check| check.outcome).max().unwrap_or(Outcome::CouldNotMeasure),
        unpacked: size(snapshot.unpacked(), Unit::Unpacked),
        wire: snapshot.wire().map(|bytes| size(bytes, Unit::Wire)),
        rests_on: super::RestsOn::default(),
        checks,
        accepted: acceptances.accepted.clone(),
        warnings,
        gaps: snapshot.gaps.iter().map(crate::image::GapText::from).collect(),
        planned: None,
    })
}

fn applicable(
    snapshot: &Snapshot,
    config: &Config,
    limits: &Limits,
    baseline: Option<&Baseline>,
) -> Result<(), BudgetError> {
    let (image, platform) = (snapshot.repository.clone(), snapshot.platform.clone());
    if limits.is_empty() {
        return Err(BudgetError::NoLimits {
            file: Text::from(config.file()).into(),
            image: image.into(),
            platform: platform.into(),
        });
    }
    match limits.growth() {
        Some(bound) if baseline.is_none() => Err(BudgetError::NoBaseline {
            place: bound.place.as_ref().map_or_else(|| "--limit".to_owned(), Place::to_string),
            key: bound.key.clone(),
            image: image.into(),
            platform: platform.into(),
            basis: if snapshot.basis == crate::base::Basis::Measured { "measured" } else { "predicted" },
        }),
        _ => Ok(()),
    }
}

/// Judges one image.
struct Judge<'a> {
    snapshot: &'a Snapshot,
    limits: &'a Limits,
    culprits: Culprits<'a>,
    acceptances: &'a Acceptances,
}

/// What becomes of a number that is known.
struct Broken<'b> {
    by: &'b Measure,
    severity: Severity,
}

impl Judge<'_> {
    fn checks(&self) -> Vec<Check> {
        let mut out: Vec<Check> = self.limits.bounds.iter().map(|bound| self.bound(bound)).collect();
        out.extend(self.limits.python.iter().map(|place| self.python(place)));
        let forbidden = &self.limits.forbidden;
        out.extend(forbidden.distributions.iter().map(|pattern| self.forbidden_distribution(pattern)));
        out.extend(forbidden.os_packages.iter().map(|pattern| self.forbidden_package(pattern)));
        out.extend(forbidden.rules.iter().map(|pattern| self.forbidden_rule(pattern)));
        out.sort_by(|a, b| (a.id, &a.subject).cmp(&(b.id, &b.subject)));
        out
    }

    fn warnings(&self) -> Vec<Warning> {
        let mut out = self.acceptances.warnings.clone();
        if !self.snapshot.gaps.is_empty() && self.limits.unpredicted == Unpredicted::Allow {
            let message = format!("sizes are too small by an unknown amount: {}", self.what_is_missing());
            out.push(Warning { id: WarningId::GapsAllowed, message: message.into(), location: None });
        }
        let unread = self.snapshot.unread.iter();
        out.extend(unread.map(|line| Warning { id: WarningId::ImageProblem, message: line.clone(), location: None }));
        out
    }

    /// Whether a number that keeps a limit may be too small.
    fn doubts(&self) -> bool {
        let gaps = !self.snapshot.gaps.is_empty() && self.limits.unpredicted == Unpredicted::Refuse;
        gaps || !self.snapshot.unread.is_empty()
    }

    /// `RUN make (Dockerfile, line 12: …) is not predicted`.
    fn what_is_missing(&self) -> String {
        let gaps = self.snapshot.gaps.iter();
        let gaps = gaps.map(|gap| format!("{} ({}) is not predicted: {}", gap.command, gap.place, gap.why).into());
        let all: Vec<Text> = gaps.chain(self.snapshot.unread.iter().cloned()).collect();
        names(&all, GAPS)
    }

    fn check(&self, id: CheckId, subject: &str, key: &str, place: Option<Place>) -> Check {
        Check {
            id,
            kind: id.kind(),
            subject: Text::from(subject),
            key: key.into(),
            severity: Severity::Hard,
            outcome: Outcome::Pass,
            limit: None,
            measured: None,
            baseline: None,
            message: String::new().into(),
            culprits: Vec::new(),
            more_culprits: 0,
            location: place,
            fingerprint: fingerprint(&[&self.snapshot.repository, &self.snapshot.platform, id.as_str(), subject]),
        }
    }

    fn bound(&self, bound: &Bound) -> Check {
        let check = self.check(bound.id, &bound.subject, &bound.key, bound.place.clone());
        let measured = measure(self.snapshot, &self.culprits, self.acceptances, bound);
        match measured {
            Ok(measured) => self.judged(check, bound, measured),
            Err(reason) => Check {
                outcome: Outcome::CouldNotMeasure,
                severity: if bound.max.is_empty() { Severity::Soft } else { Severity::Hard },
                limit: bound.max.first().or(bound.warn.first()).map(|limit| self.limit(limit, bound.id)),
                message: reason.into(),
                ..check
            },
        }
    }

    fn judged(&self, check: Check, bound: &Bound, measured: Measured) -> Check {
        let over = |limits: &'_ [Measure]| limits.iter().position(|limit| measured.is_over(limit));
        let broken = |limits, severity| over(limits).map(|at| Broken { by: &limits[at], severity });
        let broken = broken(&bound.max[..], Severity::Hard).or_else(|| broken(&bound.warn[..], Severity::Soft));
        let known = match &broken {
            Some(broken) if broken.severity == Severity::Hard => Outcome::Fail,
            Some(_) => Outcome::Warn,
            None => Outcome::Pass,
        };
        // What is missing can only make a number larger: a broken limit stays broken, another one may break.
        let may_be_worse = known == Outcome::Pass || (known == Outcome::Warn && !bound.max.is_empty());
        let unknown = self.doubts() && may_be_worse;
        let main = bound.max.first().or(bound.warn.first());
        let limit = broken.as_ref().map(|broken| broken.by).or(main);
        let measured = if broken.is_some() { measured.focused(limit) } else { measured };
        let hard = if bound.max.is_empty() { Severity::Soft } else { Severity::Hard };
        let severity = broken.as_ref().map_or(hard, |broken| broken.severity);
        let message = match unknown {
            true => format!("{}, which is too small by an unknown amount: {}", measured.text, self.what_is_missing()),
            false => measured.against(limit, broken.is_some(), severity),
        };
        // Nothing else in the verdict says so.
        let message = match known == Outcome::Warn && self.doubts() && !unknown {
            true => format!("{message}, or more: {}", self.what_is_missing()),
            false => message,
        };
        let baseline = measured.before.map(|bytes| {
            Amount::Bytes(Size { bytes: ByteSize(bytes), unit: measured.unit, basis: self.snapshot.basis })
        });
        let amount = measured.amount(limit);
        let blamed = match known {
            Outcome::Pass => Vec::new(),
            _ => self.grown_since(bound.id, limit).unwrap_or_else(|| measured.culprits(limit)),
        };
        let (culprits, more_culprits) = shortened(blamed);
        Check {
            severity,
            outcome: if unknown { Outcome::CouldNotMeasure } else { known },
            limit: limit.map(|limit| self.limit(limit, bound.id)),
            measured: Some(amount),
            baseline,
            message: message.into(),
            culprits,
            more_culprits,
            ..check
        }
    }

    /// Of a total that was within its limit before: what grew since.
    fn grown_since(&self, id: CheckId, limit: Option<&Measure>) -> Option<Vec<Culprit>> {
        let Some(Measure::Bytes(limit)) = limit else { return None };
        let before = &self.culprits.baseline?.unpacked;
        let (before, base) = match id {
            CheckId::Unpacked => (before.total, true),
            CheckId::OwnLayers => (before.own_layers, false),
            _ => return None,
        };
        let grown = self.culprits.grown(base);
        (before <= *limit && !grown.is_empty()).then_some(grown)
    }

    fn limit(&self, limit: &Measure, id: CheckId) -> Amount {
        let unit = match id {
            CheckId::Wire | CheckId::OwnLayersWire | CheckId::AnyLayerWire | CheckId::GrowthWire => Unit::Wire,
            _ => Unit::Unpacked,
        };
        let basis = self.snapshot.basis;
        match *limit {
            Measure::Count(count) => Amount::Count { count },
            Measure::Percent(percent) => Amount::Percent { percent },
            Measure::Bytes(bytes) if id.kind() == CheckKind::Growth => {
                Amount::Change { bytes: change(0, bytes), unit, basis }
            }
            Measure::Bytes(bytes) => Amount::Bytes(Size { bytes: ByteSize(bytes), unit, basis }),
        }
    }

    fn python(&self, place: &Place) -> Check {
        let check = self.check(CheckId::Python, "", "python", Some(place.clone()));
        let found = self.snapshot.has_python;
        let message = match found {
            true => "Python is there, as promised",
            false => "no Python was found in the image, and the configuration promises one",
        };
        Check {
            outcome: if found { Outcome::Pass } else { Outcome::CouldNotMeasure },
            message: message.into(),
            ..check
        }
    }

    fn forbidden_distribution(&self, pattern: &Pattern) -> Check {
        let installed = self.snapshot.distributions.iter().filter(|dist| pattern.matches(&dist.normalized));
        let mut found: Vec<Culprit> = installed.map(|dist| self.culprits.distribution(dist, dist.bytes)).collect();
        // What an uninstallation left in the layers below is in the image all the same.
        let is_gone = |hidden: &&super::HiddenSize| found.iter().all(|other| other.name != hidden.normalized);
        let gone: Vec<&super::HiddenSize> =
            self.snapshot.hidden.iter().filter(|hidden| pattern.matches(&hidden.normalized)).filter(is_gone).collect();
        let hidden = self.culprits.hidden();
        let hidden = self.snapshot.hidden.iter().zip(hidden).filter(|(size, _)| gone.contains(size));
        let hidden: Vec<Culprit> = hidden.map(|(_, culprit)| culprit).collect();
        found.extend(hidden);
        self.forbidden(CheckId::ForbiddenDistribution, "forbid", pattern, found, "distribution is named")
    }

    fn forbidden_package(&self, pattern: &Pattern) -> Check {
        let found = self.snapshot.os_packages.iter().filter(|package| pattern.matches(&package.name));
        let found = found.map(|package| self.culprits.package(package, package.bytes)).collect();
        self.forbidden(CheckId::ForbiddenOsPackage, "forbid-os-packages", pattern, found, "OS package is named")
    }

    fn forbidden_rule(&self, pattern: &Pattern) -> Check {
        let found = self.acceptances.counted(self.snapshot).filter(|finding| finding.rule == pattern.text);
        let found = found.map(|finding| self.culprits.finding(finding)).collect();
        self.forbidden(CheckId::ForbiddenRule, "forbid-rules", pattern, found, "finding of")
    }

    fn forbidden(&self, id: CheckId, key: &str, pattern: &Pattern, found: Vec<Culprit>, what: &str) -> Check {
        let check = self.check(id, &pattern.text, key, pattern.place.clone());
        let found = super::culprits::largest_first(found);
        let count = found.len() as u64;
        let shown: Vec<Text> = found.iter().map(|culprit| culprit.what.clone()).collect();
        let subject = Text::from(&pattern.text);
        let (outcome, message) = match found.as_slice() {
            [] if self.doubts() => {
                let named = format!("no {what} {subject}, as far as is known");
                (Outcome::CouldNotMeasure, format!("{named}: {}", self.what_is_missing()))
            }
            [] if id == CheckId::ForbiddenRule => (Outcome::Pass, format!("{subject} finds nothing")),
            [] => (Outcome::Pass, format!("no {what} {subject}")),
            [one] if id == CheckId::ForbiddenRule => {
                (Outcome::Fail, format!("{subject} must find nothing: {}", one.what))
            }
            [one] => (Outcome::Fail, format!("{} is forbidden by `{subject}`: {}", one.what, one.size.bytes)),
            _ if id == CheckId::ForbiddenRule => {
                (Outcome::Fail, format!("{subject} must find nothing, and found {count} things"))
            }
            _ => {
                let bytes = found.iter().map(|culprit| culprit.size.bytes).sum::<ByteSize>();
                (Outcome::Fail, format!("{} are forbidden by `{subject}`: {bytes} in all", names(&shown, 3)))
            }
        };
        let (culprits, more_culprits) = shortened(found);
        Check {
            outcome,
            limit: Some(Amount::Count { count: 0 }),
            measured: Some(Amount::Count { count }),
            message: message.into(),
            culprits,
            more_culprits,
            ..check
        }
    }
}

/// The first ones, without what weighs next to nothing beside them, and how many were left out.
fn shortened(mut culprits: Vec<Culprit>) -> (Vec<Culprit>, usize) {
    let all = culprits.len();
    let grew = culprits.iter().all(|culprit| culprit.growth.is_some_and(|growth| growth > 0));
    let weight = |culprit: &Culprit| match culprit.growth {
        Some(growth) if grew => growth.unsigned_abs(),
        _ => culprit.size.bytes.0,
    };
    let crumb = culprits.first().map_or(0, |first| weight(first) / CRUMB);
    culprits.retain(|culprit| weight(culprit) >= crumb);
    culprits.truncate(CULPRITS);
    let more = all - culprits.len();
    (culprits, more)
}
