//! Configuration, manifest and indexes of the outcome. The configuration is the original's as JSON values, with unknown fields
//! and all, but for the list of layers and the history: `oci-spec` would lose Docker's own fields.

use super::error::ApplyError;
use super::outcome::{Origin, OutLayer};
use super::pack::Blob;
use super::store::Store;
use crate::base::Digest;
use crate::image::{Account, Image};
use crate::layer::Compression;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

/// The media type of the manifests that are written.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The annotations that name the base image.
const BASE: &str = "org.opencontainers.image.base.";

/// What the documents are made of.
pub struct Documents<'d> {
    /// The original's configuration, byte for byte.
    pub config: &'d [u8],
    /// Those of the original's manifest.
    pub annotations: &'d HashMap<String, String>,
    /// The original.
    pub image: &'d Image,
    /// Its base's layers.
    pub base_layers: usize,
    /// The outcome's layers.
    pub layers: &'d [OutLayer],
    /// What the outcome tells of itself.
    pub account: &'d Account,
    /// Their blobs.
    pub blobs: &'d [Blob],
    /// The time of what is new, as RFC 3339 has it, where the user names one.
    pub created: Option<String>,
    /// The name of the outcome, `repository:tag` or a tag alone.
    pub name: Option<&'d str>,
}

/// What was written.
pub struct Written {
    /// Digest of the manifest.
    pub manifest: Digest,
    /// Its length.
    pub manifest_size: u64,
    /// Digest of the configuration: the image's ID in an engine's classic store.
    pub config: Digest,
    /// Its length.
    pub config_size: u64,
}

impl Documents<'_> {
    /// Writes all of them: a layout, and `manifest.json` beside it, without which engines before 25 load nothing.
    ///
    /// # Errors
    ///
    /// The configuration is no JSON object; they cannot be written.
    pub fn write(&self, store: &Store) -> Result<Written, ApplyError> {
        let config = self.config()?;
        let config_digest = store.document(&config)?;
        let manifest = self.manifest(&config_digest, config.len());
        let manifest_digest = store.document(&manifest)?;
        store.file("oci-layout", b"{\"imageLayoutVersion\":\"1.0.0\"}")?;
        store.file("index.json", &self.index(&manifest_digest, manifest.len()))?;
        store.file("manifest.json", &self.archive(&config_digest))?;
        Ok(Written {
            manifest: manifest_digest,
            manifest_size: manifest.len() as u64,
            config: config_digest,
            config_size: config.len() as u64,
        })
    }

    fn config(&self) -> Result<Vec<u8>, ApplyError> {
        let config = serde_json::from_slice(self.config).ok();
        let Some(Value::Object(mut config)) = config else {
            return Err(ApplyError::Unwritable {
                path: "the configuration".into(),
                why: "expected a JSON object, found something else".into(),
            });
        };
        let history = take(&mut config, "history");
        let rootfs = take(&mut config, "rootfs");
        let mut rootfs = match rootfs {
            Some(Value::Object(rootfs)) => rootfs,
            _ => Map::new(),
        };
        let diff_ids: Vec<String> = self.blobs.iter().map(|blob| blob.diff_id.to_string()).collect();
        take(&mut rootfs, "diff_ids");
        take(&mut rootfs, "type");
        rootfs.insert("type".into(), json!("layers"));
        rootfs.insert("diff_ids".into(), json!(diff_ids));
        if let Some(created) = &self.created {
            take(&mut config, "created");
            config.insert("created".into(), json!(created));
        }
        let created = config.get("created").cloned();
        config.insert("rootfs".into(), Value::Object(rootfs));
        if let Some(history) = self.history(history, created.as_ref()) {
            config.insert("history".into(), Value::Array(history));
        }
        Ok(bytes(&Value::Object(config)))
    }

    /// The original's rows, each layer's with what became of it; none where they do not account for the layers.
    fn history(&self, rows: Option<Value>, created: Option<&Value>) -> Option<Vec<Value>> {
        let rows = match rows {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        };
        let is_empty = |row: &Value| row.get("empty_layer").and_then(Value::as_bool).unwrap_or_default();
        let mut out = Vec::new();
        if rows.iter().filter(|row| !is_empty(row)).count() == self.image.layers.len() {
            out = self.rows_of_original(rows, &is_empty);
            out.extend(self.new_rows(created));
        } else if !self.account.is_empty() {
            // Who counts rows finds one for each layer.
            out = self.layers.iter().map(|_| json!({ "created_by": "" })).collect();
        }
        if !self.account.is_empty() {
            let mut row = Map::new();
            row.extend(created.map(|created| ("created".to_owned(), created.clone())));
            row.insert("created_by".into(), json!(self.account.row()));
            row.insert("empty_layer".into(), json!(true));
            out.push(Value::Object(row));
        }
        (!out.is_empty()).then_some(out)
    }

    /// Each row of the original, with what became of its layer.
    fn rows_of_original(&self, rows: Vec<Value>, is_empty: &dyn Fn(&Value) -> bool) -> Vec<Value> {
        let kept = |layer: usize| self.layers.contains(&OutLayer::Kept(layer));
        let is_new = |layer: usize| {
            self.layers.iter().any(|out| matches!(out, OutLayer::New(Origin::Layer(position), _) if *position == layer))
        };
        let is_grouped = self.layers.iter().any(|out| matches!(out, OutLayer::New(Origin::Group(_), _)));
        let gone = match is_grouped {
            true => "slimwright apply: what stays of it is in layers of its own, further down in this list",
            false => "slimwright apply: nothing of it was left",
        };
        let mut out = Vec::new();
        let mut layer = 0;
        for mut row in rows {
            if !is_empty(&row) {
                match (kept(layer), is_new(layer)) {
                    (true, _) => {}
                    (false, true) => remark(&mut row, "written again by slimwright apply: what stays of it"),
                    (false, false) => {
                        remark(&mut row, gone);
                        if let Value::Object(row) = &mut row {
                            row.insert("empty_layer".into(), json!(true));
                        }
                    }
                }
                layer += 1;
            }
            out.push(row);
        }
        out
    }

    /// The rows of layers that the original has not.
    fn new_rows(&self, created: Option<&Value>) -> Vec<Value> {
        let mut out = Vec::new();
        for origin in self.layers.iter().filter_map(OutLayer::origin) {
            let (command, comment) = match origin {
                Origin::Layer(_) => continue,
                Origin::Group(name) => {
                    (format!("slimwright apply: {name}"), "what stays of the layers above, and what is new")
                }
                Origin::Hides => ("slimwright apply".to_owned(), "hides what layers below still have"),
            };
            let mut row = Map::new();
            if let Some(created) = created {
                row.insert("created".into(), created.clone());
            }
            row.insert("created_by".into(), json!(command));
            row.insert("comment".into(), json!(comment));
            out.push(Value::Object(row));
        }
        out
    }

    fn manifest(&self, config: &Digest, config_size: usize) -> Vec<u8> {
        let layer = |blob: &Blob| {
            let kind = match blob.compression {
                Compression::None => "application/vnd.oci.image.layer.v1.tar",
                Compression::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
                Compression::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
            };
            json!({ "mediaType": kind, "digest": blob.digest.to_string(), "size": blob.size })
        };
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config.to_string(),
                "size": config_size,
            },
            "layers": self.blobs.iter().map(layer).collect::<Vec<_>>(),
        });
        let keeps_base = (0..self.base_layers).all(|layer| self.layers.contains(&OutLayer::Kept(layer)));
        let keeps_base = keeps_base && self.base_layers > 0;
        let annotations: BTreeMap<&String, &String> =
            self.annotations.iter().filter(|(key, _)| keeps_base || !key.starts_with(BASE)).collect();
        if !annotations.is_empty() {
            manifest["annotations"] = json!(annotations);
        }
        bytes(&manifest)
    }

    fn index(&self, manifest: &Digest, size: usize) -> Vec<u8> {
        let config = &self.image.config;
        let mut platform = json!({ "architecture": config.architecture, "os": config.os });
        if let Some(variant) = &config.variant {
            platform["variant"] = json!(variant);
        }
        let mut descriptor = json!({
            "mediaType": MANIFEST,
            "digest": manifest.to_string(),
            "size": size,
            "platform": platform,
        });
        if let Some(name) = self.name {
            descriptor["annotations"] = match is_whole(name) {
                true => {
                    json!({ "io.containerd.image.name": qualified(name), "org.opencontainers.image.ref.name": tag(name) })
                }
                false => json!({ "org.opencontainers.image.ref.name": name }),
            };
        }
        bytes(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [descriptor],
        }))
    }

    fn archive(&self, config: &Digest) -> Vec<u8> {
        let place = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
        let layers: Vec<String> = self.blobs.iter().map(|blob| place(&blob.digest)).collect();
        let tags: Vec<&str> = self.name.into_iter().filter(|name| is_whole(name)).collect();
        bytes(&json!([{ "Config": place(config), "RepoTags": tags, "Layers": layers }]))
    }
}

/// Removes a field whatever its letters' case, as Go reads it; the last of several counts.
fn take(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let names: Vec<String> = fields.keys().filter(|key| key.eq_ignore_ascii_case(name)).cloned().collect();
    names.iter().filter_map(|name| fields.remove(name)).last()
}

fn remark(row: &mut Value, text: &str) {
    let Value::Object(row) = row else { return };
    let old = row.get("comment").and_then(Value::as_str).unwrap_or_default();
    let new = if old.is_empty() { text.to_owned() } else { format!("{old}; {text}") };
    row.insert("comment".into(), json!(new));
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// Whether a name has a repository and a tag.
fn is_whole(name: &str) -> bool {
    name.rsplit_once(':').is_some_and(|(repository, tag)| !repository.is_empty() && !tag.contains('/'))
}

fn tag(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, tag)| tag)
}

/// A name with its registry, as containerd has it: `docker.io/library/service:1.4`.
fn qualified(name: &str) -> String {
    match name.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => name.to_owned(),
        Some(_) => format!("docker.io/{name}"),
        None => format!("docker.io/library/{name}"),
    }
}
