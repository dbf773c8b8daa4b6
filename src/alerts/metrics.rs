//! Metrics that exporters have, in the families in which a wrong name is met.
//!
//! Source: cAdvisor 0.60 (`lib/metrics/prometheus.go`); node_exporter 1.5 to 1.9, whose names of `node_memory_` are the keys of
//! `/proc/meminfo`; kube-state-metrics 2.

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// An exporter has it.
    Yes,
    /// Its family is known, and it is not in it: what may be meant.
    No(Option<String>),
    /// Nothing is known of such names.
    NotKnown,
}

const CONTAINER_MEMORY: &[&str] = &[
    "container_memory_usage_bytes",
    "container_memory_working_set_bytes",
    "container_memory_total_active_file_bytes",
    "container_memory_total_inactive_file_bytes",
    "container_memory_rss",
    "container_memory_cache",
    "container_memory_mapped_file",
    "container_memory_swap",
    "container_memory_max_usage_bytes",
    "container_memory_failcnt",
    "container_memory_failures_total",
    "container_memory_kernel_usage",
    "container_memory_migrate",
    "container_memory_numa_pages",
    "container_memory_events_high_total",
    "container_memory_events_max_total",
    "container_memory_pgscan_total",
    "container_memory_pgsteal_total",
    "container_memory_workingset_refault_anon_total",
    "container_memory_workingset_refault_file_total",
];

const CONTAINER_SPEC: &[&str] = &[
    "container_spec_cpu_period",
    "container_spec_cpu_quota",
    "container_spec_cpu_shares",
    "container_spec_memory_limit_bytes",
    "container_spec_memory_swap_limit_bytes",
    "container_spec_memory_reservation_limit_bytes",
];

const CONTAINER_OOM: &[&str] = &["container_oom_events_total"];

const CONTAINER_PRESSURE: &[&str] = &[
    "container_pressure_cpu_waiting_seconds_total",
    "container_pressure_cpu_stalled_seconds_total",
    "container_pressure_memory_waiting_seconds_total",
    "container_pressure_memory_stalled_seconds_total",
    "container_pressure_io_waiting_seconds_total",
    "container_pressure_io_stalled_seconds_total",
];

const NODE_PRESSURE: &[&str] = &[
    "node_pressure_cpu_waiting_seconds_total",
    "node_pressure_io_waiting_seconds_total",
    "node_pressure_io_stalled_seconds_total",
    "node_pressure_memory_waiting_seconds_total",
    "node_pressure_memory_stalled_seconds_total",
    "node_pressure_irq_stalled_seconds_total",
];

/// Keys of `/proc/meminfo` as node_exporter names them; all but the pages of the second list in bytes.
const MEMINFO: &[&str] = &[
    "MemTotal",
    "MemFree",
    "MemAvailable",
    "Buffers",
    "Cached",
    "SwapCached",
    "Active",
    "Inactive",
    "Active_anon",
    "Inactive_anon",
    "Active_file",
    "Inactive_file",
    "Unevictable",
    "Mlocked",
    "SwapTotal",
    "SwapFree",
    "Zswap",
    "Zswapped",
    "Dirty",
    "Writeback",
    "AnonPages",
    "Mapped",
    "Shmem",
    "KReclaimable",
    "Slab",
    "SReclaimable",
    "SUnreclaim",
    "KernelStack",
    "ShadowCallStack",
    "PageTables",
    "SecPageTables",
    "NFS_Unstable",
    "Bounce",
    "WritebackTmp",
    "CommitLimit",
    "Committed_AS",
    "VmallocTotal",
    "VmallocUsed",
    "VmallocChunk",
    "Percpu",
    "HardwareCorrupted",
    "AnonHugePages",
    "ShmemHugePages",
    "ShmemPmdMapped",
    "FileHugePages",
    "FilePmdMapped",
    "Hugepagesize",
    "Hugetlb",
    "DirectMap4k",
    "DirectMap2M",
    "DirectMap1G",
    "CmaTotal",
    "CmaFree",
    "Unaccepted",
    "Balloon",
    "HighTotal",
    "HighFree",
    "LowTotal",
    "LowFree",
];

const MEMINFO_PAGES: &[&str] = &["HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp"];

/// What is known of a metric's name.
pub fn known(name: &str) -> Known {
    let families: [(&str, &[&str]); 5] = [
        ("container_memory_", CONTAINER_MEMORY),
        ("container_spec_", CONTAINER_SPEC),
        ("container_oom_", CONTAINER_OOM),
        ("container_pressure_", CONTAINER_PRESSURE),
        ("node_pressure_", NODE_PRESSURE),
    ];
    if let Some((_, names)) = families.iter().find(|(prefix, _)| name.starts_with(prefix)) {
        return of(name, names.iter().map(|name| (*name).to_owned()).collect());
    }
    if name.starts_with("node_memory_") {
        let bytes = MEMINFO.iter().map(|key| format!("node_memory_{key}_bytes"));
        return of(name, bytes.chain(MEMINFO_PAGES.iter().map(|key| format!("node_memory_{key}"))).collect());
    }
    if let Some(key) = name.strip_prefix("node_vmstat_") {
        // What node_exporter takes of /proc/vmstat by default.
        let fault = key.starts_with("pg") && key.contains("fault");
        let is_there = key.starts_with("oom_kill") || key.starts_with("pgpg") || key.starts_with("pswp") || fault;
        return if is_there { Known::Yes } else { Known::No(None) };
    }
    Known::NotKnown
}

fn of(name: &str, names: Vec<String>) -> Known {
    if names.iter().any(|known| known == name) {
        return Known::Yes;
    }
    let special = name
        .to_lowercase()
        .contains("swapused")
        .then(|| "node_memory_SwapTotal_bytes - node_memory_SwapFree_bytes".to_owned());
    let meant = || {
        let names = || names.iter().map(String::as_str);
        let with_unit = format!("{name}_bytes");
        let near = names().map(|known| (strsim::damerau_levenshtein(name, known), known)).min();
        let found = names().find(|known| *known == with_unit);
        let near = near.filter(|(errors, _)| errors * 4 <= name.len()).map(|(_, known)| known);
        found.or(near).map(|known| format!("did you mean `{known}`?"))
    };
    Known::No(special.map(|text| format!("write {text}")).or_else(meant))
}
