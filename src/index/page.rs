//! The page of a project in a package index: where its source distributions are.
//!
//! uv is always told to build nothing, and then says nothing of what it would have to build. What a plan has to know of a
//! source distribution, its name and digests, is on the project's page, which this reads: as data, and never the
//! distribution itself.
//!
//! Source: the simple repository API (<https://packaging.python.org/en/latest/specifications/simple-repository-api/>), as
//! JSON and as HTML.

use super::uv::{Ask, Uv};
use crate::http::{Reach, client, is_loopback};
use crate::manifest::Artifact;
use crate::manifest::without_secrets;
use crate::python::normalize_name;
use crate::wheel::Credentials as _;
use pep440_rs::Version;
use reqwest::Url;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

/// uv's index where it is told of none.
const USUAL: &str = "https://pypi.org/simple";

/// Largest page that is read, in bytes.
const MOST: u64 = 64 << 20;

/// How long a server may send nothing.
const IDLE: Duration = Duration::from_secs(10);

const KINDS: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

/// A source distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// Its version.
    pub version: Version,
    /// The file.
    pub file: Artifact,
    /// Whether it was yanked.
    pub yanked: bool,
}

/// The newest source distribution of a name with a version that fits, in the first of the indexes that has one. None, too,
/// where no index can be asked.
pub(super) fn source(uv: &Uv, ask: Ask<'_>, name: &str, fits: impl Fn(&Version) -> bool) -> Option<Source> {
    let indexes = ask.index.map_or_else(|| uv.indexes(), |index| vec![index.to_owned()]);
    let indexes = if indexes.is_empty() { vec![USUAL.to_owned()] } else { indexes };
    indexes.iter().find_map(|index| {
        let found = read(uv, index, name, ask.deadline).into_iter().filter(|source| fits(&source.version));
        // As installers choose: what is final before what is not, what is not yanked before what is.
        found.max_by_key(|source| (!source.yanked, !source.version.any_prerelease(), source.version.clone()))
    })
}

fn read(uv: &Uv, index: &str, name: &str, deadline: Instant) -> Vec<Source> {
    let name = normalize_name(name);
    let place = format!("{}/{name}/", index.trim_end_matches('/'));
    let Ok(mut url) = Url::parse(&place) else { return Vec::new() };
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() || crate::http::may_speak(&url, Reach::Any).is_err() {
        return Vec::new();
    }
    let access = uv.access().of(&url).cloned();
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    let Ok(client) = client(IDLE.min(left), is_loopback(&url), Reach::Any).build() else { return Vec::new() };
    let mut request = client.get(url).header(ACCEPT, KINDS);
    if let Some((user, password)) = access {
        request = request.basic_auth(user, Some(password));
    }
    let Ok(response) = request.send() else { return Vec::new() };
    if response.status().as_u16() != 200 {
        return Vec::new();
    }
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
    let base = response.url().clone();
    let mut bytes = Vec::new();
    let (mut body, mut piece) = (response.take(MOST + 1), vec![0; 64 << 10]);
    while let Ok(count) = body.read(&mut piece) {
        bytes.extend_from_slice(&piece[..count]);
        if count == 0 {
            break;
        }
        if bytes.len() as u64 > MOST || Instant::now() >= deadline {
            return Vec::new();
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let files = if is_json { of_json(&text) } else { of_html(&text) };
    files.into_iter().filter_map(|file| file.source(&name, &base)).collect()
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct File {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    size: Option<u64>,
    #[serde(default)]
    yanked: Yanked,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Yanked {
    Is(bool),
    Because(String),
}

impl Default for Yanked {
    fn default() -> Self {
        Self::Is(false)
    }
}

impl File {
    /// As a source distribution of a project.
    fn source(self, name: &str, base: &Url) -> Option<Source> {
        let endings = [".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz"];
        let stem = endings.iter().find_map(|ending| self.filename.strip_suffix(ending))?;
        let (project, version) = stem.rsplit_once('-')?;
        let version = Version::from_str(version).ok().filter(|_| normalize_name(project) == name)?;
        let url = base.join(&self.url).ok().filter(|url| crate::http::may_speak(url, Reach::Any).is_ok());
        let url = url.map(|url| without_secrets(url.as_str()));
        let is_digest = |digest: &String| !digest.is_empty() && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hashes = self.hashes.into_iter().filter(|(_, digest)| is_digest(digest)).collect();
        let yanked = self.yanked != Yanked::Is(false);
        Some(Source { version, file: Artifact { file: self.filename, url, size: self.size, hashes }, yanked })
    }
}

fn of_json(text: &str) -> Vec<File> {
    serde_json::from_str::<Page>(text).map(|page| page.files).unwrap_or_default()
}

/// The links of a page: the file's name is the text, and its digest is in the URL's fragment.
fn of_html(text: &str) -> Vec<File> {
    let links = text.split("<a ").skip(1);
    links
        .filter_map(|link| {
            let (attributes, rest) = link.split_once('>')?;
            let filename = plain(rest.split("</a").next()?);
            let href = attribute(attributes, "href")?;
            let (url, fragment) = href.split_once('#').unwrap_or((&href, ""));
            let hash = fragment.split_once('=').map(|(name, digest)| (name.to_owned(), digest.to_owned()));
            let yanked = Yanked::Is(attributes.contains("data-yanked"));
            Some(File { filename, url: url.to_owned(), hashes: hash.into_iter().collect(), size: None, yanked })
        })
        .collect()
}

fn attribute(attributes: &str, name: &str) -> Option<String> {
    let (_, rest) = attributes.split_once(&format!("{name}="))?;
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    rest[1..].split(quote).next().map(plain)
}

fn plain(text: &str) -> String {
    text.trim().replace("&amp;", "&").replace("&#43;", "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(files: Vec<File>) -> Vec<String> {
        let base = Url::parse("https://example.org/simple/my-own/").expect("a URL");
        let found = files.into_iter().filter_map(|file| file.source("my-own", &base));
        let text = |source: Source| {
            let url = source.file.url.unwrap_or_default();
            format!("{} {url} {:?} {}", source.version, source.file.hashes, source.yanked)
        };
        found.map(text).collect()
    }

    #[test]
    fn pages_are_read_in_both_forms() {
        let html = "<html><a href=\"../../f/My_Own-1.0.tar.gz?a=1&amp;b#sha256=ab12\" data-yanked>My_Own-1.0.tar.gz</a>\n\
                    <a href='my_own-1.0-py3-none-any.whl'>my_own-1.0-py3-none-any.whl</a><a href=\"other-2.zip\">other-2.zip</a>\
                    <a>none</a><a href=x";
        assert_eq!(shown(of_html(html)), ["1.0 https://example.org/f/My_Own-1.0.tar.gz {\"sha256\": \"ab12\"} true"]);
        let json = r#"{"files": [{"filename": "my-own-2.0rc1.zip", "url": "https://u:p@b.example/x.zip", "hashes": {"sha256": "c0",
                      "md5": "<b>"}, "yanked": false, "core-metadata": true}, {"filename": "my-own-3.zip", "url": "file:///x"}]}"#;
        assert_eq!(shown(of_json(json)), ["2.0rc1 https://b.example/x.zip {\"sha256\": \"c0\"} false", "3  {} false"]);
        assert!(of_json("[").is_empty() && of_html("").is_empty());
    }
}
