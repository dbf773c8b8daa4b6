//! A TOML file whose values know their lines.

use super::shown;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A TOML file.
pub(crate) struct Document<'t> {
    text: &'t str,
    root: DeTable<'t>,
}

/// A value of a [`Document`].
#[derive(Clone, Copy)]
pub(crate) struct Node<'d> {
    text: &'d str,
    value: &'d Spanned<DeValue<'d>>,
}

/// A table of a [`Document`].
#[derive(Clone, Copy)]
pub(crate) struct Table<'d> {
    text: &'d str,
    table: &'d DeTable<'d>,
}

impl<'t> Document<'t> {
    /// What of the file can be read, and what is wrong with it: the line, from 1, and the parser's words.
    pub(crate) fn read(text: &'t str) -> (Self, Option<(usize, String)>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let error = errors.first().map(|error| {
            let line = error.span().map_or(0, |span| line_of(text, span.start));
            (line, shown(error.message()))
        });
        (Self { text, root: table.into_inner() }, error)
    }

    /// The whole file, where all of it can be read.
    ///
    /// # Errors
    ///
    /// It is no TOML: line and words.
    pub(crate) fn parse(text: &'t str) -> Result<Self, String> {
        match Self::read(text) {
            (_, Some((line, message))) => Err(format!("line {line}: {message}")),
            (document, None) => Ok(document),
        }
    }

    /// Its outermost table.
    pub(crate) fn root(&self) -> Table<'_> {
        Table { text: self.text, table: &self.root }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..at.min(text.len())]).count()
}

impl<'d> Table<'d> {
    /// The value of a key.
    pub(crate) fn get(self, key: &str) -> Option<Node<'d>> {
        Some(Node { text: self.text, value: self.table.get(key)? })
    }

    /// The string of a key.
    pub(crate) fn text(self, key: &str) -> Option<&'d str> {
        self.get(key)?.as_str()
    }

    /// The boolean of a key.
    pub(crate) fn flag(self, key: &str) -> Option<bool> {
        self.get(key)?.value.get_ref().as_bool()
    }

    /// The table of a key.
    pub(crate) fn table(self, key: &str) -> Option<Table<'d>> {
        self.get(key)?.as_table()
    }

    /// The values of a list of a key; none where it is no list.
    pub(crate) fn list(self, key: &str) -> Vec<Node<'d>> {
        self.get(key).map(Node::items).unwrap_or_default()
    }

    /// The strings of a key: of a list, or the one.
    pub(crate) fn texts(self, key: &str) -> Vec<&'d str> {
        self.get(key).map(Node::texts).unwrap_or_default()
    }

    /// Keys and values, in the file's order.
    pub(crate) fn pairs(self) -> Vec<(&'d str, Node<'d>)> {
        let mut rows: Vec<_> = self.table.iter().collect();
        rows.sort_by_key(|(key, _)| key.span().start);
        rows.into_iter().map(|(key, value)| (key.get_ref().as_ref(), Node { text: self.text, value })).collect()
    }
}

impl<'d> Node<'d> {
    /// Its line in the file, from 1.
    pub(crate) fn line(self) -> usize {
        line_of(self.text, self.value.span().start)
    }

    /// The string.
    pub(crate) fn as_str(self) -> Option<&'d str> {
        self.value.get_ref().as_str()
    }

    /// The whole number.
    pub(crate) fn as_integer(self) -> Option<i64> {
        let number = self.value.get_ref().as_integer()?;
        i64::from_str_radix(number.as_str(), number.radix()).ok()
    }

    /// The table.
    pub(crate) fn as_table(self) -> Option<Table<'d>> {
        Some(Table { text: self.text, table: self.value.get_ref().as_table()? })
    }

    /// The table, and its line.
    pub(crate) fn as_table_at(self) -> Option<(Table<'d>, usize)> {
        Some((self.as_table()?, self.line()))
    }

    /// The values of a list; none where it is no list.
    pub(crate) fn items(self) -> Vec<Node<'d>> {
        let list = self.value.get_ref().as_array().into_iter().flat_map(|list| list.iter());
        list.map(|value| Node { text: self.text, value }).collect()
    }

    /// The values of a list, or the one.
    pub(crate) fn each(self) -> Vec<Node<'d>> {
        if self.value.get_ref().is_array() { self.items() } else { vec![self] }
    }

    /// The strings of a list, or the one.
    pub(crate) fn texts(self) -> Vec<&'d str> {
        self.each().into_iter().filter_map(Node::as_str).collect()
    }

    /// Whether both say the same.
    pub(crate) fn is_same(self, other: Self) -> bool {
        match (self.value.get_ref(), other.value.get_ref()) {
            (DeValue::Table(_), DeValue::Table(_)) => {
                let pairs = |node: Node<'d>| node.as_table().map(Table::pairs).unwrap_or_default();
                let (one, two) = (pairs(self), pairs(other));
                let same = |(key, value): (&str, Node<'d>)| {
                    two.iter().any(|(other, found)| *other == key && value.is_same(*found))
                };
                one.len() == two.len() && one.into_iter().all(same)
            }
            (DeValue::Array(_), DeValue::Array(_)) => {
                let (one, two) = (self.items(), other.items());
                one.len() == two.len() && one.into_iter().zip(two).all(|(one, two)| one.is_same(two))
            }
            (one, two) => {
                one.same_type(two) && one.as_str() == two.as_str() && one.as_bool() == two.as_bool() && {
                    self.as_integer() == other.as_integer()
                }
            }
        }
    }
}
