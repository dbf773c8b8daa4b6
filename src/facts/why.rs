//! Who brought a distribution in, and what it would take to be rid of it.
//!
//! A distribution is held by every chain of requirements that leads to it from a root. What *it* brings is what no root
//! reaches without it: in the language of flow graphs, what it dominates. The same question is asked of every
//! distribution and every requirement on the way: what could no longer be reached if that one were gone?

use super::dominators::{Dominators, Graph};
use super::{Facts, roots};
use crate::base::{DistId, Numbered, Text};
use crate::python::Edge;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// Chains that are told of one distribution, the shortest ones.
const MAX_CHAINS: usize = 1_000;
/// Steps of a chain that are told; of a longer one its first half and its last.
const MAX_STEPS: usize = 64;

/// Why one distribution is there. Bytes are unpacked and measured; texts are escaped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Name as METADATA writes it.
    pub name: Text,
    /// Version.
    pub version: Text,
    /// Prefix of its environment.
    pub environment: Text,
    /// The layer that its metadata is in, counted from 1.
    pub layer: u32,
    /// Its own bytes.
    pub bytes: u64,
    /// Why it is a root itself, if it is one.
    pub asked_for: Option<Text>,
    /// Who requires it, by name.
    pub required_by: Vec<Requirer>,
    /// A shortest chain from every root that leads to it, the shortest first; of very many roots the nearest ones.
    pub chains: Vec<Chain>,
    /// How many roots lead to it.
    #[serde(skip)]
    pub roots: usize,
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
    pub name: Text,
    /// Version.
    pub version: Text,
    /// Its own bytes.
    pub bytes: u64,
}

/// A requirement on the distribution.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Requirer {
    /// Who requires it.
    pub name: Text,
    /// Its version.
    pub version: Text,
    /// The requirement as METADATA writes it.
    pub requirement: Text,
    /// Whether the installed version satisfies it.
    pub satisfied: bool,
}

/// A way from a root to the distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// Why the first one is a root.
    pub how: Text,
    /// Name and version of each, from the root to the distribution.
    pub steps: Vec<Text>,
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
    pub what: Text,
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
    let mut ways: Numbered<DistId, Option<Way>> = graph.next.beside(|_| None);
    let mut roots = graph.ids.clone();
    roots.sort_by_key(|id| graph.rank[*id]);
    roots.iter().for_each(|&id| ways[id] = Some(Way::default().then(id)));
    let mut todo: VecDeque<DistId> = roots.into();
    while let Some(from) = todo.pop_front() {
        let mut next = graph.next[from].clone();
        next.sort_by_key(|id| graph.rank[*id]);
        for to in next.into_iter().filter(|to| ways[*to].is_none()).collect::<Vec<_>>() {
            if ways[to].is_none() {
                ways[to] = ways[from].as_ref().map(|way| way.then(to));
                todo.push_back(to);
            }
        }
    }
    ways.iter().map(|way| graph.chain(way.as_ref()?)).collect()
}

/// The distributions from a root on: all of them, or of very many the first and the last.
#[derive(Clone, Default)]
struct Way {
    first: Vec<DistId>,
    last: VecDeque<DistId>,
    left_out: usize,
}

impl Way {
    /// One step more.
    fn then(&self, id: DistId) -> Self {
        let mut out = self.clone();
        out.push(id);
        out
    }

    fn push(&mut self, id: DistId) {
        if self.first.len() < MAX_STEPS / 2 {
            return self.first.push(id);
        }
        self.last.push_back(id);
        if self.last.len() > MAX_STEPS / 2 {
            self.last.pop_front();
            self.left_out += 1;
        }
    }
}

/// Explains the distributions with most bytes, the largest first.
pub fn heaviest(facts: &Facts<'_>, most: usize) -> Vec<Explained> {
    let dists = &facts.python.distributions;
    let mut ids: Vec<DistId> = dists.ids().collect();
    ids.sort_by(|&a, &b| dists[b].bytes.cmp(&dists[a].bytes).then_with(|| dists[a].name.cmp(&dists[b].name)));
    let graph = Roots::new(facts);
    ids.into_iter().take(most).map(|id| graph.why(id)).collect()
}

struct Roots<'a> {
    facts: &'a Facts<'a>,
    /// The roots, and why each is one.
    roots: BTreeMap<DistId, Text>,
    ids: Vec<DistId>,
    /// Whom each requires, and who requires each; each once.
    next: Graph<DistId>,
    before: Graph<DistId>,
    /// The place of each by its title.
    rank: Numbered<DistId, usize>,
    dominators: Dominators<DistId>,
}

impl<'a> Roots<'a> {
    fn new(facts: &'a Facts<'a>) -> Self {
        let dists = &facts.python.distributions;
        let every = dists.ids().collect();
        let roots: BTreeMap<DistId, Text> =
            roots(facts, &every).into_iter().map(|(id, root)| (id, Text::from(&root.how))).collect();
        let ids: Vec<DistId> = roots.keys().copied().collect();
        let mut next: Graph<DistId> = dists.beside(|_| Vec::new());
        let mut before = next.clone();
        for (from, to) in facts.graph.edges.iter().filter_map(|edge| Some((edge.from, edge.to?))) {
            next[from].push(to);
            before[to].push(from);
        }
        for list in next.iter_mut().chain(&mut before) {
            list.sort_unstable();
            list.dedup();
        }
        let titles = dists.beside(|id| title(facts, id));
        let mut by_title: Vec<DistId> = dists.ids().collect();
        by_title.sort_by_key(|id| &titles[*id]);
        let mut rank = dists.beside(|_| 0);
        by_title.into_iter().enumerate().for_each(|(place, id)| rank[id] = place);
        let bytes = dists.beside(|id| dists[id].bytes);
        let dominators = Dominators::new(&next, &before, &ids, &bytes);
        Self { facts, roots, ids, next, before, rank, dominators }
    }

    fn why(&self, id: DistId) -> Explained {
        let dist = &self.facts.python.distributions[id];
        let environment = &self.facts.python.environments[dist.environment];
        let next = self.towards(id);
        let mut leading: Vec<(usize, usize, DistId)> =
            self.ids.iter().filter_map(|&root| Some((next.get(&root)?.1, self.rank[root], root))).collect();
        leading.sort_unstable();
        Explained {
            name: Text::from(&dist.name),
            version: Text::from(&dist.version),
            environment: environment.prefix.to_string().into(),
            layer: dist.layer + 1,
            bytes: dist.bytes,
            asked_for: self.roots.get(&id).cloned(),
            required_by: self.required_by(id),
            roots: leading.len(),
            chains: leading
                .iter()
                .take(MAX_CHAINS)
                .filter_map(|&(_, _, root)| self.chain_from(root, id, &next))
                .collect(),
            brings: self.brings(id),
            cuts: self.cuts(id, &next),
        }
    }

    fn required_by(&self, id: DistId) -> Vec<Requirer> {
        let requirer = |edge: &Edge| {
            let from = &self.facts.python.distributions[edge.from];
            let (name, version) = (Text::from(&from.name), Text::from(&from.version));
            Requirer { name, version, requirement: Text::from(&edge.requirement), satisfied: edge.satisfied }
        };
        let mut out: Vec<Requirer> = self.facts.graph.required_by(id).map(requirer).collect();
        out.sort();
        out.dedup();
        out
    }

    /// The next step towards `id` from everything that leads to it, along a shortest way, and how many steps it is away.
    fn towards(&self, id: DistId) -> BTreeMap<DistId, (DistId, usize)> {
        let mut next = BTreeMap::from([(id, (id, 0))]);
        let mut todo = VecDeque::from([(id, 0)]);
        while let Some((to, steps)) = todo.pop_front() {
            for edge in self.facts.graph.required_by(to) {
                if let std::collections::btree_map::Entry::Vacant(slot) = next.entry(edge.from) {
                    slot.insert((to, steps + 1));
                    todo.push_back((edge.from, steps + 1));
                }
            }
        }
        next
    }

    fn chain_from(&self, root: DistId, id: DistId, next: &BTreeMap<DistId, (DistId, usize)>) -> Option<Chain> {
        let mut way = Way::default().then(root);
        let mut at = root;
        while at != id {
            at = next.get(&at)?.0;
            way.push(at);
        }
        self.chain(&way)
    }

    fn chain(&self, way: &Way) -> Option<Chain> {
        let how = self.roots.get(way.first.first()?)?.clone();
        let mut steps: Vec<Text> = way.first.iter().map(|&id| title(self.facts, id)).collect();
        if way.left_out > 0 {
            steps.push(format!("… {} more …", way.left_out).into());
        }
        steps.extend(way.last.iter().map(|&id| title(self.facts, id)));
        Some(Chain { how, steps })
    }

    fn brings(&self, id: DistId) -> Vec<Brought> {
        let brought = |id: DistId| {
            let dist = &self.facts.python.distributions[id];
            Brought { name: Text::from(&dist.name), version: Text::from(&dist.version), bytes: dist.bytes }
        };
        let mut ids = self.dominators.below(id).to_vec();
        ids.sort_unstable();
        let mut out: Vec<Brought> = ids.into_iter().map(brought).collect();
        out.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        out
    }

    /// `above` has all that leads to `id`, and itself.
    fn cuts(&self, id: DistId, above: &BTreeMap<DistId, (DistId, usize)>) -> Vec<Cut> {
        let cut = |what: String, over: DistId| Cut {
            what: what.into(),
            frees_it: self.dominators.dominates(over, id),
            distributions: self.dominators.below(over).len(),
            bytes: self.dominators.bytes_below(over),
        };
        let name = |id: DistId| Text::from(&self.facts.python.distributions[id].name);
        let mut out = Vec::new();
        for &over in above.keys().filter(|over| !self.dominators.below(**over).is_empty()) {
            if over != id {
                let asked = self.roots.get(&over).map(|how| format!(" ({how})")).unwrap_or_default();
                out.push(cut(format!("without {}{asked}", name(over)), over));
            }
            if let Some(from) = self.only_way(over).filter(|from| above.contains_key(from)) {
                out.push(cut(format!("{} requires {}", name(from), name(over)), over));
            }
        }
        out.sort_by(|a, b| {
            b.frees_it.cmp(&a.frees_it).then_with(|| b.bytes.cmp(&a.bytes)).then_with(|| a.what.cmp(&b.what))
        });
        out
    }

    /// Who requires a distribution, if no other requirement leads to it but such as only it leads to.
    fn only_way(&self, to: DistId) -> Option<DistId> {
        if self.roots.contains_key(&to) {
            return None;
        }
        let is_reached = |from: &DistId| !self.dominators.below(*from).is_empty();
        let mut from =
            self.before[to].iter().copied().filter(|from| is_reached(from) && !self.dominators.dominates(to, *from));
        from.next().filter(|_| from.next().is_none())
    }
}

fn title(facts: &Facts<'_>, id: DistId) -> Text {
    let dist = &facts.python.distributions[id];
    format!("{} {}", dist.name, dist.version).into()
}
