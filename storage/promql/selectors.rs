//! The selectors of an expression, for whoever looks up something beside its samples.

use metric::Matcher;

use crate::expr::{Expr, Kind, Node};

impl Expr {
    /// The matchers of each selector, in the order in which they stand in the query.
    #[must_use]
    pub fn selectors(&self) -> Vec<Vec<Matcher>> {
        let mut found = Vec::new();
        collect(&self.root, &mut found);
        found
    }
}

/// No deeper than the parser lets a tree become.
fn collect(node: &Node, found: &mut Vec<Vec<Matcher>>) {
    match &node.kind {
        Kind::Number(_) | Kind::Duration(_) | Kind::Text(_) | Kind::Bytes(_) => {}
        Kind::Select(selector) | Kind::Range { selector, .. } => {
            found.push(selector.matchers.clone());
        }
        Kind::Subquery { inner, .. }
        | Kind::Negate(inner)
        | Kind::Plus(inner)
        | Kind::Paren(inner) => collect(inner, found),
        Kind::Call { args, .. } => args.iter().for_each(|arg| collect(arg, found)),
        Kind::Aggregate(aggregate) => {
            if let Some(param) = &aggregate.param {
                collect(param, found);
            }
            collect(&aggregate.inner, found);
        }
        Kind::Binary(binary) => {
            collect(&binary.left, found);
            collect(&binary.right, found);
        }
    }
}
