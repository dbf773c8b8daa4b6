//! About how large official base images are, for who has neither an engine nor a registry to ask: published figures, each as
//! of a day. They are estimates (basis [`crate::base::Basis::Catalogue`]): a tag moves, and no limit is held by them.

use serde::Deserialize;
use std::sync::LazyLock;

/// The table, written by hand from published figures or by `scripts/catalogue` from a registry.
const TABLE: &str = include_str!("catalogue.toml");

/// An image of the catalogue, for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CatalogueImage {
    /// `python:3.12-slim-bookworm`.
    pub name: String,
    /// `linux/amd64`.
    pub platform: String,
    /// The day of its newest figure: `2026-08-25`.
    pub date: String,
    /// The compressed bytes of each of its layers, the lowest first (`wire`, catalogue).
    pub wire: Vec<u64>,
    /// The bytes of all layers (`unpacked`, catalogue), where they were published, rounded as they were.
    pub unpacked: Option<u64>,
    /// Where the figures were published.
    pub sources: Vec<String>,
}

impl CatalogueImage {
    /// The compressed bytes of all layers (`wire`, catalogue).
    pub fn pulled(&self) -> u64 {
        self.wire.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }
}

/// What the catalogue has for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The image.
    pub image: &'static CatalogueImage,
    /// Whether it is the one that was asked for, and not merely one of its kind: another version of Python, another release
    /// of the system.
    pub is_same: bool,
}

#[derive(Deserialize)]
struct Table {
    image: Vec<CatalogueImage>,
}

/// All of it, sorted by name and platform.
pub static CATALOGUE: LazyLock<Vec<CatalogueImage>> = LazyLock::new(|| {
    // A test reads the same text: it is well formed.
    toml::from_str::<Table>(TABLE).map(|table| table.image).unwrap_or_default()
});

/// What the catalogue says of an image of this name, or of one of its kind.
pub fn estimate(name: &str, platform: &str) -> Option<Estimate> {
    let name = short(name);
    let platform = platform.trim_end_matches("/v8");
    let here = || CATALOGUE.iter().filter(|image| image.platform == platform);
    if let Some(image) = here().find(|image| image.name == name) {
        return Some(Estimate { image, is_same: true });
    }
    let wanted = PythonTag::of(&name)?;
    let distance = |image: &&CatalogueImage| Some((wanted.distance(&PythonTag::of(&image.name)?)?, image.name.clone()));
    let found = here().filter_map(|image| Some((distance(&image)?, image))).min_by(|(a, _), (b, _)| a.cmp(b));
    found.map(|(_, image)| Estimate { image, is_same: false })
}

/// The images of the same kind of base (Python's of all flavours for the very version, or the distribution's own), for who
/// compares them.
pub fn beside(name: &str, platform: &str) -> Vec<&'static CatalogueImage> {
    let Some(found) = estimate(name, platform) else { return Vec::new() };
    let kind = |name: &str| match PythonTag::of(name) {
        Some(tag) => format!("python {}.{}", tag.minor.0, tag.minor.1),
        None => name.split(':').next().unwrap_or_default().to_owned(),
    };
    let wanted = kind(&short(name));
    let same = |image: &&CatalogueImage| image.platform == found.image.platform && kind(&image.name) == wanted;
    CATALOGUE.iter().filter(same).collect()
}

/// A name as the catalogue has it: without the registry of the official images, its mirrors, and a digest.
pub fn short(name: &str) -> String {
    let name = name.split('@').next().unwrap_or_default();
    let places =
        ["docker.io/library/", "index.docker.io/library/", "docker.io/", "library/", "public.ecr.aws/docker/library/"];
    let rest = places.iter().find_map(|place| name.strip_prefix(place)).unwrap_or(name);
    rest.to_owned()
}

/// The release of Debian that a tag without one means, at the time of the table.
const SUITE: &str = "trixie";

/// What a tag of the official Python images says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonTag {
    /// `(3, 12)`.
    pub minor: (u32, u32),
    /// `slim`, `alpine`, `full`.
    pub flavour: &'static str,
    /// `bookworm`, `alpine3.23`, `alpine`.
    suite: String,
}

impl PythonTag {
    /// Of `python:3.12-slim-bookworm`; none of another image, and of Windows.
    pub fn of(name: &str) -> Option<Self> {
        let tag = name.strip_prefix("python:")?;
        let mut parts = tag.split('-');
        let mut numbers = parts.next()?.split('.');
        let minor = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        let (mut flavour, mut suite) = ("full", SUITE.to_owned());
        for part in parts {
            match part {
                "slim" => flavour = "slim",
                "windowsservercore" | "nanoserver" => return None,
                part if part.starts_with("alpine") => (flavour, suite) = ("alpine", part.to_owned()),
                part if part.starts_with("rc") => {}
                part => suite = part.to_owned(),
            }
        }
        Some(Self { minor, flavour, suite })
    }

    /// How far one is from another one of the same flavour: first by its system's release, then by its version.
    fn distance(&self, other: &Self) -> Option<(bool, u32)> {
        let same = self.flavour == other.flavour && self.minor.0 == other.minor.0;
        let other_suite = self.suite != "alpine" && self.suite != other.suite;
        same.then(|| (other_suite, self.minor.1.abs_diff(other.minor.1)))
    }
}
