//! Compose files as Docker Compose reads them, and what of them is wrong with memory.
//!
//! ```text
//! files ─► yaml ─► interpolate ─► include, extends, merge ─► model ─► findings ─► report
//!          spans                                            services
//! ```
//!
//! Everything keeps its place in the files, through aliases, merges and includes, so that a finding names file, line and
//! column. What a file names is read below the repository that it is in, and nowhere else. Nothing is fetched.

mod build;
mod check;
mod dotenv;
mod error;
mod folder;
mod inside;
mod interpolate;
mod load;
mod merge;
mod model;
mod names;
mod project;
mod rules;
mod running;
mod value;

pub use build::{Build, NotPredicted};
pub use check::{Check, Finding, Level};
pub use error::{ComposeError, PlacedError};
pub use inside::Inside;
pub use load::{Loaded, load};
pub use model::{At, Resources, Service};
pub use names::{DEFAULT_FILES, OVERRIDE_FILES};
pub use project::Request;
pub use rules::{Cgroup, Host, findings};
pub use running::{PROJECT_LABEL, SERVICE_LABEL, running};
pub use value::{Reading, Words};

/// The services of a project, by name.
///
/// # Errors
///
/// A service is no mapping, or a file of variables that it needs cannot be read.
pub fn services(loaded: &Loaded) -> Result<Vec<Service>, PlacedError> {
    model::services(loaded).map_err(|error| error.with_places(&loaded.files))
}

/// A text with the values of its variables; nothing where a form in it is none.
pub fn substitute(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    interpolate::Variables::new(lookup).substitute(text).ok()
}
