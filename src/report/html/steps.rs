//! What a plan does, step by step, and what it leaves alone: on the page of an audit and on its own.

use super::page::{Cell, Html, bar, number, paragraph, table};
use crate::base::ByteSize;
use crate::image::GapText;
use crate::report::audit::{ActionSummary, SkippedSummary};
use crate::report::layout::change;
use crate::rules::Tier;

/// How many thousandths of `most` these bytes are.
pub(super) fn thousandths(bytes: u64, most: u64) -> u64 {
    (u128::from(bytes) * 1000 / u128::from(most.max(1))) as u64
}

/// From today's size to the predicted one, an action a step.
pub(super) fn waterfall<'a>(before: u64, actions: impl IntoIterator<Item = &'a ActionSummary>, after: u64) -> Html {
    let actions: Vec<&ActionSummary> = actions.into_iter().collect();
    let next = |at: u64, step: &ActionSummary| at.saturating_sub(step.removed).saturating_add(step.added);
    let most = actions.iter().fold((before, before), |(at, most), step| (next(at, step), most.max(next(at, step)))).1;
    let scale = |bytes: u64| thousandths(bytes, most);
    let total = |what: &str, bytes: u64| {
        let bar = bar("stays", 0, scale(bytes));
        vec![what.into(), number(ByteSize(bytes), bytes), bar.into(), "".into()]
    };
    let mut at = before;
    let mut rows = vec![total("today", before)];
    for step in actions {
        let then = next(at, step);
        let class = if then > at { "added" } else { "goes" };
        let bar = bar(class, scale(at.min(then)), scale(at.abs_diff(then)));
        let difference = i128::from(step.added) - i128::from(step.removed);
        let accepted = if step.tier == Tier::Confirm { " (accepted)" } else { "" };
        let title = format!("{}{accepted}", step.title);
        rows.push(vec![
            title.into(),
            number(change(step.removed, step.added), difference),
            bar.into(),
            (&*step.rule).into(),
        ]);
        at = then;
    }
    rows.push(total("predicted", after));
    table("What the plan does, from today's size to the predicted one", &["What", "Unpacked", "Bar", "Rule"], rows)
}

/// What a plan does not do, and why.
pub(super) fn left_alone(skipped: &[SkippedSummary]) -> Html {
    let rows = skipped.iter().map(|skipped| {
        let size = number(ByteSize(skipped.bytes), skipped.bytes);
        vec![Cell::from(&*skipped.subject), size, Cell::from(&*skipped.rule), Cell::from(&*skipped.reason)]
    });
    table(
        "What the plan leaves alone (findings overlap: these do not add up)",
        &["What", "Concerns", "Rule", "Why"],
        rows,
    )
}

/// What could not be predicted, below a line that says what that means for the sizes.
pub(super) fn gap_table(lead: &str, caption: &str, gaps: &[GapText]) -> Vec<Html> {
    if gaps.is_empty() {
        return Vec::new();
    }
    let rows = gaps.iter().map(|gap| {
        let cell = |part: &dyn std::fmt::Display| Cell::from(part.to_string());
        vec![cell(&gap.place), cell(&gap.what), cell(&gap.reason)]
    });
    vec![paragraph(lead), table(caption, &["Where", "What", "Why"], rows)]
}
