//! `/api/v1/figures`: what was sent in the last day and what came of it, and the funnel of a day.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::fields::Fields;
use super::problem::{Problem, ProblemBody};
use crate::domain::{GatewayName, MerchantId};
use crate::pipeline::{FunnelLine, GatewayActivity, HourActivity, MessageCost, funnel, funnel_day};

/// The messages of the last 24 hours.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Figures {
    /// The merchants whose messages are counted.
    merchants: BTreeSet<String>,
    /// Each hour, the oldest first; the last is the present one.
    hours: Vec<HourFigures>,
    /// Reminders that were not sent, by reason.
    skips: Vec<SkipFigure>,
    /// The messages of each gateway.
    gateways: Vec<GatewayFigures>,
}

/// The counts of an hour.
#[derive(Debug, Serialize, ToSchema)]
struct HourFigures {
    start: DateTime<Utc>,
    /// Messages that a gateway took over.
    sent: u64,
    /// Receipts of messages that arrived.
    delivered: u64,
    /// Messages that were refused for good, and receipts of messages that did not arrive.
    failed: u64,
    /// Attempts of which nobody knows whether they sent the message.
    unknown: u64,
}

/// Reminders that were not sent for one reason.
#[derive(Debug, Serialize, ToSchema)]
struct SkipFigure {
    /// For example `paid` or `opted_out`.
    reason: String,
    count: u64,
}

/// The messages that a gateway took over.
#[derive(Debug, Serialize, ToSchema)]
struct GatewayFigures {
    gateway: String,
    messages: u64,
    /// `null` if the config names no price.
    cost: Option<CostFigure>,
}

/// The cost of messages.
#[derive(Debug, Serialize, ToSchema)]
struct CostFigure {
    /// As a text; it may be finer than the currency's smallest coin.
    amount: String,
    currency: &'static str,
    /// Whether it may be more: the provider bills each part of a message, and each message counts as one part here.
    is_least: bool,
}

/// How far the messages of a day brought borrowers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FunnelFigures {
    /// The messages were sent from this instant on.
    from: DateTime<Utc>,
    /// They were sent before this one.
    until: DateTime<Utc>,
    /// By way to repay, step and channel.
    lines: Vec<FunnelFigure>,
}

/// The messages of one step that lead to one way to repay.
#[derive(Debug, Serialize, ToSchema)]
struct FunnelFigure {
    merchant: String,
    /// The way to repay; `null` if there is none.
    route: Option<String>,
    /// The rule and the day, for example `due-soon/-3`, or `manual/1`.
    step: String,
    /// `sms` or `email`.
    channel: &'static str,
    sent: u64,
    delivered: u64,
    /// From whose page the borrower went a way to repay.
    clicked: u64,
    /// About a due date of which nothing is open now, and something is paid.
    paid: u64,
}

impl From<&HourActivity> for HourFigures {
    fn from(hour: &HourActivity) -> Self {
        let HourActivity { start, sent, delivered, failed, unknown } = *hour;
        Self { start, sent, delivered, failed, unknown }
    }
}

impl GatewayFigures {
    fn of(name: &GatewayName, activity: &GatewayActivity) -> Self {
        let cost = activity.cost.map(|MessageCost { amount, currency, is_least }| CostFigure {
            amount: amount.normalize().to_string(),
            currency: currency.code(),
            is_least,
        });
        Self { gateway: name.to_string(), messages: activity.messages, cost }
    }
}

impl From<FunnelLine> for FunnelFigure {
    fn from(line: FunnelLine) -> Self {
        Self {
            merchant: line.merchant.to_string(),
            route: line.route.map(|route| route.to_string()),
            step: line.step.to_string(),
            channel: line.channel.as_str(),
            sent: line.funnel.sent,
            delivered: line.funnel.delivered,
            clicked: line.funnel.clicked,
            paid: line.funnel.paid,
        }
    }
}

/// The merchants of a query without other parameters.
fn merchants(api: &Api, caller: &Caller, query: Option<&str>) -> Result<BTreeSet<MerchantId>, Problem> {
    let mut fields = Fields::of_query(query)?;
    let merchants = caller.merchants_of_query(api, &mut fields);
    fields.finish()?;
    merchants
}

/// Show the figures of the last day
///
/// By hour, with the reasons for what was not sent, and the cost. The counts of hours that ended two hours ago are up
/// to 15 minutes old.
#[utoipa::path(
    get, path = "/api/v1/figures", tag = "figures", security(("token" = [])),
    params(("merchant" = Option<String>, Query, description = "Only of this merchant; all of the token by default")),
    responses(
        (status = 200, body = Figures),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Figures>, Problem> {
    let merchants = merchants(&api, &caller, query.as_deref())?;
    let (prices, now) = (&api.app.config.prices, api.app.clock.now());
    let is_wanted = |merchant: &_| merchants.contains(merchant);
    let activity = api.patiently(api.activity.last_day(api.store(), prices, is_wanted, now)).await?;
    let skips = activity.skips.into_iter().map(|(reason, count)| SkipFigure { reason, count });
    let gateways = activity.gateways.iter().map(|(name, gateway)| GatewayFigures::of(name, gateway));
    Ok(Json(Figures {
        merchants: merchants.iter().map(ToString::to_string).collect(),
        hours: activity.hours.iter().map(HourFigures::from).collect(),
        skips: skips.collect(),
        gateways: gateways.collect(),
    }))
}

/// Show the funnel of a day
///
/// Of the messages that were sent in 24 hours up to three days ago: how many arrived, how many borrowers went a way to
/// repay, and how many paid.
#[utoipa::path(
    get, path = "/api/v1/figures/funnel", tag = "figures", security(("token" = [])),
    params(("merchant" = Option<String>, Query, description = "Only of this merchant; all of the token by default")),
    responses(
        (status = 200, body = FunnelFigures),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show_funnel(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<FunnelFigures>, Problem> {
    let merchants = merchants(&api, &caller, query.as_deref())?;
    let day = funnel_day(api.app.clock.now());
    let _turn = api.survey_turn().await?;
    let seen = api.patiently(api.app.composer.routes.now(api.store(), &*api.app.clock)).await?;
    let mut lines = api.patiently(funnel(api.store(), &seen, day.clone())).await?;
    lines.retain(|line| merchants.contains(&line.merchant));
    let lines = lines.into_iter().map(FunnelFigure::from).collect();
    Ok(Json(FunnelFigures { from: day.start, until: day.end, lines }))
}
