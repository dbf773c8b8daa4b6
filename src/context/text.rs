//! Programs that make lines of lines: `cat`, `head`, `tail`, `sort`, `uniq`, `grep`, `tee`; `sed` has a file of its own. What they do is carried out where it can be said
//! exactly; else their output, or the file that they change, is of unknown content.
//!
//! Source: POSIX.1-2017; the manuals of GNU grep and sed.

mod sed;

use super::expression::translated;
use super::run::Outcome;
use super::script::Status;
use super::stage::{Stage, World};
use super::values::Value;
use super::work::Work;
use crate::image::{GapReason, Writes};
use regex::{Regex, RegexBuilder};

/// Bytes of a file that is read line by line.
const MAX_TEXT: usize = 8 << 20;

/// Bytes of an expression that is made ready.
const MAX_EXPRESSION: usize = 256 << 10;
/// Steps that making one ready counts for.
const EXPRESSION: usize = 20_000;

/// Makes an expression ready; `None` where it is none, or is too large.
fn expression(text: &str, work: &Work) -> Option<Regex> {
    work.steps(EXPRESSION + text.len());
    RegexBuilder::new(text).size_limit(MAX_EXPRESSION).build().ok().filter(|_| !work.is_spent())
}

/// What is asked of lines.
pub(super) struct Lines {
    action: Action,
    /// Where they come from; none for the input.
    pub(super) files: Vec<String>,
}

enum Action {
    All,
    First(usize),
    Last(usize),
    Sorted {
        unique: bool,
        reverse: bool,
    },
    Unique,
    Matching {
        pattern: Option<Regex>,
        not: bool,
        quiet: bool,
    },
    /// It writes nothing, but what it prints is not followed.
    Unknown,
}

impl Lines {
    /// Whether several texts may be taken as one, so that what follows is the same.
    pub(super) fn takes(&self, texts: &[String]) -> bool {
        let ends = |text: &String| text.is_empty() || text.ends_with('\n');
        match &self.action {
            Action::All => true,
            Action::Sorted { .. } | Action::Matching { quiet: true, .. } => texts.iter().all(ends),
            _ => texts.len() < 2,
        }
    }

    pub(super) fn sorts(&self) -> bool {
        matches!(self.action, Action::Sorted { .. })
    }

    /// Reads a command line; `None` where it may write a file.
    pub(super) fn parse(name: &str, arguments: &[String], work: &Work) -> Option<Self> {
        match name {
            "cat" => Some(Self::plain(arguments, Action::All)),
            "head" | "tail" => Some(Self::ends(name == "head", arguments)),
            "sort" => Self::sort(arguments),
            "uniq" => {
                let words = arguments.iter().filter(|word| !word.starts_with('-')).count();
                let action = if arguments.len() == words { Action::Unique } else { Action::Unknown };
                (words < 2).then(|| Self {
                    action,
                    files: arguments.iter().filter(|word| !word.starts_with('-')).cloned().collect(),
                })
            }
            _ => Some(Self::grep(name, arguments, work)),
        }
    }

    fn plain(arguments: &[String], action: Action) -> Self {
        let has_option = arguments.iter().any(|word| word.starts_with('-') && word.len() > 1);
        Self { action: if has_option { Action::Unknown } else { action }, files: arguments.to_vec() }
    }

    fn ends(first: bool, arguments: &[String]) -> Self {
        let action = |count: usize| if first { Action::First(count) } else { Action::Last(count) };
        // `+2` counts from the start, and `-2` to the end.
        let number = |text: &str| text.parse::<usize>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
        let (count, files) = match arguments {
            [option, count, files @ ..] if option == "-n" => (number(count), files),
            [option, files @ ..] if option.starts_with("-n") => (number(&option[2..]), files),
            [option, files @ ..] if option.starts_with('-') && option.len() > 1 => (number(&option[1..]), files),
            files => (Some(10), files),
        };
        match count.filter(|_| files.len() < 2) {
            Some(count) => Self::plain(files, action(count)),
            None => Self { action: Action::Unknown, files: Vec::new() },
        }
    }

    fn sort(arguments: &[String]) -> Option<Self> {
        let (mut unique, mut reverse, mut followed, mut files) = (false, false, true, Vec::new());
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-k" | "-t" => {
                    words.next()?;
                    followed = false;
                }
                option if option.starts_with('-') && option.len() > 1 => {
                    if !option[1..].chars().all(|c| "bdfghiMnrRsuV".contains(c)) {
                        return None;
                    }
                    unique |= option.contains('u');
                    reverse |= option.contains('r');
                    followed &= option[1..].chars().all(|c| "ru".contains(c));
                }
                file => files.push(file.to_owned()),
            }
        }
        Some(Self { action: if followed { Action::Sorted { unique, reverse } } else { Action::Unknown }, files })
    }

    fn grep(name: &str, arguments: &[String], work: &Work) -> Self {
        let (mut extended, mut fixed, mut patterns) = (name == "egrep", name == "fgrep", 0);
        let (mut not, mut quiet, mut case, mut whole, mut followed) = (false, false, true, false, true);
        let (mut pattern, mut files): (Option<String>, Vec<String>) = (None, Vec::new());
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-e" => {
                    patterns += 1;
                    pattern = words.next().cloned();
                }
                option if option.starts_with("--") => followed = false,
                option if option.starts_with('-') && option.len() > 1 => {
                    for letter in option[1..].chars() {
                        match letter {
                            'v' => not = true,
                            'q' => quiet = true,
                            'i' => case = false,
                            'x' => whole = true,
                            'E' => extended = true,
                            'F' => fixed = true,
                            's' | 'h' | 'a' => {}
                            _ => followed = false,
                        }
                    }
                }
                _ if pattern.is_none() => pattern = Some(word.clone()),
                file => files.push(file.to_owned()),
            }
        }
        // Of several patterns, each on its line, any may fit.
        followed &= patterns < 2 && !(extended && fixed);
        let pattern = pattern.filter(|pattern| !pattern.contains('\n'));
        let text = pattern.and_then(|pattern| match fixed {
            true => Some(regex::escape(&pattern)),
            false => translated(&pattern, extended),
        });
        let text = text.map(|text| if whole { format!("^(?:{text})$") } else { text });
        let text = text.map(|text| if case { text } else { format!("(?i){text}") });
        let pattern = text.filter(|_| followed && (files.len() < 2 || quiet)).and_then(|text| expression(&text, work));
        let action = if pattern.is_some() { Action::Matching { pattern, not, quiet } } else { Action::Unknown };
        Self { action, files }
    }
}

/// What is printed of a text, and the exit code; `None` where that is not followed.
pub(super) fn filter_lines(lines: &Lines, text: &str) -> Option<(String, Status)> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let all = || text.split_inclusive('\n');
    let ended = |line: &str| if line.ends_with('\n') { line.to_owned() } else { format!("{line}\n") };
    let said = match &lines.action {
        Action::All => text.to_owned(),
        Action::First(count) => all().take(*count).collect(),
        Action::Last(count) => all().skip(all().count().saturating_sub(*count)).collect(),
        Action::Sorted { unique, reverse } => {
            let mut sorted: Vec<String> = all().map(ended).collect();
            // The order of another language is another one; the lines are the same.
            sorted.sort();
            if *unique {
                sorted.dedup();
            }
            if *reverse {
                sorted.reverse();
            }
            sorted.concat()
        }
        Action::Unique => {
            let mut kept: Vec<String> = all().map(ended).collect();
            kept.dedup();
            kept.concat()
        }
        Action::Matching { pattern, not, quiet } => {
            let pattern = pattern.as_ref()?;
            let is_kept = |line: &&str| pattern.is_match(line.trim_end_matches('\n')) != *not;
            let kept: String = all().filter(is_kept).map(ended).collect();
            let status = Status::of(!kept.is_empty());
            return Some((if *quiet { String::new() } else { kept }, status));
        }
        Action::Unknown => return None,
    };
    Some((said, Status::Success))
}

impl Stage {
    /// Whether every program takes a text for the same characters, in the language that is set.
    pub(super) fn is_plain_text(&self, text: &str) -> bool {
        let language = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| self.variable(name));
        !text.contains('\0') && (text.is_ascii() || language.is_some_and(|name| name.eq_ignore_ascii_case("C.UTF-8")))
    }

    /// Whether lines are put in order by their bytes.
    pub(super) fn sorts_bytes(&self) -> bool {
        let set = ["LC_ALL", "LC_COLLATE", "LANG"].into_iter().find_map(|name| self.variable(name));
        let unknown = ["LC_ALL", "LC_COLLATE", "LANG"].iter().any(|name| self.value_of(name) == Value::Unknown);
        !unknown && set.is_none_or(|name| ["", "C", "POSIX", "C.UTF-8", "C.utf8"].contains(&name))
    }

    /// `tee FILE`
    pub(super) fn tee(&mut self, world: &World<'_>, arguments: &[String]) -> Outcome {
        let appends = arguments.iter().any(|word| word == "-a" || word == "--append");
        if let Some(option) =
            arguments.iter().find(|word| word.starts_with('-') && !matches!(word.as_str(), "-a" | "--append"))
        {
            return Outcome::Unknown(GapReason::Option(option.clone()));
        }
        let files: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
        let mut unknown = Writes::nothing();
        for file in files {
            let Some(path) = self.at(file) else { return Outcome::Unknown(GapReason::Where(file.clone())) };
            let path = crate::base::ImagePath::new(&self.tree.resolve(path.as_bytes()));
            if path.as_bytes() == b"dev/null" || path.as_bytes() == b"dev/stderr" {
                continue;
            }
            if super::words::is_special(path.as_bytes()) {
                return Outcome::Unknown(GapReason::Output(file.clone()));
            }
            let old = match appends && self.tree.exists(path.as_bytes()) {
                true => self.text_of(world, path.as_bytes()),
                false => Some(Vec::new()),
            };
            match old.zip(self.shell.input.clone()) {
                Some((old, new)) => self.write_again(path, [old, new.into_bytes()].concat()),
                None => unknown = unknown.and(Writes::at(path)),
            }
        }
        if unknown == Writes::nothing() { Outcome::Done } else { Outcome::Partly(GapReason::Input, unknown) }
    }
}
