//! The database rights of a daemon with the role `web` alone, as `deploy/postgres/roles.sql` grants them: read the data
//! that pages show, and write clicks, tries, preferences, opt-outs and receipts.

use std::collections::BTreeMap;

use super::receipts::delivered;
use super::roles::{make_roles, url_as};
use super::sample::{
    DUE, PHONE, claim_all, date, import, instant, key, merchant, plan_due, row_with_phone, suppression,
};
use chrono::TimeDelta;
use dueherald::domain::{
    Address, AddressKey, Channel, Click, ContactPreferences, FieldUpdate, Intent, Locale, ManualPreferences, Phone,
    SuppressionReason,
};
use dueherald::plan::AnswerTry;
use dueherald::store::{
    IncomingReply, InstallmentFilter, PostgresStore, ReminderFilter, ReportBatch, SchemaStore, Sender, Stop, Store,
    SuppressionFilter, WriteMode,
};

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_callbacks_need_no_more_than_they_are_granted() {
    let database = crate::postgres::database().await;
    let owner = PostgresStore::connect(&database.url().into(), 2, None).await.expect("the database is there");
    owner.migrate().await.expect("the migrations run");
    import(&owner, &[row_with_phone("b1", "i1"), row_with_phone("b2", "i2")]).await;
    let ids = plan_due(&owner, 2).await;
    assert_eq!(claim_all(&owner).await.sending.len(), 2);

    make_roles(&database).await;
    let url = url_as(&database, "dueherald_web");
    let web = PostgresStore::connect(&url.into(), 2, None).await.expect("it may connect").with_own_pool(2);
    works(&web, &ids).await;
    is_refused(&web).await;
}

async fn works(web: &dyn Store, ids: &[dueherald::domain::ReminderId]) {
    web.ready().await.expect("/readyz");
    web.queue_counts().await.expect("/metrics");
    web.reject_counts().await.expect("/metrics");
    web.sources().await.expect("/metrics");
    let filter = ReminderFilter { id: Some(ids[0]), limit: 1, ..ReminderFilter::default() };
    assert_eq!(web.reminders(&filter).await.expect("a page").len(), 1);
    assert!(web.account(&key("b1"), date(DUE), Channel::Sms).await.expect("a page").borrower.is_some());
    let filter = InstallmentFilter { borrower: Some(key("b1").id), limit: 9, ..InstallmentFilter::default() };
    assert_eq!(web.installments(&filter).await.expect("a page").len(), 1);
    web.route_versions(None).await.expect("the ways to repay");
    web.route_health().await.expect("the ways to repay");
    web.events(ids[0]).await.expect("/verify");
    let attempt = AnswerTry { borrower: key("b1"), client: Some("client".to_owned()) };
    web.try_digits(&attempt).await.expect("a try");
    web.forget_tries(&attempt).await.expect("a try that ended well");
    let click = Click { at: instant("2026-11-22T01:00:00Z"), reminder: ids[0], route: "web".parse().expect("a key") };
    web.add_click(&click).await.expect("a click");
    let preferences = ContactPreferences {
        locale: FieldUpdate::Set(Some(Locale::new("en").expect("a locale"))),
        ..ContactPreferences::default()
    };
    let (actor, at) = ("borrower".to_owned(), instant("2026-11-22T01:00:00Z"));
    assert!(
        web.set_preferences(&ManualPreferences { borrower: key("b1"), preferences, actor, at })
            .await
            .expect("preferences")
    );
    let address = AddressKey::from(Address::Phone(Phone::new(PHONE).expect("a number")));
    let opt_out = suppression(Some(merchant("mall").as_str()), address.clone(), SuppressionReason::OptedOut);
    web.suppress(&[opt_out], None).await.expect("an opt-out");
    web.suppressions(&SuppressionFilter { limit: 9, ..SuppressionFilter::default() }).await.expect("a page");
    assert_eq!(web.record(&[delivered(ids[1])]).await.expect("a receipt"), 1);
    for (intent, said) in [(Intent::Stop, "TD"), (Intent::Start, "START"), (Intent::Unclear, "who is this")] {
        let (from, at) = (Sender::from(address.clone()), instant("2026-11-22T02:00:00Z"));
        let provider_id = Some(said.to_owned());
        let reply = IncomingReply { from, about: None, said: said.to_owned(), intent, at, provider_id };
        let gateway = "kannel".parse().expect("a gateway");
        let told = ReportBatch { gateway, fates: Vec::new(), replies: vec![reply], confirm: BTreeMap::new() };
        web.take_in(&told).await.expect("an answer");
    }
}

async fn is_refused(web: &dyn Store) {
    let denied = |error: &dyn std::fmt::Display| error.to_string().contains("permission denied");
    let import = web.import(&[row_with_phone("b3", "i3")], WriteMode::Commit).await;
    assert!(import.is_err_and(|error| denied(&error)), "the ledger is not written");
    let turn = web.take_turn("scan", "web", TimeDelta::seconds(1)).await;
    assert!(turn.is_err_and(|error| denied(&error)), "no work is taken");
    let (actor, reason, since) = ("mallory".to_owned(), "a test".to_owned(), instant("2026-11-22T01:00:00Z"));
    let stop = web.stop(&Stop { merchant: None, channel: None, actor, reason, since }).await;
    assert!(stop.is_err_and(|error| denied(&error)), "nothing is stopped");
}
