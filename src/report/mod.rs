//! Writes what was found down so that it can be read: one [`AuditReport`] (and one [`PlanReport`]), and a pure
//! renderer a format.
//!
//! A report is a value that owns all it says. Every text in it was escaped when it was built, so no renderer
//! can forget to. Renderers never filter by themselves and know neither clock nor machine: the same report
//! gives the same bytes. Every number of bytes is either a [`crate::base::Size`], which says what it counts
//! and how it is known, or stands below one and is counted in the same way.
//!
//! [`AuditReport::groups`] answers "where are the bytes": each byte of each layer is in exactly one group, so
//! the groups sum to the image.

mod audit;
mod build;
mod check_text;
mod details;
mod diff;
mod fates;
mod groups;
mod heavy;
mod json;
mod layout;
mod libraries;
mod plan;
mod screen;
mod verify;
mod why;

pub mod check;
pub mod markdown;
pub mod report_md;
pub mod text;

pub use audit::{
    ActionSummary, AuditReport, BrokenReport, ContestReport, DistributionReport, EnvironmentReport, EvidenceReport,
    FindingReport, GapReport, Group, HiddenBytes, ImageSummary, LayerBytes, LayerReport, LayerShare, NamedBytes,
    OsPackageReport, PlanSummary, ProblemReport, RemovedReport, SCHEMA_VERSION, Sizes, SkippedSummary, VisibleBytes,
};
pub use check_text::render as check_text;
pub use diff::{markdown as diff_markdown, render as diff};
pub use heavy::{CutReport, FreedReport, HeavyReport};
pub use json::render as json;
pub use libraries::{LibrariesReport, UnmetReport};
pub use plan::{
    AvailabilityReport, CopyReport, EnvironmentSummary, FileReport, ImageSize, LayerSize, PinReport, PlanAction,
    PlanReport, RequirementReport, RootReport, SystemReport, TakenAway,
};
pub use verify::render as verify;
pub use why::{WhyReport, render as why};
