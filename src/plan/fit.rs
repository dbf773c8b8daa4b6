//! What the plan puts in the place of something else, fitted to what package indexes have: a version that exists of one
//! member of a family need not exist of another one.

use crate::base::Text;
use crate::facts::Facts;
use crate::index::{Availability, Verdict};
use crate::manifest::Requirement;
use crate::rules::Replacement;
use std::collections::BTreeMap;

/// A distribution that is installed under another name, or from another index.
#[derive(Clone, Debug)]
pub(super) struct Swap {
    /// The rule.
    pub rule: String,
    /// What it becomes.
    pub name: String,
    /// Which version.
    pub version: String,
    /// From which index.
    pub index: Option<String>,
    /// How its size is predicted.
    pub replacement: Option<Replacement>,
    /// The members of the family that it is one of, normalized.
    pub family: Vec<String>,
    /// What is asked of the versions of these, by the user's own lists.
    pub asked: Vec<String>,
}

/// What is known of the plan's own choices, by normalized name.
pub(super) type Fits = BTreeMap<String, Fit>;

/// What an index says of a choice that it does not have as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// Another version can be installed, and does as well.
    Version {
        /// That version.
        version: String,
        /// For a person: why it is another one.
        why: String,
    },
    /// Nothing there can take the place.
    Nothing(String),
}

impl Fit {
    /// Why nothing there can take the place.
    pub(super) fn nothing(&self) -> Option<&str> {
        match self {
            Fit::Nothing(why) => Some(why),
            Fit::Version { .. } => None,
        }
    }

    /// The same, where a second choice was none either.
    pub(super) fn or_nothing(self) -> Self {
        match self {
            Fit::Version { why, .. } | Fit::Nothing(why) => Fit::Nothing(why),
        }
    }
}

/// What can take the place of a choice that the index does not have.
pub(super) fn fit(facts: &Facts<'_>, swap: &Swap, answer: &Availability) -> Fit {
    let index = swap.index.as_deref().unwrap_or("the package index");
    let what = Text::from(&format!("{} {}", swap.name, swap.version)).to_string();
    let why = match answer.verdict {
        Verdict::Gone => format!("{} has no {what}", Text::from(index)),
        _ => format!("{} has no {what} for this Python and platform", Text::from(index)),
    };
    let fits = |version: &&String| match swap.replacement {
        Some(_) => is_same_release(version, &swap.version),
        None => is_allowed(facts, swap, version),
    };
    match answer.near.iter().find(fits) {
        Some(version) => Fit::Version { version: version.clone(), why },
        None => Fit::Nothing(why),
    }
}

/// Whether two versions differ in nothing but their last parts: a build for another device is of the same release.
fn is_same_release(one: &str, other: &str) -> bool {
    let release = |text: &str| {
        let parts: Vec<&str> = text.split(['.', '+']).take(2).collect();
        parts.join(".")
    };
    release(one) == release(other)
}

/// Whether all that requires the family's member, or the one that it replaces, takes this version.
fn is_allowed(facts: &Facts<'_>, swap: &Swap, version: &str) -> bool {
    let of_family = |name: &str| swap.family.iter().any(|member| member == name);
    let edges = facts.graph.edges.iter().filter(|edge| of_family(&edge.name) && edge.satisfied);
    let required = edges.map(|edge| edge.specifiers.as_str());
    required.chain(swap.asked.iter().map(String::as_str)).all(|specifiers| {
        let requirement = Requirement { specifiers: specifiers.to_owned(), ..Requirement::default() };
        requirement.allows(version).unwrap_or(true)
    })
}
