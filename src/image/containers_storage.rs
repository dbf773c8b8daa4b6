//! Images of the store that Podman, Buildah, Skopeo and CRI-O share, read in place. `[ROOT]` before the name is another store than
//! that of who runs this, as Skopeo writes it: `[DRIVER@ROOT+RUN:OPTIONS]NAME`, of which the root counts.

use super::ImageError;
use super::choice::names_match;
use super::choice::{self, Candidate};
use super::daemon::from_store;
use super::source::SourceImage;
use crate::daemon::{ContainersStorage, DaemonError, ListedImage};
use std::path::{Path, PathBuf};

/// Fewest digits of an ID that is not written out.
const FEWEST_DIGITS: usize = 3;

/// Chooses the image of a name, an ID or the first digits of one; `path` is what to call it in an error.
pub(super) fn containers_storage(text: &str, path: &Path) -> Result<SourceImage, ImageError> {
    let (root, name) = told(text);
    let store = match root {
        Some(root) => ContainersStorage::open(&root, [])?,
        None => ContainersStorage::of_this_user()?,
    };
    let images = store.images()?;
    let candidates: Vec<Candidate> = images.iter().enumerate().map(candidate).collect();
    let wanted = whole_id(&images, name).map(|id| format!("sha256:{id}"));
    let reference = wanted.as_deref().unwrap_or(name);
    let left = choice::meant(path, &candidates, (!name.is_empty()).then_some(reference))?;
    let chosen = choice::decide(path, &candidates, &left, (Some(name), None))?;
    let mut source = from_store(path, store.image(&images[chosen])?);
    let mut names = candidates[chosen].names.clone().into_iter();
    source.name = Some(names.next().unwrap_or_else(|| images[chosen].id.clone()));
    source.other_names = names.collect();
    Ok(source)
}

/// Whether the store of who runs this has an image of this name.
///
/// # Errors
///
/// There is no such store, or it cannot be read.
pub fn has_in_containers_storage(name: &str) -> Result<bool, DaemonError> {
    let images = ContainersStorage::of_this_user()?.images()?;
    let names = || images.iter().flat_map(|image| image.names.iter().flatten());
    Ok(whole_id(&images, name).is_some() || names().any(|own| names_match(own, name)))
}

fn told(text: &str) -> (Option<PathBuf>, &str) {
    let Some((place, name)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) else { return (None, text) };
    let root = place.split_once('@').map_or(place, |(_, root)| root);
    (Some(root.split('+').next().unwrap_or(root).into()), name)
}

fn candidate((position, image): (usize, &ListedImage)) -> Candidate {
    let names = image.names.clone().unwrap_or_default();
    let digests = [format!("sha256:{}", image.id)].into_iter().chain(image.digest.clone()).collect();
    Candidate { position, names, platform: None, digests }
}

/// The ID that begins with these digits, where there is one alone and no image has that name.
fn whole_id<'i>(images: &'i [ListedImage], digits: &str) -> Option<&'i str> {
    let is_id = digits.len() >= FEWEST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_name = || images.iter().flat_map(|image| image.names.iter().flatten()).any(|name| names_match(name, digits));
    if !is_id || is_name() {
        return None;
    }
    let mut found = images.iter().filter(|image| image.id.starts_with(digits));
    found.next().filter(|_| found.next().is_none()).map(|image| image.id.as_str())
}
