//! Rules as data: `profiles/*.toml`, embedded, sorted by name; `--profiles DIR` adds files and overrides
//! rules by id. Parsed once at the border: unknown keys and wrong values are errors with file, line and column.
//!
//! A rule carries its own documentation, so `explain`, the list of rules and the generated pages are all
//! written from the same file. Source of the format: TOML 1.0.

mod check;
mod explain;
mod glob;
mod load;
mod raw;
mod rule;

pub use explain::{explain, list, unknown_rule_hint};
pub use glob::{Glob, GlobSet, Walk};
pub use load::{EMBEDDED, ProfileError, embedded, load};
pub use rule::{Detect, Installed, Replacement, Rule, Severity, Signs, Tier};
