//! What a project says of itself in its `pyproject.toml`, as far as an installer asks. Source: "pyproject.toml specification"; Poetry's
//! and uv's settings of a project.

use crate::python::is_name;

/// What a project says of itself.
pub(super) struct Description {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) metadata: String,
}

impl Description {
    pub(super) fn read(table: &toml::Table) -> Option<Self> {
        let project = table.get("project").and_then(toml::Value::as_table);
        let poetry = table.get("tool").and_then(|tool| tool.get("poetry")).and_then(toml::Value::as_table);
        let text = |key: &str| {
            let of = |table: Option<&toml::Table>| {
                table.and_then(|table| table.get(key)).and_then(toml::Value::as_str).map(str::to_owned)
            };
            of(project).or_else(|| of(poetry))
        };
        let name = text("name").filter(|name| is_name(name))?;
        let version = text("version")
            .filter(|version| version.parse::<pep440_rs::Version>().is_ok())
            .unwrap_or_else(|| "0".into());
        let mut metadata = format!("Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n");
        for requirement in project
            .and_then(|project| project.get("dependencies"))
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
        {
            metadata.extend(requirement.as_str().map(|line| format!("Requires-Dist: {}\n", line.replace('\n', " "))));
        }
        Some(Self { name, version, metadata })
    }
}

/// The name of a project.
pub(super) fn project_name(table: &toml::Table) -> Option<String> {
    Description::read(table).map(|description| description.name)
}

/// The dependency groups of a project that Poetry installs by itself: those that are not optional.
pub(super) fn poetry_groups(table: Option<&toml::Table>) -> Vec<String> {
    let Some(table) = table else { return Vec::new() };
    let poetry = table.get("tool").and_then(|tool| tool.get("poetry")).and_then(toml::Value::as_table);
    let groups = poetry.and_then(|poetry| poetry.get("group")).and_then(toml::Value::as_table);
    let is_optional = |group: &toml::Value| group.get("optional").and_then(toml::Value::as_bool) == Some(true);
    let named = groups.into_iter().flatten().filter(|(_, group)| !is_optional(group)).map(|(name, _)| name.clone());
    let old = poetry.is_some_and(|poetry| poetry.contains_key("dev-dependencies")).then(|| "dev".to_owned());
    named.chain(old).collect()
}

/// Whether Poetry installs a project itself: unless it says `package-mode = false`.
pub(super) fn is_package_of_poetry(table: Option<&toml::Table>) -> bool {
    let Some(table) = table else { return false };
    let mode = table.get("tool").and_then(|tool| tool.get("poetry")).and_then(|poetry| poetry.get("package-mode"));
    mode.and_then(toml::Value::as_bool).unwrap_or(true)
}

/// Whether uv installs a project itself: it has a build system, or says so.
pub(super) fn is_package_of_uv(table: Option<&toml::Table>) -> bool {
    let Some(table) = table else { return false };
    let stated = table
        .get("tool")
        .and_then(|tool| tool.get("uv"))
        .and_then(|uv| uv.get("package"))
        .and_then(toml::Value::as_bool);
    stated.unwrap_or_else(|| table.contains_key("build-system"))
}
