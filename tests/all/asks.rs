//! The parsers of what an installation is asked for: requirements files and locks of every kind.

use crate::requests::{Lab, files, pins, platform};
use crate::wheels::index;
use slimwright::base::Digest;
use slimwright::index::{Input, Request};
use slimwright::manifest::{
    Choice, parse_pdm_lock, parse_pipfile_lock, parse_poetry_lock, parse_project, parse_uv_lock,
};
use slimwright::manifest::{LineKind, Markers, parse_requirement_line, parse_requirements_file};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[test]
fn every_form_of_a_requirements_file_is_read() {
    let text = "\u{feff}# comment\nA.b [x, y] >= 1.0 , < 2 ; python_version > '3' # why\n\
                c==1 \\\n  --hash=sha256:AB12 \\\n  --hash sha256:cd34\n\
                d @ https://example.org/d-1-py3-none-any.whl ; os_name == 'posix'\n\
                git+ssh://git@example.org/e.git@v1#egg=e[z]\n-e ./f\n./g-1.tar.gz\nh-1-py3-none-any.whl\n\
                -r more.txt\n--requirement=other.txt\n-cbounds.txt\n-i https://${USER_NAME}:${MISSING}@example.org/simple\n\
                --extra-index-url=https://example.org/2\n--no-index\n--pre\n-f wheels\n--no-binary :all:\n--only-binary=a,b\n\
                --trusted-host example.org\n--require-hashes\n--prefer-binary\n--use-feature=x\n\
                i (>=1)\nj>=2.7.*\nk===odd\nfile:///x/l-1-py3-none-any.whl\n\n   \n";
    let variable = |name: &str| (name == "USER_NAME").then(|| "me".to_owned());
    let lines = parse_requirements_file(text, &variable).unwrap();
    let shown: Vec<String> = lines
        .iter()
        .map(|row| match &row.what {
            LineKind::Requirement(found) => format!(
                "{} {}{}{}{}",
                row.line,
                if found.editable { "-e " } else { "" },
                found.line(),
                if found.hashes.is_empty() { "" } else { " " },
                found.hashes.join(" ")
            ),
            LineKind::Include(path) => format!("{} -r {path}", row.line),
            LineKind::Constraint(path) => format!("{} -c {path}", row.line),
            LineKind::Option(name, value) => format!("{} {name} {value}", row.line),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "2 A.b[x,y]>=1.0,<2 ; python_version > '3'",
            "3 c==1 sha256:ab12 sha256:cd34",
            "6 d @ https://example.org/d-1-py3-none-any.whl ; os_name == 'posix'",
            "7 e[z] @ git+ssh://git@example.org/e.git@v1#egg=e[z]",
            "8 -e  @ ./f",
            "9  @ ./g-1.tar.gz",
            "10  @ h-1-py3-none-any.whl",
            "11 -r more.txt",
            "12 -r other.txt",
            "13 -c bounds.txt",
            "14 --index-url https://me:${MISSING}@example.org/simple",
            "15 --extra-index-url https://example.org/2",
            "16 --no-index ",
            "17 --pre ",
            "18 --find-links wheels",
            "19 --no-binary :all:",
            "20 --only-binary a,b",
            "21 --trusted-host example.org",
            "22 --require-hashes ",
            "23 --prefer-binary ",
            "24 --use-feature x",
            "25 i>=1",
            "26 j>=2.7.*",
            "27 k===odd",
            "28  @ file:///x/l-1-py3-none-any.whl",
        ]
    );
}

#[test]
fn a_line_that_is_none_is_told_with_its_number() {
    for (text, line, expected) in [
        ("six\nflask ==\n", 2, "version specifiers"),
        ("fla sk==1", 1, "version specifiers"),
        ("\\\n\n!x", 3, "a package's name"),
        ("a[b==1", 1, "`]`"),
        ("a; python_versoin > '3'", 1, "in the marker"),
        ("--indx-url https://u:hunter2@example.org", 1, "an option of requirements files"),
        ("-r", 1, "a value behind --requirement"),
        ("a --hash=sha256", 1, "--hash=ALGORITHM:DIGEST"),
        ("a --indx-url x", 1, "behind a requirement"),
        ("a==1.99999999999999999999", 1, "version specifiers"),
        ("--hash=sha256:00", 1, "a requirement before --hash"),
    ] {
        let error = parse_requirements_file(text, &|_| None).unwrap_err();
        assert!(error.line == line && error.expected.contains(expected), "{text}: {error:?}");
        assert!(!error.found.contains("hunter2"), "{error:?}");
    }
}

#[test]
fn options_of_the_file_behind_a_requirement_are_read_as_pip_does() {
    let line = "a>=1 -i https://example.org --hash=sha256:00 --no-binary a; sys_platform == 'darwin'";
    let read = parse_requirements_file(line, &|_| None).unwrap();
    let LineKind::Requirement(found) = &read[0].what else { panic!("{read:?}") };
    assert_eq!((&*found.name, &*found.specifiers, &*found.marker, found.hashes.len()), ("a", ">=1", "", 1));
    let beside: Vec<(&str, &str)> = found.beside.iter().map(|(option, value)| (*option, &**value)).collect();
    let words = ["sys_platform", "==", "'darwin'"].map(|word| ("", word));
    assert_eq!(beside, [&[("--index-url", "https://example.org"), ("--no-binary", "a;")][..], &words].concat());
}

#[test]
fn of_two_locked_builds_poetry_takes_the_one_from_the_source_that_the_project_names() {
    let build = |local: &str, source: &str| {
        format!(
            "[[package]]\nname = 'app'\nversion = '2.0+{local}'\ngroups = ['main']\nfiles = []\n\
             [package.source]\ntype = 'legacy'\nurl = 'https://example.org/{local}'\nreference = '{source}'\n"
        )
    };
    let lock = build("cpu", "small") + &build("cu9", "large") + "[extras]\nx = ['app']\ny = ['app']\n";
    let project = "[project]\nname = 'mine'\nversion = '1'\ndependencies = ['app>=1']\n[project.optional-dependencies]\n\
        x = ['app==2.0']\ny = ['app==2.0']\n[tool.poetry.dependencies]\napp = [\n\
        { markers = \"extra == 'x' and extra != 'y'\", source = 'small' },\n\
        { markers = \"extra == 'y' and extra != 'x'\", source = 'large' },\n]\n";
    let project = parse_project(project).unwrap();
    for (extra, version) in [("x", "2.0+cpu"), ("y", "2.0+cu9")] {
        let found = parse_poetry_lock(&lock, Some(&project), &choice(&[extra], &[]), &markers()).unwrap();
        let versions: Vec<Option<&str>> = found.pins.iter().map(|pin| pin.version.as_deref()).collect();
        assert_eq!(versions, [Some(version)]);
    }
}

fn markers() -> Markers {
    Markers::new(&platform().python, &platform().architecture)
}

fn names(pins: &slimwright::manifest::Pins) -> Vec<&str> {
    pins.pins.iter().map(|pin| pin.name.as_str()).collect()
}

fn choice(extras: &[&str], groups: &[&str]) -> Choice {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Choice { extras: owned(extras), groups: owned(groups), ..Choice::default() }
}

const PROJECT: &str = "[project]\nname = 'mine'\nversion = '1'\ndependencies = ['app']\n[project.optional-dependencies]\n\
                       quick = ['fast']\n[dependency-groups]\ndev = ['lib']\ndocs = ['helper']\n";

#[test]
fn uvs_lock_says_all_by_itself() {
    let lock = "version = 1\nrequires-python = '>=3.11'\n\
        [[package]]\nname = 'mine'\nversion = '1'\nsource = { editable = '.' }\n\
        dependencies = [{ name = 'app', extra = ['x'] }, { name = 'win', marker = \"sys_platform == 'win32'\" }]\n\
        [package.optional-dependencies]\nquick = [{ name = 'fast' }]\n\
        [package.dev-dependencies]\ndev = [{ name = 'lib' }]\ndocs = [{ name = 'two', version = '2' }]\n\
        [[package]]\nname = 'app'\nversion = '1.0'\nsource = { registry = 'https://example.org/simple' }\n\
        dependencies = [{ name = 'two', version = '1' }]\n\
        wheels = [{ url = 'https://u:hunter2@example.org/app-1.0-cp311-cp311-manylinux_2_17_x86_64.whl', hash = 'sha256:00', size = 7 },\n\
        { url = 'https://example.org/app-1.0-cp311-cp311-win_amd64.whl', hash = 'sha256:01', size = 8 }]\n\
        [package.optional-dependencies]\nx = [{ name = 'extra-of-app' }]\n\
        [[package]]\nname = 'win'\nversion = '1'\nsource = { registry = 'https://example.org/simple' }\n\
        [[package]]\nname = 'two'\nversion = '1'\nsource = { registry = 'https://example.org/simple' }\n\
        [[package]]\nname = 'two'\nversion = '2'\nsource = { registry = 'https://example.org/simple' }\n\
        [[package]]\nname = 'fast'\nversion = '1'\nsource = { git = 'https://example.org/fast.git?rev=1#abc' }\n\
        [[package]]\nname = 'lib'\nversion = '1'\nsource = { url = 'https://example.org/lib-1-py3-none-any.whl' }\n\
        wheels = [{ url = 'https://example.org/lib-1-py3-none-any.whl', hash = 'sha256:02' }]\n\
        [[package]]\nname = 'extra-of-app'\nversion = '1'\nsource = { directory = '../x' }\n";
    let project = parse_project(PROJECT).unwrap();
    let read = |choice: Choice| parse_uv_lock(lock, Some(&project), &choice, &markers());
    let found = read(Choice::default()).unwrap();
    assert_eq!(names(&found), ["app", "extra-of-app", "lib", "mine", "two"]);
    let app = &found.pins[0];
    assert_eq!((app.files.len(), app.files[0].size, app.requested), (2, Some(7), true));
    assert_eq!(app.files[0].url.as_deref(), Some("https://example.org/app-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"));
    assert_eq!((found.pins[1].path.as_deref(), found.pins[1].requested), (Some("../x"), false));
    assert_eq!(found.pins[4].version.as_deref(), Some("1"));
    let without = Choice { no_default: true, no_project: true, ..choice(&["quick"], &[]) };
    assert_eq!(names(&read(without).unwrap()), ["app", "extra-of-app", "fast", "two"]);
    let only = Choice { only_groups: vec!["docs".into()], ..Choice::default() };
    assert_eq!(read(only).unwrap().pins[0].version.as_deref(), Some("2"));
    assert!(read(choice(&["nope"], &[])).unwrap_err().contains("found `nope`"));
    assert!(parse_uv_lock("version = 2", None, &Choice::default(), &markers()).is_err());
    assert!(parse_uv_lock("version = 1\n[[package]]\n", None, &Choice::default(), &markers()).is_err());
}

#[test]
fn poetrys_lock_is_read_by_groups_or_by_edges() {
    let new = "[[package]]\nname = 'app'\nversion = '1.0'\ngroups = ['main']\nfiles = [{ file = 'a.whl', hash = 'sha256:AA' }]\n\
        [[package]]\nname = 'fast'\nversion = '1'\noptional = true\ngroups = ['main']\nmarkers = \"extra == 'quick'\"\nfiles = []\n\
        [[package]]\nname = 'lib'\nversion = '1'\ngroups = ['main', 'dev']\nfiles = []\n\
        [package.markers]\nmain = \"sys_platform == 'win32'\"\ndev = \"python_version > '3'\"\n\
        [[package]]\nname = 'priv'\nversion = '1'\ngroups = ['docs']\nfiles = []\n\
        [package.source]\ntype = 'legacy'\nurl = 'https://example.org/simple'\nreference = 'mine'\n\
        [extras]\nquick = ['fast']\n[metadata]\nlock-version = '2.1'\n";
    let project =
        parse_project(&format!("{}[tool.poetry.group.docs]\noptional = true\n", PROJECT.replace("helper", "priv")))
            .unwrap();
    let read = |choice: Choice| parse_poetry_lock(new, Some(&project), &choice, &markers()).unwrap();
    let found = read(Choice::default());
    assert_eq!(names(&found), ["app", "lib"]);
    assert_eq!((&found.pins[0].hashes[..], found.pins[0].requested), (&["sha256:aa".to_owned()][..], true));
    assert_eq!(names(&read(Choice { no_default: true, ..choice(&["quick"], &[]) })), ["app", "fast"]);
    let docs = read(choice(&[], &["docs"]));
    assert_eq!(docs.pins[2].index.as_deref(), Some("https://example.org/simple"));
    let only = Choice { only_groups: vec!["dev".into()], ..Choice::default() };
    assert_eq!(names(&read(only)), ["lib"]);

    let old = "[[package]]\nname = 'app'\nversion = '1.0'\noptional = false\n[package.dependencies]\n\
        lib = { version = '>=1', extras = ['x'] }\nwin = { version = '*', markers = \"sys_platform == 'win32'\" }\n\
        opt = { version = '*', optional = true }\n\
        [[package]]\nname = 'lib'\nversion = '1'\n[package.extras]\nx = ['deep (>=1)']\n\
        [[package]]\nname = 'deep'\nversion = '1'\n[[package]]\nname = 'win'\nversion = '1'\n[[package]]\nname = 'opt'\nversion = '1'\n\
        [[package]]\nname = 'test'\nversion = '1'\n[metadata]\nlock-version = '2.0'\n[metadata.files]\nlib = [{ file = 'l', hash = 'sha256:bb' }]\n";
    let project = "[tool.poetry]\nname = 'mine'\nversion = '1'\n[tool.poetry.dependencies]\npython = '^3.11'\napp = '^1.0'\n\
        [tool.poetry.group.test.dependencies]\ntest = '*'\n";
    let project = parse_project(project).unwrap();
    assert_eq!(project.dependencies[0].0.specifiers, ">=1.0,<2");
    let read = |choice: Choice| parse_poetry_lock(old, Some(&project), &choice, &markers()).unwrap();
    let found = read(Choice::default());
    assert_eq!(names(&found), ["app", "deep", "lib", "test"]);
    assert_eq!(found.pins[2].hashes, ["sha256:bb"]);
    let only = Choice { only_groups: vec!["main".into()], ..Choice::default() };
    assert_eq!(names(&read(only)), ["app", "deep", "lib"]);
    let all = parse_poetry_lock(old, None, &Choice::default(), &markers()).unwrap();
    assert!(all.pins.len() == 6 && all.notes.len() == 1);
}

#[test]
fn pdms_and_pipenvs_locks_are_read() {
    let pdm = "[metadata]\ngroups = ['default', 'dev', 'docs', 'quick']\nlock_version = '4.5.0'\n\
        [[package]]\nname = 'app'\nversion = '1.0'\ngroups = ['default']\nfiles = [{ file = 'a.whl', hash = 'sha256:aa' }]\n\
        [[package]]\nname = 'app'\nversion = '1.0'\nextras = ['x']\ngroups = ['default']\nfiles = []\n\
        [[package]]\nname = 'win'\nversion = '1'\ngroups = ['default']\nmarker = \"sys_platform == 'win32'\"\nfiles = []\n\
        [[package]]\nname = 'fast'\nversion = '1'\ngroups = ['quick']\n\
        files = [{ url = 'https://example.org/fast-1-py3-none-any.whl', hash = 'sha256:cc' }]\n\
        [[package]]\nname = 'lib'\nversion = '1'\ngroups = ['dev']\ngit = 'https://example.org/lib.git'\n";
    let project = parse_project(PROJECT).unwrap();
    let read = |choice: Choice| parse_pdm_lock(pdm, Some(&project), &choice, &markers()).unwrap();
    assert_eq!(names(&read(Choice::default())), ["app", "lib"]);
    let found = read(Choice { no_default: true, ..choice(&["quick"], &[]) });
    assert_eq!(names(&found), ["app", "fast"]);
    assert_eq!((found.pins[1].files.len(), found.pins[0].requested), (1, true));

    let pipfile = "{\"_meta\": {\"sources\": [{\"name\": \"first\", \"url\": \"https://example.org/1\"}, {\"name\": \"second\", \
        \"url\": \"https://example.org/2\"}]}, \"default\": {\"app\": {\"hashes\": [\"sha256:aa\"], \"version\": \"==1.0\", \
        \"index\": \"first\"}, \"priv\": {\"version\": \"==2\", \"index\": \"second\"}, \"win\": {\"version\": \"==1\", \
        \"markers\": \"sys_platform == 'win32'\"}, \"repo\": {\"git\": \"https://example.org/r.git\", \"ref\": \"abc\"}}, \
        \"develop\": {\"lib\": {\"version\": \"==1\"}}}";
    let found = parse_pipfile_lock(pipfile, &Choice::default(), &markers()).unwrap();
    assert_eq!(names(&found), ["app", "priv", "repo"]);
    assert_eq!((found.pins[0].version.as_deref(), found.pins[0].index.as_deref()), (Some("1.0"), None));
    assert_eq!(found.pins[1].index.as_deref(), Some("https://example.org/2"));
    assert_eq!(found.default_index.as_deref(), Some("https://example.org/1"));
    let found = parse_pipfile_lock(pipfile, &choice(&[], &["dev"]), &markers()).unwrap();
    assert_eq!(names(&found), ["app", "lib", "priv", "repo"]);
    for broken in ["", "[]", "{\"default\": []}", "{\"default\": {\"a\": 1}}", "{\"default\": {\"../x\": {}}}"] {
        assert!(parse_pipfile_lock(broken, &Choice::default(), &markers()).is_err(), "{broken}");
    }
}

#[test]
fn a_locks_pins_are_looked_up_and_measured() {
    let lab = Lab::new(index(files(), false));
    if lab.uv.is_none() {
        return;
    }
    let digest = |name: &str| Digest::of(&files().iter().find(|file| file.name == name).unwrap().bytes).hex();
    let (lib, fast) = (digest("lib-1.5-py3-none-any.whl"), digest("fast-1.0-py3-none-any.whl"));
    lab.write(
        "poetry.lock",
        &format!(
            "[[package]]\nname = 'lib'\nversion = '1.5'\ngroups = ['main']\nfiles = [{{ file = 'x', hash = 'sha256:{lib}' }}]\n\
             [[package]]\nname = 'fast'\nversion = '1.0'\ngroups = ['main']\nfiles = [{{ file = 'x', hash = 'sha256:{}' }}]\n\
             [[package]]\nname = 'sourceonly'\nversion = '3.0'\ngroups = ['main']\nfiles = []\n\
             [[package]]\nname = 'gone'\nversion = '3.0'\ngroups = ['main']\nfiles = []\n",
            "0".repeat(64)
        ),
    );
    lab.write(
        "uv.lock",
        &format!(
            "version = 1\n[[package]]\nname = 'mine'\nsource = {{ virtual = '.' }}\ndependencies = [{{ name = 'fast' }}]\n\
             [[package]]\nname = 'fast'\nversion = '1.0'\nsource = {{ registry = 'http://HOST/simple' }}\n\
             wheels = [{{ url = 'http://HOST/files/fast-1.0-py3-none-any.whl', hash = 'sha256:{fast}' }}]\n"
        ),
    );
    let pylock = lab.write(
        "pylock.app.toml",
        &format!(
            "lock-version = '1.0'\ncreated-by = 'test'\nextras = ['quick']\ndependency-groups = ['dev']\n\
             [[packages]]\nname = 'fast'\nversion = '1.0'\nmarker = \"'quick' in extras\"\n\
             wheels = [{{ url = 'http://HOST/files/fast-1.0-py3-none-any.whl', hashes = {{ sha256 = '{fast}' }} }}]\n\
             [[packages]]\nname = 'lib'\nversion = '1.5'\nmarker = \"'dev' in dependency_groups\"\n\
             [[packages]]\nname = 'repo'\nvcs = {{ type = 'git', url = 'https://u:hunter2@example.org/r.git', commit-id = 'a' }}\n"
        ),
    );
    let lock = |path: PathBuf, choice: Choice| {
        let request = Request { inputs: vec![Input::Lock { path, choice }], ..Request::default() };
        lab.ask(&request).unwrap()
    };
    let found = lock(lab.path("poetry.lock"), Choice::default()).unwrap();
    let reasons: BTreeMap<&str, &str> =
        found.packages.iter().map(|package| (package.name.as_str(), package.reason.as_str())).collect();
    assert_eq!(reasons["lib"], "");
    assert!(reasons["fast"].contains("digest") && reasons["sourceonly"].contains("no wheel"), "{reasons:?}");
    assert!(reasons["gone"].contains("does not have this version"), "{reasons:?}");
    let found = lock(lab.path("uv.lock"), Choice::default()).unwrap();
    assert!(pins(&found) == ["fast==1.0"] && found.packages[0].info.is_some(), "{found:?}");
    let found = lock(pylock, choice(&["quick"], &[])).unwrap();
    assert_eq!(pins(&found), ["fast==1.0", "repo=="]);
    assert!(found.packages[0].info.is_some() && !format!("{found:?}").contains("hunter2"));
    let broken = lab.write("pdm.lock", "[[package]]\nversion = '1'\n");
    let error = lock(broken, Choice::default()).unwrap_err();
    assert!(lab.shown(&error).starts_with("pdm.lock: expected a lock of the kind that pdm.lock is"), "{error}");
    let other = lab.write("x.lock", "");
    assert!(lock(other, Choice::default()).unwrap_err().is_configuration());
}

/// Texts that the parsers read, to be broken.
fn samples() -> Vec<String> {
    let lock = "version = 1\n[[package]]\nname = 'a'\nversion = '1'\nsource = { editable = '.' }\ngroups = ['main', 'default']\n\
        markers = \"os_name == 'posix'\"\ndependencies = [{ name = 'b', marker = \"'x' in extras\" }]\n[[package]]\nname = 'b'\n\
        version = '1'\nsource = { registry = 'https://example.org' }\nfiles = [{ url = 'https://example.org/b.whl', hash = 'sha256:00' }]\n";
    let requirements = "a[b]>=1,<2 ; python_version > \"3\" # x\nc==1 \\\n --hash=sha256:00\n-e ./d[e]\n-r e.txt\n-i ${A}\n\
        f @ https://example.org/f.whl ; os_name == 'x'\ngit+https://example.org/g#egg=g\nh (==1)\ni===j\n";
    let pipfile =
        "{\"_meta\": {\"sources\": [{\"name\": \"x\", \"url\": \"y\"}]}, \"default\": {\"a\": {\"version\": \"==1\"}}}";
    let poetry =
        "[tool.poetry.dependencies]\npython = '^3.8'\na = { version = '~1.2', python = '>=3', optional = true }\n";
    [lock, requirements, pipfile, PROJECT, poetry].map(str::to_owned).to_vec()
}

#[test]
fn broken_texts_are_errors_and_no_crash() {
    let read = |text: &str| {
        let project = parse_project(text).ok();
        let everything = Choice { all_extras: true, all_groups: true, ..Choice::default() };
        for choice in [Choice::default(), everything] {
            let _ = parse_uv_lock(text, project.as_ref(), &choice, &markers());
            let _ = parse_poetry_lock(text, project.as_ref(), &choice, &markers());
            let _ = parse_pdm_lock(text, project.as_ref(), &choice, &markers());
            let _ = parse_pipfile_lock(text, &choice, &markers());
        }
        let _ = markers().hold(text);
        for row in parse_requirements_file(text, &|_| Some("a b".to_owned())).unwrap_or_default() {
            let LineKind::Requirement(found) = row.what else { continue };
            let line = found.line();
            assert!(found.name.is_empty() || !line.contains(['\n', '\r']), "{line:?}");
            assert!(!found.from.is_empty() || parse_requirement_line(&line).is_ok(), "{line:?}");
        }
    };
    for sample in samples() {
        for at in (0..sample.len()).filter(|at| sample.is_char_boundary(*at)) {
            read(&sample[..at]);
            for other in ["\"", "[", "\r", "\u{0}", "=", "9999999999999999999999", "é"] {
                read(&format!("{}{other}{}", &sample[..at], &sample[at + 1..]));
            }
        }
    }
    let injected = "[project]\nname = 'a'\ndependencies = [\"a ; os_name == 'x\\n--index-url http://example.org'\"]\n";
    assert!(parse_project(injected).unwrap_err().1.contains("one line"));
}
