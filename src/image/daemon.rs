//! Images of a container engine: from the cache where its ID is known, from the engine's store where that can be
//! read in place (the classic one, or containerd's blobs), otherwise as the stream that `docker save` would write.

use super::archive::choose;
use super::cache::{KnownImage, KnownLayerSource};
use super::layout::{blob_name, from_index, from_manifest};
use super::manifest::looks_like_index;
use super::source::Folder;
use super::source::{Files, LayerBytes, LayerSource, OpenBlob, SourceImage};
use super::{ImageError, Local, OpenOptions, Progress, stream};
use crate::base::Digest;
use crate::daemon::{DaemonError, Engine, Inspected, Store, StoredImage, StoredLayer, content_store};
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
    let key = key(&inspected, options);
    let known = options.cache.as_ref().filter(|_| !options.verify).and_then(|cache| cache.image(&key));
    if let Some(known) = known.filter(|known| is_cached(known, &inspected, options)) {
        return Ok(from_cache((name, path), &inspected, known));
    }
    match stored(&engine, &inspected, path, options) {
        Ok(mut source) => {
            rename(&mut source, name, &inspected);
            Ok(source)
        }
        Err(why) => {
            progress.note(&format!("{why}; the engine exports the whole image instead, which takes it a while"));
            progress.start("waiting for the engine, then reading", Some(inspected.size));
            let arrived = stream::read(path, &mut engine.export(name)?, options, progress)?;
            let whole = Local { form: None, path: path.to_owned(), choice: None };
            let mut source = choose(&whole, &arrived, options)?;
            rename(&mut source, name, &inspected);
            remember(&source, &arrived, &inspected, options);
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

/// What the cache knows the image by: an ID of containerd's store may be that of an index with several platforms.
fn key(inspected: &Inspected, options: &OpenOptions) -> String {
    let platform = options.platform.clone().unwrap_or_else(|| inspected.platform());
    format!("{} {platform}", inspected.id)
}

/// The image in the engine's store; the error says why it must be streamed.
fn stored(
    engine: &Engine,
    inspected: &Inspected,
    path: &Path,
    options: &OpenOptions,
) -> Result<SourceImage, ImageError> {
    let no_store = |why: &str| DaemonError::NoStore { why: why.into() };
    let info = engine.info()?;
    let root_dir = info.root_dir.ok_or_else(|| no_store("the engine does not say where it is"))?;
    let id: Digest = inspected.id.parse().map_err(|_| no_store("the image's ID is no digest"))?;
    if info.is_containerd {
        return from_content(&content_store(&root_dir, &id)?, &id, inspected, options);
    }
    let driver = inspected.graph_driver.clone().or(info.driver).unwrap_or_default();
    Ok(from_store(path, Store::open(&root_dir, &driver)?.image(&id)?))
}

/// An image of containerd's content store, which has manifests, configurations and layers as a registry has them: an image's
/// ID is the digest of its manifest or index.
fn from_content(
    store: &Path,
    id: &Digest,
    inspected: &Inspected,
    options: &OpenOptions,
) -> Result<SourceImage, ImageError> {
    let (files, name) = (Folder(store), blob_name(id));
    let bytes = files.document(&name, None)?;
    let place = files.place(&name);
    ImageError::check(&place, "its digest", *id, Digest::of(&bytes))?;
    if !looks_like_index(&bytes) {
        return from_manifest(&files, &place, &bytes, None, Vec::new());
    }
    let platform = options.platform.clone().or_else(|| Some(inspected.platform()));
    from_index(store, &files, (&name, &bytes), None, &OpenOptions { platform, ..options.clone() })
}

pub(super) fn from_store(path: &Path, image: StoredImage) -> SourceImage {
    let layers = image.layers.into_iter().map(|layer| {
        let (diff_id, length) = (layer.diff_id.to_string(), layer.split_bytes);
        LayerSource::new(diff_id, None, length, LayerBytes::Lazy(Arc::new(layer)))
    });
    let (layers, config) = (layers.collect(), (path.to_owned(), image.config));
    SourceImage { name: None, other_names: Vec::new(), config, annotations: HashMap::new(), layers }
}

/// The engine knows the names; what was typed may be an ID.
fn rename(source: &mut SourceImage, typed: &str, inspected: &Inspected) {
    let matching = inspected.repo_tags.iter().find(|name| super::choice::names_match(name, typed));
    let name = matching.or(inspected.repo_tags.first()).cloned();
    source.other_names = inspected.repo_tags.iter().filter(|other| Some(*other) != name.as_ref()).cloned().collect();
    source.name = Some(name.unwrap_or_else(|| typed.to_owned()));
}

/// A stream is not asked for again where all that it brought is known: the image's ID is the digest of its configuration, or
/// of the manifest or index that came along.
fn remember(source: &SourceImage, arrived: &dyn Files, inspected: &Inspected, options: &OpenOptions) {
    let (Some(cache), Ok(id)) = (&options.cache, inspected.id.parse::<Digest>()) else { return };
    let came_along = || arrived.document(&blob_name(&id), None).is_ok_and(|bytes| Digest::of(&bytes) == id);
    let is_of_it = id == Digest::of(&source.config.1) || came_along();
    let diff_ids = inspected.diff_ids.iter().map(|text| text.parse::<Digest>());
    let layers = source.layers.iter().zip(diff_ids).map(|(layer, diff_id)| {
        Some(KnownLayerSource { diff_id: diff_id.ok()?, blob: layer.digest, length: layer.length })
    });
    let layers: Option<Vec<KnownLayerSource>> = layers.collect();
    if let Some(layers) = layers.filter(|layers| is_of_it && layers.len() == inspected.diff_ids.len()) {
        cache.put_image(&key(inspected, options), &KnownImage { config: source.config.1.clone(), layers });
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
