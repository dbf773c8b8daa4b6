//! `.dockerignore`: which files of a build context a builder never sees.
//!
//! A file is left out if the last pattern that matches it, or a folder above it, does not begin with `!`. `*` and `?`
//! stay within a name, `**` goes over any number of folders, a leading slash means nothing.
//!
//! Source: the Docker documentation, "Build context", `.dockerignore` files; the order of `Dockerfile.dockerignore`
//! before `.dockerignore` is BuildKit's.

use regex::Regex;

/// The patterns of a file.
#[derive(Clone, Debug, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
    /// The lines that are no patterns, from 1, and why.
    pub bad: Vec<(usize, String)>,
}

#[derive(Clone, Debug)]
struct Rule {
    /// Whether it takes files back in.
    keeps: bool,
    pattern: Regex,
}

/// More patterns are nobody's.
const MOST_RULES: usize = 10_000;

impl Ignore {
    /// Reads a file. Lines that are no patterns are in [`Ignore::bad`].
    pub fn parse(text: &str) -> Self {
        let mut out = Self::default();
        let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate();
        for (number, line) in lines.take(MOST_RULES) {
            if line.starts_with('#') {
                continue;
            }
            let line = line.trim();
            let (keeps, pattern) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest.trim()));
            let pattern = cleaned(pattern);
            if pattern.is_empty() {
                continue;
            }
            match Regex::new(&translated(&pattern)) {
                Ok(pattern) => out.rules.push(Rule { keeps, pattern }),
                Err(_) => out.bad.push((number + 1, "expected a pattern of names, `*`, `?`, `[…]` and `**`".into())),
            }
        }
        out
    }

    /// Whether a builder never sees this path, which is relative to the context, with `/` between names.
    pub fn hides(&self, path: &str) -> bool {
        let mut hidden = false;
        for rule in &self.rules {
            if rule.keeps == hidden && with_parents(path).any(|path| rule.pattern.is_match(path)) {
                hidden = !rule.keeps;
            }
        }
        hidden
    }

    /// Whether nothing below a hidden folder can come back in, so that nobody need look into it.
    pub fn is_final(&self) -> bool {
        self.rules.iter().all(|rule| !rule.keeps)
    }
}

/// The path, and the folders above it.
fn with_parents(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(parent, _)| parent))
}

/// Without `.`, `..`, double and outer slashes.
fn cleaned(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A shell's pattern as an expression of the whole text: `*`, `?` and `[…]` stay within a name. `None` if it is none.
pub(super) fn pattern(text: &str) -> Option<Regex> {
    Regex::new(&translated(text)).ok()
}

/// As a regular expression of the whole path.
fn translated(pattern: &str) -> String {
    let mut out = String::from("^");
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("**/") {
            out.push_str("(?:.*/)?");
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix("**") {
            out.push_str(".*");
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '[' => {
                let Some((set, after)) = rest.split_once(']') else {
                    // As it stands, which is no expression.
                    return "[".into();
                };
                let (not, set) = set.strip_prefix(['^', '!']).map_or(("", set), |set| ("^", set));
                let set: String =
                    set.chars().map(|c| if c == '-' { "-".into() } else { regex::escape(&c.to_string()) }).collect();
                out.push_str(&format!("[{not}{set}]"));
                rest = after;
            }
            '\\' => {
                let Some(next) = rest.chars().next() else { return "[".into() };
                out.push_str(&regex::escape(&next.to_string()));
                rest = &rest[next.len_utf8()..];
            }
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    out + "$"
}

#[cfg(test)]
mod tests {
    use super::Ignore;

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let ignore = Ignore::parse("# no\n*.md\n!README.md\n/docs/\n**/__pycache__\n**/*.log\nda?a/[a-c]*\n*/temp*\n");
        for (path, hidden) in [
            ("a.md", true),
            ("README.md", false),
            ("src/a.md", false),
            ("docs/x/y", true),
            ("a/b/__pycache__/c.pyc", true),
            ("x.log", true),
            ("a/x.log", true),
            ("data/b1", true),
            ("data/d1", false),
            ("some/temporary/file", true),
            ("temporary", false),
        ] {
            assert_eq!(ignore.hides(path), hidden, "{path}");
        }
    }

    #[test]
    fn everything_may_be_hidden_but_some() {
        let ignore = Ignore::parse("**\n!src\n!pyproject.toml\nsrc/**/tests\n");
        let hides = |path: &str| ignore.hides(path);
        assert!(hides("Makefile") && hides("src/a/tests/t.py") && !hides("src/a/b.py") && !hides("pyproject.toml"));
        assert!(!ignore.is_final());
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        assert_eq!(Ignore::parse("ok\n[a\n").bad.len(), 1);
        assert!(!Ignore::parse("[a\n").hides("[a"));
    }
}
