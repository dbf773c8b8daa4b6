//! Which image may be meant by a name that an engine does not have.

use crate::base::{Text, nearest_name, split_tag};
use std::fmt;

/// Names that are said, at most.
const MAX_NAMES: usize = 8;

/// The names of an engine that are like one that it does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Similar {
    /// The same repository with other tags.
    pub tags: Vec<Text>,
    /// Another repository, whose name differs by a typing error or two; with that tag, where there is one.
    pub name: Option<Text>,
}

impl Similar {
    /// Looks for them.
    pub fn of(asked: &str, names: &[String]) -> Self {
        let (repository, tag) = split_tag(asked);
        let mut tags: Vec<&String> = names.iter().filter(|name| split_tag(name).0 == repository).collect();
        tags.sort();
        let tags: Vec<Text> = tags.into_iter().map(|name| name.as_str().into()).collect();
        if !tags.is_empty() {
            return Self { tags, name: None };
        }
        let mut repositories: Vec<&str> = names.iter().map(|name| split_tag(name).0).collect();
        repositories.sort_unstable();
        let near = nearest_name(repository, repositories);
        let rows = || names.iter().filter(|name| Some(split_tag(name).0) == near);
        let same = rows().find(|name| split_tag(name).1 == tag.or(Some("latest"))).or_else(|| rows().min());
        Self { tags, name: same.map(|name| name.as_str().into()) }
    }

    /// Which of them is meant, or what there is.
    pub fn hint(&self, asked: &str) -> Option<String> {
        let near = nearest_name(asked, self.tags.iter().map(|tag| &**tag)).filter(|_| split_tag(asked).1.is_some());
        match near {
            Some(near) => Some(format!("did you mean `{near}`? {self}")),
            None => (!self.is_empty()).then(|| self.to_string()),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.name.is_none()
    }
}

impl fmt::Display for Similar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            return write!(f, "did you mean `{name}`?");
        }
        let shown: Vec<&str> = self.tags.iter().take(MAX_NAMES).map(|tag| &**tag).collect();
        write!(f, "it has {}", shown.join(", "))?;
        match self.tags.len().saturating_sub(MAX_NAMES) {
            0 => f.write_str("."),
            more => write!(f, " and {more} more."),
        }
    }
}
