//! From text to tree, by descent. Every construct counts one of [`MAX_DEPTH`], so the stack is bounded.

use super::word::{expanded, is_name, unread};
use super::{
    Assignment, Direction, Item, Join, Kind, MAX_DEPTH, Node, Operator, Part, Pipeline, Redirect, Script, Simple,
    SyntaxError, Token, Word,
};
use std::cell::OnceCell;
use std::rc::Rc;

pub(super) type Parsed<T> = Result<T, SyntaxError>;

/// Reads a script.
///
/// # Errors
///
/// The grammar does not explain the text, or it nests deeper than [`MAX_DEPTH`].
pub fn parse(text: &str) -> Parsed<Script> {
    Parser::new(text, 0).script()
}

/// The words and operators of a script in the order of its text, as the grammar reads them. What `$(…)` and its like run is one
/// word with what is around it; the texts of here-documents are left out.
///
/// # Errors
///
/// As for [`parse`].
pub fn tokens(text: &str) -> Parsed<Vec<Token>> {
    let mut parser = Parser::new(text, 0);
    parser.script()?;
    Ok(parser.tokens)
}

/// A here-document whose text has not come yet.
pub(super) struct Pending {
    delimiter: String,
    strips: bool,
    expands: bool,
    text: Rc<OnceCell<Word>>,
}

pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) pending: Vec<Pending>,
    /// What was read, in order.
    pub(super) tokens: Vec<Token>,
    /// Compound commands around.
    pub(super) nesting: usize,
    /// Expansions around: what is in them is part of a word.
    pub(super) inside: usize,
    /// The word that is read, without its quotes, and whether it means itself.
    pub(super) shown: (String, bool),
}

const RESERVED: [&str; 8] = ["then", "else", "elif", "fi", "do", "done", "esac", "}"];
pub(super) const META: [char; 7] = [';', '&', '|', '<', '>', '(', ')'];

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str, depth: usize) -> Self {
        let (pending, tokens) = (Vec::new(), Vec::new());
        Self { text, at: 0, depth, pending, tokens, nesting: 0, inside: 0, shown: (String::new(), true) }
    }

    pub(super) fn script(&mut self) -> Parsed<Script> {
        let script = self.list(&[])?;
        self.documents();
        match self.peek() {
            None => Ok(script),
            Some(_) => Err(self.error("the end of the script")),
        }
    }

    /// Runs a part of the grammar that is a compound command.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.nesting += 1;
        let out = read(self);
        self.nesting -= 1;
        out
    }

    pub(super) fn error(&self, expected: &'static str) -> SyntaxError {
        SyntaxError { at: self.at, expected }
    }

    pub(super) fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    pub(super) fn expect(&mut self, text: &'static str) -> Parsed<()> {
        if self.eat(text) { Ok(()) } else { Err(self.error(text)) }
    }

    /// Runs a part of the grammar one level deeper.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error("fewer constructs in each other"));
        }
        self.depth += 1;
        let out = read(self);
        self.depth -= 1;
        out
    }

    /// Blanks, joined lines and comments.
    fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\r') => self.at += 1,
                Some('\\') if self.rest().starts_with("\\\n") => self.at += 2,
                Some('\\') if self.rest().starts_with("\\\r\n") => self.at += 3,
                Some('#') => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                _ => return,
            }
        }
    }

    /// A line break, and the here-documents behind it.
    fn line_break(&mut self) -> bool {
        if self.peek() != Some('\n') {
            return false;
        }
        self.at += 1;
        self.note_operator(self.at - 1, Operator::Line, true);
        self.documents();
        true
    }

    pub(super) fn lines(&mut self) {
        self.blanks();
        while self.line_break() {
            self.blanks();
        }
    }

    /// The texts of the here-documents that were named; one without an end goes up to the text's.
    fn documents(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            let mut body = String::new();
            while self.at < self.text.len() {
                let end = self.rest().find('\n').map_or(self.text.len(), |end| self.at + end + 1);
                let line = &self.text[self.at..end];
                self.at = end;
                let line = if pending.strips { line.trim_start_matches('\t') } else { line };
                if line.trim_end_matches(['\r', '\n']) == pending.delimiter {
                    break;
                }
                body.push_str(line);
            }
            let word = match pending.expands {
                true => expanded(&body, self.depth).unwrap_or_else(|_| unread(&body)),
                false => Word { parts: vec![Part::Text { text: body.clone(), quoted: true }], text: body },
            };
            // Each cell is filled once: it left the list above.
            _ = pending.text.set(word);
        }
    }

    /// The word that comes, if it is plain; nothing is taken.
    fn plain_word(&self) -> &str {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || META.contains(&c)).unwrap_or(rest.len());
        let word = &rest[..end];
        if word.contains(['\'', '"', '\\', '$', '`']) { "" } else { word }
    }

    fn reserved(&mut self, word: &'static str) -> Parsed<()> {
        self.lines();
        if self.plain_word() != word {
            return Err(self.error(word));
        }
        self.keyword(word.len());
        Ok(())
    }

    /// Commands up to one of these words, a `)`, a `;;` or the end.
    pub(super) fn list(&mut self, stops: &[&str]) -> Parsed<Script> {
        let mut out = Vec::new();
        loop {
            self.lines();
            let word = self.plain_word();
            if self.peek().is_none_or(|c| c == ')') || self.rest().starts_with(";;") || stops.contains(&word) {
                return Ok(out);
            }
            if RESERVED.contains(&word) {
                return Err(self.error("a command"));
            }
            let mut item = self.and_or()?;
            self.blanks();
            if self.rest().starts_with(";;") {
                out.push(item);
                return Ok(out);
            }
            let ends = match self.peek() {
                Some(';') => self.operator(";", Operator::Semicolon),
                Some('&') if !self.rest().starts_with("&&") => {
                    item.background = true;
                    self.operator("&", Operator::Background)
                }
                Some('\n') => self.line_break(),
                None | Some(')') => true,
                _ => false,
            };
            out.push(item);
            if !ends {
                return Err(self.error("the end of a command"));
            }
        }
    }

    fn and_or(&mut self) -> Parsed<Item> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let join = match () {
                () if self.operator("&&", Operator::And) => Join::And,
                () if self.operator("||", Operator::Or) => Join::Or,
                () => return Ok(Item { first, rest, background: false }),
            };
            self.lines();
            rest.push((join, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Parsed<Pipeline> {
        self.blanks();
        let mut negated = false;
        while self.plain_word() == "!" {
            negated = !negated;
            self.keyword(1);
            self.blanks();
        }
        let mut commands = vec![self.deeper(Self::command)?];
        loop {
            self.blanks();
            // `|&` is bash's.
            let is_pipe = !self.rest().starts_with("||")
                && (self.operator("|&", Operator::Pipe) || self.operator("|", Operator::Pipe));
            if !is_pipe {
                return Ok(Pipeline { negated, commands });
            }
            self.lines();
            commands.push(self.deeper(Self::command)?);
        }
    }

    fn command(&mut self) -> Parsed<Node> {
        let word = self.plain_word().to_owned();
        let compound = ["{", "if", "for", "select", "while", "until", "case", "function"];
        let kind = match word.as_str() {
            "[[" => self.test()?,
            word if self.rest().starts_with('(') || compound.contains(&word) => {
                self.nested(|parser| parser.compound(word))?
            }
            word if RESERVED.contains(&word) => return Err(self.error("a command")),
            _ => return self.simple(),
        };
        let mut redirects = Vec::new();
        loop {
            self.blanks();
            match self.redirect()? {
                Some(redirect) => redirects.push(redirect),
                None => return Ok(Node { kind, redirects }),
            }
        }
    }

    fn compound(&mut self, word: &str) -> Parsed<Kind> {
        match word {
            _ if self.rest().starts_with("((") => self.arithmetic_command(),
            _ if self.operator("(", Operator::Open) => {
                let script = self.list(&[])?;
                self.close()?;
                Ok(Kind::Subshell(script))
            }
            "{" => {
                self.keyword(1);
                let script = self.list(&["}"])?;
                self.reserved("}")?;
                Ok(Kind::Group(script))
            }
            "if" => self.choice(),
            "for" => self.each(),
            "while" | "until" => {
                self.keyword(word.len());
                let condition = self.list(&["do"])?;
                Ok(Kind::While { until: word == "until", condition, body: self.body()? })
            }
            "case" => self.case(),
            "function" => {
                self.keyword(word.len());
                self.blanks();
                let name = self.plain_word().to_owned();
                self.keyword(name.len());
                self.blanks();
                if self.operator("(", Operator::Open) {
                    self.close()?;
                }
                self.function(name)
            }
            _ => Err(self.error("a loop over words")),
        }
    }

    /// The parenthesis that closes.
    fn close(&mut self) -> Parsed<()> {
        self.lines();
        if self.operator(")", Operator::Close) { Ok(()) } else { Err(self.error(")")) }
    }

    fn function(&mut self, name: String) -> Parsed<Kind> {
        if name.is_empty() {
            return Err(self.error("a function's name"));
        }
        self.lines();
        let body = self.nested(|parser| parser.deeper(Self::command))?;
        Ok(Kind::Function { name, body: Rc::new(body) })
    }

    fn body(&mut self) -> Parsed<Script> {
        self.reserved("do")?;
        let body = self.list(&["done"])?;
        self.reserved("done")?;
        Ok(body)
    }

    fn choice(&mut self) -> Parsed<Kind> {
        self.keyword("if".len());
        let mut arms = Vec::new();
        loop {
            let condition = self.list(&["then"])?;
            self.reserved("then")?;
            let body = self.list(&["elif", "else", "fi"])?;
            arms.push((condition, body));
            self.lines();
            match self.plain_word() {
                "elif" => self.keyword("elif".len()),
                "else" => {
                    self.keyword("else".len());
                    let otherwise = Some(self.list(&["fi"])?);
                    self.reserved("fi")?;
                    return Ok(Kind::If { arms, otherwise });
                }
                _ => {
                    self.reserved("fi")?;
                    return Ok(Kind::If { arms, otherwise: None });
                }
            }
        }
    }

    fn each(&mut self) -> Parsed<Kind> {
        self.keyword("for".len());
        self.blanks();
        if self.rest().starts_with("((") {
            return Err(self.error("a loop over words"));
        }
        let name = self.plain_word().to_owned();
        if !is_name(&name) {
            return Err(self.error("a variable's name"));
        }
        self.keyword(name.len());
        self.lines();
        let mut words = None;
        if self.plain_word() == "in" {
            self.keyword(2);
            let mut all = Vec::new();
            loop {
                self.blanks();
                match self.peek() {
                    None | Some(';' | '\n') => break,
                    _ => all.push(self.other_word()?),
                }
            }
            words = Some(all);
        }
        self.blanks();
        self.operator(";", Operator::Semicolon);
        Ok(Kind::For { name, words, body: self.body()? })
    }

    fn case(&mut self) -> Parsed<Kind> {
        self.keyword("case".len());
        self.blanks();
        let subject = self.other_word()?;
        self.reserved("in")?;
        let mut arms = Vec::new();
        loop {
            self.lines();
            if self.plain_word() == "esac" {
                self.keyword("esac".len());
                return Ok(Kind::Case { subject, arms });
            }
            self.operator("(", Operator::Open);
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                patterns.push(self.other_word()?);
                self.blanks();
                if !self.operator("|", Operator::Pipe) {
                    break;
                }
            }
            if !self.operator(")", Operator::Close) {
                return Err(self.error(")"));
            }
            let body = self.list(&["esac"])?;
            self.lines();
            // What runs on into the next arm is bash's.
            if self.rest().starts_with(";;&") || self.rest().starts_with(";&") {
                return Err(self.error("`;;`"));
            }
            self.operator(";;", Operator::Semicolon);
            arms.push((patterns, body));
        }
    }

    fn test(&mut self) -> Parsed<Kind> {
        self.sign(2);
        let mut words = Vec::new();
        loop {
            self.lines();
            if self.plain_word() == "]]" {
                self.sign(2);
                return Ok(Kind::Test(words));
            }
            let sign = ["&&", "||", "(", ")", "<", ">"].into_iter().find(|sign| self.rest().starts_with(sign));
            match sign {
                Some(sign) => {
                    self.sign(sign.len());
                    let part = Part::Text { text: sign.to_owned(), quoted: false };
                    words.push(Word { parts: vec![part], text: sign.to_owned() });
                }
                None => words.push(self.word()?),
            }
        }
    }

    /// `(( … ))` as a command; `((` may also be two subshells, which nobody writes.
    fn arithmetic_command(&mut self) -> Parsed<Kind> {
        let start = self.at;
        self.at += 2;
        let end = self.rest().find("))").ok_or_else(|| self.error("`))`"))?;
        let inside = &self.text[self.at..self.at + end];
        let word = expanded(inside, self.depth + 1)?;
        self.at += end + 2;
        self.note(start, false);
        Ok(Kind::Arithmetic(word))
    }

    fn simple(&mut self) -> Parsed<Node> {
        let start = self.at;
        let (mut out, mut redirects) = (Simple::default(), Vec::new());
        loop {
            let end = self.at;
            self.blanks();
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            match self.peek() {
                None | Some('\n' | ';' | '&' | '|' | ')') => {
                    if out.words.is_empty() && out.assigned.is_empty() && redirects.is_empty() {
                        return Err(self.error("a command"));
                    }
                    self.text[start..end].split_whitespace().filter(|word| *word != "\\").for_each(|word| {
                        out.text.push_str(if out.text.is_empty() { "" } else { " " });
                        out.text.push_str(word);
                    });
                    return Ok(Node { kind: Kind::Simple(out), redirects });
                }
                Some('(') => {
                    let name = match out.words.as_slice() {
                        [only] if out.assigned.is_empty() && redirects.is_empty() => only.text.clone(),
                        _ => return Err(self.error("no parenthesis")),
                    };
                    self.is_no_word(true);
                    self.operator("(", Operator::Open);
                    self.close()?;
                    let kind = self.function(name)?;
                    return Ok(Node { kind, redirects });
                }
                _ if out.words.is_empty() && self.assignment_name().is_some() => {
                    let assignment = self.assignment()?;
                    out.assigned.push(assignment);
                }
                _ => out.words.push(self.word()?),
            }
        }
    }

    /// `NAME` or `NAME+` before a `=`.
    fn assignment_name(&self) -> Option<(&str, bool)> {
        let rest = self.rest();
        let name = &rest[..rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len())];
        let sign = &rest[name.len()..];
        (is_name(name) && (sign.starts_with('=') || sign.starts_with("+="))).then_some((name, sign.starts_with('+')))
    }

    fn assignment(&mut self) -> Parsed<Assignment> {
        let Some((name, appends)) = self.assignment_name() else { return Err(self.error("a variable's name")) };
        let (name, start) = (name.to_owned(), self.at);
        self.at += name.len() + 1 + usize::from(appends);
        self.shown = (self.text[start..self.at].to_owned(), true);
        if !self.eat("(") {
            let value = self.word_or_nothing()?;
            self.note(start, true);
            return Ok(Assignment { name, appends, value });
        }
        let inner = self.at;
        let mut all = Word::default();
        self.inside += 1;
        loop {
            self.lines();
            if self.eat(")") {
                break;
            }
            all.parts.extend(self.word()?.parts);
        }
        self.inside -= 1;
        self.shown = (self.text[start..self.at].to_owned(), false);
        self.note(start, true);
        let text = self.text[inner..self.at].to_owned();
        Ok(Assignment { name, appends, value: Word { parts: vec![Part::Other(Box::new(all))], text } })
    }

    fn redirect(&mut self) -> Parsed<Option<Redirect>> {
        let rest = self.rest();
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let signs = &rest[digits..];
        if signs.starts_with("<(") || signs.starts_with(">(") {
            return Ok(None);
        }
        let table = [
            ("<<<", Direction::Line),
            ("<<-", Direction::Document),
            ("<<", Direction::Document),
            ("<>", Direction::Both),
            ("<&", Direction::Duplicate),
            (">&", Direction::Duplicate),
            (">>", Direction::Append),
            (">|", Direction::Write),
            ("<", Direction::Read),
            (">", Direction::Write),
            ("&>>", Direction::All),
            ("&>", Direction::All),
        ];
        let Some((sign, direction)) = table.into_iter().find(|(sign, _)| signs.starts_with(sign)) else {
            return Ok(None);
        };
        let descriptor = (digits > 0).then(|| rest[..digits].to_owned());
        let start = self.at;
        self.at += digits + sign.len();
        let end = self.at;
        self.blanks();
        let at = self.tokens.len();
        let target = self.other_word()?;
        let is_whole = direction == Direction::Duplicate
            && target.text.chars().all(|c| c.is_ascii_digit() || c == '-')
            && end + target.text.len() == self.at;
        self.note_redirection(start..end, at, is_whole);
        let mut document = None;
        if direction == Direction::Document {
            let plain = |part: &Part| match part {
                Part::Text { text, .. } => Some(text.clone()),
                _ => None,
            };
            let delimiter: Option<String> = target.parts.iter().map(plain).collect();
            let delimiter = delimiter.ok_or_else(|| self.error("a plain delimiter"))?;
            let text = Rc::new(OnceCell::new());
            document = Some(text.clone());
            let expands = !target.text.contains(['\'', '"', '\\']);
            self.pending.push(Pending { delimiter, strips: sign == "<<-", expands, text });
        }
        Ok(Some(Redirect { descriptor, direction, target, document }))
    }
}
