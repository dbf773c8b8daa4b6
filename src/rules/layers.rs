//! Bytes that the image carries and no container sees.

use super::Rule;
use super::context::{Context, FileRows};
use super::{Evidence, Finding, Subject};
use crate::base::{ByteSize, EntryIdx, FastMap, ImagePath, LayerIdx, count, names};
use crate::fs::Fate;
use crate::layer::{Entry, EntryKind};
use std::collections::BTreeMap;

/// Less than this between two layers is not worth a line.
const THRESHOLD: u64 = 100_000;

/// What one layer hides of another.
#[derive(Default)]
struct Hidden {
    deleted: u64,
    replaced: u64,
    shadowed: u64,
    files: FileRows,
}

impl Hidden {
    fn bytes(&self) -> u64 {
        self.deleted.saturating_add(self.replaced).saturating_add(self.shadowed)
    }

    fn how(&self) -> &'static str {
        match (self.deleted > 0, self.replaced > 0, self.shadowed > 0) {
            (true, false, false) => "deleted",
            (false, true, false) => "replaced",
            (false, false, true) => "written twice",
            _ => "deleted or replaced",
        }
    }
}

/// One finding for each pair of a layer and a layer that deleted, replaced or shadowed its bytes.
pub(super) fn dead(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut pairs: BTreeMap<(LayerIdx, LayerIdx), Hidden> = BTreeMap::new();
    for_each_file(context, |layer, entry, fate| {
        let (by, slot): (LayerIdx, fn(&mut Hidden) -> &mut u64) = match fate {
            Fate::Deleted { by, .. } => (by, |hidden| &mut hidden.deleted),
            Fate::Replaced { by } => (by, |hidden| &mut hidden.replaced),
            Fate::Shadowed => (layer, |hidden| &mut hidden.shadowed),
            Fate::Visible | Fate::Rewritten { .. } => return,
        };
        let hidden = pairs.entry((layer, by)).or_default();
        let slot = slot(hidden);
        *slot = slot.saturating_add(entry.size);
        hidden.files.add(layer, &entry.path, entry.size);
    });
    let worth = |by: LayerIdx, bytes| bytes >= THRESHOLD && by >= context.base_layers;
    let pairs = pairs.into_iter().filter(|((_, by), hidden)| worth(*by, hidden.bytes()));
    pairs.map(|((layer, by), hidden)| dead_finding(context, rule, layer, by, hidden)).collect()
}

fn dead_finding(context: &Context<'_>, rule: &Rule, layer: LayerIdx, by: LayerIdx, hidden: Hidden) -> Finding {
    let bytes = hidden.bytes();
    let how = hidden.how();
    let message = if layer == by {
        let message = format!(
            "{} of {} stand in it twice, and only the second copy counts: the image still carries both",
            ByteSize(bytes),
            context.layer(layer)
        );
        message
    } else {
        let by_whom = context.layer(by);
        let message = format!(
            "{} of layer {} are hidden by {by_whom}: {} {how}, and the image still carries them",
            ByteSize(bytes),
            layer + 1,
            count(hidden.files.count(), "file"),
        );
        message
    };
    let subject = Subject::Hidden { layer, by };
    let mut finding = Finding::new(rule, subject, message, bytes).with_evidence(hidden.files.rows(how));
    finding.layer = Some(layer);
    finding
}

/// What a layer wrote again.
#[derive(Default)]
struct Rewritten {
    bytes: u64,
    owner: usize,
    mode: usize,
    time: usize,
    attributes: usize,
    files: FileRows,
}

impl Rewritten {
    fn compare(&mut self, below: &Entry, above: &Entry) {
        self.owner += usize::from((below.uid, below.gid) != (above.uid, above.gid));
        self.mode += usize::from(below.mode != above.mode);
        self.time += usize::from(below.mtime != above.mtime);
        self.attributes += usize::from(below.xattrs != above.xattrs);
    }

    /// `only the owner changed`, `owner and time changed`, `nothing changed`.
    fn changed(&self) -> String {
        let all = [(self.owner, "owner"), (self.mode, "mode"), (self.time, "time"), (self.attributes, "attributes")];
        let changed: Vec<String> =
            all.iter().filter(|(files, _)| *files > 0).map(|(_, name)| (*name).to_owned()).collect();
        match changed.as_slice() {
            [] => "nothing about them changed".to_owned(),
            [one] => format!("only the {one} changed"),
            several => format!("only {} changed", names(several, 4)),
        }
    }
}

/// One finding for each pair of a layer and a layer that holds the same bytes again.
pub(super) fn rewritten(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut again: BTreeMap<LayerIdx, Vec<(LayerIdx, &Entry)>> = BTreeMap::new();
    for_each_file(context, |layer, entry, fate| {
        if let Fate::Rewritten { by } = fate {
            again.entry(by).or_default().push((layer, entry));
        }
    });
    let again = again.into_iter().filter(|(by, _)| *by >= context.base_layers);
    again.flat_map(|(by, below)| rewritten_by(context, rule, by, &below)).collect()
}

fn rewritten_by(context: &Context<'_>, rule: &Rule, by: LayerIdx, below: &[(LayerIdx, &Entry)]) -> Vec<Finding> {
    let image = context.facts.view.image();
    let entries = image.layers.get(by as usize).map_or(&[][..], |layer| &layer.entries);
    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
    let above: FastMap<&ImagePath, &Entry> = files.map(|entry| (&entry.path, entry)).collect();
    let mut pairs: BTreeMap<LayerIdx, Rewritten> = BTreeMap::new();
    for (layer, entry) in below {
        let pair = pairs.entry(*layer).or_default();
        pair.bytes = pair.bytes.saturating_add(entry.size);
        pair.files.add(*layer, &entry.path, entry.size);
        if let Some(above) = above.get(&entry.path) {
            pair.compare(entry, above);
        }
    }
    let pairs = pairs.into_iter().filter(|(_, pair)| pair.bytes >= THRESHOLD);
    pairs.map(|(layer, pair)| rewritten_finding(context, rule, layer, by, pair)).collect()
}

fn rewritten_finding(context: &Context<'_>, rule: &Rule, layer: LayerIdx, by: LayerIdx, pair: Rewritten) -> Finding {
    let changed = pair.changed();
    let message = format!(
        "{} of layer {} are written again by {}: {changed} ({})",
        ByteSize(pair.bytes),
        layer + 1,
        context.layer(by),
        count(pair.files.count(), "file"),
    );
    let subject = Subject::Rewritten { layer, by };
    let rows: Vec<Evidence> = pair.files.rows(&changed);
    let mut finding = Finding::new(rule, subject, message, pair.bytes).with_evidence(rows);
    finding.layer = Some(layer);
    finding
}

/// All regular files with bytes of all layers, in order, with their fates.
fn for_each_file<'a>(context: &Context<'a>, mut each: impl FnMut(LayerIdx, &'a Entry, Fate)) {
    let view = context.facts.view;
    for (layer, index) in view.image().layers.iter().enumerate() {
        for (position, entry) in index.entries.iter().enumerate() {
            if entry.kind == EntryKind::File && entry.size > 0 {
                each(layer as LayerIdx, entry, view.fate((layer as LayerIdx, position as EntryIdx)));
            }
        }
    }
}
