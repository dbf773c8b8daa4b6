//! A bar on stderr while layers are read; only for somebody who looks.

use crate::image::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::Mutex;

/// The progress of one run.
pub struct Bar {
    bar: Mutex<Option<ProgressBar>>,
    is_seen: bool,
    quiet: bool,
}

impl Bar {
    /// Visible when stderr is a terminal and `quiet` was not asked for.
    pub fn new(quiet: bool) -> Self {
        Self { bar: Mutex::new(None), is_seen: !quiet && std::io::stderr().is_terminal(), quiet }
    }

    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        // A bar that another thread left in the middle of something is still only a bar.
        let mut bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        act(&mut bar);
    }
}

impl Progress for Bar {
    fn start(&self, what: &str, bytes: Option<u64>) {
        if !self.is_seen {
            return;
        }
        let bar = match bytes {
            Some(bytes) => ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr()).with_style(style(
                "  {bar:24} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {wide_msg}",
            )),
            None => ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
                .with_style(style("  {spinner} {decimal_bytes}  {decimal_bytes_per_sec}  {wide_msg}")),
        };
        bar.set_message(crate::base::Text::from(what).to_string());
        self.with(|current| {
            if let Some(old) = current.replace(bar) {
                old.finish_and_clear();
            }
        });
    }

    fn advance(&self, bytes: u64) {
        self.with(|current| {
            if let Some(bar) = current {
                bar.inc(bytes);
            }
        });
    }

    fn finish(&self) {
        self.with(|current| {
            if let Some(bar) = current.take() {
                bar.finish_and_clear();
            }
        });
    }

    fn note(&self, text: &str) {
        if self.quiet {
            return;
        }
        let line = format!("note: {}", crate::base::Text::from(text));
        self.with(|current| match current {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        });
    }
}

/// A style from a template; the plain one should the template ever be wrong.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
