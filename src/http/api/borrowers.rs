//! `/api/v1/borrowers/…`: who a borrower is and what is owed; and the search for one.
//!
//! The search is a POST, since it may be for an address, and logs of front servers keep paths and queries. It changes
//! nothing and needs no key: its answer holds personal data, and is not kept.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::JsonBody;
use super::caller::Caller;
use super::fields::Fields;
use super::installments::{InstallmentView, listed};
use super::path::PathIds;
use super::preferences::HoldView;
use super::problem::{Problem, ProblemBody, ProblemKind};
use super::{Api, PREFIX};
use crate::domain::{Action, Address, AuditAction, AuditSubject, Borrower, BorrowerKey, Channel, PersonName};
use crate::pipeline::{FindRequest, FoundBorrower, find, masked_address};
use crate::store::InstallmentFilter;

/// How many borrowers a search gives, unless the body says otherwise.
const FOUND: u32 = 10;

/// The most that it gives.
const MAX_FOUND: u32 = 50;

/// The longest text that is searched for, in characters: a link that was pasted.
const MAX_TEXT: usize = 500;

/// A search by anything that a borrower may say.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct SearchBody {
    /// A number of a borrower, instalment, order or reminder, a link, a check code, a phone number or its last four
    /// digits, an e-mail address, or a whole name.
    #[schema(min_length = 1, max_length = 500)]
    text: String,
    /// Only borrowers of this merchant.
    merchant: Option<String>,
    /// At most so many; 10 by default.
    #[schema(minimum = 1, maximum = 50)]
    limit: Option<u32>,
    /// Show names whole; needs the action `reveal_addresses`.
    reveal: Option<bool>,
}

/// The borrowers who were found, the most exact matches first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FoundPage {
    borrowers: Vec<FoundItem>,
    /// Whether more match.
    has_more: bool,
}

/// A borrower who was found.
#[derive(Debug, Serialize, ToSchema)]
struct FoundItem {
    merchant: String,
    borrower: String,
    /// Where the borrower is shown.
    href: String,
    /// The first letter of the name; whole with `reveal`.
    name: Option<String>,
    /// The meaning of the text, for example `phone number` or `order number`.
    found_by: &'static str,
    /// The reminder that the text names.
    reminder: Option<i64>,
}

impl FoundItem {
    fn of(found: &FoundBorrower, reveal: bool) -> Self {
        Self {
            merchant: found.key.merchant.to_string(),
            borrower: found.key.id.to_string(),
            href: href(&found.key),
            name: found.name.as_ref().map(|name| shown_name(name, reveal)),
            found_by: found.kind.as_str(),
            reminder: found.reminder.map(|id| id.0),
        }
    }
}

/// The path of a borrower.
pub(super) fn href(key: &BorrowerKey) -> String {
    // Numbers may hold any letter.
    let encoded =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    format!("{PREFIX}/borrowers/{}/{}", encoded(key.merchant.as_str()), encoded(key.id.as_str()))
}

/// A name, or no more than its first letter.
fn shown_name(name: &PersonName, reveal: bool) -> String {
    match reveal {
        true => name.as_str().to_owned(),
        false => name.as_str().chars().take(1).chain(['…']).collect(),
    }
}

fn shown_address(address: Address, reveal: bool) -> String {
    if reveal { address.reveal().to_owned() } else { masked_address(&address) }
}

/// Refuses a wish to see personal data whole by a token that does not allow it.
pub(super) fn may_reveal(caller: &Caller, reveal: bool) -> Result<bool, Problem> {
    if reveal && !caller.allows(Action::RevealAddresses) {
        let text = format!("this token does not allow the action {}", Action::RevealAddresses);
        return Err(Problem::new(ProblemKind::Forbidden, text));
    }
    Ok(reveal)
}

/// Find borrowers
///
/// By anything that a borrower may say; all meanings of the text are tried. It is a POST so that no log of a front
/// server keeps an address; it changes nothing, needs no Idempotency-Key, and its answer is not kept.
#[utoipa::path(
    post, path = "/api/v1/borrowers/search", tag = "ledger", security(("token" = [])),
    request_body = SearchBody,
    responses(
        (status = 200, body = FoundPage),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn search(State(api): State<Api>, caller: Caller, body: JsonBody) -> Result<Json<FoundPage>, Problem> {
    let mut fields = body.fields()?;
    let text = fields.read("text", |text| {
        let length = text.trim().chars().count();
        if (1..=MAX_TEXT).contains(&length) {
            Ok(text.to_owned())
        } else {
            Err("text is empty or longer than 500 characters")
        }
    });
    let text = fields.require("text", text);
    let merchant = fields.text("merchant");
    let limit = fields.whole("limit", 1..=MAX_FOUND).unwrap_or(FOUND);
    let reveal = fields.flag("reveal");
    fields.finish()?;
    let reveal = may_reveal(&caller, reveal)?;
    let merchant = merchant.map(|id| caller.merchant(&api, &id)).transpose()?.map(|merchant| &merchant.id);
    let of_caller = api.app.policy.merchants.iter().filter(|(id, _)| caller.merchants().contains(*id));
    let merchants: BTreeMap<_, _> = of_caller.map(|(id, merchant)| (id.clone(), merchant.clone())).collect();
    let text = text.unwrap_or_default();
    let request = FindRequest { text: &text, merchants: &merchants, merchant, only: &[], limit };
    let found = api.patiently(find(api.store(), Some(&api.app.composer.links), &request)).await?;
    if reveal {
        let named = found.found.iter().filter(|one| one.name.is_some());
        let about: Vec<_> = named.map(|one| AuditSubject::borrower(&one.key)).collect();
        caller.record(&api, AuditAction::Reveal, &about).await?;
    }
    let borrowers = found.found.iter().map(|one| FoundItem::of(one, reveal)).collect();
    Ok(Json(FoundPage { borrowers, has_more: found.is_cut }))
}

/// A borrower with the instalments.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BorrowerView {
    merchant: String,
    borrower: String,
    /// The first letter; whole with `reveal`.
    name: Option<String>,
    /// The end of the number that messages go to; whole with `reveal`.
    phone: Option<String>,
    /// The first letter and the domain; whole with `reveal`.
    email: Option<String>,
    /// The end of the number that is bound to the mall account; whole with `reveal`.
    account_phone: Option<String>,
    language: Option<String>,
    time_zone: Option<String>,
    /// Whether the page can ask for something that only the borrower knows.
    has_verifier: bool,
    hold: Option<HoldView>,
    /// The preferred channel: `sms` or `email`.
    channel: Option<&'static str>,
    /// The preferred hours.
    hours: Option<String>,
    /// The first 200 by due date; `GET /api/v1/installments` lists all.
    installments: Vec<InstallmentView>,
    /// Whether there are more.
    has_more: bool,
}

impl BorrowerView {
    fn of(borrower: Borrower, installments: Vec<InstallmentView>, has_more: bool, reveal: bool) -> Self {
        Self {
            merchant: borrower.key.merchant.to_string(),
            borrower: borrower.key.id.to_string(),
            name: borrower.name.as_ref().map(|name| shown_name(name, reveal)),
            phone: borrower.phone.map(|phone| shown_address(Address::Phone(phone), reveal)),
            email: borrower.email.map(|email| shown_address(Address::Email(email), reveal)),
            account_phone: borrower.account_phone.map(|phone| shown_address(Address::Phone(phone), reveal)),
            language: borrower.locale.map(|locale| locale.to_string()),
            time_zone: borrower.time_zone.map(|zone| zone.name().to_owned()),
            has_verifier: borrower.verifier.is_some(),
            hold: borrower.hold.map(HoldView::of),
            channel: borrower.preferred_channel.map(Channel::as_str),
            hours: borrower.preferred_hours.map(|hours| hours.to_string()),
            installments,
            has_more,
        }
    }
}

/// Show a borrower
///
/// With the instalments. Name and addresses are masked; `reveal` shows them whole and needs the action
/// `reveal_addresses`.
#[utoipa::path(
    get, path = "/api/v1/borrowers/{merchant}/{borrower}", tag = "ledger", security(("token" = [])),
    params(
        ("merchant" = String, Path, description = "The merchant"),
        ("borrower" = String, Path, description = "The borrower's number"),
        ("reveal" = Option<bool>, Query, description = "Show name and addresses whole"),
    ),
    responses(
        (status = 200, body = BorrowerView),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    PathIds((merchant, borrower)): PathIds<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Json<BorrowerView>, Problem> {
    let mut fields = Fields::of_query(query.as_deref())?;
    let reveal = fields.flag("reveal");
    fields.finish()?;
    let reveal = may_reveal(&caller, reveal)?;
    let key = caller.borrower(&api, &merchant, &borrower)?;
    // The borrower in an account is the same for every day and channel.
    let account = api.patiently(api.store().account(&key, NaiveDate::default(), Channel::Sms)).await?;
    let borrower = account.borrower.ok_or_else(|| Problem::not_found("borrower"))?;
    if reveal {
        caller.record(&api, AuditAction::Reveal, &[AuditSubject::borrower(&key)]).await?;
    }
    let filter = InstallmentFilter { merchant: Some(key.merchant), borrower: Some(key.id), ..Default::default() };
    let (installments, next) = listed(&api, filter, 200).await?;
    Ok(Json(BorrowerView::of(borrower, installments, next.is_some(), reveal)))
}
