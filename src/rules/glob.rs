//! Globs over bytes: `?` is one byte and `*` any number of them inside a path component; `**` stands alone in
//! a component and is any number of components. Nothing else is special.
//!
//! Patterns come from profiles, paths from hostile images: matching never backtracks further than the last
//! star, so it is bounded by the product of the two lengths, and most paths are refused by the pattern's
//! literal start or end alone.

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use std::fmt;

/// One compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    components: Vec<Component>,
    /// Bytes that every match starts with.
    prefix: Vec<u8>,
    /// Bytes that every match ends with.
    suffix: Vec<u8>,
    /// Whether all that ends so is a match: `**/*.h`.
    end_decides: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Component {
    /// `**`.
    Any,
    /// No star and no question mark.
    Literal(Vec<u8>),
    /// Anything else.
    Pattern(Vec<u8>),
}

impl Glob {
    /// Compiles a pattern. The error is a sentence that says what was expected.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let wrong = |expected: &str| Err(format!("`{}` is no glob: {expected}", crate::base::Text::from(pattern)));
        if pattern.is_empty() {
            return wrong("expected a pattern, found an empty text");
        }
        if pattern.chars().any(|c| "[]{}\\!".contains(c) || c.is_control()) {
            return wrong("only `*`, `**` and `?` are special, and `[ ] { } \\ !` are not allowed");
        }
        let mut components = Vec::new();
        for part in pattern.split('/') {
            match part {
                "" | "." | ".." => return wrong("expected a relative path without empty, `.` or `..` components"),
                "**" => components.push(Component::Any),
                _ if part.contains("**") => return wrong("expected `**` to be a whole component"),
                _ if part.contains(['*', '?']) => components.push(Component::Pattern(part.as_bytes().to_vec())),
                _ => components.push(Component::Literal(part.as_bytes().to_vec())),
            }
        }
        components.dedup_by(|next, before| *next == Component::Any && *before == Component::Any);
        let (prefix, suffix) = (literal_start(pattern), literal_end(pattern));
        let end_decides = pattern.strip_prefix("**/*").is_some_and(|end| end.as_bytes() == suffix);
        Ok(Self { components, prefix, suffix, end_decides })
    }

    /// Whether the pattern matches the whole of a cleaned path or a name.
    pub fn matches(&self, path: &[u8]) -> bool {
        if !path.starts_with(&self.prefix) || !path.ends_with(&self.suffix) {
            return false;
        }
        // The last component before the others: it refuses most of what the literal ends let pass.
        let fits = || self.components.last().is_none_or(|last| last.matches(crate::base::file_name(path)));
        match &self.components[..] {
            [Component::Any, _] if self.end_decides => return true,
            _ if !fits() => return false,
            [Component::Any, _] => return true,
            _ => {}
        }
        let (mut pattern, mut rest) = (0, Some(path));
        let mut retry: Option<(usize, Option<&[u8]>)> = None;
        loop {
            match (self.components.get(pattern), rest) {
                (None, None) => return true,
                (Some(Component::Any), Some(_)) if pattern + 1 == self.components.len() => return true,
                (Some(Component::Any), _) if pattern + 1 < self.components.len() => {
                    pattern += 1;
                    retry = Some((pattern, rest));
                    continue;
                }
                (Some(component), Some(at)) => {
                    let (head, tail) = split_component(at);
                    if component.matches(head) {
                        (pattern, rest) = (pattern + 1, tail);
                        continue;
                    }
                }
                _ => {}
            }
            // The last `**` takes one component more.
            let Some((after, Some(from))) = retry else { return false };
            let tail = split_component(from).1;
            retry = Some((after, tail));
            (pattern, rest) = (after, tail);
        }
    }
}

impl Glob {
    /// The last component without a star: a path that matches has it.
    fn last_literal(&self) -> Option<&[u8]> {
        self.components.iter().rev().find_map(|component| match component {
            Component::Literal(literal) => Some(&literal[..]),
            Component::Any | Component::Pattern(_) => None,
        })
    }
}

/// As it was written, but for repeated `**`.
impl fmt::Display for Glob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, component) in self.components.iter().enumerate() {
            let slash = if position > 0 { "/" } else { "" };
            match component {
                Component::Any => write!(out, "{slash}**")?,
                Component::Literal(text) | Component::Pattern(text) => {
                    write!(out, "{slash}{}", String::from_utf8_lossy(text))?;
                }
            }
        }
        Ok(())
    }
}

impl Component {
    fn matches(&self, part: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Literal(literal) => literal == part,
            Self::Pattern(pattern) => matches_component(pattern, part),
        }
    }
}

/// `*` and `?` against one component: on a mismatch the last star takes one byte more.
fn matches_component(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                retry = Some((p, t));
            }
            Some(&byte) if byte == b'?' || byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((after, from)) = retry else { return false };
                retry = Some((after, from + 1));
                (p, t) = (after, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

fn split_component(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], Some(&path[slash + 1..])),
        None => (path, None),
    }
}

/// What stands before the first star. A `**` may match nothing, so the slash before a last one is needed
/// (`a/**` is what is below `a`), the slash after a first one is not (`**/a` matches `a`).
fn literal_start(pattern: &str) -> Vec<u8> {
    let end = pattern.find(['*', '?']).unwrap_or(pattern.len());
    pattern.as_bytes()[..end].to_vec()
}

fn literal_end(pattern: &str) -> Vec<u8> {
    let start = pattern.rfind(['*', '?']).map_or(0, |at| at + 1);
    let end = &pattern.as_bytes()[start..];
    if pattern[..start].ends_with("**") { end.strip_prefix(b"/").unwrap_or(end).to_vec() } else { end.to_vec() }
}

/// Several patterns at once, sorted so that a path meets only those that could match it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GlobSet {
    globs: Vec<(Glob, usize)>,
    by_first: Vec<Vec<usize>>,
    by_last: Vec<Vec<usize>>,
    /// By the first byte of a component that a match has, and the component.
    by_component: Vec<Vec<(Vec<u8>, usize)>>,
    always: Vec<usize>,
}

impl GlobSet {
    /// Compiles patterns, each with a tag of the caller's.
    pub fn new<'p>(patterns: impl IntoIterator<Item = (&'p str, usize)>) -> Result<Self, String> {
        let mut set = Self::default();
        for (pattern, tag) in patterns {
            set.add(Glob::new(pattern)?, tag);
        }
        Ok(set)
    }

    fn add(&mut self, glob: Glob, tag: usize) {
        let place = self.globs.len();
        match (glob.prefix.first(), glob.suffix.last(), glob.last_literal()) {
            (_, Some(&last), _) if glob.prefix.len() < 2 => put(&mut self.by_last, last, place),
            (Some(&first), ..) => put(&mut self.by_first, first, place),
            (_, _, Some(literal)) => put(&mut self.by_component, literal[0], (literal.to_vec(), place)),
            _ => self.always.push(place),
        }
        self.globs.push((glob, tag));
    }

    /// Of a list that the program brings, of which no pattern is wrong. All tags are 0.
    ///
    /// # Panics
    ///
    /// If one is.
    pub fn of(patterns: &[&str]) -> Self {
        Self::new(patterns.iter().map(|pattern| (*pattern, 0))).expect("the patterns are part of the program")
    }

    /// All patterns of several sets, those of each with a tag of its own.
    pub fn tagged<'s>(sets: impl IntoIterator<Item = (&'s GlobSet, usize)>) -> Self {
        let mut all = Self::default();
        for (set, tag) in sets {
            set.globs.iter().for_each(|(glob, _)| all.add(glob.clone(), tag));
        }
        all
    }

    /// The patterns.
    pub fn iter(&self) -> impl Iterator<Item = &Glob> {
        self.globs.iter().map(|(glob, _)| glob)
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.globs.is_empty()
    }

    /// The tags of all patterns that match, possibly more than once.
    pub fn tags<'s>(&'s self, path: &'s [u8]) -> impl Iterator<Item = usize> + 's {
        let by_component = path.split(|&byte| byte == b'/').flat_map(|part| self.with_component(part));
        let candidates = self.starting_as(path).chain(by_component).chain(self.ending_as(path));
        candidates.filter(|&place| self.globs[place].0.matches(path)).map(|place| self.globs[place].1)
    }

    /// Ready to match paths one after the other.
    pub fn walk<'p>(&self) -> Walk<'_, 'p> {
        Walk { set: self, dir: b"", everywhere: Vec::new(), open: Vec::new() }
    }

    fn starting_as(&self, path: &[u8]) -> impl Iterator<Item = usize> + '_ {
        bucket(&self.by_first, path.first()).iter().chain(&self.always).copied()
    }

    fn ending_as(&self, path: &[u8]) -> impl Iterator<Item = usize> + '_ {
        bucket(&self.by_last, path.last()).iter().copied()
    }

    fn with_component<'s>(&'s self, part: &'s [u8]) -> impl Iterator<Item = usize> + 's {
        let table = bucket(&self.by_component, part.first()).iter();
        table.filter(move |(literal, _)| literal == part).map(|(_, place)| *place)
    }

    /// Whether any pattern matches.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.tags(path).next().is_some()
    }
}

/// Tables by the first or last byte are empty until they are needed.
fn put<T>(table: &mut Vec<Vec<T>>, byte: u8, item: T) {
    if table.is_empty() {
        table.resize_with(256, Vec::new);
    }
    table[byte as usize].push(item);
}

fn bucket<'t, T>(table: &'t [Vec<T>], byte: Option<&u8>) -> &'t [T] {
    byte.and_then(|&byte| table.get(byte as usize)).map_or(&[], Vec::as_slice)
}

/// Matches paths one after the other. What their directory alone decides is decided once for all paths in it, so
/// paths should come sorted.
pub struct Walk<'s, 'p> {
    set: &'s GlobSet,
    dir: &'p [u8],
    /// Tags of the patterns that match whatever is in the directory.
    everywhere: Vec<usize>,
    /// Patterns that may match something in it.
    open: Vec<usize>,
}

impl<'p> Walk<'_, 'p> {
    /// The tags of all patterns that match, possibly more than once.
    pub fn tags<'w>(&'w mut self, path: &'p [u8]) -> impl Iterator<Item = usize> + use<'w, 'p> {
        let dir = crate::base::parent(path);
        // The root directory decides nothing: its files' own names are what paths start with.
        if self.dir != dir || dir.is_empty() {
            self.enter(dir, path);
        }
        let (set, name) = (self.set, crate::base::file_name(path));
        let candidates = self.open.iter().copied().chain(set.with_component(name)).chain(set.ending_as(path));
        let own = candidates.filter(move |&place| set.globs[place].0.matches(path)).map(|place| set.globs[place].1);
        self.everywhere.iter().copied().chain(own)
    }

    /// `a/**` matches all that is in one directory, or nothing.
    fn enter(&mut self, dir: &'p [u8], path: &[u8]) {
        self.dir = dir;
        self.everywhere.clear();
        self.open.clear();
        let by_component = dir.split(|&byte| byte == b'/').flat_map(|part| self.set.with_component(part));
        for place in self.set.starting_as(path).chain(by_component) {
            let (glob, tag) = &self.set.globs[place];
            match glob.components.last() {
                Some(Component::Any) if glob.matches(path) => self.everywhere.push(*tag),
                Some(Component::Any) => {}
                _ => self.open.push(place),
            }
        }
    }
}

impl<'de> Deserialize<'de> for Glob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

impl<'de> Deserialize<'de> for GlobSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(List)
    }
}

/// Compiles where the text is read, so that an error has the place of the text.
struct Text;

impl Visitor<'_> for Text {
    type Value = Glob;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a glob")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Glob, E> {
        Glob::new(text).map_err(E::custom)
    }
}

struct List;

impl<'de> Visitor<'de> for List {
    type Value = GlobSet;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of globs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<GlobSet, A::Error> {
        let mut set = GlobSet::default();
        while let Some(glob) = list.next_element()? {
            set.add(glob, 0);
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        let alone = Glob::new(pattern).expect("a glob").matches(path.as_bytes());
        let in_a_set = GlobSet::of(&[pattern]).matches(path.as_bytes());
        assert_eq!(alone, in_a_set, "{pattern} {path}");
        let set = GlobSet::of(&[pattern]);
        let mut walk = set.walk();
        let beside = [path, "_"].concat();
        for path in [&beside, path, &beside, path] {
            let expected = set.matches(path.as_bytes());
            assert_eq!(walk.tags(path.as_bytes()).next().is_some(), expected, "{pattern} {path} on a walk");
        }
        alone
    }

    #[test]
    fn stars_stay_inside_a_component_and_double_stars_cross() {
        for (pattern, path) in [
            ("nvidia-*", "nvidia-cublas-cu12"),
            ("*", "torch"),
            ("a?c", "abc"),
            ("**/*.h", "x.h"),
            ("**/*.h", "a/b/x.h"),
            ("a/**", "a/b"),
            ("a/**", "a/b/c"),
            ("a/**/z", "a/z"),
            ("a/**/z", "a/b/c/z"),
            ("**", "anything/at/all"),
            ("**/tests/**", "lib/scipy/tests/data/x"),
            ("**/tests/**", "tests/x"),
            ("**/lib*.so*", "torch/lib/libx.so.1"),
            ("**/a/**/a/b", "a/a/a/a/b"),
            ("*a*b*", "xxaxxbxx"),
            ("**/**/x", "x"),
        ] {
            assert!(matches(pattern, path), "{pattern} should match {path}");
        }
        for (pattern, path) in [
            ("nvidia-*", "my-nvidia-x"),
            ("*.so", "lib/x.so"),
            ("a?c", "a/c"),
            ("a/**", "a"),
            ("a/**", "ab/c"),
            ("a/*/z", "a/b/c/z"),
            ("**/tests/**", "tests"),
            ("**/tests/**", "lib/mytests/x"),
            ("**/*.h", "x.hpp"),
            ("x", "xx"),
            ("xx", "x"),
        ] {
            assert!(!matches(pattern, path), "{pattern} should not match {path}");
        }
    }

    #[test]
    fn a_malicious_path_costs_no_more_than_the_product_of_lengths() {
        let started = std::time::Instant::now();
        let path = "a/".repeat(20_000) + "b";
        assert!(!matches("**/a/**/a/**/a/**/a/**/c", &path));
        assert!(!matches("*a*a*a*a*a*a*c", &"a".repeat(20_000)));
        assert!(started.elapsed().as_secs() < 20);
    }

    #[test]
    fn what_is_no_glob_is_refused_with_a_reason() {
        for pattern in ["", "/etc/x", "a//b", "a/../b", "a**", "[ab]", "a/"] {
            assert!(Glob::new(pattern).expect_err("no glob").contains("is no glob"), "{pattern}");
        }
    }
}
