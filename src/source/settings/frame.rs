//! What is known while a file is followed.

use super::value::{Known, Settings, World};
use ruff_python_ast::StmtFunctionDef;
use std::collections::BTreeMap;

/// Statements and expressions that are followed.
pub(super) const MAX_STEPS: usize = 50_000;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Binding<'a> {
    /// A value, where it is known.
    Value(Option<Known>),
    /// Something imported, by its whole name.
    Import(String),
    /// A function of the file.
    Function(&'a StmtFunctionDef),
}

/// Names, and what is known beside them.
pub(super) struct Frame<'a, 'w> {
    pub(super) names: BTreeMap<String, Binding<'a>>,
    pub(super) world: World<'w>,
    pub(super) made: Settings,
    pub(super) steps: usize,
    pub(super) calls: usize,
}

impl Frame<'_, '_> {
    /// Whether there is work left to do.
    pub(super) fn step(&mut self) -> bool {
        self.steps += 1;
        self.steps < MAX_STEPS
    }
}
