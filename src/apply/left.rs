//! What is left as it is.

/// Something that the plan wants and that is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// What: a rule, packages, paths.
    pub what: String,
    /// Why.
    pub why: String,
    /// Its bytes (`unpacked`).
    pub bytes: u64,
}
