//! What an installation will make, before it runs: requirements of every form and locks of every kind, resolved by a real
//! uv in an index on loopback. Without uv the tests that need it are skipped, but in CI.

use crate::server::{Request as Asked, Server, ok, reply};
use crate::wheels::{Listed, Zip, index, index_with};
use slimwright::base::Digest;
use slimwright::image::{Cache, read_recorded};
use slimwright::resolve::{
    Access, Choice, Input, Installation, Installer, Layout, Libc, LineKind, Markers, Options, Platform, Remote,
    Request, RequestError, Resolution, Resolved, Uv, parse_entry_points, parse_pdm_lock, parse_pipfile_lock,
    parse_poetry_lock, parse_project, parse_requirements_file, parse_uv_lock, predicted_bytecode, resolve,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A wheel that requires others. `more` are further files.
fn package(name: &str, version: &str, requires: &[&str], more: &[(&str, &str)]) -> Listed {
    tagged(name, version, "py3-none-any", requires, more)
}

fn tagged(name: &str, version: &str, tag: &str, requires: &[&str], more: &[(&str, &str)]) -> Listed {
    let info = format!("{name}-{version}.dist-info");
    let extras = requires.iter().filter_map(|line| line.split_once("extra == '")?.1.strip_suffix('\''));
    let extras: String = extras.map(|extra| format!("Provides-Extra: {extra}\n")).collect();
    let requires: String = requires.iter().map(|line| format!("Requires-Dist: {line}\n")).collect();
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{extras}{requires}");
    let about = format!("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n");
    let module = format!("{name}/__init__.py");
    let mut files = vec![(module, format!("NAME = '{name}'\n")), (format!("{info}/METADATA"), metadata)];
    files.push((format!("{info}/WHEEL"), about));
    files.extend(more.iter().map(|(path, content)| (path.replace("INFO", &info), (*content).to_owned())));
    let row = |(path, content): &(String, String)| {
        let digest = Digest::of(content.as_bytes());
        let path = if path.contains(',') { format!("\"{path}\"") } else { path.clone() };
        format!("{path},sha256={},{}\n", base64_url(&digest.0), content.len())
    };
    let record: String = files.iter().map(row).collect::<String>() + &format!("{info}/RECORD,,\n");
    files.push((format!("{info}/RECORD"), record));
    let zip = files.iter().fold(Zip::new(false), |zip, (path, content)| zip.deflated(path, content.as_bytes()));
    Listed { name: format!("{name}-{version}-{tag}.whl"), bytes: zip.finish(b""), yanked: None }
}

/// RECORD's digests: base64 with `-` and `_`, without padding.
fn base64_url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0u32, |sum, &byte| sum << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).for_each(|n| out.push(LETTERS[(number >> (18 - 6 * n)) as usize & 63] as char));
    }
    out
}

fn files() -> Vec<Listed> {
    vec![
        package("app", "1.0", &["lib>=1", "helper; python_version >= '3.8'", "winonly; sys_platform == 'win32'"], &[]),
        package("app", "0.9", &["lib<1"], &[]),
        package("lib", "1.0", &[], &[]),
        package("lib", "1.5", &["fast; extra == 'speed'"], &[("INFO/top_level.txt", "lib\n")]),
        package("lib", "0.5", &[], &[]),
        package("helper", "3.0", &[], &[("INFO/entry_points.txt", "[console_scripts]\nhelp = helper:main\n")]),
        package("fast", "1.0", &[], &[]),
        package("native", "2.0", &["sourceonly"], &[]),
        tagged("native2", "2.0", "cp311-cp311-manylinux_2_34_x86_64", &[], &[]),
        tagged("native2", "2.0", "cp311-cp311-manylinux_2_34_aarch64", &[], &[]),
        Listed::source("sourceonly", "3.0"),
        package("early", "1.0", &[], &[]),
        package("early", "2.0rc1", &[], &[]),
    ]
}

fn uv(index: &str, cache: &Path) -> Option<Uv> {
    let found = Uv::find();
    assert!(found.is_ok() || std::env::var_os("CI").is_none(), "CI has uv: {found:?}");
    let settings = [("UV_DEFAULT_INDEX", index.to_owned()), ("UV_CACHE_DIR", cache.display().to_string())];
    let more = [("UV_NO_CONFIG", "1".to_owned()), ("UV_HTTP_RETRIES", "0".to_owned())];
    Some(found.ok()?.with(settings.into_iter().chain(more).map(|(name, value)| (name.into(), value.into())).collect()))
}

fn platform() -> Platform {
    Platform { python: "3.11".into(), architecture: "amd64".into(), libc: Libc::Gnu(Some(36)) }
}

fn options() -> Options {
    Options { first_wait: Duration::from_millis(2), idle: Duration::from_secs(5), ..Options::default() }
}

/// A folder with files, an index, and a uv that knows it.
struct Lab {
    folder: tempfile::TempDir,
    server: Server,
    uv: Option<Uv>,
}

impl Lab {
    fn new(server: Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let uv = uv(&format!("http://{}/simple", server.host()), &folder.path().join("uv"));
        Self { folder, server, uv }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text.replace("HOST", &self.server.host())).unwrap();
        path
    }

    /// Resolves; `None` without uv.
    fn ask(&self, request: &Request) -> Option<Result<Resolution, RequestError>> {
        Some(resolve(self.uv.as_ref()?, request, &platform(), &options()))
    }

    /// Resolves one requirements file.
    fn requirements(&self, text: &str) -> Option<Result<Resolution, RequestError>> {
        let path = self.write("requirements.txt", text);
        self.ask(&Request { inputs: vec![Input::Requirements(path)], ..Request::default() })
    }

    /// An error's text, with the folder's name taken out.
    fn shown(&self, error: &RequestError) -> String {
        error.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn pins(found: &Resolution) -> Vec<String> {
    let version = |package: &Resolved| package.version.clone().unwrap_or_default();
    found.packages.iter().map(|package| format!("{}=={}", package.normalized, version(package))).collect()
}

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
        ("a --index-url x", 1, "behind a requirement"),
        ("a==1.99999999999999999999", 1, "version specifiers"),
        ("--hash=sha256:00", 1, "a requirement before --hash"),
    ] {
        let error = parse_requirements_file(text, &|_| None).unwrap_err();
        assert!(error.line == line && error.expected.contains(expected), "{text}: {error:?}");
        assert!(!error.found.contains("hunter2"), "{error:?}");
    }
}

#[test]
fn a_set_is_resolved_and_its_wheels_are_looked_into() {
    let lab = Lab::new(index(files(), false));
    lab.write("in/base.txt", "lib[speed]<2\n");
    lab.write("bounds.txt", "helper==3.0\nnever-asked-for==1\n");
    let text = "app\n-r in/base.txt\n-c bounds.txt\nwinonly ; sys_platform == 'win32'\nNative2\n";
    let Some(found) = lab.requirements(text) else { return };
    let found = found.unwrap();
    assert_eq!(pins(&found), ["app==1.0", "fast==1.0", "helper==3.0", "lib==1.5", "native2==2.0"]);
    let requested: Vec<bool> = found.packages.iter().map(|package| package.requested).collect();
    assert_eq!(requested, [true, false, false, true, true]);
    assert_eq!(found.packages[4].wheel.as_ref().unwrap().file, "native2-2.0-cp311-cp311-manylinux_2_34_x86_64.whl");
    let info = |at: usize| found.packages[at].info.as_ref().unwrap();
    assert!(info(0).metadata.starts_with(b"Metadata-Version: 2.1\nName: app\n"));
    assert!(info(0).wheel.starts_with(b"Wheel-Version: 1.0\n"));
    assert_eq!((&info(3).top_level[..], &info(2).top_level[..]), (&b"lib\n"[..], &b""[..]));
    assert_eq!(info(2).entry_points, b"[console_scripts]\nhelp = helper:main\n");
    let module = &info(0).contents.files[0];
    let mut crc = flate2::Crc::new();
    crc.update(b"NAME = 'app'\n");
    assert_eq!((&module.path[..], module.size, module.crc32), (&b"app/__init__.py"[..], 13, crc.sum()));
    assert_eq!((found.requests, found.not_predicted.len()), (5, 0));
    let own = |request: &Asked| request.header("user-agent").is_some_and(|agent| agent.starts_with("slimwright"));
    let own: Vec<Asked> = lab.server.requests().into_iter().filter(own).collect();
    assert!(own.len() == 5 && own.iter().all(|request| request.header("range").is_some()), "{own:?}");
}

#[test]
fn what_is_asked_for_changes_what_is_found() {
    let lab = Lab::new(index(files(), false));
    if lab.uv.is_none() {
        return;
    }
    let lines = |text: &str| {
        let (place, folder) = ("Dockerfile, line 7".to_owned(), lab.folder.path().to_owned());
        vec![Input::Lines { text: text.into(), place, folder }]
    };
    let ask = |request: Request| pins(&lab.ask(&request).unwrap().unwrap());
    assert_eq!(ask(Request { inputs: lines("app"), no_deps: true, ..Request::default() }), ["app==1.0"]);
    assert_eq!(ask(Request { inputs: lines("early"), ..Request::default() }), ["early==1.0"]);
    assert_eq!(ask(Request { inputs: lines("early"), pre: true, ..Request::default() }), ["early==2.0rc1"]);
    let overrides = vec![lab.write("over.txt", "lib==0.5\n")];
    let request = Request { inputs: lines("app"), overrides, ..Request::default() };
    assert_eq!(ask(request), ["app==1.0", "helper==3.0", "lib==0.5"]);
    let request =
        Request { inputs: lines("app"), constraints: vec![lab.write("c.txt", "app<1\n")], ..Request::default() };
    assert_eq!(ask(request), ["app==0.9", "lib==0.5"]);
    let lowest = vec![("--resolution".to_owned(), "lowest".to_owned())];
    assert_eq!(ask(Request { inputs: lines("lib"), places: lowest, ..Request::default() }), ["lib==0.5"]);
    let request = Request { inputs: lines("lib\nfast"), no_binary: vec!["lib".into()], ..Request::default() };
    let found = lab.ask(&request).unwrap().unwrap();
    assert!(found.packages[1].info.is_none() && found.packages[1].reason.contains("--no-binary"), "{found:?}");
    assert!(found.packages[0].info.is_some() && found.not_predicted.len() == 1);
    let error = lab.ask(&Request { inputs: lines("nope"), ..Request::default() }).unwrap().unwrap_err();
    assert!(error.to_string().starts_with("Dockerfile, line 7: no package index has `nope`"), "{error}");
}

#[test]
fn what_cannot_be_met_is_told_with_its_lines() {
    let lab = Lab::new(index(files(), false));
    if lab.uv.is_none() {
        return;
    }
    let error = |text: &str| lab.requirements(text).unwrap().unwrap_err();
    let conflict = error("fast\napp==1.0\nlib<1\n");
    let text = lab.shown(&conflict);
    assert!(text.contains("depends on lib>=1") && text.contains("you require lib<1"), "{text}");
    assert!(text.contains("\n  requirements.txt:2: app==1.0\n  requirements.txt:3: lib<1"), "{text}");
    assert!(!text.contains("fast") && !text.contains(['×', '╰', '\u{1b}']) && conflict.is_configuration(), "{text}");
    let unknown = error("fast\nnever-there==2\n");
    assert_eq!(
        lab.shown(&unknown),
        "requirements.txt:2: no package index has `never-there`: it is asked for as `never-there==2`"
    );
    assert!(unknown.is_configuration() && !unknown.hint().is_empty());
    assert!(lab.shown(&error("lib==77\n")).contains("there is no version of lib==77"));
    assert_eq!(
        lab.shown(&error("fast\nlib = 1\n")),
        "requirements.txt:2: expected version specifiers (`==1.2`, `>=1,<2`) behind the name, found `lib = 1`"
    );
    assert_eq!(lab.shown(&error("fast\n-r gone.txt\n")), "gone.txt: no such file (named in requirements.txt:2)");
    let endless = lab.requirements("-r requirements.txt\nfast\n").unwrap().unwrap();
    assert_eq!(pins(&endless), ["fast==1.0"]);
    // Nobody listens there any more.
    let dead = Server::new(|_, _| reply(404)).host();
    let away = error(&format!("fast\n--index-url http://user:hunter2@{dead}/simple\n"));
    assert!(!away.is_configuration() && away.to_string().contains(&dead), "{away}");
    assert!(!format!("{away:?} {away} {}", away.hint()).contains("hunter2"));
}

#[test]
fn what_is_there_as_source_only_is_reported_and_the_rest_resolved() {
    let lab = Lab::new(index(files(), false));
    let Some(found) = lab.requirements("native\nfast\n") else { return };
    let found = found.unwrap();
    assert_eq!(pins(&found), ["fast==1.0", "native==2.0", "sourceonly==3.0"]);
    let source = &found.packages[2];
    assert!(source.info.is_none() && source.wheel.is_none() && !source.requested);
    assert_eq!(source.sdist.as_ref().unwrap().file, "sourceonly-3.0.tar.gz");
    assert!(source.reason.contains("no wheel"), "{}", source.reason);
    assert_eq!(found.not_predicted.len(), 1);
    assert!(!lab.server.requests().iter().any(|request| request.target.contains("tar.gz")), "nothing was built");
    let only = "native\n--only-binary sourceonly\n";
    let error = lab.requirements(only).unwrap().unwrap_err();
    assert!(error.to_string().contains("sourceonly"), "{error}");
}

#[test]
fn repositories_archives_and_folders_are_not_guessed_at() {
    let lab = Lab::new(index(files(), false));
    lab.write("own/pyproject.toml", "[project]\nname = 'own'\nversion = '1'\ndependencies = ['helper', 'mine']\n");
    lab.write("old/setup.py", "raise SystemExit('never run')\n");
    lab.write("x-1.tar.gz", "");
    let wheel = package("wheeled", "4.0", &["fast"], &[]);
    std::fs::write(lab.path("wheeled-4.0-py3-none-any.whl"), &wheel.bytes).unwrap();
    let text = "git+https://user:hunter2@example.org/mine.git#egg=mine\n-e ./own\n./old\n./x-1.tar.gz\n\
                ./wheeled-4.0-py3-none-any.whl\nlib @ http://HOST/files/lib-1.0-py3-none-any.whl\n\
                y @ https://example.org/y.zip?token=hunter2\n";
    let Some(found) = lab.requirements(text) else { return };
    let found = found.unwrap();
    let of = |name: &str| found.packages.iter().find(|package| package.normalized == name).unwrap();
    assert_eq!(of("mine").url.as_deref(), Some("git+https://example.org/mine.git"));
    assert!(of("own").editable && of("own").local.is_some() && of("own").info.is_none());
    assert_eq!(of("wheeled").info.as_ref().unwrap().contents.files.len(), 4);
    assert!(of("fast").info.is_some() && of("helper").info.is_some());
    assert_eq!((of("lib").version.as_deref(), of("lib").info.is_some()), (Some("1.0"), true));
    assert!(of("lib").url.is_some() && of("y").url.as_deref() == Some("https://example.org/y.zip"));
    let whats: Vec<&str> = found.not_predicted.iter().map(|(what, _)| what.as_str()).collect();
    assert!(whats.iter().any(|what| what.contains("setup.py")) && whats.len() == 6, "{whats:?}");
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    let missing = lab.requirements("./nothing-here\n").unwrap().unwrap_err();
    assert_eq!(lab.shown(&missing), "nothing-here: no such file or folder (named in requirements.txt:1)");
}

#[test]
fn only_files_with_a_digest_that_is_asked_for_count() {
    let lab = Lab::new(index(files(), false));
    let digest = |name: &str| Digest::of(&files().iter().find(|file| file.name.starts_with(name)).unwrap().bytes).hex();
    let text = format!("fast==1.0 --hash=sha256:{}\nlib==1.0 --hash=sha256:{}\n", digest("fast"), "0".repeat(64));
    let Some(found) = lab.requirements(&text) else { return };
    let found = found.unwrap();
    assert!(found.packages[0].info.is_some() && found.packages[1].info.is_none());
    assert!(found.packages[1].reason.contains("digest"), "{}", found.packages[1].reason);
}

#[test]
fn credentials_of_requirements_files_serve_and_are_not_shown() {
    let lab = Lab::new(index(files(), true));
    let text = "app\n--index-url http://user:${SECRET}@HOST/simple\n";
    let path = lab.write("requirements.txt", text);
    let environment = vec![("SECRET".to_owned(), "hunter2".to_owned())];
    let request = Request { inputs: vec![Input::Requirements(path)], environment, for_pip: true, ..Request::default() };
    let Some(found) = lab.ask(&request) else { return };
    let found = found.unwrap();
    assert_eq!(found.packages.iter().filter(|package| package.info.is_some()).count(), 3, "{found:?}");
    assert!(!format!("{found:?}").contains("hunter2"));
    // The installer's own variables say where to look, too.
    let path = lab.write("plain.txt", "fast\n");
    let url = format!("http://user:hunter2@{}/simple", lab.server.host());
    let environment = vec![("PIP_INDEX_URL".to_owned(), url)];
    let request = Request { inputs: vec![Input::Requirements(path)], environment, for_pip: true, ..Request::default() };
    assert!(lab.ask(&request).unwrap().unwrap().packages[0].info.is_some());
}

#[test]
fn an_answer_is_kept_for_a_while() {
    let lab = Lab::new(index(files(), false));
    let Some(uv) = &lab.uv else { return };
    let cache = Cache::new(lab.path("cache"), 1 << 20);
    let options = Options { cache: Some(cache.clone()), ..options() };
    let path = lab.write("requirements.txt", "app\n");
    let request = Request { inputs: vec![Input::Requirements(path)], ..Request::default() };
    let first = resolve(uv, &request, &platform(), &options).unwrap();
    cache.flush().unwrap();
    let before = lab.server.requests().len();
    let again = resolve(uv, &request, &platform(), &options).unwrap();
    assert_eq!((again.packages, again.requests), (first.packages, 0));
    assert_eq!(lab.server.requests().len(), before, "nothing was asked");
    // Other contents of the same file are another question.
    lab.write("requirements.txt", "app<1\n");
    assert_eq!(pins(&resolve(uv, &request, &platform(), &options).unwrap()), ["app==0.9", "lib==0.5"]);
    assert!(lab.server.requests().len() > before);
}

#[test]
fn nobody_waits_for_uv_for_ever() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("uv");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'uv 9.9.9' && exit\nexec sleep 60\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = folder.path().join("requirements.txt");
    std::fs::write(&path, "six\n").unwrap();
    let uv = Uv::at(program).unwrap();
    let request = Request { inputs: vec![Input::Requirements(path)], ..Request::default() };
    let options = Options { wait: Duration::from_millis(300), ..options() };
    let started = Instant::now();
    let error = resolve(&uv, &request, &platform(), &options).unwrap_err();
    assert!(matches!(error, RequestError::Late(_)) && !error.is_configuration(), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_project_is_read_and_not_built() {
    let lab = Lab::new(index(files(), false));
    lab.write(
        "pyproject.toml",
        "[project]\nname = 'mine'\ndynamic = ['version']\ndependencies = ['app']\n[project.optional-dependencies]\n\
         Quick_Ones = ['fast']\n[dependency-groups]\nlint = ['native2']\ndev = ['lib[speed]', {include-group = 'lint'}]\n",
    );
    if lab.uv.is_none() {
        return;
    }
    let input = |extras: &[&str], groups: &[&str], only_groups| Input::Project {
        dir: lab.folder.path().to_owned(),
        extras: extras.iter().map(|name| (*name).to_owned()).collect(),
        all_extras: false,
        groups: groups.iter().map(|name| (*name).to_owned()).collect(),
        only_groups,
        install: true,
        editable: true,
    };
    let ask = |input: Input| lab.ask(&Request { inputs: vec![input], ..Request::default() }).unwrap();
    let found = ask(input(&["quick-ones"], &[], false)).unwrap();
    assert_eq!(pins(&found), ["app==1.0", "fast==1.0", "helper==3.0", "lib==1.5", "mine=="]);
    assert!(found.packages[4].editable && found.not_predicted.len() == 1);
    assert_eq!(pins(&ask(input(&[], &["dev"], true)).unwrap()), ["fast==1.0", "lib==1.5", "native2==2.0"]);
    assert!(ask(input(&["nope"], &[], false)).unwrap_err().to_string().contains("an extra of that name"));
    assert!(ask(input(&[], &["nope"], false)).unwrap_err().to_string().contains("a dependency group"));
    lab.write("pyproject.toml", "[project]\nname = 'mine'\n\ndependencies = [\n  'app',\n  'fast =< 1',\n]\n");
    let error = ask(input(&[], &[], false)).unwrap_err();
    assert!(lab.shown(&error).starts_with("pyproject.toml:6: expected version specifiers"), "{error}");
    lab.write("pyproject.toml", "[project]\nname = 'mine'\n]\n");
    assert!(lab.shown(&ask(input(&[], &[], false)).unwrap_err()).starts_with("pyproject.toml:3: expected TOML"));
    lab.write("pyproject.toml", "[project]\nname = 'mine'\nversion = '1'\ndynamic = ['dependencies']\n");
    let found = ask(input(&[], &[], false)).unwrap();
    assert!(
        found
            .not_predicted
            .iter()
            .any(|(what, why)| what.contains("the dependencies of mine") && why.contains("dynamic"))
    );
}

fn markers() -> Markers {
    Markers::of(&platform(), None)
}

fn names(pins: &slimwright::resolve::Pins) -> Vec<&str> {
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
    let project = parse_project(&format!("{PROJECT}[tool.poetry.group.docs]\noptional = true\n")).unwrap();
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

fn read(server: &Server, claimed: Option<u64>) -> Result<slimwright::resolve::Listed, String> {
    let access = Access::default();
    let remote = Remote::new(&access, &options(), Instant::now() + Duration::from_secs(20)).unwrap();
    let wanted =
        |entry: &slimwright::resolve::ZipEntry| entry.name.ends_with(b"METADATA") || entry.name.ends_with(b"WHEEL");
    remote.read(&format!("http://{}/a.whl", server.host()), claimed, &wanted).map_err(|error| error.to_string())
}

#[test]
fn what_a_wheel_says_of_itself_comes_along_or_takes_one_more_request() {
    let large = "x".repeat(300_000);
    let late = Zip::new(false)
        .file("a.bin", large.as_bytes())
        .deflated("a-1.dist-info/METADATA", b"Name: a\n")
        .deflated("a-1.dist-info/WHEEL", b"Tag: x\n")
        .finish(b"");
    let early = Zip::new(true)
        .deflated("a-1.dist-info/METADATA", b"Name: a\n")
        .file("a-1.dist-info/WHEEL", b"Tag: x\n")
        .file("a.bin", large.as_bytes())
        .finish(b"");
    let apart = Zip::new(false)
        .deflated("a-1.dist-info/METADATA", b"Name: a\n")
        .file("a.bin", large.as_bytes())
        .deflated("a-1.dist-info/WHEEL", b"Tag: x\n")
        .finish(b"a comment");
    for (bytes, requests) in [(late, 1), (early, 2), (apart, 2)] {
        let length = bytes.len() as u64;
        let whole = bytes.clone();
        let server = Server::new(move |request, _| crate::wheels::ranged(request, &whole));
        let found = read(&server, Some(length)).unwrap();
        let contents: Vec<&[u8]> = found.contents.values().map(Vec::as_slice).collect();
        assert!(contents.len() == 2 && contents.contains(&&b"Name: a\n"[..]) && contents.contains(&&b"Tag: x\n"[..]));
        assert_eq!(server.requests().len(), requests);
        // A server that knows no ranges sends all of it.
        let whole = bytes.clone();
        let server = Server::new(move |_, _| ok(whole.as_slice()));
        assert_eq!(read(&server, None).unwrap().contents, found.contents);
        // One that lies is found out: the content is not what its directory says.
        let mut broken = bytes;
        let at = broken.windows(8).position(|window| window == b"METADATA").unwrap() + 9;
        broken[at] ^= 0xff;
        let server = Server::new(move |request, _| crate::wheels::ranged(request, &broken));
        let error = read(&server, None).unwrap_err();
        assert!(error.contains("contradicts itself"), "{error}");
    }
}

#[test]
fn a_wheel_with_a_long_comment_is_read_too() {
    let bytes = Zip::new(false).deflated("a-1.dist-info/METADATA", b"Name: a\n").finish(&[b'c'; 60_000]);
    let server = Server::new(move |request, _| crate::wheels::ranged(request, &bytes));
    assert_eq!(read(&server, None).unwrap().contents.len(), 1);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn parts_that_are_cut_are_asked_for_again() {
    let large = "x".repeat(100_000);
    let zip =
        Zip::new(false).deflated("a-1.dist-info/METADATA", b"Name: a\n").file("a.bin", large.as_bytes()).finish(b"");
    let server = Server::new(move |request, number| {
        let answer = crate::wheels::ranged(request, &zip);
        if number == 1 { answer.cut(3) } else { answer }
    });
    assert_eq!(read(&server, None).unwrap().contents.len(), 1);
    assert_eq!(server.requests().len(), 3);
}

/// All files below a folder, by their paths from it, with their bytes.
fn tree(folder: &Path) -> BTreeMap<String, u64> {
    let files =
        walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
    files.map(|entry| (name(entry.path()), entry.metadata().unwrap().len())).collect()
}

#[test]
fn what_uv_installs_is_what_was_predicted() {
    let script = "#!python -x\nprint(1)\n";
    let wheel = package(
        "whole",
        "1.0",
        &["helper"],
        &[
            (
                "INFO/entry_points.txt",
                "[console_scripts]\nrun-it = whole.main:App.run\n[gui_scripts]\nshow = whole:show [x]\n[other]\na = b:c\n",
            ),
            ("whole-1.0.data/scripts/tool", script),
            ("whole-1.0.data/scripts/plain", "#!/bin/sh\n"),
            ("whole-1.0.data/data/share/a, b.txt", "data"),
            ("whole-1.0.data/purelib/whole_more.py", "x = 1\n"),
            ("whole/sub/module.py", "def f():\n    return 1\n"),
        ],
    );
    let lab = Lab::new(index([files(), vec![wheel]].concat(), false));
    let Some(found) = lab.requirements("whole\n") else { return };
    let found = found.unwrap();
    let environment = lab.path("env");
    let program = std::env::var_os("UV").filter(|uv| !uv.is_empty()).unwrap_or_else(|| "uv".into());
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(&program);
        command.args(arguments).args(["--no-config", "--no-cache", "--no-python-downloads"]);
        command.env("UV_DEFAULT_INDEX", format!("http://{}/simple", lab.server.host())).output().unwrap()
    };
    let made = run(&["venv", environment.to_str().unwrap()]);
    if !made.status.success() {
        assert!(std::env::var_os("CI").is_none(), "CI has a Python: {made:?}");
        return;
    }
    let before = tree(&environment);
    let python = environment.join("bin/python");
    let said = run(&["pip", "install", "--python", python.to_str().unwrap(), "whole"]);
    assert!(said.status.success(), "{said:?}");
    let mut real = tree(&environment);
    real.retain(|path, _| !before.contains_key(path));
    let library = std::fs::read_dir(environment.join("lib")).unwrap().next().unwrap().unwrap().file_name();
    let library = library.to_str().unwrap();
    let prefix = environment.to_str().unwrap();
    let how = Installation {
        layout: Layout {
            prefix: prefix.into(),
            site_dir: format!("{prefix}/lib/{library}/site-packages").as_str().into(),
            python: library.trim_start_matches("python").into(),
        },
        installer: Installer::Uv,
        interpreter: python.to_str().unwrap().into(),
        bytecode: false,
        requested: true,
        direct_url: None,
    };
    let files = found.packages.iter().flat_map(|package| package.info.as_ref().unwrap().installed(&package.name, &how));
    let name = |path: String| path.strip_prefix(&format!("{prefix}/")).unwrap().to_owned();
    let predicted: BTreeMap<String, u64> = files.map(|file| (name(file.path.to_string()), file.size)).collect();
    assert_eq!(predicted, real);
}

#[test]
fn pips_notes_of_itself_are_predicted_with_its_versions() {
    let lab = Lab::new(index(files(), false));
    let Some(found) = lab.requirements("helper\n") else { return };
    let found = found.unwrap();
    let sizes = |installer: Installer, bytecode| -> BTreeMap<String, u64> {
        let site = "/usr/local/lib/python3.11/site-packages";
        let layout = Layout { prefix: "/usr/local".into(), site_dir: site.into(), python: "3.11".into() };
        let interpreter = "/usr/local/bin/python3.11".into();
        let how = Installation { layout, installer, interpreter, bytecode, requested: false, direct_url: None };
        let files = found.packages[0].info.as_ref().unwrap().installed("helper", &how);
        files.into_iter().map(|file| (file.path.to_string().replace(site, "SITE"), file.size)).collect()
    };
    let old = sizes(Installer::Pip(24, 0), true);
    let text = "#!/usr/local/bin/python3.11\n# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom helper import main\n\
                if __name__ == '__main__':\n    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    \
                sys.exit(main())\n";
    assert_eq!(old["/usr/local/bin/help"], text.len() as u64);
    let new = "#!/usr/local/bin/python3.11\nimport sys\nfrom helper import main\nif __name__ == '__main__':\n    sys.argv[0] = \
               sys.argv[0].removesuffix('.exe')\n    sys.exit(main())\n";
    assert_eq!(sizes(Installer::Pip(26, 1), false)["/usr/local/bin/help"], new.len() as u64);
    assert!(old.contains_key("SITE/helper/__pycache__/__init__.cpython-311.pyc"));
    assert!(!old.contains_key("SITE/helper-3.0.dist-info/REQUESTED"));
    let info = "helper-3.0.dist-info";
    let digest = "0".repeat(43);
    let row = |path: &str, size: u64| format!("{path},sha256={digest},{size}\r\n");
    let own: String = ["METADATA", "WHEEL", "INSTALLER", "entry_points.txt"]
        .iter()
        .map(|file| row(&format!("{info}/{file}"), old[&format!("SITE/{info}/{file}")]))
        .collect();
    let record = own
        + &row("helper/__init__.py", old["SITE/helper/__init__.py"])
        + &row("../../../bin/help", text.len() as u64)
        + &format!("{info}/RECORD,,\r\nhelper/__pycache__/__init__.cpython-311.pyc,,\r\n");
    assert_eq!(old[&format!("SITE/{info}/RECORD")], record.len() as u64);
    assert_eq!(sizes(Installer::Other("Poetry 2.1.3".into()), false)[&format!("SITE/{info}/INSTALLER")], 12);
}

#[test]
fn entry_points_are_read_as_installers_do() {
    let text = b"# x\n[console_scripts]\na = b.c:d.e [extra]\n bad\n../evil = x:y\nnone = x\na = again:z\n[gui_scripts]\ng=h:i\n[x]\nj = k:l\n";
    let found: Vec<String> = parse_entry_points(text)
        .into_iter()
        .map(|script| format!("{} {} {}", script.name, script.module, script.function))
        .collect();
    assert_eq!(found, ["a b.c d.e", "g h i"]);
}

#[test]
fn bytecode_of_a_recorded_image_is_predicted_within_a_hundredth() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/flagship.index");
    let image = read_recorded(&path, &std::fs::read(&path).unwrap()).unwrap();
    let entries = image.layers.iter().flat_map(|layer| &layer.entries);
    let sizes: BTreeMap<String, u64> = entries.map(|entry| (entry.path.to_string(), entry.size)).collect();
    let (mut real, mut predicted, mut files) = (0u64, 0u64, 0);
    for (path, size) in sizes.iter().filter(|(path, _)| path.contains("-packages/")) {
        let Some((folder, name)) = path.strip_suffix(".py").and_then(|stem| stem.rsplit_once('/')) else { continue };
        if let Some(compiled) = sizes.get(&format!("{folder}/__pycache__/{name}.cpython-311.pyc")) {
            (real, predicted, files) = (real + compiled, predicted + predicted_bytecode(*size, "3.11"), files + 1);
        }
    }
    assert!(files > 17_000 && real > 390_000_000, "{files} files, {real} bytes");
    assert!(predicted.abs_diff(real) * 100 < real, "predicted {predicted}, found {real}");
    assert!(predicted_bytecode(10_000, "3.9") < predicted_bytecode(10_000, "3.13"));
    assert!(predicted_bytecode(u64::MAX, "3.12") > 0);
}

#[test]
fn a_folder_of_wheels_serves_as_an_index() {
    let lab = Lab::new(index_with(Vec::new(), false, |_, _| None));
    let wheel = package("local", "1.0", &[], &[]);
    std::fs::create_dir(lab.path("wheels")).unwrap();
    std::fs::write(lab.path("wheels").join(&wheel.name), &wheel.bytes).unwrap();
    let Some(found) = lab.requirements("local\n--no-index\n--find-links wheels\n") else { return };
    let found = found.unwrap();
    assert_eq!(found.packages[0].info.as_ref().unwrap().contents.wire, wheel.bytes.len() as u64, "{found:?}");
    assert_eq!(found.requests, 0);
}
