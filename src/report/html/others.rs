//! A verdict and a difference as pages.

use super::page::{Cell, Html, bar, document, el, number, paragraph, section, table, text};
use crate::base::{ByteSize, Text};
use crate::budget::{Check, Diff, Outcome, Verdict};
use crate::report::check_text::sized;
use crate::report::layout::change;

/// A verdict's page.
pub fn verdict(verdict: &Verdict) -> String {
    let (word, class) = outcome(verdict.outcome);
    let kept = verdict.checks.iter().filter(|check| check.outcome == Outcome::Pass).count();
    let line = format!("{word}: {kept} of {} limits are kept", verdict.checks.len());
    let facts = format!("{} · {}", verdict.platform, sized(verdict.unpacked));
    let mut checks: Vec<&Check> = verdict.checks.iter().collect();
    checks.sort_by_key(|check| std::cmp::Reverse(check.outcome));
    let broken = checks.iter().filter(|check| check.outcome != Outcome::Pass).map(|check| blamed(check)).collect();
    let rows = checks.iter().map(|check| {
        let (word, class) = outcome(check.outcome);
        let place = check.location.as_ref().map(ToString::to_string).unwrap_or_else(|| "--limit".to_owned());
        vec![
            el("strong", &[("class", class)], [text(word)]).into(),
            check.title().into(),
            Cell::from(&*check.message),
            place.into(),
        ]
    });
    let all = vec![table("All limits, the worst first", &["Verdict", "Limit", "What was found", "Written in"], rows)];
    let planned = verdict.planned.iter().map(|planned| {
        let (word, _) = outcome(planned.outcome);
        let waiting: String = planned.waiting.iter().map(|rule| format!(" --accept {rule}")).collect();
        let more = if waiting.is_empty() { String::new() } else { format!(" More goes with{waiting}.") };
        paragraph(format!("The plan's image would have {}: {word}.{more}", sized(planned.unpacked)))
    });
    let planned: Vec<Html> = planned.collect();
    let gaps =
        verdict.gaps.iter().map(|gap| paragraph(format!("{}: {}: {}", gap.place, gap.what, gap.reason))).collect();
    let warnings = verdict.warnings.iter().map(|warning| paragraph(&warning.message)).collect();
    let by = verdict.rests_on.line();
    let rests = if by.is_empty() { Vec::new() } else { vec![paragraph(by)] };
    let head = el("h1", &[], [text(&verdict.image)]);
    let body = [
        head,
        el("p", &[("class", &format!("lead verdict {class}"))], [text(line)]),
        paragraph(facts),
        el("nav", &[("aria-label", "Search")], []),
        section("broken", "What is not kept, and who is to blame", broken),
        section("limits", "Limits", all),
        section("plan", "What the plan leads to", planned),
        section("gaps", "What could not be predicted", gaps),
        section("warnings", "To know besides", warnings),
        section("rests-on", "Limits are from", rests),
    ];
    document(&format!("{}: {word}", verdict.image), body, None)
}

fn outcome(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Pass => ("passed", "pass"),
        Outcome::Warn => ("passed, with warnings", "warn"),
        Outcome::CouldNotMeasure => ("no verdict", "fail"),
        Outcome::Fail => ("failed", "fail"),
    }
}

fn blamed(check: &Check) -> Html {
    let rows = check.culprits.iter().map(|culprit| {
        let growth = culprit
            .growth
            .map(|growth| change(u64::try_from(-growth).unwrap_or(0), u64::try_from(growth).unwrap_or(0)));
        let grown = match (growth, culprit.growth) {
            (Some(shown), Some(value)) => number(shown, value),
            _ => "".into(),
        };
        let chain = culprit.chain.join(" → ");
        vec![Cell::from(&*culprit.what), number(culprit.size.bytes, culprit.size.bytes.0), grown, chain.into()]
    });
    let title = format!("{}: {}", check.title(), check.message);
    let more = (check.more_culprits > 0).then(|| paragraph(format!("and {} more", check.more_culprits)));
    let rows = table(&check.title(), &["What", "Unpacked", "Growth", "Brought by"], rows);
    Html::of([paragraph(title), rows].into_iter().chain(more))
}

/// A difference's page.
pub fn diff(diff: &Diff) -> String {
    let sizes = [("unpacked", Some(&diff.unpacked)), ("wire", diff.wire.as_ref())];
    let rows = sizes.into_iter().filter_map(|(what, sizes)| {
        let sizes = sizes?;
        let (before, after) = (sizes.before.bytes, sizes.after.bytes);
        Some(vec![what.into(), number(before, before.0), number(after, after.0), difference(sizes.difference)])
    });
    let totals = table("In all", &["Size", "Before", "After", "Difference"], rows);
    let most = diff.causes.iter().map(|cause| cause.difference.unsigned_abs()).max().unwrap_or_default().max(1);
    let rows = diff.causes.iter().map(|cause| {
        let class = if cause.difference > 0 { "added" } else { "goes" };
        let length = (u128::from(cause.difference.unsigned_abs()) * 1000 / u128::from(most)) as u64;
        vec![
            cause.kind.title().into(),
            number(ByteSize(cause.before), cause.before),
            number(ByteSize(cause.after), cause.after),
            difference(cause.difference),
            bar(class, 0, length).into(),
        ]
    });
    let causes =
        table("Every cause; they sum to the difference", &["Cause", "Before", "After", "Difference", "Bar"], rows);
    let rows =
        diff.causes.iter().flat_map(|cause| cause.rows.iter().map(move |row| (cause, row))).map(|(cause, row)| {
            let version = |version: &Option<Text>| Cell::from(version.as_deref().unwrap_or("–"));
            vec![
                Cell::from(&*row.name),
                version(&row.version_before),
                version(&row.version_after),
                number(ByteSize(row.before), row.before),
                number(ByteSize(row.after), row.after),
                difference(row.difference),
                cause.kind.title().into(),
            ]
        });
    let heads = ["Name", "Version before", "Version after", "Before", "After", "Difference", "Cause"];
    let named = table("By name", &heads, rows);
    let rows = diff.layers.iter().map(|layer| {
        vec![difference(layer.difference), Cell::from(layer.instruction.as_deref().unwrap_or("unknown instruction"))]
    });
    let layers = table("Layers that are not the same in both", &["Difference", "Made by"], rows);
    let title = format!("{} → {}", diff.before, diff.after);
    let body = [
        el("h1", &[], [text(&title)]),
        paragraph(&diff.platform),
        el("nav", &[("aria-label", "Search")], []),
        section("totals", "How much", vec![totals]),
        section("causes", "Why", vec![causes, named]),
        section("layers", "Layers", vec![layers]),
    ];
    document(&format!("{title}: slimwright diff"), body, None)
}

fn difference(bytes: i64) -> Cell {
    let shown = change(u64::try_from(-i128::from(bytes)).unwrap_or(0), u64::try_from(bytes).unwrap_or(0));
    number(shown, bytes)
}
