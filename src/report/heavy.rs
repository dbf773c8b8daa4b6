//! Who brought in the largest distributions, and what would go if one requirement or one root went.

use super::audit::unpacked;
use super::markdown::plain;
use crate::base::{Basis, ByteSize, Size, Text, count};
use crate::facts::{Cut, Explained};
use serde::Serialize;
use std::fmt::Write as _;

/// Most chains and cuts that are told of one distribution.
const MOST: usize = 3;

/// A distribution, and who brought it in.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HeavyReport {
    /// Name.
    pub name: Text,
    /// Version.
    pub version: Text,
    /// Its own bytes in the original.
    pub size: Size,
    /// The shortest chains from roots, `easyocr 1.7.1 → torch 2.1.1 (requirements.txt, line 26)`; at most three.
    pub chains: Vec<Text>,
    /// How many roots lead to it.
    pub roots: usize,
    /// The distributions that are there for it alone, itself included, and their bytes.
    pub brings: FreedReport,
    /// What would free it: the first one that is gone takes it along; at most three.
    pub cuts: Vec<CutReport>,
}

/// A root or a requirement, if it were gone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CutReport {
    /// `without celery (requirements.txt, line 3)` or `easyocr requires torch`.
    pub what: Text,
    /// What would go.
    pub frees: FreedReport,
}

/// Distributions and their bytes in the original.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FreedReport {
    /// How many.
    pub distributions: usize,
    /// Their bytes.
    pub size: Size,
}

/// Writes down the answers; their texts are escaped.
pub(super) fn heavy(found: &[Explained], basis: Basis) -> Vec<HeavyReport> {
    found.iter().map(|why| row(why, basis)).collect()
}

fn row(why: &Explained, basis: Basis) -> HeavyReport {
    let bytes = why.brings.iter().map(|brought| brought.bytes).sum();
    HeavyReport {
        name: why.name.clone(),
        version: why.version.clone(),
        size: unpacked(why.bytes, basis),
        chains: why.chains.iter().take(MOST).map(|chain| chain.to_string().into()).collect(),
        roots: why.roots,
        brings: freed(why.brings.len(), bytes, basis),
        cuts: why.cuts.iter().filter(|cut| cut.frees_it).take(MOST).map(|one| cut(one, basis)).collect(),
    }
}

fn cut(cut: &Cut, basis: Basis) -> CutReport {
    CutReport { what: cut.what.clone(), frees: freed(cut.distributions, cut.bytes, basis) }
}

fn freed(distributions: usize, bytes: u64, basis: Basis) -> FreedReport {
    FreedReport { distributions, size: unpacked(bytes, basis) }
}

/// The section of `REPORT.md`.
pub(super) fn section(out: &mut String, heavy: &[HeavyReport]) {
    let Some(basis) = heavy.first().map(|row| row.size.basis.as_str()) else { return };
    out.push_str("\n## Who brought in the heavy packages\n\n");
    let _ = writeln!(
        out,
        "The largest of the original, with the shortest way from a root, and what would go (`unpacked`, {basis}) if one \
         root or one requirement went. `slimwright why` tells all of it, of any package."
    );
    for row in heavy {
        let _ = writeln!(out, "\n### {} {}: {}\n", plain(&row.name), plain(&row.version), row.size.bytes);
        for chain in &row.chains {
            let _ = writeln!(out, "- {}", plain(chain));
        }
        if row.roots > row.chains.len() {
            let _ = writeln!(out, "- and {} more", count(row.roots - row.chains.len(), "root"));
        }
        if row.brings.distributions > 1 {
            let others = count(row.brings.distributions - 1, "distribution");
            let all: ByteSize = row.brings.size.bytes;
            let _ = writeln!(out, "- it alone needs {others}: {all} with its own");
        }
        for cut in &row.cuts {
            let (what, number) = (plain(&cut.what), count(cut.frees.distributions, "distribution"));
            let _ = writeln!(out, "- cut: {what}: {number}, {} go", cut.frees.size.bytes);
        }
        if row.cuts.is_empty() && row.roots > 1 {
            out.push_str("- no single cut frees it\n");
        }
    }
}
