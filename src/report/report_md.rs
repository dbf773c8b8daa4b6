//! `REPORT.md`: what a plan does and why, beside the files that build it.

use super::audit::BaseEstimate;
use super::heavy;
use super::layout::{change, relative_to_plan};
use super::markdown::{plain, table};
use super::plan::{AvailabilityReport, ImageSize, PlanReport, RequirementReport, TakenAway};
use crate::base::{Basis, ByteSize, Size};
use crate::index::Verdict;
use std::fmt::Write as _;

/// The report.
pub fn render(report: &PlanReport) -> String {
    let mut out = String::new();
    head(&mut out, report);
    build(&mut out, report);
    edits(&mut out, report);
    actions(&mut out, report);
    bases(&mut out, report);
    heavy::section(&mut out, &report.heavy);
    layers(&mut out, report);
    report.ledger.iter().for_each(|ledger| ledger.section(&mut out));
    pins(&mut out, report);
    taken_away(&mut out, "## Distributions that go", &report.dropped);
    requirements(&mut out, report);
    system(&mut out, report);
    report.libraries.iter().for_each(|libraries| libraries.section(&mut out));
    copies(&mut out, report);
    skipped(&mut out, report);
    out
}

fn head(out: &mut String, report: &PlanReport) {
    let (before, after) = (report.before.unpacked.bytes, report.predicted.unpacked.bytes);
    let _ = writeln!(out, "# A smaller {}\n", plain(&report.original));
    let summary = [
        vec!["before".to_owned(), before.to_string(), report.before.unpacked.basis.as_str().to_owned()],
        vec!["predicted".to_owned(), after.to_string(), relative_to_plan(before.0, after.0, report.unknown())],
    ];
    let _ = writeln!(
        out,
        "{} · builds on {} ({})",
        plain(&report.platform),
        plain(&report.base),
        plain(&report.base_reason)
    );
    table(out, &["Image", "Unpacked:", ""], summary);
    out.push_str(
        "\nAll sizes are `unpacked`: the bytes of the layers' files, which an engine shows as an image's size; \
         1 MB = 10⁶ bytes. What is predicted is said to be so.\n",
    );
    for note in &report.notes {
        let _ = writeln!(out, "\n> {}", plain(note));
    }
    if report.gaps.is_empty() {
        return;
    }
    out.push_str("\n## What is not predicted\n\nThe predicted image is larger by what this brings:\n");
    let row = |gap: &crate::image::GapText| vec![plain(&gap.place), plain(&gap.what), plain(&gap.reason)];
    table(out, &["Where", "What", "Why"], report.gaps.iter().map(row));
}

/// What the catalogue has beside the base.
fn bases(out: &mut String, report: &PlanReport) {
    if report.bases.is_empty() {
        return;
    }
    out.push_str(
        "\n## Other sizes of this base\n\nPublished figures (basis: catalogue), each as of a day: estimates, which decide nothing \
         here. `--base IMAGE` plans for another one. Alpine has another C library, for which many packages have no wheel.\n",
    );
    let row = |base: &BaseEstimate| {
        let unpacked = base.unpacked.map_or_else(|| "not published".to_owned(), |size| size.bytes.to_string());
        vec![plain(&base.image), base.layers.to_string(), base.wire.bytes.to_string(), unpacked, plain(&base.date)]
    };
    table(out, &["Image", "Layers:", "Wire:", "Unpacked:", "As of"], report.bases.iter().map(row));
}

fn build(out: &mut String, report: &PlanReport) {
    out.push_str("\n## How to build and verify\n\n");
    if report.dockerfile.is_some() {
        out.push_str(
            "Apply Dockerfile.diff to your own Dockerfile (`patch -p1` or `git apply`), or take the Dockerfile here. Of the plan's \
             other files the build context needs those alone that a command below copies into it.\n\n",
        );
    } else {
        let _ = writeln!(out, "The Dockerfile copies from the original image, which must be there by this name:");
        let _ = writeln!(out, "{}\n", plain(&report.original));
    }
    if !report.next.is_empty() {
        let _ = writeln!(out, "```sh\n{}\n```\n", report.next.join("\n"));
    }
    let predicted = report.predicted.unpacked.bytes;
    let _ = writeln!(out, "The prediction is {predicted}.");
    if let Some(command) = &report.again {
        out.push_str(
            "Before it is built, this reads the folder again. What the original has in the version that is installed counts \
             as it is there, so that the answer is the prediction, to the byte, while the indexes have the same versions:\n\n",
        );
        let _ = writeln!(out, "```sh\n{command}\n```\n");
    }
    if report.environment.is_some() {
        out.push_str("The smoke test imports what is kept and fails on every unmet requirement not listed below.\n");
    }
}

/// Each edit of the user's Dockerfile with its reason, and what no edit says.
fn edits(out: &mut String, report: &PlanReport) {
    let Some(dockerfile) = &report.dockerfile else { return };
    let _ = writeln!(out, "\n## Edits of {}\n", plain(&dockerfile.path));
    if dockerfile.edits.is_empty() {
        out.push_str("None: nothing in it has to change.\n");
    }
    let mut seen: Vec<(usize, &str)> = Vec::new();
    for edit in &dockerfile.edits {
        if !seen.contains(&(edit.line, &edit.reason)) {
            seen.push((edit.line, &edit.reason));
            let _ = writeln!(out, "- line {}: {} ({})", edit.line, plain(&edit.reason), plain(&edit.rule));
        }
    }
    if !dockerfile.notes.is_empty() {
        out.push_str("\nWhat no edit says; it is no part of the prediction:\n\n");
    }
    for note in &dockerfile.notes {
        let _ = writeln!(out, "- {}", plain(note));
    }
}

fn actions(out: &mut String, report: &PlanReport) {
    out.push_str("\n## What is done\n");
    if report.actions.is_empty() {
        out.push_str("\nNothing.\n");
    }
    for action in &report.actions {
        let what = &action.what;
        let bytes = change(what.removed, what.added);
        let _ = writeln!(out, "\n### {bytes}: {}\n", plain(&what.title));
        let (removed, added) = (ByteSize(what.removed), ByteSize(what.added));
        let _ = writeln!(out, "Rule: {}. Goes: {removed}. Comes instead: {added}.", plain(&what.rule));
        if !action.evidence.is_empty() {
            out.push('\n');
        }
        for line in &action.evidence {
            let _ = writeln!(out, "- {}", plain(line));
        }
    }
}

fn layers(out: &mut String, report: &PlanReport) {
    let rows = |image: &ImageSize| -> Vec<Vec<String>> {
        let row = |layer: &super::plan::LayerSize| {
            let instruction = layer.instruction.as_deref().unwrap_or("(the history does not tell)");
            vec![layer.position.to_string(), layer.unpacked.bytes.to_string(), plain(instruction)]
        };
        image.layers.iter().map(row).collect()
    };
    out.push_str("\n## Layers before\n");
    table(out, &["#:", "Unpacked:", "Instruction"], rows(&report.before));
    out.push_str("\n## Layers as predicted\n");
    table(out, &["#:", "Unpacked:", "Instruction"], rows(&report.predicted));
}

fn pins(out: &mut String, report: &PlanReport) {
    if report.pins.is_empty() {
        return;
    }
    out.push_str("\n## Distributions to install\n");
    let mut pins: Vec<_> = report.pins.iter().collect();
    pins.sort_by(|a, b| b.size.bytes.cmp(&a.size.bytes).then_with(|| a.name.cmp(&b.name)));
    let row = |pin: &&super::plan::PinReport| {
        let instead = pin.instead_of.as_deref().map(|other| format!("instead of {}; ", plain(other)));
        let why = instead.unwrap_or_default() + &plain(&pin.why);
        let (wire, file) = pin.availability.as_ref().map(from).unwrap_or_default();
        vec![known(pin.size), plain(&pin.name), plain(&pin.version), wire, file, why]
    };
    if pins.iter().all(|pin| pin.availability.is_none()) {
        out.push_str("\nWhether these can still be installed was not looked up.\n");
        let row = |pin: &&super::plan::PinReport| {
            let mut row = row(pin);
            row.drain(3..5);
            row
        };
        return table(out, &["Unpacked:", "Name", "Version", "Why"], pins.iter().map(row));
    }
    table(out, &["Unpacked:", "Name", "Version", "Wire:", "From", "Why"], pins.iter().map(row));
}

/// What is downloaded for a pin: its size, and which file, or why there is none.
fn from(answer: &AvailabilityReport) -> (String, String) {
    let wire = answer.file.as_ref().and_then(|file| file.wire).map(|size| size.bytes.to_string());
    let name = answer.file.as_ref().map(|file| plain(&file.name)).unwrap_or_default();
    let near =
        if answer.near.is_empty() { String::new() } else { format!(" (near: {})", plain(&answer.near.join(", "))) };
    let yanked = if answer.yanked.is_some() { format!("yanked{near}: ") } else { String::new() };
    let text = match answer.verdict {
        Verdict::Wheel => name,
        Verdict::SourceOnly => format!("source only: {name}"),
        Verdict::NoWheel => format!("no wheel for this Python and platform{near}"),
        Verdict::Gone => format!("gone{near}"),
        Verdict::Unknown => "not looked up".to_owned(),
    };
    (wire.unwrap_or_default(), yanked + &text)
}

/// A size, and how it is known if it was not measured.
fn known(size: Size) -> String {
    match size.basis {
        Basis::Measured => size.bytes.to_string(),
        Basis::Predicted => format!("{} predicted", size.bytes),
        Basis::Catalogue => format!("{} catalogue", size.bytes),
    }
}

fn taken_away(out: &mut String, title: &str, list: &[TakenAway]) {
    if list.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    let row = |gone: &TakenAway| vec![known(gone.size), plain(&gone.name), plain(&gone.version), plain(&gone.why)];
    table(out, &["Unpacked:", "Name", "Version", "Why"], list.iter().map(row));
}

fn requirements(out: &mut String, report: &PlanReport) {
    let row = |edge: &RequirementReport| {
        let who = format!("{} {}", plain(&edge.distribution), plain(&edge.version));
        vec![who, plain(&edge.requirement), plain(&edge.why)]
    };
    if !report.overridden.is_empty() {
        out.push_str("\n## Requirements that are overridden on purpose\n");
        out.push_str("\n`pip check` will name exactly these, besides those that the original does not meet.\n");
        table(out, &["Who", "Requires", "Why not"], report.overridden.iter().map(row));
    }
    if !report.unsatisfied_before.is_empty() {
        out.push_str("\n## Requirements that the original does not meet either\n");
        table(out, &["Who", "Requires", "What is wrong"], report.unsatisfied_before.iter().map(row));
    }
}

fn system(out: &mut String, report: &PlanReport) {
    if !report.system.is_empty() {
        out.push_str("\n## OS packages to install\n");
        let row =
            |package: &super::plan::SystemReport| vec![known(package.size), plain(&package.name), plain(&package.why)];
        table(out, &["Unpacked:", "Name", "Why"], report.system.iter().map(row));
    }
    taken_away(out, "## OS packages that go", &report.dropped_system);
}

fn copies(out: &mut String, report: &PlanReport) {
    if report.copies.is_empty() {
        return;
    }
    out.push_str("\n## Files that are copied from the original\n");
    let row = |copy: &super::plan::CopyReport| {
        let slash = if copy.directory { "/" } else { "" };
        vec![known(copy.size), plain(&format!("{}{slash}", copy.path))]
    };
    table(out, &["Unpacked:", "Path"], report.copies.iter().map(row));
}

fn skipped(out: &mut String, report: &PlanReport) {
    out.push_str("\n## What was left alone, and why\n\n");
    if report.skipped.is_empty() {
        out.push_str("Nothing that a rule knows.\n");
    }
    for skipped in &report.skipped {
        let (subject, rule, reason) = (plain(&skipped.subject), plain(&skipped.rule), plain(&skipped.reason));
        let _ = writeln!(out, "- {subject} ({rule}, concerns {}): {reason}", ByteSize(skipped.bytes));
    }
}
