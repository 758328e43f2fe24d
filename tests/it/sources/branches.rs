//! Branches of a source: a query and a cursor each.

use chrono::TimeDelta;
use dueherald::domain::BranchName;
use dueherald::source::sql::{Query, SqlBranch, SqlSettings, SqlSource};

use super::lender::{COLUMNS, Lender, PAGED, counts};
use super::on_every_lender;

on_every_lender! { branches:
    each_branch_goes_on_from_its_own_place,
    a_branch_that_fails_is_named_and_the_others_keep_their_places,
    branches_of_different_columns_are_refused,
    the_age_of_the_data_is_noted_with_the_pull,
    a_freshness_that_is_no_time_is_refused,
}

fn named(branch: &str) -> BranchName {
    branch.parse().expect("a name")
}

/// The instalments by their own changes, and by those of their borrowers.
fn branches(lender: &Lender) -> Vec<SqlBranch> {
    let columns = COLUMNS.replace("phone, ", "person.phone as phone, ").replace(", updated_at", "");
    let joined = |changed_at: &str| {
        format!(
            "select {columns}, {changed_at} as updated_at from instalment join person on person.number = borrower \
             where {changed_at} >= :after and ({changed_at} > :after or id > :after_key) \
             order by {changed_at}, id limit :limit"
        )
    };
    [("instalments", joined("updated_at")), ("people", joined("person.changed_at"))]
        .map(|(name, query)| SqlBranch {
            name: Some(named(name)),
            query: Query::new(&query, lender.dialect).expect("a query"),
            has_whole_orders: false,
        })
        .into()
}

fn source(lender: &Lender, branches: Vec<SqlBranch>) -> SqlSource {
    let settings = lender.settings("select :after, :after_key, :limit", 2);
    lender.source_of(SqlSettings { branches, ..settings })
}

async fn with_people(lender: &Lender) {
    let instant = match lender.dialect {
        dueherald::source::sql::Dialect::Postgres => "timestamptz",
        dueherald::source::sql::Dialect::MySql => "datetime(6)",
        dueherald::source::sql::Dialect::Sqlite => "text",
    };
    lender.run(&format!("create table person (number varchar(40), phone varchar(40), changed_at {instant})")).await;
    let people = (1..6).map(|id| format!("('b{id}', '1380013800{id}', '2026-11-20 00:00:00')"));
    lender.run(&format!("insert into person values {}", people.collect::<Vec<_>>().join(", "))).await;
    lender.owes(1..6, "2026-11-22 01:00:00").await;
}

async fn places(lender: &Lender) -> Vec<(String, String)> {
    let states = lender.ledger.sources().await.expect("listed");
    let places = states[0].branches.iter();
    places.map(|(branch, at)| (branch.to_string(), at.format("%F %T").to_string())).collect()
}

fn place(branch: &str, at: &str) -> (String, String) {
    (branch.to_owned(), at.to_owned())
}

async fn each_branch_goes_on_from_its_own_place(lender: Lender) {
    with_people(&lender).await;
    let branches = branches(&lender);
    let pulled = source(&lender, branches.clone());
    assert_eq!(counts(&lender.pull(&pulled).await.expect("pulled")), (5, 0, 5, 0), "each branch reads them all");
    let expected = [place("instalments", "2026-11-22 01:00:00"), place("people", "2026-11-20 00:00:00")];
    assert_eq!(places(&lender).await, expected);

    lender.run("update person set phone = '13900139000', changed_at = '2026-11-21 00:00:00' where number = 'b4'").await;
    let summary = lender.pull_again_from(&pulled, TimeDelta::minutes(1)).await.expect("pulled");
    assert_eq!(counts(&summary), (0, 1, 4 + 5, 0), "both branches have the change");
    assert_eq!(places(&lender).await[1], place("people", "2026-11-21 00:00:00"));

    let mut renamed = branches;
    renamed[0].name = Some(named("rows"));
    let summary = lender.pull(&source(&lender, renamed)).await.expect("pulled");
    assert_eq!(summary.same, 5 + 1, "a new name begins at the beginning");
}

async fn a_branch_that_fails_is_named_and_the_others_keep_their_places(lender: Lender) {
    with_people(&lender).await;
    let mut branches = branches(&lender);
    branches[1].query = Query::new(&format!("select {COLUMNS} from nothing {PAGED}"), lender.dialect).expect("a query");
    let told = lender.pull(&source(&lender, branches)).await.expect_err("there is no such table").to_string();
    assert!(told.starts_with("source core, branch people: the database did not answer the query: "), "{told}");
    assert_eq!(lender.installments().await.len(), 5);
    assert_eq!(places(&lender).await, [place("instalments", "2026-11-22 01:00:00")]);
    assert!(!lender.was_pulled_now().await, "the ledger lacks a branch");
}

async fn branches_of_different_columns_are_refused(lender: Lender) {
    with_people(&lender).await;
    let mut branches = branches(&lender);
    let columns = COLUMNS.replace("status, ", "");
    branches[1].query =
        Query::new(&format!("select {columns} from instalment {PAGED}"), lender.dialect).expect("a query");
    let told = lender.pull(&source(&lender, branches)).await.expect_err("they differ").to_string();
    let expected = "source core, branch people: the column status is not in every branch; all branches yield the same \
                    columns";
    assert_eq!(told, expected);
}

async fn the_age_of_the_data_is_noted_with_the_pull(lender: Lender) {
    let settings = lender.settings(&format!("select {COLUMNS} from instalment {PAGED}"), 10);
    let freshness = Some("select max(updated_at) from instalment".to_owned());
    let source = lender.source_of(SqlSettings { freshness, ..settings });
    let data_at = async || lender.ledger.sources().await.expect("listed")[0].data_at.map(|at| at.to_rfc3339());
    lender.pull(&source).await.expect("pulled");
    assert_eq!(data_at().await, None, "there is no data yet");
    lender.owes(1..2, "2026-11-22 01:30:00").await;
    lender.pull(&source).await.expect("pulled");
    assert_eq!(data_at().await.as_deref(), Some("2026-11-22T01:30:00+00:00"));
    lender.owes(2..3, "2026-11-23 01:30:00").await;
    lender.pull(&source).await.expect("pulled");
    assert_eq!(data_at().await.as_deref(), Some("2026-11-22T02:00:00+00:00"), "the lender's clock is ahead");
}

async fn a_freshness_that_is_no_time_is_refused(lender: Lender) {
    lender.owes(1..3, "2026-11-22 01:00:00").await;
    for (statement, told) in [
        ("select max(id) from instalment", "the query `freshness` yields no time;"),
        ("select updated_at from instalment", "the query `freshness` yields no time;"),
        ("select max(updated_at), 1 from instalment", "the query `freshness` yields no time;"),
        ("select max(updated_at) from instalments", "the database did not answer the query: "),
    ] {
        let settings = lender.settings(&format!("select {COLUMNS} from instalment {PAGED}"), 10);
        let source = lender.source_of(SqlSettings { freshness: Some(statement.to_owned()), ..settings });
        let said = lender.pull(&source).await.expect_err("it is refused").to_string();
        assert!(said.starts_with(&format!("source core: {told}")), "{statement}: {said}");
    }
    assert!(lender.installments().await.is_empty(), "it is asked first");
}
