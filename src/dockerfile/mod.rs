//! Dockerfiles as people write them: stages, instructions and the commands of `RUN`, each with its place in the text.
//!
//! Every byte of a file is either in one instruction's span or between two (comments and blank lines), so that a
//! change of one instruction leaves all others as they are. The grammar is `parse-dockerfile`'s; where lines and
//! here-documents end is found here (`lines`), and what a `RUN` hands to its shell is read by [`sh`]. Nothing here knows of
//! images or plans.
//!
//! Source: the Dockerfile reference (<https://docs.docker.com/reference/dockerfile/>).

mod arguments;
mod lines;
pub mod sh;
mod shell;
mod stage;

pub use lines::{line_end, line_start};
pub use sh::{Operator, Token};
pub use shell::Command;
pub use stage::{Scope, Stage};

use crate::base::Text;
use arguments::pairs;
use lines::Block;
use parse_dockerfile as grammar;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A range of bytes of the file.
pub type Span = std::ops::Range<usize>;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// A file.
#[derive(Clone, Debug)]
pub struct Dockerfile<'t> {
    /// The whole text.
    pub text: &'t str,
    /// The character that joins lines.
    pub escape: char,
    /// All instructions, in order.
    pub instructions: Vec<Instruction>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// From the keyword to the end of its last line, with the line break and its here-documents.
    pub span: Span,
    /// From the keyword to the end of its last word, without here-documents.
    pub head: Span,
    /// The keyword.
    pub keyword: Span,
    /// The options (`--mount=…`, `--chown=…`).
    pub flags: Vec<Flag>,
    /// What it is.
    pub kind: Kind,
}

/// An option of an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The whole option.
    pub span: Span,
    /// Its name without dashes.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The instructions that are looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `FROM image AS name`
    From {
        /// The image or stage, as written.
        image: String,
        /// The stage's name.
        name: Option<String>,
    },
    /// `RUN`
    Run(Run),
    /// `COPY` and `ADD`
    Copy(Copy),
    /// `WORKDIR path`
    Workdir(String),
    /// `ENV` and `ARG`: names and values; an `ARG` may have no value.
    Variables {
        /// Whether it is `ENV`.
        environment: bool,
        /// Names and values, as written without quotes.
        pairs: Vec<(String, Option<String>)>,
    },
    /// `SHELL ["program", "option"]`
    Shell(Vec<String>),
    /// `USER name[:group]`, as written.
    User(String),
    /// Any other.
    Other,
}

/// A `RUN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How it is written.
    pub form: Form,
    /// The words and operators. In exec form, the strings of the array, quotes included in the span.
    pub tokens: Vec<Token>,
    /// The simple commands.
    pub commands: Vec<Command>,
    /// Why there are none: the shell's grammar does not explain the text.
    pub error: Option<sh::SyntaxError>,
}

/// How a `RUN` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `RUN command && command`
    Shell,
    /// `RUN ["program", "argument"]`
    Exec,
    /// `RUN <<EOF`: a script for the shell.
    Script,
    /// A here-document whose first line names the program that reads it.
    Program,
    /// A here-document that is something else's input.
    Input,
}

/// A `COPY` or `ADD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Whether it is `ADD`.
    pub add: bool,
    /// The sources, as written without quotes. Here-documents are left out.
    pub sources: Vec<String>,
    /// The destination.
    pub destination: String,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DockerfileError {
    /// The grammar's word.
    #[error("line {line}: {message}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What was expected and found.
        message: String,
        /// What is there, cut.
        found: String,
    },
    /// The file has more than [`MAX_BYTES`].
    #[error("{0} bytes are no Dockerfile: at most {MAX_BYTES} are read")]
    TooLarge(u64),
    /// The file is no text.
    #[error("line {0} is no UTF-8, which a Dockerfile has to be")]
    NotText(usize),
}

impl<'t> Dockerfile<'t> {
    /// Checks that bytes are text of a bearable size.
    pub fn text(bytes: &'t [u8]) -> Result<&'t str, DockerfileError> {
        if bytes.len() > MAX_BYTES {
            return Err(DockerfileError::TooLarge(bytes.len() as u64));
        }
        let line = |end: usize| bytes[..end].iter().filter(|&&byte| byte == b'\n').count() + 1;
        std::str::from_utf8(bytes).map_err(|error| DockerfileError::NotText(line(error.valid_up_to())))
    }

    /// Parses a file.
    pub fn parse(text: &'t str) -> Result<Self, DockerfileError> {
        if text.len() > MAX_BYTES {
            return Err(DockerfileError::TooLarge(text.len() as u64));
        }
        let escape = lines::escape_character(text);
        let blocks = lines::blocks(text, escape);
        let plain = lines::for_the_grammar(text, &blocks);
        let mut out = Self { text, escape: char::from(escape), instructions: Vec::new(), stages: Vec::new() };
        // The grammar's parser leaves a byte order mark out of its counting.
        let (shift, plain) = plain.strip_prefix('\u{feff}').map_or((0, &*plain), |rest| (3, rest));
        let parsed = catch_unwind(AssertUnwindSafe(|| grammar::parse(plain)));
        let parsed = parsed.map_err(|_| syntax(text, 1, "the grammar's parser gave up".into()))?;
        let parsed = parsed.map_err(|error| syntax(text, error.line(), format!("{error:#}")))?;
        for instruction in &parsed.instructions {
            let reader = Reader { text, escape, shift, blocks: &blocks };
            let read = reader.instruction(instruction);
            out.instructions.push(read.ok_or_else(|| syntax(text, 1, "the instructions do not fit the lines".into()))?);
        }
        if out.instructions.len() != blocks.len() {
            return Err(syntax(text, 1, "the instructions do not fit the lines".into()));
        }
        out.stages = stage::stages(&out.instructions);
        Ok(out)
    }

    /// The line of a byte, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
    }

    /// All spans in order: instructions and what is between them. They hold every byte once.
    pub fn pieces(&self) -> Vec<Span> {
        let (mut pieces, mut at) = (Vec::new(), 0);
        for instruction in &self.instructions {
            pieces.push(at..instruction.span.start);
            pieces.push(instruction.span.clone());
            at = instruction.span.end;
        }
        pieces.push(at..self.text.len());
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// What a `RUN` that is no exec form hands to its shell: its lines joined, without comments, with its here-documents; of a script in a
    /// here-document the script. `None` where a program that is no shell reads it.
    pub fn shell_text(&self, instruction: &Instruction) -> Option<String> {
        shell::source(self.text, self.escape, instruction).map(|source| source.text)
    }

    /// The image whose program reads the file in the place of the builder's own (`# syntax=`), where it is none of Docker's.
    pub fn foreign_frontend(&self) -> Option<&'t str> {
        let image = lines::frontend(self.text)?;
        let name = ["docker.io/", "index.docker.io/"].iter().find_map(|host| image.strip_prefix(host)).unwrap_or(image);
        let name = name.split('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
        (!matches!(name, "docker/dockerfile" | "docker/dockerfile-upstream")).then_some(image)
    }

    /// What an `ONBUILD` has a build do that builds on its stage.
    pub fn trigger(&self, instruction: &Instruction) -> Option<&'t str> {
        let is_trigger = self.text[instruction.keyword.clone()].eq_ignore_ascii_case("ONBUILD");
        is_trigger.then(|| self.text[instruction.keyword.end..instruction.head.end].trim())
    }

    /// What the file's lines end with.
    pub fn line_break(&self) -> &'static str {
        let first = self.text.find('\n').unwrap_or_default();
        if self.text[..first].ends_with('\r') { "\r\n" } else { "\n" }
    }
}

fn syntax(text: &str, line: usize, message: String) -> DockerfileError {
    let line = line.max(1);
    let found: String = text.lines().nth(line - 1).unwrap_or_default().trim().chars().take(60).collect();
    DockerfileError::Syntax { line, message: Text::from(&message).into(), found: Text::from(&found).into() }
}

/// From the grammar's instructions to ours.
struct Reader<'a> {
    text: &'a str,
    escape: u8,
    shift: usize,
    blocks: &'a [Block],
}

impl Reader<'_> {
    fn span(&self, span: &grammar::Span) -> Span {
        span.start + self.shift..span.end + self.shift
    }

    fn instruction(&self, parsed: &grammar::Instruction<'_>) -> Option<Instruction> {
        use grammar::Instruction as I;
        let none: &[grammar::Flag<'_>] = &[];
        let (keyword, flags, kind) = match parsed {
            I::From(from) => {
                let name = from.as_.as_ref().map(|(_, name)| name.value.to_string());
                (&from.from, &from.options[..], Kind::From { image: from.image.value.to_string(), name })
            }
            I::Run(run) => return self.run(run),
            I::Copy(copy) => (&copy.copy, &copy.options[..], self::copy(false, &copy.src, &copy.dest.value)),
            I::Add(add) => (&add.add, &add.options[..], self::copy(true, &add.src, &add.dest.value)),
            I::Workdir(workdir) => {
                (&workdir.workdir, none, Kind::Workdir(arguments::unquoted(&workdir.arguments.value)))
            }
            I::Env(env) => (&env.env, none, Kind::Variables { environment: true, pairs: pairs(&env.arguments.value) }),
            I::Arg(arg) => (&arg.arg, none, Kind::Variables { environment: false, pairs: pairs(&arg.arguments.value) }),
            I::Shell(shell) => {
                let words = shell.arguments.iter().map(|word| word.value.to_string()).collect();
                (&shell.shell, none, Kind::Shell(words))
            }
            I::Cmd(cmd) => (&cmd.cmd, none, Kind::Other),
            I::Entrypoint(entrypoint) => (&entrypoint.entrypoint, none, Kind::Other),
            I::Expose(expose) => (&expose.expose, none, Kind::Other),
            I::Healthcheck(check) => (&check.healthcheck, none, Kind::Other),
            I::Label(label) => (&label.label, none, Kind::Other),
            I::Maintainer(maintainer) => (&maintainer.maintainer, none, Kind::Other),
            I::Onbuild(onbuild) => (&onbuild.onbuild, none, Kind::Other),
            I::Stopsignal(signal) => (&signal.stopsignal, none, Kind::Other),
            I::User(user) => (&user.user, none, Kind::User(arguments::unquoted(&user.arguments.value))),
            I::Volume(volume) => (&volume.volume, none, Kind::Other),
            _ => return None,
        };
        let keyword = self.span(&keyword.span);
        let block = self.block(keyword.start)?;
        let head = keyword.start..block.head_end;
        Some(Instruction { span: block.span.clone(), head, keyword, flags: self.flags(flags), kind })
    }

    fn block(&self, start: usize) -> Option<&Block> {
        let position = self.blocks.binary_search_by_key(&start, |block| block.span.start).ok()?;
        self.blocks.get(position)
    }

    fn flags(&self, flags: &[grammar::Flag<'_>]) -> Vec<Flag> {
        let flag = |flag: &grammar::Flag<'_>| Flag {
            span: self.span(&flag.span()),
            name: flag.name.value.to_string(),
            value: flag.value.as_ref().map(|value| value.value.to_string()).unwrap_or_default(),
        };
        flags.iter().map(flag).collect()
    }

    fn run(&self, parsed: &grammar::RunInstruction<'_>) -> Option<Instruction> {
        let keyword = self.span(&parsed.run.span);
        let block = self.block(keyword.start)?;
        let head = keyword.start..block.head_end;
        let run = match &parsed.arguments {
            grammar::Command::Exec(array) => exec(array.value.iter().map(|word| (self.span(&word.span), &*word.value))),
            grammar::Command::Shell(line) => {
                let start = self.span(&line.span).start.min(head.end);
                Run { form: self.form(block, start..head.end), tokens: Vec::new(), commands: Vec::new(), error: None }
            }
            _ => return None,
        };
        let flags = self.flags(&parsed.options);
        let mut instruction = Instruction { span: block.span.clone(), head, keyword, flags, kind: Kind::Other };
        instruction.kind = Kind::Run(self.with_commands(run, &instruction));
        Some(instruction)
    }

    fn form(&self, block: &Block, line: Span) -> Form {
        match block.here_documents.as_slice() {
            [] => Form::Shell,
            [only] if self.text[line].trim() == &self.text[only.word.clone()] => {
                match self.text[only.body.clone()].starts_with("#!") {
                    true => Form::Program,
                    false => Form::Script,
                }
            }
            _ => Form::Input,
        }
    }

    fn with_commands(&self, run: Run, instruction: &Instruction) -> Run {
        let source = match run.form {
            Form::Exec | Form::Program => return run,
            Form::Shell | Form::Script | Form::Input => shell::source(self.text, char::from(self.escape), instruction),
        };
        match source.map(|source| source.tokens()) {
            Some(Ok(tokens)) => Run { commands: shell::commands(&tokens), tokens, ..run },
            Some(Err(error)) => Run { error: Some(error), ..run },
            None => run,
        }
    }
}

/// The array of an exec form as one command.
fn exec<'a>(words: impl Iterator<Item = (Span, &'a str)>) -> Run {
    let token = |(span, value): (Span, &str)| Token {
        span: span.start.saturating_sub(1)..span.end + 1,
        text: value.to_owned(),
        operator: None,
        literal: true,
        is_word: true,
        nested: false,
    };
    let tokens: Vec<Token> = words.map(token).collect();
    let all = 0..tokens.len();
    let command = Command { words: all.clone().collect(), tokens: all, before: None, after: None, nested: false };
    Run { form: Form::Exec, tokens, commands: vec![command], error: None }
}

fn copy(add: bool, sources: &[grammar::Source<'_>], destination: &str) -> Kind {
    let path = |source: &grammar::Source<'_>| match source {
        grammar::Source::Path(path) => Some(arguments::unquoted(&path.value)),
        _ => None,
    };
    let sources = sources.iter().filter_map(path).collect();
    Kind::Copy(Copy { add, sources, destination: arguments::unquoted(destination) })
}
