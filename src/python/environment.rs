//! Python environments: prefixes with a `site-packages` or `dist-packages` directory.

use super::interpreter::{
    from_environment_variable, from_os_package, full_version, minor_of_name, minor_version, parse_pyvenv,
};
use super::scan::Scan;
use crate::base::{ImagePath, file_name, is_within, join, parent};
use crate::fs::View;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// The prefix: `/usr/local`, `/opt/venv`, `/root/.local`.
    pub prefix: ImagePath,
    /// Its directories with distributions, sorted: `/usr/local/lib/python3.11/site-packages`.
    pub site_dirs: Vec<ImagePath>,
    /// `(3, 11)` where the path or `pyvenv.cfg` tells.
    pub python: Option<(u32, u32)>,
    /// `3.11.7` where `pyvenv.cfg`, the image's `PYTHON_VERSION` or the interpreter's package tells.
    pub python_full: Option<String>,
    /// What kind.
    pub kind: EnvironmentKind,
    /// The interpreter that imports from it, behind all links, where the image has one of its own for it:
    /// `/usr/local/bin/python3.11`, `/root/.local/share/uv/python/cpython-3.12.4-linux-x86_64-gnu/bin/python3.12`.
    pub interpreter: Option<ImagePath>,
    /// The other environments that its interpreter imports from too, as positions in
    /// [`super::Inventory::environments`], in the order in which they are looked at after its own.
    pub sees: Vec<usize>,
}

/// Kinds of environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvironmentKind {
    /// That of an interpreter which no distribution packs: `/usr/local/lib/pythonX.Y/site-packages`, the same below a prefix of
    /// pyenv's or uv's; and Debian's `/usr/local/lib/pythonX.Y/dist-packages`.
    System,
    /// The distribution's own: `/usr/lib/python3/dist-packages`, `/usr/lib/pythonX.Y/site-packages`.
    Vendor,
    /// A virtual environment (`pyvenv.cfg`).
    Virtual,
    /// `~/.local`.
    User,
    /// conda (`conda-meta`).
    Conda,
    /// Any other directory (`pip install --target`, a vendored tree).
    Other,
}

/// Two Pythons below one prefix are two environments.
type PrefixAndPython<'p> = (&'p [u8], Option<(u32, u32)>);

/// The environments of an image, sorted by prefix and version, and the environment of each site directory.
pub(super) fn discover(view: &View<'_>, scan: &Scan<'_>) -> (Vec<Environment>, BTreeMap<Vec<u8>, usize>) {
    let used: BTreeSet<&[u8]> = scan.installed.iter().map(|found| found.site_dir()).collect();
    let used: BTreeSet<&[u8]> = used.into_iter().chain(scan.egg_links.iter().map(|link| parent(link))).collect();
    let mut groups: BTreeMap<PrefixAndPython<'_>, BTreeSet<&[u8]>> = BTreeMap::new();
    for dir in &scan.site_dirs {
        let (prefix, python) = split_site_dir(dir);
        if used.contains(dir) || scan.virtual_prefixes.contains(prefix) {
            groups.entry((prefix, python)).or_default().insert(dir);
        }
    }
    for prefix in &scan.virtual_prefixes {
        if !groups.keys().any(|(other, _)| other == prefix) {
            groups.insert((prefix, None), BTreeSet::new());
        }
    }
    let mut environments: Vec<Environment> = Vec::new();
    let mut by_dir = BTreeMap::new();
    for ((prefix, python), dirs) in &groups {
        by_dir.extend(dirs.iter().map(|dir| (dir.to_vec(), environments.len())));
        environments.push(environment(view, scan, prefix, *python, dirs));
    }
    for position in 0..environments.len() {
        environments[position].sees = seen_from(view, &environments, position);
    }
    (environments, by_dir)
}

fn environment(
    view: &View<'_>,
    scan: &Scan<'_>,
    prefix: &[u8],
    python: Option<(u32, u32)>,
    dirs: &BTreeSet<&[u8]>,
) -> Environment {
    let own = own_interpreter(view, prefix, python);
    let kind = kind_of(scan, prefix, dirs, own.is_some());
    let settings = if kind == EnvironmentKind::Virtual { pyvenv(view, prefix) } else { BTreeMap::new() };
    let stated = settings.get("version_info").or_else(|| settings.get("version"));
    let stated_minor = stated.and_then(|version| minor_version(version));
    let interpreter = || view.resolve(b"usr/bin/python3").and_then(|path| minor_of_name(file_name(&path)));
    let vendor = || (kind == EnvironmentKind::Vendor).then(interpreter).flatten();
    let python = python.or(stated_minor).or_else(vendor);
    let stated = stated.and_then(|version| full_version(version));
    let in_path = prefix.split(|&b| b == b'/').rev().find_map(version_in_name);
    let by_variable = || from_environment_variable(view).filter(|_| kind != EnvironmentKind::Vendor);
    let by_package = || python.and_then(|python| from_os_package(view, python));
    let fits = |full: &String| python.is_none() || minor_version(full) == python;
    let python_full = stated
        .filter(fits)
        .or_else(|| in_path.filter(fits))
        .or_else(|| by_variable().filter(fits))
        .or_else(|| by_package().filter(fits));
    Environment {
        prefix: ImagePath::new(prefix),
        site_dirs: dirs.iter().map(|dir| ImagePath::new(dir)).collect(),
        python: python.or_else(|| python_full.as_deref().and_then(minor_version)),
        python_full,
        kind,
        interpreter: match kind {
            EnvironmentKind::Virtual => virtual_interpreter(view, prefix, &settings),
            _ => own,
        },
        sees: Vec::new(),
    }
}

/// `bin/pythonX.Y` of a prefix, behind all links.
fn own_interpreter(view: &View<'_>, prefix: &[u8], python: Option<(u32, u32)>) -> Option<ImagePath> {
    let (major, minor) = python?;
    let names = [format!("bin/python{major}.{minor}"), format!("bin/python{major}.{minor}t")];
    names.iter().find_map(|name| view.resolve(&join(prefix, name.as_bytes()))).map(|real| ImagePath::new(&real))
}

/// What a virtual environment's `bin/python` leads to; where that leads nowhere, what its `home` has.
fn virtual_interpreter(view: &View<'_>, prefix: &[u8], settings: &BTreeMap<String, String>) -> Option<ImagePath> {
    let names = [&b"bin/python"[..], b"bin/python3"];
    let by_link = names.iter().find_map(|name| view.resolve(&join(prefix, name)));
    let by_home = || {
        let home = ImagePath::from(settings.get("home")?.as_str());
        [&b"python3"[..], b"python"].iter().find_map(|name| view.resolve(home.join(name).as_bytes()))
    };
    by_link.or_else(by_home).map(|real| ImagePath::new(&real))
}

fn kind_of(scan: &Scan<'_>, prefix: &[u8], dirs: &BTreeSet<&[u8]>, has_interpreter: bool) -> EnvironmentKind {
    let is_standard = dirs.iter().any(|dir| *dir != prefix);
    match prefix {
        _ if scan.virtual_prefixes.contains(prefix) => EnvironmentKind::Virtual,
        _ if scan.conda_prefixes.contains(prefix) => EnvironmentKind::Conda,
        b"usr/local" if is_standard => EnvironmentKind::System,
        b"usr" | b"" if is_standard => EnvironmentKind::Vendor,
        _ if is_standard && has_interpreter => EnvironmentKind::System,
        _ if file_name(prefix) == b".local" => EnvironmentKind::User,
        _ => EnvironmentKind::Other,
    }
}

/// `3.11.7` of uv's `cpython-3.11.7-linux-x86_64-gnu` and pyenv's `3.11.7`.
fn version_in_name(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let name = name.strip_prefix("cpython-").unwrap_or(name);
    full_version(name.split('-').next().unwrap_or(name))
}

fn pyvenv(view: &View<'_>, prefix: &[u8]) -> BTreeMap<String, String> {
    view.contents(ImagePath::new(prefix).join(b"pyvenv.cfg").as_bytes()).map(parse_pyvenv).unwrap_or_default()
}

/// The prefix of a site directory and the Python that its path tells; the directory itself where it is none
/// of the standard layouts.
fn split_site_dir(dir: &[u8]) -> PrefixAndPython<'_> {
    let standard = matches!(file_name(dir), b"site-packages" | b"dist-packages");
    let versioned = parent(dir);
    let library = parent(versioned);
    let python = minor_of_name(file_name(versioned));
    let is_layout = standard && (python.is_some() || file_name(versioned) == b"python3");
    if is_layout && matches!(file_name(library), b"lib" | b"lib64") { (parent(library), python) } else { (dir, None) }
}

/// What the interpreter of an environment imports from besides.
fn seen_from(view: &View<'_>, all: &[Environment], position: usize) -> Vec<usize> {
    let from = &all[position];
    let of_kind = |kind: EnvironmentKind| {
        let fits = move |other: &Environment| {
            other.kind == kind && (other.python.is_none() || from.python.is_none() || other.python == from.python)
        };
        (0..all.len()).filter(move |&other| other != position && fits(&all[other]))
    };
    let vendor = || of_kind(EnvironmentKind::Vendor);
    let system = || of_kind(EnvironmentKind::System);
    let shares_vendor = |system: &Environment| !has_own_interpreter(view, system);
    match from.kind {
        EnvironmentKind::System if shares_vendor(from) => vendor().collect(),
        EnvironmentKind::System | EnvironmentKind::Conda => Vec::new(),
        EnvironmentKind::Vendor => system().filter(|&other| shares_vendor(&all[other])).collect(),
        EnvironmentKind::User | EnvironmentKind::Other => system().chain(vendor()).collect(),
        EnvironmentKind::Virtual => {
            let settings = pyvenv(view, from.prefix.as_bytes());
            let includes =
                settings.get("include-system-site-packages").is_some_and(|value| value.eq_ignore_ascii_case("true"));
            let home = settings.get("home").map(|home| ImagePath::from(home.as_str())).unwrap_or_default();
            let below_local = is_within(home.as_bytes(), b"usr/local");
            let usable = |other: &usize| all[*other].kind == EnvironmentKind::System || !below_local;
            if includes { system().chain(vendor()).filter(usable).collect() } else { Vec::new() }
        }
    }
}

/// Whether `/usr/local` has a Python of its own, as the official Python images do; otherwise its
/// `dist-packages` belong to the operating system's Python.
fn has_own_interpreter(view: &View<'_>, system: &Environment) -> bool {
    let name = system.python.map_or("python3".to_owned(), |(major, minor)| format!("python{major}.{minor}"));
    view.get(system.prefix.join(b"bin").join(name.as_bytes()).as_bytes()).is_some()
}
