//! `Requires-Dist` lines (PEP 508). They come from the image, so what could make the parser slow or deep is
//! refused before it sees it.

use pep440_rs::VersionSpecifiers;
use pep508_rs::{Pep508Url, Requirement, VersionOrUrl};
use std::fmt;
use std::path::Path;

/// Bounds of what is read as a requirement: length, nesting of a marker, comparisons in a marker. Markers are
/// turned into decision diagrams, which may grow exponentially with the number of comparisons.
const LONGEST: usize = 8192;
const DEEPEST: usize = 32;
const MOST_COMPARISONS: usize = 32;
const MOST_DIGITS: usize = 18;

const EXPECTED: &str = "expected a name, version specifiers and a marker (PEP 508)";

/// The URL of `name @ URL`, as written. Nothing is expanded or opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AnyUrl(String);

impl fmt::Display for AnyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Pep508Url for AnyUrl {
    type Err = std::convert::Infallible;

    fn parse_url(url: &str, _working_dir: Option<&Path>) -> Result<Self, Self::Err> {
        Ok(Self(url.to_owned()))
    }
}

/// Reads a requirement, also of the old kinds that installers still accept: `>=2.7.*`. The error says in a
/// few words what is wrong.
pub(super) fn parse(text: &str) -> Result<Requirement<AnyUrl>, &'static str> {
    if text.len() > LONGEST {
        return Err("longer than any requirement should be");
    }
    if !text.is_ascii() {
        return Err("expected ASCII characters only");
    }
    let marker = text.split_once(';').map_or("", |(_, marker)| marker);
    if depth(text) > DEEPEST || comparisons(marker) > MOST_COMPARISONS {
        return Err("a marker with more parts than any should have");
    }
    // The parser relies on these two and panics without them: names that end as names do, and numbers that
    // fit and can be incremented.
    let main = text.split_once(';').map_or(text, |(main, _)| main);
    if !names_end_well(main) || longest_number(text) > MOST_DIGITS {
        return Err(EXPECTED);
    }
    // What it may still panic on in bytes that somebody made for it must not end the run.
    let parsed = std::panic::catch_unwind(|| {
        let strict = text.parse::<Requirement<AnyUrl>>();
        strict.or_else(|_| lenient(text).parse()).map_err(|_| EXPECTED)
    });
    parsed.unwrap_or(Err(EXPECTED))
}

/// Whether the name and all names of extras end in a letter or digit.
fn names_end_well(main: &str) -> bool {
    let (name, extras) = main.split_once('[').unwrap_or((main, ""));
    let extras = extras.split(']').next().unwrap_or_default();
    let runs = |text: &'_ str| -> Vec<bool> {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
        words.filter(|word| !word.is_empty()).map(|word| !word.ends_with(['-', '_', '.'])).collect()
    };
    runs(name).first().is_none_or(|ends_well| *ends_well) && runs(extras).into_iter().all(|ends_well| ends_well)
}

fn longest_number(text: &str) -> usize {
    text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0)
}

fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for c in text.bytes() {
        match c {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn comparisons(marker: &str) -> usize {
    marker.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| *word == "and" || *word == "or").count() + 1
}

/// Without `.*` after `<`, `<=`, `>` and `>=`, where it means nothing.
fn lenient(text: &str) -> String {
    let (main, marker) = text.split_once(';').map_or((text, None), |(main, marker)| (main, Some(marker)));
    let mut out: Vec<String> = Vec::new();
    for part in main.split(',') {
        let ordered = part.contains(['<', '>']);
        out.push(if ordered { part.replacen(".*", "", 1) } else { part.to_owned() });
    }
    let main = out.join(",");
    marker.map_or_else(|| main.clone(), |marker| format!("{main};{marker}"))
}

/// The specifiers of a requirement; none for a URL.
pub(super) fn specifiers(requirement: &Requirement<AnyUrl>) -> Option<&VersionSpecifiers> {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => Some(specifiers),
        _ => None,
    }
}
