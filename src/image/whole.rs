//! The image itself: its configuration and layers, whose they are, and how large.

use super::config::{Config, HistoryRow};
use super::gap::{Gap, GapReason};
use crate::base::{Basis, Problem};
use crate::layer::LayerIndex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An image: what it is called, its configuration, and its layers from the lowest to the highest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// The name to show: a tag where the source knows one, otherwise the file's or folder's name.
    pub name: String,
    /// Other tags of the same source that were not chosen.
    pub other_names: Vec<String>,
    /// `os/architecture[/variant]`.
    pub platform: String,
    /// The image's configuration.
    pub config: Config,
    /// The layers, lowest first. Images that have one in common share it.
    pub layers: Vec<Arc<LayerIndex>>,
    /// `Measured` for an image that was read, `Predicted` for one that a plan made.
    pub basis: Basis,
    /// What was wrong with the input.
    pub problems: Vec<Problem>,
    /// What of the input could not be read: sizes are then too small, and packages too few, by an unknown amount.
    #[serde(skip)]
    pub unread: Vec<Problem>,
    /// What its layers should have and could not be known: only a virtual image has any. Sizes are then too small by an
    /// unknown amount.
    pub gaps: Vec<Gap>,
    /// How many of the lowest layers are the base image's, where that is known: of a virtual image only.
    #[serde(skip)]
    pub base: Option<usize>,
}

impl Image {
    /// An image of which nothing is known but how its numbers come about.
    pub fn new(basis: Basis) -> Self {
        Self {
            name: String::new(),
            other_names: Vec::new(),
            platform: String::new(),
            config: Config::default(),
            layers: Vec::new(),
            basis,
            problems: Vec::new(),
            unread: Vec::new(),
            gaps: Vec::new(),
            base: None,
        }
    }

    /// The same image without layers, and without what was said of them.
    pub fn shell(&self, basis: Basis) -> Self {
        let (name, platform) = (self.name.clone(), self.platform.clone());
        Self { name, platform, config: self.config.clone(), ..Self::new(basis) }
    }

    /// The rows of the history that belong to the lowest layers; made up where the history does not tell.
    pub fn history_of_lowest(&self, layers: usize) -> Vec<HistoryRow> {
        let mut left = layers;
        let mut rows: Vec<HistoryRow> = Vec::new();
        for row in &self.config.history {
            if left == 0 && !row.empty_layer {
                break;
            }
            left -= usize::from(!row.empty_layer);
            rows.push(row.clone());
        }
        if left == 0 {
            return rows;
        }
        vec![HistoryRow { created_by: "base image".into(), ..HistoryRow::default() }; layers]
    }

    /// The name of the base image, where nothing of its files is known: sizes are those above it.
    pub fn unknown_base(&self) -> Option<&str> {
        let name = self.config.labels.get("org.opencontainers.image.base.name").filter(|name| *name != "scratch")?;
        let is_open =
            |gap: &Gap| matches!(gap.why, GapReason::NoImage(_) | GapReason::ManifestOnly(_) | GapReason::NoBaseName);
        let base = self.layers.iter().take(self.base_layers());
        (self.gaps.iter().any(is_open) && base.map(|layer| layer.unpacked()).sum::<u64>() == 0).then_some(name)
    }

    /// Bytes of all layers (`unpacked`).
    pub fn unpacked(&self) -> u64 {
        self.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.unpacked()))
    }

    /// Compressed bytes of all layers (`wire`), or `None` when a layer's compressed size is not known.
    pub fn wire(&self) -> Option<u64> {
        self.layers.iter().map(|layer| layer.wire).sum()
    }

    /// What created each layer, in step with `layers`, where the history tells: rows without a layer are left
    /// out, and a history that does not account for exactly these layers is not used at all.
    pub fn created_by(&self) -> Vec<Option<&str>> {
        let rows: Vec<&HistoryRow> = self.config.history.iter().filter(|row| !row.empty_layer).collect();
        if rows.len() != self.layers.len() {
            return vec![None; self.layers.len()];
        }
        rows.iter().map(|row| Some(row.created_by.as_str())).collect()
    }

    /// How many of the lowest layers are the base image's. A base image ends with the `CMD` or `ENTRYPOINT`
    /// of its own Dockerfile, and few write one before their own `RUN` and `COPY`: so the base ends at the
    /// last such row that layers follow. 0 when the history does not tell.
    pub fn base_layers(&self) -> usize {
        self.base.map_or_else(|| self.base_by_history(), |base| base.min(self.layers.len()))
    }

    /// The same, where it is known or a command in the history ends it.
    pub fn told_base_layers(&self) -> usize {
        self.base.map_or_else(|| self.base_by_command(), |base| base.min(self.layers.len()))
    }

    fn base_by_history(&self) -> usize {
        let rows = &self.config.history;
        // Builders that tell nothing of any layer, as Nix's, do not tell either that the lowest one is a base.
        let tells = rows.len() == 1 || rows.iter().any(|row| !row.instruction().is_empty());
        let imported = tells && rows.first().is_some_and(|row| !row.empty_layer && row.is_root_file_system());
        let is_whole = rows.iter().filter(|row| !row.empty_layer).count() == self.layers.len();
        self.base_by_command().max(usize::from(imported && is_whole))
    }

    fn base_by_command(&self) -> usize {
        let rows = &self.config.history;
        if rows.iter().filter(|row| !row.empty_layer).count() != self.layers.len() {
            return 0;
        }
        let last_layer = rows.iter().rposition(|row| !row.empty_layer).unwrap_or(0);
        let end = rows[..last_layer].iter().rposition(|row| row.empty_layer && row.sets_command());
        end.map_or(0, |end| rows[..end].iter().filter(|row| !row.empty_layer).count())
    }
}
