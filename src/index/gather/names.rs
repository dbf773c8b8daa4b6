//! What the names of wheels' files say.

use crate::manifest::Requirement;

/// The name of a wheel's distribution, from the name of its file where none is told.
pub(super) fn name_of_wheel(path: &str, told: &str) -> String {
    if !told.is_empty() {
        return told.to_owned();
    }
    path.rsplit('/').next().and_then(|file| file.split('-').next()).unwrap_or_default().to_owned()
}

pub(super) fn is_wheel(path: &str) -> bool {
    path.ends_with(".whl")
}

/// A wheel's distribution in its version, from the name of its file.
pub(super) fn pin_of_wheel(path: &str) -> Option<Requirement> {
    let mut parts = path.rsplit('/').next().filter(|_| is_wheel_name(path))?.split('-');
    let (name, version) = (parts.next()?.to_owned(), parts.next()?.replace('_', "+"));
    Some(Requirement { name, specifiers: format!("=={version}"), ..Requirement::default() })
}

/// Whether a file has a wheel's name: a distribution's, its version, perhaps a build, and three tags.
pub(super) fn is_wheel_name(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default().replace("%2B", "+").replace("%2b", "+");
    let Some(stem) = file.strip_suffix(".whl") else { return false };
    let parts: Vec<&str> = stem.split('-').collect();
    let is_version = |text: &&str| text.replace('_', "+").parse::<pep440_rs::Version>().is_ok();
    matches!(parts.len(), 5 | 6)
        && crate::python::is_name(parts[0])
        && is_version(&parts[1])
        && parts.iter().all(|part| !part.is_empty() && !part.contains('%'))
}
