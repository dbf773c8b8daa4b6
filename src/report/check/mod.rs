//! A verdict for those who read it in continuous integration: one file a format, each a pure function of a
//! [`Verdict`].
//!
//! Texts of a verdict were escaped when it was made. Here they are escaped once more, which changes nothing then, and
//! shortened: what stands in a pull request, an annotation or an XML file must not depend on somebody having
//! remembered, and a name of a megabyte must not push out what matters.
//!
//! Sources: GitHub's "Workflow commands" and its limits of annotations, comments and job summaries; SARIF 2.1.0 and
//! what GitHub reads of it; the XML that JUnit's Ant task writes, as Jenkins and GitLab read it; GitLab's "Code Quality
//! report format".

mod github;
mod gitlab;
mod junit;
mod markdown;
mod sarif;

pub use github::{ANNOTATIONS, render as github};
pub use gitlab::render as gitlab;
pub use junit::render as junit;
pub use markdown::{COMMENT, SUMMARY, render as markdown};
pub use sarif::{audit as audit_sarif, render as sarif};

use super::{Format, Render, check_text, html, json};
use crate::base::{Basis, ByteSize, Digest, Size, Text, Unit};
use crate::budget::{Check, Culprit, CulpritKind, Outcome, Verdict};

/// The formats of a verdict, the default one first.
pub static FORMATS: [Format<Render<Verdict>>; 9] = [
    Format {
        name: "text",
        help: "For a terminal",
        render: |verdict, style| Ok(check_text(verdict, style.color, style.width, style.details)),
    },
    Format {
        name: "json",
        help: "For programs; see docs/schema/check.schema.json",
        render: |verdict, _| json(verdict),
    },
    Format {
        name: "markdown",
        help: "For a comment on a pull request: at most 65,536 bytes, what matters most first",
        render: |verdict, _| Ok(markdown(verdict, COMMENT)),
    },
    Format {
        name: "summary",
        help: "The same for a job's summary: at most 1 MiB",
        render: |verdict, _| Ok(markdown(verdict, SUMMARY)),
    },
    Format {
        name: "github",
        help: "GitHub's annotations, as workflow commands",
        render: |verdict, _| Ok(github(verdict)),
    },
    Format {
        name: "html",
        help: "For people: one page, which needs nothing else",
        render: |verdict, _| Ok(html::verdict(verdict)),
    },
    Format { name: "sarif", help: "SARIF 2.1.0", render: |verdict, _| Ok(sarif(verdict)) },
    Format { name: "junit", help: "JUnit's XML, a test case for each check", render: |verdict, _| Ok(junit(verdict)) },
    Format { name: "gitlab", help: "GitLab's code quality report", render: |verdict, _| Ok(gitlab(verdict)) },
];

/// Characters of a name, and of a sentence, that are shown.
const NAME: usize = 200;
const SENTENCE: usize = 1_000;

/// `text`, fit for one line, in at most `most` characters.
fn clean(text: &str, most: usize) -> String {
    // Escaping makes a character up to nine: what is cut here was not going to be shown.
    let (start, rest) = match text.char_indices().nth(most) {
        Some((at, _)) => (&text[..at], true),
        None => (text, false),
    };
    let escaped = Text::from(start);
    let mut out: String = escaped.chars().take(most).collect();
    if rest || out.len() < escaped.len() {
        out.pop();
        out.push('…');
    }
    out
}

fn name(text: &str) -> String {
    clean(text, NAME)
}

fn sentence(text: &str) -> String {
    clean(text, SENTENCE)
}

/// The checks, those that decide the verdict first; within an outcome in the verdict's order.
fn worst_first(verdict: &Verdict) -> Vec<&Check> {
    let mut checks: Vec<&Check> = verdict.checks.iter().collect();
    checks.sort_by_key(|check| std::cmp::Reverse(check.outcome));
    checks
}

/// An outcome in words.
fn in_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "within the budget",
        Outcome::Warn => "within the budget, with warnings",
        Outcome::CouldNotMeasure => "could not be measured",
        Outcome::Fail => "over the budget",
    }
}

/// `1.43 GB unpacked`, and how it is known if it was not measured.
fn sized(size: Size) -> String {
    let unit = match size.unit {
        Unit::Wire => "wire",
        Unit::Unpacked => "unpacked",
        Unit::Disk => "disk",
    };
    match size.basis {
        Basis::Measured => format!("{} {unit}", size.bytes),
        Basis::Predicted => format!("{} {unit}, predicted", size.bytes),
        Basis::Catalogue => format!("{} {unit}, catalogue", size.bytes),
    }
}

/// What is to blame, in one line: its bytes, by how much it grew, and the requirements that brought it.
fn blamed(culprit: &Culprit) -> String {
    let mut out = format!("{}: {}", name(&culprit.what), sized(culprit.size));
    match culprit.growth {
        Some(growth) if growth < 0 => out.push_str(&format!(" (−{})", ByteSize(growth.unsigned_abs()))),
        Some(growth) => out.push_str(&format!(" (+{})", ByteSize(growth.unsigned_abs()))),
        None => {}
    }
    let brought = brought(culprit);
    // Where a distribution is tells nobody more than who brought it.
    let tells = brought.is_none() || culprit.kind != CulpritKind::Distribution;
    let why = [brought, culprit.place.as_deref().map(sentence).filter(|_| tells)];
    for part in why.into_iter().flatten() {
        out.push_str("; ");
        out.push_str(&part);
    }
    sentence(&out)
}

/// `easyocr 1.7.1 → torch 2.1.1 (/app/requirements.txt, line 3)`.
fn brought(culprit: &Culprit) -> Option<String> {
    // Nobody reads a longer one, and its ends say most.
    const LINKS: usize = 12;
    let mut links: Vec<String> = culprit.chain.iter().map(|link| name(link)).collect();
    if links.len() > LINKS {
        links.splice(LINKS / 2..links.len() - LINKS / 2, ["…".to_owned()]);
    }
    let asked = culprit.asked_for.as_deref().map(sentence);
    match (links.is_empty(), asked) {
        (true, asked) => asked,
        (false, None) => Some(links.join(" → ")),
        (false, Some(asked)) => Some(format!("{} ({asked})", links.join(" → "))),
    }
}

/// The lines on who is to blame, at most `most`, and how many more there are.
fn blame(check: &Check, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = check.culprits.iter().take(most).map(blamed).collect();
    let more = check.culprits.len().saturating_sub(most) + check.more_culprits;
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    lines
}

/// `my-service linux/amd64`.
fn subject(verdict: &Verdict) -> String {
    format!("{} {}", name(&verdict.image), name(&verdict.platform))
}

/// Identity of what has no fingerprint of its own: hexadecimal, 32 digits.
fn fingerprint(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        // Lengths keep the parts apart.
        text.push_str(&format!("{}:{part}", part.len()));
    }
    Digest::of(text.as_bytes()).to_string().trim_start_matches("sha256:").chars().take(32).collect()
}

/// Makes equal fingerprints different, in order, and empty ones something: readers take the second of two equal ones for
/// the first.
#[derive(Default)]
struct Distinct(std::collections::BTreeMap<String, usize>);

impl Distinct {
    fn next(&mut self, print: &str) -> String {
        let print = name(print);
        let seen = self.0.entry(print.clone()).or_default();
        *seen += 1;
        match *seen {
            1 if !print.is_empty() => print,
            times => fingerprint(&[&print, &times.to_string()]),
        }
    }
}

/// A path in the user's project as those write it who read reports: without `./` before it.
fn project_path(path: &str) -> String {
    let path = clean(path, SENTENCE);
    let path = path.trim_start_matches("./");
    if path.is_empty() { ".".to_owned() } else { path.to_owned() }
}

/// A path or name as a URI reference: what is not unreserved is written in hexadecimal.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    // Two slashes at the start would name a host.
    if out.starts_with('/') { format!("file:///{}", out.trim_start_matches('/')) } else { out }
}
