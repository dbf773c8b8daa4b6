//! JSON: a report's serde form, which `docs/schema/` describes.

use serde::Serialize;

/// The report as indented JSON with a line end.
pub fn render(report: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(report).map(|text| text + "\n")
}
