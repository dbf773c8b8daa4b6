//! Writes a plan down so that it can be built: pure functions from the plan to text.
//!
//! Everything that an image calls itself (package names, paths, environment variables, labels) was chosen by
//! somebody else. What cannot be written without changing its meaning, or without letting it become an
//! instruction of its own, is left out, and a comment says so; `quote` holds the rules. The output depends on
//! the plan alone: the same plan gives the same bytes.

mod dockerfile;
pub mod edit;
mod quote;
mod requirements;
mod settings;
mod smoke;

use crate::plan::Plan;

/// The files of a plan, as `(file name, text)`: `Dockerfile`, `requirements.txt`, `requirements.cpu.txt` (when a
/// package index of CPU builds is used), `requirements.in`, `smoke_test.py`. An image without Python
/// distributions has a `Dockerfile` only.
pub fn emit(plan: &Plan) -> Vec<(String, String)> {
    let requirements = requirements::Requirements::new(plan);
    let mut files = vec![("Dockerfile".to_owned(), dockerfile::dockerfile(plan, &requirements))];
    if plan.environment.is_some() {
        files.extend(requirements.files.into_iter().map(|file| (file.name, file.text)));
        files.push(("requirements.in".to_owned(), requirements::roots(plan)));
        files.push(("smoke_test.py".to_owned(), smoke::smoke_test(plan)));
    }
    files
}
