//! What an installation reads: the files of the image, and nothing of this machine; and what of them it takes. Against a real
//! uv and an index on loopback; without uv the tests that need it are skipped, but in CI.

use crate::fixture;
use crate::requests::{Lab, files, options, package};
use crate::wheels::index;
use slimwright::base::{Found, Hint as _, Root, read_named};
use slimwright::context::{Base, ContextError, ContextOptions, Outside, Virtual, read};
use slimwright::fs::View;
use slimwright::index::{Files, Request, RequestError, Resolution, resolve};
use slimwright::ospackages::{Repositories, RepositoryError, Sources};
use slimwright::python::Inventory;
use slimwright::wheel::Platform;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;

/// An image with Python and nothing else.
const PYTHON: &str = "
    layer ADD rootfs.tar /
    f usr/local/bin/python3.11 6000
    l usr/local/bin/python3 -> python3.11
    f usr/local/bin/pip 230
    f usr/local/lib/python3.11/site-packages/pip/__init__.py 350
    f usr/local/lib/python3.11/site-packages/pip-24.0.dist-info/METADATA = Metadata-Version: 2.1\\nName: pip\\nVersion: 24.0\\n
    f usr/local/lib/python3.11/site-packages/pip-24.0.dist-info/RECORD = pip/__init__.py,,350\\n
    f srv/requirements.txt = fast==1.0\\n
    f srv/odd.lst 40
    env PATH=/usr/local/bin:/usr/bin:/bin
    env PYTHON_VERSION=3.11.9
";

/// Debian without a Python of its own, after apt has installed one.
const DEBIAN: &str = "
    layer ADD rootfs.tar /
    f etc/debian_version 5
    f var/lib/dpkg/status = Package: python3-minimal\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 3.11.2-1+b1\\n\\n
    env PATH=/usr/local/bin:/usr/bin:/bin
";

struct World<'l> {
    lab: &'l Lab,
    base: &'static str,
}

impl Outside for World<'_> {
    fn image(&self, _: &str) -> Base {
        Base::Known(Box::new(fixture::image(self.base)), "made".into())
    }

    fn resolve(&self, request: &Request, files: &dyn Files, on: &Platform) -> Result<Resolution, RequestError> {
        resolve(self.lab.uv.as_ref().unwrap(), request, files, on, &options())
    }

    fn repositories(&self, _: &Sources, _: &str) -> Result<Repositories, RepositoryError> {
        Err(RepositoryError::NoSources("none are named".into()))
    }
}

fn lab() -> Option<Lab> {
    let more = [package("old", "1.0", &[], &[]), package("old", "2.0", &[], &[]), package("top", "1.0", &["old"], &[])];
    let lab = Lab::new(index(files().into_iter().chain(more).collect(), false));
    lab.uv.is_some().then_some(lab)
}

fn made_on(lab: &Lab, base: &'static str, folder: &Path, python: Option<&str>) -> Result<Virtual, ContextError> {
    let python = python.map(str::to_owned);
    let options = ContextOptions { platform: "linux/amd64".into(), python, ..ContextOptions::default() };
    read(folder, &options, &World { lab, base })
}

/// The context of these files, in a folder of its own.
fn made(lab: &Lab, files: &[(&str, &str)]) -> Result<Virtual, ContextError> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files, lab);
    made_on(lab, PYTHON, folder.path(), None)
}

fn write(folder: &Path, files: &[(&str, &str)], lab: &Lab) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("HOST", &lab.server.host())).unwrap();
    }
}

/// What is installed, but pip.
fn pins(made: &Virtual) -> Vec<String> {
    let view = View::new(&made.image);
    let dists = Inventory::new(&view).distributions;
    let dists = dists.iter().filter(|dist| dist.normalized != "pip");
    dists.map(|dist| format!("{}=={}", dist.normalized, dist.version)).collect()
}

fn gaps(made: &Virtual) -> String {
    format!("{:?}", made.image.gaps)
}

/// What a context with these files installs, with nothing unknown.
fn installs(lab: &Lab, files: &[(&str, &str)]) -> Vec<String> {
    let made = made(lab, files).unwrap_or_else(|error| panic!("{error}"));
    assert!(made.image.gaps.is_empty(), "{}", gaps(&made));
    pins(&made)
}

#[test]
fn a_folder_is_read_and_nothing_outside_of_it() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("in");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(outer.path().join("secret"), "token").unwrap();
    fs::write(root.join("a/b/own"), "own").unwrap();
    for (name, target) in [
        ("near", "a/b/own"),
        ("up", "../secret"),
        ("absolute", "/a/b/own"),
        ("dir", "a/b"),
        ("out", ".."),
        ("loop", "loop"),
        ("proc", "/proc/self/environ"),
    ] {
        symlink(target, root.join(name)).unwrap();
    }
    symlink(outer.path().join("secret"), root.join("whole")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), rustix::fs::Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    let root = Root::open(&root).unwrap();
    for path in ["a/b/own", "near", "dir/own", "absolute", "out/a/../near", "../../a/b/own", "./a//b/./own"] {
        assert_eq!(root.read(path.as_bytes(), 9).unwrap(), b"own", "{path}");
    }
    for path in ["up", "out/secret", "../secret", "whole", "proc", "a/b/own/x", "", "dir", "loop", "pipe", "socket"] {
        assert!(root.read(path.as_bytes(), 9).is_err(), "{path}");
    }
    assert_eq!(root.read(b"near", 2).unwrap_err().kind(), ErrorKind::FileTooLarge);
    assert_eq!(
        (root.find(b"pipe"), root.find(b"dir"), root.find(b"up")),
        (Some(Found::Other), Some(Found::Directory), None)
    );
    assert!(read_named(Path::new("/dev/zero"), 9).is_err() && read_named(Path::new("/proc/self/environ"), 4).is_err());
}

#[test]
fn nothing_of_this_machine_is_read_for_a_repository() {
    let Some(lab) = lab() else { return };
    let docker =
        "FROM python:3.11-slim\nCOPY . /app/\nWORKDIR /app\nRUN pip install --no-cache-dir -r requirements.txt\n";
    let outer = tempfile::tempdir().unwrap();
    fs::write(outer.path().join("secret"), "hunter2 is the token\n").unwrap();
    let folder = outer.path().join("a/b");
    for line in [
        "-r /proc/self/environ".to_owned(),
        "-r ../../secret".to_owned(),
        "-c ../../secret".to_owned(),
        "-c /etc/passwd".to_owned(),
        "-c file:///etc/passwd".to_owned(),
        format!("-r {}", outer.path().join("secret").display()),
        format!("-c {}", outer.path().join("secret").display()),
        "-r link".to_owned(),
        "-r away/secret".to_owned(),
        "-e ../..".to_owned(),
        "./link".to_owned(),
        "--find-links ../..".to_owned(),
        "--no-index --find-links file:///etc".to_owned(),
    ] {
        fs::create_dir_all(&folder).unwrap();
        write(&folder, &[("Dockerfile", docker), ("requirements.txt", &format!("fast\n{line}\n"))], &lab);
        symlink("../../secret", folder.join("link")).unwrap();
        symlink("../..", folder.join("away")).unwrap();
        let said = match made_on(&lab, PYTHON, &folder, None) {
            Ok(made) => format!("{} {:?}", gaps(&made), made.notes),
            Err(error) => format!("{error} {error:?} {:?}", error.hint()),
        };
        assert!(!said.contains("hunter2") && !said.contains("root:x:0") && !said.contains("PATH="), "{line}: {said}");
        fs::remove_dir_all(&folder).unwrap();
    }
    // The Dockerfile itself.
    fs::create_dir_all(&folder).unwrap();
    for target in ["../../secret", "/proc/self/environ", "/etc/passwd", "/dev/zero"] {
        symlink(target, folder.join("Dockerfile")).unwrap();
        let error = made_on(&lab, PYTHON, &folder, None).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(error.is_configuration() && !said.contains("hunter2") && !said.contains("root:x"), "{said}");
        fs::remove_file(folder.join("Dockerfile")).unwrap();
    }
}

#[test]
fn files_are_those_of_the_image_wherever_they_came_from() {
    let Some(lab) = lab() else { return };
    let from = "FROM python:3.11-slim\nWORKDIR /w\n";
    let context = |rest: &str, more: &[(&str, &str)]| {
        let text = format!("{from}{rest}");
        installs(&lab, &[&[("Dockerfile", text.as_str())], more].concat())
    };
    let fast = ["fast==1.0"];
    // Of the base image.
    assert_eq!(context("RUN pip install --no-cache-dir -r /srv/requirements.txt\n", &[]), fast);
    // Written by instructions, copied and moved.
    assert_eq!(context("COPY <<EOF /r.txt\nfast\nEOF\nRUN pip install --no-cache-dir -r /r.txt\n", &[]), fast);
    assert_eq!(
        context("RUN echo fast > r.txt && cp r.txt s.txt && mv s.txt /t && pip install -q --no-cache-dir -r /t\n", &[]),
        fast
    );
    assert_eq!(
        context("COPY a.in .\nRUN echo fast >> a.in && pip install --no-cache-dir -r a.in\n", &[("a.in", "lib<1\n")]),
        ["fast==1.0", "lib==0.5"]
    );
    // Relative to the file in the image, not to the one on disk.
    let both = [("x/main.txt", "-r base.txt\n"), ("y/base.txt", "fast\n")];
    assert_eq!(context("COPY x/main.txt y/base.txt ./\nRUN pip install --no-cache-dir -r main.txt\n", &both), fast);
    // A link within the context, and one to a folder of it.
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("real/r.txt", "fast\n")], &lab);
    symlink("real/r.txt", folder.path().join("r.txt")).unwrap();
    symlink("/real", folder.path().join("other")).unwrap();
    for copied in ["COPY r.txt .\n", "COPY other/r.txt .\n", "COPY . .\n"] {
        write(
            folder.path(),
            &[("Dockerfile", &format!("{from}{copied}RUN pip install --no-cache-dir -r r.txt\n"))],
            &lab,
        );
        assert_eq!(pins(&made_on(&lab, PYTHON, folder.path(), None).unwrap()), fast, "{copied}");
    }
    // Text of PowerShell's.
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain("fast\r\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    fs::write(folder.path().join("real/r.txt"), wide).unwrap();
    assert_eq!(pins(&made_on(&lab, PYTHON, folder.path(), None).unwrap()), fast);
}

#[test]
fn a_file_that_is_not_there_fails_and_one_that_is_not_known_is_a_gap() {
    let Some(lab) = lab() else { return };
    let text = "FROM python:3.11-slim\nCOPY requirements.txt /w/\nRUN pip install -r /w/requirements.txt\n";
    // It is in the folder, and was not copied.
    let files = [("Dockerfile", text), ("requirements.txt", "fast\n-r more.txt\n"), ("more.txt", "lib\n")];
    let error = made(&lab, &files).unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("requirements.txt:2"), "{error}");
    // The base image has it, and its index does not keep what is in it.
    let files = [("Dockerfile", text), ("requirements.txt", "fast\n-r /srv/odd.lst\n")];
    let found = made(&lab, &files).unwrap();
    assert_eq!(pins(&found), ["fast==1.0"]);
    assert!(found.image.gaps.len() == 1 && gaps(&found).contains("odd.lst"), "{}", gaps(&found));
}

#[test]
fn a_list_that_a_command_exports_is_followed_into_other_stages() {
    let Some(lab) = lab() else { return };
    let poetry = "[[package]]\nname = 'lib'\nversion = '1.0'\ngroups = ['main']\n\
                  [[package]]\nname = 'fast'\nversion = '1.0'\ngroups = ['dev']\n[metadata]\nlock-version = '2.1'\n";
    let project = "[tool.poetry]\nname = 'x'\nversion = '1'\npackage-mode = false\n[tool.poetry.dependencies]\nlib = '*'\n\
                   [tool.poetry.group.dev.dependencies]\nfast = '*'\n";
    for (export, expected) in [
        ("poetry export -f requirements.txt -o r.txt --without-hashes", &["lib==1.0"][..]),
        ("poetry export --with dev > r.txt", &["fast==1.0", "lib==1.0"]),
        ("poetry export --only dev --output=r.txt", &["fast==1.0"]),
    ] {
        let text = format!(
            "FROM python:3.11-slim AS list\nWORKDIR /tmp\nCOPY pyproject.toml poetry.lock ./\nRUN {export}\n\
             FROM python:3.11-slim\nCOPY --from=list /tmp/r.txt /\nRUN pip install --no-cache-dir -r /r.txt\n"
        );
        let files = [("Dockerfile", text.as_str()), ("pyproject.toml", project), ("poetry.lock", poetry)];
        assert_eq!(installs(&lab, &files), expected, "{export}");
    }
    let text = "FROM python:3.11-slim AS list\nCOPY a.in /\nRUN uv pip compile /a.in -o /r.txt\nFROM python:3.11-slim\n\
                COPY --from=list /r.txt /r.txt\nRUN pip install --no-cache-dir -r /r.txt\n";
    assert_eq!(installs(&lab, &[("Dockerfile", text), ("a.in", "lib<1\n")]), ["lib==0.5"]);
}

#[test]
fn a_project_without_its_dependencies_changes_nothing_else() {
    let Some(lab) = lab() else { return };
    let project =
        "[project]\nname = 'own'\nversion = '1'\ndependencies = ['lib>=0.5']\n[build-system]\nrequires = []\n";
    let docker = |how: &str| {
        format!(
            "FROM python:3.11-slim\nCOPY . /srv\nWORKDIR /srv\nRUN pip install --no-cache-dir lib==0.5\nRUN pip install --no-cache-dir {how}\n"
        )
    };
    for how in ["--no-deps .", "--no-deps -e .", ". --no-deps", "--no-deps ./"] {
        let text = docker(how);
        let files = [("Dockerfile", text.as_str()), ("pyproject.toml", project), ("own/__init__.py", "")];
        let found = made(&lab, &files).unwrap();
        assert_eq!(pins(&found), ["lib==0.5", "own==1"], "{how}");
    }
}

#[test]
fn a_package_of_a_lock_that_only_another_extra_reaches_is_not_installed() {
    let Some(lab) = lab() else { return };
    let package = |name: &str, version: &str, requires: &str| {
        let requires =
            if requires.is_empty() { String::new() } else { format!("[package.dependencies]\n{requires}\n") };
        format!(
            "[[package]]\nname = '{name}'\nversion = '{version}'\ngroups = ['main']\nmarkers = \"os_name == 'posix'\"\n{requires}"
        )
    };
    let lock = package("app", "1.0", "lib = '*'")
        + &package("lib", "0.5", "")
        + &package("lib", "1.5", "fast = '>=1 || <0.2'")
        + &package("fast", "1.0", "")
        + "[extras]\na = ['lib']\nb = ['lib']\n[metadata]\nlock-version = '2.1'\n";
    let project = "[project]\nname = 'x'\nversion = '1'\ndependencies = ['app']\n[project.optional-dependencies]\na = ['lib==0.5']\n\
                   b = ['lib==1.5']\n[tool.poetry]\npackage-mode = false\n";
    for (extra, expected) in
        [("--extras a", &["app==1.0", "lib==0.5"][..]), ("-E b", &["app==1.0", "fast==1.0", "lib==1.5"])]
    {
        let text = format!(
            "FROM python:3.11-slim\nENV POETRY_VIRTUALENVS_CREATE=false\nWORKDIR /w\nCOPY pyproject.toml poetry.lock ./\n\
             RUN poetry install --no-root --no-cache {extra}\n"
        );
        let files = [("Dockerfile", text.as_str()), ("pyproject.toml", project), ("poetry.lock", lock.as_str())];
        assert_eq!(installs(&lab, &files), expected, "{extra}");
    }
}

#[test]
fn sources_of_uv_count_for_their_extra_and_their_group() {
    let Some(lab) = lab() else { return };
    let project = "[project]\nname = 'own'\nversion = '1'\ndependencies = ['fast']\n[build-system]\nrequires = []\n\
                   [project.optional-dependencies]\na = ['lib==1.0']\nb = ['lib==1.5']\n\
                   [tool.uv.sources]\nlib = [{ index = 'main', extra = 'a' }, { index = 'main', extra = 'b' },\n\
                   { git = 'https://example.org/x.git', group = 'never' }]\n\
                   [[tool.uv.index]]\nname = 'main'\nurl = 'http://HOST/simple'\nexplicit = true\n";
    for (command, expected) in [
        ("uv pip install --system --no-cache -e .[b]", &["fast==1.0", "lib==1.5", "own==1"][..]),
        ("uv pip install --system --no-cache -e .[a]", &["fast==1.0", "lib==1.0", "own==1"]),
        ("pip install --no-cache-dir -e .[a]", &["fast==1.0", "lib==1.0", "own==1"]),
    ] {
        let text = format!("FROM python:3.11-slim\nCOPY . /srv\nWORKDIR /srv\nRUN {command}\n");
        let found = made(&lab, &[("Dockerfile", text.as_str()), ("pyproject.toml", project)]).unwrap();
        assert_eq!(pins(&found), expected, "{command}");
    }
}

#[test]
fn the_python_of_a_package_or_of_the_user_counts() {
    let Some(lab) = lab() else { return };
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[("Dockerfile", "FROM debian:12\nRUN pip3 install --no-cache-dir --break-system-packages fast\n")],
        &lab,
    );
    let found = made_on(&lab, DEBIAN, folder.path(), None).unwrap();
    assert_eq!(pins(&found), ["fast==1.0"], "{}", gaps(&found));
    assert!(View::new(&found.image).get(b"usr/local/lib/python3.11/dist-packages/fast/__init__.py").is_some());
    const BARE: &str = "\n    layer ADD rootfs.tar /\n    f etc/debian_version 5\n";
    let unknown = made_on(&lab, BARE, folder.path(), None).unwrap();
    assert!(pins(&unknown).is_empty() && unknown.image.gaps.len() == 1);
    assert_eq!(pins(&made_on(&lab, BARE, folder.path(), Some("3.11")).unwrap()), ["fast==1.0"]);
}

#[test]
fn wheels_that_a_stage_collects_are_installed_in_another() {
    let Some(lab) = lab() else { return };
    for (collect, install) in [
        ("pip wheel -w /wheels -r /r.txt", "pip install --no-cache-dir --no-index --find-links=/wheels -r /r.txt"),
        ("pip wheel --no-cache-dir --wheel-dir=/wheels -r /r.txt", "pip install --no-cache-dir /wheels/*"),
        ("pip download -d /wheels app==0.9", "pip install --no-cache-dir --no-index -f /wheels app"),
    ] {
        let text = format!(
            "FROM python:3.11-slim AS b\nCOPY r.txt /\nRUN {collect}\nFROM python:3.11-slim\nCOPY --from=b /wheels /wheels\n\
             COPY r.txt /\nRUN {install}\n"
        );
        let files = [("Dockerfile", text.as_str()), ("r.txt", "app==0.9\n")];
        assert_eq!(installs(&lab, &files), ["app==0.9", "lib==0.5"], "{install}");
    }
}
