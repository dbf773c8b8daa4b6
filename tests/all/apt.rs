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
             env PATH=/usr/bin:/bin\n",
            self.server.host(),
            self.settings
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

/// Bytes of archives, and of what is made of the lists, after these commands; without a gap.
fn left(settings: &'static str, commands: &str) -> (u64, u64) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), format!("FROM debian:12\nRUN {commands}\n")).unwrap();
    let world = World { server: debian("tool 1 Size=40000\nmore 1 Size=5000"), settings };
    let options = ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() };
    let Virtual { image, .. } = read(folder.path(), &options, &world).unwrap();
    assert_eq!(image.gaps, [], "{commands}");
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
