//! Words: quotes, expansions, and what stands in `$(…)`, `${…}` and `$((…))`.

use super::parse::{META, Parsed, Parser};
use super::{Form, Part, Script, Word};

impl Parser<'_> {
    pub(super) fn word(&mut self) -> Parsed<Word> {
        let start = self.at;
        let word = self.word_or_nothing()?;
        if word.parts.is_empty() {
            return Err(self.error("a word"));
        }
        self.note(start, true);
        Ok(word)
    }

    pub(super) fn word_or_nothing(&mut self) -> Parsed<Word> {
        let start = self.at;
        let mut parts = Vec::new();
        while let Some(c) = self.peek() {
            let rest = self.rest();
            if self.at == start && (rest.starts_with("<(") || rest.starts_with(">(")) {
                self.at += 2;
                let script = self.as_written(|parser| {
                    let script = parser.deeper(|parser| parser.list(&[]))?;
                    parser.lines();
                    parser.expect(")")?;
                    Ok(script)
                })?;
                parts.push(Part::Process(script));
                continue;
            }
            match c {
                _ if c.is_whitespace() || META.contains(&c) => break,
                '\'' => {
                    self.at += 1;
                    let end = self.rest().find('\'').ok_or_else(|| self.error("a closing quote"))?;
                    self.push(&mut parts, &self.text[self.at..self.at + end], true);
                    self.at += end + 1;
                }
                '"' => {
                    self.at += 1;
                    self.push(&mut parts, "", true);
                    self.quoted(&mut parts, Some('"'))?;
                }
                '\\' if rest.starts_with("\\\n") => self.at += 2,
                '\\' if rest.starts_with("\\\r\n") => self.at += 3,
                '\\' => {
                    self.at += 1;
                    let next = self.bump().map(String::from).unwrap_or_default();
                    self.push(&mut parts, &next, true);
                }
                '$' | '`' => self.expansion(&mut parts, false)?,
                c => {
                    self.at += c.len_utf8();
                    self.push(&mut parts, c.encode_utf8(&mut [0; 4]), false);
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
                        Some(next @ ('$' | '`' | '\\')) => self.push(parts, next.encode_utf8(&mut [0; 4]), true),
                        Some('"') if end.is_some() => self.push(parts, "\"", true),
                        Some(next) => self.push(parts, &format!("\\{next}"), true),
                        None => self.push(parts, "\\", true),
                    }
                }
                '$' | '`' => self.expansion(parts, true)?,
                c => {
                    self.at += c.len_utf8();
                    self.push(parts, c.encode_utf8(&mut [0; 4]), true);
                }
            }
        }
    }

    /// What begins with a dollar sign or a backquote.
    fn expansion(&mut self, parts: &mut Vec<Part>, quoted: bool) -> Parsed<()> {
        self.as_written(|parser| parser.expanded(parts, quoted))
    }

    /// Reads what is part of a word as it is written.
    fn as_written<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let start = self.at;
        self.inside += 1;
        let out = read(self);
        self.inside -= 1;
        if self.inside == 0 {
            self.shown.0.push_str(&self.text[start..self.at]);
            self.shown.1 = false;
        }
        out
    }

    fn expanded(&mut self, parts: &mut Vec<Part>, quoted: bool) -> Parsed<()> {
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
                true => self.push(parts, "$", true),
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
                    self.push(&mut parts, c.encode_utf8(&mut [0; 4]), true);
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
        self.deeper(|parser| Parser::new(&inside, parser.depth).script())
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
                    self.push(&mut parts, &self.text[self.at..self.at + end], true);
                    self.at += end + 1;
                }
                Some('"') => {
                    self.at += 1;
                    self.push(&mut parts, "", true);
                    self.quoted(&mut parts, Some('"'))?;
                }
                Some('\\') => {
                    self.at += 1;
                    match self.bump() {
                        Some(next) if quoted && !"$`\"\\}".contains(next) => {
                            self.push(&mut parts, &format!("\\{next}"), true)
                        }
                        Some(next) => self.push(&mut parts, next.encode_utf8(&mut [0; 4]), true),
                        None => {}
                    }
                }
                Some('$' | '`') => self.expansion(&mut parts, quoted)?,
                Some(c) => {
                    self.at += c.len_utf8();
                    self.push(&mut parts, c.encode_utf8(&mut [0; 4]), quoted);
                }
            }
        }
    }

    fn push(&mut self, parts: &mut Vec<Part>, more: &str, more_quoted: bool) {
        if self.inside == 0 {
            self.shown.0.push_str(more);
            self.shown.1 &= more_quoted || !more.contains(['*', '?']);
        }
        match parts.last_mut() {
            Some(Part::Text { text, quoted }) if *quoted == more_quoted => text.push_str(more),
            _ => parts.push(Part::Text { text: more.to_owned(), quoted: more_quoted }),
        }
    }
}

/// Text as in double quotes, where quotes mean themselves.
pub(super) fn expanded(text: &str, depth: usize) -> Parsed<Word> {
    let mut parser = Parser::new(text, depth);
    let mut parts = Vec::new();
    parser.quoted(&mut parts, None)?;
    Ok(Word { parts, text: text.to_owned() })
}

/// A word of which nothing is known.
pub(super) fn unread(text: &str) -> Word {
    Word { parts: vec![Part::Unread], text: text.to_owned() }
}

/// Whether a text is a variable's name.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
