//! Where a fact was found, and what was wrong with the input.

use super::{ImagePath, LayerIdx, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A place in an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The layer's position, 0 for the lowest.
    pub layer: LayerIdx,
    /// The path, as the merged image has it.
    pub path: ImagePath,
}

/// `layer 3 /usr/lib/x`, counting layers from 1 as people do.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layer {} {}", self.layer + 1, self.path)
    }
}

/// Something in the image that could not be read as it should be. Problems stand beside the results: they
/// are shown, they never silently drop a fact and never end the run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// Where, in words: a [`Location`] or a file of the input.
    pub place: Text,
    /// What was expected and what was found.
    pub message: Text,
}

impl Problem {
    /// A problem at a place.
    pub fn new(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { place: place.to_string().into(), message: message.to_string().into() }
    }
}
