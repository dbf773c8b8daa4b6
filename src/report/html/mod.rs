//! Reports as one HTML page: an audit with a map of the image, a plan, a verdict, a difference.

mod audit;
mod others;
mod page;
mod picture;
mod plan;
mod steps;

pub use audit::render as audit;
pub use others::{diff, verdict};
pub use plan::render as plan;
