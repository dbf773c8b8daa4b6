//! What several predicates ask for, prepared once.

use super::{Detect, GlobSet, Rule, Signs};
use super::{Evidence, Subject};
use crate::base::{DistId, ImagePath, LayerIdx, Location, Text, count, is_within, names, parent};
use crate::facts::Facts;
use crate::image::HistoryRow;
use crate::python::{Distribution, Edge, SourceFile};
use std::collections::{BTreeMap, HashMap};

/// Characters of an instruction that a message shows.
const INSTRUCTION_WIDTH: usize = 60;

/// Facts, indexed.
pub(super) struct Context<'a> {
    pub(super) facts: &'a Facts<'a>,
    /// How many of the lowest layers are the base image's.
    pub(super) base_layers: LayerIdx,
    /// What made each layer: escaped and cut.
    instructions: Vec<Option<String>>,
    edges_by_name: HashMap<&'a str, Vec<&'a Edge>>,
    edges_from: HashMap<DistId, Vec<&'a Edge>>,
    /// How many environments have a distribution of this name.
    names: HashMap<&'a str, usize>,
    /// Members of each family, for the rules that leave families alone.
    pub(super) families: Vec<&'a [String]>,
    /// Distributions with GPU builds, and the signs that these are needed.
    pub(super) gpu: Vec<(&'a str, &'a Signs)>,
    /// Globs of the rules about tools, for the rule that leaves tools to them.
    pub(super) tools: Vec<&'a GlobSet>,
}

impl<'a> Context<'a> {
    pub(super) fn new(facts: &'a Facts<'a>, rules: &'a [Rule]) -> Self {
        let image = facts.view.image();
        let mut edges_by_name: HashMap<&str, Vec<&Edge>> = HashMap::new();
        let mut edges_from: HashMap<DistId, Vec<&Edge>> = HashMap::new();
        for edge in &facts.graph.edges {
            edges_by_name.entry(&edge.name).or_default().push(edge);
            edges_from.entry(edge.from).or_default().push(edge);
        }
        let mut names: HashMap<&str, usize> = HashMap::new();
        for dist in &facts.python.distributions {
            *names.entry(&dist.normalized).or_default() += 1;
        }
        let family = |rule: &'a Rule| match &rule.detect {
            Detect::DuplicateFamily { members, .. } => Some(members.as_slice()),
            _ => None,
        };
        let tools = |rule: &'a Rule| match &rule.detect {
            Detect::Distributions { names } => Some(names),
            _ => None,
        };
        let gpu = |rule: &'a Rule| match &rule.detect {
            Detect::GpuBuild { distribution, unless, .. } => Some((distribution.as_str(), unless)),
            _ => None,
        };
        Self {
            facts,
            gpu: rules.iter().filter_map(gpu).collect(),
            tools: rules.iter().filter_map(tools).collect(),
            base_layers: image.base_layers() as LayerIdx,
            instructions: image.created_by().into_iter().map(|text| text.and_then(instruction)).collect(),
            edges_by_name,
            edges_from,
            names,
            families: rules.iter().filter_map(family).collect(),
        }
    }

    pub(super) fn distribution(&self, id: DistId) -> &'a Distribution {
        &self.facts.python.distributions[id]
    }

    pub(super) fn distributions(&self) -> impl Iterator<Item = (DistId, &'a Distribution)> + use<'a> {
        self.facts.python.distributions.pairs()
    }

    /// Who requires an installed distribution.
    pub(super) fn required_by(&self, to: DistId) -> impl Iterator<Item = &'a Edge> + '_ {
        self.requirements_of(&self.distribution(to).normalized).filter(move |edge| edge.to == Some(to))
    }

    /// All requirements of a name, whether something of that name is installed or not.
    pub(super) fn requirements_of(&self, name: &str) -> impl Iterator<Item = &'a Edge> + '_ {
        self.edges_by_name.get(name).into_iter().flatten().copied()
    }

    /// What an installed distribution requires.
    pub(super) fn requires(&self, from: DistId) -> impl Iterator<Item = &'a Edge> + '_ {
        self.edges_from.get(&from).into_iter().flatten().copied()
    }

    /// `layer 6 (pip uninstall -y x)`, counted from 1.
    pub(super) fn layer(&self, layer: LayerIdx) -> String {
        match self.instructions.get(layer as usize) {
            Some(Some(text)) => format!("layer {} ({text})", layer + 1),
            _ => format!("layer {}", layer + 1),
        }
    }

    /// `torch 2.1.1`, escaped.
    pub(super) fn title(&self, id: DistId) -> String {
        let dist = self.distribution(id);
        title(&dist.name, &dist.version)
    }

    /// `; required by a 1 (x<=4), b 2`, or an empty text; at most four are named.
    pub(super) fn required_by_note(&self, edges: &[&Edge]) -> String {
        let mut who: Vec<String> = edges.iter().map(|edge| self.requirer(edge)).collect();
        who.sort();
        who.dedup();
        if who.is_empty() { String::new() } else { format!("; required by {}", names(&who, 4)) }
    }

    fn requirer(&self, edge: &Edge) -> String {
        match edge.specifiers.as_str() {
            "" => self.title(edge.from),
            specifiers => format!("{} ({})", self.title(edge.from), Text::from(specifiers)),
        }
    }

    /// The name, and its environment where another one has the name too.
    pub(super) fn subject(&self, id: DistId) -> Subject {
        let dist = self.distribution(id);
        let several = self.names.get(dist.normalized.as_str()).is_some_and(|&count| count > 1);
        let environment = several.then(|| self.prefix(dist.environment)).flatten();
        Subject::Distribution { name: dist.normalized.clone(), environment }
    }

    /// An environment's prefix.
    pub(super) fn prefix(&self, environment: usize) -> Option<ImagePath> {
        self.facts.python.environments.get(environment).map(|environment| environment.prefix.clone())
    }

    /// Whether an import in a file may mean a distribution: the application's may mean any, another distribution's
    /// those of its own environment.
    pub(super) fn may_import(&self, file: &SourceFile, id: DistId) -> bool {
        let environment = self.facts.python.environments.get(self.distribution(id).environment);
        let path = file.location.path.as_bytes();
        file.is_application
            || environment.is_none_or(|found| found.site_dirs.iter().any(|site| is_within(path, site.as_bytes())))
    }

    /// The place of a distribution's metadata.
    pub(super) fn place(&self, id: DistId) -> Option<Location> {
        let dist = self.distribution(id);
        Some(Location { layer: dist.layer, path: dist.metadata.clone() })
    }
}

/// `torch 2.1.1`, escaped.
pub(super) fn title(name: &str, version: &str) -> String {
    Text::from(format!("{name} {version}").trim()).into()
}

/// The instruction in one line without its `RUN`, escaped and cut.
fn instruction(created_by: &str) -> Option<String> {
    let row = HistoryRow { created_by: created_by.to_owned(), ..HistoryRow::default() };
    let text = row.instruction();
    let text = text.strip_prefix("RUN ").unwrap_or(&text);
    // Enough words to fill the width, so that a history row of megabytes costs nothing.
    let words: Vec<&str> = text.split_whitespace().take(INSTRUCTION_WIDTH).collect();
    let text: String = words.join(" ").chars().take(4 * INSTRUCTION_WIDTH).collect();
    let text = cut(&Text::from(&text), INSTRUCTION_WIDTH);
    (!text.is_empty()).then_some(text)
}

/// At most `width` characters, the last one an ellipsis where something was cut.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width - 1).collect();
    format!("{}…", kept.trim_end())
}

/// A layer and a directory.
type Group = (LayerIdx, Vec<u8>);
type FilesAndBytes = (usize, u64);

/// Rows of evidence for many files: one a file while they are few, else one a directory and layer.
#[derive(Default)]
pub(super) struct FileRows {
    single: Vec<(Location, u64)>,
    groups: BTreeMap<Group, FilesAndBytes>,
    last: Option<(Group, FilesAndBytes)>,
    count: usize,
}

impl FileRows {
    pub(super) fn add(&mut self, layer: LayerIdx, path: &ImagePath, bytes: u64) {
        self.count += 1;
        if self.single.len() < super::finding::EVIDENCE_ROWS {
            self.single.push((Location { layer, path: path.clone() }, bytes));
        }
        // Paths mostly come in order, so the group of the last one is at hand.
        let group = group_of(path.as_bytes());
        match &mut self.last {
            Some(((at, dir), sum)) if *at == layer && dir == group => {
                sum.0 += 1;
                sum.1 = sum.1.saturating_add(bytes);
            }
            _ => {
                self.flush();
                self.last = Some(((layer, group.to_vec()), (1, bytes)));
            }
        }
    }

    fn flush(&mut self) {
        if let Some((key, (files, bytes))) = self.last.take() {
            let sum = self.groups.entry(key).or_default();
            *sum = (sum.0 + files, sum.1.saturating_add(bytes));
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn rows(mut self, note: &str) -> Vec<Evidence> {
        self.flush();
        if self.count <= self.single.len() {
            let row = |(location, bytes)| Evidence { location: Some(location), bytes, note: note.to_owned() };
            return self.single.into_iter().map(row).collect();
        }
        let row = |((layer, dir), (files, bytes)): (Group, FilesAndBytes)| {
            let location = Some(Location { layer, path: ImagePath::new(&dir) });
            let comma = if note.is_empty() { "" } else { ", " };
            Evidence { location, bytes, note: format!("{}{comma}{note}", count(files, "file")) }
        };
        self.groups.into_iter().map(row).collect()
    }
}

/// The directory under which files are summed up: the package in a site directory, else three components deep.
fn group_of(path: &[u8]) -> &[u8] {
    let dir = parent(path);
    let ends = dir.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).chain([dir.len()]);
    let (mut start, mut third, mut in_site) = (0, dir.len(), false);
    for (depth, end) in ends.enumerate() {
        if in_site {
            return &dir[..end];
        }
        in_site = matches!(&dir[start..end], b"site-packages" | b"dist-packages");
        start = end + 1;
        if depth == 2 {
            third = end;
        }
    }
    if in_site { dir } else { &dir[..third] }
}
