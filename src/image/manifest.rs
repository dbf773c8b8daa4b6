//! Manifests and indexes (OCI image-spec manifest.md, image-index.md; Docker's manifest schema 2, whose shape is
//! the same) and docker-archive's `manifest.json`. Parsers take bytes, so that they can be fuzzed.

use crate::base::escape_str;
use oci_spec::image::{ImageIndex, ImageManifest};
use serde::Deserialize;

/// One row of a docker-archive's `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerManifestRow {
    /// Name of the configuration's file.
    pub config: String,
    /// `name:tag`; none for an image without a name.
    pub repo_tags: Vec<String>,
    /// Names of the layers' files, lowest first.
    pub layers: Vec<String>,
}

impl DockerManifestRow {
    /// Its names.
    pub fn names(&self) -> Vec<String> {
        self.repo_tags.clone()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawRow {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// Parses `manifest.json`. The error says what was expected and found, with line and column.
pub fn parse_docker_manifest(bytes: &[u8]) -> Result<Vec<DockerManifestRow>, String> {
    let rows: Vec<RawRow> =
        serde_json::from_slice(bytes).map_err(|error| escape_str(&format!("expected a list of images: {error}")))?;
    if rows.is_empty() {
        return Err("expected at least one image, found an empty list".into());
    }
    Ok(rows
        .into_iter()
        .map(|row| DockerManifestRow {
            config: row.config,
            repo_tags: row.repo_tags.unwrap_or_default(),
            layers: row.layers.unwrap_or_default(),
        })
        .collect())
}

/// Parses an image index.
pub fn parse_index(bytes: &[u8]) -> Result<ImageIndex, String> {
    serde_json::from_slice(bytes).map_err(|error| escape_str(&format!("expected an OCI image index: {error}")))
}

/// Parses an image manifest.
pub fn parse_manifest(bytes: &[u8]) -> Result<ImageManifest, String> {
    serde_json::from_slice(bytes).map_err(|error| escape_str(&format!("expected an OCI image manifest: {error}")))
}
