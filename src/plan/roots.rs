//! Roots: the distributions that are there because somebody asked for them, not because another one requires them.
//!
//! In this order: what a file or the user asks for by name, an install command of the history, pip's REQUESTED mark (uv
//! marks every distribution, so its marks say nothing), and what nothing requires.

use super::Root;
use crate::python::{DistId, Distribution};
use crate::rules::Facts;
use std::collections::{BTreeMap, BTreeSet};

/// The roots among `subject`, by position. Everything in `subject` can be reached from them.
pub(super) fn roots(facts: &Facts<'_>, subject: &BTreeSet<DistId>) -> Vec<(DistId, Root)> {
    let dists = &facts.python.distributions;
    let known = subject.iter().filter_map(|&id| Some((id, root(facts, id)?)));
    let mut found: BTreeMap<DistId, Root> = known.collect();
    // Distributions that only require one another are reached from no root: they stay all the same.
    loop {
        let ids: Vec<DistId> = found.keys().copied().collect();
        let reached: BTreeSet<DistId> = facts.graph.closure(&ids, |_| false).into_iter().collect();
        let Some(&id) = subject.iter().find(|id| !reached.contains(id)) else { break };
        found.insert(id, named(&dists[id], "only its own requirements require it"));
    }
    found.into_iter().collect()
}

fn root(facts: &Facts<'_>, id: DistId) -> Option<Root> {
    let dist = &facts.python.distributions[id];
    if let Some(asked) = facts.asked.iter().find(|asked| asked.name == dist.normalized) {
        let (extras, specifiers) = (asked.extras.clone(), asked.specifiers.clone());
        return Some(Root { extras, specifiers, ..named(dist, &asked.source) });
    }
    if dist.requested && dist.installer.as_deref() == Some("pip") {
        return Some(named(dist, "pip's REQUESTED mark"));
    }
    let unrequired = facts.graph.required_by(id).all(|edge| edge.from == id);
    unrequired.then(|| named(dist, "nothing requires it"))
}

/// A root of which only its name is known.
pub(super) fn named(dist: &Distribution, how: &str) -> Root {
    Root {
        name: dist.name.clone(),
        extras: Vec::new(),
        specifiers: String::new(),
        version: dist.version.clone(),
        how: how.to_owned(),
    }
}
