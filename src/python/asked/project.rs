//! Project files. Source: "pyproject.toml specification" and "Dependency groups" (PEP 735) of the packaging
//! specifications; Poetry's "The pyproject.toml file"; pdm's and uv's development groups; setuptools' `setup.cfg`;
//! pipenv's `Pipfile`.

use super::{AskedFor, lines};
use crate::base::escape_str;
use crate::python::normalize_name;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A TOML file, and where its lines begin.
pub(super) struct Document<'t> {
    text: &'t str,
    shown: &'t str,
}

impl<'t> Document<'t> {
    /// Calls `read` with what of the file can be read.
    pub(super) fn read(content: &'t [u8], shown: &'t str, read: impl FnOnce(&Self, &DeTable<'_>)) {
        let Ok(text) = std::str::from_utf8(content) else { return };
        let document = Document { text, shown };
        let (table, _) = DeTable::parse_recoverable(text);
        read(&document, table.get_ref());
    }

    /// `/app/pyproject.toml, line 3`, with a word about where in it.
    pub(super) fn source(&self, at: usize, group: &str) -> String {
        let line = self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        match group {
            "" => format!("{}, line {line}", self.shown),
            group => format!("{}, line {line} ({})", self.shown, escape_str(group)),
        }
    }

    /// A list of PEP 508 requirements.
    fn list(&self, value: Option<&Spanned<DeValue<'_>>>, group: &str, out: &mut Vec<AskedFor>) {
        for item in value.and_then(|value| value.get_ref().as_array()).into_iter().flat_map(|items| items.iter()) {
            if let Some(text) = item.get_ref().as_str() {
                out.extend(lines::parse_requirement(text, &self.source(item.span().start, group)));
            }
        }
    }

    /// Lists by group or extra.
    fn groups(&self, value: Option<&Spanned<DeValue<'_>>>, what: &str, out: &mut Vec<AskedFor>) {
        for (name, list) in table(value).into_iter().flat_map(|table| table.iter()) {
            self.list(Some(list), &format!("{what} {}", name.get_ref()), out);
        }
    }

    /// Names with a version or a table, as Poetry and pipenv write them.
    fn named(&self, value: Option<&Spanned<DeValue<'_>>>, group: &str, out: &mut Vec<AskedFor>) {
        let mut rows: Vec<_> = table(value).into_iter().flat_map(|table| table.iter()).collect();
        rows.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in rows {
            let written = name.get_ref();
            if written == "python" {
                continue;
            }
            let extras = field(value.get_ref(), "extras").and_then(DeValue::as_array);
            let extras = extras.into_iter().flat_map(|extras| extras.iter());
            let mut extras: Vec<String> =
                extras.filter_map(|extra| extra.get_ref().as_str().map(normalize_name)).collect();
            extras.sort();
            // Poetry's own operators (`^1.2`) are no version specifiers of PEP 440: they are left to the lock.
            let version = value.get_ref().as_str().or(field(value.get_ref(), "version").and_then(DeValue::as_str));
            let standard =
                version.filter(|version| version.starts_with(['=', '<', '>', '!', '~']) && !version.contains("||"));
            let specifiers: String = standard.unwrap_or_default().split_whitespace().collect();
            out.extend(lines::parse_requirement(written, &self.source(name.span().start, group)).map(|asked| {
                AskedFor {
                    extras,
                    specifiers: if specifiers.starts_with("~") && !specifiers.starts_with("~=") {
                        String::new()
                    } else {
                        escape_str(&specifiers)
                    },
                    ..asked
                }
            }));
        }
    }
}

/// A value of a table, by its key.
pub(super) fn field<'v, 't>(value: &'v DeValue<'t>, key: &str) -> Option<&'v DeValue<'t>> {
    value.as_table()?.get(key).map(Spanned::get_ref)
}

fn table<'v, 't>(value: Option<&'v Spanned<DeValue<'t>>>) -> Option<&'v DeTable<'t>> {
    value.and_then(|value| value.get_ref().as_table())
}

/// The value at a path of keys.
pub(super) fn at<'v, 't>(table: &'v DeTable<'t>, path: &[&str]) -> Option<&'v Spanned<DeValue<'t>>> {
    let (first, rest) = path.split_first()?;
    let mut value = table.get(*first)?;
    for key in rest {
        value = value.get_ref().as_table()?.get(*key)?;
    }
    Some(value)
}

/// Dependencies of the project, its extras and its groups.
pub(super) fn pyproject(content: &[u8], shown: &str, out: &mut Vec<AskedFor>) {
    Document::read(content, shown, |document, root| {
        document.list(at(root, &["project", "dependencies"]), "", out);
        document.named(at(root, &["tool", "poetry", "dependencies"]), "", out);
        document.groups(at(root, &["project", "optional-dependencies"]), "extra", out);
        document.groups(at(root, &["dependency-groups"]), "group", out);
        document.groups(at(root, &["tool", "pdm", "dev-dependencies"]), "group", out);
        document.list(at(root, &["tool", "uv", "dev-dependencies"]), "group dev", out);
        document.named(at(root, &["tool", "poetry", "dev-dependencies"]), "group dev", out);
        for (name, group) in table(at(root, &["tool", "poetry", "group"])).into_iter().flat_map(|groups| groups.iter())
        {
            let dependencies = group.get_ref().as_table().and_then(|group| group.get("dependencies"));
            document.named(dependencies, &format!("group {}", name.get_ref()), out);
        }
    });
}

/// `[packages]` and `[dev-packages]`.
pub(super) fn pipfile(content: &[u8], shown: &str, out: &mut Vec<AskedFor>) {
    Document::read(content, shown, |document, root| {
        document.named(at(root, &["packages"]), "", out);
        document.named(at(root, &["dev-packages"]), "dev-packages", out);
    });
}

/// `install_requires` of `[options]`.
pub(super) fn setup_cfg(content: &[u8], shown: &str, out: &mut Vec<AskedFor>) {
    let text = String::from_utf8_lossy(content);
    let (mut in_options, mut in_list) = (false, false);
    for (number, line) in text.lines().enumerate() {
        let source = || format!("{shown}, line {}", number + 1);
        if line.starts_with('[') {
            (in_options, in_list) = (line.trim() == "[options]", false);
        } else if in_options && !line.starts_with([' ', '\t']) {
            let (key, value) = line.split_once('=').unwrap_or_default();
            in_list = key.trim() == "install_requires";
            if in_list {
                out.extend(lines::parse_requirement(value, &source()));
            }
        } else if in_list {
            out.extend(lines::parse_requirement(line, &source()));
        }
    }
}
