//! JUnit's XML: a test case for each check, so that what reads test results anywhere shows a budget's.
//!
//! A broken limit is a `failure`, what could not be measured an `error`, an acceptance in force is `skipped` with its
//! reason. A soft limit that is broken passes, and says so in `system-out`. Elements and attributes are those that all
//! readers know; there is no time, because the same verdict gives the same bytes.

use super::{blame, in_words, name, sentence, subject};
use crate::base::Text;
use crate::budget::{Accepted, AcceptedState, Check, Outcome, Verdict};

/// Who is to blame, in a test case.
const CULPRITS: usize = 20;

/// How many cases of which kind.
#[derive(Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

/// The report.
pub fn render(verdict: &Verdict) -> String {
    let mut counts = Counts::default();
    let mut cases = String::new();
    for check in &verdict.checks {
        case(&mut cases, &mut counts, check);
    }
    // A verdict may be worse than each of its checks: what is no pass must show.
    let worst = verdict.checks.iter().map(|check| check.outcome).max().unwrap_or(Outcome::Pass);
    if verdict.outcome > worst.max(Outcome::Warn) {
        whole(&mut cases, &mut counts, verdict);
    }
    for accepted in verdict.accepted.iter().filter(|accepted| accepted.state == AcceptedState::Active) {
        skipped(&mut cases, &mut counts, accepted);
    }
    let (title, Counts { tests, failures, errors, skipped }) = (attribute(&subject(verdict)), counts);
    let properties = properties(verdict);
    let sums = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"slimwright check\" {sums}>\n  \
         <testsuite name=\"{title}\" {sums} skipped=\"{skipped}\">\n{properties}{cases}  </testsuite>\n</testsuites>\n"
    )
}

fn properties(verdict: &Verdict) -> String {
    let mut rows = vec![("image", name(&verdict.image)), ("platform", name(&verdict.platform))];
    rows.push(("unpacked", super::sized(verdict.unpacked)));
    rows.extend(verdict.wire.map(|wire| ("wire", super::sized(wire))));
    rows.push(("verdict", in_words(verdict.outcome).to_owned()));
    rows.extend(verdict.warnings.iter().map(|warning| (warning.id.as_str(), sentence(&warning.message))));
    let row =
        |(name, value): (&str, String)| format!("      <property name=\"{name}\" value=\"{}\"/>\n", attribute(&value));
    let rows: String = rows.into_iter().map(row).collect();
    format!("    <properties>\n{rows}    </properties>\n")
}

fn case(out: &mut String, counts: &mut Counts, check: &Check) {
    counts.tests += 1;
    let id = check.id.as_str();
    let (class, title) = (format!("slimwright.{id}"), name(&check.title()));
    let message = sentence(&check.message);
    let mut lines = vec![message.clone()];
    lines.extend(check.location.as_ref().map(|place| sentence(&format!("{place}: {}", check.key))));
    lines.extend(blame(check, CULPRITS));
    let body = match check.outcome {
        Outcome::Pass => None,
        Outcome::Warn => Some(format!("<system-out>{}</system-out>", element(&lines))),
        Outcome::Fail => {
            counts.failures += 1;
            Some(told("failure", id, &message, &lines))
        }
        Outcome::CouldNotMeasure => {
            counts.errors += 1;
            Some(told("error", id, &message, &lines))
        }
    };
    write(out, &class, &title, body);
}

/// The verdict as a case, where none of the checks says as much.
fn whole(out: &mut String, counts: &mut Counts, verdict: &Verdict) {
    counts.tests += 1;
    let words = in_words(verdict.outcome).to_owned();
    let tag = match verdict.outcome {
        Outcome::Fail => "failure",
        _ => "error",
    };
    match verdict.outcome {
        Outcome::Fail => counts.failures += 1,
        _ => counts.errors += 1,
    }
    write(out, "slimwright.verdict", "verdict", Some(told(tag, "verdict", &words, std::slice::from_ref(&words))));
}

fn skipped(out: &mut String, counts: &mut Counts, accepted: &Accepted) {
    counts.tests += 1;
    counts.skipped += 1;
    let until = accepted.expires.as_deref().map(|day| format!(" (until {})", name(day))).unwrap_or_default();
    let message = format!("accepted{until}: {}", sentence(&accepted.reason));
    let title = format!("{} {}", name(&accepted.rule), name(&accepted.subject));
    let body = format!("<skipped message=\"{}\"/>", attribute(&message));
    write(out, "slimwright.accepted", title.trim_end(), Some(body));
}

fn told(tag: &str, kind: &str, message: &str, lines: &[String]) -> String {
    format!("<{tag} type=\"{kind}\" message=\"{}\">{}</{tag}>", attribute(message), element(lines))
}

fn write(out: &mut String, class: &str, title: &str, body: Option<String>) {
    let start = format!("    <testcase classname=\"{}\" name=\"{}\"", attribute(class), attribute(title));
    match body {
        None => out.push_str(&format!("{start}/>\n")),
        Some(body) => out.push_str(&format!("{start}>\n      {body}\n    </testcase>\n")),
    }
}

fn element(lines: &[String]) -> String {
    lines.iter().map(|line| attribute(line)).collect::<Vec<_>>().join("\n")
}

/// Text for an attribute or an element: no markup, and no character that XML 1.0 does not have.
fn attribute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in Text::from(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            _ => out.push(c),
        }
    }
    out
}
