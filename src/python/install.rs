//! Reading one distribution: its metadata, and the paths that it says are its own.

use super::claims::Claim;
use super::inventory::{Distribution, MissingFile};
use super::metadata::{MAX_REQUIRES, Metadata, parse_metadata, parse_requires_txt};
use super::modules::importable;
use super::record::parse_record;
use super::scan::{Form, Found, Scan};
use super::vendor::VendorLists;
use crate::base::{
    FastSet, ImagePath, Problem, both, clean_path, file_name, is_bytecode, is_within, parent, without_credentials,
};
use crate::fs::{Lookup, View};
use crate::layer::EntryKind;
use crate::manifest::normalize_name;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows of all RECORDs together that are read. An image of 400,000 files has about as many.
const MAX_ROWS: usize = 2_000_000;

/// Longest `direct_url.json`, in bytes.
const MAX_DIRECT_URL: usize = 64 << 10;

/// A distribution and what it claims.
pub(super) struct Install {
    pub distribution: Distribution,
    pub claims: Vec<Claim>,
}

/// All distributions, sorted by environment, normalized name and metadata path.
pub(super) fn read_all<'a>(
    view: &View<'a>,
    scan: &Scan<'a>,
    by_dir: &BTreeMap<Vec<u8>, usize>,
    problems: &mut Vec<Problem>,
) -> Vec<Install> {
    let vendor = VendorLists::new(view);
    let (next, rows) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let read = || {
        let lookup = Lookup::new(view);
        let mut reader = Reader { view, scan, vendor: &vendor, lookup, rows: &rows, problems: Vec::new() };
        let mut out = Vec::new();
        while let Some(found) = scan.installed.get(next.fetch_add(1, Ordering::Relaxed)) {
            if file_name(found.metadata).starts_with(b"~") {
                reader.problem(found.metadata, "left behind by an uninstall that failed; pip ignores it");
            } else if let Some(environment) = by_dir.get(found.site_dir()) {
                out.push(reader.read(*found, *environment));
            }
        }
        (out, reader)
    };
    let ((mut out, mut reader), (others, other)) = both(read, read);
    out.extend(others);
    problems.extend(other.problems);
    for link in &scan.egg_links {
        if let Some(environment) = by_dir.get(parent(link)) {
            out.push(reader.read_egg_link(link, *environment));
        }
    }
    for dir in &scan.headless {
        reader.problem(dir, "expected a METADATA file beside RECORD, found none");
    }
    problems.append(&mut reader.problems);
    // Whoever read it: no two have the same place.
    let key = |install: &Install| {
        let dist = &install.distribution;
        (dist.environment, dist.normalized.clone(), dist.metadata.clone())
    };
    out.sort_by_cached_key(key);
    out
}

struct Reader<'r, 'v, 'a> {
    view: &'v View<'a>,
    scan: &'r Scan<'a>,
    vendor: &'r VendorLists<'a>,
    lookup: Lookup<'v, 'a>,
    /// Rows of RECORDs so far, of all readers.
    rows: &'r AtomicUsize,
    problems: Vec<Problem>,
}

impl<'a> Reader<'_, '_, 'a> {
    fn problem(&mut self, path: &[u8], message: &str) {
        self.problems.push(Problem::new(ImagePath::new(path), message));
    }

    /// The kept contents of a file beside METADATA.
    fn beside(&self, found: Found<'_>, name: &[u8]) -> Option<&'a [u8]> {
        let path = [found.metadata, name].join(&b'/');
        (found.form != Form::EggInfoFile).then(|| self.contents(&path)).flatten()
    }

    fn contents(&self, path: &[u8]) -> Option<&'a [u8]> {
        self.view.contents(path).or_else(|| self.view.contents(&self.view.resolve(path)?))
    }

    fn read(&mut self, found: Found<'a>, environment: usize) -> Install {
        let mut distribution = self.describe(found);
        distribution.environment = environment;
        let claims = self.claim(found, &mut distribution);
        Install { distribution, claims }
    }

    /// Everything but the files.
    fn describe(&mut self, found: Found<'_>) -> Distribution {
        let headers = found.headers_path();
        let mut metadata = self.headers(found, &headers);
        // setuptools writes an egg-info's requirements into a file of their own.
        if metadata.requires.is_empty() {
            metadata.requires = self.beside(found, b"requires.txt").map(parse_requires_txt).unwrap_or_default();
        }
        if metadata.requires.len() > MAX_REQUIRES {
            metadata.requires.truncate(MAX_REQUIRES);
            self.problem(
                &headers,
                &format!("expected at most {MAX_REQUIRES} requirements, found more: the rest is not read"),
            );
        }
        let installer = self.beside(found, b"INSTALLER").map(|text| String::from_utf8_lossy(text).trim().to_owned());
        let (direct_url, editable) = self.beside(found, b"direct_url.json").map_or((None, false), read_direct_url);
        let built_here = self.beside(found, b"WHEEL").is_some_and(names_bare_linux);
        Distribution {
            normalized: normalize_name(&metadata.name),
            name: metadata.name,
            version: metadata.version,
            metadata: ImagePath::new(found.metadata),
            layer: self.view.get(&headers).map_or(0, |node| node.data.0),
            requires: metadata.requires,
            requires_python: metadata.requires_python,
            installer: installer.filter(|name| !name.is_empty()),
            requested: self.view.get(&[found.metadata, b"/REQUESTED"].concat()).is_some(),
            direct_url,
            editable,
            built_here,
            system_owned: self.vendor.owns(&headers),
            ..Distribution::default()
        }
    }

    /// The headers; where they cannot be read, what the name of the directory tells.
    fn headers(&mut self, found: Found<'_>, path: &[u8]) -> Metadata {
        let parsed = match self.contents(path) {
            Some(bytes) => parse_metadata(bytes).map_err(|error| error.to_string()),
            None => Err("its contents are not known; expected a file with headers".to_owned()),
        };
        parsed.unwrap_or_else(|message| {
            self.problem(path, &message);
            let (name, version) = name_and_version(file_name(found.metadata));
            Metadata { name, version, ..Metadata::default() }
        })
    }

    /// The paths that it claims, and with them `recorded`, `missing` and `modules`.
    fn claim(&mut self, found: Found<'a>, dist: &mut Distribution) -> Vec<Claim> {
        let site = found.site_dir();
        let mut claims = Claimed::default();
        if let Some(record) = self.beside(found, b"RECORD") {
            self.claim_record(found, record, &mut claims, dist);
        } else if let Some(list) = self.beside(found, b"installed-files.txt") {
            // One path a line, relative to the egg-info directory itself.
            for line in list.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
                let claim = Claim { strength: 1, ..Claim::default() };
                self.claim_row(&absolute(found.metadata, line, &mut Vec::new()), claim, &mut claims);
            }
            self.claim_metadata(found, &mut claims);
        } else {
            self.claim_without_record(found, dist, &mut claims);
        }
        dist.recorded = claims.recorded;
        let there = claims.seen.iter().map(|&place| self.view.at(place).0);
        let all = there.chain(claims.lacking.iter().map(Vec::as_slice));
        let relative = all.filter_map(|path| relative_to(path, site));
        dist.modules = importable(relative);
        if dist.modules.is_empty() {
            dist.modules = self.top_level(found);
        }
        claims.missing.sort();
        let missing = claims.missing.into_iter().map(|(path, size)| MissingFile { path, removed: None, size });
        dist.missing = missing.collect();
        claims.changed.sort();
        dist.changed = claims.changed;
        claims.claims
    }

    fn claim_record(&mut self, found: Found<'a>, record: &[u8], claims: &mut Claimed, dist: &mut Distribution) {
        let (rows, bad) = parse_record(record);
        if let Some(first) = bad.first() {
            let path = [found.metadata, b"/RECORD"].concat();
            let message = format!("expected rows of path, hash and size; line {first} is none ({} in all)", bad.len());
            self.problem(&path, &message);
        }
        if self.rows.fetch_add(rows.len(), Ordering::Relaxed).saturating_add(rows.len()) > MAX_ROWS {
            let message = format!("not read: the image's RECORDs have more than {MAX_ROWS} rows");
            return self.problem(found.metadata, &message);
        }
        let mut joined = Vec::new();
        for row in rows {
            let path = absolute(found.site_dir(), self.moved(found.site_dir(), &row.path), &mut joined);
            let claim = Claim { digest: row.digest, size: row.size, strength: 1, ..Claim::default() };
            self.claim_row(&path, claim, claims);
        }
        if claims.recorded > 0 && claims.missing.len() == claims.recorded && !dist.system_owned {
            self.problem(found.metadata, "none of the files that RECORD lists exist");
        }
    }

    /// The path of a row, relative to where its file is. `pip install --target` installs into a folder of its own first,
    /// as `lib/python`, and moves scripts and data beside the modules, but RECORD stays as it was: `../../bin/x`.
    fn moved<'p>(&self, site: &[u8], path: &'p [u8]) -> &'p [u8] {
        let standard = matches!(file_name(site), b"site-packages" | b"dist-packages");
        let Some(rest) = path.strip_prefix(b"../../").filter(|rest| !standard && !rest.starts_with(b"..")) else {
            return path;
        };
        let exists = |path: &[u8]| self.view.get(&absolute(site, path, &mut Vec::new())).is_some();
        if !exists(path) && exists(rest) { rest } else { path }
    }

    /// Where no list is kept: dpkg's, if it has the metadata. Otherwise the directory or module beside the
    /// metadata that top_level.txt names, or else that has the distribution's name: a guess, but the only one.
    fn claim_without_record(&mut self, found: Found<'a>, dist: &Distribution, claims: &mut Claimed) {
        self.claim_metadata(found, claims);
        let site = found.site_dir();
        let headers = found.headers_path();
        if let Some(paths) = self.vendor.files_with(&headers) {
            for path in paths.filter(|path| is_within(path, site)) {
                self.claim_existing(&path, claims);
            }
            return;
        }
        let mut names: Vec<String> = self.top_level(found);
        if names.is_empty() {
            names.push(dist.normalized.replace('-', "_"));
        }
        for name in names {
            let dir = absolute(site, name.as_bytes(), &mut Vec::new()).into_owned();
            let module = [&dir, &b".py"[..]].concat();
            self.claim_existing(&module, claims);
            self.claim_below(&dir, claims);
        }
    }

    fn claim_metadata(&mut self, found: Found<'a>, claims: &mut Claimed) {
        self.claim_existing(found.metadata, claims);
        self.claim_below(found.metadata, claims);
    }

    fn claim_below(&mut self, dir: &[u8], claims: &mut Claimed) {
        let below: Vec<&'a [u8]> = self.view.below(dir).map(|(path, _)| path).collect();
        for path in below {
            self.claim_existing(path, claims);
        }
    }

    fn claim_existing(&mut self, path: &[u8], claims: &mut Claimed) {
        if self.lookup.place(path).is_some() {
            let (recorded, missing) = (claims.recorded, claims.missing.len());
            self.claim_row(path, Claim::default(), claims);
            claims.recorded = recorded;
            claims.missing.truncate(missing);
        }
    }

    fn claim_row(&mut self, path: &[u8], claim: Claim, claims: &mut Claimed) {
        if path.is_empty() {
            return;
        }
        let is_bytecode = is_bytecode(path);
        let Some(place) = self.lookup.place(path) else {
            self.claim_missing(path, &claim, claims);
            return;
        };
        if !claims.seen.insert(place) {
            return;
        }
        let (path, node) = self.view.at(place);
        if !is_bytecode {
            self.claim_bytecode(path, claim.strength, claims);
        }
        if self.view.entry(node.entry).kind != EntryKind::Directory {
            claims.recorded += usize::from(!is_bytecode);
            let differs = |size: &u64| {
                let digests = self.view.entry(node.data).sha256().zip(claim.digest);
                *size != self.view.size(node) || digests.is_some_and(|(found, said)| found != said)
            };
            let recorded = claim.size.filter(differs).filter(|_| !is_bytecode);
            claims.changed.extend(recorded.map(|size| (self.view.path(node).clone(), size)));
            claims.claims.push(Claim { place, ..claim });
        }
    }

    fn claim_missing(&mut self, path: &[u8], claim: &Claim, claims: &mut Claimed) {
        let spelled = self.lookup.spell(path);
        if !claims.lacking.insert(spelled.clone()) || is_bytecode(path) {
            return;
        }
        self.claim_bytecode(&spelled, claim.strength, claims);
        claims.recorded += 1;
        claims.missing.push((ImagePath::new(&spelled), claim.size));
    }

    fn claim_bytecode(&mut self, source: &[u8], strength: u8, claims: &mut Claimed) {
        for &place in self.scan.bytecode_of(source) {
            if claims.seen.insert(place) {
                claims.claims.push(Claim { place, strength, ..Claim::default() });
            }
        }
    }

    fn top_level(&self, found: Found<'_>) -> Vec<String> {
        let text = self.beside(found, b"top_level.txt").map(String::from_utf8_lossy).unwrap_or_default();
        let names = text.lines().map(str::trim).filter(|name| !name.is_empty() && !name.contains("..")).take(64);
        names.map(str::to_owned).collect()
    }

    /// `setup.py develop`: a file NAME.egg-link whose first line is the directory of the source tree, which
    /// holds the egg-info. The source tree itself stays the application's.
    fn read_egg_link(&mut self, link: &'a [u8], environment: usize) -> Install {
        let target = self.contents(link).and_then(|text| text.split(|&b| b == b'\n').next()).unwrap_or_default();
        let target = clean_path(target.trim_ascii()).into_owned();
        let tree = self.scan.source_trees.get(&target[..]).copied();
        let mut dist = match tree {
            Some(found) => self.describe(found),
            None => {
                self.problem(link, "expected an .egg-info in the directory that it names, found none");
                let name = String::from_utf8_lossy(file_name(link)).trim_end_matches(".egg-link").to_owned();
                let layer = self.view.get(link).map_or(0, |node| node.data.0);
                let normalized = normalize_name(&name);
                Distribution { name, normalized, metadata: ImagePath::new(link), layer, ..Distribution::default() }
            }
        };
        dist.editable = true;
        dist.environment = environment;
        let mut claims = Claimed::default();
        self.claim_existing(link, &mut claims);
        if let Some(found) = tree {
            dist.modules = self.top_level(found);
            self.claim_metadata(found, &mut claims);
        }
        Install { distribution: dist, claims: claims.claims }
    }
}

/// What was claimed so far.
#[derive(Default)]
struct Claimed {
    claims: Vec<Claim>,
    /// Positions of all paths that are there: of a row that occurs twice the first counts.
    seen: FastSet<usize>,
    /// And all that are not.
    lacking: FastSet<Vec<u8>>,
    recorded: usize,
    missing: Vec<(ImagePath, Option<u64>)>,
    changed: Vec<(ImagePath, u64)>,
}

/// A path of RECORD, cleaned: relative to the site directory, or absolute. `joined` is room to put it together.
pub(super) fn absolute<'p>(site: &[u8], path: &'p [u8], joined: &'p mut Vec<u8>) -> Cow<'p, [u8]> {
    if path.starts_with(b"/") || site.is_empty() {
        return clean_path(path);
    }
    joined.clear();
    joined.extend_from_slice(site);
    joined.push(b'/');
    joined.extend_from_slice(path);
    clean_path(joined)
}

fn relative_to<'p>(path: &'p [u8], dir: &[u8]) -> Option<&'p [u8]> {
    if dir.is_empty() { Some(path) } else { path.strip_prefix(dir)?.strip_prefix(b"/") }
}

/// `NAME-VERSION.dist-info`, `NAME-VERSION-py3.11.egg-info`.
pub(super) fn name_and_version(metadata: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(metadata);
    let text = text.trim_end_matches(".dist-info").trim_end_matches(".egg-info");
    let mut parts = text.splitn(3, '-');
    let (name, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    (name.to_owned(), version.to_owned())
}

/// Whether a tag of WHEEL has the platform `linux_*` instead of `manylinux*` or `musllinux*`.
///
/// Source: the binary distribution format and the platform compatibility tags of packaging.python.org.
fn names_bare_linux(wheel: &[u8]) -> bool {
    let text = String::from_utf8_lossy(wheel);
    let tags = text.lines().filter_map(|line| line.strip_prefix("Tag:"));
    tags.filter_map(|tag| tag.rsplit('-').next()).any(|platform| platform.trim().starts_with("linux_"))
}

/// PEP 610: the URL without user and password, and whether the install is editable.
fn read_direct_url(bytes: &[u8]) -> (Option<String>, bool) {
    let small = Some(bytes).filter(|bytes| bytes.len() <= MAX_DIRECT_URL);
    let Some(Ok(value)) = small.map(serde_json::from_slice::<serde_json::Value>) else { return (None, false) };
    let url = value.get("url").and_then(|url| url.as_str()).map(without_credentials);
    let url = url.map(|url| match value.pointer("/vcs_info/vcs").and_then(|vcs| vcs.as_str()) {
        Some(vcs) => {
            let commit = value.pointer("/vcs_info/commit_id").and_then(|commit| commit.as_str());
            let prefix = if url.starts_with(&format!("{vcs}+")) { String::new() } else { format!("{vcs}+") };
            commit.map_or_else(|| format!("{prefix}{url}"), |commit| format!("{prefix}{url}@{commit}"))
        }
        None => url,
    });
    (url, value.pointer("/dir_info/editable") == Some(&serde_json::Value::Bool(true)))
}
