//! `slimwright explain`: what a rule says.

use crate::cli::failure::{Failure, Result};
use crate::cli::near;
use crate::cli::options;
use crate::cli::output::print;
use crate::cli::pipeline;
use crate::profile::explain;

/// Explains a rule of a folder's and the built-in ones.
pub fn run(args: &options::Explain) -> Result<()> {
    let (id, rules) = (&args.rule, pipeline::rules(args.profiles.profiles.as_deref())?);
    match rules.iter().find(|rule| rule.id == *id) {
        Some(rule) => print(&explain(rule)),
        None => {
            let near: Vec<&str> =
                rules.iter().map(|rule| rule.id.as_str()).filter(|known| near::is_near(known, id)).collect();
            let failure = Failure::usage(anyhow::anyhow!("no rule has the id `{id}`"));
            Err(match near.as_slice() {
                [] => failure.hint("`slimwright rules` lists them"),
                near => failure.hint(format!("did you mean {}?", near.join(" or "))),
            })
        }
    }
}
