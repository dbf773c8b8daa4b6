//! What a plan comes to, for the rules that were chosen.

use super::contents::Contents;
use crate::base::{ByteSize, Text, ancestors};
use crate::fs::Fate;
use crate::image::Image;
use crate::plan::Plan;
use crate::report::{and_gaps, relative_to_plan};
use std::collections::{BTreeMap, BTreeSet};

/// Rules that are followed or left beside what a plan does unasked, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Accepted.
    pub accept: BTreeSet<String>,
    /// Skipped.
    pub skip: BTreeSet<String>,
}

/// A plan's outcome. Bytes are `unpacked`.
#[derive(Clone, Debug)]
pub struct Planned {
    /// For these choices.
    pub choices: Choices,
    /// What it comes to, in a line.
    pub total: Text,
    /// The predicted bytes.
    pub bytes: u64,
    /// What it does: by rule or reason of its own, what goes, what comes, and in words.
    pub actions: BTreeMap<String, (u64, u64, Text)>,
    /// Why it leaves rules alone.
    pub left: BTreeMap<String, Text>,
    /// By which reason each item of the contents goes, as a position in `reasons`, from 1; 0 of what does not.
    gone: Vec<u16>,
    reasons: Vec<String>,
}

impl Planned {
    /// Writes down what a plan makes of the image.
    pub fn new(contents: &Contents, image: &Image, plan: &Plan, choices: Choices) -> Self {
        let mut rules: BTreeMap<String, (u64, u64, Text)> = BTreeMap::new();
        for action in &plan.actions {
            // Each byte is counted for one action only.
            let sum = rules.entry(action.rule.clone()).or_default();
            (sum.0, sum.1) = (sum.0.saturating_add(action.removed), sum.1.saturating_add(action.added));
            if sum.2.is_empty() {
                sum.2 = Text::from(&action.title);
            }
        }
        let (before, after) = (image.unpacked(), plan.predicted.unpacked());
        let gaps = and_gaps(plan.predicted.gaps.len());
        let relative = relative_to_plan(before, after, plan.unknown());
        let total = format!("{}{gaps} predicted ({relative}) on {}", ByteSize(after), plan.base.name);
        let left = plan.skipped.iter().map(|skipped| (skipped.rule.clone(), Text::from(&skipped.reason))).collect();
        let (gone, reasons) = gone(contents, plan);
        Self { choices, total: total.into(), bytes: after, actions: rules, left, gone, reasons }
    }

    /// The rule or reason by which an item of the contents goes, if it does.
    pub fn gone_by(&self, place: u32) -> Option<&str> {
        let reason = self.gone.get(place as usize)?.checked_sub(1)?;
        self.reasons.get(usize::from(reason)).map(String::as_str)
    }
}

/// By which reason each item goes, and the reasons.
fn gone(contents: &Contents, plan: &Plan) -> (Vec<u16>, Vec<String>) {
    let gone = plan.ledger.as_ref().map(|ledger| ledger.gone.as_slice()).unwrap_or_default();
    let reasons: BTreeSet<&str> = gone.iter().map(|gone| gone.by.as_str()).collect();
    let number = |by: &str| reasons.iter().position(|reason| *reason == by).map_or(0, |at| at as u16 + 1);
    let paths: BTreeMap<&[u8], (bool, u16)> =
        gone.iter().map(|gone| (gone.path.as_bytes(), (gone.directory, number(&gone.by)))).collect();
    let goes = |path: &[u8]| {
        let own = paths.get(path).map(|(_, number)| *number);
        let above = || ancestors(path).find_map(|folder| paths.get(folder).filter(|(all, _)| *all));
        own.or_else(|| above().map(|(_, number)| *number)).unwrap_or(0)
    };
    let of = |item: &super::contents::Item| if item.fate == Fate::Visible { goes(contents.path(item)) } else { 0 };
    let numbers = contents.items.iter().map(of).collect();
    (numbers, reasons.into_iter().map(str::to_owned).collect())
}
