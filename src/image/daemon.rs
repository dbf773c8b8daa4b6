//! Images of a container engine: from the cache where its ID is known, from the engine's store where that can be
//! read in place, otherwise as the stream that `docker save` would write.

use super::archive::choose;
use super::cache::{KnownImage, KnownLayerSource};
use super::source::{LayerBytes, LayerSource, OpenBlob, SourceImage};
use super::{ImageError, Local, OpenOptions, Progress, stream};
use crate::base::Digest;
use crate::daemon::{DaemonError, Engine, Inspected, Store, StoredImage, StoredLayer};
use crate::layer::Blob;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Chooses the image of a name or ID; `path` is what to call it in an error. Of a stream the layers are read already.
pub(super) fn daemon(
    name: &str,
    path: &Path,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<SourceImage, ImageError> {
    let engine = Engine::connect()?;
    let inspected = engine.inspect(name)?;
    let id = inspected.id.clone();
    let known = options.cache.as_ref().filter(|_| !options.verify).and_then(|cache| cache.image(&id));
    if let Some(known) = known.filter(|known| is_cached(known, &inspected, options)) {
        return Ok(from_cache((name, path), &inspected, known));
    }
    match stored(&engine, &inspected) {
        Ok(image) => Ok(from_store((name, path), &inspected, image)),
        Err(why) => {
            progress.note(&format!("{why}; the engine exports the whole image instead, which takes it a while"));
            progress.start("waiting for the engine, then reading", Some(inspected.size));
            let arrived = stream::read(path, &mut engine.export(name)?, options, progress)?;
            let whole = Local { form: None, path: path.to_owned(), choice: None };
            let mut source = choose(&whole, &arrived, options)?;
            rename(&mut source, name, &inspected);
            remember(&source, &inspected, options);
            Ok(source)
        }
    }
}

/// Whether all layers are in the cache, under the diff IDs that the engine names.
fn is_cached(known: &KnownImage, inspected: &Inspected, options: &OpenOptions) -> bool {
    let Some(cache) = &options.cache else { return false };
    let same = known.layers.len() == inspected.diff_ids.len();
    let has = |(layer, diff_id): (&KnownLayerSource, &String)| {
        layer.diff_id.to_string() == *diff_id && cache.has_layer(layer.diff_id)
    };
    same && known.layers.iter().zip(&inspected.diff_ids).all(has)
}

fn from_cache((name, path): (&str, &Path), inspected: &Inspected, known: KnownImage) -> SourceImage {
    let layers = known
        .layers
        .iter()
        .map(|layer| LayerSource::new(layer.diff_id.to_string(), layer.blob, layer.length, LayerBytes::Cached));
    let layers = layers.collect();
    let config = (path.to_owned(), known.config);
    let mut source = SourceImage { name: None, other_names: Vec::new(), config, annotations: HashMap::new(), layers };
    rename(&mut source, name, inspected);
    source
}

/// The engine's store; the error says why it must be streamed.
fn stored(engine: &Engine, inspected: &Inspected) -> Result<StoredImage, DaemonError> {
    let no_store = |why: &str| DaemonError::NoStore { why: why.into() };
    let info = engine.info()?;
    let driver = inspected.graph_driver.clone().or(info.driver).unwrap_or_default();
    let root_dir = info.root_dir.ok_or_else(|| no_store("the engine does not say where it is"))?;
    let id: Digest = inspected.id.parse().map_err(|_| no_store("the image's ID is no digest"))?;
    Store::open(&root_dir, &driver)?.image(&id)
}

fn from_store((name, path): (&str, &Path), inspected: &Inspected, image: StoredImage) -> SourceImage {
    let layers = image.layers.into_iter().map(|layer| {
        let (diff_id, length) = (layer.diff_id.to_string(), layer.split_bytes);
        LayerSource::new(diff_id, None, length, LayerBytes::Lazy(Arc::new(layer)))
    });
    let layers = layers.collect();
    let config = (path.to_owned(), image.config);
    let mut source = SourceImage { name: None, other_names: Vec::new(), config, annotations: HashMap::new(), layers };
    rename(&mut source, name, inspected);
    source
}

/// The engine knows the names; what was typed may be an ID.
fn rename(source: &mut SourceImage, typed: &str, inspected: &Inspected) {
    let matching = inspected.repo_tags.iter().find(|name| super::open::names_match(name, typed));
    let name = matching.or(inspected.repo_tags.first()).cloned();
    source.other_names = inspected.repo_tags.iter().filter(|other| Some(*other) != name.as_ref()).cloned().collect();
    source.name = Some(name.unwrap_or_else(|| typed.to_owned()));
}

/// A stream is not asked for again where all that it brought is known: the image's ID is a digest of it.
fn remember(source: &SourceImage, inspected: &Inspected, options: &OpenOptions) {
    let Some(cache) = &options.cache else { return };
    let is_config = inspected.id == Digest::of(&source.config.1).to_string();
    let diff_ids = inspected.diff_ids.iter().map(|text| text.parse::<Digest>());
    let layers = source.layers.iter().zip(diff_ids).map(|(layer, diff_id)| {
        Some(KnownLayerSource { diff_id: diff_id.ok()?, blob: layer.digest, length: layer.length })
    });
    let layers: Option<Vec<KnownLayerSource>> = layers.collect();
    if let Some(layers) = layers.filter(|layers| is_config && layers.len() == inspected.diff_ids.len()) {
        cache.put_image(&inspected.id, &KnownImage { config: source.config.1.clone(), layers });
    }
}

impl OpenBlob for StoredLayer {
    fn open(&self) -> io::Result<Blob> {
        StoredLayer::open(self).map_err(io::Error::other)
    }

    fn identity(&self) -> Option<String> {
        StoredLayer::identity(self)
    }
}
