//! `slimwright diff`: two images, and what makes the difference.

use super::args::{Context, Diff as Args, Format, Source};
use super::context;
use super::failure::{Failure, Result};
use super::output::Destination;
use super::pipeline;
use super::settings::{Input, Look, look, pair};
use crate::budget::{Diff, Snapshot};
use crate::report;

/// What was typed, checked.
pub struct DiffSettings {
    /// The first image.
    pub before: Input,
    after: Input,
    look: Look,
    format: Format,
    destination: Destination,
    exit_code: bool,
}

impl DiffSettings {
    /// Checks the arguments.
    pub fn new(args: Args) -> Result<Self> {
        let destination = Destination::new(args.output, args.force)?;
        let after = Source { target: args.after, ..args.source.clone() };
        let (before, after) = pair(for_contexts(args.source, after), &args.asked)?;
        Ok(Self {
            before,
            after,
            look: look(&args.print, destination.is_stdout()),
            format: args.format,
            destination,
            exit_code: args.exit_code,
        })
    }
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

/// Compares.
pub fn diff(settings: &DiffSettings) -> Result<()> {
    let (before, after) = (snapshot(&settings.before)?, snapshot(&settings.after)?);
    let diff = Diff::new(&before, &after);
    let look = settings.look;
    let text = match settings.format {
        Format::Text => report::diff(&diff, look.color, look.width, look.details),
        Format::Json => report::json(&diff).map_err(Failure::measure)?,
        Format::Markdown => report::diff_markdown(&diff),
    };
    settings.destination.write(|out| Ok(out.write_all(text.as_bytes())?))?;
    match settings.exit_code && !diff.is_empty() {
        true => Err(Failure::verdict(anyhow::anyhow!("{} and {} differ", settings.before.text, settings.after.text))),
        false => Ok(()),
    }
}

fn snapshot(input: &Input) -> Result<Snapshot> {
    let image = pipeline::image(input)?;
    Ok(pipeline::survey(&image, &input.given, |facts| Snapshot::new(facts, &[]).with_folders(facts)))
}
