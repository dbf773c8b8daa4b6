//! The smoke test: a Python script that needs nothing but the standard library, with the plan's facts in it.

use crate::plan::{OverriddenEdge, Plan};
use serde_json::{Value, json};

const TEMPLATE: &str = include_str!("smoke_test.py");
const PLACEHOLDER: &str = "@FACTS@";

/// The script with its facts.
pub fn smoke_test(plan: &Plan) -> String {
    let modules: serde_json::Map<String, Value> =
        plan.smoke_modules.iter().map(|row| (row.distribution.clone(), json!(row.modules))).collect();
    let extras: serde_json::Map<String, Value> = plan
        .roots
        .iter()
        .filter(|root| !root.extras.is_empty())
        .map(|root| (root.name.clone(), json!(root.extras)))
        .collect();
    let sections = [
        ("modules", lines('{', modules.iter().map(|(name, value)| format!("{}: {value}", json!(name))), '}')),
        ("modules_before", json!(plan.modules_before).to_string()),
        ("extras", Value::Object(extras).to_string()),
        ("overridden", lines('[', edges(&plan.overridden), ']')),
        ("unsatisfied_before", lines('[', edges(&plan.unsatisfied_before), ']')),
    ];
    let facts = lines('{', sections.iter().map(|(name, value)| format!("{}: {value}", json!(name))), '}');
    TEMPLATE.replacen(PLACEHOLDER, &raw_string_safe(&facts), 1)
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
            "why": edge.why,
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
