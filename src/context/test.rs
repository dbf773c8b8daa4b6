//! `test`, `[` and `[[`. Source: POSIX.1-2017, test; the manual of bash, Conditional Constructs.

use super::error::Result;
use super::script::{Said, Setting, Status};
use super::stage::Stage;
use super::values::Dialect;
use crate::dockerfile::sh::arithmetic::plain_number;
use crate::dockerfile::sh::{Part, Word};

/// What stands between two words.
const COMPARISONS: [&str; 9] = ["=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge"];

impl Stage {
    /// `test` and `[`, by the number of words; where one of them is not known, neither is their number.
    pub(super) fn test(&self, words: &[Said]) -> Status {
        let known: Option<Vec<&str>> = words.iter().map(Option::as_deref).collect();
        known.map_or(Status::Unknown, |words| self.test_words(&words))
    }

    fn test_words(&self, words: &[&str]) -> Status {
        match words {
            [] => Status::Failure,
            [text] => Status::of(!text.is_empty()),
            ["!", text] => Status::of(text.is_empty()),
            [sign, value] if sign.starts_with('-') => self.test_one(sign, Some(value)),
            [a, sign, b] if COMPARISONS.contains(sign) => self.compare(a, sign, b),
            ["!", rest @ ..] if rest.len() < 4 && !matches!(rest[0], "-a" | "-o") => self.test_words(rest).not(),
            [_, _, _, _, ..] => self.joined(words),
            _ => Status::Unknown,
        }
    }

    /// `… -a … -o …`, where no word can be taken for something else.
    fn joined(&self, words: &[&str]) -> Status {
        let is_plain =
            |word: &&str| !word.starts_with('-') && !matches!(*word, "!" | "(" | ")" | "=" | "!=" | "==" | "<" | ">");
        let one = |words: &[&str]| match words {
            [text] if is_plain(text) => Some(self.test_words(&[text])),
            [sign, value] if sign.starts_with('-') && is_plain(value) => Some(self.test_words(&[sign, value])),
            ["!", sign, value] if sign.starts_with('-') && is_plain(value) => {
                Some(self.test_words(&[sign, value]).not())
            }
            [a, sign, b] if COMPARISONS.contains(sign) && is_plain(a) && is_plain(b) => Some(self.test_words(words)),
            _ => None,
        };
        let all = |words: &[&str]| {
            let parts: Option<Vec<Status>> = words.split(|word| *word == "-a").map(one).collect();
            parts.map(|parts| parts.into_iter().fold(Status::Success, Status::and))
        };
        let any: Option<Vec<Status>> = words.split(|word| *word == "-o").map(all).collect();
        any.map_or(Status::Unknown, |parts| parts.into_iter().fold(Status::Failure, Status::or))
    }

    fn compare(&self, a: &str, sign: &str, b: &str) -> Status {
        match sign {
            "=" => Status::of(a == b),
            "!=" => Status::of(a != b),
            // dash does not know it, and says so.
            "==" if self.shell.dialect == Dialect::Dash => Status::Failure,
            "==" => Status::of(a == b),
            _ => numbers(a, sign, b),
        }
    }

    /// `[[ … ]]`
    pub(super) fn double_test(&mut self, setting: Setting<'_>, words: &[Word]) -> Result<Status> {
        let at = |sign: &str| words.iter().position(|word| word.text == sign);
        // Parentheses hide signs.
        if at("(").is_some() {
            for word in words {
                self.text(setting, word)?;
            }
            return Ok(Status::Unknown);
        }
        for sign in ["||", "&&"] {
            let Some(at) = at(sign) else { continue };
            let left = self.double_test(setting, &words[..at])?;
            // What is not looked at may have something in it that runs.
            let right = self.double_test(setting, &words[at + 1..])?;
            return Ok(if sign == "||" { left.or(right) } else { left.and(right) });
        }
        Ok(match words {
            [not, rest @ ..] if not.text == "!" && !rest.is_empty() => self.double_test(setting, rest)?.not(),
            [word] => match self.text(setting, word)? {
                Some(text) => Status::of(!text.is_empty()),
                None => Status::Unknown,
            },
            [sign, word] if sign.text.len() == 2 && sign.text.starts_with('-') => {
                let value = self.text(setting, word)?;
                self.test_one(&sign.text, value.as_deref())
            }
            [a, sign, b] if COMPARISONS.contains(&sign.text.as_str()) => {
                let left = self.text(setting, a)?;
                if sign.text.starts_with('-') {
                    let right = self.text(setting, b)?;
                    let both = left.zip(right);
                    let plain = both.filter(|(a, b)| plain_number(a).is_some() && plain_number(b).is_some());
                    return Ok(plain.map_or(Status::Unknown, |(a, b)| numbers(&a, &sign.text, &b)));
                }
                let pattern = self.pattern(setting, b)?.filter(|_| !is_extended(b));
                match left.zip(pattern).and_then(|(left, pattern)| self.tree.work.matches(&pattern, &left)) {
                    Some(fits) => Status::of(fits == (sign.text != "!=")),
                    None => Status::Unknown,
                }
            }
            all => {
                for word in all {
                    self.text(setting, word)?;
                }
                Status::Unknown
            }
        })
    }
}

fn is_extended(word: &Word) -> bool {
    let is_sign =
        |part: &Part| matches!(part, Part::Text { text, quoted: false } if text.contains(['@', '+', '!', '|']));
    word.parts.iter().any(is_sign)
}

fn numbers(a: &str, sign: &str, b: &str) -> Status {
    let (Some(a), Some(b)) = (plain_number(a), plain_number(b)) else { return Status::Unknown };
    Status::of(match sign {
        "-eq" => a == b,
        "-ne" => a != b,
        "-lt" => a < b,
        "-le" => a <= b,
        "-gt" => a > b,
        _ => a >= b,
    })
}
