//! Why a project cannot be read.

use super::names::DEFAULT_FILES;
use crate::base::{Hint, Text, nearest_path};
use crate::yaml::{Files, Place};
use std::path::Path;

/// Why a project cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComposeError {
    /// There is no Compose file.
    NoFile {
        /// Where it was looked for.
        folder: String,
    },
    /// A file cannot be read.
    File {
        /// The file, as it was named.
        name: String,
        /// Who named it; nobody but the user where there is no place.
        place: Option<Place>,
        /// Why.
        message: String,
        /// Whether it lies outside of the folder that may be read.
        outside: bool,
    },
    /// A file of variables cannot be read.
    Variables {
        /// The file.
        name: String,
        /// Line, from 1.
        line: usize,
        /// What was expected and what was found.
        message: String,
    },
    /// What stands somewhere is not what is expected there.
    Shape {
        /// Where.
        place: Place,
        /// The keys that lead there, with dots; empty for the file as a whole.
        path: String,
        /// What was expected and what was found.
        message: String,
    },
    /// Something names what leads back to itself.
    Circle {
        /// Where.
        place: Place,
        /// What includes or extends what.
        chain: Vec<String>,
    },
}

impl ComposeError {
    /// The error as it is shown: with the place, and the line it is in.
    pub fn with_places(&self, files: &Files) -> PlacedError {
        let place = match self {
            Self::NoFile { .. } | Self::Variables { .. } => None,
            Self::File { place, .. } => *place,
            Self::Shape { place, .. } | Self::Circle { place, .. } => Some(*place),
        };
        let what = self.what();
        let text = match place {
            Some(place) => format!("{}: {what}\n{}", files.spot(place), files.excerpt(place).shown),
            None => what,
        };
        PlacedError { text, hint: self.hint_text() }
    }

    fn what(&self) -> String {
        match self {
            Self::NoFile { folder } => {
                format!("{}: expected a Compose file here or above, found none", Text::from(folder))
            }
            Self::File { name, message, .. } => format!("{}: {message}", Text::from(name)),
            Self::Variables { name, line, message } => format!("{}:{line}: {}", Text::from(name), Text::from(message)),
            Self::Shape { path, message, .. } if path.is_empty() => Text::from(message).to_string(),
            Self::Shape { path, message, .. } => format!("{}: {}", Text::from(path), Text::from(message)),
            Self::Circle { chain, .. } => format!("this leads back to itself: {}", Text::from(chain.join(" → "))),
        }
    }

    fn hint_text(&self) -> Option<String> {
        match self {
            Self::NoFile { .. } => {
                Some(format!("name one, or its folder; looked for are {}", DEFAULT_FILES.join(", ")))
            }
            Self::File { name, place: None, .. } if !Path::new(name).exists() => {
                let near = nearest_path(Path::new(name)).filter(|near| near.is_file())?;
                Some(format!("did you mean `{}`?", Text::of_path(&near)))
            }
            Self::File { outside: true, .. } => Some("--root DIR names the folder whose files may be read".to_owned()),
            _ => None,
        }
    }
}

/// An error with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedError {
    text: String,
    hint: Option<String>,
}

impl std::fmt::Display for PlacedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for PlacedError {}

impl Hint for PlacedError {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}
