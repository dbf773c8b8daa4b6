//! A project's own dependencies, read from its `pyproject.toml` without running anything of it: `[project]` (PEP 621),
//! `[dependency-groups]` (PEP 735), and the tables of Poetry, PDM and uv from before these.
//!
//! What a build backend would have to compute (`dynamic`) is told to be unknown, never guessed.
//!
//! Source: <https://packaging.python.org/en/latest/specifications/pyproject-toml/>,
//! <https://packaging.python.org/en/latest/specifications/dependency-groups/>,
//! <https://python-poetry.org/docs/dependency-specification/>

use super::document::{Document, Node, Table};
use super::{Markers, Requirement, normalize_name, parse_requirement_line, shown};
use std::collections::{BTreeMap, BTreeSet};
use toml::Value;

/// How deep groups may include one another.
const DEEPEST: usize = 16;

/// Dependencies of a group with those that it includes.
const MAX_GROUP: usize = 10_000;

/// Problems after which a group is not read further.
const MAX_PROBLEMS: usize = 1_000;

/// A dependency with the line that it stands in, from 1.
pub type Dependency = (Requirement, usize);

/// What a `pyproject.toml` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// Its name; empty if it tells none.
    pub name: String,
    /// Its version, if that is no business of a build backend.
    pub version: Option<String>,
    /// What it always needs.
    pub dependencies: Vec<Dependency>,
    /// What its extras need, by normalized name.
    pub extras: BTreeMap<String, Vec<Dependency>>,
    /// What its groups need, by normalized name; what they include is in it.
    pub groups: BTreeMap<String, Vec<Dependency>>,
    /// Groups that are not installed by default: Poetry's optional ones.
    pub optional_groups: BTreeSet<String>,
    /// uv's default groups, if it names some.
    pub default_groups: Option<Vec<String>>,
    /// What is not predicted, and why.
    pub not_predicted: Vec<(String, String)>,
    /// Whether it is a package that is installed itself.
    pub is_package: bool,
    /// uv's settings for it (`[tool.uv]`).
    pub settings: Settings,
    /// Where uv takes its dependencies from (`[tool.uv.sources]`), by normalized name.
    pub sources: BTreeMap<String, Vec<Source>>,
    /// Which of its sources Poetry takes a dependency from (`source` in `[tool.poetry.dependencies]`), by normalized name.
    pub poetry_sources: BTreeMap<String, Vec<Source>>,
    /// What could not be read.
    pub problems: Vec<ProjectError>,
}

/// Where uv takes a dependency from, and when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// The one extra that it is for.
    pub extra: Option<String>,
    /// The one group that it is for.
    pub group: Option<String>,
    /// When it applies; empty for always.
    pub marker: String,
    /// The name of the index that has it.
    pub index: Option<String>,
    /// The URL or path that it comes from; empty if from an index.
    pub from: String,
    /// Whether it is installed as an editable one.
    pub editable: bool,
}

/// What a list of dependencies belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'n> {
    /// The project's own.
    Own,
    /// An extra's.
    Extra(&'n str),
    /// A group's.
    Group(&'n str),
}

impl Source {
    /// Whether it is for a list, and for the platform.
    pub(crate) fn applies(&self, part: Part<'_>, markers: &Markers) -> bool {
        let named = |own: &Option<String>, name: Option<&str>| own.as_deref().is_none_or(|own| Some(own) == name);
        let (extra, group) = match part {
            Part::Own => (None, None),
            Part::Extra(name) => (Some(name), None),
            Part::Group(name) => (None, Some(name)),
        };
        named(&self.extra, extra) && named(&self.group, group) && markers.hold(&self.marker).unwrap_or(true)
    }
}

/// uv's settings, as far as they count here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Indexes, as written, without what is not about where they are.
    pub indexes: Vec<Value>,
    /// `constraint-dependencies`.
    pub constraints: Vec<Dependency>,
    /// `override-dependencies`.
    pub overrides: Vec<Dependency>,
}

/// What is wrong with a `pyproject.toml`: line from 1 (0 for none), what was expected, what was found.
pub type ProjectError = (usize, String, String);

/// Reads a `uv.toml`.
///
/// # Errors
///
/// It is no TOML, or a requirement in it is none.
pub fn parse_settings(text: &str) -> Result<Settings, ProjectError> {
    let (document, error) = Document::read(text);
    let mut reader = Reader::new(error);
    let settings = reader.settings(document.root());
    reader.out.problems.into_iter().next().map_or(Ok(settings), Err)
}

/// Reads a `pyproject.toml`.
///
/// # Errors
///
/// It is no TOML, or a requirement in it is none.
pub fn parse_project(text: &str) -> Result<Project, ProjectError> {
    let project = read_project(text);
    match project.problems.first() {
        Some(problem) => Err(problem.clone()),
        None => Ok(project),
    }
}

/// What of a `pyproject.toml` can be read; [`Project::problems`] has the rest.
pub fn read_project(text: &str) -> Project {
    let (document, error) = Document::read(text);
    let mut reader = Reader::new(error);
    reader.all(document.root());
    reader.out
}

/// The sources that a project names for one dependency.
fn sources(name: &str, value: Node<'_>) -> Vec<Source> {
    let one = |table: Table<'_>| {
        let git = table.text("git").map(|url| format!("git+{url}"));
        let member = (table.flag("workspace") == Some(true)).then(|| format!("workspace://{name}"));
        let from = git.or(member).or_else(|| table.text("url").or(table.text("path")).map(str::to_owned));
        Source {
            extra: table.text("extra").map(normalize_name),
            group: table.text("group").map(normalize_name),
            marker: table.text("marker").unwrap_or_default().to_owned(),
            index: table.text("index").map(str::to_owned),
            from: from.unwrap_or_default(),
            editable: table.flag("editable") == Some(true),
        }
    };
    value.each().into_iter().filter_map(Node::as_table).map(one).collect()
}

/// An index's place, without what is not about where it is.
fn index(table: Table<'_>) -> Value {
    let texts = ["name", "url"].into_iter().filter_map(|key| Some((key, Value::String(table.text(key)?.to_owned()))));
    let flags = ["explicit", "default"].into_iter().filter_map(|key| Some((key, Value::Boolean(table.flag(key)?))));
    Value::Table(texts.chain(flags).map(|(key, value)| (key.to_owned(), value)).collect())
}

/// An index of which the URL alone is told.
fn index_at(url: &str, default: bool) -> Value {
    let pairs = [("url", Value::String(url.to_owned())), ("default", Value::Boolean(default))];
    Value::Table(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

struct Reader {
    out: Project,
}

impl Reader {
    fn new(error: Option<(usize, String)>) -> Self {
        let problems = error.into_iter().map(|(line, words)| (line, "TOML".to_owned(), words)).collect();
        Self { out: Project { problems, ..Project::default() } }
    }

    fn all(&mut self, root: Table<'_>) {
        let tool = |name: &str| root.table("tool").and_then(|tool| tool.table(name));
        if let Some(project) = root.table("project") {
            self.project(project);
        }
        if let Some(groups) = root.table("dependency-groups") {
            for (name, _) in groups.pairs() {
                let mut found = Vec::new();
                self.group(groups, name, 0, DEEPEST, &mut found);
                self.out.groups.insert(normalize_name(name), found);
            }
        }
        if let Some(poetry) = tool("poetry") {
            self.poetry(poetry);
        }
        for (name, listed) in
            tool("pdm").and_then(|pdm| pdm.table("dev-dependencies")).map(Table::pairs).unwrap_or_default()
        {
            let found = self.list(listed);
            self.out.groups.entry(normalize_name(name)).or_default().extend(found);
        }
        if let Some(uv) = tool("uv") {
            self.uv(uv);
        }
    }

    fn uv(&mut self, uv: Table<'_>) {
        if let Some(listed) = uv.get("dev-dependencies") {
            let found = self.list(listed);
            self.out.groups.entry("dev".into()).or_default().extend(found);
        }
        self.out.default_groups = uv.get("default-groups").and_then(|value| match value.as_str() {
            Some("all") => Some(self.out.groups.keys().cloned().collect()),
            Some(_) => None,
            None => Some(value.texts().into_iter().map(normalize_name).collect()),
        });
        if let Some(package) = uv.flag("package") {
            self.out.is_package = package;
        }
        self.out.settings = self.settings(uv);
        for (name, source) in uv.table("sources").map(Table::pairs).unwrap_or_default() {
            self.out.sources.insert(normalize_name(name), sources(name, source));
        }
    }

    fn requirement(&mut self, text: &str, line: usize) -> Option<Dependency> {
        match parse_requirement_line(text) {
            Ok(found) => Some((found, line)),
            Err(expected) => {
                self.out.problems.push((line, expected, shown(text)));
                None
            }
        }
    }

    fn list(&mut self, listed: Node<'_>) -> Vec<Dependency> {
        let mut out = Vec::new();
        for item in listed.items() {
            let Some(text) = item.as_str() else { continue };
            out.extend(self.requirement(text.strip_prefix("-e ").unwrap_or(text), item.line()));
        }
        out
    }

    /// uv's settings in a table.
    fn settings(&mut self, table: Table<'_>) -> Settings {
        let mut indexes: Vec<Value> = table.list("index").into_iter().filter_map(Node::as_table).map(index).collect();
        indexes.extend(table.texts("extra-index-url").into_iter().map(|url| index_at(url, false)));
        indexes.extend(table.text("index-url").map(|url| index_at(url, true)));
        let mut list = |key: &str| table.get(key).map(|listed| self.list(listed)).unwrap_or_default();
        Settings { indexes, constraints: list("constraint-dependencies"), overrides: list("override-dependencies") }
    }

    fn project(&mut self, project: Table<'_>) {
        self.out.is_package = true;
        self.out.name = project.text("name").unwrap_or_default().to_owned();
        self.out.version = project.text("version").map(str::to_owned);
        if let Some(listed) = project.get("dependencies") {
            self.out.dependencies = self.list(listed);
        }
        for (name, listed) in project.table("optional-dependencies").map(Table::pairs).unwrap_or_default() {
            let found = self.list(listed);
            self.out.extras.insert(normalize_name(name), found);
        }
        for field in project.texts("dynamic") {
            if matches!(field, "dependencies" | "optional-dependencies") {
                let why =
                    "its build backend computes them (`dynamic` in pyproject.toml), and nothing is built or run here";
                self.out.not_predicted.push((format!("the {field} of {}", self.out.name), why.into()));
            }
        }
    }

    /// A group of PEP 735, with those that it includes.
    fn group(&mut self, groups: Table<'_>, name: &str, line: usize, left: usize, out: &mut Vec<Dependency>) {
        let normalized = normalize_name(name);
        let found = groups.pairs().into_iter().find(|(other, _)| normalize_name(other) == normalized);
        let Some((_, listed)) = found else {
            return self.out.problems.push((line, "a group of [dependency-groups]".to_owned(), shown(name)));
        };
        let Some(left) = left.checked_sub(1) else {
            let expected = "groups that do not include themselves".to_owned();
            return self.out.problems.push((listed.line(), expected, shown(name)));
        };
        for item in listed.items() {
            if let Some(text) = item.as_str() {
                out.extend(self.requirement(text, item.line()));
            } else if let Some(other) = item.as_table().and_then(|table| table.text("include-group")) {
                self.group(groups, other, item.line(), left, out);
            }
            // What includes twice what includes twice would be endless.
            if out.len() > MAX_GROUP || self.out.problems.len() > MAX_PROBLEMS {
                let expected = format!("groups of at most {MAX_GROUP} dependencies");
                return self.out.problems.push((listed.line(), expected, shown(name)));
            }
        }
    }

    fn poetry(&mut self, poetry: Table<'_>) {
        if self.out.name.is_empty() {
            self.out.name = poetry.text("name").unwrap_or_default().to_owned();
        }
        self.out.version = self.out.version.take().or_else(|| poetry.text("version").map(str::to_owned));
        self.out.is_package = poetry.flag("package-mode").unwrap_or(true);
        let mut optional: BTreeMap<String, Vec<Dependency>> = BTreeMap::new();
        let main = poetry.table("dependencies");
        self.poetry_sources(main);
        // Beside PEP 621's list, Poetry's table only says where these come from.
        let counts = self.out.dependencies.is_empty() && self.out.not_predicted.is_empty();
        let main = main.filter(|_| counts).map(Table::pairs).unwrap_or_default();
        for (name, value) in main.into_iter().filter(|(name, _)| *name != "python") {
            let is_optional = value.as_table().and_then(|table| table.flag("optional")).unwrap_or(false);
            let found = self.poetry_dependency(name, value);
            match is_optional {
                true => optional.entry(normalize_name(name)).or_default().extend(found),
                false => self.out.dependencies.extend(found),
            }
        }
        for (extra, names) in poetry.table("extras").map(Table::pairs).unwrap_or_default() {
            let names = names.items().into_iter().filter_map(Node::as_str);
            let found = names.flat_map(|name| optional.get(&normalize_name(name)).cloned().unwrap_or_default());
            self.out.extras.entry(normalize_name(extra)).or_default().extend(found);
        }
        let mut groups: Vec<(String, Table<'_>)> = Vec::new();
        for (name, group) in poetry.table("group").map(Table::pairs).unwrap_or_default() {
            let Some(group) = group.as_table() else { continue };
            if group.flag("optional") == Some(true) {
                self.out.optional_groups.insert(normalize_name(name));
            }
            self.poetry_sources(group.table("dependencies"));
            groups.extend(group.table("dependencies").map(|listed| (normalize_name(name), listed)));
        }
        groups.extend(poetry.table("dev-dependencies").map(|listed| ("dev".to_owned(), listed)));
        for (group, listed) in groups {
            for (name, value) in listed.pairs() {
                let found = self.poetry_dependency(name, value);
                self.out.groups.entry(group.clone()).or_default().extend(found);
            }
        }
    }

    /// Which sources the entries of a table name.
    fn poetry_sources(&mut self, listed: Option<Table<'_>>) {
        for (name, value) in listed.map(Table::pairs).unwrap_or_default() {
            for value in value.each() {
                let index = value.as_table().and_then(|table| table.text("source")).map(str::to_owned);
                let (Some(_), Ok(found)) = (&index, poetry_requirement(name, value, &Constraint::of(value))) else {
                    continue;
                };
                let source = Source { marker: found.marker, index, ..Source::default() };
                self.out.poetry_sources.entry(normalize_name(name)).or_default().push(source);
            }
        }
    }

    /// One of Poetry's dependencies, of which there may be several for several platforms.
    fn poetry_dependency(&mut self, name: &str, value: Node<'_>) -> Vec<Dependency> {
        let mut out = Vec::new();
        for value in value.each() {
            match poetry_requirement(name, value, &Constraint::of(value)) {
                Ok(found) => out.push((found, value.line())),
                Err(why) => self.out.not_predicted.push((name.to_owned(), why)),
            }
        }
        out
    }
}

/// Which versions of a dependency and of Python one of Poetry's entries is for.
struct Constraint<'d> {
    version: &'d str,
    python: Option<&'d str>,
}

impl<'d> Constraint<'d> {
    fn of(value: Node<'d>) -> Self {
        let text = |key: &str| value.as_table().and_then(|table| table.text(key));
        Self { version: value.as_str().or_else(|| text("version")).unwrap_or("*"), python: text("python") }
    }
}

/// One of Poetry's dependencies as a requirement. The error says why it is none.
fn poetry_requirement(name: &str, value: Node<'_>, constraint: &Constraint<'_>) -> Result<Requirement, String> {
    let table = value.as_table();
    let text = |key: &str| table.and_then(|table| table.text(key));
    let specifiers = poetry_specifiers(constraint.version)?;
    let mut out = Requirement { name: name.to_owned(), specifiers, ..Requirement::default() };
    out.extras = table.map(|table| table.texts("extras")).unwrap_or_default().into_iter().map(str::to_owned).collect();
    let python = constraint.python.map(poetry_specifiers).transpose()?.unwrap_or_default();
    let versions = python.split(',').filter(|part| !part.is_empty()).map(|part| {
        let at = part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len());
        format!("python_version {} '{}'", &part[..at], &part[at..])
    });
    let platform = text("platform").map(|name| format!("sys_platform == '{name}'"));
    let markers = text("markers").map(|marker| format!("({marker})"));
    out.marker = versions.chain(platform).chain(markers).collect::<Vec<_>>().join(" and ");
    if let Some(git) = text("git") {
        out.from = format!("git+{git}");
    } else if let Some(from) = text("url").or_else(|| text("path")).or_else(|| text("file")) {
        out.from = from.to_owned();
        out.editable = table.and_then(|table| table.flag("develop")).unwrap_or(false);
    }
    Ok(out)
}

/// One of Poetry's dependencies as each of the requirements of which one must be met (`^1 || ^2`).
pub(super) fn poetry_alternatives(name: &str, value: Node<'_>) -> Vec<Requirement> {
    let whole = Constraint::of(value);
    let one = |part: &str| {
        let found = poetry_requirement(name, value, &Constraint { version: part.trim(), ..whole });
        // What is not understood leads there all the same.
        found.or_else(|_| poetry_requirement(name, value, &Constraint { version: "*", python: None }))
    };
    whole.version.split('|').filter(|part| !part.trim().is_empty()).map(one).filter_map(Result::ok).collect()
}

/// Poetry's constraints (`^1.2`, `~1.2`, `1.2`, `1.*`, `>=1 <2`) in PEP 440's words.
fn poetry_specifiers(text: &str) -> Result<String, String> {
    if text.contains('|') {
        return Err(format!("its constraint has alternatives ({}), which no single requirement can say", shown(text)));
    }
    let mut out = Vec::new();
    let spaced = text.replace(',', " ");
    let mut words = spaced.split_whitespace();
    while let Some(word) = words.next() {
        let bare = word.trim_start_matches(|c: char| "^~<>=!".contains(c));
        let operator = &word[..word.len() - bare.len()];
        // `>= 1.2`
        let version = if bare.is_empty() { words.next().unwrap_or_default() } else { bare };
        match operator {
            "" if version == "*" => {}
            "" => out.push(format!("=={version}")),
            "^" | "~" => {
                let next = upper(version, operator == "^")
                    .ok_or_else(|| format!("its constraint is not understood: {}", shown(text)))?;
                out.push(format!(">={version},<{next}"));
            }
            "=" => out.push(format!("=={version}")),
            _ => out.push(format!("{operator}{version}")),
        }
    }
    Ok(out.join(","))
}

/// The first version that `^` or `~` no longer takes.
fn upper(version: &str, caret: bool) -> Option<String> {
    let release: &str = version.split(|c: char| !(c.is_ascii_digit() || c == '.')).next()?;
    let numbers: Vec<u64> = release.trim_end_matches('.').split('.').map(|n| n.parse().ok()).collect::<Option<_>>()?;
    // `^`: the first number that is not zero goes up; `~`: the second, if there is one.
    let first = numbers.iter().position(|n| *n > 0).unwrap_or(numbers.len() - 1);
    let at = if caret { first } else { 1.min(numbers.len() - 1) };
    let up = |(n, value): (usize, &u64)| if n == at { value.checked_add(1) } else { Some(*value) };
    let kept: Option<Vec<u64>> = numbers.iter().enumerate().take(at + 1).map(up).collect();
    Some(kept?.iter().map(u64::to_string).collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poetrys_constraints_are_told_in_pep_440() {
        for (text, expected) in [
            ("^1.2.3", ">=1.2.3,<2"),
            ("^0.2.3", ">=0.2.3,<0.3"),
            ("^0.0.3", ">=0.0.3,<0.0.4"),
            ("^0", ">=0,<1"),
            ("~1.2.3", ">=1.2.3,<1.3"),
            ("~1", ">=1,<2"),
            ("*", ""),
            ("1.*", "==1.*"),
            ("1.2.3", "==1.2.3"),
            (">= 1.2, <2.0", ">=1.2,<2.0"),
            ("^2.0b1", ">=2.0b1,<3"),
        ] {
            assert_eq!(poetry_specifiers(text).as_deref(), Ok(expected), "{text}");
        }
        assert!(poetry_specifiers("^1 || ^2").is_err() && poetry_specifiers("^x").is_err());
    }
}
