//! Recognises the texts that spreadsheets and dumps of databases write in place of a value.

use super::Column;
use super::check::Cells;

/// Why a text is no longer an identifier but the spoiled form of one; reads on from the column's name. The text itself
/// is not repeated.
///
/// Two numbers of 18 digits that a spreadsheet has rounded become one text: they would be one instalment, and the real
/// ones stay open beside it. Nothing is repaired: lost digits cannot be recovered, and other damage is better fixed at
/// its origin.
pub(super) fn spoiled_identifier(text: &str) -> Option<&'static str> {
    if is_rounded(text) {
        return Some(
            "looks like a number that a spreadsheet has rounded; format the column as text, and export it again",
        );
    }
    if is_float(text) {
        return Some(
            "looks like a number with decimals, which a program has added; format the column as text, and export it \
             again",
        );
    }
    if text.contains(is_invisible) {
        return Some("has a character that nobody sees, such as a zero-width space; export it again without");
    }
    if text.starts_with(['\'', '=']) {
        return Some(
            "begins with a mark of a spreadsheet (' or =); format the column as text, and export the values alone",
        );
    }
    if is_error(text) {
        return Some("is an error of a spreadsheet; mend the formula, or export the values alone");
    }
    is_placeholder(text)
        .then_some("is a word for “nothing”; each instalment and each borrower needs a number of its own")
}

/// Takes words for “nothing” and errors of a spreadsheet out of the columns of free text, where they would be sent to
/// borrowers. Such a cell says nothing: what the ledger knew stays.
pub(super) fn without_placeholders<'a>(cells: &Cells<'a>) -> Cells<'a> {
    let mut cells = *cells;
    for column in [Column::Name, Column::OrderRef, Column::Product] {
        let cell = &mut cells[column as usize];
        if cell.is_some_and(|text| is_placeholder(text) || is_error(text)) {
            *cell = None;
        }
    }
    cells
}

/// The cells without invisible characters at their ends: a byte order mark where files were put together, or what came
/// along when a text was copied from a page.
pub(super) fn without_invisible<'a>(cells: &Cells<'a>) -> Cells<'a> {
    cells.map(|cell| cell.map(|text| text.trim_matches(is_invisible)))
}

/// Zero-width spaces and joiners, marks of direction, the soft hyphen, and the byte order mark.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// Why a text is what is left of another one after a conversion between encodings that failed; reads on from the
/// column's name.
pub(super) fn garbled(text: &str) -> Option<&'static str> {
    // Two replacement characters of UTF-8, read as GBK, are 锟斤拷.
    (text.contains('\u{fffd}') || text.contains("锟斤拷"))
        .then_some("was garbled before it came here; export it again in the encoding that it has")
}

/// `1.23457E+17`, as spreadsheets write it, and `1.23457E17`, as Java does.
fn is_rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let (sign, digits) = match exponent.strip_prefix(['+', '-']) {
        Some(digits) => (true, digits),
        None => (false, exponent),
    };
    let mantissa = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (whole, decimals) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = !whole.is_empty() && all_digits(whole) && all_digits(decimals);
    // Without a sign and a point, as in 12E5, it may be a number of the lender's own.
    is_number && !digits.is_empty() && all_digits(digits) && (sign || mantissa.len() > whole.len())
}

/// `1001.0`, `1001.000`.
fn is_float(text: &str) -> bool {
    text.split_once('.').is_some_and(|(whole, decimals)| {
        !whole.is_empty()
            && whole.bytes().all(|byte| byte.is_ascii_digit())
            && !decimals.is_empty()
            && decimals.bytes().all(|byte| byte == b'0')
    })
}

/// `#N/A`, `#REF!`, `#NAME?` and the like in any language, the ##### of a column that is too narrow, and `Err:502` of
/// LibreOffice.
fn is_error(text: &str) -> bool {
    if let Some(number) = text.strip_prefix("Err:") {
        return number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    }
    let Some(rest) = text.strip_prefix('#') else { return false };
    rest.ends_with(['!', '?'])
        || ["n/a", "nv", "n/d", "#n/a"].iter().any(|word| rest.eq_ignore_ascii_case(word))
        || (text.len() > 2 && rest.bytes().all(|byte| byte == b'#'))
}

/// Words by which programs and people say that there is nothing.
fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 15] = [
        "null",
        "(null)",
        "<null>",
        "[null]",
        "\\n",
        "none",
        "nil",
        "nan",
        "<na>",
        "n/a",
        "undefined",
        "unknown",
        "-",
        "--",
        "/",
    ];
    // The longest word has twelve bytes.
    text.len() <= 12
        && (WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
            || matches!(
                text,
                "无" | "空"
                    | "（空）"
                    | "(空)"
                    | "空白"
                    | "—"
                    | "——"
                    | "暂无"
                    | "未知"
                    | "未填"
                    | "未填写"
                    | "暂无姓名"
            ))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{is_error, is_placeholder, spoiled_identifier};

    #[rstest]
    #[case("1.23457E+17")]
    #[case("1.2E+11")]
    #[case("1E+05")]
    #[case("1,23457E+17")]
    #[case("1.2345678901234568e21")]
    #[case("9.1E-05")]
    #[case("1001.0")]
    #[case("'00123")]
    #[case("-1.5E+11")]
    #[case("1001.000")]
    #[case("Err:502")]
    #[case("[NULL]")]
    #[case("I\u{200b}1")]
    #[case("=\"00123\"")]
    #[case("=A1&B1")]
    #[case("#N/A")]
    #[case("#REF!")]
    #[case("#NAME?")]
    #[case("#DIV/0!")]
    #[case("#BEZUG!")]
    #[case("#NV")]
    #[case("########")]
    #[case("NULL")]
    #[case("None")]
    #[case("nan")]
    #[case("\\N")]
    #[case("无")]
    #[case("-")]
    fn what_a_spreadsheet_made_of_an_identifier_is_none(#[case] text: &str) {
        assert!(spoiled_identifier(text).is_some());
    }

    #[rstest]
    #[case("00123")]
    #[case("123456789012345678")]
    #[case("12E5")]
    #[case("E+17")]
    #[case("3f2504e0-4f89-11d3-9a0c-0305e82c3301")]
    #[case("1e5a-77")]
    #[case("2026.12")]
    #[case("1.2.0")]
    #[case("Err:17b")]
    #[case("#17")]
    #[case("A=1")]
    #[case("Nullarbor-1")]
    #[case("nonesuch")]
    #[case("O'Neil-1")]
    fn identifiers_of_a_lenders_own_are_taken(#[case] text: &str) {
        assert_eq!(spoiled_identifier(text), None);
    }

    #[test]
    fn names_of_people_are_no_placeholders() {
        for name in ["Null-Meier", "无名", "Nan Li", "李伟", "Nil Aydın", "O", "#1 Motors!x"] {
            assert!(!is_placeholder(name) && !is_error(name), "{name}");
        }
    }
}
