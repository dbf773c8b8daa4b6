//! One word for a finding, for the left column.

use crate::profile::{Detect, Rule};

/// The word for findings of a rule. Rules over paths and OS packages find many things: their ids tell more
/// than their predicates.
pub(super) fn of(id: &str, rule: Option<&Rule>) -> String {
    let word = match rule.map(|rule| &rule.detect) {
        Some(Detect::DuplicateFamily { .. }) => "duplicate",
        Some(Detect::GpuBuild { .. }) => "gpu",
        Some(Detect::Distributions { .. }) => by_id(id).unwrap_or("dev"),
        Some(Detect::UnusedDistributions { .. }) => "unused",
        Some(Detect::BrokenDistribution) => "broken",
        Some(Detect::MissingLibraries) => "missing",
        Some(Detect::ContestedFiles) => "contested",
        Some(Detect::DeadBytes) => "hidden",
        Some(Detect::RewrittenBytes) => "rewritten",
        Some(Detect::Paths { .. }) => by_id(id).unwrap_or("files"),
        Some(Detect::OsPackages { .. }) => by_id(id).unwrap_or("system"),
        None => by_id(id).unwrap_or("other"),
    };
    word.to_owned()
}

fn by_id(id: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 19] = [
        ("cache", "cache"),
        ("apt-lists", "cache"),
        ("lists", "cache"),
        ("compiler", "compiler"),
        ("toolchain", "compiler"),
        ("build-tools", "compiler"),
        ("build-essential", "compiler"),
        ("bytecode", "bytecode"),
        ("pycache", "bytecode"),
        ("test", "tests"),
        ("header", "headers"),
        ("static", "static"),
        ("doc", "docs"),
        ("version-control", "leftover"),
        ("installers", "leftover"),
        ("openblas", "openblas"),
        ("stubs", "stubs"),
        ("gpu", "gpu"),
        ("packaging", "packaging"),
    ];
    WORDS.iter().find(|(part, _)| id.contains(part)).map(|(_, word)| *word)
}
