//! What imports cost: what the image's Python says is read with care, and nothing is run that was not named as an image of an engine.

use super::report::validate;
use assert_cmd::Command;
use slimwright::imports::{Imports, PROBE, TOGETHER, Together, Whose, is_module};
use std::io::Write as _;
use std::process::Stdio;

const TOLD: &str = r#"{"python": "3.11.7", "executable": "/usr/bin/python3", "left_out": 2,
 "bare": {"module": "", "problem": null, "rss": 9000000, "anonymous": 3000000, "cpu": 0.02},
 "alone": [
  {"module": "numpy", "problem": null, "rss": 20000000, "anonymous": 12000000, "cpu": 0.2, "owner": "numpy", "whose": "distribution", "bytecode": true, "ended": "0", "measured": true},
  {"module": "nope", "problem": "ModuleNotFoundError: \u001b[31mno", "rss": 1, "anonymous": 1, "cpu": 0.1, "owner": "nope", "whose": "own", "bytecode": null, "ended": "0", "measured": true},
  {"module": "big", "problem": null, "rss": 0, "anonymous": 0, "cpu": 0.0, "owner": "big", "whose": "own", "bytecode": false, "ended": "-9", "measured": false}],
 "in_order": [{"module": "numpy", "problem": null, "rss": 19000000, "anonymous": 11000000, "cpu": 0.1}],
 "owners": [
  {"owner": "", "whose": "python", "modules": 40, "self_microseconds": 30000, "rss": 2000000, "anonymous": 1500000},
  {"owner": "numpy", "whose": "distribution", "modules": 99, "self_microseconds": 90000, "rss": 17000000, "anonymous": 9500000}],
 "in_order_ended": "0", "owners_ended": "time"}"#;

fn line(text: &str) -> String {
    text.replace('\n', "")
}

#[test]
fn own_memory_and_pages_of_files_are_apart_and_what_failed_has_no_figures() {
    let printed = format!("a module printed this\n{}\n", line(TOLD));
    let found = Imports::parse("app:1", printed.as_bytes()).unwrap();
    let numpy = &found.modules[0];
    let alone = numpy.alone.unwrap();
    assert_eq!((alone.anonymous, alone.file), (12_000_000, 8_000_000));
    assert_eq!(numpy.in_addition.unwrap().anonymous, 11_000_000);
    assert_eq!(numpy.distribution.as_deref(), Some("numpy"));
    let nope = &found.modules[1];
    assert!(nope.alone.is_none() && !nope.problem.as_ref().unwrap().contains('\u{1b}'), "{:?}", nope.problem);
    let big = &found.modules[2];
    assert!(big.alone.is_none() && big.problem.as_ref().unwrap().contains("killed"), "{:?}", big.problem);
    assert_eq!(found.owners[0].name.as_deref(), Some("numpy"), "the largest own memory first");
    assert_eq!((found.owners[1].whose, found.owners[1].name.is_none()), (Whose::Python, true));
    assert!(found.together_not_measured.as_ref().unwrap().contains("--time"));
    validate("imports", &serde_json::to_string(&found).unwrap());
    let text = slimwright::report::imports(&found, slimwright::report::text::Style { width: 80, ..Default::default() });
    assert!(text.contains("11.4 MiB") && text.contains("2 modules more were left out"), "{text}");
}

#[test]
fn what_is_no_answer_is_an_error() {
    for text in ["", "nothing", "{}", "{\"python\": 3}", &line(TOLD)[..200]] {
        assert!(Imports::parse("x", text.as_bytes()).is_err(), "{text}");
    }
    let many = line(TOLD).replace(
        "\"in_order\": [",
        &format!(
            "\"in_order\": [{}",
            "{\"module\":\"m\",\"problem\":null,\"rss\":1,\"anonymous\":1,\"cpu\":0},".repeat(10_001)
        ),
    );
    assert!(Imports::parse("x", many.as_bytes()).is_err(), "more rows than there can be");
}

#[test]
fn names_of_modules_are_names_and_nothing_else_reaches_python() {
    for good in ["numpy", "sklearn.ensemble", "_x", "größe.a1"] {
        assert!(is_module(good), "{good}");
    }
    for bad in ["", ".", "a.", "a b", "a;b", "a,b", "-c", "1a", "a'", "a\n", "a..b"] {
        assert!(!is_module(bad), "{bad:?}");
    }
}

#[test]
fn only_images_of_an_engine_are_run() {
    let run = |args: &[&str]| {
        // No engine is asked: what is refused is refused before.
        let output = Command::cargo_bin("slimwright")
            .unwrap()
            .arg("imports")
            .args(args)
            .env("DOCKER_HOST", "unix:///nonexistent")
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (args, word) in [
        (&["docker://x/y"][..], "no image of an engine"),
        (&["context:."], "no image of an engine"),
        (&["x", "a;b"], "no name of a module"),
        (&["x", "--memory", "1 MiB"], "at least 64 MiB"),
        (&["x", "--memory", "much"], "--memory"),
        (&["x", "--time", "0"], "1 to 3600"),
        (&["-x"], "unexpected argument"),
    ] {
        let (code, text) = run(args);
        assert!(code == Some(2) && text.contains(word), "{args:?}: {code:?} {text}");
    }
    assert_eq!(run(&["x"]).0, Some(3), "no engine");
}

/// The script itself, by a Python of this machine.
#[test]
fn the_probe_says_what_imports_cost() {
    let python = std::process::Command::new("python3")
        .args(["-", "[\"json\", \"no_such_module_here\"]", "60"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut python) = python else { return eprintln!("skipped: there is no python3") };
    python.stdin.take().unwrap().write_all(PROBE.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    let found = Imports::parse("here", &output.stdout).unwrap();
    assert!(found.bare.unwrap().anonymous > 1 << 20, "an interpreter has some memory");
    assert!(found.modules[0].alone.is_some(), "{:?}", found.modules[0]);
    assert!(found.modules[1].problem.as_ref().unwrap().contains("ModuleNotFoundError"));
    assert_eq!(found.together_not_measured, None);
    validate("imports", &serde_json::to_string(&found).unwrap());
}

fn together(rows: &[(&str, i64, i64, f64)], ended: &str) -> String {
    let row = |(module, own, files, cpu): &(&str, i64, i64, f64)| {
        let problem = if *cpu < 0.0 { "\"ImportError: no\"" } else { "null" };
        format!(
            r#"{{"module": "{module}", "problem": {problem}, "rss": {}, "anonymous": {own}, "cpu": {cpu}}}"#,
            own + files
        )
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!(r#"{{"left_out": 1, "in_order": [{}], "in_order_ended": "{ended}"}}"#, rows.join(", "))
}

#[test]
fn two_images_are_compared_by_what_both_can_import() {
    let mib = 1 << 20;
    let before = together(&[("torch", 200 * mib, 300 * mib, 4.0), ("app", mib, 0, 0.1), ("gone", mib, 0, 0.1)], "0");
    let after = together(&[("torch", 90 * mib, 100 * mib, 1.5), ("app", mib, 0, 0.1), ("gone", 0, 0, -1.0)], "0");
    let [before, after] = [before, after].map(|text| Together::parse(text.as_bytes()).unwrap());
    assert_eq!(after.good(), ["torch", "app"]);
    let found = before.compared(&after).unwrap();
    assert_eq!((found.modules, found.left_out), (2, 1));
    assert_eq!((found.before.anonymous, found.after.anonymous), (201 * mib, 91 * mib));
    assert_eq!((found.before.file, found.after.file), (300 * mib, 100 * mib));
    assert_eq!(found.rows.iter().map(|row| row.name.to_string()).collect::<Vec<_>>(), ["torch"], "noise is no row");
    assert_eq!(found.not_in_both.iter().map(ToString::to_string).collect::<Vec<_>>(), ["gone"]);
    assert!(Together::parse(together(&[], "-11").as_bytes()).is_err(), "an interpreter that crashed tells nothing");
    assert!(Together::parse(b"nothing").is_err());
}

#[test]
fn the_probe_measures_all_modules_together() {
    let python = std::process::Command::new("python3")
        .args(["-", "[\"json\", \"no_such_module_here\", \"decimal\"]", "60", TOGETHER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut python) = python else { return eprintln!("skipped: there is no python3") };
    python.stdin.take().unwrap().write_all(PROBE.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    let found = Together::parse(&output.stdout).unwrap();
    assert_eq!(found.good(), ["json", "decimal"]);
    assert!(found.modules[2].1.as_ref().unwrap_err().contains("ModuleNotFoundError"));
    assert!(found.compared(&found).unwrap().rows.is_empty(), "an image is like itself");
}
