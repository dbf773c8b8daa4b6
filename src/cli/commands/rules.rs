//! `slimwright rules`: a line each.

use crate::cli::failure::Result;
use crate::cli::options;
use crate::cli::output::print;
use crate::cli::pipeline;
use crate::rules::list;

/// Lists the rules.
pub fn run(args: &options::Rules) -> Result<()> {
    print(&list(&pipeline::rules(args.profiles.profiles.as_deref())?))
}
