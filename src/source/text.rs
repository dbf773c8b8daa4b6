//! Signs as text: a line each, `KIND[?] LINE NAME`, the question mark for what is guarded.

use super::{Kind, MAX_SIGNS, Sign};

const KINDS: [(Kind, &str); 11] = [
    (Kind::Import, "import"),
    (Kind::Use, "use"),
    (Kind::Call, "call"),
    (Kind::Text, "text"),
    (Kind::Flag, "flag"),
    (Kind::Name, "name"),
    (Kind::Dynamic, "dynamic"),
    (Kind::Library, "library"),
    (Kind::Unread, "unread"),
    (Kind::Early, "early"),
    (Kind::Late, "late"),
];

/// As text. Names have no line breaks in them.
pub fn encode(signs: &[Sign]) -> Vec<u8> {
    let mut out = String::new();
    for sign in signs {
        let word = KINDS.iter().find(|(kind, _)| *kind == sign.kind).map_or("", |(_, word)| word);
        let guard = if sign.guarded { "?" } else { "" };
        out.push_str(&format!("{word}{guard} {} {}\n", sign.line, sign.name));
    }
    out.into_bytes()
}

/// From text, which may be anything: lines that are no signs are passed over.
pub fn decode(text: &[u8]) -> Vec<Sign> {
    String::from_utf8_lossy(text).lines().filter_map(sign).take(MAX_SIGNS).collect()
}

fn sign(line: &str) -> Option<Sign> {
    let (word, rest) = line.split_once(' ')?;
    let (number, name) = rest.split_once(' ')?;
    let (word, guarded) = word.strip_suffix('?').map_or((word, false), |word| (word, true));
    let kind = KINDS.iter().find(|(_, known)| *known == word)?.0;
    Some(Sign { kind, name: name.to_owned(), guarded, line: number.parse().ok()? })
}
