//! Limits on an image, what it was before, and the verdict.
//!
//! ```text
//! Facts, Findings ─► Snapshot ─┐
//! slimwright.toml ─► Config ───┼─► evaluate ─► Verdict
//! slimwright.lock ─► Lock ─────┘
//!                    Snapshot, Snapshot ─► Diff
//! ```
//!
//! A [`Verdict`] is the answer of `slimwright check`, a [`Diff`] that of `slimwright diff`. Both own all they say, and
//! every text in them was escaped when they were made: renderers show them and add nothing.
//!
//! A gate that could not measure never passes: where a number is not known (no compressed size, a virtual image with
//! gaps, no Python where one was promised) the outcome is [`Outcome::CouldNotMeasure`], and where a limit has nothing to
//! compare with there is an error and no verdict at all. Nothing here reads a file or asks the clock.

mod accept;
mod config;
mod culprits;
mod date;
mod diff;
mod evaluate;
mod initial;
mod lock;
mod measure;
mod snapshot;
mod verdict;

pub use config::{Accept, Bound, Config, ConfigError, Forbidden, Limits, Measure, Pattern, Unpredicted};
pub use date::{day_of, parse_day};
pub use diff::{Cause, CauseKind, Diff, DiffRow, LayerChange, LayerFate, SizeChange};
pub use evaluate::{BudgetError, evaluate};
pub use initial::initial;
pub use jiff::civil::Date;
pub use lock::{Baseline, Layer, Lock, LockError, Unpacked, Wire};
pub use snapshot::{DistributionSize, FindingSize, HiddenSize, LayerSize, PackageSize, Snapshot};
pub use verdict::{
    Accepted, AcceptedState, Amount, Check, CheckId, CheckKind, Culprit, CulpritKind, Outcome, Place, Planned, RestsOn,
    Severity, Verdict, Warning, WarningId,
};

/// Version of the JSON forms of [`Verdict`] and [`Diff`].
pub const SCHEMA_VERSION: u32 = 1;
