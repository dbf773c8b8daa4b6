//! What `apt-get install` brings: apt itself is the oracle, in a container with the network of this machine. Where the
//! image's repositories cannot be reached the tests are skipped.

use crate::engine::{Subject, assert_same, run, skip, subjects, try_run};
use slimwright::fs::View;
use slimwright::os::{OsInventory, PackageManager};
use slimwright::ospackages::{Installation, Options, PackageRequest, Repositories, Sources};
use std::collections::BTreeMap;

/// What is asked for, with the recommended packages and without.
const REQUESTS: [(&str, bool); 4] = [
    ("build-essential libgl1 libglib2.0-0 libpq-dev tesseract-ocr", true),
    ("build-essential libgl1 libglib2.0-0 libpq-dev tesseract-ocr", false),
    ("curl ca-certificates", true),
    ("default-libmysqlclient-dev", false),
];

/// The image of Python, and what its repositories have.
fn known() -> Option<(&'static Subject, OsInventory, Repositories)> {
    let subject = subjects()?.iter().find(|subject| subject.name.starts_with("python:"))?;
    let view = View::new(&subject.image);
    match Repositories::open(&Sources::new(&view), &subject.image.config.architecture, &Options::default()) {
        Ok(repositories) => Some((subject, OsInventory::new(&view), repositories)),
        Err(error) => {
            skip(&error.to_string());
            None
        }
    }
}

fn predicted(repositories: &Repositories, os: &OsInventory, names: &str, recommends: bool) -> Installation {
    let request = PackageRequest {
        manager: PackageManager::Dpkg,
        names: names.split(' ').map(str::to_owned).collect(),
        recommends: Some(recommends),
        architecture: "amd64".into(),
        release: None,
        virtual_name: None,
    };
    repositories.install(&request, os)
}

/// What a script prints in a container that has the network.
fn with_network(subject: &Subject, script: &str) -> String {
    let script = format!("apt-get update -qq >/dev/null && {script}");
    run(subject.docker, &["run", "--rm", "--network=host", "--entrypoint=", &subject.name, "sh", "-ec", &script])
}

fn flag(recommends: bool) -> &'static str {
    if recommends { "--install-recommends" } else { "--no-install-recommends" }
}

#[test]
fn packages_are_those_that_apt_would_install() {
    let Some((subject, os, repositories)) = known() else { return };
    let simulate = |(names, recommends): &(&str, bool)| {
        format!("echo '== {names}'; apt-get install -s {} {names}", flag(*recommends))
    };
    let printed = with_network(subject, &REQUESTS.iter().map(simulate).collect::<Vec<_>>().join("; "));
    for (section, (names, recommends)) in printed.split("== ").skip(1).zip(REQUESTS) {
        // `Inst gcc-12 (12.2.0-14 Debian:12.5/stable [amd64])`, with `[old]` before the parenthesis where it is an upgrade.
        let row = |line: &str| {
            let mut words = line.strip_prefix("Inst ")?.split_whitespace();
            let name = words.next()?.to_owned();
            Some((name, words.find_map(|word| word.strip_prefix('('))?.to_owned()))
        };
        let oracle: BTreeMap<String, String> = section.lines().filter_map(row).collect();
        assert!(!oracle.is_empty(), "{section}");
        let found = predicted(&repositories, &os, names, recommends);
        assert_eq!(found.unknown, []);
        let found = found.packages.into_iter().map(|package| (package.name, package.version)).collect();
        assert_same(&format!("{names}, {}", flag(recommends)), &oracle, &found);
    }
}

/// The bytes of the files of the packages that were not there before, each file once.
const MEASURE: &str = "
import glob, os, sys
before = set(sys.argv[1].split())
total, seen = 0, set()
for path in glob.glob('/var/lib/dpkg/info/*.list'):
    if os.path.basename(path)[:-5].split(':')[0] in before: continue
    for line in open(path):
        name = line.rstrip()
        if not os.path.isfile(name) or os.path.islink(name): continue
        status = os.lstat(name)
        if status.st_ino not in seen: total += status.st_size
        seen.add(status.st_ino)
print(total)";

#[test]
fn bytes_are_nearly_those_that_apt_unpacks() {
    let Some((subject, os, repositories)) = known() else { return };
    for (names, recommends) in [("build-essential libgl1 libpq-dev", false), ("postgresql-client", true)] {
        let found = predicted(&repositories, &os, names, recommends);
        let bytes: u64 = found.packages.iter().map(|package| package.bytes).sum();
        let script = format!(
            "before=$(dpkg-query -W -f='${{Package}} '); DEBIAN_FRONTEND=noninteractive apt-get install -y -qq {} {names} \
             >/dev/null 2>&1; python3 -c \"$0\" \"$before\"",
            flag(recommends)
        );
        let script = format!("apt-get update -qq >/dev/null; {script}");
        let arguments =
            ["run", "--rm", "--network=host", "--entrypoint=", &subject.name, "sh", "-ec", &script, MEASURE];
        let printed = String::from_utf8(try_run(subject.docker, &arguments).unwrap()).unwrap();
        let measured: u64 = printed.trim().parse().unwrap();
        let off = (bytes as f64 / measured as f64 - 1.0).abs();
        assert!(off < 0.03, "{names}: predicted {bytes}, measured {measured}");
    }
}
