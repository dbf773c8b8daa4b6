//! What `venv` puts into an environment: the pip, and before Python 3.12 the setuptools, that came with the interpreter.
//!
//! Source: Python's documentation, ensurepip and venv; Debian's packages python3-pip-whl and python3-setuptools-whl.

use super::error::Result;
use super::install::row;
use super::run::{Outcome, Place};
use super::site::Site;
use super::stage::{Stage, World};
use crate::base::{FastSet, ImagePath, is_bytecode};
use crate::image::{GapReason, Writes};
use crate::index::Resolved;
use crate::layer::{Entry, EntryKind};
use crate::wheel::{predicted_bytecode, scaled};
use std::collections::BTreeMap;

/// Whether `ensurepip` brings setuptools: until Python 3.11.
fn has_setuptools(base: &Site) -> bool {
    let minor = base.python.strip_prefix("3.").and_then(|minor| minor.parse::<u32>().ok());
    minor.is_some_and(|minor| minor < 12)
}

/// The path that a file of a package of the system's has where its wheel is installed: `x.egg-info/PKG-INFO` is
/// `x.dist-info/METADATA`.
fn as_of_wheel(inside: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(inside);
    match text.split_once(".egg-info/") {
        Some((name, "PKG-INFO")) => format!("{name}.dist-info/METADATA").into_bytes(),
        Some((name, file)) => format!("{name}.dist-info/{file}").into_bytes(),
        None => inside.to_vec(),
    }
}

impl Stage {
    /// Installs pip into a new environment.
    ///
    /// # Errors
    ///
    /// As for an installation.
    pub(super) fn seed(
        &mut self,
        world: &World<'_>,
        base: &Site,
        folder: &ImagePath,
        place: &Place<'_>,
    ) -> Result<Outcome> {
        if self.copy_pip(world, base, folder) {
            return Ok(Outcome::Done);
        }
        let unknown = Outcome::Partly(GapReason::WhichPip, Writes::Within(vec![folder.clone()]));
        let Some(pins) = self.bundled(base) else { return Ok(unknown) };
        let options = ["install", "--no-deps", "--no-cache-dir", "--ignore-installed"].map(str::to_owned);
        let words: Vec<String> = options.into_iter().chain(pins).collect();
        match self.pip(world, &format!("{folder}/bin/python"), &words, place)? {
            Outcome::Done => Ok(Outcome::Done),
            _ => Ok(unknown),
        }
    }

    /// The pins of the wheels that came with the interpreter, by their file names or by the packages that have them.
    fn bundled(&self, base: &Site) -> Option<Vec<String>> {
        let lib = base.prefix.join(format!("lib/python{}/ensurepip/_bundled", base.python).as_bytes());
        let wheels: Vec<String> = [lib.as_bytes(), b"usr/share/python-wheels"]
            .into_iter()
            .flat_map(|folder| self.tree.names(folder))
            .filter_map(|name| String::from_utf8(name).ok())
            .collect();
        let version = |name: &str| {
            let of_wheel = |wheel: &String| {
                let version = wheel.strip_prefix(name)?.strip_prefix('-')?.split('-').next()?;
                wheel.ends_with(".whl").then(|| version.to_owned())
            };
            // Debian's revision, and what says that files were left out, are no part of the version.
            let of_package = || {
                let version = self.package_version(&format!("python3-{name}-whl"))?;
                Some(version.split(['-', '+', '~']).next()?.to_owned())
            };
            wheels.iter().find_map(of_wheel).or_else(of_package).map(|version| format!("{name}=={version}"))
        };
        let names = if has_setuptools(base) { &["pip", "setuptools"][..] } else { &["pip"] };
        names.iter().map(|name| version(name)).collect()
    }

    /// Copies the base's own pip, which came with Python where nobody updated it. `ensurepip` compiles it, whatever the variables
    /// say, and whether the base has bytecode of its own or not.
    fn copy_pip(&mut self, world: &World<'_>, base: &Site, folder: &ImagePath) -> bool {
        let Some(site) = self.virtual_site(folder.as_bytes()) else { return false };
        let from = [base.site_dir.as_bytes(), b"usr/lib/python3/dist-packages"]
            .into_iter()
            .find(|folder| self.tree.is_directory(&[folder, &b"/pip"[..]].concat()));
        let Some(from) = from.map(<[u8]>::to_vec) else { return false };
        let with_setuptools = has_setuptools(base);
        let ratio = |name: &'static str| {
            let package = Resolved { name: name.into(), normalized: name.into(), ..Resolved::default() };
            Some((name, world.outside.bytecode_ratio(&package)?))
        };
        let ratios: BTreeMap<&str, (u64, u64)> = ["pip", "setuptools"].into_iter().filter_map(ratio).collect();
        let is_seed = |name: &[u8]| {
            let name = String::from_utf8_lossy(name);
            let pip = name == "pip" || name.starts_with("pip-") && name.ends_with("-info");
            let other =
                matches!(&*name, "setuptools" | "pkg_resources" | "_distutils_hack" | "distutils-precedence.pth");
            pip || with_setuptools && (other || name.starts_with("setuptools-") && name.ends_with("-info"))
        };
        let paths: Vec<(ImagePath, Entry)> =
            self.tree.below(&from).map(|(path, entry)| (path.clone(), entry.clone())).collect();
        let copied: FastSet<Vec<u8>> = paths
            .iter()
            .map(|(path, _)| path.as_bytes()[from.len() + 1..].to_vec())
            .filter(|path| is_bytecode(path))
            .collect();
        let mut records: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        for (path, entry) in paths {
            let inside = &path.as_bytes()[from.len() + 1..];
            let first = inside.split(|&b| b == b'/').next().unwrap_or_default();
            if is_seed(first) && entry.kind == EntryKind::File {
                let content = self.tree.content(path.as_bytes()).map(<[u8]>::to_vec);
                let to = site.site_dir.join(&as_of_wheel(inside));
                let of = if first.starts_with(b"pip") { "pip" } else { "setuptools" };
                let records = records.entry(format!("{of}-").into_bytes()).or_default();
                records.push_str(&row(&to, &site, entry.content, entry.size));
                let compiled = super::install::compiled(&to, &site).filter(|_| to.as_bytes().ends_with(b".py"));
                let size = match ratios.get(of) {
                    Some(&(bytecode, source)) if bytecode > 0 => scaled(entry.size, bytecode, source),
                    _ => predicted_bytecode(entry.size, &site.python),
                };
                self.tree.put(Entry { path: to, ..entry }, content);
                let is_new = |path: &ImagePath| {
                    let inside = path.as_bytes().strip_prefix(site.site_dir.as_bytes()).and_then(|rest| rest.get(1..));
                    inside.is_some_and(|inside| !copied.contains(inside))
                };
                if let Some(compiled) = compiled.filter(is_new) {
                    records.push_str(&row(&compiled, &site, None, size));
                    self.tree.put(Entry::file(compiled, size), None);
                }
            }
        }
        // Where it is a package of the system's it has no RECORD, which what is installed into the environment has.
        for (start, text) in records {
            let is_metadata = |name: &Vec<u8>| name.starts_with(&start) && name.ends_with(b"-info");
            let Some(metadata) = self.tree.names(site.site_dir.as_bytes()).into_iter().find(is_metadata) else {
                continue;
            };
            let record = site.site_dir.join(&metadata).join(b"RECORD");
            if metadata.ends_with(b".dist-info") && !self.tree.exists(record.as_bytes()) {
                let text = text + &row(&record, &site, None, 0);
                self.write(record, text.into_bytes(), 0, 0);
            }
        }
        for name in ["pip", "pip3", &format!("pip{}", base.python)] {
            let size = 215 + folder.to_string().len() as u64;
            self.tree.put(Entry { mode: 0o755, ..Entry::file(folder.join(b"bin").join(name.as_bytes()), size) }, None);
        }
        true
    }
}
