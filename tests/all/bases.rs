//! Pythons in places of their own, Pythons that the system's installers share, and what the catalogue says of bases that nobody
//! could be asked of.

use crate::fixture::image;
use slimwright::context::{Base, ContextOptions, Outside, read};
use slimwright::emit::Style;
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::image::catalogue::{CATALOGUE, beside, estimate};
use slimwright::image::{GapReason, Image};
use slimwright::index::{Files, Request, RequestError, Resolution};
use slimwright::ospackages::{Repositories, RepositoryError, Sources};
use slimwright::plan::{AtHand, Draft, Plan, PlanOptions};
use slimwright::python::EnvironmentKind;
use slimwright::rules::embedded;
use slimwright::wheel::Platform;
use slimwright::{prove, rules};
use std::sync::Arc;

const DEBIAN: &str = "layer ADD rootfs.tar /
    f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\n
    f bin/sh 100 mode=755
    f bin/tar 400 mode=755
    d etc
    f etc/passwd 900
    d tmp mode=1777
    empty CMD [\"bash\"]\n";

fn planned(image: &Image) -> (Plan, String) {
    let view = View::new(image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let findings = rules::evaluate(&facts, &rules);
    let options = PlanOptions { ledger: true, ..PlanOptions::default() };
    let draft = Draft::new(&facts, &findings, &rules, &options).unwrap();
    let (plan, files) = prove::emitted(draft.intent(Vec::new()), Style::Pip);
    let text = files.into_iter().find(|(name, _)| name == "Dockerfile").unwrap().1;
    (plan, text)
}

/// A CPython below a prefix, and a distribution in the site directory of another one or of itself.
fn python(prefix: &str, minor: &str) -> String {
    format!(
        "f {prefix}/bin/python{minor} 14000 mode=755
        l {prefix}/bin/python3 -> python{minor}
        f {prefix}/lib/libpython{minor}.so.1.0 5000000
        f {prefix}/lib/python{minor}/os.py 39000
        f {prefix}/lib/python{minor}/json/__init__.py 14000\n"
    )
}

fn distribution(site: &str, name: &str, bytes: usize) -> String {
    format!(
        "f {site}/{name}/__init__.py {bytes}
        f {site}/{name}-1.0.dist-info/METADATA = Name: {name}\\nVersion: 1.0\\n
        f {site}/{name}-1.0.dist-info/RECORD = {name}/__init__.py,,{bytes}\\n{name}-1.0.dist-info/METADATA,,\\n\n"
    )
}

#[test]
fn a_virtual_environment_of_uvs_own_python_is_made_again_by_that_python() {
    let managed = "root/.local/share/uv/python/cpython-3.12.4-linux-x86_64-gnu";
    let image = image(&format!(
        "{DEBIAN}layer RUN uv python install 3.12
        {}{}layer RUN uv pip install
        f app/.venv/pyvenv.cfg = home = /{managed}/bin\\nimplementation = CPython\\nuv = 0.5\\nversion_info = 3.12.4\\n
        l app/.venv/bin/python -> /{managed}/bin/python3.12
        {}layer COPY app
        f app/main.py = import flask\\n\n",
        python(managed, "3.12"),
        distribution(&format!("{managed}/lib/python3.12/site-packages"), "pip", 900),
        distribution("app/.venv/lib/python3.12/site-packages", "flask", 5_000),
    ));
    let (plan, text) = planned(&image);
    assert!(text.contains("FROM original AS build"), "{text}");
    let made = format!("rm -rf /app/.venv \\\n && /{managed}/bin/python3.12 -m venv /app/.venv");
    assert!(text.contains(&made), "{text}");
    assert!(plan.copies.iter().any(|item| managed.starts_with(&item.path.to_string()[1..])), "{:?}", plan.copies);
    let note = format!("Python 3.12 at /{managed} is no package's and not the base's: it is copied as it is, 5.1 MB");
    assert!(plan.notes.contains(&note), "{:?}", plan.notes);
    assert_eq!(plan.predicted.gaps, Vec::new());
}

#[test]
fn a_python_of_pyenvs_is_a_system_of_its_own_whose_scripts_stay() {
    let prefix = "root/.pyenv/versions/3.11.2";
    let image = image(&format!(
        "{DEBIAN}layer RUN pyenv install 3.11.2
        {}layer RUN pip install
        f {prefix}/bin/gunicorn 200 mode=755
        {}",
        python(prefix, "3.11"),
        distribution(&format!("{prefix}/lib/python3.11/site-packages"), "gunicorn", 5_000),
    ));
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let [environment] = survey.python.environments.as_slice() else { panic!("one environment") };
    assert_eq!((environment.kind, environment.prefix.to_string()), (EnvironmentKind::System, format!("/{prefix}")));
    let (plan, text) = planned(&image);
    let install = format!("/{prefix}/bin/python3.11 -m pip install");
    assert!(text.contains("FROM original AS build") && text.contains(&install), "{text}");
    assert!(text.contains("--root /install"), "{text}");
    assert_eq!(plan.predicted.gaps, Vec::new());
}

#[test]
fn what_pip_put_beside_the_systems_modules_is_installed_again_and_what_apk_did_comes_by_apk() {
    let site = "usr/lib/python3.12/site-packages";
    let database = "P:musl\\nV:1.2.5-r0\\nA:x86_64\\nF:lib\\nR:ld-musl-x86_64.so.1\\n\\n";
    let python = format!(
        "P:python3\\nV:3.12.3-r0\\nA:x86_64\\nF:usr/bin\\nR:python3.12\\nR:python3\\nF:usr/lib/python3.12\\nR:os.py\\n\\n\
         P:py3-pip\\nV:24.0-r2\\nA:x86_64\\nD:python3\\nF:{site}/pip\\nR:__init__.py\\nF:{site}/pip-24.0.dist-info\\nR:METADATA\\nR:RECORD\\n\\n"
    );
    let image = image(&format!(
        "layer ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit
        f etc/os-release = ID=alpine\\nVERSION_ID=3.20.3\\n
        f bin/busybox 800000 mode=755
        f lib/ld-musl-x86_64.so.1 650000 mode=755
        f lib/apk/db/installed = {database}
        f etc/apk/world = musl\\n
        empty CMD [\"/bin/sh\"]
        layer RUN apk add python3 py3-pip
        f lib/apk/db/installed = {database}{python}
        f etc/apk/world = musl\\npy3-pip\\npython3\\n
        f usr/bin/python3.12 14000 mode=755
        l usr/bin/python3 -> python3.12
        f usr/lib/python3.12/os.py 39000
        f {site}/pip/__init__.py 350
        f {site}/pip-24.0.dist-info/METADATA = Name: pip\\nVersion: 24.0\\n
        f {site}/pip-24.0.dist-info/RECORD = pip/__init__.py,,350\\npip-24.0.dist-info/METADATA,,\\n
        layer RUN pip install --break-system-packages flask
        {}",
        distribution(site, "flask", 5_000),
    ));
    let (plan, text) = planned(&image);
    let pins: Vec<&str> = plan.pins.iter().map(|pin| pin.name.as_str()).collect();
    assert_eq!(pins, ["flask"]);
    let system: Vec<&str> = plan.system.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(system, ["py3-pip", "python3"]);
    assert!(plan.copies.iter().all(|item| !item.path.to_string().contains("site-packages")), "{:?}", plan.copies);
    assert!(text.contains("RUN apk add --no-cache \\\n      py3-pip \\\n      python3\n"), "{text}");
    assert_eq!(plan.predicted.gaps, Vec::new());
}

#[test]
fn each_other_environment_above_the_base_has_a_line_with_its_bytes() {
    let image = image(&format!(
        "{DEBIAN}layer RUN pip install
        f usr/bin/python3.11 14000 mode=755
        {}{}layer RUN python3 -m venv
        f opt/tool/pyvenv.cfg = home = /usr/bin\\nversion = 3.11.2\\n
        l opt/tool/bin/python -> /usr/bin/python3.11
        {}",
        distribution("usr/local/lib/python3.11/dist-packages", "large", 90_000),
        distribution("root/.local/lib/python3.11/site-packages", "small", 4_000),
        distribution("opt/tool/lib/python3.11/site-packages", "tool", 6_000),
    ));
    let (plan, _) = planned(&image);
    for prefix in ["/opt/tool", "/root/.local"] {
        let line = format!("the environment at {prefix} is copied as it is:");
        assert!(plan.notes.iter().any(|note| note.starts_with(&line)), "{prefix}: {:?}", plan.notes);
    }
}

/// Packages of Debian's in a layer each, as distroless images have them.
fn status_d(name: &str, files: &str) -> String {
    format!(
        "layer bazel build //packages:{name}
        f var/lib/dpkg/status.d/{name} = Package: {name}\\nVersion: 1-1\\nArchitecture: amd64\\n
        f var/lib/dpkg/status.d/{name}.md5sums = {files}\n"
    )
}

#[test]
fn an_image_without_a_shell_is_copied_onto_its_own_kind_and_nothing_is_run() {
    let image = image(&format!(
        "{}f etc/os-release = ID=debian\\nVERSION_ID=12\\n
        f etc/passwd 200
        d tmp mode=1777
        {}f usr/bin/python3.11 6000000 mode=755
        l usr/bin/python3 -> python3.11
        f usr/lib/python3.11/os.py 39000
        layer COPY /deps /app/deps
        {}d app uid=65532 gid=65532
        layer COPY . /app
        f app/main.py 90
        l app/current -> main.py
        l opt/main.py -> ../app/main.py
        env PYTHONPATH=/app/deps\n",
        status_d("base-files", "00  etc/os-release\\n"),
        status_d("python3.11-minimal", "00  usr/bin/python3.11\\n00  usr/lib/python3.11/os.py\\n"),
        distribution("app/deps", "flask", 5_000),
    ));
    let (plan, text) = planned(&image);
    assert_eq!(plan.base.name, "gcr.io/distroless/python3-debian12:latest");
    assert_eq!((plan.base.layers, plan.base.has_shell), (2, false));
    assert!(!text.contains("\nRUN "), "{text}");
    assert_eq!(plan.predicted.gaps, Vec::new());
    let noted = |start: &str| plan.notes.iter().any(|note| note.starts_with(start));
    assert!(noted("the link /app/current is left out"), "{:?}", plan.notes);
    assert!(View::new(&plan.predicted).get(b"opt/main.py").is_some(), "a folder brings its links");
    assert!(noted("the environment at /app/deps is copied as it is"), "{:?}", plan.notes);
}

#[test]
fn a_function_of_lambdas_stays_on_lambdas_image_with_its_layout() {
    let image = image(&format!(
        "layer ADD rootfs.tar.xz /
        f etc/os-release = ID=amzn\\nVERSION_ID=2023\\n
        f bin/sh 100 mode=755
        f lambda-entrypoint.sh 300 mode=755
        f var/runtime/bootstrap.py 900
        f var/lang/lib/python3.12/site-packages/pip/__init__.py 300
        {}{}empty ENTRYPOINT [\"/lambda-entrypoint.sh\"]
        layer RUN pip install --target /var/task
        {}layer COPY app /var/task
        f var/task/main.py 90
        env LAMBDA_TASK_ROOT=/var/task
        env LAMBDA_RUNTIME_DIR=/var/runtime
        env PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin\n",
        python("var/lang", "3.12"),
        distribution("var/lang/lib/python3.12/site-packages", "boto3", 9_000),
        distribution("var/task", "flask", 5_000),
    ));
    let (plan, text) = planned(&image);
    assert_eq!((plan.base.name.as_str(), plan.base.layers), ("public.ecr.aws/lambda/python:3.12", 1));
    let pins: Vec<&str> = plan.pins.iter().map(|pin| pin.name.as_str()).collect();
    assert_eq!(pins, ["flask"], "what the base brings stays the base's");
    assert!(text.contains("--target /install/var/task"), "{text}");
    assert_eq!(plan.config.env, image.config.env);
}

#[test]
fn a_buildpacks_image_says_what_it_was_put_on() {
    let text = format!(
        "{DEBIAN}layer run image's packages\nf usr/bin/python3.11 900 mode=755\nlayer /layers\n{}",
        distribution("layers/pip/lib/python3.11/site-packages", "flask", 900)
    );
    let mut image = image(&text);
    image.config.diff_ids = ["sha256:aa", "sha256:bb", "sha256:cc"].map(str::to_owned).to_vec();
    let note =
        r#"{"runImage":{"topLayer":"sha256:bb","reference":"sha256:0f","image":"paketobuildpacks/run-jammy-base"}}"#;
    image.config.labels.insert("io.buildpacks.lifecycle.metadata".to_owned(), note.to_owned());
    let (plan, _) = planned(&image);
    assert_eq!((plan.base.name.as_str(), plan.base.layers), ("paketobuildpacks/run-jammy-base", 2));
}

#[test]
fn a_base_that_the_image_was_not_built_on_is_no_measured_one() {
    let image = image(&format!(
        "{DEBIAN}layer RUN apt-get install python3\nf usr/bin/python3 14000 mode=755\nf usr/bin/python3.11 900 mode=755\nlayer COPY app\nf app/main.py 90\n"
    ));
    for (name, gaps) in [
        ("debian:bookworm-slim", 0),
        ("debian:12", 0),
        ("registry.example.org/base:1", 0),
        ("python:3.11-slim", 1),
        ("alpine:3.20", 1),
    ] {
        let view = View::new(&image);
        let survey = Survey::new(&view, &[]);
        let facts = survey.facts(&view);
        let rules = embedded();
        let options = PlanOptions { base: Some(name.to_owned()), ..PlanOptions::default() };
        let plan = prove::make(&facts, &rules::evaluate(&facts, &rules), &rules, &options).unwrap();
        let found: Vec<&GapReason> = plan.predicted.gaps.iter().map(|gap| &gap.why).collect();
        assert_eq!(found, vec![&GapReason::OtherBase; gaps], "{name}");
    }
}

#[test]
fn apks_binary_database_is_said_to_be_unread() {
    let image =
        image("layer x\nf etc/os-release = ID=alpine\\nVERSION_ID=3.23.0\\n\nf lib/apk/db/installed.adb 9000\n");
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let [problem] = survey.os.problems.as_slice() else { panic!("{:?}", survey.os.problems) };
    assert_eq!(problem.place.to_string(), "/lib/apk/db/installed.adb");
}

/// A list of dpkg's, of packages that were asked for.
fn status(names: &[&str]) -> String {
    let stanza = |name: &&str| {
        format!("Package: {name}\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 1-1\\n\\n")
    };
    names.iter().map(stanza).collect()
}

/// Debian with a Python of nobody's, and these packages with a file each.
fn python_on_debian(packages: &[(&str, u64)]) -> String {
    let names: Vec<&str> = packages.iter().map(|(name, _)| *name).collect();
    let files = packages.iter().map(|(name, bytes)| {
        format!("f usr/bin/{name} {bytes} mode=755\nf var/lib/dpkg/info/{name}.list = /usr/bin/{name}\\n\n")
    });
    format!(
        "layer # debian.sh
        f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\n
        f bin/sh 100 mode=755
        f bin/tar 400 mode=755
        layer RUN apt-get install
        f var/lib/dpkg/status = {}
        {}layer RUN build python
        {}{}empty CMD [\"python3\"]\n",
        status(&names),
        files.collect::<String>(),
        python("usr/local", "3.11"),
        distribution("usr/local/lib/python3.11/site-packages", "pip", 900),
    )
}

fn planned_on(image: &Image, base: Option<&str>, found: AtHand) -> Plan {
    let view = View::new(image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let (base, at_hand) = (base.map(str::to_owned), Some(Arc::new(found)));
    let options = PlanOptions { base, at_hand, ledger: true, ..PlanOptions::default() };
    prove::make(&facts, &rules::evaluate(&facts, &rules), &rules, &options).unwrap()
}

fn in_the_engine(name: &str, image: Image) -> AtHand {
    AtHand { name: name.to_owned(), image, is_whole: true, place: "the engine".to_owned() }
}

#[test]
fn another_base_that_is_at_hand_takes_the_place_of_the_old_one() {
    let full = python_on_debian(&[("dash", 100), ("git", 9_000_000), ("libssl3", 5_000)]);
    let slim = image(&python_on_debian(&[("dash", 100), ("libssl3", 5_000)]));
    let original = image(&format!(
        "{full}layer RUN pip install\n{}layer COPY app\nf app/main.py 90\n",
        distribution("usr/local/lib/python3.11/site-packages", "flask", 5_000)
    ));
    let plan = planned_on(&original, Some("python:3.11-slim"), in_the_engine("python:3.11-slim", slim.clone()));
    assert_eq!((plan.base.layers, plan.base.other), (3, Some(3)));
    assert_eq!(plan.predicted.gaps, Vec::new());
    assert_eq!(plan.predicted.layers[..3], slim.layers[..], "the base is the one that was read");
    let names: Vec<&str> = plan.system.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, Vec::<&str>::new(), "nobody asks for what the old base had");
    assert!(plan.dropped_system.iter().any(|gone| gone.name == "git" && gone.rule == "other-base"));
    assert!(plan.notes.iter().any(|note| note.contains("git")), "{:?}", plan.notes);
    let saved = plan.actions.iter().find(|action| action.rule == "other-base").unwrap();
    assert!(saved.removed - saved.added >= 9_000_000, "{saved:?}");
    assert!(plan.copies.iter().all(|item| item.path.to_string().starts_with("/app")), "{:?}", plan.copies);
}

#[test]
fn a_base_without_the_interpreter_gets_the_originals() {
    let original = image(&format!(
        "{}layer RUN pip install\n{}",
        python_on_debian(&[("dash", 100)]),
        distribution("usr/local/lib/python3.11/site-packages", "flask", 5_000)
    ));
    let bare = format!(
        "layer debian\nf etc/os-release = ID=debian\\n\nf bin/sh 100 mode=755\nf bin/tar 400 mode=755\nf var/lib/dpkg/status = {}\n",
        status(&["dash"])
    );
    let plan = planned_on(&original, Some("debian:bookworm-slim"), in_the_engine("debian:bookworm-slim", image(&bare)));
    let after = View::new(&plan.predicted);
    assert!(after.get(b"usr/local/bin/python3.11").is_some() && after.get(b"usr/local/lib/python3.11/os.py").is_some());
    assert_eq!(plan.predicted.gaps, Vec::new());
}

#[test]
fn a_base_is_proven_by_its_diff_ids_or_said_not_to_be() {
    let mut original = image(&format!("{DEBIAN}layer COPY app\nf app/main.py 90\n"));
    original.config.diff_ids = ["sha256:aa", "sha256:bb"].map(str::to_owned).to_vec();
    let mut base = image(DEBIAN);
    for (diff_id, how) in
        [("sha256:aa", "proven: the diff IDs"), ("sha256:99", "not proven: the one in the engine is another build")]
    {
        base.config.diff_ids = vec![diff_id.to_owned()];
        let plan = planned_on(&original, None, in_the_engine("debian:bookworm-slim", base.clone()));
        assert!(plan.base.how.contains(how), "{}", plan.base.how);
        assert_eq!((plan.base.layers, plan.base.other), (1, None));
    }
}

#[test]
fn what_no_distribution_made_is_built_on_nothing_and_needs_no_shell() {
    let site = "nix/store/c1-python3.11-flask-3.0.3/lib/python3.11/site-packages";
    let made = image(&format!(
        "layer nix\nf nix/store/a1-glibc-2.39/lib/libc.so.6 900000\nlayer nix\n{}layer nix\nd nix/store/c1-python3.11-flask-3.0.3 mode=555\n{}\
         layer nix\nl bin/python3 -> /nix/store/b1-python3-3.11/bin/python3.11\nf srv/app.py = import flask\n",
        python("nix/store/b1-python3-3.11", "3.11"),
        distribution(site, "flask", 5_000)
    ));
    let (plan, text) = planned(&made);
    assert_eq!((plan.base.name.as_str(), plan.base.layers, plan.base.is_told), ("scratch", 0, true));
    let nixos = image(
        "layer nix\nf etc/os-release = ID=nixos\\nVERSION_ID=\"24.05\"\\n\nlayer nix\nf srv/app.py = import json\n",
    );
    assert_eq!(planned(&nixos).0.base.name, "scratch");
    assert_eq!(plan.predicted.gaps, Vec::new());
    assert_eq!(plan.predicted.unpacked(), made.unpacked());
    assert!(text.contains("FROM scratch AS runtime-base\n") && !text.contains("\nRUN "), "{text}");
    // With packages of a distribution nothing could be installed there again.
    let debian = image(&python_on_debian(&[("dash", 100), ("libssl3", 5_000)]));
    let view = View::new(&debian);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let options = PlanOptions { base: Some("scratch".into()), ..PlanOptions::default() };
    let why = Draft::new(&facts, &[], &rules, &options).err().unwrap().to_string();
    assert!(why.contains("scratch has no package manager, and 2 OS packages"), "{why}");
}

/// A world in which no image is to be had.
struct Nothing;

impl Outside for Nothing {
    fn image(&self, _: &str) -> Base {
        Base::Unknown("nobody has it".into())
    }

    fn resolve(&self, _: &Request, _: &dyn Files, _: &Platform) -> Result<Resolution, RequestError> {
        Ok(Resolution::default())
    }

    fn repositories(&self, _: &Sources, _: &str) -> Result<Repositories, RepositoryError> {
        Err(RepositoryError::NoSources("none are named".into()))
    }
}

#[test]
fn a_function_of_lambdas_finds_its_folder_where_its_base_is_not_to_be_had() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.py"), "x = 1\n").unwrap();
    let options = ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() };
    for (from, place) in [("public.ecr.aws/lambda/python:3.12", true), ("example.org/lambda/python:3.12", false)] {
        let text = format!("FROM {from}\nCOPY app.py ${{LAMBDA_TASK_ROOT}}/\n");
        std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
        let made = read(folder.path(), &options, &Nothing).unwrap().image;
        assert_eq!(View::new(&made).get(b"var/task/app.py").is_some(), place, "{from}");
        assert_eq!(made.gaps.len(), if place { 1 } else { 2 }, "{:?}", made.gaps);
    }
}

#[test]
fn the_catalogue_is_sorted_and_each_figure_has_its_source() {
    let names: Vec<(&str, &str)> = CATALOGUE.iter().map(|it| (it.name.as_str(), it.platform.as_str())).collect();
    assert!(names.len() >= 13, "it was read");
    assert!(names.is_sorted() && names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    for row in CATALOGUE.iter() {
        assert!(!row.sources.is_empty() && row.wire.iter().all(|bytes| *bytes > 0), "{}", row.name);
        assert!(row.date.parse::<jiff::civil::Date>().is_ok(), "{}: {}", row.name, row.date);
        assert!(row.unpacked.is_none_or(|bytes| bytes > row.pulled()), "{}: unpacked is more than wire", row.name);
    }
}

#[test]
fn a_base_is_found_by_its_names_and_else_by_its_kind() {
    let amd64 = "linux/amd64";
    let found = |name: &str| estimate(name, amd64).map(|found| (found.image.name.as_str(), found.is_same));
    for name in ["python:3.12-slim-bookworm", "docker.io/library/python:3.12-slim-bookworm@sha256:0f5b"] {
        assert_eq!(found(name), Some(("python:3.12-slim-bookworm", true)), "{name}");
    }
    // Another version, another patch, no release of the system.
    for (name, like) in [
        ("python:3.11.9-slim-bookworm", "python:3.11-slim-bookworm"),
        ("python:3.13-slim", "python:3.13-slim-trixie"),
        ("python:3.14-slim", "python:3.13-slim-trixie"),
        ("python:3.12-alpine", "python:3.12-alpine3.23"),
        ("python:3.12", "python:3.12-bookworm"),
    ] {
        assert_eq!(found(name), Some((like, false)), "{name}");
    }
    for name in [
        "python:2-slim",
        "python:3.12-windowsservercore",
        "debian:unknown",
        "registry.example.org/python:3.12-slim-bookworm",
    ] {
        assert_eq!(found(name), None, "{name}");
    }
    assert_eq!(
        estimate("debian:bookworm-slim", "linux/arm64/v8").unwrap().image.unpacked,
        None,
        "it was not published"
    );
    assert_eq!(estimate("debian:bookworm-slim", "linux/s390x"), None);
    let kin: Vec<&str> = beside("python:3.12.4-bookworm", amd64).iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        kin,
        ["python:3.12-alpine3.23", "python:3.12-bookworm", "python:3.12-slim-bookworm", "python:3.12-slim-trixie"]
    );
    // Compared is what has the same version of Python; what has another one is no choice.
    let kin: Vec<&str> = beside("python:3.11-slim", amd64).iter().map(|it| it.name.as_str()).collect();
    assert_eq!(kin, ["python:3.11-bookworm", "python:3.11-slim-bookworm", "python:3.11-slim-trixie"]);
    assert!(beside("python:3.9-slim", amd64).is_empty());
}
