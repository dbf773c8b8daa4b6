//! What Python projects write about what they need: requirements, files of them, markers, projects and locks. Each is read
//! here and nowhere else.
//!
//! Reading is apart from the disk and from what is installed; `index` follows what a file includes,
//! `python` reads the metadata of what is installed with the same readers.

mod artifact;
mod document;
mod locks;
mod marker;
mod project;
mod pylock;
mod requirement;
mod requirements;
mod roots;

pub use artifact::Artifact;
pub use locks::{
    Choice, Pin, Pins, member_folder, parse_pdm_lock, parse_pipfile_lock, parse_poetry_lock, parse_uv_lock,
};
pub use marker::{Markers, machine};
pub(crate) use project::parse_settings;
pub use project::{Dependency, Part, Project, ProjectError, Source, parse_project, read_project};
pub use pylock::{Direct, LockHead, LockedPackage, parse_lock, parse_whole_lock};
pub(crate) use pylock::{file_of, without_secrets};
pub use requirement::{Requirement, is_name, normalize_name, parse_requirement_line};
pub(crate) use requirements::shown;
pub use requirements::{LineError, LineKind, RequirementsLine, parse_requirements_file, requirements_lines};
pub use roots::{Asked, is_pylock, roots};
