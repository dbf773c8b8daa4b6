//! Which layers of an image its Dockerfile's instructions made: those that an edit does not touch make them again.

use crate::base::{FastMap, FastSet};
use crate::context::KnownLayer;
use crate::dockerfile::{Dockerfile, Instruction, Kind, Scope};
use crate::emit::edit::Edits;
use crate::fs::{Fate, View};
use crate::image::HistoryRow;
use crate::layer::EntryKind;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of the edited Dockerfile.
#[derive(Default)]
pub(super) struct Aligned {
    /// The base image of the image, as a `FROM` expands to it.
    pub base: Option<String>,
    /// The layers of instructions that nobody touched, by the instruction's position in the edited file.
    pub layers: FastMap<usize, KnownLayer>,
    /// How many of the image's lowest layers are the base's: all below the first that an instruction made.
    pub base_layers: usize,
    /// Layers with bytes, from 1, that no instruction of the file made; all where the history does not tell.
    pub unclaimed: Vec<usize>,
}

/// Compares the history with the file as it was, and the file with what the edits make of it.
pub(super) fn layers(view: &View<'_>, before: &str, edits: &Edits, target: Option<&str>) -> Aligned {
    let (Ok(old), Ok(new)) = (Dockerfile::parse(before), Dockerfile::parse(&edits.text)) else {
        return Aligned::default();
    };
    let last = old.stages.len().saturating_sub(1);
    let target = target.and_then(|name| old.stage(name)).unwrap_or(last);
    let scope = Scope { variables: old.global_arguments().into_iter().collect(), ..Scope::default() };
    let base = old.lineage(target).first().and_then(|&first| scope.expand(&old.stages[first].image));
    let pairs = pairs(&old, &new, edits);
    let untouched =
        |position: usize| pairs.get(&position).copied().filter(|&other| says_the_same(&old, &new, position, other));
    let mut layers = FastMap::default();
    let made = layers_of(view, &old, target);
    let image = view.image();
    let base_layers = made.first().map_or_else(|| image.base_layers(), |(_, layer)| *layer);
    let claimed: FastSet<usize> = made.iter().map(|(_, layer)| *layer).collect();
    let is_unclaimed = |layer: &usize| !claimed.contains(layer) && image.layers[*layer].unpacked() > 0;
    let unclaimed = (base_layers..image.layers.len()).filter(is_unclaimed).map(|layer| layer + 1).collect();
    for (position, layer) in made {
        let Some(other) = untouched(position) else { continue };
        let source = old.source_stage(position);
        let from_untouched = source.is_none_or(|stage| stage_is_untouched(&old, stage, &untouched));
        if from_untouched {
            layers.insert(other, known(view, layer));
        }
    }
    Aligned { base, layers, base_layers, unclaimed }
}

/// The instruction of the edited file that stands for one of the file as it was.
fn pairs(old: &Dockerfile<'_>, new: &Dockerfile<'_>, edits: &Edits) -> BTreeMap<usize, usize> {
    let starts: BTreeMap<usize, usize> =
        new.instructions.iter().enumerate().map(|(position, instruction)| (instruction.span.start, position)).collect();
    let mut out = BTreeMap::new();
    for (position, instruction) in old.instructions.iter().enumerate() {
        let start = instruction.span.start;
        let before = edits.edits.iter().filter(|edit| edit.span.end <= start);
        let shift: i128 = before.map(|edit| edit.replacement.len() as i128 - edit.span.len() as i128).sum();
        let at = usize::try_from(start as i128 + shift).ok();
        out.extend(at.and_then(|at| starts.get(&at)).map(|&other| (position, other)));
    }
    out
}

/// Whether two instructions bring the same bytes: a `COPY` does so whoever owns what it copies.
fn says_the_same(old: &Dockerfile<'_>, new: &Dockerfile<'_>, a: usize, b: usize) -> bool {
    let (left, right) = (&old.instructions[a], &new.instructions[b]);
    let text = |file: &Dockerfile<'_>, instruction: &Instruction| letters(&file.text[instruction.span.clone()]);
    let from = |instruction: &Instruction| {
        let flags = instruction.flags.iter().filter(|flag| !matches!(flag.name.as_str(), "chown" | "chmod" | "link"));
        flags.map(|flag| (flag.name.clone(), flag.value.clone())).collect::<Vec<_>>()
    };
    match (&left.kind, &right.kind) {
        (Kind::Copy(one), Kind::Copy(other)) => {
            one.add == other.add
                && one.sources == other.sources
                && one.destination == other.destination
                && from(left) == from(right)
        }
        _ => text(old, left) == text(new, right),
    }
}

fn stage_is_untouched(old: &Dockerfile<'_>, stage: usize, untouched: &dyn Fn(usize) -> Option<usize>) -> bool {
    // A stage names those before it alone, so this ends.
    old.instructions_of(stage).into_iter().all(|position| {
        let source = old.source_stage(position).filter(|&source| source < stage);
        untouched(position).is_some() && source.is_none_or(|source| stage_is_untouched(old, source, untouched))
    })
}

/// The instructions of the image's own stages, and the layers that the history says they made.
fn layers_of(view: &View<'_>, old: &Dockerfile<'_>, target: usize) -> Vec<(usize, usize)> {
    let image = view.image();
    let rows: Vec<&HistoryRow> = image.config.history.iter().filter(|row| !row.empty_layer).collect();
    if rows.len() != image.layers.len() {
        return Vec::new();
    }
    let rows: Vec<String> = rows.iter().map(|row| letters(&row.instruction())).collect();
    let mut next = image.base_layers();
    let mut out = Vec::new();
    for position in old.instructions_of(target) {
        let instruction = &old.instructions[position];
        let found = match &instruction.kind {
            Kind::Run(_) => {
                let text = letters(&without_comments(&old.text[instruction.head.clone()], old.escape));
                rows.iter().skip(next).position(|row| *row == text).map(|at| next + at)
            }
            // Variables are expanded in the history, and options left out: the next layer is its own, if a copy made that.
            Kind::Copy(_) => {
                let is_copy = |row: &String| row.starts_with("COPY") || row.starts_with("ADD");
                let at = (next..rows.len()).find(|&at| !rows[at].starts_with("WORKDIR"));
                at.filter(|&at| is_copy(&rows[at]))
            }
            _ => None,
        };
        if let Some(layer) = found {
            out.push((position, layer));
            next = layer + 1;
        }
    }
    out
}

/// A layer of the original, and which of its entries only changed attributes.
fn known(view: &View<'_>, layer: usize) -> KnownLayer {
    let image = view.image();
    let index = Arc::clone(&image.layers[layer]);
    let mut rewritten: FastSet<&[u8]> = FastSet::default();
    for (lower, entries) in image.layers.iter().take(layer).enumerate() {
        for (position, entry) in entries.entries.iter().enumerate() {
            if view.fate((lower as u32, position as u32)) == (Fate::Rewritten { by: layer as u32 }) {
                rewritten.insert(entry.path.as_bytes());
            }
        }
    }
    let is_one =
        |entry: &crate::layer::Entry| entry.kind == EntryKind::File && rewritten.contains(entry.path.as_bytes());
    let rewrites = index.entries.iter().enumerate().filter(|(_, entry)| is_one(entry));
    let rewrites = rewrites.map(|(position, _)| position as u32).collect();
    KnownLayer { index, rewrites }
}

/// Builders join lines in several ways; letters and signs stay.
fn letters(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The instruction without continuations and the comments between.
fn without_comments(text: &str, escape: char) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.map(|line| line.trim_end().strip_suffix(escape).unwrap_or(line)).collect::<Vec<_>>().join(" ")
}
