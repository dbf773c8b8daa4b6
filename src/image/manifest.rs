//! Manifests and indexes (OCI image-spec manifest.md, image-index.md; Docker's manifest schema 2, whose shape is
//! the same) and docker-archive's `manifest.json`. Parsers take bytes, so that they can be fuzzed.
//!
//! Engines are written in Go, whose decoder takes a field's name in any letter case, the last of several, and `null` for
//! nothing; tools that write images rely on it (Jib writes `repoTags`). So do these parsers.

use crate::base::escape_str;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};
use std::collections::HashMap;

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

/// What an index or a manifest says of a blob.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Descriptor {
    /// Its media type; empty where none is stated.
    #[serde(rename = "mediatype", default)]
    pub media_type: String,
    /// Its digest, as written.
    #[serde(default)]
    pub digest: String,
    /// Its length in bytes.
    #[serde(default)]
    pub size: u64,
    /// Notes of who wrote it.
    #[serde(default)]
    pub annotations: HashMap<String, String>,
    /// What it runs on, where an index says so.
    pub platform: Option<Platform>,
    /// What kind of artifact it is, where it is one.
    #[serde(rename = "artifacttype", default)]
    pub artifact_type: String,
    /// The blob itself, in base 64, where it came along.
    pub data: Option<String>,
}

/// What an image runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Platform {
    /// `linux`.
    #[serde(default)]
    pub os: String,
    /// `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// `v8`.
    #[serde(default)]
    pub variant: String,
}

impl Platform {
    /// `os/architecture[/variant]`.
    pub fn text(&self) -> String {
        let variant = if self.variant.is_empty() { String::new() } else { format!("/{}", self.variant) };
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

/// An image index: manifests, and indexes of manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Index {
    /// What it lists, in its order.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
}

/// An image's manifest, or an artifact's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Manifest {
    /// The configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    /// What kind of artifact it is, where it is one.
    #[serde(rename = "artifacttype", default)]
    pub artifact_type: String,
}

impl Descriptor {
    /// Whether it says that it is an index.
    pub fn is_index(&self) -> bool {
        self.media_type.contains("image.index") || self.media_type.contains("manifest.list")
    }
}

impl Manifest {
    /// Why it is no image's manifest but an artifact's: a chart, a signature, an attestation. `None` for an image.
    pub fn artifact(&self) -> Option<String> {
        let config = &self.config.media_type;
        let is_layer =
            |kind: &str| kind.is_empty() || ["tar", "layer", "rootfs"].iter().any(|word| kind.contains(word));
        if !config.is_empty() && !config.contains("container.image") && !config.contains("image.config") {
            return Some(format!("configuration of type `{}`", escape_str(config)));
        }
        if !self.artifact_type.is_empty() {
            return Some(format!("artifact of type `{}`", escape_str(&self.artifact_type)));
        }
        let first = self.layers.first().map(|layer| layer.media_type.as_str())?;
        let any = self.layers.iter().any(|layer| is_layer(&layer.media_type));
        (!any).then(|| format!("content of type `{}`", escape_str(first)))
    }
}

#[derive(Deserialize)]
struct RawRow {
    config: String,
    #[serde(default)]
    repotags: Vec<String>,
    #[serde(default)]
    layers: Vec<String>,
}

/// Parses `manifest.json`. The error says what was expected and found.
pub fn parse_docker_manifest(bytes: &[u8]) -> Result<Vec<DockerManifestRow>, String> {
    let rows: Vec<RawRow> =
        go_json(bytes).map_err(|error| escape_str(&format!("expected a list of images: {error}")))?;
    if rows.is_empty() {
        return Err("expected at least one image, found an empty list".into());
    }
    let row = |row: RawRow| DockerManifestRow { config: row.config, repo_tags: row.repotags, layers: row.layers };
    Ok(rows.into_iter().map(row).collect())
}

/// Parses an image index.
pub fn parse_index(bytes: &[u8]) -> Result<Index, String> {
    go_json(bytes).map_err(|error| escape_str(&format!("expected an OCI image index: {error}")))
}

/// Parses an image manifest.
pub fn parse_manifest(bytes: &[u8]) -> Result<Manifest, String> {
    if fields(bytes).contains(&"fslayers".to_owned()) {
        return Err("expected an image manifest, found one of Docker's schema 1; push or copy the image again".into());
    }
    go_json(bytes).map_err(|error| escape_str(&format!("expected an OCI image manifest: {error}")))
}

/// Whether a document without a media type is an index by its fields.
pub(super) fn looks_like_index(bytes: &[u8]) -> bool {
    let fields = fields(bytes);
    fields.contains(&"manifests".to_owned()) && !fields.contains(&"config".to_owned())
}

/// The names of a document's fields, in lower case.
fn fields(bytes: &[u8]) -> Vec<String> {
    let fields: Result<HashMap<String, IgnoredAny>, _> = serde_json::from_slice(bytes);
    fields.unwrap_or_default().into_keys().map(|key| key.to_ascii_lowercase()).collect()
}

/// Reads JSON as Go's decoder does: types state their fields' names in lower case.
pub(super) fn go_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    if values(bytes) > MOST_VALUES {
        return Err(serde::de::Error::custom(format!("more than {MOST_VALUES} values")));
    }
    T::deserialize(folded(serde_json::from_slice(bytes)?))
}

/// Most values of a document: each takes a hundred bytes of memory, and may be one of the document.
const MOST_VALUES: usize = 1_000_000;

/// How many values a document has at most: what stands outside of texts and begins one.
fn values(bytes: &[u8]) -> usize {
    let (mut count, mut in_text, mut escaped) = (0, false, false);
    for &byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b',' | b'[' | b'{' if !in_text => count += 1,
            _ => {}
        }
    }
    count
}

/// Objects whose keys are data.
const FREE: [&str; 4] = ["annotations", "labels", "exposedports", "volumes"];

/// With fields' names in lower case, the last of several, and without those that are `null`.
fn folded(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(folded).collect()),
        Value::Object(fields) => {
            let mut out = Map::new();
            for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_null()) {
                let name = name.to_ascii_lowercase();
                let value = if FREE.contains(&name.as_str()) { without_nulls(value) } else { folded(value) };
                out.insert(name, value);
            }
            Value::Object(out)
        }
        other => other,
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value
}
