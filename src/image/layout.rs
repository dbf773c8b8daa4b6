//! OCI image layouts (image-spec image-layout.md), in a folder or an archive: from `index.json`, through nested
//! indexes, to the manifest of one platform. Signatures, attestations and other artifacts are no images.

use super::choice::{self, Candidate};
use super::config::parse_config;
use super::manifest::{Descriptor, Manifest, looks_like_index, parse_index, parse_manifest};
use super::source::{Files, SourceImage};
use super::{ImageError, OpenOptions};
use crate::base::Digest;
use crate::layer::TocPlace;
use base64::Engine as _;
use std::path::Path;

/// The manifests found so far, and how many descriptors were looked at: an index may name one nested index many
/// times, and that one another.
#[derive(Default)]
struct Found {
    candidates: Vec<Candidate>,
    descriptors: Vec<Descriptor>,
    visited: usize,
}

/// Most descriptors of a layout's indexes.
const MAX_DESCRIPTORS: usize = 100_000;
/// Most nested indexes that are read.
const DEEPEST_INDEX: usize = 4;
/// Most manifests that are read to tell images from artifacts.
const MAX_MANIFESTS: usize = 200;

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

/// Whether a layout's index lists anything.
pub(super) fn lists_images(files: &dyn Files) -> bool {
    let index = files.document("index.json", None).ok().and_then(|index| parse_index(&index).ok());
    index.is_some_and(|index| !index.manifests.is_empty())
}

/// Chooses an image of an index.
pub(super) fn from_index(
    path: &Path,
    files: &dyn Files,
    (name, bytes): (&str, &[u8]),
    reference: Option<&str>,
    options: &OpenOptions,
) -> Result<SourceImage, ImageError> {
    let mut found = Found::default();
    collect(files, (&files.place(name), bytes), None, 0, &mut found)?;
    let mut left = choice::meant(path, &found.candidates, reference)?;
    if left.len() > 1 {
        left = images(files, &mut found, left);
    }
    let chosen = match left[..] {
        [] => return Err(ImageError::no_such_image(path, reference, &[])),
        _ => choice::decide(path, &found.candidates, &left, (reference, options.platform.as_deref()))?,
    };
    let (candidate, descriptor) = (&found.candidates[chosen], &found.descriptors[chosen]);
    // The name that was asked for.
    let is_meant = |name: &&String| reference.is_some_and(|wanted| super::choice::names_match(name, wanted));
    let name = candidate.names.iter().find(is_meant).or(candidate.names.first()).cloned();
    let mut names: Vec<String> = found.candidates.iter().filter_map(|other| other.names.first().cloned()).collect();
    names.dedup();
    let place = files.place(&blob_name(&digest_of(files, descriptor)?));
    let bytes = read_verified(files, descriptor)?;
    from_manifest(files, &place, &bytes, name, names)
}

/// Those that are images, the platform of each where it is stated anywhere. An index states the platform of an image
/// that is one of several; what has none is looked at.
fn images(files: &dyn Files, found: &mut Found, left: Vec<usize>) -> Vec<usize> {
    let mut read = 0;
    let mut is_image = |place: &usize| {
        if found.candidates[*place].platform.is_some() || read >= MAX_MANIFESTS {
            return true;
        }
        read += 1;
        let bytes = read_verified(files, &found.descriptors[*place]).ok();
        let Some(manifest) = bytes.and_then(|bytes| parse_manifest(&bytes).ok()) else { return true };
        let is_image = manifest.artifact().is_none();
        if is_image {
            found.candidates[*place].platform = configured(files, &manifest.config);
        }
        is_image
    };
    left.into_iter().filter(|place| is_image(place)).collect()
}

/// The platform that a configuration states.
fn configured(files: &dyn Files, descriptor: &Descriptor) -> Option<String> {
    let config = parse_config(&read_verified(files, descriptor).ok()?).ok()?;
    (!config.architecture.is_empty()).then(|| config.platform())
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
    manifest: &Manifest,
    name: Option<String>,
    mut names: Vec<String>,
) -> Result<SourceImage, ImageError> {
    if let Some(what) = manifest.artifact() {
        return Err(ImageError::shape(place, format!("expected an image, found an artifact ({what})")));
    }
    let config_digest = digest_of(files, &manifest.config)?;
    let config = read_verified(files, &manifest.config)?;
    let mut layers = Vec::new();
    for descriptor in &manifest.layers {
        let digest = digest_of(files, descriptor)?;
        let file = blob_name(&digest);
        let mut layer = files.layer(&file, Some(digest), Some(descriptor.size))?;
        check_length(files, &file, descriptor, layer.length)?;
        // A promise that makes no sense is none: the layer is read whole.
        layer.toc = TocPlace::from_annotations(&descriptor.annotations).ok().flatten();
        layers.push(layer);
    }
    names.retain(|other| Some(other) != name.as_ref());
    let config = (files.place(&blob_name(&config_digest)), config);
    Ok(SourceImage { name, other_names: names, config, annotations: manifest.annotations.clone(), layers })
}

/// Where a descriptor stands: the names and digests of the indexes above it, and its position in the outermost.
#[derive(Clone)]
struct Above {
    position: usize,
    names: Vec<String>,
    digests: Vec<String>,
}

/// Adds an index's manifests, those of nested indexes too. Nesting and width are bounded.
fn collect(
    files: &dyn Files,
    (place, bytes): (&Path, &[u8]),
    above: Option<&Above>,
    depth: usize,
    out: &mut Found,
) -> Result<(), ImageError> {
    let index = parse_index(bytes).map_err(|error| ImageError::shape(place, error))?;
    // A nested index costs reading it, whatever it holds.
    out.visited += index.manifests.len() + 100;
    if depth > DEEPEST_INDEX || out.visited > MAX_DESCRIPTORS {
        return Err(ImageError::shape(place, "expected an image index, found indexes nested too deeply or too widely"));
    }
    for (position, descriptor) in index.manifests.into_iter().enumerate() {
        if is_no_image(&descriptor) {
            continue;
        }
        let keys = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];
        let mut names: Vec<String> = keys.iter().filter_map(|key| descriptor.annotations.get(*key).cloned()).collect();
        names.dedup();
        if names.is_empty() {
            names = above.map(|above| above.names.clone()).unwrap_or_default();
        }
        let mut digests = vec![descriptor.digest.clone()];
        digests.extend(above.iter().flat_map(|above| above.digests.clone()));
        let position = above.map_or(position, |above| above.position);
        if is_index(files, &descriptor) {
            let nested = read_verified(files, &descriptor)?;
            let place = files.place(&blob_name(&digest_of(files, &descriptor)?));
            let above = Above { position, names, digests };
            collect(files, (&place, &nested), Some(&above), depth + 1, out)?;
        } else {
            let platform = descriptor.platform.as_ref().filter(|platform| !platform.os.is_empty());
            let platform = platform.map(super::manifest::Platform::text);
            out.candidates.push(Candidate { position, names, platform, digests });
            out.descriptors.push(descriptor);
        }
    }
    Ok(())
}

/// By its media type, or by what it holds where none is stated.
fn is_index(files: &dyn Files, descriptor: &Descriptor) -> bool {
    descriptor.is_index()
        || descriptor.media_type.is_empty()
            && read_verified(files, descriptor).is_ok_and(|bytes| looks_like_index(&bytes))
}

/// What is told from outside: BuildKit's attestations stand among the platforms, as `unknown/unknown`; cosign names
/// what it made for the digest that it belongs to (`sha256-….sig`).
fn is_no_image(descriptor: &Descriptor) -> bool {
    let is_unknown = descriptor.platform.as_ref().is_some_and(|platform| platform.os == "unknown");
    let annotation = |key: &str| descriptor.annotations.get(key);
    let kind = annotation("kind").is_some_and(|kind| {
        kind.starts_with("dev.cosignproject.cosign/") && !kind.ends_with("/image") && !kind.ends_with("/imageIndex")
    });
    let name = annotation("org.opencontainers.image.ref.name").map_or("", String::as_str);
    let is_companion = name
        .strip_prefix("sha256-")
        .and_then(|name| name.split_once('.'))
        .is_some_and(|(hex, kind)| hex.len() == 64 && ["sig", "att", "sbom"].contains(&kind));
    is_unknown
        || annotation("vnd.docker.reference.type").is_some()
        || kind
        || is_companion
        || !descriptor.artifact_type.is_empty()
}

fn digest_of(files: &dyn Files, descriptor: &Descriptor) -> Result<Digest, ImageError> {
    let text = &descriptor.digest;
    text.parse().map_err(|error: crate::base::DigestError| ImageError::shape(&files.place("index.json"), error))
}

/// Where layouts and containerd's content store have a blob.
pub(super) fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn check_length(files: &dyn Files, name: &str, descriptor: &Descriptor, length: u64) -> Result<(), ImageError> {
    if descriptor.size != length {
        let message = format!("expected {} bytes, as its descriptor says, found {length}", descriptor.size);
        return Err(ImageError::shape(&files.place(name), message));
    }
    Ok(())
}

/// Reads a small blob and checks its digest. One that came along in its descriptor need not be anywhere else.
fn read_verified(files: &dyn Files, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
    let digest = digest_of(files, descriptor)?;
    let name = blob_name(&digest);
    let data = descriptor.data.as_ref().filter(|_| !files.has(&name));
    let data = data.and_then(|data| base64::engine::general_purpose::STANDARD.decode(data).ok());
    if let Some(data) = data.filter(|data| Digest::of(data) == digest) {
        return Ok(data);
    }
    let bytes = files.document(&name, Some(descriptor))?;
    ImageError::check(&files.place(&name), "its digest", digest, Digest::of(&bytes))?;
    Ok(bytes)
}
