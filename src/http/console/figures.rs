//! `/console/figures`: what was sent in the last day and what came of it; and the funnel of a day.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::Console;
use super::chart::BarChart;
use super::page::page;
use super::refusal::Refusal;
use super::staff::Staff;
use super::words::DeskWords;
use crate::domain::GatewayName;
use crate::pipeline::{Activity, FunnelLine, GatewayActivity, HourActivity, funnel, funnel_day};

#[derive(Serialize)]
struct FiguresPage {
    zone: String,
    charts: Vec<BarChart>,
    hours: Vec<HourView>,
    skips: Vec<SkipView>,
    gateways: Vec<CostView>,
    /// Whether some cost may be higher than shown.
    has_least: bool,
}

#[derive(Serialize)]
struct HourView {
    hour: String,
    sent: u64,
    delivered: u64,
    failed: u64,
    unknown: u64,
}

#[derive(Serialize)]
struct SkipView {
    reason: String,
    count: u64,
}

#[derive(Serialize)]
struct CostView {
    gateway: String,
    messages: u64,
    cost: String,
}

#[derive(Serialize)]
struct FunnelPage {
    lines: Vec<FunnelView>,
}

#[derive(Serialize)]
struct FunnelView {
    merchant: String,
    route: Option<String>,
    step: String,
    channel: String,
    sent: u64,
    delivered: u64,
    clicked: u64,
    paid: u64,
}

/// Shows the figures of the last day.
pub(super) async fn show(State(console): State<Console>, staff: Staff) -> Result<Response, Refusal> {
    let (prices, now) = (&console.app.config.prices, console.app.clock.now());
    let wanted = |merchant: &_| staff.may_see(merchant);
    let activity = console.patiently(console.activity.last_day(console.store(), prices, wanted, now)).await?;
    let view = FiguresPage::of(&activity, &staff.words(&console));
    Ok(page(StatusCode::OK, "figures.html", &staff.frame(), view))
}

/// Shows how far the messages of a day brought borrowers.
pub(super) async fn funnel_page(State(console): State<Console>, staff: Staff) -> Result<Response, Refusal> {
    let (app, now) = (&console.app, console.app.clock.now());
    let seen = console.patiently(app.composer.routes.now(console.store(), &*app.clock)).await?;
    let mut lines = console.patiently(funnel(console.store(), &seen, funnel_day(now))).await?;
    lines.retain(|line| staff.may_see(&line.merchant));
    let words = staff.words(&console);
    let lines = lines.into_iter().map(|line| FunnelView::of(line, &words)).collect();
    Ok(page(StatusCode::OK, "funnel.html", &staff.frame(), FunnelPage { lines }))
}

impl FiguresPage {
    fn of(activity: &Activity, words: &DeskWords) -> Self {
        let hour = |one: &HourActivity| one.start.with_timezone(&words.zone).format("%m-%d %R").to_string();
        let chart = |name, count: fn(&HourActivity) -> u64| {
            BarChart::of(name, activity.hours.iter().map(|one| (hour(one), count(one))))
        };
        let mut skips: Vec<_> = activity.skips.iter().map(|(word, count)| SkipView::of(word, *count, words)).collect();
        skips.sort_by_key(|skip| std::cmp::Reverse(skip.count));
        Self {
            zone: words.zone.to_string(),
            charts: vec![
                chart("sent", |one| one.sent),
                chart("delivered", |one| one.delivered),
                chart("failed", |one| one.failed),
                chart("unknown", |one| one.unknown),
            ],
            hours: activity
                .hours
                .iter()
                .rev()
                .map(|one| HourView {
                    hour: hour(one),
                    sent: one.sent,
                    delivered: one.delivered,
                    failed: one.failed,
                    unknown: one.unknown,
                })
                .collect(),
            skips,
            has_least: activity.gateways.values().filter_map(|gateway| gateway.cost).any(|cost| cost.is_least),
            gateways: activity.gateways.iter().map(|(name, gateway)| CostView::of(name, gateway, words)).collect(),
        }
    }
}

impl SkipView {
    fn of(word: &str, count: u64, words: &DeskWords) -> Self {
        Self { reason: words.reason_word(word), count }
    }
}

impl CostView {
    fn of(name: &GatewayName, gateway: &GatewayActivity, words: &DeskWords) -> Self {
        let cost = gateway.cost.map_or_else(
            || words.say("cost_unknown", &[]),
            |cost| {
                let amount = format!("{} {}", cost.amount.round_dp(2), cost.currency.code());
                if cost.is_least { words.say("cost_least", &[("amount", &amount)]) } else { amount }
            },
        );
        Self { gateway: name.to_string(), messages: gateway.messages, cost }
    }
}

impl FunnelView {
    fn of(line: FunnelLine, words: &DeskWords) -> Self {
        Self {
            merchant: line.merchant.to_string(),
            route: line.route.map(|route| route.to_string()),
            step: words.step(&line.step),
            channel: words.channel(line.channel),
            sent: line.funnel.sent,
            delivered: line.funnel.delivered,
            clicked: line.funnel.clicked,
            paid: line.funnel.paid,
        }
    }
}
