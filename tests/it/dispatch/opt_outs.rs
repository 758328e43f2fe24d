//! Who opted out at the provider: known by its refusal, and left in peace from then on.

use dueherald::domain::{RejectScope, SkipReason, SuppressionReason};
use dueherald::store::{Store, SuppressionFilter};

use super::bench::{Bench, Setup, rejected};
use crate::fixtures::{borrower, merchant};

#[tokio::test]
async fn who_opted_out_at_the_provider_is_suppressed_and_tried_nowhere_else() {
    let bench = Bench::of(Setup::pair());
    bench.gateway("first").answers(vec![rejected(RejectScope::OptedOut)]);
    bench.add(1).await;
    assert_eq!(bench.drain().await.failed, 1);
    let known = bench.store.suppressions(&SuppressionFilter { limit: 10, ..SuppressionFilter::default() }).await;
    let [one] = &known.expect("listed")[..] else { panic!("one is suppressed") };
    assert_eq!((&one.merchant, one.reason), (&Some(merchant().id), SuppressionReason::OptedOut));
    assert_eq!((one.source.as_str(), one.until), ("first", None));
    assert_eq!(Some(one.address.reveal()), borrower("b0").phone.as_ref().map(|phone| phone.as_e164()));

    // Another borrower with the same phone.
    bench.add(1).await;
    assert_eq!(bench.drain().await.skipped[&SkipReason::OptedOut], 1);
    assert_eq!((bench.gateway("first").seen().len(), bench.gateway("second").seen().len()), (1, 0));
}
