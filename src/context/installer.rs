//! The command lines of Python's installers, as what they ask for and where it goes.
//!
//! Source: pip's, uv's, Poetry's, PDM's and Pipenv's command references; `venv` in Python's documentation.

use super::arguments::Arguments;
use super::error::Result;
use super::origin::path_of;
use super::run::{Outcome, Place, base_name};
use super::site::Site;
use super::stage::{Stage, World};
use crate::base::{ImagePath, file_name};
use crate::command::{Command, Means, Tool as Line};
use crate::image::{GapReason, Packages, Writes};
use crate::index::{Input, Request};
use crate::layer::Entry;
use crate::manifest::Choice;
use std::path::PathBuf;

/// An installer, as far as its habits decide over bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    /// pip, and Pipenv by pip.
    Pip,
    /// uv.
    Uv,
    /// Poetry.
    Poetry,
    /// PDM.
    Pdm,
}

/// What is to be installed, and where.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) tool: Tool,
    pub(super) request: Request,
    pub(super) site: Site,
    /// Whether bytecode is written.
    pub(super) compiles: bool,
    /// Whether the installer keeps what it downloads.
    pub(super) caches: bool,
    /// What of that which is installed is looked up anew.
    pub(super) upgrades: Upgrades,
    /// Whether what is not asked for goes.
    pub(super) exact: bool,
    /// Projects of the context that are installed themselves.
    pub(super) projects: Vec<Project>,
}

/// What of that which is installed already may be replaced though it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upgrades {
    /// Nothing.
    No,
    /// What is asked for by name.
    Asked,
    /// What that requires, too.
    Required,
    /// All, the same versions of it, too: `--force-reinstall`.
    All,
}

impl Upgrades {
    /// As the options say.
    pub(super) fn of(read: &Command) -> Self {
        let is_eager = read.value(Means::UpgradeStrategy) == Some("eager");
        match read.has(&[Means::Upgrade]) {
            _ if read.has(&[Means::Reinstall]) => Self::All,
            true if is_eager || read.tool == crate::command::Tool::Uv => Self::Required,
            true => Self::Asked,
            false => Self::No,
        }
    }
}

/// A project of the context.
#[derive(Clone, Debug)]
pub(super) struct Project {
    /// Where it is in the image.
    pub(super) folder: ImagePath,
    /// Whether it is installed as an editable one.
    pub(super) editable: bool,
}

/// The variable that `-B` stands for.
const NO_BYTECODE: &str = "PYTHONDONTWRITEBYTECODE";

impl Stage {
    /// Any program that is no tool of the shell's.
    pub(super) fn installer(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome> {
        let name = base_name(&words[0]);
        let arguments = &words[1..];
        let versioned = |start: &str| {
            name.strip_prefix(start).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
        };
        if arguments.iter().all(|word| word == "--version" || word == "-V") && !arguments.is_empty() {
            return Ok(Outcome::Done);
        }
        match name {
            "uv" => self.uv(world, arguments, place),
            "poetry" => self.poetry(world, arguments, place),
            "pdm" => self.pdm(world, arguments, place),
            "pipenv" => self.pipenv(world, arguments, place),
            "pip-compile" => self.pip_compile(world, arguments, place),
            "virtualenv" => self.environment_of(world, "python3", arguments, place),
            _ if versioned("pip") => self.pip(world, &words[0], arguments, place),
            _ if versioned("python") || name == "pypy3" => self.interpreter(world, words, place),
            "conda" | "mamba" | "micromamba" => self.conda(world, &words[0], arguments, place),
            "conda-lock" => self.conda_lock(world, arguments, place),
            "pixi" => Ok(Outcome::Unknown(GapReason::NotLookedUp(Packages::Conda))),
            "dnf" | "yum" | "microdnf" | "tdnf" => Ok(self.rpm(world, Line::Dnf, arguments, place)),
            "zypper" => Ok(self.rpm(world, Line::Zypper, arguments, place)),
            "npm" | "yarn" | "pnpm" => Ok(Outcome::Unknown(GapReason::NotLookedUp(Packages::Node))),
            "curl" | "wget" | "git" => Ok(Outcome::Unknown(GapReason::Fetched)),
            _ => Ok(Outcome::Unknown(GapReason::Program)),
        }
    }

    /// `python -m pip …`, `python -m venv …`.
    pub(super) fn interpreter(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome> {
        let module = words
            .iter()
            .position(|word| word == "-m")
            .filter(|at| words[1..*at].iter().all(|word| word.starts_with('-')));
        let Some((module, rest)) = module.and_then(|at| words.get(at + 1).map(|module| (module, &words[at + 2..])))
        else {
            return Ok(Outcome::Unknown(GapReason::PythonProgram));
        };
        match module.as_str() {
            "pip" if words[1..].iter().take_while(|word| *word != "-m").any(|word| word.contains('B')) => {
                let old = self.scope.variables.insert(NO_BYTECODE.into(), "1".into());
                let out = self.pip(world, &words[0], rest, place);
                match old {
                    Some(old) => self.scope.variables.insert(NO_BYTECODE.into(), old),
                    None => self.scope.variables.remove(NO_BYTECODE),
                };
                out
            }
            "pip" => self.pip(world, &words[0], rest, place),
            "venv" | "virtualenv" => self.environment_of(world, &words[0], rest, place),
            "uv" => self.uv(world, rest, place),
            "poetry" => self.poetry(world, rest, place),
            "pdm" => self.pdm(world, rest, place),
            "pipenv" => self.pipenv(world, rest, place),
            "compileall" => self.compile(world, &words[0], rest),
            "site" => Ok(Outcome::Done),
            _ => Ok(Outcome::Unknown(GapReason::PythonProgram)),
        }
    }

    pub(super) fn pip(
        &mut self,
        world: &World<'_>,
        program: &str,
        words: &[String],
        place: &Place<'_>,
    ) -> Result<Outcome> {
        let read = Command::parse(Line::Pip, words);
        let Some((verb, rest)) = read.words.split_first() else { return Ok(Outcome::Done) };
        if let Some(site) = self.site_of(world, program) {
            self.pip_is_imported(&site);
        }
        match verb.as_str() {
            "install" | "wheel" | "download" => {}
            "uninstall" => return self.uninstall(world, program, &read, rest),
            "config" => {
                return Ok(self.pip_configure(world, program, words).map_or_else(Outcome::Unknown, |()| Outcome::Done));
            }
            "cache" => {
                match rest.first().map(String::as_str) {
                    Some("purge") => _ = self.tree.remove(&[&self.home()[..], b"/.cache/pip"].concat()),
                    Some("remove") => return Ok(Outcome::Unknown(GapReason::Option("remove".into()))),
                    _ => {}
                }
                return Ok(Outcome::Done);
            }
            "list" | "freeze" | "check" | "show" | "debug" | "index" | "help" | "inspect" | "hash" => {
                return Ok(Outcome::Done);
            }
            _ => return Ok(Outcome::Unknown(GapReason::Makes)),
        }
        let read = match self.pip_arguments(world, program, verb, words) {
            Ok(read) => read,
            Err(why) => return Ok(Outcome::Unknown(why)),
        };
        let Some((verb, rest)) = read.words.split_first() else { return Ok(Outcome::Done) };
        let out = self.pip_installs(world, program, (&read, verb, rest), place)?;
        // What it tells of itself goes into a file.
        let told = read.value(Means::Report);
        match (told.filter(|file| *file != "-"), out) {
            (Some(file), Outcome::Done) => Ok(match self.at(file) {
                Some(path) => {
                    self.tree.put(Entry::file(path.clone(), 0), None);
                    Outcome::Partly(GapReason::Output(file.to_owned()), Writes::at(path))
                }
                None => Outcome::Unknown(GapReason::Output(file.to_owned())),
            }),
            (_, out) => Ok(out),
        }
    }

    /// What `pip install`, `pip wheel` and `pip download` bring.
    fn pip_installs(
        &mut self,
        world: &World<'_>,
        program: &str,
        (read, verb, rest): (&Command, &str, &[String]),
        place: &Place<'_>,
    ) -> Result<Outcome> {
        if read.has(&[Means::DryRun]) {
            return Ok(Outcome::Done);
        }
        let Some(site) = self.pip_site(world, program, read) else { return Ok(no_python(false)) };
        let (request, projects) = match self.request(world, read, rest, place)? {
            Ok(found) => found,
            Err(reason) => return Ok(Outcome::Unknown(reason)),
        };
        if read.has(&[Means::RequireHashes]) && !self.has_all_hashes(world, &request) {
            return Ok(Outcome::Unknown(GapReason::Option("--require-hashes".into())));
        }
        let order = Order {
            tool: Tool::Pip,
            compiles: !read.has(&[Means::NoCompile]),
            caches: !read.has(&[Means::NoCache]),
            upgrades: Upgrades::of(read),
            exact: false,
            request,
            site,
            projects,
        };
        if verb != "install" {
            let folder = read.value(Means::Output).unwrap_or(".");
            let Some(folder) = self.at(folder) else {
                return Ok(Outcome::Unknown(GapReason::Where(folder.to_owned())));
            };
            return self.store(world, order, &folder, place);
        }
        let Some(cache) = read.value(Means::CacheDir) else { return self.install(world, order, place) };
        let before = self.scope.variables.insert("PIP_CACHE_DIR".into(), cache.to_owned());
        let out = self.install(world, order, place);
        match before {
            Some(before) => self.scope.variables.insert("PIP_CACHE_DIR".into(), before),
            None => self.scope.variables.remove("PIP_CACHE_DIR"),
        };
        out
    }

    /// Whether pip keeps what it downloads: any value of the variable, even `off`, says no.
    pub(super) fn keeps_downloads(&self) -> bool {
        self.variable("PIP_NO_CACHE_DIR").is_none_or(str::is_empty)
    }

    pub(super) fn pip_site(&self, world: &World<'_>, program: &str, read: &Command) -> Option<Site> {
        let site = match read.value(Means::Python) {
            Some(python) => self.site_of(world, python)?,
            None => self.site_of(world, program)?,
        };
        if let Some(target) = read.value(Means::Target) {
            return Some(site.elsewhere(self.at(target)?, true));
        }
        if let Some(prefix) = read.value(Means::Prefix) {
            return Some(site.elsewhere(self.at(prefix)?, false));
        }
        let root = read.value(Means::Root).map(|root| self.at(root));
        let site = self.without_root(site, read);
        match root {
            None => Some(site),
            Some(root) => Some(site.below(&root?)),
        }
    }

    /// Where pip installs as the user that runs it, whatever root that is put below.
    fn without_root(&self, site: Site, read: &Command) -> Site {
        let of_variable = |name: &str| self.variable(name).filter(|value| !value.is_empty());
        let by_user = read.has(&[Means::User]);
        let is_virtual = self.tree.exists(site.prefix.join(b"pyvenv.cfg").as_bytes());
        let is_own = crate::base::is_within(site.prefix.as_bytes(), &self.home());
        // pip installs for the user where the place for all cannot be written to.
        if by_user || !self.is_root() && !is_virtual && !is_own {
            let base = of_variable("PYTHONUSERBASE").and_then(|base| self.at(base));
            let base = base.unwrap_or_else(|| ImagePath::new(&[&self.home()[..], b"/.local"].concat()));
            return site.elsewhere(base, false);
        }
        site
    }

    /// What the words of `pip install` and `uv pip install` ask for; the inner error is why that is not known.
    pub(super) fn request(
        &self,
        world: &World<'_>,
        read: &Command,
        words: &[String],
        place: &Place<'_>,
    ) -> Result<Result<(Request, Vec<Project>), GapReason>> {
        let mut request = self.empty_request(read);
        let mut projects = Vec::new();
        for file in read.values(Means::Requirements) {
            let Some(mut input) = self.requirements_file(world, file, place)? else {
                return Ok(Err(GapReason::Content(file.to_owned())));
            };
            if let Input::Project { extras, all_extras, .. } = &mut input {
                extras.extend(read.values(Means::Extra).flat_map(split));
                *all_extras |= read.has(&[Means::AllExtras]);
            }
            request.inputs.push(input);
        }
        for (means, is_override) in [(Means::Constraints, false), (Means::Overrides, true)] {
            for file in read.values(means) {
                let Some(path) = self.file_of(world, file, "the constraints file", place)? else {
                    return Ok(Err(GapReason::Content(file.to_owned())));
                };
                if is_override { request.overrides.push(path) } else { request.constraints.push(path) }
            }
        }
        let mut lines = String::new();
        let editables = read.values(Means::Editable).map(|word| (word.to_owned(), true));
        let words = words.iter().flat_map(|word| self.expanded(word));
        for (word, editable) in words.map(|word| (word, false)).chain(editables) {
            let (path, extras) =
                word.split_once('[').map_or((word.as_str(), ""), |(path, rest)| (path, rest.trim_end_matches(']')));
            let is_path =
                !word.contains("://") && (path.starts_with(['.', '/']) || path.contains('/') || path.ends_with(".whl"));
            if !is_path {
                lines.push_str(&if editable { format!("-e {word}\n") } else { format!("{word}\n") });
                continue;
            }
            if path.ends_with(".whl") || path.ends_with(".tar.gz") || path.ends_with(".zip") {
                for file in self.archives(path) {
                    match file {
                        Some(file) => lines.push_str(&format!("{file}\n")),
                        None => return Ok(Err(GapReason::Content(word.clone()))),
                    }
                }
                continue;
            }
            let Some(folder) = self.at(path) else { return Ok(Err(GapReason::Where(word.clone()))) };
            if !self.is_project(&folder) {
                return self.absent(&word, "the project", place).map(Err);
            }
            let extras =
                extras.split(',').map(|extra| extra.trim().to_owned()).filter(|extra| !extra.is_empty()).collect();
            request.inputs.push(project_input(path_of(&folder), extras));
            projects.push(Project { folder, editable });
        }
        if !lines.is_empty() {
            let folder = self.working_folder();
            request.inputs.push(Input::Lines { text: lines, place: place.text.to_owned(), folder });
        }
        // Without what it requires, a project is all there is to install.
        if request.inputs.is_empty() && projects.is_empty() {
            let groups: Vec<String> = read.values(Means::Group).map(str::to_owned).collect();
            if groups.is_empty() {
                return Ok(Err(GapReason::Installs));
            }
            let folder = self.working_folder();
            let only = Input::Project {
                dir: folder,
                extras: Vec::new(),
                all_extras: false,
                groups,
                only_groups: true,
                install: false,
                editable: false,
            };
            request.inputs.push(only);
        }
        Ok(Ok((request, projects)))
    }

    pub(super) fn empty_request(&self, read: &Command) -> Request {
        let places = read.handed_on().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let all = |means: Means| read.values(means).map(str::to_owned).collect::<Vec<_>>();
        Request {
            no_deps: read.has(&[Means::NoDeps]),
            pre: read.has(&[Means::Pre]),
            only_binary: all(Means::OnlyBinary),
            no_binary: all(Means::NoBinary),
            places,
            folder: self.working_folder(),
            environment: self.scope.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            ..Request::default()
        }
    }

    pub(super) fn requirements_file(&self, world: &World<'_>, file: &str, place: &Place<'_>) -> Result<Option<Input>> {
        if let Some(input) = self.special_input(file, place) {
            return Ok(input);
        }
        let path = self.file_of(world, file, "the requirements file", place)?;
        let name = file_name(file.as_bytes()).to_vec();
        let is_lock = name.starts_with(b"pylock.") && name.ends_with(b".toml");
        Ok(path.map(|path| match is_lock {
            true => Input::Lock { path, choice: Choice::default() },
            false if name == b"pyproject.toml" => project_input(parent_folder(&path), Vec::new()),
            false => Input::Requirements(path),
        }))
    }

    /// The files that a pattern of the shell's names; a word that names none as it is.
    fn expanded(&self, word: &str) -> Vec<String> {
        let is_pattern = word.contains(['*', '?']) && word.contains('/') && !word.contains("://");
        let found =
            self.at(word).filter(|_| is_pattern).map(|path| self.tree.glob(path.as_bytes())).unwrap_or_default();
        let paths: Vec<String> =
            found.into_iter().filter_map(|path| Some(format!("/{}", String::from_utf8(path).ok()?))).collect();
        if paths.is_empty() { vec![word.to_owned()] } else { paths }
    }

    /// Wheels and archives that a word names.
    pub(super) fn archives(&self, word: &str) -> Vec<Option<String>> {
        let Some(path) = self.at(word) else { return vec![None] };
        let found =
            if word.contains(['*', '?']) { self.tree.glob(path.as_bytes()) } else { vec![path.as_bytes().to_vec()] };
        if found.is_empty() {
            return vec![None];
        }
        let is_plain = |text: &String| !text.contains(|c: char| c.is_control() || c.is_whitespace());
        let line = |path: Vec<u8>| String::from_utf8(path).ok().filter(is_plain).map(|path| format!("/{path}"));
        found.into_iter().map(line).collect()
    }

    pub(super) fn uninstall(
        &mut self,
        world: &World<'_>,
        program: &str,
        read: &Command,
        names: &[String],
    ) -> Result<Outcome> {
        let Some(site) = self.site_of(world, program) else { return Ok(no_python(false)) };
        if read.value(Means::Requirements).is_some() {
            return Ok(Outcome::Unknown(GapReason::Option("-r".into())));
        }
        for name in names {
            self.uninstall_one(&site, &crate::python::normalize_name(name));
        }
        Ok(Outcome::Done)
    }

    /// `python -m compileall FOLDER`
    pub(super) fn compile(&mut self, world: &World<'_>, program: &str, words: &[String]) -> Result<Outcome> {
        let Some(site) = self.site_of(world, program) else { return Ok(no_python(false)) };
        let read = Arguments::parse(words, &["-d", "-s", "-p", "-x", "-i", "-j", "-r", "-o", "--invalidation-mode"]);
        for word in &read.words {
            let Some(folder) = self.at(word) else {
                return Ok(Outcome::Unknown(GapReason::Where("what it compiles".into())));
            };
            self.compile_below(folder.as_bytes(), &site.python);
        }
        Ok(Outcome::Done)
    }

    /// `python -m venv FOLDER`
    pub(super) fn environment_of(
        &mut self,
        world: &World<'_>,
        program: &str,
        words: &[String],
        place: &Place<'_>,
    ) -> Result<Outcome> {
        let read = Arguments::parse(words, &["-p", "--python", "--prompt"]);
        let base = self.site_of(world, read.value(&["-p", "--python"]).unwrap_or(program));
        let Some(base) = base else { return Ok(no_python(false)) };
        self.standard_library_is_imported(&base);
        let shares = read.has(&["--system-site-packages"]);
        let with_pip = !read.has(&["--without-pip", "--no-pip"]);
        for word in &read.words {
            let Some(folder) = self.at(word) else {
                return Ok(Outcome::Unknown(GapReason::Where("the environment".into())));
            };
            if !self.make_environment(&folder, &base, shares, false) {
                continue;
            }
            if with_pip {
                match self.seed(world, &base, &folder, place)? {
                    Outcome::Done => {}
                    other => return Ok(other),
                }
            }
        }
        Ok(Outcome::Done)
    }
}

pub(super) fn project_input(dir: PathBuf, extras: Vec<String>) -> Input {
    Input::Project {
        dir,
        extras,
        all_extras: false,
        groups: Vec::new(),
        only_groups: false,
        install: false,
        editable: false,
    }
}

pub(super) fn parent_folder(path: &std::path::Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or_else(|| PathBuf::from("."), std::path::Path::to_path_buf)
}

pub(super) fn no_python(uv: bool) -> Outcome {
    Outcome::Unknown(if uv { GapReason::NoPythonForUv } else { GapReason::NoPython })
}

/// What installers take for true.
pub(super) fn is_true(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on" | "t" | "y")
}

pub(super) fn split(values: &str) -> Vec<String> {
    values.split([',', ' ']).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

/// What a command line says of the parts of a project or lock.
pub(super) fn choice(read: &Command) -> Choice {
    let all = |means: Means| read.values(means).flat_map(split);
    let one = |means: Means, name: &str| read.has(&[means]).then(|| name.to_owned());
    let poetry = read.tool == Line::Poetry;
    Choice {
        package: read.value(Means::Package).map(str::to_owned),
        extras: all(Means::Extra).collect(),
        all_extras: read.has(&[Means::AllExtras]),
        groups: all(Means::Group).chain(one(Means::Dev, "dev")).collect(),
        all_groups: read.has(&[Means::AllGroups]),
        // Of Poetry's old option the main group is what is left.
        only_groups: all(Means::OnlyGroup)
            .chain(one(Means::OnlyDev, "dev"))
            .chain(one(Means::NoDev, "main").filter(|_| poetry))
            .collect(),
        without_groups: all(Means::WithoutGroup).chain(one(Means::NoDev, "dev").filter(|_| !poetry)).collect(),
        no_default: read.has(&[Means::NoDefaultGroups]),
        no_project: poetry || read.has(&[Means::NoProject]),
    }
}

/// The gap of a command that has an option which is not followed.
pub(super) fn open(read: &Command) -> Option<Outcome> {
    read.open.clone().map(|word| Outcome::Unknown(GapReason::Option(word)))
}
