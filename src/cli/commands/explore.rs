//! `slimwright explore`: an image to walk about in. One thread draws and takes keys, one reads the image and does what is
//! ordered, so that no key ever waits for an image.

use super::{plan, why};
use crate::base::Text;
use crate::cli::dockerfile::UserDockerfile;
use crate::cli::failure::{Failure, Result};
use crate::cli::input::Input;
use crate::cli::locate::locate;
use crate::cli::options::{self, Color, Followed, PlanFormat, Style};
use crate::cli::output::Destination;
use crate::cli::pipeline::{self, Ask, Asks, Found};
use crate::cli::terminal::{self, Terminal};
use crate::emit;
use crate::explore::{About, Choices, Contents, Order, Planned, State, Told, draw};
use crate::fs::DataRef;
use crate::image::{Layers, Progress};
use crate::layer::{Entry, EntryKind};
use crate::plan::{AtHand, PlanOptions};
use crate::report::{self, WhyReport};
use crate::rules::{Rule, actions, explain, explain_own};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Read};
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often at most it is told how far the reading is.
const TOLD_EVERY: Duration = Duration::from_millis(80);

/// What the drawing thread waits for.
enum Event {
    Input(terminal::Input),
    Told(Told),
    /// The image cannot be read.
    Failed(Failure),
    /// The thread that reads has ended.
    Gone,
}

/// Runs the command.
pub fn run(mut args: options::Explore) -> Result<()> {
    check_terminal(&args.source.target)?;
    let rules = pipeline::rules(args.profiles.profiles.as_deref())?;
    let followed = pipeline::followed(&rules, &args.followed)?;
    args.source = locate(args.source)?;
    // From here on a line on stderr would stand in the middle of the screen.
    args.source.quiet = true;
    let input = Input::new(args.source.clone(), &args.asked)?.with_sources();
    let choices = Choices { accept: followed.accept.into_iter().collect(), skip: followed.skip.into_iter().collect() };
    let color = match args.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
    };
    let (events, incoming) = channel();
    let (orders, ordered) = channel();
    let (tell, told) = (events.clone(), events);
    let first = choices.clone();
    let mut terminal = Terminal::take(color).map_err(lost)?;
    terminal::listen(move |input| tell.send(Event::Input(input)).is_ok()).map_err(lost)?;
    thread::spawn(move || {
        let _gone = Gone(told.clone());
        let reader = Reader { args, input, rules, told };
        if let Err(failure) = reader.read(&ordered, first) {
            reader.send(Event::Failed(failure));
        }
    });
    let end = show(&mut terminal, choices, color, &incoming, &orders);
    drop(terminal);
    if let Ok(Some(signal)) = end {
        terminal::end_by(signal);
    }
    end.map(|_| ())
}

fn check_terminal(target: &str) -> Result<()> {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if io::stdin().is_terminal() && io::stdout().is_terminal() && !dumb {
        return Ok(());
    }
    let error = anyhow::anyhow!("explore needs a terminal for its keys and its screen, and this is none");
    let shown = Text::from(&crate::base::shell_word(target));
    Err(Failure::usage(error).hint(match target {
        "-" => "write the image to a file first, and name it: slimwright explore FILE".to_owned(),
        _ => format!("`slimwright audit {shown} --details` prints it, `--format html` makes a page"),
    }))
}

fn lost(error: io::Error) -> Failure {
    Failure::measure(anyhow::Error::new(error).context("the terminal cannot be used"))
}

/// Draws and takes keys until the end. Gives the signal that ended it, if one did.
fn show(
    terminal: &mut Terminal,
    choices: Choices,
    color: bool,
    incoming: &Receiver<Event>,
    orders: &Sender<Order>,
) -> Result<Option<i32>> {
    let size = terminal.0.size().map_err(lost)?;
    let mut state = State::new((size.width, size.height), choices);
    loop {
        terminal.0.draw(|frame| draw(frame, &state, color)).map_err(lost)?;
        // The first event is waited for; what came meanwhile is seen with it.
        let Ok(first) = incoming.recv() else { return Ok(None) };
        for event in std::iter::once(first).chain(incoming.try_iter()) {
            match event {
                Event::Input(terminal::Input::Size(width, height)) => state.resize((width, height)),
                Event::Input(terminal::Input::Signal(signal)) => return Ok(Some(signal)),
                Event::Input(terminal::Input::Lost(error)) => return Err(lost(error)),
                Event::Input(terminal::Input::Key(key)) => match state.key(key) {
                    Some(Order::Quit) => return Ok(None),
                    Some(order) => _ = orders.send(order),
                    None => {}
                },
                Event::Told(told) => state.told(told),
                Event::Failed(failure) => return Err(failure),
                Event::Gone => {
                    let error =
                        anyhow::anyhow!("the part that reads the image has ended: this is a fault of slimwright");
                    return Err(Failure::measure(error));
                }
            }
        }
    }
}

/// Tells the end of its thread, however that comes.
struct Gone(Sender<Event>);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.0.send(Event::Gone);
    }
}

/// Who reads the image and does what is ordered.
struct Reader {
    args: options::Explore,
    input: Input,
    rules: Vec<Rule>,
    told: Sender<Event>,
}

impl Reader {
    fn send(&self, event: Event) {
        // Who drew is gone, and soon this thread is.
        let _ = self.told.send(event);
    }

    fn tell(&self, told: Told) {
        self.send(Event::Told(told));
    }

    fn read(&self, ordered: &Receiver<Order>, first: Choices) -> Result<()> {
        let far = Far::new(&self.told);
        let (opened, layers) = self.input.keeping_cache(|| pipeline::opened_with_layers(&self.input, &far))?;
        self.tell(Told::Progress("finding out whose everything is".into(), 0, None));
        let dockerfile = UserDockerfile::of_input(&self.input)?;
        pipeline::find(&opened, &self.input.given, &self.rules, |found| {
            let contents = Arc::new(Contents::new(found.facts, found.findings, &self.rules));
            self.tell(Told::Read(contents.clone()));
            let bases = RefCell::default();
            let worker = Worker { reader: self, found: &found, contents, layers, dockerfile, bases };
            worker.obey(Order::Plan(first));
            while let Ok(order) = ordered.recv() {
                let orders: Vec<Order> = std::iter::once(order).chain(ordered.try_iter()).collect();
                let last = orders.iter().rposition(|order| matches!(order, Order::Plan(_)));
                for (place, order) in orders.into_iter().enumerate() {
                    // Of several plans nobody waits for the earlier ones.
                    if !matches!(order, Order::Plan(_)) || last == Some(place) {
                        worker.obey(order);
                    }
                }
            }
        });
        Ok(())
    }
}

/// What orders are done with.
struct Worker<'w> {
    reader: &'w Reader,
    found: &'w Found<'w>,
    contents: Arc<Contents>,
    layers: Option<Layers>,
    dockerfile: Option<Box<UserDockerfile>>,
    /// What was found by the names of bases.
    bases: RefCell<BTreeMap<String, Option<AtHand>>>,
}

impl Worker<'_> {
    fn obey(&self, order: Order) {
        let told = match order {
            Order::Plan(choices) => self.plan(choices),
            Order::Why(about, width) => self.why(&about, width),
            Order::Explain(id) => self.explain(&id),
            Order::Extract(at, name) => said(self.extract(at, &name)),
            Order::Write(folder, choices) => said(self.write(folder, choices)),
            Order::Quit => return,
        };
        self.reader.tell(told);
    }

    fn plan(&self, choices: Choices) -> Told {
        let input = &self.reader.input;
        let (accept, skip): (Vec<_>, Vec<_>) =
            (choices.accept.iter().cloned().collect(), choices.skip.iter().cloned().collect());
        let dockerfile = self.dockerfile.clone().map(|file| file.skipping(skip.clone()));
        let own_dockerfile = dockerfile.is_some();
        let options = PlanOptions { accept, skip, own_dockerfile, ledger: true, ..PlanOptions::default() };
        let find_base = |name: &str| self.base(name);
        let ask = Ask {
            rules: &self.reader.rules,
            options: &options,
            style: emit::Style::default(),
            dockerfile: dockerfile.as_ref(),
            asks: if self.reader.args.no_resolve { Asks::Nobody } else { Asks::of(input) },
            find_base: (!own_dockerfile).then_some(&find_base as &pipeline::FindBase<'_>),
        };
        let made = self.found.plan(&ask).map(ManuallyDrop::into_inner);
        Told::Planned(match made {
            Ok(Ok(made)) => Ok(Arc::new(Planned::new(&self.contents, self.found.image, &made.plan, choices))),
            Ok(Err(error)) => Err((choices, Text::from(error.to_string()))),
            Err(failure) => Err((choices, Text::from(failure.in_words()))),
        })
    }

    /// An image by a base's name, looked for once.
    fn base(&self, name: &str) -> Result<Option<AtHand>> {
        if let Some(known) = self.bases.borrow().get(name) {
            return Ok(known.clone());
        }
        let found = pipeline::base_at_hand(&self.reader.input, name, None)?;
        self.bases.borrow_mut().insert(name.to_owned(), found.clone());
        Ok(found)
    }

    fn why(&self, about: &About, width: usize) -> Told {
        let asked = match about {
            About::Name(name) => name.clone(),
            About::Path(path) => match std::str::from_utf8(path.as_bytes()) {
                Ok(path) => format!("/{path}"),
                Err(_) => return Told::Said("its name is no text: the line above says whose it is".into()),
            },
        };
        let Some(answer) = why::answer(self.found.facts, &asked) else {
            return Told::Said("nothing is known of it but what the line above says".into());
        };
        let report = WhyReport::new(&self.found.image.name, self.found.image.basis, answer);
        page(&asked, &report::why(&report, false, width, true))
    }

    fn explain(&self, id: &str) -> Told {
        match (pipeline::rules_named(&self.reader.rules, id).as_slice(), actions::own_reason(id)) {
            ([rule, ..], _) => page(id, &explain(rule)),
            ([], Some(own)) => page(id, &explain_own(own)),
            ([], None) => Told::Said(format!("nothing explains {id}").into()),
        }
    }

    /// Writes an entry's bytes beside us.
    fn extract(&self, at: DataRef, name: &Text) -> Result<String> {
        let Some(layers) = &self.layers else {
            return Err(Failure::usage(anyhow::anyhow!("a build context has no bytes of what it will install")));
        };
        let (layer, wanted) = (at.0 as usize, at.1 as usize);
        let entries = &self.found.image.layers[layer].entries;
        let is_file = |entry: &&Entry| entry.kind == EntryKind::File;
        let place = entries[..wanted].iter().filter(is_file).count();
        let expected = entries[wanted].size;
        let file = PathBuf::from(name.as_str());
        Destination::new(Some(file), false)?.write(|out| {
            let mut seen = 0;
            let mut copied = Ok(0);
            let mut visit = |_: &Entry, body: &mut dyn Read| {
                if seen == place {
                    copied = io::copy(body, out);
                }
                seen += 1;
            };
            layers.visit(layer, &self.reader.input.options.limits, &mut visit)?;
            let copied = copied?;
            anyhow::ensure!(copied == expected, "expected {expected} bytes, found {copied}");
            Ok(())
        })?;
        Ok(format!("wrote ./{name}: {}", crate::base::ByteSize(expected)))
    }

    fn write(&self, folder: String, choices: Choices) -> Result<String> {
        let args = &self.reader.args;
        let plan = options::Plan {
            source: args.source.clone(),
            asked: args.asked.clone(),
            profiles: options::Profiles { profiles: args.profiles.profiles.clone() },
            print: options::Print { color: Color::Never, details: false },
            output: PathBuf::from(folder),
            followed: Followed {
                accept: choices.accept.into_iter().collect(),
                skip: choices.skip.into_iter().collect(),
            },
            base: None,
            original: None,
            style: Style::Pip,
            no_resolve: args.no_resolve,
            format: PlanFormat::Text,
            dockerfile: None,
            context: None,
            force: false,
        };
        plan::write(plan, self.found, &self.reader.rules)
    }
}

fn page(title: &str, text: &str) -> Told {
    Told::Page(Text::from(title), text.lines().map(Text::from).collect())
}

fn said(done: Result<String>) -> Told {
    Told::Said(Text::from(done.unwrap_or_else(|failure| format!("not done: {}", failure.in_words()))))
}

/// How far the reading is.
struct Far<'f> {
    told: &'f Sender<Event>,
    what: Mutex<(Text, Option<u64>, Instant)>,
    done: AtomicU64,
}

impl<'f> Far<'f> {
    fn new(told: &'f Sender<Event>) -> Self {
        Self { told, what: Mutex::new((Text::default(), None, Instant::now())), done: AtomicU64::new(0) }
    }

    fn tell(&self, (what, of, at): &mut (Text, Option<u64>, Instant)) {
        *at = Instant::now();
        let progress = Told::Progress(what.clone(), self.done.load(Ordering::Relaxed), *of);
        let _ = self.told.send(Event::Told(progress));
    }
}

impl Progress for Far<'_> {
    fn start(&self, what: &str, bytes: Option<u64>) {
        self.done.store(0, Ordering::Relaxed);
        let mut known = self.what.lock().unwrap_or_else(PoisonError::into_inner);
        (known.0, known.1) = (Text::from(what), bytes);
        self.tell(&mut known);
    }

    fn advance(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        let mut known = self.what.lock().unwrap_or_else(PoisonError::into_inner);
        if known.2.elapsed() >= TOLD_EVERY {
            self.tell(&mut known);
        }
    }

    fn finish(&self) {}

    fn note(&self, text: &str) {
        let _ = self.told.send(Event::Told(Told::Said(Text::from(text))));
    }
}
