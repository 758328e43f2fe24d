//! `/api/v1/forecast`: what the coming days bring.

use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};

use super::Api;
use super::caller::Caller;
use super::fields::Fields;
use super::problem::{Problem, ProblemBody, ProblemKind};
use crate::pipeline::{ForecastView, Outlook, forecast, forecast_notes};

/// How many days are forecast, today included, unless the query says otherwise.
const DAYS: u32 = 30;

/// The most that may be.
const MAX_DAYS: u32 = 366;

/// How long a forecast may take, with its wait for another one: less than a request may.
const PATIENCE: Duration = Duration::from_secs(12);

/// Forecast the coming days
///
/// As `dueherald forecast`: what the rules will send by the ledger of now, day by day. One forecast is made at a time.
#[utoipa::path(
    get, path = "/api/v1/forecast", tag = "forecast", security(("token" = [])),
    params(
        ("merchant" = Option<String>, Query, description = "Only of this merchant; all of the token by default"),
        ("days" = Option<u32>, Query, minimum = 1, maximum = 366,
            description = "So many days, today included; 30 by default"),
    ),
    responses(
        (status = 200, body = ForecastView),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<ForecastView>, Problem> {
    let mut fields = Fields::of_query(query.as_deref())?;
    let merchants = caller.merchants_of_query(&api, &mut fields);
    let days = fields.number("days", 1..=MAX_DAYS).unwrap_or(DAYS);
    fields.finish()?;
    let merchants = merchants?;
    let made = async {
        let _turn = api.survey_turn().await?;
        let (app, now) = (&api.app, api.app.clock.now());
        let span = app.forecast_span(now, u16::try_from(days).unwrap_or(u16::MAX)).await?;
        let span = span.ok_or_else(|| Problem::new(ProblemKind::Failed, "the clock of the daemon is wrong"))?;
        let gateways = app.forecast_gateways(Some(&merchants));
        let (store, policy, composer) = (api.store(), &app.policy, &app.composer);
        let of = Outlook { store, policy, composer, outlets: &gateways, merchants: Some(&merchants) };
        let forecast = forecast(of, span).await?;
        let notes = forecast_notes(store, policy, Some(&merchants)).await?;
        Ok(Json(ForecastView::of(&forecast, &gateways, notes)))
    };
    tokio::select! {
        made = made => made,
        () = api.app.clock.sleep(PATIENCE) => {
            let text = "the forecast took too long; ask for fewer days, or use the command dueherald forecast";
            Err(Problem::new(ProblemKind::Unavailable, text).after(PATIENCE))
        }
    }
}
