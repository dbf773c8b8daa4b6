//! Reading an image's layers: from the cache where they are known, otherwise in parallel, each once.

use super::cache::KnownLayer;
use super::choice::platform_fits;
use super::config::parse_config;
use super::error::ImageError;
use super::layers::{Documents, Layers};
use super::source::{LayerBytes, LayerSource, SourceImage};
use super::{Image, OpenOptions, Progress, recorded};
use crate::base::{Basis, Digest, EntryIdx, FastMap, Problem};
use crate::layer::{
    Blob, BlobError, Compression, Contents, EntryKind, Expected, IndexError, LayerIndex, Limits, Linkage, Verified,
    digest_bodies, index_seeking, index_stream, index_toc, is_library_source, recorded_paths,
};
use std::collections::HashSet;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

/// Most layers that are read. Engines stop at 127 or so.
const MAX_LAYERS: usize = 1_000;
/// Most layers that are read at once: each takes a few buffers.
const MAX_WORKERS: usize = 6;

/// One layer read, and where its bodies are if it was sought in.
struct Indexed {
    layer: LayerIndex,
    bodies: Option<Vec<u64>>,
    /// What to read the bodies from, where it is open.
    blob: Option<Blob>,
    from_cache: bool,
    /// Whether the cache does not have all of it.
    is_news: bool,
}

impl Indexed {
    fn read(layer: LayerIndex) -> Self {
        Self { layer, bodies: None, blob: None, from_cache: false, is_news: true }
    }

    fn sought(layer: LayerIndex, bodies: Vec<u64>, blob: Blob) -> Self {
        Self { layer, bodies: Some(bodies), blob: Some(blob), from_cache: false, is_news: true }
    }
}

/// Reads an image's layers; `path` is its place, for errors.
pub(super) fn read_source(
    path: &Path,
    source: SourceImage,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<(Image, Layers), ImageError> {
    let config = parse_config(&source.config.1)
        .map_err(|error| ImageError::shape(&source.config.0, format!("expected an image configuration: {error}")))?;
    let mut platform = format!("{}/{}", config.os, config.architecture);
    if let Some(variant) = &config.variant {
        platform = format!("{platform}/{variant}");
    }
    if let Some(wanted) = options.platform.as_deref().filter(|wanted| !platform_fits(&platform, wanted)) {
        return Err(ImageError::platform(path, wanted, &[&platform]));
    }
    let expected = expected(path, &source, &config.diff_ids)?;
    progress.start("reading layers", Some(source.layers.iter().map(|layer| layer.length).sum()));
    let mut indexed = index_all(path, &source.layers, &expected, options, progress)?;
    digest_where_it_decides(path, &mut indexed, &source.layers, options)?;
    progress.finish();
    tell_of_cache(&indexed, progress);
    let problems = indexed.iter().enumerate().flat_map(|(position, indexed)| {
        indexed
            .layer
            .oddities
            .iter()
            .map(move |odd| Problem::new(format!("layer {} {}", position + 1, odd.place), &odd.message))
    });
    let problems = problems.collect();
    let fallback = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let image = Image {
        name: source.name.unwrap_or(fallback),
        other_names: source.other_names,
        platform,
        config,
        layers: indexed.into_iter().map(|indexed| Arc::new(indexed.layer)).collect(),
        basis: Basis::Measured,
        problems,
        unread: Vec::new(),
        gaps: Vec::new(),
        base: None,
    };
    let documents = Documents { config: source.config.1, annotations: source.annotations };
    Ok((image, Layers::of_blobs(path, documents, source.layers)))
}

/// Whether the cache knows every layer, so that reading the image reads none.
pub(super) fn is_cached(path: &Path, source: &SourceImage, options: &OpenOptions) -> bool {
    let Ok(config) = parse_config(&source.config.1) else { return false };
    let Ok(expected) = expected(path, source, &config.diff_ids) else { return false };
    let known = |(layer, expected): (&LayerSource, &Expected)| from_cache(layer, *expected, options).is_some();
    !source.layers.is_empty() && source.layers.iter().zip(&expected).all(known)
}

/// The digests that the manifest and the configuration promise, one pair a layer.
fn expected(path: &Path, source: &SourceImage, diff_ids: &[String]) -> Result<Vec<Expected>, ImageError> {
    let count = source.layers.len();
    if count > MAX_LAYERS {
        let message = format!("expected at most {MAX_LAYERS} layers, found {count}");
        return Err(ImageError::shape(path, message));
    }
    if diff_ids.len() != count {
        let found = diff_ids.len();
        let message = format!("expected one diff ID for each of the manifest's {count} layers, found {found}");
        return Err(ImageError::shape(&source.config.0, message));
    }
    let pairs = diff_ids.iter().zip(&source.layers).map(|(text, layer)| {
        let diff_id = text.parse().map_err(|error| ImageError::shape(&source.config.0, error))?;
        Ok(Expected { blob: layer.digest, diff_id: Some(diff_id) })
    });
    pairs.collect()
}

fn tell_of_cache(indexed: &[Indexed], progress: &dyn Progress) {
    let known = indexed.iter().filter(|indexed| indexed.from_cache).count();
    if known > 0 {
        progress.note(&format!("{known} of {} layers are known from the cache (--no-cache reads them)", indexed.len()));
    }
}

/// Layers are independent: the largest first, several at a time, each with threads of its own where it is read.
fn index_all(
    path: &Path,
    layers: &[LayerSource],
    expected: &[Expected],
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<Vec<Indexed>, ImageError> {
    let mut order: Vec<usize> = (0..layers.len()).collect();
    order.sort_by_key(|&position| layers[position].length);
    let queue = Mutex::new(order);
    let totals = Mutex::new((0, 0));
    let done: Mutex<Vec<(usize, Result<Indexed, BlobError>)>> = Mutex::new(Vec::new());
    let work = || {
        let next = || queue.lock().ok().and_then(|mut queue| queue.pop());
        while let Some(position) = next() {
            let result = index_one(&layers[position], expected[position], options, progress)
                .and_then(|indexed| Ok(count(&totals, &indexed.layer, &options.limits).map(|()| indexed)?));
            let failed = result.is_err();
            if let Ok(mut done) = done.lock() {
                done.push((position, result));
            }
            if failed {
                // No use in reading on: the others stop at their next layer.
                if let Ok(mut queue) = queue.lock() {
                    queue.clear();
                }
            }
        }
    };
    std::thread::scope(|scope| {
        (1..workers()).for_each(|_| _ = scope.spawn(work));
        work();
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(position, _)| *position);
    let mut out = Vec::with_capacity(layers.len());
    for (position, result) in done {
        out.push(result.map_err(|source| layer_error(path, layers, position, source))?);
    }
    Ok(out)
}

fn layer_error(path: &Path, layers: &[LayerSource], position: usize, source: BlobError) -> ImageError {
    ImageError::Layer {
        path: path.into(),
        name: layers[position].name.as_str().into(),
        number: position + 1,
        count: layers.len(),
        source: Box::new(source),
    }
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, MAX_WORKERS))
}

/// Bounds all layers together: one small blob may be named as a layer many times.
fn count(totals: &Mutex<(usize, usize)>, layer: &LayerIndex, limits: &Limits) -> Result<(), IndexError> {
    let Ok(mut totals) = totals.lock() else { return Ok(()) };
    totals.0 += layer.entries.len();
    totals.1 += layer.contents.values().map(Vec::len).sum::<usize>();
    let bound = |what, limit| Err(IndexError::Bound { what, limit: limit as u64 });
    match () {
        () if totals.0 > limits.entries => {
            bound("the layers have more entries than any image should have", limits.entries)
        }
        () if totals.1 > limits.kept_layer.saturating_mul(2) => {
            bound("the layers have more bytes of package metadata than any image should have", limits.kept_layer * 2)
        }
        () => Ok(()),
    }
}

fn index_one(
    source: &LayerSource,
    expected: Expected,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<Indexed, BlobError> {
    if let Some(indexed) = from_cache(source, expected, options) {
        progress.advance(source.length);
        return Ok(indexed);
    }
    if let Some(layer) = by_contents(source, expected, options, progress) {
        progress.advance(source.length);
        return Ok(Indexed::read(layer));
    }
    let advance = |bytes| progress.advance(bytes);
    let whole = |input: &mut dyn Read| {
        let (layer, _) = index_stream(input, expected, &options.limits, &advance)?;
        Ok::<_, BlobError>(Indexed::read(layer))
    };
    let indexed = match &source.bytes {
        LayerBytes::Seekable(blob) if options.verify || blob.compression()? != Compression::None => {
            whole(&mut blob.open())?
        }
        LayerBytes::Seekable(blob) => {
            let (layer, bodies) = index_seeking(blob, expected, &options.limits)?;
            progress.advance(source.length);
            Indexed::sought(layer, bodies, blob.clone())
        }
        LayerBytes::Lazy(lazy) if options.verify => whole(&mut lazy.open()?.open())?,
        LayerBytes::Lazy(lazy) => {
            let blob = lazy.open()?;
            let (layer, bodies) = index_seeking(&blob, expected, &options.limits)?;
            progress.advance(source.length);
            Indexed::sought(layer, bodies, blob)
        }
        LayerBytes::Remote(remote) => whole(&mut remote.open()?)?,
        LayerBytes::Passed(passed) => Indexed::read(passed.layer(expected)?),
        LayerBytes::Cached => {
            let message = "the cache has lost this layer; run again";
            return Err(io::Error::other(message).into());
        }
    };
    to_cache(&indexed, options);
    Ok(indexed)
}

/// Reads a layer's table of contents instead of the layer, where its manifest vouches for one.
fn by_contents(
    source: &LayerSource,
    expected: Expected,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Option<LayerIndex> {
    let place = source.toc.as_ref().filter(|_| !options.verify && !options.whole)?;
    match index_toc(source.parts()?, source.length, place, expected, &options.limits) {
        Ok(layer) => Some(layer),
        Err(why) => {
            progress.note(&format!("layer {}: {why}; it is read whole", source.name));
            None
        }
    }
}

/// What is known of a layer without reading it. `--verify` reads.
fn from_cache(source: &LayerSource, expected: Expected, options: &OpenOptions) -> Option<Indexed> {
    let cache = options.cache.as_ref().filter(|_| !options.verify)?;
    if matches!(source.bytes, LayerBytes::Passed(_)) {
        return None;
    }
    let (known, is_sought) = match cache.layer(expected.diff_id?) {
        Some(known) => (known, false),
        None if options.whole && source.toc.is_some() => return None,
        None => (cache.sought(&identity(source, expected)?)?, true),
    };
    let KnownLayer { mut layer, bodies, blobs } = known;
    if layer.unpacked() > options.limits.unpacked || (options.limits.sources && !layer.sources) {
        // Whoever allows less now is told so by reading it; whoever wants more reads it again.
        return None;
    }
    (layer.diff_id, layer.blob) = (expected.diff_id, expected.blob);
    // What only the cache has was verified when it came along.
    layer.verified = Verified { blob: false, diff_id: matches!(source.bytes, LayerBytes::Cached) };
    match blobs.iter().find(|known| Some(known.digest) == expected.blob) {
        Some(known) => {
            layer.verified = Verified { blob: true, diff_id: true };
            (layer.compression, layer.wire) = (known.compression, known.wire);
        }
        None if is_sought => {}
        // Another blob than the one that was read: its length is what its manifest says.
        None => {
            layer.compression = likely_compression(source, expected)?;
            layer.wire = (layer.compression != Compression::None).then_some(source.length);
        }
    }
    let blob = match &source.bytes {
        LayerBytes::Seekable(blob) => Some(blob.clone()),
        _ => None,
    };
    Some(Indexed { layer, bodies, blob, from_cache: true, is_news: false })
}

/// Of a blob that was never read.
fn likely_compression(source: &LayerSource, expected: Expected) -> Option<Compression> {
    match &source.bytes {
        LayerBytes::Seekable(blob) => blob.compression().ok(),
        LayerBytes::Lazy(_) => Some(Compression::None),
        _ if expected.blob.is_none() || expected.blob == expected.diff_id => Some(Compression::None),
        _ => Some(Compression::Gzip),
    }
}

/// What a file that is only sought through is known by.
fn identity(source: &LayerSource, expected: Expected) -> Option<String> {
    let identity = match &source.bytes {
        // What is proven is that the manifest vouches for this table of this blob.
        LayerBytes::Seekable(_) | LayerBytes::Remote(_) if source.toc.is_some() => {
            format!("{:?} {}", source.toc, expected.blob?)
        }
        LayerBytes::Seekable(blob) => blob.identity()?,
        LayerBytes::Lazy(lazy) => lazy.identity()?,
        _ => return None,
    };
    Some(format!("{identity} {}", expected.diff_id?))
}

/// A layer that was read whole has all its digests, and is kept with them.
fn to_cache(indexed: &Indexed, options: &OpenOptions) {
    let layer = &indexed.layer;
    let verified = layer.diff_id.filter(|_| layer.verified.diff_id);
    if let (Some(cache), Some(diff_id)) = (&options.cache, verified) {
        cache.put_layer(diff_id, layer);
    }
}

/// A layer that was sought through is kept with the digests that decided something.
fn sought_to_cache(source: &LayerSource, indexed: &Indexed, options: &OpenOptions) {
    let Some(cache) = options.cache.as_ref().filter(|_| !indexed.layer.verified.diff_id) else { return };
    let expected = Expected { blob: indexed.layer.blob, diff_id: indexed.layer.diff_id };
    if let Some(identity) = identity(source, expected) {
        cache.put_sought(&identity, &indexed.layer, indexed.bodies.as_deref());
    }
}

/// Contents are digested only where equality decides something: a path that several layers have with the same
/// size, and files that several RECORDs list. Where a layer was read whole all digests are there, and those that
/// decide nothing are dropped, so that an index does not depend on how the image was stored.
fn digest_where_it_decides(
    path: &Path,
    indexed: &mut [Indexed],
    layers: &[LayerSource],
    options: &OpenOptions,
) -> Result<(), ImageError> {
    let wanted = if options.digests { all_files(indexed) } else { deciding(indexed) };
    let mut jobs = Vec::new();
    for (number, (indexed, wanted)) in indexed.iter_mut().zip(wanted).enumerate() {
        forget_the_rest(&mut indexed.layer, &wanted);
        let todo = bodies_to_digest(indexed, &wanted);
        if let (LayerBytes::Lazy(lazy), None, false) = (&layers[number].bytes, &indexed.blob, todo.is_empty()) {
            indexed.blob = Some(lazy.open().map_err(|source| layer_error(path, layers, number, source.into()))?);
        }
        indexed.is_news |= !todo.is_empty();
        let half = todo.len().div_ceil(2);
        if let Some(blob) = &indexed.blob {
            jobs.extend(todo.chunks(half.max(1)).map(|todo| (number, blob.clone(), todo.to_vec())));
        }
    }
    for (number, result) in digest_jobs(jobs) {
        let digests = result.map_err(|source| layer_error(path, layers, number, source.into()))?;
        for (position, digest) in digests {
            indexed[number].layer.entries[position as usize].content = Some(digest);
        }
    }
    for (source, indexed) in layers.iter().zip(indexed).filter(|(_, indexed)| indexed.is_news) {
        sought_to_cache(source, indexed, options);
    }
    Ok(())
}

/// Drops the digests that decide nothing.
fn forget_the_rest(layer: &mut LayerIndex, wanted: &HashSet<EntryIdx>) {
    let kept = &layer.contents;
    for (position, entry) in layer.entries.iter_mut().enumerate().filter(|(_, entry)| entry.content.is_some()) {
        let position = position as EntryIdx;
        let distilled = kept.get(&position).is_some_and(|text| Linkage::decode(text).is_none());
        let is_kept = distilled && !is_library_source(entry.path.as_bytes());
        if !wanted.contains(&position) && !is_kept {
            entry.content = None;
        }
    }
}

/// An entry, where its body begins, and how long it is.
type Body = (EntryIdx, u64, u64);

/// What is wanted and has no digest yet, by where it stands. Nothing where the layer was read whole.
fn bodies_to_digest(indexed: &Indexed, wanted: &HashSet<EntryIdx>) -> Vec<Body> {
    let Some(bodies) = &indexed.bodies else { return Vec::new() };
    let entries = &indexed.layer.entries;
    let mut todo: Vec<Body> = wanted
        .iter()
        .filter(|&&position| entries[position as usize].content.is_none())
        .filter(|&&position| bodies[position as usize] != Contents::SCATTERED)
        .map(|&position| (position, bodies[position as usize], entries[position as usize].size))
        .collect();
    todo.sort_by_key(|(_, start, _)| *start);
    todo
}

/// The digests of some bodies of a layer, or why they could not be read.
type Digested = (usize, io::Result<Vec<(EntryIdx, Digest)>>);

/// Two jobs at a time. The results are in the order of the layers.
fn digest_jobs(jobs: Vec<(usize, Blob, Vec<Body>)>) -> Vec<Digested> {
    let queue = Mutex::new(jobs);
    let done = Mutex::new(Vec::new());
    let work = || {
        let next = || queue.lock().ok().and_then(|mut queue| queue.pop());
        while let Some((number, blob, todo)) = next() {
            let digests = digest_bodies(&blob, &todo);
            if let Ok(mut done) = done.lock() {
                done.push((number, digests));
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let mut done: Vec<Digested> = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(number, _)| *number);
    done
}

/// What is known of a path while looking for the contents that decide something.
#[derive(Default)]
struct Occurrences<'i> {
    /// The files with bytes at this path: size, layer, entry.
    places: Vec<(u64, usize, EntryIdx)>,
    /// The first RECORD that lists it.
    listed_by: Option<&'i [u8]>,
    /// Whether another one does, too.
    listed_twice: bool,
}

/// Every file with bytes.
fn all_files(indexed: &[Indexed]) -> Vec<HashSet<EntryIdx>> {
    let of = |indexed: &Indexed| {
        let entries = indexed.layer.entries.iter().enumerate();
        let files = entries.filter(|(_, entry)| entry.kind == EntryKind::File && entry.size > 0);
        files.map(|(position, _)| position as EntryIdx).collect()
    };
    indexed.iter().map(of).collect()
}

/// The entries of each layer whose content decides something. Only paths that exist are remembered: a RECORD may
/// claim any number.
fn deciding(indexed: &[Indexed]) -> Vec<HashSet<EntryIdx>> {
    let count = indexed.iter().map(|indexed| indexed.layer.entries.len()).sum();
    let mut files: FastMap<&[u8], Occurrences<'_>> = FastMap::default();
    files.reserve(count);
    for (layer, indexed) in indexed.iter().enumerate() {
        let entries = indexed.layer.entries.iter().enumerate();
        for (position, entry) in entries.filter(|(_, entry)| entry.kind == EntryKind::File && entry.size > 0) {
            let places = &mut files.entry(entry.path.as_bytes()).or_default().places;
            places.push((entry.size, layer, position as EntryIdx));
        }
    }
    mark_listed(indexed, &mut files);
    let mut wanted = vec![HashSet::new(); indexed.len()];
    for file in files.values_mut().filter(|file| file.listed_twice || file.places.len() > 1) {
        file.places.sort_unstable();
        for same_size in file.places.chunk_by(|a, b| a.0 == b.0) {
            if file.listed_twice || same_size.len() > 1 {
                same_size.iter().for_each(|&(_, layer, position)| _ = wanted[layer].insert(position));
            }
        }
    }
    wanted
}

/// Notes which files several RECORDs list.
fn mark_listed<'i>(indexed: &'i [Indexed], files: &mut FastMap<&'i [u8], Occurrences<'i>>) {
    let mut path = Vec::new();
    for indexed in indexed {
        for (position, content) in &indexed.layer.contents {
            let record = indexed.layer.entries[*position as usize].path.as_bytes();
            let Some(site) = recorded::record_site(record) else { continue };
            for row in recorded_paths(content) {
                path.clear();
                path.extend_from_slice(site);
                path.push(b'/');
                path.extend_from_slice(row);
                let Some(file) = files.get_mut(&*crate::base::clean_path(&path)) else { continue };
                let first = *file.listed_by.get_or_insert(record);
                file.listed_twice |= first != record;
            }
        }
    }
}
