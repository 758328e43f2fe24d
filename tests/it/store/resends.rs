//! Resends by hand: one at a time, unless more are asked for.

use std::time::Duration;

use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{Channel, Code, HoldCause, HoldReason, Next, Outcome, RejectScope, ReminderId, State};
use dueherald::pipeline::{AuditNote, LinkGate, ResendError, ResendRequest, ResendTarget, resend};
use dueherald::plan::Decision;
use dueherald::store::Store;
use futures_util::future::join_all;

use super::outcomes::{accepted, settle, unknown};
use super::sample::{always, claim, claim_all, import, row_with_phone, view};
use crate::fixtures::policy;

const MINUTE: Duration = Duration::from_secs(60);

async fn resent(
    store: &dyn Store,
    borrower: &str,
    overrides_limits: bool,
    clock: &SimClock,
) -> Result<ReminderId, ResendError> {
    let request = ResendRequest {
        whom: ResendTarget::Borrower(borrower.parse().expect("an id")),
        merchant: None,
        due_date: None,
        channel: Channel::Sms,
        audit_note: AuditNote::new("li.na", "called in").expect("it is signed"),
        overrides_limits,
        seen: None,
        text_version: String::new(),
    };
    let gate = LinkGate::default();
    resend(store, &policy(), &|_| Some(&gate), request, clock.now()).await
}

/// A resend to a borrower of its own that is then in `state`.
async fn first(store: &dyn Store, borrower: &str, state: State, clock: &SimClock) -> ReminderId {
    import(store, &[row_with_phone(borrower, &format!("i-{borrower}"))]).await;
    let id = resent(store, borrower, false, clock).await.expect("it is the first");
    match state {
        State::Planned => return id,
        State::Held => {
            claim(store, 1, &always(Decision::Hold(HoldCause::new(HoldReason::Stopped, "mall")))).await;
        }
        _ => {
            let claimed = claim_all(store).await.sending.into_iter().find(|one| one.attempt.reminder() == id);
            let claimed = claimed.expect("it is due");
            let settlement = match state {
                State::Unknown => unknown(claimed, clock),
                State::Accepted => accepted(claimed, clock),
                State::Failed => {
                    let outcome = Outcome::Rejected { code: Code::new("barred"), scope: RejectScope::Recipient };
                    claimed.attempt.settle(outcome, Next::Failed, clock.now())
                }
                _ => return id,
            };
            settle(store, &settlement).await;
        }
    }
    assert_eq!(view(store, id).await.state, state);
    id
}

pub(super) async fn a_second_is_refused_while_the_first_is_on_its_way(store: &dyn Store, clock: &SimClock) {
    for (borrower, state, words, passes) in [
        ("b01", State::Held, "is an earlier resend of the same and is held", false),
        ("b02", State::Sending, "is an earlier resend of the same and is being sent", false),
        ("b03", State::Unknown, "is about the same and may have been sent; resolve its outcome first", false),
        ("b04", State::Accepted, "is an earlier resend of the same and was sent 3m ago; try again in 7m", true),
        ("b05", State::Planned, "is an earlier resend of the same and waits to be sent", false),
    ] {
        let id = first(store, borrower, state, clock).await;
        clock.advance(3 * MINUTE);
        let refused = resent(store, borrower, false, clock).await.expect_err("the first is on its way").to_string();
        assert_eq!(refused, format!("not sent: reminder {id} {words}"));
        let second = resent(store, borrower, true, clock).await;
        assert_eq!(second.is_ok(), passes, "an override passes the cool-down alone: {second:?}");
        if let Ok(second) = second {
            assert_eq!(view(store, second).await.reminder.plan.key.step.to_string(), "manual/2");
        }
    }
}

pub(super) async fn a_second_is_sent_once_the_first_has_ended(store: &dyn Store, clock: &SimClock) {
    first(store, "b01", State::Failed, clock).await;
    first(store, "b02", State::Accepted, clock).await;
    first(store, "b03", State::Planned, clock).await;
    resent(store, "b01", false, clock).await.expect("the first did not go");
    clock.advance(10 * MINUTE);
    resent(store, "b02", false, clock).await.expect("the first has had its time to arrive");
    resent(store, "b03", false, clock).await.expect_err("it waits");
    clock.advance(50 * MINUTE);
    resent(store, "b03", false, clock).await.expect("the first is of no use any more, and will not be sent");
}

/// The key counts the resends before it, so that the outbox takes one of those who have not seen each other.
pub(super) async fn of_many_at_once_one_is_sent(store: &dyn Store, clock: &SimClock) {
    import(store, &[row_with_phone("b01", "i1")]).await;
    let resends = join_all((0..8).map(|_| resent(store, "b01", false, clock))).await;
    assert_eq!(resends.iter().filter(|one| one.is_ok()).count(), 1, "{resends:?}");
    let mut refused = resends.into_iter().filter_map(Result::err);
    assert!(refused.all(|error| matches!(error, ResendError::JustResent | ResendError::Refused(_))));
    assert_eq!(claim_all(store).await.sending.len(), 1);
}
