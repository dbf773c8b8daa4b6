//! Arguments, progress, exit codes: the only place that prints or exits.
//!
//! ```text
//! Args ─► Settings ─► pipeline ─► report ─► renderer ─► output
//! ```
//!
//! What was asked for goes to stdout or into the named file, everything else to stderr. Exit codes: 0 fine, 1
//! the verdict is no, 2 usage or configuration, 3 could not measure. A
//! reader that closes the pipe early is no failure.

mod args;
mod check;
mod commands;
mod context;
mod diff;
mod dockerfile;
mod failure;
mod given;
mod imports;
mod output;
mod pipeline;
mod progress;
mod settings;

use args::Args;
use clap::Parser as _;
use settings::Settings;
use std::process::ExitCode;

/// Runs the command line.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are data and go to stdout, with exit code 0. Whether anybody reads is not ours.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match Settings::new(args).and_then(commands::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}
