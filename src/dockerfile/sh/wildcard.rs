//! Patterns of `*` and `?` alone, which all shells and the builder read alike.

/// Whether a pattern of `*` and `?` fits a text; nothing for other patterns.
pub fn fits(pattern: &str, text: &str) -> Option<bool> {
    if pattern.contains(['[', '\\', '(']) {
        return (pattern == text).then_some(true);
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match (pattern.get(p), star) {
            (Some('*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(sign), _) if *sign == '?' || *sign == text[t] => (p, t) = (p + 1, t + 1),
            (_, Some((at, from))) => {
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
            (_, None) => return Some(false),
        }
    }
    Some(pattern[p..].iter().all(|sign| *sign == '*'))
}
