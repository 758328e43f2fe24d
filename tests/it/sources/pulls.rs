//! The rows that each pull reads: pages, changes, late commits, and the rest of a pull that broke off.

use std::sync::Arc;

use chrono::TimeDelta;
use dueherald::domain::InstallmentStatus;
use dueherald::pipeline::PullError;
use dueherald::store::{SchemaStore, SqliteStore};
use tempfile::TempDir;

use super::lender::{COLUMNS, Lender, PAGED, counts, inserts};
use super::on_every_lender;

on_every_lender! { pulls:
    many_rows_of_one_instant_come_once_and_whole,
    a_row_that_changes_comes_again_and_nothing_else_does,
    a_transaction_that_commits_late_is_caught_by_the_overlap,
    what_broke_off_goes_on_from_the_last_page_that_was_written,
    the_cursor_never_passes_the_beginning_of_the_pull,
    payments_update_what_is_known_and_nothing_else,
    what_cannot_be_applied_yet_is_kept_and_the_cursor_moves_on,
    a_trial_keeps_nothing,
    an_empty_table_is_a_good_pull,
    the_merchants_of_all_rows_are_noted,
}

async fn many_rows_of_one_instant_come_once_and_whole(lender: Lender) {
    lender.owes(1..3, "2026-11-22 00:00:00").await;
    lender.owes(3..26, "2026-11-22 01:00:00").await;
    lender.owes(26..28, "2026-11-22 01:30:00").await;
    // 27 rows: the last page is full, so that the end is a page without rows.
    let source = lender.in_pages(3);
    assert_eq!(counts(&lender.pull(&source).await.expect("pulled")), (27, 0, 0, 0));
    let ids: Vec<_> = lender.installments().await.iter().map(|one| one.id.to_string()).collect();
    assert_eq!(ids, (1..28).map(|id| id.to_string()).collect::<Vec<_>>());
    assert_eq!(lender.read_to().await.as_deref(), Some("2026-11-22T01:30:00+00:00"));
}

async fn a_row_that_changes_comes_again_and_nothing_else_does(lender: Lender) {
    lender.owes(1..10, "2026-11-21 00:00:00").await;
    lender.owes(10..12, "2026-11-22 00:59:00").await;
    let source = lender.in_pages(4);
    lender.pull(&source).await.expect("pulled");
    lender.run("update instalment set status = 'paid', updated_at = '2026-11-22 01:00:00' where id = 4").await;
    // The other two lie within the overlap.
    assert_eq!(counts(&lender.pull(&source).await.expect("pulled")), (0, 1, 2, 0));
    let paid = lender.installments().await.into_iter().filter(|one| one.status == InstallmentStatus::Paid);
    assert_eq!(paid.map(|one| one.id.to_string()).collect::<Vec<_>>(), ["4"]);
}

async fn a_transaction_that_commits_late_is_caught_by_the_overlap(lender: Lender) {
    lender.owes(1..2, "2026-11-22 00:50:00").await;
    let source = lender.in_pages(4);
    let mut slow = lender.connect().await;
    if lender.dialect != dueherald::source::sql::Dialect::Sqlite {
        slow.run("begin").await;
        slow.run(&inserts(2..3, "2026-11-22 00:57:00")).await;
        lender.owes(3..4, "2026-11-22 01:00:00").await;
        assert_eq!(counts(&lender.pull(&source).await.expect("pulled")), (2, 0, 0, 0));
        slow.run("commit").await;
    } else {
        // One writer at a time: the later row is the first to be committed all the same.
        lender.owes(3..4, "2026-11-22 01:00:00").await;
        assert_eq!(counts(&lender.pull(&source).await.expect("pulled")), (2, 0, 0, 0));
        slow.run(&inserts(2..3, "2026-11-22 00:57:00")).await;
    }
    let without = lender.pull_again_from(&source, TimeDelta::zero()).await.expect("pulled");
    assert_eq!(without.new, 0, "without an overlap it would never come");
    assert_eq!(counts(&lender.pull(&source).await.expect("pulled")), (1, 0, 1, 0));
}

async fn what_broke_off_goes_on_from_the_last_page_that_was_written(lender: Lender) {
    let folder = TempDir::new().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("ledger.db").display());
    let ledger = SqliteStore::open(&url, Arc::new(lender.clock.clone())).await.expect("opened");
    ledger.migrate().await.expect("migrated");
    let lender = Lender { ledger: Arc::new(ledger), ..lender };
    let breaks = "create trigger breaks before insert on installment when new.installment_id = '6' \
                  begin select raise(abort, 'full'); end";
    run_on_ledger(&url, breaks).await;
    for hour in 1..9 {
        lender.owes(hour..hour + 1, &format!("2026-11-21 0{hour}:00:00")).await;
    }
    let source = lender.in_pages(2);
    let error = lender.pull(&source).await.expect_err("the ledger is full");
    assert!(matches!(error, PullError::Store { .. }), "{error}");
    assert_eq!(lender.installments().await.len(), 4, "two pages of two");
    assert_eq!(lender.read_to().await.as_deref(), Some("2026-11-21T04:00:00+00:00"));
    assert!(!lender.was_pulled_now().await, "a pull that broke off makes no ledger fresh");

    run_on_ledger(&url, "drop trigger breaks").await;
    assert_eq!(counts(&lender.pull(&source).await.expect("pulled")), (4, 0, 1, 0));
    assert!(lender.was_pulled_now().await);
}

async fn run_on_ledger(url: &str, statement: &'static str) {
    use sqlx::{ConnectOptions, Executor};
    let options: sqlx::sqlite::SqliteConnectOptions = url.parse().expect("a URL");
    options.connect().await.expect("it opens").execute(statement).await.expect("it is sound");
}

async fn the_cursor_never_passes_the_beginning_of_the_pull(lender: Lender) {
    lender.owes(1..2, "2026-11-22 01:00:00").await;
    lender.owes(2..3, "2026-11-23 01:00:00").await;
    let source = lender.in_pages(4);
    lender.pull(&source).await.expect("pulled");
    assert_eq!(lender.read_to().await.as_deref(), Some("2026-11-22T02:00:00+00:00"), "the lender's clock is ahead");
    lender.owes(3..4, "2026-11-22 02:01:00").await;
    assert_eq!(counts(&lender.pull(&source).await.expect("pulled")), (1, 0, 1, 0));
}

async fn payments_update_what_is_known_and_nothing_else(lender: Lender) {
    lender.owes(1..3, "2026-11-22 01:00:00").await;
    lender.pull(&lender.in_pages(10)).await.expect("pulled");
    lender.run("update instalment set paid = '28.50', status = 'open', name = 'other' where id = 1").await;
    lender.run("update instalment set paid = '128.50', status = 'paid' where id = 2").await;
    lender.owes(7..8, "2026-11-22 01:00:00").await;
    let payments = format!(
        "select 'mall' as merchant, id as installment_id, 'CNY' as currency, paid as paid_amount, status, updated_at \
         from instalment {PAGED}"
    );
    let payments = lender.source(&payments);
    let summary = lender.pull_again_from(&payments, TimeDelta::hours(1)).await.expect("pulled");
    assert_eq!((counts(&summary), summary.waiting), ((0, 2, 0, 0), 1));
    assert_eq!(
        format!("{}: {}", summary.shown[0].place(), summary.shown[0].reason()),
        "instalment 7: installment_id is not in the ledger yet; the payment is kept and applied when its instalment \
         comes"
    );
    let known = lender.installments().await;
    let told: Vec<_> = known.iter().map(|one| (one.outstanding().amount().to_string(), one.status)).collect();
    let expected = [("100.00".to_owned(), InstallmentStatus::Open), ("0.00".to_owned(), InstallmentStatus::Paid)];
    assert_eq!(told, expected);
    assert_eq!(known[0].borrower.as_str(), "b1", "who owes it stays");
}

/// The source of payments is pulled first, and one row of each source cannot be read.
async fn what_cannot_be_applied_yet_is_kept_and_the_cursor_moves_on(lender: Lender) {
    lender.owes(1..4, "2026-11-22 01:00:00").await;
    lender.run("update instalment set status = 'paid' where id = 1").await;
    lender.run("update instalment set status = 'settled' where id = 2").await;
    let payments = lender.source(&format!(
        "select 'mall' as merchant, id as installment_id, status, updated_at from instalment {PAGED}"
    ));
    let summary = lender.pull(&payments).await.expect("pulled");
    assert_eq!((counts(&summary), summary.waiting), ((0, 0, 0, 1), 2));
    assert_eq!(lender.read_to().await.as_deref(), Some("2026-11-22T01:00:00+00:00"));

    let instalments = COLUMNS.replace(", status", "");
    let instalments = lender.source(&format!("select {instalments} from instalment {PAGED}"));
    assert_eq!(counts(&lender.pull_again_from(&instalments, TimeDelta::hours(1)).await.expect("pulled")), (3, 0, 0, 0));
    let due: Vec<_> = lender.installments().await.iter().map(|one| one.is_due()).collect();
    assert_eq!(due, [false, true, true], "the payment that came first counts");
    let filter = dueherald::store::RejectFilter { limit: 10, ..Default::default() };
    let kept = lender.ledger.rejects(&filter).await.expect("listed");
    let kept: Vec<_> = kept.iter().map(|kept| kept.record.installment.as_ref().expect("read").to_string()).collect();
    assert_eq!(kept, ["2"], "it is not known how this one stands, so it is held");
}

async fn a_trial_keeps_nothing(lender: Lender) {
    lender.owes(1..3, "2026-11-22 01:00:00").await;
    let source = lender.in_pages(10);
    let merchants = crate::fixtures::policy().merchants;
    let job = dueherald::pipeline::Pull {
        source: &source,
        merchants: &merchants,
        overlap: TimeDelta::minutes(5),
        from_start: false,
        sweeps: false,
        max_vanishing: rust_decimal::Decimal::ZERO,
        mode: dueherald::store::WriteMode::DryRun,
        rejects: None,
        max_shown: 20,
        holder: "test",
        stop: &tokio_util::sync::CancellationToken::new(),
    };
    let summary = dueherald::pipeline::pull(&*lender.ledger, &lender.clock, job).await.expect("pulled");
    assert_eq!(summary.new, 2);
    assert!(lender.installments().await.is_empty());
    assert_eq!(lender.ledger.sources().await.expect("listed"), []);
}

async fn an_empty_table_is_a_good_pull(lender: Lender) {
    let source = lender.source(&format!("select {COLUMNS} from instalment {PAGED}"));
    assert_eq!(counts(&lender.pull(&source).await.expect("pulled")), (0, 0, 0, 0));
    assert!(lender.was_pulled_now().await);
}

/// The turn keeps two machines from pulling at once, and is free again when a pull ends, well or not.
#[tokio::test]
async fn one_pulls_at_a_time() {
    let lender = Lender::sqlite().await;
    let source = lender.in_pages(2);
    let turn = TimeDelta::minutes(1);
    assert!(lender.ledger.take_turn("pull core", "another", turn).await.expect("asked"));
    let busy = lender.pull(&source).await.expect_err("another pulls").to_string();
    assert_eq!(busy, "source core is being pulled by another process; try again when it is done");
    assert!(lender.ledger.take_turn("pull core", "another", TimeDelta::zero()).await.expect("asked"));

    lender.pull(&source).await.expect("pulled");
    assert!(lender.ledger.take_turn("pull core", "another", TimeDelta::zero()).await.expect("asked"));
    lender.run("drop table instalment").await;
    lender.pull(&source).await.expect_err("there is no table");
    assert!(lender.ledger.take_turn("pull core", "another", turn).await.expect("asked"));
}

#[tokio::test]
async fn a_stop_ends_a_pull_and_gives_the_turn_back() {
    let lender = Lender::sqlite().await;
    lender.owes(1..9, "2026-11-22 01:00:00").await;
    let (source, stop) = (lender.in_pages(2), tokio_util::sync::CancellationToken::new());
    stop.cancel();
    let merchants = crate::fixtures::policy().merchants;
    let job = dueherald::pipeline::Pull {
        source: &source,
        merchants: &merchants,
        overlap: TimeDelta::minutes(5),
        from_start: false,
        sweeps: false,
        max_vanishing: rust_decimal::Decimal::ZERO,
        mode: dueherald::store::WriteMode::Commit,
        rejects: None,
        max_shown: 20,
        holder: "test",
        stop: &stop,
    };
    let ended = dueherald::pipeline::pull(&*lender.ledger, &lender.clock, job).await;
    assert!(matches!(ended, Err(PullError::Stopped(_))), "{ended:?}");
    assert!(!lender.was_pulled_now().await);
    assert!(lender.ledger.take_turn("pull core", "another", TimeDelta::minutes(1)).await.expect("asked"));
}

/// Whatever becomes of a row, the source feeds its merchant. A merchant that the config does not have is none.
async fn the_merchants_of_all_rows_are_noted(lender: Lender) {
    let named = async |id: u32, merchant: &str, status: &str| {
        lender.run("delete from instalment").await;
        lender.owes(id..id + 1, "2026-11-22 01:00:00").await;
        lender.run(&format!("update instalment set name = '{merchant}', status = '{status}'")).await;
    };
    let columns = COLUMNS.replace("name,", "name as merchant,");
    let rows = lender.source(&format!("select {columns} from instalment {PAGED}"));
    let payments = format!(
        "select name as merchant, id as installment_id, 'CNY' as currency, paid as paid_amount, status, updated_at \
         from instalment {PAGED}"
    );
    for (id, merchant, status, query, expected) in [
        (1, "nobody", "open", &rows, &[][..]),
        (2, "harbour", "settled", &rows, &["harbour"]),
        (3, "mall", "open", &rows, &["harbour", "mall"]),
        (4, "arcade", "paid", &lender.source(&payments), &["arcade", "harbour", "mall"]),
    ] {
        named(id, merchant, status).await;
        lender.pull_of(query, &["arcade", "harbour", "mall"]).await.expect("pulled");
        let states = lender.ledger.sources().await.expect("listed");
        assert_eq!(states[0].merchants.iter().map(|name| name.as_str()).collect::<Vec<_>>(), expected, "{merchant}");
    }
}
