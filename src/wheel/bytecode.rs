//! How much bytecode CPython makes of source: by a rule for all, and for well-known distributions as it was measured.

use crate::python::normalize_name;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Of distributions, thousandths of their source with CPython 3.11. `scripts/bytecode` measures it.
static TABLE: LazyLock<HashMap<&str, u64>> = LazyLock::new(|| {
    let rows = include_str!("bytecode.txt").lines().filter(|line| !line.starts_with('#'));
    let row = |line: &'static str| {
        let (name, permille) = line.split_once(' ')?;
        Some((name, permille.trim().parse().ok()?))
    };
    rows.filter_map(row).collect()
});

/// Bytes of bytecode to bytes of source of a distribution, where that was measured; of another Python than 3.11 as that
/// differs for all.
pub(super) fn known_ratio(name: &str, python: &str) -> Option<(u64, u64)> {
    let permille = TABLE.get(normalize_name(name).as_str())?;
    Some((permille * of_version(python), 1_000_000))
}

/// Thousandths of what CPython 3.11 makes.
fn of_version(python: &str) -> u64 {
    let minor = python.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(12);
    match minor {
        0..=9u32 => 657,
        10 => 685,
        11 => 1_000,
        _ => 930,
    }
}

/// Bytes of bytecode that CPython (`3.11`) makes of a source file of so many bytes: predicted, never measured.
///
/// A file of bytecode has the names, constants, documentation and instructions of its source, but no comments and no
/// layout; so one style of code makes less of it than another, and no rule on sizes alone is exact. This one was fitted to
/// the 17,599 source files of an image with 189 distributions on Python 3.11 (297 MB of source, 396 MB of bytecode). Its
/// total there is within 0.1 %. Single distributions range from 1.03 (few functions, long texts) to 1.85 bytes of bytecode a
/// byte of source (tables of expressions); on 1,914 files of 22 distributions that have much documentation it was 14 % too
/// high. The versions were compared on those files, compiled by each: 3.9 makes 66 % of what 3.11 makes, 3.10 69 %, 3.12 and
/// 3.13 93 %; earlier and later ones count as their neighbours.
pub fn predicted_bytecode(source_bytes: u64, python: &str) -> u64 {
    let permille = of_version(python);
    // A head and the file's own path; each byte; and more for what small files have: a module of its own.
    let small = source_bytes.min(1_000) * 4 / 10;
    let whole = (source_bytes / 10).saturating_mul(13).saturating_add(source_bytes % 10 * 13 / 10 + small + 160);
    (whole / 1_000).saturating_mul(permille).saturating_add(whole % 1_000 * permille / 1_000)
}
