//! What kind of file a path is, by its name alone.

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

/// The category of a cleaned path.
pub fn categorize(path: &[u8]) -> Category {
    let name = crate::base::file_name(path);
    let has = |part: &[u8]| path.split(|&b| b == b'/').any(|component| component == part);
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix.as_bytes()));
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix.as_bytes()));
    let in_site = has(b"site-packages") || has(b"dist-packages");
    let shared = ends(&[".so"]) || name.windows(4).any(|w| w == b".so.");
    match () {
        () if starts(&["var/cache/", "var/lib/apt/lists/"]) || has(b".cache") || has(b"_cacache") => Category::Cache,
        () if ends(&[".pyc", ".pyo"]) => Category::Bytecode,
        () if in_site && (has(b"tests") || has(b"test")) => Category::Tests,
        () if shared => Category::SharedLibrary,
        () if ends(&[".a", ".o", ".lib"]) => Category::StaticLibrary,
        () if ends(&[".h", ".hpp", ".hh", ".hxx", ".cuh", ".pxd", ".pyi"]) || has(b"include") => Category::Headers,
        () if ends(&[".py", ".pyx", ".js", ".sh", ".pl", ".pm", ".rb"]) => Category::Code,
        () if path.split(|&b| b == b'/').any(|part| part.ends_with(b".dist-info") || part.ends_with(b".egg-info"))
            || starts(&["var/lib/dpkg/", "lib/apk/db/", "var/lib/apt/"]) =>
        {
            Category::Metadata
        }
        () if starts(&[
            "usr/share/doc/",
            "usr/share/man/",
            "usr/share/info/",
            "usr/share/locale/",
            "usr/share/licenses/",
        ]) =>
        {
            Category::Docs
        }
        () if has(b"bin") || has(b"sbin") || has(b"libexec") => Category::Executable,
        () => Category::Data,
    }
}
