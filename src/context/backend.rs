//! Whether building a project of the context runs code that it brings. A build backend that is known makes what
//! `pyproject.toml` says; with code of the project's own nobody knows what the build writes.
//!
//! Source: PEP 517 and 518; the manuals of setuptools, Hatch, Poetry, PDM, Flit and uv.

use super::stage::{Stage, World};
use crate::base::ImagePath;
use crate::manifest::parse_requirement_line;

/// Backends that run no code of the project's but by the settings below.
const BACKENDS: [&str; 9] = [
    "setuptools.build_meta",
    "setuptools.build_meta:__legacy__",
    "hatchling.build",
    "poetry.core.masonry.api",
    "poetry.masonry.api",
    "pdm.backend",
    "pdm.pep517.api",
    "flit_core.buildapi",
    "uv_build",
];
/// What these need, and plugins that take a version from version control.
const REQUIRES: [&str; 13] = [
    "setuptools",
    "wheel",
    "hatchling",
    "hatch-vcs",
    "setuptools-scm",
    "setuptools-git-versioning",
    "poetry-core",
    "poetry",
    "pdm-backend",
    "pdm-pep517",
    "flit-core",
    "uv-build",
    "packaging",
];
/// Lines of a `setup.py` that only hands over to the settings.
const SHIM: [&str; 6] = [
    "import setuptools",
    "from setuptools import setup",
    "setup()",
    "setuptools.setup()",
    "if __name__ == \"__main__\":",
    "if __name__ == '__main__':",
];

impl Stage {
    /// Whether the build runs code of the project's own, or of packages that are not known.
    pub(super) fn runs_own_code(&self, world: &World<'_>, folder: &ImagePath, table: &toml::Table) -> bool {
        let content = |name: &str| self.bytes(world, &folder.join(name.as_bytes()));
        let setup = content("setup.py").is_some_and(|text| !is_shim(&text));
        let settings = content("setup.cfg").is_some_and(|text| {
            let text = String::from_utf8_lossy(&text).into_owned();
            text.contains("attr:") || text.contains("cmdclass") || text.contains("setup_hooks")
        });
        setup || settings || content("pdm_build.py").is_some() || by_settings(table)
    }
}

/// What `pyproject.toml` says of it.
fn by_settings(table: &toml::Table) -> bool {
    let at = |path: &[&str]| {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(table.get(*first)?, |value, key| value.get(key))
    };
    let backend = at(&["build-system", "build-backend"]).map(|value| value.as_str().unwrap_or_default());
    let requires = at(&["build-system", "requires"]).and_then(toml::Value::as_array).into_iter().flatten();
    let is_known = |value: &toml::Value| {
        let found = value.as_str().and_then(|text| parse_requirement_line(text).ok());
        found.is_some_and(|found| found.from.is_empty() && REQUIRES.contains(&found.normalized().as_str()))
    };
    let hooks = [
        at(&["tool", "hatch", "build", "hooks"]),
        at(&["tool", "hatch", "metadata", "hooks"]),
        at(&["tool", "hatch", "build", "targets", "wheel", "hooks"]),
    ];
    let is_hook = |hook: &toml::Value| hook.as_table().is_none_or(|hooks| hooks.keys().any(|name| name != "vcs"));
    let dynamic = at(&["tool", "setuptools", "dynamic"]).and_then(toml::Value::as_table);
    let is_computed = |value: &toml::Value| value.get("attr").is_some();
    let has = |path: &[&str]| at(path).is_some();
    backend.is_some_and(|backend| !BACKENDS.contains(&backend))
        || has(&["build-system", "backend-path"])
        || !requires.into_iter().all(is_known)
        || hooks.into_iter().flatten().any(is_hook)
        || at(&["tool", "hatch", "version", "source"]).is_some_and(|source| source.as_str() == Some("code"))
        || has(&["tool", "poetry", "build"])
        || has(&["tool", "pdm", "build", "custom-hook"])
        || has(&["tool", "pdm", "build", "run-setuptools"])
        || has(&["tool", "setuptools", "cmdclass"])
        || has(&["tool", "setuptools", "ext-modules"])
        || dynamic.is_some_and(|dynamic| dynamic.values().any(is_computed))
}

fn is_shim(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || SHIM.contains(&line))
}
