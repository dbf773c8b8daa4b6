//! What somebody meant who wrote a name that is not there.

use std::path::{Path, PathBuf};

/// Names that a hint says, at most.
const MAX_NAMES: usize = 3;

/// Names of a folder that are looked at.
const MAX_LISTED: usize = 10_000;

/// Characters of a name that are looked at.
const MAX_LENGTH: usize = 100;

/// `` did you mean `a` or `b`? ``: the known name with the fewest typing errors between, else those that share a word with
/// what was written. Names are taken as they are: who shows names of an image escapes the hint.
pub fn did_you_mean<'k>(asked: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let asked: String = asked.to_lowercase().replace('_', "-").chars().take(MAX_LENGTH).collect();
    let distance = |name: &str| {
        let name: String = name.chars().take(MAX_LENGTH).collect();
        strsim::damerau_levenshtein(&asked, &name)
    };
    let mut ranked: Vec<(bool, usize, &str)> = known
        .into_iter()
        .map(|name| (name, distance(name)))
        .filter_map(|(name, errors)| {
            let is_near = errors * 3 <= asked.chars().count().max(3);
            (is_near || shares_a_word(name, &asked)).then_some((!is_near, errors, name))
        })
        .collect();
    ranked.sort_unstable();
    ranked.dedup_by_key(|(_, _, name)| *name);
    let count = if ranked.first()?.0 { MAX_NAMES } else { 1 };
    let names: Vec<String> = ranked.into_iter().take(count).map(|(_, _, name)| format!("`{name}`")).collect();
    Some(format!("did you mean {}?", names.join(" or ")))
}

/// Whether a word of `asked` is the start of one of `known`.
fn shares_a_word(known: &str, asked: &str) -> bool {
    let mut words = asked.split(['-', '.', ' ']).filter(|word| word.len() > 2);
    words.any(|word| known.split(['-', '.']).any(|part| part.starts_with(word)))
}

/// The path that is there and most like one that is not: with another name in the deepest folder of it that is there.
/// What stands behind a colon or `@` may be meant as a choice.
pub fn nearest_path(path: &Path) -> Option<PathBuf> {
    let there = path.ancestors().skip(1).find(|above| above.as_os_str().is_empty() || above.is_dir())?;
    let wanted = path.strip_prefix(there).ok()?.iter().next()?.to_str()?;
    let folder = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let rows = std::fs::read_dir(folder).ok()?.flatten().take(MAX_LISTED);
    let mut names: Vec<String> = rows.filter_map(|row| row.file_name().into_string().ok()).collect();
    names.sort();
    let name = wanted.split([':', '@']).next().unwrap_or(wanted);
    let near = |wanted| nearest_name(wanted, names.iter().map(String::as_str));
    near(wanted).or_else(|| near(name)).map(|name| there.join(name))
}

/// The name with the fewest typing errors, if they are at most a third of it.
pub fn nearest_name<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let wanted: String = wanted.chars().take(MAX_LENGTH).collect();
    let (errors, name) = names.into_iter().map(|name| (strsim::damerau_levenshtein(&wanted, name), name)).min()?;
    (errors * 3 <= wanted.chars().count()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn the_nearest_name_is_meant_or_those_with_the_same_word() {
        let known = ["any-layer", "opencv-python-headless", "opencv-python", "limits", "limits.wire"];
        for (asked, names) in [
            ("any-laier", "`any-layer`"),
            ("Any_LAYER", "`any-layer`"),
            ("opencv", "`opencv-python` or `opencv-python-headless`"),
            ("OpenCV_pyton", "`opencv-python`"),
            ("limit", "`limits`"),
        ] {
            assert_eq!(did_you_mean(asked, known), Some(format!("did you mean {names}?")), "{asked}");
        }
        for asked in ["zzzzzzzz", "", "x", "-", &"\u{e9}".repeat(10_000)] {
            assert_eq!(did_you_mean(asked, known), None, "{asked}");
        }
    }
}
