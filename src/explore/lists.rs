//! The lists to the left: owners, layers, findings. Their first row is the whole image.

use super::contents::Contents;
use super::planned::{Choices, Planned};
use crate::base::{ByteSize, Text};
use crate::report::change;
use crate::rules::{Tier, actions};
use std::cmp::Reverse;

/// Where the keys go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// Who has bytes.
    Owners,
    /// The layers.
    Layers,
    /// What rules found, and what the plan does.
    Findings,
    /// The tree.
    Files,
}

impl Pane {
    /// All of them, in the order of Tab.
    pub const ALL: [Self; 4] = [Self::Owners, Self::Layers, Self::Findings, Self::Files];

    /// Its name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Owners => "Owners",
            Self::Layers => "Layers",
            Self::Findings => "Findings",
            Self::Files => "Files",
        }
    }
}

/// What a row of a list is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// The whole image.
    All,
    /// An owner, by position.
    Owner(usize),
    /// A layer, by position.
    Layer(usize),
    /// What a rule found, by position.
    Rule(usize),
    /// What the plan does for a reason of its own.
    Own(String),
}

/// A list, and where in it one is.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// The rows that are shown.
    pub rows: Vec<Row>,
    /// The row that one is at.
    pub cursor: usize,
    /// The first row that is shown.
    pub top: usize,
    /// A part of the names that are shown.
    pub filter: String,
    /// Whether rows are sorted in the other way than usual: layers by size, all others by name.
    pub turned: bool,
}

impl List {
    /// The row that one is at.
    pub fn here(&self) -> Row {
        self.rows.get(self.cursor).cloned().unwrap_or(Row::All)
    }

    /// Lists a pane's rows anew; one stays at the same one where it is still there.
    pub fn fill(&mut self, pane: Pane, contents: &Contents, planned: Option<&Planned>) {
        let here = self.here();
        let mut rows = rows(pane, contents, planned);
        let wanted = self.filter.to_lowercase();
        rows.retain(|row| name(row, contents, planned).to_lowercase().contains(&wanted));
        match (pane, self.turned) {
            (Pane::Layers, false) => {}
            (Pane::Layers, true) => rows.sort_by_key(|row| Reverse(weight(row, contents, planned))),
            (_, true) => rows.sort_by_key(|row| name(row, contents, planned).to_lowercase()),
            (_, false) => rows.sort_by_key(|row| Reverse(weight(row, contents, planned))),
        }
        self.rows = std::iter::once(Row::All).chain(rows).collect();
        self.cursor = self.rows.iter().position(|row| *row == here).unwrap_or(0);
    }
}

fn rows(pane: Pane, contents: &Contents, planned: Option<&Planned>) -> Vec<Row> {
    match pane {
        Pane::Owners => (0..contents.owners.len()).map(Row::Owner).collect(),
        Pane::Layers => (0..contents.layers.len()).map(Row::Layer).collect(),
        Pane::Findings => {
            let is_known = |id: &&String| contents.rules.iter().any(|rule| rule.id == **id);
            let own = planned.iter().flat_map(|planned| planned.actions.keys()).filter(|id| !is_known(id));
            (0..contents.rules.len()).map(Row::Rule).chain(own.map(|id| Row::Own(id.clone()))).collect()
        }
        Pane::Files => Vec::new(),
    }
}

/// What a row is sorted by: what the plan makes go first, then bytes.
fn weight(row: &Row, contents: &Contents, planned: Option<&Planned>) -> (i128, u64) {
    let saved = |id: &str| {
        let action = planned.and_then(|planned| planned.actions.get(id));
        action.map_or(0, |(removed, added, _)| i128::from(*removed) - i128::from(*added))
    };
    match row {
        Row::All => (i128::MAX, 0),
        Row::Owner(at) => (0, contents.owners[*at].bytes),
        Row::Layer(at) => (0, contents.layers[*at].bytes),
        Row::Rule(at) => (saved(&contents.rules[*at].id), contents.rules[*at].bytes.unwrap_or_default()),
        Row::Own(id) => (saved(id), 0),
    }
}

/// What a row is called.
pub fn name(row: &Row, contents: &Contents, planned: Option<&Planned>) -> Text {
    match row {
        Row::All => "the whole image".into(),
        Row::Owner(at) => contents.owners[*at].name.clone(),
        Row::Layer(at) => contents.layers[*at].made.clone().unwrap_or_else(|| "the history does not tell".into()),
        Row::Rule(at) => Text::from(&contents.rules[*at].id),
        Row::Own(id) => match planned.and_then(|planned| planned.actions.get(id)) {
            Some((.., title)) => format!("{id}: {title}").into(),
            None => Text::from(id),
        },
    }
}

/// The bytes of a row, as they are shown.
pub fn size(row: &Row, contents: &Contents, planned: Option<&Planned>) -> String {
    let action = |id: &str| planned.and_then(|planned| planned.actions.get(id));
    match row {
        Row::All => ByteSize(contents.bytes).to_string(),
        Row::Owner(at) => ByteSize(contents.owners[*at].bytes).to_string(),
        Row::Layer(at) => ByteSize(contents.layers[*at].bytes).to_string(),
        Row::Rule(at) => match (action(&contents.rules[*at].id), contents.rules[*at].bytes) {
            (Some((removed, added, _)), _) => change(*removed, *added),
            (None, Some(bytes)) => ByteSize(bytes).to_string(),
            (None, None) => "several".to_owned(),
        },
        Row::Own(id) => action(id).map_or_else(String::new, |(removed, added, _)| change(*removed, *added)),
    }
}

/// What a row's first columns say: whether the plan follows a rule, and which layer it is.
pub fn mark(row: &Row, contents: &Contents, choices: &Choices) -> String {
    match row {
        Row::All | Row::Owner(_) => String::new(),
        Row::Layer(at) => format!("{:>3}", at + 1),
        Row::Own(_) => "[=]".to_owned(),
        Row::Rule(at) => match follows(contents, *at, choices) {
            Some(true) => "[x]".to_owned(),
            Some(false) => "[ ]".to_owned(),
            None => " · ".to_owned(),
        },
    }
}

/// Whether the plan follows a rule; nothing of rules that are only told.
pub fn follows(contents: &Contents, at: usize, choices: &Choices) -> Option<bool> {
    let rule = &contents.rules[at];
    match rule.tier {
        Tier::ReportOnly => None,
        Tier::Auto => Some(!choices.skip.contains(&rule.id)),
        Tier::Confirm => Some(choices.accept.contains(&rule.id) && !choices.skip.contains(&rule.id)),
    }
}

/// A row in words.
pub fn detail(row: &Row, contents: &Contents, planned: Option<&Planned>, choices: &Choices) -> String {
    match row {
        Row::All => {
            let hidden = contents.layers.iter().fold(0u64, |sum, layer| sum.saturating_add(layer.hidden));
            let layers = crate::base::count(contents.layers.len(), "layer");
            format!("{} in {layers}, of which no container sees {}", ByteSize(contents.bytes), ByteSize(hidden))
        }
        Row::Owner(at) => {
            let owner = &contents.owners[*at];
            let files = crate::base::count(owner.files as usize, "file");
            format!("{}: {} in {files}", owner.name, ByteSize(owner.bytes))
        }
        Row::Layer(at) => {
            let layer = &contents.layers[*at];
            let base = if layer.base { " (base image)" } else { "" };
            let hidden = match layer.hidden {
                0 => String::new(),
                hidden => format!(", of which later layers hide {}", ByteSize(hidden)),
            };
            let made = name(row, contents, planned);
            format!("layer {}{base}: {}{hidden}: {made}", at + 1, ByteSize(layer.bytes))
        }
        Row::Own(id) => match actions::own_reason(id) {
            Some(own) => format!("the plan's own, follows from the others: {}", own.why),
            None => Text::from(id).to_string(),
        },
        Row::Rule(at) => {
            let rule = &contents.rules[*at];
            let severity = rule.severity.word();
            let left = planned.and_then(|planned| planned.left.get(&rule.id));
            let plan = match (planned.and_then(|planned| planned.actions.get(&rule.id)), left) {
                (Some((.., title)), _) => format!("the plan: {title}"),
                (None, Some(left)) => format!("left alone: {left}"),
                (None, None) if follows(contents, *at, choices) == Some(true) => "the plan follows it".to_owned(),
                (None, None) => "the plan does nothing about it".to_owned(),
            };
            format!("{severity}: {}. {plan}", rule.message)
        }
    }
}
