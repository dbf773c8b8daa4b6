//! The walk over a file's tree.

use super::names::Names;
use super::{Kind, Sign, is_standard, settle};
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprCall, Stmt, StmtIf, StmtImportFrom};
use ruff_text_size::{Ranged, TextSize};

/// Methods that need a GPU, whatever they are methods of.
const METHODS: [&str; 1] = ["cuda"];
/// Words in a condition, or in an argument's name, by which it is about a GPU.
const GPU_WORDS: [&str; 4] = ["is_available", "cuda", "gpu", "device_count"];
/// Characters of a name that is kept.
const LONGEST: usize = 200;

/// The signs of a parsed file.
pub(super) fn signs(text: &str, suite: &[Stmt], names: &Names) -> Vec<Sign> {
    let starts = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
    let mut walk = Walk { names, lines: std::iter::once(0).chain(starts).collect(), ..Walk::new(names) };
    walk.body(suite);
    settle(walk.signs)
}

struct Walk<'n> {
    names: &'n Names,
    /// Where lines begin.
    lines: Vec<usize>,
    signs: Vec<Sign>,
    /// A `try` with handlers is around.
    in_try: bool,
    /// A condition about a GPU is around.
    in_guard: bool,
    /// A function is around.
    in_function: bool,
    /// A comparison, or something else whose strings decide nothing.
    in_comparison: bool,
}

impl<'n> Walk<'n> {
    fn new(names: &'n Names) -> Self {
        let signs = Vec::new();
        Self {
            names,
            lines: Vec::new(),
            signs,
            in_try: false,
            in_guard: false,
            in_function: false,
            in_comparison: false,
        }
    }

    fn body(&mut self, suite: &[Stmt]) {
        suite.iter().for_each(|stmt| self.visit_stmt(stmt));
    }

    fn add(&mut self, kind: Kind, name: &str, guarded: bool, at: TextSize) {
        if name.is_empty() || name.len() > LONGEST || name.contains(char::is_control) {
            return;
        }
        let line = self.lines.partition_point(|&start| start <= at.to_usize()) as u32;
        self.signs.push(Sign { kind, name: name.to_owned(), guarded, line });
        if self.signs.len() > 8 * super::MAX_SIGNS {
            self.signs = settle(std::mem::take(&mut self.signs));
        }
    }

    /// With a flag set, and as it was behind.
    fn within(&mut self, flag: fn(&mut Self) -> &mut bool, set: bool, walk: impl FnOnce(&mut Self)) {
        let before = *flag(self);
        *flag(self) = before || set;
        walk(self);
        *flag(self) = before;
    }

    /// Both ways of a condition about a GPU are guarded. What only type checkers read is not read.
    fn condition(&mut self, stmt: &StmtIf) {
        self.visit_expr(&stmt.test);
        let about = std::iter::once(&*stmt.test).chain(stmt.elif_else_clauses.iter().filter_map(|c| c.test.as_ref()));
        let guards = about.into_iter().any(is_about_gpu);
        self.within(
            |walk| &mut walk.in_guard,
            guards,
            |walk| {
                if !is_type_checking(&stmt.test) {
                    walk.body(&stmt.body);
                }
                for clause in &stmt.elif_else_clauses {
                    clause.test.iter().for_each(|test| walk.visit_expr(test));
                    walk.body(&clause.body);
                }
            },
        );
    }

    /// When an import runs.
    fn imported(&mut self, name: &str, is_lazy: bool, at: TextSize) {
        if !is_standard(name.split('.').next().unwrap_or_default()) {
            self.add(if is_lazy || self.in_function { Kind::Late } else { Kind::Early }, name, false, at);
        }
    }

    fn import_from(&mut self, import: &StmtImportFrom) {
        let module = import.module.as_ref().map_or("", |module| module.as_str());
        let name = ".".repeat((import.level as usize).min(LONGEST)) + module;
        self.add(Kind::Import, &name, self.in_try, import.start());
        if import.level == 0 {
            for alias in &import.names {
                let whole = format!("{name}.{}", alias.name.as_str());
                self.add(Kind::Use, &whole, self.in_guard, alias.start());
                self.imported(&whole, import.is_lazy, alias.start());
            }
        }
    }

    fn call(&mut self, call: &ExprCall) {
        let function = self.names.resolve(&call.func);
        let name = match (&*call.func, &function) {
            (_, Some(name)) => name.as_str(),
            (Expr::Name(name), None) => name.id.as_str(),
            _ => "",
        };
        if matches!(name, "importlib.import_module" | "__import__" | "importlib.__import__" | "builtins.__import__") {
            match call.arguments.args.first() {
                Some(Expr::StringLiteral(module)) => {
                    self.add(Kind::Import, module.value.to_str(), self.in_try, call.start());
                    if !module.value.to_str().starts_with('.') {
                        self.imported(module.value.to_str(), false, call.start());
                    }
                }
                _ => self.add(Kind::Dynamic, name, false, call.start()),
            }
        } else if matches!(name, "importlib.metadata.entry_points" | "pkg_resources.iter_entry_points") {
            self.add(Kind::Dynamic, name, false, call.start());
        }
        if let Some(library) = opened(call, name) {
            self.add(Kind::Library, &library, false, call.start());
        }
        if let (Expr::Attribute(method), None) = (&*call.func, &function)
            && METHODS.contains(&method.attr.as_str())
        {
            self.add(Kind::Call, method.attr.as_str(), self.in_guard, method.attr.start());
        }
        for keyword in &call.arguments.keywords {
            let is_true = matches!(&keyword.value, Expr::BooleanLiteral(value) if value.value);
            if let Some(argument) = keyword.arg.as_ref().filter(|argument| is_true && has_gpu_word(argument)) {
                self.add(Kind::Flag, argument.as_str(), self.in_guard, argument.start());
            }
        }
    }

    fn string(&mut self, text: &str, at: TextSize) {
        if is_device(text) && !self.in_comparison {
            self.add(Kind::Text, text.trim_start_matches('/'), self.in_guard, at);
        } else if is_module(text) {
            self.add(Kind::Name, text, false, at);
        }
    }
}

impl Visitor<'_> for Walk<'_> {
    fn visit_stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.add(Kind::Import, alias.name.as_str(), self.in_try, alias.start());
                    self.imported(alias.name.as_str(), import.is_lazy, alias.start());
                }
            }
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::If(condition) => self.condition(condition),
            Stmt::Try(attempt) => {
                let guards = !attempt.handlers.is_empty();
                self.within(|walk| &mut walk.in_try, guards, |walk| walk.body(&attempt.body));
                attempt.handlers.iter().for_each(|handler| self.visit_except_handler(handler));
                self.body(&attempt.orelse);
                self.body(&attempt.finalbody);
            }
            Stmt::FunctionDef(_) => self.within(|walk| &mut walk.in_function, true, |walk| walk_stmt(walk, stmt)),
            // A docstring.
            Stmt::Expr(statement) if statement.value.is_string_literal_expr() => {}
            Stmt::Assign(assign) if lists_modules(&assign.targets) => {
                let elements = match &*assign.value {
                    Expr::List(list) => &list.elts[..],
                    Expr::Tuple(tuple) => &tuple.elts[..],
                    _ => &[],
                };
                for text in elements.iter().filter_map(Expr::as_string_literal_expr) {
                    if is_identifier(text.value.to_str()) {
                        self.add(Kind::Name, text.value.to_str(), false, text.start());
                    }
                }
                walk_stmt(self, stmt);
            }
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_annotation(&mut self, _: &Expr) {}

    fn visit_expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Attribute(_) | Expr::Name(_) => {
                if let Some(name) = self.names.resolve(expr).filter(|name| name.contains('.')) {
                    self.add(Kind::Use, &name, self.in_guard, expr.start());
                    return;
                }
            }
            Expr::Call(call) => self.call(call),
            Expr::StringLiteral(text) => self.string(text.value.to_str(), text.start()),
            Expr::Compare(_) | Expr::Subscript(_) => {
                return self.within(|walk| &mut walk.in_comparison, true, |walk| walk_expr(walk, expr));
            }
            Expr::If(choice) => {
                self.visit_expr(&choice.test);
                return self.within(
                    |walk| &mut walk.in_guard,
                    is_about_gpu(&choice.test),
                    |walk| {
                        walk.visit_expr(&choice.body);
                        walk.visit_expr(&choice.orelse);
                    },
                );
            }
            Expr::List(list) if falls_back(&list.elts) => {
                return self.within(|walk| &mut walk.in_guard, true, |walk| walk_expr(walk, expr));
            }
            Expr::Tuple(tuple) if falls_back(&tuple.elts) => {
                return self.within(|walk| &mut walk.in_guard, true, |walk| walk_expr(walk, expr));
            }
            _ => {}
        }
        walk_expr(self, expr);
    }
}

/// Functions of `ctypes` that open a library or look for one.
const OPENERS: [&str; 6] = [
    "ctypes.CDLL",
    "ctypes.PyDLL",
    "ctypes.cdll.LoadLibrary",
    "ctypes.pydll.LoadLibrary",
    "ctypes.util.find_library",
    "ctypes.LibraryLoader",
];
/// Methods that open a library, whatever they are methods of: cffi's, and a loader's.
const OPENING_METHODS: [&str; 2] = ["dlopen", "LoadLibrary"];

/// The library that a call opens, if it opens one. Without a name it is the program itself.
fn opened(call: &ExprCall, function: &str) -> Option<String> {
    let known = OPENERS.contains(&function);
    let method = call.func.as_attribute_expr().map(|attribute| attribute.attr.as_str());
    let by_method = method.is_some_and(|method| OPENING_METHODS.contains(&method));
    let first = call.arguments.args.first().filter(|_| known || by_method)?;
    match first {
        Expr::StringLiteral(text) => Some(text.value.to_str().to_owned()),
        Expr::NoneLiteral(_) => None,
        // A name that was looked for is seen where it is looked for.
        Expr::Call(_) if !known => None,
        _ => known.then(|| super::ANY_LIBRARY.to_owned()),
    }
}

/// Whether a list of ONNX Runtime's providers has the one that every build has.
fn falls_back(elements: &[Expr]) -> bool {
    let is_cpu = |element: &Expr| {
        element.as_string_literal_expr().is_some_and(|text| text.value.to_str() == "CPUExecutionProvider")
    };
    elements.iter().any(is_cpu)
}

/// Whether a name in a condition speaks of a GPU: `torch.cuda.is_available()`, `args.use_gpu`.
fn is_about_gpu(test: &Expr) -> bool {
    struct Finder(bool);
    impl Visitor<'_> for Finder {
        fn visit_expr(&mut self, expr: &Expr) {
            match expr {
                Expr::Name(name) => self.0 |= has_gpu_word(name.id.as_str()),
                Expr::Attribute(attribute) => self.0 |= has_gpu_word(attribute.attr.as_str()),
                _ => {}
            }
            walk_expr(self, expr);
        }
    }
    let mut finder = Finder(false);
    finder.visit_expr(test);
    finder.0
}

fn has_gpu_word(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    GPU_WORDS.iter().any(|word| name.contains(word))
}

fn is_type_checking(test: &Expr) -> bool {
    match test {
        Expr::Name(name) => name.id.as_str() == "TYPE_CHECKING",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "TYPE_CHECKING",
        _ => false,
    }
}

fn lists_modules(targets: &[Expr]) -> bool {
    targets.iter().any(|target| matches!(target, Expr::Name(name) if name.id.as_str() == "INSTALLED_APPS"))
}

/// `cuda`, `cuda:0`, `gpu:1`, `/GPU:0`, `/device:GPU:0`, `gpu_hist`, `CUDAExecutionProvider`.
fn is_device(text: &str) -> bool {
    if text.len() > 40 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_/*".contains(&byte)) {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    let device = lower.trim_start_matches('/').trim_start_matches("device:");
    let (name, number) = device.split_once(':').unwrap_or((device, "0"));
    let is_number = number == "*" || number.bytes().all(|byte| byte.is_ascii_digit());
    let is_provider = text.ends_with("ExecutionProvider") && text != "CPUExecutionProvider";
    (matches!(name, "cuda" | "gpu") && is_number) || device == "gpu_hist" || is_provider
}

/// A dotted name with a lower case letter first, and no file's.
fn is_module(text: &str) -> bool {
    let files = [".py", ".txt", ".json", ".html", ".yml", ".yaml", ".toml", ".log", ".csv", ".png", ".jpg", ".com"];
    text.contains('.')
        && text.len() <= 80
        && text.split('.').all(is_identifier)
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && !files.iter().any(|end| text.ends_with(end))
}

fn is_identifier(text: &str) -> bool {
    text.len() <= 80
        && !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
