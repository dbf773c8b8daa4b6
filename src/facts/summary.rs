//! The one partition of an image's bytes, made from its ledger: reports, limits and comparisons group its parts, and count
//! nothing themselves.

use crate::base::LayerIdx;
use crate::fs::{Category, Fate, Ledger, Owner, Row};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// No container sees it; the layer that hid it.
    Hidden(LayerIdx),
    /// Visible, in this layer of the base image: whoever owns it, nobody takes it out.
    Base(LayerIdx),
    /// Visible above the base image, and this owner's.
    Own(Owner),
}

impl Part {
    /// What the visible bytes of an owner in a layer are.
    pub fn visible(owner: Owner, layer: LayerIdx, base_layers: usize) -> Self {
        match owner {
            _ if (layer as usize) < base_layers => Self::Base(layer),
            Owner::Base => Self::Base(layer),
            owner => Self::Own(owner),
        }
    }

    /// Whether no package owns it above the base image: the application, and a Python that was put there by hand.
    pub fn is_application(self) -> bool {
        matches!(self, Self::Own(Owner::Application | Owner::Interpreter(_)))
    }

    fn of(row: &Row, base_layers: usize) -> Self {
        match row.fate {
            Fate::Replaced { by } | Fate::Rewritten { by } | Fate::Deleted { by, .. } => Self::Hidden(by),
            Fate::Shadowed => Self::Hidden(row.layer),
            Fate::Visible => Self::visible(row.owner.unwrap_or(Owner::Application), row.layer, base_layers),
        }
    }
}

/// All bytes (`unpacked`) of an image, by what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many of the lowest layers are the base image's; 0 where that is not known.
    pub base_layers: usize,
    /// Every byte of every layer, in exactly one part: **they sum to the image**, which [`Summary::new`] asserts. None is 0.
    pub parts: BTreeMap<Part, u64>,
    /// The visible bytes of all layers, and how many files they are, by owner.
    pub owners: BTreeMap<Owner, (u64, u64)>,
    /// The visible bytes of all layers by category.
    pub categories: BTreeMap<Category, u64>,
    /// The layers, lowest first.
    pub layers: Vec<LayerSummary>,
}

/// One layer's bytes. The fates sum to the total.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerSummary {
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
    /// The visible ones by owner.
    pub owners: BTreeMap<Owner, u64>,
    /// Those that a higher layer hid, by that layer and by how: `replaced`, `rewritten` or `deleted`.
    pub hidden_by: BTreeMap<(LayerIdx, &'static str), u64>,
}

impl LayerSummary {
    /// Bytes that no container sees.
    pub fn dead(&self) -> u64 {
        [self.replaced, self.rewritten, self.deleted, self.shadowed].into_iter().fold(0, u64::saturating_add)
    }

    fn add(&mut self, row: &Row, bytes: u64) {
        add(&mut self.total, bytes);
        let (slot, hidden) = match row.fate {
            Fate::Visible => (&mut self.visible, None),
            Fate::Replaced { by } => (&mut self.replaced, Some((by, "replaced"))),
            Fate::Rewritten { by } => (&mut self.rewritten, Some((by, "rewritten"))),
            Fate::Deleted { by, .. } => (&mut self.deleted, Some((by, "deleted"))),
            Fate::Shadowed => (&mut self.shadowed, None),
        };
        add(slot, bytes);
        if let Some(key) = hidden.filter(|_| bytes > 0) {
            add(self.hidden_by.entry(key).or_default(), bytes);
        }
        if let Some(owner) = row.owner.filter(|_| bytes > 0) {
            add(self.owners.entry(owner).or_default(), bytes);
        }
    }
}

fn add(sum: &mut u64, bytes: u64) {
    *sum = sum.saturating_add(bytes);
}

impl Summary {
    /// Sums a ledger up.
    pub fn new(ledger: &Ledger, base_layers: usize) -> Self {
        let mut out =
            Self { base_layers, layers: vec![LayerSummary::default(); ledger.layers.len()], ..Self::default() };
        for (row, &(bytes, files)) in &ledger.rows {
            out.layers[row.layer as usize].add(row, bytes);
            add(out.parts.entry(Part::of(row, base_layers)).or_default(), bytes);
            if let Some(owner) = row.owner {
                let sum = out.owners.entry(owner).or_default();
                add(&mut sum.0, bytes);
                sum.1 += files;
                add(out.categories.entry(row.category).or_default(), bytes);
            }
        }
        out.parts.retain(|_, bytes| *bytes > 0);
        let parts = out.parts.values().copied().fold(0, u64::saturating_add);
        let layers = ledger.layers.iter().copied().fold(0, u64::saturating_add);
        assert_eq!((parts, out.total()), (layers, layers), "the parts must sum to the bytes of the layers");
        out
    }

    /// Bytes of all layers.
    pub fn total(&self) -> u64 {
        self.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.total))
    }

    /// Bytes that no container sees.
    pub fn dead(&self) -> u64 {
        self.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.dead()))
    }

    /// Bytes that a container sees.
    pub fn visible(&self) -> u64 {
        self.total().saturating_sub(self.dead())
    }

    /// What is visible of the base image's layers.
    pub fn base(&self) -> u64 {
        self.bytes_of(|part| matches!(part, Part::Base(_)))
    }

    /// Bytes above the base image that no package owns.
    pub fn application(&self) -> u64 {
        self.bytes_of(Part::is_application)
    }

    /// Bytes above the base image of one owner.
    pub fn own(&self, owner: Owner) -> u64 {
        self.parts.get(&Part::Own(owner)).copied().unwrap_or(0)
    }

    /// Bytes of the parts that a question is true of.
    pub fn bytes_of(&self, is_asked: impl Fn(Part) -> bool) -> u64 {
        self.parts.iter().filter(|(part, _)| is_asked(**part)).fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// Who has bytes above the base image, of those that `position` gives a place in an inventory: the most first.
    pub fn largest<P: Copy + Ord>(&self, position: impl Fn(Owner) -> Option<P>) -> Vec<(P, u64)> {
        let of = |(part, bytes): (&Part, &u64)| match part {
            Part::Own(owner) => position(*owner).map(|at| (at, *bytes)),
            _ => None,
        };
        let mut out: Vec<(P, u64)> = self.parts.iter().filter_map(of).collect();
        out.sort_by_key(|(at, bytes)| (Reverse(*bytes), *at));
        out
    }
}
