//! Arguments, progress, exit codes: the only place that prints or exits.
//!
//! ```text
//! options ─► commands/NAME ─► input ─► pipeline ─► report ─► renderer ─► output
//! ```
//!
//! What was asked for goes to stdout or into the named file, everything else to stderr. Exit codes: 0 fine, 1
//! the verdict is no, 2 usage or configuration, 3 could not measure. A
//! reader that closes the pipe early is no failure.

mod budget;
mod budget_files;
mod commands;
mod context;
mod dockerfile;
mod failure;
mod given;
mod images;
mod imports;
mod input;
mod locate;
mod manual;
mod mistakes;
mod options;
mod output;
mod pipeline;
mod plugin;
mod progress;
mod terminal;

use crate::base::Text;
use clap::{CommandFactory as _, FromArgMatches as _};
use options::Args;
use plugin::{Call, Plugin};
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command line.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let done = match plugin::call(&words) {
        Ok(Call::Plain) => return run("slimwright", words),
        Ok(Call::Plugin(Plugin { args, environment })) if environment.is_empty() => {
            return run("docker slimwright", args);
        }
        Ok(Call::Plugin(call)) => Err(plugin::start_anew(&call)),
        Ok(Call::Metadata) => output::print(&plugin::metadata()),
        Err(failure) => Err(failure),
    };
    exit_code(done)
}

/// Runs the command line of a program of this name, which stands first in it.
fn run(name: &str, words: Vec<OsString>) -> ExitCode {
    let read = |words| {
        let matches = Args::command().bin_name(name).try_get_matches_from(options::with_command(words));
        matches.and_then(|matches| Args::from_arg_matches(&matches))
    };
    let args = match read(words.clone()) {
        Ok(args) => args,
        Err(error) => {
            // Help and version are data and go to stdout, with exit code 0. Whether anybody reads is not ours.
            // What is wrong with the words is told of their escaped form, for clap repeats them as they are.
            let shown = words.iter().map(|word| String::from(Text::of_bytes(word.as_encoded_bytes())).into()).collect();
            let error = read(shown).err().unwrap_or(error);
            let _ = error.print();
            if let Some(hint) = mistakes::hint(&error, &options::with_command(words)) {
                failure::print_hint(&hint);
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    exit_code(commands::run(args))
}

fn exit_code(outcome: failure::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}
