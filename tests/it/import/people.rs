//! Files as people make them: by spreadsheets, on old systems, cut off on the way.

use std::fs;

use dueherald::domain::{FieldUpdate, LedgerRow};
use rstest::rstest;

use super::command::{command, write};
use super::{HEADER, ImportBatch, SOUND, read_csv, refused, row, taken};

const SHORT_HEADER: &str = "merchant,borrower_id,phone,installment_id,currency,amount,due_date,status,name";

fn as_gbk(text: &str) -> Vec<u8> {
    // The three of 姚小毛 read as UTF-8; 王 does not.
    let mut bytes = Vec::new();
    for letter in text.chars() {
        match letter {
            '姚' => bytes.extend(b"\xd2\xa6"),
            '小' => bytes.extend(b"\xd0\xa1"),
            '毛' => bytes.extend(b"\xc3\xab"),
            '王' => bytes.extend(b"\xcd\xf5"),
            other => bytes.extend(other.to_string().as_bytes()),
        }
    }
    bytes
}

fn names(books: &ImportBatch) -> Vec<String> {
    let name = |row: &LedgerRow| match &row.name {
        FieldUpdate::Set(Some(name)) => name.as_str().to_owned(),
        _ => String::new(),
    };
    books.rows.lock().expect("one at a time").values().map(name).collect()
}

/// Imports `file`, and gives the exit code, the output, and the names in the ledger.
async fn import(file: &[u8], arguments: &[&str]) -> (u8, String, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "due.csv", file);
    let books = ImportBatch::default();
    let arguments = [&[path.to_str().expect("a path")], arguments].concat();
    let (ended, out) = command(&books, &arguments).await;
    let (code, told) = match ended {
        Ok(ended) => (ended.exit_code(), out),
        Err(failure) => (failure.exit_code(), failure.to_string()),
    };
    (code, told, names(&books))
}

#[rstest]
#[case::some_names_read_as_utf8("王小毛", "line 3 is not UTF-8 text")]
#[case::all_names_read_as_utf8("姚小毛", "it seems to be GBK")]
#[tokio::test]
async fn a_gbk_file_is_refused_as_a_whole_or_read_as_what_it_is(#[case] other: &str, #[case] refusal: &str) {
    let text = format!(
        "{SHORT_HEADER}\nmall,b1,,i1,CNY,1,2026-12-01,open,姚小毛\nmall,b2,,i2,CNY,1,2026-12-01,open,{other}\n"
    );
    let file = as_gbk(&text);
    let (code, told, names) = import(&file, &[]).await;
    assert!(code == 1 && told.contains(refusal) && names.is_empty(), "{code} {told} {names:?}");
    let (code, told, names) = import(&file, &["--encoding", "gb18030"]).await;
    assert!(code == 0 && told.starts_with("read as gb18030\n"), "{code} {told}");
    assert_eq!(names, ["姚小毛", other]);
}

#[tokio::test]
async fn utf16_with_tabs_is_what_excel_calls_unicode_text() {
    let text = format!("\u{feff}{}\r\n", SHORT_HEADER.replace(',', "\t"))
        + "mall\tb1\t\ti1\tCNY\t1\t2026-12-01\topen\t李伟\r\n";
    let file: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(import(&file, &[]).await.2, ["李伟"]);
}

#[rstest]
#[case::semicolons(
    "\"merchant\";\"borrower_id\";\"installment_id\";\"currency\";\"amount\";\"due_date\";\"name\"\r\n\"mall\";\"b1\";\"i1\";\"CNY\";\"1.50\";\"2026-12-01\";\"Li; Wei\"\r\n"
)]
#[case::separator_line(
    "\u{feff}sep=;\r\nmerchant;borrower_id;installment_id;currency;amount;due_date;name\r\nmall;b1;i1;CNY;1.50;2026-12-01;\"Li; Wei\"\r\n"
)]
#[case::tabs(
    "merchant\tborrower_id\tinstallment_id\tcurrency\tamount\tdue_date\tname\nmall\tb1\ti1\tCNY\t1.50\t2026-12-01\tLi; Wei\n"
)]
#[tokio::test]
async fn the_separator_is_that_of_the_header(#[case] file: &str) {
    assert_eq!(import(file.as_bytes(), &[]).await.2, ["Li; Wei"]);
}

#[tokio::test]
async fn a_decimal_comma_of_such_a_file_is_no_amount() {
    let file = "merchant;borrower_id;installment_id;currency;amount;due_date\nmall;b1;i1;CNY;1,50;2026-12-01\n";
    let (code, told, _) = import(file.as_bytes(), &[]).await;
    assert!(code == 3 && told.contains("line 2: amount is not a plain decimal number"), "{told}");
}

#[tokio::test]
async fn rows_without_content_and_the_end_mark_of_dos_are_no_rows() {
    let nothing = ",".repeat(18);
    let file = format!("{HEADER}\r\n{SOUND}\r\n{nothing}\r\n ,{nothing}\r\n\u{1a}");
    let (code, told, _) = import(file.as_bytes(), &[]).await;
    assert!(code == 0 && told.contains("1 row\n") && !told.contains("warning"), "{code} {told}");
}

#[test]
fn separators_that_excel_leaves_out_at_the_end_say_nothing() {
    let full = "mall,b1,13800138000,i1,CNY,128.50,2026-12-01,paid,李伟";
    let short = "mall,b2,13800138000,i2,CNY,128.50,2026-12-01";
    let records = read_csv(format!("{SHORT_HEADER}\n{full}\n{short}\n"));
    assert_eq!(taken(&records), [2, 3]);
    let row = records[1].read.as_ref().expect("taken");
    assert_eq!((&row.status, &row.name), (&FieldUpdate::Keep, &FieldUpdate::Keep), "what was known stays");
    let longer = read_csv(format!("{SHORT_HEADER}\n{full},more\nmall,b2,13800138000,i2,CNY,128.50\n"));
    assert_eq!(
        refused(&longer),
        [
            "2: the record has 10 fields, the header has 9; a text with a comma in it belongs in double quotes",
            "3: the record has 6 fields, the header has 9; a text with a line break in it belongs in double quotes",
        ]
    );
}

/// The status that would say “paid” is in the second half.
#[test]
fn a_record_that_a_line_break_has_cut_in_two_is_not_taken_for_a_short_one() {
    let header = "merchant,borrower_id,installment_id,currency,amount,due_date,name,status";
    let records =
        read_csv(format!("{header}\nmall,b1,i1,CNY,1,2026-12-01,Li\nWei,paid\nmall,b2,i2,CNY,1,2026-12-01,Li,open\n"));
    assert_eq!(taken(&records), [4]);
}

#[rstest]
#[case::an_amount("due_date,amount", "2026-12-01,12", 3)]
#[case::an_identifier("amount,due_date,installment_id", "1,2026-12-01,i", 3)]
#[case::a_row_that_lacks_the_rest("amount,due_date,paid_amount,status", "1,2026-12-01,0", 3)]
#[case::a_word_that_is_whole("amount,due_date,status", "1,2026-12-01,open", 0)]
#[case::a_quoted_cell("due_date,amount", "2026-12-01,\"12\"", 0)]
#[tokio::test]
async fn a_last_line_without_an_end_is_taken_only_if_it_is_surely_whole(
    #[case] columns: &str,
    #[case] cells: &str,
    #[case] expected: u8,
) {
    let (id, value) = if columns.contains("installment_id") { ("", "") } else { (",installment_id", ",i2") };
    let file = format!("merchant,borrower_id,currency{id},{columns}\nmall,b2,CNY{value},{cells}");
    let (code, told, taken) = import(file.as_bytes(), &[]).await;
    assert_eq!((code, taken.len()), (expected, usize::from(expected == 0)), "{told}");
    assert!(told.contains("the last line has no line end"), "{told}");
    assert_eq!(import(file.as_bytes(), &["--take-last-line"]).await.0, 0, "whoever knows better says so");
    let (code, told, taken) = import(file.as_bytes(), &["--strict"]).await;
    assert!(code == 1 && told.contains("may be cut off") && taken.is_empty(), "{code} {told}");
    let (code, told, _) = import(format!("{file}\n").as_bytes(), &["--strict"]).await;
    assert!(code == 0 && !told.contains("warning"), "{told}");
}

/// A file that is written over while it is read: the second half would be of another day.
#[tokio::test]
async fn a_file_that_changes_while_it_is_read_stops_the_import() {
    use std::io::Read;
    let folder = tempfile::tempdir().expect("a folder");
    let lines = |amount: &str| -> String {
        (0..20_000).map(|id| format!("mall,b{id},i{id},CNY,{amount},2026-12-01\n")).collect()
    };
    let header = "merchant,borrower_id,installment_id,currency,amount,due_date\n";
    let path = write(folder.path(), "due.csv", format!("{header}{}", lines("1.00")));
    let options = dueherald::source::TextOptions::default();
    let mut input = dueherald::source::TextInput::open(&path, options).expect("it is sound");
    let mut first = [0; 1000];
    input.read_exact(&mut first).expect("read");
    fs::write(&path, format!("{header}{}", lines("22.00"))).expect("written over");
    let mut rest = Vec::new();
    let told = input.read_to_end(&mut rest).expect_err("it is another file").to_string();
    assert!(told.starts_with("the file was changed while it was read"), "{told}");
    assert!(!String::from_utf8_lossy(&rest).contains("22.00"), "nothing of the new one is handed out");
}

#[tokio::test]
async fn landlines_are_counted_as_numbers_that_take_no_sms() {
    let rows = [
        row(&[("installment_id", "i1"), ("phone", "010-65529988"), ("account_phone", "")]),
        row(&[("installment_id", "i2"), ("phone", "400-800-1234"), ("account_phone", "")]),
        row(&[("installment_id", "i3")]),
    ];
    let (code, told, _) = import(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes(), &[]).await;
    assert!(
        code == 0 && told.contains("warning: 1 row has a landline or service number, which takes no SMS")
            // A company number (400) costs who calls it a share.
            && told.contains("warning: 1 row has a number of a country that is not in the merchant's `countries`"),
        "{told}"
    );
}

#[test]
fn words_for_nothing_are_not_sent_to_borrowers() {
    for word in ["NULL", "N/A", "#N/A", "null", "None", "-", "无", "#NAME?"] {
        let records =
            read_csv(format!("{HEADER}\n{}\n", row(&[("name", word), ("product", word), ("order_ref", word)])));
        let row = records[0].read.as_ref().expect("taken");
        assert_eq!(
            (&row.name, &row.product, &row.order_ref),
            (&FieldUpdate::Keep, &FieldUpdate::Keep, &FieldUpdate::Keep),
            "{word}"
        );
    }
}

/// A byte order mark where files were put together, and what comes along when a text is copied from a page.
#[tokio::test]
async fn characters_that_nobody_sees_make_no_other_instalment() {
    let sound = "mall,b1,13800138000,i1,CNY,1,2026-12-01,open,李伟";
    let marked = "\u{feff}mall,b1\u{200b},13800138000,\u{feff}i1,CNY,1\u{2060},2026-12-01,\u{200b}paid,李伟";
    let books = ImportBatch::default();
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "due.csv", format!("{SHORT_HEADER}\n{sound}\n{marked}\n"));
    let (ended, out) = command(&books, &[path.to_str().expect("a path")]).await;
    assert_eq!(ended.expect("imported").exit_code(), 0, "{out}");
    let rows = books.rows.lock().expect("one at a time");
    let status = rows.values().map(|row| row.status.clone()).collect::<Vec<_>>();
    assert_eq!(status, [FieldUpdate::Set(Some(dueherald::domain::InstallmentStatus::Paid))]);
    drop(rows);
    let within = read_csv(format!("{SHORT_HEADER}\n{}\n", sound.replace("i1", "i\u{200b}1")));
    assert_eq!(
        refused(&within),
        ["2: installment_id has a character that nobody sees, such as a zero-width space; export it again without"]
    );
}

#[test]
fn a_text_that_was_garbled_before_is_not_sent() {
    for text in ["\u{fffd}\u{fffd}", "锟斤拷", "王\u{fffd}"] {
        let records =
            read_csv(format!("{HEADER}\n{}\n", row(&[("name", text), ("product", text), ("order_ref", text)])));
        let row = records[0].read.as_ref().expect("taken");
        assert_eq!(
            (&row.name, &row.product, &row.order_ref),
            (&FieldUpdate::Keep, &FieldUpdate::Keep, &FieldUpdate::Keep)
        );
    }
}
