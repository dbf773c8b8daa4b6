//! Requirements of packages: names, and versions that will do.
//!
//! Source: Debian Policy 7.1 (syntax of relationship fields), 7.5 (versioned `Provides`); apk-world(5), apk-package(5).

use super::version::{begins_alpine, compare};
use crate::os::PackageManager;
use std::cmp::Ordering;

/// How a version has to stand to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<<`; apk's `<`.
    Earlier,
    /// `<=`; dpkg's old `<`.
    EarlierOrEqual,
    /// `=`.
    Equal,
    /// `>=`; dpkg's old `>`.
    LaterOrEqual,
    /// `>>`; apk's `>`.
    Later,
    /// apk's `~`: it begins so.
    Begins,
}

/// One name of a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// A package's name, or one that packages provide.
    pub name: String,
    /// Behind a colon: `any`, `native` or an architecture.
    pub architecture: Option<String>,
    /// The version that will do; none for any.
    pub version: Option<(Operator, String)>,
}

/// A name that a package stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provided {
    /// The name.
    pub name: String,
    /// Its version, where the package tells one.
    pub version: Option<String>,
}

impl Relation {
    /// Whether a version will do.
    pub fn is_met_by(&self, manager: PackageManager, version: &str) -> bool {
        let Some((operator, wanted)) = &self.version else { return true };
        let order = || compare(manager, version, wanted);
        match operator {
            Operator::Earlier => order() == Ordering::Less,
            Operator::EarlierOrEqual => order() != Ordering::Greater,
            Operator::Equal => order() == Ordering::Equal,
            Operator::LaterOrEqual => order() != Ordering::Less,
            Operator::Later => order() == Ordering::Greater,
            Operator::Begins => begins_alpine(version, wanted),
        }
    }

    /// Whether something that is provided will do: where a version is asked for, one must be told.
    pub fn is_met_by_provided(&self, manager: PackageManager, provided: &Provided) -> bool {
        let fits = |version: &String| self.is_met_by(manager, version);
        provided.name == self.name && (self.version.is_none() || provided.version.as_ref().is_some_and(fits))
    }
}

/// As a person writes it.
impl std::fmt::Display for Relation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::base::Text::from(&self.name))?;
        let Some((operator, version)) = &self.version else { return Ok(()) };
        let operator = match operator {
            Operator::Earlier => "<<",
            Operator::EarlierOrEqual => "<=",
            Operator::Equal => "=",
            Operator::LaterOrEqual => ">=",
            Operator::Later => ">>",
            Operator::Begins => "~",
        };
        write!(f, " ({operator} {})", crate::base::Text::from(version))
    }
}

/// `a (>= 1) | b:any, c` as `[[a, b], [c]]`. What has no name is left out.
pub fn parse_debian(field: &str) -> Vec<Vec<Relation>> {
    let groups = field.split(',').map(|group| group.split('|').filter_map(debian_relation).collect::<Vec<_>>());
    groups.filter(|group| !group.is_empty()).collect()
}

fn debian_relation(text: &str) -> Option<Relation> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_whitespace() || "(:[<".contains(c)).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let mut architecture = None;
    if let Some(behind) = rest.strip_prefix(':') {
        let end = behind.find(|c: char| c.is_whitespace() || "([<".contains(c)).unwrap_or(behind.len());
        architecture = Some(behind[..end].to_owned());
        rest = &behind[end..];
    }
    let inside = rest.trim_start().strip_prefix('(').and_then(|rest| rest.split(')').next());
    let version = inside.map(|inside| {
        let inside = inside.trim();
        let end = inside.find(|c: char| !"<>=".contains(c)).unwrap_or(inside.len());
        let operator = match &inside[..end] {
            "<<" => Operator::Earlier,
            "<=" | "<" => Operator::EarlierOrEqual,
            ">=" | ">" => Operator::LaterOrEqual,
            ">>" => Operator::Later,
            _ => Operator::Equal,
        };
        (operator, inside[end..].trim().to_owned())
    });
    (!name.is_empty()).then(|| Relation { name: name.to_owned(), architecture, version })
}

/// `Provides` of dpkg.
pub fn parse_debian_provides(field: &str) -> Vec<Provided> {
    let provided = |relation: Relation| Provided {
        name: relation.name,
        version: relation.version.filter(|(operator, _)| *operator == Operator::Equal).map(|(_, version)| version),
    };
    field.split(',').filter_map(debian_relation).map(provided).collect()
}

/// apk's `a>=1 so:libz.so.1 !b`: what is required, and what must not be there.
pub fn parse_alpine(field: &str) -> (Vec<Relation>, Vec<Relation>) {
    let (mut required, mut conflicts) = (Vec::new(), Vec::new());
    for word in field.split_whitespace() {
        let (list, word) = match word.strip_prefix('!') {
            Some(word) => (&mut conflicts, word),
            None => (&mut required, word),
        };
        list.extend(alpine_relation(word));
    }
    (required, conflicts)
}

/// One word of apk's: `py3-pip~=23`. What stands behind `@` is left out.
pub fn alpine_relation(word: &str) -> Option<Relation> {
    let end = word.find(|c: char| "<>=~@".contains(c)).unwrap_or(word.len());
    let (name, rest) = word.split_at(end);
    let operator_end = rest.find(|c: char| !"<>=~".contains(c)).unwrap_or(rest.len());
    let version = rest[operator_end..].split('@').next().unwrap_or_default().to_owned();
    let operator = match &rest[..operator_end] {
        "" | "><" => None,
        "<" => Some(Operator::Earlier),
        "<=" => Some(Operator::EarlierOrEqual),
        ">" => Some(Operator::Later),
        ">=" => Some(Operator::LaterOrEqual),
        with_tilde if with_tilde.contains('~') => Some(Operator::Begins),
        _ => Some(Operator::Equal),
    };
    let version = operator.filter(|_| !version.is_empty()).map(|operator| (operator, version));
    (!name.is_empty()).then(|| Relation { name: name.to_owned(), architecture: None, version })
}

/// `p:` of apk.
pub fn parse_alpine_provides(field: &str) -> Vec<Provided> {
    let provided =
        |relation: Relation| Provided { name: relation.name, version: relation.version.map(|(_, version)| version) };
    field.split_whitespace().filter_map(alpine_relation).map(provided).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_keep_alternatives_and_versions() {
        let groups = parse_debian("a (>= 1:2~x) | b:any, c:amd64 (<<3) [linux-any], , d (= 1), e (> 1)");
        let shown: Vec<Vec<String>> =
            groups.iter().map(|group| group.iter().map(Relation::to_string).collect()).collect();
        assert_eq!(shown, [vec!["a (>= 1:2~x)", "b"], vec!["c (<< 3)"], vec!["d (= 1)"], vec!["e (>= 1)"]]);
        assert_eq!(groups[1][0].architecture.as_deref(), Some("amd64"));
        let (required, conflicts) = parse_alpine("so:libz.so.1 py3-pip~=23 a>=1-r0 !b<2 c@edge /bin/sh");
        let shown: Vec<String> = required.iter().chain(&conflicts).map(Relation::to_string).collect();
        assert_eq!(shown, ["so:libz.so.1", "py3-pip (~ 23)", "a (>= 1-r0)", "c", "/bin/sh", "b (<< 2)"]);
    }

    #[test]
    fn a_name_without_a_version_is_no_version() {
        let provides = parse_debian_provides("mail-agent, libx (= 2)");
        let wanted = |field: &str| parse_debian(field)[0][0].clone();
        let met = |field: &str| provides.iter().any(|one| wanted(field).is_met_by_provided(PackageManager::Dpkg, one));
        assert!(met("mail-agent") && met("libx (>= 1)"));
        assert!(!met("mail-agent (>= 1)") && !met("libx (>= 3)"));
    }
}
