//! A rule file against Prometheus' form of it, and its expressions against what they ask for.

use super::expr::{Expr, Kind};
use super::metrics::{Known, known};
use super::promql::{parse, parse_duration};
use crate::compose::{Check, Finding};
use crate::yaml::{self, Files, Map, Node, Place};
use std::collections::BTreeSet;

/// Fields of a group.
const GROUP: [&str; 6] = ["name", "interval", "limit", "query_offset", "labels", "rules"];
/// Fields of a rule.
const RULE: [&str; 7] = ["alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"];
/// Functions of templates.
const TEMPLATE: [&str; 54] = [
    "query",
    "first",
    "label",
    "value",
    "strvalue",
    "args",
    "reReplaceAll",
    "safeHtml",
    "match",
    "title",
    "toUpper",
    "toLower",
    "graphLink",
    "tableLink",
    "sortByLabel",
    "stripPort",
    "stripDomain",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "toTime",
    "toDuration",
    "now",
    "pathPrefix",
    "externalURL",
    "parseDuration",
    "tmpl",
    "urlQueryEscape",
    "and",
    "or",
    "not",
    "len",
    "index",
    "slice",
    "print",
    "printf",
    "println",
    "html",
    "js",
    "urlquery",
    "call",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "if",
    "else",
    "end",
    "range",
    "with",
];
/// More words of templates.
const WORDS: [&str; 8] = ["define", "template", "block", "break", "continue", "true", "false", "nil"];

/// The findings about a rule file. `limits` are the memory limits of all services, in bytes; nothing where one has none.
pub fn check(files: &Files, file: u32, limits: Option<&[u64]>) -> Vec<Finding> {
    let mut out = Out { files, limits, found: Vec::new() };
    match yaml::read(files, file) {
        Err(error) => out.refused(error.place, error.message),
        Ok(documents) => match &documents[..] {
            [document] => out.document(document),
            [] => out.refused(Place { file, start: 0, end: 0 }, "the file is empty".to_owned()),
            [_, second, ..] => out.refused(second.place, "Prometheus reads one document of a file".to_owned()),
        },
    }
    out.found
}

struct Out<'f> {
    files: &'f Files,
    limits: Option<&'f [u64]>,
    found: Vec<Finding>,
}

impl Out<'_> {
    fn say(&mut self, check: Check, place: Place, message: String, advice: &str) {
        let advice = (!advice.is_empty()).then(|| advice.to_owned());
        self.found.push(Finding { check, service: None, place: Some(place), message, advice });
    }

    fn refused(&mut self, place: Place, message: String) {
        self.say(Check::RuleRefused, place, message, "");
    }

    fn document(&mut self, document: &Node) {
        let Some(map) = document.map() else {
            let message = format!("expected a mapping with `groups`, found {}", document.kind());
            return self.say(Check::RuleRefused, document.place, message, "groups: [{name: memory, rules: […]}]");
        };
        if map.get("kind").and_then(|entry| entry.node.scalar()).as_deref() == Some("PrometheusRule") {
            let message = "this is a resource of Kubernetes, and no rule file".to_owned();
            return self.say(
                Check::RuleRefused,
                document.place,
                message,
                "a rule file begins with `groups`, which stands below `spec` here",
            );
        }
        self.fields(map, &["groups"], "a rule file");
        let Some(groups) = map.get("groups") else { return };
        let Some(list) = groups.node.list() else {
            return self.refused(groups.node.place, format!("expected a list of groups, found {}", groups.node.kind()));
        };
        let mut names = BTreeSet::new();
        for group in list {
            let Some(map) = group.map() else {
                self.refused(group.place, format!("expected a group, found {}", group.kind()));
                continue;
            };
            self.fields(map, &GROUP, "a group");
            match map.get("name").and_then(|entry| Some((entry.node.scalar()?, entry.node.place))) {
                None => self.refused(group.place, "the group has no name".to_owned()),
                Some((name, place)) if !names.insert(name.clone()) => {
                    self.refused(place, format!("two groups are named `{name}`"));
                }
                Some(_) => {}
            }
            for key in ["interval", "query_offset"] {
                self.duration(map, key);
            }
            for rule in map.get("rules").and_then(|entry| entry.node.list()).unwrap_or(&[]) {
                self.rule(rule);
            }
        }
    }

    fn fields(&mut self, map: &Map, known: &[&str], of: &str) {
        for (key, entry) in map.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let hint = crate::base::did_you_mean(key, known.iter().copied()).unwrap_or_default();
            self.say(Check::RuleRefused, entry.key, format!("{of} has no field `{key}`"), &hint);
        }
    }

    fn duration(&mut self, map: &Map, key: &str) {
        let Some(entry) = map.get(key) else { return };
        if entry.node.scalar().and_then(|text| parse_duration(&text)).is_none() {
            let written = self.files.written(entry.node.place).to_owned();
            let advice = "whole numbers with units: 90s, 1m30s";
            self.say(Check::RuleRefused, entry.node.place, format!("`{key}: {written}` is no duration"), advice);
        }
    }

    fn rule(&mut self, rule: &Node) {
        let Some(map) = rule.map() else {
            return self.refused(rule.place, format!("expected a rule, found {}", rule.kind()));
        };
        self.fields(map, &RULE, "a rule");
        let is_alert = match (map.get("alert"), map.get("record")) {
            (Some(_), None) => true,
            (None, Some(_)) => false,
            _ => return self.refused(rule.place, "expected one of `alert` and `record`".to_owned()),
        };
        for key in ["for", "keep_firing_for"] {
            self.duration(map, key);
            if let Some(entry) = map.get(key).filter(|_| !is_alert) {
                self.refused(entry.key, format!("a recording has no `{key}`"));
            }
        }
        if let Some(entry) = map.get("annotations") {
            if !is_alert {
                self.refused(entry.key, "a recording has no `annotations`".to_owned());
            }
            for (_, entry) in entry.node.map().into_iter().flatten() {
                self.template(&entry.node);
            }
        }
        let Some(expr) = map.get("expr") else { return self.refused(rule.place, "the rule has no `expr`".to_owned()) };
        let Some(text) = expr.node.scalar() else {
            return self.refused(expr.node.place, format!("expected an expression, found {}", expr.node.kind()));
        };
        match parse(&text) {
            Err(error) => {
                let place = self.inside(&expr.node, &text, error.at..error.at + 1);
                self.refused(place, error.message);
            }
            Ok(parsed) => self.expression(&expr.node, &text, &parsed, is_alert),
        }
    }

    /// The place of a part of an expression, where the file has it as it is.
    fn inside(&self, node: &Node, text: &str, part: std::ops::Range<usize>) -> Place {
        let written = self.files.written(node.place);
        match written.find(text.trim_end()) {
            Some(at) => {
                let start = node.place.start + (at + part.start) as u32;
                Place { start, end: start + part.len().max(1) as u32, ..node.place }
            }
            None => node.place,
        }
    }

    fn template(&mut self, node: &Node) {
        let Some(text) = node.scalar() else { return };
        let mut rest = text.as_str();
        while let Some((_, after)) = rest.split_once("{{") {
            let Some((inside, behind)) = after.split_once("}}") else {
                return self.refused(node.place, "`{{` is never closed".to_owned());
            };
            rest = behind;
            if let Some(word) = unknown_word(inside) {
                return self.refused(node.place, format!("templates have no function `{word}`"));
            }
        }
    }

    fn expression(&mut self, node: &Node, text: &str, expr: &Expr, is_alert: bool) {
        for (name, span) in expr.metrics() {
            if let Known::No(meant) = known(name) {
                let place = self.inside(node, text, span);
                let message = format!("no exporter has `{name}`: the rule is read, and never fires");
                self.say(Check::MetricUnknown, place, message, &meant.unwrap_or_default());
            }
        }
        if is_alert {
            self.comparisons(node, text, expr, false);
        }
    }

    /// What a comparison can come to. `guarded` where another one beside it leaves out what has no limit.
    fn comparisons(&mut self, node: &Node, text: &str, expr: &Expr, guarded: bool) {
        match &expr.kind {
            Kind::Inner(inner) => self.comparisons(node, text, inner, guarded),
            Kind::Binary("and", sides) => {
                let guarded = guarded || sides.iter().any(asks_for_a_limit);
                sides.iter().for_each(|side| self.comparisons(node, text, side, guarded));
            }
            Kind::Binary("or" | "unless", sides) => {
                sides.iter().for_each(|side| self.comparisons(node, text, side, guarded));
            }
            Kind::Binary(operator, sides) => {
                let (left, operator, right) = match *operator {
                    ">" | ">=" => (&sides[0], *operator, &sides[1]),
                    "<" => (&sides[1], ">", &sides[0]),
                    "<=" => (&sides[1], ">=", &sides[0]),
                    _ => return,
                };
                if let Some(bound) = right.constant() {
                    let place = self.inside(node, text, expr.span.clone());
                    self.above(place, left, operator, bound);
                }
                if !guarded {
                    self.guard(node, text, left);
                }
            }
            _ => {}
        }
    }

    fn above(&mut self, place: Place, left: &Expr, operator: &str, bound: f64) {
        if let Some((one, other, factor)) = ratio(left)
            && memory_of_container(one)
            && is_limit(other)
            && factor > 0.0
            && bound / factor > 1.0
        {
            let whole = if factor == 1.0 { String::new() } else { format!(" of {factor}") };
            let message = format!("a share of the limit is never {operator} {bound}{whole}: the alert never fires");
            let advice = if factor == 1.0 { format!("write {}", bound / 100.0) } else { String::new() };
            return self.say(Check::NeverFires, place, message, &advice);
        }
        let (left, factor) = scaled(left);
        let Some((name, narrowed)) = selector(left).filter(|_| memory_of_container(left)) else { return };
        if !narrowed {
            let message = format!("`{name}` without a label is that of every cgroup, the host's own among them");
            self.say(Check::SelectsAll, place, message, "{container_label_com_docker_compose_service!=\"\"}");
        }
        let most = self.limits.and_then(|limits| limits.iter().max().copied());
        if let Some(most) = most.filter(|most| factor > 0.0 && bound / factor > *most as f64) {
            let message = format!("no service may have more than {}: the alert never fires", crate::base::Binary(most));
            self.say(Check::NeverFires, place, message, "hold it against container_spec_memory_limit_bytes");
        }
        if name == "container_memory_usage_bytes" {
            let message =
                "container_memory_usage_bytes has page cache in it, which the kernel takes back before it kills"
                    .to_owned();
            self.say(
                Check::CacheCounted,
                place,
                message,
                "container_memory_working_set_bytes has less of it, container_memory_rss none",
            );
        }
    }

    /// A division by a limit that is 0 where there is none.
    fn guard(&mut self, node: &Node, text: &str, left: &Expr) {
        if let Some((_, other, _)) = ratio(left)
            && is_limit(other)
            && selector(other).is_some()
        {
            let place = self.inside(node, text, other.span.clone());
            let message = "container_spec_memory_limit_bytes is 0 for a container without a limit: the share is without end, and the alert always fires".to_owned();
            self.say(Check::AlwaysFires, place, message, "(container_spec_memory_limit_bytes > 0)");
        }
    }
}

/// Whether it leaves out what has no limit: `container_spec_memory_limit_bytes > 0`, `… != 0`.
fn asks_for_a_limit(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Inner(inner) => asks_for_a_limit(inner),
        Kind::Binary("and", sides) => sides.iter().any(asks_for_a_limit),
        Kind::Binary(">" | "!=", sides) => is_limit(&sides[0]) && sides[1].constant() == Some(0.0),
        Kind::Binary("<", sides) => is_limit(&sides[1]) && sides[0].constant() == Some(0.0),
        _ => false,
    }
}

fn unknown_word(inside: &str) -> Option<String> {
    let mut quoted: Option<char> = None;
    let mut word = String::new();
    let mut before = ' ';
    for c in inside.chars().chain([' ']) {
        match quoted {
            Some(quote) => {
                quoted = (c != quote).then_some(quote);
                continue;
            }
            None if matches!(c, '"' | '`' | '\'') => quoted = Some(c),
            None => {}
        }
        if c.is_alphanumeric() || c == '_' {
            if word.is_empty() && matches!(before, '$' | '.') {
                word.push('$');
            }
            word.push(c);
        } else {
            let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic());
            if is_name && !TEMPLATE.contains(&word.as_str()) && !WORDS.contains(&word.as_str()) {
                return Some(word);
            }
            word.clear();
        }
        before = c;
    }
    None
}

fn bare(expr: &Expr) -> &Expr {
    match &expr.kind {
        Kind::Inner(inner) => bare(inner),
        Kind::Call(name, arguments)
            if matches!(name.as_str(), "sum" | "max" | "avg" | "min") && arguments.len() == 1 =>
        {
            bare(&arguments[0])
        }
        _ => expr,
    }
}

/// An expression without the numbers that it is multiplied with or divided by, and what these come to: `x` and 100 of `x * 100`.
fn scaled(expr: &Expr) -> (&Expr, f64) {
    let inner = bare(expr);
    let (part, by) = match &inner.kind {
        Kind::Binary("*", sides) => match (sides[0].constant(), sides[1].constant()) {
            (None, Some(by)) => (&sides[0], by),
            (Some(by), None) => (&sides[1], by),
            _ => return (inner, 1.0),
        },
        Kind::Binary("/", sides) => match (sides[0].constant(), sides[1].constant()) {
            (None, Some(by)) => (&sides[0], 1.0 / by),
            _ => return (inner, 1.0),
        },
        _ => return (inner, 1.0),
    };
    let (part, more) = scaled(part);
    (part, by * more)
}

/// The two sides of a division, and what it is multiplied with.
fn ratio(expr: &Expr) -> Option<(&Expr, &Expr, f64)> {
    let (inner, by) = scaled(expr);
    match &inner.kind {
        Kind::Binary("/", sides) => {
            let (one, more) = scaled(&sides[0]);
            Some((one, &sides[1], by * more))
        }
        _ => None,
    }
}

fn selector(expr: &Expr) -> Option<(&str, bool)> {
    match &bare(expr).kind {
        Kind::Selector(Some(name), narrowed) => Some((name, *narrowed)),
        _ => None,
    }
}

fn memory_of_container(expr: &Expr) -> bool {
    const NAMES: [&str; 3] =
        ["container_memory_usage_bytes", "container_memory_working_set_bytes", "container_memory_rss"];
    selector(expr).is_some_and(|(name, _)| NAMES.contains(&name))
}

fn is_limit(expr: &Expr) -> bool {
    let inner = bare(expr);
    let name = match &inner.kind {
        Kind::Binary(">", sides) => selector(&sides[0]),
        _ => selector(inner),
    };
    name.is_some_and(|(name, _)| name == "container_spec_memory_limit_bytes")
}
