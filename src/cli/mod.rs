//! Arguments, progress, exit codes: the only place that prints or exits.

use std::process::ExitCode;

/// Runs the command line.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
