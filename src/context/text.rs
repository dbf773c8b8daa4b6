//! Programs that make lines of lines: `cat`, `head`, `tail`, `sort`, `uniq`, `grep`, `sed`, `tee`. What they do is carried out where it can be said
//! exactly; else their output, or the file that they change, is of unknown content.
//!
//! Source: POSIX.1-2017; the manuals of GNU grep and sed.

use super::run::Outcome;
use super::script::{Ran, Said, Setting, Status};
use super::stage::{Stage, World};
use crate::image::{GapReason, Writes};
use regex::Regex;

/// Bytes of a file that is read line by line.
const MAX_TEXT: usize = 8 << 20;

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
    /// Reads a command line; `None` where it may write a file.
    pub(super) fn parse(name: &str, arguments: &[String]) -> Option<Self> {
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
            _ => Some(Self::grep(name, arguments)),
        }
    }

    fn plain(arguments: &[String], action: Action) -> Self {
        let has_option = arguments.iter().any(|word| word.starts_with('-') && word.len() > 1);
        Self { action: if has_option { Action::Unknown } else { action }, files: arguments.to_vec() }
    }

    fn ends(first: bool, arguments: &[String]) -> Self {
        let action = |count: usize| if first { Action::First(count) } else { Action::Last(count) };
        let number = |text: &str| text.parse::<usize>().ok();
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

    fn grep(name: &str, arguments: &[String]) -> Self {
        let (mut extended, mut fixed) = (name == "egrep", name == "fgrep");
        let (mut not, mut quiet, mut case, mut whole, mut followed) = (false, false, true, false, true);
        let (mut pattern, mut files): (Option<String>, Vec<String>) = (None, Vec::new());
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-e" => pattern = words.next().cloned(),
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
        let expression = pattern.and_then(|pattern| match fixed {
            true => Some(regex::escape(&pattern)),
            false => translated(&pattern, extended),
        });
        let expression = expression.map(|text| if whole { format!("^(?:{text})$") } else { text });
        let expression = expression.map(|text| if case { text } else { format!("(?i){text}") });
        let pattern =
            expression.filter(|_| followed && (files.len() < 2 || quiet)).and_then(|text| Regex::new(&text).ok());
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

/// A POSIX expression as one of the library's; `None` where it has what is not translated.
fn translated(pattern: &str, extended: bool) -> Option<String> {
    let mut out = String::new();
    let mut characters = pattern.chars().peekable();
    let mut at_start = true;
    while let Some(c) = characters.next() {
        let start = std::mem::replace(&mut at_start, false);
        match c {
            '\\' => {
                let next = characters.next()?;
                match next {
                    '(' | ')' | '|' | '+' | '?' if !extended => {
                        out.push(next);
                        at_start = matches!(next, '(' | '|');
                    }
                    '{' | '}' if !extended => return None,
                    'b' | 'w' | 's' | 'W' | 'S' => out.extend(['\\', next]),
                    next if next.is_ascii_alphanumeric() || next == '<' || next == '>' => return None,
                    next => out.push_str(&regex::escape(&next.to_string())),
                }
            }
            '[' => {
                let mut set = String::from("[");
                if characters.next_if_eq(&'^').is_some() {
                    set.push('^');
                }
                if characters.next_if_eq(&']').is_some() {
                    set.push_str("\\]");
                }
                loop {
                    match characters.next()? {
                        ']' => break,
                        '[' if characters.peek() == Some(&':') => {
                            set.push_str("[:");
                            characters.next();
                            loop {
                                let c = characters.next()?;
                                set.push(c);
                                if c == ']' {
                                    break;
                                }
                            }
                        }
                        c @ ('\\' | '[' | '&' | '~') => set.extend(['\\', c]),
                        c => set.push(c),
                    }
                }
                out.push_str(&set);
                out.push(']');
            }
            '*' if start => out.push_str("\\*"),
            '.' | '*' | '$' => out.push(c),
            '^' => {
                out.push('^');
                at_start = true;
            }
            '(' | '|' if extended => {
                out.push(c);
                at_start = true;
            }
            ')' | '+' | '?' | '{' | '}' if extended => out.push(c),
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    Some(out)
}

/// A command of a `sed` script.
struct SedCommand {
    from: Option<Address>,
    to: Option<Address>,
    not: bool,
    action: SedAction,
}

enum Address {
    Line(usize),
    Last,
    Match(Option<Regex>),
}

enum SedAction {
    Delete,
    Print,
    Substitute { pattern: Option<Regex>, with: Option<String>, all: bool, print: bool },
    Append(String),
    Insert(String),
    Change(String),
}

/// A `sed` command line.
struct Sed {
    commands: Vec<SedCommand>,
    quiet: bool,
    in_place: bool,
    files: Vec<String>,
}

impl Sed {
    /// `None` where something in it may do more than change lines (`w`, `e`, a script in a file).
    fn parse(arguments: &[String]) -> Option<Self> {
        let mut out = Self { commands: Vec::new(), quiet: false, in_place: false, files: Vec::new() };
        let (mut extended, mut scripts, mut words): (bool, Vec<String>, Vec<String>) = (false, Vec::new(), Vec::new());
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "-e" | "--expression" => scripts.push(rest.next()?.clone()),
                "-i" | "--in-place" | "-s" => out.in_place |= word != "-s",
                "-n" | "--quiet" | "--silent" => out.quiet = true,
                "-E" | "-r" | "--regexp-extended" => extended = true,
                "-ri" | "-Ei" => (extended, out.in_place) = (true, true),
                "-ni" => (out.quiet, out.in_place) = (true, true),
                "-ie" => {
                    out.in_place = true;
                    // A copy whose name ends in `e` is kept.
                    return None;
                }
                option if option.starts_with('-') && option.len() > 1 => return None,
                _ => words.push(word.clone()),
            }
        }
        if scripts.is_empty() {
            scripts.push(words.first()?.clone());
            words.remove(0);
        }
        for script in scripts {
            sed_script(&script, extended, &mut out.commands)?;
        }
        out.files = words;
        Some(out)
    }

    fn apply(&self, text: &str) -> Said {
        if text.len() > MAX_TEXT {
            return None;
        }
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut out = String::new();
        let mut open = vec![false; self.commands.len()];
        for (number, line) in lines.iter().enumerate() {
            let (content, end) = line.strip_suffix('\n').map_or((*line, ""), |line| (line, "\n"));
            let mut space = content.to_owned();
            let (mut before, mut after, mut deleted) = (String::new(), String::new(), false);
            for (command, open) in self.commands.iter().zip(&mut open) {
                let holds = |address: &Address| match address {
                    Address::Line(line) => Some(*line == number + 1),
                    Address::Last => Some(number + 1 == lines.len()),
                    Address::Match(pattern) => Some(pattern.as_ref()?.is_match(&space)),
                };
                let selected = match (&command.from, &command.to) {
                    (None, _) => true,
                    (Some(from), None) => holds(from)?,
                    (Some(from), Some(to)) => {
                        let was = *open;
                        let starts = !was && holds(from)?;
                        if starts {
                            *open = !matches!(to, Address::Line(line) if *line <= number + 1);
                        } else if was {
                            *open = !holds(to)?;
                        }
                        starts || was
                    }
                };
                if selected == command.not {
                    continue;
                }
                match &command.action {
                    SedAction::Delete => {
                        deleted = true;
                        break;
                    }
                    SedAction::Print => before.push_str(&format!("{space}\n")),
                    SedAction::Substitute { pattern, with, all, print } => {
                        let (pattern, with) = (pattern.as_ref()?, with.as_ref()?);
                        let new = match all {
                            true => pattern.replace_all(&space, with.as_str()).into_owned(),
                            false => pattern.replace(&space, with.as_str()).into_owned(),
                        };
                        if *print && new != space {
                            before.push_str(&format!("{new}\n"));
                        }
                        space = new;
                    }
                    SedAction::Append(text) => after.push_str(&format!("{text}\n")),
                    SedAction::Insert(text) => before.push_str(&format!("{text}\n")),
                    SedAction::Change(text) => {
                        before.push_str(&format!("{text}\n"));
                        deleted = true;
                        break;
                    }
                }
                if out.len() + space.len() > MAX_TEXT {
                    return None;
                }
            }
            out.push_str(&before);
            if !deleted && !self.quiet {
                out.push_str(&space);
                out.push_str(if after.is_empty() { end } else { "\n" });
            }
            out.push_str(&after);
        }
        Some(out)
    }
}

/// Commands between `;` and line breaks.
fn sed_script(script: &str, extended: bool, out: &mut Vec<SedCommand>) -> Option<()> {
    let mut rest = script.trim_start_matches([' ', '\t', ';', '\n']);
    while !rest.is_empty() {
        let (from, after) = address(rest, extended)?;
        let (to, after) = match after.strip_prefix(',').filter(|_| from.is_some()) {
            Some(after) => {
                let (to, after) = address(after, extended)?;
                (Some(to?), after)
            }
            None => (None, after),
        };
        let after = after.trim_start();
        let (not, after) = after.strip_prefix('!').map_or((false, after), |after| (true, after.trim_start()));
        let mut letters = after.chars();
        let (action, next) = match letters.next()? {
            'd' => (SedAction::Delete, letters.as_str()),
            'p' => (SedAction::Print, letters.as_str()),
            's' => substitution(letters.as_str(), extended)?,
            kind @ ('a' | 'i' | 'c') => {
                let text = letters.as_str().trim_start();
                let text = text.strip_prefix('\\').map_or(text, |text| text.trim_start_matches(['\n', ' ']));
                if text.contains(['\\', '\n']) {
                    return None;
                }
                let text = text.to_owned();
                let action = match kind {
                    'a' => SedAction::Append(text),
                    'i' => SedAction::Insert(text),
                    _ => SedAction::Change(text),
                };
                (action, "")
            }
            _ => return None,
        };
        let next = next.trim_start_matches([' ', '\t']);
        if !(next.is_empty() || next.starts_with([';', '\n'])) {
            return None;
        }
        out.push(SedCommand { from, to, not, action });
        rest = next.trim_start_matches([' ', '\t', ';', '\n']);
    }
    Some(())
}

fn address(text: &str, extended: bool) -> Option<(Option<Address>, &str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits > 0 {
        return Some((Some(Address::Line(text[..digits].parse().ok()?)), &text[digits..]));
    }
    if let Some(after) = text.strip_prefix('$') {
        return Some((Some(Address::Last), after));
    }
    let Some(inside) = text.strip_prefix('/') else { return Some((None, text)) };
    let (pattern, after) = delimited(inside, '/')?;
    Some((Some(Address::Match(translated(&pattern, extended).and_then(|text| Regex::new(&text).ok()))), after))
}

/// The text up to a delimiter, where it may stand behind a backslash; and what follows.
fn delimited(text: &str, delimiter: char) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            c if c == delimiter => return Some((out, &text[at + c.len_utf8()..])),
            '\\' => {
                let (_, next) = characters.next()?;
                if next != delimiter {
                    out.push('\\');
                }
                out.push(next);
            }
            '\n' => return None,
            c => out.push(c),
        }
    }
    None
}

fn substitution(text: &str, extended: bool) -> Option<(SedAction, &str)> {
    let delimiter = text.chars().next().filter(|c| !c.is_alphanumeric() && *c != '\\' && *c != '\n')?;
    let (pattern, after) = delimited(&text[delimiter.len_utf8()..], delimiter)?;
    let (with, after) = delimited(after, delimiter)?;
    let flags = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).len();
    let (flags, after) = after.split_at(flags);
    // `w` writes a file, `e` runs a command, a number is the count of a match.
    if !flags.chars().all(|c| matches!(c, 'g' | 'i' | 'I' | 'p')) {
        return None;
    }
    let expression = translated(&pattern, extended).filter(|text| !text.is_empty());
    let expression = expression.map(|text| if flags.contains(['i', 'I']) { format!("(?i){text}") } else { text });
    let action = SedAction::Substitute {
        pattern: expression.and_then(|text| Regex::new(&text).ok()),
        with: replacement(&with),
        all: flags.contains('g'),
        print: flags.contains('p'),
    };
    Some((action, after))
}

/// What stands for a match, in the library's form.
fn replacement(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '&' => out.push_str("${0}"),
            '$' => out.push_str("$$"),
            '\\' => match characters.next()? {
                digit @ '0'..='9' => out.push_str(&format!("${{{digit}}}")),
                'n' => out.push('\n'),
                't' => out.push('\t'),
                c if c.is_ascii_alphabetic() => return None,
                '$' => out.push_str("$$"),
                c => out.push(c),
            },
            c => out.push(c),
        }
    }
    Some(out)
}

impl Stage {
    /// `sed` that prints; `None` where it changes files, or may do more.
    pub(super) fn sed_prints(&mut self, setting: Setting<'_>, arguments: &[String]) -> Option<Ran> {
        let sed = Sed::parse(arguments).filter(|sed| !sed.in_place)?;
        let text = match sed.files.as_slice() {
            [] => self.shell.input.clone(),
            [file] => {
                let path = self.at(file)?;
                self.text_of(setting.world, path.as_bytes()).and_then(|text| String::from_utf8(text).ok())
            }
            _ => None,
        };
        let said = text.and_then(|text| sed.apply(&text));
        Some(Ran { status: if said.is_some() { Status::Success } else { Status::Unknown }, said })
    }

    /// `sed -i`
    pub(super) fn sed(&mut self, world: &World<'_>, arguments: &[String]) -> Outcome {
        let Some(sed) = Sed::parse(arguments) else { return Outcome::Unknown(GapReason::Option("its script".into())) };
        let mut unknown = Writes::nothing();
        let mut word = None;
        for file in &sed.files {
            let Some(path) = self.at(file) else { return Outcome::Unknown(GapReason::Where(file.clone())) };
            let found = if file.contains(['*', '?', '[']) {
                self.tree.glob(path.as_bytes())
            } else {
                vec![path.as_bytes().to_vec()]
            };
            for path in found {
                let path = crate::base::ImagePath::new(&self.tree.resolve(&path));
                let text = self.text_of(world, path.as_bytes()).and_then(|text| String::from_utf8(text).ok());
                match text.and_then(|text| sed.apply(&text)) {
                    Some(new) => self.write_again(path, new.into_bytes()),
                    None => {
                        unknown = unknown.and(Writes::at(path));
                        word.get_or_insert_with(|| file.clone());
                    }
                }
            }
        }
        match word {
            Some(word) => Outcome::Partly(GapReason::Content(word), unknown),
            None => Outcome::Done,
        }
    }

    /// `tee FILE`
    pub(super) fn tee(&mut self, world: &World<'_>, arguments: &[String]) -> Outcome {
        let appends = arguments.iter().any(|word| word == "-a" || word == "--append");
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
