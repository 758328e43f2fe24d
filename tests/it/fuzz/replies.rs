//! Answers of borrowers: whatever stands around a word that refuses, a person or the machine learns of it.

use std::sync::LazyLock;

use dueherald::domain::{Intent, Report};
use dueherald::plan::intent;
use proptest::prelude::*;
use proptest::sample::select;

use super::{cases, watched};
use crate::gateway::callbacks::{kannel_gateway, read};

const CHINA: &str = "+8613800138000";

/// The words of that list that count in every country.
fn words(list: &str, meaning: Option<&str>) -> Vec<String> {
    let file: toml::Table = include_str!("../../../src/plan/reply_words.toml").parse().expect("it is TOML");
    let entries = file[list].as_array().expect("a list").iter();
    let entries = entries.filter(|entry| entry.get("numbers").is_none());
    let entries = entries.filter(|entry| entry.get("intent").and_then(toml::Value::as_str) == meaning);
    let words = entries.flat_map(|entry| entry["words"].as_array().expect("words"));
    words.map(|word| word.as_str().expect("a text").trim_end_matches('*').to_owned()).collect()
}

static STOPS: LazyLock<Vec<String>> = LazyLock::new(|| words("words", Some("stop")));
static REFUSALS: LazyLock<Vec<String>> = LazyLock::new(|| words("refusals", None));

/// Text without meaning, before and after a word.
const NOISE: &[&str] = &[
    " ",
    "  ",
    "\n",
    "\r\n",
    "\t",
    "!",
    "?!",
    "。",
    "！",
    "…",
    "，",
    "\u{200b}",
    "\u{feff}",
    "\u{ad}",
    "\u{202e}",
    "\u{3000}",
    "\u{0}",
    "\u{1f64f}",
    "【商城】",
    "“",
    "”",
    "(",
    ")",
    "-",
    ".",
    "#",
    "*",
    "\u{fffd}",
];

fn noise() -> impl Strategy<Value = String> {
    proptest::collection::vec(select(NOISE), 0..6).prop_map(|pieces| pieces.concat())
}

/// A word in letters of another size or width.
fn spelled(word: &str, form: u8) -> String {
    let wide = |c: char| match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        c => c,
    };
    match form {
        0 => word.to_owned(),
        1 => word.to_lowercase(),
        _ => word.chars().map(wide).collect(),
    }
}

/// As it comes through a gateway to whoever decides.
fn meant(said: &str) -> Intent {
    let text = watched("replies", said.len(), || read(&**KANNEL, "from=%2B8613800138000", &[], said.as_bytes()));
    match text.as_deref() {
        Ok([Report::Reply(reply)]) => watched("intents", said.len(), || intent(CHINA, &reply.text)),
        other => panic!("no reply: {other:?}"),
    }
}

static KANNEL: LazyLock<Box<dyn dueherald::gateway::Gateway>> = LazyLock::new(|| Box::new(kannel_gateway()));

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn fuzz_no_stop_is_lost_among_signs(
        word in select(STOPS.clone()), form in 0_u8..3, before in noise(), behind in noise()
    ) {
        let said = format!("{before}{}{behind}", spelled(&word, form));
        prop_assert_eq!(meant(&said), Intent::Stop, "{:?}", said);
    }

    #[test]
    fn fuzz_no_refusal_is_lost_among_words(
        word in select(REFUSALS.clone()), form in 0_u8..3, before in "(\\PC{0,30} \
            )?", behind in "( \\PC{0,30})?", times in 1_usize..80
    ) {
        let word = spelled(&word, form);
        // The text around the word must not look like a signature.
        let (before, behind) = (before.replace(['【', '】'], " "), behind.replace(['【', '】'], " "));
        for said in [format!("{before}{word}{behind}"), format!("{}{word}", before.repeat(times)), format!("{word} ").repeat(times)] {
            prop_assert!(matches!(meant(&said), Intent::Stop | Intent::Unclear), "{:?}", said);
        }
    }
}
