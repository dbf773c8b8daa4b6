//! A verdict as Markdown, for a comment on a pull request and for a job's summary.
//!
//! Both have a limit, and a text over it is not shown at all. So rows are written in the order in which they matter
//! (what is broken, by whom, what would help, what is in order), and when the next one does not fit, the last line says
//! how many were left out. A row is never cut: names and sentences are shortened before.

use super::super::markdown::plain;
use super::{blamed, in_words, name, sentence, sized, worst_first};
use crate::budget::{AcceptedState, Amount, Check, Outcome, Verdict};
use std::fmt::Write as _;

/// Bytes that a comment on GitHub may have. Its limit is 65,536 characters; bytes are at least as many.
pub const COMMENT: usize = 65_536;
/// Bytes that GitHub takes for a step's summary.
pub const SUMMARY: usize = 1 << 20;

/// Who is to blame, below a check.
const CULPRITS: usize = 10;
/// Room that is kept for the end: a tag to close and the line on what was left out.
const END: usize = 200;

/// The report in at most `most` bytes, which are at least 8 KiB: [`COMMENT`] or [`SUMMARY`].
pub fn render(verdict: &Verdict, most: usize) -> String {
    let mut page = Page { out: String::new(), most: most.max(8 * 1024), left_out: 0 };
    head(&mut page, verdict);
    let checks = worst_first(verdict);
    let outcomes = [
        (Outcome::Fail, "Over the budget"),
        (Outcome::CouldNotMeasure, "Could not be measured"),
        (Outcome::Warn, "Warnings"),
    ];
    for (outcome, title) in outcomes {
        let rows = checks.iter().filter(|check| check.outcome == outcome).flat_map(|check| broken(check));
        page.section(&format!("\n### {title}\n\n"), rows);
    }
    planned(&mut page, verdict);
    let row = |warning: &crate::budget::Warning| {
        let place = warning.location.as_ref().map(|place| format!(" ({})", text(&sentence(&place.to_string()))));
        format!("- {}{}\n", text(&sentence(&warning.message)), place.unwrap_or_default())
    };
    page.section("\n### To know besides\n\n", verdict.warnings.iter().map(row));
    let row = |gap: &crate::image::GapText| {
        let (place, what, why) = (sentence(&gap.place), sentence(&gap.what), sentence(&gap.reason));
        format!("- {}: {}: {}\n", text(&place), text(&what), text(&why))
    };
    page.section("\n### What could not be predicted\n\n", verdict.gaps.iter().map(row));
    accepted(&mut page, verdict);
    let by = Some(verdict.rests_on.line()).filter(|line| !line.is_empty());
    page.section("\n### Limits are from\n\n", by.iter().map(|line| format!("{}\n", text(&sentence(line)))));
    passed(&mut page, &checks);
    page.end()
}

/// A text that grows by whole rows as long as there is room.
struct Page {
    out: String,
    most: usize,
    left_out: usize,
}

impl Page {
    /// Rows below a heading, which comes with the first one. After a row without room all others are left out: what
    /// follows matters less.
    fn section(&mut self, heading: &str, rows: impl Iterator<Item = String>) -> bool {
        let mut heading = Some(heading);
        for row in rows {
            let bytes = heading.map_or(0, str::len) + row.len();
            if self.left_out > 0 || self.out.len() + bytes + END > self.most {
                self.left_out += 1;
                continue;
            }
            self.out.push_str(heading.take().unwrap_or_default());
            self.out.push_str(&row);
        }
        heading.is_none()
    }

    fn end(mut self) -> String {
        if self.left_out > 0 {
            let rows = if self.left_out == 1 { "row was" } else { "rows were" };
            let _ = writeln!(
                self.out,
                "\n**{} more {rows} left out**: this text may have {} bytes.",
                self.left_out, self.most
            );
        }
        self.out
    }
}

fn head(page: &mut Page, verdict: &Verdict) {
    let count = |outcome: Outcome| verdict.checks.iter().filter(|check| check.outcome == outcome).count();
    let mut facts = vec![format!("**{}**", sized(verdict.unpacked))];
    facts.extend(verdict.wire.map(sized));
    facts.push(text(&name(&verdict.platform)));
    let counts =
        [(Outcome::Fail, "over"), (Outcome::CouldNotMeasure, "not measured"), (Outcome::Warn, "with a warning")];
    for (outcome, words) in counts {
        facts.extend(Some(count(outcome)).filter(|count| *count > 0).map(|count| format!("{count} {words}")));
    }
    facts.push(format!("{} of {} checks passed", count(Outcome::Pass), verdict.checks.len()));
    let title = format!("## {}: {}\n\n", text(&name(&verdict.image)), in_words(verdict.outcome));
    page.section(&title, std::iter::once(format!("{}\n", facts.join(" · "))));
}

/// A check that did not pass, and who is to blame.
fn broken(check: &Check) -> Vec<String> {
    let place = check.location.as_ref().map(|place| format!(" ({})", text(&sentence(&place.to_string()))));
    let (title, message) = (text(&name(&check.title())), text(&sentence(&check.message)));
    let mut rows = vec![format!("- **{title}**: {message}{}\n", place.unwrap_or_default())];
    rows.extend(check.culprits.iter().take(CULPRITS).map(|culprit| format!("  - {}\n", text(&blamed(culprit)))));
    let more = check.culprits.len().saturating_sub(CULPRITS) + check.more_culprits;
    if more > 0 {
        rows.push(format!("  - … and {more} more\n"));
    }
    rows
}

fn planned(page: &mut Page, verdict: &Verdict) {
    let Some(planned) = &verdict.planned else { return };
    let words = in_words(planned.outcome);
    let mut rows = vec![format!("- {}: {words}\n", sized(planned.unpacked))];
    rows.extend(planned.broken.iter().map(|message| format!("- still: {}\n", text(&sentence(message)))));
    rows.extend(planned.waiting.iter().map(|rule| format!("- smaller with --accept {}\n", text(&sentence(rule)))));
    page.section("\n### If the plan is followed\n\n", rows.into_iter());
}

fn accepted(page: &mut Page, verdict: &Verdict) {
    let row = |accepted: &crate::budget::Accepted| {
        let state = match accepted.state {
            AcceptedState::Active => "in force",
            AcceptedState::Expired => "over",
            AcceptedState::Unused => "matches nothing",
        };
        let until = accepted.expires.as_deref().map(name).unwrap_or_default();
        let cells = [name(&accepted.rule), name(&accepted.subject), sentence(&accepted.reason), until];
        let cells: Vec<String> = cells.iter().map(|cell| text(cell)).collect();
        format!("| {} | {state} |\n", cells.join(" | "))
    };
    let heading = "\n### Accepted\n\n| Rule | Subject | Reason | Until | |\n| --- | --- | --- | --- | --- |\n";
    page.section(heading, verdict.accepted.iter().map(row));
}

/// Folded away: nobody has to act on it.
fn passed(page: &mut Page, checks: &[&Check]) {
    let passed: Vec<&&Check> = checks.iter().filter(|check| check.outcome == Outcome::Pass).collect();
    let row = |check: &&&Check| {
        let amount = |amount: &Option<Amount>| amount.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("| {} | {} | {} |\n", text(&name(&check.title())), amount(&check.limit), amount(&check.measured))
    };
    let heading = format!(
        "\n<details><summary>{} within the budget</summary>\n\n| Check | Limit | Measured |\n| --- | ---: | ---: |\n",
        passed.len()
    );
    if page.section(&heading, passed.iter().map(row)) {
        page.out.push_str("\n</details>\n");
    }
}

/// A text that GitHub shows as it is. It looks for mentions, issues and addresses in the text that it shows, after
/// escapes are resolved: an empty comment keeps what would be one apart. A dollar sign would begin a formula. At the
/// start of a row, `-`, `1.` and blanks would begin a list or code.
fn text(text: &str) -> String {
    let escaped = plain(text);
    let mut out = String::with_capacity(escaped.len());
    let mut rest = escaped.as_str();
    if let Some(first) = rest.chars().next().filter(|_| begins_block(rest)) {
        let _ = write!(out, "&#{};", first as u32);
        rest = &rest[first.len_utf8()..];
    }
    while let Some(c) = rest.chars().next() {
        let known = [
            ("&#64;", "&#64;<!-- -->"),
            ("\\#", "\\#<!-- -->"),
            ("://", ":<!-- -->//"),
            ("www.", "www<!-- -->."),
            ("$", "\\$"),
        ];
        match known.iter().find(|(from, _)| rest.starts_with(from)) {
            Some((from, to)) => {
                out.push_str(to);
                rest = &rest[from.len()..];
            }
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

/// Whether a row that begins like this would be another list, a rule, or code.
fn begins_block(text: &str) -> bool {
    let after_digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = after_digits.len() < text.len() && after_digits.starts_with(['.', ')']);
    text.starts_with(['-', '+', '=', ':', ' '])
        || (numbered && !after_digits[1..].starts_with(|c: char| c.is_ascii_digit()))
}
