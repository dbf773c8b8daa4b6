//! What somebody types who uses this for the first time: each mistake is answered by what was meant, before anything is
//! measured and without asking a registry.

use crate::tarballs::{Store, Tar, docker_old, gzip, sample};
use assert_cmd::Command;
use std::path::Path;

/// Exit code and stderr of a command line, in a folder, without an engine.
fn run(folder: &Path, args: &[&str]) -> (i32, String) {
    let mut command = Command::cargo_bin("slimwright").unwrap();
    command.env("DOCKER_HOST", "unix:///nowhere/engine.sock").env("SLIMWRIGHT_CACHE_DIR", folder.join(".cache"));
    let output = command.current_dir(folder).args(args).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn store() -> Store {
    let store = Store::new();
    store.write("proj/Dockerfile", "FROM scratch\nCOPY app.py /app/\n");
    store.write("proj/app.py", "print()\n");
    store.write("proj/requirements.txt", "six==1.16.0\n");
    store.write("proj/docker-compose.yml", "services: {web: {build: .}}\n");
    store.write("service.tar", docker_old(&sample()));
    store
}

/// Each of the command lines is a usage error whose answer has the words.
fn expect(store: &Store, rows: &[(&[&str], &str)]) {
    for (args, words) in rows {
        let (code, stderr) = run(store.0.path(), args);
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: expected {words}, found {stderr}");
        assert!(!stderr.contains("in a registry"), "{args:?}: {stderr}");
    }
}

#[test]
fn a_target_that_is_written_otherwise_is_told_as_it_should_be() {
    let store = store();
    expect(
        &store,
        &[
            (&["docker-deamon:app:1"], "did you mean `docker-daemon:app:1`?"),
            (&["docker:app:1"], "did you mean `docker-daemon:app:1` (an engine's image) or `docker://app:1`"),
            (&["docker//app:1"], "did you mean `docker://app:1`?"),
            (&["https://docker.io/library/python:3.11"], "did you mean `docker://docker.io/library/python:3.11`?"),
            (&["docker-daemon://app:1"], "did you mean `docker-daemon:app:1`?"),
            (&["My-Service:1.4"], "did you mean `my-service:1.4`?"),
            (&["indx:service.index"], "did you mean `index:service.index`?"),
            (&["proj/Dockerfil"], "did you mean `proj/Dockerfile`?"),
            (&["context:proj/Dockerfile"], "context:proj"),
            (&["servce.tar"], "did you mean `service.tar`?"),
        ],
    );
}

#[test]
fn a_word_that_is_nearly_a_file_goes_to_no_registry() {
    let store = store();
    expect(&store, &[(&["prj"], "did you mean `proj`? To read it from a registry write docker://prj")]);
    store.write("service-index", "");
    expect(&store, &[(&["servic-index"], "did you mean `service-index`?")]);
}

#[test]
fn files_that_hold_no_image_are_told_by_what_they_are() {
    let store = store();
    let expect = |rows: &[(&str, Vec<u8>, &str)]| {
        for (name, bytes, words) in rows {
            store.write(name, bytes);
            let (code, stderr) = run(store.0.path(), &["audit", &format!("./{name}")]);
            assert!(code == 3 && stderr.contains(words), "{name}: {code} {stderr}");
        }
    };
    let root = Tar::new().file("etc/passwd", b"root:x:0:0").file("usr/bin/env", b"").finish();
    expect(&[
        ("a.zip", b"PK\x03\x04rest".to_vec(), "found a zip archive"),
        ("empty.tar", Vec::new(), "found no file in it"),
        ("nothing.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0".to_vec(), "found no file in it"),
        ("repo.bundle", b"# v2 git bundle\nabc".to_vec(), "found a git bundle"),
        ("noise.tar", vec![7; 4096], "found a file that is no tar"),
        ("noise.tar.gz", gzip(&[7; 4096], 1 << 20), "found a file that is no tar"),
        ("image.tar.xz", b"\xfd7zXZ\0\0rest".to_vec(), "unxz -k"),
        ("notes.md", b"# Notes\n".to_vec(), "found a text file"),
        ("exported.tar", root.clone(), "use `docker save NAME"),
        ("exported.tar.gz", gzip(&root, 1 << 20), "use `docker save NAME"),
    ]);
}

#[test]
fn files_that_a_build_or_another_command_reads_lead_there() {
    let store = store();
    std::fs::create_dir(store.path("empty")).unwrap();
    expect(
        &store,
        &[
            (&["proj/docker-compose.yml"], "`slimwright compose proj/docker-compose.yml` reads it"),
            (&["proj/requirements.txt"], "slimwright proj"),
            (&["audit", "proj/app.py"], "slimwright proj"),
            (&["empty"], "found an empty folder"),
            (&["compose", "proj/docker-compos.yml"], "did you mean `proj/docker-compose.yml`?"),
        ],
    );
}

#[test]
fn a_command_that_is_cut_short_is_answered_with_the_whole_one() {
    let store = store();
    expect(
        &store,
        &[
            (&["plan", "service.tar"], "for example: slimwright plan service.tar -o slim/"),
            (&["plan", "service.tar", "slim"], "write `-o slim`"),
            (&["index", "service.tar"], "for example: slimwright index service.tar -o service.index"),
            (&["apply", "service.tar"], "for example: slimwright apply service.tar -o oci:slim/"),
            (&["apply", "service.tar", "-o", "slim"], "did you mean `oci:slim`?"),
            (&["apply", "service.tar", "-o", "slim.tar"], "did you mean `docker-archive:slim.tar`"),
            (&["why", "service.tar"], "for example: slimwright why service.tar torch"),
            (&["diff", "service.tar"], "for example: slimwright diff service.tar my-service:slim"),
            (&["audit"], "for example: slimwright audit my-service:1.4"),
            (&["check", "service.tar"], "slimwright check service.tar --init"),
            (&["why", "numpy", "service.tar"], "the image comes first: slimwright why service.tar numpy"),
            (&["why", "numpy", "docker-daemon:app:1"], "slimwright why docker-daemon:app:1 numpy"),
            (&["audit", "service.tar", "other.tar"], "slimwright diff BEFORE AFTER"),
        ],
    );
}

#[test]
fn words_of_other_tools_lead_to_the_command() {
    let store = store();
    expect(
        &store,
        &[
            (&["scan", "service.tar"], "`slimwright audit` does that"),
            (&["optimize", "service.tar"], "`slimwright plan` does that"),
            (&["version"], "`slimwright --version` does that"),
            (&["pln", "service.tar"], "'plan'"),
        ],
    );
    // An image may have such a name.
    let (code, stderr) = run(store.0.path(), &["service.tar", "--quiet"]);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn options_that_are_for_others_are_named() {
    let store = store();
    expect(
        &store,
        &[
            (
                &["audit", "service.tar", "--build-arg", "A=1"],
                "--build-arg is for build contexts, and service.tar is none",
            ),
            (&["audit", "context:proj", "--file", "Dockerfil"], "did you mean `--file proj/Dockerfile`?"),
            (&["audit", "context:proj", "--file", "Dockerfile"], "did you mean `--file proj/Dockerfile`?"),
        ],
    );
}

#[test]
fn rules_are_explained_however_they_are_spelt() {
    let folder = tempfile::tempdir().unwrap();
    let explain = |name: &str| {
        let mut command = Command::cargo_bin("slimwright").unwrap();
        let output = command.current_dir(folder.path()).args(["explain", name]).output().unwrap();
        assert!(output.status.success(), "{name}");
        output.stdout
    };
    assert_eq!(explain("Hidden"), explain("deleted-bytes"));
    assert_eq!(explain("DELETED-BYTES"), explain("deleted-bytes"));
}

#[test]
fn an_engine_that_does_not_answer_is_part_of_the_hint() {
    let store = store();
    let (code, stderr) = run(store.0.path(), &["audit", "localhost:9/app:1"]);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("hint: start the engine"), "{stderr}");
}
