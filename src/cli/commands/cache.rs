//! `slimwright cache`: the cache of layer indexes.

use crate::base::{ByteSize, Text};
use crate::cli::failure::{Failure, Result};
use crate::cli::input::cache;
use crate::cli::options::{self, CacheAction};
use crate::cli::output::print;
use crate::image::{Cache, CacheInfo};

const HINT: &str = "set SLIMWRIGHT_CACHE_DIR, XDG_CACHE_HOME or HOME";

/// Runs the command.
pub fn run(args: &options::Cache) -> Result<()> {
    let cache = cache()?;
    let cache = cache.ok_or_else(|| Failure::usage(anyhow::anyhow!("there is no folder for a cache")).hint(HINT))?;
    match args.action {
        CacheAction::Info => info(&cache.info()),
        CacheAction::Clear => clear(&cache),
    }
}

fn info(info: &CacheInfo) -> Result<()> {
    print(&format!(
        "{}\n{}, {} of at most {}\n",
        Text::of_path(&info.folder),
        entries(info.entries),
        ByteSize(info.bytes),
        ByteSize(info.most_bytes)
    ))
}

fn entries(number: usize) -> String {
    if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") }
}

fn clear(cache: &Cache) -> Result<()> {
    let folder = cache.info().folder;
    let removed = cache.clear().map_err(|error| {
        Failure::usage(anyhow::Error::new(error).context(format!("{}: cannot clear", Text::of_path(&folder))))
    })?;
    print(&format!("removed {}, {}\n", entries(removed.entries), ByteSize(removed.bytes)))
}
