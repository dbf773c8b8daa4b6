//! A project's own dependencies, read from its `pyproject.toml` without running anything of it: `[project]` (PEP 621),
//! `[dependency-groups]` (PEP 735), and the tables of Poetry, PDM and uv from before these.
//!
//! What a build backend would have to compute (`dynamic`) is told to be unknown, never guessed.
//!
//! Source: <https://packaging.python.org/en/latest/specifications/pyproject-toml/>,
//! <https://packaging.python.org/en/latest/specifications/dependency-groups/>,
//! <https://python-poetry.org/docs/dependency-specification/>

use crate::manifest::Markers;
use crate::manifest::{Requirement, parse_requirement_line, shown};
use crate::python::normalize_name;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// How deep groups may include one another.
const DEEPEST: usize = 16;

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
    pub(super) fn applies(&self, part: Part<'_>, markers: &Markers) -> bool {
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
    Reader { text }.settings(&table_of(text)?)
}

fn table_of(text: &str) -> Result<Table, ProjectError> {
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        (line, "TOML".to_owned(), shown(error.message()))
    })
}

/// Reads a `pyproject.toml`.
///
/// # Errors
///
/// It is no TOML, or a requirement in it is none.
pub fn parse_project(text: &str) -> Result<Project, ProjectError> {
    let table = table_of(text)?;
    let reader = Reader { text };
    let mut out = Project::default();
    let tool = |name: &str| table.get("tool").and_then(|tool| tool.get(name)).and_then(Value::as_table);
    if let Some(project) = table.get("project").and_then(Value::as_table) {
        reader.project(project, &mut out)?;
    }
    if let Some(groups) = table.get("dependency-groups").and_then(Value::as_table) {
        for name in groups.keys() {
            let mut found = Vec::new();
            reader.group(groups, name, DEEPEST, &mut found)?;
            out.groups.insert(normalize_name(name), found);
        }
    }
    if let Some(poetry) = tool("poetry") {
        reader.poetry(poetry, &mut out)?;
    }
    for (name, listed) in
        tool("pdm").and_then(|pdm| pdm.get("dev-dependencies")).and_then(Value::as_table).into_iter().flatten()
    {
        let found = reader.list(listed)?;
        out.groups.entry(normalize_name(name)).or_default().extend(found);
    }
    if let Some(uv) = tool("uv") {
        if let Some(listed) = uv.get("dev-dependencies") {
            let found = reader.list(listed)?;
            out.groups.entry("dev".into()).or_default().extend(found);
        }
        out.default_groups = match uv.get("default-groups") {
            Some(Value::Array(names)) => Some(names.iter().filter_map(Value::as_str).map(normalize_name).collect()),
            Some(Value::String(all)) if all == "all" => Some(out.groups.keys().cloned().collect()),
            _ => None,
        };
        if let Some(package) = uv.get("package").and_then(Value::as_bool) {
            out.is_package = package;
        }
        out.settings = reader.settings(uv)?;
        for (name, source) in uv.get("sources").and_then(Value::as_table).into_iter().flatten() {
            out.sources.insert(normalize_name(name), sources(name, source));
        }
    }
    Ok(out)
}

/// The sources that a project names for one dependency.
fn sources(name: &str, value: &Value) -> Vec<Source> {
    let many = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    let one = |value: &Value| {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let is_on = |key: &str| value.get(key).and_then(Value::as_bool) == Some(true);
        let git = text("git").map(|url| format!("git+{url}"));
        let member = is_on("workspace").then(|| format!("workspace://{name}"));
        let from = git.or(member).or_else(|| text("url").or(text("path")).map(str::to_owned));
        Source {
            extra: text("extra").map(normalize_name),
            group: text("group").map(normalize_name),
            marker: text("marker").unwrap_or_default().to_owned(),
            index: text("index").map(str::to_owned),
            from: from.unwrap_or_default(),
            editable: is_on("editable"),
        }
    };
    many.iter().map(one).collect()
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    /// The first line that has a text, from 1; 0 if none has.
    fn line_of(&self, text: &str) -> usize {
        self.text.lines().position(|line| line.contains(text)).map_or(0, |at| at + 1)
    }

    fn requirement(&self, text: &str) -> Result<Dependency, ProjectError> {
        let line = self.line_of(text);
        let error = |expected| (line, expected, shown(text));
        Ok((parse_requirement_line(text).map_err(error)?, line))
    }

    fn list(&self, listed: &Value) -> Result<Vec<Dependency>, ProjectError> {
        let names = listed.as_array().map(Vec::as_slice).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(|text| text.strip_prefix("-e ").unwrap_or(text).to_owned());
        names.iter().filter_map(text).map(|text| self.requirement(&text)).collect()
    }

    /// uv's settings in a table.
    fn settings(&self, table: &Table) -> Result<Settings, ProjectError> {
        let list = |key: &str| table.get(key).map_or(Ok(Vec::new()), |listed| self.list(listed));
        let url = |value: &Value, default: bool| {
            let pairs = [("url", value.clone()), ("default", Value::Boolean(default))];
            Value::Table(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        };
        let mut indexes: Vec<Value> = table.get("index").and_then(Value::as_array).cloned().unwrap_or_default();
        for index in indexes.iter_mut().filter_map(Value::as_table_mut) {
            index.retain(|key, _| matches!(key, "name" | "url" | "explicit" | "default"));
        }
        let extra = table.get("extra-index-url").and_then(Value::as_array).into_iter().flatten();
        indexes.extend(extra.map(|value| url(value, false)));
        indexes.extend(table.get("index-url").map(|value| url(value, true)));
        Ok(Settings {
            indexes,
            constraints: list("constraint-dependencies")?,
            overrides: list("override-dependencies")?,
        })
    }

    fn project(&self, project: &Table, out: &mut Project) -> Result<(), ProjectError> {
        out.is_package = true;
        out.name = project.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        out.version = project.get("version").and_then(Value::as_str).map(str::to_owned);
        if let Some(listed) = project.get("dependencies") {
            out.dependencies = self.list(listed)?;
        }
        for (name, listed) in project.get("optional-dependencies").and_then(Value::as_table).into_iter().flatten() {
            out.extras.insert(normalize_name(name), self.list(listed)?);
        }
        let dynamic = project.get("dynamic").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for field in dynamic.iter().filter_map(Value::as_str) {
            if matches!(field, "dependencies" | "optional-dependencies") {
                let why =
                    "its build backend computes them (`dynamic` in pyproject.toml), and nothing is built or run here";
                out.not_predicted.push((format!("the {field} of {}", out.name), why.into()));
            }
        }
        Ok(())
    }

    /// A group of PEP 735, with those that it includes.
    fn group(&self, groups: &Table, name: &str, left: usize, out: &mut Vec<Dependency>) -> Result<(), ProjectError> {
        let normalized = normalize_name(name);
        let found = groups.iter().find(|(other, _)| normalize_name(other) == normalized);
        let found =
            found.ok_or_else(|| (self.line_of(name), "a group of [dependency-groups]".to_owned(), shown(name)))?;
        let left = left
            .checked_sub(1)
            .ok_or_else(|| (self.line_of(name), "groups that do not include themselves".to_owned(), shown(name)))?;
        for value in found.1.as_array().map(Vec::as_slice).unwrap_or_default() {
            if let Some(text) = value.as_str() {
                out.push(self.requirement(text)?);
            } else if let Some(other) = value.get("include-group").and_then(Value::as_str) {
                self.group(groups, other, left, out)?;
            }
            // What includes twice what includes twice would be endless.
            if out.len() > 10_000 {
                return Err((self.line_of(name), "groups of at most 10000 dependencies".into(), shown(name)));
            }
        }
        Ok(())
    }

    fn poetry(&self, poetry: &Table, out: &mut Project) -> Result<(), ProjectError> {
        let text = |key: &str| poetry.get(key).and_then(Value::as_str).map(str::to_owned);
        if out.name.is_empty() {
            out.name = text("name").unwrap_or_default();
        }
        out.version = out.version.take().or_else(|| text("version"));
        out.is_package = poetry.get("package-mode").and_then(Value::as_bool).unwrap_or(true);
        let mut optional: BTreeMap<String, Vec<Dependency>> = BTreeMap::new();
        let main = poetry.get("dependencies").and_then(Value::as_table);
        // Beside PEP 621's list, Poetry's table only says where these come from.
        let counts = out.dependencies.is_empty() && out.not_predicted.is_empty() || main.is_none();
        for (name, value) in main.into_iter().flatten().filter(|(name, _)| counts && *name != "python") {
            let is_optional = value.get("optional").and_then(Value::as_bool).unwrap_or(false);
            let found = self.poetry_dependency(name, value, &mut out.not_predicted);
            match is_optional {
                true => optional.entry(normalize_name(name)).or_default().extend(found),
                false => out.dependencies.extend(found),
            }
        }
        for (extra, names) in poetry.get("extras").and_then(Value::as_table).into_iter().flatten() {
            let names = names.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Value::as_str);
            let found = names.flat_map(|name| optional.get(&normalize_name(name)).cloned().unwrap_or_default());
            out.extras.entry(normalize_name(extra)).or_default().extend(found);
        }
        let old = poetry.get("dev-dependencies").and_then(Value::as_table).map(|table| ("dev".to_owned(), table));
        let groups = poetry.get("group").and_then(Value::as_table).into_iter().flatten();
        let groups = groups.filter_map(|(name, group)| {
            if group.get("optional").and_then(Value::as_bool) == Some(true) {
                out.optional_groups.insert(normalize_name(name));
            }
            Some((normalize_name(name), group.get("dependencies")?.as_table()?))
        });
        let groups: Vec<(String, &Table)> = groups.chain(old).collect();
        for (group, listed) in groups {
            for (name, value) in listed {
                let found = self.poetry_dependency(name, value, &mut out.not_predicted);
                out.groups.entry(group.clone()).or_default().extend(found);
            }
        }
        Ok(())
    }

    /// One of Poetry's dependencies, of which there may be several for several platforms.
    fn poetry_dependency(&self, name: &str, value: &Value, unknown: &mut Vec<(String, String)>) -> Vec<Dependency> {
        let line = self.text.lines().position(|line| {
            let line = line.trim_start().trim_start_matches('"');
            line.strip_prefix(name).is_some_and(|rest| rest.trim_start_matches('"').trim_start().starts_with('='))
        });
        let line = line.map_or(0, |at| at + 1);
        let many = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        let mut out = Vec::new();
        for value in many {
            match poetry_requirement(name, value) {
                Ok(found) => out.push((found, line)),
                Err(why) => unknown.push((name.to_owned(), why)),
            }
        }
        out
    }
}

/// One of Poetry's dependencies as a requirement. The error says why it is none.
pub(super) fn poetry_requirement(name: &str, value: &Value) -> Result<Requirement, String> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let version = value.as_str().or_else(|| text("version")).unwrap_or("*");
    let mut out =
        Requirement { name: name.to_owned(), specifiers: poetry_specifiers(version)?, ..Requirement::default() };
    let extras = value.get("extras").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    out.extras = extras.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let python = text("python").map(poetry_specifiers).transpose()?.unwrap_or_default();
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
        out.editable = value.get("develop").and_then(Value::as_bool).unwrap_or(false);
    }
    Ok(out)
}

/// One of Poetry's dependencies as each of the requirements of which one must be met (`^1 || ^2`).
pub(super) fn poetry_alternatives(name: &str, value: &Value) -> Vec<Requirement> {
    let version = value.as_str().or_else(|| value.get("version")?.as_str()).unwrap_or("*");
    let mut table = value.as_table().cloned().unwrap_or_default();
    let one = |part: &str| {
        table.insert("version".into(), Value::String(part.trim().to_owned()));
        let found = poetry_requirement(name, &Value::Table(table.clone()));
        // What is not understood leads there all the same.
        found.or_else(|_| {
            table.insert("version".into(), Value::String("*".into()));
            table.remove("python");
            poetry_requirement(name, &Value::Table(table.clone()))
        })
    };
    version.split('|').filter(|part| !part.trim().is_empty()).map(one).filter_map(Result::ok).collect()
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
