//! What a service's workers need, by what was measured of its processes: parent, shared memory once, and each worker's own.

use crate::base::Binary;
use crate::compose::{Check, Finding, Service};
use crate::memory::{Measured, Pool, pools};
use crate::workers::{Worker, Workers};

/// The largest pool of workers in what was measured of a service.
pub fn pool(measured: &[&Measured]) -> Option<Pool> {
    let all = measured.iter().filter_map(|one| pools(&one.processes).into_iter().next());
    all.max_by_key(|pool| pool.needs(pool.workers.len() as u64))
}

/// How many workers the file says, where one program of the service has a pool and its number is known.
pub fn told(workers: &Workers) -> Option<u64> {
    one(workers)?.processes.number()
}

fn one(workers: &Workers) -> Option<&Worker> {
    match workers {
        Workers::Known(all) => match all.as_slice() {
            [one] if one.others > 0 => Some(one),
            _ => None,
        },
        _ => None,
    }
}

/// What a measurement says of a service's workers against its file.
pub fn findings(service: &Service, workers: &Workers, measured: &[&Measured]) -> Vec<Finding> {
    let (Some(worker), Some(pool)) = (one(workers), pool(measured)) else { return Vec::new() };
    let place = service.command.as_ref().or(service.entrypoint.as_ref()).map_or(service.place, |at| at.place);
    let finding = |check, message, advice: String| Finding {
        check,
        service: Some(service.name.clone()),
        place: Some(place),
        message,
        advice: Some(advice),
    };
    let mut out = Vec::new();
    let limit = service.resources.memory().map(|(bytes, _)| bytes as u64);
    if let (Some(limit), Some(count)) = (limit, worker.processes.number())
        && pool.needs(count) > limit
    {
        let message = format!(
            "{count} workers need {} by what was measured ({} and {count} × {}), above the limit of {}",
            Binary(pool.needs(count)),
            Binary(pool.needs(0)),
            Binary(pool.worker_private),
            Binary(limit)
        );
        let advice = match pool.fits(limit) {
            0 => "raise the limit".to_owned(),
            fits => format!("{fits} fit into it, or raise the limit"),
        };
        out.push(finding(Check::WorkersAboveLimit, message, advice));
    }
    if let (Some(kib), Some(peak)) = (worker.memory_per_child, pool.worker_peak)
        && kib.saturating_mul(1024) <= peak
    {
        let message = format!(
            "--max-memory-per-child={kib} is {}, and each child had {} at its peak, shared pages included: celery replaces each after every task",
            Binary(kib.saturating_mul(1024)),
            Binary(peak)
        );
        let enough = pool.worker_rss.max(peak) * 2 / 1024;
        out.push(finding(
            Check::MemoryPerChildBelowStart,
            message,
            format!("a value well above it, as {enough}, or none"),
        ));
    }
    out
}
