//! What was asked for by name: requirement files in any layer of the image, and the install commands in its
//! history. Source: pip's requirements file format; Dockerfile history rows.

use super::normalize_name;
use crate::base::{escape_str, file_name};
use crate::image::Image;
use std::collections::HashSet;

/// A requirement from outside the installed metadata.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskedFor {
    /// Normalized name.
    pub name: String,
    /// Name as written.
    pub written: String,
    /// Extras, normalized and sorted.
    pub extras: Vec<String>,
    /// Version specifiers, without spaces; empty for any.
    pub specifiers: String,
    /// Where it is asked for: `/app/requirements.txt, line 3` or `the install command of layer 2`.
    pub source: String,
}

/// All of an image's, in the order of layers and lines. Files that a later layer removed count: they say what
/// was asked for when the layer was built.
pub fn asked_for(image: &Image) -> Vec<AskedFor> {
    let mut out = Vec::new();
    for layer in &image.layers {
        for (position, content) in &layer.contents {
            let Some(entry) = layer.entries.get(*position as usize) else { continue };
            if is_requirements_file(entry.path.as_bytes()) {
                parse_requirements(content, &entry.path.to_string(), &mut out);
            }
        }
    }
    for (layer, instruction) in image.created_by().into_iter().enumerate() {
        let source = format!("the install command of layer {}", layer + 1);
        parse_command(instruction.unwrap_or_default(), &source, &mut out);
    }
    let mut seen = HashSet::new();
    out.retain(|asked| seen.insert((asked.name.clone(), asked.extras.clone(), asked.specifiers.clone())));
    out
}

fn is_requirements_file(path: &[u8]) -> bool {
    let name = file_name(path);
    let contains = |word: &[u8]| name.windows(word.len()).any(|w| w == word);
    let for_development = [&b"dev"[..], b"test", b"lint", b"docs"].iter().any(|word| contains(word));
    contains(b"requirements") && (name.ends_with(b".txt") || name.ends_with(b".in")) && !for_development
}

/// One requirement a line; options, comments and what is no requirement are passed over.
pub fn parse_requirements(content: &[u8], source: &str, out: &mut Vec<AskedFor>) {
    for (number, line) in String::from_utf8_lossy(content).lines().enumerate() {
        let line = line.split(" #").next().unwrap_or_default();
        out.extend(parse_requirement(line, &format!("{source}, line {}", number + 1)));
    }
}

/// `name[extras] specifiers ; marker`, `name @ url`. `None` for options, paths, URLs and comments.
pub fn parse_requirement(text: &str, source: &str) -> Option<AskedFor> {
    let text = text.trim().trim_matches(['"', '\'']);
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(text.len());
    let (written, rest) = text.split_at(end);
    let named = written.starts_with(|c: char| c.is_ascii_alphanumeric())
        && written.ends_with(|c: char| c.is_ascii_alphanumeric());
    let rest = rest.trim_start();
    if !named || !(rest.is_empty() || rest.starts_with(['[', '<', '>', '=', '!', '~', ';', '@', '\\'])) {
        return None;
    }
    let (mut extras, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((extras, rest)) => {
            (extras.split(',').map(normalize_name).filter(|extra| !extra.is_empty()).collect::<Vec<_>>(), rest)
        }
        None => (Vec::new(), rest),
    };
    extras.sort();
    let rest = rest.split(';').next().unwrap_or_default().split("--hash").next().unwrap_or_default();
    let rest = rest.trim_end_matches(['\\', ' ']).trim_start();
    let specifiers = if rest.starts_with('@') { "" } else { rest };
    Some(AskedFor {
        name: normalize_name(written),
        written: written.to_owned(),
        extras,
        specifiers: escape_str(&specifiers.split_whitespace().collect::<String>()),
        source: source.to_owned(),
    })
}

/// Options of `pip install` and `uv pip install` that take the next word.
const WITH_VALUE: [&str; 14] = [
    "-r",
    "--requirement",
    "-c",
    "--constraint",
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "-t",
    "--target",
    "--prefix",
    "--root",
    "--python",
];

/// The names behind `pip install` and `uv pip install` in a command line.
fn parse_command(command: &str, source: &str, out: &mut Vec<AskedFor>) {
    for part in command.split(['&', ';', '|', '\n']) {
        let mut words = part.split_whitespace().skip_while(|word| !is_pip(word));
        if words.next().is_none() || words.next() != Some("install") {
            continue;
        }
        let mut takes_value = false;
        for word in words {
            if std::mem::take(&mut takes_value) {
                continue;
            }
            if word.starts_with('-') {
                takes_value = WITH_VALUE.contains(&word);
            } else if !word.starts_with(['.', '/']) {
                out.extend(parse_requirement(word, source));
            }
        }
    }
}

fn is_pip(word: &str) -> bool {
    let program = word.rsplit('/').next().unwrap_or_default();
    program == "pip" || program == "pip3" || program.starts_with("pip3.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirement_lines_are_read_and_options_passed_over() {
        let mut out = Vec::new();
        let text = b"# c\n-r other.txt\ncelery[redis, SQS]==5.3.4  # why\nnumpy<2 ; python_version>'3'\n./local\n\
                     foo @ https://example.org/x\nhttps://example.org/y.whl\n";
        parse_requirements(text, "/r.txt", &mut out);
        let shown: Vec<String> =
            out.iter().map(|a| format!("{}[{}]{} {}", a.name, a.extras.join(","), a.specifiers, a.source)).collect();
        assert_eq!(
            shown,
            ["celery[redis,sqs]==5.3.4 /r.txt, line 3", "numpy[]<2 /r.txt, line 4", "foo[] /r.txt, line 6"]
        );
    }

    #[test]
    fn install_commands_are_read() {
        let mut out = Vec::new();
        let command = "apt-get install -y gcc && pip install -r r.txt --index-url https://example.org 'fastapi[all]>0.1' \
                       uvicorn && rm -rf x";
        parse_command(command, "layer", &mut out);
        let names: Vec<&str> = out.iter().map(|asked| asked.name.as_str()).collect();
        assert_eq!(names, ["fastapi", "uvicorn"]);
    }
}
