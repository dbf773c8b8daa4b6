//! Which versions an installer takes where there is a choice.
//!
//! **What is installed stays** where all that is required of it allows it, also where no index has that version: a build of
//! torch for the CPU from an index of its own. uv is told what it should prefer; what it took otherwise is asked for once more.
//!
//! **pip and uv give way differently.** Where the newest versions do not go together, something has to be older. pip takes an
//! older one of what it has chosen already, where a later package bounds it; uv leaves it, and looks for an older version
//! of the later package. So what uv holds back though nothing in its answer bounds it is asked for once more in the newest version that is
//! allowed. Where that makes another one older that was not, which of them pip takes is a matter of its order: a gap.
//!
//! Source: pip's `_make_candidate_from_link` and `find_candidates` (`resolution/resolvelib/factory.py`), resolvelib's `_attempt_to_pin_criterion`.

use super::{Answer, Dead, Solver, absent_pin, look_into};
use crate::index::request::{RequestError, Resolved};
use crate::manifest::{Requirement, normalize_name, parse_requirement_line};
use crate::python::parse_metadata;
use crate::wheel::Options;
use pep440_rs::Version;
use std::collections::{BTreeMap, BTreeSet};

/// How often a set is asked for once more.
const ROUNDS: usize = 4;

/// What has been chosen before uv is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Chosen {
    /// Exact versions, by normalized name.
    pub pins: BTreeMap<String, String>,
    /// What is installed and stays, and that no index is asked for.
    pub kept: BTreeSet<String>,
    /// What there is no wheel of.
    pub opaque: Vec<Resolved>,
    /// These requirements in place of the set's own, without what they require.
    pub alone: Option<String>,
}

/// What an installer would take in place of what uv took.
struct Wish {
    name: String,
    version: String,
    /// Whether it is installed.
    stays: bool,
}

impl Chosen {
    /// With one of the two ways in which a wish can come true.
    fn with(&self, wish: &Wish, asks: bool) -> Self {
        let mut out = self.clone();
        match asks {
            true => drop(out.pins.insert(wish.name.clone(), wish.version.clone())),
            false => drop(out.kept.insert(wish.name.clone())),
        }
        out
    }
}

impl Solver<'_> {
    /// What is installed and should stay: of `--upgrade` only what is not asked for.
    pub(super) fn staying(&self) -> Vec<(String, String)> {
        let asked: BTreeSet<String> = self.gathered.roots.iter().map(|root| root.requirement.normalized()).collect();
        let stays = |name: &str| !self.request.upgrade || !asked.contains(name);
        self.request.installed.iter().filter(|(name, _)| stays(name)).cloned().collect()
    }

    /// What is there in a version that nobody knows: what is asked for in a version of its own is looked up all the same.
    fn present(&self) -> BTreeSet<String> {
        let bounded = |name: &String| {
            let mut roots = self.gathered.roots.iter().filter(|root| root.requirement.normalized() == *name);
            roots.any(|root| {
                self.request.upgrade || !root.requirement.specifiers.is_empty() || !root.requirement.from.is_empty()
            })
        };
        self.request.present.iter().filter(|name| !bounded(name)).cloned().collect()
    }

    /// The set as the installer takes it.
    pub(super) fn choose(&self, options: &Options) -> Result<Answer, RequestError> {
        let mut chosen = Chosen { kept: self.present(), ..Chosen::default() };
        let mut answer = loop {
            match self.set(&chosen) {
                Err(RequestError::Unsatisfiable { explanation, .. }) if self.keep_absent(&explanation, &mut chosen) => {
                }
                answer => break answer?,
            }
        };
        let (mut refused, mut either) = (BTreeSet::new(), BTreeSet::new());
        let mut traffic = (0, 0);
        for _ in 0..ROUNDS {
            if answer.is_partial {
                break;
            }
            let is_source =
                |package: &&Resolved| package.wheel.is_none() && package.sdist.is_some() && package.url.is_none();
            chosen.opaque = answer.packages.iter().filter(is_source).cloned().collect();
            let read = look_into(&mut answer.packages, self.uv.access(), options, self.deadline);
            let wishes = self.wishes(&answer, &chosen)?;
            traffic = (traffic.0 + read.0, traffic.1 + read.1);
            let wishes: Vec<Wish> = wishes.into_iter().filter(|wish| !refused.contains(&wish.name)).collect();
            if wishes.is_empty() {
                break;
            }
            for wish in wishes {
                match self.granted(&chosen, &wish) {
                    Ok(Some((next, mut found))) => {
                        carry(&answer.packages, &mut found.packages);
                        (chosen, answer) = (next, found);
                        continue;
                    }
                    Ok(None) => {}
                    // The rest of the answer holds.
                    Err(error) => {
                        answer.not_predicted.push((format!("version of {}", wish.name), error.to_string()));
                        refused.insert(wish.name);
                        continue;
                    }
                }
                let bare = Chosen { pins: BTreeMap::new(), ..chosen.clone() };
                if !wish.stays && !chosen.pins.is_empty() && matches!(self.granted(&bare, &wish), Ok(Some(_))) {
                    either.extend(chosen.pins.keys().cloned());
                    either.insert(wish.name.clone());
                }
                refused.insert(wish.name);
            }
        }
        if !either.is_empty() {
            let names: Vec<String> = either.into_iter().collect();
            let why = "their newest versions do not go together, and pip's order decides which of them is older";
            answer.not_predicted.push((format!("versions of {}", names.join(", ")), why.to_owned()));
        }
        answer.traffic = traffic;
        Ok(answer)
    }

    /// Whether a version that no index has is installed: then it is kept.
    fn keep_absent(&self, explanation: &str, chosen: &mut Chosen) -> bool {
        let Some((name, version)) = absent_pin(explanation).and_then(|pin| pin.split_once("==")) else { return false };
        let (name, version) = (normalize_name(name), version.parse::<Version>());
        let is_it = |(other, installed): &(String, String)| {
            *other == name && version.is_ok() && installed.parse::<Version>() == version
        };
        self.staying().iter().any(is_it) && chosen.kept.insert(name)
    }

    /// The set in which a wish has come true; none where it cannot.
    fn granted(&self, chosen: &Chosen, wish: &Wish) -> Result<Option<(Chosen, Answer)>, RequestError> {
        for asks in [true, false] {
            if !asks && !wish.stays {
                break;
            }
            let next = chosen.with(wish, asks);
            match self.set(&next) {
                Ok(answer) => return Ok(Some((next, answer))),
                Err(RequestError::Unsatisfiable { .. } | RequestError::UnknownPackage { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// What an installer would take in place of what uv took.
    fn wishes(&self, answer: &Answer, chosen: &Chosen) -> Result<Vec<Wish>, RequestError> {
        let packages = &answer.packages;
        let demands = self.demands(packages)?;
        let staying: BTreeMap<String, String> = self.staying().into_iter().collect();
        let (mut wishes, mut open) = (Vec::new(), BTreeMap::new());
        let is_of_index = |package: &&Resolved| package.wheel.is_some() && package.url.is_none();
        for package in packages.iter().filter(is_of_index) {
            let name = &package.normalized;
            let Some(version) = package.version.as_deref().and_then(|text| text.parse::<Version>().ok()) else {
                continue;
            };
            let wanted = demands.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
            if let Some(installed) = staying.get(name) {
                let is_same = installed.parse::<Version>().is_ok_and(|installed| installed == version);
                // Extras that are asked of it are not looked up where no index is.
                let fits =
                    wanted.iter().all(|wanted| wanted.allows(installed) == Some(true) && wanted.extras.is_empty());
                if is_same {
                    continue;
                }
                if fits {
                    wishes.push(Wish { name: name.clone(), version: installed.clone(), stays: true });
                    continue;
                }
            }
            let is_exact = |wanted: &Requirement| wanted.specifiers.split(',').any(is_exact);
            if !chosen.pins.contains_key(name) && !wanted.iter().any(is_exact) {
                let parts = wanted.iter().map(|wanted| wanted.specifiers.as_str());
                let parts: Vec<&str> = parts.filter(|part| !part.trim().is_empty()).collect();
                open.insert(name.as_str(), (version, format!("{name}{}\n", parts.join(","))));
            }
        }
        if !self.request.for_pip || self.request.no_deps || open.is_empty() {
            return Ok(wishes);
        }
        let alone = Some(open.values().map(|(_, line)| line.as_str()).collect());
        let newest = Chosen { alone, pins: BTreeMap::new(), ..chosen.clone() };
        let opaque = chosen.opaque.iter().map(|package| package.normalized.clone()).collect();
        // What is not there by itself is no choice.
        let found = self.compile(&opaque, &self.bounds()?, &Dead::default(), &newest).unwrap_or_default();
        for package in found {
            let (Some((version, _)), Some(newest)) = (open.get(package.name.as_str()), package.version) else {
                continue;
            };
            if newest.parse::<Version>().is_ok_and(|newest| newest > *version) {
                wishes.push(Wish { name: package.name, version: newest, stays: false });
            }
        }
        Ok(wishes)
    }

    /// What is required of each package: by the request, its constraints, and the packages themselves with the extras that are asked of
    /// them.
    fn demands(&self, packages: &[Resolved]) -> Result<BTreeMap<String, Vec<Requirement>>, RequestError> {
        let markers = &self.gathered.markers;
        let of_metadata = |package: &Resolved| -> Vec<Requirement> {
            let metadata = package.info.as_ref().and_then(|info| parse_metadata(&info.metadata).ok());
            let lines = metadata.map(|metadata| metadata.requires).unwrap_or_default();
            lines.iter().filter_map(|text| parse_requirement_line(text).ok()).collect()
        };
        let requires: BTreeMap<&str, Vec<Requirement>> =
            packages.iter().map(|package| (package.normalized.as_str(), of_metadata(package))).collect();
        let mut out: BTreeMap<String, Vec<Requirement>> = BTreeMap::new();
        for root in self.bounds()?.constraints {
            out.entry(root.requirement.normalized()).or_default().push(root.requirement);
        }
        let mut queue: Vec<Requirement> = self.gathered.roots.iter().map(|root| root.requirement.clone()).collect();
        let mut seen: BTreeSet<(String, Option<String>)> = BTreeSet::new();
        while let Some(wanted) = queue.pop() {
            let name = wanted.normalized();
            let extras = wanted.extras.iter().map(|extra| Some(normalize_name(extra)));
            for extra in std::iter::once(None).chain(extras) {
                if !seen.insert((name.clone(), extra.clone())) {
                    continue;
                }
                let own = extra.as_deref().map_or_else(|| markers.clone(), |extra| markers.with_extra(extra));
                let applies = |one: &&Requirement| own.hold(&one.marker).unwrap_or(false);
                queue.extend(requires.get(name.as_str()).into_iter().flatten().filter(applies).cloned());
            }
            out.entry(name).or_default().push(wanted);
        }
        Ok(out)
    }
}

/// What was read of wheels is not read again.
fn carry(from: &[Resolved], to: &mut [Resolved]) {
    for package in to.iter_mut().filter(|package| package.wheel.is_some() && package.info.is_none()) {
        if let Some(known) = from.iter().find(|known| known.wheel == package.wheel) {
            (package.info, package.reason) = (known.info.clone(), known.reason.clone());
        }
    }
}

/// Whether a specifier names one version.
fn is_exact(part: &str) -> bool {
    part.trim().starts_with("==") && !part.contains('*')
}
