//! What only one distribution holds, for all distributions at once.
//!
//! A distribution *dominates* another if every way from a root to the other leads through it: what it dominates goes
//! with it. The dominators of a graph form a tree, which takes one walk over the graph, instead of one for each
//! distribution that might go.
//!
//! Source: T. Lengauer, R. E. Tarjan, "A fast algorithm for finding dominators in a flowgraph" (1979), the simple
//! version: O(requirements × log distributions).

use crate::base::{Id, Numbered};

/// A tree of dominators over the nodes of a graph.
pub(super) struct Dominators<I> {
    /// Of each node that is reached: where it stands in the tree's order, and how many stand below it, itself included.
    spans: Numbered<I, Option<(usize, usize)>>,
    /// The nodes in the tree's order; the first place is that of the root of all.
    order: Vec<I>,
    /// The bytes of the nodes before each place of the order.
    bytes: Vec<u64>,
}

/// Of each node the nodes that it leads to, or that lead to it.
pub(super) type Graph<I> = Numbered<I, Vec<I>>;

/// Not reached, or without a number yet.
const NONE: usize = usize::MAX;

impl<I: Id> Dominators<I> {
    /// Of a graph: `next` has the nodes that each leads to, `before` those that lead to each, `roots` where ways begin.
    pub(super) fn new(next: &Graph<I>, before: &Graph<I>, roots: &[I], bytes: &Numbered<I, u64>) -> Self {
        let walk = Walk::new(next, roots);
        let above = walk.dominators(before, roots);
        let count = walk.order.len();
        // Positions in `walk.order`; the root of all is at 0, and everything stands behind what dominates it.
        let mut sizes = vec![1; count];
        for at in (1..count).rev() {
            sizes[above[at]] += sizes[at];
        }
        let (mut places, mut free) = (vec![0; count], vec![1; count]);
        for at in 1..count {
            places[at] = free[above[at]];
            free[above[at]] += sizes[at];
            free[at] = places[at] + 1;
        }
        let mut spans = next.beside(|_| None);
        let mut order = walk.order.clone();
        for at in 1..count {
            spans[walk.order[at]] = Some((places[at], sizes[at]));
            order[places[at]] = walk.order[at];
        }
        let mut sums = vec![0u64; count + 1];
        for at in 1..count {
            sums[at + 1] = sums[at].saturating_add(bytes[order[at]]);
        }
        Self { spans, order, bytes: sums }
    }

    /// Whether every way to `node` leads through `over`.
    pub(super) fn dominates(&self, over: I, node: I) -> bool {
        match (self.spans[over], self.spans[node]) {
            (Some((start, length)), Some((at, _))) => (start..start + length).contains(&at),
            _ => false,
        }
    }

    /// What no root reaches without `over`, itself included; nothing where it is not reached.
    pub(super) fn below(&self, over: I) -> &[I] {
        self.spans[over].map_or(&[], |(start, length)| &self.order[start..start + length])
    }

    /// The bytes of [`Dominators::below`].
    pub(super) fn bytes_below(&self, over: I) -> u64 {
        self.spans[over].map_or(0, |(start, length)| self.bytes[start + length] - self.bytes[start])
    }
}

/// A walk in depth from all roots; the root of all is in front of them.
struct Walk<I> {
    /// The nodes in the order in which they were reached; before them one that stands for the root of all.
    order: Vec<I>,
    /// The position of each node in it.
    numbers: Numbered<I, usize>,
    /// From where each position was reached.
    parents: Vec<usize>,
}

impl<I: Id> Walk<I> {
    fn new(next: &Graph<I>, roots: &[I]) -> Self {
        let mut out = Self { order: vec![I::at(0)], numbers: next.beside(|_| NONE), parents: vec![0] };
        let mut todo: Vec<(usize, I)> = roots.iter().rev().map(|&root| (0, root)).collect();
        while let Some((parent, node)) = todo.pop() {
            if out.numbers[node] != NONE {
                continue;
            }
            let number = out.order.len();
            out.numbers[node] = number;
            out.order.push(node);
            out.parents.push(parent);
            todo.extend(next[node].iter().rev().map(|&to| (number, to)));
        }
        out
    }

    /// The position of what dominates each position directly.
    fn dominators(&self, before: &Graph<I>, roots: &[I]) -> Vec<usize> {
        let count = self.order.len();
        let mut is_root = before.beside(|_| false);
        roots.iter().for_each(|&root| is_root[root] = true);
        let mut forest =
            Forest { ancestor: vec![NONE; count], label: (0..count).collect(), semi: (0..count).collect() };
        let mut above = vec![0; count];
        let mut buckets: Vec<Vec<usize>> = vec![Vec::new(); count];
        for at in (1..count).rev() {
            let node = self.order[at];
            let from = before[node].iter().map(|&from| self.numbers[from]).filter(|from| *from != NONE);
            for from in from.chain(is_root[node].then_some(0)) {
                let best = forest.best(from);
                forest.semi[at] = forest.semi[at].min(forest.semi[best]);
            }
            buckets[forest.semi[at]].push(at);
            forest.ancestor[at] = self.parents[at];
            for waiting in std::mem::take(&mut buckets[self.parents[at]]) {
                let best = forest.best(waiting);
                above[waiting] = if forest.semi[best] < forest.semi[waiting] { best } else { self.parents[at] };
            }
        }
        for at in 1..count {
            if above[at] != forest.semi[at] {
                above[at] = above[above[at]];
            }
        }
        above
    }
}

/// What was walked over so far, with short cuts.
struct Forest {
    ancestor: Vec<usize>,
    label: Vec<usize>,
    semi: Vec<usize>,
}

impl Forest {
    /// The position with the least `semi` on the way up.
    fn best(&mut self, at: usize) -> usize {
        let mut way = Vec::new();
        let mut up = at;
        while self.ancestor[up] != NONE && self.ancestor[self.ancestor[up]] != NONE {
            way.push(up);
            up = self.ancestor[up];
        }
        for at in way.into_iter().rev() {
            let over = self.ancestor[at];
            if self.semi[self.label[over]] < self.semi[self.label[at]] {
                self.label[at] = self.label[over];
            }
            self.ancestor[at] = self.ancestor[over];
        }
        self.label[at]
    }
}
