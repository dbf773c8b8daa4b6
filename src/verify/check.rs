//! One question about the rebuilt image, and its answer.

use crate::base::Text;
use serde::Serialize;

/// One question, and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `application`, `distribution-files`, `conda-files`, `os-files`, `base-files`, `files`, `requirements`, `libraries`, `modules`,
    /// `configuration`, `distributions`, `size` or `imports`.
    pub id: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// In one line.
    pub summary: Text,
    /// What failed, one line each.
    pub losses: Vec<Text>,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing was lost.
    Passed,
    /// Something differs, and nothing is missing for it.
    Differs,
    /// Something was.
    Failed,
    /// It could not be asked; the summary says why.
    Skipped,
}

impl Check {
    /// A check that found these losses among `asked` things.
    pub fn of(id: &'static str, what: &str, asked: usize, losses: Vec<impl Into<Text>>) -> Self {
        let mut losses: Vec<Text> = losses.into_iter().map(Into::into).collect();
        losses.sort();
        losses.dedup();
        let (outcome, summary) = match losses.len() {
            0 => (Outcome::Passed, format!("{asked} {what}, none lost")),
            lost => (Outcome::Failed, format!("{asked} {what}, {lost} lost")),
        };
        Self { id, outcome, summary: summary.into(), losses }
    }

    /// A check that could not be made.
    pub fn skipped(id: &'static str, why: impl Into<Text>) -> Self {
        Self { id, outcome: Outcome::Skipped, summary: why.into(), losses: Vec::new() }
    }
}
