//! What a container's command runs: which program, in how many processes, forked or spawned, with how many threads.
//!
//! ```text
//! words ─► wrappers, scripts for the shell ─► a program of the table ─► its options, variables and files ─► processes
//! ```
//!
//! Programs are data (`programs.toml`). What is no program of the table is not known, and is never taken for one process.

mod command;
mod findings;
mod ini;
mod model;
mod script;
mod settings;
mod starters;
mod table;
mod words;

pub use command::{read, read_in};
pub use findings::findings;
pub use model::{Basis, Container, Count, Files, Setting, UNKNOWN, Worker, Workers};
pub use table::{Lever, Start};

/// The levers for a worker.
pub fn levers(worker: &Worker) -> Vec<&'static Lever> {
    let fits = |lever: &&Lever| {
        lever.of.contains(&worker.start) && (lever.programs.is_empty() || lever.programs.contains(&worker.program))
    };
    table::table().levers.iter().filter(fits).collect()
}
