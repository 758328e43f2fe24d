//! Text files that the config consists of or names: the config itself, templates, calendars, secrets.

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::{SourceError, TextInput, TextOptions};

/// Reads a file of UTF-8 or UTF-16, without its byte order mark.
///
/// # Errors
/// When it cannot be read, is in another encoding, or seems to be GBK that reads as UTF-8 by chance. Repeats nothing of
/// the file.
pub fn read_text_file(path: &Path) -> io::Result<String> {
    let mut input = TextInput::open(path, TextOptions::default()).map_err(refusal)?;
    let mut text = String::new();
    input.read_to_string(&mut text)?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Nobody can pass `--encoding` for such a file, so the advice is another one.
fn refusal(error: SourceError) -> io::Error {
    let text = match error {
        SourceError::Read { source, .. } => return source,
        SourceError::NotUtf8 { line } => format!("line {line} is not UTF-8 text; save the file as UTF-8"),
        SourceError::Malformed { line, encoding } => {
            format!("line {line} is not text in {encoding}; save the file as UTF-8")
        }
        SourceError::MaybeGbk => {
            "it seems to be GBK, in which some characters read as UTF-8 by chance; save the file as UTF-8".to_owned()
        }
        other => other.to_string(),
    };
    io::Error::new(ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::read_text_file;
    use encoding_rs::GBK;
    use rstest::rstest;

    fn read(bytes: &[u8]) -> Result<String, String> {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, bytes).unwrap();
        read_text_file(&file).map_err(|error| error.to_string())
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[rstest]
    #[case::utf8("您的账单\n".as_bytes().to_vec())]
    #[case::with_a_mark("\u{feff}您的账单\n".as_bytes().to_vec())]
    #[case::utf16(utf16("\u{feff}您的账单\n"))]
    fn text_is_read_without_its_mark(#[case] bytes: Vec<u8>) {
        assert_eq!(read(&bytes).unwrap(), "您的账单\n");
    }

    #[rstest]
    #[case::gbk("a\n您的账单\n", "line 2 is not UTF-8 text; save the file as UTF-8")]
    #[case::gbk_by_chance("name: 谢小\n", "it seems to be GBK")]
    fn another_encoding_is_refused_with_what_to_do(#[case] text: &str, #[case] expected: &str) {
        let told = read(&GBK.encode(text).0).unwrap_err();
        assert!(told.starts_with(expected) && !told.contains("--encoding"), "{told}");
    }

    #[test]
    fn a_file_that_is_not_there_is_told_as_the_system_tells_it() {
        assert_eq!(read_text_file("/nowhere/at/all".as_ref()).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    }
}
