//! In which order an installer installs, where several distributions have files of the same paths: the last one's stay.
//!
//! pip installs what is required before what requires it, and of these in the reverse order of their names; who requires a
//! version of Python requires something, too. Source: pip's `get_topological_weights` and `get_installation_order`
//! (<https://github.com/pypa/pip/blob/main/src/pip/_internal/resolution/resolvelib/resolver.py>). uv, Poetry and PDM install
//! several at once.

use crate::base::{FastMap, ImagePath};
use crate::index::Resolved;
use crate::manifest::{Markers, parse_requirement_line};
use crate::python::{Metadata, normalize_name, parse_metadata};
use std::collections::{BTreeMap, BTreeSet};

/// Steps through circles of requirements that are followed.
const MAX_STEPS: usize = 2_000;

/// What several distributions of one installation have at the same paths.
#[derive(Default)]
pub(super) struct Shared<'p> {
    /// Their names.
    pub(super) names: BTreeSet<&'p str>,
    /// The files and folders directly in the site directory with all that is shared.
    pub(super) tops: BTreeSet<ImagePath>,
    /// By how many bytes the image is larger or smaller with other ones there; none where all are the same.
    pub(super) differ: u64,
}

/// The files that several of these distributions have; `files` gives those of one, with path and bytes.
pub(super) fn shared<'p>(
    packages: &'p [Resolved],
    site: &ImagePath,
    files: impl Fn(usize) -> Vec<(ImagePath, u64)>,
) -> Shared<'p> {
    let mut first: FastMap<ImagePath, (usize, u64, u64)> = FastMap::default();
    let mut out = Shared::default();
    for (at, package) in packages.iter().enumerate() {
        for (path, size) in files(at) {
            let Some((other, least, most)) = first.get_mut(&path) else {
                first.insert(path, (at, size, size));
                continue;
            };
            if *other == at {
                continue;
            }
            out.names.extend([packages[*other].name.as_str(), package.name.as_str()]);
            out.differ = out.differ.saturating_sub(*most - *least);
            (*least, *most) = ((*least).min(size), (*most).max(size));
            out.differ = out.differ.saturating_add(*most - *least);
            let below = path.as_bytes().strip_prefix(site.as_bytes()).and_then(|rest| rest.strip_prefix(b"/"));
            let top = below.and_then(|rest| rest.split(|&byte| byte == b'/').next());
            out.tops.insert(top.map_or_else(|| path.clone(), |top| site.join(top)));
        }
    }
    out
}

/// A distribution, with the extras that another one requires of it.
type Node = (usize, Vec<String>);

/// Positions of distributions in the order in which pip installs them.
pub(super) fn of_pip(packages: &[Resolved], markers: &Markers, no_deps: bool) -> Vec<usize> {
    let graph = Graph::new(packages, markers, no_deps);
    let weights = graph.weights();
    let mut order: Vec<usize> = (0..packages.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse((weights[at], packages[at].normalized.as_str())));
    order
}

/// Who requires whom.
struct Graph {
    /// What each requires, by position here; the first ones are the distributions themselves, the next one is Python.
    children: Vec<Vec<usize>>,
    /// How many distributions there are.
    plain: usize,
    /// Those that the request names.
    asked: Vec<usize>,
}

impl Graph {
    fn new(packages: &[Resolved], markers: &Markers, no_deps: bool) -> Self {
        let positions: BTreeMap<&str, usize> =
            packages.iter().enumerate().map(|(at, package)| (package.normalized.as_str(), at)).collect();
        let metadata: Vec<Metadata> = packages.iter().map(metadata).collect();
        let python = packages.len();
        let mut nodes: Vec<Node> = (0..=python).map(|at| (at, Vec::new())).collect();
        let mut known: BTreeMap<Node, usize> = nodes.iter().cloned().zip(0..).collect();
        let mut children: Vec<Vec<usize>> = Vec::new();
        while children.len() < nodes.len() {
            let (at, extras) = nodes[children.len()].clone();
            let Some(metadata) = metadata.get(at) else {
                children.push(Vec::new());
                continue;
            };
            let mut own = if extras.is_empty() { Vec::new() } else { vec![at] };
            own.extend(metadata.requires_python.as_ref().map(|_| python));
            let requires = if no_deps { &[][..] } else { &metadata.requires[..] };
            for (to, wanted) in applying(requires, &extras, markers, &positions) {
                let node = (to, wanted);
                let position = *known.entry(node.clone()).or_insert_with(|| {
                    nodes.push(node);
                    nodes.len() - 1
                });
                own.push(position);
            }
            children.push(own);
        }
        let asked = (0..packages.len()).filter(|&at| packages[at].requested).collect();
        Self { children, plain: packages.len(), asked }
    }

    /// The weight of each distribution: the heaviest are installed first.
    fn weights(&self) -> Vec<usize> {
        let mut weights = vec![0usize; self.children.len()];
        let mut left: BTreeSet<usize> = (0..self.children.len()).collect();
        loop {
            let is_leaf = |at: &usize| !self.children[*at].iter().any(|child| left.contains(child));
            let leaves: Vec<usize> = left.iter().copied().filter(is_leaf).collect();
            if leaves.is_empty() {
                break;
            }
            let weight = left.len();
            for leaf in leaves {
                weights[leaf] = weight;
                left.remove(&leaf);
            }
        }
        // What is left requires itself in a circle: it counts how long a way leads to it.
        let mut steps = MAX_STEPS;
        let mut path = Vec::new();
        for &root in self.asked.iter().filter(|root| left.contains(root)) {
            self.visit(root, &left, &mut path, &mut weights, &mut steps);
        }
        weights.truncate(self.plain);
        weights
    }

    fn visit(
        &self,
        at: usize,
        left: &BTreeSet<usize>,
        path: &mut Vec<usize>,
        weights: &mut [usize],
        steps: &mut usize,
    ) {
        if path.contains(&at) || *steps == 0 {
            return;
        }
        *steps -= 1;
        path.push(at);
        for &child in self.children[at].iter().filter(|child| left.contains(child)) {
            self.visit(child, left, path, weights, steps);
        }
        path.pop();
        weights[at] = weights[at].max(path.len() + 1);
    }
}

/// What a distribution's wheel says of itself; of one that is not known, what most say.
fn metadata(package: &Resolved) -> Metadata {
    let read = package.info.as_ref().and_then(|info| parse_metadata(&info.metadata).ok());
    read.unwrap_or_else(|| Metadata { requires_python: Some(String::new()), ..Metadata::default() })
}

/// What of a distribution's requirements applies with these extras: positions, and the extras that are required of them.
fn applying(
    requires: &[String],
    extras: &[String],
    markers: &Markers,
    positions: &BTreeMap<&str, usize>,
) -> Vec<(usize, Vec<String>)> {
    let with: Vec<Markers> = extras.iter().map(|extra| markers.with_extra(extra)).collect();
    let applies = |marker: &str| {
        let holds = |markers: &Markers| markers.hold(marker).unwrap_or(false);
        holds(markers) || with.iter().any(holds)
    };
    let one = |text: &String| {
        let requirement = parse_requirement_line(text).ok()?;
        let position = *positions.get(requirement.normalized().as_str())?;
        let mut wanted: Vec<String> = requirement.extras.iter().map(|extra| normalize_name(extra)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        applies(&requirement.marker).then_some((position, wanted))
    };
    requires.iter().filter_map(one).collect()
}
