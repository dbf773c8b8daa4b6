//! What a measurement says of a project's limits: an override that Docker Compose lays over its files.
//!
//! A limit is written only for a service that was watched while it worked. It is the most that was seen, and headroom on top: by
//! the larger of the working set and of what is needed (krr's rule for the working set: the highest of a window and 15 %; 25 % where
//! the kernel killed meanwhile). The keys are those that the files use, since Docker Compose refuses two that disagree.

mod workers;

pub use workers::{findings, pool, told};

use crate::base::{Binary, count, shell_word};
use crate::compose::Service;
use crate::memory::{Limit, Measured, Pool, Record, time};
use std::fmt::Write as _;

/// The override's name.
pub const OVERRIDE: &str = "compose.memory.yaml";
/// The rules' name.
pub const RULES: &str = "memory.rules.yaml";
/// The name of the rules' tests.
pub const RULE_TESTS: &str = "memory.rules.test.yaml";

/// Seconds that a service must have been watched.
const LEAST_WINDOW: f64 = 60.0;
/// The share of a processor that it must have used meanwhile.
const LEAST_WORK: f64 = 0.02;
/// Headroom, in per cent.
const HEADROOM: u64 = 15;
/// The same where the kernel killed meanwhile.
const HEADROOM_AFTER_KILL: u64 = 25;
/// A limit is a multiple of this.
const STEP: u64 = 16 << 20;

/// What is said of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// The service.
    pub service: String,
    /// The limit, in bytes, or why there is none.
    pub limit: Result<Proposed, NotProposed>,
}

/// A limit that follows from a measurement. Bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed {
    /// The limit.
    pub bytes: u64,
    /// The most that was seen in one container.
    pub peak: u64,
    /// Per cent on top.
    pub headroom: u64,
    /// Seconds of watching.
    pub seconds: f64,
    /// Seconds of processors used meanwhile.
    pub cpu_seconds: f64,
    /// Containers that were watched.
    pub containers: usize,
    /// Kills meanwhile.
    pub kills: u64,
}

/// What a measurement says of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Needs {
    /// The limit that follows, or why there is none.
    pub limit: Result<Proposed, NotProposed>,
    /// Its workers, where there is a pool of them and what they share could be read.
    pub pool: Option<Pool>,
    /// How many workers the file says.
    pub told: Option<u64>,
}

/// Why no limit is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NotProposed {
    /// It is not in the measurement.
    NotMeasured,
    /// It was watched for so many seconds only.
    Short(f64),
    /// It used so many seconds of processors only.
    Idle(f64),
    /// Its cgroup could not be read.
    NotRead,
    /// Its container was killed for memory at this limit: what it needs is more, and was not seen.
    Killed(Option<u64>),
    /// Its container ended with this exit code, where the engine says it.
    Ended(Option<i64>),
}

impl std::fmt::Display for NotProposed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotMeasured => f.write_str("it was not measured"),
            Self::Short(seconds) => {
                write!(f, "it was watched for {}, and a peak is seen only while one looks (--for 10m)", time(*seconds))
            }
            Self::Idle(seconds) => {
                write!(f, "it did next to nothing meanwhile ({seconds:.1} s of processors): measure it under work")
            }
            Self::NotRead => f.write_str("what it is charged with could not be read"),
            Self::Killed(limit) => {
                let at = limit.map_or(String::new(), |bytes| format!(" at its limit of {}", Binary(bytes)));
                write!(
                    f,
                    "it was killed for memory{at}: what it needs is more, and was not seen; raise the limit, and measure again"
                )
            }
            Self::Ended(code) => {
                let code = code.map_or(String::new(), |code| format!(" with exit code {code}"));
                write!(f, "it ended{code} while it was watched")
            }
        }
    }
}

/// What was measured of a service: each of its containers.
pub fn measured<'r>(service: &Service, record: &'r Record, project: &str) -> Vec<&'r Measured> {
    let is_own = |one: &&Measured| {
        one.service.as_deref() == Some(&service.name) && one.project.as_deref().is_none_or(|name| name == project)
    };
    record.targets.iter().filter(is_own).collect()
}

/// What a measurement says of each service of a project.
pub fn advise(services: &[Service], record: &Record, project: &str) -> Vec<Advice> {
    let advice =
        |service: &Service| Advice { service: service.name.clone(), limit: limit(&measured(service, record, project)) };
    services.iter().map(advice).collect()
}

/// Where nothing was measured: no limits.
pub fn not_measured(services: &[Service]) -> Vec<Advice> {
    let advice = |service: &Service| Advice { service: service.name.clone(), limit: Err(NotProposed::NotMeasured) };
    services.iter().map(advice).collect()
}

fn limit(measured: &[&Measured]) -> Result<Proposed, NotProposed> {
    let window = |one: &&Measured| one.window.seconds;
    let seconds = measured.iter().map(window).fold(f64::INFINITY, f64::min);
    if measured.is_empty() {
        return Err(NotProposed::NotMeasured);
    }
    let bound = measured.iter().filter_map(|one| one.charged.limit.and_then(Limit::bytes)).max();
    if let Some((one, end)) = measured.iter().find_map(|one| Some((one, one.ended?))) {
        let is_killed = one.oom_killed == Some(true);
        return Err(if is_killed { NotProposed::Killed(bound) } else { NotProposed::Ended(end.exit_code) });
    }
    if seconds < LEAST_WINDOW {
        return Err(NotProposed::Short(seconds));
    }
    let worked: Option<f64> = measured.iter().map(|one| one.window.cpu_seconds).sum();
    let cpu_seconds = worked.ok_or(NotProposed::NotRead)?;
    if cpu_seconds < LEAST_WORK * seconds {
        return Err(NotProposed::Idle(cpu_seconds));
    }
    let most = |one: &&Measured| {
        let window = &one.window;
        Some(window.working_set.as_ref()?.most.max(window.needed.as_ref()?.most))
    };
    let peaks: Option<Vec<u64>> = measured.iter().map(most).collect();
    let peak = peaks.and_then(|peaks| peaks.into_iter().max()).ok_or(NotProposed::NotRead)?;
    let kills = measured.iter().filter_map(|one| one.window.oom_kills).sum();
    let headroom = if kills > 0 { HEADROOM_AFTER_KILL } else { HEADROOM };
    // Where the kernel killed, the limit cut the peak off.
    let peak = if kills > 0 { peak.max(bound.unwrap_or(0)) } else { peak };
    let bytes = (peak + peak / 100 * headroom).div_ceil(STEP) * STEP;
    Ok(Proposed { bytes, peak, headroom, seconds, cpu_seconds, containers: measured.len(), kills })
}

/// The override file; nothing where no service gets a limit.
pub fn override_file(services: &[Service], advice: &[Advice]) -> Option<String> {
    let mut out = "# Memory limits from what was measured; laid over the files of the project with -f. Written by slimwright.\nservices:\n".to_owned();
    let mut any = false;
    for (service, advice) in services.iter().zip(advice) {
        let Ok(proposed) = &advice.limit else { continue };
        any = true;
        // Writing to a text cannot fail.
        let _ = writeln!(out, "  {}:", quoted(&service.name));
        let _ = writeln!(
            out,
            "    # most {} in {} ({:.0} s of processors), {} % on top",
            Binary(proposed.peak),
            time(proposed.seconds),
            proposed.cpu_seconds,
            proposed.headroom
        );
        keys(service, proposed, &mut out);
    }
    any.then_some(out)
}

/// The keys that the files use.
fn keys(service: &Service, proposed: &Proposed, out: &mut String) {
    let resources = &service.resources;
    let limit = format!("{}m", proposed.bytes >> 20);
    let reserved = resources.reserved().is_some_and(|(bytes, _)| bytes as u64 > proposed.bytes);
    let in_deploy =
        resources.deploy_limit.is_some() || (resources.limit.is_none() && resources.deploy_limits.is_some());
    let mut deploy = String::new();
    match in_deploy {
        true => deploy += &format!("        limits:\n          memory: {limit}\n"),
        false => *out += &format!("    mem_limit: {limit}\n"),
    }
    if reserved && resources.deploy_reservation.is_some() {
        deploy += &format!("        reservations:\n          memory: {limit}\n");
    } else if reserved {
        *out += &format!("    mem_reservation: {limit}\n");
    }
    if let Some(both) = memory_and_swap(service, proposed.bytes) {
        *out += &format!("    memswap_limit: {}m\n", both >> 20);
    }
    if !deploy.is_empty() {
        *out += &format!("    deploy:\n      resources:\n{deploy}");
    }
}

/// `memswap_limit` is a sum: with another limit it would allow another amount of swap, or be refused. The amount stays.
fn memory_and_swap(service: &Service, limit: u64) -> Option<u64> {
    let resources = &service.resources;
    let (both, _) = resources.memory_and_swap().filter(|(both, _)| *both > 0)?;
    let before = resources.memory().map_or(0, |(bytes, _)| bytes as u64);
    let swap = if before == 0 { 0 } else { (both as u64).saturating_sub(before) };
    let told = limit.saturating_add(swap).div_ceil(1 << 20) << 20;
    (told != both as u64).then_some(told)
}

fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

/// The report. `files` are those of the project as they were named, `folder` is where the report and the override will be.
pub fn report(project: &str, advice: &[Advice], files: &[&str], folder: &str, has_override: bool) -> String {
    let mut out = format!("# Memory of {project}\n\n| service | limit | from |\n|---|---|---|\n");
    for one in advice {
        let (limit, from) = match &one.limit {
            Ok(proposed) => {
                let kills = match proposed.kills {
                    0 => String::new(),
                    kills => format!(", {kills} killed for memory meanwhile, so that the limit of then was not enough"),
                };
                let from = format!(
                    "most {} in {}, {} of watching, {:.0} s of processors{kills}; {} % on top, up to a multiple of 16 MiB",
                    Binary(proposed.peak),
                    count(proposed.containers, "container"),
                    time(proposed.seconds),
                    proposed.cpu_seconds,
                    proposed.headroom
                );
                (Binary(proposed.bytes).to_string(), from)
            }
            Err(why) => ("as it is".to_owned(), why.to_string()),
        };
        let _ = writeln!(out, "| {} | {limit} | {from} |", one.service.replace('|', "\\|"));
    }
    out += "\nA limit is no better than the work that was measured: a peak that did not come in that time is not in it.\n\n```sh\n";
    for line in commands(files, folder, has_override) {
        let _ = writeln!(out, "{line}");
    }
    out += "```\n";
    out
}

/// What to run with the files that are written, from the folder in which this was run.
pub fn commands(files: &[&str], folder: &str, has_override: bool) -> Vec<String> {
    let path = |name: &str| shell_word(&format!("{}/{name}", folder.trim_end_matches('/')));
    let named: Vec<String> = files.iter().map(|file| format!("-f {} ", shell_word(file))).collect();
    let up = has_override.then(|| format!("docker compose {}-f {} up -d", named.concat(), path(OVERRIDE)));
    let checks = [("check", RULES), ("test", RULE_TESTS)];
    let checks = checks.iter().map(|(what, name)| format!("promtool {what} rules {}", path(name)));
    up.into_iter().chain(checks).collect()
}
