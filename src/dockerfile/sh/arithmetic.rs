//! `$((…))`, as far as it is followed: decimal numbers, variables, `+ - * / %`, comparisons, `! && ||` and parentheses. Source: POSIX.1-2017,
//! Shell Command Language, 2.6.4; numbers have 64 bits.

/// The deepest parentheses that are followed.
const MAX_DEPTH: usize = 20;

/// Operators by how tightly they bind, loosest first.
const LEVELS: [&[&str]; 6] = [&["||"], &["&&"], &["==", "!="], &["<=", ">=", "<", ">"], &["+", "-"], &["*", "/", "%"]];

/// The value of an expression; `None` where it is not followed. `variable` tells the text of a variable.
pub fn value(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<i64> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0, depth: 0, variable };
    let out = reader.level(0)?;
    (reader.at == reader.tokens.len()).then_some(out)
}

/// A number as `test` and arithmetic both read it.
pub fn plain_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits == "0" || !digits.is_empty() && digits.len() < 19 && !digits.starts_with('0');
    (is_plain && digits.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn tokens(text: &str) -> Option<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', '\n']);
    while let Some(first) = rest.chars().next() {
        let word = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
        let sign = ["||", "&&", "==", "!=", "<=", ">=", "<<", ">>", "++", "--", "**"];
        let length = match sign.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) if matches!(*sign, "<<" | ">>" | "++" | "--" | "**") => return None,
            Some(sign) => sign.len(),
            None if word > 0 => word,
            None if "()<>+-*/%!".contains(first) => 1,
            None => return None,
        };
        // `+=` and its like.
        if length == 1 && "+-*/%".contains(first) && rest[1..].starts_with('=') {
            return None;
        }
        out.push(rest[..length].to_owned());
        rest = rest[length..].trim_start_matches([' ', '\t', '\n']);
    }
    Some(out)
}

struct Reader<'v> {
    tokens: Vec<String>,
    at: usize,
    depth: usize,
    variable: &'v dyn Fn(&str) -> Option<String>,
}

impl Reader<'_> {
    fn level(&mut self, level: usize) -> Option<i64> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some(sign) = self.tokens.get(self.at).filter(|token| signs.contains(&token.as_str())).cloned() {
            self.at += 1;
            let right = self.level(level + 1)?;
            left = match sign.as_str() {
                "||" => i64::from(left != 0 || right != 0),
                "&&" => i64::from(left != 0 && right != 0),
                "==" => i64::from(left == right),
                "!=" => i64::from(left != right),
                "<=" => i64::from(left <= right),
                ">=" => i64::from(left >= right),
                "<" => i64::from(left < right),
                ">" => i64::from(left > right),
                "+" => left.checked_add(right)?,
                "-" => left.checked_sub(right)?,
                "*" => left.checked_mul(right)?,
                "/" => left.checked_div(right)?,
                _ => left.checked_rem(right)?,
            };
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<i64> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let token = self.tokens.get(self.at)?.clone();
        self.at += 1;
        let out = match token.as_str() {
            "-" => self.unary()?.checked_neg(),
            "!" => self.unary().map(|value| i64::from(value == 0)),
            "(" => {
                let inside = self.level(0)?;
                self.at += 1;
                (self.tokens.get(self.at - 1).map(String::as_str) == Some(")")).then_some(inside)
            }
            word if word.starts_with(|c: char| c.is_ascii_digit()) => plain_number(word),
            word if crate::dockerfile::sh::is_name(word) => plain_number(&(self.variable)(word)?),
            _ => None,
        };
        self.depth -= 1;
        out
    }
}
