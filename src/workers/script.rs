//! What a script for the shell starts: an entry point, `sh -c "…"`.
//!
//! Variables, arguments, conditions, functions and loops are followed where they are known. Where a condition is not, both ways are
//! looked at, and what is found there is not certain. A program that is not known is taken to succeed, as it does where the service starts.
//!
//! Source: POSIX.1-2017, Shell Command Language.

use super::model::{Container, PROCESSORS, Setting, UNKNOWN, Worker, is_known};
use crate::dockerfile::sh::{
    self, Direction, Form, Item, Join, Kind, Node, Part, Pipeline, Script, Simple, Word, arithmetic, pattern,
};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Simple commands that are followed.
const MAX_STEPS: usize = 2_000;
/// Functions and files inside of each other.
const MAX_DEPTH: usize = 12;
/// Rounds of a loop.
const MAX_ROUNDS: usize = 40;
/// Bytes of a value.
const MAX_TEXT: usize = 64 << 10;

/// Bytes of a value of which an end is cut off.
const MAX_STRIPPED: usize = 4_096;

/// Programs that are asked a question, so that their exit code is not known.
const QUESTIONS: [&str; 17] = [
    "command",
    "which",
    "type",
    "hash",
    "grep",
    "egrep",
    "pgrep",
    "nc",
    "ping",
    "curl",
    "wget",
    "pg_isready",
    "mysqladmin",
    "mountpoint",
    "id",
    "getent",
    "redis-cli",
];

/// What a program with its words starts, with the variables and the folder that it has then.
type Start<'s> = dyn Fn(&[String], Setting<'_>, Container<'_>) -> Vec<Worker> + 's;

/// Where a script runs.
#[derive(Clone, Copy)]
pub(super) struct Outer<'s> {
    /// The variables of the container.
    pub setting: Setting<'s>,
    /// Its files.
    pub container: Container<'s>,
    /// What a program starts.
    pub start: &'s Start<'s>,
}

/// A shell that runs a script.
pub(super) struct Shell<'s> {
    outer: Outer<'s>,
    variables: BTreeMap<String, String>,
    arguments: Vec<String>,
    functions: BTreeMap<String, Rc<Node>>,
    directory: Option<String>,
    /// What was found, and whether it is certain that it runs.
    found: Vec<(Worker, bool)>,
    /// Conditions around that are not known.
    unsure: usize,
    /// Whether the script has come to its end.
    ended: bool,
    /// Whether the function has.
    returned: bool,
    steps: usize,
    depth: usize,
}

impl<'s> Shell<'s> {
    /// A shell with the variables of a container, and with a script's arguments.
    pub(super) fn new(outer: Outer<'s>, arguments: &[String]) -> Self {
        let set = |(name, value): (&String, &Option<String>)| Some((name.clone(), value.clone()?));
        Self {
            outer,
            variables: outer.setting.environment.iter().filter_map(set).collect(),
            arguments: arguments.to_vec(),
            functions: BTreeMap::new(),
            directory: outer.container.directory.map(str::to_owned),
            found: Vec::new(),
            unsure: 0,
            ended: false,
            returned: false,
            steps: 0,
            depth: 0,
        }
    }

    /// What a script starts; none of it is certain where ways differ.
    pub(super) fn run(mut self, text: &str) -> Vec<(Worker, bool)> {
        if let Ok(script) = sh::parse(text) {
            self.script(&script);
        }
        // Both ways to the same are one.
        let mut out: Vec<(Worker, bool)> = Vec::new();
        for (worker, sure) in self.found {
            match out.iter_mut().find(|(known, known_sure)| *known == worker && !(*known_sure && sure)) {
                Some((_, known_sure)) => *known_sure |= sure,
                None => out.push((worker, sure)),
            }
        }
        out
    }

    fn script(&mut self, script: &Script) -> Option<bool> {
        let mut status = Some(true);
        for item in script {
            if self.ended || self.returned {
                break;
            }
            status = self.item(item);
        }
        status
    }

    fn item(&mut self, item: &Item) -> Option<bool> {
        let mut status = self.pipeline(&item.first);
        for (join, next) in &item.rest {
            if self.ended || self.returned {
                break;
            }
            let wanted = *join == Join::And;
            status = match status {
                Some(is) if is == wanted => self.pipeline(next),
                Some(is) => Some(is),
                None => self.maybe(|shell| shell.pipeline(next)).and(None),
            };
        }
        if item.background {
            // What `exec` ends there is the shell in the background.
            self.ended = false;
            return Some(true);
        }
        status
    }

    /// Looks at what may run, and goes on as if it had not ended the script.
    fn maybe<T>(&mut self, look: impl FnOnce(&mut Self) -> T) -> T {
        let before = (self.variables.clone(), self.arguments.clone(), self.directory.clone());
        self.unsure += 1;
        let out = look(self);
        self.unsure -= 1;
        (self.ended, self.returned) = (false, false);
        // What was changed there is not known.
        for (name, value) in &mut self.variables {
            if before.0.get(name) != Some(value) {
                UNKNOWN.clone_into(value);
            }
        }
        for name in before.0.keys() {
            self.variables.entry(name.clone()).or_insert_with(|| UNKNOWN.to_owned());
        }
        if self.arguments != before.1 {
            self.arguments = vec![UNKNOWN.to_owned()];
        }
        if self.directory != before.2 {
            self.directory = None;
        }
        out
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Option<bool> {
        let mut status = Some(true);
        for node in &pipeline.commands {
            status = self.node(node);
        }
        if pipeline.commands.len() > 1 {
            self.ended = false;
            status = None;
        }
        if pipeline.negated { status.map(|is| !is) } else { status }
    }

    fn node(&mut self, node: &Node) -> Option<bool> {
        match &node.kind {
            Kind::Simple(simple) => self.simple(simple, node),
            Kind::Group(script) => self.script(script),
            Kind::Subshell(script) => {
                let before = (self.variables.clone(), self.arguments.clone(), self.directory.clone());
                let status = self.script(script);
                (self.variables, self.arguments, self.directory) = before;
                self.ended = false;
                status
            }
            Kind::If { arms, otherwise } => {
                for (at, (condition, body)) in arms.iter().enumerate() {
                    match self.condition(condition) {
                        Some(true) => return self.script(body),
                        Some(false) => {}
                        None => {
                            self.maybe(|shell| shell.script(body));
                            for (_, body) in &arms[at + 1..] {
                                self.maybe(|shell| shell.script(body));
                            }
                            otherwise.iter().for_each(|body| _ = self.maybe(|shell| shell.script(body)));
                            return None;
                        }
                    }
                }
                otherwise.as_ref().map_or(Some(true), |body| self.script(body))
            }
            Kind::For { name, words, body } => {
                let words = match words {
                    Some(words) => words.iter().flat_map(|word| self.fields(word)).collect(),
                    None => self.arguments.clone(),
                };
                let is_open =
                    words.len() > MAX_ROUNDS || words.iter().any(|word| !is_known(word) || word.contains('*'));
                if is_open {
                    self.variables.insert(name.clone(), UNKNOWN.to_owned());
                    self.maybe(|shell| shell.script(body));
                    return None;
                }
                for word in words {
                    self.variables.insert(name.clone(), word);
                    self.script(body);
                    if self.ended || self.returned {
                        break;
                    }
                }
                Some(true)
            }
            Kind::While { until, condition, body } => {
                for _ in 0..MAX_ROUNDS {
                    match self.condition(condition).map(|is| is != *until) {
                        Some(true) if !self.ended && !self.returned => _ = self.script(body),
                        None => {
                            self.maybe(|shell| shell.script(body));
                            break;
                        }
                        _ => break,
                    }
                }
                Some(true)
            }
            Kind::Case { subject, arms } => {
                let subject = self.text(subject);
                for (patterns, body) in arms {
                    let fits: Vec<Option<bool>> = patterns.iter().map(|pattern| self.fits(pattern, &subject)).collect();
                    if fits.contains(&Some(true)) && is_known(&subject) {
                        return self.script(body);
                    }
                    if fits.contains(&None) {
                        self.maybe(|shell| shell.script(body));
                    }
                }
                None
            }
            Kind::Test(words) => {
                let words: Vec<String> = words.iter().map(|word| self.text(word)).collect();
                self.test(&words, true)
            }
            Kind::Arithmetic(_) => None,
            Kind::Function { name, body } => {
                self.functions.insert(name.clone(), body.clone());
                Some(true)
            }
        }
    }

    /// A program that is not known may fail there.
    fn condition(&mut self, script: &Script) -> Option<bool> {
        let is_plain = script.iter().all(|item| {
            let pipelines = std::iter::once(&item.first).chain(item.rest.iter().map(|(_, next)| next));
            pipelines.flat_map(|pipeline| &pipeline.commands).all(|node| match &node.kind {
                Kind::Simple(simple) => {
                    let name = simple.words.first().map_or("", |word| word.text.as_str());
                    matches!(name, "[" | "test" | "true" | ":" | "false")
                }
                Kind::Test(_) => true,
                _ => false,
            })
        });
        let status = self.script(script);
        status.filter(|_| is_plain)
    }

    fn simple(&mut self, simple: &Simple, node: &Node) -> Option<bool> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            self.ended = true;
            return None;
        }
        let assigned: Vec<(String, String)> = simple
            .assigned
            .iter()
            .map(|one| {
                let value = self.text(&one.value);
                let before = self.variables.get(&one.name).filter(|_| one.appends).cloned().unwrap_or_default();
                (one.name.clone(), before + &value)
            })
            .collect();
        let words: Vec<String> = simple.words.iter().flat_map(|word| self.fields(word)).collect();
        if words.is_empty() {
            self.variables.extend(assigned);
            return Some(true);
        }
        // A program that reads a file in the place of its arguments is not the shell's.
        let reads = node.redirects.iter().any(|one| one.direction == Direction::Document);
        self.command(&words, assigned, reads)
    }

    fn command(&mut self, words: &[String], assigned: Vec<(String, String)>, reads: bool) -> Option<bool> {
        let (name, rest) = words.split_first()?;
        if let Some(body) = self.functions.get(name).cloned() {
            if self.depth >= MAX_DEPTH {
                return None;
            }
            let outer = std::mem::replace(&mut self.arguments, rest.to_vec());
            self.depth += 1;
            let status = self.node(&body);
            self.depth -= 1;
            self.returned = false;
            self.arguments = outer;
            return status;
        }
        match name.as_str() {
            ":" | "true" | "echo" | "printf" | "umask" | "trap" | "wait" | "sleep" | "chmod" | "chown" | "mkdir" => {
                Some(true)
            }
            "false" => Some(false),
            "return" => {
                self.returned = true;
                rest.first().map_or(Some(true), |code| is_known(code).then_some(code == "0"))
            }
            "[" => self.test(rest.strip_suffix(&["]".to_owned()]).unwrap_or(rest), false),
            "test" => self.test(rest, false),
            "exit" => {
                self.ended = true;
                Some(true)
            }
            "exec" if rest.is_empty() => Some(true),
            "exec" => {
                let rest = if rest[0] == "-a" { rest.get(2..).unwrap_or(&[]) } else { rest };
                self.start(rest, assigned);
                self.ended = true;
                Some(true)
            }
            "export" | "declare" | "local" | "readonly" | "typeset" => {
                for word in rest {
                    if let Some((name, value)) = word.split_once('=') {
                        self.variables.insert(name.to_owned(), value.to_owned());
                    }
                }
                Some(true)
            }
            "unset" => {
                rest.iter().for_each(|name| _ = self.variables.remove(name));
                Some(true)
            }
            "set" => {
                if let Some(at) = rest.iter().position(|word| word == "--") {
                    self.arguments = rest[at + 1..].to_vec();
                }
                Some(true)
            }
            "shift" => {
                let count = rest.first().map_or(Some(1), |count| count.parse::<usize>().ok()).unwrap_or(0);
                self.arguments.drain(..count.min(self.arguments.len()));
                Some(true)
            }
            "cd" => {
                self.directory = rest
                    .first()
                    .filter(|path| is_known(path))
                    .and_then(|path| Container { directory: self.directory.as_deref(), files: None }.absolute(path));
                Some(true)
            }
            "eval" => {
                let text = rest.join(" ");
                let script = sh::parse(&text).ok().filter(|_| self.depth < MAX_DEPTH && is_known(&text))?;
                self.depth += 1;
                let status = self.script(&script);
                self.depth -= 1;
                status
            }
            "." | "source" => {
                let text = rest.first().and_then(|path| self.container().read(path));
                let script = text.filter(|_| self.depth < MAX_DEPTH).and_then(|text| sh::parse(&text).ok());
                self.depth += 1;
                let status = script.map_or(Some(true), |script| self.script(&script));
                self.depth -= 1;
                self.returned = false;
                status
            }
            name if QUESTIONS.contains(&name)
                && !(name == "command" && rest.first().is_some_and(|word| !word.starts_with('-'))) =>
            {
                None
            }
            _ if reads => Some(true),
            _ => {
                self.start(words, assigned);
                Some(true)
            }
        }
    }

    fn container(&self) -> Container<'_> {
        Container { directory: self.directory.as_deref(), files: self.outer.container.files }
    }

    /// A program, with the variables as they are now.
    fn start(&mut self, words: &[String], assigned: Vec<(String, String)>) {
        let mut environment: BTreeMap<String, Option<String>> =
            self.variables.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
        environment.extend(assigned.into_iter().map(|(name, value)| (name, Some(value))));
        let setting = Setting { environment: &environment, cpus: self.outer.setting.cpus };
        let found = (self.outer.start)(words, setting, self.container());
        let sure = self.unsure == 0;
        self.found.extend(found.into_iter().map(|worker| (worker, sure)));
    }

    /// `test`, `[` and `[[`.
    fn test(&self, words: &[String], double: bool) -> Option<bool> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.test_words(&words, double)
    }

    fn test_words(&self, words: &[&str], double: bool) -> Option<bool> {
        for (sign, is_or) in [("||", true), ("-o", true), ("&&", false), ("-a", false)] {
            if words.len() > 3
                && let Some(at) = words.iter().position(|word| *word == sign)
            {
                let (left, right) = (self.test_words(&words[..at], double), self.test_words(&words[at + 1..], double));
                return match (left, right) {
                    (Some(is), _) | (_, Some(is)) if is == is_or => Some(is),
                    (Some(_), Some(is)) => Some(is),
                    _ => None,
                };
            }
        }
        match words {
            [] => Some(false),
            ["!", rest @ ..] => self.test_words(rest, double).map(|is| !is),
            [text] => is_known(text).then_some(!text.is_empty()),
            ["-n", text] => is_known(text).then_some(!text.is_empty()),
            ["-z", text] => is_known(text).then_some(text.is_empty()),
            ["-v", name] => Some(self.variables.contains_key(*name)),
            ["-f" | "-e" | "-r" | "-s" | "-x", path] => self.container().read(path).is_some().then_some(true),
            [left, sign, right] if is_known(left) && is_known(right) => Some(match *sign {
                "=" | "==" | "!=" => {
                    let same = if double { pattern::wildcard(right, left)? } else { left == right };
                    same == (*sign != "!=")
                }
                "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" => {
                    let (left, right) = (arithmetic::plain_number(left)?, arithmetic::plain_number(right)?);
                    match *sign {
                        "-eq" => left == right,
                        "-ne" => left != right,
                        "-lt" => left < right,
                        "-le" => left <= right,
                        "-gt" => left > right,
                        _ => left >= right,
                    }
                }
                _ => return None,
            }),
            _ => None,
        }
    }

    /// Whether a pattern of `case` fits.
    fn fits(&mut self, pattern: &Word, text: &str) -> Option<bool> {
        let pattern = self.text(pattern);
        // What fits everything fits what is not known, too.
        if pattern == "*" {
            return if is_known(text) { Some(true) } else { None };
        }
        if is_known(text) && is_known(&pattern) { pattern::wildcard(&pattern, text) } else { None }
    }

    /// The words that a word becomes.
    fn fields(&mut self, word: &Word) -> Vec<String> {
        // Quotes around are parts of their own.
        let mut parts = word.parts.iter().filter(|part| !matches!(part, Part::Text { text, .. } if text.is_empty()));
        if let (Some(Part::Variable { name, form: Form::Plain, .. }), None) = (parts.next(), parts.next())
            && (name == "@" || name == "*")
        {
            return self.arguments.clone();
        }
        let splits = |part: &Part| {
            matches!(part, Part::Variable { quoted: false, .. } | Part::Substitution { quoted: false, .. })
        };
        let is_split = word.parts.iter().any(splits);
        let text = self.text(word);
        match is_split && is_known(&text) {
            true => text.split_whitespace().map(str::to_owned).collect(),
            false => vec![text],
        }
    }

    /// A word as one text.
    fn text(&mut self, word: &Word) -> String {
        let mut out = String::new();
        for part in &word.parts {
            out.push_str(&self.part(part));
            if out.len() > MAX_TEXT {
                return UNKNOWN.to_owned();
            }
        }
        out
    }

    fn part(&mut self, part: &Part) -> String {
        match part {
            Part::Text { text, .. } => text.clone(),
            Part::Variable { name, form, .. } => self.variable(name, form),
            Part::Substitution { script, .. } => self.said(script),
            Part::Arithmetic(word) => {
                let text = self.text(word);
                self.arithmetic(&text)
            }
            Part::Process(_) | Part::Other(_) | Part::Unread => UNKNOWN.to_owned(),
        }
    }

    fn arithmetic(&self, text: &str) -> String {
        let cpus = self.outer.setting.cpus.map(|cpus| cpus as u64);
        let from_host = text.contains(PROCESSORS)
            || self.variables.iter().any(|(name, value)| value == PROCESSORS && text.contains(name.as_str()));
        let number = |text: String| match cpus {
            Some(cpus) => text.replace(PROCESSORS, &cpus.to_string()),
            None => text,
        };
        let variable = |name: &str| Some(number(self.variables.get(name).cloned().unwrap_or_else(|| "0".to_owned())));
        match arithmetic::value(&number(text.to_owned()), &variable) {
            Some(value) if from_host => format!("{PROCESSORS}:{value}"),
            Some(value) => value.to_string(),
            None => UNKNOWN.to_owned(),
        }
    }

    /// What a command in `$(…)` prints.
    fn said(&mut self, script: &Script) -> String {
        let simple = match script.as_slice() {
            [Item { first: Pipeline { commands, .. }, rest, background: false }] if rest.is_empty() => {
                match commands.as_slice() {
                    [Node { kind: Kind::Simple(simple), .. }] => simple,
                    _ => return UNKNOWN.to_owned(),
                }
            }
            _ => return UNKNOWN.to_owned(),
        };
        let words: Vec<String> = simple.words.iter().flat_map(|word| self.fields(word)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["nproc", ..] | ["getconf", "_NPROCESSORS_ONLN"] | ["grep", "-c", _, "/proc/cpuinfo"] => {
                PROCESSORS.to_owned()
            }
            ["echo", rest @ ..] if rest.first().is_none_or(|word| !word.starts_with('-')) => rest.join(" "),
            ["expr", rest @ ..] => self.arithmetic(&rest.join(" ")),
            _ => UNKNOWN.to_owned(),
        }
    }

    fn variable(&mut self, name: &str, form: &Form) -> String {
        let value = match name {
            "@" | "*" => Some(self.arguments.join(" ")),
            "#" => Some(self.arguments.len().to_string()),
            "0" | "?" | "$" | "!" | "-" => Some(UNKNOWN.to_owned()),
            name => match name.parse::<usize>() {
                Ok(at) => self.arguments.get(at.wrapping_sub(1)).cloned(),
                Err(_) => self.variables.get(name).cloned(),
            },
        };
        let has = |empty: bool| value.as_ref().is_some_and(|value| !(empty && value.is_empty()));
        match form {
            Form::Plain => value.unwrap_or_default(),
            Form::Default { empty, assigns, word } => match value.as_ref().filter(|_| has(*empty)) {
                Some(value) => value.clone(),
                None => {
                    let text = self.text(word);
                    if *assigns {
                        self.variables.insert(name.to_owned(), text.clone());
                    }
                    text
                }
            },
            Form::Alternative { empty, word } => {
                if has(*empty) {
                    self.text(word)
                } else {
                    String::new()
                }
            }
            Form::Required { .. } => value.unwrap_or_else(|| UNKNOWN.to_owned()),
            Form::Strip { end, longest, word } => {
                let (value, pattern) = (value.unwrap_or_default(), self.text(word));
                stripped(&value, &pattern, *end, *longest).unwrap_or_else(|| UNKNOWN.to_owned())
            }
            Form::Length => value
                .filter(|value| is_known(value))
                .map_or(UNKNOWN.to_owned(), |value| value.chars().count().to_string()),
            Form::Other(_) => UNKNOWN.to_owned(),
        }
    }
}

/// `${x%pattern}` and its like, of patterns that all shells read alike.
fn stripped(value: &str, pattern: &str, end: bool, longest: bool) -> Option<String> {
    let is_plain =
        is_known(value) && is_known(pattern) && value.len() <= MAX_STRIPPED && !pattern.contains(['[', '\\', '(']);
    is_plain.then(|| pattern::stripped(value, pattern, end, longest, &|_| true)).flatten()
}
