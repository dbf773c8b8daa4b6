//! What Python source imports and uses, with lines: the evidence for or against a swap of distributions.
//!
//! Source is parsed and never run. The application's own files are parsed whole ([`application`]): every import,
//! every dotted use of what is imported, and the few signs of a device that have no module in them (`.cuda()`,
//! `device="cuda:0"`, `gpu=True`). Files of installed distributions are many and large: of them ([`library`]) only
//! the names that they import are looked for, and those that speak of a few modules ([`library::WORDS`]) are parsed.
//! What is found is kept as text, a line a sign ([`encode`], [`decode`]), in place of the source.
//!
//! What cannot be seen: modules whose names are made at run time ([`Kind::Dynamic`] says where), names that
//! another file bound, and what compiled modules do. A condition that asks for a GPU guards what it decides
//! about; whether it holds is not known.
//!
//! Bounds: a file has at most [`MAX_BYTES`], its expressions are at most so deep that no stack overflows
//! (`bounds`), and it gives at most [`MAX_SIGNS`].
//!
//! Source: The Python Language Reference, "Simple statements: import" and "Expressions"; the library reference of
//! `importlib` and of `typing.TYPE_CHECKING`.

mod bounds;
mod library;
mod names;
pub mod settings;
mod text;
mod visit;

use library::is_standard;
pub use library::{WORDS, library};
pub use text::{decode, encode};

/// Larger files are not read: people do not write such, and what generates them imports little.
pub const MAX_BYTES: usize = 4 << 20;
/// Signs of one file.
pub const MAX_SIGNS: usize = 2_000;

/// One thing that a file does, and where it does it first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sign {
    /// What.
    pub kind: Kind,
    /// The module, the dotted name, the method, the string; for what is not read, why.
    pub name: String,
    /// Whether a `try` stands around the import, or a condition about a GPU around the use.
    pub guarded: bool,
    /// The line, from 1.
    pub line: u32,
}

/// The kinds of sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `import a.b`, `from a.b import c`, `import_module("a.b")`: the module; a relative one begins with dots.
    Import,
    /// `a.b.c`, where `a` was imported, by the name it has in its own module.
    Use,
    /// A method of something that is not known: `x.cuda()`.
    Call,
    /// A string that names a device or a provider, and is compared with nothing: `cuda:0`.
    Text,
    /// An argument that is true, and whose name speaks of a GPU: `gpu=True`.
    Flag,
    /// A string that may name a module: `"a.b"`, and what `INSTALLED_APPS` lists.
    Name,
    /// An import whose name is made at run time.
    Dynamic,
    /// A library of the system that is opened: `ctypes.CDLL("libGL.so.1")`, `find_library("GL")`; [`ANY_LIBRARY`] where
    /// the name is made at run time.
    Library,
    /// The file was not read; the name says why.
    Unread,
    /// An import of something that is not Python's own which runs when the file is loaded: `a`, `a.b` of `from a import b`.
    Early,
    /// The same within a function, or a lazy one (PEP 810): it runs when it is needed, if ever.
    Late,
}

/// The name of a library whose name is made at run time.
pub const ANY_LIBRARY: &str = "*";

/// The signs of one of the application's own files, sorted, each kind and name once or (guarded) twice.
pub fn application(source: &[u8]) -> Vec<Sign> {
    match bounds::parse(source) {
        Ok(module) => module,
        Err(why) => vec![Sign { kind: Kind::Unread, name: why.to_owned(), guarded: false, line: 1 }],
    }
}

/// Sorted, with the first line of each, and not too many.
fn settle(mut signs: Vec<Sign>) -> Vec<Sign> {
    signs.sort_unstable();
    signs.dedup_by(|next, first| (next.kind, &next.name, next.guarded) == (first.kind, &first.name, first.guarded));
    signs.truncate(MAX_SIGNS);
    signs
}
