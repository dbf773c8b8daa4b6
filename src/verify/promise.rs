//! What a plan promised: read back from its `plan.json`.

use crate::base::{Digest, ImagePath, Text};
use crate::image::Account;
use crate::python::normalize_name;
use crate::rules::{Finding, PathSet, Rule};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What of a plan can be checked in the image that was built from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promise {
    /// Predicted bytes of the image (`unpacked`), where that is told.
    pub unpacked: Option<u64>,
    /// What is to be installed, by normalized name.
    pub pins: BTreeMap<String, PromisedPin>,
    /// Normalized names that are not to be there.
    pub dropped: BTreeSet<String>,
    /// Normalized names of the original's distributions in whose place another one is installed.
    pub replaced: BTreeSet<String>,
    /// Normalized names of those in whose place another build of the same distribution is installed.
    pub rebuilt: BTreeSet<String>,
    /// OS packages that are not to be there.
    pub dropped_system: BTreeSet<String>,
    /// Settings that are not to be there, or otherwise: `variable NAME`, `label NAME`, `entry point`, `search path`.
    pub dropped_settings: BTreeSet<String>,
    /// Paths that go by a rule or a reason of the plan, escaped: whether all below goes, too.
    pub gone: BTreeMap<String, bool>,
    /// Requirements that are not met on purpose: who requires, and what, normalized.
    pub overridden: BTreeSet<(String, String)>,
    /// Rules that the user accepted.
    pub accepted: BTreeSet<String>,
    /// Files of distributions that go by rules over paths, in whatever version they come.
    pub left_out: Vec<PathSet>,
    /// Contents of the files that the plan wrote: the build context has them, and so may the image.
    pub written: BTreeSet<Digest>,
}

/// One distribution to install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromisedPin {
    /// Its version.
    pub version: String,
    /// Its predicted bytes (`unpacked`).
    pub bytes: u64,
}

/// Why a plan cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("expected the plan.json of a plan: {0}")]
pub struct PromiseError(String);

#[derive(Deserialize)]
struct Plan {
    predicted: Sized,
    pins: Vec<Pin>,
    dropped: Vec<Named>,
    overridden: Vec<Edge>,
    #[serde(rename = "dropped-system", default)]
    dropped_system: Vec<Named>,
    #[serde(rename = "dropped-settings", default)]
    dropped_settings: BTreeSet<String>,
    #[serde(default)]
    ledger: Option<Ledger>,
    #[serde(default)]
    followed: Followed,
}

#[derive(Default, Deserialize)]
struct Followed {
    #[serde(default)]
    accept: BTreeSet<String>,
}

/// What becomes of the original's files; plans before the ledger have none.
#[derive(Deserialize)]
struct Ledger {
    #[serde(default)]
    gone: Vec<Gone>,
}

#[derive(Deserialize)]
struct Gone {
    path: String,
    #[serde(default)]
    directory: bool,
    #[serde(default)]
    by: Option<String>,
}

/// The reason of a path that no rule drops and no instruction brings: the plan accounts for it as little as anybody.
const LOST: &str = "lost";

#[derive(Deserialize)]
struct Sized {
    unpacked: Bytes,
}

#[derive(Deserialize)]
struct Bytes {
    bytes: u64,
}

#[derive(Deserialize)]
struct Pin {
    name: String,
    version: String,
    size: Bytes,
    /// The distribution of the original that it takes the place of: its name, and maybe its version.
    #[serde(rename = "instead-of", default)]
    instead_of: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Edge {
    distribution: String,
    name: String,
}

impl Promise {
    /// Whether a path of the original, escaped, goes by the plan, by itself or with a directory above it.
    pub fn drops(&self, path: &str) -> bool {
        let above = path.match_indices('/').map(|(end, _)| &path[..end]);
        self.gone.contains_key(path) || above.into_iter().any(|dir| self.gone.get(dir) == Some(&true))
    }

    /// With what these rules leave out of distributions.
    #[must_use]
    pub fn leaving_out<'r>(self, rules: impl Iterator<Item = &'r Rule>) -> Self {
        Self { left_out: rules.filter_map(|rule| rule.detect.of_distributions()).collect(), ..self }
    }

    /// Whether a rule that was followed takes a file out of its distribution.
    pub(super) fn leaves_out(&self, path: &ImagePath) -> bool {
        self.left_out.iter().any(|paths| paths.has(path.as_bytes())) || self.drops(&path.to_string())
    }

    /// Whether a distribution of the original goes, or another version comes in its place, by the plan.
    pub(super) fn accounts_for(&self, name: &str, version: &str) -> bool {
        self.dropped.contains(name)
            || self.replaced.contains(name)
            || self.pins.get(name).is_some_and(|pin| pin.version != version)
    }

    /// What an image tells of itself. `findings` are those of its rules in the original: a path goes by a rule only where the
    /// rule finds it there.
    pub fn of_account(account: &Account, findings: &[Finding]) -> Self {
        let found = findings.iter().filter(|finding| account.rules.contains(&finding.rule));
        let pin = |bytes: u64, version: &str| PromisedPin { version: version.to_owned(), bytes };
        let others = account.installed.iter().map(|one| one.instead_of.clone());
        let (rebuilt, replaced) = others.partition(|name| account.installed.iter().any(|one| one.name == *name));
        Self {
            unpacked: account.unpacked,
            pins: account.installed.iter().map(|one| (one.name.clone(), pin(one.bytes, &one.version))).collect(),
            dropped: account.dropped.clone(),
            replaced,
            rebuilt,
            dropped_system: account.packages.clone(),
            gone: found.flat_map(|finding| &finding.paths).map(|path| (path.to_string(), false)).collect(),
            overridden: account.overridden.clone(),
            accepted: account.rules.clone(),
            ..Self::default()
        }
    }

    /// Of what a plan promises, as much as an image says was carried out on the original's bytes: what was left is there, and
    /// what the plan does not have is not accounted for by the image's own word.
    #[must_use]
    pub fn carried_out(mut self, account: &Account) -> Self {
        let installed = |name: &String| account.installed.iter().any(|one| one.name == *name);
        let replaced = |name: &String| account.installed.iter().any(|one| one.instead_of == *name);
        self.unpacked = account.unpacked;
        self.pins.retain(|name, _| installed(name));
        self.replaced.retain(replaced);
        self.rebuilt.retain(replaced);
        self.dropped.retain(|name| account.dropped.contains(name));
        self.dropped_system.retain(|name| account.packages.contains(name));
        self
    }

    /// Reads a `plan.json`.
    pub fn parse(text: &[u8]) -> Result<Self, PromiseError> {
        let plan: Plan =
            serde_json::from_slice(text).map_err(|error| PromiseError(Text::from(&error.to_string()).into()))?;
        let pin = |pin: Pin| {
            (normalize_name(&pin.name), PromisedPin { version: Text::from(&pin.version).into(), bytes: pin.size.bytes })
        };
        let instead = plan.pins.iter().filter_map(|pin| pin.instead_of.as_deref()?.split_whitespace().next());
        let replaced: BTreeSet<String> = instead.map(normalize_name).collect();
        let pins: BTreeMap<String, PromisedPin> = plan.pins.into_iter().map(pin).collect();
        let gone = plan.ledger.into_iter().flat_map(|ledger| ledger.gone);
        let dropped = plan.dropped.iter().map(|dropped| normalize_name(&dropped.name));
        Ok(Self {
            unpacked: Some(plan.predicted.unpacked.bytes),
            dropped: dropped.filter(|name| !pins.contains_key(name)).collect(),
            gone: gone
                .filter(|gone| gone.by.as_deref() != Some(LOST))
                .map(|gone| (gone.path, gone.directory))
                .collect(),
            rebuilt: replaced.iter().filter(|name| pins.contains_key(*name)).cloned().collect(),
            replaced: replaced.into_iter().filter(|name| !pins.contains_key(name)).collect(),
            pins,
            dropped_settings: plan.dropped_settings,
            dropped_system: plan.dropped_system.into_iter().map(|package| package.name).collect(),
            overridden: plan
                .overridden
                .iter()
                .map(|edge| (normalize_name(&edge.distribution), normalize_name(&edge.name)))
                .collect(),
            accepted: plan.followed.accept,
            left_out: Vec::new(),
            written: BTreeSet::new(),
        })
    }
}
