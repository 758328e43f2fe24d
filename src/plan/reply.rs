use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::domain::{Address, Intent};

/// What a person wants by an answer. Only a whole answer that is one of the words in `reply_words.toml` is a wish; anything else is
/// for staff.
#[must_use]
pub fn intent(from: &Address, text: &str) -> Intent {
    let Some(word) = normalised(text) else { return Intent::Other };
    let of_country = |words: &&Words| words.numbers.as_ref().is_none_or(|start| from.reveal().starts_with(start));
    let found = WORDS.iter().filter(of_country).find_map(|words| words.words.get(&word));
    found.copied().unwrap_or(Intent::Other)
}

/// No word is longer, in characters: what is longer is not looked at further.
const LONGEST: usize = 32;

/// An answer in the form in which words are compared; `None` if it is too long to be one.
fn normalised(text: &str) -> Option<String> {
    let outside = without_quoted_signature(text);
    let bare = |text: &str| -> Option<String> {
        let mut word = String::new();
        let mut length = 0;
        for letter in text.chars().map(half_width).filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase) {
            length += 1;
            if length > LONGEST {
                return None;
            }
            word.push(letter);
        }
        Some(word)
    };
    match bare(&outside)? {
        // Somebody who copies 【退订】 from a message means the word.
        word if word.is_empty() => bare(text),
        word => Some(word),
    }
}

/// The text without what stands in 【】, which is how messages in China are signed: people send the signature back with the word.
fn without_quoted_signature(text: &str) -> String {
    let mut outside = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('【') {
        let Some((_, behind)) = after.split_once('】') else { break };
        outside.push_str(before);
        rest = behind;
    }
    outside.push_str(rest);
    outside
}

/// Full-width forms (U+FF01 to U+FF5E) stand in the order of ASCII.
fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

struct Words {
    numbers: Option<String>,
    words: HashMap<String, Intent>,
}

static WORDS: LazyLock<Vec<Words>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        words: Vec<Entry>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Entry {
        intent: String,
        numbers: Option<String>,
        words: Vec<String>,
    }
    #[expect(clippy::expect_used, reason = "the file is compiled in, and a test reads it")]
    let file: File = toml::from_str(include_str!("reply_words.toml")).expect("the compiled-in words are sound");
    let words = |entry: Entry| {
        #[expect(clippy::expect_used, reason = "the file is compiled in, and a test reads it")]
        let intent: Intent = entry.intent.parse().expect("an intent");
        let words = entry.words.into_iter().map(|word| (word, intent)).collect();
        Words { numbers: entry.numbers, words }
    };
    file.words.into_iter().map(words).collect()
});

#[cfg(test)]
mod tests {
    use super::{WORDS, intent, normalised};
    use crate::domain::{Address, EmailAddress, Intent, Phone};
    use proptest::prelude::*;
    use rstest::rstest;

    fn phone(number: &str) -> Address {
        Address::Phone(Phone::new(number).expect("a number"))
    }

    const CHINA: &str = "+8613800138000";
    const AMERICA: &str = "+12025550123";

    #[rstest]
    #[case::td(CHINA, "TD", Intent::Stop)]
    #[case::lower(CHINA, "td", Intent::Stop)]
    #[case::full_width(CHINA, "ＴＤ", Intent::Stop)]
    #[case::blanks(CHINA, "  t d\r\n", Intent::Stop)]
    #[case::one_letter(CHINA, "t", Intent::Stop)]
    #[case::n(CHINA, "N", Intent::Stop)]
    #[case::chinese(CHINA, "退订", Intent::Stop)]
    #[case::punctuation(CHINA, "“退订”。！", Intent::Stop)]
    #[case::brackets(CHINA, "【退订】", Intent::Stop)]
    #[case::signature(CHINA, "【某某商城】退订", Intent::Stop)]
    #[case::signature_behind(CHINA, "TD【某某商城】", Intent::Stop)]
    #[case::again(CHINA, "恢复", Intent::Start)]
    #[case::question(CHINA, "怎么退订？", Intent::Other)]
    #[case::paid(CHINA, "已经还了", Intent::Other)]
    #[case::stop(AMERICA, "Stop.", Intent::Stop)]
    #[case::stop_all(AMERICA, "STOP ALL", Intent::Stop)]
    #[case::unsubscribe(AMERICA, "unsubscribe", Intent::Stop)]
    #[case::cancel(AMERICA, "Cancel", Intent::Stop)]
    #[case::end(AMERICA, "end", Intent::Stop)]
    #[case::quit(AMERICA, "QUIT!", Intent::Stop)]
    #[case::revoked_in_words(AMERICA, "Please stop", Intent::Stop)]
    #[case::apostrophe(AMERICA, "Don’t text me", Intent::Stop)]
    #[case::chinese_abroad(AMERICA, "退订", Intent::Stop)]
    #[case::start(AMERICA, "Start", Intent::Start)]
    #[case::unstop(AMERICA, "UNSTOP", Intent::Start)]
    #[case::no_is_an_answer(AMERICA, "N", Intent::Other)]
    #[case::a_visit(AMERICA, "Stop by tomorrow?", Intent::Other)]
    #[case::empty(AMERICA, "", Intent::Other)]
    #[case::only_brackets(CHINA, "【】", Intent::Other)]
    #[case::open_bracket(CHINA, "【退订", Intent::Stop)]
    fn only_a_whole_word_is_a_wish(#[case] from: &str, #[case] text: &str, #[case] wish: Intent) {
        assert_eq!(intent(&phone(from), text), wish);
    }

    #[rstest]
    fn mail_has_words_too() {
        let from = Address::Email(EmailAddress::new("li@mall.example").expect("an address"));
        assert_eq!(intent(&from, "Unsubscribe"), Intent::Stop);
    }

    #[rstest]
    fn every_word_is_in_the_form_in_which_it_is_compared() {
        for (word, wish) in WORDS.iter().flat_map(|words| &words.words) {
            assert_eq!(normalised(word).as_ref(), Some(word));
            assert_ne!(*wish, Intent::Other);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]
        #[test]
        fn no_answer_is_too_odd(text in "\\PC*|[\\x00-\\x7f【】退订\u{ff34}\u{ff24} ]{0,64}") {
            let _ = intent(&phone(CHINA), &text);
        }
    }
}
