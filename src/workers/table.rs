//! The table of programs, wrappers and levers (`programs.toml`).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Programs that are known.
    #[serde(rename = "program")]
    pub programs: Vec<Program>,
    /// What starts another command.
    #[serde(rename = "wrapper")]
    pub wrappers: Vec<Wrapper>,
    /// What can make it take less memory.
    #[serde(rename = "lever")]
    pub levers: Vec<Lever>,
}

/// A program; the head of the file says what its keys mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Program {
    pub name: String,
    pub commands: Vec<String>,
    #[serde(default)]
    pub modules: Vec<String>,
    #[serde(default)]
    pub options: Vec<String>,
    #[serde(default)]
    pub variables: Vec<String>,
    pub default: Default,
    pub start: Start,
    #[serde(default)]
    pub parent: bool,
    #[serde(default)]
    pub single_without_parent: bool,
    #[serde(default)]
    pub master: Vec<String>,
    #[serde(default)]
    pub threads: Vec<String>,
    pub threads_default: Option<u64>,
    #[serde(default)]
    pub counts_threads: Vec<String>,
    #[serde(default)]
    pub flags: BTreeMap<String, Start>,
    #[serde(default)]
    pub reloaders: Vec<String>,
    #[serde(default)]
    pub reloads_unless: Vec<String>,
    #[serde(default)]
    pub is_reloader: bool,
    pub arguments: Option<String>,
    pub prefix: Option<String>,
    #[serde(default)]
    pub takes: Vec<String>,
    #[serde(default)]
    pub config: Vec<String>,
    pub why: Option<String>,
}

/// How many, where nothing says it.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub enum Default {
    /// So many.
    Count(u64),
    /// `cpus`: as many as the host has processors; `unknown`.
    Word(Word),
}

/// A word in the place of a number.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// As many as the host has processors.
    Cpus,
    /// It stands elsewhere.
    Unknown,
}

/// How processes begin, which decides what they share.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Forked before the application is loaded: each loads it for itself.
    Fork,
    /// Forked after the application was loaded: what was loaded is shared until it is written.
    ForkAfterLoad,
    /// A Python of its own: only the files of libraries are shared.
    Spawn,
    /// One process.
    Single,
}

/// What starts another command.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Wrapper {
    pub names: Vec<String>,
    #[serde(default)]
    pub takes: Vec<String>,
    #[serde(default)]
    pub skip: usize,
    pub word: Option<String>,
    pub until: Option<String>,
    #[serde(default)]
    pub is_reloader: bool,
}

/// What can make a service take less memory.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lever {
    /// Its name.
    pub id: String,
    /// For which starts.
    pub of: Vec<Start>,
    /// For which programs alone; none for all.
    pub programs: Vec<String>,
    /// What to do.
    pub what: String,
    /// What was measured.
    pub measured: String,
    /// When it does nothing.
    pub nothing_when: String,
}

/// The table.
pub fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        toml::from_str(include_str!("programs.toml")).expect("the table is compiled in, and a test reads it")
    });
    &TABLE
}
