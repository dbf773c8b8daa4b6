//! What is known of one image before any rule is asked: what is in it, whose every byte is, and who brought it in.

mod dominators;
mod roots;
mod state;
mod survey;
mod why;

pub use roots::Root;
pub(crate) use roots::{named, roots};
pub use state::is_package_manager_state;
pub use survey::{Owners, Survey};
pub use why::{Brought, Chain, Cut, Explained, Requirer, chains, heaviest, why};

use crate::fs::{Ledger, View};
use crate::os::{Libraries, OsInventory};
use crate::python::{AskedFor, Graph, Inventory, Uses};

/// All that was read of one image.
pub struct Facts<'a> {
    /// The merged tree.
    pub view: &'a View<'a>,
    /// Every byte's fate and owner.
    pub ledger: &'a Ledger,
    /// The Python distributions.
    pub python: &'a Inventory,
    /// Who requires whom.
    pub graph: &'a Graph,
    /// What was asked for by name, in order: the first that names a distribution says why it is a root.
    pub asked: &'a [AskedFor],
    /// The OS packages.
    pub os: &'a OsInventory,
    /// Who needs which shared libraries.
    pub libraries: &'a Libraries,
    /// What Python source imports and uses.
    pub uses: &'a Uses,
}
