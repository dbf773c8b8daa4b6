//! What imports cost: processor time, memory of each process's own, and pages of files that processes share.
//!
//! ```text
//! probe.py ─► the image's Python: a fresh interpreter a module ─► Told ─► Imports ─► report
//! ```
//!
//! What the image's Python says is a stranger's: it is bounded, and its texts are escaped where they enter a report. Anonymous memory
//! is what every process pays; pages of files are shared by all processes of an image that load them. Import is the least that
//! a library costs: models and what is loaded at first use come on top.

mod compared;
mod cost;

pub use compared::{Compared, ComparedRow, Together};
pub use cost::{Cost, Imports, ImportsError, Module, Owner, PROBE, SCHEMA, TOGETHER, Whose, is_module};
