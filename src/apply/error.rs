//! Why an image could not be written, in words that name the place.

use crate::base::{Hint, Text};
use crate::daemon::DaemonError;
use crate::image::ImageError;
use crate::registry::RegistryError;

/// Why the image could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The original cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The engine does not take it, or cannot be asked.
    #[error(transparent)]
    Engine(#[from] DaemonError),
    /// The registry does not take it, or cannot be asked.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A layer of the original cannot be read.
    #[error("layer {number} of the original: {source}")]
    Read {
        /// Its position, from 1.
        number: usize,
        /// Why.
        source: std::io::Error,
    },
    /// The original has no configuration that the outcome could have.
    #[error("{place}: expected an image with its layers' blobs, found {found}")]
    NoImage {
        /// The original.
        place: Text,
        /// What it is.
        found: &'static str,
    },
    /// Something cannot stand in a layer.
    #[error("{path}: cannot be written: {why}")]
    Unwritable {
        /// The path in the image.
        path: Text,
        /// Why.
        why: String,
    },
    /// Something is there already.
    #[error("{place}: {what}")]
    Exists {
        /// Where.
        place: Text,
        /// What is there.
        what: &'static str,
        /// Whether force replaces it.
        forced: bool,
    },
    /// The output cannot be written.
    #[error("{place}: cannot write: {source}")]
    Write {
        /// Where.
        place: Text,
        /// Why.
        source: std::io::Error,
    },
    /// What was written, or is to be, is not what it should be.
    #[error("{place}: {what}")]
    Differs {
        /// The path or layer.
        place: Text,
        /// In what.
        what: String,
    },
}

impl ApplyError {
    pub(super) fn read(layer: usize, source: std::io::Error) -> Self {
        Self::Read { number: layer + 1, source }
    }

    /// Whether the user must change something.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Image(error) => error.is_usage(),
            Self::Exists { .. } | Self::Write { .. } | Self::NoImage { .. } => true,
            Self::Engine(error) => {
                matches!(error, DaemonError::NoEngine { .. } | DaemonError::Host { .. } | DaemonError::NoContext { .. })
            }
            Self::Registry(_) => false,
            Self::Read { .. } | Self::Unwritable { .. } | Self::Differs { .. } => false,
        }
    }
}

impl Hint for ApplyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Image(error) => error.hint(),
            Self::Engine(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            Self::NoImage { .. } => {
                Some("apply reads an archive, a layout, a registry or an engine's own store".into())
            }
            Self::Exists { forced: true, .. } => Some("--force overwrites it".into()),
            Self::Exists { forced: false, .. } => Some("name another place".into()),
            Self::Differs { .. } => Some("nothing was written; please report it with the original, if you can".into()),
            _ => None,
        }
    }
}
