//! A place in the tokens, and the errors that are found there.

use super::lex::{Lexed, lex};
use super::token::{Token, TokenKind};
use crate::error::ParseError;
use crate::expr::{Kind, Node, Span};

/// Deepest nesting of expressions: each level takes stack.
const NESTING_MAX: usize = 128;
/// Deepest tree; a chain of operators is as deep as it is long.
const HEIGHT_MAX: usize = 256;

/// Reads the tokens of a query from first to last.
pub(super) struct Parser<'q> {
    pub(super) query: &'q str,
    lexed: Lexed,
    next: usize,
    nesting: usize,
    /// How many aggregations are open: an error within one is said to be in it.
    pub(super) aggregations: usize,
    /// Operators of the duration that is being read.
    pub(super) duration_operators: usize,
    /// Whether a duration was met that must be computed before evaluation.
    pub(super) unresolved: bool,
}

/// A place to come back to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    next: usize,
    nesting: usize,
}

impl<'q> Parser<'q> {
    pub(super) fn new(query: &'q str) -> Self {
        let lexed = lex(query);
        Self {
            query,
            lexed,
            next: 0,
            nesting: 0,
            aggregations: 0,
            duration_operators: 0,
            unresolved: false,
        }
    }

    /// The next token; the last one stays the next for ever.
    pub(super) fn peek(&self) -> Token {
        self.peek_at(0)
    }

    /// The token that many places behind the next.
    pub(super) fn peek_at(&self, ahead: usize) -> Token {
        let tokens = &self.lexed.tokens;
        let end = Token {
            kind: TokenKind::End,
            span: Span { start: self.query.len(), end: self.query.len() },
        };
        tokens.get(self.next + ahead).or(tokens.last()).copied().unwrap_or(end)
    }

    pub(super) fn take(&mut self) -> Token {
        let token = self.peek();
        self.next += 1;
        token
    }

    /// Takes the next token if it is of this kind.
    pub(super) fn skip(&mut self, kind: TokenKind) -> bool {
        let found = self.peek().kind == kind;
        self.next += usize::from(found);
        found
    }

    /// Where the parser stands, to come back to.
    pub(super) fn mark(&self) -> Mark {
        Mark { next: self.next, nesting: self.nesting }
    }

    pub(super) fn back_to(&mut self, mark: Mark) {
        (self.next, self.nesting) = (mark.next, mark.nesting);
    }

    /// The end of the last token taken.
    pub(super) fn last_end(&self) -> usize {
        self.next.checked_sub(1).and_then(|i| self.lexed.tokens.get(i)).map_or(0, |t| t.span.end)
    }

    /// From `start` to the end of the last token taken.
    pub(super) fn span_from(&self, start: usize) -> Span {
        Span { start, end: self.last_end().max(start) }
    }

    pub(super) fn refuse(&self, span: Span, message: impl Into<String>) -> ParseError {
        ParseError::new(self.query, span.start, span.end, message)
    }

    /// Complains about the next token, at a place where only some tokens can stand.
    pub(super) fn unexpected_in(&self, place: &str, expected: &str) -> ParseError {
        let token = self.peek();
        if token.kind == TokenKind::Bad {
            return self.refuse(token.span, self.lexed.message.clone());
        }
        let mut message = format!("unexpected {}", token.describe(self.query));
        for (word, text) in [(" in ", place), (", expected ", expected)] {
            if !text.is_empty() {
                message.push_str(word);
                message.push_str(text);
            }
        }
        self.refuse(token.span, message)
    }

    /// Complains about the next token.
    pub(super) fn unexpected(&self) -> ParseError {
        self.unexpected_in(if self.aggregations > 0 { "aggregation" } else { "" }, "")
    }

    /// Goes one level deeper; [`Self::leave`] must follow where there is no error.
    pub(super) fn enter(&mut self) -> Result<(), ParseError> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            let message = format!("query is nested deeper than {NESTING_MAX}");
            return Err(self.refuse(self.peek().span, message));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.nesting -= 1;
    }

    /// Makes a node, unless the tree gets too deep.
    pub(super) fn node(&self, kind: Kind, span: Span) -> Result<Node, ParseError> {
        let node = Node::new(kind, span);
        if node.height > HEIGHT_MAX {
            return Err(self.refuse(span, format!("query is nested deeper than {HEIGHT_MAX}")));
        }
        Ok(node)
    }
}
