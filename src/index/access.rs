//! Credentials for indexes and for the servers of their files, by whom they are for.
//!
//! They come from the user's own settings: the URLs of indexes, `UV_INDEX_NAME_USERNAME` and `_PASSWORD`, a keyring, and
//! `.netrc`; and from URLs of the repository, for what these name. Whatever their source, they go to the scheme, host and
//! port that they were written for, and over TLS or to this machine only. A `.netrc` knows hosts without ports: its entries
//! go to any port of the host, by the same rule. They are kept nowhere, and are in no argument of a command.
//!
//! Source: the `.netrc` format as ftp(1) and Python's `netrc` module read it.

use super::user::{self, User, named};
use crate::http::may_be_told;
use crate::programs::{Strangers, converse};
use crate::wheel::Credentials;
use reqwest::Url;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a keyring may take.
const KEYRING_WAIT: Duration = Duration::from_secs(20);

/// A user and a password.
type Pair = (String, String);

/// Users and passwords.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// By scheme, host and port.
    origins: BTreeMap<String, Pair>,
    /// By host, or by host and port, of `.netrc`.
    hosts: BTreeMap<String, Pair>,
}

/// Without the passwords.
impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.origins.keys().chain(self.hosts.keys())).finish()
    }
}

impl Access {
    /// What the user's environment and files have.
    pub(super) fn of_user(user: &User) -> Self {
        let mut out = Self { hosts: netrc(&user.strangers), ..Self::default() };
        let indexes = user.indexes();
        indexes.iter().for_each(|(_, url)| out.add_url(url));
        let variable = |name: &str| std::env::var(name).ok();
        for (name, url) in indexes.iter().filter_map(|(name, url)| Some((name.as_ref()?, url))) {
            out.add_named(name, url, &variable);
        }
        let provider = user.settings.get("keyring-provider").and_then(toml::Value::as_str).map(str::to_owned);
        if variable("UV_KEYRING_PROVIDER").or(provider).as_deref() == Some("subprocess") {
            indexes.iter().for_each(|(_, url)| out.add_of_keyring(url, &user.strangers));
        }
        out
    }

    /// Adds what `name=https://user:password@host/…` has. What is known of an origin stays.
    pub(super) fn add_url(&mut self, word: &str) {
        let Some(url) = Url::parse(named(word).1).ok().filter(|url| !url.username().is_empty()) else { return };
        if let Some(password) = url.password() {
            self.add(&url, (percent_decoded(url.username()), percent_decoded(password)));
        } else {
            // A token stands where the name does.
            self.add(&url, (percent_decoded(url.username()), String::new()));
        }
    }

    /// Adds what uv's variables have for the index of a name.
    pub(super) fn add_named(&mut self, name: &str, url: &str, variable: &dyn Fn(&str) -> Option<String>) {
        let key: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        let of = |what: &str| variable(&format!("UV_INDEX_{key}_{what}")).filter(|value| !value.is_empty());
        let (user, password) = (of("USERNAME"), of("PASSWORD"));
        if let (Ok(url), true) = (Url::parse(url), user.is_some() || password.is_some()) {
            self.add(&url, (user.unwrap_or_default(), password.unwrap_or_default()));
        }
    }

    /// Asks the user's keyring for the password of an index whose URL has a user.
    fn add_of_keyring(&mut self, url: &str, strangers: &Strangers) {
        let Some(url) = Url::parse(url).ok().filter(|url| may_be_told(url) && !url.username().is_empty()) else {
            return;
        };
        let (None, Some(program)) = (url.password(), strangers.program("keyring")) else { return };
        let user = percent_decoded(url.username());
        let mut bare = url.clone();
        let _ = bare.set_username("");
        for service in [bare.to_string(), crate::http::authority(&url)] {
            let mut command = Command::new(&program);
            command.args(["get", &service, &user]).current_dir("/");
            let ours = |name: &str| name.starts_with("PYTHON") || name == "VIRTUAL_ENV";
            let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
            for name in names.filter(|name| ours(name)) {
                command.env_remove(name);
            }
            let answer = converse(command, "", Instant::now() + KEYRING_WAIT);
            let password = answer.ok().filter(|(status, ..)| status.success()).map(|(_, out, _)| out.trim().to_owned());
            if let Some(password) = password.filter(|password| !password.is_empty()) {
                self.origins.insert(origin(&url), (user, password));
                return;
            }
        }
    }

    fn add(&mut self, url: &Url, pair: Pair) {
        if may_be_told(url) {
            self.origins.entry(origin(url)).or_insert(pair);
        }
    }

    /// A text that is handed to uv, with the credentials of the URLs in it that may be told them, and without any for those
    /// that may not. Names before URLs (`name=https://…`) are left out: by them uv would look for credentials itself.
    pub(super) fn in_words(&self, text: &str) -> String {
        let separator = |c: char| c == ' ' || c == '\n' || c == ',';
        let words = text.split_inclusive(separator).map(|word| {
            let bare = word.trim_end_matches(separator);
            let end = &word[bare.len()..];
            match Url::parse(named(bare).1).ok().filter(|url| url.has_host()) {
                Some(url) => self.with(url) + end,
                None => word.to_owned(),
            }
        });
        words.collect()
    }

    fn with(&self, mut url: Url) -> String {
        let told = may_be_told(&url);
        let known =
            self.of(&url).filter(|(user, _)| url.username().is_empty() || percent_decoded(url.username()) == *user);
        let known = known.filter(|_| url.password().is_none()).cloned();
        if !told {
            // Neither fails: it has a host.
            let _ = url.set_username("").and_then(|()| url.set_password(None));
        } else if let Some((user, password)) = known {
            let _ = url.set_username(&user);
            let _ = url.set_password(Some(&password).filter(|password| !password.is_empty()).map(String::as_str));
        }
        // uv would put variables of its environment in the place of `${NAME}`.
        url.as_str().replace('$', "%24")
    }
}

/// Scheme, host and port.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The entries of the user's `.netrc`.
fn netrc(strangers: &Strangers) -> BTreeMap<String, Pair> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let at_home = || Some(strangers.named(set("HOME"))?.join(".netrc"));
    let file: Option<PathBuf> = if set("NETRC").is_some() { strangers.named(set("NETRC")) } else { at_home() };
    let text = file.filter(|file| !strangers.own(file)).and_then(|file| user::read(&file));
    text.map(|text| parse_netrc(&text)).unwrap_or_default()
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

impl Credentials for Access {
    fn of(&self, url: &Url) -> Option<&Pair> {
        let host = url.host_str().unwrap_or_default();
        let in_netrc =
            || self.hosts.get(&format!("{host}:{}", url.port_or_known_default()?)).or_else(|| self.hosts.get(host));
        Some(url).filter(|url| may_be_told(url)).and_then(|url| self.origins.get(&origin(url)).or_else(in_netrc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(access: &Access, url: &str) -> Option<Pair> {
        access.of(&Url::parse(url).expect("a URL")).cloned()
    }

    #[test]
    fn credentials_are_for_the_origin_they_were_written_for() {
        let mut access = Access::default();
        access.add_url("private=https://me:p%40ss@example.org:8443/simple");
        access.add_url("https://someone:else@example.org:8443/other");
        access.add_url("http://me:plain@plain.example/simple");
        access.add_url("http://me:local@127.0.0.1:8080/simple");
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(of(&access, "https://example.org:8443/files/a.whl"), pair("me", "p@ss"));
        assert_eq!(of(&access, "http://127.0.0.1:8080/files/a.whl"), pair("me", "local"));
        for other in [
            "https://example.org/files/a.whl",
            "http://example.org:8443/simple",
            "https://example.org.evil.example:8443/",
            "http://plain.example/simple",
            "https://plain.example/simple",
            "http://127.0.0.1:8081/simple",
            "https://127.0.0.1:8080/simple",
            "http://localhost:8080/simple",
        ] {
            assert_eq!(of(&access, other), None, "{other}");
        }
        assert!(!format!("{access:?}").contains("ss"));
    }

    #[test]
    fn a_netrc_is_for_hosts_over_tls_or_here() {
        let text = "# x\nmachine a.example login u password p\nmachine b.example:1 login v password q\n\
                    machine 127.0.0.1 login w password r\ndefault login x password y\n";
        let access = Access { hosts: parse_netrc(text), ..Access::default() };
        let user = |url: &str| of(&access, url).map(|(user, _)| user);
        assert_eq!(user("https://a.example:8443/x").as_deref(), Some("u"));
        assert_eq!(user("https://b.example:1/x").as_deref(), Some("v"));
        assert_eq!(user("http://127.0.0.1:3/x").as_deref(), Some("w"));
        for other in ["http://a.example/x", "https://b.example/x", "https://c.example/x", "http://localhost/x"] {
            assert_eq!(user(other), None, "{other}");
        }
    }

    #[test]
    fn uv_gets_credentials_in_the_urls_that_may_have_them() {
        let mut access = Access::default();
        access.add_url("https://me:p%40ss@example.org/simple");
        for (text, expected) in [
            ("mine=https://example.org/other", "https://me:p%40ss@example.org/other"),
            ("https://example.org/a http://example.org/b", "https://me:p%40ss@example.org/a http://example.org/b"),
            ("https://me@example.org/a,/wheels", "https://me:p%40ss@example.org/a,/wheels"),
            ("https://you@example.org/a", "https://you@example.org/a"),
            ("http://me:p@plain.example/a", "http://plain.example/a"),
            ("https://evil.example/${UV_INDEX}/a", "https://evil.example/%24%7BUV_INDEX%7D/a"),
        ] {
            assert_eq!(access.in_words(text), expected);
        }
    }

    #[test]
    fn the_variables_of_an_index_are_for_the_index_of_that_name() {
        let mut access = Access::default();
        let variable = |name: &str| (name == "UV_INDEX_MY_OWN_PASSWORD").then(|| "secret".to_owned());
        access.add_named("my-own", "https://example.org/simple", &variable);
        access.add_named("other", "https://other.example/simple", &variable);
        assert_eq!(of(&access, "https://example.org/x"), Some((String::new(), "secret".into())));
        assert_eq!(of(&access, "https://other.example/x"), None);
    }
}
