//! What the names of a file of settings come to when Python loads it: `gunicorn.conf.py`, `celeryconfig.py`, a module with
//! `app.conf.worker_concurrency = 4`.
//!
//! Nothing runs. Constants, the variables of a container, the number of processors, arithmetic, conditions and plain functions are
//! followed; everything else makes the names that it binds not known, and never something else than what Python would give them.
//!
//! Source: The Python Language Reference, "Expressions" and "Simple statements"; the library reference of `os`.

mod expression;
mod frame;
mod statement;
mod value;

pub use value::{Decorated, Known, Names, Settings, Value, World};

use super::bounds;

/// Bytes of a file of settings.
const MAX_SETTINGS: usize = 512 << 10;

/// Reads a file of settings.
///
/// # Errors
///
/// It is no Python, or too large: why.
pub fn settings(source: &str, world: World<'_>) -> Result<Settings, &'static str> {
    if source.len() > MAX_SETTINGS {
        return Err("too large");
    }
    bounds::parsed(source, |parsed| match parsed.has_valid_syntax() {
        true => Ok(statement::settings(parsed.suite(), world)),
        false => Err("no Python 3"),
    })?
}
