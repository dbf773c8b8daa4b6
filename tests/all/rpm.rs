//! rpm's databases: the same packages in each of the three formats, as rpm itself names them; damaged ones; whose the files
//! are.

use crate::fixture::image;
use slimwright::base::{Id, ImagePath};
use slimwright::context::{self, Base, ContextOptions, KnownFile, KnownPackages, Outside};
use slimwright::facts::is_package_manager_state;
use slimwright::fs::View;
use slimwright::image::{GapReason, Image, Packages};
use slimwright::index::{Files, Request, RequestError, Resolution};
use slimwright::layer::Entry;
use slimwright::os::OsInventory;
use slimwright::ospackages::{PackageRequest, Repositories, RepositoryError, Sources};
use slimwright::rpm::{RpmPackage, distil, distil_history, read, read_history};
use slimwright::wheel::Platform;
use std::cell::RefCell;

const FORMATS: [&str; 3] = ["rpmdb.sqlite", "Packages.db", "Packages"];

fn data(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/testdata/rpm/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn each_format_has_the_packages_that_rpm_names() {
    let expected = String::from_utf8(data("expected.txt")).unwrap();
    for format in FORMATS {
        let database = read(&data(format)).unwrap();
        let line = |package: &RpmPackage| {
            let RpmPackage { name, version, architecture, size, vendor, .. } = package;
            format!("{name} {version} {architecture} {size} {vendor}\n")
        };
        assert_eq!(database.packages.iter().map(line).collect::<String>(), expected, "{format}");
        assert_eq!(database.bad, 0);
        let [answer, libs, _] = database.packages.as_slice() else { panic!("three packages") };
        // Documentation was left out when it was installed.
        assert_eq!(answer.paths().collect::<Vec<_>>(), ["/etc/answer.conf", "/usr/bin/answer"]);
        assert!(answer.requires.contains(&"libanswer.so.1()(64bit)".to_owned()), "{:?}", answer.requires);
        // Neither what its scripts ran nor what rpm itself has to know.
        let only_then = |name: &String| name == "/usr/sbin/ldconfig" || name.starts_with("rpmlib(");
        assert!(!answer.requires.iter().any(only_then), "{:?}", answer.requires);
        assert_eq!(answer.recommends, ["answer-doc"]);
        assert!(libs.provides.contains(&"libanswer.so.1()(64bit)".to_owned()));
    }
}

#[test]
fn what_is_kept_of_a_database_reads_the_same() {
    for format in FORMATS {
        let (bytes, database) = (data(format), read(&data(format)).unwrap());
        let kept = distil(&bytes);
        assert_eq!(read(&kept).unwrap(), database);
        assert_eq!(distil(&kept), kept);
        assert!(kept.len() * 10 < bytes.len(), "{format}: {}", kept.len());
    }
    assert!(read(&distil(b"nothing of the kind")).unwrap_err().to_string().contains("another format"));
}

#[test]
fn damaged_databases_are_errors_or_have_fewer_packages() {
    let mut seed = 7u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for name in FORMATS.into_iter().chain(["dnf4.sqlite", "dnf5.sqlite"]) {
        let whole = data(name);
        for round in 0..120 {
            let mut bytes = whole.clone();
            for _ in 0..=round % 20 {
                let place = random(if round % 2 == 0 { bytes.len() } else { 4200 });
                bytes[place] = random(256) as u8;
            }
            bytes.truncate(if round % 5 == 0 { random(bytes.len()) } else { bytes.len() });
            if let Ok(database) = read(&bytes) {
                assert!(database.packages.len() <= 20, "{name}");
            }
            read_history(&bytes);
        }
    }
    for beginning in [&b"SQLite format 3\0"[..], b"RpmP", b"", b"{\"rpm\":1}\n{", b"{\"rpm\":1}\n{\"error\":\"x\"}\n"] {
        assert!(read(beginning).map_or(0, |database| database.packages.len()) == 0);
    }
}

#[test]
fn dnf_notes_what_was_asked_for() {
    for name in ["dnf4.sqlite", "dnf5.sqlite"] {
        let reasons = read_history(&data(name)).unwrap();
        assert_eq!(reasons.by_hand.len(), 302);
        let asked: Vec<&str> = reasons.by_hand.iter().filter(|(_, asked)| **asked).map(|(name, _)| &**name).collect();
        assert_eq!(asked, ["answer"], "{name}");
        assert_eq!(read_history(&distil_history(&data(name))), Some(reasons));
    }
}

/// An image with these packages, whose database is at a path.
fn installed(place: &str, more: &str) -> Image {
    let mut image = image(&format!(
        "layer COPY /rootfs/ /
        f etc/os-release = ID=rocky\\nVERSION_ID=9.4\\nPRETTY_NAME=\"Rocky Linux 9.4\"\\n
        l lib64 -> usr/lib64
        f usr/bin/answer 15952
        f etc/answer.conf 9
        f usr/lib64/libanswer.so.1.0 15000
        l usr/lib64/libanswer.so.1 -> libanswer.so.1.0
        f usr/local/cuda-12.4/lib64/libcudart.so.12 700
        f var/cache/dnf/lab/packages/x.rpm 300000
        f {place} 229376
        {more}"
    ));
    let layer = std::sync::Arc::make_mut(&mut image.layers[0]);
    let position = layer.entries.iter().position(|entry| entry.path == ImagePath::from(place)).unwrap();
    layer.contents.insert(position as u32, distil(&data("rpmdb.sqlite")));
    image
}

#[test]
fn packages_of_rpm_own_their_files_wherever_the_database_is() {
    for place in ["var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/Packages.db", "usr/share/rpm/Packages"] {
        let image = installed(place, "");
        let view = View::new(&image);
        let os = OsInventory::new(&view);
        assert!(os.is_rpm && os.problems.is_empty(), "{:?}", os.problems);
        let found: Vec<(&str, u64)> = os.packages.iter().map(|package| (&*package.name, package.bytes)).collect();
        assert_eq!(found, [("answer", 15_961), ("answer-libs", 15_000), ("cuda-cudart-12-4", 700)]);
        assert_eq!(os.packages[Id::at(0)].depends, [["answer-libs"]]);
        // No notes of dnf's: what nothing else needs counts as asked for.
        assert_eq!(os.packages.iter().map(|package| package.manual).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(os.packages[Id::at(2)].vendor, "NVIDIA");
    }
    for path in
        ["var/cache/dnf/a/b.rpm", "var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/Index.db", "var/log/dnf.log"]
    {
        assert!(is_package_manager_state(path.as_bytes()), "{path}");
    }
}

#[test]
fn a_database_that_was_not_read_is_told_of() {
    let image = image("layer x\nf var/lib/rpm/rpmdb.sqlite 229376\nf etc/os-release = ID=rocky\\n\n");
    let os = OsInventory::new(&View::new(&image));
    assert_eq!((os.packages.len(), os.problems.len()), (0, 1));
    let image = installed("var/lib/rpm/rpmdb.sqlite", "f var/lib/rpm/rpmdb.sqlite-wal 4000\n");
    let os = OsInventory::new(&View::new(&image));
    assert!(os.problems[0].message.to_string().contains("4000 bytes in its log"), "{:?}", os.problems);
}

#[test]
fn a_manifest_instead_of_a_database_has_the_packages_without_files() {
    let manifest = "bash\\t5.1.8-4.cm2\\t1700000000\\t1690000000\\tMicrosoft Corporation\\t(none)\\t7000000\\tx86_64\\t0\\tbash-5.1.8-4.cm2.src.rpm\\n";
    let image = image(&format!("layer x\nf var/lib/rpmmanifest/container-manifest-2 = {manifest}\n"));
    let os = OsInventory::new(&View::new(&image));
    let [bash] = os.packages.as_slice() else { panic!("one package: {:?}", os.packages) };
    assert_eq!((&*bash.name, &*bash.version, bash.bytes), ("bash", "5.1.8-4.cm2", 0));
}

/// Knows the packages of an image with rpm, and notes whether recommended ones were wanted.
struct Knowing(RefCell<Vec<Option<bool>>>);

impl Outside for Knowing {
    fn image(&self, _: &str) -> Base {
        let programs = "f usr/bin/dnf 10 mode=755\nf usr/bin/microdnf 10 mode=755\nf usr/bin/zypper 10 mode=755\n";
        Base::Known(Box::new(installed("var/lib/rpm/rpmdb.sqlite", programs)), "made".into())
    }

    fn resolve(&self, _: &Request, _: &dyn Files, _: &Platform) -> Result<Resolution, RequestError> {
        Ok(Resolution::default())
    }

    fn repositories(&self, _: &Sources, _: &str) -> Result<Repositories, RepositoryError> {
        Err(RepositoryError::NoSources("none are named".into()))
    }

    fn packages(&self, request: &PackageRequest, _: &OsInventory) -> Option<KnownPackages> {
        self.0.borrow_mut().push(request.recommends);
        let file = Entry::file(ImagePath::from("usr/bin/psql"), 700);
        (request.names == ["postgresql"]).then(|| KnownPackages {
            files: vec![KnownFile { entry: file, content: None }],
            ..KnownPackages::default()
        })
    }
}

#[test]
fn the_lines_of_dnf_and_zypper_are_read_by_their_options() {
    let built = |line: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Dockerfile"), format!("FROM base\nRUN {line}\n")).unwrap();
        let world = Knowing(RefCell::default());
        let options = ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() };
        (context::read(folder.path(), &options, &world).unwrap().image, world.0.into_inner())
    };
    for (line, recommends) in [
        ("dnf install -y postgresql", true),
        ("dnf -yq --enablerepo crb install postgresql --nogpgcheck", true),
        ("dnf install -y --setopt=install_weak_deps=False --setopt tsflags=nodocs postgresql", false),
        ("microdnf install -y --setopt=install_weak_deps=0 --nodocs postgresql", false),
        ("zypper --non-interactive in -y postgresql", true),
        ("zypper -n install --no-recommends -- postgresql", false),
    ] {
        let (image, asked) = built(line);
        assert_eq!((&image.gaps[..], &asked[..]), (&[][..], &[Some(recommends)][..]), "{line}");
        assert!(View::new(&image).get(b"usr/bin/psql").is_some(), "{line}");
    }
    for (line, option) in [
        ("dnf install -y --frobnicate postgresql", "--frobnicate"),
        ("dnf install -y --exclude postgresql-docs postgresql", "--exclude"),
        (
            "dnf install -y --setopt=baseurl=https://mirror.example postgresql",
            "--setopt=baseurl=https://mirror.example",
        ),
        ("zypper install --capability postgresql", "--capability"),
        ("dnf clean all --frobnicate", "--frobnicate"),
    ] {
        let whys: Vec<GapReason> = built(line).0.gaps.into_iter().map(|gap| gap.why).collect();
        assert_eq!(whys, [GapReason::Option(option.into())], "{line}");
    }
    let not_looked_up = ["dnf install --installroot /x -y postgresql", "dnf install --downloadonly -y postgresql"];
    for line in not_looked_up.into_iter().chain(["dnf upgrade -y", "zypper install -D postgresql"]) {
        let whys: Vec<GapReason> = built(line).0.gaps.into_iter().map(|gap| gap.why).collect();
        assert_eq!(whys, [GapReason::NotLookedUp(Packages::Rpm)], "{line}");
    }
    for line in ["dnf clean all", "dnf -y clean all", "zypper clean --all", "zypper cc -a"] {
        let (image, _) = built(line);
        assert_eq!(image.gaps, [], "{line}");
        assert!(View::new(&image).below(b"var/cache/dnf").all(|(path, _)| !path.ends_with(b".rpm")), "{line}");
    }
}
