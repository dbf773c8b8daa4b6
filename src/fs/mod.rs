//! The merged tree, and what became of every byte of every layer.

mod category;
mod ledger;
mod lookup;
mod merge;
mod view;

pub use category::{Category, categorize};
pub use ledger::{Ledger, Owner, Row};
pub use lookup::Lookup;
pub use view::{DataRef, Node, View};

use crate::base::LayerIdx;
use serde::{Deserialize, Serialize};

/// What became of the bytes of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "fate")]
pub enum Fate {
    /// A container sees them.
    Visible,
    /// A higher layer has other bytes at this path, or something that is no file.
    Replaced {
        /// The layer.
        by: LayerIdx,
    },
    /// A higher layer has the same bytes at this path: only owner, mode, time or attributes changed.
    Rewritten {
        /// The layer.
        by: LayerIdx,
    },
    /// A higher layer hides the path.
    Deleted {
        /// The layer.
        by: LayerIdx,
        /// How.
        how: Deletion,
    },
    /// The same tar holds the path again, later.
    Shadowed,
}

/// How a path was hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deletion {
    /// A whiteout of the path itself.
    File,
    /// A whiteout of a directory above it.
    Directory,
    /// An opaque marker in a directory above it.
    Opaque,
}
