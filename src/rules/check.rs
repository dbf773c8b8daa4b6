//! What a rule must fulfil beyond its types.

use super::{Cost, Detect, GlobSet, Installed, Replacement, Rule, Signs, Tier};
use crate::python::normalize_name;
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with a rule, and the keys (and positions, from 0) that lead to it.
pub(super) struct Wrong {
    pub(super) at: Vec<String>,
    pub(super) message: String,
}

type Checked = Result<(), Wrong>;

fn wrong(at: &[&str], message: &str) -> Checked {
    Err(Wrong { at: at.iter().map(|&key| key.to_owned()).collect(), message: message.to_owned() })
}

/// Everything.
pub(super) fn rule(rule: &Rule) -> Checked {
    texts(rule)?;
    match &rule.detect {
        Detect::DuplicateFamily { members, keep, needs } => family(members, keep, needs),
        Detect::GpuBuild { distribution, when, replace, unless } => {
            normalized(distribution, &["detect", "distribution"])?;
            installed(when)?;
            replacement(replace)?;
            signs(unless)
        }
        Detect::HeavyImport { distributions, modules, costs, lighter, .. } => {
            heavy(distributions, modules)?;
            cost(costs, "costs")?;
            cost(lighter, "lighter")
        }
        Detect::Distributions { names }
        | Detect::OsPackages { names, .. }
        | Detect::CondaPackages { names, .. }
        | Detect::GpuSystem { names, .. }
            if names.is_empty() =>
        {
            wrong(&["detect", "names"], NO_GLOB)
        }
        Detect::GpuSystem { unless, .. } | Detect::CondaPackages { unless, .. } => signs(unless),
        Detect::Paths { globs, .. } if globs.is_empty() => wrong(&["detect", "globs"], NO_GLOB),
        Detect::Paths { unless, .. } => signs(unless),
        _ => Ok(()),
    }
}

const NO_GLOB: &str = "expected at least one glob, found none";

/// The texts that people read, and the references.
fn texts(rule: &Rule) -> Checked {
    if matches!(rule.detect, Detect::HeavyImport { .. }) && rule.tier != Tier::ReportOnly {
        return wrong(&["tier"], "expected `report-only`: what has another interface is never taken by itself");
    }
    if !is_kebab_case(&rule.id) {
        return wrong(&["id"], "expected an id in kebab-case, for example `cuda-leftovers`");
    }
    let texts = [
        ("summary", Some(&rule.summary)),
        ("why", Some(&rule.why)),
        ("evidence", Some(&rule.evidence)),
        ("when-not", Some(&rule.when_not)),
        ("remedy", Some(&rule.remedy)),
        ("label", rule.label.as_ref()),
        ("action", rule.action.as_ref()),
    ];
    if let Some((key, _)) = texts.iter().find(|(_, text)| text.is_some_and(|text| text.trim().is_empty())) {
        return wrong(&[key], "expected a text, found an empty one");
    }
    let is_line = |text: &str| !text.contains('\n') && !text.ends_with('.') && text.trim() == text;
    for (key, text) in texts.iter().filter(|(key, _)| ["summary", "action"].contains(key)) {
        if text.is_some_and(|text| !is_line(text)) {
            return wrong(&[key], "expected one line without a full stop at its end");
        }
    }
    if rule.label.as_ref().is_some_and(|label| !is_kebab_case(label) || label.len() > MAX_LABEL) {
        return wrong(&["label"], "expected one word of at most 10 letters, in lower case");
    }
    if rule.references.is_empty() {
        return wrong(&["references"], "expected at least one public source, found none");
    }
    let mut references = rule.references.iter().enumerate();
    references.try_for_each(|(position, url)| https(url, &["references", &position.to_string()]))
}

/// Characters of a label: the left column of a screen is so wide.
const MAX_LABEL: usize = 10;

/// Lower case words of letters and digits, joined by single hyphens.
fn is_kebab_case(id: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    id.split('-').all(word)
}

/// The URL of a package index: `https://`, or `http://` on this machine, which installers trust as well.
fn index(url: &str, at: &[&str]) -> Checked {
    let rest = url.strip_prefix("http://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let is_here = ["127.0.0.1", "localhost"].contains(&host) && port.parse::<u16>().is_ok();
    if is_here && is_clean(rest) { Ok(()) } else { https(url, at) }
}

fn is_clean(url: &str) -> bool {
    !url.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// An `https://` URL without blanks.
fn https(url: &str, at: &[&str]) -> Checked {
    let host = url.strip_prefix("https://").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()));
    if url.split('/').nth(2).unwrap_or_default().contains('@') {
        return wrong(at, "expected a URL without user and password: uv and pip keep those, in their configuration");
    }
    if host && is_clean(url) { Ok(()) } else { wrong(at, "expected a URL that starts with `https://`") }
}

/// A distribution's name as PEP 503 normalizes it.
fn normalized(name: &str, at: &[&str]) -> Checked {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !name.is_empty() && name.chars().all(allowed) && normalize_name(name) == *name {
        return Ok(());
    }
    wrong(at, "expected a normalized name (PEP 503): lower case, single hyphens")
}

/// A family: two members or more, and all that is kept or needed is one of them.
fn family(members: &[String], keep: &[String], needs: &BTreeMap<String, Vec<String>>) -> Checked {
    for (position, member) in members.iter().enumerate() {
        normalized(member, &["detect", "members", &position.to_string()])?;
    }
    let names: BTreeSet<&String> = members.iter().collect();
    if names.len() < 2 || names.len() != members.len() {
        return wrong(&["detect", "members"], "expected two or more different members");
    }
    if keep.is_empty() {
        return wrong(&["detect", "keep"], "expected at least one member to keep");
    }
    let all_members = |all: &[String], at: &[&str]| {
        let stranger = all.iter().position(|name| !names.contains(name));
        stranger.map_or(Ok(()), |position| wrong(&[at, &[&position.to_string()]].concat(), "expected one of `members`"))
    };
    all_members(keep, &["detect", "keep"])?;
    needs.iter().try_for_each(|(module, who)| all_members(who, &["detect", "needs", module]))
}

fn heavy(distributions: &GlobSet, modules: &[String]) -> Checked {
    if distributions.is_empty() {
        return wrong(&["detect", "distributions"], NO_GLOB);
    }
    match modules.iter().all(|module| module.is_empty()) {
        true => wrong(&["detect", "modules"], "expected at least one module, found none"),
        false => Ok(()),
    }
}

fn cost(cost: &Cost, key: &str) -> Checked {
    normalized(&cost.name, &["detect", key, "name"])?;
    if cost.own > cost.memory {
        return wrong(&["detect", key, "own"], "expected no more than `memory`, of which it is a part");
    }
    if !(cost.seconds.is_finite() && cost.seconds >= 0.0) {
        return wrong(&["detect", key, "seconds"], "expected a number of seconds");
    }
    Ok(())
}

fn signs(signs: &Signs) -> Checked {
    let of_files = [&signs.calls, &signs.texts, &signs.flags];
    if signs.modules.is_empty() && of_files.iter().any(|globs| !globs.is_empty()) {
        return wrong(&["detect", "unless"], "`calls`, `texts` and `flags` need `modules`: whose files they count in");
    }
    Ok(())
}

fn installed(when: &Installed) -> Checked {
    let lists = [&when.requires, &when.beside, &when.local_version, &when.files];
    if !when.always && lists.iter().all(|globs| globs.is_empty()) {
        return wrong(
            &["detect", "when"],
            "expected a sign: `always = true`, `requires`, `beside`, `local-version` or `files`",
        );
    }
    Ok(())
}

fn replacement(replace: &Replacement) -> Checked {
    normalized(&replace.name, &["detect", "replace", "name"])?;
    if let Some(url) = &replace.index {
        index(url, &["detect", "replace", "index"])?;
    }
    let mut together = replace.together.iter().enumerate();
    together
        .try_for_each(|(position, name)| normalized(name, &["detect", "replace", "together", &position.to_string()]))
}
