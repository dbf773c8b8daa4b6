//! What was measured, as a value and as a file.

use super::cgroup::{Cgroup, Charged};
use super::host::HostMemory;
use super::process::Process;
use super::tree::Unread;
use crate::base::{Hint, Text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Version of the file.
pub const SCHEMA: u32 = 1;
/// Bytes of a file.
const MAX_FILE: usize = 64 << 20;
/// Values of a series that are looked at to sort them.
const MAX_VALUES: usize = 1_000_000;

/// A measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What the file is: always `slimwright memory`.
    pub kind: Text,
    /// Version of the form.
    pub schema_version: u32,
    /// When it began, in seconds since 1970.
    pub began: i64,
    /// The host, at the end.
    pub host: Option<HostMemory>,
    /// What was measured.
    pub targets: Vec<Measured>,
}

/// What was measured of a container, a cgroup, or a process and those below it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Its name.
    pub name: Text,
    /// `container`, `cgroup` or `process`.
    pub target: Text,
    /// The image of a container.
    pub image: Option<Text>,
    /// The service of Compose.
    pub service: Option<Text>,
    /// The project of Compose.
    pub project: Option<Text>,
    /// Whether the engine says that its first process was killed for memory. Children of it are not counted there.
    pub oom_killed: Option<bool>,
    /// How often the engine restarted it.
    pub restarts: Option<u64>,
    /// Where it is charged.
    pub cgroup: Option<Cgroup>,
    /// What it was charged with at the end.
    pub charged: Charged,
    /// Seconds since its first process began, at the end.
    pub age: Option<f64>,
    /// That it was gone at the end of the watching; its figures are the last ones that were seen.
    #[serde(default)]
    pub ended: Option<Ended>,
    /// The processes at the end.
    pub processes: Vec<Process>,
    /// Python packages of which libraries were in memory; nothing where that could not be read.
    pub packages: Option<BTreeSet<Text>>,
    /// Over time.
    pub window: Window,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// A target that ended while it was watched.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Seconds after which it was last seen.
    pub after: f64,
    /// The exit code of a container's first process; 137 is a kill.
    pub exit_code: Option<i64>,
}

/// What was seen over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Seconds.
    pub seconds: f64,
    /// How often it was looked.
    pub samples: usize,
    /// How often each process's sharing was read, which costs more.
    pub full_samples: usize,
    /// Seconds of processors that were used meanwhile.
    pub cpu_seconds: Option<f64>,
    /// Kills for memory meanwhile.
    pub oom_kills: Option<u64>,
    /// How often the limit was met meanwhile.
    pub limit_hits: Option<u64>,
    /// All that is charged.
    pub charged: Option<Series>,
    /// What `docker stats` shows.
    pub working_set: Option<Series>,
    /// Anonymous and shared memory, and swap.
    pub needed: Option<Series>,
    /// Sum of PSS.
    pub pss: Option<Series>,
    /// Sum of RSS, which counts shared pages once for each process.
    pub rss: Option<Series>,
    /// The most processes.
    pub processes: usize,
}

/// Bytes over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The least.
    pub least: u64,
    /// Half of the samples were at most this.
    pub median: u64,
    /// 95 of a hundred samples were at most this.
    pub p95: u64,
    /// The most.
    pub most: u64,
}

impl Series {
    /// Of values; nothing of none.
    pub fn of(values: &[u64]) -> Option<Self> {
        let mut sorted: Vec<u64> = values.iter().take(MAX_VALUES).copied().collect();
        sorted.sort_unstable();
        let at = |share: f64| {
            let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
            sorted.get(rank - 1).copied()
        };
        Some(Self { least: *sorted.first()?, median: at(0.5)?, p95: at(0.95)?, most: *sorted.last()? })
    }
}

/// Why a file is no measurement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: expected what `slimwright memory -o` writes, {found}")]
pub struct RecordError {
    file: Text,
    found: Text,
}

impl Hint for RecordError {
    fn hint(&self) -> Option<String> {
        Some("slimwright memory NAME --for 10m -o before.mem".to_owned())
    }
}

impl Record {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It is none of these, of another version, or too large.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, RecordError> {
        let wrong = |found: String| RecordError { file: file.into(), found: found.into() };
        if bytes.len() > MAX_FILE {
            return Err(wrong(format!("found more than {MAX_FILE} bytes")));
        }
        let record: Self =
            serde_json::from_slice(bytes).map_err(|error| wrong(format!("found something else: {error}")))?;
        match (record.kind.as_str(), record.schema_version) {
            ("slimwright memory", SCHEMA) => Ok(record),
            ("slimwright memory", version) => {
                Err(wrong(format!("found version {version} of it, and {SCHEMA} is known")))
            }
            (kind, _) => Err(wrong(format!("found `{kind}`"))),
        }
    }
}
