//! What kind of file a path is, by its name alone.

use crate::base::is_in_cache;
use serde::{Deserialize, Serialize};

/// Kinds of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// `.py` and other source that is interpreted.
    Code,
    /// `.pyc`.
    Bytecode,
    /// `.so`, `.so.1`, `.a`-less native libraries.
    SharedLibrary,
    /// `.a`, `.o`, `.lib`.
    StaticLibrary,
    /// `.h`, `.hpp`, `include/`, `.pxd`, `.pyi`.
    Headers,
    /// Files in `tests/` or `test/` directories of Python packages.
    Tests,
    /// Caches and lists of package managers, `~/.cache`.
    Cache,
    /// Manual pages, documentation, licences, locales.
    Docs,
    /// Programs in `bin/` and `sbin/`.
    Executable,
    /// Metadata of packages: `.dist-info`, dpkg's database.
    Metadata,
    /// Everything else: data, models, assets.
    Data,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Code,
        Self::Bytecode,
        Self::SharedLibrary,
        Self::StaticLibrary,
        Self::Headers,
        Self::Tests,
        Self::Cache,
        Self::Docs,
        Self::Executable,
        Self::Metadata,
        Self::Data,
    ];

    /// The public name, which is the serde form too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Bytecode => "bytecode",
            Self::SharedLibrary => "shared-library",
            Self::StaticLibrary => "static-library",
            Self::Headers => "headers",
            Self::Tests => "tests",
            Self::Cache => "cache",
            Self::Docs => "docs",
            Self::Executable => "executable",
            Self::Metadata => "metadata",
            Self::Data => "data",
        }
    }
}

/// What the components of a path say, at one look.
#[derive(Default)]
struct Parts {
    cache: bool,
    site: bool,
    tests: bool,
    headers: bool,
    metadata: bool,
    programs: bool,
}

impl Parts {
    fn of(path: &[u8]) -> Self {
        let mut parts = Self::default();
        for part in path.split(|&b| b == b'/') {
            match part {
                b"_cacache" => parts.cache = true,
                b".cache" => parts.cache |= is_in_cache(path),
                b"site-packages" | b"dist-packages" => parts.site = true,
                b"tests" | b"test" => parts.tests = true,
                b"include" => parts.headers = true,
                b"bin" | b"sbin" | b"libexec" => parts.programs = true,
                _ => parts.metadata |= part.ends_with(b"-info") && is_metadata(part),
            }
        }
        parts
    }
}

fn is_metadata(part: &[u8]) -> bool {
    part.ends_with(b".dist-info") || part.ends_with(b".egg-info")
}

/// The category of a cleaned path.
pub fn categorize(path: &[u8]) -> Category {
    let name = crate::base::file_name(path);
    let parts = Parts::of(path);
    let extension = name.iter().rposition(|&b| b == b'.').map_or(&b""[..], |dot| &name[dot + 1..]);
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix.as_bytes()));
    let shared = || extension == b"so" || name.windows(4).any(|w| w == b".so.");
    match extension {
        _ if parts.cache || starts(&["var/cache/", "var/lib/apt/lists/"]) => Category::Cache,
        b"pyc" | b"pyo" => Category::Bytecode,
        _ if parts.site && parts.tests => Category::Tests,
        _ if shared() => Category::SharedLibrary,
        b"a" | b"o" | b"lib" => Category::StaticLibrary,
        b"h" | b"hpp" | b"hh" | b"hxx" | b"cuh" | b"pxd" | b"pyi" => Category::Headers,
        _ if parts.headers => Category::Headers,
        b"py" | b"pyx" | b"js" | b"sh" | b"pl" | b"pm" | b"rb" => Category::Code,
        _ if parts.metadata || starts(&["var/lib/dpkg/", "lib/apk/db/", "var/lib/apt/"]) => Category::Metadata,
        _ if starts(&[
            "usr/share/doc/",
            "usr/share/man/",
            "usr/share/info/",
            "usr/share/locale/",
            "usr/share/licenses/",
        ]) =>
        {
            Category::Docs
        }
        _ if parts.programs => Category::Executable,
        _ => Category::Data,
    }
}
