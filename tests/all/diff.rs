//! The difference of two images: every byte has one cause.

use crate::budget::{Bench, dist, service};
use crate::fixture::image;
use proptest::prelude::*;
use serde_json::Value;
use slimwright::base::Text;
use slimwright::budget::{Cause, CauseKind, Diff, LayerFate, Snapshot};
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::image::Image;
use std::sync::Arc;

fn snapshot(image: &Image) -> Snapshot {
    let view = View::new(image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    Snapshot::new(&facts, &[]).with_folders(&facts)
}

fn difference(before: &Image, after: &Image) -> Diff {
    let diff = Diff::new(&snapshot(before), &snapshot(after));
    assert_eq!(diff.causes.iter().map(|cause| cause.difference).sum::<i64>(), diff.unpacked.difference);
    for cause in &diff.causes {
        assert_eq!(cause.rows.iter().map(|row| row.difference).sum::<i64>(), cause.difference, "{cause:?}");
    }
    diff
}

fn cause(diff: &Diff, kind: CauseKind) -> &Cause {
    diff.causes.iter().find(|cause| cause.kind == kind).unwrap_or_else(|| panic!("{kind:?}: {diff:?}"))
}

/// `name before→after: difference` of each row.
fn rows(diff: &Diff, kind: CauseKind) -> Vec<String> {
    let row = |row: &slimwright::budget::DiffRow| {
        let version = |version: &Option<Text>| version.clone().unwrap_or_default();
        format!("{} {}→{}: {}", row.name, version(&row.version_before), version(&row.version_after), row.difference)
    };
    cause(diff, kind).rows.iter().map(row).collect()
}

#[test]
fn an_image_does_not_differ_from_itself() {
    let diff = difference(&service(""), &service(""));
    assert!(diff.is_empty());
    assert_eq!(diff.same_layers, 5);
}

#[test]
fn every_cause_is_told_apart_and_they_sum_to_the_difference() {
    let before = service(&dist("gone", "1.0", 7_000_000, &[]));
    let mut after = service(&dist("heavy", "1.0", 150_000_000, &[]));
    let edit = |image: &mut Image, path: &str, bytes: u64| {
        let entries = image.layers.iter_mut().flat_map(|layer| &mut Arc::make_mut(layer).entries);
        let mut found = entries.filter(|entry| entry.path.to_string().ends_with(path));
        found.next().unwrap().size = bytes;
    };
    edit(&mut after, "/libc.so.6", 51_000_000);
    edit(&mut after, "/gcc", 45_000_000);
    edit(&mut after, "/torch.py", 309_000_000);
    edit(&mut after, "/http/x", 10_000_000);
    edit(&mut after, "/model.bin", 21_000_000);
    edit(&mut after, "/oldlib.py", 61_000_000);
    let diff = difference(&before, &after);
    let small = |text: &String| text.split(": ").nth(1).unwrap().trim_start_matches('-').len() < 6;
    let told = |kind| rows(&diff, kind).into_iter().filter(|text| !small(text)).collect::<Vec<String>>();
    assert_eq!(told(CauseKind::DistributionsResized), ["torch 2.1.1→2.1.1: -1000000"]);
    assert!(told(CauseKind::DistributionsAdded)[0].starts_with("heavy →1.0: 15000"));
    assert!(told(CauseKind::DistributionsRemoved)[0].starts_with("gone 1.0→: -7000"));
    assert_eq!(told(CauseKind::OsPackages), ["gcc 12.2→12.2: 5000000"]);
    assert_eq!(cause(&diff, CauseKind::Base).difference, 1_000_000);
    assert_eq!(told(CauseKind::Application), ["/app →: 1000000"]);
    assert_eq!(cause(&diff, CauseKind::Caches).difference, -20_000_000);
    assert_eq!(told(CauseKind::DeadBytes), ["oldlib →: 1000000"]);
    let first = &cause(&diff, CauseKind::DistributionsAdded).rows[0];
    assert_eq!(first.asked_for.as_deref(), Some("nothing requires it"));
    assert!(diff.layers.iter().all(|layer| layer.fate == LayerFate::Rebuilt));
}

#[test]
fn an_upgrade_is_one_row_and_a_layer_that_comes_or_goes_is_named() {
    let with = |version: &str, more: &str| {
        let installed = dist("torch", version, if version == "1" { 10_000_000 } else { 12_000_000 }, &[]);
        image(&format!("layer ADD rootfs\nf bin/sh 5\nempty CMD x\nlayer RUN pip install\n{installed}{more}"))
    };
    let diff = difference(&with("1", ""), &with("2", "layer RUN echo\nf etc/x 5\n"));
    assert_eq!(rows(&diff, CauseKind::DistributionsChanged), ["torch 1→2: 2000000"]);
    let layers: Vec<(LayerFate, Option<usize>, Option<usize>)> =
        diff.layers.iter().map(|layer| (layer.fate, layer.position_before, layer.position_after)).collect();
    assert_eq!(layers, [(LayerFate::Rebuilt, Some(2), Some(2)), (LayerFate::Added, None, Some(3))]);
}

#[test]
fn the_command_writes_text_json_and_markdown() {
    let bench = Bench::new();
    bench.record("before.index", &service(""));
    let mut after = service(&dist("heavy|<b>", "1.0", 150_000_000, &[]));
    after.name = "team/service:2.0".into();
    bench.record("after.index", &after);
    let diff = |args: &[&str]| bench.run(&[&["diff", "index:before.index", "index:after.index", "-q"], args].concat());
    let (code, text, stderr) = diff(&[]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(
        text.starts_with(
            "team/service:1.0 → team/service:2.0   linux/amd64\n  unpacked 817 MB → 967 MB   +150 MB   +18 %\n"
        ),
        "{text}"
    );
    assert!(text.contains("   +150 MB  distributions added (1)\n"), "{text}");
    assert!(text.ends_with("\n150 MB larger.\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let json: Value = serde_json::from_str(&diff(&["--format", "json"]).1).unwrap();
    assert_eq!(json["causes"][0]["kind"], "distributions-added");
    let markdown = diff(&["--format", "markdown"]).1;
    assert!(markdown.contains("| distributions added | 0 B | 150 MB | +150 MB |\n"), "{markdown}");
    assert!(!markdown.contains("<b>"), "{markdown}");
    let (code, _, stderr) = diff(&["--exit-code"]);
    assert_eq!((code, stderr.as_str()), (1, "error: index:before.index and index:after.index differ\n"));
    let same = bench.run(&["diff", "index:before.index", "index:before.index", "--exit-code", "-q"]);
    assert!(same.0 == 0 && same.1.ends_with("No difference.\n"), "{}", same.1);
    assert_eq!(bench.run(&["diff", "index:before.index", "index:absent.index", "-q"]).0, 2);
    assert_eq!(bench.run(&["diff", "index:before.index"]).0, 2);
}

/// Some files in some layers, some of which hide others.
fn any_image() -> impl Strategy<Value = Image> {
    let paths = prop::sample::select(vec![
        "f usr/local/lib/python3.11/site-packages/a.py",
        "f usr/local/lib/python3.11/site-packages/b.py",
        "f root/.cache/pip/x",
        "f app/x/y/z",
        "f app/x",
        "f model",
        "f usr/bin/tool",
    ]);
    let metadata = prop::sample::select(vec![
        "",
        "f usr/local/lib/python3.11/site-packages/a-1.dist-info/METADATA = Name: a\\nVersion: 1\\n\n\
         f usr/local/lib/python3.11/site-packages/a-1.dist-info/RECORD = a.py,,\\nb.py,,\\n\n",
        "f usr/local/lib/python3.11/site-packages/b-2.dist-info/METADATA = Name: b\\nVersion: 2\\n\n\
         f usr/local/lib/python3.11/site-packages/b-2.dist-info/RECORD = b.py,,\\n\n",
        "w usr/local/lib/python3.11/site-packages/a-1.dist-info\nw usr/local/lib/python3.11/site-packages/b.py\n",
        "w app\n",
    ]);
    let layer = (prop::collection::vec((paths, 0u32..1_000), 0..5), metadata, prop::bool::ANY);
    prop::collection::vec(layer, 1..5).prop_map(|layers| {
        let mut text = String::new();
        for (number, (files, metadata, command)) in layers.iter().enumerate() {
            text.push_str(&format!("layer RUN {number}\n{metadata}"));
            files.iter().for_each(|(path, bytes)| text.push_str(&format!("{path} {bytes}\n")));
            text.push_str(if *command { "empty CMD x\n" } else { "" });
        }
        image(&text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn causes_sum_to_the_difference_of_any_two_images(before in any_image(), after in any_image()) {
        let there = difference(&before, &after);
        let back = difference(&after, &before);
        prop_assert_eq!(there.unpacked.difference, -back.unpacked.difference);
        prop_assert_eq!(there.causes.len(), back.causes.len());
    }
}
