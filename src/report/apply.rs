//! What `apply` writes, for a terminal and for programs.

use super::layout::{Tone, fit, left, paint, relative, right};
use super::text::joined;
use crate::apply::{Applied, Decision, Gone, Left, Origin, OutLayer, Outcome};
use crate::base::{ByteSize, Text, count, masked};
use crate::fs::View;
use serde::Serialize;

const SIZE: usize = 10;

/// An outcome, and what was written of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ApplyReport {
    /// The original.
    pub name: Text,
    /// Its layers and what became of them, lowest first; those that the outcome has beside them stand last.
    pub layers: Vec<AppliedLayer>,
    /// Bytes of the original (`unpacked`, measured).
    pub before: u64,
    /// Bytes of the outcome (`unpacked`, predicted; as read back where it was written).
    pub after: u64,
    /// Bytes that no container sees and that layers which are kept still have (`unpacked`).
    pub still_hidden: u64,
    /// What goes of what a container sees, by the rules that were followed.
    pub dropped: Vec<DroppedFiles>,
    /// What of the plan is left as it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftAlone>,
    /// Distributions that come from wheels, with the digests of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub installed: Vec<Text>,
    /// Bytes of bytecode (`unpacked`) that the original has for them; none is written.
    pub without_bytecode: u64,
    /// What was written; none where only the prediction was asked for.
    pub written: Option<WrittenImage>,
}

/// Something that the plan wants and that is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftAlone {
    /// A rule, packages, files.
    pub what: Text,
    /// Why.
    pub why: Text,
    /// Its bytes (`unpacked`).
    pub bytes: u64,
}

/// Visible files that go by a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DroppedFiles {
    /// The rule.
    pub rule: String,
    /// How many files and links.
    pub files: usize,
    /// Their bytes (`unpacked`); of a file with several names, when its first name goes.
    pub bytes: u64,
    /// Bytes that come in their place (`unpacked`).
    pub added: u64,
}

/// What becomes of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AppliedLayer {
    /// Its position in the original, from 1; none for a layer that the original has not.
    pub number: Option<usize>,
    /// What becomes of it.
    pub fate: LayerFate,
    /// Its bytes before (`unpacked`).
    pub before: u64,
    /// Its bytes after (`unpacked`).
    pub after: u64,
    /// The instruction that made it.
    pub created_by: Text,
}

/// What becomes of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerFate {
    /// It stays, with its digest.
    Kept,
    /// It is written again.
    Rewritten,
    /// Nothing of it is left.
    Gone,
    /// The original has it not: it hides something.
    Added,
}

impl LayerFate {
    fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Rewritten => "rewritten",
            Self::Gone => "gone",
            Self::Added => "added",
        }
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WrittenImage {
    /// Where it is.
    pub place: Text,
    /// Digest of its manifest.
    pub manifest: String,
    /// Digest of its configuration: the ID that an engine gives it.
    pub config: String,
    /// Bytes of its blobs, as they are stored.
    pub stored: u64,
    /// Entries that were read back and are as predicted.
    pub entries: usize,
    /// Of a registry: how many blobs were there, how many were mounted from another repository and how many were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blobs: Option<(usize, usize, usize)>,
    /// Of a registry: bytes that were sent.
    pub sent: u64,
}

impl ApplyReport {
    /// Of an outcome.
    pub fn new(view: &View<'_>, outcome: &Outcome, dropped: Vec<DroppedFiles>) -> Self {
        let image = view.image();
        let hidden = crate::apply::hidden_bytes(view);
        let created_by = image.created_by();
        let mut layers: Vec<AppliedLayer> = Vec::new();
        for (layer, index) in image.layers.iter().enumerate() {
            let found = outcome.layers.iter().position(|out| match out {
                OutLayer::Kept(kept) => *kept == layer,
                OutLayer::New(from, _) => *from == Origin::Layer(layer),
            });
            let fate = match found.map(|position| &outcome.layers[position]) {
                Some(OutLayer::Kept(_)) => LayerFate::Kept,
                Some(OutLayer::New(..)) => LayerFate::Rewritten,
                None => LayerFate::Gone,
            };
            let after = found.map_or(0, |position| outcome.predicted.layers[position].unpacked());
            let text = masked(created_by[layer].unwrap_or_default()).as_str().into();
            layers.push(AppliedLayer {
                number: Some(layer + 1),
                fate,
                before: index.unpacked(),
                after,
                created_by: text,
            });
        }
        for (position, out) in outcome.layers.iter().enumerate() {
            let created_by = match out.origin() {
                None | Some(Origin::Layer(_)) => continue,
                Some(Origin::Group(name)) => name.as_str().into(),
                Some(Origin::Hides) => "hides what layers below still have".into(),
            };
            let after = outcome.predicted.layers[position].unpacked();
            layers.push(AppliedLayer { number: None, fate: LayerFate::Added, before: 0, after, created_by });
        }
        let kept = layers.iter().zip(&hidden).filter(|(layer, _)| layer.fate == LayerFate::Kept);
        Self {
            name: image.name.as_str().into(),
            still_hidden: kept.fold(0, |sum, (_, hidden)| hidden.saturating_add(sum)),
            before: image.unpacked(),
            after: outcome.predicted.unpacked(),
            layers,
            dropped,
            left: Vec::new(),
            installed: Vec::new(),
            without_bytecode: 0,
            written: None,
        }
    }

    /// With what was decided.
    #[must_use]
    pub fn with_decision(self, decision: &Decision) -> Self {
        let row = |(rule, gone): (&String, &Gone)| DroppedFiles {
            rule: rule.clone(),
            files: usize::try_from(gone.files).unwrap_or(usize::MAX),
            bytes: gone.bytes,
            added: gone.added,
        };
        let mut dropped: Vec<DroppedFiles> = decision.gone.iter().map(row).collect();
        dropped.sort_by_key(|row| std::cmp::Reverse(row.bytes));
        let left = |left: &Left| LeftAlone {
            what: left.what.as_str().into(),
            why: left.why.as_str().into(),
            bytes: left.bytes,
        };
        let installed = decision.installed.iter().map(|text| text.as_str().into()).collect();
        let left = decision.left.iter().map(left).collect();
        Self { dropped, left, installed, without_bytecode: decision.without_bytecode, ..self }
    }

    /// With what was written.
    #[must_use]
    pub fn with_written(self, applied: &Applied, place: &str) -> Self {
        let written = WrittenImage {
            place: place.into(),
            manifest: applied.manifest.to_string(),
            config: applied.config.to_string(),
            stored: applied.wire,
            entries: applied.entries,
            blobs: applied.delivered.map(|found| (found.there, found.mounted, found.sent)),
            sent: applied.delivered.map_or(0, |found| found.bytes),
        };
        Self { written: Some(written), ..self }
    }
}

/// The report as text.
pub fn render(report: &ApplyReport, color: bool, width: usize) -> String {
    let size = |bytes: u64| ByteSize(bytes).to_string();
    let there = report.layers.iter().filter(|layer| layer.fate != LayerFate::Gone).count();
    let before = report.layers.iter().filter(|layer| layer.number.is_some()).count();
    let mut lines = vec![
        format!("before {} unpacked in {}", right(&size(report.before), SIZE), count(before, "layer")),
        format!(
            "after  {} unpacked in {}   {}",
            right(&size(report.after), SIZE),
            count(there, "layer"),
            relative(report.before, report.after)
        ),
        String::new(),
        format!("  layer {} {}", right("before", SIZE), right("after", SIZE)),
    ];
    for layer in &report.layers {
        let number = layer.number.map_or_else(|| "new".to_owned(), |number| number.to_string());
        let tone = if layer.fate == LayerFate::Kept { Tone::Dim } else { Tone::Saving };
        let what = paint(color, tone, &left(layer.fate.word(), 9));
        let (old, new) = (right(&size(layer.before), SIZE), right(&size(layer.after), SIZE));
        let room = width.saturating_sub(8 + 2 * SIZE + 14).max(20);
        let text = fit(&layer.created_by.as_str().replace('\n', " "), room);
        lines.push(format!("  {} {old} {new}  {what} {text}", right(&number, 5)).trim_end().to_owned());
    }
    lines.push(String::new());
    for row in &report.dropped {
        lines.push(match row.files {
            0 => format!("{}: nothing above the base.", row.rule),
            files if row.added > 0 => {
                let (bytes, files) = (size(row.bytes), count(files, "file"));
                format!("{}: {bytes} in {files} go, {} come.", row.rule, size(row.added))
            }
            files => format!("{}: {} in {} go.", row.rule, size(row.bytes), count(files, "file")),
        });
    }
    lines.extend(report.installed.iter().map(|name| format!("from a wheel: {name}")));
    if report.without_bytecode > 0 {
        let bytes = size(report.without_bytecode);
        lines.push(format!(
            "without bytecode of what comes from wheels ({bytes} before): its first import compiles it, or each start where it cannot write there."
        ));
    }
    for left in &report.left {
        lines.push(format!("left: {} ({}): {}", left.what, size(left.bytes), left.why));
    }
    if report.still_hidden > 0 {
        lines.push(format!("{} that no container sees stay in layers that are kept.", size(report.still_hidden)));
    }
    match &report.written {
        None => lines.push("Nothing was written: this is the prediction.".to_owned()),
        Some(written) => {
            lines.push(format!("Read back and as predicted: {}.", count(written.entries, "path")));
            lines.push(format!(
                "wrote {}: {} stored, manifest {}",
                written.place,
                size(written.stored),
                written.manifest
            ));
            if let Some((there, mounted, sent)) = written.blobs {
                let bytes = size(written.sent);
                lines.push(format!("blobs: {there} there, {mounted} mounted, {sent} sent ({bytes})."));
            }
        }
    }
    joined(lines)
}
