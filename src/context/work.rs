//! How much one Dockerfile may make a simulation do. Counted and not timed, so that a Dockerfile means the same on every machine: a few
//! lines can ask for more files, text and matching than any machine has (`A=$A$A`, `cp -r /usr /d/1`, `COPY --from=0 / /x`).
//! Beyond it nothing more is carried out, and what follows is one gap ([`crate::image::GapReason::Work`]).

use crate::dockerfile::sh::pattern::matches;
use std::cell::Cell;
use std::rc::Rc;

/// Files, links and directories put into trees, some 300 bytes each, and what takes as much memory. A base of 200,000
/// files with a dozen stages and three whole copies of it stays below.
const MAX_ENTRIES: u64 = 800_000;
/// As many parts of what is copied because it is shared take the memory of an entry.
const COPIED: usize = 8;
/// Bytes of values, words, output and contents that are made.
const MAX_BYTES: u64 = 96 << 20;
/// Steps of walks, of copies of trees and of patterns.
const MAX_STEPS: u64 = 30_000_000;
/// Commands.
const MAX_COMMANDS: u64 = 20_000;

/// What was done so far, of all stages.
#[derive(Debug, Default)]
pub(super) struct Work {
    entries: Cell<u64>,
    bytes: Cell<u64>,
    steps: Cell<u64>,
    commands: Cell<u64>,
}

impl Work {
    /// Whether there was too much of something.
    pub(super) fn is_spent(&self) -> bool {
        self.entries.get() > MAX_ENTRIES
            || self.bytes.get() > MAX_BYTES
            || self.steps.get() > MAX_STEPS
            || self.commands.get() > MAX_COMMANDS
    }

    /// Entries of a tree.
    pub(super) fn entries(&self, count: usize) {
        add(&self.entries, count);
    }

    /// Bytes of text.
    pub(super) fn bytes(&self, count: usize) {
        add(&self.bytes, count);
    }

    /// Steps of a walk or a pattern.
    pub(super) fn steps(&self, count: usize) {
        add(&self.steps, count);
    }

    /// Steps of a pattern, and whether there is room for them.
    pub(super) fn allows(&self, count: usize) -> bool {
        self.steps(count);
        !self.is_spent()
    }

    /// Whether a pattern fits a whole text; `None` where that is not followed, or is too much work.
    pub(super) fn matches(&self, pattern: &str, text: &str) -> Option<bool> {
        self.bytes(pattern.len() + text.len());
        if self.is_spent() { None } else { matches(pattern, text, &|steps| self.allows(steps)) }
    }

    /// Commands, or what takes as long.
    pub(super) fn commands(&self, count: usize) {
        add(&self.commands, count);
    }
}

/// What only this stage writes to: a copy, where others have it as well, which is paid for. `count` are its parts.
pub(super) fn own<'s, T: Clone>(shared: &'s mut Rc<T>, count: usize, work: &Work) -> &'s mut T {
    if Rc::strong_count(shared) > 1 {
        work.entries(count / COPIED);
    }
    Rc::make_mut(shared)
}

fn add(cell: &Cell<u64>, count: usize) {
    cell.set(cell.get().saturating_add(u64::try_from(count).unwrap_or(u64::MAX)));
}
