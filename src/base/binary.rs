//! Bytes of memory, which are shown in binary units as container engines show them.

use std::fmt;

/// A number of bytes of memory: `45.6 MiB`, `2.5 GiB`. Image sizes are shown by [`super::ByteSize`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binary(pub u64);

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        while value >= 1023.95 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let text = match unit {
            0 => format!("{value} B"),
            _ if value.fract() == 0.0 => format!("{value} {}", UNITS[unit]),
            1 | 2 if value >= 100.0 => format!("{value:.0} {}", UNITS[unit]),
            1 | 2 => format!("{value:.1} {}", UNITS[unit]),
            _ => format!("{value:.2} {}", UNITS[unit]),
        };
        f.pad(&text)
    }
}
