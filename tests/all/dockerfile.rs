//! The user's own Dockerfile: how it is read, and which edits carry a plan out. The gallery's diffs are golden files
//! in `testdata/golden/dockerfile`; each diff is applied by `patch` and by `git apply`, and gives the edited file.

use crate::fixture::{cases, image, recorded};
use crate::golden;
use proptest::prelude::*;
use slimwright::base::{Basis, ByteSize, Size, Unit};
use slimwright::dockerfile::{Dockerfile, DockerfileError, Form, Kind};
use slimwright::emit::edit::{EditOptions, Edits, apply, edit};
use slimwright::image::{Config, HistoryRow};
use slimwright::plan::{
    Action, BaseImage, CopyItem, Dropped, OverriddenEdge, Pin, Plan, SystemPackage, TargetEnvironment, Why,
};
use slimwright::python::EnvironmentKind;
use slimwright::rules::{Rule, Tier};
use std::path::Path;
use std::process::Command;

pub fn pin(name: &str, version: &str, instead_of: Option<&str>, index: Option<&str>) -> Pin {
    Pin {
        availability: None,
        built_here: false,
        name: name.into(),
        version: version.into(),
        index: index.map(str::to_owned),
        url: None,
        why: Why::RequiredBy(vec!["others".into()]),
        instead_of: instead_of.map(str::to_owned),
        size: Size { bytes: ByteSize(1), unit: Unit::Unpacked, basis: Basis::Predicted },
    }
}

pub fn dropped(name: &str, why: Why, rule: &str) -> Dropped {
    Dropped { name: name.into(), version: "1".into(), bytes: 1, why, rule: rule.into() }
}

pub fn action(rule: &str) -> Action {
    Action {
        rule: rule.into(),
        tier: Tier::Auto,
        title: format!("what {rule} does"),
        removed: 2_000_000,
        added: 0,
        evidence: Vec::new(),
    }
}

/// A plan that changes nothing.
pub fn quiet() -> Plan {
    Plan {
        conda: Vec::new(),
        build_system: Vec::new(),
        uv_project: None,
        original: "example/service:1".into(),
        config: Config::default(),
        base: BaseImage {
            name: "python:3.11-slim".into(),
            how: "named".into(),
            layers: 1,
            is_told: true,
            has_shell: true,
            is_assumed: false,
            other: None,
        },
        environment: Some(TargetEnvironment {
            prefix: "usr/local".into(),
            site_dir: "usr/local/lib/python3.11/site-packages".into(),
            kind: EnvironmentKind::System,
            interpreter: None,
            python: "3.11".into(),
            uid: 0,
            gid: 0,
            others: (0, 0),
            bytecode: true,
        }),
        roots: Vec::new(),
        pins: vec![pin("Flask", "3.0.0", None, None), pin("numpy", "1.26.4", None, None)],
        dropped: Vec::new(),
        overridden: Vec::new(),
        unsatisfied_before: Vec::new(),
        system: Vec::new(),
        rpm_program: None,
        dropped_system: Vec::new(),
        carried: Vec::new(),
        pure_projects: false,
        unlisted: Vec::new(),
        package_cache: false,
        hidden: Vec::new(),
        copies: Vec::new(),
        links: Vec::new(),
        folders: Vec::new(),
        picked: None,
        trims: Vec::new(),
        smoke_modules: Vec::new(),
        modules_before: Vec::new(),
        actions: Vec::new(),
        skipped: Vec::new(),
        notes: Vec::new(),
        predicted: crate::fixture::image(""),
        ledger: None,
    }
}

/// One OpenCV distribution instead of another, which somebody requires: an override.
pub fn swap() -> Plan {
    let mut plan = quiet();
    plan.pins.push(pin("opencv-python-headless", "4.8.1.78", Some("opencv-python 4.8.1.78"), None));
    plan.overridden.push(OverriddenEdge {
        distribution: "imutils".into(),
        version: "1".into(),
        requirement: "opencv-python".into(),
        name: "opencv-python".into(),
        why: Why::ReplacedBy("opencv-python-headless".into()),
    });
    plan.actions.push(action("opencv-duplicates"));
    plan
}

/// The same without anybody who requires the old name, and with one distribution less.
fn rename() -> Plan {
    let mut plan = swap();
    plan.overridden.clear();
    plan.dropped.push(dropped("pytest", Why::Development, "development-tools"));
    plan.dropped.push(dropped("pluggy", Why::OnlyNeededBy(vec!["pytest".into()]), "development-tools"));
    plan
}

/// CPU builds from an index of their own.
pub fn cpu() -> Plan {
    let mut plan = quiet();
    let index = Some("https://download.pytorch.org/whl/cpu");
    plan.pins.push(pin("torch", "2.1.1", Some("torch 2.1.1+cu121"), index));
    plan.dropped.push(dropped("nvidia-cublas-cu12", Why::CompanyOf("torch".into()), "torch-cuda"));
    plan.actions.push(action("torch-cuda"));
    plan
}

/// Build tools go, a runtime library comes.
pub fn tools() -> Plan {
    let mut plan = quiet();
    plan.dropped_system = vec![
        dropped("build-essential", Why::BuildOnly, "compilers"),
        dropped("gcc", Why::BuildOnly, "compilers"),
        dropped("g++", Why::BuildOnly, "compilers"),
        dropped("libpq-dev", Why::BuildOnly, "compilers"),
        dropped("perl", Why::NothingNeeds, "unused-packages"),
    ];
    plan.system = vec![SystemPackage {
        name: "libpq5".into(),
        why: Why::RuntimeOf("libpq-dev".into()),
        asked_for: false,
        bytes: 1,
    }];
    plan.actions.push(action("compilers"));
    plan
}

fn owned() -> Plan {
    let mut plan = quiet();
    plan.copies = vec![CopyItem { path: "app".into(), directory: true, uid: 1001, gid: 1001, bytes: 1 }];
    plan.actions.push(action("rewritten-bytes"));
    plan
}

fn rules() -> Vec<Rule> {
    slimwright::rules::load(None).unwrap()
}

pub fn edited(plan: &Plan, text: &str) -> Edits {
    edited_with(plan, text, &EditOptions::default())
}

fn edited_with(plan: &Plan, text: &str, options: &EditOptions) -> Edits {
    let file = Dockerfile::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let edits = edit(plan, &rules(), &file, options).unwrap();
    check(text, &edits);
    edits
}

/// What holds of every edit of every file.
fn check(text: &str, edits: &Edits) {
    assert_eq!(apply(text, &edits.edits), edits.text);
    assert_eq!(edits.edits.is_empty(), edits.diff.is_empty(), "{}", edits.diff);
    assert!(!edits.notes.iter().any(|note| note.starts_with("no edit was made")), "{:?}", edits.notes);
    let again = Dockerfile::parse(&edits.text).unwrap();
    assert_eq!(tiled(&again), edits.text);
    for edit in &edits.edits {
        assert!(!edit.reason.is_empty() && !edit.rule.is_empty());
    }
    for hunk in edits.diff.lines().filter(|line| line.starts_with("@@ ")) {
        let reason = hunk.splitn(3, "@@").nth(2).unwrap_or_default();
        assert!(reason.trim().len() > 5, "a hunk without a reason: {hunk}\n{}", edits.diff);
    }
    // What is neither in an edit nor beside one is as it was.
    let kept: usize = text.len() - edits.edits.iter().map(|edit| edit.span.len()).sum::<usize>();
    let put: usize = edits.edits.iter().map(|edit| edit.replacement.len()).sum();
    assert_eq!(kept + put, edits.text.len());
}

fn tiled(file: &Dockerfile<'_>) -> String {
    file.pieces().into_iter().map(|piece| &file.text[piece]).collect()
}

/// Applies the diff with a tool, in a folder of its own.
fn applied(text: &str, edits: &Edits, tool: &[&str]) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(&edits.path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    std::fs::write(dir.path().join("x.diff"), &edits.diff).unwrap();
    let output = Command::new(tool[0]).args(&tool[1..]).current_dir(dir.path()).output();
    let output = match output {
        Ok(output) => output,
        Err(_) => {
            eprintln!("skipped: {} is not installed", tool[0]);
            return None;
        }
    };
    assert!(output.status.success(), "{tool:?}: {}\n{}", String::from_utf8_lossy(&output.stderr), edits.diff);
    Some(std::fs::read_to_string(file).unwrap())
}

fn check_tools(text: &str, edits: &Edits) {
    if edits.edits.is_empty() {
        return;
    }
    for tool in [&["patch", "-p1", "--fuzz=0", "-i", "x.diff"][..], &["git", "apply", "x.diff"]] {
        if let Some(found) = applied(text, edits, tool) {
            assert_eq!(found, edits.text, "{tool:?}\n{}", edits.diff);
        }
    }
}

/// A Dockerfile of the gallery: its name, the plan, the text.
type Case = (&'static str, fn() -> Plan, &'static str);

const GALLERY: &[Case] = &[
    (
        "nothing-to-do",
        quiet,
        "FROM python:3.11-slim\nCOPY . .\nRUN pip install --no-cache-dir flask\nCMD [\"flask\"]\n",
    ),
    (
        "requirements-copied",
        swap,
        "FROM python:3.11-slim\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n",
    ),
    (
        "requirements-of-the-whole-context",
        swap,
        "FROM python:3.11-slim\nCOPY . /srv\nWORKDIR /srv\nRUN pip install --no-cache-dir -r requirements.txt\n",
    ),
    (
        "cpu-index",
        cpu,
        "FROM python:3.11-slim\nWORKDIR /app\nCOPY requirements.txt .\n# the large ones\nRUN pip install --no-cache-dir -r requirements.txt --extra-index-url https://download.pytorch.org/whl/cu121\n",
    ),
    (
        "other-file-name",
        cpu,
        "FROM python:3.11-slim\nWORKDIR /app\nCOPY requirements/prod.txt /tmp/prod.txt\nRUN set -eux \\\n    && python3 -m pip install --no-cache-dir --upgrade pip \\\n    && python3 -m pip install --no-cache-dir -r /tmp/prod.txt -c constraints.txt \\\n    && rm /tmp/prod.txt\n",
    ),
    (
        "inline-small",
        rename,
        "FROM python:3.11-slim\nRUN pip install --no-cache-dir flask \"opencv-python==4.8.1.78\" \\\n    # for the tests\n    pytest \\\n    numpy\n",
    ),
    (
        "inline-with-override",
        swap,
        "FROM python:3.11-slim\nWORKDIR /app\nRUN pip install --no-cache-dir flask opencv-python==4.8.1.78\nRUN pip install --no-cache-dir imutils\n",
    ),
    (
        "uninstall-later",
        quiet,
        "FROM python:3.11-slim\nRUN pip install --no-cache-dir flask pytest\nCOPY . .\n\nRUN pip uninstall -y pytest\n\nCMD [\"flask\"]\n",
    ),
    (
        "uninstall-in-a-list",
        swap,
        "FROM python:3.11-slim\nCOPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\nRUN useradd app && \\\n    pip uninstall -y opencv-python && \\\n    mkdir /data\n",
    ),
    (
        "installs-in-several-layers",
        swap,
        "FROM python:3.11-slim\nWORKDIR /app\nRUN pip install --upgrade pip\nCOPY requirements.txt .\nRUN pip install xgboost==1 numpy\nRUN pip install -r requirements.txt\nRUN pip install -e .\n",
    ),
    (
        "bind-mount",
        cpu,
        "# syntax=docker/dockerfile:1\nFROM python:3.11-slim\nRUN --mount=type=cache,target=/root/.cache/pip \\\n    --mount=type=bind,source=requirements.txt,target=/tmp/requirements.txt \\\n    pip install -r /tmp/requirements.txt\n",
    ),
    (
        "exec-form",
        cpu,
        "FROM python:3.11-slim\nCOPY requirements.txt ./\nRUN [\"pip\", \"install\", \"--no-cache-dir\", \"-r\", \"requirements.txt\"]\n",
    ),
    (
        "here-document",
        cpu,
        "FROM python:3.11-slim\nCOPY requirements.txt ./\nRUN <<EOF\nset -e\napt-get update\napt-get install -y libgl1\npip install -r requirements.txt\nEOF\n",
    ),
    (
        "uv",
        cpu,
        "FROM python:3.11-slim\nCOPY --from=ghcr.io/astral-sh/uv /uv /bin/uv\nCOPY requirements.txt ./\nRUN uv pip install --system -r requirements.txt\n",
    ),
    (
        "uv-sync-of-a-file",
        cpu,
        "FROM python:3.11-slim\nCOPY requirements.txt ./\nRUN uv pip sync --system requirements.txt\n",
    ),
    (
        "poetry",
        swap,
        "FROM python:3.11-slim\nCOPY pyproject.toml poetry.lock ./\nRUN pip install --no-cache-dir poetry && poetry install --only main\n",
    ),
    (
        "wheels-from-a-stage",
        swap,
        "FROM python:3.11 AS wheels\nCOPY requirements.txt .\nRUN pip wheel -w /wheels -r requirements.txt\n\nFROM python:3.11-slim\nCOPY --from=wheels /wheels /wheels\nRUN pip install --no-cache-dir /wheels/*\n",
    ),
    (
        "venv-from-a-stage",
        || Plan {
            environment: quiet().environment.map(|e| TargetEnvironment {
                prefix: "opt/venv".into(),
                kind: EnvironmentKind::Virtual,
                ..e
            }),
            ..swap()
        },
        "FROM python:3.11 AS build\nRUN apt-get update && apt-get install -y gcc\nRUN python -m venv /opt/venv\nCOPY requirements.txt .\nRUN /opt/venv/bin/pip install -r requirements.txt\n\nFROM node:20 AS web\nRUN pip install x && pip uninstall -y x\n\nFROM python:3.11-slim\nCOPY --from=build /opt/venv /opt/venv\n",
    ),
    (
        "stage-that-is-not-reached",
        tools,
        "FROM debian:12 AS test\nRUN apt-get update && apt-get install -y gcc\nFROM python:3.11-slim\nRUN true\n",
    ),
    (
        "apt-list",
        tools,
        "FROM python:3.11-slim\nRUN apt-get update && apt-get install -y \\\n    # to build psycopg\n    build-essential \\\n    gcc g++ curl \\\n    # images\n    libgl1 \\\n    libpq-dev\n",
    ),
    (
        "apt-all-goes",
        || Plan { system: Vec::new(), ..tools() },
        "FROM python:3.11-slim\n\n# compilers\nRUN apt-get update && apt-get install -y --no-install-recommends gcc g++ && rm -rf /var/lib/apt/lists/*\n\nCOPY . .\n",
    ),
    (
        "apt-update-alone",
        quiet,
        "FROM python:3.11-slim\nRUN apt-get update\nRUN apt-get install -y libgl1\nRUN apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n",
    ),
    (
        "apt-cleaned-later",
        quiet,
        "FROM python:3.11-slim\nRUN apt-get update && \\\n    apt-get install -y libgl1\nRUN echo hi && apt-get clean && rm -rf /var/lib/apt/lists/*\nRUN apt-get clean\n",
    ),
    (
        "apt-with-a-cache-of-its-own",
        || Plan {
            actions: vec![Action { title: "leave behind /var/cache/apt".into(), ..action("apt-lists-and-cache") }],
            package_cache: true,
            ..quiet()
        },
        "FROM debian:12\nRUN apt-get update && apt-get install -y python3 && rm -rf /var/lib/apt/lists/*\n",
    ),
    (
        "apt-cache-mount",
        quiet,
        "FROM python:3.11-slim\nRUN --mount=type=cache,target=/var/cache/apt --mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y libgl1\n",
    ),
    (
        "apt-needed-to-compile",
        || Plan { pins: vec![Pin { built_here: true, ..pin("psycopg2", "2.9.9", None, None) }], ..tools() },
        "FROM python:3.11-slim\nRUN apt-get update && apt-get install -y gcc libpq-dev curl && rm -rf /var/lib/apt/lists/*\nRUN pip install --no-cache-dir psycopg2\n",
    ),
    (
        "alpine",
        || Plan { system: Vec::new(), ..tools() },
        "FROM python:3.11-alpine\nRUN apk update && apk add gcc libstdc++\nRUN pip install --no-cache-dir flask\n",
    ),
    (
        "chown",
        owned,
        "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN useradd --uid 1001 app\nRUN chown -R app:app /app\nUSER app\n",
    ),
    (
        "chown-of-an-account-of-the-base",
        owned,
        "FROM python:3.11-slim\nCOPY src /app/src\nCOPY main.py /app/\nRUN chown -R www-data:www-data /app && chmod -R 755 /app\n",
    ),
    (
        "chown-of-a-linked-copy",
        owned,
        "FROM python:3.11-slim\nWORKDIR /app\nCOPY --link . .\nRUN chown -R www-data /app\n",
    ),
    (
        "wheels-by-a-list",
        cpu,
        "FROM python:3.11 AS wheels\nCOPY requirements.txt .\nRUN pip wheel --no-cache-dir -w /wheels -r requirements.txt\nFROM python:3.11-slim\nWORKDIR /app\nCOPY --from=wheels /wheels /wheels\nCOPY requirements.txt .\nRUN pip install --no-cache-dir --no-index --find-links=/wheels -r requirements.txt\n",
    ),
    (
        "chown-that-is-not-clear",
        owned,
        "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN python manage.py collectstatic\nRUN chown -R www-data /app\nRUN chmod -R a+rX /app\n",
    ),
    (
        "rm-of-a-neighbour",
        || Plan { hidden: vec![("opt/a/tests/x.py".into(), 2_000_000)], ..quiet() },
        "FROM python:3.11-slim\nRUN curl -o /tmp/model.tgz https://example.org/m && tar -C /opt -xf /tmp/model.tgz\nRUN rm -rf /tmp/model.tgz\nCOPY a /opt/a\nRUN rm -rf /opt/a/tests\n",
    ),
    (
        "lower-case-and-backticks",
        cpu,
        "# escape=`\nfrom python:3.11-slim as final\nworkdir /app\nrun pip install `\n    torch==2.1.1 `\n    numpy\n",
    ),
    (
        "windows-line-ends",
        cpu,
        "FROM python:3.11-slim\r\nWORKDIR /app\r\nRUN apt-get update && \\\r\n    apt-get install -y libgl1\r\nRUN pip install torch\r\n",
    ),
    ("no-line-end", swap, "FROM python:3.11-slim\nCOPY requirements.txt .\nRUN pip install -r requirements.txt"),
    (
        "variables",
        cpu,
        "ARG VERSION=3.11\nFROM python:${VERSION}-slim\nARG TOKEN=secret\nENV HOME_DIR=/srv/app PIP_NO_CACHE_DIR=1 PIP_EXTRA_INDEX_URL=https://example.org/simple\nWORKDIR $HOME_DIR\nCOPY requirements*.txt ${HOME_DIR}/\nRUN pip install -r requirements.txt && pip install ${EXTRA_PACKAGES}\n",
    ),
    (
        "compound-command",
        swap,
        "FROM python:3.11-slim\nCOPY requirements.txt .\nRUN if [ -f requirements.txt ]; then pip install -r requirements.txt; fi\n",
    ),
    (
        "not-this-file",
        || Plan {
            config: Config {
                history: vec![HistoryRow {
                    created_by: "RUN /bin/sh -c make # buildkit".into(),
                    ..HistoryRow::default()
                }],
                ..Config::default()
            },
            ..quiet()
        },
        "FROM python:3.11-slim\nRUN pip install --no-cache-dir flask\n",
    ),
];

#[test]
fn the_gallery_is_edited_as_the_golden_files_have_it() {
    for (name, plan, text) in GALLERY {
        let edits = edited(&plan(), text);
        check_tools(text, &edits);
        let notes: String = edits.notes.iter().map(|note| format!("note: {note}\n")).collect();
        golden::check(&format!("dockerfile/{name}.txt"), &format!("{text}=====\n{}=====\n{notes}", edits.diff));
    }
}

#[test]
fn an_edit_of_an_edited_file_finds_nothing_more_to_remove() {
    // Lists, caches and owners are as they should be after one pass.
    for (name, _, text) in GALLERY {
        let first = edited(&quiet(), text);
        let second = edited(&quiet(), &first.text);
        let again: Vec<&str> = second.edits.iter().map(|edit| edit.rule.as_str()).collect();
        assert!(second.edits.is_empty(), "{name}: {again:?}\n{}", second.diff);
    }
}

#[test]
fn instructions_are_read_as_builders_read_them() {
    let text = "# escape=`\nFROM a AS b\nRUN --mount=type=cache,target=/x echo `\n # why\n\n  one && two\nCOPY <<A <<B /d/\nx\nA\nRUN not me\nB\n\
                RUN python3 - <<'E' > /x\nimport os\nE\nONBUILD RUN <<E\nFROM x\nE\nCMD x\n";
    let file = Dockerfile::parse(text).unwrap();
    assert_eq!(tiled(&file), text);
    assert_eq!(file.instructions.len(), 6);
    let Kind::Run(run) = &file.instructions[1].kind else { panic!() };
    let words = |command: usize| -> Vec<&str> {
        run.commands[command].words.iter().map(|&word| run.tokens[word].text.as_str()).collect()
    };
    assert_eq!((run.form, words(0), words(1)), (Form::Shell, vec!["echo", "one"], vec!["two"]));
    assert_eq!(file.instructions[1].flags[0].value, "type=cache,target=/x");
    let Kind::Run(run) = &file.instructions[3].kind else { panic!() };
    assert_eq!(run.form, Form::Input);
}

/// The simple commands of the first `RUN`, each as its words between spaces.
fn commands(text: &str) -> Vec<String> {
    let file = Dockerfile::parse(text).unwrap();
    let run = file.instructions.iter().find_map(|instruction| match &instruction.kind {
        Kind::Run(run) => Some(run),
        _ => None,
    });
    let run = run.unwrap();
    for token in &run.tokens {
        assert!(!text[token.span.clone()].is_empty(), "{text}");
    }
    let shown = |command: &slimwright::dockerfile::Command| {
        let words: Vec<&str> = command.words.iter().map(|&word| run.tokens[word].text.as_str()).collect();
        words.join(" ")
    };
    run.commands.iter().map(shown).filter(|words| !words.is_empty()).collect()
}

#[test]
fn edits_and_the_simulation_read_one_grammar() {
    for (text, expected) in [
        // What a loop goes over, or a case compares, is no program.
        ("RUN for name in gcc make; do echo $name; done", &["echo $name"][..]),
        ("RUN case $X in a|b) ls ;; *) pwd ;; esac", &["ls", "pwd"]),
        ("RUN [[ -f /a && -d /b ]] && ls", &["[[ -f /a && -d /b ]]", "ls"]),
        ("RUN f() { ls; }; f", &["ls", "f"]),
        // A document is no command.
        ("RUN <<EOF\ncat > /x <<'END'\nmake install\nEND\nls\nEOF", &["cat", "ls"]),
        ("RUN a \\\n  # b\n  'c d' \\\n && e$(f g)\"h\" > /i 2>&1", &["a c d", "e$(f g)h"]),
        ("RUN X=1 Y=(a b) pip install -r \"$X\"", &["X=1 Y=(a b) pip install -r $X"]),
    ] {
        assert_eq!(commands(&format!("FROM a\n{text}\n")), expected, "{text}");
    }
}

#[test]
fn an_edit_reads_options_as_the_simulation_does() {
    let cut = |text: &str| edited(&quiet(), text).text;
    // A cache that is named before the verb, by letters, or by the beginning of a name is named.
    for line in [
        "pip --no-cache-dir install flask",
        "pip install --no-cac flask",
        "uv --no-cache pip install flask",
        "uv pip install -qn flask",
        "pip install --cache-dir /c flask",
    ] {
        let text = format!("FROM a\nRUN {line}\n");
        assert_eq!(cut(&text), text, "{line}");
    }
    assert_eq!(cut("FROM a\nRUN pip install -qr r.txt\n"), "FROM a\nRUN pip install --no-cache-dir -qr r.txt\n");
    // Where its words end nobody knows.
    let text = "FROM a\nRUN pip install --nobody-knows x flask && apt-get install -y --nobody gcc\n";
    assert_eq!(edited(&tools(), text).text, text);
}

#[test]
fn what_the_shells_grammar_does_not_explain_is_left_alone() {
    let text = "FROM python:3.11-slim\nRUN apt-get update && apt-get install -y gcc && (\nRUN pip install flask\n";
    let edits = edited(&tools(), text);
    assert!(edits.text.contains("apt-get install -y gcc && (\n"), "{}", edits.text);
}

#[test]
fn a_byte_order_mark_shifts_nothing() {
    let text = "\u{feff}FROM a\nRUN pip install flask\n";
    let edits = edited(&quiet(), text);
    assert_eq!(edits.text, "\u{feff}FROM a\nRUN pip install --no-cache-dir flask\n");
}

#[test]
fn what_cannot_be_read_is_said_with_its_line() {
    let failure = |text: &str| Dockerfile::parse(text).map(|_| ()).unwrap_err();
    match failure("FROM a\n\nRUNN x\n") {
        DockerfileError::Syntax { line, message, found } => {
            assert_eq!((line, found.as_str()), (3, "RUNN x"));
            assert!(message.contains("RUNN"), "{message}");
        }
        other => panic!("{other}"),
    }
    assert!(matches!(failure("RUN x\n"), DockerfileError::Syntax { line: 1, .. }));
    assert!(matches!(failure(""), DockerfileError::Syntax { .. }));
    assert!(matches!(failure("FROM a\nRUN <<E\nx\n"), DockerfileError::Syntax { .. }));
    assert_eq!(Dockerfile::text(b"FROM a\n\xff"), Err(DockerfileError::NotText(2)));
    let large = vec![b'#'; slimwright::dockerfile::MAX_BYTES + 1];
    assert!(matches!(Dockerfile::text(&large), Err(DockerfileError::TooLarge(_))));
}

#[test]
fn a_stage_is_chosen_by_name_or_number() {
    let text = "FROM a AS api\nRUN pip install flask\nFROM a AS worker\nRUN pip install celery\n";
    let stage = |name: &str| EditOptions { target_stage: Some(name.into()), ..EditOptions::default() };
    for name in ["api", "0", "API"] {
        let edits = edited_with(&quiet(), text, &stage(name));
        assert_eq!(edits.edits.iter().map(|edit| edit.line).collect::<Vec<_>>(), [2], "{name}");
    }
    assert_eq!(edited(&quiet(), text).edits[0].line, 4);
    let file = Dockerfile::parse(text).unwrap();
    let error = edit(&quiet(), &rules(), &file, &stage("web")).unwrap_err();
    assert_eq!(error.to_string(), "no stage is called `web`; the file has: api, worker");
}

#[test]
fn a_rule_that_is_skipped_edits_nothing() {
    let text = "FROM a\nWORKDIR /app\nRUN apt-get update && apt-get install -y libgl1\nRUN pip install flask numpy\nCOPY . .\n\
                RUN pip uninstall -y flask\nRUN chown -R www-data /app\n";
    let all = ["pip-cache", "apt-lists-and-cache", "deleted-bytes", "rewritten-bytes"];
    let edits = edited(&owned(), text);
    for rule in all {
        assert!(edits.edits.iter().any(|edit| edit.rule == rule), "{rule}: {}", edits.diff);
        let options = EditOptions { skip: vec![rule.into()], ..EditOptions::default() };
        let edits = edited_with(&quiet(), text, &options);
        assert!(edits.edits.iter().all(|edit| edit.rule != rule), "{rule}: {}", edits.diff);
    }
    let options = EditOptions { skip: all.map(str::to_owned).to_vec(), ..EditOptions::default() };
    assert!(edited_with(&quiet(), text, &options).edits.is_empty());
}

#[test]
fn a_file_in_a_folder_is_patched_there() {
    let text = "FROM a\nRUN pip install flask\n";
    let options = EditOptions { path: "docker/api.Dockerfile".into(), ..EditOptions::default() };
    let edits = edited_with(&quiet(), text, &options);
    assert!(edits.diff.contains("--- a/docker/api.Dockerfile\n+++ b/docker/api.Dockerfile\n"));
    check_tools(text, &edits);
}

#[test]
fn the_command_line_writes_the_edited_file_and_its_diff() {
    let dir = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let small = recorded(&image("layer\nf a 1"));
    let run = |image: &Path, dockerfile: &Path, out: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_slimwright"))
            .args(["plan", &format!("index:{}", image.display()), "--no-cache", "-q", "-o"])
            .arg(dir.path().join(out))
            .arg("--dockerfile")
            .arg(dockerfile)
            .current_dir(root)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let own = root.join("scripts/lab/flagship/Dockerfile");
    let (code, stdout, stderr) = run(Path::new("testdata/flagship.index"), &own, "slim");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("Dockerfile: ") && stdout.contains(" edits"), "{stdout}");
    let read = |name: &str| std::fs::read_to_string(dir.path().join("slim").join(name)).unwrap();
    let diff = read("Dockerfile.diff");
    let edits = Edits {
        path: "Dockerfile".into(),
        edits: Vec::new(),
        notes: Vec::new(),
        files: Default::default(),
        change_installs: false,
        text: read("Dockerfile"),
        diff,
    };
    let text = std::fs::read_to_string(&own).unwrap();
    if let Some(found) = applied(&text, &edits, &["patch", "-p1", "--fuzz=0", "-i", "x.diff"]) {
        assert_eq!(found, edits.text);
    }
    golden::check("dockerfile/flagship.diff", &edits.diff);
    assert!(read("REPORT.md").contains("## Edits of Dockerfile"));
    let bad = dir.path().join("bad");
    std::fs::write(&bad, "FROM a\nNOPE\n").unwrap();
    let (code, _, stderr) = run(small.path(), &bad, "bad-out");
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("bad, line 2: ") && stderr.contains("found: NOPE") && stderr.contains("hint: "),
        "{stderr}"
    );
    assert!(!dir.path().join("bad-out").exists());
    assert_eq!(run(small.path(), &dir.path().join("absent"), "x").0, Some(2));
}

/// What hadolint says of a Dockerfile: its codes. `None` where it is not installed.
pub fn hadolint(text: &str) -> Option<std::collections::BTreeSet<String>> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("Dockerfile");
    std::fs::write(&file, text).unwrap();
    let output = match Command::new("hadolint").args(["--format", "json", "--no-fail"]).arg(&file).output() {
        Ok(output) => output,
        Err(error) => {
            assert!(std::env::var_os("SLIMWRIGHT_TEST_HADOLINT").is_none(), "hadolint: {error}");
            eprintln!("skipped: hadolint is not installed (scripts/test installs it)");
            return None;
        }
    };
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    });
    let rows = rows.as_array().unwrap().iter();
    Some(rows.map(|row| row["code"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn hadolint_has_nothing_to_say_of_the_emitted_dockerfile() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden/small/Dockerfile");
    let text = std::fs::read_to_string(golden).unwrap();
    if let Some(codes) = hadolint(&text) {
        assert!(codes.is_empty(), "{codes:?}");
    }
}

#[test]
fn hadolint_has_nothing_more_to_say_of_an_edited_file_than_of_the_users() {
    for (name, plan, text) in GALLERY {
        let edits = edited(&plan(), text);
        let (Some(before), Some(after)) = (hadolint(text), hadolint(&edits.text)) else { return };
        // In exec form nothing joins two commands, so that two RUNs follow each other (DL3059).
        let new: Vec<&String> = after.difference(&before).filter(|code| *code != "DL3059").collect();
        assert!(new.is_empty(), "{name}: {new:?}\n{}", edits.text);
    }
}

/// Text that looks like a Dockerfile.
fn dockerfile_text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("FROM a AS b".to_owned()),
        Just("RUN apt-get update && apt-get install -y gcc \\\n  # x\n  g++ curl".to_owned()),
        Just("RUN pip install -r requirements.txt torch opencv-python pytest".to_owned()),
        Just("RUN pip uninstall -y pytest; rm -rf /var/lib/apt/lists/*".to_owned()),
        Just("RUN <<E\napt-get install gcc\npip install x\nE".to_owned()),
        Just("RUN [\"pip\", \"install\", \"opencv-python\", \"pytest\"]".to_owned()),
        Just("COPY . /app".to_owned()),
        Just("RUN chown -R 1:1 /app && rm -rf /app/x".to_owned()),
        Just("# comment".to_owned()),
        Just("".to_owned()),
        "(RUN|COPY|ENV|ARG|run) [a-z$\"'&|;<>(){}\\\\ \t#.=-]{0,40}",
        "RUN (pip install|apt-get install|apk add|chown -R|rm) [-a-z$\"'&|;\\\\\n /.]{0,40}",
        "\\PC{0,20}",
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| format!("FROM x\n{}\n", lines.join("\n")))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(150)) })]

    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,200}|(FROM x\n)?[ -~\n\t\\\\]{0,200}") {
        if let Ok(file) = Dockerfile::parse(&text) {
            prop_assert_eq!(tiled(&file), text.clone());
            prop_assert_eq!(apply(&text, &[]), text.clone());
        }
    }

    #[test]
    fn every_file_that_is_read_is_edited_into_one_that_is_read(text in dockerfile_text()) {
        if let Ok(file) = Dockerfile::parse(&text) {
            prop_assert_eq!(tiled(&file), text.clone());
            let mut both = tools();
            both.pins = rename().pins;
            both.dropped = rename().dropped;
            for plan in [quiet(), swap(), cpu(), both] {
                let edits = edit(&plan, &rules(), &file, &EditOptions::default()).unwrap();
                check(&text, &edits);
            }
        }
    }
}

#[test]
fn empty_lists_take_the_bases_command_away_and_are_no_errors() {
    for text in
        ["FROM a\nENTRYPOINT []\nCMD []\n", "FROM a\nentrypoint [ ]\nCMD [\n]\n", "FROM a\nCMD \\\n  []\nENTRYPOINT []"]
    {
        let text = text.replace("[\n]", "[]");
        let file = Dockerfile::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(file.instructions.len(), 3, "{text}");
        assert_eq!(file.instructions[1].kind, Kind::Other);
    }
    assert!(Dockerfile::parse("FROM a\nVOLUME []\nENTRYPOINT\n").is_err());
}
