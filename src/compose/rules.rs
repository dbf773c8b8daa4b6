//! The findings that follow from the files alone, and from what is known of the host.

use super::check::{Check, Finding};
use super::load::Loaded;
use super::model::{At, Resources, Service};
use super::node::{Map, Node, Value};
use super::place::Place;
use super::value::Reading;
use crate::base::{Binary, did_you_mean, names};

/// The least limit that the engine takes, in bytes.
const LEAST: i64 = 6 << 20;

/// What is known of the host that the services run on. Nothing where it is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Swap, in bytes.
    pub swap: Option<u64>,
    /// Processors.
    pub cpus: Option<f64>,
    /// The version of cgroups that limits memory.
    pub cgroup: Option<Cgroup>,
    /// `vm.swappiness`.
    pub swappiness: Option<i64>,
}

/// A version of cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cgroup {
    /// One tree a controller.
    V1,
    /// One tree.
    V2,
}

impl Cgroup {
    /// `v1`, `v2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

/// The findings of a project, without those about what runs in the services.
pub fn findings(loaded: &Loaded, services: &[Service], host: &Host) -> Vec<Finding> {
    let mut out = Vec::new();
    project(loaded, &mut out);
    for service in services {
        let mut own = Own { service, host, out: &mut out };
        own.all();
    }
    sum(services, host, &mut out);
    out
}

fn finding(check: Check, place: impl Into<Option<Place>>, message: impl Into<String>, advice: &str) -> Finding {
    let advice = (!advice.is_empty()).then(|| advice.to_owned());
    Finding { check, service: None, place: place.into(), message: message.into(), advice }
}

fn project(loaded: &Loaded, out: &mut Vec<Finding>) {
    if let Value::Map(map) = &loaded.model.value {
        unknown(map, &TOP, "", out);
        if let Some(entry) = map.get("version") {
            out.push(finding(Check::VersionIgnored, entry.key, "`version` is ignored", "leave it out"));
        }
    }
    for (name, place) in &loaded.unset {
        let message = format!("the variable `{name}` has no value, and stands for an empty text");
        let advice = format!("give it one in .env, or a default: ${{{name}:-…}}");
        out.push(finding(Check::VariableUnset, *place, message, &advice));
    }
    for (name, place) in &loaded.conflicts {
        let message = format!("`{name}` is in an included file too");
        out.push(finding(
            Check::IncludeConflict,
            *place,
            message,
            "change it in a file that is named with -f, or that the `include` entry lists behind its first",
        ));
    }
    for file in &loaded.passed_over {
        out.push(finding(
            Check::FilePassedOver,
            None,
            format!("{file} is there and was not read"),
            "name it with -f if it counts",
        ));
    }
}

/// Keys that Compose does not know.
fn unknown(map: &Map, known: &[&str], path: &str, out: &mut Vec<Finding>) {
    for (key, entry) in map {
        if known.contains(&key.as_str()) || key.starts_with("x-") {
            continue;
        }
        let advice = match (path.split('.').nth(2), key.as_str()) {
            (None, "memory" | "mem") if !path.is_empty() => {
                "write `mem_limit`, or deploy.resources.limits.memory".to_owned()
            }
            (None, "resources") if !path.is_empty() => "it belongs below `deploy`".to_owned(),
            (None, "replicas") if !path.is_empty() => "write `scale`, or deploy.replicas".to_owned(),
            (Some("deploy"), "limits" | "reservations") => "it belongs below deploy.resources".to_owned(),
            _ => did_you_mean(key, known.iter().copied()).unwrap_or_default(),
        };
        let whole = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        out.push(finding(Check::UnknownKey, entry.key, format!("there is no key `{whole}`"), &advice));
    }
}

/// What all limits come to.
fn sum(services: &[Service], host: &Host, out: &mut Vec<Finding>) {
    let Some(memory) = host.memory else { return };
    let mut total: u128 = 0;
    let mut parts = Vec::new();
    for service in services.iter().filter(|service| !service.is_off) {
        let (Some((limit, _)), Some(replicas)) = (service.resources.memory(), service.replicas) else { continue };
        let bytes = limit as u128 * u128::try_from(replicas).unwrap_or(0);
        total += bytes;
        let times = if replicas == 1 { String::new() } else { format!(" × {replicas}") };
        parts.push((bytes, format!("{} {}{times}", service.name, Binary(limit as u64))));
    }
    if total <= u128::from(memory) || parts.len() < 2 && services.len() < 2 && total == 0 {
        return;
    }
    parts.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    let parts: Vec<String> = parts.into_iter().map(|(_, part)| part).collect();
    let total = Binary(u64::try_from(total).unwrap_or(u64::MAX));
    let message = format!("all limits together are {total}, and the host has {}: {}", Binary(memory), names(&parts, 6));
    out.push(finding(
        Check::LimitsAboveHost,
        None,
        message,
        "lower limits to what was measured (`slimwright memory`), or use fewer containers",
    ));
}

/// The checks of one service.
struct Own<'a> {
    service: &'a Service,
    host: &'a Host,
    out: &'a mut Vec<Finding>,
}

impl Own<'_> {
    fn say(&mut self, check: Check, place: Place, message: impl Into<String>, advice: &str) {
        let mut finding = finding(check, place, message, advice);
        finding.service = Some(self.service.name.clone());
        self.out.push(finding);
    }

    fn all(&mut self) {
        self.keys();
        self.values();
        self.agreement();
        self.sizes();
        self.swap();
        self.swappiness();
        self.rest();
    }

    fn resources(&self) -> &Resources {
        &self.service.resources
    }

    fn keys(&mut self) {
        let service = self.service;
        let mut found = Vec::new();
        let prefix = format!("services.{}", service.name);
        let mut look = |path: &[&str], known: &[&str]| {
            if let Some(Node { value: Value::Map(map), .. }) = service.node.at(path) {
                let mut whole = vec![prefix.as_str()];
                whole.extend(path);
                unknown(map, known, &whole.join("."), &mut found);
            }
        };
        look(&[], &SERVICE);
        look(&["deploy"], &DEPLOY);
        look(&["deploy", "resources"], &["limits", "reservations"]);
        look(&["deploy", "resources", "limits"], &["cpus", "memory", "pids"]);
        look(&["deploy", "resources", "reservations"], &["cpus", "memory", "devices", "generic_resources"]);
        for mut finding in found {
            finding.service = Some(service.name.clone());
            self.out.push(finding);
        }
        let has_provider = service.node.get("provider").is_some();
        if service.image.is_none() && service.build.is_none() && !has_provider {
            self.say(Check::NothingToRun, service.place, "has neither an image nor a build", "");
        }
    }

    /// Values that Compose drops or refuses.
    fn values(&mut self) {
        let resources = self.resources().clone();
        for (key, at) in [
            ("mem_limit", &resources.limit),
            ("memswap_limit", &resources.swap_limit),
            ("mem_reservation", &resources.reservation),
            ("mem_swappiness", &resources.swappiness),
            ("shm_size", &resources.shm),
            ("deploy.resources.limits.memory", &resources.deploy_limit),
            ("deploy.resources.reservations.memory", &resources.deploy_reservation),
            ("oom_score_adj", &resources.oom_score),
            ("pids_limit", &resources.pids),
            ("scale", &resources.scale),
            ("deploy.replicas", &resources.deploy_replicas),
            ("deploy.resources.limits.pids", &resources.deploy_pids),
        ] {
            self.value(key, at.as_ref());
        }
        self.value("cpus", resources.cpus.as_ref());
        self.value("deploy.resources.limits.cpus", resources.deploy_cpus.as_ref());
        self.value("oom_kill_disable", resources.oom_kill_disable.as_ref());
        let service = self.service;
        for (key, at) in [("command", &service.command), ("entrypoint", &service.entrypoint)] {
            self.value(key, at.as_ref());
            if let Some(At { reading: Reading::Is(words), place, .. }) = at
                && let Some(rest) = &words.cut
            {
                let message = format!("`{key}` ends before `{}`: the rest is passed over", rest.trim());
                self.say(Check::CommandCut, *place, message, "write a list: [\"sh\", \"-c\", \"…\"]");
            }
        }
        if let Some(at) = resources.swap_limit.filter(|at| at.is_text && at.value() == Some(&-1)) {
            self.say(
                Check::ValueRefused,
                at.place,
                "`memswap_limit: \"-1\"` is refused by Docker Compose 2",
                "write -1 without quotes",
            );
        }
    }

    fn value<T>(&mut self, key: &str, at: Option<&At<T>>) {
        let Some(at) = at else { return };
        match &at.reading {
            Reading::Is(_) => {}
            Reading::Dropped => {
                let what = "is a number with a point or an exponent, which Docker Compose drops";
                let message = format!("`{key}` {what}: it is as if it were not there");
                self.say(Check::ValueDropped, at.place, message, "put it in quotes, or write it with a unit: \"1g\"");
            }
            Reading::Refused(why) => self.say(Check::ValueRefused, at.place, format!("`{key}`: {why}"), ""),
        }
    }

    /// Keys of the service against those of `deploy`.
    fn agreement(&mut self) {
        let resources = self.resources().clone();
        let limits = resources.deploy_limits;
        let int = |at: &Option<At<i64>>| at.as_ref().and_then(|at| at.value().copied()).unwrap_or(0);
        let float = |at: &Option<At<f64>>| at.as_ref().and_then(|at| at.value().copied()).unwrap_or(0.0);
        let mut compare = |own: &str,
                           place: Option<Place>,
                           other: &str,
                           section: Option<Place>,
                           differs: bool,
                           has: bool| {
            let (Some(place), Some(_), true) = (place, section, differs) else { return };
            let message = match has {
                true => format!("`{own}` and deploy.resources.{other} have different values"),
                false => format!(
                    "`{own}` stands beside deploy.resources.{}, which has no `{}`: Docker Compose takes that for another value",
                    other.rsplit_once('.').map_or("", |(section, _)| section),
                    other.rsplit('.').next().unwrap_or("")
                ),
            };
            self.say(
                Check::LimitsDisagree,
                place,
                message,
                "keep one of the two places: write all of it below `deploy`, or none",
            );
        };
        let place = |at: &Option<At<i64>>| {
            at.as_ref().filter(|at| at.value().is_some_and(|value| *value != 0)).map(|at| at.place)
        };
        compare(
            "mem_limit",
            place(&resources.limit),
            "limits.memory",
            limits,
            int(&resources.limit) != int(&resources.deploy_limit),
            resources.deploy_limit.is_some(),
        );
        compare(
            "pids_limit",
            place(&resources.pids),
            "limits.pids",
            limits,
            int(&resources.pids) != int(&resources.deploy_pids),
            resources.deploy_pids.is_some(),
        );
        let cpus =
            resources.cpus.as_ref().filter(|at| at.value().is_some_and(|value| *value != 0.0)).map(|at| at.place);
        // Compose has 32 bits for these.
        let differ = float(&resources.cpus) as f32 != float(&resources.deploy_cpus) as f32;
        compare("cpus", cpus, "limits.cpus", limits, differ, resources.deploy_cpus.is_some());
        compare(
            "mem_reservation",
            place(&resources.reservation),
            "reservations.memory",
            resources.deploy_reservations,
            int(&resources.reservation) != int(&resources.deploy_reservation),
            resources.deploy_reservation.is_some(),
        );
        if let (Some(scale), Some(replicas)) = (&resources.scale, &resources.deploy_replicas)
            && let (Some(one), Some(other)) = (scale.value(), replicas.value())
            && one != other
        {
            let message = format!("`scale` is {one} and deploy.replicas is {other}");
            self.say(Check::ReplicasDisagree, scale.place, message, "keep one of the two");
        }
    }

    fn sizes(&mut self) {
        let resources = self.resources().clone();
        for (what, found) in [("limit", resources.memory()), ("reservation", resources.reserved())] {
            if let Some((bytes, place)) = found.filter(|(bytes, _)| *bytes < LEAST) {
                let message = format!("a {what} of {bytes} bytes is below the 6 MiB that the engine wants");
                self.say(Check::LimitTooSmall, place, message, "write a unit, for example 512m");
            }
        }
        if let (Some((reserved, place)), Some((limit, _))) = (resources.reserved(), resources.memory())
            && reserved > limit
        {
            let message =
                format!("the reservation ({}) is above the limit ({})", Binary(reserved as u64), Binary(limit as u64));
            self.say(Check::ReservationAboveLimit, place, message, "");
        }
        if let Some((_, place)) = resources.reserved() {
            self.say(
                Check::ReservationReservesNothing,
                place,
                "a reservation reserves nothing outside of Swarm, and limits nothing",
                "",
            );
        }
        if let Some((limit, place)) = resources.memory()
            && let Some(memory) = self.host.memory.filter(|memory| limit as u64 > *memory)
        {
            let message =
                format!("the limit ({}) is above what the host has ({})", Binary(limit as u64), Binary(memory));
            self.say(Check::LimitAboveHost, place, message, "");
        }
        if let Some((cpus, place)) = resources.processors()
            && let Some(has) = self.host.cpus.filter(|has| cpus > *has)
        {
            self.say(Check::CpusAboveHost, place, format!("{cpus} processors are more than the {has} of the host"), "");
        }
        self.without_limit();
        self.shm();
    }

    fn without_limit(&mut self) {
        let resources = self.resources();
        let dropped = [&resources.limit, &resources.deploy_limit];
        let is_said = dropped.iter().any(|at| at.as_ref().is_some_and(|at| at.value().is_none()));
        if resources.memory().is_none() && !is_said {
            let zero = dropped.iter().find_map(|at| at.as_ref()).map(|at| at.place);
            let message = match zero {
                Some(_) => "0 is no limit: the service may take all of the host's memory",
                None => "has no memory limit: it may take all of the host's memory",
            };
            let advice = "measure its peak under work (`slimwright memory`) and set mem_limit above it";
            self.say(Check::NoLimit, zero.unwrap_or(self.service.place), message, advice);
        }
    }

    fn shm(&mut self) {
        let resources = self.resources().clone();
        let Some((limit, _)) = resources.memory() else { return };
        if let Some(at) = &resources.shm
            && let Some(shm) = at.value().copied().filter(|shm| *shm >= limit / 2)
        {
            let (shm, limit) = (Binary(shm as u64), Binary(limit as u64));
            let message = format!("what is in /dev/shm (up to {shm}) counts against the limit of {limit}");
            self.say(
                Check::ShmInLimit,
                at.place,
                message,
                "raise the limit by what /dev/shm really holds, or lower shm_size",
            );
        }
        let Some(tmpfs) = self.service.node.get("tmpfs") else { return };
        let one = |node: &Node| Some((node.text()?.to_owned(), node.place));
        let all: Vec<(String, Place)> =
            tmpfs.list().map_or_else(|| one(tmpfs).into_iter().collect(), |list| list.iter().filter_map(one).collect());
        for (text, place) in all.into_iter().filter(|(text, _)| !text.contains("size=")) {
            let path = text.split(':').next().unwrap_or_default();
            let message = format!(
                "the tmpfs {path} has no size, and what is in it counts against the limit of {}",
                Binary(limit as u64)
            );
            self.say(Check::TmpfsInLimit, place, message, &format!("{path}:size=64m"));
        }
    }

    fn swap(&mut self) {
        let resources = self.resources().clone();
        let swap = resources.memory_and_swap();
        let limit = resources.memory();
        let said = resources.swap_limit.as_ref().is_some_and(|at| at.value().is_none());
        match (limit, swap) {
            (Some((limit, _)), Some((-1, place))) => {
                let message = format!("may swap without end beside its limit of {}", Binary(limit as u64));
                self.say(Check::SwapUnlimited, place, message, "memswap_limit equal to the limit allows no swap");
            }
            (Some((limit, _)), Some((both, place))) if both < limit => {
                let message = format!(
                    "memswap_limit ({both} bytes) is memory and swap together, and is below the limit ({limit} bytes)"
                );
                self.say(Check::SwapBelowLimit, place, message, "");
            }
            (None, Some((both, place))) if both > 0 => {
                self.say(
                    Check::SwapWithoutLimit,
                    place,
                    "memswap_limit without a memory limit is refused",
                    "set mem_limit too",
                );
            }
            (Some((limit, place)), None) if !said && self.host.swap != Some(0) => {
                let swap = match self.host.swap {
                    Some(swap) => format!("the host has {} of swap", Binary(swap)),
                    None => "where the host has swap".to_owned(),
                };
                let message = format!(
                    "the limit of {} is up to {} with swap ({swap})",
                    Binary(limit as u64),
                    Binary(2 * limit as u64)
                );
                self.say(
                    Check::SwapDoublesLimit,
                    place,
                    message,
                    "memswap_limit: the same value as the limit allows no swap",
                );
            }
            _ => {}
        }
    }

    fn swappiness(&mut self) {
        let Some(at) = self.resources().swappiness.clone() else { return };
        let Some(&value) = at.value() else { return };
        if value == 0 {
            let message = "`mem_swappiness: 0` never reaches the engine";
            return self.say(
                Check::SwappinessZero,
                at.place,
                message,
                "memswap_limit equal to the memory limit keeps it out of swap",
            );
        }
        if !(0..=100).contains(&value) {
            let message = format!("`mem_swappiness` is read as {value}, and the engine takes 0 to 100");
            return self.say(Check::SwappinessRange, at.place, message, "");
        }
        let usual = self.host.swappiness.unwrap_or(60);
        let message = match self.host.cgroup {
            Some(Cgroup::V2) => "the host has cgroup v2, where `mem_swappiness` is forgotten".to_owned(),
            Some(Cgroup::V1) if value == usual => format!("{value} is what a container has without it"),
            Some(Cgroup::V1) => return,
            None if value == usual => {
                format!("does nothing: {value} is the default on cgroup v1, and on v2 it is forgotten")
            }
            None => "does nothing on cgroup v2, where it is forgotten".to_owned(),
        };
        self.say(Check::SwappinessNoEffect, at.place, message, "leave it out");
    }

    fn rest(&mut self) {
        let resources = self.resources().clone();
        if let Some(place) = resources.deploy_reserved_cpus {
            self.say(Check::ReservedCpusIgnored, place, "reserved processors do nothing outside of Swarm", "");
        }
        if let Some(at) = &resources.oom_kill_disable
            && at.value() == Some(&true)
        {
            let message = match (self.host.cgroup, resources.memory()) {
                (Some(Cgroup::V2), _) => "the host has cgroup v2, where `oom_kill_disable` is forgotten",
                (_, None) => "without a memory limit the engine only warns, and the host can stop",
                _ => "a container at its limit stops instead of being killed (cgroup v1); on v2 it is forgotten",
            };
            self.say(Check::OomKillDisable, at.place, message, "leave it out");
        }
        if let Some(at) = &resources.oom_score
            && let Some(score) = at.value().filter(|score| !(-1000..=1000).contains(*score))
        {
            self.say(Check::OomScoreRange, at.place, format!("`oom_score_adj` is {score}"), "");
        }
        for wrong in ["MALLOC_TRIM_THRESHOLD", "MALLOC_MMAP_THRESHOLD", "MALLOC_TOP_PAD", "MALLOC_MMAP_MAX"] {
            if self.service.environment.contains_key(wrong) {
                let place = self.service.node.get("environment").map_or(self.service.place, |node| node.place);
                let message = format!("nothing reads `{wrong}`");
                self.say(Check::LeverMisspelt, place, message, &format!("the name is {wrong}_"));
            }
        }
    }
}

/// Keys of a file. Source: compose-spec, `schema/compose-spec.json` (July 2026), as those below.
const TOP: [&str; 9] =
    ["version", "name", "include", "services", "models", "networks", "volumes", "secrets", "configs"];

/// Keys of a service.
const SERVICE: [&str; 93] = [
    "annotations",
    "attach",
    "blkio_config",
    "build",
    "cap_add",
    "cap_drop",
    "cgroup",
    "cgroup_parent",
    "command",
    "configs",
    "container_name",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "credential_spec",
    "depends_on",
    "deploy",
    "develop",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "external_links",
    "extra_hosts",
    "gpus",
    "group_add",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "ipc",
    "isolation",
    "label_file",
    "labels",
    "links",
    "logging",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "models",
    "network_mode",
    "networks",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "ports",
    "post_start",
    "pre_start",
    "pre_stop",
    "privileged",
    "profiles",
    "provider",
    "pull_policy",
    "pull_refresh_after",
    "read_only",
    "restart",
    "runtime",
    "scale",
    "secrets",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "use_api_socket",
    "user",
    "userns_mode",
    "uts",
    "volumes",
    "volumes_from",
    "working_dir",
];

/// Keys of `deploy`.
const DEPLOY: [&str; 9] = [
    "endpoint_mode",
    "labels",
    "mode",
    "placement",
    "replicas",
    "resources",
    "restart_policy",
    "rollback_config",
    "update_config",
];
