//! What a plan is written down as: golden files of a whole plan, the other kinds of environment, and names
//! that would like to be instructions.

use crate::golden;
use slimwright::base::{Basis, ByteSize, ImagePath, Size, Unit};
use slimwright::emit::{Style, emit, emit_as};
use slimwright::facts::Root;
use slimwright::image::{Config, HealthCheck};
use slimwright::index::{Availability, Verdict};
use slimwright::manifest::Artifact;
use slimwright::plan::{
    BaseImage, CopyItem, OverriddenEdge, Pin, Plan, SmokeModule, SystemPackage, TargetEnvironment, Why,
};
use slimwright::python::EnvironmentKind;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

fn pin(name: &str, version: &str, why: &str) -> Pin {
    Pin {
        name: name.into(),
        version: version.into(),
        index: None,
        url: None,
        built_here: false,
        why: match why.strip_prefix("required by ") {
            Some(names) => Why::RequiredBy(names.split(", ").map(str::to_owned).collect()),
            None => Why::AskedFor(why.into()),
        },
        instead_of: None,
        size: Size { bytes: ByteSize(1), unit: Unit::Unpacked, basis: Basis::Predicted },
        availability: None,
    }
}

fn root(name: &str, specifiers: &str) -> Root {
    Root {
        name: name.into(),
        extras: Vec::new(),
        specifiers: specifiers.into(),
        version: String::new(),
        how: "requirements.txt in /app".into(),
    }
}

fn directory(path: &str, uid: u32) -> CopyItem {
    CopyItem { path: path.into(), directory: true, uid, gid: uid, bytes: 1 }
}

fn environment(kind: EnvironmentKind, prefix: &str, site: &str) -> TargetEnvironment {
    TargetEnvironment {
        prefix: prefix.into(),
        site_dir: site.into(),
        kind,
        interpreter: None,
        python: "3.11".into(),
        uid: 0,
        gid: 0,
        others: (0, 0),
        bytecode: true,
    }
}

/// A plan that does nothing, on an image without a configuration.
fn empty_plan() -> Plan {
    Plan {
        conda: Vec::new(),
        original: "example/service:1.2".into(),
        config: Config::default(),
        base: BaseImage {
            name: "python:3.11-slim".into(),
            how: "named by the user".into(),
            layers: 0,
            is_told: true,
            has_shell: true,
            is_assumed: false,
            other: None,
        },
        environment: Some(environment(EnvironmentKind::System, "usr/local", "usr/local/lib/python3.11/site-packages")),
        roots: Vec::new(),
        pins: vec![pin("six", "1.17.0", "requirements.txt")],
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
        build_system: Vec::new(),
        uv_project: None,
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

/// A plan for the lab's small image (`scripts/lab/small`), as a person would make it.
fn small_plan() -> Plan {
    const PINS: [(&str, &str, &str, &str); 26] = [
        ("blinker", "1.9.0", "required by flask", "blinker"),
        ("click", "8.5.1", "required by flask", "click"),
        ("coloredlogs", "15.0.1", "required by onnxruntime", "coloredlogs"),
        ("Flask", "3.0.0", "requirements.txt", "flask"),
        ("flatbuffers", "25.12.19", "required by onnxruntime", "flatbuffers"),
        ("gunicorn", "21.2.0", "requirements.txt", "gunicorn"),
        ("humanfriendly", "10.0", "required by coloredlogs", "humanfriendly"),
        ("imutils", "0.5.4", "requirements.txt", "imutils"),
        ("itsdangerous", "2.2.0", "required by flask", "itsdangerous"),
        ("Jinja2", "3.1.6", "required by flask", "jinja2"),
        ("MarkupSafe", "3.0.4", "required by jinja2, werkzeug", "markupsafe"),
        ("mpmath", "1.3.0", "required by sympy", "mpmath"),
        ("numpy", "1.26.4", "requirements.txt", "numpy"),
        ("onnxruntime", "1.16.3", "requirements.txt", "onnxruntime"),
        ("packaging", "26.3", "required by gunicorn, onnxruntime", "packaging"),
        ("pillow", "13.0.0", "required by rapidocr-onnxruntime", "PIL"),
        ("protobuf", "7.36.2", "required by onnxruntime", "google"),
        ("pyclipper", "1.4.0", "required by rapidocr-onnxruntime", "pyclipper"),
        ("PyYAML", "6.0.3", "required by rapidocr-onnxruntime", "yaml"),
        ("rapidocr-onnxruntime", "1.4.4", "requirements.txt", "rapidocr_onnxruntime"),
        ("scipy", "1.11.4", "required by xgboost-cpu", "scipy"),
        ("shapely", "2.2.0", "required by rapidocr-onnxruntime", "shapely"),
        ("six", "1.17.0", "required by rapidocr-onnxruntime", "six"),
        ("sympy", "1.14.0", "required by onnxruntime", "sympy"),
        ("tqdm", "4.70.1", "required by rapidocr-onnxruntime", "tqdm"),
        ("Werkzeug", "3.1.9", "required by flask", "werkzeug"),
    ];
    let mut pins: Vec<Pin> = PINS.iter().map(|(name, version, why, _)| pin(name, version, why)).collect();
    let mut modules: Vec<SmokeModule> = PINS
        .iter()
        .map(|(name, _, _, module)| SmokeModule { distribution: (*name).into(), modules: strings(&[module]) })
        .collect();
    for (name, version, old, module) in [
        ("opencv-python-headless", "4.8.1.78", "opencv-python 4.8.1.78", "cv2"),
        ("xgboost-cpu", "3.1.3", "xgboost 3.1.3", "xgboost"),
    ] {
        let why = "the same modules without what a server has no use for";
        pins.push(Pin { instead_of: Some(old.into()), ..pin(name, version, why) });
        modules.push(SmokeModule { distribution: name.into(), modules: strings(&[module]) });
    }
    let edge = OverriddenEdge {
        distribution: "rapidocr-onnxruntime".into(),
        version: "1.4.4".into(),
        requirement: "opencv-python>=4.5.1.48".into(),
        name: "opencv-python".into(),
        why: Why::ReplacedBy("opencv-python-headless".into()),
    };
    let health = HealthCheck {
        test: strings(&[
            "CMD-SHELL",
            "python3 -c \"import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health')\"",
        ]),
        interval: 30_000_000_000,
        timeout: 5_000_000_000,
        start_period: 10_000_000_000,
        retries: 3,
    };
    let config = Config {
        user: "scorer".into(),
        env: strings(&[
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG=C.UTF-8",
            "PYTHONUNBUFFERED=1",
            "MODEL_HOME=/app/models",
            "GREETING=it's $5",
        ]),
        cmd: Some(strings(&["gunicorn", "--bind", "0.0.0.0:8000", "app.main:app"])),
        working_dir: "/app".into(),
        exposed_ports: strings(&["8000/tcp"]),
        labels: BTreeMap::from([
            ("org.opencontainers.image.title".to_owned(), "slimwright lab, small".to_owned()),
            ("team".to_owned(), "scoring".to_owned()),
        ]),
        health_check: Some(health),
        ..Config::default()
    };
    let asked = ["flask", "gunicorn", "imutils", "numpy", "onnxruntime", "opencv-python", "opencv-python-headless"];
    let mut roots: Vec<Root> = asked.iter().map(|name| root(name, "")).collect();
    roots.push(root("rapidocr-onnxruntime", "==1.4.4"));
    roots.push(root("xgboost", "==3.1.3"));
    let dist_packages = "usr/local/lib/python3.11/dist-packages";
    Plan {
        original: "slimwright-lab/small".into(),
        config,
        environment: Some(environment(EnvironmentKind::System, "usr/local", dist_packages)),
        modules_before: modules.iter().flat_map(|row| row.modules.clone()).collect(),
        smoke_modules: modules,
        roots,
        pins,
        overridden: vec![edge.clone()],
        unsatisfied_before: vec![edge],
        copies: vec![directory("home/scorer", 1001), directory("app", 1001)],
        notes: strings(&["cv2 cannot be imported in the original: an uninstall removed its files"]),
        ..empty_plan()
    }
}

fn file(plan: &Plan, name: &str) -> String {
    let found = emit(plan).into_iter().find(|(file, _)| file == name);
    found.unwrap_or_else(|| panic!("no {name}")).1
}

/// The instructions of a Dockerfile: its lines without comments.
fn instructions(plan: &Plan) -> String {
    let text = file(plan, "Dockerfile");
    text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

/// A file of an index, with a digest of one digit.
fn artifact(file: &str, digit: char) -> Artifact {
    let digest = digit.to_string().repeat(64);
    Artifact {
        file: file.into(),
        url: Some(format!("https://example.org/files/{file}")),
        size: Some(7),
        hashes: BTreeMap::from([("sha256".to_owned(), digest)]),
    }
}

fn with_wheel(pin: Pin, wheel: Artifact) -> Pin {
    let version = Some(pin.version.clone());
    let found = Availability { verdict: Verdict::Wheel, version, wheel: Some(wheel), ..Availability::unknown("") };
    Pin { availability: Some(found), ..pin }
}

/// A plan whose pins are known to the index.
fn known_plan() -> Plan {
    let mut plan = empty_plan();
    plan.pins =
        vec![with_wheel(pin("six", "1.17.0", "requirements.txt"), artifact("six-1.17.0-py3-none-any.whl", 'a'))];
    plan
}

fn file_as(plan: &Plan, style: Style, name: &str) -> String {
    emit_as(plan, style).into_iter().find(|(file, _)| file == name).map(|(_, text)| text).unwrap_or_default()
}

#[test]
fn a_lock_names_every_file_with_its_digest() {
    let mut plan = known_plan();
    let index = "https://download.pytorch.org/whl/cpu";
    let mut torch = with_wheel(
        Pin { index: Some(index.into()), ..pin("torch", "2.1.1", "requirements.txt") },
        artifact("torch-2.1.1+cpu-cp311-cp311-linux_x86_64.whl", 'b'),
    );
    if let Some(found) = &mut torch.availability {
        found.version = Some("2.1.1+cpu".into());
        found.other_wheel = Some(artifact("torch-2.1.1+cpu-cp311-cp311-linux_aarch64.whl", 'c'));
    }
    plan.pins.push(torch);
    let lock = file_as(&plan, Style::Pip, "pylock.cpu.toml");
    assert!(lock.parse::<toml::Table>().is_ok());
    golden::check(
        "emit/pylock.cpu.toml",
        &lock.replace(&"a".repeat(64), "A").replace(&"b".repeat(64), "B").replace(&"c".repeat(64), "C"),
    );
    let lines = file(&plan, "requirements.cpu.txt");
    let (b, c) = ("b".repeat(64), "c".repeat(64));
    let expected =
        format!("torch==2.1.1 \\\n    --hash=sha256:{b} \\\n    --hash=sha256:{c}  # asked for: requirements.txt\n");
    assert!(lines.ends_with(&expected), "{lines}");
    assert!(instructions(&plan).contains("--no-deps --require-hashes --ignore-installed"), "{}", instructions(&plan));
    // One without a digest: no line of its file has one, and there is no lock.
    plan.pins.push(pin("unknown", "1", "asked for"));
    assert!(
        !file(&plan, "requirements.txt").contains("--hash") && file(&plan, "requirements.cpu.txt").contains("--hash")
    );
    assert_eq!(file_as(&plan, Style::Pylock, "pylock.cpu.toml"), "");
    assert!(file_as(&plan, Style::Pylock, "Dockerfile").contains("uv pip install --no-deps"));
}

#[test]
fn uv_puts_everything_where_pip_would() {
    let run = |kind, prefix: &str, site: &str, style| {
        let mut plan = known_plan();
        plan.environment = Some(environment(kind, prefix, site));
        let text = file_as(&plan, style, "Dockerfile");
        let stage = text.split("of any version that is there.\n").nth(1).unwrap().split("\n\n").next().unwrap();
        stage.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
    };
    let dist_packages = "usr/local/lib/python3.11/dist-packages";
    golden::check("emit/install-by-lock.txt", &run(EnvironmentKind::System, "usr/local", dist_packages, Style::Pylock));
    let site = "opt/venv/lib/python3.11/site-packages";
    golden::check("emit/install-by-uv.txt", &run(EnvironmentKind::Virtual, "opt/venv", site, Style::Uv));
    golden::check(
        "emit/install-by-uv-in-a-folder.txt",
        &run(EnvironmentKind::Other, "srv/vendor", "srv/vendor", Style::Uv),
    );
}

#[test]
fn hadolint_has_nothing_to_say_of_any_way_to_install() {
    let places = [
        (EnvironmentKind::System, "usr/local", "usr/local/lib/python3.11/dist-packages"),
        (EnvironmentKind::Virtual, "opt/venv", "opt/venv/lib/python3.11/site-packages"),
        (EnvironmentKind::User, "home/app/.local", "home/app/.local/lib/python3.11/site-packages"),
        (EnvironmentKind::Other, "srv/vendor", "srv/vendor"),
    ];
    for (kind, prefix, site) in places {
        for style in [Style::Pip, Style::Uv, Style::Pylock] {
            let mut plan = known_plan();
            // Another index: a file of requirements and a RUN of their own.
            plan.pins.push(Pin {
                index: Some("https://example.org/cpu".into()),
                ..pin("torch", "2.1.1", "requirements.txt")
            });
            plan.environment = Some(environment(kind, prefix, site));
            let text = file_as(&plan, style, "Dockerfile");
            let Some(codes) = crate::dockerfile::hadolint(&text) else { return };
            assert!(codes.is_empty(), "{kind:?} {style:?}: {codes:?}\n{text}");
        }
    }
}

#[test]
fn a_build_from_source_has_what_the_original_built_with() {
    let mut plan = empty_plan();
    let sdist = Some(artifact("psycopg2-2.9.9.tar.gz", 'd'));
    let found = Availability {
        verdict: Verdict::SourceOnly,
        sdist,
        version: Some("2.9.9".into()),
        ..Availability::unknown("")
    };
    plan.pins = vec![Pin { availability: Some(found), ..pin("psycopg2", "2.9.9", "asked for") }];
    plan.build_system = strings(&["gcc", "libpq-dev", "x; evil"]);
    let text = file(&plan, "Dockerfile");
    let build = text.split("AS build").nth(1).unwrap();
    assert!(build.contains("      gcc \\\n      libpq-dev \\\n && apt-get clean") && !text.contains("evil"), "{text}");
    assert!(file(&plan, "pylock.cpu.toml").contains("sdist = { name = \"psycopg2-2.9.9.tar.gz\""));
    plan.build_system.clear();
    assert!(file(&plan, "Dockerfile").contains("      build-essential \\\n      python3-dev"));
}

#[test]
fn a_project_of_uvs_is_told_what_to_say() {
    let mut plan = small_plan();
    assert!(emit(&plan).iter().all(|(name, _)| name != "pyproject.edits.toml"));
    plan.uv_project = Some("/app/uv.lock".into());
    let index = Some("https://download.pytorch.org/whl/cpu".to_owned());
    plan.pins.push(Pin { index, instead_of: Some("torch 2.1.1".into()), ..pin("torch", "2.1.1", "requirements.txt") });
    let edits = file(&plan, "pyproject.edits.toml");
    assert!(edits.parse::<toml::Table>().is_ok(), "{edits}");
    golden::check("emit/pyproject.edits.toml", &edits);
}

#[test]
fn the_small_image_is_written_down_as_the_golden_files_have_it() {
    for (name, text) in emit(&small_plan()) {
        golden::check(&format!("small/{name}"), &text);
    }
}

#[test]
fn the_same_plan_gives_the_same_bytes_in_any_order_of_its_copies() {
    let mut plan = small_plan();
    plan.copies.reverse();
    assert_eq!(emit(&plan), emit(&small_plan()));
}

#[test]
fn packages_of_an_index_of_their_own_are_installed_first_and_from_it_alone() {
    let mut plan = empty_plan();
    let index = "https://download.pytorch.org/whl/cpu";
    plan.pins.push(Pin { index: Some(index.into()), ..pin("torch", "2.1.1", "requirements.txt") });
    plan.roots = vec![root("torch", "==2.1.1"), root("six", "")];
    let cpu = file(&plan, "requirements.cpu.txt");
    let lines: Vec<&str> = cpu.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        lines,
        ["--index-url https://download.pytorch.org/whl/cpu", "torch==2.1.1  # asked for: requirements.txt"]
    );
    assert!(!file(&plan, "requirements.txt").contains("torch"));
    let dockerfile = instructions(&plan);
    let first = dockerfile.find("-r requirements.cpu.txt").unwrap();
    assert!(first < dockerfile.find("-r requirements.txt").unwrap());
    assert!(!dockerfile.contains("extra-index-url"));
    assert!(file(&plan, "requirements.in").contains("torch==2.1.1  # requirements.txt in /app; from https://"));
}

#[test]
fn a_virtual_environment_is_made_at_its_own_path_and_loses_its_installers() {
    let mut plan = empty_plan();
    plan.environment = Some(TargetEnvironment {
        uid: 33,
        gid: 33,
        others: (33, 33),
        bytecode: false,
        ..environment(EnvironmentKind::Virtual, "opt/my venv", "opt/my venv/lib/python3.11/site-packages")
    });
    let text = instructions(&plan);
    for line in [
        "RUN python3.11 -m venv '/opt/my venv'",
        "RUN '/opt/my venv/bin/python' -m pip install --no-cache-dir --no-deps --no-compile -r requirements.txt",
        "RUN '/opt/my venv/bin/python' -m pip uninstall -y setuptools pip",
        r#"COPY --from=build --chown=33:33 ["/opt/my venv", "/opt/my venv/"]"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}

#[test]
fn a_users_environment_and_any_other_directory_keep_their_places() {
    let mut plan = empty_plan();
    plan.environment =
        Some(environment(EnvironmentKind::User, "root/.local", "root/.local/lib/python3.11/site-packages"));
    let text = instructions(&plan);
    assert!(text.contains("RUN PYTHONUSERBASE=/root/.local python3.11 -m pip install"), "{text}");
    assert!(text.contains("--user --root /install"), "{text}");
    assert!(text.contains("COPY --from=build /install/root/.local/ /root/.local/"), "{text}");
    plan.environment = Some(environment(EnvironmentKind::Other, "srv/vendor", "srv/vendor"));
    let text = instructions(&plan);
    assert!(text.contains("--target /install/srv/vendor -r"), "{text}");
    assert!(text.contains("COPY --from=build /install/srv/vendor/ /srv/vendor/"), "{text}");
}

#[test]
fn on_a_base_without_python_the_packages_come_first_and_pip_stays_in_the_build_stage() {
    let mut plan = empty_plan();
    plan.base.name = "debian:bookworm-slim".into();
    let package = |name: &str| SystemPackage { name: name.into(), why: Why::ByHand, asked_for: true, bytes: 1 };
    plan.system = vec![package("libgomp1"), package("python3")];
    let text = instructions(&plan);
    golden::check("emit/debian-without-python.txt", text.split("ARG PIP_INDEX_URL").next().unwrap().trim());
    plan.base.name = "alpine:3.20".into();
    let text = instructions(&plan);
    assert!(text.contains("RUN apk add --no-cache \\\n      libgomp1 \\\n      python3\n"), "{text}");
    assert!(!text.contains("apt-get"), "{text}");
}

#[test]
fn every_field_of_the_configuration_is_set_again() {
    let mut plan = empty_plan();
    plan.config = Config {
        user: "1000:1000".into(),
        env: strings(&["A=a \"quoted\" $HOME \\", "EMPTY="]),
        entrypoint: Some(strings(&["/entry point.sh", "<<EOF"])),
        working_dir: "/srv/$x".into(),
        exposed_ports: strings(&["53/udp", "8000/tcp"]),
        volumes: strings(&["/data", "/my $data"]),
        labels: BTreeMap::from([("a b".to_owned(), "c".to_owned())]),
        stop_signal: Some("SIGINT".into()),
        shell: Some(strings(&["/bin/bash", "-c"])),
        on_build: strings(&["RUN make"]),
        health_check: Some(HealthCheck {
            test: strings(&["CMD", "true"]),
            interval: 1_500_000_000,
            ..HealthCheck::default()
        }),
        ..Config::default()
    };
    let text = file(&plan, "Dockerfile");
    let settings = text.split("# How the original is configured.\n").nth(1).unwrap();
    golden::check("emit/settings.txt", settings.trim_end());
}

/// A plan in which everything that an image can name tries to add an instruction, a requirement or code.
fn hostile_plan() -> Plan {
    let evil = "x\nRUN evil\r\nevil==1 \\";
    let mut plan = empty_plan();
    plan.original = evil.into();
    plan.base = BaseImage {
        name: evil.into(),
        how: evil.into(),
        layers: 0,
        is_told: true,
        has_shell: true,
        is_assumed: false,
        other: None,
    };
    plan.environment = Some(TargetEnvironment {
        python: evil.into(),
        ..environment(EnvironmentKind::Virtual, "opt/x\nRUN evil'; evil '", "opt/x")
    });
    plan.notes = strings(&[evil]);
    plan.pins = vec![
        pin(evil, "1", evil),
        pin("a", evil, evil),
        pin("fine", "1.0", evil),
        pin("odd", "2004-11-x", "asked for"),
        Pin { url: Some(evil.into()), ..pin("b", "1", evil) },
        Pin { url: Some("file:///etc/${SECRET}".into()), ..pin("c", "1", evil) },
        Pin { index: Some(evil.into()), ..pin("d", "1", evil) },
        with_wheel(pin("e", "1", evil), Artifact { url: Some(evil.into()), ..artifact(evil, 'e') }),
    ];
    plan.build_system = strings(&[evil]);
    plan.uv_project = Some(evil.into());
    plan.roots = vec![root(evil, ""), Root { extras: strings(&[evil]), how: evil.into(), ..root("fine", evil) }];
    plan.overridden = vec![OverriddenEdge {
        distribution: evil.into(),
        version: evil.into(),
        requirement: "'''\nevil()".into(),
        name: "\\".into(),
        why: Why::ReplacedBy("\u{202e}".into()),
    }];
    plan.smoke_modules =
        vec![SmokeModule { distribution: "'''".into(), modules: strings(&["json", "'''\nevil()\n\\"]) }];
    plan.modules_before = strings(&["'''+evil()+r'''", "@FACTS@"]);
    plan.system =
        vec![SystemPackage { name: "x; evil".into(), why: Why::RuntimeOf(evil.into()), asked_for: true, bytes: 0 }];
    plan.copies = vec![
        directory("srv/x\nRUN evil", 1),
        directory("srv/[a]*$b\\\"'", 0),
        CopyItem { path: ImagePath::new(b"srv/\xff"), ..directory("", 0) },
    ];
    plan.config = Config {
        user: evil.into(),
        env: strings(&["A=x\nRUN evil", "B C=1", "D=x\\", "no-equals", "\nRUN evil=1"]),
        entrypoint: Some(strings(&[evil])),
        working_dir: evil.into(),
        exposed_ports: strings(&["80\nRUN evil"]),
        volumes: strings(&["/x\nRUN evil"]),
        labels: BTreeMap::from([("a=b".to_owned(), "c".to_owned()), ("k".to_owned(), evil.to_owned())]),
        stop_signal: Some(evil.into()),
        shell: Some(strings(&[evil])),
        on_build: strings(&[evil, "FROM evil"]),
        health_check: Some(HealthCheck { test: strings(&["CMD-SHELL", evil]), ..HealthCheck::default() }),
        ..Config::default()
    };
    plan
}

#[test]
fn hostile_names_add_no_instruction_and_no_requirement() {
    let plan = hostile_plan();
    for (name, text) in emit(&plan) {
        let added = text.lines().any(|line| line.trim_start().starts_with("RUN evil") || line.starts_with("evil"));
        assert!(!added, "{name}:\n{text}");
        assert!(text.bytes().all(|b| b == b'\n' || b >= b' '), "{name} has control characters");
    }
    let words =
        ["ARG", "FROM", "USER", "ENV", "WORKDIR", "COPY", "RUN", "VOLUME", "SHELL", "HEALTHCHECK", "ENTRYPOINT", "CMD"];
    for line in instructions(&plan).lines().filter(|line| !line.is_empty() && !line.starts_with(' ')) {
        assert!(words.contains(&line.split(' ').next().unwrap()), "{line}");
    }
    let requirements = file(&plan, "requirements.txt");
    assert!(requirements.lines().all(|line| !line.ends_with('\\')), "{requirements}");
    let kept: Vec<&str> = requirements.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        kept.iter().map(|line| line.split("  #").next().unwrap()).collect::<Vec<_>>(),
        ["e==1", "fine==1.0", "odd===2004-11-x"]
    );
    assert!(requirements.contains("# left out, for it is no URL: b @ x\\x0aRUN evil"), "{requirements}");
}

fn python() -> Option<Command> {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os("CI").is_none(), "CI has python3");
    found.then(|| Command::new("python3"))
}

/// Runs a plan's smoke test with only the distributions below `site` (and no others) to be found.
fn run_smoke_test(plan: &Plan, site: &Path, arguments: &[&str]) -> Option<(bool, String)> {
    let script = site.with_extension("script.py");
    std::fs::write(&script, file(plan, "smoke_test.py")).unwrap();
    // -S: no site-packages, so that the host's own distributions are not looked at.
    let output = python()?.arg("-S").arg(&script).args(arguments).env("PYTHONPATH", site).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Some((output.status.success(), text))
}

fn install(site: &Path, name: &str, version: &str, requires: &[&str], module: &str, code: &str) {
    let metadata = site.join(format!("{name}-{version}.dist-info"));
    std::fs::create_dir_all(&metadata).unwrap();
    let requires: String = requires.iter().map(|line| format!("Requires-Dist: {line}\n")).collect();
    let text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}");
    std::fs::write(metadata.join("METADATA"), text).unwrap();
    std::fs::write(site.join(format!("{module}.py")), code).unwrap();
}

fn smoke_plan() -> Plan {
    let mut plan = empty_plan();
    let modules = [("good", "good_module"), ("needy", "needy_module"), ("bad", "bad_module")];
    plan.smoke_modules = modules
        .iter()
        .map(|(name, module)| SmokeModule { distribution: (*name).into(), modules: strings(&[module]) })
        .collect();
    plan.modules_before = strings(&["good_module", "needy_module", "bad_module", "was_here"]);
    plan
}

#[test]
fn the_smoke_test_tells_what_broke_from_what_was_broken() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    install(&site, "good", "1.0", &[], "good_module", "print('\\x1b[31mhello')");
    install(&site, "needy", "1.0", &["absent>=2"], "needy_module", "import never_here");
    install(&site, "bad", "1.0", &[], "bad_module", "import was_here.inner");
    let mut plan = smoke_plan();
    let Some((passed, text)) = run_smoke_test(&plan, &site, &[]) else { return };
    assert!(!passed, "{text}");
    assert!(text.contains("ok       import good_module (good)"), "{text}");
    assert!(text.contains("skipped  import needy_module (needy): could not be imported before either"), "{text}");
    assert!(text.contains("FAILED   import bad_module (bad): ModuleNotFoundError"), "{text}");
    assert!(text.contains("FAILED   needy requires absent>=2: it is not installed"), "{text}");
    assert!(text.trim_end().ends_with("1 passed, 2 failed, 2 skipped"), "{text}");

    plan.overridden = vec![OverriddenEdge {
        distribution: "needy".into(),
        version: "1.0".into(),
        requirement: "absent>=2".into(),
        name: "absent".into(),
        why: Why::ReplacedBy("present".into()),
    }];
    install(&site, "bad", "1.0", &[], "bad_module", "");
    let (passed, text) = run_smoke_test(&plan, &site, &[]).unwrap();
    assert!(
        passed && text.contains("expected needy requires absent>=2: it is not installed; present serves in its place"),
        "{text}"
    );
    assert!(text.trim_end().ends_with("3 passed, 0 failed, 2 skipped"), "{text}");
}

#[test]
fn a_failure_that_the_original_has_as_well_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    install(&site, "good", "1.0", &[], "good_module", "");
    install(&site, "needy", "1.0", &["absent"], "needy_module", "raise OSError('no such library')");
    install(&site, "bad", "1.0", &[], "bad_module", "import os; os.abort()");
    let baseline = folder.path().join("baseline.json");
    let baseline = baseline.to_str().unwrap();
    let Some((passed, text)) = run_smoke_test(&smoke_plan(), &site, &["--record", baseline]) else { return };
    assert!(!passed && text.contains("FAILED   import bad_module (bad): ended with -"), "{text}");
    let (passed, text) = run_smoke_test(&smoke_plan(), &site, &["--baseline", baseline]).unwrap();
    assert!(passed, "{text}");
    install(&site, "good", "1.0", &[], "good_module", "import time; time.sleep(60)");
    let (passed, text) = run_smoke_test(&smoke_plan(), &site, &["--baseline", baseline, "--timeout", "2"]).unwrap();
    assert!(!passed && text.contains("FAILED   import good_module (good): no answer in 2 s"), "{text}");
}

#[test]
fn a_smoke_test_with_hostile_facts_is_the_same_program() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    std::fs::create_dir_all(&site).unwrap();
    let Some((passed, text)) = run_smoke_test(&hostile_plan(), &site, &[]) else { return };
    assert!(passed && text.contains("ok       import json (''')"), "{text}");
    assert!(text.trim_end().ends_with("2 passed, 0 failed, 2 skipped"), "{text}");
}
