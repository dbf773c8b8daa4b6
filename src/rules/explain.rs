//! What a person reads about rules: plain text, at most 80 columns wide.

use super::actions::OwnReason;
use super::{Rule, Severity, Tier};
use crate::base::Text;

const WIDTH: usize = 80;

/// All that a rule says of itself.
pub fn explain(rule: &Rule) -> String {
    let mut out = format!("{}\n{}\n", Text::from(&rule.id), "=".repeat(rule.id.chars().count()));
    out.push_str(&wrap(&format!("{}.", rule.summary), 0));
    out.push_str(&format!("\n{}", wrap(severity_in_words(rule.severity), 0)));
    out.push_str(&wrap(&tier_in_words(rule.tier).replace("ID", &rule.id), 0));
    let parts =
        [("Why", &rule.why), ("Evidence", &rule.evidence), ("When not", &rule.when_not), ("Remedy", &rule.remedy)];
    for (title, text) in parts {
        out.push_str(&format!("\n{title}\n{}", wrap(text, 2)));
    }
    out.push_str("\nReferences\n");
    for url in &rule.references {
        out.push_str(&format!("  {}\n", Text::from(url)));
    }
    out
}

/// What a plan does for a reason of its own.
pub fn explain_own(reason: &OwnReason) -> String {
    let action = reason.action.replace("{}", "…").trim_end_matches(": …").to_owned();
    let head =
        format!("{}\n{}\n{}", reason.id, "=".repeat(reason.id.len()), wrap(&format!("A plan's own: {action}."), 0));
    format!("{head}\nWhy\n{}", wrap(reason.why, 2))
}

fn severity_in_words(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Severity info: worth knowing.",
        Severity::Warning => "Severity warning: it costs bytes.",
        Severity::Error => "Severity error: something does not work.",
    }
}

fn tier_in_words(tier: Tier) -> &'static str {
    match tier {
        Tier::ReportOnly => "Tier report-only: the plan leaves it alone; what to do is for the reader to decide.",
        Tier::Confirm => "Tier confirm: the plan does it when you accept the rule (`--accept ID`).",
        Tier::Auto => "Tier auto: the plan does it, unless you skip the rule (`--skip ID`).",
    }
}

/// One row a rule: id, tier, severity, summary; long summaries go on below themselves.
pub fn list(rules: &[Rule]) -> String {
    let width = |text: &dyn Fn(&Rule) -> usize, title: &str| rules.iter().map(text).max().unwrap_or(0).max(title.len());
    let ids = width(&|rule| Text::from(&rule.id).chars().count(), "id").min(30);
    let tiers = width(&|rule| tier_name(rule.tier).len(), "tier");
    let severities = width(&|rule| rule.severity.word().len(), "severity");
    let left = ids + tiers + severities + 6;
    let mut out = format!("{:ids$}  {:tiers$}  {:severities$}  summary\n", "id", "tier", "severity");
    for rule in rules {
        let lines = fold(&Text::from(&rule.summary), WIDTH.saturating_sub(left).max(20));
        let (mut id, tier, severity) = (Text::from(&rule.id).to_string(), tier_name(rule.tier), rule.severity.word());
        if id.chars().count() > ids {
            out.push_str(&format!("{id}\n"));
            id.clear();
        }
        for (n, line) in lines.iter().enumerate() {
            match n {
                0 => out.push_str(&format!("{id:ids$}  {tier:tiers$}  {severity:severities$}  {line}\n")),
                _ => out.push_str(&format!("{:left$}{line}\n", "")),
            }
        }
    }
    out
}

/// The names as profiles write them.
fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::ReportOnly => "report-only",
        Tier::Confirm => "confirm",
        Tier::Auto => "auto",
    }
}

fn wrap(text: &str, indent: usize) -> String {
    let lines = fold(&Text::from(text), WIDTH - indent);
    lines.iter().map(|line| format!("{:indent$}{line}\n", "")).collect()
}

/// Breaks at blanks into lines of at most `width` characters; a longer word has a line of its own.
fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
    }
    lines
}
