//! Importable names, from the paths that a distribution has in its site directory.
//!
//! Source: the import system (docs.python.org/3/reference/import.html); PEP 420 for packages without
//! `__init__.py`; PEP 3149 for the tags in the names of extension modules.

use std::collections::{BTreeMap, BTreeSet};

/// Directories that some distributions spill beside their package by mistake.
const STRAY: [&str; 8] = ["tests", "test", "docs", "doc", "examples", "benchmarks", "scripts", "tools"];

/// The importable top-level names among paths relative to the site directory, sorted. Of a package without
/// `__init__.py` (a namespace, which others share) its children: `google.protobuf`. Names with a leading
/// underscore and stray `tests` and the like are given only where there is nothing else.
pub(super) fn importable<'p>(paths: impl Iterator<Item = &'p [u8]>) -> Vec<String> {
    let mut modules: BTreeSet<&str> = BTreeSet::new();
    let mut namespaces: BTreeMap<&str, Children<'_>> = BTreeMap::new();
    for path in paths {
        let mut parts = path.split(|&b| b == b'/');
        let (first, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let Some(second) = second else {
            modules.extend(module_name(first));
            continue;
        };
        let Some(package) = identifier(first) else { continue };
        let children = namespaces.entry(package).or_default();
        match (module_name(second), third) {
            (Some("__init__"), None) => children.regular = true,
            (Some(name), None) => _ = children.modules.insert(name),
            (None, None) => {}
            (_, Some(third)) => {
                let Some(child) = identifier(second) else { continue };
                let has_code = module_name(parts.next_back().unwrap_or(third)).is_some();
                if module_name(third) == Some("__init__") {
                    children.packages.insert(child);
                } else if has_code {
                    children.nested.insert(child);
                }
            }
        }
    }
    let mut names: BTreeSet<String> = modules.into_iter().map(str::to_owned).collect();
    for (package, children) in namespaces {
        if children.regular {
            names.insert(package.to_owned());
            continue;
        }
        let below = [children.packages, children.nested, children.modules].into_iter().find(|set| !set.is_empty());
        names.extend(below.into_iter().flatten().map(|child| format!("{package}.{child}")));
    }
    names.retain(|name| !name.starts_with("__"));
    let first_choice = |name: &String| !name.starts_with('_') && !STRAY.contains(&name.split('.').next().unwrap_or(""));
    if names.iter().any(first_choice) {
        names.retain(|name| first_choice(name));
    }
    names.into_iter().collect()
}

/// What stands in a directory at the top.
#[derive(Default)]
struct Children<'p> {
    /// It has an `__init__`.
    regular: bool,
    /// Its directories with an `__init__`.
    packages: BTreeSet<&'p str>,
    /// Its directories without one that have modules somewhere.
    nested: BTreeSet<&'p str>,
    /// Its modules.
    modules: BTreeSet<&'p str>,
}

/// `X` of `X.py`, `X.so`, `X.abi3.so`, `X.cpython-311-x86_64-linux-gnu.so`; not of `libX.so`.
fn module_name(file: &[u8]) -> Option<&str> {
    let file = std::str::from_utf8(file).ok()?;
    let stem = match file.strip_suffix(".py") {
        Some(stem) => stem,
        None => {
            let stem = file.strip_suffix(".so")?;
            let (name, tag) = stem.split_once('.').unwrap_or((stem, ""));
            let tagged = tag == "abi3" || tag.starts_with("cpython-") || tag.starts_with("pypy");
            if !(tagged || tag.is_empty() && !name.starts_with("lib")) {
                return None;
            }
            name
        }
    };
    identifier(stem.as_bytes())
}

fn identifier(name: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(name).ok()?;
    let mut chars = name.chars();
    let starts = chars.next().is_some_and(|c| c == '_' || c.is_alphabetic());
    (starts && name != "__pycache__" && chars.all(|c| c == '_' || c.is_alphanumeric())).then_some(name)
}
