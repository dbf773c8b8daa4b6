//! Commands that write a list of requirements: `uv export`, `uv pip compile`, `poetry export`, `pipenv requirements`, `pdm
//! export`. The list is made in thought, and is a file like any other: it can be copied, appended to and installed from.

use super::ContextError;
use super::arguments::Arguments;
use super::error::Result;
use super::installer::{choice, project_input};
use super::origin::path_of;
use super::run::{Outcome, Place, base_name};
use super::stage::{Stage, World};
use crate::base::{ImagePath, file_name};
use crate::command::{Command, Means, Tool as Line};
use crate::image::{GapReason, Writes};
use crate::index::{Input, Request, export};
use crate::manifest::Choice;
use std::path::PathBuf;

/// Whether a command prints requirements.
pub(super) fn is_export(words: &[String]) -> bool {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    matches!(
        (base_name(word(0)), word(1), word(2)),
        ("uv" | "poetry" | "pdm", "export", _) | ("uv", "pip", "compile") | ("pipenv", "requirements", _)
    )
}

/// Poetry exports what the project itself needs, and the groups that are named.
fn poetry_export(read: &Command) -> Choice {
    let choice = choice(read);
    if !choice.only_groups.is_empty() || choice.all_groups {
        return choice;
    }
    let only_groups = std::iter::once("main".to_owned()).chain(choice.groups.clone()).collect();
    Choice { only_groups, ..choice }
}

impl Stage {
    /// Writes what a command exports.
    pub(super) fn write_export(
        &mut self,
        world: &World<'_>,
        read: &Command,
        path: ImagePath,
        place: &Place<'_>,
    ) -> Result<Outcome> {
        let path = ImagePath::new(&self.tree.resolve(path.as_bytes()));
        let is_list = !file_name(path.as_bytes()).ends_with(b".toml");
        match self.exported(world, read, place)?.filter(|_| is_list) {
            Some(text) => {
                self.write_again(path, text.into_bytes());
                Ok(Outcome::Done)
            }
            None => {
                self.tree.put(crate::layer::Entry::file(path.clone(), 0), None);
                Ok(Outcome::Partly(GapReason::Makes, Writes::at(path)))
            }
        }
    }

    /// What a command prints that exports requirements; `None` where that is not known.
    pub(super) fn exported(&mut self, world: &World<'_>, read: &Command, place: &Place<'_>) -> Result<Option<String>> {
        if read.open.is_some() {
            return Ok(None);
        }
        let python = self.site_of(world, "python3").map(|site| site.python).or_else(|| world.options.python.clone());
        let (Some(input), Some(python)) = (self.export_input(read), python) else { return Ok(None) };
        let request =
            Request { inputs: vec![input], python_full: self.full_version(world, &python), ..self.empty_request(read) };
        let platform = self.platform(world, &python);
        let found = export(&request, &self.files(world), &platform);
        let (text, unknown) =
            found.map_err(|source| ContextError::Request { place: place.text.into(), source: Box::new(source) })?;
        for (what, why) in unknown {
            self.gap(place.text, &what, GapReason::Unreadable(why), Writes::Anywhere);
        }
        Ok(Some(text))
    }

    /// `pip-compile`
    pub(super) fn pip_compile(
        &mut self,
        world: &World<'_>,
        arguments: &[String],
        place: &Place<'_>,
    ) -> Result<Outcome> {
        let options = ["-o", "--output-file", "--extra", "-i", "--index-url", "--extra-index-url", "-f"];
        let read = Arguments::parse(arguments, &options);
        let default = ["requirements.in".to_owned()];
        let files = if read.words.is_empty() { &default[..] } else { &read.words[..] };
        let [file] = files else { return Ok(Outcome::Unknown(GapReason::Makes)) };
        let output = match (read.value(&["-o", "--output-file"]), file.rsplit_once('.')) {
            (Some(output), _) => output.to_owned(),
            (None, _) if file.ends_with("pyproject.toml") => "requirements.txt".to_owned(),
            (None, Some((stem, _))) => format!("{stem}.txt"),
            (None, None) => format!("{file}.txt"),
        };
        let Some(path) = self.at(&output) else { return Ok(Outcome::Unknown(GapReason::Makes)) };
        let read = Command::parse(Line::Uv, &["pip", "compile", file]);
        self.write_export(world, &read, path, place)
    }

    /// What is exported, as what an installer would make of it.
    fn export_input(&self, read: &Command) -> Option<Input> {
        let verbs: Vec<&str> = read.words.iter().map(String::as_str).collect();
        let folder = self.at(read.value(Means::Project).unwrap_or("."))?;
        let lock = |name: &str, choice: Choice| Some(Input::Lock { path: self.lock_of(&folder, name)?, choice });
        match verbs.as_slice() {
            ["compile", file, ..] => {
                let path = path_of(&self.at(file)?);
                let is_project = file_name(file.as_bytes()) == b"pyproject.toml";
                let folder = path.parent().map(PathBuf::from).unwrap_or_default();
                let extras = read.values(Means::Extra).flat_map(super::installer::split).collect();
                Some(if is_project { project_input(folder, extras) } else { Input::Requirements(path) })
            }
            ["requirements", ..] => {
                let groups = if read.has(&[Means::Dev]) { vec!["dev".into()] } else { Vec::new() };
                lock("Pipfile.lock", Choice { groups, ..Choice::default() })
            }
            ["export", ..] => match read.tool {
                Line::Poetry => lock("poetry.lock", poetry_export(read)),
                Line::Pdm => lock("pdm.lock", Choice { no_project: true, ..choice(read) }),
                _ => lock("uv.lock", Choice { no_project: true, ..choice(read) }),
            },
            _ => None,
        }
    }

    /// The lock of a folder.
    pub(super) fn lock_of(&self, folder: &ImagePath, name: &str) -> Option<PathBuf> {
        let path = folder.join(name.as_bytes());
        self.tree.exists(&self.tree.resolve(path.as_bytes())).then(|| path_of(&path))
    }

    /// A folder's `pyproject.toml`.
    pub(super) fn project_table(&self, world: &World<'_>, folder: &ImagePath) -> Option<toml::Table> {
        let text = self.bytes(world, &folder.join(b"pyproject.toml"))?;
        String::from_utf8(text).ok()?.parse().ok()
    }
}
