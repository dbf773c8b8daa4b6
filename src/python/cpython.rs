//! What CPython itself installs where no package manager owns it: in `/usr/local` of the official images, below pyenv, uv's
//! managed Pythons, Lambda's `/var/lang`, and wherever somebody compiled it.
//!
//! A prefix has a CPython where `lib/pythonX.Y/os.py` is, the landmark that the interpreter itself looks for
//! (`Modules/getpath.py`), and `bin/pythonX.Y`. Its files are told by the names of the standard library
//! (`sys.stdlib_module_names` of all releases from 3.8 on, `stdlib.txt`) and by what `make install` puts elsewhere
//! (`Makefile.pre.in`). What a later layer than that of `os.py` put in their place is somebody's patch, and not Python's own;
//! bytecode in `__pycache__` is always its source's.

use super::interpreter::minor_of_name;
use crate::base::{FastMap, ImagePath, LayerIdx, file_name, join, parent, source_of_bytecode};
use crate::fs::{Node, View};
use crate::layer::EntryKind;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The first components of what is in `lib/pythonX.Y`, without `.py` and `.so`, one a line.
const STDLIB: &str = include_str!("stdlib.txt");

/// The same, sorted.
static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let mut names: Vec<&str> = STDLIB.lines().collect();
    names.sort_unstable();
    names
});

/// Interpreters that are told apart in one image.
const MAX_INTERPRETERS: usize = 64;

/// The Pythons of an image that no package manager owns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interpreters {
    /// Sorted by their prefix and version.
    pub list: Vec<Interpreter>,
    owner_of: FastMap<ImagePath, usize>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// `/usr/local`.
    pub prefix: ImagePath,
    /// `python3.11`, `python3.13t`, `pypy3.10`.
    pub name: String,
    /// Its standard library: `/usr/local/lib/python3.11`.
    pub library: ImagePath,
    /// The layer of its landmark, `os.py`.
    pub layer: LayerIdx,
    /// Its bytes (`unpacked`, measured) by what they are. No file is in two parts.
    pub parts: BTreeMap<PythonPart, u64>,
}

/// What a file of CPython's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PythonPart {
    /// Modules in Python.
    StandardLibrary,
    /// Compiled modules: `lib-dynload`.
    ExtensionModules,
    /// `libpython3.X.so`, and the interpreter.
    Interpreter,
    /// Bytecode of the standard library.
    Bytecode,
    /// `ensurepip` with the wheels that it brings, for `python -m venv`.
    Ensurepip,
    /// IDLE, the turtle's demonstrations, `tkinter`.
    Idle,
    /// The test suite.
    Tests,
    /// What C extensions are compiled with: `config-3.X-*`, static libraries, headers, `pkgconfig`.
    Development,
    /// Manual pages, help texts, licences.
    Documentation,
}

impl PythonPart {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StandardLibrary => "standard library",
            Self::ExtensionModules => "extension modules",
            Self::Interpreter => "libpython, interpreter",
            Self::Bytecode => "bytecode",
            Self::Ensurepip => "ensurepip",
            Self::Idle => "idlelib, tkinter",
            Self::Tests => "tests",
            Self::Development => "config, headers, static library",
            Self::Documentation => "manual pages, help texts",
        }
    }
}

impl Interpreter {
    /// `Python 3.11`.
    pub fn title(&self) -> String {
        match self.name.strip_prefix("pypy") {
            Some(version) => format!("PyPy {version}"),
            None => format!("Python {}", self.name.trim_start_matches("python")),
        }
    }

    /// All its bytes.
    pub fn bytes(&self) -> u64 {
        self.parts.values().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// What a file below the prefix is, if it is Python's own.
    fn part(&self, path: &[u8]) -> Option<PythonPart> {
        if let Some(rest) = below(path, self.library.as_bytes()) {
            return self.library_part(rest);
        }
        let rest = below(path, self.prefix.as_bytes())?;
        let (dir, name) = (parent(rest), std::str::from_utf8(file_name(rest)).ok()?);
        let own = |name: &str| {
            let rest = name.strip_prefix(self.name.as_str());
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        let generic = |name: &str| own(name) || name.starts_with("python3.") && name.ends_with(".pc");
        match dir {
            b"bin" if is_program(name, &self.name) => Some(match name {
                name if name.ends_with("-config") => PythonPart::Development,
                name if name.starts_with("idle") || name.starts_with("2to3") || name.starts_with("pydoc") => {
                    PythonPart::Idle
                }
                _ => PythonPart::Interpreter,
            }),
            b"lib" | b"lib64" => {
                let stem = name.strip_prefix("lib")?;
                let is_own = own(stem) || stem.starts_with("python3.so");
                is_own.then_some(if name.ends_with(".a") { PythonPart::Development } else { PythonPart::Interpreter })
            }
            b"lib/pkgconfig" | b"lib64/pkgconfig" => {
                (generic(name) || name.starts_with("python3")).then_some(PythonPart::Development)
            }
            b"share/man/man1" => name.starts_with("python3").then_some(PythonPart::Documentation),
            _ if dir.starts_with(b"include/") => {
                let folder = std::str::from_utf8(dir.split(|&b| b == b'/').nth(1)?).ok()?;
                own(folder).then_some(PythonPart::Development)
            }
            _ if dir.starts_with(b"share/gdb/auto-load") => name.contains("python").then_some(PythonPart::Development),
            _ => None,
        }
    }

    /// The same of a path below the standard library's folder.
    fn library_part(&self, rest: &[u8]) -> Option<PythonPart> {
        let mut parts = rest.split(|&b| b == b'/');
        let first = parts.next()?;
        if rest == b"site-packages/README.txt" {
            return Some(PythonPart::Documentation);
        }
        if first == b"__pycache__" {
            return Some(PythonPart::Bytecode);
        }
        let text = std::str::from_utf8(first).ok()?;
        let is_config = text.starts_with("config-") || text == "config";
        let stem = text.split('.').next().unwrap_or_default();
        let is_known = NAMES.binary_search(&stem).is_ok() || text.starts_with("_sysconfigdata_");
        if !is_config && !is_known {
            return None;
        }
        let nested = rest.split(|&b| b == b'/');
        let in_tests = nested.clone().any(|part| matches!(part, b"test" | b"tests" | b"idle_test"));
        Some(match stem {
            _ if is_compiled(rest) => PythonPart::Bytecode,
            _ if is_config || rest.ends_with(b".a") => PythonPart::Development,
            "lib-dynload" => PythonPart::ExtensionModules,
            "ensurepip" => PythonPart::Ensurepip,
            "idlelib" | "turtledemo" | "tkinter" | "turtle" => PythonPart::Idle,
            _ if in_tests => PythonPart::Tests,
            "pydoc_data" | "LICENSE" => PythonPart::Documentation,
            _ => PythonPart::StandardLibrary,
        })
    }
}

/// In `__pycache__`, or beside its source.
fn is_compiled(path: &[u8]) -> bool {
    path.ends_with(b".pyc") || path.ends_with(b".pyo")
}

/// The programs that `make install` puts into `bin`, and the links that lead to them.
fn is_program(name: &str, interpreter: &str) -> bool {
    let version = interpreter.trim_start_matches("python").trim_start_matches("pypy");
    let stem = name.strip_suffix("-config").unwrap_or(name);
    ["python", "pypy", "pydoc", "idle", "2to3-", "2to3"].into_iter().any(|start| {
        let rest = stem.strip_prefix(start);
        rest.is_some_and(|rest| rest.is_empty() || rest == "3" || rest == version)
    })
}

fn below<'p>(path: &'p [u8], dir: &[u8]) -> Option<&'p [u8]> {
    if dir.is_empty() {
        return Some(path);
    }
    path.strip_prefix(dir)?.strip_prefix(b"/")
}

impl Interpreters {
    /// Finds them. `is_owned` tells whether a distribution or a package owns a path.
    pub fn new(view: &View<'_>, is_owned: impl Fn(&[u8]) -> bool) -> Self {
        let mut out = Self::default();
        for (path, node) in view.iter().filter(|(path, _)| path.ends_with(b"/os.py")) {
            if let Some(found) = landmark(view, path, node).filter(|_| !is_owned(path))
                && out.list.len() < MAX_INTERPRETERS
            {
                out.list.push(found);
            }
        }
        out.list.sort_by(|a, b| (&a.prefix, &a.name).cmp(&(&b.prefix, &b.name)));
        for position in 0..out.list.len() {
            out.assign(view, position, &is_owned);
        }
        out
    }

    /// Which of [`Interpreters::list`] a path is a file of.
    pub fn owner(&self, path: &[u8]) -> Option<usize> {
        self.owner_of.get(path).copied()
    }

    fn assign(&mut self, view: &View<'_>, position: usize, is_owned: &impl Fn(&[u8]) -> bool) {
        let interpreter = &self.list[position];
        let mut parts: BTreeMap<PythonPart, u64> = BTreeMap::new();
        for place in view.places_below(interpreter.prefix.as_bytes()) {
            let (path, node) = view.at(place);
            let Some(part) = interpreter.part(path) else { continue };
            let is_directory = view.entry(node.entry).kind == EntryKind::Directory;
            if is_directory || is_owned(path) || !interpreter.is_own(view, path, node) {
                continue;
            }
            let mut own = |owners: &mut FastMap<ImagePath, usize>, node: Node| {
                if owners.insert(view.path(node).clone(), position).is_none() && view.holds_bytes(node) {
                    let sum = parts.entry(part).or_default();
                    *sum = sum.saturating_add(view.size(node));
                }
            };
            own(&mut self.owner_of, node);
            // Bytes that a hard link leads to are where they are counted.
            let holder = view.holder(place).filter(|holder| *holder != place).map(|holder| view.at(holder));
            if let Some((_, node)) = holder.filter(|(path, _)| !is_owned(path)) {
                own(&mut self.owner_of, node);
            }
        }
        self.list[position].parts = parts;
    }
}

impl Interpreter {
    /// Whether a file is as Python brought it: of its landmark's layer or a lower one, or bytecode that any layer may write.
    fn is_own(&self, view: &View<'_>, path: &[u8], node: Node) -> bool {
        if !is_compiled(path) || file_name(parent(path)) != b"__pycache__" {
            return node.entry.0 <= self.layer;
        }
        let source = source_of_bytecode(path).and_then(|source| view.get(&source));
        source.is_none_or(|source| source.entry.0 <= self.layer)
    }
}

/// The interpreter whose landmark this is.
fn landmark(view: &View<'_>, path: &[u8], node: Node) -> Option<Interpreter> {
    let library = parent(path);
    let name = file_name(library);
    minor_of_name(name)?;
    let lib = parent(library);
    let prefix = matches!(file_name(lib), b"lib" | b"lib64").then(|| parent(lib))?;
    // conda keeps packages unpacked, which have the layout of a prefix.
    let is_package = view.get(&join(prefix, b"info/index.json")).is_some();
    let is_there = view.get(&join(prefix, &[&b"bin/"[..], name].concat())).is_some();
    (is_there && !is_package).then(|| Interpreter {
        prefix: ImagePath::new(prefix),
        name: String::from_utf8_lossy(name).into_owned(),
        library: ImagePath::new(library),
        layer: node.entry.0,
        parts: BTreeMap::new(),
    })
}
