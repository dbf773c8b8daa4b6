//! Keys and answers go in, orders come out.

use super::contents::Contents;
use super::keys::{HELP, Key};
use super::lists::{List, Pane, Row, follows};
use super::planned::{Choices, Planned};
use super::tree::Tree;
use crate::base::{ImagePath, Text};
use crate::fs::{DataRef, Fate};
use crate::layer::EntryKind;
use crate::report::{columns, wrap};
use regex::bytes::{Regex, RegexBuilder};
use std::sync::Arc;

/// Bytes that a line of input may have.
const MAX_INPUT: usize = 400;

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Make the plan for these choices, and tell [`Told::Planned`].
    Plan(Choices),
    /// Say why something is there, in so many columns.
    Why(About, usize),
    /// Explain a rule or a reason of the plan's own.
    Explain(String),
    /// Write the bytes of an entry to a file of this name.
    Extract(DataRef, Text),
    /// Write the plan of these choices into a folder of this name.
    Write(String, Choices),
    /// End.
    Quit,
}

/// What `w` is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A distribution or package, by name.
    Name(String),
    /// A file or folder.
    Path(ImagePath),
}

/// What comes from outside.
#[derive(Clone, Debug)]
pub enum Told {
    /// Something is under way: what, and how much of it is done, of how much.
    Progress(Text, u64, Option<u64>),
    /// The image was read.
    Read(Arc<Contents>),
    /// A plan, or why there is none for the choices.
    Planned(Result<Arc<Planned>, (Choices, Text)>),
    /// Something to read.
    Page(Text, Vec<Text>),
    /// What became of an order.
    Said(Text),
}

/// Something that lies over the panes.
#[derive(Clone, Debug)]
pub struct Page {
    /// What it is.
    pub title: Text,
    /// Its lines.
    pub lines: Vec<Text>,
    /// The first line that is shown.
    pub top: usize,
}

/// What a line is typed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// Which rows to show.
    Filter,
    /// Where to write a plan.
    Folder,
}

/// What is shown.
#[derive(Clone, Debug)]
pub struct State {
    /// Columns and rows.
    pub size: (u16, u16),
    /// The image, once it was read.
    pub contents: Option<Arc<Contents>>,
    /// What is under way: what, and how much of it is done, of how much.
    pub progress: Option<(Text, u64, Option<u64>)>,
    /// The last plan that was made.
    pub planned: Option<Arc<Planned>>,
    /// Why there is none for the choices.
    pub no_plan: Option<Text>,
    /// What the plan is to follow.
    pub choices: Choices,
    /// Where the keys go.
    pub focus: Pane,
    /// Which list is to the left.
    pub left: Pane,
    /// The lists.
    pub lists: [List; 3],
    /// The files.
    pub tree: Tree,
    /// Which files are shown.
    pub filter: String,
    /// Of a layer, what is there after it, and not what it changed.
    pub aggregated: bool,
    /// What is typed.
    pub typed: Option<(Asking, String)>,
    /// What lies over all.
    pub page: Option<Page>,
    /// What became of the last order.
    pub said: Text,
}

impl State {
    /// Before anything was read.
    pub fn new(size: (u16, u16), choices: Choices) -> Self {
        Self {
            size,
            contents: None,
            progress: None,
            planned: None,
            no_plan: None,
            choices,
            focus: Pane::Owners,
            left: Pane::Owners,
            lists: Default::default(),
            tree: Tree::default(),
            filter: String::new(),
            aggregated: false,
            typed: None,
            page: None,
            said: Text::default(),
        }
    }

    /// Another size.
    pub fn resize(&mut self, size: (u16, u16)) {
        self.size = size;
        self.scroll();
    }

    /// Rows of a pane that are seen.
    pub fn rows(&self) -> usize {
        usize::from(self.size.1).saturating_sub(7).max(1)
    }

    /// The lines of the page that lies over all, as wide as it is.
    pub fn page_lines(&self) -> Vec<String> {
        let width = usize::from(self.size.0).saturating_sub(4).max(10);
        let lines = self.page.iter().flat_map(|page| &page.lines);
        let folded = |line: &Text| {
            if columns(line) <= width {
                return vec![line.to_string()];
            }
            let start = " ".repeat((line.len() - line.trim_start().len()).min(width / 2));
            wrap(line, width - start.len()).into_iter().map(|part| format!("{start}{part}")).collect()
        };
        lines.flat_map(folded).collect()
    }

    /// The list to the left.
    pub fn list(&self) -> &List {
        &self.lists[self.left as usize]
    }

    /// Whether the plan that is shown is for other choices than those that were made.
    pub fn is_planning(&self) -> bool {
        self.no_plan.is_none() && self.planned.as_ref().is_none_or(|planned| planned.choices != self.choices)
    }

    /// An answer.
    pub fn told(&mut self, told: Told) {
        match told {
            Told::Progress(what, done, of) => self.progress = Some((what, done, of)),
            Told::Read(contents) => {
                (self.contents, self.progress) = (Some(contents), None);
                self.list_all();
                self.fill_tree();
            }
            Told::Planned(Ok(planned)) => {
                self.progress = None;
                // Of one for earlier choices nothing is told: another one is on its way.
                if planned.choices == self.choices {
                    (self.planned, self.no_plan) = (Some(planned), None);
                    self.list_all();
                    self.fill_tree();
                }
            }
            Told::Planned(Err((choices, why))) => {
                self.progress = None;
                if choices == self.choices {
                    (self.planned, self.no_plan) = (None, Some(why));
                    self.list_all();
                    self.fill_tree();
                }
            }
            Told::Page(title, lines) => {
                (self.progress, self.page) = (None, Some(Page { title, lines, top: 0 }));
                self.said = Text::default();
            }
            Told::Said(text) => (self.progress, self.said) = (None, text),
        }
    }

    fn list_all(&mut self) {
        let Some(contents) = self.contents.clone() else { return };
        for (pane, list) in Pane::ALL.into_iter().zip(&mut self.lists) {
            list.fill(pane, &contents, self.planned.as_deref());
        }
        self.scroll();
    }

    /// A key.
    pub fn key(&mut self, key: Key) -> Option<Order> {
        self.said = Text::default();
        let order = match key {
            Key::Ctrl('c') => Some(Order::Quit),
            _ if self.typed.is_some() => self.type_in(key),
            _ if self.page.is_some() => self.turn(key),
            _ => self.act(key),
        };
        self.scroll();
        order
    }

    /// A key while a page lies over all.
    fn turn(&mut self, key: Key) -> Option<Order> {
        let rows = self.rows();
        let last = self.page_lines().len().saturating_sub(rows);
        let page = self.page.as_mut()?;
        match key {
            Key::Escape | Key::Enter | Key::Char('q' | '?') => self.page = None,
            _ => page.top = moved(page.top, last + 1, rows, key).unwrap_or(page.top),
        }
        None
    }

    /// A key while something is typed.
    fn type_in(&mut self, key: Key) -> Option<Order> {
        let (asking, mut text) = self.typed.take()?;
        match key {
            Key::Escape if asking == Asking::Filter => self.set_filter(String::new()),
            Key::Escape => {}
            Key::Enter if asking == Asking::Folder && !text.is_empty() => {
                self.said = "the plan is made and written …".into();
                return Some(Order::Write(text, self.choices.clone()));
            }
            Key::Enter => {}
            _ => {
                match key {
                    Key::Char(c) if text.len() < MAX_INPUT => text.push(c),
                    Key::Backspace => _ = text.pop(),
                    Key::Ctrl('u') => text.clear(),
                    _ => {}
                }
                if asking == Asking::Filter {
                    self.set_filter(text.clone());
                }
                self.typed = Some((asking, text));
            }
        }
        None
    }

    fn set_filter(&mut self, text: String) {
        match self.focus {
            Pane::Files => {
                self.filter = text;
                self.fill_tree();
            }
            pane => {
                self.lists[pane as usize].filter = text;
                self.list_all();
                self.fill_tree();
            }
        }
    }

    fn act(&mut self, key: Key) -> Option<Order> {
        match key {
            Key::Char('q') => return Some(Order::Quit),
            Key::Char('?') => {
                let lines = HELP.iter().flat_map(|(keys, what)| [Text::from(*keys), format!("    {what}").into()]);
                self.page = Some(Page { title: "Keys".into(), lines: lines.collect(), top: 0 });
            }
            Key::Tab => self.go_to(Pane::ALL[(self.focus as usize + 1) % 4]),
            Key::BackTab => self.go_to(Pane::ALL[(self.focus as usize + 3) % 4]),
            Key::Char(digit @ '1'..='4') => self.go_to(Pane::ALL[digit as usize - '1' as usize]),
            _ if self.contents.is_none() => {}
            Key::Char('/') | Key::Ctrl('f') => {
                let text = if self.focus == Pane::Files { &self.filter } else { &self.list().filter };
                self.typed = Some((Asking::Filter, text.clone()));
            }
            Key::Escape => self.set_filter(String::new()),
            Key::Char('p') => self.typed = Some((Asking::Folder, "slim".to_owned())),
            Key::Char('s') | Key::Ctrl('o') => self.sort(),
            Key::Ctrl(mode @ ('a' | 'l')) => {
                self.aggregated = mode == 'a';
                self.fill_tree();
            }
            Key::Char('w') => return self.why(),
            Key::Char('e') => return self.explain(),
            Key::Char('x') | Key::Ctrl('e') => return self.extract(),
            Key::Char(' ') if self.focus == Pane::Findings => return self.switch(),
            _ if self.focus == Pane::Files => self.walk(key),
            Key::Right | Key::Enter | Key::Char('l') => self.go_to(Pane::Files),
            _ => self.move_in_list(key),
        }
        None
    }

    fn go_to(&mut self, pane: Pane) {
        let left = self.left;
        if pane != Pane::Files {
            self.left = pane;
        }
        self.focus = pane;
        if self.left != left {
            self.fill_tree();
        }
    }

    fn move_in_list(&mut self, key: Key) {
        let rows = self.rows();
        let list = &mut self.lists[self.left as usize];
        if let Some(cursor) = moved(list.cursor, list.rows.len(), rows, key)
            && cursor != list.cursor
        {
            list.cursor = cursor;
            self.fill_tree();
        }
    }

    /// A key in the tree.
    fn walk(&mut self, key: Key) {
        let (rows, contents) = (self.rows(), self.contents.clone());
        let Some(contents) = contents else { return };
        let here = self.tree.here().map(|(id, _)| (self.tree.is_folder(id), self.tree.is_open(&contents, id)));
        match (key, here) {
            (Key::Ctrl(' '), _) => self.tree.close_all(&contents),
            (Key::Char(' ') | Key::Enter, Some((true, open))) => self.tree.set_open(&contents, !open),
            (Key::Right | Key::Char('l'), Some((true, false))) => self.tree.set_open(&contents, true),
            (Key::Left | Key::Char('h'), Some((true, true))) => self.tree.set_open(&contents, false),
            (Key::Left | Key::Char('h'), _) => self.tree.go_up(),
            _ => {
                let count = self.tree.rows().len();
                self.tree.cursor = moved(self.tree.cursor, count, rows, key).unwrap_or(self.tree.cursor);
            }
        }
    }

    fn sort(&mut self) {
        let Some(contents) = self.contents.clone() else { return };
        if self.focus == Pane::Files {
            self.tree.by_name = !self.tree.by_name;
            self.tree.show(&contents);
            return;
        }
        let list = &mut self.lists[self.left as usize];
        list.turned = !list.turned;
        self.list_all();
    }

    /// Follows a rule, or leaves it.
    fn switch(&mut self) -> Option<Order> {
        let contents = self.contents.clone()?;
        let Row::Rule(at) = self.list().here() else {
            self.said = "this is no rule: it follows from the others, and no key leaves it out".into();
            return None;
        };
        let id = contents.rules[at].id.clone();
        let Some(followed) = follows(&contents, at, &self.choices) else {
            self.said = format!("{id} is only told: no plan does anything about it").into();
            return None;
        };
        let (accept, skip) = (&mut self.choices.accept, &mut self.choices.skip);
        if followed {
            accept.remove(&id);
            if contents.rules[at].tier == crate::rules::Tier::Auto {
                skip.insert(id);
            }
        } else {
            skip.remove(&id);
            if contents.rules[at].tier == crate::rules::Tier::Confirm {
                accept.insert(id);
            }
        }
        self.no_plan = None;
        Some(Order::Plan(self.choices.clone()))
    }

    fn why(&mut self) -> Option<Order> {
        let contents = self.contents.clone()?;
        let columns = usize::from(self.size.0).saturating_sub(6).max(20);
        let about = match (self.focus, self.list().here()) {
            (Pane::Files, _) => {
                let (id, node) = self.tree.here()?;
                let item = node.item.map(|place| contents.items[place as usize]);
                if item.is_some_and(|item| item.fate != Fate::Visible) {
                    self.said = "no container sees it: the line above says what hides it".into();
                    return None;
                }
                About::Path(ImagePath::new(self.tree.path(&contents, id)))
            }
            (_, Row::Owner(at)) if !contents.owners[at].asked.is_empty() => {
                About::Name(contents.owners[at].asked.clone())
            }
            (_, Row::Rule(at)) => {
                let rule = &contents.rules[at];
                self.page = Some(Page { title: Text::from(&rule.id), lines: rule.proof.clone(), top: 0 });
                return None;
            }
            _ => {
                self.said = "nobody brought this in by name: the line above says what it is".into();
                return None;
            }
        };
        Some(Order::Why(about, columns))
    }

    fn explain(&mut self) -> Option<Order> {
        let contents = self.contents.clone()?;
        let id = match (self.focus, self.list().here()) {
            (Pane::Files, _) => {
                let place = self.tree.here()?.1.item?;
                let item = &contents.items[place as usize];
                let gone_by = self.planned.as_ref().and_then(|planned| planned.gone_by(place));
                let about = || contents.rules.iter().find(|rule| contents.concerns(rule, item));
                gone_by.map(str::to_owned).or_else(|| about().map(|rule| rule.id.clone()))
            }
            (_, Row::Rule(at)) => Some(contents.rules[at].id.clone()),
            (_, Row::Own(id)) => Some(id),
            (_, Row::Owner(at)) => contents.about_owner(at as u32).map(|rule| rule.id.clone()),
            _ => None,
        };
        if id.is_none() {
            self.said = "no rule is about this".into();
        }
        id.map(Order::Explain)
    }

    fn extract(&mut self) -> Option<Order> {
        let contents = self.contents.clone()?;
        let item = self.tree.here().and_then(|(_, node)| node.item).map(|place| contents.items[place as usize]);
        let Some(item) = item.filter(|_| self.focus == Pane::Files) else {
            self.said = "x writes the file that is chosen to the right".into();
            return None;
        };
        match contents.entry(&item).kind {
            EntryKind::File => {
                self.said = "the layer is read …".into();
                Some(Order::Extract(item.at, contents.file_name(&item)))
            }
            EntryKind::Symlink | EntryKind::Hardlink => {
                self.said = "this is a link: choose the file that it leads to".into();
                None
            }
            _ => {
                self.said = "this is no file".into();
                None
            }
        }
    }

    /// Which files are shown.
    fn fill_tree(&mut self) {
        let Some(contents) = self.contents.clone() else { return };
        let pattern = match pattern(&self.filter) {
            Ok(pattern) => pattern,
            Err(why) => {
                self.said = why;
                return;
            }
        };
        let row = self.list().here();
        let planned = self.planned.clone();
        let gone_by = |place: u32| planned.as_ref().and_then(|planned| planned.gone_by(place));
        let is_shown = |place: &u32| {
            let item = &contents.items[*place as usize];
            let is_removal = matches!(contents.entry(item).kind, EntryKind::Whiteout | EntryKind::Opaque);
            let is_chosen = match &row {
                Row::All => !is_removal,
                Row::Owner(at) => item.whose == *at as u32,
                Row::Layer(at) if self.aggregated => !is_removal && is_there_after(item.at.0, item.fate, *at),
                Row::Layer(at) => item.at.0 as usize == *at,
                Row::Rule(at) => {
                    let rule = &contents.rules[*at];
                    !is_removal && (contents.concerns(rule, item) || gone_by(*place) == Some(&rule.id))
                }
                Row::Own(id) => gone_by(*place) == Some(id),
            };
            is_chosen && pattern.as_ref().is_none_or(|pattern| pattern.is_match(contents.path(item)))
        };
        let places = (0..contents.items.len() as u32).filter(is_shown);
        self.tree.fill(&contents, &|place| gone_by(place).is_some(), places, pattern.is_some());
    }

    /// Moves what is seen to where one is.
    fn scroll(&mut self) {
        let rows = self.rows();
        let follow = |cursor: usize, top: usize| top.min(cursor).max((cursor + 1).saturating_sub(rows));
        for list in &mut self.lists {
            list.top = follow(list.cursor, list.top);
        }
        self.tree.top = follow(self.tree.cursor, self.tree.top);
    }
}

/// Whether what is in one layer is there once another one was put on it.
fn is_there_after(layer: u32, fate: Fate, after: usize) -> bool {
    let hider = match fate {
        Fate::Visible => usize::MAX,
        Fate::Shadowed => 0,
        Fate::Replaced { by } | Fate::Rewritten { by } | Fate::Deleted { by, .. } => by as usize,
    };
    layer as usize <= after && hider > after
}

/// A filter of paths; none where nothing was typed. Upper and lower case are the same unless there is some upper case.
fn pattern(text: &str) -> Result<Option<Regex>, Text> {
    if text.is_empty() {
        return Ok(None);
    }
    let made = RegexBuilder::new(text).unicode(false).case_insensitive(text.to_lowercase() == text).build();
    made.map(Some).map_err(|_| format!("`{text}` is no regular expression: the filter before it stays").into())
}

/// Where a key leads from a row of so many, of which `page` are seen; nothing of keys that are for something else.
fn moved(at: usize, count: usize, page: usize, key: Key) -> Option<usize> {
    let last = count.saturating_sub(1);
    let to = match key {
        Key::Up | Key::Char('k') => at.saturating_sub(1),
        Key::Down | Key::Char('j') => at + 1,
        Key::PageUp | Key::Char('u') => at.saturating_sub(page),
        Key::PageDown | Key::Char('d') => at + page,
        Key::Ctrl('u') => at.saturating_sub(page / 2),
        Key::Ctrl('d') => at + page / 2,
        Key::Home | Key::Char('g') => 0,
        Key::End | Key::Char('G') => last,
        _ => return None,
    };
    Some(to.min(last))
}
