//! Package databases of the operating system, whole and broken.

use crate::fixture::image;
use slimwright::base::Id;
use slimwright::facts::Summary;
use slimwright::fs::{Ledger, Owner, View};
use slimwright::os::{
    OsInventory, PackageManager, parse_extended_states, parse_installed, parse_list, parse_md5sums, parse_os_release,
    parse_status, parse_world,
};

fn inventory(spec: &str) -> OsInventory {
    let image = image(spec);
    let view = View::new(&image);
    let os = OsInventory::new(&view);
    let owner = |path: &[u8], _| os.owners.get(path).map_or(Owner::Base, |position| Owner::OsPackage(*position));
    let by_owner = Summary::new(&Ledger::new(&view, owner), 0).owners;
    for (position, package) in os.packages.pairs() {
        let counted = by_owner.get(&Owner::OsPackage(position)).map_or(0, |(bytes, _)| *bytes);
        assert_eq!(counted, package.bytes, "the ledger and the bytes of {} agree", package.name);
    }
    os
}

#[test]
fn a_directory_without_an_entry_of_its_own_is_one_all_the_same() {
    let spec = "layer\nf var/lib/dpkg/status = Package: libfoo\\nStatus: install ok installed\\nVersion: 1\\nArchitecture: amd64\\n
        f var/lib/dpkg/info/libfoo.list = /.\\n/lib\\n/lib/libfoo.so.1\\n/bin/foo\n
        l lib -> usr/lib\nl bin -> usr/bin\nf usr/lib/libfoo.so.1 700\n";
    assert_eq!(inventory(spec).packages[Id::at(0)].bytes, 700);
    // What is deep below, and what is nowhere.
    let deep = spec.replace("usr/lib\n", "usr/lib/deep\n").replace("usr/lib/libfoo", "usr/lib/deep/libfoo");
    assert_eq!(inventory(&deep).packages[Id::at(0)].bytes, 700);
}

const STATUS: &str = r"Package: libc6\nStatus: install ok installed\nPriority: optional\nSection: libs\nArchitecture: amd64\nVersion: 2.36-9\nProvides: libc\nDepends: libgcc-s1, libcrypt1 (>= 1:4.4.10)\n\nPackage: bash\nEssential: yes\nStatus: install ok installed\nPriority: required\nArchitecture: amd64\nVersion: 5.2\nPre-Depends: libc6 (>= 2.36), libtinfo6 | libtinfo5:any\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n\nPackage: g++\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12\nSection: devel\nDescription: x\n .\n Package: not-a-field";

#[test]
fn dpkg_packages_own_their_files_in_the_spelling_of_the_tree() {
    let os = inventory(&format!(
        "layer\nd usr/lib\nl lib -> usr/lib\nf usr/lib/libc.so.6 100\nh usr/lib/libc-2.so -> usr/lib/libc.so.6\nf usr/bin/bash 50\nl usr/bin/sh -> bash
         f var/lib/dpkg/status = {STATUS}
         f var/lib/dpkg/info/libc6:amd64.list = /.\\n/lib\\n/lib/libc.so.6\\n/lib/libc-2.so\\n/usr/share/doc/gone
         f var/lib/dpkg/info/bash.list = /.\\n/usr/bin\\n/usr/bin/bash\\n/usr/bin/sh\\n
         f var/lib/apt/extended_states = Package: libc6\\nArchitecture: amd64\\nAuto-Installed: 1\\n\\nPackage: bash\\nArchitecture: amd64\\nAuto-Installed: 0\\n
         f etc/os-release = ID=debian\\nVERSION_ID=\"12\"\\nPRETTY_NAME='Debian 12'\\n"
    ));
    assert_eq!(os.manager, Some(PackageManager::Dpkg));
    let names: Vec<&str> = os.packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["bash", "g++", "libc6"]);
    let (bash, gpp, libc) = (&os.packages[Id::at(0)], &os.packages[Id::at(1)], &os.packages[Id::at(2)]);
    assert_eq!((bash.bytes, gpp.bytes, libc.bytes), (50, 0, 100));
    assert_eq!((bash.manual, gpp.manual, libc.manual), (true, true, false));
    assert_eq!((bash.essential, gpp.essential), (true, false));
    assert_eq!(bash.depends, [vec!["libc6"], vec!["libtinfo6", "libtinfo5"]]);
    assert_eq!(os.owners.get(&b"usr/lib/libc.so.6"[..]), Some(&Id::at(2)));
    assert_eq!((os.find("libc6"), os.find("libc"), os.find("nothing")), (Some(Id::at(2)), Some(Id::at(2)), None));
    assert_eq!(os.release["VERSION_ID"], "12");
    assert_eq!(os.release["PRETTY_NAME"], "Debian 12");
    assert_eq!(os.problems.len(), 1, "g++ has no list");
}

#[test]
fn distroless_images_have_a_file_a_package() {
    let os = inventory(
        "layer\nf usr/lib/os-release = ID=debian\nl etc/os-release -> ../usr/lib/os-release\nf usr/lib/libssl.so.3 70
         f var/lib/dpkg/status.d/libssl3 = Package: libssl3\\nVersion: 3.0\\nArchitecture: amd64\\n
         f var/lib/dpkg/status.d/libssl3.md5sums = d41d8cd98f00b204e9800998ecf8427e  usr/lib/libssl.so.3\\n",
    );
    assert_eq!(os.packages.len(), 1);
    assert_eq!((os.packages[Id::at(0)].name.as_str(), os.packages[Id::at(0)].bytes), ("libssl3", 70));
    assert_eq!(os.release["ID"], "debian");
}

#[test]
fn apk_packages_with_their_files_and_world() {
    let os = inventory(
        "layer\nf lib/ld-musl.so 30\nf usr/bin/python3 9
         f lib/apk/db/installed = P:musl\\nV:1.2.4-r2\\nA:x86_64\\np:so:libc.musl-x86_64.so.1=1\\nF:lib\\nR:ld-musl.so\\na:0:0:755\\n\\nP:python3\\nV:3.11.6-r0\\nD:so:libc.musl-x86_64.so.1 !other foo>=1.2~3\\nF:usr/bin\\nR:python3\\n\\nV:only\\n
         f etc/apk/world = python3@edge\\nca-certificates>1",
    );
    assert_eq!(os.manager, Some(PackageManager::Apk));
    assert_eq!(os.packages[Id::at(0)].bytes, 30);
    assert_eq!((os.packages[Id::at(0)].manual, os.packages[Id::at(1)].manual), (false, true));
    assert_eq!(os.packages[Id::at(1)].depends, [["so:libc.musl-x86_64.so.1"], ["foo"]]);
    assert_eq!(os.find("so:libc.musl-x86_64.so.1"), Some(Id::at(0)));
    assert_eq!(os.problems.len(), 1, "{:?}", os.problems);
}

#[test]
fn a_path_that_two_packages_list_is_counted_once() {
    let os = inventory(
        "layer\nf usr/bin/x 8\nf var/lib/dpkg/status = Package: a\\nVersion: 1\\nArchitecture: all\\n\\nPackage: b\\nVersion: 1\\nArchitecture: all\\n
         f var/lib/dpkg/info/a.list = /usr/bin/x\nf var/lib/dpkg/info/b.list = /usr/bin/x\\n/usr/bin/x",
    );
    assert_eq!((os.packages[Id::at(0)].bytes, os.packages[Id::at(1)].bytes), (8, 0));
}

#[test]
fn parsers_take_any_bytes() {
    let seeds: [&[u8]; 3] = [
        STATUS.as_bytes(),
        b"P:a\nV:1\nF:lib\nR:x\nD:a b!c <>=~\n\n:\nR:\n\n",
        b"A=\"x\\\"y\nB='z\nC=\\\n=\n'=\"\nPackage: \xff\n \n\t\nAuto-Installed: 1\n\n  /a/../../b\nabc  *x\n",
    ];
    crate::python::mangled(&seeds, |bytes| {
        parse_status(bytes);
        parse_extended_states(bytes);
        parse_installed(bytes);
        parse_world(bytes);
        parse_os_release(bytes);
        parse_list(bytes);
        parse_md5sums(bytes);
    });
}

#[test]
fn bytecode_belongs_to_the_package_of_its_source() {
    let image = crate::fixture::image(
        "layer RUN x\nf usr/lib/python3.11/ast.py 10\nf usr/lib/python3.11/__pycache__/ast.cpython-311.pyc 20\n\
         f usr/lib/python3.11/__pycache__/mine.cpython-311.pyc 40\n\
         f var/lib/dpkg/status = Package: libpython3.11\\nStatus: install ok installed\\nVersion: 1\\nArchitecture: amd64\\n\n\
         f var/lib/dpkg/info/libpython3.11.list = /usr/lib/python3.11/ast.py",
    );
    let view = slimwright::fs::View::new(&image);
    let os = slimwright::os::OsInventory::new(&view);
    assert_eq!((os.packages[Id::at(0)].bytes, os.owners.len()), (30, 2));
}

#[test]
fn packages_for_all_architectures_are_marked_automatic_under_the_systems_own() {
    let image = crate::fixture::image(
        "layer RUN x\nf var/lib/dpkg/status = Package: libx11-data\\nStatus: install ok installed\\nVersion: 1\\nArchitecture: all\\n\n\
         f var/lib/apt/extended_states = Package: libx11-data\\nArchitecture: amd64\\nAuto-Installed: 1\\n",
    );
    let view = slimwright::fs::View::new(&image);
    assert!(!slimwright::os::OsInventory::new(&view).packages[Id::at(0)].manual);
}
