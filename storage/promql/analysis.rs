//! What the evaluation of each part of a query cost.

use std::time::Duration;

use crate::expr::{Span, ValueKind};

/// What one node of the expression tree cost, with the nodes below it. Literals and parentheses
/// are no nodes here: they stand in the texts of those around them.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeCost {
    /// The node as the language writes it, cut off when it is long; `span` tells where it stands.
    pub text: String,
    /// Where the node stands in the query, in bytes.
    pub span: Span,
    /// The sort of node, by the names of Prometheus' `parse_query`: `vectorSelector`,
    /// `matrixSelector`, `subquery`, `call`, `aggregation`, `unaryExpr`, `binaryExpr`.
    pub kind: &'static str,
    /// What the node evaluates to.
    pub value_kind: ValueKind,
    /// Series that the node was given: those that a selector found, or all of its children.
    pub series_in: u64,
    /// Series that the node produced.
    pub series_out: u64,
    /// Samples that this node itself read from the reader, stale markers included.
    pub samples: u64,
    /// Values that the node produced, over all steps.
    pub points: u64,
    /// How long the node took, the nodes below it included.
    pub wall: Duration,
    /// How long the node took without the nodes below it.
    pub own: Duration,
    /// The result came from an equal part of the same query and cost next to nothing.
    pub shared: bool,
    /// Most samples and values that the whole query held while this node was evaluated.
    pub samples_peak: u64,
    /// The nodes below.
    pub children: Vec<NodeCost>,
}
