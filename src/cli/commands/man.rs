//! `slimwright man` and `slimwright completions`.

use crate::base::Text;
use crate::cli::failure::{Failure, Result};
use crate::cli::manual;
use crate::cli::options;
use crate::cli::output::{Destination, Folder, print};

/// Writes the man pages into a folder, or the first one to stdout.
pub fn run(args: options::Man) -> Result<()> {
    let folder = args.output.map(|folder| Folder::new(folder, args.force)).transpose()?;
    let pages = manual::pages().map_err(Failure::usage)?;
    let Some(folder) = folder else {
        return print(&pages.into_iter().map(|(_, text)| text).next().unwrap_or_default());
    };
    folder.write(&pages)?;
    print(&format!("wrote {} pages in {}\n", pages.len(), Text::of_path(folder.path())))
}

/// Writes a shell's completion script.
pub fn completions(args: &options::Completions) -> Result<()> {
    Destination::Stdout.write(|out| Ok(out.write_all(&manual::completions(args.shell))?))
}
