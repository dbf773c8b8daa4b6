//! The edits as a unified diff. Reasons stand where `patch` and `git apply` read over them: before the first header,
//! and behind the second `@@` of each hunk.

use super::Edit;
use similar::TextDiff;
use std::fmt::Write as _;

/// Of a hunk's reasons, so that its header can still be read.
const MAX_CHARACTERS: usize = 160;

/// A diff with a reason for each hunk; empty when nothing changed.
pub(super) fn unified(path: &str, before: &str, after: &str, edits: &[Edit]) -> String {
    if before == after {
        return String::new();
    }
    let diff = TextDiff::from_lines(before, after);
    let mut unified = diff.unified_diff();
    unified.context_radius(3);
    let mut out = String::from("# Written by slimwright. Apply it with `patch -p1` or `git apply`. Why:\n");
    let mut seen = Vec::new();
    for edit in edits {
        let line = format!("# line {}: {} ({})", edit.line, edit.reason, edit.rule);
        if !seen.contains(&line) {
            let _ = writeln!(out, "{line}");
            seen.push(line);
        }
    }
    let name = quoted(path);
    let _ = writeln!(out, "--- {}\n+++ {}", name("a/"), name("b/"));
    for hunk in unified.iter_hunks() {
        let ranges = || hunk.ops().iter().map(|op| op.old_range());
        let first = ranges().map(|range| range.start).min().unwrap_or_default();
        let end = ranges().map(|range| range.end).max().unwrap_or_default();
        let text = hunk.to_string();
        let (header, body) = text.split_once('\n').unwrap_or((&text, ""));
        let _ = writeln!(out, "{header} {}", reasons(before, edits, first + 1..=end + 1));
        out.push_str(body);
    }
    out
}

/// Names with spaces and the like are quoted as git does.
fn quoted(path: &str) -> impl Fn(&str) -> String {
    let odd = path.chars().any(|c| c.is_control() || c == '"' || c == '\\');
    let path = path.to_owned();
    move |prefix| {
        if odd {
            format!("{prefix}Dockerfile")
        } else if path.contains(' ') {
            format!("{prefix}{path}\t")
        } else {
            format!("{prefix}{path}")
        }
    }
}

fn reasons(before: &str, edits: &[Edit], lines: std::ops::RangeInclusive<usize>) -> String {
    let line_of = |at: usize| before.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
    let mut out: Vec<&str> = Vec::new();
    for edit in edits.iter().filter(|edit| lines.contains(&edit.line) || lines.contains(&line_of(edit.span.end))) {
        if !out.contains(&edit.reason.as_str()) {
            out.push(&edit.reason);
        }
    }
    let text = out.join("; ");
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}… (all above)", &text[..end]),
        None => text,
    }
}
