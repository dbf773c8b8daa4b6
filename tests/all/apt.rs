//! What apt leaves in a virtual image beside the packages: archives, and what it makes of its lists.

use crate::fixture;
use crate::repositories::{self, debian};
use slimwright::context::{Base, ContextOptions, Outside, Virtual, read};
use slimwright::fs::View;
use slimwright::index::{Files, Request, RequestError, Resolution};
use slimwright::ospackages::{Repositories, RepositoryError, Sources};
use slimwright::wheel::Platform;

/// A Debian with one package, whose repository is on this machine.
struct World {
    server: crate::server::Server,
    settings: &'static str,
    /// What else the base has.
    more: &'static str,
}

impl Outside for World {
    fn image(&self, _: &str) -> Base {
        let base = format!(
            "layer ADD rootfs.tar /\n\
             f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\nPRETTY_NAME=\"Debian 12\"\\n\n\
             f etc/apt/sources.list = deb http://{}/debian bookworm main\\n\n\
             f etc/apt/apt.conf.d/local = {}\\n\n\
             f usr/bin/apt 20000\nf usr/bin/apt-get 50000\nf bin/rm 70000\nf bin/sh 120000\n\
             f var/lib/dpkg/status = Package: base\\nStatus: install ok installed\\nVersion: 1\\nArchitecture: amd64\\n\\n\n\
             {}env PATH=/usr/bin:/bin\n",
            self.server.host(),
            self.settings,
            self.more
        );
        Base::Known(Box::new(fixture::image(&base)), "made".into())
    }

    fn resolve(&self, _: &Request, _: &dyn Files, _: &Platform) -> Result<Resolution, RequestError> {
        Ok(Resolution::default())
    }

    fn repositories(&self, sources: &Sources, architecture: &str) -> Result<Repositories, RepositoryError> {
        Repositories::open(sources, architecture, &repositories::options())
    }
}

/// The image that these commands make, each line a RUN of its own; without a gap.
fn made(settings: &'static str, more: &'static str, commands: &str) -> slimwright::image::Image {
    let folder = tempfile::tempdir().unwrap();
    let runs: String = commands.lines().map(|line| format!("RUN {line}\n")).collect();
    std::fs::write(folder.path().join("Dockerfile"), format!("FROM debian:12\n{runs}")).unwrap();
    let world = World { server: debian("tool 1 Size=40000\nmore 1 Size=5000"), settings, more };
    let options = ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() };
    let Virtual { image, .. } = read(folder.path(), &options, &world).unwrap();
    assert_eq!(image.gaps, [], "{commands}");
    image
}

/// Bytes of archives, and of what is made of the lists, after these commands; without a gap.
fn left(settings: &'static str, commands: &str) -> (u64, u64) {
    let image = made(settings, "", commands);
    let view = View::new(&image);
    let sum = |folder: &[u8], ending: &[u8]| {
        let of = |path: &[u8]| path.starts_with(folder) && path.ends_with(ending);
        view.iter().filter(|(path, _)| of(path)).map(|(_, node)| view.size(node)).sum()
    };
    (sum(b"var/cache/apt/archives/", b".deb"), sum(b"var/cache/apt/", b".bin"))
}

#[test]
fn apt_keeps_no_archives_where_apt_get_does() {
    assert_eq!(left("", "apt-get update && apt-get install -y tool more").0, 45_000);
    assert_eq!(left("", "apt update && apt install -y tool more").0, 0);
    let kept = "Binary::apt::APT::Keep-Downloaded-Packages \"true\";";
    assert_eq!(left(kept, "apt update && apt install -y tool").0, 40_000);
    assert_eq!(left("APT::Keep-Downloaded-Packages \"false\";", "apt-get update && apt-get install -y tool").0, 0);
}

#[test]
fn what_apt_makes_of_its_lists_is_small_again_once_it_ran_without_them() {
    let with_lists = left("", "apt-get update && apt-get install -y tool").1;
    assert!(with_lists > 0);
    assert_eq!(left("", "apt-get update").1, with_lists, "an update makes them too");
    assert_eq!(left("", "apt-get update && apt-get install -y tool && apt-get purge -y tool").1, with_lists);
    let again = "apt-get update && apt-get install -y tool && apt-get clean && apt-get autoremove -y";
    assert_eq!(left("", again).1, with_lists, "they come again");
    let removed = "apt-get update && apt-get install -y tool && rm -rf /var/lib/apt/lists/* && apt-get purge -y tool";
    // Two tables without a row, and a row a package.
    let (empty, row) = (3_188_400, 1_650);
    assert_eq!(left("", removed).1, empty + row);
    assert_eq!(left("", "apt-get remove -y nothing").1, empty + row, "apt opens them for nothing too");
    assert_eq!(left("Dir::Cache::pkgcache \"\";", removed).1, 0, "none are kept in Docker's own images");
}

#[test]
fn a_layer_has_what_an_installation_opens_to_write_and_leaves_as_it_was() {
    let state =
        "f var/cache/debconf/templates.dat 780000\nf var/cache/debconf/config.dat 16000\nf var/log/dpkg.log 50000\n";
    let hooked = "f var/cache/debconf/templates.dat 780000\nf var/cache/debconf/config.dat 16000\nf var/log/dpkg.log 50000\n\
        f etc/apt/apt.conf.d/70debconf 130\n";
    let of = |image: &slimwright::image::Image, path: &str| {
        let last = image.layers.last().unwrap();
        last.entries.iter().find(|entry| entry.path.as_bytes() == path.as_bytes()).map(|entry| entry.size)
    };
    let (templates, log, old) = ("var/cache/debconf/templates.dat", "var/log/dpkg.log", "var/lib/dpkg/status-old");
    let install = "apt-get update && apt-get install -y tool && rm -rf /var/lib/apt/lists/*";
    let image = made("", hooked, install);
    assert_eq!((of(&image, templates), of(&image, log)), (Some(780_000), Some(50_000)));
    assert!(of(&image, old).is_some_and(|size| size > 0), "the status that was");
    let image = made("", state, install);
    assert_eq!((of(&image, templates), of(&image, log)), (None, Some(50_000)), "nothing asks by debconf");
    let image = made("", hooked, "apt-get update && rm -rf /var/lib/apt/lists/*");
    assert_eq!((of(&image, templates), of(&image, old)), (None, None), "an update installs nothing");
}

#[test]
fn both_of_apts_caches_are_written_again_where_the_lists_are_fetched_anew() {
    let bytes = |commands: &str| {
        let image = made("", "", commands);
        let last = image.layers.last().unwrap();
        let caches = last.entries.iter().filter(|entry| entry.path.as_bytes().ends_with(b"cache.bin"));
        caches.map(|entry| entry.size).sum::<u64>()
    };
    let all = bytes("apt-get update && apt-get install -y tool");
    let first = "apt-get update && apt-get install -y tool && rm -rf /var/lib/apt/lists/*\n";
    assert_eq!(bytes(&format!("{first}apt-get update && apt-get install -y more")), all);
    assert_eq!(bytes("apt-get update\napt-get install -y tool"), all - all / 2, "the lists are the same");
}
