//! What a plan says: `plan.json`, and what `REPORT.md` is made from.

use super::audit::{ActionSummary, BaseEstimate, SCHEMA_VERSION, SkippedSummary, unpacked};
use super::build::{instructions, saving, skipped_summary};
use super::fates::LedgerReport;
use super::heavy::{HeavyReport, heavy};
use super::layout::{and_gaps, relative_to_plan};
use super::libraries::LibrariesReport;
use crate::base::{Basis, ByteSize, Digest, Size, Text, Unit};
use crate::emit::edit::{Edit, Edits};
use crate::facts::Explained;
use crate::image::{Config, GapText, Image};
use crate::index::{Availability, Verdict};
use crate::plan::{Dropped, LibraryCheck, OverriddenEdge, Pin, Plan, PlanOptions};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that a plan decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlanReport {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The name by which the Dockerfile copies from the original image.
    pub original: Text,
    /// `linux/amd64`.
    pub platform: Text,
    /// The digests of the image's unpacked layers, lowest first, by which it is known again; none where it does not tell them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diff_ids: Vec<Text>,
    /// Which rules the user let the plan follow, or kept it from.
    #[serde(skip_serializing_if = "FollowedRules::is_empty")]
    pub followed: FollowedRules,
    /// The files that build the image, by name, with their SHA-256.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<Text, String>,
    /// The image as it is.
    pub before: ImageSize,
    /// The image as the plan predicts it.
    pub predicted: ImageSize,
    /// The difference of the two (`unpacked`, predicted). Negative when the image would grow.
    pub saving: i64,
    /// What to build on.
    pub base: Text,
    /// How that is known.
    pub base_reason: Text,
    /// Where distributions are installed.
    pub environment: Option<EnvironmentSummary>,
    /// What was asked for.
    pub roots: Vec<RootReport>,
    /// What to install.
    pub pins: Vec<PinReport>,
    /// Distributions that go.
    pub dropped: Vec<TakenAway>,
    /// Requirements that will not be met, on purpose.
    pub overridden: Vec<RequirementReport>,
    /// Requirements that the original does not meet either.
    pub unsatisfied_before: Vec<RequirementReport>,
    /// OS packages to install.
    pub system: Vec<SystemReport>,
    /// OS packages that go.
    pub dropped_system: Vec<TakenAway>,
    /// Settings of the original that go: `variable NAME`, `label NAME`, `entry point`, `search path`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped_settings: Vec<Text>,
    /// Files to copy from the original.
    pub copies: Vec<CopyReport>,
    /// What the plan does.
    pub actions: Vec<PlanAction>,
    /// What it leaves alone.
    pub skipped: Vec<SkippedSummary>,
    /// What to know before building.
    pub notes: Vec<Text>,
    /// What the plan's text does and nobody can know: the predicted image is larger by an unknown amount.
    pub gaps: Vec<GapText>,
    /// What becomes of every file of the original; none where that was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerReport>,
    /// What the catalogue has beside the plan's base: the same Python or system in other sizes. It decides nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<BaseEstimate>,
    /// Who brought in the largest distributions.
    pub heavy: Vec<HeavyReport>,
    /// Whether shared objects have the libraries that they need; none where that was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub libraries: Option<LibrariesReport>,
    /// The edits of the user's own Dockerfile, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<DockerfileReport>,
    /// The command that reads the plan's folder again, escaped; none where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<Text>,
    /// The commands that build the image and compare it with the original, in their order, escaped.
    pub next: Vec<Text>,
}

/// What the user chose among rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FollowedRules {
    /// Rules of tier `confirm` that are followed.
    pub accept: Vec<Text>,
    /// Rules that are not followed.
    pub skip: Vec<Text>,
}

impl FollowedRules {
    /// Whether nothing was chosen.
    pub fn is_empty(&self) -> bool {
        self.accept.is_empty() && self.skip.is_empty()
    }
}

/// The edits of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DockerfileReport {
    /// Its name in the build context.
    pub path: Text,
    /// The edits, in the order of its lines.
    pub edits: Vec<EditReport>,
    /// What no edit says.
    pub notes: Vec<Text>,
}

/// An edit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EditReport {
    /// The line where it begins, from 1.
    pub line: usize,
    /// The rule that asks for it.
    pub rule: Text,
    /// Why.
    pub reason: Text,
}

/// An image's size.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageSize {
    /// All bytes of all layers.
    pub unpacked: Size,
    /// Of each layer, lowest first.
    pub layers: Vec<LayerSize>,
}

/// A layer's size.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayerSize {
    /// Its position, from 1.
    pub position: usize,
    /// What makes it.
    pub instruction: Option<Text>,
    /// Its bytes.
    pub unpacked: Size,
}

/// Where distributions are installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EnvironmentSummary {
    /// The prefix.
    pub prefix: Text,
    /// Where modules go.
    pub site_dir: Text,
    /// `3.11`.
    pub python: Text,
    /// Whether the original has bytecode.
    pub bytecode: bool,
}

/// A distribution that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RootReport {
    /// Name.
    pub name: Text,
    /// Extras.
    pub extras: Vec<Text>,
    /// Specifiers as asked.
    pub specifiers: Text,
    /// The version to install.
    pub version: Text,
    /// How it is known to be a root.
    pub how: Text,
}

/// A distribution to install.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PinReport {
    /// Name.
    pub name: Text,
    /// Version.
    pub version: Text,
    /// The package index, if it is not the default one.
    pub index: Option<Text>,
    /// The URL, if it comes from one.
    pub url: Option<Text>,
    /// Why it is there.
    pub why: Text,
    /// What it takes the place of.
    pub instead_of: Option<Text>,
    /// Its installed size.
    pub size: Size,
    /// Whether and from what it can be installed; none where that was not looked up.
    pub availability: Option<AvailabilityReport>,
}

/// Whether and from what a pin can be installed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AvailabilityReport {
    /// The verdict.
    pub verdict: Verdict,
    /// The version that was found, with its local part.
    pub version: Option<Text>,
    /// Why it was yanked; none if it was not.
    pub yanked: Option<Text>,
    /// The file to install: the wheel for the platform, or else the source.
    pub file: Option<FileReport>,
    /// What the wheel has (`unpacked`, measured in its own list); none where that was not read.
    pub unpacked: Option<Size>,
    /// The nearest versions that can be installed, where this one cannot or should not be.
    pub near: Vec<Text>,
    /// Why something is not known; empty if all is.
    pub reason: Text,
}

/// A file of a package index.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileReport {
    /// Its name.
    pub name: Text,
    /// Where it is.
    pub url: Option<Text>,
    /// What is downloaded (`wire`).
    pub wire: Option<Size>,
    /// Its SHA-256.
    pub sha256: Option<Text>,
}

/// A distribution or package that goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TakenAway {
    /// Name.
    pub name: Text,
    /// Version.
    pub version: Text,
    /// Its installed size in the original.
    pub size: Size,
    /// Why.
    pub why: Text,
}

/// A requirement that is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RequirementReport {
    /// Who requires.
    pub distribution: Text,
    /// Its version.
    pub version: Text,
    /// The requirement.
    pub requirement: Text,
    /// The required name.
    pub name: Text,
    /// Why.
    pub why: Text,
}

/// An OS package to install.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SystemReport {
    /// Name.
    pub name: Text,
    /// Why it stays.
    pub why: Text,
    /// Its size with what it brings.
    pub size: Size,
}

/// A path to copy.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CopyReport {
    /// The path.
    pub path: Text,
    /// Whether it is a directory.
    pub directory: bool,
    /// Its bytes.
    pub size: Size,
}

/// Something that the plan does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlanAction {
    /// What is done.
    #[serde(flatten)]
    pub what: ActionSummary,
    /// The proof, one line each.
    pub evidence: Vec<Text>,
}

impl PlanReport {
    /// Bytes of the original of which nobody knows whether the plan's text brings them again.
    pub(super) fn unknown(&self) -> u64 {
        ActionSummary::unknown(self.actions.iter().map(|action| &action.what))
    }

    /// What it comes to, in a line.
    pub fn outcome(&self) -> String {
        let (before, after) = (self.before.unpacked.bytes, self.predicted.unpacked.bytes);
        let gaps = and_gaps(self.gaps.len());
        let relative = relative_to_plan(before.0, after.0, self.unknown());
        format!("{before} today, {after}{gaps} predicted ({relative})")
    }

    /// Writes down what `plan` makes of `image`.
    pub fn new(image: &Image, plan: &Plan) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            original: Text::from(&plan.original),
            platform: Text::from(&image.platform),
            diff_ids: escaped(&image.config.diff_ids),
            followed: FollowedRules::default(),
            files: BTreeMap::new(),
            before: image_size(image),
            predicted: image_size(&plan.predicted),
            saving: saving(image, plan),
            base: Text::from(&plan.base.name),
            base_reason: Text::from(&plan.base.how),
            environment: plan.environment.as_ref().map(environment),
            roots: plan.roots.iter().map(root).collect(),
            pins: plan.pins.iter().map(pin).collect(),
            dropped: plan.dropped.iter().map(|gone| taken_away(gone, image.basis)).collect(),
            overridden: plan.overridden.iter().map(requirement).collect(),
            unsatisfied_before: plan.unsatisfied_before.iter().map(requirement).collect(),
            system: plan.system.iter().map(system).collect(),
            dropped_settings: dropped_settings(&image.config, &plan.config),
            dropped_system: plan.dropped_system.iter().map(|gone| taken_away(gone, image.basis)).collect(),
            copies: plan.copies.iter().map(|item| copy(item, image.basis)).collect(),
            actions: plan.actions.iter().map(action).collect(),
            skipped: plan.skipped.iter().map(skipped_summary).collect(),
            notes: escaped(&plan.notes),
            gaps: plan.predicted.gaps.iter().map(GapText::from).collect(),
            ledger: plan.ledger.as_ref().map(|ledger| LedgerReport::new(ledger, image.basis, &plan.predicted)),
            bases: BaseEstimate::beside(&plan.base.name, &image.platform),
            heavy: Vec::new(),
            libraries: None,
            dockerfile: None,
            again: None,
            next: Vec::new(),
        }
    }

    /// Adds who brought in the largest distributions.
    #[must_use]
    pub fn with_heavy(self, found: &[Explained]) -> Self {
        Self { heavy: heavy(found, self.before.unpacked.basis), ..self }
    }

    /// Adds what shared objects need, and a note for each that the plan would leave without.
    #[must_use]
    pub fn with_libraries(mut self, check: &LibraryCheck) -> Self {
        let report = LibrariesReport::new(check);
        self.notes.extend(report.notes());
        Self { libraries: Some(report), ..self }
    }

    /// Adds the command that reads the plan's folder again.
    #[must_use]
    pub fn with_again(self, command: Option<&str>) -> Self {
        Self { again: command.map(Text::from), ..self }
    }

    /// Adds the commands that build the image and compare it with the original.
    #[must_use]
    pub fn with_next(self, commands: &[String]) -> Self {
        Self { next: escaped(commands), ..self }
    }

    /// Adds what the user chose, and the files that were written.
    #[must_use]
    pub fn with_files(self, options: &PlanOptions, files: &[(String, String)]) -> Self {
        let followed = FollowedRules { accept: escaped(&options.accept), skip: escaped(&options.skip) };
        let digest = |(name, text): &(String, String)| (Text::from(name), Digest::of(text.as_bytes()).to_string());
        Self { followed, files: files.iter().map(digest).collect(), ..self }
    }

    /// Adds the edits of the user's own Dockerfile.
    #[must_use]
    pub fn with_edits(self, edits: Option<&Edits>) -> Self {
        let report = |edits: &Edits| DockerfileReport {
            path: Text::from(&edits.path),
            edits: edits.edits.iter().map(edit).collect(),
            notes: escaped(&edits.notes),
        };
        Self { dockerfile: edits.map(report), ..self }
    }
}

fn edit(edit: &Edit) -> EditReport {
    EditReport { line: edit.line, rule: Text::from(&edit.rule), reason: Text::from(&edit.reason) }
}

fn escaped(texts: &[String]) -> Vec<Text> {
    texts.iter().map(Text::from).collect()
}

fn image_size(image: &Image) -> ImageSize {
    let layers = instructions(image).into_iter().zip(&image.layers).enumerate();
    let layer = |(position, (instruction, index)): (usize, (Option<Text>, &Arc<crate::layer::LayerIndex>))| LayerSize {
        position: position + 1,
        instruction,
        unpacked: unpacked(index.unpacked(), image.basis),
    };
    ImageSize { unpacked: unpacked(image.unpacked(), image.basis), layers: layers.map(layer).collect() }
}

fn environment(environment: &crate::plan::TargetEnvironment) -> EnvironmentSummary {
    EnvironmentSummary {
        prefix: environment.prefix.to_string().into(),
        site_dir: environment.site_dir.to_string().into(),
        python: Text::from(&environment.python),
        bytecode: environment.bytecode,
    }
}

fn root(root: &crate::facts::Root) -> RootReport {
    RootReport {
        name: Text::from(&root.name),
        extras: escaped(&root.extras),
        specifiers: Text::from(&root.specifiers),
        version: Text::from(&root.version),
        how: Text::from(&root.how),
    }
}

fn pin(pin: &Pin) -> PinReport {
    PinReport {
        name: Text::from(&pin.name),
        version: Text::from(&pin.version),
        index: pin.index.as_deref().map(Text::from),
        url: pin.url.as_deref().map(Text::from),
        why: Text::of(&pin.why),
        instead_of: pin.instead_of.as_deref().map(Text::from),
        size: pin.size,
        availability: pin.availability.as_ref().map(availability),
    }
}

fn availability(answer: &Availability) -> AvailabilityReport {
    let contents = answer.info.as_ref().map(|info| &info.contents);
    let file = answer.files().into_iter().next().map(|file| FileReport {
        name: Text::from(&file.file),
        url: file.url.as_deref().map(Text::from),
        // The server's word, or else the index's: both speak of that very file.
        wire: contents.map(|contents| contents.wire).or(file.size).map(|bytes| Size {
            bytes: ByteSize(bytes),
            unit: Unit::Wire,
            basis: contents.map_or(Basis::Predicted, |contents| contents.basis),
        }),
        sha256: file.sha256().map(Text::from),
    });
    AvailabilityReport {
        verdict: answer.verdict,
        version: answer.version.as_deref().map(Text::from),
        yanked: answer.yanked.as_deref().map(Text::from),
        file,
        unpacked: contents.map(|contents| unpacked(contents.unpacked(), contents.basis)),
        near: escaped(&answer.near),
        reason: Text::from(&answer.reason),
    }
}

fn taken_away(dropped: &Dropped, basis: Basis) -> TakenAway {
    TakenAway {
        name: Text::from(&dropped.name),
        version: Text::from(&dropped.version),
        size: unpacked(dropped.bytes, basis),
        why: Text::from(&dropped.reason()),
    }
}

fn requirement(edge: &OverriddenEdge) -> RequirementReport {
    RequirementReport {
        distribution: Text::from(&edge.distribution),
        version: Text::from(&edge.version),
        requirement: Text::from(&edge.requirement),
        name: Text::from(&edge.name),
        why: Text::of(&edge.why),
    }
}

fn system(package: &crate::plan::SystemPackage) -> SystemReport {
    SystemReport {
        name: Text::from(&package.name),
        why: Text::of(&package.why),
        size: unpacked(package.bytes, Basis::Predicted),
    }
}

fn copy(item: &crate::plan::CopyItem, basis: Basis) -> CopyReport {
    CopyReport { path: item.path.to_string().into(), directory: item.directory, size: unpacked(item.bytes, basis) }
}

fn action(action: &crate::plan::Action) -> PlanAction {
    PlanAction { what: ActionSummary::new(action), evidence: escaped(&action.evidence) }
}

/// What the plan's configuration has not or has otherwise, as `verify` calls it.
fn dropped_settings(before: &Config, after: &Config) -> Vec<Text> {
    let name = |pair: &String| pair.split('=').next().unwrap_or_default().to_owned();
    let gone = before.env.iter().filter(|pair| !after.env.contains(pair)).map(name);
    let variables = gone.map(|name| if name == "PATH" { "search path".to_owned() } else { format!("variable {name}") });
    let labels = before.labels.keys().filter(|key| !after.labels.contains_key(*key)).map(|key| format!("label {key}"));
    let entry = (before.entrypoint != after.entrypoint).then(|| "entry point".to_owned());
    variables.chain(labels).chain(entry).map(Text::from).collect()
}
