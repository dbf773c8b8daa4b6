//! Byte counts. A number without a unit and a basis is not a fact, so reports carry [`Size`].

use serde::{Deserialize, Serialize};
use std::fmt;

/// A count of bytes. Printed in SI units (1 MB = 10⁶ bytes), as container engines print image sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        let text = match bytes {
            0..1_000 => format!("{bytes} B"),
            1_000..1_000_000 => scaled(bytes, 1_000, "kB"),
            1_000_000..1_000_000_000 => scaled(bytes, 1_000_000, "MB"),
            _ => format!("{:.2} GB", bytes as f64 / 1e9),
        };
        f.pad(&text)
    }
}

fn scaled(bytes: u64, unit: u64, name: &str) -> String {
    let value = bytes as f64 / unit as f64;
    if value < 9.95 { format!("{value:.1} {name}") } else { format!("{value:.0} {name}") }
}

impl std::iter::Sum for ByteSize {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        Self(iter.map(|size| size.0).sum())
    }
}

/// Which bytes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Compressed layer blobs, what a pull transfers.
    Wire,
    /// The contents of the layers' entries, what an engine shows as an image's SIZE.
    Unpacked,
    /// Unpacked, each file rounded up to a file system block.
    Disk,
}

/// How a number came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Counted in the image itself, or in a wheel that was read whole.
    Measured,
    /// Derived from what was counted, by a stated rule.
    Predicted,
    /// Taken from a table in a profile.
    Catalogue,
}

impl Basis {
    /// `measured`, `predicted`, `catalogue`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Predicted => "predicted",
            Self::Catalogue => "catalogue",
        }
    }
}

/// A byte count that says what it counts and how it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// The count.
    pub bytes: ByteSize,
    /// Which bytes.
    pub unit: Unit,
    /// How it is known.
    pub basis: Basis,
}

/// Reads `900 MB`, `1.2GiB`, `512B`. A unit is required, because a bare number has meant all of them.
/// Returns a sentence that says what was expected.
pub fn parse_byte_size(text: &str) -> Result<ByteSize, String> {
    const UNITS: [(&str, f64); 9] = [
        ("B", 1.0),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("TB", 1e12),
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("TiB", 1_099_511_627_776.0),
    ];
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = (text[..split].trim(), text[split..].trim());
    let factor = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| factor);
    match (number.parse::<f64>(), factor) {
        (Ok(value), Some(factor)) if value.is_finite() => Ok(ByteSize((value * factor).round() as u64)),
        (Ok(_), _) if unit.is_empty() => Err(format!("`{text}` has no unit; write for example `900 MB` or `1.2 GiB`")),
        _ => Err(format!("`{text}` is no size; write a number and a unit, for example `900 MB` or `1.2 GiB`")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]
mod tests {
    use super::*;

    #[test]
    fn sizes_print_in_si_units() {
        let shown: Vec<String> =
            [0, 999, 1_000, 9_940, 12_345, 1_500_000, 8_420_000_000].map(|n| ByteSize(n).to_string()).into();
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "9.9 kB", "12 kB", "1.5 MB", "8.42 GB"]);
    }

    #[test]
    fn sizes_need_a_unit() {
        assert_eq!(parse_byte_size("1.2 GiB"), Ok(ByteSize(1_288_490_189)));
        assert_eq!(parse_byte_size("900mb"), Ok(ByteSize(900_000_000)));
        assert!(parse_byte_size("900").unwrap_err().contains("no unit"));
        assert!(parse_byte_size("many MB").unwrap_err().contains("no size"));
    }
}
