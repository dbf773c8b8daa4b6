//! Reads all facts of one merged image.

use super::{Facts, Summary, is_package_manager_state};
use crate::base::{LayerIdx, both};
use crate::fs::{Ledger, Owner, View};
use crate::os::{Libraries, OsInventory};
use crate::python::{AskedFor, Graph, Inventory, Uses, asked_for};

/// Owned facts; [`Survey::facts`] lends them to the rules.
pub struct Survey {
    /// The Python distributions.
    pub python: Inventory,
    /// Who requires whom.
    pub graph: Graph,
    /// What was asked for by name.
    pub asked: Vec<AskedFor>,
    /// The OS packages.
    pub os: OsInventory,
    /// Who needs which shared libraries.
    pub libraries: Libraries,
    /// Every byte, by what it is.
    pub summary: Summary,
    /// What Python source imports and uses.
    pub uses: Uses,
}

impl Survey {
    /// Reads them. `given` is what the user says is asked for, beside what the image says.
    pub fn new(view: &View<'_>, given: &[AskedFor]) -> Self {
        let system = || {
            let os = OsInventory::new(view);
            let libraries = Libraries::new(view, &os);
            (os, libraries)
        };
        let ((mut python, graph, asked), (os, libraries)) = both(|| Self::python(view, given), system);
        python.find_interpreters(view, |path| os.owners.contains_key(path) || os.conda.owners.contains_key(path));
        let summary = {
            let owners = Owners::new(view, &python, &os);
            let ledger = Ledger::new(view, |path, layer| owners.of(path, layer));
            Summary::new(&ledger, view.image().base_layers())
        };
        let uses = Uses::new(view, &python);
        Self { python, graph, asked, os, libraries, summary, uses }
    }

    fn python(view: &View<'_>, given: &[AskedFor]) -> (Inventory, Graph, Vec<AskedFor>) {
        let mut python = Inventory::new(view);
        let asked = asked_for(view.image(), given, &|path| python.owner(path).is_some());
        let names: Vec<_> = asked.iter().map(|asked| (asked.name.clone(), asked.extras.clone())).collect();
        let graph = Graph::new(&mut python, &view.image().platform, &names);
        (python, graph, asked)
    }

    /// The facts, for the rules and the plan.
    pub fn facts<'a>(&'a self, view: &'a View<'a>) -> Facts<'a> {
        Facts {
            view,
            summary: &self.summary,
            python: &self.python,
            graph: &self.graph,
            asked: &self.asked,
            os: &self.os,
            libraries: &self.libraries,
            uses: &self.uses,
        }
    }
}

/// Who owns a visible path: a Python distribution before an OS or conda package (both may list a file), then a Python that
/// none of them brought, the base image, then the package managers' own state, then the application.
pub struct Owners<'a> {
    python: &'a Inventory,
    os: &'a OsInventory,
    base_layers: LayerIdx,
}

impl<'a> Owners<'a> {
    /// Prepares the look-up.
    pub fn new(view: &View<'_>, python: &'a Inventory, os: &'a OsInventory) -> Self {
        Self { python, os, base_layers: view.image().base_layers() as LayerIdx }
    }

    /// The owner of a path whose bytes are in `layer`.
    pub fn of(&self, path: &[u8], layer: LayerIdx) -> Owner {
        if let Some(distribution) = self.python.owner(path) {
            return Owner::Distribution(distribution);
        }
        if let Some(package) = self.os.owners.get(path) {
            return Owner::OsPackage(*package);
        }
        if let Some(package) = self.os.conda.owners.get(path) {
            return Owner::CondaPackage(*package);
        }
        if let Some(interpreter) = self.python.interpreters.owner(path) {
            return Owner::Interpreter(interpreter);
        }
        match layer < self.base_layers {
            true => Owner::Base,
            false if is_package_manager_state(path) || self.os.conda.is_cache(path) => Owner::PackageManager,
            false => Owner::Application,
        }
    }
}
