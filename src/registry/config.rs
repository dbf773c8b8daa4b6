//! The files in which Docker and Podman keep credentials: `config.json`, `auth.json` (containers-auth.json(5)) and
//! the old `.dockercfg`. Pure parsers: bytes in, entries or the place of the damage out. No message ever has a
//! value of the file in it.

use super::Reference;
use super::credentials::Credentials;
use base64::Engine as _;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The name under which Docker stores the credentials of Docker Hub.
pub(super) const HUB_KEY: &str = "https://index.docker.io/v1/";

/// What one file says.
#[derive(Default)]
pub struct AuthConfig {
    auths: BTreeMap<String, Credentials>,
    helpers: BTreeMap<String, String>,
    store: Option<String>,
}

#[derive(Deserialize)]
struct RawConfig {
    auths: Option<BTreeMap<String, Option<RawEntry>>>,
    #[serde(rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Deserialize)]
struct RawEntry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// Parses `config.json` or `auth.json`. An error says where, and what was expected there.
pub fn parse_docker_config(bytes: &[u8]) -> Result<AuthConfig, String> {
    if bytes.trim_ascii().is_empty() {
        return Ok(AuthConfig::default());
    }
    let raw: RawConfig = json(bytes, "an object with `auths`, `credHelpers` and `credsStore`, if any")?;
    Ok(AuthConfig {
        auths: entries(raw.auths.unwrap_or_default())?,
        helpers: raw.helpers.unwrap_or_default(),
        store: raw.store.filter(|store| !store.is_empty()),
    })
}

/// Parses `.dockercfg`, which is the `auths` of the other files alone.
pub fn parse_dockercfg(bytes: &[u8]) -> Result<AuthConfig, String> {
    if bytes.trim_ascii().is_empty() {
        return Ok(AuthConfig::default());
    }
    let raw = json(bytes, "an object with an entry for each registry")?;
    Ok(AuthConfig { auths: entries(raw)?, ..AuthConfig::default() })
}

/// serde_json quotes the value that it did not expect, which may be a password: only its place is told.
fn json<'b, T: Deserialize<'b>>(bytes: &'b [u8], expected: &str) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| {
        let found = match error.classify() {
            serde_json::error::Category::Data => "something else",
            serde_json::error::Category::Eof => "the end of the file",
            _ => "what is no JSON",
        };
        format!("line {}, column {}: expected {expected}; found {found}", error.line(), error.column())
    })
}

fn entries(raw: BTreeMap<String, Option<RawEntry>>) -> Result<BTreeMap<String, Credentials>, String> {
    let mut entries = BTreeMap::new();
    for (key, entry) in raw.into_iter().filter_map(|(key, entry)| Some((key, entry?))) {
        let credentials = entry.credentials().map_err(|expected| {
            format!("`auth` of {}: expected {expected}, found something else", super::error::quoted(&key))
        })?;
        entries.extend(credentials.map(|credentials| (key, credentials)));
    }
    Ok(entries)
}

impl RawEntry {
    /// `None` for an entry that only says that a helper has the credentials.
    fn credentials(self) -> Result<Option<Credentials>, &'static str> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(token) = given(self.identitytoken) {
            return Ok(Some(Credentials::Identity(token)));
        }
        let Some(auth) = given(self.auth) else {
            let pair = given(self.username).zip(given(self.password));
            return Ok(pair.map(|(user, password)| Credentials::Password { user, password }));
        };
        let decoded = base64::engine::general_purpose::STANDARD.decode(auth.trim()).map_err(|_| "base64")?;
        let text = String::from_utf8(decoded).map_err(|_| "base64 of UTF-8")?;
        let (user, password) = text.split_once(':').ok_or("base64 of USER:PASSWORD")?;
        // Old files are padded.
        let password = password.trim_end_matches('\0');
        Ok(Some(Credentials::Password { user: user.into(), password: password.into() }))
    }
}

impl AuthConfig {
    /// The name of the helper that keeps the registry's credentials, if there is one.
    pub fn helper(&self, reference: &Reference) -> Option<&str> {
        let named = self.helpers.iter().find(|(key, _)| plain_key(key) == reference.registry());
        named.map(|(_, helper)| helper).or(self.store.as_ref()).map(String::as_str)
    }

    /// Whether the file itself has credentials for the image.
    pub fn has(&self, reference: &Reference) -> bool {
        self.find(reference).is_some()
    }

    /// The credentials of the longest key that is the image's repository or a part of it from the left.
    pub(super) fn find(&self, reference: &Reference) -> Option<&Credentials> {
        let whole = format!("{}/{}", reference.registry(), reference.repository());
        let mut wanted = Some(whole.as_str());
        while let Some(key) = wanted {
            let as_written = || self.auths.get(key);
            let as_url = || self.auths.iter().find(|(known, _)| plain_key(known) == key).map(|(_, found)| found);
            if let Some(credentials) = as_written().or_else(as_url) {
                return Some(credentials);
            }
            wanted = key.rsplit_once('/').map(|(shorter, _)| shorter);
        }
        None
    }
}

/// A key as `host[/namespace]`: Docker writes URLs (`https://host/v1/`), and Docker Hub has several hosts.
fn plain_key(key: &str) -> &str {
    let plain = match key.split_once("://") {
        Some((_, rest)) => rest.split('/').next().unwrap_or_default(),
        None => key.strip_suffix("/v1/").or_else(|| key.strip_suffix("/v2/")).unwrap_or(key).trim_end_matches('/'),
    };
    match plain {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    }
}
