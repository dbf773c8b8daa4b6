//! Which Python a command installs into, and where.

use super::run::base_name;
use super::stage::Stage;
use crate::base::{ImagePath, file_name, parent};

/// An environment to install into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    /// `/usr/local`.
    pub(super) prefix: ImagePath,
    /// `/usr/local/lib/python3.11/site-packages`.
    pub(super) site_dir: ImagePath,
    /// `3.11`.
    pub(super) python: String,
    /// What scripts begin with: `/usr/local/bin/python3.11`.
    pub(super) interpreter: String,
    /// Whether scripts go into the site directory itself (`--target`).
    pub(super) is_target: bool,
}

impl Site {
    /// `/usr/local` of `/usr/local/bin/python3.11`.
    pub(super) fn prefix_of_interpreter(&self) -> ImagePath {
        ImagePath::new(parent(parent(self.interpreter.trim_start_matches('/').as_bytes())))
    }
}

/// `3.11` of `3.11.7`, `3.11-slim` and `3.11`.
pub(super) fn minor_of(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches("cpython-").trim_start_matches("python");
    let mut parts = text.splitn(3, '.');
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let (major, minor) = (parts.next()?, digits(parts.next()?));
    (major == "3" && !minor.is_empty()).then(|| format!("3.{minor}"))
}

impl Stage {
    /// The minor version of the interpreter that a path leads to.
    fn version_of(&self, interpreter: &[u8]) -> Option<String> {
        let real = self.tree.resolve(interpreter);
        let by_name = std::str::from_utf8(file_name(&real)).ok().and_then(minor_of);
        by_name.or_else(|| {
            let bin = parent(&real);
            let names = self.tree.names(bin);
            names.iter().filter_map(|name| std::str::from_utf8(name).ok()?.strip_prefix("python")).find_map(minor_of)
        })
    }

    /// The version of Python that the base image's name, its variables or the user tell, where its files do not.
    fn stated_version(&self, world: &super::stage::World<'_>) -> Option<String> {
        let by_variable = self.variable("PYTHON_VERSION").and_then(minor_of);
        let by_user = || world.options.python.as_deref().and_then(minor_of);
        let by_name = || match &self.base {
            super::stage::BaseKnown::NameOnly(name) => by_image_name(name),
            super::stage::BaseKnown::Whole => None,
        };
        by_user().or(by_variable).or_else(by_name)
    }

    /// The environment of a program (`pip`, `python3`, `/opt/venv/bin/pip`).
    pub(super) fn site_of(&self, world: &super::stage::World<'_>, program: &str) -> Option<Site> {
        // What is named by its path is that one or none.
        let is_path = program.contains('/');
        let any = || ["python3", "python"].iter().find_map(|name| self.program(name)).filter(|_| !is_path);
        let Some(found) = self.program(program).or_else(any) else {
            let path = self.at(program).map(|path| self.tree.resolve(path.as_bytes()));
            let may_be = !is_path || path.is_some_and(|path| !self.is_whole() || is_systems(parent(&path)));
            return may_be.then(|| self.packaged_site(program).or_else(|| self.stated_site(world))).flatten();
        };
        let bin = parent(&found).to_vec();
        // A script of an environment stands beside its interpreter.
        let prefix = parent(&bin).to_vec();
        if self.tree.exists(&[&prefix[..], b"/pyvenv.cfg"].concat()) {
            return self.virtual_site(&prefix);
        }
        let interpreter = ["python3", "python"]
            .iter()
            .map(|name| [&bin[..], b"/", name.as_bytes()].concat())
            .find(|path| self.tree.exists(path))
            .or_else(|| self.program("python3"))
            .or_else(|| self.program("python"));
        let Some(interpreter) = interpreter else { return self.stated_site(world) };
        let python = self.version_of(&interpreter).or_else(|| self.stated_version(world))?;
        let real = self.tree.resolve(&interpreter);
        Some(self.system_site(parent(&real), &python))
    }

    /// The environment of an interpreter in a folder of programs.
    fn system_site(&self, bin: &[u8], python: &str) -> Site {
        let prefix = parent(bin).to_vec();
        let is_vendors = prefix == b"usr" || prefix.is_empty();
        // Debian's pip installs beside Debian's own packages, Alpine's among them.
        let is_debian = is_vendors && self.is_debian();
        let (prefix, folder) = match (is_debian, is_vendors) {
            (true, _) => (b"usr/local".to_vec(), "dist-packages"),
            (false, true) => (b"usr".to_vec(), "site-packages"),
            _ => (prefix, "site-packages"),
        };
        let prefix = ImagePath::new(&prefix);
        let site_dir = prefix.join(format!("lib/python{python}/{folder}").as_bytes());
        let interpreter = format!("/{}/python{}", String::from_utf8_lossy(bin), if is_vendors { "3" } else { python });
        Site { prefix, site_dir, python: python.to_owned(), interpreter, is_target: false }
    }

    /// The Python that an instruction has installed as a package, whose files are not told apart.
    fn packaged_site(&self, program: &str) -> Option<Site> {
        let named = || {
            let minor = minor_of(base_name(program).trim_start_matches("pip"))?;
            self.has_package(&format!("python{minor}-minimal")).then_some(minor)
        };
        let default = || ["python3-minimal", "python3"].iter().find_map(|name| minor_of(&self.package_version(name)?));
        let of_alpine = || {
            let (packages, _) = crate::os::parse_installed(self.tree.content(b"lib/apk/db/installed")?);
            minor_of(&packages.into_iter().find(|found| found.package.name == "python3")?.package.version)
        };
        let python = named().or_else(default).or_else(of_alpine)?;
        Some(self.system_site(b"usr/bin", &python))
    }

    /// Whether a path is that of an interpreter that a package brought.
    pub(super) fn is_packaged_python(&self, path: &[u8]) -> bool {
        let name = String::from_utf8_lossy(file_name(path)).into_owned();
        let is_named = name == "python3" || name.starts_with("python3.");
        is_systems(parent(path)) && is_named && self.packaged_site(&name).is_some()
    }

    fn has_package(&self, name: &str) -> bool {
        self.package_version(name).is_some()
    }

    /// Where nothing of the base tells: as the official Python images have it, or, where the user says which there is and the
    /// base has files, as its vendor has it.
    fn stated_site(&self, world: &super::stage::World<'_>) -> Option<Site> {
        let python = self.stated_version(world)?;
        let is_official = !self.is_whole() || self.variable("PYTHON_VERSION").is_some();
        match (is_official, &world.options.python) {
            (false, None) => None,
            (false, Some(_)) if self.is_debian() => Some(self.system_site(b"usr/bin", &python)),
            _ => Some(self.system_site(b"usr/local/bin", &python)),
        }
    }

    fn is_debian(&self) -> bool {
        self.tree.is_directory(b"usr/lib/python3/dist-packages") || self.tree.exists(b"etc/debian_version")
    }

    /// A virtual environment.
    pub(super) fn virtual_site(&self, prefix: &[u8]) -> Option<Site> {
        let library = [prefix, b"/lib"].concat();
        let python = self.tree.names(&library).iter().find_map(|name| minor_of(std::str::from_utf8(name).ok()?))?;
        let prefix = ImagePath::new(prefix);
        let site_dir = prefix.join(format!("lib/python{python}/site-packages").as_bytes());
        let interpreter = format!("{prefix}/bin/python3");
        Some(Site { prefix, site_dir, python, interpreter, is_target: false })
    }
}

/// Whether packages put programs there.
fn is_systems(folder: &[u8]) -> bool {
    matches!(folder, b"usr/bin" | b"bin")
}

/// `3.11` of `python:3.11-slim` and `registry.example.org/library/python:3.11.7`, `3.12` of `ubi9/python-312`.
fn by_image_name(name: &str) -> Option<String> {
    let whole = name.split('@').next()?;
    let last = whole.rsplit('/').next()?.split(':').next()?;
    // Red Hat's images of Python, and those of its SCLs, have both numbers as one.
    let in_name = last.strip_prefix("python-3").filter(|minor| (1..=2).contains(&minor.len()));
    if let Some(minor) = in_name.filter(|minor| minor.bytes().all(|b| b.is_ascii_digit())) {
        return Some(format!("3.{minor}"));
    }
    let (repository, tag) = whole.rsplit_once(':')?;
    let is_python = repository.rsplit('/').next().is_some_and(|last| last.contains("python"));
    let in_tag = || {
        tag.split(['-', '_'])
            .find_map(|part| part.strip_prefix("python").or(part.strip_prefix("py")).and_then(minor_of))
    };
    is_python.then(|| minor_of(tag)).flatten().or_else(in_tag)
}

impl Site {
    /// The same place below another root: `--root`.
    pub(super) fn below(&self, root: &ImagePath) -> Self {
        let prefix = root.join(self.prefix.as_bytes());
        Self { prefix, site_dir: root.join(self.site_dir.as_bytes()), ..self.clone() }
    }

    /// Another folder of an environment's interpreter: `--target`, `--user`, `--prefix`.
    pub(super) fn elsewhere(&self, prefix: ImagePath, is_target: bool) -> Self {
        let site_dir = if is_target {
            prefix.clone()
        } else {
            prefix.join(format!("lib/python{}/site-packages", self.python).as_bytes())
        };
        Self { prefix, site_dir, is_target, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::{by_image_name, minor_of};

    #[test]
    fn versions_are_read_of_names() {
        for (name, version) in [
            ("python:3.11-slim", Some("3.11")),
            ("example.org:5000/library/python:3.12.4-bookworm", Some("3.12")),
            ("tiangolo/uvicorn-gunicorn:python3.9", Some("3.9")),
            ("ghcr.io/x/uv:0.5-python3.12-bookworm-slim", Some("3.12")),
            ("registry.access.redhat.com/ubi9/python-312:9.5", Some("3.12")),
            ("registry.access.redhat.com/ubi8/python-39", Some("3.9")),
            ("public.ecr.aws/lambda/python:3.10-x86_64", Some("3.10")),
            ("debian:12", None),
            ("python:3", None),
            ("python", None),
        ] {
            assert_eq!(by_image_name(name).as_deref(), version, "{name}");
        }
        assert_eq!(minor_of("cpython-3.11.7"), Some("3.11".into()));
    }
}
