//! `slimwright diff`: two images, and what makes the difference.

use crate::budget::{Diff, Snapshot};
use crate::cli::context;
use crate::cli::failure::{Failure, Result};
use crate::cli::input::{self, Input, Look};
use crate::cli::options::{self, Context, Format, Source};
use crate::cli::output::Destination;
use crate::cli::pipeline;
use crate::report;

/// Runs the command.
pub fn run(args: options::Diff) -> Result<()> {
    let destination = Destination::new(args.output, args.force)?;
    let after = Source { target: args.after, ..args.source.clone() };
    let (before, after) = input::pair(for_contexts(args.source, after), &args.asked)?;
    let look = Look::new(&args.print, destination.is_stdout());
    before.keeping_cache(|| {
        let diff = Diff::new(&snapshot(&before)?, &snapshot(&after)?);
        let text = match args.format {
            Format::Text => report::diff(&diff, look.color, look.width, look.details),
            Format::Json => report::json(&diff).map_err(Failure::measure)?,
            Format::Markdown => report::diff_markdown(&diff),
        };
        destination.write(|out| Ok(out.write_all(text.as_bytes())?))?;
        match args.exit_code && !diff.is_empty() {
            true => Err(Failure::verdict(anyhow::anyhow!("{} and {} differ", before.text, after.text))),
            false => Ok(()),
        }
    })
}

/// What says how a build context is read is for that one of the two that is one.
fn for_contexts(mut before: Source, mut after: Source) -> (Source, Source) {
    match (context::folder(&before.target), context::folder(&after.target)) {
        (None, Some(_)) => before.context = Context::default(),
        (Some(_), None) => after.context = Context::default(),
        _ => {}
    }
    (before, after)
}

fn snapshot(input: &Input) -> Result<Snapshot> {
    let image = pipeline::image(input)?;
    Ok(pipeline::survey(&image, &input.given, |facts| Snapshot::new(facts, &[]).with_folders(facts)))
}
