//! What was answered in this run. The original and the plan's text are read one after the other, and ask the same: an index
//! that answers the one and not the other would be taken for a difference between them.

use super::request::{RequestError, Resolution};
use crate::base::Digest;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Answer = Result<Resolution, RequestError>;

/// Answers by what was asked. Copies share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers(Arc<Mutex<HashMap<Digest, Answer>>>);

impl Answers {
    /// The answer to a question of this run: what was said to it before, which takes no request, or what `ask` says now.
    pub(super) fn once(&self, question: Digest, ask: impl FnOnce() -> Answer) -> Answer {
        if let Some(known) = self.known().get(&question) {
            let again = |known: &Resolution| Resolution { requests: 0, downloaded: 0, ..known.clone() };
            return known.as_ref().map(again).map_err(Clone::clone);
        }
        let answer = ask();
        self.known().insert(question, answer.clone());
        answer
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Digest, Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was answered is no part of what is asked with.
impl PartialEq for Answers {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
