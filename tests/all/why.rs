//! Who brought a distribution in, and which files say what was asked for.

use crate::fixture::image;
use slimwright::base::Id;
use slimwright::facts::Survey;
use slimwright::facts::{Explained, why};
use slimwright::fs::View;
use slimwright::image::Image;
use slimwright::python::read_asked_for;
use slimwright::report::{Answer, WhyReport};

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// A distribution of so many bytes, and what it requires.
fn dist(name: &str, bytes: u32, requires: &[&str]) -> String {
    let requires: String = requires.iter().map(|text| format!("Requires-Dist: {text}\\n")).collect();
    format!(
        "f {SITE}/{name}-1.dist-info/METADATA = Name: {name}\\nVersion: 1\\n{requires}\n\
         f {SITE}/{name}.py {bytes}\nf {SITE}/{name}-1.dist-info/RECORD = {name}.py,,\\n\n"
    )
}

fn graph(parts: &[String]) -> Image {
    image(&format!("layer x\n{}", parts.concat()))
}

fn explained(image: &Image, name: &str) -> Explained {
    let view = View::new(image);
    let survey = Survey::new(&view, &[]);
    let mut found = why(&survey.facts(&view), name);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn cuts(why: &Explained, frees_it: bool) -> Vec<(&str, usize, u64)> {
    let cuts = why.cuts.iter().filter(|cut| cut.frees_it == frees_it);
    cuts.map(|cut| (cut.what.as_str(), cut.distributions, cut.bytes / 1000)).collect()
}

#[test]
fn a_chain_is_named_from_its_root_and_every_cut_that_frees_the_end() {
    let image =
        graph(&[dist("app", 1000, &["middle"]), dist("middle", 20_000, &["heavy"]), dist("heavy", 900_000, &[])]);
    let why = explained(&image, "heavy");
    assert_eq!(why.chains.len(), 1);
    assert_eq!(why.chains[0].steps, ["app 1", "middle 1", "heavy 1"]);
    assert_eq!(why.chains[0].how, "nothing requires it");
    assert_eq!(why.asked_for, None);
    assert_eq!(why.required_by[0].requirement, "heavy");
    let brings: Vec<&str> = why.brings.iter().map(|brought| brought.name.as_str()).collect();
    assert_eq!(brings, ["heavy"]);
    assert_eq!(
        cuts(&why, true),
        [
            ("without app (nothing requires it)", 3, 921),
            ("app requires middle", 2, 920),
            ("without middle", 2, 920),
            ("middle requires heavy", 1, 900),
        ]
    );
    assert_eq!(cuts(&why, false), []);
}

#[test]
fn two_ways_that_have_nothing_in_common_leave_no_single_cut() {
    let image = graph(&[
        dist("a", 1000, &["heavy"]),
        dist("b", 2000, &["heavy"]),
        dist("heavy", 900_000, &["deep"]) + &dist("deep", 50_000, &[]),
    ]);
    let why = explained(&image, "heavy");
    assert_eq!(why.chains.len(), 2);
    assert_eq!(cuts(&why, true), []);
    assert_eq!(
        cuts(&why, false),
        [("without b (nothing requires it)", 1, 2), ("without a (nothing requires it)", 1, 1)]
    );
    // All ways to what it alone brings pass it.
    assert_eq!(cuts(&explained(&image, "deep"), true), [("without heavy", 2, 950), ("heavy requires deep", 1, 50)]);
    assert_eq!(why.brings.iter().map(|brought| brought.bytes / 1000).collect::<Vec<_>>(), [900, 50]);
}

#[test]
fn a_ring_ends_and_is_reached_from_what_only_it_requires() {
    let why = explained(&graph(&[dist("a", 1000, &["b"]), dist("b", 2000, &["a"])]), "b");
    assert_eq!(why.chains.len(), 1);
    assert_eq!(why.chains[0].how, "only its own requirements require it");
}

#[test]
fn a_root_that_is_asked_for_and_required_says_both() {
    let parts = [dist("app", 1000, &["lib>=2"]), dist("lib", 5000, &[]), "f app/requirements.txt = lib\\n\n".into()];
    let why = explained(&graph(&parts), "lib");
    assert_eq!(why.asked_for.as_deref(), Some("/app/requirements.txt, line 1"));
    assert_eq!(why.required_by.len(), 1);
    assert!(!why.required_by[0].satisfied);
    assert_eq!(cuts(&why, true), []);
    let text = slimwright::report::why(
        &WhyReport::new(
            "test",
            slimwright::base::Basis::Measured,
            Answer { distributions: vec![why], ..Answer::default() },
        ),
        false,
        80,
        false,
    );
    assert!(text.contains("app 1 requires lib>=2: not met by this version"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn hostile_names_are_escaped() {
    let image = image(&format!("layer x\nf {SITE}/a-1.dist-info/METADATA = Name: a\x1b[31m\\nVersion: 1\x07\\n\n"));
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let name = survey.python.distributions[Id::at(0)].normalized.clone();
    let found = why(&survey.facts(&view), &name);
    let text = slimwright::report::why(
        &WhyReport::new(
            "test",
            slimwright::base::Basis::Measured,
            Answer { distributions: found, ..Answer::default() },
        ),
        false,
        80,
        false,
    );
    assert!(!text.contains('\x1b') && !text.contains('\x07'), "{text:?}");
}

/// `name[extras]specifiers: source` of each.
fn asked(path: &str, text: &str) -> Vec<String> {
    let asked = read_asked_for(path.as_bytes(), text.as_bytes(), path);
    let extras = |extras: &[String]| if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
    asked.iter().map(|a| format!("{}{}{}: {}", a.name, extras(&a.extras), a.specifiers, a.source)).collect()
}

#[test]
fn project_files_are_read_with_their_lines_extras_and_groups() {
    let text = "[project]\nname = 'x'\ndependencies = [\n  'Celery[redis] >= 5',\n  'numpy',\n]\n\
                [project.optional-dependencies]\ngpu = ['torch']\n\
                [dependency-groups]\ndev = ['pytest', {include-group = 'x'}]\n\
                [tool.poetry.dependencies]\nnumpy = {source = 'own'}\n";
    assert_eq!(
        asked("p/pyproject.toml", text),
        [
            "celery[redis]>=5: p/pyproject.toml, line 4",
            "numpy: p/pyproject.toml, line 5",
            "torch: p/pyproject.toml, line 8 (extra gpu)",
            "pytest: p/pyproject.toml, line 10 (group dev)",
        ]
    );
    let text = "[tool.poetry.dependencies]\npython = '^3.11'\nrich = '^13'\n\
                httpx = {version = '>=0.2, <1', extras = ['http2']}\n\
                [tool.poetry.group.docs.dependencies]\nmkdocs = '*'\n";
    assert_eq!(
        asked("p/pyproject.toml", text),
        [
            "rich>=13,<14: p/pyproject.toml, line 3",
            "httpx[http2]>=0.2,<1: p/pyproject.toml, line 4",
            "mkdocs: p/pyproject.toml, line 6 (group docs)",
        ]
    );
    assert_eq!(
        asked("Pipfile", "[packages]\nflask = '*'\ndjango = '==4.2'\n[dev-packages]\nblack = '*'\n"),
        ["flask: Pipfile, line 2", "django==4.2: Pipfile, line 3", "black: Pipfile, line 5 (dev-packages)"]
    );
    let text = "[metadata]\nname = x\n[options]\ninstall_requires =\n    requests>=2\n    attrs\npackages = find:\n";
    assert_eq!(asked("setup.cfg", text), ["requests>=2: setup.cfg, line 5", "attrs: setup.cfg, line 6"]);
}

#[test]
fn of_a_lock_only_what_its_project_requires_counts() {
    let uv = "version = 1\n[[package]]\nname = 'app'\nsource = { virtual = '.' }\ndependencies = [\n\
              { name = 'torch' },\n{ name = 'celery', extra = ['redis'] },\n]\n[package.dev-dependencies]\ndev = [{ name = 'ruff' }]\n\
              [[package]]\nname = 'torch'\nsource = { registry = 'https://example.org/simple' }\n\
              dependencies = [{ name = 'sympy' }]\n[[package]]\nname = 'sympy'\nsource = { registry = 'x' }\n";
    assert_eq!(
        asked("uv.lock", uv),
        ["torch: uv.lock, line 6", "celery[redis]: uv.lock, line 7", "ruff: uv.lock, line 10 (group dev)"]
    );
    let poetry = "[[package]]\nname = 'A'\n[package.dependencies]\nb = '>=1'\n[[package]]\nname = 'b'\n";
    assert_eq!(asked("poetry.lock", poetry), ["a: poetry.lock, line 1 (nothing else in it requires it)"]);
    let pdm = "[[package]]\nname = 'a'\ndependencies = ['b>=1']\n[[package]]\nname = 'b'\n";
    assert_eq!(asked("pdm.lock", pdm), ["a: pdm.lock, line 1 (nothing else in it requires it)"]);
    let pylock = "[[packages]]\nname = 'a'\ndependencies = [{name = 'b'}]\n[[packages]]\nname = 'b'\n";
    assert_eq!(asked("pylock.toml", pylock).len(), 1);
    assert_eq!(asked("pylock.cpu.toml", "[[packages]]\nname = 'a'\n[[packages]]\nname = 'b'\n").len(), 0);
    let pipenv = r#"{"default": {"a": {"index": "main", "version": "==1"}, "b": {"version": "==2"}}, "develop": {}}"#;
    assert_eq!(asked("Pipfile.lock", pipenv), ["a==1: Pipfile.lock"]);
}

#[test]
fn files_that_are_broken_or_something_else_ask_for_nothing_and_what_can_be_read_counts() {
    assert_eq!(asked("pyproject.toml", "\u{0}[[[").len(), 0);
    assert_eq!(asked("pyproject.toml", "[project]\ndependencies = ['a']\n[broken\n"), ["a: pyproject.toml, line 2"]);
    assert_eq!(asked("pyproject.toml", "[project]\ndependencies = 7\n[tool]\npoetry = []\n").len(), 0);
    assert_eq!(asked("uv.lock", "package = [1, {source = {virtual = 1}, dependencies = [1, {name = 2}]}]").len(), 0);
    assert_eq!(asked("poetry.lock", "[package]\nname = 'a'\n").len(), 0);
    assert_eq!(asked("Pipfile.lock", "[").len(), 0);
    assert_eq!(asked("requirements-dev.txt", "pytest\n").len(), 0);
    assert_eq!(asked("main.py", "import x\n").len(), 0);
}

#[test]
fn a_root_that_nothing_requires_says_who_imports_it() {
    let source = "f app/main.py = import os\\nimport seen.part\\n\nf app/settings.py = APPS = [\"named.app\"]\\n\n";
    let parts = ["seen", "named", "unseen", "helper"].map(|name| dist(name, 1000, &[]));
    let user = format!(
        "{}f {SITE}/user.py = import helper\\n\n",
        dist("user", 1000, &[]).replace(&format!("f {SITE}/user.py 1000\n"), "")
    );
    let image = graph(&[parts.concat(), user, source.to_owned()]);
    let how = |name: &str| explained(&image, name).chains[0].how.clone();
    assert_eq!(how("seen"), "nothing requires it; imported by /app/main.py, line 2");
    assert_eq!(how("named"), "nothing requires it; a string of the application names it");
    assert_eq!(
        how("helper"),
        format!("nothing requires it; imported by another distribution, /{SITE}/user.py, line 1")
    );
    assert!(
        how("unseen").starts_with("nothing requires it, and nothing that was read imports it"),
        "{}",
        how("unseen")
    );
}

#[test]
fn the_heaviest_come_first_each_with_its_chains() {
    let image = graph(&[dist("app", 1000, &["heavy"]), dist("heavy", 900_000, &[]), dist("light", 10, &[])]);
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let found = slimwright::facts::heaviest(&survey.facts(&view), 2);
    let names: Vec<&str> = found.iter().map(|why| why.name.as_str()).collect();
    assert_eq!(names, ["heavy", "app"]);
    assert_eq!(found[0].chains[0].to_string(), "app 1 → heavy 1 (nothing requires it)");
}

#[test]
fn a_line_is_that_of_the_entry_and_not_of_a_name_that_holds_it() {
    let text = "# torch is heavy\n[project]\nname = 'torch-app'\ndependencies = [\n  'torchvision',\n  'torch',\n]\n";
    assert_eq!(asked("pyproject.toml", text), ["torchvision: pyproject.toml, line 5", "torch: pyproject.toml, line 6"]);
    let torn = "[project]\ndependencies = ['numpy', 'not a name!!', 'rich']\n[tool.x\n";
    assert_eq!(asked("pyproject.toml", torn), ["numpy: pyproject.toml, line 2", "rich: pyproject.toml, line 2"]);
}
