//! What the user has said to uv, pip and this program's environment: where to look, by which name, through which proxy.
//!
//! It is read here, once, and handed to uv in a form of our own ([`super::run`]); uv itself is led to no file of settings.
//! Only what is in [`ALLOWED`] and [`SETTINGS`] is handed on. Files are the user's and the machine's: never those that
//! stand in, or above, the folder that one happens to be in, and none of a stranger's repository.
//!
//! Source: uv's description of its settings (<https://docs.astral.sh/uv/reference/settings/>) and of its environment
//! (<https://docs.astral.sh/uv/reference/environment/>).

use super::access::Access;
use crate::programs::Strangers;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Larger files are nobody's configuration, in bytes.
const MOST: u64 = 1 << 20;

/// What names uv's indexes in its environment.
pub(super) const PLACES: [&str; 6] =
    ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX"];

/// Variables that uv gets as they are. What changes the meaning of a look-up (overrides, strategies, interpreters), or
/// names a folder or a program, is not among them.
const ALLOWED: [&str; 21] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "UV_NO_CACHE",
    "UV_HTTP_TIMEOUT",
    "UV_HTTP_CONNECT_TIMEOUT",
    "UV_REQUEST_TIMEOUT",
    "UV_HTTP_RETRIES",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
    "UV_OFFLINE",
    "UV_CONCURRENT_DOWNLOADS",
    "UV_INSECURE_HOST",
    "UV_INDEX_STRATEGY",
    "UV_EXCLUDE_NEWER",
    "LANG",
];

/// Variables that name a file or a folder: absolute, and no stranger's.
const ALLOWED_PATHS: [&str; 8] = [
    "HOME",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "UV_CACHE_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSL_CLIENT_CERT",
];

/// Settings of the user's files that are handed on, beside the indexes.
const SETTINGS: [&str; 6] =
    ["no-index", "index-strategy", "allow-insecure-host", "native-tls", "system-certs", "offline"];

/// What the user has said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct User {
    /// uv's environment, by name.
    pub environment: BTreeMap<String, OsString>,
    /// uv's settings: those of [`SETTINGS`] and the indexes.
    pub settings: Table,
    /// Where secrets may go.
    pub access: Access,
    /// An interpreter, by its absolute path, if one was found that is a program of its own and no script.
    pub interpreter: Option<PathBuf>,
    /// Whose files are not the user's.
    pub strangers: Strangers,
}

impl User {
    /// Reads the environment and the user's files.
    pub(super) fn read(strangers: &Strangers) -> Self {
        let plain =
            ALLOWED.iter().chain(&PLACES).filter_map(|name| Some(((*name).to_owned(), std::env::var_os(name)?)));
        let paths = ALLOWED_PATHS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), strangers.named(std::env::var_os(name))?.into_os_string())));
        let is_set = |(_, value): &(String, OsString)| !value.is_empty();
        let environment: BTreeMap<String, OsString> = plain.chain(paths).filter(is_set).collect();
        let settings = if is_on("UV_NO_CONFIG") { Table::new() } else { settings(strangers) };
        let interpreter = interpreter(strangers);
        let mut out =
            Self { environment, settings, access: Access::default(), interpreter, strangers: strangers.clone() };
        out.access = Access::of_user(&out);
        out
    }

    /// Whether the user has told uv where to look.
    pub(super) fn has_places(&self) -> bool {
        PLACES.iter().any(|name| self.environment.contains_key(*name))
            || ["index", "find-links", "no-index"].iter().any(|key| self.settings.contains_key(*key))
    }

    /// The URLs of the user's indexes, each with its name, if it has one.
    pub(super) fn indexes(&self) -> Vec<(Option<String>, String)> {
        let words = PLACES.iter().filter_map(|name| self.environment.get(*name)?.to_str());
        let words = words.flat_map(|value| value.split([' ', '\n', ','])).filter(|word| word.contains("://"));
        let named = words.map(|word| {
            let (name, url) = named(word);
            (name.map(str::to_owned), url.to_owned())
        });
        let text = |index: &Value, key: &str| index.get(key).and_then(Value::as_str).map(str::to_owned);
        let listed = self.settings.get("index").and_then(Value::as_array).into_iter().flatten();
        let listed = listed.filter_map(|index| Some((text(index, "name"), text(index, "url")?)));
        named.chain(listed).collect()
    }
}

/// `name=https://…` as a name and a URL.
pub(super) fn named(word: &str) -> (Option<&str>, &str) {
    let start = word.find("://").and_then(|at| word[..at].rfind('='));
    start.map_or((None, word), |sign| (Some(&word[..sign]).filter(|name| !name.is_empty()), &word[sign + 1..]))
}

pub(super) fn is_on(name: &str) -> bool {
    std::env::var(name)
        .is_ok_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on" | "y" | "t"))
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The user's folder for settings.
pub(super) fn settings_folder(strangers: &Strangers) -> Option<PathBuf> {
    let home = || Some(strangers.named(variable("HOME"))?.join(".config"));
    strangers.named(variable("XDG_CONFIG_HOME")).or_else(home)
}

/// uv's files, those that win first: the named one alone, or the user's and the machine's.
fn files(strangers: &Strangers) -> Vec<PathBuf> {
    if let Some(named) = variable("UV_CONFIG_FILE") {
        return strangers.named(Some(named)).into_iter().collect();
    }
    let of_user = settings_folder(strangers).map(|folder| folder.join("uv/uv.toml"));
    let of_machine = ["/etc/xdg/uv/uv.toml", "/etc/uv/uv.toml"].map(PathBuf::from);
    // uv reads the first of the machine's that is there.
    of_user.into_iter().chain(of_machine.into_iter().find(|file| file.is_file())).collect()
}

fn settings(strangers: &Strangers) -> Table {
    let mut out = Table::new();
    for file in files(strangers).iter().filter(|file| !strangers.own(file)) {
        let Some(table) = read(file).and_then(|text| text.parse::<Table>().ok()) else { continue };
        let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
        let pip = table.get("pip").and_then(Value::as_table).cloned().unwrap_or_default();
        for table in [&table, &pip] {
            add(table, &folder, &mut out);
        }
    }
    out
}

/// Adds a file's settings to those of the files before it, which win.
fn add(table: &Table, folder: &Path, out: &mut Table) {
    let mut indexes: Vec<Value> = table.get("index").and_then(Value::as_array).cloned().unwrap_or_default();
    let made = |url: &Value, default: bool| {
        let mut index = Table::new();
        index.insert("url".into(), url.clone());
        index.insert("default".into(), Value::Boolean(default));
        Value::Table(index)
    };
    let extra = table.get("extra-index-url").and_then(Value::as_array).into_iter().flatten();
    indexes.extend(extra.map(|url| made(url, false)));
    indexes.extend(table.get("index-url").map(|url| made(url, true)));
    // One that is looked in only for what is bound to it is looked in for nothing here.
    indexes.retain(|index| index.get("explicit").and_then(Value::as_bool) != Some(true) && index.get("url").is_some());
    let links = table.get("find-links").and_then(Value::as_array).cloned().unwrap_or_default();
    for (key, mut found) in [("index", indexes), ("find-links", links)] {
        found.iter_mut().for_each(|value| absolute(value, folder));
        if let Value::Array(known) = out.entry(key).or_insert(Value::Array(Vec::new())) {
            let has_default = known.iter().any(is_default);
            found.retain(|value| !(has_default && is_default(value)));
            known.extend(found);
        }
        if out.get(key).and_then(Value::as_array).is_some_and(Vec::is_empty) {
            out.remove(key);
        }
    }
    for key in SETTINGS.iter().chain(&["keyring-provider"]) {
        if let (Some(value), false) = (table.get(*key), out.contains_key(*key)) {
            out.insert((*key).to_owned(), value.clone());
        }
    }
}

fn is_default(index: &Value) -> bool {
    index.get("default").and_then(Value::as_bool) == Some(true)
}

/// Paths are relative to the file that they stand in.
fn absolute(value: &mut Value, folder: &Path) {
    let place = match value {
        Value::Table(index) => index.get_mut("url"),
        other => Some(other),
    };
    if let Some(Value::String(text)) = place.filter(|place| place.as_str().is_some_and(|text| !text.contains("://"))) {
        *text = folder.join(&*text).display().to_string();
    }
}

/// A small file of settings.
pub(super) fn read(file: &Path) -> Option<String> {
    use std::io::Read as _;
    let found = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file)?;
    let mut text = String::new();
    let opened = std::fs::File::open(file).ok().filter(|_| found.len() <= MOST)?;
    opened.take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// A Python that uv may ask for its version: one in `PATH`, or of pyenv's or uv's own. Scripts in front of one (pyenv's
/// shims) need a `PATH` of their own, and are left to uv.
fn interpreter(strangers: &Strangers) -> Option<PathBuf> {
    let is_own = |file: &PathBuf| crate::programs::is_program(file) && !strangers.own(file) && !is_script(file);
    let in_path = strangers.path().into_iter().flat_map(|folder| ["python3", "python"].map(|name| folder.join(name)));
    let home = strangers.named(variable("HOME"));
    let of_pyenv = strangers.named(variable("PYENV_ROOT")).or_else(|| Some(home.as_ref()?.join(".pyenv")));
    let data = strangers.named(variable("XDG_DATA_HOME")).or_else(|| Some(home.as_ref()?.join(".local/share")));
    let folders = [of_pyenv.map(|root| root.join("versions")), data.map(|data| data.join("uv/python"))];
    let versions = folders.into_iter().flatten().flat_map(|folder| {
        let mut found: Vec<PathBuf> =
            std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
        found.sort();
        found.into_iter().rev().map(|version| version.join("bin/python3"))
    });
    in_path.chain(versions).find(is_own)
}

fn is_script(file: &Path) -> bool {
    use std::io::Read as _;
    let mut start = [0; 2];
    std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"#!"
}
