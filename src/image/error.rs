//! Why an image could not be read, in words that name the place, what was expected and what was found.

use super::strange::Strange;
use crate::base::{Digest, Hint, Text, nearest_path};
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
        /// The file.
        path: Text,
        /// Why.
        source: io::Error,
    },
    /// There is nothing at the path that the user named.
    #[error("{path}: expected a file or folder, found nothing")]
    Missing {
        /// The path.
        path: Text,
        /// A path that is there and that is most like it.
        near: Option<Text>,
    },
    /// The bytes of a layer cannot be had again.
    #[error("{path}: the bytes of layer {number} are not to be had: {why}")]
    Gone {
        /// The source.
        path: Text,
        /// Its position, from 1.
        number: usize,
        /// Why.
        why: &'static str,
    },
    /// Something is not of the expected shape.
    #[error("{path}: {message}")]
    Shape {
        /// The file.
        path: Text,
        /// What was expected and found.
        message: Text,
    },
    /// A file that holds no image.
    #[error("{path}: expected an image archive (a tar), found {found}")]
    NoArchive {
        /// The file.
        path: Text,
        /// What it is.
        found: Strange,
    },
    /// A digest is not what was promised.
    #[error("{path}: {what} does not match: expected {expected}, found {found}")]
    Digest {
        /// The file.
        path: Text,
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
        /// The source.
        path: Text,
        /// The layer's file.
        name: Text,
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
        /// The source.
        path: Text,
        /// What was asked for.
        wanted: Text,
        /// What there is.
        found: Text,
    },
    /// There are several images, and it is not plain which is meant.
    #[error("{path}: expected one image, found {found}")]
    Several {
        /// The source.
        path: Text,
        /// What there is.
        found: Text,
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
        /// The source.
        path: Text,
        /// What was asked for.
        wanted: Text,
        /// What there is.
        found: Text,
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
        Self::Open { path: path.into(), source }
    }

    pub(super) fn missing(path: &Path) -> Self {
        Self::Missing { path: path.into(), near: nearest_path(path).map(|near| near.as_path().into()) }
    }

    pub(super) fn shape(path: &Path, message: impl std::fmt::Display) -> Self {
        Self::Shape { path: path.into(), message: message.to_string().into() }
    }

    pub(super) fn check(path: &Path, what: &'static str, expected: Digest, found: Digest) -> Result<(), Self> {
        if expected == found {
            return Ok(());
        }
        Err(Self::Digest { path: path.into(), what, expected, found })
    }

    pub(super) fn no_such_image(path: &Path, wanted: Option<&str>, found: &[String]) -> Self {
        let wanted = wanted.unwrap_or("(any)").into();
        Self::NoSuchImage { path: path.into(), wanted, found: listed(found) }
    }

    pub(super) fn several(path: &Path, wanted: Option<&str>, found: &[String], by_platform: bool) -> Self {
        let named = wanted.map(|wanted| format!("of `{wanted}` ")).unwrap_or_default();
        let found = format!("{} {named}in it: {}", found.len(), listed(found));
        Self::Several { path: path.into(), found: found.into(), by_platform }
    }

    /// Whether another command line would do: the image is not at fault.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Several { .. } | Self::NoSuchImage { .. } | Self::Platform { .. })
    }

    pub(super) fn platform(path: &Path, wanted: &str, found: &[&str]) -> Self {
        let found: Vec<String> = found.iter().map(|text| (*text).to_owned()).collect();
        Self::Platform { path: path.into(), wanted: wanted.into(), found: listed(&found) }
    }
}

impl Hint for ImageError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Registry(error) => return error.hint(),
            Self::Daemon(error) => return error.hint(),
            Self::NoArchive { found, .. } => return found.hint(),
            Self::Missing { near: Some(near), .. } => return Some(format!("did you mean `{near}`?")),
            Self::Missing { .. } => {
                Some("a target is a file or folder; save an image with `docker save NAME -o image.tar`")
            }
            Self::Gone { .. } => Some("save the image in a file or layout, and point at that"),
            Self::Digest { .. } => Some(CHANGED),
            Self::Layer { source, .. } if matches!(**source, BlobError::Digest { .. }) => Some(CHANGED),
            Self::Layer { source, .. } if matches!(**source, BlobError::Index(IndexError::Limit { .. })) => {
                Some("a larger layer is allowed with --max-unpacked SIZE")
            }
            Self::Layer { source, .. } if matches!(**source, BlobError::Index(IndexError::Bound { .. })) => None,
            Self::Layer { .. } => Some("the layer is damaged or incomplete; save or copy the image again"),
            Self::NoSuchImage { path, .. } if path.starts_with("containers-storage:") => {
                Some("list the names with `podman image ls`; this program pulls nothing")
            }
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

fn listed(found: &[String]) -> Text {
    let some = found.iter().take(12).map(String::as_str).collect::<Vec<_>>().join(", ");
    match found.len() {
        0 => "none".into(),
        more if more > 12 => format!("{some} and {} more", more - 12).into(),
        _ => some.into(),
    }
}
