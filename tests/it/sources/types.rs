//! The conversion of each database's values.

use dueherald::domain::{Channel, InstallmentStatus};

use super::lender::{Lender, counts};
use super::on_every_lender;
use crate::fixtures::day;

on_every_lender! { types:
    every_type_arrives_as_it_is_meant,
    keys_may_be_texts,
    a_row_key_tells_rows_apart,
}

async fn every_type_arrives_as_it_is_meant(lender: Lender) {
    lender
        .run(
            "insert into instalment values (7, 'b-7', '欧阳娜娜😀', '+86 138 0013 8000', '1280.5000', '0.5', '2026-12-31', \
             'open', '2026-11-22 01:00:00.123456'), (8, 'b-8', null, null, '99999999.99', null, '2026-12-31', null, \
             '2026-11-22 01:00:00.123457')",
        )
        .await;
    assert_eq!(counts(&lender.pull(&lender.in_pages(1)).await.expect("pulled")), (2, 0, 0, 0));
    assert_eq!(lender.read_to().await.as_deref(), Some("2026-11-22T01:00:00.123457+00:00"));
    let [seven, eight] = lender.installments().await.try_into().expect("two");
    assert_eq!(
        (seven.amount.amount().to_string(), seven.paid_amount.amount().to_string()),
        ("1280.50".into(), "0.50".into())
    );
    assert_eq!((seven.due_date, seven.status), (day("2026-12-31"), InstallmentStatus::Open));
    assert_eq!(
        (eight.amount.amount().to_string(), eight.paid_amount.amount().to_string()),
        ("99999999.99".into(), "0.00".into())
    );
    let borrower = dueherald::domain::BorrowerKey { merchant: seven.merchant, id: seven.borrower };
    let account = lender.ledger.account(&borrower, seven.due_date, Channel::Sms).await.expect("read");
    let borrower = account.borrower.expect("there");
    assert_eq!(borrower.name.expect("a name").as_str(), "欧阳娜娜😀");
    assert_eq!(borrower.phone.expect("a number").as_e164(), "+8613800138000");
}

async fn keys_may_be_texts(lender: Lender) {
    lender.owes(1..12, "2026-11-22 01:00:00").await;
    let query = "select borrower as installment_id, borrower as borrower_id, amount, 'CNY' as currency, due as \
        due_date, \
                 updated_at from instalment where updated_at >= :after and (updated_at > :after or borrower > \
                 :after_key) \
                 order by updated_at, borrower limit :limit";
    assert_eq!(counts(&lender.pull(&lender.source_at(&lender.url, query, 2)).await.expect("pulled")), (11, 0, 0, 0));
}

async fn a_row_key_tells_rows_apart(lender: Lender) {
    lender.owes(1..8, "2026-11-22 01:00:00").await;
    // Two rows of each instalment, which its number does not tell apart.
    let query = "select q.row_key, q.id as installment_id, borrower as borrower_id, amount, 'CNY' as currency, \
                 due as due_date, updated_at from (select id * 2 as row_key, i.* from instalment i \
                 union all select id * 2 + 1, i.* from instalment i) q \
                 where updated_at >= :after and (updated_at > :after or q.row_key > :after_key) \
                 order by updated_at, q.row_key limit :limit";
    assert_eq!(counts(&lender.pull(&lender.source_at(&lender.url, query, 3)).await.expect("pulled")), (7, 0, 7, 0));
}

/// Times without a zone are in the zone of the source, and those with one are not.
#[tokio::test]
async fn times_without_a_zone_are_in_the_sources_zone() {
    let (local, zoned) = ("2026-11-21T13:00:00+00:00", "2026-11-22T01:00:00+00:00");
    for (lender, without, with) in [
        (Lender::postgres().await, "timestamp", "timestamptz"),
        (Lender::mariadb().await, "datetime(6)", "timestamp(6)"),
    ] {
        lender.run(&format!("create table t (id int primary key, a {without}, b {with})")).await;
        lender
            .run(
                "insert into t (id, a, b) values (1, '2026-11-21 08:00:00', '2026-11-22 01:00:00'), (2, \
            '2026-11-21 08:00:00', '2026-11-22 01:00:00')",
            )
            .await;
        for (column, expected) in [("a", local), ("b", zoned)] {
            let query = format!(
                "select id as installment_id, 'b' as borrower_id, 1 as amount, 'CNY' as currency, '2026-12-01' as \
                 due_date, \
                 {column} as updated_at from t where {column} >= :after and ({column} > :after or id > :after_key) \
                 order by {column}, id limit :limit"
            );
            let mut settings = lender.settings(&query, 1);
            settings.zone = Some(chrono_tz::America::New_York);
            settings.name = column.parse().expect("a name");
            let source = lender.source_of(settings);
            let summary = lender.pull(&source).await.expect("pulled");
            assert_eq!(summary.taken(), 2);
            // The second time within the overlap, which is given in the same zone.
            assert_eq!(lender.pull(&source).await.expect("pulled").same, 2, "{column}");
            let states = lender.ledger.sources().await.expect("listed");
            let state = states.iter().find(|state| state.name == *source.name()).expect("known");
            assert_eq!(state.read_to.map(|at| at.to_rfc3339()).as_deref(), Some(expected));
        }
    }
}

/// Types that only one database has.
#[tokio::test]
async fn native_types_are_read() {
    let postgres = Lender::postgres().await;
    postgres.run("create type standing as enum ('open', 'paid')").await;
    postgres
        .run(
            "create table t (id smallint, who char(8), amount numeric, due date, standing standing, changed \
            timestamptz)",
        )
        .await;
    postgres.run("insert into t values (1, 'b1', 12.5, '2026-12-01', 'paid', '2026-11-22 01:00:00Z')").await;
    let query = "select id as installment_id, who as borrower_id, amount, 'CNY' as currency, due as due_date, \
                 standing as status, changed as updated_at from t where (changed, id) > (:after, :after_key) \
                 order by changed, id limit :limit";
    assert_eq!(counts(&postgres.pull(&postgres.source(query)).await.expect("pulled")), (1, 0, 0, 0));

    let mariadb = Lender::mariadb().await;
    mariadb
        .run(
            "create table t (id bigint unsigned, who int unsigned, amount decimal(10, 2), n tinyint(1), due date, \
             standing enum('open', 'paid'), changed timestamp)",
        )
        .await;
    mariadb
        .run("insert into t values (18446744073709551615, 7, 12.5, 3, '2026-12-01', 'paid', '2026-11-22 01:00:00')")
        .await;
    let query = "select id as installment_id, who as borrower_id, amount, 'CNY' as currency, due as due_date, n as \
        sequence, \
                 null as name, standing as status, changed as updated_at from t where changed >= :after and \
                 (changed > :after or id > :after_key) order by changed, id limit :limit";
    let source = mariadb.source_at(&mariadb.url, query, 1);
    assert_eq!(counts(&mariadb.pull(&source).await.expect("pulled")), (1, 0, 0, 0));
    for lender in [postgres, mariadb] {
        let one = lender.installments().await.remove(0);
        assert_eq!((one.amount.amount().to_string().as_str(), one.status), ("12.50", InstallmentStatus::Paid));
    }
}
