//! What wheels say of themselves, and what installers make of them: against a real uv, and against what pip writes.

use crate::requests::{Lab, files, options, package};
use crate::server::{Server, ok};
use crate::wheels::{Zip, index};
use slimwright::image::read_recorded;
use slimwright::index::Access;
use slimwright::wheel::{Installation, Installer, Layout, Remote, parse_entry_points, predicted_bytecode};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

fn read(server: &Server, claimed: Option<u64>) -> Result<slimwright::wheel::Listed, String> {
    let access = Access::default();
    let remote = Remote::new(&access, &options(), Instant::now() + Duration::from_secs(20)).unwrap();
    let wanted =
        |entry: &slimwright::wheel::ZipEntry| entry.name.ends_with(b"METADATA") || entry.name.ends_with(b"WHEEL");
    remote.read(&format!("http://{}/a.whl", server.host()), claimed, &wanted).map_err(|error| error.to_string())
}

#[test]
fn what_a_wheel_says_of_itself_comes_along_or_takes_one_more_request() {
    let large = "x".repeat(300_000);
    let late = Zip::new(false)
        .file("a.bin", large.as_bytes())
        .deflated("a-1.dist-info/METADATA", b"Name: a\n")
        .deflated("a-1.dist-info/WHEEL", b"Tag: x\n")
        .finish(b"");
    let early = Zip::new(true)
        .deflated("a-1.dist-info/METADATA", b"Name: a\n")
        .file("a-1.dist-info/WHEEL", b"Tag: x\n")
        .file("a.bin", large.as_bytes())
        .finish(b"");
    let apart = Zip::new(false)
        .deflated("a-1.dist-info/METADATA", b"Name: a\n")
        .file("a.bin", large.as_bytes())
        .deflated("a-1.dist-info/WHEEL", b"Tag: x\n")
        .finish(b"a comment");
    for (bytes, requests) in [(late, 1), (early, 2), (apart, 2)] {
        let length = bytes.len() as u64;
        let whole = bytes.clone();
        let server = Server::new(move |request, _| crate::wheels::ranged(request, &whole));
        let found = read(&server, Some(length)).unwrap();
        let contents: Vec<&[u8]> = found.contents.values().map(Vec::as_slice).collect();
        assert!(contents.len() == 2 && contents.contains(&&b"Name: a\n"[..]) && contents.contains(&&b"Tag: x\n"[..]));
        assert_eq!(server.requests().len(), requests);
        // A server that knows no ranges sends all of it.
        let whole = bytes.clone();
        let server = Server::new(move |_, _| ok(whole.as_slice()));
        assert_eq!(read(&server, None).unwrap().contents, found.contents);
        // One that lies is found out: the content is not what its directory says.
        let mut broken = bytes;
        let at = broken.windows(8).position(|window| window == b"METADATA").unwrap() + 9;
        broken[at] ^= 0xff;
        let server = Server::new(move |request, _| crate::wheels::ranged(request, &broken));
        let error = read(&server, None).unwrap_err();
        assert!(error.contains("contradicts itself"), "{error}");
    }
}

#[test]
fn a_wheel_with_a_long_comment_is_read_too() {
    let bytes = Zip::new(false).deflated("a-1.dist-info/METADATA", b"Name: a\n").finish(&[b'c'; 60_000]);
    let server = Server::new(move |request, _| crate::wheels::ranged(request, &bytes));
    assert_eq!(read(&server, None).unwrap().contents.len(), 1);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn parts_that_are_cut_are_asked_for_again() {
    let large = "x".repeat(100_000);
    let zip =
        Zip::new(false).deflated("a-1.dist-info/METADATA", b"Name: a\n").file("a.bin", large.as_bytes()).finish(b"");
    let server = Server::new(move |request, number| {
        let answer = crate::wheels::ranged(request, &zip);
        if number == 1 { answer.cut(3) } else { answer }
    });
    assert_eq!(read(&server, None).unwrap().contents.len(), 1);
    assert_eq!(server.requests().len(), 3);
}

/// All files below a folder, by their paths from it, with their bytes.
fn tree(folder: &Path) -> BTreeMap<String, u64> {
    let files =
        walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
    files.map(|entry| (name(entry.path()), entry.metadata().unwrap().len())).collect()
}

#[test]
fn what_uv_installs_is_what_was_predicted() {
    let script = "#!python -x\nprint(1)\n";
    let wheel = package(
        "whole",
        "1.0",
        &["helper"],
        &[
            (
                "INFO/entry_points.txt",
                "[console_scripts]\nrun-it = whole.main:App.run\n[gui_scripts]\nshow = whole:show [x]\n[other]\na = b:c\n",
            ),
            ("whole-1.0.data/scripts/tool", script),
            ("whole-1.0.data/scripts/plain", "#!/bin/sh\n"),
            ("whole-1.0.data/data/share/a, b.txt", "data"),
            ("whole-1.0.data/purelib/whole_more.py", "x = 1\n"),
            ("whole/sub/module.py", "def f():\n    return 1\n"),
        ],
    );
    let lab = Lab::new(index([files(), vec![wheel]].concat(), false));
    let Some(found) = lab.requirements("whole\n") else { return };
    let found = found.unwrap();
    let environment = lab.path("env");
    let program = std::env::var_os("UV").filter(|uv| !uv.is_empty()).unwrap_or_else(|| "uv".into());
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(&program);
        command.args(arguments).args(["--no-config", "--no-cache", "--no-python-downloads"]);
        command.env("UV_DEFAULT_INDEX", format!("http://{}/simple", lab.server.host())).output().unwrap()
    };
    let made = run(&["venv", environment.to_str().unwrap()]);
    if !made.status.success() {
        assert!(std::env::var_os("CI").is_none(), "CI has a Python: {made:?}");
        return;
    }
    let before = tree(&environment);
    let python = environment.join("bin/python");
    let said = run(&["pip", "install", "--python", python.to_str().unwrap(), "whole"]);
    assert!(said.status.success(), "{said:?}");
    let mut real = tree(&environment);
    real.retain(|path, _| !before.contains_key(path) && path != ".lock");
    let library = std::fs::read_dir(environment.join("lib")).unwrap().next().unwrap().unwrap().file_name();
    let library = library.to_str().unwrap();
    let prefix = environment.to_str().unwrap();
    let how = Installation {
        layout: Layout {
            prefix: prefix.into(),
            site_dir: format!("{prefix}/lib/{library}/site-packages").as_str().into(),
            python: library.trim_start_matches("python").into(),
        },
        installer: Installer::Uv,
        interpreter: python.to_str().unwrap().into(),
        bytecode: false,
        ratio: None,
        requested: true,
        direct_url: None,
    };
    let files = found.packages.iter().flat_map(|package| package.info.as_ref().unwrap().installed(&package.name, &how));
    let name = |path: String| path.strip_prefix(&format!("{prefix}/")).unwrap().to_owned();
    let predicted: BTreeMap<String, u64> = files.map(|file| (name(file.path.to_string()), file.size)).collect();
    assert_eq!(predicted, real);
}

#[test]
fn pips_notes_of_itself_are_predicted_with_its_versions() {
    let lab = Lab::new(index(files(), false));
    let Some(found) = lab.requirements("helper\n") else { return };
    let found = found.unwrap();
    let sizes = |installer: Installer, bytecode| -> BTreeMap<String, u64> {
        let site = "/usr/local/lib/python3.11/site-packages";
        let layout = Layout { prefix: "/usr/local".into(), site_dir: site.into(), python: "3.11".into() };
        let interpreter = "/usr/local/bin/python3.11".into();
        let how =
            Installation { layout, installer, interpreter, bytecode, requested: false, ratio: None, direct_url: None };
        let files = found.packages[0].info.as_ref().unwrap().installed("helper", &how);
        files.into_iter().map(|file| (file.path.to_string().replace(site, "SITE"), file.size)).collect()
    };
    let old = sizes(Installer::Pip(24, 0), true);
    let text = "#!/usr/local/bin/python3.11\n# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom helper import main\n\
                if __name__ == '__main__':\n    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    \
                sys.exit(main())\n";
    assert_eq!(old["/usr/local/bin/help"], text.len() as u64);
    let new = "#!/usr/local/bin/python3.11\nimport sys\nfrom helper import main\nif __name__ == '__main__':\n    sys.argv[0] = \
               sys.argv[0].removesuffix('.exe')\n    sys.exit(main())\n";
    assert_eq!(sizes(Installer::Pip(26, 1), false)["/usr/local/bin/help"], new.len() as u64);
    assert!(old.contains_key("SITE/helper/__pycache__/__init__.cpython-311.pyc"));
    assert!(!old.contains_key("SITE/helper-3.0.dist-info/REQUESTED"));
    let info = "helper-3.0.dist-info";
    let digest = "0".repeat(43);
    let row = |path: &str, size: u64| format!("{path},sha256={digest},{size}\r\n");
    let own: String = ["METADATA", "WHEEL", "INSTALLER", "entry_points.txt"]
        .iter()
        .map(|file| row(&format!("{info}/{file}"), old[&format!("SITE/{info}/{file}")]))
        .collect();
    let record = own
        + &row("helper/__init__.py", old["SITE/helper/__init__.py"])
        + &row("../../../bin/help", text.len() as u64)
        + &format!("{info}/RECORD,,\r\nhelper/__pycache__/__init__.cpython-311.pyc,,\r\n");
    assert_eq!(old[&format!("SITE/{info}/RECORD")], record.len() as u64);
    assert_eq!(sizes(Installer::Other("Poetry 2.1.3".into()), false)[&format!("SITE/{info}/INSTALLER")], 12);
}

#[test]
fn entry_points_are_read_as_installers_do() {
    let text = b"# x\n[console_scripts]\na = b.c:d.e [extra]\n bad\n../evil = x:y\nnone = x\na = again:z\n[gui_scripts]\ng=h:i\n[x]\nj = k:l\n";
    let found: Vec<String> = parse_entry_points(text)
        .into_iter()
        .map(|script| format!("{} {} {}", script.name, script.module, script.function))
        .collect();
    assert_eq!(found, ["a b.c d.e", "g h i"]);
}

#[test]
fn bytecode_of_a_recorded_image_is_predicted_within_a_hundredth() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/flagship.index");
    let image = read_recorded(&path, &std::fs::read(&path).unwrap()).unwrap();
    let entries = image.layers.iter().flat_map(|layer| &layer.entries);
    let sizes: BTreeMap<String, u64> = entries.map(|entry| (entry.path.to_string(), entry.size)).collect();
    let (mut real, mut predicted, mut files) = (0u64, 0u64, 0);
    for (path, size) in sizes.iter().filter(|(path, _)| path.contains("-packages/")) {
        let Some((folder, name)) = path.strip_suffix(".py").and_then(|stem| stem.rsplit_once('/')) else { continue };
        if let Some(compiled) = sizes.get(&format!("{folder}/__pycache__/{name}.cpython-311.pyc")) {
            (real, predicted, files) = (real + compiled, predicted + predicted_bytecode(*size, "3.11"), files + 1);
        }
    }
    assert!(files > 17_000 && real > 390_000_000, "{files} files, {real} bytes");
    assert!(predicted.abs_diff(real) * 100 < real, "predicted {predicted}, found {real}");
    assert!(predicted_bytecode(10_000, "3.9") < predicted_bytecode(10_000, "3.13"));
    assert!(predicted_bytecode(u64::MAX, "3.12") > 0);
}
