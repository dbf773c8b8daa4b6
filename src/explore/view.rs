//! What is seen. Nothing is told by colour alone: one is at a row by `>`, in a pane by a thick frame, and all states have a
//! letter.

use super::contents::{Change, Contents};
use super::lists::{Pane, Row, detail, mark, name, size};
use super::state::{Asking, State};
use super::tree::Node;
use crate::base::{Basis, ByteSize, Text, count};
use crate::fs::Fate;
use crate::report::{and_gaps, columns, fit, left, right, wrap_to};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph};

/// Columns of a size.
const SIZE: usize = 8;
/// From so many columns on, files have their hidden bytes beside them.
const WIDE: u16 = 120;
/// What the last line says, and where that has no room.
const KEYS: &str = "Tab pane  / filter  s sort  Space switch  w why  e explain  x take  p plan  ? q";
const FEW_KEYS: &str = "? keys  q quit  Tab pane  / filter  Space switch";

/// Draws the state; with `color` some letters have one as well.
pub fn draw(frame: &mut Frame<'_>, state: &State, color: bool) {
    let parts = [Constraint::Length(2), Constraint::Min(3), Constraint::Length(2), Constraint::Length(1)];
    let [head, body, about, foot] = Layout::vertical(parts).areas(frame.area());
    let painter = Painter { state, color };
    frame.render_widget(Paragraph::new(painter.head(head.width)), head);
    match &state.contents {
        Some(contents) => {
            let [list, files] =
                Layout::horizontal([Constraint::Length(list_width(body.width)), Constraint::Min(10)]).areas::<2>(body);
            painter.list(frame, list, contents);
            painter.files(frame, files, contents);
            let lines = wrap_to(&painter.about(contents), usize::from(about.width), 2);
            let lines = lines.into_iter().map(Line::from).collect::<Vec<_>>();
            frame.render_widget(Paragraph::new(lines), about);
        }
        None => painter.reading(frame, body),
    }
    if state.page.is_some() {
        painter.page(frame, body);
    }
    frame.render_widget(Paragraph::new(painter.foot(foot.width)), foot);
}

/// Columns of the list to the left.
fn list_width(all: u16) -> u16 {
    if all >= WIDE { (all * 2 / 5).min(64) } else { (all * 9 / 20).max(20) }
}

struct Painter<'s> {
    state: &'s State,
    color: bool,
}

impl Painter<'_> {
    fn tone(&self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    /// The image, and what the plan makes of it.
    fn head(&self, width: u16) -> Vec<Line<'static>> {
        let width = usize::from(width);
        let Some(contents) = &self.state.contents else {
            return vec![Line::styled("slimwright explore", Modifier::BOLD)];
        };
        let base = contents.unknown_base.as_ref().map_or("", |_| "unknown base + ");
        let gaps = and_gaps(contents.gaps);
        let basis = if contents.basis == Basis::Measured { "" } else { " · predicted, not measured" };
        let layers = count(contents.layers.len(), "layer");
        let facts =
            format!(" · {} · {layers} · {base}{}{gaps} unpacked{basis}", contents.platform, ByteSize(contents.bytes));
        let name = fit(&contents.name, width.saturating_sub(facts.chars().count()).max(10));
        let plan = match (&self.state.no_plan, &self.state.planned) {
            (Some(why), _) => format!("no plan: {why}"),
            (None, _) if self.state.is_planning() => "plan: computing …".to_owned(),
            (None, Some(planned)) => format!("plan: {}", planned.total),
            (None, None) => "plan: none".to_owned(),
        };
        let choices = &self.state.choices;
        let chosen = choices.accept.iter().map(|id| format!(" --accept {id}"));
        let chosen: String = chosen.chain(choices.skip.iter().map(|id| format!(" --skip {id}"))).collect();
        let chosen = if chosen.is_empty() { chosen } else { format!(" ·{}", Text::from(chosen)) };
        let head = Line::from(vec![Span::styled(name, Modifier::BOLD), Span::raw(fit(&facts, width))]);
        vec![head, Line::styled(fit(&format!("{plan}{chosen}"), width), self.tone(Color::Green))]
    }

    fn reading(&self, frame: &mut Frame<'_>, area: Rect) {
        let (what, done) = match &self.state.progress {
            None => ("looking for the image".to_owned(), String::new()),
            Some((what, done, of)) => {
                let part = of.map(|of| {
                    let percent = u128::from(*done) * 100 / u128::from(of.max(1));
                    format!(" of {}, {percent} %", ByteSize(of))
                });
                let done = if *done == 0 && of.is_none() { String::new() } else { ByteSize(*done).to_string() };
                (what.to_string(), format!("{done}{}", part.unwrap_or_default()))
            }
        };
        let lines = vec![Line::from(""), Line::from(format!("  {what} …")), Line::from(format!("  {done}"))];
        frame.render_widget(Paragraph::new(lines).block(self.frame_of("Reading", false)), area);
    }

    fn frame_of(&self, title: &str, focused: bool) -> Block<'static> {
        let border = if focused { BorderType::Thick } else { BorderType::Plain };
        let style = if focused { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        Block::bordered().border_type(border).title(Span::styled(format!(" {title} "), style))
    }

    /// The list to the left, under the names of all three.
    fn list(&self, frame: &mut Frame<'_>, area: Rect, contents: &Contents) {
        let state = self.state;
        let title = |is_short: bool| {
            let titles = Pane::ALL.iter().take(3).enumerate().map(|(at, pane)| match *pane == state.left {
                true => format!("[{}]", pane.title()),
                false if is_short => (at + 1).to_string(),
                false => format!("{} {}", at + 1, pane.title()),
            });
            titles.collect::<Vec<_>>().join(" ")
        };
        let is_short = columns(&title(false)) + 4 > usize::from(area.width);
        let block = self.frame_of(&title(is_short), state.focus != Pane::Files);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let list = state.list();
        let planned = state.planned.as_deref();
        let rows = list.rows.iter().enumerate().skip(list.top).take(usize::from(inner.height));
        let rows = rows.map(|(at, row)| {
            let mark = mark(row, contents, &state.choices);
            let mark = if mark.is_empty() { mark } else { mark + " " };
            let room = usize::from(inner.width).saturating_sub(1 + mark.chars().count() + SIZE + 1);
            let text = format!(
                "{mark}{} {}",
                right(&size(row, contents, planned), SIZE),
                left(&name(row, contents, planned), room)
            );
            self.row(text, at == list.cursor, state.focus != Pane::Files)
        });
        frame.render_widget(Paragraph::new(rows.collect::<Vec<_>>()), inner);
    }

    fn row(&self, text: String, is_here: bool, is_focused: bool) -> Line<'static> {
        let style = match (is_here, is_focused) {
            (true, true) => Style::new().add_modifier(Modifier::REVERSED),
            (true, false) => Style::new().add_modifier(Modifier::UNDERLINED),
            _ => Style::new(),
        };
        Line::styled(format!("{}{text}", if is_here { ">" } else { " " }), style)
    }

    fn files(&self, frame: &mut Frame<'_>, area: Rect, contents: &Contents) {
        let state = self.state;
        let shown = match state.list().here() {
            Row::All => "Files".to_owned(),
            Row::Layer(at) if state.aggregated => format!("Files after layer {}", at + 1),
            Row::Layer(at) => format!("Changes of layer {}", at + 1),
            row => format!("Files: {}", name(&row, contents, state.planned.as_deref())),
        };
        let filter = match state.filter.as_str() {
            "" => String::new(),
            filter => format!(" /{}/", Text::from(filter)),
        };
        let title = fit(&format!("{shown}{filter}"), usize::from(area.width).saturating_sub(4));
        let block = self.frame_of(&title, state.focus == Pane::Files);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let tree = &state.tree;
        let rows = tree.rows().enumerate().skip(tree.top).take(usize::from(inner.height));
        let rows: Vec<Line<'_>> = rows
            .map(|(at, (id, node))| {
                let text = self.file(contents, id, node, usize::from(inner.width).saturating_sub(1));
                self.row(text, at == tree.cursor, state.focus == Pane::Files)
            })
            .collect();
        let rows = if rows.is_empty() { vec![Line::from(" no file is told of")] } else { rows };
        frame.render_widget(Paragraph::new(rows), inner);
    }

    /// Letters of change and fate, bytes, of these the hidden ones where there is room, whose, and the name.
    fn file(&self, contents: &Contents, id: u32, node: &Node, width: usize) -> String {
        let item = node.item.map(|place| &contents.items[place as usize]);
        let change = match item.map(|item| item.change) {
            Some(Change::Added) if self.is_layer() => 'A',
            Some(Change::Changed) if self.is_layer() => 'M',
            Some(Change::Removed) => 'D',
            _ => ' ',
        };
        let fate = match node {
            _ if node.bytes > 0 && node.hidden == node.bytes => 'h',
            _ if node.bytes > 0 && node.goes == node.bytes => '−',
            _ if node.hidden + node.goes > 0 => '~',
            _ => ' ',
        };
        let is_wide = self.state.size.0 >= WIDE;
        let whose = node.whose.and_then(|whose| contents.owners.get(whose as usize));
        let whose = whose.map_or_else(String::new, |whose| whose.name.to_string());
        let (whose, hidden) = match is_wide {
            true => (
                left(&whose, 24),
                right(&if node.hidden > 0 { ByteSize(node.hidden).to_string() } else { String::new() }, SIZE),
            ),
            false => (left(&whose, 10), String::new()),
        };
        let hidden = if is_wide { format!("{hidden} ") } else { hidden };
        let folder = match (self.state.tree.is_folder(id), self.state.tree.is_open(contents, id)) {
            (true, true) => "▾ ",
            (true, false) => "▸ ",
            _ => "  ",
        };
        let slash = if self.state.tree.is_folder(id) { "/" } else { "" };
        let name =
            format!("{}{folder}{}{slash}", " ".repeat(node.depth), Text::of_bytes(self.state.tree.name(contents, id)));
        let start = format!("{change}{fate} {} {hidden}{whose} ", right(&ByteSize(node.bytes).to_string(), SIZE));
        format!("{start}{}", left(&name, width.saturating_sub(columns(&start))))
    }

    fn is_layer(&self) -> bool {
        matches!(self.state.list().here(), Row::Layer(_))
    }

    /// All that there is to say of where one is.
    fn about(&self, contents: &Contents) -> String {
        let state = self.state;
        if state.focus != Pane::Files {
            return detail(&state.list().here(), contents, state.planned.as_deref(), &state.choices);
        }
        let Some((id, node)) = state.tree.here() else { return String::new() };
        let mut out = format!("/{}", Text::of_bytes(state.tree.path(contents, id)));
        if let Some(whose) = node.whose.and_then(|whose| contents.owners.get(whose as usize)) {
            out.push_str(&format!(" · {}", whose.name));
        }
        let item = node.item.map(|place| (place, &contents.items[place as usize]));
        if let Some((place, item)) = item {
            let entry = contents.entry(item);
            out.push_str(&format!(" · layer {} · {:04o} {}:{}", item.at.0 + 1, entry.mode, entry.uid, entry.gid));
            if let Some(link) = &entry.link {
                out.push_str(&format!(" · → {}", Text::of_bytes(link)));
            }
            out.push_str(&hidden_by(item.fate));
            let gone = state.planned.as_ref().and_then(|planned| planned.gone_by(place));
            out.extend(gone.map(|by| format!(" · goes by {}", Text::from(by))));
        }
        if state.tree.is_folder(id) {
            let files = count(node.files as usize, "file");
            out.push_str(&format!(
                " · {} in {files}, hidden {}, goes {}",
                ByteSize(node.bytes),
                ByteSize(node.hidden),
                ByteSize(node.goes)
            ));
        }
        out
    }

    fn page(&self, frame: &mut Frame<'_>, area: Rect) {
        let Some(page) = &self.state.page else { return };
        let block = self.frame_of(&page.title, true);
        let inner = block.inner(area);
        frame.render_widget(Clear, area);
        frame.render_widget(block, area);
        let lines = self.state.page_lines().into_iter().skip(page.top).take(usize::from(inner.height));
        let lines: Vec<Line<'_>> = lines.map(|line| Line::from(format!(" {line}"))).collect();
        frame.render_widget(Paragraph::new(lines), inner);
    }

    fn foot(&self, width: u16) -> Line<'static> {
        let state = self.state;
        let width = usize::from(width);
        let text = match (&state.typed, &state.page) {
            (Some((Asking::Filter, text)), _) => {
                format!("filter: {}_   Enter keeps it, Esc takes it back", Text::from(text))
            }
            (Some((Asking::Folder, text)), _) => {
                format!("write the plan into the folder: {}_   Enter, Esc", Text::from(text))
            }
            (None, Some(_)) => "↑ ↓ PgUp PgDn scroll   Esc back".to_owned(),
            _ if !state.said.is_empty() => state.said.to_string(),
            _ if state.contents.is_some() && state.progress.is_some() => self.under_way(),
            _ if columns(KEYS) <= width => KEYS.to_owned(),
            _ => FEW_KEYS.to_owned(),
        };
        Line::styled(fit(&text, width), Style::new().add_modifier(Modifier::BOLD))
    }

    fn under_way(&self) -> String {
        self.state.progress.as_ref().map_or_else(String::new, |(what, done, _)| match done {
            0 => format!("{what} …"),
            done => format!("{what} … {}", ByteSize(*done)),
        })
    }
}

fn hidden_by(fate: Fate) -> String {
    match fate {
        Fate::Visible => String::new(),
        Fate::Shadowed => " · hidden: the same layer has it again".to_owned(),
        Fate::Replaced { by } => format!(" · hidden: layer {} has something else there", by + 1),
        Fate::Rewritten { by } => format!(" · hidden: layer {} has the same bytes again", by + 1),
        Fate::Deleted { by, .. } => format!(" · hidden: layer {} removes it", by + 1),
    }
}
