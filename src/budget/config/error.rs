//! Why a configuration cannot be used: file, line, column, the line itself, and what may help.

use crate::base::{Excerpt, Hint, Text};
use std::ops::Range;

/// Why a configuration cannot be used. The text names the place and shows the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    /// `slimwright.toml:3:1`, or the option.
    pub place: Text,
    /// What was expected and found, and below it the line with a mark. Escaped.
    pub message: String,
    /// What may help.
    pub hint: Option<Text>,
}

impl Hint for ConfigError {
    fn hint(&self) -> Option<String> {
        self.hint.clone().map(String::from)
    }
}

impl ConfigError {
    /// An error in an option's value.
    pub(super) fn of_option(option: &str, text: &str, fault: Fault) -> Self {
        Self {
            place: Text::from(&format!("{option} {text}")),
            message: Text::from(&fault.message).into(),
            hint: fault.hint.map(|hint| Text::from(&hint)),
        }
    }
}

/// What was wrong, and where in the text.
#[derive(Debug)]
pub(super) struct Fault {
    span: Range<usize>,
    message: Text,
    hint: Option<Text>,
}

impl Fault {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into().into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into().into());
        self
    }

    pub(super) fn in_file(self, file: &str, text: &str) -> ConfigError {
        let excerpt = Excerpt::new(text, self.span);
        ConfigError {
            place: format!("{}:{}:{}", Text::from(file), excerpt.line, excerpt.column).into(),
            message: format!("{}\n{}", Text::from(&self.message), excerpt.shown),
            hint: self.hint.map(|hint| Text::from(&hint)),
        }
    }
}
