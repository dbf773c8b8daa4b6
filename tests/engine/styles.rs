//! The plan of a small image, built with uv from requirements files and from a lock: everything is installed from an
//! index on this machine.

use crate::engine::{client, run, skip, try_run};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const DOCKERFILE: &str = "FROM python:3.11-slim\nARG PIP_INDEX_URL\nWORKDIR /srv\nCOPY requirements.txt .\n\
    RUN pip install --no-cache-dir -r requirements.txt\nCOPY main.py .\nCMD [\"python3\", \"main.py\"]\n";
const MAIN: &str = "import flask\nimport markupsafe\n\napp = flask.Flask(__name__)\n";
const REQUIREMENTS: &str = "flask==3.0.0\nmarkupsafe==2.1.5\n";

/// An index that ends with the test.
struct Served {
    child: Child,
    url: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn script(name: &str) -> String {
    format!("{}/scripts/lab/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Serves the wheels of the image, and uv's own, which the build stage installs.
fn serve(folder: &Path) -> Result<Served, String> {
    let path = folder.to_str().unwrap();
    let of_image = "--python-version 3.11 --implementation cp --abi cp311 --abi none --platform manylinux_2_17_x86_64 \
                    --platform manylinux2014_x86_64 --platform any --only-binary :all:";
    let mut pip = vec!["-m", "pip", "download", "--quiet", "--dest", path];
    pip.extend(of_image.split_whitespace().chain(REQUIREMENTS.lines()).chain(["uv"]));
    try_run("python3", &pip)?;
    let mut child = Command::new(script("cpu-index"))
        .args(["serve", path])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let mut url = String::new();
    let read = BufReader::new(child.stdout.take().unwrap()).read_line(&mut url);
    let served = Served { child, url: url.trim().to_owned() };
    read.map_err(|error| error.to_string())?;
    if served.url.is_empty() { Err("the index did not start".into()) } else { Ok(served) }
}

/// Plans and builds the image in a style; the emitted Dockerfile.
fn rebuilt(docker: &str, name: &str, style: &str, index: &Served) -> String {
    let work = tempfile::tempdir().unwrap();
    let mut rebuild = Command::new(script("rebuild"));
    rebuild.args([name, env!("CARGO_BIN_EXE_slimwright"), "--style", style]);
    rebuild.env("DOCKER", docker).env("WORK", work.path()).env("TARGET", format!("docker-daemon:{name}"));
    rebuild.env("SLIMWRIGHT_CACHE_DIR", work.path().join("cache"));
    rebuild.env("UV_DEFAULT_INDEX", &index.url).env("PIP_INDEX_URL", &index.url);
    let output = rebuild.output().unwrap();
    let (table, talk) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{table}\n{talk}");
    assert!(table.lines().any(|line| line.starts_with("smoke test") && line.ends_with("passed")), "{table}\n{talk}");
    println!("{style}:\n{table}");
    std::fs::read_to_string(work.path().join("plan/Dockerfile")).unwrap()
}

#[test]
fn a_plan_in_style_uv_and_one_in_style_pylock_build_and_pass_their_smoke_test() {
    let docker = &match client() {
        Ok(docker) => docker,
        Err(why) => return skip(&why),
    };
    if let Err(why) = try_run("uv", &["--version"]) {
        return skip(&why);
    }
    let folder = tempfile::tempdir().unwrap();
    let index = match serve(folder.path()) {
        Ok(index) => index,
        Err(why) => return skip(&format!("no wheels to serve: {why}")),
    };
    let context = tempfile::tempdir().unwrap();
    for (file, text) in [("Dockerfile", DOCKERFILE), ("main.py", MAIN), ("requirements.txt", REQUIREMENTS)] {
        std::fs::write(context.path().join(file), text).unwrap();
    }
    // A name of its own: another run of this test may be under way.
    let id = format!("styles-{}", std::process::id());
    let name = &format!("slimwright-lab/small:{id}");
    let argument = format!("PIP_INDEX_URL={}", index.url);
    let mut build = Command::new(docker);
    build.env("DOCKER_BUILDKIT", "0").args(["build", "-q", "--network=host", "--build-arg", &argument, "-t", name]);
    let output = build.arg(context.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let with_uv = rebuilt(docker, name, "uv", &index);
    assert!(with_uv.contains("uv pip install --no-deps") && with_uv.contains("--require-hashes"), "{with_uv}");
    let with_lock = rebuilt(docker, name, "pylock", &index);
    assert!(with_lock.contains("uv pip sync") && with_lock.contains("pylock.cpu.toml"), "{with_lock}");
    run(docker, &["rmi", name, &format!("slimwright-lab-small-{id}-rebuilt:slim")]);
}
