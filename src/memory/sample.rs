//! Looking at a target again and again, as rarely as it takes to cost less than a hundredth of a processor.

use super::cgroup::{self, Cgroup, Charged};
use super::process::{self, Depth, Process};
use super::record::{Ended, Measured, Series, Window};
use super::tree::{Tree, Unread, Why};
use crate::base::Text;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The share of a processor that reading the sharing of processes may cost, for all targets together.
const SHARE: f64 = 0.004;

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its name.
    pub name: Text,
    /// Which it is.
    pub kind: TargetKind,
    /// The image of a container.
    pub image: Option<Text>,
    /// The service of Compose.
    pub service: Option<Text>,
    /// The project of Compose.
    pub project: Option<Text>,
    /// Whether the engine says that its first process was killed for memory.
    pub oom_killed: Option<bool>,
    /// How often the engine restarted it.
    pub restarts: Option<u64>,
}

/// Where a target's processes are found.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetKind {
    /// A container, by its first process.
    Container(u32),
    /// A cgroup.
    Cgroup(Cgroup),
    /// A process and those below it.
    Process(u32),
}

/// A target that is looked at.
#[derive(Debug)]
pub struct Sampler {
    tree: Tree,
    target: Target,
    cgroup: Option<Cgroup>,
    /// The share of a processor that it may cost.
    share: f64,
    last: Option<Charged>,
    grown: Grown,
    last_processes: Vec<Process>,
    unread: BTreeSet<Unread>,
    series: [Vec<u64>; 5],
    most_processes: usize,
    samples: usize,
    full: usize,
    began: Instant,
    ended: Instant,
    seen: Option<Instant>,
    next_full: Instant,
}

/// Counters of the kernel's that grew while it was looked. A container that was started again counts from 0.
#[derive(Clone, Copy, Debug, Default)]
struct Grown {
    cpu_seconds: Option<f64>,
    oom_kills: Option<u64>,
    limit_hits: Option<u64>,
}

impl Grown {
    fn add(&mut self, then: Option<&Charged>, now: &Charged) {
        let whole = |sum: Option<u64>, then: Option<Option<u64>>, now: Option<u64>| {
            let by = now.map(|now| then.map_or(0, |then| now.checked_sub(then.unwrap_or(0)).unwrap_or(now)));
            by.map_or(sum, |by| Some(sum.unwrap_or(0) + by))
        };
        self.oom_kills = whole(self.oom_kills, then.map(|then| then.oom_kills), now.oom_kills);
        self.limit_hits = whole(self.limit_hits, then.map(|then| then.limit_hits), now.limit_hits);
        if let Some(now) = now.cpu_seconds {
            let then = then.map_or(now, |then| then.cpu_seconds.unwrap_or(0.0));
            let by = if now < then { now } else { now - then };
            self.cpu_seconds = Some(self.cpu_seconds.unwrap_or(0.0) + by);
        }
    }
}

/// Looks once, at everything.
pub fn read_target(tree: &Tree, target: Target) -> Measured {
    let mut sampler = Sampler::new(tree.clone(), target, 1);
    sampler.sample(true);
    sampler.finish()
}

impl Sampler {
    /// Of a target, one of so many.
    pub fn new(tree: Tree, target: Target, among: usize) -> Self {
        let now = Instant::now();
        let mut unread = BTreeSet::new();
        let cgroup = match &target.kind {
            TargetKind::Cgroup(cgroup) => Some(cgroup.clone()),
            TargetKind::Container(pid) | TargetKind::Process(pid) => match cgroup::of_process(&tree, *pid) {
                Ok(cgroup) => Some(cgroup),
                Err(why) => {
                    unread.insert(Unread { what: "the cgroup of the process".to_owned(), why });
                    None
                }
            },
        };
        Self {
            tree,
            target,
            cgroup,
            share: SHARE / among.max(1) as f64,
            last: None,
            grown: Grown::default(),
            last_processes: Vec::new(),
            unread,
            series: Default::default(),
            most_processes: 0,
            samples: 0,
            full: 0,
            began: now,
            ended: now,
            seen: None,
            next_full: now,
        }
    }

    /// Looks. Sharing is read when it is due, or when it must be. What is gone keeps its last figures.
    pub fn sample(&mut self, must: bool) {
        let begin = Instant::now();
        self.ended = begin;
        let depth = if must || begin >= self.next_full { Depth::Full } else { Depth::Light };
        let pids = match (&self.target.kind, &self.cgroup) {
            (TargetKind::Process(pid), _) => process::descendants(&self.tree, *pid),
            (_, Some(cgroup)) => cgroup::processes(&self.tree, cgroup),
            (TargetKind::Container(pid), None) => process::descendants(&self.tree, *pid),
            (TargetKind::Cgroup(_), None) => Vec::new(),
        };
        // A process shares its cgroup with others, whose memory is not its own.
        let own = self.cgroup.as_ref().filter(|_| !matches!(self.target.kind, TargetKind::Process(_)));
        let charged = own.map(|cgroup| cgroup::charged(&self.tree, cgroup)).unwrap_or_default();
        let processes = process::read(&self.tree, &pids, depth, &mut self.unread);
        // An empty cgroup can be measured; an empty container has ended.
        let is_gone =
            processes.is_empty() && (charged.usage.is_none() || !matches!(self.target.kind, TargetKind::Cgroup(_)));
        if is_gone && self.seen.is_some() {
            return;
        }
        self.seen = (!is_gone).then_some(begin);
        self.grown.add(self.last.as_ref(), &charged);
        self.most_processes = self.most_processes.max(processes.len());
        let sum = |figure: fn(&Process) -> Option<u64>| {
            processes.iter().map(figure).sum::<Option<u64>>().filter(|_| !processes.is_empty())
        };
        let pss = if depth == Depth::Full { sum(|process| process.pss) } else { None };
        let values = [charged.usage, charged.working_set(), charged.needed(), pss, sum(|process| process.rss)];
        for (series, value) in self.series.iter_mut().zip(values) {
            series.extend(value);
        }
        self.samples += 1;
        self.last = Some(charged);
        if depth == Depth::Full {
            self.full += 1;
            self.last_processes = processes;
            let cost = begin.elapsed();
            self.next_full = begin + Duration::from_secs_f64((cost.as_secs_f64() / self.share).clamp(1.0, 600.0));
        }
    }

    /// What was seen.
    pub fn finish(mut self) -> Measured {
        let mut packages = Some(BTreeSet::new());
        for process in &self.last_processes {
            match (process::packages(&self.tree, process.pid), &mut packages) {
                (Ok(more), Some(all)) => all.extend(more),
                (Err(Why::Denied), _) => {
                    packages = None;
                    self.unread.insert(Unread { what: "libraries in memory (maps)".to_owned(), why: Why::Denied });
                }
                _ => {}
            }
        }
        let mut last = self.last.unwrap_or_default();
        let [charged, working_set, needed, pss, rss] = &self.series;
        let window = Window {
            seconds: self.seen.unwrap_or(self.ended).duration_since(self.began).as_secs_f64(),
            samples: self.samples,
            full_samples: self.full,
            cpu_seconds: self.grown.cpu_seconds,
            oom_kills: self.grown.oom_kills,
            limit_hits: self.grown.limit_hits,
            charged: Series::of(charged),
            working_set: Series::of(working_set),
            needed: Series::of(needed),
            pss: Series::of(pss),
            rss: Series::of(rss),
            processes: self.most_processes,
        };
        let kind = match self.target.kind {
            TargetKind::Container(_) => "container",
            TargetKind::Cgroup(_) => "cgroup",
            TargetKind::Process(_) => "process",
        };
        let age = self
            .last_processes
            .iter()
            .filter_map(|process| process.age)
            .fold(None, |most: Option<f64>, age| Some(most.map_or(age, |most| most.max(age))));
        let mut unread: Vec<Unread> = self.unread.into_iter().collect();
        unread.append(&mut last.unread);
        let ended = self
            .seen
            .filter(|seen| *seen < self.ended)
            .map(|seen| Ended { after: seen.duration_since(self.began).as_secs_f64(), exit_code: None });
        Measured {
            name: self.target.name,
            target: kind.into(),
            image: self.target.image,
            service: self.target.service,
            project: self.target.project,
            oom_killed: self.target.oom_killed,
            restarts: self.target.restarts,
            cgroup: self.cgroup,
            charged: last,
            age,
            ended,
            processes: self.last_processes,
            packages: packages.filter(|_| self.most_processes > 0),
            window,
            unread,
        }
    }
}
