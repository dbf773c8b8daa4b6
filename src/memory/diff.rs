//! Two measurements: what changed, and whether that can be called a saving.
//!
//! An idle container after a restart shows a fraction of what it showed before, whatever was changed. So a difference counts
//! only where both sides were in the same state; where they were not, each reason is said.

use super::record::{Measured, Record};
use crate::base::{Binary, Text};
use serde::Serialize;
use std::collections::BTreeSet;

/// Ages, in seconds, below which a service is young, and above which it is not.
const YOUNG: f64 = 900.0;
/// How many times as old, or as busy, one side is for it to be another state.
const TIMES: f64 = 3.0;
/// Seconds of processors that two states may differ by in any case.
const LITTLE_WORK: f64 = 5.0;
/// Bytes that are no change.
const LITTLE: u64 = 4 << 20;

/// Two measurements, compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// What is in both, by name.
    pub pairs: Vec<Pair>,
    /// What is only in the first.
    pub gone: Vec<Text>,
    /// What is only in the second.
    pub new: Vec<Text>,
    /// The host's memory in use, before and after: `total - available`, which is one fact.
    pub host_used: Option<[u64; 2]>,
}

/// One target, before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// Its name.
    pub name: Text,
    /// What differs besides the figures.
    pub doubts: Vec<Doubt>,
    /// The parts.
    pub changes: Vec<Change>,
    /// Whether both were in the same state, but for what was meant to change.
    pub is_comparable: bool,
    /// Whether anonymous and shared memory and swap are less by more than noise, and the two can be compared.
    pub is_saving: bool,
    /// Sums of RSS that are above what is charged: `before`, `after`.
    pub double_counted: Vec<&'static str>,
}

/// A figure, before and after. Bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Which figure.
    pub figure: &'static str,
    /// Before.
    pub before: Option<u64>,
    /// After.
    pub after: Option<u64>,
    /// Whether it can be added to the others of the same total; a sum of RSS cannot.
    pub is_part: bool,
}

/// Why two states are not the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Doubt {
    /// One side is much younger. Seconds.
    Restarted {
        /// Before.
        before: f64,
        /// After.
        after: f64,
    },
    /// One side has worked much less. Seconds of processors since its start.
    LessWork {
        /// Before.
        before: f64,
        /// After.
        after: f64,
    },
    /// Libraries are in memory on one side only.
    Loaded {
        /// Only before.
        only_before: BTreeSet<Text>,
        /// Only after.
        only_after: BTreeSet<Text>,
    },
    /// Another number of processes.
    Processes {
        /// Before.
        before: usize,
        /// After.
        after: usize,
    },
    /// Page cache explains most of the difference of what is charged. Bytes.
    PageCache {
        /// Before.
        before: u64,
        /// After.
        after: u64,
    },
    /// One side's figures are of another kind.
    Kind {
        /// Which, in words.
        what: Text,
    },
    /// A young side was not watched at work: its state after real work is not known. Seconds.
    NotAtWork {
        /// `before` or `after`.
        side: &'static str,
        /// Its age.
        age: f64,
        /// How long it was watched.
        watched: f64,
    },
    /// One side was looked at once, or much shorter. Seconds.
    Window {
        /// Before.
        before: f64,
        /// After.
        after: f64,
    },
}

/// A difference of states that is what the user changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// The number of processes.
    Processes,
    /// Which libraries are loaded.
    Libraries,
}

impl Doubt {
    /// Whether it forbids to call less a saving. Page cache is no part of what is needed.
    fn forbids(&self, meant: &[Meant]) -> bool {
        match self {
            Self::Processes { .. } => !meant.contains(&Meant::Processes),
            Self::Loaded { .. } => !meant.contains(&Meant::Libraries),
            Self::PageCache { .. } => false,
            _ => true,
        }
    }
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = |names: &BTreeSet<Text>| crate::base::names(&names.iter().cloned().collect::<Vec<_>>(), 6);
        match self {
            Self::Restarted { before, after } => {
                write!(
                    f,
                    "it had run for {} before and for {} after: a restart alone makes it smaller",
                    time(*before),
                    time(*after)
                )
            }
            Self::LessWork { before, after } => write!(
                f,
                "it had used {before:.0} s of processors before and {after:.0} s after: what comes with work is not there on one side"
            ),
            Self::Loaded { only_before, only_after } => {
                let parts = [("before", only_before), ("after", only_after)];
                let parts: Vec<String> = parts
                    .iter()
                    .filter(|(_, set)| !set.is_empty())
                    .map(|(side, set)| format!("{} only {side}", names(set)))
                    .collect();
                write!(f, "other libraries are in memory: {}", parts.join("; "))
            }
            Self::Processes { before, after } => write!(f, "{before} processes before, {after} after"),
            Self::PageCache { before, after } => write!(
                f,
                "page cache was {} before and {} after: it can be charged to whom read a file first, and is no need of the service",
                Binary(*before),
                Binary(*after)
            ),
            Self::Kind { what } => f.write_str(what),
            Self::NotAtWork { side, age, watched } => write!(
                f,
                "{side}, it had run for {} and was watched for {}, not at work: what it needs then is not known",
                time(*age),
                time(*watched)
            ),
            Self::Window { before, after } => {
                write!(
                    f,
                    "it was watched for {} before and {} after: a peak is seen only while one looks",
                    time(*before),
                    time(*after)
                )
            }
        }
    }
}

/// `40 s`, `12 min`, `5 h`, `3 days`.
pub fn time(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6000.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} days", s / 86400.0),
    }
}

/// Compares two measurements. What is `meant` is the change itself, and no difference of states.
pub fn diff(before: &Record, after: &Record, meant: &[Meant]) -> Diff {
    let key = |measured: &Measured| measured.service.clone().unwrap_or_else(|| measured.name.clone());
    let find = |record: &Record, name: &str| record.targets.iter().find(|one| key(one) == name).cloned();
    let mut pairs = Vec::new();
    let mut gone = Vec::new();
    for one in &before.targets {
        match find(after, &key(one)) {
            Some(other) => pairs.push(pair(key(one).into(), one, &other, meant)),
            None => gone.push(key(one)),
        }
    }
    let new = after.targets.iter().map(key).filter(|name| find(before, name).is_none()).collect();
    let used = |record: &Record| record.host.as_ref().and_then(|host| Some(host.total.saturating_sub(host.available?)));
    Diff { pairs, gone, new, host_used: used(before).zip(used(after)).map(|(one, other)| [one, other]) }
}

fn pair(name: String, before: &Measured, after: &Measured, meant: &[Meant]) -> Pair {
    let doubts = doubts(before, after);
    let both = |figure: &'static str, is_part: bool, value: fn(&Measured) -> Option<u64>| Change {
        figure,
        before: value(before),
        after: value(after),
        is_part,
    };
    let sum = |processes: &[super::process::Process], value: fn(&super::process::Process) -> Option<u64>| {
        processes.iter().map(value).sum::<Option<u64>>().filter(|_| !processes.is_empty())
    };
    let mut changes = vec![
        both("charged", false, |one| one.charged.usage),
        both("anonymous", true, |one| one.charged.anon),
        both("shared memory", true, |one| one.charged.shmem),
        both("page cache", true, |one| one.charged.file()),
        both("kernel", true, |one| one.charged.kernel),
        both("swap", true, |one| one.charged.swap),
        both("most needed", false, |one| Some(one.window.needed.as_ref()?.most)),
    ];
    let pss = |one: &Measured| sum(&one.processes, |process| process.pss);
    let rss = |one: &Measured| sum(&one.processes, |process| process.rss);
    changes.push(Change { figure: "PSS, summed", before: pss(before), after: pss(after), is_part: false });
    changes.push(Change { figure: "RSS, summed", before: rss(before), after: rss(after), is_part: false });
    let double_counted = [("before", before), ("after", after)]
        .into_iter()
        .filter(|(_, one)| {
            rss(one).zip(one.charged.usage).is_some_and(|(rss, usage)| rss > usage.saturating_add(LITTLE))
        })
        .map(|(side, _)| side)
        .collect();
    let need = |one: &Measured| one.window.needed.as_ref().map(|series| series.median).or_else(|| pss(one));
    let is_less = need(before).zip(need(after)).is_some_and(|(one, other)| one > other.saturating_add(LITTLE));
    let is_comparable = !doubts.iter().any(|doubt| doubt.forbids(meant));
    Pair { name: name.into(), doubts, changes, is_comparable, is_saving: is_less && is_comparable, double_counted }
}

fn differs(one: f64, other: f64) -> bool {
    one.max(other) > TIMES * one.min(other)
}

fn doubts(before: &Measured, after: &Measured) -> Vec<Doubt> {
    let mut out = Vec::new();
    if let (Some(one), Some(other)) = (before.age, after.age)
        && one.min(other) < YOUNG
        && differs(one, other)
    {
        out.push(Doubt::Restarted { before: one, after: other });
    }
    if let (Some(one), Some(other)) = (before.charged.cpu_seconds, after.charged.cpu_seconds)
        && differs(one, other)
        && (one - other).abs() > LITTLE_WORK
    {
        out.push(Doubt::LessWork { before: one, after: other });
    }
    if let (Some(one), Some(other)) = (&before.packages, &after.packages)
        && one != other
    {
        out.push(Doubt::Loaded {
            only_before: one.difference(other).cloned().collect(),
            only_after: other.difference(one).cloned().collect(),
        });
    }
    if before.processes.len() != after.processes.len() {
        out.push(Doubt::Processes { before: before.processes.len(), after: after.processes.len() });
    }
    if let (Some(one), Some(other)) = (before.charged.file(), after.charged.file())
        && let (Some(used), Some(now)) = (before.charged.usage, after.charged.usage)
        && one.abs_diff(other) > LITTLE
        && one.abs_diff(other) > used.abs_diff(now) / 2
    {
        out.push(Doubt::PageCache { before: one, after: other });
    }
    out.extend(kinds(before, after));
    let is_said = out.iter().any(|doubt| matches!(doubt, Doubt::Restarted { .. } | Doubt::LessWork { .. }));
    for (side, measured) in [("before", before), ("after", after)].into_iter().filter(|_| !is_said) {
        if let Some(age) = measured.age.filter(|age| *age < YOUNG && !is_at_work(measured)) {
            out.push(Doubt::NotAtWork { side, age, watched: measured.window.seconds });
        }
    }
    let (one, other) = (before.window.seconds, after.window.seconds);
    if differs(one.max(1.0), other.max(1.0)) && one.max(other) > 10.0 {
        out.push(Doubt::Window { before: one, after: other });
    }
    out
}

/// Whether it was seen working: for a minute, with a fiftieth of a processor.
fn is_at_work(measured: &Measured) -> bool {
    let window = &measured.window;
    window.seconds >= 60.0 && window.cpu_seconds.is_some_and(|used| used >= 0.02 * window.seconds)
}

fn kinds(before: &Measured, after: &Measured) -> Vec<Doubt> {
    let mut out = Vec::new();
    let mut say = |what: &str| out.push(Doubt::Kind { what: what.into() });
    if before.target != after.target {
        say("one side is a container, cgroup or process, and the other is another of these");
    }
    let version = |one: &Measured| one.cgroup.as_ref().map(|cgroup| cgroup.version);
    if version(before) != version(after) {
        say("one side was charged by cgroup v1 and the other by v2, or by none");
    }
    let has_pss = |one: &Measured| one.processes.iter().all(|process| process.pss.is_some());
    if has_pss(before) != has_pss(after) {
        say("PSS could be read on one side only");
    }
    if before.processes.is_empty() != after.processes.is_empty() {
        say("one side has no process");
    }
    out
}
