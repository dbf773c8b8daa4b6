//! `slimwright audit`: where the bytes are, what is wrong, and of a build context the verdict of its budget.

use crate::budget::Outcome;
use crate::cli::budget::{self, Budget};
use crate::cli::failure::{Failure, Result};
use crate::cli::input::{Input, Look};
use crate::cli::locate::locate;
use crate::cli::options;
use crate::cli::output::Destination;
use crate::cli::pipeline;
use crate::report;

/// Runs the command.
pub fn run(args: options::Audit) -> Result<()> {
    let destination = Destination::new(args.output, args.force)?;
    let input = Input::new(locate(args.source)?, &args.asked)?;
    let look = Look::new(&args.print, destination.is_stdout());
    input.keeping_cache(|| {
        let rules = pipeline::rules(args.profiles.profiles.as_deref())?;
        let context = input.context.as_ref();
        let budget = context.map(|context| Budget::of_context(&context.folder)).transpose()?.flatten();
        // A map shows what becomes of every file.
        let has_map = args.format.name == "html";
        let (report, verdict) = pipeline::audit(&input, &rules, has_map, |measured| {
            let verdict = budget.as_ref().map(|budget| budget.judge(&rules, &measured)).transpose()?;
            let report = measured.report(&rules);
            let plan = measured.plan.ok().map(|planned| &planned.plan);
            let report = if has_map { report.with_map(measured.facts, measured.findings, plan) } else { report };
            Ok((report, verdict))
        })?;
        let render = args.format.render;
        let mut text = render(&report, &rules, look.style(&input)).map_err(Failure::measure)?;
        if let Some(verdict) = verdict.as_ref().filter(|_| args.format.name == "text") {
            text.push('\n');
            text.push_str(&report::check_text(verdict, look.color, look.width, look.details));
        }
        destination.write(|out| Ok(out.write_all(text.as_bytes())?))?;
        match verdict {
            Some(verdict) if matches!(verdict.outcome, Outcome::Fail | Outcome::CouldNotMeasure) => {
                Err(budget::failure(&verdict))
            }
            _ => Ok(()),
        }
    })
}
