//! Projects and locks that a request names.

use super::{Gatherer, Kind, LockedPackages, LockedPins, MOST, cleaned};
use crate::index::request::{RequestError, Resolved};
use crate::manifest::{
    Choice, Dependency, LockedPackage, Part, Project, ProjectError, member_folder, parse_pdm_lock, parse_pipfile_lock,
    parse_poetry_lock, parse_project, parse_settings, parse_uv_lock, parse_whole_lock,
};
use crate::python::normalize_name;
use std::collections::BTreeSet;
use std::path::Path;

impl Gatherer<'_> {
    /// A project's own file, read, and what to call it. `None` where only its build backend knows what it needs.
    pub(super) fn project(&mut self, dir: &Path, place: &str) -> Result<Option<(Project, String)>, RequestError> {
        let path = dir.join("pyproject.toml");
        let (setup, settings) = (dir.join("setup.py"), dir.join("setup.cfg"));
        if !self.is_file(&path) && (self.is_file(&setup) || self.is_file(&settings)) {
            let file = if self.is_file(&setup) { setup } else { settings };
            let why = "setup.py and setup.cfg are for a program to read, and nothing is built or run here";
            self.out.not_predicted.push((format!("what {} requires", self.disk.shown(&file)), why.into()));
            self.install_project(dir, &Project::default(), false, true);
            return Ok(None);
        }
        let Some(text) = self.read(&path, place)? else { return Ok(None) };
        let shown = self.disk.shown(&path);
        let mut project = parse_project(&text).map_err(|error| syntax(&shown, error))?;
        self.out.not_predicted.append(&mut project.not_predicted);
        if self.request.for_pip {
            // pip knows nothing of uv's tables.
            project.sources.clear();
        } else {
            self.settings(dir, &shown, &mut project)?;
        }
        Ok(Some((project, shown)))
    }

    /// uv's settings of a project, as data: indexes, what is bound to them, constraints and overrides. A `uv.toml` takes the
    /// place of those in `pyproject.toml`.
    pub(super) fn settings(&mut self, dir: &Path, shown: &str, project: &mut Project) -> Result<(), RequestError> {
        let (path, mut place) = (dir.join("uv.toml"), shown.to_owned());
        if self.is_file(&path)
            && let Some(text) = self.read(&path, "")?
        {
            place = self.disk.shown(&path);
            project.settings = parse_settings(&text).map_err(|error| syntax(&place, error))?;
        }
        let settings = std::mem::take(&mut project.settings);
        let markers = self.markers.clone();
        for (kind, list) in [(Kind::Constraint, settings.constraints), (Kind::Override, settings.overrides)] {
            for (requirement, line) in list {
                self.out.bounds.add(kind, requirement, in_line(&place, line), &markers)?;
            }
        }
        for index in settings.indexes {
            let url = index.get("url").and_then(toml::Value::as_str).unwrap_or_default();
            if crate::index::hosts::is_of_the_web(url) {
                self.out.indexes.push(index);
            } else {
                let why = "it is no URL of HTTP or HTTPS".to_owned();
                self.out.not_predicted.push((format!("what the index {} has", crate::manifest::shown(url)), why));
            }
        }
        Ok(())
    }

    /// A project's dependencies, with those of some of its extras.
    pub(super) fn add(
        &mut self,
        project: &Project,
        shown: &str,
        folder: &Path,
        extras: &[String],
    ) -> Result<(), RequestError> {
        if self.request.no_deps {
            return Ok(());
        }
        self.roots(project, Part::Own, &project.dependencies, (shown, folder))?;
        for extra in extras {
            let found = crate::manifest::shown(extra);
            let list = match project.extras.get(&normalize_name(extra)) {
                Some(list) => list,
                // pip warns and goes on.
                None if self.request.for_pip => {
                    self.out.notes.push(format!("{shown} has no extra `{found}`: pip installs without it"));
                    continue;
                }
                None => {
                    let (place, expected) = (shown.to_owned(), "an extra of that name".to_owned());
                    return Err(RequestError::Syntax { place, expected, found });
                }
            };
            self.roots(project, Part::Extra(&normalize_name(extra)), list, (shown, folder))?;
        }
        Ok(())
    }

    /// A list of a project's dependencies, from where uv takes them.
    pub(super) fn roots(
        &mut self,
        project: &Project,
        part: Part<'_>,
        list: &[Dependency],
        (shown, folder): (&str, &Path),
    ) -> Result<(), RequestError> {
        for (requirement, line) in list {
            let place = in_line(shown, *line);
            let mut requirement = requirement.clone();
            let sources = project.sources.get(&requirement.normalized()).map(Vec::as_slice).unwrap_or_default();
            let source = sources.iter().find(|source| source.applies(part, &self.markers));
            if let Some(source) = source.filter(|_| requirement.from.is_empty()) {
                (requirement.from, requirement.editable) = (source.from.clone(), source.editable);
                if let Some(index) = &source.index {
                    let binding = toml::Table::from_iter([("index".to_owned(), toml::Value::String(index.clone()))]);
                    self.out.bindings.insert(requirement.name.clone(), toml::Value::Table(binding));
                }
            }
            self.root(requirement, place, folder)?;
        }
        Ok(())
    }

    pub(super) fn install_project(&mut self, dir: &Path, project: &Project, editable: bool, requested: bool) {
        if !self.projects.insert(cleaned(dir)) {
            return;
        }
        let name = if project.name.is_empty() { self.disk.shown(dir) } else { project.name.clone() };
        let reason = "it is a project of the build context: its wheel is not built here".to_owned();
        self.out.not_predicted.push((format!("{name} itself"), reason.clone()));
        self.out.opaque.push(Resolved {
            normalized: normalize_name(&project.name),
            name,
            version: project.version.clone(),
            local: Some(dir.to_owned()),
            editable,
            requested,
            reason,
            ..Resolved::default()
        });
    }

    pub(super) fn lock(&mut self, path: &Path, choice: &Choice) -> Result<(), RequestError> {
        let Some(text) = self.read(path, "")? else { return Ok(()) };
        let (place, folder) = (self.disk.shown(path), path.parent().unwrap_or(Path::new("")).to_owned());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let beside = folder.join("pyproject.toml");
        let member = choice.package.as_deref().and_then(|wanted| member_folder(&text, wanted));
        let project = match name.as_str() {
            // A member's groups are its own.
            "uv.lock" if member.is_some() => {
                let folder = cleaned(&folder.join(member.unwrap_or_default()));
                self.project(&folder, "")?.map(|(project, _)| project)
            }
            "uv.lock" | "poetry.lock" | "pdm.lock" if self.is_file(&beside) => {
                self.project(&folder, "")?.map(|(project, _)| project)
            }
            _ => None,
        };
        let wrong = |found: String| {
            let (expected, found) = match found.strip_prefix("expected ").and_then(|rest| rest.split_once(", found ")) {
                Some((expected, found)) => (expected.to_owned(), found.trim_matches('`').to_owned()),
                None => (format!("a lock of the kind that {name} is"), found),
            };
            RequestError::Syntax { place: place.clone(), expected, found: crate::manifest::shown(&found) }
        };
        let pins = match name.as_str() {
            "uv.lock" => parse_uv_lock(&text, project.as_ref(), choice, &self.markers),
            "poetry.lock" => parse_poetry_lock(&text, project.as_ref(), choice, &self.markers),
            "pdm.lock" => parse_pdm_lock(&text, project.as_ref(), choice, &self.markers),
            "Pipfile.lock" => parse_pipfile_lock(&text, choice, &self.markers),
            _ if crate::manifest::is_pylock(&name) => {
                let packages = self.pylock(&text, choice).map_err(wrong)?;
                self.out.packages.push(LockedPackages { packages, folder });
                return Ok(());
            }
            _ => {
                let expected = "uv.lock, poetry.lock, pdm.lock, Pipfile.lock, pylock.toml or pylock.NAME.toml";
                return Err(RequestError::Syntax { place: place.clone(), expected: expected.into(), found: name });
            }
        };
        let mut pins = pins.map_err(wrong)?;
        if name == "Pipfile.lock" {
            let asked = self.disk.read(&folder.join("Pipfile"), MOST).unwrap_or_default();
            let asked = crate::manifest::roots("Pipfile", &String::from_utf8_lossy(&asked)).unwrap_or_default();
            let is_asked =
                |name: &str| asked.iter().any(|asked| asked.requirement.normalized() == normalize_name(name));
            pins.pins.iter_mut().for_each(|pin| pin.requested = is_asked(&pin.name));
        }
        self.out.notes.extend(pins.notes.drain(..).map(|note| format!("{place}: {note}")));
        // uv's lock has the project among its packages; the others have it beside them.
        let beside = matches!(name.as_str(), "poetry.lock" | "pdm.lock");
        let is_installed = beside && !choice.no_project && choice.only_groups.is_empty();
        let is_named = |project: &Project| project.is_package && !project.name.is_empty();
        if let Some(project) = project.filter(|project| is_installed && is_named(project)) {
            self.install_project(&folder, &project, true, true);
        }
        self.out.pins.push(LockedPins { pins, place, folder });
        Ok(())
    }

    /// The packages of a `pylock.toml` that are installed.
    pub(super) fn pylock(&self, text: &str, choice: &Choice) -> Result<Vec<LockedPackage>, String> {
        let (head, packages) = parse_whole_lock(text)?;
        let mut markers = self.markers.clone();
        markers.extras = choice.chosen_extras(head.extras.iter().map(String::as_str));
        let set = |names: &[String]| names.iter().map(|name| normalize_name(name)).collect::<BTreeSet<_>>();
        markers.groups = choice.chosen_groups("", &set(&head.default_groups), &set(&head.groups));
        let mut out = Vec::new();
        for package in packages {
            if markers.hold(&package.marker).map_err(|error| format!("package {}: {error}", package.name))? {
                out.push(package);
            }
        }
        Ok(out)
    }
}

/// A file with a line of it, where that is known.
fn in_line(file: &str, line: usize) -> String {
    if line > 0 { format!("{file}:{line}") } else { file.to_owned() }
}

fn syntax(file: &str, (line, expected, found): ProjectError) -> RequestError {
    RequestError::Syntax { place: in_line(file, line), expected, found }
}
