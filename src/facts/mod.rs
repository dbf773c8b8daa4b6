//! What is known of one image before any rule is asked: what is in it, whose every byte is, and who brought it in.

mod dominators;
mod packages;
mod place;
mod roots;
mod state;
mod summary;
mod survey;
mod why;

pub use packages::{ExplainedPackage, why_package};
pub use place::{ExplainedPath, OwnedPart, bringing, why_path};
pub use roots::Root;
pub(crate) use roots::{named, roots};
pub use state::{is_package_cache, is_package_manager_state, is_system_cache, is_system_log};
pub use summary::{LayerSummary, Part, Summary};
pub use survey::{Owners, Survey};
pub use why::{Brought, Chain, Cut, Explained, Requirer, chains, heaviest, why};

use crate::base::Text;
use crate::fs::{Owner, View};
use crate::os::{Libraries, OsInventory};
use crate::python::{AskedFor, Graph, Interpreter, Inventory, Uses};

/// All that was read of one image.
pub struct Facts<'a> {
    /// The merged tree.
    pub view: &'a View<'a>,
    /// Every byte, by what it is.
    pub summary: &'a Summary,
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

impl Facts<'_> {
    /// Name and version of what owns something, as the image has them; nothing of what no package owns.
    pub fn title(&self, owner: Owner) -> Option<String> {
        if let Owner::Interpreter(id) = owner {
            return self.python.interpreters.list.get(id).map(Interpreter::title);
        }
        let (name, version) = match owner {
            Owner::Distribution(id) => self.python.distributions.get(id).map(|dist| (&dist.name, &dist.version)),
            Owner::OsPackage(id) => self.os.packages.get(id).map(|package| (&package.name, &package.version)),
            Owner::CondaPackage(id) => self.os.conda.packages.get(id).map(|package| (&package.name, &package.version)),
            _ => None,
        }?;
        Some(format!("{name} {version}"))
    }

    /// Who owns something, in the words of every report: name and version, or what files of no package are called.
    pub fn owner(&self, owner: Owner) -> Text {
        self.title(owner).map_or_else(|| nobodys(owner).into(), Text::from)
    }
}

/// What files of no package are called.
pub fn nobodys(owner: Owner) -> &'static str {
    match owner {
        Owner::Base => "base image",
        Owner::PackageManager => "caches, package lists",
        _ => "application, other files",
    }
}
