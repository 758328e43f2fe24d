//! Inputs that people make: encodings, separators, spreadsheets.

use std::io::{self, Read};
use std::path::Path;

use chrono::NaiveDate;
use dueherald::domain::{FieldUpdate, InstallmentStatus, LedgerRow};
use dueherald::source::{Column, Format, Record, Rows};

use super::{HEADER, SOUND, merchants, read, read_csv, read_json, refused, row, taken};

fn rows(records: Vec<Record>) -> Vec<LedgerRow> {
    records.into_iter().map(|record| record.read.expect("a sound record")).collect()
}

fn text<T>(said: &FieldUpdate<T>, show: impl Fn(&T) -> String) -> String {
    match said {
        FieldUpdate::Keep => "nothing".to_owned(),
        FieldUpdate::Set(None) => "empty".to_owned(),
        FieldUpdate::Set(Some(value)) => show(value),
    }
}

#[test]
fn a_full_record_is_read_to_the_last_cell() {
    let read = rows(read_csv(format!("{HEADER}\n{SOUND}\n")));
    let [row] = read.as_slice() else { panic!("one row") };
    assert_eq!(
        (row.borrower.merchant.as_str(), row.borrower.id.as_str(), row.installment.as_str()),
        ("mall", "b1", "i1")
    );
    assert_eq!((row.amount.amount().to_string().as_str(), row.amount.currency().code()), ("128.50", "CNY"));
    assert_eq!(row.due_date, NaiveDate::from_ymd_opt(2026, 3, 31).unwrap());
    assert_eq!(text(&row.name, |name| name.as_str().to_owned()), "李伟");
    assert_eq!(text(&row.phone, |phone| phone.as_e164().to_owned()), "+8613800138000");
    assert_eq!(text(&row.account_phone, |phone| phone.as_e164().to_owned()), "+8613800138000");
    assert_eq!(text(&row.email, |email| email.as_str().to_owned()), "li.wei@example.com");
    assert_eq!(text(&row.locale, ToString::to_string), "zh-CN");
    assert_eq!(text(&row.time_zone, ToString::to_string), "Asia/Shanghai");
    assert_eq!(text(&row.order_ref, Clone::clone), "o1");
    assert_eq!(text(&row.product, Clone::clone), "空调");
    assert_eq!((&row.sequence, &row.of), (&FieldUpdate::Set(Some(3)), &FieldUpdate::Set(Some(12))));
    assert_eq!(text(&row.paid_amount, |paid| paid.amount().to_string()), "0.00");
    assert_eq!(row.status, FieldUpdate::Set(Some(InstallmentStatus::Open)));
    assert_eq!(text(&row.route, ToString::to_string), "app");
}

#[test]
fn json_says_the_same_as_csv() {
    let pairs = HEADER.split(',').zip(SOUND.split(','));
    let object = pairs.map(|(column, cell)| format!("\"{column}\":\"{cell}\"")).collect::<Vec<_>>().join(",");
    let object = object.replace("\"sequence\":\"3\"", "\"sequence\":3").replace("空", "\\u7a7a");
    assert_eq!(rows(read_json(format!("{{{object}}}\n"))), rows(read_csv(format!("{HEADER}\n{SOUND}\n"))));
}

#[test]
fn a_missing_column_says_nothing_and_an_empty_cell_takes_back() {
    let header = "installment_id,merchant,borrower_id,amount,currency,due_date,phone,paid_amount";
    let csv = rows(read_csv(format!("{header}\ni1,mall,b1,5,CNY,2026-03-31,,\n")));
    let json = rows(read_json(
        r#"{"installment_id":"i1","merchant":"mall","borrower_id":"b1","amount":"5","currency":"CNY","due_date":"2026-03-31",
            "phone":null,"paid_amount":""}"#
            .replace('\n', " "),
    ));
    assert_eq!(csv, json);
    assert_eq!((&csv[0].phone, &csv[0].paid_amount), (&FieldUpdate::Set(None), &FieldUpdate::Set(None)));
    assert_eq!((&csv[0].name, &csv[0].status), (&FieldUpdate::Keep, &FieldUpdate::Keep));
}

#[test]
fn marks_line_ends_quotes_and_white_space_do_not_matter() {
    let plain = rows(read_csv(format!("{HEADER}\n{SOUND}\n")));
    let quoted = SOUND.split(',').map(|cell| format!("\"{cell}\"")).collect::<Vec<_>>().join(",");
    let spaced = SOUND.split(',').map(|cell| format!(" {cell}\u{3000}")).collect::<Vec<_>>().join(" , ");
    let loud = HEADER.to_uppercase();
    for input in [
        format!("\u{feff}{HEADER}\r\n{SOUND}\r\n"),
        format!("{HEADER}\n\n\r\n{SOUND}\n"),
        format!("{HEADER}\n{quoted}\n"),
        format!("{HEADER}\n{spaced}\n"),
        format!("{loud}\n{SOUND}\n"),
        format!("\n{HEADER}\n{SOUND}\n"),
    ] {
        assert_eq!(rows(read_csv(&input)), plain, "{input:?}");
    }
}

#[test]
fn a_record_over_several_lines_is_told_with_its_first() {
    let first = row(&[("product", "\"空调\r\n  挂机\n\"\"大\"\"\""), ("installment_id", "i1")]);
    let bad = row(&[("product", "\"a\n\nb\""), ("amount", "-1")]);
    let last = row(&[("installment_id", "i3")]);
    let records = read_csv(format!("{HEADER}\r\n\r\n{first}\r\n{bad}\r\n{last}\r\n"));
    assert_eq!(taken(&records), [3, 9]);
    assert_eq!(refused(&records), ["6: amount is negative"]);
    let product = records[0].read.as_ref().map(|row| row.product.clone()).unwrap();
    assert_eq!(product, FieldUpdate::Set(Some("空调 挂机 \"大\"".to_owned())), "a line break within a text is a space");
}

#[test]
fn unknown_columns_are_named_once_with_the_nearest_known_one() {
    let header = "merchant,borrower_id,installment_id,amount,currency,due_date,Phone number,e-mail,branch,line,reason,";
    let input = format!("{header}\n");
    let mut rows = Rows::open(input.as_bytes(), None, &merchants()).unwrap();
    assert!(rows.next().is_none());
    let told: Vec<_> = rows.unknown_columns().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "column “Phone number” is not known and was passed over",
            "column “e-mail” is not known and was passed over; is email meant?",
            "column “branch” is not known and was passed over",
        ]
    );
    let lines = "{\"Branch\":1,\"dueDate\":[]}\n".repeat(3);
    let mut rows = Rows::open(lines.as_bytes(), None, &merchants()).unwrap();
    assert_eq!(rows.by_ref().count(), 3);
    let names: Vec<_> = rows.unknown_columns().iter().map(|column| (column.name.as_str(), column.nearest)).collect();
    assert_eq!(names, [("Branch", None), ("dueDate", Some(Column::DueDate))]);
}

#[test]
fn the_format_is_known_by_name_or_seen() {
    for (name, format) in [
        ("a.csv", Some(Format::Csv)),
        ("a.CSV", Some(Format::Csv)),
        ("a.jsonl", Some(Format::JsonLines)),
        ("a.ndjson", Some(Format::JsonLines)),
        ("a.json", Some(Format::JsonLines)),
        ("-", None),
        ("csv", None),
        ("a.xlsx", None),
    ] {
        assert_eq!(Format::of_path(Path::new(name)), format, "{name}");
    }
    assert_eq!(read(format!("{HEADER}\n{SOUND}\n").as_bytes(), None).unwrap().len(), 1);
    assert_eq!(refused(&read(b"\xef\xbb\xbf \n{\"merchant\":\"mall\"}", None).unwrap()).len(), 1);
    assert!(read(b"", Some(Format::JsonLines)).unwrap().is_empty(), "no lines are no fault in JSON lines");
}

#[test]
fn a_huge_line_is_refused_by_its_number() {
    let huge = io::repeat(b'7').take(256 << 20);
    let before = format!("{HEADER}\n{SOUND}\n");
    let after = format!("\n{}\n", row(&[("installment_id", "i2")]));
    let input = io::Cursor::new(before).chain(huge).chain(io::Cursor::new(after));
    let records: Vec<_> = Rows::open(input, None, &merchants()).unwrap().map(Result::unwrap).collect();
    assert_eq!(taken(&records), [2, 4]);
    assert_eq!(refused(&records), ["3: the record is longer than 1 MiB; it was skipped to the end of its line"]);
}
