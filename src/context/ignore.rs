//! `.dockerignore`: which files of a build context a builder never sees.
//!
//! A file is left out if the last pattern that matches it, or a folder above it, does not begin with `!`. `*` and `?`
//! stay within a name, `**` goes over any number of folders, a leading slash means nothing.
//!
//! Source: the Docker documentation, "Build context", `.dockerignore` files; the order of `Dockerfile.dockerignore`
//! before `.dockerignore` is BuildKit's.

use crate::base::FastMap;
use regex::{Regex, RegexBuilder};

/// The patterns of a file. The last one that fits decides, so each is known by its number.
#[derive(Clone, Debug, Default)]
pub struct Ignore {
    /// Whether it takes files back in, by its number.
    keeps: Vec<bool>,
    /// Patterns without signs: the last number of each.
    paths: FastMap<String, usize>,
    /// Names after `**/`, the same way.
    names: FastMap<String, usize>,
    /// All others, in order.
    expressions: Vec<(usize, Regex)>,
    /// The lines that are no patterns, from 1, and why.
    pub bad: Vec<(usize, String)>,
}

/// More patterns with signs are nobody's, and would take much memory.
const MAX_EXPRESSIONS: usize = 2_000;
/// Bytes of a pattern's expression, and of what is kept while it is tried.
const MAX_EXPRESSION: usize = 128 << 10;
/// How often a pattern with signs is tried on a path.
const MAX_TRIES: usize = 30_000_000;

impl Ignore {
    /// Reads a file. Lines that are no patterns are in [`Ignore::bad`].
    pub fn parse(text: &str) -> Self {
        let mut out = Self::default();
        for (number, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
            if line.starts_with('#') {
                continue;
            }
            let line = line.trim();
            let (keeps, pattern) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest.trim()));
            let pattern = cleaned(pattern);
            if !pattern.is_empty() {
                out.add(number + 1, keeps, pattern);
            }
        }
        out
    }

    fn add(&mut self, line: usize, keeps: bool, pattern: String) {
        let rule = self.keeps.len();
        let is_plain = |text: &str| !text.contains(['*', '?', '[', '\\']);
        let name = pattern.strip_prefix("**/").filter(|name| is_plain(name) && !name.contains('/'));
        if let Some(name) = name {
            self.names.insert(name.to_owned(), rule);
        } else if is_plain(&pattern) {
            self.paths.insert(pattern, rule);
        } else if self.expressions.len() == MAX_EXPRESSIONS {
            let is_first = self.bad.last().is_none_or(|(_, why)| !why.starts_with("more than"));
            let why = format!("more than {MAX_EXPRESSIONS} patterns with `*`, `?` or `[…]` are not read");
            self.bad.extend(is_first.then_some((line, why)));
            return;
        } else {
            match expression(&pattern) {
                Some(expression) => self.expressions.push((rule, expression)),
                None => {
                    let why = "expected a pattern of names, `*`, `?`, `[…]` and `**`";
                    return self.bad.push((line, why.into()));
                }
            }
        }
        self.keeps.push(keeps);
    }

    /// Whether a builder never sees this path, which is relative to the context, with `/` between names.
    pub fn hides(&self, path: &str) -> bool {
        let last = with_parents(path).map(|path| self.last_that_fits(path)).max().flatten();
        self.is_hidden(last)
    }

    fn is_hidden(&self, last: Option<usize>) -> bool {
        last.is_some_and(|rule| !self.keeps[rule])
    }

    /// The last pattern that fits this path itself.
    fn last_that_fits(&self, path: &str) -> Option<usize> {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        let known = self.paths.get(path).max(self.names.get(name)).copied();
        let later = self.expressions.iter().rev().take_while(|(rule, _)| Some(*rule) > known);
        later.filter(|(_, expression)| expression.is_match(path)).map(|(rule, _)| *rule).next().or(known)
    }

    /// Whether nothing below a hidden folder can come back in, so that nobody need look into it.
    pub fn is_final(&self) -> bool {
        !self.keeps.contains(&true)
    }
}

/// Asks for path after path of a folder; what was found for the folders above is not looked up again.
pub(super) struct Walk<'i> {
    ignore: &'i Ignore,
    folders: FastMap<String, Option<usize>>,
    tries: usize,
}

/// Too many paths for so many patterns.
pub(super) struct TooMany {
    /// Patterns with signs.
    pub(super) patterns: usize,
    /// Paths that were seen so far.
    pub(super) paths: usize,
}

impl<'i> Walk<'i> {
    pub(super) fn new(ignore: &'i Ignore) -> Self {
        Self { ignore, folders: FastMap::default(), tries: 0 }
    }

    /// Whether a builder never sees this path.
    pub(super) fn hides(&mut self, path: &str, is_folder: bool) -> Result<bool, TooMany> {
        let patterns = self.ignore.expressions.len();
        self.tries += patterns;
        if self.tries > MAX_TRIES {
            return Err(TooMany { patterns, paths: self.tries / patterns });
        }
        // A folder is asked for before what is in it.
        let above = path.rsplit_once('/').and_then(|(folder, _)| *self.folders.get(folder)?);
        let last = self.ignore.last_that_fits(path).max(above);
        if is_folder {
            self.folders.insert(path.to_owned(), last);
        }
        Ok(self.ignore.is_hidden(last))
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

fn expression(pattern: &str) -> Option<Regex> {
    let mut builder = RegexBuilder::new(&translated(pattern));
    builder.size_limit(MAX_EXPRESSION).dfa_size_limit(MAX_EXPRESSION).build().ok()
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
    use super::{Ignore, Walk};

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
    fn the_last_pattern_decides_whichever_way_it_is_written() {
        let ignore = Ignore::parse("a/b\n!**/b\nx/b\n!x/?\n*/c\n!a/c\na/c\n**/d/e\n!**/d\n");
        let hidden = ["a/b", "x/b", "y/c", "a/c", "d/e", "z/d/e", "a/c/f"].map(|path| ignore.hides(path));
        assert_eq!(hidden, [false, false, true, true, false, false, true]);
        let mut walk = Walk::new(&ignore);
        let paths = [("a", true), ("a/c", true), ("a/c/f", false), ("x", true), ("x/b", true), ("x/b/c", false)];
        let walked = paths.map(|(path, is_folder)| walk.hides(path, is_folder).is_ok_and(|hidden| hidden));
        assert_eq!(walked, [false, true, true, false, false, false]);
    }

    #[test]
    fn no_pattern_is_left_out_without_a_word() {
        let numbered = |pattern: &str| (0..12_000).map(|n| format!("{pattern}{n}\n")).collect::<String>();
        for pattern in ["file", "a/b/file", "**/file"] {
            let ignore = Ignore::parse(&numbered(pattern));
            assert!(ignore.bad.is_empty() && ignore.hides(&pattern.replace("**", "x/y").replace("file", "file11999")));
        }
        let ignore = Ignore::parse(&numbered("*.file"));
        assert!(ignore.hides("a.file1999") && !ignore.hides("a.file2000"));
        assert_eq!(ignore.bad.len(), 1, "{:?}", ignore.bad);
        let (line, why) = &ignore.bad[0];
        assert!(*line == 2_001 && why.starts_with("more than 2000 patterns"), "{line}: {why}");
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        assert_eq!(Ignore::parse("ok\n[a\n").bad.len(), 1);
        assert!(!Ignore::parse("[a\n").hides("[a"));
    }
}
