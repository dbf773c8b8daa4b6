//! The words of a command as the shell hands them to a program, and where its input and output go.
//!
//! Source: POSIX.1-2017, Shell Command Language, 2.6 and 2.7.

use super::script::{MAX_SAID, Ran, Result, Said, Setting, Status, Value, shown};
use super::stage::Stage;
use crate::base::ImagePath;
use crate::dockerfile::sh::{Direction, Form, Kind, Node, Part, Redirect, Word};
use crate::image::{GapReason, Writes};
use crate::layer::{Entry, EntryKind};

/// Devices that take everything and keep nothing, and the terminal's.
const SINKS: [&[u8]; 5] = [b"dev/null", b"dev/stdout", b"dev/stderr", b"dev/tty", b"dev/full"];

/// One word of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Field {
    /// Its value; `None` where that is not known, and neither is into how many words it falls.
    pub(super) value: Option<String>,
    /// As it is written.
    pub(super) written: String,
    /// Whether it is a pattern of paths.
    pub(super) pattern: bool,
}

impl Field {
    /// A word that means itself.
    pub(super) fn known(text: &str) -> Self {
        Self { value: Some(text.to_owned()), written: text.to_owned(), pattern: false }
    }
}

impl Stage {
    /// The words that a word becomes. What is in it is run.
    pub(super) fn fields(&mut self, setting: Setting<'_>, word: &Word) -> Result<Vec<Field>> {
        let mut fields = Fields { all: Vec::new(), now: None, written: &word.text };
        for (number, part) in word.parts.iter().enumerate() {
            match part {
                Part::Text { text, quoted } => {
                    let home = (number == 0 && !quoted).then(|| self.at_home(text)).flatten();
                    fields.add(home.as_deref().unwrap_or(text));
                    let now = fields.now();
                    now.pattern |= !quoted && text.contains(['*', '?', '[']);
                    if !quoted && self.expands_braces && text.contains('{') && text.contains([',', '.']) {
                        now.value = None;
                    }
                }
                Part::Variable { name, form: Form::Plain, quoted: true } if name == "@" => {
                    match self.shell.arguments.clone() {
                        Some(arguments) => {
                            for (number, argument) in arguments.iter().enumerate() {
                                if number > 0 {
                                    fields.end();
                                }
                                fields.add(argument);
                            }
                        }
                        None => fields.unknown(),
                    }
                }
                Part::Variable { quoted, .. } | Part::Substitution { quoted, .. } => match self.part(setting, part)? {
                    None => fields.unknown(),
                    Some(value) if *quoted => fields.add(&value),
                    Some(_) if self.has_separators() => fields.unknown(),
                    Some(value) => fields.split(&value),
                },
                other => match self.part(setting, other)? {
                    None => fields.unknown(),
                    Some(value) => fields.add(&value),
                },
            }
        }
        fields.end();
        Ok(fields.all)
    }

    /// Whether words are split elsewhere than at blanks.
    fn has_separators(&self) -> bool {
        self.value_of("IFS") != Value::Unset && self.is_whole()
    }

    /// A word as one text.
    pub(super) fn text(&mut self, setting: Setting<'_>, word: &Word) -> Result<Said> {
        let mut out = Some(String::new());
        for (number, part) in word.parts.iter().enumerate() {
            let value = match part {
                Part::Text { text, quoted: false } if number == 0 => {
                    Some(self.at_home(text).unwrap_or_else(|| text.clone()))
                }
                part => self.part(setting, part)?,
            };
            out = out.zip(value).map(|(out, value)| out + &value).filter(|out| out.len() <= MAX_SAID);
        }
        Ok(out)
    }

    /// A word as a pattern: what is in quotes means itself.
    pub(super) fn pattern(&mut self, setting: Setting<'_>, word: &Word) -> Result<Said> {
        let mut out = Some(String::new());
        for part in &word.parts {
            let literal = |text: &str| {
                let escaped = text.chars().flat_map(|c| "*?[\\".contains(c).then_some('\\').into_iter().chain([c]));
                escaped.collect::<String>()
            };
            let value = match part {
                Part::Text { text, quoted: false } => Some(text.clone()),
                Part::Text { text, quoted: true } => Some(literal(text)),
                part => self.part(setting, part)?.map(|text| literal(&text)),
            };
            out = out.zip(value).map(|(out, value)| out + &value);
        }
        Ok(out)
    }

    fn part(&mut self, setting: Setting<'_>, part: &Part) -> Result<Said> {
        match part {
            Part::Text { text, .. } => Ok(Some(text.clone())),
            Part::Variable { name, form, .. } => self.variable_part(setting, name, form),
            Part::Substitution { script, .. } => {
                let ran = self.subshell(false, |stage| stage.list(setting, script, false))?;
                self.substituted = Some(ran.status);
                Ok(ran.said.map(|said| said.trim_end_matches('\n').to_owned()))
            }
            Part::Process(script) => {
                self.subshell(false, |stage| stage.list(setting, script, false))?;
                Ok(None)
            }
            Part::Arithmetic(word) => {
                let value = self.text(setting, word)?;
                let assigns = word.text.contains("++") || word.text.contains("--") || word.text.contains('=');
                if assigns {
                    self.shell.all_unknown = true;
                }
                Ok(value.map(|value| value.trim().to_owned()).filter(|value| is_number(value) && !assigns))
            }
            Part::Other(word) => {
                self.text(setting, word)?;
                Ok(None)
            }
            Part::Unread => {
                self.gap(setting.place.text, "a here-document", GapReason::Grammar, Writes::Anywhere);
                Ok(None)
            }
        }
    }

    fn variable_part(&mut self, setting: Setting<'_>, name: &str, form: &Form) -> Result<Said> {
        let value = self.value_of(name);
        Ok(match form {
            Form::Plain => match value {
                Value::Set(value) => Some(value),
                Value::Unset => {
                    // Nothing says that it is meant to be empty.
                    if !self.scope.declared.contains(name) && crate::dockerfile::sh::is_name(name) {
                        self.missing = Some(format!("${name}"));
                    }
                    Some(String::new())
                }
                Value::Unknown => None,
            },
            Form::Default { empty, assigns, word } => match value {
                Value::Set(value) if !(*empty && value.is_empty()) => Some(value),
                Value::Unknown => {
                    // It is set up for nothing where the variable has a value.
                    self.maybe(setting, |stage| stage.text(setting, word).map(|_| Ran::quiet(Status::Success)));
                    None
                }
                _ => {
                    let value = self.text(setting, word)?;
                    match &value {
                        Some(value) if *assigns => self.set(name, value.clone()),
                        None if *assigns => self.set_unknown(name.to_owned()),
                        _ => {}
                    }
                    value
                }
            },
            Form::Alternative { empty, word } => match value {
                Value::Set(value) if !(*empty && value.is_empty()) => self.text(setting, word)?,
                Value::Unknown => {
                    self.maybe(setting, |stage| stage.text(setting, word).map(|_| Ran::quiet(Status::Success)));
                    None
                }
                _ => Some(String::new()),
            },
            Form::Required(word) => {
                self.text(setting, word)?;
                match value {
                    Value::Set(value) => Some(value),
                    _ => None,
                }
            }
            Form::Strip { end, longest, word } => {
                let pattern = self.pattern(setting, word)?;
                match (value, pattern) {
                    (Value::Set(value), Some(pattern)) => Some(stripped(&value, &pattern, *end, *longest)),
                    (Value::Unset, Some(_)) => Some(String::new()),
                    _ => None,
                }
            }
            Form::Length => match value {
                Value::Set(value) => Some(value.chars().count().to_string()),
                Value::Unset => Some("0".into()),
                Value::Unknown => None,
            },
            Form::Other(word) => {
                self.text(setting, word)?;
                None
            }
        })
    }

    fn at_home(&self, word: &str) -> Option<String> {
        let rest = word.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
        Some(format!("/{}{rest}", String::from_utf8_lossy(&self.home())))
    }

    /// The paths that a word names, if it is a pattern; else the word.
    pub(super) fn path_names(&self, field: &Field) -> Option<Vec<String>> {
        let value = field.value.clone()?;
        if !field.pattern {
            return Some(vec![value]);
        }
        let path = self.at(&value)?;
        // Where files may be that are not known, a pattern may name them.
        let plain = value.find(['*', '?', '[']).unwrap_or(value.len());
        let folder = self.at(value[..plain].rsplit_once('/').map_or(".", |(folder, _)| folder))?;
        if self.tree.is_doubtful(folder.as_bytes()) || !self.is_whole() && !self.tree.is_directory(folder.as_bytes()) {
            return None;
        }
        let found = self.tree.glob(path.as_bytes());
        let name = |path: Vec<u8>| format!("/{}", String::from_utf8_lossy(&path));
        Some(if found.is_empty() { vec![value] } else { found.into_iter().map(name).collect() })
    }

    /// A command with its redirections.
    pub(super) fn redirected(&mut self, setting: Setting<'_>, node: &Node, must: bool) -> Result<Ran> {
        if node.redirects.is_empty() {
            return self.compound(setting, node, must);
        }
        let (opens, prints) = self.opens(setting, node)?;
        let before = self.shell.cannot_print;
        let is_exec = changes_shell(node);
        self.shell.cannot_print |= !opens || !prints;
        if opens || must {
            let ran = self.into_files(setting, node, must);
            self.shell.cannot_print = before || is_exec && !(opens && prints);
            return ran;
        }
        // Where a file cannot be opened, the command does not run.
        if is_harmless(node) {
            let noted = self.tree.pause();
            let ran = self.into_files(setting, node, must);
            let changed = self.tree.resume(noted);
            self.tree.doubt(&Writes::Within(changed));
            self.shell.cannot_print = before;
            return ran.map(|ran| Ran { status: Status::Unknown, ..ran });
        }
        self.maybe(setting, |stage| stage.into_files(setting, node, true));
        self.shell.cannot_print = before || is_exec;
        self.shell.uncertain |= self.shell.inner && is_special_builtin(node);
        Ok(Ran::unknown())
    }

    /// Whether all files of a command's redirections can surely be opened, and whether what it prints surely has somewhere to go.
    fn opens(&mut self, setting: Setting<'_>, node: &Node) -> Result<(bool, bool)> {
        let (mut opens, mut prints) = (true, true);
        for redirect in &node.redirects {
            if matches!(redirect.direction, Direction::Document | Direction::Line) {
                continue;
            }
            let runs = |part: &Part| !matches!(part, Part::Text { .. } | Part::Variable { form: Form::Plain, .. });
            let file = match redirect.target.parts.iter().any(runs) {
                true => None,
                false => self.text(setting, &redirect.target)?,
            };
            let Some(file) = file else {
                opens = false;
                continue;
            };
            if redirect.direction == Direction::Duplicate {
                prints &= matches!(file.as_str(), "0" | "1" | "2");
                opens &= is_number(&file) && file.len() == 1 && file.as_str() < "3" || file == "-";
                continue;
            }
            let Some(path) = self.at(&file) else {
                opens = false;
                continue;
            };
            prints &= path.as_bytes() != b"dev/full";
            opens &= match (path.as_bytes(), redirect.direction) {
                (b"dev/null" | b"dev/full", _) => true,
                (b"dev/stdout" | b"dev/stderr" | b"dev/stdin", _) => self.is_root(),
                (_, Direction::Read) => self.can_read(&path),
                _ => self.can_write(&path),
            };
        }
        Ok((opens, prints))
    }

    fn into_files(&mut self, setting: Setting<'_>, node: &Node, must: bool) -> Result<Ran> {
        let input = self.shell.input.clone();
        let mut outputs = Vec::new();
        let (mut turned, mut errors) = (false, Vec::new());
        for redirect in &node.redirects {
            let of_output = redirect.descriptor.as_deref().is_none_or(|number| number == "1");
            match redirect.direction {
                Direction::Document => {
                    let word = redirect.document.as_ref().and_then(|document| document.get()).cloned();
                    self.shell.input = match word {
                        Some(word) => self.text(setting, &word)?,
                        None => None,
                    };
                }
                Direction::Line => self.shell.input = self.text(setting, &redirect.target)?.map(|text| text + "\n"),
                Direction::Read => {
                    let file = self.text(setting, &redirect.target)?;
                    let path = file.as_deref().and_then(|file| self.at(file));
                    let text = path.and_then(|path| self.text_of(setting.world, path.as_bytes()));
                    self.shell.input = match file.as_deref() {
                        Some("/dev/null") => Some(String::new()),
                        Some("/dev/stdin") => self.shell.input.take(),
                        _ => text.and_then(|text| String::from_utf8(text).ok()),
                    };
                }
                Direction::Duplicate => {
                    let to = self.text(setting, &redirect.target)?;
                    match to.as_deref() {
                        Some(to) if to == "-" || is_number(to) => turned |= of_output && to != "1",
                        _ => errors.push(to),
                    }
                }
                Direction::Write | Direction::Append | Direction::All | Direction::Both => {
                    let file = self.text(setting, &redirect.target)?;
                    let appends = matches!(redirect.direction, Direction::Append | Direction::Both)
                        || redirect.direction == Direction::All && redirect.target.text.starts_with('>');
                    if redirect.direction == Direction::Write && of_output && file.is_some() {
                        self.write_output(setting, node, file.as_deref(), Some(String::new()), false);
                    }
                    match redirect.direction {
                        Direction::Write | Direction::Append if of_output => outputs.push((file, appends)),
                        _ => errors.push(file),
                    }
                }
            }
        }
        let mut ran = self.compound(setting, node, must)?;
        self.shell.input = input;
        let changes_all = changes_shell(node);
        for file in errors.into_iter().filter(|file| !is_sink(file.as_deref())) {
            self.write_output(setting, node, file.as_deref(), None, true);
        }
        let last = outputs.len().checked_sub(1);
        for (number, (file, appends)) in
            outputs.into_iter().enumerate().filter(|(_, (file, _))| !is_sink(file.as_deref()))
        {
            let said = match Some(number) == last {
                _ if turned || changes_all => None,
                true => ran.said.clone(),
                false => Some(String::new()),
            };
            self.write_output(setting, node, file.as_deref(), said, appends);
        }
        if last.is_some() || turned {
            ran.said = if changes_all { None } else { Some(String::new()) };
        }
        Ok(ran)
    }

    /// What a command prints, written into a file.
    fn write_output(&mut self, setting: Setting<'_>, node: &Node, file: Option<&str>, said: Said, appends: bool) {
        let place = setting.place.text;
        if is_sink(file) {
            return;
        }
        let Some(path) = file.and_then(|file| self.at(file)) else {
            return self.gap(place, &shown(node), GapReason::Where("its output".into()), Writes::Anywhere);
        };
        let real = ImagePath::new(&self.tree.resolve(path.as_bytes()));
        let name = file.unwrap_or_default().to_owned();
        if SINKS.contains(&real.as_bytes()) {
            return;
        }
        self.tried.get_or_insert_with(|| shown(node));
        if is_special(real.as_bytes()) || self.tree.is_directory(real.as_bytes()) {
            return self.gap(place, &shown(node), GapReason::Output(name), Writes::Anywhere);
        }
        let Some(said) = said else {
            let writes = Writes::at(real.clone());
            if !self.tree.exists(real.as_bytes()) {
                self.tree.put(Entry::file(real, 0), None);
            }
            return self.gap(place, &shown(node), GapReason::Output(name), writes);
        };
        let old = self.tree.get(real.as_bytes()).cloned();
        if !appends || old.is_none() {
            return self.write_again(real, said.into_bytes());
        }
        match self.text_of(setting.world, real.as_bytes()) {
            Some(mut text) => {
                text.extend_from_slice(said.as_bytes());
                self.write_again(real, text);
            }
            None => {
                let size = old.map_or(0, |old| old.size).saturating_add(said.len() as u64);
                self.tree.put(Entry::file(real.clone(), size), None);
                self.tree.doubt(&Writes::at(real));
            }
        }
    }

    /// Writes a file with a known content; who owns it and what may be done with it stay.
    pub(super) fn write_again(&mut self, path: ImagePath, content: Vec<u8>) {
        let old = self.tree.get(path.as_bytes()).cloned().filter(|old| old.kind == EntryKind::File);
        let (uid, gid) = old.as_ref().map_or((0, 0), |old| (old.uid, old.gid));
        let kept = self.tree.foreign().contains(&path) || old.is_none();
        self.write(path.clone(), content, uid, gid);
        if let (Some(old), Some(new)) = (old, self.tree.get(path.as_bytes()).cloned()) {
            let content = self.tree.content(path.as_bytes()).map(<[u8]>::to_vec);
            self.tree.put(Entry { mode: old.mode, ..new }, content);
        }
        // A file of the base that is written to is no program of the base's any more.
        self.tree.set_foreign(&path, kept || !self.tree.by_installer);
    }
}

/// The fields of a word while it is expanded.
struct Fields<'w> {
    all: Vec<Field>,
    now: Option<Field>,
    written: &'w str,
}

impl Fields<'_> {
    fn now(&mut self) -> &mut Field {
        let written = self.written;
        self.now.get_or_insert_with(|| Field {
            value: Some(String::new()),
            written: written.to_owned(),
            pattern: false,
        })
    }

    fn add(&mut self, text: &str) {
        if let Some(value) = &mut self.now().value {
            value.push_str(text);
        }
    }

    fn unknown(&mut self) {
        self.now().value = None;
    }

    fn split(&mut self, text: &str) {
        if text.starts_with(char::is_whitespace) {
            self.end();
        }
        for (number, word) in text.split_whitespace().enumerate() {
            if number > 0 {
                self.end();
            }
            self.add(word);
            self.now().pattern |= word.contains(['*', '?', '[']);
        }
        if text.ends_with(char::is_whitespace) {
            self.end();
        }
    }

    fn end(&mut self) {
        self.all.extend(self.now.take());
    }
}

/// `exec > file`
fn changes_shell(node: &Node) -> bool {
    first_word(node) == Some("exec") && matches!(&node.kind, Kind::Simple(simple) if simple.words.len() == 1)
}

fn first_word(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Simple(simple) => Some(simple.words.first().map_or("", |word| word.text.as_str())),
        _ => None,
    }
}

/// Whether it changes nothing but the file that its output goes to.
fn is_harmless(node: &Node) -> bool {
    let only_adds = |redirect: &Redirect| redirect.direction == Direction::Append;
    matches!(first_word(node), Some("echo" | "printf" | "cat")) && node.redirects.iter().all(only_adds)
}

/// Whether a shell may end where it cannot open a file for it.
fn is_special_builtin(node: &Node) -> bool {
    const SPECIAL: [&str; 16] = [
        ":", ".", "", "break", "continue", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift",
        "times", "trap", "unset",
    ];
    first_word(node).is_some_and(|word| SPECIAL.contains(&word))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() < 10 && text.chars().all(|c| c.is_ascii_digit())
}

fn is_sink(file: Option<&str>) -> bool {
    file.is_some_and(|file| SINKS.contains(&ImagePath::from(file).as_bytes()))
}

/// What is no part of an image: devices and the kernel's files, through which everything can be reached.
pub(super) fn is_special(path: &[u8]) -> bool {
    [&b"dev"[..], b"proc", b"sys"].iter().any(|folder| crate::base::is_within(path, folder))
}

/// Whether a pattern of the shell's fits a whole text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            Some('?') => Some(p + 1),
            Some('[') => set(&pattern[p..], text[t]).map(|length| p + length),
            Some('\\') => (pattern.get(p + 1) == Some(&text[t])).then_some(p + 2),
            Some(c) => (*c == text[t]).then_some(p + 1),
            None => None,
        };
        match (step, star) {
            (Some(next), _) => {
                p = next;
                t += 1;
            }
            (None, Some((at, from))) => {
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The length of `[…]`, if a character is in it.
fn set(pattern: &[char], c: char) -> Option<usize> {
    let end = pattern.iter().skip(2).position(|c| *c == ']').map(|end| end + 2);
    let Some(end) = end else { return (c == '[').then_some(1) };
    let (not, inside) = match &pattern[1..end] {
        ['!' | '^', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let mut found = false;
    let mut at = 0;
    while at < inside.len() {
        match inside[at..] {
            [from, '-', to, ..] => {
                found |= from <= c && c <= to;
                at += 3;
            }
            _ => {
                found |= inside[at] == c;
                at += 1;
            }
        }
    }
    (found != not).then_some(end + 1)
}

/// `${x%pattern}` and its like.
fn stripped(value: &str, pattern: &str, end: bool, longest: bool) -> String {
    let mut cuts: Vec<usize> = value.char_indices().map(|(at, _)| at).chain([value.len()]).collect();
    // Shortest first.
    if end {
        cuts.reverse();
    }
    if longest {
        cuts.reverse();
    }
    let fits = |cut: &&usize| matches(pattern, if end { &value[**cut..] } else { &value[..**cut] });
    match cuts.iter().find(fits) {
        Some(&cut) if end => value[..cut].to_owned(),
        Some(&cut) => value[cut..].to_owned(),
        None => value.to_owned(),
    }
}
