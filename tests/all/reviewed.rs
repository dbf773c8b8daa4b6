//! `apply` by a plan that somebody reviewed, and what an applied image tells of itself.

use crate::apply::{QUIET_PRERM, Whole, headless_wheel, keeping_to, service};
use crate::tarballs::{Parts, Store, archive, docker_new};
use serde_json::{Value, json};
use slimwright::apply::{DecideError, Reviewed};
use std::path::{Path, PathBuf};

fn slimwright(arguments: &[&str]) -> (i32, String, String) {
    let output = assert_cmd::Command::cargo_bin("slimwright").unwrap().args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// An image, and its plan in a folder.
fn planned(store: &Store, parts: &Parts) -> (PathBuf, PathBuf) {
    let original = store.write("original.tar", archive(&docker_new(parts)));
    let folder = store.path("plan");
    let (from, to) = (original.display().to_string(), folder.display().to_string());
    let (code, _, stderr) = slimwright(&["plan", &from, "--no-resolve", "-o", &to]);
    assert_eq!(code, 0, "{stderr}");
    (original, folder)
}

fn applied(parts: &Parts, folder: &Path) -> Result<Whole, String> {
    let wheels = tempfile::tempdir().unwrap();
    let plan = Reviewed::read(folder).map_err(|error| error.to_string())?;
    let found = keeping_to(parts, headless_wheel(wheels.path()), Some(&plan));
    found.map_err(|error: DecideError| error.to_string())
}

/// The plan with another value at a place of its document.
fn edited(folder: &Path, edit: impl FnOnce(&mut Value)) {
    let path = folder.join("plan.json");
    let mut plan: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    edit(&mut plan);
    std::fs::write(&path, plan.to_string()).unwrap();
}

#[test]
fn a_reviewed_plan_is_carried_out_as_without_it() {
    let (store, parts, wheels) = (Store::new(), service(QUIET_PRERM), tempfile::tempdir().unwrap());
    let (_, folder) = planned(&store, &parts);
    let (with, without) =
        (applied(&parts, &folder).unwrap(), keeping_to(&parts, headless_wheel(wheels.path()), None).unwrap());
    assert_eq!(with.tree, without.tree);
    assert!(!with.tree.contains_key(&b"usr/bin/gcc"[..]) && with.left.is_empty(), "{:?}", with.left);
}

#[test]
fn a_plan_for_another_image_is_refused_with_the_layer() {
    let store = Store::new();
    let (_, folder) = planned(&store, &service(QUIET_PRERM));
    let why = applied(&service("#!/bin/sh\nexit 0\n"), &folder).err().unwrap();
    assert!(why.contains("a plan for another image: its layer 2 was sha256:"), "{why}");
    edited(&folder, |plan| _ = plan.as_object_mut().unwrap().remove("diff-ids"));
    let why = applied(&service(QUIET_PRERM), &folder).err().unwrap();
    assert!(why.contains("does not tell of which image"), "{why}");
}

#[test]
fn edits_that_apply_does_not_read_are_refused_with_the_file() {
    let (store, parts) = (Store::new(), service(QUIET_PRERM));
    let (_, folder) = planned(&store, &parts);
    for name in ["Dockerfile", "requirements.txt"] {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}# reviewed\n")).unwrap();
        let why = applied(&parts, &folder).err().unwrap();
        assert!(why.contains(name) && why.contains("was edited after the plan was written"), "{why}");
        std::fs::write(&path, text).unwrap();
    }
    // What a person reads is nobody's instruction.
    std::fs::write(folder.join("REPORT.md"), "seen, Ada").unwrap();
    applied(&parts, &folder).unwrap();
}

#[test]
fn what_was_taken_out_of_a_plan_stays_and_what_was_put_in_is_refused() {
    let (store, parts) = (Store::new(), service(QUIET_PRERM));
    let (_, folder) = planned(&store, &parts);
    edited(&folder, |plan| plan["dropped-system"] = json!([]));
    let out = applied(&parts, &folder).unwrap();
    assert!(out.tree.contains_key(&b"usr/bin/gcc"[..]));
    assert!(out.left.iter().any(|left| left.what == "OS package gcc" && left.why == "the plan keeps it"));
    edited(&folder, |plan| plan["dropped"] = json!([]));
    let out = applied(&parts, &folder).unwrap();
    let left = out.left.iter().find(|left| left.what == "opencv-duplicates").unwrap();
    assert_eq!(left.why, "the plan does not drop opencv_python");
    assert!(out.tree.contains_key(&b"usr/local/lib/python3.11/site-packages/cv2/gui.py"[..]));
    let (_, folder) = (std::fs::remove_dir_all(&folder).unwrap(), planned(&store, &parts).1);
    edited(&folder, |plan| {
        let row = json!({ "name": "kept", "version": "1", "size": plan["dropped"][0]["size"], "why": "because" });
        plan["dropped"].as_array_mut().unwrap().push(row);
        plan["pins"].as_array_mut().unwrap().retain(|pin| pin["name"] != "kept");
    });
    let why = applied(&parts, &folder).err().unwrap();
    assert!(why.contains("nothing in the image asks for what the plan does to kept"), "{why}");
}

#[test]
fn a_wheel_that_is_not_the_reviewed_one_is_refused() {
    let (store, parts) = (Store::new(), service(QUIET_PRERM));
    let (_, folder) = planned(&store, &parts);
    edited(&folder, |plan| {
        let pins = plan["pins"].as_array_mut().unwrap();
        let pin = pins.iter_mut().find(|pin| pin["name"] == "opencv_python_headless").unwrap();
        pin["availability"] = json!({ "file": { "sha256": "0".repeat(64) } });
    });
    let why = applied(&parts, &folder).err().unwrap();
    assert!(why.contains("the plan has opencv_python_headless 4.9 with SHA-256 000"), "{why}");
}

#[test]
fn an_applied_image_accounts_for_what_is_gone_and_for_nothing_else() {
    let (store, parts, wheels) = (Store::new(), service(QUIET_PRERM), tempfile::tempdir().unwrap());
    let (original, folder) = planned(&store, &parts);
    let out = keeping_to(&parts, headless_wheel(wheels.path()), None).unwrap();
    let rows = out.config["history"].as_array().unwrap();
    let last = rows.last().unwrap();
    assert_eq!(last["empty_layer"], true);
    let text = last["created_by"].as_str().unwrap().strip_prefix("slimwright apply ").unwrap();
    let account: Value = serde_json::from_str(text).unwrap();
    assert_eq!((&account["dropped"], &account["packages"]), (&json!(["opencv-python"]), &json!(["cpp", "gcc"])));
    assert_eq!(account["installed"][0]["name"], "opencv-python-headless");
    let (before, after) = (original.display().to_string(), format!("oci:{}/out", out.layout.path().display()));
    let (code, stdout, stderr) = slimwright(&["verify", &before, &after]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("by the image's own account (slimwright apply): "), "{stdout}");
    assert!(stdout.contains("measured differs from predicted by +0.00 %"), "{stdout}");
    let with_plan = ["verify", &before, &after, "--plan", &folder.display().to_string()];
    let (code, stdout, stderr) = slimwright(&with_plan);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("by the plan: "), "{stdout}");
    // What the account does not have is a loss, whoever wrote the image.
    let thinned = Parts { layers: parts.layers[..3].to_vec(), ..service(QUIET_PRERM) };
    let mut thinned = thinned;
    thinned.config["rootfs"]["diff_ids"].as_array_mut().unwrap().truncate(3);
    let history = thinned.config["history"].as_array_mut().unwrap();
    history.truncate(4);
    history.push(last.clone());
    let path = store.write("thinned.tar", archive(&docker_new(&thinned)));
    let (code, stdout, _) = slimwright(&["verify", &before, &path.display().to_string()]);
    assert!(code == 1 && stdout.contains("/app/main.py"), "{stdout}");
}
