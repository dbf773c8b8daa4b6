//! Man pages and shell completions, both made from the flags: what `--help` says, for those who look elsewhere.
//!
//! A page a command, as `man` expects them: `slimwright.1`, `slimwright-audit.1`. They carry no date, so that the
//! same version writes the same bytes.

use super::options::Args;
use clap::Command;
use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use std::io;

/// The program's name, for pages and scripts.
const NAME: &str = "slimwright";

/// Every man page by its file's name, the program's own first.
pub fn pages() -> io::Result<Vec<(String, String)>> {
    // `help` explains what is explained already.
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    let mut pages = vec![(format!("{NAME}.1"), page(&command)?)];
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        pages.push((format!("{NAME}-{}.1", sub.get_name()), page(sub)?));
    }
    Ok(pages)
}

fn page(command: &Command) -> io::Result<String> {
    let source = format!("{NAME} {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone().mut_args(with_aliases)).source(source).manual("User Commands");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut out)?;
    }
    notes(command).to_writer(&mut out)?;
    String::from_utf8(out).map_err(io::Error::other)
}

/// Other names of an option are told in its text: a page has no place of its own for them.
fn with_aliases(argument: clap::Arg) -> clap::Arg {
    let aliases = argument.get_visible_aliases().unwrap_or_default();
    let others: Vec<String> = aliases.iter().map(|alias| format!("--{alias}")).collect();
    match argument.get_help().filter(|_| !others.is_empty()) {
        Some(help) => {
            let help = format!("{help}; also {}", others.join(", "));
            argument.help(help)
        }
        None => argument,
    }
}

/// What stands below the options in the help: examples and exit codes, with their line breaks.
fn notes(command: &Command) -> Roff {
    let mut roff = Roff::default();
    let Some(text) = command.get_after_help() else { return roff };
    roff.control("SH", ["NOTES"]);
    roff.control("nf", []);
    for line in text.to_string().lines() {
        match line {
            "" => roff.control("sp", []),
            line => roff.text([roman(line)]),
        };
    }
    roff.control("fi", []);
    roff
}

/// The completion script of a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), NAME, &mut out);
    out
}
