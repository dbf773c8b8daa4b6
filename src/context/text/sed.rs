//! `sed`: its script, and what it makes of a text.
//!
//! Source: the manual of GNU sed.

use super::super::expression::{is_one_way, translated};
use super::super::run::Outcome;
use super::super::script::{Ran, Said, Setting, Status};
use super::super::stage::{Stage, World};
use super::super::work::Work;
use super::{MAX_TEXT, expression};
use crate::image::{GapReason, Writes};
use crate::layer::EntryKind;
use regex::Regex;

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
    fn parse(arguments: &[String], work: &Work) -> Option<Self> {
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
            sed_script(&script, extended, &mut out.commands, work)?;
        }
        out.files = words;
        Some(out)
    }

    fn apply(&self, text: &str, work: &Work) -> Said {
        if text.len() > MAX_TEXT {
            return None;
        }
        let only_substitutes = |command: &SedCommand| {
            matches!(command.action, SedAction::Substitute { print: false, .. } | SedAction::Delete)
        };
        // The line break that the last line does not have is given back in other places.
        if !text.is_empty() && !text.ends_with('\n') && (self.quiet || !self.commands.iter().all(only_substitutes)) {
            return None;
        }
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut out = String::new();
        let mut open = vec![false; self.commands.len()];
        for (number, line) in lines.iter().enumerate() {
            let (content, end) = line.strip_suffix('\n').map_or((*line, ""), |line| (line, "\n"));
            let mut space = content.to_owned();
            let (mut before, mut after, mut deleted) = (String::new(), String::new(), false);
            work.steps((self.commands.len() + 1).saturating_mul(10 + content.len() / 4));
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
                        let new = replaced(&space, pattern, with, *all)?;
                        if *print && pattern.is_match(&space) {
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
                let length = out.len() + before.len() + space.len() + after.len();
                if length > MAX_TEXT || work.is_spent() {
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

/// A text with its first match replaced, or all of them; `None` where that makes it too long.
fn replaced(text: &str, pattern: &Regex, with: &str, all: bool) -> Said {
    let mut out = String::new();
    let mut end = 0;
    // A match may stand in it as often as it has a `$`.
    let references = with.matches('$').count();
    for found in pattern.captures_iter(text).take(if all { usize::MAX } else { 1 }) {
        let whole = found.get(0)?;
        let most = with.len().saturating_add(references.saturating_mul(whole.len()));
        out.push_str(&text[end..whole.start()]);
        if out.len().saturating_add(most) > MAX_TEXT {
            return None;
        }
        found.expand(with, &mut out);
        end = whole.end();
    }
    out.push_str(&text[end..]);
    Some(out)
}

/// Commands between `;` and line breaks.
fn sed_script(script: &str, extended: bool, out: &mut Vec<SedCommand>, work: &Work) -> Option<()> {
    let mut rest = script.trim_start_matches([' ', '\t', ';', '\n']);
    while !rest.is_empty() {
        let (from, after) = address(rest, extended, work)?;
        let (to, after) = match after.strip_prefix(',').filter(|_| from.is_some()) {
            Some(after) => {
                let (to, after) = address(after, extended, work)?;
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
            's' => substitution(letters.as_str(), extended, work)?,
            // Of a range it is printed once.
            'c' if to.is_some() || not => return None,
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

fn address<'t>(text: &'t str, extended: bool, work: &Work) -> Option<(Option<Address>, &'t str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits > 0 {
        return Some((Some(Address::Line(text[..digits].parse().ok().filter(|line| *line > 0)?)), &text[digits..]));
    }
    if let Some(after) = text.strip_prefix('$') {
        return Some((Some(Address::Last), after));
    }
    let Some(inside) = text.strip_prefix('/') else { return Some((None, text)) };
    let (pattern, after) = delimited(inside, '/')?;
    // An empty one is the one before.
    let text = translated(&pattern, extended).filter(|text| !text.is_empty());
    Some((Some(Address::Match(text.and_then(|text| expression(&text, work)))), after))
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
                // As a delimiter it means itself, or what it means in an expression.
                if next == delimiter && !"/#,%@:;~_!=".contains(delimiter) {
                    return None;
                }
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

fn substitution<'t>(text: &'t str, extended: bool, work: &Work) -> Option<(SedAction, &'t str)> {
    let delimiter = text.chars().next().filter(|c| !c.is_alphanumeric() && *c != '\\' && *c != '\n')?;
    let (pattern, after) = delimited(&text[delimiter.len_utf8()..], delimiter)?;
    let (with, after) = delimited(after, delimiter)?;
    let flags = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).len();
    let (flags, after) = after.split_at(flags);
    // `w` writes a file, `e` runs a command, a number is the count of a match.
    if !flags.chars().all(|c| matches!(c, 'g' | 'i' | 'I' | 'p')) {
        return None;
    }
    // What is the longest match has to be sure.
    let text = translated(&pattern, extended).filter(|text| !text.is_empty() && is_one_way(text));
    let text = text.map(|text| if flags.contains(['i', 'I']) { format!("(?i){text}") } else { text });
    let found = text.and_then(|text| expression(&text, work));
    let groups = found.as_ref().map_or(0, Regex::captures_len);
    let is_anchor = matches!(pattern.as_str(), "^" | "$");
    let action = SedAction::Substitute {
        pattern: found.filter(|found| !flags.contains('g') || is_anchor || !found.is_match("")),
        with: replacement(&with, groups),
        all: flags.contains('g'),
        print: flags.contains('p'),
    };
    Some((action, after))
}

/// What stands for a match, in the library's form.
fn replacement(text: &str, groups: usize) -> Option<String> {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '&' => out.push_str("${0}"),
            '$' => out.push_str("$$"),
            '\\' => match characters.next()? {
                digit @ '1'..='9' if (digit as usize - '0' as usize) < groups => out.push_str(&format!("${{{digit}}}")),
                '0'..='9' => return None,
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
    pub(in super::super) fn sed_prints(&mut self, setting: Setting<'_>, arguments: &[String]) -> Option<Ran> {
        let sed = Sed::parse(arguments, &self.tree.work).filter(|sed| !sed.in_place)?;
        let text = match sed.files.as_slice() {
            // It reads all of it.
            [] => self.shell.input.clone(),
            [file] => {
                let path = self.at(file)?;
                self.text_of(setting.world, path.as_bytes()).and_then(|text| String::from_utf8(text).ok())
            }
            _ => None,
        };
        let said = text.filter(|text| self.is_plain_text(text)).and_then(|text| sed.apply(&text, &self.tree.work));
        Some(Ran { status: if said.is_some() { Status::Success } else { Status::Unknown }, said })
    }

    /// `sed -i`
    pub(in super::super) fn sed(&mut self, world: &World<'_>, arguments: &[String]) -> Outcome {
        let Some(sed) = Sed::parse(arguments, &self.tree.work) else {
            return Outcome::Unknown(GapReason::Option("its script".into()));
        };
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
                let text = self.text_of(world, &path).and_then(|text| String::from_utf8(text).ok());
                // The file is a new one: in the place of a link, and not where it leads.
                let folder = crate::base::ImagePath::new(&self.tree.resolve(crate::base::parent(&path)));
                let path = folder.join(crate::base::file_name(&path));
                if self.tree.get(path.as_bytes()).is_some_and(|entry| entry.kind == EntryKind::Symlink) {
                    self.tree.remove(path.as_bytes());
                }
                match text.filter(|text| self.is_plain_text(text)).and_then(|text| sed.apply(&text, &self.tree.work)) {
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
}
