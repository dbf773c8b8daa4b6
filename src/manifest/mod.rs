//! What Python projects write about what they need: requirements, files of them, and markers. Each is read here and nowhere
//! else.
//!
//! Reading is apart from the disk and from what is installed; `resolve` follows what a file includes,
//! `python` reads the metadata of what is installed with the same readers.

mod marker;
mod requirement;
mod requirements;

pub use marker::{Markers, machine};
pub use requirement::{Requirement, is_name, normalize_name, parse_requirement_line};
pub(crate) use requirements::shown;
pub use requirements::{LineError, LineKind, RequirementsLine, parse_requirements_file, requirements_lines};
