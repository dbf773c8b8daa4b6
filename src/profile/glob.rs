//! Globs over bytes: `?` is one byte and `*` any number of them inside a path component; `**` stands alone in
//! a component and is any number of components. Nothing else is special.
//!
//! Patterns come from profiles, paths from hostile images: matching never backtracks further than the last
//! star, so it is bounded by the product of the two lengths, and most paths are refused by the pattern's
//! literal start or end alone.

/// One compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    components: Vec<Component>,
    /// Bytes that every match starts with.
    prefix: Vec<u8>,
    /// Bytes that every match ends with.
    suffix: Vec<u8>,
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
        let wrong = |expected: &str| Err(format!("`{}` is no glob: {expected}", crate::base::escape_str(pattern)));
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
        Ok(Self { components, prefix, suffix })
    }

    /// Whether the pattern matches the whole of a cleaned path or a name.
    pub fn matches(&self, path: &[u8]) -> bool {
        if !path.starts_with(&self.prefix) || !path.ends_with(&self.suffix) {
            return false;
        }
        if let [Component::Any, last] = &self.components[..] {
            return last.matches(crate::base::file_name(path));
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
#[derive(Clone, Debug, Default)]
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
        let mut set = Self {
            globs: Vec::new(),
            by_first: vec![Vec::new(); 256],
            by_last: vec![Vec::new(); 256],
            by_component: vec![Vec::new(); 256],
            always: Vec::new(),
        };
        for (pattern, tag) in patterns {
            let glob = Glob::new(pattern)?;
            let place = set.globs.len();
            match (glob.prefix.first(), glob.suffix.last(), glob.last_literal()) {
                (_, Some(&last), _) if glob.prefix.len() < 2 => set.by_last[last as usize].push(place),
                (Some(&first), ..) => set.by_first[first as usize].push(place),
                (_, _, Some(literal)) => set.by_component[literal[0] as usize].push((literal.to_vec(), place)),
                _ => set.always.push(place),
            }
            set.globs.push((glob, tag));
        }
        Ok(set)
    }

    /// [`GlobSet::new`] for a plain list: all tags are 0.
    pub fn of(patterns: &[String]) -> Result<Self, String> {
        Self::new(patterns.iter().map(|pattern| (pattern.as_str(), 0)))
    }

    /// The tags of all patterns that match, possibly more than once.
    pub fn tags<'s>(&'s self, path: &'s [u8]) -> impl Iterator<Item = usize> + 's {
        let bucket = |table: &'s [Vec<usize>], byte: Option<&u8>| match byte {
            Some(&byte) => table.get(byte as usize).map_or(&[][..], Vec::as_slice),
            None => &[],
        };
        let first = bucket(&self.by_first, path.first());
        let last = bucket(&self.by_last, path.last());
        let with_component = move |part: &'s [u8]| {
            let table = part.first().and_then(|&byte| self.by_component.get(byte as usize));
            table.into_iter().flatten().filter(move |(literal, _)| literal == part).map(|(_, place)| place)
        };
        let by_component = path.split(|&byte| byte == b'/').flat_map(with_component);
        let candidates = first.iter().chain(last).chain(by_component).chain(&self.always);
        candidates.map(|&place| &self.globs[place]).filter(|(glob, _)| glob.matches(path)).map(|(_, tag)| *tag)
    }

    /// Whether any pattern matches.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.tags(path).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        let alone = Glob::new(pattern).expect("a glob").matches(path.as_bytes());
        let in_a_set = GlobSet::of(&[pattern.to_owned()]).expect("a glob").matches(path.as_bytes());
        assert_eq!(alone, in_a_set, "{pattern} {path}");
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
