//! What a verdict is written down as for continuous integration: golden files, readers that are not ours (a JSON schema
//! validator with SARIF's own schema, an XML parser, a Markdown parser), a reader of workflow commands after GitHub's
//! description, and names that mean harm.

use crate::fixture::cases;
use crate::golden;
use crate::tarballs::{Store, docker_old, sample};
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;
use slimwright::base::{Basis, ByteSize, Size, Text, Unit};
use slimwright::budget::{
    Accepted, AcceptedState, Amount, Cause, CauseKind, Check, CheckId, Culprit, CulpritKind, Diff, DiffRow,
    LayerChange, LayerFate, Outcome, Place, Planned, RestsOn, SCHEMA_VERSION, Severity, SizeChange, Verdict, Warning,
    WarningId,
};
use slimwright::image::GapText;
use slimwright::report::check::{ANNOTATIONS, COMMENT, SUMMARY, github, gitlab, junit, markdown, sarif};
use slimwright::report::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn unpacked(bytes: u64) -> Size {
    Size { bytes: ByteSize(bytes), unit: Unit::Unpacked, basis: Basis::Measured }
}

fn place(line: usize) -> Option<Place> {
    Some(Place { file: "./slimwright.toml".into(), line, column: 1 })
}

fn culprit(name: &str, version: &str, bytes: u64) -> Culprit {
    Culprit {
        kind: CulpritKind::Distribution,
        name: name.into(),
        what: format!("{name} {version}").into(),
        size: unpacked(bytes),
        growth: None,
        chain: vec!["easyocr 1.7.1".into(), format!("{name} {version}").into()],
        asked_for: Some("/app/requirements.txt, line 3".into()),
        place: None,
    }
}

fn check(id: CheckId, subject: &str, outcome: Outcome, message: &str) -> Check {
    let passed = outcome == Outcome::Pass;
    Check {
        id,
        kind: id.kind(),
        subject: subject.into(),
        key: format!("limits.{}", id.as_str()).into(),
        severity: if outcome == Outcome::Warn { Severity::Soft } else { Severity::Hard },
        outcome,
        limit: Some(Amount::Bytes(unpacked(3_000_000_000))),
        measured: (outcome != Outcome::CouldNotMeasure).then(|| Amount::Bytes(unpacked(8_240_000_000))),
        baseline: None,
        message: message.into(),
        culprits: if passed { Vec::new() } else { vec![culprit("torch", "2.1.1", 1_430_000_000)] },
        more_culprits: if passed { 0 } else { 3 },
        location: place(4 + id as usize),
        fingerprint: format!("{:032x}", id as usize + 16),
    }
}

/// One check of each outcome, and everything else that a verdict may have.
fn verdict() -> Verdict {
    let mut grown =
        check(CheckId::GrowthWire, "", Outcome::Warn, "the wire grew by +12 MB (+3.4 %), over the 10 MB of `warn`");
    grown.measured = Some(Amount::Change { bytes: 12_000_000, unit: Unit::Wire, basis: Basis::Measured });
    grown.limit = Some(Amount::Percent { percent: 3.0 });
    grown.culprits[0].growth = Some(11_000_000);
    let mut passed = check(CheckId::Findings, "error", Outcome::Pass, "0 findings of severity error, at most 0");
    (passed.limit, passed.measured) = (Some(Amount::Count { count: 0 }), Some(Amount::Count { count: 0 }));
    let accepted = |rule: &str, state| Accepted {
        rule: rule.into(),
        subject: "gcc-*".into(),
        reason: "built at run time, see #42".into(),
        expires: Some("2026-12-31".into()),
        state,
        findings: vec!["gcc-12".into()],
        location: place(40).unwrap(),
    };
    Verdict {
        schema_version: SCHEMA_VERSION,
        image: "registry.example.org/team/my-service:1.4".into(),
        repository: "registry.example.org/team/my-service".into(),
        platform: "linux/amd64".into(),
        basis: Basis::Measured,
        outcome: Outcome::Fail,
        unpacked: unpacked(8_240_000_000),
        wire: Some(Size { bytes: ByteSize(3_100_000_000), unit: Unit::Wire, basis: Basis::Measured }),
        rests_on: RestsOn { configuration: Some("slimwright.toml".into()), ..RestsOn::default() },
        checks: vec![
            check(CheckId::Unpacked, "", Outcome::Fail, "8.24 GB unpacked, over the 3.00 GB of `max`"),
            check(CheckId::Wire, "", Outcome::CouldNotMeasure, "the compressed size is not known"),
            check(
                CheckId::Distributions,
                "nvidia-*",
                Outcome::Fail,
                "3.34 GB in 13 distributions, over the 0 B of `max`",
            ),
            passed,
            grown,
        ],
        accepted: vec![accepted("compilers", AcceptedState::Active), accepted("caches", AcceptedState::Unused)],
        warnings: vec![Warning {
            id: WarningId::AcceptUnused,
            message: "the acceptance of caches for gcc-* matches no finding".into(),
            location: place(40),
        }],
        gaps: vec![GapText {
            place: "Dockerfile, line 12".into(),
            what: "RUN make".into(),
            reason: "what a command writes is known when it has run".into(),
            writes: None,
        }],
        planned: Some(Planned {
            unpacked: Size { basis: Basis::Predicted, ..unpacked(3_110_000_000) },
            outcome: Outcome::Fail,
            broken: vec!["3.11 GB unpacked, over the 3.00 GB of `max`".into()],
            waiting: vec!["development-tools".into()],
        }),
    }
}

fn diff() -> Diff {
    let change = |before, after, unit| SizeChange {
        before: Size { unit, ..unpacked(before) },
        after: Size { unit, ..unpacked(after) },
        difference: after as i64 - before as i64,
    };
    Diff {
        schema_version: SCHEMA_VERSION,
        before: "my-service:1.3".into(),
        after: "my-service:1.4".into(),
        platform: "linux/amd64".into(),
        unpacked: change(900_000_000, 2_330_000_000, Unit::Unpacked),
        wire: Some(change(300_000_000, 800_000_000, Unit::Wire)),
        causes: vec![Cause {
            kind: CauseKind::DistributionsAdded,
            before: 0,
            after: 1_430_000_000,
            difference: 1_430_000_000,
            rows: vec![DiffRow {
                name: "torch".into(),
                version_before: None,
                version_after: Some("2.1.1".into()),
                before: 0,
                after: 1_430_000_000,
                difference: 1_430_000_000,
                chain: vec!["easyocr 1.7.1".into(), "torch 2.1.1".into()],
                asked_for: Some("/app/requirements.txt, line 3".into()),
            }],
        }],
        layers: vec![LayerChange {
            fate: LayerFate::Rebuilt,
            position_before: Some(4),
            position_after: Some(4),
            instruction: Some("RUN pip install -r requirements.txt".into()),
            base: false,
            before: 700_000_000,
            after: 2_130_000_000,
            difference: 1_430_000_000,
            basis: Basis::Measured,
        }],
        same_layers: 3,
    }
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_formats_are_as_the_golden_files_have_them() {
    let verdict = verdict();
    golden::check("check/check.json", &json(&verdict).unwrap());
    golden::check("check/check.md", &markdown(&verdict, COMMENT));
    golden::check("check/check.github.txt", &github(&verdict));
    golden::check("check/check.sarif", &sarif(&verdict));
    golden::check("check/check.junit.xml", &junit(&verdict));
    golden::check("check/check.codequality.json", &gitlab(&verdict));
    golden::check("check/diff.json", &json(&diff()).unwrap());
}

/// A JSON schema of a file.
struct Schema(jsonschema::Validator);

impl Schema {
    fn new(path: &str) -> Self {
        let schema = serde_json::from_str(&std::fs::read_to_string(file(path)).unwrap()).unwrap();
        Self(jsonschema::validator_for(&schema).unwrap())
    }

    fn read(&self, text: &str) -> Value {
        let value = serde_json::from_str(text).unwrap();
        let errors: Vec<String> =
            self.0.iter_errors(&value).map(|error| format!("{error} at {}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        value
    }
}

/// All validators, made once.
struct Readers {
    check: Schema,
    sarif: Schema,
    gitlab: Schema,
}

impl Readers {
    fn new() -> Self {
        Self {
            check: Schema::new("docs/schema/check.schema.json"),
            sarif: Schema::new("testdata/schemas/sarif-2.1.0.json"),
            gitlab: Schema::new("testdata/schemas/gitlab-code-quality.schema.json"),
        }
    }

    /// Reads every format of a verdict as others would, and holds them against it.
    fn read(&self, verdict: &Verdict) {
        self.check.read(&json(verdict).unwrap());
        read_sarif(verdict, &self.sarif.read(&sarif(verdict)));
        read_gitlab(verdict, &self.gitlab.read(&gitlab(verdict)));
        read_junit(verdict, &junit(verdict));
        read_github(verdict, &github(verdict));
        read_markdown(verdict, &markdown(verdict, COMMENT), COMMENT);
        read_markdown(verdict, &markdown(verdict, SUMMARY), SUMMARY);
    }
}

fn count(verdict: &Verdict, outcome: Outcome) -> usize {
    verdict.checks.iter().filter(|check| check.outcome == outcome).count()
}

fn broken(verdict: &Verdict) -> usize {
    verdict.checks.len() - count(verdict, Outcome::Pass)
}

fn assert_one_line(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// What GitHub asks of a SARIF file beyond the schema.
fn read_sarif(verdict: &Verdict, log: &Value) {
    let run = &log["runs"][0];
    let (rules, results) = (run["tool"]["driver"]["rules"].as_array().unwrap(), run["results"].as_array().unwrap());
    assert_eq!(results.len(), broken(verdict) + verdict.warnings.len());
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), rules.len(), "rules are unique");
    let mut prints = BTreeSet::new();
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(prints.insert(result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap()));
        let location = &result["locations"][0]["physicalLocation"];
        let uri = location["artifactLocation"]["uri"].as_str().unwrap();
        assert!(!uri.is_empty() && uri.bytes().all(|byte| byte.is_ascii_graphic()) && !uri.starts_with("./"), "{uri}");
    }
    let errors = results.iter().filter(|result| result["level"] == "error").count();
    assert_eq!(errors, count(verdict, Outcome::Fail) + count(verdict, Outcome::CouldNotMeasure));
}

fn read_gitlab(verdict: &Verdict, issues: &Value) {
    let issues = issues.as_array().unwrap();
    assert_eq!(issues.len(), broken(verdict) + verdict.warnings.len());
    let prints: BTreeSet<&str> = issues.iter().map(|issue| issue["fingerprint"].as_str().unwrap()).collect();
    assert_eq!(prints.len(), issues.len(), "a second issue with the same fingerprint is not shown");
    for issue in issues {
        assert_one_line(issue["description"].as_str().unwrap());
        assert_one_line(issue["location"]["path"].as_str().unwrap());
        assert!(!issue["location"]["path"].as_str().unwrap().starts_with("./"));
    }
}

/// JUnit's form as Jenkins' schema and GitLab read it: names, order and counts.
fn read_junit(verdict: &Verdict, text: &str) {
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    let document = roxmltree::Document::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    let suites: Vec<_> = root.children().filter(roxmltree::Node::is_element).collect();
    let [suite] = suites.as_slice() else { panic!("one suite: {text}") };
    assert_eq!(suite.tag_name().name(), "testsuite");
    let known = ["failure", "error", "skipped", "system-out"];
    let of = |name: &str| suite.descendants().filter(|node| node.has_tag_name(name)).count();
    for case in suite.children().filter(roxmltree::Node::is_element) {
        match case.tag_name().name() {
            "properties" => {
                assert!(case.children().filter(roxmltree::Node::is_element).all(|row| row.has_tag_name("property")))
            }
            "testcase" => {
                let names: Vec<&str> = case.attributes().map(|attribute| attribute.name()).collect();
                assert_eq!(names, ["classname", "name"]);
                let children: Vec<_> = case.children().filter(roxmltree::Node::is_element).collect();
                assert!(children.len() <= 1 && children.iter().all(|child| known.contains(&child.tag_name().name())));
            }
            other => panic!("{other}"),
        }
    }
    for node in [root, *suite] {
        let number = |name: &str| node.attribute(name).unwrap().parse::<usize>().unwrap();
        assert_eq!(number("tests"), of("testcase"));
        assert_eq!((number("failures"), number("errors")), (of("failure"), of("error")));
    }
    assert_eq!(of("failure"), count(verdict, Outcome::Fail));
    assert_eq!(of("error"), count(verdict, Outcome::CouldNotMeasure));
    let active = verdict.accepted.iter().filter(|accepted| accepted.state == AcceptedState::Active).count();
    assert_eq!((of("skipped"), suite.attribute("skipped").unwrap().parse()), (active, Ok(active)));
    assert_eq!(of("testcase"), verdict.checks.len() + active);
}

/// A workflow command as GitHub's runner reads it.
#[derive(Debug)]
struct Command {
    name: String,
    properties: Vec<(String, String)>,
    message: String,
}

/// Reads a line as GitHub describes it: `::name key=value,key=value::data`, then undoes the escapes, `%25` last.
fn command(line: &str) -> Command {
    let rest = line.strip_prefix("::").expect("a command");
    let (head, data) = rest.split_once("::").expect("an end of the properties");
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let data_of = |text: &str| text.replace("%0D", "\r").replace("%0A", "\n");
    let property = |pair: &str| {
        let (key, value) = pair.split_once('=').expect("a property");
        (key.to_owned(), data_of(value).replace("%3A", ":").replace("%2C", ",").replace("%25", "%"))
    };
    Command {
        name: name.to_owned(),
        properties: properties.split(',').map(property).collect(),
        message: data_of(data).replace("%25", "%"),
    }
}

fn read_github(verdict: &Verdict, text: &str) {
    let commands: Vec<Command> = text.lines().map(command).collect();
    let of = |name: &str| commands.iter().filter(|command| command.name == name).count();
    let errors = count(verdict, Outcome::Fail) + count(verdict, Outcome::CouldNotMeasure);
    assert_eq!(of("error"), errors.min(ANNOTATIONS));
    assert_eq!(of("warning"), (count(verdict, Outcome::Warn) + verdict.warnings.len()).min(ANNOTATIONS));
    assert_eq!(commands.len(), of("error") + of("warning"));
    for command in &commands {
        let keys: Vec<&str> = command.properties.iter().map(|(key, _)| key.as_str()).collect();
        assert!(keys == ["file", "line", "col", "title"] || keys == ["title"], "{command:?}");
        command.properties.iter().for_each(|(_, value)| assert_one_line(value));
        command.message.lines().for_each(assert_one_line);
        assert!(command.message.len() < 32_000);
    }
    if errors > ANNOTATIONS {
        let last = commands.iter().rfind(|command| command.name == "error").unwrap();
        assert!(last.message.starts_with(&format!("{} more", errors - ANNOTATIONS + 1)), "{last:?}");
    }
}

/// Within the limit, and nothing that a name could have put there: no link, image, code or tag but ours, and tables whose
/// rows have as many cells as their heads.
fn read_markdown(verdict: &Verdict, text: &str, most: usize) {
    assert!(text.len() <= most, "{} of {most}", text.len());
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    let (mut headings, mut checks) = (0, 0);
    let mut cells = Vec::new();
    let mut options = Options::empty();
    options.insert(
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_MATH,
    );
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::Heading { .. }) => headings += 1,
            Event::Start(Tag::Strong) => checks += 1,
            Event::Start(Tag::TableHead | Tag::TableRow) => cells.push(0),
            Event::Start(Tag::TableCell) => *cells.last_mut().unwrap() += 1,
            Event::End(TagEnd::Table) => {
                assert!(cells.iter().all(|count| *count == cells[0]), "{cells:?}\n{text}");
                cells.clear();
            }
            Event::Html(tag) | Event::InlineHtml(tag) => {
                let known = ["<!-- -->", "<details>", "<summary>", "</summary>", "</details>"];
                let rest = known.iter().fold(tag.to_string(), |rest, known| rest.replace(known, ""));
                let own = rest.trim().trim_end_matches(" within the budget");
                assert!(own.chars().all(|c| c.is_ascii_digit()), "{tag}\n{text}");
            }
            Event::Start(Tag::Paragraph | Tag::List(None) | Tag::Item | Tag::Table(_) | Tag::HtmlBlock)
            | Event::End(_)
            | Event::Text(_)
            | Event::SoftBreak => {}
            other => panic!("{other:?}\n{text}"),
        }
    }
    assert!(headings >= 1);
    let cut = text.contains("left out**");
    if !cut {
        // The size stands first in bold, then each check that did not pass.
        assert_eq!(checks, 1 + broken(verdict), "{text}");
        assert_eq!(text.matches("<details>").count(), usize::from(count(verdict, Outcome::Pass) > 0));
    }
    assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
}

#[test]
fn each_format_is_what_its_readers_expect() {
    let readers = Readers::new();
    readers.read(&verdict());
    let quiet = Verdict {
        outcome: Outcome::Pass,
        checks: vec![check(CheckId::Unpacked, "", Outcome::Pass, "within")],
        accepted: Vec::new(),
        warnings: Vec::new(),
        gaps: Vec::new(),
        planned: None,
        wire: None,
        ..verdict()
    };
    readers.read(&quiet);
    assert_eq!((github(&quiet).as_str(), gitlab(&quiet).as_str()), ("", "[]\n"));
    Schema::new("docs/schema/diff.schema.json").read(&json(&diff()).unwrap());
    Schema::new("docs/schema/diff.schema.json")
        .read(&json(&Diff { wire: None, causes: vec![], layers: vec![], ..diff() }).unwrap());
}

#[test]
fn the_schema_knows_every_check() {
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(file("docs/schema/check.schema.json")).unwrap()).unwrap();
    let ids: Vec<&str> = CheckId::ALL.iter().map(|id| id.as_str()).collect();
    assert_eq!(schema["$defs"]["check"]["properties"]["id"]["enum"], Value::from(ids));
}

#[test]
fn a_schema_refuses_what_is_not_in_it() {
    for (path, text) in [
        ("docs/schema/check.schema.json", json(&verdict()).unwrap()),
        ("docs/schema/diff.schema.json", json(&diff()).unwrap()),
        ("testdata/schemas/sarif-2.1.0.json", sarif(&verdict())),
    ] {
        let schema = Schema::new(path);
        let mut value = schema.read(&text);
        value["surplus"] = 1.into();
        assert!(!schema.0.is_valid(&value), "{path}");
    }
    let schema = Schema::new("testdata/schemas/gitlab-code-quality.schema.json");
    let mut value = schema.read(&gitlab(&verdict()));
    value[0]["severity"] = "high".into();
    assert!(!schema.0.is_valid(&value));
}

#[test]
fn what_is_no_pass_shows_even_where_no_check_says_so() {
    for (outcome, tag) in [(Outcome::Fail, "<failure"), (Outcome::CouldNotMeasure, "<error")] {
        let verdict = Verdict { outcome, checks: Vec::new(), warnings: Vec::new(), ..verdict() };
        assert!(junit(&verdict).contains(tag));
        assert!(github(&verdict).starts_with("::error "));
        assert!(gitlab(&verdict).contains("\"slimwright/verdict\""));
        assert!(sarif(&verdict).contains("\"level\": \"error\""));
    }
}

#[test]
fn fingerprints_do_not_know_sizes_lines_or_tags() {
    let prints = |verdict: &Verdict| -> Vec<String> {
        let log: Value = serde_json::from_str(&sarif(verdict)).unwrap();
        let issues: Value = serde_json::from_str(&gitlab(verdict)).unwrap();
        let of = |result: &Value| result["partialFingerprints"]["slimwrightSubject/v1"].as_str().unwrap().to_owned();
        let mut out: Vec<String> = log["runs"][0]["results"].as_array().unwrap().iter().map(of).collect();
        out.extend(issues.as_array().unwrap().iter().map(|issue| issue["fingerprint"].as_str().unwrap().to_owned()));
        out
    };
    let mut later = verdict();
    later.image = "registry.example.org/team/my-service:1.5".into();
    later.unpacked = unpacked(9_000_000_000);
    for check in &mut later.checks {
        check.message = format!("{}, and other numbers", check.message).into();
        check.measured = Some(Amount::Bytes(unpacked(9_000_000_000)));
        check.location = place(77);
        check.culprits.clear();
    }
    later.warnings[0].location = place(78);
    assert_eq!(prints(&later), prints(&verdict()));
}

#[test]
fn more_than_github_shows_is_counted_in_the_last_one() {
    let mut verdict = verdict();
    verdict.checks = (0..25).map(|n| check(CheckId::Distributions, &format!("p{n}"), Outcome::Fail, "over")).collect();
    let text = github(&verdict);
    assert_eq!(text.matches("::error ").count(), 10);
    assert!(text.contains("::16 more like these"), "{text}");
    verdict.checks.truncate(10);
    assert!(!github(&verdict).contains(" more like these"));
}

#[test]
fn a_comment_keeps_what_matters_most_and_counts_the_rest() {
    let mut verdict = verdict();
    let many = |outcome, name: &str| {
        let one = |n| check(CheckId::Distributions, &format!("{name}-{n:04}"), outcome, &"long ".repeat(40));
        (0..400).map(one).collect::<Vec<Check>>()
    };
    verdict.checks = many(Outcome::Pass, "fine");
    verdict.checks.extend(many(Outcome::Fail, "over"));
    let text = markdown(&verdict, COMMENT);
    read_markdown(&verdict, &text, COMMENT);
    assert!(text.len() > COMMENT - 2_000, "{}", text.len());
    assert!(text.contains("over-0000") && !text.contains("fine-0000"));
    let told: usize = text.rsplit("**").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let whole = markdown(&verdict, SUMMARY);
    read_markdown(&verdict, &whole, SUMMARY);
    let rows = |text: &str| {
        text.lines().filter(|line| line.trim_start().starts_with("- ") || line.starts_with("| distributions")).count()
    };
    // Acceptances, and the line that says where the limits are from.
    let others = verdict.accepted.len() + 1;
    assert_eq!(rows(&whole), rows(&text) + told - others, "every row is shown or counted");
    let tiny = markdown(&verdict, 8 * 1024);
    read_markdown(&verdict, &tiny, 8 * 1024);
}

/// Pieces that mean something to a terminal, a shell, a runner, a parser or a reader.
fn hostile() -> impl Strategy<Value = Text> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "::error file=a::b",
            "\n::stop-commands::x\n",
            "%0A",
            "%25",
            "%",
            "::",
            ":",
            ",",
            "|",
            "||",
            "`",
            "```",
            "<script>",
            "</details>",
            "<!--",
            "-->",
            "]]>",
            "<![CDATA[",
            "&",
            "&amp;",
            "\"",
            "'",
            "\\",
            "\\|",
            "\u{1b}[31m",
            "\u{7}",
            "\0",
            "\r\n",
            "\n",
            "\n\n# x",
            "\u{202e}",
            "\u{2028}",
            "\u{feff}",
            "\u{fffe}",
            "\u{ffff}",
            "@somebody",
            "#1",
            "www.example.org",
            "https://example.org",
            "[x](javascript:y)",
            "![x](y)",
            "**",
            "__",
            "~~",
            "$x$",
            "$$",
            "- ",
            "1. ",
            "> ",
            "=",
            "---",
            "+ ",
            " ",
            "\t",
            "../",
            "./",
            "/",
            "{}",
            "🦀",
            "é",
            "\u{85}",
            "##[error]x",
            "<a@b.example>",
            "- [ ] ",
            "    ",
            "\u{10ffff}",
            ":crab:",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
        (1usize..4_000).prop_map(|times| "x<".repeat(times)),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat().into())
}

fn any_size() -> impl Strategy<Value = Size> {
    let unit = prop::sample::select(vec![Unit::Wire, Unit::Unpacked, Unit::Disk]);
    let basis = prop::sample::select(vec![Basis::Measured, Basis::Predicted, Basis::Catalogue]);
    (any::<u64>(), unit, basis).prop_map(|(bytes, unit, basis)| Size { bytes: ByteSize(bytes), unit, basis })
}

fn any_place() -> impl Strategy<Value = Place> {
    (hostile(), any::<u32>(), any::<u32>()).prop_map(|(file, line, column)| Place {
        file,
        line: line as usize,
        column: column as usize,
    })
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop::sample::select(vec![Outcome::Pass, Outcome::Warn, Outcome::CouldNotMeasure, Outcome::Fail])
}

fn any_amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        any_size().prop_map(Amount::Bytes),
        any::<i64>().prop_map(|bytes| Amount::Change { bytes, unit: Unit::Wire, basis: Basis::Measured }),
        (-1e9..1e9).prop_map(|percent| Amount::Percent { percent }),
        any::<u64>().prop_map(|count| Amount::Count { count }),
    ]
}

fn any_culprit() -> impl Strategy<Value = Culprit> {
    let kind = prop::sample::select(vec![CulpritKind::Distribution, CulpritKind::Layer, CulpritKind::Finding]);
    let texts = (hostile(), hostile(), prop::option::of(hostile()), prop::option::of(hostile()));
    let chain = prop::collection::vec(hostile(), 0..20);
    (kind, texts, any_size(), prop::option::of(any::<i64>()), chain).prop_map(|(kind, texts, size, growth, chain)| {
        let (name, what, asked_for, place) = texts;
        Culprit { kind, name, what, size, growth, chain, asked_for, place }
    })
}

fn any_check() -> impl Strategy<Value = Check> {
    let texts = (hostile(), hostile(), hostile(), hostile());
    let amounts = (prop::option::of(any_amount()), prop::option::of(any_amount()), prop::option::of(any_amount()));
    let culprits = (prop::collection::vec(any_culprit(), 0..12), 0usize..9);
    (
        prop::sample::select(CheckId::ALL.to_vec()),
        any_outcome(),
        texts,
        amounts,
        culprits,
        prop::option::of(any_place()),
    )
        .prop_map(|(id, outcome, texts, amounts, culprits, location)| Check {
            id,
            kind: id.kind(),
            subject: texts.0,
            key: texts.1,
            severity: Severity::Hard,
            outcome,
            limit: amounts.0,
            measured: amounts.1,
            baseline: amounts.2,
            message: texts.2,
            culprits: culprits.0,
            more_culprits: culprits.1,
            location,
            fingerprint: texts.3.into(),
        })
}

fn any_accepted() -> impl Strategy<Value = Accepted> {
    let state = prop::sample::select(vec![AcceptedState::Active, AcceptedState::Expired, AcceptedState::Unused]);
    let texts = (hostile(), hostile(), hostile(), prop::option::of(hostile()));
    (texts, state, prop::collection::vec(hostile(), 0..3), any_place()).prop_map(
        |(texts, state, findings, location)| {
            let (rule, subject, reason, expires) = texts;
            Accepted { rule, subject, reason, expires, state, findings, location }
        },
    )
}

fn any_warning() -> impl Strategy<Value = Warning> {
    let ids = vec![WarningId::AcceptExpired, WarningId::AcceptUnused, WarningId::GapsAllowed, WarningId::ImageProblem];
    (prop::sample::select(ids), hostile(), prop::option::of(any_place())).prop_map(|(id, message, location)| Warning {
        id,
        message,
        location,
    })
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    let gap = (hostile(), hostile(), hostile()).prop_map(|(place, what, reason)| GapText {
        writes: Some(vec![what.clone()]),
        place,
        what,
        reason,
    });
    let lists = (
        prop::collection::vec(any_check(), 1..25),
        prop::collection::vec(any_accepted(), 0..4),
        prop::collection::vec(any_warning(), 0..14),
        prop::collection::vec(gap, 0..4),
    );
    let planned =
        (any_size(), any_outcome(), prop::collection::vec(hostile(), 0..4), prop::collection::vec(hostile(), 0..4))
            .prop_map(|(unpacked, outcome, broken, waiting)| Planned { unpacked, outcome, broken, waiting });
    let sizes = (any_size(), prop::option::of(any_size()), prop::option::of(planned));
    ((hostile(), hostile(), hostile()), lists, sizes).prop_map(|(names, lists, sizes)| {
        let (checks, accepted, warnings, gaps) = lists;
        Verdict {
            schema_version: SCHEMA_VERSION,
            image: names.0,
            repository: names.1,
            platform: names.2,
            basis: Basis::Measured,
            outcome: checks.iter().map(|check| check.outcome).max().unwrap(),
            unpacked: sizes.0,
            wire: sizes.1,
            rests_on: RestsOn::default(),
            checks,
            accepted,
            warnings,
            gaps,
            planned: sizes.2,
        }
    })
}

#[test]
fn no_name_breaks_a_format() {
    let readers = Readers::new();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(16)) };
    // The value that is left after shrinking is printed; it may be long.
    proptest!(config, |(verdict in any_verdict())| readers.read(&verdict));
}

/// Runs `slimwright` in a folder that has `service.tar`; exit code, stdout, stderr.
fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = assert_cmd::Command::cargo_bin("slimwright").unwrap();
    let cache = folder.join("cache");
    let output = command.env("SLIMWRIGHT_CACHE_DIR", cache).current_dir(folder).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A folder with an image and a budget that it breaks.
fn service() -> Store {
    let store = Store::new();
    store.write("service.tar", docker_old(&sample()));
    store.write("slimwright.toml", b"[limits]\nunpacked = \"1 B\"\n");
    store
}

#[test]
fn check_writes_every_format_at_once() {
    let store = service();
    let folder = store.0.path();
    let names = [
        "json=v.json",
        "markdown=v.md",
        "summary=s.md",
        "github=v.txt",
        "sarif=v.sarif",
        "junit=v.xml",
        "gitlab=gl.json",
    ];
    let reports: Vec<String> = names.iter().map(|name| format!("--report={name}")).collect();
    let mut args = vec!["check", "service.tar"];
    args.extend(reports.iter().map(String::as_str));
    let (code, stdout, stderr) = run(folder, &args);
    assert_eq!(code, 1, "{stderr}");
    assert!(stdout.contains("unpacked"), "{stdout}");
    let written = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    Schema::new("docs/schema/check.schema.json").read(&written("v.json"));
    Schema::new("testdata/schemas/gitlab-code-quality.schema.json").read(&written("gl.json"));
    let log = Schema::new("testdata/schemas/sarif-2.1.0.json").read(&written("v.sarif"));
    let region = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(
        (&region["artifactLocation"]["uri"], &region["region"]["startLine"]),
        (&"slimwright.toml".into(), &2.into())
    );
    assert!(written("v.txt").starts_with("::error file=slimwright.toml,line=2,"));
    assert!(written("v.md").contains(": over the budget"));
    assert_eq!(written("v.md"), written("s.md"));
    let junit = written("v.xml");
    assert_eq!(roxmltree::Document::parse(&junit).unwrap().root_element().attribute("failures"), Some("1"));
    // The same again gives the same bytes; unasked it gives none.
    assert_eq!(run(folder, &args).0, 2);
    args.push("--force");
    assert_eq!(run(folder, &args).0, 1);
    assert_eq!(written("v.xml"), junit);
    let (code, stdout, _) = run(folder, &["check", "service.tar", "--report", "github=-"]);
    assert_eq!((code, stdout), (1, written("v.txt")));
    assert_eq!(run(folder, &["check", "service.tar", "--report", "yaml=x"]).0, 2);
}

#[test]
fn an_audit_is_written_as_sarif_with_the_rules_texts() {
    let store = service();
    let (code, stdout, stderr) = run(store.0.path(), &["audit", "service.tar", "--format", "sarif"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let log = Schema::new("testdata/schemas/sarif-2.1.0.json").read(&stdout);
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(rules.len() > 10);
    for rule in rules {
        for text in [&rule["shortDescription"], &rule["fullDescription"], &rule["help"]] {
            assert!(!text["text"].as_str().unwrap().is_empty(), "{rule}");
        }
        assert!(rule["helpUri"].as_str().unwrap().starts_with("https://"), "{rule}");
    }
}
