//! Files that programs read by themselves: gunicorn's and hypercorn's configuration, uWSGI's ini, celery's application and settings,
//! the services of BentoML and Ray Serve.

use super::ini::{Ini, Section};
use super::model::{Container, Count, PROCESSORS, Setting, Worker, is_known};
use super::table::{Program, Start};
use super::words::{named_config, option};
use crate::source::settings::{Known, Names, Settings, Value, World, settings};
use crate::yaml;
use std::collections::BTreeMap;

/// Files that one names in another.
const MAX_FILES: usize = 16;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The file.
    pub file: String,
    /// How many processes, if it says so.
    pub processes: Option<Count>,
    /// Threads of each.
    pub threads: Option<u64>,
    /// How they begin, if it says so.
    pub start: Option<Start>,
    /// Whether there is a parent, if it says so.
    pub parent: Option<bool>,
    /// Whether it is a reloader.
    pub reloads: bool,
    /// celery's pool.
    pub pool: Option<String>,
    /// celery's bound on a child's peak, in KiB.
    pub memory_per_child: Option<u64>,
}

impl Told {
    /// Puts what it says into a worker; an option of the command that says how processes begin wins.
    pub(super) fn apply(&self, worker: &mut Worker, is_started_otherwise: bool) {
        if let Some(start) = self.start.filter(|_| !is_started_otherwise) {
            worker.start = start;
        }
        if let Some(parent) = self.parent {
            worker.others = worker.others.max(u64::from(parent));
        }
        worker.memory_per_child = worker.memory_per_child.or(self.memory_per_child);
    }
}

/// Where a program runs.
struct Reader<'s> {
    setting: Setting<'s>,
    container: Container<'s>,
}

/// What the files of a program say; nothing where it has none. The error is the file that could not be read.
pub(super) fn of(
    setting: Setting<'_>,
    container: Container<'_>,
    program: &Program,
    words: &[String],
) -> Result<Option<Told>, String> {
    let reader = &Reader { setting, container };
    match program.name.as_str() {
        "gunicorn" => gunicorn(reader, program, words),
        "hypercorn" => hypercorn(reader, program, words),
        "uwsgi" => uwsgi(reader, program, words),
        "celery worker" => celery(reader, words),
        "bentoml serve" => decorated(reader, words, "bentoml.service", "workers"),
        "serve run" => decorated(reader, words, "ray.serve.deployment", "num_replicas"),
        _ => Ok(None),
    }
}

fn world<'w>(reader: &Reader<'_>, environment: &'w BTreeMap<String, Option<String>>) -> World<'w> {
    World { environment, cpus: reader.setting.cpus.map(|cpus| cpus as u64) }
}

/// The variables of the process, as a file of settings sees them. What is not known is no text there.
fn environment(setting: Setting<'_>) -> BTreeMap<String, Option<String>> {
    let set = |(name, value): (&String, &Option<String>)| {
        let value = value.as_ref()?;
        Some((name.clone(), is_known(value).then(|| value.clone())))
    };
    setting.environment.iter().filter_map(set).collect()
}

/// A number of processes; nothing where the name is not there.
fn count(names: &Names, name: &str) -> Option<Count> {
    Some(match names.get(name)? {
        Some(Known { value: Value::Processors, .. }) => Count::HostCpus(None),
        Some(Known { value: Value::Int(number), from_host }) => match (u64::try_from(*number), from_host) {
            (Ok(number), false) => Count::Is(number),
            (Ok(number), true) => Count::HostCpus(Some(number)),
            (Err(_), _) => Count::NotKnown,
        },
        Some(Known { value: Value::Text(text), .. }) => text.trim().parse().map_or(Count::NotKnown, Count::Is),
        Some(Known { value: Value::None, .. }) => return None,
        _ => Count::NotKnown,
    })
}

fn number(names: &Names, name: &str) -> Option<u64> {
    count(names, name).and_then(Count::number)
}

fn is_true(names: &Names, name: &str) -> bool {
    matches!(names.get(name), Some(Some(Known { value: Value::Bool(true) | Value::Int(1), .. })))
}

fn word(names: &Names, name: &str) -> Option<String> {
    match names.get(name)? {
        Some(Known { value: Value::Text(text), .. }) => Some(text.clone()),
        _ => None,
    }
}

/// A file of Python's, by its path or its module.
fn python(reader: &Reader<'_>, path: &str) -> Result<Settings, String> {
    let told = path.strip_prefix("file:").unwrap_or(path);
    let path = match told.strip_prefix("python:") {
        Some(module) => format!("{}.py", module.replace('.', "/")),
        None => told.to_owned(),
    };
    let text = reader.container.read(&path).ok_or_else(|| told.to_owned())?;
    let environment = environment(reader.setting);
    settings(&text, world(reader, &environment)).map_err(|_| told.to_owned())
}

/// Source: gunicorn's "Settings" and `app/base.py`: the file, then `GUNICORN_CMD_ARGS`, then the command.
fn gunicorn(reader: &Reader<'_>, program: &Program, words: &[String]) -> Result<Option<Told>, String> {
    let named = named_config(program, words);
    let file = match &named {
        Some(file) => file.clone(),
        // It is read where it is there.
        None if reader.container.read("gunicorn.conf.py").is_some() => "gunicorn.conf.py".to_owned(),
        None => return Ok(None),
    };
    let found = python(reader, &file)?;
    let names = &found.names;
    Ok(Some(Told {
        processes: match found.is_open {
            true => Some(Count::NotKnown),
            false => count(names, "workers").or((!found.stars.is_empty()).then_some(Count::NotKnown)),
        },
        threads: number(names, "threads"),
        start: is_true(names, "preload_app").then_some(Start::ForkAfterLoad),
        reloads: is_true(names, "reload"),
        file,
        ..Told::default()
    }))
}

/// Source: hypercorn's "Configuration options".
fn hypercorn(reader: &Reader<'_>, program: &Program, words: &[String]) -> Result<Option<Told>, String> {
    let Some(file) = named_config(program, words) else { return Ok(None) };
    if file.starts_with("file:") || file.starts_with("python:") || file.ends_with(".py") {
        let found = python(reader, &file)?;
        return Ok(Some(Told {
            processes: count(&found.names, "workers"),
            reloads: is_true(&found.names, "use_reloader"),
            file,
            ..Told::default()
        }));
    }
    let path = file.strip_prefix("toml:").unwrap_or(&file);
    let text = reader.container.read(path).ok_or_else(|| file.clone())?;
    let table: toml::Table = toml::from_str(&text).map_err(|_| file.clone())?;
    let workers =
        table.get("workers").map(|value| match value.as_integer().and_then(|number| u64::try_from(number).ok()) {
            Some(number) => Count::Is(number),
            None => Count::NotKnown,
        });
    let reloads = table.get("use_reloader").and_then(toml::Value::as_bool).unwrap_or_default();
    Ok(Some(Told { processes: workers, reloads, file, ..Told::default() }))
}

/// Source: uwsgi-docs, "Configuring uWSGI", "Configuration logic", "Options".
fn uwsgi(reader: &Reader<'_>, program: &Program, words: &[String]) -> Result<Option<Told>, String> {
    let Some(named) = named_config(program, words) else { return Ok(None) };
    let file = named.split(':').next().unwrap_or(&named).to_owned();
    if !file.ends_with(".ini") && !words.iter().any(|word| word.starts_with("--ini")) {
        return Err(named);
    }
    let text = reader.container.read(&file).ok_or_else(|| named.clone())?;
    let section = named.rsplit_once(':').map_or("uwsgi", |(_, section)| section);
    let ini = Ini::read(&text);
    let Some((_, section)) = ini.sections(section).find(|(rest, _)| rest.is_empty()) else { return Err(named) };
    // What it takes from another file is not followed.
    let is_open = section.get(&["ini", "inherit", "include", "if-env", "if-opt", "plugin-dir-conf"]).is_some();
    let value = |names: &[&str]| section.get(names).map(|text| expanded(reader, section, text));
    let is_on = |names: &[&str]| value(names).is_some_and(|text| matches!(text.as_str(), "true" | "1" | "yes" | "on"));
    let processes = value(&["processes", "workers", "p"]).map(|text| reader.setting.count(&text));
    let start = match is_on(&["lazy", "lazy-apps"]) {
        true => Start::Fork,
        false => Start::ForkAfterLoad,
    };
    Ok(Some(Told {
        processes: processes.or(is_open.then_some(Count::NotKnown)),
        threads: value(&["threads"]).and_then(|text| text.parse().ok()),
        start: Some(start),
        parent: Some(is_on(&["master", "M"])),
        reloads: value(&["py-autoreload", "python-autoreload"]).is_some_and(|text| text != "0"),
        file,
        ..Told::default()
    }))
}

/// A value of uWSGI's: `%k` for processors, `%(key)` for another key, `$(NAME)` for a variable.
fn expanded(reader: &Reader<'_>, section: Section<'_>, text: &str) -> String {
    if text == "%k" {
        return PROCESSORS.to_owned();
    }
    if let Some(name) = text.strip_prefix("%(").and_then(|rest| rest.strip_suffix(')')) {
        return section.get(&[name]).unwrap_or(text).to_owned();
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("$(") {
        let Some((name, after)) = after.split_once(')') else { break };
        out.push_str(before);
        let value = reader.setting.environment.get(name).cloned().flatten();
        out.push_str(&value.unwrap_or_else(|| format!("$({name})")));
        rest = after;
    }
    out + rest
}

/// Where `-A NAME` may be: a module, or a package with `celery.py` or the application itself.
fn application(reader: &Reader<'_>, name: &str) -> Option<(String, Settings)> {
    let module = name.split(':').next().unwrap_or(name);
    let path = module.replace('.', "/");
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let paths =
        [format!("{path}/celery.py"), format!("{path}.py"), format!("{path}/__init__.py"), format!("{parent}.py")];
    let has_application =
        |settings: &Settings| !settings.configured.is_empty() || !settings.sources.is_empty() || settings.is_open;
    let found = paths.into_iter().filter_map(|path| Some((python(reader, &path).ok()?, path)));
    let found: Vec<(Settings, String)> = found.collect();
    let at = found.iter().position(|(settings, _)| has_application(settings)).unwrap_or(0);
    found.into_iter().nth(at).map(|(settings, path)| (path, settings))
}

/// A module's names, those of `from .base import *` included; nothing where one cannot be read.
fn module(reader: &Reader<'_>, name: &str, depth: usize) -> Option<Names> {
    let path = name.replace('.', "/");
    let (found, is_package) = match python(reader, &format!("{path}.py")) {
        Ok(found) => (found, false),
        Err(_) => (python(reader, &format!("{path}/__init__.py")).ok()?, true),
    };
    let mut out = Names::new();
    for star in &found.stars {
        let dots = star.bytes().take_while(|byte| *byte == b'.').count();
        let from = if dots == 0 {
            star.clone()
        } else {
            let mut parts: Vec<&str> = name.split('.').collect();
            parts.truncate(parts.len().saturating_sub(dots - usize::from(is_package)));
            parts.push(&star[dots..]);
            parts.join(".")
        };
        // What a library brings is no setting of ours.
        match module(reader, &from, depth + 1).filter(|_| depth < MAX_FILES) {
            Some(names) => out.extend(names),
            None if dots > 0 => return None,
            None => {}
        }
    }
    out.extend(found.names);
    Some(out)
}

/// Source: celery's "Configuration and defaults" and "First steps with Django".
fn celery(reader: &Reader<'_>, words: &[String]) -> Result<Option<Told>, String> {
    let names = ["-A".to_owned(), "--app".to_owned()];
    let name = option(words, &names).or_else(|| reader.setting.environment.get("CELERY_APP").cloned().flatten());
    let Some((path, found)) = name.and_then(|name| application(reader, &name)) else { return Ok(None) };
    let mut all = found.configured.clone();
    let mut file = path;
    let mut open = found.is_open.then(|| file.clone());
    for (source, namespace) in &found.sources {
        let source = match source.as_str() {
            "django.conf:settings" | "django.conf.settings" => {
                let set = reader.setting.environment.get("DJANGO_SETTINGS_MODULE").cloned().flatten();
                set.or_else(|| word(&found.environment, "DJANGO_SETTINGS_MODULE"))
            }
            other => Some(other.trim_end_matches(':').replace(':', ".")),
        };
        let found = source.as_ref().and_then(|source| module(reader, source, 0));
        let Some(names) = found else {
            open = Some(source.unwrap_or_else(|| "its settings".to_owned()));
            continue;
        };
        let prefix = namespace.as_ref().map(|namespace| format!("{namespace}_"));
        for (name, value) in names {
            let name = match &prefix {
                Some(prefix) => name.strip_prefix(prefix.as_str()).map(str::to_lowercase),
                None => Some(name),
            };
            if let Some(name) = name {
                if name == "worker_concurrency" || name == "CELERYD_CONCURRENCY" {
                    file = source.clone().unwrap_or_default();
                }
                all.entry(name).or_insert(value);
            }
        }
    }
    let get = |new: &str, old: &str| if all.contains_key(new) { new.to_owned() } else { old.to_owned() };
    let processes = count(&all, &get("worker_concurrency", "CELERYD_CONCURRENCY"));
    let is_told = option(words, &["-c".to_owned(), "--concurrency".to_owned()]).is_some();
    if let Some(open) = open.filter(|_| processes.is_none() && !is_told) {
        return Err(open);
    }
    Ok(Some(Told {
        processes,
        pool: word(&all, &get("worker_pool", "CELERYD_POOL")),
        memory_per_child: number(&all, &get("worker_max_memory_per_child", "CELERYD_MAX_MEMORY_PER_CHILD")),
        file,
        ..Told::default()
    }))
}

/// Services whose decorator says how many processes each has.
fn decorated(reader: &Reader<'_>, words: &[String], by: &str, argument: &str) -> Result<Option<Told>, String> {
    let target = words.iter().filter(|word| !word.starts_with('-')).find(|word| *word != "serve" && *word != "run");
    let Some(target) = target else { return Ok(None) };
    if target.ends_with(".yaml") || target.ends_with(".yml") {
        return replicas(reader, target).map(Some);
    }
    let Some((file, name)) = target.split_once(':') else { return Ok(None) };
    let path = format!("{}.py", file.trim_end_matches(".py").replace('.', "/"));
    let Ok(found) = python(reader, &path) else { return Ok(None) };
    // `A.options(num_replicas=…)` says another number than the decorator.
    if reader.container.read(&path).is_some_and(|text| text.contains(".options(")) {
        return Err(path);
    }
    let own: Vec<_> = found.decorated.iter().filter(|one| one.by == by).collect();
    let one = own.iter().find(|one| one.name == name);
    let of = |one: &crate::source::settings::Decorated| match one.arguments.get(argument) {
        // Between a least and a most.
        None if one.arguments.contains_key("autoscaling_config") => Count::NotKnown,
        None => Count::Is(1),
        Some(Some(Known { value: Value::Text(text), .. })) if text == "cpu_count" => reader.setting.host(),
        Some(_) => count(&one.arguments, argument).unwrap_or(Count::Is(1)),
    };
    let processes = match (one, own.as_slice()) {
        (_, []) => return Ok(None),
        (Some(one), _) if by == "bentoml.service" => of(one),
        // An application is made of all of them.
        (_, all) => all.iter().map(|one| of(one)).reduce(sum).unwrap_or(Count::NotKnown),
    };
    Ok(Some(Told { processes: Some(processes), file: path, ..Told::default() }))
}

fn sum(one: Count, other: Count) -> Count {
    match (one, other) {
        (Count::Is(one), Count::Is(other)) => Count::Is(one.saturating_add(other)),
        _ => Count::NotKnown,
    }
}

/// The file of Ray Serve. Source: Ray's "Serve config files".
fn replicas(reader: &Reader<'_>, file: &str) -> Result<Told, String> {
    let text = reader.container.read(file).ok_or_else(|| file.to_owned())?;
    let mut files = yaml::Files::default();
    let at = files.add(file, text);
    let documents = yaml::read(&files, at).map_err(|_| file.to_owned())?;
    let applications =
        documents.first().and_then(|root| root.get("applications")).and_then(yaml::Node::list).unwrap_or_default();
    let deployments =
        applications.iter().flat_map(|one| one.get("deployments").and_then(yaml::Node::list).unwrap_or_default());
    let of = |one: &yaml::Node| {
        let number = |path: &[&str]| one.at(path).and_then(yaml::Node::scalar);
        match number(&["num_replicas"]).or_else(|| number(&["autoscaling_config", "max_replicas"])) {
            Some(text) => text.parse().map_or(Count::NotKnown, Count::Is),
            None => Count::NotKnown,
        }
    };
    let processes = deployments.map(of).reduce(sum).unwrap_or(Count::NotKnown);
    Ok(Told { processes: Some(processes), file: file.to_owned(), ..Told::default() })
}
