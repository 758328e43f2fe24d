//! `dueherald import` through the binary.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use dueherald::cli::import::{ImportArgs, ImportFailure, ImportResult, run};

use super::{HEADER, ImportBatch, SOUND, merchants, row};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ImportArgs,
}

pub(super) async fn command(books: &ImportBatch, arguments: &[&str]) -> (Result<ImportResult, ImportFailure>, String) {
    let args = Line::try_parse_from(["import"].iter().chain(arguments)).expect("sound arguments").args;
    let mut out = Vec::new();
    let ended = run(&args, books, &merchants(), &mut out).await;
    (ended, String::from_utf8(out).expect("a summary is text"))
}

pub(super) fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("a folder of the test's own");
    path
}

fn with_faults() -> String {
    let bad = |id: &str, change| row(&[("installment_id", id), change]);
    format!(
        "{HEADER},branch\n{SOUND},\n{},\n{},\n{},\n",
        bad("i2", ("amount", "\"1,5\"")),
        bad("i3", ("status", "settled")),
        bad("i4", ("due_date", "2026-02-30"))
    )
}

#[tokio::test]
async fn the_summary_says_what_was_taken_and_what_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "due.csv", with_faults());
    let rejects = folder.path().join("rejects.csv");
    let arguments = [file.to_str().unwrap(), "--max-shown", "2", "--rejects", rejects.to_str().unwrap()];
    let books = ImportBatch::default();
    let (ended, out) = command(&books, &arguments).await;
    let ended = ended.unwrap();
    assert_eq!((ended, ended.exit_code()), (ImportResult::InPart, 3));
    insta::assert_snapshot!(out.replace(&folder.path().display().to_string(), "FOLDER"), @r"
    FOLDER/due.csv: 4 rows
      new       1
      changed   0
      same      0
      rejected  3
    warning: column “branch” is not known and was passed over
    line 3: amount is not a plain decimal number such as 1280.50
    line 4: status is not one of open, paid, cancelled, written_off, disputed
    … and 1 more rejected line
    every rejected line is in FOLDER/rejects.csv; mend it and run: dueherald import FOLDER/rejects.csv
    what was rejected holds the reminders of its instalment; see: dueherald rejects list
    ");
    assert_eq!(fs::read_to_string(&rejects).unwrap().lines().count(), 4, "the header and three");
    assert_eq!(books.installments(), ["mall/i1"]);
}

#[tokio::test]
async fn a_row_without_a_cell_is_taken_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let lines = [row(&[("email", "无"), ("status", "paid")]), row(&[("installment_id", "#"), ("amount", "x")])];
    let file = write(folder.path(), "due.csv", format!("{HEADER}\n{}\n", lines.join("\n")));
    let rejects = folder.path().join("rejects.csv");
    let books = ImportBatch::default();
    let (ended, out) = command(&books, &[file.to_str().unwrap(), "--rejects", rejects.to_str().unwrap()]).await;
    assert_eq!(ended.unwrap().exit_code(), 3);
    assert!(out.contains("line 2: taken without a cell: email is not an e-mail address"), "{out}");
    assert!(out.contains("1 row was taken without a cell that is not sound; what was known there stays"), "{out}");
    assert_eq!(books.installments(), ["mall/i1"]);
    let written = fs::read_to_string(&rejects).unwrap();
    assert_eq!(written.lines().count(), 3, "the header, the cell and the row, to be mended: {written}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_rejects_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "due.csv", with_faults());
    let rejects = folder.path().join("rejects.csv");
    command(&ImportBatch::default(), &[file.to_str().unwrap(), "--rejects", rejects.to_str().unwrap()])
        .await
        .0
        .unwrap();
    assert_eq!(fs::metadata(&rejects).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_sound_file_ends_whole_and_a_dry_run_says_that_it_was_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "due.csv", format!("{HEADER}\n{SOUND}\n"));
    let books = ImportBatch::default();
    let (ended, out) = command(&books, &[file.to_str().unwrap(), "--dry-run"]).await;
    assert_eq!(ended.unwrap().exit_code(), 0);
    insta::assert_snapshot!(out.replace(&folder.path().display().to_string(), "FOLDER"), @r"
    FOLDER/due.csv: 1 row (dry run: nothing was written)
      new       1
      changed   0
      same      0
      rejected  0
    ");
    assert!(books.installments().is_empty());
}

#[tokio::test]
async fn the_summary_as_json_names_columns_and_problems() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "due.csv", with_faults());
    let (_, out) =
        command(&ImportBatch::default(), &[file.to_str().unwrap(), "--summary", "json", "--max-shown", "1"]).await;
    insta::assert_snapshot!(out, @r#"{"cells_left_out":0,"cells_left_out_shown":[],"changed":0,"dry_run":false,"new":1,"not_allowed":0,"rejected":3,"rejected_shown":[{"line":3,"problems":[{"column":"amount","problem":"is not a plain decimal number such as 1280.50"}]}],"rejected_unreadable":0,"rejects_file":null,"same":0,"vanished":0,"vanished_held":0,"waiting":0,"warnings":["column “branch” is not known and was passed over"]}"#);
}

#[tokio::test]
async fn wrong_use_is_told_apart_from_failure() {
    let folder = tempfile::tempdir().unwrap();
    let sound = write(folder.path(), "due.csv", format!("{HEADER}\n{SOUND}\n"));
    let wrong = write(folder.path(), "wrong.csv", "merchant,amount\rmall,1\r");
    let sound = sound.to_str().unwrap();
    let books = ImportBatch::default();
    let told = async |arguments: &[&str]| {
        let failure = command(&books, arguments).await.0.unwrap_err();
        (failure.exit_code(), failure.to_string().replace(&folder.path().display().to_string(), "FOLDER"))
    };
    let (code, text) = told(&[sound, "--rejects", sound]).await;
    assert_eq!(
        (code, text.as_str()),
        (2, "--rejects FOLDER/due.csv is the file that is read, and would be overwritten; name another one")
    );
    assert_eq!(fs::read_to_string(sound).unwrap(), format!("{HEADER}\n{SOUND}\n"), "it was not touched");
    let (code, text) = told(&[folder.path().to_str().unwrap()]).await;
    assert_eq!((code, text.as_str()), (2, "FOLDER is a folder; name a file, or - for the standard input"));
    let (code, text) = told(&[folder.path().join("none.csv").to_str().unwrap()]).await;
    assert_eq!((code, text.as_str()), (1, "FOLDER/none.csv: No such file or directory (os error 2)"));
    let (code, text) = told(&[wrong.to_str().unwrap()]).await;
    assert_eq!(code, 1);
    assert!(text.starts_with("FOLDER/wrong.csv: the input was not imported: it has line ends of CR alone"), "{text}");
}

#[test]
fn the_arguments_are_read_as_documented() {
    let parse = |arguments: &[&str]| Line::try_parse_from(["import"].iter().chain(arguments)).map(|line| line.args);
    let args = parse(&["-", "--format", "jsonl", "--dry-run"]).unwrap();
    let file = args.file.as_deref().and_then(Path::to_str);
    assert_eq!((file, args.dry_run, args.max_shown), (Some("-"), true, 20));
    assert!(parse(&[]).is_err() && parse(&["a.csv", "--format", "xlsx"]).is_err());
}
