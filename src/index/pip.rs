//! pip's indexes for uv, which does not read pip's configuration: used where uv has no index of its own.
//!
//! Source: pip's description of its configuration (<https://pip.pypa.io/en/stable/topics/configuration/>), uv's of
//! its own (<https://docs.astral.sh/uv/concepts/configuration-files/>).

use super::user::{User, read, settings_folder};
use crate::programs::Strangers;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What uv is to be told of pip's configuration: `(variable, value)`. Nothing where the user has told uv itself where
/// to look, in its environment or in a file of its own.
pub(super) fn environment_for_uv(user: &User) -> Vec<(String, OsString)> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if user.has_places() {
        return Vec::new();
    }
    let mut settings: BTreeMap<String, String> = BTreeMap::new();
    for text in pip_files(&user.strangers).iter().filter_map(|file| read(file)) {
        settings.extend(parse_pip(&text));
    }
    for name in ["index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "cert"] {
        let value = variable(&format!("PIP_{}", name.to_ascii_uppercase().replace('-', "_")));
        settings.extend(value.map(|value| (name.to_owned(), value)));
    }
    settings.retain(|name, value| name != "cert" || user.strangers.named(Some(OsString::from(&*value))).is_some());
    let has_certificates = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| user.environment.contains_key(*name));
    translated(&settings, has_certificates).into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// Whether the user has said where to look: in the environment, or in a file of uv's or pip's.
pub(super) fn is_configured(user: &User) -> bool {
    user.has_places() || !environment_for_uv(user).is_empty()
}

/// pip's settings in uv's words.
pub(super) fn translated(settings: &BTreeMap<String, String>, has_certificates: bool) -> Vec<(String, String)> {
    let list = |name: &str, between: &str| {
        let words: Vec<&str> = settings.get(name)?.split_whitespace().collect();
        (!words.is_empty()).then(|| words.join(between))
    };
    let mut out = Vec::new();
    let mut set = |name: &str, value: Option<String>| out.extend(value.map(|value| (name.to_owned(), value)));
    set("UV_DEFAULT_INDEX", list("index-url", " "));
    let extra = list("extra-index-url", " ");
    // pip looks in all of them; uv's default is to look no further than the first that knows the name.
    set("UV_INDEX_STRATEGY", extra.as_ref().map(|_| "unsafe-first-match".to_owned()));
    set("UV_INDEX", extra);
    set("UV_FIND_LINKS", list("find-links", ","));
    set("UV_INSECURE_HOST", list("trusted-host", " "));
    let truth = |value: &String| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on" | "y" | "t");
    set("UV_NO_INDEX", settings.get("no-index").filter(|value| truth(value)).map(|_| "1".to_owned()));
    set("SSL_CERT_FILE", settings.get("cert").filter(|_| !has_certificates).cloned());
    out
}

/// The settings of `[global]`, overridden by `[install]`. A value may go on in indented lines.
fn parse_pip(text: &str) -> BTreeMap<String, String> {
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let (mut section, mut key) = (String::new(), None::<String>);
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            (section, key) = (name.to_ascii_lowercase(), None);
        } else if let (true, Some(key)) = (line.starts_with([' ', '\t']), &key) {
            let value = sections.entry(section.clone()).or_default().entry(key.clone()).or_default();
            value.push('\n');
            value.push_str(trimmed);
        } else if let Some((name, value)) = trimmed.split_once(['=', ':']) {
            let name = name.trim().to_ascii_lowercase().replace('_', "-");
            sections.entry(section.clone()).or_default().insert(name.clone(), value.trim().to_owned());
            key = Some(name);
        }
    }
    let mut out = sections.remove("global").unwrap_or_default();
    out.extend(sections.remove("install").unwrap_or_default());
    out
}

fn set(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// pip's files, those that win last: the user's, the machine's, and none of a stranger's.
fn pip_files(strangers: &Strangers) -> Vec<PathBuf> {
    let named = set("PIP_CONFIG_FILE");
    if named.as_deref().is_some_and(|file| file == Path::new("/dev/null")) {
        return Vec::new();
    }
    let of_machine = [Some("/etc/xdg/pip/pip.conf".into()), Some("/etc/pip.conf".into())];
    let home = strangers.named(std::env::var_os("HOME"));
    let of_user =
        [home.map(|home| home.join(".pip/pip.conf")), settings_folder(strangers).map(|dir| dir.join("pip/pip.conf"))];
    let of_site = set("VIRTUAL_ENV").map(|dir| dir.join("pip.conf"));
    let all = of_machine.into_iter().chain(of_user).chain([of_site, named]).flatten();
    all.filter(|file| strangers.named(Some(file.into())).is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pips_indexes_become_uvs() {
        let text = "[global]\nindex-url = https://u:p@example.org/simple\nextra_index_url =\n    https://a.example/1\n    \
                    https://a.example/2\n; no\n[install]\ntrusted-host: a.example\n[freeze]\nno-index = true\n";
        let shown: Vec<String> =
            translated(&parse_pip(text), false).into_iter().map(|(a, b)| format!("{a}={b}")).collect();
        assert_eq!(
            shown,
            [
                "UV_DEFAULT_INDEX=https://u:p@example.org/simple",
                "UV_INDEX_STRATEGY=unsafe-first-match",
                "UV_INDEX=https://a.example/1 https://a.example/2",
                "UV_INSECURE_HOST=a.example"
            ]
        );
    }

    #[test]
    fn certificates_are_handed_on_where_none_are_set() {
        let settings = parse_pip("[global]\ncert = /ca.pem\nno-index = yes");
        let row = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(translated(&settings, false), [row("UV_NO_INDEX", "1"), row("SSL_CERT_FILE", "/ca.pem")]);
        assert_eq!(translated(&settings, true), [row("UV_NO_INDEX", "1")]);
    }
}
