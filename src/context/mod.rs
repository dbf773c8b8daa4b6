//! A virtual image: what a build context would become, without building it.
//!
//! ```text
//! folder, .dockerignore ─► Dockerfile, stage by stage ─► layers of entries ─► Image, with its gaps
//!                              │ FROM            └► base image, real or unknown
//!                              └ RUN pip, uv, apt-get, … ─► uv, wheels' lists, package indexes
//! ```
//!
//! The result is an [`Image`] like any other, so that everything above it (ledger, rules, plan, budget, reports) need not
//! know that it does not exist. Three things hold:
//!
//! * **Nothing is run and nothing is built.** A `RUN` line is read, not executed. What is known of a command (`pip
//!   install`, `apt-get install`, `rm`, `chown`, …) is carried out in thought; what cannot be known is a
//!   [`Gap`] with its line and a reason, and never nothing.
//! * **Sizes have a source.** Files of the context are measured; a wheel's files stand in its own list; bytecode, scripts and OS packages
//!   are predicted by stated rules. The image's basis is `predicted`.
//! * **The outside is an interface.** Base images, package indexes and wheels are asked for through [`Outside`].
//!
//! In a virtual image the digest of a wheel's file is not that of its content, which nobody has read: it is made of
//! the CRC-32 and size that the wheel's list states, so that two files are the same where these are.
//!
//! Source: the Dockerfile reference (<https://docs.docker.com/reference/dockerfile/>), pip's, uv's and apt's manuals.

mod archive;
mod arguments;
mod backend;
mod branch;
mod conda;
mod copy;
mod described;
mod earned;
mod error;
mod exports;
mod expression;
mod fetch;
mod files;
mod find;
mod folder;
mod ignore;
mod imports;
mod install;
mod installer;
mod known;
mod names;
mod origin;
mod places;
mod platform;
mod programs;
mod projects;
mod readers;
mod redirect;
mod run;
mod script;
mod seed;
mod sequence;
mod settings;
mod shell;
mod site;
mod stage;
mod system;
mod test;
mod text;
mod tree;
mod trial;
mod users;
mod uv;
mod values;
mod words;
mod work;
mod wrappers;

pub use error::ContextError;
pub use ignore::Ignore;
pub use known::{CondaRequest, KnownConda, KnownDistribution, KnownFile, KnownLayer, KnownPackage, KnownPackages};

use crate::base::{Basis, Found, Root, Text, read_named};
use crate::dockerfile::{Dockerfile, MAX_BYTES};
use crate::image::{Gap, GapReason, Image, Writes};
use crate::index::{Files, Request, RequestError, Resolution, Resolved};
use crate::os::OsInventory;
use crate::ospackages::{Installation, PackageRequest, Repositories, RepositoryError, Sources};
use crate::wheel::Platform;
use folder::Folder;
use stage::{Stage, World};
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A Dockerfile with more instructions is none: engines stop at 127 layers.
const MAX_INSTRUCTIONS: usize = 2_000;

/// What a Dockerfile is called that is in no file of its own.
pub const INLINE: &str = "dockerfile_inline";

/// What the user may choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextOptions {
    /// The Dockerfile, if it is not `Dockerfile` in the folder.
    pub dockerfile: Option<PathBuf>,
    /// The Dockerfile's text, where it is in no file: a Compose file's `dockerfile_inline`.
    pub inline: Option<String>,
    /// The stage to make, by name or number, if it is not the last one.
    pub target_stage: Option<String>,
    /// `--build-arg`: names and values.
    pub build_arguments: BTreeMap<String, String>,
    /// `linux/amd64`.
    pub platform: String,
    /// `3.11`, where the base image does not tell or is not known.
    pub python: Option<String>,
}

/// What a name in a `FROM` or `COPY --from` is.
#[derive(Clone, Debug)]
pub enum Base {
    /// Read or recorded, with all its entries. With it, where it came from, in words.
    Known(Box<Image>, String),
    /// Its manifest and configuration alone: its layers have compressed sizes and no entries.
    Manifest(Box<Image>),
    /// It is not to be had; why.
    Unknown(String),
    /// Whoever should have it says that there is none; in whose words.
    Missing(String),
}

/// What lies outside of the folder.
pub trait Outside {
    /// The image of a name.
    fn image(&self, name: &str) -> Base;
    /// What an installer would install, which reads these files.
    ///
    /// # Errors
    ///
    /// The requirements cannot be read or met, or the index cannot be asked.
    fn resolve(&self, request: &Request, files: &dyn Files, platform: &Platform) -> Result<Resolution, RequestError>;
    /// The indexes of an image's package repositories.
    ///
    /// # Errors
    ///
    /// The image names none, or none of them could be read.
    fn repositories(&self, sources: &Sources, architecture: &str) -> Result<Repositories, RepositoryError>;
    /// The files of a distribution, where they are known better than by its wheel.
    fn installed(&self, _package: &Resolved) -> Option<KnownDistribution> {
        None
    }
    /// Bytes of bytecode to bytes of source of a distribution, where another installation of it shows them.
    fn bytecode_ratio(&self, _package: &Resolved) -> Option<(u64, u64)> {
        None
    }
    /// What an install command brings to these packages, where that is known without the repositories.
    fn packages(&self, _request: &PackageRequest, _present: &OsInventory) -> Option<KnownPackages> {
        None
    }
    /// What conda brings to an environment, where that is known.
    fn conda(&self, _request: &CondaRequest<'_>) -> Option<KnownConda> {
        None
    }
    /// What is known of the packages of an installation that an image has at exactly the same versions; their indexes
    /// could not be read where there is no `_found`.
    fn measured(
        &self,
        _request: &PackageRequest,
        _found: Option<&Installation>,
        _present: &OsInventory,
    ) -> Option<KnownPackages> {
        None
    }
    /// The layer that an instruction makes, by its position in the file, where that is known without carrying it out.
    fn layer(&self, _instruction: usize) -> Option<&KnownLayer> {
        None
    }
}

/// Texts that are not on disk, over a folder or over nothing.
#[derive(Clone, Copy, Debug)]
pub struct Written<'w> {
    /// The folder that they are put into; none where there is nothing else.
    pub folder: Option<&'w Path>,
    /// The Dockerfile's name.
    pub dockerfile: &'w str,
    /// The Dockerfile.
    pub text: &'w str,
    /// The other files: paths relative to the folder, and texts.
    pub files: &'w [(String, String)],
}

/// What a build context becomes.
#[derive(Clone, Debug)]
pub struct Virtual {
    /// The image.
    pub image: Image,
    /// The Dockerfile that was read; none where the folder has none.
    pub dockerfile: Option<PathBuf>,
    /// The base image as the Dockerfile names it.
    pub base: Option<String>,
    /// What the user should know of how it was made.
    pub notes: Vec<String>,
}

/// Reads a build context.
///
/// # Errors
///
/// The folder or its Dockerfile cannot be read, the build would fail (a file to copy is not there, requirements cannot be
/// met), or what decides everything is not to be had (no index answers).
pub fn read(root: &Path, options: &ContextOptions, outside: &dyn Outside) -> Result<Virtual, ContextError> {
    let path = options.dockerfile.clone().or_else(|| dockerfile_in(root)).filter(|_| options.inline.is_none());
    let folder = Folder::read(root, path.as_deref())?;
    if let Some(text) = &options.inline {
        return make(
            text,
            &folder,
            Names { name: INLINE.into(), root: Some(root), dockerfile: None },
            options,
            outside,
        );
    }
    let text = match &path {
        Some(path) => read_dockerfile(root, options.dockerfile.as_deref(), path)?,
        None => without_dockerfile(&folder, root, options)?,
    };
    let name = path.as_deref().map_or_else(|| "(no Dockerfile)".to_owned(), |path| shown(path, root));
    make(&text, &folder, Names { name, root: Some(root), dockerfile: path }, options, outside)
}

/// Reads a Dockerfile that is not on disk: what an emitted or edited one would make.
///
/// # Errors
///
/// As for [`read`].
pub fn simulate(
    written: &Written<'_>,
    options: &ContextOptions,
    outside: &dyn Outside,
) -> Result<Virtual, ContextError> {
    let folder = Folder::with(written.folder, options.dockerfile.as_deref(), written.files)?;
    let name = Text::from(written.dockerfile);
    make(written.text, &folder, Names { name: name.into(), root: written.folder, dockerfile: None }, options, outside)
}

/// What a Dockerfile and its folder are called.
struct Names<'n> {
    /// The Dockerfile's name, escaped.
    name: String,
    root: Option<&'n Path>,
    dockerfile: Option<PathBuf>,
}

fn make(
    text: &str,
    folder: &Folder,
    names: Names<'_>,
    options: &ContextOptions,
    outside: &dyn Outside,
) -> Result<Virtual, ContextError> {
    let Names { name, root, dockerfile: path } = names;
    let file =
        Dockerfile::parse(text).map_err(|source| ContextError::Dockerfile { path: name.clone().into(), source })?;
    if file.instructions.len() > MAX_INSTRUCTIONS {
        return Err(ContextError::TooLong { path: name.into(), most: MAX_INSTRUCTIONS });
    }
    let target = match &options.target_stage {
        Some(wanted) => file.stage(wanted).ok_or_else(|| ContextError::no_stage(&name, wanted, &file))?,
        None => file.stages.len().checked_sub(1).ok_or_else(|| ContextError::NoFrom { path: name.clone().into() })?,
    };
    let world = World::new(&file, name, folder, options, outside);
    let stage = world.stage(target)?;
    world.forget_stages();
    let mut stage = Rc::unwrap_or_clone(stage);
    if let Some(image) = file.foreign_frontend() {
        let place = format!("{}, line 1", world.name);
        stage.gap(&place, &format!("syntax={image}"), GapReason::Frontend(image.to_owned()), Writes::Anywhere);
    }
    let base = file.lineage(target).first().map(|&first| file.stages[first].image.clone());
    Ok(finish(&world, stage, root, path, base))
}

/// One gap for each thing that is not known, though it came both with the base and with what was copied from another stage.
fn merged(gaps: Vec<Gap>) -> Vec<Gap> {
    let mut out: Vec<Gap> = Vec::new();
    for gap in gaps {
        let is_it = |old: &&mut Gap| (&old.place, &old.command, &old.why) == (&gap.place, &gap.command, &gap.why);
        match out.iter_mut().find(is_it) {
            Some(old) => old.writes = std::mem::replace(&mut old.writes, Writes::nothing()).and(gap.writes),
            None => out.push(gap),
        }
    }
    out
}

fn finish(
    world: &World<'_>,
    stage: Stage,
    root: Option<&Path>,
    dockerfile: Option<PathBuf>,
    base: Option<String>,
) -> Virtual {
    let name = root.map(|root| std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned())).unwrap_or_default();
    let name = name.file_name().map_or_else(|| "context".to_owned(), |name| Text::from(&name.to_string_lossy()).into());
    let mut gaps = merged(stage.gaps);
    for (place, why) in &world.folder.bad_patterns {
        let (command, why) = ("a pattern".into(), GapReason::Unreadable(why.clone()));
        gaps.push(Gap { place: place.clone(), command, why, writes: Writes::Anywhere, copied: false });
    }
    let base = base
        .filter(|_| dockerfile.is_some() || world.options.inline.is_some())
        .map(|image| world.globals().expand(&image).unwrap_or(image));
    let mut config = stage.config.without_secrets();
    if let Some(base) = &base {
        config.labels.entry("org.opencontainers.image.base.name".into()).or_insert_with(|| base.clone());
    }
    let base_layers = stage.tree.base_layers();
    let image = Image {
        name,
        platform: world.options.platform.clone(),
        config,
        layers: stage.tree.layers,
        problems: stage.problems,
        unread: stage.unread,
        gaps,
        base: Some(base_layers),
        ..Image::new(Basis::Predicted)
    };
    Virtual { image, dockerfile, base, notes: world.take_notes() }
}

/// `Dockerfile` or `Containerfile`, which may be links within the folder.
pub fn dockerfile_in(root: &Path) -> Option<PathBuf> {
    let disk = Root::open(root).ok()?;
    let names = ["Dockerfile", "Containerfile", "dockerfile"];
    // One that leads out of it is no other one's turn: reading it says why not.
    let is_there =
        |name: &&str| disk.find(name.as_bytes()) == Some(Found::File) || root.join(name).symlink_metadata().is_ok();
    names.into_iter().find(is_there).map(|name| root.join(name))
}

/// What a folder without a Dockerfile says: its lock, its project or its requirements, installed on nothing that is known.
fn without_dockerfile(folder: &Folder, root: &Path, options: &ContextOptions) -> Result<String, ContextError> {
    let has = |name: &str| folder.get(name.as_bytes()).is_some();
    let command = match () {
        () if has("uv.lock") => "uv sync --frozen --no-dev",
        () if has("poetry.lock") => "poetry install --only main --no-root",
        () if has("pdm.lock") => "pdm sync --prod",
        () if has("Pipfile.lock") => "pipenv sync --system",
        () if has("pylock.toml") => "uv pip sync --system pylock.toml",
        () if has("requirements.txt") => "pip install --no-cache-dir -r requirements.txt",
        () if has("pyproject.toml") => "pip install --no-cache-dir .",
        () => return Err(ContextError::Nothing { path: crate::base::Text::of_path(root) }),
    };
    let python = options.python.clone().or_else(|| python_version_file(folder)).ok_or(ContextError::NoPython)?;
    Ok(format!("FROM python:{python}\nWORKDIR /app\nCOPY . .\nRUN {command}\n"))
}

/// `.python-version`, as pyenv and uv read it: `3.11` or `3.11.7`.
fn python_version_file(folder: &Folder) -> Option<String> {
    let content = folder.content(b".python-version")?;
    site::minor_of(std::str::from_utf8(&content).ok()?.lines().next()?.trim())
}

/// Reads a Dockerfile: below the context's root where it is found there, wherever it is where the user names it from
/// elsewhere.
fn read_dockerfile(root: &Path, named: Option<&Path>, found: &Path) -> Result<String, ContextError> {
    let inside = found.strip_prefix(root).ok().filter(|_| named.is_none_or(Path::is_absolute));
    let Some(inside) = inside else { return read_text(found) };
    text_in(&Root::open(root).map_err(|source| ContextError::read(root, source))?, inside)
}

/// Reads a text file of the context's, up to a bound.
fn text_in(disk: &Root, path: &Path) -> Result<String, ContextError> {
    let bytes = disk.read(path.as_os_str().as_bytes(), MAX_BYTES as u64 + 1);
    text_of(path, bytes)
}

/// Reads a text file of the user's, up to a bound.
fn read_text(path: &Path) -> Result<String, ContextError> {
    text_of(path, read_named(path, MAX_BYTES as u64 + 1))
}

fn text_of(path: &Path, bytes: std::io::Result<Vec<u8>>) -> Result<String, ContextError> {
    let bytes = bytes.map_err(|source| ContextError::read(path, source))?;
    let text = Dockerfile::text(&bytes);
    let text = text.map_err(|source| ContextError::Dockerfile { path: crate::base::Text::of_path(path), source })?;
    Ok(text.to_owned())
}

/// A path relative to the context, escaped.
fn shown(path: &Path, root: &Path) -> String {
    crate::base::Text::of_path(path.strip_prefix(root).unwrap_or(path)).into()
}
