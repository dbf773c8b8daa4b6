//! Who requires whom, with markers evaluated for the image's own Python and platform.

use super::{Environment, Inventory};
use crate::base::{DistId, Numbered, Problem, Text};
use crate::manifest::{Markers, Requirement, normalize_name, parse_requirement_line};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Requirements of all distributions together that are read; an image of a thousand distributions has some tens of
/// thousands.
const MAX_REQUIREMENTS: usize = 200_000;
/// How often a marker is evaluated for extras that somebody asks for.
const MAX_EVALUATED: usize = 2_000_000;
/// The longest requirement, in bytes.
const LONGEST: usize = 8192;
/// Requirements of one distribution that cannot be read and are told of one by one.
const MAX_UNREADABLE: usize = 20;

/// What markers are evaluated against where nothing in the image tells its Python.
const UNKNOWN_PYTHON: &str = "3.12";

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
    /// Read only: lookups rely on the order.
    pub edges: Vec<Edge>,
    /// Positions of the edges that lead to something, sorted by where.
    by_target: Vec<usize>,
}

/// What markers of one environment are evaluated against; `others` help where it does not tell its Python. The second value
/// says whether the Python had to be guessed.
fn markers_of(environment: &Environment, others: &[Environment], platform: &str) -> (Markers, bool) {
    let stated = |environment: &Environment| {
        let minor = environment.python.map(|(major, minor)| format!("{major}.{minor}"));
        environment.python_full.clone().or(minor)
    };
    let known = stated(environment).or_else(|| others.iter().find_map(stated));
    let guessed = known.is_none();
    (Markers::new(known.as_deref().unwrap_or(UNKNOWN_PYTHON), platform), guessed)
}

impl Graph {
    /// Builds the graph. `roots_with_extras` are requirements from outside (requirement files), as
    /// `(normalized name, extras)`. Unreadable requirements become problems of the inventory.
    pub fn new(inventory: &mut Inventory, platform: &str, roots_with_extras: &[(String, Vec<String>)]) -> Self {
        let mut problems = Vec::new();
        let edges = Builder::new(inventory, platform, &mut problems).edges(roots_with_extras, &mut problems);
        inventory.problems.extend(problems);
        inventory.problems.sort();
        inventory.problems.dedup();
        Self::from_edges(edges)
    }

    /// A graph of these edges.
    pub fn from_edges(mut edges: Vec<Edge>) -> Self {
        edges.sort_by(|a, b| {
            (a.from, &a.name, &a.requirement, &a.by_extra).cmp(&(b.from, &b.name, &b.requirement, &b.by_extra))
        });
        let mut by_target: Vec<usize> = (0..edges.len()).filter(|&edge| edges[edge].to.is_some()).collect();
        by_target.sort_by_key(|&edge| (edges[edge].to, edge));
        Self { edges, by_target }
    }

    /// What `from` requires.
    pub fn requires(&self, from: DistId) -> impl Iterator<Item = &Edge> {
        let start = self.edges.partition_point(|edge| edge.from < from);
        self.edges[start..].iter().take_while(move |edge| edge.from == from)
    }

    /// Who requires `to`.
    pub fn required_by(&self, to: DistId) -> impl Iterator<Item = &Edge> {
        let start = self.by_target.partition_point(|&edge| self.edges[edge].to < Some(to));
        self.by_target[start..].iter().map(|&edge| &self.edges[edge]).take_while(move |edge| edge.to == Some(to))
    }

    /// All that `roots` need, themselves included, sorted. `skip` says which edges not to follow.
    pub fn closure(&self, roots: &[DistId], skip: impl Fn(&Edge) -> bool) -> Vec<DistId> {
        let mut seen = BTreeSet::new();
        self.extend_closure(&mut seen, roots.to_vec(), skip);
        seen.into_iter().collect()
    }

    /// Adds to `seen` what is not in it yet of that which `roots` need, themselves included. Each edge is followed once,
    /// however often more roots are added.
    pub fn extend_closure(&self, seen: &mut BTreeSet<DistId>, roots: Vec<DistId>, skip: impl Fn(&Edge) -> bool) {
        let mut todo = roots;
        todo.retain(|root| seen.insert(*root));
        while let Some(from) = todo.pop() {
            for edge in self.requires(from).filter(|edge| !skip(edge)) {
                if let Some(to) = edge.to.filter(|to| seen.insert(*to)) {
                    todo.push(to);
                }
            }
        }
    }
}

/// A requirement, read once.
struct Parsed<'i> {
    text: &'i str,
    requirement: Requirement,
    name: String,
    /// Whether it applies without any extra.
    applies: bool,
}

/// A `Requires-Dist` line. It comes from the image: one that is longer than any should be is none.
fn requirement(text: &str) -> Result<Requirement, String> {
    if text.len() > LONGEST {
        return Err("longer than any requirement should be".into());
    }
    parse_requirement_line(text).map_err(|expected| format!("expected {expected}"))
}

/// Whether a requirement applies where these markers hold. It was read, so its marker holds or does not.
fn applies(markers: Option<&Markers>, requirement: &Requirement) -> bool {
    markers.is_none_or(|markers| markers.hold(&requirement.marker).unwrap_or(true))
}

struct Builder<'i> {
    inventory: &'i Inventory,
    by_name: HashMap<(usize, &'i str), DistId>,
    markers: Vec<Markers>,
    parsed: Numbered<DistId, Vec<Parsed<'i>>>,
}

impl<'i> Builder<'i> {
    fn new(inventory: &'i Inventory, platform: &str, problems: &mut Vec<Problem>) -> Self {
        let mut markers = Vec::new();
        for environment in &inventory.environments {
            let (context, guessed) = markers_of(environment, &inventory.environments, platform);
            if guessed {
                let message = format!(
                    "nothing tells which Python this environment has; markers are evaluated for {UNKNOWN_PYTHON}"
                );
                problems.push(Problem::new(&environment.prefix, message));
            }
            markers.push(context);
        }
        let mut by_name = HashMap::new();
        for (id, dist) in inventory.distributions.pairs() {
            by_name.entry((dist.environment, dist.normalized.as_str())).or_insert(id);
        }
        let mut builder = Self { inventory, by_name, markers, parsed: Numbered::default() };
        let mut left = MAX_REQUIREMENTS;
        for (id, dist) in inventory.distributions.pairs() {
            let parsed = builder.parse(id, left, problems);
            if dist.requires.len() > left {
                let message = format!("more than {MAX_REQUIREMENTS} requirements in the image: the rest is not read");
                problems.push(Problem::new(&dist.metadata, message));
            }
            left = left.saturating_sub(dist.requires.len());
            builder.parsed.push(parsed);
            if left == 0 {
                builder.parsed.resize_with(inventory.distributions.len(), Vec::new);
                break;
            }
        }
        builder
    }

    /// Of at most so many requirements.
    fn parse(&self, id: DistId, most: usize, problems: &mut Vec<Problem>) -> Vec<Parsed<'i>> {
        let dist = &self.inventory.distributions[id];
        let mut out = Vec::new();
        let mut unreadable = 0;
        for text in dist.requires.iter().take(most) {
            match requirement(text) {
                Ok(requirement) => {
                    let applies = applies(self.markers.get(dist.environment), &requirement);
                    let name = requirement.normalized();
                    out.push(Parsed { text, requirement, name, applies });
                }
                Err(_) if unreadable >= MAX_UNREADABLE => unreadable += 1,
                Err(why) => {
                    unreadable += 1;
                    let shown: String = text.chars().take(200).collect();
                    let message = format!("`Requires-Dist: {}` of {}: {why}", Text::from(&shown), dist.normalized);
                    problems.push(Problem::new(&dist.metadata, message));
                }
            }
        }
        if unreadable > MAX_UNREADABLE {
            let message =
                format!("{} more requirements of {} cannot be read", unreadable - MAX_UNREADABLE, dist.normalized);
            problems.push(Problem::new(&dist.metadata, message));
        }
        out
    }

    /// Follows extras until nobody asks for more.
    fn edges(&self, roots: &[(String, Vec<String>)], problems: &mut Vec<Problem>) -> Vec<Edge> {
        let mut edges: BTreeMap<(DistId, usize), Edge> = BTreeMap::new();
        let mut asked: BTreeSet<(DistId, String)> = BTreeSet::new();
        let mut todo: Vec<(DistId, String)> = Vec::new();
        let mut follow = |to: DistId, extras: &[String], todo: &mut Vec<(DistId, String)>| {
            todo.extend(extras.iter().map(|extra| (to, normalize_name(extra))).filter(|ask| asked.insert(ask.clone())));
        };
        let mut named: HashMap<&str, Vec<DistId>> = HashMap::new();
        for (id, dist) in self.inventory.distributions.pairs() {
            named.entry(&dist.normalized).or_default().push(id);
        }
        for (name, extras) in roots.iter().filter(|(_, extras)| !extras.is_empty()) {
            for id in named.get(normalize_name(name).as_str()).into_iter().flatten() {
                follow(*id, extras, &mut todo);
            }
        }
        let unconditional = self.parsed.ids().flat_map(|id| (0..self.parsed[id].len()).map(move |n| (id, n)));
        for (from, position) in unconditional.filter(|&(from, position)| self.parsed[from][position].applies) {
            let edge = self.edge(from, position, None);
            let extras = &self.parsed[from][position].requirement.extras;
            edge.to.into_iter().for_each(|to| follow(to, extras, &mut todo));
            edges.insert((from, position), edge);
        }
        let mut left = MAX_EVALUATED;
        while let Some((from, extra)) = todo.pop() {
            let dist = &self.inventory.distributions[from];
            let Some(rest) = left.checked_sub(self.parsed[from].len()) else {
                let message = format!("extras are not followed further than {MAX_EVALUATED} markers");
                problems.push(Problem::new(&dist.metadata, message));
                break;
            };
            left = rest;
            let markers = self.markers.get(dist.environment).map(|markers| markers.with_extra(&extra));
            for (position, parsed) in self.parsed[from].iter().enumerate() {
                if parsed.applies || !applies(markers.as_ref(), &parsed.requirement) {
                    continue;
                }
                let edge = self.edge(from, position, Some(extra.clone()));
                edge.to.into_iter().for_each(|to| follow(to, &parsed.requirement.extras, &mut todo));
                let first = edges.entry((from, position)).or_insert_with(|| edge.clone());
                if edge.by_extra < first.by_extra {
                    *first = edge;
                }
            }
        }
        // `x[all]` that requires `x[a,b]` only gathers its own extras: nobody requires itself.
        edges.into_values().filter(|edge| edge.to != Some(edge.from)).collect()
    }

    fn edge(&self, from: DistId, position: usize, by_extra: Option<String>) -> Edge {
        let parsed = &self.parsed[from][position];
        let to = self.imported(from, &parsed.name);
        let satisfied = to.is_some_and(|to| {
            let version = &self.inventory.distributions[to].version;
            parsed.requirement.specifiers.is_empty() || parsed.requirement.allows(version) == Some(true)
        });
        Edge {
            from,
            requirement: parsed.text.to_owned(),
            name: parsed.name.clone(),
            extras: parsed.requirement.extras.iter().map(|extra| normalize_name(extra)).collect(),
            specifiers: parsed.requirement.specifiers.clone(),
            by_extra,
            to,
            satisfied,
        }
    }

    /// The distribution of a name that `from` would import: of its own environment, or of one that it sees.
    fn imported(&self, from: DistId, name: &str) -> Option<DistId> {
        let own = self.inventory.distributions[from].environment;
        let seen = self.inventory.environments.get(own).map(|environment| environment.sees.as_slice());
        let order = std::iter::once(own).chain(seen.unwrap_or_default().iter().copied());
        order.into_iter().find_map(|environment| self.by_name.get(&(environment, name)).copied())
    }
}
