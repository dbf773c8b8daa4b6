//! From a request to the requirements and pins that it comes to, each with the place that it was found at. Files are
//! read here, through [`Files`] and in no other way; nothing is asked of an index, and nothing is run.

mod archives;
mod names;
mod projects;

pub(super) use super::constraints::Bounds;
use super::constraints::Kind;
use super::files::{Files, Unread};
use super::request::{Input, Request, RequestError, Resolved};
use crate::base::Found;
use crate::manifest::{LineKind, LockedPackage, Markers, Part, Pins, Requirement, parse_requirements_file, shown};
use crate::python::{is_name, normalize_name};
use crate::wheel::Platform;
use names::{is_wheel, is_wheel_name, name_of_wheel, pin_of_wheel};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use tempfile::TempDir;

/// Larger files are nobody's requirements, in bytes.
const MOST: u64 = 64 << 20;
/// How deep files may include one another, and how many there may be.
const DEEPEST: usize = 16;
const MAX_FILES: usize = 500;
/// Archives of a folder that are looked at.
const MAX_ARCHIVES: usize = 10_000;

/// A requirement, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub requirement: Requirement,
    /// `requirements.txt:3`.
    pub place: String,
}

/// A lock's pins, and the lock.
#[derive(Debug)]
pub(super) struct LockedPins {
    pub pins: Pins,
    pub place: String,
    pub folder: PathBuf,
}

/// A lock's packages, and the lock.
#[derive(Debug)]
pub(super) struct LockedPackages {
    pub packages: Vec<LockedPackage>,
    pub folder: PathBuf,
}

/// What a request comes to.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub roots: Vec<Root>,
    pub bounds: Bounds,
    /// Files of constraints that are on servers, and where they are named.
    pub constraint_urls: Vec<(String, String)>,
    /// Where to look, of the command line and then of the files, by long names.
    pub places: Vec<(String, String)>,
    pub no_binary: BTreeSet<String>,
    pub only_binary: BTreeSet<String>,
    pub pre: bool,
    pub pins: Vec<LockedPins>,
    pub packages: Vec<LockedPackages>,
    /// What is installed, but neither from an index nor from a wheel: projects, version control, archives.
    pub opaque: Vec<Resolved>,
    /// uv's own indexes of a project, and what is looked up in which.
    pub indexes: Vec<toml::Value>,
    pub bindings: toml::Table,
    pub not_predicted: Vec<(String, String)>,
    pub notes: Vec<String>,
    /// Folders of archives, for uv to look into. They go with this.
    pub archives: Vec<TempDir>,
    /// For which Python and platform.
    pub markers: Markers,
}

impl Gathered {
    /// The project's indexes that are for everything, and not for what is bound to them alone.
    pub(super) fn general_indexes(&self) -> Vec<toml::Value> {
        let is_explicit = |index: &toml::Value| index.get("explicit").and_then(toml::Value::as_bool) == Some(true);
        self.indexes.iter().filter(|index| !is_explicit(index)).cloned().collect()
    }

    /// The packages that a project looks up in an index at one of these hosts alone, by normalized name.
    pub(super) fn bound_to(&self, hosts: &BTreeSet<String>) -> Vec<String> {
        let text = |value: &toml::Value, key: &str| value.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        let names: Vec<String> = self
            .indexes
            .iter()
            .filter(|index| super::hosts::is_at(index, hosts))
            .filter_map(|index| text(index, "name"))
            .collect();
        let is_bound = |value: &toml::Value| match value {
            toml::Value::Array(all) => {
                all.iter().any(|one| text(one, "index").is_some_and(|name| names.contains(&name)))
            }
            one => text(one, "index").is_some_and(|name| names.contains(&name)),
        };
        self.bindings.iter().filter(|(_, value)| is_bound(value)).map(|(name, _)| normalize_name(name)).collect()
    }
}

pub(super) struct Gatherer<'a> {
    request: &'a Request,
    disk: &'a dyn Files,
    markers: Markers,
    files: usize,
    seen: BTreeSet<PathBuf>,
    projects: BTreeSet<PathBuf>,
    /// Whether wheels of the index stand for themselves in a folder.
    looks_up_stored: bool,
    pub out: Gathered,
}

/// Reads all that a request names.
pub(super) fn gather(request: &Request, disk: &dyn Files, markers: &Markers) -> Result<Gathered, RequestError> {
    let mut gatherer = Gatherer {
        request,
        disk,
        markers: markers.clone(),
        files: 0,
        seen: BTreeSet::new(),
        projects: BTreeSet::new(),
        out: Gathered { pre: request.pre, markers: markers.clone(), ..Gathered::default() },
        looks_up_stored: false,
    };
    names(&request.no_binary, &mut gatherer.out.no_binary);
    names(&request.only_binary, &mut gatherer.out.only_binary);
    for (option, value) in &request.places {
        gatherer.place(option, value.clone(), &request.folder);
    }
    for input in &request.inputs {
        gatherer.input(input)?;
    }
    for path in &request.constraints {
        gatherer.constraints(&path.display().to_string(), &request.folder, "")?;
    }
    for path in &request.overrides {
        gatherer.listed(&cleaned(&request.folder.join(path)), "", Kind::Override, DEEPEST)?;
    }
    gatherer.local_files();
    if gatherer.looks_up_stored {
        gatherer.out.places.retain(|(option, _)| option != "--no-index");
    }
    Ok(gatherer.out)
}

/// The requirements that a request comes to, a line each, as `uv export` and its like write them; and what cannot be said in
/// such a list, and why.
///
/// # Errors
///
/// A file that is named is not there, or is not what it should be.
pub fn export(
    request: &Request,
    disk: &dyn Files,
    platform: &Platform,
) -> Result<(String, Vec<(String, String)>), RequestError> {
    let mut found = gather(request, disk, &request.markers(platform))?;
    let mut lines = Vec::new();
    lines.extend(found.roots.iter().map(|root| root.requirement.line()));
    for pin in found.pins.iter().flat_map(|locked| &locked.pins.pins) {
        match (&pin.version, &pin.url, &pin.path) {
            (_, Some(url), _) => lines.push(format!("{} @ {url}", pin.name)),
            (_, None, Some(path)) => {
                found.not_predicted.push((pin.name.clone(), format!("the lock has it in {}", shown(path))));
            }
            (Some(version), ..) => lines.push(format!("{}=={version}", pin.name)),
            (None, ..) => found.not_predicted.push((pin.name.clone(), "the lock has no version of it".into())),
        }
    }
    for package in found.packages.iter().flat_map(|locked| &locked.packages) {
        found.not_predicted.push((package.name.clone(), "a lock is no list of requirements".into()));
    }
    lines.extend(found.opaque.iter().filter_map(|one| Some(format!("{} @ {}", one.name, one.url.as_ref()?))));
    Ok((lines.iter().map(|line| format!("{line}\n")).collect(), found.not_predicted))
}

/// Adds names of `--no-binary` and its like, which may be several between commas; `:none:` takes all back.
fn names(given: &[String], out: &mut BTreeSet<String>) {
    for name in given.iter().flat_map(|given| given.split(',')).map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            ":none:" => out.clear(),
            ":all:" => drop(out.insert(name.to_owned())),
            name => drop(out.insert(normalize_name(name))),
        }
    }
}

impl Gatherer<'_> {
    fn input(&mut self, input: &Input) -> Result<(), RequestError> {
        match input {
            Input::Requirements(path) => self.requirements(path, "", DEEPEST),
            Input::Lines { text, place, folder } => self.lines(text, place, folder, None, DEEPEST),
            Input::Lock { path, choice } => self.lock(path, choice),
            Input::Project { dir, extras, all_extras, groups, only_groups, install, editable } => {
                let project = self.project(dir, "")?;
                let Some((project, shown)) = project else { return Ok(()) };
                let mut wanted: Vec<String> = extras.clone();
                if *all_extras {
                    wanted.extend(project.extras.keys().cloned());
                }
                if !only_groups {
                    self.add(&project, &shown, dir, &wanted)?;
                }
                for group in groups {
                    let list = project.groups.get(&normalize_name(group));
                    let list = list.ok_or_else(|| RequestError::Syntax {
                        place: shown.clone(),
                        expected: "a dependency group of that name".into(),
                        found: crate::manifest::shown(group),
                    })?;
                    self.roots(&project, Part::Group(&normalize_name(group)), list, (&shown, dir))?;
                }
                if *install && !only_groups && project.is_package {
                    self.install_project(dir, &project, *editable, true);
                }
                Ok(())
            }
        }
    }

    /// A file's text. `None` where it is not known, which is told.
    fn read(&mut self, path: &Path, place: &str) -> Result<Option<String>, RequestError> {
        let shown = self.disk.shown(path);
        let missing = |message: String| RequestError::Missing { file: shown.clone(), message, place: place.to_owned() };
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(missing(format!("expected at most {MAX_FILES} files that name one another")));
        }
        match self.disk.read(path, MOST) {
            Ok(bytes) => match decoded(bytes) {
                Some(text) => Ok(Some(text)),
                None => Err(missing("expected a text in UTF-8".into())),
            },
            Err(Unread::Unknown(why)) => {
                self.out.not_predicted.push((format!("what {shown} asks for"), why));
                Ok(None)
            }
            Err(error) => Err(missing(error.to_string())),
        }
    }

    fn is_file(&self, path: &Path) -> bool {
        self.disk.find(path) == Some(Found::File)
    }

    fn requirements(&mut self, path: &Path, place: &str, left: usize) -> Result<(), RequestError> {
        let path = cleaned(path);
        if !self.seen.insert(path.clone()) {
            return Ok(());
        }
        let Some(text) = self.read(&path, place)? else { return Ok(()) };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        self.lines(&text, &self.disk.shown(&path), &folder, Some(&path), left)
    }

    /// The lines of a requirements file, or of a command line, whose place is all of it.
    fn lines(
        &mut self,
        text: &str,
        name: &str,
        folder: &Path,
        file: Option<&Path>,
        left: usize,
    ) -> Result<(), RequestError> {
        for (line, what) in self.parsed(text, name, file.is_some())? {
            match what {
                LineKind::Requirement(requirement) => {
                    for (option, value) in self.heeded(&requirement, &line)? {
                        self.option(option, value, folder);
                    }
                    self.root(requirement, line, folder)?;
                }
                LineKind::Include(other) if is_url(&other) && !other.starts_with("file:") => {
                    let why = "it is somewhere else, and requirements are read from the build context only";
                    self.out.not_predicted.push((format!("the requirements at {}", shown(&other)), why.into()));
                }
                LineKind::Include(other) => {
                    let left = left.checked_sub(1).ok_or_else(|| too_deep(&line, &other))?;
                    self.requirements(&folder.join(of_url(&other)), &line, left)?;
                }
                LineKind::Constraint(other) => self.constraints(&other, folder, &line)?,
                LineKind::Option(option, value) => self.option(option, value, folder),
            }
        }
        Ok(())
    }

    /// What pip heeds of what stands behind a requirement: it passes over the rest of a file's options there. uv takes no such
    /// line.
    fn heeded(&self, found: &Requirement, line: &str) -> Result<Vec<(&'static str, String)>, RequestError> {
        let words = || found.beside.iter().map(|(option, value)| format!("{option} {value}").trim().to_owned());
        if !found.beside.is_empty() && !self.request.for_pip {
            return Err(RequestError::Syntax {
                place: line.to_owned(),
                expected: "`--hash`, `--config-settings` or nothing behind a requirement".into(),
                found: shown(&words().collect::<Vec<_>>().join(" ")),
            });
        }
        let heeds = |(option, _): &&(&str, String)| matches!(*option, "--no-binary" | "--only-binary");
        Ok(found.beside.iter().filter(heeds).cloned().collect())
    }

    /// Lines with their places.
    fn parsed(&self, text: &str, name: &str, is_file: bool) -> Result<Vec<(String, LineKind)>, RequestError> {
        let variable = |name: &str| self.request.variable(name);
        let place = |line: usize| if is_file { format!("{name}:{line}") } else { name.to_owned() };
        let parsed = parse_requirements_file(text, &variable).map_err(|error| RequestError::Syntax {
            place: place(error.line),
            expected: error.expected,
            found: error.found,
        })?;
        for row in &parsed {
            if let Some(name) = row.what.unset() {
                return Err(RequestError::Unset { place: place(row.line), name: name.to_owned() });
            }
        }
        Ok(parsed.into_iter().map(|row| (place(row.line), row.what)).collect())
    }

    fn option(&mut self, option: &str, value: String, folder: &Path) {
        match option {
            "--pre" => self.out.pre = true,
            "--no-binary" => names(&[value], &mut self.out.no_binary),
            "--only-binary" => names(&[value], &mut self.out.only_binary),
            "--index-url" | "--extra-index-url" | "--find-links" | "--no-index" => self.place(option, value, folder),
            _ => {}
        }
    }

    /// Where to look. A folder of archives is one of the image's, of which uv gets its archives alone.
    fn place(&mut self, option: &str, value: String, folder: &Path) {
        let is_local = matches!(option, "--find-links" | "-f") && (!is_url(&value) || value.starts_with("file:"));
        if !is_local && is_fine(option, &value) {
            return self.out.places.push((option.to_owned(), value));
        }
        if !is_local {
            let why = "it is no URL of HTTP or HTTPS";
            return self.out.not_predicted.push((format!("what the index {} has", shown(&value)), why.into()));
        }
        for value in value.split(',').map(str::trim).filter(|value| !value.is_empty()) {
            let path = cleaned(&folder.join(of_url(value)));
            match self.archives(&path) {
                Ok(Some(found)) => self.out.places.push(("--find-links".to_owned(), found)),
                Ok(None) => {}
                Err(why) => self.out.not_predicted.push((format!("archives in {}", self.disk.shown(&path)), why)),
            }
        }
    }

    fn constraints(&mut self, path: &str, folder: &Path, place: &str) -> Result<(), RequestError> {
        if is_url(path) && !path.starts_with("file:") {
            self.out.constraint_urls.push((path.to_owned(), place.to_owned()));
            return Ok(());
        }
        self.listed(&cleaned(&folder.join(of_url(path))), place, Kind::Constraint, DEEPEST)
    }

    /// Adds the requirements of a file of constraints or overrides, and of those that it includes.
    fn listed(&mut self, path: &Path, place: &str, kind: Kind, left: usize) -> Result<(), RequestError> {
        let Some(text) = self.read(path, place)? else { return Ok(()) };
        let markers = self.markers.clone();
        for (line, what) in self.parsed(&text, &self.disk.shown(path), true)? {
            match what {
                LineKind::Requirement(requirement) => self.out.bounds.add(kind, requirement, line, &markers)?,
                LineKind::Include(other) | LineKind::Constraint(other) if is_url(&other) => {
                    self.out.constraint_urls.push((other, line));
                }
                LineKind::Include(other) | LineKind::Constraint(other) => {
                    let left = left.checked_sub(1).ok_or_else(|| too_deep(&line, &other))?;
                    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                    self.listed(&cleaned(&folder.join(other)), &line, kind, left)?;
                }
                LineKind::Option(..) => {}
            }
        }
        Ok(())
    }

    /// Something to install, by its kind.
    fn root(&mut self, mut requirement: Requirement, place: String, folder: &Path) -> Result<(), RequestError> {
        let holds = self.markers.hold(&requirement.marker).unwrap_or(true);
        if !holds {
            return Ok(());
        }
        if requirement.from.is_empty() {
            self.out.roots.push(Root { requirement, place });
            return Ok(());
        }
        let from = requirement.from.clone();
        let bare = from.split(['#', '?']).next().unwrap_or_default();
        if is_url(&from) && !from.starts_with("file:") {
            if let Some(url) = super::constraints::wheel_url(&from).filter(|_| is_wheel_name(bare)) {
                requirement.name = name_of_wheel(bare, &requirement.name);
                requirement.from = url;
                self.out.roots.push(Root { requirement, place });
                return Ok(());
            }
            let why = match from.split_once('+') {
                _ if from.starts_with("workspace:") => {
                    "it is another project of the workspace, and nothing is built here".to_owned()
                }
                Some((vcs, _)) if vcs.len() < 5 => {
                    format!("it is made from source of a {vcs} repository, and nothing is built here")
                }
                _ if bare.ends_with(".whl") => "the name of its file is none that a wheel has".to_owned(),
                _ => "it is made from a source archive, and nothing is built here".to_owned(),
            };
            let url = Some(crate::manifest::without_secrets(&from)).filter(|url| !url.starts_with("workspace:"));
            self.opaque(&requirement, url, None, why, &place);
            return Ok(());
        }
        let path = cleaned(&folder.join(of_url(bare)));
        let found = self.disk.find(&path);
        if found == Some(Found::Directory) {
            let project = self.project(&path, &place)?;
            let Some((project, shown)) = project else { return Ok(()) };
            self.add(&project, &shown, &path, &requirement.extras)?;
            self.install_project(&path, &project, requirement.editable, true);
            return Ok(());
        }
        let file = match self.disk.on_disk(&path) {
            Ok(file) => file,
            Err(Unread::Indexed) => {
                if let Some(pin) = pin_of_wheel(bare) {
                    self.out.roots.push(Root { requirement: Requirement { marker: requirement.marker, ..pin }, place });
                    self.looks_up_stored = true;
                }
                return Ok(());
            }
            Err(Unread::Unknown(why)) => {
                self.opaque(&requirement, None, Some(path), why, &place);
                return Ok(());
            }
            Err(error) => {
                let message = match error {
                    Unread::Missing => "no such file or folder".to_owned(),
                    error => error.to_string(),
                };
                return Err(RequestError::Missing { file: self.disk.shown(&path), message, place });
            }
        };
        if is_wheel(bare) {
            requirement.name = name_of_wheel(bare, &requirement.name);
            // Percent signs and variables of a path are letters of it.
            let url = reqwest::Url::from_file_path(&file).map(|url| url.as_str().replace('$', "%24"));
            match url.ok().filter(|_| is_name(&requirement.name)) {
                Some(url) => {
                    requirement.from = url;
                    self.out.roots.push(Root { requirement, place });
                }
                None => {
                    let why = "its name is none that a wheel can have".to_owned();
                    self.opaque(&requirement, None, Some(path), why, &place);
                }
            }
        } else {
            let why = "it is made from a source archive, and nothing is built here".to_owned();
            self.opaque(&requirement, None, Some(path), why, &place);
        }
        Ok(())
    }

    /// What is installed, but cannot be looked into.
    fn opaque(
        &mut self,
        requirement: &Requirement,
        url: Option<String>,
        local: Option<PathBuf>,
        reason: String,
        place: &str,
    ) {
        let what = match (&url, &local) {
            _ if !requirement.name.is_empty() => requirement.name.clone(),
            (Some(url), _) => shown(url),
            (None, path) => path.as_deref().map(|path| self.disk.shown(path)).unwrap_or_default(),
        };
        self.out.not_predicted.push((format!("{what} ({place}) and what it requires"), reason.clone()));
        self.out.opaque.push(Resolved {
            name: what.clone(),
            normalized: normalize_name(&requirement.name),
            url,
            local,
            editable: requirement.editable,
            requested: true,
            reason,
            ..Resolved::default()
        });
    }
}

/// Whether an option of the command line may say where to look. Certificates are checked, whatever it says of hosts, and
/// folders are those of the image.
fn is_fine(option: &str, value: &str) -> bool {
    match option {
        "--index-url" | "-i" | "--extra-index-url" | "--index" | "--default-index" | "--pypi-url" | "--find-links" => {
            value.split_whitespace().all(|word| super::hosts::is_of_the_web(super::user::named(word).1))
        }
        "--trusted-host" | "--allow-insecure-host" => false,
        _ => true,
    }
}

fn is_url(text: &str) -> bool {
    text.contains("://") || text.starts_with("file:")
}

/// The path of a `file:` URL; a path as it is.
fn of_url(text: &str) -> &str {
    let bare = text.strip_prefix("file://").or(text.strip_prefix("file:")).unwrap_or(text);
    bare.strip_prefix("localhost/").map_or(bare, |rest| &bare[bare.len() - rest.len() - 1..])
}

fn too_deep(line: &str, other: &str) -> RequestError {
    RequestError::Syntax {
        place: line.to_owned(),
        expected: format!("files that include one another at most {DEEPEST} deep"),
        found: shown(other),
    }
}

/// A text in UTF-8, or in UTF-16 with a mark, which PowerShell writes and pip reads.
fn decoded(bytes: Vec<u8>) -> Option<String> {
    let unit: fn([u8; 2]) -> u16 = match bytes.get(..2) {
        Some([0xff, 0xfe]) => u16::from_le_bytes,
        Some([0xfe, 0xff]) => u16::from_be_bytes,
        _ => return String::from_utf8(bytes).ok(),
    };
    let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok()
}

/// A path without `.` and `..`, by its words alone.
pub(super) fn cleaned(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if out.file_name().is_some() => drop(out.pop()),
            part => out.push(part),
        }
    }
    out
}
