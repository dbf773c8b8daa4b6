//! What plans and edits do by themselves, and the rules that they do it for. Nowhere else in the program is a rule named.

/// Bytes that later layers hide are not written at all.
pub const HIDDEN: &str = "deleted-bytes";
/// Files have the right owner and mode at once.
pub const REWRITTEN: &str = "rewritten-bytes";
/// What lost files is installed again, whole.
pub const BROKEN: &str = "broken-distribution";
/// Packages to build with are not installed, or in another stage.
pub const COMPILERS: &str = "compilers";
/// The package manager's lists and archives stay out of the layers.
pub const PACKAGE_LISTS: &str = "apt-lists-and-cache";
/// What installers download stays out of the layers.
pub const DOWNLOADS: &str = "pip-cache";

/// The rules of this table.
pub const FOR_RULES: [&str; 6] = [HIDDEN, REWRITTEN, BROKEN, COMPILERS, PACKAGE_LISTS, DOWNLOADS];

/// OS packages that nothing needs are not installed.
pub const UNUSED_PACKAGES: &str = "unused-packages";
/// Distributions that nothing needs any more are not installed.
pub const UNUSED_CLOSURE: &str = "unused-closure";
/// A new build leaves behind what was made in the original, and makes again what it needs.
pub const REBUILD: &str = "rebuild";

/// A command of the plan's text is not predicted, and may bring what the original has there: no saving.
pub const UNKNOWN: &str = "unknown";
/// Another image takes the place of the base.
pub const OTHER_BASE: &str = "other-base";

/// A reason of the plan's own, which no rule describes and no option leaves out.
#[derive(Debug)]
pub struct OwnReason {
    /// Its name, where reports have a rule's id.
    pub id: &'static str,
    /// What the plan does, `{}` for names.
    pub action: &'static str,
    /// Why, for `explain`.
    pub why: &'static str,
}

/// All of them.
pub const OWN_REASONS: [OwnReason; 5] = [
    OwnReason {
        id: UNUSED_PACKAGES,
        action: "without OS packages that nothing kept depends on: {}",
        why: "Nobody asked for these packages of the system, and nothing that stays depends on them or is linked with \
              them. Build tools pulled them in, or they are recommended and of no use to a service.",
    },
    OwnReason {
        id: UNUSED_CLOSURE,
        action: "drop {}: nothing that stays requires them",
        why: "Only distributions that the plan drops or replaces required these, and nobody asked for them by name.",
    },
    OwnReason {
        id: OTHER_BASE,
        action: "build on the base that was named, without {}",
        why: "The image that --base names takes the place of the one that the original was built on. What only the old one \
              had goes, but for packages that something which stays is linked with: these are installed.",
    },
    OwnReason {
        id: UNKNOWN,
        action: "not predicted, and no saving: {}",
        why: "A command of the plan's Dockerfile cannot be predicted, and may bring again what the original has there. The \
              prediction is without these bytes: the image may be larger by them.",
    },
    OwnReason {
        id: REBUILD,
        action: "leave behind what no package owns: {}",
        why: "A new build does not have what tools left in the original: logs, databases, bytecode, files that scripts of \
              packages make. What of it is needed is made again.",
    },
];

/// A reason of the plan's own, by its id.
pub fn own_reason(id: &str) -> Option<&'static OwnReason> {
    OWN_REASONS.iter().find(|reason| reason.id == id)
}
