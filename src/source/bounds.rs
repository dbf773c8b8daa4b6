//! Parsing what anybody may have written. The parser bounds its own recursion; what it does not bound is how deep
//! the tree gets to the left (`a.b.c.…`, `1+1+…`), and a deep tree overflows the stack of whoever walks it or drops
//! it. So the tokens are counted before, and the work is done on a stack of its own.

use super::{MAX_BYTES, Sign, names, visit};
use ruff_python_ast::ModModule;
use ruff_python_ast::PySourceType;
use ruff_python_ast::token::TokenKind;
use ruff_python_parser::lexer::lex;
use ruff_python_parser::{Mode, Parsed, parse_unchecked_source};

/// Steps from the root of an expression to its leaves. Python itself refuses a few thousand.
const DEEPEST: usize = 1_000;
/// Where the tokens are not what they seem (a string that does not end), the file's bytes bound the depth.
const MAX_BROKEN_BYTES: usize = 128 << 10;
/// Address space, of which only what is used is taken. A level takes less than half a kilobyte.
const STACK: usize = 64 << 20;

/// Parses and walks a file. The error says why it is not read.
pub(super) fn parse(source: &[u8]) -> Result<Vec<Sign>, &'static str> {
    if source.len() > MAX_BYTES {
        return Err("too large");
    }
    let text = String::from_utf8_lossy(source);
    parsed(&text, |parsed| {
        let names = names::Names::of(parsed.suite());
        visit::signs(&text, parsed.suite(), &names)
    })
}

/// Parses a text, and hands its tree on. The error says why it is not read.
pub(super) fn parsed<T: Send>(
    text: &str,
    walk: impl FnOnce(&Parsed<ModModule>) -> T + Send,
) -> Result<T, &'static str> {
    check_depth(text)?;
    let work = || walk(&parse_unchecked_source(text, PySourceType::Python));
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        thread.map_err(|_| "no thread to parse it").and_then(|thread| thread.join().map_err(|_| "the parser failed"))
    })
}

/// Bounds the depth of every expression: at most one level for each token of these kinds that no comma parts from
/// the next, in each of the brackets that are open.
fn check_depth(text: &str) -> Result<(), &'static str> {
    let mut lexer = lex(text, Mode::Module);
    let mut open = vec![0usize];
    let mut depth = 0;
    let mut broken = false;
    loop {
        let kind = lexer.next_token();
        broken |= kind == TokenKind::Unknown;
        match kind {
            TokenKind::EndOfFile => break,
            TokenKind::Newline => {
                open.truncate(1);
                (open[0], depth) = (0, 0);
            }
            TokenKind::Comma => {
                if let Some(level) = open.last_mut() {
                    depth -= std::mem::take(level);
                }
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace if open.len() > 1 => {
                depth -= open.pop().unwrap_or_default();
            }
            _ => {
                if deepens(kind)
                    && let Some(level) = open.last_mut()
                {
                    *level += 1;
                    depth += 1;
                }
                if matches!(kind, TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace) {
                    open.push(0);
                }
            }
        }
        if depth > DEEPEST {
            return Err("its expressions are too deep");
        }
    }
    match !broken || text.len() <= MAX_BROKEN_BYTES {
        true => Ok(()),
        false => Err("it is no Python 3, and large"),
    }
}

fn deepens(kind: TokenKind) -> bool {
    kind.is_arithmetic()
        || kind.is_bitwise_or_shift()
        || matches!(
            kind,
            TokenKind::Dot
                | TokenKind::Lpar
                | TokenKind::Lsqb
                | TokenKind::Lbrace
                | TokenKind::If
                | TokenKind::Else
                | TokenKind::Lambda
                | TokenKind::Not
                | TokenKind::Await
                | TokenKind::Yield
                | TokenKind::Tilde
                | TokenKind::ColonEqual
        )
}
