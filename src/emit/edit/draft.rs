//! Edits while they are gathered: what goes, word by word and command by command, and what is put in. At the end
//! they become changes of the text that leave lines, comments and continuations as they were.

use super::Edit;
use crate::dockerfile::{Command, Dockerfile, Form, Instruction, Kind, Operator, Run, Span, line_end, line_start};
use std::collections::{BTreeMap, BTreeSet};

/// Why an edit is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Why {
    /// The rule.
    pub rule: String,
    /// In words, one line.
    pub reason: String,
}

impl Why {
    pub(super) fn new(rule: &str, reason: impl Into<String>) -> Self {
        Self { rule: rule.to_owned(), reason: reason.into() }
    }
}

/// What becomes of one instruction.
#[derive(Default)]
struct Change {
    gone: Option<Why>,
    commands: BTreeMap<usize, Why>,
    tokens: BTreeMap<usize, Why>,
    puts: Vec<(Span, String, Why)>,
    tail: Vec<(String, Why)>,
}

/// All edits of a file.
pub(super) struct Draft<'a> {
    /// The file.
    pub file: &'a Dockerfile<'a>,
    /// What could not be done, and what to know.
    pub notes: Vec<String>,
    /// The plan's files that the edited Dockerfile installs from.
    pub files: BTreeSet<String>,
    /// Rules that must not be followed.
    skip: &'a [String],
    changes: BTreeMap<usize, Change>,
    /// Instructions of other shells than those that are read.
    foreign: BTreeSet<usize>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(file: &'a Dockerfile<'a>, skip: &'a [String]) -> Self {
        Self {
            file,
            skip,
            foreign: file.in_foreign_shells(),
            notes: Vec::new(),
            files: BTreeSet::new(),
            changes: BTreeMap::new(),
        }
    }

    /// Whether a rule must not be followed.
    pub(super) fn skips(&self, rule: &str) -> bool {
        self.skip.iter().any(|skipped| skipped == rule)
    }

    /// A `RUN` whose commands can be read and changed: not for another shell, no program's input, nothing that the shell's grammar
    /// does not explain.
    pub(super) fn run(&self, instruction: usize) -> Option<&'a Run> {
        let Kind::Run(run) = &self.file.instructions[instruction].kind else { return None };
        let shell = run.form == Form::Exec || !self.foreign.contains(&instruction);
        (!matches!(run.form, Form::Input | Form::Program) && run.error.is_none() && shell).then_some(run)
    }

    /// A remark on an instruction.
    pub(super) fn note(&mut self, instruction: usize, text: impl std::fmt::Display) {
        let line = self.file.line(self.file.instructions[instruction].span.start);
        let note = format!("line {line}: {text}");
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub(super) fn is_gone(&self, instruction: usize) -> bool {
        self.changes.get(&instruction).is_some_and(|change| change.gone.is_some())
    }

    pub(super) fn command_is_gone(&self, instruction: usize, command: usize) -> bool {
        self.is_gone(instruction)
            || self.changes.get(&instruction).is_some_and(|change| change.commands.contains_key(&command))
    }

    pub(super) fn remove(&mut self, instruction: usize, why: Why) {
        self.changes.entry(instruction).or_default().gone.get_or_insert(why);
    }

    /// Takes a command out of its list; `false` where that would change what the others do.
    pub(super) fn remove_command(&mut self, instruction: usize, command: usize, why: Why) -> bool {
        let Some(run) = self.run(instruction) else { return false };
        let Some(found) = run.commands.get(command).filter(|found| is_plain(found)) else { return false };
        let only = run.commands.len() == 1;
        let change = self.changes.entry(instruction).or_default();
        if only {
            change.gone.get_or_insert(why);
        } else if !found.words.is_empty() {
            change.commands.entry(command).or_insert(why);
        }
        true
    }

    pub(super) fn remove_tokens(&mut self, instruction: usize, tokens: impl IntoIterator<Item = usize>, why: &Why) {
        let change = self.changes.entry(instruction).or_default();
        for token in tokens {
            change.tokens.entry(token).or_insert_with(|| why.clone());
        }
    }

    /// Replaces a part of the text; an empty span inserts.
    pub(super) fn put(&mut self, instruction: usize, span: Span, text: impl Into<String>, why: Why) {
        self.changes.entry(instruction).or_default().puts.push((span, text.into(), why));
    }

    /// Inserts a word behind a token.
    pub(super) fn put_word(&mut self, instruction: usize, token: usize, word: &str, why: Why) {
        let Some(run) = self.run(instruction) else { return };
        let end = run.tokens[token].span.end;
        let text = if run.form == Form::Exec { format!(", \"{word}\"") } else { format!(" {word}") };
        self.put(instruction, end..end, text, why);
    }

    /// Inserts words behind a token, each on a line of its own where that one has one.
    pub(super) fn put_words(&mut self, instruction: usize, token: usize, words: &[&str], why: &Why) {
        let Some(run) = self.run(instruction) else { return };
        let before = token.checked_sub(1).map_or(run.tokens[token].span.start, |before| run.tokens[before].span.end);
        let gap = &self.file.text[before..run.tokens[token].span.start];
        let end = run.tokens[token].span.end;
        for word in words {
            if run.form == Form::Shell && gap.contains('\n') && !gap.contains('#') {
                self.put(instruction, end..end, format!("{gap}{word}"), why.clone());
            } else {
                self.put_word(instruction, token, word, why.clone());
            }
        }
    }

    /// Inserts whole lines before an instruction.
    pub(super) fn put_before(&mut self, instruction: usize, line: &str, why: Why) {
        let start = self.file.instructions[instruction].span.start;
        self.put(instruction, start..start, format!("{line}{}", self.file.line_break()), why);
    }

    /// Adds a command to the end of a `RUN`; `false` in exec form.
    pub(super) fn append(&mut self, instruction: usize, command: &str, why: Why) -> bool {
        let Some(run) = self.run(instruction).filter(|run| run.form != Form::Exec) else { return false };
        // Behind a `||` or a pipe the new command would belong to the last one only.
        let ends_plainly = run.commands.last().is_some_and(|last| !last.nested && last.after.is_none_or(ends_line));
        if ends_plainly {
            self.changes.entry(instruction).or_default().tail.push((command.to_owned(), why));
        }
        ends_plainly
    }

    /// What stands between two commands of a `RUN`, as its author writes it.
    pub(super) fn joiner(&self, instruction: usize) -> String {
        let (text, line_break) = (self.file.text, self.file.line_break());
        let Some(run) = self.run(instruction) else { return " && ".to_owned() };
        let first = run.tokens.first().map_or(0, |token| token.span.start);
        let indent = |at: usize| {
            let line = &text[line_start(text, at)..at];
            line[..line.len() - line.trim_start().len()].to_owned()
        };
        if run.form == Form::Script {
            return format!("{line_break}{}", indent(first));
        }
        let escape = self.file.escape;
        let ands = run.tokens.iter().enumerate().filter(|(_, token)| token.operator == Some(Operator::And));
        for (position, token) in ands {
            let before = &text[line_start(text, token.span.start)..token.span.start];
            if before.trim().is_empty() {
                return format!(" {escape}{line_break}{before}&& ");
            }
            let next = run.tokens.get(position + 1).map_or(token.span.end, |next| next.span.start);
            if text[token.span.end..next].contains('\n') {
                let start = line_start(text, next);
                return format!(" && {escape}{line_break}{}", &text[start..next]);
            }
        }
        format!(" {escape}{line_break}    && ")
    }

    /// The edits in the order of the text, none over another.
    pub(super) fn finish(self) -> (Vec<Edit>, Vec<String>) {
        let mut notes = self.notes.clone();
        let mut edits = Vec::new();
        for (&instruction, change) in &self.changes {
            self.finish_one(instruction, change, &mut edits);
        }
        edits.sort_by_key(|edit: &Edit| (edit.span.start, edit.span.end));
        let mut out: Vec<Edit> = Vec::new();
        for edit in edits {
            if out.last().is_some_and(|last| last.span.end > edit.span.start) {
                notes.push(format!("line {}: left to you, for another edit is in its way: {}", edit.line, edit.reason));
            } else {
                out.push(edit);
            }
        }
        (out, notes)
    }

    fn edit(&self, span: Span, replacement: String, why: &Why) -> Edit {
        let line = self.file.line(span.start);
        Edit { span, replacement, reason: why.reason.clone(), rule: why.rule.clone(), line }
    }

    fn finish_one(&self, position: usize, change: &Change, edits: &mut Vec<Edit>) {
        let instruction = &self.file.instructions[position];
        if let Some(why) = &change.gone {
            edits.push(self.edit(whole(self.file.text, &instruction.span), String::new(), why));
            // What was put before it does not depend on it.
            let start = instruction.span.start;
            let before = change.puts.iter().filter(|(span, ..)| span.end == start);
            edits.extend(before.map(|(span, text, why)| self.edit(span.clone(), text.clone(), why)));
            return;
        }
        edits.extend(change.puts.iter().map(|(span, text, why)| self.edit(span.clone(), text.clone(), why)));
        let Kind::Run(run) = &instruction.kind else { return };
        let cut = cut_tokens(run, change);
        let words = run.tokens.iter().enumerate().filter(|(_, token)| token.operator.is_none());
        if let Some((_, why)) = cut.iter().next()
            && words.map(|(token, _)| token).all(|token| cut.contains_key(&token))
            && change.tail.is_empty()
        {
            edits.push(self.edit(whole(self.file.text, &instruction.span), String::new(), why));
            return;
        }
        let cutter = Cutter { text: self.file.text, instruction, run, escape: self.file.escape };
        edits.extend(cutter.spans(&cut).into_iter().map(|(span, why)| self.edit(span, String::new(), &why)));
        let last = (0..run.tokens.len())
            .rev()
            .find(|token| !cut.contains_key(token) && run.tokens[*token].operator != Some(Operator::Line));
        if let Some(last) = last {
            let end = run.tokens[last].span.end;
            for (command, why) in &change.tail {
                edits.push(self.edit(end..end, format!("{}{command}", self.joiner(position)), why));
            }
        }
    }
}

/// The instruction's lines; of two blank lines that would meet, one goes too.
fn whole(text: &str, span: &Span) -> Span {
    let start = line_start(text, span.start);
    let before = text[..start].trim_end_matches(' ');
    let blank_before = before.is_empty() || before.ends_with("\n\n") || before.ends_with("\n\r\n");
    let next = line_end(text, span.end.min(text.len()));
    let blank_after = span.end < text.len() && text[span.end..next].trim().is_empty();
    start..if blank_before && blank_after { next } else { span.end }
}

/// A command that stands in a plain list: no pipe, no alternative, no compound command.
fn is_plain(command: &Command) -> bool {
    !command.nested && command.before.is_none_or(ends_line) && command.after.is_none_or(ends_line)
}

fn ends_line(operator: Operator) -> bool {
    matches!(operator, Operator::And | Operator::Semicolon | Operator::Line)
}

/// All tokens that go: single ones, those of commands, and the operators that then join nothing.
fn cut_tokens(run: &Run, change: &Change) -> BTreeMap<usize, Why> {
    let mut cut = change.tokens.clone();
    let mut kept_before = false;
    let mut pending: Vec<usize> = Vec::new();
    for (position, command) in run.commands.iter().enumerate() {
        let operator = command.tokens.start.checked_sub(1).filter(|&token| run.tokens[token].operator.is_some());
        match change.commands.get(&position) {
            Some(why) => {
                for token in command.tokens.clone() {
                    cut.insert(token, why.clone());
                }
                if let Some(operator) = operator {
                    pending.push(operator);
                    cut.insert(operator, why.clone());
                }
            }
            None => {
                // The operator before the first command that stays joins it to nothing.
                if let (false, Some(operator)) = (kept_before, operator)
                    && let Some((_, why)) = cut.iter().next().map(|(token, why)| (*token, why.clone()))
                    && position > 0
                    && ends_line(run.tokens[operator].operator.unwrap_or(Operator::Pipe))
                {
                    cut.insert(operator, why);
                }
                kept_before = true;
            }
        }
    }
    cut
}

/// From tokens that go to the text that goes.
struct Cutter<'a> {
    text: &'a str,
    instruction: &'a Instruction,
    run: &'a Run,
    escape: char,
}

impl Cutter<'_> {
    fn spans(&self, cut: &BTreeMap<usize, Why>) -> Vec<(Span, Why)> {
        let (mut out, mut at) = (Vec::new(), 0);
        while at < self.run.tokens.len() {
            let Some(first) = cut.get(&at) else {
                at += 1;
                continue;
            };
            let start = at;
            while cut.contains_key(&at) {
                at += 1;
            }
            let rules: BTreeSet<&str> = (start..at).map(|token| cut[&token].rule.as_str()).collect();
            let mut reasons: Vec<&str> = (start..at).map(|token| cut[&token].reason.as_str()).collect();
            reasons.dedup();
            let rule = rules.first().map_or_else(|| first.rule.clone(), |rule| (*rule).to_owned());
            let why = Why { rule, reason: reasons.join("; ") };
            let (span, other) = self.one(start, at - 1);
            out.push((span, why.clone()));
            out.extend(other.map(|other| (other, why)));
        }
        out
    }

    /// The text of a run of tokens and of what joins it to the rest.
    fn one(&self, first: usize, last: usize) -> (Span, Option<Span>) {
        let tokens = &self.run.tokens;
        let (a, b) = (tokens[first].span.start, tokens[last].span.end);
        let previous = first.checked_sub(1).map(|token| tokens[token].span.end);
        let next = tokens.get(last + 1).map(|token| token.span.start);
        if self.run.form == Form::Exec {
            // With one comma.
            return (previous.map_or(a..next.unwrap_or(b), |previous| previous..b), None);
        }
        let line = line_start(self.text, a);
        let is_first = line >= self.instruction.span.start && self.text[line..a].trim().is_empty();
        let rest = self.text[b..line_end(self.text, b).min(self.instruction.span.end)].trim();
        let is_last = rest.is_empty() || rest.len() == self.escape.len_utf8() && rest.starts_with(self.escape);
        match (previous, next) {
            (Some(previous), None) => self.tail(previous, a, b),
            (_, Some(next)) if is_first && is_last && self.run.form != Form::Script => {
                (line..line_end(self.text, b).min(next), None)
            }
            (_, Some(next)) if is_first => (a..next, None),
            (Some(previous), _) => (previous..b, None),
            (None, Some(next)) => (a..next, None),
            (None, None) => (a..b, None),
        }
    }

    /// At the end of an instruction the line before must not go on any more; comments between stay.
    fn tail(&self, previous: usize, a: usize, b: usize) -> (Span, Option<Span>) {
        let between = &self.text[previous..a];
        if !between.contains('#') {
            return (previous..b, None);
        }
        let end = line_end(self.text, previous);
        let line_break = if self.text[..end].ends_with("\r\n") { 2 } else { 1 };
        let line = line_start(self.text, a);
        (previous..end - line_break, Some(line - line_break.min(line)..b))
    }
}
