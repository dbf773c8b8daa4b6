//! What an installation asks for, and what is known of it before it runs: the types of [`super::resolve`].

use super::ResolveError;
use crate::base::Hint;
use crate::manifest::{Artifact, Choice, Markers};
use crate::wheel::WheelInfo;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What an installation is asked for, as one installer command would take it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Files and lines, in order.
    pub inputs: Vec<Input>,
    /// Files of constraints (`-c`).
    pub constraints: Vec<PathBuf>,
    /// Files of overrides (uv's `--override`).
    pub overrides: Vec<PathBuf>,
    /// What the environment has already, as normalized names and versions: it stays where it fits, also if no index has it.
    pub installed: Vec<(String, String)>,
    /// What it has in versions that nobody knows, by normalized names: what requires it takes it.
    pub present: Vec<String>,
    /// Whether what is asked for by name is looked up anew, as with pip's `--upgrade`; the rest stays where it fits.
    pub upgrade: bool,
    /// Without what the requirements require (`--no-deps`).
    pub no_deps: bool,
    /// With pre-releases (`--pre`).
    pub pre: bool,
    /// `--only-binary`, as given: names, `:all:`, `:none:`.
    pub only_binary: Vec<String>,
    /// `--no-binary`, as given. What it names is not predicted: it is made from source.
    pub no_binary: Vec<String>,
    /// The full version of the Python, where it is known: `3.11.14`. Markers may tell patch versions apart; without it the
    /// newest one counts.
    pub python_full: Option<String>,
    /// Whether pip takes it, which looks for the best version in all indexes; uv looks no further than the first that
    /// knows the name.
    pub for_pip: bool,
    /// Where to look, of the command line: `(option, value)` of `--index-url`, `--extra-index-url`, `--index`,
    /// `--default-index`, `--find-links`, `--no-index`, `--index-strategy`, `--torch-backend`, `--prerelease`,
    /// `--resolution`, `--exclude-newer`, `--trusted-host`; with variables expanded. The value of an option without one
    /// is empty.
    pub places: Vec<(String, String)>,
    /// The folder that the installer runs in.
    pub folder: PathBuf,
    /// The environment that the installer would see: `PIP_*` and `UV_*` of it count, and requirements files may name
    /// others (`${TOKEN}`). What is not here has no value: the environment of this program is nobody's to name.
    pub environment: Vec<(String, String)>,
}

/// One thing that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A requirements file.
    Requirements(PathBuf),
    /// Requirements on a command line.
    Lines {
        /// A requirement a line, in the syntax of requirements files.
        text: String,
        /// What to call it: `Dockerfile, line 7`.
        place: String,
        /// What relative paths in it are relative to.
        folder: PathBuf,
    },
    /// A project: its own dependencies.
    Project {
        /// The folder with its `pyproject.toml`, or `setup.cfg` or `setup.py`, which are not read but said to be unknown.
        dir: PathBuf,
        /// Extras that are asked for.
        extras: Vec<String>,
        /// All of them.
        all_extras: bool,
        /// Dependency groups (PEP 735, or Poetry's and PDM's own).
        groups: Vec<String>,
        /// Only the groups, and neither the project nor its dependencies.
        only_groups: bool,
        /// Whether the project itself is installed, which is reported as not predicted.
        install: bool,
        /// Whether it is installed as an editable one.
        editable: bool,
    },
    /// A lock.
    Lock {
        /// `uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`, `pylock.toml` or `pylock.NAME.toml`.
        path: PathBuf,
        /// What of it is installed.
        choice: Choice,
    },
}

/// What is known of an installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// What is installed, by normalized name.
    pub packages: Vec<Resolved>,
    /// What is not predicted, and why: `(what, why)`.
    pub not_predicted: Vec<(String, String)>,
    /// How many requests were made for wheels, uv's apart.
    pub requests: u64,
    /// What they brought, in bytes (`wire`).
    pub downloaded: u64,
    /// What the user should know. For a person.
    pub notes: Vec<String>,
    /// Where was looked, by the command line and the files that it names: `(option, value)`, as in [`Request::places`], without
    /// secrets.
    pub places: Vec<(String, String)>,
}

/// A distribution that is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// Its name, as asked for or as locked.
    pub name: String,
    /// Its normalized name.
    pub normalized: String,
    /// Its version, if that is known.
    pub version: Option<String>,
    /// The wheel that is installed.
    pub wheel: Option<Artifact>,
    /// The source distribution, where there is no wheel.
    pub sdist: Option<Artifact>,
    /// Where it comes from directly, not by an index: a URL or a version control system's, without secrets.
    pub url: Option<String>,
    /// The wheel, archive or folder on disk that it is made from.
    pub local: Option<PathBuf>,
    /// Whether it is installed as an editable one.
    pub editable: bool,
    /// What its wheel has, where that could be read.
    pub info: Option<WheelInfo>,
    /// Whether it is named by the request itself.
    pub requested: bool,
    /// Why [`Resolved::info`] is not known; empty if it is.
    pub reason: String,
}

/// Why an installation cannot be predicted at all.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RequestError {
    /// uv cannot be used.
    #[error(transparent)]
    Uv(#[from] ResolveError),
    /// A file that is named is not there, or cannot be read.
    #[error("{file}: {message}{}", asked(.place))]
    Missing {
        /// Which.
        file: String,
        /// What is wrong.
        message: String,
        /// Where it is named; empty if by the request.
        place: String,
    },
    /// A file or a line that is not what it should be.
    #[error("{place}: expected {expected}, found `{found}`")]
    Syntax {
        /// `requirements.txt:3`.
        place: String,
        /// What was expected.
        expected: String,
        /// The line.
        found: String,
    },
    /// A variable that a file names and that has no value.
    #[error("{place}: `${{{name}}}` has no value: expected an ARG or ENV of the Dockerfile that gives it one")]
    Unset {
        /// `requirements.txt:3`.
        place: String,
        /// The variable.
        name: String,
    },
    /// No index has a package of a name.
    #[error("{place}: no package index has `{name}`: {message}")]
    UnknownPackage {
        /// Where it is asked for.
        place: String,
        /// The name.
        name: String,
        /// What was asked for, and what uv said.
        message: String,
        /// What uv suggests; empty if nothing.
        suggestion: String,
    },
    /// Requirements that cannot be met together.
    #[error("the requirements cannot be met together: {explanation}{}", listed(.asked))]
    Unsatisfiable {
        /// uv's own explanation.
        explanation: String,
        /// Those of the requirements that it names, each with its place: `requirements.txt:3: flask==2.0`.
        asked: Vec<String>,
        /// What uv suggests; empty if nothing.
        suggestion: String,
    },
    /// A package index that does not answer, or does not let us in.
    #[error("the package index {host} could not be asked: {message}")]
    Index {
        /// Its host.
        host: String,
        /// What happened.
        message: String,
    },
    /// uv did not answer in time.
    #[error("uv did not answer within {0} seconds")]
    Late(u64),
    /// uv failed in a way that is not known here.
    #[error("uv could not resolve the requirements: {0}")]
    Failed(String),
}

impl Request {
    /// What its markers are evaluated against.
    pub(super) fn markers(&self, platform: &super::Platform) -> Markers {
        Markers::new(self.python_full.as_deref().unwrap_or(&platform.python), &platform.architecture)
    }

    /// A variable as the installer would see it.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.environment.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    }
}

impl RequestError {
    /// Whether what the user wrote is wrong; otherwise something could not be measured.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Syntax { .. } | Self::UnknownPackage { .. } | Self::Unsatisfiable { .. } => {
                true
            }
            Self::Uv(_) | Self::Unset { .. } | Self::Index { .. } | Self::Late(_) | Self::Failed(_) => false,
        }
    }
}

impl Hint for RequestError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Uv(ResolveError::NoUv) => "install uv (`pip install uv`), or name it in the variable UV".into(),
            Self::Uv(ResolveError::Old { oldest, .. }) => format!("update uv to {oldest} or later"),
            Self::Uv(_) => "check the program that PATH or the variable UV names".into(),
            Self::Missing { .. } => "check the path, and that the file is part of the build context".into(),
            Self::Syntax { .. } => "correct the line".into(),
            Self::Unset { name, .. } => format!(
                "declare it (`ARG {name}`) and give it with --build-arg {name}=VALUE; the environment of slimwright is not used"
            ),
            Self::UnknownPackage { suggestion, .. } if !suggestion.is_empty() => suggestion.clone(),
            Self::UnknownPackage { .. } => {
                "correct the name, or name the index that has it (UV_INDEX, PIP_EXTRA_INDEX_URL, --index)".into()
            }
            Self::Unsatisfiable { suggestion, .. } if !suggestion.is_empty() => suggestion.clone(),
            Self::Unsatisfiable { .. } => "change one of the requirements".into(),
            Self::Index { .. } => {
                "check the connection, the index's URL and its credentials, which are sent over https only".into()
            }
            Self::Late(_) => "try again, or check the connection to the package index".into(),
            Self::Failed(_) => return None,
        };
        Some(text)
    }
}

fn asked(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(" (named in {place})") }
}

fn listed(asked: &[String]) -> String {
    asked.iter().map(|line| format!("\n  {line}")).collect()
}
