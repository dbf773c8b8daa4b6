//! Words of a command.

use super::table::Program;

/// The last part of a path.
pub(super) fn name_of(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether a program is a shell.
pub(super) fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "bash" | "ash" | "dash" | "zsh")
}

/// The file that an option names, or that stands among the words.
pub(super) fn named_config(program: &Program, words: &[String]) -> Option<String> {
    program.config.iter().find_map(|name| match name.starts_with('-') {
        true => option(words, std::slice::from_ref(name)),
        false if name.starts_with('.') => words.iter().find(|word| word.ends_with(name.as_str())).cloned(),
        false => None,
    })
}

/// The last value of an option that has one of these names: `-w 4`, `-w4`, `--workers 4`, `--workers=4`.
pub(super) fn option(words: &[String], names: &[String]) -> Option<String> {
    let mut found = None;
    for (at, word) in words.iter().enumerate() {
        for name in names {
            if word == name {
                found = words.get(at + 1).cloned().or(found);
            } else if let Some(rest) = word.strip_prefix(name.as_str()) {
                match rest.strip_prefix('=') {
                    Some(value) => found = Some(value.to_owned()),
                    None if !name.starts_with("--") => found = Some(rest.to_owned()),
                    None => {}
                }
            }
        }
    }
    found
}
