//! The audit log: entries, their chain, and the stores that leave them.

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Action, AuditAction, AuditCheckpoint, AuditEntry, AuditHash, AuditHead, AuditOrigin, AuditPersonal, AuditSubject,
    AuditValues, CHAIN_START, ChainCheck, NewAuditEntry, TokenDigest,
};
use dueherald::store::{AuditFilter, NewToken, Store};
use futures_util::future::join_all;

use super::bench::START;
use super::sample::{PHONE, instant, key, merchant};

/// A desk.
pub(super) fn origin() -> AuditOrigin {
    AuditOrigin::desk("li.na", "session-1", Some("192.0.2.7"))
}

/// The entry of a login.
pub(super) fn login(actor: &str) -> NewAuditEntry {
    NewAuditEntry {
        at: instant(START),
        actor: Some(actor.to_owned()),
        action: AuditAction::Login,
        subject: AuditSubject::default(),
        values: AuditValues::because("the morning").of_address(PHONE),
    }
}

/// A checkpoint of an entry.
pub(super) fn checkpoint(number: i64) -> AuditCheckpoint {
    let head = AuditHead { number, hash: AuditHash([7; 32]) };
    AuditCheckpoint { head, at: instant(START), key: 200, signature: AuditHash([9; 32]) }
}

/// All entries, whose chain is right.
pub(super) async fn chain(store: &dyn Store) -> Vec<AuditEntry> {
    let (mut check, mut entries) = (ChainCheck::default(), Vec::new());
    loop {
        let page = store.audit_chain(check.last().number, 3).await.expect("read");
        for entry in &page {
            check.read(entry).expect("the chain is right");
        }
        if page.is_empty() {
            break;
        }
        entries.extend(page);
    }
    check.end(store.audit_head().await.expect("read"), 0).expect("the head is the last entry");
    entries
}

fn numbers(entries: &[AuditEntry]) -> Vec<i64> {
    entries.iter().map(|entry| entry.record.number).collect()
}

pub(super) async fn entries_are_found_by_what_they_are_about(store: &dyn Store, clock: &SimClock) {
    assert_eq!(store.audit_head().await.expect("read"), AuditHead { number: 0, hash: CHAIN_START });
    let now = clock.now();
    let of = |actor: &str, action, subject, minutes| NewAuditEntry {
        at: now + TimeDelta::minutes(minutes),
        action,
        subject,
        ..login(actor)
    };
    let entries = [
        of("wang", AuditAction::Login, AuditSubject::default(), 0),
        of("wang", AuditAction::Reveal, AuditSubject::borrower(&key("b1")), 1),
        of("li", AuditAction::Stop, AuditSubject::object("channel", "sms").at(Some(&merchant("harbour"))), 2),
    ];
    assert_eq!(store.append(&origin(), &[]).await.expect("nothing to append").number, 0);
    assert_eq!(store.append(&origin(), &entries).await.expect("appended").number, 3);
    assert_eq!(numbers(&chain(store).await), [1, 2, 3]);
    let all = AuditFilter { limit: 9, ..AuditFilter::default() };
    let cases = [
        (all.clone(), vec![3, 2, 1]),
        (AuditFilter { limit: 2, ..all.clone() }, vec![3, 2]),
        (AuditFilter { before: Some(3), ..all.clone() }, vec![2, 1]),
        (AuditFilter { merchant: Some(merchant("harbour")), ..all.clone() }, vec![3]),
        (AuditFilter { borrower: Some(key("b1").id), ..all.clone() }, vec![2]),
        (AuditFilter { actor: Some("wang".to_owned()), ..all.clone() }, vec![2, 1]),
        (AuditFilter { action: Some(AuditAction::Stop), ..all.clone() }, vec![3]),
        (AuditFilter { since: Some(now + TimeDelta::minutes(1)), ..all.clone() }, vec![3, 2]),
        (AuditFilter { until: Some(now + TimeDelta::minutes(1)), ..all.clone() }, vec![1]),
    ];
    for (filter, expected) in cases {
        assert_eq!(numbers(&store.audit_entries(&filter).await.expect("listed")), expected, "{filter:?}");
    }
    let found = store.audit_entries(&AuditFilter { before: Some(3), limit: 1, ..all }).await.expect("listed").remove(0);
    let record = &found.record;
    assert_eq!((&*record.door, &*record.signer, &*record.place), ("desk", "li.na", "session-1"));
    assert_eq!((record.merchant.as_deref(), record.borrower.as_deref()), (Some("mall"), Some("b1")));
    let values = found.personal.values().expect("they are there");
    assert_eq!((values.client.as_deref(), values.address.as_deref()), (Some("192.0.2.7"), Some(PHONE)));
    let salt = |entry: AuditEntry| match entry.personal {
        AuditPersonal::Text { salt, .. } => salt,
        other => panic!("{other:?}"),
    };
    let salts: Vec<_> = chain(store).await.into_iter().map(salt).collect();
    assert!(salts[0] != salts[1] && salts[1] != salts[2], "each entry has a salt of its own");
}

pub(super) async fn of_many_at_once_each_has_its_place(store: &dyn Store, _: &SimClock) {
    let login = |number: i32| async move { store.append(&origin(), &[login(&number.to_string())]).await };
    let heads = join_all((0..12).map(login)).await;
    let mut heads: Vec<_> = heads.into_iter().map(|head| head.expect("appended").number).collect();
    heads.sort_unstable();
    assert_eq!(heads, (1..=12).collect::<Vec<_>>());
    assert_eq!(numbers(&chain(store).await), heads);
}

pub(super) async fn only_a_signed_store_leaves_entries(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    let token = |name: &str, digest| NewToken {
        name: name.to_owned(),
        digest: TokenDigest([digest; 32]),
        merchants: [merchant("mall")].into(),
        actions: [Action::Resend].into(),
        created_at: now,
        expires_at: None,
    };
    store.add_token(&token("crm", 1)).await.expect("kept");
    assert!(chain(store).await.is_empty(), "nobody signed");
    let signed = store.signed(AuditOrigin::command("li", "desk-1"));
    assert_eq!(signed.add_token(&token("crm", 2)).await.expect("asked"), None);
    assert!(chain(store).await.is_empty(), "nothing was changed");
    signed.add_token(&token("books", 3)).await.expect("kept");
    assert!(signed.revoke_token("crm", now).await.expect("revoked"));
    assert!(!signed.revoke_token("crm", now).await.expect("asked"));
    let entries = chain(store).await;
    let line = |entry: &AuditEntry| {
        let record = &entry.record;
        format!("{} {} {} {}", record.actor, record.door, record.action, record.object.as_deref().unwrap_or("-"))
    };
    let lines: Vec<_> = entries.iter().map(line).collect();
    assert_eq!(lines, ["li command token_create token books", "li command token_revoke token crm"]);
    assert_eq!(entries[0].personal.values().and_then(|values| values.after).as_deref(), Some("resend for mall"));
}

pub(super) async fn a_checkpoint_is_kept_once(store: &dyn Store, _: &SimClock) {
    assert_eq!(store.last_checkpoint().await.expect("read"), 0);
    assert!(store.add_checkpoint(&checkpoint(4)).await.expect("kept"));
    let other = AuditCheckpoint { key: 1, ..checkpoint(4) };
    assert!(!store.add_checkpoint(&other).await.expect("asked"), "there is one");
    assert!(store.add_checkpoint(&checkpoint(9)).await.expect("kept"));
    assert_eq!(store.checkpoints(0, 9).await.expect("listed"), [checkpoint(4), checkpoint(9)]);
    assert_eq!(store.checkpoints(0, 1).await.expect("listed"), [checkpoint(4)]);
    assert_eq!(store.checkpoints(4, 9).await.expect("listed"), [checkpoint(9)]);
    assert_eq!(store.last_checkpoint().await.expect("read"), 9);
}
