//! The terminal explorer: keys in, screens and orders out, without a terminal.

use crate::budget::dist;
use crate::fixture::image;
use crate::golden;
use crate::prove::on_python;
use assert_cmd::Command;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use slimwright::explore::{About, Choices, Contents, Key, Order, Planned, State, Told, draw};
use slimwright::facts::{Facts, Survey};
use slimwright::fs::View;
use slimwright::image::Image;
use slimwright::plan::PlanOptions;
use slimwright::rules::{Finding, Rule, embedded, evaluate};
use std::sync::Arc;

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// A GPU build, an uninstalled distribution, a cache and an application on a base that is known. `more` is in the layer that pip
/// made.
pub fn team(more: &str) -> Image {
    let installed = [
        dist("easyocr", "1.7.1", 5_000_000, &["torch"]),
        dist("torch", "2.1.1", 310_000_000, &["nvidia-cublas-cu12", "nvidia-cudnn-cu12"]),
        dist("nvidia-cublas-cu12", "12.1", 200_000_000, &[]),
        dist("nvidia-cudnn-cu12", "8.9", 100_000_000, &[]),
        dist("requests", "2.31.0", 2_000_000, &[]),
        dist("oldlib", "1.0", 60_000_000, &[]),
    ]
    .concat();
    let mut image = on_python(&format!(
        "layer RUN pip install -r requirements.txt\n{installed}{more}f root/.cache/pip/http/x 30000000\n\
         layer RUN pip uninstall -y oldlib\nw {SITE}/oldlib.py\nw {SITE}/oldlib-1.0.dist-info\n\
         layer COPY . /app\nf app/requirements.txt = easyocr\\nrequests\\noldlib\\n\nf app/model.bin 20000000\n"
    ));
    image.name = "team/service:1.0".into();
    image
}

/// An explorer, and who would do what it orders.
struct Session<'a> {
    state: State,
    facts: &'a Facts<'a>,
    findings: &'a [Finding],
    rules: &'a [Rule],
    contents: Arc<Contents>,
}

impl Session<'_> {
    fn plan(&mut self, choices: Choices) -> u64 {
        let options = PlanOptions {
            accept: choices.accept.iter().cloned().collect(),
            skip: choices.skip.iter().cloned().collect(),
            ledger: true,
            ..PlanOptions::default()
        };
        let plan = slimwright::prove::make(self.facts, self.findings, self.rules, &options).unwrap();
        let planned = Planned::new(&self.contents, self.facts.view.image(), &plan, choices);
        let bytes = planned.bytes;
        assert_eq!(bytes, plan.predicted.unpacked());
        self.state.told(Told::Planned(Ok(Arc::new(planned))));
        bytes
    }

    fn press(&mut self, keys: &[Key]) -> Option<Order> {
        keys.iter().map(|key| self.state.key(*key)).last().flatten()
    }

    fn typed(&mut self, text: &str) {
        text.chars().for_each(|c| assert_eq!(self.state.key(Key::Char(c)), None));
    }

    /// Goes to the row of a list that has these words.
    fn go_to(&mut self, words: &str) {
        self.press(&[Key::Home]);
        for _ in 0..200 {
            if self.row().contains(words) {
                return;
            }
            self.press(&[Key::Down]);
        }
        panic!("no row has {words}:\n{}", self.screen());
    }

    /// The row that one is at in the pane that has the keys.
    fn row(&self) -> String {
        let screen = self.screen();
        let mut rows = screen.lines().filter_map(|line| line.split('┃').find(|part| part.starts_with('>')));
        rows.next_back().unwrap_or_default().to_owned()
    }

    fn screen(&self) -> String {
        screen(&self.state)
    }
}

fn screen(state: &State) -> String {
    let mut terminal = Terminal::new(TestBackend::new(state.size.0, state.size.1)).unwrap();
    terminal.draw(|frame| draw(frame, state, false)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y: u16| {
        let mut line = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += (unicode_width::UnicodeWidthStr::width(symbol) as u16).max(1);
        }
        line.trim_end().to_owned() + "\n"
    };
    (0..buffer.area.height).map(row).collect()
}

fn session(image: &Image, size: (u16, u16), then: impl FnOnce(&mut Session<'_>)) {
    let rules = embedded();
    let view = View::new(image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let findings = evaluate(&facts, &rules);
    let contents = Arc::new(Contents::new(&facts, &findings, &rules));
    let mut state = State::new(size, Choices::default());
    state.told(Told::Read(contents.clone()));
    then(&mut Session { state, facts: &facts, findings: &findings, rules: &rules, contents });
}

#[test]
fn screens_at_two_sizes() {
    for (size, name) in [((80, 24), "80x24"), ((160, 48), "160x48")] {
        let waiting = State::new(size, Choices::default());
        session(&team(""), size, |session| {
            session.plan(Choices::default());
            let mut all = screen(&waiting);
            let mut shot = |session: &mut Session<'_>, keys: &[Key]| {
                session.press(keys);
                all.push_str(&format!("\n{keys:?}\n{}", session.screen()));
            };
            shot(session, &[]);
            shot(session, &[Key::Tab, Key::Down, Key::Down, Key::Down]);
            shot(session, &[Key::Ctrl('a')]);
            shot(session, &[Key::Tab, Key::Down]);
            shot(session, &[Key::Char('1'), Key::Char('4'), Key::Char(' '), Key::Down, Key::Char(' ')]);
            shot(session, &[Key::Char('?')]);
            golden::check(&format!("explore/{name}.txt"), &all);
        });
    }
}

#[test]
fn a_narrow_screen_says_where_one_is_and_how_to_get_out() {
    session(&team(""), (60, 20), |session| {
        session.plan(Choices::default());
        session.press(&[Key::Char('3')]);
        let screen = session.screen();
        assert!(screen.contains("1 2 [Findings]") && screen.contains("q quit"), "{screen}");
    });
}

#[test]
fn the_rows_of_owners_are_the_image() {
    for spec in
        ["layer x\nf a 10\nf b/c 20\nlayer y\nw a\nf b/c 5\nh d -> b/c\n", "layer x\nd a\n", "layer x\nf a 7\nf a 8\n"]
    {
        let image = image(spec);
        session(&image, (80, 24), |session| {
            let sum: u64 = session.contents.owners.iter().map(|owner| owner.bytes).sum();
            assert_eq!(sum, image.unpacked(), "{spec}");
            let (_, top) =
                session.state.tree.rows().fold((0, 0), |(depth, sum), (_, node)| {
                    (depth, if node.depth == 0 { sum + node.bytes } else { sum })
                });
            assert_eq!(top, image.unpacked(), "{spec}");
        });
    }
}

#[test]
fn a_switched_rule_makes_the_plan_anew_and_the_total_is_the_plans() {
    session(&team(""), (100, 30), |session| {
        let all = session.plan(Choices::default());
        session.press(&[Key::Char('3')]);
        session.go_to("torch-cuda");
        assert!(session.row().contains("[x]"), "{}", session.row());
        let Some(Order::Plan(choices)) = session.press(&[Key::Char(' ')]) else { panic!("no plan is ordered") };
        assert_eq!(choices.skip.iter().collect::<Vec<_>>(), ["torch-cuda"]);
        assert!(session.screen().contains("plan: computing"), "{}", session.screen());
        // What was ordered before is no answer any more.
        session.plan(Choices::default());
        assert!(session.screen().contains("plan: computing"), "{}", session.screen());
        let fewer = session.plan(choices);
        assert!(fewer > all);
        assert!(session.row().contains("torch-cuda") && session.row().contains("[ ]"), "{}", session.row());
        let Some(Order::Plan(back)) = session.press(&[Key::Char(' ')]) else { panic!("no plan is ordered") };
        assert_eq!((back.clone(), session.plan(back)), (Choices::default(), all));
        session.go_to("rebuild");
        assert_eq!(session.press(&[Key::Char(' ')]), None);
        assert!(session.screen().contains("follows from the others"), "{}", session.screen());
    });
}

#[test]
fn files_are_found_opened_and_ordered() {
    session(&team(""), (120, 40), |session| {
        session.plan(Choices::default());
        session.press(&[Key::Char('4'), Key::Char('/')]);
        session.typed("model\\.bin");
        session.press(&[Key::Enter]);
        session.go_to("model.bin");
        assert_eq!(session.state.tree.rows().len(), 2, "{}", session.screen());
        let Some(Order::Extract(at, name)) = session.press(&[Key::Char('x')]) else { panic!("nothing is extracted") };
        assert_eq!((at.0, name.as_str()), (4, "model.bin"));
        let Some(Order::Why(About::Path(path), _)) = session.press(&[Key::Char('w')]) else { panic!("no why") };
        assert_eq!(path.to_string(), "/app/model.bin");
        session.press(&[Key::Char('/')]);
        session.typed("(");
        assert!(session.state.said.contains("is no regular expression"), "{}", session.state.said);
        session.press(&[Key::Escape]);
        assert!(session.state.tree.rows().len() > 2);
        // What a layer removes is told, and is no file to write.
        session.press(&[Key::Char('2')]);
        session.go_to("pip uninstall");
        session.press(&[Key::Char('4'), Key::Char('/')]);
        session.typed("oldlib.py");
        session.press(&[Key::Enter]);
        session.go_to("D");
        assert_eq!(session.press(&[Key::Char('x')]), None);
        assert!(session.screen().contains("this is no file"), "{}", session.screen());
        session.press(&[Key::Char('1'), Key::Char('/')]);
        session.typed("torch");
        session.press(&[Key::Enter, Key::Down]);
        let order = session.press(&[Key::Char('w')]);
        assert!(matches!(order, Some(Order::Why(About::Name(name), _)) if name == "torch"));
        assert_eq!(session.press(&[Key::Char('e')]), Some(Order::Explain("torch-cuda".into())));
        session.press(&[Key::Char('p')]);
        session.typed("-1");
        let Some(Order::Write(folder, choices)) = session.press(&[Key::Enter]) else { panic!("nothing is written") };
        assert_eq!((folder.as_str(), choices), ("slim-1", Choices::default()));
        assert_eq!(session.press(&[Key::Ctrl('c')]), Some(Order::Quit));
    });
}

#[test]
fn names_of_an_image_steer_nothing() {
    let mut image = image(
        "layer RUN \u{1b}[2J\n\
         f opt/\u{1b}[31mred 10\nf opt/\u{202e}gpj.exe 20\nf opt/日本語の名前の長いファイル 30\nf \u{9b}x/y 40\n",
    );
    image.name = "\u{1b}]0;title\u{7}".into();
    for size in [(80, 24), (160, 48), (20, 8), (1, 1)] {
        session(&image, size, |session| {
            session.plan(Choices::default());
            session.press(&[Key::Char('4'), Key::Char(' '), Key::Down]);
            let screen = session.screen();
            assert!(!screen.contains(|c: char| c != '\n' && slimwright::base::is_hidden(c)), "{screen:?}");
            let order = session.press(&[Key::Char('x')]);
            assert!(!format!("{order:?}").contains('\u{1b}'), "{order:?}");
        });
    }
}

#[test]
fn every_key_in_every_pane_leaves_a_screen() {
    let keys = "qwertyuiopasdfghjklzxcvbnm /?1234GN".chars().map(Key::Char);
    let keys = keys.chain("fdualeobr ".chars().map(Key::Ctrl)).chain([
        Key::Up,
        Key::Down,
        Key::Left,
        Key::Right,
        Key::Home,
        Key::End,
        Key::PageUp,
        Key::PageDown,
        Key::Tab,
        Key::BackTab,
        Key::Enter,
        Key::Escape,
        Key::Backspace,
    ]);
    let keys: Vec<Key> = keys.collect();
    session(&team(""), (80, 24), |session| {
        session.plan(Choices::default());
        for first in &keys {
            for second in &keys {
                session.press(&[*first, *second]);
            }
            session.screen();
            session.press(&[Key::Escape, Key::Escape]);
        }
    });
}

#[test]
fn without_a_terminal_it_says_what_prints_the_same() {
    let mut command = Command::cargo_bin("slimwright").unwrap();
    let output = command.args(["explore", "service.tar"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(
        stderr.contains("needs a terminal") && stderr.contains("slimwright audit service.tar --details"),
        "{stderr}"
    );
}
