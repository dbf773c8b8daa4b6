//! What bounds a set: constraints and overrides, by the rules that hold for what is asked for itself.
//!
//! Only what an index has, or a wheel at a URL of HTTP or HTTPS, is handed to uv. Whatever is bound to a repository of a
//! version control system, to an archive, a file or a folder is kept apart with its line: nothing is looked up there, and
//! what is taken from it is not known.

use super::gather::Root;
use super::request::RequestError;
use crate::http::{Reach, causes, client, is_loopback, may_speak};
use crate::manifest::Markers;
use crate::manifest::{LineKind, Requirement, parse_requirements_file};
use crate::python::is_name;
use reqwest::Url;
use std::io::Read as _;
use std::time::{Duration, Instant};

/// Larger files of constraints are not read from a server, in bytes.
const MOST: u64 = 4 << 20;

/// How long a server may send nothing.
const IDLE: Duration = Duration::from_secs(20);

/// What bounds a set.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    /// Constraints for uv.
    pub constraints: Vec<Root>,
    /// Overrides for uv.
    pub overrides: Vec<Root>,
    /// Those of either that take a package from a place that nothing is looked up in.
    pub elsewhere: Vec<Root>,
}

/// Which of the two a requirement is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Constraint,
    Override,
}

impl Bounds {
    /// Adds a constraint or an override with its place.
    pub(super) fn add(
        &mut self,
        kind: Kind,
        mut requirement: Requirement,
        place: String,
        markers: &Markers,
    ) -> Result<(), RequestError> {
        if requirement.name.is_empty() || requirement.editable {
            let found = crate::manifest::shown(&requirement.from);
            return Err(RequestError::Syntax { place, expected: "a requirement with a name".into(), found });
        }
        if !markers.hold(&requirement.marker).unwrap_or(true) {
            return Ok(());
        }
        let list = match (requirement.from.is_empty(), wheel_url(&requirement.from), kind) {
            (false, None, _) => &mut self.elsewhere,
            (is_index, url, kind) => {
                if let (false, Some(url)) = (is_index, url) {
                    requirement.from = url;
                }
                if kind == Kind::Constraint { &mut self.constraints } else { &mut self.overrides }
            }
        };
        list.push(Root { requirement, place });
        Ok(())
    }

    /// Adds the constraints of a file that is on a server. What it includes is not followed.
    pub(super) fn add_text(&mut self, text: &str, name: &str, markers: &Markers) -> Result<(), RequestError> {
        let lines = parse_requirements_file(text, &|_| None).map_err(|error| RequestError::Syntax {
            place: format!("{name}:{}", error.line),
            expected: error.expected,
            found: error.found,
        })?;
        for line in lines {
            let place = format!("{name}:{}", line.line);
            match line.what {
                LineKind::Requirement(requirement) => self.add(Kind::Constraint, requirement, place, markers)?,
                LineKind::Include(found) | LineKind::Constraint(found) => {
                    let expected = "no further file to be named by a file on a server".into();
                    return Err(RequestError::Syntax { place, expected, found: crate::manifest::shown(&found) });
                }
                LineKind::Option(..) => {}
            }
        }
        Ok(())
    }
}

/// The URL of a wheel on a server, as uv may have it: what has been looked at is what is handed over, and nothing in it is
/// a variable.
pub(super) fn wheel_url(from: &str) -> Option<String> {
    let url = Url::parse(from).ok().filter(|url| may_speak(url, Reach::Any).is_ok() && url.has_host())?;
    let file = url.path().rsplit('/').next().unwrap_or_default();
    let name = file.split('-').next().unwrap_or_default();
    (file.ends_with(".whl") && is_name(name)).then(|| url.as_str().replace('$', "%24"))
}

/// The text of a file of constraints on a server. The user's credentials are not for it: its lines may be shown.
pub(super) fn fetch(url: &str, deadline: Instant) -> Result<String, String> {
    let mut url = Url::parse(url).map_err(|_| "expected a URL".to_owned())?;
    may_speak(&url, Reach::Any)?;
    let left = deadline.saturating_duration_since(Instant::now());
    let own = (!url.username().is_empty() && crate::http::may_be_told(&url))
        .then(|| (url.username().to_owned(), url.password().unwrap_or_default().to_owned()));
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    let late = || "there was no time left for it".to_owned();
    if left.is_zero() {
        return Err(late());
    }
    let client = client(IDLE.min(left), is_loopback(&url), Reach::Any).build().map_err(causes)?;
    let mut request = client.get(url);
    if let Some((user, password)) = own {
        request = request.basic_auth(user, Some(password));
    }
    let response = request.send().map_err(causes)?;
    if response.status().as_u16() != 200 {
        return Err(format!("expected HTTP 200, found {}", response.status().as_u16()));
    }
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    let mut body = response.take(MOST + 1);
    loop {
        match body.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) => {
                return Err(format!("the connection was cut: {}", crate::base::Text::of(&error)));
            }
        }
        if bytes.len() as u64 > MOST {
            return Err(format!("expected at most {} MiB, found more", MOST >> 20));
        }
        if Instant::now() >= deadline {
            return Err(late());
        }
    }
    String::from_utf8(bytes).map_err(|_| "expected a text in UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wheels_on_servers_are_for_uv() {
        for (from, expected) in [
            (
                "https://a.example/x-1-py3-none-any.whl#sha256=0",
                Some("https://a.example/x-1-py3-none-any.whl#sha256=0"),
            ),
            (
                "http://a.example/${HOME}/x-1-py3-none-any.whl",
                Some("http://a.example/%24%7BHOME%7D/x-1-py3-none-any.whl"),
            ),
            ("git+https://a.example/x-1.whl", None),
            ("https+git://a.example/x-1.whl", None),
            ("https://a.example/x-1.tar.gz#y.whl", None),
            ("https://a.example/x-1.tar.gz?y.whl", None),
            ("https://a.example/-r-x.whl", None),
            ("file:///x/x-1-py3-none-any.whl", None),
            ("ssh://a.example/x-1-py3-none-any.whl", None),
            ("./x-1-py3-none-any.whl", None),
            ("hg+http://a.example/x.whl", None),
        ] {
            assert_eq!(wheel_url(from).as_deref(), expected, "{from}");
        }
    }
}
