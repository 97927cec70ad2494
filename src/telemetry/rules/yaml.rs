//! YAML as a tree whose every node knows its place, so that a mistake can be shown where it is.
//!
//! Only what configuration needs: one document of mappings, lists and texts. A scalar is a text
//! whatever it looks like; its reader says what it should be.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

/// Nodes of one document, those that aliases repeat included.
const NODES_MAX: usize = 400_000;
/// Keys of one mapping.
const KEYS_MAX: usize = 1_000;
/// Mappings and lists within each other.
const DEPTH_MAX: usize = 20;

/// A place in a text: line and column, both from 1, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    fn of(marker: &Marker) -> Self {
        Self { line: marker.line().max(1), column: marker.col() + 1 }
    }
}

/// Why a text is no YAML, or more than is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    pub place: Place,
    pub message: String,
}

impl YamlError {
    fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

impl From<ScanError> for YamlError {
    fn from(error: ScanError) -> Self {
        Self::new(Place::of(error.marker()), error.info())
    }
}

/// One node with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub place: Place,
    pub value: Value,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A text, with what it takes to find its characters in the source.
    Text(Text),
    /// Items in their order.
    List(Vec<Node>),
    /// Keys and values in their order; a key occurs once.
    Map(Vec<(Node, Node)>),
}

/// A scalar.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub text: String,
    style: ScalarStyle,
    /// Where it begins in the source, in characters.
    index: usize,
}

impl Node {
    /// The text of a scalar; `None` of anything else.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(&text.text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether nothing stands here: an empty plain scalar, or `null` or `~`.
    pub(crate) fn is_null(&self) -> bool {
        let Value::Text(text) = &self.value else { return false };
        let plain = text.style == ScalarStyle::Plain;
        plain && matches!(text.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// What the node is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The place in `source` of the byte `offset` of this scalar.
    ///
    /// YAML folds lines and takes indentation away, but every character that is no white space
    /// stays, and stays in its order: they are counted in both texts.
    pub(crate) fn place_of(&self, source: &str, offset: usize) -> Place {
        let Value::Text(text) = &self.value else { return self.place };
        let before = text.text.get(..offset).unwrap_or(&text.text);
        let wanted = before.chars().filter(|c| !c.is_whitespace()).count();
        let ends = text.text.get(offset..).is_none_or(|rest| rest.trim().is_empty());
        let mut walk = Walk::new(source, text);
        walk.skip(wanted);
        if !ends {
            walk.skip_space();
        }
        walk.place
    }
}

/// A walk over the characters of a scalar as they stand in the source.
struct Walk<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    style: ScalarStyle,
    place: Place,
}

impl<'a> Walk<'a> {
    fn new(source: &'a str, text: &Text) -> Self {
        let mut place = Place { line: 1, column: 1 };
        let mut rest = source.chars();
        for c in rest.by_ref().take(text.index) {
            place = after(place, c);
        }
        let mut walk = Self { rest: rest.peekable(), style: text.style, place };
        match text.style {
            ScalarStyle::Plain => {}
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                walk.step();
            }
            ScalarStyle::Literal | ScalarStyle::Folded => walk.skip_header(),
        }
        walk
    }

    fn step(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        self.place = after(self.place, c);
        Some(c)
    }

    /// Leaves the line of `|` or `>`, if the scalar's place is on it.
    fn skip_header(&mut self) {
        if matches!(self.rest.peek(), Some('|' | '>')) {
            while self.step().is_some_and(|c| c != '\n') {}
        }
    }

    fn skip_space(&mut self) {
        while self.rest.peek().is_some_and(|c| c.is_whitespace()) {
            self.step();
        }
    }

    /// Goes on until `count` characters of the scalar that are no white space lie behind.
    fn skip(&mut self, count: usize) {
        let mut seen = 0;
        while seen < count {
            let Some(c) = self.step() else { return };
            let is_space = match (self.style, c) {
                (ScalarStyle::DoubleQuoted, '\\') => {
                    matches!(self.step(), Some('n' | 't' | 'r' | ' ' | '\n'))
                }
                (ScalarStyle::SingleQuoted, '\'') => {
                    self.step();
                    false
                }
                (_, c) => c.is_whitespace(),
            };
            seen += usize::from(!is_space);
        }
    }
}

fn after(place: Place, c: char) -> Place {
    match c {
        '\n' => Place { line: place.line + 1, column: 1 },
        _ => Place { column: place.column + 1, ..place },
    }
}

/// A mapping or list that is still open.
enum Open {
    List { anchor: usize, place: Place, items: Vec<Node> },
    Map { anchor: usize, place: Place, pairs: Vec<(Node, Node)>, key: Option<Node> },
}

/// Reads one document; `None` when the text holds nothing.
///
/// # Errors
/// Text that is no YAML, a second document, a key that occurs twice, a tree that is too deep or
/// too large.
pub(crate) fn read(source: &str) -> Result<Option<Node>, YamlError> {
    let mut reader = Reader::default();
    let mut documents = 0;
    for event in Parser::new_from_str(source) {
        let (event, span) = event?;
        let place = Place::of(&span.start);
        match event {
            Event::DocumentStart(_) if documents > 0 => {
                return Err(YamlError::new(place, "a second document; one is read"));
            }
            Event::DocumentStart(_) => documents += 1,
            event => reader.take(event, place, span.start.index())?,
        }
    }
    Ok(reader.root)
}

#[derive(Default)]
struct Reader {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, place: Place, index: usize) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let text = Text { text: Cow::into_owned(text), style, index };
                self.put(Node { place, value: Value::Text(text) }, anchor, 1)
            }
            Event::SequenceStart(anchor, _) => {
                self.begin(Open::List { anchor, place, items: Vec::new() }, place)
            }
            Event::MappingStart(anchor, _) => {
                self.begin(Open::Map { anchor, place, pairs: Vec::new(), key: None }, place)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(YamlError::new(place, "an alias within its own anchor"));
                };
                self.put(node, 0, size)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, open: Open, place: Place) -> Result<(), YamlError> {
        if self.open.len() >= DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} mappings and lists within each other");
            return Err(YamlError::new(place, message));
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self) -> Result<(), YamlError> {
        let (node, anchor) = match self.open.pop() {
            Some(Open::List { anchor, place, items }) => {
                (Node { place, value: Value::List(items) }, anchor)
            }
            Some(Open::Map { anchor, place, pairs, .. }) => {
                (Node { place, value: Value::Map(pairs) }, anchor)
            }
            None => return Ok(()),
        };
        let size = if anchor > 0 { size_of(&node) } else { 1 };
        self.put(node, anchor, size)
    }

    /// Puts a node where it belongs; `size` is what it costs.
    fn put(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), YamlError> {
        let place = node.place;
        self.nodes = self.nodes.saturating_add(size);
        if self.nodes > NODES_MAX {
            return Err(YamlError::new(place, format!("more than {NODES_MAX} values")));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { pairs, key, .. }) => match key.take() {
                Some(key) => pairs.push((key, node)),
                None if pairs.len() >= KEYS_MAX => {
                    return Err(YamlError::new(place, format!("more than {KEYS_MAX} keys")));
                }
                None => {
                    let twice = pairs.iter().any(|(known, _)| known.text() == node.text());
                    if node.text().is_none() || twice {
                        let what = if twice { "the key occurs twice" } else { "a key is a text" };
                        let shown = node.text().unwrap_or_else(|| node.kind());
                        return Err(YamlError::new(place, format!("{what}: {shown}")));
                    }
                    *key = Some(node);
                }
            },
        }
        Ok(())
    }
}

/// The nodes of a tree; it is as deep as trees may be.
fn size_of(node: &Node) -> usize {
    match &node.value {
        Value::Text(_) => 1,
        Value::List(items) => 1 + items.iter().map(size_of).sum::<usize>(),
        Value::Map(pairs) => {
            1 + pairs.iter().map(|(key, value)| size_of(key) + size_of(value)).sum::<usize>()
        }
    }
}
