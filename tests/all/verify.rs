//! What a rebuilt image lost.

use crate::fixture::image;
use assert_cmd::Command;
use slimwright::base::Text;
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::report;
use slimwright::verify::{Class, Kind, Outcome, Promise, TOLERANCE, Verification, What, verify};

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// A whole distribution with one module.
fn dist(name: &str, version: &str, bytes: u32, requires: &str) -> String {
    let requires = if requires.is_empty() { String::new() } else { format!("Requires-Dist: {requires}\\n") };
    format!(
        "f {SITE}/{name}-{version}.dist-info/METADATA = Name: {name}\\nVersion: {version}\\n{requires}\n\
         f {SITE}/{name}-{version}.dist-info/RECORD = {name}.py,,\\n\nf {SITE}/{name}.py {bytes}\n"
    )
}

fn compared(before: &str, after: &str, promise: Option<&Promise>) -> Verification {
    let (before, after) = (image(&format!("layer x\n{before}")), image(&format!("layer y\n{after}")));
    let (before, after) = (View::new(&before), View::new(&after));
    let (one, two) = (Survey::new(&before, &[]), Survey::new(&after, &[]));
    verify(&one.facts(&before), &two.facts(&after), promise, TOLERANCE)
}

fn losses<'v>(verification: &'v Verification, id: &str) -> &'v [Text] {
    &verification.checks.iter().find(|check| check.id == id).unwrap().losses
}

fn text(verification: &Verification) -> String {
    report::verify(verification, false, 80, false)
}

fn outcome(verification: &Verification, id: &str) -> Outcome {
    verification.checks.iter().find(|check| check.id == id).unwrap().outcome
}

/// What became of the paths of the only owner that lost something.
fn lost(verification: &Verification) -> (Kind, Vec<(&str, &What)>) {
    let [group] = &verification.tree.lost[..] else { panic!("{:?}", verification.tree.lost) };
    (group.kind, group.differences.iter().map(|one| (one.path.as_str(), &one.what)).collect())
}

#[test]
fn of_two_environments_the_pin_is_looked_for_in_each_and_the_nearer_one_counts() {
    let vendor = |name: &str, version: &str| {
        let site = "usr/lib/python3/dist-packages";
        format!(
            "f {site}/{name}-{version}.dist-info/METADATA = Name: {name}\\nVersion: {version}\\n\n\
             f {site}/{name}-{version}.dist-info/RECORD = {name}.py,,\\n\nf {site}/{name}.py 77\n"
        )
    };
    let both = dist("numpy", "1.26.4", 1000, "") + &vendor("numpy", "1.24.2");
    let found = compared(&both, &both, None);
    let pin = r#"[{"name": "numpy", "version": "1.26.4", "size": {"bytes": 1500}}]"#;
    let plan = format!(
        r#"{{"predicted": {{"unpacked": {{"bytes": {}}}}}, "pins": {pin}, "dropped": [], "overridden": [], "unsatisfied-before": []}}"#,
        found.after
    );
    let promise = Promise::parse(plan.as_bytes()).unwrap();
    let found = compared(&both, &both, Some(&promise));
    assert_eq!(outcome(&found, "distributions"), Outcome::Passed, "{:?}", losses(&found, "distributions"));
    assert_eq!(found.sizes[0].measured, Some(1000), "that of the expected version");
}

#[test]
fn an_image_that_keeps_all_passes_and_a_distribution_that_went_without_a_plan_is_named() {
    let kept = dist("a", "1", 1000, "") + &dist("b", "2", 500, "a>=1");
    let found = compared(&kept, &kept, None);
    assert!(!found.failed(), "{found:?}");
    assert!(text(&found).ends_with("\nNothing was lost.\n"), "{}", text(&found));

    let before = kept.clone() + &dist("dev", "3", 9000, "");
    let found = compared(&before, &kept, None);
    assert_eq!(found.gone, ["dev 3"]);
    let rows = losses(&found, "distribution-files");
    assert!(rows[0].starts_with("dev 3 is gone: 3 paths, 9.0 kB") && rows.len() == 1, "{rows:?}");
    assert!(found.failed() && found.before > found.after + 9000);

    let promise = Promise { dropped: ["dev".to_owned()].into(), unpacked: Some(found.after), ..Promise::default() };
    let found = compared(&before, &kept, Some(&promise));
    assert!(!found.failed(), "{found:?}");
    assert_eq!(found.tree.by_plan.0, 3);
}

#[test]
fn every_way_to_lose_a_file_of_the_application_is_a_loss() {
    let before = "d app\nf app/run.sh 40 mode=755\nf app/model.bin 5000000\nl app/current -> model.bin\nd app/spool\n";
    let cases: [(&str, &str, &str); 7] = [
        ("f app/model.bin 5000000\n", "", "/app/model.bin (5.0 MB) is gone"),
        ("f app/model.bin 5000000\n", "f app/model.bin 70\n", "/app/model.bin (5.0 MB) has 70 bytes now"),
        (
            "f app/model.bin 5000000\n",
            "f app/model.bin 5000000 hash=other\n",
            "/app/model.bin (5.0 MB) has other content of the same size",
        ),
        (
            "f app/model.bin 5000000\n",
            "l app/model.bin -> /mnt/model\n",
            "/app/model.bin (5.0 MB) was a file, is a link",
        ),
        ("mode=755", "mode=644", "/app/run.sh (40 B) had mode 0755, has 0644: it cannot be executed"),
        ("-> model.bin", "-> old.bin", "/app/current led to model.bin, leads to old.bin"),
        ("d app/spool\n", "", "/app/spool is gone"),
    ];
    for (was, is, said) in cases {
        let found = compared(before, &before.replace(was, is), None);
        assert_eq!(losses(&found, "application"), [said]);
        assert!(found.failed() && text(&found).contains("Something was lost"), "{}", text(&found));
        assert_eq!(lost(&found).0, Kind::Application);
    }
    // A link to a directory leads to the same files.
    let moved = "d usr\nd usr/lib\nf usr/lib/a 10\nl lib -> usr/lib\n";
    let found = compared("d lib\nf lib/a 10 hash=x\n", &moved.replace("a 10", "a 10 hash=x"), None);
    let rows = losses(&found, "application");
    assert_eq!(rows, ["/lib was a directory, is a link"]);
}

#[test]
fn another_mode_or_owner_is_told_and_loses_nothing() {
    let before = "d app uid=1000 gid=1000\nf app/a 10 mode=664\n";
    let found = compared(before, &before.replace("uid=1000", "uid=0").replace("mode=664", "mode=644"), None);
    assert!(!found.failed(), "{found:?}");
    assert_eq!(outcome(&found, "application"), Outcome::Differs);
    let told = ["/app/a (10 B) had mode 0664, has 0644", "/app belonged to 1000:1000, belongs to 0:1000"];
    assert_eq!(losses(&found, "application"), told);
    assert!(text(&found).contains("Nothing was lost; what is not as it was is above."), "{}", text(&found));
}

#[test]
fn what_could_not_be_compared_is_not_said_to_be_kept() {
    let before = "f app/a 5000 undigested\nf app/b 10\n";
    let found = compared(before, before, None);
    assert!(!found.failed());
    assert_eq!((found.tree.compared, found.tree.by_size, found.tree.bytes_by_size), (2, 1, 5000));
    let text = text(&found).replace('\n', " ");
    assert!(text.contains("of 1 of 2 files (5.0 kB) only the sizes could be compared"), "{text}");
    assert!(!text.contains("Nothing was lost"), "{text}");
}

/// A package of the system that lists these files.
fn package(name: &str, version: &str, files: &[(&str, &str)]) -> String {
    let list: String = files.iter().map(|(path, _)| format!("/{path}\\n")).collect();
    let files: String = files.iter().map(|(path, rest)| format!("f {path} {rest}\n")).collect();
    format!(
        "f var/lib/dpkg/status = Package: {name}\\nStatus: install ok installed\\nVersion: {version}\\nArchitecture: amd64\\n\n\
         f var/lib/dpkg/info/{name}.list = {list}\n{files}"
    )
}

#[test]
fn files_of_os_packages_are_compared_by_their_package() {
    let files = [("usr/lib/libx.so.1", "700"), ("etc/x.conf", "50"), ("usr/share/doc/x/README", "900")];
    let before = package("x", "1.0", &files);
    let found = compared(&before, &package("x", "1.0", &files[1..]), None);
    let (kind, rows) = lost(&found);
    assert_eq!((kind, rows), (Kind::OsPackage, vec![("/usr/lib/libx.so.1", &What::Gone)]));
    // Slim images leave documentation out.
    let found = compared(&before, &package("x", "1.0", &files[..2]), None);
    assert!(!found.failed() && found.tree.made_anew[&Class::Documentation] == 1, "{found:?}");
    // Another version has other files.
    let newer = package("x", "1.1", &[("usr/lib/libx.so.1", "800"), ("etc/x.conf", "50")]);
    let found = compared(&before, &newer, None);
    assert!(!found.failed(), "{found:?}");
    assert_eq!(outcome(&found, "os-files"), Outcome::Differs);
    assert!(losses(&found, "os-files")[0].starts_with("x 1.0 is 1.1 now: "), "{found:?}");
    // The package went.
    let other = package("y", "1", &[]);
    assert!(losses(&compared(&before, &other, None), "os-files")[0].starts_with("x 1.0 is gone: "));
    let promise = Promise { dropped_system: ["x".to_owned()].into(), ..Promise::default() };
    assert!(losses(&compared(&before, &other, Some(&promise)), "os-files").is_empty());
}

#[test]
fn what_every_rebuild_makes_anew_is_counted_and_what_somebody_put_beside_it_is_not() {
    let anew = "f app/m.py = x\nf app/__pycache__/m.cpython-311.pyc 100\nf var/lib/dpkg/status-old 10\nf var/log/dpkg.log 10\n\
        f var/cache/apt/pkgcache.bin 900\nf etc/ld.so.cache 10\nf etc/passwd 90\nf root/.cache/pip/x 5\n\
        l etc/alternatives/awk -> /usr/bin/mawk\nl usr/bin/awk -> /etc/alternatives/awk\n";
    let found = compared(anew, "f app/m.py = x\n", None);
    assert!(!found.failed(), "{found:?}");
    assert_eq!(found.tree.made_anew.values().sum::<usize>(), 9, "{:?}", found.tree);
    assert!(text(&found).contains("as in every rebuild: bytecode (1), "), "{}", text(&found));
    for own in [
        "var/cache/ocr/weights.bin",
        "var/log/app/seed.log",
        "app/compiled.pyc",
        "root/.cache/huggingface/model",
        "usr/lib/apk/own",
        "etc/ssl/certs/company.pem",
        "tmp/socket.cfg",
    ] {
        let found = compared(&format!("{anew}f {own} 700\n"), anew, None);
        assert_eq!(losses(&found, "application"), [format!("/{own} (700 B) is gone")]);
    }
}

#[test]
fn databases_and_logs_of_rpm_and_its_programs_are_made_anew_wherever_a_distribution_has_them() {
    let anew = "f usr/lib/sysimage/rpm/rpmdb.sqlite 10\nf var/lib/rpm/Packages 10\nf usr/lib/sysimage/rpm/Packages.db 10\n\
        f var/lib/dnf/history.sqlite 10\nf var/log/dnf.log 10\nf var/log/hawkey.log 10\nf var/log/zypp/history 10\n\
        f var/cache/zypp/raw/x 10\nf var/cache/libdnf5/x 10\n";
    let found = compared(&format!("{anew}f app/m.py = x\n"), "f app/m.py = x\n", None);
    assert!(!found.failed(), "{found:?}");
    assert_eq!(found.tree.made_anew.values().sum::<usize>(), 9, "{:?}", found.tree);
    let found = compared(&format!("{anew}f var/lib/rpm-notes 7\n"), anew, None);
    assert_eq!(losses(&found, "application"), ["/var/lib/rpm-notes (7 B) is gone"]);
}

#[test]
fn an_empty_folder_that_only_the_first_base_has_is_no_loss_and_one_of_the_application_is() {
    let based = |own: &str| {
        image_of(&format!("layer ADD rootfs.tar /\nf bin/sh 10\n{own}empty CMD [\"sh\"]\nlayer COPY\nd srv/spool\n"))
    };
    let (before, after) = (based("d usr/local/share/fonts\n"), based(""));
    let (before, after) = (View::new(&before), View::new(&after));
    let (one, two) = (Survey::new(&before, &[]), Survey::new(&after, &[]));
    let found = verify(&one.facts(&before), &two.facts(&after), None, TOLERANCE);
    assert!(!found.failed(), "{found:?}");
    assert!(found.tree.differing.iter().any(|group| group.kind == Kind::Base), "{:?}", found.tree);
    let gone = image_of("layer ADD rootfs.tar /\nf bin/sh 10\nempty CMD [\"sh\"]\nlayer COPY\nf srv/x 1\n");
    let gone = View::new(&gone);
    let two = Survey::new(&gone, &[]);
    let found = verify(&one.facts(&before), &two.facts(&gone), None, TOLERANCE);
    assert_eq!(losses(&found, "application"), ["/srv/spool is gone"]);
}

#[test]
fn a_distribution_that_moved_is_compared_where_it_is_now() {
    let site = "opt/venv/lib/python3.11/site-packages";
    let there = dist("a", "1", 1000, "").replace("a.py 1000", "a.py 1000 hash=x");
    let before = there.replace(SITE, site)
        + "f opt/venv/pyvenv.cfg = version = 3.11.2\nl opt/venv/bin/python -> /usr/bin/python3\n";
    let found = compared(&before, &there, None);
    assert!(!found.failed(), "{found:?}");
    let found = compared(&before, &there.replace("hash=x", "hash=y"), None);
    assert_eq!(lost(&found).1, [(&*format!("/{site}/a.py"), &What::Content)]);
}

#[test]
fn what_goes_by_the_plans_ledger_is_accounted_for_and_what_it_lost_is_not() {
    let plan = PLAN.replace(
        "\"unknown\": 1",
        r#""ledger": {"gone": [
        {"path": "/app/.git", "directory": true, "by": "version-control"}, {"path": "/app/a.tar", "by": "archives"},
        {"path": "/app/model.bin", "by": "lost"}]}"#,
    );
    let promise = Promise::parse(plan.as_bytes()).unwrap();
    let before = "f app/.git/objects/x 90\nf app/a.tar 70\nf app/a.tar.sig 7\nf app/model.bin 500\nf app/main.py = x\n";
    let found = compared(before, "f app/main.py = x\n", Some(&promise));
    assert_eq!(losses(&found, "application"), ["/app/model.bin (500 B) is gone", "/app/a.tar.sig (7 B) is gone"]);
    assert_eq!(found.tree.by_plan, (2, 160));
}

#[test]
fn a_distribution_in_whose_place_another_is_installed_goes_by_the_plan() {
    let plan = PLAN.replace(r#""name": "c", "#, r#""name": "c", "instead-of": "Old_Name 1.0", "#);
    let promise = Promise::parse(plan.as_bytes()).unwrap();
    let (before, after) = (dist("old-name", "1.0", 90, ""), dist("c", "1", 5, ""));
    assert!(losses(&compared(&before, &after, Some(&promise)), "distribution-files").is_empty());
    assert!(!losses(&compared(&before, &after, None), "distribution-files").is_empty());
}

#[test]
fn a_prediction_holds_within_the_tolerance() {
    let image = "f app/a 1000\n";
    for (predicted, tolerance, expected) in [
        (990, 2.0, Outcome::Passed),
        (900, 2.0, Outcome::Failed),
        (900, 12.0, Outcome::Passed),
        (0, 2.0, Outcome::Failed),
    ] {
        let promise = Promise { unpacked: Some(predicted), ..Promise::default() };
        let (one, two) = (image_of(image), image_of(image));
        let (one, two) = (View::new(&one), View::new(&two));
        let (a, b) = (Survey::new(&one, &[]), Survey::new(&two, &[]));
        let found = verify(&a.facts(&one), &b.facts(&two), Some(&promise), tolerance);
        assert_eq!(outcome(&found, "size"), expected, "{predicted}");
    }
}

#[test]
fn the_dockerfile_that_a_plan_wrote_is_no_loss_where_the_context_is_copied() {
    let (one, two) =
        (image_of("f app/Dockerfile = FROM a\nf app/x = 1\n"), image_of("f app/Dockerfile = FROM aa\nf app/x = 1\n"));
    let (one, two) = (View::new(&one), View::new(&two));
    let (a, b) = (Survey::new(&one, &[]), Survey::new(&two, &[]));
    let outcome_with = |written: &str| {
        let written = [slimwright::layer::content_digest(written.as_bytes())].into();
        let promise = Promise { unpacked: Some(8), written, ..Promise::default() };
        let found = verify(&a.facts(&one), &b.facts(&two), Some(&promise), 100.0);
        (outcome(&found, "application"), found.lost())
    };
    assert_eq!(outcome_with("FROM aa"), (Outcome::Passed, false));
    assert_eq!(outcome_with("FROM b"), (Outcome::Failed, true));
}

#[test]
fn a_size_that_differs_from_the_plan_fails_and_is_no_loss() {
    let (one, two) = (image_of("f app/a 1000\n"), image_of("f app/a 1000\n"));
    let (one, two) = (View::new(&one), View::new(&two));
    let (a, b) = (Survey::new(&one, &[]), Survey::new(&two, &[]));
    let promise = Promise { unpacked: Some(900), ..Promise::default() };
    let found = verify(&a.facts(&one), &b.facts(&two), Some(&promise), 2.0);
    assert!(found.failed() && !found.lost());
    let text = slimwright::report::verify(&found, false, 80, false);
    assert!(text.contains("Nothing was lost, but the image is not as large as the plan predicts"), "{text}");
}

fn image_of(text: &str) -> slimwright::image::Image {
    image(&format!("layer x\n{text}"))
}

#[test]
fn configurations_are_compared_as_engines_read_them() {
    use slimwright::image::{Config, HealthCheck};
    let with = |change: &dyn Fn(&mut Config)| {
        let (mut one, mut two) = (image_of("f a 1\n"), image_of("f a 1\n"));
        one.config.env = vec!["A=b".into(), "PYTHON_VERSION=3.11.2".into()];
        two.config.env = one.config.env.clone();
        change(&mut two.config);
        std::mem::swap(&mut one, &mut two);
        let (one, two) = (View::new(&one), View::new(&two));
        let (a, b) = (Survey::new(&one, &[]), Survey::new(&two, &[]));
        let found = verify(&a.facts(&one), &b.facts(&two), None, TOLERANCE);
        losses(&found, "configuration").to_vec()
    };
    let check = |test: &[&str], interval| HealthCheck {
        test: test.iter().map(|word| (*word).to_owned()).collect(),
        interval,
        ..HealthCheck::default()
    };
    let same: [&dyn Fn(&mut Config); 10] = [
        // A recorded index may have a variable's name alone.
        &|config| config.env[0] = "A".into(),
        &|config| config.cmd = Some(Vec::new()),
        &|config| config.entrypoint = Some(Vec::new()),
        &|config| config.user = "0:0".into(),
        &|config| config.user = "root".into(),
        &|config| config.working_dir = "/".into(),
        &|config| config.stop_signal = Some("SIGTERM".into()),
        &|config| config.health_check = Some(check(&["NONE"], 0)),
        &|config| config.env.push("A=b".into()),
        &|config| config.env[1] = "PYTHON_VERSION=3.11.9".into(),
    ];
    for (number, change) in same.iter().enumerate() {
        assert!(with(change).is_empty(), "{number}: {:?}", with(change));
    }
    type Change<'c> = (&'c dyn Fn(&mut Config), &'c str);
    let lost: [Change<'_>; 7] = [
        (&|config| config.cmd = Some(vec!["a".into()]), "command: was [\"a\"], is nothing"),
        (&|config| config.user = "app".into(), "user: was app, is root"),
        (&|config| config.env.push("TOKEN=secret".into()), "variable TOKEN: is not set"),
        (&|config| config.env.push("A=secret".into()), "variable A: has another value"),
        (&|config| drop(config.labels.insert("traefik".into(), "on".into())), "label traefik: is not set"),
        (&|config| config.exposed_ports = vec!["80".into()], "ports: was 80/tcp, is nothing"),
        (&|config| config.health_check = Some(check(&["CMD", "x"], 0)), "health check: was [\"CMD\", \"x\"]"),
    ];
    for (change, said) in lost {
        let rows = with(change);
        assert!(rows.len() == 1 && rows[0].starts_with(said), "{rows:?}");
    }
}

#[test]
fn a_file_that_is_gone_is_a_loss_and_one_that_was_gone_before_is_not() {
    let whole = dist("a", "1", 1000, "");
    let broken = whole.replace(&format!("f {SITE}/a.py 1000\n"), "");
    assert_eq!(losses(&compared(&whole, &broken, None), "files").len(), 1);
    assert!(!compared(&broken, &broken, None).failed());
}

#[test]
fn a_requirement_that_was_met_is_a_loss_unless_the_plan_overrides_it() {
    let (a, b) = (dist("a", "1", 10, "b<2"), dist("b", "1", 10, ""));
    let newer = dist("b", "2", 10, "");
    let found = compared(&(a.clone() + &b), &(a.clone() + &newer), None);
    assert_eq!(losses(&found, "requirements"), ["a 1 requires b<2, found b 2"]);
    let promise = Promise { overridden: [("a".to_owned(), "b".to_owned())].into(), ..Promise::default() };
    assert_eq!(losses(&compared(&(a.clone() + &b), &(a + &newer), Some(&promise)), "requirements").len(), 0);
}

#[test]
fn a_library_a_module_and_a_setting_can_be_lost() {
    let linked = format!("f {SITE}/a.so = elf\\nneeded libx.so.1\\n\n");
    let before = dist("a", "1", 10, "") + &linked + "f usr/lib/libx.so.1 100\nenv A=b\n";
    let after = (dist("a", "1", 10, "") + &linked).replace("a.py", "renamed.py");
    let found = compared(&before, &after, None);
    assert_eq!(losses(&found, "libraries"), [format!("/{SITE}/a.so needs libx.so.1")]);
    assert_eq!(losses(&found, "modules"), ["a 1 had the module a"]);
    assert!(found.failed());
    let text = report::verify(&found, false, 80, false);
    assert!(text.contains("FAILED  libraries") && text.contains("Something was lost"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_module_that_only_the_replaced_build_had_is_no_loss_unless_something_imports_it() {
    let before = dist("a", "1", 10, "");
    let after = before.replace("a.py", "renamed.py");
    let promise = Promise { rebuilt: ["a".to_owned()].into(), ..Promise::default() };
    let outcome = |before: &str| {
        let found = compared(before, &after, Some(&promise));
        found.checks.iter().find(|check| check.id == "modules").unwrap().clone()
    };
    let found = outcome(&before);
    assert_eq!(found.outcome, slimwright::verify::Outcome::Differs, "{found:?}");
    assert!(found.losses[0].contains("the other build has not"), "{found:?}");
    let used = outcome(&(before.clone() + "f app/main.py = import a\\n\n"));
    assert_eq!(used.outcome, slimwright::verify::Outcome::Failed, "{used:?}");
}

const PLAN: &str = r#"{"predicted": {"unpacked": {"bytes": 2000}}, "dropped": [{"name": "Dev"}],
    "pins": [{"name": "A", "version": "1", "size": {"bytes": 1500}}, {"name": "c", "version": "1", "size": {"bytes": 5}}],
    "overridden": [], "unsatisfied-before": [], "unknown": 1}"#;

#[test]
fn what_a_plan_promised_is_held_against_what_was_built() {
    let promise = Promise::parse(PLAN.as_bytes()).unwrap();
    let before = dist("a", "1+cu121", 1000, "");
    let after = dist("a", "1+cpu", 1000, "") + &dist("dev", "1", 10, "");
    let found = compared(&before, &after, Some(&promise));
    assert_eq!(
        losses(&found, "distributions"),
        ["c 1 is not installed", "dev is installed, although the plan drops it"]
    );
    assert_eq!(found.sizes[0].title, "a 1");
    assert_eq!(found.sizes[0].predicted, 1500);
    assert!(found.sizes[0].measured.is_some_and(|bytes| bytes >= 1000));
    assert_eq!(found.sizes[1].measured, None);
    for bad in ["", "{}", "[1]", r#"{"predicted": 1}"#] {
        assert!(Promise::parse(bad.as_bytes()).unwrap_err().to_string().contains("plan.json"), "{bad}");
    }
}

#[test]
fn the_command_says_what_it_compared_and_ends_with_its_verdict() {
    let index = format!("index:{}/testdata/cuda.index", env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::cargo_bin("slimwright").unwrap();
        let output = command.current_dir(dir.path()).args(["verify", "-q"]).args(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, stdout, _) = run(&[&index, &index]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("skipped imports") && stdout.contains("Nothing was lost."), "{stdout}");
    let (code, stdout, _) = run(&[&index, &index, "--format", "json"]);
    assert_eq!(
        (code, serde_json::from_str::<serde_json::Value>(&stdout).unwrap()["checks"][0]["id"].clone()),
        (0, "application".into())
    );
    std::fs::write(dir.path().join("plan.json"), PLAN).unwrap();
    let (code, _, stderr) = run(&[&index, &index, "--plan", "."]);
    assert!(code == 1 && stderr.contains("lost something"), "{stderr}");
    let (code, _, stderr) = run(&[&index, &index, "--plan", "absent"]);
    assert!(code == 2 && stderr.contains("hint: give the folder"), "{stderr}");
    assert_eq!(run(&[&index, "no-such.tar"]).0, 2);
}
