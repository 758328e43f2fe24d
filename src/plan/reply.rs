//! Reads the intent of a borrower's reply: opt-out, opt-in, help, or other.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::domain::{Intent, Reply};

/// The wish in a person's answer, by the words in `reply_words.toml`. `number` is the phone that it came from; some
/// words count in one country only.
#[must_use]
pub fn intent(number: &str, text: &str) -> Intent {
    let mut tokens = tokens(&without_quoted_signature(text));
    if tokens.is_empty() {
        // Somebody who copies 【退订】 from a message means the word.
        tokens = self::tokens(text);
    }
    match wish(number, &tokens) {
        Some(wish) => wish,
        None if refuses(number, &tokens) || text.contains(SIGNS) => Intent::Unclear,
        // Its end may be cut off, with the word in it.
        None if text.chars().nth(Reply::MAX_CHARS - 1).is_some() => Intent::Unclear,
        None => Intent::Other,
    }
}

/// Signs that may refuse without a word.
const SIGNS: [char; 4] = ['\u{1f6d1}', '\u{26d4}', '\u{1f6ab}', '\u{270b}'];

/// An answer with more words is no wish, but may refuse.
const MOST_WORDS: usize = 40;

/// No word of the file has more tokens.
const LONGEST: usize = 8;

/// The wish, if all of the answer is made of words of one wish and of politeness.
fn wish(number: &str, tokens: &[String]) -> Option<Intent> {
    if tokens.len() > MOST_WORDS {
        return None;
    }
    // For each place, in which ways the tokens before it can be read: by politeness only, with a stop, with a start,
    // with both.
    let mut readings = vec![[false; 4]; tokens.len() + 1];
    readings[0][0] = true;
    for begin in 0..tokens.len() {
        let mut joined = String::new();
        for end in begin..tokens.len().min(begin + LONGEST) {
            joined.push_str(&tokens[end]);
            for adds in meanings(number, &joined) {
                for read in 0..4 {
                    readings[end + 1][read | adds] |= readings[begin][read];
                }
            }
        }
    }
    let whole = readings[tokens.len()];
    match (whole[STOP], whole[START]) {
        (true, _) => Some(Intent::Stop),
        (false, true) => Some(Intent::Start),
        (false, false) => None,
    }
}

const POLITE: usize = 0;
const STOP: usize = 1;
const START: usize = 2;

/// The possible meanings of a word.
fn meanings(number: &str, word: &str) -> impl Iterator<Item = usize> {
    let of_country = move |words: &&PhraseList| words.numbers.as_ref().is_none_or(|start| number.starts_with(start));
    WORDS.meanings.iter().filter(of_country).filter_map(move |words| words.words.get(word).copied())
}

/// Whether the answer contains a word of refusal.
fn refuses(number: &str, tokens: &[String]) -> bool {
    let of_country = |phrase: &&RefusalPhrase| phrase.numbers.as_ref().is_none_or(|start| number.starts_with(start));
    WORDS.refusals.iter().filter(of_country).any(|phrase| phrase.stands_in(tokens))
}

/// The words of a text in the form in which they are compared: capitals without accents and width, each Chinese
/// character a word of its own, in its simplified form.
fn tokens(text: &str) -> Vec<String> {
    let plain = text.nfkd().filter(|letter| !is_combining_mark(*letter) || !is_accent(*letter));
    let mut tokens: Vec<String> = Vec::new();
    let mut goes_on = false;
    for letter in plain.nfc() {
        if matches!(letter, '\'' | '’' | '‘' | 'ʼ' | '`' | '´') {
            // DON'T is one word.
        } else if is_han(letter) {
            tokens.push(simplified(letter).to_string());
            goes_on = false;
        } else if letter.is_alphanumeric() {
            if !goes_on {
                tokens.push(String::new());
            }
            tokens.last_mut().into_iter().for_each(|token| token.extend(letter.to_uppercase()));
            goes_on = true;
        } else {
            goes_on = false;
        }
    }
    tokens
}

/// The accents of Latin letters; other scripts write vowels by combining marks.
fn is_accent(mark: char) -> bool {
    matches!(mark, '\u{300}'..='\u{36f}')
}

fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3134f}')
}

/// The traditional forms of what stands in `reply_words.toml`.
fn simplified(letter: char) -> char {
    const PAIRS: &str = "訂订絕绝復复覆复發发髮发請请謝谢煩烦騷骚擾扰別别訊讯信信閱阅聯联繫系給给這这個个們们對对還还錢钱關关閉闭傳传務务馬马\
                         時时間间簡简麼么嗎吗說说話话電电動动應应與与處处終终訴诉們们";
    let mut letters = PAIRS.chars();
    while let (Some(traditional), Some(simple)) = (letters.next(), letters.next()) {
        if traditional == letter {
            return simple;
        }
    }
    letter
}

/// The text without what stands in 【】, which is how messages in China are signed: people send the signature back with
/// the word.
fn without_quoted_signature(text: &str) -> String {
    let mut outside = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('【') {
        let Some((_, behind)) = after.split_once('】') else { break };
        outside.push_str(before);
        outside.push(' ');
        rest = behind;
    }
    outside.push_str(rest);
    outside
}

/// Words with their meanings.
struct PhraseList {
    /// The prefix of the numbers for which they count.
    numbers: Option<String>,
    words: HashMap<String, usize>,
}

/// A word of refusal.
struct RefusalPhrase {
    numbers: Option<String>,
    tokens: Vec<String>,
    /// The last token is only the beginning of a word.
    is_stem: bool,
}

impl RefusalPhrase {
    fn stands_in(&self, tokens: &[String]) -> bool {
        let Some((last, before)) = self.tokens.split_last() else { return false };
        tokens.windows(self.tokens.len()).any(|window| {
            let (end, begin) = (&window[before.len()], &window[..before.len()]);
            begin == before && (end == last || self.is_stem && end.starts_with(last.as_str()))
        })
    }
}

/// The content of `reply_words.toml`.
struct ReplyWords {
    meanings: Vec<PhraseList>,
    refusals: Vec<RefusalPhrase>,
}

static WORDS: LazyLock<ReplyWords> = LazyLock::new(|| {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        words: Vec<PhraseEntry>,
        polite: Vec<PhraseEntry>,
        refusals: Vec<PhraseEntry>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct PhraseEntry {
        intent: Option<String>,
        numbers: Option<String>,
        words: Vec<String>,
    }
    #[expect(clippy::expect_used, reason = "the file is compiled in, and a test reads it")]
    let file: File = toml::from_str(include_str!("reply_words.toml")).expect("the compiled-in words are sound");
    let words = |entry: PhraseEntry| {
        let meaning = match entry.intent.as_deref() {
            Some("stop") => STOP,
            Some("start") => START,
            _ => POLITE,
        };
        let words = entry.words.iter().map(|word| (tokens(word).concat(), meaning)).collect();
        PhraseList { numbers: entry.numbers, words }
    };
    let phrases = |entry: PhraseEntry| {
        let numbers = entry.numbers;
        let phrase = move |word: String| RefusalPhrase {
            numbers: numbers.clone(),
            tokens: tokens(&word),
            is_stem: word.ends_with('*'),
        };
        entry.words.into_iter().map(phrase)
    };
    ReplyWords {
        meanings: file.words.into_iter().chain(file.polite).map(words).collect(),
        refusals: file.refusals.into_iter().flat_map(phrases).collect(),
    }
});

#[cfg(test)]
mod tests {
    use super::{LONGEST, WORDS, intent, tokens};
    use crate::domain::Intent;
    use proptest::prelude::*;
    use rstest::rstest;

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
    #[case::question(CHINA, "怎么退订？", Intent::Unclear)]
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
    #[case::a_visit(AMERICA, "Stop by tomorrow?", Intent::Unclear)]
    #[case::empty(AMERICA, "", Intent::Other)]
    #[case::only_brackets(CHINA, "【】", Intent::Other)]
    #[case::open_bracket(CHINA, "【退订", Intent::Stop)]
    fn only_a_whole_word_is_a_wish(#[case] from: &str, #[case] text: &str, #[case] wish: Intent) {
        assert_eq!(intent(from, text), wish);
    }

    #[rstest]
    #[case::r(CHINA, "R")]
    #[case::answer_and_code(CHINA, "回T退订")]
    #[case::code_and_word(CHINA, "T退订")]
    #[case::reply_code(CHINA, "回复TD")]
    #[case::code_twice(CHINA, "TD退订")]
    #[case::copied(CHINA, "拒收请回复R")]
    #[case::messages(CHINA, "停止短信")]
    #[case::traditional(CHINA, "拒絕")]
    #[case::traditional_sentence(CHINA, "請不要再發了，謝謝")]
    #[case::taiwan("+886912345678", "停止簡訊，取消訂閱")]
    #[case::full_width_letters(CHINA, "ｔｄ。")]
    #[case::spaced(CHINA, "T D 退 订")]
    #[case::polite_chinese(CHINA, "您好，麻烦退订，谢谢！")]
    #[case::never_again(CHINA, "别再发了")]
    #[case::accent("+15145550123", "ARRÊT")]
    #[case::decomposed_accent("+15145550123", "Arre\u{302}t svp")]
    #[case::french("+33612345678", "Désabonner, merci")]
    #[case::spanish("+34612345678", "ALTO")]
    #[case::spanish_sentence("+34612345678", "No más mensajes, por favor")]
    #[case::german("+4915112345678", "Bitte abmelden. Danke!")]
    #[case::umlaut("+4915112345678", "AUFHÖREN")]
    #[case::thanks(AMERICA, "Stop. Thank you")]
    #[case::please(AMERICA, "please stop texting me")]
    #[case::thrice(AMERICA, "STOP STOP STOP!!!")]
    #[case::letters(AMERICA, "S.T.O.P")]
    #[case::emoji(AMERICA, "stop \u{1f621}")]
    #[case::wish_in_a_sentence(AMERICA, "I would like to opt-out please")]
    #[case::korean("+821012345678", "수신거부")]
    #[case::russian("+79123456789", "Стоп!")]
    #[case::russian_verb("+79123456789", "отписаться")]
    #[case::indonesian("+628121234567", "Berhenti")]
    #[case::vietnamese("+84912345678", "Từ chối")]
    #[case::thai("+66812345678", "ยกเลิก")]
    #[case::turkish("+905321234567", "iptal")]
    #[case::turkish_refusal("+905321234567", "RED")]
    #[case::arabic("+971501234567", "إلغاء")]
    #[case::hindi("+919812345678", "बंद करो")]
    #[case::slip_of_the_finger(AMERICA, "stpo")]
    #[case::zero_for_o(AMERICA, "ST0P")]
    #[case::misspelled(AMERICA, "Unsuscribe please")]
    #[case::pinyin(CHINA, "tuiding")]
    #[case::no_reminders(CHINA, "请勿提醒，谢谢")]
    fn a_refusal_is_understood_in_many_forms(#[case] from: &str, #[case] text: &str) {
        assert_eq!(intent(from, text), Intent::Stop);
    }

    #[rstest]
    #[case::not_stop(AMERICA, "I will not stop paying")]
    #[case::threat(AMERICA, "stop it or I call my lawyer")]
    #[case::question(AMERICA, "How do I unsubscribe?")]
    #[case::complaint(AMERICA, "Don't contact me at work")]
    #[case::both(AMERICA, "stop or start")]
    #[case::harassment(CHINA, "再骚扰我就投诉")]
    #[case::longer(CHINA, "我已经还清了，别再给我发短信")]
    #[case::after_payment(CHINA, "钱已还 TD")]
    #[case::never(AMERICA, "don't ever text me again")]
    #[case::no_longer(AMERICA, "I no longer wish to receive these")]
    #[case::wrong_number(AMERICA, "wrong number")]
    #[case::lose_it(AMERICA, "lose my number")]
    #[case::sign(AMERICA, "\u{1f6d1}")]
    #[case::no_need(CHINA, "不用再提醒我了")]
    #[case::no_more_of_it(CHINA, "不再接受短信")]
    #[case::somebody_else(CHINA, "你发错了，我不认识他")]
    #[case::blocked(CHINA, "拉黑你")]
    #[case::russian("+79123456789", "Больше не присылайте мне сообщения")]
    #[case::indonesian("+628121234567", "jangan sms lagi")]
    #[case::turkish("+905321234567", "mesaj göndermeyin")]
    #[case::portuguese("+5511912345678", "não quero mais receber")]
    #[case::spanish("+34612345678", "No me escriban más")]
    #[case::italian("+393471234567", "non scrivetemi più")]
    #[case::polish("+48512345678", "Nie pisz do mnie")]
    #[case::japanese("+819012345678", "やめてください")]
    #[case::korean("+821012345678", "문자 보내지 마세요")]
    #[case::german_peace("+4915112345678", "Lassen Sie mich in Ruhe")]
    #[case::german("+4915112345678", "Hören Sie auf, ich habe bezahlt")]
    #[case::french("+33612345678", "Ne plus me contacter sur ce numéro")]
    fn a_refusal_that_is_not_understood_is_for_a_person(#[case] from: &str, #[case] text: &str) {
        assert_eq!(intent(from, text), Intent::Unclear);
    }

    #[rstest]
    #[case::paid(CHINA, "已还款")]
    #[case::thanks(AMERICA, "Thank you")]
    #[case::promise(AMERICA, "I'll pay at the end of the month")]
    #[case::store(AMERICA, "which shop?")]
    #[case::letters_elsewhere(AMERICA, "TD")]
    #[case::word_within(AMERICA, "nonstopping")]
    fn what_refuses_nothing_is_other(#[case] from: &str, #[case] text: &str) {
        assert_eq!(intent(from, text), Intent::Other);
    }

    #[test]
    fn no_word_is_longer_than_is_looked_at() {
        let file: toml::Table = include_str!("reply_words.toml").parse().expect("it is TOML");
        let entries = ["words", "polite", "refusals"].into_iter().flat_map(|key| file[key].as_array().expect("a list"));
        let words = entries.flat_map(|entry| entry["words"].as_array().expect("words"));
        for word in words.map(|word| word.as_str().expect("a text")) {
            assert!((1..=LONGEST).contains(&tokens(word).len()), "{word}");
        }
        assert!(WORDS.refusals.len() > 100);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn no_answer_is_too_odd(text in "\\PC*|[\\x00-\\x7f【】退订\u{ff34}\u{ff24} ]{0,64}") {
            let _ = intent(CHINA, &text);
        }
    }
}
