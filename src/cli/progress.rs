//! A bar on stderr while layers are read; only for somebody who looks.

use crate::image::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::Mutex;

/// The progress of one run.
pub struct Bar(Mutex<Option<ProgressBar>>, bool);

impl Bar {
    /// Visible when stderr is a terminal and `quiet` was not asked for.
    pub fn new(quiet: bool) -> Self {
        Self(Mutex::new(None), !quiet && std::io::stderr().is_terminal())
    }

    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        // A bar that another thread left in the middle of something is still only a bar.
        let mut bar = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        act(&mut bar);
    }
}

impl Progress for Bar {
    fn start(&self, what: &str, bytes: Option<u64>) {
        if !self.1 {
            return;
        }
        let bar = match bytes {
            Some(bytes) => ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr())
                .with_style(style("  {bar:24} {decimal_bytes}/{decimal_total_bytes}  {wide_msg}")),
            None => ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
                .with_style(style("  {spinner} {decimal_bytes}  {wide_msg}")),
        };
        bar.set_message(crate::base::escape_str(what));
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
}

/// A style from a template; the plain one should the template ever be wrong.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
