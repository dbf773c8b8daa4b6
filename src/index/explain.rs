//! uv's words about a set that it could not resolve, as an error with the places of what it speaks of.
//!
//! uv explains conflicts well. Its sentences stay as they are; what is taken away is its decoration, the conclusion that
//! every explanation ends in, and secrets.

use super::gather::Root;
use super::request::RequestError;
use super::search::{Cause, cause_of, has_name};
use super::uv::{cut, shortened};
use crate::base::masked;
use crate::manifest::shown;
use crate::python::normalize_name;

/// The longest explanation, in characters: uv's may fill pages.
const LONGEST: usize = 1_200;

/// What a failure means.
pub(super) fn explain(stderr: &str, roots: &[&Root]) -> RequestError {
    let (explanation, suggestion) = told(stderr);
    match cause_of(stderr) {
        Cause::Away | Cause::Unreached => {
            return RequestError::Index { host: host(stderr), message: shortened(stderr) };
        }
        Cause::Other if !stderr.contains("No solution found") => return RequestError::Failed(shortened(stderr)),
        _ => {}
    }
    let asked: Vec<&&Root> =
        roots.iter().filter(|root| has_name(&explanation, &root.requirement.normalized())).collect();
    let missing = unknown_package(&explanation);
    let root = missing.as_ref().and_then(|name| asked.iter().find(|root| root.requirement.normalized() == *name));
    if let (Some(name), Some(root)) = (missing, root) {
        let message = format!("it is asked for as `{}`", shown(&root.requirement.line()));
        return RequestError::UnknownPackage { place: root.place.clone(), name, message, suggestion };
    }
    let mut lines: Vec<String> =
        asked.iter().map(|root| format!("{}: {}", root.place, shown(&root.requirement.line()))).collect();
    lines.dedup();
    RequestError::Unsatisfiable { explanation, asked: lines, suggestion }
}

/// The packages that have no wheel, as uv's hint names them.
pub(super) fn without_wheels(stderr: &str) -> Vec<String> {
    let words = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let hints = words.match_indices("Wheels are required for `").map(|(at, text)| &words[at + text.len()..]);
    let mut out: Vec<String> = hints.filter_map(|rest| rest.split('`').next()).map(normalize_name).collect();
    // Older ones have no such hint.
    for phrase in [" has no usable wheels", " have no usable wheels", " has no wheels", " have no wheels"] {
        for (at, _) in words.match_indices(phrase) {
            let word = words[..at].rsplit(' ').next().unwrap_or_default();
            let name = word.split(['=', '<', '>', '!', '~', '[']).next().unwrap_or_default();
            out.extend(crate::python::is_name(name).then(|| normalize_name(name)));
        }
    }
    out.sort();
    out.dedup();
    out
}

/// The explanation and the hints.
fn told(stderr: &str) -> (String, String) {
    let decoration = |c: char| c.is_whitespace() || "×╰─▶│├".contains(c);
    let (mut words, mut hints) = (Vec::new(), Vec::new());
    let mut in_hints = false;
    for line in stderr.lines().map(|line| line.trim_matches(decoration)).filter(|line| !line.is_empty()) {
        if line.starts_with("warning:") {
            continue;
        }
        in_hints |= line.starts_with("hint:");
        let line = line.trim_start_matches("error: ").trim_start_matches("cause: ").trim_start_matches("hint: ");
        let line = line.trim_start_matches("Caused by: ");
        if in_hints { &mut hints } else { &mut words }.push(line);
    }
    let text = words.join(" ");
    let text = text.strip_prefix("No solution found when resolving dependencies").unwrap_or(&text);
    let text = text.trim_start_matches([':', ' ']);
    let conclusion = ", we can conclude that your requirements are unsatisfiable.";
    let text = text.strip_suffix(conclusion).map_or_else(|| text.to_owned(), |text| format!("{text}."));
    // What is forbidden here is no advice.
    let hints: Vec<&str> = hints.into_iter().filter(|hint| !hint.starts_with("Wheels are required")).collect();
    (cut(&masked(&text), LONGEST), cut(&masked(&hints.join(" ")), 400))
}

/// The package that no index has, if that is what is wrong.
fn unknown_package(explanation: &str) -> Option<String> {
    let at = [" was not found in the", " were not found in the"].iter().find_map(|phrase| explanation.find(phrase))?;
    let name = explanation[..at].rsplit(' ').next()?.trim_matches('`');
    crate::python::is_name(name).then(|| normalize_name(name))
}

/// The host that a failure speaks of first.
fn host(stderr: &str) -> String {
    let url = stderr.split_once("://").map_or("", |(_, rest)| rest);
    let authority =
        url.split(|c: char| c == '/' || c.is_whitespace() || "`)\"'".contains(c)).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.is_empty() { "that is configured".into() } else { cut(host, 100) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse_requirement_line;

    fn root(line: &str, at: usize) -> Root {
        Root { requirement: parse_requirement_line(line).expect("a requirement"), place: format!("r.txt:{at}") }
    }

    #[test]
    fn a_conflict_names_what_asks_for_it() {
        let stderr = "error: No solution found when resolving dependencies\n  cause: Because flask==2.0.0 depends on \
                      werkzeug>=2.0 and you require flask==2.0, we can conclude that you require werkzeug>=2.0.\n         \
                      And because you require werkzeug<1, we can conclude that your requirements are unsatisfiable.\n";
        let roots = [root("flask==2.0", 1), root("werkzeug<1", 2), root("six", 3)];
        let error = explain(stderr, &roots.iter().collect::<Vec<_>>());
        assert!(error.is_configuration());
        assert_eq!(
            error.to_string(),
            "the requirements cannot be met together: Because flask==2.0.0 depends on werkzeug>=2.0 and you require \
             flask==2.0, we can conclude that you require werkzeug>=2.0. And because you require werkzeug<1.\n  \
             r.txt:1: flask==2.0\n  r.txt:2: werkzeug<1"
        );
        let old = "  × No solution found when resolving dependencies:\n  ╰─▶ Because nope was not found in the\n      package \
                   registry and you require nope, we can conclude that your requirements are unsatisfiable.\n";
        let error = explain(old, &[&root("nope", 7)]);
        assert_eq!(error.to_string(), "r.txt:7: no package index has `nope`: it is asked for as `nope`");
    }

    #[test]
    fn what_has_no_wheel_is_named() {
        let new = "cause: Because all versions of a-b have no usable wheels and you require a-b\n\nhint: Wheels are required \
                   for `a-b` because building\n";
        assert_eq!(without_wheels(new), ["a-b"]);
        assert_eq!(without_wheels("Because x==1.0 has no usable wheels and"), ["x"]);
        assert_eq!(without_wheels("Because x is not there"), Vec::<String>::new());
    }

    #[test]
    fn an_index_that_is_away_is_told_by_its_host() {
        let stderr =
            "error: Failed to fetch: http://u:hunter2@127.0.0.1:9/simple/x/\n  cause: client error (Connect)\n";
        let error = explain(stderr, &[]);
        assert!(!error.is_configuration() && !error.to_string().contains("hunter2"));
        assert!(error.to_string().starts_with("the package index 127.0.0.1:9 could not be asked"), "{error}");
    }
}
