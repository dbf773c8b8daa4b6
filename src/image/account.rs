//! What an image that `apply` wrote tells of itself: what of its original is not there, and by which word. It stands in a row of
//! the history, which every form of an image and every engine carries along; no layer and no label changes for it.

use super::Config;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How the row begins; behind it stands the account as JSON.
const START: &str = "slimwright apply {";

/// Accounts of this form are read.
const VERSION: u32 = 1;

/// What is not there as the original had it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Account {
    /// The form that it is written in.
    version: u32,
    /// Rules over paths whose files are gone, by id.
    pub rules: BTreeSet<String>,
    /// Distributions that are gone, by normalized name.
    pub dropped: BTreeSet<String>,
    /// Distributions that came from wheels.
    pub installed: Vec<FromWheel>,
    /// Requirements that are not met on purpose: who requires, and what, normalized.
    pub overridden: BTreeSet<(String, String)>,
    /// OS packages that are gone.
    pub packages: BTreeSet<String>,
    /// Bytes of the image (`unpacked`); none of one that was built on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpacked: Option<u64>,
}

/// A distribution that came from a wheel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct FromWheel {
    /// Its normalized name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The normalized name of the original's distribution in whose place it is.
    pub instead_of: String,
    /// The wheel's digest, in hexadecimal digits.
    pub sha256: String,
    /// Its bytes (`unpacked`).
    pub bytes: u64,
}

impl Account {
    /// Whether nothing that a container sees is gone.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.dropped.is_empty() && self.installed.is_empty() && self.packages.is_empty()
    }

    /// The row of the history.
    pub fn row(&self) -> String {
        let account = Self { version: VERSION, ..self.clone() };
        // A struct of strings and numbers has no value that JSON cannot have.
        let text = serde_json::to_string(&account).unwrap_or_default();
        format!("slimwright apply {text}")
    }

    /// Whether a row of a history is an account, and no instruction.
    pub fn is_row(created_by: &str) -> bool {
        created_by.starts_with(START)
    }

    /// The account of an image; several, of an image that was applied again, are one. None where there is none that can be
    /// read.
    pub fn of(config: &Config) -> Option<Self> {
        let read = |text: &str| {
            let account: Self = serde_json::from_str(text.strip_prefix("slimwright apply ")?).ok()?;
            (account.version == VERSION).then_some(account)
        };
        let rows = config.history.iter().filter(|row| row.empty_layer && Self::is_row(&row.created_by));
        let all = rows.filter_map(|row| read(&row.created_by));
        let mut out = all.reduce(Self::then)?;
        // Who builds on it has other bytes.
        let is_last = config.history.last().is_some_and(|row| Self::is_row(&row.created_by));
        out.unpacked = out.unpacked.filter(|_| is_last);
        Some(out)
    }

    fn then(mut self, later: Self) -> Self {
        self.installed.retain(|one| !later.installed.iter().any(|other| other.instead_of == one.name));
        self.installed.retain(|one| !later.dropped.contains(&one.name));
        self.installed.extend(later.installed);
        self.rules.extend(later.rules);
        self.dropped.extend(later.dropped);
        self.overridden.extend(later.overridden);
        self.packages.extend(later.packages);
        Self { unpacked: later.unpacked, ..self }
    }
}
