//! The proof of a plan: its text is read again, and what that makes is what the plan predicts.
//!
//! ```text
//! draft ─► intent ─► emit, edit ─► text ─► context ─► image ─► settle ─► plan
//!             └──────────── replay: original, base, pins ┘
//! ```
//!
//! A prediction that is computed beside the text can promise what the text does not do. Here the emitted or edited
//! Dockerfile is read as any build context is, and the outside of that context is a [`Replay`]: the base image is the
//! lowest layers of the original, the pins of the plan are the answers of the package index, the operating system's packages
//! are the original's. What cannot be carried out so is a gap of the predicted image.

mod align;
mod evidence;
mod replay;

pub use evidence::Evidence;
pub use replay::{Live, Replay, Told};

use crate::base::Basis;
use crate::context::{ContextError, ContextOptions, Written, simulate};
use crate::emit::edit::Edits;
use crate::emit::{Style, emit_as};
use crate::facts::Facts;
use crate::fs::View;
use crate::image::{Gap, GapReason, Image, Writes};
use crate::plan::{Draft, Intent, Pin, Plan, PlanError, PlanOptions};
use crate::python::{Distribution, Inventory, normalize_name};
use crate::rules::Finding;
use crate::rules::Rule;
use std::collections::BTreeSet;
use std::path::Path;

/// The files of a plan, as `(name, text)`.
pub type Files = Vec<(String, String)>;

/// Names that the emitted Dockerfile's arguments are given: no image's own name can be one of them.
const ORIGINAL: &str = "slimwright.invalid/original";
const BASE: &str = "slimwright.invalid/base";
const MICROMAMBA: &str = "slimwright.invalid/micromamba";

/// A plan with a Dockerfile of its own, installed with pip, without looking anything up.
///
/// # Errors
///
/// As for [`Draft::new`].
pub fn make(facts: &Facts<'_>, findings: &[Finding], rules: &[Rule], options: &PlanOptions) -> Result<Plan, PlanError> {
    let intent = Draft::new(facts, findings, rules, options)?.intent(Vec::new());
    Ok(emitted(intent, Style::Pip).0)
}

/// Proves a plan with a Dockerfile of its own, and gives its files.
pub fn emitted(intent: Intent<'_>, style: Style) -> (Plan, Files) {
    let files = emit_as(intent.plan(), style);
    let text = files.iter().find(|(name, _)| name == "Dockerfile").map(|(_, text)| text.clone()).unwrap_or_default();
    let others: Files = files.iter().filter(|(name, _)| name != "Dockerfile").cloned().collect();
    let arguments = [("ORIGINAL", ORIGINAL), ("BASE", BASE), ("MICROMAMBA", MICROMAMBA)];
    let options = ContextOptions {
        build_arguments: arguments.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..options_of(&intent)
    };
    let image = {
        let stock = intent.stock();
        let replay = Replay::new(&intent, &stock).copied_by(&text);
        let written = Written { folder: None, dockerfile: "Dockerfile", text: &text, files: &others };
        simulate(&written, &options, &replay).map(|made| made.image)
    };
    let image = predicted(&intent, image);
    (intent.settle(image), files)
}

/// The user's own Dockerfile.
pub struct Edited<'e> {
    /// Its text before the edits.
    pub before: &'e str,
    /// The edits.
    pub edits: &'e Edits,
    /// The stage that is built.
    pub target_stage: Option<String>,
    /// For a build context: the folder, how it is read, and what lies outside of it.
    pub live: Option<Live<'e>>,
}

/// Proves a plan that edits the user's own Dockerfile, and gives the files of the plan.
pub fn edited(intent: Intent<'_>, edited: &Edited<'_>, style: Style) -> (Plan, Files) {
    Attempt::new(&intent, edited, style).settle(intent)
}

/// What an edited Dockerfile makes, before it is said to be the plan's.
pub struct Attempt {
    image: Image,
    files: Files,
    /// Whether it was made in its build context; an image alone does not tell what an install that is not the plan's takes.
    in_context: bool,
}

impl Attempt {
    /// Reads the edited text.
    pub fn new(intent: &Intent<'_>, edited: &Edited<'_>, style: Style) -> Self {
        let files = emit_as(intent.plan(), style);
        Self { image: image_of(intent, edited, &files), files, in_context: edited.live.is_some() }
    }

    /// The distributions that it installs although the plan does not: an instruction brings them that no edit reaches, one in a
    /// loop or behind a condition. Names, and places of installs that nothing tells; none is what an edit should give.
    pub fn comes_back(&self, intent: &Intent<'_>) -> Vec<String> {
        let plan = intent.plan();
        let Some(environment) = &plan.environment else { return Vec::new() };
        let view = View::new(&self.image);
        let made = Inventory::new(&view);
        let dropped = plan.dropped.iter().map(|gone| normalize_name(&gone.name));
        let gone: BTreeSet<String> = dropped.chain(plan.pins.iter().filter_map(Pin::replaces)).collect();
        let before: BTreeSet<&str> =
            intent.facts().python.distributions.iter().map(|dist| dist.normalized.as_str()).collect();
        let is_tool = |name: &str| ["pip", "setuptools", "wheel"].contains(&name);
        let is_back =
            |name: &&str| !is_tool(name) && !plan.has_pin(name) && (gone.contains(*name) || !before.contains(name));
        let is_ours = |dist: &&Distribution| made.environments[dist.environment].prefix == environment.prefix;
        let names = made.distributions.iter().filter(is_ours).map(|dist| dist.normalized.as_str());
        let back: BTreeSet<&str> = names.filter(is_back).collect();
        let is_install = |gap: &&Gap| !self.in_context && matches!(gap.why, GapReason::Distribution { .. });
        let open = self.image.gaps.iter().filter(is_install).map(|gap| format!("what {} lists", gap.place));
        back.into_iter().map(str::to_owned).chain(open).collect()
    }

    /// Why the text could not be read to its end.
    pub fn would_not_build(&self) -> Option<&str> {
        would_not_build(&self.image)
    }

    /// The plan with this as its prediction, and its files.
    pub fn settle(self, intent: Intent<'_>) -> (Plan, Files) {
        (intent.settle(self.image), self.files)
    }
}

/// Why the text of a plan does not build: of an image that was predicted of it.
pub fn would_not_build(predicted: &Image) -> Option<&str> {
    predicted.gaps.iter().find_map(|gap| match &gap.why {
        GapReason::WouldNotBuild(why) => Some(why.as_str()),
        _ => None,
    })
}

/// The image that an edited Dockerfile makes.
fn image_of(intent: &Intent<'_>, edited: &Edited<'_>, all: &Files) -> Image {
    let files: Files = all.iter().filter(|(name, _)| edited.edits.files.contains(name)).cloned().collect();
    let image = {
        let stock = intent.stock();
        let replay = Replay::new(intent, &stock);
        match &edited.live {
            Some(live) => in_context(live, edited.edits, &files, replay.with(live)),
            None => {
                let options = ContextOptions { target_stage: edited.target_stage.clone(), ..options_of(intent) };
                let target = edited.target_stage.as_deref();
                let aligned = align::layers(intent.facts().view, edited.before, edited.edits, target);
                let written =
                    Written { folder: None, dockerfile: &edited.edits.path, text: &edited.edits.text, files: &files };
                let strange = strange(&aligned.unclaimed);
                simulate(&written, &options, &replay.replaying(aligned)).map(|made| {
                    let mut image = made.image;
                    image.gaps.extend(strange);
                    image
                })
            }
        }
    };
    predicted(intent, image)
}

/// What the image has and the file does not make: nobody knows what the edited file would make in its place.
fn strange(layers: &[usize]) -> Option<Gap> {
    let list = layers.iter().take(6).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    (!layers.is_empty()).then(|| Gap {
        place: format!("layer {list}"),
        command: "layers of the image".into(),
        why: GapReason::NoInstruction,
        writes: Writes::Anywhere,
        copied: false,
    })
}

fn in_context(live: &Live<'_>, edits: &Edits, files: &Files, replay: Replay<'_>) -> Result<Image, ContextError> {
    let mut files = files.clone();
    // The file that is edited is part of the folder.
    let own = match live.options.inline {
        Some(_) => None,
        None => live.options.dockerfile.clone().or_else(|| crate::context::dockerfile_in(live.folder)),
    };
    let own = own.as_deref().and_then(|path| path.strip_prefix(live.folder).ok()).and_then(Path::to_str);
    files.extend(own.map(|name| (name.to_owned(), edits.text.clone())));
    let written = Written { folder: Some(live.folder), dockerfile: &edits.path, text: &edits.text, files: &files };
    simulate(&written, live.options, &replay).map(|made| made.image)
}

fn options_of(intent: &Intent<'_>) -> ContextOptions {
    let original = intent.original();
    let python = intent.plan().environment.as_ref().map(|environment| environment.python.clone());
    ContextOptions {
        platform: original.platform.clone(),
        python: python.filter(|python| python.contains('.')),
        ..ContextOptions::default()
    }
}

/// The image that a text makes, called after the original; where the text could not be read to its end, nothing but the
/// base and a gap that says so.
fn predicted(intent: &Intent<'_>, made: Result<Image, ContextError>) -> Image {
    let original = intent.original();
    let (made, failed) = match made {
        Ok(image) => (Some(image), None),
        Err(error) => (None, Some(error)),
    };
    let base = || {
        let from = intent.other_base().unwrap_or(original);
        let layers = from.layers.iter().take(intent.plan().base.image_layers()).cloned().collect();
        Image { layers, config: crate::image::Config::default(), ..original.clone() }
    };
    let mut image = made.unwrap_or_else(base);
    let failed = failed.map(|error| Gap {
        place: "the plan's Dockerfile".into(),
        command: "all of it".into(),
        why: GapReason::WouldNotBuild(error.to_string()),
        writes: Writes::Anywhere,
        copied: false,
    });
    image.gaps.extend(failed);
    let base = &intent.plan().base;
    let untold = (!base.is_told).then(|| Gap {
        place: "the base image".into(),
        command: crate::base::Text::from(&base.name).into(),
        why: GapReason::WhichLayers,
        writes: Writes::Anywhere,
        copied: false,
    });
    image.gaps.extend(untold);
    let other = base.is_assumed.then(|| Gap {
        place: "the base image".into(),
        command: crate::base::Text::from(&base.name).into(),
        why: GapReason::OtherBase,
        writes: Writes::Anywhere,
        copied: false,
    });
    image.gaps.extend(other);
    image.name = format!("{} (predicted)", original.name);
    image.other_names = Vec::new();
    image.platform.clone_from(&original.platform);
    image.basis = Basis::Predicted;
    // What is started is the plan's, whatever the text could not say of it.
    let history = std::mem::take(&mut image.config.history);
    image.config = crate::image::Config { history, diff_ids: Vec::new(), ..intent.plan().config.clone() };
    image
}
