//! Requirements, one a line, and those that an install command names. Source: pip's requirements file format; PEP 508;
//! the usage texts of pip, uv, poetry, pdm and pipenv.

use super::AskedFor;
use crate::base::Text;
use crate::command::{Command, Tool, Verb};
use crate::manifest::{Asked, LineKind, Requirement, normalize_name, parse_requirement_line, requirements_lines};

/// The requirements of a requirements file; options and what is no requirement are passed over.
pub fn parse_requirements(content: &[u8], source: &str, out: &mut Vec<AskedFor>) {
    let text = String::from_utf8_lossy(content);
    for line in requirements_lines(&text, &|_| None).flatten() {
        if let LineKind::Requirement(found) = line.what {
            out.extend(asked(found, &format!("{source}, line {}", line.line)));
        }
    }
}

/// `name[extras] specifiers ; marker`, `name @ url`. `None` for options, paths, URLs and comments.
pub fn parse_requirement(text: &str, source: &str) -> Option<AskedFor> {
    let text = text.trim().trim_matches(['"', '\'']);
    asked(parse_requirement_line(text).ok()?, source)
}

fn asked(found: Requirement, source: &str) -> Option<AskedFor> {
    let mut extras: Vec<String> = found.extras.iter().map(|extra| normalize_name(extra)).collect();
    extras.sort();
    (!found.name.is_empty() && !found.editable).then(|| AskedFor {
        name: found.normalized(),
        extras,
        specifiers: Text::from(&found.specifiers).into(),
        source: source.to_owned(),
        written: found.name,
    })
}

/// What a project's file or lock asks for, and where: `/app/pyproject.toml, line 3 (group dev)`.
pub(super) fn asked_in(found: Asked, shown: &str) -> Option<AskedFor> {
    let line = if found.line > 0 { format!(", line {}", found.line) } else { String::new() };
    let part = if found.part.is_empty() { String::new() } else { format!(" ({})", Text::from(&found.part)) };
    // What a project names is asked for, however it is installed.
    asked(Requirement { editable: false, ..found.requirement }, &format!("{shown}{line}{part}"))
}

/// Words of one command that may be a package manager's name.
const MAX_CALLS: usize = 16;

/// The names behind `pip install`, `uv add` and their like in a command line.
pub(super) fn parse_command(command: &str, source: &str, out: &mut Vec<AskedFor>) {
    for part in command.split(['&', ';', '|', '\n']) {
        let words: Vec<&str> = part.split_whitespace().collect();
        // A shell, a mount or a variable may stand before it.
        let calls = (0..words.len()).filter(|at| Tool::of(&words[*at..]).is_some()).take(MAX_CALLS);
        let found = calls.filter_map(|at| Command::read(&words[at..])).find(asks);
        let Some(read) = found else { continue };
        for (_, word) in read.operands().filter(|(_, word)| !word.starts_with(['.', '/'])) {
            out.extend(parse_requirement(word, source));
        }
    }
}

fn asks(read: &Command) -> bool {
    match read.tool {
        Tool::Pip | Tool::UvPip | Tool::Pipenv => read.verb() == Verb::Install,
        Tool::Uv | Tool::Poetry | Tool::Pdm => read.verb() == Verb::Add,
        Tool::Conda | Tool::CondaLock | Tool::Apt | Tool::Apk | Tool::Dnf | Tool::Zypper => false,
    }
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

    #[test]
    fn the_commands_of_other_installers_are_read_too() {
        let mut out = Vec::new();
        let command = "uv pip install -p 3.12 a && uv add b --index x=https://example.org && poetry add -G main c@^1 | \
                       python -m pip install d; pipenv install e; poetry install --only main; uv sync";
        parse_command(command, "layer", &mut out);
        let names: Vec<&str> = out.iter().map(|asked| asked.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "d", "e"]);
    }
}
