//! OS packages: what dpkg and apt say of themselves.

use crate::engine::{Subject, assert_same, subjects};
use slimwright::fs::View;
use slimwright::os::OsInventory;
use std::collections::{BTreeMap, BTreeSet, HashMap};

fn lines(subject: &Subject, command: &[&str]) -> BTreeSet<String> {
    subject.inside(None, command).lines().map(str::to_owned).collect()
}

#[test]
fn packages_are_those_that_dpkg_query_shows() {
    for subject in subjects().unwrap_or_default() {
        let format = "-f=${Package}\\t${Version}\\t${Architecture}\\t${Essential}\\n";
        let shown = lines(subject, &["dpkg-query", "-W", format]);
        let row = |line: &String| {
            let parts: Vec<&str> = line.split('\t').collect();
            ((parts[0].to_owned(), parts[2].to_owned()), parts[1].to_owned())
        };
        let oracle: BTreeMap<_, _> = shown.iter().map(row).collect();
        let inventory = OsInventory::new(&View::new(&subject.image));
        let found = inventory.packages.iter().map(|p| ((p.name.clone(), p.architecture.clone()), p.version.clone()));
        assert_same(&format!("{}, dpkg-query", subject.name), &oracle, &found.collect());
        let essential = shown.iter().filter(|line| line.ends_with("\tyes")).map(row);
        for ((name, _), _) in essential {
            assert!(inventory.packages.iter().any(|p| p.name == name && p.essential), "{name} is essential");
        }
        assert_eq!(inventory.problems, []);
    }
}

#[test]
fn packages_asked_for_by_hand_are_those_that_apt_mark_shows() {
    for subject in subjects().unwrap_or_default() {
        let oracle = lines(subject, &["apt-mark", "showmanual"]);
        let inventory = OsInventory::new(&View::new(&subject.image));
        let found: BTreeSet<String> =
            inventory.packages.iter().filter(|package| package.manual).map(|package| package.name.clone()).collect();
        assert_eq!(found, oracle, "{}", subject.name);
    }
}

/// dpkg itself says which package a file belongs to.
#[test]
fn owners_are_those_that_dpkg_search_shows() {
    for subject in subjects().unwrap_or_default() {
        let view = View::new(&subject.image);
        let inventory = OsInventory::new(&view);
        let listed = subject.inside(
            None,
            &[
                "sh",
                "-c",
                "for p in $(dpkg-query -W -f='${binary:Package}\\n'); do dpkg-query -L $p | sed \"s|^|$p |\"; done",
            ],
        );
        let rows = || listed.lines().filter_map(|line| line.split_once(' '));
        let mut sharers: HashMap<&str, usize> = HashMap::new();
        rows().for_each(|(_, path)| *sharers.entry(path).or_default() += 1);
        let mut checked = 0;
        for (package, path) in rows() {
            let Some(position) = inventory.owners.get(path.trim_start_matches('/').as_bytes()) else { continue };
            let owner = &inventory.packages[*position].name;
            let name = package.split(':').next().unwrap();
            assert!(owner == name || sharers[path] > 1, "{path} belongs to {name}, found {owner}");
            checked += 1;
        }
        assert!(checked > 1000, "{checked} paths were compared");
    }
}
