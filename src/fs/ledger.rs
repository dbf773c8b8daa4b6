//! The ledger: every byte of every layer has one fate, every visible byte one owner and one category.
//! **The sum equals the bytes of the layers, always**: [`Ledger::new`] asserts it.

use super::{Category, Fate, View, categorize};
use crate::base::{CondaId, DistId, EntryIdx, LayerIdx, PackageId, in_halves};
use crate::layer::EntryKind;
use std::collections::BTreeMap;
use std::ops::Range;

/// Who owns a visible byte, by its place in the inventories that the caller has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A Python distribution.
    Distribution(DistId),
    /// An OS package.
    OsPackage(PackageId),
    /// A conda package.
    CondaPackage(CondaId),
    /// A Python that no package brought, by its position.
    Interpreter(usize),
    /// Nobody, in a layer of the base image.
    Base,
    /// Nobody, in a package manager's cache or database above the base image.
    PackageManager,
    /// Nobody: the application's own files and whatever was put there by hand.
    Application,
}

impl Owner {
    /// The distribution, if it is one.
    pub fn distribution(self) -> Option<DistId> {
        if let Self::Distribution(id) = self { Some(id) } else { None }
    }

    /// The OS package, if it is one.
    pub fn os_package(self) -> Option<PackageId> {
        if let Self::OsPackage(id) = self { Some(id) } else { None }
    }

    /// The Python, if it is one.
    pub fn interpreter(self) -> Option<usize> {
        if let Self::Interpreter(id) = self { Some(id) } else { None }
    }

    /// The conda package, if it is one.
    pub fn conda_package(self) -> Option<CondaId> {
        if let Self::CondaPackage(id) = self { Some(id) } else { None }
    }
}

/// One line of the ledger: these bytes of this layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row {
    /// The layer that holds the bytes.
    pub layer: LayerIdx,
    /// What became of them.
    pub fate: Fate,
    /// Who owns them, if they are visible.
    pub owner: Option<Owner>,
    /// What they are.
    pub category: Category,
}

/// The sums, by row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Bytes (`unpacked`) and number of files by row.
    pub rows: BTreeMap<Row, (u64, u64)>,
    /// Bytes of each layer.
    pub layers: Vec<u64>,
}

/// Some of a layer's entries.
fn sum_up(
    view: &View<'_>,
    layer: LayerIdx,
    entries: Range<usize>,
    owner_of: impl Fn(&[u8], LayerIdx) -> Owner,
) -> BTreeMap<Row, (u64, u64)> {
    let mut rows: BTreeMap<Row, (u64, u64)> = BTreeMap::new();
    for position in entries {
        let at = (layer, position as EntryIdx);
        let entry = view.entry(at);
        if entry.kind != EntryKind::File {
            continue;
        }
        let fate = view.fate(at);
        let path = view.visible_path(at).unwrap_or(entry.path.as_bytes());
        let owner = (fate == Fate::Visible).then(|| owner_of(path, layer));
        let sum = rows.entry(Row { layer, fate, owner, category: categorize(path) }).or_default();
        sum.0 = sum.0.saturating_add(entry.size);
        sum.1 += 1;
    }
    rows
}

impl Ledger {
    /// Sums up. `owner_of` is asked once for each visible file with bytes: its path, and the layer it is in.
    pub fn new(view: &View<'_>, owner_of: impl Fn(&[u8], LayerIdx) -> Owner + Sync) -> Self {
        let mut ledger = Self { rows: BTreeMap::new(), layers: Vec::new() };
        for (layer, index) in view.image().layers.iter().enumerate() {
            let sum_up = |entries| vec![sum_up(view, layer as LayerIdx, entries, &owner_of)];
            let mut total = 0;
            for (row, (bytes, files)) in in_halves(index.entries.len(), sum_up).into_iter().flatten() {
                let sum = ledger.rows.entry(row).or_default();
                sum.0 = sum.0.saturating_add(bytes);
                sum.1 += files;
                total = bytes.saturating_add(total);
            }
            ledger.layers.push(total);
        }
        let counted: Vec<u64> = view.image().layers.iter().map(|layer| layer.unpacked()).collect();
        assert_eq!(ledger.layers, counted, "the ledger's rows must sum to the bytes of the layers");
        ledger
    }
}
