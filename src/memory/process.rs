//! Processes: what each has for itself, what it shares, and what it is.
//!
//! Source: the kernel's `filesystems/proc.rst`. `smaps_rollup` takes the rights to trace a process; without them only `status` is
//! left, which knows no sharing.

use super::tree::{Tree, Unread, Why, field};
use crate::base::{Text, masked_arguments};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Ticks of a second in `/proc/PID/stat`, which the kernel fixes for programs.
const TICKS: f64 = 100.0;
/// Words of a command that are kept.
const MAX_WORDS: usize = 30;
/// Bytes of a word.
const MAX_WORD: usize = 200;

/// A process. Bytes. What could not be read is nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Its number on the host.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// Its command, secrets masked.
    pub command: Vec<Text>,
    /// Whether others of the group are its children, or it is another's child.
    pub role: Role,
    /// Seconds since it began.
    pub age: Option<f64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Resident: what it maps and is in memory, shared or not.
    pub rss: Option<u64>,
    /// The most that `rss` was.
    pub rss_peak: Option<u64>,
    /// Proportional: its own pages, and of each shared page its part.
    pub pss: Option<u64>,
    /// Of that what no file stands behind.
    pub pss_anon: Option<u64>,
    /// Pages that it alone has: what ending it gives back.
    pub private: Option<u64>,
    /// Pages that others have too.
    pub shared: Option<u64>,
    /// In swap.
    pub swap: Option<u64>,
}

/// What a process is to the others of its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Neither.
    #[default]
    Alone,
    /// It has children among them.
    Parent,
    /// Its parent is among them.
    Worker,
}

/// How much of a process is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// `status`: cheap, without sharing, age and command.
    Light,
    /// `smaps_rollup` too, which costs milliseconds for a large process.
    Full,
}

/// Reads processes. Those that are gone are left out; what cannot be read is noted once a figure.
pub fn read(tree: &Tree, pids: &[u32], depth: Depth, unread: &mut BTreeSet<Unread>) -> Vec<Process> {
    let uptime = tree.read("/proc/uptime").ok().and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    let mut out: Vec<Process> = pids.iter().filter_map(|pid| one(tree, *pid, uptime, depth, unread)).collect();
    let parents: BTreeSet<u32> = out.iter().map(|process| process.parent).collect();
    let all: BTreeSet<u32> = out.iter().map(|process| process.pid).collect();
    for process in &mut out {
        process.role = match (parents.contains(&process.pid), all.contains(&process.parent)) {
            (true, _) => Role::Parent,
            (false, true) => Role::Worker,
            (false, false) => Role::Alone,
        };
    }
    out
}

fn one(tree: &Tree, pid: u32, uptime: Option<f64>, depth: Depth, unread: &mut BTreeSet<Unread>) -> Option<Process> {
    let status = tree.read(&format!("/proc/{pid}/status")).ok()?;
    let mut process = Process {
        pid,
        parent: field_word(&status, "PPid").unwrap_or(0),
        threads: field_word(&status, "Threads").map(u64::from),
        rss: field(&status, "VmRSS"),
        rss_peak: field(&status, "VmHWM"),
        swap: field(&status, "VmSwap"),
        ..Process::default()
    };
    if depth == Depth::Light {
        return Some(process);
    }
    let stat = tree.read(&format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may have blanks and brackets; what counts comes behind the last one.
    let began = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(19)?.parse::<f64>().ok());
    process.age = uptime.zip(began).map(|(uptime, began)| (uptime - began / TICKS).max(0.0));
    process.command = command(tree, pid).into_iter().map(Text::from).collect();
    match tree.read(&format!("/proc/{pid}/smaps_rollup")) {
        Ok(text) if !text.is_empty() => add_rollup(&mut process, &text),
        Ok(_) => {}
        Err(Why::Absent) if !tree.is_folder(&format!("/proc/{pid}")) => return None,
        Err(why) => {
            unread.insert(Unread { what: "PSS and private memory of processes (smaps_rollup)".to_owned(), why });
        }
    }
    Some(process)
}

fn add_rollup(process: &mut Process, text: &str) {
    let sum = |keys: [&str; 2]| field(text, keys[0]).zip(field(text, keys[1])).map(|(one, other)| one + other);
    process.rss = field(text, "Rss").or(process.rss);
    process.pss = field(text, "Pss");
    process.pss_anon = field(text, "Pss_Anon");
    process.private = sum(["Private_Clean", "Private_Dirty"]);
    process.shared = sum(["Shared_Clean", "Shared_Dirty"]);
    process.swap = field(text, "SwapPss").or(field(text, "Swap")).or(process.swap);
}

fn field_word(text: &str, key: &str) -> Option<u32> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')?.trim().parse().ok())
}

fn command(tree: &Tree, pid: u32) -> Vec<String> {
    let text = tree.read(&format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let short = |word: &str| word.chars().take(MAX_WORD).collect::<String>();
    let words: Vec<String> = text.split('\0').filter(|word| !word.is_empty()).take(MAX_WORDS).map(short).collect();
    match words.is_empty() {
        true => {
            tree.read(&format!("/proc/{pid}/comm")).map(|name| vec![format!("[{}]", name.trim())]).unwrap_or_default()
        }
        false => masked_arguments(&words),
    }
}

/// The processes below a process, itself first.
pub fn descendants(tree: &Tree, pid: u32) -> Vec<u32> {
    let pids: Vec<u32> = tree.names("/proc").iter().filter_map(|name| name.parse().ok()).collect();
    let parent = |pid: u32| field_word(&tree.read(&format!("/proc/{pid}/status")).ok()?, "PPid");
    let pairs: Vec<(u32, u32)> = pids.into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut out = vec![pid];
    let mut at = 0;
    while let Some(&above) = out.get(at) {
        let below = pairs.iter().filter(|(pid, parent)| *parent == above && !out.contains(pid)).map(|(pid, _)| *pid);
        let below: Vec<u32> = below.collect();
        out.extend(below);
        at += 1;
    }
    out
}

/// The Python packages of which a process has libraries in memory, as `torch`, `cv2`.
///
/// # Errors
///
/// It takes the rights to trace the process.
pub fn packages(tree: &Tree, pid: u32) -> Result<BTreeSet<Text>, Why> {
    let text = tree.read(&format!("/proc/{pid}/maps"))?;
    let of_line = |line: &str| {
        let (_, rest) = line.split_once("/site-packages/").or_else(|| line.split_once("/dist-packages/"))?;
        let name = rest.split('/').next()?;
        let name = name.split_once(".cpython-").map_or(name, |(name, _)| name);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        (!name.is_empty() && name.len() < 100 && name.chars().all(is_name))
            .then(|| Text::from(name.trim_end_matches(".libs")))
    };
    Ok(text.lines().filter_map(of_line).collect())
}
