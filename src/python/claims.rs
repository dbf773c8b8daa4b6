//! Who claims which path, whose content is there, and whom its bytes are counted for.

use super::install::is_bytecode;
use super::inventory::{Contest, DistId, Inventory};
use crate::base::{Digest, EntryIdx, ImagePath, LayerIdx};
use crate::fs::{DataRef, Fate, Node, View};
use crate::layer::EntryKind;
use std::collections::{HashMap, HashSet};

/// A distribution says that a visible path is its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claim<'a> {
    pub path: &'a [u8],
    pub node: Option<Node>,
    pub dist: DistId,
    /// What its RECORD says about the content.
    pub digest: Option<Digest>,
    pub size: Option<u64>,
    /// 1 for a row of RECORD and its bytecode, 0 for a guess.
    pub strength: u8,
}

/// The claims of all distributions.
#[derive(Default)]
pub(super) struct Claims<'a> {
    all: Vec<Claim<'a>>,
}

impl<'a> Claims<'a> {
    pub(super) fn add(&mut self, dist: DistId, claims: Vec<Claim<'a>>) {
        self.all.extend(claims.into_iter().map(|claim| Claim { dist, ..claim }));
    }

    /// Fills in files, contests, bytes, dead bytes, and what became of missing files.
    pub(super) fn settle(mut self, view: &View<'a>, inventory: &mut Inventory) {
        self.all.sort_by(|a, b| (a.path, a.dist).cmp(&(b.path, b.dist)));
        for claim in &self.all {
            inventory.distributions[claim.dist].files.push(ImagePath::new(claim.path));
        }
        let mut claimed: HashMap<&[u8], DistId> = HashMap::with_capacity(self.all.len());
        let mut counted: HashSet<DataRef> = HashSet::new();
        // Rows of RECORD first: a guess gets only what nobody else has. Of these, paths that hold their bytes
        // before hard links to them.
        let mut groups: Vec<&[Claim<'a>]> = self.all.chunk_by(|a, b| a.path == b.path).collect();
        groups.sort_by_cached_key(|group| {
            let is_guess = group.iter().all(|claim| claim.strength == 0);
            (is_guess, group[0].node.is_some_and(|node| node.entry != node.data))
        });
        for group in groups {
            let winner = winner(view, group);
            claimed.insert(group[0].path, winner);
            inventory.owner_of.entry(ImagePath::new(group[0].path)).or_insert(winner);
            count(view, &group[0], winner, &mut counted, inventory);
        }
        for group in self.all.chunk_by(|a, b| a.path == b.path).filter(|group| group.len() > 1) {
            contest(view, group, inventory);
        }
        trace_lower_layers(view, &claimed, inventory);
    }
}

/// The claimant whose RECORD has what is on disk, else the first with a RECORD, else the first.
fn winner(view: &View<'_>, group: &[Claim<'_>]) -> DistId {
    let matching = group.iter().find(|claim| matches(view, claim));
    let recorded = || group.iter().find(|claim| claim.strength == 1);
    matching.or_else(recorded).unwrap_or(&group[0]).dist
}

/// Whether RECORD has the digest of what is on disk, or its size where a digest is not known.
fn matches(view: &View<'_>, claim: &Claim<'_>) -> bool {
    let Some(node) = claim.node else { return false };
    match (view.entry(node.data).sha256(), claim.digest) {
        (Some(found), Some(said)) => found == said,
        _ => claim.size == Some(view.size(node)),
    }
}

/// Counts the bytes that a path leads to, once, and where the ledger counts them: at the path that holds them.
fn count(view: &View<'_>, claim: &Claim<'_>, dist: DistId, counted: &mut HashSet<DataRef>, inventory: &mut Inventory) {
    let Some(node) = claim.node else { return };
    let data = view.entry(node.data);
    let Some(holder) = view.visible_path(node.data).filter(|_| data.kind == EntryKind::File) else { return };
    if !counted.insert(node.data) {
        return;
    }
    inventory.owner_of.insert(ImagePath::new(holder), dist);
    let distribution = &mut inventory.distributions[dist];
    distribution.bytes = distribution.bytes.saturating_add(data.size);
    if is_bytecode(claim.path) {
        distribution.bytecode = distribution.bytecode.saturating_add(data.size);
    }
    let in_layer = distribution.bytes_by_layer.entry(node.data.0).or_default();
    *in_layer = in_layer.saturating_add(data.size);
}

fn contest(view: &View<'_>, group: &[Claim<'_>], inventory: &mut Inventory) {
    let rows: Vec<&Claim<'_>> = group.iter().filter(|claim| claim.strength == 1 && !is_bytecode(claim.path)).collect();
    for claim in &rows {
        let environment = inventory.distributions[claim.dist].environment;
        let rivals: Vec<&&Claim<'_>> =
            rows.iter().filter(|other| inventory.distributions[other.dist].environment == environment).collect();
        let differ = rivals.iter().any(|other| other.dist != claim.dist && !known_equal(claim, other));
        if !differ {
            continue;
        }
        let name = |other: &&&Claim<'_>| inventory.distributions[other.dist].normalized.clone();
        let mut others: Vec<String> = rivals.iter().filter(|other| other.dist != claim.dist).map(name).collect();
        others.sort();
        let mut matching = rivals.iter().filter(|other| matches(view, other));
        let survivor = matching.next().map(name).filter(|_| matching.next().is_none());
        let contest = Contest { path: ImagePath::new(claim.path), others, survivor };
        inventory.distributions[claim.dist].contested.push(contest);
    }
}

fn known_equal(a: &Claim<'_>, b: &Claim<'_>) -> bool {
    match (a.digest, b.digest) {
        (Some(a), Some(b)) => a == b,
        _ => a.size == Some(0) && b.size == Some(0),
    }
}

/// Where a missing file was last, and the layer that took it away.
type Removals = HashMap<ImagePath, (LayerIdx, LayerIdx)>;

/// Fills in `dead_bytes` and what became of missing files.
fn trace_lower_layers(view: &View<'_>, claimed: &HashMap<&[u8], DistId>, inventory: &mut Inventory) {
    let (dead, removals) = dead_entries(view, claimed, inventory);
    for (distribution, dead) in inventory.distributions.iter_mut().zip(dead) {
        distribution.dead_bytes = dead;
        for file in &mut distribution.missing {
            file.removed = removals.get(&file.path).copied();
        }
    }
}

/// One pass over the entries that no container sees: the dead bytes of each distribution, and the removals.
fn dead_entries(view: &View<'_>, claimed: &HashMap<&[u8], DistId>, inventory: &Inventory) -> (Vec<u64>, Removals) {
    let mut missing: HashMap<&[u8], DistId> = HashMap::new();
    for (id, distribution) in inventory.distributions.iter().enumerate() {
        for file in &distribution.missing {
            missing.entry(file.path.as_bytes()).or_insert(id);
        }
    }
    let mut dead = vec![0u64; inventory.distributions.len()];
    let mut removals = Removals::new();
    for (layer, index) in view.image().layers.iter().enumerate() {
        let layer = layer as LayerIdx;
        for (position, entry) in index.entries.iter().enumerate() {
            let fate = view.fate((layer, position as EntryIdx));
            let path = entry.path.as_bytes();
            if fate == Fate::Visible || entry.kind == EntryKind::Directory {
                continue;
            }
            let lacking = missing.get(path);
            let Some(id) = claimed.get(path).or(lacking) else { continue };
            dead[*id] = dead[*id].saturating_add(entry.size);
            if let (Fate::Deleted { by, .. } | Fate::Replaced { by }, Some(_)) = (fate, lacking) {
                removals.insert(entry.path.clone(), (layer, by));
            }
        }
    }
    (dead, removals)
}
