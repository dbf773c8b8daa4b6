//! Who brought a distribution in, and what it would take to be rid of it.
//!
//! A distribution is held by every chain of requirements that leads to it from a root. What *it* brings is what no root
//! reaches without it: in the language of flow graphs, what it dominates. The same question is asked of every
//! distribution and every requirement on the way: what could no longer be reached if that one were gone?

use super::roots::roots;
use crate::base::escape_str;
use crate::python::{DistId, Edge};
use crate::rules::Facts;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Most requirements of which it is asked what would go with them; a graph of more is answered for its distributions only.
const MOST_EDGES: usize = 5_000;

/// Why one distribution is there. Bytes are unpacked and measured; texts are escaped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Name as METADATA writes it.
    pub name: String,
    /// Version.
    pub version: String,
    /// Prefix of its environment.
    pub environment: String,
    /// The layer that its metadata is in, counted from 1.
    pub layer: u32,
    /// Its own bytes.
    pub bytes: u64,
    /// Why it is a root itself, if it is one.
    pub asked_for: Option<String>,
    /// Who requires it, by name.
    pub required_by: Vec<Requirer>,
    /// A shortest chain from every root that leads to it, the shortest first.
    pub chains: Vec<Chain>,
    /// What no root reaches without it, itself included: the largest first.
    pub brings: Vec<Brought>,
    /// Single distributions and requirements on the way, and what would go with each: those that free it first, then
    /// by bytes.
    pub cuts: Vec<Cut>,
}

/// A distribution and its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Brought {
    /// Name as METADATA writes it.
    pub name: String,
    /// Version.
    pub version: String,
    /// Its own bytes.
    pub bytes: u64,
}

/// A requirement on the distribution.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Requirer {
    /// Who requires it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The requirement as METADATA writes it.
    pub requirement: String,
    /// Whether the installed version satisfies it.
    pub satisfied: bool,
}

/// A way from a root to the distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// Why the first one is a root.
    pub how: String,
    /// Name and version of each, from the root to the distribution.
    pub steps: Vec<String>,
}

impl std::fmt::Display for Chain {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} ({})", self.steps.join(" → "), self.how)
    }
}

/// One distribution or one requirement, if it were gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// `without celery (requirements.txt, line 3)` or `easyocr requires torch`.
    pub what: String,
    /// Whether the distribution would go.
    pub frees_it: bool,
    /// How many distributions would go.
    pub distributions: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Explains every installed distribution of a name (normalized), one in each environment that has it.
pub fn why(facts: &Facts<'_>, name: &str) -> Vec<Explained> {
    let graph = Roots::new(facts);
    facts.python.named(name).map(|(id, _)| graph.why(id)).collect()
}

/// A shortest chain from a root to every distribution, by its position; one that no root reaches has none. Where several
/// are as short, the one whose root and steps come first by name.
pub fn chains(facts: &Facts<'_>) -> Vec<Option<Chain>> {
    let graph = Roots::new(facts);
    let mut before: BTreeMap<DistId, Option<DistId>> = BTreeMap::new();
    let mut roots = graph.ids.clone();
    roots.sort_by_key(|id| graph.title(*id));
    before.extend(roots.iter().map(|id| (*id, None)));
    let mut todo: VecDeque<DistId> = roots.into();
    while let Some(from) = todo.pop_front() {
        let mut next: Vec<DistId> = facts.graph.requires(from).filter_map(|edge| edge.to).collect();
        next.sort_by_key(|id| graph.title(*id));
        for to in next {
            if let std::collections::btree_map::Entry::Vacant(slot) = before.entry(to) {
                slot.insert(Some(from));
                todo.push_back(to);
            }
        }
    }
    let chain = |id: DistId| {
        let mut ids = vec![id];
        let mut at = *before.get(&id)?;
        while let Some(from) = at {
            ids.push(from);
            at = *before.get(&from)?;
        }
        let how = graph.roots.get(ids.last()?)?.clone();
        Some(Chain { how, steps: ids.iter().rev().map(|id| graph.title(*id)).collect() })
    };
    (0..facts.python.distributions.len()).map(chain).collect()
}

/// Explains the distributions with most bytes, the largest first.
pub fn heaviest(facts: &Facts<'_>, most: usize) -> Vec<Explained> {
    let dists = &facts.python.distributions;
    let mut ids: Vec<DistId> = (0..dists.len()).collect();
    ids.sort_by(|&a, &b| dists[b].bytes.cmp(&dists[a].bytes).then_with(|| dists[a].name.cmp(&dists[b].name)));
    let graph = Roots::new(facts);
    ids.into_iter().take(most).map(|id| graph.why(id)).collect()
}

struct Roots<'a> {
    facts: &'a Facts<'a>,
    /// The roots, and why each is one.
    roots: BTreeMap<DistId, String>,
    ids: Vec<DistId>,
    /// All that they reach.
    all: BTreeSet<DistId>,
}

impl<'a> Roots<'a> {
    fn new(facts: &'a Facts<'a>) -> Self {
        let every = (0..facts.python.distributions.len()).collect();
        let roots: BTreeMap<DistId, String> =
            roots(facts, &every).into_iter().map(|(id, root)| (id, escape_str(&root.how))).collect();
        let ids: Vec<DistId> = roots.keys().copied().collect();
        let all = facts.graph.closure(&ids, |_| false).into_iter().collect();
        Self { facts, roots, ids, all }
    }

    fn why(&self, id: DistId) -> Explained {
        let dist = &self.facts.python.distributions[id];
        let environment = &self.facts.python.environments[dist.environment];
        Explained {
            name: escape_str(&dist.name),
            version: escape_str(&dist.version),
            environment: environment.prefix.to_string(),
            layer: dist.layer + 1,
            bytes: dist.bytes,
            asked_for: self.roots.get(&id).cloned(),
            required_by: self.required_by(id),
            chains: self.chains(id),
            brings: self.brings(id),
            cuts: self.cuts(id),
        }
    }

    fn title(&self, id: DistId) -> String {
        let dist = &self.facts.python.distributions[id];
        escape_str(&format!("{} {}", dist.name, dist.version))
    }

    fn required_by(&self, id: DistId) -> Vec<Requirer> {
        let requirer = |edge: &Edge| {
            let from = &self.facts.python.distributions[edge.from];
            let (name, version) = (escape_str(&from.name), escape_str(&from.version));
            Requirer { name, version, requirement: escape_str(&edge.requirement), satisfied: edge.satisfied }
        };
        let mut out: Vec<Requirer> = self.facts.graph.required_by(id).map(requirer).collect();
        out.sort();
        out.dedup();
        out
    }

    /// The next step towards `id` from everything that leads to it, along a shortest way.
    fn towards(&self, id: DistId) -> BTreeMap<DistId, DistId> {
        let mut next = BTreeMap::from([(id, id)]);
        let mut todo = VecDeque::from([id]);
        while let Some(to) = todo.pop_front() {
            for edge in self.facts.graph.required_by(to) {
                if let std::collections::btree_map::Entry::Vacant(slot) = next.entry(edge.from) {
                    slot.insert(to);
                    todo.push_back(edge.from);
                }
            }
        }
        next
    }

    fn chains(&self, id: DistId) -> Vec<Chain> {
        let next = self.towards(id);
        let chain = |(&root, how): (&DistId, &String)| {
            let mut steps = vec![self.title(root)];
            let mut at = root;
            while at != id {
                at = *next.get(&at)?;
                steps.push(self.title(at));
            }
            Some(Chain { how: how.clone(), steps })
        };
        let mut out: Vec<Chain> = self.roots.iter().filter_map(chain).collect();
        out.sort_by(|a, b| (a.steps.len(), &a.steps).cmp(&(b.steps.len(), &b.steps)));
        out
    }

    /// What can no longer be reached without a root or with some edges left out.
    fn lost(&self, without: Option<DistId>, skip: impl Fn(&Edge) -> bool) -> Vec<DistId> {
        let ids: Vec<DistId> = self.ids.iter().copied().filter(|id| Some(*id) != without).collect();
        let reached: BTreeSet<DistId> = self.facts.graph.closure(&ids, skip).into_iter().collect();
        self.all.difference(&reached).copied().collect()
    }

    fn brings(&self, id: DistId) -> Vec<Brought> {
        let brought = |id: DistId| {
            let dist = &self.facts.python.distributions[id];
            Brought { name: escape_str(&dist.name), version: escape_str(&dist.version), bytes: dist.bytes }
        };
        let lost = self.lost(Some(id), |edge| edge.to == Some(id));
        let mut out: Vec<Brought> = lost.into_iter().map(brought).collect();
        out.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        out
    }

    fn cuts(&self, id: DistId) -> Vec<Cut> {
        let above: BTreeSet<DistId> = self.towards(id).into_keys().collect();
        let cut = |what: String, lost: Vec<DistId>| {
            let bytes = lost.iter().map(|&id| self.facts.python.distributions[id].bytes).sum();
            let cut = Cut { what, frees_it: lost.contains(&id), distributions: lost.len(), bytes };
            (!lost.is_empty()).then_some(cut)
        };
        let name = |id: DistId| escape_str(&self.facts.python.distributions[id].name);
        let without = |&over: &DistId| {
            let asked = self.roots.get(&over).map(|how| format!(" ({how})")).unwrap_or_default();
            cut(format!("without {}{asked}", name(over)), self.lost(Some(over), |edge| edge.to == Some(over)))
        };
        let mut out: Vec<Cut> = above.iter().filter(|over| **over != id).filter_map(without).collect();
        let on_the_way = |edge: &&Edge| above.contains(&edge.from) && edge.to.is_some_and(|to| above.contains(&to));
        let edges: BTreeSet<(DistId, DistId)> =
            self.facts.graph.edges.iter().filter(on_the_way).filter_map(|edge| Some((edge.from, edge.to?))).collect();
        if edges.len() <= MOST_EDGES {
            out.extend(edges.into_iter().filter(|&(from, to)| from != to).filter_map(|(from, to)| {
                let lost = self.lost(None, |edge| edge.from == from && edge.to == Some(to));
                cut(format!("{} requires {}", name(from), name(to)), lost)
            }));
        }
        out.sort_by(|a, b| {
            b.frees_it.cmp(&a.frees_it).then_with(|| b.bytes.cmp(&a.bytes)).then_with(|| a.what.cmp(&b.what))
        });
        out
    }
}
