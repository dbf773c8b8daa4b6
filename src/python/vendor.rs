//! Which distributions the system's package manager installed. Debian's `python3-*` packages often come
//! without RECORD, because dpkg's own lists (`/var/lib/dpkg/info/*.list`, one path a line) have the files.

use crate::base::{FastMap, FastSet, clean_path, parent};
use crate::fs::{Lookup, View};
use crate::layer::is_rpm_database;
use std::borrow::Cow;

/// dpkg's lists, by the metadata of Python distributions that they name.
#[derive(Default)]
pub(super) struct VendorLists<'a> {
    lists: FastMap<Cow<'a, [u8]>, &'a [u8]>,
    /// Directories that Alpine's apk owns (`F:` lines).
    apk: FastSet<&'a [u8]>,
    /// A `METADATA` in each such directory that rpm owns.
    rpm: FastSet<Vec<u8>>,
}

impl<'a> VendorLists<'a> {
    pub(super) fn new(view: &View<'a>) -> Self {
        let mut out = Self::default();
        for (path, _) in view.below(b"var/lib/dpkg/info").filter(|(path, _)| path.ends_with(b".list")) {
            let Some(list) = view.contents(path) else { continue };
            for line in paths(list) {
                let is_metadata = line.ends_with(b".dist-info/METADATA")
                    || line.ends_with(b".egg-info/PKG-INFO")
                    || line.ends_with(b".egg-info");
                if is_metadata {
                    out.lists.insert(line, list);
                }
            }
        }
        let mut lookup = Lookup::new(view);
        let rpm: [&[u8]; 3] = [b"var/lib/rpm", b"usr/lib/sysimage/rpm", b"usr/share/rpm"];
        let rpm = rpm.iter().flat_map(|dir| view.below(dir)).filter(|(path, _)| is_rpm_database(path));
        for database in rpm.filter_map(|(_, node)| crate::rpm::read(view.contents_of(node)?).ok()) {
            let dirs = database.packages.iter().flat_map(|package| &package.files);
            let dirs = dirs.map(|(dir, _)| dir.trim_end_matches('/'));
            let dirs = dirs.filter(|dir| dir.ends_with(".dist-info") || dir.ends_with(".egg-info"));
            out.rpm.extend(dirs.map(|dir| lookup.spell(&[&clean_path(dir.as_bytes())[..], b"/METADATA"].concat())));
        }
        let databases: [&[u8]; 2] = [b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];
        for database in databases.iter().filter_map(|path| view.contents(path)) {
            let dirs = database.split(|&b| b == b'\n').filter_map(|line| line.strip_prefix(b"F:"));
            out.apk.extend(dirs.filter(|dir| dir.ends_with(b".dist-info") || dir.ends_with(b".egg-info")));
        }
        out
    }

    /// Whether a package manager's list names this METADATA or PKG-INFO.
    pub(super) fn owns(&self, headers: &[u8]) -> bool {
        self.lists.contains_key(headers)
            || self.apk.contains(parent(headers))
            || self.rpm.contains(&[parent(headers), b"/METADATA"].concat())
    }

    /// The cleaned paths of the list that names this METADATA or PKG-INFO.
    pub(super) fn files_with(&self, headers: &[u8]) -> Option<impl Iterator<Item = Cow<'a, [u8]>> + use<'a>> {
        self.lists.get(headers).map(|list| paths(list))
    }
}

fn paths(list: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    list.split(|&b| b == b'\n').filter(|line| !line.is_empty()).map(|line| match line.strip_prefix(b"/") {
        Some(relative) => clean_path(relative),
        None => clean_path(line),
    })
}
