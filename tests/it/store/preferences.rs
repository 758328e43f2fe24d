//! Holds and wishes, from the books and by hand.

use dueherald::clock::SimClock;
use dueherald::domain::{Borrower, Channel, ContactPreferences, FieldUpdate, Hold, LedgerRow, ManualPreferences};
use dueherald::store::{Change, Store};

use super::sample::{DUE, date, import, instant, key, row, said};

const NOON: &str = "2026-11-22T04:00:00Z";

fn hold() -> Hold {
    Hold { reason: "dispute".into(), until: Some(instant(NOON)) }
}

fn everything() -> ContactPreferences {
    ContactPreferences {
        hold: FieldUpdate::Set(Some(hold())),
        locale: said("en"),
        preferred_channel: FieldUpdate::Set(Some(Channel::Email)),
        preferred_hours: said("18:00-20:30"),
    }
}

async fn borrower(store: &dyn Store) -> Borrower {
    let account = store.account(&key("b1"), date(DUE), Channel::Sms).await.expect("the account is read");
    account.borrower.expect("the borrower is known")
}

fn by_hand(who: &str, preferences: ContactPreferences) -> ManualPreferences {
    ManualPreferences { borrower: key(who), preferences, actor: "wang".into(), at: instant(NOON) }
}

pub(super) async fn the_books_may_wish_and_an_empty_cell_takes_it_back(store: &dyn Store, _: &SimClock) {
    let wishing = |preferences| LedgerRow { preferences, ..row("b1", "i1") };
    import(store, &[wishing(everything())]).await;
    let known = borrower(store).await;
    assert_eq!((known.hold.clone(), known.preferred_channel), (Some(hold()), Some(Channel::Email)));
    assert_eq!(known.preferred_hours.map(|hours| hours.to_string()).as_deref(), Some("18:00-20:30"));
    assert_eq!(import(store, &[wishing(ContactPreferences::default())]).await, [Change::Same], "nothing was said");
    assert_eq!(borrower(store).await, known);
    let emptied = ContactPreferences { hold: FieldUpdate::Set(None), ..ContactPreferences::default() };
    assert_eq!(import(store, &[wishing(emptied)]).await, [Change::Changed]);
    let after = borrower(store).await;
    assert_eq!((after.hold, after.preferred_channel), (None, Some(Channel::Email)));
}

pub(super) async fn what_people_wish_is_on_record(store: &dyn Store, _: &SimClock) {
    import(store, &[row("b1", "i1")]).await;
    assert!(store.set_preferences(&by_hand("b1", everything())).await.expect("it is written"));
    let released = ContactPreferences { hold: FieldUpdate::Set(None), ..ContactPreferences::default() };
    assert!(store.set_preferences(&by_hand("b1", released)).await.expect("it is written"));
    let known = borrower(store).await;
    assert_eq!((known.hold, known.preferred_channel), (None, Some(Channel::Email)));
    assert_eq!(known.locale.map(|locale| locale.to_string()).as_deref(), Some("en"));
    let record = store.preferences(&key("b1")).await.expect("the record is read");
    let told: Vec<_> = record.iter().map(|one| format!("{} {} {}", one.at, one.actor, one.said)).collect();
    assert_eq!(
        told,
        [
            "2026-11-22 04:00:00 UTC wang hold dispute until 2026-11-22T04:00:00+00:00, language en, channel email, \
             hours 18:00-20:30",
            "2026-11-22 04:00:00 UTC wang hold none",
        ]
    );
    assert_eq!(import(store, &[row("b1", "i1")]).await, [Change::Same]);
}

pub(super) async fn nobody_is_made_up_by_a_wish(store: &dyn Store, _: &SimClock) {
    assert!(!store.set_preferences(&by_hand("nobody", everything())).await.expect("it is asked"));
    assert!(store.preferences(&key("nobody")).await.expect("the record is read").is_empty());
}
