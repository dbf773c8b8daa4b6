//! All simple commands of a script, wherever in it they stand: in compound commands, functions and substitutions.

use super::{Form, Kind, Node, Part, Script, Simple, Word};

/// Calls `each` for every simple command, those that run inside of a word (`$(…)`) behind the command that has the word.
pub fn each_simple<'s>(script: &'s Script, each: &mut dyn FnMut(&'s Simple)) {
    for item in script {
        let pipelines = std::iter::once(&item.first).chain(item.rest.iter().map(|(_, pipeline)| pipeline));
        pipelines.flat_map(|pipeline| &pipeline.commands).for_each(|found| node(found, each));
    }
}

/// Calls `each` for every simple command that runs inside of a word.
fn each_inside<'s>(word: &'s Word, each: &mut dyn FnMut(&'s Simple)) {
    for part in &word.parts {
        match part {
            Part::Substitution { script, .. } | Part::Process(script) => each_simple(script, each),
            Part::Arithmetic(word) | Part::Other(word) => each_inside(word, each),
            Part::Variable { form, .. } => match form {
                Form::Default { word, .. }
                | Form::Alternative { word, .. }
                | Form::Required { word, .. }
                | Form::Strip { word, .. }
                | Form::Other(word) => each_inside(word, each),
                Form::Plain | Form::Length => {}
            },
            Part::Text { .. } | Part::Unread => {}
        }
    }
}

fn node<'s>(node: &'s Node, each: &mut dyn FnMut(&'s Simple)) {
    match &node.kind {
        Kind::Simple(simple) => {
            each(simple);
            simple.assigned.iter().for_each(|assigned| each_inside(&assigned.value, each));
            simple.words.iter().for_each(|word| each_inside(word, each));
        }
        Kind::Group(script) | Kind::Subshell(script) => each_simple(script, each),
        Kind::If { arms, otherwise } => {
            for (condition, body) in arms {
                each_simple(condition, each);
                each_simple(body, each);
            }
            otherwise.iter().for_each(|script| each_simple(script, each));
        }
        Kind::For { words, body, .. } => {
            words.iter().flatten().for_each(|word| each_inside(word, each));
            each_simple(body, each);
        }
        Kind::While { condition, body, .. } => {
            each_simple(condition, each);
            each_simple(body, each);
        }
        Kind::Case { subject, arms } => {
            each_inside(subject, each);
            for (patterns, body) in arms {
                patterns.iter().for_each(|word| each_inside(word, each));
                each_simple(body, each);
            }
        }
        Kind::Test(words) => words.iter().for_each(|word| each_inside(word, each)),
        Kind::Arithmetic(word) => each_inside(word, each),
        Kind::Function { body, .. } => self::node(body, each),
    }
    for redirect in &node.redirects {
        each_inside(&redirect.target, each);
        let document = redirect.document.as_ref().and_then(|document| document.get());
        document.iter().for_each(|word| each_inside(word, each));
    }
}
