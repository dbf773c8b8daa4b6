//! What uv and Poetry are told by files and variables. Source: uv's settings and environment variables
//! (<https://docs.astral.sh/uv/reference/settings/>), Poetry's configuration (<https://python-poetry.org/docs/configuration/>).

use super::super::installer::is_true;
use super::super::stage::{Stage, World};
use super::{Found, shown};
use crate::base::{ImagePath, parent};
use crate::image::GapReason;
use toml::{Table, Value};

/// Variables that change what is installed and are not followed.
const VARIABLES: [&str; 26] = [
    "UV_EXCLUDE",
    "UV_REQUIRE_HASHES",
    "UV_WORKING_DIRECTORY",
    "UV_WORKING_DIR",
    "UV_PROJECT",
    "UV_NO_BINARY",
    "UV_NO_BINARY_PACKAGE",
    "UV_NO_BUILD",
    "UV_NO_BUILD_PACKAGE",
    "UV_ONLY_BINARY",
    "UV_NO_GROUP",
    "UV_NO_DEFAULT_GROUPS",
    "UV_NO_INSTALL_PROJECT",
    "UV_NO_INSTALL_WORKSPACE",
    "UV_NO_INSTALL_LOCAL",
    "UV_DEV",
    "UV_ONLY_DEV",
    "UV_UPGRADE",
    "UV_REINSTALL",
    "UV_ISOLATED",
    "UV_FORK_STRATEGY",
    "UV_PYTHON_PLATFORM",
    "UV_FIND_LINKS",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_NO_SOURCES",
];
/// Settings of a project that are read with it, or say where uv's own things are; beside those of [`OF_USER`].
const OF_PROJECT: [&str; 32] = [
    "add-bounds",
    "build-backend",
    "build-constraint-dependencies",
    "cache-keys",
    "check-url",
    "conflicts",
    "constraint-dependencies",
    "default-groups",
    "dependency-groups",
    "dependency-metadata",
    "dev-dependencies",
    "environments",
    "exclude-dependencies",
    "exclude-newer",
    "extra-build-dependencies",
    "extra-build-variables",
    "extra-index-url",
    "index",
    "index-strategy",
    "index-url",
    "link-mode",
    "managed",
    "no-build-isolation",
    "no-build-isolation-package",
    "offline",
    "override-dependencies",
    "package",
    "python-preference",
    "required-environments",
    "required-version",
    "sources",
    "workspace",
];
/// Of the user's and the machine's files: they say nothing of where to look, or what to take.
const OF_USER: [&str; 17] = [
    "allow-insecure-host",
    "concurrent-builds",
    "concurrent-downloads",
    "concurrent-installs",
    "http-proxy",
    "https-proxy",
    "keyring-provider",
    "native-tls",
    "no-progress",
    "no-proxy",
    "preview",
    "publish-url",
    "python-downloads",
    "python-install-mirror",
    "pypy-install-mirror",
    "system-certs",
    "trusted-publishing",
];

impl Stage {
    /// What uv is told that is not followed.
    pub(super) fn uv_changed_by(&self, world: &World<'_>) -> Option<GapReason> {
        self.any_set(&VARIABLES).or_else(|| self.uv_files(world).err())
    }

    fn uv_files(&self, world: &World<'_>) -> Result<(), GapReason> {
        if self.variable("UV_NO_CONFIG").is_some_and(is_true) {
            return Ok(());
        }
        let named = self.setting("UV_CONFIG_FILE")?;
        if let Some(file) = named {
            let path = self.at(file).ok_or_else(|| GapReason::Environment("UV_CONFIG_FILE".into()))?;
            return self.uv_file(world, path.as_bytes(), &[&OF_USER]);
        }
        let mut files: Vec<Vec<u8>> = self.user_settings(world)?;
        files.extend(self.shared_settings()?);
        files.push(b"etc".to_vec());
        for folder in files {
            self.uv_file(world, &[&folder[..], b"/uv/uv.toml"].concat(), &[&OF_USER])?;
        }
        let Some(here) = self.at(".") else { return Ok(()) };
        let mut folder = here.as_bytes().to_vec();
        // The nearest one counts.
        loop {
            let own = ImagePath::new(&folder).join(b"uv.toml");
            let is_there = |path: &ImagePath| self.tree.exists(&self.tree.resolve(path.as_bytes()));
            if is_there(&own) || self.is_strange(own.as_bytes()) {
                return self.uv_file(world, own.as_bytes(), &[&OF_PROJECT, &OF_USER]);
            }
            let project = ImagePath::new(&folder).join(b"pyproject.toml");
            if is_there(&project)
                && let Found::Text(text) = self.settings_file(world, project.as_bytes())
                && let Ok(table) = text.parse::<Table>()
                && let Some(uv) = table.get("tool").and_then(|tool| tool.get("uv")).and_then(Value::as_table)
            {
                return known(uv, &[&OF_PROJECT, &OF_USER])
                    .ok_or_else(|| GapReason::Settings(shown(project.as_bytes())));
            }
            if folder.is_empty() {
                return Ok(());
            }
            folder = parent(&folder).to_vec();
        }
    }

    fn uv_file(&self, world: &World<'_>, path: &[u8], known_keys: &[&[&str]]) -> Result<(), GapReason> {
        let place = || GapReason::Settings(shown(path));
        match self.settings_file(world, path) {
            Found::Own => Ok(()),
            Found::Unknown => Err(place()),
            Found::Text(text) => {
                let table = text.parse::<Table>().map_err(|_| place())?;
                known(&table, known_keys).ok_or_else(place)
            }
        }
    }

    /// What Poetry is told that is not followed: which files it takes, and what its environments see.
    pub(super) fn poetry_changed_by(&self, world: &World<'_>) -> Option<GapReason> {
        const VARIABLES: [&str; 7] = [
            "POETRY_INSTALLER_NO_BINARY",
            "POETRY_INSTALLER_ONLY_BINARY",
            "POETRY_VIRTUALENVS_OPTIONS_SYSTEM_SITE_PACKAGES",
            "POETRY_VIRTUALENVS_OPTIONS_ALWAYS_COPY",
            "POETRY_CONFIG_DIR",
            "POETRY_PLUGINS",
            "POETRY_CACHE_DIR_NAME",
        ];
        if let Some(why) = self.any_set(&VARIABLES) {
            return Some(why);
        }
        let here = self.at(".").map(|folder| folder.as_bytes().to_vec());
        let mut files: Vec<Vec<u8>> = here.into_iter().map(|folder| [&folder[..], b"/poetry.toml"].concat()).collect();
        match self.user_settings(world) {
            Ok(folders) => {
                files.extend(folders.into_iter().map(|folder| [&folder[..], b"/pypoetry/config.toml"].concat()))
            }
            Err(why) => return Some(why),
        }
        files.into_iter().find_map(|file| {
            let place = GapReason::Settings(shown(&file));
            match self.settings_file(world, &file) {
                Found::Own => None,
                Found::Unknown => Some(place),
                Found::Text(text) => match text.parse::<Table>() {
                    Ok(table) if is_plain_of_poetry(&table) => None,
                    _ => Some(place),
                },
            }
        })
    }

    /// A setting of Poetry's of the project's own file, or the user's: `virtualenvs.create`.
    pub(in super::super) fn poetry_file_setting(
        &self,
        world: &World<'_>,
        folder: &ImagePath,
        key: &str,
    ) -> Option<String> {
        let (section, name) = key.split_once('.')?;
        let user = self.user_settings(world).unwrap_or_default();
        let user = user.into_iter().map(|folder| [&folder[..], b"/pypoetry/config.toml"].concat());
        let mut files = std::iter::once(folder.join(b"poetry.toml").as_bytes().to_vec()).chain(user);
        files.find_map(|file| {
            let Found::Text(text) = self.settings_file(world, &file) else { return None };
            match text.parse::<Table>().ok()?.get(section)?.get(name)? {
                Value::Boolean(value) => Some(value.to_string()),
                Value::String(value) => Some(value.clone()),
                _ => None,
            }
        })
    }
}

/// Whether all settings of a table are among those that are known.
fn known(table: &Table, keys: &[&[&str]]) -> Option<()> {
    let is_off = |value: &Value| value.as_bool() == Some(false) || value.as_array().is_some_and(Vec::is_empty);
    let is_known = |(key, value): (&String, &Value)| {
        keys.iter().any(|keys| keys.contains(&key.as_str()))
            || is_off(value)
            || key == "pip" && value.as_table().is_some_and(|pip| pip.keys().all(|key| OF_USER.contains(&key.as_str())))
    };
    table.iter().all(is_known).then_some(())
}

fn is_plain_of_poetry(table: &Table) -> bool {
    let is_plain = |(section, value): (&String, &Value)| {
        let keys: Vec<&str> = value.as_table().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        match section.as_str() {
            "virtualenvs" => keys.iter().all(|key| {
                matches!(
                    *key,
                    "create" | "in-project" | "path" | "prompt" | "prefer-active-python" | "use-poetry-python"
                )
            }),
            "installer" => {
                keys.iter().all(|key| matches!(*key, "parallel" | "max-workers" | "modern-installation" | "re-resolve"))
            }
            "http-basic" | "pypi-token" | "certificates" | "warnings" | "keyring" | "experimental" | "requests"
            | "python" => true,
            _ => false,
        }
    };
    table.iter().all(is_plain)
}
