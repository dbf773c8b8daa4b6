//! An index of packages in a compact form: what is used of it, as text that is searched where it lies.
//!
//! Debian's largest has more than 60,000 packages, of which an installation looks at some hundred. So nothing is parsed
//! that is not asked for: records lie in one text, and a directory of names, sorted, tells where. Both are kept in the
//! cache as they are.
//!
//! Source: deb-control(5) and Debian Policy 5 (`Packages`); apk-package(5), apk-v2(5) (`APKINDEX`).

use crate::base::FastMap;
use crate::os::Declared;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Read as _};

/// Longest line of an index that is read.
const MAX_LINE: u64 = 4 << 20;

/// Memory of what is kept of one index, in bytes. Debian's largest takes about 40 MB.
const MAX_KEPT: usize = 96 << 20;
/// Longest field of a package, in bytes. Debian's longest have some ten thousand.
const MAX_FIELD: usize = 256 << 10;
/// What a name that a package provides takes besides itself: a row, and a line of the directory.
const ROW: usize = 64;

/// What an index says of one version of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture.
    pub architecture: String,
    /// dpkg's section, as written.
    pub section: String,
    /// dpkg's priority.
    pub priority: String,
    /// Whether it is essential or protected.
    pub essential: bool,
    /// The archive's length in bytes (`wire`).
    pub wire: u64,
    /// Bytes of its fields in the package manager's database (`unpacked`, predicted).
    pub stanza: u64,
    /// apk: which of several that provide a name is taken.
    pub provider_priority: u64,
    /// dpkg: how many names the index mentions before this one, as a package's own or as one that another one speaks of.
    /// Of several packages that provide a name and are equal otherwise apt takes the one that is mentioned last.
    pub mentioned: u64,
    /// What it says of itself.
    pub declared: Declared,
}

/// An index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Records, one behind the other, each with an empty line behind it.
    records: String,
    /// `name TAB kind offset` a line, sorted.
    directory: String,
    /// How many packages there are.
    packages: u32,
}

/// What a row of the directory leads to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A package of that name.
    Own,
    /// One that provides it.
    Provides,
    /// Without a name: one that comes by itself.
    Conditional,
}

impl Index {
    /// How many packages there are.
    pub fn len(&self) -> usize {
        self.packages as usize
    }

    /// Memory that it takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.records.capacity() + self.directory.capacity()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.packages == 0
    }

    /// The versions of a package.
    pub fn packages(&self, name: &str) -> Vec<Record> {
        self.find(name, Kind::Own)
    }

    /// The packages that provide a name.
    pub fn providers(&self, name: &str) -> Vec<Record> {
        self.find(name, Kind::Provides)
    }

    /// The packages that come by themselves when others are there (apk's `install_if`).
    pub fn conditional(&self) -> Vec<Record> {
        self.find("", Kind::Conditional)
    }

    fn find(&self, name: &str, kind: Kind) -> Vec<Record> {
        let rows = rows(&self.directory, name).filter(|(found, _)| *found == kind.letter());
        rows.filter_map(|(_, offset)| Record::read(self.records.get(offset..)?)).collect()
    }

    /// Of records.
    pub(super) fn new(mut records: Vec<Record>) -> Self {
        records.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        let mut out = Self { packages: u32::try_from(records.len()).unwrap_or(u32::MAX), ..Self::default() };
        let mut rows: Vec<(&str, Kind, usize)> = Vec::with_capacity(2 * records.len());
        for record in &records {
            let offset = out.records.len();
            record.write(&mut out.records);
            rows.push((&record.name, Kind::Own, offset));
            rows.extend(names(&record.declared.provides).map(|name| (name, Kind::Provides, offset)));
            if !record.declared.install_if.is_empty() {
                rows.push(("", Kind::Conditional, offset));
            }
        }
        rows.sort_unstable();
        rows.dedup();
        for (name, kind, offset) in rows {
            out.directory.push_str(name);
            out.directory.push('\t');
            out.directory.push(kind.letter());
            out.directory.push_str(&offset.to_string());
            out.directory.push('\n');
        }
        out.records.shrink_to_fit();
        out.directory.shrink_to_fit();
        out
    }
}

impl Kind {
    fn letter(self) -> char {
        match self {
            Self::Own => 'o',
            Self::Provides => 'p',
            Self::Conditional => 'c',
        }
    }
}

/// The names of `a (= 1), b` and of `a=1 b`.
fn names(provides: &str) -> impl Iterator<Item = &str> {
    let is_end = |c: char| c.is_whitespace() || "(:=<>~,".contains(c);
    let debian = provides.contains(',') || provides.contains('(');
    let parts = provides.split(move |c: char| if debian { c == ',' } else { c.is_whitespace() });
    // apk's names have colons (`so:libz.so.1`), dpkg's have not.
    let end = move |part: &str| part.find(|c| is_end(c) && (debian || c != ':')).unwrap_or(part.len());
    parts.map(str::trim_start).map(move |part| &part[..end(part)]).filter(|name| !name.is_empty())
}

/// The kinds and offsets of a name's rows.
fn rows<'a>(directory: &'a str, name: &'a str) -> impl Iterator<Item = (char, usize)> + 'a {
    let bytes = directory.as_bytes();
    let key = |start: usize| {
        let row = &bytes[start..];
        &row[..memchr::memchr(b'\t', row).unwrap_or(row.len())]
    };
    let (mut low, mut high) = (0, bytes.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = memchr::memrchr(b'\n', &bytes[low..middle]).map_or(low, |at| low + at + 1);
        if key(start) < name.as_bytes() {
            low = memchr::memchr(b'\n', &bytes[middle..]).map_or(high, |at| middle + at + 1);
        } else {
            high = start;
        }
    }
    let lines = directory.get(low..).unwrap_or_default().lines();
    let lines = lines.map_while(move |line| line.strip_prefix(name)?.strip_prefix('\t'));
    lines.filter_map(|rest| Some((rest.chars().next()?, rest.get(1..)?.parse().ok()?)))
}

impl Record {
    /// Writes it in a form that [`Record::read`] reads.
    fn write(&self, out: &mut String) {
        let declared = &self.declared;
        let number = |value: u64| if value == 0 { String::new() } else { value.to_string() };
        let fields = [
            ('P', self.name.as_str()),
            ('V', &self.version),
            ('A', &self.architecture),
            ('c', &self.section),
            ('q', &self.priority),
            ('E', if self.essential { "yes" } else { "" }),
            ('I', &declared.installed_size.map(|size| size.to_string()).unwrap_or_default()),
            ('S', &number(self.wire)),
            ('L', &number(self.stanza)),
            ('k', &number(self.provider_priority)),
            ('m', &number(self.mentioned)),
            ('D', &declared.depends),
            ('R', &declared.recommends),
            ('U', &declared.suggests),
            ('p', &declared.provides),
            ('C', &declared.conflicts),
            ('i', &declared.install_if),
            ('M', &declared.multi_arch),
        ];
        for (letter, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            out.push(letter);
            out.push(':');
            out.push_str(value);
            out.push('\n');
        }
        out.push('\n');
    }

    /// The record that a text begins with.
    fn read(text: &str) -> Option<Self> {
        let mut out = Self::default();
        for line in text.lines().take_while(|line| !line.is_empty()) {
            out.set(line.chars().next()?, line.get(2..)?);
        }
        (!out.name.is_empty()).then_some(out)
    }

    fn set(&mut self, letter: char, value: &str) {
        let declared = &mut self.declared;
        let number = || value.parse().unwrap_or(0);
        let text = match letter {
            'P' => &mut self.name,
            'V' => &mut self.version,
            'A' => &mut self.architecture,
            'c' => &mut self.section,
            'q' => &mut self.priority,
            'D' => &mut declared.depends,
            'R' => &mut declared.recommends,
            'U' => &mut declared.suggests,
            'p' => &mut declared.provides,
            'C' => &mut declared.conflicts,
            'i' => &mut declared.install_if,
            'M' => &mut declared.multi_arch,
            'E' => return self.essential = true,
            'I' => return declared.installed_size = value.parse().ok(),
            'S' => return self.wire = number(),
            'L' => return self.stanza = number(),
            'k' => return self.provider_priority = number(),
            'm' => return self.mentioned = number(),
            _ => return,
        };
        value.clone_into(text);
    }

    /// A field of a stanza of `Packages`; its name in small letters. What is no part of a record goes to `rest`.
    fn set_field(&mut self, name: &str, value: &str, rest: &mut Rest) -> Result<(), String> {
        let declared = &mut self.declared;
        let text = match name {
            "depends" => &mut declared.depends,
            "pre-depends" => &mut rest.first,
            "replaces" | "enhances" => &mut rest.spoken_of,
            "conflicts" | "breaks" => &mut declared.conflicts,
            "recommends" | "suggests" | "provides" => return bounded(value).map(|value| self.set_plain(name, value)),
            _ => {
                self.set_plain(name, value);
                return Ok(());
            }
        };
        append(text, value);
        bounded(text).map(drop)
    }

    fn set_plain(&mut self, name: &str, value: &str) {
        let declared = &mut self.declared;
        match name {
            "package" => value.clone_into(&mut self.name),
            "version" => value.clone_into(&mut self.version),
            "architecture" => value.clone_into(&mut self.architecture),
            "section" => value.clone_into(&mut self.section),
            "priority" => value.clone_into(&mut self.priority),
            "essential" | "protected" => self.essential |= value.eq_ignore_ascii_case("yes"),
            "installed-size" => {
                declared.installed_size = value.parse().ok().and_then(|size: u64| size.checked_mul(1024));
            }
            "size" => self.wire = value.parse().unwrap_or(0),
            "recommends" => value.clone_into(&mut declared.recommends),
            "suggests" => value.clone_into(&mut declared.suggests),
            "provides" => value.clone_into(&mut declared.provides),
            "multi-arch" => value.clone_into(&mut declared.multi_arch),
            _ => {}
        }
    }

    /// Whether it can stand in an index: names and versions are words.
    fn is_whole(&self) -> bool {
        let word = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        word(&self.name) && word(&self.version)
    }
}

/// Fields of an index that dpkg's status does not have: they are of the archive.
const OF_THE_ARCHIVE: [&str; 8] = ["filename", "size", "md5sum", "sha1", "sha256", "sha512", "description-md5", "tag"];

/// `Status: install ok installed` and its line's end.
const STATUS_LINE: u64 = 29;

/// Reads a `Packages` file. Stanzas that are none are left out; a file with content and without a package is an error.
pub fn parse_packages(input: impl BufRead) -> Result<Index, String> {
    let mut records = Kept::default();
    let mut current = Record::default();
    let mut field = (String::new(), String::new());
    let mut rest = Rest::default();
    let mut any = false;
    read_lines(input, |line| {
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        let length = line.len() as u64 + 1;
        if folded {
            if !OF_THE_ARCHIVE.contains(&field.0.as_str()) {
                current.stanza += length;
                // A description is longer than what is read of it.
                if field.1.len() <= MAX_FIELD {
                    field.1.push(' ');
                    field.1.push_str(String::from_utf8_lossy(line).trim());
                }
            }
            return Ok(());
        }
        let (name, value) = std::mem::take(&mut field);
        current.set_field(&name, &value, &mut rest)?;
        if line.trim_ascii().is_empty() {
            return records.take_stanza(&mut current, &mut rest);
        }
        any = true;
        let Some(colon) = memchr::memchr(b':', line) else { return Ok(()) };
        let name = String::from_utf8_lossy(&line[..colon]).trim().to_ascii_lowercase();
        if !OF_THE_ARCHIVE.contains(&name.as_str()) {
            current.stanza += length;
        }
        field = (name, clean(&line[colon + 1..]));
        Ok(())
    })?;
    let (name, value) = field;
    current.set_field(&name, &value, &mut rest)?;
    records.take_stanza(&mut current, &mut rest)?;
    whole(records, any, "stanzas with `Package` and `Version`")
}

/// Reads an `APKINDEX`. Records that are none are left out; a file with content and without a package is an error.
pub fn parse_apkindex(input: impl BufRead) -> Result<Index, String> {
    let mut records = Kept::default();
    let mut current = Record::default();
    let mut any = false;
    read_lines(input, |line| {
        if line.trim_ascii().is_empty() {
            return records.take(&mut current, 0);
        }
        any = true;
        let (&[letter, b':', ref value @ ..], true) = (line, line.is_ascii() || std::str::from_utf8(line).is_ok())
        else {
            return Ok(());
        };
        current.stanza += line.len() as u64 + 1;
        // These mean something else there, or nothing here.
        if matches!(letter, b'P' | b'V' | b'A' | b'I' | b'S' | b'D' | b'p' | b'i' | b'k') {
            current.set(letter.into(), bounded(&clean(value))?);
        }
        Ok(())
    })?;
    records.take(&mut current, 0)?;
    whole(records, any, "records with `P:` and `V:`")
}

/// A value without what would end its line.
fn clean(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let text = text.trim();
    if text.contains(char::is_control) { text.replace(char::is_control, " ") } else { text.to_owned() }
}

fn append(text: &mut String, value: &str) {
    if !text.is_empty() {
        text.push_str(", ");
    }
    text.push_str(value);
}

fn bounded(value: &str) -> Result<&str, String> {
    match value.len() {
        0..=MAX_FIELD => Ok(value),
        _ => Err(format!("a field of a package is longer than {MAX_FIELD} bytes")),
    }
}

/// What a stanza says besides what a record keeps as it is.
#[derive(Default)]
struct Rest {
    /// `Pre-Depends`.
    first: String,
    /// `Replaces` and `Enhances`.
    spoken_of: String,
}

/// Records while they are read, and the memory that they take.
#[derive(Default)]
struct Kept {
    records: Vec<Record>,
    /// The names that were mentioned so far, and how many were before each.
    mentioned: FastMap<Box<str>, u64>,
    bytes: usize,
}

impl Kept {
    fn take(&mut self, current: &mut Record, more: u64) -> Result<(), String> {
        let mut record = std::mem::take(current);
        if record.is_whole() {
            record.stanza += more;
            self.bytes += record.memory();
            self.records.push(record);
        }
        match self.bytes {
            0..=MAX_KEPT => Ok(()),
            _ => Err(format!("what it has takes more than {MAX_KEPT} bytes of memory")),
        }
    }

    /// Takes a stanza of `Packages`; what it needs first comes first.
    fn take_stanza(&mut self, current: &mut Record, rest: &mut Rest) -> Result<(), String> {
        let Rest { first: mut depends, spoken_of } = std::mem::take(rest);
        if !depends.is_empty() {
            if !current.declared.depends.is_empty() {
                append(&mut depends, &current.declared.depends);
            }
            current.declared.depends = depends;
        }
        current.mentioned = self.mention(&current.name);
        let declared = &current.declared;
        let fields = [
            &declared.depends,
            &declared.conflicts,
            &declared.recommends,
            &declared.suggests,
            &spoken_of,
            &declared.provides,
        ];
        for relation in fields.into_iter().flat_map(|field| field.split([',', '|'])) {
            let relation = relation.trim_start();
            let name = &relation[..relation.find([' ', '(']).unwrap_or(relation.len())];
            // `name:any` is a name of its own to apt.
            self.mention(name);
        }
        self.take(current, STATUS_LINE)
    }

    /// Notes a name, and says how many were mentioned before it.
    fn mention(&mut self, name: &str) -> u64 {
        if let Some(&known) = self.mentioned.get(name) {
            return known;
        }
        let count = self.mentioned.len() as u64;
        self.bytes += name.len() + ROW;
        self.mentioned.insert(name.into(), count);
        count
    }
}

impl Record {
    /// What it takes while it is read and sorted, in bytes: twice, for a while, its texts.
    fn memory(&self) -> usize {
        let declared = &self.declared;
        let texts = [&self.name, &self.version, &self.architecture, &self.section, &self.priority];
        let relations =
            [&declared.depends, &declared.recommends, &declared.suggests, &declared.conflicts, &declared.install_if];
        let text: usize = texts.into_iter().chain(relations).chain([&declared.provides]).map(String::len).sum();
        let rows = declared.provides.bytes().filter(|byte| matches!(byte, b',' | b' ')).count() + 1;
        size_of::<Self>() + 2 * text + rows * ROW
    }
}

fn whole(records: Kept, any: bool, expected: &str) -> Result<Index, String> {
    match records.records.is_empty() && any {
        true => Err(format!("expected {expected}, found none")),
        false => Ok(Index::new(records.records)),
    }
}

/// Hands out the lines without their ends.
fn read_lines(mut input: impl BufRead, mut each: impl FnMut(&[u8]) -> Result<(), String>) -> Result<(), String> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        match read.map_err(|error| crate::base::Text::of(&error).to_string())? {
            0 => return Ok(()),
            length if length as u64 == MAX_LINE => return Err(format!("a line is longer than {MAX_LINE} bytes")),
            _ => {}
        }
        let end = line.strip_suffix(b"\n").unwrap_or(&line);
        each(end.strip_suffix(b"\r").unwrap_or(end))?;
    }
}
