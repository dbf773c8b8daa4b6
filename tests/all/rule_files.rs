//! Profiles: what is embedded, what a file may say, and how errors point at it.

use slimwright::rules::actions::{FOR_RULES, OWN_REASONS};
use slimwright::rules::{EMBEDDED, embedded, explain, explain_own, list, load};
use std::collections::BTreeSet;
use std::path::Path;

const RULE: &str = r#"id = "my-rule"
summary = "Something"
why = "Because."
evidence = "Rows."
when-not = "Never."
remedy = "Remove it."
references = ["https://example.org/x"]
severity = "info"
tier = "report-only"

[detect]
kind = "paths"
globs = ["**/*.tmp"]
"#;

/// Loads one profile `my-rule.toml`; the error's text, without the folder.
fn error(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("my-rule.toml"), text).unwrap();
    let error = load(Some(dir.path())).unwrap_err().to_string();
    error.replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn every_rule_of_the_folder_is_embedded() {
    let folder: BTreeSet<String> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/profiles"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .map(|name| name.strip_suffix(".toml").unwrap().to_owned())
        .collect();
    let table: Vec<&str> = EMBEDDED.iter().map(|(id, _)| *id).collect();
    assert_eq!(folder.iter().map(String::as_str).collect::<Vec<_>>(), table, "all of the folder, sorted by id");
}

#[test]
fn every_embedded_profile_loads_and_explains_itself_in_80_columns() {
    let rules = embedded();
    assert_eq!(rules.len(), EMBEDDED.len());
    for rule in &rules {
        let text = explain(rule);
        let wide = text.lines().find(|line| line.chars().count() > 80 && !line.contains("https://"));
        assert_eq!(wide, None, "{}", rule.id);
        assert!(["Why", "Evidence", "When not", "Remedy", "References"].iter().all(|title| text.contains(title)));
        assert!(text.contains("Severity ") && text.contains("Tier "));
    }
    let table = list(&rules);
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(rules.iter().all(|rule| table.lines().any(|line| line.starts_with(&rule.id))));
}

#[test]
fn no_profile_names_a_package_registry_or_a_place_of_its_writer() {
    for (id, text) in EMBEDDED {
        for word in ["pypi.org", "crates.io", "npmjs.org", "deb.debian.org", "/home/", "/tmp/w", "shared/"] {
            assert!(!text.contains(word), "{id}: {word}");
        }
    }
}

#[test]
fn a_folder_adds_rules_and_overrides_by_id() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("my-rule.toml"), RULE).unwrap();
    std::fs::write(dir.path().join("bytecode.toml"), RULE.replace("my-rule", "bytecode")).unwrap();
    std::fs::write(dir.path().join("notes.md"), "not a profile").unwrap();
    let rules = load(Some(dir.path())).unwrap();
    assert_eq!(rules.len(), EMBEDDED.len() + 1);
    assert!(rules.is_sorted_by(|a, b| a.id < b.id));
    assert_eq!(rules.iter().find(|rule| rule.id == "bytecode").unwrap().summary, "Something");
}

#[test]
fn a_folder_that_is_missing_or_has_no_profile_is_an_error() {
    assert!(load(Some(Path::new("/no/such/folder"))).unwrap_err().to_string().contains("cannot read"));
    let dir = tempfile::tempdir().unwrap();
    assert!(load(Some(dir.path())).unwrap_err().to_string().contains("found none"));
}

#[test]
fn an_unknown_key_is_shown_where_it_stands() {
    let text = error(&RULE.replace("summary =", "sumary ="));
    assert!(text.starts_with("my-rule.toml:2:1: unknown field `sumary`"), "{text}");
    assert!(text.contains("\n 2 | sumary = \"Something\"\n   | ^^^^^^"), "{text}");
}

#[test]
fn a_wrong_value_is_shown_where_it_stands() {
    for (from, to, place, words) in [
        ("\"my-rule\"", "\"My Rule\"", "1:6", "kebab-case"),
        ("\"my-rule\"", "\"other\"", "1:6", "file's name"),
        ("\"Because.\"", "\" \"", "3:7", "expected a text"),
        ("\"Something\"", "\"Something.\"", "2:11", "full stop"),
        ("https://", "http://", "7:15", "https://"),
        ("https://", "https://user:password@", "7:15", "without user and password"),
        ("[\"https://example.org/x\"]", "[]", "7:14", "public source"),
        ("\"info\"", "\"fatal\"", "8:12", "`info`, `warning`, `error`"),
        ("\"paths\"", "\"path\"", "12:8", "expected one of"),
        ("**/*.tmp", "/etc/x", "13:10", "relative path"),
        ("**/*.tmp", "[ab]", "13:10", "not allowed"),
        ("globs = [\"**/*.tmp\"]", "globs = []", "13:9", "at least one"),
        ("globs = [\"**/*.tmp\"]", "globs = [\"x\"]\nmembers = [\"a\"]", "14:1", "in a rule of kind `paths`"),
        (
            "globs = [\"**/*.tmp\"]",
            "globs = [\"x\"]\nglobz = 1",
            "14:1",
            "unexpected keys in table: globz, available keys: globs, except, of-base, owned, at-least",
        ),
        ("globs = [\"**/*.tmp\"]", "globs = [\"x\"]\nowned = \"yes\"", "14:9", "boolean"),
        ("tier = \"report-only\"", "tier = ", "9:8", ""),
    ] {
        let text = error(&RULE.replace(from, to));
        assert!(text.starts_with(&format!("my-rule.toml:{place}: ")), "{to}: {text}");
        assert!(text.contains(words), "{to}: {text}");
    }
}

#[test]
fn an_index_is_named_by_https_or_is_on_this_machine() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/torch-cuda.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let with_index = |url: &str| {
        let dir = tempfile::tempdir().unwrap();
        let lines = text
            .lines()
            .map(|line| if line.starts_with("index = ") { format!("index = \"{url}\"") } else { line.into() });
        std::fs::write(dir.path().join("torch-cuda.toml"), lines.collect::<Vec<_>>().join("\n")).unwrap();
        load(Some(dir.path())).map(|_| ()).map_err(|error| error.to_string())
    };
    for url in ["https://example.org/cpu", "http://127.0.0.1:8000/simple", "http://localhost/simple"] {
        assert_eq!(with_index(url), Ok(()), "{url}");
    }
    for url in [
        "http://example.org/cpu",
        "http://127.0.0.1.example.org/",
        "http://localhost:x/",
        "http://127.0.0.1@example.org/",
        "http://127.0.0.1:80/a b",
    ] {
        assert!(with_index(url).is_err(), "{url}");
    }
}

#[test]
fn what_is_left_out_is_named() {
    assert!(error(&RULE.replace("remedy = \"Remove it.\"\n", "")).contains("missing field `remedy`"));
    assert!(
        error(&RULE.replace("globs = [\"**/*.tmp\"]\n", ""))
            .contains("missing field `globs`, in a rule of kind `paths`")
    );
    assert!(error("").contains("missing field `id`"));
}

#[test]
fn a_family_keeps_only_its_members() {
    let family = |keep: &str| {
        let detect = format!("kind = \"duplicate-family\"\nmembers = [\"a\", \"b\"]\nkeep = [\"{keep}\"]\n");
        RULE.replace("kind = \"paths\"\nglobs = [\"**/*.tmp\"]\n", &detect)
    };
    assert!(error(&family("c")).starts_with("my-rule.toml:14:9: expected one of `members`"));
    assert!(error(&family("a").replace("\"b\"]", "\"A_b\"]")).contains("normalized name"));
}

#[test]
fn a_gpu_build_needs_a_sign() {
    let detect = "kind = \"gpu-build\"\ndistribution = \"x\"\nwhen = {}\nreplace = { name = \"y\" }\n";
    let text = error(&RULE.replace("kind = \"paths\"\nglobs = [\"**/*.tmp\"]\n", detect));
    assert!(text.contains("14:8: expected a sign"), "{text}");
}

#[test]
fn errors_show_hostile_text_escaped() {
    let text = error(&RULE.replace("summary", "\"s\u{202e}\u{9b}x\""));
    assert!(!text.contains(['\u{202e}', '\u{9b}']), "{text:?}");
    assert!(error("id = \"\u{e9}\u{e9}\" x").contains("1:11"), "{}", error("id = \"\u{e9}\u{e9}\" x"));
}

#[test]
fn a_label_is_one_short_word_and_an_action_one_line() {
    let with = |line: &str| RULE.replace("tier = \"report-only\"", &format!("tier = \"report-only\"\n{line}"));
    assert!(error(&with("label = \"Much Too\"")).starts_with("my-rule.toml:10:9: expected one word"));
    assert!(error(&with("label = \"wordswithoutend\"")).starts_with("my-rule.toml:10:9: expected one word"));
    assert!(
        error(&with("action = \"goes.\"")).starts_with("my-rule.toml:10:10: expected one line without a full stop")
    );
    assert!(error(&with("action = \"\"")).starts_with("my-rule.toml:10:10: expected a text"));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("my-rule.toml"), with("label = \"mine\"\naction = \"away with {}\"")).unwrap();
    let rules = load(Some(dir.path())).unwrap();
    let rule = rules.iter().find(|rule| rule.id == "my-rule").unwrap();
    assert_eq!((rule.label(), rule.action("a, b").as_str()), ("mine", "away with a, b"));
    std::fs::write(dir.path().join("my-rule.toml"), RULE).unwrap();
    let rules = load(Some(dir.path())).unwrap();
    let rule = rules.iter().find(|rule| rule.id == "my-rule").unwrap();
    assert_eq!((rule.label(), rule.action("a, b").as_str()), ("files", "leave behind a, b"));
}

#[test]
fn a_key_of_a_kind_without_keys_is_shown_where_it_stands() {
    let detect = "kind = \"dead-bytes\"\nglobs = [\"x\"]\n";
    let text = error(&RULE.replace("kind = \"paths\"\nglobs = [\"**/*.tmp\"]\n", detect));
    assert!(text.starts_with("my-rule.toml:13:1: "), "{text}");
    assert!(text.contains("globs") && text.contains("in a rule of kind `dead-bytes`"), "{text}");
}

#[test]
fn the_program_names_no_rule_that_is_not_there() {
    let rules = embedded();
    assert!(FOR_RULES.iter().all(|id| rules.iter().any(|rule| rule.id == *id)));
    for own in &OWN_REASONS {
        assert!(rules.iter().all(|rule| rule.id != own.id), "{}", own.id);
        let text = explain_own(own);
        assert!(text.starts_with(own.id) && text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}

#[test]
fn no_source_but_the_table_of_actions_names_a_rule() {
    let ids: Vec<String> = embedded().into_iter().map(|rule| format!("\"{}\"", rule.id)).collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in walkdir::WalkDir::new(&source).into_iter().map(Result::unwrap) {
        let path = file.path();
        if path.extension().is_none_or(|end| end != "rs") || path.ends_with("rules/actions.rs") {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        // `bytecode` is a category of files, too.
        let named: Vec<&String> = ids.iter().filter(|id| *id != "\"bytecode\"" && text.contains(*id)).collect();
        assert!(named.is_empty(), "{}: {named:?}", path.display());
    }
}
