//! Credentials for the servers of an index's files: those that uv's and pip's settings name in URLs, and `.netrc`.
//!
//! They are sent to the host that they were written for, and kept nowhere.
//!
//! Source: the `.netrc` format as ftp(1) and Python's `netrc` module read it.

use super::uv::{PLACES, Uv};
use reqwest::Url;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Larger files are nobody's `.netrc`.
const MOST: u64 = 1 << 20;

/// User and password by host, with the port where it was written.
#[derive(Clone, Default)]
pub struct Access(BTreeMap<String, (String, String)>);

/// Without the passwords.
impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Access {
    /// What the user's environment and files have.
    pub(super) fn from_env(uv: &Uv) -> Self {
        let mut out = Self::default();
        let named = std::env::var_os("NETRC").filter(|value| !value.is_empty()).map(PathBuf::from);
        let file = named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".netrc")));
        let small = |file: &PathBuf| std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.len() <= MOST);
        if let Some(text) = file.filter(small).and_then(|file| std::fs::read_to_string(file).ok()) {
            out.0.extend(parse_netrc(&text));
        }
        let own = PLACES.iter().filter_map(|name| std::env::var(name).ok());
        let given = uv.environment().iter().filter_map(|(_, value)| value.to_str().map(str::to_owned));
        for value in own.chain(given) {
            value.split([' ', '\n', ',']).for_each(|word| out.add_url(word));
        }
        out
    }

    /// Adds what `name=https://user:password@host/…` has.
    pub(super) fn add_url(&mut self, word: &str) {
        // uv's indexes may have a name before them.
        let start = word.find("://").map(|at| word[..at].rfind('=').map_or(0, |sign| sign + 1));
        let Some(url) = start.and_then(|start| Url::parse(&word[start..]).ok()) else { return };
        if !url.username().is_empty() {
            let decode = |text: &str| percent_decoded(text);
            let pair = (decode(url.username()), decode(url.password().unwrap_or_default()));
            self.0.insert(authority(&url), pair);
        }
    }

    /// User and password for a URL.
    pub(super) fn of(&self, url: &Url) -> Option<&(String, String)> {
        let host = url.host_str().unwrap_or_default();
        self.0.get(&authority(url)).or_else(|| self.0.get(host))
    }
}

/// The host, and the port if it is not the scheme's.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                rest = &after[2..];
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The machines of a `.netrc`, with login and password. Macros and `default` are passed over: what is for
/// everybody is not sent to servers that somebody else chose.
pub fn parse_netrc(text: &str) -> BTreeMap<String, (String, String)> {
    let mut out: BTreeMap<String, (String, String)> = BTreeMap::new();
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let mut words = lines.flat_map(str::split_whitespace);
    let mut machine = None;
    while let Some(word) = words.next() {
        match word {
            "machine" => machine = words.next().map(str::to_owned),
            "default" | "macdef" => machine = None,
            "login" | "password" | "account" => {
                let value = words.next().unwrap_or_default().trim_matches('"').to_owned();
                if let Some(machine) = &machine {
                    let pair = out.entry(machine.clone()).or_default();
                    match word {
                        "login" => pair.0 = value,
                        "password" => pair.1 = value,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_for_the_host_they_were_written_for() {
        let mut access = Access::default();
        access.add_url("private=https://me:p%40ss@example.org:8443/simple");
        access.0.extend(parse_netrc("# x\nmachine a.example login u password p\ndefault login x password y\n"));
        let of = |url: &str| access.of(&Url::parse(url).expect("a URL")).cloned();
        assert_eq!(of("https://example.org:8443/files/a.whl"), Some(("me".into(), "p@ss".into())));
        assert_eq!(of("https://example.org/files/a.whl"), None);
        assert_eq!(of("https://a.example:1/x"), Some(("u".into(), "p".into())));
        assert_eq!(of("https://b.example/x"), None);
        assert!(!format!("{access:?}").contains("ss"));
    }
}
