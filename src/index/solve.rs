//! From a request to what is installed and what each wheel of it has.
//!
//! ```text
//! Request ─► gather: roots with places, pins of locks ─► uv, once: the set ─► wheels, 16 at a time ─► Resolution
//! ```
//!
//! Nothing is built: what has no wheel for the platform is found by uv's refusal, taken out of the set, and reported with
//! its source distribution; the rest is resolved without it, and so without what only it requires.
//!
//! An answer is kept for ten minutes ([`FRESH`]): uv asks the index anew each time, and two runs of a check after one
//! another should not wait for it twice. Whatever may change the answer on this side is part of its key: the requirements
//! and all files of them, the platform, uv's version, the settings that say where to look. What wheels have is kept by
//! their digests, without a term.
//!
//! pip and uv resolve alike with few exceptions. pip prefers the newest version even if it is there as source only, where
//! this takes the newest that has a wheel; where the newest versions do not go together, [`choose`] asks for what pip takes.

mod choose;
mod judge;

use super::compile::{Failure, Set};
use super::explain::{explain, without_wheels};
use super::files::Files;
use super::gather::{Bounds, Gathered, Root, gather};
use super::hosts::{host_of, is_at};
use super::places::{Dead, with_places};
use super::request::{Request, RequestError, Resolution, Resolved};
use super::search::Search;
use super::uv::{Ask, Uv};
use super::{Access, Wanted};
use crate::base::Digest;
use crate::manifest::Artifact;
use crate::manifest::{LockedPackage, without_secrets};
use crate::python::{is_name, normalize_name};
use crate::wheel::{Options, Platform};
use crate::wheel::{read, read_local};
use choose::Chosen;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::str::FromStr as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long an answer counts.
pub const FRESH: Duration = Duration::from_secs(600);

/// How often a set is tried without what has no wheel.
const MAX_RUNS: usize = 24;

/// Archives of a folder that are looked at.
const MAX_LINKED: usize = 10_000;

/// Why a source distribution is not predicted.
const NO_WHEEL: &str =
    "there is no wheel of it for this Python and platform: it is made from source, and nothing is built here";

/// The same of one whose requirements nobody tells.
fn no_wheel_and_more() -> String {
    format!("{NO_WHEEL}; what it requires is not known either")
}

/// What the index said, kept for a while.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Answer {
    /// When, in seconds since 1970.
    made: u64,
    packages: Vec<Resolved>,
    not_predicted: Vec<(String, String)>,
    /// Whether a place did not answer that may, the next time.
    #[serde(skip)]
    is_partial: bool,
    /// Requests for wheels that it took, and their bytes.
    #[serde(skip)]
    traffic: (u64, u64),
}

/// Finds out what an installation makes, without installing, building or downloading it.
///
/// # Errors
///
/// What is asked for cannot be read or met, or the index cannot be asked.
pub fn resolve(
    uv: &Uv,
    request: &Request,
    files: &dyn Files,
    platform: &Platform,
    options: &Options,
) -> Result<Resolution, RequestError> {
    let deadline = Instant::now() + options.wait;
    let markers = request.markers(platform);
    let gathered = gather(request, files, &markers)?;
    let uv = with_places(uv, request, &gathered);
    // What the repository itself says of its own places: the user's own credentials come first.
    let scope = |name: &str| request.variable(name);
    let uv = uv.with_access(|access| {
        gathered.roots.iter().for_each(|root| access.add_url(&root.requirement.from));
        for index in &gathered.indexes {
            let text = |key: &str| index.get(key).and_then(toml::Value::as_str);
            let Some(url) = text("url") else { continue };
            access.add_url(url);
            text("name").into_iter().for_each(|name| access.add_named(name, url, &scope));
        }
    });
    let solver = Solver { uv: &uv, request, platform, gathered: &gathered, deadline, wait: options.wait };
    let question = solver.question();
    uv.answers.once(question, || solver.resolution(question, options))
}

/// Reads what the wheels have. Returns the requests and bytes that it took.
fn look_into(packages: &mut [Resolved], access: &Access, options: &Options, deadline: Instant) -> (u64, u64) {
    let is_remote = |package: &Resolved| {
        package.reason.is_empty() && package.info.is_none() && package.local.is_none() && package.wheel.is_some()
    };
    let ats: Vec<usize> = (0..packages.len()).filter(|at| is_remote(&packages[*at])).collect();
    let wheels: Vec<Artifact> = ats.iter().filter_map(|at| packages[*at].wheel.clone()).collect();
    let (found, traffic) = read(&wheels.iter().collect::<Vec<_>>(), access, options, deadline);
    for (at, info) in ats.into_iter().zip(found) {
        match info {
            Ok(info) => packages[at].info = Some(info),
            Err(reason) => packages[at].reason = format!("its files could not be listed: {reason}"),
        }
    }
    for package in packages.iter_mut().filter(|package| package.reason.is_empty() && package.info.is_none()) {
        let Some(path) = &package.local else { continue };
        match read_local(path) {
            Ok(info) => package.info = Some(info),
            Err(reason) => package.reason = format!("its files could not be listed: {reason}"),
        }
    }
    traffic
}

/// A package that a constraint or an override takes from a place that nothing is looked up in.
fn elsewhere(root: &Root, requested: bool) -> Resolved {
    let requirement = &root.requirement;
    let reason = format!(
        "{} takes it from somewhere else than an index, and nothing is built here; what it requires is not known",
        root.place
    );
    Resolved {
        name: requirement.name.clone(),
        normalized: requirement.normalized(),
        url: Some(without_secrets(&requirement.from)),
        requested,
        reason,
        ..Resolved::default()
    }
}

/// Packages of which nothing is known because a place does not answer; and that place and what it said, as what is not
/// predicted.
type WithoutDead = (Vec<Resolved>, Option<(String, String)>);

/// What uv says that there is no version of: `six==99`.
fn absent_pin(explanation: &str) -> Option<&str> {
    let (_, pin) = explanation.split_once("there is no version of ")?;
    Some(pin.split_whitespace().next()?.trim_end_matches([',', '.']))
}

struct Solver<'a> {
    uv: &'a Uv,
    request: &'a Request,
    platform: &'a Platform,
    gathered: &'a Gathered,
    deadline: Instant,
    wait: Duration,
}

impl Solver<'_> {
    /// What is asked, with all that the answer depends on, but the index. Only a digest of it: it may have secrets.
    fn question(&self) -> Digest {
        Digest::of(self.identity().as_bytes())
    }

    /// The answer, and what its wheels have.
    fn resolution(&self, question: Digest, options: &Options) -> Result<Resolution, RequestError> {
        let answer = self.answer(question, options)?;
        let mut packages = answer.packages;
        let traffic = look_into(&mut packages, self.uv.access(), options, self.deadline);
        let (requests, downloaded) = (traffic.0 + answer.traffic.0, traffic.1 + answer.traffic.1);
        packages.sort_by(|a, b| (&a.normalized, &a.name).cmp(&(&b.normalized, &b.name)));
        let mut not_predicted = [self.gathered.not_predicted.clone(), answer.not_predicted].concat();
        for package in packages.iter().filter(|package| package.info.is_none() && package.wheel.is_some()) {
            not_predicted.push((package.name.clone(), package.reason.clone()));
        }
        not_predicted.sort();
        not_predicted.dedup();
        let shown = |(option, value): &(String, String)| (option.clone(), without_secrets(value));
        let (notes, places) = (self.gathered.notes.clone(), self.gathered.places.iter().map(shown).collect());
        Ok(Resolution { packages, not_predicted, requests, downloaded, notes, places })
    }

    /// The answer: a fresh one that is kept, or a new one.
    fn answer(&self, question: Digest, options: &Options) -> Result<Answer, RequestError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let key = format!("answer {question}");
        let known = options.cache.as_ref().and_then(|cache| cache.get::<Answer>(&key));
        let is_fresh = |known: &Answer| known.made <= now && now - known.made < FRESH.as_secs();
        if let Some(known) = known.filter(is_fresh) {
            return Ok(known);
        }
        let mut answer = self.ask(options)?;
        answer.made = now;
        // What could not be found out may be, the next time.
        let is_whole = !answer.is_partial
            && answer.packages.iter().all(|package| package.reason.is_empty() || package.wheel.is_none());
        if let Some(cache) = options.cache.as_ref().filter(|_| is_whole) {
            let mut kept = answer.clone();
            kept.packages.iter_mut().filter(|package| package.wheel.is_some()).for_each(|package| package.info = None);
            cache.put(&key, &kept);
        }
        Ok(answer)
    }

    fn identity(&self) -> String {
        let mut out = String::new();
        let local = self.gathered.roots.iter().filter_map(|root| root.requirement.from.strip_prefix("file://"));
        let stamps: Vec<_> =
            local.map(|path| std::fs::metadata(path).ok().map(|found| (found.len(), found.modified().ok()))).collect();
        // Debug forms are not for people here: they tell all fields apart.
        let _ = write!(
            out,
            "{:?}\n{:?}\n{:?}\n{}\n{:?}\n{stamps:?}\n{:?}\n{:?}",
            self.gathered,
            self.request,
            self.platform,
            self.uv.version(),
            self.uv.given(),
            self.uv.user().environment,
            self.uv.settings(),
        );
        out
    }

    fn ask(&self, options: &Options) -> Result<Answer, RequestError> {
        let mut answer = Answer::default();
        for locked in &self.gathered.pins {
            self.pins(locked, &mut answer)?;
        }
        for locked in &self.gathered.packages {
            let packages = locked.packages.iter().map(|package| self.package(package, Some(&locked.folder), false));
            answer.packages.extend(packages.collect::<Vec<_>>());
        }
        answer.packages.extend(self.gathered.opaque.iter().cloned());
        if !self.gathered.roots.is_empty() {
            let set = self.choose(options)?;
            answer.packages.extend(set.packages);
            answer.not_predicted.extend(set.not_predicted);
            (answer.is_partial, answer.traffic) = (set.is_partial, set.traffic);
        }
        for package in &answer.packages {
            // What is installed but not by a wheel was told where it was found.
            let told = package.wheel.is_some() || package.info.is_some() || self.gathered.opaque.contains(package);
            if !told && !package.reason.is_empty() {
                answer.not_predicted.push((package.name.clone(), package.reason.clone()));
            }
        }
        Ok(answer)
    }

    /// The packages of the set, without those that have no wheel, of which `chosen` tells some already.
    fn set(&self, chosen: &Chosen) -> Result<Answer, RequestError> {
        let mut answer = Answer { packages: chosen.opaque.clone(), ..Answer::default() };
        let bounds = self.bounds()?;
        let mut opaque: BTreeSet<String> = self
            .gathered
            .opaque
            .iter()
            .map(|package| package.normalized.clone())
            .filter(|name| is_name(name))
            .chain(chosen.opaque.iter().map(|package| package.normalized.clone()))
            .collect();
        let requested: BTreeSet<String> =
            self.gathered.roots.iter().map(|root| root.requirement.normalized()).collect();
        // What is bound to a place that nothing is looked up in: no index is asked for it in its stead.
        for root in bounds.elsewhere.iter().filter(|root| requested.contains(&root.requirement.normalized())) {
            if opaque.insert(root.requirement.normalized()) {
                answer.packages.push(elsewhere(root, true));
            }
        }
        let mut dead = Dead::default();
        for _ in 0..MAX_RUNS {
            let stderr = match self.compile(&opaque, &bounds, &dead, chosen) {
                Ok(packages) => {
                    let elsewhere_too = |name: &&String| dead.may_have(name) && !opaque.contains(*name);
                    let names: Vec<String> =
                        packages.iter().map(|package| &package.name).filter(elsewhere_too).cloned().collect();
                    if !names.is_empty() {
                        let reason = format!("{}, which has builds of its own of it", dead.silent());
                        answer.packages.extend(names.iter().map(|name| self.opaque_one(name, None, reason.clone())));
                        opaque.extend(names);
                        continue;
                    }
                    let found = packages.iter().filter(|package| !opaque.contains(&package.name));
                    let of = |name: &str| bounds.elsewhere.iter().find(|root| root.requirement.normalized() == name);
                    let found = found.map(|package| match of(&package.name) {
                        Some(root) => elsewhere(root, false),
                        None => self.package(package, None, requested.contains(&package.name)),
                    });
                    answer.packages.extend(found.collect::<Vec<_>>());
                    return Ok(answer);
                }
                Err(Failure::Said(stderr)) => stderr,
                Err(Failure::Broke(message)) if Instant::now() >= self.deadline => {
                    let _ = message;
                    return Err(RequestError::Late(self.wait.as_secs()));
                }
                Err(Failure::Broke(message)) => return Err(RequestError::Failed(message)),
            };
            let all = self.gathered.only_binary.contains(":all:");
            let may_be_built =
                |name: &String| !all && !self.gathered.only_binary.contains(name) && !opaque.contains(name);
            let culprits: Vec<String> = without_wheels(&stderr).into_iter().filter(may_be_built).collect();
            let mut found = Vec::new();
            for name in culprits {
                found.extend(self.source_of(&name).or_else(|| self.linked_source(&name)));
            }
            if found.is_empty() {
                let roots: Vec<&Root> = self.gathered.roots.iter().chain(&bounds.constraints).collect();
                let error = explain(&stderr, &roots);
                match self.without_the_dead(&error, &opaque, &mut dead) {
                    Some((packages, not_predicted)) => {
                        found = packages;
                        answer.not_predicted.extend(not_predicted);
                        answer.is_partial = true;
                    }
                    None => return Err(dead.first.take().unwrap_or_else(|| self.with_near(error))),
                }
            }
            for package in found {
                opaque.insert(package.normalized.clone());
                answer.packages.push(package);
            }
        }
        Err(RequestError::Failed(format!("more than {MAX_RUNS} packages are there as source only")))
    }

    /// An error with the nearest versions, where one is asked for that is not there.
    fn with_near(&self, mut error: RequestError) -> RequestError {
        let RequestError::Unsatisfiable { explanation, suggestion, .. } = &mut error else { return error };
        let pin = absent_pin(explanation).unwrap_or_default();
        let Some((name, version)) = pin.split_once("==").filter(|_| suggestion.is_empty()) else { return error };
        let wanted = Wanted { name: name.into(), version: version.into(), index: None, measure: false };
        let found = Search::run(self.uv, self.for_one(), &[&wanted]);
        match found.first().map(|found| found.near.as_slice()).unwrap_or_default() {
            [] => {}
            [one] => *suggestion = format!("the nearest version of {name} that installs is {one}"),
            many => *suggestion = format!("the nearest versions of {name} that install are {}", many.join(" and ")),
        }
        error
    }

    /// How packages are looked up by themselves.
    fn for_one(&self) -> Ask<'_> {
        Ask { platform: self.platform, index: None, universal: false, lowest: false, deadline: self.deadline }
    }

    /// A package of which there is no wheel, if there is its source.
    fn source_of(&self, name: &str) -> Option<Resolved> {
        let roots: Vec<&Root> =
            self.gathered.roots.iter().filter(|root| root.requirement.normalized() == name).collect();
        let all = roots
            .iter()
            .copied()
            .chain(self.gathered.bounds.constraints.iter().filter(|root| root.requirement.normalized() == name));
        let specifiers: Vec<&str> =
            all.map(|root| root.requirement.specifiers.as_str()).filter(|text| !text.is_empty()).collect();
        let written = roots.first().map_or(name, |root| root.requirement.name.as_str());
        let fits = pep440_rs::VersionSpecifiers::from_str(&specifiers.join(",")).unwrap_or_default();
        let source = super::page::source(self.uv, self.for_one(), name, |version| fits.contains(version))?;
        Some(Resolved {
            name: written.to_owned(),
            normalized: name.to_owned(),
            version: Some(source.version.to_string()),
            sdist: Some(source.file),
            requested: !roots.is_empty(),
            reason: no_wheel_and_more(),
            ..Resolved::default()
        })
    }

    /// A source distribution of a folder or page of archives: an installer builds it.
    fn linked_source(&self, name: &str) -> Option<Resolved> {
        let links = self.gathered.places.iter().filter(|(option, _)| option == "--find-links");
        let version = links.map(|(_, place)| place).find_map(|place| {
            if place.starts_with("http") {
                return Some(None);
            }
            let files = std::fs::read_dir(place.trim_start_matches("file://")).ok()?.take(MAX_LINKED).flatten();
            let stem = |file: &std::fs::DirEntry| {
                let file = file.file_name().into_string().ok()?;
                let stem = file.strip_suffix(".tar.gz").or_else(|| file.strip_suffix(".zip"))?.rsplit_once('-')?;
                (normalize_name(stem.0) == name).then(|| stem.1.to_owned())
            };
            files.filter_map(|file| stem(&file)).next().map(Some)
        })?;
        Some(self.opaque_one(name, version, no_wheel_and_more()))
    }

    /// A package of which nothing more is known.
    fn opaque_one(&self, name: &str, version: Option<String>, reason: String) -> Resolved {
        let root = self.gathered.roots.iter().find(|root| root.requirement.normalized() == name);
        Resolved {
            name: root.map_or(name, |root| root.requirement.name.as_str()).to_owned(),
            normalized: name.to_owned(),
            version,
            requested: root.is_some(),
            reason,
            ..Resolved::default()
        }
    }

    /// What becomes of a set of which one place does not answer: what is bound to it is not known, and the rest is looked up
    /// in the others, as pip goes on without it. `None` where nothing is left to ask.
    fn without_the_dead(
        &self,
        error: &RequestError,
        opaque: &BTreeSet<String>,
        dead: &mut Dead,
    ) -> Option<WithoutDead> {
        match error {
            RequestError::Index { host, message } => {
                let reason = format!("{host} could not be asked: {message}");
                let is_there = |root: &&Root| {
                    host_of(&root.requirement.from) == Some(host) && !opaque.contains(&root.requirement.normalized())
                };
                let direct: Vec<Resolved> = (self.gathered.roots.iter().filter(is_there))
                    .map(|root| Resolved {
                        url: Some(without_secrets(&root.requirement.from)),
                        ..self.opaque_one(&root.requirement.normalized(), None, reason.clone())
                    })
                    .collect();
                if !direct.is_empty() {
                    return Some((direct, None));
                }
                if !dead.may_leave_out(self.uv, self.gathered, host) {
                    return None;
                }
                dead.leave_out(host, message);
                let bound = self.gathered.bound_to(&dead.hosts).into_iter().filter(|name| !opaque.contains(name));
                let bound = bound.map(|name| self.opaque_one(&name, None, reason.clone())).collect();
                Some((bound, Some((format!("packages of {host}"), message.clone()))))
            }
            RequestError::UnknownPackage { name, .. } if !dead.hosts.is_empty() && !opaque.contains(name) => {
                let reason = format!("no index that answers has it, and {}", dead.silent());
                Some((vec![self.opaque_one(name, None, reason)], None))
            }
            RequestError::Unsatisfiable { explanation, .. } if !dead.hosts.is_empty() => {
                let pin = absent_pin(explanation)?;
                let name = normalize_name(pin.split(['=', '<', '>', '!', '~', '[']).next()?);
                let reason = format!("no index that answers has this version, and {}", dead.silent());
                (is_name(&name) && !opaque.contains(&name)).then(|| (vec![self.opaque_one(&name, None, reason)], None))
            }
            _ => None,
        }
    }

    fn compile(
        &self,
        opaque: &BTreeSet<String>,
        bounds: &Bounds,
        dead: &Dead,
        chosen: &Chosen,
    ) -> Result<Vec<LockedPackage>, Failure> {
        let gathered = self.gathered;
        let is_out = |name: &String| opaque.contains(name) || chosen.kept.contains(name);
        let lines = |roots: &[Root]| -> String {
            let counts = |root: &&Root| !root.requirement.name.is_empty() && !is_out(&root.requirement.normalized());
            roots.iter().filter(counts).map(|root| root.requirement.line() + "\n").collect()
        };
        // An override that never applies takes a package out of all that require it.
        let out = |name: &String| format!("{name} ; python_version < '0'\n");
        let overrides = lines(&bounds.overrides) + &opaque.union(&chosen.kept).map(out).collect::<String>();
        let pins: String = chosen.pins.iter().map(|(name, version)| format!("{name}=={version}\n")).collect();
        let minor = self.platform.python.as_str();
        let python = self.request.python_full.clone().unwrap_or_else(|| format!("{minor}.99"));
        let alive = |index: &toml::Value| !is_at(index, &dead.hosts);
        let indexes: Vec<toml::Value> = gathered.general_indexes().into_iter().filter(|index| alive(index)).collect();
        let uv = if dead.hosts.is_empty() { self.uv.clone() } else { dead.without(self.uv) };
        uv.compile(&Set {
            requirements: &chosen.alone.clone().unwrap_or_else(|| lines(&gathered.roots)),
            constraints: &(lines(&bounds.constraints) + &pins),
            overrides: &overrides,
            installed: &self.staying(),
            indexes: &indexes,
            project: self.tables(&dead.hosts),
            arguments: &self.arguments(chosen.alone.is_some()),
            python: &python,
            platform: self.platform,
            deadline: self.deadline,
        })
    }

    /// uv's own tables of the projects that are asked for, where they bind something to an index or name some.
    fn tables(&self, dead: &BTreeSet<String>) -> Option<toml::Table> {
        let alive = |index: &&toml::Value| !is_at(index, dead);
        let indexes: Vec<toml::Value> = self.gathered.indexes.iter().filter(alive).cloned().collect();
        let mut bindings = self.gathered.bindings.clone();
        self.gathered.bound_to(dead).iter().for_each(|name| bindings.retain(|key, _| normalize_name(key) != *name));
        let all = [("index", toml::Value::Array(indexes.clone())), ("sources", toml::Value::Table(bindings))];
        (!indexes.is_empty()).then(|| all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// What bounds the set, with the files of constraints that are on servers.
    fn bounds(&self) -> Result<Bounds, RequestError> {
        let mut bounds = self.gathered.bounds.clone();
        for (url, place) in &self.gathered.constraint_urls {
            let text = super::constraints::fetch(url, self.deadline).map_err(|message| RequestError::Missing {
                file: crate::manifest::shown(url),
                message,
                place: place.clone(),
            })?;
            bounds.add_text(&text, &crate::manifest::shown(url), &self.gathered.markers)?;
        }
        Ok(bounds)
    }

    /// Further arguments of uv: how to resolve, as the request says.
    fn arguments(&self, alone: bool) -> Vec<String> {
        let mut out = Vec::new();
        if self.request.no_deps || alone {
            out.push("--no-deps".to_owned());
        }
        let last = |option: &str| {
            let named = self.gathered.places.iter().rev().find(|(name, _)| name == option);
            let variable = format!("UV_{}", option.trim_start_matches('-').to_ascii_uppercase().replace('-', "_"));
            let set = self.request.environment.iter().rev().find(|(name, _)| *name == variable);
            named
                .or(set.filter(|_| !self.request.for_pip))
                .map(|(_, value)| value.clone())
                .filter(|value| !value.is_empty())
        };
        for option in ["--torch-backend", "--resolution", "--exclude-newer"] {
            out.extend(last(option).into_iter().map(|value| format!("{option}={value}")));
        }
        match last("--prerelease") {
            Some(value) => out.push(format!("--prerelease={value}")),
            None if self.gathered.pre => out.push("--prerelease=allow".to_owned()),
            None => {}
        }
        out
    }
}
