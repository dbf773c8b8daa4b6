//! Rules as data: `profiles/*.toml`, embedded, sorted by name; `--profiles DIR` adds files and overrides
//! rules by id. Parsed once at the border: unknown keys and wrong values are errors with file, line and column.

mod load;
mod rule;

pub use load::{ProfileError, embedded, load};
pub use rule::{Detect, Installed, Replacement, Rule, Severity, Tier};
