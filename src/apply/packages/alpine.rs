//! apk's notes of packages that go.

use super::removal::Removal;
use super::stanzas::stanzas;
use crate::apply::contents::Texts;
use crate::base::{ImagePath, PackageId, Text, is_within};
use crate::facts::Facts;

/// Where its database may be.
pub const FOLDERS: [&[u8]; 2] = [b"lib/apk/db", b"usr/lib/apk/db"];
/// What was asked for.
pub const WORLD: &[u8] = b"etc/apk/world";

/// Folders whose trigger is busybox's own, which sets links that are missing: what had its place is there, or goes.
const PROGRAMS: [&[u8]; 6] = [b"bin", b"sbin", b"usr/bin", b"usr/sbin", b"lib/modules", b"usr/lib/modules"];

pub struct Alpine<'a> {
    facts: &'a Facts<'a>,
    texts: &'a Texts,
    folder: &'static [u8],
}

impl<'a> Alpine<'a> {
    pub fn new(facts: &'a Facts<'a>, texts: &'a Texts) -> Self {
        let is_there = |folder: &&&[u8]| facts.view.get(&[folder, &b"/installed"[..]].concat()).is_some();
        Self { facts, texts, folder: FOLDERS.iter().find(is_there).copied().unwrap_or(FOLDERS[0]) }
    }

    fn text(&self, name: &str) -> Option<&[u8]> {
        self.texts.get(&[self.folder, b"/", name.as_bytes()].concat())
    }

    /// Why a package cannot go.
    pub fn why_not(&self, id: PackageId) -> Option<String> {
        let package = &self.facts.os.packages[id];
        let Some(record) = self.text("installed").and_then(|text| record(text, &package.name)) else {
            return Some("apk's database cannot be read".into());
        };
        let scripts = self.text("scripts.tar").unwrap_or_default();
        let prefix = format!("{}-{}.", package.name, package.version);
        let removes = memchr::memmem::find_iter(scripts, prefix.as_bytes()).any(|at| {
            let name = scripts[at..].split(|&byte| byte == 0).next().unwrap_or_default();
            name.ends_with(b"deinstall")
        });
        if removes {
            return Some("it has a script that runs when it is removed".into());
        }
        let triggers = self.text("triggers").unwrap_or_default();
        let sum = record.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"C:")).unwrap_or(b"?");
        for line in triggers.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            if line.starts_with(sum) {
                return Some("it watches what others install".into());
            }
            let folders =
                line.split(|&byte| byte == b' ').skip(1).map(|folder| crate::base::clean_path(folder).into_owned());
            let watched: Vec<Vec<u8>> = folders.filter(|folder| !PROGRAMS.contains(&&folder[..])).collect();
            let mut own =
                self.facts.os.owners.iter().filter(|(_, owner)| **owner == id).map(|(path, _)| path.as_bytes());
            // A pattern stands for what is below its beginning.
            let start = |folder: &[u8]| folder.split(|&byte| byte == b'*').next().unwrap_or_default().to_vec();
            let is_watched = |path: &[u8]| {
                watched.iter().any(|folder| {
                    let start = start(folder);
                    is_within(path, folder) || start.len() < folder.len() && path.starts_with(&start)
                })
            };
            if let Some(path) = own.find(|path| is_watched(path)) {
                return Some(format!("something watches the folder of {}", Text::of_bytes(path)));
            }
        }
        None
    }

    /// Takes the notes of what goes out of the database.
    pub fn take_notes(&self, out: &mut Removal) -> Result<(), String> {
        let installed = self.text("installed").ok_or("apk's database cannot be read")?;
        let names: Vec<&str> = out.gone.iter().map(|id| self.facts.os.packages[*id].name.as_str()).collect();
        let (mut new, mut taken) = (Vec::with_capacity(installed.len()), 0);
        for stanza in stanzas(installed) {
            match name_of(stanza).is_some_and(|name| names.iter().any(|gone| gone.as_bytes() == name)) {
                true => taken += 1,
                false => new.extend_from_slice(stanza),
            }
        }
        if taken != names.len() {
            return Err(format!("apk's database has {taken} of {} packages that go", names.len()));
        }
        out.changed.insert(ImagePath::new(self.folder).join(b"installed"), new);
        let Some(world) = self.texts.get(WORLD) else { return Ok(()) };
        let bare = |line: &[u8]| {
            let end = line.iter().position(|byte| b"=<>~@".contains(byte)).unwrap_or(line.len());
            line[..end].trim_ascii().to_vec()
        };
        let goes = |line: &[u8]| names.iter().any(|name| bare(line) == name.as_bytes());
        let lines: Vec<&[u8]> = world.split_inclusive(|&byte| byte == b'\n').filter(|line| !goes(line)).collect();
        let new = lines.concat();
        if new.len() != world.len() {
            out.changed.insert(ImagePath::new(WORLD), new);
        }
        Ok(())
    }
}

fn name_of(stanza: &[u8]) -> Option<&[u8]> {
    stanza.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"P:")).map(<[u8]>::trim_ascii)
}

fn record<'t>(text: &'t [u8], name: &str) -> Option<&'t [u8]> {
    stanzas(text).find(|stanza| name_of(stanza) == Some(name.as_bytes()))
}
