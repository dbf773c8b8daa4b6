//! `slimwright diff`: two images, and what makes the difference.

use crate::budget::{Diff, Snapshot};
use crate::cli::failure::{Failure, Result};
use crate::cli::input::{self, Input, Look};
use crate::cli::locate::locate;
use crate::cli::options::{self, Context, Source};
use crate::cli::output::Destination;
use crate::cli::pipeline;

/// Runs the command.
pub fn run(args: options::Diff) -> Result<()> {
    let destination = Destination::new(args.output, args.force)?;
    let after = locate(Source { target: args.after, ..args.source.clone() })?;
    let source = locate(args.source)?;
    let (before, after) = input::pair(for_contexts(source, after)?, &args.asked)?;
    let look = Look::new(&args.print, destination.is_stdout());
    before.keeping_cache(|| {
        let diff = Diff::new(&snapshot(&before)?, &snapshot(&after)?);
        let text = (args.format.render)(&diff, look.style(&before)).map_err(Failure::measure)?;
        destination.write(|out| Ok(out.write_all(text.as_bytes())?))?;
        match args.exit_code && !diff.is_empty() {
            true => Err(Failure::verdict(anyhow::anyhow!("{} and {} differ", before.text, after.text))),
            false => Ok(()),
        }
    })
}

/// What says how a build context is read is for that one of the two that is one.
fn for_contexts(mut before: Source, mut after: Source) -> Result<(Source, Source)> {
    let is_context = |source: &Source| input::target(&source.target).map(|target| target.context().is_some());
    match (is_context(&before)?, is_context(&after)?) {
        (false, true) => before.context = Context::default(),
        (true, false) => after.context = Context::default(),
        _ => {}
    }
    Ok((before, after))
}

fn snapshot(input: &Input) -> Result<Snapshot> {
    let image = pipeline::image(input)?;
    Ok(pipeline::survey(&image, &input.given, |facts| Snapshot::new(facts, &[]).with_folders(facts)))
}
