//! The words of a command: options with their values, and the rest.

/// Options and the other words, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// Names as written (`-r`, `--requirement`), and their values.
    pub(super) options: Vec<(String, Option<String>)>,
    /// What is no option.
    pub(super) words: Vec<String>,
}

impl Arguments {
    /// Reads words. `with_value` are the options that take one; of short ones it may be glued on (`-rfile`), of long ones
    /// behind `=`.
    pub(super) fn parse(words: &[String], with_value: &[&str]) -> Self {
        let mut out = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                out.words.extend(words.by_ref().cloned());
            } else if word.len() < 2 || !word.starts_with('-') {
                out.words.push(word.clone());
            } else if let Some((name, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
                out.options.push((name.to_owned(), Some(value.to_owned())));
            } else if with_value.contains(&word.as_str()) {
                out.options.push((word.clone(), words.next().cloned()));
            } else if let Some(short) =
                word.get(..2).filter(|short| !word.starts_with("--") && with_value.contains(short))
            {
                out.options.push((short.to_owned(), Some(word[2..].trim_start_matches('=').to_owned())));
            } else {
                out.options.push((word.clone(), None));
            }
        }
        out
    }

    /// Reads words of which every option is known: `alone` and `valued` are letters, `long` and `long_valued` whole names. The
    /// error is an option that is none of them.
    pub(super) fn strict(
        words: &[String],
        (alone, valued): (&str, &str),
        (long, long_valued): (&[&str], &[&str]),
    ) -> Result<Self, String> {
        let mut out = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let unknown = || Err(word.clone());
            if word == "--" {
                out.words.extend(words.by_ref().cloned());
            } else if word.len() < 2 || !word.starts_with('-') {
                out.words.push(word.clone());
            } else if word.starts_with("--") {
                match word.split_once('=') {
                    Some((name, value)) if long_valued.contains(&name) => {
                        out.options.push((name.to_owned(), Some(value.to_owned())));
                    }
                    None if long.contains(&word.as_str()) => out.options.push((word.clone(), None)),
                    None if long_valued.contains(&word.as_str()) => match words.next() {
                        Some(value) => out.options.push((word.clone(), Some(value.clone()))),
                        None => return unknown(),
                    },
                    _ => return unknown(),
                }
            } else {
                for (at, letter) in word.char_indices().skip(1) {
                    if alone.contains(letter) {
                        out.options.push((format!("-{letter}"), None));
                        continue;
                    }
                    let rest = &word[at + letter.len_utf8()..];
                    let value = if rest.is_empty() { words.next().cloned() } else { Some(rest.to_owned()) };
                    match value.filter(|_| valued.contains(letter)) {
                        Some(value) => out.options.push((format!("-{letter}"), Some(value))),
                        None => return unknown(),
                    }
                    break;
                }
            }
        }
        Ok(out)
    }

    /// Whether one of these options is there; of short ones also within a group (`-rf`).
    pub(super) fn has(&self, names: &[&str]) -> bool {
        let is_grouped = |option: &str, name: &str| {
            let letter = name.strip_prefix('-').filter(|letter| letter.len() == 1);
            !option.starts_with("--") && letter.is_some_and(|letter| option.contains(letter))
        };
        self.options.iter().any(|(option, value)| {
            names.iter().any(|name| option == name || (value.is_none() && is_grouped(option, name)))
        })
    }

    /// The last value of one of these options.
    pub(super) fn value(&self, names: &[&str]) -> Option<&str> {
        let named = self.options.iter().rev().filter(|(option, _)| names.contains(&option.as_str()));
        named.filter_map(|(_, value)| value.as_deref()).next()
    }

    /// The values of these options, in order.
    pub(super) fn values<'s>(&'s self, names: &'s [&'s str]) -> impl Iterator<Item = &'s str> {
        let named = self.options.iter().filter(|(option, _)| names.contains(&option.as_str()));
        named.filter_map(|(_, value)| value.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    #[test]
    fn options_have_their_values() {
        let words = ["-rf", "a", "-rreq.txt", "--target=/x", "--index-url", "u", "-U", "--", "-b"].map(str::to_owned);
        let read = Arguments::parse(&words, &["-r", "--target", "--index-url"]);
        assert_eq!(read.words, ["a", "-b"]);
        assert_eq!(read.values(&["-r"]).collect::<Vec<_>>(), ["f", "req.txt"]);
        assert_eq!((read.value(&["--target"]), read.value(&["--index-url"])), (Some("/x"), Some("u")));
        assert!(read.has(&["-U"]) && !read.has(&["-x"]));
        let remove = Arguments::parse(&["-rf".to_owned(), "/x".to_owned()], &[]);
        assert!(remove.has(&["-r"]) && remove.has(&["-f"]));
    }
}
