//! What a file's names stand for: all of its imports, wherever they are. A name that is bound twice has the meaning
//! of the last import; what else binds it is not looked at.

use ruff_python_ast::visitor::{Visitor, walk_stmt};
use ruff_python_ast::{Expr, Stmt, StmtImportFrom};
use std::collections::HashMap;

/// Components of a dotted name.
const LONGEST: usize = 8;

/// Names and the modules or members of modules that they stand for.
#[derive(Default)]
pub(super) struct Names(HashMap<String, String>);

impl Names {
    pub(super) fn of(suite: &[Stmt]) -> Self {
        let mut names = Self::default();
        suite.iter().for_each(|stmt| names.visit_stmt(stmt));
        names
    }

    /// The dotted name of an expression whose first name was imported: `cv2.ximgproc.x` of `cv.ximgproc.x`.
    pub(super) fn resolve(&self, expr: &Expr) -> Option<String> {
        let mut attributes = Vec::new();
        let mut at = expr;
        loop {
            match at {
                Expr::Attribute(attribute) => {
                    attributes.push(attribute.attr.as_str());
                    at = &attribute.value;
                }
                Expr::Name(name) => {
                    let mut out = self.0.get(name.id.as_str())?.clone();
                    for attribute in attributes.iter().rev().take(LONGEST) {
                        out.push('.');
                        out.push_str(attribute);
                    }
                    return Some(out);
                }
                _ => return None,
            }
        }
    }

    fn from(&mut self, import: &StmtImportFrom) {
        let Some(module) = import.module.as_ref().filter(|_| import.level == 0) else { return };
        for alias in &import.names {
            let bound = alias.asname.as_ref().unwrap_or(&alias.name);
            self.0.insert(bound.to_string(), format!("{module}.{}", alias.name.as_str(), module = module.as_str()));
        }
    }
}

impl Visitor<'_> for Names {
    fn visit_stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = alias.name.as_str();
                    let top = name.split('.').next().unwrap_or_default();
                    let (bound, what) = alias.asname.as_ref().map_or((top, top), |bound| (bound.as_str(), name));
                    self.0.insert(bound.to_owned(), what.to_owned());
                }
            }
            Stmt::ImportFrom(import) => self.from(import),
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, _: &Expr) {}
}
