//! Which layer a path goes to: what changes least stands lowest, and what comes together is together, so that two images of
//! one project share all but their own.

use super::outcome::{Groups, Item};
use super::paths::Owned;
use crate::base::{DistId, FastMap, ImagePath, is_within};
use crate::facts::{Facts, Owners, is_package_manager_state};
use crate::fs::Owner;
use std::collections::BTreeMap;

/// A distribution of so many bytes has a layer of its own, or with those of its name's first word (`nvidia-…`).
const HEAVY: u64 = 50_000_000;

/// So many layers for heavy distributions at most: engines take about 120 in all.
const MAX_HEAVY: usize = 16;

/// What is sorted.
pub struct Sorting<'s, 'f> {
    /// The original.
    pub facts: &'s Facts<'f>,
    /// How many layers are the base's.
    pub base_layers: usize,
    /// Of each visible path, whether it stays.
    pub stays: &'s [bool],
    /// What is made.
    pub made: &'s BTreeMap<ImagePath, Item>,
    /// And whose it is.
    pub of_made: &'s BTreeMap<ImagePath, Owned>,
}

/// Where scripts of packages leave what they make.
const SYSTEM: [&[u8]; 8] = [b"etc", b"usr", b"var", b"lib", b"lib64", b"bin", b"sbin", b"run"];
/// What of it is somebody else's.
const NOT_SYSTEM: [&[u8]; 4] = [b"usr/local", b"usr/src", b"var/www", b"var/task"];

/// Sorts all paths.
pub fn sorted(sorting: &Sorting<'_, '_>) -> Groups {
    let (facts, view) = (sorting.facts, sorting.facts.view);
    let owners = Owners::new(view, facts.python, facts.os);
    let heavy = heavy(sorting);
    let mut names = vec!["OS packages and interpreters".to_owned()];
    names.extend(heavy.names.iter().cloned());
    names.extend(["Python distributions".to_owned(), "application".to_owned()]);
    let (others, application) = (heavy.names.len() + 1, heavy.names.len() + 2);
    let of_distribution = |id: DistId| heavy.of.get(&id).map_or(others, |at| at + 1);
    // Layers in which a package manager wrote down what it did.
    let is_note = |path: &[u8]| {
        [&b"var/lib/dpkg/status"[..], b"lib/apk/db/installed", b"usr/lib/apk/db/installed"].contains(&path)
            || crate::layer::is_rpm_database(path)
    };
    let layers = view.image().layers.iter();
    let by_manager: Vec<bool> =
        layers.map(|layer| layer.entries.iter().any(|entry| is_note(entry.path.as_bytes()))).collect();
    let group = |path: &[u8], layer: u32| {
        let managed = by_manager.get(layer as usize).copied().unwrap_or_default();
        match owners.of(path, layer) {
            Owner::Distribution(id) => of_distribution(id),
            Owner::Interpreter(_) | Owner::CondaPackage(_) => 0,
            Owner::PackageManager if is_package_manager_state(path) => 0,
            Owner::OsPackage(_) if managed => 0,
            _ if managed && is_of_system(path) => 0,
            _ => application,
        }
    };
    let of = view.iter().map(|(path, node)| group(path, node.entry.0)).collect();
    let of_made = sorting.of_made.iter().map(|(path, owned)| {
        let group = match owned {
            Owned::System => 0,
            Owned::Distribution(id) => of_distribution(*id),
        };
        (path.clone(), group)
    });
    Groups { base: sorting.base_layers, names, of, of_made: of_made.collect() }
}

fn is_of_system(path: &[u8]) -> bool {
    let within = |folders: &[&[u8]]| folders.iter().any(|folder| is_within(path, folder));
    within(&SYSTEM) && !within(&NOT_SYSTEM)
}

struct Heavy {
    names: Vec<String>,
    of: FastMap<DistId, usize>,
}

/// Heavy distributions by the first word of their names; the largest group first.
fn heavy(sorting: &Sorting<'_, '_>) -> Heavy {
    let facts = sorting.facts;
    let mut bytes: BTreeMap<DistId, u64> = BTreeMap::new();
    for (place, (path, node)) in facts.view.iter().enumerate().filter(|(place, _)| sorting.stays[*place]) {
        debug_assert!(place < sorting.stays.len());
        if node.entry.0 as usize >= sorting.base_layers
            && facts.view.holds_bytes(node)
            && let Some(id) = facts.python.owner(path)
        {
            *bytes.entry(id).or_default() += facts.view.size(node);
        }
    }
    for (path, owned) in sorting.of_made {
        if let (Owned::Distribution(id), Some(item)) = (owned, sorting.made.get(path)) {
            *bytes.entry(*id).or_default() += item.entry.size;
        }
    }
    let mut groups: BTreeMap<String, (u64, Vec<DistId>)> = BTreeMap::new();
    for (id, bytes) in bytes.into_iter().filter(|(_, bytes)| *bytes >= HEAVY) {
        let name = &facts.python.distributions[id].normalized;
        let group = groups.entry(name.split('-').next().unwrap_or(name).to_owned()).or_default();
        group.0 = group.0.saturating_add(bytes);
        group.1.push(id);
    }
    let mut groups: Vec<(String, (u64, Vec<DistId>))> = groups.into_iter().collect();
    groups.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
    groups.truncate(MAX_HEAVY);
    let mut out = Heavy { names: Vec::new(), of: FastMap::default() };
    for (at, (_, (_, ids))) in groups.into_iter().enumerate() {
        let names: Vec<&str> = ids.iter().map(|id| facts.python.distributions[*id].name.as_str()).collect();
        out.names.push(crate::base::names(&names, 3));
        out.of.extend(ids.into_iter().map(|id| (id, at)));
    }
    out
}
