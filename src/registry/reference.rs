//! Names of images as people write them.

use super::RegistryError;
use crate::base::{Digest, Text};
use std::fmt;
use std::str::FromStr;

/// Docker Hub, as it is called in names.
const HUB: &str = "docker.io";

/// Docker Hub, where its API is.
const HUB_API: &str = "registry-1.docker.io";

/// Longest name, with the registry (distribution-spec, "Pulling manifests").
const MAX_NAME: usize = 255;

/// Which image of which registry: `NAME[:TAG][@DIGEST]`, read as Docker reads it. Without a tag and a digest the
/// tag is `latest`. Displayed in the short form that people know (`alpine:3.20`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// The registry's name with its port: `docker.io`, `localhost:5000`, `[::1]:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The host and port that answer for the registry. Differs from its name for Docker Hub only.
    pub fn api_host(&self) -> &str {
        if self.is_hub() { HUB_API } else { &self.registry }
    }

    /// The repository in the registry: `library/alpine`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag. `None` only where there is a digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the manifest, if the name has one. It decides, whatever the tag.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Whether the registry is Docker Hub.
    pub fn is_hub(&self) -> bool {
        self.registry == HUB
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let official =
            self.repository.strip_prefix("library/").filter(|name| !name.contains('/') && !is_image_id(name));
        match (self.is_hub(), official) {
            (true, Some(name)) => f.write_str(name)?,
            // Unless a part of it would be read as a registry.
            (true, None) if split_registry(&self.repository).1 == self.repository => f.write_str(&self.repository)?,
            _ => write!(f, "{}/{}", self.registry, self.repository)?,
        }
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl FromStr for Reference {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let wrong = |expected, found: &str| RegistryError::Reference {
            text: Text::from(text).into(),
            expected,
            found: if found.is_empty() { "nothing".into() } else { format!("`{}`", Text::from(found)) },
        };
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(wrong("a name without a scheme", &format!("{scheme}://")));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let parsed =
                    digest.parse().map_err(|_| wrong("`sha256:` and 64 hexadecimal digits behind `@`", digest))?;
                (rest, Some(parsed))
            }
            None => (text, None),
        };
        let (registry, rest) = split_registry(rest);
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if !is_host(registry) {
            return Err(wrong("a host name or address, and a port from 1 to 65535 if any", registry));
        }
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(wrong(
                "a tag of up to 128 letters, digits, `_`, `.` and `-` that starts with none of the last two",
                tag,
            ));
        }
        if let Some(bad) = path.split('/').find(|component| !is_component(component)) {
            return Err(wrong(
                "lower-case letters and digits in the name, separated by `.`, `_`, `__`, `-` or `/`",
                bad,
            ));
        }
        let repository =
            if registry == HUB && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        if registry == HUB && is_image_id(path) {
            return Err(wrong("a name", "64 hexadecimal digits, which name no repository"));
        }
        if registry.len() + 1 + repository.len() > MAX_NAME {
            return Err(wrong("a name of at most 255 characters", "a longer one"));
        }
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| "latest".into()));
        Ok(Self { registry: registry.to_owned(), repository, tag, digest })
    }
}

/// The registry's name and the rest. What is before the first `/` is a registry only if it looks like a host:
/// `team/app` is on Docker Hub, `localhost/app` and `example.org/app` are not.
fn split_registry(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((first, rest)) if looks_like_host(first) => match first {
            "index.docker.io" | HUB_API => (HUB, rest),
            _ => (first, rest),
        },
        _ => (HUB, text),
    }
}

fn looks_like_host(first: &str) -> bool {
    first.contains(['.', ':', '[']) || first == "localhost" || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => (None, port),
            _ => return false,
        },
        None => match text.split_once(':') {
            Some((host, _)) => (Some(host), &text[host.len()..]),
            None => (Some(text), ""),
        },
    };
    let port_is_right = match port.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0)
        }
        None => port.is_empty(),
    };
    port_is_right && host.is_none_or(|host| host.split('.').all(is_label))
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(component: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter().all(|end| end.is_some_and(|&byte| is_word(byte)))
        && component
            .split(|c: char| c.is_ascii() && is_word(c as u8))
            .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-'))
}

/// What engines take for the identifier of an image.
fn is_image_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether it is one: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (distribution-spec, "Pulling manifests").
pub fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}
