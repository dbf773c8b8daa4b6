//! The command lines of installers that have a lock and an environment of their own: Poetry, PDM, Pipenv. Source: their
//! command references and settings.

use super::error::Result;
use super::installer::{Order, Project, Tool, Upgrades, choice, is_true, no_python, open};
use super::origin::path_of;
use super::run::{Outcome, Place};
use super::site::Site;
use super::stage::{Stage, World};
use crate::base::{ImagePath, file_name};
use crate::command::{Command, Means, Tool as Line};
use crate::image::GapReason;
use crate::index::{Input, Request};
use crate::layer::Entry;
use crate::manifest::Choice;

/// What the pip takes that virtualenv brings, in bytes (measured with virtualenv 20.39 and its pip 26.0.1; predicted of others).
const VIRTUALENVS_PIP: u64 = 5_830_000;

impl Stage {
    pub(super) fn poetry(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome> {
        let read = Command::parse(Line::Poetry, words);
        let verbs: Vec<&str> = read.words.iter().map(String::as_str).collect();
        match verbs.as_slice() {
            ["config", key, value] => {
                let is_known =
                    ["virtualenvs.", "http-basic.", "pypi-token.", "certificates.", "repositories.", "warnings."];
                let of_speed =
                    ["installer.parallel", "installer.max-workers", "installer.modern-installation", "cache-dir"];
                let is_plain = is_known.iter().any(|start| key.starts_with(start)) && !key.contains("options.");
                if !is_plain && !of_speed.contains(key) {
                    return Ok(Outcome::Unknown(GapReason::Option((*key).to_owned())));
                }
                self.poetry.insert((*key).to_owned(), (*value).to_owned());
                Ok(Outcome::Done)
            }
            ["install" | "sync", ..] => self.poetry_install(world, &read, place),
            ["export", ..] => {
                let path = read.value(Means::Output).and_then(|file| self.at(file));
                let Some(path) = path else { return Ok(Outcome::Done) };
                self.write_export(world, &read, path, place)
            }
            ["check" | "show" | "env" | "about" | "version" | "lock", ..] | ["self", "show" | "lock", ..] => {
                Ok(Outcome::Done)
            }
            ["cache", ..] => {
                self.tree.remove(&[&self.home()[..], b"/.cache/pypoetry/artifacts"].concat());
                self.tree.remove(&[&self.home()[..], b"/.cache/pypoetry/cache"].concat());
                Ok(Outcome::Done)
            }
            _ => Ok(Outcome::Unknown(GapReason::Makes)),
        }
    }

    /// A setting: of a variable, of the project's own file, or of the user's.
    fn poetry_setting(&self, world: &World<'_>, folder: &ImagePath, key: &str) -> Option<String> {
        let variable = format!("POETRY_{}", key.to_ascii_uppercase().replace(['.', '-'], "_"));
        let value = self.variable(&variable).map(str::to_owned).or_else(|| self.poetry.get(key).cloned());
        value.or_else(|| self.poetry_file_setting(world, folder, key))
    }

    /// The folder of the project that a command installs; else what comes of the command.
    pub(super) fn project_folder(&self, read: &Command) -> std::result::Result<ImagePath, Outcome> {
        if read.has(&[Means::DryRun]) {
            return Err(Outcome::Done);
        }
        if let Some(why) = open(read) {
            return Err(why);
        }
        let folder = self.at(read.value(Means::Project).unwrap_or("."));
        folder.ok_or_else(|| Outcome::Unknown(GapReason::Where("the project".into())))
    }

    pub(super) fn poetry_install(&mut self, world: &World<'_>, read: &Command, place: &Place<'_>) -> Result<Outcome> {
        let folder = match self.project_folder(read) {
            Ok(folder) => folder,
            Err(outcome) => return Ok(outcome),
        };
        let choice = choice(read);
        let table = self.project_table(world, &folder);
        let input = match self.lock_of(&folder, "poetry.lock") {
            Some(path) => Input::Lock { path, choice },
            // Poetry locks first then.
            None if self.is_project(&folder) => without_lock(path_of(&folder), table.as_ref(), &choice),
            None => return self.absent("poetry.lock", "the lock", place).map(Outcome::Unknown),
        };
        let Some(base) = self.site_of(world, "python3") else { return Ok(no_python(false)) };
        let active = self.variable("VIRTUAL_ENV").and_then(|folder| self.at(folder));
        let is_on = |key: &str| self.poetry_setting(world, &folder, key).map(|value| is_true(&value));
        let creates = is_on("virtualenvs.create") != Some(false);
        let in_project =
            is_on("virtualenvs.in-project") == Some(true) || self.tree.is_directory(folder.join(b".venv").as_bytes());
        let environment = match active {
            Some(active) => Some(active),
            None if !creates => None,
            None if in_project => Some(folder.join(b".venv")),
            None => {
                let parent = self.poetry_setting(world, &folder, "virtualenvs.path").and_then(|path| self.at(&path));
                Some(self.poetry_environment(table.as_ref(), &folder, &base.python, parent))
            }
        };
        let has_pip = is_on("virtualenvs.options.no-pip") != Some(true);
        let Some((site, is_new)) = self.site_in(environment, base) else { return Ok(no_python(false)) };
        if is_new && has_pip {
            self.seed_of_virtualenv(&site);
        }
        let installs_root = !read.has(&[Means::NoProject, Means::OnlyGroup]);
        let is_package = installs_root && super::described::is_package_of_poetry(table.as_ref());
        let projects = is_package.then_some(Project { folder, editable: true }).into_iter().collect();
        let inputs = if read.has(&[Means::OnlyProject]) { Vec::new() } else { vec![input] };
        let request = Request { inputs, ..self.empty_request(read) };
        let order = Order {
            tool: Tool::Poetry,
            compiles: read.has(&[Means::Compile]),
            caches: !read.has(&[Means::NoCache]),
            upgrades: Upgrades::No,
            exact: read.has(&[Means::Exact]) || read.words.first().is_some_and(|verb| verb == "sync"),
            request,
            site,
            projects,
        };
        self.install(world, order, place)
    }

    /// The environment in a folder, made where there is none yet, and whether it was made; the base's own without a folder.
    fn site_in(&mut self, environment: Option<ImagePath>, base: Site) -> Option<(Site, bool)> {
        let Some(environment) = environment else { return Some((base, false)) };
        let is_new = self.make_environment(&environment, &base, false, false);
        Some((self.virtual_site(environment.as_bytes())?, is_new))
    }

    /// What virtualenv puts into a new environment: its own pip, without bytecode, of which it keeps a copy.
    fn seed_of_virtualenv(&mut self, site: &Site) {
        let kept = [&self.home()[..], b"/.cache/virtualenv/wheel/", site.python.as_bytes(), b"/image"].concat();
        for folder in [site.site_dir.clone(), ImagePath::new(&kept)] {
            self.tree.put(Entry::file(folder.join(b"pip/_vendor"), VIRTUALENVS_PIP), None);
        }
    }

    /// Where Poetry makes an environment: `NAME-HASH-py3.11` in its cache.
    pub(super) fn poetry_environment(
        &self,
        table: Option<&toml::Table>,
        folder: &ImagePath,
        python: &str,
        parent: Option<ImagePath>,
    ) -> ImagePath {
        use base64::Engine as _;
        let name = table.and_then(super::described::project_name).unwrap_or_default();
        let name: String =
            name.to_lowercase().chars().map(|c| if " $`!*@\"\\".contains(c) { '_' } else { c }).take(42).collect();
        let digest = crate::base::Digest::of(folder.to_string().as_bytes());
        let hash = base64::engine::general_purpose::URL_SAFE.encode(digest.0);
        let parent =
            parent.unwrap_or_else(|| ImagePath::new(&[&self.home()[..], b"/.cache/pypoetry/virtualenvs"].concat()));
        parent.join(format!("{name}-{}-py{python}", &hash[..8]).as_bytes())
    }

    pub(super) fn pdm(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome> {
        let read = Command::parse(Line::Pdm, words);
        match read.words.first().map(String::as_str) {
            Some("install" | "sync") => {}
            Some("config" | "info" | "list" | "lock" | "use" | "self") => return Ok(Outcome::Done),
            _ => return Ok(Outcome::Unknown(GapReason::Makes)),
        }
        let folder = match self.project_folder(&read) {
            Ok(folder) => folder,
            Err(outcome) => return Ok(outcome),
        };
        let Some(path) = self.lock_of(&folder, "pdm.lock") else {
            return self.absent("pdm.lock", "the lock", place).map(Outcome::Unknown);
        };
        let Some(base) = self.site_of(world, "python3") else { return Ok(no_python(false)) };
        let Some((site, _)) = self.site_in(Some(folder.join(b".venv")), base) else { return Ok(no_python(false)) };
        let choice = choice(&read);
        let only_groups = if read.has(&[Means::NoMain]) { choice.groups.clone() } else { Vec::new() };
        let choice = Choice { only_groups, no_project: true, ..choice };
        let installs_root = !read.has(&[Means::NoProject]) && self.is_project(&folder);
        let editable = !read.has(&[Means::NoEditable]);
        let projects = installs_root.then_some(Project { folder, editable }).into_iter().collect();
        let request = Request { inputs: vec![Input::Lock { path, choice }], ..self.empty_request(&read) };
        let order = Order {
            tool: Tool::Pdm,
            compiles: false,
            caches: true,
            upgrades: Upgrades::No,
            exact: false,
            request,
            site,
            projects,
        };
        self.install(world, order, place)
    }

    pub(super) fn pipenv(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome> {
        let read = Command::parse(Line::Pipenv, words);
        match read.words.first().map(String::as_str) {
            Some("install" | "sync") => {
                if let Some(why) = open(&read) {
                    return Ok(why);
                }
            }
            Some("check" | "graph" | "verify") => return Ok(Outcome::Done),
            Some("lock") if self.at(".").and_then(|folder| self.lock_of(&folder, "Pipfile.lock")).is_none() => {
                return Ok(Outcome::Unknown(GapReason::Makes));
            }
            Some("lock") => return Ok(Outcome::Done),
            _ => return Ok(Outcome::Unknown(GapReason::Makes)),
        }
        let Some(folder) = self.at(".") else {
            return Ok(Outcome::Unknown(GapReason::Where("the project".into())));
        };
        let Some(path) = self.lock_of(&folder, "Pipfile.lock") else {
            return self.absent("Pipfile.lock", "the lock", place).map(Outcome::Unknown);
        };
        let Some(base) = self.site_of(world, "python3") else { return Ok(no_python(false)) };
        let caches = self.keeps_downloads();
        let in_project = self.variable("PIPENV_VENV_IN_PROJECT").is_some_and(is_true)
            || self.tree.is_directory(folder.join(b".venv").as_bytes());
        let elsewhere = || {
            let name = file_name(folder.as_bytes());
            ImagePath::new(&[&self.home()[..], b"/.local/share/virtualenvs/", name].concat())
        };
        let own = || if in_project { folder.join(b".venv") } else { elsewhere() };
        let environment = (!read.has(&[Means::System])).then(own);
        let Some((site, _)) = self.site_in(environment, base) else { return Ok(no_python(false)) };
        let dev = read.has(&[Means::Dev]);
        let named: Vec<String> = read.values(Means::OnlyGroup).flat_map(super::installer::split).collect();
        let groups = if dev { vec!["dev".into()] } else { Vec::new() };
        // With categories only these, of which `packages` is the default one.
        let main = |name: String| if matches!(name.as_str(), "packages" | "default") { "default".into() } else { name };
        let only_groups = named.into_iter().map(main).collect();
        let choice = Choice { groups, only_groups, ..Choice::default() };
        let request = Request { inputs: vec![Input::Lock { path, choice }], ..self.empty_request(&read) };
        let order = Order {
            tool: Tool::Pip,
            compiles: true,
            caches,
            upgrades: Upgrades::No,
            exact: false,
            request,
            site,
            projects: Vec::new(),
        };
        self.install(world, order, place)
    }
}

/// A project that is installed without a lock: with the groups that Poetry installs by itself.
fn without_lock(dir: std::path::PathBuf, table: Option<&toml::Table>, choice: &Choice) -> Input {
    let mut groups: Vec<String> = match choice.only_groups.as_slice() {
        [] => {
            let own = super::described::poetry_groups(table).into_iter().chain(choice.groups.iter().cloned());
            own.filter(|name| !choice.without_groups.contains(name)).collect()
        }
        only => only.iter().filter(|name| *name != "main").cloned().collect(),
    };
    groups.sort();
    groups.dedup();
    let only_groups = !choice.only_groups.is_empty() && !choice.only_groups.iter().any(|name| name == "main");
    let (extras, all_extras) = (choice.extras.clone(), choice.all_extras);
    Input::Project { dir, extras, all_extras, groups, only_groups, install: false, editable: false }
}
