//! The set operators `and`, `or` and `unless`.

use super::matching::Groups;
use super::row::{Rows, mark_present};
use super::run::Scope;
use crate::error::EvalError;
use crate::expr::{Binary, BinaryOp};

impl Scope<'_> {
    pub(crate) fn set(
        &self,
        node: &Binary,
        mut left: Rows,
        mut right: Rows,
    ) -> Result<Rows, EvalError> {
        let steps = self.steps.count;
        let on = &node.matching.on;
        // What decides is where the other side has a value in the same match group.
        let (masked, other) = match node.op {
            BinaryOp::Or => (&mut right, &left),
            _ => (&mut left, &right),
        };
        let mut groups = Groups::default();
        let numbers = groups.of_rows(&other.list, on);
        let mut charge = self.run.budget.charge();
        charge.grow_bytes(groups.len() * steps)?;
        let mut present = vec![false; groups.len() * steps];
        for (row, group) in other.list.iter().zip(&numbers) {
            mark_present(&row.column, &mut present[group * steps..(group + 1) * steps]);
        }
        let keep_matched = node.op == BinaryOp::And;
        for row in &mut masked.list {
            self.run.check()?;
            let group = groups.find(&on.key(&row.labels));
            row.column.retain(|step| {
                let matched = group.is_some_and(|group| present[group * steps + step]);
                matched == keep_matched
            });
        }
        if node.op == BinaryOp::Or {
            left.append(right);
        }
        left.remove_empty();
        left.unite_same_labels()?;
        Ok(left)
    }
}
