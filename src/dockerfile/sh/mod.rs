//! The shell's language: what a `RUN` hands to `sh`, as a tree.
//!
//! POSIX.1-2017, Shell Command Language, 2.2 to 2.10, and what bash and BusyBox add where Dockerfiles have it (`[[ … ]]`,
//! `function`, `<(…)`, `&>`, `<<<`). Nothing is expanded here, and nothing is left out: a text that the grammar does not explain is an
//! error, so that who evaluates it sees every command, wherever it stands (`$(…)`, backquotes, `${x:-$(…)}`, here-documents).
//!
//! The tree is bounded: a text nests at most [`MAX_DEPTH`] constructs, and a node is no larger than its text.

pub mod arithmetic;
mod parse;
pub mod pattern;
mod tokens;
pub mod walk;
mod word;

pub use parse::{parse, tokens};
pub use word::is_name;

use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

/// Constructs inside of each other that are read.
pub const MAX_DEPTH: usize = 32;

/// Why a text is no script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {expected}")]
pub struct SyntaxError {
    /// Where reading stopped, in bytes.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

/// What joins two commands, or redirects one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `&&`
    And,
    /// `||`
    Or,
    /// `;`, `;;`
    Semicolon,
    /// `|`, `|&`
    Pipe,
    /// `&`
    Background,
    /// A line break of a script.
    Line,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `<`, `>`, `>>`, `<<`, `2>&1`, …
    Redirect,
}

/// A word or an operator, as the grammar reads the text from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its place in the text.
    pub span: Range<usize>,
    /// The word without its quotes, expansions as they are written; empty for what is no word of a command.
    pub text: String,
    /// The operator, if it is one.
    pub operator: Option<Operator>,
    /// Whether the word means itself: nothing in it is expanded. Of an operator: whether it needs no target (`2>&1`).
    pub literal: bool,
    /// Whether it is a word of a simple command, and no word of the language and no target.
    pub is_word: bool,
    /// Whether it is inside of a compound command or a subshell, or one's own word.
    pub nested: bool,
}

/// Commands, in order.
pub type Script = Vec<Item>;

/// Pipelines that are joined by `&&` and `||`.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The first.
    pub first: Pipeline,
    /// The others, each with what is before it.
    pub rest: Vec<(Join, Pipeline)>,
    /// Whether it ends in `&`.
    pub background: bool,
}

/// What joins two pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// Commands that are joined by `|`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// Whether there is a `!` before it.
    pub negated: bool,
    /// At least one.
    pub commands: Vec<Node>,
}

/// A command with its redirections.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// In order.
    pub redirects: Vec<Redirect>,
}

/// What a command is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A program with its words.
    Simple(Simple),
    /// `{ …; }`
    Group(Script),
    /// `( … )`
    Subshell(Script),
    /// `if …; then …; elif …; else …; fi`
    If {
        /// Conditions and what runs where they hold.
        arms: Vec<(Script, Script)>,
        /// `else`
        otherwise: Option<Script>,
    },
    /// `for NAME in WORD…; do …; done`
    For {
        /// The variable.
        name: String,
        /// The words; none where there is no `in`.
        words: Option<Vec<Word>>,
        /// What runs for each.
        body: Script,
    },
    /// `while …; do …; done`
    While {
        /// Whether it is `until`.
        until: bool,
        /// The condition.
        condition: Script,
        /// What runs as long as it holds.
        body: Script,
    },
    /// `case WORD in PATTERN) …;; esac`
    Case {
        /// What is compared.
        subject: Word,
        /// Patterns and what runs where one fits.
        arms: Vec<(Vec<Word>, Script)>,
    },
    /// `[[ … ]]`: its words.
    Test(Vec<Word>),
    /// `(( … ))`
    Arithmetic(Word),
    /// `NAME() …`
    Function {
        /// Its name.
        name: String,
        /// What it runs.
        body: Rc<Node>,
    },
}

/// A simple command.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Simple {
    /// `NAME=value` before the words; whether it is `+=`.
    pub assigned: Vec<Assignment>,
    /// The program and its arguments.
    pub words: Vec<Word>,
    /// As it is written, with its redirections.
    pub text: String,
}

/// `NAME=value`
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The variable.
    pub name: String,
    /// Whether it is `+=`.
    pub appends: bool,
    /// What it becomes.
    pub value: Word,
}

/// A redirection.
#[derive(Clone, Debug, PartialEq)]
pub struct Redirect {
    /// The descriptor that is written before it.
    pub descriptor: Option<String>,
    /// What it does.
    pub direction: Direction,
    /// Its target; the delimiter of a here-document.
    pub target: Word,
    /// The text of a here-document.
    pub document: Option<Rc<OnceCell<Word>>>,
}

/// What a redirection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `<`
    Read,
    /// `>`, `>|`
    Write,
    /// `>>`
    Append,
    /// `<>`
    Both,
    /// `<<`, `<<-`
    Document,
    /// `<<<`
    Line,
    /// `<&`, `>&`
    Duplicate,
    /// `&>`, `&>>`
    All,
}

/// A word, in parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Word {
    /// In order.
    pub parts: Vec<Part>,
    /// As it is written.
    pub text: String,
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Plain text.
    Text {
        /// Without quotes.
        text: String,
        /// Whether it was in quotes: nothing in it is a pattern, a `~` or a place to split.
        quoted: bool,
    },
    /// `$NAME`, `${NAME…}`
    Variable {
        /// The variable.
        name: String,
        /// What is done with it.
        form: Form,
        /// Whether it is in double quotes.
        quoted: bool,
    },
    /// `$(…)`, backquotes
    Substitution {
        /// What runs.
        script: Script,
        /// Whether it is in double quotes.
        quoted: bool,
    },
    /// `<(…)`, `>(…)`
    Process(Script),
    /// `$((…))`: what is in it.
    Arithmetic(Box<Word>),
    /// An array or another form whose value is not followed: what is in it.
    Other(Box<Word>),
    /// What the grammar does not explain, inside of a here-document: anything may run there.
    Unread,
}

/// What is done with a variable.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// Its value.
    Plain,
    /// `-`, `:-`, `=`, `:=`
    Default {
        /// Whether an empty one counts as unset.
        empty: bool,
        /// Whether the variable is set.
        assigns: bool,
        /// What stands for it.
        word: Box<Word>,
    },
    /// `+`, `:+`
    Alternative {
        /// Whether an empty one counts as unset.
        empty: bool,
        /// What stands for it.
        word: Box<Word>,
    },
    /// `?`, `:?`: the shell ends without it.
    Required {
        /// Whether an empty one counts as unset.
        empty: bool,
        /// What it says then.
        word: Box<Word>,
    },
    /// `%`, `%%`, `#`, `##`
    Strip {
        /// Whether its end is taken off.
        end: bool,
        /// Whether as much as fits.
        longest: bool,
        /// The pattern.
        word: Box<Word>,
    },
    /// `${#NAME}`
    Length,
    /// Any other: what is in it.
    Other(Box<Word>),
}
