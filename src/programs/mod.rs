//! Other programs: which ones are run, and how they are talked to.
//!
//! Programs are looked for in the absolute folders of `PATH` that are no stranger's ([`Strangers`]), and each is run for a
//! bounded time ([`converse`]).

mod strangers;
mod talk;

pub use strangers::{Strangers, beside, is_program};
pub use talk::{MAX_ANSWER, converse};
