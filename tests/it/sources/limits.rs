//! The time limits of statements, and the settings of a session: the lender's own stay.

use std::time::Duration;

use dueherald::source::sql::SqlSettings;

use super::lender::{COLUMNS, Lender, PAGED, counts};

/// A query that takes as long as that with each row.
fn slow(sleep: &str) -> String {
    format!("select {COLUMNS} from instalment {}", PAGED.replace("where", &format!("where {sleep} and")))
}

#[tokio::test]
async fn the_smaller_limit_of_a_postgres_holds() {
    let lender = Lender::postgres().await;
    lender.owes(1..3, "2026-11-22 01:00:00").await;
    let own = "do $$ begin execute format('alter database %I set statement_timeout = 300', current_database()); end $$";
    lender.run(own).await;
    let told = lender.refusal(&slow("pg_sleep(30) is not null")).await;
    assert!(told.starts_with("source core: the database broke off the query: canceling statement due to"), "{told}");
    assert!(told.contains("statement_timeout in the config"), "{told}");
    assert!(!lender.was_pulled_now().await, "its reminders are held when the ledger is too old");
    assert_eq!(counts(&lender.pull(&lender.in_pages(10)).await.expect("pulled")), (2, 0, 0, 0));
}

#[tokio::test]
async fn the_limit_of_the_config_holds_on_postgres() {
    let lender = Lender::postgres().await;
    lender.owes(1..3, "2026-11-22 01:00:00").await;
    let settings = lender.settings(&slow("pg_sleep(30) is not null"), 10);
    let source = lender.source_of(SqlSettings { statement_timeout: Duration::from_millis(100), ..settings });
    let told = lender.pull(&source).await.expect_err("it is slow").to_string();
    assert!(told.starts_with("source core: the database broke off the query: "), "{told}");
}

#[tokio::test]
async fn the_limit_of_the_config_holds_on_mariadb() {
    let lender = Lender::mariadb().await;
    lender.owes(1..3, "2026-11-22 01:00:00").await;
    let settings = lender.settings(&slow("sleep(30) = 0"), 10);
    let source = lender.source_of(SqlSettings { statement_timeout: Duration::from_millis(100), ..settings });
    let told = lender.pull(&source).await.expect_err("it is slow").to_string();
    assert!(told.starts_with("source core: the database broke off the query: "), "{told}");
}

#[tokio::test]
async fn the_smaller_limit_of_a_mariadb_user_holds() {
    let lender = Lender::mariadb().await;
    lender.owes(1..3, "2026-11-22 01:00:00").await;
    let user = format!("reader{}", std::process::id());
    lender.run(&format!("create user {user}@localhost identified by 'x' with max_statement_time 0.3")).await;
    lender.run(&format!("grant select on *.* to {user}@localhost")).await;
    let url = lender.url.replace("mysql://root@", &format!("mysql://{user}:x@"));
    let source = lender.source_at(&url, &slow("sleep(30) = 0"), 10);
    let told = lender.pull(&source).await.expect_err("it is slow").to_string();
    lender.run(&format!("drop user {user}@localhost")).await;
    assert!(told.starts_with("source core: the database broke off the query: "), "{told}");
}

/// The lender's server decides what `||` means.
#[tokio::test]
async fn a_query_means_on_mariadb_what_it_means_in_its_own_client() {
    let lender = Lender::mariadb().await;
    lender.owes(1..3, "2026-11-22 01:00:00").await;
    let query = format!("select {COLUMNS}, 1 || 0 as sequence from instalment {PAGED}");
    lender.pull(&lender.source(&query)).await.expect("pulled");
    assert_eq!(lender.installments().await[0].sequence, Some(1), "it is the logical or, as the server has it");
}

#[tokio::test]
async fn texts_of_binary_collations_and_json_are_texts_on_mariadb() {
    let lender = Lender::mariadb().await;
    lender
        .run(
            "create table bill (id varchar(36) character set utf8mb4 collate utf8mb4_bin primary key, \
             name varchar(80) collate utf8mb4_bin, note text collate utf8mb4_bin, kind char(8) collate utf8mb4_bin, \
             data json, raw varbinary(20), updated_at datetime(6))",
        )
        .await;
    for id in ["a", "B", "b", "A", "_"] {
        let row = format!(
            "('{id}', '李伟', 'sofa', 'open', '{{\"order\": \"O-1\", \"tags\": [\"x\"]}}', 'raw', '2026-11-22 01:00:00')"
        );
        lender.run(&format!("insert into bill values {row}")).await;
    }
    let query = "select id as installment_id, id as borrower_id, name, note as product, kind as status, \
                 json_unquote(json_extract(data, '$.order')) as order_ref, 1.50 as amount, 'CNY' as currency, \
                 cast('2026-12-01' as date) as due_date, updated_at from bill \
                 where updated_at >= :after and (updated_at > :after or id > :after_key) \
                 order by updated_at, id limit :limit";
    for page in [1, 2, 10] {
        let summary = lender.pull(&lender.source_at(&lender.url, query, page)).await.expect("pulled");
        assert_eq!((summary.taken(), summary.rejected), (5, 0), "{:?}", summary.shown);
    }
    let known = lender.installments().await;
    assert_eq!((known[0].product.as_deref(), known[0].order_ref.as_deref()), (Some("sofa"), Some("O-1")));
    let told = lender.refusal(&query.replace("note as product", "raw as product")).await;
    assert!(told.contains("the column product is of the type varbinary"), "{told}");
}
