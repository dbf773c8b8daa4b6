//! How slimwright is brought to a machine: what its packages are made of, and that they find what they bring.

use assert_cmd::Command;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All files that are written by hand.
fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let is_ours = !matches!(name.to_str(), Some("target" | ".git" | "testdata" | "Cargo.lock"));
        match entry.file_type().unwrap() {
            kind if kind.is_dir() && is_ours => files(&path, out),
            kind if kind.is_file() && is_ours => out.push(path),
            _ => {}
        }
    }
}

#[test]
fn the_owner_stands_in_one_place() {
    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    let repository = manifest["package"]["repository"].as_str().unwrap();
    let owner_and_name = repository.rsplit('/').take(2).collect::<Vec<_>>();
    let owner_and_name = format!("{}/{}", owner_and_name[1], owner_and_name[0]);
    let mut all = Vec::new();
    files(root(), &mut all);
    assert!(all.len() > 400, "{}", all.len());
    let naming = all.iter().filter_map(|path| {
        let count = std::fs::read_to_string(path).ok()?.matches(&owner_and_name).count();
        (count > 0).then(|| (path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(), count))
    });
    assert_eq!(naming.collect::<Vec<_>>(), [("Cargo.toml".to_owned(), 1)], "{owner_and_name}");
}

#[test]
fn the_formula_has_the_archives_that_a_release_has_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let sums = folder.path().join("SHA256SUMS");
    let version = env!("CARGO_PKG_VERSION");
    let (digest, wheel) = ("ab".repeat(32), "cd".repeat(32));
    let rows = format!(
        "{digest}  slimwright-{version}-x86_64-unknown-linux-musl.tar.gz\n{wheel}  slimwright-{version}-py3-none-any.whl\n"
    );
    std::fs::write(&sums, rows).unwrap();
    let output = std::process::Command::new("python3").arg(root().join("scripts/formula")).arg(&sums).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let formula = String::from_utf8(output.stdout).unwrap();
    let url = format!(
        "{}/releases/download/v{version}/slimwright-{version}-x86_64-unknown-linux-musl.tar.gz",
        env!("CARGO_PKG_REPOSITORY")
    );
    assert!(formula.contains(&format!("url \"{url}\"\n      sha256 \"{digest}\"")), "{formula}");
    assert!(!formula.contains(&wheel) && !formula.contains("on_macos") && !formula.contains("on_arm"), "{formula}");
    let word = |word: &str| formula.lines().filter(|line| line.split_whitespace().any(|part| part == word)).count();
    assert_eq!(word("do") + word("def") + word("class"), word("end"), "{formula}");
}

#[test]
fn what_is_packed_for_the_crate_registry_is_what_the_build_needs() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline", "--quiet"])
        .current_dir(root())
        .output()
        .unwrap();
    let list = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "a warning");
    let has = |name: &str| list.lines().any(|line| line == name);
    assert!(has("profiles/torch-cuda.toml") && has("src/main.rs") && has("LICENSE-MIT") && has("README.md"), "{list}");
    for folder in ["tests/", "testdata/", "scripts/", "fuzz/", ".ci/", ".github/"] {
        assert!(!list.lines().any(|line| line.starts_with(folder)), "{folder} is packed");
    }
}

/// Where PATH has no uv, or one that is too old, the one is asked that was installed with the program.
#[test]
fn uv_is_found_beside_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let (bin, path, project) = (folder.path().join("bin"), folder.path().join("path"), folder.path().join("project"));
    for dir in [&bin, &path, &project] {
        std::fs::create_dir(dir).unwrap();
    }
    let program = bin.join("slimwright");
    let built = assert_cmd::cargo::cargo_bin("slimwright");
    std::fs::hard_link(&built, &program).or_else(|_| std::fs::copy(&built, &program).map(|_| ())).unwrap();
    let script = |file: PathBuf, version: &str, record: &str| {
        let record = folder.path().join(record);
        std::fs::write(&file, format!("#!/bin/sh\necho asked >>{}\necho 'uv {version}'\n", record.display())).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    std::fs::write(project.join("requirements.txt"), "six==1.16.0\n").unwrap();
    let asked = || {
        let mut command = Command::new(&program);
        command.env_remove("UV").env("PATH", &path).env("HOME", folder.path()).current_dir(&project);
        let output = command.args(["audit", "context:.", "--python", "3.11", "--no-cache"]).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(asked().contains("install uv 0.7 or later"), "{}", asked());
    script(bin.join("uv"), "0.13.0", "beside");
    assert!(!asked().contains("install uv"), "{}", asked());
    assert!(folder.path().join("beside").exists());
    // The user's own comes first, unless it is too old.
    std::fs::remove_file(folder.path().join("beside")).unwrap();
    script(path.join("uv"), "0.13.1", "own");
    asked();
    assert!(folder.path().join("own").exists() && !folder.path().join("beside").exists());
    script(path.join("uv"), "0.4.0", "own");
    asked();
    assert!(folder.path().join("beside").exists());
}
