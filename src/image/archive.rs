//! Images in a tar: the members by name, and docker-archives of the old form (`layer.tar`, repeated layers as
//! symbolic links) and the new one (an OCI layout with a `manifest.json` beside it, since Docker 25).

use super::choice::names_match;
use super::choice::{self, Candidate};
use super::config::parse_config;
use super::layout::{layout, lists_images};
use super::manifest::{Descriptor, DockerManifestRow, parse_docker_manifest};
use super::source::MAX_JSON;
use super::source::{Files, LayerSource, SourceImage};
use super::strange::Strange;
use super::{Form, ImageError, Local, OpenOptions};
use crate::base::{Digest, clean_path, parent};
use crate::layer::{Blob, Contents, Entry, EntryKind, IndexError, Limits, index_tar};
use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Bytes of a file by which it is told what it is.
const HEAD_BYTES: u64 = 512;

/// One file of an archive.
pub(super) struct Member {
    /// Cleaned name.
    pub name: String,
    /// Where its bytes are.
    pub blob: Blob,
}

/// The members of an uncompressed archive; symbolic and hard links among them are followed.
pub(super) fn members(path: &Path, archive: &Blob) -> Result<Vec<Member>, ImageError> {
    let limits = Limits { unpacked: u64::MAX, entries: 1_000_000, kept_file: 0, kept_layer: 0, sources: false };
    let contents = index_tar(&mut archive.open(), false, &limits).map_err(|error| {
        let mut head = Vec::new();
        let read = archive.open().take(HEAD_BYTES).read_to_end(&mut head);
        no_tar(path, read.is_ok().then_some(&*head), &error)
    })?;
    let mut found: HashMap<Vec<u8>, Blob> = HashMap::new();
    for (entry, body) in contents.entries.iter().zip(&contents.bodies) {
        // A sparse file's bytes do not stand in the archive as they are, and nobody saves images so.
        if entry.kind == EntryKind::File && *body != Contents::SCATTERED {
            found.insert(entry.path.as_bytes().to_vec(), archive.slice(*body, entry.size));
        }
    }
    for (name, target) in links(&contents.entries) {
        if let Some(blob) = found.get(&target).cloned() {
            found.insert(name, blob);
        }
    }
    let mut members: Vec<Member> = found
        .into_iter()
        .map(|(name, blob)| Member { name: String::from_utf8_lossy(&name).into_owned(), blob })
        .collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(members)
}

/// What could not be read as a tar, whose first bytes may tell what it is.
pub(super) fn no_tar(path: &Path, head: Option<&[u8]>, error: &IndexError) -> ImageError {
    match head.and_then(Strange::of) {
        Some(found) => ImageError::NoArchive { path: path.into(), found },
        None => ImageError::shape(path, format!("expected an image archive (a tar): {error}")),
    }
}

/// The names that are links, and the names of the files that they lead to, over a few other links at most.
pub(super) fn links(entries: &[Entry]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let target = |entry: &Entry| {
        let link = entry.link.as_deref()?;
        match entry.kind {
            EntryKind::Symlink => Some(clean_path(&[parent(entry.path.as_bytes()), link].join(&b'/')).into_owned()),
            EntryKind::Hardlink => Some(link.to_vec()),
            _ => None,
        }
    };
    let links: HashMap<Vec<u8>, Vec<u8>> =
        entries.iter().filter_map(|entry| Some((entry.path.as_bytes().to_vec(), target(entry)?))).collect();
    let end = |name: &Vec<u8>| (0..8).fold(name.clone(), |at, _| links.get(&at).cloned().unwrap_or(at));
    links.keys().map(|name| (name.clone(), end(name))).collect()
}

/// An archive that can be sought in.
pub(super) struct InArchive<'a> {
    /// Its file.
    pub path: &'a Path,
    /// What is in it.
    pub members: &'a [Member],
}

impl InArchive<'_> {
    fn get(&self, name: &str) -> Result<&Blob, ImageError> {
        self.find(name).ok_or_else(|| missing(&self.place(name)))
    }

    fn find(&self, name: &str) -> Option<&Blob> {
        let clean = clean_path(name.as_bytes());
        let at = self.members.binary_search_by(|member| member.name.as_bytes().cmp(&clean)).ok()?;
        Some(&self.members[at].blob)
    }
}

impl Files for InArchive<'_> {
    fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn strange(&self) -> Option<Strange> {
        Strange::of_tar(self.members.iter().map(|member| member.name.as_bytes()))
    }

    fn document(&self, name: &str, _: Option<&Descriptor>) -> Result<Vec<u8>, ImageError> {
        self.get(name)?.read_all(MAX_JSON).map_err(|source| ImageError::open(&self.place(name), source))
    }

    fn layer(&self, name: &str, digest: Option<Digest>, _: Option<u64>) -> Result<LayerSource, ImageError> {
        Ok(LayerSource::seekable(name.to_owned(), digest, self.get(name)?.clone()))
    }

    fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// An archive has not what it should.
pub(super) fn missing(place: &Path) -> ImageError {
    ImageError::shape(place, "expected this file in the archive, found none")
}

/// Chooses an image of an archive. One that has both forms is a docker-archive, unless the user says, or asks for a
/// platform or digest that the other form alone tells.
pub(super) fn choose(local: &Local, files: &dyn Files, options: &OpenOptions) -> Result<SourceImage, ImageError> {
    let (path, reference) = (&local.path, local.choice.as_deref());
    let (docker, oci) = (files.has("manifest.json"), files.has("index.json") && files.has("oci-layout"));
    let asks_layout = || {
        (options.platform.is_some() || reference.is_some_and(|wanted| choice::digest(wanted).is_some()))
            && lists_images(files)
    };
    let as_layout = match local.form {
        Some(Form::OciArchive) => true,
        Some(Form::DockerArchive) => false,
        // Docker 25.0 wrote a layout's index without any image beside a good `manifest.json`.
        _ => oci && (!docker || asks_layout()),
    };
    match (as_layout, docker, oci) {
        (false, true, _) => docker_archive(path, files, reference, options),
        (true, true, true) if local.form.is_none() => match layout(path, files, reference, options) {
            // A digest may be that of the configuration, which engines call the image's ID.
            Err(ImageError::NoSuchImage { .. }) => docker_archive(path, files, reference, options),
            found => found,
        },
        (true, _, true) => layout(path, files, reference, options),
        _ => Err(match files.strange() {
            Some(found) => ImageError::NoArchive { path: path.as_path().into(), found },
            None => ImageError::shape(
                path,
                "expected an image archive (`manifest.json` of docker save, or `oci-layout` and `index.json`), found neither",
            ),
        }),
    }
}

/// Reads a docker-archive's `manifest.json` and chooses an image.
pub(super) fn docker_archive(
    path: &Path,
    files: &dyn Files,
    reference: Option<&str>,
    options: &OpenOptions,
) -> Result<SourceImage, ImageError> {
    let rows = parse_docker_manifest(&files.document("manifest.json", None)?)
        .map_err(|error| ImageError::shape(&files.place("manifest.json"), error))?;
    let row = match &rows[..] {
        [only] if reference.is_none() => only,
        _ => {
            let all = rows.iter().enumerate().map(|row| candidate(files, row)).collect::<Result<Vec<_>, _>>()?;
            let left = choice::meant(path, &all, reference)?;
            &rows[choice::decide(path, &all, &left, (reference, options.platform.as_deref()))?]
        }
    };
    let names: Vec<String> = rows.iter().flat_map(|row| row.repo_tags.clone()).collect();
    let is_meant = |name: &&String| reference.is_some_and(|wanted| names_match(name, wanted));
    let chosen = row.repo_tags.iter().find(is_meant).or(row.repo_tags.first());
    let config = files.document(&row.config, None)?;
    let place = files.place(&row.config);
    if let Some(expected) = config_digest(&row.config) {
        ImageError::check(&place, "the configuration's digest", expected, Digest::of(&config))?;
    }
    let digest =
        |name: &String| name.strip_prefix("blobs/sha256/").and_then(|hex| format!("sha256:{hex}").parse().ok());
    let layers = row.layers.iter().map(|name| files.layer(name, digest(name), None));
    Ok(SourceImage {
        name: chosen.cloned(),
        other_names: names.iter().filter(|name| Some(*name) != chosen).cloned().collect(),
        config: (place, config),
        annotations: HashMap::new(),
        layers: layers.collect::<Result<_, _>>()?,
    })
}

/// What can be chosen: by the image's ID, which is the digest of its configuration, too.
fn candidate(files: &dyn Files, (position, row): (usize, &DockerManifestRow)) -> Result<Candidate, ImageError> {
    let config = files.document(&row.config, None)?;
    let platform = parse_config(&config).ok().filter(|config| !config.architecture.is_empty());
    let digests = vec![Digest::of(&config).to_string()];
    let platform = platform.map(|config| config.platform());
    Ok(Candidate { position, names: row.repo_tags.clone(), platform, digests })
}

/// The configuration's file name is its digest, in both forms.
fn config_digest(name: &str) -> Option<Digest> {
    let hex = name.strip_prefix("blobs/sha256/").or_else(|| name.strip_suffix(".json"))?;
    format!("sha256:{hex}").parse().ok()
}
