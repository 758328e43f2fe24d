//! Property tests of the import.

use dueherald::source::{Format, RejectsWriter, Rows};
use proptest::prelude::*;

use super::{HEADER, SOUND, merchants, read};

/// Bytes that look like an import here and there.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => Just(SOUND.as_bytes().to_vec()),
        2 => Just(b"\n".to_vec()),
        2 => Just(b",".to_vec()),
        2 => Just(b"\"".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(br#"{"merchant":"mall","borrower_id":"b""#.to_vec()),
        1 => Just(br#","amount":"1","currency":"CNY"}"#.to_vec()),
        2 => proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// The same as text: bytes that are none stop an import.
fn likely_text() -> impl Strategy<Value = Vec<u8>> {
    likely().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned().into_bytes())
}

fn lines_with_text(input: &[u8], separators: &[char]) -> usize {
    let text = str::from_utf8(input).expect("text").trim_end_matches('\u{1a}');
    let says_nothing = |letter: char| letter.is_whitespace() || separators.contains(&letter);
    text.split('\n').filter(|line| !line.chars().all(says_nothing)).count()
}

proptest! {
    #[test]
    fn any_input_is_read_to_its_end_or_refused(input in likely()) {
        for format in [None, Some(Format::Csv), Some(Format::JsonLines)] {
            let _ = read(&input, format);
        }
    }

    #[test]
    fn every_line_of_json_is_counted_once(input in likely_text()) {
        if let Ok(records) = read(&input, Some(Format::JsonLines)) {
            let text = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&input);
            prop_assert_eq!(records.len(), lines_with_text(text, &[]));
            prop_assert!(records.is_sorted_by(|a, b| a.line < b.line));
        }
    }

    #[test]
    fn every_record_of_csv_is_counted_once(input in likely_text()) {
        let unquoted: Vec<u8> = input.into_iter().filter(|byte| *byte != b'"').collect();
        let whole = [HEADER.as_bytes(), b"\n", &unquoted].concat();
        let records = read(&whole, Some(Format::Csv)).unwrap();
        prop_assert_eq!(records.len(), lines_with_text(&unquoted, &[',']));
        prop_assert!(records.is_sorted_by(|a, b| a.line < b.line));
    }

    #[test]
    fn quotes_lose_no_record(input in likely_text()) {
        let whole = [HEADER.as_bytes(), b"\n", &input, b"\n", SOUND.replace(",i1,", ",the \
            last,").as_bytes(), b"\n"].concat();
        let records = read(&whole, Some(Format::Csv)).unwrap();
        prop_assert!(records.is_sorted_by(|a, b| a.line < b.line));
        let last = records.last().and_then(|record| record.read.as_ref().ok());
        let quotes = input.iter().filter(|byte| **byte == b'"').count();
        // With an open quote before it the last record may be a part of the one before.
        prop_assert!(last.is_some_and(|row| row.installment.as_str() == "the last") || quotes > 0);
    }

    #[test]
    fn a_rejects_file_is_refused_for_the_same_reasons(input in likely_text(), json: bool) {
        let format = if json { Format::JsonLines } else { Format::Csv };
        let whole = if json { input } else { [HEADER.as_bytes(), b"\n", &input].concat() };
        let Ok(rows) = Rows::open(whole.as_slice(), Some(format), &merchants()) else { return Ok(()) };
        let layout = rows.rejects_layout();
        let mut file = Vec::new();
        let mut writer = RejectsWriter::new(&mut file, &layout).unwrap();
        let mut refused = 0;
        for record in rows {
            if let Err(rejected) = record.unwrap().read {
                writer.write(&rejected).unwrap();
                refused += 1;
            }
        }
        writer.finish().unwrap();
        drop(writer);
        let again = Rows::open(file.as_slice(), Some(format), &merchants()).unwrap();
        prop_assert_eq!(again.count(), refused, "one record for each that was refused");
    }
}
