//! Pools of workers among processes, and what so many of them need.
//!
//! A pool is a process with children that run the same program: forked ones have its command, or the name that celery and gunicorn
//! give them; spawned ones are Python's own `multiprocessing`. What they need is what each has for itself, and once what they
//! share; never their number times RSS.

use super::process::Process;
use serde::Serialize;

/// A parent and its workers. Bytes, as they were when they were looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pool {
    /// The parent's process ID.
    pub parent: u32,
    /// The workers' process IDs.
    pub workers: Vec<u32>,
    /// What the parent has for itself.
    pub parent_private: u64,
    /// The most that a worker has for itself: one worker more costs so much.
    pub worker_private: u64,
    /// What parent and workers share, counted once, of shared memory of others their part.
    pub shared: u64,
    /// The most RSS of a worker, shared pages included.
    pub worker_rss: u64,
    /// RSS of parent and workers summed, which counts shared pages once for each.
    pub rss: u64,
    /// The least peak of a worker's RSS: what celery holds `--max-memory-per-child` against, at the least.
    pub worker_peak: Option<u64>,
}

impl Pool {
    /// What the parent and so many workers need, in bytes.
    pub fn needs(&self, workers: u64) -> u64 {
        let all = self.worker_private.saturating_mul(workers);
        all.saturating_add(self.parent_private).saturating_add(self.shared)
    }

    /// How many workers fit into so many bytes.
    pub fn fits(&self, bytes: u64) -> u64 {
        let left = bytes.saturating_sub(self.needs(0));
        left / self.worker_private.max(1)
    }
}

/// The pools among processes, the largest first. None where what processes have for themselves could not be read.
pub fn pools(processes: &[Process]) -> Vec<Pool> {
    let mut out: Vec<Pool> = processes.iter().filter_map(|parent| pool(parent, processes)).collect();
    out.sort_by_key(|pool| std::cmp::Reverse(pool.needs(pool.workers.len() as u64)));
    out
}

fn pool(parent: &Process, processes: &[Process]) -> Option<Pool> {
    let is_worker = |one: &&Process| one.parent == parent.pid && one.pid != parent.pid && runs_the_same(parent, one);
    let workers: Vec<&Process> = processes.iter().filter(is_worker).collect();
    if workers.is_empty() {
        return None;
    }
    let shares = |one: &Process| Some(one.pss?.saturating_sub(one.private?));
    let shared = std::iter::once(parent).chain(workers.iter().copied()).map(shares).sum::<Option<u64>>()?;
    let most = |figure: fn(&Process) -> Option<u64>| workers.iter().filter_map(|one| figure(one)).max();
    Some(Pool {
        parent: parent.pid,
        parent_private: parent.private?,
        worker_private: most(|one| one.private)?,
        shared,
        worker_rss: most(|one| one.rss)?,
        rss: std::iter::once(parent).chain(workers.iter().copied()).map(|one| one.rss).sum::<Option<u64>>()?,
        worker_peak: workers.iter().map(|one| one.rss_peak).min().flatten(),
        workers: workers.iter().map(|one| one.pid).collect(),
    })
}

/// Whether a child is a worker of its parent's program, and no program that it started.
fn runs_the_same(parent: &Process, child: &Process) -> bool {
    let has = |process: &Process, part: &str| process.command.iter().any(|word| word.contains(part));
    let titled = ["gunicorn: worker", "celeryd:", "[celeryd:"].iter().any(|title| has(child, title));
    let spawned = has(child, "multiprocessing.spawn") && has(child, "spawn_main");
    !child.command.is_empty() && (child.command == parent.command || titled || spawned)
}
