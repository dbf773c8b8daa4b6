//! What dnf notes of why a package was installed: `history.sqlite` of dnf 4, `transaction_history.sqlite` of dnf 5.

use super::sqlite::{Sqlite, Value, is_one};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Somebody asked for it, or for a group that it is in.
const BY_HAND: [i64; 2] = [2, 5];
/// The first line of what [`distil_history`] makes.
const DISTILLED: &[u8] = b"{\"dnf\":1}\n";

/// By name: whether the last time that dnf installed it somebody had asked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasons {
    /// By name.
    pub by_hand: BTreeMap<String, bool>,
}

/// What a history says; nothing where it cannot be read.
pub fn read_history(bytes: &[u8]) -> Option<Reasons> {
    if let Some(text) = bytes.strip_prefix(DISTILLED) {
        return serde_json::from_slice(text).ok();
    }
    if !is_one(bytes) {
        return None;
    }
    let database = Sqlite::new(bytes).ok()?;
    let names = names(&database)?;
    let mut out = Reasons::default();
    // Later rows are later transactions.
    database.rows("trans_item", ["item_id", "reason", "reason_id"], &mut |[item, reason, other]| {
        let reason = reason.integer().or(other.integer());
        let name = item.integer().and_then(|item| names.get(&item));
        if let (Some(name), Some(reason)) = (name, reason) {
            let asked = BY_HAND.contains(&reason);
            // An upgrade of what was asked for stays asked for.
            let known = out.by_hand.entry(name.clone()).or_default();
            *known = asked || *known && reason == 0;
        }
    })?;
    Some(out)
}

/// The names of packages by their items.
fn names(database: &Sqlite<'_>) -> Option<BTreeMap<i64, String>> {
    let mut by_id: BTreeMap<i64, String> = BTreeMap::new();
    // dnf 5 has the names in a table of their own.
    database.rows("pkg_name", ["id", "name"], &mut |[id, name]| {
        by_id.extend(id.integer().zip(name.text().map(str::to_owned)));
    });
    let mut out = BTreeMap::new();
    database.rows("rpm", ["item_id", "name", "name_id"], &mut |[item, name, id]| {
        let name = match name {
            Value::Text(name) => Some(name),
            _ => id.integer().and_then(|id| by_id.get(&id)).cloned(),
        };
        out.extend(item.integer().zip(name));
    })?;
    Some(out)
}

/// What a recorded index keeps of a history: command lines and scripts' output are none of it.
pub fn distil_history(bytes: &[u8]) -> Vec<u8> {
    let mut out = DISTILLED.to_vec();
    let reasons = read_history(bytes);
    out.extend(reasons.map(|reasons| serde_json::to_vec(&reasons).unwrap_or_default()).unwrap_or_default());
    out
}
