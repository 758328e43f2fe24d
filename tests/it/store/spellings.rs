//! An address is the same one whatever its spelling; a message goes to the address as it is spelled.

use dueherald::clock::SimClock;
use dueherald::domain::{
    Address, AddressKey, Channel, EmailAddress, FieldUpdate, GatewayName, LedgerRow, LiftResult, Lifter, ReportedState,
    Suppression, SuppressionReason,
};
use dueherald::plan::RecentContacts;
use dueherald::store::{ReportBatch, StatusReport, Store, Subject, SuppressionFilter};

use super::bench::START;
use super::sample::{DUE, date, import, instant, key, merchant, plan, row, sms, suppression};
use crate::fixtures::by_hand;

fn email(text: &str) -> EmailAddress {
    EmailAddress::new(text).expect("an address")
}

fn mail_to(text: &str) -> Address {
    Address::Email(email(text))
}

fn owed_by(borrower: &str, address: &str) -> LedgerRow {
    LedgerRow { email: FieldUpdate::Set(Some(email(address))), ..row(borrower, borrower) }
}

async fn suppressed(store: &dyn Store, borrower: &str) -> Option<SuppressionReason> {
    store.account(&key(borrower), date(DUE), Channel::Email).await.expect("the account is read").suppressed
}

/// As the books spell an address, and as somebody else does.
const SPELLINGS: [(&str, &str); 5] = [
    ("Li.Wei@Example.com", "li.wei@example.com"),
    ("han@example.com", "HAN@EXAMPLE.COM"),
    ("wang@bücher.example", "Wang@xn--bcher-kva.example"),
    ("Jörg@example.com", "JÖRG@example.com"),
    ("ＺＨＯＵ@example.com", "zhou@example.com"),
];

pub(super) async fn an_address_is_suppressed_in_any_spelling(store: &dyn Store, _: &SimClock) {
    for (number, (in_books, elsewhere)) in SPELLINGS.into_iter().enumerate() {
        let borrower = format!("b{number}");
        import(store, &[owed_by(&borrower, in_books)]).await;
        assert_eq!(suppressed(store, &borrower).await, None, "{in_books}");
        store
            .suppress(&[suppression(None, mail_to(elsewhere), SuppressionReason::Manual)], None)
            .await
            .expect("written");
        assert_eq!(suppressed(store, &borrower).await, Some(SuppressionReason::Manual), "{in_books}");
        let page = store.due_page(date(DUE)..=date(DUE), None, 10).await.expect("the page is read");
        assert_eq!(page[number].suppressed, [Channel::Email], "{in_books}");
        assert_eq!(page[number].borrower.email, Some(email(in_books)), "the message keeps the spelling");
    }
    let (in_books, elsewhere) = SPELLINGS[0];
    import(store, &[owed_by("b0", elsewhere)]).await;
    let known = store.account(&key("b0"), date(DUE), Channel::Email).await.expect("the account is read");
    assert_eq!(known.borrower.and_then(|known| known.email), Some(email(elsewhere)), "the books may spell it anew");
    let lifted = store.lift_suppression(None, &mail_to(in_books).into(), Lifter::Borrower, &by_hand()).await;
    assert_eq!(lifted.expect("asked"), LiftResult::Lifted);
    assert_eq!(suppressed(store, "b0").await, None);
}

pub(super) async fn one_address_has_one_suppression(store: &dyn Store, _: &SimClock) {
    let (one, other) = SPELLINGS[0];
    let listed = |address: &'static str| async move {
        let address = Some(AddressKey::from(mail_to(address)));
        let filter = SuppressionFilter { address, limit: 9, ..SuppressionFilter::default() };
        store.suppressions(&filter).await.expect("listed")
    };
    let opted_out = suppression(Some("mall"), mail_to(one), SuppressionReason::OptedOut);
    let until = Some(instant("2027-01-01T00:00:00Z"));
    let for_a_while = Suppression { until, ..suppression(Some("mall"), mail_to(other), SuppressionReason::Manual) };
    store.suppress(&[opted_out.clone(), for_a_while.clone()], None).await.expect("one batch may spell it twice");
    assert_eq!(listed(one).await, std::slice::from_ref(&opted_out));
    store.suppress(&[for_a_while], None).await.expect("written");
    assert_eq!(listed(other).await, [opted_out], "no end takes the place of none, however it is spelled");
}

pub(super) async fn a_person_is_counted_by_the_address_in_any_spelling(store: &dyn Store, _: &SimClock) {
    let recent_contacts =
        RecentContacts { contacts_within: chrono::TimeDelta::days(7), across_merchants: true, days_ahead: 0 };
    let (in_books, elsewhere) = SPELLINGS[0];
    let mut shop = owed_by("b2", elsewhere);
    shop.borrower.merchant = merchant("shop");
    import(store, &[owed_by("b1", in_books), shop]).await;
    let mut mail = sms("b2", START);
    mail.key.channel = Channel::Email;
    mail.key.borrower.merchant = merchant("shop");
    plan(store, &[mail]).await;
    let known = store.account_beside(&key("b1"), date(DUE), Channel::Email, recent_contacts).await.expect("it is read");
    assert_eq!(known.contacts.len(), 1);
}

pub(super) async fn a_bounce_may_spell_the_address_its_own_way(store: &dyn Store, _: &SimClock) {
    for (number, (in_books, elsewhere)) in SPELLINGS.into_iter().enumerate() {
        let borrower = format!("b{number}");
        import(store, &[owed_by(&borrower, in_books)]).await;
        let mut mail = sms(&borrower, START);
        mail.key.channel = Channel::Email;
        let id = plan(store, &[mail]).await[0];
        let fate = StatusReport {
            about: Subject::Reminder(id),
            fate: ReportedState::Undelivered { code: None, for_good: true },
            recipient: Some(mail_to(elsewhere).into()),
            at: instant(START),
            is_hint: false,
        };
        let gateway: GatewayName = "relay".parse().expect("a gateway");
        let told = ReportBatch { gateway, fates: vec![fate], replies: Vec::new(), confirm: Default::default() };
        store.take_in(&told).await.expect("it is taken in");
        assert_eq!(suppressed(store, &borrower).await, Some(SuppressionReason::Bounced), "{in_books}");
    }
}
