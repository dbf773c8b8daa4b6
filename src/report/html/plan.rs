//! A plan as a page: what REPORT.md says, for somebody who wants to look at it.

use super::page::{Cell, Html, bar, command, document, el, number, paragraph, section, table, text};
use super::steps::{gap_table, left_alone, thousandths, waterfall};
use crate::base::{ByteSize, Text, count};
use crate::index::Verdict;
use crate::report::heavy::HeavyReport;
use crate::report::layout::change;
use crate::report::plan::{DockerfileReport, ImageSize, PlanAction, PlanReport, TakenAway};
use crate::rules::Tier;
use std::collections::BTreeSet;

/// The page.
pub fn render(report: &PlanReport) -> String {
    let line = report.outcome();
    let facts = format!("{} · builds on {} ({})", report.platform, report.base, report.base_reason);
    let mut body = vec![
        el("h1", &[], [text(format!("A smaller {}", report.original))]),
        el("p", &[("class", "lead")], [text(line)]),
        paragraph(facts),
    ];
    let sections = [
        ("plan", "What the plan does", vec![steps(report)]),
        ("commands", "Build and verify", commands(report)),
        ("notes", "To know before you build", notes(report)),
        (
            "gaps",
            "What is not predicted",
            gap_table("The predicted image is larger by what this brings.", "What is not predicted", &report.gaps),
        ),
        ("proof", "The proof of each step", report.actions.iter().filter_map(proof).collect()),
        ("edits", "Edits of your Dockerfile", report.dockerfile.iter().flat_map(edits).collect()),
        ("left", "What is left to you", left(report)),
        ("heavy", "The largest distributions, and who brought them in", heavy(&report.heavy)),
        ("goes", "What goes", goes(report)),
        ("installs", "What is installed", installs(report)),
        ("layers", "Layers, before and after", layers(report)),
    ];
    let link = |id: &str, title: &str| el("li", &[], [el("a", &[("href", &format!("#{id}"))], [text(title)])]);
    let there = |inner: &[Html]| inner.iter().any(|part| !part.is_empty());
    let links = sections.iter().filter(|(_, _, inner)| there(inner)).map(|(id, title, _)| link(id, title));
    body.push(el("nav", &[("aria-label", "Contents")], [el("ul", &[], links)]));
    body.extend(
        sections.into_iter().filter(|(_, _, inner)| there(inner)).map(|(id, title, inner)| section(id, title, inner)),
    );
    document(&format!("A smaller {}: slimwright plan", report.original), body, None)
}

fn steps(report: &PlanReport) -> Html {
    let (before, after) = (report.before.unpacked.bytes.0, report.predicted.unpacked.bytes.0);
    waterfall(before, report.actions.iter().map(|action| &action.what), after)
}

fn commands(report: &PlanReport) -> Vec<Html> {
    let mut out: Vec<Html> = Vec::new();
    if !report.next.is_empty() {
        out.push(command(&report.next.join("\n")));
    }
    if let Some(again) = &report.again {
        out.push(paragraph("This reads the folder again, before it is built, and comes to the same figure:"));
        out.push(command(again));
    }
    out
}

fn notes(report: &PlanReport) -> Vec<Html> {
    let rows: Vec<Html> = report.notes.iter().map(|note| el("li", &[], [text(note)])).collect();
    if rows.is_empty() { rows } else { vec![el("ul", &[], rows)] }
}

fn proof(action: &PlanAction) -> Option<Html> {
    if action.evidence.is_empty() {
        return None;
    }
    let what = &action.what;
    let head = format!("{}: {} ({})", change(what.removed, what.added), what.title, what.rule);
    let rows = action.evidence.iter().map(|line| el("li", &[], [text(line)]));
    Some(el("details", &[], [el("summary", &[], [text(head)]), el("ul", &[], rows)]))
}

fn edits(dockerfile: &DockerfileReport) -> Vec<Html> {
    let mut seen = BTreeSet::new();
    let edits = dockerfile.edits.iter().filter(|edit| seen.insert((edit.line, &edit.reason)));
    let rows =
        edits.map(|edit| vec![number(edit.line, edit.line as u64), Cell::from(&*edit.reason), Cell::from(&*edit.rule)]);
    let rows = table(&format!("Lines of {}", dockerfile.path), &["Line", "Why", "Rule"], rows.collect::<Vec<_>>());
    let notes = dockerfile.notes.iter().map(|note| paragraph(format!("No edit says this: {note}")));
    [rows].into_iter().chain(notes).collect()
}

fn left(report: &PlanReport) -> Vec<Html> {
    let asks = report.skipped.iter().filter(|skipped| skipped.tier == Some(Tier::Confirm));
    let rules: BTreeSet<&str> = asks.map(|skipped| skipped.rule.as_str()).collect();
    let options: Vec<String> = rules.iter().map(|rule| format!("--accept {rule}")).collect();
    let offered = (!options.is_empty()).then(|| {
        let line = "These rules wait for your word. Plan again with those that you agree to; the page of an audit (`slimwright audit \
                    --format html`) computes what each choice comes to:";
        Html::of([paragraph(line), command(&options.join(" "))])
    });
    let rows = report.overridden.iter().map(|row| {
        vec![
            Cell::from(format!("{} {}", row.distribution, row.version)),
            Cell::from(&*row.requirement),
            Cell::from(&*row.why),
        ]
    });
    let unmet = table("Requirements that will not be met, on purpose", &["Of", "Requirement", "Why"], rows);
    offered.into_iter().chain([left_alone(&report.skipped), unmet]).collect()
}

fn heavy(rows: &[HeavyReport]) -> Vec<Html> {
    let most = rows.iter().map(|row| row.brings.size.bytes.0).max().unwrap_or_default();
    let row = |row: &HeavyReport| {
        let chains = row.chains.iter().map(|chain| el("li", &[], [text(chain)]));
        let cuts = row.cuts.iter().map(|cut| {
            let frees =
                format!("{}: {} in {}", cut.what, cut.frees.size.bytes, count(cut.frees.distributions, "distribution"));
            el("li", &[], [text(frees)])
        });
        vec![
            Cell::from(format!("{} {}", row.name, row.version)),
            number(row.size.bytes, row.size.bytes.0),
            number(row.brings.size.bytes, row.brings.size.bytes.0),
            bar("stays", 0, thousandths(row.brings.size.bytes.0, most)).into(),
            el("ul", &[], chains).into(),
            el("ul", &[], cuts).into(),
        ]
    };
    let heads = ["What", "Its own", "With what it alone brings", "Bar", "Brought in by", "Would go"];
    let table = table("Sizes in the original, unpacked", &heads, rows.iter().map(row));
    vec![table]
}

fn goes(report: &PlanReport) -> Vec<Html> {
    let row = |gone: &TakenAway| {
        vec![
            Cell::from(&*gone.name),
            Cell::from(&*gone.version),
            number(gone.size.bytes, gone.size.bytes.0),
            Cell::from(&*gone.why),
        ]
    };
    let heads = ["Name", "Version", "Unpacked", "Why"];
    vec![
        table("Distributions that go", &heads, report.dropped.iter().map(row)),
        table("Packages of the system that go", &heads, report.dropped_system.iter().map(row)),
    ]
}

fn installs(report: &PlanReport) -> Vec<Html> {
    let pins = report.pins.iter().map(|pin| {
        let verdict = pin.availability.as_ref().map_or("not looked up", |found| in_index(found.verdict));
        vec![
            Cell::from(&*pin.name),
            Cell::from(&*pin.version),
            number(pin.size.bytes, pin.size.bytes.0),
            Cell::from(verdict),
            Cell::from(pin.instead_of.as_deref().unwrap_or_default()),
            Cell::from(&*pin.why),
        ]
    });
    let heads = ["Name", "Version", "Unpacked", "In the index", "In place of", "Why"];
    let pins = table("Distributions", &heads, pins);
    let system = report.system.iter().map(|package| {
        vec![Cell::from(&*package.name), number(package.size.bytes, package.size.bytes.0), Cell::from(&*package.why)]
    });
    let system = table("Packages of the system", &["Name", "Unpacked", "Why"], system);
    let copies =
        report.copies.iter().map(|copy| vec![Cell::from(&*copy.path), number(copy.size.bytes, copy.size.bytes.0)]);
    vec![pins, system, table("Copied from the original", &["Path", "Unpacked"], copies)]
}

fn in_index(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Wheel => "a wheel",
        Verdict::SourceOnly => "source only",
        Verdict::NoWheel => "no wheel for this Python and platform",
        Verdict::Gone => "gone",
        Verdict::Unknown => "not looked up",
    }
}

fn layers(report: &PlanReport) -> Vec<Html> {
    let of = |image: &ImageSize| image.layers.iter().map(|layer| layer.unpacked.bytes.0).max().unwrap_or_default();
    let most = of(&report.before).max(of(&report.predicted));
    let rows = |image: &ImageSize, class: &'static str| -> Vec<Vec<Cell>> {
        let row = |layer: &crate::report::plan::LayerSize| {
            let bytes: ByteSize = layer.unpacked.bytes;
            vec![
                number(layer.position, layer.position as u64),
                number(bytes, bytes.0),
                bar(class, 0, thousandths(bytes.0, most)).into(),
                Cell::from(layer.instruction.as_ref().map_or("unknown instruction", Text::as_str)),
            ]
        };
        image.layers.iter().map(row).collect()
    };
    let heads = ["Layer", "Unpacked", "Bar", "Made by"];
    vec![
        table("Today", &heads, rows(&report.before, "stays")),
        table("As predicted", &heads, rows(&report.predicted, "goes")),
    ]
}
