//! What a plan says: `plan.json`, and what `REPORT.md` is made from.

use super::audit::{BaseEstimate, SCHEMA_VERSION, SkippedSummary, unpacked};
use super::build::{instructions, saving, skipped_summary};
use super::fates::LedgerReport;
use super::heavy::{HeavyReport, heavy};
use super::libraries::LibrariesReport;
use crate::base::{Basis, ByteSize, Size, Unit, escape_str};
use crate::emit::edit::{Edit, Edits};
use crate::facts::Explained;
use crate::image::{Config, GapText, Image};
use crate::index::{Availability, Verdict};
use crate::plan::{Dropped, LibraryCheck, OverriddenEdge, Pin, Plan};
use crate::rules::Tier;
use serde::Serialize;
use std::sync::Arc;

/// Everything that a plan decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlanReport {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The name by which the Dockerfile copies from the original image.
    pub original: String,
    /// `linux/amd64`.
    pub platform: String,
    /// The image as it is.
    pub before: ImageSize,
    /// The image as the plan predicts it.
    pub predicted: ImageSize,
    /// The difference of the two (`unpacked`, predicted). Negative when the image would grow.
    pub saving: i64,
    /// What to build on.
    pub base: String,
    /// How that is known.
    pub base_reason: String,
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
    pub dropped_settings: Vec<String>,
    /// Files to copy from the original.
    pub copies: Vec<CopyReport>,
    /// What the plan does.
    pub actions: Vec<PlanAction>,
    /// What it leaves alone.
    pub skipped: Vec<SkippedSummary>,
    /// What to know before building.
    pub notes: Vec<String>,
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
    pub again: Option<String>,
    /// The commands that build the image and compare it with the original, in their order, escaped.
    pub next: Vec<String>,
}

/// The edits of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DockerfileReport {
    /// Its name in the build context.
    pub path: String,
    /// The edits, in the order of its lines.
    pub edits: Vec<EditReport>,
    /// What no edit says.
    pub notes: Vec<String>,
}

/// An edit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EditReport {
    /// The line where it begins, from 1.
    pub line: usize,
    /// The rule that asks for it.
    pub rule: String,
    /// Why.
    pub reason: String,
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
    pub instruction: Option<String>,
    /// Its bytes.
    pub unpacked: Size,
}

/// Where distributions are installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EnvironmentSummary {
    /// The prefix.
    pub prefix: String,
    /// Where modules go.
    pub site_dir: String,
    /// `3.11`.
    pub python: String,
    /// Whether the original has bytecode.
    pub bytecode: bool,
}

/// A distribution that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RootReport {
    /// Name.
    pub name: String,
    /// Extras.
    pub extras: Vec<String>,
    /// Specifiers as asked.
    pub specifiers: String,
    /// The version to install.
    pub version: String,
    /// How it is known to be a root.
    pub how: String,
}

/// A distribution to install.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PinReport {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// The package index, if it is not the default one.
    pub index: Option<String>,
    /// The URL, if it comes from one.
    pub url: Option<String>,
    /// Why it is there.
    pub why: String,
    /// What it takes the place of.
    pub instead_of: Option<String>,
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
    pub version: Option<String>,
    /// Why it was yanked; none if it was not.
    pub yanked: Option<String>,
    /// The file to install: the wheel for the platform, or else the source.
    pub file: Option<FileReport>,
    /// What the wheel has (`unpacked`, measured in its own list); none where that was not read.
    pub unpacked: Option<Size>,
    /// The nearest versions that can be installed, where this one cannot or should not be.
    pub near: Vec<String>,
    /// Why something is not known; empty if all is.
    pub reason: String,
}

/// A file of a package index.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileReport {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub url: Option<String>,
    /// What is downloaded (`wire`).
    pub wire: Option<Size>,
    /// Its SHA-256.
    pub sha256: Option<String>,
}

/// A distribution or package that goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TakenAway {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Its installed size in the original.
    pub size: Size,
    /// Why.
    pub why: String,
}

/// A requirement that is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RequirementReport {
    /// Who requires.
    pub distribution: String,
    /// Its version.
    pub version: String,
    /// The requirement.
    pub requirement: String,
    /// The required name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// An OS package to install.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SystemReport {
    /// Name.
    pub name: String,
    /// Why it stays.
    pub why: String,
    /// Its size with what it brings.
    pub size: Size,
}

/// A path to copy.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CopyReport {
    /// The path.
    pub path: String,
    /// Whether it is a directory.
    pub directory: bool,
    /// Its bytes.
    pub size: Size,
}

/// Something that the plan does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlanAction {
    /// The rule, or a reason of the plan's own.
    pub rule: String,
    /// Its tier.
    pub tier: Tier,
    /// What is done to what.
    pub title: String,
    /// Bytes (`unpacked`, with the basis of the original) that go.
    pub removed: u64,
    /// Bytes (`unpacked`, predicted) that come instead.
    pub added: u64,
    /// The proof, one line each.
    pub evidence: Vec<String>,
}

impl PlanReport {
    /// Writes down what `plan` makes of `image`.
    pub fn new(image: &Image, plan: &Plan) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            original: escape_str(&plan.original),
            platform: escape_str(&image.platform),
            before: image_size(image),
            predicted: image_size(&plan.predicted),
            saving: saving(image, plan),
            base: escape_str(&plan.base.name),
            base_reason: escape_str(&plan.base.how),
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
        Self { again: command.map(escape_str), ..self }
    }

    /// Adds the commands that build the image and compare it with the original.
    #[must_use]
    pub fn with_next(self, commands: &[String]) -> Self {
        Self { next: escaped(commands), ..self }
    }

    /// Adds the edits of the user's own Dockerfile.
    #[must_use]
    pub fn with_edits(self, edits: Option<&Edits>) -> Self {
        let report = |edits: &Edits| DockerfileReport {
            path: escape_str(&edits.path),
            edits: edits.edits.iter().map(edit).collect(),
            notes: escaped(&edits.notes),
        };
        Self { dockerfile: edits.map(report), ..self }
    }
}

fn edit(edit: &Edit) -> EditReport {
    EditReport { line: edit.line, rule: escape_str(&edit.rule), reason: escape_str(&edit.reason) }
}

fn escaped(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| escape_str(text)).collect()
}

fn image_size(image: &Image) -> ImageSize {
    let layers = instructions(image).into_iter().zip(&image.layers).enumerate();
    let layer = |(position, (instruction, index)): (usize, (Option<String>, &Arc<crate::layer::LayerIndex>))| {
        LayerSize { position: position + 1, instruction, unpacked: unpacked(index.unpacked(), image.basis) }
    };
    ImageSize { unpacked: unpacked(image.unpacked(), image.basis), layers: layers.map(layer).collect() }
}

fn environment(environment: &crate::plan::TargetEnvironment) -> EnvironmentSummary {
    EnvironmentSummary {
        prefix: environment.prefix.to_string(),
        site_dir: environment.site_dir.to_string(),
        python: escape_str(&environment.python),
        bytecode: environment.bytecode,
    }
}

fn root(root: &crate::facts::Root) -> RootReport {
    RootReport {
        name: escape_str(&root.name),
        extras: escaped(&root.extras),
        specifiers: escape_str(&root.specifiers),
        version: escape_str(&root.version),
        how: escape_str(&root.how),
    }
}

fn pin(pin: &Pin) -> PinReport {
    PinReport {
        name: escape_str(&pin.name),
        version: escape_str(&pin.version),
        index: pin.index.as_deref().map(escape_str),
        url: pin.url.as_deref().map(escape_str),
        why: escape_str(&pin.why.to_string()),
        instead_of: pin.instead_of.as_deref().map(escape_str),
        size: pin.size,
        availability: pin.availability.as_ref().map(availability),
    }
}

fn availability(answer: &Availability) -> AvailabilityReport {
    let contents = answer.info.as_ref().map(|info| &info.contents);
    let file = answer.files().into_iter().next().map(|file| FileReport {
        name: escape_str(&file.file),
        url: file.url.as_deref().map(escape_str),
        // The server's word, or else the index's: both speak of that very file.
        wire: contents.map(|contents| contents.wire).or(file.size).map(|bytes| Size {
            bytes: ByteSize(bytes),
            unit: Unit::Wire,
            basis: contents.map_or(Basis::Predicted, |contents| contents.basis),
        }),
        sha256: file.sha256().map(str::to_owned),
    });
    AvailabilityReport {
        verdict: answer.verdict,
        version: answer.version.as_deref().map(escape_str),
        yanked: answer.yanked.as_deref().map(escape_str),
        file,
        unpacked: contents.map(|contents| unpacked(contents.unpacked(), contents.basis)),
        near: escaped(&answer.near),
        reason: escape_str(&answer.reason),
    }
}

fn taken_away(dropped: &Dropped, basis: Basis) -> TakenAway {
    TakenAway {
        name: escape_str(&dropped.name),
        version: escape_str(&dropped.version),
        size: unpacked(dropped.bytes, basis),
        why: escape_str(&dropped.reason()),
    }
}

fn requirement(edge: &OverriddenEdge) -> RequirementReport {
    RequirementReport {
        distribution: escape_str(&edge.distribution),
        version: escape_str(&edge.version),
        requirement: escape_str(&edge.requirement),
        name: escape_str(&edge.name),
        why: escape_str(&edge.why.to_string()),
    }
}

fn system(package: &crate::plan::SystemPackage) -> SystemReport {
    SystemReport {
        name: escape_str(&package.name),
        why: escape_str(&package.why.to_string()),
        size: unpacked(package.bytes, Basis::Predicted),
    }
}

fn copy(item: &crate::plan::CopyItem, basis: Basis) -> CopyReport {
    CopyReport { path: item.path.to_string(), directory: item.directory, size: unpacked(item.bytes, basis) }
}

fn action(action: &crate::plan::Action) -> PlanAction {
    PlanAction {
        rule: escape_str(&action.rule),
        tier: action.tier,
        title: escape_str(&action.title),
        removed: action.removed,
        added: action.added,
        evidence: escaped(&action.evidence),
    }
}

/// What the plan's configuration has not or has otherwise, as `verify` calls it.
fn dropped_settings(before: &Config, after: &Config) -> Vec<String> {
    let name = |pair: &String| pair.split('=').next().unwrap_or_default().to_owned();
    let gone = before.env.iter().filter(|pair| !after.env.contains(pair)).map(name);
    let variables = gone.map(|name| if name == "PATH" { "search path".to_owned() } else { format!("variable {name}") });
    let labels = before.labels.keys().filter(|key| !after.labels.contains_key(*key)).map(|key| format!("label {key}"));
    let entry = (before.entrypoint != after.entrypoint).then(|| "entry point".to_owned());
    variables.chain(labels).chain(entry).map(|setting| escape_str(&setting)).collect()
}
