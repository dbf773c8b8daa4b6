//! A YAML file as a tree in which everything knows where it stands.
//!
//! Aliases and merge keys (`<<`) are carried out; a value that came by one has the place where it is defined. What a file may
//! cost is bounded: bytes, depth, and nodes once all aliases are carried out, so that no "billion laughs" is laughed.

mod float;
mod node;
mod place;
mod scalar;

pub use float::float_as_text;
pub use node::{Entry, Map, Mark, Node, Value};
pub use place::{Files, Place, Spot};

use granit_parser::{Event, Parser, ScalarStyle, Span, options};
use std::collections::BTreeMap;

/// Nodes of all documents of a file, aliases carried out. Docker Compose has the same bound.
const MAX_NODES: usize = 100_000;
/// Bytes of texts of a file, aliases carried out.
const MAX_TEXT: usize = 16 << 20;
/// Lists and mappings in one another.
const MAX_DEPTH: usize = 64;

/// Why a text is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// Where.
    pub place: Place,
    /// What was expected and what was found.
    pub message: String,
}

/// The documents of a file; those that are empty are left out.
///
/// # Errors
///
/// It is no YAML, has a key twice, has keys that are no texts, or is larger than the bounds.
pub fn read(files: &Files, file: u32) -> Result<Vec<Node>, YamlError> {
    Reader::new(file, files.text(file)).documents()
}

/// A list or mapping that is being read.
struct Open {
    node: Node,
    anchor: usize,
    /// The key whose value comes next.
    key: Option<(String, Place)>,
    /// What `<<` named, in its order.
    merged: Vec<Map>,
    weight: Weight,
}

/// What a node costs.
#[derive(Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    text: usize,
    depth: usize,
}

struct Reader<'t> {
    file: u32,
    text: &'t str,
    /// What anchors name, by their numbers.
    anchors: BTreeMap<usize, (Node, Weight)>,
    stack: Vec<Open>,
    left: Weight,
    done: Option<Node>,
}

impl<'t> Reader<'t> {
    fn new(file: u32, text: &'t str) -> Self {
        let left = Weight { nodes: MAX_NODES, text: MAX_TEXT, depth: MAX_DEPTH };
        Self { file, text, anchors: BTreeMap::new(), stack: Vec::new(), left, done: None }
    }

    fn documents(mut self) -> Result<Vec<Node>, YamlError> {
        let mut out = Vec::new();
        let options = options! { emit_comments: false };
        for event in Parser::new_from_str_with_options(self.text, options) {
            let (event, span) = event.map_err(|error| {
                let at = error.marker().byte_offset().unwrap_or(self.text.len()) as u32;
                let place = Place { file: self.file, start: at, end: at.saturating_add(1) };
                YamlError { place, message: format!("this is no YAML: {}", error.info()) }
            })?;
            let place = self.place(&span);
            match event {
                Event::DocumentStart(..) => self.anchors.clear(),
                Event::DocumentEnd => out.extend(self.done.take().filter(|node| !self.is_empty_document(node))),
                Event::Scalar(text, style, anchor, tag) => {
                    let tag = tag.as_deref().map(|tag| (tag.handle().to_owned(), tag.suffix().to_owned()));
                    let (value, mark) = scalar_of(&text, style, tag.as_ref());
                    let weight = Weight { nodes: 1, text: text.len(), depth: 0 };
                    self.put(Node { value, place, mark }, anchor, weight)?;
                }
                Event::SequenceStart(_, anchor, tag) => {
                    let mark = tag.as_deref().and_then(|tag| mark_of(tag.handle(), tag.suffix()));
                    self.open(Value::List(Vec::new()), place, anchor, mark)?;
                }
                Event::MappingStart(_, anchor, tag) => {
                    let mark = tag.as_deref().and_then(|tag| mark_of(tag.handle(), tag.suffix()));
                    self.open(Value::Map(Map::new()), place, anchor, mark)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(place)?,
                Event::Alias(id) => match self.anchors.get(&id).cloned() {
                    Some((node, weight)) => self.put(node, 0, weight)?,
                    None => {
                        return Err(YamlError { place, message: "this alias is inside of what it names".to_owned() });
                    }
                },
                _ => {}
            }
        }
        Ok(out)
    }

    fn place(&self, span: &Span) -> Place {
        let range = span.byte_range().unwrap_or(0..0);
        Place { file: self.file, start: range.start as u32, end: range.end as u32 }
    }

    /// A file of comments alone is no document.
    fn is_empty_document(&self, node: &Node) -> bool {
        node.is_null() && node.place.start == node.place.end
    }

    fn open(&mut self, value: Value, place: Place, anchor: usize, mark: Option<Mark>) -> Result<(), YamlError> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(too_much(place, "levels", MAX_DEPTH));
        }
        let weight = Weight { nodes: 1, text: 0, depth: 0 };
        self.pay(place, weight)?;
        self.stack.push(Open { node: Node { value, place, mark }, anchor, key: None, merged: Vec::new(), weight });
        Ok(())
    }

    fn close(&mut self, end: Place) -> Result<(), YamlError> {
        let Some(mut open) = self.stack.pop() else { return Ok(()) };
        if let Value::Map(map) = &mut open.node.value {
            // Its own keys first, then those of the first that was named.
            for (key, entry) in open.merged.into_iter().flatten() {
                map.entry(key).or_insert(entry);
            }
        }
        open.node.place.end = open.node.place.end.max(end.start);
        open.weight.depth += 1;
        self.add(open.node, open.anchor, open.weight)
    }

    /// A node that is whole, and is paid for here.
    fn put(&mut self, node: Node, anchor: usize, weight: Weight) -> Result<(), YamlError> {
        self.pay(node.place, weight)?;
        self.add(node, anchor, weight)
    }

    fn pay(&mut self, place: Place, weight: Weight) -> Result<(), YamlError> {
        let nodes = self.left.nodes.checked_sub(weight.nodes).ok_or_else(|| too_much(place, "values", MAX_NODES))?;
        let text = self.left.text.checked_sub(weight.text).ok_or_else(|| too_much(place, "bytes", MAX_TEXT))?;
        self.left = Weight { nodes, text, ..self.left };
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize, weight: Weight) -> Result<(), YamlError> {
        if self.stack.len() + weight.depth > MAX_DEPTH {
            return Err(too_much(node.place, "levels", MAX_DEPTH));
        }
        if anchor != 0 {
            // What an anchor names is kept once more.
            self.pay(node.place, weight)?;
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        let Some(open) = self.stack.last_mut() else {
            self.done = Some(node);
            return Ok(());
        };
        open.weight.nodes += weight.nodes;
        open.weight.text += weight.text;
        open.weight.depth = open.weight.depth.max(weight.depth);
        match &mut open.node.value {
            Value::List(list) => list.push(node),
            Value::Map(map) => match open.key.take() {
                None => open.key = Some((key_of(&node, self.text)?, node.place)),
                Some((key, _)) if key == "<<" => open.merged.extend(merged(node)?),
                Some((key, place)) => {
                    if let Some(first) = map.get(&key) {
                        let line = self.text[..first.key.start as usize].matches('\n').count() + 1;
                        let message = format!("the key `{key}` stands here for the second time; first in line {line}");
                        return Err(YamlError { place, message });
                    }
                    map.insert(key, Entry { key: place, node });
                }
            },
            _ => {}
        }
        Ok(())
    }
}

fn too_much(place: Place, what: &str, most: usize) -> YamlError {
    YamlError { place, message: format!("expected at most {most} {what}, aliases carried out, found more") }
}

/// The mappings that a merge key names.
fn merged(node: Node) -> Result<Vec<Map>, YamlError> {
    let place = node.place;
    let wrong = |found: &str| YamlError { place, message: format!("`<<` expects mappings, found {found}") };
    let of_one = |node: Node| match node.value {
        Value::Map(map) => Ok(map),
        _ => Err(wrong(node.kind())),
    };
    match node.value {
        Value::List(list) => list.into_iter().map(of_one).collect(),
        _ => Ok(vec![of_one(node)?]),
    }
}

fn key_of(node: &Node, text: &str) -> Result<String, YamlError> {
    match &node.value {
        Value::Text(text) => Ok(text.clone()),
        _ => {
            let written = text.get(node.place.start as usize..node.place.end as usize).unwrap_or("").trim();
            let message = format!("expected a text as a key, found {} (`{written}`); put it in quotes", node.kind());
            Err(YamlError { place: node.place, message })
        }
    }
}

fn mark_of(handle: &str, suffix: &str) -> Option<Mark> {
    match (handle, suffix) {
        ("!", "reset") => Some(Mark::Reset),
        ("!", "override") => Some(Mark::Override),
        _ => None,
    }
}

fn scalar_of(text: &str, style: ScalarStyle, tag: Option<&(String, String)>) -> (Value, Option<Mark>) {
    let plain = style == ScalarStyle::Plain;
    let Some((handle, suffix)) = tag else {
        return (if plain { scalar::plain(text) } else { Value::Text(text.to_owned()) }, None);
    };
    if let Some(mark) = mark_of(handle, suffix) {
        return (if plain { scalar::plain(text) } else { Value::Text(text.to_owned()) }, Some(mark));
    }
    let value = match (handle.as_str(), suffix.as_str()) {
        ("tag:yaml.org,2002:", "str") | ("!", "") => Value::Text(text.to_owned()),
        ("tag:yaml.org,2002:", "float") => match scalar::plain(text) {
            Value::Int(value) => Value::Float(value as f64),
            value => value,
        },
        _ => scalar::plain(text),
    };
    (value, None)
}
