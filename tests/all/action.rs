//! The steps of `action.yml`, in a workspace whose files mean harm: each of them that runs leaves a mark. Stand-ins of cargo
//! and curl, outside of the workspace, write down where they were started and with what.

use crate::tarballs::Store;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const NAMES: [&str; 23] = [
    "awk",
    "bash",
    "cargo",
    "cat",
    "curl",
    "cut",
    "env",
    "gh",
    "git",
    "gzip",
    "install",
    "mkdir",
    "mktemp",
    "od",
    "python3",
    "readlink",
    "rustc",
    "sed",
    "sha256sum",
    "slimwright",
    "tar",
    "tr",
    "uname",
];

struct Runner {
    store: Store,
}

impl Runner {
    fn new() -> Self {
        let runner = Self { store: Store::new() };
        for folder in ["workspace/bin", "workspace/.cargo", "action/scripts/action", "tools", "temp", "home"] {
            std::fs::create_dir_all(runner.path(folder)).unwrap();
        }
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/action");
        for name in ["common", "install", "check", "digests"] {
            std::fs::copy(scripts.join(name), runner.path("action/scripts/action").join(name)).unwrap();
        }
        let evil = format!("#!/bin/sh\necho \"$0\" >>{}\n", runner.path("pwned").display());
        for name in NAMES {
            runner.program(&format!("workspace/{name}"), &evil);
            runner.program(&format!("workspace/bin/{name}"), &evil);
        }
        runner.write("workspace/.cargo/config.toml", "[build]\nrustc-wrapper = \"./rustc\"\n");
        runner.write("workspace/rust-toolchain.toml", "[toolchain]\npath = \".\"\n");
        runner.program("workspace/start.sh", &evil);
        runner
    }

    fn path(&self, name: &str) -> PathBuf {
        self.store.path("").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn program(&self, name: &str, text: &str) {
        self.write(name, text);
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a step as GitHub's runner does, with whatever the job may have in its environment.
    fn step(&self, name: &str, more: &[(&str, &str)]) -> Output {
        let (workspace, show) = (self.path("workspace"), |path: PathBuf| path.display().to_string());
        let path = format!("{0}:.:bin::{0}/bin:{1}:/usr/bin:/bin", workspace.display(), self.path("tools").display());
        let mut command = Command::new("/bin/bash");
        command.arg("-p").arg(self.path("action/scripts/action").join(name)).current_dir(&workspace).env_clear();
        command.env("PATH", path).env("HOME", self.path("home")).env("RUNNER_TEMP", self.path("temp"));
        command.env("GITHUB_WORKSPACE", &workspace).env("GITHUB_ACTION_PATH", self.path("action"));
        command.env("GITHUB_PATH", self.path("path")).env("GITHUB_OUTPUT", self.path("output"));
        command.env("GITHUB_SERVER_URL", "https://example.org").env("ACTION_REPOSITORY", "team/slimwright");
        command.env("CARGO_HOME", workspace.join(".cargo")).env("RUSTC_WRAPPER", workspace.join("rustc"));
        command.env("BASH_ENV", workspace.join("start.sh")).env("RUSTFLAGS", "-Clinker=./rustc");
        command.env("CARGO_BUILD_RUSTC", show(workspace.join("rustc"))).env("RUSTUP_TOOLCHAIN", "stranger");
        command.env("CARGO_TARGET_DIR", "here").env("https_proxy", "http://proxy.example.org:3128");
        command.envs(more.iter().copied());
        command.output().unwrap()
    }

    /// That nothing of the workspace ran.
    fn assert_clean(&self, output: &Output) {
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(self.read("pwned"), "", "{told}");
    }

    /// What a stand-in was started with: its folder, and the names of its environment.
    fn record(&self, name: &str) -> (String, Vec<String>) {
        let text = self.read(name);
        let mut lines = text.lines().map(str::to_owned);
        let folder = lines.next().unwrap_or_default();
        let names = lines.filter_map(|line| Some(line.split_once('=')?.0.to_owned()));
        // The shell that the stand-in is adds these.
        let mut names: Vec<String> = names.filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(&&**name)).collect();
        names.sort();
        (folder, names)
    }

    fn outputs(&self) -> String {
        self.read("output")
    }
}

/// Writes down how it was started; then what it is for.
fn stand_in(record: &Path, work: &str) -> String {
    format!("#!/bin/sh\n{{ pwd; /usr/bin/env; }} >{}\n{work}\n", record.display())
}

const BUILT: &str = r#"for word; do last=$target; target=$word; [ "$last" = --target-dir ] && break; done
mkdir -p "$target/release"
printf '#!/bin/sh\necho slimwright 0.1.0\n' >"$target/release/slimwright"
chmod 755 "$target/release/slimwright""#;

#[test]
fn the_action_is_built_in_its_own_folder_with_a_clean_environment() {
    let runner = Runner::new();
    runner.program("tools/cargo", &stand_in(&runner.path("cargo.record"), BUILT));
    let output = runner.step("install", &[("INPUT_VERSION", "source"), ("GH_TOKEN", "of the job")]);
    runner.assert_clean(&output);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let (folder, names) = runner.record("cargo.record");
    assert_eq!(Path::new(&folder), std::fs::canonicalize(runner.path("action")).unwrap());
    // Not CARGO_HOME: it is in the workspace.
    assert_eq!(names, ["HOME", "LC_ALL", "PATH", "TMPDIR", "https_proxy"]);
    let path = runner.read("cargo.record");
    let path = path.lines().find(|line| line.starts_with("PATH=")).unwrap();
    assert!(!path.contains("workspace") && !path.contains(":."), "{path}");
    let binary = runner.outputs().trim().strip_prefix("binary=").unwrap().to_owned();
    assert!(Path::new(&binary).starts_with(runner.path("temp")) && Path::new(&binary).is_file(), "{binary}");
    assert_eq!(runner.read("path").trim(), Path::new(&binary).parent().unwrap().to_str().unwrap());
    let folder = Path::new(&binary).ancestors().nth(2).unwrap();
    assert_eq!(std::fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_cargo_of_the_workspace_is_none_even_behind_a_link() {
    let runner = Runner::new();
    std::os::unix::fs::symlink("../workspace/cargo", runner.path("tools/cargo")).unwrap();
    let output = runner.step("install", &[("INPUT_VERSION", "source")]);
    runner.assert_clean(&output);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() == Some(2) && told.contains("outside of the workspace"), "{told}");
}

#[test]
fn a_temporary_folder_in_the_workspace_is_refused() {
    let runner = Runner::new();
    let inside = runner.path("workspace/bin").display().to_string();
    let output = runner.step("install", &[("RUNNER_TEMP", &inside)]);
    runner.assert_clean(&output);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(runner.outputs(), "");
}

/// An archive as `scripts/release` packs it, at `archive.tar.gz`; its digest.
fn release(runner: &Runner) -> String {
    let name = format!("slimwright-9.8.7-{}-unknown-linux-musl", std::env::consts::ARCH);
    runner.program("slimwright", "#!/bin/sh\necho slimwright 9.8.7\n");
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_path_with_name(runner.path("slimwright"), format!("{name}/slimwright")).unwrap();
    let bytes = crate::tarballs::gzip(&archive.into_inner().unwrap(), usize::MAX);
    std::fs::write(runner.path("archive.tar.gz"), &bytes).unwrap();
    let copy =
        format!("while [ \"$1\" != --output ]; do shift; done\ncp {} \"$2\"", runner.path("archive.tar.gz").display());
    runner.program("tools/curl", &stand_in(&runner.path("curl.record"), &copy));

    slimwright::base::Digest::of(&bytes).hex()
}

#[test]
fn a_release_is_downloaded_by_a_digest_that_was_known_before() {
    let runner = Runner::new();
    let digest = release(&runner);
    // Neither given nor known nor proven.
    let output = runner.step("install", &[("INPUT_VERSION", "9.8.7")]);
    runner.assert_clean(&output);
    assert!(output.status.code() == Some(2) && runner.outputs().is_empty());
    assert!(String::from_utf8_lossy(&output.stdout).contains("give the digest as sha256"));
    let other = "0".repeat(64);
    let output = runner.step("install", &[("INPUT_VERSION", "9.8.7"), ("INPUT_SHA256", &other)]);
    runner.assert_clean(&output);
    assert!(output.status.code() == Some(2) && runner.outputs().is_empty());
    let output = runner.step("install", &[("INPUT_VERSION", "v9.8.7"), ("INPUT_SHA256", &digest)]);
    runner.assert_clean(&output);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(runner.record("curl.record").1, ["HOME", "LC_ALL", "PATH", "TMPDIR", "https_proxy"]);
    // Known to the action.
    let name = format!("slimwright-9.8.7-{}-unknown-linux-musl.tar.gz", std::env::consts::ARCH);
    runner.write("action/scripts/action/digests", &format!("# digests\n{digest}  {name}\n"));
    let output = runner.step("install", &[("INPUT_VERSION", "9.8.7")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Without a version and a digest it is the latest release, if the release's own workflow has built it from that tag.
#[test]
fn the_latest_release_is_taken_by_its_provenance() {
    let runner = Runner::new();
    release(&runner);
    let download = runner.read("tools/curl");
    let (head, rest) = download.split_once("while").unwrap();
    let latest = "https://example.org/team/slimwright/releases/tag/v9.8.7";
    let asked = format!("for word; do [ \"$word\" != --head ] || {{ printf {latest}; exit; }}; done\nwhile");
    runner.program("tools/curl", &format!("{head}{asked}{rest}"));
    let gh = stand_in(&runner.path("gh.record"), "echo \"$@\" >>\"$0.arguments\"\nexit $(cat \"$0.answer\")");
    runner.program("tools/gh", &gh);
    let token = [("PROVENANCE_TOKEN", "t0ken"), ("GH_TOKEN", "of the job")];
    runner.write("tools/gh.answer", "1");
    let output = runner.step("install", &token);
    runner.assert_clean(&output);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.code() == Some(2) && told.contains("not proven to be built by team/slimwright from v9.8.7"),
        "{told}"
    );
    assert_eq!(runner.outputs(), "");
    runner.write("tools/gh.answer", "0");
    let output = runner.step("install", &token);
    runner.assert_clean(&output);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(
        runner.read("gh.record").contains("GH_TOKEN=t0ken\n")
            && runner.read("gh.record").contains("GH_HOST=example.org\n")
    );
    assert!(!runner.read("curl.record").contains("t0ken"));
    let arguments = runner.read("tools/gh.arguments");
    for words in [
        "attestation verify",
        "--repo team/slimwright",
        "--signer-workflow team/slimwright/.github/workflows/release.yml",
        "--source-ref refs/tags/v9.8.7",
    ] {
        assert!(arguments.contains(words), "{arguments}");
    }
    // A gh of the workspace is none.
    std::fs::remove_file(runner.path("tools/gh")).unwrap();
    let output = runner.step("install", &token);
    runner.assert_clean(&output);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_check_runs_the_program_that_was_brought_and_no_other() {
    let runner = Runner::new();
    let record = runner.path("check.record");
    runner.program("temp/slimwright", &stand_in(&record, "for word; do echo \"argument $word\"; done"));
    let binary = runner.path("temp/slimwright").display().to_string();
    let uv = runner.path("workspace/uv").display().to_string();
    let inputs = [("INPUT_TARGET", "context:."), ("SLIMWRIGHT", &*binary), ("UV", &*uv)];
    let output = runner.step("check", &inputs);
    runner.assert_clean(&output);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("argument context:."), "{told}");
    let (folder, names) = runner.record("check.record");
    assert_eq!(Path::new(&folder), std::fs::canonicalize(runner.path("workspace")).unwrap());
    assert!(!names.contains(&"UV".to_owned()), "{names:?}");
    assert!(!runner.read("check.record").lines().any(|line| line.starts_with("PATH=") && line.contains("workspace")));
    // By its full name or not at all.
    let output = runner.step("check", &[("INPUT_TARGET", "context:."), ("SLIMWRIGHT", "slimwright")]);
    runner.assert_clean(&output);
    assert_eq!(output.status.code(), Some(2));
}
