//! Random queries, well typed, over the series of [`super::data`].

use proptest::prelude::*;
use proptest::sample::select;

use super::ast::{At, Labels, Pairs, Param, Range, Scalar, Selector, Shift, Sides, Vector};

const EACH: &[&str] = &[
    "abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "deg", "rad", "sgn",
    "round",
];
const DATES: &[&str] = &[
    "minute",
    "hour",
    "day_of_week",
    "day_of_month",
    "day_of_year",
    "days_in_month",
    "month",
    "year",
];
const OVER_TIME: &[&str] = &[
    "rate",
    "rate",
    "increase",
    "delta",
    "irate",
    "idelta",
    "resets",
    "changes",
    "deriv",
    "sum_over_time",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "count_over_time",
    "present_over_time",
    "first_over_time",
    "last_over_time",
    "stdvar_over_time",
    "stddev_over_time",
    "mad_over_time",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_min_over_time",
    "ts_of_max_over_time",
];
const AGGREGATES: &[&str] =
    &["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "sum", "max"];
const ARITHMETIC: &[&str] = &["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS: &[&str] = &["==", "!=", ">", "<", ">=", "<="];
const NUMBERS: &[f64] =
    &[0.0, 1.0, 2.0, 3.0, 0.5, 0.9, -1.0, -2.5, 10.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];

fn shift() -> impl Strategy<Value = Shift> {
    let offset_s = prop_oneof![9 => Just(0), 1 => Just(30), 1 => Just(-20), 1 => Just(400)];
    let at = prop_oneof![
        14 => Just(None),
        1 => Just(Some(At::Start)),
        1 => Just(Some(At::End)),
        1 => select(&[0_i64, 100, 310, 1_700_000_200][..]).prop_map(|s| Some(At::Seconds(s))),
    ];
    (offset_s, at).prop_map(|(offset_s, at)| Shift { offset_s, at })
}

fn selector() -> impl Strategy<Value = Selector> {
    let name = prop_oneof![
        4 => Just(Some("c_total")),
        4 => Just(Some("g")),
        2 => Just(Some("k")),
        1 => Just(Some("h_bucket")),
        1 => Just(None),
    ];
    let matcher = select(
        &[
            ("a", "=", "1"),
            ("a", "!=", "1"),
            ("b", "=~", "x|y"),
            ("b", "=~", ".+"),
            ("b", "!~", "x"),
            ("b", "=", ""),
            ("a", "=", "3"),
            ("z", "!=", "7"),
        ][..],
    );
    let matchers = prop_oneof![
        8 => Just(Vec::new()),
        3 => matcher.clone().prop_map(|one| vec![one]),
        1 => (matcher.clone(), matcher).prop_map(|(one, other)| vec![one, other]),
    ];
    (name, matchers, shift()).prop_map(|(name, mut matchers, shift)| {
        if name.is_none() {
            matchers.push(("__name__", "=~", "c_total|g"));
        }
        Selector { name, matchers, shift }
    })
}

fn label_names() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(vec!["a", "b", "z", "le", "none", "__name__"], 0..=3)
}

fn labels() -> impl Strategy<Value = Labels> {
    (any::<bool>(), label_names()).prop_map(|(without, names)| Labels { without, names })
}

/// Labels by which series of the data match.
fn matching() -> impl Strategy<Value = Option<Labels>> {
    let on = |names: &[&'static str]| Labels { without: false, names: names.to_vec() };
    let ignoring = |names: &[&'static str]| Labels { without: true, names: names.to_vec() };
    prop_oneof![
        3 => Just(None),
        2 => Just(Some(on(&["a", "b"]))),
        2 => Just(Some(on(&["a"]))),
        1 => Just(Some(on(&[]))),
        1 => Just(Some(ignoring(&["b"]))),
        1 => Just(Some(ignoring(&["b", "z"]))),
        1 => labels().prop_map(Some),
    ]
}

fn range(inner: BoxedStrategy<Vector>) -> impl Strategy<Value = Range> {
    let seconds = select(&[1_i64, 15, 40, 60, 90, 300, 700][..]);
    let step_s = select(&[None, Some(15_i64), Some(15), Some(40), Some(60)][..]);
    let less = select(&[1_i64, 40, 90, 300][..]);
    let stored = (selector(), seconds).prop_map(|(it, range_s)| Range::Stored(it, range_s));
    let subquery = (inner, less, step_s, shift()).prop_map(|(inner, range_s, step_s, shift)| {
        Range::Subquery(Box::new(inner), range_s, step_s, shift)
    });
    prop_oneof![3 => stored, 1 => subquery]
}

fn scalar(inner: BoxedStrategy<Vector>) -> BoxedStrategy<Scalar> {
    let operators: Vec<&str> = ARITHMETIC.iter().chain(COMPARISONS).copied().collect();
    let leaf = prop_oneof![
        8 => select(NUMBERS).prop_map(Scalar::Number),
        1 => Just(Scalar::Time),
        1 => Just(Scalar::Pi),
        2 => inner.prop_map(|vector| Scalar::Of(Box::new(vector))),
    ]
    .boxed();
    prop_oneof![
        6 => leaf.clone(),
        1 => leaf.clone().prop_map(|it| Scalar::Negate(Box::new(it))),
        1 => (select(operators), leaf.clone(), leaf)
            .prop_map(|(op, a, b)| Scalar::Binary(op, Box::new(a), Box::new(b))),
    ]
    .boxed()
}

fn over_time(inner: BoxedStrategy<Vector>) -> impl Strategy<Value = Vector> {
    let number = || select(&[0.1, 0.5, 0.9, 1.0, -1.0, 60.0, f64::NAN][..]);
    let range = range(inner).boxed();
    let of = |name: &'static str, range, params: Vec<f64>| {
        Vector::OverTime(name, range, params.into_iter().map(Scalar::Number).collect())
    };
    prop_oneof![
        8 => (select(OVER_TIME), range.clone()).prop_map(move |(name, it)| of(name, it, vec![])),
        1 => (range.clone(), number())
            .prop_map(move |(it, q)| of("quantile_over_time", it, vec![q])),
        1 => (range.clone(), number()).prop_map(move |(it, t)| of("predict_linear", it, vec![t])),
        1 => (range.clone(), number(), number()).prop_map(move |(it, sf, tf)| {
            of("double_exponential_smoothing", it, vec![sf, tf])
        }),
        1 => range.prop_map(Vector::AbsentOverTime),
    ]
}

fn each(inner: BoxedStrategy<Vector>) -> impl Strategy<Value = Vector> {
    let with = |name: &'static str, it: Vector, params: Vec<Scalar>| {
        Vector::Each(name, Box::new(it), params)
    };
    let scalar = scalar(inner.clone());
    prop_oneof![
        4 => (select(EACH), inner.clone()).prop_map(move |(name, it)| with(name, it, vec![])),
        1 => (inner.clone(), scalar.clone()).prop_map(move |(it, s)| with("round", it, vec![s])),
        1 => (inner.clone(), scalar.clone())
            .prop_map(move |(it, s)| with("clamp_min", it, vec![s])),
        1 => (inner.clone(), scalar.clone())
            .prop_map(move |(it, s)| with("clamp_max", it, vec![s])),
        1 => (inner.clone(), scalar.clone(), scalar)
            .prop_map(move |(it, low, high)| with("clamp", it, vec![low, high])),
        1 => (select(DATES), prop::option::of(inner.clone()))
            .prop_map(|(name, it)| Vector::Date(name, it.map(Box::new))),
        2 => inner.clone().prop_map(|it| Vector::Negate(Box::new(it))),
        1 => inner.clone().prop_map(|it| Vector::Absent(Box::new(it))),
        1 => inner.prop_map(|it| Vector::Timestamp(Box::new(it))),
    ]
}

fn labelled(inner: BoxedStrategy<Vector>) -> impl Strategy<Value = Vector> {
    let replaces = select(
        &[
            ["n", "$1", "a", "(.*)"],
            ["b", "${1}w", "b", "(x)"],
            ["a", "", "a", ".*"],
            ["a", "9", "b", ""],
            ["__name__", "new", "a", ".+"],
            ["le", "$1.5", "a", "(.*)"],
        ][..],
    );
    let joins =
        select(vec![("n", "-", vec!["a", "b"]), ("b", "", vec!["z", "none"]), ("a", "/", vec![])]);
    let sorts = select(vec![
        ("sort", vec![]),
        ("sort_desc", vec![]),
        ("sort_by_label", vec!["a", "b"]),
        ("sort_by_label_desc", vec!["b"]),
    ]);
    prop_oneof![
        2 => (inner.clone(), replaces)
            .prop_map(|(it, texts)| Vector::LabelReplace(Box::new(it), texts)),
        1 => (inner.clone(), joins).prop_map(|(it, (target, separator, sources))| {
            Vector::LabelJoin(Box::new(it), target, separator, sources)
        }),
        1 => (inner, sorts).prop_map(|(it, (name, by))| Vector::Sort(name, Box::new(it), by)),
    ]
}

fn aggregate(inner: BoxedStrategy<Vector>) -> impl Strategy<Value = Vector> {
    let by = || prop::option::of(labels());
    let make =
        |op: &'static str, by, param, it: Vector| Vector::Aggregate(op, by, param, Box::new(it));
    let picks = select(&["topk", "bottomk"][..]);
    let k = prop_oneof![
        8 => select(&[0.0, 1.0, 2.0, 3.7, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY][..])
            .prop_map(Scalar::Number),
        1 => scalar(inner.clone()),
    ];
    let rounded = inner.clone().prop_map(|it| Vector::Each("round", Box::new(it), Vec::new()));
    prop_oneof![
        6 => (select(AGGREGATES), by(), inner.clone())
            .prop_map(move |(op, by, it)| make(op, by, None, it)),
        1 => (by(), scalar(inner.clone()), inner.clone())
            .prop_map(move |(by, q, it)| make("quantile", by, Some(Param::Scalar(q)), it)),
        2 => (picks, by(), k.clone(), inner.clone())
            .prop_map(move |(op, by, k, it)| make(op, by, Some(Param::Scalar(k)), it)),
        // Which ones are picked nobody knows, only how many.
        1 => (by(), k, inner).prop_map(move |(by, k, it)| {
            let picked = make("limitk", by.clone(), Some(Param::Scalar(k)), it);
            make("count", by, None, picked)
        }),
        1 => (by(), select(&["v", "a"][..]), rounded)
            .prop_map(move |(by, label, it)| {
                make("count_values", by, Some(Param::Text(label)), it)
            }),
    ]
}

fn with_scalar(inner: BoxedStrategy<Vector>) -> impl Strategy<Value = Vector> {
    let op = prop_oneof![
        select(ARITHMETIC).prop_map(|op| (op, false)),
        (select(COMPARISONS), any::<bool>()),
    ];
    (op, inner.clone(), scalar(inner), any::<bool>()).prop_map(
        |((op, returns_bool), vector, scalar, left)| {
            let vector = Box::new(vector);
            Vector::WithScalar { op, returns_bool, vector, scalar, left }
        },
    )
}

fn paired(inner: BoxedStrategy<Vector>) -> impl Strategy<Value = Vector> {
    let include = || select(vec![vec![], vec!["z"], vec!["b"], vec!["none"], vec!["__name__"]]);
    let sides = prop_oneof![
        2 => Just(Sides::OneToOne),
        1 => include().prop_map(Sides::ManyLeft),
        1 => include().prop_map(Sides::ManyRight),
    ];
    let op = prop_oneof![
        select(ARITHMETIC).prop_map(|op| (op, false)),
        (select(COMPARISONS), any::<bool>()),
    ];
    let value = || prop_oneof![5 => Just(None), 1 => Just(Some(0.0)), 1 => Just(Some(3.0))];
    let numbers = (op, matching(), sides, value(), value()).prop_map(
        |((op, returns_bool), on, mut sides, left, right)| {
            // Groups are made of labels that are named, and copied labels may not be among them.
            if on.is_none() {
                sides = Sides::OneToOne;
            }
            if let (Some(on), Sides::ManyLeft(include) | Sides::ManyRight(include)) =
                (&on, &mut sides)
                && !on.without
            {
                include.retain(|name| !on.names.contains(name));
            }
            Pairs { op, returns_bool, on, sides, fill: (left, right) }
        },
    );
    let sets = (select(&["and", "or", "unless"][..]), matching()).prop_map(|(op, on)| Pairs {
        op,
        returns_bool: false,
        on,
        sides: Sides::OneToOne,
        fill: (None, None),
    });
    (prop_oneof![2 => numbers, 1 => sets], inner.clone(), inner)
        .prop_map(|(how, left, right)| Vector::Paired(how, Box::new(left), Box::new(right)))
}

fn histogram() -> impl Strategy<Value = Vector> {
    let buckets =
        Selector { name: Some("h_bucket"), matchers: Vec::new(), shift: Shift::default() };
    let range = select(&[60_i64, 300][..]);
    let (plain, ranged) = (buckets.clone(), buckets);
    let vector = prop_oneof![
        Just(Vector::Select(plain)),
        range.prop_map(move |range_s| {
            Vector::OverTime("rate", Range::Stored(ranged.clone(), range_s), Vec::new())
        }),
    ];
    let vector = prop_oneof![
        2 => vector.clone(),
        1 => vector.prop_map(|it| {
            let by = Labels { without: false, names: vec!["le"] };
            Vector::Aggregate("sum", Some(by), None, Box::new(it))
        }),
    ];
    let number = || {
        select(&[0.0, 0.3, 0.5, 0.99, 1.0, 2.0, 3.0, -1.0, f64::NAN, f64::INFINITY][..])
            .prop_map(Scalar::Number)
    };
    prop_oneof![
        2 => (number(), vector.clone())
            .prop_map(|(q, it)| Vector::HistogramQuantile(q, Box::new(it))),
        1 => (number(), number(), vector)
            .prop_map(|(low, high, it)| Vector::HistogramFraction(low, high, Box::new(it))),
    ]
}

/// Queries of so many layers.
pub(super) fn queries(layers: usize) -> BoxedStrategy<Vector> {
    let leaf = selector().prop_map(Vector::Select).boxed();
    if layers == 0 {
        return leaf;
    }
    let inner = queries(layers - 1);
    prop_oneof![
        3 => leaf,
        4 => over_time(inner.clone()).boxed(),
        2 => each(inner.clone()).boxed(),
        4 => aggregate(inner.clone()).boxed(),
        2 => with_scalar(inner.clone()).boxed(),
        4 => paired(inner.clone()).boxed(),
        2 => labelled(inner.clone()).boxed(),
        1 => scalar(inner).prop_map(Vector::OfScalar).boxed(),
        1 => histogram().boxed(),
    ]
    .boxed()
}
