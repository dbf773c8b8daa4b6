//! The terminal of the explorer: taken and given back, its keys, and signals that end the program.

use crate::explore::Key;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, read};
use ratatui::crossterm::style::force_color_output;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::thread;

/// What a terminal tells.
pub enum Input {
    /// A key.
    Key(Key),
    /// Its columns and rows.
    Size(u16, u16),
    /// The program is told to end, by this signal.
    Signal(i32),
    /// It can be read no more.
    Lost(io::Error),
}

/// A terminal in which every key is told at once. However it is left, by a panic as well, it is given back as it was.
pub struct Terminal(pub DefaultTerminal);

impl Terminal {
    /// Takes it. Whether there are colours was decided before; crossterm would ask `NO_COLOR` once more.
    pub fn take(color: bool) -> io::Result<Self> {
        force_color_output(color);
        ratatui::try_init().map(Self)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Tells what comes, until nobody listens; each on a thread of its own, which ends with the process.
pub fn listen(tell: impl Fn(Input) -> bool + Clone + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT])?;
    let told = tell.clone();
    thread::spawn(move || signals.forever().all(|signal| told(Input::Signal(signal))));
    thread::spawn(move || {
        loop {
            let input = match read() {
                Ok(Event::Key(event)) => key(event).map(Input::Key),
                Ok(Event::Resize(width, height)) => Some(Input::Size(width, height)),
                Ok(_) => None,
                Err(error) => {
                    tell(Input::Lost(error));
                    return;
                }
            };
            if !input.is_none_or(&tell) {
                return;
            }
        }
    });
    Ok(())
}

/// Ends as a program ends that does not catch the signal.
pub fn end_by(signal: i32) {
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    Some(match event.code {
        KeyCode::Char(c) if control => Key::Ctrl(c.to_ascii_lowercase()),
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}
