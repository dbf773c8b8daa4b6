//! The words of a command as the shell hands them to a program: variables with their values, `~`, and words that fall apart.

use super::stage::Stage;
use crate::dockerfile::{Command, Operator, Run};

/// A command that is about to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spoken {
    /// The words; the first is the program.
    pub(super) words: Vec<String>,
    /// `NAME=value` before them.
    pub(super) assigned: Vec<(String, String)>,
    /// Where its output goes: a file, and whether it is appended.
    pub(super) output: Option<(String, bool)>,
}

impl Stage {
    /// A command's words; the error is the word that has no known value.
    pub(super) fn spoken(&self, run: &Run, command: &Command, source: &str) -> Result<Spoken, String> {
        let mut out = Spoken::default();
        let mut output = None;
        for at in command.tokens.clone() {
            let token = &run.tokens[at];
            if token.operator == Some(Operator::Redirect) {
                let sign = source.get(token.span.clone()).unwrap_or_default();
                let is_output = !token.literal && sign.contains('>') && !sign.starts_with('2');
                output = is_output.then(|| sign.contains(">>"));
                continue;
            }
            let raw = source.get(token.span.clone()).unwrap_or_default();
            if let Some(appends) = output.take() {
                let name = if token.literal { Some(token.text.clone()) } else { self.scope.expand(&token.text) };
                out.output = Some((self.at_home(&name.ok_or_else(|| raw.to_owned())?), appends));
                continue;
            }
            // In order.
            if command.words.binary_search(&at).is_err() {
                continue;
            }
            let is_single = raw.starts_with('\'') && raw.ends_with('\'');
            let value = if token.literal || is_single { token.text.clone() } else { self.value(&token.text, raw)? };
            let assignment = value.split_once('=').filter(|(name, _)| out.words.is_empty() && is_name(name));
            if let Some((name, value)) = assignment {
                out.assigned.push((name.to_owned(), value.to_owned()));
            } else if token.literal || raw.contains(['"', '\'']) || !raw.contains('$') {
                out.words.push(self.at_home(&value));
            } else {
                out.words.extend(value.split_whitespace().map(|word| self.at_home(word)));
            }
        }
        Ok(out)
    }

    fn value(&self, text: &str, raw: &str) -> Result<String, String> {
        if let Some(value) = self.scope.expand(text) {
            return Ok(value);
        }
        let known = |inside: &str| match inside.trim() {
            "dpkg --print-architecture" => Some(self.config.architecture.clone()),
            "uname -m" if self.config.architecture == "amd64" => Some("x86_64".into()),
            "uname -m" if self.config.architecture == "arm64" => Some("aarch64".into()),
            "pwd" => self.scope.directory.clone(),
            "nproc" => Some("1".into()),
            _ => None,
        };
        let inside = text.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')'));
        inside.and_then(known).ok_or_else(|| raw.to_owned())
    }

    fn at_home(&self, word: &str) -> String {
        match word.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                format!("/{}{rest}", String::from_utf8_lossy(&self.home()))
            }
            _ => word.to_owned(),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
