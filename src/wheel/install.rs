//! What an installer makes of a wheel, file by file: the wheel's files in their places, the scripts that it writes for
//! entry points, the notes of itself, and RECORD.
//!
//! The sizes are exact where the installer's own words are known: they were measured on pip 23.2 to 26.1 and uv 0.13,
//! whose RECORD, INSTALLER and scripts differ. Bytecode alone is predicted ([`predicted_bytecode`]).
//!
//! Source: the binary distribution format
//! (<https://packaging.python.org/en/latest/specifications/binary-distribution-format/>), entry points
//! (<https://packaging.python.org/en/latest/specifications/entry-points/>), recording installed projects
//! (<https://packaging.python.org/en/latest/specifications/recording-installed-packages/>).

use super::bytecode::{known_ratio, predicted_bytecode};
use super::layout::{InstalledFile, Layout, WheelFile, place_of};
use super::read::is_script;
use super::record::{quoted, relative};
use super::{Contents, WheelInfo};
use crate::base::{ImagePath, file_name, is_within, parent};

/// The longest first line of a script that kernels take, in bytes.
pub(super) const LONGEST_SHEBANG: usize = 127;

/// `sha256=` and a digest in base64.
const DIGEST: u64 = 7 + 43;

/// Who installs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installer {
    /// pip, and its version: `(24, 0)`.
    Pip(u32, u32),
    /// uv.
    Uv,
    /// Another one, by what it writes into INSTALLER: `Poetry 2.1.3`. It writes no REQUESTED.
    Other(String),
}

/// How a wheel is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Where.
    pub layout: Layout,
    /// By whom.
    pub installer: Installer,
    /// The interpreter as scripts name it: `/usr/local/bin/python3.11`.
    pub interpreter: String,
    /// Whether bytecode is made: pip does, uv with `--compile-bytecode` only.
    pub bytecode: bool,
    /// Bytes of bytecode to bytes of source, where another installation shows them.
    pub ratio: Option<(u64, u64)>,
    /// Whether it is named by the request. pip notes that; uv says it of all.
    pub requested: bool,
    /// The URL that it was installed from directly, as the installer notes it; none from an index.
    pub direct_url: Option<String>,
}

/// A script that an installer writes for an entry point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    /// The script's name.
    pub name: String,
    /// The module to import.
    pub module: String,
    /// What of it to call: `main` or `App.run`.
    pub function: String,
}

/// The scripts of an `entry_points.txt`; lines that are none are passed over, as installers do not take such a wheel.
pub fn parse_entry_points(content: &[u8]) -> Vec<EntryPoint> {
    let text = String::from_utf8_lossy(content);
    let mut out: Vec<EntryPoint> = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';'])) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = matches!(section.trim(), "console_scripts" | "gui_scripts");
            continue;
        }
        let Some((name, target)) = line.split_once('=').filter(|_| inside) else { continue };
        let target = target.split('[').next().unwrap_or_default();
        let Some((module, function)) = target.split_once(':') else { continue };
        let [name, module, function] = [name, module, function].map(|text| text.trim().to_owned());
        let is_path = |text: &str| text.contains(['/', '\0']) || text.is_empty() || text == "." || text == "..";
        if !is_path(&name) && out.iter().all(|other| other.name != name) {
            out.push(EntryPoint { name, module, function });
        }
    }
    out
}

impl WheelInfo {
    /// What an installation makes, bytecode included where it is made. Files that two scripts share are there twice, as
    /// they are written twice.
    pub fn installed(&self, name: &str, how: &Installation) -> Vec<InstalledFile> {
        let mut out = Vec::new();
        let mut record = Record::new(&how.layout, &how.installer);
        let mut folder: Option<ImagePath> = None;
        for (at, file) in self.contents.files.iter().enumerate() {
            let is_about = parent(&file.path).ends_with(b".dist-info") && !parent(&file.path).contains(&b'/');
            if is_about && matches!(file_name(&file.path), b"RECORD.jws" | b"RECORD.p7s") {
                continue;
            }
            let mut made = self.file(at, file, name, how);
            if is_about {
                folder = Some(how.layout.site_dir.join(parent(&file.path)));
            }
            if is_about && file_name(&file.path) == b"RECORD" {
                made.crc32 = None;
                record.own(&made.path);
            } else {
                record.row(&made.path, Some(made.size));
            }
            out.push(made);
        }
        let Some(folder) = folder else { return out };
        let mut add = |path: ImagePath, size: u64| {
            record.row(&path, Some(size));
            out.push(InstalledFile { path, size, crc32: None });
        };
        for script in self.scripts(how) {
            let path = how.layout.prefix.join(b"bin").join(script.name.as_bytes());
            add(path, how.script(&script));
        }
        for (file, size) in how.notes(&self.contents) {
            add(folder.join(file.as_bytes()), size);
        }
        let compiled = if how.bytecode { bytecode(&out, name, how) } else { Vec::new() };
        if matches!(how.installer, Installer::Pip(..)) {
            compiled.iter().for_each(|file| record.row(&file.path, None));
        }
        let size = record.size.saturating_add_signed(self.odd());
        let own = folder.join(b"RECORD");
        if let Some(file) = out.iter_mut().find(|file| file.path == own) {
            file.size = size;
        }
        out.extend(compiled);
        out
    }

    /// A file of the wheel in its place, with the interpreter in its first line where it is a script.
    fn file(&self, at: usize, file: &WheelFile, name: &str, how: &Installation) -> InstalledFile {
        let path = place_of(&file.path, name, &how.layout);
        let line = self.shebangs.iter().find(|(position, _)| *position as usize == at);
        match line.filter(|_| is_script(&file.path)) {
            None => InstalledFile { path, size: file.size, crc32: Some(file.crc32) },
            Some((_, line)) => {
                let size = file.size.saturating_sub(u64::from(*line)) + how.shebang();
                InstalledFile { path, size, crc32: None }
            }
        }
    }

    fn scripts(&self, how: &Installation) -> Vec<EntryPoint> {
        let mut out = parse_entry_points(&self.entry_points);
        // pip names its own after its Python, whatever its wheel says.
        if let Some(pip) = out
            .iter()
            .find(|script| script.name == "pip")
            .cloned()
            .filter(|_| matches!(how.installer, Installer::Pip(..)))
        {
            out.retain(|script| !script.name.starts_with("pip"));
            let major = how.layout.python.split('.').next().unwrap_or_default();
            let names = ["pip".to_owned(), format!("pip{major}"), format!("pip{}", how.layout.python)];
            out.extend(names.map(|name| EntryPoint { name, ..pip.clone() }));
        }
        out
    }

    /// By how many bytes the wheel's own RECORD differs from the usual form, which has a row with a SHA-256 for each file:
    /// installers keep its rows as they are. Line ends are theirs.
    fn odd(&self) -> i64 {
        let (mut rows, mut usual, mut found) = (0u64, 0u64, None);
        for file in &self.contents.files {
            let is_record = parent(&file.path).ends_with(b".dist-info") && file_name(&file.path) == b"RECORD";
            found = if is_record { Some(file.size) } else { found };
            usual += field(&file.path) + if is_record { 2 } else { 2 + DIGEST + digits(file.size) } + 1;
            rows += 1;
        }
        let Some(found) = found else { return 0 };
        let difference = found as i64 - usual as i64;
        // With line ends of two characters, or none at its end.
        if [0, rows as i64, -1, rows as i64 - 2].contains(&difference) { 0 } else { difference }
    }
}

impl Installation {
    /// The first line or lines of a script, in bytes.
    fn shebang(&self) -> u64 {
        let plain = 2 + self.interpreter.len() + 1;
        if plain > LONGEST_SHEBANG || self.interpreter.contains(' ') {
            // By way of the shell.
            return ("#!/bin/sh\n'''exec' ".len() + self.interpreter.len() + " \"$0\" \"$@\"\n' '''\n".len()) as u64
                + if self.interpreter.contains(' ') || self.installer == Installer::Uv { 2 } else { 0 };
        }
        plain as u64
    }

    /// A script for an entry point, in bytes.
    fn script(&self, script: &EntryPoint) -> u64 {
        let EntryPoint { module, function, .. } = script;
        let import = function.split('.').next().unwrap_or_default();
        let import = format!("from {module} import {import}\n");
        let call = format!("    sys.exit({function}())\n");
        let coding = "# -*- coding: utf-8 -*-\n".len();
        let main = "import sys\nif __name__ == '__main__':\n".len();
        let rest = match self.installer {
            Installer::Pip(26.., _) => main + "    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n".len(),
            Installer::Pip(25, 2..) => {
                main + "    if sys.argv[0].endswith('.exe'):\n        sys.argv[0] = sys.argv[0][:-4]\n".len()
            }
            Installer::Uv => {
                let windows =
                    "    if sys.argv[0].endswith(\"-script.pyw\"):\n        sys.argv[0] = sys.argv[0][:-11]\n";
                let exe = "    elif sys.argv[0].endswith(\".exe\"):\n        sys.argv[0] = sys.argv[0][:-4]\n";
                coding + main + windows.len() + exe.len()
            }
            _ => {
                let clean = "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n";
                coding + "import re\n".len() + main + clean.len()
            }
        };
        self.shebang() + (import.len() + call.len() + rest) as u64
    }

    /// What the installer notes beside METADATA: names and bytes.
    fn notes(&self, contents: &Contents) -> Vec<(&'static str, u64)> {
        let has = |name: &[u8]| {
            contents
                .files
                .iter()
                .any(|file| parent(&file.path).ends_with(b".dist-info") && file_name(&file.path) == name)
        };
        let mut out = Vec::new();
        let (installer, requested) = match &self.installer {
            Installer::Pip(..) => ("pip\n".len(), self.requested),
            Installer::Uv => ("uv".len(), true),
            Installer::Other(name) => (name.len(), false),
        };
        out.push(("INSTALLER", installer as u64));
        if requested {
            out.push(("REQUESTED", 0));
        }
        if let Some(url) = &self.direct_url {
            let around = match self.installer {
                Installer::Uv => "{\"url\":\"\",\"archive_info\":{}}",
                _ => "{\"archive_info\": {}, \"url\": \"\"}",
            };
            out.push(("direct_url.json", (around.len() + url.len()) as u64));
        }
        // A wheel that was packed from an installation has some already.
        out.retain(|(name, _)| !has(name.as_bytes()));
        out
    }
}

/// The bytecode of the source among some files.
fn bytecode(files: &[InstalledFile], name: &str, how: &Installation) -> Vec<InstalledFile> {
    let layout = &how.layout;
    let ratio = how.ratio.or_else(|| known_ratio(name, &layout.python));
    let compiled = |source: u64| match ratio {
        Some((bytecode, whole)) => scaled(source, bytecode, whole),
        None => predicted_bytecode(source, &layout.python),
    };
    let tag = format!(".cpython-{}.pyc", layout.python.replace('.', ""));
    let of = |file: &InstalledFile| {
        let path = file.path.as_bytes();
        let stem = file_name(path).strip_suffix(b".py").filter(|_| is_within(path, layout.site_dir.as_bytes()))?;
        let path = ImagePath::new(parent(path)).join(b"__pycache__").join(&[stem, tag.as_bytes()].concat());
        Some(InstalledFile { path, size: compiled(file.size), crc32: None })
    };
    files.iter().filter_map(of).collect()
}

/// `size` times `part` by `whole`.
pub fn scaled(size: u64, part: u64, whole: u64) -> u64 {
    let scaled = u128::from(size) * u128::from(part) / u128::from(whole.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// The length of a RECORD while it is written.
struct Record {
    size: u64,
    site: Vec<u8>,
    line_end: u64,
}

impl Record {
    fn new(layout: &Layout, installer: &Installer) -> Self {
        let site = layout.site_dir.as_bytes().to_vec();
        // pip writes its rows as its CSV writer does by default.
        let line_end = if matches!(installer, Installer::Pip(..)) { 2 } else { 1 };
        Self { size: 0, site, line_end }
    }

    /// RECORD's own row, which has neither digest nor size.
    fn own(&mut self, path: &ImagePath) {
        self.row(path, None);
    }

    fn row(&mut self, path: &ImagePath, size: Option<u64>) {
        let rest = size.map_or(0, |size| DIGEST + digits(size));
        self.size += field(&relative(path.as_bytes(), &self.site)) + 2 + rest + self.line_end;
    }
}

/// A field of RECORD, in bytes.
fn field(text: &[u8]) -> u64 {
    quoted(text).len() as u64
}

fn digits(number: u64) -> u64 {
    number.checked_ilog10().map_or(1, |log| u64::from(log) + 1)
}
