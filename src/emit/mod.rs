//! Writes a plan down so that it can be built: pure functions from the plan to text.
//!
//! Everything that an image calls itself (package names, paths, environment variables, labels) was chosen by
//! somebody else. What cannot be written without changing its meaning, or without letting it become an
//! instruction of its own, is left out, and a comment says so; `quote` holds the rules. The output depends on
//! the plan alone: the same plan gives the same bytes.

mod conda;
mod dockerfile;
pub mod edit;
mod install;
mod lines;
mod lock;
mod picked;
mod project;
mod quote;
mod requirements;
mod settings;
mod smoke;

pub use conda::{MICROMAMBA, listed as listed_environment, title as conda_title};
pub use dockerfile::{base_argument, original_argument, slim_name};
pub use smoke::{SmokeFacts, smoke_script};

use crate::plan::Plan;

/// How the Dockerfile installs distributions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// With pip, from requirements files.
    #[default]
    Pip,
    /// With uv, from requirements files.
    Uv,
    /// With uv, from `pylock.cpu.toml`; from requirements files where no lock can be written.
    Pylock,
}

/// [`emit_as`] with pip.
pub fn emit(plan: &Plan) -> Vec<(String, String)> {
    emit_as(plan, Style::Pip)
}

/// The files of a plan, as `(file name, text)`: `Dockerfile`, `requirements.txt`, `requirements.cpu.txt` (when a
/// package index of CPU builds is used), `requirements.in`, `pylock.cpu.toml` (when a file is known for every pin),
/// `pyproject.edits.toml` (for a project of uv's), `smoke_test.py`, and `copied-files.txt` and `copied-folders.txt` where what is
/// copied is scattered; of conda's environments that are made anew `environment.yml` and `conda-linux-64.lock`.
/// An image without Python distributions has none of those that are about them.
pub fn emit_as(plan: &Plan, style: Style) -> Vec<(String, String)> {
    let requirements = requirements::Requirements::new(plan);
    let lock = lock::lock(plan);
    let style = if style == Style::Pylock && lock.is_none() { Style::Uv } else { style };
    let mut files = vec![("Dockerfile".to_owned(), dockerfile::dockerfile(plan, &requirements, style))];
    files.extend(plan.picked.iter().flat_map(picked::lists));
    files.extend(conda::files(plan));
    if let Some(environment) = &plan.environment {
        files.extend(requirements.files.into_iter().map(|file| (file.name, file.text)));
        files.push(("requirements.in".to_owned(), requirements::roots(plan)));
        files.extend(lock.map(|text| (lock::NAME.to_owned(), text)));
        files.extend(project::edits(plan).map(|text| (project::NAME.to_owned(), text)));
        files.push(("smoke_test.py".to_owned(), smoke::smoke_test(plan, Some(dockerfile::python(environment)))));
    }
    files
}
