//! Images in a tar: the members by name, and docker-archives of the old form (`layer.tar`, repeated layers as
//! symbolic links) and the new one (an OCI layout with a `manifest.json` beside it, since Docker 25).

use super::manifest::parse_docker_manifest;
use super::{ImageError, open::LayerBlob, open::SourceImage};
use crate::base::{Digest, clean_path, parent};
use crate::layer::{Blob, Contents, EntryKind, Limits, index_tar};
use std::collections::HashMap;
use std::path::Path;

/// One file of an archive.
pub(super) struct Member {
    /// Cleaned name.
    pub name: String,
    /// Where its bytes are.
    pub blob: Blob,
}

/// The members of an uncompressed archive; symbolic and hard links among them are followed.
pub(super) fn members(path: &Path, archive: &Blob) -> Result<Vec<Member>, ImageError> {
    let limits = Limits { unpacked: u64::MAX, entries: 1_000_000, kept_file: 0, kept_layer: 0 };
    let contents = index_tar(&mut archive.open(), false, &limits)
        .map_err(|error| ImageError::shape(path, format!("expected an image archive (a tar): {error}")))?;
    let mut found: HashMap<Vec<u8>, Blob> = HashMap::new();
    let mut links = Vec::new();
    for (entry, body) in contents.entries.iter().zip(&contents.bodies) {
        let name = entry.path.as_bytes().to_vec();
        match (entry.kind, entry.link.as_deref()) {
            // A sparse file's bytes do not stand in the archive as they are, and nobody saves images so.
            (EntryKind::File, _) if *body != Contents::SCATTERED => {
                found.insert(name, archive.slice(*body, entry.size));
            }
            (EntryKind::Symlink, Some(target)) => {
                let target = [parent(&name), target].join(&b'/');
                links.push((name, clean_path(&target).into_owned()));
            }
            (EntryKind::Hardlink, Some(target)) => links.push((name, target.to_vec())),
            _ => {}
        }
    }
    for _ in 0..links.len().min(8) {
        for (name, target) in &links {
            if let Some(blob) = found.get(target).cloned() {
                found.insert(name.clone(), blob);
            }
        }
    }
    let mut members: Vec<Member> = found
        .into_iter()
        .map(|(name, blob)| Member { name: String::from_utf8_lossy(&name).into_owned(), blob })
        .collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(members)
}

/// The member of a name.
pub(super) fn member<'m>(members: &'m [Member], name: &str) -> Option<&'m Blob> {
    let clean = clean_path(name.as_bytes());
    let at = members.binary_search_by(|member| member.name.as_bytes().cmp(&clean)).ok()?;
    Some(&members[at].blob)
}

/// Reads a docker-archive's `manifest.json` and chooses an image.
pub(super) fn docker_archive(
    path: &Path,
    members: &[Member],
    reference: Option<&str>,
) -> Result<SourceImage, ImageError> {
    let inside = |name: &str| path.join(name);
    let bytes = |name: &str| {
        let blob = member(members, name)
            .ok_or_else(|| ImageError::shape(&inside(name), "expected this file in the archive, found none"))?;
        blob.read_all(super::open::MOST_JSON).map_err(|source| ImageError::open(&inside(name), source))
    };
    let rows = parse_docker_manifest(&bytes("manifest.json")?)
        .map_err(|error| ImageError::shape(&inside("manifest.json"), error))?;
    let names: Vec<String> = rows.iter().flat_map(|row| row.names()).collect();
    let row = match reference {
        None => rows.first(),
        Some(wanted) => rows.iter().find(|row| row.names().iter().any(|name| super::open::names_match(name, wanted))),
    };
    let row = row.ok_or_else(|| ImageError::no_such_image(path, reference, &names))?;
    let own = row.names();
    let chosen =
        own.iter().find(|name| reference.is_some_and(|wanted| super::open::names_match(name, wanted))).or(own.first());
    let config = bytes(&row.config)?;
    if let Some(expected) = config_digest(&row.config) {
        ImageError::check(&inside(&row.config), "the configuration's digest", expected, Digest::of(&config))?;
    }
    let mut layers = Vec::new();
    for name in &row.layers {
        let blob = member(members, name).ok_or_else(|| {
            ImageError::shape(&inside(name), "manifest.json names this layer, and the archive does not have it")
        })?;
        let digest = name.strip_prefix("blobs/sha256/").and_then(|hex| format!("sha256:{hex}").parse().ok());
        layers.push(LayerBlob { name: name.clone(), blob: blob.clone(), digest });
    }
    Ok(SourceImage {
        name: chosen.cloned(),
        other_names: names.into_iter().filter(|name| Some(name) != chosen).collect(),
        config: (inside(&row.config), config),
        layers,
    })
}

/// The configuration's file name is its digest, in both forms.
fn config_digest(name: &str) -> Option<Digest> {
    let hex = name.strip_prefix("blobs/sha256/").or_else(|| name.strip_suffix(".json"))?;
    format!("sha256:{hex}").parse().ok()
}
