//! The binary: exit codes, what goes to stdout and what to stderr.

use crate::budget::service;
use crate::fixture::recorded;
use crate::tarballs::{Packing, Store, Tar, archive, docker_new, docker_old, gzip, oci, sample, zstandard};
use assert_cmd::Command;

/// Exit code, stdout, stderr.
fn run(args: &[&str]) -> (i32, String, String) {
    run_in(&std::env::temp_dir(), args)
}

fn run_in(dir: &std::path::Path, args: &[&str]) -> (i32, String, String) {
    run_with(dir, args, "")
}

fn run_with(dir: &std::path::Path, args: &[&str], input: impl Into<Vec<u8>>) -> (i32, String, String) {
    let cache = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("slimwright").unwrap();
    command.env("SLIMWRIGHT_CACHE_DIR", cache.path()).current_dir(dir).args(args).write_stdin(input);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_is_data_and_comes_with_examples() {
    for command in ["audit", "plan", "why", "index", "explain"] {
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
        &["pln"],
    ] {
        let (code, stdout, stderr) = run(args);
        assert_eq!((code, stdout.as_str()), (2, ""), "{args:?} {stderr}");
        assert!(!stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn what_cannot_be_measured_is_3_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("no-image.tar"), "no image").unwrap();
    for args in [
        &["audit", "no-image.tar", "-o", "out.json"][..],
        &["index", "no-image.tar", "-o", "out.index"],
        &["plan", "no-image.tar", "-o", "out"],
    ] {
        let (code, stdout, stderr) = run_in(dir.path(), args);
        assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
        assert!(stderr.starts_with("error: "), "{stderr}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
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

#[test]
fn an_archive_on_standard_input_is_the_same_image() {
    let (store, parts) = (Store::new(), sample());
    let (old, new) = (docker_old(&parts), archive(&docker_new(&parts)));
    let layout = archive(&oci(&parts, Packing::Gzip));
    let file = store.write("old.tar", &old);
    let json = |target: &str, input: &[u8]| {
        let (code, stdout, stderr) = run_with(store.0.path(), &["audit", target, "--format", "json"], input);
        assert_eq!((code, stderr.as_str()), (0, ""), "{target}");
        let mut report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        // A plain file is only sought through: what comes along is verified.
        report["image"]["layers"] = serde_json::Value::Null;
        report
    };
    let expected = json(file.to_str().unwrap(), b"");
    for input in [&old, &new, &gzip(&old, 1_000), &zstandard(&new, 1_000), &layout, &gzip(&layout, usize::MAX)] {
        assert_eq!(json("-", input)["distributions"], expected["distributions"]);
        assert_eq!(json("-", input)["findings"], expected["findings"]);
        assert_eq!(json("-", input)["image"]["name"], expected["image"]["name"]);
    }
    assert_eq!(json("docker-archive:-", &new)["findings"], expected["findings"]);
    assert_eq!(json("oci-archive:-", &layout)["findings"], expected["findings"]);
}

#[test]
fn standard_input_that_is_no_image_is_3_and_says_why() {
    let (store, parts) = (Store::new(), sample());
    let old = docker_old(&parts);
    let cut = &old[..old.len() / 2];
    let flipped = {
        let mut bytes = old.clone();
        let at = bytes.windows(6).position(|window| window == b"after!").unwrap();
        bytes[at] = b'A';
        bytes
    };
    let no_manifest = Tar::new().file("layer.tar", &parts.layers[0]).finish();
    for (input, says) in [
        (&b""[..], "found nothing"),
        (b"no tar at all", "expected an image archive"),
        (cut, "ends at byte"),
        (&flipped, "diff ID"),
        (&gzip(cut, usize::MAX), "ends at byte"),
        (&no_manifest, "found neither"),
    ] {
        let (code, stdout, stderr) = run_with(store.0.path(), &["audit", "-"], input);
        assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
        assert!(stderr.contains(says), "expected `{says}`: {stderr}");
    }
}

#[test]
fn the_cache_is_shown_and_cleared() {
    let (store, parts) = (Store::new(), sample());
    let file = store.folder("layout", &oci(&parts, Packing::Gzip));
    let run = |args: &[&str]| {
        let mut command = Command::cargo_bin("slimwright").unwrap();
        let output = command.env("SLIMWRIGHT_CACHE_DIR", store.path("cache")).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let audit = ["audit", file.to_str().unwrap()];
    run(&[&audit[..], &["--no-cache"]].concat());
    assert!(run(&["cache", "info"]).0.contains("0 entries"));
    let (first, said) = run(&audit);
    assert_eq!(said, "");
    assert!(run(&["cache", "info"]).0.contains("2 entries"));
    let (second, said) = run(&audit);
    assert_eq!(second, first);
    assert!(said.contains("2 of 2 layers are known from the cache"), "{said}");
    assert_eq!(run(&[&audit[..], &["--quiet"]].concat()).1, "");
    assert!(run(&["cache", "clear"]).0.contains("removed 2 entries"));
    assert!(run(&["cache", "info"]).0.contains("0 entries"));
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    use std::io::Write as _;
    use std::os::unix::process::ExitStatusExt as _;
    let store = Store::new();
    let (work, cache) = (store.path("work"), store.path("cache"));
    std::fs::create_dir(&work).unwrap();
    // All layers, and a file that never ends: when all of this is written, all but a pipe's fill is read.
    let mut image = docker_old(&sample());
    image.truncate(image.len() - 1_024);
    let mut header = tar::Header::new_gnu();
    header.set_path("endless").unwrap();
    header.set_size(1 << 30);
    header.set_cksum();
    image.extend_from_slice(header.as_bytes());
    image.resize(image.len() + (1 << 20), 0);
    for args in [&["index", "-", "-o", "out.index"][..], &["plan", "-", "-o", "out"], &["audit", "-", "-o", "a.json"]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_slimwright"));
        command.args(args).current_dir(&work).env("SLIMWRIGHT_CACHE_DIR", &cache);
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(&image).unwrap();
        // Not SIGINT: a shell that starts the tests in the background has it ignored, and so has every child.
        let killed = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert_eq!(child.wait().unwrap().signal(), Some(15), "{args:?}");
        assert_eq!(std::fs::read_dir(&work).unwrap().count(), 0, "{args:?}");
        assert!(!cache.exists());
    }
}

#[test]
fn why_answers_in_text_and_json_and_names_what_is_near() {
    let file = recorded(&service(""));
    let index = format!("index:{}", file.path().display());
    let (code, stdout, stderr) = run(&["why", &index, "NVIDIA_cublas.cu12", "-q"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("torch 2.1.1 → nvidia-cublas-cu12"), "{stdout}");
    assert!(stdout.lines().all(|line| line.chars().count() <= 80), "{stdout}");
    let (code, stdout, _) = run(&["why", &index, "torch", "-q", "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(code, 0);
    assert_eq!(answer["distributions"][0]["name"], "torch");
    let (code, stdout, stderr) = run(&["why", &index, "oldlib"]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("hint: layer 4 uninstalled it"), "{stderr}");
    assert!(run(&["why", &index, "easy-ocr"]).2.contains("did you mean"));
}

#[test]
fn the_user_says_what_was_asked_for() {
    let file = recorded(&service(""));
    let index = format!("index:{}", file.path().display());
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("more.list", "-r nested.txt\n-r more.list\n");
    write("nested.txt", "nvidia-cublas-cu12\n");
    let asked = |args: &[&str]| run_in(dir.path(), &[&["why", &index, "nvidia-cublas-cu12", "-q"], args].concat());
    assert!(asked(&["--requirements", "more.list"]).1.contains("nested.txt, line 1"));
    let (code, _, stderr) = asked(&["--project", "."]);
    assert_eq!(code, 2);
    assert!(stderr.contains("found none"), "{stderr}");
    write("pyproject.toml", "[project]\ndependencies = ['nvidia-cublas-cu12']\n");
    assert!(asked(&["--project", "."]).1.contains("pyproject.toml, line 2"));
    let (code, _, stderr) = asked(&["--requirements", "absent.txt"]);
    assert!(code == 2 && stderr.contains("absent.txt: cannot read"), "{stderr}");
}

#[test]
fn a_path_that_is_not_there_is_2_with_the_nearest_that_is() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("builds/nightly")).unwrap();
    std::fs::write(dir.path().join("builds/service.tar"), "").unwrap();
    for (target, near) in [
        ("builds/servcie.tar", Some("builds/service.tar")),
        ("docker-archive:builds/servce.tar", Some("builds/service.tar")),
        ("docker-archive:builds/servce.tar:team/app:1.4", Some("builds/service.tar")),
        ("oci:builds/nigthly:latest", Some("builds/nightly")),
        ("dir:build/nightly", Some("builds")),
        ("index:completely-different", None),
        ("context:no/such/folder", None),
    ] {
        for command in ["audit", "check"] {
            let limit = if command == "check" { &["--limit", "unpacked=1 GB"][..] } else { &[] };
            let (code, stdout, stderr) = run_in(dir.path(), &[&[command, target], limit].concat());
            assert_eq!((code, stdout.as_str()), (2, ""), "{target}: {stderr}");
            if let Some(near) = near {
                assert!(stderr.contains(&format!("hint: did you mean `{near}`?")), "{target}: {stderr}");
            }
        }
    }
}

#[test]
fn a_build_context_is_a_target_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("app")).unwrap();
    std::fs::write(dir.path().join("app/Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n").unwrap();
    let (code, stdout, stderr) = run_in(dir.path(), &["audit", "context:app"]);
    assert!(code == 0 && stdout.contains("app"), "{stderr}");
    assert_eq!(run_in(&dir.path().join("app"), &["audit", "context:"]).0, 0);
    // The base of a build is an image.
    let (code, _, stderr) = run_in(dir.path(), &["audit", "context:app", "--image", "x=context:app"]);
    assert!(code == 2 && stderr.contains("expected an image, found a build context"), "{stderr}");
    // What is for contexts alone, and what says it itself.
    assert_eq!(run_in(dir.path(), &["audit", "dir:app", "--python", "3.11"]).0, 2);
    assert_eq!(run_in(dir.path(), &["audit", "context:app", "--requirements", "x.txt"]).0, 2);
}

/// A folder to build from.
fn project() -> Store {
    let store = Store::new();
    store.write("Dockerfile", "FROM scratch\nCOPY app.py /app/\n");
    store.write("app.py", "print()\n");
    store
}

#[test]
fn a_folder_with_a_dockerfile_is_what_it_builds() {
    let store = project();
    let folder = store.path("");
    let (folder, file) = (folder.to_str().unwrap(), store.path("Dockerfile"));
    for target in [".", folder, file.to_str().unwrap(), "Dockerfile"] {
        let (code, stdout, stderr) = run_in(store.0.path(), &["audit", target]);
        assert_eq!(code, 0, "{target}: {stderr}");
        assert!(stdout.contains("a build context") && stdout.contains("predicted, not measured"), "{target}: {stdout}");
    }
    // What holds an image is one, whatever lies beside it.
    let layout = store.folder("layout", &oci(&sample(), Packing::Gzip));
    std::fs::write(layout.join("Dockerfile"), "FROM scratch\n").unwrap();
    let (code, stdout, _) = run_in(store.0.path(), &["layout"]);
    assert_eq!(code, 0);
    assert!(!stdout.contains("build context"), "{stdout}");
}

#[test]
fn labels_of_findings_are_names_of_rules() {
    let said = |args: &[&str]| {
        let (code, stdout, stderr) = run(args);
        assert_eq!(code, 0, "{stderr}");
        stdout
    };
    assert!(said(&["explain", "hidden"]).starts_with("deleted-bytes\n"));
    let caches = said(&["explain", "cache"]);
    assert!(caches.contains("pip-cache") && caches.contains("apt-lists-and-cache"), "{caches}");
    assert!(run(&["explain", "cach"]).2.contains("did you mean `cache`?"));
}

#[test]
fn a_plan_names_the_commands_that_follow_it() {
    let store = project();
    store.write("requirements.txt", "");
    let image = store.write("service.tar", docker_old(&sample()));
    let image = image.to_str().unwrap();
    let plan = |args: &[&str]| {
        let args = [&["plan"], args, &["-o", "slim", "--force", "--no-resolve", "--skip", "cache"]].concat();
        let (code, stdout, stderr) = run_in(store.0.path(), &args);
        assert_eq!(code, 0, "{stderr}");
        stdout
    };
    let text = plan(&[image, "--base", "debian:12"]);
    for command in [
        format!("docker load -i {image}"),
        "docker build -t example/app:slim slim".into(),
        "slimwright verify docker-daemon:example/app:1 docker-daemon:example/app:slim --plan slim".into(),
    ] {
        assert!(text.contains(&format!("\n  {command}\n")), "{command}: {text}");
        let report = std::fs::read_to_string(store.path("slim/REPORT.md")).unwrap();
        assert!(report.contains(&command), "{command}: {report}");
    }
    let text = plan(&["."]);
    assert!(text.contains("-f slim/Dockerfile .\n") && !text.contains("slimwright verify"), "{text}");
}
