//! `check` says what the law asks of a merchant, and how that is today.

use dueherald::cli::check;
use rstest::rstest;

use super::{changed, load};

const REVOKE_ALL: &str = "a revocation in answer to one message counts for messages on all other subjects too";

#[rstest]
#[case::before("2027-01-31T04:59:59Z", "applies from 2027-01-31")]
#[case::after("2027-01-31T05:00:00Z", "in force since 2027-01-31")]
#[tokio::test]
async fn a_check_shows_the_state_of_a_clause_by_the_merchants_date(#[case] now: &str, #[case] state: &str) {
    let text = changed(&[("jurisdiction = \"uk\"", "jurisdiction = \"us\""), ("Europe/London", "America/New_York")]);
    let config = load(&text, &[]).expect("it is sound");
    let mut out = Vec::new();
    check::run(&config, None, now.parse().expect("a time"), None, &mut out).await.expect("memory can be written");
    let shown = String::from_utf8(out).expect("it is text");
    let clause = shown.lines().find(|line| line.contains(REVOKE_ALL)).expect("the clause is shown");
    assert!(clause.contains(state), "{clause}");
}
