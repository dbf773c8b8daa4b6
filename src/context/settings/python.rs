//! What a Python program runs or loads before its own code. Source: Python's documentation of `site`, of its command line and its
//! environment, and of how `sys.path` begins.

use super::super::programs::family;
use super::super::run::base_name;
use super::super::stage::{Stage, World};
use super::shown;
use crate::base::{ImagePath, file_name, parent};
use crate::image::GapReason;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Modules of the standard library that no installer asks for: a folder of the application's may have one of these names.
const NEVER_ASKED: [&str; 14] = [
    "code",
    "test",
    "tests",
    "this",
    "antigravity",
    "turtle",
    "turtledemo",
    "tkinter",
    "idlelib",
    "sqlite3",
    "wsgiref",
    "curses",
    "sndhdr",
    "wave",
];
/// The names of the standard library's modules, of Python 3.8 to 3.14.
static STANDARD: LazyLock<BTreeSet<&str>> = LazyLock::new(|| include_str!("modules.txt").split_whitespace().collect());
/// Of the site directory: what Python, pip and setuptools ask for by themselves.
const FIRST: [&str; 9] = [
    "sitecustomize",
    "usercustomize",
    "pip",
    "keyring",
    "_distutils_hack",
    "setuptools",
    "pkg_resources",
    "wheel",
    "distutils-precedence",
];
/// Variables that are not followed, whatever they have.
const VARIABLES: [&str; 3] = ["PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE"];

impl Stage {
    /// What a Python program runs that an instruction brought. `of_plugins`: whether it looks for plugins among all that is
    /// installed.
    pub(super) fn python_changed_by(&self, world: &World<'_>, program: &str, of_plugins: bool) -> Option<GapReason> {
        let environment = |name: &str| Some(GapReason::Environment(name.to_owned()));
        if let Some(why) = self.any_set(&VARIABLES) {
            return Some(why);
        }
        let Ok(warnings) = self.setting("PYTHONWARNINGS") else { return environment("PYTHONWARNINGS") };
        let category = |filter: &str| filter.split(':').nth(2).is_some_and(|category| category.contains('.'));
        if warnings.unwrap_or_default().split(',').any(category) {
            return environment("PYTHONWARNINGS");
        }
        let Ok(compiled) = self.setting("PYTHONPYCACHEPREFIX") else { return environment("PYTHONPYCACHEPREFIX") };
        let is_brought =
            |path: ImagePath| self.brought_below(path.as_bytes()).next().is_some() || self.may_have(path.as_bytes());
        if compiled.is_some_and(|folder| self.at(folder).is_none_or(is_brought)) {
            return environment("PYTHONPYCACHEPREFIX");
        }
        let Ok(path) = self.setting("PYTHONPATH") else { return environment("PYTHONPATH") };
        let parts = path.map(|path| path.split(':').collect::<Vec<_>>()).unwrap_or_default();
        let here = |part: &str| if part.is_empty() { ".".to_owned() } else { part.to_owned() };
        if parts.into_iter().any(|part| self.at(&here(part)).is_none_or(|folder| self.shadows(folder.as_bytes()))) {
            return environment("PYTHONPATH");
        }
        // `python -m` looks in the working directory first.
        if family(base_name(program)) == "python" && self.at(".").is_some_and(|folder| self.shadows(folder.as_bytes()))
        {
            return environment("a module in the working directory");
        }
        let site = self.site_of(world, program);
        let mut prefixes: Vec<Vec<u8>> = vec![b"usr".to_vec(), b"usr/local".to_vec()];
        let mut folders = Vec::new();
        if let Some(site) = &site {
            prefixes.push(site.prefix.as_bytes().to_vec());
            folders.push(site.site_dir.as_bytes().to_vec());
            if let Some(why) = self.interpreter_changed(site.interpreter.trim_start_matches('/').as_bytes()) {
                return Some(why);
            }
        }
        let Ok(base) = self.setting("PYTHONUSERBASE") else { return environment("PYTHONUSERBASE") };
        let of_user = base.and_then(|base| self.at(base)).map(|base| base.as_bytes().to_vec());
        let homes = self.homes(world).into_iter().map(|home| [&home[..], b"/.local"].concat());
        prefixes.extend(of_user);
        prefixes.extend(homes);
        prefixes.sort();
        prefixes.dedup();
        prefixes
            .iter()
            .find_map(|prefix| self.library_changed(world, prefix, of_plugins))
            .or_else(|| folders.iter().find_map(|folder| self.paths_changed(world, folder)))
    }

    /// Whether something that is not known may be at a path or below it.
    fn may_have(&self, path: &[u8]) -> bool {
        self.is_strange(path) || self.strange_below(path).next().is_some()
    }

    /// What starts an interpreter: its file, and the files beside it that say where its library is.
    fn interpreter_changed(&self, interpreter: &[u8]) -> Option<GapReason> {
        let bin = parent(interpreter);
        for name in ["python3", "python"] {
            let path = shown(&[bin, b"/", name.as_bytes()].concat());
            if let Some(path) = self.foreign_program(&path) {
                return Some(GapReason::ForeignProgram(path));
            }
        }
        if let Some(path) = self.foreign_program(&shown(interpreter)) {
            return Some(GapReason::ForeignProgram(path));
        }
        let real = self.tree.resolve(interpreter);
        let places = [bin, parent(bin), parent(&real), parent(parent(&real))];
        let files = places
            .iter()
            .flat_map(|place| [[place, &b"/pyvenv.cfg"[..]].concat(), [place, &b"/pybuilddir.txt"[..]].concat()]);
        let found = files.map(|file| ImagePath::new(&file)).find(|file| {
            self.tree.exists(file.as_bytes()) && (self.is_brought(file.as_bytes()) || self.is_strange(file.as_bytes()))
        });
        found.map(|file| GapReason::Settings(shown(file.as_bytes())))
    }

    /// What is in the libraries of the Pythons of a prefix, and is loaded by itself.
    pub(super) fn library_changed(&self, world: &World<'_>, prefix: &[u8], of_plugins: bool) -> Option<GapReason> {
        for library in [[prefix, b"/lib"].concat(), [prefix, b"/lib64"].concat()] {
            let versions: Vec<Vec<u8>> =
                self.tree.names(&library).into_iter().filter(|name| name.starts_with(b"python")).collect();
            for version in versions {
                let folder = [&library[..], b"/", &version].concat();
                let start = folder.len() + 1;
                if self.is_strange(&folder) {
                    return Some(GapReason::Library(shown(&folder)));
                }
                let is_loaded = |path: &ImagePath, strange: bool| {
                    let inside = path.as_bytes().get(start..).unwrap_or_default();
                    let text = String::from_utf8_lossy(inside).into_owned();
                    let Some((_, name)) = text.split_once("-packages") else { return true };
                    let Some(name) = name.strip_prefix('/') else { return true };
                    let first = name.split('/').next().unwrap_or_default();
                    let stem = first.split('.').next().unwrap_or_default();
                    let is_list = first.ends_with(".pth") && !name.contains('/');
                    of_plugins
                        || FIRST.contains(&stem)
                        || is_list && (strange || self.list_runs(world, path.as_bytes()))
                };
                let found = self.brought_below(&folder).find(|path| is_loaded(path, false));
                let found = found.or_else(|| self.strange_below(&folder).find(|path| is_loaded(path, true)));
                if let Some(path) = found {
                    return Some(GapReason::Library(shown(path.as_bytes())));
                }
            }
        }
        None
    }

    /// Whether a `.pth` runs something: a line of it begins with `import`, or it leads to what Python asks for first.
    fn list_runs(&self, world: &World<'_>, path: &[u8]) -> bool {
        let Some(text) = self.own_text(world, path) else { return true };
        self.text_runs(&text, parent(path))
    }

    fn text_runs(&self, text: &str, folder: &[u8]) -> bool {
        text.split(['\n', '\r']).map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#')).any(
            |line| {
                let place = if line.starts_with('/') {
                    ImagePath::from(line)
                } else {
                    ImagePath::new(&[folder, b"/", line.as_bytes()].concat())
                };
                line.starts_with("import ") || line.starts_with("import\t") || self.has_first(place.as_bytes())
            },
        )
    }

    /// What an installed project leads to (`__editable__….pth`).
    fn paths_changed(&self, world: &World<'_>, site: &[u8]) -> Option<GapReason> {
        let is_list = |name: &Vec<u8>| name.ends_with(b".pth");
        let lists = self.tree.names(site).into_iter().filter(is_list).map(|name| [site, b"/", &name].concat());
        let mut lists = lists.filter(|path| self.tree.is_new_since_base(path));
        let found = lists.find(|path| {
            let text = self.own_text(world, path);
            text.is_some_and(|text| {
                let lines = text.lines().filter(|line| line.starts_with('/')).map(ImagePath::from);
                lines
                    .into_iter()
                    .any(|place| self.has_first(place.as_bytes()) || self.has_first(place.join(b"src").as_bytes()))
            })
        });
        found.map(|path| GapReason::Library(shown(&path)))
    }

    /// Whether a folder has one of the modules that are asked for by themselves.
    fn has_first(&self, folder: &[u8]) -> bool {
        self.has_modules(folder, |name| matches!(name, "sitecustomize" | "usercustomize" | "keyring"))
    }

    /// Whether a folder has modules that stand before those of the standard library, or of pip.
    fn shadows(&self, folder: &[u8]) -> bool {
        let is_standard = |name: &str| STANDARD.contains(name) && !NEVER_ASKED.contains(&name);
        self.has_modules(folder, |name| {
            is_standard(name)
                || FIRST.contains(&name)
                || matches!(name, "uv" | "poetry" | "pdm" | "pipenv" | "virtualenv")
        })
    }

    fn has_modules(&self, folder: &[u8], is_one: impl Fn(&str) -> bool) -> bool {
        let real = self.tree.resolve(folder);
        if self.is_strange(folder) {
            return true;
        }
        let strange = self.strange_below(&real).filter(|path| parent(path.as_bytes()) == real);
        let strange: Vec<Vec<u8>> = strange.map(|path| file_name(path.as_bytes()).to_vec()).collect();
        let names = self.tree.names(&real);
        names.iter().chain(&strange).any(|name| {
            let Ok(text) = std::str::from_utf8(name) else { return false };
            let stem = text.split('.').next().unwrap_or_default();
            if !is_one(stem) {
                return false;
            }
            let path = [&real[..], b"/", name].concat();
            let brought = |path: &[u8]| self.is_brought(path) || self.is_strange(path);
            match self.tree.is_directory(&self.tree.resolve(&path)) {
                false => {
                    [".py", ".pyc", ".so"].iter().any(|end| text.ends_with(end)) && brought(&path)
                        || self.is_strange(&path)
                }
                true => ["__init__.py", "__init__.pyc"].iter().any(|file| {
                    let file = [&path[..], b"/", file.as_bytes()].concat();
                    self.tree.exists(&self.tree.resolve(&file)) && brought(&file)
                }),
            }
        })
    }
}
