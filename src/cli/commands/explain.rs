//! `slimwright explain`: what a rule says.

use crate::base::escape_str;
use crate::cli::failure::Result;
use crate::cli::options;
use crate::cli::output::print;
use crate::cli::pipeline;
use crate::rules::{Rule, actions, explain, explain_own, list};

/// Explains a rule of a folder's and the built-in ones, all that share a label, or a plan's own reason.
pub fn run(args: &options::Explain) -> Result<()> {
    let (name, rules) = (&args.rule, pipeline::rules(args.profiles.profiles.as_deref())?);
    match (pipeline::rules_named(&rules, name).as_slice(), actions::own_reason(name)) {
        ([rule], _) => print(&explain(rule)),
        ([], Some(own)) => print(&explain_own(own)),
        ([], None) => {
            let known = pipeline::rule_names(&rules).chain(actions::OWN_REASONS.iter().map(|own| own.id));
            Err(pipeline::no_rule(anyhow::anyhow!("there is no rule `{}`", escape_str(name)), name, known))
        }
        (several, _) => {
            let rows: Vec<Rule> = several.iter().map(|rule| (*rule).clone()).collect();
            let head = format!("{} rules report `{name}`; `slimwright explain ID` explains one:\n\n", several.len());
            print(&(head + &list(&rows)))
        }
    }
}
