//! Manifests and indexes (OCI image-spec manifest.md, image-index.md; Docker's manifest schema 2, whose shape is
//! the same) and docker-archive's `manifest.json`. Parsers take bytes, so that they can be fuzzed.
//!
//! Engines are written in Go, whose decoder takes a field's name in any letter case, the last of several, and `null` for
//! nothing; tools that write images rely on it (Jib writes `repoTags`). So do these parsers: what they have read they spell
//! as the specification does, and `oci-spec` reads that.

use crate::base::Text;
use oci_spec::image as oci;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value, json};
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Its media type; empty where none is stated.
    pub media_type: String,
    /// Its digest, as written.
    pub digest: String,
    /// Its length in bytes.
    pub size: u64,
    /// Notes of who wrote it.
    pub annotations: HashMap<String, String>,
    /// What it runs on, where an index says so.
    pub platform: Option<Platform>,
    /// What kind of artifact it is, where it is one.
    pub artifact_type: String,
    /// The blob itself, in base 64, where it came along.
    pub data: Option<String>,
}

/// What an image runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`.
    pub architecture: String,
    /// `v8`.
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// What it lists, in its order.
    pub manifests: Vec<Descriptor>,
}

/// An image's manifest, or an artifact's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// What kind of artifact it is, where it is one.
    pub artifact_type: String,
    /// Notes of who wrote it.
    pub annotations: HashMap<String, String>,
}

impl From<&oci::Descriptor> for Descriptor {
    fn from(spec: &oci::Descriptor) -> Self {
        Self {
            media_type: spec.media_type().to_string(),
            digest: spec.digest().to_string(),
            size: spec.size(),
            annotations: spec.annotations().clone().unwrap_or_default(),
            platform: spec.platform().as_ref().map(Platform::from),
            artifact_type: spec.artifact_type().as_ref().map(ToString::to_string).unwrap_or_default(),
            data: spec.data().clone(),
        }
    }
}

impl From<&oci::Platform> for Platform {
    fn from(spec: &oci::Platform) -> Self {
        Self {
            os: spec.os().to_string(),
            architecture: spec.architecture().to_string(),
            variant: spec.variant().clone().unwrap_or_default(),
        }
    }
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
            return Some(format!("configuration of type `{}`", Text::from(config)));
        }
        if !self.artifact_type.is_empty() {
            return Some(format!("artifact of type `{}`", Text::from(&self.artifact_type)));
        }
        let first = self.layers.first().map(|layer| layer.media_type.as_str())?;
        let any = self.layers.iter().any(|layer| is_layer(&layer.media_type));
        (!any).then(|| format!("content of type `{}`", Text::from(first)))
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
        go_json(bytes).map_err(|error| Text::from(&format!("expected a list of images: {error}")))?;
    if rows.is_empty() {
        return Err("expected at least one image, found an empty list".into());
    }
    let row = |row: RawRow| DockerManifestRow { config: row.config, repo_tags: row.repotags, layers: row.layers };
    Ok(rows.into_iter().map(row).collect())
}

/// Parses an image index.
pub fn parse_index(bytes: &[u8]) -> Result<Index, String> {
    let spec: oci::ImageIndex =
        specified(bytes).map_err(|error| Text::from(&format!("expected an OCI image index: {error}")))?;
    Ok(Index { manifests: spec.manifests().iter().map(Descriptor::from).collect() })
}

/// Parses an image manifest.
pub fn parse_manifest(bytes: &[u8]) -> Result<Manifest, String> {
    if fields(bytes).contains(&"fslayers".to_owned()) {
        return Err("expected an image manifest, found one of Docker's schema 1; push or copy the image again".into());
    }
    let spec: oci::ImageManifest =
        specified(bytes).map_err(|error| Text::from(&format!("expected an OCI image manifest: {error}")))?;
    Ok(Manifest {
        config: spec.config().into(),
        layers: spec.layers().iter().map(Descriptor::from).collect(),
        artifact_type: spec.artifact_type().as_ref().map(ToString::to_string).unwrap_or_default(),
        annotations: spec.annotations().clone().unwrap_or_default(),
    })
}

/// Reads a manifest or an index: names are spelled as the specification does, and what Go takes for nothing where it is not
/// stated is stated.
fn specified<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    let mut document: Value = go_json(bytes)?;
    let Value::Object(fields) = &mut document else { return T::deserialize(document) };
    for name in ["config", "subject", "layers", "manifests"] {
        match fields.get_mut(name) {
            Some(Value::Array(list)) => list.iter_mut().for_each(describe),
            Some(one) => describe(one),
            None if matches!(name, "layers" | "manifests") => _ = fields.insert(name.into(), json!([])),
            None => {}
        }
    }
    state(fields, &[("schemaversion", "schemaVersion", json!(2))]);
    respell(fields);
    T::deserialize(document)
}

/// A descriptor.
fn describe(value: &mut Value) {
    let Value::Object(fields) = value else { return };
    if let Some(Value::Object(platform)) = fields.get_mut("platform") {
        state(platform, &[("os", "os", json!("")), ("architecture", "architecture", json!(""))]);
    }
    state(fields, &[("mediatype", "mediaType", json!("")), ("size", "size", json!(0))]);
    respell(fields);
}

/// Fields that must be there: their names in lower case, their names, what they are where they are not stated.
fn state(fields: &mut Map<String, Value>, rows: &[(&str, &str, Value)]) {
    for (folded, name, default) in rows {
        let value = fields.remove(*folded).unwrap_or_else(|| default.clone());
        fields.insert((*name).to_owned(), value);
    }
}

fn respell(fields: &mut Map<String, Value>) {
    for (folded, name) in [("mediatype", "mediaType"), ("artifacttype", "artifactType")] {
        if let Some(value) = fields.remove(folded) {
            fields.insert(name.to_owned(), value);
        }
    }
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
    if values(bytes) > MAX_VALUES {
        return Err(serde::de::Error::custom(format!("more than {MAX_VALUES} values")));
    }
    T::deserialize(folded(serde_json::from_slice(bytes)?))
}

/// Most values of a document: each takes a hundred bytes of memory, and may be one of the document.
const MAX_VALUES: usize = 1_000_000;

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
