//! Any tree that is printed parses into the same tree, in one line and in many.

use metric::{METRIC_NAME, MatchOp, Matcher};
use proptest::option;
use proptest::prelude::*;

use crate::expr::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Edges, Expr, Grouping, Kind, ManySide, Matching,
    Node, Selector, Shift, Span, ValueKind,
};
use crate::formula::{Formula, FormulaKind, FormulaOp, Formulas};
use crate::function::Function;
use crate::parse;

fn new(kind: Kind) -> Node {
    Node::new(kind, Span::default())
}

/// Takes the places out of a tree.
fn without_places(node: &mut Node) {
    node.span = Span::default();
    if let Some(formulas) = &mut node.formulas {
        let Formulas { range, step, offset } = &mut **formulas;
        for formula in [range, step, offset].into_iter().flatten() {
            formula_without_places(formula);
        }
    }
    match &mut node.kind {
        Kind::Subquery { inner, .. }
        | Kind::Negate(inner)
        | Kind::Plus(inner)
        | Kind::Paren(inner) => without_places(inner),
        Kind::Call { args, .. } => args.iter_mut().for_each(without_places),
        Kind::Aggregate(aggregate) => {
            aggregate.param.iter_mut().for_each(without_places);
            without_places(&mut aggregate.inner);
        }
        Kind::Binary(binary) => {
            without_places(&mut binary.left);
            without_places(&mut binary.right);
        }
        _ => {}
    }
}

fn formula_without_places(formula: &mut Formula) {
    formula.span = Span::default();
    match &mut formula.kind {
        FormulaKind::Negate(inner) | FormulaKind::Paren(inner) => formula_without_places(inner),
        FormulaKind::Binary(_, left, right) => {
            formula_without_places(left);
            formula_without_places(right);
        }
        _ => {}
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just("job".to_owned()), Just("é\n\"".to_owned()), ".{0,6}".boxed()]
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_][a-z0-9_]{0,5}", "[a-z. é\"]{1,4}", Just("bool".to_owned())]
}

fn labels() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(label(), 0..3)
}

fn shift() -> impl Strategy<Value = Shift> {
    let at = prop_oneof![
        Just(At::Start),
        Just(At::End),
        (-10_000_000_000_i64..10_000_000_000).prop_map(At::Time),
    ];
    let offset_ms = prop_oneof![Just(0), -100_000_000_000_i64..100_000_000_000];
    (option::of(at), offset_ms).prop_map(|(at, offset_ms)| Shift { at, offset_ms })
}

fn selector() -> impl Strategy<Value = Selector> {
    let op = prop_oneof![
        Just(MatchOp::Equal),
        Just(MatchOp::NotEqual),
        Just(MatchOp::Matches),
        Just(MatchOp::NotMatches),
    ];
    let name = prop_oneof!["[a-z_:][a-z0-9_:]{0,8}", Just("sum".to_owned()), Just("by".to_owned())];
    let edges = prop_oneof![Just(Edges::Open), Just(Edges::Anchored), Just(Edges::Smoothed)];
    (name, any::<bool>(), label(), op, text(), shift(), edges).prop_filter_map(
        "a word that is no name",
        |(name, named, label, op, value, shift, edges)| {
            let no_name = ["on", "bool", "inf", "nan", "atan2"].contains(&name.as_str());
            let value = if op == MatchOp::Matches || op == MatchOp::NotMatches {
                value.replace(|c: char| !c.is_alphanumeric(), "")
            } else {
                value
            };
            let matcher = Matcher::new(op, &label, &value).ok()?;
            let mut matchers = vec![Matcher::equal(METRIC_NAME, &name)];
            // The printed form has its matchers in order.
            matchers.push(matcher);
            if !named {
                let first = format!("__name__={name:?}");
                let quoted = if label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                    label
                } else {
                    format!("{label:?}")
                };
                if first > quoted {
                    matchers.reverse();
                }
            }
            let name = named.then_some(name);
            (!no_name).then_some(Selector { name, matchers, shift, edges })
        },
    )
}

fn formula() -> impl Strategy<Value = Formula> {
    let at = |kind| Formula { kind, span: Span::default() };
    let leaf = prop_oneof![
        (1_u32..1_000_000).prop_map(|seconds| FormulaKind::Seconds(f64::from(seconds) / 8.0)),
        (1_u32..1_000_000).prop_map(|millis| FormulaKind::Duration(f64::from(millis) / 1000.0)),
        Just(FormulaKind::Step),
        Just(FormulaKind::Range),
    ];
    leaf.prop_map(at).prop_recursive(3, 12, 2, move |inner| {
        let op = prop_oneof![
            Just(FormulaOp::Add),
            Just(FormulaOp::Div),
            Just(FormulaOp::Pow),
            Just(FormulaOp::Min),
            Just(FormulaOp::Max),
        ];
        let paren = move |formula: Formula| match formula.kind {
            FormulaKind::Paren(_) => formula,
            _ => at(FormulaKind::Paren(Box::new(formula))),
        };
        prop_oneof![
            inner.clone().prop_map(move |f| at(FormulaKind::Negate(Box::new(paren(f))))),
            inner.clone().prop_map(paren),
            (op, inner.clone(), inner).prop_map(move |(op, a, b)| {
                let (a, b) = (Box::new(paren(a)), Box::new(paren(b)));
                at(FormulaKind::Binary(op, a, b))
            }),
        ]
    })
}

/// A formula that is more than a literal, as an offset has it: in parentheses.
fn computed() -> impl Strategy<Value = Formula> {
    formula().prop_map(|formula| match formula.kind {
        FormulaKind::Paren(_) => formula,
        _ => Formula { kind: FormulaKind::Paren(Box::new(formula)), span: Span::default() },
    })
}

fn with_formulas(mut node: Node, range: Option<Formula>, offset: Option<Formula>) -> Node {
    match &mut node.kind {
        Kind::Range { range_ms, .. } | Kind::Subquery { range_ms, .. } if range.is_some() => {
            *range_ms = 0;
        }
        _ => {}
    }
    if let (Some(_), Kind::Select(selector) | Kind::Range { selector, .. }) =
        (&offset, &mut node.kind)
    {
        selector.shift.offset_ms = 0;
    }
    if range.is_some() || offset.is_some() {
        node.formulas = Some(Box::new(Formulas { range, step: None, offset }));
    }
    node
}

fn matching(op: BinaryOp) -> impl Strategy<Value = Matching> {
    let side = prop_oneof![Just(ManySide::Neither), Just(ManySide::Left), Just(ManySide::Right)];
    let fill = option::of(-1000_i32..1000).prop_map(|fill| fill.map(f64::from));
    let without = any::<bool>();
    (without, labels(), side, labels(), fill.clone(), fill).prop_map(
        move |(without, names, side, include, left, right)| {
            let set = op.is_set();
            let plain = side == ManySide::Neither || set;
            let include: Vec<String> =
                include.into_iter().filter(|name| without || !names.contains(name)).collect();
            Matching {
                on: Grouping::new(without, names),
                side: if set { ManySide::Both } else { side },
                include: if plain { Vec::new() } else { include },
                fill: if set { (None, None) } else { (left, right) },
            }
        },
    )
}

fn binary() -> impl Strategy<Value = (BinaryOp, bool, Matching)> {
    let op = prop_oneof![
        Just(BinaryOp::Add),
        Just(BinaryOp::Pow),
        Just(BinaryOp::Atan2),
        Just(BinaryOp::Le),
        Just(BinaryOp::TrimUpper),
        Just(BinaryOp::Unless),
        Just(BinaryOp::Or),
    ];
    (op, any::<bool>()).prop_flat_map(|(op, flag)| {
        let return_bool = flag && op.is_comparison();
        matching(op).prop_map(move |matching| (op, return_bool, matching))
    })
}

fn paren(node: Node) -> Node {
    new(Kind::Paren(Box::new(node)))
}

/// Instant vectors.
fn vector() -> impl Strategy<Value = Node> {
    let select = (selector(), option::of(computed()))
        .prop_map(|(selector, offset)| with_formulas(new(Kind::Select(selector)), None, offset));
    select.prop_recursive(3, 16, 3, |inner| {
        let ranges = (selector(), 1_i64..1_000_000_000, option::of(computed()))
            .prop_map(|(selector, range_ms, range)| {
                with_formulas(new(Kind::Range { selector, range_ms }), range, None)
            })
            .prop_map(|range| new(Kind::Call { function: Function::Rate, args: vec![range] }));
        let step_ms = option::of(1_i64..1_000_000);
        let subquery = (inner.clone(), 1_i64..1_000_000_000, step_ms, shift()).prop_map(
            |(inner, range_ms, step_ms, shift)| {
                let inner = Box::new(paren(inner));
                let range = new(Kind::Subquery { inner, range_ms, step_ms, shift });
                new(Kind::Call { function: Function::MaxOverTime, args: vec![range] })
            },
        );
        let replace =
            (inner.clone(), prop::collection::vec(text(), 4)).prop_map(|(inner, texts)| {
                let texts = texts.into_iter().map(|text| new(Kind::Text(text)));
                let args = std::iter::once(inner).chain(texts).collect();
                new(Kind::Call { function: Function::LabelReplace, args })
            });
        let sum = (inner.clone(), any::<bool>(), labels()).prop_map(|(inner, without, names)| {
            let grouping = Grouping::new(without, names);
            let aggregate = Aggregate { op: AggregateOp::Sum, param: None, inner, grouping };
            new(Kind::Aggregate(Box::new(aggregate)))
        });
        let topk = (inner.clone(), any::<f64>()).prop_map(|(inner, k)| {
            let param = Some(new(Kind::Number(if k.is_nan() { f64::NAN } else { k })));
            let grouping = Grouping::by(Vec::new());
            let aggregate = Aggregate { op: AggregateOp::TopK, param, inner, grouping };
            new(Kind::Aggregate(Box::new(aggregate)))
        });
        let binary = (binary(), inner.clone(), inner.clone()).prop_map(|(binary, left, right)| {
            let (op, return_bool, matching) = binary;
            let (left, right, kind) = (paren(left), paren(right), ValueKind::Vector);
            new(Kind::Binary(Box::new(Binary { op, left, right, kind, return_bool, matching })))
        });
        prop_oneof![
            ranges,
            subquery,
            replace,
            sum,
            topk,
            binary,
            inner.clone().prop_map(|inner| new(Kind::Negate(Box::new(paren(inner))))),
            inner.clone().prop_map(|inner| new(Kind::Plus(Box::new(paren(inner))))),
            inner.prop_map(paren),
            (-1_000_000_i32..1_000_000).prop_map(|millis| {
                let args = vec![new(Kind::Duration(f64::from(millis) / 1000.0))];
                new(Kind::Call { function: Function::Vector, args })
            }),
        ]
    })
}

proptest! {
    #[test]
    fn printed_trees_parse_into_themselves(root in vector()) {
        let expr = Expr { query: String::new(), root, unresolved: false };
        let wanted = format!("{:?}", expr.root);
        for text in [expr.to_string(), expr.to_pretty()] {
            let mut parsed = parse(&text).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
            prop_assert_eq!(parsed.to_string(), expr.to_string());
            without_places(&mut parsed.root);
            prop_assert_eq!(format!("{:?}", parsed.root), &wanted[..], "{}", text);
        }
    }
}
