//! SARIF 2.1.0: a verdict's broken limits, or an audit's findings, as results of a static analysis.
//!
//! A result's fingerprint holds no size, version of the image or line, so that an alert stays the same one while the
//! image changes. A limit is where the configuration has it; a finding is where its proof is in the image, whose root
//! is the base of those paths. What has no such place is at the image itself.

use super::{Distinct, blame, fingerprint, in_words, name, project_path, sentence, sized, subject, uri, worst_first};
use crate::base::Text;
use crate::budget::{Check, CheckId, CulpritKind, Outcome, Place, Verdict, Warning, WarningId};
use crate::report::{AuditReport, FindingReport};
use crate::rules::{Rule, Severity};
use serde_json::{Map, Value, json};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// The name of the image's root among the bases of paths.
const ROOT: &str = "IMAGE";
/// Who is to blame, in a result.
const CULPRITS: usize = 20;
/// Places of a finding. GitHub shows the first and lists ten more.
const PLACES: usize = 10;

/// The verdict: a rule a kind of limit, a result for each limit that was not kept.
pub fn render(verdict: &Verdict) -> String {
    let mut run = Run::default();
    for id in CheckId::ALL {
        if verdict.checks.iter().any(|check| check.id == *id) {
            run.rule(check_rule(*id));
        }
    }
    for check in worst_first(verdict) {
        if let Some(level) = level(check.outcome) {
            let result = check_result(verdict, check);
            run.result(check.id.as_str(), level, result);
        }
    }
    if let Some(level) = level(verdict.outcome).filter(|_| run.results.is_empty()) {
        let text = format!("{} {}", subject(verdict), in_words(verdict.outcome));
        let print = fingerprint(&[&verdict.repository, &verdict.platform, "verdict"]);
        run.rule(described("verdict", "The verdict on the image", level));
        run.result(
            "verdict",
            level,
            Found { text, places: vec![at_image(&verdict.repository)], print, more: json!({}) },
        );
    }
    for warning in &verdict.warnings {
        run.rule(described(warning.id.as_str(), about(warning.id), "note"));
        run.result(warning.id.as_str(), "note", warning_result(verdict, warning));
    }
    let notes: Vec<Value> = verdict.gaps.iter().map(gap).collect();
    let invocation = json!({
        "executionSuccessful": verdict.outcome != Outcome::CouldNotMeasure,
        "exitCode": verdict.outcome.exit_code(),
        "toolExecutionNotifications": notes,
    });
    let category = format!("slimwright-check/{}/{}/", name(&verdict.repository), name(&verdict.platform));
    run.finish(&category, invocation, false)
}

/// The findings of an audit. `rules` are those that it was made with: their texts are the help.
pub fn audit(report: &AuditReport, rules: &[Rule]) -> String {
    let mut run = Run::default();
    rules.iter().for_each(|rule| run.rule(profile_rule(rule)));
    for finding in &report.findings {
        run.result(&finding.rule, severity(finding.severity), finding_result(report, finding));
    }
    let mut notes: Vec<Value> = report.gaps.iter().map(|gap| note(&[&gap.place, &gap.what, &gap.reason])).collect();
    notes.extend(report.problems.iter().map(|problem| note(&[&problem.place, &problem.message])));
    let invocation = json!({ "executionSuccessful": true, "toolExecutionNotifications": notes });
    let category = format!("slimwright-audit/{}/", name(&report.image.platform));
    run.finish(&category, invocation, true)
}

/// What is known of a result, apart from its rule.
struct Found {
    text: String,
    places: Vec<Value>,
    print: String,
    more: Value,
}

#[derive(Default)]
struct Run {
    rules: Vec<Value>,
    results: Vec<Value>,
    prints: Distinct,
}

impl Run {
    /// A rule, once.
    fn rule(&mut self, rule: Value) {
        if self.index(&rule["id"]).is_none() {
            self.rules.push(rule);
        }
    }

    fn index(&self, id: &Value) -> Option<usize> {
        self.rules.iter().position(|rule| rule["id"] == *id)
    }

    fn result(&mut self, rule: &str, level: &str, found: Found) {
        let id = Value::from(name(rule));
        let mut result = Map::new();
        result.insert("ruleId".into(), id.clone());
        if let Some(index) = self.index(&id) {
            result.insert("ruleIndex".into(), index.into());
        }
        result.insert("level".into(), level.into());
        result.insert("message".into(), json!({ "text": found.text }));
        result.insert("locations".into(), found.places.into());
        // GitHub reads the name that is its own; ours says what it is made of.
        let print = self.prints.next(&found.print);
        result.insert(
            "partialFingerprints".into(),
            json!({ "primaryLocationLineHash": print, "slimwrightSubject/v1": print }),
        );
        result.insert("properties".into(), found.more);
        self.results.push(result.into());
    }

    fn finish(self, category: &str, invocation: Value, image_root: bool) -> String {
        let mut run = Map::new();
        run.insert(
            "tool".into(),
            json!({ "driver": {
                "name": "slimwright",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": self.rules,
            } }),
        );
        run.insert("automationDetails".into(), json!({ "id": category }));
        run.insert("columnKind".into(), "unicodeCodePoints".into());
        if image_root {
            let about = json!({ ROOT: { "description": { "text": "The root folder of the image" } } });
            run.insert("originalUriBaseIds".into(), about);
        }
        run.insert("invocations".into(), json!([invocation]));
        run.insert("results".into(), self.results.into());
        // Serializing a value of ours cannot fail: all keys are texts.
        format!("{:#}\n", json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] }))
    }
}

fn level(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Pass => None,
        Outcome::Warn => Some("warning"),
        Outcome::CouldNotMeasure | Outcome::Fail => Some("error"),
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn check_rule(id: CheckId) -> Value {
    described(id.as_str(), id.title(), "error")
}

/// A rule of the budget. GitHub asks for each of these texts.
fn described(id: &str, title: &str, level: &str) -> Value {
    let help = format!("{title}. {HELP}");
    json!({
        "id": id,
        "shortDescription": { "text": title },
        "fullDescription": { "text": format!("{title}.") },
        "help": { "text": help.replace('`', ""), "markdown": help },
        "defaultConfiguration": { "level": level },
        "properties": { "tags": ["container", "size"] },
    })
}

const HELP: &str = "Limits and acceptances are in slimwright.toml. `slimwright check TARGET` names what weighs most or what \
                    grew; `slimwright why TARGET PACKAGE` says who brought a distribution in; `slimwright plan TARGET -o \
                    DIR` writes a smaller image.";

/// What a warning is about, without a full stop.
fn about(id: WarningId) -> &'static str {
    match id {
        WarningId::AcceptExpired => "An acceptance is over, and its findings count again",
        WarningId::AcceptUnused => "An acceptance matches no finding",
        WarningId::GapsAllowed => "Bytes that could not be predicted do not count, as the configuration has it",
        WarningId::ImageProblem => "Something in the image could not be read as it should be",
    }
}

fn check_result(verdict: &Verdict, check: &Check) -> Found {
    let mut lines = vec![format!("{}: {}", subject(verdict), sentence(&check.message))];
    lines.extend(blame(check, CULPRITS));
    let mut place = place(verdict, check.location.as_ref());
    let distributions = check.culprits.iter().filter(|culprit| culprit.kind == CulpritKind::Distribution);
    with_packages(&mut place, distributions.map(|culprit| culprit.name.as_str()));
    let more = json!({
        "image": name(&verdict.image),
        "platform": name(&verdict.platform),
        "limit": name(&check.key),
        "subject": name(&check.subject),
        "outcome": check.outcome,
    });
    Found { text: lines.join("\n"), places: vec![place], print: check.fingerprint.clone(), more }
}

fn warning_result(verdict: &Verdict, warning: &Warning) -> Found {
    let print = fingerprint(&[&verdict.repository, &verdict.platform, warning.id.as_str(), &warning.message]);
    let places = vec![place(verdict, warning.location.as_ref())];
    Found { text: sentence(&warning.message), places, print, more: json!({}) }
}

fn gap(gap: &crate::image::GapText) -> Value {
    note(&[&gap.place, &gap.what, &gap.reason])
}

/// Something that the reader of the results should know.
fn note(parts: &[&str]) -> Value {
    let text: Vec<String> = parts.iter().map(|part| sentence(part)).collect();
    json!({ "level": "warning", "message": { "text": text.join(": ") } })
}

/// A place of the configuration; the image for a limit of the command line.
fn place(verdict: &Verdict, place: Option<&Place>) -> Value {
    let Some(place) = place else { return at_image(&verdict.repository) };
    let region = json!({ "startLine": place.line.max(1), "startColumn": place.column.max(1) });
    let file = json!({ "uri": uri(&project_path(&place.file)) });
    json!({ "physicalLocation": { "artifactLocation": file, "region": region } })
}

fn at_image(image: &str) -> Value {
    // `:` in the first part would end a scheme: everything but unreserved characters is written in hexadecimal.
    let file = json!({ "uri": uri(&project_path(image)) });
    json!({ "physicalLocation": { "artifactLocation": file, "region": whole() } })
}

/// GitHub asks for a line where there is none.
fn whole() -> Value {
    json!({ "startLine": 1 })
}

fn profile_rule(rule: &Rule) -> Value {
    let parts = [("Evidence", &rule.evidence), ("When not", &rule.when_not), ("Remedy", &rule.remedy)];
    let text: Vec<String> = parts.iter().map(|(title, text)| format!("{title}: {}", lines(text))).collect();
    let marked: Vec<String> = parts.iter().map(|(title, text)| format!("**{title}**\n\n{}", lines(text))).collect();
    let mut out = json!({
        "id": name(&rule.id),
        "shortDescription": { "text": sentence(&rule.summary) },
        "fullDescription": { "text": lines(&rule.why) },
        "help": { "text": text.join("\n\n"), "markdown": marked.join("\n\n") },
        "defaultConfiguration": { "level": severity(rule.severity) },
        "properties": { "tags": ["container", "size"], "tier": rule.tier },
    });
    if let Some(url) = rule.references.first() {
        out["helpUri"] = Text::from(url).as_str().into();
    }
    out
}

/// A rule's text of several lines.
fn lines(text: &str) -> String {
    text.lines().map(Text::from).collect::<Vec<_>>().join("\n")
}

fn finding_result(report: &AuditReport, finding: &FindingReport) -> Found {
    let text = format!("{} ({})", sentence(&finding.message), sized(finding.size));
    let mut places: Vec<Value> = Vec::new();
    for row in &finding.evidence {
        let in_image = row.place.as_deref().and_then(path_in_image);
        let Some(path) = in_image.filter(|_| places.len() < PLACES) else { continue };
        let file = json!({ "uri": uri(path), "uriBaseId": ROOT });
        let place = json!({ "artifactLocation": file, "region": whole() });
        places.push(json!({ "physicalLocation": place, "message": { "text": sentence(&row.note) } }));
    }
    if places.is_empty() {
        places.push(at_image(&report.image.name));
    }
    with_packages(&mut places[0], finding.distributions.iter().map(Text::as_str));
    let print = fingerprint(&[&finding.rule, &finding.subject]);
    let more = json!({ "tier": finding.tier, "subject": name(&finding.subject), "size": finding.size });
    Found { text, places, print, more }
}

/// The distributions that a result is about, each once.
fn with_packages<'n>(place: &mut Value, names: impl Iterator<Item = &'n str>) {
    let mut packages: Vec<Value> = Vec::new();
    for package in names.take(CULPRITS).map(|known| json!({ "name": name(known), "kind": "package" })) {
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    if !packages.is_empty() {
        place["logicalLocations"] = packages.into();
    }
}

/// The path of `layer 3 /usr/lib/x`, relative to the image's root.
fn path_in_image(place: &str) -> Option<&str> {
    let (layer, path) = place.strip_prefix("layer ")?.split_once(" /")?;
    (layer.bytes().all(|byte| byte.is_ascii_digit()) && !path.is_empty()).then_some(path)
}
