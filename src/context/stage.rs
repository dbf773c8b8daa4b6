//! One stage: its instructions are carried out in order on a tree.

use super::error::Result;
use super::folder::Folder;
use super::tree::Tree;
use super::work::Work;
use super::{Base, ContextError, ContextOptions, Outside};
use crate::base::{Digest, ImagePath, MASK, Problem, Text, is_masked, masked, parent, without_credentials};
use crate::dockerfile::{Dockerfile, Flag, Instruction, Kind, Scope};
use crate::image::{Config, Gap, GapReason, HistoryRow, Image, Writes};
use crate::os::OsInventory;
use crate::ospackages::{Repositories, Sources};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

/// More gaps are not told apart.
const MAX_GAPS: usize = 500;
/// Conditions that are tried on a copy of a stage, in all.
const MAX_TRIES: usize = 200;

/// What all stages share.
pub(super) struct World<'w> {
    pub(super) file: &'w Dockerfile<'w>,
    /// The Dockerfile's name, escaped.
    pub(super) name: String,
    pub(super) folder: &'w Folder,
    pub(super) options: &'w ContextOptions,
    pub(super) outside: &'w dyn Outside,
    /// Stages that were made.
    made: RefCell<BTreeMap<usize, Rc<Stage>>>,
    /// Images that are known, as stages that have nothing else, with where they came from.
    images: RefCell<BTreeMap<String, Rc<(Stage, String)>>>,
    /// What was done so far.
    work: Rc<Work>,
    notes: RefCell<Vec<String>>,
    /// How often something was tried on a copy.
    tries: Cell<usize>,
    /// For archives that uv has to read and that are not in the folder.
    scratch: RefCell<Option<tempfile::TempDir>>,
    /// Indexes of packages that were read: by the places of the sources. The error is a reason.
    repositories: RefCell<BTreeMap<String, Result<Rc<Repositories>, String>>>,
}

/// A stage, so far.
#[derive(Clone, Default)]
pub(super) struct Stage {
    /// Its number in the file.
    pub(super) number: usize,
    pub(super) tree: Tree,
    pub(super) config: Config,
    pub(super) scope: Scope,
    /// `USER`, without the group.
    pub(super) user: String,
    pub(super) gaps: Vec<Gap>,
    pub(super) problems: Vec<Problem>,
    /// What of the base could not be read.
    pub(super) unread: Vec<Problem>,
    /// Whether the base image's files are known.
    pub(super) base: BaseKnown,
    /// What the last `tar` of this `RUN` packed, where that is known.
    pub(super) archive: Option<super::archive::Archive>,
    /// The OS packages, once they were asked for.
    pub(super) system: Option<Rc<SystemState>>,
    /// Contents by their digests: files of the context, and where they are in it.
    pub(super) contexts: Rc<BTreeMap<Digest, ImagePath>>,
    /// What commands wrote.
    pub(super) texts: BTreeMap<Digest, Rc<[u8]>>,
    /// Bytes of these.
    pub(super) text_bytes: usize,
    /// The shell of the `RUN` that is carried out.
    pub(super) shell: super::script::Shell,
    /// What the last substitution of a command said of itself.
    pub(super) substituted: Option<super::script::Status>,
    /// What is mounted while the commands of a `RUN` run.
    pub(super) mounted: Vec<ImagePath>,
    /// Mounts of which what is in them is anybody's.
    pub(super) strange: Vec<ImagePath>,
    /// A variable of the command's that nothing has set.
    pub(super) missing: Option<String>,
    /// What was installed in versions that nobody knows: site directories and normalized names.
    pub(super) undetermined: BTreeSet<(ImagePath, String)>,
    /// Of what is tried the first command that changes something.
    pub(super) tried: Option<String>,
    /// Files that an installer read and a command before may have changed.
    pub(super) doubts: RefCell<Vec<String>>,
    /// How many gaps there were before the instruction.
    pub(super) old_gaps: usize,
    /// Settings of Poetry's: `virtualenvs.create`.
    pub(super) poetry: BTreeMap<String, String>,
}

/// What is known of the base image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum BaseKnown {
    /// All of it.
    #[default]
    Whole,
    /// Not its files.
    NameOnly(String),
}

/// The OS packages of a stage.
#[derive(Clone)]
pub(super) struct SystemState {
    pub(super) inventory: OsInventory,
    pub(super) sources: Sources,
    /// The files that these were read of; none where that was before any instruction.
    pub(super) stamp: Option<Vec<(ImagePath, Option<Digest>, u64)>>,
    /// What apt made of its lists in `var/cache/apt` when it read them last, in bytes (`unpacked`, predicted).
    pub(super) caches: u64,
}

impl<'w> World<'w> {
    pub(super) fn new(
        file: &'w Dockerfile<'w>,
        name: String,
        folder: &'w Folder,
        options: &'w ContextOptions,
        outside: &'w dyn Outside,
    ) -> Self {
        Self {
            file,
            name,
            folder,
            options,
            outside,
            made: RefCell::default(),
            images: RefCell::default(),
            work: Rc::default(),
            notes: RefCell::default(),
            tries: Cell::new(0),
            scratch: RefCell::default(),
            repositories: RefCell::default(),
        }
    }

    /// The line of an instruction.
    pub(super) fn place(&self, instruction: &Instruction) -> String {
        format!("{}, line {}", self.name, self.file.line(instruction.span.start))
    }

    /// Says something to the user, once.
    pub(super) fn note(&self, text: String) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&text) {
            notes.push(text);
        }
    }

    /// The indexes that an image's files name, read once.
    pub(super) fn repositories(&self, sources: &Sources, architecture: &str) -> Result<Rc<Repositories>, String> {
        let key = format!("{architecture} {:?}", sources.list);
        if let Some(known) = self.repositories.borrow().get(&key) {
            return known.clone();
        }
        let opened = self.outside.repositories(sources, architecture).map(Rc::new).map_err(|error| error.to_string());
        self.repositories.borrow_mut().insert(key, opened.clone());
        opened
    }

    /// A file with this content, of the same name, which goes when the run ends.
    pub(super) fn scratch_file(&self, path: &ImagePath, content: &[u8]) -> Option<PathBuf> {
        let mut scratch = self.scratch.borrow_mut();
        if scratch.is_none() {
            *scratch = tempfile::tempdir().ok();
        }
        let folder = scratch.as_ref()?.path().join(Digest::of(content).to_string().replace(':', "-"));
        std::fs::create_dir_all(&folder).ok()?;
        let name = String::from_utf8_lossy(crate::base::file_name(path.as_bytes())).into_owned();
        let file = folder.join(name);
        std::fs::write(&file, content).ok()?;
        Some(file)
    }

    /// Whether there may be one more copy to try something on.
    pub(super) fn may_try(&self) -> bool {
        self.tries.set(self.tries.get() + 1);
        self.tries.get() <= MAX_TRIES
    }

    pub(super) fn take_notes(&self) -> Vec<String> {
        self.notes.take()
    }

    /// What a `FROM` knows: the arguments before the first one, those that are given, and the platform's.
    pub(super) fn globals(&self) -> Scope {
        let mut scope = Scope { variables: self.platform_arguments(), ..Scope::default() };
        scope.variables.extend(self.file.global_arguments());
        scope.variables.extend(self.options.build_arguments.clone());
        scope
    }

    /// `TARGETARCH` and its like (BuildKit's automatic platform arguments).
    fn platform_arguments(&self) -> BTreeMap<String, String> {
        let platform = &self.options.platform;
        let mut parts = platform.split('/');
        let (os, architecture) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let variant = parts.next().unwrap_or_default();
        let rows = [("PLATFORM", platform.as_str()), ("OS", os), ("ARCH", architecture), ("VARIANT", variant)];
        let both = |(name, value): &(&str, &str)| {
            ["TARGET", "BUILD"].map(|start| (format!("{start}{name}"), (*value).to_owned()))
        };
        rows.iter().flat_map(both).collect()
    }

    /// Makes a stage, and those that it needs, once each.
    pub(super) fn stage(&self, number: usize) -> Result<Rc<Stage>> {
        // Those that are needed first, so that a long chain of stages is no deep one.
        let mut needed = BTreeSet::from([number]);
        let mut open = vec![number];
        while let Some(stage) = open.pop() {
            let is_made = self.made.borrow().contains_key(&stage);
            let before = self.sources(stage).into_iter().filter(|&other| other < stage && !is_made);
            open.extend(before.filter(|&other| needed.insert(other)));
        }
        let made = needed.into_iter().map(|stage| self.one_stage(stage)).collect::<Result<Vec<_>, _>>()?;
        made.last().cloned().map_or_else(|| self.one_stage(number), Ok)
    }

    /// The stages that one begins with or takes files of.
    fn sources(&self, stage: usize) -> Vec<usize> {
        let definition = &self.file.stages[stage];
        let mounted = |flag: &Flag| {
            let fields = flag.value.trim_matches(['"', '\'']).split(',');
            fields.filter_map(|field| self.file.stage(field.strip_prefix("from=")?)).next()
        };
        let of_one = |position: usize| {
            let instruction = &self.file.instructions[position];
            let mounts = instruction.flags.iter().filter(|flag| flag.name == "mount").filter_map(mounted);
            mounts.chain(self.file.source_stage(position)).collect::<Vec<_>>()
        };
        // What is known as a layer takes nothing.
        let open = definition.instructions.clone().filter(|&position| self.outside.layer(position).is_none());
        open.flat_map(of_one).chain(definition.parent).collect()
    }

    fn one_stage(&self, number: usize) -> Result<Rc<Stage>> {
        if let Some(made) = self.made.borrow().get(&number) {
            return Ok(made.clone());
        }
        let definition = &self.file.stages[number];
        let from = &self.file.instructions[definition.instructions.start];
        let mut stage = match definition.parent {
            // It stands before this one.
            Some(parent) if parent < number => {
                let made = self.one_stage(parent)?;
                let mut stage = if self.work.is_spent() { made.without_files() } else { Stage::clone(&*made) };
                stage.take_triggers(&self.place(from), &format!("FROM {}", definition.image));
                stage
            }
            _ => {
                let mut base = self.base(from, &definition.image)?;
                // Builders give a base that names none this one (BuildKit, dockerfile2llb).
                let path = base.scope.variables.entry("PATH".to_owned());
                path.or_insert_with(|| crate::image::DEFAULT_PATH.to_owned());
                base
            }
        };
        stage.number = number;
        stage.tree.work = Rc::clone(&self.work);
        for position in definition.instructions.clone().skip(1) {
            stage.carry_out(self, position)?;
        }
        let stage = Rc::new(stage);
        self.made.borrow_mut().insert(number, Rc::clone(&stage));
        Ok(stage)
    }

    /// Lets go of all stages and images: only the last stage is asked for.
    pub(super) fn forget_stages(&self) {
        self.made.take();
        self.images.take();
    }

    /// An image from outside, if its files are known.
    pub(super) fn image(&self, name: &str) -> Result<Rc<(Stage, String)>, Base> {
        if let Some(known) = self.images.borrow().get(name) {
            return Ok(Rc::clone(known));
        }
        match self.outside.image(name) {
            Base::Known(image, how) => {
                self.work.entries(image.layers.iter().map(|layer| layer.entries.len()).sum::<usize>() / 4);
                let mut stage = Stage::of_base(&image);
                stage.tree = Tree::of(*image, Rc::clone(&self.work));
                let known = Rc::new((stage, how));
                self.images.borrow_mut().insert(name.to_owned(), Rc::clone(&known));
                Ok(known)
            }
            other => Err(other),
        }
    }

    /// A stage that has only its base image.
    fn base(&self, from: &Instruction, image: &str) -> Result<Stage> {
        let place = self.place(from);
        let unknown = |name: &str, why: GapReason| {
            let command = format!("the base image {name}");
            let gap =
                Gap { place: place.clone(), command, why: why.map(&masked), writes: Writes::Anywhere, copied: false };
            let config = self.config_of(name);
            let mut scope = Scope::default();
            for (name, value) in config.env.iter().filter_map(|pair| pair.split_once('=')) {
                scope.environment.insert(name.to_owned());
                scope.variables.insert(name.to_owned(), value.to_owned());
            }
            let base = BaseKnown::NameOnly(name.to_owned());
            Stage { gaps: vec![gap], base, config, scope, ..Stage::default() }
        };
        let Some(name) = self.globals().expand(image) else {
            let name = Text::from(image);
            return Ok(unknown(&name, GapReason::NoBaseName));
        };
        let shown = Text::from(&name);
        if name == "scratch" {
            return Ok(Stage { config: self.empty_config(), ..Stage::default() });
        }
        let stage = match self.image(&name) {
            Ok(known) => {
                let (stage, how) = &*known;
                self.note(format!("base image {shown}: {how}"));
                let mut stage = if self.work.is_spent() { stage.without_files() } else { stage.clone() };
                stage.take_triggers(&place, &format!("the base image {shown}"));
                stage
            }
            Err(Base::Manifest(image) | Base::Known(image, _)) => {
                let gaps = unknown(&shown, GapReason::ManifestOnly(image.wire())).gaps;
                let mut stage = Stage::of_base(&image);
                stage.tree.layers.clone_from(&image.layers);
                Stage { gaps, base: BaseKnown::NameOnly(name.clone()), ..stage }
            }
            Err(Base::Unknown(reason)) => unknown(&shown, GapReason::NoImage(reason)),
            Err(Base::Missing(message)) => {
                return Err(ContextError::NoBase { place: place.into(), name: shown, message: Text::from(&message) });
            }
        };
        Ok(stage)
    }

    /// What is public of the configuration of an image that is not to be had: Lambda's variables, by which functions' Dockerfiles
    /// name their folder (aws/aws-lambda-base-images).
    fn config_of(&self, name: &str) -> Config {
        let is_lambda = ["public.ecr.aws/lambda/python", "amazon/aws-lambda-python"].iter().any(|known| {
            let rest = name.strip_prefix(known);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']))
        });
        if !is_lambda {
            return self.empty_config();
        }
        let env = [
            "PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
            "LAMBDA_TASK_ROOT=/var/task",
            "LAMBDA_RUNTIME_DIR=/var/runtime",
        ];
        Config { env: env.map(str::to_owned).to_vec(), working_dir: "/var/task".into(), ..self.empty_config() }
    }

    fn empty_config(&self) -> Config {
        let mut parts = self.options.platform.split('/').map(str::to_owned);
        let (os, architecture) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        Config { os, architecture, variant: parts.next(), ..Config::default() }
    }
}

impl Stage {
    /// What begins with this one where nothing more is carried out.
    fn without_files(&self) -> Self {
        let mut tree = Tree::default();
        tree.layers.clone_from(&self.tree.layers);
        let (config, scope, user) = (self.config.clone(), self.scope.clone(), self.user.clone());
        let (problems, unread) = (self.problems.clone(), self.unread.clone());
        let (gaps, base) = (self.gaps.clone(), self.base.clone());
        Self { tree, config, scope, user, problems, unread, gaps, base, ..Self::default() }
    }

    fn of_base(image: &Image) -> Self {
        let mut config = image.config.clone();
        // So that the base can be told from what follows.
        if config.history.last().is_none_or(|row| !row.sets_command()) {
            let created_by = "CMD [\"base\"]".to_owned();
            config.history.push(HistoryRow { created_by, empty_layer: true, ..HistoryRow::default() });
        }
        if config.history.iter().filter(|row| !row.empty_layer).count() != image.layers.len() {
            let row = HistoryRow { created_by: "base image".into(), ..HistoryRow::default() };
            let end = HistoryRow { created_by: "CMD [\"base\"]".into(), empty_layer: true, ..HistoryRow::default() };
            config.history = [vec![row; image.layers.len()], vec![end]].concat();
        }
        config.diff_ids = Vec::new();
        let directory = Some(directory_of(&config.working_dir));
        let mut scope = Scope { directory, complete: true, ..Scope::default() };
        if let Some(shell) = &config.shell {
            scope.set_shell(shell);
        }
        for (name, value) in config.env.iter().filter_map(|pair| pair.split_once('=')) {
            scope.environment.insert(name.to_owned());
            // A secret of the base is not known here. An index is asked without it.
            if value != MASK {
                let value = if is_masked(value) { without_credentials(value) } else { value.to_owned() };
                scope.variables.insert(name.to_owned(), value);
            }
        }
        let user = config.user.split(':').next().unwrap_or_default().to_owned();
        Self {
            config,
            scope,
            user,
            problems: image.problems.clone(),
            unread: image.unread.clone(),
            gaps: image.gaps.clone(),
            ..Self::default()
        }
    }

    /// Carries out one instruction.
    fn carry_out(&mut self, world: &World<'_>, position: usize) -> Result<()> {
        let instruction = &world.file.instructions[position];
        let place = world.place(instruction);
        let text = masked(&one_line(&world.file.text[instruction.head.clone()], world.file.escape));
        self.old_gaps = self.gaps.len();
        if self.scope.directory.is_none() && self.config.history.is_empty() {
            self.scope.directory = Some("/".into());
        }
        let known = world.outside.layer(position);
        let has_layer = match &instruction.kind {
            Kind::Run(_) | Kind::Copy(_) if known.is_some() => {
                known.into_iter().for_each(|layer| self.replay(layer));
                if let Kind::Copy(copy) = &instruction.kind
                    && instruction.flags.iter().all(|flag| flag.name != "from")
                {
                    // Of the folder only what was put into it is new, and the layer has the rest.
                    let gaps = self.gaps.clone();
                    drop(self.copy(world, position, copy, &place));
                    self.gaps = gaps;
                }
                true
            }
            Kind::Run(_) | Kind::Copy(_) => {
                let done = match &instruction.kind {
                    _ if world.work.is_spent() => Ok(()),
                    Kind::Run(run) => self.run(world, instruction, run, &place),
                    Kind::Copy(copy) => self.copy(world, position, copy, &place),
                    _ => Ok(()),
                };
                match world.work.is_spent() {
                    // What is not there may be left out here alone.
                    true => self.give_up(&place, &text),
                    false => done?,
                }
                true
            }
            Kind::Workdir(_) => {
                self.advance(world, instruction);
                self.make_working_directory();
                false
            }
            Kind::User(user) => {
                let user = self.scope.expand(user).unwrap_or_else(|| "unknown".into());
                self.user = user.split(':').next().unwrap_or_default().to_owned();
                self.config.user = user;
                false
            }
            Kind::Variables { environment, pairs } => {
                self.advance(world, instruction);
                if *environment {
                    self.set_environment(pairs);
                }
                false
            }
            Kind::Shell(_) => {
                self.advance(world, instruction);
                false
            }
            Kind::Other => {
                let trigger = world.file.trigger(instruction).map(|trigger| one_line(trigger, world.file.escape));
                self.config.on_build.extend(trigger.as_deref().map(masked));
                false
            }
            Kind::From { .. } => false,
        };
        let created_by = match &instruction.kind {
            Kind::Run(_) => format!("RUN /bin/sh -c {} # buildkit", text.get(3..).unwrap_or_default().trim()),
            Kind::Copy(_) => format!("{text} # buildkit"),
            _ => text,
        };
        // Where it stands, for who asks what made a layer.
        let comment = if has_layer { place } else { String::new() };
        self.config.history.push(HistoryRow { created_by, comment, empty_layer: !has_layer });
        if has_layer {
            self.tree.commit();
        }
        Ok(())
    }

    /// From here on nothing is known, which is said once.
    fn give_up(&mut self, place: &str, text: &str) {
        if self.gaps.iter().all(|gap| gap.why != GapReason::Work) {
            self.gap(place, text, GapReason::Work, Writes::Anywhere);
        }
    }

    fn advance(&mut self, world: &World<'_>, instruction: &Instruction) {
        let mut global = world.platform_arguments();
        global.extend(world.file.global_arguments());
        global.extend(world.options.build_arguments.clone());
        self.scope.advance(instruction, &global, &world.options.build_arguments);
    }

    fn set_environment(&mut self, pairs: &[(String, Option<String>)]) {
        for (name, _) in pairs {
            let start = format!("{name}=");
            self.config.env.retain(|pair| !pair.starts_with(&start));
            if let Some(value) = self.scope.variables.get(name) {
                self.config.env.push(format!("{start}{value}"));
            }
        }
    }

    /// `WORKDIR`: the folder is there, with those above it. They take no room, so they stand in the next layer that has some.
    fn make_working_directory(&mut self) {
        let Some(directory) = self.scope.directory.clone() else { return };
        let path = ImagePath::new(&self.tree.resolve(ImagePath::from(directory.as_str()).as_bytes()));
        let above = std::iter::successors(Some(path), |path| Some(ImagePath::new(parent(path.as_bytes()))));
        let absent = above.take_while(|path| !path.is_root() && !self.tree.exists(path.as_bytes())).collect::<Vec<_>>();
        for path in absent.into_iter().rev() {
            self.tree.put(super::tree::directory(path), None);
        }
        self.config.working_dir = directory;
    }

    /// What a base has its builds do first (`ONBUILD`).
    fn take_triggers(&mut self, place: &str, command: &str) {
        if !std::mem::take(&mut self.config.on_build).is_empty() {
            self.gap(place, command, GapReason::Triggers, Writes::Anywhere);
        }
    }

    /// What is not known.
    pub(super) fn gap(&mut self, place: &str, command: &str, why: GapReason, writes: Writes) {
        // A command may have a password in a URL.
        let command = shortened(&Text::from(&masked(command)));
        self.take_gap(Gap { place: place.to_owned(), command, why: why.map(&masked), writes, copied: false });
    }

    /// Takes a gap over.
    pub(super) fn take_gap(&mut self, gap: Gap) {
        self.tree.doubt(&gap.writes);
        // What may run is known, and what it would bring is told apart from that. What an installer brings, it brings by name.
        let is_known = matches!(
            gap.why,
            GapReason::Maybe
                | GapReason::Background
                | GapReason::InstallerCache
                | GapReason::Distribution { .. }
                | GapReason::CondaPackage(_)
        );
        if let Writes::Within(paths) = &gap.writes
            && !is_known
        {
            self.tree.taint(paths);
        }
        if self.gaps.contains(&gap) {
            return;
        }
        match self.gaps.len() {
            MAX_GAPS.. => {}
            // The last one stands for all that follow.
            count if count + 1 == MAX_GAPS => {
                self.gaps.push(Gap { why: GapReason::TooMuch, writes: Writes::Anywhere, ..gap });
            }
            _ => self.gaps.push(gap),
        }
    }

    /// A variable's value.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.scope.variables.get(name).map(String::as_str)
    }

    /// The home of the user that commands run as.
    pub(super) fn home(&self) -> Vec<u8> {
        if let Some(home) = self.variable("HOME") {
            return ImagePath::from(home).as_bytes().to_vec();
        }
        match self.user.as_str() {
            "" | "root" | "0" => b"root".to_vec(),
            user => [b"home/", user.as_bytes()].concat(),
        }
    }

    /// Whether commands run as root.
    pub(super) fn is_root(&self) -> bool {
        matches!(self.user.as_str(), "" | "root" | "0")
    }
}

fn directory_of(text: &str) -> String {
    if text.starts_with('/') { text.to_owned() } else { format!("/{text}") }
}

/// The first 80 characters.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// An instruction in one line: without continuations and the comments between.
fn one_line(text: &str, escape: char) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let lines = lines.map(|line| line.trim_end().strip_suffix(escape).unwrap_or(line).trim());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
