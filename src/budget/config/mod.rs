//! `slimwright.toml`: what an image may weigh and must not have.
//!
//! Parsed once, with the place of every value, so that a broken limit can be shown where it is written. Unknown keys,
//! limits without a unit and patterns that are no globs are errors with file, line and column; what is merely not
//! there is not limited. Sections for single images override the general ones key by key. Source: TOML 1.0;
//! docs/budget.md documents every key.

mod error;
mod limits;
mod read;

pub use error::ConfigError;
pub use limits::{Bound, Forbidden, Limits, Measure, Pattern};

use super::{Date, Place};
use crate::base::did_you_mean;
use crate::rules::Rule;
use error::Fault;
use std::collections::BTreeMap;
use std::ops::Range;

/// A configuration file.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The text, for errors that are found later, and the file's name.
    source: Source,
    general: Section,
    images: Vec<ImageSection>,
    accept: Vec<Accept>,
    /// Limits of the command line: they override all others.
    given: Section,
}

/// A text and what it is called.
#[derive(Clone, Debug, Default, PartialEq)]
struct Source {
    file: String,
    text: String,
}

/// Limits, each with its place; what is not there is not limited.
#[derive(Clone, Debug, Default, PartialEq)]
struct Section {
    python: Option<(bool, Place)>,
    unpredicted: Option<(Unpredicted, Place)>,
    forbid: Option<Vec<Pattern>>,
    forbid_os_packages: Option<Vec<Pattern>>,
    forbid_rules: Option<Vec<Pattern>>,
    bounds: BTreeMap<(super::CheckId, String), Bound>,
}

/// `[[image]]`.
#[derive(Clone, Debug, PartialEq)]
struct ImageSection {
    name: Option<Pattern>,
    platform: Option<Pattern>,
    section: Section,
}

/// What to do about sizes that a virtual image could not predict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unpredicted {
    /// A limit that would hold could not be measured.
    #[default]
    Refuse,
    /// What could be predicted counts.
    Allow,
}

/// `[[accept]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Accept {
    /// The rule's id.
    pub rule: String,
    /// Subjects of its findings.
    pub subject: Pattern,
    /// Why, in the user's words.
    pub reason: String,
    /// The last day on which it counts.
    pub expires: Option<Date>,
    /// Where it is written.
    pub place: Place,
    /// Where its rule is written.
    rule_span: Range<usize>,
}

impl Config {
    /// Parses a configuration. `file` is what it is called in messages.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        read::document(text, file).map_err(|fault| fault.in_file(file, text))
    }

    /// No file, and no limit.
    pub fn empty() -> Self {
        let source = Source::default();
        Self { source, general: Section::default(), images: Vec::new(), accept: Vec::new(), given: Section::default() }
    }

    /// With a limit of the command line, `KEY=VALUE`: `unpacked=3 GB`, `distributions.nvidia-*=0 B`. It overrides the
    /// file's.
    pub fn with_limit(mut self, text: &str) -> Result<Self, ConfigError> {
        let bound = read::given(text).map_err(|fault| ConfigError::of_option("--limit", text, fault))?;
        self.given.bounds.insert((bound.id, bound.subject.clone()), bound);
        Ok(self)
    }

    /// What the file is called.
    pub fn file(&self) -> &str {
        &self.source.file
    }

    /// The acceptances, in their order.
    pub fn accept(&self) -> &[Accept] {
        &self.accept
    }

    /// Whether every rule that the configuration names is one.
    pub fn check_rules(&self, rules: &[Rule]) -> Result<(), ConfigError> {
        let sections = [&self.general].into_iter().chain(self.images.iter().map(|image| &image.section));
        let forbidden = sections.flat_map(|section| section.forbid_rules.iter().flatten());
        let named = forbidden.map(|pattern| (pattern.text.as_str(), pattern.span.clone()));
        let accepted = self.accept.iter().map(|accept| (accept.rule.as_str(), accept.rule_span.clone()));
        for (id, span) in named.chain(accepted) {
            if rules.iter().all(|rule| rule.id != id) {
                let hint = did_you_mean(id, rules.iter().map(|rule| rule.id.as_str()));
                let hint = hint.unwrap_or_else(|| "`slimwright rules` lists them".to_owned());
                let fault = Fault::new(span, format!("no rule has the id `{id}`")).hint(hint);
                return Err(fault.in_file(&self.source.file, &self.source.text));
            }
        }
        Ok(())
    }

    /// What applies to an image of these names and this platform: later sections override earlier ones key by key.
    pub fn limits(&self, names: &[&str], platform: &str) -> Limits {
        let mut out = Section::default();
        let images = self.images.iter().filter(|image| image.is_of(names, platform)).map(|image| &image.section);
        for section in [&self.general].into_iter().chain(images).chain([&self.given]) {
            out.override_with(section);
        }
        out.into_limits()
    }
}

impl ImageSection {
    fn is_of(&self, names: &[&str], platform: &str) -> bool {
        let named = |pattern: &Pattern| names.iter().any(|name| pattern.matches(name));
        // `linux/arm64` means all its variants.
        let plain = platform.match_indices('/').nth(1).map_or(platform, |(at, _)| &platform[..at]);
        let is_on = |pattern: &Pattern| pattern.matches(platform) || pattern.matches(plain);
        self.name.as_ref().is_none_or(named) && self.platform.as_ref().is_none_or(is_on)
    }
}

impl Section {
    fn override_with(&mut self, other: &Self) {
        fn set<T: Clone>(slot: &mut Option<T>, other: &Option<T>) {
            if other.is_some() {
                slot.clone_from(other);
            }
        }
        set(&mut self.python, &other.python);
        set(&mut self.unpredicted, &other.unpredicted);
        set(&mut self.forbid, &other.forbid);
        set(&mut self.forbid_os_packages, &other.forbid_os_packages);
        set(&mut self.forbid_rules, &other.forbid_rules);
        self.bounds.extend(other.bounds.iter().map(|(key, bound)| (key.clone(), bound.clone())));
    }

    fn into_limits(self) -> Limits {
        let list = |patterns: Option<Vec<Pattern>>| patterns.unwrap_or_default();
        Limits {
            python: self.python.and_then(|(promised, place)| promised.then_some(place)),
            unpredicted: self.unpredicted.map(|(what, _)| what).unwrap_or_default(),
            forbidden: Forbidden {
                distributions: list(self.forbid),
                os_packages: list(self.forbid_os_packages),
                rules: list(self.forbid_rules),
            },
            // `"none"` takes a limit of a more general section away.
            bounds: self.bounds.into_values().filter(|bound| !bound.is_empty()).collect(),
        }
    }
}
