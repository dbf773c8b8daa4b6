//! Who requires whom, with markers evaluated for the image's own Python and platform.

use super::{DistId, Inventory};

/// What markers are evaluated against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkerContext {
    /// `3.11.7`, or `3.11.0` where only the minor version is known.
    pub python_full: String,
    /// `linux/amd64`.
    pub platform: String,
}

/// A requirement of an installed distribution that applies here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Who requires.
    pub from: DistId,
    /// The requirement as METADATA writes it, marker included.
    pub requirement: String,
    /// The required name, normalized.
    pub name: String,
    /// Extras of the required distribution that are asked for.
    pub extras: Vec<String>,
    /// The version specifiers alone (`<=4.6.0.66`), empty for any.
    pub specifiers: String,
    /// The extra of `from` that this requirement belongs to, where it came in by an extra.
    pub by_extra: Option<String>,
    /// The installed distribution of that name that `from` would import, if there is one.
    pub to: Option<DistId>,
    /// Whether the installed version satisfies the specifiers. False when nothing is installed.
    pub satisfied: bool,
}

/// The requirement graph of all environments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// The edges, sorted by `from` and name. Extras are followed from who asks for them: a requirement under
    /// `extra == "x"` is an edge only when somebody requires `from[x]`, or a root does (see `roots_with_extras`).
    pub edges: Vec<Edge>,
}

impl Graph {
    /// Builds the graph. `roots_with_extras` are requirements from outside (requirement files), as
    /// `(normalized name, extras)`. Unreadable requirements become problems of the inventory.
    pub fn new(inventory: &mut Inventory, platform: &str, roots_with_extras: &[(String, Vec<String>)]) -> Self {
        let _ = (inventory, platform, roots_with_extras);
        Self::default()
    }

    /// What `from` requires.
    pub fn requires(&self, from: DistId) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| edge.from == from)
    }

    /// Who requires `to`.
    pub fn required_by(&self, to: DistId) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| edge.to == Some(to))
    }

    /// All that `roots` need, themselves included, sorted. `skip` says which edges not to follow.
    pub fn closure(&self, roots: &[DistId], skip: impl Fn(&Edge) -> bool) -> Vec<DistId> {
        let mut seen: std::collections::BTreeSet<DistId> = roots.iter().copied().collect();
        let mut todo = roots.to_vec();
        while let Some(from) = todo.pop() {
            for edge in self.requires(from).filter(|edge| !skip(edge)) {
                if let Some(to) = edge.to.filter(|to| seen.insert(*to)) {
                    todo.push(to);
                }
            }
        }
        seen.into_iter().collect()
    }
}
