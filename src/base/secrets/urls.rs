//! The users, passwords and queries of URLs, and of places without a scheme (`user:password@host`).
//!
//! RFC 3986 ends the authority at the first `/`, `?` or `#`. People write passwords with these in them all the same, and
//! what goes wrong then is shown by the program that read them: so an `@` further on counts, where what stands before it
//! is no host and port.

use super::{MASK, Spans, is_secret_name, shapes};

/// Schemes of version control: an `@` in the path begins a revision.
fn is_version_control(scheme: &str) -> bool {
    ["git", "hg", "svn", "bzr", "ssh"].iter().any(|kind| scheme == *kind || scheme.starts_with(&format!("{kind}+")))
}

fn is_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

pub(super) fn find(text: &str, spans: &mut Spans) {
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        let colon = from + at;
        let scheme_length = text.as_bytes()[from..colon].iter().rev().take_while(|b| is_scheme(**b)).count();
        let (scheme, start) = (colon - scheme_length, colon + 3);
        hosts(text, from..scheme, spans);
        let run = &text[start..end_of_run(text, scheme, start)];
        let host = host_start(run, &text[scheme..colon]);
        if host > 0 && &run[..host - 1] != MASK {
            spans.hide(start..start + host - 1);
        }
        let stop = |c: char| c.is_whitespace() || "\"'`<>()".contains(c);
        let rest = &run[host..];
        let rest = &rest[..rest.find(stop).unwrap_or(rest.len())];
        if let Some(query) = rest.find('?') {
            spans.replace(start + host + query..start + host + rest.len(), "?…");
        }
        if let Some(token) = token_of_conda(rest) {
            spans.hide(start + host + token.start..start + host + token.end);
        }
        from = start + host + rest.len();
    }
    hosts(text, from..text.len(), spans);
}

/// The token of a channel of conda's: `https://host/t/TOKEN/channel`.
fn token_of_conda(url: &str) -> Option<std::ops::Range<usize>> {
    let path = url.find('/').filter(|at| url[*at..].starts_with("/t/"))?;
    let end = url[path + 3..].find('/').filter(|length| *length >= 8)?;
    (&url[path + 3..path + 3 + end] != MASK).then_some(path + 3..path + 3 + end)
}

/// Where what may belong to a URL ends: at the quote that it began behind, at a space, at the next URL.
fn end_of_run(text: &str, scheme: usize, start: usize) -> usize {
    let rest = &text[start..];
    let line = rest.find('\n').unwrap_or(rest.len());
    let quote = text[..scheme].chars().next_back().filter(|c| matches!(c, '"' | '\'' | '`'));
    let quoted = quote.and_then(|quote| rest[..line].find(quote));
    let plain =
        || rest.find(|c: char| c.is_whitespace() || c.is_control() || "\"'`<>".contains(c)).unwrap_or(rest.len());
    let end = quoted.unwrap_or_else(plain);
    let next = rest[..end]
        .find("://")
        .map(|next| next - rest.as_bytes()[..next].iter().rev().take_while(|b| is_scheme(**b)).count());
    start + next.unwrap_or(end)
}

/// Where the host begins: behind the user and password, or at once.
fn host_start(run: &str, scheme: &str) -> usize {
    let authority = run.find(['/', '?', '#']).unwrap_or(run.len());
    let Some(last) = run.rfind('@') else { return 0 };
    if let Some(sign) = run[..authority].rfind('@') {
        let host = &run[sign + 1..authority];
        // `user:pa@ss/word@host`: what follows the first is no host.
        let goes_on = last > sign && run[..sign].contains(':') && !is_host(host) && !run[..last].ends_with('/');
        return if goes_on && !is_version_control(scheme) { last + 1 } else { sign + 1 };
    }
    let Some((_, port)) = run[..authority].split_once(':').filter(|_| !run.starts_with('[')) else { return 0 };
    let is_port = (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    let behind = &run[last + 1..];
    let host = &behind[..behind.find(['/', '?', '#']).unwrap_or(behind.len())];
    let is_odd = !run[authority..].starts_with('/')
        || (is_host(host) && host.len() < behind.len() && !is_version_control(scheme) && !run[..last].ends_with('/'));
    if !is_port || is_odd { last + 1 } else { 0 }
}

/// Whether a text can only be a host: a domain of several parts, an address, `localhost`, a name with a port.
fn is_host(text: &str) -> bool {
    let (name, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let top = name.rsplit('.').next().unwrap_or_default();
    let is_domain = name.contains('.') && top.len() > 1 && top.bytes().all(|b| b.is_ascii_alphabetic());
    is_domain
        || name.parse::<std::net::Ipv4Addr>().is_ok()
        || name == "localhost"
        || name.starts_with('[')
        || (!name.is_empty() && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

/// `user:password@host` without a scheme, in a part of a text without URLs.
fn hosts(text: &str, part: std::ops::Range<usize>, spans: &mut Spans) {
    let (base, text) = (part.start, &text[part]);
    for (sign, _) in text.match_indices('@') {
        let start = text[..sign].rfind(|c: char| c.is_whitespace() || "\"'`<>".contains(c));
        let start = start.map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
        // `--proxy=user:password@host`
        let word = &text[start..sign];
        let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        let start = start + word.find('=').filter(|at| is_name(&word[..*at])).map_or(0, |at| at + 1);
        let Some((user, password)) = text[start..sign].split_once(':') else { continue };
        const OTHERS: [&str; 12] = [
            "mailto",
            "pkg",
            "npm",
            "github",
            "gitlab",
            "git",
            "docker",
            "docker-daemon",
            "oci",
            "index",
            "file",
            "sip",
        ];
        let is_user = !user.is_empty() && !user.contains(['/', '@']) && !OTHERS.contains(&user);
        let is_reference = password.starts_with('$') || password.starts_with('/');
        let behind = &text[sign + 1..];
        let is_digest = ["sha256:", "sha512:", "sha384:"].iter().any(|kind| behind.starts_with(kind));
        let host =
            &behind[..behind.find(|c: char| !(c.is_ascii_alphanumeric() || "-._".contains(c))).unwrap_or(behind.len())];
        let is_version = host.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())
            && host.parse::<std::net::Ipv4Addr>().is_err();
        if is_user && !password.is_empty() && !is_reference && !is_digest && !host.is_empty() && !is_version {
            spans.hide(base + start..base + sign);
        }
    }
}

/// A URL without user and password (of ssh without the password: the user there is no secret, and needed), without the
/// parts of its query that are secrets, and without tokens in its path. It may be one that serves nobody without them.
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let host = host_start(rest, scheme);
    let user = rest[..host].trim_end_matches('@').split(':').next().filter(|user| !user.is_empty() && *user != MASK);
    let user = user
        .filter(|_| scheme == "ssh" || scheme.ends_with("+ssh"))
        .map_or_else(String::new, |user| format!("{user}@"));
    let (place, fragment) =
        rest[host..].split_once('#').map_or((&rest[host..], ""), |(place, fragment)| (place, fragment));
    let (path, query) = place.split_once('?').unwrap_or((place, ""));
    let stays = |part: &&str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let lower = name.to_ascii_lowercase();
        let signs =
            lower.starts_with("x-amz-") || matches!(&lower[..], "sig" | "signature" | "auth" | "code" | "se" | "sv");
        !part.is_empty() && !signs && !is_secret_name(name) && shapes::token(value).is_none()
    };
    let query = query.split('&').filter(stays).collect::<Vec<_>>().join("&");
    let query = if query.is_empty() { query } else { format!("?{query}") };
    let fragment = if fragment.is_empty() { String::new() } else { format!("#{}", super::masked(fragment)) };
    let path: Vec<&str> = path.split('/').map(|part| if shapes::token(part).is_some() { MASK } else { part }).collect();
    format!("{scheme}://{user}{}{query}{fragment}", path.join("/"))
}
