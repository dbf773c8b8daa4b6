//! What runs, and where.

use super::table::Start;
use crate::base::clean_path;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// What stands for the number of the host's processors; behind a colon, a number that was made of it.
pub(super) const PROCESSORS: &str = "$(nproc)";

/// What stands for a value that is not known; nothing parses it.
pub const UNKNOWN: &str = "$(?)";

/// Whether all of a text is known.
pub(super) fn is_known(text: &str) -> bool {
    !text.contains("$(")
}

/// What a command is read with.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'s> {
    /// The variables of the container.
    pub environment: &'s BTreeMap<String, Option<String>>,
    /// Processors of the host, where they are known.
    pub cpus: Option<f64>,
}

/// The files of a container, as far as they are known.
pub trait Files: fmt::Debug {
    /// The text of a file, by its absolute path.
    fn read(&self, path: &str) -> Option<String>;
}

/// Where a command runs.
#[derive(Clone, Copy, Debug, std::default::Default)]
pub struct Container<'c> {
    /// Its working directory, absolute, where that is known.
    pub directory: Option<&'c str>,
    /// Its files, where any are known.
    pub files: Option<&'c dyn Files>,
}

impl Container<'_> {
    /// A path of it, absolute and without `.` and `..`; nothing where the working directory is not known.
    pub(super) fn absolute(&self, path: &str) -> Option<String> {
        let whole = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.directory?) };
        Some(format!("/{}", String::from_utf8_lossy(&clean_path(whole.as_bytes()))))
    }

    /// The text of a file.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        self.files?.read(&self.absolute(path)?)
    }
}

/// What runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Workers {
    /// These programs, the long-running ones of the command.
    Known(Vec<Worker>),
    /// The command is not known here: its first words.
    Unknown(String),
    /// Neither the file nor an image says what runs.
    Nothing,
}

/// A program that runs in processes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worker {
    /// The program, as the table names it.
    pub program: String,
    /// How many processes do the work.
    pub processes: Count,
    /// From where that is known.
    pub basis: Basis,
    /// How they begin.
    pub start: Start,
    /// Processes beside them: a parent that watches, celery's beat, a tracker.
    pub others: u64,
    /// Threads of each process, where the command or the program's default says so.
    pub threads: Option<u64>,
    /// celery's bound on a child's peak, in KiB.
    pub memory_per_child: Option<u64>,
    /// Whether it is a reloader.
    pub is_reloader: bool,
    /// A script or program that starts it and may change what it is given.
    pub through: Option<String>,
    /// A file that may say something else, and is not read.
    pub config: Option<String>,
    /// The file that was read beside the command.
    pub settings: Option<String>,
    /// What a reader should know.
    pub why: Option<String>,
}

/// How many processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// So many.
    Is(u64),
    /// As many as the host has processors; the number where they are known.
    HostCpus(Option<u64>),
    /// It is said somewhere, and not as a number.
    NotKnown,
}

/// From where a number is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// An option of the command.
    Option(String),
    /// A variable of the container.
    Variable(String),
    /// A file that the program reads.
    File(String),
    /// What the program does without being told.
    Default,
}

impl Setting<'_> {
    /// As many as the host has processors.
    pub(super) fn host(&self) -> Count {
        Count::HostCpus(self.cpus.map(|cpus| cpus as u64))
    }

    /// A number as a command has it.
    pub(super) fn count(&self, text: &str) -> Count {
        match text.trim() {
            PROCESSORS | "`nproc`" | "cpu_count" => self.host(),
            text => match text.strip_prefix(PROCESSORS).and_then(|rest| rest.strip_prefix(':')) {
                Some(made) => made.parse().map_or(Count::NotKnown, |count| Count::HostCpus(Some(count))),
                None => text.parse().map_or(Count::NotKnown, Count::Is),
            },
        }
    }
}

impl Count {
    /// The number, where it is known.
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Is(count) => Some(count),
            Self::HostCpus(count) => count,
            Self::NotKnown => None,
        }
    }
}
