//! The syntax tree that evaluation walks.

use std::fmt;

use metric::Matcher;

use crate::formula::Formulas;
use crate::function::Function;

/// Where a node stands in the text of the query, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// First byte behind.
    pub end: usize,
}

impl Span {
    /// Line and column of the first byte, both from 1, as `line:column`.
    pub(crate) fn place(self, query: &str) -> String {
        let before = query.get(..self.start).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        format!("{line}:{column}")
    }
}

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// One number.
    Scalar,
    /// One text.
    String,
    /// One sample for each series.
    Vector,
    /// Many samples for each series.
    Matrix,
}

impl ValueKind {
    /// The kind by the name that the HTTP API and some messages use.
    pub(crate) fn api_name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
        }
    }
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        })
    }
}

/// A parsed query.
#[derive(Debug, Clone)]
pub struct Expr {
    pub(crate) query: String,
    pub(crate) root: Node,
    /// Whether durations have to be computed before evaluation: see [`crate::resolve`].
    pub(crate) unresolved: bool,
}

impl Expr {
    /// The text that was parsed.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.query
    }

    /// What the query evaluates to.
    #[must_use]
    pub fn value_kind(&self) -> ValueKind {
        self.root.value_kind()
    }
}

/// One node of the tree.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    /// Whether the value is the same at every step, because each selector is fixed in time.
    pub(crate) steady: bool,
    /// How many nodes deep the tree is from here, this node included.
    pub(crate) height: usize,
    /// Durations of this node that are still to be computed: see [`crate::resolve`].
    pub(crate) formulas: Option<Box<Formulas>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Number(f64),
    /// A number written as a duration, in seconds.
    Duration(f64),
    Text(String),
    /// A text that is not UTF-8, made so by its escapes.
    Bytes(Vec<u8>),
    Select(Selector),
    Range {
        selector: Selector,
        range_ms: i64,
    },
    Subquery {
        inner: Box<Node>,
        range_ms: i64,
        step_ms: Option<i64>,
        shift: Shift,
    },
    Call {
        function: Function,
        args: Vec<Node>,
    },
    Aggregate(Box<Aggregate>),
    Negate(Box<Node>),
    /// The sign that changes nothing.
    Plus(Box<Node>),
    Binary(Box<Binary>),
    Paren(Box<Node>),
}

impl Node {
    /// A node whose durations are all known.
    pub(crate) fn new(kind: Kind, span: Span) -> Self {
        let (steady, height) = (kind.is_steady(), kind.children_height() + 1);
        Self { kind, span, steady, height, formulas: None }
    }

    pub(crate) fn value_kind(&self) -> ValueKind {
        let mut node = self;
        loop {
            match &node.kind {
                Kind::Number(_) | Kind::Duration(_) => return ValueKind::Scalar,
                Kind::Text(_) | Kind::Bytes(_) => return ValueKind::String,
                Kind::Select(_) | Kind::Aggregate(_) => return ValueKind::Vector,
                Kind::Range { .. } | Kind::Subquery { .. } => return ValueKind::Matrix,
                Kind::Call { function, .. } => return function.value_kind(),
                Kind::Binary(binary) => return binary.kind,
                Kind::Negate(inner) | Kind::Plus(inner) | Kind::Paren(inner) => node = inner,
            }
        }
    }

    /// The nodes right below, in the order in which they stand in the query.
    pub(crate) fn children(&self) -> Vec<&Self> {
        self.kind.children()
    }

    /// The node without the parentheses around it.
    pub(crate) fn unparen(&self) -> &Self {
        let mut node = self;
        while let Kind::Paren(inner) = &node.kind {
            node = inner;
        }
        node
    }
}

impl Kind {
    /// The sort of node by the name that the HTTP API uses.
    pub(crate) fn api_name(&self) -> &'static str {
        match self {
            Self::Number(_) | Self::Duration(_) => "numberLiteral",
            Self::Text(_) | Self::Bytes(_) => "stringLiteral",
            Self::Select(_) => "vectorSelector",
            Self::Range { .. } => "matrixSelector",
            Self::Subquery { .. } => "subquery",
            Self::Call { .. } => "call",
            Self::Aggregate(_) => "aggregation",
            Self::Negate(_) | Self::Plus(_) => "unaryExpr",
            Self::Paren(_) => "parenExpr",
            Self::Binary(_) => "binaryExpr",
        }
    }

    /// Whether the value cannot change from step to step.
    fn is_steady(&self) -> bool {
        match self {
            Self::Number(_) | Self::Duration(_) | Self::Text(_) | Self::Bytes(_) => true,
            Self::Select(selector) | Self::Range { selector, .. } => selector.shift.at.is_some(),
            Self::Subquery { shift, .. } => shift.at.is_some(),
            Self::Call { function, args } => {
                !function.reads_time() && args.iter().all(|arg| arg.steady)
            }
            Self::Aggregate(aggregate) => {
                aggregate.inner.steady && aggregate.param.as_ref().is_none_or(|param| param.steady)
            }
            Self::Negate(inner) | Self::Plus(inner) | Self::Paren(inner) => inner.steady,
            Self::Binary(binary) => binary.left.steady && binary.right.steady,
        }
    }

    fn children(&self) -> Vec<&Node> {
        match self {
            Self::Subquery { inner, .. }
            | Self::Negate(inner)
            | Self::Plus(inner)
            | Self::Paren(inner) => vec![inner],
            Self::Call { args, .. } => args.iter().collect(),
            Self::Aggregate(aggregate) => {
                aggregate.param.iter().chain([&aggregate.inner]).collect()
            }
            Self::Binary(binary) => vec![&binary.left, &binary.right],
            _ => Vec::new(),
        }
    }

    fn children_height(&self) -> usize {
        self.children().iter().map(|child| child.height).max().unwrap_or(0)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Selector {
    /// The metric's name if it stands before the braces; then the first matcher is of it.
    pub(crate) name: Option<String>,
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) shift: Shift,
    pub(crate) edges: Edges,
}

/// What a selector takes for the values at the edges of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Edges {
    /// Nothing: only samples within the range count.
    #[default]
    Open,
    /// The samples before the edges.
    Anchored,
    /// Values between the samples around the edges.
    Smoothed,
}

/// How a selector moves away from the evaluation time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shift {
    pub(crate) offset_ms: i64,
    pub(crate) at: Option<At>,
}

/// A time that replaces the evaluation time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Start,
    End,
    Time(i64),
}

#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    pub(crate) param: Option<Node>,
    pub(crate) inner: Node,
    pub(crate) grouping: Grouping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Quantile,
    TopK,
    BottomK,
    LimitK,
    LimitRatio,
    CountValues,
}

impl AggregateOp {
    /// All aggregations, in order of their names.
    pub(crate) const NAMES: [(&str, Self); 14] = [
        ("avg", Self::Avg),
        ("bottomk", Self::BottomK),
        ("count", Self::Count),
        ("count_values", Self::CountValues),
        ("group", Self::Group),
        ("limit_ratio", Self::LimitRatio),
        ("limitk", Self::LimitK),
        ("max", Self::Max),
        ("min", Self::Min),
        ("quantile", Self::Quantile),
        ("stddev", Self::Stddev),
        ("stdvar", Self::Stdvar),
        ("sum", Self::Sum),
        ("topk", Self::TopK),
    ];

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, op)| *op)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }

    /// What the parameter must be, if the aggregation takes one.
    pub(crate) fn param_kind(self) -> Option<ValueKind> {
        match self {
            Self::CountValues => Some(ValueKind::String),
            Self::Quantile | Self::TopK | Self::BottomK | Self::LimitK | Self::LimitRatio => {
                Some(ValueKind::Scalar)
            }
            _ => None,
        }
    }
}

/// Which labels survive an aggregation, or take part in matching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grouping {
    pub(crate) without: bool,
    /// Sorted and unique.
    pub(crate) names: Vec<String>,
    /// As they stand in the query.
    pub(crate) written: Vec<String>,
}

impl Grouping {
    pub(crate) fn by(names: Vec<String>) -> Self {
        Self::new(false, names)
    }

    pub(crate) fn new(without: bool, written: Vec<String>) -> Self {
        let mut names = written.clone();
        names.sort_unstable();
        names.dedup();
        Self { without, names, written }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub(crate) op: BinaryOp,
    pub(crate) left: Node,
    pub(crate) right: Node,
    pub(crate) kind: ValueKind,
    pub(crate) return_bool: bool,
    pub(crate) matching: Matching,
}

impl Binary {
    /// Whether series of both sides have to find each other.
    pub(crate) fn matches_vectors(&self) -> bool {
        [&self.left, &self.right].iter().all(|side| side.value_kind() == ValueKind::Vector)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    /// `</`: a histogram without what is above the number.
    TrimUpper,
    /// `>/`: a histogram without what is below the number.
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// The operator of a word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "and" => Self::And,
            "or" => Self::Or,
            "unless" => Self::Unless,
            "atan2" => Self::Atan2,
            _ => return None,
        })
    }

    /// The operator as it is written.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Gt => ">",
            Self::Lt => "<",
            Self::Ge => ">=",
            Self::Le => "<=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// How strongly the operator binds: 1 to 6.
    pub(crate) fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 6,
            // Comparisons, and the trimming that looks like them.
            _ => 3,
        }
    }

    pub(crate) fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Gt | Self::Lt | Self::Ge | Self::Le)
    }

    pub(crate) fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// How the two sides of a binary operation find each other.
#[derive(Debug, Clone)]
pub(crate) struct Matching {
    pub(crate) on: Grouping,
    pub(crate) side: ManySide,
    /// Labels copied from the one side.
    pub(crate) include: Vec<String>,
    /// Values that stand in for a missing partner: of the left, of the right side.
    pub(crate) fill: (Option<f64>, Option<f64>),
}

/// Which side may have many series per match group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ManySide {
    Neither,
    Left,
    Right,
    Both,
}
