//! Binary operations at one step.

use super::ast::{Labels, Pairs, Sides, is_comparison, is_set};
use super::eval::{Error, NAME, Sample, Set, Values, distinct, without_name};

/// Whether a comparison holds; nothing if it is none.
pub(super) fn compare(op: &str, a: f64, b: f64) -> Option<bool> {
    Some(match op {
        "==" => a == b,
        "!=" => a != b,
        ">" => a > b,
        "<" => a < b,
        ">=" => a >= b,
        "<=" => a <= b,
        _ => return None,
    })
}

/// The result of an operator that is no comparison.
pub(super) fn calculate(op: &str, a: f64, b: f64) -> f64 {
    match op {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a % b,
        "^" => a.powf(b),
        "atan2" => a.atan2(b),
        other => unreachable!("{other}"),
    }
}

/// What an operation makes of two values, the first of which a comparison keeps.
fn outcome(op: &str, returns_bool: bool, a: f64, b: f64) -> Option<f64> {
    match compare(op, a, b) {
        None => Some(calculate(op, a, b)),
        Some(holds) if returns_bool => Some(f64::from(u8::from(holds))),
        Some(holds) => holds.then_some(a),
    }
}

/// An operation between each value and a scalar, which may stand on the left.
pub(super) fn with_scalar(
    (op, returns_bool): (&str, bool),
    values: Values,
    scalar: f64,
    left: bool,
) -> Result<Values, Error> {
    let keeps_name = is_comparison(op) && !returns_bool;
    let mut out = Vec::new();
    for Sample { labels, value } in values {
        let (a, b) = if left { (scalar, value) } else { (value, scalar) };
        let Some(mut result) = outcome(op, returns_bool, a, b) else { continue };
        if keeps_name {
            result = value;
        }
        let labels = if keeps_name { labels } else { without_name(labels) };
        out.push(Sample { labels, value: result });
    }
    distinct(out)
}

/// What has to be equal for two series to match.
fn signature(labels: &Set, on: Option<&Labels>) -> Set {
    let all = Labels { without: true, names: Vec::new() };
    let Labels { without, names } = on.unwrap_or(&all);
    let looked_at = |name: &str| match without {
        true => name != NAME && !names.contains(&name),
        false => names.contains(&name),
    };
    labels.iter().filter(|(name, _)| looked_at(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
}

/// An operation between the series of two vectors.
pub(super) fn paired(how: &Pairs, left: Values, right: Values) -> Result<Values, Error> {
    if is_set(how.op) {
        return distinct(united(how, left, right));
    }
    let on = how.on.as_ref();
    let swapped = matches!(how.sides, Sides::ManyRight(_));
    let (many, one) = if swapped { (right, left) } else { (left, right) };
    let (fill_many, fill_one) =
        if swapped { (how.fill.1, how.fill.0) } else { (how.fill.0, how.fill.1) };
    if many.is_empty() && one.is_empty()
        || (many.is_empty() || one.is_empty()) && fill_many.is_none() && fill_one.is_none()
    {
        return Ok(Vec::new());
    }
    let mut partners: Vec<(Set, Sample)> = Vec::new();
    for sample in one {
        let signature = signature(&sample.labels, on);
        if partners.iter().any(|(known, _)| *known == signature) {
            return Err("found duplicate series for the match group".to_owned());
        }
        partners.push((signature, sample));
    }
    // Each match: signature, the sample of the many, that of the one.
    let mut matches: Vec<(Set, Sample, Sample)> = Vec::new();
    for sample in many {
        let signature = signature(&sample.labels, on);
        let partner = partners.iter().find(|(known, _)| *known == signature);
        let stand_in = fill_one.map(|value| Sample { labels: signature.clone(), value });
        if let Some(partner) = partner.map(|(_, partner)| partner.clone()).or(stand_in) {
            matches.push((signature, sample, partner));
        }
    }
    if let Some(value) = fill_many {
        for (signature, partner) in &partners {
            if !matches.iter().any(|(known, _, _)| known == signature) {
                let stand_in = Sample { labels: signature.clone(), value };
                matches.push((signature.clone(), stand_in, partner.clone()));
            }
        }
    }
    let mut met: Vec<(Set, Option<Set>)> = Vec::new();
    let mut out = Vec::new();
    for (signature, many, one) in matches {
        let mut labels = result_labels(how, &many.labels, &one.labels);
        if how.returns_bool {
            labels.remove(NAME);
        }
        let one_to_one = matches!(how.sides, Sides::OneToOne);
        let mark = (signature, (!one_to_one).then(|| labels.clone()));
        if met.contains(&mark) {
            return Err("multiple matches for labels".to_owned());
        }
        met.push(mark);
        let (a, b) = if swapped { (one.value, many.value) } else { (many.value, one.value) };
        if let Some(value) = outcome(how.op, how.returns_bool, a, b) {
            out.push(Sample { labels, value });
        }
    }
    distinct(out)
}

fn result_labels(how: &Pairs, many: &Set, one: &Set) -> Set {
    let mut labels = many.clone();
    if !is_comparison(how.op) {
        labels.remove(NAME);
    }
    let include = match &how.sides {
        Sides::OneToOne => {
            match &how.on {
                Some(Labels { without: false, names }) => {
                    labels.retain(|name, _| names.contains(&name.as_str()));
                }
                Some(Labels { without: true, names }) => {
                    labels.retain(|name, _| !names.contains(&name.as_str()));
                }
                None => {}
            }
            return labels;
        }
        Sides::ManyLeft(include) | Sides::ManyRight(include) => include,
    };
    for name in include {
        match one.get(*name) {
            Some(value) => drop(labels.insert((*name).to_owned(), value.clone())),
            None => drop(labels.remove(*name)),
        }
    }
    labels
}

/// The operators of sets.
fn united(how: &Pairs, left: Values, right: Values) -> Values {
    let signature = |sample: &Sample| signature(&sample.labels, how.on.as_ref());
    let among = |values: &Values| values.iter().map(signature).collect::<Vec<Set>>();
    match how.op {
        "and" => {
            let known = among(&right);
            left.into_iter().filter(|sample| known.contains(&signature(sample))).collect()
        }
        "unless" => {
            let known = among(&right);
            left.into_iter().filter(|sample| !known.contains(&signature(sample))).collect()
        }
        _ => {
            let known = among(&left);
            let more = right.into_iter().filter(|sample| !known.contains(&signature(sample)));
            let more: Values = more.collect();
            left.into_iter().chain(more).collect()
        }
    }
}
