//! The audit entries of the store's operations: one place for all stores.

use chrono::{DateTime, NaiveDate, Utc};

use super::{
    Change, DropOrder, KeptRecord, LedgerPart, NewSession, NewToken, ReplyReading, ReplyRecord, RequestClaim, Stop,
};
use crate::domain::{
    Action, AddressKey, Amendment, AmendmentResult, Arming, AuditAction, AuditSubject, AuditValues, Borrower, Channel,
    ContactPreferences, Credential, EndpointKey, FieldUpdate, LedgerRow, LiftDecision, Locale, ManualChange,
    ManualPreferences, MerchantId, NewAuditEntry, NewReminder, Notice, NoticeChange, NoticeName, NoticeState, Origin,
    PaymentReport, RejectedRecord, ReminderId, RouteVersion, Settlement, SourceName, Suppression, User, UserDisplay,
    UserGrant, UserName,
};

/// How many addresses of one change have an entry each; more are one entry with their number, and the record of the
/// change has them all.
const ONE_BY_ONE: usize = 100;

fn signed(by: &ManualChange, action: AuditAction, subject: AuditSubject, values: AuditValues) -> NewAuditEntry {
    let values = AuditValues { reason: Some(by.reason.clone()), ..values };
    NewAuditEntry { at: by.at, actor: Some(by.actor.clone()), action, subject, values }
}

/// A resend; `None` if the reminder comes from nobody.
pub(super) fn resend(reminder: &NewReminder, id: ReminderId, at: DateTime<Utc>) -> Option<NewAuditEntry> {
    let Origin::Manual { actor, reason, of } = &reminder.origin else { return None };
    let by = ManualChange { actor: actor.clone(), reason: reason.clone(), at };
    let key = &reminder.key;
    let subject = AuditSubject::borrower(&key.borrower).of_reminder(id);
    let before = of.map(|of| format!("reminder {of}"));
    let after = Some(format!("{} about {}", key.channel, key.due_date));
    Some(signed(&by, AuditAction::Resend, subject, AuditValues::default().from_to(before, after)))
}

pub(super) fn suppress(suppressions: &[Suppression], by: &ManualChange) -> Vec<NewAuditEntry> {
    if suppressions.len() > ONE_BY_ONE {
        let merchant = suppressions[0].merchant.as_ref();
        let merchant = merchant.filter(|one| suppressions.iter().all(|other| other.merchant.as_ref() == Some(one)));
        let subject = AuditSubject::object("addresses", suppressions.len()).at(merchant);
        return vec![signed(by, AuditAction::Suppress, subject, AuditValues::default())];
    }
    let entry = |one: &Suppression| {
        let subject = AuditSubject::object("channel", one.address.channel()).at(one.merchant.as_ref());
        let until = one.until.map_or_else(String::new, |until| format!(" until {until}"));
        let values = AuditValues::default().of_address(one.address.reveal());
        signed(by, AuditAction::Suppress, subject, values.from_to(None, Some(format!("{}{until}", one.reason))))
    };
    suppressions.iter().map(entry).collect()
}

pub(super) fn lift_suppression(
    merchant: Option<&MerchantId>,
    address: &AddressKey,
    decision: LiftDecision,
    by: &ManualChange,
) -> NewAuditEntry {
    let subject = AuditSubject::object("channel", address.channel()).at(merchant);
    let after = match decision {
        LiftDecision::Lift => "lifted",
        LiftDecision::Ask => "asked for, one person more has to confirm it",
        LiftDecision::Wait => "asked for again, one person more has to confirm it",
    };
    let values = AuditValues::default().of_address(address.reveal()).from_to(None, Some(after.to_owned()));
    signed(by, AuditAction::LiftSuppression, subject, values)
}

pub(super) fn stop(stop: &Stop) -> NewAuditEntry {
    signed(&stop.change(), AuditAction::Stop, scope(stop.merchant.as_ref(), stop.channel), AuditValues::default())
}

pub(super) fn lift_stop(merchant: Option<&MerchantId>, channel: Option<Channel>, by: &ManualChange) -> NewAuditEntry {
    signed(by, AuditAction::LiftStop, scope(merchant, channel), AuditValues::default())
}

fn scope(merchant: Option<&MerchantId>, channel: Option<Channel>) -> AuditSubject {
    AuditSubject::object("channel", channel.map_or("all", Channel::as_str)).at(merchant)
}

/// The change of a borrower's preferences, with those before.
pub(super) fn preferences(said: &ManualPreferences, before: &Borrower) -> NewAuditEntry {
    let ManualPreferences { borrower, preferences, actor, at } = said;
    let action = match &preferences.hold {
        FieldUpdate::Set(Some(_)) => AuditAction::Hold,
        FieldUpdate::Set(None) => AuditAction::Release,
        FieldUpdate::Keep => AuditAction::Preferences,
    };
    let before = ContactPreferences {
        hold: FieldUpdate::Set(before.hold.clone()),
        locale: FieldUpdate::Set(before.locale.clone()),
        preferred_channel: FieldUpdate::Set(before.preferred_channel),
        preferred_hours: FieldUpdate::Set(before.preferred_hours),
    };
    let reason = match &preferences.hold {
        FieldUpdate::Set(Some(hold)) => Some(hold.reason.clone()),
        _ => None,
    };
    let values = AuditValues { reason, ..AuditValues::default() };
    NewAuditEntry {
        at: *at,
        actor: Some(actor.clone()),
        action,
        subject: AuditSubject::borrower(borrower),
        values: values.from_to(Some(before.to_string()), Some(preferences.to_string())),
    }
}

pub(super) fn cancel(reminder: ReminderId, by: &ManualChange) -> NewAuditEntry {
    signed(by, AuditAction::Cancel, AuditSubject::default().of_reminder(reminder), AuditValues::default())
}

/// An unknown outcome that a person settled; `None` for an outcome that a lane or a look-up recorded.
pub(super) fn resolve(settlement: &Settlement) -> Option<NewAuditEntry> {
    let by = settlement.resolver()?;
    let event = settlement.event();
    let subject = AuditSubject::default().of_reminder(event.reminder);
    let after = Some(event.kind.to_string());
    Some(signed(by, AuditAction::Resolve, subject, AuditValues::default().from_to(Some("unknown".to_owned()), after)))
}

pub(super) fn create_notice(notice: &Notice) -> NewAuditEntry {
    let by = ManualChange { actor: notice.actor.clone(), reason: notice.reason.clone(), at: notice.at };
    let after = Some(format!("template {}, for {}", notice.template, notice.selection));
    let subject = AuditSubject::object("notice", &notice.name);
    signed(&by, AuditAction::CreateNotice, subject, AuditValues::default().from_to(None, after))
}

pub(super) fn move_notice(name: &NoticeName, from: NoticeState, change: &NoticeChange) -> NewAuditEntry {
    let action = match (from, change.state) {
        (_, NoticeState::Cancelled) => AuditAction::CancelNotice,
        (_, NoticeState::Paused) => AuditAction::PauseNotice,
        (NoticeState::Paused, _) => AuditAction::ResumeNotice,
        (NoticeState::AwaitingApproval, _) => AuditAction::ApproveNotice,
        _ => AuditAction::SendNotice,
    };
    let by = ManualChange { actor: change.actor.clone(), reason: change.reason.clone(), at: change.at };
    let values = AuditValues::default().from_to(Some(from.to_string()), Some(change.state.to_string()));
    signed(&by, action, AuditSubject::object("notice", name), values)
}

pub(super) fn approve_volume(merchant: &MerchantId, day: NaiveDate, by: &ManualChange) -> NewAuditEntry {
    let subject = AuditSubject::object("day", day).at(Some(merchant));
    signed(by, AuditAction::ApproveVolume, subject, AuditValues::default())
}

/// A new version of a route, with the one before if it was changed by hand too.
pub(super) fn route_change(before: Option<&RouteVersion>, version: &RouteVersion) -> NewAuditEntry {
    let by = ManualChange { actor: version.actor.clone(), reason: version.reason.clone(), at: version.at };
    let words = |version: &RouteVersion| {
        let route = &version.route;
        let url = route.kind.url().unwrap_or("no address");
        let closed = if route.closed { ", closed" } else { "" };
        let replaced = route.replaced_by.as_ref().map_or_else(String::new, |by| format!(", replaced by {by}"));
        format!("{} {url}{closed}{replaced}", route.kind.as_str())
    };
    let subject = AuditSubject::object("route", &version.route.key).at(Some(&version.route.merchant));
    let values = AuditValues::default().from_to(before.map(words), Some(words(version)));
    signed(&by, AuditAction::RouteChange, subject, values)
}

pub(super) fn retry_reject(kept: &KeptRecord, at: DateTime<Utc>) -> NewAuditEntry {
    let subject = AuditSubject::object("reject", kept.id).at(kept.record.merchant.as_ref());
    NewAuditEntry { at, actor: None, action: AuditAction::RejectRetry, subject, values: AuditValues::default() }
}

pub(super) fn drop_reject(kept: &KeptRecord, order: &DropOrder) -> NewAuditEntry {
    let by = ManualChange { actor: order.actor.clone(), reason: order.reason.clone(), at: order.at };
    let subject = AuditSubject::object("reject", kept.id).at(kept.record.merchant.as_ref());
    let values = AuditValues::default().from_to(Some(kept.record.reason.clone()), None);
    signed(&by, AuditAction::RejectDrop, subject, values)
}

pub(super) fn read_reply(reply: &ReplyRecord, reading: &ReplyReading) -> NewAuditEntry {
    let subject = AuditSubject::object("reply", reply.id).at(reply.merchant.as_ref());
    let values =
        AuditValues { address: reply.from.address().map(|from| from.reveal().to_owned()), ..Default::default() };
    let after = Some(if reading.is_stop { "stop" } else { "other" }.to_owned());
    let values = values.from_to(None, after);
    let actor = Some(reading.actor.clone());
    NewAuditEntry { at: reading.at, actor, action: AuditAction::ReadReply, subject, values }
}

/// A person agrees that instalments are gone.
pub(super) fn accept_vanished(source: &SourceName, count: usize, by: &ManualChange) -> NewAuditEntry {
    let subject = AuditSubject::object("source", source);
    let after = Some(format!("{count} instalments cancelled, which the source has no longer"));
    signed(by, AuditAction::LedgerChange, subject, AuditValues::default().from_to(None, after))
}

pub(super) fn arm(by: &ManualChange, arming: &Arming) -> NewAuditEntry {
    let after = match arming {
        Arming::Armed => "armed",
        Arming::OnePersonMore => "one person more has to order it",
    };
    let values = AuditValues::default().from_to(None, Some(after.to_owned()));
    signed(by, AuditAction::DatabaseArm, AuditSubject::default(), values)
}

pub(super) fn create_token(token: &NewToken) -> NewAuditEntry {
    let merchants: Vec<_> = token.merchants.iter().map(MerchantId::as_str).collect();
    let actions: Vec<_> = token.actions.iter().copied().map(Action::as_str).collect();
    let until = token.expires_at.map_or_else(String::new, |until| format!(" until {until}"));
    let after = Some(format!("{} for {}{until}", actions.join(" "), merchants.join(" ")));
    NewAuditEntry {
        at: token.created_at,
        actor: None,
        action: AuditAction::TokenCreate,
        subject: AuditSubject::object("token", &token.name),
        values: AuditValues::default().from_to(None, after),
    }
}

pub(super) fn revoke_token(name: &str, at: DateTime<Utc>) -> NewAuditEntry {
    let (action, subject) = (AuditAction::TokenRevoke, AuditSubject::object("token", name));
    NewAuditEntry { at, actor: None, action, subject, values: AuditValues::default() }
}

pub(super) fn add_user(user: &User, by: &ManualChange) -> NewAuditEntry {
    let values = AuditValues::default().from_to(None, Some(grant_words(&user.grant)));
    signed(by, AuditAction::UserAdd, AuditSubject::object("user", &user.name), values)
}

/// A login, and the way in which the person proved who they are.
pub(super) fn login(session: &NewSession, credential: &Credential) -> NewAuditEntry {
    let way = match credential {
        Credential::Password(_) => "by password",
        Credential::Subject(_) => "by OIDC",
    };
    NewAuditEntry {
        at: session.created_at,
        actor: Some(session.user.to_string()),
        action: AuditAction::Login,
        subject: AuditSubject::object("user", &session.user),
        values: AuditValues::default().from_to(None, Some(way.to_owned())),
    }
}

pub(super) fn logout(user: &str, at: DateTime<Utc>) -> NewAuditEntry {
    NewAuditEntry {
        at,
        actor: Some(user.to_owned()),
        action: AuditAction::Logout,
        subject: AuditSubject::object("user", user),
        values: AuditValues::default(),
    }
}

pub(super) fn disable_user(name: &UserName, by: &ManualChange) -> NewAuditEntry {
    signed(by, AuditAction::UserDisable, AuditSubject::object("user", name), AuditValues::default())
}

pub(super) fn enable_user(name: &UserName, by: &ManualChange) -> NewAuditEntry {
    let values = AuditValues::default().from_to(Some("disabled".to_owned()), Some("enabled".to_owned()));
    signed(by, AuditAction::UserChange, AuditSubject::object("user", name), values)
}

/// A new password, of which the log says nothing else.
pub(super) fn change_password(name: &UserName, by: &ManualChange) -> NewAuditEntry {
    let values = AuditValues::default().from_to(None, Some("another password".to_owned()));
    signed(by, AuditAction::UserChange, AuditSubject::object("user", name), values)
}

pub(super) fn change_grant(name: &UserName, before: &UserGrant, grant: &UserGrant, by: &ManualChange) -> NewAuditEntry {
    let values = AuditValues::default().from_to(Some(grant_words(before)), Some(grant_words(grant)));
    signed(by, AuditAction::UserChange, AuditSubject::object("user", name), values)
}

pub(super) fn change_display(
    name: &UserName,
    before: &UserDisplay,
    display: &UserDisplay,
    by: &ManualChange,
) -> NewAuditEntry {
    let values = AuditValues::default().from_to(Some(display_words(before)), Some(display_words(display)));
    signed(by, AuditAction::UserChange, AuditSubject::object("user", name), values)
}

fn display_words(display: &UserDisplay) -> String {
    let locale = display.locale.as_ref().map_or("the browser's language", Locale::as_str);
    let zone = display.time_zone.map_or("the merchant's zone", |zone| zone.name());
    format!("{locale}, {zone}")
}

fn grant_words(grant: &UserGrant) -> String {
    let merchants: Vec<_> = grant.merchants.iter().map(MerchantId::as_str).collect();
    format!("{} for {}", grant.role, merchants.join(" "))
}

/// A part of a batch of the API; `None` if it holds nothing.
pub(super) fn write_part(claim: &RequestClaim, part: &LedgerPart, at: DateTime<Utc>) -> Option<NewAuditEntry> {
    let counts = [
        (part.borrowers.len(), "borrowers"),
        (part.rows.len(), "instalments"),
        (part.amendments.len(), "payments"),
        (part.rejected.len(), "rejected records"),
    ];
    let rows = part.rows.iter().map(|row| &row.borrower.merchant);
    let merchant = rows.chain(part.borrowers.iter().map(|row| &row.borrower.merchant)).next();
    ledger_change(AuditSubject::object("request", &claim.key).at(merchant), &counts, at)
}

/// Payments that a system reports; `None` if there are none.
pub(super) fn report_payments(reports: &[PaymentReport], at: DateTime<Utc>) -> Option<NewAuditEntry> {
    let subject = AuditSubject::object("payments", reports.len());
    ledger_change(subject.at(only(reports.iter().map(|one| &one.merchant))), &[(reports.len(), "payments")], at)
}

/// A part of an import that a person makes; `None` if it changes nothing.
pub(super) fn import(
    rows: &[LedgerRow],
    changes: &[Change],
    rejected: &[RejectedRecord],
    at: DateTime<Utc>,
) -> Option<NewAuditEntry> {
    let count = |change| changes.iter().filter(|one| **one == change).count();
    let counts = [
        (count(Change::New), "new instalments"),
        (count(Change::Changed), "changed instalments"),
        (rejected.len(), "rejected records"),
    ];
    let subject = AuditSubject::object("records", rows.len() + rejected.len());
    ledger_change(subject.at(only(rows.iter().map(|row| &row.borrower.merchant))), &counts, at)
}

/// Payments that a person reads in; `None` if they change nothing.
pub(super) fn amend(amendments: &[Amendment], results: &[AmendmentResult], at: DateTime<Utc>) -> Option<NewAuditEntry> {
    let changed = results.iter().filter(|one| **one == AmendmentResult::Changed).count();
    let waiting = results.iter().filter(|one| one.problem().is_some()).count();
    let subject = AuditSubject::object("records", amendments.len());
    let subject = subject.at(only(amendments.iter().map(|one| &one.merchant)));
    ledger_change(subject, &[(changed, "payments"), (waiting, "waiting payments")], at)
}

fn ledger_change(subject: AuditSubject, counts: &[(usize, &str)], at: DateTime<Utc>) -> Option<NewAuditEntry> {
    let words: Vec<_> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    (!words.is_empty()).then(|| NewAuditEntry {
        at,
        actor: None,
        action: AuditAction::LedgerChange,
        subject,
        values: AuditValues::default().from_to(None, Some(words.join(", "))),
    })
}

/// The merchant of all of them, if it is one.
fn only<'m>(mut merchants: impl Iterator<Item = &'m MerchantId>) -> Option<&'m MerchantId> {
    let first = merchants.next()?;
    merchants.all(|other| other == first).then_some(first)
}

pub(super) fn replay_webhook(key: &EndpointKey, from: DateTime<Utc>, by: &ManualChange) -> NewAuditEntry {
    let subject = AuditSubject::object("webhook", &key.name).at(Some(&key.merchant));
    let values = AuditValues::default().from_to(None, Some(format!("everything since {from}")));
    signed(by, AuditAction::WebhookReplay, subject, values)
}

pub(super) fn enable_webhook(key: &EndpointKey, by: &ManualChange) -> NewAuditEntry {
    let subject = AuditSubject::object("webhook", &key.name).at(Some(&key.merchant));
    signed(by, AuditAction::WebhookEnable, subject, AuditValues::default())
}
