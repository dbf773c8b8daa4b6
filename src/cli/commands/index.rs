//! `slimwright index`: what an audit needs of an image, in one small file.

use crate::cli::failure::Result;
use crate::cli::input::Input;
use crate::cli::locate::locate;
use crate::cli::options::{self, Asked};
use crate::cli::output::Destination;
use crate::cli::pipeline;
use crate::image::{write_recorded, write_with_environment};

/// Runs the command.
pub fn run(args: options::Index) -> Result<()> {
    let destination = Destination::new(Some(args.output), args.force)?;
    let input = Input::new(locate(args.source)?, &Asked::default())?.with_sources();
    input.keeping_cache(|| {
        let image = pipeline::image(&input)?;
        let write = if args.env { write_with_environment } else { write_recorded };
        destination.write(|mut out| Ok(write(&image, &mut out)?))
    })
}
