//! The findings that follow from the files alone, and from what is known of the host.

mod host;
mod keys;
mod memory;
mod references;
mod service;

use super::check::{Check, Finding};
use super::load::Loaded;
use super::model::Service;
use crate::base::{Binary, names};
use crate::yaml::Value;
pub use host::{Cgroup, Host};
use keys::{TOP, unknown};
use service::Own;

/// The findings of a project, without those about what runs in the services.
pub fn findings(loaded: &Loaded, services: &[Service], host: &Host) -> Vec<Finding> {
    let mut out = Vec::new();
    project(loaded, &mut out);
    for service in services {
        Own { service, host, out: &mut out }.all();
    }
    references::references(loaded, services, &mut out);
    sum(services, host, &mut out);
    out
}

fn project(loaded: &Loaded, out: &mut Vec<Finding>) {
    if let Value::Map(map) = &loaded.model.value {
        unknown(map, &TOP, "", out);
        if let Some(entry) = map.get("version") {
            out.push(Finding::new(Check::VersionIgnored, entry.key, "`version` is ignored", "leave it out"));
        }
    }
    for (name, place) in &loaded.unset {
        let message = format!("the variable `{name}` has no value, and stands for an empty text");
        let advice = format!("give it one in .env, or a default: ${{{name}:-…}}");
        out.push(Finding::new(Check::VariableUnset, *place, message, &advice));
    }
    for (name, place) in &loaded.conflicts {
        let message = format!("`{name}` is in an included file too");
        out.push(Finding::new(
            Check::IncludeConflict,
            *place,
            message,
            "change it in a file that is named with -f, or that the `include` entry lists behind its first",
        ));
    }
    for file in &loaded.passed_over {
        out.push(Finding::new(
            Check::FilePassedOver,
            None,
            format!("{file} is there and was not read"),
            "name it with -f if it counts",
        ));
    }
}

/// What all limits come to.
fn sum(services: &[Service], host: &Host, out: &mut Vec<Finding>) {
    let Some(memory) = host.memory else { return };
    let mut total: u128 = 0;
    let mut parts = Vec::new();
    for service in services.iter().filter(|service| !service.is_off) {
        let (Some((limit, _)), Some(replicas)) = (service.resources.memory(), service.replicas) else { continue };
        let bytes = limit as u128 * u128::try_from(replicas).unwrap_or(0);
        total += bytes;
        let times = if replicas == 1 { String::new() } else { format!(" × {replicas}") };
        parts.push((bytes, format!("{} {}{times}", service.name, Binary(limit as u64))));
    }
    if total <= u128::from(memory) || parts.len() < 2 && services.len() < 2 && total == 0 {
        return;
    }
    parts.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    let parts: Vec<String> = parts.into_iter().map(|(_, part)| part).collect();
    let total = Binary(u64::try_from(total).unwrap_or(u64::MAX));
    let message = format!("all limits together are {total}, and the host has {}: {}", Binary(memory), names(&parts, 6));
    out.push(Finding::new(
        Check::LimitsAboveHost,
        None,
        message,
        "lower limits to what was measured (`slimwright memory`), or use fewer containers",
    ));
}
