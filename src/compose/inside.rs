//! What a service's container has inside, as far as its files say: the entry point and the command of the Dockerfile, and the files that
//! it copies or that are mounted.
//!
//! Nothing is built. What a `RUN` makes is not known here, and a file that one rewrites is not read.
//!
//! Source: the Dockerfile reference, "COPY", "CMD", "ENTRYPOINT"; compose-spec, "volumes", "configs".

use super::interpolate::Variables;
use super::load::Loaded;
use super::model::Service;
use crate::base::Found;
use crate::dockerfile::sh::pattern::wildcard;
use crate::dockerfile::{Copy, Dockerfile, Instruction, Kind, Scope};
use crate::yaml::{Node, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Stages that one copies from in another.
const MAX_STAGES: usize = 8;
/// Bytes of a file.
const MAX_FILE: usize = 512 << 10;

/// What is inside.
#[derive(Debug, Default)]
pub struct Inside {
    /// The working directory, where it is known.
    pub directory: Option<String>,
    /// The entry point of the Dockerfile, where it has one.
    pub entrypoint: Option<Vec<String>>,
    /// The command of the Dockerfile, where it has one; empty where its entry point took that of the base away.
    pub command: Option<Vec<String>>,
    /// The variables of the Dockerfile; nothing for those whose value is not known.
    pub environment: BTreeMap<String, Option<String>>,
    /// The image that the Dockerfile builds on, where it is none of its stages.
    pub base: Option<String>,
    /// What is mounted: a path of the container, and what is there.
    mounts: Vec<(String, Mount)>,
    /// The stages of the Dockerfile with what they copy, and the one that is built.
    stages: Vec<Vec<Step>>,
    built: usize,
}

#[derive(Debug)]
enum Mount {
    /// A file or folder of this machine.
    Path(PathBuf),
    /// A text that stands in the Compose file.
    Text(String),
}

/// An instruction that decides which files there are.
#[derive(Debug)]
enum Step {
    /// Copies of the folder that is built from.
    Copied { sources: Vec<PathBuf>, destination: String, into: bool },
    /// Copies of another stage.
    From { stage: usize, sources: Vec<String>, destination: String, into: bool },
    /// A command that may change files: its text.
    Run(String),
}

impl Inside {
    /// Of a service.
    pub fn new(service: &Service, loaded: &Loaded) -> Self {
        let mut out = service.build.as_ref().and_then(|_| of_build(service, loaded)).unwrap_or_default();
        out.mounts = mounts(service, loaded);
        if let Some(directory) = service.node.get("working_dir").and_then(Node::scalar) {
            out.directory = Some(directory);
        }
        out
    }

    /// The text of a file, by its absolute path in the container.
    pub fn read(&self, path: &str, loaded: &Loaded) -> Option<String> {
        let below = self.mounts.iter().filter_map(|(at, what)| Some((rest_of(path, at)?, at, what)));
        let text = match below.max_by_key(|(_, at, _)| at.len()) {
            Some((rest, _, Mount::Path(host))) => read(&joined(host, rest), loaded),
            Some(("", _, Mount::Text(text))) => Some(text.clone()),
            Some(_) => None,
            None => self.copied(self.built, path, 0, loaded).and_then(|host| read(&host, loaded)),
        };
        text.filter(|text| text.len() <= MAX_FILE)
    }

    /// The file of this machine that a path of a stage was copied from.
    fn copied(&self, stage: usize, path: &str, depth: usize, loaded: &Loaded) -> Option<PathBuf> {
        let name = path.rsplit('/').next().unwrap_or(path);
        for step in self.stages.get(stage).filter(|_| depth < MAX_STAGES)?.iter().rev() {
            match step {
                Step::Run(text) if rewrites(text, name) => return None,
                Step::Run(_) => {}
                Step::Copied { sources, destination, into } => {
                    let found = sources.iter().rev().find_map(|source| {
                        let host = on_host(path, source, destination, *into, loaded)?;
                        (loaded.folder.find(&host) == Some(Some(Found::File))).then_some(host)
                    });
                    if found.is_some() {
                        return found;
                    }
                }
                Step::From { stage, sources, destination, into } => {
                    let found = sources.iter().rev().find_map(|source| {
                        let name = source.rsplit('/').next().unwrap_or(source);
                        let as_folder = || {
                            let rest = rest_of(path, destination)?;
                            self.copied(*stage, &format!("{}/{rest}", source.trim_end_matches('/')), depth + 1, loaded)
                        };
                        let as_file = || {
                            below(path, destination, name, *into, false)?;
                            self.copied(*stage, source, depth + 1, loaded)
                        };
                        as_file().or_else(as_folder)
                    });
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        None
    }
}

/// Where on this machine a path of the container is, if it is of this source.
fn on_host(path: &str, source: &Path, destination: &str, into: bool, loaded: &Loaded) -> Option<PathBuf> {
    // The context itself may be the root.
    let name = source.file_name().map_or(Some(""), |name| name.to_str())?;
    if name.contains(['*', '?', '[']) {
        let rest = rest_of(path, destination).filter(|rest| !rest.contains('/'))?;
        return (wildcard(name, rest) == Some(true)).then(|| source.with_file_name(rest));
    }
    let is_folder = loaded.folder.find(source) == Some(Some(Found::Directory));
    Some(joined(source, &below(path, destination, name, into, is_folder)?))
}

/// Whether a command may make another text of a file; ends of lines do not count.
fn rewrites(text: &str, name: &str) -> bool {
    let is_ends = text.contains("\\r") || text.contains("dos2unix");
    let writes = ["sed ", ">", "mv ", "cp ", "ln ", "tee ", "patch ", "envsubst", "curl ", "wget "];
    text.contains(name) && !is_ends && writes.iter().any(|word| text.contains(word))
}

/// What is left of a path below another one.
fn rest_of<'p>(path: &'p str, at: &str) -> Option<&'p str> {
    let at = at.trim_end_matches('/');
    let rest = path.strip_prefix(at)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

/// Where below a source a path of the container is; nothing where it is elsewhere.
fn below(path: &str, destination: &str, name: &str, into: bool, is_folder: bool) -> Option<String> {
    let rest = rest_of(path, destination)?;
    match (is_folder, rest) {
        (true, rest) => Some(rest.to_owned()),
        // The destination may be a folder that was there before.
        (false, rest) if rest == name || (rest.is_empty() && !into) => Some(String::new()),
        (false, _) => None,
    }
}

fn joined(host: &Path, rest: &str) -> PathBuf {
    if rest.is_empty() { host.to_owned() } else { host.join(rest) }
}

fn read(host: &Path, loaded: &Loaded) -> Option<String> {
    loaded.folder.read(Path::new("/"), host.to_str()?, None).ok()
}

/// What the service mounts of this machine.
fn mounts(service: &Service, loaded: &Loaded) -> Vec<(String, Mount)> {
    let mut out = Vec::new();
    let host = |path: &str| {
        let is_path = path.starts_with(['.', '/']);
        is_path.then(|| std::path::absolute(loaded.directory.join(path)).unwrap_or_else(|_| PathBuf::from(path)))
    };
    for one in service.node.get("volumes").and_then(Node::list).unwrap_or_default() {
        let (source, target) = match &one.value {
            Value::Text(text) => match text.split_once(':') {
                Some((source, rest)) => {
                    (Some(source.to_owned()), Some(rest.split(':').next().unwrap_or(rest).to_owned()))
                }
                None => continue,
            },
            Value::Map(_) => (one.get("source").and_then(Node::scalar), one.get("target").and_then(Node::scalar)),
            _ => continue,
        };
        if let (Some(source), Some(target)) = (source.as_deref().and_then(host), target) {
            out.push((target, Mount::Path(source)));
        }
    }
    for one in service.node.get("configs").and_then(Node::list).unwrap_or_default() {
        let name = one.scalar().or_else(|| one.get("source").and_then(Node::scalar));
        let Some(name) = name else { continue };
        let target = one.get("target").and_then(Node::scalar).unwrap_or_else(|| format!("/{name}"));
        let Some(config) = loaded.model.at(&["configs", &name]) else { continue };
        let file = config.get("file").and_then(Node::scalar).map(|path| {
            let path = loaded.directory.join(path);
            Mount::Path(std::path::absolute(&path).unwrap_or(path))
        });
        out.extend(
            file.or_else(|| config.get("content").and_then(Node::scalar).map(Mount::Text)).map(|mount| (target, mount)),
        );
    }
    out
}

/// Reads the Dockerfile of a service.
fn of_build(service: &Service, loaded: &Loaded) -> Option<Inside> {
    let build = service.build.as_ref()?;
    let (context, dockerfile) = build.folder(loaded).ok()?;
    let text = match &build.inline {
        Some(text) => text.clone(),
        None => read(&dockerfile.unwrap_or_else(|| context.join("Dockerfile")), loaded)?,
    };
    let file = Dockerfile::parse(&text).ok().filter(|file| !file.stages.is_empty())?;
    let built = match &build.target {
        Some(name) => file.stage(name)?,
        None => file.stages.len() - 1,
    };
    let mut out = Inside { built, ..Inside::default() };
    let global = file.global_arguments();
    for stage in 0..file.stages.len() {
        let mut reader = Reader {
            file: &file,
            context: &context,
            scope: Scope { directory: Some("/".to_owned()), ..Scope::default() },
            steps: Vec::new(),
        };
        for lineage in file.lineage(stage) {
            let mut has_command = false;
            for at in file.stages[lineage].instructions.clone() {
                let instruction = &file.instructions[at];
                reader.step(at, instruction);
                if stage == built {
                    reader.program(instruction, &mut has_command, &mut out);
                }
                reader.scope.advance(instruction, &global, &build.arguments);
            }
        }
        if stage == built {
            out.directory = reader.scope.directory.clone();
            let value = |name: &String| (name.clone(), reader.scope.variables.get(name).cloned());
            out.environment = reader.scope.environment.iter().map(value).collect();
            let lowest = file.lineage(stage).into_iter().next()?;
            let image = &file.stages[lowest].image;
            let global = |name: &str| global.get(name).cloned();
            out.base = reader.scope.expand(image).or_else(|| Variables::new(&global).substitute(image).ok());
        }
        out.stages.push(reader.steps);
    }
    Some(out)
}

struct Reader<'f> {
    file: &'f Dockerfile<'f>,
    context: &'f Path,
    scope: Scope,
    steps: Vec<Step>,
}

impl Reader<'_> {
    fn step(&mut self, at: usize, instruction: &Instruction) {
        match &instruction.kind {
            Kind::Copy(copy) => {
                let step = self.copy(at, instruction, copy);
                self.steps.extend(step);
            }
            Kind::Run(_) => self.steps.push(Step::Run(self.file.text[instruction.span.clone()].to_owned())),
            _ => {}
        }
    }

    fn copy(&self, at: usize, instruction: &Instruction, copy: &Copy) -> Option<Step> {
        let destination = self.scope.absolute(&copy.destination)?;
        let into = copy.sources.len() > 1 || copy.destination.ends_with('/') || copy.destination == ".";
        let sources = copy.sources.iter().filter_map(|source| self.scope.expand(source));
        if instruction.flags.iter().any(|flag| flag.name == "from") {
            let stage = self.file.source_stage(at)?;
            return Some(Step::From { stage, sources: sources.collect(), destination, into });
        }
        let sources = sources.map(|source| self.file_of(&source)).collect();
        Some(Step::Copied { sources, destination, into })
    }

    /// What a source is in the folder; its last part may be a pattern.
    fn file_of(&self, source: &str) -> PathBuf {
        let source = source.trim_start_matches("./").trim_matches('/');
        if source == "." || source.is_empty() { self.context.to_owned() } else { self.context.join(source) }
    }

    /// `CMD` and `ENTRYPOINT`.
    fn program(&self, instruction: &Instruction, has_command: &mut bool, out: &mut Inside) {
        let keyword = &self.file.text[instruction.keyword.clone()];
        if keyword.eq_ignore_ascii_case("CMD") {
            out.command = Some(self.words(instruction));
            *has_command = true;
        } else if keyword.eq_ignore_ascii_case("ENTRYPOINT") {
            out.entrypoint = Some(self.words(instruction));
            // What was there before is taken away, but for what stands in the same stage.
            if !*has_command {
                out.command = Some(Vec::new());
            }
        }
    }

    fn words(&self, instruction: &Instruction) -> Vec<String> {
        let text = self.file.shell_text(instruction).unwrap_or_default();
        let text = text.trim();
        serde_json::from_str(text).unwrap_or_else(|_| {
            let shell = if self.scope.shell.is_empty() {
                vec!["/bin/sh".to_owned(), "-c".to_owned()]
            } else {
                self.scope.shell.clone()
            };
            shell.into_iter().chain([text.to_owned()]).collect()
        })
    }
}
