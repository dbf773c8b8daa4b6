//! OCI image layouts (image-spec image-layout.md), in a folder or an archive: from `index.json`, through nested
//! indexes, to the manifest of one platform.

use super::manifest::{parse_index, parse_manifest};
use super::open::{names_match, platform_fits};
use super::source::{Files, SourceImage};
use super::{ImageError, OpenOptions};
use crate::base::{Digest, escape_str};
use crate::layer::TocPlace;
use oci_spec::image::{Descriptor, ImageManifest, MediaType};
use std::path::Path;

/// A platform's manifest among those that an index holds.
struct Candidate {
    name: Option<String>,
    platform: Option<String>,
    descriptor: Descriptor,
}

/// The manifests found so far, and how many descriptors were looked at: an index may name one nested index many
/// times, and that one another.
#[derive(Default)]
struct Candidates {
    found: Vec<Candidate>,
    visited: usize,
}

/// Most descriptors of a layout's indexes.
const MOST_DESCRIPTORS: usize = 100_000;
/// Most nested indexes that are read.
const DEEPEST_INDEX: usize = 4;

/// Chooses an image of a layout.
pub(super) fn layout(
    path: &Path,
    files: &dyn Files,
    reference: Option<&str>,
    options: &OpenOptions,
) -> Result<SourceImage, ImageError> {
    let index = files.document("index.json", None)?;
    from_index(path, files, ("index.json", &index), reference, options)
}

/// Chooses an image of an index.
pub(super) fn from_index(
    path: &Path,
    files: &dyn Files,
    (name, bytes): (&str, &[u8]),
    reference: Option<&str>,
    options: &OpenOptions,
) -> Result<SourceImage, ImageError> {
    let mut candidates = Candidates::default();
    collect(files, &files.place(name), bytes, None, 0, &mut candidates)?;
    let candidates = candidates.found;
    let mut names: Vec<String> = candidates.iter().filter_map(|candidate| candidate.name.clone()).collect();
    names.dedup();
    let first = match reference {
        None => candidates.first(),
        Some(wanted) => candidates.iter().find(|c| {
            c.name.as_deref().is_some_and(|name| names_match(name, wanted))
                || c.descriptor.digest().to_string() == wanted
        }),
    };
    let first = first.ok_or_else(|| ImageError::no_such_image(path, reference, &names))?;
    let name = first.name.clone();
    let same: Vec<&Candidate> = candidates.iter().filter(|c| c.name == name).collect();
    let chosen = choose_platform(path, &same, first, options)?;
    let place = files.place(&blob_name(&digest_of(files, &chosen.descriptor)?));
    let bytes = read_verified(files, &chosen.descriptor)?;
    from_manifest(files, &place, &bytes, name, names)
}

/// The image of a manifest.
pub(super) fn from_manifest(
    files: &dyn Files,
    place: &Path,
    bytes: &[u8],
    name: Option<String>,
    names: Vec<String>,
) -> Result<SourceImage, ImageError> {
    let manifest = parse_manifest(bytes).map_err(|error| ImageError::shape(place, error))?;
    source_image(files, place, &manifest, name, names)
}

fn source_image(
    files: &dyn Files,
    place: &Path,
    manifest: &ImageManifest,
    name: Option<String>,
    mut names: Vec<String>,
) -> Result<SourceImage, ImageError> {
    if let MediaType::Other(kind) = manifest.config().media_type()
        && !kind.contains("container.image")
        && !kind.is_empty()
    {
        let message = format!("expected an image, found an artifact (configuration of type `{}`)", escape_str(kind));
        return Err(ImageError::shape(place, message));
    }
    let config_digest = digest_of(files, manifest.config())?;
    let config = read_verified(files, manifest.config())?;
    let mut layers = Vec::new();
    for descriptor in manifest.layers() {
        let digest = digest_of(files, descriptor)?;
        let file = blob_name(&digest);
        let mut layer = files.layer(&file, Some(digest), Some(descriptor.size()))?;
        check_length(files, &file, descriptor, layer.length)?;
        // A promise that makes no sense is none: the layer is read whole.
        let annotations = descriptor.annotations().as_ref();
        layer.toc = annotations.and_then(|annotations| TocPlace::from_annotations(annotations).ok().flatten());
        layers.push(layer);
    }
    names.retain(|other| Some(other) != name.as_ref());
    Ok(SourceImage { name, other_names: names, config: (files.place(&blob_name(&config_digest)), config), layers })
}

/// Adds an index's manifests, those of nested indexes too. Nesting and width are bounded.
fn collect(
    files: &dyn Files,
    place: &Path,
    bytes: &[u8],
    outer_name: Option<&str>,
    depth: usize,
    out: &mut Candidates,
) -> Result<(), ImageError> {
    let index = parse_index(bytes).map_err(|error| ImageError::shape(place, error))?;
    // A nested index costs reading it, whatever it holds.
    out.visited += index.manifests().len() + 100;
    if depth > DEEPEST_INDEX || out.visited > MOST_DESCRIPTORS {
        return Err(ImageError::shape(place, "expected an image index, found indexes nested too deeply or too widely"));
    }
    for descriptor in index.manifests() {
        if is_attestation(descriptor) {
            continue;
        }
        let name = annotation(descriptor, "io.containerd.image.name")
            .or_else(|| annotation(descriptor, "org.opencontainers.image.ref.name"))
            .or_else(|| outer_name.map(str::to_owned));
        let is_index = matches!(descriptor.media_type(), MediaType::ImageIndex)
            || matches!(descriptor.media_type(), MediaType::Other(kind) if kind.contains("manifest.list"));
        if is_index {
            let nested = read_verified(files, descriptor)?;
            let place = files.place(&blob_name(&digest_of(files, descriptor)?));
            collect(files, &place, &nested, name.as_deref(), depth + 1, out)?;
        } else {
            let platform = descriptor.platform().as_ref().map(|p| {
                let variant = p.variant().as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
                format!("{}/{}{variant}", p.os(), p.architecture())
            });
            out.found.push(Candidate { name, platform, descriptor: descriptor.clone() });
        }
    }
    Ok(())
}

/// BuildKit's attestations stand among the platforms, as `unknown/unknown`.
fn is_attestation(descriptor: &Descriptor) -> bool {
    let unknown = descriptor.platform().as_ref().is_some_and(|p| p.os().to_string() == "unknown");
    unknown || annotation(descriptor, "vnd.docker.reference.type").is_some()
}

fn annotation(descriptor: &Descriptor, key: &str) -> Option<String> {
    descriptor.annotations().as_ref()?.get(key).cloned()
}

fn choose_platform<'c>(
    path: &Path,
    same: &[&'c Candidate],
    first: &'c Candidate,
    options: &OpenOptions,
) -> Result<&'c Candidate, ImageError> {
    let fits = |wanted: &str| {
        let fits = |candidate: &&&Candidate| match &candidate.platform {
            Some(platform) => platform_fits(platform, wanted),
            None => same.len() == 1,
        };
        let exact = same.iter().find(|candidate| candidate.platform.as_deref() == Some(wanted));
        exact.or_else(|| same.iter().find(fits)).copied()
    };
    let found: Vec<&str> = same.iter().filter_map(|candidate| candidate.platform.as_deref()).collect();
    match &options.platform {
        Some(wanted) => fits(wanted).ok_or_else(|| ImageError::platform(path, wanted, &found)),
        None => Ok(fits(&super::open::host_platform()).unwrap_or(first)),
    }
}

fn digest_of(files: &dyn Files, descriptor: &Descriptor) -> Result<Digest, ImageError> {
    let text = descriptor.digest().to_string();
    text.parse().map_err(|error: crate::base::DigestError| ImageError::shape(&files.place("index.json"), error))
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn check_length(files: &dyn Files, name: &str, descriptor: &Descriptor, length: u64) -> Result<(), ImageError> {
    if descriptor.size() != length {
        let message = format!("expected {} bytes, as its descriptor says, found {length}", descriptor.size());
        return Err(ImageError::shape(&files.place(name), message));
    }
    Ok(())
}

/// Reads a small blob and checks its digest.
fn read_verified(files: &dyn Files, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
    let digest = digest_of(files, descriptor)?;
    let name = blob_name(&digest);
    let bytes = files.document(&name, Some(descriptor))?;
    ImageError::check(&files.place(&name), "its digest", digest, Digest::of(&bytes))?;
    Ok(bytes)
}
