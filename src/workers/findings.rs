//! What is wrong with how a service's processes meet its limits.

use super::model::{Basis, Count, Worker, Workers};
use super::table::Start;
use crate::base::Binary;
use crate::compose::{Check, Finding, Service};
use crate::yaml::Place;

/// A value of `--max-memory-per-child` below this many KiB was meant in MB.
const LEAST_PER_CHILD: u64 = 10_000;

/// Variables that say how many threads a library of numbers starts.
const THREAD_VARIABLES: [&str; 4] =
    ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"];

/// The findings about what runs in a service.
pub fn findings(service: &Service, workers: &Workers) -> Vec<Finding> {
    let mut out = Vec::new();
    let at = |at: &Option<crate::compose::At<crate::compose::Words>>| at.as_ref().map(|at| at.place);
    let place = at(&service.command).or(at(&service.entrypoint)).unwrap_or(service.place);
    match workers {
        Workers::Nothing => {}
        Workers::Unknown(words) => {
            let message = format!("how many processes `{words} …` makes is not known");
            out.push(finding(service, Check::WorkersNotKnown, place, message, ""));
        }
        Workers::Known(all) => {
            for worker in all {
                one(service, worker, place, &mut out);
            }
        }
    }
    out
}

fn finding(service: &Service, check: Check, place: Place, message: String, advice: &str) -> Finding {
    let advice = (!advice.is_empty()).then(|| advice.to_owned());
    Finding { check, service: Some(service.name.clone()), place: Some(place), message, advice }
}

fn one(service: &Service, worker: &Worker, place: Place, out: &mut Vec<Finding>) {
    let mut say = |check, message, advice: &str| out.push(finding(service, check, place, message, advice));
    let program = &worker.program;
    let cpus = service.resources.processors().map(|(cpus, _)| cpus);
    if let Count::HostCpus(count) = worker.processes {
        let here = count.map_or(String::new(), |count| format!(", {count} on this host"));
        let quota = cpus.map_or(String::new(), |cpus| format!(", whatever `cpus: {cpus}` says"));
        let message = match &worker.basis {
            Basis::File(file) => {
                let number = count.map_or(String::new(), |count| format!(" ({count} here)"));
                format!(
                    "how many processes {program} starts follows from the host's processors{number}, by {file}{quota}"
                )
            }
            _ => format!("{program} starts as many processes as the host has processors{here}{quota}"),
        };
        let option = if program.starts_with("celery") { "--concurrency" } else { "an option" };
        say(Check::WorkersFromHost, message, &format!("say how many, with {option}"));
    }
    if worker.processes == Count::NotKnown {
        let message = match (&worker.config, &worker.basis) {
            (Some(file), _) => format!("how many processes {program} makes stands in {file}, which is not read"),
            (None, Basis::Option(name) | Basis::Variable(name)) => {
                format!("how many processes {program} makes is no number in `{name}`")
            }
            (None, Basis::File(file)) => format!("how many processes {program} makes is no number in {file}"),
            (None, Basis::Default) => format!("how many processes {program} makes is not known"),
        };
        say(Check::WorkersNotKnown, message, "");
    }
    if let (Count::Is(count), Some(cpus)) = (worker.processes, cpus)
        && count as f64 > 2.0 * cpus + 1.0
    {
        let message = format!("{count} processes of {program} share `cpus: {cpus}`");
        say(
            Check::WorkersAboveCpus,
            message,
            "two processes a processor and one more are the usual most for a web server, one a processor for computing",
        );
    }
    threads(service, worker, cpus, &mut say);
    if worker.is_reloader {
        say(Check::Reloader, format!("{program} runs with a reloader"), "leave it out where it is no development");
    }
    per_child(service, worker, &mut say);
}

/// Threads of libraries of numbers, in each process.
fn threads(service: &Service, worker: &Worker, cpus: Option<f64>, say: &mut dyn FnMut(Check, String, &str)) {
    let count = worker.processes.number();
    let (Some(cpus), true) = (cpus, worker.start != Start::Single && count.is_none_or(|count| count > 1)) else {
        return;
    };
    const ADVICE: &str = "OMP_NUM_THREADS: \"1\", where processes do the work";
    let value =
        |name: &&'static str| Some((*name, service.environment.get(*name)?.as_ref()?.trim().parse::<u64>().ok()?));
    let most = THREAD_VARIABLES.iter().filter_map(value).max_by_key(|(_, threads)| *threads);
    let program = &worker.program;
    match (most, count) {
        (Some((name, threads)), Some(count)) if threads > 1 && count.saturating_mul(threads) as f64 > 2.0 * cpus => {
            let all = count.saturating_mul(threads);
            let message = format!(
                "{count} processes of {program} with {name}={threads} are {all} threads, and may use {cpus} processors"
            );
            say(Check::ThreadsAboveCpus, message, ADVICE);
        }
        (None, _) if !THREAD_VARIABLES.iter().any(|name| service.environment.contains_key(*name)) => {
            let message = format!(
                "libraries of numbers start as many threads in each process of {program} as the host has processors, and may use {cpus}"
            );
            say(Check::ThreadsAboveCpus, message, ADVICE);
        }
        _ => {}
    }
}

fn per_child(service: &Service, worker: &Worker, say: &mut dyn FnMut(Check, String, &str)) {
    let Some(kib) = worker.memory_per_child else { return };
    if kib < LEAST_PER_CHILD {
        let message = format!("--max-memory-per-child={kib} is {} for a child", Binary(kib * 1024));
        return say(Check::MemoryPerChildUnit, message, &format!("it is in KiB: {} for {kib} MiB", kib * 1024));
    }
    let (Some((limit, _)), Some(count)) = (service.resources.memory(), worker.processes.number()) else { return };
    let all = kib.saturating_mul(1024).saturating_mul(count);
    if all > limit as u64 {
        let message =
            format!("{count} × --max-memory-per-child is {}, above the limit of {}", Binary(all), Binary(limit as u64));
        say(Check::MemoryPerChildAboveLimit, message, "lower it, the number of processes, or raise the limit");
    }
}
