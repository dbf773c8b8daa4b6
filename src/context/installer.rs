//! The command lines of Python's installers, as what they ask for and where it goes.
//!
//! Source: pip's, uv's, Poetry's, PDM's and Pipenv's command references; `venv` in Python's documentation.

use super::ContextError;
use super::arguments::Arguments;
use super::run::{Outcome, Place, base_name};
use super::site::Site;
use super::stage::{Stage, World};
use crate::base::{ImagePath, escape_str, file_name, parent};
use crate::python::INSTALLER_OPTIONS;
use crate::resolve::{Choice, Input, Request};
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
    /// Whether what is installed already may be replaced by newer versions.
    pub(super) upgrades: bool,
    /// Whether what is not asked for goes.
    pub(super) exact: bool,
    /// Projects of the context that are installed themselves.
    pub(super) projects: Vec<Project>,
}

/// A project of the context.
#[derive(Clone, Debug)]
pub(super) struct Project {
    /// Where it is in the image.
    pub(super) folder: ImagePath,
    /// Where it is on disk.
    pub(super) on_disk: PathBuf,
    /// Whether it is installed as an editable one.
    pub(super) editable: bool,
}

/// Options of a command line that say where to look, and how.
const PLACES: [&str; 14] = [
    "--index-url",
    "--extra-index-url",
    "--index",
    "--default-index",
    "--find-links",
    "--no-index",
    "--index-strategy",
    "--torch-backend",
    "--prerelease",
    "--resolution",
    "--exclude-newer",
    "--trusted-host",
    "-i",
    "-f",
];

impl Stage {
    /// Any program that is no tool of the shell's.
    pub(super) fn installer(
        &mut self,
        world: &World<'_>,
        words: &[String],
        place: &Place<'_>,
    ) -> Result<Outcome, ContextError> {
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
            "virtualenv" => self.environment_of(world, "python3", arguments),
            _ if versioned("pip") => self.pip(world, &words[0], arguments, place),
            _ if versioned("python") || name == "pypy3" => self.interpreter(world, words, place),
            "conda" | "mamba" | "micromamba" | "pixi" => {
                Ok(Outcome::Unknown("what conda installs is not looked up".into()))
            }
            "dnf" | "yum" | "microdnf" | "zypper" | "tdnf" => {
                Ok(Outcome::Unknown("what packages of this kind bring is not looked up".into()))
            }
            "npm" | "yarn" | "pnpm" => Ok(Outcome::Unknown("what Node.js's installers bring is not looked up".into())),
            "curl" | "wget" | "git" => Ok(Outcome::Unknown("what is fetched is not known before the build".into())),
            _ => Ok(Outcome::Unknown("what this program writes is not known".into())),
        }
    }

    /// `python -m pip …`, `python -m venv …`.
    fn interpreter(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome, ContextError> {
        let module = words
            .iter()
            .position(|word| word == "-m")
            .filter(|at| words[1..*at].iter().all(|word| word.starts_with('-')));
        let Some((module, rest)) = module.and_then(|at| words.get(at + 1).map(|module| (module, &words[at + 2..])))
        else {
            return Ok(Outcome::Unknown("what a Python program writes is not known".into()));
        };
        match module.as_str() {
            "pip" => self.pip(world, &words[0], rest, place),
            "venv" | "virtualenv" => self.environment_of(world, &words[0], rest),
            "uv" => self.uv(world, rest, place),
            "poetry" => self.poetry(world, rest, place),
            "pdm" => self.pdm(world, rest, place),
            "pipenv" => self.pipenv(world, rest, place),
            "compileall" => self.compile(world, &words[0], rest),
            "site" => Ok(Outcome::Done),
            _ => Ok(Outcome::Unknown("what a Python program writes is not known".into())),
        }
    }

    fn pip(
        &mut self,
        world: &World<'_>,
        program: &str,
        words: &[String],
        place: &Place<'_>,
    ) -> Result<Outcome, ContextError> {
        let read = Arguments::parse(words, &INSTALLER_OPTIONS);
        let Some((verb, rest)) = read.words.split_first() else { return Ok(Outcome::Done) };
        match verb.as_str() {
            "install" => {}
            "uninstall" => return self.uninstall(world, program, &read, rest),
            "config" => return Ok(self.configure(rest)),
            "cache" => {
                self.tree.remove(&[&self.home()[..], b"/.cache/pip"].concat());
                return Ok(Outcome::Done);
            }
            "list" | "freeze" | "check" | "show" | "debug" | "index" | "help" | "inspect" | "hash" => {
                return Ok(Outcome::Done);
            }
            _ => return Ok(Outcome::Unknown("what it makes is not known".into())),
        }
        if read.has(&["--dry-run"]) {
            return Ok(Outcome::Done);
        }
        let Some(site) = self.pip_site(world, program, &read) else { return Ok(no_python(false)) };
        let (request, projects) = match self.request(world, &read, rest, place)? {
            Ok(found) => found,
            Err(reason) => return Ok(Outcome::Unknown(reason)),
        };
        let off = |name: &str| self.variable(name).is_some_and(is_true);
        let order = Order {
            tool: Tool::Pip,
            compiles: !read.has(&["--no-compile"]) && !off("PIP_NO_COMPILE"),
            caches: !read.has(&["--no-cache-dir"]) && !off("PIP_NO_CACHE_DIR"),
            upgrades: read.has(&["-U", "--upgrade", "--force-reinstall", "-I", "--ignore-installed"])
                || off("PIP_UPGRADE"),
            exact: false,
            request,
            site,
            projects,
        };
        self.install(world, order, place)
    }

    fn pip_site(&self, world: &World<'_>, program: &str, read: &Arguments) -> Option<Site> {
        let site = match read.value(&["--python"]) {
            Some(python) => self.site_of(world, python)?,
            None => self.site_of(world, program)?,
        };
        let of_variable = |name: &str| self.variable(name).filter(|value| !value.is_empty());
        if let Some(target) = read.value(&["-t", "--target"]).or_else(|| of_variable("PIP_TARGET")) {
            return Some(site.elsewhere(self.at(target)?, true));
        }
        if let Some(prefix) = read.value(&["--prefix"]).or_else(|| of_variable("PIP_PREFIX")) {
            return Some(site.elsewhere(self.at(prefix)?, false));
        }
        if let Some(root) = read.value(&["--root"]).and_then(|root| self.at(root)) {
            return Some(site.elsewhere(root.join(site.prefix.as_bytes()), false));
        }
        let by_user = read.has(&["--user"]) || of_variable("PIP_USER").is_some_and(is_true);
        let is_virtual = self.tree.exists(site.prefix.join(b"pyvenv.cfg").as_bytes());
        let is_own = crate::base::is_within(site.prefix.as_bytes(), &self.home());
        // pip installs for the user where the place for all cannot be written to.
        if by_user || !self.is_root() && !is_virtual && !is_own {
            let base = of_variable("PYTHONUSERBASE").and_then(|base| self.at(base));
            let base = base.unwrap_or_else(|| ImagePath::new(&[&self.home()[..], b"/.local"].concat()));
            return Some(site.elsewhere(base, false));
        }
        Some(site)
    }

    /// What the words of `pip install` and `uv pip install` ask for; the inner error is why that is not known.
    #[expect(clippy::type_complexity, reason = "a request and its projects, or a reason, or a failure of the build")]
    fn request(
        &self,
        world: &World<'_>,
        read: &Arguments,
        words: &[String],
        place: &Place<'_>,
    ) -> Result<Result<(Request, Vec<Project>), String>, ContextError> {
        let mut request = self.empty_request(read);
        let mut projects = Vec::new();
        let files = |names: &'static [&str]| read.values(names).map(str::to_owned).collect::<Vec<_>>();
        for file in files(&["-r", "--requirement", "--requirements"]) {
            let Some(input) = self.requirements_file(world, &file, place)? else {
                return Ok(Err(format!("what {file} has is not known")));
            };
            request.inputs.push(input);
        }
        for (names, is_override) in
            [(&["-c", "--constraint", "--constraints"][..], false), (&["--override", "--overrides"][..], true)]
        {
            for file in read.values(names) {
                let Some(path) = self.disk_file(world, file, "the constraints file", place)? else {
                    return Ok(Err(format!("what {file} has is not known")));
                };
                if is_override { request.overrides.push(path) } else { request.constraints.push(path) }
            }
        }
        let mut lines = String::new();
        let editables = read.values(&["-e", "--editable"]).map(|word| (word.to_owned(), true));
        for (word, editable) in words.iter().map(|word| (word.clone(), false)).chain(editables) {
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
                        Some(file) => lines.push_str(&format!("{}\n", file.display())),
                        None => return Ok(Err(format!("what {word} has is not known"))),
                    }
                }
                continue;
            }
            let Some(folder) = self.at(path) else { return Ok(Err(format!("where {word} is is not known"))) };
            let Some(on_disk) = self.project_on_disk(&folder) else {
                return self.absent(&word, "the project", place).map(Err);
            };
            let extras =
                extras.split(',').map(|extra| extra.trim().to_owned()).filter(|extra| !extra.is_empty()).collect();
            request.inputs.push(project_input(on_disk.clone(), extras));
            projects.push(Project { folder, on_disk, editable });
        }
        if !lines.is_empty() {
            let folder = self.working_folder_on_disk(world);
            request.inputs.push(Input::Lines { text: lines, place: place.text.to_owned(), folder });
        }
        if request.inputs.is_empty() {
            let groups: Vec<String> = read.values(&["--group"]).map(str::to_owned).collect();
            if groups.is_empty() {
                return Ok(Err("what it installs is not known".into()));
            }
            let folder = self.working_folder_on_disk(world);
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

    fn empty_request(&self, read: &Arguments) -> Request {
        let long = |name: &str| match name {
            "-i" => "--index-url".to_owned(),
            "-f" => "--find-links".to_owned(),
            name => name.to_owned(),
        };
        let places = read.options.iter().filter(|(name, _)| PLACES.contains(&name.as_str()));
        let mut places: Vec<(String, String)> =
            places.map(|(name, value)| (long(name), value.clone().unwrap_or_default())).collect();
        places.extend(
            self.settings
                .iter()
                .filter(|(name, _)| !places.iter().any(|(other, _)| other == name))
                .cloned()
                .collect::<Vec<_>>(),
        );
        let all = |names: &'static [&str]| read.values(names).map(str::to_owned).collect::<Vec<_>>();
        Request {
            no_deps: read.has(&["--no-deps", "--no-dependencies"]),
            pre: read.has(&["--pre"]),
            only_binary: all(&["--only-binary"]),
            no_binary: all(&["--no-binary"]),
            places,
            environment: self.scope.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            ..Request::default()
        }
    }

    fn requirements_file(
        &self,
        world: &World<'_>,
        file: &str,
        place: &Place<'_>,
    ) -> Result<Option<Input>, ContextError> {
        if let Some(export) = self.at(file).and_then(|path| self.exports.get(&path)) {
            return Ok(Some(export.clone()));
        }
        let path = self.disk_file(world, file, "the requirements file", place)?;
        let name = file_name(file.as_bytes()).to_vec();
        let is_lock = name.starts_with(b"pylock.") && name.ends_with(b".toml");
        Ok(path.map(|path| match is_lock {
            true => Input::Lock { path, choice: Choice::default() },
            false if name == b"pyproject.toml" => project_input(parent_folder(&path), Vec::new()),
            false => Input::Requirements(path),
        }))
    }

    /// Wheels and archives that a word names: those of the context.
    fn archives(&self, word: &str) -> Vec<Option<PathBuf>> {
        let Some(path) = self.at(word) else { return vec![None] };
        let found =
            if word.contains(['*', '?']) { self.tree.glob(path.as_bytes()) } else { vec![path.as_bytes().to_vec()] };
        if found.is_empty() {
            return vec![None];
        }
        found.into_iter().map(|path| self.origin(&path)).collect()
    }

    fn uninstall(
        &mut self,
        world: &World<'_>,
        program: &str,
        read: &Arguments,
        names: &[String],
    ) -> Result<Outcome, ContextError> {
        let Some(site) = self.site_of(world, program) else { return Ok(no_python(false)) };
        if read.value(&["-r", "--requirement"]).is_some() {
            return Ok(Outcome::Unknown("which distributions it removes is not looked up".into()));
        }
        for name in names {
            self.uninstall_one(&site, &crate::python::normalize_name(name));
        }
        Ok(Outcome::Done)
    }

    /// `pip config set global.index-url URL`
    fn configure(&mut self, words: &[String]) -> Outcome {
        if let [verb, key, value] = words
            && verb == "set"
        {
            let name = key.rsplit('.').next().unwrap_or_default();
            self.settings.push((format!("--{name}"), value.clone()));
            let path = ImagePath::new(&[&self.home()[..], b"/.config/pip/pip.conf"].concat());
            let old = self.tree.get(path.as_bytes()).map_or(0, |entry| entry.size);
            let line = format!("[global]\n{name} = {value}\n\n");
            self.tree.put(super::tree::file(path, old + line.len() as u64), None);
        }
        Outcome::Done
    }

    /// `python -m compileall FOLDER`
    fn compile(&mut self, world: &World<'_>, program: &str, words: &[String]) -> Result<Outcome, ContextError> {
        let Some(site) = self.site_of(world, program) else { return Ok(no_python(false)) };
        let read = Arguments::parse(words, &["-d", "-s", "-p", "-x", "-i", "-j", "-r", "-o", "--invalidation-mode"]);
        for word in &read.words {
            let Some(folder) = self.at(word) else {
                return Ok(Outcome::Unknown("what it compiles is not known".into()));
            };
            self.compile_below(folder.as_bytes(), &site.python);
        }
        Ok(Outcome::Done)
    }

    /// `python -m venv FOLDER`
    fn environment_of(&mut self, world: &World<'_>, program: &str, words: &[String]) -> Result<Outcome, ContextError> {
        let read = Arguments::parse(words, &["-p", "--python", "--prompt"]);
        let base = self.site_of(world, read.value(&["-p", "--python"]).unwrap_or(program));
        let Some(base) = base else { return Ok(no_python(false)) };
        let shares = read.has(&["--system-site-packages"]);
        let with_pip = !read.has(&["--without-pip", "--no-pip"]);
        for word in &read.words {
            let Some(folder) = self.at(word) else {
                return Ok(Outcome::Unknown("where it makes it is not known".into()));
            };
            if !self.make_environment(&folder, &base, shares, false) {
                continue;
            }
            if with_pip && !self.copy_pip(&base, &folder) {
                return Ok(Outcome::Unknown("which pip the environment gets is not known".into()));
            }
        }
        Ok(Outcome::Done)
    }

    fn uv(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome, ContextError> {
        let read = Arguments::parse(words, &uv_options());
        let verbs: Vec<&str> = read.words.iter().map(String::as_str).collect();
        match verbs.as_slice() {
            ["pip", "install" | "sync", rest @ ..] => {
                let rest: Vec<String> = rest.iter().map(|word| (*word).to_owned()).collect();
                self.uv_pip(world, &read, &rest, verbs[1] == "sync", place)
            }
            ["pip", "uninstall", rest @ ..] => {
                let Some(site) = self.uv_site(world, &read) else { return Ok(no_python(true)) };
                rest.iter().for_each(|name| self.uninstall_one(&site, &crate::python::normalize_name(name)));
                Ok(Outcome::Done)
            }
            ["pip", "list" | "freeze" | "check" | "show" | "tree"] | ["version" | "help" | "tree" | "lock", ..] => {
                Ok(Outcome::Done)
            }
            ["pip", "compile", ..] | ["export", ..] => Ok(self.uv_export(&read)),
            ["venv", rest @ ..] => {
                let folder = self.at(rest.first().copied().unwrap_or(".venv"));
                let (Some(folder), Some(base)) = (folder, self.uv_base(world, &read)) else {
                    return Ok(no_python(true));
                };
                let new = self.make_environment(&folder, &base, read.has(&["--system-site-packages"]), true);
                if new && read.has(&["--seed"]) && !self.copy_pip(&base, &folder) {
                    return Ok(Outcome::Unknown("which pip the environment gets is not known".into()));
                }
                Ok(Outcome::Done)
            }
            ["sync", ..] => self.uv_sync(world, &read, place),
            ["cache", ..] => {
                let folder = self.uv_cache();
                self.tree.remove(&folder);
                Ok(Outcome::Done)
            }
            ["python", "install", ..] => Ok(Outcome::Unknown("how large uv's own Python is is not known".into())),
            _ => Ok(Outcome::Unknown("what it makes is not known".into())),
        }
    }

    fn uv_export(&mut self, read: &Arguments) -> Outcome {
        let Some(path) = read.value(&["-o", "--output-file"]).and_then(|file| self.at(file)) else {
            return Outcome::Done;
        };
        match self.uv_input(read) {
            Some(input) => {
                self.exports.insert(path.clone(), input);
                self.write(path, Vec::new(), 0, 0);
                Outcome::Done
            }
            None => Outcome::Unknown("what it exports is not known".into()),
        }
    }

    /// What `uv export` and `uv pip compile` write, as what an installer would make of it.
    fn uv_input(&self, read: &Arguments) -> Option<Input> {
        if read.words.first().is_some_and(|word| word == "export") {
            return Some(Input::Lock {
                path: self.origin_of("uv.lock")?,
                choice: Choice { no_project: true, ..uv_choice(read) },
            });
        }
        let file = read.words.get(2)?;
        let path = self.origin_of(file)?;
        let is_project = file_name(file.as_bytes()) == b"pyproject.toml";
        Some(if is_project { project_input(parent_folder(&path), Vec::new()) } else { Input::Requirements(path) })
    }

    /// What a command that prints requirements prints.
    pub(super) fn exported(&self, words: &[String]) -> Option<Input> {
        let read = Arguments::parse(&words[1..], &uv_options());
        let verbs: Vec<&str> = read.words.iter().map(String::as_str).collect();
        match (base_name(&words[0]), verbs.as_slice()) {
            ("uv", ["export", ..] | ["pip", "compile", ..]) => self.uv_input(&read),
            ("poetry", ["export", ..]) => {
                Some(Input::Lock { path: self.origin_of("poetry.lock")?, choice: poetry_choice(&read) })
            }
            ("pipenv", ["requirements", ..]) => {
                let choice = Choice {
                    groups: if read.has(&["--dev"]) { vec!["dev".into()] } else { Vec::new() },
                    ..Choice::default()
                };
                Some(Input::Lock { path: self.origin_of("Pipfile.lock")?, choice })
            }
            ("pdm", ["export", ..]) => {
                let choice =
                    Choice { no_default: read.has(&["--prod", "--production"]), no_project: true, ..uv_choice(&read) };
                Some(Input::Lock { path: self.origin_of("pdm.lock")?, choice })
            }
            _ => None,
        }
    }

    /// The interpreter that uv makes environments with.
    fn uv_base(&self, world: &World<'_>, read: &Arguments) -> Option<Site> {
        let asked = read.value(&["-p", "--python"]).or_else(|| self.variable("UV_PYTHON"));
        let named = asked.and_then(super::site::minor_of).map(|minor| format!("python{minor}"));
        let site = self.site_of(world, named.as_deref().or(asked).unwrap_or("python3"))?;
        let fits = asked.and_then(super::site::minor_of).is_none_or(|minor| minor == site.python);
        fits.then_some(site)
    }

    /// Where `uv pip install` installs.
    fn uv_site(&self, world: &World<'_>, read: &Arguments) -> Option<Site> {
        if let Some(target) = read.value(&["-t", "--target"]).and_then(|target| self.at(target)) {
            return Some(self.uv_base(world, read)?.elsewhere(target, true));
        }
        if let Some(prefix) = read.value(&["--prefix"]).and_then(|prefix| self.at(prefix)) {
            return Some(self.uv_base(world, read)?.elsewhere(prefix, false));
        }
        let is_environment = |folder: &ImagePath| self.tree.exists(folder.join(b"pyvenv.cfg").as_bytes());
        let asked = read.value(&["-p", "--python"]).or_else(|| self.variable("UV_PYTHON"));
        if let Some(folder) = asked.filter(|asked| asked.contains('/')).and_then(|asked| self.at(asked)) {
            let bin = parent(folder.as_bytes());
            let prefixes = [folder.clone(), ImagePath::new(parent(bin))];
            if let Some(prefix) = prefixes.iter().find(|prefix| is_environment(prefix)) {
                return self.virtual_site(prefix.as_bytes());
            }
        }
        let system = read.has(&["--system", "--break-system-packages"])
            || self.variable("UV_SYSTEM_PYTHON").is_some_and(is_true);
        if !system {
            let active = self.variable("VIRTUAL_ENV").and_then(|folder| self.at(folder));
            let near = self.scope.directory.as_deref().map(ImagePath::from);
            let folders = std::iter::successors(near, |folder| {
                (!folder.is_root()).then(|| ImagePath::new(parent(folder.as_bytes())))
            });
            let all = active.into_iter().chain(folders.map(|folder| folder.join(b".venv")));
            if let Some(folder) = all.into_iter().find(is_environment) {
                return self.virtual_site(folder.as_bytes());
            }
        }
        self.uv_base(world, read)
    }

    fn uv_pip(
        &mut self,
        world: &World<'_>,
        read: &Arguments,
        words: &[String],
        sync: bool,
        place: &Place<'_>,
    ) -> Result<Outcome, ContextError> {
        if read.has(&["--dry-run"]) {
            return Ok(Outcome::Done);
        }
        let Some(site) = self.uv_site(world, read) else { return Ok(no_python(true)) };
        let mut read = read.clone();
        if sync {
            let files = words.iter().map(|word| ("-r".to_owned(), Some(word.clone())));
            read.options.extend(files);
        }
        let (request, projects) = match self.request(world, &read, if sync { &[] } else { words }, place)? {
            Ok(found) => found,
            Err(reason) => return Ok(Outcome::Unknown(reason)),
        };
        let request = Request { no_deps: request.no_deps || sync, ..request };
        let upgrades = read.has(&["-U", "--upgrade", "--reinstall", "--force-reinstall"]);
        let order = Order { request, site, projects, upgrades, exact: sync, ..self.uv_order(&read) };
        self.install(world, order, place)
    }

    fn uv_order(&self, read: &Arguments) -> Order {
        let is_on = |name: &str| self.variable(name).is_some_and(is_true);
        let site = Site {
            prefix: ImagePath::default(),
            site_dir: ImagePath::default(),
            python: String::new(),
            interpreter: String::new(),
            is_target: false,
        };
        Order {
            tool: Tool::Uv,
            request: Request::default(),
            site,
            compiles: read.has(&["--compile-bytecode", "--compile"]) || is_on("UV_COMPILE_BYTECODE"),
            caches: !read.has(&["--no-cache", "--no-cache-dir", "-n"]) && !is_on("UV_NO_CACHE"),
            upgrades: false,
            exact: true,
            projects: Vec::new(),
        }
    }

    fn uv_sync(&mut self, world: &World<'_>, read: &Arguments, place: &Place<'_>) -> Result<Outcome, ContextError> {
        let directory = read.value(&["--project", "--directory"]).unwrap_or(".");
        let Some(folder) = self.at(directory) else {
            return Ok(Outcome::Unknown("where the project is is not known".into()));
        };
        let lock = folder.join(b"uv.lock");
        let path = self.origin(lock.as_bytes());
        let input = match path {
            Some(path) => Input::Lock { path, choice: Choice { no_project: true, ..uv_choice(read) } },
            None => match self.project_on_disk(&folder) {
                Some(dir) => {
                    let choice = uv_choice(read);
                    let mut groups = choice.groups;
                    groups.extend((!choice.no_default).then(|| "dev".to_owned()));
                    Input::Project {
                        dir,
                        extras: choice.extras,
                        all_extras: choice.all_extras,
                        groups,
                        only_groups: false,
                        install: false,
                        editable: false,
                    }
                }
                None => return self.absent("uv.lock", "the lock", place).map(Outcome::Unknown),
            },
        };
        let environment = self.variable("UV_PROJECT_ENVIRONMENT").filter(|value| !value.is_empty()).map(str::to_owned);
        let active = self.variable("VIRTUAL_ENV").filter(|_| read.has(&["--active"])).map(str::to_owned);
        let environment =
            active.or(environment).and_then(|path| self.at(&path)).unwrap_or_else(|| folder.join(b".venv"));
        let Some(base) = self.uv_base(world, read) else { return Ok(no_python(true)) };
        let site = if environment == base.prefix {
            Some(base)
        } else {
            self.make_environment(&environment, &base, false, true);
            self.virtual_site(environment.as_bytes())
        };
        let Some(site) = site else { return Ok(no_python(true)) };
        let installs_project = !read.has(&["--no-install-project", "--no-install-workspace", "--only-group"]);
        let on_disk = self
            .project_on_disk(&folder)
            .filter(|on_disk| installs_project && super::install::is_package_of_uv(on_disk));
        let editable = !read.has(&["--no-editable"]) && !self.variable("UV_NO_EDITABLE").is_some_and(is_true);
        let projects = on_disk.map(|on_disk| Project { folder, on_disk, editable }).into_iter().collect();
        let request = Request { inputs: vec![input], ..self.empty_request(read) };
        let exact = !read.has(&["--inexact"]);
        let order = Order { request, site, projects, exact, ..self.uv_order(read) };
        self.install(world, order, place)
    }

    /// uv's cache.
    pub(super) fn uv_cache(&self) -> Vec<u8> {
        let named = self.variable("UV_CACHE_DIR").and_then(|folder| self.at(folder));
        named.map_or_else(|| [&self.home()[..], b"/.cache/uv"].concat(), |folder| folder.as_bytes().to_vec())
    }

    fn poetry(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome, ContextError> {
        let read = Arguments::parse(words, &uv_options());
        let verbs: Vec<&str> = read.words.iter().map(String::as_str).collect();
        match verbs.as_slice() {
            ["config", key, value] => {
                self.poetry.insert((*key).to_owned(), (*value).to_owned());
                Ok(Outcome::Done)
            }
            ["install" | "sync", ..] => self.poetry_install(world, &read, place),
            ["export", ..] => {
                let path = read.value(&["-o", "--output"]).and_then(|file| self.at(file));
                let Some(path) = path else { return Ok(Outcome::Done) };
                match self.origin_of("poetry.lock") {
                    Some(lock) => {
                        self.exports.insert(path.clone(), Input::Lock { path: lock, choice: poetry_choice(&read) });
                        self.write(path, Vec::new(), 0, 0);
                        Ok(Outcome::Done)
                    }
                    None => Ok(Outcome::Unknown("what it exports is not known".into())),
                }
            }
            ["check" | "show" | "env" | "about" | "version" | "lock", ..] | ["self", "show" | "lock", ..] => {
                Ok(Outcome::Done)
            }
            ["cache", ..] => {
                self.tree.remove(&[&self.home()[..], b"/.cache/pypoetry/artifacts"].concat());
                self.tree.remove(&[&self.home()[..], b"/.cache/pypoetry/cache"].concat());
                Ok(Outcome::Done)
            }
            _ => Ok(Outcome::Unknown("what it makes is not known".into())),
        }
    }

    fn poetry_setting(&self, key: &str) -> Option<bool> {
        let variable = format!("POETRY_{}", key.to_ascii_uppercase().replace(['.', '-'], "_"));
        let value = self.variable(&variable).map(str::to_owned).or_else(|| self.poetry.get(key).cloned())?;
        Some(is_true(&value))
    }

    fn poetry_install(
        &mut self,
        world: &World<'_>,
        read: &Arguments,
        place: &Place<'_>,
    ) -> Result<Outcome, ContextError> {
        let directory = read.value(&["-C", "--directory", "--project", "-P"]).unwrap_or(".");
        let Some(folder) = self.at(directory) else {
            return Ok(Outcome::Unknown("where the project is is not known".into()));
        };
        let Some(path) = self.origin(folder.join(b"poetry.lock").as_bytes()) else {
            return self.absent("poetry.lock", "the lock", place).map(Outcome::Unknown);
        };
        let Some(base) = self.site_of(world, "python3") else { return Ok(no_python(false)) };
        let active = self.variable("VIRTUAL_ENV").and_then(|folder| self.at(folder));
        let creates = self.poetry_setting("virtualenvs.create") != Some(false);
        let in_project = self.poetry_setting("virtualenvs.in-project") == Some(true)
            || self.tree.is_directory(folder.join(b".venv").as_bytes());
        let environment = match active {
            Some(active) => Some(active),
            None if !creates => None,
            None if in_project => Some(folder.join(b".venv")),
            None => Some(self.poetry_environment(&path, &folder, &base.python)),
        };
        let site = match environment {
            Some(environment) => {
                self.make_environment(&environment, &base, false, false);
                self.virtual_site(environment.as_bytes())
            }
            None => Some(base),
        };
        let Some(site) = site else { return Ok(no_python(false)) };
        let installs_root = !read.has(&["--no-root", "--only-root"])
            && !read.options.iter().any(|(name, value)| name == "--only" && value.is_some());
        let on_disk = self.project_on_disk(&folder).filter(|_| installs_root);
        let projects = on_disk.map(|on_disk| Project { folder, on_disk, editable: true }).into_iter().collect();
        let request =
            Request { inputs: vec![Input::Lock { path, choice: poetry_choice(read) }], ..self.empty_request(read) };
        let order = Order {
            tool: Tool::Poetry,
            compiles: read.has(&["--compile"]),
            caches: !read.has(&["--no-cache"]),
            upgrades: false,
            exact: read.has(&["--sync"]) || read.words.first().is_some_and(|verb| verb == "sync"),
            request,
            site,
            projects,
        };
        self.install(world, order, place)
    }

    /// Where Poetry makes an environment: `NAME-HASH-py3.11` in its cache.
    fn poetry_environment(&self, lock: &std::path::Path, folder: &ImagePath, python: &str) -> ImagePath {
        use base64::Engine as _;
        let name = super::install::project_name(&parent_folder(lock)).unwrap_or_default();
        let name: String =
            name.to_lowercase().chars().map(|c| if " $`!*@\"\\".contains(c) { '_' } else { c }).take(42).collect();
        let digest = crate::base::Digest::of(folder.to_string().as_bytes());
        let hash = base64::engine::general_purpose::URL_SAFE.encode(digest.0);
        let parent = self
            .variable("POETRY_VIRTUALENVS_PATH")
            .or_else(|| self.poetry.get("virtualenvs.path").map(String::as_str));
        let parent = parent.and_then(|path| self.at(path));
        let parent =
            parent.unwrap_or_else(|| ImagePath::new(&[&self.home()[..], b"/.cache/pypoetry/virtualenvs"].concat()));
        parent.join(format!("{name}-{}-py{python}", &hash[..8]).as_bytes())
    }

    fn pdm(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome, ContextError> {
        let read = Arguments::parse(words, &uv_options());
        match read.words.first().map(String::as_str) {
            Some("install" | "sync") => {}
            Some("config" | "info" | "list" | "lock" | "use" | "self") => return Ok(Outcome::Done),
            _ => return Ok(Outcome::Unknown("what it makes is not known".into())),
        }
        let Some(folder) = self.at(read.value(&["-p", "--project"]).unwrap_or(".")) else {
            return Ok(Outcome::Unknown("where the project is is not known".into()));
        };
        let Some(path) = self.origin(folder.join(b"pdm.lock").as_bytes()) else {
            return self.absent("pdm.lock", "the lock", place).map(Outcome::Unknown);
        };
        let Some(base) = self.site_of(world, "python3") else { return Ok(no_python(false)) };
        let environment = folder.join(b".venv");
        self.make_environment(&environment, &base, false, false);
        let Some(site) = self.virtual_site(environment.as_bytes()) else { return Ok(no_python(false)) };
        let choice = Choice {
            no_default: read.has(&["--prod", "--production", "--no-default"]),
            no_project: true,
            ..uv_choice(&read)
        };
        let on_disk = self.project_on_disk(&folder).filter(|_| !read.has(&["--no-self"]));
        let projects = on_disk
            .map(|on_disk| Project { folder, on_disk, editable: !read.has(&["--no-editable"]) })
            .into_iter()
            .collect();
        let request = Request { inputs: vec![Input::Lock { path, choice }], ..self.empty_request(&read) };
        let order = Order {
            tool: Tool::Pdm,
            compiles: false,
            caches: true,
            upgrades: false,
            exact: false,
            request,
            site,
            projects,
        };
        self.install(world, order, place)
    }

    fn pipenv(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome, ContextError> {
        let read = Arguments::parse(words, &uv_options());
        match read.words.first().map(String::as_str) {
            Some("install" | "sync") => {}
            Some("check" | "graph" | "lock" | "verify") => return Ok(Outcome::Done),
            _ => return Ok(Outcome::Unknown("what it makes is not known".into())),
        }
        let Some(folder) = self.at(".") else {
            return Ok(Outcome::Unknown("where the project is is not known".into()));
        };
        let Some(path) = self.origin(folder.join(b"Pipfile.lock").as_bytes()) else {
            return self.absent("Pipfile.lock", "the lock", place).map(Outcome::Unknown);
        };
        let Some(base) = self.site_of(world, "python3") else { return Ok(no_python(false)) };
        let caches = !self.variable("PIP_NO_CACHE_DIR").is_some_and(is_true);
        let in_project = self.variable("PIPENV_VENV_IN_PROJECT").is_some_and(is_true)
            || self.tree.is_directory(folder.join(b".venv").as_bytes());
        let site = if read.has(&["--system"]) {
            Some(base)
        } else {
            let elsewhere = || {
                ImagePath::new(
                    &[&self.home()[..], b"/.local/share/virtualenvs/", file_name(folder.as_bytes())].concat(),
                )
            };
            let environment = if in_project { folder.join(b".venv") } else { elsewhere() };
            self.make_environment(&environment, &base, false, false);
            self.virtual_site(environment.as_bytes())
        };
        let Some(site) = site else { return Ok(no_python(false)) };
        let dev = read.has(&["--dev", "-d"]);
        let choice = Choice { groups: if dev { vec!["dev".into()] } else { Vec::new() }, ..Choice::default() };
        let request = Request { inputs: vec![Input::Lock { path, choice }], ..self.empty_request(&read) };
        let order = Order {
            tool: Tool::Pip,
            compiles: true,
            caches,
            upgrades: false,
            exact: false,
            request,
            site,
            projects: Vec::new(),
        };
        self.install(world, order, place)
    }

    /// A file of the context that a command names, on disk; `None` where commands that are not known may have made it.
    fn disk_file(
        &self,
        world: &World<'_>,
        word: &str,
        what: &'static str,
        place: &Place<'_>,
    ) -> Result<Option<PathBuf>, ContextError> {
        match self.origin_of(word) {
            Some(path) => Ok(Some(path)),
            None => self
                .written(world, word)
                .map_or_else(|| self.absent(word, what, place).map(|_| None), |path| Ok(Some(path))),
        }
    }

    /// A file that an instruction wrote with a known content, as a file on disk.
    fn written(&self, world: &World<'_>, word: &str) -> Option<PathBuf> {
        let path = self.at(word)?;
        let content = self.tree.content(path.as_bytes())?;
        world.scratch_file(&path, content)
    }

    /// What is not in the image: the build would fail, unless the base or a command that is not known may have it.
    fn absent(&self, word: &str, what: &'static str, place: &Place<'_>) -> Result<String, ContextError> {
        if self.is_whole() && self.gaps.is_empty() {
            return Err(ContextError::NotThere {
                place: place.text.to_owned(),
                what,
                path: escape_str(word),
                whose: "in the image at that point".into(),
                hint: Some("copy it with COPY before it is used"),
            });
        }
        Ok(format!("{what} {word} is not in the context"))
    }

    fn origin_of(&self, word: &str) -> Option<PathBuf> {
        self.origin(self.at(word)?.as_bytes())
    }

    /// Where a file of the image is on disk.
    pub(super) fn origin(&self, path: &[u8]) -> Option<PathBuf> {
        let path = ImagePath::new(&self.tree.resolve(path));
        self.tree.exists(path.as_bytes()).then(|| self.origins.get(&path).cloned()).flatten()
    }

    /// The folder of a project on disk.
    fn project_on_disk(&self, folder: &ImagePath) -> Option<PathBuf> {
        let files = [&b"pyproject.toml"[..], b"setup.cfg", b"setup.py"];
        files.iter().find_map(|file| self.origin(folder.join(file).as_bytes())).map(|path| parent_folder(&path))
    }

    /// The folder on disk that the working directory was copied from; of the context where none was.
    fn working_folder_on_disk(&self, world: &World<'_>) -> PathBuf {
        let here = self.scope.directory.as_deref().map(ImagePath::from);
        here.and_then(|here| self.origins.get(&here).cloned()).unwrap_or_else(|| world.folder.on_disk(b""))
    }
}

fn project_input(dir: PathBuf, extras: Vec<String>) -> Input {
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

fn parent_folder(path: &std::path::Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or_else(|| PathBuf::from("."), std::path::Path::to_path_buf)
}

fn no_python(uv: bool) -> Outcome {
    Outcome::Unknown(match uv {
        true => {
            "which Python it installs for is not known; uv may download one of its own. Say which with --python".into()
        }
        false => "which Python it installs for is not known; say which with --python".into(),
    })
}

/// What installers take for true.
pub(super) fn is_true(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on" | "t" | "y")
}

/// Options with a value, of uv, Poetry, PDM and Pipenv, beside pip's.
fn uv_options() -> Vec<&'static str> {
    const MORE: [&str; 22] = [
        "-o",
        "--output-file",
        "--output",
        "--extra",
        "--group",
        "--no-group",
        "--only-group",
        "--extras",
        "-E",
        "--with",
        "--without",
        "--only",
        "-G",
        "--project",
        "--directory",
        "-P",
        "--format",
        "--package",
        "--python-preference",
        "--prerelease",
        "--resolution",
        "--exclude-newer",
    ];
    INSTALLER_OPTIONS.iter().copied().chain(MORE).filter(|option| !matches!(*option, "-d" | "-f" | "-w")).collect()
}

fn split(values: &str) -> Vec<String> {
    values.split([',', ' ']).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

fn uv_choice(read: &Arguments) -> Choice {
    let all = |names: &'static [&str]| read.values(names).flat_map(split).collect::<Vec<_>>();
    Choice {
        extras: all(&["--extra"]),
        all_extras: read.has(&["--all-extras"]),
        groups: all(&["--group", "-G"]),
        all_groups: read.has(&["--all-groups"]),
        only_groups: all(&["--only-group"]),
        without_groups: all(&["--no-group"])
            .into_iter()
            .chain(read.has(&["--no-dev"]).then(|| "dev".to_owned()))
            .collect(),
        no_default: read.has(&["--no-default-groups"]),
        no_project: read.has(&["--no-install-project", "--no-emit-project"]),
    }
}

fn poetry_choice(read: &Arguments) -> Choice {
    let all = |names: &'static [&str]| read.values(names).flat_map(split).collect::<Vec<_>>();
    let no_dev = read.has(&["--no-dev"]);
    Choice {
        extras: all(&["-E", "--extras"]),
        all_extras: read.has(&["--all-extras"]),
        groups: all(&["--with"]).into_iter().chain(read.has(&["--dev"]).then(|| "dev".to_owned())).collect(),
        all_groups: read.has(&["--all-groups"]),
        only_groups: all(&["--only"]).into_iter().chain(no_dev.then(|| "main".to_owned())).collect(),
        without_groups: all(&["--without"]),
        no_default: false,
        no_project: true,
    }
}
