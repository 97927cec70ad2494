//! Binary operations between scalars, vectors, and both.

use hashbrown::HashMap;
use metric::{Labels, LabelsBuilder, METRIC_NAME};

use super::histogram_binary::{apply_any, beside_scalar, is_trim, kept};
use super::matching::Groups;
use super::noting::Noting;
use super::row::{Column, Row, Rows, mark_present};
use super::run::{HistogramUse, Scope};
use crate::error::EvalError;
use crate::expr::{Binary, BinaryOp, ManySide, Matching, Span, ValueKind};
use crate::quote::quote;

impl Scope<'_> {
    pub(crate) fn binary(&self, node: &Binary, span: Span) -> Result<Rows, EvalError> {
        let compares = matches!(node.op, BinaryOp::Eq | BinaryOp::Ne) || is_trim(node.op);
        let needs = if compares { HistogramUse::Buckets } else { HistogramUse::Whole };
        let inner = self.using(needs);
        let left = inner.rows(&node.left)?;
        let right = inner.rows(&node.right)?;
        let noting = Noting::unnamed(self.run, span);
        let scalar = |side: ValueKind| side == ValueKind::Scalar;
        match (scalar(node.left.value_kind()), scalar(node.right.value_kind())) {
            (true, true) => self.scalars(node.op, left, right),
            (false, true) => self.vector_scalar(node, left, right, false, &noting),
            (true, false) => self.vector_scalar(node, right, left, true, &noting),
            (false, false) if node.op.is_set() => self.set(node, left, right),
            (false, false) => self.vectors(node, left, right, &noting),
        }
    }

    fn scalars(&self, op: BinaryOp, left: Rows, right: Rows) -> Result<Rows, EvalError> {
        let (left, right) = (left.into_scalar(), right.into_scalar());
        Rows::scalar(&self.run.budget, self.steps.count, |step| {
            let (a, b) = (left.number(step), right.number(step));
            let (value, keep) = apply(op, a, b);
            if op.is_comparison() { f64::from(u8::from(keep)) } else { value }
        })
    }

    fn vector_scalar(
        &self,
        node: &Binary,
        mut vector: Rows,
        scalar: Rows,
        swapped: bool,
        noting: &Noting<'_>,
    ) -> Result<Rows, EvalError> {
        let scalar = scalar.into_scalar();
        for row in &mut vector.list {
            if row.column.has_histograms() || is_trim(node.op) {
                row.column = beside_scalar(node, &row.column, &scalar, swapped, noting);
                continue;
            }
            row.column.filter_map(|step, value| {
                let other = scalar.number(step);
                let (a, b) = if swapped { (other, value) } else { (value, other) };
                let (result, keep) = apply(node.op, a, b);
                if node.return_bool {
                    return Some(f64::from(u8::from(keep)));
                }
                // A comparison keeps the vector's value, whichever side that is on.
                let result = if node.op.is_comparison() { value } else { result };
                keep.then_some(result)
            });
        }
        vector.remove_empty();
        if makes_another_metric(node.op) || node.return_bool {
            self.drop_names(&mut vector)?;
        }
        Ok(vector)
    }

    fn vectors(
        &self,
        node: &Binary,
        left: Rows,
        right: Rows,
        noting: &Noting<'_>,
    ) -> Result<Rows, EvalError> {
        let swapped = node.matching.side == ManySide::Right;
        let (mut many, mut one) = if swapped { (right, left) } else { (left, right) };
        self.fill(node, swapped, &mut many, &mut one)?;
        let mut groups = Groups::default();
        let many_groups = groups.of_rows(&many.list, &node.matching.on);
        let mut ones: Vec<Vec<&Row>> = vec![Vec::new(); groups.len()];
        let mut strangers = Groups::default();
        let mut stranger_ones: Vec<Vec<&Row>> = Vec::new();
        for row in &one.list {
            let key = node.matching.on.key(&row.labels);
            if let Some(group) = groups.find(&key) {
                ones[group].push(row);
            } else {
                // Duplicates are an error even where they match nothing.
                let number = strangers.number(key);
                stranger_ones.resize_with(strangers.len(), Vec::new);
                stranger_ones[number].push(row);
            }
        }
        // Where one side is missing as a whole nothing is looked at, unless there are fill values.
        let filled = node.matching.fill != (None, None);
        let any_many = if filled { vec![true; self.steps.count] } else { many.any_present() };
        for group in ones.iter().chain(&stranger_ones) {
            self.refuse_duplicates(&node.matching, group, &any_many)?;
        }
        let mut pairing = Pairing::new(node, *noting, &many_groups, groups.len());
        let copies_name = node.matching.include.iter().any(|name| name == METRIC_NAME);
        let mut out = Rows::new(&self.run.budget, self.steps.count);
        for (row, group) in many.list.iter().zip(&many_groups) {
            self.run.check()?;
            for partner in &ones[*group] {
                let labels = self.result_labels(node, &row.labels, &partner.labels);
                let column = pairing.column(*group, row, partner, &labels)?;
                // A name that is copied is that of the partner.
                let source = if copies_name { partner } else { row };
                let drop_name = source.drop_name || node.return_bool;
                out.push(labels, drop_name, column)?;
            }
        }
        out.unite_same_labels()?;
        Ok(out)
    }

    fn refuse_duplicates(
        &self,
        matching: &Matching,
        group: &[&Row],
        any_many: &[bool],
    ) -> Result<(), EvalError> {
        if group.len() < 2 {
            return Ok(());
        }
        for step in (0..self.steps.count).filter(|step| any_many[*step]) {
            let mut present = group.iter().filter(|row| row.column.has(step));
            if let (Some(first), Some(second)) = (present.next(), present.next()) {
                let side = if matching.side == ManySide::Right { "left" } else { "right" };
                let key = matching.on.key(&first.labels);
                return Err(EvalError::invalid(format!(
                    "found duplicate series for the match group {} on the {side} hand-side of \
                     the operation: [{}, {}];many-to-many matching not allowed: matching labels \
                     must be unique on one side",
                    braced(&key),
                    braced(&second.labels),
                    braced(&first.labels),
                )));
            }
        }
        Ok(())
    }

    /// The labels of a result, from both partners.
    fn result_labels(&self, node: &Binary, many: &Labels, one: &Labels) -> Labels {
        let matching = &node.matching;
        let arithmetic = makes_another_metric(node.op);
        let bool_drops = node.return_bool && !self.run.options.delayed_name_removal;
        let drop_name = arithmetic || bool_drops;
        let named = |name: &str| matching.on.names.iter().any(|at| at == name);
        let base = many.filter(|label| {
            if drop_name && label.name == METRIC_NAME {
                return false;
            }
            matching.side != ManySide::Neither || named(label.name) != matching.on.without
        });
        if matching.include.is_empty() {
            return base;
        }
        let mut labels = LabelsBuilder::from_labels(&base);
        for name in &matching.include {
            labels.set(name, one.get(name).unwrap_or(""));
        }
        labels.build().unwrap_or_default()
    }

    /// Adds the rows that stand in for missing partners.
    fn fill(
        &self,
        node: &Binary,
        swapped: bool,
        many: &mut Rows,
        one: &mut Rows,
    ) -> Result<(), EvalError> {
        let (left, right) = node.matching.fill;
        let (for_many, for_one) = if swapped { (right, left) } else { (left, right) };
        let many_stand_ins = self.stand_ins(node, for_many, many, one)?;
        let one_stand_ins = self.stand_ins(node, for_one, one, many)?;
        many.reserve(many_stand_ins.len())?;
        many.list.extend(many_stand_ins);
        one.reserve(one_stand_ins.len())?;
        one.list.extend(one_stand_ins);
        Ok(())
    }

    /// For each match group, the fill value where a partner waits and nobody is there.
    fn stand_ins(
        &self,
        node: &Binary,
        value: Option<f64>,
        present: &Rows,
        waiting: &Rows,
    ) -> Result<Vec<Row>, EvalError> {
        let Some(value) = value else {
            return Ok(Vec::new());
        };
        let steps = self.steps.count;
        let mut groups = Groups::default();
        let numbers = groups.of_rows(&waiting.list, &node.matching.on);
        let mut charge = self.run.budget.charge();
        charge.grow_values(groups.len() as u64 * steps as u64)?;
        let mut columns: Vec<Column> = Vec::new();
        columns.resize_with(groups.len(), || Column::absent(steps));
        for (row, group) in waiting.list.iter().zip(&numbers) {
            for step in row.column.present() {
                columns[*group].set(step, value);
            }
        }
        for row in &present.list {
            self.run.check()?;
            if let Some(group) = groups.find(&node.matching.on.key(&row.labels)) {
                row.column.present().for_each(|step| columns[group].remove(step));
            }
        }
        let rows = columns.into_iter().enumerate().filter(|(_, column)| !column.is_empty());
        let row =
            |(group, column)| Row { labels: groups.key(group).clone(), drop_name: false, column };
        Ok(rows.map(row).collect())
    }
}

/// Pairs rows and remembers which steps of which group have found a match.
struct Pairing<'n> {
    node: &'n Binary,
    noting: Noting<'n>,
    swapped: bool,
    /// Whether a group has more than one row on the many side, so that matches can collide.
    crowded: Vec<bool>,
    matched: HashMap<(usize, Option<Labels>), Vec<bool>>,
}

impl<'n> Pairing<'n> {
    fn new(node: &'n Binary, noting: Noting<'n>, many_groups: &[usize], groups: usize) -> Self {
        let swapped = node.matching.side == ManySide::Right;
        let mut members = vec![0_usize; groups];
        for group in many_groups {
            members[*group] += 1;
        }
        let crowded = members.iter().map(|count| *count > 1).collect();
        Self { node, noting, swapped, crowded, matched: HashMap::new() }
    }

    fn column(
        &mut self,
        group: usize,
        many: &Row,
        one: &Row,
        labels: &Labels,
    ) -> Result<Column, EvalError> {
        let histograms = many.column.has_histograms() || one.column.has_histograms();
        if histograms || is_trim(self.node.op) {
            return self.mixed_column(group, many, one, labels);
        }
        let mut column = many.column.clone();
        column.filter_map(|step, _| one.column.get(step));
        if self.crowded[group] {
            self.refuse_collision(group, &column, labels)?;
        }
        column.filter_map(|step, partner| {
            let value = many.column.number(step);
            let (a, b) = if self.swapped { (partner, value) } else { (value, partner) };
            let (result, keep) = apply(self.node.op, a, b);
            if self.node.return_bool {
                return Some(f64::from(u8::from(keep)));
            }
            keep.then_some(result)
        });
        Ok(column)
    }

    /// The column when not all values are numbers.
    fn mixed_column(
        &mut self,
        group: usize,
        many: &Row,
        one: &Row,
        labels: &Labels,
    ) -> Result<Column, EvalError> {
        let mut pairs = many.column.clone();
        pairs.retain(|step| one.column.has(step));
        if self.crowded[group] {
            self.refuse_collision(group, &pairs, labels)?;
        }
        let mut column = Column::absent(pairs.steps());
        for step in pairs.present() {
            let sides = (pairs.datum(step), one.column.datum(step));
            let (Some(value), Some(partner)) = sides else { continue };
            let (a, b) = if self.swapped { (partner, value) } else { (value, partner) };
            let applied = apply_any(self.node.op, &a, &b, &self.noting);
            if let Some(result) = kept(applied, self.node.return_bool) {
                column.set_datum(step, result);
            }
        }
        Ok(column)
    }

    fn refuse_collision(
        &mut self,
        group: usize,
        pairs: &Column,
        labels: &Labels,
    ) -> Result<(), EvalError> {
        let explicit = self.node.matching.side != ManySide::Neither;
        let key = (group, explicit.then(|| labels.clone()));
        let steps = pairs.steps();
        let matched = self.matched.entry(key).or_insert_with(|| vec![false; steps]);
        if pairs.present().any(|step| matched[step]) {
            let what = if explicit {
                "grouping labels must ensure unique matches"
            } else {
                "many-to-one matching must be explicit (group_left/group_right)"
            };
            return Err(EvalError::invalid(format!("multiple matches for labels: {what}")));
        }
        mark_present(pairs, matched);
        Ok(())
    }
}

/// Whether what comes out is no longer the metric that went in, so that its name goes.
fn makes_another_metric(op: BinaryOp) -> bool {
    !op.is_comparison() && !is_trim(op)
}

/// The result of an operator, and whether a comparison holds.
pub(crate) fn apply(op: BinaryOp, a: f64, b: f64) -> (f64, bool) {
    match op {
        BinaryOp::Add => (a + b, true),
        BinaryOp::Sub => (a - b, true),
        BinaryOp::Mul => (a * b, true),
        BinaryOp::Div => (a / b, true),
        BinaryOp::Mod => (a % b, true),
        BinaryOp::Pow => (a.powf(b), true),
        BinaryOp::Atan2 => (a.atan2(b), true),
        BinaryOp::Eq => (a, a == b),
        BinaryOp::Ne => (a, a != b),
        BinaryOp::Gt => (a, a > b),
        BinaryOp::Lt => (a, a < b),
        BinaryOp::Ge => (a, a >= b),
        BinaryOp::Le => (a, a <= b),
        // Numbers cannot be trimmed, and sets are no business of single values.
        BinaryOp::TrimUpper
        | BinaryOp::TrimLower
        | BinaryOp::And
        | BinaryOp::Or
        | BinaryOp::Unless => (f64::NAN, false),
    }
}

/// A label set as Prometheus writes it in messages: the name among the labels.
fn braced(labels: &Labels) -> String {
    let pairs: Vec<String> =
        labels.iter().map(|label| format!("{}={}", label.name, quote(label.value))).collect();
    format!("{{{}}}", pairs.join(", "))
}
