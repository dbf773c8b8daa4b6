//! Whether a program is what its name says. A name is trusted where the program came with the base image, with a package of the system's or with
//! an installer; not where an instruction brought or changed it, and not where a variable or a file that the context brought
//! changes what it does.

use super::run::base_name;
use super::stage::Stage;
use crate::base::{ImagePath, file_name, is_within};
use crate::layer::EntryKind;

/// Variables of pip's that are followed, or change no file.
const PIP: [&str; 27] = [
    "NO_CACHE_DIR",
    "DISABLE_PIP_VERSION_CHECK",
    "DEFAULT_TIMEOUT",
    "ROOT_USER_ACTION",
    "INDEX_URL",
    "EXTRA_INDEX_URL",
    "TRUSTED_HOST",
    "FIND_LINKS",
    "CACHE_DIR",
    "TARGET",
    "PREFIX",
    "USER",
    "NO_COMPILE",
    "UPGRADE",
    "NO_INPUT",
    "PROGRESS_BAR",
    "RETRIES",
    "TIMEOUT",
    "BREAK_SYSTEM_PACKAGES",
    "NO_WARN_SCRIPT_LOCATION",
    "QUIET",
    "VERBOSE",
    "NO_COLOR",
    "CERT",
    "PREFER_BINARY",
    "NO_INDEX",
    "REQUIRE_VIRTUALENV",
];
/// Variables of uv's that change what is installed and are not followed.
const UV: [&str; 8] = [
    "UV_OVERRIDE",
    "UV_CONSTRAINT",
    "UV_EXCLUDE",
    "UV_CONFIG_FILE",
    "UV_REQUIRE_HASHES",
    "UV_WORKING_DIRECTORY",
    "UV_PROJECT",
    "UV_ENV_FILE",
];
/// Modules that Python looks for before it does anything else.
const FIRST_MODULES: [&str; 12] =
    ["sitecustomize", "usercustomize", "pip", "encodings", "os", "site", "codecs", "io", "abc", "stat", "re", "runpy"];
/// The installers that an installer may bring: of other programs an index decides what they do.
const INSTALLERS: [&str; 12] =
    ["pip", "pip3", "uv", "uvx", "poetry", "pdm", "pipenv", "virtualenv", "pip-compile", "pip-sync", "pipx", "hatch"];

impl Stage {
    /// Where a program is, if it is not what its name says.
    pub(super) fn foreign_program(&self, program: &str) -> Option<String> {
        if self.shell.unknown.contains("PATH") || self.scope.unknown.contains("PATH") {
            return Some(program.to_owned());
        }
        let path = ImagePath::new(&self.program(program)?);
        let name = base_name(program);
        let mut here = path;
        for _ in 0..20 {
            let real = self.tree.resolve(crate::base::parent(here.as_bytes()));
            let place = ImagePath::new(&real).join(file_name(here.as_bytes()));
            let entry = self.tree.get(place.as_bytes()).or_else(|| self.tree.get(here.as_bytes()))?;
            let link = entry.link.clone().filter(|_| entry.kind == EntryKind::Symlink);
            let Some(link) = link else {
                let foreign = self.tree.foreign().contains(&place) || self.tree.foreign().contains(&here);
                return (foreign || self.is_of_an_index(&place, name)).then(|| format!("/{}", self.shown_path(&place)));
            };
            // A link that an instruction made leads to a program of the same family, or it is another one by this name.
            let target = String::from_utf8_lossy(&link).into_owned();
            if self.tree.foreign().contains(&place) && family(base_name(&target)) != family(name) {
                return Some(format!("/{}", self.shown_path(&place)));
            }
            let folder = ImagePath::new(crate::base::parent(place.as_bytes()));
            here = if link.starts_with(b"/") { ImagePath::new(&link) } else { folder.join(&link) };
        }
        Some(program.to_owned())
    }

    fn shown_path(&self, path: &ImagePath) -> String {
        String::from_utf8_lossy(path.as_bytes()).into_owned()
    }

    /// Whether a wheel brought the program, and it is none of the installers.
    fn is_of_an_index(&self, path: &ImagePath, name: &str) -> bool {
        let is_python = family(name).starts_with("python") || INSTALLERS.contains(&name) || family(name) == "pip";
        !is_python && self.tree.is_new_since_base(path.as_bytes())
    }

    /// The variable or file that may change what a program does.
    pub(super) fn changed_by(&self, name: &str) -> Option<String> {
        let set = |name: &str| self.variable(name).filter(|value| !value.is_empty());
        let brought = |path: &str| self.at(path).is_some_and(|path| self.is_foreign_path(path.as_bytes()));
        for variable in ["LD_PRELOAD", "LD_AUDIT"] {
            if set(variable).is_some_and(|value| value.split([':', ' ']).any(brought)) {
                return Some(variable.to_owned());
            }
        }
        let library = |folder: &str| {
            let Some(folder) = self.at(folder).filter(|folder| !folder.is_root()) else { return false };
            self.foreign_below(folder.as_bytes()).any(|path| file_name(path.as_bytes()).windows(3).any(|w| w == b".so"))
        };
        if set("LD_LIBRARY_PATH").is_some_and(|value| value.split(':').filter(|part| !part.is_empty()).any(library)) {
            return Some("LD_LIBRARY_PATH".into());
        }
        if matches!(name, "sh" | "bash" | "dash" | "ash") {
            let variable = ["BASH_ENV", "ENV"]
                .into_iter()
                .find(|variable| set(variable).is_some_and(|value| brought(value) || value.contains('$')));
            return variable.map(str::to_owned);
        }
        let family = family(name);
        let is_python =
            matches!(family, "python" | "pip") || matches!(name, "poetry" | "pdm" | "pipenv" | "virtualenv");
        if is_python {
            let found = self.python_changed_by(family == "python");
            if found.is_some() {
                return found;
            }
        }
        if family == "pip" || family == "python" || name == "pipenv" {
            let known = |variable: &&String| {
                let own = variable.strip_prefix("PIP_").map(|own| own.to_ascii_uppercase());
                own.is_some_and(|own| !PIP.contains(&own.as_str()))
            };
            return self.scope.variables.keys().find(known).cloned();
        }
        if name == "uv" || name == "uvx" {
            return UV.iter().find(|variable| set(variable).is_some()).map(|variable| (*variable).to_owned());
        }
        None
    }

    /// What is run before a Python program's own code.
    fn python_changed_by(&self, here: bool) -> Option<String> {
        if self.variable("PYTHONHOME").is_some_and(|value| !value.is_empty()) {
            return Some("PYTHONHOME".into());
        }
        let shadows = |folder: &ImagePath| {
            FIRST_MODULES.iter().any(|module| {
                let paths = [format!("{module}.py"), format!("{module}/__init__.py")];
                paths.iter().any(|path| self.is_foreign_path(folder.join(path.as_bytes()).as_bytes()))
            })
        };
        let path = self.variable("PYTHONPATH").unwrap_or_default();
        if path
            .split(':')
            .filter(|part| !part.is_empty())
            .filter_map(|part| self.at(part))
            .any(|folder| shadows(&folder))
        {
            return Some("PYTHONPATH".into());
        }
        // `python -m` looks in the working directory first.
        if here && self.at(".").is_some_and(|folder| shadows(&folder)) {
            return Some("a module in the working directory".into());
        }
        let runs_first = |path: &&ImagePath| {
            let bytes = path.as_bytes();
            let inside = bytes.windows(15).any(|w| w == b"/site-packages/" || w == b"/dist-packages/");
            let name = file_name(bytes);
            inside && (name.ends_with(b".pth") || name == b"sitecustomize.py" || name == b"usercustomize.py")
        };
        self.tree.foreign().iter().find(runs_first).map(|path| format!("/{}", self.shown_path(path)))
    }

    fn is_foreign_path(&self, path: &[u8]) -> bool {
        let real = self.tree.resolve(path);
        self.tree.foreign().contains(path) || self.tree.foreign().contains(&real[..])
    }

    fn foreign_below<'s>(&'s self, folder: &'s [u8]) -> impl Iterator<Item = &'s ImagePath> {
        let from = self.tree.foreign().range(ImagePath::new(folder)..);
        from.take_while(move |path| path.as_bytes().starts_with(folder))
            .filter(move |path| is_within(path.as_bytes(), folder))
    }

    /// Whether an instruction brought what a login shell reads first.
    pub(super) fn has_foreign_profile(&self) -> bool {
        let home = self.home();
        let own = [".profile", ".bash_profile", ".bash_login", ".bashrc"];
        let own = own.iter().map(|name| [&home[..], b"/", name.as_bytes()].concat());
        own.chain([b"etc/profile".to_vec()]).any(|path| self.is_foreign_path(&path))
            || self.foreign_below(b"etc/profile.d").next().is_some()
    }
}

/// `python` of `python3.11`, `pip` of `pip3`.
pub(super) fn family(name: &str) -> &str {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if matches!(stem, "python" | "pip" | "pypy") { stem } else { name }
}
