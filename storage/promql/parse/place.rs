//! A cursor that walks the tokens beside the grammar's tree, to give each node its place.

use super::scan::{Token, TokenKind};
use crate::expr::Span;

/// Walks the tokens in the order in which the tree's nodes stand in the text.
pub(super) struct Cursor<'q> {
    query: &'q str,
    tokens: &'q [Token],
    next: usize,
    /// Set when tokens and tree disagree; then every node has the whole query as its place.
    lost: bool,
}

impl<'q> Cursor<'q> {
    pub(super) fn new(query: &'q str, tokens: &'q [Token]) -> Self {
        Self { query, tokens, next: 0, lost: false }
    }

    /// The start of the next token.
    pub(super) fn start(&self) -> usize {
        self.tokens.get(self.next).map_or(self.query.len(), |token| token.span.start)
    }

    /// The place from `start` to the end of the last token taken.
    pub(super) fn span_from(&self, start: usize) -> Span {
        let last = self.next.checked_sub(1).and_then(|i| self.tokens.get(i));
        let end = last.map_or(0, |token| token.span.end);
        if self.lost || end < start {
            return Span { start: 0, end: self.query.len() };
        }
        Span { start, end }
    }

    pub(super) fn peek(&self) -> &'q str {
        self.tokens.get(self.next).map_or("", |token| token.text(self.query))
    }

    pub(super) fn peek_kind(&self) -> Option<TokenKind> {
        self.tokens.get(self.next).map(|token| token.kind)
    }

    pub(super) fn take(&mut self) {
        self.next += 1;
    }

    pub(super) fn expect(&mut self, text: &str) {
        self.lost |= !self.skip(text);
    }

    /// Takes the next token if it is this one.
    pub(super) fn skip(&mut self, text: &str) -> bool {
        let found = self.peek().eq_ignore_ascii_case(text);
        if found {
            self.take();
        }
        found
    }

    /// Takes any number of these tokens.
    pub(super) fn skip_all(&mut self, texts: &[&str]) {
        while texts.contains(&self.peek()) {
            self.take();
        }
    }

    pub(super) fn expect_kind(&mut self, kind: TokenKind) {
        if self.peek_kind() == Some(kind) {
            self.take();
        } else {
            self.lost = true;
        }
    }

    /// Takes a bracket and all up to the one that closes it, if the next token opens one.
    pub(super) fn skip_bracket(&mut self, open: &str) -> bool {
        if self.peek() != open {
            return false;
        }
        let mut depth = 0;
        while self.next < self.tokens.len() {
            match self.peek() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            self.take();
            if depth == 0 {
                return true;
            }
        }
        true
    }

    /// Takes `by (...)` or `without (...)`.
    pub(super) fn skip_grouping(&mut self) {
        if self.skip("by") || self.skip("without") {
            self.skip_bracket("(");
        }
    }

    /// Takes `offset` and `@` modifiers.
    pub(super) fn skip_shift(&mut self) {
        loop {
            if self.skip("offset") || self.skip("@") {
                self.skip_all(&["+", "-"]);
                self.take();
                self.skip_bracket("(");
            } else {
                return;
            }
        }
    }

    /// Takes the modifiers between an operator and its right side.
    pub(super) fn skip_matching(&mut self) {
        const WORDS: [&str; 8] = [
            "bool",
            "on",
            "ignoring",
            "group_left",
            "group_right",
            "fill",
            "fill_left",
            "fill_right",
        ];
        while WORDS.iter().any(|word| self.peek().eq_ignore_ascii_case(word)) {
            let bare = self.peek().eq_ignore_ascii_case("bool");
            self.take();
            if !bare {
                self.skip_bracket("(");
            }
        }
    }
}
