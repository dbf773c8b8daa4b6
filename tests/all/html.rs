//! HTML reports: one page that asks nobody for anything, whatever an image calls its files.

use crate::budget::{dist, service};
use crate::explore::team;
use crate::fixture::{image, recorded};
use crate::tarballs::Store;
use assert_cmd::Command;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};
use slimwright::base::ByteSize;
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::image::read_recorded;
use slimwright::plan::PlanOptions;
use slimwright::report::{AUDIT_FORMATS, AuditReport, MAX_OFFERED, Part, offered_choices, text::Style};
use slimwright::rules::{embedded, evaluate};
use std::collections::BTreeSet;
use std::path::Path;

/// What stands between the tags of the only element of a kind, and the page without it.
fn taken(page: &str, open: &str, close: &str) -> (String, String) {
    let start = page.find(open).unwrap() + open.len();
    let end = start + page[start..].find(close).unwrap();
    (page[start..end].to_owned(), format!("{}{}", &page[..start], &page[end..]))
}

/// Checks a page as a browser and a cautious reader would; gives its text.
fn checked(page: &str) -> String {
    let (style, rest) = taken(page, "<style>", "</style>");
    let (script, rest) = taken(&rest, "<script>", "</script>");
    for (kind, inner) in [("style-src", style), ("script-src", script)] {
        let digest = BASE64_STANDARD.encode(Sha256::digest(inner.as_bytes()));
        assert!(page.contains(&format!("{kind} &#39;sha256-{digest}&#39;")), "{kind} allows another text");
    }
    let rest = match rest.contains("id=\"data\"") {
        true => {
            let (data, rest) = taken(&rest, "<script type=\"application/json\" id=\"data\">", "</script>");
            serde_json::from_str::<serde_json::Value>(&data).unwrap();
            rest
        }
        false => rest,
    };
    // What is left is well-formed as XML, too.
    let body = rest.strip_prefix("<!doctype html>\n").unwrap();
    let document = roxmltree::Document::parse(body).unwrap();
    let ids: BTreeSet<&str> = document.descendants().filter_map(|node| node.attribute("id")).collect();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(name != "style" && name != "src" && !name.starts_with("on"), "{name}={value}");
            assert!(name != "href" || value.starts_with('#'), "{value}");
            assert!(name != "href" || ids.contains(&value[1..]), "{value} leads nowhere");
        }
        if node.tag_name().name() == "table" {
            assert!(node.children().any(|child| child.tag_name().name() == "caption"));
            let heads = node.descendants().filter(|child| child.tag_name().name() == "th");
            for head in heads {
                assert!(head.attribute("scope") == Some("col") && head.text().is_some_and(|text| !text.is_empty()));
            }
        }
    }
    document.descendants().filter_map(|node| node.text()).collect()
}

fn sums(part: &Part) {
    if !part.parts.is_empty() {
        assert_eq!(part.parts.iter().map(|part| part.bytes).sum::<u64>(), part.bytes, "{}", part.name);
    }
    part.parts.iter().for_each(sums);
}

fn html(name: &str) -> slimwright::report::RenderAudit {
    AUDIT_FORMATS.iter().find(|format| format.name == name).unwrap().render
}

#[test]
fn a_page_stands_by_itself_whatever_files_are_called() {
    let mut image = image(
        "layer RUN <b>make</b> && \"x\"
         f a/x 500
         f a/<script>alert(1)</script> 4000
         f b/'\"onload=x&amp; 3000
         layer COPY . .
         w a/x
         f c/]]>--> 2000",
    );
    image.name = "</title><img src=x onerror=alert(1)>".into();
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let report = AuditReport::new(&image, &view, &facts, &[], &[], None).with_map(&facts, &[], None);
    let map = report.map.as_ref().unwrap();
    assert_eq!(map.bytes, image.unpacked());
    sums(map);
    let page = html("html")(&report, &[], Style::default()).unwrap();
    let text = checked(&page);
    assert!(text.contains("</title><img src=x onerror=alert(1)>") && text.contains("hidden by layer 2"), "{text}");
    assert!(!page.contains("<img") && !page.contains("<script>alert"), "{page}");
}

#[test]
fn the_page_of_a_large_image_is_small_and_says_what_the_text_says() {
    let store = Store::new();
    let index = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/flagship.index");
    let run = |args: &[&str]| {
        let mut command = Command::cargo_bin("slimwright").unwrap();
        let output = command.env("SLIMWRIGHT_CACHE_DIR", store.path("cache")).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let image = read_recorded(Path::new(index), &std::fs::read(index).unwrap()).unwrap();
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let (facts, rules) = (survey.facts(&view), embedded());
    let findings = evaluate(&facts, &rules);
    let options = PlanOptions { ledger: true, ..PlanOptions::default() };
    let plan = slimwright::prove::make(&facts, &findings, &rules, &options).unwrap();
    let report = AuditReport::new(&image, &view, &facts, &findings, &rules, Some(&plan));
    let page = html("html")(&report.with_map(&facts, &findings, Some(&plan)), &rules, Style::default()).unwrap();
    assert!(page.len() < 2_000_000, "{}", page.len());
    let text = checked(&page);
    for said in
        ["8.24 GB today", "torch 2.1.1", "nvidia-cudnn-cu12", "goes by the plan", "hidden by layer 8", "torch-cuda"]
    {
        assert!(text.contains(said), "{said}");
    }
    let file = recorded(&service(""));
    let small = file.path().to_str().unwrap();
    checked(&run(&["diff", small, small, "--format", "html", "-q"]));
    let verdict = run(&["check", small, "--limit", "unpacked=9 GB", "--format", "html", "-q"]);
    assert!(checked(&verdict).contains("1 of 1 limits are kept"));
}

#[test]
fn a_plan_is_a_page_with_its_steps_commands_and_proof() {
    let store = Store::new();
    let index = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/conda.index");
    let run = |format: &str, folder: &str| {
        let mut command = Command::cargo_bin("slimwright").unwrap();
        command.env("SLIMWRIGHT_CACHE_DIR", store.path("cache")).current_dir(store.0.path());
        let output = command.args(["plan", index, "-o", folder, "--no-resolve", "--format", format]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let page = run("html", "slim");
    assert!(page.len() < 2_000_000, "{}", page.len());
    let text = checked(&page);
    for said in ["858 MB today", "What the plan does", "slimwright verify", "--accept conda-leftovers", "left to you"] {
        assert!(text.contains(said), "{said}");
    }
    // The same as is in the folder, to the byte.
    let report = |name: &str| std::fs::read_to_string(store.path("slim").join(name)).unwrap();
    let (json, markdown) = (run("json", "slim-json"), run("markdown", "slim-markdown"));
    assert_eq!(json.replace("slim-json", "slim"), report("plan.json"));
    assert_eq!(markdown.replace("slim-markdown", "slim"), report("REPORT.md"));
}

#[test]
fn each_choice_among_rules_that_wait_is_a_plan_of_its_own() {
    let store = Store::new();
    let more =
        [dist("pytest", "7.4.3", 3_000_000, &[]), format!("f {DOCS}/copyright 1000\nf {DOCS}/manual.pdf 5000000\n")];
    let file = recorded(&team(&more.concat()));
    let target = file.path().to_str().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::cargo_bin("slimwright").unwrap();
        command.env("SLIMWRIGHT_CACHE_DIR", store.path("cache")).current_dir(store.0.path());
        let output = command.args(args).args(["-q"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let page = run(&["audit", target, "--format", "html"]);
    checked(&page);
    let (data, _) = taken(&page, "id=\"data\">", "</script>");
    let data: serde_json::Value = serde_json::from_str(&data).unwrap();
    let rules: Vec<&str> = data["choices"]["rules"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert!(rules.len() > 1 && rules.contains(&"development-tools"), "{rules:?}");
    let totals = data["choices"]["totals"].as_object().unwrap();
    assert_eq!(totals.len(), (1 << rules.len()).min(MAX_OFFERED));
    for (n, (key, total)) in totals.iter().enumerate() {
        let folder = format!("slim-{n}");
        let mut words = vec!["plan", target, "-o", &folder, "--no-resolve", "--format", "json"];
        words.extend(key.split_whitespace().flat_map(|at| ["--accept", rules[at.parse::<usize>().unwrap()]]));
        let plan: serde_json::Value = serde_json::from_str(&run(&words)).unwrap();
        let bytes = plan["predicted"]["unpacked"]["bytes"].as_u64().unwrap();
        let predicted = ByteSize(bytes);
        assert!(page.contains(&format!("data-sort=\"{bytes}\"")), "{key}: {bytes}");
        assert!(total.as_str().unwrap().starts_with(&format!("{predicted} ")), "{key}: {total}, {predicted}");
        let command = format!(
            "slimwright plan {target} -o slim/{}",
            words[7..].iter().map(|word| format!(" {word}")).collect::<String>()
        );
        assert!(page.contains(&command), "{command}");
    }
}

const DOCS: &str = "usr/share/doc/gcc";

#[test]
fn choices_are_bounded_and_the_simplest_come_first() {
    assert_eq!(offered_choices(0), [Vec::<usize>::new()]);
    assert_eq!(offered_choices(2), [vec![], vec![0], vec![1], vec![0, 1]]);
    assert_eq!(offered_choices(3).len(), 8);
    assert_eq!(offered_choices(4).len(), 16);
    for rules in [1, 4, 6, 9, 30, 31, 400] {
        let choices = offered_choices(rules);
        let distinct: BTreeSet<&Vec<usize>> = choices.iter().collect();
        let shown = rules.min(MAX_OFFERED - 2);
        assert!(choices.len() <= MAX_OFFERED && distinct.len() == choices.len() && choices[0].is_empty());
        assert!((0..shown).all(|at| distinct.contains(&vec![at])), "{rules}: each alone");
        assert!(distinct.contains(&(0..shown).collect::<Vec<usize>>()), "{rules}: all at once");
        assert!(choices.iter().all(|chosen| chosen.is_sorted()), "{rules}");
    }
}
