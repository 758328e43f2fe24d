//! The errors about a source that cannot be used, and about rejected rows. They never contain a value.

use std::time::Duration;

use dueherald::source::sql::{Dialect, SqlSettings};

use super::lender::{COLUMNS, Lender, PAGED, counts};
use super::on_every_lender;

on_every_lender! { refusals:
    bad_rows_are_told_by_their_number_and_the_rest_goes_on,
    columns_that_are_missing_are_named,
    columns_that_come_twice_are_named,
    a_query_that_does_not_page_is_told_how_to,
    what_the_database_says_of_the_query_is_told,
    a_row_without_a_time_is_told,
    instalments_that_nothing_says_are_paid_are_refused,
}

async fn bad_rows_are_told_by_their_number_and_the_rest_goes_on(lender: Lender) {
    lender.owes(1..6, "2026-11-22 01:00:00").await;
    lender.run("update instalment set phone = '12', amount = '-1' where id = 2").await;
    lender.run("update instalment set status = 'gone' where id = 4").await;
    let summary = lender.pull(&lender.in_pages(2)).await.expect("pulled");
    assert_eq!(counts(&summary), (3, 0, 0, 2));
    let told: Vec<_> = summary.shown.iter().map(|one| format!("{}: {}", one.place(), one.reason())).collect();
    assert_eq!(
        told,
        [
            "instalment 2: amount is negative; phone is not a valid phone number in CN; one of another country begins \
             with + \
             and the country's code",
            "instalment 4: status is not one of open, paid, cancelled, written_off, disputed",
        ]
    );
}

async fn columns_that_are_missing_are_named(lender: Lender) {
    let columns = COLUMNS.replace(" amount,", " amount as amunt,").replace("due as due_date", "due");
    assert_eq!(
        lender.refusal(&format!("select {columns} from instalment {PAGED}")).await,
        "source core: the query yields no column amount, due_date; add it to the query, with `as` if it has another \
         name \
         there; is “amunt” meant for amount?"
    );
    let columns = COLUMNS.replace(", updated_at", "");
    let told = lender.refusal(&format!("select {columns} from instalment {PAGED}")).await;
    assert!(told.starts_with("source core: the query yields no column updated_at;"), "{told}");
    let told = lender
        .refusal(&format!(
            "select 'mall' as merchant, id as installment_id, paid as paid_amount, updated_at from instalment {PAGED}"
        ))
        .await;
    assert!(told.starts_with("source core: the query yields no column currency;"), "{told}");
    let told = lender
        .refusal(&format!(
            "select 'mall' as merchant, id as installment_id, status, phone, updated_at from instalment {PAGED}"
        ))
        .await;
    assert!(told.starts_with("source core: the column phone is of no use without borrower_id"), "{told}");
}

async fn columns_that_come_twice_are_named(lender: Lender) {
    let told = lender.refusal(&format!("select {COLUMNS}, name as phone from instalment {PAGED}")).await;
    assert!(told.starts_with("source core: the column phone comes twice; keep one"), "{told}");
}

async fn a_query_that_does_not_page_is_told_how_to(lender: Lender) {
    lender.owes(1..8, "2026-11-22 01:00:00").await;
    lender.owes(8..9, "2026-11-21 01:00:00").await;
    let all = "where updated_at <> :after and id <> :after_key";
    for (rest, told) in [
        (
            "where updated_at >= :after and (id <> :after_key or true) order by updated_at, id limit :limit",
            "the same rows come again and again;",
        ),
        (&*format!("{all} order by updated_at desc, id limit :limit"), "the rows do not come in order;"),
        (
            &*format!("{all} order by updated_at, id limit 5 + 0 * cast(:limit as bigint)"),
            "more rows come than the page holds;",
        ),
    ] {
        if lender.dialect == Dialect::MySql && rest.contains("5 +") {
            // There a limit is a number or a parameter and nothing else.
            continue;
        }
        let said = lender.refusal(&format!("select {COLUMNS} from instalment {rest}")).await;
        assert!(said.starts_with(&format!("source core: {told}")), "{rest}: {said}");
    }
}

async fn what_the_database_says_of_the_query_is_told(lender: Lender) {
    let told = lender.refusal(&format!("select {COLUMNS} from instalments {PAGED}")).await;
    assert!(told.starts_with("source core: the database did not answer the query: "), "{told}");
    assert!(told.contains("instalments"), "{told}");
    let told =
        lender.refusal(&format!("select {} from instalment {PAGED}", COLUMNS.replace("borrower as", "owner as"))).await;
    assert!(told.contains("owner"), "{told}");
}

async fn a_row_without_a_time_is_told(lender: Lender) {
    lender.owes(1..2, "2026-11-22 01:00:00").await;
    let query = "select id as installment_id, borrower as borrower_id, amount, 'CNY' as currency, due as due_date, \
                 case when id = 0 then updated_at end as updated_at from instalment \
                 where updated_at >= :after and (updated_at > :after or id > :after_key) order by 6, id limit :limit";
    let told = lender.refusal(query).await;
    assert!(told.starts_with("source core: a row has no updated_at"), "{told}");
}

async fn instalments_that_nothing_says_are_paid_are_refused(lender: Lender) {
    lender.owes(1..2, "2026-11-22 01:00:00").await;
    let columns = COLUMNS.replace("paid as paid_amount, ", "").replace("status, ", "");
    let settings = lender.settings(&format!("select {columns} from instalment {PAGED}"), 10);
    assert_eq!(counts(&lender.pull(&lender.source_of(settings.clone())).await.expect("pulled")).0, 1);
    let strict = lender.source_of(SqlSettings { pays_elsewhere: false, ..settings });
    let told = lender.pull(&strict).await.expect_err("it is refused").to_string();
    assert!(told.starts_with("source core: the query yields neither status nor paid_amount"), "{told}");
    assert!(told.contains("payments = \"elsewhere\""), "{told}");
}

/// Where the database knows the types beforehand, a wrong one is told before the first row.
#[tokio::test]
async fn types_that_cannot_be_read_are_named_with_what_to_write() {
    for (lender, float, time) in
        [(Lender::postgres().await, "float8", "timestamptz"), (Lender::mariadb().await, "double", "datetime")]
    {
        for (from, to, told) in [
            (
                "amount,",
                "amount * 1e0 as amount,",
                format!(
                    "the column amount is of the type {float}; amounts must be \
                exact: write cast(… as decimal(18, 2)), or a text such as 128.50"
                ),
            ),
            (
                "due as due_date",
                "updated_at as due_date",
                match time {
                    "timestamptz" => {
                        "the column due_date is of the type timestamptz; write its day where the lender is: \
                    (due_at at time zone 'Asia/Shanghai')::date in PostgreSQL, and in MySQL date(due_at) with the \
                    source's time_zone = \"Asia/Shanghai\""
                            .to_owned()
                    }
                    _ => format!(
                        "the column due_date is of the type {time}; write cast(… as date), or a text such as \
                    2026-03-31"
                    ),
                },
            ),
            (
                ", \
                updated_at",
                ", due as \
                    updated_at",
                "the column updated_at is of the type date; it must be a timestamp (with or without \
                        a zone), a datetime, in SQLite a text such as 2026-03-31 08:00:00"
                    .into(),
            ),
        ] {
            let to = if float == "float8" { to.replace("1e0", "1::float8") } else { to.to_owned() };
            let told = format!("source core: {told}");
            assert_eq!(
                lender
                    .refusal(&format!(
                        "select {} from instalment \
                {PAGED}",
                        COLUMNS.replacen(from, &to, 1)
                    ))
                    .await,
                told
            );
        }
    }
}

/// SQLite has a type for each value, so the row is rejected.
#[tokio::test]
async fn a_float_in_sqlite_is_a_fault_of_its_row() {
    let lender = Lender::sqlite().await;
    lender.owes(1..3, "2026-11-22 01:00:00").await;
    let columns = COLUMNS.replace(" amount,", " case id when 1 then 0.1 else amount end as amount,");
    let summary =
        lender.pull(&lender.source(&format!("select {columns} from instalment {PAGED}"))).await.expect("pulled");
    assert_eq!(counts(&summary), (1, 0, 0, 1));
    assert!(summary.shown[0].reason().starts_with("amount has a value that cannot be taken; amounts must be exact"));
}

#[tokio::test]
async fn no_value_stands_in_an_error() {
    let lender = Lender::postgres().await;
    lender.owes(1..2, "2026-11-22 01:00:00").await;
    lender.run("update instalment set name = 'Secret Person'").await;
    let told = lender.refusal(&format!("select {COLUMNS}, name::int as of from instalment {PAGED}")).await;
    assert!(told.contains("error 22P02") && !told.contains("Secret"), "{told}");
}

#[tokio::test]
async fn nothing_is_written_there() {
    let lender = Lender::postgres().await;
    let query = format!("with gone as (delete from instalment returning 1) select {COLUMNS} from instalment {PAGED}");
    let told = lender.refusal(&query).await;
    assert!(told.contains("read-only transaction"), "{told}");

    let lender = Lender::mariadb().await;
    lender.owes(1..2, "2026-11-22 01:00:00").await;
    lender
        .run(
            "create function touch() returns int modifies sql data begin update instalment set name = 'x'; return 1; \
            end",
        )
        .await;
    let told = lender.refusal(&format!("select {COLUMNS}, touch() as sequence from instalment {PAGED}")).await;
    assert!(told.contains("READ ONLY"), "{told}");
}

#[tokio::test]
async fn a_server_that_is_gone_is_told_without_the_password() {
    let postgres = Lender::postgres().await;
    let mariadb = Lender::mariadb().await;
    for (lender, scheme) in [(&postgres, "postgres"), (&mariadb, "mysql")] {
        lender.owes(1..2, "2026-11-22 01:00:00").await;
        lender.pull(&lender.in_pages(2)).await.expect("pulled");
        // A port that was free a moment ago: nobody listens there.
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let gone = lender.source_at(
            &format!("{scheme}://reader:s3cret@127.0.0.1:{port}/lending"),
            &format!("select {COLUMNS} from instalment {PAGED}"),
            2,
        );
        lender.clock.advance(Duration::from_secs(60));
        let told = lender.pull(&gone).await.expect_err("nobody is there").to_string();
        assert!(told.starts_with("source core: cannot connect: ") && told.contains("check its url"), "{told}");
        assert!(!told.contains("s3cret"), "{told}");
        assert!(!lender.was_pulled_now().await);
        assert_eq!(lender.read_to().await.as_deref(), Some("2026-11-22T01:00:00+00:00"), "the cursor stays");
    }
}

#[tokio::test]
async fn a_source_whose_name_leads_to_a_metadata_address_is_not_connected_to() {
    for (lender, scheme) in [(Lender::postgres().await, "postgres"), (Lender::mariadb().await, "mysql")] {
        let query = format!("select {COLUMNS} from instalment {PAGED}");
        let source = lender.source_at(&format!("{scheme}://reader:s3cret@2852039166/lending"), &query, 2);
        let told = lender.pull(&source).await.expect_err("it is forbidden").to_string();
        assert!(told.contains("never connected to") && !told.contains("s3cret"), "{told}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for_without_end() {
    let lender = Lender::mariadb().await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("mysql://reader@{}/lending", silent.local_addr().expect("an address"));
    let source = lender.source_at(&url, &format!("select {COLUMNS} from instalment {PAGED}"), 2);
    let mut pulling = Box::pin(lender.pull(&source));
    let told = loop {
        tokio::select! {
            biased;
            ended = &mut pulling => break ended.expect_err("it says nothing").to_string(),
            () = tokio::task::yield_now() => lender.clock.advance(Duration::from_secs(1)),
        }
    };
    assert!(told.starts_with("source core: no answer within 15s"), "{told}");
}
