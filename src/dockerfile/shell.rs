//! The commands of a `RUN` in the order of the text, each word with its place in the file: the shell's grammar ([`super::sh`])
//! laid flat, for edits, which take words and commands out.
//!
//! What a `RUN` hands to its shell is not the text of the file: lines are joined, comments between them go. So the pieces of the
//! text remember where they are from.

use super::lines::{self, line_end};
use super::sh::{self, Operator, SyntaxError, Token};
use super::{Instruction, Span};

/// A simple command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its words, as positions of tokens, without redirections and reserved words.
    pub words: Vec<usize>,
    /// All its tokens.
    pub tokens: std::ops::Range<usize>,
    /// The operator before it.
    pub before: Option<Operator>,
    /// The operator behind it.
    pub after: Option<Operator>,
    /// Whether it is inside of a compound command or a subshell, or is such a command's own words.
    pub nested: bool,
}

/// A text that was put together of parts of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub(super) text: String,
    /// Where a part begins: here, and in the file.
    parts: Vec<(usize, usize)>,
}

impl Source {
    fn add(&mut self, file: &str, span: Span) {
        self.parts.push((self.text.len(), span.start));
        self.text.push_str(&file[span]);
    }

    /// Without the spaces that it begins with.
    fn trimmed(mut self) -> Self {
        let length = self.text.len() - self.text.trim_start().len();
        self.text.drain(..length);
        for (here, there) in &mut self.parts {
            *there += length.saturating_sub(*here);
            *here = here.saturating_sub(length);
        }
        self
    }

    /// The place in the file of a byte of the text.
    fn place(&self, at: usize) -> usize {
        let next = self.parts.partition_point(|(here, _)| *here <= at);
        next.checked_sub(1).map_or(at, |part| self.parts[part].1 + at - self.parts[part].0)
    }

    /// The words and operators, with their places in the file.
    pub(super) fn tokens(&self) -> Result<Vec<Token>, SyntaxError> {
        let mut tokens = sh::tokens(&self.text)?;
        for token in &mut tokens {
            token.span = self.place(token.span.start)..self.place(token.span.end - 1) + 1;
        }
        Ok(tokens)
    }
}

/// What a `RUN` hands to its shell: its lines joined, without comments, with its here-documents; of a script in a here-document the
/// script. `None` where a program that is no shell reads it.
pub(super) fn source(file: &str, escape: char, instruction: &Instruction) -> Option<Source> {
    let flags = instruction.flags.iter().map(|flag| flag.span.end);
    let from = flags.chain([instruction.keyword.end]).max()?;
    let mut out = Source::default();
    for part in lines::joined(file, from..instruction.head.end.max(from), escape) {
        out.add(file, part);
    }
    let mut out = out.trimmed();
    let documents = instruction.head.end..instruction.span.end;
    let only =
        out.text.trim_end().strip_prefix("<<").filter(|name| !name.is_empty() && !name.contains(char::is_whitespace));
    if file[documents.clone()].trim().is_empty() {
        return Some(out);
    }
    let Some(name) = only else {
        out.add(file, documents);
        return Some(out);
    };
    let (name, strips) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
    let name: String = name.chars().filter(|c| !"\"'\\".contains(*c)).collect();
    let (mut script, mut at) = (Source::default(), line_end(file, documents.start));
    while at < documents.end {
        let end = line_end(file, at).min(documents.end);
        let line = &file[at..end];
        let tabs = if strips { line.len() - line.trim_start_matches('\t').len() } else { 0 };
        if line[tabs..].trim_end_matches(['\r', '\n']) == name {
            break;
        }
        script.add(file, at + tabs..end);
        at = end;
    }
    script.for_a_shell()
}

impl Source {
    /// A script, as far as a shell reads it: by its first line.
    fn for_a_shell(mut self) -> Option<Self> {
        let Some(program) = self.text.strip_prefix("#!") else { return Some(self) };
        let mut words =
            program.lines().next().unwrap_or_default().split_whitespace().filter(|word| !word.ends_with("/env"));
        let shell = words.next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let options: Vec<&str> = words.collect();
        let are_plain =
            options.iter().all(|word| word.starts_with('-') && word[1..].chars().all(|c| "eux".contains(c)));
        if !["sh", "bash", "dash", "ash"].contains(&shell) || !are_plain {
            return None;
        }
        // `-e` and its like are set at the script's first line. What it has stands nowhere in the file.
        if !options.is_empty() {
            self.text = format!("set {}\n{}", options.join(" "), self.text);
            self.parts.clear();
        }
        Some(self)
    }
}

/// Groups tokens into simple commands.
pub(super) fn commands(tokens: &[Token]) -> Vec<Command> {
    let mut out: Vec<Command> = Vec::new();
    let (mut before, mut from) = (None, 0);
    for at in 0..=tokens.len() {
        let operator = tokens.get(at).map(|token| token.operator);
        if matches!(operator, Some(None | Some(Operator::Redirect))) {
            continue;
        }
        let after = operator.flatten();
        if from < at {
            let nested = tokens[from..at].iter().any(|token| token.nested) || matches!(after, Some(Operator::Open));
            let words = (from..at).filter(|&token| tokens[token].is_word).collect();
            out.push(Command { words, tokens: from..at, before, after, nested });
        }
        // Of several line breaks and a `;` before them the first says how commands are joined.
        if from < at || !matches!(after, Some(Operator::Line)) {
            before = after;
        }
        from = at + 1;
    }
    out
}
