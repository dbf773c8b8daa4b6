//! An audit as a page.

use super::page::{Cell, Html, bar, command, document, el, number, paragraph, section, table, text};
use super::picture;
use super::steps::{gap_table, left_alone, thousandths, waterfall};
use crate::base::{Basis, ByteSize, Text, count};
use crate::report::audit::{AuditReport, FindingReport, Offered, PlanSummary};
use crate::report::groups::some;
use crate::report::layout::{and_gaps, percent, percents, relative_to_plan};
use crate::report::text::Style;
use crate::rules::{Severity, Tier};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The page.
pub fn render(report: &AuditReport, style: Style<'_>) -> String {
    let mut body =
        vec![el("h1", &[], [text(&report.image.name)]), el("p", &[("class", "lead")], [text(summary(report))])];
    body.extend(report.unknown_base.as_ref().map(|base| {
        paragraph(format!("Nothing is known of the base image {base}: the sizes are those above it. Say what it is with --image {base}=TARGET."))
    }));
    let sections = [
        section("map", "Where the bytes are", map(report)),
        section("todo", "What to do", todo(report, style)),
        section("wrong", "What is wrong", wrong(report)),
        section("gaps", "What is not predicted", gaps(report)),
        section("layers", "Layers", layers(report)),
        section("distributions", "Python distributions", distributions(report)),
        section("packages", "Packages of the system", packages(report)),
        section("problems", "What could not be read as it should be", problems(report)),
    ];
    body.push(contents(report));
    body.extend(sections);
    document(&format!("{}: slimwright audit", report.image.name), body, data(report, style).as_ref())
}

fn contents(report: &AuditReport) -> Html {
    let link = |(id, title): (&str, &str)| el("li", &[], [el("a", &[("href", &format!("#{id}"))], [text(title)])]);
    let all = [
        ("map", "Where the bytes are", true),
        ("todo", "What to do", true),
        ("wrong", "What is wrong", true),
        ("gaps", "What is not predicted", !report.gaps.is_empty()),
        ("layers", "Layers", !report.layers.is_empty()),
        ("distributions", "Distributions", !report.distributions.is_empty()),
        ("packages", "Packages", !report.os_packages.is_empty() || !report.conda_packages.is_empty()),
        ("problems", "Problems", !report.problems.is_empty()),
    ];
    let rows = all.into_iter().filter(|(.., is_there)| *is_there).map(|(id, title, _)| link((id, title)));
    el("nav", &[("aria-label", "Contents")], [el("ul", &[], rows)])
}

fn summary(report: &AuditReport) -> String {
    let unknown = report.unknown_base.as_ref().map_or("", |_| "unknown base + ");
    let mut facts = vec![
        report.image.platform.to_string(),
        count(report.layers.len(), "layer"),
        format!("{unknown}{} unpacked", report.sizes.unpacked.bytes),
    ];
    facts.extend(report.sizes.wire.map(|wire| format!("{} wire", wire.bytes)));
    facts.push(format!("{} that no container sees", report.sizes.dead.bytes));
    facts.extend(report.image.operating_system.as_deref().map(str::to_owned));
    if !report.image.python.is_empty() {
        facts.push(format!("Python {}", some(report.image.python.iter().map(Text::as_str), 3)));
    }
    if report.image.basis != Basis::Measured {
        facts.push("predicted, not measured".into());
    }
    facts.extend(crate::report::screen::not_read_whole(report));
    facts.join(" · ")
}

fn map(report: &AuditReport) -> Vec<Html> {
    let mut out: Vec<Html> = report.map.iter().map(picture::picture).collect();
    let bytes: Vec<u64> = report.groups.iter().map(|group| group.bytes).collect();
    let most = bytes.iter().copied().max().unwrap_or_default().max(1);
    let rows = report.groups.iter().zip(percents(&bytes)).map(|(group, share)| {
        vec![
            Cell::from(&*group.label),
            number(ByteSize(group.bytes), group.bytes),
            number(percent(share, group.bytes), group.bytes),
            bar("stays", 0, thousandths(group.bytes, most)).into(),
            Cell::from(&*group.note),
        ]
    });
    out.push(table("Each byte of each layer, once", &["What", "Unpacked", "Share", "Bar", "About"], rows));
    out
}

fn todo(report: &AuditReport, style: Style<'_>) -> Vec<Html> {
    let Some(plan) = &report.plan else {
        return vec![paragraph(format!("No plan: {}.", report.no_plan.as_deref().unwrap_or("none was asked for")))];
    };
    let (before, after) = (report.sizes.unpacked.bytes, plan.predicted.bytes);
    let gaps = and_gaps(plan.gaps.len());
    let line = format!(
        "{before} today, {after}{gaps} predicted ({}), on {}.",
        relative_to_plan(before.0, after.0, plan.unknown()),
        plan.base
    );
    let mut out = vec![el("p", &[("class", "lead")], [text(line)]), waterfall(before.0, &plan.actions, after.0)];
    if plan.saving > 0 {
        out.push(command(&format!("slimwright plan {} -o slim/", target(style))));
    }
    out.extend(plan.notes.iter().map(|note| paragraph(format!("Note: {note}"))));
    out.push(offers(report, plan, style));
    out.push(left_alone(&plan.skipped));
    out
}

/// What the user called the image, for a shell.
fn target(style: Style<'_>) -> String {
    crate::base::shell_word(style.target)
}

/// What the plan would do as well, and what it then comes to.
fn offers(report: &AuditReport, plan: &PlanSummary, style: Style<'_>) -> Html {
    let Some(offers) = report.offers.as_ref().filter(|offers| !offers.rules.is_empty()) else {
        return waiting(plan, style);
    };
    let all = offers.rules.len();
    let lead = "Some rules wait for your word. What they free overlaps, so each row is a plan of its own.";
    let computed = offers.plans.len();
    let more = (all >= usize::BITS as usize || computed < 1 << all)
        .then(|| paragraph(format!("Of the choices among {all} rules {computed} were computed.")));
    let row = |offered: &Offered| {
        let names = offered.accepted.iter().filter_map(|at| offers.rules.get(*at)).map(|(rule, _)| rule.as_str());
        let names: Vec<&str> = names.collect();
        vec![
            Cell::from(if names.is_empty() { "none".to_owned() } else { names.join(", ") }),
            number(ByteSize(offered.predicted), offered.predicted),
            Cell::from(offered.outcome(report.sizes.unpacked.bytes.0, plan.predicted.bytes.0)),
            Cell::from(accepting(style, &names)),
        ]
    };
    let heads = ["With", "Predicted", "In words", "Command"];
    let table = table("What the plan comes to with the rules that wait", &heads, offers.plans.iter().map(row));
    let about = offers
        .rules
        .iter()
        .map(|(rule, about)| el("li", &[], [el("code", &[], [text(rule)]), text(format!(": {about}"))]));
    Html::of(
        [paragraph(lead), el("div", &[("id", "choices")], []), el("ul", &[], about), table].into_iter().chain(more),
    )
}

/// The command that plans with these rules.
fn accepting(style: Style<'_>, rules: &[&str]) -> String {
    let options: String = rules.iter().map(|rule| format!(" --accept {rule}")).collect();
    format!("slimwright plan {} -o slim/{options}", target(style))
}

/// The rules that wait, where nothing was computed of them.
fn waiting(plan: &PlanSummary, style: Style<'_>) -> Html {
    let asks = plan.skipped.iter().filter(|skipped| skipped.tier == Some(Tier::Confirm));
    let rules: BTreeSet<&str> = asks.map(|skipped| skipped.rule.as_str()).collect();
    if rules.is_empty() {
        return Html::default();
    }
    let rules: Vec<&str> = rules.into_iter().collect();
    let lead =
        "It waits for your word with these rules; leave out what you do not want. What they come to was not computed:";
    Html::of([paragraph(lead), command(&accepting(style, &rules))])
}

/// For the script: the map, and the choices with what each comes to.
fn data(report: &AuditReport, style: Style<'_>) -> Option<Value> {
    let mut data = report.map.as_ref().map(picture::data)?;
    let offers = report.offers.as_ref().filter(|offers| !offers.rules.is_empty());
    if let Some((plan, offers)) = report.plan.as_ref().zip(offers) {
        let (before, without) = (report.sizes.unpacked.bytes.0, plan.predicted.bytes.0);
        let key = |offered: &Offered| offered.accepted.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let totals: Map<String, Value> =
            offers.plans.iter().map(|offered| (key(offered), offered.outcome(before, without).into())).collect();
        let rules: Vec<&Text> = offers.rules.iter().map(|(rule, _)| rule).collect();
        data["choices"] = json!({ "rules": rules, "totals": totals, "command": accepting(style, &[]) });
    }
    Some(data)
}

fn wrong(report: &AuditReport) -> Vec<Html> {
    if report.findings.is_empty() {
        return vec![paragraph("Nothing that a rule knows.")];
    }
    let note = "Findings may overlap: their bytes do not add up. `slimwright explain RULE` says more of each.";
    let mut out = vec![paragraph(note)];
    out.extend(report.findings.iter().map(finding));
    out
}

fn finding(finding: &FindingReport) -> Html {
    let (word, class) = match finding.severity {
        Severity::Error => ("error", "error"),
        Severity::Warning => ("warning", "warning"),
        Severity::Info => ("info", "info"),
    };
    let head = el(
        "summary",
        &[],
        [
            el("strong", &[("class", class)], [text(word)]),
            text(format!(" {} ({}): {}", finding.rule, finding.size.bytes, finding.message)),
        ],
    );
    let rows = finding.evidence.iter().map(|row| {
        vec![
            Cell::from(row.place.as_deref().unwrap_or_default()),
            number(ByteSize(row.bytes), row.bytes),
            Cell::from(&*row.note),
        ]
    });
    let more = (finding.more_evidence > 0).then(|| paragraph(format!("and {} more", finding.more_evidence)));
    let doubts = finding.doubts.iter().map(|doubt| paragraph(format!("Speaks against it: {doubt}")));
    let rows = table(&format!("Proof of {}", finding.rule), &["Where", "Unpacked", "What"], rows);
    let open = [("open", "")];
    let attributes: &[(&str, &str)] = if finding.severity == Severity::Error { &open } else { &[] };
    el("details", attributes, [head, rows].into_iter().chain(more).chain(doubts))
}

fn gaps(report: &AuditReport) -> Vec<Html> {
    gap_table("The sizes are too small by what this brings.", "Gaps", &report.gaps)
}

fn layers(report: &AuditReport) -> Vec<Html> {
    let rows = report.layers.iter().map(|layer| {
        let base = if layer.base { " (base)" } else { "" };
        let hidden = layer
            .hidden_by
            .iter()
            .map(|hidden| format!("{} {} by layer {}", ByteSize(hidden.bytes), hidden.fate, hidden.by));
        let owners = layer.largest_owners.iter().map(|owner| format!("{} {}", owner.name, ByteSize(owner.bytes)));
        vec![
            number(format!("{}{base}", layer.position), layer.position as u64),
            number(layer.unpacked.bytes, layer.unpacked.bytes.0),
            number(ByteSize(layer.bytes.dead), layer.bytes.dead),
            Cell::from(layer.instruction.as_deref().unwrap_or("the history does not tell")),
            Cell::from(owners.collect::<Vec<_>>().join(", ")),
            Cell::from(hidden.collect::<Vec<_>>().join(", ")),
        ]
    });
    let heads = ["Layer", "Unpacked", "Hidden", "Made by", "Most is of", "What later layers hide"];
    vec![table("Layers, the lowest first", &heads, rows)]
}

fn distributions(report: &AuditReport) -> Vec<Html> {
    if report.distributions.is_empty() {
        return Vec::new();
    }
    let rows = report.distributions.iter().map(|dist| {
        let state = dist
            .broken
            .as_ref()
            .map(|broken| format!("broken: {} of {} files are gone", broken.missing, broken.recorded));
        vec![
            Cell::from(&*dist.name),
            Cell::from(&*dist.version),
            number(ByteSize(dist.bytes), dist.bytes),
            Cell::from(some(dist.required_by.iter().map(Text::as_str), 8)),
            Cell::from(&*dist.environment),
            Cell::from(state.unwrap_or_default()),
        ]
    });
    let heads = ["Name", "Version", "Unpacked", "Required by", "Environment", "State"];
    vec![table("Distributions, the largest first", &heads, rows)]
}

fn packages(report: &AuditReport) -> Vec<Html> {
    let rows = report.os_packages.iter().map(|package| {
        let asked = if package.manual { "asked for" } else { "" };
        let size = number(ByteSize(package.bytes), package.bytes);
        vec![Cell::from(&*package.name), Cell::from(&*package.version), size, Cell::from(asked)]
    });
    let heads = ["Name", "Version", "Unpacked", "By hand"];
    let os = table("OS packages, the largest first", &heads, rows);
    let rows = report.conda_packages.iter().map(|package| {
        let asked = if package.requested { "asked for" } else { "" };
        let (size, version) =
            (number(ByteSize(package.bytes), package.bytes), format!("{} {}", package.version, package.build));
        vec![Cell::from(&*package.name), Cell::from(version), size, Cell::from(asked)]
    });
    let conda = table("conda packages, the largest first", &heads, rows);
    match (report.os_packages.is_empty(), report.conda_packages.is_empty()) {
        (true, true) => Vec::new(),
        _ => vec![os, conda],
    }
}

fn problems(report: &AuditReport) -> Vec<Html> {
    let rows = report
        .problems
        .iter()
        .map(|problem| vec![Cell::from(problem.place.to_string()), Cell::from(problem.message.to_string())]);
    let rows: Vec<Vec<Cell>> = rows.collect();
    if rows.is_empty() { Vec::new() } else { vec![table("Problems", &["Where", "What"], rows)] }
}
