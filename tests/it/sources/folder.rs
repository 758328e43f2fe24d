//! Files that the lender puts into a folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dueherald::clock::{SimClock, SystemClock};
use dueherald::domain::{MerchantId, SourceName};
use dueherald::pipeline::{FileResult, TakeFiles, TakeFilesError, TakenFile, take_files};
use dueherald::source::{Completeness, Folder, Trailer};
use dueherald::store::{
    InstallmentFilter, LedgerStore, MemoryStore, RejectFilter, RejectStore, SourceStore, WriteMode,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::fixtures::{at, merchant};

const HEADER: &str = "merchant,borrower_id,installment_id,amount,currency,due_date,status\n";

struct Bench {
    place: TempDir,
    store: MemoryStore,
    folder: Folder,
}

fn bench(completeness: Completeness, trailer: Option<Trailer>) -> Bench {
    let place = TempDir::new().expect("a folder");
    let folder = Folder { path: place.path().to_owned(), completeness, trailer, encoding: None };
    let store = MemoryStore::new(Arc::new(SimClock::at(at("2026-11-22T02:00:00Z"))));
    Bench { place, store, folder }
}

fn source() -> SourceName {
    "nightly".parse().expect("a name")
}

fn line(id: &str, status: &str) -> String {
    format!("mall,b1,{id},128.50,CNY,2026-12-01,{status}\n")
}

impl Bench {
    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.place.path().join(name), content).expect("written");
        if self.folder.completeness == Completeness::Marker {
            fs::write(self.place.path().join(format!("{name}.done")), "").expect("written");
        }
    }

    fn has(&self, path: &str) -> bool {
        self.place.path().join(path).exists()
    }

    async fn pass(&self, mode: WriteMode) -> Result<Vec<TakenFile>, TakeFilesError> {
        let merchants = BTreeMap::from([(MerchantId::new("mall").expect("an id"), merchant())]);
        let name = source();
        let job = TakeFiles {
            source: &name,
            folder: Arc::new(self.folder.clone()),
            settle: Duration::from_millis(1),
            merchants: &merchants,
            mode,
            max_shown: 9,
            holder: "test",
        };
        take_files(&self.store, &SystemClock, job).await
    }

    /// The result of each file, in words.
    async fn take(&self) -> Vec<String> {
        let taken = self.pass(WriteMode::Commit).await.expect("the folder is read");
        let told = |one: TakenFile| {
            assert_eq!(one.not_moved, None);
            match one.result {
                FileResult::Taken(summary) => {
                    format!("{}: {} taken, {} rejected", one.name, summary.taken(), summary.rejected)
                }
                FileResult::Same => format!("{}: same", one.name),
                FileResult::Refused(reason) => format!("{}: {reason}", one.name),
                FileResult::Left(reason) => format!("{}: left, {reason}", one.name),
            }
        };
        taken.into_iter().map(told).collect()
    }

    async fn statuses(&self) -> Vec<String> {
        let filter = InstallmentFilter { limit: 99, ..InstallmentFilter::default() };
        let found = self.store.installments(&filter).await.expect("listed");
        found.iter().map(|one| format!("{} {}", one.id, one.status)).collect()
    }
}

#[tokio::test]
async fn complete_files_are_taken_once_and_put_away() {
    let bench = bench(Completeness::Marker, None);
    bench.put("a.csv", format!("{HEADER}{}{}", line("i1", "open"), line("i2", "settled")));
    fs::write(bench.place.path().join("b.csv"), HEADER).expect("written");
    assert_eq!(bench.take().await, ["a.csv: 1 taken, 1 rejected"]);
    assert!(bench.has("done/a.csv") && !bench.has("a.csv") && !bench.has("a.csv.done") && bench.has("b.csv"));
    let kept = bench.store.rejects(&RejectFilter { limit: 9, ..RejectFilter::default() }).await.expect("listed");
    assert_eq!(kept[0].record.source, Some(source()));
    let state = bench.store.sources().await.expect("listed").remove(0);
    assert!(state.pulled_at.is_some() && state.merchants.len() == 1, "{state:?}");

    bench.put("c.csv", format!("{HEADER}{}", line("i1", "paid")));
    assert_eq!(bench.take().await, ["c.csv: 1 taken, 0 rejected"]);
    bench.put("again.csv", format!("{HEADER}{}{}", line("i1", "open"), line("i2", "settled")));
    assert_eq!(bench.take().await, ["again.csv: same"]);
    assert_eq!(bench.statuses().await, ["i1 paid"], "an old file that comes again does not undo a payment");
    assert!(bench.has("done/again.csv"));
}

#[tokio::test]
async fn every_form_is_read() {
    let bench = bench(Completeness::Stable, None);
    let json = r#"{"merchant": "mall", "borrower_id": "b1", "installment_id": "j1", "amount": "1", "currency": "CNY", "due_date": "2026-12-01"}"#;
    bench.put("a.jsonl", format!("{json}\n"));
    let mut zip = GzEncoder::new(Vec::new(), Compression::default());
    zip.write_all(format!("{HEADER}{}", line("z1", "open")).as_bytes()).expect("written");
    bench.put("b.csv.gz", zip.finish().expect("whole"));
    bench.put("notes.txt", "nothing");
    let mut told = bench.take().await;
    told.sort();
    assert_eq!(told, ["a.jsonl: 1 taken, 0 rejected", "b.csv.gz: 1 taken, 0 rejected"]);
    assert!(bench.has("notes.txt"));
}

#[tokio::test]
async fn a_file_is_refused_as_a_whole_before_anything_is_taken() {
    let bench = bench(Completeness::Stable, Some(Trailer::Count));
    bench.put("cut.csv", format!("{HEADER}{}#count=2\n", line("i1", "open")));
    assert_eq!(bench.take().await, ["cut.csv: its last line counts 2, but the file holds 1"]);
    assert_eq!(bench.statuses().await, Vec::<String>::new());
    let reason = fs::read_to_string(bench.place.path().join("failed/cut.csv.reason.txt")).expect("read");
    assert_eq!(reason, "its last line counts 2, but the file holds 1\n");
    bench.put("cut.csv", format!("{HEADER}{}#count=2\n", line("i1", "open")));
    assert_eq!(bench.take().await.len(), 1, "a refused file is refused again, and not taken for known");
    bench.put("whole.csv", format!("{HEADER}{}{}#count=2\n", line("i1", "open"), line("i2", "paid")));
    assert_eq!(bench.take().await, ["whole.csv: 2 taken, 0 rejected"]);
    bench.put("no.csv", "name\nLi\n#count=1\n");
    assert!(bench.take().await[0].contains("no.csv: "));
    assert!(bench.has("failed/no.csv"));
}

#[tokio::test]
async fn a_dry_run_moves_and_keeps_nothing() {
    let bench = bench(Completeness::Marker, None);
    bench.put("a.csv", format!("{HEADER}{}", line("i1", "open")));
    let taken = bench.pass(WriteMode::DryRun).await.expect("read");
    assert!(matches!(&taken[0].result, FileResult::Taken(summary) if summary.new == 1));
    assert!(bench.has("a.csv") && bench.statuses().await.is_empty());
    assert_eq!(bench.take().await, ["a.csv: 1 taken, 0 rejected"]);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_an_error() {
    let bench = bench(Completeness::Marker, None);
    let folder = Folder { path: Path::new("/nowhere/at/all").to_owned(), ..bench.folder.clone() };
    let told = Bench { folder, ..bench }.pass(WriteMode::Commit).await.expect_err("there is none").to_string();
    assert!(told.starts_with("source nightly: the folder /nowhere/at/all cannot be read: "), "{told}");
}
