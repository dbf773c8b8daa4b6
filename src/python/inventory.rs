//! Every distribution of every environment, with what became of its files.

use super::environment::{Environment, discover};
use super::scan::Scan;
use super::{Interpreters, claims, install, removed};
use crate::base::{DistId, FastMap, ImagePath, LayerIdx, Numbered, Problem, is_within, parent};
use crate::fs::View;
use std::collections::{BTreeMap, HashMap};

/// Nobody compiles so much in the build of an image; but large projects (PaddlePaddle, PyTorch on its own index) tag what they
/// publish as if they had been built where they are installed. In bytes.
const MAX_BUILT: u64 = 100_000_000;

/// The Python side of an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    /// The environments, sorted by path.
    pub environments: Vec<Environment>,
    /// The distributions, sorted by environment and normalized name.
    pub distributions: Numbered<DistId, Distribution>,
    /// Distributions that a layer has and a higher layer uninstalled or replaced by another version; sorted by
    /// layer and name.
    pub removed: Vec<RemovedDistribution>,
    /// The Pythons that no package manager owns, once that was asked: [`Inventory::find_interpreters`].
    pub interpreters: Interpreters,
    /// Metadata that could not be read as it should be.
    pub problems: Vec<Problem>,
    /// Which distribution a path is counted for; see [`Inventory::owner`].
    pub(super) owner_of: FastMap<ImagePath, DistId>,
}

/// One installed distribution.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// The position of its environment in [`Inventory::environments`].
    pub environment: usize,
    /// The name as METADATA writes it.
    pub name: String,
    /// The name normalized (PEP 503): lower case, runs of `-_.` as one `-`.
    pub normalized: String,
    /// The version as METADATA writes it.
    pub version: String,
    /// The `.dist-info` or `.egg-info` directory (or egg-info file).
    pub metadata: ImagePath,
    /// The layer that METADATA comes from.
    pub layer: LayerIdx,
    /// `Requires-Dist`, as written.
    pub requires: Vec<String>,
    /// `Requires-Python`, as written.
    pub requires_python: Option<String>,
    /// What INSTALLER says: `pip`, `uv`, ...
    pub installer: Option<String>,
    /// Whether a REQUESTED file stands beside METADATA. Means "asked for by hand" where pip installed.
    pub requested: bool,
    /// The `url` of direct_url.json, without credentials.
    pub direct_url: Option<String>,
    /// Whether direct_url.json or an `.egg-link` says that it is an editable install.
    pub editable: bool,
    /// Whether WHEEL names a platform `linux_*`: package indexes take no such wheels, so that it was probably built from
    /// its source where it was installed (a few projects rename their wheels, and then it was not). Never of what has 100 MB
    /// or more.
    pub built_here: bool,
    /// Whether the system's package manager installed it (dpkg's or apk's lists name its metadata).
    pub system_owned: bool,
    /// Its visible files: RECORD's rows that exist, and their bytecode. Sorted. A path that two distributions
    /// claim is in both lists; see [`Distribution::contested`].
    pub files: Vec<ImagePath>,
    /// How many files RECORD lists, bytecode apart. 0 when there is no RECORD.
    pub recorded: usize,
    /// RECORD's rows, bytecode apart, that are not there.
    pub missing: Vec<MissingFile>,
    /// RECORD's rows, bytecode apart, that are there with another size than RECORD says, or with another digest where both
    /// are known. With the bytes that RECORD says (`unpacked`). Sorted.
    pub changed: Vec<(ImagePath, u64)>,
    /// Paths that other distributions claim too, with content that differs by their own RECORDs (or is not
    /// known to be equal). Empty files and equal files are no contest.
    pub contested: Vec<Contest>,
    /// Installed bytes (`unpacked`, measured): the visible files, each counted for one distribution only:
    /// the one whose RECORD has the digest or size of what is on disk, else the first by name.
    pub bytes: u64,
    /// Of these, bytecode (`__pycache__/*.pyc`).
    pub bytecode: u64,
    /// `bytes` by the layer that holds them.
    pub bytes_by_layer: BTreeMap<LayerIdx, u64>,
    /// Bytes of its RECORD's files that stand in lower layers and that no container sees (hidden or replaced).
    pub dead_bytes: u64,
    /// Importable top-level modules and packages, from RECORD's paths. Sorted. Names that are no Python
    /// identifiers are left out.
    pub modules: Vec<String>,
}

/// A file that RECORD lists and the merged image does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingFile {
    /// Where it should be.
    pub path: ImagePath,
    /// The layer that had it and the layer that removed it, where a layer had it at all.
    pub removed: Option<(LayerIdx, LayerIdx)>,
    /// Its bytes, where RECORD says them (`unpacked`).
    pub size: Option<u64>,
}

/// A path that more than one distribution of an environment claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contest {
    /// The path.
    pub path: ImagePath,
    /// The other claimants' normalized names, sorted.
    pub others: Vec<String>,
    /// Whose content is on disk, by digest or by size, where exactly one claimant's RECORD matches.
    pub survivor: Option<String>,
}

/// A distribution that a layer has and no container sees: a higher layer uninstalled it, or put another
/// version in its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RemovedDistribution {
    /// The name as METADATA wrote it.
    pub name: String,
    /// The name normalized (PEP 503).
    pub normalized: String,
    /// The version.
    pub version: String,
    /// Where its `.dist-info` or `.egg-info` was.
    pub metadata: ImagePath,
    /// The layer that has it.
    pub layer: LayerIdx,
    /// The layer that removed it.
    pub removed_by: LayerIdx,
    /// Bytes of its RECORD's files in `layer` that no container sees.
    pub bytes: u64,
    /// How many files its RECORD lists, bytecode apart.
    pub files_total: usize,
    /// Installed distributions that lack files which this one's RECORD lists too: the removal took them away.
    pub files_now_missing_for: Vec<DistId>,
    /// The version that is installed in the same place now, if one is.
    pub replaced_by: Option<DistId>,
}

impl Inventory {
    /// Reads the inventory of a merged image. Never fails: what cannot be read becomes a problem.
    pub fn new(view: &View<'_>) -> Self {
        let scan = Scan::new(view);
        let (environments, by_dir) = discover(view, &scan);
        let mut inventory = Self { environments, ..Self::default() };
        let installs = install::read_all(view, &scan, &by_dir, &mut inventory.problems);
        let mut claims = claims::Claims::default();
        for install in installs {
            claims.add(inventory.distributions.push(install.distribution), install.claims);
        }
        inventory.report_duplicates();
        claims.settle(view, &mut inventory);
        for dist in &mut inventory.distributions {
            // An install of `setup.py` itself, without a wheel, compiled what is compiled in it.
            let is_legacy = dist.metadata.as_bytes().ends_with(b".egg-info") && !dist.system_owned;
            dist.built_here |= is_legacy && dist.files.iter().any(|path| path.as_bytes().ends_with(b".so"));
            dist.built_here &= dist.bytes < MAX_BUILT;
        }
        removed::find(view, &mut inventory);
        inventory.problems.sort();
        inventory.problems.dedup();
        inventory
    }

    /// Finds the Pythons whose files neither a distribution owns nor, as `is_packaged` tells, a package.
    pub fn find_interpreters(&mut self, view: &View<'_>, is_packaged: impl Fn(&[u8]) -> bool) {
        self.interpreters = Interpreters::new(view, |path| self.owner_of.contains_key(path) || is_packaged(path));
    }

    /// The distributions of a normalized name, in any environment.
    pub fn named<'s>(&'s self, normalized: &'s str) -> impl Iterator<Item = (DistId, &'s Distribution)> + 's {
        self.distributions.pairs().filter(move |(_, dist)| dist.normalized == normalized)
    }

    /// Which distribution a path's bytes are counted for: the sum of the sizes of a distribution's paths is its
    /// [`Distribution::bytes`]. Where pip or uv made a hard link, that is so for the path that holds the bytes, too
    /// (a file in uv's cache belongs to the distribution that links to it).
    pub fn owner(&self, path: &[u8]) -> Option<DistId> {
        self.owner_of.get(path).copied()
    }

    /// Every path whose bytes are counted for a distribution, and for which: see [`Inventory::owner`].
    pub fn owners(&self) -> FastMap<&[u8], DistId> {
        self.owner_of.iter().map(|(path, id)| (path.as_bytes(), *id)).collect()
    }

    fn report_duplicates(&mut self) {
        let mut seen: HashMap<(&[u8], &str), &Distribution> = HashMap::new();
        let mut problems = Vec::new();
        for dist in &self.distributions {
            let site = parent(dist.metadata.as_bytes());
            if let Some(first) = seen.insert((site, &dist.normalized), dist) {
                let message = format!(
                    "a second distribution named {} in this directory (version {}, beside version {})",
                    dist.normalized, dist.version, first.version
                );
                problems.push(Problem::new(&dist.metadata, message));
            }
        }
        self.problems.extend(problems);
    }
}

impl Distribution {
    /// Whether pip or uv installed it from a folder or a file (PEP 610): no package index need have it, and what an
    /// index has by its name may be somebody else's.
    pub fn is_local(&self) -> bool {
        let by_conda = self.installer.as_deref() == Some("conda");
        let from_file = self.direct_url.as_deref().is_some_and(|url| url.starts_with("file:"));
        !by_conda && (self.editable || from_file)
    }

    /// Whether it cannot work as installed: files are gone that RECORD lists. Scripts, docs, tests and type stubs
    /// that an image may well go without do not count, nor does a RECORD none of whose files exist because
    /// the system's package manager owns them elsewhere.
    pub fn is_broken(&self) -> bool {
        // A wheel may list data that it never had (easyocr 1.7.1 lists 83 dictionaries): without a layer that had
        // the file, only missing code is proof.
        let is_code =
            |path: &[u8]| path.ends_with(b".py") || path.ends_with(b".so") || path.windows(4).any(|w| w == b".so.");
        let proves = |missing: &MissingFile| {
            let path = missing.path.as_bytes();
            (missing.removed.is_some() || is_code(path)) && self.needs(path)
        };
        !self.system_owned && self.missing.iter().any(proves)
    }

    /// Whether importing may need a file: it is below the site directory, no metadata, and of a kind that
    /// running code reads.
    fn needs(&self, path: &[u8]) -> bool {
        let site = parent(self.metadata.as_bytes());
        if !is_within(path, site) {
            return false;
        }
        let relative = if site.is_empty() { path } else { path.get(site.len() + 1..).unwrap_or_default() };
        let mut parts: Vec<&[u8]> = relative.split(|&b| b == b'/').collect();
        let name = parts.pop().unwrap_or_default().to_ascii_lowercase();
        let spared_directory = |part: &&[u8]| {
            let spared: [&[u8]; 9] =
                [b"tests", b"test", b"docs", b"doc", b"examples", b"benchmarks", b"include", b"licenses", b"bin"];
            spared.contains(part) || part.ends_with(b".dist-info") || part.ends_with(b".egg-info")
        };
        let endings = [
            ".pyi",
            ".pyx",
            ".pxd",
            ".pyc",
            ".h",
            ".hpp",
            ".hh",
            ".cuh",
            ".c",
            ".cc",
            ".cpp",
            ".cu",
            ".a",
            ".o",
            ".lib",
            ".md",
            ".rst",
            ".egg-info",
            ".cmake",
            ".pc",
            ".pdb",
            ".map",
        ];
        let beginnings = ["license", "licence", "copying", "notice", "readme", "changelog", "authors"];
        // A module may be called `license.py` or `readme.py`.
        let is_text = !name.ends_with(b".py") && beginnings.iter().any(|start| name.starts_with(start.as_bytes()));
        let spared_name =
            name == b"py.typed" || is_text || endings.iter().any(|ending| name.ends_with(ending.as_bytes()));
        !spared_name && !parts.iter().any(spared_directory)
    }
}
