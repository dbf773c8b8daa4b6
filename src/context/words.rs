//! The words of a command as the shell hands them to a program.
//!
//! Source: POSIX.1-2017, Shell Command Language, 2.6.

use super::error::Result;
use super::script::{Leave, MAX_SAID, Ran, Said, Setting, Status};
use super::stage::Stage;
use super::values::{Dialect, Value};
use crate::dockerfile::sh::pattern::stripped;
use crate::dockerfile::sh::{Form, Part, Word};
use crate::image::{GapReason, Writes};
use std::rc::Rc;

/// Where words are split.
const BLANKS: [char; 3] = [' ', '\t', '\n'];
/// What makes more or other words of a text.
pub(super) const SPECIAL: [char; 7] = [' ', '\t', '\n', '*', '?', '[', '\\'];

/// Whether bash may make several words of one.
pub(super) fn has_braces(word: &Word) -> bool {
    let plain = |sign: &str| {
        word.parts.iter().any(|part| matches!(part, Part::Text { text, quoted: false } if text.contains(sign)))
    };
    plain("{") && (plain(",") || plain("."))
}

/// Whether something is in quotes within `${…}`.
fn has_quotes(part: &Part) -> bool {
    match part {
        Part::Variable { form: Form::Default { word, .. } | Form::Alternative { word, .. }, .. } => {
            word.text.contains(['"', '\'', '\\'])
        }
        _ => false,
    }
}

/// Bytes that a word takes beside its text.
const FIELD: usize = 64;

/// One word of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Field {
    /// Its value; `None` where that is not known, and neither is into how many words it falls.
    pub(super) value: Option<String>,
    /// As it is written.
    pub(super) written: Rc<str>,
    /// Whether it is a pattern of paths.
    pub(super) pattern: bool,
}

impl Field {
    /// A word that means itself.
    pub(super) fn known(text: &str) -> Self {
        Self { value: Some(text.to_owned()), written: text.into(), pattern: false }
    }
}

impl Stage {
    /// The words that a word becomes. What is in it is run.
    pub(super) fn fields(&mut self, setting: Setting<'_>, word: &Word) -> Result<Vec<Field>> {
        let mut fields = Fields { all: Vec::new(), now: None, written: word.text.as_str().into() };
        let braces = self.shell.dialect != Dialect::Dash && has_braces(word);
        for (number, part) in word.parts.iter().enumerate() {
            match part {
                Part::Text { text, quoted } => {
                    match self.literal(word, number) {
                        Some(text) if text.is_empty() && fields.is_only_arguments(word) => {}
                        Some(text) => fields.add(&text),
                        None => fields.unknown(),
                    }
                    if !quoted && text.contains(['*', '?', '[']) {
                        fields.now().pattern = true;
                    }
                }
                Part::Variable { name, form: Form::Plain, quoted: true } if name == "@" => {
                    match self.shell.arguments.clone() {
                        Some(arguments) => {
                            self.tree.work.bytes(arguments.iter().map(|argument| argument.len() + FIELD).sum());
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
                    // What is in quotes there is not split.
                    Some(value) if has_quotes(part) && (value.is_empty() || value.contains(SPECIAL)) => {
                        fields.unknown()
                    }
                    Some(value) => fields.split(&value),
                },
                other => match self.part(setting, other)?.filter(|_| !self.has_separators()) {
                    None => fields.unknown(),
                    Some(value) => fields.add(&value),
                },
            }
        }
        if braces {
            fields.unknown();
        }
        fields.end();
        let length = |field: &Field| field.value.as_ref().map_or(0, String::len) + FIELD;
        self.tree.work.bytes(fields.all.iter().map(length).sum());
        Ok(fields.all)
    }

    /// A word of `export` and its like. Where it is an assignment, bash and newer dashes do not split it, and others do.
    pub(super) fn declared(&mut self, setting: Setting<'_>, word: &Word) -> Result<Vec<Field>> {
        let starts = |text: &str| text.split_once('=').is_some_and(|(name, _)| crate::dockerfile::sh::is_name(name));
        if !matches!(word.parts.first(), Some(Part::Text { text, quoted: false }) if starts(text)) {
            return self.fields(setting, word);
        }
        let is_quoted = |part: &Part| match part {
            Part::Text { text, quoted } => *quoted || !text.contains(SPECIAL),
            Part::Variable { quoted, .. } | Part::Substitution { quoted, .. } => *quoted,
            _ => true,
        };
        let is_one = self.shell.dialect == Dialect::Bash || word.parts.iter().all(is_quoted);
        let value = self.text(setting, word)?;
        let value = value.filter(|value| is_one || !value.contains(SPECIAL) && !self.has_separators());
        Ok(vec![Field { value, written: word.text.clone().into(), pattern: false }])
    }

    /// Whether words are split elsewhere than at blanks.
    pub(super) fn has_separators(&self) -> bool {
        let is_set = |name: &str| self.scope.variables.contains_key(name) || self.shell.unknown.contains(name);
        is_set("IFS") || self.shell.all_unknown && self.is_whole()
    }

    /// A plain part of a word, with the home that `~` stands for; `None` where that is somebody else's, or may be one.
    fn literal(&self, word: &Word, number: usize) -> Said {
        let Some(Part::Text { text, quoted }) = word.parts.get(number) else { return None };
        if *quoted {
            return Some(text.clone());
        }
        if text.contains(":~") || text.contains("=~") || number > 0 && text.starts_with('~') {
            return None;
        }
        let Some(rest) = text.strip_prefix('~').filter(|_| number == 0) else { return Some(text.clone()) };
        let is_whole = rest.starts_with('/') || rest.is_empty() && word.parts.len() == 1;
        let Value::Set(home) = self.value_of("HOME") else { return None };
        is_whole.then(|| format!("{home}{rest}"))
    }

    /// A word as one text.
    pub(super) fn text(&mut self, setting: Setting<'_>, word: &Word) -> Result<Said> {
        let mut out = Some(String::new());
        for (number, part) in word.parts.iter().enumerate() {
            let value = match part {
                Part::Text { quoted: false, .. } => self.literal(word, number),
                part => self.part(setting, part)?,
            };
            out = out.zip(value).map(|(out, value)| out + &value).filter(|out| out.len() <= MAX_SAID);
        }
        self.tree.work.bytes(out.as_ref().map_or(0, String::len));
        Ok(out)
    }

    /// A word as a pattern: what is in quotes means itself.
    pub(super) fn pattern(&mut self, setting: Setting<'_>, word: &Word) -> Result<Said> {
        let mut out = Some(String::new());
        for part in &word.parts {
            let literal = |text: &str| {
                let escaped =
                    text.chars().flat_map(|c| c.is_ascii_punctuation().then_some('\\').into_iter().chain([c]));
                escaped.collect::<String>()
            };
            let value = match part {
                Part::Text { text, quoted: false } => Some(text.clone()).filter(|text| !text.starts_with('~')),
                Part::Text { text, quoted: true } => Some(literal(text)),
                Part::Variable { quoted: true, .. } | Part::Substitution { quoted: true, .. } | Part::Arithmetic(_) => {
                    self.part(setting, part)?.map(|text| literal(&text))
                }
                // What a value brings unquoted is a pattern.
                part => self.part(setting, part)?.filter(|text| !text.contains(['*', '?', '[', '\\'])),
            };
            out = out.zip(value).map(|(out, value)| out + &value).filter(|out| out.len() <= MAX_SAID);
        }
        Ok(out)
    }

    fn part(&mut self, setting: Setting<'_>, part: &Part) -> Result<Said> {
        match part {
            Part::Text { text, .. } => Ok(Some(text.clone())),
            Part::Variable { name, form, .. } => self.variable_part(setting, name, form),
            Part::Substitution { script, .. } => {
                let ran = self.subshell(setting, false, |stage| {
                    // bash leaves `set -e` at the door, and dash that it is in a condition.
                    match stage.shell.dialect {
                        Dialect::Dash => {}
                        Dialect::Bash => stage.shell.stops = Some(false),
                        Dialect::Other => stage.shell.stops = stage.shell.stops.filter(|stops| !stops),
                    }
                    stage.shell.exempt = false;
                    stage.list(setting, script, false)
                })?;
                self.substituted = Some(ran.status);
                self.shell.last = Status::Unknown;
                let said = ran.said.filter(|said| !said.contains('\0'));
                Ok(said.map(|said| said.trim_end_matches('\n').to_owned()))
            }
            Part::Process(script) => {
                self.subshell(setting, false, |stage| stage.list(setting, script, false))?;
                Ok(None)
            }
            Part::Arithmetic(word) => {
                let text = self.text(setting, word)?;
                let variable = |name: &str| match self.value_of(name) {
                    Value::Set(value) => Some(value),
                    Value::Unset if self.shell.nounset == Some(false) => Some("0".to_owned()),
                    _ => None,
                };
                let value = text.as_deref().and_then(|text| crate::dockerfile::sh::arithmetic::value(text, &variable));
                if value.is_none() {
                    let signs = ["==", "!=", "<=", ">="];
                    let rest =
                        signs.iter().fold(text.unwrap_or_else(|| "=".into()), |text, sign| text.replace(sign, ""));
                    self.shell.all_unknown |= rest.contains("++") || rest.contains("--") || rest.contains('=');
                    self.may_skip();
                }
                Ok(value.map(|value| value.to_string()))
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
        let is_list = matches!(name, "@" | "*");
        if is_list && *form != Form::Plain {
            self.shell.all_unknown |= matches!(form, Form::Default { assigns: true, .. });
            self.may_skip();
            return Ok(None);
        }
        if value == Value::Unset && !is_list && matches!(form, Form::Plain | Form::Strip { .. } | Form::Length) {
            self.needs_value(name);
        }
        if value == Value::Unknown && self.shell.nounset != Some(false) {
            self.may_end();
        }
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
                    if *assigns {
                        self.set_unknown(name.to_owned());
                    }
                    // It is set up for nothing where the variable has a value.
                    self.maybe(setting, |stage| stage.text(setting, word).map(|_| Ran::quiet(Status::Success)));
                    None
                }
                _ if *assigns && !crate::dockerfile::sh::is_name(name) => {
                    self.may_skip();
                    None
                }
                _ if *assigns && self.shell.readonly.contains(name) => {
                    self.shell.uncertain = true;
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
            Form::Required { empty, word } => match value {
                Value::Set(value) if !(*empty && value.is_empty()) => Some(value),
                Value::Unknown => {
                    self.maybe(setting, |stage| stage.text(setting, word).map(|_| Ran::quiet(Status::Success)));
                    self.may_end();
                    None
                }
                _ => {
                    self.text(setting, word)?;
                    self.shell.leave = Some(Leave::Exit(Status::Failure));
                    None
                }
            },
            Form::Strip { end, longest, word } => {
                let pattern = self.pattern(setting, word)?;
                let is_plain = !word.text.contains(['\'', '"', '\\']) && value != Value::Unknown;
                match (value, pattern) {
                    (Value::Set(value), Some(pattern)) if is_plain => {
                        let work = &self.tree.work;
                        stripped(&value, &pattern, *end, *longest, &|steps| work.allows(steps))
                    }
                    (Value::Unset, Some(_)) => Some(String::new()),
                    _ => None,
                }
            }
            Form::Length => match value {
                Value::Set(value) => Some(value.len().to_string()).filter(|_| value.is_ascii()),
                Value::Unset => Some("0".into()),
                Value::Unknown => None,
            },
            Form::Other(word) => {
                self.text(setting, word)?;
                self.may_skip();
                None
            }
        })
    }

    /// `set -u`: a shell ends where a variable has no value.
    fn needs_value(&mut self, name: &str) {
        match self.shell.nounset {
            Some(true) if name != "#" => self.shell.leave = Some(Leave::Exit(Status::Failure)),
            Some(false) => {}
            _ => self.may_end(),
        }
    }

    /// The paths that a word names, if it is a pattern; else the word.
    pub(super) fn path_names(&self, field: &Field) -> Option<Vec<String>> {
        let value = field.value.clone()?;
        let is_set = value.find('[').is_some_and(|at| value[at..].contains(']'));
        if !field.pattern || !is_set && !value.contains(['*', '?', '\\']) {
            return Some(vec![value]);
        }
        if value.contains(['[', '\\']) || !value.starts_with('/') && value.contains("./") {
            return None;
        }
        let path = self.at(&value)?;
        // Where files may be that are not known, a pattern may name them.
        let plain = value.find(['*', '?', '[']).unwrap_or(value.len());
        let folder = self.at(value[..plain].rsplit_once('/').map_or(".", |(folder, _)| folder))?;
        if self.tree.is_doubtful(folder.as_bytes()) || !self.is_whole() && !self.tree.is_directory(folder.as_bytes()) {
            return None;
        }
        let found = self.tree.glob(path.as_bytes());
        let start = match value.starts_with('/') {
            true => 0,
            // The names are as the pattern is: from the working directory.
            false => self.at(".")?.as_bytes().len(),
        };
        let name = |path: Vec<u8>| {
            let path = String::from_utf8_lossy(&path).into_owned();
            if value.starts_with('/') {
                format!("/{path}")
            } else {
                path[start.min(path.len())..].trim_start_matches('/').to_owned()
            }
        };
        Some(if found.is_empty() { vec![value] } else { found.into_iter().map(name).collect() })
    }
}

/// The fields of a word while it is expanded.
struct Fields {
    all: Vec<Field>,
    now: Option<Field>,
    written: Rc<str>,
}

impl Fields {
    /// Whether a word is `"$@"`, which is no word where there are no arguments.
    fn is_only_arguments(&self, word: &Word) -> bool {
        let is_list = |part: &Part| matches!(part, Part::Variable { name, form: Form::Plain, .. } if name == "@");
        let is_empty = |part: &Part| matches!(part, Part::Text { text, .. } if text.is_empty());
        word.parts.iter().any(is_list) && word.parts.iter().all(|part| is_list(part) || is_empty(part))
    }

    fn now(&mut self) -> &mut Field {
        let written = &self.written;
        self.now.get_or_insert_with(|| Field {
            value: Some(String::new()),
            written: Rc::clone(written),
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
        if text.starts_with(BLANKS) {
            self.end();
        }
        for (number, word) in text.split(BLANKS).filter(|word| !word.is_empty()).enumerate() {
            if number > 0 {
                self.end();
            }
            self.add(word);
            self.now().pattern |= word.contains(['*', '?', '[', '\\']);
        }
        if text.ends_with(BLANKS) {
            self.end();
        }
    }

    fn end(&mut self) {
        self.all.extend(self.now.take());
    }
}

/// What is no part of an image: devices and the kernel's files, through which everything can be reached.
pub(super) fn is_special(path: &[u8]) -> bool {
    [&b"dev"[..], b"proc", b"sys"].iter().any(|folder| crate::base::is_within(path, folder))
}
