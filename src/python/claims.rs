//! Who claims which path, whose content is there, and whom its bytes are counted for.

use super::inventory::{Contest, Inventory};
use crate::base::{Digest, DistId, EntryIdx, FastMap, FastSet, ImagePath, LayerIdx, Numbered, is_bytecode};
use crate::fs::{DataRef, Fate, View};
use crate::layer::EntryKind;

/// A distribution says that a visible path is its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claim {
    /// The position of the path in the tree.
    pub place: usize,
    pub dist: DistId,
    /// What its RECORD says about the content.
    pub digest: Option<Digest>,
    pub size: Option<u64>,
    /// 1 for a row of RECORD and its bytecode, 0 for a guess.
    pub strength: u8,
}

/// The claims of all distributions.
#[derive(Default)]
pub(super) struct Claims {
    all: Vec<Claim>,
}

/// Whose a path is, by its position in the tree.
type ByPlace = Vec<Option<DistId>>;

impl Claims {
    pub(super) fn add(&mut self, dist: DistId, claims: Vec<Claim>) {
        self.all.extend(claims.into_iter().map(|claim| Claim { dist, ..claim }));
    }

    /// Fills in files, contests, bytes, dead bytes, and what became of missing files.
    pub(super) fn settle(mut self, view: &View<'_>, inventory: &mut Inventory) {
        self.all.sort_by_key(|claim| (claim.place, claim.dist));
        for claim in &self.all {
            inventory.distributions[claim.dist].files.push(view.path(view.at(claim.place).1).clone());
        }
        let mut claimed: ByPlace = vec![None; view.len()];
        let mut owners: ByPlace = vec![None; view.len()];
        let mut counted: FastSet<DataRef> = FastSet::default();
        // Rows of RECORD first: a guess gets only what nobody else has. Of these, paths that hold their bytes
        // before hard links to them.
        let mut groups: Vec<&[Claim]> = self.all.chunk_by(|a, b| a.place == b.place).collect();
        groups.sort_by_cached_key(|group| {
            let is_guess = group.iter().all(|claim| claim.strength == 0);
            let (_, node) = view.at(group[0].place);
            (is_guess, node.entry != node.data)
        });
        for group in groups {
            let (place, winner) = (group[0].place, winner(view, group));
            claimed[place] = Some(winner);
            owners[place].get_or_insert(winner);
            if let Some(holder) = count(view, place, winner, &mut counted, inventory) {
                owners[holder] = Some(winner);
            }
        }
        inventory.owner_of = view.by_path(&owners);
        for group in self.all.chunk_by(|a, b| a.place == b.place).filter(|group| group.len() > 1) {
            contest(view, group, inventory);
        }
        trace_lower_layers(view, &claimed, inventory);
    }
}

/// The claimant whose RECORD has what is on disk, else the first with a RECORD, else the first.
fn winner(view: &View<'_>, group: &[Claim]) -> DistId {
    let [_, _, ..] = group else { return group[0].dist };
    let matching = group.iter().find(|claim| matches(view, claim));
    let recorded = || group.iter().find(|claim| claim.strength == 1);
    matching.or_else(recorded).unwrap_or(&group[0]).dist
}

/// Whether RECORD has the digest of what is on disk, or its size where a digest is not known.
fn matches(view: &View<'_>, claim: &Claim) -> bool {
    let (_, node) = view.at(claim.place);
    match (view.entry(node.data).sha256(), claim.digest) {
        (Some(found), Some(said)) => found == said,
        _ => claim.size == Some(view.size(node)),
    }
}

/// Counts the bytes that a path leads to, once, and where the ledger counts them: at the path that holds them,
/// whose position is returned.
fn count(
    view: &View<'_>,
    place: usize,
    dist: DistId,
    counted: &mut FastSet<DataRef>,
    inventory: &mut Inventory,
) -> Option<usize> {
    let (path, node) = view.at(place);
    let data = view.entry(node.data);
    let holder = view.holder(place).filter(|_| data.kind == EntryKind::File && counted.insert(node.data))?;
    let distribution = &mut inventory.distributions[dist];
    distribution.bytes = distribution.bytes.saturating_add(data.size);
    if is_bytecode(path) {
        distribution.bytecode = distribution.bytecode.saturating_add(data.size);
    }
    let in_layer = distribution.bytes_by_layer.entry(node.data.0).or_default();
    *in_layer = in_layer.saturating_add(data.size);
    Some(holder)
}

fn contest(view: &View<'_>, group: &[Claim], inventory: &mut Inventory) {
    let (path, node) = view.at(group[0].place);
    let rows: Vec<&Claim> = group.iter().filter(|claim| claim.strength == 1 && !is_bytecode(path)).collect();
    for claim in &rows {
        let environment = inventory.distributions[claim.dist].environment;
        let rivals: Vec<&&Claim> =
            rows.iter().filter(|other| inventory.distributions[other.dist].environment == environment).collect();
        let differ = rivals.iter().any(|other| other.dist != claim.dist && !known_equal(claim, other));
        if !differ {
            continue;
        }
        let name = |other: &&&Claim| inventory.distributions[other.dist].normalized.clone();
        let mut others: Vec<String> = rivals.iter().filter(|other| other.dist != claim.dist).map(name).collect();
        others.sort();
        let mut matching = rivals.iter().filter(|other| matches(view, other));
        let survivor = matching.next().map(name).filter(|_| matching.next().is_none());
        let contest = Contest { path: view.path(node).clone(), others, survivor };
        inventory.distributions[claim.dist].contested.push(contest);
    }
}

fn known_equal(a: &Claim, b: &Claim) -> bool {
    match (a.digest, b.digest) {
        (Some(a), Some(b)) => a == b,
        _ => a.size == Some(0) && b.size == Some(0),
    }
}

/// Where a missing file was last, and the layer that took it away.
type Removals = FastMap<ImagePath, (LayerIdx, LayerIdx)>;

/// Fills in `dead_bytes` and what became of missing files.
fn trace_lower_layers(view: &View<'_>, claimed: &ByPlace, inventory: &mut Inventory) {
    let (dead, removals) = dead_entries(view, claimed, inventory);
    for (distribution, dead) in inventory.distributions.iter_mut().zip(&dead) {
        distribution.dead_bytes = *dead;
        for file in &mut distribution.missing {
            file.removed = removals.get(&file.path).copied();
        }
    }
}

/// One pass over the entries that no container sees: the dead bytes of each distribution, and the removals.
fn dead_entries(view: &View<'_>, claimed: &ByPlace, inventory: &Inventory) -> (Numbered<DistId, u64>, Removals) {
    let mut missing: FastMap<&[u8], DistId> = FastMap::default();
    for (id, distribution) in inventory.distributions.pairs() {
        for file in &distribution.missing {
            missing.entry(file.path.as_bytes()).or_insert(id);
        }
    }
    let mut dead = inventory.distributions.beside(|_| 0u64);
    let mut removals = Removals::default();
    for (layer, index) in view.image().layers.iter().enumerate() {
        let layer = layer as LayerIdx;
        for (position, entry) in index.entries.iter().enumerate() {
            let fate = view.fate((layer, position as EntryIdx));
            let path = entry.path.as_bytes();
            if fate == Fate::Visible || entry.kind == EntryKind::Directory {
                continue;
            }
            let lacking = missing.get(path);
            let Some(id) = view.place(path).and_then(|place| claimed[place]).or(lacking.copied()) else { continue };
            dead[id] = dead[id].saturating_add(entry.size);
            if let (Fate::Deleted { by, .. } | Fate::Replaced { by }, Some(_)) = (fate, lacking) {
                removals.insert(entry.path.clone(), (layer, by));
            }
        }
    }
    (dead, removals)
}
