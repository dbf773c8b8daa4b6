//! uv's command lines. Source: uv's command reference (<https://docs.astral.sh/uv/reference/cli/>).

use super::error::Result;
use super::installer::{Order, Project, Tool, Upgrades, choice, is_true, no_python, open};
use super::origin::path_of;
use super::run::{Outcome, Place};
use super::site::{Site, minor_of};
use super::stage::{Stage, World};
use crate::base::{ImagePath, parent};
use crate::command::{Command, Given, Means, Tool as Line};
use crate::image::{GapReason, Writes};
use crate::index::{Input, Request};
use crate::manifest::Choice;
use pep440_rs::{Version, VersionSpecifiers};
use std::str::FromStr as _;

impl Stage {
    pub(super) fn uv(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome> {
        let read = Command::parse(Line::Uv, words);
        let verbs: Vec<&str> = read.words.iter().map(String::as_str).collect();
        let is_pip = read.tool == Line::UvPip;
        match verbs.as_slice() {
            ["install" | "sync", ..] if is_pip => self.uv_pip(world, &read, place),
            ["uninstall", rest @ ..] if is_pip => {
                let Some(site) = self.uv_site(world, &read) else { return Ok(no_python(true)) };
                rest.iter().for_each(|name| self.uninstall_one(&site, &crate::python::normalize_name(name)));
                Ok(Outcome::Done)
            }
            ["list" | "freeze" | "check" | "show" | "tree", ..] if is_pip => Ok(Outcome::Done),
            ["compile", ..] if is_pip => self.uv_export(world, &read, place),
            _ if is_pip => Ok(Outcome::Unknown(GapReason::Makes)),
            ["version" | "help" | "tree" | "lock", ..] => Ok(Outcome::Done),
            ["export", ..] => self.uv_export(world, &read, place),
            ["venv", rest @ ..] => {
                let folder = self.at(rest.first().copied().unwrap_or(".venv"));
                let (Some(folder), Some(base)) = (folder, self.uv_base(world, &read)) else {
                    return Ok(no_python(true));
                };
                let new = self.make_environment(&folder, &base, read.has(&[Means::SystemSite]), true);
                if new && read.has(&[Means::Seed]) {
                    return self.seed(world, &base, &folder, place);
                }
                Ok(Outcome::Done)
            }
            ["sync", ..] => self.uv_sync(world, &read, place),
            ["cache", ..] => {
                let folder = self.uv_cache();
                self.tree.remove(&folder);
                Ok(Outcome::Done)
            }
            ["python", "install", ..] => Ok(Outcome::Unknown(GapReason::UvPython)),
            _ => Ok(Outcome::Unknown(GapReason::Makes)),
        }
    }

    fn uv_export(&mut self, world: &World<'_>, read: &Command, place: &Place<'_>) -> Result<Outcome> {
        match read.value(Means::Output).and_then(|file| self.at(file)) {
            Some(path) => self.write_export(world, read, path, place),
            None => Ok(Outcome::Done),
        }
    }

    /// The interpreter that uv makes environments with.
    pub(super) fn uv_base(&self, world: &World<'_>, read: &Command) -> Option<Site> {
        let asked = read.value(Means::Python).or_else(|| self.variable("UV_PYTHON"));
        let named = asked.and_then(super::site::minor_of).map(|minor| format!("python{minor}"));
        let site = self.site_of(world, named.as_deref().or(asked).unwrap_or("python3"))?;
        let fits = asked.and_then(super::site::minor_of).is_none_or(|minor| minor == site.python);
        fits.then_some(site)
    }

    /// Whether an interpreter is the one that a project asks for, in `.python-version` or by `requires-python`: another one is
    /// looked for, or fetched.
    fn suits_project(
        &self,
        world: &World<'_>,
        read: &Command,
        (folder, table): (&ImagePath, Option<&toml::Table>),
        base: &Site,
    ) -> bool {
        let asked = read.value(Means::Python).or_else(|| self.variable("UV_PYTHON"));
        let versions = self.versions_of(base);
        // What cannot be read is told where it is resolved.
        let meets = |text: &str| {
            VersionSpecifiers::from_str(text).map_or(true, |wanted| versions.iter().any(|one| wanted.contains(one)))
        };
        let required = table.and_then(|table| table.get("project")?.get("requires-python")?.as_str());
        if !required.is_none_or(meets) {
            return false;
        }
        let folders = std::iter::successors(Some(folder.clone()), |folder| {
            (!folder.is_root()).then(|| ImagePath::new(parent(folder.as_bytes())))
        });
        let pinned = folders.filter(|_| asked.is_none()).find_map(|folder| {
            let text = self.bytes(world, &folder.join(b".python-version"))?;
            let text = String::from_utf8(text).ok()?;
            text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned)
        });
        // A name, such as `pypy3.10`, is another interpreter's.
        let is_number = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        pinned.is_none_or(|text| is_number(&text) && meets(&format!("=={}.*", text.trim_end_matches('.'))))
    }

    /// What an interpreter's version may be: a variable of official images says it whole.
    fn versions_of(&self, base: &Site) -> Vec<Version> {
        let whole = self.variable("PYTHON_VERSION").filter(|text| minor_of(text).as_ref() == Some(&base.python));
        let whole = whole.filter(|text| text.split('.').count() == 3).and_then(|text| Version::from_str(text).ok());
        match whole {
            Some(version) => vec![version],
            None => (0..=30).filter_map(|patch| Version::from_str(&format!("{}.{patch}", base.python)).ok()).collect(),
        }
    }

    /// Where `uv pip install` installs.
    pub(super) fn uv_site(&self, world: &World<'_>, read: &Command) -> Option<Site> {
        if let Some(target) = read.value(Means::Target).and_then(|target| self.at(target)) {
            return Some(self.uv_base(world, read)?.elsewhere(target, true));
        }
        if let Some(prefix) = read.value(Means::Prefix).and_then(|prefix| self.at(prefix)) {
            return Some(self.uv_base(world, read)?.elsewhere(prefix, false));
        }
        let is_environment = |folder: &ImagePath| self.tree.exists(folder.join(b"pyvenv.cfg").as_bytes());
        let asked = read.value(Means::Python).or_else(|| self.variable("UV_PYTHON"));
        if let Some(folder) = asked.filter(|asked| asked.contains('/')).and_then(|asked| self.at(asked)) {
            let bin = parent(folder.as_bytes());
            let prefixes = [folder.clone(), ImagePath::new(parent(bin))];
            if let Some(prefix) = prefixes.iter().find(|prefix| is_environment(prefix)) {
                return self.virtual_site(prefix.as_bytes());
            }
        }
        let system = read.has(&[Means::System]) || self.variable("UV_SYSTEM_PYTHON").is_some_and(is_true);
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

    /// Whether uv surely finds no environment to install into. It takes the system's Python with `--system` alone, or by its path.
    fn lacks_environment(&self, world: &World<'_>, read: &Command) -> bool {
        let elsewhere = [Means::System, Means::Target, Means::Prefix];
        let asked = read.value(Means::Python).or_else(|| self.variable("UV_PYTHON"));
        let by_variable = ["UV_SYSTEM_PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX"];
        if !self.is_whole()
            || read.has(&elsewhere)
            || asked.is_some_and(|asked| asked.contains('/'))
            || by_variable.iter().any(|name| self.variable(name).is_some())
            || self.gaps.iter().any(|gap| gap.writes == Writes::Anywhere)
        {
            return false;
        }
        let Some(near) = self.scope.directory.as_deref().map(ImagePath::from) else { return false };
        let up = |folder: &ImagePath| (!folder.is_root()).then(|| ImagePath::new(parent(folder.as_bytes())));
        let folders: Vec<ImagePath> = std::iter::successors(Some(near), up).collect();
        let says_system = |name: &[u8]| {
            let text = folders.iter().find_map(|folder| self.text_of(world, folder.join(name).as_bytes()));
            text.is_some_and(|text| String::from_utf8_lossy(&text).contains("system"))
        };
        let has_environment = |folder: &ImagePath| self.tree.exists(folder.join(b".venv").as_bytes());
        !folders.iter().any(has_environment) && !says_system(b"uv.toml") && !says_system(b"pyproject.toml")
    }

    pub(super) fn uv_pip(&mut self, world: &World<'_>, read: &Command, place: &Place<'_>) -> Result<Outcome> {
        if read.has(&[Means::DryRun]) {
            return Ok(Outcome::Done);
        }
        if let Some(why) = open(read) {
            return Ok(why);
        }
        if self.lacks_environment(world, read) {
            return Ok(Outcome::Partly(GapReason::NoEnvironment, Writes::nothing()));
        }
        let (sync, words) = (read.words[0] == "sync", &read.words[1..]);
        let Some(site) = self.uv_site(world, read) else { return Ok(no_python(true)) };
        let words = words.to_vec();
        let mut read = read.clone();
        if sync {
            let file = |word: &String| Given {
                name: "--requirements".into(),
                means: Means::Requirements,
                value: Some(word.clone()),
                at: 0..=0,
            };
            let files: Vec<Given> = words.iter().map(file).collect();
            read.options.extend(files);
        }
        let (request, projects) = match self.request(world, &read, if sync { &[] } else { &words }, place)? {
            Ok(found) => found,
            Err(reason) => return Ok(Outcome::Unknown(reason)),
        };
        let request = Request { no_deps: request.no_deps || sync, ..request };
        let (upgrades, exact) = (Upgrades::of(&read), sync || read.has(&[Means::Exact]));
        let order = Order { request, site, projects, upgrades, exact, ..self.uv_order(&read) };
        self.install(world, order, place)
    }

    pub(super) fn uv_order(&self, read: &Command) -> Order {
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
            compiles: read.has(&[Means::Compile]) || is_on("UV_COMPILE_BYTECODE"),
            caches: !read.has(&[Means::NoCache]) && !is_on("UV_NO_CACHE"),
            upgrades: Upgrades::No,
            exact: true,
            projects: Vec::new(),
        }
    }

    pub(super) fn uv_sync(&mut self, world: &World<'_>, read: &Command, place: &Place<'_>) -> Result<Outcome> {
        let folder = match self.project_folder(read) {
            Ok(folder) => folder,
            Err(outcome) => return Ok(outcome),
        };
        let table = self.project_table(world, &folder);
        let input = match self.lock_of(&folder, "uv.lock") {
            Some(path) => Input::Lock { path, choice: Choice { no_project: true, ..choice(read) } },
            None => match self.is_project(&folder).then(|| path_of(&folder)) {
                Some(dir) => {
                    let choice = choice(read);
                    let only_groups = !choice.only_groups.is_empty();
                    let groups = groups_of(&choice, table.as_ref());
                    Input::Project {
                        dir,
                        extras: choice.extras,
                        all_extras: choice.all_extras,
                        groups,
                        only_groups,
                        install: false,
                        editable: false,
                    }
                }
                None => return self.absent("uv.lock", "the lock", place).map(Outcome::Unknown),
            },
        };
        let environment = self.variable("UV_PROJECT_ENVIRONMENT").filter(|value| !value.is_empty()).map(str::to_owned);
        let active = self.variable("VIRTUAL_ENV").filter(|_| read.has(&[Means::Active])).map(str::to_owned);
        let environment =
            active.or(environment).and_then(|path| self.at(&path)).unwrap_or_else(|| folder.join(b".venv"));
        let base = self.uv_base(world, read);
        let Some(base) = base.filter(|base| self.suits_project(world, read, (&folder, table.as_ref()), base)) else {
            return Ok(no_python(true));
        };
        let site = if environment == base.prefix {
            Some(base)
        } else {
            self.make_environment(&environment, &base, false, true);
            self.virtual_site(environment.as_bytes())
        };
        let Some(site) = site else { return Ok(no_python(true)) };
        let installs_project = !read.has(&[Means::NoProject, Means::OnlyGroup, Means::OnlyDev]);
        let is_package = installs_project && super::described::is_package_of_uv(table.as_ref());
        let editable = !read.has(&[Means::NoEditable]) && !self.variable("UV_NO_EDITABLE").is_some_and(is_true);
        let projects = is_package.then_some(Project { folder, editable }).into_iter().collect();
        let request = Request { inputs: vec![input], ..self.empty_request(read) };
        let exact = !read.has(&[Means::Inexact]);
        let order = Order { request, site, projects, exact, ..self.uv_order(read) };
        self.install(world, order, place)
    }

    /// uv's cache.
    pub(super) fn uv_cache(&self) -> Vec<u8> {
        let named = self.variable("UV_CACHE_DIR").and_then(|folder| self.at(folder));
        named.map_or_else(|| [&self.home()[..], b"/.cache/uv"].concat(), |folder| folder.as_bytes().to_vec())
    }
}

/// The groups that uv installs of a project that has no lock: its default ones, of which `dev` may be missing, and those that are
/// asked for.
fn groups_of(choice: &Choice, table: Option<&toml::Table>) -> Vec<String> {
    let tables = |key: &str| table.and_then(|table| table.get(key)).and_then(toml::Value::as_table);
    let uv = tables("tool").and_then(|tool| tool.get("uv")).and_then(toml::Value::as_table);
    let mut known: Vec<String> =
        tables("dependency-groups").into_iter().flatten().map(|(name, _)| name.clone()).collect();
    known.extend(uv.filter(|uv| uv.contains_key("dev-dependencies")).map(|_| "dev".to_owned()));
    let defaults: Vec<String> = match uv.and_then(|uv| uv.get("default-groups")) {
        Some(toml::Value::Array(names)) => names.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect(),
        Some(toml::Value::String(all)) if all == "all" => known.clone(),
        _ => known.iter().filter(|name| *name == "dev").cloned().collect(),
    };
    let mut groups = match (choice.only_groups.as_slice(), choice.all_groups) {
        ([], true) => known,
        ([], false) if choice.no_default => choice.groups.clone(),
        ([], false) => [defaults, choice.groups.clone()].concat(),
        (only, _) => only.to_vec(),
    };
    groups.retain(|name| !choice.without_groups.contains(name));
    groups.sort();
    groups.dedup();
    groups
}
