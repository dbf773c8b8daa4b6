//! `--details`: the layers, the packages, the findings with their proof, and what could not be read.

use super::audit::{AuditReport, DistributionReport, FindingReport, LayerReport};
use super::groups::some;
use super::layout::{Tone, change, columns, fit, left, paint, right, wrap};
use super::text::Style;
use crate::base::{ByteSize, Size, Text, count};
use crate::rules::Severity;

/// The lines below the first screen.
pub(super) fn details(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let sections: [(&str, Vec<String>); 11] = [
        ("FINDINGS", report.findings.iter().flat_map(|finding| finding_lines(finding, style)).collect()),
        ("PLAN", plan_lines(report, style)),
        ("LAYERS", layer_lines(report, style)),
        ("BYTES THAT A CONTAINER SEES", visible_lines(report)),
        ("ENVIRONMENTS", environment_lines(report, style)),
        ("DISTRIBUTIONS", distribution_lines(report, style)),
        ("DISTRIBUTIONS THAT A HIGHER LAYER REMOVED", removed_lines(report, style)),
        ("OS PACKAGES (* asked for by hand)", package_lines(report, style)),
        ("CONDA PACKAGES (* asked for)", conda_lines(report, style)),
        ("PYTHON ITSELF", interpreter_lines(report, style)),
        ("COULD NOT BE READ", problem_lines(report, style)),
    ];
    let mut out = Vec::new();
    for (title, lines) in sections.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        out.push(String::new());
        out.push(paint(style.color, Tone::Heading, title));
        out.extend(lines);
    }
    out
}

/// Everything that a plan does and leaves alone.
pub(super) fn plan(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let mut lines = vec![String::new(), paint(style.color, Tone::Heading, "PLAN")];
    lines.extend(plan_lines(report, style));
    lines
}

/// A text with a hanging indent.
fn paragraph(text: &str, indent: usize, width: usize) -> Vec<String> {
    let blanks = " ".repeat(indent);
    wrap(text, width.saturating_sub(indent)).into_iter().map(|line| format!("{blanks}{line}")).collect()
}

fn size(bytes: u64) -> String {
    right(&ByteSize(bytes).to_string(), 8)
}

fn finding_lines(finding: &FindingReport, style: Style<'_>) -> Vec<String> {
    let (word, tone) = match finding.severity {
        Severity::Error => ("error", Tone::Error),
        Severity::Warning => ("warning", Tone::Warning),
        Severity::Info => ("info", Tone::Dim),
    };
    let rest = fit(&format!("{}: {}", finding.rule, finding.subject), style.width.saturating_sub(3 + word.len()));
    let mut lines = vec![format!("  {} {rest}", paint(style.color, tone, word))];
    lines.extend(paragraph(&format!("{} ({})", finding.message, finding.size.bytes), 4, style.width));
    for row in &finding.evidence {
        let place = row.place.as_deref().map(|place| format!("{place}: ")).unwrap_or_default();
        let mut text = paragraph(&format!("{place}{}", row.note), 15, style.width);
        if let Some(first) = text.first_mut() {
            *first = format!("      {} {}", size(row.bytes), first.trim_start());
        }
        lines.extend(text);
    }
    if finding.more_evidence > 0 {
        lines.push(format!("               … and {} more", finding.more_evidence));
    }
    lines
}

fn plan_lines(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let Some(plan) = &report.plan else { return Vec::new() };
    let mut lines = paragraph(&format!("builds on {}", plan.base), 2, style.width);
    for action in &plan.actions {
        let mut text = paragraph(&format!("{} ({})", action.title, action.rule), 14, style.width);
        if let Some(first) = text.first_mut() {
            *first = format!("  {}  {}", right(&change(action.removed, action.added), 10), first.trim_start());
        }
        lines.extend(text);
    }
    for skipped in &plan.skipped {
        let text = format!(
            "left alone: {} ({}, concerns {}): {}",
            skipped.subject,
            skipped.rule,
            ByteSize(skipped.bytes),
            skipped.reason
        );
        lines.extend(paragraph(&text, 2, style.width));
    }
    lines.extend(plan.notes.iter().flat_map(|note| paragraph(&format!("note: {note}"), 2, style.width)));
    lines
}

fn layer_lines(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    report.layers.iter().flat_map(|layer| one_layer(layer, style)).collect()
}

fn one_layer(layer: &LayerReport, style: Style<'_>) -> Vec<String> {
    let base = if layer.base { "base  " } else { "" };
    let instruction = layer.instruction.as_deref().unwrap_or("(the history does not tell)");
    let head = format!("  {} {}  ", right(&layer.position.to_string(), 3), size(layer.unpacked.bytes.0));
    let room = style.width.saturating_sub(columns(&head));
    let mut lines = vec![format!("{head}{}", fit(&format!("{base}{instruction}"), room))];
    let mut facts = vec![format!("visible {}", ByteSize(layer.bytes.visible))];
    let fates = [
        ("deleted", layer.bytes.deleted),
        ("rewritten", layer.bytes.rewritten),
        ("replaced", layer.bytes.replaced),
        ("twice in its tar", layer.bytes.shadowed),
    ];
    facts.extend(
        fates.iter().filter(|(_, bytes)| *bytes > 0).map(|(name, bytes)| format!("{name} {}", ByteSize(*bytes))),
    );
    facts.extend(layer.wire.map(|wire: Size| format!("wire {}", wire.bytes)));
    facts.push(verified(layer).to_owned());
    lines.extend(paragraph(&facts.join(" · "), 16, style.width));
    if !layer.largest_owners.is_empty() {
        let owners: Vec<String> =
            layer.largest_owners.iter().map(|owner| format!("{} {}", owner.name, ByteSize(owner.bytes))).collect();
        lines.extend(paragraph(&format!("mostly {}", owners.join(", ")), 16, style.width));
    }
    if !layer.hidden_by.is_empty() {
        let by = |hidden: &super::audit::HiddenBytes| {
            format!("{} {} by layer {}", ByteSize(hidden.bytes), hidden.fate, hidden.by)
        };
        lines.extend(paragraph(&layer.hidden_by.iter().map(by).collect::<Vec<_>>().join(", "), 16, style.width));
    }
    lines
}

fn verified(layer: &LayerReport) -> &'static str {
    match (layer.blob_verified, layer.diff_id_verified) {
        (true, true) => "blob and diff ID verified",
        (true, false) => "blob verified",
        (false, true) => "diff ID verified",
        (false, false) if layer.is_told() => "not read whole: as its table of contents or another blob of it says",
        (false, false) => "digests not verified",
    }
}

fn visible_lines(report: &AuditReport) -> Vec<String> {
    let visible = &report.visible;
    let row = |named: &super::audit::NamedBytes| format!("  {}  {}", size(named.bytes), named.name);
    let mut lines = vec![format!("  {}  in all; by owner:", size(visible.total.bytes.0))];
    lines.extend(visible.by_owner.iter().map(row));
    lines.push("  by kind of file:".to_owned());
    lines.extend(visible.by_category.iter().map(row));
    lines
}

fn environment_lines(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let line = |environment: &super::audit::EnvironmentReport| {
        let python = environment.python.as_deref().map(|python| format!(", Python {python}")).unwrap_or_default();
        let distributions = count(environment.distributions, "distribution");
        fit(&format!("  {}  {}: {distributions}{python}", size(environment.bytes), environment.prefix), style.width)
    };
    report.environments.iter().map(line).collect()
}

/// Width of a column: its widest text, at most `limit`.
fn widest<'t>(texts: impl Iterator<Item = &'t str>, limit: usize) -> usize {
    texts.map(columns).max().unwrap_or(0).min(limit)
}

fn distribution_lines(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let all = &report.distributions;
    let names = widest(all.iter().map(|dist| dist.name.as_str()), 30);
    let versions = widest(all.iter().map(|dist| dist.version.as_str()), 14);
    let line = |dist: &DistributionReport| {
        let head = format!("  {}  {} {}  ", size(dist.bytes), left(&dist.name, names), left(&dist.version, versions));
        let room = style.width.saturating_sub(columns(&head));
        format!("{head}{}", fit(&about(dist), room))
    };
    all.iter().map(line).collect()
}

fn about(dist: &DistributionReport) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let Some(broken) = &dist.broken {
        parts.push(format!("BROKEN: {} of {} files gone", broken.missing, broken.recorded));
    }
    if dist.requested {
        parts.push("requested".to_owned());
    }
    match dist.required_by.as_slice() {
        [] if !dist.requested => parts.push("required by none".to_owned()),
        [] => {}
        names => parts.push(format!("for {}", some(names.iter().map(Text::as_str), 3))),
    }
    parts.join("; ")
}

fn removed_lines(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let line = |removed: &super::audit::RemovedReport| {
        let text = format!(
            "  {}  {} {}: in layer {}, removed by layer {}",
            size(removed.bytes),
            removed.name,
            removed.version,
            removed.layer,
            removed.removed_by
        );
        fit(&text, style.width)
    };
    report.removed_distributions.iter().map(line).collect()
}

fn package_lines(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let line = |package: &super::audit::OsPackageReport| {
        let mark = if package.manual { "*" } else { " " };
        fit(&format!("  {} {mark} {} {}", size(package.bytes), package.name, package.version), style.width)
    };
    report.os_packages.iter().map(line).collect()
}

fn conda_lines(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let line = |package: &super::audit::CondaPackageReport| {
        let asked = if package.requested { " *" } else { "" };
        let contested = match package.contested {
            0 => String::new(),
            count => format!(" ({count} of its paths are claimed by others)"),
        };
        let title = format!("{} {} {} {}", package.name, package.version, package.build, package.channel);
        let what = format!("{title}{asked}{contested}");
        fit(&format!("  {}   {what}", size(package.bytes)), style.width)
    };
    report.conda_packages.iter().map(line).collect()
}

fn interpreter_lines(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let lines = |it: &super::audit::InterpreterReport| {
        let own = format!("  {}   {} in {}, layer {}", size(it.bytes), it.name, it.prefix, it.layer);
        let part = |part: &super::audit::NamedBytes| format!("    {}   {}", size(part.bytes), part.name);
        let lines = std::iter::once(own).chain(it.parts.iter().map(part));
        lines.map(|line| fit(&line, style.width)).collect::<Vec<_>>()
    };
    report.interpreters.iter().flat_map(lines).collect()
}

fn problem_lines(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let lines = |problem: &super::audit::ProblemReport| {
        let mut text = paragraph(&format!("{}: {}", problem.place, problem.message), 4, style.width);
        if let Some(first) = text.first_mut() {
            *first = format!("  {}", first.trim_start());
        }
        text
    };
    report.problems.iter().flat_map(lines).collect()
}
