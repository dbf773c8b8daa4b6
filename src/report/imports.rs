//! What imports cost, for a terminal.

use super::layout::{Tone, columns, fit, left, paint, wrap};
use super::text::{Style, joined};
use crate::base::{Binary, count};
use crate::imports::{Cost, Imports, Whose};

/// Distributions that are shown, where not all are.
const MAX_OWNERS: usize = 12;

/// The report as text.
pub fn render(imports: &Imports, style: Style<'_>) -> String {
    let style = Style { width: style.width.max(60), ..style };
    let head = format!("{}   Python {} ({})", imports.image, imports.python, imports.executable);
    let mut lines: Vec<String> =
        wrap(&head, style.width).iter().map(|line| paint(style.color, Tone::Heading, line)).collect();
    if let Some(bare) = &imports.bare {
        lines.push(format!("  before any import: {} own, {} of files", memory(bare.anonymous), memory(bare.file)));
    }
    modules(imports, style, &mut lines);
    owners(imports, style, &mut lines);
    let note = "own: memory of each process, but for what it shares with the process it was forked from; files: pages that all processes which load them share. Import is the least: models, and what is loaded at first use, come on top.";
    lines.push(String::new());
    lines.extend(wrap(note, style.width));
    joined(lines)
}

fn memory(bytes: i64) -> String {
    match bytes {
        bytes if bytes < 0 => format!("−{}", Binary(bytes.unsigned_abs())),
        bytes => Binary(bytes.unsigned_abs()).to_string(),
    }
}

pub(super) fn cells(cost: &Cost) -> String {
    format!("{:>7.2} s {:>9} {:>9}", cost.cpu_seconds, memory(cost.anonymous), memory(cost.file))
}

fn modules(imports: &Imports, style: Style<'_>, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(paint(style.color, Tone::Heading, "MODULES"));
    let width = imports.modules.iter().map(|module| columns(&module.name)).max().unwrap_or(0).clamp(6, 24);
    let head = format!(
        "  {} {:>9} {:>9} {:>9}   in addition to those before",
        left("alone", width),
        "processor",
        "own",
        "files"
    );
    lines.push(paint(style.color, Tone::Dim, &head));
    for module in &imports.modules {
        let name = left(&module.name, width);
        if let Some(problem) = &module.problem {
            let wrapped = wrap(problem, style.width.saturating_sub(width + 3));
            for (at, line) in wrapped.iter().enumerate() {
                let name = if at == 0 { name.clone() } else { " ".repeat(width) };
                lines.push(format!("  {name} {}", paint(style.color, Tone::Warning, line)));
            }
            continue;
        }
        let Some(alone) = &module.alone else { continue };
        let later = module.in_addition.as_ref().map_or(String::new(), cells);
        lines.push(fit(&format!("  {name} {} {later}", cells(alone)), style.width));
        if module.has_bytecode == Some(false) {
            let text = "has no bytecode in the image: each start compiles it";
            lines.push(format!("  {} {}", " ".repeat(width), paint(style.color, Tone::Dim, text)));
        }
    }
    if imports.left_out > 0 {
        lines.push(format!(
            "  {} more were left out: name those that you mean",
            count(imports.left_out as usize, "module")
        ));
    }
}

fn owners(imports: &Imports, style: Style<'_>, lines: &mut Vec<String>) {
    if let Some(why) = &imports.together_not_measured {
        lines.push(String::new());
        lines.extend(wrap(&format!("together they were not measured: {why}"), style.width));
    }
    if imports.owners.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(paint(style.color, Tone::Heading, "ALL OF THEM IN ONE PROCESS, BY DISTRIBUTION"));
    let shown = if style.details { imports.owners.len() } else { MAX_OWNERS };
    let name = |owner: &crate::imports::Owner| match (&owner.name, owner.whose) {
        (Some(name), Whose::Own) => format!("{name} (no distribution's)"),
        (Some(name), _) => name.to_string(),
        (None, _) => "Python's own".to_owned(),
    };
    let width = imports.owners.iter().take(shown).map(|owner| columns(&name(owner))).max().unwrap_or(0).clamp(6, 32);
    let head = format!("  {} {:>9} {:>9} {:>9} {:>8}", left("", width), "clock", "own", "files", "modules");
    lines.push(paint(style.color, Tone::Dim, &head));
    for owner in imports.owners.iter().take(shown) {
        let row = format!(
            "  {} {:>7.2} s {:>9} {:>9} {:>8}",
            left(&name(owner), width),
            owner.seconds,
            memory(owner.anonymous),
            memory(owner.file),
            owner.modules
        );
        lines.push(fit(&row, style.width));
    }
    if imports.owners.len() > shown {
        lines.push(format!("  {} more; --details shows all", imports.owners.len() - shown));
    }
}
