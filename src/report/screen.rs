//! The first screen: where the bytes are, what is wrong, what to do. At most [`LINES`] lines.

use super::audit::{ActionSummary, AuditReport, FindingReport, PlanSummary, SkippedSummary};
use super::groups::some;
use super::layout::{
    Tone, and_gaps, bar, change, columns, fit, left, paint, percent, percents, relative_to_plan, right, wrap_commands,
    wrap_to,
};
use super::text::Style;
use crate::base::{Basis, ByteSize, Text, count, shell_word};
use crate::image::GapText;
use crate::rules::{Severity, Tier};
use std::collections::{BTreeMap, BTreeSet};

/// A screen has so many lines.
const LINES: usize = 42;
/// At most so many actions are shown.
const ACTIONS: usize = 5;
/// At most so many lines say what a plan would do as well.
const OFFERED: usize = 4;
/// At most so many gaps are shown.
const GAPS: usize = 6;
/// Columns of the labels of findings.
const LABEL: usize = 11;

/// The lines of the first screen.
pub(super) fn screen(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let head = header(report, style);
    let groups = section("WHERE THE BYTES ARE", group_lines(report, style), style);
    let todo = section("WHAT TO DO", todo_lines(report, style), style);
    let gaps = report.gaps.len().min(GAPS + 1) * 2;
    let used = head.len() + groups.len() + todo.len() + gaps + 2;
    let wrong = section("WHAT IS WRONG", finding_lines(report, style, LINES.saturating_sub(used).max(3)), style);
    let gaps = if report.gaps.is_empty() {
        Vec::new()
    } else {
        section("WHAT IS NOT PREDICTED", gap_lines(report, style), style)
    };
    [head, groups, gaps, wrong, todo].concat()
}

/// What a virtual image does not know, the first of it.
fn gap_lines(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let shown = if style.details { report.gaps.len() } else { GAPS };
    let lines = |gap: &GapText| {
        let text = wrap_to(&format!("{}: {}: {}", gap.place, gap.what, gap.reason), style.width.saturating_sub(4), 3);
        let row = |(row, text): (usize, String)| if row == 0 { format!("  {text}") } else { format!("    {text}") };
        text.into_iter().enumerate().map(row).collect::<Vec<String>>()
    };
    let mut out: Vec<String> = report.gaps.iter().take(shown).flat_map(lines).collect();
    if report.gaps.len() > shown {
        out.push(format!("  … and {} more (--details)", report.gaps.len() - shown));
    }
    out
}

fn section(title: &str, lines: Vec<String>, style: Style<'_>) -> Vec<String> {
    let mut out = vec![String::new(), paint(style.color, Tone::Heading, title)];
    out.extend(lines);
    out
}

fn header(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let name = fit(&report.image.name, style.width);
    let mut facts = vec![report.image.platform.to_string(), count(report.layers.len(), "layer")];
    let unknown = report.unknown_base.as_ref().map_or("", |_| "unknown base + ");
    facts.push(format!("{unknown}{} unpacked", report.sizes.unpacked.bytes));
    facts.extend(report.sizes.wire.map(|wire| format!("{} wire", wire.bytes)));
    if !report.image.python.is_empty() {
        facts.push(format!("Python {}", some(report.image.python.iter().map(Text::as_str), 3)));
    }
    facts.push(count(report.distributions.len(), "distribution"));
    if report.image.basis != Basis::Measured {
        facts.push("predicted, not measured".into());
    }
    facts.extend(not_read_whole(report));
    facts.extend((!style.found.is_empty()).then(|| style.found.to_owned()));
    let beside = style.width.saturating_sub(columns(&name) + 3);
    let mut lines = flow(&facts, beside, style.width - 2).into_iter();
    let first = lines.next().filter(|line| !line.is_empty()).map(|line| format!("   {line}")).unwrap_or_default();
    let mut out = vec![paint(style.color, Tone::Name, &name) + &first];
    out.extend(lines.map(|line| format!("  {line}")));
    if let Some(estimate) = &report.base_estimate {
        let text = estimate.sentence(report.sizes.unpacked.bytes);
        out.extend(wrap_to(&text, style.width - 2, 3).into_iter().map(|line| format!("  {line}")));
    }
    out.extend(report.unknown_base.as_ref().map(|base| format!("  say what the base is: --image {base}=TARGET")));
    out
}

/// The layers of which a table of contents, or another blob in the cache, told what is in them.
pub(super) fn not_read_whole(report: &AuditReport) -> Option<String> {
    let layers = report.layers.iter().filter(|layer| layer.is_told()).map(|layer| layer.position.to_string());
    let layers: Vec<String> = layers.collect();
    let word = if layers.len() == 1 { "layer" } else { "layers" };
    (!layers.is_empty()).then(|| format!("{word} {} not read whole", some(layers.iter().map(String::as_str), 6)))
}

/// Facts with dots between them, in a first line of `first` columns (empty if none fits) and others of `width`.
fn flow(facts: &[String], first: usize, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for fact in facts {
        let fact = fit(fact, width);
        let room = if lines.len() == 1 { first } else { width };
        match lines.last_mut() {
            Some(line) if line.is_empty() && columns(&fact) <= room => line.push_str(&fact),
            Some(line) if !line.is_empty() && columns(line) + 3 + columns(&fact) <= room => {
                line.push_str(" · ");
                line.push_str(&fact);
            }
            _ => lines.push(fact),
        }
    }
    lines
}

fn group_lines(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    const COLUMNS: (usize, usize, usize, usize) = (24, 8, 5, 8);
    let (label, size, share, bar_width) = COLUMNS;
    let bytes: Vec<u64> = report.groups.iter().map(|group| group.bytes).collect();
    let largest = bytes.iter().copied().max().unwrap_or(0).max(1);
    let room = style.width.saturating_sub(2 + label + 1 + size + 1 + share + 2 + bar_width + 1);
    let line = |(group, per_cent): (&super::audit::Group, u64)| {
        format!(
            "  {} {} {}  {} {}",
            left(&group.label, label),
            right(&ByteSize(group.bytes).to_string(), size),
            right(&percent(per_cent, group.bytes), share),
            left(&bar(group.bytes as f64 / largest as f64, bar_width), bar_width),
            paint(style.color, Tone::Dim, &fit(&group.note, room)),
        )
    };
    let lines: Vec<String> = report.groups.iter().zip(percents(&bytes)).map(line).collect();
    if lines.is_empty() { vec!["  nowhere: no layer has any".to_owned()] } else { lines }
}

/// What the findings of one rule come to.
struct Complaint {
    label: String,
    severity: Severity,
    text: String,
}

fn finding_lines(report: &AuditReport, style: Style<'_>, limit: usize) -> Vec<String> {
    let complaints = complaints(report);
    if complaints.is_empty() {
        return vec!["  nothing that a rule knows".to_owned()];
    }
    let mut lines = Vec::new();
    for (position, complaint) in complaints.iter().enumerate() {
        let left_over = complaints.len() - position;
        let room = limit.saturating_sub(lines.len());
        if room == 0 || (room == 1 && left_over > 1) {
            lines.push(paint(style.color, Tone::Dim, &format!("  … and {left_over} more (--details)")));
            break;
        }
        // More than one line for one, as long as every other one can still have its own.
        let wanted = if complaint.severity == Severity::Error { 3 } else { 2 };
        let rows = if room > left_over { wanted.min(room - left_over + 1) } else { 1 };
        lines.extend(complaint_lines(complaint, style, rows));
    }
    lines
}

fn complaint_lines(complaint: &Complaint, style: Style<'_>, rows: usize) -> Vec<String> {
    let tone = if complaint.severity == Severity::Error { Tone::Error } else { Tone::Warning };
    let text = wrap_to(&complaint.text, style.width.saturating_sub(2 + LABEL), rows);
    let label = |row: usize| if row == 0 { left(&complaint.label, LABEL) } else { " ".repeat(LABEL) };
    let line = |(row, text): (usize, String)| format!("  {}{text}", paint(style.color, tone, &label(row)));
    text.into_iter().enumerate().map(line).collect()
}

/// Errors and warnings, one entry a rule, in the findings' order; then what could not be read.
fn complaints(report: &AuditReport) -> Vec<Complaint> {
    let mut order: Vec<&str> = Vec::new();
    let mut by_rule: BTreeMap<&str, Vec<&FindingReport>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.severity > Severity::Info) {
        let list = by_rule.entry(&finding.rule).or_default();
        if list.is_empty() {
            order.push(&finding.rule);
        }
        list.push(finding);
    }
    let mut out: Vec<Complaint> =
        order.iter().filter_map(|rule| by_rule.get(rule)).map(|list| complaint(list)).collect();
    if !report.problems.is_empty() {
        let places = count(report.problems.len(), "place");
        let text = format!("{places} in the image could not be read as they should be (--details)");
        out.push(Complaint { label: "unread".to_owned(), severity: Severity::Warning, text });
    }
    out
}

fn complaint(findings: &[&FindingReport]) -> Complaint {
    let first = findings[0];
    let text = match findings {
        [one] => one.message.clone(),
        many => {
            let part = |finding: &&FindingReport| format!("{} {}", finding.subject, finding.size.bytes);
            let shown: Vec<String> = many.iter().take(4).map(part).collect();
            let more = many.len().saturating_sub(shown.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{} ({}){more}", shown.join(", "), first.rule).into()
        }
    };
    Complaint { label: first.label.clone().into(), severity: first.severity, text: text.into() }
}

fn todo_lines(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let Some(plan) = &report.plan else {
        let why = report.no_plan.as_deref().unwrap_or("none was asked for");
        return indented(wrap_to(&format!("no plan: {why}"), style.width - 2, 2));
    };
    let mut lines = action_lines(plan, style);
    let offered =
        offer(plan).map(|text| wrap_commands(&text, style.width.saturating_sub(4), OFFERED)).unwrap_or_default();
    let indent = |(row, text): (usize, String)| format!("{}{text}", if row == 0 { "  " } else { "    " });
    lines.extend(offered.into_iter().enumerate().map(indent).map(|text| paint(style.color, Tone::Dim, &text)));
    lines.extend(proposal(report, plan, style));
    lines
}

/// The lines of a plan that was written: what it does, the size that it predicts, what it left alone.
pub(super) fn plan_written(report: &AuditReport, style: Style<'_>) -> Vec<String> {
    let mut lines = header(report, style);
    let Some(plan) = &report.plan else { return lines };
    lines.extend(section("WHAT THE PLAN DOES", action_lines(plan, style), style));
    if !plan.skipped.is_empty() {
        lines.extend(section("WHAT IT LEAVES ALONE", skipped_lines(plan, style), style));
    }
    lines.extend(plan.notes.iter().flat_map(|note| wrap_to(&format!("note: {note}"), style.width, 3)));
    lines.push(String::new());
    let before = report.sizes.unpacked.bytes;
    let after = plan.predicted.bytes;
    let more = and_gaps(plan.gaps.len());
    let text = format!(
        "{before} → predicted {after}{more} ({}), on {}",
        relative_to_plan(before.0, after.0, plan.unknown()),
        plan.base
    );
    lines.push(paint(style.color, Tone::Saving, &fit(&text, style.width)));
    lines.extend(plan_gap_lines(plan, style));
    lines
}

/// What the plan's text does and nobody can know.
fn plan_gap_lines(plan: &PlanSummary, style: Style<'_>) -> Vec<String> {
    const SHOWN: usize = 4;
    let line = |gap: &GapText| {
        let text = format!("not predicted: {}: {}: {}", gap.place, gap.what, gap.reason);
        wrap_to(&text, style.width, 3)
    };
    let mut lines: Vec<String> = plan.gaps.iter().take(SHOWN).flat_map(line).collect();
    if plan.gaps.len() > SHOWN {
        lines.push(format!("… and {} more", plan.gaps.len() - SHOWN));
    }
    lines
}

fn skipped_lines(plan: &PlanSummary, style: Style<'_>) -> Vec<String> {
    const SHOWN: usize = 6;
    let line = |skipped: &SkippedSummary| {
        let text = format!("{} ({}): {}", skipped.subject, skipped.rule, skipped.reason);
        let bytes = ByteSize(skipped.bytes).to_string();
        let rows = wrap_commands(&text, style.width.saturating_sub(2 + 10 + 2), 2).into_iter().enumerate();
        rows.map(move |(row, text)| format!("  {}  {text}", right(if row == 0 { &bytes } else { "" }, 10))).collect()
    };
    let mut lines: Vec<String> =
        plan.skipped.iter().take(SHOWN).flat_map(|skipped| -> Vec<String> { line(skipped) }).collect();
    if plan.skipped.len() > SHOWN {
        lines.push(format!("  … and {} more; REPORT.md has them all", plan.skipped.len() - SHOWN));
    }
    lines
}

fn indented(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().map(|line| format!("  {line}")).collect()
}

fn action_lines(plan: &PlanSummary, style: Style<'_>) -> Vec<String> {
    let mut actions: Vec<&ActionSummary> = plan.actions.iter().collect();
    actions.sort_by_key(|action| std::cmp::Reverse(action.tier));
    let shown = if actions.len() == ACTIONS + 1 { actions.len() } else { ACTIONS };
    let entry = |action: &&ActionSummary| {
        let bytes = right(&change(action.removed, action.added), 10);
        let accepted = if action.tier == Tier::Confirm { " (accepted)" } else { "" };
        let room = style.width.saturating_sub(2 + 10 + 2);
        let text = wrap_to(&format!("{}{accepted}", action.title), room, 2).into_iter().enumerate();
        let tone = Tone::Saving;
        let figure = move |row: usize| if row == 0 { paint(style.color, tone, &bytes) } else { " ".repeat(10) };
        text.map(move |(row, text)| format!("  {}  {text}", figure(row))).collect::<Vec<String>>()
    };
    let mut lines: Vec<String> = actions.iter().take(shown).flat_map(entry).collect();
    let rest = actions.get(shown..).unwrap_or_default();
    if lines.is_empty() {
        lines.push("  nothing that changes the image's size".to_owned());
    }
    if !rest.is_empty() {
        let sum = |of: fn(&ActionSummary) -> u64| rest.iter().fold(0u64, |sum, action| sum.saturating_add(of(action)));
        let bytes = right(&change(sum(|action| action.removed), sum(|action| action.added)), 10);
        lines.push(format!("  {}  … and {} more", paint(style.color, Tone::Saving, &bytes), rest.len()));
    }
    lines
}

/// What the plan would do as well, if it were told to.
fn offer(plan: &PlanSummary) -> Option<String> {
    let asks = |skipped: &&SkippedSummary| skipped.tier == Some(Tier::Confirm);
    let rules: BTreeSet<&str> = plan.skipped.iter().filter(asks).map(|skipped| skipped.rule.as_str()).collect();
    let ids: Vec<String> = rules.iter().map(|rule| format!("--accept {rule}")).collect();
    (!ids.is_empty()).then(|| format!("opt in with {}", ids.join(" ")))
}

fn proposal(report: &AuditReport, plan: &PlanSummary, style: Style<'_>) -> Vec<String> {
    let (before, after) = (report.sizes.unpacked.bytes.0, plan.predicted.bytes.0);
    if plan.saving <= i64::try_from(plan.unknown()).unwrap_or(i64::MAX) {
        return indented(wrap_to("the plan would not make this image smaller", style.width - 2, 2));
    }
    let size = format!(
        "predicted {}{} ({})",
        plan.predicted.bytes,
        and_gaps(plan.gaps.len()),
        relative_to_plan(before, after, plan.unknown())
    );
    // A command that is cut in two, or that a shell reads otherwise, is no command: it may be wider than the screen.
    let command = format!("→ slimwright plan {} -o slim/", Text::from(&shell_word(style.target)));
    let painted = paint(style.color, Tone::Saving, &size);
    if columns(&command) + 3 + columns(&size) <= style.width {
        vec![format!("{command}   {painted}")]
    } else {
        vec![command, format!("  {painted}")]
    }
}
