//! Names of images, as far as everybody reads them in one way.

/// A name's repository and tag, without a digest. A colon before a slash is a port's.
pub fn split_tag(name: &str) -> (&str, Option<&str>) {
    let name = name.split('@').next().unwrap_or_default();
    match name.rsplit_once(':') {
        Some((repository, tag)) if !repository.is_empty() && !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    }
}
