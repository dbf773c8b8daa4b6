//! What an engine answers, from bytes.
//!
//! Engines differ in what they leave out or set to `null`, so everything that is not needed to go on may be absent.
//! Source: the Docker Engine API reference, versions 1.24 to 1.47, `ImageInspect` and `SystemInfo`.

use crate::base::Text;
use serde::Deserialize;
use std::path::PathBuf;

/// What an engine says of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspected {
    /// The image's ID: in the classic store the digest of its configuration, in containerd's store that of its
    /// manifest or index.
    pub id: String,
    /// Its names.
    pub repo_tags: Vec<String>,
    /// The digests of its layers' tars, lowest first.
    pub diff_ids: Vec<String>,
    /// `amd64`.
    pub architecture: String,
    /// `v8`, where there is one.
    pub variant: Option<String>,
    /// `linux`.
    pub os: String,
    /// What the engine shows as its size; what is counted differs from store to store.
    pub size: u64,
    /// The storage driver that holds it, where the engine says so.
    pub graph_driver: Option<String>,
}

impl Inspected {
    /// `os/architecture[/variant]`.
    pub fn platform(&self) -> String {
        let variant = self.variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

/// What an engine says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The folder of its store, on the machine where it runs.
    pub root_dir: Option<PathBuf>,
    /// The storage driver: `overlay2` for the classic store, `overlayfs` for containerd's, `overlay` for Podman's.
    pub driver: Option<String>,
    /// Whether it keeps images in containerd's store, as new installations do since Docker 29.
    pub is_containerd: bool,
    /// Its version.
    pub version: String,
    /// Memory of the machine where it runs, in bytes.
    pub memory: Option<u64>,
    /// Processors of that machine.
    pub cpus: Option<u64>,
    /// `1` or `2`, where the engine says which cgroups it uses.
    pub cgroup_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawInspect {
    id: String,
    repo_tags: Option<Vec<String>>,
    #[serde(rename = "RootFS")]
    root_fs: Option<RawRootFs>,
    architecture: Option<String>,
    variant: Option<String>,
    os: Option<String>,
    size: Option<i64>,
    graph_driver: Option<RawDriver>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawRootFs {
    layers: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawDriver {
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawInfo {
    docker_root_dir: Option<PathBuf>,
    driver: Option<String>,
    driver_status: Option<Vec<Vec<String>>>,
    server_version: Option<String>,
    mem_total: Option<u64>,
    #[serde(rename = "NCPU")]
    cpus: Option<u64>,
    cgroup_version: Option<String>,
}

#[derive(Deserialize)]
struct RawError {
    message: String,
}

/// Parses the answer of `/images/NAME/json`.
pub fn parse_inspect(bytes: &[u8]) -> Result<Inspected, serde_json::Error> {
    let raw: RawInspect = serde_json::from_slice(bytes)?;
    Ok(Inspected {
        id: raw.id,
        repo_tags: raw.repo_tags.unwrap_or_default(),
        diff_ids: raw.root_fs.and_then(|root| root.layers).unwrap_or_default(),
        architecture: raw.architecture.unwrap_or_default(),
        variant: raw.variant.filter(|variant| !variant.is_empty()),
        os: raw.os.unwrap_or_default(),
        size: raw.size.and_then(|size| size.try_into().ok()).unwrap_or_default(),
        graph_driver: raw.graph_driver.and_then(|driver| driver.name).filter(|name| !name.is_empty()),
    })
}

/// Parses the answer of `/info`.
pub fn parse_info(bytes: &[u8]) -> Result<Info, serde_json::Error> {
    let raw: RawInfo = serde_json::from_slice(bytes)?;
    let is_containerd = |row: &Vec<String>| row[..] == ["driver-type", "io.containerd.snapshotter.v1"];
    Ok(Info {
        is_containerd: raw.driver_status.unwrap_or_default().iter().any(is_containerd),
        root_dir: raw.docker_root_dir.filter(|path| path.is_absolute()),
        driver: raw.driver.filter(|driver| !driver.is_empty()),
        version: raw.server_version.unwrap_or_default(),
        memory: raw.mem_total.filter(|bytes| *bytes > 0),
        cpus: raw.cpus.filter(|cpus| *cpus > 0),
        cgroup_version: raw.cgroup_version.filter(|version| !version.is_empty()),
    })
}

/// Parses the answer of `/images/json`: every name of every image.
pub fn parse_names(bytes: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Row {
        repo_tags: Option<Vec<String>>,
    }
    let rows: Vec<Row> = serde_json::from_slice(bytes)?;
    let names = rows.into_iter().flat_map(|row| row.repo_tags.unwrap_or_default());
    Ok(names.filter(|name| !name.contains('<')).collect())
}

/// What an engine says went wrong: `{"message": ...}`, or the first line of what else it says.
pub(super) fn complaint(bytes: &[u8]) -> Text {
    const MOST: usize = 500;
    let text = match serde_json::from_slice::<RawError>(bytes) {
        Ok(error) => error.message,
        Err(_) => String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned(),
    };
    let text = Text::from(text.trim());
    match text.chars().count() {
        0 => "(no message)".into(),
        count if count > MOST => text.chars().take(MOST).chain("...".chars()).collect::<String>().into(),
        _ => text,
    }
}

/// The newest version of the API that this program was written for. Docker 29 asks for at least 1.44.
const NEWEST: (u32, u32) = (1, 47);

/// The beginning of paths for an engine that offers a version of the API: `/v1.41`. Empty where it names none, so
/// that it takes the version that it likes best.
pub(super) fn version_prefix(offered: Option<&str>) -> String {
    let parts = offered.and_then(|version| version.trim().split_once('.'));
    let parsed = parts.and_then(|(major, minor)| major.parse().ok().zip(minor.parse().ok()));
    parsed.map(|offered| NEWEST.min(offered)).map_or(String::new(), |(major, minor)| format!("/v{major}.{minor}"))
}

/// What an engine says in the midst of an answer of several documents that it did not do; nothing where it says no such
/// thing.
pub(super) fn refusal(bytes: &[u8]) -> Option<Text> {
    #[derive(Deserialize)]
    struct Message {
        error: Option<String>,
    }
    let mut messages = serde_json::Deserializer::from_slice(bytes).into_iter::<Message>();
    messages.find_map(|message| message.ok()?.error).map(Text::from)
}
