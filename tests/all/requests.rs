//! What an installation will make, before it runs: requirements of every form and locks of every kind, resolved by a real
//! uv in an index on loopback. Without uv the tests that need it are skipped, but in CI.

use crate::resolve::uv;
use crate::server::{Request as Asked, Server, reply};
use crate::wheels::{Listed, Zip, index, index_with};
use slimwright::base::{Digest, Hint as _};
use slimwright::image::Cache;
use slimwright::index::{Disk, Input, Request, RequestError, Resolution, Resolved, Uv, resolve};
use slimwright::wheel::{Libc, Options, Platform};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A wheel that requires others. `more` are further files.
pub fn package(name: &str, version: &str, requires: &[&str], more: &[(&str, &str)]) -> Listed {
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

pub fn files() -> Vec<Listed> {
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

pub fn platform() -> Platform {
    Platform { python: "3.11".into(), architecture: "amd64".into(), libc: Libc::Gnu(Some(36)) }
}

pub fn options() -> Options {
    Options { first_wait: Duration::from_millis(2), idle: Duration::from_secs(5), ..Options::default() }
}

/// A folder with files, an index, and a uv that knows it.
pub struct Lab {
    pub folder: tempfile::TempDir,
    pub server: Server,
    pub uv: Option<Uv>,
}

impl Lab {
    pub fn new(server: Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let uv = uv(&format!("http://{}/simple", server.host()), &folder.path().join("uv"));
        Self { folder, server, uv }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text.replace("HOST", &self.server.host())).unwrap();
        path
    }

    /// Resolves; `None` without uv.
    pub fn ask(&self, request: &Request) -> Option<Result<Resolution, RequestError>> {
        let files = Disk::new(self.folder.path()).unwrap();
        Some(resolve(self.uv.as_ref()?, request, &files, &platform(), &options()))
    }

    /// Resolves one requirements file.
    pub fn requirements(&self, text: &str) -> Option<Result<Resolution, RequestError>> {
        let path = self.write("requirements.txt", text);
        self.ask(&Request { inputs: vec![Input::Requirements(path)], ..Request::default() })
    }

    /// An error's text, with the folder's name taken out.
    pub fn shown(&self, error: &RequestError) -> String {
        error.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }
}

pub fn pins(found: &Resolution) -> Vec<String> {
    let version = |package: &Resolved| package.version.clone().unwrap_or_default();
    found.packages.iter().map(|package| format!("{}=={}", package.normalized, version(package))).collect()
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
    assert!(unknown.is_configuration() && unknown.hint().is_some());
    let gone = error("lib==0.7\n");
    assert!(lab.shown(&gone).contains("there is no version of lib==0.7"), "{gone}");
    assert_eq!(gone.hint().unwrap(), "the nearest versions of lib that install are 0.5 and 1.0");
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
    assert!(!format!("{away:?} {away} {}", away.hint().unwrap_or_default()).contains("hunter2"));
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
fn a_place_that_does_not_answer_concerns_what_it_has_and_the_rest_is_resolved() {
    let mut listed = files();
    listed.push(package("user", "1.0", &["torch"], &[]));
    listed.push(package("torch", "2.0", &["helper"], &[]));
    let lab = Lab::new(index(listed, false));
    let dead = "127.0.0.1:9";
    let known = |found: &Resolution| -> Vec<String> {
        let packages = found.packages.iter().filter(|package| package.info.is_some());
        packages.map(|package| package.normalized.clone()).collect()
    };
    let open =
        |found: &Resolution| -> Vec<String> { found.not_predicted.iter().map(|(what, _)| what.clone()).collect() };
    let Some(found) = lab.requirements(&format!("fast\nhelper\n--extra-index-url http://{dead}/simple\n")) else {
        return;
    };
    let found = found.unwrap();
    assert_eq!(
        (known(&found), open(&found)),
        (vec!["fast".into(), "helper".into()], vec![format!("packages of {dead}")])
    );
    // What is nowhere else may be there.
    let text = format!("fast\nonly-there==1.0\n--extra-index-url http://{dead}/simple\n");
    let found = lab.requirements(&text).unwrap().unwrap();
    assert_eq!(known(&found), ["fast"]);
    assert_eq!(open(&found), ["only-there".to_owned(), format!("packages of {dead}")]);
    // A file at a URL is a matter of its line.
    let found = lab.requirements(&format!("fast\nlib @ http://{dead}/lib-1.0-py3-none-any.whl\n")).unwrap().unwrap();
    assert_eq!((known(&found), open(&found)), (vec!["fast".to_owned()], vec!["lib".to_owned()]));
    // Of torch an index of PyTorch's has other builds than the rest: which one is installed, and with what, is not known.
    let found = lab.requirements(&format!("user\n--extra-index-url http://{dead}/whl/cpu\n")).unwrap().unwrap();
    assert_eq!(
        (known(&found), open(&found)),
        (vec!["user".to_owned()], vec![format!("packages of {dead}"), "torch".into()])
    );
    // With the one index that there is nothing is known.
    let error = lab.requirements(&format!("fast\n--index-url http://{dead}/simple\n")).unwrap().unwrap_err();
    assert!(matches!(error, RequestError::Index { .. }), "{error}");
}

#[test]
fn options_behind_a_requirement_are_passed_over_by_pip_and_no_line_of_uvs() {
    let lab = Lab::new(index(files(), false));
    let path = lab.write("requirements.txt", "fast --index-url http://127.0.0.1:9/simple\nhelper --no-binary helper\n");
    let ask =
        |for_pip| lab.ask(&Request { inputs: vec![Input::Requirements(path.clone())], for_pip, ..Request::default() });
    let Some(found) = ask(true) else { return };
    let found = found.unwrap();
    let known: Vec<bool> = found.packages.iter().map(|package| package.info.is_some()).collect();
    assert_eq!((known, &*found.not_predicted[0].0), (vec![true, false], "helper"));
    assert!(matches!(ask(false), Some(Err(RequestError::Syntax { .. }))));
}

#[test]
fn a_source_that_lies_in_a_folder_of_archives_alone_is_built_by_pip_and_unknown_here() {
    let lab = Lab::new(index(files(), false));
    lab.write("links/only-here-1.5.tar.gz", "nothing is read of it");
    let Some(found) = lab.requirements("fast\nonly-here==1.5\n--find-links links\n") else { return };
    let found = found.unwrap();
    let of = |name: &str| found.packages.iter().find(|package| package.normalized == name).unwrap();
    assert!(of("fast").info.is_some() && of("only-here").info.is_none());
    assert_eq!(found.not_predicted.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>(), ["only-here"]);
    assert_eq!(of("only-here").version.as_deref(), Some("1.5"));
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
    let files = Disk::new(lab.folder.path()).unwrap();
    let first = resolve(uv, &request, &files, &platform(), &options).unwrap();
    cache.flush().unwrap();
    let before = lab.server.requests().len();
    let again = resolve(uv, &request, &files, &platform(), &options).unwrap();
    assert_eq!((again.packages, again.requests), (first.packages, 0));
    assert_eq!(lab.server.requests().len(), before, "nothing was asked");
    // Other contents of the same file are another question.
    lab.write("requirements.txt", "app<1\n");
    assert_eq!(pins(&resolve(uv, &request, &files, &platform(), &options).unwrap()), ["app==0.9", "lib==0.5"]);
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
    let uv = Uv::at(program.clone()).unwrap();
    let request = Request { inputs: vec![Input::Requirements(path)], ..Request::default() };
    let options = Options { wait: Duration::from_millis(300), ..options() };
    let started = Instant::now();
    let files = Disk::new(folder.path()).unwrap();
    let error = resolve(&uv, &request, &files, &platform(), &options).unwrap_err();
    assert!(matches!(error, RequestError::Late(_)) && !error.is_configuration(), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
    // In one run a question has one answer: what another one said would be taken for a difference of what is asked about.
    std::fs::write(&program, "#!/bin/sh\nexit 2\n").unwrap();
    assert_eq!(resolve(&uv, &request, &files, &platform(), &options).unwrap_err(), error);
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

#[test]
fn a_projects_own_indexes_serve_it_alone() {
    let own = index(vec![package("fast", "1.0+own", &[], &[]), package("lib", "9.0", &[], &[])], false);
    let lab = Lab::new(index(files(), false));
    let text = format!(
        "[project]\nname = 'mine'\nversion = '1'\ndependencies = ['fast', 'lib', 'repo', 'member']\n[tool.uv.sources]\n\
         fast = {{ index = 'own' }}\nrepo = {{ git = 'https://example.org/r.git' }}\nmember = {{ workspace = true }}\n\
         [[tool.uv.index]]\nname = 'own'\nurl = 'http://{}/simple'\nexplicit = true\n",
        own.host()
    );
    lab.write("pyproject.toml", &text);
    let input = || Input::Project {
        dir: lab.folder.path().to_owned(),
        extras: Vec::new(),
        all_extras: false,
        groups: Vec::new(),
        only_groups: false,
        install: false,
        editable: false,
    };
    let Some(found) = lab.ask(&Request { inputs: vec![input()], ..Request::default() }) else { return };
    let found = found.unwrap();
    assert_eq!(pins(&found), ["fast==1.0+own", "lib==1.5", "member==", "repo=="]);
    assert!(found.packages[0].info.is_some() && found.not_predicted.len() == 2, "{found:?}");
    // pip knows nothing of uv's tables.
    let error = lab.ask(&Request { inputs: vec![input()], for_pip: true, ..Request::default() }).unwrap().unwrap_err();
    assert!(error.to_string().contains("no package index has `"), "it looks for all of them in its own index: {error}");
}

/// What pip would take of two packages whose newest versions do not go together.
fn held() -> Vec<Listed> {
    vec![
        package("base", "2.0", &[], &[]),
        package("base", "1.0", &[], &[]),
        package("user", "2.0", &["base<2"], &[]),
        package("user", "1.0", &["base"], &[]),
        package("third", "1.0", &["base"], &[]),
        package("left", "2.0", &["shared<2"], &[]),
        package("left", "1.0", &["shared"], &[]),
        package("right", "2.0", &["shared>=2"], &[]),
        package("right", "1.0", &["shared"], &[]),
        package("shared", "2.0", &[], &[]),
        package("shared", "1.0", &[], &[]),
    ]
}

#[test]
fn pip_takes_an_older_one_of_what_it_has_chosen_and_keeps_the_newest_of_what_bounds_it() {
    let lab = Lab::new(index(held(), false));
    let ask = |lines: &str| {
        let folder = lab.folder.path().to_owned();
        let inputs = vec![Input::Lines { text: lines.into(), place: "Dockerfile, line 7".into(), folder }];
        lab.ask(&Request { inputs, for_pip: true, ..Request::default() }).map(Result::unwrap)
    };
    let Some(found) = ask("base\nthird\nuser\n") else { return };
    assert_eq!(pins(&found), ["base==1.0", "third==1.0", "user==2.0"]);
    assert!(found.not_predicted.is_empty(), "{:?}", found.not_predicted);
    // What nothing but a pin holds back is nobody's choice.
    assert_eq!(pins(&ask("base==2.0\nuser\n").unwrap()), ["base==2.0", "user==1.0"]);
    // Two that exclude each other: which is older is pip's affair.
    let found = ask("left\nright\n").unwrap();
    assert_eq!(found.not_predicted.len(), 1, "{found:?}");
    assert_eq!(found.not_predicted[0].0, "versions of left, right");
}

#[test]
fn what_is_installed_stays_where_it_fits_and_else_is_replaced() {
    let lab = Lab::new(index([files(), held()].concat(), false));
    let ask = |lines: &str, installed: &[(&str, &str)], upgrade: bool| {
        let folder = lab.folder.path().to_owned();
        let inputs = vec![Input::Lines { text: lines.into(), place: "Dockerfile, line 7".into(), folder }];
        let installed = installed.iter().map(|(name, version)| ((*name).into(), (*version).into())).collect();
        lab.ask(&Request { inputs, installed, upgrade, for_pip: true, ..Request::default() })
            .map(|found| pins(&found.unwrap()))
    };
    let Some(found) = ask("app", &[("lib", "1.0"), ("helper", "3.0")], false) else { return };
    assert_eq!(found, ["app==1.0", "helper==3.0", "lib==1.0"]);
    // What is too old goes, and nothing else: neither is the new one held back for it.
    assert_eq!(ask("third\nbase>=2", &[("base", "1.0")], false).unwrap(), ["base==2.0", "third==1.0"]);
    assert_eq!(ask("user", &[("base", "2.0")], false).unwrap(), ["base==1.0", "user==2.0"]);
    // `--upgrade` is for what is asked for by name.
    assert_eq!(ask("third", &[("base", "1.0"), ("third", "0.1")], true).unwrap(), ["base==1.0", "third==1.0"]);
    assert_eq!(ask("base", &[("base", "1.0")], true).unwrap(), ["base==2.0"]);
    assert_eq!(ask("base", &[("base", "1.0")], false).unwrap(), ["base==1.0"]);
    // A build of its own, which this index does not have, serves as its version.
    assert_eq!(ask("user\nthird", &[("base", "1.0+cpu")], false).unwrap(), ["third==1.0", "user==2.0"]);
    assert_eq!(ask("third\nbase==1.0+cpu", &[("base", "1.0+cpu")], false).unwrap(), ["third==1.0"]);
    assert_eq!(ask("third\nbase>=2", &[("base", "1.0+cpu")], false).unwrap(), ["base==2.0", "third==1.0"]);
    // What is there in an unknown version serves all that do not ask for it themselves.
    let present = |lines: &str| {
        let folder = lab.folder.path().to_owned();
        let inputs = vec![Input::Lines { text: lines.into(), place: "Dockerfile, line 7".into(), folder }];
        let request = Request { inputs, present: vec!["base".into()], for_pip: true, ..Request::default() };
        pins(&lab.ask(&request).unwrap().unwrap())
    };
    assert_eq!(present("third\nuser"), ["third==1.0", "user==2.0"]);
    assert_eq!(present("third\nbase<2"), ["base==1.0", "third==1.0"]);
}

#[test]
fn an_extra_that_a_project_does_not_have_is_a_word_of_pips_and_an_error_of_others() {
    let lab = Lab::new(index(files(), false));
    lab.write("app/pyproject.toml", "[project]\nname = 'mine'\nversion = '1'\ndependencies = ['lib']\n");
    let ask = |for_pip: bool| {
        let inputs = vec![Input::Project {
            dir: lab.path("app"),
            extras: vec!["graph".into()],
            all_extras: false,
            groups: Vec::new(),
            only_groups: false,
            install: true,
            editable: false,
        }];
        lab.ask(&Request { inputs, for_pip, ..Request::default() })
    };
    let Some(found) = ask(true) else { return };
    let found = found.unwrap();
    assert!(pins(&found).contains(&"lib==1.5".to_owned()), "{found:?}");
    assert!(found.notes.iter().any(|note| note.contains("no extra `graph`")), "{:?}", found.notes);
    assert!(ask(false).unwrap().unwrap_err().to_string().contains("expected an extra of that name"));
}
