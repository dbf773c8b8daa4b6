//! From text to tree, by descent. Every construct counts one of [`MAX_DEPTH`], so the stack is bounded.

use super::{
    Assignment, Direction, Form, Item, Join, Kind, MAX_DEPTH, Node, Part, Pipeline, Redirect, Script, Simple,
    SyntaxError, Word,
};
use std::cell::OnceCell;
use std::rc::Rc;

type Parsed<T> = Result<T, SyntaxError>;

/// Reads a script.
///
/// # Errors
///
/// The grammar does not explain the text, or it nests deeper than [`MAX_DEPTH`].
pub fn parse(text: &str) -> Parsed<Script> {
    parse_at(text, 0)
}

fn parse_at(text: &str, depth: usize) -> Parsed<Script> {
    let mut parser = Parser { text, at: 0, depth, pending: Vec::new() };
    let script = parser.list(&[])?;
    parser.documents();
    match parser.peek() {
        None => Ok(script),
        Some(_) => Err(parser.error("the end of the script")),
    }
}

/// A here-document whose text has not come yet.
struct Pending {
    delimiter: String,
    strips: bool,
    expands: bool,
    text: Rc<OnceCell<Word>>,
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    pending: Vec<Pending>,
}

const RESERVED: [&str; 8] = ["then", "else", "elif", "fi", "do", "done", "esac", "}"];
const META: [char; 7] = [';', '&', '|', '<', '>', '(', ')'];

impl Parser<'_> {
    fn error(&self, expected: &'static str) -> SyntaxError {
        SyntaxError { at: self.at, expected }
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn expect(&mut self, text: &'static str) -> Parsed<()> {
        if self.eat(text) { Ok(()) } else { Err(self.error(text)) }
    }

    /// Runs a part of the grammar one level deeper.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
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
        self.documents();
        true
    }

    fn lines(&mut self) {
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
        self.at += word.len();
        Ok(())
    }

    /// Commands up to one of these words, a `)`, a `;;` or the end.
    fn list(&mut self, stops: &[&str]) -> Parsed<Script> {
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
                Some(';') => self.eat(";"),
                Some('&') if !self.rest().starts_with("&&") => {
                    item.background = true;
                    self.eat("&")
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
                () if self.eat("&&") => Join::And,
                () if self.eat("||") => Join::Or,
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
            self.at += 1;
            self.blanks();
        }
        let mut commands = vec![self.deeper(Self::command)?];
        loop {
            self.blanks();
            if self.rest().starts_with("||") || !self.eat("|") {
                return Ok(Pipeline { negated, commands });
            }
            // `|&` is bash's.
            self.eat("&");
            self.lines();
            commands.push(self.deeper(Self::command)?);
        }
    }

    fn command(&mut self) -> Parsed<Node> {
        let word = self.plain_word().to_owned();
        let kind = match word.as_str() {
            _ if self.rest().starts_with("((") => self.arithmetic_command()?,
            _ if self.eat("(") => {
                let script = self.list(&[])?;
                self.lines();
                self.expect(")")?;
                Kind::Subshell(script)
            }
            "{" => {
                self.at += 1;
                let script = self.list(&["}"])?;
                self.reserved("}")?;
                Kind::Group(script)
            }
            "if" => self.choice()?,
            "for" => self.each()?,
            "select" => return Err(self.error("a loop over words")),
            word @ ("while" | "until") => {
                let until = word == "until";
                self.at += "while".len();
                let condition = self.list(&["do"])?;
                Kind::While { until, condition, body: self.body()? }
            }
            "case" => self.case()?,
            "[[" => self.test()?,
            "function" => {
                self.at += "function".len();
                self.blanks();
                let name = self.plain_word().to_owned();
                self.at += name.len();
                self.blanks();
                if self.eat("(") {
                    self.blanks();
                    self.expect(")")?;
                }
                self.function(name)?
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

    fn function(&mut self, name: String) -> Parsed<Kind> {
        if name.is_empty() {
            return Err(self.error("a function's name"));
        }
        self.lines();
        let body = self.deeper(Self::command)?;
        Ok(Kind::Function { name, body: Rc::new(body) })
    }

    fn body(&mut self) -> Parsed<Script> {
        self.reserved("do")?;
        let body = self.list(&["done"])?;
        self.reserved("done")?;
        Ok(body)
    }

    fn choice(&mut self) -> Parsed<Kind> {
        self.at += "if".len();
        let mut arms = Vec::new();
        loop {
            let condition = self.list(&["then"])?;
            self.reserved("then")?;
            let body = self.list(&["elif", "else", "fi"])?;
            arms.push((condition, body));
            self.lines();
            match self.plain_word() {
                "elif" => self.at += "elif".len(),
                "else" => {
                    self.at += "else".len();
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
        self.at += self.plain_word().len();
        self.blanks();
        if self.rest().starts_with("((") {
            return Err(self.error("a loop over words"));
        }
        let name = self.plain_word().to_owned();
        if !is_name(&name) {
            return Err(self.error("a variable's name"));
        }
        self.at += name.len();
        self.lines();
        let mut words = None;
        if self.plain_word() == "in" {
            self.at += 2;
            let mut all = Vec::new();
            loop {
                self.blanks();
                match self.peek() {
                    None | Some(';' | '\n') => break,
                    _ => all.push(self.word()?),
                }
            }
            words = Some(all);
        }
        self.blanks();
        self.eat(";");
        Ok(Kind::For { name, words, body: self.body()? })
    }

    fn case(&mut self) -> Parsed<Kind> {
        self.at += "case".len();
        self.blanks();
        let subject = self.word()?;
        self.reserved("in")?;
        let mut arms = Vec::new();
        loop {
            self.lines();
            if self.plain_word() == "esac" {
                self.at += "esac".len();
                return Ok(Kind::Case { subject, arms });
            }
            self.eat("(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                patterns.push(self.word()?);
                self.blanks();
                if !self.eat("|") {
                    break;
                }
            }
            self.expect(")")?;
            let body = self.list(&["esac"])?;
            self.lines();
            // What runs on into the next arm is bash's.
            if self.rest().starts_with(";;&") || self.rest().starts_with(";&") {
                return Err(self.error("`;;`"));
            }
            self.eat(";;");
            arms.push((patterns, body));
        }
    }

    fn test(&mut self) -> Parsed<Kind> {
        self.at += 2;
        let mut words = Vec::new();
        loop {
            self.lines();
            if self.plain_word() == "]]" {
                self.at += 2;
                return Ok(Kind::Test(words));
            }
            let sign = ["&&", "||", "(", ")", "<", ">"].into_iter().find(|sign| self.rest().starts_with(sign));
            match sign {
                Some(sign) => {
                    self.at += sign.len();
                    let part = Part::Text { text: sign.to_owned(), quoted: false };
                    words.push(Word { parts: vec![part], text: sign.to_owned() });
                }
                None => words.push(self.word()?),
            }
        }
    }

    /// `(( … ))` as a command; `((` may also be two subshells, which nobody writes.
    fn arithmetic_command(&mut self) -> Parsed<Kind> {
        self.at += 2;
        let end = self.rest().find("))").ok_or_else(|| self.error("`))`"))?;
        let inside = &self.text[self.at..self.at + end];
        let word = expanded(inside, self.depth + 1)?;
        self.at += end + 2;
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
                    self.at += 1;
                    self.blanks();
                    self.expect(")")?;
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
        let (name, _) = self.plain_start().split_once('=')?;
        let (name, appends) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
        is_name(name).then_some((name, appends))
    }

    /// What comes up to the next blank, whatever is in it.
    fn plain_start(&self) -> &str {
        let rest = self.rest();
        &rest[..rest.find(|c: char| c.is_whitespace()).unwrap_or(rest.len())]
    }

    fn assignment(&mut self) -> Parsed<Assignment> {
        let Some((name, appends)) = self.assignment_name() else { return Err(self.error("a variable's name")) };
        let name = name.to_owned();
        self.at += name.len() + 1 + usize::from(appends);
        if !self.eat("(") {
            let value = self.word_or_nothing()?;
            return Ok(Assignment { name, appends, value });
        }
        let start = self.at;
        let mut all = Word::default();
        loop {
            self.lines();
            if self.eat(")") {
                break;
            }
            all.parts.extend(self.word()?.parts);
        }
        let text = self.text[start..self.at].to_owned();
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
        self.at += digits + sign.len();
        self.blanks();
        let target = self.word()?;
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

    fn word(&mut self) -> Parsed<Word> {
        let word = self.word_or_nothing()?;
        if word.parts.is_empty() { Err(self.error("a word")) } else { Ok(word) }
    }

    fn word_or_nothing(&mut self) -> Parsed<Word> {
        let start = self.at;
        let mut parts = Vec::new();
        while let Some(c) = self.peek() {
            let rest = self.rest();
            if self.at == start && (rest.starts_with("<(") || rest.starts_with(">(")) {
                self.at += 2;
                let script = self.deeper(|parser| parser.list(&[]))?;
                self.lines();
                self.expect(")")?;
                parts.push(Part::Process(script));
                continue;
            }
            match c {
                _ if c.is_whitespace() || META.contains(&c) => break,
                '\'' => {
                    self.at += 1;
                    let end = self.rest().find('\'').ok_or_else(|| self.error("a closing quote"))?;
                    push(&mut parts, &self.text[self.at..self.at + end], true);
                    self.at += end + 1;
                }
                '"' => {
                    self.at += 1;
                    push(&mut parts, "", true);
                    self.quoted(&mut parts, Some('"'))?;
                }
                '\\' if rest.starts_with("\\\n") => self.at += 2,
                '\\' if rest.starts_with("\\\r\n") => self.at += 3,
                '\\' => {
                    self.at += 1;
                    let next = self.bump().map(String::from).unwrap_or_default();
                    push(&mut parts, &next, true);
                }
                '$' | '`' => self.expansion(&mut parts, false)?,
                c => {
                    self.at += c.len_utf8();
                    push(&mut parts, c.encode_utf8(&mut [0; 4]), false);
                }
            }
        }
        Ok(Word { parts, text: self.text[start..self.at].to_owned() })
    }

    /// What stands in double quotes, up to the sign that ends it; a here-document has none.
    fn quoted(&mut self, parts: &mut Vec<Part>, end: Option<char>) -> Parsed<()> {
        loop {
            let Some(c) = self.peek() else {
                return if end.is_none() { Ok(()) } else { Err(self.error("a closing quote")) };
            };
            match c {
                c if Some(c) == end => {
                    self.at += c.len_utf8();
                    return Ok(());
                }
                '\\' => {
                    self.at += 1;
                    match self.bump() {
                        Some('\n') => {}
                        Some(next @ ('$' | '`' | '\\')) => push(parts, next.encode_utf8(&mut [0; 4]), true),
                        Some('"') if end.is_some() => push(parts, "\"", true),
                        Some(next) => push(parts, &format!("\\{next}"), true),
                        None => push(parts, "\\", true),
                    }
                }
                '$' | '`' => self.expansion(parts, true)?,
                c => {
                    self.at += c.len_utf8();
                    push(parts, c.encode_utf8(&mut [0; 4]), true);
                }
            }
        }
    }

    /// What begins with a dollar sign or a backquote.
    fn expansion(&mut self, parts: &mut Vec<Part>, quoted: bool) -> Parsed<()> {
        if self.eat("`") {
            let script = self.backquotes()?;
            parts.push(Part::Substitution { script, quoted });
        } else if self.rest().starts_with("$((") {
            self.at += 3;
            let inside = self.deeper(Self::arithmetic)?;
            parts.push(Part::Arithmetic(Box::new(inside)));
        } else if self.eat("$(") {
            let script = self.deeper(|parser| parser.list(&[]))?;
            self.lines();
            self.expect(")")?;
            parts.push(Part::Substitution { script, quoted });
        } else if self.eat("${") {
            let (name, form) = self.deeper(|parser| parser.braces(quoted))?;
            parts.push(Part::Variable { name, form, quoted });
        } else if !quoted && (self.rest().starts_with("$'") || self.rest().starts_with("$\"")) {
            return Err(self.error("no bash quotes"));
        } else {
            self.at += 1;
            let rest = self.rest();
            let special = rest.chars().next().filter(|c| "?!#@*-$0123456789".contains(*c));
            let length = match special {
                Some(_) => 1,
                None => rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len()),
            };
            let name = rest[..length].to_owned();
            self.at += length;
            match name.is_empty() {
                true => push(parts, "$", true),
                false => parts.push(Part::Variable { name, form: Form::Plain, quoted }),
            }
        }
        Ok(())
    }

    /// `… ))`, where parentheses may be in each other.
    fn arithmetic(&mut self) -> Parsed<Word> {
        let (mut parts, mut open, start) = (Vec::new(), 0usize, self.at);
        loop {
            match self.peek() {
                None => return Err(self.error("`))`")),
                Some(')') if open == 0 => {
                    let text = self.text[start..self.at].to_owned();
                    self.expect("))")?;
                    return Ok(Word { parts, text });
                }
                Some('$' | '`') => self.expansion(&mut parts, true)?,
                Some(c) => {
                    open = match c {
                        '(' => open + 1,
                        ')' => open - 1,
                        _ => open,
                    };
                    self.at += c.len_utf8();
                    push(&mut parts, c.encode_utf8(&mut [0; 4]), true);
                }
            }
        }
    }

    fn backquotes(&mut self) -> Parsed<Script> {
        let mut inside = String::new();
        loop {
            match self.bump() {
                None => return Err(self.error("a closing backquote")),
                Some('`') => break,
                Some('\\') => match self.bump() {
                    Some(c @ ('`' | '\\' | '$')) => inside.push(c),
                    Some(c) => inside.extend(['\\', c]),
                    None => return Err(self.error("a closing backquote")),
                },
                Some(c) => inside.push(c),
            }
        }
        self.deeper(|parser| parse_at(&inside, parser.depth))
    }

    /// What stands in `${ }`.
    fn braces(&mut self, quoted: bool) -> Parsed<(String, Form)> {
        if self.rest().starts_with('#') && !self.rest().starts_with("#}") {
            self.at += 1;
            let name = self.name();
            self.expect("}")?;
            return Ok((name, Form::Length));
        }
        let name = self.name();
        if self.eat("}") {
            return Ok((name, Form::Plain));
        }
        let signs = [":-", ":=", ":+", ":?", "%%", "##", "-", "=", "+", "?", "%", "#"];
        let sign = signs.into_iter().find(|sign| self.rest().starts_with(sign)).filter(|_| !name.is_empty());
        self.at += sign.map_or(0, str::len);
        // A pattern is one in double quotes as well.
        let is_pattern = sign.is_some_and(|sign| sign.starts_with(['%', '#']));
        let word = Box::new(self.braced(quoted && !is_pattern)?);
        let Some(sign) = sign else { return Ok((name, Form::Other(word))) };
        let empty = sign.starts_with(':');
        let form = match sign.trim_start_matches(':') {
            "-" => Form::Default { empty, assigns: false, word },
            "=" => Form::Default { empty, assigns: true, word },
            "+" => Form::Alternative { empty, word },
            "?" => Form::Required { empty, word },
            sign => Form::Strip { end: sign.starts_with('%'), longest: sign.len() == 2, word },
        };
        Ok((name, form))
    }

    fn name(&mut self) -> String {
        let rest = self.rest();
        let special = rest.chars().next().filter(|c| "?!@*-$#".contains(*c));
        let length = match special {
            Some(_) => 1,
            None => rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len()),
        };
        let name = rest[..length].to_owned();
        self.at += length;
        name
    }

    /// A word up to the brace that closes.
    fn braced(&mut self, quoted: bool) -> Parsed<Word> {
        let (mut parts, start) = (Vec::new(), self.at);
        loop {
            match self.peek() {
                None => return Err(self.error("a closing brace")),
                Some('}') => {
                    let text = self.text[start..self.at].to_owned();
                    self.at += 1;
                    return Ok(Word { parts, text });
                }
                Some('\'') if !quoted => {
                    self.at += 1;
                    let end = self.rest().find('\'').ok_or_else(|| self.error("a closing quote"))?;
                    push(&mut parts, &self.text[self.at..self.at + end], true);
                    self.at += end + 1;
                }
                Some('"') => {
                    self.at += 1;
                    push(&mut parts, "", true);
                    self.quoted(&mut parts, Some('"'))?;
                }
                Some('\\') => {
                    self.at += 1;
                    match self.bump() {
                        Some(next) if quoted && !"$`\"\\}".contains(next) => {
                            push(&mut parts, &format!("\\{next}"), true)
                        }
                        Some(next) => push(&mut parts, next.encode_utf8(&mut [0; 4]), true),
                        None => {}
                    }
                }
                Some('$' | '`') => self.expansion(&mut parts, quoted)?,
                Some(c) => {
                    self.at += c.len_utf8();
                    push(&mut parts, c.encode_utf8(&mut [0; 4]), quoted);
                }
            }
        }
    }
}

/// Text as in double quotes, where quotes mean themselves.
fn expanded(text: &str, depth: usize) -> Parsed<Word> {
    let mut parser = Parser { text, at: 0, depth, pending: Vec::new() };
    let mut parts = Vec::new();
    parser.quoted(&mut parts, None)?;
    Ok(Word { parts, text: text.to_owned() })
}

/// A word of which nothing is known.
fn unread(text: &str) -> Word {
    Word { parts: vec![Part::Unread], text: text.to_owned() }
}

fn push(parts: &mut Vec<Part>, more: &str, more_quoted: bool) {
    match parts.last_mut() {
        Some(Part::Text { text, quoted }) if *quoted == more_quoted => text.push_str(more),
        _ => parts.push(Part::Text { text: more.to_owned(), quoted: more_quoted }),
    }
}

/// Whether a text is a variable's name.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
