//! The files of a project as Docker Compose reads them: interpolation, `include`, `extends`, and one file laid over another.
//!
//! In this order, a file after the other: variables are put in, what the file includes is loaded as a project of its own,
//! services are extended, and the file is laid over those before it. Source: compose-spec, `05-services.md` (extends),
//! `12-interpolation.md`, `13-merge.md`, `14-include.md`; tried against Docker Compose 2.40.

use super::dotenv;
use super::error::{ComposeError, PlacedError};
use super::folder::{Folder, clean, is_remote, read_users};
use super::interpolate::Variables;
use super::merge::{merged, settled};
use super::project::{
    Request, beside, default_files, folder_of, from_variable, named_files, project_name, project_variables, read_stdin,
};
use crate::base::{MASK, is_secret_name};
use crate::yaml;
use crate::yaml::{Entry, Files, Map, Node, Place, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files that are read for one project, again where they are named again.
const MAX_FILES: usize = 500;
/// Services that extend one another.
const MAX_CHAIN: usize = 50;
/// What all services may come to when they are extended, in bytes as they are counted here.
const MAX_EXTENDED: usize = 32 << 20;

/// A project's files, read and merged.
#[derive(Debug)]
pub struct Loaded {
    /// Its name.
    pub name: String,
    /// All files that were read.
    pub files: Files,
    /// How many of them are the project's own; those behind were included or extended.
    pub own: usize,
    /// The whole, without variables and marks.
    pub model: Node,
    /// Profiles that are on.
    pub profiles: Vec<String>,
    /// Variables that have no value, and where the first one stands.
    pub unset: BTreeMap<String, Place>,
    /// What a file has by the name of something that it includes.
    pub conflicts: Vec<(String, Place)>,
    /// Names of files that are there and were not read: other default files, an override beside files that were named.
    pub passed_over: Vec<String>,
    /// The variables of the project.
    pub variables: BTreeMap<String, String>,
    /// Where the files are.
    pub folder: Folder,
    /// The project's folder.
    pub directory: PathBuf,
}

/// Reads a project.
///
/// # Errors
///
/// A file is missing or no YAML, a variable that must have a value has none, something includes or extends itself, or
/// what stands somewhere cannot be there.
pub fn load(request: &Request) -> Result<Loaded, PlacedError> {
    let mut files = Files::default();
    load_into(request, &mut files).map_err(|error| error.with_places(&files))
}

fn load_into(request: &Request, files: &mut Files) -> Result<Loaded, ComposeError> {
    let mut variables = request.environment.clone();
    // A name says that it is a secret: what it holds is no fact of the file.
    for (_, value) in variables.iter_mut().filter(|(name, _)| is_secret_name(name)) {
        *value = MASK.to_owned();
    }
    let named = named_files(request, &variables);
    let first = named.first().filter(|file| file.as_os_str() != "-" && !file.is_dir());
    let start = match (&request.folder, first, named.first()) {
        (Some(folder), ..) => folder.clone(),
        (None, Some(file), _) => folder_of(file),
        (None, None, Some(folder)) if folder.is_dir() => folder.clone(),
        _ => PathBuf::from("."),
    };
    let (directory, paths, passed_over) = match first.or(named.first().filter(|file| file.as_os_str() == "-")) {
        Some(_) => (start.clone(), named.clone(), beside(&start, &named)),
        None => default_files(&start)?,
    };
    let folder = Folder::open(request.root.as_deref(), &directory)?;
    project_variables(request, &folder, &directory, &mut variables)?;
    let paths = from_variable(request, &directory, &variables).unwrap_or(paths);
    let own = paths.len();
    let mut texts = Vec::new();
    for path in &paths {
        let text = if path.as_os_str() == "-" { read_stdin()? } else { read_users(path)? };
        texts.push(files.add(&path.display().to_string(), text));
    }
    let name = project_name(request, files, &texts, &directory, &variables);
    variables.entry("COMPOSE_PROJECT_NAME".to_owned()).or_insert_with(|| name.clone());
    let taken = std::mem::take(files);
    let mut loader =
        Loader { files: taken, folder, read: 0, left: MAX_EXTENDED, unset: BTreeMap::new(), conflicts: Vec::new() };
    let outcome = loader.project(&texts, &directory, &variables, &mut Vec::new());
    *files = std::mem::take(&mut loader.files);
    let model = outcome?;
    let is_profile = |text: &&str| !text.is_empty();
    let more =
        variables.get("COMPOSE_PROFILES").map_or("", String::as_str).split(',').map(str::trim).filter(is_profile);
    let profiles = request.profiles.iter().cloned().chain(more.map(str::to_owned)).collect();
    Ok(Loaded {
        name,
        files: files.clone(),
        own,
        model,
        profiles,
        unset: loader.unset,
        conflicts: loader.conflicts,
        passed_over,
        variables,
        folder: loader.folder,
        directory,
    })
}

struct Loader {
    files: Files,
    folder: Folder,
    read: usize,
    left: usize,
    unset: BTreeMap<String, Place>,
    conflicts: Vec<(String, Place)>,
}

impl Loader {
    /// The files of a project, one laid over the other.
    fn project(
        &mut self,
        files: &[u32],
        directory: &Path,
        variables: &BTreeMap<String, String>,
        chain: &mut Vec<String>,
    ) -> Result<Node, ComposeError> {
        let mut whole: Option<Node> = None;
        for &file in files {
            for document in self.documents(file, variables)? {
                let mut document = self.included(document, directory, variables, chain)?;
                self.extend(&mut document, file, directory, variables)?;
                whole = Some(match whole {
                    Some(base) => merged(base, document, &mut Vec::new())?,
                    None => document,
                });
            }
        }
        let place = Place { file: files.first().copied().unwrap_or(0), start: 0, end: 0 };
        let empty = ComposeError::Shape { place, path: String::new(), message: "the file is empty".to_owned() };
        Ok(resolved(settled(whole.ok_or(empty)?), directory))
    }

    /// The documents of a file, with the values of variables.
    fn documents(&mut self, file: u32, variables: &BTreeMap<String, String>) -> Result<Vec<Node>, ComposeError> {
        let documents = yaml::read(&self.files, file).map_err(|error| ComposeError::Shape {
            place: error.place,
            path: String::new(),
            message: error.message,
        })?;
        let lookup = |name: &str| variables.get(name).cloned();
        let mut out = Vec::new();
        for mut document in documents {
            if document.map().is_none() {
                let message = format!("expected a mapping with `services`, found {}", document.kind());
                return Err(ComposeError::Shape { place: document.place, path: String::new(), message });
            }
            let found = Variables::new(&lookup);
            self.interpolate(&mut document, &mut Vec::new(), &found)?;
            out.push(document);
        }
        Ok(out)
    }

    fn interpolate(
        &mut self,
        node: &mut Node,
        path: &mut Vec<String>,
        variables: &Variables<'_>,
    ) -> Result<(), ComposeError> {
        let place = node.place;
        match &mut node.value {
            Value::Text(text) if text.contains('$') => {
                *text = variables.substitute(text).map_err(|error| ComposeError::Shape {
                    place,
                    path: path.join("."),
                    message: error.to_string(),
                })?;
                for name in variables.unset.take() {
                    self.unset.entry(name).or_insert(place);
                }
            }
            Value::List(list) => {
                for (at, node) in list.iter_mut().enumerate() {
                    path.push(at.to_string());
                    self.interpolate(node, path, variables)?;
                    path.pop();
                }
            }
            Value::Map(map) => {
                for (key, entry) in map {
                    path.push(key.clone());
                    self.interpolate(&mut entry.node, path, variables)?;
                    path.pop();
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A file that another one names.
    fn file(&mut self, directory: &Path, path: &str, place: Place) -> Result<u32, ComposeError> {
        self.read += 1;
        if self.read > MAX_FILES {
            let message = format!("expected at most {MAX_FILES} files in all, found more");
            return Err(ComposeError::Shape { place, path: String::new(), message });
        }
        let is_remote = path.contains("://") || path.starts_with("oci:") || path.starts_with("git@");
        if is_remote {
            let message = "is somewhere else, and nothing is fetched".to_owned();
            return Err(ComposeError::File { name: path.to_owned(), place: Some(place), message, outside: false });
        }
        let text = self.folder.read(directory, path, Some(place))?;
        let name = if Path::new(path).is_absolute() { PathBuf::from(path) } else { directory.join(path) };
        let name = name.strip_prefix("./").unwrap_or(&name).display().to_string();
        Ok(self.files.add(&name, text))
    }

    /// A document with what it includes.
    fn included(
        &mut self,
        mut document: Node,
        directory: &Path,
        variables: &BTreeMap<String, String>,
        chain: &mut Vec<String>,
    ) -> Result<Node, ComposeError> {
        let Value::Map(map) = &mut document.value else { return Ok(document) };
        let Some(include) = map.remove("include").filter(|entry| !entry.node.is_null()) else { return Ok(document) };
        let Some(list) = include.node.list() else {
            let message = format!("expected a list, found {}", include.node.kind());
            return Err(ComposeError::Shape { place: include.node.place, path: "include".into(), message });
        };
        for one in list {
            let project = self.include(one, directory, variables, chain)?;
            for section in ["services", "volumes", "networks", "secrets", "configs", "models"] {
                import(&project, &mut document, section, &mut self.conflicts)?;
            }
        }
        Ok(document)
    }

    fn include(
        &mut self,
        node: &Node,
        directory: &Path,
        variables: &BTreeMap<String, String>,
        chain: &mut Vec<String>,
    ) -> Result<Node, ComposeError> {
        let paths = texts(node.get("path").unwrap_or(node));
        let Some((first, place)) = paths.first().cloned() else {
            let message = format!("expected a path, or a mapping with `path`, found {}", node.kind());
            return Err(ComposeError::Shape { place: node.place, path: "include".into(), message });
        };
        let inside = match node.get("project_directory").and_then(Node::text) {
            Some(named) => directory.join(named),
            None => folder_of(&directory.join(&first)),
        };
        let here = directory.join(&first).display().to_string();
        if chain.contains(&here) || chain.len() >= MAX_CHAIN {
            chain.push(here);
            return Err(ComposeError::Circle { place, chain: std::mem::take(chain) });
        }
        let mut own = variables.clone();
        let env_files = node.get("env_file").map(texts).unwrap_or_default();
        let mut named: Vec<(String, PathBuf, Option<Place>)> =
            env_files.into_iter().map(|(path, place)| (path, directory.to_owned(), Some(place))).collect();
        if named.is_empty() && self.folder.has(&inside, ".env") {
            named.push((".env".to_owned(), inside.clone(), None));
        }
        for (path, folder, place) in named.into_iter().filter(|(path, ..)| path != "/dev/null") {
            let text = self.folder.read(&folder, &path, place)?;
            let outside = |name: &str| own.get(name).cloned();
            let found = dotenv::read(&text, &outside).map_err(|error| ComposeError::Variables {
                name: folder.join(&path).display().to_string(),
                line: error.line,
                message: error.message,
            })?;
            for (name, value) in found {
                own.entry(name).or_insert(value);
            }
        }
        let mut files = Vec::new();
        for (path, place) in &paths {
            files.push(self.file(directory, path, *place)?);
        }
        chain.push(here);
        let project = self.project(&files, &inside, &own, chain)?;
        chain.pop();
        Ok(project)
    }

    /// Carries out `extends` of all services of a document.
    fn extend(
        &mut self,
        document: &mut Node,
        file: u32,
        directory: &Path,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), ComposeError> {
        let Value::Map(map) = &mut document.value else { return Ok(()) };
        let Some(services) = map.get_mut("services") else { return Ok(()) };
        let place = services.node.place;
        let Value::Map(all) = &mut services.node.value else {
            if services.node.is_null() {
                return Ok(());
            }
            let message = format!("expected a mapping, found {}", services.node.kind());
            return Err(ComposeError::Shape { place, path: "services".into(), message });
        };
        let before = all.clone();
        let names: Vec<String> =
            all.iter().filter(|(_, entry)| entry.node.get("extends").is_some()).map(|(name, _)| name.clone()).collect();
        for name in names {
            let mut chain = Vec::new();
            let node = self.extended(&before, &name, file, directory, variables, &mut chain)?;
            if let Some(entry) = all.get_mut(&name) {
                entry.node = node;
            }
        }
        Ok(())
    }

    /// A service with all that it extends.
    fn extended(
        &mut self,
        services: &Map,
        name: &str,
        file: u32,
        directory: &Path,
        variables: &BTreeMap<String, String>,
        chain: &mut Vec<(u32, String)>,
    ) -> Result<Node, ComposeError> {
        let Some(entry) = services.get(name) else {
            let place = Place { file, start: 0, end: 0 };
            return Err(ComposeError::Shape {
                place,
                path: "services".into(),
                message: format!("there is no `{name}`"),
            });
        };
        let mut own = entry.node.clone();
        let Value::Map(map) = &mut own.value else { return Ok(own) };
        let Some(extends) = map.remove("extends").map(|entry| entry.node).filter(|node| !node.is_null()) else {
            return Ok(own);
        };
        let place = extends.place;
        let shape = |message: String| ComposeError::Shape { place, path: format!("services.{name}.extends"), message };
        let Some(base) = extends.text().or_else(|| extends.get("service")?.text()) else {
            return Err(shape("expected the name of a service, or a mapping with `service`".to_owned()));
        };
        let path = extends.get("file").and_then(Node::text);
        if chain.iter().any(|(other, service)| (*other, service.as_str()) == (file, name)) || chain.len() >= MAX_CHAIN {
            let mut chain: Vec<String> = chain.iter().map(|(_, service)| service.clone()).collect();
            chain.push(name.to_owned());
            return Err(ComposeError::Circle { place, chain });
        }
        chain.push((file, name.to_owned()));
        let not_there = || {
            shape(format!("there is no service `{base}`{}", path.map_or(String::new(), |path| format!(" in {path}"))))
        };
        let below = match path {
            None if services.contains_key(base) => self.extended(services, base, file, directory, variables, chain)?,
            None => return Err(not_there()),
            Some(path) => {
                let (other, folder) = (self.extended_file(directory, path, place)?, folder_of(&directory.join(path)));
                let mut all = Map::new();
                for document in self.documents(other, variables)? {
                    if let Value::Map(mut map) = document.value
                        && let Some(Entry { node: Node { value: Value::Map(services), .. }, .. }) =
                            map.remove("services")
                    {
                        all.extend(services);
                    }
                }
                if !all.contains_key(base) {
                    return Err(not_there());
                }
                let node = self.extended(&all, base, other, &folder, variables, chain)?;
                resolved_service(node, &folder)
            }
        };
        chain.pop();
        let below = settled_at(below, name);
        self.left = self
            .left
            .checked_sub(cost(&below))
            .ok_or_else(|| shape("what is extended comes to too much".to_owned()))?;
        if below.is_null() {
            return Ok(own);
        }
        merged(below, own, &mut vec!["services".to_owned(), name.to_owned()])
    }

    /// A file that services are extended from: once read, it is the same file, so that a circle is seen.
    fn extended_file(&mut self, directory: &Path, path: &str, place: Place) -> Result<u32, ComposeError> {
        let name = directory.join(path);
        let name = name.strip_prefix("./").unwrap_or(&name).display().to_string();
        let known = self.files.names().position(|known| known == name);
        match known {
            Some(known) => Ok(known as u32),
            None => self.file(directory, path, place),
        }
    }
}

/// What of an included project is new, or is laid below what the file has by the same name.
fn import(
    project: &Node,
    document: &mut Node,
    section: &str,
    conflicts: &mut Vec<(String, Place)>,
) -> Result<(), ComposeError> {
    let (Some(from), Value::Map(map)) = (project.get(section), &mut document.value) else { return Ok(()) };
    let Value::Map(from_map) = &from.value else { return Ok(()) };
    let place = from.place;
    let entry = map
        .entry(section.to_owned())
        .or_insert_with(|| Entry { key: place, node: Node { value: Value::Map(Map::new()), place, mark: None } });
    if entry.node.is_null() {
        entry.node.value = Value::Map(Map::new());
    }
    let Value::Map(to) = &mut entry.node.value else { return Ok(()) };
    for (name, included) in from_map {
        let node = match to.remove(name) {
            None => included.clone(),
            Some(own) => {
                conflicts.push((format!("{section}.{name}"), own.key));
                let mut path = vec![section.to_owned(), name.clone()];
                Entry { key: own.key, node: merged(included.node.clone(), own.node, &mut path)? }
            }
        };
        to.insert(name.clone(), node);
    }
    Ok(())
}

/// The texts of a text or a list, with their places.
fn texts(node: &Node) -> Vec<(String, Place)> {
    let one = |node: &Node| Some((node.text()?.to_owned(), node.place));
    match node.list() {
        Some(list) => list.iter().filter_map(one).collect(),
        None => one(node).into_iter().collect(),
    }
}

fn settled_at(node: Node, name: &str) -> Node {
    // Lists are known by their keys, which lead from the top.
    let place = node.place;
    let wrap = |key: &str, node: Node| {
        let map = Map::from([(key.to_owned(), Entry { key: place, node })]);
        Node { value: Value::Map(map), place, mark: None }
    };
    let whole = settled(wrap("services", wrap(name, node)));
    whole.at(&["services", name]).cloned().unwrap_or(Node { value: Value::Null, place, mark: None })
}

/// About how many bytes a node takes.
fn cost(node: &Node) -> usize {
    let below: usize = match &node.value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.iter().map(cost).sum(),
        Value::Map(map) => map.iter().map(|(key, entry)| key.len() + cost(&entry.node)).sum(),
        _ => 0,
    };
    below + size_of::<Node>()
}

/// All services with their paths as they are from the project's folder.
fn resolved(mut model: Node, directory: &Path) -> Node {
    let Value::Map(map) = &mut model.value else { return model };
    if let Some(Entry { node: Node { value: Value::Map(services), .. }, .. }) = map.get_mut("services") {
        for entry in services.values_mut() {
            let node = std::mem::replace(&mut entry.node, Node { value: Value::Null, place: entry.key, mark: None });
            entry.node = resolved_service(node, directory);
        }
    }
    model
}

/// A service whose paths to files of variables and to its build context lead from a folder.
fn resolved_service(mut service: Node, folder: &Path) -> Node {
    let Value::Map(map) = &mut service.value else { return service };
    if let Some(entry) = map.get_mut("env_file") {
        each_text(&mut entry.node, "path", folder);
    }
    if let Some(entry) = map.get_mut("build") {
        match &mut entry.node.value {
            Value::Text(_) => each_text(&mut entry.node, "context", folder),
            Value::Map(build) => {
                if let Some(context) = build.get_mut("context") {
                    each_text(&mut context.node, "context", folder);
                }
                if let Some(contexts) = build.get_mut("additional_contexts") {
                    each_context(&mut contexts.node, folder);
                }
            }
            _ => {}
        }
    }
    service
}

/// Contexts beside the own one, by name: a mapping, or a list of `NAME=CONTEXT`.
fn each_context(node: &mut Node, folder: &Path) {
    match &mut node.value {
        Value::Map(map) => {
            for entry in map.values_mut() {
                if let Value::Text(text) = &mut entry.node.value {
                    *text = from_folder(text, folder);
                }
            }
        }
        Value::List(list) => {
            for node in list {
                if let Value::Text(text) = &mut node.value
                    && let Some((name, context)) = text.split_once('=')
                {
                    *text = format!("{name}={}", from_folder(context, folder));
                }
            }
        }
        _ => {}
    }
}

/// A path as it leads from a folder; what is no path stays.
fn from_folder(text: &str, folder: &Path) -> String {
    if is_remote(text) || text.starts_with("service:") {
        return text.to_owned();
    }
    let path = folder.join(text);
    let absolute = std::path::absolute(&path).unwrap_or(path);
    clean(&absolute).unwrap_or(absolute).display().to_string()
}

fn each_text(node: &mut Node, key: &str, folder: &Path) {
    match &mut node.value {
        Value::Text(text) => *text = from_folder(text, folder),
        Value::List(list) => list.iter_mut().for_each(|node| each_text(node, key, folder)),
        Value::Map(map) => {
            if let Some(entry) = map.get_mut(key) {
                each_text(&mut entry.node, key, folder);
            }
        }
        _ => {}
    }
}
