//! Keys sort as their components do.

use proptest::prelude::*;

use crate::key::after_prefix;
use crate::{Key, Ulid};

type Parts = (String, i64, Vec<u8>, u64, bool, u128);

fn parts() -> impl Strategy<Value = Parts> {
    let text = prop_oneof![Just(String::new()), "[\0\u{1}a\u{ff}]{0,3}"];
    let bytes = prop::collection::vec(prop_oneof![Just(0), Just(1), Just(255)], 0..3);
    let signed = prop_oneof![-2_i64..2, any::<i64>()];
    (text, signed, bytes, prop_oneof![0..2_u64, any::<u64>()], any::<bool>(), any::<u128>())
}

fn key((text, signed, bytes, unsigned, truth, id): &Parts) -> Key {
    let key = Key::new().str(text).i64(*signed).bytes(bytes);
    key.u64(*unsigned).bool(*truth).ulid(Ulid(*id))
}

proptest! {
    #[test]
    fn order_is_kept(left in parts(), right in parts()) {
        prop_assert_eq!(key(&left).cmp(&key(&right)), left.cmp(&right));
    }

    #[test]
    fn a_prefix_selects_equal_components_only(left in parts(), right in parts()) {
        let prefix = Key::new().str(&left.0).i64(left.1);
        let selected = key(&right).as_slice().starts_with(prefix.as_slice());
        prop_assert_eq!(selected, left.0 == right.0 && left.1 == right.1);
    }

    #[test]
    fn the_start_of_a_text_selects_its_continuations(
        start in "[\0ab]{0,2}",
        text in "[\0ab]{0,4}",
    ) {
        let prefix = Key::new().str_start(&start);
        let selected = Key::new().str(&text).as_slice().starts_with(prefix.as_slice());
        prop_assert_eq!(selected, text.starts_with(&start));
    }

    #[test]
    fn after_a_prefix_nothing_begins_with_it(
        prefix in prop::collection::vec(prop_oneof![Just(254_u8), Just(255)], 0..4),
        other in prop::collection::vec(253_u8.., 0..6),
    ) {
        match after_prefix(&prefix) {
            Some(after) => prop_assert_eq!(
                other.starts_with(&prefix), other >= prefix && other < after
            ),
            None => prop_assert_eq!(other.starts_with(&prefix), other >= prefix),
        }
    }
}
