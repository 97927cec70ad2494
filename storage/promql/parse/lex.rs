//! Splits a query into tokens.
//!
//! What a character means depends on whether it stands within braces, within brackets or
//! elsewhere; the states and the messages are those of Prometheus' lexer.

use super::number;
use super::text;
use super::token::{Keyword, Token, TokenKind, word_kind};
use crate::expr::{AggregateOp, BinaryOp, Span};
use crate::quote::quote_char;

/// Most tokens of a query.
const TOKENS_MAX: usize = 32_768;

/// The tokens of a query; the last is the end, or what is no token.
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    /// What is wrong, if the last token is [`TokenKind::Bad`].
    pub(super) message: String,
}

/// Splits a query into tokens; comments and spaces are left out.
pub(super) fn lex(query: &str) -> Lexed {
    let mut lexer = Lexer {
        query,
        at: 0,
        start: 0,
        paren_depth: 0,
        in_braces: false,
        in_brackets: false,
        colon_seen: false,
        number_seen: false,
    };
    let mut tokens = Vec::new();
    loop {
        let token = match lexer.next() {
            Ok(token) if tokens.len() < TOKENS_MAX || token.kind == TokenKind::End => token,
            Ok(token) => {
                let message = format!("query has more than {TOKENS_MAX} words and signs");
                tokens.push(Token { kind: TokenKind::Bad, ..token });
                return Lexed { tokens, message };
            }
            Err(message) => {
                let span = Span { start: lexer.start, end: query.len() };
                tokens.push(Token { kind: TokenKind::Bad, span });
                return Lexed { tokens, message };
            }
        };
        tokens.push(token);
        if token.kind == TokenKind::End {
            return Lexed { tokens, message: String::new() };
        }
    }
}

struct Lexer<'q> {
    query: &'q str,
    at: usize,
    /// Where the current token starts.
    start: usize,
    paren_depth: usize,
    in_braces: bool,
    in_brackets: bool,
    /// Whether a colon was seen since the bracket opened.
    colon_seen: bool,
    /// Whether a number was seen since the bracket opened.
    number_seen: bool,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Token, String> {
        self.skip_blanks();
        self.start = self.at;
        let kind = match self.peek() {
            None => self.end()?,
            Some(c) if self.in_braces => self.within_braces(c)?,
            Some(c) if self.in_brackets && !self.number_seen => self.within_brackets(c)?,
            Some(c) => self.elsewhere(c)?,
        };
        Ok(Token { kind, span: Span { start: self.start, end: self.at } })
    }

    fn peek(&self) -> Option<char> {
        self.query[self.at..].chars().next()
    }

    /// Takes a character if it is this one.
    fn skip(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn skip_while(&mut self, accepted: impl Fn(char) -> bool) {
        let rest = &self.query[self.at..];
        self.at += rest.find(|c| !accepted(c)).unwrap_or(rest.len());
    }

    fn skip_blanks(&mut self) {
        loop {
            self.skip_while(is_space);
            if self.peek() != Some('#') {
                return;
            }
            self.skip_while(|c| c != '\n' && c != '\r');
        }
    }

    fn end(&self) -> Result<TokenKind, String> {
        let message = if self.in_braces {
            "unexpected end of input inside braces"
        } else if self.in_brackets && !self.number_seen {
            "unexpected end of input in duration expression"
        } else if self.paren_depth > 0 {
            "unclosed left parenthesis"
        } else if self.in_brackets {
            "unclosed left bracket"
        } else {
            return Ok(TokenKind::End);
        };
        Err(message.to_owned())
    }

    fn within_braces(&mut self, c: char) -> Result<TokenKind, String> {
        if is_letter(c) {
            self.skip_while(|c| is_letter(c) || c.is_ascii_digit());
            return Ok(TokenKind::Identifier);
        }
        if matches!(c, '"' | '\'' | '`') {
            return self.text();
        }
        self.at += c.len_utf8();
        Ok(match c {
            ',' => TokenKind::Comma,
            '=' if self.skip('~') => TokenKind::Matches,
            '=' => TokenKind::Equal,
            '!' if self.skip('~') => TokenKind::NotMatches,
            '!' if self.skip('=') => TokenKind::Binary(BinaryOp::Ne),
            '!' => {
                let found = self.found();
                return Err(format!("unexpected character after '!' inside braces: {found}"));
            }
            '}' => {
                self.in_braces = false;
                TokenKind::RightBrace
            }
            '{' => return Err("unexpected left brace '{'".to_owned()),
            c => return Err(format!("unexpected character inside braces: {}", quote_char(c))),
        })
    }

    /// The start of a duration expression, up to its first number.
    fn within_brackets(&mut self, c: char) -> Result<TokenKind, String> {
        match c {
            ':' => {
                self.at += 1;
                self.start = self.at;
                Err("unexpected colon before duration in duration expression".to_owned())
            }
            ']' | '(' | ')' | '+' | '-' | '*' | '/' | '%' | '^' | ',' | '.' | '0'..='9' => {
                self.elsewhere(c)
            }
            c => self.duration_word().ok_or_else(|| {
                format!("unexpected character in duration expression: {}", quote_char(c))
            }),
        }
    }

    /// A word that may stand in a duration expression.
    fn duration_word(&mut self) -> Option<TokenKind> {
        self.skip_while(is_letter);
        let word = self.query[self.start..self.at].to_ascii_lowercase();
        Some(match word.as_str() {
            "step" => TokenKind::Keyword(Keyword::Step),
            "range" => TokenKind::Keyword(Keyword::Range),
            "min" => TokenKind::Aggregator(AggregateOp::Min),
            "max" => TokenKind::Aggregator(AggregateOp::Max),
            "min_of" | "max_of" => TokenKind::Identifier,
            _ => return None,
        })
    }

    fn elsewhere(&mut self, c: char) -> Result<TokenKind, String> {
        let rest = &self.query.as_bytes()[self.at..];
        if c.is_ascii_digit() || (c == '.' && rest.get(1).is_some_and(u8::is_ascii_digit)) {
            return self.number();
        }
        if matches!(c, '"' | '\'' | '`') {
            return self.text();
        }
        if is_letter(c) || c == ':' {
            return if self.in_brackets { self.bracket_word(c) } else { Ok(self.word()) };
        }
        self.at += c.len_utf8();
        match c {
            '(' => {
                self.paren_depth += 1;
                Ok(TokenKind::LeftParen)
            }
            ')' if self.paren_depth == 0 => {
                self.start = self.at;
                Err("unexpected right parenthesis ')'".to_owned())
            }
            ')' => {
                self.paren_depth -= 1;
                Ok(TokenKind::RightParen)
            }
            '{' => {
                self.in_braces = true;
                Ok(TokenKind::LeftBrace)
            }
            '[' if self.in_brackets => Err("unexpected left bracket '['".to_owned()),
            '[' => {
                (self.in_brackets, self.colon_seen, self.number_seen) = (true, false, false);
                Ok(TokenKind::LeftBracket)
            }
            ']' if !self.in_brackets => Err("unexpected right bracket ']'".to_owned()),
            ']' => {
                self.in_brackets = false;
                Ok(TokenKind::RightBracket)
            }
            c => self.sign(c),
        }
    }

    fn sign(&mut self, c: char) -> Result<TokenKind, String> {
        Ok(match c {
            ',' => TokenKind::Comma,
            '@' => TokenKind::At,
            '+' => TokenKind::Binary(BinaryOp::Add),
            '-' => TokenKind::Binary(BinaryOp::Sub),
            '*' => TokenKind::Binary(BinaryOp::Mul),
            '/' => TokenKind::Binary(BinaryOp::Div),
            '%' => TokenKind::Binary(BinaryOp::Mod),
            '^' => TokenKind::Binary(BinaryOp::Pow),
            '=' if self.skip('=') => TokenKind::Binary(BinaryOp::Eq),
            '=' if self.peek() == Some('~') => {
                return Err("unexpected character after '=': '~'".to_owned());
            }
            '=' => TokenKind::Equal,
            '!' if self.skip('=') => TokenKind::Binary(BinaryOp::Ne),
            '!' => return Err(format!("unexpected character after '!': {}", self.found())),
            '<' if self.skip('=') => TokenKind::Binary(BinaryOp::Le),
            '<' if self.skip('/') => TokenKind::Binary(BinaryOp::TrimUpper),
            '<' => TokenKind::Binary(BinaryOp::Lt),
            '>' if self.skip('=') => TokenKind::Binary(BinaryOp::Ge),
            '>' if self.skip('/') => TokenKind::Binary(BinaryOp::TrimLower),
            '>' => TokenKind::Binary(BinaryOp::Gt),
            c => return Err(format!("unexpected character: {}", quote_char(c))),
        })
    }

    /// The next character as messages quote it.
    fn found(&self) -> String {
        self.peek().map_or_else(|| "end of input".to_owned(), quote_char)
    }

    fn word(&mut self) -> TokenKind {
        self.skip_while(|c| is_letter(c) || c.is_ascii_digit() || c == ':');
        let kind = word_kind(&self.query[self.start..self.at]);
        let is_fill = matches!(kind, TokenKind::Keyword(keyword) if keyword.is_fill());
        let opens = self.query[self.at..].trim_start_matches(is_space).starts_with('(');
        // These came late to the language; metrics of that name had to stay possible.
        if is_fill && !opens { TokenKind::Identifier } else { kind }
    }

    /// A word or colon behind the first number of a bracket.
    fn bracket_word(&mut self, c: char) -> Result<TokenKind, String> {
        if c != ':' {
            return self
                .duration_word()
                .ok_or_else(|| format!("unexpected character: {}, expected ':'", quote_char(c)));
        }
        if self.colon_seen {
            return Err("unexpected colon ':'".to_owned());
        }
        self.at += 1;
        self.colon_seen = true;
        Ok(TokenKind::Colon)
    }

    fn number(&mut self) -> Result<TokenKind, String> {
        self.number_seen = true;
        let (kind, length) = number::scan(&self.query.as_bytes()[self.at..]);
        self.at += length;
        kind.ok_or_else(|| {
            let found = crate::quote::quote(&self.query[self.start..self.at]);
            format!("bad number or duration syntax: {found}")
        })
    }

    fn text(&mut self) -> Result<TokenKind, String> {
        self.at += text::length(&self.query[self.at..])?;
        Ok(TokenKind::Text)
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_letter(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}
