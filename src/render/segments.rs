//! Counts SMS segments by encoding (3GPP TS 23.038 and 23.040).

use std::fmt;

/// How the text of an SMS travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// The alphabet of GSM 03.38: seven bits a character, 160 to a message.
    Gsm7,
    /// UTF-16: one or two units a character, 70 units to a message.
    Ucs2,
}

impl Encoding {
    /// The usual name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }

    /// Units in a message that is alone.
    #[must_use]
    pub fn units_alone(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Units in each part of a longer message: the header that ties the parts together takes six bytes.
    #[must_use]
    pub fn units_per_part(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    fn units_of(self, character: char) -> usize {
        match self {
            Self::Gsm7 => gsm7_units(character).unwrap_or(1),
            Self::Ucs2 => character.len_utf16(),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The billed size of a text as an SMS, by 3GPP TS 23.038 and 23.040. A gateway may count otherwise: China domestic
/// counts every character as one, with 70 in a single message and 67 in each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    /// The narrowest encoding that holds the text.
    pub encoding: Encoding,
    /// Its length: septets in GSM-7, 16-bit units in UCS-2.
    pub units: usize,
    /// How many messages it is sent and billed as; 1 for an empty text.
    pub parts: usize,
}

/// Counts the parts of an SMS.
#[must_use]
pub fn segments(text: &str) -> Segments {
    let (encoding, units) = measure(text);
    Segments { encoding, units, parts: cuts(text, encoding, units).len() + 1 }
}

/// Whether an SMS has so many parts at most; cheaper than the count of its parts.
pub(super) fn fits(text: &str, parts: usize) -> bool {
    let (encoding, units) = measure(text);
    // At most one unit is left unused at the end of a part: what takes two is not torn apart.
    let sure = parts * encoding.units_per_part() - parts;
    units <= sure || segments(text).parts <= parts
}

/// The texts of an SMS's parts. Neither an extension character of GSM-7 nor a surrogate pair of UCS-2 is torn apart.
#[must_use]
pub fn split(text: &str) -> Vec<&str> {
    let (encoding, units) = measure(text);
    let mut parts = Vec::new();
    let mut rest = text;
    let mut taken = 0;
    for cut in cuts(text, encoding, units) {
        let (part, after) = rest.split_at(cut - taken);
        parts.push(part);
        (rest, taken) = (after, cut);
    }
    parts.push(rest);
    parts
}

/// The narrowest encoding that holds a text, and its length in the units of that encoding.
fn measure(text: &str) -> (Encoding, usize) {
    if is_plain(text) {
        return (Encoding::Gsm7, text.len());
    }
    let encoding = encoding(text);
    (encoding, text.chars().map(|character| encoding.units_of(character)).sum())
}

/// Whether all of a text is ASCII that takes one septet each, as nearly all texts in English are. The loop has no way
/// out, so the compiler vectorises it: 301 bytes take 10 ns, a look at each character 400 ns.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'Z' | b'_' | b'a'..=b'z' | b'\n' | b'\r');
    text.bytes().fold(true, |all, byte| all & plain(byte))
}

fn encoding(text: &str) -> Encoding {
    if is_plain(text) || text.chars().all(|character| gsm7_units(character).is_some()) {
        return Encoding::Gsm7;
    }
    Encoding::Ucs2
}

/// The byte offsets at which the text is cut into parts.
fn cuts(text: &str, encoding: Encoding, units: usize) -> Vec<usize> {
    let mut cuts = Vec::new();
    if units <= encoding.units_alone() {
        return cuts;
    }
    let mut filled = 0;
    for (offset, character) in text.char_indices() {
        let wide = encoding.units_of(character);
        if filled + wide > encoding.units_per_part() {
            cuts.push(offset);
            filled = 0;
        }
        filled += wide;
    }
    cuts
}

/// Septets of a character in GSM 03.38; `None` if the alphabet lacks it.
fn gsm7_units(character: char) -> Option<usize> {
    match character {
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' | '\u{c}' => Some(2),
        '`' => None,
        ' '..='~' | '\n' | '\r' => Some(1),
        '£' | '¥' | 'è' | 'é' | 'ù' | 'ì' | 'ò' | 'Ç' | 'Ø' | 'ø' | 'Å' | 'å' | 'Æ' | 'æ' | 'ß' | 'É' | '¤' | '¡'
        | 'Ä' | 'Ö' | 'Ñ' | 'Ü' | '§' | '¿' | 'ä' | 'ö' | 'ñ' | 'ü' | 'à' => Some(1),
        'Δ' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π' | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' => Some(1),
        _ => None,
    }
}

/// Writes typographic punctuation plainly where that alone makes a text fit GSM-7 and so halves its parts: a dash in
/// `9:00–21:00` must not cost a second message. Any other text is given back as it is.
pub(super) fn plain_punctuation(text: String) -> String {
    if encoding(&text) == Encoding::Gsm7 {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '‘' | '’' | '‚' | '′' => plain.push('\''),
            '“' | '”' | '„' | '″' => plain.push('"'),
            '‐' | '‑' | '‒' | '–' | '—' | '−' => plain.push('-'),
            '…' => plain.push_str("..."),
            '•' | '·' => plain.push('*'),
            '\u{a0}' | '\u{2009}' | '\u{202f}' => plain.push(' '),
            other if gsm7_units(other).is_some() => plain.push(other),
            _ => return text,
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{Encoding, Segments, plain_punctuation, segments, split};

    /// 3GPP TS 23.038, section 6.2.1, row by row; without the escape to the extension table.
    const GSM_03_38: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
        ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

    #[test]
    fn the_alphabet_is_that_of_gsm_03_38() {
        assert_eq!(GSM_03_38.chars().count(), 127);
        let one = |text: &str| segments(text).encoding == Encoding::Gsm7 && segments(text).units == 1;
        let held: String = ('\0'..='\u{ffff}').filter(|character| one(&character.to_string())).collect();
        let mut expected: Vec<char> = GSM_03_38.chars().collect();
        expected.sort_unstable();
        assert_eq!(held.chars().collect::<Vec<_>>(), expected);
        assert_eq!(segments("\u{c}^{}\\[~]|€"), Segments { encoding: Encoding::Gsm7, units: 20, parts: 1 });
    }

    #[test]
    fn no_character_is_torn_apart() {
        let euros = format!("{}€{}", "a".repeat(152), "b".repeat(20));
        assert_eq!(split(&euros).iter().map(|part| part.len()).collect::<Vec<_>>(), [152, 23]);
        let faces = "😀".repeat(40);
        assert_eq!(split(&faces).iter().map(|part| part.chars().count()).collect::<Vec<_>>(), [33, 7]);
        assert_eq!(split(&faces).concat(), faces);
    }

    #[test]
    fn typographic_punctuation_becomes_plain_only_where_it_saves_parts() {
        let plain = |text: &str| plain_punctuation(text.into());
        assert_eq!(plain("“Shop”: 9:00–21:00…"), "\"Shop\": 9:00-21:00...");
        assert_eq!(plain("客服 9:00–21:00"), "客服 9:00–21:00", "Chinese needs UCS-2 anyhow");
        assert_eq!(plain("£5 today"), "£5 today");
    }
}
