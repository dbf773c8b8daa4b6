//! The ledger: every byte of every layer has one fate, every visible byte one owner and one category.
//! **The sum equals the bytes of the layers, always**: [`Ledger::new`] asserts it.

use super::{Category, Fate, View, categorize};
use crate::base::{EntryIdx, LayerIdx, in_halves};
use crate::layer::EntryKind;
use std::collections::BTreeMap;
use std::ops::Range;

/// Who owns a visible byte. The numbers are positions in the inventories that the caller has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A Python distribution, by its `DistId`.
    Distribution(usize),
    /// An OS package, by its position.
    OsPackage(usize),
    /// A conda package, by its position.
    CondaPackage(usize),
    /// Nobody, in a layer of the base image.
    Base,
    /// Nobody, in a package manager's cache or database.
    PackageManager,
    /// Nobody: the application's own files and whatever was put there by hand.
    Application,
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

/// One layer's bytes by fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerLedger {
    /// All bytes of the layer.
    pub total: u64,
    /// A container sees them.
    pub visible: u64,
    /// Other bytes took their place in a higher layer.
    pub replaced: u64,
    /// The same bytes again in a higher layer.
    pub rewritten: u64,
    /// A higher layer removed them.
    pub deleted: u64,
    /// The same tar has the path again.
    pub shadowed: u64,
}

impl LayerLedger {
    /// Bytes that no container sees.
    pub fn dead(&self) -> u64 {
        self.replaced + self.rewritten + self.deleted + self.shadowed
    }
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
        let by_layer = |layer: usize| ledger.of_layer(layer as LayerIdx).total;
        let sums: Vec<u64> = (0..ledger.layers.len()).map(by_layer).collect();
        let counted: Vec<u64> = view.image().layers.iter().map(crate::layer::LayerIndex::unpacked).collect();
        assert_eq!(sums, counted, "the ledger's rows must sum to the bytes of the layers");
        ledger
    }

    /// Bytes of all layers.
    pub fn total(&self) -> u64 {
        self.layers.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// Bytes that no container sees.
    pub fn dead(&self) -> u64 {
        (0..self.layers.len()).map(|layer| self.of_layer(layer as LayerIdx).dead()).sum()
    }

    /// One layer by fate.
    pub fn of_layer(&self, layer: LayerIdx) -> LayerLedger {
        let mut out = LayerLedger::default();
        for (row, (bytes, _)) in self.rows.iter().filter(|(row, _)| row.layer == layer) {
            out.total = out.total.saturating_add(*bytes);
            let slot = match row.fate {
                Fate::Visible => &mut out.visible,
                Fate::Replaced { .. } => &mut out.replaced,
                Fate::Rewritten { .. } => &mut out.rewritten,
                Fate::Deleted { .. } => &mut out.deleted,
                Fate::Shadowed => &mut out.shadowed,
            };
            *slot = slot.saturating_add(*bytes);
        }
        out
    }

    /// Visible bytes by owner.
    pub fn by_owner(&self) -> BTreeMap<Owner, u64> {
        let mut out = BTreeMap::new();
        for (row, (bytes, _)) in &self.rows {
            if let Some(owner) = row.owner {
                *out.entry(owner).or_default() += bytes;
            }
        }
        out
    }

    /// Visible bytes by category.
    pub fn by_category(&self) -> BTreeMap<Category, u64> {
        let mut out = BTreeMap::new();
        for (row, (bytes, _)) in self.rows.iter().filter(|(row, _)| row.fate == Fate::Visible) {
            *out.entry(row.category).or_default() += bytes;
        }
        out
    }
}
