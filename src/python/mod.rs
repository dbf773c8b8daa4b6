//! The Python distributions of an image: which are installed where, what each one's files are and whether
//! they are all there, and who requires whom.
//!
//! Source: the packaging specifications "Recording installed projects" (METADATA, RECORD, INSTALLER,
//! REQUESTED, direct_url.json; PEP 376, 627, 610), "Core metadata", "Dependency specifiers" (PEP 508) and
//! "Version specifiers" (PEP 440); `pyvenv.cfg` (PEP 405); PEP 3147 for `__pycache__`.

mod asked;
mod claims;
mod cpython;
mod environment;
mod graph;
mod install;
mod interpreter;
mod inventory;
mod metadata;
mod modules;
mod record;
mod removed;
mod scan;
mod uses;
mod vendor;

pub use crate::manifest::{is_name, normalize_name};
pub use asked::{AskedFor, asked_for, is_asked_for_file, parse_requirement, parse_requirements, read_asked_for};
pub use cpython::{Interpreter, Interpreters, PythonPart};
pub use environment::{Environment, EnvironmentKind};
pub use graph::{Edge, Graph};
pub use interpreter::parse_pyvenv;
pub use inventory::{Contest, Distribution, Inventory, MissingFile, RemovedDistribution};
pub use metadata::{Metadata, MetadataError, parse_metadata};
pub use record::{RecordRow, parse_record};
pub use uses::{SourceFile, UsedAt, Uses};
