//! An expression of PromQL: what it is, what it gives, and where it stands.

use std::ops::Range;

/// What an expression gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// One number.
    Scalar,
    /// A number a series.
    Vector,
    /// Numbers over time a series.
    Matrix,
    /// A text.
    Text,
}

impl Type {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "a number",
            Self::Vector => "an instant vector",
            Self::Matrix => "a range vector",
            Self::Text => "a text",
        }
    }
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: Kind,
    /// What it gives.
    pub gives: Type,
    /// Where it stands, in bytes.
    pub span: Range<usize>,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A number.
    Number(f64),
    /// A text.
    Text,
    /// Series of a metric; no name where matchers alone choose. And whether a matcher leaves some out.
    Selector(Option<String>, bool),
    /// A function or an aggregation, by its name.
    Call(String, Vec<Expr>),
    /// Two expressions with an operator between.
    Binary(&'static str, Box<[Expr; 2]>),
    /// An expression in brackets, with a sign, or over a range.
    Inner(Box<Expr>),
}

impl Expr {
    /// The names of all metrics that it asks for, with their places.
    pub fn metrics(&self) -> Vec<(&str, Range<usize>)> {
        match &self.kind {
            Kind::Selector(Some(name), _) => vec![(name, self.span.clone())],
            Kind::Call(_, arguments) => arguments.iter().flat_map(Self::metrics).collect(),
            Kind::Binary(_, sides) => sides.iter().flat_map(Self::metrics).collect(),
            Kind::Inner(inner) => inner.metrics(),
            Kind::Number(_) | Kind::Text | Kind::Selector(None, _) => Vec::new(),
        }
    }

    /// Its value, where it is made of numbers alone.
    pub fn constant(&self) -> Option<f64> {
        match &self.kind {
            Kind::Number(value) => Some(*value),
            Kind::Inner(inner) if self.gives == Type::Scalar => inner.constant(),
            Kind::Binary(operator, sides) => {
                let (one, other) = (sides[0].constant()?, sides[1].constant()?);
                Some(match *operator {
                    "+" => one + other,
                    "-" => one - other,
                    "*" => one * other,
                    "/" => one / other,
                    "%" => one % other,
                    "^" => one.powf(other),
                    _ => return None,
                })
            }
            _ => None,
        }
    }
}
