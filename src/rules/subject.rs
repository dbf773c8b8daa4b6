//! What a finding is about, stable from run to run: no sizes, no order, nothing that a rebuild changes.

use crate::base::{ImagePath, LayerIdx, Text};
use std::fmt;

/// What a finding is about. `Display` gives the words by which reports name it and `[[accept]]` matches it; names are
/// escaped there, once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One distribution, by its normalized name.
    Distribution {
        /// Its normalized name.
        name: String,
        /// Its environment, where another one has the name too.
        environment: Option<ImagePath>,
    },
    /// Distributions that belong together, by their names.
    Set {
        /// Their names, in the order to show.
        names: Vec<String>,
        /// Their environment, where there are several.
        environment: Option<ImagePath>,
    },
    /// Packages of the operating system.
    Packages,
    /// Packages that conda installed.
    CondaPackages,
    /// Bytes of a layer that a later one (or the same) hides.
    Hidden {
        /// The layer that has the bytes.
        layer: LayerIdx,
        /// The layer that hides them.
        by: LayerIdx,
    },
    /// Files of a layer that a later one writes again with the same content.
    Rewritten {
        /// The layer that has the bytes.
        layer: LayerIdx,
        /// The layer that writes them again.
        by: LayerIdx,
    },
    /// Paths that a rule's patterns name.
    Paths,
    /// The application: files that nobody else owns.
    Application,
    /// What a plan would do and its text does not, as the plan's action says it.
    Undone(String),
}

impl Subject {
    /// Whether it is this distribution: its normalized name, in the environment of this prefix.
    pub fn is_distribution(&self, normalized: &str, prefix: &ImagePath) -> bool {
        match self {
            Self::Distribution { name, environment } => {
                name == normalized && environment.as_ref().is_none_or(|environment| environment == prefix)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = |out: &mut fmt::Formatter<'_>, environment: &Option<ImagePath>| match environment {
            Some(prefix) => write!(out, " in {prefix}"),
            None => Ok(()),
        };
        match self {
            Self::Distribution { name, environment } => {
                out.write_str(&Text::from(name))?;
                within(out, environment)
            }
            Self::Set { names, environment } => {
                out.write_str(&Text::from(&names.join(", ")))?;
                within(out, environment)
            }
            Self::Packages => out.write_str("OS packages"),
            Self::CondaPackages => out.write_str("conda packages"),
            Self::Hidden { layer, by } if layer == by => write!(out, "layer {} twice", layer + 1),
            Self::Hidden { layer, by } => write!(out, "layer {} hidden by layer {}", layer + 1, by + 1),
            Self::Rewritten { layer, by } => write!(out, "layer {} written again by layer {}", layer + 1, by + 1),
            Self::Paths => out.write_str("files"),
            Self::Application => out.write_str("application"),
            Self::Undone(title) => out.write_str(&Text::from(title)),
        }
    }
}
