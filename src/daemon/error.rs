//! Why an engine's image could not be had.

use super::Similar;
use crate::base::{Digest, Hint, Text};
use std::io;
use std::path::Path;

/// Why an engine's image could not be had. Every text names the place, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// No engine was found.
    #[error("no container engine was found: {tried}")]
    NoEngine {
        /// Every place that was tried.
        tried: Text,
    },
    /// An engine is named in a way that is not understood.
    #[error("{origin}: `{host}` {message}")]
    Host {
        /// The variable or file that names it.
        origin: Text,
        /// What it says.
        host: Text,
        /// What is wrong with it.
        message: &'static str,
    },
    /// The context that is chosen does not exist.
    #[error("the Docker context `{name}` (chosen by {origin}) does not exist: there is no {path}")]
    NoContext {
        /// Its name.
        name: Text,
        /// The variable or file that chooses it.
        origin: Text,
        /// Where it was looked for.
        path: Text,
    },
    /// Nobody answers.
    #[error("cannot connect to the container engine at {place}: {source}")]
    Connect {
        /// The address.
        place: Text,
        /// Why.
        source: io::Error,
    },
    /// The answer did not come or broke off.
    #[error("the container engine at {place}: {what}: {message}")]
    Request {
        /// The address.
        place: Text,
        /// What was asked for.
        what: Text,
        /// Why.
        message: Text,
    },
    /// The engine has no such image.
    #[error("the container engine at {place} has no image `{name}`{message}")]
    NoSuchImage {
        /// The address.
        place: Text,
        /// What was asked for.
        name: Text,
        /// What the engine says beyond that, behind a colon.
        message: Text,
        /// Which of its images may be meant.
        similar: Similar,
    },
    /// The engine refuses.
    #[error("the container engine at {place}: {what}: expected status 200, found {status}: {message}")]
    Status {
        /// The address.
        place: Text,
        /// What was asked for.
        what: Text,
        /// The HTTP status.
        status: u16,
        /// What the engine says.
        message: Text,
    },
    /// An answer or a file is not of the expected shape.
    #[error("{place}: {message}")]
    Shape {
        /// The address and what was asked for, or the file.
        place: Text,
        /// What was expected and found.
        message: Text,
    },
    /// A file could not be opened or read.
    #[error("{path}: {source}")]
    Open {
        /// The file.
        path: Text,
        /// Why.
        source: io::Error,
    },
    /// A file of the store is not the one that its name or the configuration promises.
    #[error("{path}: {what} does not match: expected {expected}, found {found}")]
    Digest {
        /// The file.
        path: Text,
        /// Which digest.
        what: &'static str,
        /// As promised.
        expected: Digest,
        /// As found.
        found: Digest,
    },
    /// There is no store of `containers/storage`.
    #[error("{place}: expected a store of Podman, Buildah or CRI-O with the driver overlay or vfs, found none")]
    NoContainersStorage {
        /// Where it was looked for.
        place: Text,
    },
    /// The store cannot be read in place. The image can still be streamed.
    #[error("the engine's store cannot be read in place: {why}")]
    NoStore {
        /// Why.
        why: Text,
    },
}

impl DaemonError {
    pub(super) fn open(path: &Path, source: io::Error) -> Self {
        Self::Open { path: path.into(), source }
    }

    pub(super) fn shape(place: impl Into<Text>, message: impl std::fmt::Display) -> Self {
        Self::Shape { place: place.into(), message: message.to_string().into() }
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
            Self::NoSuchImage { name, similar, .. } => match similar.hint(name) {
                Some(hint) => return Some(hint),
                None => Some("list the names with `docker image ls`; this program pulls nothing"),
            },
            Self::NoContainersStorage { .. } => Some(
                "each user has a store of its own: run this as the one who has the image, or name the store, containers-storage:[/var/lib/containers/storage]NAME",
            ),
            Self::NoStore { .. } => Some("the image is streamed through the engine instead, which is slower"),
            _ => None,
        };
        text.map(str::to_owned)
    }
}

const START: &str =
    "start the engine, or set DOCKER_HOST; an image saved with `docker save NAME -o image.tar` needs no engine";
