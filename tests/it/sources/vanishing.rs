//! Instalments that the lender has no longer: foreclosed loans, schedules made anew, rows that were deleted.

use std::time::Duration;

use dueherald::domain::{InstallmentStatus, ManualChange};
use dueherald::pipeline::{PullError, Summary, accept_vanished};
use dueherald::source::sql::{Dialect, Query, SqlBranch, SqlSettings, SqlSource};
use dueherald::store::RejectFilter;

use super::lender::{COLUMNS, Lender, PAGED, counts};
use super::on_every_lender;

on_every_lender! { vanishing:
    a_foreclosed_loan_has_nothing_open,
    an_order_without_instalments_says_so_by_its_own_row,
    rows_of_an_order_that_are_rejected_are_not_gone,
    rows_of_one_order_with_different_times_are_refused,
    a_full_read_cancels_what_is_gone,
    a_full_read_that_misses_too_many_cancels_nothing,
    a_full_read_that_breaks_off_cancels_nothing,
}

/// Loans of four instalments each.
async fn lend(lender: &Lender, loans: std::ops::Range<u32>) {
    let instant = match lender.dialect {
        Dialect::Postgres => "timestamptz",
        Dialect::MySql => "datetime(6)",
        Dialect::Sqlite => "text",
    };
    lender.run(&format!("create table loan (id bigint primary key, state varchar(10), changed_at {instant})")).await;
    lender.run("create table schedule (loan bigint, seq bigint, amount varchar(20))").await;
    let each: Vec<_> = loans.clone().map(|id| format!("({id}, 'active', '2026-11-21 0{}:00:00')", id % 3)).collect();
    lender.run(&format!("insert into loan values {}", each.join(", "))).await;
    let rows = loans.flat_map(|id| (1..5).map(move |seq| format!("({id}, {seq}, '100.00')")));
    lender.run(&format!("insert into schedule values {}", rows.collect::<Vec<_>>().join(", "))).await;
}

const SCHEDULE: &str = "select loan.id * 100 + coalesce(seq, 0) as row_key, loan.id * 100 + seq as installment_id, \
    loan.id as borrower_id, loan.id as order_ref, amount, 'CNY' as currency, '2026-12-01' as due_date, \
    case when state = 'closed' then 'cancelled' else 'open' end as status, changed_at as updated_at \
    from loan left join schedule on loan = loan.id \
    where changed_at >= :after and (changed_at > :after or loan.id * 100 + coalesce(seq, 0) > :after_key) \
    order by changed_at, loan.id * 100 + coalesce(seq, 0) limit :limit";

fn of_orders(lender: &Lender, query: &str, page: u32) -> SqlSource {
    let branch = SqlBranch {
        name: Some("loans".parse().expect("a name")),
        query: Query::new(query, lender.dialect).expect("a query"),
        has_whole_orders: true,
    };
    let settings = lender.settings("select :after, :after_key, :limit", page);
    lender.source_of(SqlSettings { branches: vec![branch], ..settings })
}

/// The numbers of what may be reminded of.
async fn due(lender: &Lender) -> Vec<String> {
    let known = lender.installments().await;
    known.iter().filter(|one| one.is_due()).map(|one| one.id.to_string()).collect()
}

async fn held(lender: &Lender) -> usize {
    let filter = RejectFilter { vanished_from: "core".parse().ok(), limit: 1_000, ..RejectFilter::default() };
    lender.ledger.rejects(&filter).await.expect("listed").len()
}

fn vanished(pulled: Result<Summary, PullError>) -> (u64, u64) {
    let summary = pulled.expect("pulled");
    (summary.vanished, summary.vanished_held)
}

/// Foreclosed between two pulls: Fineract deletes what was still to come, writes one row for the payoff, and the loan
/// is closed.
async fn a_foreclosed_loan_has_nothing_open(lender: Lender) {
    lend(&lender, 1..4).await;
    for page in [2, 3, 5, 100] {
        assert_eq!(vanished(lender.pull(&of_orders(&lender, SCHEDULE, page)).await), (0, 0), "in pages of {page}");
    }
    assert_eq!(due(&lender).await.len(), 12);
    lender.clock.advance(Duration::from_secs(300));
    lender.run("delete from schedule where loan = 2 and seq > 1").await;
    lender.run("insert into schedule values (2, 9, '280.00')").await;
    lender.run("update loan set state = 'closed', changed_at = '2026-11-22 02:01:00' where id = 2").await;
    let source = of_orders(&lender, SCHEDULE, 2);
    assert_eq!(vanished(lender.pull(&source).await), (3, 0));
    let expected = ["101", "102", "103", "104", "301", "302", "303", "304"];
    assert_eq!(due(&lender).await, expected, "nobody is reminded of the loan");
    let known = lender.installments().await;
    let gone: Vec<_> = known.iter().filter(|one| one.is_vanished).map(|one| one.id.as_str()).collect();
    assert_eq!(gone, ["202", "203", "204"]);
    assert_eq!(vanished(lender.pull(&source).await), (0, 0), "once");

    // The foreclosure was a mistake, and is undone.
    lender.run("delete from schedule where loan = 2 and seq = 9").await;
    lender.run("insert into schedule values (2, 2, '100.00'), (2, 3, '100.00'), (2, 4, '100.00')").await;
    lender.run("update loan set state = 'active', changed_at = '2026-11-22 02:02:00' where id = 2").await;
    assert_eq!(vanished(lender.pull(&source).await), (0, 0), "the row of the payoff was cancelled before");
    assert_eq!(due(&lender).await.len(), 12);
    assert!(lender.installments().await.iter().all(|one| !one.is_vanished));
}

async fn an_order_without_instalments_says_so_by_its_own_row(lender: Lender) {
    lend(&lender, 1..4).await;
    let source = of_orders(&lender, SCHEDULE, 3);
    lender.pull(&source).await.expect("pulled");
    lender.run("delete from schedule where loan = 3").await;
    lender.run("update loan set state = 'closed', changed_at = '2026-11-22 01:59:00' where id = 3").await;
    let summary = lender.pull(&source).await.expect("pulled");
    assert_eq!((summary.vanished, summary.rejected), (4, 0));
    assert_eq!(due(&lender).await.len(), 8);
}

async fn rows_of_an_order_that_are_rejected_are_not_gone(lender: Lender) {
    lend(&lender, 1..3).await;
    let source = of_orders(&lender, SCHEDULE, 3);
    lender.pull(&source).await.expect("pulled");
    lender.run("update schedule set amount = '-1' where loan = 2 and seq = 3").await;
    lender.run("delete from schedule where loan = 2 and seq = 4").await;
    lender.run("update loan set changed_at = '2026-11-22 01:59:00' where id = 2").await;
    let summary = lender.pull(&source).await.expect("pulled");
    assert_eq!((summary.vanished, summary.rejected), (1, 1));
    assert_eq!(due(&lender).await.len(), 7, "the rejected one holds its reminders in another way");
}

async fn rows_of_one_order_with_different_times_are_refused(lender: Lender) {
    lend(&lender, 1..3).await;
    lender.run("alter table schedule add column paid_at varchar(30)").await;
    lender.run("update schedule set paid_at = '2026-11-21 09:00:00' where seq = 2").await;
    let time = match lender.dialect {
        Dialect::Postgres => "greatest(changed_at, paid_at::timestamptz)",
        Dialect::MySql => "greatest(changed_at, coalesce(cast(paid_at as datetime(6)), changed_at))",
        Dialect::Sqlite => "max(changed_at, coalesce(paid_at, changed_at))",
    };
    let query = SCHEDULE.replace("changed_at", time);
    for page in [1, 3, 100] {
        let told = lender.pull(&of_orders(&lender, &query, page)).await.expect_err("they differ").to_string();
        let expected = "source core, branch loans: rows of one order_ref have different updated_at;";
        assert!(told.starts_with(expected), "in pages of {page}: {told}");
    }
    assert!(!lender.was_pulled_now().await);
}

async fn a_full_read_cancels_what_is_gone(mut lender: Lender) {
    lender.owes(1..1001, "2026-11-22 01:00:00").await;
    let source = lender.in_pages(1_000);
    assert_eq!(vanished(lender.pull(&source).await), (0, 0));
    lender.run("delete from instalment where id % 40 = 0").await;
    assert_eq!(vanished(lender.pull(&source).await), (0, 0), "no row says so");
    assert_eq!(due(&lender).await.len(), 1000);
    lender.reads_all = true;
    assert_eq!(vanished(lender.pull(&source).await), (25, 0));
    assert_eq!(due(&lender).await.len(), 975);
    let states = lender.ledger.sources().await.expect("listed");
    assert!(states[0].full_read_at.is_some());
    assert_eq!(vanished(lender.pull(&source).await), (0, 0), "once");
}

/// The lender shows a tenth fewer rows than yesterday: a view that was changed, a restored backup, a wrong tenant.
async fn a_full_read_that_misses_too_many_cancels_nothing(mut lender: Lender) {
    lender.reads_all = true;
    lender.owes(1..1001, "2026-11-22 01:00:00").await;
    let source = lender.in_pages(1_000);
    lender.pull(&source).await.expect("pulled");
    lender.run("delete from instalment where id % 10 = 0").await;
    let summary = lender.pull(&source).await.expect("pulled");
    assert_eq!((summary.vanished, summary.vanished_held, summary.is_whole()), (0, 100, false));
    assert!(lender.installments().await.iter().all(|one| one.status == InstallmentStatus::Open));
    assert_eq!((held(&lender).await, vanished(lender.pull(&source).await)), (100, (0, 0)), "they are held already");

    // The half of them comes back; the rest is few enough to be believed.
    lender.owes(10..11, "2026-11-22 01:30:00").await;
    let back = (2..=60).map(|id| id * 10).filter(|id| *id <= 600);
    for id in back {
        lender.owes(id..id + 1, "2026-11-22 01:30:00").await;
    }
    assert_eq!(vanished(lender.pull(&source).await), (40, 0));
    assert_eq!((held(&lender).await, due(&lender).await.len()), (0, 960));

    // Everything is gone, and a person agrees.
    lender.run("delete from instalment").await;
    assert_eq!(vanished(lender.pull(&source).await), (0, 960));
    assert_eq!(due(&lender).await.len(), 960);
    let by = ManualChange {
        actor: "wang".into(),
        reason: "the books moved".into(),
        at: crate::fixtures::at(super::lender::NOW),
    };
    let accepted = accept_vanished(&*lender.ledger, &"core".parse().expect("a name"), &by).await.expect("accepted");
    assert_eq!((accepted, held(&lender).await, due(&lender).await.len()), (960, 0, 0));
}

async fn a_full_read_that_breaks_off_cancels_nothing(mut lender: Lender) {
    lender.reads_all = true;
    lender.owes(1..21, "2026-11-22 01:00:00").await;
    let branch = |name: &str, from: &str| SqlBranch {
        name: Some(name.parse().expect("a name")),
        query: Query::new(&format!("select {COLUMNS} from {from} {PAGED}"), lender.dialect).expect("a query"),
        has_whole_orders: false,
    };
    let settings = lender.settings("select :after, :after_key, :limit", 3);
    let source = |second: &str| {
        let branches = vec![branch("one", "instalment"), branch("two", second)];
        lender.source_of(SqlSettings { branches, ..settings.clone() })
    };
    assert_eq!(counts(&lender.pull(&source("instalment")).await.expect("pulled")).0, 20);
    lender.run("delete from instalment where id <= 3").await;
    lender.pull(&source("nothing")).await.expect_err("there is no such table");
    assert_eq!(due(&lender).await.len(), 20);
    assert_eq!(vanished(lender.pull(&source("instalment")).await), (3, 0));
}
