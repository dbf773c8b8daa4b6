//! `slimwright explain`: what a rule says.

use crate::base::Text;
use crate::cli::failure::Result;
use crate::cli::options;
use crate::cli::output::print;
use crate::cli::pipeline;
use crate::compose::Check;
use crate::rules::{Rule, actions, explain, explain_own, list};

/// Explains a rule of a folder's and the built-in ones, all that share a label, a finding about a Compose file, or a plan's own reason.
pub fn run(args: &options::Explain) -> Result<()> {
    let rules = pipeline::rules(args.profiles.profiles.as_deref())?;
    // Ids and labels are in lower case; what is written otherwise is a rule of the user's own, or means one of these.
    let lower = args.rule.to_lowercase();
    let name = if pipeline::rules_named(&rules, &args.rule).is_empty() { &lower } else { &args.rule };
    let known = (pipeline::rules_named(&rules, name), actions::own_reason(name), Check::named(name));
    match (known.0.as_slice(), known.1, known.2) {
        ([rule], ..) => print(&explain(rule)),
        ([], Some(own), _) => print(&explain_own(own)),
        ([], None, Some(check)) => print(&explain_check(check)),
        ([], None, None) => {
            let known = pipeline::rule_names(&rules).chain(actions::OWN_REASONS.iter().map(|own| own.id));
            let known = known.chain(Check::ALL.iter().map(|check| check.id()));
            Err(pipeline::no_rule(anyhow::anyhow!("there is no rule `{}`", Text::from(name)), name, known))
        }
        (several, ..) => {
            let rows: Vec<Rule> = several.iter().map(|rule| (*rule).clone()).collect();
            let head = format!("{} rules report `{name}`; `slimwright explain ID` explains one:\n\n", several.len());
            print(&(head + &list(&rows)))
        }
    }
}

fn explain_check(check: Check) -> String {
    format!("{} ({}, of a Compose file)\n\n{}\n", check.id(), check.level().as_str(), check.why())
}
