//! Opening a target: choose the image, index its layers in parallel, verify what is read anyway.

use super::config::parse_config;
use super::layout::{Files, layout};
use super::target::{Found, Target};
use super::{Image, archive, directory, read_recorded, recorded};
use crate::base::{Basis, Digest, EntryIdx, Problem, escape_bytes, escape_str};
use crate::layer::{
    Blob, BlobError, Compression, Contents, EntryKind, Expected, IndexError, LayerIndex, Limits, digest_bodies,
    index_blob, index_seeking, recorded_paths,
};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Largest manifest or configuration that is read.
pub(super) const MOST_JSON: u64 = 16 << 20;

/// Most layers that are read. Engines stop at 127 or so.
const MOST_LAYERS: usize = 1_000;

/// What the user may choose about reading.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// `os/architecture[/variant]` to choose from an index.
    pub platform: Option<String>,
    /// Read and verify what would be passed over.
    pub verify: bool,
    /// Bounds on what the image may make us do.
    pub limits: Limits,
}

/// Told of long work.
pub trait Progress: Sync {
    /// A step begins, on this many bytes where that is known.
    fn start(&self, what: &str, bytes: Option<u64>);
    /// So many bytes more are done.
    fn advance(&self, bytes: u64);
    /// The step is done.
    fn finish(&self);
}

/// Tells nobody.
impl Progress for () {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
}

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

impl ImageError {
    pub(super) fn open(path: &Path, source: io::Error) -> Self {
        Self::Open { path: shown(path), source }
    }

    pub(super) fn shape(path: &Path, message: impl std::fmt::Display) -> Self {
        Self::Shape { path: shown(path), message: escape_str(&message.to_string()) }
    }

    pub(super) fn check(path: &Path, what: &'static str, expected: Digest, found: Digest) -> Result<(), Self> {
        if expected == found {
            return Ok(());
        }
        Err(Self::Digest { path: shown(path), what, expected, found })
    }

    pub(super) fn no_such_image(path: &Path, wanted: Option<&str>, found: &[String]) -> Self {
        let wanted = escape_str(wanted.unwrap_or("(any)"));
        Self::NoSuchImage { path: shown(path), wanted, found: listed(found) }
    }

    pub(super) fn platform(path: &Path, wanted: &str, found: &[&str]) -> Self {
        let found: Vec<String> = found.iter().map(|text| (*text).to_owned()).collect();
        Self::Platform { path: shown(path), wanted: escape_str(wanted), found: listed(&found) }
    }

    /// What the user can do about it, if there is something to say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
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
            Self::NoSuchImage { .. } => {
                Some("name the image behind the path: docker-archive:FILE:NAME:TAG, oci:DIR:TAG")
            }
            Self::Platform { .. } => Some("choose one of these with --platform"),
            _ => None,
        }
    }
}

fn shown(path: &Path) -> String {
    escape_bytes(path.as_os_str().as_encoded_bytes())
}

fn listed(found: &[String]) -> String {
    let some: Vec<String> = found.iter().take(12).map(|name| escape_str(name)).collect();
    match found.len() {
        0 => "none".into(),
        more if more > 12 => format!("{} and {} more", some.join(", "), more - 12),
        _ => some.join(", "),
    }
}

/// What a source knows before any layer is read.
pub(super) struct SourceImage {
    /// The chosen name.
    pub name: Option<String>,
    /// The others.
    pub other_names: Vec<String>,
    /// The configuration's place and bytes.
    pub config: (PathBuf, Vec<u8>),
    /// The layers, lowest first.
    pub layers: Vec<LayerBlob>,
}

/// A layer's blob.
pub(super) struct LayerBlob {
    /// Its file, for errors.
    pub name: String,
    /// Its bytes.
    pub blob: Blob,
    /// Its digest, where the source has one.
    pub digest: Option<Digest>,
}

/// `linux/` and the architecture of this machine, as Go names it.
pub(super) fn host_platform() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        other => other,
    };
    format!("linux/{architecture}")
}

/// Whether a platform is the one that is wanted. A variant decides only where both have one: configurations
/// often leave out what an index states (`linux/arm64/v8`).
pub(super) fn platform_fits(platform: &str, wanted: &str) -> bool {
    let (platform, wanted): (Vec<&str>, Vec<&str>) = (platform.split('/').collect(), wanted.split('/').collect());
    match (&platform[..], &wanted[..]) {
        ([a, b, v, ..], [c, d, w, ..]) => (a, b, v) == (c, d, w),
        ([a, b, ..], [c, d, ..]) => (a, b) == (c, d),
        ([a, ..], [c]) => a == c,
        _ => false,
    }
}

/// Whether a user's reference means a name: the whole of it, or its tag, or its last part.
pub(super) fn names_match(name: &str, wanted: &str) -> bool {
    name == wanted
        || name.ends_with(&format!(":{wanted}"))
        || name.ends_with(&format!("/{wanted}"))
        || (!wanted.contains(':') && name.rsplit('/').next() == Some(&format!("{wanted}:latest")))
        || (!wanted.contains(':') && name == format!("{wanted}:latest"))
}

/// Reads the image that a target names.
pub fn open(target: &Target, options: &OpenOptions, progress: &dyn Progress) -> Result<Image, ImageError> {
    let reference = target.reference.as_deref();
    let source = match target.find(&options.limits)? {
        Found::Directory(path) => return directory::directory(&path, options, progress),
        Found::Recorded(path) => {
            let bytes = std::fs::read(&path).map_err(|source| ImageError::open(&path, source))?;
            return read_recorded(&path, &bytes);
        }
        Found::Layout(path) => layout(&path, &Folder(&path), reference, options)?,
        Found::Archive(members) => open_archive(target, &members, options)?,
    };
    read_source(&target.path, source, options, progress)
}

/// An archive that has both forms is a docker-archive, unless the user says or the platform matters.
fn open_archive(
    target: &Target,
    members: &[archive::Member],
    options: &OpenOptions,
) -> Result<SourceImage, ImageError> {
    use super::TargetKind::{DockerArchive, OciArchive};
    let reference = target.reference.as_deref();
    let has = |name: &str| archive::member(members, name).is_some();
    let (docker, oci) = (has("manifest.json"), has("index.json") && has("oci-layout"));
    let as_layout = match target.kind {
        Some(OciArchive) => true,
        Some(DockerArchive) => false,
        _ => oci && (!docker || options.platform.is_some()),
    };
    match (as_layout, docker, oci) {
        (false, true, _) => archive::docker_archive(&target.path, members, reference),
        (true, _, true) => layout(&target.path, &InArchive { path: &target.path, members }, reference, options),
        _ => Err(ImageError::shape(
            &target.path,
            "expected an image archive (`manifest.json` of docker save, or `oci-layout` and `index.json`), found neither",
        )),
    }
}

struct Folder<'p>(&'p Path);

impl Files for Folder<'_> {
    fn get(&self, name: &str) -> Result<Blob, ImageError> {
        let path = self.place(name);
        let open = || {
            // Before it is opened: opening a FIFO waits for a writer.
            if !std::fs::metadata(&path)?.is_file() {
                return Err(io::Error::other("expected a file, found something else"));
            }
            let file = std::fs::File::open(&path)?;
            let metadata = file.metadata()?;
            Ok(Blob::new(std::sync::Arc::new(file), 0, metadata.len()))
        };
        open().map_err(|source| ImageError::open(&path, source))
    }

    fn place(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

struct InArchive<'a> {
    path: &'a Path,
    members: &'a [archive::Member],
}

impl Files for InArchive<'_> {
    fn get(&self, name: &str) -> Result<Blob, ImageError> {
        let blob = archive::member(self.members, name).cloned();
        blob.ok_or_else(|| ImageError::shape(&self.place(name), "expected this file in the archive, found none"))
    }

    fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// One layer read, and where its bodies are if it was sought in.
struct Indexed {
    layer: LayerIndex,
    bodies: Option<Vec<u64>>,
}

fn read_source(
    path: &Path,
    source: SourceImage,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<Image, ImageError> {
    let config = parse_config(&source.config.1)
        .map_err(|error| ImageError::shape(&source.config.0, format!("expected an image configuration: {error}")))?;
    let mut platform = format!("{}/{}", config.os, config.architecture);
    if let Some(variant) = &config.variant {
        platform = format!("{platform}/{variant}");
    }
    if let Some(wanted) = options.platform.as_deref().filter(|wanted| !platform_fits(&platform, wanted)) {
        return Err(ImageError::platform(path, wanted, &[&platform]));
    }
    if source.layers.len() > MOST_LAYERS {
        let message = format!("expected at most {MOST_LAYERS} layers, found {}", source.layers.len());
        return Err(ImageError::shape(path, message));
    }
    if config.diff_ids.len() != source.layers.len() {
        let message = format!(
            "expected one diff ID for each of the manifest's {} layers, found {}",
            source.layers.len(),
            config.diff_ids.len()
        );
        return Err(ImageError::shape(&source.config.0, message));
    }
    let mut expected = Vec::new();
    for (text, layer) in config.diff_ids.iter().zip(&source.layers) {
        let diff_id = text.parse().map_err(|error| ImageError::shape(&source.config.0, error))?;
        expected.push(Expected { blob: layer.digest, diff_id: Some(diff_id) });
    }
    progress.start("reading layers", Some(source.layers.iter().map(|layer| layer.blob.len()).sum()));
    let mut indexed = index_all(path, &source.layers, &expected, options, progress)?;
    digest_where_it_decides(path, &mut indexed, &source.layers)?;
    progress.finish();
    let problems = indexed.iter().enumerate().flat_map(|(position, indexed)| {
        indexed
            .layer
            .oddities
            .iter()
            .map(move |odd| Problem::new(format!("layer {} {}", position + 1, odd.place), &odd.message))
    });
    let problems = problems.collect();
    let fallback = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Ok(Image {
        name: source.name.unwrap_or(fallback),
        other_names: source.other_names,
        platform,
        config,
        layers: indexed.into_iter().map(|indexed| indexed.layer).collect(),
        basis: Basis::Measured,
        problems,
    })
}

/// Layers are independent: the largest first, two at a time, each with two threads of its own where it is read.
fn index_all(
    path: &Path,
    layers: &[LayerBlob],
    expected: &[Expected],
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<Vec<Indexed>, ImageError> {
    let mut order: Vec<usize> = (0..layers.len()).collect();
    order.sort_by_key(|&position| layers[position].blob.len());
    let queue = Mutex::new(order);
    let totals = Mutex::new((0, 0));
    let done: Mutex<Vec<(usize, Result<Indexed, BlobError>)>> = Mutex::new(Vec::new());
    let work = || {
        let next = || queue.lock().ok().and_then(|mut queue| queue.pop());
        while let Some(position) = next() {
            let result = index_one(&layers[position].blob, expected[position], options, progress)
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
        scope.spawn(work);
        work();
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(position, _)| *position);
    let mut out = Vec::with_capacity(layers.len());
    for (position, result) in done {
        let error = |source| ImageError::Layer {
            path: shown(path),
            name: escape_str(&layers[position].name),
            number: position + 1,
            count: layers.len(),
            source: Box::new(source),
        };
        out.push(result.map_err(error)?);
    }
    Ok(out)
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
    blob: &Blob,
    expected: Expected,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<Indexed, BlobError> {
    if options.verify || blob.compression()? != Compression::None {
        let layer = index_blob(blob, expected, &options.limits, &|bytes| progress.advance(bytes))?;
        return Ok(Indexed { layer, bodies: None });
    }
    let (layer, bodies) = index_seeking(blob, expected, &options.limits)?;
    progress.advance(blob.len());
    Ok(Indexed { layer, bodies: Some(bodies) })
}

/// Contents are digested only where equality decides something: a path that several layers have with the same
/// size, and files that several RECORDs list. Where a layer was read whole all digests are there, and those that
/// decide nothing are dropped, so that an index does not depend on how the image was stored.
fn digest_where_it_decides(path: &Path, indexed: &mut [Indexed], layers: &[LayerBlob]) -> Result<(), ImageError> {
    let wanted = deciding(indexed);
    let mut jobs = Vec::new();
    for (number, (indexed, wanted)) in indexed.iter_mut().zip(wanted).enumerate() {
        forget_the_rest(&mut indexed.layer, &wanted);
        let todo = bodies_to_digest(indexed, &wanted);
        let half = todo.len().div_ceil(2);
        jobs.extend(todo.chunks(half.max(1)).map(|todo| (number, todo.to_vec())));
    }
    for (number, result) in digest_jobs(jobs, layers) {
        let digests = result.map_err(|source| ImageError::Layer {
            path: shown(path),
            name: escape_str(&layers[number].name),
            number: number + 1,
            count: layers.len(),
            source: Box::new(source.into()),
        })?;
        for (position, digest) in digests {
            indexed[number].layer.entries[position as usize].content = Some(digest);
        }
    }
    Ok(())
}

/// Drops the digests that decide nothing.
fn forget_the_rest(layer: &mut LayerIndex, wanted: &HashSet<EntryIdx>) {
    let kept = &layer.contents;
    for (position, entry) in layer.entries.iter_mut().enumerate().filter(|(_, entry)| entry.content.is_some()) {
        let position = position as EntryIdx;
        if !wanted.contains(&position) && !kept.contains_key(&position) {
            entry.content = None;
        }
    }
}

/// An entry, where its body begins, and how long it is.
type Body = (EntryIdx, u64, u64);

/// What is wanted and has no digest yet, by where it stands. Nothing where the layer was read whole.
fn bodies_to_digest(indexed: &mut Indexed, wanted: &HashSet<EntryIdx>) -> Vec<Body> {
    let Some(bodies) = indexed.bodies.take() else { return Vec::new() };
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
fn digest_jobs(jobs: Vec<(usize, Vec<Body>)>, layers: &[LayerBlob]) -> Vec<Digested> {
    let queue = Mutex::new(jobs);
    let done = Mutex::new(Vec::new());
    let work = || {
        let next = || queue.lock().ok().and_then(|mut queue| queue.pop());
        while let Some((number, todo)) = next() {
            let digests = digest_bodies(&layers[number].blob, &todo);
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

/// The entries of each layer whose content decides something. Only paths that exist are remembered: a RECORD may
/// claim any number.
fn deciding(indexed: &[Indexed]) -> Vec<HashSet<EntryIdx>> {
    let count = indexed.iter().map(|indexed| indexed.layer.entries.len()).sum();
    let mut files: HashMap<&[u8], Occurrences<'_>> = HashMap::with_capacity(count);
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
fn mark_listed<'i>(indexed: &'i [Indexed], files: &mut HashMap<&'i [u8], Occurrences<'i>>) {
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
