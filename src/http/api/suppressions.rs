//! `/api/v1/suppressions`: addresses of a merchant's borrowers that must not be contacted.
//!
//! An address is personal data, and logs of front servers keep paths and queries. So a POST names the one to be lifted
//! in its body, and the addresses of one borrower are found by the borrower's number.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::cursor::{FOREIGN_CURSOR, opened_cursor, sealed_cursor};
use super::fields::Fields;
use super::idempotency::{KeyedBody, kept, once};
use super::problem::{Problem, ProblemBody, ProblemKind};
use crate::domain::{
    Action, Address, AddressKey, AuditAction, AuditSubject, BorrowerKey, Channel, EmailAddress, LiftResult, Lifter,
    ManualChange, Merchant, MerchantId, Phone, Suppression, SuppressionReason,
};
use crate::pipeline::{AuditNote, masked_address};
use crate::plan::{end_to_come, local_date};
use crate::source::read_address;
use crate::store::{ApiEffect, EffectResult, KeptAnswer, RequestEnd, SuppressionFilter};

/// How many suppressions a page has, unless the query says otherwise.
const PAGE: u32 = 50;

/// The most that it may have.
const MAX_PAGE: u32 = 1_000;

/// The list of a cursor.
const LIST: &str = "suppressions";

/// A page of the suppressions of a merchant, by channel and address.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SuppressionList {
    suppressions: Vec<SuppressionItem>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
}

/// An address that must not be contacted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SuppressionItem {
    /// The merchant; `null` where it holds for all.
    merchant: Option<String>,
    /// `sms` or `email`.
    channel: &'static str,
    /// The end of a phone number, or the first letter and the domain of an e-mail address; whole with `reveal`.
    address: String,
    /// `opted_out`, `bounced`, `complained` or `manual`.
    reason: &'static str,
    /// Where it came from.
    source: String,
    since: DateTime<Utc>,
    /// When it ends by itself; `null` is never.
    until: Option<DateTime<Utc>>,
}

impl SuppressionItem {
    fn of(one: &Suppression, reveal: bool) -> Self {
        let address = match reveal {
            true => one.address.reveal().to_owned(),
            false => masked_address(one.address.as_address()),
        };
        Self {
            merchant: one.merchant.as_ref().map(ToString::to_string),
            channel: one.address.channel().as_str(),
            address,
            reason: one.reason.as_str(),
            source: one.source.clone(),
            since: one.since,
            until: one.until,
        }
    }
}

/// List suppressed addresses
///
/// Those of a merchant, or those of one borrower with the ones that hold for every merchant. Addresses are masked;
/// `reveal` shows them whole and needs the action `reveal_addresses`.
#[utoipa::path(
    get, path = "/api/v1/suppressions", tag = "suppressions", security(("token" = [])),
    params(
        ("merchant" = Option<String>, Query, description = "Of this merchant"),
        ("borrower" = Option<String>, Query, description = "Only addresses of this borrower"),
        ("channel" = Option<String>, Query, description = "Only on this channel: sms or email"),
        ("reveal" = Option<bool>, Query, description = "Show addresses whole"),
        ("cursor" = Option<String>, Query,
            description = "The `next` of the page before; it opens for the token that got it"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "At most so many; 50 by default"),
    ),
    responses(
        (status = 200, body = SuppressionList),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<SuppressionList>, Problem> {
    let mut fields = Fields::of_query(query.as_deref())?;
    let merchant = caller.merchant_of_query(&api, &mut fields);
    let borrower = fields.text("borrower");
    let channel: Option<Channel> =
        fields.read("channel", |text| text.parse().map_err(|_| "channel is not sms or email"));
    let reveal = fields.flag("reveal");
    let after = fields.read("cursor", |text| place(&caller, text).ok_or(FOREIGN_CURSOR));
    let limit = fields.number("limit", 1..=MAX_PAGE).unwrap_or(PAGE);
    fields.finish()?;
    let merchant = merchant?;
    if reveal && !caller.allows(Action::RevealAddresses) {
        let text = format!("this token does not allow the action {}", Action::RevealAddresses);
        return Err(Problem::new(ProblemKind::Forbidden, text));
    }
    let mut about = AuditSubject::default().at(Some(&merchant));
    let mut found = match borrower {
        None => {
            let filter =
                SuppressionFilter { merchant: Some(merchant), channel, after, limit: limit + 1, address: None };
            api.patiently(api.store().suppressions(&filter)).await?
        }
        Some(borrower) => {
            let key = caller.borrower(&api, merchant.as_str(), &borrower)?;
            about = AuditSubject::borrower(&key);
            of_borrower(&api, &key, channel, after.as_ref()).await?
        }
    };
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| has_more).map(|last| cursor(&caller, last));
    if reveal && !found.is_empty() {
        let about = AuditSubject { object: Some(format!("addresses {}", found.len())), ..about };
        caller.record(&api, AuditAction::Reveal, &[about]).await?;
    }
    let suppressions = found.iter().map(|one| SuppressionItem::of(one, reveal)).collect();
    Ok(Json(SuppressionList { suppressions, next }))
}

/// The place of a suppression in the list.
type Place = (Option<MerchantId>, AddressKey);

fn cursor(caller: &Caller, last: &Suppression) -> String {
    let merchant = last.merchant.as_ref().map_or("", MerchantId::as_str);
    sealed_cursor(caller, LIST, &format!("{}\n{merchant}\n{}", last.address.channel(), last.address.reveal()))
}

fn place(caller: &Caller, cursor: &str) -> Option<Place> {
    let place = opened_cursor(caller, LIST, cursor)?;
    let mut parts = place.splitn(3, '\n');
    let (channel, merchant, address) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
    let merchant = if merchant.is_empty() { None } else { Some(MerchantId::new(merchant).ok()?) };
    let address = match channel {
        Channel::Sms => Address::Phone(Phone::new(address).ok()?),
        Channel::Email => Address::Email(EmailAddress::new(address).ok()?),
    };
    Some((merchant, address.into()))
}

/// The suppressions of both addresses of a borrower, in the order of the list.
async fn of_borrower(
    api: &Api,
    key: &BorrowerKey,
    channel: Option<Channel>,
    after: Option<&Place>,
) -> Result<Vec<Suppression>, Problem> {
    let zone = api.app.policy.merchants.get(&key.merchant).map_or(chrono_tz::UTC, |merchant| merchant.time_zone);
    let today = local_date(zone, api.app.clock.now());
    let account = api.patiently(api.store().account(key, today, Channel::Sms)).await?;
    let borrower = account.borrower.ok_or_else(|| Problem::not_found("borrower"))?;
    let addresses = [borrower.email.map(Address::Email), borrower.phone.map(Address::Phone)];
    let mut found = Vec::new();
    for address in addresses.into_iter().flatten().map(AddressKey::from) {
        if channel.is_none_or(|channel| address.channel() == channel) {
            let (address, after) = (Some(address), after.cloned());
            let filter = SuppressionFilter { address, after, limit: MAX_PAGE, ..Default::default() };
            let all = api.patiently(api.store().suppressions(&filter)).await?;
            found.extend(all.into_iter().filter(|one| one.merchant.as_ref().is_none_or(|of| *of == key.merchant)));
        }
    }
    Ok(found)
}

/// An address that must not be contacted.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct SuppressBody {
    /// The merchant.
    merchant: String,
    /// A phone number or an e-mail address.
    address: String,
    /// `opted_out`, `bounced`, `complained` or `manual`, which is the default.
    reason: Option<String>,
    /// The reason in words, for the record.
    note: Option<String>,
    /// The person who asks, for the record.
    by: Option<String>,
    /// The last day (YYYY-MM-DD, the merchant's local day) or an instant; left out, it holds for good.
    until: Option<String>,
}

/// Add a suppressed address
///
/// Messages of the merchant no longer go to it. An opt-out that is there already keeps having no end.
#[utoipa::path(
    post, path = "/api/v1/suppressions", tag = "suppressions", security(("token" = [])),
    params(("Idempotency-Key" = String, Header, description = "A text that no other request has, in quotes")),
    request_body = SuppressBody,
    responses(
        (status = 201, body = SuppressionItem),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(State(api): State<Api>, caller: Caller, body: KeyedBody) -> Result<Response, Problem> {
    let mut fields = body.fields()?;
    let named = fields.text("merchant");
    let named = fields.require("merchant", named);
    let merchant = named.map(|named| caller.merchant(&api, &named)).transpose()?;
    let address = address(&mut fields, merchant);
    let now = api.app.clock.now();
    let reason = fields
        .read("reason", |text| text.parse().map_err(|_| "reason is none of opted_out, bounced, complained, manual"));
    let reason = reason.unwrap_or(SuppressionReason::Manual);
    let zone = merchant.map_or(chrono_tz::UTC, |merchant| merchant.time_zone);
    let until = fields.read("until", |text| end_to_come(text, zone, now).map_err(|error| format!("until {error}")));
    let note = fields.text("note");
    let why = note.map_or_else(|| reason.to_string(), |note| format!("{reason}: {}", note.trim()));
    let by = signed(&caller, &mut fields, "note", &why, now);
    fields.finish()?;
    let (Some(merchant), Some(address), Some(by)) = (merchant, address, by) else { return Err(incomplete()) };
    let merchant = Some(merchant.id.clone());
    let suppression = Suppression { merchant, address, reason, source: by.actor.clone(), since: now, until };
    let effect = ApiEffect::Suppress { suppression, by };
    once(&api, &caller, &body, async { Ok(RequestEnd::Effect { effect, answer: added }) }).await
}

fn added(effect: &ApiEffect, _: EffectResult) -> KeptAnswer {
    match effect {
        ApiEffect::Suppress { suppression, .. } => kept(StatusCode::CREATED, &SuppressionItem::of(suppression, false)),
        _ => kept(StatusCode::CREATED, &()),
    }
}

/// A suppression to be taken out.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct LiftBody {
    /// The merchant.
    merchant: String,
    /// A phone number or an e-mail address.
    address: String,
    /// Why, for the record.
    reason: String,
    /// The person who asks, for the record.
    by: Option<String>,
}

/// A suppression that is no more, or that another person has to take out as well.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LiftedSuppression {
    merchant: String,
    /// `sms` or `email`.
    channel: &'static str,
    /// Masked.
    address: String,
    /// Whether it is out. `false` where another person has to confirm it.
    lifted: bool,
}

/// Take an address off the list
///
/// Messages of the merchant may go to it again, unless it is suppressed for every merchant. Where the recipient opted
/// out or complained, the first request is answered with 202 and changes nothing: within 7 days another person, named
/// in `by`, makes it as well, with a token that allows `end_opt_outs`.
#[utoipa::path(
    post, path = "/api/v1/suppressions/lift", tag = "suppressions", security(("token" = [])),
    params(("Idempotency-Key" = String, Header, description = "A text that no other request has, in quotes")),
    request_body = LiftBody,
    responses(
        (status = 200, body = LiftedSuppression),
        (status = 202, body = LiftedSuppression),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn lift(State(api): State<Api>, caller: Caller, body: KeyedBody) -> Result<Response, Problem> {
    let mut fields = body.fields()?;
    let named = fields.text("merchant");
    let named = fields.require("merchant", named);
    let merchant = named.map(|named| caller.merchant(&api, &named)).transpose()?;
    let address = address(&mut fields, merchant);
    let reason = fields.text("reason");
    let reason = fields.require("reason", reason);
    let by = signed(&caller, &mut fields, "reason", &reason.unwrap_or_default(), api.app.clock.now());
    fields.finish()?;
    let (Some(merchant), Some(address), Some(by)) = (merchant, address, by) else { return Err(incomplete()) };
    let lifter = if caller.allows(Action::EndOptOuts) { Lifter::Confirms } else { Lifter::Asks };
    let effect = ApiEffect::LiftSuppression { merchant: merchant.id.clone(), address, lifter, by };
    once(&api, &caller, &body, async { Ok(RequestEnd::Effect { effect, answer: lifted }) }).await
}

fn lifted(effect: &ApiEffect, result: EffectResult) -> KeptAnswer {
    let status = match result {
        EffectResult::Lifted(LiftResult::Lifted) => StatusCode::OK,
        EffectResult::Lifted(LiftResult::OnePersonMore) => StatusCode::ACCEPTED,
        _ => StatusCode::NOT_FOUND,
    };
    if let (ApiEffect::LiftSuppression { merchant, address, .. }, true) = (effect, status != StatusCode::NOT_FOUND) {
        let (channel, address) = (address.channel().as_str(), masked_address(address.as_address()));
        let lifted = status == StatusCode::OK;
        return kept(status, &LiftedSuppression { merchant: merchant.to_string(), channel, address, lifted });
    }
    let problem = Problem::new(ProblemKind::NotFound, "this address is not suppressed for this merchant");
    problem.kept().unwrap_or_else(|| kept(StatusCode::NOT_FOUND, &()))
}

fn address(fields: &mut Fields, merchant: Option<&Merchant>) -> Option<AddressKey> {
    let address = fields.read("address", |text| {
        read_address(text, merchant).map(AddressKey::from).map_err(|problem| format!("the address {problem}"))
    });
    fields.require("address", address)
}

fn signed(
    caller: &Caller,
    fields: &mut Fields,
    name: &'static str,
    why: &str,
    now: DateTime<Utc>,
) -> Option<ManualChange> {
    let actor = caller.actor(fields);
    match AuditNote::new(&actor, why) {
        Ok(note) => Some(note.at(now)),
        // A missing field is noted already.
        Err(_) if why.is_empty() => None,
        Err(error) => {
            fields.fault(name, error.to_string());
            None
        }
    }
}

fn incomplete() -> Problem {
    Problem::new(ProblemKind::Invalid, "the body has mistakes")
}
