//! `slimwright memory`: which targets, how long, and what is kept.

use crate::base::{Text, did_you_mean, read_named};
use crate::cli::failure::{Failure, Result};
use crate::cli::input::Look;
use crate::cli::options::{MeantChange, Memory as Args, MemoryAction, MemoryDiff, Plain};
use crate::cli::output::{Destination, print};
use crate::compose::{PROJECT_LABEL, SERVICE_LABEL};
use crate::daemon::{Container, Engine};
use crate::memory::{self, HostMemory, Meant, Record, SCHEMA, Sampler, Target, TargetKind, Tree, Why};
use crate::report::{self, json};
use anyhow::anyhow;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Bytes of a record that are read.
const MAX_RECORD: u64 = 64 << 20;
/// The longest that is looked.
const LONGEST: Duration = Duration::from_secs(7 * 86400);
/// The shortest time between two looks.
const SHORTEST: Duration = Duration::from_millis(100);

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    if let Some(MemoryAction::Diff(args)) = args.action {
        return diff(&args);
    }
    let look = Look::new(&args.print, true);
    let lasts = args.duration.as_deref().map(|text| time("--for", text)).transpose()?;
    let every = time("--every", &args.every)?.max(SHORTEST);
    let destination = args.output.map(|file| Destination::new(Some(file), args.force)).transpose()?;
    let tree = Tree::live();
    let targets = targets(&tree, &args.names)?;
    let mut record = measure(&tree, targets, lasts, every);
    explain_ends(&mut record);
    if let Some(destination) = &destination {
        let text = json(&record).map_err(Failure::measure)?;
        destination.write(|out| Ok(out.write_all(text.as_bytes())?))?;
    }
    match args.format {
        Plain::Json => print(&json(&record).map_err(Failure::measure)?)?,
        Plain::Text => print(&report::memory(&record, look.plain_style()))?,
    }
    match record.targets.iter().find(|one| one.processes.is_empty() && one.charged.usage.is_none()) {
        Some(one) => {
            Err(Failure::measure(anyhow!("{}: neither its cgroup nor a process of it could be read", one.name)))
        }
        None => Ok(()),
    }
}

fn time(option: &str, text: &str) -> Result<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let unit = match &text[split..] {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => f64::NAN,
    };
    let seconds = text[..split].parse::<f64>().unwrap_or(f64::NAN) * unit;
    match seconds.is_finite() && seconds > 0.0 && seconds <= LONGEST.as_secs_f64() {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err(Failure::usage(anyhow!("{option}: `{}` is no time of at most 7 days", Text::from(text)))
            .hint("write for example 90s, 10m or 2h")),
    }
}

fn targets(tree: &Tree, names: &[String]) -> Result<Vec<Target>> {
    let connect = || Engine::connect().map_err(|error| Failure::of(false, error));
    if names.is_empty() {
        let engine = connect()?;
        let listed = engine.containers(false).map_err(|error| Failure::of(false, error))?;
        let mut out = Vec::new();
        for one in listed {
            if let Some(container) = engine.container(&one.id).map_err(|error| Failure::of(false, error))? {
                out.push(of_container(tree, container)?);
            }
        }
        out.sort_by(|one, other| one.name.cmp(&other.name));
        return match out.is_empty() {
            true => Err(Failure::usage(anyhow!("no container runs, and nothing else was named"))),
            false => Ok(out),
        };
    }
    let mut engine = None;
    let mut out = Vec::new();
    for name in names {
        let is_pid = name.parse::<u32>().ok().filter(|pid| tree.is_folder(&format!("/proc/{pid}")));
        if let Some(pid) = is_pid {
            out.push(plain(format!("process {pid}"), TargetKind::Process(pid)));
        } else if name.starts_with('/') {
            let cgroup = memory::named(tree, name).map_err(|_| {
                Failure::usage(anyhow!("{}: expected a cgroup with figures of memory, found none", Text::from(name)))
                    .hint("a path as in /proc/PID/cgroup, or a folder below /sys/fs/cgroup")
            })?;
            out.push(plain(Text::from(name).into(), TargetKind::Cgroup(cgroup)));
        } else {
            let engine = match &engine {
                Some(engine) => engine,
                None => engine.insert(connect()?),
            };
            out.extend(containers(tree, engine, name)?);
        }
    }
    Ok(out)
}

fn plain(name: String, kind: TargetKind) -> Target {
    Target { name: name.into(), kind, image: None, service: None, project: None, oom_killed: None, restarts: None }
}

/// The container of a name or ID, or those of a service.
fn containers(tree: &Tree, engine: &Engine, name: &str) -> Result<Vec<Target>> {
    let failed = |error| Failure::of(false, error);
    if let Some(container) = engine.container(name).map_err(failed)? {
        return Ok(vec![of_container(tree, container)?]);
    }
    let listed = engine.containers(false).map_err(failed)?;
    let mut out = Vec::new();
    for one in listed.iter().filter(|one| one.labels.get(SERVICE_LABEL).is_some_and(|service| service == name)) {
        if let Some(container) = engine.container(&one.id).map_err(failed)? {
            out.push(of_container(tree, container)?);
        }
    }
    if !out.is_empty() {
        return Ok(out);
    }
    let failure = Failure::usage(anyhow!("there is no container, service, process or cgroup `{}`", Text::from(name)));
    let names = listed.iter().flat_map(|one| one.names.iter().map(String::as_str));
    Err(match did_you_mean(name, names) {
        Some(hint) => failure.hint(Text::from(&hint)),
        None if engine.has(name).unwrap_or(false) => {
            failure.hint("it is an image: memory is measured of containers that run (`docker ps`); `slimwright imports` runs an image's Python")
        }
        None => failure.hint("`docker ps` lists what runs"),
    })
}

fn of_container(tree: &Tree, container: Container) -> Result<Target> {
    let name = Text::from(&container.name);
    if !container.running || container.pid == 0 {
        return Err(Failure::usage(anyhow!("{name} does not run")));
    }
    // The engine's process IDs are those of its own machine.
    let is_here = match memory::of_process(tree, container.pid) {
        Ok(cgroup) => cgroup.path.contains(&container.id) || cgroup.path == "/",
        Err(Why::Denied) => true,
        Err(_) => false,
    };
    if !is_here {
        let error = anyhow!("{name}: its processes are not on this machine");
        return Err(
            Failure::measure(error).hint("run slimwright where the engine runs; Docker Desktop's is a virtual machine")
        );
    }
    let label = |name: &str| container.labels.get(name).map(Text::from);
    Ok(Target {
        name,
        kind: TargetKind::Container(container.pid),
        image: Some(Text::from(&container.image)),
        service: label(SERVICE_LABEL),
        project: label(PROJECT_LABEL),
        oom_killed: Some(container.oom_killed),
        restarts: Some(container.restarts),
    })
}

/// Of containers that ended meanwhile: with which exit code, and whether for memory, where the engine says it.
fn explain_ends(record: &mut Record) {
    let mut ended = record.targets.iter_mut().filter(|one| one.ended.is_some() && one.image.is_some()).peekable();
    let Some(engine) = ended.peek().is_some().then(|| Engine::connect().ok()).flatten() else { return };
    for one in ended {
        let Ok(Some(container)) = engine.container(&one.name) else { continue };
        one.oom_killed = Some(container.oom_killed);
        one.restarts = Some(container.restarts);
        if let Some(end) = &mut one.ended {
            end.exit_code = container.exit_code;
        }
    }
}

fn measure(tree: &Tree, targets: Vec<Target>, lasts: Option<Duration>, every: Duration) -> Record {
    let began = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() as i64);
    let among = targets.len();
    let mut samplers: Vec<Sampler> =
        targets.into_iter().map(|target| Sampler::new(tree.clone(), target, among)).collect();
    let begin = Instant::now();
    let end = begin + lasts.unwrap_or_default();
    let mut due = begin;
    loop {
        let is_last = due >= end;
        samplers.iter_mut().for_each(|sampler| sampler.sample(is_last));
        if is_last {
            break;
        }
        due = (due + every).min(end);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Record {
        kind: "slimwright memory".into(),
        schema_version: SCHEMA,
        began,
        host: HostMemory::read(tree),
        targets: samplers.into_iter().map(Sampler::finish).collect(),
    }
}

/// A measurement that was kept.
pub(super) fn record(path: &Path) -> Result<Record> {
    let name = Text::of_path(path);
    let bytes =
        read_named(path, MAX_RECORD).map_err(|error| Failure::usage(anyhow!("{name}: cannot be read: {error}")))?;
    Record::parse(&name, &bytes).map_err(|error| Failure::of(true, error))
}

fn diff(args: &MemoryDiff) -> Result<()> {
    let look = Look::new(&args.print, true);
    let meant: Vec<Meant> = args
        .meant
        .iter()
        .map(|meant| match meant {
            MeantChange::Processes => Meant::Processes,
            MeantChange::Libraries => Meant::Libraries,
        })
        .collect();
    let found = memory::diff(&record(&args.before)?, &record(&args.after)?, &meant);
    match args.format {
        Plain::Json => print(&json(&found).map_err(Failure::measure)?)?,
        Plain::Text => print(&report::memory_diff(&found, look.plain_style()))?,
    }
    let odd: Vec<Text> = found.pairs.iter().filter(|pair| !pair.is_comparable).map(|pair| pair.name.clone()).collect();
    match (odd.is_empty(), found.pairs.is_empty()) {
        (false, _) => Err(Failure::measure(anyhow!("not like for like: {}", crate::base::names(&odd, 5))).hint(
            "measure both sides after the same work, at a like age; --meant names a difference that is the change",
        )),
        (true, true) => Err(Failure::measure(anyhow!("nothing is in both measurements"))),
        _ => Ok(()),
    }
}
