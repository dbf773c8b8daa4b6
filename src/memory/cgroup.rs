//! What a cgroup is charged with, by version 1 or 2.
//!
//! Source: the kernel's `cgroup-v1/memory.rst` and `cgroup-v2.rst`. Keys of `memory.stat` come and go: they are read by name.

use super::tree::{Tree, Unread, Why, field};
use serde::{Deserialize, Serialize};

/// Folders of a cgroup's tree that are looked into.
const MAX_FOLDERS: usize = 2_000;
/// A limit of version 1 from which on there is none: the largest whole pages of 63 bits, with room for large pages.
const NO_LIMIT: u64 = 1 << 62;

/// Which tree has the memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// A tree for each controller; memory may be here while version 2 is mounted beside (hybrid).
    V1,
    /// One tree.
    V2,
}

/// A cgroup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cgroup {
    /// Its version.
    pub version: Version,
    /// Its folder, below `/sys`.
    pub folder: String,
    /// Its path as the kernel says it.
    pub path: String,
    /// The folder that counts time of processors, where there is one.
    pub cpu: Option<String>,
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// None.
    None,
    /// So many bytes.
    Bytes(u64),
}

impl Limit {
    /// The bytes, where there is a limit.
    pub fn bytes(self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

/// What a cgroup is charged with. Bytes. What could not be read is nothing here and stands in `unread`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Charged {
    /// All that is charged, page cache and kernel included, swap not.
    pub usage: Option<u64>,
    /// The most that it was.
    pub peak: Option<u64>,
    /// The limit.
    pub limit: Option<Limit>,
    /// What is in swap.
    pub swap: Option<u64>,
    /// How much may be in swap; of version 1 the limit of both less that of memory.
    pub swap_limit: Option<Limit>,
    /// Memory of processes that no file stands behind.
    pub anon: Option<u64>,
    /// Shared memory and tmpfs.
    pub shmem: Option<u64>,
    /// Page cache of files that were read more than once, or lately.
    pub file_active: Option<u64>,
    /// Page cache that goes first.
    pub file_inactive: Option<u64>,
    /// The kernel's own, on behalf of the cgroup.
    pub kernel: Option<u64>,
    /// Processes that the kernel killed because of this cgroup's limit, children included.
    pub oom_kills: Option<u64>,
    /// How often the limit was met.
    pub limit_hits: Option<u64>,
    /// Per cent of the last 10 and 60 seconds in which some process waited for memory.
    pub pressure_some: Option<[f64; 2]>,
    /// The same in which all of them waited.
    pub pressure_full: Option<[f64; 2]>,
    /// Seconds of processors since it began.
    pub cpu_seconds: Option<f64>,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

impl Charged {
    /// What `docker stats` shows: usage without the page cache that goes first.
    pub fn working_set(&self) -> Option<u64> {
        Some(self.usage?.saturating_sub(self.file_inactive?))
    }

    /// What cannot be had back without swapping or ending something: anonymous and shared memory, and what is in swap already.
    pub fn needed(&self) -> Option<u64> {
        Some(self.anon? + self.shmem.unwrap_or(0) + self.swap.unwrap_or(0))
    }

    /// Page cache.
    pub fn file(&self) -> Option<u64> {
        Some(self.file_active? + self.file_inactive?)
    }
}

/// The cgroup that a process's memory is charged to.
///
/// # Errors
///
/// The process is gone, or no tree with a memory controller has it.
pub fn of_process(tree: &Tree, pid: u32) -> Result<Cgroup, Why> {
    let text = tree.read(&format!("/proc/{pid}/cgroup"))?;
    let line = |controller: &str| {
        text.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            let is_it = if controller.is_empty() {
                controllers.is_empty()
            } else {
                controllers.split(',').any(|name| name == controller)
            };
            is_it.then(|| path.to_owned())
        })
    };
    let mounts = mounts(tree)?;
    let folder = |kind: &str, path: &str| {
        let mount = mounts.iter().find(|mount| mount.kind == kind)?;
        let inside = path.strip_prefix(mount.root.trim_end_matches('/')).unwrap_or(path);
        Some(format!("{}{}", mount.point, if inside == "/" { "" } else { inside }))
    };
    if let Some(path) = line("memory") {
        let cpu = line("cpuacct").and_then(|path| folder("cpuacct", &path));
        let folder = folder("memory", &path).filter(|folder| tree.is_folder(folder)).ok_or(Why::Absent)?;
        return Ok(Cgroup { version: Version::V1, folder, path, cpu });
    }
    // A line `0::` alone is no proof that version 2 counts memory.
    let path = line("").ok_or(Why::Absent)?;
    let folder =
        folder("", &path).filter(|folder| tree.read(&format!("{folder}/memory.current")).is_ok()).ok_or(Why::Absent)?;
    Ok(Cgroup { version: Version::V2, cpu: Some(folder.clone()), folder, path })
}

/// A cgroup by its folder below `/sys/fs/cgroup`, or by its path in the tree.
///
/// # Errors
///
/// There is no such folder with figures of memory.
pub fn named(tree: &Tree, name: &str) -> Result<Cgroup, Why> {
    let mounts = mounts(tree)?;
    let path = name.trim_end_matches('/');
    for mount in mounts.iter().filter(|mount| matches!(mount.kind.as_str(), "memory" | "")) {
        let folder =
            if path.starts_with("/sys/fs/cgroup") { path.to_owned() } else { format!("{}{path}", mount.point) };
        let Some(inside) = folder.strip_prefix(&mount.point) else { continue };
        let (version, file) = match mount.kind.as_str() {
            "memory" => (Version::V1, "memory.usage_in_bytes"),
            _ => (Version::V2, "memory.current"),
        };
        if tree.read(&format!("{folder}/{file}")).is_ok() {
            let path = if inside.is_empty() { "/" } else { inside }.to_owned();
            let cpu = match version {
                Version::V1 => {
                    mounts.iter().find(|mount| mount.kind == "cpuacct").map(|mount| format!("{}{inside}", mount.point))
                }
                Version::V2 => Some(folder.clone()),
            };
            return Ok(Cgroup { version, folder, path, cpu });
        }
    }
    Err(Why::Absent)
}

/// A mounted tree: of which controller, or of version 2 where there is none.
struct Mount {
    kind: String,
    root: String,
    point: String,
}

fn mounts(tree: &Tree) -> Result<Vec<Mount>, Why> {
    let text = tree.read("/proc/self/mountinfo")?;
    let mut out = Vec::new();
    for line in text.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let (before, after): (Vec<&str>, Vec<&str>) = (before.split(' ').collect(), after.split(' ').collect());
        let (Some(root), Some(point), Some(kind)) = (before.get(3), before.get(4), after.first()) else { continue };
        let mount = |kind: &str| Mount { kind: kind.to_owned(), root: (*root).to_owned(), point: (*point).to_owned() };
        match *kind {
            "cgroup2" => out.push(mount("")),
            "cgroup" => {
                let options = after.get(2).copied().unwrap_or_default();
                out.extend(options.split(',').filter(|name| matches!(*name, "memory" | "cpuacct")).map(mount));
            }
            _ => {}
        }
    }
    if out.is_empty() { Err(Why::Absent) } else { Ok(out) }
}

/// The processes of a cgroup and of those below it.
pub fn processes(tree: &Tree, cgroup: &Cgroup) -> Vec<u32> {
    let mut out = Vec::new();
    let mut todo = vec![cgroup.folder.clone()];
    let mut seen = 0;
    while let Some(folder) = todo.pop() {
        seen += 1;
        let text = tree.read(&format!("{folder}/cgroup.procs")).unwrap_or_default();
        out.extend(text.lines().filter_map(|line| line.trim().parse::<u32>().ok()));
        if seen < MAX_FOLDERS {
            let below = tree.names(&folder).into_iter().map(|name| format!("{folder}/{name}"));
            todo.extend(below.filter(|path| tree.is_folder(path)));
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// Reads figures, and notes those that cannot be read.
struct Figures<'t> {
    tree: &'t Tree,
    folder: &'t str,
    unread: Vec<Unread>,
}

impl Figures<'_> {
    fn text(&mut self, file: &str) -> Option<String> {
        match self.tree.read(&format!("{}/{file}", self.folder)) {
            Ok(text) => Some(text),
            Err(why) => {
                self.unread.push(Unread { what: file.to_owned(), why });
                None
            }
        }
    }

    fn number(&mut self, file: &str) -> Option<u64> {
        self.text(file)?.trim().parse().ok()
    }

    fn limit(&mut self, file: &str) -> Option<Limit> {
        match self.text(file)?.trim() {
            "max" => Some(Limit::None),
            text => text.parse().ok().map(|bytes| if bytes >= NO_LIMIT { Limit::None } else { Limit::Bytes(bytes) }),
        }
    }
}

/// What a cgroup is charged with now.
pub fn charged(tree: &Tree, cgroup: &Cgroup) -> Charged {
    let mut figures = Figures { tree, folder: &cgroup.folder, unread: Vec::new() };
    let mut out = match cgroup.version {
        Version::V1 => v1(&mut figures),
        Version::V2 => v2(&mut figures),
    };
    out.unread = figures.unread;
    out.cpu_seconds = cpu_seconds(tree, cgroup);
    out
}

fn v1(figures: &mut Figures<'_>) -> Charged {
    let stat = figures.text("memory.stat").unwrap_or_default();
    let usage = figures.number("memory.usage_in_bytes");
    let limit = figures.limit("memory.limit_in_bytes");
    // Without accounting of swap there are no such files, and what is in swap is not known.
    let both = figures.limit("memory.memsw.limit_in_bytes");
    let swap = figures.number("memory.memsw.usage_in_bytes").zip(usage).map(|(both, usage)| both.saturating_sub(usage));
    let control = figures.text("memory.oom_control").unwrap_or_default();
    Charged {
        usage,
        peak: figures.number("memory.max_usage_in_bytes"),
        limit,
        swap: swap.map(|swap| field(&stat, "total_swap").unwrap_or(swap)),
        swap_limit: match (both, limit) {
            (Some(Limit::Bytes(both)), Some(Limit::Bytes(limit))) => Some(Limit::Bytes(both.saturating_sub(limit))),
            (Some(both), _) => Some(both),
            (None, _) => None,
        },
        anon: field(&stat, "total_rss"),
        shmem: field(&stat, "total_shmem"),
        file_active: field(&stat, "total_active_file"),
        file_inactive: field(&stat, "total_inactive_file"),
        kernel: figures.number("memory.kmem.usage_in_bytes"),
        oom_kills: field(&control, "oom_kill"),
        limit_hits: figures.number("memory.failcnt"),
        ..Charged::default()
    }
}

fn v2(figures: &mut Figures<'_>) -> Charged {
    let stat = figures.text("memory.stat").unwrap_or_default();
    let events = figures.text("memory.events").unwrap_or_default();
    let pressure = figures.text("memory.pressure").unwrap_or_default();
    let waiting = |kind: &str| {
        let line = pressure.lines().find(|line| line.starts_with(kind))?;
        let value = |key: &str| line.split(' ').find_map(|part| part.strip_prefix(key)?.parse::<f64>().ok());
        Some([value("avg10=")?, value("avg60=")?])
    };
    let kernel = field(&stat, "kernel").or_else(|| {
        let parts = ["slab", "kernel_stack", "pagetables", "percpu"].map(|key| field(&stat, key));
        parts.iter().any(Option::is_some).then(|| parts.iter().flatten().sum())
    });
    Charged {
        usage: figures.number("memory.current"),
        peak: figures.number("memory.peak"),
        limit: figures.limit("memory.max"),
        swap: figures.number("memory.swap.current"),
        swap_limit: figures.limit("memory.swap.max"),
        anon: field(&stat, "anon"),
        shmem: field(&stat, "shmem"),
        file_active: field(&stat, "active_file"),
        file_inactive: field(&stat, "inactive_file"),
        kernel,
        oom_kills: field(&events, "oom_kill"),
        limit_hits: field(&events, "max"),
        pressure_some: waiting("some"),
        pressure_full: waiting("full"),
        ..Charged::default()
    }
}

fn cpu_seconds(tree: &Tree, cgroup: &Cgroup) -> Option<f64> {
    let folder = cgroup.cpu.as_ref()?;
    match cgroup.version {
        Version::V1 => tree.number(&format!("{folder}/cpuacct.usage")).ok().map(|nanoseconds| nanoseconds as f64 / 1e9),
        Version::V2 => {
            let stat = tree.read(&format!("{folder}/cpu.stat")).ok()?;
            field(&stat, "usage_usec").map(|microseconds| microseconds as f64 / 1e6)
        }
    }
}
