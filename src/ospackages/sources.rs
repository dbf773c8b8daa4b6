//! Which repositories an image's files name.
//!
//! Source: sources.list(5) (one-line and deb822 style), apk-repositories(5).

use super::settings::{excludes_documentation, read_apt_conf};
use super::{Source, Sources};
use crate::base::{Text, file_name, masked};
use crate::fs::View;
use crate::os::PackageManager;

/// Most repositories of an image that are asked.
const MAX_SOURCES: usize = 64;

impl Sources {
    /// Reads the files of an image. Never fails: what cannot be asked is [`Sources::ignored`].
    pub fn new(view: &View<'_>) -> Self {
        let mut out = Self::default();
        let mut conf: Vec<&[u8]> = Vec::new();
        if let Some(bytes) = contents(view, b"etc/apt/sources.list") {
            out.add(parse_sources_list(bytes, "/etc/apt/sources.list"));
        }
        for (path, bytes) in files(view, b"etc/apt/sources.list.d") {
            let place = format!("/etc/apt/sources.list.d/{}", String::from_utf8_lossy(file_name(path)));
            match path.ends_with(b".sources") {
                true => out.add(parse_deb822_sources(bytes, &place)),
                false if path.ends_with(b".list") => out.add(parse_sources_list(bytes, &place)),
                false => {}
            }
        }
        // apt takes names of these letters only, without an extension or with this one.
        let is_read = |name: &[u8]| {
            let stem = name.strip_suffix(b".conf").unwrap_or(name);
            stem.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        };
        conf.extend(files(view, b"etc/apt/apt.conf.d").filter(|(path, _)| is_read(file_name(path))).map(|(_, b)| b));
        conf.extend(contents(view, b"etc/apt/apt.conf"));
        conf.into_iter().for_each(|bytes| read_apt_conf(bytes, &mut out.settings));
        let dpkg =
            files(view, b"etc/dpkg/dpkg.cfg.d").map(|(_, bytes)| bytes).chain(contents(view, b"etc/dpkg/dpkg.cfg"));
        out.settings.excludes_documentation = dpkg.into_iter().any(excludes_documentation);
        let pins =
            contents(view, b"etc/apt/preferences").is_some() || files(view, b"etc/apt/preferences.d").next().is_some();
        if pins {
            out.ignored.push(("/etc/apt/preferences".into(), "pins of apt_preferences(5) are not followed".into()));
        }
        if let Some(bytes) = contents(view, b"etc/apk/repositories") {
            out.add(parse_repositories(bytes, "/etc/apk/repositories"));
        }
        for (path, bytes) in files(view, b"etc/apk/repositories.d").filter(|(path, _)| path.ends_with(b".list")) {
            let place = format!("/etc/apk/repositories.d/{}", String::from_utf8_lossy(file_name(path)));
            out.add(parse_repositories(bytes, &place));
        }
        out
    }

    /// With the repositories that a command of apk names (`-X URI`), besides those of the image.
    pub fn with_repositories<'u>(mut self, uris: impl Iterator<Item = &'u str>, place: &str) -> Self {
        for uri in uris {
            let (list, ignored) = parse_repositories(uri.as_bytes(), place);
            let list = list.into_iter().map(|source| Source { place: place.to_owned(), ..source }).collect();
            self.add((list, ignored));
        }
        self
    }

    fn add(&mut self, (list, ignored): (Vec<Source>, Vec<(String, String)>)) {
        for source in list {
            if self.list.len() < MAX_SOURCES {
                self.list.push(source);
            } else {
                self.ignored.push((source.place, format!("more than {MAX_SOURCES} repositories are named")));
            }
        }
        self.ignored.extend(ignored);
    }
}

/// Kept contents, through links.
fn contents<'a>(view: &View<'a>, path: &[u8]) -> Option<&'a [u8]> {
    view.contents(path).or_else(|| view.contents(&view.resolve(path)?))
}

/// The kept files right below a folder, sorted by name.
fn files<'v>(view: &'v View<'_>, folder: &'static [u8]) -> impl Iterator<Item = (&'v [u8], &'v [u8])> {
    let below = view.below(folder).filter(move |(path, _)| crate::base::parent(path) == folder);
    below.filter_map(|(path, node)| Some((path, view.contents_of(node)?)))
}

type Parsed = (Vec<Source>, Vec<(String, String)>);

/// Sorts out what cannot be asked. Empty `components` are right for a flat repository only.
fn add(parsed: &mut Parsed, source: Source) {
    let shown = || format!("{} ({})", masked(&Text::from(&source.uri)), source.place);
    let reason = match source.uri.split_once(':') {
        Some(("http" | "https", rest)) if rest.starts_with("//") => None,
        Some((scheme @ ("cdrom" | "file" | "copy"), _)) => {
            Some(format!("`{scheme}:` is a place on the machine that builds: only http and https are asked"))
        }
        Some((scheme, _)) => Some(format!("only http and https are asked, found `{}:`", Text::from(scheme))),
        None => Some("expected the URL of a repository, found none".to_owned()),
    };
    let flat = source.suite.ends_with('/');
    let debian = source.manager == PackageManager::Dpkg;
    let reason = reason.or_else(|| match (debian, flat, source.components.is_empty()) {
        _ if debian && source.suite.is_empty() => Some("expected a suite behind the URL, found none".to_owned()),
        (true, false, true) => Some("expected a component behind the suite, found none".to_owned()),
        (true, true, false) => Some("a suite that is a folder (with a slash at its end) has no components".to_owned()),
        _ => None,
    });
    match reason {
        None => parsed.0.push(source),
        Some(reason) => parsed.1.push((shown(), reason)),
    }
}

/// Reads a file in the one-line style: `deb [arch=amd64] URI SUITE COMPONENT…`. The places of its rows begin with
/// `place`.
pub fn parse_sources_list(bytes: &[u8], place: &str) -> Parsed {
    let mut parsed = Parsed::default();
    for (number, line) in String::from_utf8_lossy(bytes).lines().enumerate() {
        let place = format!("{}:{}", Text::from(place), number + 1);
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some((kind, rest)) = line.split_once(char::is_whitespace) else {
            if !line.is_empty() {
                parsed.1.push((place, format!("expected `deb URI SUITE COMPONENT`, found `{}`", Text::from(line))));
            }
            continue;
        };
        match kind {
            "deb" => one_line(&mut parsed, rest.trim_start(), place),
            "deb-src" => {}
            _ => parsed.1.push((place, format!("expected `deb` or `deb-src`, found `{}`", Text::from(kind)))),
        }
    }
    parsed
}

fn one_line(parsed: &mut Parsed, rest: &str, place: String) {
    let (options, rest) = match rest.strip_prefix('[').map(|inside| inside.split_once(']')) {
        None => ("", rest),
        Some(Some((options, rest))) => (options, rest),
        Some(None) => {
            parsed.1.push((place, "expected `]` behind the options, found none".into()));
            return;
        }
    };
    let architectures = options.split_whitespace().filter_map(|option| option.strip_prefix("arch="));
    let architectures = architectures.flat_map(|list| list.split(',')).map(str::to_owned).collect();
    let mut words = rest.split_whitespace().map(str::to_owned);
    let (uri, suite) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let components = words.collect();
    let manager = PackageManager::Dpkg;
    add(parsed, Source { manager, uri, suite, components, architectures, tag: None, place });
}

/// Reads a file in deb822 style: stanzas of `Types`, `URIs`, `Suites`, `Components`. The places of its stanzas begin with
/// `place`.
pub fn parse_deb822_sources(bytes: &[u8], place: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let text = String::from_utf8_lossy(bytes);
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut start = 1;
    for (number, line) in text.lines().chain([""]).enumerate() {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            stanza(&mut parsed, &std::mem::take(&mut fields), format!("{}:{start}", Text::from(place)));
            continue;
        }
        if fields.is_empty() {
            start = number + 1;
        }
        match (line.starts_with([' ', '\t']), line.split_once(':')) {
            (true, _) => {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            }
            (false, Some((name, value))) => {
                fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
            (false, None) => {
                let found = Text::from(line);
                let place = format!("{}:{}", Text::from(place), number + 1);
                parsed.1.push((place, format!("expected `Field: value`, found `{found}`")));
            }
        }
    }
    parsed
}

fn stanza(parsed: &mut Parsed, fields: &[(String, String)], place: String) {
    if fields.is_empty() {
        return;
    }
    let get = |name: &str| fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value);
    let words = |name: &str| get(name).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    if !words("types").iter().any(|kind| kind == "deb") {
        if get("types").is_empty() {
            parsed.1.push((place, "expected `Types: deb`, found no types".into()));
        }
        return;
    }
    if matches!(get("enabled").to_ascii_lowercase().as_str(), "no" | "false" | "0" | "off" | "without" | "disable") {
        parsed.1.push((place, "it is not enabled".into()));
        return;
    }
    let (uris, suites) = (words("uris"), words("suites"));
    if uris.is_empty() || suites.is_empty() {
        parsed.1.push((place, "expected `URIs` and `Suites`, found one of them only, or none".into()));
        return;
    }
    for uri in uris.iter().take(MAX_SOURCES) {
        for suite in suites.iter().take(MAX_SOURCES) {
            let source = Source {
                manager: PackageManager::Dpkg,
                uri: uri.clone(),
                suite: suite.clone(),
                components: words("components"),
                architectures: words("architectures"),
                tag: None,
                place: place.clone(),
            };
            add(parsed, source);
        }
    }
}

/// Reads apk's `repositories`: `[@tag] URL`. The places of its rows begin with `place`.
pub fn parse_repositories(bytes: &[u8], place: &str) -> Parsed {
    let mut parsed = Parsed::default();
    for (number, line) in String::from_utf8_lossy(bytes).lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (tag, uri) = match line.strip_prefix('@').and_then(|rest| rest.split_once(char::is_whitespace)) {
            Some((tag, uri)) => (Some(tag.to_owned()), uri.trim()),
            None => (None, line),
        };
        let place = format!("{}:{}", Text::from(place), number + 1);
        if uri.is_empty() {
            continue;
        }
        if uri.starts_with('/') {
            parsed
                .1
                .push((format!("{} ({place})", Text::from(uri)), "it is a folder of the machine that builds".into()));
            continue;
        }
        add(
            &mut parsed,
            Source {
                manager: PackageManager::Apk,
                uri: uri.to_owned(),
                suite: String::new(),
                components: Vec::new(),
                architectures: Vec::new(),
                tag,
                place,
            },
        );
    }
    parsed
}
