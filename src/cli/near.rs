//! Names that are like one that was typed.

/// Whether two ids share a word that says something.
pub fn is_near(known: &str, asked: &str) -> bool {
    asked.split(['-', '_', ' ']).any(|word| word.len() > 2 && known.split('-').any(|part| part.starts_with(word)))
}
