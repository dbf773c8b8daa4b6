//! The formats of outputs, as values of options: names and help are those of their tables.

use crate::budget::{self, Verdict};
use crate::report::check::FORMATS;
use crate::report::{AUDIT_FORMATS, DIFF_FORMATS, Format, Render, RenderAudit};
use clap::ValueEnum;
use clap::builder::PossibleValue;

/// A format of an audit.
pub type AuditFormat = Format<RenderAudit>;
/// A format of a verdict.
pub type CheckFormat = Format<Render<Verdict>>;
/// A format of a difference.
pub type DiffFormat = Format<Render<budget::Diff>>;

/// Formats of one thing.
pub trait Table: Sized + 'static {
    /// All of them, the default one first.
    fn rows() -> &'static [Self];
}

impl Table for AuditFormat {
    fn rows() -> &'static [Self] {
        &AUDIT_FORMATS
    }
}

impl Table for CheckFormat {
    fn rows() -> &'static [Self] {
        &FORMATS
    }
}

impl Table for DiffFormat {
    fn rows() -> &'static [Self] {
        &DIFF_FORMATS
    }
}

impl<F: Clone> ValueEnum for Format<F>
where
    Self: Table,
{
    fn value_variants<'a>() -> &'a [Self] {
        Self::rows()
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name).help(self.help))
    }
}
