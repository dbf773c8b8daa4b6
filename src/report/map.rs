//! A map of an image: every byte of every layer by layer, owner, folder and file, with what a plan does about it.
//!
//! Squares are laid out as Bruls, Huizing and van Wijk describe ("Squarified Treemaps", 2000): the largest first, along the
//! shorter side, as long as that makes them squarer.

use crate::base::{DistId, Text, ancestors, count, is_within};
use crate::facts::{Facts, Owners};
use crate::fs::{Fate, Owner};
use crate::layer::EntryKind;
use crate::plan::Plan;
use crate::rules::{Finding, Tier};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Of so many parts of the image the smallest is opened.
const PARTS: u64 = 1_500;
/// So many rows of a folder are told; the rest is one.
const ROWS: usize = 40;

/// What becomes of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Colour {
    /// The plan keeps or replaces them.
    Stays,
    /// They go by the plan.
    Goes,
    /// A rule that waits for `--accept` is about them.
    OptIn,
    /// No container sees them.
    Hidden,
}

impl Colour {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Stays, Self::Goes, Self::OptIn, Self::Hidden];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Stays => "stays",
            Self::Goes => "goes by the plan",
            Self::OptIn => "goes if you opt in",
            Self::Hidden => "hidden: no container sees it",
        }
    }
}

/// A part of an image; the bytes of the parts that it has sum to its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What to call it, escaped.
    pub name: Text,
    /// Its bytes (`unpacked`).
    pub bytes: u64,
    /// What becomes of most of them.
    pub colour: Colour,
    /// What it has, the largest first; none of what is not opened.
    pub parts: Vec<Self>,
}

/// A file of a layer.
struct Leaf<'a> {
    path: &'a [u8],
    bytes: u64,
    colour: Colour,
}

/// The map; `made` says what made each layer.
pub(super) fn map(facts: &Facts<'_>, findings: &[Finding], plan: Option<&Plan>, made: Vec<Option<Text>>) -> Part {
    let (view, image) = (facts.view, facts.view.image());
    let owners = Owners::new(view, facts.python, facts.os);
    let judge = Judge::new(findings, plan);
    let floor = (image.unpacked() / PARTS).max(1);
    let mut layers = Vec::new();
    for (number, (layer, made)) in image.layers.iter().zip(made).enumerate() {
        let mut whose: BTreeMap<(Option<Owner>, Option<usize>), Vec<Leaf<'_>>> = BTreeMap::new();
        for (at, entry) in layer.entries.iter().enumerate() {
            if entry.kind != EntryKind::File || entry.size == 0 {
                continue;
            }
            let at = (number as u32, at as u32);
            let path = view.visible_path(at).unwrap_or(entry.path.as_bytes());
            let (owner, by, colour) = match view.fate(at) {
                Fate::Visible => {
                    let owner = owners.of(path, number as u32);
                    (Some(owner), None, judge.colour(path, owner))
                }
                Fate::Replaced { by } | Fate::Rewritten { by } | Fate::Deleted { by, .. } => {
                    (None, Some(by as usize + 1), Colour::Hidden)
                }
                Fate::Shadowed => (None, Some(number + 1), Colour::Hidden),
            };
            whose.entry((owner, by)).or_default().push(Leaf { path, bytes: entry.size, colour });
        }
        let parts = whose.into_iter().map(|((owner, by), mut leaves)| {
            leaves.sort_by_key(|leaf| leaf.path);
            let name = match (owner, by) {
                (Some(owner), _) => facts.owner(owner).into(),
                (None, by) => format!("hidden by layer {}", by.unwrap_or_default()),
            };
            part(name, folders(&leaves, 0, floor), &leaves)
        });
        let made = made.map_or_else(String::new, |made| format!(": {made}"));
        layers.push(whole(format!("layer {}{made}", number + 1), fewer(parts.collect(), floor)));
    }
    layers.retain(|layer| layer.bytes > 0);
    layers.sort_by_key(|layer| Reverse(layer.bytes));
    whole(Text::from(&image.name).into(), layers)
}

/// What goes, and what waits.
struct Judge<'j> {
    /// Paths that go, and folders with all below them.
    gone: BTreeMap<&'j [u8], bool>,
    waiting: BTreeSet<DistId>,
}

impl<'j> Judge<'j> {
    fn new(findings: &[Finding], plan: Option<&'j Plan>) -> Self {
        let waits = |finding: &&Finding| {
            let mut skipped = plan.iter().flat_map(|plan| &plan.skipped);
            skipped.any(|skipped| skipped.tier == Tier::Confirm && skipped.rule == finding.rule)
        };
        let waiting = findings.iter().filter(|finding| finding.tier == Tier::Confirm).filter(waits);
        let gone = plan.and_then(|plan| plan.ledger.as_ref()).map(|ledger| ledger.gone.as_slice()).unwrap_or_default();
        Self {
            gone: gone.iter().map(|gone| (gone.path.as_bytes(), gone.directory)).collect(),
            waiting: waiting.flat_map(|finding| finding.distributions.iter().copied()).collect(),
        }
    }

    fn colour(&self, path: &[u8], owner: Owner) -> Colour {
        let above = || ancestors(path).any(|folder| self.gone.get(folder) == Some(&true));
        match owner {
            _ if self.gone.contains_key(path) || above() => Colour::Goes,
            Owner::Distribution(id) if self.waiting.contains(&id) => Colour::OptIn,
            _ => Colour::Stays,
        }
    }
}

/// A part that sums up what it has.
fn whole(name: String, mut parts: Vec<Part>) -> Part {
    parts.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    let bytes = parts.iter().map(|part| part.bytes).sum();
    Part { name: name.into(), bytes, colour: most(parts.iter().map(|part| (part.colour, part.bytes))), parts }
}

fn part(name: String, parts: Vec<Part>, leaves: &[Leaf<'_>]) -> Part {
    let bytes = leaves.iter().map(|leaf| leaf.bytes).sum();
    Part { name: name.into(), bytes, colour: most(leaves.iter().map(|leaf| (leaf.colour, leaf.bytes))), parts }
}

fn most(parts: impl Iterator<Item = (Colour, u64)>) -> Colour {
    let mut sums: BTreeMap<Colour, u64> = BTreeMap::new();
    parts.for_each(|(colour, bytes)| *sums.entry(colour).or_default() += bytes);
    sums.into_iter()
        .max_by_key(|(colour, bytes)| (*bytes, Reverse(*colour)))
        .map_or(Colour::Stays, |(colour, _)| colour)
}

/// What is below so many bytes of the leaves' paths; the leaves are sorted. Nothing of what is too small to be opened.
fn folders(leaves: &[Leaf<'_>], start: usize, floor: u64) -> Vec<Part> {
    if leaves.len() < 2 || leaves.iter().map(|leaf| leaf.bytes).sum::<u64>() < floor {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let mut rest = leaves;
    while let Some(first) = rest.first() {
        let below = &first.path[start.min(first.path.len())..];
        let end = start + below.iter().position(|&byte| byte == b'/').unwrap_or(below.len());
        let folder = &first.path[..end.min(first.path.len())];
        let len = rest.iter().take_while(|leaf| is_within(leaf.path, folder)).count().max(1);
        let (these, others) = rest.split_at(len);
        rest = others;
        let name = Text::of_bytes(&folder[start.min(folder.len())..]);
        parts.push(part(name.into(), folders(these, end + 1, floor), these));
    }
    // A folder with one thing in it is no step.
    if let [only] = parts.as_mut_slice()
        && !only.parts.is_empty()
    {
        let name = std::mem::take(&mut only.name);
        only.parts.iter_mut().for_each(|part| part.name = format!("{name}/{}", part.name).into());
        return std::mem::take(&mut only.parts);
    }
    fewer(parts, floor)
}

/// The largest, and the rest as one.
fn fewer(mut parts: Vec<Part>, floor: u64) -> Vec<Part> {
    parts.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    let shown = parts.iter().take(ROWS).take_while(|part| part.bytes >= floor / 4).count();
    if parts.len() > shown + 1 {
        let rest = parts.split_off(shown);
        let (bytes, name) = (rest.iter().map(|part| part.bytes).sum(), format!("{} more", count(rest.len(), "part")));
        let colour = most(rest.iter().map(|part| (part.colour, part.bytes)));
        parts.push(Part { name: name.into(), bytes, colour, parts: Vec::new() });
    }
    parts
}

/// Where a part is: its left upper corner, width and height.
pub(super) type Square = (f64, f64, f64, f64);

/// Squares for parts, within one.
pub(super) fn squares(parts: &[Part], (mut x, mut y, mut width, mut height): Square) -> Vec<(&Part, Square)> {
    let mut out = Vec::new();
    let mut rest: Vec<&Part> = parts.iter().filter(|part| part.bytes > 0).collect();
    rest.sort_by_key(|part| Reverse(part.bytes));
    let mut total: f64 = rest.iter().map(|part| part.bytes as f64).sum();
    let mut rest = rest.as_slice();
    while !rest.is_empty() && total > 0.0 && width > 0.0 && height > 0.0 {
        let (side, scale) = (width.min(height), width * height / total);
        let worst = |count: usize, bytes: f64| {
            let area = bytes * scale;
            let (first, last) = (rest[0].bytes as f64 * scale, rest[count - 1].bytes as f64 * scale);
            (side * side * first / (area * area)).max(area * area / (side * side * last))
        };
        let (mut count, mut bytes) = (1, rest[0].bytes as f64);
        while count < rest.len() && worst(count + 1, bytes + rest[count].bytes as f64) <= worst(count, bytes) {
            bytes += rest[count].bytes as f64;
            count += 1;
        }
        let (wide, depth) = (width >= height, bytes * scale / side);
        let mut at = if wide { y } else { x };
        for part in &rest[..count] {
            let length = part.bytes as f64 * scale / depth;
            out.push((*part, if wide { (x, at, depth, length) } else { (at, y, length, depth) }));
            at += length;
        }
        if wide {
            (x, width) = (x + depth, width - depth);
        } else {
            (y, height) = (y + depth, height - depth);
        }
        total -= bytes;
        rest = &rest[count..];
    }
    out
}
