//! A verdict, for a terminal.

use super::layout::{Tone, left, paint, right, wrap_commands, wrap_to};
use super::text::joined;
use crate::base::{Basis, Size, Unit};
use crate::base::{Text, count};
use crate::budget::{AcceptedState, Check, Culprit, CulpritKind, Outcome, Planned, Verdict};

/// Culprits of a check without `--details`.
const ROWS: usize = 8;
/// Columns of a size.
const SIZE: usize = 9;
/// Columns of an outcome.
const WORD: usize = 9;
/// Broken checks of the plan that are told.
const BROKEN: usize = 3;

/// The verdict as text. Without `details` long lists are cut, and their rest is counted.
pub fn render(verdict: &Verdict, color: bool, width: usize, details: bool) -> String {
    let page = Page { color, width: width.max(60), rows: if details { usize::MAX } else { ROWS } };
    let mut lines = vec![page.outcome(verdict)];
    lines.extend(page.header(verdict));
    lines.push(String::new());
    let mut checks: Vec<&Check> = verdict.checks.iter().collect();
    checks.sort_by_key(|check| std::cmp::Reverse(check.outcome));
    lines.extend(checks.into_iter().flat_map(|check| page.check(check)));
    lines.extend(page.accepted(verdict));
    lines.extend(page.warnings(verdict));
    if !verdict.rests_on.line().is_empty() {
        lines.extend(page.worded((Tone::Dim, "by"), &verdict.rests_on.line()));
    }
    let planned: Vec<String> = verdict.planned.iter().flat_map(|planned| page.planned(planned)).collect();
    if !planned.is_empty() {
        lines.push(String::new());
        lines.extend(planned);
    }
    joined(lines)
}

struct Page {
    color: bool,
    width: usize,
    rows: usize,
}

/// A word for an outcome, and its colour.
fn word(outcome: Outcome) -> (Tone, &'static str) {
    match outcome {
        Outcome::Pass => (Tone::Saving, "ok"),
        Outcome::Warn => (Tone::Warning, "warning"),
        Outcome::CouldNotMeasure => (Tone::Error, "UNKNOWN"),
        Outcome::Fail => (Tone::Error, "FAILED"),
    }
}

impl Page {
    fn header(&self, verdict: &Verdict) -> Vec<String> {
        let mut facts = vec![verdict.platform.to_string(), sized(verdict.unpacked)];
        facts.extend(verdict.wire.map(sized));
        let gaps = verdict.gaps.len();
        facts.extend((gaps > 0).then(|| format!("{} whose bytes are not known", count(gaps, "gap"))));
        let name = paint(self.color, Tone::Name, &verdict.image);
        let facts = wrap_to(&facts.join(" · "), self.width - 2, usize::MAX);
        [name].into_iter().chain(facts.into_iter().map(|line| format!("  {line}"))).collect()
    }

    /// `text` behind a word; its further lines below its beginning.
    fn worded(&self, (tone, word): (Tone, &str), text: &str) -> Vec<String> {
        let mut lines = wrap_to(text, self.width - WORD - 2, usize::MAX).into_iter();
        let first = lines.next().unwrap_or_default();
        let mut out = vec![format!("  {}{first}", paint(self.color, tone, &left(word, WORD)))];
        out.extend(lines.map(|line| " ".repeat(WORD + 2) + &line));
        out
    }

    fn check(&self, check: &Check) -> Vec<String> {
        let mut out = self.worded(word(check.outcome), &format!("{}: {}", check.title(), check.message));
        if check.outcome == Outcome::Pass {
            return out;
        }
        // Where all of them grew, that is the point.
        let grew = check.culprits.iter().all(|culprit| culprit.growth.is_some_and(|growth| growth > 0));
        for culprit in check.culprits.iter().take(self.rows) {
            out.extend(self.culprit(culprit, grew));
        }
        let more = check.culprits.len().saturating_sub(self.rows) + check.more_culprits;
        if more > 0 {
            out.push(format!("{}and {more} more", " ".repeat(WORD + SIZE + 3)));
        }
        let place = check.location.as_ref().map_or_else(|| "--limit".to_owned(), ToString::to_string);
        let place = format!("{}{place}", " ".repeat(WORD + 2));
        out.push(paint(self.color, Tone::Dim, &place));
        out
    }

    fn culprit(&self, culprit: &Culprit, grew: bool) -> Vec<String> {
        let size = match culprit.growth {
            Some(growth) if grew => super::layout::change(0, growth.unsigned_abs()),
            _ => culprit.size.bytes.to_string(),
        };
        let indent = WORD + 2 + SIZE + 1;
        let mut out = vec![];
        for (n, line) in wrap_to(&culprit.what, self.width - indent, 3).into_iter().enumerate() {
            let start =
                if n == 0 { format!("{}{} ", " ".repeat(WORD + 2), right(&size, SIZE)) } else { " ".repeat(indent) };
            out.push(start + &line);
        }
        if let (CulpritKind::Family, Some(members)) = (culprit.kind, &culprit.place) {
            out.extend(
                wrap_to(members, self.width - indent - 2, 6).into_iter().map(|line| " ".repeat(indent + 2) + &line),
            );
        }
        let why = match (&culprit.chain[..], &culprit.asked_for) {
            ([], Some(asked)) => Some(Text::from(format!("asked for: {asked}"))),
            ([], None) if culprit.kind == CulpritKind::Family => None,
            ([], None) => culprit.place.clone(),
            (steps, Some(asked)) => Some(format!("{} ({asked})", steps.join(" → ")).into()),
            (steps, None) => Some(steps.join(" → ").into()),
        };
        let lines = why.map(|why| wrap_to(&why, self.width - indent - 2, 3)).unwrap_or_default();
        out.extend(lines.into_iter().map(|line| paint(self.color, Tone::Dim, &(" ".repeat(indent + 2) + &line))));
        out
    }

    fn accepted(&self, verdict: &Verdict) -> Vec<String> {
        let active = verdict.accepted.iter().filter(|accepted| accepted.state == AcceptedState::Active);
        let line = |accepted: &crate::budget::Accepted| {
            let until = accepted.expires.as_ref().map(|last| format!(", until {last}")).unwrap_or_default();
            let findings = accepted.findings.join("; ");
            let text = format!("{}: {findings}: {}{until}", accepted.rule, accepted.reason);
            self.worded((Tone::Dim, "accepted"), &text)
        };
        active.flat_map(line).collect()
    }

    fn warnings(&self, verdict: &Verdict) -> Vec<String> {
        let line = |warning: &crate::budget::Warning| {
            let place = warning.location.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
            self.worded((Tone::Warning, "warning"), &format!("{}{place}", warning.message))
        };
        verdict.warnings.iter().flat_map(line).collect()
    }

    fn planned(&self, planned: &Planned) -> Vec<String> {
        let would = match planned.outcome {
            Outcome::Pass => "which passes",
            Outcome::Warn => "which passes with warnings",
            Outcome::CouldNotMeasure => "which cannot be judged",
            Outcome::Fail => "which fails too",
        };
        let mut out =
            wrap_to(&format!("The plan leads to {}, {would}.", sized(planned.unpacked)), self.width, usize::MAX);
        for broken in planned.broken.iter().take(BROKEN) {
            out.extend(wrap_to(broken, self.width - 2, 3).into_iter().map(|line| format!("  {line}")));
        }
        if planned.broken.len() > BROKEN {
            out.push(format!("  and {} more", planned.broken.len() - BROKEN));
        }
        if planned.outcome == Outcome::Fail && !planned.waiting.is_empty() {
            let rules: Vec<String> = planned.waiting.iter().map(|rule| format!("--accept {rule}")).collect();
            out.extend(wrap_commands(&format!("  smaller with {}", rules.join(" ")), self.width, 4));
        }
        out
    }

    /// The verdict in a line.
    fn outcome(&self, verdict: &Verdict) -> String {
        let count = |outcome: Outcome| verdict.checks.iter().filter(|check| check.outcome == outcome).count();
        let all = verdict.checks.len();
        let (tone, text) = match verdict.outcome {
            Outcome::Pass => (Tone::Saving, format!("passed: {all} of {all} limits are kept")),
            Outcome::Warn => {
                (Tone::Warning, format!("passed, with {} of {all} soft limits exceeded", count(Outcome::Warn)))
            }
            Outcome::CouldNotMeasure => {
                (Tone::Error, format!("no verdict: {} of {all} limits could not be measured", count(verdict.outcome)))
            }
            Outcome::Fail => (Tone::Error, format!("failed: {} of {all} limits are broken", count(Outcome::Fail))),
        };
        paint(self.color, tone, &text)
    }
}

/// `8.24 GB unpacked`; what was not measured says so.
pub(super) fn sized(size: Size) -> String {
    let unit = match size.unit {
        Unit::Wire => "wire",
        Unit::Unpacked => "unpacked",
        Unit::Disk => "disk",
    };
    let basis = match size.basis {
        Basis::Measured => "",
        Basis::Predicted => " (predicted)",
        Basis::Catalogue => " (catalogue)",
    };
    format!("{} {unit}{basis}", size.bytes)
}
