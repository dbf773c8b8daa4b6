//! The binary: exit codes, what goes to stdout and what to stderr.

use assert_cmd::Command;

/// Exit code, stdout, stderr.
fn run(args: &[&str]) -> (i32, String, String) {
    run_in(&std::env::temp_dir(), args)
}

fn run_in(dir: &std::path::Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("slimwright").unwrap().current_dir(dir).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_is_data_and_comes_with_examples() {
    for command in ["audit", "plan", "index", "explain"] {
        let (code, stdout, stderr) = run(&[command, "--help"]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{command}");
        assert!(stdout.contains("Example"), "{stdout}");
    }
    assert_eq!(run(&["rules"]).0, 0);
    assert!(run(&["--version"]).1.starts_with("slimwright "));
}

#[test]
fn a_wrong_command_line_is_2_and_says_nothing_on_stdout() {
    for args in [
        &[][..],
        &["audit"],
        &["audit", "x", "--format", "yaml"],
        &["audit", "x", "--max-unpacked", "900"],
        &["audit", ""],
        &["plan", "x"],
        &["index", "x"],
        &["explain", "no-such-rule"],
        &["plan", "x", "-o", "new", "--accept", "no-such-rule"],
        &["frobnicate"],
    ] {
        let (code, stdout, stderr) = run(args);
        assert_eq!((code, stdout.as_str()), (2, ""), "{args:?} {stderr}");
        assert!(!stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn what_cannot_be_measured_is_3_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["audit", "no-such.tar", "-o", "out.json"][..],
        &["index", "no-such.tar", "-o", "out.index"],
        &["plan", "no-such.tar", "-o", "out"],
    ] {
        let (code, stdout, stderr) = run_in(dir.path(), args);
        assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
        assert!(stderr.starts_with("error: "), "{stderr}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn nothing_is_overwritten_unasked() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("full")).unwrap();
    std::fs::write(dir.path().join("full/mine"), "mine").unwrap();
    for args in [
        &["audit", "no-such.tar", "-o", "full/mine"][..],
        &["audit", "no-such.tar", "-o", "full", "--force"],
        &["audit", "no-such.tar", "-o", "nowhere/out"],
        &["index", "no-such.tar", "-o", "full/mine"],
        &["plan", "no-such.tar", "-o", "full"],
        &["plan", "no-such.tar", "-o", "full/mine", "--force"],
    ] {
        let (code, _, stderr) = run_in(dir.path(), args);
        assert_eq!(code, 2, "{args:?} {stderr}");
    }
    assert!(run_in(dir.path(), &["plan", "no-such.tar", "-o", "full"]).2.contains("hint: "));
    assert_eq!(std::fs::read_to_string(dir.path().join("full/mine")).unwrap(), "mine");
}

#[test]
fn errors_steer_no_terminal() {
    let (code, _, stderr) = run(&["explain", "evil\u{1b}[31m\u{202e}"]);
    assert_eq!(code, 2);
    assert!(!stderr.contains(['\u{1b}', '\u{202e}']), "{stderr}");
    let (_, _, stderr) = run(&["audit", "evil\u{1b}[31m"]);
    assert!(!stderr.contains('\u{1b}'), "{stderr}");
}
