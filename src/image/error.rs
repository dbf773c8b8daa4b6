//! Why an image could not be read, in words that name the place, what was expected and what was found.

use crate::base::{Digest, escape_path, escape_str};
use crate::daemon::DaemonError;
use crate::layer::{BlobError, IndexError};
use crate::registry::RegistryError;
use std::io;
use std::path::Path;

/// Why an image could not be read. Every text names the place, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file could not be opened or read.
    #[error("{path}: {source}")]
    Open {
        /// The file, escaped.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Something is not of the expected shape.
    #[error("{path}: {message}")]
    Shape {
        /// The file, escaped.
        path: String,
        /// What was expected and found.
        message: String,
    },
    /// A digest is not what was promised.
    #[error("{path}: {what} does not match: expected {expected}, found {found}")]
    Digest {
        /// The file, escaped.
        path: String,
        /// Which digest.
        what: &'static str,
        /// As promised.
        expected: Digest,
        /// Of the bytes.
        found: Digest,
    },
    /// A layer could not be read.
    #[error("{path}: layer {number} of {count} ({name}): {source}")]
    Layer {
        /// The source, escaped.
        path: String,
        /// The layer's file, escaped.
        name: String,
        /// Its position, from 1.
        number: usize,
        /// How many layers there are.
        count: usize,
        /// Why.
        source: Box<BlobError>,
    },
    /// The reference names no image of the source.
    #[error("{path}: expected an image named `{wanted}`, found {found}")]
    NoSuchImage {
        /// The source, escaped.
        path: String,
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// There are several images, and it is not plain which is meant.
    #[error("{path}: expected one image, found {found}")]
    Several {
        /// The source, escaped.
        path: String,
        /// What there is.
        found: String,
        /// Whether a platform tells them apart.
        by_platform: bool,
    },
    /// A container engine.
    #[error(transparent)]
    Daemon(#[from] Box<DaemonError>),
    /// A registry.
    #[error(transparent)]
    Registry(#[from] Box<RegistryError>),
    /// The index has no such platform.
    #[error("{path}: expected an image for {wanted}, found {found}")]
    Platform {
        /// The source, escaped.
        path: String,
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: String,
    },
}

const CHANGED: &str = "the file is damaged or was changed; save or copy the image again";

impl From<RegistryError> for ImageError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(Box::new(error))
    }
}

impl From<DaemonError> for ImageError {
    fn from(error: DaemonError) -> Self {
        Self::Daemon(Box::new(error))
    }
}

impl ImageError {
    pub(super) fn open(path: &Path, source: io::Error) -> Self {
        Self::Open { path: escape_path(path), source }
    }

    pub(super) fn shape(path: &Path, message: impl std::fmt::Display) -> Self {
        Self::Shape { path: escape_path(path), message: escape_str(&message.to_string()) }
    }

    pub(super) fn check(path: &Path, what: &'static str, expected: Digest, found: Digest) -> Result<(), Self> {
        if expected == found {
            return Ok(());
        }
        Err(Self::Digest { path: escape_path(path), what, expected, found })
    }

    pub(super) fn no_such_image(path: &Path, wanted: Option<&str>, found: &[String]) -> Self {
        let wanted = escape_str(wanted.unwrap_or("(any)"));
        Self::NoSuchImage { path: escape_path(path), wanted, found: listed(found) }
    }

    pub(super) fn several(path: &Path, wanted: Option<&str>, found: &[String], by_platform: bool) -> Self {
        let named = wanted.map(|wanted| format!("of `{}` ", escape_str(wanted))).unwrap_or_default();
        let found = format!("{} {named}in it: {}", found.len(), listed(found));
        Self::Several { path: escape_path(path), found, by_platform }
    }

    /// Whether another command line would do: the image is not at fault.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Several { .. } | Self::NoSuchImage { .. } | Self::Platform { .. })
    }

    pub(super) fn platform(path: &Path, wanted: &str, found: &[&str]) -> Self {
        let found: Vec<String> = found.iter().map(|text| (*text).to_owned()).collect();
        Self::Platform { path: escape_path(path), wanted: escape_str(wanted), found: listed(&found) }
    }

    /// What the user can do about it, if there is something to say.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Registry(error) => return error.hint(),
            Self::Daemon(error) => error.hint(),
            Self::Open { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("a target is a file or folder; save an image with `docker save NAME -o image.tar`")
            }
            Self::Digest { .. } => Some(CHANGED),
            Self::Layer { source, .. } if matches!(**source, BlobError::Digest { .. }) => Some(CHANGED),
            Self::Layer { source, .. } if matches!(**source, BlobError::Index(IndexError::Limit { .. })) => {
                Some("a larger layer is allowed with --max-unpacked SIZE")
            }
            Self::Layer { source, .. } if matches!(**source, BlobError::Index(IndexError::Bound { .. })) => None,
            Self::Layer { .. } => Some("the layer is damaged or incomplete; save or copy the image again"),
            Self::NoSuchImage { .. } => Some(
                "name the image behind the path: docker-archive:FILE:NAME:TAG, oci:DIR:TAG, or by position or digest: FILE:@0, FILE:@sha256:…",
            ),
            Self::Several { by_platform: true, .. } => Some("choose one of these platforms with --platform"),
            Self::Several { path, .. } if path == "-" => Some(
                "choose one behind the dash, by name, position or digest: slimwright audit -- -:NAME:TAG, -:@0, -:@sha256:…",
            ),
            Self::Several { .. } => Some(
                "choose one behind the path: its name (FILE:NAME:TAG), its position (FILE:@0) or its digest (FILE:@sha256:…)",
            ),
            Self::Platform { .. } => Some("choose one of these with --platform"),
            _ => None,
        };
        hint.map(str::to_owned)
    }
}

fn listed(found: &[String]) -> String {
    let some: Vec<String> = found.iter().take(12).map(|name| escape_str(name)).collect();
    match found.len() {
        0 => "none".into(),
        more if more > 12 => format!("{} and {} more", some.join(", "), more - 12),
        _ => some.join(", "),
    }
}
