//! `find`, as far as its expression is understood. Source: POSIX.1-2017, the manual page of GNU findutils.

use super::ignore::pattern;
use super::run::Outcome;
use super::stage::Stage;
use super::tree::directory;
use crate::base::{ImagePath, file_name, parent};
use crate::image::GapReason;
use crate::layer::{Entry, EntryKind};
use std::collections::BTreeSet;

impl Stage {
    /// What `find` finds, where its expression is understood and has no action of its own.
    pub(super) fn found(&self, words: &[String]) -> Option<Vec<Vec<u8>>> {
        let words = words.strip_prefix(&["find".to_owned()]).unwrap_or(words);
        let has_action =
            words.iter().any(|word| word == "-delete" || word == "-exec" || word == "-execdir" || word == "-ok");
        if has_action || words.is_empty() {
            return None;
        }
        self.select(words)
    }

    /// `find … -delete`, `find … -exec rm -rf {} +`.
    pub(super) fn find_and_remove(&mut self, words: &[String]) -> Outcome {
        let end = words.iter().position(|word| word == "-delete" || word == "-exec");
        let action = &words[end.unwrap_or(words.len())..];
        let action: Vec<&str> = action.iter().map(String::as_str).collect();
        let removes = match action.as_slice() {
            ["-delete"] => true,
            ["-exec", "rm", rest @ .., "{}", ";" | "+"] => {
                rest.iter().all(|word| matches!(*word, "-f" | "-r" | "-rf" | "-fr" | "-v" | "-rfv" | "--"))
                    && self.foreign_program("rm").is_none()
            }
            _ => false,
        };
        let expression = &words[..end.unwrap_or(words.len())];
        let is_deep = action.first() == Some(&"-exec")
            && action.iter().any(|word| word.starts_with('-') && *word != "-exec" && word.contains('r'));
        // What is not looked into any more goes with the folder that it is in.
        let expression = expression.strip_suffix(&["-prune".to_owned()]).filter(|_| is_deep).unwrap_or(expression);
        let found = self.select(expression).filter(|_| removes && !has_branches(expression));
        match found {
            Some(mut paths) => {
                // The deepest first: a folder that is not empty stays.
                paths.sort();
                for path in paths.iter().rev() {
                    let is_folder = self.tree.is_directory(path);
                    let is_full = is_folder && !self.tree.names(path).is_empty();
                    let stays = if action.first() == Some(&"-delete") { is_full } else { is_folder && !is_deep };
                    if !stays {
                        self.tree.remove(path);
                    }
                }
                Outcome::Done
            }
            None => Outcome::Unknown(GapReason::Option("its action".into())),
        }
    }

    /// `PATH… [-type X] [-name P]… [-o …]`
    fn select(&self, words: &[String]) -> Option<Vec<Vec<u8>>> {
        let starts = words.iter().take_while(|word| !word.starts_with('-') && *word != "(" && *word != "!").count();
        let (places, expression) = words.split_at(starts);
        let tests = alternatives(expression)?;
        let default = [".".to_owned()];
        let places = if places.is_empty() { &default[..] } else { places };
        let holds = |entry: &Entry| tests.iter().any(|all| all.iter().all(|test| test.holds(entry)));
        let mut out = Vec::new();
        for place in places {
            // `/` names the root, which is not in the tree.
            let roots =
                if self.at(place).is_some_and(|path| path.is_root()) { vec![Vec::new()] } else { self.named(place) };
            for root in roots {
                let mut folders: BTreeSet<ImagePath> = BTreeSet::new();
                for (path, entry) in self.tree.below(&root) {
                    self.tree.work.steps(tests.iter().map(|all| all.len() * 10).sum());
                    if entry.kind != EntryKind::Directory && holds(entry) {
                        out.push(path.as_bytes().to_vec());
                    }
                    // Not every folder has an entry of its own.
                    let own = (entry.kind == EntryKind::Directory).then(|| path.clone());
                    let mut above = own.unwrap_or_else(|| ImagePath::new(parent(path.as_bytes())));
                    while above.as_bytes().len() > root.len() && folders.insert(above.clone()) {
                        above = ImagePath::new(parent(above.as_bytes()));
                    }
                }
                let hits = folders.into_iter().filter(|folder| holds(&directory(folder.clone())));
                out.extend(hits.map(|folder| folder.as_bytes().to_vec()));
            }
        }
        Some(out)
    }
}

/// A test of `find`.
enum Test {
    Kind(EntryKind),
    Name(regex::Regex),
    Path(regex::Regex),
    Not(Box<Test>),
}

impl Test {
    fn holds(&self, entry: &Entry) -> bool {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            Self::Kind(kind) => entry.kind == *kind,
            Self::Name(name) => name.is_match(&text(file_name(entry.path.as_bytes()))),
            Self::Path(path) => path.is_match(&format!("/{}", text(entry.path.as_bytes()))),
            Self::Not(test) => !test.holds(entry),
        }
    }
}

/// Whether an action does not belong to all tests: it is the last alternative's, and what is pruned is not looked into.
fn has_branches(expression: &[String]) -> bool {
    let mut depth = 0_usize;
    expression.iter().any(|word| {
        match word.as_str() {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        word == "-prune" || depth == 0 && matches!(word.as_str(), "-o" | "-or")
    })
}

/// The tests between `-o`s; `None` where one is not understood. A group stands for its tests, as long as its `-o`s are the only
/// ones: `-type d \( -name a -o -name b \)` is read as both with `-type d`.
fn alternatives(words: &[String]) -> Option<Vec<Vec<Test>>> {
    let open = words.iter().position(|word| word == "(");
    if let Some(open) = open {
        let close = words.iter().rposition(|word| word == ")")?;
        let inside = words.get(open + 1..close)?;
        if inside.iter().any(|word| word == "(") {
            return None;
        }
        let inside = alternatives(inside)?;
        let outside: Vec<String> = words[..open].iter().chain(&words[close + 1..]).cloned().collect();
        if outside.iter().any(|word| word == "-o" || word == "-or" || word == "(" || word == "!") {
            return None;
        }
        return inside
            .into_iter()
            .map(|mut tests| {
                tests.extend(alternatives(&outside)?.into_iter().flatten());
                Some(tests)
            })
            .collect();
    }
    let mut out = vec![Vec::new()];
    let mut words = words.iter();
    let mut not = false;
    while let Some(word) = words.next() {
        let test = match word.as_str() {
            "-o" | "-or" => {
                out.push(Vec::new());
                continue;
            }
            "-a" | "-and" | "-print" | "-print0" | "-depth" | "-xdev" | "-mount" | "-prune" => continue,
            "!" | "-not" => {
                not = true;
                continue;
            }
            "-type" => Test::Kind(match words.next()?.as_str() {
                "f" => EntryKind::File,
                "d" => EntryKind::Directory,
                "l" => EntryKind::Symlink,
                _ => return None,
            }),
            "-name" => Test::Name(pattern(words.next()?)?),
            "-iname" => {
                Test::Name(pattern(words.next()?).and_then(|found| regex::Regex::new(&format!("(?i){found}")).ok())?)
            }
            "-path" | "-wholename" => Test::Path(pattern(&words.next()?.replace('*', "**"))?),
            _ => return None,
        };
        let test = if std::mem::take(&mut not) { Test::Not(Box::new(test)) } else { test };
        out.last_mut()?.push(test);
    }
    Some(out)
}
