//! Where the input and output of a command go.
//!
//! Source: POSIX.1-2017, Shell Command Language, 2.7.

use super::error::Result;
use super::script::{Ran, Said, Setting, Status, shown};
use super::stage::Stage;
use super::values::{Dialect, Value};
use super::words::{SPECIAL, has_braces, is_special};
use crate::base::ImagePath;
use crate::dockerfile::sh::{Direction, Form, Kind, Node, Part, Redirect, Word};
use crate::image::{GapReason, Writes};
use crate::layer::{Entry, EntryKind};

/// Devices that take everything and keep nothing, and the terminal's.
const SINKS: [&[u8]; 5] = [b"dev/null", b"dev/stdout", b"dev/stderr", b"dev/tty", b"dev/full"];

impl Stage {
    /// Whether the name of a file is one word for sure: other shells than dash look for a pattern in it, and do not take several words.
    fn is_one_word(&self, word: &Word) -> bool {
        let is_plain = |name: &str| match self.value_of(name) {
            Value::Set(value) => !value.is_empty() && !value.contains(SPECIAL) && !self.has_separators(),
            _ => false,
        };
        let is_one = |part: &Part| match part {
            Part::Text { text, quoted } => *quoted || !text.contains(['*', '?', '[']),
            Part::Variable { quoted: true, .. } | Part::Substitution { quoted: true, .. } => true,
            Part::Variable { name, form: Form::Plain, .. } => is_plain(name),
            _ => false,
        };
        self.shell.dialect == Dialect::Dash || !has_braces(word) && word.parts.iter().all(is_one)
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
            let ran = self.carry_redirected(setting, node, must);
            self.shell.cannot_print = before || is_exec && !(opens && prints);
            return ran;
        }
        // Where a file cannot be opened, the command does not run.
        if is_harmless(node) {
            let noted = self.tree.pause();
            let ran = self.carry_redirected(setting, node, must);
            let changed = self.tree.resume(noted);
            self.tree.doubt(&Writes::Within(changed));
            self.shell.cannot_print = before;
            return ran.map(|ran| Ran { status: Status::Unknown, ..ran });
        }
        self.maybe(setting, |stage| stage.carry_redirected(setting, node, true));
        self.shell.cannot_print = before || is_exec;
        self.shell.uncertain |= self.shell.tolerated && is_special_builtin(node);
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
            let is_one = self.is_one_word(&redirect.target);
            let Some(file) = file.filter(|file| is_one && !file.is_empty() && !file.ends_with('/')) else {
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

    fn carry_redirected(&mut self, setting: Setting<'_>, node: &Node, must: bool) -> Result<Ran> {
        let input = self.shell.input.clone();
        let is_input =
            |direction: Direction| matches!(direction, Direction::Document | Direction::Line | Direction::Read);
        let has_input = node.redirects.iter().any(|redirect| is_input(redirect.direction));
        let mut outputs = Vec::new();
        let before = self.scope.variables.clone();
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
                    if self.shell.leave.take().is_some() {
                        // Who expands it may be a process of its own, which alone ends.
                        (self.shell.input, self.shell.uncertain) = (None, true);
                    }
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
                    let is_one = self.is_one_word(&redirect.target);
                    let file = self.text(setting, &redirect.target)?.filter(|_| is_one);
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
        if self.shell.leave.is_some() {
            return Ok(Ran::quiet(Status::Failure));
        }
        // What is set there is set in another process, or in this one.
        if self.scope.variables != before {
            let after = self.scope.variables.clone();
            let changed = after.into_iter().filter(|(name, value)| before.get(name) != Some(value));
            changed.for_each(|(name, _)| self.set_unknown(name));
        }
        let places: Vec<Option<ImagePath>> =
            outputs.iter().map(|(file, _)| file.as_deref().and_then(|file: &str| self.at(file))).collect();
        let state = |stage: &Self| -> Vec<Option<Entry>> {
            let real = places.iter().flatten().map(|path| stage.tree.resolve(path.as_bytes()));
            real.map(|path| stage.tree.get(&path).cloned()).collect()
        };
        let opened = state(self);
        let mut ran = self.compound(setting, node, must)?;
        if state(self) != opened {
            // Two write into one file.
            ran.said = None;
        }
        if has_input {
            self.shell.input = input;
        }
        let mixes = |redirect: &Redirect| redirect.direction == Direction::Duplicate && redirect.target.text == "1";
        if node.redirects.iter().any(mixes) && !(matches!(node.kind, Kind::Simple(_)) && ran.status == Status::Success)
        {
            // What it says of errors comes along.
            ran.said = None;
        }
        let changes_all = changes_shell(node);
        for file in errors.into_iter().filter(|file| !is_sink(file.as_deref())) {
            self.write_output(setting, node, file.as_deref(), None, true);
        }
        let last = outputs.len().checked_sub(1);
        // What goes to where it went anyway is no less.
        let to_itself = outputs.iter().any(|(file, _)| file.as_deref().is_none_or(|file| file.starts_with("/dev/std")));
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
            ran.said = if changes_all || to_itself { None } else { Some(String::new()) };
        }
        Ok(ran)
    }

    /// What a command prints, written into a file.
    fn write_output(&mut self, setting: Setting<'_>, node: &Node, file: Option<&str>, said: Said, appends: bool) {
        let place = setting.place.text;
        // No file has no name.
        if is_sink(file) || file == Some("") {
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
        if self.is_nowhere(&real) {
            return;
        }
        if is_special(real.as_bytes()) || self.is_folder(real.as_bytes()) {
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
