//! One file a command: what its arguments mean is checked first, so that nothing is measured for a command line that cannot
//! work, and then it is done.

mod apply;
mod audit;
mod cache;
mod check;
mod compose;
mod diff;
mod explain;
mod explore;
mod imports;
mod index;
mod man;
mod memory;
mod plan;
mod rules;
mod verify;
mod why;

use super::failure::Result;
use super::options::{Args, Command};

/// Runs a command.
pub fn run(args: Args) -> Result<()> {
    match args.command {
        Command::Audit(args) => audit::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Apply(args) => apply::run(*args),
        Command::Explore(args) => explore::run(*args),
        Command::Why(args) => why::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Check(args) => check::run(*args),
        Command::Compose(args) => compose::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Index(args) => index::run(args),
        Command::Imports(args) => imports::run(args),
        Command::Explain(args) => explain::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Cache(args) => cache::run(&args),
        Command::Completions(args) => man::completions(&args),
        Command::Memory(args) => memory::run(args),
        Command::Man(args) => man::run(args),
    }
}
