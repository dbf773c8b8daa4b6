//! Why a configuration cannot be used: file, line, column, the line itself, and what may help.

use crate::base::{Excerpt, Hint, escape_str};
use std::ops::Range;

/// Why a configuration cannot be used. The text names the place and shows the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    /// `slimwright.toml:3:1`, or the option.
    pub place: String,
    /// What was expected and found, and the line with a mark. Escaped.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
}

impl Hint for ConfigError {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

impl ConfigError {
    /// An error in an option's value.
    pub(super) fn of_option(option: &str, text: &str, fault: Fault) -> Self {
        Self {
            place: escape_str(&format!("{option} {text}")),
            message: escape_str(&fault.message),
            hint: fault.hint.map(|hint| escape_str(&hint)),
        }
    }
}

/// What was wrong, and where in the text.
#[derive(Debug)]
pub(super) struct Fault {
    span: Range<usize>,
    message: String,
    hint: Option<String>,
}

impl Fault {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn in_file(self, file: &str, text: &str) -> ConfigError {
        let excerpt = Excerpt::new(text, self.span);
        ConfigError {
            place: format!("{}:{}:{}", escape_str(file), excerpt.line, excerpt.column),
            message: format!("{}\n{}", escape_str(&self.message), excerpt.shown),
            hint: self.hint.map(|hint| escape_str(&hint)),
        }
    }
}
