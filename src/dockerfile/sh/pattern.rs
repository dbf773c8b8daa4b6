//! Patterns of the shell's. Source: POSIX.1-2017, Shell Command Language, 2.13 and 2.6.2.
//!
//! What depends on the shell or on the language (classes, characters beyond ASCII, `[^…]`) is not decided.

/// What matching may cost: told how many steps it takes, whether there is room for them.
pub type Budget<'b> = dyn Fn(usize) -> bool + 'b;

/// A part of a pattern.
enum Sign {
    Any,
    One,
    Set { not: bool, ranges: Vec<(char, char)> },
    Literal(char),
}

/// Whether a pattern fits a whole text; `None` where that is not followed, or is too much work.
pub fn matches(pattern: &str, text: &str, budget: &Budget<'_>) -> Option<bool> {
    let signs = parsed(pattern).filter(|signs| are_decided(signs, text))?;
    fits(&signs, &text.chars().collect::<Vec<char>>(), budget)
}

/// The same of patterns of `*` and `?` alone, which all shells and the builder read alike, and which cost little: `None` of
/// others, but where one is the text itself.
pub fn wildcard(pattern: &str, text: &str) -> Option<bool> {
    if pattern.contains(['[', '\\', '(']) {
        return (pattern == text).then_some(true);
    }
    fits(&parsed(pattern)?, &text.chars().collect::<Vec<char>>(), &|_| true)
}

fn are_decided(signs: &[Sign], text: &str) -> bool {
    text.is_ascii() || signs.iter().all(|sign| matches!(sign, Sign::Any | Sign::Literal(_)))
}

fn fits(signs: &[Sign], text: &[char], budget: &Budget<'_>) -> Option<bool> {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if !budget(1) {
            return None;
        }
        let fits = match signs.get(p) {
            Some(Sign::Any) => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            Some(Sign::One) => true,
            Some(Sign::Set { not, ranges }) => {
                budget(ranges.len());
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&text[t])) != *not
            }
            Some(Sign::Literal(c)) => *c == text[t],
            None => false,
        };
        match (fits, star) {
            (true, _) => (p, t) = (p + 1, t + 1),
            (false, Some((at, from))) => {
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
            (false, None) => return Some(false),
        }
    }
    Some(signs[p..].iter().all(|sign| matches!(sign, Sign::Any)))
}

fn parsed(pattern: &str) -> Option<Vec<Sign>> {
    let mut out = Vec::new();
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        out.push(match c {
            '*' => Sign::Any,
            '?' => Sign::One,
            '\\' => Sign::Literal(characters.next()?),
            '[' => {
                let (inside, after) = characters.as_str().split_once(']')?;
                characters = after.chars();
                set(inside)?
            }
            c => Sign::Literal(c),
        });
    }
    Some(out)
}

fn set(inside: &str) -> Option<Sign> {
    let (not, inside) = inside.strip_prefix('!').map_or((false, inside), |inside| (true, inside));
    let (mut ranges, mut rest) = (Vec::new(), inside.as_bytes());
    while let [first, more @ ..] = rest {
        rest = match (first, more) {
            (from, [b'-', to, after @ ..]) => {
                let alike = |test: fn(&u8) -> bool| test(from) && test(to);
                let is_plain =
                    [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase].into_iter().any(alike);
                if !is_plain {
                    return None;
                }
                ranges.push((char::from(*from), char::from(*to)));
                after
            }
            (c, _) if c.is_ascii_alphanumeric() || b"_./ ,:+=@%~".contains(c) => {
                ranges.push((char::from(*c), char::from(*c)));
                more
            }
            (b'-', _) if ranges.is_empty() || more.is_empty() => {
                ranges.push(('-', '-'));
                more
            }
            _ => return None,
        };
    }
    (!ranges.is_empty()).then_some(Sign::Set { not, ranges })
}

/// `${x%pattern}` and its like; `None` where the pattern is not followed, or that is too much work.
pub fn stripped(value: &str, pattern: &str, end: bool, longest: bool, budget: &Budget<'_>) -> Option<String> {
    let signs = parsed(pattern).filter(|signs| are_decided(signs, value))?;
    let text: Vec<char> = value.chars().collect();
    let mut cuts: Vec<usize> = (0..=text.len()).collect();
    // Shortest first.
    if end != longest {
        cuts.reverse();
    }
    for cut in cuts {
        let (before, after) = text.split_at(cut);
        if fits(&signs, if end { after } else { before }, budget)? {
            return Some(if end { before } else { after }.iter().collect());
        }
    }
    Some(value.to_owned())
}
