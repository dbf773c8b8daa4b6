//! Reports as one HTML page: an audit with a map of the image, a verdict, a difference.

mod audit;
mod others;
mod page;
mod picture;

pub use audit::render as audit;
pub use others::{diff, verdict};
