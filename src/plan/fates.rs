//! The ledger of a plan: what becomes of every byte that a container of the original sees.

use super::Intent;
use super::predict::{Owing, Prediction};
use crate::base::{DistId, FastSet, ImagePath, Text, is_within};
use crate::facts::Owners;
use crate::fs::{DataRef, Node, Owner, View};
use crate::image::Image;
use std::collections::BTreeMap;

/// What becomes of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlanFate {
    /// They are as they were. By the predicted image's layer of this number, from 1.
    Kept(usize),
    /// Something else is at their paths: by the layer of this number, from 1.
    Replaced(usize),
    /// They go.
    Dropped,
    /// They were to stay, and no instruction brings them.
    Lost,
}

/// Visible files of the original with one owner and one fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// Whose they are: a distribution or an OS package with its version, or what the report calls the rest.
    pub owner: Text,
    /// What becomes of them.
    pub fate: PlanFate,
    /// Of files that go, the rule or the plan's own reason; of those that are replaced, the pin, if one does it.
    pub by: Option<String>,
    /// Bytes (`unpacked`, with the original's basis).
    pub bytes: u64,
    /// How many files.
    pub files: u64,
}

/// A path of the original that the predicted image does not have, and all below it where it is a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GonePath {
    /// The path.
    pub path: ImagePath,
    /// Whether everything below it goes.
    pub directory: bool,
    /// Why: a rule, a reason of the plan's own, `lost`.
    pub by: String,
    /// Bytes (`unpacked`, with the original's basis).
    pub bytes: u64,
    /// How many files.
    pub files: u64,
}

/// The ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanLedger {
    /// All visible bytes of the original, by owner and fate, largest first.
    pub rows: Vec<LedgerRow>,
    /// What goes, by path; directories stand for all that is in them.
    pub gone: Vec<GonePath>,
    /// The visible bytes of the original (`unpacked`): the sum of the rows.
    pub visible: u64,
}

/// Judges every visible file.
pub(super) fn ledger(intent: &Intent<'_>, prediction: &Prediction<'_>, predicted: &Image) -> PlanLedger {
    let facts = prediction.facts;
    let view = facts.view;
    let owing = Owing::new(prediction, intent.draft.findings);
    let owners = Owners::new(view, facts.python, facts.os);
    let after = View::new(predicted);
    let linked = view.iter().filter(|(path, node)| !view.holds_bytes(*node) && after.get(path).is_some());
    let linked: FastSet<DataRef> = linked.map(|(_, node)| node.data).collect();
    let judge = Judge { intent, prediction, owing, after, owners, linked };
    let mut sums: BTreeMap<(Owner, PlanFate, By<'_>), (u64, u64)> = BTreeMap::new();
    let mut gone: Vec<Leaf<'_>> = Vec::with_capacity(view.len());
    for (path, node) in view.iter() {
        let entry = view.entry(node.entry);
        if entry.kind == crate::layer::EntryKind::Directory {
            continue;
        }
        let bytes = if view.holds_bytes(node) { entry.size } else { 0 };
        let (fate, by) = judge.fate(path, node);
        let why = match (fate, by) {
            (PlanFate::Dropped, By::Rule(rule)) => Some(rule),
            (PlanFate::Lost, _) => Some("lost"),
            _ => None,
        };
        gone.push(Leaf { path, why, bytes });
        let sum = sums.entry((judge.whose(path, node), fate, by)).or_default();
        (sum.0, sum.1) = (sum.0.saturating_add(bytes), sum.1 + 1);
    }
    let row = |((whose, fate, by), (bytes, files)): ((Owner, PlanFate, By<'_>), (u64, u64))| LedgerRow {
        owner: prediction.facts.owner(whose),
        fate,
        by: judge.reason(by),
        bytes,
        files,
    };
    let mut rows: Vec<LedgerRow> = sums.into_iter().map(row).collect();
    rows.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| (&a.owner, a.fate).cmp(&(&b.owner, b.fate))));
    let visible = prediction.facts.summary.visible();
    let sum = rows.iter().fold(0u64, |sum, row| sum.saturating_add(row.bytes));
    let bytes_of_names = judge.linked_bytes();
    debug_assert_eq!(sum + bytes_of_names, visible, "every visible byte has a fate");
    PlanLedger { rows, gone: grouped(&gone), visible }
}

/// What a fate is owed to, short.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum By<'j> {
    Nothing,
    Rule(&'j str),
    Pin(DistId),
}

struct Judge<'j> {
    intent: &'j Intent<'j>,
    prediction: &'j Prediction<'j>,
    owing: Owing<'j, 'j>,
    after: View<'j>,
    owners: Owners<'j>,
    /// What another name leads to, in the predicted image as well: the bytes stay, whatever becomes of their own name.
    linked: FastSet<DataRef>,
}

impl Judge<'_> {
    fn fate(&self, path: &[u8], node: Node) -> (PlanFate, By<'_>) {
        let before = self.prediction.facts.view;
        let old = before.entry(node.entry);
        if let Some(new) = self.after.get(path) {
            let entry = self.after.entry(new.entry);
            let layer = new.entry.0 as usize + 1;
            let same_content = match (&before.entry(node.data).content, &self.after.entry(new.data).content) {
                (Some(a), Some(b)) => a == b,
                _ => true,
            };
            let is_file = |kind| matches!(kind, crate::layer::EntryKind::File | crate::layer::EntryKind::Hardlink);
            let same_kind = entry.kind == old.kind || is_file(entry.kind) && is_file(old.kind);
            let same =
                same_kind && before.size(node) == self.after.size(new) && entry.link.is_some() == old.link.is_some();
            if same && same_content {
                return (PlanFate::Kept(layer), By::Nothing);
            }
            return (PlanFate::Replaced(layer), self.pin(path));
        }
        let (layer, position) = node.data;
        let to_stay = self.intent.taken[layer as usize][position as usize] && before.holds_bytes(node);
        let bytecode = path.ends_with(b".pyc");
        if to_stay && !bytecode && !self.linked.contains(&node.data) && before.size(node) > 0 {
            return (PlanFate::Lost, By::Nothing);
        }
        (PlanFate::Dropped, By::Rule(self.owing.owed(node.data, before.entry(node.data)).0))
    }

    fn pin(&self, path: &[u8]) -> By<'_> {
        let id = self.prediction.facts.python.owner(path);
        id.filter(|id| self.prediction.distributions.kept.contains(id)).map_or(By::Nothing, By::Pin)
    }

    fn reason(&self, by: By<'_>) -> Option<String> {
        match by {
            By::Nothing => None,
            By::Rule(rule) => Some(rule.to_owned()),
            By::Pin(id) => {
                let dist = &self.prediction.facts.python.distributions[id];
                let swap = self.prediction.distributions.swaps.get(&id);
                let (name, version) = swap.map_or((&dist.name, &dist.version), |swap| (&swap.name, &swap.version));
                Some(format!("{name} {version}"))
            }
        }
    }

    fn whose(&self, path: &[u8], node: Node) -> Owner {
        match self.owners.of(path, node.data.0) {
            owner @ Owner::Distribution(_) => owner,
            _ if (node.data.0 as usize) < self.prediction.base.layers => Owner::Base,
            owner => owner,
        }
    }

    /// Bytes whose own name is gone, and which another name leads to: they are nobody's of the names above.
    fn linked_bytes(&self) -> u64 {
        let view = self.prediction.facts.view;
        let mut sum = 0u64;
        for (layer, index) in view.image().layers.iter().enumerate() {
            for (position, entry) in index.entries.iter().enumerate().filter(|(_, entry)| entry.size > 0) {
                let at = (layer as u32, position as u32);
                let own = view.visible_path(at).and_then(|path| view.get(path));
                if own.is_some_and(|node| !view.holds_bytes(node)) {
                    sum = sum.saturating_add(entry.size);
                }
            }
        }
        sum
    }
}

/// A file, and why it goes, if it does.
struct Leaf<'l> {
    path: &'l [u8],
    why: Option<&'l str>,
    bytes: u64,
}

/// What goes, with directories where all below them goes for one reason. The files are sorted as a view sorts them.
fn grouped(files: &[Leaf<'_>]) -> Vec<GonePath> {
    let mut out = Vec::new();
    let mut todo: Vec<(std::ops::Range<usize>, usize)> = vec![(0..files.len(), 0)];
    while let Some((range, depth)) = todo.pop() {
        let Some(first) = files.get(range.start).filter(|_| !range.is_empty()) else { continue };
        let slice = &files[range.clone()];
        if slice.iter().all(|leaf| leaf.why.is_none()) {
            continue;
        }
        if depth > 0
            && let Some(why) = first.why.filter(|why| slice.iter().all(|leaf| leaf.why == Some(*why)))
        {
            let end = end_of(first.path, depth);
            let bytes = slice.iter().fold(0u64, |sum, leaf| sum.saturating_add(leaf.bytes));
            let path = ImagePath::new(&first.path[..end]);
            let directory = end < first.path.len();
            out.push(GonePath { path, directory, by: why.to_owned(), bytes, files: slice.len() as u64 });
            continue;
        }
        let mut start = range.start;
        while start < range.end {
            let part = &files[start].path[..end_of(files[start].path, depth + 1)];
            let len = files[start..range.end].iter().take_while(|leaf| is_within(leaf.path, part)).count().max(1);
            todo.push((start..start + len, depth + 1));
            start += len;
        }
    }
    out.sort_by(|a, b| a.path.cmp(&b.path));
    out
}

/// Where the first components of a path end.
fn end_of(path: &[u8], components: usize) -> usize {
    let slash = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').nth(components.saturating_sub(1));
    slash.map_or(path.len(), |(at, _)| at)
}
