//! The syntax tree that evaluation walks.

use std::fmt;

use metric::Matcher;

use crate::function::Function;

/// Where a node stands in the text of the query, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Number(f64),
    Text(String),
    Select(Selector),
    Range { selector: Selector, range_ms: i64 },
    Subquery { inner: Box<Node>, range_ms: i64, step_ms: Option<i64>, shift: Shift },
    Call { function: Function, args: Vec<Node> },
    Aggregate(Box<Aggregate>),
    Negate(Box<Node>),
    Binary(Box<Binary>),
    Paren(Box<Node>),
}

impl Node {
    pub(crate) fn value_kind(&self) -> ValueKind {
        let mut node = self;
        loop {
            match &node.kind {
                Kind::Number(_) => return ValueKind::Scalar,
                Kind::Text(_) => return ValueKind::String,
                Kind::Select(_) | Kind::Aggregate(_) => return ValueKind::Vector,
                Kind::Range { .. } | Kind::Subquery { .. } => return ValueKind::Matrix,
                Kind::Call { function, .. } => return function.value_kind(),
                Kind::Binary(binary) => return binary.kind,
                Kind::Negate(inner) | Kind::Paren(inner) => node = inner,
            }
        }
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

#[derive(Debug, Clone)]
pub(crate) struct Selector {
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) shift: Shift,
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

/// Which labels survive an aggregation, or take part in matching. Names are sorted and unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grouping {
    pub(crate) without: bool,
    pub(crate) names: Vec<String>,
}

impl Grouping {
    pub(crate) fn by(names: Vec<String>) -> Self {
        Self::new(false, names)
    }

    pub(crate) fn new(without: bool, mut names: Vec<String>) -> Self {
        names.sort_unstable();
        names.dedup();
        Self { without, names }
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
    And,
    Or,
    Unless,
}

impl BinaryOp {
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
