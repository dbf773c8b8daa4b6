//! What is installed of each package, and from where: a wheel for the platform, or why what it installs is not known.

use super::super::gather::{LockedPins, cleaned};
use super::super::request::{RequestError, Resolved};
use super::super::search::Search;
use super::super::uv::Ask;
use super::super::{Verdict, Wanted, in_each_index};
use super::{Answer, NO_WHEEL, Solver};
use crate::base::Text;
use crate::manifest::{Artifact, Direct, LockedPackage, Pin, without_secrets};
use crate::python::normalize_name;
use crate::wheel::best;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

impl Solver<'_> {
    /// A package as uv names it for this platform, or as a lock in a folder does for all.
    pub(super) fn package(&self, package: &LockedPackage, folder: Option<&Path>, requested: bool) -> Resolved {
        let place = |path: &str| folder.map_or_else(|| path.into(), |folder| cleaned(&folder.join(path)));
        let mut out = Resolved {
            name: package.name.clone(),
            normalized: package.name.clone(),
            version: package.version.clone(),
            sdist: package.sdist.clone(),
            requested,
            ..Resolved::default()
        };
        let written = self.gathered.roots.iter().find(|root| root.requirement.normalized() == package.name);
        if let Some(root) = written {
            out.name.clone_from(&root.requirement.name);
        }
        match &package.direct {
            Some(Direct::Archive(archive)) => {
                out.url = archive.url.clone();
                out.wheel = Some(archive.clone()).filter(|archive| archive.file.ends_with(".whl"));
            }
            Some(Direct::Url(url)) => out.url = Some(without_secrets(url)),
            Some(Direct::Local { path, editable }) => {
                (out.local, out.editable) = (Some(place(path)), *editable);
            }
            None => {
                let hashes: BTreeSet<&str> =
                    written.into_iter().flat_map(|root| root.requirement.hashes.iter().map(String::as_str)).collect();
                // uv has told only those that fit, some of which are of kinds that are not known here.
                let first = || package.wheels.first().filter(|_| folder.is_none() && hashes.is_empty()).cloned();
                out.wheel = self.best(&package.wheels, &hashes).or_else(first);
                let local =
                    out.wheel.as_ref().and_then(|wheel| package.local.iter().find(|(name, _)| *name == wheel.file));
                out.local = local.map(|(_, path)| place(path.strip_prefix("file://").unwrap_or(path)));
            }
        }
        self.judge(&mut out);
        out
    }

    /// The wheel for the platform, of those that have one of the digests, if any are told.
    pub(super) fn best(&self, wheels: &[Artifact], hashes: &BTreeSet<&str>) -> Option<Artifact> {
        let fits =
            |wheel: &&Artifact| hashes.is_empty() || wheel.digests().any(|known| hashes.contains(known.as_str()));
        let wheels: Vec<Artifact> =
            wheels.iter().filter(|wheel| wheel.file.ends_with(".whl")).filter(fits).cloned().collect();
        best(&wheels, self.platform).cloned()
    }

    /// Says why a package cannot be looked into, where it cannot.
    pub(super) fn judge(&self, package: &mut Resolved) {
        let is_wheel = package.wheel.is_some()
            || package.local.as_ref().is_some_and(|path| path.extension().is_some_and(|end| end == "whl"));
        let all = self.gathered.no_binary.contains(":all:");
        package.reason = if all || self.gathered.no_binary.contains(&package.normalized) {
            package.wheel = None;
            "it is made from source, as `--no-binary` says, and nothing is built here".into()
        } else if is_wheel {
            String::new()
        } else if let Some(path) = &package.local {
            format!("it is made from {}, and nothing is built here", Text::of_path(path))
        } else if package.url.is_some() {
            "it is made from source, and nothing is built here".into()
        } else if package.sdist.is_some() {
            NO_WHEEL.into()
        } else {
            "none of its files fits this Python and platform, or has a digest that is asked for".into()
        };
    }

    /// What a lock pins: from the lock itself, or looked up.
    pub(super) fn pins(&self, locked: &LockedPins, answer: &mut Answer) -> Result<(), RequestError> {
        let (mut wanted, mut ats) = (Vec::new(), Vec::new());
        let start = answer.packages.len();
        for pin in &locked.pins.pins {
            answer.packages.push(self.pinned(pin, &locked.folder));
            let is_open = pin.files.is_empty() && pin.url.is_none() && pin.path.is_none();
            if let Some(version) = pin.version.clone().filter(|_| is_open) {
                ats.push((answer.packages.len() - 1, pin));
                wanted.push(Wanted { name: pin.name.clone(), version, index: pin.index.clone(), measure: false });
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let ask = self.for_one();
        let found = in_each_index(&wanted, |index, group| Search::run(self.uv, Ask { index, ..ask }, group));
        let unknown = found.iter().all(|found| found.verdict == Verdict::Unknown);
        if let Some(first) = found.first().filter(|_| unknown) {
            let message = first.reason.clone();
            return Err(RequestError::Index {
                host: "of the lock".into(),
                message: format!("{message} ({})", locked.place),
            });
        }
        for ((at, pin), found) in ats.into_iter().zip(found) {
            let package = &mut answer.packages[at];
            let has =
                |file: &Artifact| pin.hashes.is_empty() || file.digests().any(|known| pin.hashes.contains(&known));
            package.wheel = found.wheel.filter(has);
            package.sdist = found.sdist;
            match found.verdict {
                Verdict::Gone => package.reason = "the package index does not have this version any more".into(),
                Verdict::Unknown => package.reason = format!("it could not be looked up: {}", found.reason),
                _ => self.judge(package),
            }
        }
        debug_assert!(answer.packages.len() >= start);
        Ok(())
    }

    pub(super) fn pinned(&self, pin: &Pin, folder: &Path) -> Resolved {
        let mut out = Resolved {
            name: pin.name.clone(),
            normalized: normalize_name(&pin.name),
            version: pin.version.clone(),
            wheel: self.best(&pin.files, &BTreeSet::new()),
            sdist: pin.files.iter().find(|file| !file.file.ends_with(".whl")).cloned(),
            url: pin.url.as_deref().map(without_secrets),
            local: pin.path.as_ref().map(|path| cleaned(&folder.join(path))),
            editable: pin.editable,
            requested: pin.requested,
            ..Resolved::default()
        };
        if let Some(url) =
            out.url.clone().filter(|url| out.wheel.is_none() && url.starts_with("http") && url.ends_with(".whl"))
        {
            let file = crate::manifest::file_of(&url);
            out.wheel = Some(Artifact { file, url: Some(url), size: None, hashes: BTreeMap::new() });
        }
        self.judge(&mut out);
        out
    }
}
