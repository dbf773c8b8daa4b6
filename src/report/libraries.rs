//! Libraries that shared objects need, before a plan and after it.

use super::markdown::{plain, table};
use crate::base::{Text, count};
use crate::plan::{LibraryCheck, Unmet};
use serde::Serialize;
use std::fmt::Write as _;

/// What is needed and not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LibrariesReport {
    /// Needs of files that stay which the original does not meet either (see the rule `missing-libraries`).
    pub unmet_before: usize,
    /// Needs that the original meets and the predicted image would not.
    pub unmet: Vec<UnmetReport>,
    /// Needs of which it is not known, because the files that are to meet them are not listed anywhere yet.
    pub unknown: usize,
}

/// A need that would no longer be met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct UnmetReport {
    /// The shared object or program.
    pub file: Text,
    /// The distribution that it belongs to.
    pub owner: Option<Text>,
    /// The library's name.
    pub library: Text,
    /// Who has it in the original.
    pub provider: Text,
}

impl LibrariesReport {
    pub(super) fn new(check: &LibraryCheck) -> Self {
        let unmet = |unmet: &Unmet| UnmetReport {
            file: unmet.file.to_string().into(),
            owner: unmet.owner.as_deref().map(Text::from),
            library: Text::from(&unmet.library),
            provider: Text::from(&unmet.provider),
        };
        Self {
            unmet_before: check.unmet_before,
            unmet: check.unmet.iter().map(unmet).collect(),
            unknown: check.unknown,
        }
    }

    /// One note, if there is something that the user should know before building.
    pub(super) fn notes(&self) -> Option<Text> {
        let first = self.unmet.first()?;
        let more = match self.unmet.len() - 1 {
            0 => String::new(),
            more => format!(", and {} more", count(more, "need")),
        };
        Some(format!(
            "{} needs {}, which {} has in the original and nothing would have after the plan{more} (missing-libraries)",
            first.file, first.library, first.provider
        ).into())
    }

    /// The section of `REPORT.md`.
    pub(super) fn section(&self, out: &mut String) {
        out.push_str("\n## Libraries that shared objects need\n\n");
        let _ = match self.unmet.len() {
            0 => writeln!(out, "What has its libraries in the original has them in the predicted image."),
            some => writeln!(out, "In the predicted image {} would no longer be met:", count(some, "need")),
        };
        let row = |unmet: &UnmetReport| {
            let owner = unmet.owner.as_deref().unwrap_or("the application");
            vec![plain(&unmet.file), plain(owner), plain(&unmet.library), plain(&unmet.provider)]
        };
        table(out, &["File", "Of", "Needs", "In the original it has it from"], self.unmet.iter().map(row));
        if self.unmet_before > 0 {
            let needs = count(self.unmet_before, "need");
            let _ = writeln!(out, "\nNot met in the original either: {needs} of files that stay (missing-libraries).");
        }
        if self.unknown > 0 {
            let needs = count(self.unknown, "need");
            let _ = writeln!(
                out,
                "\nNot known before it is built: {needs}, because the files of what is new are not listed."
            );
        }
    }
}
