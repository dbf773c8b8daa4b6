//! The keys that Compose knows.

use super::super::check::{Check, Finding};
use crate::base::did_you_mean;
use crate::yaml::Map;

/// Keys that Compose does not know.
pub(super) fn unknown(map: &Map, known: &[&str], path: &str, out: &mut Vec<Finding>) {
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
        out.push(Finding::new(Check::UnknownKey, entry.key, format!("there is no key `{whole}`"), &advice));
    }
}

/// Keys of a file. Source: compose-spec, `schema/compose-spec.json` (July 2026), as those below.
pub(super) const TOP: [&str; 9] =
    ["version", "name", "include", "services", "models", "networks", "volumes", "secrets", "configs"];

/// Keys of a service.
pub(super) const SERVICE: [&str; 93] = [
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
pub(super) const DEPLOY: [&str; 9] = [
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
