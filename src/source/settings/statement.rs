//! Statements.

use super::expression::joined;
use super::frame::{Binding, Frame, MAX_STEPS};
use super::value::{Decorated, Known, Names, Settings, Value, World};
use ruff_python_ast::visitor::{Visitor, walk_stmt};
use ruff_python_ast::{Decorator, Expr, ExprCall, Stmt, StmtFunctionDef, StmtIf, StmtImportFrom};
use std::collections::{BTreeMap, BTreeSet};

/// Functions inside of each other that are followed.
const MAX_CALLS: usize = 8;

/// How statements went.
enum Flow {
    Next,
    Return(Option<Known>),
}

/// Reads the statements of a file.
pub(super) fn settings(suite: &[Stmt], world: World<'_>) -> Settings {
    let mut frame = Frame { names: BTreeMap::new(), world, made: Settings::default(), steps: 0, calls: 0 };
    frame.all(suite);
    let mut out = frame.made;
    for (name, binding) in frame.names {
        if let Binding::Value(value) = binding {
            out.names.insert(name, value);
        }
    }
    // What was not followed to its end is not known.
    if frame.steps >= MAX_STEPS {
        out.names.values_mut().chain(out.configured.values_mut()).for_each(|value| *value = None);
        out.is_open = true;
    }
    out
}

impl<'a> Frame<'a, '_> {
    fn all(&mut self, suite: &'a [Stmt]) -> Flow {
        for stmt in suite {
            if let Flow::Return(value) = self.one(stmt) {
                return Flow::Return(value);
            }
        }
        Flow::Next
    }

    fn one(&mut self, stmt: &'a Stmt) -> Flow {
        if !self.step() {
            return Flow::Return(None);
        }
        match stmt {
            Stmt::Assign(assign) => {
                let value = self.value(&assign.value);
                self.made_here(&assign.value);
                for target in &assign.targets {
                    self.bind(target, value.clone());
                }
            }
            Stmt::AnnAssign(assign) => {
                if let Some(expr) = &assign.value {
                    let value = self.value(expr);
                    self.bind(&assign.target, value);
                }
            }
            Stmt::AugAssign(assign) => {
                let before = match &*assign.target {
                    Expr::Name(name) => match self.names.get(name.id.as_str()) {
                        Some(Binding::Value(value)) => value.clone(),
                        _ => None,
                    },
                    _ => None,
                };
                let with = self.value(&assign.value);
                let value = before.zip(with).and_then(|(before, with)| joined(&before, assign.op, &with));
                self.bind(&assign.target, value);
            }
            Stmt::If(condition) => return self.choice(condition),
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = alias.name.as_str();
                    let top = name.split('.').next().unwrap_or_default();
                    let (bound, what) = alias.asname.as_ref().map_or((top, top), |bound| (bound.as_str(), name));
                    self.names.insert(bound.to_owned(), Binding::Import(what.to_owned()));
                }
            }
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::FunctionDef(function) => {
                self.names.insert(function.name.to_string(), Binding::Function(function));
                self.decorators(&function.name, &function.decorator_list);
            }
            Stmt::ClassDef(class) => {
                self.names.insert(class.name.to_string(), Binding::Value(None));
                self.decorators(&class.name, &class.decorator_list);
            }
            Stmt::Return(back) => {
                return Flow::Return(match &back.value {
                    Some(expr) => self.value(expr),
                    None => Some(Known::of(Value::None)),
                });
            }
            Stmt::Expr(statement) => self.made_here(&statement.value),
            Stmt::Try(attempt) => {
                let flow = self.all(&attempt.body);
                // What a handler binds counts where the body has failed, which only a value that is not known can have done.
                let is_open =
                    |name: &String| !matches!(self.names.get(name), Some(Binding::Value(Some(_)) | Binding::Import(_)));
                if !attempt.handlers.is_empty() && bound(&attempt.body).iter().any(is_open) {
                    self.forget(&attempt.body);
                    for handler in &attempt.handlers {
                        let ruff_python_ast::ExceptHandler::ExceptHandler(handler) = handler;
                        self.forget(&handler.body);
                    }
                }
                if let Flow::Return(_) = flow {
                    return Flow::Return(None);
                }
                let flow = self.all(&attempt.orelse);
                if let Flow::Return(_) = self.all(&attempt.finalbody) {
                    return Flow::Return(None);
                }
                return flow;
            }
            Stmt::With(with) => {
                self.forget(&with.body);
                return if returns(&with.body) { Flow::Return(None) } else { Flow::Next };
            }
            Stmt::Pass(_) | Stmt::Assert(_) | Stmt::Global(_) | Stmt::Nonlocal(_) | Stmt::TypeAlias(_) => {}
            other => {
                self.forget(std::slice::from_ref(other));
                return if returns(std::slice::from_ref(other)) { Flow::Return(None) } else { Flow::Next };
            }
        }
        Flow::Next
    }

    fn decorators(&mut self, name: &str, all: &'a [Decorator]) {
        for decorator in all {
            let (function, call) = match &decorator.expression {
                Expr::Call(call) => (&*call.func, Some(call)),
                plain => (plain, None),
            };
            if let Some(by) = self.dotted(function) {
                let arguments = call.map(|call| self.keywords(call)).unwrap_or_default();
                self.made.decorated.push(Decorated { name: name.to_owned(), by, arguments });
            }
        }
    }

    fn import_from(&mut self, import: &StmtImportFrom) {
        let module = import.module.as_ref().map_or("", |module| module.as_str());
        let module = ".".repeat((import.level as usize).min(8)) + module;
        for alias in &import.names {
            if alias.name.as_str() == "*" {
                self.made.stars.push(module.clone());
                continue;
            }
            let bound = alias.asname.as_ref().unwrap_or(&alias.name);
            self.names.insert(bound.to_string(), Binding::Import(format!("{module}.{}", alias.name.as_str())));
        }
    }

    /// A target of an assignment: a name, or an application's configuration.
    fn bind(&mut self, target: &Expr, value: Option<Known>) {
        match target {
            Expr::Name(name) => {
                self.names.insert(name.id.to_string(), Binding::Value(value));
            }
            Expr::Attribute(attribute) if is_configuration(&attribute.value) => {
                self.made.configured.insert(attribute.attr.to_string(), value);
            }
            Expr::Subscript(subscript) if is_configuration(&subscript.value) => match &*subscript.slice {
                Expr::StringLiteral(key) => _ = self.made.configured.insert(key.value.to_str().to_owned(), value),
                _ => self.made.is_open = true,
            },
            // `locals()[name] = …`: any name.
            Expr::Subscript(subscript) if subscript.value.is_call_expr() => self.made.is_open = true,
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|target| self.bind(target, None)),
            Expr::List(list) => list.elts.iter().for_each(|target| self.bind(target, None)),
            Expr::Starred(starred) => self.bind(&starred.value, None),
            _ => {}
        }
    }

    fn keywords(&mut self, call: &'a ExprCall) -> Names {
        let mut out = Names::new();
        for keyword in &call.arguments.keywords {
            if let Some(name) = &keyword.arg {
                let value = self.value(&keyword.value);
                out.insert(name.to_string(), value);
            }
        }
        out
    }

    /// `app.conf.update(…)`, `app.config_from_object(…)`, `globals().update(…)`
    fn made_here(&mut self, expr: &'a Expr) {
        let Expr::Call(call) = expr else { return };
        if let Expr::Name(name) = &*call.func {
            self.made.is_open |= matches!(name.id.as_str(), "exec" | "setattr");
        }
        let Expr::Attribute(method) = &*call.func else { return };
        match method.attr.as_str() {
            "update" if method.value.is_call_expr() => self.made.is_open = true,
            "update" if is_configuration(&method.value) => {
                let named = self.keywords(call);
                self.made.configured.extend(named);
                for argument in &call.arguments.args {
                    match argument {
                        Expr::Dict(dict) => {
                            for item in &dict.items {
                                let Some(Expr::StringLiteral(key)) = &item.key else {
                                    self.made.is_open = true;
                                    continue;
                                };
                                let value = self.value(&item.value);
                                self.made.configured.insert(key.value.to_str().to_owned(), value);
                            }
                        }
                        _ => self.made.is_open = true,
                    }
                }
                self.made.is_open |= call.arguments.keywords.iter().any(|keyword| keyword.arg.is_none());
            }
            "config_from_object" => {
                let named = self.keywords(call);
                let text = |known: &Option<Known>| match known {
                    Some(Known { value: Value::Text(text), .. }) => Some(text.clone()),
                    _ => None,
                };
                let source = match call.arguments.args.first() {
                    Some(expr) => match self.dotted(expr) {
                        Some(module) => Some(module),
                        None => text(&self.value(expr)),
                    },
                    None => named.get("obj").and_then(text),
                };
                match source {
                    Some(source) => self.made.sources.push((source, named.get("namespace").and_then(text))),
                    None => self.made.is_open = true,
                }
            }
            "setdefault" if self.dotted(&method.value).as_deref() == Some("os.environ") => {
                if let [Expr::StringLiteral(name), expr] = &call.arguments.args[..] {
                    let value = self.value(expr);
                    self.made.environment.entry(name.value.to_str().to_owned()).or_insert(value);
                }
            }
            "config_from_envvar" | "config_from_cmdline" => self.made.is_open = true,
            _ => {}
        }
    }

    fn choice(&mut self, condition: &'a StmtIf) -> Flow {
        let clauses = condition.elif_else_clauses.iter().map(|clause| (clause.test.as_ref(), &clause.body[..]));
        let mut arms: Vec<(Option<&'a Expr>, &'a [Stmt])> = vec![(Some(&*condition.test), &condition.body[..])];
        arms.extend(clauses);
        for (at, (test, body)) in arms.iter().enumerate() {
            let holds = match test {
                None => Some(true),
                Some(test) => self.value(test).map(|known| known.value.truth()),
            };
            match holds {
                Some(true) => return self.all(body),
                Some(false) => {}
                None => return self.either(&arms[at..]),
            }
        }
        Flow::Next
    }

    /// One of these, or none: what they bind alike is known.
    fn either(&mut self, arms: &[(Option<&'a Expr>, &'a [Stmt])]) -> Flow {
        let before = (self.names.clone(), self.made.configured.clone());
        let has_else = arms.last().is_some_and(|(test, _)| test.is_none());
        let mut ends = if has_else { Vec::new() } else { vec![before.clone()] };
        for (_, body) in arms {
            (self.names, self.made.configured) = before.clone();
            if let Flow::Return(_) = self.all(body) {
                return Flow::Return(None);
            }
            ends.push((self.names.clone(), self.made.configured.clone()));
        }
        let Some(((names, configured), others)) = ends.split_first() else { return Flow::Next };
        (self.names, self.made.configured) = (names.clone(), configured.clone());
        for (names, configured) in others {
            let all: BTreeSet<String> = names.keys().chain(self.names.keys()).cloned().collect();
            for name in all {
                if names.get(&name) != self.names.get(&name) {
                    self.names.insert(name, Binding::Value(None));
                }
            }
            let all: BTreeSet<String> = configured.keys().chain(self.made.configured.keys()).cloned().collect();
            for name in all {
                if configured.get(&name) != self.made.configured.get(&name) {
                    self.made.configured.insert(name, None);
                }
            }
        }
        Flow::Next
    }

    /// A call of a function of the file, whose arguments are not followed: only what needs none is known.
    pub(super) fn run(&mut self, function: &'a StmtFunctionDef, call: &'a ExprCall) -> Option<Known> {
        if self.calls >= MAX_CALLS || function.is_async || !function.decorator_list.is_empty() {
            return None;
        }
        let outer = self.names.clone();
        let parameters = function.parameters.posonlyargs.iter().chain(&function.parameters.args);
        let parameters: Vec<_> = parameters.chain(&function.parameters.kwonlyargs).collect();
        for (at, parameter) in parameters.iter().enumerate() {
            let name = parameter.parameter.name.as_str();
            let named = call
                .arguments
                .keywords
                .iter()
                .find(|keyword| keyword.arg.as_ref().is_some_and(|arg| arg.as_str() == name));
            let given =
                call.arguments.args.get(at).or(named.map(|keyword| &keyword.value)).or(parameter.default.as_deref());
            let value = given.and_then(|expr| self.value(expr));
            self.names.insert(name.to_owned(), Binding::Value(value));
        }
        self.calls += 1;
        let flow = self.all(&function.body);
        self.calls -= 1;
        self.names = outer;
        match flow {
            Flow::Return(value) => value,
            Flow::Next => Some(Known::of(Value::None)),
        }
    }

    /// What these statements bind is not known.
    fn forget(&mut self, suite: &[Stmt]) {
        for name in bound(suite) {
            self.names.insert(name, Binding::Value(None));
        }
        self.made.is_open |= configures(suite);
    }
}

/// `app.conf`, `celery.conf`
fn is_configuration(expr: &Expr) -> bool {
    matches!(expr, Expr::Attribute(attribute) if attribute.attr.as_str() == "conf")
}

/// What a walk over statements finds.
#[derive(Default)]
struct Finder {
    bound: Vec<String>,
    configures: bool,
    returns: bool,
}

impl Finder {
    fn of(suite: &[Stmt]) -> Self {
        let mut finder = Self::default();
        suite.iter().for_each(|stmt| finder.visit_stmt(stmt));
        finder
    }
}

impl Visitor<'_> for Finder {
    fn visit_stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Return(_) => self.returns = true,
            Stmt::FunctionDef(function) => return self.bound.push(function.name.to_string()),
            Stmt::ClassDef(class) => return self.bound.push(class.name.to_string()),
            Stmt::Import(import) => self.bound.extend(import.names.iter().map(|alias| {
                let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                name.split('.').next().unwrap_or_default().to_owned()
            })),
            Stmt::ImportFrom(import) => {
                self.bound
                    .extend(import.names.iter().map(|alias| alias.asname.as_ref().unwrap_or(&alias.name).to_string()));
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Name(name) if name.ctx.is_store() || name.ctx.is_del() => self.bound.push(name.id.to_string()),
            Expr::Attribute(attribute) => {
                self.configures |= matches!(attribute.attr.as_str(), "conf" | "config_from_object");
            }
            Expr::Name(name) => {
                self.configures |= matches!(name.id.as_str(), "locals" | "globals" | "vars" | "exec" | "setattr");
            }
            _ => {}
        }
        ruff_python_ast::visitor::walk_expr(self, expr);
    }
}

fn bound(suite: &[Stmt]) -> Vec<String> {
    Finder::of(suite).bound
}

fn configures(suite: &[Stmt]) -> bool {
    Finder::of(suite).configures
}

fn returns(suite: &[Stmt]) -> bool {
    Finder::of(suite).returns
}
