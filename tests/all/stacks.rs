//! What plans of real stacks taught (`scripts/lab/stacks`): distributions from a folder, distributions that were built
//! from source, and development packages that only stand for others.

use crate::fixture::image;
use slimwright::base::{Basis, Id};
use slimwright::emit::emit;
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::plan::{Plan, PlanOptions};
use slimwright::prove;
use slimwright::python::Inventory;
use slimwright::rules;
use slimwright::rules::embedded;

const SITE: &str = "app/.venv/lib/python3.11/site-packages";

/// A plan for an image with a virtual environment above a base of one layer; `SITE` stands for its site directory.
fn planned(above: &str, status: &str) -> Plan {
    planned_for(above, status, &PlanOptions::default())
}

fn planned_for(above: &str, status: &str, options: &PlanOptions) -> Plan {
    let base = "Package: libc6\\nStatus: install ok installed\\nPriority: required\\nVersion: 2\\n\\n";
    let spec = format!(
        "layer base\nf etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\nf var/lib/dpkg/status = {base}\n\
         layer RUN apt-get install\nf var/lib/dpkg/status = {base}{status}\n\
         layer RUN uv sync\nf app/.venv/pyvenv.cfg = home = /usr/bin\\nversion_info = 3.11.2\\n\n\
         f SITE/six-1.17.0.dist-info/METADATA = Name: six\\nVersion: 1.17.0\n\
         f SITE/six-1.17.0.dist-info/RECORD = six.py,,\\n\nf SITE/six.py 30000\n{above}"
    );
    let image = image(&spec.replace("SITE", SITE));
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let findings = rules::evaluate(&facts, &rules);
    prove::make(&facts, &findings, &rules, options).unwrap()
}

fn emitted(plan: &Plan, name: &str) -> String {
    emit(plan).into_iter().find(|(file, _)| file == name).unwrap().1
}

/// What of `reader` is the same however it was installed.
fn reader(url: &str) -> String {
    format!(
        "f SITE/reader-0.1.0.dist-info/METADATA = Name: reader\\nVersion: 0.1.0\\nRequires-Dist: six\n\
         f SITE/reader-0.1.0.dist-info/direct_url.json = {url}\n\
         f SITE/reader-0.1.0.dist-info/RECORD = reader.pth,,\\n../../../bin/read,,\\nreader-0.1.0.dist-info/METADATA,,\\n\
         reader-0.1.0.dist-info/RECORD,,\\nreader-0.1.0.dist-info/direct_url.json,,\\n\n\
         f SITE/reader.pth = /app/src\nf app/.venv/bin/read 200\nf app/src/reader.py 400\n"
    )
}

#[test]
fn what_came_from_a_folder_is_copied_and_its_name_is_never_asked_for() {
    let folder = r#"{"url": "file:///app", "dir_info": {"editable": true}}"#;
    let archive = r#"{"url": "file:///build/reader-0.1.0-py3-none-any.whl", "archive_info": {}}"#;
    for url in [folder, archive] {
        let plan = planned(&reader(url), "");
        let pins: Vec<&str> = plan.pins.iter().map(|pin| pin.name.as_str()).collect();
        assert_eq!(pins, ["six"]);
        assert!(plan.roots.iter().all(|root| root.name != "reader"), "{:?}", plan.roots);
        for file in ["requirements.txt", "requirements.in"] {
            let text = emitted(&plan, file);
            assert!(!text.lines().any(|line| line.starts_with("reader")), "{text}");
        }
        let copied: Vec<String> = plan.copies.iter().map(|item| item.path.to_string()).collect();
        for path in
            ["/app/.venv/bin/read", &format!("/{SITE}/reader.pth"), &format!("/{SITE}/reader-0.1.0.dist-info/METADATA")]
        {
            assert!(
                copied.iter().any(|item| path == item || path.starts_with(&format!("{item}/"))),
                "{path}: {copied:?}"
            );
        }
        assert!(copied.iter().all(|item| !item.contains("six")), "{copied:?}");
        assert!(plan.notes.iter().any(|note| note.starts_with("reader 0.1.0 was installed from a folder")));
        assert!(plan.smoke_modules.iter().any(|row| row.distribution == "six"));
    }
}

#[test]
fn what_came_by_name_or_from_a_url_is_installed_again() {
    let plan = planned(&reader(r#"{"url": "https://example.org/reader-0.1.0.tar.gz", "archive_info": {}}"#), "");
    let pins: Vec<&str> = plan.pins.iter().map(|pin| pin.name.as_str()).collect();
    assert_eq!(pins, ["reader", "six"]);
    assert!(emitted(&plan, "requirements.txt").contains("reader @ https://example.org/reader-0.1.0.tar.gz"));
    assert!(plan.copies.iter().all(|item| !item.path.to_string().contains("reader-0.1.0")));
}

fn package(name: &str, more: &str) -> String {
    format!("Package: {name}\\nStatus: install ok installed\\nPriority: optional\\nVersion: 1\\n{more}\\n")
}

#[test]
fn what_was_built_from_source_gets_what_it_was_built_with_in_the_build_stage_alone() {
    let wheel = |tag: &str| {
        format!(
            "f SITE/psycopg2-2.9.dist-info/METADATA = Name: psycopg2\\nVersion: 2.9\n\
             f SITE/psycopg2-2.9.dist-info/WHEEL = Wheel-Version: 1.0\\nTag: {tag}\\n\n\
             f SITE/psycopg2-2.9.dist-info/RECORD = psycopg2/_psycopg.so,,\\n\nf SITE/psycopg2/_psycopg.so 3000\n"
        )
    };
    let status = package("gcc", "") + &package("libpq-dev", "Section: libdevel\\n");
    let built = emitted(&planned(&wheel("cp311-cp311-linux_x86_64"), &status), "Dockerfile");
    let (runtime, build) = built.split_once("AS build").unwrap();
    assert!(build.contains("psycopg2") && build.contains("gcc \\\n      libpq-dev"), "{built}");
    assert!(!runtime.contains("libpq-dev"), "{built}");
    // PaddlePaddle's wheels have such a tag, and nobody compiled them.
    let huge = wheel("cp311-cp311-linux_x86_64").replace("_psycopg.so 3000", "_psycopg.so 400000000");
    assert!(!emitted(&planned(&huge, &status), "Dockerfile").contains("libpq-dev"));
    for tag in ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-musllinux_1_2_x86_64", "py3-none-any"] {
        let fetched = emitted(&planned(&wheel(tag), &status), "Dockerfile");
        assert!(!fetched.contains("libpq-dev") && fetched.contains("uncomment"), "{fetched}");
    }
}

#[test]
fn what_was_built_where_no_compiler_is_left_is_copied_because_nobody_knows_with_what() {
    let built = "f SITE/psycopg2-2.9.dist-info/METADATA = Name: psycopg2\\nVersion: 2.9\n\
         f SITE/psycopg2-2.9.dist-info/WHEEL = Wheel-Version: 1.0\\nTag: cp311-cp311-linux_x86_64\\n\n\
         f SITE/psycopg2-2.9.dist-info/RECORD = psycopg2/_psycopg.so,,\\npsycopg2-2.9.dist-info/METADATA,,\\n\n\
         f SITE/psycopg2/_psycopg.so 3000\n";
    let plan = planned(built, &package("libpq5", ""));
    let pins: Vec<&str> = plan.pins.iter().map(|pin| pin.name.as_str()).collect();
    assert_eq!(pins, ["six"]);
    let copied: Vec<String> = plan.copies.iter().map(|item| item.path.to_string()).collect();
    for path in [format!("/{SITE}/psycopg2/_psycopg.so"), format!("/{SITE}/psycopg2-2.9.dist-info/METADATA")] {
        // With its folder, where nothing else is in it.
        assert!(copied.iter().any(|item| path == *item || path.starts_with(&format!("{item}/"))), "{path}: {copied:?}");
    }
    assert!(plan.notes.iter().any(|note| note.starts_with("psycopg2 2.9 is no wheel of a package index")));
    assert!(plan.smoke_modules.iter().any(|row| row.distribution == "psycopg2"), "{:?}", plan.smoke_modules);
    // With a compiler the build stage makes it again.
    let again = planned(built, &package("gcc-12", ""));
    assert!(again.pins.iter().any(|pin| pin.name == "psycopg2" && pin.built_here));
}

#[test]
fn what_was_built_in_another_stage_stays_a_pin_of_the_users_own_dockerfile() {
    let built = "f SITE/psycopg2-2.9.dist-info/METADATA = Name: psycopg2\\nVersion: 2.9\n\
         f SITE/psycopg2-2.9.dist-info/WHEEL = Wheel-Version: 1.0\\nTag: cp311-cp311-linux_x86_64\\n\n\
         f SITE/psycopg2-2.9.dist-info/RECORD = psycopg2/_psycopg.so,,\\n\nf SITE/psycopg2/_psycopg.so 3000\n";
    let plan = planned_for(built, "", &PlanOptions { own_dockerfile: true, ..PlanOptions::default() });
    assert!(plan.pins.iter().any(|pin| pin.name == "psycopg2"));
}

#[test]
fn a_development_package_that_stands_for_another_one_leaves_its_libraries() {
    let status = [
        package("default-libmysqlclient-dev", "Section: libdevel\\nDepends: libmariadb-dev-compat\\n"),
        package("libmariadb-dev-compat", "Section: libdevel\\nDepends: libmariadb-dev (= 1)\\n"),
        package("libmariadb-dev", "Section: libdevel\\nDepends: libmariadb3 (= 1), libssl-dev\\n"),
        package("libssl-dev", "Section: libdevel\\n"),
        package("libmariadb3", ""),
        package("python3-dev", "Depends: libjs-sphinxdoc, libexpat-dev\\n"),
        package("libexpat-dev", "Depends: libexpat1\\n"),
        package("libjs-sphinxdoc", ""),
        package("libexpat1", ""),
    ];
    let automatic: String = [
        "libmariadb-dev-compat",
        "libmariadb-dev",
        "libssl-dev",
        "libmariadb3",
        "libexpat-dev",
        "libexpat1",
        "libjs-sphinxdoc",
    ]
    .iter()
    .map(|name| format!("Package: {name}\\nAuto-Installed: 1\\n\\n"))
    .collect();
    let plan = planned(&format!("f var/lib/apt/extended_states = {automatic}\n"), &status.concat());
    let names: Vec<&str> = plan.system.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["libmariadb3"]);
    assert_eq!(plan.build_system, ["default-libmysqlclient-dev", "python3-dev"]);
}

#[test]
fn a_distribution_whose_files_were_overwritten_by_one_that_goes_is_predicted_whole() {
    let member = |name: &str, size: u32| {
        let folder = name.replace('-', "_");
        format!(
            "f SITE/{folder}-4.10.dist-info/METADATA = Name: {name}\\nVersion: 4.10\n\
             f SITE/{folder}-4.10.dist-info/RECORD = cv2/cv2.so,,{size}\\ncv2/{name}.py,,200\\n\n\
             f SITE/cv2/{name}.py 200\n"
        )
    };
    let members = member("opencv-python", 500_000) + &member("opencv-python-headless", 300_000);
    let size = |on_disk: u32| {
        let plan = planned(&format!("{members}f SITE/cv2/cv2.so {on_disk}\n"), "");
        let pin = plan.pins.iter().find(|pin| pin.name == "opencv-python-headless").unwrap().clone();
        assert!(plan.pins.iter().all(|pin| pin.name != "opencv-python"), "{:?}", plan.pins);
        pin.size
    };
    let (overwritten, own) = (size(500_000), size(300_000));
    assert_eq!((overwritten.bytes.0, overwritten.basis), (300_200, Basis::Predicted));
    assert_eq!(own.basis, Basis::Measured);
    assert!((300_200..301_000).contains(&own.bytes.0), "{own:?}");
}

#[test]
fn scripts_and_data_that_pip_moved_into_a_target_folder_have_their_owner() {
    let image = image(
        "layer base\nlayer RUN pip install --target /opt/libraries\n\
         f opt/libraries/deck-1.dist-info/METADATA = Name: deck\\nVersion: 1\n\
         f opt/libraries/deck-1.dist-info/RECORD = deck.py,,\\n../../bin/deck,,\\n../../share/deck/a.js,,\\n../../gone,,\\n\n\
         f opt/libraries/deck.py 10\nf opt/libraries/bin/deck 20\nf opt/libraries/share/deck/a.js 3000\nf bin/other 1\n",
    );
    let inventory = Inventory::new(&View::new(&image));
    let deck = &inventory.distributions[Id::at(0)];
    let files: Vec<String> = deck.files.iter().map(ToString::to_string).collect();
    for path in ["/opt/libraries/bin/deck", "/opt/libraries/deck.py", "/opt/libraries/share/deck/a.js"] {
        assert!(files.iter().any(|file| file == path), "{path}: {files:?}");
    }
    assert_eq!(deck.missing.iter().map(|gone| gone.path.to_string()).collect::<Vec<_>>(), ["/gone"]);
    assert!(deck.bytes >= 3030, "{}", deck.bytes);
}
