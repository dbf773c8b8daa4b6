//! Look-ups of pins with a real uv in an index on loopback. Without uv they are skipped, but in CI.

use crate::fixture;
use crate::server::{Server, ok};
use crate::wheels::{Listed, index, index_with};
use assert_cmd::Command;
use serde_json::Value;
use slimwright::image::{Cache, write_recorded};
use slimwright::index::{Availability, Uv, Verdict, Wanted, look_up};
use slimwright::wheel::{Libc, Options, Platform};
use std::path::Path;
use std::time::Duration;

/// A uv that knows one index, and nothing of the machine's other settings.
pub fn uv(index: &str, cache: &Path) -> Option<Uv> {
    let found = Uv::find();
    assert!(found.is_ok() || std::env::var_os("CI").is_none(), "CI has uv: {found:?}");
    let settings = [("UV_DEFAULT_INDEX", index.to_owned()), ("UV_CACHE_DIR", cache.display().to_string())];
    let more = [("UV_NO_CONFIG", "1".to_owned()), ("UV_HTTP_RETRIES", "0".to_owned())];
    Some(found.ok()?.with(settings.into_iter().chain(more).map(|(name, value)| (name.into(), value.into())).collect()))
}

fn wanted(name: &str, version: &str) -> Wanted {
    Wanted { name: name.into(), version: version.into(), index: None, measure: false }
}

fn platform() -> Platform {
    Platform { python: "3.11".into(), architecture: "amd64".into(), libc: Libc::Gnu(Some(36)) }
}

fn options() -> Options {
    Options { first_wait: Duration::from_millis(2), ..Options::default() }
}

fn simple(server: &Server) -> String {
    format!("http://{}/simple", server.host())
}

/// An index with one of each kind.
fn files() -> Vec<Listed> {
    vec![
        Listed::wheel("fine", "1.0", "py3-none-any", 5_000),
        Listed::wheel("built", "2.0", "cp311-cp311-manylinux_2_34_x86_64", 100),
        Listed::wheel("built", "2.0", "cp311-cp311-manylinux_2_34_aarch64", 200),
        Listed::wheel("built", "2.0", "cp311-cp311-musllinux_1_1_x86_64", 300),
        Listed::wheel("odd", "1.0", "cp311-cp311-win_amd64", 100),
        Listed::wheel("odd", "0.9", "py3-none-any", 100),
        Listed::source("source", "3.0"),
        Listed::wheel("bad", "1.0", "py3-none-any", 100).yanked("it \u{1b}[31m eats data"),
        Listed::wheel("bad", "1.1", "py3-none-any", 100),
        Listed::wheel("moved", "2.6.0", "py3-none-any", 100),
        Listed::wheel("moved", "2.6.2", "py3-none-any", 100),
    ]
}

#[test]
fn every_pin_gets_a_verdict_of_its_own() {
    let (server, cache) = (index(files(), false), tempfile::tempdir().unwrap());
    let Some(uv) = uv(&simple(&server), cache.path()) else { return };
    let pins = [
        wanted("fine", "1.0"),
        wanted("Built", "2.0"),
        wanted("odd", "1.0"),
        wanted("source", "3.0"),
        wanted("bad", "1.0"),
        wanted("moved", "2.6.1"),
        wanted("never-there", "1"),
        wanted("x\n--index-url http://evil", "1"),
        wanted("y", "1 evil"),
    ];
    let found = look_up(&uv, &pins, &platform(), &options());
    let verdicts: Vec<Verdict> = found.iter().map(|answer| answer.verdict).collect();
    use Verdict::{Gone, NoWheel, SourceOnly, Unknown, Wheel};
    assert_eq!(verdicts, [Wheel, Wheel, NoWheel, SourceOnly, Wheel, Gone, Gone, Unknown, Unknown], "{found:#?}");
    let file = |at: usize| found[at].wheel.as_ref().unwrap().file.as_str();
    assert_eq!((file(0), file(1)), ("fine-1.0-py3-none-any.whl", "built-2.0-cp311-cp311-manylinux_2_34_x86_64.whl"));
    let other = |at: usize| found[at].other_wheel.as_ref().map(|file| file.file.as_str());
    assert_eq!((other(0), other(1)), (None, Some("built-2.0-cp311-cp311-manylinux_2_34_aarch64.whl")));
    assert_eq!((found[0].sha256().unwrap().len(), found[1].sha256().unwrap().len()), (1, 2));
    assert_eq!(found[0].wheel.as_ref().unwrap().size, Some(files()[0].bytes.len() as u64));
    assert_eq!(
        (&found[2].near[..], &found[5].near[..]),
        (&["0.9".to_owned()][..], &["2.6.0".into(), "2.6.2".into()][..])
    );
    let reason = found[4].yanked.as_deref().unwrap();
    assert!(reason.contains("eats data") && !reason.contains('\u{1b}'), "{reason}");
    assert_eq!(found[4].near, ["1.1"]);
    assert!(server.requests().iter().all(|request| !request.target.starts_with("/files/")), "nothing was downloaded");
}

#[test]
fn the_wheel_is_that_of_the_platform() {
    let (server, cache) = (index(files(), false), tempfile::tempdir().unwrap());
    let Some(uv) = uv(&simple(&server), cache.path()) else { return };
    let of = |platform: Platform| look_up(&uv, &[wanted("built", "2.0")], &platform, &options()).remove(0);
    let wheel = |answer: &Availability| answer.wheel.as_ref().map(|wheel| wheel.file.clone()).unwrap_or_default();
    let musl = of(Platform { libc: Libc::Musl, ..platform() });
    assert_eq!(wheel(&musl), "built-2.0-cp311-cp311-musllinux_1_1_x86_64.whl");
    let arm = of(Platform { architecture: "arm64".into(), ..platform() });
    assert_eq!(wheel(&arm), "built-2.0-cp311-cp311-manylinux_2_34_aarch64.whl");
    assert_eq!(arm.other_wheel.unwrap().file, "built-2.0-cp311-cp311-manylinux_2_34_x86_64.whl");
    assert_eq!(of(Platform { libc: Libc::Gnu(Some(31)), ..platform() }).verdict, Verdict::NoWheel);
    assert_eq!(of(Platform { python: "3.12".into(), ..platform() }).verdict, Verdict::NoWheel);
}

#[test]
fn a_bound_pin_is_looked_up_in_its_index_alone() {
    let cpu = Listed::wheel("torch", "2.1.1+cpu", "py3-none-any", 100);
    let mine = [files(), vec![Listed::wheel("torch", "2.1.1", "py3-none-any", 900)]].concat();
    let (server, own) = (index(mine, false), index(vec![cpu], false));
    let cache = tempfile::tempdir().unwrap();
    let Some(uv) = uv(&simple(&server), cache.path()) else { return };
    let bound = |name: &str, index: String| Wanted { index: Some(index), measure: true, ..wanted(name, "2.1.1") };
    let pins = [wanted("fine", "1.0"), bound("torch", simple(&own))];
    let found = look_up(&uv, &pins, &platform(), &options());
    assert_eq!((found[0].verdict, found[1].verdict), (Verdict::Wheel, Verdict::Wheel), "{found:#?}");
    assert_eq!(found[1].version.as_deref(), Some("2.1.1+cpu"));
    assert_eq!(found[1].info.as_ref().unwrap().contents.source(), 100);
    let asked = |server: &Server, what: &str| server.requests().iter().any(|request| request.target.contains(what));
    assert!(!asked(&server, "torch") && !asked(&own, "fine"));
    // Nobody listens there any more: what is not bound is known all the same.
    let gone = simple(&own);
    drop(own);
    let other = tempfile::tempdir().unwrap();
    let uv = self::uv(&simple(&server), other.path()).unwrap();
    let found = look_up(&uv, &[wanted("fine", "1.0"), bound("torch", gone)], &platform(), &options());
    assert_eq!((found[0].verdict, found[1].verdict), (Verdict::Wheel, Verdict::Unknown));
    assert!(found[1].reason.contains("Failed to fetch"), "{}", found[1].reason);
}

#[test]
fn credentials_serve_and_are_not_shown() {
    let (server, cache) = (index(files(), true), tempfile::tempdir().unwrap());
    let with = format!("http://user:hunter2@{}/simple", server.host());
    let Some(known) = uv(&with, cache.path()) else { return };
    let pins = [Wanted { measure: true, ..wanted("fine", "1.0") }, wanted("moved", "2.6.1")];
    let found = look_up(&known, &pins, &platform(), &options());
    assert_eq!((found[0].verdict, found[1].verdict), (Verdict::Wheel, Verdict::Gone), "{found:#?}");
    assert!(found[0].info.is_some(), "{}", found[0].reason);
    assert!(!format!("{found:?}").contains("hunter2"));
    // Without them an index that says nothing is not one that has nothing.
    let cache = tempfile::tempdir().unwrap();
    let found = look_up(&uv(&simple(&server), cache.path()).unwrap(), &pins, &platform(), &options());
    assert_eq!((found[0].verdict, found[1].verdict), (Verdict::Unknown, Verdict::Unknown), "{found:#?}");
}

#[test]
fn a_page_that_fails_is_one_pins_affair() {
    let server = index_with(files(), false, |request, _| {
        request.target.contains("/simple/moved").then(|| ok("<html>").header("Content-Type", "text/plain"))
    });
    let cache = tempfile::tempdir().unwrap();
    let Some(uv) = uv(&simple(&server), cache.path()) else { return };
    let found = look_up(&uv, &[wanted("fine", "1.0"), wanted("moved", "2.6.2")], &platform(), &options());
    assert_eq!((found[0].verdict, found[1].verdict), (Verdict::Wheel, Verdict::Unknown), "{found:#?}");
}

#[test]
fn a_list_is_read_once_and_then_known() {
    let (server, folder) = (index(files(), false), tempfile::tempdir().unwrap());
    let Some(uv) = uv(&simple(&server), &folder.path().join("uv")) else { return };
    let cache = Cache::new(folder.path().join("cache"), 1 << 20);
    let options = Options { cache: Some(cache.clone()), ..options() };
    let pins = [Wanted { measure: true, ..wanted("fine", "1.0") }];
    let first = look_up(&uv, &pins, &platform(), &options);
    cache.flush().unwrap();
    let lists = || server.requests().iter().filter(|request| request.target.starts_with("/files/")).count();
    assert_eq!(lists(), 1);
    assert_eq!(look_up(&uv, &pins, &platform(), &options), first);
    assert_eq!(lists(), 1);
}

/// An image with a broken distribution, one from source, one that is gone, and a project of uv's.
fn image(from_source: bool) -> slimwright::image::Image {
    let site = "usr/local/lib/python3.11/site-packages";
    let dist = |name: &str, version: &str, files: &str| {
        let info = format!("{site}/{name}-{version}.dist-info");
        format!(
            "f {info}/METADATA = Name: {name}\\nVersion: {version}\\n\n\
             f {info}/RECORD = {files}{name}-{version}.dist-info/METADATA,,\\n{name}-{version}.dist-info/RECORD,,\\n\n"
        )
    };
    fixture::image(&format!(
        "layer ADD file:1 in /\n\
         f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\n\n\
         f var/lib/dpkg/status = Package: libc6\\nStatus: install ok installed\\nVersion: 2.36-9+deb12u10\\nArchitecture: amd64\\n\\n\n\
         empty CMD [\"bash\"]\n\
         layer RUN pip install\n\
         f {site}/built/__init__.py 100\n{}{}{}\
         f app/uv.lock = version = 1\\n\n",
        dist("fine", "1.0", "fine/__init__.py,,\\nfine/more.py,,9\\n"),
        dist("built", "2.0", "built/__init__.py,,100\\n"),
        if from_source { dist("source", "3.0", "") } else { String::new() },
    ))
}

/// That image, recorded in a folder.
fn recorded(from_source: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut recorded = Vec::new();
    write_recorded(&image(from_source), &mut recorded).unwrap();
    std::fs::write(folder.path().join("image.index"), recorded).unwrap();
    folder
}

/// Runs `plan` in that folder with nothing but an environment; exit code, stderr and the folder.
fn plan(
    folder: tempfile::TempDir,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> (i32, String, tempfile::TempDir) {
    let mut command = Command::cargo_bin("slimwright").unwrap();
    command.args(["plan", "index:image.index", "-o", "out"]).args(arguments).current_dir(folder.path()).env_clear();
    command
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder.path())
        .env("PIP_CONFIG_FILE", "/dev/null");
    let output = command.envs(environment.iter().copied()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap(), folder)
}

fn file(folder: &tempfile::TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join("out").join(name)).unwrap_or_default()
}

#[test]
fn a_plan_says_what_it_found_and_locks_it() {
    if Uv::find().is_err() {
        return;
    }
    let server = index(files(), true);
    let private = format!("http://user:hunter2@{}/simple", server.host());
    for style in ["pip", "uv", "pylock"] {
        let (code, stderr, folder) = plan(recorded(true), &["--style", style], &[("UV_DEFAULT_INDEX", &private)]);
        assert_eq!(code, 0, "{stderr}");
        assert!(stderr.contains("2 of 3 pins have a wheel") && stderr.contains("1 only as source"), "{stderr}");
        let report: Value = serde_json::from_str(&file(&folder, "plan.json")).unwrap();
        let pin =
            |name: &str| report["pins"].as_array().unwrap().iter().find(|pin| pin["name"] == name).unwrap().clone();
        let fine = pin("fine");
        assert_eq!(fine["availability"]["file"]["name"], "fine-1.0-py3-none-any.whl");
        assert_eq!(fine["availability"]["file"]["wire"]["bytes"], files()[0].bytes.len());
        let unpacked = fine["availability"]["unpacked"]["bytes"].as_u64().unwrap();
        let installed = fine["size"]["bytes"].as_u64().unwrap();
        assert!(installed > unpacked && installed < unpacked + 500, "{fine:#}");
        assert_eq!(
            (&fine["size"]["basis"], &fine["availability"]["unpacked"]["basis"]),
            (&"predicted".into(), &"measured".into())
        );
        let lock = file(&folder, "pylock.cpu.toml");
        assert!(lock.parse::<toml::Table>().is_ok() && lock.matches("[[packages]]").count() == 3, "{lock}");
        let requirements = file(&folder, "requirements.txt");
        assert_eq!(requirements.matches("--hash=sha256:").count(), 4, "{requirements}");
        let dockerfile = file(&folder, "Dockerfile");
        assert!(dockerfile.contains("There is no wheel of source: made from source"), "{dockerfile}");
        assert!(dockerfile.contains("      build-essential \\"), "{dockerfile}");
        let command = match style {
            "pip" => {
                "-m pip install --no-cache-dir --no-deps --require-hashes --no-compile --ignore-installed --root /install -r requirements.txt"
            }
            "uv" => {
                "uv pip install --no-deps --no-cache --require-hashes --python python3.11 --prefix /install/usr/local -r requirements.txt"
            }
            _ => "uv pip sync --no-cache --python python3.11 --prefix /install/usr/local pylock.cpu.toml",
        };
        assert!(dockerfile.contains(command), "{dockerfile}");
        for row in std::fs::read_dir(folder.path().join("out")).unwrap() {
            let text = std::fs::read_to_string(row.unwrap().path()).unwrap();
            assert!(!text.contains("hunter2") && !text.contains("extra-index-url"), "{text}");
        }
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
}

/// An image with two members of one family, the larger one in a version that others of the family do not have.
fn family() -> tempfile::TempDir {
    let site = "usr/local/lib/python3.11/site-packages";
    let dist = |name: &str, version: &str, bytes: u32| {
        let info = format!("{name}-{version}.dist-info");
        let record = format!("cv2/__init__.py,,{bytes}\\n{info}/METADATA,,\\n{info}/RECORD,,\\n");
        format!(
            "f {site}/{info}/METADATA = Name: {name}\\nVersion: {version}\\n\n\
             f {site}/{info}/RECORD = {record}\n\
             f {site}/cv2/__init__.py {bytes}\n"
        )
    };
    let image = fixture::image(&format!(
        "layer ADD file:1 in /\n\
         f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\n\n\
         empty CMD [\"bash\"]\n\
         layer RUN pip install\n{}{}",
        dist("opencv-python", "5.0.0.93", 900),
        dist("opencv-contrib-python", "5.1.0.95", 1_000),
    ));
    let folder = tempfile::tempdir().unwrap();
    let mut recorded = Vec::new();
    write_recorded(&image, &mut recorded).unwrap();
    std::fs::write(folder.path().join("image.index"), recorded).unwrap();
    folder
}

#[test]
fn what_takes_the_place_is_a_version_that_the_index_has() {
    if Uv::find().is_err() {
        return;
    }
    let wheel = |name: &str, version: &str| Listed::wheel(&name.replace('-', "_"), version, "py3-none-any", 700);
    let present = || vec![wheel("opencv-python", "5.0.0.93"), wheel("opencv-contrib-python", "5.1.0.95")];
    let planned = |files: Vec<Listed>| {
        let server = index(files, false);
        let (code, stderr, folder) = plan(family(), &[], &[("UV_DEFAULT_INDEX", &simple(&server))]);
        assert_eq!(code, 0, "{stderr}");
        assert!(stderr.contains("1 of 1 pins have a wheel"), "{stderr}");
        (file(&folder, "requirements.txt"), file(&folder, "REPORT.md"))
    };
    let (requirements, report) =
        planned(present().into_iter().chain([wheel("opencv-python-headless", "5.0.0.93")]).collect());
    assert!(requirements.contains("opencv-python-headless==5.0.0.93"), "{requirements}");
    assert!(
        report.contains("the package index has no opencv-python-headless 5.1.0.95: 5.0.0.93 takes its place"),
        "{report}"
    );
    // Where there is none at all, one of those that are there stays.
    let (requirements, report) = planned(present());
    assert!(requirements.contains("opencv-python==5.0.0.93"), "{requirements}");
    assert!(report.contains("the package index has no opencv-python-headless 5.1.0.95"), "{report}");
    assert!(!requirements.contains("headless"), "{requirements}");
}

#[test]
fn pips_configuration_serves_where_uv_has_none() {
    if Uv::find().is_err() {
        return;
    }
    let server = index(files(), false);
    let folder = recorded(true);
    std::fs::write(folder.path().join("pip.conf"), format!("[global]\nindex-url = {}\n", simple(&server))).unwrap();
    let own = folder.path().join("pip.conf").display().to_string();
    let (code, stderr, folder) = plan(folder, &[], &[("PIP_CONFIG_FILE", &own)]);
    assert!(code == 0 && stderr.contains("2 of 3 pins have a wheel"), "{stderr}");
    // Relative to wherever one happens to be, it may be a stranger's.
    let (code, stderr, _) = plan(folder, &["--force"], &[("PIP_CONFIG_FILE", "pip.conf"), ("UV_NO_INDEX", "1")]);
    assert!(code == 0 && !stderr.contains("2 of 3 pins have a wheel"), "{stderr}");
    let (code, stderr, _) = plan(recorded(true), &[], &[("PIP_INDEX_URL", &simple(&server))]);
    assert!(code == 0 && stderr.contains("2 of 3 pins have a wheel"), "{stderr}");
}

#[test]
fn what_is_locked_installs_and_nothing_else_does() {
    let Ok(_) = Uv::find() else { return };
    let files = files();
    let good = index(files.clone(), false);
    let index_url = simple(&good);
    let (code, stderr, folder) = plan(recorded(false), &["--style", "pylock"], &[("UV_DEFAULT_INDEX", &index_url)]);
    assert_eq!(code, 0, "{stderr}");
    let out = folder.path().join("out");
    let run = |arguments: &[&str], target: &str| {
        let program = std::env::var_os("UV").filter(|uv| !uv.is_empty()).unwrap_or_else(|| "uv".into());
        let mut command = std::process::Command::new(program);
        command.args(["pip"]).args(arguments).args(["--no-config", "--no-cache", "--python-version", "3.11"]);
        command.args(["--python-platform", "x86_64-manylinux_2_36", "--target", target]).current_dir(&out);
        let output = command.env("UV_DEFAULT_INDEX", &index_url).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let requirements = ["install", "--no-deps", "--require-hashes", "-r", "requirements.txt"];
    for (arguments, target) in [(&["sync", "pylock.cpu.toml"][..], "locked"), (&requirements, "listed")] {
        let (fine, said) = run(arguments, target);
        assert!(fine && said.contains("+ fine==1.0") && said.contains("+ built==2.0"), "{said}");
        let module = std::fs::read(out.join(target).join("fine/__init__.py")).unwrap();
        assert_eq!(module.len(), 5_000);
    }
    for name in ["pylock.cpu.toml", "requirements.txt"] {
        let text = std::fs::read_to_string(out.join(name)).unwrap();
        let digest = slimwright::base::Digest::of(&files[0].bytes).to_string();
        std::fs::write(out.join(name), text.replace(&digest[7..], &"0".repeat(64))).unwrap();
    }
    assert!(!run(&["sync", "pylock.cpu.toml"], "locked-2").0 && !run(&requirements, "listed-2").0);
}

#[test]
fn without_uv_or_with_a_useless_one_there_is_a_plan_and_a_note() {
    let script = |text: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("uv");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        (path.to_str().unwrap().to_owned(), folder)
    };
    let old = script("echo 'uv 0.4.2 (abc)'");
    let other = script("echo 'something else'");
    let failing = script("echo 'https://u:hunter2@example.org' >&2; exit 3");
    let garbage = script("[ \"$1\" = --version ] && echo 'uv 9.9.9' || echo garbage");
    for (environment, says) in [
        ([("PATH", ""), ("UV", "")], "uv was not found"),
        ([("UV", "/nonexistent/uv"), ("X", "")], "it could not be started"),
        ([("UV", old.0.as_str()), ("X", "")], "expected uv 0.7.0 or later, found 0.4.2"),
        ([("UV", other.0.as_str()), ("X", "")], "found another answer"),
        ([("UV", failing.0.as_str()), ("X", "")], "`uv --version` failed"),
        ([("UV", garbage.0.as_str()), ("X", "")], "3 not to be looked up"),
    ] {
        let (code, stderr, folder) = plan(recorded(true), &[], &environment);
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(stderr.matches("note: ").count(), 1, "{stderr}");
        assert!(stderr.contains(says) && !stderr.contains("hunter2"), "expected `{says}`: {stderr}");
        assert!(file(&folder, "requirements.txt").contains("fine==1.0  # "), "as without look-ups");
        assert!(!folder.path().join("out/pylock.cpu.toml").exists());
    }
    let (code, stderr, _) = plan(recorded(true), &["--no-resolve"], &[]);
    assert_eq!((code, stderr.as_str()), (0, ""));
}
