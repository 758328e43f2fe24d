//! Tokens, proofs and check codes: what opens was sealed by us for that purpose, and is written in one way only.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use dueherald::domain::ReminderId;
use dueherald::render::{LinkKeys, Purpose};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{cases, watched};

const PURPOSES: &[Purpose] = &[Purpose::Landing, Purpose::Unsubscribe, Purpose::Reference];

static OLD: LazyLock<LinkKeys> = LazyLock::new(|| LinkKeys::new([(1, [7; 32])]).expect("a key"));
static NEW: LazyLock<LinkKeys> = LazyLock::new(|| LinkKeys::new([(2, [9; 32])]).expect("a key"));
/// Opens what either has sealed.
static BOTH: LazyLock<LinkKeys> = LazyLock::new(|| LinkKeys::new([(2, [9; 32]), (1, [7; 32])]).expect("keys"));

/// Changes, cuts, doubles or pads a token, and leaves it as it is now and then.
fn altered() -> impl Strategy<Value = (Index, usize, String)> {
    let piece = prop_oneof![
        2 => Just(String::new()),
        3 => "[-A-Za-z0-9_]{1,3}",
        1 => select(&["=", "==", "+", "/", " ", "%", "\u{0}", "é", "A", "\n", "."][..]).prop_map(str::to_owned),
        1 => "[-A-Za-z0-9_]{34}",
    ];
    (any::<Index>(), 0_usize..4, piece)
}

fn alter(token: &str, (at, length, piece): (Index, usize, String)) -> String {
    let from = at.index(token.len() + 1);
    let to = (from + length).min(token.len());
    format!("{}{piece}{}", &token[..from], &token[to..])
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn fuzz_tokens(id: i64, new: bool, made in select(PURPOSES), used in select(PURPOSES), change in altered()) {
        let sealer = if new { &*NEW } else { &*OLD };
        let sealed = sealer.seal(made, ReminderId(id));
        let shown = alter(&sealed, change);
        let opened = watched("tokens", shown.len(), || BOTH.open(used, &shown));
        prop_assert_eq!(opened, (shown == sealed && made == used).then_some(ReminderId(id)), "{}", shown);
        // A token that opens is spelled exactly as sealing it again would spell it.
        if let Some(id) = opened {
            prop_assert_eq!(sealer.seal(used, id), shown);
        }
    }

    #[test]
    fn fuzz_proofs(id: i64, other: i64, until in 0_i64..4_000_000_000, after in -2_i64..2, change in altered()) {
        let at = |seconds| DateTime::<Utc>::from_timestamp(seconds, 0).expect("an instant");
        let sealed = OLD.seal_proof(ReminderId(id), at(until));
        let shown = alter(&sealed, change);
        let proves = watched("proofs", shown.len(), || BOTH.proves(&shown, ReminderId(id), at(until + after)));
        prop_assert_eq!(proves, shown == sealed && after < 0);
        prop_assert!(id == other || !BOTH.proves(&sealed, ReminderId(other), at(0)), "a proof of another page");
        for purpose in PURPOSES {
            prop_assert_eq!(BOTH.open(*purpose, &shown), None, "a proof as a link");
        }
    }

    #[test]
    fn fuzz_check_codes(id in 0_i64..(1 << 50), noise in "[-A-Za-z0-9 é]{0,14}", change in altered()) {
        let sealed = OLD.check_code(ReminderId(id)).expect("a number that a database gives");
        for shown in [alter(&sealed, change), noise, sealed.clone()] {
            let opened = watched("check codes", shown.len(), || OLD.open_check_code(&shown));
            prop_assert!(opened.len() <= 1);
            let plain: String = shown.to_ascii_uppercase().replace(['I', '1'], "L").replace([' ', '-'], "");
            for found in opened {
                prop_assert_eq!(OLD.check_code(found), Some(plain.clone()), "one way of writing it");
            }
            prop_assert!(shown != sealed || OLD.open_check_code(&shown) == [ReminderId(id)]);
        }
    }
}
