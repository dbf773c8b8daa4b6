//! Whether a program is what its name says. A name is trusted where the program came with the base image, with a package of the system's or with
//! an installer; not where an instruction brought or changed it. What changes it from outside is in [`super::settings`].

use super::run::base_name;
use super::stage::Stage;
use crate::base::{ImagePath, file_name};
use crate::layer::EntryKind;

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
                let is_strange =
                    |path: &ImagePath| self.tree.foreign().contains(path) || self.is_strange(path.as_bytes());
                let foreign = is_strange(&place) || is_strange(&here);
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
}

/// `python` of `python3.11`, `pip` of `pip3`.
pub(super) fn family(name: &str) -> &str {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if matches!(stem, "python" | "pip" | "pypy") { stem } else { name }
}
