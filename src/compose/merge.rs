//! How one file is laid over another: mappings key by key, lists appended, some keys in ways of their own; `!reset` and
//! `!override`.
//!
//! Source: compose-spec, `13-merge.md`; tried against Docker Compose 2.40.

use super::error::ComposeError;
use crate::yaml::{Entry, Map, Mark, Node, Value};
use std::collections::BTreeMap;

/// How a key is merged that is not merged as its type is.
#[derive(Clone, Copy, PartialEq)]
enum How {
    /// The later one counts.
    Replace,
    /// Both become lists of `NAME=value`, or of one text.
    Sequence,
    /// A text is the context.
    Build,
    /// A list of names is a mapping.
    Mapping,
    /// Mappings are merged where both have the same driver.
    Logging,
}

/// How the value at a path of keys is merged.
fn how(path: &[String]) -> Option<How> {
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    Some(match keys[..] {
        ["services", _, "command" | "entrypoint"] | ["services", _, "healthcheck", "test"] => How::Replace,
        ["services", _, "ulimits", _] => How::Replace,
        ["networks" | "volumes", _, "labels"] => How::Sequence,
        [
            "services",
            _,
            "annotations" | "dns" | "dns_opt" | "dns_search" | "env_file" | "label_file" | "environment"
            | "extra_hosts" | "labels" | "sysctls" | "tmpfs",
        ] => How::Sequence,
        ["services", _, "build", "args" | "additional_contexts" | "extra_hosts" | "labels"] => How::Sequence,
        ["services", _, "deploy", "labels"] => How::Sequence,
        ["services", _, "build"] => How::Build,
        ["services", _, "depends_on" | "models" | "networks"] => How::Mapping,
        ["services", _, "logging"] => How::Logging,
        _ => return None,
    })
}

/// Lists in which an element with the same name takes the place of the earlier one.
fn is_unique(path: &[String]) -> bool {
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        keys[..],
        [
            "services",
            _,
            "annotations"
                | "cap_add"
                | "cap_drop"
                | "dns"
                | "dns_opt"
                | "dns_search"
                | "environment"
                | "env_file"
                | "expose"
                | "labels"
                | "links"
                | "profiles"
                | "sysctls"
                | "tmpfs",
        ] | ["services", _, "build", "args" | "labels" | "tags"]
            | ["services", _, "deploy", "labels"]
    )
}

/// `over` laid over `base`, both at this path. What `over` resets stays in the result as a mark, so that it also counts for
/// what the result is laid over: [`settled`] takes the marks away.
///
/// # Errors
///
/// A list or mapping meets something else.
pub fn merged(base: Node, over: Node, path: &mut Vec<String>) -> Result<Node, ComposeError> {
    if over.mark.is_some() || base.mark == Some(Mark::Reset) {
        return Ok(over);
    }
    match how(path) {
        Some(How::Replace) => return Ok(over),
        Some(How::Sequence) => {
            let (mut list, place) = (as_sequence(base), over.place);
            list.extend(as_sequence(over));
            return Ok(Node { value: Value::List(unique(list, path)), place, mark: None });
        }
        Some(How::Build) => {
            return mappings(as_mapping(base, Some("context")), as_mapping(over, Some("context")), path);
        }
        Some(How::Mapping) => return mappings(as_mapping(base, None), as_mapping(over, None), path),
        Some(How::Logging) => {
            let driver = |node: &Node| node.get("driver").and_then(Node::scalar);
            if let (Some(one), Some(other)) = (driver(&base), driver(&over))
                && one != other
            {
                return Ok(over);
            }
        }
        None => {}
    }
    if over.is_null() {
        return Ok(base);
    }
    let place = over.place;
    let wrong = |base: &Node, over: &Node| ComposeError::Shape {
        place,
        path: path.join("."),
        message: format!("expected {} as in the file before, found {}", base.kind(), over.kind()),
    };
    match (&base.value, &over.value) {
        (Value::Map(_), Value::Map(_)) => mappings(base, over, path),
        (Value::List(_), Value::List(_)) => {
            let (mut list, more) = (as_sequence(base), as_sequence(over));
            list.extend(more);
            Ok(Node { value: Value::List(unique(list, path)), place, mark: None })
        }
        (Value::Map(_) | Value::List(_), _) => Err(wrong(&base, &over)),
        _ => Ok(over),
    }
}

fn mappings(base: Node, over: Node, path: &mut Vec<String>) -> Result<Node, ComposeError> {
    let place = over.place;
    let (Value::Map(mut map), Value::Map(other)) = (base.value, over.value) else {
        return Err(ComposeError::Shape {
            place,
            path: path.join("."),
            message: "expected a mapping or a list".into(),
        });
    };
    for (key, entry) in other {
        let merged = match map.remove(&key) {
            None => entry,
            Some(below) => {
                path.push(key.clone());
                let node = merged(below.node, entry.node, path)?;
                path.pop();
                Entry { key: entry.key, node }
            }
        };
        map.insert(key, merged);
    }
    Ok(Node { value: Value::Map(map), place, mark: None })
}

/// Elements of a mapping as `NAME=value`, of a text as itself.
fn as_sequence(node: Node) -> Vec<Node> {
    let (place, mark) = (node.place, None);
    match node.value {
        Value::List(list) => list,
        Value::Map(map) => map.into_iter().flat_map(|(key, entry)| pairs(&key, entry)).collect(),
        Value::Null => Vec::new(),
        value => vec![Node { value, place, mark }],
    }
}

fn pairs(key: &str, entry: Entry) -> Vec<Node> {
    let pair = |node: &Node| {
        let text = node.scalar().map_or_else(|| key.to_owned(), |value| format!("{key}={value}"));
        Node { value: Value::Text(text), place: node.place, mark: None }
    };
    match &entry.node.value {
        Value::List(list) => list.iter().map(pair).collect(),
        Value::Null => vec![Node { value: Value::Text(key.to_owned()), place: entry.key, mark: None }],
        _ => vec![pair(&entry.node)],
    }
}

/// A list of names as a mapping, a text as the value of a key.
fn as_mapping(node: Node, key: Option<&str>) -> Node {
    let (place, mark) = (node.place, node.mark);
    let null = |place| Node { value: Value::Null, place, mark: None };
    let value = match (node.value, key) {
        (Value::List(list), None) => {
            let names = list.into_iter().filter_map(|node| Some((node.scalar()?, node.place)));
            Value::Map(names.map(|(name, place)| (name, Entry { key: place, node: null(place) })).collect())
        }
        (Value::Text(text), Some(key)) => {
            let node = Node { value: Value::Text(text), place, mark: None };
            Value::Map(Map::from([(key.to_owned(), Entry { key: place, node })]))
        }
        (Value::Null, _) => Value::Map(Map::new()),
        (value, _) => value,
    };
    Node { value, place, mark }
}

/// Of elements with one name the last one, where the first one stood.
fn unique(list: Vec<Node>, path: &[String]) -> Vec<Node> {
    if !is_unique(path) {
        return list;
    }
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    let mut out: Vec<Node> = Vec::with_capacity(list.len());
    for node in list {
        let name = node.get("path").unwrap_or(&node).scalar();
        let name = name.map(|name| name.split('=').next().unwrap_or_default().to_owned());
        match name.as_ref().and_then(|name| at.get(name)) {
            Some(&position) => out[position] = node,
            None => {
                at.extend(name.map(|name| (name, out.len())));
                out.push(node);
            }
        }
    }
    out
}

/// Without marks, and without what is reset. Lists with names have each name once.
pub fn settled(node: Node) -> Node {
    inner(node, &mut Vec::new())
}

fn inner(node: Node, path: &mut Vec<String>) -> Node {
    let mut deeper = |key: String, node: Node| {
        path.push(key);
        let node = inner(node, path);
        path.pop();
        node
    };
    let value = match node.value {
        Value::Map(map) => {
            let kept = map.into_iter().filter(|(_, entry)| entry.node.mark != Some(Mark::Reset));
            let kept = kept.map(|(key, entry)| (key.clone(), Entry { key: entry.key, node: deeper(key, entry.node) }));
            Value::Map(kept.collect())
        }
        Value::List(list) => {
            let kept = list.into_iter().filter(|node| node.mark != Some(Mark::Reset));
            let kept = kept.map(|node| deeper(String::new(), node)).collect();
            Value::List(unique(kept, path))
        }
        value => value,
    };
    Node { value, place: node.place, mark: None }
}
