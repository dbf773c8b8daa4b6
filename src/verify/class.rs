//! What differs in every rebuild: files that an installer, a package manager or an engine makes anew. They are compared by
//! class and counted, so that what was lost is not drowned by them. Known by what makes them, never by a directory alone: what
//! somebody put into `/var/cache` or `/var/log` is theirs.

use crate::base::{file_name, is_in_cache, is_within, parent};
use crate::facts::{is_package_manager_state, is_system_cache, is_system_log};
use crate::fs::View;
use crate::layer::EntryKind;
use crate::python::{EnvironmentKind, Inventory};
use serde::Serialize;

/// A kind of file that is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Bytecode whose source is there.
    Bytecode,
    /// What an installer of Python distributions writes: RECORD, INSTALLER, scripts in `bin`.
    Installer,
    /// The files of a virtual environment itself.
    Environment,
    /// Databases and lists of the system's package manager.
    PackageState,
    /// Caches of package managers.
    Cache,
    /// Logs of package managers and of the login.
    Log,
    /// Users and groups, which every package that has a user of its own changes.
    Accounts,
    /// Links of `update-alternatives`.
    Alternatives,
    /// Bundles and links that `update-ca-certificates` makes.
    Certificates,
    /// Documentation of OS packages, which slim images leave out.
    Documentation,
    /// What the engine puts there.
    Engine,
}

impl Class {
    /// In words, for several of them.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bytecode => "bytecode",
            Self::Installer => "installers' records and scripts",
            Self::Environment => "virtual environments' own files",
            Self::PackageState => "package managers' state",
            Self::Cache => "package managers' caches",
            Self::Log => "logs",
            Self::Accounts => "users and groups",
            Self::Alternatives => "alternatives",
            Self::Certificates => "certificate bundles",
            Self::Documentation => "documentation of OS packages",
            Self::Engine => "the engine's files",
        }
    }
}

const STATE: [&[u8]; 9] = [
    b"var/lib/dpkg",
    b"var/lib/apt",
    b"lib/apk/db",
    b"usr/lib/apk/db",
    b"var/lib/ucf",
    b"var/lib/systemd",
    b"etc/ld.so.cache",
    b"etc/machine-id",
    b"etc/apk/world",
];
const ACCOUNTS: [&[u8]; 6] = [b"etc/passwd", b"etc/group", b"etc/shadow", b"etc/gshadow", b"etc/subuid", b"etc/subgid"];
const ENGINE: [&[u8]; 9] = [
    b"proc",
    b"sys",
    b"dev",
    b"etc/hostname",
    b"etc/hosts",
    b"etc/resolv.conf",
    b"etc/mtab",
    b".dockerenv",
    b"etc/.pwd.lock",
];
/// Below `~/.cache`: what package managers alone read.
const USER_CACHES: [&[u8]; 8] = [b"pip", b"uv", b"pypoetry", b"pdm", b"pipenv", b"yarn", b"go-build", b"pre-commit"];
const DOCUMENTATION: [&[u8]; 6] = [
    b"usr/share/doc",
    b"usr/share/man",
    b"usr/share/info",
    b"usr/share/locale",
    b"usr/share/lintian",
    b"usr/share/doc-base",
];
/// Of a `.dist-info`: what says how it came to be there, and not what it is.
const RECORDS: [&[u8]; 7] =
    [b"RECORD", b"INSTALLER", b"REQUESTED", b"direct_url.json", b"WHEEL", b"uv_cache.json", b"uv_build.json"];

/// What is asked of a path, beside its name.
pub(super) struct Place<'a> {
    /// The tree that it is in.
    pub view: &'a View<'a>,
    /// That tree's distributions.
    pub python: &'a Inventory,
    /// Whether a Python distribution owns it.
    pub of_distribution: bool,
    /// Whether an OS package owns it.
    pub of_package: bool,
}

/// The class of a path, where it has one.
pub(super) fn class(path: &[u8], place: &Place<'_>) -> Option<Class> {
    let below = |dirs: &[&[u8]]| dirs.iter().any(|dir| is_within(path, dir));
    let name = file_name(path);
    Some(match () {
        () if is_bytecode(path, place.view) => Class::Bytecode,
        () if place.of_distribution && is_of_installer(path) => Class::Installer,
        () if is_scaffolding(path, place.python) => Class::Environment,
        () if below(&STATE) || is_note_of_conda(path) => Class::PackageState,
        () if is_system_cache(path) || is_user_cache(path) => Class::Cache,
        () if is_system_log(path) => Class::Log,
        // rpm's databases, and what dnf and zypper note, wherever a distribution has them.
        () if is_package_manager_state(path) => Class::PackageState,
        () if parent(path) == b"etc" && ACCOUNTS.contains(&path.strip_suffix(b"-").unwrap_or(path)) => Class::Accounts,
        () if below(&[b"etc/alternatives"]) || leads_to(path, place.view, b"/etc/alternatives/") => Class::Alternatives,
        () if path == b"etc/ssl/certs/ca-certificates.crt" || is_certificate_link(path, place.view) => {
            Class::Certificates
        }
        () if place.of_package && below(&DOCUMENTATION) && name != b"copyright" => Class::Documentation,
        () if below(&ENGINE) => Class::Engine,
        () => return None,
    })
}

/// PEP 3147, or the old place beside the source. Bytecode without a source is what is imported.
fn is_bytecode(path: &[u8], view: &View<'_>) -> bool {
    let Some(stem) = path.strip_suffix(b".pyc").or_else(|| path.strip_suffix(b".pyo")) else { return false };
    let source = match parent(path).strip_suffix(b"__pycache__") {
        Some(dir) => {
            let name = file_name(stem).split(|&byte| byte == b'.').next().unwrap_or_default();
            [dir, name, b".py"].concat()
        }
        None => [stem, b".py"].concat(),
    };
    view.get(&source).is_some()
}

/// What conda's installers note of an environment: a package's record, which each of them writes in its own way, and what
/// was done when.
fn is_note_of_conda(path: &[u8]) -> bool {
    let name = file_name(path);
    file_name(parent(path)) == b"conda-meta" && (name == b"history" || name.ends_with(b".json"))
}

fn is_of_installer(path: &[u8]) -> bool {
    let (dir, name) = (parent(path), file_name(path));
    // virtualenv notes beside the metadata what it has put there.
    let is_seed_note = name.ends_with(b".virtualenv") && file_name(dir) == b"site-packages";
    (dir.ends_with(b".dist-info") && RECORDS.contains(&name)) || file_name(dir) == b"bin" || is_seed_note
}

/// What `python -m venv`, virtualenv and uv put into an environment.
fn is_scaffolding(path: &[u8], python: &Inventory) -> bool {
    let mut environments =
        python.environments.iter().filter(|environment| environment.kind == EnvironmentKind::Virtual);
    environments.any(|environment| {
        let prefix = environment.prefix.as_bytes();
        let Some(inside) = path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(b"/")) else { return false };
        let program = inside.strip_prefix(b"bin/").unwrap_or_default();
        let starts = |words: &[&[u8]]| words.iter().any(|word| program.starts_with(word));
        let own: [&[u8]; 5] = [b"pyvenv.cfg", b"lib64", b".gitignore", b".lock", b"CACHEDIR.TAG"];
        own.contains(&inside) || starts(&[b"activate", b"Activate", b"deactivate", b"python", b"pip", b"pydoc"])
    })
}

fn is_user_cache(path: &[u8]) -> bool {
    let mut parts = path.split(|&byte| byte == b'/');
    while let Some(part) = parts.next() {
        match part {
            b"_cacache" => return true,
            b".cache" => return is_in_cache(path) && parts.next().is_some_and(|cache| USER_CACHES.contains(&cache)),
            _ => {}
        }
    }
    false
}

fn leads_to(path: &[u8], view: &View<'_>, dir: &[u8]) -> bool {
    let entry = view.get(path).map(|node| view.entry(node.entry));
    entry.is_some_and(|entry| {
        entry.kind == EntryKind::Symlink && entry.link.as_deref().is_some_and(|link| link.starts_with(dir))
    })
}

/// `/etc/ssl/certs/NAME.pem` leads to a package's certificate, `HASH.0` to that link. A certificate that somebody put there
/// is a file, or leads elsewhere.
fn is_certificate_link(path: &[u8], view: &View<'_>) -> bool {
    if parent(path) != b"etc/ssl/certs" {
        return false;
    }
    let first = view.get(path).map(|node| view.entry(node.entry)).and_then(|entry| entry.link.as_deref());
    let packaged = |link: &[u8]| link.starts_with(b"/usr/share/ca-certificates/");
    first.is_some_and(|link| {
        packaged(link)
            || (!link.contains(&b'/')
                && leads_to(&[b"etc/ssl/certs/", link].concat(), view, b"/usr/share/ca-certificates/"))
    })
}
