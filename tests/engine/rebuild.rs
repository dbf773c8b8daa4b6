//! The plan of a real image, built for real: the emitted Dockerfile builds, the smoke test passes in the result,
//! and the measured size is what was predicted.

use crate::engine::{run, skip, subjects, try_run};
use std::process::Command;

/// Largest error of the prediction, in per cent; `scripts/lab/rebuild` has the same.
const TOLERANCE: f64 = 5.0;

#[test]
fn the_plan_of_a_real_image_builds_and_is_as_large_as_predicted() {
    let Some(subjects) = subjects() else { return };
    let docker = subjects[0].docker;
    let root = env!("CARGO_MANIFEST_DIR");
    let id = format!("run-{}", std::process::id());
    let context = format!("{root}/scripts/lab/small");
    // A name of its own: another run of this test may be under way.
    let (name, slim) = (&format!("slimwright-lab/small:{id}"), &format!("slimwright-lab-small-{id}-rebuilt:slim"));
    let mut build = Command::new(docker);
    build.env("DOCKER_BUILDKIT", "0").args(["build", "-q", "--network=host", "-t", name, &context]);
    let output = build.output().unwrap();
    if !output.status.success() {
        return skip(&format!("the small image does not build: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let work = tempfile::tempdir().unwrap();
    crate::context::is_as_predicted(&context, name, &work.path().join("context-cache"));
    let mut rebuild = Command::new(format!("{root}/scripts/lab/rebuild"));
    rebuild.args([name, env!("CARGO_BIN_EXE_slimwright")]).env("DOCKER", docker).env("WORK", work.path());
    rebuild.env("SLIMWRIGHT_CACHE_DIR", work.path().join("cache"));
    let output = rebuild.output().unwrap();
    let (table, talk) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{table}\n{talk}");
    assert!(table.contains("smoke test") && table.contains("passed"), "{table}");
    println!("{table}");

    // The file that broke in the original works again, and the GPU build has gone.
    let plan = std::fs::read_to_string(work.path().join("plan/requirements.txt")).unwrap();
    assert!(plan.contains("xgboost-cpu==") && !plan.contains("nvidia-"), "{plan}");
    let cv2 = "import cv2, xgboost; print(cv2.__version__)";
    assert!(try_run(docker, &["run", "--rm", "--network=none", "--entrypoint=python3", name, "-c", cv2]).is_err());
    let version = run(docker, &["run", "--rm", "--network=none", "--entrypoint=python3", slim, "-c", cv2]);
    assert!(version.starts_with("4."), "{version}");
    assert!(predicted_error(&table) < TOLERANCE, "{table}");
    let image = |name: &str| format!("docker-daemon:{name}");
    let mut verify = Command::new(env!("CARGO_BIN_EXE_slimwright"));
    verify.args(["verify", &image(name), &image(slim), "--plan"]).arg(work.path().join("plan"));
    let output = verify.env("SLIMWRIGHT_CACHE_DIR", work.path().join("cache")).output().unwrap();
    let verdict = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{verdict}{}", String::from_utf8_lossy(&output.stderr));
    assert!(verdict.contains("ok      imports"), "{verdict}");
    let user =
        run(docker, &["image", "inspect", "-f", "{{.Config.User}} {{.Config.WorkingDir}} {{json .Config.Cmd}}", slim]);
    let before =
        run(docker, &["image", "inspect", "-f", "{{.Config.User}} {{.Config.WorkingDir}} {{json .Config.Cmd}}", name]);
    assert_eq!(user, before);
    run(docker, &["rmi", name, slim]);
}

/// The per cent of the line `after, predicted`, without its sign.
fn predicted_error(table: &str) -> f64 {
    let line = table.lines().find(|line| line.starts_with("after, predicted")).unwrap();
    let word = line.split("MB").nth(1).unwrap().split('%').next().unwrap();
    word.trim().trim_start_matches(['+', '-']).parse().unwrap()
}
