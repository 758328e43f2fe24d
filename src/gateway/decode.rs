//! Text from outside, whatever it is encoded in.

use std::borrow::Cow;

use encoding_rs::{Encoding, GB18030};

/// The bytes of an answer or a callback as text, without byte order marks and zeros around it: a program put together
/// from several files writes a mark for each of them.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let is_mark = |letter: char| matches!(letter, '\u{feff}' | '\0');
    match text_of(bytes) {
        Cow::Borrowed(text) => text.trim_matches(is_mark).into(),
        Cow::Owned(text) if text.starts_with(is_mark) || text.ends_with(is_mark) => {
            text.trim_matches(is_mark).to_owned().into()
        }
        text => text,
    }
}

/// The bytes as text. A byte order mark says what they are and is left out (RFC 8259, 8.1); else they are
/// UTF-8, or GB18030, which older gateways in China write whatever their header says. Bytes that are neither become
/// U+FFFD, so that a message nobody can read does not make the number beside it doubtful.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0;
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    GB18030.decode_without_bom_handling_and_without_replacement(bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::decode;
    use rstest::rstest;

    #[rstest]
    #[case(b"{\"code\":0}", "{\"code\":0}")]
    #[case(b"\xef\xbb\xbf{\"code\":0}", "{\"code\":0}")]
    #[case(b"\xef\xbb\xbf\xef\xbb\xbf{\"code\":0}", "{\"code\":0}")]
    #[case(b"{\"code\":0}\xef\xbb\xbf", "{\"code\":0}")]
    #[case(b"{\"code\":0}\0", "{\"code\":0}")]
    #[case(b"\xff\xfe\xff\xfe{\0}\0", "{}")]
    #[case(b"\xff\xfe{\0}\0", "{}")]
    #[case(b"\xfe\xff\0{\0}", "{}")]
    // 提交成功 in GBK; the second byte of 運 is a backslash.
    #[case(b"{\"m\":\"\xcc\xe1\xbd\xbb\xb3\xc9\xb9\xa6\"}", "{\"m\":\"提交成功\"}")]
    #[case(b"{\"m\":\"\xdf\x5c\"}", "{\"m\":\"運\"}")]
    #[case(b"{\"m\":\"\xff\xff\"}", "{\"m\":\"\u{fffd}\u{fffd}\"}")]
    fn text_is_read_whatever_it_is_written_in(#[case] bytes: &[u8], #[case] text: &str) {
        assert_eq!(decode(bytes), text);
    }
}
