//! The image that would result, and what each of its differences from the original is owed to.

use super::application::Application;
use super::closure::Decisions;
use super::conda::CondaDecisions;
use super::fit::Swap;
use super::system::SystemDecisions;
use super::trim::Trims;
use super::{Action, BaseImage, NAMES, TargetEnvironment, installed};
use crate::base::{
    Basis, ByteSize, CondaId, DistId, FastMap, FastSet, ImagePath, LayerIdx, Numbered, PackageId, Size, Unit,
    in_halves, is_within, listed, parent,
};
use crate::context::KnownFile;
use crate::facts::{Facts, is_package_cache, is_package_manager_state};
use crate::fs::{DataRef, Fate, Node};
use crate::image::{HistoryRow, Image};
use crate::index::Availability;
use crate::layer::{Entry, EntryKind, LayerIndex};
use crate::python::{Distribution, parse_record};
use crate::rules::{Finding, Rule, Tier, actions};
use crate::wheel::InstalledFile;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// All that the prediction depends on.
pub(super) struct Prediction<'a> {
    pub facts: &'a Facts<'a>,
    pub base: &'a BaseImage,
    /// The image that takes the place of the original's lowest layers.
    pub other: Option<&'a Image>,
    pub environment: Option<&'a TargetEnvironment>,
    pub distributions: &'a Decisions,
    pub system: &'a SystemDecisions,
    pub application: &'a Application,
    /// Environments of conda's that are made anew.
    pub conda: &'a CondaDecisions,
    /// What rules over paths take out of distributions.
    pub trims: &'a Trims<'a>,
    /// What a package index says of the distributions that come from one.
    pub answers: BTreeMap<DistId, &'a Availability>,
}

/// What the predicted image takes from the original, and what is new in it.
pub(super) struct Predicted {
    /// The image.
    pub image: Image,
    /// Which entries' bytes of the original are in it.
    pub(super) taken: Taken,
    /// New files by what they are owed to: a distribution.
    pub(super) added: FastMap<ImagePath, DistId>,
}

/// METADATA and RECORD.
type Contents = [(&'static [u8], Vec<u8>); 2];

/// By layer and entry.
pub(super) type Taken = Vec<Vec<bool>>;

/// Marks an entry; false if it was marked before.
fn take(taken: &mut Taken, (layer, entry): DataRef) -> bool {
    !std::mem::replace(&mut taken[layer as usize][entry as usize], true)
}

impl Prediction<'_> {
    /// Predicts.
    pub(super) fn predict(&self) -> Predicted {
        let original = self.facts.view.image();
        let in_base = |layer: usize| layer < self.base.layers && self.other.is_none();
        let layers = original.layers.iter().enumerate();
        let mut taken: Taken = layers.map(|(layer, index)| vec![in_base(layer); index.entries.len()]).collect();
        let source = self.other.unwrap_or(original);
        let mut layers: Vec<Arc<LayerIndex>> = source.layers[..self.base.image_layers()].to_vec();
        let mut history: Vec<HistoryRow> = self.base_history(source);
        let mut added = FastMap::default();
        let parts = [
            ("OS packages", self.system_nodes()),
            ("conda packages", self.conda_nodes()),
            ("Python distributions", self.distribution_nodes()),
            ("application", self.application_nodes()),
        ];
        for (position, (what, nodes)) in parts.into_iter().enumerate() {
            let mut layer = self.layer_of(nodes, &mut taken);
            if position == 1 {
                self.add_brought(&mut layer);
            }
            if position == 2 {
                added = self.add_swapped(&mut layer);
            }
            if !layer.entries.is_empty() {
                history.push(HistoryRow { created_by: format!("predicted: {what}"), ..HistoryRow::default() });
                layers.push(Arc::new(layer));
            }
        }
        let mut config = original.config.clone();
        config.history = history;
        config.diff_ids = Vec::new();
        let (name, gaps) = (format!("{} (predicted)", original.name), original.gaps.clone());
        let image = Image { name, gaps, config, layers, ..original.shell(Basis::Predicted) };
        Predicted { image, taken, added }
    }

    /// The base's rows, ended by a `CMD` so that the base can be told from the rest again.
    fn base_history(&self, original: &Image) -> Vec<HistoryRow> {
        let mut rows = original.history_of_lowest(self.base.image_layers());
        rows.push(HistoryRow { created_by: "CMD [\"base\"]".into(), empty_layer: true, ..HistoryRow::default() });
        rows
    }

    /// Files of the OS packages that stay, and the package manager's own state without caches and lists.
    fn system_nodes(&self) -> Vec<Node> {
        if self.system.kept.is_empty() {
            return Vec::new();
        }
        let os = self.facts.os;
        let gone: HashSet<&str> =
            self.system.gone.keys().map(|&position| os.packages[position].name.as_str()).collect();
        let stays = |path: &[u8], layer: LayerIdx| {
            if let Some(package) = os.owners.get(path).filter(|_| self.other.is_some()) {
                return self.system.kept.contains(package);
            }
            if (layer as usize) < self.base.layers {
                return false;
            }
            if let Some(package) = os.owners.get(path) {
                return self.system.kept.contains(package);
            }
            let state = is_package_manager_state(path) || is_within(path, b"etc/ld.so.cache");
            state && !is_package_cache(path) && !of_package(path, &gone)
        };
        self.nodes(|path, node| stays(path, node.entry.0))
    }

    /// Files of conda's packages that stay in environments that are made anew.
    fn conda_nodes(&self) -> Vec<Node> {
        if self.conda.list.is_empty() {
            return Vec::new();
        }
        let owners = &self.facts.os.conda.owners;
        self.nodes(|path, _| owners.get(path).is_some_and(|package| self.conda.brings(self.facts, *package, path)))
    }

    /// What comes to conda's environments.
    fn add_brought(&self, layer: &mut LayerIndex) {
        for file in self.conda.list.iter().flat_map(|decision| decision.brought.values()) {
            layer.entries.push(file.entry());
        }
    }

    /// Files of the distributions that stay as they are.
    fn distribution_nodes(&self) -> Vec<Node> {
        let python = self.facts.python;
        let as_they_are = |id| self.distributions.kept.contains(&id) && !self.is_new(id);
        let stays = python.distributions.beside(as_they_are);
        let stays = |path: &[u8]| python.owner(path).is_some_and(|id| stays[id]);
        self.nodes(|path, _| stays(path) && !self.trims.of.contains_key(path))
    }

    /// The visible nodes that stay.
    fn nodes(&self, stays: impl Fn(&[u8], Node) -> bool + Sync) -> Vec<Node> {
        let view = self.facts.view;
        in_halves(view.len(), |places| {
            places.map(|place| view.at(place)).filter(|(path, node)| stays(path, *node)).map(|(_, node)| node).collect()
        })
    }

    fn application_nodes(&self) -> Vec<Node> {
        self.application.paths.iter().filter_map(|path| self.facts.view.get(path.as_bytes())).collect()
    }

    /// Whether a distribution's files are new.
    pub(super) fn is_new(&self, id: DistId) -> bool {
        self.distributions.is_new(self.facts, id)
    }

    /// The files of a new distribution, where its wheel's list was read.
    fn new_files(&self, id: DistId) -> Option<Vec<InstalledFile>> {
        let contents = &self.answers.get(&id)?.info.as_ref()?.contents;
        let dist = &self.facts.python.distributions[id];
        let name = self.distributions.swaps.get(&id).map_or(&dist.name, |swap| &swap.name);
        Some(installed::files(self.facts, dist, contents, name, self.environment?))
    }

    fn layer_of(&self, nodes: Vec<Node>, taken: &mut Taken) -> LayerIndex {
        let view = self.facts.view;
        let original = view.image();
        let mut layer = LayerIndex::default();
        for node in nodes {
            let mut entry = view.entry(node.entry).clone();
            if entry.kind == EntryKind::Hardlink || entry.kind == EntryKind::File {
                if !take(taken, node.data) {
                    continue;
                }
                entry = Entry { kind: EntryKind::File, link: None, size: view.size(node), ..entry };
                if let Some(content) = original.layers[node.data.0 as usize].contents.get(&node.data.1) {
                    layer.contents.insert(layer.entries.len() as u32, content.clone());
                }
            }
            layer.entries.push(entry);
        }
        layer
    }

    /// Adds the distributions whose files are new. Whose they are is told.
    fn add_swapped(&self, layer: &mut LayerIndex) -> FastMap<ImagePath, DistId> {
        let mut added = FastMap::default();
        let Some(environment) = self.environment else { return added };
        let mut there: FastSet<ImagePath> = layer.entries.iter().map(|entry| entry.path.clone()).collect();
        for &id in self.distributions.kept.iter().filter(|&&id| self.is_new(id)) {
            for KnownFile { entry, content } in self.fresh(id, environment) {
                // What two distributions have the later one overwrites.
                if there.insert(entry.path.clone()) {
                    added.insert(entry.path.clone(), id);
                    layer.contents.extend(content.map(|content| (layer.entries.len() as u32, content)));
                    layer.entries.push(entry);
                }
            }
        }
        added
    }

    /// The files of a distribution that is installed anew: those of its wheel where these are known, else one file of the
    /// predicted size; and METADATA and RECORD.
    pub(super) fn fresh(&self, id: DistId, environment: &TargetEnvironment) -> Vec<KnownFile> {
        let files = self.new_files(id).unwrap_or_else(|| vec![self.stand_in(id, environment)]);
        let (metadata, contents) = self.metadata(id, &files, environment);
        let new = |file: InstalledFile| KnownFile { entry: Entry::file(file.path, file.size), content: None };
        let mut out: Vec<KnownFile> = files.into_iter().map(new).collect();
        for (name, content) in contents {
            let path = metadata.join(name);
            match out.iter_mut().rfind(|file| file.entry.path == path) {
                Some(known) => known.content = Some(content),
                None => {
                    let entry = Entry::file(path, content.len() as u64);
                    out.push(KnownFile { entry, content: Some(content) });
                }
            }
        }
        out
    }

    /// One file for all that is not known of a distribution, so that its size is what [`Self::size_of`] says.
    fn stand_in(&self, id: DistId, environment: &TargetEnvironment) -> InstalledFile {
        let (_, name, version) = self.named(id);
        let path = stand_in_path(environment, name, version);
        let mut file = InstalledFile { path, size: 0, crc32: None };
        let (_, contents) = self.metadata(id, std::slice::from_ref(&file), environment);
        let metadata: u64 = contents.iter().map(|(_, content)| content.len() as u64).sum();
        file.size = self.size_of(id).bytes.0.saturating_sub(metadata);
        file
    }

    /// The metadata directory of a new distribution, its name and its version.
    fn named(&self, id: DistId) -> (String, &str, &str) {
        let dist = &self.facts.python.distributions[id];
        let swap = self.distributions.swaps.get(&id);
        let (name, version) = swap.map_or((&dist.name, &dist.version), |swap| (&swap.name, &swap.version));
        (metadata_folder(name, version), name, version)
    }

    /// Where the metadata is, and what METADATA and RECORD say.
    fn metadata(&self, id: DistId, files: &[InstalledFile], environment: &TargetEnvironment) -> (ImagePath, Contents) {
        let (folder, name, version) = self.named(id);
        let own = files.iter().map(|file| file.path.as_bytes()).find(|path| path.ends_with(b".dist-info/METADATA"));
        let folder =
            own.map_or_else(|| environment.site_dir.join(folder.as_bytes()), |path| ImagePath::new(parent(path)));
        let metadata = format!("Name: {name}\nVersion: {version}\n").into_bytes();
        let mut record = installed::record(files, &environment.site_dir);
        if own.is_none() {
            let rows = [&b"METADATA"[..], b"RECORD"].map(|file| InstalledFile {
                path: folder.join(file),
                size: 0,
                crc32: None,
            });
            record.extend(installed::record(&rows, &environment.site_dir));
        }
        (folder, [(b"METADATA", metadata), (b"RECORD", record)])
    }

    /// The size that a kept distribution will have, and how that is known.
    pub(super) fn size_of(&self, id: DistId) -> Size {
        let dist = &self.facts.python.distributions[id];
        if let Some(files) = self.is_new(id).then(|| self.new_files(id)).flatten() {
            // Exact but for the bytecode, and the few bytes of scripts that an installer makes.
            let bytes = files.iter().fold(0u64, |sum, file| sum.saturating_add(file.size));
            return Size { bytes: ByteSize(bytes), unit: Unit::Unpacked, basis: Basis::Predicted };
        }
        let (bytes, basis) = match self.distributions.swaps.get(&id) {
            Some(swap) => swapped_size(self.facts, dist, swap, self.environment),
            None if self.is_new(id) => (whole_size(self.facts, dist), Basis::Predicted),
            None => (dist.bytes, self.facts.view.image().basis),
        };
        Size { bytes: ByteSize(bytes), unit: Unit::Unpacked, basis }
    }
}

/// Whether a path of dpkg's own belongs to one of these packages: `info/NAME.list`, `info/NAME:amd64.md5sums`.
fn of_package(path: &[u8], names: &HashSet<&str>) -> bool {
    let Some(file) = path.strip_prefix(b"var/lib/dpkg/info/") else { return false };
    let file = String::from_utf8_lossy(file);
    let stem = file.rsplit_once('.').map_or(&file[..], |(stem, _)| stem);
    names.contains(stem.split(':').next().unwrap_or_default())
}

fn metadata_folder(name: &str, version: &str) -> String {
    format!("{}-{version}.dist-info", name.replace('-', "_"))
}

/// The one file that stands for all files of a new distribution whose wheel's list was not read.
pub(super) fn stand_in_path(environment: &TargetEnvironment, name: &str, version: &str) -> ImagePath {
    environment.site_dir.join(metadata_folder(name, version).as_bytes()).join(b"predicted")
}

/// The replacement's size: from the profile's table for this version, else the original's files without those
/// that only a GPU build has. Bytecode is added where the original has it.
fn swapped_size(
    facts: &Facts<'_>,
    dist: &Distribution,
    swap: &Swap,
    environment: Option<&TargetEnvironment>,
) -> (u64, Basis) {
    let Some(replacement) = &swap.replacement else {
        return (whole_size(facts, dist), Basis::Predicted);
    };
    if let Some(bytes) = catalogue_size(&replacement.sizes, &swap.version) {
        return (bytes.saturating_add(dist.bytecode), Basis::Catalogue);
    }
    let site = environment.map(|environment| environment.site_dir.as_bytes().len() + 1).unwrap_or_default();
    let gpu_only = |path: &ImagePath| replacement.without.matches(path.as_bytes().get(site..).unwrap_or_default());
    let gone: u64 = dist
        .files
        .iter()
        .filter(|path| gpu_only(path))
        .filter_map(|path| facts.view.get(path.as_bytes()))
        .map(|node| facts.view.size(node))
        .sum();
    (dist.bytes.saturating_sub(gone), Basis::Predicted)
}

/// The table's size for a version: its own, else that of the last version before it, else of the first one.
fn catalogue_size(sizes: &BTreeMap<String, u64>, version: &str) -> Option<u64> {
    if let Some(bytes) = sizes.get(version) {
        return Some(*bytes);
    }
    let wanted = version.parse::<pep440_rs::Version>().ok()?;
    let mut known: Vec<(pep440_rs::Version, u64)> =
        sizes.iter().filter_map(|(version, bytes)| Some((version.parse().ok()?, *bytes))).collect();
    known.sort();
    let before = known.iter().rfind(|(version, _)| *version <= wanted);
    before.or(known.first()).map(|(_, bytes)| *bytes)
}

/// What a distribution takes when all its files are there: as its RECORD says, or at least what is there.
fn whole_size(facts: &Facts<'_>, dist: &Distribution) -> u64 {
    let record = facts.view.contents(dist.metadata.join(b"RECORD").as_bytes()).unwrap_or_default();
    let (rows, _) = parse_record(record);
    let listed: u64 =
        rows.iter().filter(|row| !row.path.ends_with(b".pyc")).filter_map(|row| row.size).fold(0, u64::saturating_add);
    // A RECORD may claim anything; what was never in any layer is not believed beyond twice what was, what others have
    // put in the place of its files included.
    let nodes = dist.contested.iter().filter_map(|contest| facts.view.get(contest.path.as_bytes()));
    let overwritten = nodes.map(|node| facts.view.size(node)).fold(0, u64::saturating_add);
    let seen = dist.bytes.saturating_add(dist.dead_bytes).saturating_add(overwritten).saturating_mul(2).max(1 << 20);
    listed.min(seen).saturating_add(dist.bytecode).max(dist.bytes)
}

impl Predicted {
    /// The actions: every byte of the original that is not taken is owed to one, every new byte too.
    pub(super) fn actions(&self, prediction: &Prediction<'_>, findings: &[Finding], rules: &[Rule]) -> Vec<Action> {
        let facts = prediction.facts;
        let mut sums = Sums::new();
        for ((rule, subject), bytes) in self.left_behind(prediction, findings) {
            let sum = sums.entry(rule.to_owned()).or_default();
            sum.0 += bytes;
            *sum.2.entry(subject.title(facts)).or_default() += bytes;
        }
        for entry in self.image.layers.iter().flat_map(|layer| &layer.entries) {
            if let Some(&id) = self.added.get(&entry.path) {
                sums.entry(rule_of_new(prediction, id).to_owned()).or_default().1 += entry.size;
            }
        }
        actions(prediction, rules, sums)
    }

    /// The bytes that are not taken, by what that is owed to.
    fn left_behind<'p>(&self, prediction: &'p Prediction<'_>, findings: &'p [Finding]) -> FastMap<Owed<'p>, u64> {
        let owing = Owing::new(prediction, findings);
        let mut sums: FastMap<Owed<'p>, u64> = FastMap::default();
        for (layer, index) in prediction.facts.view.image().layers.iter().enumerate() {
            for (position, entry) in index.entries.iter().enumerate().filter(|(_, entry)| entry.size > 0) {
                if !self.taken[layer][position] {
                    *sums.entry(owing.owed((layer as LayerIdx, position as u32), entry)).or_default() += entry.size;
                }
            }
        }
        sums
    }
}

/// By rule: bytes that go, bytes that come, and what the former are listed under.
pub(super) type Sums = BTreeMap<String, (u64, u64, BTreeMap<String, u64>)>;

/// The actions, largest first.
pub(super) fn actions(prediction: &Prediction<'_>, rules: &[Rule], sums: Sums) -> Vec<Action> {
    let action = |(rule, (removed, added, subjects)): (String, (u64, u64, BTreeMap<String, u64>))| {
        let known = rules.iter().find(|known| known.id == rule);
        let title = match rule == actions::REBUILD && added >= removed {
            true => written_anew(&subjects),
            false => title(prediction, &rule, known, &subjects),
        };
        let tier = known.map_or(Tier::Auto, |rule| rule.tier);
        Action { title, tier, removed, added, evidence: evidence(subjects), rule }
    };
    let mut actions: Vec<Action> = sums.into_iter().map(action).collect();
    actions.sort_by(|a, b| {
        let net = |action: &Action| action.removed as i128 - action.added as i128;
        net(b).cmp(&net(a)).then_with(|| a.rule.cmp(&b.rule))
    });
    actions
}

/// What the new files of a distribution are owed to.
pub(super) fn rule_of_new<'p>(prediction: &'p Prediction<'_>, id: DistId) -> &'p str {
    prediction.distributions.swaps.get(&id).map_or(actions::BROKEN, |swap| &swap.rule)
}

/// The largest subjects, a line each.
fn evidence(subjects: BTreeMap<String, u64>) -> Vec<String> {
    let mut subjects: Vec<(String, u64)> = subjects.into_iter().collect();
    subjects.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let more = subjects.len().saturating_sub(12);
    let rest: u64 = subjects.iter().skip(12).map(|(_, bytes)| bytes).sum();
    let mut lines: Vec<String> =
        subjects.into_iter().take(12).map(|(subject, bytes)| format!("{} {subject}", ByteSize(bytes))).collect();
    if more > 0 {
        lines.push(format!("{} in {more} more", ByteSize(rest)));
    }
    lines
}

/// What bytes that go are listed under.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Subject<'a> {
    WrittenAgain(LayerIdx),
    Removed(LayerIdx),
    Replaced(LayerIdx),
    Twice,
    Distribution(DistId),
    Package(PackageId),
    CondaPackage(CondaId),
    Interpreter(usize),
    Folder(&'a [u8]),
}

/// The rule that the removal of bytes is owed to, and a subject to list them under.
pub(super) type Owed<'a> = (&'a str, Subject<'a>);

impl Subject<'_> {
    pub(super) fn title(self, facts: &Facts<'_>) -> String {
        match self {
            Self::WrittenAgain(by) => format!("written again by layer {}", by + 1),
            Self::Removed(by) => format!("removed by layer {}", by + 1),
            Self::Replaced(by) => format!("replaced by layer {}", by + 1),
            Self::Twice => "twice in one layer".into(),
            Self::Distribution(id) => {
                let dist = &facts.python.distributions[id];
                crate::base::Text::from(&format!("{} {}", dist.name, dist.version)).into()
            }
            Self::Package(position) => crate::base::Text::from(&facts.os.packages[position].name).into(),
            Self::CondaPackage(position) => {
                let package = &facts.os.conda.packages[position];
                crate::base::Text::from(&format!("{} {} {}", package.name, package.version, package.build)).into()
            }
            Self::Interpreter(position) => {
                let title = facts.title(crate::fs::Owner::Interpreter(position)).unwrap_or_default();
                crate::base::Text::from(&format!("bytecode of {title}")).into()
            }
            Self::Folder(path) => ImagePath::new(path).to_string(),
        }
    }
}

/// What decides to what the removal of bytes is owed.
pub(super) struct Owing<'p, 'f> {
    prediction: &'p Prediction<'f>,
    findings: &'p [Finding],
    /// By distribution.
    is_new: Numbered<DistId, bool>,
}

impl<'p, 'f> Owing<'p, 'f> {
    pub(super) fn new(prediction: &'p Prediction<'f>, findings: &'p [Finding]) -> Self {
        let is_new = prediction.facts.python.distributions.beside(|id| prediction.is_new(id));
        Self { prediction, findings, is_new }
    }

    pub(super) fn owed(&self, at: DataRef, entry: &'p Entry) -> Owed<'p> {
        let facts = self.prediction.facts;
        match facts.view.fate(at) {
            Fate::Rewritten { by } => return (actions::REWRITTEN, Subject::WrittenAgain(by)),
            Fate::Deleted { by, .. } => return (actions::HIDDEN, Subject::Removed(by)),
            Fate::Replaced { by } => return (actions::HIDDEN, Subject::Replaced(by)),
            Fate::Shadowed => return (actions::HIDDEN, Subject::Twice),
            Fate::Visible => {}
        }
        let path = facts.view.visible_path(at).unwrap_or(entry.path.as_bytes());
        let package = facts.os.conda.owners.get(path).copied();
        if let Some((package, rule)) = package.and_then(|at| Some((at, self.prediction.conda.rule_of(at)?))) {
            return (rule, Subject::CondaPackage(package));
        }
        if self.prediction.other.is_some() && (at.0 as usize) < self.prediction.base.layers {
            let package = facts.os.owners.get(path);
            return (actions::OTHER_BASE, package.map_or(Subject::Folder(folder(path)), |id| Subject::Package(*id)));
        }
        if let Some(id) = facts.python.owner(path) {
            if let Some(rule) = self.prediction.trims.of.get(path) {
                return (rule, Subject::Distribution(id));
            }
            return (self.of_distribution(id), Subject::Distribution(id));
        }
        if let Some(&package) = facts.os.owners.get(path) {
            let gone = self.prediction.system.gone.get(&package);
            return (gone.map_or(actions::REBUILD, String::as_str), Subject::Package(package));
        }
        // The first one that has the path.
        let has = |finding: &&Finding| finding.paths.binary_search_by(|other| other.as_bytes().cmp(path)).is_ok();
        let found = self.findings.iter().find(has);
        let interpreter = facts.python.interpreters.owner(path).filter(|_| path.ends_with(b".pyc"));
        let subject = interpreter.map_or(Subject::Folder(folder(path)), Subject::Interpreter);
        (found.map_or(actions::REBUILD, |finding| &finding.rule), subject)
    }

    fn of_distribution(&self, id: DistId) -> &'p str {
        let decisions = self.prediction.distributions;
        let swap = decisions.swaps.get(&id).map(|swap| swap.rule.as_str());
        let gone = decisions.gone.get(&id).map(|gone| gone.rule.as_str());
        swap.or(gone).unwrap_or(if self.is_new[id] { actions::BROKEN } else { actions::REBUILD })
    }
}

/// The first three components of a cleaned path.
fn folder(path: &[u8]) -> &[u8] {
    let third = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').nth(2);
    third.map_or(path, |(end, _)| &path[..end])
}

/// Files that are no smaller than before: the Dockerfile itself in an image that copies all of its folder.
fn written_anew(subjects: &BTreeMap<String, u64>) -> String {
    let names: Vec<&str> = subjects.keys().map(String::as_str).collect();
    match names.is_empty() {
        true => "files that the plan adds".to_owned(),
        false => format!("files that the plan writes anew: {}", listed(&names, NAMES)),
    }
}

/// One line: what is done to what.
fn title(prediction: &Prediction<'_>, rule: &str, known: Option<&Rule>, subjects: &BTreeMap<String, u64>) -> String {
    let dists = &prediction.facts.python.distributions;
    let swapped: Vec<&Swap> = prediction.distributions.swaps.values().filter(|swap| swap.rule == rule).collect();
    let gone: Vec<&str> = prediction
        .distributions
        .gone
        .iter()
        .filter(|(_, gone)| gone.rule == rule)
        .map(|(&id, _)| dists[id].name.as_str())
        .collect();
    let mut largest: Vec<(&str, u64)> = subjects.iter().map(|(subject, bytes)| (subject.as_str(), *bytes)).collect();
    largest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let largest: Vec<&str> = largest.into_iter().map(|(subject, _)| subject).collect();
    // What only comes again takes nothing away: it is named itself.
    let decided = prediction.distributions;
    let goes = |id: &DistId| decided.swaps.contains_key(id) || decided.gone.contains_key(id);
    let again = |id: &DistId| prediction.is_new(*id) && !goes(id);
    let again: Vec<&str> = dists.ids().filter(again).map(|id| dists[id].name.as_str()).collect();
    let named = [&gone, &largest, &again].into_iter().find(|names| !names.is_empty());
    let names = named.map_or_else(|| "distributions".to_owned(), |names| listed(names, NAMES));
    match (known, actions::own_reason(rule)) {
        _ if !swapped.is_empty() => {
            let to: Vec<String> = swapped.iter().map(|swap| format!("{} {}", swap.name, swap.version)).collect();
            let to: Vec<&str> = to.iter().map(String::as_str).collect();
            let from = swapped.iter().find_map(|swap| swap.index.as_deref());
            let build = if from.is_some() { "the CPU build of " } else { "" };
            let company = match gone.as_slice() {
                [] => String::new(),
                [one] => format!("; {one} goes with the old one"),
                many => format!("; {} distributions go with the old one", many.len()),
            };
            format!("install {build}{}{company}", listed(&to, NAMES))
        }
        (_, Some(own)) => own.action.replace("{}", &names),
        (Some(rule), None) => rule.action(&names),
        (None, None) => rule.to_owned(),
    }
}
