//! Whether what a plan pins can still be installed, from which files, and what those unpack to.
//!
//! ```text
//! Wanted ─► uv (its index, the user's configuration) ─► pylock.toml ─► Availability: verdict, files, hashes
//!                                                                          └► range requests ─► Contents
//! ```
//!
//! [`resolve`] is for an installation that has not happened: requirements, projects and locks become the distributions
//! that it makes, with what each wheel has and says of itself; [`crate::wheel::WheelInfo::installed`] says which files an installer
//! makes of it.
//!
//! ```text
//! Request ─► roots with their lines, pins of locks ─► uv, once ─► the wheels' ends ─► Resolution
//! ```
//!
//! A package index changes: versions are deleted and yanked, and many never had a wheel for the platform at hand.
//! [`look_up`] asks for each pin, for the image's own Python and platform, and every pin gets a verdict of its own,
//! whatever becomes of the others. Four things hold:
//!
//! * **Whose index is the user's affair.** There is no index's URL here but that of uv's own default. uv looks where it is configured to look, or
//!   pip is; a pin that is bound to an index is looked up in that one and in no other.
//! * **Nothing is built or run.** Names come from an image or a repository that anybody may have made. uv is run in one
//!   way only, which leaves it nothing of the folder that one happens to be in, and builds nothing.
//! * **What is not known is said to be unknown.** Without an answer there is a reason, and the plan is made all the same.
//! * **Secrets stay where they are.** URLs lose user, password and query before anybody sees them.
//!
//! Source: PEP 440, PEP 503, PEP 592 (yanked), PEP 751 (`pylock.toml`).

mod access;
mod answers;
mod compile;
mod constraints;
mod explain;
mod files;
mod gather;
mod hosts;
mod page;
mod pip;
mod places;
mod request;
mod run;
mod search;
mod solve;
mod user;
mod uv;

pub use access::{Access, parse_netrc};
pub use files::{Disk, Files, Unread};
pub use gather::export;
pub use request::{Input, Request, RequestError, Resolution, Resolved};
pub use solve::{FRESH, resolve};
pub use uv::{OLDEST, Uv};

use crate::manifest::{Artifact, LockedPackage, normalize_name};
use crate::wheel::{Options, Platform, WheelInfo, best, read};
use search::Search;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::str::FromStr as _;
use std::time::Instant;
use uv::Ask;

/// A pin to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name, not yet normalized.
    pub name: String,
    /// Its exact version. Without a local version it means any of that public version.
    pub version: String,
    /// The one index to look in; none for the user's.
    pub index: Option<String>,
    /// Whether to read what its wheel has: its files are not those that are installed.
    pub measure: bool,
}

/// What became of a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// There is a wheel for the platform.
    Wheel,
    /// There is a source distribution only: it must be built.
    SourceOnly,
    /// The version is there, and neither a wheel of it for the platform nor its source.
    NoWheel,
    /// The index does not have the version, or the name.
    Gone,
    /// It could not be looked up.
    Unknown,
}

/// Whether and from what a pin can be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// The verdict.
    pub verdict: Verdict,
    /// The version that was found, with its local part: `2.1.1+cpu` for `2.1.1`.
    pub version: Option<String>,
    /// Why the version was yanked, which may be nothing; none if it was not.
    pub yanked: Option<String>,
    /// The wheel for the platform.
    pub wheel: Option<Artifact>,
    /// A wheel for the other of amd64 and arm64, where it is another file, so that a lock serves both.
    pub other_wheel: Option<Artifact>,
    /// The source distribution.
    pub sdist: Option<Artifact>,
    /// What the wheel has, if that was asked for and could be read.
    pub info: Option<WheelInfo>,
    /// The nearest versions below and above that can be installed, where this one cannot or should not be.
    pub near: Vec<String>,
    /// Why something is not known; empty if all is. For a person.
    pub reason: String,
}

/// Why nothing can be looked up.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ResolveError {
    /// There is no uv.
    #[error("uv was not found: expected a program in PATH, or one that the variable UV names")]
    NoUv,
    /// It does not run.
    #[error("{program}: uv cannot be used: {message}")]
    Unusable {
        /// Which program.
        program: String,
        /// What happened.
        message: String,
    },
    /// It is too old.
    #[error("{program}: expected uv {oldest} or later, found {found}")]
    Old {
        /// Which program.
        program: String,
        /// Its version.
        found: String,
        /// The oldest that will do.
        oldest: String,
    },
}

/// Looks pins up. The answers are in the order of `wanted`.
pub fn look_up(uv: &Uv, wanted: &[Wanted], platform: &Platform, options: &Options) -> Vec<Availability> {
    let of_pip = if uv.knows_its_index() { Vec::new() } else { pip::environment_for_uv(uv.user()) };
    let uv = uv.clone().with(of_pip);
    let deadline = Instant::now() + options.wait;
    let ask = Ask { platform, index: None, universal: false, lowest: false, deadline };
    let everywhere = |wanted: &[Wanted]| {
        in_each_index(wanted, |index, group| Search::everywhere(&uv, Ask { index, universal: true, ..ask }, group))
    };
    let other = platform.other_architecture();
    let (mut found, mut all) = crate::base::both(
        || in_each_index(wanted, |index, group| Search::run(&uv, Ask { index, ..ask }, group)),
        || other.as_ref().map(|_| everywhere(wanted)).unwrap_or_default(),
    );
    if let Some(other) = other {
        // Where one of them cannot be had, none was: once more without it.
        let left = |at: &usize| all[*at].is_none() && found[*at].verdict == Verdict::Wheel;
        let left: Vec<usize> = (0..wanted.len()).filter(left).collect();
        let again: Vec<Wanted> = left.iter().map(|&at| wanted[at].clone()).collect();
        left.into_iter().zip(everywhere(&again)).for_each(|(at, package)| all[at] = package);
        for (answer, package) in found.iter_mut().zip(all) {
            // Another local version (`2.1.1` beside `2.1.1+cpu`) is another package to a lock.
            let package = package.filter(|package| package.version == answer.version);
            let wheel = package.and_then(|package| best(&package.wheels, &other).cloned());
            let is_new = |other: &Artifact| answer.wheel.as_ref().is_some_and(|wheel| wheel.file != other.file);
            answer.other_wheel = wheel.filter(is_new);
        }
    }
    measure(wanted, &mut found, uv.access(), options, deadline);
    found
}

/// The positions of what is wanted, by index.
fn by_index(wanted: &[Wanted]) -> BTreeMap<Option<&str>, Vec<usize>> {
    let mut groups: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (at, wanted) in wanted.iter().enumerate() {
        groups.entry(wanted.index.as_deref()).or_default().push(at);
    }
    groups
}

/// Searches in all indexes at once. The answers are in the order of `wanted`.
fn in_each_index<T: Send>(wanted: &[Wanted], search: impl Fn(Option<&str>, &[&Wanted]) -> Vec<T> + Sync) -> Vec<T> {
    let run = |index: Option<&str>, ats: Vec<usize>| {
        let group: Vec<&Wanted> = ats.iter().map(|&at| &wanted[at]).collect();
        ats.into_iter().zip(search(index, &group)).collect::<Vec<_>>()
    };
    let mut found: Vec<(usize, T)> = std::thread::scope(|scope| {
        let run = &run;
        let start = |(index, ats)| scope.spawn(move || run(index, ats));
        let handles: Vec<_> = by_index(wanted).into_iter().map(start).collect();
        let join =
            |handle: std::thread::ScopedJoinHandle<'_, _>| handle.join().unwrap_or_else(|panic| resume_unwind(panic));
        handles.into_iter().flat_map(join).collect()
    });
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, answer)| answer).collect()
}

impl Wanted {
    /// As a requirement.
    fn line(&self) -> String {
        format!("{}=={}", self.name, self.version)
    }

    /// Whether a package of a lock is this one: PEP 440 lets `==2.1.1` mean `2.1.1+cpu`.
    fn is_met_by(&self, package: &LockedPackage) -> bool {
        let found = package.version.as_deref().and_then(|version| pep440_rs::Version::from_str(version).ok());
        package.name == normalize_name(&self.name) && found.is_some_and(|found| self.is_version(&found))
    }

    /// Whether a version is the wanted one.
    fn is_version(&self, found: &pep440_rs::Version) -> bool {
        let wanted = pep440_rs::Version::from_str(&self.version);
        wanted.is_ok_and(|wanted| {
            wanted == *found || (wanted.local().is_empty() && wanted == found.clone().without_local())
        })
    }
}

impl Availability {
    /// Without an answer.
    pub fn unknown(reason: &str) -> Self {
        Self {
            verdict: Verdict::Unknown,
            version: None,
            yanked: None,
            wheel: None,
            other_wheel: None,
            sdist: None,
            info: None,
            near: Vec::new(),
            reason: reason.to_owned(),
        }
    }

    /// For a platform, for which uv has told the files that fit.
    fn of(package: &LockedPackage, platform: &Platform) -> Self {
        let wheel = best(&package.wheels, platform).or(package.wheels.first()).cloned();
        let verdict = match (&wheel, &package.sdist) {
            (Some(_), _) => Verdict::Wheel,
            (None, Some(_)) => Verdict::SourceOnly,
            (None, None) => Verdict::NoWheel,
        };
        Self { verdict, version: package.version.clone(), wheel, sdist: package.sdist.clone(), ..Self::unknown("") }
    }

    /// The files that a lock names: the wheels, or else the source.
    pub fn files(&self) -> Vec<&Artifact> {
        match &self.wheel {
            Some(wheel) => std::iter::once(wheel).chain(&self.other_wheel).collect(),
            None => self.sdist.iter().collect(),
        }
    }

    /// The SHA-256 digests of [`Availability::files`], sorted; none unless all have one.
    pub fn sha256(&self) -> Option<BTreeSet<&str>> {
        let digests: Option<BTreeSet<&str>> = self.files().into_iter().map(Artifact::sha256).collect();
        digests.filter(|digests| !digests.is_empty())
    }
}

/// Reads what the wheels of those have of which it is wanted.
fn measure(wanted: &[Wanted], found: &mut [Availability], access: &Access, options: &Options, deadline: Instant) {
    let jobs: Vec<(usize, Artifact)> = (wanted.iter().zip(&*found).enumerate())
        .filter(|(_, (wanted, _))| wanted.measure)
        .filter_map(|(at, (_, answer))| Some((at, answer.wheel.clone()?)))
        .collect();
    let wheels: Vec<&Artifact> = jobs.iter().map(|(_, wheel)| wheel).collect();
    let (listed, _) = read(&wheels, access, options, deadline);
    for ((at, _), listed) in jobs.iter().zip(listed) {
        match listed {
            Ok(info) => found[*at].info = Some(info),
            Err(reason) => found[*at].reason = format!("its files could not be listed: {reason}"),
        }
    }
}
