//! What shared objects are linked with: files made here, the machine's own against `readelf`, and damaged ones.

use crate::fixture::image;
use crate::tarballs::{Tar, gzip};
use proptest::prelude::*;
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::layer::{Blob, Expected, Limits, Linkage, index_seeking, index_stream, linkage};
use slimwright::plan::{self, LibraryCheck, Plan, PlanOptions};
use slimwright::prove;
use slimwright::rules;
use slimwright::rules::embedded;
use std::process::Command;
use std::sync::Arc;

/// Where the names stand in a file of `size` bytes.
struct Layout {
    size: usize,
    dynamic: usize,
    names: usize,
}

const SMALL: Layout = Layout { size: 4096, dynamic: 1024, names: 512 };

/// A little-endian ELF64 shared object, with names at their own virtual address.
fn shared_object(layout: &Layout, soname: &str, needed: &[&str], runpath: &str) -> Vec<u8> {
    const SHIFT: u64 = 0x10_0000;
    let mut names = vec![0];
    let mut add = |text: &str| {
        let at = names.len() as u64;
        names.extend_from_slice(text.as_bytes());
        names.push(0);
        at
    };
    let mut dynamic: Vec<(u64, u64)> = vec![(14, add(soname)), (29, add(runpath))];
    dynamic.extend(needed.iter().map(|name| (1, add(name))));
    dynamic.extend([(5, layout.names as u64 + SHIFT), (10, names.len() as u64), (0, 0)]);
    let mut out = vec![0; layout.size];
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &3u16.to_le_bytes());
    put(18, &62u16.to_le_bytes());
    put(20, &1u32.to_le_bytes());
    put(32, &64u64.to_le_bytes());
    put(52, &64u16.to_le_bytes());
    put(54, &56u16.to_le_bytes());
    put(56, &2u16.to_le_bytes());
    let size = layout.size as u64;
    let length = dynamic.len() as u64 * 16;
    for (n, (kind, offset, address, length)) in
        [(1u32, 0, SHIFT, size), (2, layout.dynamic as u64, layout.dynamic as u64 + SHIFT, length)].iter().enumerate()
    {
        let at = 64 + n * 56;
        put(at, &kind.to_le_bytes());
        put(at + 8, &offset.to_le_bytes());
        put(at + 16, &address.to_le_bytes());
        put(at + 32, &length.to_le_bytes());
        put(at + 40, &length.to_le_bytes());
    }
    for (n, (tag, value)) in dynamic.iter().enumerate() {
        put(layout.dynamic + n * 16, &tag.to_le_bytes());
        put(layout.dynamic + n * 16 + 8, &value.to_le_bytes());
    }
    put(layout.names, &names);
    out
}

fn shown(linkage: &Linkage) -> String {
    String::from_utf8(linkage.encode()).unwrap()
}

#[test]
fn names_needs_and_folders_are_read_and_kept_as_text() {
    let file = shared_object(&SMALL, "libx.so.1", &["libpq.so.5", "libc.so.6"], "$ORIGIN/../x.libs:/opt/lib");
    let found = linkage(&file, file.len() as u64).unwrap();
    let text =
        "elf\nsoname libx.so.1\nneeded libpq.so.5\nneeded libc.so.6\nsearch $ORIGIN/../x.libs\nsearch /opt/lib\n";
    assert_eq!(shown(&found), text);
    assert_eq!(Linkage::decode(text.as_bytes()), Some(found));
    assert_eq!(Linkage::decode(b"import os\n"), None);
    assert_eq!(linkage(&b"#!/bin/sh\necho\n".to_vec(), 15), None);
}

#[test]
fn an_answer_is_the_same_however_the_layer_is_read() {
    const MB: usize = 1 << 20;
    let cases = [
        ("small", SMALL, true),
        ("repaired: names at the end", Layout { size: 40 * MB, dynamic: 2048, names: 39 * MB }, true),
        ("dynamic section at the end", Layout { size: 40 * MB, dynamic: 39 * MB, names: 4096 }, true),
        ("names in the middle", Layout { size: 40 * MB, dynamic: 39 * MB, names: 20 * MB }, false),
        ("no middle", Layout { size: 14 * MB, dynamic: 8 * MB, names: 7 * MB }, true),
    ];
    for (what, layout, known) in cases {
        let file = shared_object(&layout, "libx.so.1", &["liby.so"], "/a");
        let tar = Tar::new().file("lib/libx.so.1.2", &file).file("bin/script", "#!/bin/sh").finish();
        let blob = Blob::new(Arc::new(tar.clone()), 0, tar.len() as u64);
        let (sought, _) = index_seeking(&blob, Expected::default(), &Limits::default()).unwrap();
        for bytes in [tar.clone(), gzip(&tar, usize::MAX)] {
            let (passed, _) = index_stream(&mut &bytes[..], Expected::default(), &Limits::default(), &|_| {}).unwrap();
            assert_eq!(passed.contents, sought.contents, "{what}");
        }
        assert_eq!(sought.contents.contains_key(&0), known, "{what}");
    }
}

#[test]
fn the_machines_own_programs_are_read_as_readelf_reads_them() {
    let mut compared = 0;
    for path in
        ["/bin/sh", "/usr/bin/python3", "/usr/bin/git", "/usr/bin/gcc", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6"]
    {
        let Ok(output) = Command::new("readelf").args(["-dW", path]).env("LC_ALL", "C").output() else { continue };
        let Ok(bytes) = std::fs::read(path) else { continue };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let bracketed =
            |line: &str| line.split_once('[').and_then(|(_, rest)| Some(rest.split_once(']')?.0.to_owned()));
        let expected: Vec<String> =
            text.lines().filter(|line| line.contains("(NEEDED)")).filter_map(bracketed).collect();
        let size = bytes.len() as u64;
        let found = linkage(&bytes, size).unwrap();
        let found: Vec<String> = found.needed.into_iter().map(|name| String::from_utf8(name).unwrap()).collect();
        assert_eq!(found, expected, "{path}");
        compared += 1;
    }
    if compared == 0 {
        println!("skipped: no readelf here");
    }
}

proptest! {
    #[test]
    fn damaged_files_give_an_answer_or_none(at in 0usize..4096, bytes in proptest::collection::vec(any::<u8>(), 1..64), cut in 0usize..4096) {
        let mut file = shared_object(&SMALL, "libx.so.1", &["liby.so", "libz.so"], "/a");
        let end = (at + bytes.len()).min(file.len());
        file[at..end].copy_from_slice(&bytes[..end - at]);
        let size = file.len() as u64;
        linkage(&file, size);
        file.truncate(cut);
        if let Some(found) = linkage(&file, size) {
            prop_assert_eq!(Linkage::decode(&found.encode()), Some(found));
        }
    }
}

/// A plan for an image with these lines above a base of one layer, and the findings of missing libraries.
fn planned(above: &str) -> (Plan, Vec<String>) {
    checked(above, |_| {}, |plan, missing, _| (plan.clone(), missing))
}

/// The same, and what the predicted image lacks after `change`.
fn checked<T>(
    above: &str,
    change: impl FnOnce(&mut Plan),
    then: impl FnOnce(&Plan, Vec<String>, LibraryCheck) -> T,
) -> T {
    const SITE: &str = "usr/local/lib/python3.11/site-packages";
    let base = "Package: libc6\\nStatus: install ok installed\\nPriority: required\\nVersion: 2\\n\\n";
    let package = |name: &str, more: &str| {
        format!("Package: {name}\\nStatus: install ok installed\\nPriority: optional\\nVersion: 1\\n{more}\\n")
    };
    let status = [
        base.to_owned(),
        package("libpq-dev", "Section: libdevel\\nDepends: libpq5\\n"),
        package("libpq5", ""),
        package("libfoo1", ""),
        package("app-tool", ""),
    ]
    .concat();
    let automatic = "Package: libpq5\\nAuto-Installed: 1\\n\\nPackage: libfoo1\\nAuto-Installed: 1\\n";
    let spec = format!(
        "layer base\nf etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\nf var/lib/dpkg/status = {base}\n\
         f var/lib/dpkg/info/libc6.list = /lib/libc.so.6\nf lib/libc.so.6 2000\n\
         layer RUN apt-get install\nf var/lib/dpkg/status = {status}\nf var/lib/apt/extended_states = {automatic}\n\
         f var/lib/dpkg/info/libpq5.list = /usr/lib/x86_64-linux-gnu/libpq.so.5\nf usr/lib/x86_64-linux-gnu/libpq.so.5 300000\n\
         f var/lib/dpkg/info/libfoo1.list = /usr/lib/libfoo.so.1\nf usr/lib/libfoo.so.1 400000\n\
         layer RUN pip install\nf {SITE}/x-1.dist-info/METADATA = Name: x\\nVersion: 1\n\
         f {SITE}/x-1.dist-info/RECORD = x.so,,\\n\n{above}"
    )
    .replace("SITE", SITE);
    let image = image(&spec);
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let findings = rules::evaluate(&facts, &rules);
    let messages = findings.iter().filter(|f| f.rule == "missing-libraries").map(|f| f.message.clone()).collect();
    let mut plan = prove::make(&facts, &findings, &rules, &PlanOptions::default()).unwrap();
    change(&mut plan);
    let check = plan::libraries_after(&facts, &plan);
    then(&plan, messages, check)
}

const NEEDS_TWO: &str = "f SITE/x.so = elf\\nneeded libpq.so.5\\nneeded libmissing.so.2\n";

#[test]
fn what_has_its_libraries_has_them_after_the_plan() {
    checked(
        NEEDS_TWO,
        |_| {},
        |_, _, check| {
            assert_eq!(check, LibraryCheck { unmet_before: 1, unmet: Vec::new(), unknown: 0 });
        },
    );
}

#[test]
fn a_library_that_the_predicted_image_would_lose_is_told_with_who_had_it() {
    let lose = |plan: &mut Plan| {
        let entries = plan.predicted.layers.iter_mut().flat_map(|layer| &mut Arc::make_mut(layer).entries);
        for entry in entries.filter(|entry| entry.path.as_bytes().ends_with(b"libpq.so.5")) {
            entry.path = "usr/lib/other".into();
        }
    };
    checked(NEEDS_TWO, lose, |_, _, check| {
        let rows: Vec<_> = check.unmet.iter().map(|row| (row.library.as_str(), row.provider.as_str())).collect();
        assert_eq!(rows, [("libpq.so.5", "libpq5")]);
        assert_eq!(check.unmet[0].owner.as_deref(), Some("x 1"));
        assert_eq!(check.unmet_before, 1);
    });
}

#[test]
fn the_package_of_a_library_that_a_module_is_linked_with_stays_and_others_go() {
    let (plan, missing) = planned("f SITE/x.so = elf\\nneeded libpq.so.5\\nneeded libc.so.6\n");
    let names: Vec<&str> = plan.system.iter().map(|package| package.name.as_str()).collect();
    assert!(names.contains(&"libpq5"), "{names:?}");
    let why = &plan.system.iter().find(|package| package.name == "libpq5").unwrap().why;
    assert_eq!(why.to_string(), "has libpq.so.5 of /usr/local/lib/python3.11/site-packages/x.so");
    assert!(!names.contains(&"libfoo1"), "{names:?}");
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_library_that_nobody_has_is_a_finding() {
    let (_, missing) = planned("f SITE/x.so = elf\\nneeded libmissing.so.2\n");
    assert_eq!(missing, ["1 file of x 1 cannot be loaded: the image has no libmissing.so.2"]);
}
