//! Files of installed distributions: tens of thousands. Which distributions they import is read off their lines,
//! and only those that speak of what rules ask about are parsed.

use super::{Kind, MAX_BYTES, Sign, application, settle};
use memchr::memmem;
use std::collections::HashSet;
use std::sync::OnceLock;

/// A file that has none of these in it is not parsed. They are what built-in rules ask of libraries.
pub const WORDS: [&str; 8] =
    ["cv2", "ExecutionProvider", "faiss", "cupy", "CDLL", "find_library", "LoadLibrary", "dlopen"];

/// Dotted uses of other modules say nothing that a rule asks for.
const ROOTS: [&str; 4] = ["cv2", "onnxruntime", "faiss", "cupy"];

/// The signs of a library's file: the names at the top of what it imports, but for its `own` and those of Python's
/// own library, and uses of a few modules. Sorted.
pub fn library(source: &[u8], own: &str) -> Vec<Sign> {
    if source.len() > MAX_BYTES {
        return Vec::new();
    }
    let foreign = |name: &str| name != own && !is_standard(name) && !name.is_empty();
    let mut signs: Vec<Sign> = Vec::new();
    for (at, name) in imported(source).filter(|(_, name)| foreign(name)) {
        if !signs.iter().any(|sign| sign.name == name) {
            let line = memchr::memchr_iter(b'\n', &source[..at]).count() as u32 + 1;
            signs.push(Sign { kind: Kind::Import, name: name.to_owned(), guarded: false, line });
        }
    }
    if WORDS.iter().any(|word| memmem::find(source, word.as_bytes()).is_some()) {
        let wanted = |sign: &Sign| match sign.kind {
            Kind::Use => {
                let top = sign.name.split('.').next().unwrap_or_default();
                ROOTS.contains(&top) && foreign(top)
            }
            Kind::Text => sign.name.ends_with("ExecutionProvider"),
            Kind::Library => true,
            _ => false,
        };
        signs.extend(application(source).into_iter().filter(wanted));
    }
    settle(signs)
}

/// Where modules are imported by name, and their first components. A line of a docstring that looks like an import
/// is taken for one.
fn imported(source: &[u8]) -> impl Iterator<Item = (usize, &str)> {
    let by_statement = memmem::find_iter(source, b"import").flat_map(|at| {
        let start = memchr::memrchr(b'\n', &source[..at]).map_or(0, |end| end + 1);
        let end = memchr::memchr(b'\n', &source[at..]).map_or(source.len(), |end| at + end);
        statement(&source[start..end], at - start).into_iter().map(move |name| (at, name))
    });
    let by_call = [&b"import_module("[..], b"__import__("].into_iter().flat_map(move |call| {
        memmem::find_iter(source, call).filter_map(move |at| Some((at, quoted(&source[at + call.len()..])?)))
    });
    by_statement.chain(by_call)
}

/// What a line imports, of which the word `import` stands at `at`.
fn statement(line: &[u8], at: usize) -> Vec<&str> {
    let (before, after) = (line[..at].trim_ascii(), &line[at + b"import".len()..]);
    if !after.first().is_some_and(|&byte| byte == b' ' || byte == b'\t' || byte == b'(' || byte == b'*') {
        return Vec::new();
    }
    if before.is_empty() {
        let parts = after.split(|&byte| byte == b',');
        return parts.filter_map(|part| top(part.trim_ascii())).collect();
    }
    // Behind a colon or a semicolon on the same line, too.
    let before = before.rsplit(|&byte| byte == b';' || byte == b':').next().unwrap_or_default().trim_ascii();
    match before.strip_prefix(b"from ") {
        Some(module) => top(module.trim_ascii()).into_iter().collect(),
        None if before.is_empty() => top(after.trim_ascii()).into_iter().collect(),
        None => Vec::new(),
    }
}

/// `a` of `a.b as c`; nothing of a relative name, or of what is no name.
fn top(text: &[u8]) -> Option<&str> {
    let end = text.iter().position(|&byte| !(byte.is_ascii_alphanumeric() || byte == b'_')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let goes_on = rest.first().is_none_or(|byte| matches!(byte, b'.' | b' ' | b'\t' | b'\r' | b';' | b'#' | b'\\'));
    let is_name = name.first().is_some_and(|byte| !byte.is_ascii_digit());
    std::str::from_utf8(name).ok().filter(|name| goes_on && is_name && name.len() <= 80)
}

/// `a` of `"a.b")`.
fn quoted(text: &[u8]) -> Option<&str> {
    let text = text.trim_ascii_start();
    let quote = *text.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let end = text[1..].iter().take(100).position(|&byte| byte == quote)?;
    top(&text[1..=end])
}

/// The modules of Python's own library, of any version since 3.9 ("The Python Standard Library", Python Module Index).
const STANDARD: &str = "__future__ abc aifc argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii bisect \
    builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys compileall \
    concurrent configparser contextlib contextvars copy copyreg crypt csv ctypes curses dataclasses datetime dbm \
    decimal difflib dis distutils doctest email encodings ensurepip enum errno faulthandler fcntl filecmp \
    fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass gettext glob graphlib grp gzip \
    hashlib heapq hmac html http imaplib imghdr imp importlib inspect io ipaddress itertools json keyword lib2to3 \
    linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt \
    multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev pathlib \
    pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd \
    py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy \
    sched secrets select selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd \
    sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string stringprep struct subprocess sunau \
    symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap threading time timeit \
    tkinter token tokenize tomllib trace traceback tracemalloc tty turtle types typing unicodedata unittest urllib \
    uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile \
    zipimport zlib zoneinfo";

pub(super) fn is_standard(name: &str) -> bool {
    static NAMES: OnceLock<HashSet<&str>> = OnceLock::new();
    NAMES.get_or_init(|| STANDARD.split_whitespace().collect()).contains(name)
}
