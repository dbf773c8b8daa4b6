//! The report for a terminal: one screen first, everything else only when it is asked for.

use super::audit::AuditReport;
use super::{details, screen};

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
}

impl Default for Style<'_> {
    fn default() -> Self {
        Self { color: false, width: 80, details: false, target: "TARGET" }
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

/// The report as text. No line is wider than `style.width` columns.
pub fn render(report: &AuditReport, style: Style<'_>) -> String {
    let style = Style { width: style.width.max(60), ..style };
    let mut lines = screen::screen(report, style);
    if style.details {
        lines.extend(details::details(report, style));
    }
    joined(lines)
}

fn joined(lines: Vec<String>) -> String {
    lines.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
}
