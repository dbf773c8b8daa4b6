//! Writes a plan down so that it can be built: pure functions from the plan to text.

use crate::plan::Plan;

/// The files of a plan, as `(file name, text)`: `Dockerfile`, `requirements.txt`, `requirements.cpu.txt` (when a
/// package index of CPU builds is used), `requirements.in`, `smoke_test.py`.
pub fn emit(plan: &Plan) -> Vec<(String, String)> {
    let _ = plan;
    Vec::new()
}
