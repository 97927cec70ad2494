//! Queries as trees of their own, and how they are written: the parser is tested with them too.

use std::fmt;

/// A scalar.
#[derive(Debug, Clone)]
pub(super) enum Scalar {
    Number(f64),
    Time,
    Pi,
    Of(Box<Vector>),
    Negate(Box<Scalar>),
    Binary(&'static str, Box<Scalar>, Box<Scalar>),
}

/// A time that replaces the evaluation time.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    Start,
    End,
    Seconds(i64),
}

/// How far and where a selector or a subquery looks from the evaluation time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shift {
    pub(super) offset_s: i64,
    pub(super) at: Option<At>,
}

/// A selector of series.
#[derive(Debug, Clone)]
pub(super) struct Selector {
    pub(super) name: Option<&'static str>,
    /// Name, operator and value.
    pub(super) matchers: Vec<(&'static str, &'static str, &'static str)>,
    pub(super) shift: Shift,
}

/// A range vector.
#[derive(Debug, Clone)]
pub(super) enum Range {
    Stored(Selector, i64),
    /// Inner expression, range and step in seconds.
    Subquery(Box<Vector>, i64, Option<i64>, Shift),
}

/// Labels that an aggregation groups by, or that a matching looks at.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    /// `without` or `ignoring`.
    pub(super) without: bool,
    pub(super) names: Vec<&'static str>,
}

/// The sides of a match: many to one, and labels copied from the one.
#[derive(Debug, Clone)]
pub(super) enum Sides {
    OneToOne,
    ManyLeft(Vec<&'static str>),
    ManyRight(Vec<&'static str>),
}

/// A binary operation between vectors.
#[derive(Debug, Clone)]
pub(super) struct Pairs {
    pub(super) op: &'static str,
    pub(super) returns_bool: bool,
    pub(super) on: Option<Labels>,
    pub(super) sides: Sides,
    /// Values for missing partners, left and right.
    pub(super) fill: (Option<f64>, Option<f64>),
}

/// An instant vector.
#[derive(Debug, Clone)]
pub(super) enum Vector {
    Select(Selector),
    OfScalar(Scalar),
    /// A function of a range vector, with the scalars behind it (before it for a quantile).
    OverTime(&'static str, Range, Vec<Scalar>),
    /// A function of each value, with the scalars behind it.
    Each(&'static str, Box<Vector>, Vec<Scalar>),
    /// A part of a date, of the evaluation time if there is no vector.
    Date(&'static str, Option<Box<Vector>>),
    Negate(Box<Vector>),
    Absent(Box<Vector>),
    AbsentOverTime(Range),
    Timestamp(Box<Vector>),
    /// `sort` and its like, by name, with labels.
    Sort(&'static str, Box<Vector>, Vec<&'static str>),
    /// Target, replacement, source, pattern.
    LabelReplace(Box<Vector>, [&'static str; 4]),
    /// Target, separator, sources.
    LabelJoin(Box<Vector>, &'static str, &'static str, Vec<&'static str>),
    Aggregate(&'static str, Option<Labels>, Option<Param>, Box<Vector>),
    /// With a scalar on the right, or on the left.
    WithScalar {
        op: &'static str,
        returns_bool: bool,
        vector: Box<Vector>,
        scalar: Scalar,
        left: bool,
    },
    Paired(Pairs, Box<Vector>, Box<Vector>),
    HistogramQuantile(Scalar, Box<Vector>),
    HistogramFraction(Scalar, Scalar, Box<Vector>),
}

/// The parameter of an aggregation.
#[derive(Debug, Clone)]
pub(super) enum Param {
    Scalar(Scalar),
    Text(&'static str),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) if value.is_nan() => f.write_str("NaN"),
            Self::Number(value) if value.is_infinite() => {
                f.write_str(if *value > 0.0 { "Inf" } else { "-Inf" })
            }
            Self::Number(value) => write!(f, "{value}"),
            Self::Time => f.write_str("time()"),
            Self::Pi => f.write_str("pi()"),
            Self::Of(vector) => write!(f, "scalar({vector})"),
            Self::Negate(inner) => write!(f, "-({inner})"),
            Self::Binary(op, left, right) => {
                let word = if is_comparison(op) { "bool " } else { "" };
                write!(f, "({left}) {op} {word}({right})")
            }
        }
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(At::Start) => f.write_str(" @ start()")?,
            Some(At::End) => f.write_str(" @ end()")?,
            Some(At::Seconds(seconds)) => write!(f, " @ {seconds}")?,
            None => {}
        }
        match self.offset_s {
            0 => Ok(()),
            offset_s => write!(f, " offset {offset_s}s"),
        }
    }
}

impl Selector {
    fn write(&self, f: &mut fmt::Formatter<'_>, range: &str) -> fmt::Result {
        f.write_str(self.name.unwrap_or(""))?;
        let matchers: Vec<String> =
            self.matchers.iter().map(|(name, op, value)| format!("{name}{op}{value:?}")).collect();
        if !matchers.is_empty() {
            write!(f, "{{{}}}", matchers.join(","))?;
        }
        write!(f, "{range}{}", self.shift)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored(selector, range_s) => selector.write(f, &format!("[{range_s}s]")),
            Self::Subquery(inner, range_s, step_s, shift) => {
                let step = step_s.map(|step_s| format!("{step_s}s")).unwrap_or_default();
                write!(f, "({inner})[{range_s}s:{step}]{shift}")
            }
        }
    }
}

impl fmt::Display for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.returns_bool { " bool" } else { "" };
        write!(f, "{}{word}", self.op)?;
        if let Some(Labels { without, names }) = &self.on {
            let word = if *without { "ignoring" } else { "on" };
            write!(f, " {word} ({})", names.join(", "))?;
        }
        match &self.sides {
            Sides::OneToOne => {}
            Sides::ManyLeft(include) => write!(f, " group_left ({})", include.join(", "))?,
            Sides::ManyRight(include) => write!(f, " group_right ({})", include.join(", "))?,
        }
        for (side, value) in [("left", self.fill.0), ("right", self.fill.1)] {
            if let Some(value) = value {
                write!(f, " fill_{side} ({value})")?;
            }
        }
        Ok(())
    }
}

fn arguments(f: &mut fmt::Formatter<'_>, name: &str, all: &[String]) -> fmt::Result {
    write!(f, "{name}({})", all.join(", "))
}

fn quoted(texts: &[&'static str]) -> Vec<String> {
    texts.iter().map(|text| format!("{text:?}")).collect()
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = |scalars: &[Scalar]| scalars.iter().map(Scalar::to_string).collect::<Vec<_>>();
        match self {
            Self::Select(selector) => selector.write(f, ""),
            Self::OfScalar(scalar) => write!(f, "vector({scalar})"),
            Self::OverTime(name, range, params) => {
                let mut all = texts(params);
                let at = if *name == "quantile_over_time" { all.len() } else { 0 };
                all.insert(at, range.to_string());
                arguments(f, name, &all)
            }
            Self::Each(name, vector, params) => {
                let mut all = texts(params);
                all.insert(0, vector.to_string());
                arguments(f, name, &all)
            }
            Self::Date(name, None) => write!(f, "{name}()"),
            Self::Date(name, Some(vector)) => write!(f, "{name}({vector})"),
            Self::Negate(vector) => write!(f, "-({vector})"),
            Self::Absent(vector) => write!(f, "absent({vector})"),
            Self::AbsentOverTime(range) => write!(f, "absent_over_time({range})"),
            Self::Timestamp(vector) => write!(f, "timestamp({vector})"),
            Self::Sort(name, vector, labels) => {
                let mut all = quoted(labels);
                all.insert(0, vector.to_string());
                arguments(f, name, &all)
            }
            Self::LabelReplace(vector, texts) => {
                let mut all = quoted(texts);
                all.insert(0, vector.to_string());
                arguments(f, "label_replace", &all)
            }
            Self::LabelJoin(vector, target, separator, sources) => {
                let mut all = quoted(&[&[*target, *separator], sources.as_slice()].concat());
                all.insert(0, vector.to_string());
                arguments(f, "label_join", &all)
            }
            Self::Aggregate(op, labels, param, vector) => {
                f.write_str(op)?;
                if let Some(Labels { without, names }) = labels {
                    let word = if *without { "without" } else { "by" };
                    write!(f, " {word} ({}) ", names.join(", "))?;
                }
                match param {
                    Some(Param::Scalar(param)) => write!(f, "({param}, {vector})"),
                    Some(Param::Text(param)) => write!(f, "({param:?}, {vector})"),
                    None => write!(f, "({vector})"),
                }
            }
            Self::WithScalar { op, returns_bool, vector, scalar, left } => {
                let word = if *returns_bool { "bool " } else { "" };
                if *left {
                    write!(f, "({scalar}) {op} {word}({vector})")
                } else {
                    write!(f, "({vector}) {op} {word}({scalar})")
                }
            }
            Self::Paired(pairs, left, right) => write!(f, "({left}) {pairs} ({right})"),
            Self::HistogramQuantile(q, vector) => write!(f, "histogram_quantile({q}, {vector})"),
            Self::HistogramFraction(low, high, vector) => {
                write!(f, "histogram_fraction({low}, {high}, {vector})")
            }
        }
    }
}

pub(super) fn is_comparison(op: &str) -> bool {
    matches!(op, "==" | "!=" | ">" | "<" | ">=" | "<=")
}

pub(super) fn is_set(op: &str) -> bool {
    matches!(op, "and" | "or" | "unless")
}
