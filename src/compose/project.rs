//! Which files a project has, what it is called, and its variables: before any file is loaded.
//!
//! Source: compose-spec, `04-version-and-name.md`; Docker's manual, "Set environment variables" and `COMPOSE_FILE`; tried
//! against Docker Compose 2.40.

use super::dotenv;
use super::error::ComposeError;
use super::folder::{Folder, read_users};
use super::interpolate::Variables;
use super::names::{DEFAULT_FILES, OVERRIDE_FILES};
use crate::yaml;
use crate::yaml::Files;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is to be read.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The files; none for those of the folder.
    pub files: Vec<PathBuf>,
    /// The project's folder, where it is not that of the first file.
    pub folder: Option<PathBuf>,
    /// The project's name.
    pub name: Option<String>,
    /// Profiles that are on; `*` for all.
    pub profiles: Vec<String>,
    /// Files of variables in place of `.env`.
    pub env_files: Vec<PathBuf>,
    /// The folder below which files may be read that a Compose file names.
    pub root: Option<PathBuf>,
    /// The environment of the user.
    pub environment: BTreeMap<String, String>,
}

/// The files that the user names, here or by a variable.
pub(super) fn named_files(request: &Request, variables: &BTreeMap<String, String>) -> Vec<PathBuf> {
    match request.files.is_empty() {
        false => request.files.clone(),
        true => split_files(variables),
    }
}

fn split_files(variables: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let separator = variables.get("COMPOSE_PATH_SEPARATOR").map_or(":", String::as_str);
    let files = variables.get("COMPOSE_FILE").map_or("", String::as_str);
    files.split(separator).filter(|file| !file.is_empty()).map(PathBuf::from).collect()
}

/// `COMPOSE_FILE` of the project's `.env`.
pub(super) fn from_variable(
    request: &Request,
    directory: &Path,
    variables: &BTreeMap<String, String>,
) -> Option<Vec<PathBuf>> {
    let is_open = request.files.is_empty() && !request.environment.contains_key("COMPOSE_FILE");
    let files = if is_open { split_files(variables) } else { Vec::new() };
    (!files.is_empty()).then(|| files.iter().map(|file| directory.join(file)).collect())
}

pub(super) fn folder_of(file: &Path) -> PathBuf {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

fn there(folder: &Path, names: &[&str]) -> Vec<PathBuf> {
    names
        .iter()
        .map(|name| if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) })
        .filter(|path| path.is_file())
        .collect()
}

fn shown(paths: impl IntoIterator<Item = PathBuf>) -> Vec<String> {
    paths.into_iter().map(|path| path.display().to_string()).collect()
}

/// An override that would be read if no file were named.
pub(super) fn beside(folder: &Path, named: &[PathBuf]) -> Vec<String> {
    let plain =
        |path: &Path| path.components().filter(|part| *part != std::path::Component::CurDir).collect::<PathBuf>();
    let is_named = |path: &PathBuf| named.iter().any(|file| plain(file) == plain(path));
    let has_default = there(folder, &DEFAULT_FILES).iter().any(is_named);
    shown(there(folder, &OVERRIDE_FILES).into_iter().filter(|path| has_default && !is_named(path)))
}

/// The folder, or one above it, that has a Compose file; that file and its override; and what was passed over.
pub(super) fn default_files(start: &Path) -> Result<(PathBuf, Vec<PathBuf>, Vec<String>), ComposeError> {
    let absolute = std::path::absolute(start).unwrap_or_else(|_| start.to_owned());
    let above = absolute.ancestors().skip(1).map(Path::to_owned);
    for folder in std::iter::once(start.to_owned()).chain(above) {
        let mut found = there(&folder, &DEFAULT_FILES).into_iter();
        let Some(file) = found.next() else { continue };
        let mut over = there(&folder, &OVERRIDE_FILES).into_iter();
        let files = std::iter::once(file).chain(over.next()).collect();
        return Ok((folder, files, shown(found.chain(over))));
    }
    Err(ComposeError::NoFile { folder: start.display().to_string() })
}

/// Adds the variables of `.env`, or of the files that are named in its place. The user's environment goes first.
pub(super) fn project_variables(
    request: &Request,
    folder: &Folder,
    directory: &Path,
    variables: &mut BTreeMap<String, String>,
) -> Result<(), ComposeError> {
    let mut texts = Vec::new();
    for path in &request.env_files {
        texts.push((path.display().to_string(), read_users(path)?));
    }
    if request.env_files.is_empty() && folder.has(directory, ".env") {
        texts.push((directory.join(".env").display().to_string(), folder.read(directory, ".env", None)?));
    }
    let mut found = BTreeMap::new();
    for (name, text) in texts {
        let outside = |name: &str| variables.get(name).or_else(|| found.get(name)).cloned();
        let read = dotenv::read(&text, &outside);
        let read = read.map_err(|error| ComposeError::Variables { name, line: error.line, message: error.message })?;
        found.extend(read);
    }
    for (name, value) in found {
        variables.entry(name).or_insert(value);
    }
    Ok(())
}

pub(super) fn read_stdin() -> Result<String, ComposeError> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::io::stdin().lock().take(super::folder::MAX_FILE).read_to_string(&mut text);
    read.map_err(|error| ComposeError::File {
        name: "stdin".into(),
        place: None,
        message: format!("cannot be read: {error}"),
        outside: false,
    })?;
    Ok(text)
}

/// The name that is given, that of the last file with one, or the folder's.
pub(super) fn project_name(
    request: &Request,
    files: &Files,
    texts: &[u32],
    directory: &Path,
    variables: &BTreeMap<String, String>,
) -> String {
    let given = request.name.clone().or_else(|| variables.get("COMPOSE_PROJECT_NAME").cloned());
    if let Some(name) = given.filter(|name| !name.is_empty()) {
        return name;
    }
    let lookup = |name: &str| variables.get(name).cloned();
    let of_file = |file: &u32| {
        let documents = yaml::read(files, *file).ok()?;
        let name = documents.iter().rev().find_map(|node| node.get("name")?.scalar())?;
        Variables::new(&lookup).substitute(&name).ok()
    };
    let folder = std::path::absolute(directory).ok();
    let folder = folder.and_then(|folder| Some(folder.file_name()?.to_string_lossy().into_owned())).unwrap_or_default();
    let of_letters = |name: String| {
        let kept = name
            .to_lowercase()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            .collect::<String>();
        kept.trim_start_matches(['_', '-']).to_owned()
    };
    let named = texts.iter().rev().find_map(of_file).map(of_letters).filter(|name| !name.is_empty());
    named.unwrap_or_else(|| of_letters(folder))
}
