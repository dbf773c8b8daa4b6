//! `slimwright compose`: the files, the host, and what is wrong.

use crate::alerts;
use crate::base::{ByteSize, Text, parse_byte_size, read_named};
use crate::cli::failure::{Failure, Result};
use crate::cli::images;
use crate::cli::input::Look;
use crate::cli::options::{CgroupVersion, Compose as Args, FailOn, Plain};
use crate::cli::output::{Folder, print};
use crate::compose::{
    self, At, Cgroup, Check, Finding, Host, Inside, Level, Loaded, PROJECT_LABEL, Request, Service, Words,
};
use crate::daemon::{Container, Engine};
use crate::deploy::{self, Advice, Needs};
use crate::memory::{self, Record};
use crate::report::{self, ComposeReport, json};
use crate::workers::{self, Container as Process, Setting, UNKNOWN, Workers};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Bytes of a file of rules.
const MAX_RULES: u64 = 4 << 20;
/// Containers of a project that are looked at.
const MAX_CONTAINERS: usize = 200;

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let look = Look::new(&args.print, true);
    let (format, fail_on) = (args.format, args.fail_on);
    let engine = if args.no_engine { None } else { Engine::connect().ok() };
    let (host, from) = host(&args, engine.as_ref())?;
    let rules = args.rules.clone();
    let measured = args.measured.as_deref().map(super::memory::record).transpose()?;
    let asks_images = args.images;
    let folder = args.output.clone().map(|path| Folder::new(path, args.force)).transpose()?;
    let request = request(args);
    let mut loaded = compose::load(&request).map_err(|error| Failure::of(true, error))?;
    let services = compose::services(&loaded).map_err(|error| Failure::of(true, error))?;
    let mut findings = compose::findings(&loaded, &services, &host);
    let containers = engine.as_ref().map_or_else(Vec::new, |engine| running(engine, &loaded.name));
    findings.extend(compose::running(&services, &containers));
    let mut runs = Vec::new();
    for service in &services {
        let workers = workers_of(service, &loaded, &host, engine.as_ref());
        findings.extend(workers::findings(service, &workers));
        runs.push(workers);
    }
    let needs = measured.as_ref().map(|record| needs(&services, &runs, record, &loaded.name, &mut findings));
    let images = asks_images.then(|| images::audit(&loaded, &services, engine.as_ref(), &mut findings)).transpose()?;
    let rule_files = check_rules(&rules, &mut loaded, &services, &mut findings)?;
    let mut report = ComposeReport::new(&loaded, &services, &runs, &host, &from, findings, rule_files);
    report.images = images;
    report.measured(needs.as_deref().unwrap_or_default());
    if let Some(folder) = &folder {
        let advice: Vec<Advice> = match &measured {
            Some(record) => deploy::advise(&services, record, &loaded.name),
            None => deploy::not_measured(&services),
        };
        report.next = write(folder, &loaded, &services, &advice, &request)?;
    }
    match format {
        Plain::Json => print(&json(&report).map_err(Failure::measure)?)?,
        Plain::Text => print(&report::compose(&report, look.plain_style()))?,
    }
    verdict(&report, fail_on)
}

/// Checks files of rules; how many there are.
fn check_rules(
    paths: &[PathBuf],
    loaded: &mut Loaded,
    services: &[Service],
    findings: &mut Vec<Finding>,
) -> Result<usize> {
    let active = services.iter().filter(|service| !service.is_off);
    let limits: Option<Vec<u64>> = active.map(|service| Some(service.resources.memory()?.0 as u64)).collect();
    let limits = limits.filter(|limits| !limits.is_empty());
    for path in paths {
        let name = path.display().to_string();
        let cannot = |error| Failure::usage(anyhow::anyhow!("{}: cannot be read: {error}", Text::from(&name)));
        let bytes = read_named(path, MAX_RULES).map_err(cannot)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::usage(anyhow::anyhow!("{}: expected text in UTF-8", Text::from(&name))))?;
        let file = loaded.files.add(&name, text);
        findings.extend(alerts::check(&loaded.files, file, limits.as_deref()));
    }
    Ok(paths.len())
}

/// What a measurement says of each service; findings about its workers are added.
fn needs(
    services: &[Service],
    runs: &[Workers],
    record: &Record,
    project: &str,
    findings: &mut Vec<Finding>,
) -> Vec<Needs> {
    let advice = deploy::advise(services, record, project);
    let of = |((service, workers), advice): ((&Service, &Workers), Advice)| {
        let measured = deploy::measured(service, record, project);
        findings.extend(deploy::findings(service, workers, &measured));
        Needs { limit: advice.limit, pool: deploy::pool(&measured), told: deploy::told(workers) }
    };
    services.iter().zip(runs).zip(advice).map(of).collect()
}

/// Writes the folder; the commands that use it.
fn write(
    folder: &Folder,
    loaded: &Loaded,
    services: &[Service],
    advice: &[Advice],
    request: &Request,
) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let text = deploy::override_file(services, advice);
    let has_override = text.is_some();
    if let Some(text) = text {
        prove(&text, loaded, advice, request)?;
        files.push((deploy::OVERRIDE.to_owned(), text));
    }
    let rules = alerts::rules(&loaded.name, deploy::RULES);
    files.push((deploy::RULES.to_owned(), rules.rules));
    files.push((deploy::RULE_TESTS.to_owned(), rules.tests));
    let named: Vec<&str> = loaded.files.names().take(loaded.own).collect();
    let path = folder.path().display().to_string();
    files.push(("REPORT.md".to_owned(), deploy::report(&loaded.name, advice, &named, &path, has_override)));
    folder.write(&files)?;
    Ok(deploy::commands(&named, &path, has_override))
}

/// Reads the files again with the override on top: it must be taken, and give the limits that it was written for.
fn prove(text: &str, loaded: &Loaded, advice: &[Advice], request: &Request) -> Result<()> {
    let cannot = |error: std::io::Error| Failure::usage(anyhow::anyhow!("a folder for temporary files: {error}"));
    let folder = tempfile::tempdir().map_err(cannot)?;
    let file = folder.path().join(deploy::OVERRIDE);
    std::fs::write(&file, text).map_err(cannot)?;
    let mut files: Vec<PathBuf> = loaded.files.names().take(loaded.own).map(PathBuf::from).collect();
    files.push(file);
    let again = Request { files, folder: Some(loaded.directory.clone()), ..request.clone() };
    let again = compose::load(&again).map_err(|error| Failure::of(false, error))?;
    let services = compose::services(&again).map_err(|error| Failure::of(false, error))?;
    let refused = |check: Check| {
        matches!(
            check,
            Check::LimitsDisagree | Check::ReservationAboveLimit | Check::SwapBelowLimit | Check::ValueRefused
        )
    };
    let found = compose::findings(&again, &services, &Host::default());
    let broken: Vec<&Finding> = found.iter().filter(|finding| refused(finding.check)).collect();
    for (service, advice) in services.iter().zip(advice) {
        let is_own = |finding: &&&Finding| finding.service.as_deref() == Some(&service.name);
        let Ok(proposed) = &advice.limit else { continue };
        let is_so = service.resources.memory().is_some_and(|(bytes, _)| bytes as u64 == proposed.bytes);
        if let (true, Some(finding)) = (is_so, broken.iter().find(is_own)) {
            return Err(Failure::usage(anyhow::anyhow!(
                "{}: the files are refused as they are: {}",
                service.name,
                finding.message
            ))
            .hint("mend what `slimwright compose` finds, first"));
        }
        if !is_so {
            return Err(Failure::measure(anyhow::anyhow!(
                "{}: the override does not give the limit that it was written for",
                service.name
            )));
        }
    }
    Ok(())
}

/// The containers of a project, those that ended included. An engine that does not answer has none to tell of.
fn running(engine: &Engine, project: &str) -> Vec<Container> {
    let listed = engine.containers(true).unwrap_or_default();
    let own = listed.into_iter().filter(|one| one.labels.get(PROJECT_LABEL).is_some_and(|name| name == project));
    own.take(MAX_CONTAINERS).filter_map(|one| engine.container(&one.id).ok().flatten()).collect()
}

/// A container's files, as a service's Dockerfile and its mounts tell.
#[derive(Debug)]
struct FilesOf<'l> {
    inside: &'l Inside,
    loaded: &'l Loaded,
}

impl workers::Files for FilesOf<'_> {
    fn read(&self, path: &str) -> Option<String> {
        self.inside.read(path, self.loaded)
    }
}

/// What runs in a service: by the file, its Dockerfile, and the image where the engine has it.
fn workers_of(service: &Service, loaded: &Loaded, host: &Host, engine: Option<&Engine>) -> Workers {
    let words = |at: &Option<At<Words>>| Some(at.as_ref()?.value()?.words.clone());
    let inside = Inside::new(service, loaded);
    // What the Dockerfile does not say, its base does; what is not built, the image.
    let image = match (&service.build, &inside.base) {
        (Some(_), Some(base)) => Some(base.clone()),
        _ => service.image_name(&loaded.name).filter(|image| !image.is_empty()),
    };
    let program = image.and_then(|image| engine?.image_program(&image).ok()).unwrap_or_default();
    let mut environment: BTreeMap<String, Option<String>> = BTreeMap::new();
    for pair in &program.environment {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        environment.insert(name.to_owned(), Some(value.to_owned()));
    }
    // A value that is not known is no value that a program could read.
    let of_build =
        inside.environment.iter().map(|(name, value)| (name.clone(), value.clone().or(Some(UNKNOWN.to_owned()))));
    environment.extend(of_build);
    environment.extend(service.environment.clone());
    // An entry point takes the command below it away, too.
    let (entrypoint, command) = match (words(&service.entrypoint), words(&service.command)) {
        (Some(entrypoint), command) => (entrypoint, command.unwrap_or_default()),
        (None, command) => {
            let has_own = inside.entrypoint.is_some();
            let below = if has_own { Vec::new() } else { program.command };
            (
                inside.entrypoint.clone().unwrap_or(program.entrypoint),
                command.or(inside.command.clone()).unwrap_or(below),
            )
        }
    };
    let own = inside.directory.as_deref().filter(|directory| *directory != "/");
    let directory = own.unwrap_or(if program.directory.is_empty() { "/" } else { &program.directory });
    let files = FilesOf { inside: &inside, loaded };
    let container = Process { directory: Some(directory), files: Some(&files) };
    workers::read_in(&entrypoint, &command, Setting { environment: &environment, cpus: host.cpus }, container)
}

fn request(args: Args) -> Request {
    let files: Vec<PathBuf> = args.more_files.into_iter().chain(args.files).collect();
    let variable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    Request {
        files,
        folder: args.project_directory,
        name: args.project_name,
        profiles: args.profile,
        env_files: args.env_file,
        root: args.root,
        environment: std::env::vars_os().filter_map(variable).collect(),
    }
}

fn size(option: &str, text: Option<&String>) -> Result<Option<u64>> {
    let read = |text: &String| {
        parse_byte_size(text)
            .map_err(|error| Failure::usage(anyhow::anyhow!("{option}: {error}")))
            .map(|ByteSize(bytes)| bytes)
    };
    text.map(read).transpose()
}

/// The host that is told, else that of the engine, and from where that is known.
fn host(args: &Args, engine: Option<&Engine>) -> Result<(Host, String)> {
    let told = Host {
        memory: size("--host-memory", args.host_memory.as_ref())?,
        swap: size("--host-swap", args.host_swap.as_ref())?,
        cpus: args.host_cpus,
        cgroup: args.cgroup.map(|version| match version {
            CgroupVersion::V1 => Cgroup::V1,
            CgroupVersion::V2 => Cgroup::V2,
        }),
        swappiness: None,
    };
    let is_told = told != Host::default();
    let Some(info) = engine.and_then(|engine| engine.info().ok()) else {
        return Ok((told, if is_told { "as told" } else { "no engine was asked" }.to_owned()));
    };
    let here = memory::host().filter(|here| Some(here.total) == info.memory);
    let host = Host {
        memory: told.memory.or(info.memory),
        swap: told.swap.or(here.as_ref().map(|here| here.swap_total)),
        cpus: told.cpus.or(info.cpus.map(|cpus| cpus as f64)),
        cgroup: told.cgroup.or(match info.cgroup_version.as_deref() {
            Some("1") => Some(Cgroup::V1),
            Some("2") => Some(Cgroup::V2),
            _ => None,
        }),
        swappiness: here.and_then(|here| here.swappiness),
    };
    let from = if is_told { "as told, and that of the engine" } else { "that of the engine" };
    Ok((host, from.to_owned()))
}

fn verdict(report: &ComposeReport, fail_on: FailOn) -> Result<()> {
    let least = match fail_on {
        FailOn::Error => Level::Error,
        FailOn::Warning => Level::Warning,
        FailOn::Note => Level::Note,
        FailOn::Never => return Ok(()),
    };
    let count = report.findings.iter().filter(|finding| finding.level >= least).count();
    match count {
        0 => Ok(()),
        _ => Err(Failure::verdict(anyhow::anyhow!(
            "{} of level {} or worse",
            crate::base::count(count, "finding"),
            least.as_str()
        ))),
    }
}
