//! The commands of a `RUN` line: words and operators with their places.
//!
//! This reads just enough of the shell's grammar to know which words belong to which simple command and how commands
//! are joined (POSIX.1-2017, Shell Command Language, 2.2 to 2.10). Nothing is expanded. What is inside of a compound
//! command, a subshell or a function is marked as nested, and what is inside of `$(…)` is one word with what is
//! around it.

use super::Span;

/// What joins two commands, or redirects one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `&&`
    And,
    /// `||`
    Or,
    /// `;`, `;;`
    Semicolon,
    /// `|`, `|&`
    Pipe,
    /// `&`
    Background,
    /// A line break of a script.
    Line,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `<`, `>`, `>>`, `<<`, `2>&1`, …
    Redirect,
}

/// A word or an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its place in the file.
    pub span: Span,
    /// The word without its quotes; empty for an operator.
    pub text: String,
    /// The operator, if it is one.
    pub operator: Option<Operator>,
    /// Whether the word means itself: nothing in it is expanded. Of an operator: whether it needs no target (`2>&1`).
    pub literal: bool,
}

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
    /// Whether it is inside of a compound command or a subshell.
    pub nested: bool,
}

/// How lines are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// An instruction: by the escape character; comment lines and empty lines between count for nothing.
    Instruction(u8),
    /// A here-document: by the shell's backslash; a line break ends a command.
    Script,
}

/// Splits a part of a file into tokens.
pub fn tokens(text: &str, span: Span, lines: Lines) -> Vec<Token> {
    let mut lexer = Lexer { text, bytes: &text.as_bytes()[..span.end], at: span.start, lines, out: Vec::new() };
    lexer.run();
    lexer.out
}

struct Lexer<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    lines: Lines,
    out: Vec<Token>,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn run(&mut self) {
        while let Some(byte) = self.peek(0) {
            if let Some(next) = self.continuation(self.at) {
                self.at = next;
            } else if byte == b'\n' {
                self.operator(Operator::Line, 1);
            } else if byte.is_ascii_whitespace() {
                self.at += 1;
            } else if byte == b'#' {
                // A word's start: a comment up to the end of the line.
                while self.peek(0).is_some_and(|byte| byte != b'\n') && self.continuation(self.at).is_none() {
                    self.at += 1;
                }
            } else if !self.any_operator(byte) {
                self.word();
            }
        }
    }

    /// Where the text goes on when an escaped line break begins at `at`.
    fn continuation(&self, at: usize) -> Option<usize> {
        let escape = match self.lines {
            Lines::Instruction(escape) => escape,
            Lines::Script => b'\\',
        };
        if self.bytes.get(at) != Some(&escape) {
            return None;
        }
        let rest = &self.bytes[at + 1..];
        let spaces = match self.lines {
            Lines::Instruction(_) => rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count(),
            Lines::Script => usize::from(rest.first() == Some(&b'\r')),
        };
        if rest.get(spaces) != Some(&b'\n') {
            return None;
        }
        let mut at = at + spaces + 2;
        while self.lines != Lines::Script && at < self.bytes.len() {
            let end =
                self.bytes[at..].iter().position(|&b| b == b'\n').map_or(self.bytes.len(), |found| at + found + 1);
            let first = self.bytes[at..end].iter().find(|byte| !byte.is_ascii_whitespace());
            if first.is_some_and(|&byte| byte != b'#') {
                break;
            }
            at = end;
        }
        Some(at)
    }

    fn operator(&mut self, operator: Operator, length: usize) {
        let span = self.at..self.at + length;
        self.out.push(Token { span, text: String::new(), operator: Some(operator), literal: false });
        self.at += length;
    }

    fn any_operator(&mut self, byte: u8) -> bool {
        let digits = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if matches!(self.peek(digits), Some(b'<' | b'>')) {
            self.redirect(digits);
            return true;
        }
        let twice = self.peek(1) == Some(byte);
        match byte {
            b'&' if twice => self.operator(Operator::And, 2),
            b'&' if self.peek(1) == Some(b'>') => self.redirect(1),
            b'&' => self.operator(Operator::Background, 1),
            b'|' if twice => self.operator(Operator::Or, 2),
            b'|' if self.peek(1) == Some(b'&') => self.operator(Operator::Pipe, 2),
            b'|' => self.operator(Operator::Pipe, 1),
            b';' => self.operator(Operator::Semicolon, 1 + usize::from(twice)),
            b'(' => self.operator(Operator::Open, 1),
            b')' => self.operator(Operator::Close, 1),
            _ => return false,
        }
        true
    }

    /// `2>&1` is whole; behind the others the target is the next word.
    fn redirect(&mut self, before: usize) {
        let mut length = before;
        while matches!(self.peek(length), Some(b'<' | b'>')) && length < before + 3 {
            length += 1;
        }
        let signs = length;
        match self.peek(length) {
            Some(b'-' | b'|') => length += 1,
            Some(b'&') => {
                length += 1;
                while self.peek(length).is_some_and(|byte| byte.is_ascii_digit() || byte == b'-') {
                    length += 1;
                }
            }
            _ => {}
        }
        self.operator(Operator::Redirect, length);
        if let Some(token) = self.out.last_mut() {
            token.literal = length > signs + 1;
        }
    }

    fn word(&mut self) {
        let (start, mut text, mut literal) = (self.at, Vec::new(), true);
        while let Some(byte) = self.peek(0) {
            if let Some(next) = self.continuation(self.at) {
                self.at = next;
                continue;
            }
            match byte {
                b'\'' => self.quoted(&mut text),
                b'"' => self.double_quoted(&mut text, &mut literal),
                b'\\' => {
                    text.extend(self.peek(1));
                    self.at += 2;
                }
                b'$' | b'`' => {
                    literal = false;
                    self.expansion(&mut text);
                }
                b'&' | b'|' | b';' | b'(' | b')' | b'<' | b'>' => break,
                _ if byte.is_ascii_whitespace() => break,
                _ => {
                    literal &= !matches!(byte, b'*' | b'?');
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at = self.at.min(self.bytes.len());
        // A backslash may have taken the first byte of a character with several.
        while !self.text.is_char_boundary(self.at) {
            text.extend(self.peek(0));
            self.at += 1;
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        self.out.push(Token { span: start..self.at, text, operator: None, literal });
    }

    fn quoted(&mut self, text: &mut Vec<u8>) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            if let Some(next) = self.continuation(self.at).filter(|_| self.lines != Lines::Script) {
                self.at = next;
                continue;
            }
            self.at += 1;
            if byte == b'\'' {
                return;
            }
            text.push(byte);
        }
    }

    fn double_quoted(&mut self, text: &mut Vec<u8>, literal: &mut bool) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            if let Some(next) = self.continuation(self.at) {
                self.at = next;
                continue;
            }
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' if matches!(self.peek(1), Some(b'"' | b'\\' | b'$' | b'`')) => {
                    text.extend(self.peek(1));
                    self.at += 2;
                }
                b'$' | b'`' => {
                    *literal = false;
                    self.expansion(text);
                }
                _ => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// `$NAME` is left to the word; `$(…)`, `${…}` and backquotes are taken whole, as they are written.
    fn expansion(&mut self, text: &mut Vec<u8>) {
        let start = self.at;
        let first = self.bytes[start];
        self.at += 1;
        let (open, close) = match (first, self.peek(0)) {
            (b'`', _) => (0, b'`'),
            (_, Some(b'(')) => (b'(', b')'),
            (_, Some(b'{')) => (b'{', b'}'),
            _ => {
                text.push(first);
                return;
            }
        };
        let mut depth = usize::from(open == 0);
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                _ if byte == close => depth -= 1,
                _ if byte == open => depth += 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        self.at = self.at.min(self.bytes.len());
        text.extend_from_slice(&self.bytes[start..self.at]);
    }
}

const OPENING: [&str; 6] = ["if", "for", "while", "until", "case", "{"];
const CLOSING: [&str; 4] = ["fi", "done", "esac", "}"];
const BETWEEN: [&str; 6] = ["then", "else", "elif", "do", "!", "in"];

/// Groups tokens into simple commands.
pub fn commands(tokens: &[Token]) -> Vec<Command> {
    let mut out: Vec<Command> = Vec::new();
    let (mut depth, mut before, mut from) = (0usize, None, 0);
    for at in 0..=tokens.len() {
        let operator = tokens.get(at).map(|token| token.operator);
        if matches!(operator, Some(None | Some(Operator::Redirect))) {
            continue;
        }
        let operator = operator.flatten();
        if from < at {
            out.push(command(tokens, from..at, before, operator, &mut depth));
        }
        match operator {
            Some(Operator::Open) => depth += 1,
            Some(Operator::Close) => depth = depth.saturating_sub(1),
            _ => {}
        }
        // Of several line breaks and a `;` before them the first says how commands are joined.
        if from < at || !matches!(operator, Some(Operator::Line)) {
            before = operator;
        }
        from = at + 1;
    }
    out
}

fn command(
    tokens: &[Token],
    range: std::ops::Range<usize>,
    before: Option<Operator>,
    after: Option<Operator>,
    depth: &mut usize,
) -> Command {
    let (mut words, mut target, mut nested) = (Vec::new(), false, *depth > 0);
    for at in range.clone() {
        let token = &tokens[at];
        if token.operator.is_some() {
            target = !token.literal;
            continue;
        }
        if std::mem::take(&mut target) {
            continue;
        }
        let reserved = words.is_empty() && token.literal;
        let is = |list: &[&str]| reserved && list.contains(&token.text.as_str());
        if is(&OPENING) {
            *depth += 1;
            nested = true;
        } else if is(&CLOSING) {
            *depth = depth.saturating_sub(1);
            nested = true;
        } else if is(&BETWEEN) {
            nested = true;
        } else {
            words.push(at);
        }
    }
    nested |= matches!(after, Some(Operator::Open));
    Command { words, tokens: range, before, after, nested }
}
