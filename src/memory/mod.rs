//! What containers and processes really use of memory, measured, and whether two measurements can be compared.
//!
//! ```text
//! engine, PID, cgroup ─► target ─► samples ─► record ─┬─► report
//!                        tree: /proc, /sys/fs/cgroup  └─► diff: like for like?
//! ```
//!
//! Figures have their kind: *charged* is what the cgroup is charged with, *anonymous* what no file stands behind, *PSS* a process's
//! own pages and its part of shared ones, *RSS* all that it maps, which cannot be added up. What could not be read is nothing,
//! and said; it is never zero.

mod cgroup;
mod diff;
mod host;
mod pool;
mod process;
mod record;
mod sample;
mod tree;

pub use cgroup::{Cgroup, Charged, Limit, Version, charged, named, of_process, processes};
pub use diff::{Change, Diff, Doubt, Meant, Pair, diff, time};
pub use host::HostMemory;
pub use pool::{Pool, pools};
pub use process::{Depth, Process, Role, descendants, packages, read as read_processes};
pub use record::{Ended, Measured, Record, RecordError, SCHEMA, Series, Window};
pub use sample::{Sampler, Target, TargetKind, read_target};
pub use tree::{Tree, Unread, Why};

/// This machine's memory.
pub fn host() -> Option<HostMemory> {
    HostMemory::read(&Tree::live())
}
