//! Which files' contents are kept with the index, and what of them: those that say who owns what, who requires
//! what, and what the application asks for. Kept contents are *distilled*: what no parser reads is left out, and
//! what remains is still a valid file of its kind, so that a recorded index and an image are read by the same
//! parsers. Python source is not kept: what it imports and uses is, as [`crate::source::encode`] writes it.

use crate::base::{MASK, file_name, is_within, masked_bytes, parent, without_credentials};
use crate::source;

const DIST_INFO: [&[u8]; 11] = [
    b"METADATA",
    b"PKG-INFO",
    b"RECORD",
    b"INSTALLER",
    b"REQUESTED",
    b"direct_url.json",
    b"WHEEL",
    b"top_level.txt",
    b"entry_points.txt",
    b"requires.txt",
    b"installed-files.txt",
];

const EXACT: [&[u8]; 8] = [
    b"var/lib/rpmmanifest/container-manifest-2",
    b"var/lib/dpkg/status",
    b"var/lib/apt/extended_states",
    b"lib/apk/db/installed",
    b"usr/lib/apk/db/installed",
    b"etc/apk/world",
    b"etc/os-release",
    b"usr/lib/os-release",
];

/// Where rpm's database may be, in any of its formats: the usual folder, that of newer systems, that of ostree's.
const RPM: [&[u8]; 3] = [b"var/lib/rpm", b"usr/lib/sysimage/rpm", b"usr/share/rpm"];

/// Whether a path is that of rpm's database.
pub fn is_rpm_database(path: &[u8]) -> bool {
    RPM.contains(&parent(path)) && matches!(file_name(path), b"Packages" | b"Packages.db" | b"rpmdb.sqlite")
}

/// Whether a path is that of dnf's notes of why a package was installed.
pub fn is_dnf_history(path: &[u8]) -> bool {
    let places: [&[u8]; 3] = [
        b"var/lib/dnf/history.sqlite",
        b"usr/lib/sysimage/libdnf5/transaction_history.sqlite",
        b"usr/lib/sysimage/dnf/history.sqlite",
    ];
    places.contains(&path)
}

/// Whether a path is one of the files that say where packages come from and what their manager leaves behind. Of
/// `auth.conf`, which has passwords, nothing is read.
fn is_of_repositories(path: &[u8]) -> bool {
    let exact: [&[u8]; 6] = [
        b"etc/apt/sources.list",
        b"etc/apt/apt.conf",
        b"etc/apt/preferences",
        b"etc/dpkg/dpkg.cfg",
        b"etc/apk/repositories",
        b"etc/apk/arch",
    ];
    match parent(path) {
        b"etc/apt/sources.list.d" => path.ends_with(b".list") || path.ends_with(b".sources"),
        b"etc/apk/repositories.d" => path.ends_with(b".list"),
        b"etc/apt/apt.conf.d" | b"etc/apt/preferences.d" | b"etc/dpkg/dpkg.cfg.d" => true,
        _ => exact.contains(&path),
    }
}

/// The most bytes of a file at this path that are read, by what it is. What becomes of structured text takes up to eighty
/// times its bytes in memory.
pub(super) fn most_of(path: &[u8]) -> u64 {
    let name = file_name(path);
    match name {
        _ if is_database(path) => 96 << 20,
        b"direct_url.json" => 64 << 10,
        b"uv.lock" | b"poetry.lock" | b"pdm.lock" | b"Pipfile.lock" => 4 << 20,
        _ if name.ends_with(b".toml") || name == b"Pipfile" || name == b"setup.cfg" => 2 << 20,
        _ if name.ends_with(b".txt") || name.ends_with(b".in") => 1 << 20,
        _ => u64::MAX,
    }
}

/// Whether a path is what conda notes of an environment: a package's record, or what was asked for.
fn is_of_conda(path: &[u8]) -> bool {
    let name = file_name(path);
    file_name(parent(path)) == b"conda-meta" && (name.ends_with(b".json") || name == b"history")
}

/// Whether a path is a database, of which far less is kept than is read.
pub(super) fn is_database(path: &[u8]) -> bool {
    is_rpm_database(path) || is_dnf_history(path)
}

/// Whether the content of a file at this cleaned path is kept.
pub fn is_kept(path: &[u8]) -> bool {
    let name = file_name(path);
    let dir = parent(path);
    if dir.ends_with(b".dist-info") || dir.ends_with(b".egg-info") {
        return DIST_INFO.contains(&name);
    }
    if name.ends_with(b".egg-info") || name.ends_with(b".egg-link") || name == b"pyvenv.cfg" {
        return true;
    }
    if EXACT.contains(&path) || is_of_repositories(path) || is_database(path) {
        return true;
    }
    if dir == b"var/lib/dpkg/info" {
        return name.ends_with(b".list");
    }
    if dir == b"var/lib/dpkg/status.d" || is_of_conda(path) {
        return true;
    }
    let pth = name.starts_with(b"__editable__") && name.ends_with(b".pth");
    pth || is_application_text(path)
}

/// Whether a path is Python source of an installed distribution, and no test of it. Read on request only
/// ([`super::Limits::sources`]): there are tens of thousands.
pub fn is_library_source(path: &[u8]) -> bool {
    let Some((_, inside)) = in_site(path).filter(|_| path.ends_with(b".py")) else { return false };
    file_name(path) != b"conftest.py" && !inside.split(|&b| b == b'/').any(|part| part == b"tests" || part == b"test")
}

/// The package, and the path inside of the site directory.
fn in_site(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let place = |name: &[u8]| memchr::memmem::find(path, name).map(|at| at + name.len());
    let inside = &path[place(b"/site-packages/").or_else(|| place(b"/dist-packages/"))?..];
    let first = inside.split(|&b| b == b'/').next()?;
    Some((first.strip_suffix(b".py").unwrap_or(first), inside))
}

/// Whether a path may be the application's own source or its list of requirements.
fn is_application_text(path: &[u8]) -> bool {
    let name = file_name(path);
    let elsewhere = path
        .split(|&b| b == b'/')
        .any(|part| part == b"site-packages" || part == b"dist-packages" || part == b"node_modules" || part == b".git");
    let system = [&b"usr/lib"[..], b"usr/share", b"usr/include", b"var", b"proc", b"sys", b"etc", b"lib"];
    if elsewhere || system.iter().any(|dir| is_within(path, dir)) {
        return false;
    }
    if path.starts_with(b"usr/local/lib/python")
        || path.windows(12).any(|w| w == b"/lib/python3") && path.starts_with(b"opt")
    {
        return false;
    }
    let requirements =
        name.windows(12).any(|w| w == b"requirements") && (name.ends_with(b".txt") || name.ends_with(b".in"));
    let projects: [&[u8]; 8] = [
        b"pyproject.toml",
        b"setup.py",
        b"setup.cfg",
        b"uv.lock",
        b"poetry.lock",
        b"Pipfile",
        b"Pipfile.lock",
        b"pdm.lock",
    ];
    let pylock = name == b"pylock.toml" || (name.starts_with(b"pylock.") && name.ends_with(b".toml"));
    requirements || pylock || projects.contains(&name) || name.ends_with(b".py")
}

/// What of a kept file is needed, without secrets ([`crate::base::masked`]): an index is recorded, cached and shown.
pub fn distil(path: &[u8], content: Vec<u8>) -> Vec<u8> {
    let name = file_name(path);
    match name {
        b"METADATA" | b"PKG-INFO" => masked_bytes(&distil_metadata(&content)),
        _ if name.ends_with(b".egg-info") => masked_bytes(&distil_metadata(&content)),
        b"direct_url.json" => distil_direct_url(&content),
        // Lists of files and of packages, which may be long and have no place for a secret.
        b"RECORD" | b"installed-files.txt" => content,
        _ if parent(path) == b"var/lib/dpkg/info" => content,
        _ if is_of_conda(path) && name == b"history" => distil_conda_history(&content),
        _ if is_of_conda(path) => distil_conda_record(content),
        _ if is_rpm_database(path) => crate::rpm::distil(&content),
        _ if is_dnf_history(path) => crate::rpm::distil_history(&content),
        b"status" if path == b"var/lib/dpkg/status" => distil_fields(&content, &DPKG_FIELDS),
        _ if parent(path) == b"var/lib/dpkg/status.d" && !name.ends_with(b".md5sums") => {
            distil_fields(&content, &DPKG_FIELDS)
        }
        _ if name.ends_with(b".py") => distil_python(path, &content),
        _ if is_of_repositories(path) => distil_repositories(&content),
        _ => masked_bytes(&content),
    }
}

/// PEP 610, with a URL that can still be used: without its user, password and token instead of masked ones.
fn distil_direct_url(content: &[u8]) -> Vec<u8> {
    let read = serde_json::from_slice::<serde_json::Value>(content).ok();
    let written = read.and_then(|mut value| {
        let url = value.get_mut("url").filter(|url| url.is_string())?;
        *url = without_credentials(url.as_str().unwrap_or_default()).into();
        serde_json::to_vec(&value).ok()
    });
    masked_bytes(&written.unwrap_or_else(|| content.to_vec()))
}

/// Of a conda package's record what is used: the rest of it names every file's digest, and is ten times as long. URLs and
/// channels, which may have a user, a password or a token in them, go without.
#[derive(serde::Deserialize, serde::Serialize)]
struct CondaRecord {
    name: String,
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    build: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subdir: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    md5: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    depends: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    constrains: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requested_spec: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requested_specs: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    files: Option<Vec<String>>,
}

fn distil_conda_record(content: Vec<u8>) -> Vec<u8> {
    let Ok(mut record) = serde_json::from_slice::<CondaRecord>(&content) else { return masked_bytes(&content) };
    for url in [&mut record.channel, &mut record.url].into_iter().flatten().filter(|url| url.contains("://")) {
        *url = without_token(&without_credentials(url));
    }
    serde_json::to_vec(&record).unwrap_or_default()
}

/// `https://host/t/TOKEN/channel` without the token.
fn without_token(url: &str) -> String {
    let Some((before, after)) = url.split_once("/t/") else { return url.to_owned() };
    after.split_once('/').map_or_else(|| before.to_owned(), |(_, rest)| format!("{before}/{rest}"))
}

/// The lines of conda's history that tell what was asked for: command lines and lists of packages are left out.
fn distil_conda_history(content: &[u8]) -> Vec<u8> {
    let starts: [&[u8]; 4] = [b"# update specs:", b"# install specs:", b"# remove specs:", b"# uninstall specs:"];
    let lines = content.split_inclusive(|&byte| byte == b'\n');
    let kept: Vec<u8> =
        lines.filter(|line| starts.iter().any(|start| line.starts_with(start))).flatten().copied().collect();
    masked_bytes(&kept)
}

/// Longest file about repositories of which all is kept.
const MAX_OF_REPOSITORIES: usize = 256 << 10;

/// The beginning of the file, up to the end of a line, without secrets: URLs stay ones to use.
fn distil_repositories(content: &[u8]) -> Vec<u8> {
    let mut kept = &content[..content.len().min(MAX_OF_REPOSITORIES)];
    if kept.len() < content.len() {
        kept = &kept[..memchr::memrchr(b'\n', kept).map_or(0, |end| end + 1)];
    }
    let masked = masked_bytes(kept);
    let mask = [MASK.as_bytes(), b"@"].concat();
    let mut out = Vec::with_capacity(masked.len());
    let mut rest = &masked[..];
    while let Some(at) = memchr::memmem::find(rest, &mask) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + mask.len()..];
    }
    out.extend_from_slice(rest);
    out
}

const METADATA_FIELDS: [&str; 6] =
    ["metadata-version", "name", "version", "requires-dist", "requires-python", "provides-extra"];

const DPKG_FIELDS: [&str; 17] = [
    "package",
    "status",
    "priority",
    "section",
    "installed-size",
    "architecture",
    "version",
    "provides",
    "depends",
    "pre-depends",
    "essential",
    "protected",
    "recommends",
    "suggests",
    "conflicts",
    "breaks",
    "multi-arch",
];

/// The headers that are used, up to the first empty line behind one: there stands the description.
fn distil_metadata(content: &[u8]) -> Vec<u8> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let (mut end, mut any) = (0, false);
    for line in content.split_inclusive(|&byte| byte == b'\n') {
        if any && matches!(line, b"\n" | b"\r\n") {
            break;
        }
        any |= !is_folded(line) && line.contains(&b':');
        end += line.len();
    }
    distil_fields(&content[..end], &METADATA_FIELDS)
}

/// The lines of `fields` (any case, and with space before the colon), with their folded lines; empty lines stay.
fn distil_fields(content: &[u8], fields: &[&str]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() / 4);
    let mut keeps = false;
    for line in content.split_inclusive(|&byte| byte == b'\n') {
        // A line without a colon ends nothing: what is folded behind it still belongs to the field before.
        let colon = line.iter().position(|&byte| byte == b':').filter(|_| !is_folded(line));
        if let Some(colon) = colon {
            let name = String::from_utf8_lossy(&line[..colon]);
            keeps = fields.iter().any(|field| field.eq_ignore_ascii_case(name.trim()));
        }
        if keeps || line.trim_ascii().is_empty() {
            out.extend_from_slice(line);
        }
    }
    out
}

fn is_folded(line: &[u8]) -> bool {
    line.starts_with(b" ") || line.starts_with(b"\t")
}

/// What source imports and uses, as text.
fn distil_python(path: &[u8], content: &[u8]) -> Vec<u8> {
    let signs = match in_site(path) {
        Some((package, _)) => source::library(content, &String::from_utf8_lossy(package)),
        None => source::application(content),
    };
    source::encode(&signs)
}

/// The paths of RECORD's rows, as written and unquoted, for finding those that several RECORDs list.
pub(crate) fn recorded_paths(record: &[u8]) -> impl Iterator<Item = &[u8]> {
    record.split(|&byte| byte == b'\n').filter_map(|line| {
        let path = match line.strip_prefix(b"\"") {
            Some(quoted) => quoted.split(|&byte| byte == b'"').next()?,
            None => line.split(|&byte| byte == b',').next()?,
        };
        (!path.is_empty()).then_some(path)
    })
}
