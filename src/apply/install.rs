//! A distribution that comes from a wheel, in the place of one of the original: its files with the owners and times of the one
//! that goes, so that the outcome depends on nothing but the original and the wheel.

use super::contents::Texts;
use super::error::ApplyError;
use super::fetch::Fetched;
use super::outcome::{Body, Item};
use super::paths::{Owned, Paths, nanos, reason_of};
use crate::base::{DistId, ImagePath, Text, ancestors, file_name, is_within, parent};
use crate::facts::Facts;
use crate::image::FromWheel;
use crate::layer::{Entry, EntryKind, SHA256_UP_TO, content_digest};
use crate::plan::Decided;
use crate::python::{Distribution, normalize_name};
use crate::wheel::{Archive, Content, Layout, Recorded, Unpacked, UnpackedFile, Unpacking};
use std::collections::BTreeMap;

/// How many scripts are looked at for the interpreter that they name.
const SCRIPTS: usize = 8;

/// What is to be installed.
pub struct Installed {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The digest of its wheel, in hexadecimal digits.
    pub sha256: String,
    /// The rule or reason.
    pub reason: String,
    /// Its bytes.
    pub archive: Archive,
    id: DistId,
    unpacked: Unpacked,
    /// METADATA of the one that it takes the place of.
    like: Item,
    site_dir: ImagePath,
    owners: [(u32, u32); 2],
}

/// Files that have to be read for it: scripts whose first line names the interpreter.
pub fn texts(facts: &Facts<'_>, id: DistId) -> Vec<Vec<u8>> {
    let dists = &facts.python.distributions;
    let environment = dists[id].environment;
    let is_script = |path: &&ImagePath| {
        let small = |size: u64| size <= 4096;
        file_name(parent(path.as_bytes())) == b"bin"
            && facts.view.get(path.as_bytes()).is_some_and(|node| small(facts.view.size(node)))
    };
    let own = dists[id].files.iter().filter(is_script);
    let others = dists.iter().filter(|dist| dist.environment == environment).flat_map(|dist| &dist.files);
    own.chain(others.filter(is_script)).take(SCRIPTS).map(|path| path.as_bytes().to_vec()).collect()
}

fn layout(facts: &Facts<'_>, decided: &Decided, dist: &Distribution) -> Layout {
    let environment = &facts.python.environments[dist.environment];
    Layout {
        prefix: environment.prefix.clone(),
        site_dir: ImagePath::new(parent(dist.metadata.as_bytes())),
        python: decided.environment.as_ref().map(|environment| environment.python.clone()).unwrap_or_default(),
    }
}

fn unpacked(
    facts: &Facts<'_>,
    decided: &Decided,
    id: DistId,
    fetched: &Fetched,
    interpreter: &str,
) -> Result<Unpacked, String> {
    let dist = &facts.python.distributions[id];
    let wanted = decided.anew.iter().find(|anew| anew.id == id).and_then(|anew| anew.wanted.as_ref());
    let name = wanted.map_or(dist.name.as_str(), |wanted| &wanted.name);
    let layout = layout(facts, decided, dist);
    let requested = dist.requested;
    fetched.archive.unpack(&Unpacking { name, version: &fetched.version, layout, interpreter, requested })
}

/// Whether a wheel can be put there.
///
/// # Errors
///
/// Why not, for a person.
pub fn check(facts: &Facts<'_>, decided: &Decided, id: DistId, fetched: &Fetched) -> Result<(), String> {
    let dist = &facts.python.distributions[id];
    let metadata = dist.metadata.join(b"METADATA");
    if facts.view.get(metadata.as_bytes()).is_none() {
        return Err(format!("{metadata} is not there, and nothing tells whose its files are to be"));
    }
    let unpacked = unpacked(facts, decided, id, fetched, "/usr/bin/python3")?;
    for file in &unpacked.files {
        for folder in ancestors(file.path.as_bytes()).filter(|folder| !folder.is_empty()) {
            let node = facts.view.get(folder);
            if node.is_some_and(|node| facts.view.entry(node.entry).kind != EntryKind::Directory) {
                return Err(format!("{} is no folder in the image", Text::of_bytes(folder)));
            }
        }
        let node = facts.view.get(file.path.as_bytes());
        if node.is_some_and(|node| facts.view.entry(node.entry).kind == EntryKind::Directory) {
            return Err(format!("{} is a folder in the image", file.path));
        }
    }
    Ok(())
}

/// Makes it ready.
///
/// # Errors
///
/// The wheel, which was fine before, is not any more.
pub fn install(
    facts: &Facts<'_>,
    decided: &Decided,
    id: DistId,
    fetched: Fetched,
    read: &Texts,
) -> Result<Installed, ApplyError> {
    let dist = &facts.python.distributions[id];
    let differs =
        |what: String| ApplyError::Differs { place: format!("the wheel of {}", dist.name).as_str().into(), what };
    let interpreter = interpreter(facts, id, read);
    let mut unpacked = unpacked(facts, decided, id, &fetched, &interpreter).map_err(differs)?;
    let site_dir = ImagePath::new(parent(dist.metadata.as_bytes()));
    unpacked.leave_out(&site_dir, &|path| decided.leaves_out(path));
    let node = facts.view.get(dist.metadata.join(b"METADATA").as_bytes());
    let node = node.ok_or_else(|| differs("nothing tells whose its files are to be".into()))?;
    let like =
        Item { entry: facts.view.entry(node.entry).clone(), nanos: nanos(facts.view, node.entry), body: Body::None };
    let anew = decided.anew.iter().find(|anew| anew.id == id);
    let own = (like.entry.uid, like.entry.gid);
    let others = decided.environment.as_ref().map_or(own, |environment| environment.others);
    let name =
        anew.and_then(|anew| anew.wanted.as_ref()).map_or_else(|| dist.name.clone(), |wanted| wanted.name.clone());
    Ok(Installed {
        name,
        version: fetched.version,
        sha256: fetched.sha256,
        reason: anew.map(|anew| reason_of(anew).to_owned()).unwrap_or_default(),
        archive: fetched.archive,
        id,
        unpacked,
        like,
        site_dir,
        owners: [own, others],
    })
}

/// The interpreter that scripts of the environment name.
fn interpreter(facts: &Facts<'_>, id: DistId, read: &Texts) -> String {
    let named = |path: Vec<u8>| {
        let text = read.get(&path)?;
        let line = text.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
        let line = std::str::from_utf8(line).ok()?.trim();
        let is_python = file_name(line.as_bytes()).starts_with(b"python") && !line.contains(char::is_whitespace);
        is_python.then(|| line.to_owned())
    };
    if let Some(found) = texts(facts, id).into_iter().find_map(named) {
        return found;
    }
    let environment = &facts.python.environments[facts.python.distributions[id].environment];
    let program = environment.interpreter.clone().unwrap_or_else(|| environment.prefix.join(b"bin/python3"));
    format!("/{}", String::from_utf8_lossy(program.as_bytes()))
}

impl Installed {
    /// Its RECORD tells of files in whose place something else stays what is there.
    pub fn record_what_stays(&mut self, paths: &Paths<'_, '_>) {
        let view = paths.facts.view;
        let site_dir = self.site_dir.clone();
        self.unpacked.record_instead(&site_dir, &|path| {
            let node = paths.stays(path.as_bytes()).then(|| view.get(path.as_bytes())).flatten()?;
            let (size, content) = (view.size(node), view.entry(node.data).content);
            Some(Recorded { sha256: content.filter(|_| size <= SHA256_UP_TO), size })
        });
    }

    /// Puts its files to what is made, but for those in whose place something else stays; the bytes that come.
    pub fn put(
        &self,
        paths: &Paths<'_, '_>,
        archive: usize,
        made: &mut BTreeMap<ImagePath, Item>,
        of_made: &mut BTreeMap<ImagePath, Owned>,
    ) -> Result<u64, ApplyError> {
        let mut added = 0u64;
        for file in &self.unpacked.files {
            // What another distribution has, or somebody put there, is there as it was.
            if paths.stays(file.path.as_bytes()) || made.contains_key(&file.path) {
                continue;
            }
            for folder in ancestors(file.path.as_bytes()).filter(|folder| !folder.is_empty()) {
                let path = ImagePath::new(folder);
                if paths.facts.view.get(folder).is_some() || made.contains_key(&path) {
                    continue;
                }
                let (uid, gid) = self.owner(folder);
                let like = &self.like.entry;
                let entry = Entry {
                    kind: EntryKind::Directory,
                    mode: 0o755,
                    uid,
                    gid,
                    mtime: like.mtime,
                    ..Entry::file(path.clone(), 0)
                };
                of_made.insert(path.clone(), Owned::Distribution(self.id));
                made.insert(path, Item { entry, nanos: self.like.nanos, body: Body::None });
            }
            added = added.saturating_add(file.size);
            of_made.insert(file.path.clone(), Owned::Distribution(self.id));
            made.insert(file.path.clone(), self.item(file, archive));
        }
        Ok(added)
    }

    /// For the account.
    pub fn as_installed(&self, facts: &Facts<'_>, bytes: u64) -> FromWheel {
        FromWheel {
            name: normalize_name(&self.name),
            version: self.version.clone(),
            instead_of: facts.python.distributions[self.id].normalized.clone(),
            sha256: self.sha256.clone(),
            bytes,
        }
    }

    fn owner(&self, path: &[u8]) -> (u32, u32) {
        let [own, others] = self.owners;
        if is_within(path, self.site_dir.as_bytes()) { own } else { others }
    }

    fn item(&self, file: &UnpackedFile, archive: usize) -> Item {
        let (uid, gid) = self.owner(file.path.as_bytes());
        let (body, content) = match &file.content {
            Content::Member(at) => (Body::Member(archive, *at), file.sha256.filter(|_| file.size <= SHA256_UP_TO)),
            Content::Bytes(bytes) => (Body::Bytes(bytes[..].into()), Some(content_digest(bytes))),
        };
        let mode = if file.executable { 0o755 } else { 0o644 };
        let mtime = self.like.entry.mtime;
        let entry = Entry { mode, uid, gid, mtime, content, ..Entry::file(file.path.clone(), file.size) };
        Item { entry, nanos: self.like.nanos, body }
    }
}
