//! The image configuration (OCI image-spec config.md, with Docker's own fields: `Healthcheck`, `OnBuild`,
//! `Shell`). Parsed by hand-written structs and not by a library's, because libraries drop Docker's fields.

use super::manifest::go_json;
use crate::base::{masked, masked_arguments, masked_value, masked_variable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The `PATH` that engines and BuildKit set where an image has none.
///
/// Source: moby/buildkit, util/system (`DefaultPathEnvUnix`); moby/moby, pkg/system/path_deprecated.go.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The parts of a configuration that are used. Every field may be missing or `null` in the input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// `amd64`, `arm64`, ...
    pub architecture: String,
    /// `linux`.
    pub os: String,
    /// `v7` and so on.
    pub variant: Option<String>,
    /// User (and group) of the entry point.
    pub user: String,
    /// `NAME=value`, in order.
    pub env: Vec<String>,
    /// Argument vector.
    pub entrypoint: Option<Vec<String>>,
    /// Argument vector.
    pub cmd: Option<Vec<String>>,
    /// Working directory.
    pub working_dir: String,
    /// `8000/tcp`, sorted.
    pub exposed_ports: Vec<String>,
    /// Sorted.
    pub volumes: Vec<String>,
    /// Sorted by key.
    pub labels: BTreeMap<String, String>,
    /// Signal to stop the container with.
    pub stop_signal: Option<String>,
    /// Shell of shell-form instructions, where it was set.
    pub shell: Option<Vec<String>>,
    /// Triggers for images built from this one.
    pub on_build: Vec<String>,
    /// Docker's health check.
    pub health_check: Option<HealthCheck>,
    /// Diff IDs of the layers, as written.
    pub diff_ids: Vec<String>,
    /// One row an instruction.
    pub history: Vec<HistoryRow>,
}

impl Config {
    /// `os/architecture[/variant]`.
    pub fn platform(&self) -> String {
        let variant = self.variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

/// A health check; durations in nanoseconds, 0 for unset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `["CMD", ...]`, `["CMD-SHELL", line]` or `["NONE"]`.
    pub test: Vec<String>,
    /// Time between checks.
    pub interval: u64,
    /// Time for one check.
    pub timeout: u64,
    /// Time to start.
    pub start_period: u64,
    /// Failures until unhealthy.
    pub retries: u64,
}

/// One row of the history.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// The instruction, as the builder wrote it.
    pub created_by: String,
    /// The builder's remark.
    pub comment: String,
    /// Whether the row made no layer.
    pub empty_layer: bool,
}

impl Config {
    /// With every secret masked, as [`crate::base::masked`] knows them: in the environment, the labels, the commands and
    /// the history. Nothing of a configuration is shown, written or recorded that was not through here.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        self.env.iter_mut().for_each(|pair| *pair = masked_variable(pair));
        self.labels.iter_mut().for_each(|(name, value)| *value = masked_value(name, value));
        for command in [&mut self.entrypoint, &mut self.cmd].into_iter().flatten() {
            *command = masked_arguments(command);
        }
        if let Some(check) = &mut self.health_check {
            check.test = masked_arguments(&check.test);
        }
        self.on_build.iter_mut().for_each(|trigger| *trigger = masked(trigger));
        for row in &mut self.history {
            row.created_by = masked(&row.created_by);
            row.comment = masked(&row.comment);
        }
        self
    }
}

impl HistoryRow {
    /// Whether the row is a `CMD` or `ENTRYPOINT`.
    pub fn sets_command(&self) -> bool {
        let instruction = self.instruction();
        instruction.starts_with("CMD ") || instruction.starts_with("ENTRYPOINT ")
    }

    /// The instruction as a Dockerfile would have it: without `/bin/sh -c #(nop)` and BuildKit's mark;
    /// a classic builder's bare command gets its `RUN` back.
    pub fn instruction(&self) -> String {
        let text = self.created_by.trim();
        let text = text.strip_suffix("# buildkit").unwrap_or(text).trim_end();
        if let Some((_, nop)) = text.split_once("#(nop)") {
            return nop.trim().to_owned();
        }
        // With build arguments the classic builder writes `|2 A=1 B=2 /bin/sh -c command`.
        let text = text.strip_prefix("RUN ").unwrap_or(text);
        let shell = text.split_once("/bin/sh -c ").filter(|(before, _)| before.is_empty() || before.starts_with('|'));
        match shell {
            Some((_, command)) => format!("RUN {}", command.trim()),
            None => self.created_by.trim().trim_end_matches("# buildkit").trim_end().to_owned(),
        }
    }

    /// Whether the row put a whole root file system down (`docker import`, `ADD rootfs.tar /`, debuerreotype).
    pub fn is_root_file_system(&self) -> bool {
        let text = self.instruction();
        self.comment.starts_with("Imported from")
            || text.starts_with("ADD ")
            || text.contains("debuerreotype")
            || text.is_empty()
    }
}

#[derive(Deserialize, Default)]
struct RawConfig {
    architecture: Option<String>,
    os: Option<String>,
    variant: Option<String>,
    config: Option<RawRuntime>,
    rootfs: Option<RawRootFs>,
    history: Option<Vec<RawHistory>>,
}

/// Fields' names in lower case, as [`go_json`] hands them over.
#[derive(Deserialize, Default)]
struct RawRuntime {
    user: Option<String>,
    env: Option<Vec<String>>,
    entrypoint: Option<Words>,
    cmd: Option<Words>,
    #[serde(rename = "workingdir")]
    working_dir: Option<String>,
    #[serde(rename = "exposedports")]
    exposed_ports: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    volumes: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    labels: Option<BTreeMap<String, String>>,
    #[serde(rename = "stopsignal")]
    stop_signal: Option<String>,
    shell: Option<Words>,
    #[serde(rename = "onbuild")]
    on_build: Option<Vec<String>>,
    healthcheck: Option<RawHealthCheck>,
}

/// An argument vector: old engines wrote one word as a text (moby, `strslice.StrSlice`).
#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    Many(Vec<String>),
    One(String),
}

impl From<Words> for Vec<String> {
    fn from(words: Words) -> Self {
        match words {
            Words::Many(words) => words,
            Words::One(word) => vec![word],
        }
    }
}

#[derive(Deserialize, Default)]
struct RawHealthCheck {
    test: Option<Vec<String>>,
    interval: Option<i64>,
    timeout: Option<i64>,
    #[serde(rename = "startperiod")]
    start_period: Option<i64>,
    retries: Option<i64>,
}

#[derive(Deserialize, Default)]
struct RawRootFs {
    diff_ids: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
struct RawHistory {
    created_by: Option<String>,
    comment: Option<String>,
    empty_layer: Option<bool>,
}

/// Parses a configuration. Fails on what is not a JSON object of the expected shape, with serde's message,
/// which names line and column of what is no JSON. What it has of secrets is masked ([`Config::without_secrets`]).
pub fn parse_config(bytes: &[u8]) -> Result<Config, serde_json::Error> {
    let raw: RawConfig = go_json(bytes)?;
    let amount = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
    let run = raw.config.unwrap_or_default();
    let history = raw.history.unwrap_or_default().into_iter().map(|row| HistoryRow {
        created_by: row.created_by.unwrap_or_default(),
        comment: row.comment.unwrap_or_default(),
        empty_layer: row.empty_layer.unwrap_or(false),
    });
    Ok(Config {
        architecture: raw.architecture.unwrap_or_default(),
        os: raw.os.unwrap_or_default(),
        variant: raw.variant.filter(|variant| !variant.is_empty()),
        user: run.user.unwrap_or_default(),
        env: run.env.unwrap_or_default(),
        entrypoint: run.entrypoint.map(Vec::from),
        cmd: run.cmd.map(Vec::from),
        working_dir: run.working_dir.unwrap_or_default(),
        exposed_ports: run.exposed_ports.unwrap_or_default().into_keys().collect(),
        volumes: run.volumes.unwrap_or_default().into_keys().collect(),
        labels: run.labels.unwrap_or_default(),
        stop_signal: run.stop_signal.filter(|signal| !signal.is_empty()),
        shell: run.shell.map(Vec::from),
        on_build: run.on_build.unwrap_or_default(),
        health_check: run.healthcheck.map(|check| HealthCheck {
            test: check.test.unwrap_or_default(),
            interval: amount(check.interval),
            timeout: amount(check.timeout),
            start_period: amount(check.start_period),
            retries: amount(check.retries),
        }),
        diff_ids: raw.rootfs.unwrap_or_default().diff_ids.unwrap_or_default(),
        history: history.collect(),
    }
    .without_secrets())
}
