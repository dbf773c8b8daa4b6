//! `slimwright explain`: what a rule says.

use crate::base::escape_str;
use crate::cli::failure::Result;
use crate::cli::options;
use crate::cli::output::print;
use crate::cli::pipeline;
use crate::rules::{actions, explain, explain_own};

/// Explains a rule of a folder's and the built-in ones, or a plan's own reason.
pub fn run(args: &options::Explain) -> Result<()> {
    let (id, rules) = (&args.rule, pipeline::rules(args.profiles.profiles.as_deref())?);
    if let Some(rule) = rules.iter().find(|rule| rule.id == *id) {
        return print(&explain(rule));
    }
    match actions::own_reason(id) {
        Some(own) => print(&explain_own(own)),
        None => {
            let known = rules.iter().map(|rule| rule.id.as_str()).chain(actions::OWN_REASONS.iter().map(|own| own.id));
            Err(pipeline::no_rule(anyhow::anyhow!("no rule has the id `{}`", escape_str(id)), id, known))
        }
    }
}
