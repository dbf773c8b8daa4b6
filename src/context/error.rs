//! Why a build context does not become an image.

use crate::base::{Hint, Text};
use crate::dockerfile::{Dockerfile, DockerfileError};
use crate::index::{RequestError, ResolveError};
use std::io;
use std::path::Path;

/// What a build context becomes, or why it does not.
pub(super) type Result<T, E = ContextError> = std::result::Result<T, E>;

/// Why a build context does not become an image. Every text names the place, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// Something cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file, escaped.
        path: Text,
        /// Why.
        source: io::Error,
    },
    /// The path is no folder.
    #[error("{path}: expected a folder to build from, found {found}")]
    NoFolder {
        /// The path, escaped.
        path: Text,
        /// What is there.
        found: &'static str,
        /// A path that is there and most like it, escaped.
        near: Option<Text>,
    },
    /// The folder is too large.
    #[error("{path}: more than {most} files are no build context")]
    TooMany {
        /// The folder, escaped.
        path: Text,
        /// How many are read.
        most: usize,
    },
    /// There is too much to compare.
    #[error("{path}: {patterns} patterns with `*`, `?` or `[…]` are too many for a folder of {files} files or more")]
    TooManyPatterns {
        /// The ignore file, escaped.
        path: Text,
        /// How many there are.
        patterns: usize,
        /// How many files they were tried on.
        files: usize,
    },
    /// Nothing in the folder says what is built.
    #[error("{path}: expected a Dockerfile, a lock, requirements.txt or pyproject.toml, found none")]
    Nothing {
        /// The folder, escaped.
        path: Text,
    },
    /// The version of Python is not known.
    #[error("the version of Python is not known: there is no Dockerfile, and no .python-version")]
    NoPython,
    /// The Dockerfile cannot be read.
    #[error("{}", dockerfile(.path, .source))]
    Dockerfile {
        /// The file, escaped.
        path: Text,
        /// Why.
        source: DockerfileError,
    },
    /// It has too many instructions.
    #[error("{path}: more than {most} instructions are no Dockerfile")]
    TooLong {
        /// The file, escaped.
        path: Text,
        /// How many are read.
        most: usize,
    },
    /// There is no stage in it.
    #[error("{path}: expected a FROM, found none")]
    NoFrom {
        /// The file, escaped.
        path: Text,
    },
    /// There is no such stage.
    #[error("{path}: expected a stage `{wanted}`, found {found}")]
    NoStage {
        /// The file, escaped.
        path: Text,
        /// Its name.
        wanted: Text,
        /// Those that are there.
        found: Text,
    },
    /// The base image does not exist.
    #[error("{place}: there is no image `{name}`: {message}")]
    NoBase {
        /// Where it is named.
        place: Text,
        /// Its name.
        name: Text,
        /// The registry's words.
        message: Text,
    },
    /// What is to be copied is not there.
    #[error("{place}: {what} `{path}` is not {whose}")]
    NotThere {
        /// Where it is asked for.
        place: Text,
        /// What it should be.
        what: &'static str,
        /// Its name.
        path: Text,
        /// Where it should be.
        whose: Text,
        /// What may help.
        hint: Option<&'static str>,
    },
    /// What is asked for cannot be installed.
    #[error("{place}: {source}")]
    Request {
        /// Where it is asked for.
        place: Text,
        /// Why.
        source: Box<RequestError>,
    },
    /// There is no uv to ask with.
    #[error("{place}: what would be installed cannot be found out: {source}")]
    NoUv {
        /// Where it is asked for.
        place: Text,
        /// Why.
        source: ResolveError,
    },
}

fn dockerfile(path: &str, error: &DockerfileError) -> String {
    match error {
        DockerfileError::Syntax { line, message, found } => format!("{path}, line {line}: {message}; found: {found}"),
        other => format!("{path}: {other}"),
    }
}

impl ContextError {
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: Text::of_path(path), source }
    }

    pub(super) fn no_stage(path: &str, wanted: &str, file: &Dockerfile<'_>) -> Self {
        let names: Vec<Text> = file.stages.iter().filter_map(|stage| stage.name.as_deref().map(Text::from)).collect();
        let found = match names.as_slice() {
            [] => format!("{} without names", file.stages.len()),
            names => names.join(", "),
        };
        Self::NoStage { path: path.into(), wanted: Text::from(wanted), found: found.into() }
    }

    /// Whether the user has to change something, and not the network.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Request { source, .. } => source.is_configuration(),
            Self::NoBase { .. } | Self::NoUv { .. } => false,
            _ => true,
        }
    }
}

impl Hint for ContextError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Request { source, .. } => return source.hint(),
            Self::NotThere { hint, .. } => (*hint)?,
            Self::NoFolder { found: "a file", path, .. } => {
                let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
                return Some(format!(
                    "name the folder, context:{folder}, and the Dockerfile in it with --file, if it has another name"
                ));
            }
            Self::NoFolder { near: Some(near), .. } => return Some(format!("did you mean `{near}`?")),
            Self::Nothing { .. } | Self::NoFolder { .. } => "context:DIR takes the folder that is built from",
            Self::TooManyPatterns { .. } => "patterns without these signs, and `**/NAME`, may be as many as you like",
            Self::NoPython => "say it with --python 3.11, or write a .python-version",
            Self::NoStage { .. } => "--target-stage takes a stage's name or number",
            Self::NoBase { .. } => {
                "give what it is with --image NAME=TARGET, for example --image NAME=docker-archive:base.tar"
            }
            Self::NoUv { .. } => "install uv 0.7 or later, or name it in the variable UV",
            Self::Dockerfile { .. } => "slimwright reads what BuildKit reads; `docker build --check` says more",
            _ => return None,
        };
        Some(text.to_owned())
    }
}
