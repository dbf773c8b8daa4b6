//! Keys, and what they are for.

/// A key as a terminal tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the keys of these names")]
pub enum Key {
    Char(char),
    Ctrl(char),
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    Tab,
    BackTab,
    Enter,
    Escape,
    Backspace,
}

/// What each key does, for `?`.
pub const HELP: &[(&str, &str)] = &[
    ("Tab, Shift-Tab, 1–4", "the next pane, the one before, a pane: owners, layers, findings, files"),
    ("↑ ↓, k j", "a row up or down"),
    ("PgUp PgDn, u d", "a page; Ctrl-U and Ctrl-D half of one"),
    ("Home End, g G", "the first row, the last one"),
    ("→ ←, l h, Enter", "open a folder, close it or go up; from a list to its files"),
    ("Space", "on a folder: open or close it; on a finding: the plan follows the rule, or leaves it"),
    ("Ctrl-Space", "close all folders"),
    ("/, Ctrl-F", "filter: files by a regular expression, lists by a part of the name; Esc takes it back"),
    ("s, Ctrl-O", "sort by size or by name"),
    ("Ctrl-L, Ctrl-A", "of a layer: what it changed itself, or all that is there after it"),
    ("w", "why: who brought it in, whose a file is, the proof of a finding"),
    ("e", "explain the rule that is about it"),
    ("x, Ctrl-E", "write the file into the folder you are in; nothing is overwritten"),
    ("p", "write the plan into a new folder"),
    ("?", "this page"),
    ("q, Ctrl-C", "quit"),
];
