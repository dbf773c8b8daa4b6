//! A registry's image as far as it is known without pulling it: its configuration and the compressed sizes of its layers;
//! and all of it, where the cache has every layer.

use super::config::parse_config;
use super::reading::{is_cached, read_source};
use super::{Image, ImageError, OpenOptions, Progress, registry};
use crate::base::Basis;
use crate::layer::LayerIndex;
use crate::registry::Options;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Whoever asks before a build waits for seconds and no longer: a registry that does not answer is told as such.
const FIRST_WAIT: Duration = Duration::from_millis(60);
const IDLE: Duration = Duration::from_secs(5);

/// Reads what a registry tells of the image of this name before any layer is pulled. Whether the image is whole: otherwise its layers
/// have a compressed size each (`wire`, as the manifest states it) and no entries.
///
/// # Errors
///
/// Those of [`super::open`] for a registry's image.
pub fn open_manifest(name: &str, options: &OpenOptions, progress: &dyn Progress) -> Result<(Image, bool), ImageError> {
    let patience = Options { first_wait: FIRST_WAIT, idle: IDLE, ..Options::default() };
    let path = PathBuf::from(format!("docker://{name}"));
    let source = registry::registry_with(name, &path, options, patience)?;
    if is_cached(&path, &source, options) {
        return Ok((read_source(&path, source, options, progress)?.0, true));
    }
    let config = parse_config(&source.config.1)
        .map_err(|error| ImageError::shape(&source.config.0, format!("expected an image configuration: {error}")))?;
    let layers = source.layers.iter().map(|layer| LayerIndex {
        blob: layer.digest,
        wire: Some(layer.length),
        ..LayerIndex::default()
    });
    let layers = layers.map(Arc::new);
    let image = Image {
        name: source.name.unwrap_or_default(),
        platform: format!("{}/{}", config.os, config.architecture),
        layers: layers.collect(),
        config,
        ..Image::new(Basis::Measured)
    };
    Ok((image, false))
}
