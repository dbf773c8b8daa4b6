//! Options of well-known programs that take a password and whose names do not say so.
//!
//! Source: the manuals of curl, wget, sshpass, twine, docker, redis-cli, mysql and chpasswd.

use super::Spans;
use super::values::value;
use std::ops::Range;

const ALL: [&str; 17] = [
    "curl",
    "wget",
    "http",
    "https",
    "sshpass",
    "twine",
    "docker",
    "podman",
    "nerdctl",
    "buildah",
    "helm",
    "oras",
    "redis-cli",
    "mysql",
    "mysqldump",
    "mariadb",
    "chpasswd",
];

/// The program that a word names, if it is one of these.
fn known(word: &str) -> Option<&'static str> {
    let word = word.trim_matches(['"', '\'']);
    ALL.into_iter().find(|known| word.rsplit('/').next() == Some(known))
}

/// Which words of a command hold such a password, where it is known where each of them begins.
pub(super) fn secret_words(words: &[String]) -> Vec<bool> {
    let mut at = 0;
    let places = words.iter().map(|word| {
        at += word.len();
        at - word.len()..at
    });
    let (places, text) = (places.collect::<Vec<_>>(), words.concat());
    let mut spans = Spans::default();
    if let Some((first, program)) = words.iter().enumerate().find_map(|(at, word)| Some((at, known(word)?))) {
        options(&text, program, &places[first + 1..], &mut spans);
    }
    let hidden = |place: &Range<usize>| spans.0.iter().any(|(span, _)| place.contains(&span.start));
    places.iter().map(hidden).collect()
}

pub(super) fn find(text: &str, spans: &mut Spans) {
    // Most texts name none of them as a word.
    if !ALL.iter().any(|program| memchr::memmem::find(text.as_bytes(), program.as_bytes()).is_some()) {
        return;
    }
    let mut before: Vec<Range<usize>> = Vec::new();
    for command in commands(text) {
        let words = words(text, command);
        let program = words.iter().enumerate().find_map(|(at, word)| Some((at, known(&text[word.clone()])?)));
        if let Some((at, program)) = program {
            if program == "chpasswd" {
                before.iter().filter(|word| text[(*word).clone()].contains(':')).for_each(|word| {
                    spans.hide(unquoted(text, word.clone()));
                });
            }
            options(text, program, &words[at + 1..], spans);
        }
        before = words;
    }
}

fn options(text: &str, program: &str, words: &[Range<usize>], spans: &mut Spans) {
    let has = |wanted: &str| words.iter().any(|word| &text[word.clone()] == wanted);
    let (names, attached): (&[&str], &str) = match program {
        "curl" | "wget" => (&["-u", "--user", "-U", "--proxy-user"], "-u"),
        "http" | "https" => (&["-a", "--auth"], ""),
        "sshpass" => (&["-p"], "-p"),
        "twine" => (&["-p"], ""),
        "docker" | "podman" | "nerdctl" | "buildah" | "helm" | "oras" if has("login") => (&["-p"], ""),
        "redis-cli" => (&["-a"], ""),
        "mysql" | "mysqldump" | "mariadb" => (&[], "-p"),
        _ => return,
    };
    let is_value = |word: &str| {
        !word.starts_with('$') && (!matches!(program, "curl" | "wget" | "http" | "https") || word.contains(':'))
    };
    for (at, word) in words.iter().enumerate() {
        let shown = &text[word.clone()];
        if names.contains(&shown.trim_matches('"')) {
            let next = words.get(at + 1).cloned().map(|next| unquoted(text, next));
            next.filter(|next| is_value(&text[next.clone()])).into_iter().for_each(|next| spans.hide(next));
        } else if !attached.is_empty() && shown.len() > 2 && shown.starts_with(attached) {
            let rest = unquoted(text, word.start + 2..word.end);
            if is_value(&text[rest.clone()]) {
                spans.hide(rest);
            }
        }
    }
}

fn unquoted(text: &str, word: Range<usize>) -> Range<usize> {
    let shown = &text[word.clone()];
    let quote = shown.chars().next().filter(|c| matches!(c, '"' | '\''));
    match quote.filter(|quote| shown.len() > 1 && shown.ends_with(*quote)) {
        Some(_) => word.start + 1..word.end - 1,
        None => word,
    }
}

/// The simple commands of a text, by what stands between them.
fn commands(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let (mut start, mut quote) = (0, None);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' | b'\'' if quote.is_none() => quote = Some(byte),
            _ if quote == Some(byte) => quote = None,
            b';' | b'|' | b'&' | b'\n' if quote.is_none() => {
                out.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(start..text.len());
    out.retain(|command| !command.is_empty());
    out
}

/// The words of a command, with their quotes.
fn words(text: &str, command: Range<usize>) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut at = command.start;
    while at < command.end {
        // A command in JSON form has these between its words.
        let byte = text.as_bytes()[at];
        if byte.is_ascii_whitespace() || matches!(byte, b',' | b'[' | b']') {
            at += 1;
            continue;
        }
        let quote = text[at..].starts_with(['"', '\'']);
        let found = value(&text[..command.end], at).map(|found| found.end + usize::from(quote));
        let end = found.map_or(at + 1, |end| end.min(command.end)).max(at + 1);
        let end = (end..=command.end).find(|end| text.is_char_boundary(*end)).unwrap_or(command.end);
        out.push(at..end);
        at = end;
    }
    out
}
