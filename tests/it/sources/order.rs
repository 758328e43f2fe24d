//! A query whose pages would skip rows is an error: it pages in another order than it compares, or its key is not
//! unique.

use dueherald::source::sql::Dialect;

use super::lender::{COLUMNS, Lender, PAGED, counts};
use super::on_every_lender;

on_every_lender! { order:
    another_order_than_the_one_that_is_compared_is_refused,
    a_number_that_is_compared_as_text_is_refused,
    texts_in_the_order_of_the_database_are_read_whole,
    a_key_that_comes_twice_is_refused,
}

/// Ten rows of one instant, whose names are in another order than their numbers.
async fn ten(lender: &Lender) {
    lender.owes(1..11, "2026-11-22 01:00:00").await;
    for (id, name) in (1..11).zip(["d", "h", "a", "j", "b", "i", "c", "g", "e", "f"]) {
        lender.run(&format!("update instalment set name = '{name}' where id = {id}")).await;
    }
}

async fn another_order_than_the_one_that_is_compared_is_refused(lender: Lender) {
    ten(&lender).await;
    for (order, told) in [
        ("updated_at, name", "rows of one instant do not come in the order of the key"),
        ("updated_at, id desc", "rows of one instant do not come in the order of the key"),
        ("updated_at", ""),
    ] {
        let query = format!("select {COLUMNS} from instalment {}", PAGED.replace("updated_at, id", order));
        for page in [3, 9] {
            match lender.pull(&lender.source_at(&lender.url, &query, page)).await {
                Ok(summary) => assert_eq!((told, summary.taken()), ("", 10), "{order}"),
                Err(error) => assert!(error.to_string().starts_with(&format!("source core: {told}")), "{error}"),
            }
        }
    }
}

/// The number as text.
fn text_of(lender: &Lender) -> &'static str {
    match lender.dialect {
        Dialect::Postgres => "id::text",
        Dialect::MySql => "cast(id as char(20))",
        Dialect::Sqlite => "cast(id as text)",
    }
}

/// The last page ends at 9, and '10' is less than '9'.
async fn a_number_that_is_compared_as_text_is_refused(lender: Lender) {
    ten(&lender).await;
    let text = text_of(&lender);
    let columns = COLUMNS.replace("id as installment_id", &format!("{text} as installment_id"));
    let paged = PAGED.replace("id > :after_key", &format!("{text} > :after_key"));
    let query = format!("select {columns} from instalment {paged}");
    for (page, skips) in [(3, true), (4, true), (9, true), (10, false)] {
        let pulled = lender.pull(&lender.source_at(&lender.url, &query, page)).await;
        let told = pulled.map(|summary| summary.taken()).map_err(|error| error.to_string());
        match told {
            Ok(taken) => assert!(!skips && taken == 10, "{page}"),
            Err(told) => assert!(skips && told.contains("skip") | told.contains("again and again"), "{page}: {told}"),
        }
    }
}

async fn texts_in_the_order_of_the_database_are_read_whole(lender: Lender) {
    ten(&lender).await;
    let text = text_of(&lender);
    let columns = COLUMNS.replace("id as installment_id", &format!("{text} as installment_id"));
    let paged = PAGED
        .replace("id > :after_key", &format!("{text} > :after_key"))
        .replace("updated_at, id", &format!("updated_at, {text}"));
    for page in 1..12 {
        let source = lender.source_at(&lender.url, &format!("select {columns} from instalment {paged}"), page);
        assert_eq!(lender.pull(&source).await.expect("pulled").taken(), 10, "in pages of {page}");
    }
}

async fn a_key_that_comes_twice_is_refused(lender: Lender) {
    ten(&lender).await;
    lender.run("create table mobile (borrower varchar(40), number varchar(40))").await;
    lender.run("insert into mobile values ('b3', '13800138001'), ('b3', '13800138002'), ('b4', '13800138003')").await;
    let columns = COLUMNS
        .replace("borrower as borrower_id", "instalment.borrower as borrower_id")
        .replace("phone,", "mobile.number as phone,");
    let joined = "instalment left join mobile on mobile.borrower = instalment.borrower";
    let query = format!("select {columns} from {joined} {PAGED}");
    for page in [1, 2, 3, 20] {
        let pulled = lender.pull(&lender.source_at(&lender.url, &query, page)).await;
        let told = pulled.map(|summary| counts(&summary)).expect_err("an instalment comes twice").to_string();
        let is_told = told.starts_with("source core: two rows have the same updated_at and the same installment_id")
            || told.starts_with("source core: the pages skip rows of one instant");
        assert!(is_told, "in pages of {page}: {told}");
    }
}
