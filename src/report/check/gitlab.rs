//! GitLab's code quality report: a list of issues, each with a fingerprint that stays the same from run to run, by which
//! GitLab tells new ones from old ones.

use super::{Distinct, blame, fingerprint, in_words, project_path, sentence, subject, worst_first};
use crate::budget::{Check, Outcome, Place, Verdict};
use serde_json::{Value, json};

/// Who is to blame, in an issue.
const CULPRITS: usize = 5;

/// The report. A verdict without a fault is an empty list.
pub fn render(verdict: &Verdict) -> String {
    let mut distinct = Distinct::default();
    let mut issues = Vec::new();
    for check in worst_first(verdict) {
        if let Some(severity) = severity(check.outcome) {
            let print = distinct.next(&check.fingerprint);
            let text = description(verdict, check);
            issues.push(issue(verdict, check.id.as_str(), severity, &text, check.location.as_ref(), &print));
        }
    }
    if let Some(severity) = severity(verdict.outcome).filter(|_| issues.is_empty()) {
        let text = format!("{} {}", subject(verdict), in_words(verdict.outcome));
        let print = distinct.next(&fingerprint(&[&verdict.repository, &verdict.platform, "verdict"]));
        issues.push(issue(verdict, "verdict", severity, &text, None, &print));
    }
    for warning in &verdict.warnings {
        let id = warning.id.as_str();
        let print = fingerprint(&[&verdict.repository, &verdict.platform, id, &warning.message]);
        let text = format!("{}: {}", subject(verdict), sentence(&warning.message));
        issues.push(issue(verdict, id, "info", &text, warning.location.as_ref(), &distinct.next(&print)));
    }
    // Serializing a value of ours cannot fail: all keys are texts.
    format!("{:#}\n", Value::Array(issues))
}

/// What GitLab calls it; nothing for what is in order.
fn severity(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Pass => None,
        Outcome::Warn => Some("minor"),
        Outcome::Fail => Some("critical"),
        Outcome::CouldNotMeasure => Some("blocker"),
    }
}

fn description(verdict: &Verdict, check: &Check) -> String {
    let mut parts = vec![format!("{}: {}", subject(verdict), sentence(&check.message))];
    parts.extend(blame(check, CULPRITS));
    parts.join(" · ")
}

fn issue(verdict: &Verdict, name: &str, severity: &str, text: &str, place: Option<&Place>, fingerprint: &str) -> Value {
    // A limit of the command line stands in no file: then the place is the image.
    let path = project_path(place.map_or(&verdict.repository, |place| &place.file));
    json!({
        "description": text,
        "check_name": format!("slimwright/{name}"),
        "fingerprint": fingerprint,
        "severity": severity,
        "location": { "path": path, "lines": { "begin": place.map_or(1, |place| place.line.max(1)) } },
    })
}
