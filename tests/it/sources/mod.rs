//! Sources: the lender's own database, on real servers, as it comes into the ledger.

mod branches;
mod commands;
mod folder;
mod lender;
mod limits;
mod nothing_lost;
mod odd_values;
mod order;
mod pulls;
mod refusals;
mod types;
mod vanishing;

/// One test for each case on each kind of database.
macro_rules! on_every_lender {
    ($area:ident: $($case:ident),+ $(,)?) => {
        on_every_lender! { @postgres $area: $($case),+ }
        on_every_lender! { @mariadb $area: $($case),+ }
        on_every_lender! { @sqlite $area: $($case),+ }
    };
    (@$lender:ident $area:ident: $($case:ident),+) => {
        mod $lender {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::sources::lender::Lender::$lender().await).await;
            })+
        }
    };
}
use on_every_lender;
