//! Where a fact was found, and what was wrong with the input.

use super::{ImagePath, LayerIdx};
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
    pub place: String,
    /// What was expected and what was found. Already escaped for a terminal.
    pub message: String,
}

impl Problem {
    /// A problem at a place; both are escaped here.
    pub fn new(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { place: super::escape_str(&place.to_string()), message: super::escape_str(&message.to_string()) }
    }
}
