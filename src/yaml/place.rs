//! Where something stands in the files of a project, and how that is shown.

use crate::base::{Excerpt, Text};
use serde::Serialize;

/// A place in one of the files that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which file: its position in [`Files`].
    pub file: u32,
    /// The first byte.
    pub start: u32,
    /// The byte behind the last one.
    pub end: u32,
}

/// The files that were read, in the order in which they were.
#[derive(Clone, Debug, Default)]
pub struct Files(Vec<(String, String)>);

/// A place as it is shown: `compose.yaml:12:18`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Spot {
    /// The file, as the user or another file named it.
    pub file: Text,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl std::fmt::Display for Spot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file.as_str(), self.line, self.column)
    }
}

impl Files {
    /// Adds a file by the name that is shown and its text.
    pub fn add(&mut self, name: &str, text: String) -> u32 {
        self.0.push((name.to_owned(), text));
        (self.0.len() - 1) as u32
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// A file's text.
    pub fn text(&self, file: u32) -> &str {
        self.0.get(file as usize).map_or("", |(_, text)| text)
    }

    /// Where that is, for people.
    pub fn spot(&self, place: Place) -> Spot {
        let excerpt = self.excerpt(place);
        let name = self.0.get(place.file as usize).map_or("", |(name, _)| name);
        Spot { file: name.into(), line: excerpt.line, column: excerpt.column }
    }

    /// The line with a mark below.
    pub fn excerpt(&self, place: Place) -> Excerpt {
        Excerpt::new(self.text(place.file), place.start as usize..place.end as usize)
    }

    /// What is written there.
    pub fn written(&self, place: Place) -> &str {
        self.text(place.file).get(place.start as usize..place.end as usize).unwrap_or("").trim_end()
    }
}
