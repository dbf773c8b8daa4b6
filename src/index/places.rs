//! Where uv is told to look: the places of the user, of the request and of what it names; and what is left of them where one does
//! not answer.

use super::gather::Gathered;
use super::hosts::{host_of, is_at, is_of_the_web};
use super::pip;
use super::request::{Request, RequestError};
use super::user::{PLACES, named};
use super::uv::Uv;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

/// uv with the environment that says where to look: the user's, then the installer's, then the command line's.
pub(super) fn with_places(uv: &Uv, request: &Request, gathered: &Gathered) -> Uv {
    let knows = uv.knows_its_index();
    let mut settings: Vec<(String, OsString)> = if knows { Vec::new() } else { pip::environment_for_uv(uv.user()) };
    let variable = |name: &str| request.variable(name);
    if request.for_pip {
        let mut of_pip = BTreeMap::new();
        for name in ["index-url", "extra-index-url", "no-index"] {
            let value = variable(&format!("PIP_{}", name.to_ascii_uppercase().replace('-', "_")));
            of_pip.extend(value.map(|value| (name.to_owned(), value)));
        }
        settings.extend(pip::translated(&of_pip, true).into_iter().map(|(name, value)| (name, value.into())));
    } else {
        // Folders are those of the image; certificates are checked, whatever a repository says of them.
        let own = PLACES.iter().chain(&["UV_INDEX_STRATEGY"]).filter(|name| **name != "UV_FIND_LINKS");
        settings.extend(own.filter_map(|name| Some(((*name).to_owned(), variable(name)?.into()))));
    }
    settings
        .iter_mut()
        .filter(|(name, _)| PLACES.contains(&name.as_str()) && name != "UV_NO_INDEX" && name != "UV_FIND_LINKS")
        .for_each(|(_, value)| *value = of_the_web(value));
    settings.extend(of_options(request, gathered));
    let default =
        gathered.pins.iter().find_map(|pins| pins.pins.default_index.clone()).filter(|url| !url.contains('$'));
    if let Some(default) =
        default.filter(|url| !knows && settings.is_empty() && !pip::is_configured(uv.user()) && is_of_the_web(url))
    {
        settings.push(("UV_DEFAULT_INDEX".into(), default.into()));
    }
    uv.clone().with(settings)
}

/// The options that say where to look, as uv's variables: on its command line others could read secrets.
fn of_options(request: &Request, gathered: &Gathered) -> Vec<(String, OsString)> {
    let all = |names: &[&str]| -> Vec<String> {
        let named = gathered.places.iter().filter(|(name, _)| names.contains(&name.as_str()));
        named.map(|(_, value)| value.clone()).collect()
    };
    let mut out: Vec<(String, OsString)> = Vec::new();
    let mut set = |name: &str, value: String| out.push((name.to_owned(), value.into()));
    if let Some(url) = all(&["--index-url", "-i", "--default-index", "--pypi-url"]).pop() {
        set("UV_DEFAULT_INDEX", url);
    }
    let (own, extra) = (all(&["--index"]), all(&["--extra-index-url"]));
    if !own.is_empty() || !extra.is_empty() {
        set("UV_INDEX", [own, extra].concat().join(" "));
        if request.for_pip {
            set("UV_INDEX_STRATEGY", "unsafe-best-match".into());
        }
    }
    // Folders of the context have been told apart from those of the image where they were found.
    let links = all(&["--find-links"]);
    if !links.is_empty() {
        set("UV_FIND_LINKS", links.join(","));
    }
    if !all(&["--no-index"]).is_empty() {
        set("UV_NO_INDEX", "1".into());
    }
    if let Some(strategy) = all(&["--index-strategy"]).pop() {
        set("UV_INDEX_STRATEGY", strategy);
    }
    out
}

/// Words that are URLs of HTTP or HTTPS; all others of a repository are nothing for uv.
fn of_the_web(value: &OsString) -> OsString {
    let words = value.to_str().unwrap_or_default().split_whitespace();
    words.filter(|word| is_of_the_web(named(word).1)).collect::<Vec<_>>().join(" ").into()
}

/// Places that did not answer.
#[derive(Default)]
pub(super) struct Dead {
    /// Their hosts, with ports.
    pub hosts: BTreeSet<String>,
    /// What the first of them said.
    pub first: Option<RequestError>,
    /// Whether one of them is an index of PyTorch's builds.
    of_torch: bool,
}

/// What PyTorch's own indexes have other builds of, for a processor alone or for other GPUs, than PyPI.
const BUILDS_OF_TORCH: [&str; 5] = ["torch", "torchaudio", "torchtext", "torchvision", "triton"];

impl Dead {
    /// Takes note of one.
    pub(super) fn leave_out(&mut self, host: &str, message: &str) {
        let first = RequestError::Index { host: host.to_owned(), message: message.to_owned() };
        self.first.get_or_insert(first);
        self.hosts.insert(host.to_owned());
        // What uv says has the URL: `…/whl/cpu`, `…/whl/cu124`, `…/pytorch-wheels/cpu`, `…/torch_stable.html`: PyTorch's own and its mirrors.
        self.of_torch |= ["/whl/", "pytorch", "torch_stable"].iter().any(|word| message.contains(word));
    }

    /// `whl.example.org could not be asked`.
    pub(super) fn silent(&self) -> String {
        format!("{} could not be asked", self.hosts.iter().cloned().collect::<Vec<_>>().join(", "))
    }

    /// Whether one of them has builds of its own of a package: then what others have is not what is installed.
    pub(super) fn may_have(&self, name: &str) -> bool {
        self.of_torch && BUILDS_OF_TORCH.contains(&name)
    }

    /// Whether a host is one of several places to look in: then the others are asked without it.
    pub(super) fn may_leave_out(&self, uv: &Uv, gathered: &Gathered, host: &str) -> bool {
        let is_it = |word: &String| host_of(word) == Some(host);
        let is_index = gathered.indexes.iter().any(|index| is_at(index, &[host.to_owned()].into()));
        let more = words_of(uv, &MORE_PLACES);
        let named = words_of(uv, &["UV_DEFAULT_INDEX"]);
        let is_alive = |word: &&String| host_of(word).is_none_or(|other| !self.hosts.contains(other) && other != host);
        !self.hosts.contains(host)
            && (is_index
                || more.iter().any(is_it)
                || named.iter().any(is_it) && more.iter().any(|word| is_alive(&word)))
    }

    /// uv, told to look elsewhere.
    pub(super) fn without(&self, uv: &Uv) -> Uv {
        let is_alive = |word: &String| host_of(word).is_none_or(|host| !self.hosts.contains(host));
        let mut settings: Vec<(String, OsString)> = Vec::new();
        let mut all: Vec<String> = Vec::new();
        for name in MORE_PLACES.iter().filter(|name| uv.given().iter().any(|(given, _)| given == *name)) {
            let words: Vec<String> = words_of(uv, &[name]).into_iter().filter(is_alive).collect();
            let separator = if *name == "UV_FIND_LINKS" { "," } else { " " };
            settings.push(((*name).to_owned(), words.join(separator).into()));
            all.extend(words.into_iter().filter(|_| *name != "UV_FIND_LINKS"));
        }
        // Another one takes the place of the first.
        let first = words_of(uv, &["UV_DEFAULT_INDEX"]);
        if let Some(other) = all.last().filter(|_| first.iter().any(|word| !is_alive(word))) {
            settings.push(("UV_DEFAULT_INDEX".to_owned(), other.into()));
        }
        uv.clone().with(settings)
    }
}

/// uv's variables with places beside its default index.
const MORE_PLACES: [&str; 3] = ["UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"];

/// The words of some variables that uv is given.
fn words_of(uv: &Uv, names: &[&str]) -> Vec<String> {
    let last = |name: &&str| uv.given().iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.clone());
    let words = |value: OsString| {
        let text = value.into_string().unwrap_or_default();
        text.split([' ', ',', '\n']).filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    names.iter().filter_map(last).flat_map(words).collect()
}
