//! What becomes of packages that the plan has no use for.

use crate::base::{FastMap, FastSet, ImagePath, PackageId};
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of packages.
#[derive(Default)]
pub struct Removal {
    /// Those that go.
    pub gone: BTreeSet<PackageId>,
    /// Visible paths that go with them.
    pub paths: FastMap<ImagePath, PackageId>,
    /// Databases and caches, as they will be.
    pub changed: BTreeMap<ImagePath, Vec<u8>>,
    /// What stays although the plan has no use for it, and why.
    pub held: BTreeMap<PackageId, String>,
    /// Paths that packages which stay list, as they write them: these and folders among them stay.
    pub listed: FastSet<Vec<u8>>,
}
