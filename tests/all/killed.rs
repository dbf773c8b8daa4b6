//! Runs that are killed: nothing half-written is at the output's name, and the next run takes away what was left.

use crate::tarballs::{Parts, Store, Tar, archive, docker_new};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// An image that takes a while: most of a layer stays, and does not compress.
fn original(store: &Store) -> PathBuf {
    let noise: Vec<u8> = (0..6_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let lower = Tar::new().file("kept", noise.clone()).file("also", noise).file("old", "hidden").finish();
    let upper = Tar::new().file("old", "seen").finish();
    store.write("original.tar", archive(&docker_new(&Parts::new(vec![lower, upper]))))
}

fn command(original: &Path, output: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slimwright"));
    command.arg("apply").arg(original).args(["--only", "deleted-bytes", "-o", output]).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|found| found.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The folder of a run that lives or was killed.
fn of_run(folder: &Path) -> Option<PathBuf> {
    let name = names(folder).into_iter().find(|name| name.starts_with(".slimwright-"))?;
    Some(folder.join(name))
}

/// Waits for a moment of a run, or for its end.
fn until(child: &mut Child, moment: impl Fn() -> bool) {
    while !moment() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
}

/// Whether it has begun, has a blob, has all documents, has the beginning of an archive.
fn is_at(folder: &Path, moment: &str) -> bool {
    let Some(run) = of_run(folder) else { return false };
    match moment {
        "" => true,
        "blob" => std::fs::read_dir(run.join("layout/blobs/sha256")).is_ok_and(|mut found| found.next().is_some()),
        file => run.join(file).exists(),
    }
}

#[test]
fn a_killed_run_leaves_nothing_at_the_name_and_the_next_one_cleans_up() {
    let store = Store::new();
    let original = original(&store);
    for (form, moments) in [("oci", ["", "blob", "layout/index.json"]), ("oci-archive", ["lock", "blob", "archive"])] {
        for moment in moments {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("out");
            let output = format!("{form}:{}", place.display());
            let mut child = command(&original, &output, &[]).spawn().unwrap();
            until(&mut child, || is_at(folder.path(), moment));
            child.kill().unwrap();
            let status = child.wait().unwrap();
            let was_killed = !status.success();
            assert!(!was_killed || !place.exists(), "{form} {moment}: half of it is there");
            assert!(command(&original, &output, &["--force"]).status().unwrap().success(), "{form} {moment}");
            let left: Vec<String> = names(folder.path()).into_iter().filter(|name| name != "out").collect();
            // Before it has its lock, a run has nothing but an empty folder, which is not told from somebody else's.
            let is_empty = |name: &String| names(&folder.path().join(name)).iter().all(|name| name == "lock.new");
            assert!(left.iter().all(is_empty) && (left.is_empty() || moment.is_empty()), "{form} {moment}: {left:?}");
        }
    }
}

#[test]
fn an_earlier_layout_is_there_until_the_new_one_is() {
    let store = Store::new();
    let original = original(&store);
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("out");
    let output = format!("oci:{}", place.display());
    assert!(command(&original, &output, &["--compression", "none"]).status().unwrap().success());
    let before = std::fs::read(place.join("index.json")).unwrap();
    let mut child = command(&original, &output, &["--force"]).spawn().unwrap();
    until(&mut child, || is_at(folder.path(), "layout/index.json"));
    child.kill().unwrap();
    if !child.wait().unwrap().success() {
        assert_eq!(std::fs::read(place.join("index.json")).unwrap(), before);
    }
    assert!(command(&original, &output, &["--force"]).status().unwrap().success());
    assert_ne!(std::fs::read(place.join("index.json")).unwrap(), before);
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn the_folder_of_a_run_that_lives_and_folders_of_others_stay() {
    let store = Store::new();
    let original = original(&store);
    let folder = tempfile::tempdir().unwrap();
    let (living, foreign) = (folder.path().join(".slimwright-living"), folder.path().join(".slimwright-notes"));
    for path in [&living, &foreign] {
        std::fs::create_dir(path).unwrap();
        std::fs::write(path.join("mine"), "x").unwrap();
    }
    let lock = std::fs::File::create(living.join("lock")).unwrap();
    lock.lock().unwrap();
    let output = format!("oci:{}", folder.path().join("out").display());
    assert!(command(&original, &output, &[]).status().unwrap().success());
    assert_eq!(names(folder.path()), [".slimwright-living", ".slimwright-notes", "out"]);
    drop(lock);
    assert!(command(&original, &output, &["--force"]).status().unwrap().success());
    assert_eq!(names(folder.path()), [".slimwright-notes", "out"]);
}
