//! What wheels are for: the interpreter, the architecture and the C library of a stage.

use super::stage::{BaseKnown, Stage, World};
use crate::wheel::{Libc, Platform};

impl Stage {
    /// What wheels are for.
    pub(super) fn platform(&self, world: &World<'_>, python: &str) -> Platform {
        let architecture = world.options.platform.split('/').nth(1).unwrap_or("amd64").to_owned();
        let name = match &self.base {
            BaseKnown::NameOnly(name) => name.as_str(),
            _ => "",
        };
        let libc = match name.contains("alpine") || self.tree.exists(b"etc/alpine-release") {
            true => Libc::Musl,
            false => Libc::Gnu(self.glibc().or_else(|| glibc_of(name))),
        };
        Platform { python: python.to_owned(), architecture, libc }
    }

    /// `3.11.7`, where the user, the image's variables or the interpreter's package tell more than the minor version.
    pub(super) fn full_version(&self, world: &World<'_>, python: &str) -> Option<String> {
        let is_full =
            |text: &&str| text.splitn(3, '.').count() == 3 && super::site::minor_of(text).as_deref() == Some(python);
        let given = world.options.python.as_deref().filter(is_full).map(str::to_owned);
        let stated = || self.variable("PYTHON_VERSION").filter(is_full).map(str::to_owned);
        let of_package = || {
            let version = self.package_version(&format!("python{python}-minimal"))?;
            let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
            Some(version[..end].to_owned()).filter(|version| is_full(&version.as_str()))
        };
        given.or_else(stated).or_else(of_package)
    }

    /// The version of a package of Debian's kind.
    pub(super) fn package_version(&self, name: &str) -> Option<String> {
        let (packages, _) = crate::os::parse_status(self.tree.content(b"var/lib/dpkg/status")?);
        packages.into_iter().find(|package| package.name == name).map(|package| package.version)
    }

    /// The minor version of glibc, by its package.
    fn glibc(&self) -> Option<u32> {
        let version = self.package_version("libc6")?;
        let version = version.strip_prefix("2.")?;
        version.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
    }
}

/// The minor version of glibc that a base image of this name has: by the release in its tag; a tag without one moves with the
/// newest release. `None` of names that tell nothing.
fn glibc_of(name: &str) -> Option<u32> {
    const RELEASES: [(&str, u32); 10] = [
        ("trixie", 41),
        ("bookworm", 36),
        ("bullseye", 31),
        ("buster", 28),
        ("noble", 39),
        ("24.04", 39),
        ("jammy", 35),
        ("22.04", 35),
        ("focal", 31),
        ("20.04", 31),
    ];
    let repository = name.split([':', '@']).next().unwrap_or_default();
    let moves = matches!(repository.rsplit('/').next(), Some("python" | "debian"));
    let named = RELEASES.iter().find(|(word, _)| name.contains(word)).map(|(_, minor)| *minor);
    named.or(moves.then_some(RELEASES[0].1))
}
