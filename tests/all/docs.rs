//! The pages for those who carry this on say what is so: modules, files, functions and links that they name are there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages, relative to the root.
fn pages() -> Vec<String> {
    let mut out = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned(), "SECURITY.md".to_owned()];
    for folder in ["docs", "docs/decisions"] {
        let names = std::fs::read_dir(root().join(folder)).unwrap();
        let names = names.map(|row| row.unwrap().file_name().into_string().unwrap());
        out.extend(names.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}/{name}")));
    }
    out
}

/// What stands between backticks, outside of blocks of code.
fn quoted(page: &str) -> Vec<String> {
    let is_prose = |(at, _): &(usize, &str)| at % 2 == 0;
    let prose = page.split("```").enumerate().filter(is_prose).map(|(_, part)| part);
    prose.flat_map(|part| part.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The cells of a table's row.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect()
}

/// A heading's section, without its heading.
fn section<'t>(page: &'t str, heading: &str) -> &'t str {
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    rest.split("\n## ").next().unwrap()
}

/// The first cells of a section's tables, without their heads.
fn first_cells(section: &str) -> Vec<&str> {
    section.lines().filter(|line| line.starts_with("| `")).map(|line| cells(line)[0]).collect()
}

#[test]
fn the_map_lists_the_modules_in_their_order() {
    let library = text("src/lib.rs");
    let line = library.lines().find(|line| line.starts_with("//! `base`")).unwrap();
    let order: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
    assert_eq!(first_cells(section(&text("docs/architecture.md"), "Modules")), order);
}

#[test]
fn the_functions_of_the_journeys_are_in_their_files() {
    let page = text("docs/architecture.md");
    let rows: Vec<Vec<&str>> = section(&page, "Four journeys").lines().map(cells).collect();
    let rows = rows.iter().filter(|row| row.len() > 1 && row[1].starts_with("src/")).collect::<Vec<_>>();
    assert!(rows.len() > 50, "{}", rows.len());
    for row in rows {
        let source = text(row[1]);
        let names = |end: char| source.contains(&format!("fn {}{end}", row[0]));
        assert!(names('(') || names('<'), "docs/architecture.md: no function {} in {}", row[0], row[1]);
    }
}

#[test]
fn files_that_pages_name_are_there() {
    for page in ["CONTRIBUTING.md", "docs/architecture.md", "docs/profile-format.md", "docs/glossary.md"] {
        for name in quoted(&text(page)) {
            let is_path = ["src/", "tests/", "docs/", "testdata/", "profiles/", "scripts/"];
            let is_made_up = name.contains("NAME") || name.contains("ID.") || name.contains(' ');
            if is_path.iter().any(|start| name.starts_with(start)) && !is_made_up {
                assert!(root().join(&name).exists(), "{page}: {name}");
            }
        }
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    for page in pages() {
        let folder = root().join(&page).parent().map(PathBuf::from).unwrap();
        for link in text(&page).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            let is_elsewhere = file.is_empty() || file.contains("://") || file.contains(char::is_whitespace);
            assert!(is_elsewhere || folder.join(file).exists(), "{page}: {link}");
        }
    }
}

#[test]
fn decisions_have_numbers_of_their_own() {
    let pages = pages();
    let numbers: Vec<&str> =
        pages.iter().filter_map(|page| page.strip_prefix("docs/decisions/")?.split('-').next()).collect();
    let distinct: BTreeSet<&str> = numbers.iter().copied().collect();
    assert_eq!(numbers.len(), distinct.len(), "{numbers:?}");
}

/// The keys that follow `head` in a type of `src/rules/rule.rs`, as TOML has them.
fn keys(source: &str, head: &str, end: &str) -> BTreeSet<String> {
    let (_, rest) = source.split_once(head).unwrap_or_else(|| panic!("no type {head}"));
    let field = |line: &str| {
        let (field, _) = line.trim().trim_start_matches("pub ").split_once(": ")?;
        field.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then(|| field.replace('_', "-"))
    };
    rest.split(end).next().unwrap().lines().filter_map(field).collect()
}

#[test]
fn the_page_of_the_rules_format_has_every_key() {
    let (source, page) = (text("src/rules/rule.rs"), text("docs/profile-format.md"));
    let mut all = keys(&source, "pub enum Detect {\n", "\n}");
    let named: BTreeSet<String> = section(&page, "Kinds")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| quoted(&line.split('|').skip(3).collect::<String>()))
        .collect();
    assert_eq!(named, all, "each key belongs to a kind");
    all.insert("kind".to_owned());
    for (keys, heading) in [
        (keys(&source, "pub struct Rule {\n", "\n}"), "The rule"),
        (all, "`[detect]`"),
        (keys(&source, "pub struct Installed {\n", "\n}"), "`[detect.when]`"),
        (keys(&source, "pub struct Cost {\n", "\n}"), "`[detect.costs]`"),
        (keys(&source, "pub struct Signs {\n", "\n}"), "`[detect.unless]`"),
        (keys(&source, "pub struct Replacement {\n", "\n}"), "`[detect.replace]`"),
    ] {
        let told: BTreeSet<String> = first_cells(section(&page, heading)).into_iter().map(str::to_owned).collect();
        assert_eq!(told, keys, "{heading}");
    }
    let folder = tempfile::tempdir().unwrap();
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let wrong = example.replace("kind = \"paths\"", "kind = \"no-such-kind\"");
    std::fs::write(folder.path().join("editor-backups.toml"), wrong).unwrap();
    let error = slimwright::rules::load(Some(folder.path())).unwrap_err().to_string();
    let expected = error.lines().next().unwrap().split_once("expected one of").unwrap().1;
    let kinds: BTreeSet<&str> = expected.split('`').skip(1).step_by(2).filter(|kind| *kind != "no-such-kind").collect();
    assert_eq!(first_cells(section(&page, "Kinds")).into_iter().collect::<BTreeSet<_>>(), kinds);
}

#[test]
fn the_example_of_the_rules_format_loads() {
    let page = text("docs/profile-format.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("editor-backups.toml"), example).unwrap();
    let rules = slimwright::rules::load(Some(folder.path())).unwrap();
    assert!(rules.iter().any(|rule| rule.id == "editor-backups"));
}
