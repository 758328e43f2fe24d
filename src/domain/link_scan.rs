//! Finds links in a text: the parts that a phone or a mail program would make into a link.

use std::ops::Range;

use super::human_text::{is_abbreviation, skeleton};

/// Ends of domains that people meet, beside the two letters of a country. Not every one of IANA's 1,400: a word such as
/// `St.John` must stay a name, and what has a path behind it counts whatever its end is.
const ENDS: [&str; 128] = [
    "academy",
    "agency",
    "app",
    "art",
    "asia",
    "bank",
    "beauty",
    "best",
    "bet",
    "bid",
    "bio",
    "biz",
    "blog",
    "bond",
    "business",
    "buzz",
    "cam",
    "capital",
    "cards",
    "care",
    "cash",
    "casino",
    "center",
    "cfd",
    "chat",
    "city",
    "click",
    "cloud",
    "club",
    "codes",
    "com",
    "company",
    "cool",
    "credit",
    "cyou",
    "date",
    "deals",
    "delivery",
    "dev",
    "digital",
    "direct",
    "edu",
    "email",
    "events",
    "exchange",
    "express",
    "fashion",
    "finance",
    "fit",
    "fun",
    "fund",
    "fyi",
    "games",
    "gdn",
    "gift",
    "gifts",
    "global",
    "gold",
    "gov",
    "group",
    "guru",
    "hair",
    "health",
    "help",
    "homes",
    "host",
    "icu",
    "info",
    "ink",
    "int",
    "international",
    "investments",
    "kim",
    "law",
    "lease",
    "life",
    "link",
    "live",
    "loan",
    "loans",
    "lol",
    "love",
    "ltd",
    "market",
    "marketing",
    "media",
    "men",
    "mil",
    "mobi",
    "mom",
    "money",
    "monster",
    "name",
    "net",
    "network",
    "news",
    "ninja",
    "one",
    "online",
    "org",
    "page",
    "partners",
    "party",
    "pay",
    "plus",
    "press",
    "pro",
    "pub",
    "quest",
    "red",
    "ren",
    "rest",
    "review",
    "rocks",
    "run",
    "sale",
    "sbs",
    "services",
    "shop",
    "site",
    "skin",
    "social",
    "store",
    "support",
    "tech",
    "top",
    "vip",
    "xyz",
];

/// More of them.
const MORE_ENDS: [&str; 22] = [
    "solutions",
    "space",
    "stream",
    "systems",
    "team",
    "tel",
    "tips",
    "today",
    "tools",
    "trade",
    "travel",
    "video",
    "wang",
    "website",
    "wiki",
    "win",
    "work",
    "works",
    "world",
    "yachts",
    "zip",
    "zone",
];

/// Ends in Chinese that are sold.
const CHINESE_ENDS: [&str; 18] = [
    "中国", "中國", "公司", "网络", "網絡", "网址", "網址", "网站", "在线", "商城", "商店", "商标", "集团", "信息",
    "手机", "移动", "政务", "香港",
];

/// The places in `text`, in order and apart from each other, that lead somewhere.
pub(super) fn links(text: &str) -> Vec<Range<usize>> {
    if !text.contains(['.', '@', ':', '。', '．', '｡', '․', '﹒', '＠', '﹫', '：']) && text.is_ascii() {
        return Vec::new();
    }
    let letters = skeleton(text);
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let before = found.last().map_or(0, |last| last.end);
        let link = match letters[at].0 {
            ':' => scheme(&letters, at, before),
            '@' => mailbox(&letters, at, before),
            '.' => host(text, &letters, at, before),
            _ => None,
        };
        match link {
            Some(link) => {
                at = link.end;
                found.push(link);
            }
            None => at += 1,
        }
    }
    let offset = |index: usize| letters.get(index).map_or(text.len(), |(_, offset)| *offset);
    found.into_iter().map(|link| offset(link.start)..offset(link.end)).collect()
}

/// A character that an address is made of: no blank, no bracket, and none of a script that is written without blanks.
fn is_address(letter: char) -> bool {
    letter.is_ascii_graphic()
        && !matches!(letter, '<' | '>' | '"' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | ',' | ';')
}

fn is_label(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '-' || letter == '_'
}

/// How far characters that satisfy `takes` reach to the left of `from`, not before `least`.
fn left_of(letters: &[(char, usize)], from: usize, least: usize, takes: impl Fn(char) -> bool) -> usize {
    from - letters[least..from].iter().rev().take_while(|(letter, _)| takes(*letter)).count()
}

/// How far they reach to the right.
fn right_of(letters: &[(char, usize)], from: usize, takes: impl Fn(char) -> bool) -> usize {
    from + letters[from..].iter().take_while(|(letter, _)| takes(*letter)).count()
}

/// `scheme://…`
fn scheme(letters: &[(char, usize)], at: usize, least: usize) -> Option<Range<usize>> {
    let is_slashed = letters.get(at + 1)?.0 == '/' && letters.get(at + 2)?.0 == '/';
    let start = left_of(letters, at, least, |letter| letter.is_ascii_alphanumeric());
    is_slashed.then(|| start..right_of(letters, at, is_address))
}

/// `local@domain`, or what is left of one.
fn mailbox(letters: &[(char, usize)], at: usize, least: usize) -> Option<Range<usize>> {
    let start = left_of(letters, at, least, is_address);
    let end = right_of(letters, at, |letter| is_address(letter) || is_label(letter));
    (end > at + 1).then_some(start..end)
}

/// A domain or a number of a machine, by one of its dots, with the port and path behind.
fn host(text: &str, letters: &[(char, usize)], at: usize, least: usize) -> Option<Range<usize>> {
    let is_latin = letters.get(at + 1)?.0.is_ascii();
    let of_script = |letter: char| is_label(letter) && letter.is_ascii() == is_latin;
    let end = right_of(letters, at + 1, of_script);
    let last: String = letters[at + 1..end].iter().map(|(letter, _)| *letter).collect();
    // The word before the dot may be of another script: `evil.中国`.
    let is_latin_before = letters[..at].last()?.0.is_ascii();
    let before = left_of(letters, at, least, |letter| is_label(letter) && letter.is_ascii() == is_latin_before);
    if before == at || last.is_empty() {
        return None;
    }
    // No domain is longer than 253 characters, so a text of dots alone costs no more than that for each.
    let start = left_of(letters, before, least.max(before.saturating_sub(253)), |letter| {
        letter == '.' || (is_label(letter) && letter.is_ascii() == is_latin_before)
    });
    let has_more = letters.get(end).is_some_and(|(next, _)| *next == '.')
        && letters.get(end + 1).is_some_and(|(next, _)| is_label(*next));
    let has_path = letters.get(end).is_some_and(|(next, _)| matches!(next, '/' | '?' | '#'))
        || (letters.get(end).is_some_and(|(next, _)| *next == ':')
            && letters.get(end + 1).is_some_and(|(next, _)| next.is_ascii_digit()));
    let host: String = letters[start..end].iter().map(|(letter, _)| *letter).collect();
    let is_word = last.len() > 1 && last.chars().all(char::is_alphabetic);
    let word = &text[letters[before].1..letters[at].1];
    let next = text[letters[at].1..].chars().nth(1);
    let is_name = is_abbreviation(word) && next.is_some_and(char::is_uppercase) && !has_path;
    let leads = !has_more
        && !is_name
        && (is_number(&host) || host.starts_with("www.") || is_end(&last) || (is_latin && is_word && has_path));
    leads.then(|| start..if has_path { right_of(letters, end, is_address) } else { end })
}

fn is_end(word: &str) -> bool {
    let is_country =
        || word.len() == 2 && (word.to_ascii_uppercase().parse::<phonenumber::country::Id>().is_ok() || word == "eu");
    word.starts_with("xn--")
        || ENDS.contains(&word)
        || MORE_ENDS.contains(&word)
        || CHINESE_ENDS.contains(&word)
        || is_country()
}

/// Four numbers of one byte each.
fn is_number(host: &str) -> bool {
    let parts: Vec<_> = host.split('.').collect();
    parts.len() == 4 && parts.iter().all(|part| part.parse::<u8>().is_ok())
}

/// The text without encoded words (RFC 2047), which a mail program would read as another text. A space takes the place
/// of each.
pub(super) fn without_encoded_words(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find("=?") {
        let word = &rest[begin + 2..];
        let inner = word.find('?').filter(|charset| word[..*charset].bytes().all(|byte| byte.is_ascii_graphic()));
        let body = inner.and_then(|charset| Some((charset, word.get(charset + 1..charset + 3)?)));
        let end =
            body.filter(|(_, encoding)| matches!(*encoding, "B?" | "b?" | "Q?" | "q?")).and_then(|(charset, _)| {
                let begins = charset + 3;
                Some(begins + word[begins..].find("?=")? + 2)
            });
        let Some(end) = end else { break };
        kept.push_str(&rest[..begin]);
        kept.push(' ');
        rest = &word[end..];
    }
    kept.push_str(rest);
    kept
}
