//! What a service names of the project: other services, networks, volumes, secrets, configs.

use super::super::check::{Check, Finding};
use super::super::load::Loaded;
use super::super::model::Service;
use crate::base::did_you_mean;
use crate::yaml::{Node, Place, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Findings about names that stand nowhere, and about services that wait for one another.
pub(super) fn references(loaded: &Loaded, services: &[Service], out: &mut Vec<Finding>) {
    let of = |section: &str| -> BTreeSet<&str> {
        let map = loaded.model.get(section).and_then(Node::map);
        map.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    };
    let names: BTreeSet<&str> = services.iter().map(|service| service.name.as_str()).collect();
    let [mut networks, volumes, secrets, configs] = ["networks", "volumes", "secrets", "configs"].map(of);
    networks.insert("default");
    let active = || services.iter().filter(|service| !service.is_off);
    for service in active() {
        let node = |key: &str| service.node.get(key);
        let mut look = |kind: &str, found: Vec<(String, Place)>, known: &BTreeSet<&str>| {
            for (name, place) in found.into_iter().filter(|(name, _)| !known.contains(name.as_str())) {
                let message = format!("there is no {kind} `{name}`");
                let advice = did_you_mean(&name, known.iter().copied()).unwrap_or_default();
                let mut finding = Finding::new(Check::ReferenceMissing, place, message, &advice);
                finding.service = Some(service.name.clone());
                out.push(finding);
            }
        };
        look("service", named(node("depends_on"), None), &names);
        look("network", named(node("networks"), None), &networks);
        look("secret", named(node("secrets"), Some("source")), &secrets);
        look("config", named(node("configs"), Some("source")), &configs);
        look("volume", mounted(node("volumes")), &volumes);
    }
    let waits: BTreeMap<&str, (Vec<String>, Place)> = active()
        .map(|service| {
            let on = named(service.node.get("depends_on"), None).into_iter().map(|(name, _)| name).collect();
            (service.name.as_str(), (on, service.node.get("depends_on").map_or(service.place, |node| node.place)))
        })
        .collect();
    if let Some((circle, place)) = circle(&waits) {
        let message = format!("services wait for one another: {}", circle.join(" → "));
        out.push(Finding::new(Check::DependencyCircle, place, message, ""));
    }
}

/// The names of a list or of a mapping's keys, with their places; of entries that are mappings themselves what stands under `key`. Those
/// that need not be there are left out.
fn named(node: Option<&Node>, key: Option<&str>) -> Vec<(String, Place)> {
    match node.map(|node| &node.value) {
        Some(Value::List(list)) => {
            let of = |node: &Node| Some((node.scalar().or_else(|| node.get(key?)?.scalar())?, node.place));
            list.iter().filter_map(of).collect()
        }
        Some(Value::Map(map)) => {
            let is_needed =
                |node: &Node| !matches!(node.get("required").map(|node| &node.value), Some(Value::Bool(false)));
            let entries = map.iter().filter(|(_, entry)| is_needed(&entry.node));
            entries.map(|(name, entry)| (name.clone(), entry.key)).collect()
        }
        _ => Vec::new(),
    }
}

/// The names of volumes: what is no path.
fn mounted(node: Option<&Node>) -> Vec<(String, Place)> {
    let of = |node: &Node| {
        let name = match &node.value {
            Value::Text(text) => text.split_once(':')?.0.to_owned(),
            _ if node.get("type").and_then(Node::scalar)? == "volume" => node.get("source").and_then(Node::scalar)?,
            _ => return None,
        };
        let is_name = name.len() > 1 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        (is_name && !name.starts_with('.')).then_some((name, node.place))
    };
    node.and_then(Node::list).unwrap_or_default().iter().filter_map(of).collect()
}

/// Services that wait for one another, from the first to itself.
fn circle(waits: &BTreeMap<&str, (Vec<String>, Place)>) -> Option<(Vec<String>, Place)> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in waits.keys() {
        // A path down from a service; each of its services with how many of those that it waits for were looked at.
        let mut path: Vec<(&str, usize)> = vec![(start, 0)];
        while let Some((name, at)) = path.last_mut() {
            let next = waits.get(*name).and_then(|(on, _)| on.get(*at));
            *at += 1;
            match next.and_then(|next| waits.get_key_value(next.as_str())) {
                Some((next, (_, place))) => {
                    if let Some(from) = path.iter().position(|(name, _)| name == next) {
                        let names = path[from..].iter().map(|(name, _)| (*name).to_owned());
                        return Some((names.chain([(*next).to_owned()]).collect(), *place));
                    }
                    if !done.contains(next) {
                        path.push((next, 0));
                    }
                }
                None if next.is_none() => {
                    if let Some((name, _)) = path.pop() {
                        done.insert(name);
                    }
                }
                None => {}
            }
        }
    }
    None
}
