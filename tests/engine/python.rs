//! Python distributions: what pip, run in a container with each environment's interpreter, says of them.

use crate::engine::{Subject, assert_same, subjects};
use serde_json::Value;
use slimwright::base::{DistId, ImagePath};
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::python::{Distribution, Environment, EnvironmentKind, Inventory, normalize_name};
use std::collections::{BTreeMap, BTreeSet};

/// How to ask pip about an environment: the user, if not the image's own, and the command.
struct Pip {
    user: Option<String>,
    /// The environment's own interpreter.
    python: String,
    before: Vec<String>,
    after: Vec<String>,
}

impl Pip {
    fn ask(&self, subject: &Subject, words: &[&str]) -> String {
        // `pip check` fails where it finds something.
        let mut command: Vec<&str> = vec!["sh", "-c", "\"$@\" || [ $? = 1 ]", "sh", "python3", "-m", "pip"];
        command.extend(self.before.iter().map(String::as_str));
        command.extend(words);
        command.extend(self.after.iter().map(String::as_str));
        subject.inside(self.user.as_deref(), &command)
    }
}

/// Who can be asked about an environment. Of a directory without an interpreter of its own, only what is in it.
fn pip_for(view: &View<'_>, environment: &Environment) -> Pip {
    let prefix = environment.prefix.to_string();
    let mut pip = Pip { user: None, python: "python3".into(), before: Vec::new(), after: Vec::new() };
    match environment.kind {
        EnvironmentKind::Virtual => {
            // `--python` works for environments that have no pip.
            pip.python = format!("{prefix}/bin/python");
            pip.before = vec!["--python".into(), pip.python.clone()];
        }
        EnvironmentKind::User => {
            let home = environment.prefix.as_bytes().strip_suffix(b"/.local").unwrap();
            let node = view.get(home).unwrap();
            pip.user = Some(view.entry(node.entry).uid.to_string());
        }
        EnvironmentKind::Other => pip.after = vec!["--path".into(), prefix],
        EnvironmentKind::System | EnvironmentKind::Vendor | EnvironmentKind::Conda => {}
    }
    pip
}

/// The distributions that an environment's interpreter finds: the first of a name wins.
fn visible(inventory: &Inventory, environment: usize) -> BTreeMap<String, DistId> {
    let kind = inventory.environments[environment].kind;
    let sees = if kind == EnvironmentKind::Other { &[][..] } else { &inventory.environments[environment].sees };
    let mut found = BTreeMap::new();
    for place in [environment].into_iter().chain(sees.iter().copied()) {
        let there = inventory.distributions.pairs().filter(|(_, dist)| dist.environment == place);
        for (id, dist) in there {
            found.entry(dist.normalized.clone()).or_insert(id);
        }
    }
    found
}

/// Environments with an oracle: the operating system's own is asked about with what is above it.
fn askable(inventory: &Inventory) -> impl Iterator<Item = (usize, &Environment)> {
    let has_system = inventory.environments.iter().any(|environment| environment.kind == EnvironmentKind::System);
    let is_asked = move |environment: &Environment| !(environment.kind == EnvironmentKind::Vendor && has_system);
    inventory.environments.iter().enumerate().filter(move |(_, environment)| is_asked(environment))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What both sides say of a distribution.
#[derive(Debug, PartialEq)]
struct Facts {
    name: String,
    version: String,
    metadata: String,
    installer: String,
    requested: bool,
    direct_url: String,
    requires: Vec<String>,
    requires_python: String,
    editable: bool,
}

fn facts_of_pip(row: &Value, editable: &BTreeSet<String>) -> (String, Facts) {
    let metadata = &row["metadata"];
    let name = text(&metadata["name"]);
    let list = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let place = text(&row["metadata_location"]);
    // Of an `.egg-link`, which has no direct_url.json, pip makes one up.
    let made_up = editable.contains(&name) && place.ends_with(".egg-info");
    let facts = Facts {
        version: text(&metadata["version"]),
        installer: text(&row["installer"]),
        requested: row["requested"].as_bool().unwrap_or_default(),
        direct_url: if made_up { String::new() } else { text(&row["direct_url"]["url"]) },
        metadata: place,
        requires: list(&metadata["requires_dist"]),
        requires_python: text(&metadata["requires_python"]),
        editable: editable.contains(&name),
        name: name.clone(),
    };
    (normalize_name(&name), facts)
}

fn facts_of(dist: &Distribution) -> Facts {
    Facts {
        name: dist.name.clone(),
        version: dist.version.clone(),
        metadata: dist.metadata.to_string(),
        installer: dist.installer.clone().unwrap_or_default(),
        requested: dist.requested,
        direct_url: dist.direct_url.clone().unwrap_or_default(),
        requires: dist.requires.clone(),
        requires_python: dist.requires_python.clone().unwrap_or_default(),
        editable: dist.editable,
    }
}

/// Calls `check` for every environment of every image.
fn for_each_environment(check: impl Fn(&Subject, &Survey, usize, &Pip)) {
    for subject in subjects().unwrap_or_default() {
        let view = View::new(&subject.image);
        let survey = Survey::new(&view, &[]);
        for (position, environment) in askable(&survey.python) {
            check(subject, &survey, position, &pip_for(&view, environment));
        }
    }
}

#[test]
fn distributions_are_those_that_pip_shows() {
    for_each_environment(|subject, survey, position, pip| {
        let ask = |words: &[&str]| -> Value { serde_json::from_str(&pip.ask(subject, words)).unwrap() };
        let listed = ask(&["list", "--format=json"]);
        let is_editable = |row: &&Value| row.get("editable_project_location").is_some();
        let rows = listed.as_array().unwrap();
        let editable = rows.iter().filter(is_editable).map(|row| text(&row["name"])).collect();
        let inspected = ask(&["inspect"]);
        let oracle: BTreeMap<String, Facts> =
            inspected["installed"].as_array().unwrap().iter().map(|row| facts_of_pip(row, &editable)).collect();
        assert_eq!(oracle.len(), rows.len(), "pip list and pip inspect agree");
        let found = visible(&survey.python, position);
        let found = found.into_iter().map(|(name, id)| (name, facts_of(&survey.python.distributions[id]))).collect();
        assert_same(&place(subject, survey, position), &oracle, &found);
    });
}

fn place(subject: &Subject, survey: &Survey, position: usize) -> String {
    format!("{} {}", subject.name, survey.python.environments[position].prefix)
}

/// `lab-unmet 1 requires lab-epsilon, which is not installed.`,
/// `lab-unmet 1 has requirement lab-beta>=9, but you have lab-beta 1.5.`
fn complaint(line: &str) -> Option<(String, String)> {
    let (from, rest) = line.split_once(' ')?;
    let missing = rest.split_once(" requires ").and_then(|(_, rest)| rest.split_once(", which is not installed"));
    let wrong = rest.split_once(", but you have ").and_then(|(_, rest)| rest.split_once(' '));
    let name = missing.map(|(name, _)| name).or(wrong.map(|(name, _)| name))?;
    Some((normalize_name(from), normalize_name(name)))
}

#[test]
fn unmet_requirements_are_those_that_pip_check_shows() {
    for_each_environment(|subject, survey, position, pip| {
        if survey.python.environments[position].kind == EnvironmentKind::Other {
            return;
        }
        let shown = pip.ask(subject, &["check"]);
        let mut oracle: BTreeMap<_, _> = shown.lines().filter_map(complaint).map(|complaint| (complaint, ())).collect();
        let by_name = visible(&survey.python, position);
        let by_id: BTreeMap<DistId, &String> = by_name.iter().map(|(name, id)| (*id, name)).collect();
        let mut found = BTreeMap::new();
        for edge in survey.graph.edges.iter().filter(|edge| edge.by_extra.is_none()) {
            let Some(from) = by_id.get(&edge.from) else { continue };
            let row = ((*from).clone(), edge.name.clone());
            // What a distribution of an environment below finds from there need not be what it finds from here.
            if edge.to != by_name.get(&edge.name).copied() {
                oracle.remove(&row);
            } else if !edge.satisfied {
                found.insert(row, ());
            }
        }
        assert_same(&place(subject, survey, position), &oracle, &found);
    });
}

/// Prints of each distribution with a RECORD the files that are there and those that are not, and of each
/// module named on the command line whether it is found. Bytecode apart.
const LIST_FILES: &str = r#"
import csv, importlib.metadata, importlib.util, json, os, re, sys
path, modules = sys.argv[1], sys.argv[2:]
found = {}
for dist in importlib.metadata.distributions(**({"path": [path]} if path else {})):
    name = re.sub(r"[-_.]+", "-", dist.metadata["Name"]).lower()
    record = dist.read_text("RECORD")
    if name in found or not record:
        continue
    rows = [row[0] for row in csv.reader(record.splitlines()) if row and not row[0].endswith(".pyc")]
    rows = [os.path.normpath(str(dist.locate_file(row))) for row in rows]
    found[name] = [sorted(p for p in rows if os.path.lexists(p)), sorted(p for p in rows if not os.path.lexists(p))]
lost = [name for name in modules if importlib.util.find_spec(name) is None]
print(json.dumps({"files": found, "lost": lost}))
"#;

#[test]
fn files_and_modules_are_those_that_the_interpreter_finds() {
    for_each_environment(|subject, survey, position, pip| {
        let path = pip.after.get(1).map_or("", String::as_str);
        let recorded: Vec<&Distribution> = visible(&survey.python, position)
            .into_values()
            .map(|id| &survey.python.distributions[id])
            .filter(|dist| dist.recorded > 0)
            .collect();
        let whole = recorded.iter().filter(|dist| dist.missing.is_empty() && path.is_empty());
        let modules = whole.flat_map(|dist| &dist.modules).map(String::as_str);
        let command: Vec<&str> = [&pip.python, "-c", LIST_FILES, path].into_iter().chain(modules).collect();
        let shown: Value = serde_json::from_str(&subject.inside(pip.user.as_deref(), &command)).unwrap();
        let lists = |value: &Value| -> Vec<Vec<String>> { serde_json::from_value(value.clone()).unwrap() };
        let oracle: BTreeMap<String, Vec<Vec<String>>> =
            shown["files"].as_object().unwrap().iter().map(|(name, value)| (name.clone(), lists(value))).collect();
        let is_source = |path: &&ImagePath| !path.as_bytes().ends_with(b".pyc");
        let plain = |path: &ImagePath| format!("/{}", String::from_utf8_lossy(path.as_bytes()));
        let found = recorded.iter().map(|dist| {
            let mut there: Vec<String> = dist.files.iter().filter(is_source).map(plain).collect();
            let mut missing: Vec<String> = dist.missing.iter().map(|missing| plain(&missing.path)).collect();
            there.sort();
            missing.sort();
            (dist.normalized.clone(), vec![there, missing])
        });
        let what = place(subject, survey, position);
        assert_same(&what, &oracle, &found.collect());
        assert_eq!(shown["lost"], Value::Array(Vec::new()), "{what}: modules that cannot be found");
    });
}

#[test]
fn what_the_lab_did_to_its_environments_is_told() {
    let Some(subject) = crate::engine::traps() else { return };
    let inventory = Inventory::new(&View::new(&subject.image));
    let kinds: BTreeSet<EnvironmentKind> = inventory.environments.iter().map(|environment| environment.kind).collect();
    use EnvironmentKind::{Other, System, User, Virtual};
    assert!([System, User, Virtual, Other].iter().all(|kind| kinds.contains(kind)), "{:#?}", inventory.environments);
    let removed = inventory.removed.iter().map(|gone| {
        let kept = gone.replaced_by.map(|id| inventory.distributions[id].version.as_str());
        (gone.normalized.as_str(), gone.version.as_str(), kept)
    });
    let expected = [("lab-alpha", "1.0", Some("2.0")), ("lab-doomed", "1", None), ("lab-share-a", "1", None)];
    assert_eq!(removed.collect::<BTreeSet<_>>(), BTreeSet::from(expected));
    let broken = inventory.distributions.iter().filter(|dist| dist.is_broken()).map(|dist| dist.name.as_str());
    assert_eq!(broken.collect::<Vec<_>>(), ["lab-share-b"], "the uninstall of lab-share-a took its files away");
}
