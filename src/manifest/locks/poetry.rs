//! `poetry.lock`. Since its version 2.1 each package says in which groups it is and when; before, only the project's
//! own file knows the groups, and the edges lead from there.

use super::{Pin, Pins, hashes, name, of_package, packages};
use crate::manifest::Choice;
use crate::manifest::Markers;
use crate::manifest::document::{Document, Node, Table};
use crate::manifest::normalize_name;
use crate::manifest::project::{Dependency, Project, Source, poetry_alternatives};
use crate::manifest::{Requirement, parse_requirement_line};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What Poetry calls the project's own dependencies.
const MAIN: &str = "main";

/// Reads a `poetry.lock`. `project` is what its `pyproject.toml` says.
///
/// # Errors
///
/// What was expected, and where it was not found.
pub fn parse_poetry_lock(
    content: &str,
    project: Option<&Project>,
    choice: &Choice,
    markers: &Markers,
) -> Result<Pins, String> {
    let document = Document::parse(content)?;
    let lock = document.root();
    let packages = packages(lock)?;
    let extras = lock.table("extras").map(Table::pairs).unwrap_or_default();
    let mut markers = markers.clone();
    markers.extras = choice.chosen_extras(extras.iter().map(|(name, _)| *name));
    let has_groups = packages.iter().any(|package| package.get("groups").is_some());
    let mut known: BTreeSet<String> = project.into_iter().flat_map(|project| project.groups.keys().cloned()).collect();
    for package in &packages {
        known.extend(package.texts("groups").into_iter().map(normalize_name));
        known.extend(package.text("category").map(normalize_name));
    }
    let is_default =
        |group: &&String| *group != MAIN && project.is_none_or(|project| !project.optional_groups.contains(*group));
    let default: BTreeSet<String> = known.iter().filter(is_default).cloned().collect();
    let groups = choice.chosen_groups(MAIN, &default, &known);
    let mut notes = Vec::new();
    let asked = asked(project, &groups, &markers.extras);
    let sources = Sources { project, markers: &markers };
    let chosen = if has_groups {
        let found = by_groups(&packages, &groups, &markers)?;
        // What only another extra leads to has the same groups. Only who knows all that is asked for can tell it apart.
        match project.filter(|project| project.not_predicted.is_empty() && !asked.is_empty()) {
            Some(_) => {
                let reached = by_edges(&packages, &found, &asked, &sources)?;
                found.into_iter().filter(|at| reached.contains(at)).collect()
            }
            None => found,
        }
    } else if project.is_some_and(|project| !asked.is_empty() || project.dependencies.is_empty()) {
        let all: Vec<usize> = (0..packages.len()).collect();
        by_edges(&packages, &all, &asked, &sources)?.into_iter().collect()
    } else {
        notes.push(
            "the lock does not say which groups its packages belong to, and there is no pyproject.toml beside it: all count"
                .into(),
        );
        by_category(&packages, &groups)
    };
    let asked: BTreeSet<String> = asked.iter().map(|(requirement, _)| requirement.normalized()).collect();
    let mut pins = Vec::new();
    for at in chosen {
        pins.push(pin(packages[at], lock, &asked)?);
    }
    Ok(Pins::of(pins, notes))
}

/// What the project itself asks for in some groups.
fn asked(project: Option<&Project>, groups: &BTreeSet<String>, extras: &BTreeSet<String>) -> Vec<Dependency> {
    let Some(project) = project else { return Vec::new() };
    let main = groups.contains(MAIN).then_some(&project.dependencies).into_iter().flatten();
    let of_extras = project.extras.iter().filter(|(name, _)| extras.contains(*name)).flat_map(|(_, list)| list);
    let of_groups = project.groups.iter().filter(|(name, _)| groups.contains(*name)).flat_map(|(_, list)| list);
    main.chain(of_extras).chain(of_groups).cloned().collect()
}

/// By the groups and the marker that each package has: one for all groups, or one for each.
fn by_groups(packages: &[Table<'_>], groups: &BTreeSet<String>, markers: &Markers) -> Result<Vec<usize>, String> {
    let mut out = Vec::new();
    for (at, package) in packages.iter().enumerate() {
        let own = package.texts("groups").into_iter().map(normalize_name).filter(|group| groups.contains(group));
        let mut holds = false;
        for group in own {
            let each = package.table("markers").map(Table::pairs).unwrap_or_default();
            let own = each.into_iter().find(|(name, _)| normalize_name(name) == group);
            let marker = package.text("markers").or_else(|| own?.1.as_str()).unwrap_or_default();
            let name = package.text("name").unwrap_or_default();
            holds |= markers.hold(marker).map_err(|error| of_package(name, error))?;
        }
        if holds {
            out.push(at);
        }
    }
    Ok(out)
}

/// All that are not optional; those for development only where `dev` is chosen.
fn by_category(packages: &[Table<'_>], groups: &BTreeSet<String>) -> Vec<usize> {
    let counts = |package: Table<'_>| {
        let category = package.text("category").map_or_else(|| MAIN.to_owned(), normalize_name);
        groups.contains(&category) && package.flag("optional") != Some(true)
    };
    (0..packages.len()).filter(|at| counts(packages[*at])).collect()
}

/// By following the edges from what the project asks for, among some of the packages.
fn by_edges(
    packages: &[Table<'_>],
    among: &[usize],
    asked: &[Dependency],
    sources: &Sources<'_>,
) -> Result<BTreeSet<usize>, String> {
    let markers = sources.markers;
    let mut walk = Walk { packages, sources, by_name: BTreeMap::new(), chosen: BTreeMap::new() };
    for &at in among {
        walk.by_name.entry(normalize_name(&name(packages[at])?)).or_default().push(at);
    }
    let mut seen: BTreeSet<(usize, Option<String>)> = BTreeSet::new();
    let mut todo: VecDeque<Vec<Requirement>> = asked.iter().map(|(requirement, _)| vec![requirement.clone()]).collect();
    // Where several versions would do, another requirement may yet say which.
    let mut open: VecDeque<Vec<Requirement>> = VecDeque::new();
    while let Some(alternatives) = todo.pop_front().or_else(|| open.pop_front()) {
        let decides = todo.is_empty();
        let mut holding = Vec::new();
        for one in alternatives {
            if markers.hold(&one.marker)? {
                holding.push(one);
            }
        }
        let Some(first) = holding.first() else { continue };
        let Some(at) = walk.choose(&holding, decides) else {
            if !decides {
                open.push_back(holding);
            }
            continue;
        };
        for extra in first.extras.iter().map(|extra| Some(normalize_name(extra))).chain([None]) {
            if seen.insert((at, extra.clone())) {
                todo.extend(edges(packages[at], extra.as_deref()));
            }
        }
    }
    Ok(seen.into_iter().map(|(at, _)| at).collect())
}

/// Which of its sources a project takes a package from, where it says so.
struct Sources<'a> {
    project: Option<&'a Project>,
    markers: &'a Markers,
}

impl Sources<'_> {
    /// Whether a locked package is from a source that counts.
    fn has(&self, name: &str, package: Table<'_>) -> bool {
        let named = self.project.and_then(|project| project.poetry_sources.get(name)).into_iter().flatten();
        let holds = |source: &&Source| self.markers.hold(&source.marker).unwrap_or(true);
        let mut named = named.filter(holds).filter_map(|source| source.index.as_deref()).peekable();
        let own = package.table("source").and_then(|source| source.text("reference"));
        named.peek().is_none()
            || named.any(|name| own.map_or_else(|| normalize_name(name) == "pypi", |own| own == name))
    }
}

/// Which of several versions of a package is installed: one of each, of which requirements that allow no other say which.
struct Walk<'a> {
    packages: &'a [Table<'a>],
    sources: &'a Sources<'a>,
    by_name: BTreeMap<String, Vec<usize>>,
    chosen: BTreeMap<String, usize>,
}

impl Walk<'_> {
    fn choose(&mut self, alternatives: &[Requirement], decides: bool) -> Option<usize> {
        let name = alternatives.first()?.normalized();
        let all = self.by_name.get(&name)?;
        let version = |at: usize| self.packages[at].text("version").unwrap_or_default();
        let fits = |at: &usize| alternatives.iter().any(|one| fits(one, version(*at)));
        let mut fitting: Vec<usize> = all.iter().copied().filter(fits).collect();
        let is_told = |at: &usize| self.sources.has(&name, self.packages[*at]);
        if fitting.iter().any(is_told) {
            fitting.retain(is_told);
        }
        let known = self.chosen.get(&name).copied().filter(|at| fitting.contains(at));
        let newest = || fitting.iter().copied().max_by_key(|at| version(*at).parse::<pep440_rs::Version>().ok());
        let found = match fitting.as_slice() {
            [] => all.first().copied(),
            [one] => Some(*one),
            _ => known.or_else(|| newest().filter(|_| decides)),
        }?;
        self.chosen.entry(name).or_insert(found);
        Some(found)
    }
}

fn fits(requirement: &Requirement, version: &str) -> bool {
    let specifiers = requirement.specifiers.parse::<pep440_rs::VersionSpecifiers>();
    let version = version.parse::<pep440_rs::Version>();
    specifiers.ok().zip(version.ok()).is_none_or(|(specifiers, version)| specifiers.contains(&version))
}

/// What a package requires, or what one of its extras adds; of each the alternatives.
fn edges(package: Table<'_>, extra: Option<&str>) -> Vec<Vec<Requirement>> {
    let dependencies = package.table("dependencies").map(Table::pairs).unwrap_or_default();
    let Some(extra) = extra else {
        let is_optional = |value: &Node<'_>| value.as_table().and_then(|table| table.flag("optional")) == Some(true);
        let all = dependencies.into_iter().flat_map(|(name, value)| {
            value.each().into_iter().filter(|value| !is_optional(value)).map(move |value| (name, value))
        });
        return all.map(|(name, value)| poetry_alternatives(name, value)).collect();
    };
    let extras = package.table("extras").map(Table::pairs).unwrap_or_default().into_iter();
    let listed = extras.filter(|(name, _)| normalize_name(name) == extra).flat_map(|(_, list)| list.texts());
    // Poetry writes `name (>=1 || >=2)`, too: where it leads is its name.
    let one = |line: &str| {
        let name = line.split([' ', '(', '[', ';', '<', '>', '=', '!', '~']).next().unwrap_or_default();
        let plain = || parse_requirement_line(name).ok();
        vec![parse_requirement_line(line).ok().or_else(plain).unwrap_or_default()]
    };
    listed.map(one).collect()
}

fn pin(package: Table<'_>, lock: Table<'_>, asked: &BTreeSet<String>) -> Result<Pin, String> {
    let name = name(package)?;
    let mut out = Pin { version: package.text("version").map(str::to_owned), ..Pin::default() };
    out.hashes = hashes(package.get("files"));
    if out.hashes.is_empty() {
        // Before 2.0 they stood at the end.
        let all = lock.table("metadata").and_then(|metadata| metadata.table("files"));
        out.hashes = hashes(all.and_then(|all| all.get(&name)));
    }
    out.requested = asked.contains(&normalize_name(&name));
    if let Some(source) = package.table("source") {
        let url = source.text("url").unwrap_or_default().to_owned();
        match source.text("type").unwrap_or_default() {
            "git" | "hg" | "svn" => out.url = Some(format!("git+{url}")),
            "url" => out.url = Some(url),
            "file" => out.path = Some(url),
            "directory" => {
                out.editable = package.flag("develop").unwrap_or(false);
                out.path = Some(url);
            }
            _ => out.index = Some(url).filter(|url| url.contains("://")),
        }
    }
    out.name = name;
    Ok(out)
}
