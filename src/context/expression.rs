//! POSIX expressions as those of the library. What the two do not take alike is not translated.
//!
//! Source: POSIX.1-2017, Base Definitions, 9; the manual of GNU grep.

/// A POSIX expression as one of the library's; `None` where it has what is not translated.
pub(super) fn translated(pattern: &str, extended: bool) -> Option<String> {
    let mut out = String::new();
    let mut characters = pattern.chars().peekable();
    // Whether nothing is there that `*` could repeat.
    let mut at_start = true;
    let mut repeated = false;
    while let Some(c) = characters.next() {
        let (start, was_repeated) = (std::mem::replace(&mut at_start, false), std::mem::replace(&mut repeated, false));
        // An operator, with its backslash where it needs one.
        let operator = match c {
            '\\' => {
                let next = characters.next()?;
                match next {
                    '(' | ')' | '|' | '+' | '?' if !extended => Some(next),
                    'w' | 's' | 'W' | 'S' => {
                        out.extend(['\\', next]);
                        continue;
                    }
                    '{' | '}' if !extended => return None,
                    next if next.is_ascii_punctuation() && !"<>`'".contains(next) => {
                        out.push_str(&regex::escape(&next.to_string()));
                        continue;
                    }
                    _ => return None,
                }
            }
            '*' if start && !extended => None,
            '*' => Some('*'),
            '(' | ')' | '|' | '+' | '?' | '{' | '}' if extended => Some(c),
            _ => None,
        };
        match (operator, c) {
            (Some(open @ ('(' | '|')), _) => {
                out.push(open);
                at_start = true;
            }
            (Some(')'), _) if !start => out.push(')'),
            (Some(sign @ ('*' | '+' | '?')), _) if !start && !was_repeated => {
                out.push(sign);
                repeated = true;
            }
            (Some('{'), _) if !start && !was_repeated => {
                let inside: String = characters.by_ref().take_while(|c| *c != '}').collect();
                let numbers: Vec<&str> = inside.splitn(2, ',').collect();
                let is_number = |text: &&str| text.len() < 3 && text.bytes().all(|b| b.is_ascii_digit());
                if numbers.first().is_none_or(|first| first.is_empty()) || !numbers.iter().all(is_number) {
                    return None;
                }
                out.push_str(&format!("{{{inside}}}"));
                repeated = true;
            }
            (Some(_), _) => return None,
            (None, '[') => set(&mut characters, &mut out)?,
            (None, '.') => out.push('.'),
            (None, '^') if extended || start => {
                out.push('^');
                at_start = true;
            }
            (None, '$') if extended || ends(characters.clone()) => out.push('$'),
            (None, c) => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    Some(out)
}

/// Whether a basic expression, or a group of it, ends here.
fn ends(mut characters: std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    match characters.next() {
        None => true,
        Some('\\') => matches!(characters.next(), Some(')' | '|')),
        Some(_) => false,
    }
}

/// `[…]`, of which the sign that opens it is read.
fn set(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> Option<()> {
    out.push('[');
    if characters.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    loop {
        let c = characters.next()?;
        match c {
            ']' if !first => break,
            '[' if matches!(characters.peek(), Some('.' | '=')) => return None,
            '[' if characters.next_if_eq(&':').is_some() => {
                let name: String = characters.by_ref().take_while(|c| *c != ':').collect();
                let known = ["alpha", "digit", "alnum", "upper", "lower", "space", "blank", "punct", "xdigit"]
                    .contains(&name.as_str());
                if !known || characters.next() != Some(']') {
                    return None;
                }
                out.push_str(&format!("[:{name}:]"));
            }
            from if characters.peek() == Some(&'-') => {
                characters.next();
                match characters.next()? {
                    ']' => {
                        out.push_str(&escaped(from)?);
                        out.push_str("\\-");
                        break;
                    }
                    to => {
                        let alike = |test: fn(&char) -> bool| test(&from) && test(&to);
                        let plain = [char::is_ascii_digit, char::is_ascii_lowercase, char::is_ascii_uppercase];
                        if !plain.into_iter().any(alike) {
                            return None;
                        }
                        out.extend([from, '-', to]);
                    }
                }
            }
            c => out.push_str(&escaped(c)?),
        }
        first = false;
    }
    out.push(']');
    Some(())
}

fn escaped(c: char) -> Option<String> {
    match c {
        c if c.is_ascii_punctuation() => Some(format!("\\{c}")),
        c if c.is_ascii() => Some(c.to_string()),
        _ => None,
    }
}

/// Whether a translated expression has one longest match, so that it does not matter which one is taken: no choices, and no
/// group that is repeated.
pub(super) fn is_one_way(expression: &str) -> bool {
    let mut signs = expression.chars();
    let mut before = ' ';
    while let Some(c) = signs.next() {
        match c {
            '\\' => {
                signs.next();
                before = ' ';
                continue;
            }
            '|' | '{' => return false,
            '*' | '+' | '?' if before == ')' => return false,
            '[' => {
                // Signs in a set are escaped, and classes end by themselves.
                let mut open = 1;
                while open > 0 {
                    match signs.next() {
                        None => return false,
                        Some('\\') => _ = signs.next(),
                        Some('[') => open += 1,
                        Some(']') => open -= 1,
                        Some(_) => {}
                    }
                }
                before = ' ';
                continue;
            }
            _ => {}
        }
        before = c;
    }
    true
}
