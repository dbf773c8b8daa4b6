//! Shared libraries: what the dynamic loader puts into every program. Source: ld.so(8), nsswitch.conf(5).

use super::super::stage::{Stage, World};
use super::super::tree::{LIBRARIES, is_of_loader};
use super::{Found, shown};
use crate::base::{ImagePath, file_name, parent};
use crate::image::GapReason;
use crate::layer::EntryKind;

/// What loads programs and libraries into others, or tells the loader where to look.
const LOADERS: [&str; 2] = ["LD_PRELOAD", "LD_AUDIT"];

impl Stage {
    /// What an instruction or a command that is not known brought, and a program loads before it does anything.
    pub(super) fn loads_unknown(&self, world: &World<'_>, program: &str) -> Option<GapReason> {
        let environment = |name: &str| Some(GapReason::Environment(name.to_owned()));
        for name in LOADERS {
            let Ok(value) = self.setting(name) else { return environment(name) };
            let value = value.unwrap_or_default();
            if value.contains('$') || value.split([':', ' ']).any(|library| self.is_strangers_library(library)) {
                return environment(name);
            }
        }
        let Ok(folders) = self.setting("LD_LIBRARY_PATH") else { return environment("LD_LIBRARY_PATH") };
        if folders.is_some_and(|all| all.split([':', ';']).any(|folder| self.has_strangers_libraries(folder))) {
            return environment("LD_LIBRARY_PATH");
        }
        match self.settings_file(world, b"etc/ld.so.preload") {
            Found::Own => {}
            Found::Text(text) if text.lines().all(|line| line.trim().is_empty() || line.trim().starts_with('#')) => {}
            _ => return Some(GapReason::Settings("/etc/ld.so.preload".into())),
        }
        if self.is_brought(b"etc/ld.so.cache") || self.is_strange(b"etc/ld.so.cache") {
            return Some(GapReason::Settings("/etc/ld.so.cache".into()));
        }
        if let Some(why) = self.file_changes_names(world) {
            return Some(why);
        }
        self.replaced_library(world, self.program(program).is_none())
    }

    /// What is looked up by names of libraries: users and hosts.
    fn file_changes_names(&self, world: &World<'_>) -> Option<GapReason> {
        const OWN: [&str; 9] =
            ["files", "dns", "compat", "db", "systemd", "mymachines", "myhostname", "mdns4_minimal", "resolve"];
        let Found::Text(text) = self.settings_file(world, b"etc/nsswitch.conf") else { return None };
        let words = text.lines().filter_map(|line| line.split('#').next()?.split_once(':'));
        let mut words = words.flat_map(|(_, words)| words.split_whitespace());
        let is_open = words.any(|word| !OWN.contains(&word) && !word.starts_with('[') && !word.ends_with(']'));
        is_open.then(|| GapReason::Settings("/etc/nsswitch.conf".into()))
    }

    /// Whether a library that a variable names, by a path or a name, is none of the base's.
    fn is_strangers_library(&self, library: &str) -> bool {
        if library.contains('/') {
            return self
                .at(library)
                .is_none_or(|path| self.is_brought(path.as_bytes()) || self.is_strange(path.as_bytes()));
        }
        let is_it = |path: &ImagePath| file_name(path.as_bytes()) == library.as_bytes();
        !library.is_empty() && LIBRARIES.iter().any(|folder| self.changed_below(folder).any(is_it))
    }

    /// Whether a folder of `LD_LIBRARY_PATH` has libraries that an instruction brought.
    fn has_strangers_libraries(&self, folder: &str) -> bool {
        // An empty one is the working directory.
        let Some(path) = self.at(if folder.is_empty() { "." } else { folder }) else { return !folder.is_empty() };
        let path = ImagePath::new(&self.tree.resolve(path.as_bytes()));
        if self.is_strange(path.as_bytes()) || path.is_root() && folder.is_empty() {
            return self.is_strange(path.as_bytes());
        }
        let is_near = |found: &ImagePath| {
            let depth = found.as_bytes()[path.as_bytes().len()..].iter().filter(|byte| **byte == b'/').count();
            !(folder.is_empty() || path.is_root()) || depth < 2
        };
        let is_one = |found: &&ImagePath| is_shared(file_name(found.as_bytes())) && is_near(found);
        let names_base = |found: &&ImagePath| !folder.is_empty() || self.tree.has_library(file_name(found.as_bytes()));
        self.changed_below(path.as_bytes()).filter(is_one).any(|found| names_base(&found))
    }

    /// A library in a place where the loader looks, by a name that programs know. `of_package`: of a program which came with a
    /// package nobody knows which libraries it knows.
    fn replaced_library(&self, world: &World<'_>, of_package: bool) -> Option<GapReason> {
        let mut folders: Vec<Vec<u8>> = LIBRARIES.iter().map(|folder| folder.to_vec()).collect();
        match self.added_folders(world) {
            Ok(more) => folders.extend(more),
            Err(why) => return Some(why),
        }
        for folder in &folders {
            if self.tree.is_directory(&self.tree.resolve(folder)) && self.is_strange(folder) {
                return Some(GapReason::Library(shown(folder)));
            }
            let is_fixed = LIBRARIES.contains(&&folder[..]);
            let is_hit = |path: &ImagePath| {
                let bytes = path.as_bytes();
                let (name, place) = (file_name(bytes), parent(bytes));
                // A link in the place of a folder.
                let is_folder = || {
                    (is_fixed && is_of_loader(bytes))
                        && self.tree.get(bytes).is_some_and(|entry| entry.kind == EntryKind::Symlink)
                };
                let is_looked_in = place == &folder[..] || is_fixed && is_of_loader(place) || is_plugin(bytes);
                let is_known =
                    of_package || name.starts_with(b"libnss_") || is_plugin(bytes) || self.tree.has_library(name);
                is_folder() || is_looked_in && is_shared(name) && is_known
            };
            let is_tainted_folder = |path: &&ImagePath| is_of_loader(path.as_bytes()) || is_plugin(path.as_bytes());
            let found = self.brought_below(folder).find(|path| is_hit(path));
            let strange = || self.strange_below(folder).find(|path| is_hit(path) || is_tainted_folder(path));
            if let Some(path) = found.or_else(strange) {
                return Some(GapReason::Library(shown(path.as_bytes())));
            }
        }
        None
    }

    /// The folders that files of `/etc/ld.so.conf.d` add.
    fn added_folders(&self, world: &World<'_>) -> Result<Vec<Vec<u8>>, GapReason> {
        let mut out = Vec::new();
        let files = self.settings_in(b"etc/ld.so.conf.d")?.into_iter().chain([b"etc/ld.so.conf".to_vec()]);
        for file in files {
            match self.settings_file(world, &file) {
                Found::Own => {}
                Found::Unknown => return Err(GapReason::Settings(shown(&file))),
                Found::Text(text) => {
                    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
                        match line.split_once(char::is_whitespace) {
                            None if line.starts_with('/') => out.push(ImagePath::from(line).as_bytes().to_vec()),
                            None if line.is_empty() => {}
                            Some(("include", "/etc/ld.so.conf.d/*.conf")) => {}
                            _ => return Err(GapReason::Settings(shown(&file))),
                        }
                    }
                }
            }
        }
        Ok(out)
    }
}

fn is_shared(name: &[u8]) -> bool {
    name.windows(3).any(|part| part == b".so")
}

/// Whether a path is one of what the C library loads by itself.
fn is_plugin(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|part| part == b"gconv" || part == b"glibc-hwcaps")
}
