//! The host: memory, swap, and what it is ready to give.

use super::tree::{Tree, field};
use serde::{Deserialize, Serialize};

/// A host's memory. Bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostMemory {
    /// All.
    pub total: u64,
    /// What the kernel could give without swapping: its estimate, caches included. `total - available` is in use, and that is one
    /// fact and not two.
    pub available: Option<u64>,
    /// All swap.
    pub swap_total: u64,
    /// Swap that is not used.
    pub swap_free: u64,
    /// `vm.swappiness`.
    pub swappiness: Option<i64>,
    /// Processors.
    pub cpus: Option<u64>,
}

impl HostMemory {
    /// Of a tree; nothing where it has no `/proc/meminfo`.
    pub fn read(tree: &Tree) -> Option<Self> {
        let text = tree.read("/proc/meminfo").ok()?;
        let cpus = tree.read("/proc/stat").ok().map(|stat| {
            let is_cpu = |line: &&str| {
                line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            };
            stat.lines().filter(is_cpu).count() as u64
        });
        Some(Self {
            total: field(&text, "MemTotal")?,
            available: field(&text, "MemAvailable"),
            swap_total: field(&text, "SwapTotal").unwrap_or(0),
            swap_free: field(&text, "SwapFree").unwrap_or(0),
            swappiness: tree.number("/proc/sys/vm/swappiness").ok().and_then(|value| value.try_into().ok()),
            cpus: cpus.filter(|cpus| *cpus > 0),
        })
    }
}
