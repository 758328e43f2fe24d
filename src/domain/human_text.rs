//! The one sanitiser for text that people wrote and borrowers read: names, products, order numbers.
//!
//! Such a text comes from a lender's shop, where anybody can register as "张三 evil.example/x". Printed in an SMS in the
//! merchant's name it would be a link that the merchant sends. So what controls a line, hides, or leads somewhere is
//! taken out, and a text that still holds a link after that is no text at all. The cases are in the table of the tests
//! below.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::link_scan::{links, without_encoded_words};

/// The most marks that one letter carries. Vietnamese needs two, Hebrew and Tibetan four; more only overprint other
/// lines.
const MAX_MARKS: usize = 6;

/// Why a text cannot be shown to anybody. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HumanTextError {
    /// It leads somewhere, in spite of what was taken out.
    #[error("holds a web or e-mail address; leave it out")]
    Link,
    /// Nothing is left of it.
    #[error("holds nothing but a web or e-mail address or characters that nobody sees; leave it out")]
    Nothing,
    /// It is too long.
    #[error("is longer than {0} letters; shorten it")]
    Long(usize),
}

/// Takes out of `text` what a message must not show: control, bidirectional and invisible characters, encoded words,
/// web addresses, domains, e-mail addresses and `@`. `max` is the most letters, as readers count them.
///
/// # Errors
/// When what is left leads somewhere, is nothing, or is too long.
pub fn clean(text: &str, max: usize) -> Result<Cow<'_, str>, HumanTextError> {
    if is_plain(text) && text.len() <= max {
        return Ok(text.into());
    }
    let visible = visible(text);
    let decoded = without_encoded_words(&visible);
    let cleaned = one_space(&without_links(&decoded));
    if cleaned.is_empty() {
        return Err(HumanTextError::Nothing);
    }
    if !links(&cleaned).is_empty() || cleaned.contains("=?") {
        return Err(HumanTextError::Link);
    }
    if cleaned.graphemes(true).nth(max).is_some() {
        return Err(HumanTextError::Long(max));
    }
    Ok(if cleaned == text { text.into() } else { cleaned.into() })
}

/// Whether a text surely holds nothing to take out; true of most.
fn is_plain(text: &str) -> bool {
    let is_sound = |letter: char| {
        letter.is_ascii_alphanumeric() || matches!(letter, '-' | '\'' | '\u{4e00}'..='\u{9fff}' | 'À'..='Ö' | 'Ø'..='ö')
    };
    let words = text.split(' ');
    !text.is_empty() && words.into_iter().all(|word| !word.is_empty() && word.chars().all(is_sound))
}

/// The text without characters that nobody sees, and without marks that no script piles up. What breaks a line becomes
/// a space.
fn visible(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    let mut marks = 0;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') {
            seen.push(' ');
            continue;
        }
        let is_kept = match letter {
            ZWJ | ZWNJ => {
                seen.chars().next_back().zip(letters.peek().copied()).is_some_and(|(l, r)| joins(letter, l, r))
            }
            // How an emoji or a Chinese character is drawn; alone it is nothing.
            '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
                seen.chars().next_back().is_some_and(|before| !before.is_ascii_alphabetic() && before != ' ')
            }
            other => !is_invisible(other),
        };
        if !is_kept {
            continue;
        }
        marks = if is_combining_mark(letter) { marks + 1 } else { 0 };
        if marks <= MAX_MARKS {
            seen.push(letter);
        }
    }
    seen
}

const ZWNJ: char = '\u{200c}';
const ZWJ: char = '\u{200d}';

/// Whether a joiner between these two belongs there: in an emoji of several, in the scripts of India and its neighbours
/// after a letter, and in Arabic script, where Persian names need it. Between Latin letters or Chinese characters it
/// only hides.
fn joins(joiner: char, left: char, right: char) -> bool {
    let is_indic =
        |letter| matches!(letter, '\u{900}'..='\u{109f}' | '\u{1780}'..='\u{18af}' | '\u{1a20}'..='\u{1aaf}');
    let is_arabic =
        |letter| matches!(letter, '\u{600}'..='\u{8ff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}');
    let is_emoji = |letter| {
        matches!(letter, '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}'
            | '\u{2b00}'..='\u{2bff}'
            | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
    };
    (is_indic(left) && is_indic(right))
        || (is_arabic(left) && is_arabic(right))
        || (joiner == ZWJ && is_emoji(left) && is_emoji(right))
}

/// Default-ignorable characters of Unicode 16 and the other blanks that look like nothing, but for joiners and
/// variation selectors.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}'
    )
}

/// The text without what leads somewhere. A space takes its place, so that nothing joins to a new link around it.
fn without_links(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = 0;
    for link in links(text) {
        kept.push_str(&text[rest..link.start]);
        kept.push(' ');
        rest = link.end;
    }
    kept.push_str(&text[rest..]);
    spaced_initials(&kept.replace(['@', '＠', '﹫'], " "))
}

/// Titles and forms of companies that people write together with the next word.
const ABBREVIATIONS: [&str; 14] =
    ["Co", "Dr", "Hon", "Inc", "Jr", "Ltd", "Mr", "Mrs", "Ms", "No", "Prof", "Rev", "Sr", "St"];

/// Whether a dot behind this word is that of a title or an initial: `Dr.Li`, `J.Li` are names that a phone takes for
/// domains.
pub(super) fn is_abbreviation(word: &str) -> bool {
    ABBREVIATIONS.contains(&word) || (word.len() == 1 && word.bytes().all(|letter| letter.is_ascii_uppercase()))
}

/// A space behind the dot of a title or an initial before a capital letter.
fn spaced_initials(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    let mut word = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        spaced.push(letter);
        if letter == '.' {
            let next = letters.peek().map(|(_, next)| *next);
            let ends_word = |next: char| next.is_ascii_uppercase();
            let next_is_word = text[at + 1..].chars().take_while(|next| next.is_alphabetic()).count() > 1;
            if is_abbreviation(&text[word..at]) && next.is_some_and(ends_word) && next_is_word {
                spaced.push(' ');
            }
        }
        if !letter.is_alphanumeric() {
            word = at + letter.len_utf8();
        }
    }
    spaced
}

/// The words of a text with one space between them.
fn one_space(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let between = if joined.is_empty() { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(joined, "{between}{word}");
    }
    joined
}

/// The text as machines compare it: compatible forms unified, so that `ｅｖｉｌ。ｃｏｍ` reads `evil.com`, with the place of
/// each character in `text`.
pub(super) fn skeleton(text: &str) -> Vec<(char, usize)> {
    let unified = |(at, letter): (usize, char)| {
        std::iter::once(letter).nfkc().map(move |plain| {
            let dot = matches!(plain, '。' | '．' | '｡' | '․' | '﹒');
            (if dot { '.' } else { plain.to_ascii_lowercase() }, at)
        })
    };
    text.char_indices().flat_map(unified).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{HumanTextError, clean};

    /// The table: what a shop's form may hand on, and what a borrower may read of it.
    #[rstest]
    // Texts that must stay as they are.
    #[case::chinese("张三", Ok("张三"))]
    #[case::uyghur("阿卜杜拉·买买提", Ok("阿卜杜拉·买买提"))]
    #[case::rare_character("𠮷野家", Ok("𠮷野家"))]
    #[case::irish("Dr. O'Neil", Ok("Dr. O'Neil"))]
    #[case::bank("J.P. Morgan", Ok("J.P. Morgan"))]
    #[case::bank_without_space("J.P.Morgan", Ok("J.P. Morgan"))]
    #[case::title_and_country("Dr.Li", Ok("Dr. Li"))]
    #[case::initial_and_country("J.Li", Ok("J. Li"))]
    #[case::saint("St.John", Ok("St. John"))]
    #[case::company("Acme Co., Ltd.", Ok("Acme Co., Ltd."))]
    #[case::company_without_comma("Acme Co.Ltd", Ok("Acme Co. Ltd"))]
    #[case::company_of_two("A&B", Ok("A&B"))]
    #[case::company_with_slash("A/B Testing", Ok("A/B Testing"))]
    #[case::double_name("Anne-Marie d'Été", Ok("Anne-Marie d'Été"))]
    #[case::vietnamese("Nguyễn Thị Ánh", Ok("Nguyễn Thị Ánh"))]
    #[case::decomposed("Nguye\u{302}\u{303}n", Ok("Nguye\u{302}\u{303}n"))]
    #[case::persian_joiner("علی\u{200c}رضا", Ok("علی\u{200c}رضا"))]
    #[case::sinhala_joiner("ශ්\u{200d}රී", Ok("ශ්\u{200d}රී"))]
    #[case::hindi_joiner("क्\u{200d}ष", Ok("क्\u{200d}ष"))]
    #[case::emoji_family("👨\u{200d}👩\u{200d}👧 杯", Ok("👨\u{200d}👩\u{200d}👧 杯"))]
    #[case::emoji_heart("❤\u{fe0f}", Ok("❤\u{fe0f}"))]
    #[case::product("iPhone 15 Pro (256GB), black", Ok("iPhone 15 Pro (256GB), black"))]
    #[case::size("Schuhe 38.5, 1.5L", Ok("Schuhe 38.5, 1.5L"))]
    #[case::version("Node.js v2.0.1", Ok("Node.js v2.0.1"))]
    #[case::order("A-2026/11/0001", Ok("A-2026/11/0001"))]
    #[case::time("12:30 Uhr", Ok("12:30 Uhr"))]
    #[case::sentence("Ready.Set.Go", Ok("Ready.Set.Go"))]
    #[case::chinese_stop("很好。谢谢", Ok("很好。谢谢"))]
    // Parts that are removed.
    #[case::line_break("张三\r\nBcc: all", Ok("张三 Bcc: all"))]
    #[case::nul("a\0b", Ok("a b"))]
    #[case::escape("a\u{1b}[31mb", Ok("a [31mb"))]
    #[case::line_separator("a\u{2028}b", Ok("a b"))]
    #[case::turned("gpj\u{202e}exe", Ok("gpjexe"))]
    #[case::isolate("\u{2066}a\u{2069}", Ok("a"))]
    #[case::zero_width("张\u{200b}三", Ok("张三"))]
    #[case::byte_order_mark("\u{feff}张三", Ok("张三"))]
    #[case::joiner_in_latin("pay\u{200d}pal", Ok("paypal"))]
    #[case::joiner_in_chinese("张\u{200c}三", Ok("张三"))]
    #[case::hangul_filler("a\u{3164}b", Ok("ab"))]
    #[case::tags("a\u{e0041}\u{e0042}", Ok("a"))]
    #[case::soft_hyphen("pay\u{ad}ment", Ok("payment"))]
    #[case::piled_marks(
        "Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}a",
        Ok("Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}a")
    )]
    #[case::encoded_word("=?utf-8?B?5byg5LiJ?= Li", Ok("Li"))]
    #[case::encoded_words("=?utf-8?Q?a?= =?utf-8?Q?b?= Wang", Ok("Wang"))]
    #[case::address("Li http://evil.example/x?y=1 Wei", Ok("Li Wei"))]
    #[case::address_in_chinese("张三点击http://evil.com/a领取", Ok("张三点击 领取"))]
    #[case::other_scheme("Li weixin://dl/pay", Ok("Li"))]
    #[case::domain("Visit evil.com now", Ok("Visit now"))]
    #[case::domain_in_chinese("请打开evil.top领奖", Ok("请打开 领奖"))]
    #[case::domain_with_path("t.co/abc Li", Ok("Li"))]
    #[case::unknown_end_with_path("Li foo.barbaz/win", Ok("Li"))]
    #[case::www("www.evil Li", Ok("Li"))]
    #[case::port("Li evil.com:8080/x", Ok("Li"))]
    #[case::number_address("Li 192.168.1.1/x", Ok("Li"))]
    #[case::capitals("EVIL.COM Li", Ok("Li"))]
    #[case::full_width("ｅｖｉｌ．ｃｏｍ Li", Ok("Li"))]
    #[case::ideographic_stop("evil。com Li", Ok("Li"))]
    #[case::punycode("xn--fiqs8s.xn--55qx5d Li", Ok("Li"))]
    #[case::hidden_in_domain("ev\u{200b}il.c\u{ad}om Li", Ok("Li"))]
    #[case::mailbox("Li <a@evil.com>", Ok("Li < >"))]
    #[case::mailbox_within("Li a@b Wei", Ok("Li Wei"))]
    #[case::at("Li @ Wei", Ok("Li Wei"))]
    #[case::handle("@evil Li", Ok("Li"))]
    #[case::full_width_at("a＠evil.com Li", Ok("Li"))]
    #[case::encoded_to_join("ht=?utf-8?Q?x?=tp://evil.com Li", Ok("ht Li"))]
    // Texts that are refused.
    #[case::only_a_link("https://evil.com", Err(HumanTextError::Nothing))]
    #[case::only_a_chinese_domain("中国.公司", Err(HumanTextError::Nothing))]
    #[case::only_hidden("\u{200b}\u{202e}", Err(HumanTextError::Nothing))]
    #[case::nothing(" ", Err(HumanTextError::Nothing))]
    #[case::broken_word("=?utf-8?B?eA", Err(HumanTextError::Link))]
    #[case::long(
        "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijX",
        Err(HumanTextError::Long(80))
    )]
    fn a_text_is_what_a_borrower_may_read(#[case] text: &str, #[case] expected: Result<&str, HumanTextError>) {
        let cleaned = clean(text, 80);
        assert_eq!(cleaned.as_deref().map_err(|error| *error), expected);
        if let Ok(cleaned) = cleaned {
            assert_eq!(clean(&cleaned, 80).as_deref(), Ok(&*cleaned), "cleaning twice changes nothing");
        }
    }

    #[test]
    fn letters_are_counted_as_readers_count_them() {
        let family = "👨\u{200d}👩\u{200d}👧";
        assert!(clean(&family.repeat(80), 80).is_ok());
        assert_eq!(clean(&family.repeat(81), 80), Err(HumanTextError::Long(80)));
    }
}
