//! The words and signs of the language, and how messages name them.

use crate::expr::{AggregateOp, BinaryOp, Span};
use crate::quote::quote;

/// A word or sign of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    /// `=`.
    Equal,
    /// `=~`.
    Matches,
    /// `!~`.
    NotMatches,
    At,
    Binary(BinaryOp),
    Aggregator(AggregateOp),
    Keyword(Keyword),
    /// A name without colons.
    Identifier,
    /// A name with colons.
    MetricIdentifier,
    Number,
    Duration,
    Text,
    /// The end of the query.
    End,
    /// What is no token; the lexer has the message and stopped here.
    Bad,
}

/// Words that have a meaning at some places, and are names at others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Offset,
    Smoothed,
    Anchored,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Bool,
    Start,
    End,
    Step,
    Range,
}

impl Keyword {
    pub(super) fn is_fill(self) -> bool {
        matches!(self, Self::Fill | Self::FillLeft | Self::FillRight)
    }

    /// Whether the word stands for a time or duration of the query: `start()`, `step()`.
    pub(super) fn is_time(self) -> bool {
        matches!(self, Self::Start | Self::End | Self::Step | Self::Range)
    }
}

/// What a word means outside of braces; upper and lower case are the same.
pub(super) fn word_kind(word: &str) -> TokenKind {
    let lower = word.to_ascii_lowercase();
    if let Some(op) = AggregateOp::from_name(&lower) {
        return TokenKind::Aggregator(op);
    }
    if let Some(op) = BinaryOp::from_word(&lower) {
        return TokenKind::Binary(op);
    }
    TokenKind::Keyword(match lower.as_str() {
        "offset" => Keyword::Offset,
        "smoothed" => Keyword::Smoothed,
        "anchored" => Keyword::Anchored,
        "by" => Keyword::By,
        "without" => Keyword::Without,
        "on" => Keyword::On,
        "ignoring" => Keyword::Ignoring,
        "group_left" => Keyword::GroupLeft,
        "group_right" => Keyword::GroupRight,
        "fill" => Keyword::Fill,
        "fill_left" => Keyword::FillLeft,
        "fill_right" => Keyword::FillRight,
        "bool" => Keyword::Bool,
        "start" => Keyword::Start,
        "end" => Keyword::End,
        "step" => Keyword::Step,
        "range" => Keyword::Range,
        "inf" | "nan" => return TokenKind::Number,
        _ if word.contains(':') => return TokenKind::MetricIdentifier,
        _ => return TokenKind::Identifier,
    })
}

/// Longest text of a token that a message quotes as a whole.
const QUOTED_CHARS_MAX: usize = 10;

impl Token {
    pub(super) fn text<'q>(&self, query: &'q str) -> &'q str {
        query.get(self.span.start..self.span.end).unwrap_or("")
    }

    /// The token as messages name it, in the words of Prometheus.
    pub(super) fn describe(&self, query: &str) -> String {
        let text = self.text(query);
        match self.kind {
            TokenKind::End => "end of input".to_owned(),
            TokenKind::Bad => "error".to_owned(),
            TokenKind::Binary(_) | TokenKind::At | TokenKind::Matches | TokenKind::NotMatches => {
                format!("<op:{text}>")
            }
            TokenKind::Aggregator(_) => format!("<aggr:{text}>"),
            TokenKind::Keyword(keyword) if !keyword.is_time() => format!("<{text}>"),
            TokenKind::Identifier => format!("identifier {}", quote(text)),
            TokenKind::MetricIdentifier => format!("metric identifier {}", quote(text)),
            TokenKind::Number => format!("number {}", shortened(text)),
            TokenKind::Duration => format!("duration {}", shortened(text)),
            TokenKind::Text => format!("string {}", shortened(text)),
            _ => quote(text),
        }
    }
}

fn shortened(text: &str) -> String {
    if text.len() <= QUOTED_CHARS_MAX {
        return quote(text);
    }
    let start: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    format!("{}...", quote(&start))
}
