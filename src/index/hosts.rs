//! Whose a place is, by its URL alone.

use super::user::named;
use std::collections::BTreeSet;

/// Whether a text is a URL of HTTP or HTTPS.
pub(super) fn is_of_the_web(url: &str) -> bool {
    let url = reqwest::Url::parse(url).ok();
    url.is_some_and(|url| crate::http::may_speak(&url, crate::http::Reach::Any).is_ok())
}

/// The host of a URL, with its port.
pub(super) fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = named(url).1.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit('@').next().filter(|host| !host.is_empty())
}

/// Whether an index of a project is at one of these hosts.
pub(super) fn is_at(index: &toml::Value, hosts: &BTreeSet<String>) -> bool {
    let url = index.get("url").and_then(toml::Value::as_str);
    url.and_then(host_of).is_some_and(|host| hosts.contains(host))
}
