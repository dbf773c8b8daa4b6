//! Why an engine's image could not be had.

use crate::base::{Digest, Hint, escape_path, escape_str};
use std::io;
use std::path::Path;

/// Why an engine's image could not be had. Every text names the place, what was expected and what was found; what
/// the engine says is escaped.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// No engine was found.
    #[error("no container engine was found: {tried}")]
    NoEngine {
        /// Every place that was tried.
        tried: String,
    },
    /// An engine is named in a way that is not understood.
    #[error("{origin}: `{host}` {message}")]
    Host {
        /// The variable or file that names it.
        origin: String,
        /// What it says.
        host: String,
        /// What is wrong with it.
        message: &'static str,
    },
    /// The context that is chosen does not exist.
    #[error("the Docker context `{name}` (chosen by {origin}) does not exist: there is no {path}")]
    NoContext {
        /// Its name.
        name: String,
        /// The variable or file that chooses it.
        origin: String,
        /// Where it was looked for.
        path: String,
    },
    /// Nobody answers.
    #[error("cannot connect to the container engine at {place}: {source}")]
    Connect {
        /// The address.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// The answer did not come or broke off.
    #[error("the container engine at {place}: {what}: {message}")]
    Request {
        /// The address.
        place: String,
        /// What was asked for.
        what: String,
        /// Why.
        message: String,
    },
    /// The engine has no such image.
    #[error("the container engine at {place} has no image `{name}`: {message}")]
    NoSuchImage {
        /// The address.
        place: String,
        /// What was asked for.
        name: String,
        /// What the engine says.
        message: String,
    },
    /// The engine refuses.
    #[error("the container engine at {place}: {what}: expected status 200, found {status}: {message}")]
    Status {
        /// The address.
        place: String,
        /// What was asked for.
        what: String,
        /// The HTTP status.
        status: u16,
        /// What the engine says.
        message: String,
    },
    /// An answer or a file is not of the expected shape.
    #[error("{place}: {message}")]
    Shape {
        /// The address and what was asked for, or the file.
        place: String,
        /// What was expected and found.
        message: String,
    },
    /// A file could not be opened or read.
    #[error("{path}: {source}")]
    Open {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file of the store is not the one that its name or the configuration promises.
    #[error("{path}: {what} does not match: expected {expected}, found {found}")]
    Digest {
        /// The file.
        path: String,
        /// Which digest.
        what: &'static str,
        /// As promised.
        expected: Digest,
        /// As found.
        found: Digest,
    },
    /// The store cannot be read in place. The image can still be streamed.
    #[error("the engine's store cannot be read in place: {why}")]
    NoStore {
        /// Why.
        why: String,
    },
}

impl DaemonError {
    pub(super) fn open(path: &Path, source: io::Error) -> Self {
        Self::Open { path: escape_path(path), source }
    }

    pub(super) fn shape(place: impl Into<String>, message: impl std::fmt::Display) -> Self {
        Self::Shape { place: place.into(), message: escape_str(&message.to_string()) }
    }
}

impl Hint for DaemonError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoEngine { .. } => Some(START),
            Self::Host { host, .. } if host.starts_with("ssh:") => Some(
                "save the image there and copy it, `ssh HOST docker save NAME > image.tar`, or forward the socket, \
                 `ssh -nNT -L /tmp/engine.sock:/var/run/docker.sock HOST`, and set \
                 DOCKER_HOST=unix:///tmp/engine.sock",
            ),
            Self::Host { .. } => Some("write for example unix:///var/run/docker.sock or tcp://127.0.0.1:2375"),
            Self::NoContext { .. } => Some("list the contexts with `docker context ls`"),
            Self::Connect { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("only root and members of the group `docker` may use the socket; join the group, or use sudo")
            }
            Self::Connect { .. } => Some(START),
            Self::NoSuchImage { .. } => Some("list the names with `docker image ls`; this program pulls nothing"),
            Self::NoStore { .. } => Some("the image is streamed through the engine instead, which is slower"),
            _ => None,
        };
        text.map(str::to_owned)
    }
}

const START: &str =
    "start the engine, or set DOCKER_HOST; an image saved with `docker save NAME -o image.tar` needs no engine";
