//! What one conda package asks of another: `name`, `name >=1.2,<2`, `name 1.2.* *_cpu`, `channel::name=1.2=build`,
//! `name[version='>=1',build=mkl*]`.
//!
//! Source: conda's MatchSpec (CEP 29).

use rattler_conda_version::{ParseStrictness, Version, VersionSpec};
use std::str::FromStr as _;

/// A requirement of a conda package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Normalized name.
    pub name: String,
    /// The version that it asks for, as written; empty where any will do. `=1.2` is 1.2 and all that begins with it.
    pub version: String,
    /// The build that it asks for, in which `*` stands for any letters.
    pub build: Option<String>,
    /// The channel that it asks for.
    pub channel: Option<String>,
}

impl Spec {
    /// Reads one; none where it says what is not read.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split(" #").next().unwrap_or_default().trim();
        let (text, brackets) = match text.split_once('[') {
            Some((text, rest)) => (text.trim(), rest.strip_suffix(']')?),
            None => (text, ""),
        };
        let (channel, rest) = match text.rsplit_once("::") {
            Some((channel, rest)) => (Some(channel.trim().to_owned()), rest.trim()),
            None => (None, text),
        };
        let end = rest.find(|c: char| c.is_whitespace() || "=<>!~".contains(c)).unwrap_or(rest.len());
        let name = rest[..end].to_ascii_lowercase();
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || !name.chars().all(is_name) {
            return None;
        }
        let (mut version, mut build) = version_and_build(rest[end..].trim());
        for pair in pairs(brackets) {
            let (key, value) = pair.split_once('=')?;
            let value = value.trim().trim_matches(['\'', '"']).to_owned();
            match key.trim() {
                "version" => version = value,
                "build" => build = Some(value),
                "channel" | "subdir" | "license" | "url" | "md5" | "sha256" | "fn" => {}
                _ => return None,
            }
        }
        let build = build.filter(|build| build != "*");
        // A regular expression, which hardly anybody writes.
        if build.as_ref().is_some_and(|build| build.starts_with('^')) {
            return None;
        }
        Some(Self { name, version: if version == "*" { String::new() } else { version }, build, channel })
    }

    /// Whether the machine has to have it, and no channel: `__glibc`.
    pub fn is_virtual(&self) -> bool {
        self.name.starts_with("__")
    }

    /// Whether a package of the name is one.
    pub fn matches(&self, version: &str, build: &str) -> bool {
        self.build.as_deref().is_none_or(|pattern| is_like(pattern, build)) && self.has_version(version)
    }

    fn has_version(&self, version: &str) -> bool {
        if self.version.is_empty() || self.version == version {
            return true;
        }
        let (Ok(asked), Ok(version)) =
            (VersionSpec::from_str(&self.version, ParseStrictness::Lenient), Version::from_str(version))
        else {
            return false;
        };
        asked.matches(&version)
    }
}

/// `>=1.2,<2`, `1.2 build`, `=1.2=build`, `==1.2`: what is asked of the version, and of the build.
fn version_and_build(text: &str) -> (String, Option<String>) {
    let mut words = text.split_whitespace();
    let (first, second) = (words.next().unwrap_or_default(), words.next());
    // `>= 1.2` and `>=1.2, <2` have blanks in their version.
    let is_open = |word: &str| word.ends_with(['<', '>', '=', ',', '|', '~', '!']);
    let goes_on = |word: &str| word.starts_with(['<', '>', '=', ',', '|', '~', '!']);
    match second {
        Some(second) if is_open(first) || goes_on(second) => (text.split_whitespace().collect(), None),
        Some(second) => (first.to_owned(), Some(second.to_owned())),
        None => {
            let signs = first.find(|c: char| !"<>=!~".contains(c)).unwrap_or(first.len());
            match first[signs..].split_once('=') {
                Some((version, build)) if !version.contains([',', '|', '<', '>', '!', '~']) => {
                    // With a build the version is meant as it is.
                    (version.to_owned(), Some(build.to_owned()))
                }
                _ => (first.to_owned(), None),
            }
        }
    }
}

/// `a='1,2',b=3`, split at the commas outside of quotes.
fn pairs(text: &str) -> Vec<&str> {
    let (mut out, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == ',' => {
                out.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    out.retain(|pair| !pair.trim().is_empty());
    out
}

/// Whether a text is like a pattern in which `*` stands for any letters.
pub fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_write_a_requirement_say_what_they_say() {
        let read = |text: &str| Spec::parse(text).map(|spec| (spec.name, spec.version, spec.build.unwrap_or_default()));
        for (text, name, version, build) in [
            ("zlib", "zlib", "", ""),
            ("python >=3.11,<3.12.0a0", "python", ">=3.11,<3.12.0a0", ""),
            ("python >=3.11, <3.12", "python", ">=3.11,<3.12", ""),
            ("python_abi 3.11.* *_cp311", "python_abi", "3.11.*", "*_cp311"),
            ("conda-forge::NumPy=1.26.4=py311*", "numpy", "1.26.4", "py311*"),
            ("numpy=1.26", "numpy", "=1.26", ""),
            ("numpy==1.26", "numpy", "==1.26", ""),
            ("pytorch=2.3.0=*cpu*", "pytorch", "2.3.0", "*cpu*"),
            ("libblas *[build=mkl]", "libblas", "", "mkl"),
            ("x[version='>=1,<2',build=\"h*\"]", "x", ">=1,<2", "h*"),
            ("blas=*=openblas", "blas", "", "openblas"),
        ] {
            assert_eq!(read(text), Some((name.into(), version.into(), build.into())), "{text}");
        }
        for text in ["", "a b[when=x]", "x 1 ^py.*$", "a;b", "x[version"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_version_and_a_build_meet_a_requirement_or_not() {
        let meets =
            |spec: &str, version: &str, build: &str| Spec::parse(spec).is_some_and(|s| s.matches(version, build));
        assert!(meets("python >=3.11,<3.12.0a0", "3.11.9", "h1") && !meets("python >=3.11,<3.12.0a0", "3.12.0", "h1"));
        assert!(
            meets("libblas 3.9.* *mkl", "3.9.0", "20_linux64_mkl") && !meets("libblas * *mkl", "3.9.0", "1_openblas")
        );
        assert!(
            meets("numpy=1.26", "1.26.4", "")
                && !meets("numpy 1.26", "1.26.4", "")
                && meets("numpy ==1.26.4", "1.26.4", "")
        );
        assert!(is_like("a*b*", "axxbyy") && !is_like("a*b", "axxbyy") && is_like("*", "") && !is_like("ab*ba", "aba"));
    }
}
