//! Which image, where a place holds several: by name, position or digest, and by platform. What is plain is taken, what
//! is not is refused with the list. How names and platforms are compared is said here.

use super::ImageError;
use crate::base::{Digest, Text};
use std::collections::BTreeSet;
use std::path::Path;

/// An image that could be meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidate {
    /// Its position, from 0: what `@0` means.
    pub position: usize,
    /// Its names, the one to show first.
    pub names: Vec<String>,
    /// `os/architecture[/variant]`, where that is known.
    pub platform: Option<String>,
    /// Its own digest, and those of the indexes that it is reached through.
    pub digests: Vec<String>,
}

impl Candidate {
    fn own(&self) -> &str {
        self.digests.first().map_or("", String::as_str)
    }

    fn title(&self) -> String {
        let name = self.names.first().map_or(self.own(), String::as_str);
        let platform = self.platform.as_ref().map(|platform| format!(" ({platform})")).unwrap_or_default();
        Text::from(&format!("@{} {name}{platform}", self.position)).into()
    }
}

/// The places of the candidates that a reference means; all, where there is none. Never empty.
pub(super) fn meant(path: &Path, all: &[Candidate], reference: Option<&str>) -> Result<Vec<usize>, ImageError> {
    let places = |test: &dyn Fn(&Candidate) -> bool| -> Vec<usize> {
        all.iter().enumerate().filter(|(_, candidate)| test(candidate)).map(|(place, _)| place).collect()
    };
    let found = match reference {
        None => places(&|_| true),
        Some(wanted) => {
            let named = places(&|candidate| candidate.names.iter().any(|name| name == wanted));
            match (digest(wanted), position(wanted)) {
                _ if !named.is_empty() => named,
                (Some(digest), _) => places(&|candidate| candidate.digests.iter().any(|own| own == digest)),
                (_, Some(position)) => places(&|candidate| candidate.position == position),
                _ => places(&|candidate| candidate.names.iter().any(|name| names_match(name, wanted))),
            }
        }
    };
    if found.is_empty() {
        let titles: Vec<String> = all.iter().map(Candidate::title).collect();
        return Err(ImageError::no_such_image(path, reference, &titles));
    }
    Ok(found)
}

/// `sha256:…`, `@sha256:…` or `NAME@sha256:…`.
pub(super) fn digest(wanted: &str) -> Option<&str> {
    let digest = wanted.rsplit('@').next().unwrap_or(wanted);
    digest.parse::<Digest>().is_ok().then_some(digest)
}

/// `@N`.
fn position(wanted: &str) -> Option<usize> {
    wanted.strip_prefix('@')?.parse().ok()
}

/// The one of `left` that the platform leaves, or the list of those that could be meant.
pub(super) fn decide(
    path: &Path,
    all: &[Candidate],
    left: &[usize],
    (reference, platform): (Option<&str>, Option<&str>),
) -> Result<usize, ImageError> {
    if let [only] = distinct(all, left)[..] {
        // Whether it is of the wanted platform its configuration says.
        let stated = all[only].platform.as_deref();
        return match (platform, stated) {
            (Some(wanted), Some(stated)) if !platform_fits(stated, wanted) => {
                Err(ImageError::platform(path, wanted, &[stated]))
            }
            _ => Ok(only),
        };
    }
    let is_one_image = left.iter().all(|&place| all[place].names == all[left[0]].names);
    let host = host_platform();
    let wanted = platform.or(is_one_image.then_some(host.as_str()));
    let fitting = wanted.map(|wanted| fitting(all, left, wanted));
    match fitting.as_ref().map(|fitting| distinct(all, fitting)).as_deref() {
        Some([only]) => Ok(*only),
        Some([]) if platform.is_some() => {
            let found: Vec<&str> = left.iter().filter_map(|&place| all[place].platform.as_deref()).collect();
            Err(ImageError::platform(path, platform.unwrap_or_default(), &found))
        }
        found => {
            let some = found.filter(|found| !found.is_empty()).unwrap_or(left);
            let titles: Vec<String> = distinct(all, some).iter().map(|&place| all[place].title()).collect();
            let platforms: BTreeSet<_> = some.iter().map(|&place| all[place].platform.as_deref()).collect();
            let by_platform = is_one_image && platforms.len() == some.len() && !platforms.contains(&None);
            Err(ImageError::several(path, reference, &titles, by_platform))
        }
    }
}

/// Those of the platform; of a variant that was not asked for only where there is none without it.
fn fitting(all: &[Candidate], left: &[usize], wanted: &str) -> Vec<usize> {
    let fits = |place: &&usize| all[**place].platform.as_deref().is_some_and(|stated| platform_fits(stated, wanted));
    let fitting: Vec<usize> = left.iter().filter(fits).copied().collect();
    let is_plain =
        |place: &&usize| all[**place].platform.as_deref().is_some_and(|stated| plain(stated) == plain(wanted));
    let exact: Vec<usize> = fitting.iter().filter(is_plain).copied().collect();
    if exact.is_empty() { fitting } else { exact }
}

/// Without the variant that an architecture has when none is stated (containerd's platforms package, `normalizeArch`).
fn plain(platform: &str) -> &str {
    platform
        .strip_suffix("/arm64/v8")
        .map(|os| &platform[..os.len() + "/arm64".len()])
        .or_else(|| platform.strip_suffix("/amd64/v1").map(|os| &platform[..os.len() + "/amd64".len()]))
        .or_else(|| platform.strip_suffix("/arm/v7").map(|os| &platform[..os.len() + "/arm".len()]))
        .unwrap_or(platform)
}

/// Each image once: one may have several names.
fn distinct(all: &[Candidate], left: &[usize]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    left.iter().filter(|&&place| seen.insert(all[place].own())).copied().collect()
}

/// `linux/` and the architecture of this machine, as Go names it.
pub fn host_platform() -> String {
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
