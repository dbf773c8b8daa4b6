//! Numbers and names in sentences, and words in shell commands.

use std::borrow::Borrow;

/// `1 file`, `2 files`.
pub fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// `a, b and c`; of more than `most` the first ones, and how many are left: `a, b and 4 more`.
pub fn names<T: Borrow<str>>(names: &[T], most: usize) -> String {
    match names {
        [] => String::new(),
        [one] => one.borrow().to_owned(),
        _ if names.len() > most => format!("{} and {} more", names[..most].join(", "), names.len() - most),
        [first @ .., last] => format!("{} and {}", first.join(", "), last.borrow()),
    }
}

/// `a, b, c`; of more than `most` one less than that, and how many are left: `a, b and 4 more`.
pub fn listed<T: Borrow<str>>(names: &[T], most: usize) -> String {
    match names.len() > most {
        true => format!("{} and {} more", names[..most - 1].join(", "), names.len() + 1 - most),
        false => names.join(", "),
    }
}

/// A word of a shell command.
pub fn shell_word(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Whether a text means itself everywhere.
pub fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
    !text.is_empty() && text.chars().all(plain)
}
