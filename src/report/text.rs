//! The report for a terminal: one screen first, everything else only when it is asked for.

use super::audit::AuditReport;
use super::{details, screen};
use crate::base::Text;
use crate::emit::edit::{Edit, Edits};
use crate::plan::Action;

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style<'a> {
    /// Whether to colour.
    pub color: bool,
    /// Columns; at least 60.
    pub width: usize,
    /// Whether to print the layers, the packages and the proof as well.
    pub details: bool,
    /// What the user called the image, for the command that the last line proposes.
    pub target: &'a str,
    /// Where it was found, if the user did not say; else empty.
    pub found: &'a str,
}

impl Default for Style<'_> {
    fn default() -> Self {
        Self { color: false, width: 80, details: false, target: "TARGET", found: "" }
    }
}

/// What a plan that was written would do, as text.
pub fn plan_summary(report: &AuditReport, style: Style<'_>) -> String {
    let style = Style { width: style.width.max(60), ..style };
    let mut lines = screen::plan_written(report, style);
    if style.details {
        lines.extend(details::plan(report, style));
    }
    joined(lines)
}

/// How many edits a Dockerfile has, those of the rules that save most, and how many notes.
pub fn edits_summary(edits: &Edits, actions: &[Action]) -> String {
    let (count, notes) = (edits.edits.len(), edits.notes.len());
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let mut lines = vec![match count {
        0 => format!("{}: no edit", Text::from(&edits.path)),
        _ => format!("{}: {count} edit{}", Text::from(&edits.path), plural(count)),
    }];
    let mut shown: Vec<&str> = Vec::new();
    let saved = |rule: &str| {
        let own = actions.iter().filter(|action| action.rule == rule);
        own.map(|action| action.removed.saturating_sub(action.added)).sum::<u64>()
    };
    let mut sorted: Vec<&Edit> = edits.edits.iter().collect();
    sorted.sort_by_key(|edit| std::cmp::Reverse((saved(&edit.rule), edit.reason.len())));
    for edit in sorted {
        if !shown.contains(&edit.reason.as_str()) && shown.len() < 4 {
            lines.push(format!("  line {}: {}", edit.line, edit.reason));
            shown.push(&edit.reason);
        }
    }
    if notes > 0 {
        lines.push(format!("  {notes} note{} in REPORT.md on what no edit says", plural(notes)));
    }
    joined(lines)
}

/// The report as text. No line is wider than `style.width` columns.
pub fn render(report: &AuditReport, style: Style<'_>) -> String {
    let style = Style { width: style.width.max(60), ..style };
    let mut lines = screen::screen(report, style);
    if style.details {
        lines.extend(details::details(report, style));
    }
    joined(lines)
}

/// Lines as a text, without blanks at their ends.
pub(super) fn joined(lines: Vec<String>) -> String {
    lines.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
}
