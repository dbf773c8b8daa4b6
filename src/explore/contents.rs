//! What is looked at: every entry of every layer, with its owner, its fate and what it changed.

use crate::base::{Basis, FastSet, ImagePath, LayerIdx, Text, file_name};
use crate::facts::{Facts, Owners};
use crate::fs::{DataRef, Fate, Owner};
use crate::layer::{Entry, EntryKind, LayerIndex};
use crate::report::instructions;
use crate::rules::{Finding, Rule, Severity, Tier};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What an entry did to the layers below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing was there.
    Added,
    /// Something was there.
    Changed,
    /// It takes something away.
    Removed,
    /// A directory that was there, with the same owner and mode.
    Nothing,
}

/// An entry of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Which.
    pub at: DataRef,
    /// Whose it is, as a position in [`Contents::owners`].
    pub whose: u32,
    /// What became of it.
    pub fate: Fate,
    /// What it did.
    pub change: Change,
}

/// Who has bytes.
#[derive(Clone, Debug)]
pub struct Whose {
    /// Name and version, or what files of no package are called.
    pub name: Text,
    /// By what name `why` knows it; empty of what nobody brought.
    pub asked: String,
    /// Bytes (`unpacked`); those of all rows are the image's.
    pub bytes: u64,
    /// How many files these are.
    pub files: u64,
}

/// A layer.
#[derive(Clone, Debug)]
pub struct LayerRow {
    /// All its bytes (`unpacked`).
    pub bytes: u64,
    /// Of these, what no container sees.
    pub hidden: u64,
    /// What made it, where the history tells.
    pub made: Option<Text>,
    /// Whether it is the base image's.
    pub base: bool,
}

/// What one rule found.
#[derive(Clone, Debug)]
pub struct RuleRow {
    /// The rule's id.
    pub id: String,
    /// The worst of its findings.
    pub severity: Severity,
    /// What may be done about it.
    pub tier: Tier,
    /// Bytes that it concerns (`unpacked`), where it is one finding: several may overlap.
    pub bytes: Option<u64>,
    /// The first finding's message.
    pub message: Text,
    /// All findings with their proof, in lines.
    pub proof: Vec<Text>,
    owners: BTreeSet<u32>,
    paths: FastSet<ImagePath>,
    hidden_of: BTreeSet<LayerIdx>,
}

/// All of it.
#[derive(Debug)]
pub struct Contents {
    /// The image's name.
    pub name: Text,
    /// `linux/amd64`.
    pub platform: Text,
    /// Whether it was measured.
    pub basis: Basis,
    /// The base image, where nothing of it is known: all sizes are those above it.
    pub unknown_base: Option<Text>,
    /// How much of a build could not be predicted: sizes are too small by that.
    pub gaps: usize,
    /// All bytes (`unpacked`).
    pub bytes: u64,
    /// Who has them, the most first.
    pub owners: Vec<Whose>,
    /// The layers, the lowest first.
    pub layers: Vec<LayerRow>,
    /// What the rules found, as they found it.
    pub rules: Vec<RuleRow>,
    /// All entries, sorted by path, part for part, and then by layer.
    pub items: Vec<Item>,
    indexes: Vec<Arc<LayerIndex>>,
}

impl Contents {
    /// Writes down what was found.
    pub fn new(facts: &Facts<'_>, findings: &[Finding], rules: &[Rule]) -> Self {
        let image = facts.view.image();
        let walked = walk(facts);
        let places = Places::new(&walked);
        let (items, owners) = (items(facts, &walked, &places), places.rows(facts));
        let base = image.base_layers();
        let sums = facts.summary.layers.iter().zip(instructions(image)).enumerate();
        let layers = sums.map(|(number, (sums, made))| LayerRow {
            bytes: sums.total,
            hidden: sums.dead(),
            made,
            base: number < base,
        });
        Self {
            name: Text::from(&image.name),
            platform: Text::from(&image.platform),
            basis: image.basis,
            unknown_base: image.unknown_base().map(Text::from),
            gaps: image.gaps.len(),
            bytes: image.unpacked(),
            owners,
            layers: layers.collect(),
            rules: rules.iter().filter_map(|rule| rule_row(rule, findings, &places)).collect(),
            items,
            indexes: image.layers.clone(),
        }
    }

    /// The entry itself.
    pub fn entry(&self, item: &Item) -> &Entry {
        &self.indexes[item.at.0 as usize].entries[item.at.1 as usize]
    }

    /// Its path, without a slash before it.
    pub fn path(&self, item: &Item) -> &[u8] {
        self.entry(item).path.as_bytes()
    }

    /// Whether a rule's findings are about an item.
    pub fn concerns(&self, rule: &RuleRow, item: &Item) -> bool {
        let is_hidden = item.fate != Fate::Visible && rule.hidden_of.contains(&item.at.0);
        is_hidden || rule.owners.contains(&item.whose) || rule.paths.contains(&self.entry(item).path)
    }

    /// The first rule that is about an owner.
    pub fn about_owner(&self, whose: u32) -> Option<&RuleRow> {
        self.rules.iter().find(|rule| rule.owners.contains(&whose))
    }

    /// By what name an item is written to disk: nothing of it steers a terminal, and it is no path.
    pub fn file_name(&self, item: &Item) -> Text {
        Text::of_bytes(file_name(self.path(item)))
    }
}

/// The positions of owners in the list of them.
struct Places {
    /// By owner; none is what later layers hide.
    at: BTreeMap<Option<Owner>, u32>,
    sums: Vec<(Option<Owner>, u64, u64)>,
}

impl Places {
    fn new(walked: &[Met<'_>]) -> Self {
        let mut sums: BTreeMap<Option<Owner>, (u64, u64)> = BTreeMap::new();
        for Met { entry, owner, .. } in walked {
            if entry.kind == EntryKind::File {
                let sum = sums.entry(*owner).or_default();
                *sum = (sum.0.saturating_add(entry.size), sum.1 + 1);
            } else if !is_whiteout(entry) {
                sums.entry(*owner).or_default();
            }
        }
        let mut sums: Vec<_> = sums.into_iter().map(|(owner, (bytes, files))| (owner, bytes, files)).collect();
        sums.sort_by_key(|(owner, bytes, files)| (Reverse((*bytes, *files)), *owner));
        let at = sums.iter().enumerate().map(|(place, (owner, ..))| (*owner, place as u32)).collect();
        Self { at, sums }
    }

    fn rows(&self, facts: &Facts<'_>) -> Vec<Whose> {
        let row = |&(owner, bytes, files): &(Option<Owner>, u64, u64)| {
            let name = owner.map_or_else(|| "hidden in lower layers".into(), |owner| facts.owner(owner));
            Whose { name, asked: asked(facts, owner).unwrap_or_default(), bytes, files }
        };
        self.sums.iter().map(row).collect()
    }

    fn of(&self, owner: Option<Owner>) -> u32 {
        // What takes something away is nobody's, and stands in no sum.
        self.at.get(&owner).copied().unwrap_or(u32::MAX)
    }
}

fn asked(facts: &Facts<'_>, owner: Option<Owner>) -> Option<String> {
    match owner? {
        Owner::Distribution(id) => facts.python.distributions.get(id).map(|dist| dist.normalized.clone()),
        Owner::OsPackage(id) => facts.os.packages.get(id).map(|package| package.name.clone()),
        Owner::CondaPackage(id) => facts.os.conda.packages.get(id).map(|package| package.name.clone()),
        _ => None,
    }
}

/// An entry of a layer, with its fate and, of what a container sees, its owner.
struct Met<'i> {
    at: DataRef,
    entry: &'i Entry,
    fate: Fate,
    owner: Option<Owner>,
}

fn is_whiteout(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::Whiteout | EntryKind::Opaque)
}

/// Every entry of every layer.
fn walk<'i>(facts: &Facts<'i>) -> Vec<Met<'i>> {
    let view = facts.view;
    let owners = Owners::new(view, facts.python, facts.os);
    let mut out = Vec::new();
    for (layer, index) in view.image().layers.iter().enumerate() {
        for (position, entry) in index.entries.iter().enumerate() {
            let at = (layer as LayerIdx, position as u32);
            let path = view.visible_path(at).filter(|_| !is_whiteout(entry));
            out.push(Met { at, entry, fate: view.fate(at), owner: path.map(|path| owners.of(path, at.0)) });
        }
    }
    out
}

fn items(facts: &Facts<'_>, walked: &[Met<'_>], places: &Places) -> Vec<Item> {
    let image = facts.view.image();
    let entry = |item: &Item| -> &Entry { &image.layers[item.at.0 as usize].entries[item.at.1 as usize] };
    let item = |met: &Met<'_>| {
        let change = if is_whiteout(met.entry) { Change::Removed } else { Change::Added };
        Item { at: met.at, whose: places.of(met.owner), fate: met.fate, change }
    };
    let mut out: Vec<Item> = walked.iter().map(item).collect();
    // Part for part: what is in a folder follows it.
    let parts = |item: &Item| entry(item).path.as_bytes().split(|&byte| byte == b'/');
    out.sort_by(|a, b| parts(a).cmp(parts(b)).then(a.at.cmp(&b.at)));
    for place in 1..out.len() {
        let (before, after) = (out[place - 1], out[place]);
        let (old, new) = (entry(&before), entry(&after));
        let gave_way = match before.fate {
            Fate::Replaced { by } | Fate::Rewritten { by } => by == after.at.0,
            _ => false,
        };
        if after.change == Change::Added && old.path == new.path && gave_way {
            let same = old.kind == EntryKind::Directory
                && new.kind == EntryKind::Directory
                && (old.mode, old.uid, old.gid) == (new.mode, new.uid, new.gid);
            out[place].change = if same { Change::Nothing } else { Change::Changed };
        }
    }
    out
}

fn rule_row(rule: &Rule, findings: &[Finding], places: &Places) -> Option<RuleRow> {
    let own: Vec<&Finding> = findings.iter().filter(|finding| finding.rule == rule.id).collect();
    let first = own.first()?;
    let distributions = own.iter().flat_map(|finding| &finding.distributions).map(|id| Owner::Distribution(*id));
    let packages = own.iter().flat_map(|finding| &finding.os_packages).map(|id| Owner::OsPackage(*id));
    let owners = distributions.chain(packages).filter_map(|owner| places.at.get(&Some(owner)).copied());
    let located = own.iter().flat_map(|finding| &finding.evidence).filter_map(|row| row.location.as_ref());
    let paths = own.iter().flat_map(|finding| &finding.paths).chain(located.map(|location| &location.path));
    Some(RuleRow {
        id: rule.id.clone(),
        severity: own.iter().map(|finding| finding.severity).max().unwrap_or(rule.severity),
        tier: own.iter().map(|finding| finding.tier).max().unwrap_or(rule.tier),
        bytes: (own.len() == 1).then_some(first.bytes),
        message: Text::from(&first.message),
        proof: own.iter().flat_map(|finding| proof(finding)).collect(),
        owners: owners.collect(),
        paths: paths.cloned().collect(),
        hidden_of: own.iter().filter_map(|finding| finding.layer).collect(),
    })
}

fn proof(finding: &Finding) -> Vec<Text> {
    let row = |row: &crate::rules::Evidence| {
        let place = row.location.as_ref().map(|place| format!("layer {}, {}: ", place.layer + 1, place.path));
        let (place, size) = (place.unwrap_or_default(), crate::base::ByteSize(row.bytes));
        Text::from(format!("  {size}  {place}{}", row.note))
    };
    let mut out = vec![Text::from(&finding.message)];
    out.extend(finding.evidence.iter().map(row));
    out.extend((finding.more_evidence > 0).then(|| Text::from(format!("  and {} more", finding.more_evidence))));
    out.extend(finding.doubts.iter().map(|doubt| Text::from(format!("  speaks against it: {doubt}"))));
    out.push(Text::default());
    out
}
