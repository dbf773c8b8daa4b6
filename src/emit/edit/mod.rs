//! The smallest change of the user's own Dockerfile that carries a plan out.
//!
//! What an instruction does to the image decides whether it is touched: stages that are no part of the final image
//! are left alone, and of those that only feed it the installs alone are looked at. Every edit has a reason; what
//! the plan wants and no edit can say is a note. The text around an edit stays as it is, byte for byte, and the
//! edited file is parsed again before it is given out.

mod builds;
mod diff;
mod draft;
mod install;
mod origin;
mod owner;
mod pip;
mod reach;
mod system;

pub(crate) use install::NAMES;

use crate::base::{Text, is_masked, masked};
use crate::dockerfile::{Dockerfile, Span};
use crate::plan::Plan;
use crate::rules::{Detect, Rule, actions};
use draft::Draft;
use reach::Reach;
use std::collections::BTreeSet;

/// What may be chosen.
#[derive(Clone, Debug, Default)]
pub struct EditOptions {
    /// The stage that the image was built from, by name or number; the last one if it is not named.
    pub target_stage: Option<String>,
    /// Rules that must not be followed, by id.
    pub skip: Vec<String>,
    /// The file's name for the diff, relative to the build context: `Dockerfile`, `docker/api.Dockerfile`.
    pub path: String,
    /// The names of the files at the top of the build context, as far as they are known.
    pub context: BTreeSet<String>,
    /// Why what installs distributions is not edited, where it is not: `matplotlib would come back`.
    pub installs_stay: Option<String>,
}

impl EditOptions {
    /// Whether a file has the stage.
    pub fn check(&self, file: &Dockerfile<'_>) -> Result<(), EditError> {
        target_stage(file, self).map(|_| ())
    }
}

/// One change of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The bytes that go; empty for an insertion.
    pub span: Span,
    /// What comes instead.
    pub replacement: String,
    /// Why, in one line.
    pub reason: String,
    /// The rule that asks for it.
    pub rule: String,
    /// The line where it begins, from 1.
    pub line: usize,
}

/// All changes of a file, in the order of its text, none over another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edits {
    /// The file's name for the diff.
    pub path: String,
    /// The changes.
    pub edits: Vec<Edit>,
    /// What no edit says, and what to know before building.
    pub notes: Vec<String>,
    /// The plan's files that the edited Dockerfile installs from: they have to be in the build context.
    pub files: BTreeSet<String>,
    /// Whether they change what installs distributions.
    pub change_installs: bool,
    /// The edited file.
    pub text: String,
    /// The changes as a unified diff for `patch -p1` and `git apply`; empty when there are none.
    pub diff: String,
}

/// Why a file cannot be edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The stage is not there.
    #[error("no stage is called `{name}`; the file has: {known}")]
    UnknownStage {
        /// The name.
        name: String,
        /// The stages.
        known: String,
    },
}

/// Edits a Dockerfile so that it carries a plan out. `rules` are those that the plan followed.
pub fn edit(plan: &Plan, rules: &[Rule], file: &Dockerfile<'_>, options: &EditOptions) -> Result<Edits, EditError> {
    let target = target_stage(file, options)?;
    let reach = Reach::new(file, target, plan);
    let mut draft = Draft::new(file, &options.skip);
    origin::check(&mut draft, plan, &reach);
    secrets(&mut draft);
    let change_installs = install::edit(&mut draft, plan, rules, &reach, options);
    system::edit(&mut draft, plan, &reach);
    owner::edit(&mut draft, plan, &reach);
    let mut files = std::mem::take(&mut draft.files);
    let (mut edits, mut notes) = draft.finish();
    let mut text = apply(file.text, &edits);
    if let Err(error) = Dockerfile::parse(&text) {
        notes.push(format!("no edit was made, for the edited file would not be right: {error}"));
        edits.clear();
        files.clear();
        text = file.text.to_owned();
    }
    // The file is the user's and stays as it is; what is told of it is for others, too.
    let notes = notes.iter().map(|note| Text::from(&masked(note)).into()).collect();
    for edit in &mut edits {
        edit.reason = Text::from(&masked(&edit.reason)).into();
    }
    let path = if options.path.is_empty() { "Dockerfile".to_owned() } else { options.path.clone() };
    let diff = diff::unified(&path, file.text, &text, &edits);
    Ok(Edits { path, edits, notes, files, change_installs, text, diff })
}

/// Notes the instructions that have a secret.
fn secrets(draft: &mut Draft<'_>) {
    let file = draft.file;
    for (position, instruction) in file.instructions.iter().enumerate() {
        let text = &file.text[instruction.head.clone()];
        if !is_masked(text) && is_masked(&masked(text)) {
            draft.note(
                position,
                "it has a secret, which stays in the history of the image: mount it, RUN --mount=type=secret",
            );
        }
    }
}

fn target_stage(file: &Dockerfile<'_>, options: &EditOptions) -> Result<usize, EditError> {
    let Some(name) = &options.target_stage else { return Ok(file.stages.len().saturating_sub(1)) };
    file.stage(name).ok_or_else(|| {
        let known = |(number, stage): (usize, &crate::dockerfile::Stage)| {
            stage.name.as_deref().map_or_else(|| number.to_string().into(), Text::from)
        };
        let known: Vec<Text> = file.stages.iter().enumerate().map(known).collect();
        EditError::UnknownStage { name: Text::from(name).into(), known: known.join(", ") }
    })
}

/// The text with the edits made.
pub fn apply(text: &str, edits: &[Edit]) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for edit in edits {
        out.push_str(&text[at..edit.span.start]);
        out.push_str(&edit.replacement);
        at = edit.span.end;
    }
    out.push_str(&text[at..]);
    out
}

/// Whether a rule is about distributions: a change of what is installed carries it out.
fn is_about_distributions(rule: &str, rules: &[Rule]) -> bool {
    let detects = rules.iter().find(|known| known.id == rule).map(|rule| &rule.detect);
    match detects {
        Some(detect) => {
            matches!(detect, Detect::DuplicateFamily { .. } | Detect::GpuBuild { .. } | Detect::Distributions { .. })
        }
        None => rule == actions::UNUSED_CLOSURE,
    }
}
