//! `/console/gateways`: the accounts at providers, and how they have been doing in the last day.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::Console;
use super::page::page;
use super::refusal::Refusal;
use super::staff::Staff;
use super::words::DeskWords;
use crate::config::GatewayConfig;
use crate::domain::GatewayName;
use crate::pipeline::GatewayHealth;
use crate::store::GATEWAY_STATE_KEPT;

#[derive(Serialize)]
struct GatewaysPage {
    gateways: Vec<GatewayView>,
}

#[derive(Serialize)]
struct GatewayView {
    name: String,
    kind: &'static str,
    channel: String,
    pace: Option<String>,
    health: String,
    /// `good` or `bad`.
    mark: &'static str,
    last_error: Option<String>,
}

/// Shows the page.
pub(super) async fn show(State(console): State<Console>, staff: Staff) -> Result<Response, Refusal> {
    let since = console.app.clock.now() - GATEWAY_STATE_KEPT;
    let states = console.patiently(console.store().gateway_states(since)).await?;
    let words = staff.words(&console);
    let config = &console.app.config;
    let view = |(name, gateway): (&GatewayName, &GatewayConfig)| {
        let pace = config.rates.get(name).map(|rate| rate.per_second);
        GatewayView::of(name, gateway, pace, &GatewayHealth::of(name, &states), &words)
    };
    let gateways = config.gateways.iter().map(view).collect();
    Ok(page(StatusCode::OK, "gateways.html", &staff.frame(), GatewaysPage { gateways }))
}

impl GatewayView {
    fn of(
        name: &GatewayName,
        gateway: &GatewayConfig,
        per_second: Option<u32>,
        health: &GatewayHealth,
        words: &DeskWords,
    ) -> Self {
        let (told, mark) = match health.open_since {
            Some(since) => (words.say("gateway_paused", &[("since", &words.time(since))]), "bad"),
            None => (words.say("gateway_well", &[]), "good"),
        };
        let last_error = health.last_error.as_ref();
        Self {
            name: name.to_string(),
            kind: gateway.kind(),
            channel: words.channel(gateway.channel()),
            pace: per_second.map(|count| words.say("gateway_pace", &[("count", &count.to_string())])),
            health: told,
            mark,
            last_error: last_error.map(|(code, at)| format!("{} · {code}", words.time(*at))),
        }
    }
}
