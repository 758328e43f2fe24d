//! Inputs that an import refuses, and the reasons it gives.

use dueherald::domain::{Borrower, FieldUpdate, Hold, Installment, InstallmentStatus, merge};
use dueherald::source::{Format, SourceError};
use rstest::rstest;

use super::{HEADER, SOUND, read, read_csv, read_json, refused, row, taken};

/// The message about each invalid cell that decides about the debt. The records before and after it are imported all
/// the same.
#[rstest]
#[case::no_merchant("merchant", "", "merchant is empty")]
#[case::unknown_merchant("merchant", "bazaar", "merchant is unknown; configured: mall, shop")]
#[case::no_borrower("borrower_id", " ", "borrower_id is empty")]
#[case::rounded_number(
    "installment_id",
    "1.23457E+17",
    "installment_id looks like a number that a spreadsheet has rounded; format the column as text, and export it again"
)]
#[case::error_of_a_spreadsheet(
    "borrower_id",
    "#REF!",
    "borrower_id is an error of a spreadsheet; mend the formula, or export the values alone"
)]
#[case::no_installment("installment_id", "", "installment_id is empty")]
#[case::control_character(
    "installment_id",
    "i\u{7}1",
    "installment_id contains a control character or begins or ends with white space"
)]
#[case::no_amount("amount", "", "amount is empty")]
#[case::nan("amount", "NaN", "amount is not a plain decimal number such as 1280.50")]
#[case::exponent("amount", "1e3", "amount is not a plain decimal number such as 1280.50")]
#[case::grouping("amount", "\"1,280.50\"", "amount is not a plain decimal number such as 1280.50")]
#[case::sign("amount", "￥5", "amount is not a plain decimal number such as 1280.50")]
#[case::negative("amount", "-1", "amount is negative")]
#[case::too_fine("amount", "1.005", "amount has more than 2 decimals, which is all that CNY has")]
#[case::too_large("amount", "100000000000000", "amount is larger than 14 digits before the point")]
#[case::overflow(
    "amount",
    "99999999999999999999999999999999999999999",
    "amount is larger than 14 digits before the point"
)]
#[case::paid_negative("paid_amount", "-0.01", "paid_amount is negative")]
#[case::paid_nan("paid_amount", "none", "paid_amount is not a plain decimal number such as 1280.50")]
#[case::no_currency("currency", "", "currency is empty")]
#[case::unknown_currency("currency", "RMB", "currency is not a currency code of ISO 4217 such as CNY")]
#[case::no_date("due_date", "", "due_date is empty")]
#[case::no_such_day("due_date", "2026-02-30", "due_date is not a day of the calendar between 1970 and 2199")]
#[case::no_such_month("due_date", "2026-13-01", "due_date is not a day of the calendar between 1970 and 2199")]
#[case::slip_in_year("due_date", "0226-03-31", "due_date is not a day of the calendar between 1970 and 2199")]
#[case::slashes("due_date", "2026/03/31", "due_date is not a date in the form 2026-03-31")]
#[case::american("due_date", "03-31-2026", "due_date is not a date in the form 2026-03-31")]
#[case::short_date("due_date", "2026-3-31", "due_date is not a date in the form 2026-03-31")]
#[case::with_time("due_date", "2026-03-31T00:00:00", "due_date is not a date in the form 2026-03-31")]
#[case::serial_number("due_date", "46112", "due_date is not a date in the form 2026-03-31")]
#[case::status("status", "overdue", "status is not one of open, paid, cancelled, written_off, disputed")]
fn a_bad_cell_is_told_by_column_and_does_not_stop_the_rest(
    #[case] column: &str,
    #[case] cell: &str,
    #[case] reason: &str,
) {
    let after = row(&[("installment_id", "i3")]);
    let records =
        read_csv(format!("{HEADER}\n{SOUND}\n{}\n{after}\n", row(&[(column, cell), ("installment_id", "i2")])));
    assert_eq!(refused(&records), [format!("3: {reason}")]);
    assert_eq!(taken(&records), [2, 4]);
}

/// The message about each other invalid cell: the row is imported without the cell.
#[rstest]
#[case::nul("product", "a\0b", "product contains a NUL character")]
#[case::phone(
    "phone",
    "1380013800",
    "phone is not a valid phone number in CN; one of another country begins with + and the country's code"
)]
#[case::phone_text(
    "phone",
    "ask Li Wei",
    "phone is not a valid phone number in CN; one of another country begins with + and the country's code"
)]
#[case::account_phone(
    "account_phone",
    "95588",
    "account_phone is not a valid phone number in CN; one of another country begins with + and the country's code"
)]
#[case::email("email", "li.wei", "email is not an e-mail address such as li.wei@example.com")]
#[case::email_without_dot("email", "li@wei", "email is not an e-mail address such as li.wei@example.com")]
#[case::two_emails("email", "a@b.cn;c@d.cn", "email is not an e-mail address such as li.wei@example.com")]
#[case::locale("locale", "Chinese (PRC)", "locale is not a language tag such as zh-CN or en")]
#[case::time_zone(
    "time_zone",
    "UTC+8",
    "time_zone is a distance from UTC (+8), not a time zone of the IANA data; write a place, such as Asia/Shanghai"
)]
#[case::sequence("sequence", "13", "sequence is greater than of: the third of twelve is sequence 3, of 12")]
#[case::sequence_zero("sequence", "0", "sequence is not a whole number from 1 to 9999")]
#[case::sequence_sign("sequence", "+3", "sequence is not a whole number from 1 to 9999")]
#[case::of("of", "twelve", "of is not a whole number from 1 to 9999")]
#[case::name(
    "name",
    "\u{1}",
    "name holds nothing but a web or e-mail address or characters that nobody sees; leave it out"
)]
fn a_bad_optional_cell_loses_the_cell_and_not_the_row(#[case] column: &str, #[case] cell: &str, #[case] reason: &str) {
    let changes = [(column, cell), ("status", "PAID"), ("amount", "99.00")];
    let records = read_csv(format!("{HEADER}\n{}\n", row(&changes)));
    assert_eq!((refused(&records), taken(&records)), (vec![], vec![2]));
    let left_out = records[0].left_out.as_ref().expect("it is reported");
    assert_eq!((left_out.line, left_out.reason()), (2, reason.to_owned()));
    let row = records[0].read.as_ref().expect("it is taken");
    assert_eq!(row.status, FieldUpdate::Set(Some(InstallmentStatus::Paid)), "the payment counts");
    assert_eq!(row.amount.amount().to_string(), "99.00");
    let kept = Installment { sequence: Some(7), of: Some(8), ..known() };
    let before = Borrower { locale: Some("en".parse().expect("a locale")), ..someone() };
    let (borrower, merged) = merge(row.clone(), Some(before.clone()), Some(kept.clone()), None);
    let same = match column {
        "product" => merged.product == kept.product,
        "sequence" | "of" => (merged.sequence == kept.sequence) || (merged.of == kept.of),
        "phone" => borrower.phone == before.phone,
        "account_phone" => borrower.account_phone == before.account_phone,
        "email" => borrower.email == before.email,
        "locale" => borrower.locale == before.locale,
        "time_zone" => borrower.time_zone == before.time_zone,
        _ => borrower.name == before.name,
    };
    assert!(same, "what was known of {column} stays");
}

/// A hold of which a part cannot be read is a hold all the same; one that may be meant to end is not ended.
#[rstest]
#[case::no_end("dispute,soon", Some(("dispute", None)))]
#[case::no_reason("a\u{7}b,2026-04-30", Some(("the reason in the lender's books cannot be read", None)))]
#[case::end_without_a_hold(",2026-04-30", None)]
#[case::bad_end_without_a_hold(",soon", None)]
fn a_hold_that_is_half_readable_still_holds(#[case] cells: &str, #[case] expected: Option<(&str, Option<&str>)>) {
    let records = read_csv(format!("{HEADER},hold,hold_until\n{SOUND},{cells}\n"));
    let row = records[0].read.as_ref().expect("it is taken");
    assert!(records[0].left_out.is_some());
    let held = expected.map(|(reason, _)| FieldUpdate::Set(Some(Hold { reason: reason.to_owned(), until: None })));
    assert_eq!(row.preferences.hold, held.unwrap_or(FieldUpdate::Keep), "without a hold, what is known stays");
}

fn known() -> Installment {
    let (borrower, row) = (someone(), read_csv(format!("{HEADER}\n{SOUND}\n")));
    let row = row[0].read.as_ref().expect("it is sound").clone();
    merge(row, Some(borrower), None, None).1
}

/// The borrower of [`SOUND`].
fn someone() -> Borrower {
    let rows = read_csv(format!("{HEADER}\n{SOUND}\n"));
    merge(rows[0].read.as_ref().expect("it is sound").clone(), None, None, None).0
}

#[test]
fn a_refusal_repeats_nothing_that_may_be_personal() {
    for (column, cell) in [
        ("name", "秘密 =?utf-8?B?eA"),
        ("phone", "555-secret"),
        ("account_phone", "555-secret"),
        ("email", "secret at home"),
        ("amount", "12secret"),
        ("paid_amount", "12secret"),
        ("locale", "sécret"),
        ("time_zone", "secret"),
        ("status", "secret"),
    ] {
        let records = read_csv(format!("{HEADER}\n{}\n", row(&[(column, cell)])));
        let left_out = records[0].left_out.as_ref().map(|left_out| left_out.reason());
        let told = format!("{:?} {left_out:?} {:?}", refused(&records), records);
        assert_eq!(refused(&records).len() + usize::from(left_out.is_some()), 1, "{column}");
        assert!(!told.contains("secret") && !told.contains("秘密"), "{column} is repeated in {told}");
    }
}

#[test]
fn every_fault_of_a_record_is_told_at_once() {
    let bad =
        row(&[("merchant", "bazaar"), ("phone", "x"), ("currency", "RMB"), ("amount", "-1"), ("due_date", "soon")]);
    assert_eq!(
        refused(&read_csv(format!("{HEADER}\n{bad}\n"))),
        ["2: merchant is unknown; configured: mall, shop; currency is not a currency code of ISO 4217 such as CNY; \
          due_date is not a date in the form 2026-03-31"],
        "what depends on the merchant or the currency is not told beside them"
    );
}

#[test]
fn a_record_that_is_out_of_form_is_told_by_its_line() {
    let long = "x".repeat(65 * 1024);
    let huge = "y".repeat(3 << 20);
    let lines = [
        "mall,b1,i1".to_owned(),
        format!("{SOUND},more"),
        row(&[("product", "\"5\" pipe\"")]),
        row(&[("product", " \"pipe\"")]),
        row(&[("product", "\"pipe")]),
        row(&[("product", &long)]),
        row(&[("product", &huge)]),
        row(&[("installment_id", "i9")]),
    ];
    let records = read_csv(format!("{HEADER}\n{}\n", lines.join("\n")));
    assert_eq!(
        refused(&records),
        [
            "2: the record has 3 fields, the header has 19; a text with a line break in it belongs in double quotes",
            "3: the record has 20 fields, the header has 19; a text with a comma in it belongs in double quotes",
            "4: the record has text after a closing quote; write a quote within a quoted text as two quotes",
            "5: the record has white space before an opening quote; begin the field with the quote",
            "6: a text in double quotes that begins on this line does not end as it must; close it, or write the \
             quote as two",
            "8: the record is longer than 1 MiB; it was skipped to the end of its line",
        ]
    );
    assert_eq!(taken(&records), [7, 9]);
    assert_eq!(records[5].left_out.as_ref().expect("told").reason(), "product is longer than 64 KiB");
}

/// The last record has a quote that would close, in one way or another, the one that the first left open.
#[rstest]
#[case::a_quoted_field("\"pipe, 5 m\"")]
#[case::a_quote_at_the_end_of_a_field("pipe 5\"")]
fn lines_that_a_stray_quote_swallowed_are_read_again(#[case] closing: &str) {
    let lines: Vec<_> = (0..500).map(|number| row(&[("installment_id", &format!("i{number}"))])).collect();
    let open = row(&[("installment_id", "a"), ("product", "\"pipe")]);
    let last = row(&[("installment_id", "b"), ("product", closing)]);
    let records = read_csv(format!("{HEADER}\n{open}\n{}\n{last}\n", lines.join("\n")));
    assert_eq!(refused(&records).len(), 1);
    assert_eq!(taken(&records), (3..=503).collect::<Vec<_>>());
}

#[test]
fn a_line_that_is_no_text_puts_the_rest_in_doubt() {
    let mut input = format!("{HEADER},note\n{SOUND},fine\n").into_bytes();
    // 李 in GBK.
    input.extend([row(&[("installment_id", "i2"), ("name", "")]).as_bytes(), b",\xc0\xee\n"].concat());
    input.extend(format!("{},\n", row(&[("installment_id", "i3")])).as_bytes());
    match read(&input, Some(Format::Csv)) {
        Err(SourceError::NotUtf8 { line: 3 }) => {}
        other => panic!("{other:?}"),
    }
    let nul = format!("{HEADER},note\n{SOUND},\0\n");
    assert_eq!(refused(&read_csv(nul)), ["2: field 20 contains a NUL character"]);
}

#[test]
fn the_same_instalment_may_come_again() {
    let unsound = row(&[("amount", "-1")]);
    let again = row(&[("amount", "1.00")]);
    let records = read_csv(format!("{HEADER}\n{SOUND}\n{unsound}\n{again}\n"));
    assert_eq!(taken(&records), [2, 4]);
}

#[test]
fn what_is_kept_of_a_refused_record_names_its_instalment_if_that_can_be_read() {
    let records = [
        row(&[("status", "settled")]),
        row(&[("merchant", "bazaar")]),
        row(&[("installment_id", "")]),
        format!("{SOUND},more"),
    ];
    let records = read_csv(format!("{HEADER}\n{}\n", records.join("\n")));
    let keys: Vec<_> = records
        .iter()
        .map(|record| record.read.as_ref().expect_err("refused"))
        .map(|rejected| {
            let key = rejected.record.as_ref().and_then(|record| record.key());
            assert_eq!(rejected.holds(), key.is_some());
            key.map(|(merchant, id)| format!("{merchant}/{id}"))
        })
        .collect();
    assert_eq!(keys, [Some("mall/i1".to_owned()), Some("bazaar/i1".to_owned()), None, None]);
}

/// One line of JSON each, and what is told of it.
#[rstest]
#[case::bare_amount(
    r#""amount":128.50"#,
    "amount is a bare number, which loses its form on the way; put it in quotes: \"128.50\""
)]
#[case::bare_paid_amount(
    r#""amount":"1","paid_amount":0"#,
    "paid_amount is a bare number, which loses its form on the way; put it in quotes: \"128.50\""
)]
#[case::bare_phone(r#""amount":"1","phone":13800138000"#, "phone is a bare number; put it in quotes")]
#[case::truth(r#""amount":"1","status":true"#, "status is true or false; put a text in quotes")]
#[case::nested(r#""amount":"1","name":{"first":"Wei"}"#, "name is an array or an object; put a text in quotes")]
#[case::missing(r#""name":"Wei""#, "amount is missing")]
#[case::null(r#""amount":null"#, "amount is empty")]
#[case::twice(r#""amount":"1","amount":"2""#, "amount occurs twice in the object")]
#[case::nul(r#""amount":"1","product":"a\u0000b""#, "product contains a NUL character")]
fn a_bad_value_in_json_is_told_by_column(#[case] pairs: &str, #[case] reason: &str) {
    let rest = r#""merchant":"mall","borrower_id":"b1","installment_id":"i1","currency":"CNY","due_date":"2026-03-31""#;
    let records = read_json(format!("{{{rest},{pairs}}}\n"));
    let left_out = records[0].left_out.as_ref().map(|left_out| format!("1: {}", left_out.reason()));
    assert_eq!(left_out.into_iter().chain(refused(&records)).collect::<Vec<_>>(), [format!("1: {reason}")]);
}

#[rstest]
#[case::cut(r#"{"merchant":"mall""#, "the line ends before its JSON object does; write one object per line")]
#[case::text("mall,b1,i1", "the line is not valid JSON from character 1 on")]
#[case::two(r#"{"a":"1"} {"b":"2"}"#, "the line is not valid JSON from character 11 on")]
#[case::array(r#"["mall","b1"]"#, "the line is JSON, but not an object of columns, {\"merchant\":…}")]
#[case::deep(&"[".repeat(5000), "the line is JSON, but not an object of columns, {\"merchant\":…}")]
#[case::huge_number(r#"{"amount":1e999}"#, "the line is not valid JSON from character 15 on")]
fn a_line_that_is_no_object_is_told(#[case] line: &str, #[case] reason: &str) {
    let records = read_json(format!("{{}}\n{line}\n"));
    assert_eq!(refused(&records)[1..], [format!("2: {reason}")]);
}

#[rstest]
#[case::empty("", "it is empty; a CSV file needs a header line, even without records")]
#[case::blank("\n \n", "it is empty; a CSV file needs a header line, even without records")]
#[case::no_header(
    "mall,b1,李伟,13800138000\n",
    "its first line names no column; it must be a header line such as \
     merchant,borrower_id,installment_id,amount,currency,due_date"
)]
#[case::missing_one(
    "merchant,borrower_id,installment_id,amount,currency\n",
    "its header line lacks the column due_date"
)]
#[case::missing_with_slips(
    "merchant,BorrowerID,instalment_id,amount,13800138000,due_date\n",
    "its header line lacks the columns borrower_id, installment_id, currency; is “BorrowerID” meant for borrower_id?; \
     is “instalment_id” meant for installment_id?"
)]
#[case::twice("merchant,amount,Amount\n", "its header line has the column amount twice; keep one")]
#[case::old_mac(
    "merchant,amount\rmall,1\r",
    "it has line ends of CR alone; save it with line ends of LF or CRLF: tr '\\r' '\\n'"
)]
#[case::json_as_csv("{\"merchant\":\"mall\"}\n", "it is JSON, not CSV; pass --format jsonl")]
fn a_csv_that_cannot_be_imported_at_all_says_what_to_do(#[case] input: &str, #[case] told: &str) {
    let error = read(input.as_bytes(), Some(Format::Csv)).unwrap_err();
    assert_eq!(error.to_string(), told);
}

#[rstest]
#[case::utf16_with_mark(b"\xff\xfem\0e\0", "is UTF-16 text")]
#[case::utf16_big_endian(b"\xfe\xff\0m\0e", "is UTF-16 text")]
#[case::utf16_without_mark(b"m\0e\0r\0", "is UTF-16 text")]
#[case::workbook(b"PK\x03\x04....", "is an Excel workbook or a zip file")]
#[case::old_workbook(b"\xd0\xcf\x11\xe0\xa1", "is an old Excel workbook")]
#[case::gzip(b"\x1f\x8b\x08", "is compressed")]
#[case::gbk_header(b"merchant,\xc0\xee\n", "is not UTF-8 text")]
#[case::array(b"[{\"merchant\":\"mall\"}]", "is one JSON array")]
#[case::pretty(b"{\n  \"merchant\": \"mall\"\n}\n", "has JSON objects over several lines")]
fn another_kind_of_file_is_recognised(#[case] input: &[u8], #[case] is: &str) {
    match read(input, None) {
        Err(SourceError::Foreign { what, advice }) => {
            assert_eq!(what, is);
            assert!(!advice.is_empty());
        }
        other => panic!("{other:?}"),
    }
}
