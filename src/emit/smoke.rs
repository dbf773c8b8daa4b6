//! The smoke test: a Python script that needs nothing but the standard library, with the plan's facts in it.

use crate::plan::{OverriddenEdge, Plan};
use serde_json::json;
use std::collections::BTreeMap;

const TEMPLATE: &str = include_str!("smoke_test.py");
const PLACEHOLDER: &str = "@FACTS@";
const INTERPRETER: &str = "@PYTHON@";

/// What a smoke test is to check.
#[derive(Clone, Debug, Default)]
pub struct SmokeFacts {
    /// Top-level modules to import, by distribution.
    pub modules: BTreeMap<String, Vec<String>>,
    /// All top-level modules that the original has.
    pub modules_before: Vec<String>,
    /// Extras that were asked for, by distribution.
    pub extras: BTreeMap<String, Vec<String>>,
    /// Requirements that are overridden on purpose.
    pub overridden: Vec<OverriddenEdge>,
    /// Requirements that the original does not meet.
    pub unsatisfied_before: Vec<OverriddenEdge>,
    /// The interpreter to run it with; `python3` where none is known.
    pub interpreter: Option<String>,
}

/// The script with a plan's facts, for an interpreter.
pub(super) fn smoke_test(plan: &Plan, interpreter: Option<String>) -> String {
    let with_extras = plan.roots.iter().filter(|root| !root.extras.is_empty());
    smoke_script(&SmokeFacts {
        modules: plan.smoke_modules.iter().map(|row| (row.distribution.clone(), row.modules.clone())).collect(),
        modules_before: plan.modules_before.clone(),
        extras: with_extras.map(|root| (root.name.clone(), root.extras.clone())).collect(),
        overridden: plan.overridden.clone(),
        unsatisfied_before: plan.unsatisfied_before.clone(),
        interpreter,
    })
}

/// The script with its facts.
pub fn smoke_script(facts: &SmokeFacts) -> String {
    let modules = facts.modules.iter().map(|(name, modules)| format!("{}: {}", json!(name), json!(modules)));
    let sections = [
        ("modules", lines('{', modules, '}')),
        ("modules_before", json!(facts.modules_before).to_string()),
        ("extras", json!(facts.extras).to_string()),
        ("overridden", lines('[', edges(&facts.overridden), ']')),
        ("unsatisfied_before", lines('[', edges(&facts.unsatisfied_before), ']')),
    ];
    // It stands in a docstring: a path that could end that is not written.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    let interpreter = facts.interpreter.as_deref().filter(|path| path.chars().all(is_plain)).unwrap_or("python3");
    let listed = lines('{', sections.iter().map(|(name, value)| format!("{}: {value}", json!(name))), '}');
    TEMPLATE.replacen(INTERPRETER, interpreter, 1).replacen(PLACEHOLDER, &raw_string_safe(&listed), 1)
}

/// JSON with a row a line, so that the script can be read.
fn lines(open: char, rows: impl Iterator<Item = String>, close: char) -> String {
    let rows: Vec<String> = rows.collect();
    format!("{open}\n{}\n{close}", rows.join(",\n"))
}

fn edges(edges: &[OverriddenEdge]) -> impl Iterator<Item = String> {
    edges.iter().map(|edge| {
        json!({
            "distribution": edge.distribution,
            "requirement": edge.requirement,
            "name": edge.name,
            "why": edge.why.to_string(),
        })
        .to_string()
    })
}

/// JSON that can stand between the three apostrophes of a Python raw string: ASCII without apostrophes.
fn raw_string_safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | ' '..='&' | '('..='~' => out.push(c),
            _ => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
            }
        }
    }
    out
}
