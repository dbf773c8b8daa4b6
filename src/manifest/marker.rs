//! Environment markers, evaluated for a platform. Locks write more than PEP 508 has: `'x' in extras`, `'x' in
//! dependency_groups` (PEP 751), and `extra == 'a'` of several extras at once.
//!
//! A marker is evaluated while it is read, so that it needs neither memory nor time beyond its length; how deep it nests
//! is bounded.
//!
//! Source: <https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers>

use super::requirement::normalize_name;
use pep440_rs::{Version, VersionSpecifier};
use std::collections::BTreeSet;
use std::str::FromStr as _;

/// How deep parentheses may nest.
const DEEPEST: usize = 32;
/// Longer ones are no markers.
const LONGEST: usize = 64 << 10;
/// Digits of a version's number that can be compared and incremented.
pub(super) const MAX_DIGITS: usize = 18;

/// What markers are evaluated against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markers {
    /// `3.11.7`.
    pub python_full: String,
    /// As `uname -m` has it: `x86_64`.
    pub machine: String,
    /// The extras that are asked for, normalized.
    pub extras: BTreeSet<String>,
    /// The dependency groups that are asked for, normalized.
    pub groups: BTreeSet<String>,
}

/// A side of a comparison.
enum Side {
    /// A text, and the variable that it is the value of.
    Text(String, Option<&'static str>),
    /// `extras`, `dependency_groups`, and `extra` of one at a time.
    Set(Kind),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Extra,
    Groups,
}

/// What `uname -m` says on a platform: `linux/arm64/v8`, `amd64`.
pub fn machine(platform: &str) -> &str {
    match platform.strip_prefix("linux/").unwrap_or(platform) {
        "" | "amd64" | "amd64/v1" | "amd64/v2" | "amd64/v3" | "amd64/v4" => "x86_64",
        "arm64" | "arm64/v8" => "aarch64",
        "arm" | "arm/v7" => "armv7l",
        "arm/v6" => "armv6l",
        "arm/v5" => "armv5tel",
        "386" => "i686",
        other => other,
    }
}

impl Markers {
    /// Those of a Python on a platform (`linux/amd64`, `amd64`), without extras and groups. A Python of which only the minor
    /// version is known counts as its newest release, which is what images of a minor version have.
    pub fn new(python: &str, platform: &str) -> Self {
        let is_full = python.split('.').count() > 2;
        let python_full = if is_full { python.to_owned() } else { format!("{python}.99") };
        Self { python_full, machine: machine(platform).to_owned(), ..Self::default() }
    }

    /// The same with one extra.
    pub fn with_extra(&self, extra: &str) -> Self {
        Self { extras: BTreeSet::from([normalize_name(extra)]), ..self.clone() }
    }

    /// Whether a marker holds. The error says what was expected where.
    pub fn hold(&self, marker: &str) -> Result<bool, String> {
        if marker.trim().is_empty() {
            return Ok(true);
        }
        if marker.len() > LONGEST {
            return Err("expected a marker, found 64 KiB of text".into());
        }
        let mut reader = Reader { text: marker, at: 0, markers: self, depth: 0 };
        let value = reader.any()?;
        reader.space();
        match reader.rest() {
            "" => Ok(value),
            rest => Err(format!("expected `and` or `or`, found `{}`", start(rest))),
        }
    }

    fn value(&self, variable: &str) -> Option<(String, &'static str)> {
        let minor = || self.python_full.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        Some(match variable {
            "python_version" => (minor(), "python_version"),
            "python_full_version" => (self.python_full.clone(), "python_full_version"),
            "implementation_version" => (self.python_full.clone(), "implementation_version"),
            "os_name" | "os.name" => ("posix".into(), "os_name"),
            "sys_platform" | "sys.platform" => ("linux".into(), "sys_platform"),
            "platform_machine" | "platform.machine" => (self.machine.clone(), "platform_machine"),
            "platform_system" => ("Linux".into(), "platform_system"),
            "platform_python_implementation" | "platform.python_implementation" | "python_implementation" => {
                ("CPython".into(), "platform_python_implementation")
            }
            "implementation_name" => ("cpython".into(), "implementation_name"),
            "platform_release" => (String::new(), "platform_release"),
            "platform_version" | "platform.version" => (String::new(), "platform_version"),
            _ => return None,
        })
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    markers: &'a Markers,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Whether a word comes next; it is read then.
    fn word(&mut self, word: &str) -> bool {
        self.space();
        let Some(after) = self.rest().strip_prefix(word) else { return false };
        if after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            return false;
        }
        self.at += word.len();
        true
    }

    /// `a or b or …`.
    fn any(&mut self) -> Result<bool, String> {
        let mut value = self.all()?;
        while self.word("or") {
            let other = self.all()?;
            value |= other;
        }
        Ok(value)
    }

    /// `a and b and …`.
    fn all(&mut self) -> Result<bool, String> {
        let mut value = self.one()?;
        while self.word("and") {
            let other = self.one()?;
            value &= other;
        }
        Ok(value)
    }

    fn one(&mut self) -> Result<bool, String> {
        self.space();
        if self.rest().starts_with('(') {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err("expected a marker of at most 32 levels".into());
            }
            self.at += 1;
            let value = self.any()?;
            self.space();
            if !self.rest().starts_with(')') {
                return Err(format!("expected `)`, found `{}`", start(self.rest())));
            }
            self.at += 1;
            self.depth -= 1;
            return Ok(value);
        }
        let left = self.side()?;
        let operator = self.operator()?;
        let right = self.side()?;
        compare(self.markers, &left, operator, &right)
    }

    fn side(&mut self) -> Result<Side, String> {
        self.space();
        let rest = self.rest();
        if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            let inner = &rest[1..];
            let end = inner.find(quote).ok_or_else(|| format!("expected a closing {quote}"))?;
            self.at += end + 2;
            return Ok(Side::Text(inner[..end].to_owned(), None));
        }
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_.".contains(c))).unwrap_or(rest.len());
        let name = &rest[..end];
        self.at += end;
        match name {
            "extra" | "extras" => Ok(Side::Set(Kind::Extra)),
            "dependency_groups" => Ok(Side::Set(Kind::Groups)),
            _ => match self.markers.value(name) {
                Some((value, variable)) => Ok(Side::Text(value, Some(variable))),
                None => Err(format!("expected a marker's variable or a quoted text, found `{}`", start(rest))),
            },
        }
    }

    fn operator(&mut self) -> Result<&'static str, String> {
        if self.word("not") {
            return if self.word("in") { Ok("not in") } else { Err("expected `in` behind `not`".into()) };
        }
        if self.word("in") {
            return Ok("in");
        }
        self.space();
        let all = ["===", "~=", "==", "!=", "<=", ">=", "<", ">"];
        let found = all.into_iter().find(|operator| self.rest().starts_with(operator));
        let found = found.ok_or_else(|| format!("expected a comparison, found `{}`", start(self.rest())))?;
        self.at += found.len();
        Ok(found)
    }
}

fn compare(markers: &Markers, left: &Side, operator: &str, right: &Side) -> Result<bool, String> {
    match (left, right) {
        (Side::Text(text, _), Side::Set(kind)) | (Side::Set(kind), Side::Text(text, _)) => {
            let set = if *kind == Kind::Extra { &markers.extras } else { &markers.groups };
            let has = set.contains(&normalize_name(text));
            match operator {
                "in" | "==" | "===" => Ok(has),
                "not in" | "!=" => Ok(!has),
                _ => Err(format!("expected `==`, `!=`, `in` or `not in` for extras and groups, found `{operator}`")),
            }
        }
        (Side::Text(left, variable), Side::Text(right, other)) => {
            let is_version = |name: &Option<&str>| {
                matches!(name, Some("python_version" | "python_full_version" | "implementation_version"))
            };
            Ok(match operator {
                // `python_version in '3.8 3.9'` is a list of versions in common use.
                "in" => right.contains(left.as_str()),
                "not in" => !right.contains(left.as_str()),
                _ if is_version(variable) || is_version(other) => {
                    versions(left, operator, right, variable.is_none()).unwrap_or_else(|| texts(left, operator, right))
                }
                _ => texts(left, operator, right),
            })
        }
        (Side::Set(_), Side::Set(_)) => Err("expected a quoted text, found two sets".into()),
    }
}

/// Compares as versions, where both are some. `turned` when the variable stands on the right.
fn versions(left: &str, operator: &str, right: &str, turned: bool) -> Option<bool> {
    let fine = |text: &str| text.split(|c: char| !c.is_ascii_digit()).all(|number| number.len() <= MAX_DIGITS);
    if !fine(left) || !fine(right) || left.len() > 200 || right.len() > 200 {
        return None;
    }
    let (value, bound, operator) = match (turned, operator) {
        (false, _) => (left, right, operator),
        (true, "<") => (right, left, ">"),
        (true, "<=") => (right, left, ">="),
        (true, ">") => (right, left, "<"),
        (true, ">=") => (right, left, "<="),
        (true, _) => (right, left, operator),
    };
    let version = Version::from_str(value).ok()?;
    // `>= '3.8.*'` is written, and means what it says without the star.
    let bound = if operator.contains(['<', '>']) { bound.trim_end_matches(".*") } else { bound };
    let specifier = VersionSpecifier::from_str(&format!("{operator}{bound}")).ok()?;
    Some(specifier.contains(&version))
}

fn texts(left: &str, operator: &str, right: &str) -> bool {
    match operator {
        "==" | "===" => left == right,
        "!=" => left != right,
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        ">=" => left >= right,
        _ => false,
    }
}

fn start(text: &str) -> String {
    crate::base::Text::from(&text.chars().take(24).collect::<String>()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markers() -> Markers {
        let set = |text: &str| text.split(' ').map(str::to_owned).collect();
        Markers {
            python_full: "3.11.7".into(),
            machine: "x86_64".into(),
            extras: set("fast two-parts"),
            groups: set("dev"),
        }
    }

    #[test]
    fn markers_hold_or_do_not() {
        for (marker, expected) in [
            ("", true),
            ("python_version >= '3.8'", true),
            ("python_version < \"3.10\"", false),
            ("'3.9' < python_version", true),
            ("python_full_version < '3.11.7'", false),
            ("python_version ~= '3.8' and python_version != '3.9.*'", true),
            ("sys_platform == 'win32' or platform_machine in 'x86_64 AMD64'", true),
            ("os_name == 'nt' and (python_version > '3' or extra == 'fast')", false),
            ("extra == 'Two_Parts'", true),
            ("extra == 'fast' and extra != 'slow'", true),
            ("'dev' in dependency_groups and 'x' not in extras", true),
            ("platform_python_implementation == 'PyPy'", false),
            ("python_version >= '3.9.*'", true),
            ("platform_release >= '20'", false),
        ] {
            assert_eq!(markers().hold(marker), Ok(expected), "{marker}");
        }
    }

    #[test]
    fn what_is_no_marker_is_told() {
        for (marker, says) in [
            ("python_versio >= '3'", "variable"),
            ("python_version >= '3", "closing"),
            ("python_version '3'", "comparison"),
            ("python_version > '3' x", "`and` or `or`"),
            ("(python_version > '3'", "`)`"),
            ("extra > 'a'", "extras"),
            (&"(".repeat(99)[..], "32 levels"),
        ] {
            let error = markers().hold(marker).expect_err(marker);
            assert!(error.contains(says), "{marker}: {error}");
        }
    }
}
