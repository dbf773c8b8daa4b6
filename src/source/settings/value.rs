//! Values, and what a file sets.

use std::collections::BTreeMap;

/// What a file is loaded with.
#[derive(Clone, Copy, Debug)]
pub struct World<'w> {
    /// The variables of the process; nothing for those that are not known, and those that are not there are not set.
    pub environment: &'w BTreeMap<String, Option<String>>,
    /// Processors of the host, where they are known.
    pub cpus: Option<u64>,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(String),
    /// `True`, `False`
    Bool(bool),
    /// `None`
    None,
    /// As many processors as the host has, where that number is not known here: alone, and not as a part of something.
    Processors,
}

/// A value that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// It.
    pub value: Value,
    /// Whether the number of the host's processors is in it.
    pub from_host: bool,
}

impl Known {
    /// A value of its own.
    pub fn of(value: Value) -> Self {
        Self { value, from_host: false }
    }
}

/// Values by name; nothing for those that are not known.
pub type Names = BTreeMap<String, Option<Known>>;

/// A class or function that something is said about: `@bentoml.service(workers=4)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Decorated {
    /// Its name.
    pub name: String,
    /// What stands before it, by its whole name: `bentoml.service`.
    pub by: String,
    /// Named arguments.
    pub arguments: Names,
}

/// What a file sets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Its own names.
    pub names: Names,
    /// What it sets of an application's configuration: `app.conf.NAME = …`, `app.conf.update(NAME=…)`.
    pub configured: Names,
    /// Variables of the process that it sets where they are not set: `os.environ.setdefault(…)`.
    pub environment: Names,
    /// Modules that an application is configured from, with the prefix of their names (`namespace`): `app.config_from_object("a.b")`.
    pub sources: Vec<(String, Option<String>)>,
    /// Whether names or the configuration are set by something that is not followed.
    pub is_open: bool,
    /// Classes and functions with decorators.
    pub decorated: Vec<Decorated>,
    /// Modules whose names it takes whole: `from .base import *`.
    pub stars: Vec<String>,
}
