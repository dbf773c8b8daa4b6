//! What may be wrong with a Compose file: every kind of finding by its id, with why it matters and where that is from.

use crate::yaml::Place;
use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Good to know.
    Note,
    /// It does something else than it seems to, or may run out of memory.
    Warning,
    /// Compose or the engine refuses it, or it is not in force.
    Error,
}

impl Level {
    /// `note`, `warning`, `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Something about a Compose file.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which kind.
    pub check: Check,
    /// The service.
    pub service: Option<String>,
    /// Where, in the files.
    pub place: Option<Place>,
    /// What is so.
    pub message: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Finding {
    /// About no service; no advice where that is empty.
    pub(super) fn new(check: Check, place: impl Into<Option<Place>>, message: impl Into<String>, advice: &str) -> Self {
        let advice = (!advice.is_empty()).then(|| advice.to_owned());
        Self { check, service: None, place: place.into(), message: message.into(), advice }
    }
}

macro_rules! checks {
    ($($name:ident, $id:literal, $level:ident, $why:literal;)*) => {
        /// A kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $(#[doc = $why] $name,)*
        }

        impl Check {
            /// All of them, in the order of their ids' list.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The public name, which never changes.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// How bad it is.
            pub fn level(self) -> Level {
                match self { $(Self::$name => Level::$level,)* }
            }

            /// Why it matters.
            pub fn why(self) -> &'static str {
                match self { $(Self::$name => $why,)* }
            }
        }
    };
}

checks! {
    ValueDropped, "value-dropped", Error,
        "A size that YAML reads as a number with a point or an exponent (1e9, 1.5) passes every check of Docker Compose and is then forgotten: the container starts without it. In quotes it counts.";
    ValueRefused, "value-refused", Error,
        "Docker Compose does not read the value and refuses the file. Units are b, k, m, g, t, p, with or without b or ib, and always binary: 1g = 1073741824 bytes.";
    LimitTooSmall, "limit-too-small", Error,
        "The engine refuses a limit or a reservation below 6 MiB when the container is created; `docker compose config` says nothing. A number without a unit is bytes.";
    LimitsDisagree, "limits-disagree", Error,
        "A service's own keys (mem_limit, mem_reservation, cpus, pids_limit) and deploy.resources say the same thing, and Docker Compose refuses the file where they differ. It compares as soon as deploy.resources.limits is there, also where that has no such key.";
    ReplicasDisagree, "replicas-disagree", Error,
        "scale and deploy.replicas say the same thing, and Docker Compose refuses the file where they differ.";
    ReservationAboveLimit, "reservation-above-limit", Error,
        "The engine refuses to create a container whose reservation is above its limit; `docker compose config` says nothing.";
    SwapBelowLimit, "swap-below-limit", Error,
        "memswap_limit is memory and swap together. The engine refuses to create a container where it is smaller than the memory limit.";
    SwapWithoutLimit, "swap-without-limit", Error,
        "memswap_limit is memory and swap together, and the engine refuses to create a container that has it without a memory limit.";
    SwapDoublesLimit, "swap-doubles-limit", Warning,
        "Where memswap_limit is not set, the engine allows as much swap as memory: a service with a limit of 2 GiB may hold 4 GiB where the host has swap. memswap_limit equal to the limit allows none.";
    SwapUnlimited, "swap-unlimited", Warning,
        "With memswap_limit: -1 the service may swap as much as the host has: its limit bounds what is in memory and not what it takes.";
    SwappinessNoEffect, "swappiness-no-effect", Warning,
        "mem_swappiness exists in cgroup v1 alone: on v2 the engine warns once, forgets the value and starts the container. On v1, 60 is the kernel's own default. To keep a service out of swap, set memswap_limit to its memory limit.";
    SwappinessZero, "swappiness-zero", Error,
        "Docker Compose hands mem_swappiness to the engine only where it is not 0, so the one value that is set on purpose is lost. memswap_limit equal to the memory limit keeps a service out of swap.";
    SwappinessRange, "swappiness-range", Error,
        "The engine takes a swappiness of 0 to 100. Docker Compose reads the value as a size (60k is 61440) and does not check it: creating the container fails.";
    LimitsAboveHost, "limits-above-host", Warning,
        "A limit holds for each container. What all containers may take together is more than the host has, so that the host can run out of memory before a limit is reached, and the kernel then chooses whom it kills.";
    LimitAboveHost, "limit-above-host", Warning,
        "A limit above what the host has is never reached: it protects nobody.";
    CpusAboveHost, "cpus-above-host", Error,
        "The engine refuses to create a container with more processors than the host has.";
    ShmInLimit, "shm-in-limit", Warning,
        "What is written to /dev/shm counts against the container's memory limit, and can only be swapped, never dropped. shm_size does not come on top of the limit.";
    TmpfsInLimit, "tmpfs-in-limit", Note,
        "What is written to a tmpfs counts against the container's memory limit. Without a size it may grow to half of the host's memory.";
    LimitNotInForce, "limit-not-in-force", Error,
        "The running container has another limit than the file. `docker compose restart` applies no change of a file; `docker compose up -d` does.";
    NotTheFile, "not-the-file", Warning,
        "The running container was made of another image or command than the file has now. `docker compose restart` applies no change of a file; `docker compose up -d` does.";
    NoLimit, "no-limit", Warning,
        "Without a limit a service may take all of the host's memory, and when that is used up the kernel chooses which process of the host it kills.";
    ReservationReservesNothing, "reservation-reserves-nothing", Note,
        "Outside of Swarm a reservation reserves nothing and limits nothing. It becomes memory.low on cgroup v2, which protects memory from being reclaimed, and a soft limit on v1, which counts when the host is short.";
    ReservedCpusIgnored, "reserved-cpus-ignored", Note,
        "deploy.resources.reservations.cpus is for Swarm alone: Docker Compose takes it and does nothing with it.";
    OomKillDisable, "oom-kill-disable", Warning,
        "oom_kill_disable is forgotten on cgroup v2. On v1 a container at its limit then stops instead of being killed, and one without a limit can stop the host.";
    OomScoreRange, "oom-score-range", Error,
        "oom_score_adj is from -1000 to 1000; anything else is refused.";
    UnknownKey, "unknown-key", Error,
        "Docker Compose refuses a file with a key that it does not know (a key of your own begins with x-).";
    VersionIgnored, "version-ignored", Note,
        "Docker Compose ignores `version`, and warns about it.";
    VariableUnset, "variable-unset", Warning,
        "A variable without a value and without a default becomes an empty text.";
    IncludeConflict, "include-conflict", Error,
        "A file has something by the name of what it includes. Docker Compose 2 refuses that; later versions lay the file over what it includes.";
    FilePassedOver, "file-passed-over", Note,
        "A file that Docker Compose could be thought to read is not read: with -f the override is not, and of several default files only the first one is.";
    NothingToRun, "nothing-to-run", Error,
        "Docker Compose refuses a service that has neither an image nor a build.";
    ReferenceMissing, "reference-missing", Error,
        "Docker Compose refuses a project in which a service names another service, a network, a volume, a secret or a config that its files do not have.";
    DependencyCircle, "dependency-circle", Error,
        "Docker Compose refuses services that wait for one another: none of them could start first.";
    CommandCut, "command-cut", Error,
        "A command that is a text is split into words and not given to a shell. Docker Compose stops reading it at the first ;, &, |, < or > outside of quotes, without a word. Write sh -c \"…\", or a list.";
    WorkersFromHost, "workers-from-host", Warning,
        "Without a number the program starts as many processes as the host has processors: os.cpu_count() sees neither a limit of processors nor one of memory. The same file takes eight times the memory on a host eight times as large.";
    WorkersNotKnown, "workers-not-known", Note,
        "The command is a script or a program that is not known here, so that the number of processes is not known either.";
    WorkersAboveCpus, "workers-above-cpus", Warning,
        "More processes that compute than processors: they take the memory of all and the time of few.";
    MemoryPerChildUnit, "memory-per-child-unit", Error,
        "celery's --max-memory-per-child is in KiB. A value below 10000 is less than a bare Python has, so that each child is replaced after each task.";
    MemoryPerChildAboveLimit, "memory-per-child-above-limit", Warning,
        "When all children reach --max-memory-per-child, they need more than the container's limit: the kernel kills before celery replaces. celery looks after a task, at the peak of the process, and shared pages count.";
    MemoryPerChildBelowStart, "memory-per-child-below-start", Error,
        "celery holds --max-memory-per-child against the peak of a child's RSS, in which the pages count that it shares with its parent. A child that begins above it is replaced after every task: measured, three tasks ran in three processes.";
    WorkersAboveLimit, "workers-above-limit", Warning,
        "What the parent and each worker had for themselves when they were measured, and once what they share, is for this number of workers more than the container's limit. It is not their number times RSS, which counts shared pages once for each.";
    KilledForMemory, "killed-for-memory", Warning,
        "The engine says that a process of the container was killed for memory (exit code 137 where it was the first one): what it needed was above the limit, or the host had no more.";
    ThreadsAboveCpus, "threads-above-cpus", Note,
        "Each process starts as many threads of OpenMP or BLAS as it sees processors, which is the host's number: processes times threads compete for what the container may use. OMP_NUM_THREADS and its like say how many.";
    Reloader, "reloader", Warning,
        "A reloader is for development: it is a process of its own, watches all files, and starts the service anew when one changes.";
    RuleRefused, "rule-refused", Error,
        "Prometheus refuses the rule file, and with it all rules in it. Held against version 2.42, which is the oldest that is still met: no units of bytes (write 1.8 * 1024^3 or 1.8e9), no `_` in numbers, no duration as a number.";
    MetricUnknown, "metric-unknown", Error,
        "No exporter has a metric of this name, though its family is known (cAdvisor's container_memory_, node_exporter's node_memory_). Prometheus and promtool take the rule, and it never fires.";
    NeverFires, "never-fires", Error,
        "What is compared cannot become so large: a share of a limit is at most 1, and no container has more than its limit.";
    AlwaysFires, "always-fires", Error,
        "container_spec_memory_limit_bytes is 0 for a container without a limit, and what is divided by it is without end. Ask for (container_spec_memory_limit_bytes > 0), which gives no sample for these.";
    SelectsAll, "selects-all", Warning,
        "cAdvisor has a series for every cgroup of the host, for the host itself and for each slice. Without a label the alert is about all of them.";
    CacheCounted, "cache-counted", Note,
        "container_memory_usage_bytes has all page cache in it. The kernel takes it back before it kills, so that a high value is no sign of danger.";
    ImageSaving, "image-saving", Note,
        "The audit of the service's image found bytes that it can do without. Services whose images share layers share them on disk; in memory each container has its own. The command makes the plan, or shows the audit where there is nothing that a plan does by itself.";
    LeverMisspelt, "lever-misspelt", Error,
        "The variable of glibc is MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_, with an underscore at its end. Without it nothing reads it.";
}

impl Check {
    /// The check with this id.
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|check| check.id() == id)
    }
}
