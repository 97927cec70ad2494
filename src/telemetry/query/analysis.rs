//! What a query cost, node by node, as JSON.

use promql::{Answer, NodeCost, Value};
use serde::Serialize;
use utoipa::ToSchema;

/// What a query cost.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct QueryAnalysis {
    /// What the query evaluates to: `scalar`, `string`, `vector` or `matrix`.
    pub result_type: &'static str,
    /// Series in the answer.
    pub result_series: usize,
    /// Values in the answer.
    pub result_points: u64,
    /// Series that selectors found, counted once a selector.
    pub series: u64,
    /// Samples that were read.
    pub samples: u64,
    /// Most samples and values held at one time.
    pub samples_peak: u64,
    /// Most bytes that they and their labels took at one time, about.
    pub memory_bytes_peak: u64,
    /// What is probably wrong with the query or the data.
    pub warnings: Vec<String>,
    /// What may be worth knowing about the query or the data.
    pub infos: Vec<String>,
    /// The expression as a tree. Absent if there was nothing to evaluate.
    pub root: Option<QueryNode>,
}

/// What one node of the expression cost.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct QueryNode {
    /// The node as text, cut off when it is long.
    pub text: String,
    /// Its first byte in the query.
    pub start: usize,
    /// The first byte behind it.
    pub end: usize,
    /// `vectorSelector`, `matrixSelector`, `subquery`, `call`, `aggregation`, `unaryExpr` or
    /// `binaryExpr`.
    pub kind: &'static str,
    /// Series that it was given by the nodes below, or found.
    pub series_in: u64,
    /// Series that it produced.
    pub series_out: u64,
    /// Samples that it read itself.
    pub samples: u64,
    /// Values that it produced, over all steps.
    pub points: u64,
    /// Seconds that it took, the nodes below included.
    pub wall_s: f64,
    /// Seconds that it took without the nodes below.
    pub own_s: f64,
    /// Its result is that of an equal node elsewhere in the query.
    pub shared: bool,
    /// Most samples and values that the query held meanwhile.
    pub samples_peak: u64,
    /// The nodes below.
    #[schema(no_recursion)]
    pub children: Vec<Self>,
}

impl From<Answer> for QueryAnalysis {
    fn from(answer: Answer) -> Self {
        let (result_type, result_series) = match &answer.value {
            Value::Scalar(_) => ("scalar", 1),
            Value::String { .. } => ("string", 1),
            Value::Vector(items) => ("vector", items.len()),
            Value::Matrix(items) => ("matrix", items.len()),
        };
        Self {
            result_type,
            result_series,
            result_points: answer.stats.points,
            series: answer.stats.series,
            samples: answer.stats.samples,
            samples_peak: answer.stats.samples_peak,
            memory_bytes_peak: answer.stats.memory_bytes_peak,
            warnings: answer.warnings,
            infos: answer.infos,
            root: answer.analysis.map(|cost| QueryNode::from(*cost)),
        }
    }
}

impl From<NodeCost> for QueryNode {
    fn from(cost: NodeCost) -> Self {
        Self {
            text: cost.text,
            start: cost.span.start,
            end: cost.span.end,
            kind: cost.kind,
            series_in: cost.series_in,
            series_out: cost.series_out,
            samples: cost.samples,
            points: cost.points,
            wall_s: cost.wall.as_secs_f64(),
            own_s: cost.own.as_secs_f64(),
            shared: cost.shared,
            samples_peak: cost.samples_peak,
            children: cost.children.into_iter().map(Self::from).collect(),
        }
    }
}
