//! The engine, and each image in the two forms that are compared: a docker-archive and an OCI layout.

use slimwright::image::{Image, OpenOptions, Target, open};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// An image that the engine has.
pub struct Subject {
    pub docker: &'static str,
    pub name: String,
    /// A docker-archive of it.
    pub archive: PathBuf,
    /// An OCI layout of it with gzip layers; its tag is `lab`.
    pub layout: PathBuf,
    /// For what a test makes besides; kept from run to run.
    pub folder: PathBuf,
    /// What was read of the archive.
    pub image: Image,
}

/// The images to compare, or `None` (said aloud) where there is no engine. Fails where `CI=true`.
pub fn subjects() -> Option<&'static [Subject]> {
    static SUBJECTS: OnceLock<Result<Vec<Subject>, String>> = OnceLock::new();
    match SUBJECTS.get_or_init(prepare) {
        Ok(subjects) => Some(subjects),
        Err(why) => {
            skip(why);
            None
        }
    }
}

/// The image of `scripts/lab/traps`.
pub fn traps() -> Option<&'static Subject> {
    subjects().map(|subjects| &subjects[0])
}

/// Says why a test is skipped; fails where `CI=true`.
pub fn skip(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "must not be skipped where CI=true: {why}");
    // Past the test harness, which keeps what a test that passes prints.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "skipped: {why}").unwrap();
}

/// Runs a program and returns what it prints; an error has what it complained of.
pub fn try_run(program: &str, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = complaint.trim().lines().collect();
    let end = lines[lines.len().saturating_sub(8)..].join("\n");
    Err(format!("{program} {}: {end}", arguments.join(" ")))
}

/// [`try_run`] for what must work.
pub fn run(program: &str, arguments: &[&str]) -> String {
    String::from_utf8(try_run(program, arguments).unwrap()).unwrap()
}

/// A program with the rights of root, which unpacking owners and devices takes.
pub fn as_root(program: &str) -> Command {
    if run("id", &["-u"]).trim() == "0" {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

impl Subject {
    /// What a command in a container of the image prints; `user` of its own, if one is named.
    pub fn inside(&self, user: Option<&str>, command: &[&str]) -> String {
        let mut arguments = vec!["run", "--rm", "--network=none", "--entrypoint="];
        arguments.extend(user.map(|user| ["--user", user]).iter().flatten());
        arguments.push(&self.name);
        run(self.docker, &[&arguments[..], command].concat())
    }

    /// Opens one of the subject's forms.
    pub fn open(&self, prefix: &str, path: &Path) -> Image {
        let target: Target = format!("{prefix}:{}", path.display()).parse().unwrap();
        open(&target, &OpenOptions::default(), &()).unwrap_or_else(|error| panic!("{prefix}: {error}"))
    }
}

/// The client of an engine that answers; an error is what is missing on this machine.
pub fn client() -> Result<String, String> {
    let named = std::env::var("SLIMWRIGHT_TEST_DOCKER").unwrap_or_default();
    let clients = [named.as_str(), "docker", "/usr/bin/docker"];
    let docker = clients.into_iter().find(|docker| !docker.is_empty() && try_run(docker, &["info"]).is_ok());
    docker.map(str::to_owned).ok_or_else(|| "no engine".into())
}

/// An error is what is missing on this machine; all else fails.
fn prepare() -> Result<Vec<Subject>, String> {
    let docker: &'static str = client()?.leak();
    for tool in ["skopeo", "umoci"] {
        try_run(tool, &["--version"]).map_err(|_| format!("no {tool}"))?;
    }
    let traps = build_traps(docker);
    let more = std::env::var("SLIMWRIGHT_ORACLE_IMAGES").unwrap_or_default();
    let names = [traps.as_str(), "python:3.11-slim"].into_iter().chain(more.split_whitespace());
    Ok(names.map(|name| subject(docker, name)).collect())
}

/// Builds the image of traps and returns a name that nothing but this image ever has: another run of these tests
/// may build it at the same time.
fn build_traps(docker: &str) -> String {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lab/traps/build");
    let ours = format!("slimwright-lab/traps:run-{}", std::process::id());
    run(build.to_str().unwrap(), &[docker, &ours]);
    let id = run(docker, &["image", "inspect", "--format", "{{.Id}}", &ours]);
    let name = format!("slimwright-lab/traps:{}", &id.trim()[7..19]);
    run(docker, &["tag", &ours, &name]);
    run(docker, &["rmi", &ours]);
    name
}

fn subject(docker: &'static str, name: &str) -> Subject {
    let id = run(docker, &["image", "inspect", "--format", "{{.Id}}", name]);
    // What is saved has the name in it.
    let saved = format!("{}-{}", id.trim().replace("sha256:", ""), name.replace(['/', ':'], "-"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine").join(saved);
    let (archive, layout) = (folder.join("archive.tar"), folder.join("layout"));
    if !layout.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        let aside = folder.join("layout-in-the-making");
        let _ = std::fs::remove_dir_all(&aside);
        run(docker, &["save", name, "-o", archive.to_str().unwrap()]);
        let from = format!("docker-archive:{}", archive.display());
        run("skopeo", &["copy", "-q", &from, &format!("oci:{}:lab", aside.display())]);
        std::fs::rename(&aside, &layout).unwrap();
    }
    let target: Target = format!("docker-archive:{}", archive.display()).parse().unwrap();
    let image = open(&target, &OpenOptions::default(), &()).unwrap_or_else(|error| panic!("{name}: {error}"));
    Subject { docker, name: name.into(), archive, layout, folder, image }
}

/// Fails with what differs, at most 30 rows of it.
pub fn assert_same<K: Ord + Debug, V: PartialEq + Debug>(what: &str, oracle: &BTreeMap<K, V>, found: &BTreeMap<K, V>) {
    let mut rows = Vec::new();
    for (key, expected) in oracle {
        match found.get(key) {
            Some(value) if value == expected => {}
            Some(value) => rows.push(format!("{key:?}\n   oracle {expected:?}\n   found  {value:?}")),
            None => rows.push(format!("{key:?}\n   oracle {expected:?}\n   found  nothing")),
        }
    }
    let extra = found.iter().filter(|(key, _)| !oracle.contains_key(key));
    rows.extend(extra.map(|(key, value)| format!("{key:?}\n   oracle nothing\n   found  {value:?}")));
    let count = rows.len();
    rows.truncate(30);
    assert!(count == 0, "{what}: {count} differences\n{}", rows.join("\n"));
}
