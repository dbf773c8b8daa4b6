//! The configuration that a project may begin with: what the image has now, and a little room.

use super::Snapshot;
use crate::base::ByteSize;
use crate::rules::Severity;
use std::fmt::Write as _;

/// Per cent of an image's size that it may grow before the limit is broken.
const ROOM: u64 = 5;

/// The text of a `slimwright.toml` that the image keeps.
pub fn initial(snapshot: &Snapshot) -> String {
    let (total, dead) = (snapshot.summary.total(), snapshot.summary.dead());
    let mut out = format!(
        "# Limits for `slimwright check`, made from {} ({}).\n# Every key: docs/budget.md of slimwright.\n",
        crate::base::Text::from(&snapshot.name),
        crate::base::Text::from(&snapshot.platform),
    );
    if snapshot.has_python {
        out.push_str("\n# An image in which no Python is found is not measured.\npython = true\n");
    }
    let most = |bytes: u64| rounded_up(bytes.saturating_add(bytes / 100 * ROOM));
    let _ = write!(out, "\n[limits]\n# {} now.\nunpacked = \"{}\"\n", ByteSize(total), most(total));
    let _ = write!(out, "# {} now: bytes that no container sees.\ndead-bytes = \"{}\"\n", ByteSize(dead), most(dead));
    let errors = snapshot.findings.iter().filter(|finding| finding.severity >= Severity::Error).count();
    let _ = write!(out, "\n[limits.findings]\nerror = {errors}\n");
    out.push_str(
        "\n# Against slimwright.lock: how much a change may add.\n[growth]\nunpacked = [\"20 MB\", \"5 %\"]\n",
    );
    out.push_str("any-distribution = [\"10 MB\", \"20 %\"]\n");
    out
}

/// In megabytes with two digits that count, and no less.
fn rounded_up(bytes: u64) -> String {
    let mut step = 1_000_000;
    while bytes / step >= 100 {
        step *= 10;
    }
    format!("{} MB", bytes.div_ceil(step).saturating_mul(step / 1_000_000))
}
