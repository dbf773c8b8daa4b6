//! Where instructions begin and end, by BuildKit's rules: a line that ends in the escape character goes on; inside
//! of such an instruction comment lines and empty lines count for nothing; the lines of a here-document belong to the
//! instruction whose words name its delimiter.
//!
//! Source: the Dockerfile reference (format, parser directives, here-documents;
//! <https://docs.docker.com/reference/dockerfile/>).

use super::Span;

/// One instruction's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// From the keyword to the end of the last line, with its line break.
    pub span: Span,
    /// The here-documents' lines without the delimiters, in order.
    pub here_documents: Vec<HereDocument>,
    /// Where the instruction's own lines end: before the break, and before the here-documents.
    pub head_end: usize,
}

/// A here-document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HereDocument {
    /// The delimiter without quotes.
    pub name: String,
    /// The word `<<NAME` in the instruction.
    pub word: Span,
    /// Its lines.
    pub body: Span,
}

/// The character that joins lines: a backslash, or what the `escape` directive names.
pub fn escape_character(text: &str) -> u8 {
    for line in text.trim_start_matches('\u{feff}').lines() {
        let Some((key, value)) = line.strip_prefix('#').and_then(|line| line.split_once('=')) else { break };
        match key.trim().to_ascii_lowercase().as_str() {
            "escape" => return if value.trim() == "`" { b'`' } else { b'\\' },
            "syntax" | "check" => {}
            _ => break,
        }
    }
    b'\\'
}

/// The `syntax` directive of a file: the image whose program reads it. BuildKit looks for it in the first lines: as a comment of
/// `#` or `//`, behind a `#!`, or in JSON.
pub(super) fn frontend(text: &str) -> Option<&str> {
    let text = text.trim_start_matches('\u{feff}');
    let text = if text.starts_with("#!") { &text[line_end(text, 0)..] } else { text };
    let named = |sign: &str| {
        let lines = text.lines().map(|line| line.trim().strip_prefix(sign).and_then(|line| line.split_once('=')));
        let is_key = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric());
        let mut pairs = lines.map_while(|pair| pair.filter(|(key, _)| is_key(key.trim())));
        pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case("syntax")).map(|(_, value)| value)
    };
    let in_json = || {
        let rest = text.trim_start().strip_prefix('{')?;
        let (_, rest) = rest.split_once("\"syntax\"")?;
        rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?.split('"').next()
    };
    let value = named("#").or_else(|| named("//")).or_else(in_json)?;
    value.split_whitespace().next()
}

/// The blocks of a file, in order. What is between them is comments and blank lines.
pub fn blocks(text: &str, escape: u8) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    while at < text.len() {
        let end = line_end(text, at);
        let line = &text[at..end];
        if is_passed_over(line) {
            at = end;
            continue;
        }
        let start = at + (line.len() - line.trim_start().len());
        let (head_end, next) = logical_line(text, start, escape);
        let (here_documents, next) = here_documents(text, start..head_end, next);
        blocks.push(Block { span: start..next, here_documents, head_end });
        at = next;
    }
    blocks
}

/// Blank lines and comments.
pub(super) fn is_passed_over(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// Where the line that begins at or holds `at` ends, with its break.
pub fn line_end(text: &str, at: usize) -> usize {
    text.as_bytes()[at..].iter().position(|&b| b == b'\n').map_or(text.len(), |found| at + found + 1)
}

/// Where the line that holds `at` begins.
pub fn line_start(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().rposition(|&b| b == b'\n').map_or(0, |found| found + 1)
}

/// Where an instruction's own text ends, and where the next line begins.
fn logical_line(text: &str, start: usize, escape: u8) -> (usize, usize) {
    let mut end = line_end(text, start);
    let mut content_end = end;
    let mut line = &text[start..end];
    while joins(line, escape) && end < text.len() {
        let from = end;
        end = line_end(text, from);
        let next = &text[from..end];
        if !is_passed_over(next) {
            content_end = end;
            line = next;
        }
    }
    let trimmed = text[start..content_end].trim_end();
    (start + trimmed.len(), content_end)
}

/// Whether a line ends in the escape character.
fn joins(line: &str, escape: u8) -> bool {
    line.trim_end().as_bytes().last() == Some(&escape)
}

/// What is left of an instruction's lines as one: joined where they go on, without the comment lines and empty lines between.
pub(super) fn joined(text: &str, span: Span, escape: char) -> Vec<Span> {
    let (mut out, mut at) = (Vec::new(), span.start);
    for line in text[span.clone()].split('\n') {
        if at == span.start || !is_passed_over(line) {
            let length = line.trim_end().strip_suffix(escape).map_or(line.len(), str::len);
            out.push(at..at + length);
        }
        at += line.len() + 1;
    }
    out
}

/// The here-documents that an instruction's words name, and where the next line after them begins.
fn here_documents(text: &str, head: Span, mut next: usize) -> (Vec<HereDocument>, usize) {
    let mut found = Vec::new();
    let mut keyword = text[head.clone()].split_ascii_whitespace();
    let first = keyword.next().unwrap_or_default().to_ascii_uppercase();
    let word = if first == "ONBUILD" { keyword.next().unwrap_or_default().to_ascii_uppercase() } else { first };
    if !["RUN", "COPY", "ADD"].contains(&word.as_str()) {
        return (found, next);
    }
    for (word, name, strip) in delimiters(text, head) {
        let start = next;
        let mut at = start;
        let end = loop {
            if at >= text.len() {
                break None;
            }
            let end = line_end(text, at);
            let line = text[at..end].trim_end_matches(['\r', '\n']);
            let line = if strip { line.trim_start_matches('\t') } else { line };
            if line == name {
                break Some(end);
            }
            at = end;
        };
        // One that is never closed is an error of the grammar, or no here-document at all.
        let Some(end) = end else { break };
        found.push(HereDocument { name, word, body: start..at });
        next = end;
    }
    (found, next)
}

/// Words of the form `<<NAME`, `<<-NAME`, `3<<"NAME"` outside quotes.
fn delimiters(text: &str, head: Span) -> Vec<(Span, String, bool)> {
    let bytes = &text.as_bytes()[..head.end];
    let (mut at, mut quote, mut out) = (head.start, None, Vec::new());
    let mut at_word = false;
    while at < bytes.len() {
        let byte = bytes[at];
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if at_word && (byte == b'<' || byte.is_ascii_digit()) => {
                if let Some((end, name, strip)) = delimiter(text, at, head.end) {
                    out.push((at..end, name, strip));
                    at = end;
                    at_word = false;
                    continue;
                }
            }
            None if byte == b'"' || byte == b'\'' => quote = Some(byte),
            None => {}
        }
        at_word = quote.is_none() && byte.is_ascii_whitespace();
        at += 1;
    }
    out
}

fn delimiter(text: &str, start: usize, end: usize) -> Option<(usize, String, bool)> {
    let rest = text[start..end].trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (strip, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let length = rest.find(|c: char| c.is_whitespace() || "<>;&|".contains(c)).unwrap_or(rest.len());
    let name: String = rest[..length].chars().filter(|c| !"\"'\\".contains(*c)).collect();
    (!name.is_empty()).then(|| (end - rest.len() + length, name, strip))
}

/// The text with what the grammar's parser does not take taken out, byte for byte as long: the here-documents of `RUN`
/// where none stands first, and the empty lists of `ENTRYPOINT []` and `CMD []`, which take the base's away.
pub fn for_the_grammar(text: &str, blocks: &[Block]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for block in blocks {
        let head = &text[block.span.start..block.head_end];
        let (keyword, rest) = head.split_at(head.find(|c: char| c.is_ascii_whitespace()).unwrap_or(head.len()));
        let inside = rest.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_command = ["ENTRYPOINT", "CMD"].iter().any(|name| keyword.eq_ignore_ascii_case(name));
        if is_command && inside.is_some_and(|inside| inside.trim().is_empty()) {
            bytes[block.span.start..block.head_end]
                .iter_mut()
                .filter(|byte| b"[]".contains(byte))
                .for_each(|byte| *byte = b'_');
        }
    }
    for block in blocks.iter().filter(|block| !block.here_documents.is_empty()) {
        let keyword = text[block.span.clone()].split_ascii_whitespace().next().unwrap_or_default();
        if keyword.eq_ignore_ascii_case("COPY") || keyword.eq_ignore_ascii_case("ADD") {
            continue;
        }
        for byte in block.here_documents.iter().flat_map(|document| document.word.clone()) {
            bytes[byte] = b'_';
        }
        let mut first = true;
        for byte in &mut bytes[block.head_end..block.span.end] {
            match *byte {
                b'\n' | b'\r' => first = true,
                _ if std::mem::take(&mut first) => *byte = b'#',
                _ => *byte = b' ',
            }
        }
    }
    // Only whole characters were replaced, each byte by an ASCII one.
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
