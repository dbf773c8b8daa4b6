//! What an engine says of containers, from bytes.
//!
//! Source: the Docker Engine API reference, versions 1.24 to 1.47, `ContainerSummary`, `ContainerInspect`, `HostConfig`. Podman's
//! answers have the same names.

use serde::Deserialize;
use std::collections::BTreeMap;

/// A container of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its ID.
    pub id: String,
    /// Its names, without slash.
    pub names: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// A container. Bytes; 0 is no limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    /// Its ID.
    pub id: String,
    /// Its name, without slash.
    pub name: String,
    /// The image, as it was named.
    pub image: String,
    /// The image's ID.
    pub image_id: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The command; nothing where the image's counts.
    pub command: Vec<String>,
    /// Whether it runs.
    pub running: bool,
    /// The exit code of its first process, where it has ended.
    pub exit_code: Option<i64>,
    /// The process ID of its first process on the host; 0 where it does not run.
    pub pid: u32,
    /// When it was started, as the engine writes it (RFC 3339).
    pub started_at: String,
    /// How often the engine restarted it.
    pub restarts: u64,
    /// Whether its first process was killed for memory.
    pub oom_killed: bool,
    /// The memory limit.
    pub memory: i64,
    /// Memory and swap together; -1 is without end.
    pub memory_swap: i64,
    /// The reservation.
    pub reservation: i64,
    /// The size of `/dev/shm`.
    pub shm: i64,
    /// A billionth of a processor.
    pub nano_cpus: i64,
}

/// What an image runs by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageProgram {
    /// The entry point.
    pub entrypoint: Vec<String>,
    /// The command.
    pub command: Vec<String>,
    /// `NAME=value`
    pub environment: Vec<String>,
    /// The working directory; empty for `/`.
    pub directory: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawListed {
    id: String,
    names: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawContainer {
    id: String,
    name: Option<String>,
    image: Option<String>,
    restart_count: Option<u64>,
    state: Option<RawState>,
    config: Option<RawConfig>,
    host_config: Option<RawHostConfig>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawState {
    running: Option<bool>,
    pid: Option<u32>,
    exit_code: Option<i64>,
    started_at: Option<String>,
    #[serde(rename = "OOMKilled")]
    oom_killed: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawConfig {
    image: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    cmd: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    env: Option<Vec<String>>,
    working_dir: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawHostConfig {
    memory: Option<i64>,
    memory_swap: Option<i64>,
    memory_reservation: Option<i64>,
    shm_size: Option<i64>,
    nano_cpus: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawImage {
    config: Option<RawConfig>,
}

/// Parses the answer of `/containers/json`.
pub fn parse_containers(bytes: &[u8]) -> Result<Vec<Listed>, serde_json::Error> {
    let raw: Vec<RawListed> = serde_json::from_slice(bytes)?;
    let one = |raw: RawListed| Listed {
        id: raw.id,
        names: raw.names.unwrap_or_default().iter().map(|name| name.trim_start_matches('/').to_owned()).collect(),
        labels: raw.labels.unwrap_or_default(),
    };
    Ok(raw.into_iter().map(one).collect())
}

/// Parses the answer of `/containers/ID/json`.
pub fn parse_container(bytes: &[u8]) -> Result<Container, serde_json::Error> {
    let raw: RawContainer = serde_json::from_slice(bytes)?;
    let (state, config, host) =
        (raw.state.unwrap_or_default(), raw.config.unwrap_or_default(), raw.host_config.unwrap_or_default());
    Ok(Container {
        id: raw.id,
        name: raw.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        image: config.image.unwrap_or_default(),
        image_id: raw.image.unwrap_or_default(),
        labels: config.labels.unwrap_or_default(),
        command: config.cmd.unwrap_or_default(),
        running: state.running.unwrap_or_default(),
        exit_code: state.exit_code.filter(|_| state.running == Some(false)),
        pid: state.pid.unwrap_or_default(),
        started_at: state.started_at.unwrap_or_default(),
        restarts: raw.restart_count.unwrap_or_default(),
        oom_killed: state.oom_killed.unwrap_or_default(),
        memory: host.memory.unwrap_or_default(),
        memory_swap: host.memory_swap.unwrap_or_default(),
        reservation: host.memory_reservation.unwrap_or_default(),
        shm: host.shm_size.unwrap_or_default(),
        nano_cpus: host.nano_cpus.unwrap_or_default(),
    })
}

/// Parses the answer of `/images/NAME/json` for what the image runs.
pub fn parse_image_program(bytes: &[u8]) -> Result<ImageProgram, serde_json::Error> {
    let config = serde_json::from_slice::<RawImage>(bytes)?.config.unwrap_or_default();
    Ok(ImageProgram {
        entrypoint: config.entrypoint.unwrap_or_default(),
        command: config.cmd.unwrap_or_default(),
        environment: config.env.unwrap_or_default(),
        directory: config.working_dir.unwrap_or_default(),
    })
}
