//! What the grammar read, noted in the order of the text ([`super::tokens`]).

use super::parse::{Parsed, Parser};
use super::{Operator, Token, Word};
use std::ops::Range;

impl Parser<'_> {
    /// Notes what was read since `start`: a word of a command, or what is none.
    pub(super) fn note(&mut self, start: usize, is_word: bool) {
        if self.inside > 0 {
            return;
        }
        let (text, literal) = std::mem::replace(&mut self.shown, (String::new(), true));
        let (span, nested) = (start..self.at, self.nesting > 0);
        self.tokens.push(Token { span, text, operator: None, literal, is_word, nested });
    }

    pub(super) fn note_operator(&mut self, start: usize, operator: Operator, needs_target: bool) {
        if self.inside == 0 {
            let (span, nested) = (start..self.at, self.nesting > 0);
            let (text, operator, literal) = (String::new(), Some(operator), !needs_target);
            self.tokens.push(Token { span, text, operator, literal, is_word: false, nested });
        }
    }

    /// Takes an operator that is there.
    pub(super) fn operator(&mut self, sign: &str, operator: Operator) -> bool {
        let found = self.eat(sign);
        if found {
            self.note_operator(self.at - sign.len(), operator, true);
        }
        found
    }

    /// Takes a word of the language.
    pub(super) fn keyword(&mut self, length: usize) {
        let start = self.at;
        self.at += length;
        self.nesting += 1;
        self.note(start, false);
        self.nesting -= 1;
    }

    /// A word that is none of a command's.
    pub(super) fn other_word(&mut self) -> Parsed<Word> {
        let word = self.word()?;
        self.is_no_word(false);
        Ok(word)
    }

    /// The last word is none of a command's; `own`: it belongs to a compound command.
    pub(super) fn is_no_word(&mut self, own: bool) {
        if let Some(last) = self.tokens.last_mut().filter(|_| self.inside == 0) {
            last.is_word = false;
            last.nested |= own;
        }
    }

    /// Puts a redirection before its target, which is the token at `at`. `2>&1` is whole.
    pub(super) fn note_redirection(&mut self, sign: Range<usize>, at: usize, is_whole: bool) {
        if self.inside > 0 {
            return;
        }
        let span = sign.start..if is_whole { self.at } else { sign.end };
        self.tokens.truncate(at + usize::from(!is_whole));
        let (text, operator, nested) = (String::new(), Some(Operator::Redirect), self.nesting > 0);
        self.tokens.insert(at, Token { span, text, operator, literal: is_whole, is_word: false, nested });
    }

    /// A word of `[[ … ]]` that means itself.
    pub(super) fn sign(&mut self, length: usize) {
        let start = self.at;
        self.at += length;
        self.shown = (self.text[start..self.at].to_owned(), true);
        self.note(start, true);
    }
}
