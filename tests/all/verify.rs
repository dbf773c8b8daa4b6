//! What a rebuilt image lost.

use crate::fixture::image;
use assert_cmd::Command;
use slimwright::fs::View;
use slimwright::report;
use slimwright::rules::Survey;
use slimwright::verify::{Promise, Verification, verify};

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// A whole distribution with one module.
fn dist(name: &str, version: &str, bytes: u32, requires: &str) -> String {
    let requires = if requires.is_empty() { String::new() } else { format!("Requires-Dist: {requires}\\n") };
    format!(
        "f {SITE}/{name}-{version}.dist-info/METADATA = Name: {name}\\nVersion: {version}\\n{requires}\n\
         f {SITE}/{name}-{version}.dist-info/RECORD = {name}.py,,\\n\nf {SITE}/{name}.py {bytes}\n"
    )
}

fn compared(before: &str, after: &str, promise: Option<&Promise>) -> Verification {
    let (before, after) = (image(&format!("layer x\n{before}")), image(&format!("layer y\n{after}")));
    let (before, after) = (View::new(&before), View::new(&after));
    let (one, two) = (Survey::new(&before, &[]), Survey::new(&after, &[]));
    verify(&one.facts(&before), &two.facts(&after), promise)
}

fn losses<'v>(verification: &'v Verification, id: &str) -> &'v [String] {
    &verification.checks.iter().find(|check| check.id == id).unwrap().losses
}

#[test]
fn an_image_that_keeps_all_passes_and_what_went_is_named() {
    let kept = dist("a", "1", 1000, "") + &dist("b", "2", 500, "a>=1");
    let found = compared(&(kept.clone() + &dist("dev", "3", 9000, "")), &kept, None);
    assert!(!found.failed(), "{found:?}");
    assert_eq!(found.gone, ["dev 3"]);
    assert!(found.before > found.after + 9000);
}

#[test]
fn a_file_that_is_gone_is_a_loss_and_one_that_was_gone_before_is_not() {
    let whole = dist("a", "1", 1000, "");
    let broken = whole.replace(&format!("f {SITE}/a.py 1000\n"), "");
    assert_eq!(losses(&compared(&whole, &broken, None), "files").len(), 1);
    assert!(!compared(&broken, &broken, None).failed());
}

#[test]
fn a_requirement_that_was_met_is_a_loss_unless_the_plan_overrides_it() {
    let (a, b) = (dist("a", "1", 10, "b<2"), dist("b", "1", 10, ""));
    let newer = dist("b", "2", 10, "");
    let found = compared(&(a.clone() + &b), &(a.clone() + &newer), None);
    assert_eq!(losses(&found, "requirements"), ["a 1 requires b<2, found b 2"]);
    let promise = Promise { overridden: [("a".to_owned(), "b".to_owned())].into(), ..Promise::default() };
    assert_eq!(losses(&compared(&(a.clone() + &b), &(a + &newer), Some(&promise)), "requirements").len(), 0);
}

#[test]
fn a_library_a_module_and_a_setting_can_be_lost() {
    let linked = format!("f {SITE}/a.so = elf\\nneeded libx.so.1\\n\n");
    let before = dist("a", "1", 10, "") + &linked + "f usr/lib/libx.so.1 100\nenv A=b\n";
    let after = (dist("a", "1", 10, "") + &linked).replace("a.py", "renamed.py");
    let found = compared(&before, &after, None);
    assert_eq!(losses(&found, "libraries"), [format!("/{SITE}/a.so needs libx.so.1")]);
    assert_eq!(losses(&found, "modules"), ["a 1 had the module a"]);
    assert!(found.failed());
    let text = report::verify(&found, false, 80, false);
    assert!(text.contains("FAILED  libraries") && text.contains("Something was lost"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

const PLAN: &str = r#"{"predicted": {"unpacked": {"bytes": 2000}}, "dropped": [{"name": "Dev"}],
    "pins": [{"name": "A", "version": "1", "size": {"bytes": 1500}}, {"name": "c", "version": "1", "size": {"bytes": 5}}],
    "overridden": [], "unsatisfied-before": [], "unknown": 1}"#;

#[test]
fn what_a_plan_promised_is_held_against_what_was_built() {
    let promise = Promise::parse(PLAN.as_bytes()).unwrap();
    let before = dist("a", "1+cu121", 1000, "");
    let after = dist("a", "1+cpu", 1000, "") + &dist("dev", "1", 10, "");
    let found = compared(&before, &after, Some(&promise));
    assert_eq!(
        losses(&found, "distributions"),
        ["c 1 is not installed", "dev is installed, although the plan drops it"]
    );
    assert_eq!(found.sizes[0].title, "a 1");
    assert_eq!(found.sizes[0].predicted, 1500);
    assert!(found.sizes[0].measured.is_some_and(|bytes| bytes >= 1000));
    assert_eq!(found.sizes[1].measured, None);
    for bad in ["", "{}", "[1]", r#"{"predicted": 1}"#] {
        assert!(Promise::parse(bad.as_bytes()).unwrap_err().to_string().contains("plan.json"), "{bad}");
    }
}

#[test]
fn the_command_says_what_it_compared_and_ends_with_its_verdict() {
    let index = format!("index:{}/testdata/flagship.index", env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::cargo_bin("slimwright").unwrap();
        let output = command.current_dir(dir.path()).args(["verify", "-q"]).args(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, stdout, _) = run(&[&index, &index]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("skipped imports") && stdout.contains("Nothing was lost."), "{stdout}");
    let (code, stdout, _) = run(&[&index, &index, "--format", "json"]);
    assert_eq!(
        (code, serde_json::from_str::<serde_json::Value>(&stdout).unwrap()["checks"][0]["id"].clone()),
        (0, "files".into())
    );
    std::fs::write(dir.path().join("plan.json"), PLAN).unwrap();
    let (code, _, stderr) = run(&[&index, &index, "--plan", "."]);
    assert!(code == 1 && stderr.contains("lost something"), "{stderr}");
    let (code, _, stderr) = run(&[&index, &index, "--plan", "absent"]);
    assert!(code == 2 && stderr.contains("hint: give the folder"), "{stderr}");
    assert_eq!(run(&[&index, "no-such.tar"]).0, 3);
}
