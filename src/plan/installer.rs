//! Whether anything can install into an environment where the plan would: an interpreter alone cannot. The build stage stands
//! on the base, or where that has no such Python on the original, and what it calls is `python -m venv` or `python -m pip`.
//!
//! Source: Python's documentation, venv and ensurepip; Debian's python3-pip-whl and Fedora's python-pip-wheel, which have the
//! wheels that `ensurepip` takes outside of it.

use crate::base::{ImagePath, file_name, parent};
use crate::fs::View;
use crate::python::EnvironmentKind;

/// Where a distribution has the wheels that its `ensurepip` takes.
const WHEELS: [&[u8]; 2] = [b"usr/share/python-wheels", b"usr/share/python3-wheels"];

/// The environment to install into.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub kind: EnvironmentKind,
    /// Its interpreter in the original, behind all links, where it has one.
    pub interpreter: Option<&'a ImagePath>,
    /// `3.11`.
    pub python: &'a str,
}

/// What the build stage of a plan would have.
pub(super) struct Stage<'a> {
    /// The image.
    pub original: &'a View<'a>,
    /// The base; empty where it is not known.
    pub base: &'a View<'a>,
    /// Where the image looks for programs.
    pub path: Vec<ImagePath>,
    /// Whether a package of the system's brings a Python.
    pub is_packaged: bool,
}

impl Stage<'_> {
    /// Why nothing there can install into an environment. None where something can, or it is not known what the base has.
    pub fn lacks(&self, environment: Wanted<'_>) -> Option<String> {
        if environment.kind == EnvironmentKind::Conda || self.is_packaged && is_usual(environment) {
            return None;
        }
        if let Some(found) = interpreter(self.base, &self.path, environment) {
            let why = "the base's Python has no pip, and no ensurepip with a wheel of it";
            return (!can_install(self.base, &found, environment)).then(|| why.to_owned());
        }
        // An environment of a folder alone, as build systems make them, has no interpreter that anybody would call.
        let has_none = environment.kind == EnvironmentKind::Other
            && !self.base.is_empty()
            && interpreter(self.original, &self.path, environment).is_none();
        has_none.then(|| {
            format!("neither the base nor the image has a Python {} where systems have it", environment.python)
        })
    }
}

/// Whether the environment's interpreter goes by its name alone.
fn is_usual(environment: Wanted<'_>) -> bool {
    let folders: [&[u8]; 3] = [b"usr/local/bin", b"usr/bin", b"bin"];
    environment.interpreter.is_none_or(|path| folders.contains(&parent(path.as_bytes())))
}

/// The interpreter of an environment in a tree: by its name where the image's `PATH` or all systems have theirs, else at its
/// place.
fn interpreter(view: &View<'_>, path: &[ImagePath], environment: Wanted<'_>) -> Option<ImagePath> {
    if let Some(path) = environment.interpreter.filter(|_| !is_usual(environment)) {
        return view.get(path.as_bytes()).map(|_| path.clone());
    }
    let version = format!("python{}", environment.python);
    // `python3` alone is another one where it leads to another version.
    let is_it = |place: &ImagePath| {
        view.resolve(place.as_bytes()).is_some_and(|real| {
            let name = file_name(&real);
            environment.python == "3" || name == version.as_bytes() || name == b"python3"
        })
    };
    let usual = ["usr/local/bin", "usr/bin"].map(ImagePath::from);
    let names = [version.as_bytes(), b"python3"];
    let folders = || path.iter().chain(&usual);
    names.into_iter().flat_map(|name| folders().map(move |folder| folder.join(name))).find(is_it)
}

/// Whether an interpreter can do what the plan calls: make an environment with pip in it, or run pip.
fn can_install(view: &View<'_>, interpreter: &ImagePath, environment: Wanted<'_>) -> bool {
    let prefix = parent(parent(interpreter.as_bytes()));
    let version = format!("python{}", environment.python);
    let folder = |rest: &str| [prefix, b"/", rest.as_bytes()].concat();
    let library = |lib: &str| folder(&format!("{lib}/{version}"));
    let sites = ["lib", "lib64"]
        .into_iter()
        .flat_map(|lib| ["site-packages", "dist-packages"].map(|site| folder(&format!("{lib}/{version}/{site}"))));
    let local = ["site-packages", "dist-packages"].map(|site| format!("usr/local/lib/{version}/{site}").into_bytes());
    let mut sites = sites.chain(local).chain([folder("lib/python3/dist-packages")]);
    let has = |path: &[u8]| view.resolve(path).is_some();
    // Of a Python without its library nothing is known.
    if !["lib", "lib64"].iter().any(|lib| has(&[&library(lib)[..], b"/os.py"].concat())) {
        return true;
    }
    let has_pip = sites.any(|site| has(&[&site[..], b"/pip/__init__.py"].concat()));
    let wheel = |dir: &[u8]| {
        let is_pip = |path: &[u8]| file_name(path).starts_with(b"pip") && path.ends_with(b".whl");
        view.below(dir).any(|(path, _)| is_pip(path))
    };
    let has_seed = || {
        ["lib", "lib64"].into_iter().any(|lib| {
            let ensurepip = [&library(lib)[..], b"/ensurepip"].concat();
            let is_there = !view.places_below(&ensurepip).is_empty();
            is_there && (wheel(&[&ensurepip[..], b"/_bundled"].concat()) || WHEELS.iter().any(|dir| wheel(dir)))
        })
    };
    match environment.kind {
        EnvironmentKind::Virtual => has_seed(),
        _ => has_pip,
    }
}
