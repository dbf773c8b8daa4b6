//! Why a run ends early: what went wrong, what may help, and the exit code.

use crate::base::{Hint, Text};
use anstyle::AnsiColor;
use std::io::Write as _;
use std::process::ExitCode;

/// A failure of the run.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    error: anyhow::Error,
    hint: Option<String>,
}

/// Says on stderr what may help.
pub fn print_hint(hint: &str) {
    let cyan = AnsiColor::Cyan.on_default().bold();
    let _ = writeln!(anstream::stderr(), "{cyan}hint:{cyan:#} {}", Text::from(hint));
}

/// What commands return.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// The user must change the command line or a file of theirs.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 2, error: error.into(), hint: None }
    }

    /// The image could not be measured.
    pub fn measure(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 3, error: error.into(), hint: None }
    }

    /// The image was measured, and the answer is no.
    pub fn verdict(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 1, error: error.into(), hint: None }
    }

    /// An error that knows what may help: `usage` where the user must change something, otherwise the image could not be
    /// measured.
    pub fn of<E: std::error::Error + Hint + Send + Sync + 'static>(usage: bool, error: E) -> Self {
        let hint = error.hint();
        let failure = if usage { Self::usage(error) } else { Self::measure(error) };
        Self { hint, ..failure }
    }

    /// Adds what may help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says so on stderr. Everything is escaped: file names and messages may come from anywhere.
    pub fn print(&self) {
        let red = AnsiColor::Red.on_default().bold();
        let mut stderr = anstream::stderr().lock();
        let mut lines = self.text().lines().map(Text::from).collect::<Vec<_>>().into_iter();
        let first = lines.next().unwrap_or_default();
        // Nobody is left to tell when stderr is closed.
        let _ = writeln!(stderr, "{red}error:{red:#} {first}");
        for line in lines {
            let _ = writeln!(stderr, "  {line}");
        }
        drop(stderr);
        if let Some(hint) = &self.hint {
            print_hint(hint);
        }
    }

    /// The chain of causes in one line, each said once: many errors already end with their cause.
    fn text(&self) -> String {
        let mut out = String::new();
        for cause in self.error.chain().map(ToString::to_string) {
            if out.is_empty() {
                out = cause;
            } else if !out.contains(&cause) {
                out = format!("{out}: {cause}");
            }
        }
        out
    }

    /// In one line, for somebody who goes on without what failed.
    pub fn in_words(&self) -> String {
        self.text().lines().collect::<Vec<_>>().join(" ")
    }

    /// The exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}
