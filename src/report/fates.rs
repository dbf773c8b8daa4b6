//! The ledger of a plan: what becomes of every file of the original.

use super::audit::unpacked;
use super::markdown::{plain, table};
use crate::base::{Basis, ByteSize, Size, Text};
use crate::image::Image;
use crate::plan::{GonePath, LedgerRow, PlanFate, PlanLedger};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many owners and paths `REPORT.md` lists; `plan.json` has all.
const SHOWN: usize = 40;

/// The ledger in `plan.json`. Every file and link that a container of the original sees is in exactly one of the rows, and
/// their bytes sum up to `visible`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LedgerReport {
    /// The visible bytes of the original.
    pub visible: Size,
    /// By owner and fate, largest first.
    pub rows: Vec<FateReport>,
    /// What the predicted image does not have, by path; directories stand for all below them.
    pub gone: Vec<GoneReport>,
}

/// Files of the original with one owner and one fate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FateReport {
    /// A distribution or an OS package with its version, `base image`, `caches, package lists` or `application, other files`.
    pub owner: Text,
    /// `kept`: as it was. `replaced`: something else is at the path. `dropped`: gone, as a rule or the rebuild has it. `lost`: it
    /// was to stay, and no instruction brings it.
    pub fate: &'static str,
    /// Of what is kept or replaced: the position of the predicted image's layer that has it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// Of what an instruction of the plan's Dockerfile has kept or replaced: its file and line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<Text>,
    /// The rule, or a reason of the plan's own (`rebuild`), or the pin that replaces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
    /// Bytes (`unpacked`, with the original's basis).
    pub bytes: u64,
    /// How many files and links.
    pub files: u64,
}

/// What is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GoneReport {
    /// `/usr/lib/x.so`, escaped.
    pub path: Text,
    /// Whether all below it goes.
    pub directory: bool,
    /// The rule, or a reason of the plan's own, or `lost`.
    pub by: Text,
    /// Bytes (`unpacked`, with the original's basis).
    pub bytes: u64,
    /// How many files and links.
    pub files: u64,
}

impl LedgerReport {
    /// `predicted` is the image that the plan leads to, whose history says which line made a layer.
    pub(super) fn new(ledger: &PlanLedger, basis: Basis, predicted: &Image) -> Self {
        let history = &predicted.config.history;
        let rows: Vec<&str> = history.iter().filter(|row| !row.empty_layer).map(|row| row.comment.as_str()).collect();
        let line = |layer: usize| {
            let line = rows.get(layer.checked_sub(1)?).filter(|line| line.contains(", line "))?;
            Some(Text::from(*line))
        };
        Self {
            visible: unpacked(ledger.visible, basis),
            rows: ledger.rows.iter().map(|known| row(known, &line)).collect(),
            gone: ledger.gone.iter().map(gone).collect(),
        }
    }

    /// The section of `REPORT.md`.
    pub(super) fn section(&self, out: &mut String) {
        let _ = writeln!(out, "\n## What becomes of every byte\n");
        let _ = writeln!(
            out,
            "Of the {} that a container of the original sees; `plan.json` has all rows and all paths.",
            self.visible.bytes
        );
        let mut fates: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for row in &self.rows {
            let sum = fates.entry(row.fate).or_default();
            (sum.0, sum.1) = (sum.0.saturating_add(row.bytes), sum.1.saturating_add(row.files));
        }
        let fates = fates
            .into_iter()
            .map(|(fate, (bytes, files))| vec![fate.to_owned(), ByteSize(bytes).to_string(), files.to_string()]);
        table(out, &["Fate", "Unpacked:", "Files:"], fates);
        let rows = self.rows.iter().filter(|row| row.bytes > 0).take(SHOWN).map(|row| {
            let by = row.by.as_deref().map(plain).unwrap_or_default();
            let layer = row.layer.map(|layer| format!("layer {layer}"));
            let layer = row.line.as_deref().map(plain).or(layer).unwrap_or_default();
            let how = [layer, by].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            vec![ByteSize(row.bytes).to_string(), plain(&row.owner), row.fate.to_owned(), how]
        });
        table(out, &["Unpacked:", "Whose", "Fate", "By"], rows);
        if self.gone.is_empty() {
            return;
        }
        out.push_str("\nThe largest paths that go:\n");
        let mut gone: Vec<&GoneReport> = self.gone.iter().collect();
        gone.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
        let rows = gone.into_iter().take(SHOWN).map(|row| {
            let slash = if row.directory { "/" } else { "" };
            let path = plain(&format!("{}{slash}", row.path));
            vec![ByteSize(row.bytes).to_string(), path, row.files.to_string(), plain(&row.by)]
        });
        table(out, &["Unpacked:", "Path", "Files:", "Why"], rows);
    }
}

fn row(row: &LedgerRow, line: &dyn Fn(usize) -> Option<Text>) -> FateReport {
    let (fate, layer) = match row.fate {
        PlanFate::Kept(layer) => ("kept", Some(layer)),
        PlanFate::Replaced(layer) => ("replaced", Some(layer)),
        PlanFate::Dropped => ("dropped", None),
        PlanFate::Lost => ("lost", None),
    };
    let by = row.by.as_deref().map(Text::from);
    let line = layer.and_then(line);
    FateReport { owner: row.owner.clone(), fate, layer, line, by, bytes: row.bytes, files: row.files }
}

fn gone(gone: &GonePath) -> GoneReport {
    let (path, by) = (gone.path.to_string(), Text::from(&gone.by));
    GoneReport { path: path.into(), directory: gone.directory, by, bytes: gone.bytes, files: gone.files }
}
