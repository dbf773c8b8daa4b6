//! What apt and dpkg are told in an image, as far as it decides over bytes.
//!
//! Source: apt.conf(5) (syntax; `APT::Install-Recommends`, `Acquire::GzipIndexes`, `Acquire::Languages`, `Dir::Cache`,
//! `DPkg::Post-Invoke`), apt(8) ("differences to apt-get": it keeps no archives), dpkg(1) (`path-exclude`).

use super::Settings;
use std::borrow::Cow;

/// What one file of apt's configuration sets, in its order. Where it is damaged, what stands before counts.
pub fn read_apt_conf(bytes: &[u8], settings: &mut Settings) {
    for (name, value) in parse_apt_conf(bytes) {
        let name = name.trim_end_matches("::").to_ascii_lowercase();
        let truth = matches!(value.to_ascii_lowercase().as_str(), "true" | "yes" | "1" | "with" | "on" | "enable");
        match name.as_str() {
            "apt::install-recommends" => settings.recommends = truth,
            "acquire::gzipindexes" => settings.compresses_lists = truth,
            "dir::cache::pkgcache" => settings.keeps_caches = !value.is_empty(),
            "acquire::languages" => settings.translations = value != "none",
            "binary::apt::apt::keep-downloaded-packages" => settings.apt_keeps_archives = truth,
            "apt::keep-downloaded-packages" if !truth => settings.keeps_archives = false,
            // Docker's own images empty the folder by hand.
            "dpkg::post-invoke" if value.contains("rm ") && value.contains("/var/cache/apt/archives/") => {
                settings.keeps_archives = false;
            }
            _ => {}
        }
    }
}

/// The names and values of a file of apt's configuration; `None` where it is not so plainly written that every reader takes it alike, or
/// has a directive (`#include`, `#clear`).
pub fn apt_conf_items(text: &str) -> Option<Vec<(String, String)>> {
    let mut depth = 0_usize;
    let mut words = 0_usize;
    if text.contains("#include") || text.contains("#clear") || text.contains("#x-apt") || text.contains('\0') {
        return None;
    }
    let mut open = false;
    for token in tokens(text) {
        match token {
            Token::Word(word) => {
                words += 1;
                if words > 2
                    || word.contains(['\n', '#'])
                    || word.contains("/*") && !text.contains(&format!("\"{word}\""))
                {
                    return None;
                }
                // Unquoted, a comment begins there.
                if word.contains("//") && !text.contains(&format!("\"{word}\"")) {
                    return None;
                }
            }
            Token::Open if words == 1 => (depth, words) = (depth + 1, 0),
            Token::Close if depth > 0 && words == 0 => depth -= 1,
            Token::End => words = 0,
            Token::Open | Token::Close => return None,
        }
        open = words > 0;
    }
    let quotes = text.matches('"').count().is_multiple_of(2);
    (depth == 0 && !open && quotes).then(|| parse_apt_conf(text.as_bytes()))
}

/// Whether a file of dpkg's configuration leaves documentation out.
pub fn excludes_documentation(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let excluded = |line: &str| line.trim().trim_start_matches("--").strip_prefix("path-exclude").map(str::to_owned);
    text.lines().filter_map(excluded).any(|rest| rest.contains("/usr/share/doc"))
}

/// Names with their blocks' names before them, and values. Items of a list have the name of the list and `::`.
fn parse_apt_conf(bytes: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let mut out = Vec::new();
    let mut blocks: Vec<String> = Vec::new();
    // The words of the statement so far.
    let mut words: Vec<Cow<'_, str>> = Vec::new();
    for token in tokens(&text) {
        match token {
            Token::Word(word) => words.push(word),
            Token::Open => {
                let name = words.first().map(|word| word.as_ref().to_owned()).unwrap_or_default();
                words.clear();
                // Deeper than this nothing is that anybody wrote.
                if blocks.len() >= 64 {
                    return out;
                }
                blocks.push(name);
            }
            Token::Close | Token::End => {
                let (name, value) = match words.as_slice() {
                    [] => ("", ""),
                    // In a list there are only values.
                    [value] if !blocks.is_empty() => ("", value.as_ref()),
                    [name, value, ..] => (name.as_ref(), value.as_ref()),
                    [name] => (name.as_ref(), ""),
                };
                if !words.is_empty() {
                    let mut parts: Vec<&str> = blocks.iter().map(String::as_str).collect();
                    parts.push(name);
                    out.push((parts.join("::"), value.to_owned()));
                }
                words.clear();
                if matches!(token, Token::Close) {
                    blocks.pop();
                }
            }
        }
    }
    out
}

enum Token<'a> {
    Word(Cow<'a, str>),
    Open,
    Close,
    End,
}

/// Words, quoted or not, and braces and semicolons; without comments.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.trim_start().chars().next() {
        rest = rest.trim_start();
        let to_line_end = |rest: &str| rest.find('\n').unwrap_or(rest.len());
        match first {
            '{' => out.push(Token::Open),
            '}' => out.push(Token::Close),
            ';' => out.push(Token::End),
            '#' => {
                rest = &rest[to_line_end(rest)..];
                continue;
            }
            '/' if rest.starts_with("//") => {
                rest = &rest[to_line_end(rest)..];
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
                continue;
            }
            '"' => {
                let end = rest[1..].find('"').map_or(rest.len(), |end| end + 1);
                out.push(Token::Word(Cow::Borrowed(&rest[1..end])));
                rest = rest.get(end + 1..).unwrap_or_default();
                continue;
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || "{};\"".contains(c);
                let end = rest.find(ends).unwrap_or(rest.len());
                out.push(Token::Word(Cow::Borrowed(&rest[..end])));
                rest = &rest[end..];
                continue;
            }
        }
        rest = &rest[1..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Settings {
        let mut settings = Settings::default();
        read_apt_conf(text.as_bytes(), &mut settings);
        settings
    }

    #[test]
    fn what_images_of_containers_set_is_read() {
        let clean = "DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb || true\"; };\n\
                     APT::Update::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb || true\"; };\n\
                     Dir::Cache::pkgcache \"\"; Dir::Cache::srcpkgcache \"\";";
        let expected = Settings { keeps_archives: false, keeps_caches: false, ..Settings::default() };
        assert_eq!(read(clean), expected);
        let compressed = read("Acquire::GzipIndexes \"true\"; Acquire::Languages \"none\"; # x\n// y\n");
        assert!(compressed.compresses_lists && !compressed.translations);
        let both = |text: &str| (read(text).keeps_archives, read(text).apt_keeps_archives);
        assert_eq!(both(""), (true, false));
        assert_eq!(both("Binary::apt::APT::Keep-Downloaded-Packages \"true\";"), (true, true));
        assert_eq!(both("APT::Keep-Downloaded-Packages \"false\";"), (false, false));
        assert!(!read("APT { Install-Recommends \"0\"; Install-Suggests \"0\"; };").recommends);
        assert!(!read("/* a */ apt::install-recommends false;").recommends);
        assert!(!read("Acquire::Languages { \"none\"; };").translations);
        for odd in ["{", "}}}", "\"", "a", "a {", "/*", "a \"b", ";;"] {
            assert_eq!(read(odd), Settings::default(), "{odd}");
        }
    }

    #[test]
    fn documentation_is_left_out_where_dpkg_is_told_so() {
        assert!(excludes_documentation(
            b"# x\npath-exclude /usr/share/doc/*\npath-include /usr/share/doc/*/copyright\n"
        ));
        assert!(!excludes_documentation(b"#path-exclude=/usr/share/doc/*\nno-debsig"));
    }
}
