//! What the probe says, read with care.

use crate::base::Text;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The script that runs in the image: `python - MODULES-AS-JSON SECONDS`, and [`TOGETHER`] for all of them in one interpreter alone.
pub const PROBE: &str = include_str!("probe.py");
/// What the script is told where modules are not to be measured one by one.
pub const TOGETHER: &str = "together";
/// Version of the JSON form.
pub const SCHEMA: u32 = 1;
/// Rows of a list that are taken.
pub(super) const MAX_ROWS: usize = 10_000;

/// What imports cost. Bytes and seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Imports {
    /// Version of this form.
    pub schema_version: u32,
    /// The image.
    pub image: Text,
    /// The version of its Python.
    pub python: Text,
    /// Its interpreter.
    pub executable: Text,
    /// What the interpreter has before any import.
    pub bare: Option<Cost>,
    /// Each module in an interpreter of its own, in the order in which they were asked for.
    pub modules: Vec<Module>,
    /// How many top-level modules were left out, where none was asked for.
    pub left_out: u64,
    /// Of all modules in one interpreter: what each distribution cost, those first that take most memory of a process's own.
    pub owners: Vec<Owner>,
    /// Why figures of the modules together are missing, where they are.
    pub together_not_measured: Option<Text>,
}

/// A cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// Seconds of a processor, with bytecode and files at hand.
    pub cpu_seconds: f64,
    /// Memory that no file stands behind: each process has its own, but for what it shares with the process it was forked from.
    pub anonymous: i64,
    /// Pages of files: shared between all processes that load them, and the first that go.
    pub file: i64,
}

/// A module.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Module {
    /// Its name.
    pub name: Text,
    /// The distribution that brings it.
    pub distribution: Option<Text>,
    /// In an interpreter of its own; null where it cannot be imported.
    pub alone: Option<Cost>,
    /// After those before it.
    pub in_addition: Option<Cost>,
    /// Why it was not measured.
    pub problem: Option<Text>,
    /// Whether there is bytecode of it; where there is none, each start compiles it.
    pub has_bytecode: Option<bool>,
}

/// What a distribution cost among all that was imported.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Owner {
    /// Its name; Python's own has none.
    pub name: Option<Text>,
    /// Whose it is.
    pub whose: Whose,
    /// Modules that were imported.
    pub modules: u64,
    /// Seconds by the clock in its own modules (`-X importtime`).
    pub seconds: f64,
    /// Memory that no file stands behind.
    pub anonymous: i64,
    /// Pages of files.
    pub file: i64,
}

/// Whose a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// An installed distribution's.
    Distribution,
    /// The application's own: no distribution brings it.
    Own,
    /// The standard library's.
    Python,
}

/// Why what the probe says cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the image's Python: expected what imports cost, as JSON, {0}")]
pub struct ImportsError(pub(super) String);

#[derive(Deserialize)]
struct Told {
    python: String,
    executable: String,
    left_out: u64,
    bare: Option<Row>,
    alone: Vec<Alone>,
    in_order: Vec<Row>,
    owners: Vec<ToldOwner>,
    in_order_ended: String,
    owners_ended: String,
}

#[derive(Clone, Deserialize)]
pub(super) struct Row {
    pub(super) module: String,
    pub(super) problem: Option<String>,
    pub(super) rss: i64,
    pub(super) anonymous: i64,
    pub(super) cpu: f64,
}

#[derive(Deserialize)]
struct Alone {
    #[serde(flatten)]
    row: Row,
    owner: String,
    whose: Whose,
    bytecode: Option<bool>,
    measured: bool,
    ended: String,
}

#[derive(Deserialize)]
struct ToldOwner {
    owner: String,
    whose: Whose,
    modules: u64,
    self_microseconds: u64,
    rss: i64,
    anonymous: i64,
}

impl Row {
    pub(super) fn cost(&self) -> Cost {
        Cost { cpu_seconds: self.cpu, anonymous: self.anonymous, file: self.rss.saturating_sub(self.anonymous) }
    }
}

/// What the probe printed last.
pub(super) fn last_document<T: DeserializeOwned>(stdout: &[u8]) -> Result<T, ImportsError> {
    let text = String::from_utf8_lossy(stdout);
    let line = text.lines().rev().find(|line| line.starts_with('{'));
    let line = line.ok_or_else(|| ImportsError("found none".to_owned()))?;
    serde_json::from_str(line).map_err(|error| ImportsError(format!("found something else: {error}")))
}

/// Why an interpreter did not come to its end.
pub(super) fn ended(how: &str, whom: &str) -> Option<String> {
    match how {
        "0" | "" => None,
        "-9" => Some(format!("the interpreter was killed: --memory may be too low{whom}")),
        "time" => Some("there was no time left: --time gives more".to_owned()),
        other => Some(format!("the interpreter ended with {other}")),
    }
}

/// Whether a text is the dotted name of a module.
pub fn is_module(text: &str) -> bool {
    let is_part = |part: &str| {
        let mut chars = part.chars();
        chars.next().is_some_and(|first| first == '_' || first.is_alphabetic())
            && chars.all(|c| c == '_' || c.is_alphanumeric())
    };
    text.len() <= 200 && text.split('.').all(is_part)
}

impl Imports {
    /// Reads what the probe printed last.
    ///
    /// # Errors
    ///
    /// It is not what the probe prints.
    pub fn parse(image: &str, stdout: &[u8]) -> Result<Self, ImportsError> {
        let told: Told = last_document(stdout)?;
        let rows = [told.alone.len(), told.in_order.len(), told.owners.len()];
        if rows.iter().any(|rows| *rows > MAX_ROWS) {
            return Err(ImportsError(format!("found more than {MAX_ROWS} rows")));
        }
        let all = " for all of them together";
        let together = ended(&told.in_order_ended, all).or_else(|| ended(&told.owners_ended, all));
        let module = |one: &Alone| {
            let good = one.measured && one.row.problem.is_none();
            let later = told.in_order.iter().find(|row| row.module == one.row.module && row.problem.is_none());
            let problem = match one.measured {
                true => one.row.problem.clone(),
                false => Some(ended(&one.ended, "").unwrap_or_else(|| "it said nothing".to_owned())),
            };
            Module {
                name: Text::from(&one.row.module),
                distribution: (one.whose == Whose::Distribution).then(|| Text::from(&one.owner)),
                alone: good.then(|| one.row.cost()),
                in_addition: later.map(Row::cost),
                problem: problem.map(Text::from),
                has_bytecode: one.bytecode,
            }
        };
        let owner = |one: &ToldOwner| Owner {
            name: (one.whose != Whose::Python).then(|| Text::from(&one.owner)),
            whose: one.whose,
            modules: one.modules,
            seconds: one.self_microseconds as f64 / 1e6,
            anonymous: one.anonymous,
            file: one.rss.saturating_sub(one.anonymous),
        };
        let mut owners: Vec<Owner> = told.owners.iter().map(owner).collect();
        owners.sort_by(|one, other| (other.anonymous, &one.name).cmp(&(one.anonymous, &other.name)));
        Ok(Self {
            schema_version: SCHEMA,
            image: Text::from(image),
            python: Text::from(&told.python),
            executable: Text::from(&told.executable),
            bare: told.bare.as_ref().map(Row::cost),
            modules: told.alone.iter().map(module).collect(),
            left_out: told.left_out,
            owners,
            together_not_measured: together.map(Text::from),
        })
    }
}
