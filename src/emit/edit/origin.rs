//! Whether the image was built from the file at all: its history has what the file's `RUN`s say.

use super::draft::Draft;
use super::reach::Reach;
use crate::base::masked;
use crate::dockerfile::{Form, Kind};
use crate::plan::Plan;
use std::collections::BTreeSet;

/// Notes what the history does not know.
pub(super) fn check(draft: &mut Draft<'_>, plan: &Plan, reach: &Reach) {
    let history: BTreeSet<String> = plan.config.history.iter().map(|row| letters(&row.instruction())).collect();
    if plan.config.history.is_empty() {
        draft.notes.push("the image has no history, so that nothing tells whether it was built from this file".into());
        return;
    }
    let mut lines = Vec::new();
    let mut known = 0;
    for &position in &reach.layers {
        let instruction = &draft.file.instructions[position];
        let Kind::Run(run) = &instruction.kind else { continue };
        if !matches!(run.form, Form::Shell) {
            continue;
        }
        let start = instruction.flags.iter().map(|flag| flag.span.end).chain([instruction.keyword.end]).max();
        let text = &draft.file.text[start.unwrap_or_default()..instruction.head.end];
        let text = without_comments(text.trim_start(), draft.file.escape);
        // As the history was read: without secrets.
        match history.contains(&letters(&masked(&format!("RUN {text}")))) {
            true => known += 1,
            false => lines.push(draft.file.line(instruction.span.start)),
        }
    }
    let shown: Vec<String> = lines.iter().take(6).map(ToString::to_string).collect();
    if known == 0 && !lines.is_empty() {
        draft.notes.push(format!(
            "the image may not be built from this file: none of the {} RUN instructions of its final stage is in the image's history (lines {})",
            lines.len(), shown.join(", ")
        ));
    } else if !lines.is_empty() {
        draft.notes.push(format!(
            "the image may be older or newer than this file: its history has {known} of {} RUN instructions, and not those of lines {}",
            known + lines.len(), shown.join(", ")
        ));
    }
}

/// Builders join lines in several ways; letters and signs stay.
fn letters(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The instruction without continuations and the comments between.
fn without_comments(text: &str, escape: char) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.map(|line| line.trim_end().strip_suffix(escape).unwrap_or(line)).collect::<Vec<_>>().join(" ")
}
