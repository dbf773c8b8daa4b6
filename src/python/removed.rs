//! Distributions that a layer has and a higher layer took away. Their METADATA is kept with the layer even
//! though no container sees it, and their bytes are still pulled.

use super::install::absolute;
use super::inventory::{Inventory, RemovedDistribution};
use super::metadata::parse_metadata;
use super::record::parse_record;
use super::scan::{Form, Found, is_site_dir, is_target_dir};
use crate::base::{DistId, EntryIdx, FastMap, ImagePath, LayerIdx, is_bytecode, parent};
use crate::fs::{Fate, Lookup, View};
use crate::layer::EntryKind;
use crate::manifest::normalize_name;
use std::collections::{BTreeSet, HashSet};

/// Fills in [`Inventory::removed`].
pub(super) fn find(view: &View<'_>, inventory: &mut Inventory) {
    let lackers = who_lacks(inventory);
    let mut out = Vec::new();
    let mut lookup = Lookup::new(view);
    for layer in 0..view.image().layers.len() as LayerIdx {
        let gone = gone_metadata(view, layer);
        if gone.is_empty() {
            continue;
        }
        let files = dead_files(view, layer);
        // Of a path that two removed distributions list, the bytes are counted for the first.
        let mut counted = HashSet::new();
        for (found, entry, removed_by) in gone {
            let mut reader = Reader { view, layer, files: &files, lookup: &mut lookup, counted: &mut counted };
            let Some(mut removed) = reader.read(found, entry, removed_by, &lackers) else { continue };
            let installed = installed_in_place(inventory, &removed);
            let same = installed.is_some_and(|id| inventory.distributions[id].version == removed.version);
            if !same {
                removed.replaced_by = installed;
                out.push(removed);
            }
        }
    }
    out.sort_by(|a, b| (a.layer, &a.normalized, &a.metadata).cmp(&(b.layer, &b.normalized, &b.metadata)));
    inventory.removed = out;
}

/// The installed distributions that lack a path.
fn who_lacks(inventory: &Inventory) -> FastMap<Vec<u8>, Vec<DistId>> {
    let mut out: FastMap<Vec<u8>, Vec<DistId>> = FastMap::default();
    for (id, dist) in inventory.distributions.pairs() {
        for file in &dist.missing {
            out.entry(file.path.as_bytes().to_vec()).or_default().push(id);
        }
    }
    out
}

fn installed_in_place(inventory: &Inventory, removed: &RemovedDistribution) -> Option<DistId> {
    let site = parent(removed.metadata.as_bytes());
    let in_place = |id: &DistId| parent(inventory.distributions[*id].metadata.as_bytes()) == site;
    inventory.named(&removed.normalized).map(|(id, _)| id).find(in_place)
}

/// Metadata in a layer that a higher layer removed or replaced, with that layer.
fn gone_metadata<'a>(view: &View<'a>, layer: LayerIdx) -> Vec<(Found<'a>, EntryIdx, LayerIdx)> {
    let entries = &view.image().layers[layer as usize].entries;
    let gone = entries.iter().enumerate().filter_map(|(position, entry)| {
        let by = match view.fate((layer, position as EntryIdx)) {
            Fate::Deleted { by, .. } | Fate::Replaced { by } => by,
            _ => return None,
        };
        if entry.kind != EntryKind::File {
            return None;
        }
        let found = Found::by_path(entry.path.as_bytes())?;
        let site = found.site_dir();
        let counts = is_site_dir(site) || (found.form == Form::DistInfo && is_target_dir(site));
        counts.then_some((found, position as EntryIdx, by))
    });
    gone.collect()
}

/// The files of a layer that no container sees.
fn dead_files<'a>(view: &View<'a>, layer: LayerIdx) -> FastMap<&'a [u8], EntryIdx> {
    let entries = &view.image().layers[layer as usize].entries;
    let dead = entries.iter().enumerate().filter(|(position, entry)| {
        let fate = view.fate((layer, *position as EntryIdx));
        entry.kind == EntryKind::File && !matches!(fate, Fate::Visible | Fate::Shadowed)
    });
    dead.map(|(position, entry)| (entry.path.as_bytes(), position as EntryIdx)).collect()
}

struct Reader<'r, 'v, 'a> {
    view: &'r View<'a>,
    layer: LayerIdx,
    files: &'r FastMap<&'a [u8], EntryIdx>,
    lookup: &'r mut Lookup<'v, 'a>,
    counted: &'r mut HashSet<EntryIdx>,
}

impl Reader<'_, '_, '_> {
    fn read(
        &mut self,
        found: Found<'_>,
        entry: EntryIdx,
        removed_by: LayerIdx,
        lackers: &FastMap<Vec<u8>, Vec<DistId>>,
    ) -> Option<RemovedDistribution> {
        let index = &self.view.image().layers[self.layer as usize];
        let metadata = parse_metadata(index.contents.get(&entry)?).ok()?;
        let mut out = RemovedDistribution {
            normalized: normalize_name(&metadata.name),
            name: metadata.name,
            version: metadata.version,
            metadata: ImagePath::new(found.metadata),
            layer: self.layer,
            removed_by,
            ..RemovedDistribution::default()
        };
        let record = self.files.get(&[found.metadata, b"/RECORD"].concat()[..]);
        let (rows, _) = record.and_then(|at| index.contents.get(at)).map_or_else(Default::default, |r| parse_record(r));
        let mut now_lacking: BTreeSet<DistId> = BTreeSet::new();
        let mut joined = Vec::new();
        for row in rows {
            let path = absolute(found.site_dir(), &row.path, &mut joined);
            out.files_total += usize::from(!is_bytecode(&path));
            let spelled = if self.files.contains_key(&path[..]) { path.into_owned() } else { self.lookup.spell(&path) };
            now_lacking.extend(lackers.get(&spelled).into_iter().flatten());
            if let Some(at) = self.files.get(&spelled[..]).filter(|at| self.counted.insert(**at)) {
                out.bytes = out.bytes.saturating_add(index.entries[*at as usize].size);
            }
        }
        out.files_now_missing_for = now_lacking.into_iter().collect();
        Some(out)
    }
}
