//! The package indexes of Debian, Ubuntu and Alpine: what `apt-get install` and `apk add` would install into an image
//! that does not exist yet, and how large that is.
//!
//! ```text
//! View ─► Sources (the image's own files) ─► Repositories (indexes, cached) ─┐
//!                          PackageRequest, OsInventory ─► install ◄──────────┘ ─► Installation
//! ```
//!
//! Five things hold:
//!
//! * **Whose repository is the image's affair.** There is no repository's URL here. What `etc/apt` or
//!   `etc/apk/repositories` of the image names is asked, and nothing else; where they name nothing, nothing is known.
//! * **Bytes are what was asked for.** Every index of Debian's kind is verified against the SHA-256 that its suite's
//!   `InRelease` or `Release` tells. The signature of that file is not checked: what comes of it is a figure, and apt
//!   checks what it installs. Alpine's index has no digest but its signature, and is taken as it comes.
//! * **Nothing hangs or grows.** Waits, sizes on the wire and unpacked, redirects and tries have bounds.
//! * **Bytes are predicted.** `Installed-Size` is in KiB and rounds every file up. What packages of a section take for it
//!   was measured, and the image below has packages that show it, too.
//! * **What is not known is said to be unknown**, with a reason, and is no zero.
//!
//! Source: sources.list(5), apt.conf(5), apt_preferences(5), deb-control(5), deb-version(7), Debian Policy 7
//! (relationships); Debian's page on the format of repositories (DebianRepository/Format); apk(5), apk-repositories(5),
//! apk-package(5).

mod fetch;
mod index;
mod install;
mod relation;
mod release;
mod remove;
mod settings;
mod size;
mod solve;
mod sources;
mod universe;
mod version;

pub use fetch::apkindex;
pub use index::{Index, Record, parse_apkindex, parse_packages};
pub use relation::{
    Operator, Provided, Relation, alpine_relation, parse_alpine, parse_alpine_provides, parse_debian,
    parse_debian_provides,
};
pub use release::{ListedFile, Release, parse_release};
pub use remove::{autoremove, removed_with};
pub use settings::{apt_conf_items, excludes_documentation, read_apt_conf};
pub use size::empty_caches;
pub use sources::{parse_deb822_sources, parse_repositories, parse_sources_list};
pub use version::{begins_alpine, compare, compare_alpine, compare_debian};

use crate::base::{Text, masked};
use crate::image::Cache;
use crate::os::{OsInventory, OsPackage, PackageManager};
use fetch::{Fetcher, Lists, Suite};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use universe::Part;

/// What an install command asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRequest {
    /// Whose command it is.
    pub manager: PackageManager,
    /// As written: `libgl1`, `gcc=4:12.2*`, `foo/bookworm-backports`, `pkg:arm64`, `pkg-` (to be removed),
    /// `./local.deb` (never predicted); for apk `py3-pip~=23`, `foo@edge`.
    pub names: Vec<String>,
    /// `--no-install-recommends` or `--install-recommends`; none where the command does not say: then apt.conf decides,
    /// and without it they are installed. No matter for apk.
    pub recommends: Option<bool>,
    /// As images say it: `amd64`, `arm64`.
    pub architecture: String,
    /// `-t`, `--target-release` of apt: a suite or codename.
    pub release: Option<String>,
    /// `-t`, `--virtual` of apk: the name of the package that is made up to stand for all of `names`: `.build-deps`.
    pub virtual_name: Option<String>,
}

/// A repository that the image's files name: one suite of one URI.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// Whose it is.
    pub manager: PackageManager,
    /// Where it is, as written. May hold a password: [`std::fmt::Debug`] masks it, and so must who shows it.
    pub uri: String,
    /// `bookworm-updates`, or the folder of a flat repository, with a slash at its end (`./`). Empty for apk.
    pub suite: String,
    /// `main`, `contrib`. Empty for a flat repository, and for apk.
    pub components: Vec<String>,
    /// The architectures that it is restricted to, as dpkg names them; empty for all.
    pub architectures: Vec<String>,
    /// apk: the name behind `@`. Its packages are for those alone that ask for them by it.
    pub tag: Option<String>,
    /// The file and line that say so: `/etc/apt/sources.list:3`.
    pub place: String,
}

/// What apt's configuration in the image says, as far as it decides over bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `APT::Install-Recommends`: whether recommended packages are installed.
    pub recommends: bool,
    /// Whether archives stay in `var/cache/apt/archives` (`DPkg::Post-Invoke` removes them in Docker's images).
    pub keeps_archives: bool,
    /// Whether what `apt` downloads, and not `apt-get`, stays there too (`Binary::apt::APT::Keep-Downloaded-Packages`).
    pub apt_keeps_archives: bool,
    /// Whether `var/cache/apt/*.bin` are written (`Dir::Cache::pkgcache`).
    pub keeps_caches: bool,
    /// `Acquire::GzipIndexes`: whether lists stay compressed.
    pub compresses_lists: bool,
    /// `Acquire::Languages`: whether translations of descriptions are downloaded.
    pub translations: bool,
    /// Whether dpkg leaves documentation and translations out (`path-exclude`).
    pub excludes_documentation: bool,
}

/// Where packages come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The repositories, in the order of the files' names and lines.
    pub list: Vec<Source>,
    /// What cannot be asked, and why: `cdrom:`, `file:`, what is disabled. Escaped, and without passwords.
    pub ignored: Vec<(String, String)>,
    /// How apt is configured.
    pub settings: Settings,
}

/// How to ask.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where indexes are kept; none to keep nothing and to trust nothing that was kept.
    pub cache: Option<Cache>,
    /// How long what says which indexes there are (`InRelease`, `APKINDEX`) is trusted without asking again.
    pub trusted: Duration,
    /// When to give up, for all requests together.
    pub wait: Duration,
    /// How long a server may send nothing.
    pub idle: Duration,
    /// The wait before the second try of a request; each further one is twice as long.
    pub first_wait: Duration,
}

/// What an install command would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Installation {
    /// What is unpacked: new packages, and newer versions of installed ones; sorted by name.
    pub packages: Vec<NewPackage>,
    /// Installed packages that conflict with a new one and go.
    pub removed: Vec<String>,
    /// Installed packages that were asked for, and count as asked for by hand from now on.
    pub marked_manual: Vec<String>,
    /// Names of the request that could not be predicted, and why. Escaped.
    pub unknown: Vec<(String, String)>,
    /// Requirements that nothing meets, and whose they are. Escaped.
    pub unmet: Vec<(String, String)>,
    /// What `apt-get update` leaves in `var/lib/apt/lists`, in bytes (`unpacked`, predicted); 0 for apk.
    pub lists: u64,
    /// What apt leaves in `var/cache/apt/*.bin`, in bytes (`unpacked`, predicted).
    pub caches: u64,
    /// The archives that stay in `var/cache/apt/archives`, in bytes (`unpacked`, predicted); 0 where the image's
    /// configuration removes them.
    pub archives: u64,
    /// What the package manager writes about the packages: `var/lib/dpkg/status` and its copy as they are afterwards
    /// less what they were, the files of `var/lib/dpkg/info`, logs, in bytes (`unpacked`, predicted).
    pub database: u64,
    /// How the bytes of the packages were predicted.
    pub ratio: Ratio,
}

/// A package that would be unpacked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPackage {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture.
    pub architecture: String,
    /// dpkg's section without its component: `libs`, `devel`.
    pub section: String,
    /// dpkg's priority.
    pub priority: String,
    /// Whether it is essential.
    pub essential: bool,
    /// Asked for, not pulled in.
    pub manual: bool,
    /// The installed version that it takes the place of; its files then hide those of the layer below.
    pub replaces: Option<String>,
    /// Names it needs, alternatives side by side, versions stripped.
    pub depends: Vec<Vec<String>>,
    /// Names it stands for.
    pub provides: Vec<String>,
    /// Who pulled it in: a package's name; empty for what was asked for.
    pub because: String,
    /// Whether it was pulled in for a name that it stands for, or as another alternative than the first: where the indexes
    /// have more, another package may come in its place.
    pub by_choice: bool,
    /// Bytes of its files (`unpacked`, predicted), with the bytecode that its installation makes.
    pub bytes: u64,
    /// Bytes of its archive (`wire`; as the index says).
    pub wire: u64,
    /// A stanza of dpkg's status or a record of apk's database, with an empty line at its end.
    pub stanza: Vec<u8>,
}

/// How what packages take stands to what they say that they take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Bytes that were predicted for each that is said.
    pub value: f64,
    /// How many packages of the image below were looked at; without any it is the table's alone.
    pub packages: usize,
}

impl Default for Ratio {
    fn default() -> Self {
        Self { value: 1.0, packages: 0 }
    }
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RepositoryError {
    /// The image names no repository that can be asked.
    #[error("the image names no package repository that can be asked: {0}")]
    NoSources(String),
    /// None of the repositories could be read.
    #[error("{place}: {message}")]
    Unreadable {
        /// Which: URI and suite, without passwords.
        place: String,
        /// What was expected and found, or what broke.
        message: String,
    },
}

/// The indexes of an image's repositories.
#[derive(Debug)]
pub struct Repositories {
    /// What could not be read, what is out of date, and what was not asked: place and reason.
    pub problems: Vec<(String, String)>,
    /// Bytes that were downloaded (`wire`, measured).
    pub downloaded: u64,
    /// Requests that were sent.
    pub requests: u64,
    parts: Vec<Part>,
    lists: Lists,
    settings: Settings,
}

impl Default for Settings {
    /// What apt does when nothing is configured.
    fn default() -> Self {
        Self {
            recommends: true,
            keeps_archives: true,
            apt_keeps_archives: false,
            keeps_caches: true,
            compresses_lists: false,
            translations: true,
            excludes_documentation: false,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        let first_wait = Duration::from_millis(300);
        Self { cache: None, trusted: seconds(600), wait: seconds(90), idle: seconds(20), first_wait }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let uri = masked(&self.uri);
        write!(f, "{}: {uri} {} {}", self.place, self.suite, self.components.join(" "))
    }
}

impl Repositories {
    /// Reads the indexes of all sources for an architecture (`amd64`), from the cache where it has them. Some that
    /// cannot be read are [`Repositories::problems`]; if none can, that is the error.
    pub fn open(sources: &Sources, architecture: &str, options: &Options) -> Result<Self, RepositoryError> {
        let mut problems = sources.ignored.clone();
        let fits = |source: &&Source| {
            let all = source.architectures.is_empty();
            all || source.architectures.iter().any(|one| one == architecture)
        };
        let list: Vec<&Source> = sources.list.iter().filter(fits).collect();
        if list.is_empty() {
            return Err(RepositoryError::NoSources(why_none(sources, architecture)));
        }
        let setup = |message| RepositoryError::Unreadable { place: place_of(list[0]), message };
        let fetcher = Fetcher::new(options).map_err(setup)?;
        let mut out = Self {
            problems: Vec::new(),
            downloaded: 0,
            requests: 0,
            parts: Vec::new(),
            lists: Lists::default(),
            settings: sources.settings.clone(),
        };
        let mut failed = None;
        for (source, suite) in list.iter().zip(read_all(&fetcher, &list, architecture)) {
            match suite {
                Ok(suite) => out.add(source, suite, &mut problems),
                Err(message) => {
                    problems.push((place_of(source), message.clone()));
                    failed.get_or_insert(RepositoryError::Unreadable { place: place_of(source), message });
                }
            }
        }
        if let Some(error) = failed.filter(|_| out.parts.is_empty()) {
            return Err(error);
        }
        out.downloaded = fetcher.downloaded.load(Ordering::Relaxed);
        out.requests = fetcher.requests.load(Ordering::Relaxed);
        out.problems = problems;
        Ok(out)
    }

    /// The packages of an image as a repository that has these and no others: what a command would take of them.
    pub fn of_image(os: &OsInventory, architecture: &str, settings: Settings) -> Self {
        let manager = os.manager.unwrap_or(PackageManager::Dpkg);
        let records = os.packages.iter().filter(|package| is_native(package, architecture)).map(universe::record_of);
        let (tag, suite, codename) = Default::default();
        let index = Index::new(records.collect());
        let part = Part { manager, index, tag, suite, codename, priority: 500, of_image: true };
        let (problems, lists) = Default::default();
        Self { problems, downloaded: 0, requests: 0, parts: vec![part], lists, settings }
    }

    /// Whether a package of this name is to be had.
    pub fn has(&self, manager: PackageManager, name: &str) -> bool {
        self.parts.iter().any(|part| part.manager == manager && !part.index.packages(name).is_empty())
    }

    fn add(&mut self, source: &Source, suite: Suite, problems: &mut Vec<(String, String)>) {
        problems.extend(suite.stale.map(|why| (place_of(source), why)));
        if source.manager == PackageManager::Dpkg {
            self.lists.add(suite.lists);
        }
        // apt-pkg's own: what is not automatic is taken by nobody who does not ask for it.
        let priority = match (suite.release.not_automatic, suite.release.but_upgrades) {
            (false, _) => 500,
            (true, true) => 100,
            (true, false) => 1,
        };
        self.parts.extend(suite.indexes.into_iter().map(|index| Part {
            manager: source.manager,
            index,
            tag: source.tag.clone(),
            suite: suite.release.suite.clone(),
            codename: suite.release.codename.clone(),
            priority,
            of_image: false,
        }));
    }

    /// What `apt-get update` leaves in `var/lib/apt/lists`, in bytes (`unpacked`, predicted).
    pub fn lists(&self) -> u64 {
        size::lists(&self.lists, &self.settings)
    }

    /// What apt leaves in `var/cache/apt/*.bin` after it has read its lists, in bytes (`unpacked`, predicted).
    pub fn caches(&self) -> u64 {
        size::caches(&self.lists, &self.settings)
    }
}

/// Reads some sources at a time. The answers are in their order.
fn read_all(fetcher: &Fetcher<'_>, list: &[&Source], architecture: &str) -> Vec<Result<Suite, String>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((at, source)) =
            { Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, list.get(at)?))) }
        {
            let read = match source.manager {
                PackageManager::Dpkg => fetcher.suite(source, architecture),
                PackageManager::Apk => fetcher.alpine(source, alpine_name(architecture)),
            };
            done.push((at, read));
        }
        done
    };
    let mut done: Vec<(usize, Result<Suite, String>)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..AT_ONCE.min(list.len())).map(|_| scope.spawn(work)).collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, read)| read).collect()
}

/// How many sources are read together.
const AT_ONCE: usize = 6;

fn why_none(sources: &Sources, architecture: &str) -> String {
    match (sources.list.first(), sources.ignored.first()) {
        (Some(source), _) => format!("{} has none for {}", source.place, Text::from(architecture)),
        (None, Some((place, reason))) => format!("{place}: {reason}"),
        (None, None) => {
            "etc/apt and etc/apk name none, or the image was recorded by an earlier version, which did not \
                         keep them"
                .into()
        }
    }
}

/// For a person.
fn place_of(source: &Source) -> String {
    let suite = if source.suite.is_empty() { String::new() } else { format!(" {}", Text::from(&source.suite)) };
    format!("{}{suite}", masked(&Text::from(&source.uri)))
}

/// Whether a package is for machines of an architecture (`amd64`).
fn is_native(package: &OsPackage, architecture: &str) -> bool {
    let own = package.architecture.as_str();
    matches!(own, "all" | "noarch" | "") || own == architecture || own == alpine_name(architecture)
}

/// An architecture as apk names it.
fn alpine_name(architecture: &str) -> &str {
    match architecture {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "386" => "x86",
        "arm" => "armv7",
        other => other,
    }
}
