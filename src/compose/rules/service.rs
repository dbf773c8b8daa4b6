//! What one service says: its keys, whether its values are taken, and whether they agree.

use super::super::check::{Check, Finding};
use super::super::model::{At, Resources, Service};
use super::super::value::Reading;
use super::host::{Cgroup, Host};
use super::keys::{DEPLOY, SERVICE, unknown};
use crate::yaml::{Node, Place, Value};

/// The checks of one service.
pub(super) struct Own<'a> {
    pub(super) service: &'a Service,
    pub(super) host: &'a Host,
    pub(super) out: &'a mut Vec<Finding>,
}

impl Own<'_> {
    pub(super) fn say(&mut self, check: Check, place: Place, message: impl Into<String>, advice: &str) {
        let mut finding = Finding::new(check, place, message, advice);
        finding.service = Some(self.service.name.clone());
        self.out.push(finding);
    }

    pub(super) fn all(&mut self) {
        self.keys();
        self.values();
        self.agreement();
        self.sizes();
        self.swap();
        self.swappiness();
        self.rest();
    }

    pub(super) fn resources(&self) -> &Resources {
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
        let has_image = service.image.as_ref().is_some_and(|image| !image.is_empty());
        if !has_image && service.build.is_none() && !has_provider {
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
