//! The difference of two images, for a terminal and as Markdown.

use super::layout::{Tone, change, left, paint, relative, right, wrap_to};
use super::markdown::plain;
use super::text::joined;
use super::{Format, Render, html, json};
use crate::base::{Basis, ByteSize, Unit, count};
use crate::budget::{Cause, CauseKind, Diff, DiffRow, LayerChange, LayerFate, SizeChange};

/// The formats of a difference, the default one first.
pub static FORMATS: [Format<Render<Diff>>; 4] = [
    Format {
        name: "text",
        help: "For a terminal: one screen",
        render: |diff, style| Ok(render(diff, style.color, style.width, style.details)),
    },
    Format { name: "json", help: "For programs; see docs/schema/diff.schema.json", render: |diff, _| json(diff) },
    Format { name: "markdown", help: "For a pull request or a wiki", render: |diff, _| Ok(markdown(diff)) },
    Format {
        name: "html",
        help: "For people: one page, which needs nothing else",
        render: |diff, _| Ok(html::diff(diff)),
    },
];

/// Rows of a cause, and layers, without `--details`.
const ROWS: usize = 6;
/// Columns of a size.
const SIZE: usize = 10;

/// The difference as text. Without `details` long lists are cut, and their rest is counted.
pub fn render(diff: &Diff, color: bool, width: usize, details: bool) -> String {
    let page = Page { color, width: width.max(60), rows: if details { usize::MAX } else { ROWS } };
    let mut lines = page.header(diff);
    for cause in &diff.causes {
        lines.extend(page.cause(cause));
    }
    lines.extend(page.layers(diff));
    lines.extend([String::new(), page.last(diff)]);
    joined(lines)
}

/// The difference as Markdown for a pull request.
pub fn markdown(diff: &Diff) -> String {
    let mut out = format!("### {} → {}\n\n", plain(&diff.before), plain(&diff.after));
    out.push_str("| | before | after | difference |\n|---|---:|---:|---:|\n");
    for (what, sizes) in [("unpacked", Some(&diff.unpacked)), ("wire", diff.wire.as_ref())] {
        if let Some(sizes) = sizes {
            let (before, after) =
                (sized(sizes.before.bytes, sizes.before.basis), sized(sizes.after.bytes, sizes.after.basis));
            out.push_str(&format!("| **{what}** | {before} | {after} | **{}** |\n", signed(sizes.difference)));
        }
    }
    for cause in &diff.causes {
        let (before, after) = (ByteSize(cause.before), ByteSize(cause.after));
        out.push_str(&format!("| {} | {before} | {after} | {} |\n", cause.kind.title(), signed(cause.difference)));
    }
    let rows: Vec<(&Cause, &DiffRow)> =
        diff.causes.iter().flat_map(|cause| cause.rows.iter().map(move |row| (cause, row))).collect();
    if !rows.is_empty() {
        out.push_str("\n<details><summary>By name</summary>\n\n| difference | what | brought by |\n|---:|---|---|\n");
        for (_, row) in rows.iter().take(MARKDOWN_ROWS) {
            let why = reason(row).unwrap_or_default();
            out.push_str(&format!("| {} | {} | {} |\n", signed(row.difference), plain(&title(row)), plain(&why)));
        }
        if rows.len() > MARKDOWN_ROWS {
            out.push_str(&format!("\nand {} more\n", rows.len() - MARKDOWN_ROWS));
        }
        out.push_str("\n</details>\n");
    }
    out
}

/// Rows of the table by name: a comment has its limits.
const MARKDOWN_ROWS: usize = 60;

fn signed(difference: i64) -> String {
    change(u64::try_from(-i128::from(difference)).unwrap_or(0), u64::try_from(difference).unwrap_or(0))
}

fn sized(bytes: ByteSize, basis: Basis) -> String {
    match basis {
        Basis::Measured => bytes.to_string(),
        Basis::Predicted => format!("{bytes} (predicted)"),
        Basis::Catalogue => format!("{bytes} (catalogue)"),
    }
}

/// `torch 2.1.1 → 2.2.0`.
fn title(row: &DiffRow) -> String {
    match (&row.version_before, &row.version_after) {
        (Some(before), Some(after)) if before != after => format!("{} {before} → {after}", row.name),
        (_, Some(version)) | (Some(version), None) => format!("{} {version}", row.name),
        (None, None) => row.name.to_string(),
    }
}

/// Who brought it.
fn reason(row: &DiffRow) -> Option<String> {
    match (&row.chain[..], &row.asked_for) {
        ([], None) => None,
        ([], Some(asked)) => Some(format!("asked for: {asked}")),
        (steps, None) => Some(steps.join(" → ")),
        (steps, Some(asked)) => Some(format!("{} ({asked})", steps.join(" → "))),
    }
}

struct Page {
    color: bool,
    width: usize,
    rows: usize,
}

impl Page {
    fn header(&self, diff: &Diff) -> Vec<String> {
        let mut out =
            vec![paint(self.color, Tone::Name, &format!("{} → {}", diff.before, diff.after)) + "   " + &diff.platform];
        out.push(self.sizes(&diff.unpacked));
        out.extend(diff.wire.as_ref().map(|wire| self.sizes(wire)));
        out
    }

    fn sizes(&self, sizes: &SizeChange) -> String {
        let unit = match sizes.after.unit {
            Unit::Wire => "wire",
            _ => "unpacked",
        };
        let (before, after) = (sizes.before.bytes, sizes.after.bytes);
        format!(
            "  {} {} → {}   {}{}",
            left(unit, 8),
            sized(before, sizes.before.basis),
            sized(after, sizes.after.basis),
            signed(sizes.difference),
            if before == after { String::new() } else { format!("   {}", relative(before.0, after.0)) },
        )
    }

    fn cause(&self, cause: &Cause) -> Vec<String> {
        let difference = right(&signed(cause.difference), SIZE);
        let title = paint(self.color, Tone::Heading, cause.kind.title());
        let count = match cause.kind {
            CauseKind::Base | CauseKind::Caches => String::new(),
            _ => format!(" ({})", cause.rows.len()),
        };
        let mut out = vec![String::new(), format!("{difference}  {title}{count}")];
        let named = !matches!(cause.kind, CauseKind::Base | CauseKind::Caches);
        for row in cause.rows.iter().filter(|_| named).take(self.rows) {
            out.extend(self.row(row));
        }
        if named && cause.rows.len() > self.rows {
            let rest = cause.rows.iter().skip(self.rows).map(|row| row.difference).sum();
            out.push(format!("  {}  and {} more: --details", right(&signed(rest), SIZE), cause.rows.len() - self.rows));
        }
        out
    }

    fn row(&self, row: &DiffRow) -> Vec<String> {
        let indent = SIZE + 4;
        let mut out = Vec::new();
        for (n, line) in wrap_to(&title(row), self.width - indent, 2).into_iter().enumerate() {
            let size = if n == 0 { signed(row.difference) } else { String::new() };
            out.push(format!("  {}  {line}", right(&size, SIZE)));
        }
        let why = reason(row).map(|why| wrap_to(&why, self.width - indent - 2, 2)).unwrap_or_default();
        out.extend(why.into_iter().map(|line| paint(self.color, Tone::Dim, &(" ".repeat(indent + 2) + &line))));
        out
    }

    fn layers(&self, diff: &Diff) -> Vec<String> {
        if diff.layers.is_empty() {
            return Vec::new();
        }
        let heading = paint(self.color, Tone::Heading, "LAYERS");
        let mut out = vec![String::new(), format!("{heading}   {} the same in both", count(diff.same_layers, "layer"))];
        out.extend(diff.layers.iter().take(self.rows).map(|layer| self.layer(layer)));
        if diff.layers.len() > self.rows {
            out.push(format!("  and {} more: --details", diff.layers.len() - self.rows));
        }
        out
    }

    fn layer(&self, layer: &LayerChange) -> String {
        let word = match layer.fate {
            LayerFate::Added => "added",
            LayerFate::Removed => "removed",
            LayerFate::Rebuilt => "rebuilt",
        };
        let position = match (layer.position_before, layer.position_after) {
            (Some(before), Some(after)) if before != after => format!("{before}→{after}"),
            (before, after) => after.or(before).map(|at| at.to_string()).unwrap_or_default(),
        };
        let base = if layer.base { "base: " } else { "" };
        let text =
            format!("{word} {position}: {base}{}", layer.instruction.as_deref().unwrap_or("unknown instruction"));
        format!("  {}  {}", right(&signed(layer.difference), SIZE), left(&text, self.width - SIZE - 4))
    }

    fn last(&self, diff: &Diff) -> String {
        match (diff.is_empty(), diff.unpacked.difference) {
            (true, _) => "No difference.".to_owned(),
            (false, 0) => "As large as before.".to_owned(),
            (false, more) if more > 0 => format!("{} larger.", ByteSize(more.unsigned_abs())),
            (false, less) => format!("{} smaller.", ByteSize(less.unsigned_abs())),
        }
    }
}
