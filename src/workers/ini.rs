//! Files of sections with keys: uWSGI's, supervisord's, circus'. A key may stand several times.
//!
//! Source: uwsgi-docs, "Configuring uWSGI"; supervisor's "Configuration File"; Python's `configparser`, which reads it.

/// Sections with their keys, in order.
pub(super) struct Ini(Vec<(String, Vec<(String, String)>)>);

impl Ini {
    /// Reads a file. Lines that are neither a section, a key nor more of the value before are passed over.
    pub(super) fn read(text: &str) -> Self {
        let mut sections: Vec<(String, Vec<(String, String)>)> = Vec::new();
        for line in text.lines() {
            let is_more = line.starts_with([' ', '\t']);
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let line = line.split(" ;").next().unwrap_or(line).trim_end();
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                sections.push((name.0.trim().to_owned(), Vec::new()));
                continue;
            }
            let Some((_, keys)) = sections.last_mut() else { continue };
            match (line.split_once(['=', ':']), keys.last_mut()) {
                // A line that is set in goes on with the value before it, where that is no key of its own.
                (found, Some((_, value))) if is_more && found.is_none_or(|(key, _)| !is_key(key)) => {
                    value.push(' ');
                    value.push_str(line);
                }
                (Some((key, value)), _) => keys.push((key.trim().to_owned(), value.trim().to_owned())),
                (None, _) => keys.push((line.to_owned(), "true".to_owned())),
            }
        }
        Self(sections)
    }

    /// The sections whose name begins so, with what is behind it.
    pub(super) fn sections<'i>(&'i self, prefix: &'i str) -> impl Iterator<Item = (&'i str, Section<'i>)> + 'i {
        let found = self.0.iter().filter_map(move |(name, keys)| Some((name.strip_prefix(prefix)?, keys)));
        found.map(|(name, keys)| (name, Section(keys)))
    }
}

fn is_key(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// A section.
#[derive(Clone, Copy)]
pub(super) struct Section<'i>(&'i [(String, String)]);

impl<'i> Section<'i> {
    /// The last value of a key that has one of these names.
    pub(super) fn get(self, names: &[&str]) -> Option<&'i str> {
        self.0.iter().rev().find(|(key, _)| names.contains(&key.as_str())).map(|(_, value)| value.as_str())
    }

    /// All values of a key.
    pub(super) fn all(self, name: &'static str) -> impl Iterator<Item = &'i str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
