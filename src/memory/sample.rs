//! Looking at a target again and again, as rarely as it takes to cost less than a hundredth of a processor.

use super::cgroup::{self, Cgroup, Charged};
use super::process::{self, Depth, Process};
use super::record::{Measured, Series, Window};
use super::tree::{Tree, Unread, Why};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The share of a processor that reading the sharing of processes may cost.
const SHARE: f64 = 0.005;

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Which it is.
    pub kind: TargetKind,
    /// The image of a container.
    pub image: Option<String>,
    /// The service of Compose.
    pub service: Option<String>,
    /// The project of Compose.
    pub project: Option<String>,
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
    first: Option<Charged>,
    last: Charged,
    last_processes: Vec<Process>,
    unread: BTreeSet<Unread>,
    series: [Vec<u64>; 5],
    most_processes: usize,
    samples: usize,
    full: usize,
    began: Instant,
    ended: Instant,
    next_full: Instant,
}

/// Looks once, at everything.
pub fn read_target(tree: &Tree, target: Target) -> Measured {
    let mut sampler = Sampler::new(tree.clone(), target);
    sampler.sample(true);
    sampler.finish()
}

impl Sampler {
    /// Of a target.
    pub fn new(tree: Tree, target: Target) -> Self {
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
            first: None,
            last: Charged::default(),
            last_processes: Vec::new(),
            unread,
            series: Default::default(),
            most_processes: 0,
            samples: 0,
            full: 0,
            began: now,
            ended: now,
            next_full: now,
        }
    }

    /// Looks. Sharing is read when it is due, or when it must be.
    pub fn sample(&mut self, must: bool) {
        let begin = Instant::now();
        let depth = if must || begin >= self.next_full { Depth::Full } else { Depth::Light };
        // A process shares its cgroup with others, whose memory is not its own.
        let own = !matches!(self.target.kind, TargetKind::Process(_));
        if let Some(cgroup) = self.cgroup.as_ref().filter(|_| own) {
            self.last = cgroup::charged(&self.tree, cgroup);
            self.first.get_or_insert_with(|| self.last.clone());
        }
        let pids = match (&self.target.kind, &self.cgroup) {
            (TargetKind::Process(pid), _) => process::descendants(&self.tree, *pid),
            (_, Some(cgroup)) => cgroup::processes(&self.tree, cgroup),
            (TargetKind::Container(pid), None) => process::descendants(&self.tree, *pid),
            (TargetKind::Cgroup(_), None) => Vec::new(),
        };
        let processes = process::read(&self.tree, &pids, depth, &mut self.unread);
        self.most_processes = self.most_processes.max(processes.len());
        let sum = |figure: fn(&Process) -> Option<u64>| {
            processes.iter().map(figure).sum::<Option<u64>>().filter(|_| !processes.is_empty())
        };
        let pss = if depth == Depth::Full { sum(|process| process.pss) } else { None };
        let values = [self.last.usage, self.last.working_set(), self.last.needed(), pss, sum(|process| process.rss)];
        for (series, value) in self.series.iter_mut().zip(values) {
            series.extend(value);
        }
        self.samples += 1;
        if depth == Depth::Full {
            self.full += 1;
            self.last_processes = processes;
            let cost = begin.elapsed();
            self.next_full = begin + Duration::from_secs_f64((cost.as_secs_f64() / SHARE).clamp(1.0, 600.0));
        }
        self.ended = Instant::now();
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
        let first = self.first.clone().unwrap_or_default();
        let grown = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        let [charged, working_set, needed, pss, rss] = &self.series;
        let window = Window {
            seconds: self.ended.duration_since(self.began).as_secs_f64(),
            samples: self.samples,
            full_samples: self.full,
            cpu_seconds: self.last.cpu_seconds.zip(first.cpu_seconds).map(|(now, then)| (now - then).max(0.0)),
            oom_kills: grown(self.last.oom_kills, first.oom_kills),
            limit_hits: grown(self.last.limit_hits, first.limit_hits),
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
        unread.append(&mut self.last.unread.clone());
        Measured {
            name: self.target.name,
            target: kind.to_owned(),
            image: self.target.image,
            service: self.target.service,
            project: self.target.project,
            oom_killed: self.target.oom_killed,
            restarts: self.target.restarts,
            cgroup: self.cgroup,
            charged: self.last,
            age,
            processes: self.last_processes,
            packages: packages.filter(|_| self.most_processes > 0),
            window,
            unread,
        }
    }
}
