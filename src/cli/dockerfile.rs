//! The user's own Dockerfile: read and checked before anything is measured.

use super::context;
use super::failure::{Failure, Result};
use super::input::Input;
use crate::base::{Root, Text, read_named};
use crate::dockerfile::{Dockerfile, DockerfileError, MAX_BYTES};
use crate::emit::edit::{EditError, EditOptions, Edits, edit};
use crate::plan::Plan;
use crate::rules::Rule;
use anyhow::Context as _;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// A file that was read.
#[derive(Clone)]
pub struct UserDockerfile {
    text: String,
    shown: String,
    options: EditOptions,
}

impl UserDockerfile {
    /// Reads and parses the file, and lists the top of its build context.
    pub fn read(path: &Path, context: Option<&Path>, target_stage: Option<String>, skip: Vec<String>) -> Result<Self> {
        let shown = path.display().to_string();
        let bytes = bytes(path, context).with_context(|| format!("{shown}: cannot read")).map_err(|error| {
            // As `docker build -f` takes it: from here, not from the context.
            let inside = context.map(|context| context.join(path)).filter(|inside| inside.is_file());
            let failure = Failure::usage(error);
            match inside {
                Some(inside) => failure.hint(format!("did you mean {}?", inside.display())),
                None => failure,
            }
        })?;
        let text = Dockerfile::text(&bytes).map_err(|error| failure(&shown, &error))?.to_owned();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let names = names(context.unwrap_or(folder), context.is_some())?;
        let options =
            EditOptions { target_stage, skip, path: label(path, context), context: names, installs_stay: None };
        let read = Self { text, shown, options };
        read.stage()?;
        Ok(read)
    }

    /// That of a build context that was read; none where it has none, or where the target is none.
    pub fn of_input(input: &Input) -> Result<Option<Box<Self>>> {
        let Some(context) = &input.context else { return Ok(None) };
        if let Some(text) = &context.options.inline {
            return Self::of_text(text, &context.folder, context.options.target_stage.clone()).map(Box::new).map(Some);
        }
        let Some(path) = context::dockerfile(&context.folder, context.options.dockerfile.as_deref()) else {
            return Ok(None);
        };
        let stage = context.options.target_stage.clone();
        Ok(Some(Box::new(Self::read(&path, Some(&context.folder), stage, Vec::new())?)))
    }

    /// One that is in no file of its own.
    fn of_text(text: &str, folder: &Path, target_stage: Option<String>) -> Result<Self> {
        let path = crate::context::INLINE.to_owned();
        let context = names(folder, true)?;
        let options = EditOptions { target_stage, skip: Vec::new(), path: path.clone(), context, installs_stay: None };
        let read = Self { text: text.to_owned(), shown: path, options };
        read.stage()?;
        Ok(read)
    }

    /// Without the edits of these rules.
    pub fn skipping(mut self, skip: Vec<String>) -> Self {
        self.options.skip = skip;
        self
    }

    fn parsed(&self) -> Result<Dockerfile<'_>> {
        Dockerfile::parse(&self.text).map_err(|error| failure(&self.shown, &error))
    }

    /// Whether the stage is there.
    fn stage(&self) -> Result<()> {
        let file = self.parsed()?;
        self.options.check(&file).map_err(|error| self.edit_failure(&error))
    }

    /// The edits that carry a plan out.
    pub fn edits(&self, plan: &Plan, rules: &[Rule], installs_stay: Option<String>) -> Result<Edits> {
        let file = self.parsed()?;
        edit(plan, rules, &file, &EditOptions { installs_stay, ..self.options.clone() })
            .map_err(|error| self.edit_failure(&error))
    }

    /// The text as it is on disk.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The stage that is built, if it is not the last one.
    pub fn target_stage(&self) -> Option<String> {
        self.options.target_stage.clone()
    }

    fn edit_failure(&self, error: &EditError) -> Failure {
        Failure::usage(anyhow::anyhow!("{}: {error}", self.shown)).hint("--target-stage takes a stage's name or number")
    }
}

fn bytes(path: &Path, context: Option<&Path>) -> std::io::Result<Vec<u8>> {
    // One byte more than is allowed, so that the parser says what is wrong.
    let most = MAX_BYTES as u64 + 1;
    match context.and_then(|context| Some((context, path.strip_prefix(context).ok()?))) {
        Some((context, inside)) => Root::open(context)?.read(inside.as_os_str().as_bytes(), most),
        None => read_named(path, most),
    }
}

fn failure(shown: &str, error: &DockerfileError) -> Failure {
    match error {
        DockerfileError::Syntax { line, message, found } => {
            let failure = Failure::usage(anyhow::anyhow!("{shown}, line {line}: {message}; found: {found}"));
            failure.hint("slimwright reads what BuildKit reads; `docker build --check` says more about a Dockerfile")
        }
        _ => Failure::usage(anyhow::anyhow!("{shown}: {error}")).hint("--dockerfile takes a Dockerfile"),
    }
}

/// The name for the diff: relative to the build context, and never a path of this machine.
fn label(path: &Path, context: Option<&Path>) -> String {
    let name = || path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let relative = context.and_then(|context| {
        let (path, context) = (fs::canonicalize(path).ok()?, fs::canonicalize(context).ok()?);
        path.strip_prefix(context).ok().map(|path| path.to_string_lossy().into_owned())
    });
    Text::from(&relative.unwrap_or_else(name)).into()
}

fn names(folder: &Path, asked: bool) -> Result<BTreeSet<String>> {
    let rows = match fs::read_dir(folder) {
        Ok(rows) => rows,
        Err(error) if asked => {
            let error = anyhow::Error::new(error).context(format!("{}: cannot look into it", Text::of_path(folder)));
            return Err(Failure::usage(error).hint("--context takes the folder that is built from"));
        }
        Err(_) => return Ok(BTreeSet::new()),
    };
    Ok(rows.flatten().take(10_000).map(|row| row.file_name().to_string_lossy().into_owned()).collect())
}
