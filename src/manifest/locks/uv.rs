//! `uv.lock`: a graph of packages with the URLs, sizes and digests of their files.

use super::{Pin, Pins, name, of_package, packages};
use crate::manifest::Artifact;
use crate::manifest::Choice;
use crate::manifest::Markers;
use crate::manifest::document::{Document, Node, Table};
use crate::manifest::normalize_name;
use crate::manifest::project::Project;
use crate::manifest::pylock::{file_of, without_secrets};
use std::collections::{BTreeMap, BTreeSet};

/// Reads a `uv.lock`. `project` is what its `pyproject.toml` says, which alone knows the default groups.
///
/// # Errors
///
/// What was expected, and where it was not found.
pub fn parse_uv_lock(
    content: &str,
    project: Option<&Project>,
    choice: &Choice,
    markers: &Markers,
) -> Result<Pins, String> {
    let document = Document::parse(content)?;
    let lock = document.root();
    if lock.get("version").and_then(Node::as_integer) != Some(1) {
        return Err("expected `version = 1` of uv's locks".into());
    }
    let packages = packages(lock)?;
    let names: Vec<String> = packages.iter().map(|package| name(*package)).collect::<Result<_, _>>()?;
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    names.iter().enumerate().for_each(|(at, name)| by_name.entry(normalize_name(name)).or_default().push(at));
    let mut walk =
        Walk { packages: &packages, by_name, markers: markers.clone(), seen: BTreeSet::new(), todo: Vec::new() };
    let wanted = choice.package.as_deref().or(project.map(|project| project.name.as_str()));
    let wanted = wanted.map(normalize_name).unwrap_or_default();
    let is_root = |at: &usize| place_of(packages[*at]).is_some_and(|(kind, place)| kind != "directory" && place == ".");
    let named = walk
        .by_name
        .get(&wanted)
        .and_then(|ats| ats.first().copied())
        .filter(|at| local_place(packages[*at]).is_some());
    let root = named.or_else(|| (0..packages.len()).find(|at| is_root(at)).filter(|_| choice.package.is_none()));
    if root.is_none()
        && let Some(unknown) = &choice.package
    {
        return Err(format!("expected a member of the workspace that it locks, found `{unknown}`"));
    }
    let default = project.and_then(|project| project.default_groups.clone()).unwrap_or_else(|| vec!["dev".into()]);
    let default: BTreeSet<String> = default.into_iter().collect();
    let roots = match root {
        Some(root) => walk.start(root, &names[root], choice, &default)?,
        None => walk.start_without_root(lock, choice, &default)?,
    };
    walk.run(&names)?;
    let reached: BTreeSet<usize> = walk.seen.iter().map(|(at, _)| *at).collect();
    let skip = |at: &usize| {
        Some(*at) == root && (choice.no_project || is_virtual(packages[*at]) || !choice.only_groups.is_empty())
    };
    let pins = reached.iter().filter(|at| !skip(at));
    let pins = pins.map(|&at| {
        pin(packages[at], &names[at], roots.contains(&at) || Some(at) == root)
            .map_err(|error| of_package(&names[at], error))
    });
    Ok(Pins::of(pins.collect::<Result<_, _>>()?, Vec::new()))
}

/// The folder of a workspace's member, as a `uv.lock` has it.
pub fn member_folder(lock: &str, wanted: &str) -> Option<String> {
    let document = Document::parse(lock).ok()?;
    let packages = document.root().list("package").into_iter().filter_map(Node::as_table);
    let is_it =
        |package: &Table<'_>| package.text("name").is_some_and(|name| normalize_name(name) == normalize_name(wanted));
    packages.filter(is_it).find_map(|package| local_place(package).map(str::to_owned))
}

struct Walk<'a> {
    packages: &'a [Table<'a>],
    by_name: BTreeMap<String, Vec<usize>>,
    markers: Markers,
    /// Packages with the extra that was followed; none for their own dependencies.
    seen: BTreeSet<(usize, Option<String>)>,
    todo: Vec<(usize, Option<String>)>,
}

impl<'a> Walk<'a> {
    /// Begins at the project. Returns what it asks for itself.
    fn start(
        &mut self,
        root: usize,
        name: &str,
        choice: &Choice,
        default: &BTreeSet<String>,
    ) -> Result<BTreeSet<usize>, String> {
        let package = self.packages[root];
        let of = |key: &str| package.table(key).map(Table::pairs).unwrap_or_default();
        let (optional, groups) = (of("optional-dependencies"), of("dev-dependencies"));
        let keys =
            |lists: &[(&str, Node<'_>)]| lists.iter().map(|(key, _)| normalize_name(key)).collect::<BTreeSet<_>>();
        let known = keys(&groups);
        let extras = choice.chosen_extras(optional.iter().map(|(key, _)| *key));
        let chosen = choice.chosen_groups("", default, &known);
        let unknown_extra = extras.iter().find(|extra| !keys(&optional).contains(*extra));
        let is_known = |group: &&String| group.is_empty() || known.contains(*group) || default.contains(*group);
        if let Some(unknown) = unknown_extra.or_else(|| chosen.iter().find(|group| !is_known(group))) {
            return Err(format!("expected an extra or a group that it locks, found `{unknown}`"));
        }
        self.declare_conflicts(name, &extras, &chosen);
        let mut lists = Vec::new();
        if choice.only_groups.is_empty() {
            lists.extend(package.get("dependencies"));
            lists.extend(chosen_of(optional, &extras));
            self.seen.insert((root, None));
        }
        lists.extend(chosen_of(groups, &chosen));
        self.lists(&lists)
    }

    /// Begins at the groups of a workspace that is no project, and at its members.
    fn start_without_root(
        &mut self,
        lock: Table<'a>,
        choice: &Choice,
        default: &BTreeSet<String>,
    ) -> Result<BTreeSet<usize>, String> {
        let manifest = lock.table("manifest");
        let groups = manifest.and_then(|manifest| manifest.table("dependency-groups"));
        let groups = groups.map(Table::pairs).unwrap_or_default();
        let known: BTreeSet<String> = groups.iter().map(|(key, _)| normalize_name(key)).collect();
        let chosen = choice.chosen_groups("", default, &known);
        let mut lists: Vec<Node<'_>> = manifest.and_then(|manifest| manifest.get("requirements")).into_iter().collect();
        lists.extend(chosen_of(groups, &chosen));
        let roots = self.lists(&lists)?;
        let members = manifest.map(|manifest| manifest.texts("members")).unwrap_or_default();
        for at in members
            .iter()
            .flat_map(|name| self.by_name.get(&normalize_name(name)).cloned().unwrap_or_default())
            .collect::<Vec<_>>()
        {
            self.visit(at, None);
        }
        Ok(roots)
    }

    /// uv writes which of conflicting extras and groups is meant as an extra of its own making.
    fn declare_conflicts(&mut self, name: &str, extras: &BTreeSet<String>, groups: &BTreeSet<String>) {
        let name = normalize_name(name);
        let encoded = |kind: &str, other: &String| format!("{kind}-{}-{name}-{other}", name.len());
        let all = extras.iter().map(|extra| encoded("extra", extra));
        let all: Vec<String> = all.chain(groups.iter().map(|group| encoded("group", group))).collect();
        self.markers.extras.extend(all);
    }

    fn lists(&mut self, lists: &[Node<'_>]) -> Result<BTreeSet<usize>, String> {
        let mut out = BTreeSet::new();
        for list in lists {
            for dependency in list.items() {
                out.extend(self.follow(dependency)?);
            }
        }
        Ok(out)
    }

    fn visit(&mut self, at: usize, extra: Option<String>) {
        if self.seen.insert((at, extra.clone())) {
            self.todo.push((at, extra));
        }
    }

    /// Follows an edge. Returns where it leads, if it applies.
    fn follow(&mut self, dependency: Node<'_>) -> Result<Option<usize>, String> {
        let Some(dependency) = dependency.as_table() else { return Err("expected a dependency to be a table".into()) };
        let marker = dependency.text("marker").unwrap_or_default();
        if !self.markers.hold(marker)? {
            return Ok(None);
        }
        let name = dependency.text("name").ok_or("expected a dependency to have a name")?;
        let same = |at: &&usize| {
            let package = self.packages[**at];
            let equal = |key: &str| {
                let same = |value: Node<'_>| package.get(key).is_some_and(|other| value.is_same(other));
                dependency.get(key).is_none_or(same)
            };
            equal("version") && equal("source") && self.applies(package)
        };
        let all = self.by_name.get(&normalize_name(name)).map(Vec::as_slice).unwrap_or_default();
        let Some(at) = all.iter().find(same).or(all.first()).copied() else {
            return Err(format!("expected a package `{}`, which another one requires", crate::base::Text::from(name)));
        };
        self.visit(at, None);
        for extra in dependency.texts("extra") {
            self.visit(at, Some(normalize_name(extra)));
        }
        Ok(Some(at))
    }

    /// Whether a package of several versions is the one of this platform.
    fn applies(&self, package: Table<'_>) -> bool {
        let forks = package.texts("resolution-markers");
        forks.is_empty() || forks.iter().any(|marker| self.markers.hold(marker).unwrap_or(true))
    }

    fn run(&mut self, names: &[String]) -> Result<(), String> {
        while let Some((at, extra)) = self.todo.pop() {
            let package = self.packages[at];
            let list = match &extra {
                None => package.get("dependencies"),
                Some(extra) => {
                    let optional = package.table("optional-dependencies").map(Table::pairs).unwrap_or_default();
                    optional.into_iter().find(|(key, _)| normalize_name(key) == *extra).map(|(_, list)| list)
                }
            };
            self.lists(&list.into_iter().collect::<Vec<_>>()).map_err(|error| of_package(&names[at], error))?;
        }
        Ok(())
    }
}

/// The lists of those names.
fn chosen_of<'a>(lists: Vec<(&'a str, Node<'a>)>, names: &BTreeSet<String>) -> impl Iterator<Item = Node<'a>> {
    lists.into_iter().filter(|(key, _)| names.contains(&normalize_name(key))).map(|(_, list)| list)
}

/// What kind of place a package comes from, and which.
fn place_of(package: Table<'_>) -> Option<(&str, &str)> {
    let source = package.table("source")?.pairs();
    source.into_iter().find_map(|(kind, place)| Some((kind, place.as_str()?)))
}

/// Where a package is a folder: the project, or a member of its workspace.
pub(in crate::manifest) fn local_place(package: Table<'_>) -> Option<&str> {
    place_of(package).filter(|(kind, _)| matches!(*kind, "virtual" | "editable" | "directory")).map(|(_, place)| place)
}

/// Whether there is nothing of a package to install.
fn is_virtual(package: Table<'_>) -> bool {
    place_of(package).is_some_and(|(kind, _)| kind == "virtual")
}

fn pin(package: Table<'_>, name: &str, requested: bool) -> Result<Pin, String> {
    let (kind, place) = place_of(package).ok_or("expected a source")?;
    let mut out =
        Pin { name: name.to_owned(), version: package.text("version").map(str::to_owned), requested, ..Pin::default() };
    let wheels = package.list("wheels");
    let files = wheels.iter().copied().chain(package.get("sdist")).filter_map(Node::as_table);
    out.files = files.filter_map(|file| artifact(file, (kind == "url").then_some(place))).collect();
    match kind {
        "git" => out.url = Some(format!("git+{place}")),
        "url" => out.url = Some(place.to_owned()),
        "path" | "directory" => out.path = Some(place.to_owned()),
        "editable" | "virtual" => (out.path, out.editable) = (Some(place.to_owned()), kind == "editable"),
        // A folder as an index: its files are named by their paths.
        "registry" if !place.contains("://") => {
            let first = wheels.iter().find_map(|file| file.as_table()?.text("path"));
            out.path = first.map(|file| format!("{place}/{file}"));
        }
        _ => {}
    }
    Ok(out)
}

fn artifact(file: Table<'_>, own: Option<&str>) -> Option<Artifact> {
    let url = file.text("url").or(own);
    let name = file.text("filename").or_else(|| file.text("path")).or(url)?;
    let (algorithm, digest) = file.text("hash").and_then(|hash| hash.split_once(':')).unwrap_or_default();
    let hashes = [(algorithm.to_owned(), digest.to_owned())].into_iter().filter(|(_, digest)| !digest.is_empty());
    Some(Artifact {
        file: file_of(name),
        url: url.filter(|url| url.starts_with("http")).map(without_secrets),
        size: file.get("size").and_then(Node::as_integer).and_then(|size| size.try_into().ok()),
        hashes: hashes.collect(),
    })
}
