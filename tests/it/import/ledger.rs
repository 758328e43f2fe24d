//! Imports into the ledger: changes, merges, rejects.

use std::io::{self, Cursor, Read, Write};
use std::sync::{Arc, Mutex};

use dueherald::pipeline::{self, Import, ImportError, Progress, StopCause, Summary};
use dueherald::source::Format;
use dueherald::store::{StoreError, WriteMode};

use super::{HEADER, ImportBatch, SOUND, merchants, row};

/// A file whose content the test can read afterwards.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no other writer").clone()).expect("it is text")
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no other writer").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn import_into(
    books: &ImportBatch,
    input: impl Read + Send + 'static,
    mode: WriteMode,
    rejects: Option<Paper>,
    told: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Summary, ImportError> {
    let merchants = merchants();
    let rejects = rejects.map(|paper| Box::new(paper) as Box<dyn Write + Send>);
    let job = Import { input, format: None, take_last_line: false, merchants: &merchants, mode, max_shown: 2, rejects };
    pipeline::import(books, job, told).await
}

async fn import(books: &ImportBatch, input: &str, mode: WriteMode) -> Result<Summary, ImportError> {
    import_into(books, Cursor::new(input.to_owned()), mode, None, &|_| {}).await
}

fn counts(summary: &Summary) -> (u64, u64, u64, u64) {
    (summary.new, summary.changed, summary.same, summary.rejected)
}

fn file(installments: std::ops::Range<usize>) -> String {
    let lines = installments.map(|number| row(&[("installment_id", &format!("i{number:05}"))]) + "\n");
    format!("{HEADER}\n{}", lines.collect::<String>())
}

#[tokio::test]
async fn the_same_file_twice_changes_nothing() {
    let books = ImportBatch::default();
    let input = format!("{}{}\n", file(0..2), row(&[("amount", "-1")]));
    assert_eq!(counts(&import(&books, &input, WriteMode::Commit).await.unwrap()), (2, 0, 0, 1));
    assert_eq!(counts(&import(&books, &input, WriteMode::Commit).await.unwrap()), (0, 0, 2, 1));
    let changed = input.replacen("128.50", "99.00", 1);
    assert_eq!(counts(&import(&books, &changed, WriteMode::Commit).await.unwrap()), (0, 1, 1, 1));
}

#[tokio::test]
async fn a_dry_run_counts_and_keeps_nothing() {
    let books = ImportBatch::default();
    assert_eq!(counts(&import(&books, &file(0..3), WriteMode::DryRun).await.unwrap()), (3, 0, 0, 0));
    assert!(books.installments().is_empty());
}

#[tokio::test]
async fn rows_go_in_batches_and_progress_reaches_the_end() {
    let books = ImportBatch::default();
    let input = file(0..2_500);
    let length = input.len() as u64;
    let told = Mutex::new(Vec::new());
    let note = |progress| told.lock().unwrap().push(progress);
    let summary = import_into(&books, Cursor::new(input), WriteMode::Commit, None, &note).await.unwrap();
    assert_eq!(counts(&summary), (2_500, 0, 0, 0));
    assert_eq!(books.batches(), [1_000, 1_000, 500]);
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted_by(|a, b| a.bytes < b.bytes && a.records < b.records), "{told:?}");
    assert_eq!(told.last(), Some(&Progress { bytes: length, records: 2_500, rejected: 0 }));
}

#[tokio::test]
async fn the_summary_shows_some_of_the_refused_and_counts_all() {
    let bad = format!("{}\n", row(&[("amount", "-1")])).repeat(12_000);
    let books = ImportBatch::default();
    let summary = import(&books, &format!("{HEADER},branch\n{bad}"), WriteMode::Commit).await.unwrap();
    assert_eq!(counts(&summary), (0, 0, 0, 12_000));
    assert_eq!(summary.shown.iter().map(|rejected| rejected.line).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(summary.unknown_columns.len(), 1);
    assert!(books.batches().iter().all(|rows| *rows == 0), "no row is written, only what was refused");
}

#[tokio::test]
async fn a_failing_ledger_stops_the_import_and_the_next_run_makes_it_whole() {
    let mut books = ImportBatch { fails_at: Some(2), ..ImportBatch::default() };
    let input = file(0..2_500);
    match import(&books, &input, WriteMode::Commit).await {
        Err(ImportError::Stopped { cause: StopCause::Store(StoreError::NotMigrated), line, so_far }) => {
            assert_eq!(line, 1_002, "the header and a thousand rows stand before it");
            assert_eq!(counts(&so_far), (1_000, 0, 0, 0));
        }
        other => panic!("{other:?}"),
    }
    books.fails_at = None;
    assert_eq!(counts(&import(&books, &input, WriteMode::Commit).await.unwrap()), (1_500, 0, 1_000, 0));
    assert_eq!(books.installments().len(), 2_500);
}

/// An input that breaks off with an error.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}

#[tokio::test]
async fn what_was_read_before_the_input_broke_is_kept() {
    let books = ImportBatch::default();
    let input = Cursor::new(file(0..1_200)).chain(Broken);
    let error = import_into(&books, input, WriteMode::Commit, None, &|_| {}).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the import stopped before line 1202: it could not be read at line 1202: the disk is gone. Earlier lines are \
         imported (1200 taken, 0 rejected). Fix the cause and run the same import again: it changes nothing that is \
         in the \
         ledger already"
    );
    assert_eq!(books.installments().len(), 1_200);
}

#[tokio::test]
async fn an_input_that_is_none_leaves_the_ledger_alone() {
    let books = ImportBatch::default();
    let error = import(&books, "merchant,amount\nmall,1\n", WriteMode::Commit).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the input was not imported: its header line lacks the columns borrower_id, installment_id, currency, due_date"
    );
}

/// A rejects file on a full disk.
struct FullDisk;

impl Write for FullDisk {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_rejects_file_that_cannot_be_written_is_no_secret() {
    let books = ImportBatch::default();
    let merchants = merchants();
    let job = Import {
        take_last_line: false,
        input: Cursor::new(format!("{}{}\n", file(0..2), row(&[("amount", "-1")]))),
        format: Some(Format::Csv),
        merchants: &merchants,
        mode: WriteMode::Commit,
        max_shown: 2,
        rejects: Some(Box::new(FullDisk)),
    };
    match pipeline::import(&books, job, &|_| {}).await {
        Err(ImportError::Stopped { cause: StopCause::Rejects(_), .. }) => {}
        other => panic!("{other:?}"),
    }
}

/// The records of a rejects file as they were.
fn without_line_and_reason(rejects: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(rejects.as_bytes());
    reader.records().map(|record| record.expect("CSV").iter().skip(2).map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn rejects_of_csv_can_be_mended_and_imported() {
    let books = ImportBatch::default();
    let header = HEADER.replace("product", "branch");
    let input = format!(
        "\u{feff}{header}\r\n{SOUND}\r\n{}\r\nmall,b2,i3\r\n{}\r\n",
        row(&[("installment_id", "i2"), ("amount", "-7.00"), ("product", "\"Hall, 2\"")]),
        row(&[("installment_id", "i4"), ("product", "\"open")]),
    );
    let paper = Paper::default();
    import_into(&books, Cursor::new(input), WriteMode::Commit, Some(paper.clone()), &|_| {}).await.unwrap();
    let rejects = paper.text();
    assert!(rejects.starts_with('\u{feff}'), "a file for Excel stays one");
    insta::assert_snapshot!(rejects.trim_start_matches('\u{feff}'), @r#"
    line,reason,merchant,borrower_id,name,phone,email,locale,time_zone,account_phone,installment_id,order_ref,branch,sequence,of,currency,amount,paid_amount,due_date,status,route
    3,amount is negative,mall,b1,李伟,13800138000,li.wei@example.com,zh-CN,Asia/Shanghai,13800138000,i2,o1,"Hall, 2",3,12,CNY,'-7.00,0,2026-03-31,open,app
    4,"the record has 3 fields, the header has 19; a text with a line break in it belongs in double quotes",mall,b2,i3
    5,"a text in double quotes that begins on this line does not end as it must; close it, or write the quote as two",mall,b1,李伟,13800138000,li.wei@example.com,zh-CN,Asia/Shanghai,13800138000,i4,o1,"open,3,12,CNY,128.50,0,2026-03-31,open,app"
    "#);
    // Unmended they are refused again, and the file of that run does not pile up lines and reasons.
    let second = Paper::default();
    let again =
        import_into(&books, Cursor::new(rejects.clone()), WriteMode::Commit, Some(second.clone()), &|_| {}).await;
    assert_eq!(counts(&again.unwrap()), (0, 0, 0, 3));
    assert_eq!(without_line_and_reason(&second.text()), without_line_and_reason(&rejects));
    let mended = rejects.replace("-7.00", "7.00");
    let summary = import(&books, &mended, WriteMode::Commit).await.unwrap();
    assert_eq!(counts(&summary), (1, 0, 0, 2));
    assert_eq!(summary.unknown_columns.len(), 1, "line and reason are no unknown columns, branch is");
    assert_eq!(books.installments(), ["mall/i1", "mall/i2"]);
}

#[tokio::test]
async fn rejects_of_json_can_be_mended_and_imported() {
    let books = ImportBatch::default();
    let rest = r#""merchant":"mall","borrower_id":"b1","currency":"CNY","due_date":"2026-03-31""#;
    let input = [
        format!(r#"{{{rest},"installment_id":"i1","amount":"1"}}"#),
        format!(r#"{{{rest},"installment_id":"i2","amount":128.50}}"#),
        "i3, 5 yuan".to_owned(),
        "{}".to_owned(),
    ]
    .join("\n");
    let paper = Paper::default();
    import_into(&books, Cursor::new(input), WriteMode::Commit, Some(paper.clone()), &|_| {}).await.unwrap();
    let rejects = paper.text();
    insta::assert_snapshot!(rejects, @r#"
    {"line":2,"reason":"amount is a bare number, which loses its form on the way; put it in quotes: \"128.50\"","merchant":"mall","borrower_id":"b1","currency":"CNY","due_date":"2026-03-31","installment_id":"i2","amount":128.50}
    {"line":3,"reason":"the line is not valid JSON from character 1 on","original":"i3, 5 yuan"}
    {"line":4,"reason":"merchant is missing; borrower_id is missing; installment_id is missing; currency is missing; amount is missing; due_date is missing"}
    "#);
    let second = Paper::default();
    let again =
        import_into(&books, Cursor::new(rejects.clone()), WriteMode::Commit, Some(second.clone()), &|_| {}).await;
    assert_eq!(counts(&again.unwrap()), (0, 0, 0, 3));
    assert_eq!(second.text().matches("\"reason\"").count(), 3, "one reason for each, not two");
    let mended = rejects.replace(":128.50", ":\"128.50\"");
    let summary = import(&books, &mended, WriteMode::Commit).await.unwrap();
    assert_eq!((counts(&summary), summary.unknown_columns.len()), ((1, 0, 0, 2), 0));
}

#[tokio::test]
async fn the_last_row_of_an_instalment_counts_sound_or_not() {
    let lines = |changes: &[&[(&str, &str)]]| {
        let lines: Vec<_> = changes.iter().map(|changes| row(changes)).collect();
        format!("{HEADER}\n{}\n", lines.join("\n"))
    };
    let (open, paid, settled) = (("status", "open"), ("status", "Paid"), ("status", "settled"));
    for (changes, kept) in [
        (vec![[open], [paid]], 0),
        (vec![[open], [settled]], 1),
        (vec![[settled], [paid]], 0),
        (vec![[settled], [paid], [settled]], 1),
    ] {
        let books = ImportBatch::default();
        let changes: Vec<_> = changes.iter().map(|changes| changes.as_slice()).collect();
        import(&books, &lines(&changes), WriteMode::Commit).await.unwrap();
        assert_eq!(books.rejected().len(), kept, "{changes:?}");
        assert_eq!(books.installments(), ["mall/i1"]);
    }
}
