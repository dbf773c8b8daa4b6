//! What the script of a package would do where its package is removed. Anything that is not done here by rule is a reason to
//! keep the package.

use crate::base::Text;
use crate::dockerfile::sh::walk::each_simple;
use crate::dockerfile::sh::{Part, Simple, Word, parse};

/// Programs that change nothing.
const QUIET: [&str; 28] = [
    "set", "[", "test", ":", "true", "false", "exit", "return", "echo", "printf", "shift", "local", "command", "which",
    "readlink", "basename", "dirname", "cat", "grep", "cut", "head", "tail", "wc", "tr", "getent", "id", "uname",
    "cmp",
];

/// Programs whose work is done by rule: the loader's cache, bytecode beside its source, triggers of what stays; and moves of
/// settings between versions, of which none is left behind.
const BY_RULE: [&str; 6] = ["ldconfig", "py3clean", "pyclean", "dpkg-trigger", "dpkg-maintscript-helper", "dpkg-query"];

/// What a script does that is not done by rule; none where there is nothing.
pub fn unknown_work(script: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(script).ok()?;
    let first = text.lines().next().unwrap_or_default();
    let shell = first.strip_prefix("#!").and_then(|line| line.split_whitespace().next());
    if !matches!(shell, Some("/bin/sh" | "/bin/bash" | "/bin/dash")) {
        return Some("is no script of the shell".into());
    }
    let Ok(tree) = parse(text) else { return Some("cannot be read".into()) };
    let mut found = None;
    each_simple(&tree, &mut |command| {
        if found.is_none() && !is_known(command) {
            found = Some(format!("runs `{}`", Text::from(command.text.split('\n').next().unwrap_or_default())));
        }
    });
    found
}

fn is_known(command: &Simple) -> bool {
    let words: Vec<Option<String>> = command.words.iter().map(literal).collect();
    let Some(first) = words.first() else { return !writes(command) };
    let has = |option: &str| words.iter().flatten().any(|word| word == option);
    let known = match first.as_deref() {
        None => false,
        Some("update-alternatives") => has("--remove") || has("--remove-all"),
        Some("dpkg") => has("--compare-versions"),
        Some("sed") => sed_reads(&words[1..]),
        Some(name) => QUIET.contains(&name) || BY_RULE.contains(&name),
    };
    known && !writes(command)
}

/// Whether `sed` reads alone: one substitution that neither writes nor runs anything, and files.
fn sed_reads(words: &[Option<String>]) -> bool {
    let mut words = words.iter().skip_while(|word| matches!(word.as_deref(), Some("-n" | "-e" | "-r" | "-E")));
    let is_substitution = |script: &str| {
        let Some(rest) = script.strip_prefix('s').filter(|rest| !rest.contains(['\\', '\n'])) else { return false };
        let mut letters = rest.chars();
        let parts: Vec<&str> = letters.next().map(|mark| letters.as_str().split(mark).collect()).unwrap_or_default();
        parts.len() == 3 && parts[2].chars().all(|flag| flag.is_ascii_digit() || "gpI".contains(flag))
    };
    words.next().is_some_and(|script| script.as_deref().is_some_and(is_substitution))
        && words.all(|word| word.as_deref().is_none_or(|word| !word.starts_with('-')))
}

/// Whether something is written to a file.
fn writes(command: &Simple) -> bool {
    let rest = ["2>/dev/null", ">/dev/null", "> /dev/null", "2> /dev/null", ">&2", "1>&2", "2>&1", "> &2"];
    let text = rest.iter().fold(command.text.clone(), |text, known| text.replace(known, ""));
    let quoted = command.words.iter().any(|word| word.text.contains('>'));
    text.contains('>') && !quoted
}

fn literal(word: &Word) -> Option<String> {
    let part = |part: &Part| match part {
        Part::Text { text, .. } => Some(text.clone()),
        _ => None,
    };
    word.parts.iter().map(part).collect()
}
