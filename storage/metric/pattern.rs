//! Regular expressions of label matchers: Go's syntax, fully anchored, with short cuts.
//!
//! Prometheus compiles `^(?s:PATTERN)$` with Go's engine. The pattern is brought from Go's syntax
//! into that of the `regex` crate, and analysed: many patterns that people write are in fact a
//! list of words or a prefix, which an index answers without looking at every value.

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Dot, Hir, HirKind, Look, Repetition};

/// Longest pattern in bytes.
const PATTERN_BYTES_MAX: usize = 64 * 1024;
/// Largest compiled program in bytes.
const PROGRAM_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Deepest nesting of groups.
const NEST_MAX: u32 = 100;
/// Most words that a pattern is expanded to.
const WORDS_MAX: usize = 1024;

/// A pattern in the cheapest form that decides it.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    /// Exactly one of these words, sorted.
    Words(Vec<String>),
    /// Any value, the empty one too.
    Anything,
    /// Any value but the empty one.
    NonEmpty,
    /// Anything that starts with the text.
    Prefix(String),
    /// The compiled expression, and the text that every match starts with (may be empty).
    Expression(Regex, String),
}

impl Pattern {
    /// Compiles a pattern.
    pub(crate) fn new(source: &str) -> Result<Self, String> {
        if source.len() > PATTERN_BYTES_MAX {
            return Err(format!("longer than {PATTERN_BYTES_MAX} bytes"));
        }
        let translated = from_go(source);
        let hir = ParserBuilder::new()
            .dot_matches_new_line(true)
            .nest_limit(NEST_MAX)
            .build()
            .parse(&translated)
            .map_err(|error| error.to_string())?;
        let parts = unanchored(&hir);
        if let Some(simple) = simple(&parts) {
            return Ok(simple);
        }
        if let Some(words) = words(&Hir::concat(parts.clone())) {
            return Ok(Self::Words(words));
        }
        let expression = RegexBuilder::new(&format!("^(?s:{translated})$"))
            .size_limit(PROGRAM_BYTES_MAX)
            .nest_limit(NEST_MAX + 2)
            .build()
            .map_err(|error| error.to_string())?;
        let prefix = parts.first().and_then(literal).unwrap_or_default();
        Ok(Self::Expression(expression, prefix))
    }

    /// Whether the whole value matches.
    pub(crate) fn matches(&self, value: &str) -> bool {
        match self {
            Self::Words(words) => words.binary_search_by(|word| word.as_str().cmp(value)).is_ok(),
            Self::Anything => true,
            Self::NonEmpty => !value.is_empty(),
            Self::Prefix(prefix) => value.starts_with(prefix.as_str()),
            Self::Expression(expression, prefix) => {
                value.starts_with(prefix.as_str()) && expression.is_match(value)
            }
        }
    }
}

/// Compiles a pattern of Go's syntax, anchored at both ends as Prometheus does, with its groups:
/// what relabelling needs beyond a matcher.
///
/// # Errors
/// What the compiler says about a pattern that is wrong or too large.
pub fn anchored_regex(source: &str) -> Result<Regex, String> {
    if source.len() > PATTERN_BYTES_MAX {
        return Err(format!("longer than {PATTERN_BYTES_MAX} bytes"));
    }
    let translated = from_go(source);
    // Parsed by itself first, so that no stray parenthesis ends the anchored group.
    let mut parser = ParserBuilder::new().dot_matches_new_line(true).nest_limit(NEST_MAX).build();
    parser.parse(&translated).map_err(|error| error.to_string())?;
    RegexBuilder::new(&format!("^(?s:{translated})$"))
        .size_limit(PROGRAM_BYTES_MAX)
        .nest_limit(NEST_MAX + 2)
        .build()
        .map_err(|error| error.to_string())
}

/// The parts of the top-level sequence without the anchors at its ends, which change nothing.
fn unanchored(hir: &Hir) -> Vec<Hir> {
    let mut parts = match hir.kind() {
        HirKind::Concat(parts) => parts.clone(),
        _ => vec![hir.clone()],
    };
    if parts.first().is_some_and(|part| *part.kind() == HirKind::Look(Look::Start)) {
        parts.remove(0);
    }
    if parts.last().is_some_and(|part| *part.kind() == HirKind::Look(Look::End)) {
        parts.pop();
    }
    parts
}

/// Recognises `.*`, `.+` and `text.*`.
fn simple(parts: &[Hir]) -> Option<Pattern> {
    match parts {
        [any] if is_any(any, 0) => Some(Pattern::Anything),
        [any] if is_any(any, 1) => Some(Pattern::NonEmpty),
        [text, any] if is_any(any, 0) => literal(text).map(Pattern::Prefix),
        _ => None,
    }
}

fn is_any(hir: &Hir, least: u32) -> bool {
    match hir.kind() {
        HirKind::Repetition(Repetition { min, max: None, sub, .. }) => {
            *min == least && **sub == Hir::dot(Dot::AnyChar)
        }
        HirKind::Capture(group) => is_any(&group.sub, least),
        _ => false,
    }
}

fn literal(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(text) => String::from_utf8(text.0.to_vec()).ok(),
        _ => None,
    }
}

/// All words that a pattern matches, when they are few.
fn words(hir: &Hir) -> Option<Vec<String>> {
    // The extractor passes over assertions; with one in the pattern its words are no proof.
    if !hir.properties().look_set().is_empty() {
        return None;
    }
    let mut extractor = Extractor::new();
    extractor.limit_total(WORDS_MAX).limit_class(16).limit_repeat(8).limit_literal_len(4096);
    let found = extractor.extract(hir);
    if !found.is_exact() {
        return None;
    }
    let mut words = Vec::new();
    for word in found.literals()? {
        words.push(String::from_utf8(word.as_bytes().to_vec()).ok()?);
    }
    words.sort_unstable();
    words.dedup();
    Some(words)
}

/// Rewrites what Go's syntax means differently: `\Q…\E`, ASCII-only classes, a lone brace, and
/// brackets and doubled operators inside a class.
fn from_go(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 8);
    let mut rest = source;
    // The class we are in: whether its first member is still to come.
    let mut class: Option<bool> = None;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if c == '\\' {
            rest = escape(after, class.is_some(), &mut out);
            class = class.map(|_| false);
            continue;
        }
        rest = after;
        match class {
            None if c == '[' => {
                out.push(c);
                class = Some(true);
                if let Some(negated) = rest.strip_prefix('^') {
                    out.push('^');
                    rest = negated;
                }
            }
            None if c == '{' && !is_repeat(rest) => out.push_str("\\{"),
            None => out.push(c),
            Some(first) => {
                class = Some(false);
                match c {
                    ']' if first => out.push_str("\\]"),
                    ']' => {
                        out.push(c);
                        class = None;
                    }
                    '[' if rest.starts_with(':') && rest.contains(":]") => {
                        let end = rest.find(":]").map_or(rest.len(), |at| at + 2);
                        out.push('[');
                        out.push_str(&rest[..end]);
                        rest = &rest[end..];
                    }
                    '[' | '&' | '~' => {
                        out.push('\\');
                        out.push(c);
                    }
                    _ => out.push(c),
                }
            }
        }
    }
    out
}

/// Translates what follows a backslash and returns what is left.
fn escape<'a>(after: &'a str, in_class: bool, out: &mut String) -> &'a str {
    let Some(c) = after.chars().next() else {
        out.push('\\');
        return after;
    };
    let rest = &after[c.len_utf8()..];
    let members = match c.to_ascii_lowercase() {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => "\\t\\n\\f\\r ",
        _ => "",
    };
    match c {
        'Q' if !in_class => {
            let end = rest.find("\\E");
            out.push_str(&regex_syntax::escape(&rest[..end.unwrap_or(rest.len())]));
            return end.map_or("", |at| &rest[at + 2..]);
        }
        'd' | 'w' | 's' if in_class => out.push_str(members),
        'd' | 'w' | 's' => out.extend(["[", members, "]"]),
        'D' | 'W' | 'S' => out.extend(["[^", members, "]"]),
        'b' if !in_class => out.push_str("(?-u:\\b)"),
        'B' if !in_class => out.push_str("(?-u:\\B)"),
        // Go takes a backslash before any punctuation; these three mean something else here.
        '<' | '>' => out.push(c),
        _ => {
            out.push('\\');
            out.push(c);
        }
    }
    rest
}

/// Whether the text after a brace makes it a repetition; otherwise Go takes the brace literally.
fn is_repeat(rest: &str) -> bool {
    let Some(end) = rest.find('}') else { return false };
    let mut bounds = rest[..end].splitn(2, ',');
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let least = bounds.next().is_some_and(number);
    least && bounds.next().is_none_or(|most| most.is_empty() || number(most))
}
