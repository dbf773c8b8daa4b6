//! Expressions.

use super::frame::{Binding, Frame};
use super::value::{Known, Value};
use ruff_python_ast::{BoolOp, CmpOp, Expr, ExprCall, Number, Operator, UnaryOp};

/// Bytes of a text that is made.
const MAX_TEXT: usize = 64 << 10;

/// What tells the number of processors.
const PROCESSORS: [&str; 4] = ["multiprocessing.cpu_count", "os.cpu_count", "os.process_cpu_count", "psutil.cpu_count"];

impl Value {
    /// Whether it counts as true.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Bool(is) => *is,
            Self::None => false,
            Self::Processors => true,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Bool(is) => Some(f64::from(u8::from(*is))),
            _ => None,
        }
    }

    fn whole(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(is) => Some(i64::from(*is)),
            _ => None,
        }
    }

    fn equals(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (Self::Processors, _) | (_, Self::Processors) => None,
            _ => Some(match (self.number(), other.number()) {
                (Some(one), Some(other)) => one == other,
                _ => self == other,
            }),
        }
    }
}

fn whole(number: f64) -> Option<Value> {
    (number.is_finite() && number.abs() < 9e15).then_some(Value::Int(number as i64))
}

impl<'a> Frame<'a, '_> {
    /// What an expression comes to.
    pub(super) fn value(&mut self, expr: &'a Expr) -> Option<Known> {
        if !self.step() {
            return None;
        }
        Some(match expr {
            Expr::NumberLiteral(literal) => Known::of(match &literal.value {
                Number::Int(number) => Value::Int(number.as_i64()?),
                Number::Float(number) => Value::Float(*number),
                Number::Complex { .. } => return None,
            }),
            Expr::StringLiteral(text) => Known::of(Value::Text(text.value.to_str().to_owned())),
            Expr::BooleanLiteral(literal) => Known::of(Value::Bool(literal.value)),
            Expr::NoneLiteral(_) => Known::of(Value::None),
            Expr::Name(name) => match self.names.get(name.id.as_str())? {
                Binding::Value(value) => value.clone()?,
                _ => return None,
            },
            Expr::UnaryOp(unary) => {
                let Known { value, from_host } = self.value(&unary.operand)?;
                let value = match (unary.op, &value) {
                    (_, Value::Processors) => return None,
                    (UnaryOp::Not, value) => Value::Bool(!value.truth()),
                    (UnaryOp::USub, Value::Int(number)) => Value::Int(number.checked_neg()?),
                    (UnaryOp::USub, Value::Float(number)) => Value::Float(-number),
                    (UnaryOp::UAdd, Value::Int(_) | Value::Float(_)) => value,
                    _ => return None,
                };
                Known { value, from_host }
            }
            Expr::BinOp(binary) => {
                let (left, right) = (self.value(&binary.left)?, self.value(&binary.right)?);
                joined(&left, binary.op, &right)?
            }
            Expr::BoolOp(all) => {
                let (last, before) = all.values.split_last()?;
                for one in before {
                    let known = self.value(one)?;
                    if known.value.truth() == (all.op == BoolOp::Or) {
                        return Some(known);
                    }
                }
                self.value(last)?
            }
            Expr::If(choice) => match self.value(&choice.test)?.value.truth() {
                true => self.value(&choice.body)?,
                false => self.value(&choice.orelse)?,
            },
            Expr::Compare(compare) => {
                let mut left = self.value(&compare.left)?;
                let mut from_host = left.from_host;
                for (op, right) in compare.ops.iter().zip(&compare.comparators) {
                    let holds = match (op, right) {
                        (CmpOp::In | CmpOp::NotIn, right) => self.is_in(&left.value, right)? == (*op == CmpOp::In),
                        (_, right) => {
                            let right = self.value(right)?;
                            let holds = compared(&left.value, *op, &right.value)?;
                            from_host |= right.from_host;
                            left = right;
                            holds
                        }
                    };
                    if !holds {
                        return Some(Known { value: Value::Bool(false), from_host });
                    }
                }
                Known { value: Value::Bool(true), from_host }
            }
            Expr::Call(call) => self.call(call)?,
            Expr::Subscript(subscript) if self.dotted(&subscript.value).as_deref() == Some("os.environ") => {
                match self.value(&subscript.slice)?.value {
                    Value::Text(name) => Known::of(Value::Text(self.variable(&name)??)),
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    /// Whether a value is one of a list of constants, or a part of a text.
    fn is_in(&mut self, value: &Value, list: &'a Expr) -> Option<bool> {
        if self.dotted(list).as_deref() == Some("os.environ") {
            let Value::Text(name) = value else { return None };
            return self.variable(name).map(|value| value.is_some());
        }
        let elements = match list {
            Expr::Tuple(tuple) => &tuple.elts[..],
            Expr::List(list) => &list.elts[..],
            Expr::Set(set) => &set.elts[..],
            other => {
                return match (value, self.value(other)?.value) {
                    (Value::Text(part), Value::Text(text)) => Some(text.contains(part.as_str())),
                    _ => None,
                };
            }
        };
        let mut found = false;
        for element in elements {
            found |= value.equals(&self.value(element)?.value)?;
        }
        Some(found)
    }

    /// The whole name of something that was imported: `os.environ.get`.
    pub(super) fn dotted(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Name(name) => match self.names.get(name.id.as_str())? {
                Binding::Import(name) => Some(name.clone()),
                _ => None,
            },
            Expr::Attribute(attribute) => {
                Some(format!("{}.{}", self.dotted(&attribute.value)?, attribute.attr.as_str()))
            }
            _ => None,
        }
    }

    /// A variable of the process: `Some(None)` where it is not set, nothing where that is not known.
    fn variable(&self, name: &str) -> Option<Option<String>> {
        match self.world.environment.get(name) {
            None => Some(None),
            Some(value) => value.clone().map(Some),
        }
    }

    /// The named argument of a call, or the one at this position.
    fn argument<'c>(call: &'c ExprCall, at: usize, name: &str) -> Option<&'c Expr> {
        let named =
            call.arguments.keywords.iter().find(|keyword| keyword.arg.as_ref().is_some_and(|arg| arg.as_str() == name));
        call.arguments.args.get(at).or(named.map(|keyword| &keyword.value))
    }

    fn call(&mut self, call: &'a ExprCall) -> Option<Known> {
        // `*args` and `**more` may say anything.
        let is_plain = call.arguments.args.iter().all(|argument| !argument.is_starred_expr())
            && call.arguments.keywords.iter().all(|keyword| keyword.arg.is_some());
        if !is_plain {
            return None;
        }
        if let Some(name) = self.dotted(&call.func) {
            return self.imported(&name, call);
        }
        match &*call.func {
            Expr::Name(name) => match self.names.get(name.id.as_str()) {
                Some(Binding::Function(function)) => {
                    let function = *function;
                    self.run(function, call)
                }
                Some(_) => None,
                None => self.builtin(name.id.as_str(), call),
            },
            Expr::Attribute(method) if call.arguments.is_empty() => {
                let Known { value: Value::Text(text), from_host } = self.value(&method.value)? else { return None };
                let value = match method.attr.as_str() {
                    "lower" | "casefold" => Value::Text(text.to_lowercase()),
                    "upper" => Value::Text(text.to_uppercase()),
                    "strip" => Value::Text(text.trim().to_owned()),
                    "isdigit" | "isnumeric" | "isdecimal" => {
                        Value::Bool(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
                    }
                    _ => return None,
                };
                Some(Known { value, from_host })
            }
            _ => None,
        }
    }

    /// What a module of Python's own says.
    fn imported(&mut self, name: &str, call: &'a ExprCall) -> Option<Known> {
        if PROCESSORS.contains(&name) {
            let value = self.world.cpus.map_or(Value::Processors, |cpus| Value::Int(cpus as i64));
            return Some(Known { value, from_host: true });
        }
        match name {
            "os.getenv" | "os.environ.get" | "os.environ.pop" | "decouple.config" => {
                let Value::Text(variable) = self.value(Self::argument(call, 0, "key")?)?.value else { return None };
                let default = Self::argument(call, if name == "decouple.config" { 9 } else { 1 }, "default");
                let found = match self.variable(&variable)? {
                    Some(text) => Known::of(Value::Text(text)),
                    None => match default {
                        Some(default) => self.value(default)?,
                        None if name == "decouple.config" => return None,
                        None => Known::of(Value::None),
                    },
                };
                match Self::argument(call, 9, "cast") {
                    Some(Expr::Name(cast)) if name == "decouple.config" => convert(cast.id.as_str(), found),
                    Some(_) => None,
                    None => Some(found),
                }
            }
            "math.ceil" | "math.floor" => {
                let Known { value, from_host } = self.value(call.arguments.args.first()?)?;
                let number = value.number()?;
                let value = whole(if name == "math.ceil" { number.ceil() } else { number.floor() })?;
                Some(Known { value, from_host })
            }
            _ => None,
        }
    }

    fn builtin(&mut self, name: &str, call: &'a ExprCall) -> Option<Known> {
        if name == "len" {
            let is_affinity = |inner: &ExprCall| self.dotted(&inner.func).as_deref() == Some("os.sched_getaffinity");
            return match call.arguments.args.first()? {
                Expr::Call(inner) if is_affinity(inner) => {
                    let value = self.world.cpus.map_or(Value::Processors, |cpus| Value::Int(cpus as i64));
                    Some(Known { value, from_host: true })
                }
                _ => None,
            };
        }
        if !call.arguments.keywords.is_empty() {
            return None;
        }
        let mut values = Vec::new();
        for argument in &call.arguments.args {
            values.push(self.value(argument)?);
        }
        match (name, values.as_slice()) {
            ("max" | "min", [_, _, ..]) => {
                let from_host = values.iter().any(|known| known.from_host);
                let mut best = values[0].clone();
                for known in &values[1..] {
                    let (one, other) = (known.value.number()?, best.value.number()?);
                    if (name == "max" && one > other) || (name == "min" && one < other) {
                        best = known.clone();
                    }
                }
                best.value.number()?;
                Some(Known { value: best.value, from_host })
            }
            (_, [one]) => convert(name, one.clone()),
            _ => None,
        }
    }
}

/// `int(x)` and its like.
fn convert(name: &str, Known { value, from_host }: Known) -> Option<Known> {
    let value = match (name, &value) {
        ("int" | "round" | "abs", Value::Processors) => value,
        ("int", Value::Text(text)) => Value::Int(text.trim().replace('_', "").parse().ok()?),
        ("int", value) => whole(value.number()?.trunc())?,
        ("float", Value::Text(text)) => Value::Float(text.trim().parse().ok()?),
        ("float", value) => Value::Float(value.number()?),
        // Halves go to the even one.
        ("round", value) => whole(value.number()?.round_ties_even())?,
        ("abs", Value::Int(number)) => Value::Int(number.checked_abs()?),
        ("abs", value) => Value::Float(value.number()?.abs()),
        ("bool", value) => Value::Bool(value.truth()),
        ("str", Value::Text(_)) => value,
        ("str", Value::Int(number)) => Value::Text(number.to_string()),
        _ => return None,
    };
    Some(Known { value, from_host })
}

/// Two values with an operator between them.
pub(super) fn joined(left: &Known, op: Operator, right: &Known) -> Option<Known> {
    let value = arithmetic(&left.value, op, &right.value)?;
    Some(Known { value, from_host: left.from_host || right.from_host })
}

fn arithmetic(left: &Value, op: Operator, right: &Value) -> Option<Value> {
    if let (Some(left), Some(right)) = (left.whole(), right.whole()) {
        let value = match op {
            Operator::Add => left.checked_add(right)?,
            Operator::Sub => left.checked_sub(right)?,
            Operator::Mult => left.checked_mul(right)?,
            Operator::FloorDiv => return whole((left as f64 / nonzero(right)? as f64).floor()),
            Operator::Mod => left.checked_rem_euclid(nonzero(right).filter(|by| *by > 0)?)?,
            Operator::LShift => {
                left.checked_mul(1i64.checked_shl(u32::try_from(right).ok().filter(|by| *by < 62)?)?)?
            }
            Operator::Div => return Some(Value::Float(left as f64 / nonzero(right)? as f64)),
            Operator::Pow => left.checked_pow(u32::try_from(right).ok()?)?,
            _ => return None,
        };
        return Some(Value::Int(value));
    }
    if let (Some(left), Some(right)) = (left.number(), right.number()) {
        let value = match op {
            Operator::Add => left + right,
            Operator::Sub => left - right,
            Operator::Mult => left * right,
            Operator::Div => left / Some(right).filter(|by| *by != 0.0)?,
            Operator::FloorDiv => (left / Some(right).filter(|by| *by != 0.0)?).floor(),
            _ => return None,
        };
        return Some(Value::Float(value));
    }
    match (left, op, right) {
        (Value::Text(left), Operator::Add, Value::Text(right)) if left.len() + right.len() <= MAX_TEXT => {
            Some(Value::Text(format!("{left}{right}")))
        }
        _ => None,
    }
}

fn nonzero(number: i64) -> Option<i64> {
    (number != 0).then_some(number)
}

fn compared(left: &Value, op: CmpOp, right: &Value) -> Option<bool> {
    match op {
        CmpOp::Eq | CmpOp::Is => left.equals(right),
        CmpOp::NotEq | CmpOp::IsNot => left.equals(right).map(|is| !is),
        _ => {
            let (left, right) = (left.number()?, right.number()?);
            Some(match op {
                CmpOp::Lt => left < right,
                CmpOp::LtE => left <= right,
                CmpOp::Gt => left > right,
                CmpOp::GtE => left >= right,
                _ => return None,
            })
        }
    }
}
