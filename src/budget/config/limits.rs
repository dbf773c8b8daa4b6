//! What applies to one image.

use super::super::{CheckId, Place};
use super::Unpredicted;
use crate::rules::Glob;
use std::ops::Range;

/// All that applies to one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Where Python is promised, if it is.
    pub python: Option<Place>,
    /// What to do about gaps.
    pub unpredicted: Unpredicted,
    /// What must not be there.
    pub forbidden: Forbidden,
    /// The limits, in the order of their ids, then by subject.
    pub bounds: Vec<Bound>,
}

impl Limits {
    /// Whether nothing at all is limited.
    pub fn is_empty(&self) -> bool {
        let Forbidden { distributions, os_packages, rules } = &self.forbidden;
        let nothing_forbidden = distributions.is_empty() && os_packages.is_empty() && rules.is_empty();
        self.python.is_none() && self.bounds.is_empty() && nothing_forbidden
    }

    /// Whether it matters what the rules find.
    pub fn asks_for_findings(&self) -> bool {
        let counted = self.bounds.iter().any(|bound| bound.id == CheckId::Findings);
        counted || !self.forbidden.rules.is_empty()
    }

    /// The first growth limit: it needs a baseline.
    pub fn growth(&self) -> Option<&Bound> {
        self.bounds.iter().find(|bound| bound.id.kind() == super::super::CheckKind::Growth)
    }
}

/// What must not be there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forbidden {
    /// Names of distributions.
    pub distributions: Vec<Pattern>,
    /// Names of OS packages.
    pub os_packages: Vec<Pattern>,
    /// Ids of rules.
    pub rules: Vec<Pattern>,
}

/// A glob and where it is written.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As it was written; names of distributions normalized.
    pub text: String,
    /// Where.
    pub place: Option<Place>,
    pub(super) span: Range<usize>,
    glob: Glob,
}

impl Pattern {
    pub(super) fn new(text: &str, place: Option<Place>, span: Range<usize>) -> Result<Self, String> {
        // A subject may be a path as people write it.
        let glob = Glob::new(text.strip_prefix('/').unwrap_or(text))?;
        Ok(Self { text: text.to_owned(), place, span, glob })
    }

    /// Whether it names `text`. A lone star names everything.
    pub fn matches(&self, text: &str) -> bool {
        let relative = text.strip_prefix('/').unwrap_or(text);
        self.text == "*" || self.text == text || self.glob.matches(relative.as_bytes())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.place, &self.span) == (&other.text, &other.place, &other.span)
    }
}

/// One limit, hard or soft or both.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// What is limited.
    pub id: CheckId,
    /// Which one of several: a glob, a category, a severity or tier; empty where there is only one.
    pub subject: String,
    /// The glob of a subject that is one.
    pub pattern: Option<Pattern>,
    /// The dotted key.
    pub key: String,
    /// More than any of these is a failure.
    pub max: Vec<Measure>,
    /// More than any of these is a warning.
    pub warn: Vec<Measure>,
    /// Where it is written; none for the command line.
    pub place: Option<Place>,
}

impl Bound {
    /// Whether it limits nothing.
    pub fn is_empty(&self) -> bool {
        self.max.is_empty() && self.warn.is_empty()
    }
}

/// A number that a limit is given as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// Bytes.
    Bytes(u64),
    /// Per cent of what it was.
    Percent(f64),
    /// Things.
    Count(u64),
}
