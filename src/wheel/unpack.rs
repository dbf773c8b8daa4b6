//! A wheel as an installer unpacks it: every file in its place, the scripts with their interpreter, the notes, RECORD.
//!
//! Source: the binary distribution format
//! (<https://packaging.python.org/en/latest/specifications/binary-distribution-format/>), entry points
//! (<https://packaging.python.org/en/latest/specifications/entry-points/>), recording installed projects
//! (<https://packaging.python.org/en/latest/specifications/recording-installed-packages/>).

use super::archive::Archive;
use super::install::{LONGEST_SHEBANG, parse_entry_points};
use super::layout::{Layout, place_of};
use super::read::is_script;
use super::record::{quoted, relative};
use crate::base::{Digest, FastMap, ImagePath, Text, file_name, is_within, parent};
use crate::python::{RecordRow, normalize_name, parse_record};
use base64::Engine as _;

/// What INSTALLER says.
const INSTALLER: &[u8] = b"slimwright\n";

/// A script that is longer is a program, whose first line is nobody's to replace, in bytes.
const LONGEST_SCRIPT: u64 = 64 << 10;

/// Where the bytes of a file come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The wheel's file of this position.
    Member(usize),
    /// The installer wrote them.
    Bytes(Vec<u8>),
}

/// A file that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnpackedFile {
    /// Where.
    pub path: ImagePath,
    /// Whether it is a program.
    pub executable: bool,
    /// Its bytes (`unpacked`).
    pub size: u64,
    /// Its SHA-256, as RECORD says it; none of RECORD itself and of signatures.
    pub sha256: Option<Digest>,
    /// What it has.
    pub content: Content,
}

/// An installation, still on paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Its files; no path is there twice.
    pub files: Vec<UnpackedFile>,
    /// The `.dist-info` folder.
    pub metadata: ImagePath,
}

/// How a wheel is to be unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacking<'u> {
    /// The distribution.
    pub name: &'u str,
    /// Its version.
    pub version: &'u str,
    /// Where.
    pub layout: Layout,
    /// The interpreter as scripts name it.
    pub interpreter: &'u str,
    /// Whether somebody asked for it by name.
    pub requested: bool,
}

impl Archive {
    /// What the installer makes.
    ///
    /// # Errors
    ///
    /// It is another distribution's, contradicts itself, or needs more than is done here.
    pub fn unpack(&self, how: &Unpacking<'_>) -> Result<Unpacked, String> {
        self.check(how)?;
        let rows: FastMap<Vec<u8>, RecordRow> =
            parse_record(&self.record).0.into_iter().map(|row| (row.path.clone(), row)).collect();
        let mut out: Vec<UnpackedFile> = Vec::new();
        let mut metadata = None;
        for (at, file) in self.info.contents.files.iter().enumerate() {
            let path = place_of(&file.path, how.name, &how.layout);
            let is_about = parent(&file.path).ends_with(b".dist-info") && !parent(&file.path).contains(&b'/');
            if is_about {
                if metadata.as_ref().is_some_and(|known: &ImagePath| known.as_bytes() != parent(path.as_bytes())) {
                    return Err("it has two .dist-info folders".into());
                }
                metadata = Some(ImagePath::new(parent(path.as_bytes())));
                // INSTALLER, REQUESTED and direct_url.json are the installer's, signatures are of another RECORD.
                const OURS: [&[u8]; 6] =
                    [b"RECORD", b"RECORD.jws", b"RECORD.p7s", b"INSTALLER", b"REQUESTED", b"direct_url.json"];
                if OURS.contains(&file_name(&file.path)) {
                    continue;
                }
            }
            let row = rows.get(&file.path).and_then(|row| row.digest);
            let sha256 = row.ok_or_else(|| format!("its RECORD has no SHA-256 of {}", Text::of_bytes(&file.path)))?;
            let script = is_script(&file.path);
            let executable = script || self.is_executable(at);
            let plain =
                UnpackedFile { path, executable, size: file.size, sha256: Some(sha256), content: Content::Member(at) };
            out.push(match script && file.size <= LONGEST_SCRIPT {
                true => self.script(at, plain, how)?,
                false => plain,
            });
        }
        let metadata = metadata.ok_or("it has no .dist-info folder")?;
        for script in parse_entry_points(&self.info.entry_points) {
            let path = how.layout.prefix.join(b"bin").join(script.name.as_bytes());
            let import = script.function.split('.').next().unwrap_or_default();
            let text = format!(
                "{}import sys\nfrom {} import {import}\nif __name__ == '__main__':\n    sys.exit({}())\n",
                shebang(how.interpreter),
                script.module,
                script.function
            );
            out.push(made(path, text.into_bytes(), true));
        }
        out.push(made(metadata.join(b"INSTALLER"), INSTALLER.to_vec(), false));
        if how.requested {
            out.push(made(metadata.join(b"REQUESTED"), Vec::new(), false));
        }
        let own = metadata.join(b"RECORD");
        let record = record(&out, &own, &how.layout.site_dir);
        out.push(UnpackedFile { sha256: None, ..made(own, record, false) });
        let mut paths: Vec<&ImagePath> = out.iter().map(|file| &file.path).collect();
        paths.sort_unstable();
        if let Some(twice) = paths.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("two of its files have one place: {}", twice[0]));
        }
        Ok(Unpacked { files: out, metadata })
    }

    fn check(&self, how: &Unpacking<'_>) -> Result<(), String> {
        let field = |text: &[u8], name: &str| {
            let text = String::from_utf8_lossy(text).into_owned();
            let of = |line: &str| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            };
            text.lines().take_while(|line| !line.is_empty()).find_map(of)
        };
        let version = field(&self.info.wheel, "Wheel-Version").unwrap_or_default();
        if version.split('.').next() != Some("1") {
            return Err(format!("expected a wheel of version 1, found `{}`", Text::from(&version)));
        }
        let name = field(&self.info.metadata, "Name").unwrap_or_default();
        let found = field(&self.info.metadata, "Version").unwrap_or_default();
        let same_version = found == how.version || found.parse::<pep440_rs::Version>().ok() == how.version.parse().ok();
        match normalize_name(&name) == normalize_name(how.name) && same_version {
            true => Ok(()),
            false => Err(format!(
                "expected {} {}, found {} {}",
                Text::from(how.name),
                Text::from(how.version),
                Text::from(&name),
                Text::from(&found)
            )),
        }
    }

    /// A script of the wheel; `#!python` and `#!pythonw` give place to the interpreter.
    fn script(&self, at: usize, plain: UnpackedFile, how: &Unpacking<'_>) -> Result<UnpackedFile, String> {
        let content = self.read(at, LONGEST_SCRIPT).map_err(|error| error.to_string())?;
        if !content.starts_with(b"#!python") {
            return Ok(plain);
        }
        let end = content.iter().position(|&byte| byte == b'\n').map_or(content.len(), |end| end + 1);
        let line = content[..end].trim_ascii_end();
        let options = line.iter().position(|&byte| byte == b' ').map_or(&b""[..], |space| &line[space..]);
        if !options.is_empty() {
            return Err(format!("the first line of a script has options: {}", Text::of_bytes(line)));
        }
        let text = [shebang(how.interpreter).as_bytes(), &content[end..]].concat();
        Ok(made(plain.path, text, true))
    }
}

fn made(path: ImagePath, content: Vec<u8>, executable: bool) -> UnpackedFile {
    let (size, sha256) = (content.len() as u64, Some(Digest::of(&content)));
    UnpackedFile { path, executable, size, sha256, content: Content::Bytes(content) }
}

/// The first line of a script; by way of the shell where kernels would not take it.
fn shebang(interpreter: &str) -> String {
    match interpreter.contains(char::is_whitespace) || interpreter.len() + 3 > LONGEST_SHEBANG {
        true => format!("#!/bin/sh\n'''exec' \"{interpreter}\" \"$0\" \"$@\"\n' '''\n"),
        false => format!("#!{interpreter}\n"),
    }
}

/// What RECORD says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its SHA-256, where it is known.
    pub sha256: Option<Digest>,
    /// Its bytes.
    pub size: u64,
}

impl Unpacked {
    /// RECORD with what is in the place of some files, because it stays there.
    pub fn record_instead(&mut self, site_dir: &ImagePath, there: &dyn Fn(&ImagePath) -> Option<Recorded>) {
        let own = self.metadata.join(b"RECORD");
        let mut rows: Vec<UnpackedFile> = self.files.iter().filter(|file| file.path != own).cloned().collect();
        let mut changed = false;
        for file in &mut rows {
            if let Some(Recorded { sha256, size }) = there(&file.path) {
                (file.sha256, file.size, changed) = (sha256, size, true);
            }
        }
        if changed {
            self.record_anew(&rows, site_dir);
        }
    }

    /// Without files that are not to be there; RECORD does not list them.
    pub fn leave_out(&mut self, site_dir: &ImagePath, goes: &dyn Fn(&ImagePath) -> bool) {
        let before = self.files.len();
        let metadata = &self.metadata;
        self.files.retain(|file| is_within(file.path.as_bytes(), metadata.as_bytes()) || !goes(&file.path));
        if self.files.len() < before {
            let own = self.metadata.join(b"RECORD");
            let rows: Vec<UnpackedFile> = self.files.iter().filter(|file| file.path != own).cloned().collect();
            self.record_anew(&rows, site_dir);
        }
    }

    fn record_anew(&mut self, rows: &[UnpackedFile], site_dir: &ImagePath) {
        let own = self.metadata.join(b"RECORD");
        if let Some(file) = self.files.iter_mut().find(|file| file.path == own) {
            let text = record(rows, &own, site_dir);
            *file = UnpackedFile { sha256: None, ..made(own, text, false) };
        }
    }
}

/// RECORD: each file relative to the site directory, with digest and size, and itself with neither.
fn record(files: &[UnpackedFile], own: &ImagePath, site_dir: &ImagePath) -> Vec<u8> {
    let mut rows: Vec<Vec<u8>> = Vec::new();
    for file in files {
        let digest = file.sha256.map(|digest| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest.0));
        let rest = digest.map_or_else(|| ",".to_owned(), |digest| format!("sha256={digest},{}", file.size));
        rows.push([&quoted(&relative(file.path.as_bytes(), site_dir.as_bytes()))[..], b",", rest.as_bytes()].concat());
    }
    rows.push([&quoted(&relative(own.as_bytes(), site_dir.as_bytes()))[..], b",,"].concat());
    rows.sort_unstable();
    let mut out = rows.join(&b'\n');
    out.push(b'\n');
    out
}
