//! Files inside of distributions that a user lets go: in the plan's text, in an applied image, and for `verify`.

use crate::apply::{QUIET_PRERM, choosing, service, text, whole_wheel};
use crate::prove::{agrees, on_python};
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::plan::{Draft, Plan, PlanOptions};
use slimwright::rules::{self, Tier, embedded};
use slimwright::verify::{Outcome, Promise, verify};
use std::collections::{BTreeMap, BTreeSet};

const SITE: &str = "usr/local/lib/python3.11/site-packages";
const ALL: [&str; 3] = ["bundled-tests", "bytecode", "headers-and-static-libraries"];

/// Two distributions with all that may go, and what looks like it and may not.
fn trimmable() -> String {
    let dist = |name: &str, more: &str| {
        let files = [
            ("__init__.py", 1000),
            ("tests/data.bin", 1_200_000),
            ("testing/help.py", 3000),
            ("include/a.h", 1_100_000),
            ("lib/liba.a", 900_000),
        ];
        let record: String = files.iter().map(|(path, size)| format!("{name}/{path},,{size}\\n")).collect();
        let there: String = files.iter().map(|(path, size)| format!("f SITE/{name}/{path} {size}\n")).collect();
        format!(
            "f SITE/{name}-1.0.dist-info/METADATA = Name: {name}\\nVersion: 1.0\\n\n\
             f SITE/{name}-1.0.dist-info/RECORD = {record}{name}-1.0.dist-info/METADATA,,\\n{name}-1.0.dist-info/RECORD,,\\n\n\
             f SITE/{name}/__pycache__/__init__.cpython-311.pyc 1100000\n{there}{more}"
        )
    };
    let local =
        "f SITE/ours-1.0.dist-info/direct_url.json = {\\\"url\\\": \\\"file:///src/ours\\\", \\\"dir_info\\\": {}}\n";
    format!(
        "layer RUN pip install\n{}{}layer COPY . .\nf app/main.py = import theirs, ours\\n\nf app/tests/test_main.py 1500000\n",
        dist("theirs", ""),
        dist("ours", local)
    )
}

fn planned(accept: &[&str]) -> (Plan, String) {
    let image = on_python(&trimmable());
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let findings = rules::evaluate(&facts, &rules);
    let accept = accept.iter().map(|id| (*id).to_owned()).collect();
    let options = PlanOptions { ledger: true, accept, ..PlanOptions::default() };
    let intent = Draft::new(&facts, &findings, &rules, &options).unwrap().intent(Vec::new());
    let (plan, files) = slimwright::prove::emitted(intent, slimwright::emit::Style::Pip);
    agrees(&image, &plan);
    let text = files.into_iter().find(|(name, _)| name == "Dockerfile").unwrap().1;
    (plan, text)
}

#[test]
fn what_is_accepted_is_taken_out_where_distributions_are_installed_and_left_out_where_they_are_copied() {
    let (before, text) = planned(&[]);
    assert!(!text.contains("find "), "{text}");
    let (plan, text) = planned(&ALL);
    assert!(plan.predicted.gaps.is_empty(), "{:?}", plan.predicted.gaps);
    assert!(text.contains("find /install ! -type d -path '*/site-packages/*/tests/*' ! -path '*/testing/*'"), "{text}");
    let after = View::new(&plan.predicted);
    for name in ["theirs", "ours"] {
        let is_there = |path: &str| after.get(format!("{SITE}/{name}/{path}").as_bytes()).is_some();
        for path in ["tests/data.bin", "include/a.h", "lib/liba.a", "__pycache__/__init__.cpython-311.pyc"] {
            assert!(!is_there(path), "{name}/{path}");
        }
        assert!(is_there("__init__.py") && is_there("testing/help.py"), "{name}");
    }
    assert!(after.get(b"app/tests/test_main.py").is_some(), "the application's own tests are no distribution's");
    // To the byte, each by its rule.
    let removed = |id: &str| plan.actions.iter().find(|action| action.rule == id).map(|action| action.removed);
    assert_eq!(ALL.map(removed), [Some(2 * 1_200_000), Some(2 * 1_100_000), Some(2 * 2_000_000)], "{:?}", plan.actions);
    assert_eq!(before.predicted.unpacked() - plan.predicted.unpacked(), 2 * 4_300_000);
}

#[test]
fn the_applications_own_use_of_headers_is_told_and_nothing_goes_unasked() {
    let image =
        on_python(&trimmable().replace("import theirs, ours", "import torch.utils.cpp_extension as c\\nc.load('x')"));
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let findings = rules::evaluate(&survey.facts(&view), &embedded());
    let of = |id: &str| findings.iter().find(|finding| finding.rule == id).unwrap();
    assert!(ALL.iter().all(|id| of(id).tier == Tier::Confirm));
    let doubts = &of("headers-and-static-libraries").doubts;
    assert!(doubts.len() == 1 && doubts[0].contains("/app/main.py, line"), "{doubts:?}");
    assert!(of("bundled-tests").doubts.is_empty());
}

/// The wheel of the tests of `apply`, with tests and a header of its own.
fn wheel_with_tests(folder: &std::path::Path) -> BTreeMap<&'static str, std::path::PathBuf> {
    let path = folder.join("opencv_python_headless-4.9-py3-none-any.whl");
    let files: [(&str, &[u8]); 4] = [
        ("cv2/__init__.py", b"__version__ = 'headless'\n"),
        ("cv2/tests/test_a.py", b"assert True\n"),
        ("cv2/include/a.h", b"int a;\n"),
        ("cv2/data/table.bin", &[7; 1000]),
    ];
    std::fs::write(&path, whole_wheel("opencv_python_headless", "4.9", &files)).unwrap();
    BTreeMap::from([("opencv_python_headless", path.clone()), ("opencv-python-headless", path)])
}

#[test]
fn a_wheel_that_is_put_in_has_not_what_was_accepted_to_go_and_its_record_does_not_list_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = service(QUIET_PRERM);
    let big = "t".repeat(1_000_001);
    crate::apply::put_distribution(&mut parts, 2, "big", &[("big/__init__.py", "x = 1\n"), ("big/tests/t.py", &big)]);
    let out = choosing(&parts, wheel_with_tests(folder.path()), &["bundled-tests"]).unwrap();
    let at = |path: &str| format!("{SITE}/{path}");
    assert!(!out.tree.contains_key(at("big/tests/t.py").as_bytes()), "what was there");
    assert!(!out.tree.contains_key(at("cv2/tests/test_a.py").as_bytes()), "what would come");
    assert!(text(&out, &at("cv2/include/a.h")).is_some(), "nobody accepted that");
    let record = text(&out, &at("opencv_python_headless-4.9.dist-info/RECORD")).unwrap();
    assert!(record.contains("cv2/include/a.h") && !record.contains("cv2/tests"), "{record}");
}

#[test]
fn verify_takes_what_was_accepted_for_no_loss_and_all_else_for_one() {
    let all = on_python(&trimmable());
    let without = |path: &str| {
        on_python(
            &trimmable()
                .lines()
                .filter(|line| !line.contains(path))
                .map(|line| format!("{line}\n"))
                .collect::<String>(),
        )
    };
    let accepted: BTreeSet<String> = ALL.iter().map(|id| (*id).to_owned()).collect();
    let rules = embedded();
    let promise = || Promise::default().leaving_out(rules.iter().filter(|rule| accepted.contains(&rule.id)));
    let outcome = |path: &str, promise: Option<&Promise>| {
        let after = without(path);
        let (old, new) = (View::new(&all), View::new(&after));
        let (before, after) = (Survey::new(&old, &[]), Survey::new(&new, &[]));
        let found = verify(&before.facts(&old), &after.facts(&new), promise, 2.0);
        found.checks.iter().find(|check| check.id == "files").unwrap().outcome
    };
    assert_eq!(outcome("theirs/tests/data.bin 12", Some(&promise())), Outcome::Passed);
    assert_eq!(outcome("theirs/tests/data.bin 12", None), Outcome::Failed);
    assert_eq!(outcome("theirs/__init__.py 1000", Some(&promise())), Outcome::Failed);
}

#[test]
fn what_is_accepted_and_comes_again_with_packages_of_the_system_is_told_with_its_bytes() {
    let image = on_python(
        "layer RUN apt-get update && apt-get install -y tree
        f var/lib/dpkg/status = Package: tree\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 1\\n\\n
        f var/lib/apt/extended_states 1
        f var/lib/dpkg/info/tree.list = /usr/bin/tree\\n/usr/share/doc/tree/changelog.gz\\n
        f usr/bin/tree 9000
        f usr/share/doc/tree/changelog.gz 1500000\n",
    );
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let findings = rules::evaluate(&facts, &rules);
    let options = PlanOptions { ledger: true, accept: vec!["documentation".into()], ..PlanOptions::default() };
    let intent = Draft::new(&facts, &findings, &rules, &options).unwrap().intent(Vec::new());
    let (plan, _) = slimwright::prove::emitted(intent, slimwright::emit::Style::Pip);
    let row = plan.skipped.iter().find(|skipped| skipped.rule == "documentation").unwrap();
    assert_eq!(row.bytes, 1_500_000);
    assert!(row.reason.contains("brings them again"), "{}", row.reason);
}
