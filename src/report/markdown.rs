//! The audit as Markdown, for a pull request or a wiki.

use super::audit::{AuditReport, FindingReport};
use super::groups::some;
use super::layout::{change, percent, percents, relative_to_plan};
use crate::base::{Basis, ByteSize, Text, count};
use std::fmt::Write as _;

/// A text that Markdown shows as it is: no markup, no HTML, no mention, no end of a table's cell.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// A table; nothing when it has no rows. Columns whose heading ends with a colon are to the right.
pub(super) fn table(out: &mut String, heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return;
    }
    let names: Vec<&str> = heads.iter().map(|head| head.trim_end_matches(':')).collect();
    let rules: Vec<&str> = heads.iter().map(|head| if head.ends_with(':') { "---:" } else { "---" }).collect();
    let _ = writeln!(out, "\n| {} |\n| {} |", names.join(" | "), rules.join(" | "));
    for row in rows {
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
}

/// The report.
pub fn render(report: &AuditReport) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {}\n\n{}", plain(&report.image.name), summary(report));
    out.push_str("\n## Where the bytes are\n");
    group_table(&mut out, report);
    gaps(&mut out, report);
    out.push_str("\n## What is wrong\n\n");
    if report.findings.is_empty() {
        out.push_str("Nothing that a rule knows.\n");
    }
    report.findings.iter().for_each(|finding| finding_item(&mut out, finding));
    plan(&mut out, report);
    layers(&mut out, report);
    distributions(&mut out, report);
    packages(&mut out, report);
    problems(&mut out, report);
    out
}

fn summary(report: &AuditReport) -> String {
    let mut facts = vec![plain(&report.image.platform), count(report.layers.len(), "layer")];
    let unknown =
        report.unknown_base.as_ref().map_or_else(String::new, |base| format!("unknown base {} + ", plain(base)));
    facts.push(format!("{unknown}**{}** unpacked", report.sizes.unpacked.bytes));
    facts.extend(report.sizes.wire.map(|wire| format!("{} wire", wire.bytes)));
    facts.push(format!("{} that no container sees", report.sizes.dead.bytes));
    if !report.image.python.is_empty() {
        facts.push(format!("Python {}", plain(&report.image.python.join(", "))));
    }
    facts.push(count(report.distributions.len(), "distribution"));
    if report.image.basis != Basis::Measured {
        facts.push("predicted, not measured".to_owned());
    }
    facts.extend(super::screen::not_read_whole(report));
    facts.extend(report.base_estimate.as_ref().map(|estimate| plain(&estimate.sentence(report.sizes.unpacked.bytes))));
    facts.join(" · ")
}

fn gaps(out: &mut String, report: &AuditReport) {
    if report.gaps.is_empty() {
        return;
    }
    out.push_str("\n## What is not predicted\n");
    let row = |gap: &crate::image::GapText| vec![plain(&gap.place), plain(&gap.what), plain(&gap.reason)];
    table(out, &["Where", "What", "Why"], report.gaps.iter().map(row));
}

fn group_table(out: &mut String, report: &AuditReport) {
    let bytes: Vec<u64> = report.groups.iter().map(|group| group.bytes).collect();
    let row = |(group, share): (&super::audit::Group, u64)| {
        let size = ByteSize(group.bytes).to_string();
        vec![plain(&group.label), size, percent(share, group.bytes), plain(&group.note)]
    };
    table(out, &["What", "Unpacked:", "Share:", "About"], report.groups.iter().zip(percents(&bytes)).map(row));
}

fn finding_item(out: &mut String, finding: &FindingReport) {
    let severity = finding.severity.word();
    let (rule, message) = (plain(&finding.rule), plain(&finding.message));
    let _ = writeln!(out, "- **{severity}** {rule}: {message} ({})", finding.size.bytes);
    for row in &finding.evidence {
        let place = row.place.as_deref().map(|place| format!("{}: ", plain(place))).unwrap_or_default();
        let _ = writeln!(out, "  - {place}{} ({})", plain(&row.note), ByteSize(row.bytes));
    }
    if finding.more_evidence > 0 {
        let _ = writeln!(out, "  - … and {} more", finding.more_evidence);
    }
}

fn plan(out: &mut String, report: &AuditReport) {
    out.push_str("\n## What to do\n\n");
    let Some(plan) = &report.plan else {
        let why = report.no_plan.as_deref().unwrap_or("none was asked for");
        let _ = writeln!(out, "No plan: {}", plain(why));
        return;
    };
    let after = plan.predicted.bytes;
    let share = relative_to_plan(report.sizes.unpacked.bytes.0, after.0, plan.unknown());
    let _ = writeln!(out, "A plan on {} is predicted to leave **{after}** ({share}).", plain(&plan.base));
    if !plan.gaps.is_empty() {
        out.push_str("\nIt is larger by what nobody can know before the build:\n");
        let row = |gap: &crate::image::GapText| vec![plain(&gap.place), plain(&gap.what), plain(&gap.reason)];
        table(out, &["Where", "What", "Why"], plan.gaps.iter().map(row));
    }
    let row = |action: &super::audit::ActionSummary| {
        vec![change(action.removed, action.added), plain(&action.title), plain(&action.rule)]
    };
    table(out, &["Unpacked:", "What is done", "Rule"], plan.actions.iter().map(row));
    if !plan.skipped.is_empty() {
        out.push_str("\nLeft alone:\n\n");
    }
    for skipped in &plan.skipped {
        let (subject, rule, reason) = (plain(&skipped.subject), plain(&skipped.rule), plain(&skipped.reason));
        let _ = writeln!(out, "- {subject} ({rule}, {}): {reason}", ByteSize(skipped.bytes));
    }
    plan.notes.iter().for_each(|note| {
        let _ = writeln!(out, "\n> {}", plain(note));
    });
}

fn layers(out: &mut String, report: &AuditReport) {
    out.push_str("\n## Layers\n");
    let row = |layer: &super::audit::LayerReport| {
        let instruction = layer.instruction.as_deref().unwrap_or("(the history does not tell)");
        let base = if layer.base { "base" } else { "" };
        let position = layer.position.to_string();
        let bytes = |bytes: u64| ByteSize(bytes).to_string();
        vec![position, layer.unpacked.bytes.to_string(), bytes(layer.bytes.dead), base.to_owned(), plain(instruction)]
    };
    table(out, &["#:", "Unpacked:", "Hidden:", "", "Instruction"], report.layers.iter().map(row));
}

fn distributions(out: &mut String, report: &AuditReport) {
    if report.distributions.is_empty() {
        return;
    }
    out.push_str("\n## Python distributions\n");
    let row = |dist: &super::audit::DistributionReport| {
        let who = some(dist.required_by.iter().map(Text::as_str), 5);
        let broken =
            dist.broken.as_ref().map(|broken| format!("{} gone", count(broken.missing, "file"))).unwrap_or_default();
        vec![ByteSize(dist.bytes).to_string(), plain(&dist.name), plain(&dist.version), plain(&who), broken]
    };
    table(out, &["Unpacked:", "Name", "Version", "Required by", "Broken"], report.distributions.iter().map(row));
    let removed = |removed: &super::audit::RemovedReport| {
        let layer = |position: usize| position.to_string();
        vec![
            ByteSize(removed.bytes).to_string(),
            plain(&removed.name),
            plain(&removed.version),
            layer(removed.layer),
            layer(removed.removed_by),
        ]
    };
    let heads = ["Left behind:", "Removed", "Version", "In layer:", "By layer:"];
    table(out, &heads, report.removed_distributions.iter().map(removed));
}

fn packages(out: &mut String, report: &AuditReport) {
    conda_packages(out, report);
    if report.os_packages.is_empty() {
        return;
    }
    out.push_str("\n## OS packages\n");
    let row = |package: &super::audit::OsPackageReport| {
        let manual = if package.manual { "by hand" } else { "" };
        let size = ByteSize(package.bytes).to_string();
        vec![size, plain(&package.name), plain(&package.version), manual.to_owned()]
    };
    table(out, &["Unpacked:", "Name", "Version", ""], report.os_packages.iter().map(row));
}

fn conda_packages(out: &mut String, report: &AuditReport) {
    if report.conda_packages.is_empty() {
        return;
    }
    out.push_str("\n## conda packages\n");
    let row = |package: &super::audit::CondaPackageReport| {
        let size = ByteSize(package.bytes).to_string();
        vec![size, plain(&package.name), plain(&package.version), plain(&package.build), plain(&package.channel)]
    };
    let heads = ["Unpacked:", "Name", "Version", "Build", "Channel"];
    table(out, &heads, report.conda_packages.iter().map(row));
}

fn problems(out: &mut String, report: &AuditReport) {
    if report.problems.is_empty() {
        return;
    }
    out.push_str("\n## Could not be read\n\n");
    for problem in &report.problems {
        let _ = writeln!(out, "- {}: {}", plain(&problem.place), plain(&problem.message));
    }
}
