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
    let facts = json!({
        "modules": modules,
        "modules_before": plan.modules_before,
        "extras": extras,
        "overridden": edges(&plan.overridden),
        "unsatisfied_before": edges(&plan.unsatisfied_before),
    });
    TEMPLATE.replacen(PLACEHOLDER, &raw_string_safe(&facts), 1)
}

fn edges(edges: &[OverriddenEdge]) -> Value {
    edges
        .iter()
        .map(|edge| json!({"distribution": edge.distribution, "requirement": edge.requirement, "name": edge.name, "why": edge.why}))
        .collect()
}

/// JSON that can stand between the three apostrophes of a Python raw string: ASCII without apostrophes.
fn raw_string_safe(facts: &Value) -> String {
    let text = serde_json::to_string_pretty(facts).unwrap_or_else(|_| "{}".to_owned());
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
