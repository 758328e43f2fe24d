//! Values that a database has and no calendar does, and days that are worked out from instants.

use std::time::Duration;

use dueherald::domain::AmountUnit;
use dueherald::store::RejectFilter;

use super::lender::{COLUMNS, Lender, PAGED, counts};
use crate::fixtures::day;

/// Infinity sorts behind everything and comes with every pull: the rows before it, and those that come later, are read
/// all the same.
#[tokio::test]
async fn infinity_in_postgres_rejects_its_row_and_nothing_else() {
    let lender = Lender::postgres().await;
    lender.owes(1..8, "2026-11-22 01:00:00").await;
    lender.run("update instalment set due = 'infinity' where id = 2").await;
    lender.run("update instalment set due = '5000000-01-01' where id = 3").await;
    lender.run("update instalment set amount = 'NaN' where id = 4").await;
    lender.run("update instalment set updated_at = 'infinity' where id in (5, 6)").await;
    for page in [1, 2, 1_000] {
        let summary = lender.pull(&lender.in_pages(page)).await.expect("pulled");
        assert_eq!((summary.taken(), summary.rejected), (2, 5), "in pages of {page}");
        let mut told: Vec<_> = summary.shown.iter().map(|one| format!("{}: {}", one.place(), one.reason())).collect();
        told.sort();
        assert_eq!(told[0], "instalment 2: due_date is not a day of the calendar between 1970 and 2199");
        assert!(told[2].starts_with("instalment 4: amount has a value that cannot be read"), "{told:?}");
        assert_eq!(told[3], "instalment 5: updated_at is not a time of the calendar");
    }
    assert_eq!(lender.read_to().await.as_deref(), Some("2026-11-22T01:00:00+00:00"), "the cursor is a time");
    lender.clock.advance(Duration::from_secs(3600));
    lender.run("update instalment set status = 'paid', updated_at = '2026-11-22 02:30:00' where id = 1").await;
    assert_eq!(lender.pull(&lender.in_pages(2)).await.expect("pulled").changed, 1, "payments still arrive");
}

#[tokio::test]
async fn a_zero_date_in_mariadb_rejects_its_row_and_nothing_else() {
    let lender = Lender::mariadb().await;
    lender.owes(1..5, "2026-11-22 01:00:00").await;
    let mut writer = lender.connect().await;
    writer.run("set sql_mode = ''").await;
    writer.run("update instalment set due = '0000-00-00' where id = 2").await;
    writer.run("update instalment set due = '2026-02-00' where id = 3").await;
    // Later than the others, and the last of its page.
    writer.run("update instalment set updated_at = '2026-12-00 00:00:00' where id = 4").await;
    for page in [1, 2, 1_000] {
        let summary = lender.pull(&lender.in_pages(page)).await.expect("pulled");
        assert_eq!((summary.taken(), summary.rejected), (1, 3), "in pages of {page}");
    }
}

#[tokio::test]
async fn a_text_in_sqlite_that_is_no_time_rejects_its_row_and_nothing_else() {
    let lender = Lender::sqlite().await;
    lender.owes(1..5, "2026-11-22 01:00:00").await;
    lender.run("update instalment set updated_at = 'yesterday' where id in (1, 3)").await;
    for page in [1, 1_000] {
        assert_eq!(counts(&lender.pull(&lender.in_pages(page)).await.expect("pulled")).3, 2);
    }
    assert_eq!(lender.installments().await.len(), 2);
}

/// Midnight in Shanghai is the day before in UTC.
#[tokio::test]
async fn the_day_of_an_instant_is_that_of_the_lenders_zone() {
    for (lender, instant, day_of) in [
        (Lender::postgres().await, "timestamptz", "due_at::date"),
        (Lender::mariadb().await, "timestamp", "date(due_at)"),
    ] {
        lender
            .run(&format!("create table t (id int primary key, due_at {instant} null, changed {instant} null)"))
            .await;
        lender
            .run(
                "insert into t values (1, '2026-11-30 16:00:00', '2026-11-22 01:00:00'), (2, '2026-11-30 \
            15:59:59', '2026-11-22 01:00:00')",
            )
            .await;
        let query = format!(
            "select id as installment_id, 'b' as borrower_id, 1 as amount, 'CNY' as currency, {day_of} as due_date, \
             changed as updated_at from t where changed >= :after and (changed > :after or id > :after_key) \
             order by changed, id limit :limit"
        );
        let mut settings = lender.settings(&query, 1);
        settings.zone = Some(chrono_tz::Asia::Shanghai);
        let source = lender.source_of(settings);
        assert_eq!(counts(&lender.pull(&source).await.expect("pulled")), (2, 0, 0, 0));
        let due: Vec<_> = lender.installments().await.iter().map(|one| one.due_date).collect();
        assert_eq!(due, [day("2026-12-01"), day("2026-11-30")]);
        // The cursor is compared in that zone as well: nothing is lost, nothing is read from the beginning.
        assert_eq!(lender.read_to().await.as_deref(), Some("2026-11-22T01:00:00+00:00"));
        lender.clock.advance(Duration::from_secs(3600));
        lender.run("insert into t values (3, '2026-11-30 16:00:00', '2026-11-22 02:00:00')").await;
        assert_eq!(counts(&lender.pull(&source).await.expect("pulled")), (1, 0, 2, 0), "the overlap and the new one");
        lender.clock.advance(Duration::from_secs(3600));
        assert_eq!(counts(&lender.pull(&source).await.expect("pulled")), (0, 0, 1, 0), "the last one alone");
    }
}

#[tokio::test]
async fn a_source_without_a_zone_has_the_databases_own() {
    let lender = Lender::postgres().await;
    lender
        .run(
            "do $$ begin execute format('alter database %I set timezone = ''Asia/Shanghai''', current_database()); \
        end $$",
        )
        .await;
    lender.owes(1..2, "2026-11-22 01:00:00").await;
    let columns = COLUMNS.replace("due as due_date", "('2026-11-30 16:00:00Z'::timestamptz)::date as due_date");
    let mut settings = lender.settings(&format!("select {columns} from instalment {PAGED}"), 10);
    settings.zone = None;
    lender.pull(&lender.source_of(settings)).await.expect("pulled");
    assert_eq!(lender.installments().await[0].due_date, day("2026-12-01"));
}

/// The unit is the source's, whatever the merchant's; a row that is rejected keeps it.
#[tokio::test]
async fn amounts_are_in_the_unit_of_the_source() {
    for lender in [Lender::postgres().await, Lender::mariadb().await, Lender::sqlite().await] {
        lender.owes(1..4, "2026-11-22 01:00:00").await;
        let amount = "case id when 1 then '12345' when 2 then '123.45' else '5' end as amount";
        let columns = COLUMNS.replace("amount, 'CNY'", &format!("{amount}, 'CNY'"));
        let mut settings = lender.settings(&format!("select {columns} from instalment {PAGED}"), 10);
        settings.amount_unit = Some(AmountUnit::Minor);
        let summary = lender.pull(&lender.source_of(settings)).await.expect("pulled");
        assert_eq!((summary.taken(), summary.rejected), (2, 1), "{:?}", lender.dialect);
        let amounts: Vec<_> = lender.installments().await.iter().map(|one| one.amount.amount().to_string()).collect();
        assert_eq!(amounts, ["123.45", "0.05"]);
        let filter = RejectFilter { limit: 10, ..RejectFilter::default() };
        let kept = lender.ledger.rejects(&filter).await.expect("listed");
        assert_eq!(kept[0].record.cells.0.get("amount_unit").map(String::as_str), Some("minor"));
    }
}
