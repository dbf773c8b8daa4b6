//! PromQL: whether an expression is one, as Prometheus 2.42 checks it, and what it asks for.
//!
//! Source: Prometheus, `promql/parser` (grammar, types, functions); tried against promtool 2.42 and 3.5.

use super::expr::{Expr, Kind, Type};
use super::functions::{AGGREGATIONS, FUNCTIONS};
use super::lexer::{PromqlError, Token, duration, error, tokens};
use std::ops::Range;

/// Expressions in one another.
const MAX_DEPTH: usize = 64;

/// Words of an expression: one that is a chain is as deep as it is long.
const MAX_TOKENS: usize = 2_000;

/// Reads an expression.
///
/// # Errors
///
/// Prometheus 2.42 would refuse it: where, and why.
pub fn parse(text: &str) -> Result<Expr, PromqlError> {
    let tokens = tokens(text)?;
    if tokens.len() > MAX_TOKENS {
        return Err(error(0, format!("expected at most {MAX_TOKENS} words, found more")));
    }
    let mut parser = Parser { tokens, at: 0, end: text.len(), depth: 0 };
    let expr = parser.binary(0)?;
    match parser.tokens.get(parser.at) {
        None => Ok(expr),
        Some((token, span)) => {
            Err(error(span.start, format!("expected an operator or the end, found {}", shown(token))))
        }
    }
}

/// A duration of a rule file (`10m`), in seconds.
pub fn parse_duration(text: &str) -> Option<f64> {
    if text == "0" { Some(0.0) } else { duration(text) }
}

/// Operators by how tightly they bind, the loosest first.
const LEVELS: [&[&str]; 6] =
    [&["or"], &["and", "unless"], &["==", "!=", "<=", "<", ">=", ">"], &["+", "-"], &["*", "/", "%", "atan2"], &["^"]];

fn shown(token: &Token) -> String {
    match token {
        Token::Number(value) => format!("`{value}`"),
        Token::Text(_) => "a text".to_owned(),
        Token::Duration(_) => "a duration".to_owned(),
        Token::Name(name) => format!("`{name}`"),
        Token::Sign(sign) => format!("`{sign}`"),
    }
}

struct Parser {
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
    end: usize,
    depth: usize,
}

type Parsed<T> = Result<T, PromqlError>;

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(_, span)| span.start)
    }

    fn last_end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |(_, span)| span.end)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if *found == sign)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Parsed<()> {
        if self.takes(sign) {
            return Ok(());
        }
        let found = self.peek().map_or("the end".to_owned(), shown);
        Err(error(self.place(), format!("expected `{sign}`, found {found}")))
    }

    fn name(&self) -> Option<String> {
        match self.peek() {
            Some(Token::Name(name)) => Some(name.to_ascii_lowercase()),
            _ => None,
        }
    }

    fn takes_name(&mut self, word: &str) -> bool {
        let found = self.name().is_some_and(|name| name == word);
        self.at += usize::from(found);
        found
    }

    /// The operator that comes next, if it binds as this level does.
    fn operator(&self, level: usize) -> Option<&'static str> {
        let written = match self.peek()? {
            Token::Sign(sign) => (*sign).to_owned(),
            Token::Name(name) => name.to_ascii_lowercase(),
            _ => return None,
        };
        LEVELS[level].iter().find(|operator| **operator == written).copied()
    }

    fn binary(&mut self, level: usize) -> Parsed<Expr> {
        if level == 0 {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(error(self.place(), "expressions stand too deep in one another"));
            }
        }
        let expr = match level {
            5 => self.power(),
            _ => self.left(level),
        };
        self.depth -= usize::from(level == 0);
        expr
    }

    fn left(&mut self, level: usize) -> Parsed<Expr> {
        let mut expr = self.next_level(level)?;
        while let Some(operator) = self.operator(level) {
            let at = self.place();
            self.at += 1;
            let modifiers = self.modifiers(operator)?;
            let right = self.next_level(level)?;
            expr = joined(operator, at, modifiers, expr, right)?;
        }
        Ok(expr)
    }

    fn next_level(&mut self, level: usize) -> Parsed<Expr> {
        if level + 1 == LEVELS.len() - 1 { self.signed() } else { self.binary(level + 1) }
    }

    /// A sign binds looser than a power.
    fn signed(&mut self) -> Parsed<Expr> {
        let start = self.place();
        if self.takes("-") || self.takes("+") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(error(start, "expressions stand too deep in one another"));
            }
            let inner = self.signed()?;
            self.depth -= 1;
            if !matches!(inner.gives, Type::Scalar | Type::Vector) {
                return Err(error(
                    start,
                    format!("a sign stands before a number or an instant vector, found {}", inner.gives.as_str()),
                ));
            }
            let (gives, span) = (inner.gives, start..inner.span.end);
            return Ok(Expr { kind: Kind::Inner(Box::new(inner)), gives, span });
        }
        self.power()
    }

    fn power(&mut self) -> Parsed<Expr> {
        let left = self.postfix()?;
        if self.operator(5).is_none() {
            return Ok(left);
        }
        let at = self.place();
        self.at += 1;
        let modifiers = self.modifiers("^")?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(error(at, "expressions stand too deep in one another"));
        }
        let right = self.signed()?;
        self.depth -= 1;
        joined("^", at, modifiers, left, right)
    }

    /// `bool`, `on (…)`, `ignoring (…)`, `group_left (…)`. Whether there is `bool`.
    fn modifiers(&mut self, operator: &str) -> Parsed<bool> {
        let at = self.place();
        let is_bool = self.takes_name("bool");
        if is_bool && !LEVELS[2].contains(&operator) {
            return Err(error(at, "`bool` goes with comparisons alone"));
        }
        if self.takes_name("on") || self.takes_name("ignoring") {
            self.labels()?;
            let at = self.place();
            if self.takes_name("group_left") || self.takes_name("group_right") {
                if LEVELS[0].contains(&operator) || LEVELS[1].contains(&operator) {
                    return Err(error(at, "there is no grouping for `and`, `or` and `unless`"));
                }
                if self.is_sign("(") {
                    self.labels()?;
                }
            }
        }
        Ok(is_bool)
    }

    /// `(a, b)`
    fn labels(&mut self) -> Parsed<()> {
        self.expect("(")?;
        while !self.takes(")") {
            match self.peek() {
                Some(Token::Name(name)) if !name.contains(':') => self.at += 1,
                found => {
                    let found = found.map_or("the end".to_owned(), shown);
                    return Err(error(self.place(), format!("expected a label, found {found}")));
                }
            }
            if !self.takes(",") && !self.is_sign(")") {
                return Err(error(self.place(), "expected `,` or `)` behind a label"));
            }
        }
        Ok(())
    }

    /// What may stand behind an expression: a range, a subquery, `offset`, `@`.
    fn postfix(&mut self) -> Parsed<Expr> {
        let mut expr = self.primary()?;
        loop {
            let at = self.place();
            if self.takes("[") {
                let is_selector = matches!(expr.kind, Kind::Selector(..));
                self.duration()?;
                let is_subquery = self.takes(":");
                if is_subquery && !self.is_sign("]") {
                    self.duration()?;
                }
                self.expect("]")?;
                let wrong = match is_subquery {
                    true => expr.gives != Type::Vector,
                    false => !is_selector || expr.gives != Type::Vector,
                };
                if wrong {
                    let what =
                        if is_subquery { "a subquery takes an instant vector" } else { "a range takes a selector" };
                    return Err(error(at, format!("{what}, found {}", expr.gives.as_str())));
                }
                let span = expr.span.start..self.last_end();
                expr = Expr { kind: Kind::Inner(Box::new(expr)), gives: Type::Matrix, span };
            } else if self.name().is_some_and(|name| name == "offset") {
                self.at += 1;
                self.takes("-");
                self.duration()?;
                expect_selector(&expr, at, "offset")?;
            } else if self.takes("@") {
                self.takes("-");
                if matches!(self.peek(), Some(Token::Number(_))) {
                    self.at += 1;
                } else if self.takes_name("start") || self.takes_name("end") {
                    self.expect("(")?;
                    self.expect(")")?;
                } else {
                    return Err(error(self.place(), "expected a time, start() or end() behind `@`"));
                }
                expect_selector(&expr, at, "@")?;
            } else {
                return Ok(expr);
            }
        }
    }

    fn duration(&mut self) -> Parsed<()> {
        match self.peek() {
            Some(Token::Duration(seconds)) if *seconds > 0.0 => {
                self.at += 1;
                Ok(())
            }
            found => {
                let found = found.map_or("the end".to_owned(), shown);
                Err(error(self.place(), format!("expected a duration as 5m, found {found}")))
            }
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let start = self.place();
        let Some((token, span)) = self.tokens.get(self.at).cloned() else {
            return Err(error(self.end, "expected an expression, found the end"));
        };
        let leaf = |kind, gives| Ok(Expr { kind, gives, span: span.clone() });
        match token {
            Token::Number(value) => {
                self.at += 1;
                leaf(Kind::Number(value), Type::Scalar)
            }
            Token::Text(_) => {
                self.at += 1;
                leaf(Kind::Text, Type::Text)
            }
            Token::Duration(_) => {
                Err(error(start, "a duration is no number here (Prometheus 3 alone takes it for one)"))
            }
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.binary(0)?;
                self.expect(")")?;
                let (gives, span) = (inner.gives, start..self.last_end());
                Ok(Expr { kind: Kind::Inner(Box::new(inner)), gives, span })
            }
            Token::Sign("{") => self.selector(None, start),
            Token::Name(name) => {
                self.at += 1;
                self.named(&name, start)
            }
            token => Err(error(start, format!("expected an expression, found {}", shown(&token)))),
        }
    }

    fn named(&mut self, name: &str, start: usize) -> Parsed<Expr> {
        let lower = name.to_ascii_lowercase();
        let is_clause = |parser: &Self| parser.name().is_some_and(|word| matches!(word.as_str(), "by" | "without"));
        if AGGREGATIONS.contains(&lower.as_str()) && (self.is_sign("(") || is_clause(self)) {
            return self.aggregation(&lower, start);
        }
        if self.is_sign("(") {
            let Some((_, takes, gives)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
                return Err(error(start, format!("there is no function `{name}`")));
            };
            let arguments = self.arguments()?;
            check_arguments(name, takes, &arguments, start)?;
            return Ok(Expr {
                kind: Kind::Call(name.to_owned(), arguments),
                gives: *gives,
                span: start..self.last_end(),
            });
        }
        if matches!(
            lower.as_str(),
            "by" | "without"
                | "on"
                | "ignoring"
                | "group_left"
                | "group_right"
                | "bool"
                | "and"
                | "or"
                | "unless"
                | "offset"
                | "atan2"
        ) {
            return Err(error(start, format!("expected an expression, found `{name}`")));
        }
        self.selector(Some(name.to_owned()), start)
    }

    fn aggregation(&mut self, name: &str, start: usize) -> Parsed<Expr> {
        let has_clause = self.clause()?;
        let arguments = self.arguments()?;
        if self.clause()? && has_clause {
            return Err(error(start, format!("`{name}` has two clauses")));
        }
        let takes = match name {
            "topk" | "bottomk" | "quantile" => "sv",
            "count_values" => "tv",
            _ => "v",
        };
        check_arguments(name, takes, &arguments, start)?;
        Ok(Expr { kind: Kind::Call(name.to_owned(), arguments), gives: Type::Vector, span: start..self.last_end() })
    }

    fn clause(&mut self) -> Parsed<bool> {
        let found = self.takes_name("by") || self.takes_name("without");
        if found {
            self.labels()?;
        }
        Ok(found)
    }

    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        self.expect("(")?;
        let mut out = Vec::new();
        while !self.takes(")") {
            out.push(self.binary(0)?);
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
            if self.is_sign(")") {
                return Err(error(self.place(), "expected an argument behind `,`"));
            }
        }
        Ok(out)
    }

    fn selector(&mut self, name: Option<String>, start: usize) -> Parsed<Expr> {
        let mut narrowed = false;
        if self.takes("{") {
            while !self.takes("}") {
                narrowed |= self.matcher(name.is_some())?;
                if !self.takes(",") && !self.is_sign("}") {
                    let found = self.peek().map_or("the end".to_owned(), shown);
                    return Err(error(self.place(), format!("expected `,` or `}}` behind a matcher, found {found}")));
                }
            }
        }
        if name.is_none() && !narrowed {
            return Err(error(start, "a selector must have a name, or a matcher that not every series fulfils"));
        }
        Ok(Expr { kind: Kind::Selector(name, narrowed), gives: Type::Vector, span: start..self.last_end() })
    }

    /// `label="value"`; whether it leaves something out.
    fn matcher(&mut self, has_name: bool) -> Parsed<bool> {
        let at = self.place();
        let label = match self.peek() {
            Some(Token::Name(name)) if !name.contains(':') => name.clone(),
            found => {
                let found = found.map_or("the end".to_owned(), shown);
                return Err(error(at, format!("expected a label, found {found}")));
            }
        };
        if has_name && label == "__name__" {
            return Err(error(at, "the metric has two names"));
        }
        self.at += 1;
        let operator = match self.peek() {
            Some(Token::Sign(sign @ ("=" | "!=" | "=~" | "!~"))) => *sign,
            found => {
                let found = found.map_or("the end".to_owned(), shown);
                return Err(error(self.place(), format!("expected =, !=, =~ or !~ behind a label, found {found}")));
            }
        };
        self.at += 1;
        let at = self.place();
        let Some(Token::Text(value)) = self.peek().cloned() else {
            let found = self.peek().map_or("the end".to_owned(), shown);
            return Err(error(at, format!("expected a text in quotes, found {found}")));
        };
        self.at += 1;
        let pattern = match operator {
            "=~" | "!~" => {
                let pattern = regex::Regex::new(&format!("^(?:{value})$"));
                Some(pattern.map_err(|_| error(at, format!("`{value}` is no regular expression")))?)
            }
            _ => None,
        };
        let takes_empty = match (operator, &pattern) {
            ("=", _) => value.is_empty(),
            ("!=", _) => !value.is_empty(),
            ("=~", Some(pattern)) => pattern.is_match(""),
            (_, Some(pattern)) => !pattern.is_match(""),
            _ => true,
        };
        Ok(!takes_empty)
    }
}

fn expect_selector(expr: &Expr, at: usize, what: &str) -> Parsed<()> {
    let is_one = match &expr.kind {
        Kind::Selector(..) => true,
        Kind::Inner(_) => expr.gives == Type::Matrix,
        _ => false,
    };
    if is_one { Ok(()) } else { Err(error(at, format!("`{what}` stands behind a selector, a range or a subquery"))) }
}

fn joined(operator: &'static str, at: usize, is_bool: bool, left: Expr, right: Expr) -> Parsed<Expr> {
    for side in [&left, &right] {
        if !matches!(side.gives, Type::Scalar | Type::Vector) {
            let found = side.gives.as_str();
            return Err(error(
                side.span.start,
                format!("`{operator}` takes numbers and instant vectors, found {found}"),
            ));
        }
    }
    let both_scalar = left.gives == Type::Scalar && right.gives == Type::Scalar;
    let any_scalar = left.gives == Type::Scalar || right.gives == Type::Scalar;
    if any_scalar && matches!(operator, "and" | "or" | "unless") {
        return Err(error(at, format!("`{operator}` takes instant vectors on both sides")));
    }
    if both_scalar && LEVELS[2].contains(&operator) && !is_bool {
        return Err(error(at, "two numbers are compared with `bool` behind the operator"));
    }
    let gives = if both_scalar { Type::Scalar } else { Type::Vector };
    let span = left.span.start..right.span.end;
    Ok(Expr { kind: Kind::Binary(operator, Box::new([left, right])), gives, span })
}

fn check_arguments(name: &str, takes: &str, arguments: &[Expr], start: usize) -> Parsed<()> {
    let (needed, optional) = takes.split_once('?').unwrap_or((takes, ""));
    let many = needed.ends_with('*');
    let needed = needed.trim_end_matches('*');
    let most = if many { usize::MAX } else { needed.len() + optional.len() };
    let least = if many { needed.len() - 1 } else { needed.len() };
    if arguments.len() < least || arguments.len() > most {
        let expected = if most == least { format!("{least}") } else { format!("at least {least}") };
        return Err(error(start, format!("`{name}` takes {expected} arguments, found {}", arguments.len())));
    }
    let kinds: Vec<char> = needed.chars().chain(optional.chars()).collect();
    for (position, argument) in arguments.iter().enumerate() {
        let expected = match kinds.get(position).or(kinds.last()) {
            Some('m') => Type::Matrix,
            Some('s') => Type::Scalar,
            Some('t') => Type::Text,
            _ => Type::Vector,
        };
        if argument.gives != expected {
            let hint =
                if (expected, argument.gives) == (Type::Matrix, Type::Vector) { ": write [5m] behind it" } else { "" };
            let message = format!("`{name}` takes {}, found {}{hint}", expected.as_str(), argument.gives.as_str());
            return Err(error(argument.span.start, message));
        }
    }
    Ok(())
}
