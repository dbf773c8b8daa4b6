//! Prometheus rule files: whether they are read, whether an alert can fire, and rules of our own with their tests.
//!
//! ```text
//! file ─► YAML ─► fields ─► PromQL ─► metrics, comparisons ─► findings
//! ```
//!
//! An expression is held against the oldest Prometheus that is still met (2.42). promtool finds what is no PromQL; that a
//! metric does not exist, so that the alert never fires, it cannot find.

mod expr;
mod file;
mod functions;
mod lexer;
mod metrics;
mod promql;
mod write;

pub use expr::{Expr, Kind, Type};
pub use file::check;
pub use lexer::PromqlError;
pub use metrics::{Known, known};
pub use promql::{parse, parse_duration};
pub use write::{Rules, rules};
