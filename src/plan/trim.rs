//! Files of distributions that go by rules over paths: the build stage installs the distributions whole, and takes them out
//! before anything is copied from it.

use crate::base::FastMap;
use crate::rules::{Finding, Glob, GlobSet, Rule, Tier};

/// What one rule takes out of what was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trim {
    /// The rule.
    pub rule: String,
    /// The tests of `find` for what goes, each list for a command of its own: `-path`, `*/tests/*`.
    pub tests: Vec<Vec<String>>,
}

/// What all followed rules take out.
#[derive(Default)]
pub(super) struct Trims<'a> {
    pub list: Vec<Trim>,
    /// The original's files that go so, and the rule.
    pub of: FastMap<&'a [u8], &'a str>,
}

impl<'a> Trims<'a> {
    /// Of the distributions that are installed from lists. What is copied is left out of the copy. `comes` tells of a path
    /// whether such a distribution has it, and then whether another build takes its place.
    pub(super) fn new(
        (findings, rules): (&'a [Finding], &'a [Rule]),
        follows: &dyn Fn(&Rule, Tier) -> bool,
        comes: &dyn Fn(&[u8]) -> Option<bool>,
    ) -> Self {
        let mut out = Self::default();
        for finding in findings {
            let Some(rule) = rules.iter().find(|rule| rule.id == finding.rule && follows(rule, finding.tier)) else {
                continue;
            };
            let Some(tests) = tests_of(rule) else { continue };
            let mut is_any = false;
            for path in &finding.paths {
                let Some(is_new) = comes(path.as_bytes()) else { continue };
                is_any = true;
                // All of what another build takes the place of goes, whatever a rule says of its files.
                if !is_new {
                    out.of.entry(path.as_bytes()).or_insert(&rule.id);
                }
            }
            if is_any {
                out.list.push(Trim { rule: rule.id.clone(), tests });
            }
        }
        out
    }
}

/// The tests of `find` that mean the same as a rule's globs below any folder; none where there are no such.
fn tests_of(rule: &Rule) -> Option<Vec<Vec<String>>> {
    let paths = rule.detect.of_distributions()?;
    let mut unless = Vec::new();
    for [test, pattern] in all(&paths.except)? {
        unless.extend(["!".to_owned(), test, pattern]);
    }
    let row = |test: [String; 2]| test.into_iter().chain(unless.iter().cloned()).collect();
    Some(all(&paths.globs)?.into_iter().map(row).collect())
}

fn all(globs: &GlobSet) -> Option<Vec<[String; 2]>> {
    let found: Option<Vec<_>> = globs.iter().map(tests).collect();
    Some(found?.into_iter().flatten().collect())
}

/// `**/*.h` is a name; `**/a/**/b/**` is a path, in which the middle may be nothing. A star of `-path` takes slashes too: what
/// has one inside of a path has no test.
fn tests(glob: &Glob) -> Option<Vec<[String; 2]>> {
    let text = glob.to_string();
    let inside = text.strip_prefix("**/")?;
    if !inside.contains('/') && inside != "**" {
        return Some(vec![["-name".to_owned(), inside.to_owned()]]);
    }
    let parts: Vec<&str> = inside.split('/').collect();
    let mut patterns = vec![String::from("*")];
    for (position, part) in parts.iter().enumerate() {
        let is_last = position + 1 == parts.len();
        match *part {
            "**" if is_last => patterns.iter_mut().for_each(|pattern| pattern.push_str("/*")),
            "**" => {
                let more: Vec<String> = patterns.iter().map(|pattern| format!("{pattern}/*")).collect();
                patterns.extend(more);
            }
            part if part.contains(['*', '?']) => return None,
            part => patterns.iter_mut().for_each(|pattern| {
                pattern.push('/');
                pattern.push_str(part);
            }),
        }
    }
    Some(patterns.into_iter().map(|pattern| ["-path".to_owned(), pattern]).collect())
}
