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

mod apply;
mod audit;
mod build;
mod check_text;
mod compose;
mod details;
mod diff;
mod fates;
mod format;
mod groups;
mod heavy;
mod html;
mod images;
mod imports;
mod json;
mod layout;
mod libraries;
mod map;
mod memory;
mod needs;
mod plan;
mod screen;
mod verify;
mod why;

pub mod check;
pub mod markdown;
pub mod report_md;
pub mod text;

pub use apply::{AppliedLayer, ApplyReport, DroppedFiles, LayerFate, WrittenImage, render as apply};
pub use audit::{
    ActionSummary, AuditReport, BrokenReport, ContestReport, DistributionReport, EnvironmentReport, EvidenceReport,
    FindingReport, Group, HiddenBytes, ImageSummary, LayerBytes, LayerReport, LayerShare, MAX_OFFERED, NamedBytes,
    Offered, Offers, OsPackageReport, PlanSummary, ProblemReport, RemovedReport, SCHEMA_VERSION, Sizes, SkippedSummary,
    VisibleBytes, offered_choices,
};
pub(crate) use build::instructions;
pub use check_text::render as check_text;
pub use compose::{
    COMPOSE_SCHEMA, ComposeFinding, ComposeReport, HostReport, ServiceReport, WorkerReport, here, render as compose,
};
pub use diff::{FORMATS as DIFF_FORMATS, markdown as diff_markdown, render as diff};
pub use format::{Format, Render, Rendered};
pub use heavy::{CutReport, FreedReport, HeavyReport};
pub use html::plan as html_plan;
pub use images::{FoundImage, HeaviestSaving, ImagesReport, MemoryOfAll, ServiceImage};
pub use imports::render as imports;
pub use json::render as json;
pub(crate) use layout::{and_gaps, change, columns, fit, left, relative_to_plan, right, wrap, wrap_to};
pub use libraries::{LibrariesReport, UnmetReport};
pub use map::{Colour, Part};
pub use memory::{diff as memory_diff, render as memory};
pub use plan::{
    AvailabilityReport, CopyReport, EnvironmentSummary, FileReport, ImageSize, LayerSize, PinReport, PlanAction,
    PlanReport, RequirementReport, RootReport, SystemReport, TakenAway,
};
pub use verify::render as verify;
pub use why::{Answer, WhyReport, render as why};

use crate::rules::Rule;

/// A renderer of an audit, which may look up what its rules say.
pub type RenderAudit = fn(&AuditReport, &[Rule], text::Style<'_>) -> Rendered;

/// The formats of an audit, the default one first.
pub static AUDIT_FORMATS: [Format<RenderAudit>; 5] = [
    Format {
        name: "text",
        help: "For a terminal: one screen",
        render: |report, _, style| Ok(text::render(report, style)),
    },
    Format {
        name: "json",
        help: "For programs; see docs/schema/audit.schema.json",
        render: |report, _, _| json(report),
    },
    Format {
        name: "markdown",
        help: "For a pull request or a wiki",
        render: |report, _, _| Ok(markdown::render(report)),
    },
    Format {
        name: "html",
        help: "For people: one page with a map of the image, which needs nothing else",
        render: |report, _, style| Ok(html::audit(report, style)),
    },
    Format {
        name: "sarif",
        help: "SARIF 2.1.0: the findings",
        render: |report, rules, _| Ok(check::audit_sarif(report, rules)),
    },
];
